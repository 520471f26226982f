# SPDX-License-Identifier: MIT
"""Many connections at once, on raw sockets."""
import resource

import pytest
from client import read_answer

FILES_MAX = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_MAX, 4096), FILES_MAX))
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("count", [64, 255, 256, 257, 1000])
def test_every_connection_is_served(jobs, count):
    """No number of connections is a cliff: all are open, all ask, all are answered, thrice."""
    if count > FILES_MAX // 4:
        pytest.skip(f"only {FILES_MAX} file descriptors are allowed here")
    connections = [jobs.connect() for _ in range(count)]
    try:
        for _ in range(3):
            for connection in connections:
                connection.sendall(GET)
            for connection in connections:
                assert read_answer(connection) == (200, b'{"status":"ok"}')
    finally:
        for connection in connections:
            connection.close()


def test_connections_beyond_the_limit_are_told(start_daemon):
    """503 with Retry-After, and those that are open go on."""
    daemon = start_daemon("--connections-max", "16")
    first = [daemon.client.connect() for _ in range(16)]
    for connection in first:
        connection.sendall(GET)
        assert read_answer(connection)[0] == 200
    refused = daemon.client.raw(GET)
    assert refused == b"" or refused.startswith(b"HTTP/1.1 503 ")
    for connection in first:
        connection.sendall(GET)
        assert read_answer(connection)[0] == 200
        connection.close()


def test_clients_that_leave_early_leave_nothing_behind(jobs):
    """Gone in the middle of a head, a body, an answer, a stream: the daemon goes on."""
    job = jobs.submit("sleep", {"for": "1h"})
    events = f"GET /v1/jobs/{job['id']}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    waiting = events.replace(b"/events", b"?wait=60s")
    halves = (b"GET /v1", b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
              events, waiting, GET)
    for half in halves * 20:
        connection = jobs.connect()
        connection.sendall(half)
        connection.close()
    assert jobs.move(job["id"], "cancel").status == 200
    assert jobs.run("math", {"op": "sum", "numbers": [1]})["state"] == "completed"


def test_a_connection_is_kept_for_the_next_request(jobs):
    """Submits and questions on one connection, refusals in between."""
    body = b'{"type":"math","spec":{"op":"sum","numbers":[1]}}'
    post = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
    with jobs.connect() as connection:
        for request, status in ((post % (len(body), body), 202), (post % (1, b"{"), 400),
                                (GET.replace(b"/livez", b"/nothing"), 404),
                                (post % (2, b"{}"), 422), (post % (len(body), body), 202)):
            connection.sendall(request)
            assert read_answer(connection)[0] == status
