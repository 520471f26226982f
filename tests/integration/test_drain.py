# SPDX-License-Identifier: MIT
"""SIGTERM: new work is refused, running work yields, and goes on after the restart."""
import signal

import pytest
from client import Client, read_answer

SUM = {"type": "math", "spec": {"op": "sum", "numbers": [1]}}


def test_running_jobs_yield_and_go_on(start_daemon, origin):
    """Exit 0; what was done stays done, and the attempt is not used up."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    origin.at("/held", lambda request: origin.released.wait(60))
    urls = [f"{origin.url}/{n}" for n in range(20)] + [origin.url + "/held"]
    crawl = daemon.client.submit("scrape", {"urls": urls, "concurrency": 1, "per_host": 1})
    nap = daemon.client.submit("sleep", {"for": "300ms"})
    origin.wait_for("/held")
    daemon.stop()
    origin.released.set()
    origin.at("/held", lambda request: request.send_error(404))
    daemon.start()
    job = daemon.client.ended(crawl["id"])
    assert job["state"] == "completed"
    assert [origin.count(f"/{n}") for n in range(20)] == [1] * 20
    assert len(daemon.client.results(crawl["id"])) == 21
    assert daemon.client.ended(nap["id"])["state"] == "completed"
    states = [a["state"] for a in daemon.client.attempts(crawl["id"])]
    assert states == ["interrupted", "completed"]


def test_a_drain_costs_no_attempt(start_daemon):
    """max_attempts 1, interrupted twice: it still completes."""
    daemon = start_daemon()
    job = daemon.client.submit("sleep", {"for": "1s"}, retry={"max_attempts": 1})
    for _ in range(2):
        daemon.client.reached(job["id"], "running")
        daemon.restart()
    ended = daemon.client.ended(job["id"])
    assert ended["state"] == "completed"


def test_while_draining_new_work_is_refused(start_daemon):
    """503 with Retry-After on connections that are still open; health still answers."""
    daemon = start_daemon("--drain-timeout", "60s")
    blocked = daemon.client.submit("sleep", {"for": "1h", "block": True})
    daemon.client.reached(blocked["id"], "running")
    submit, ready, live, first = (daemon.client.connect() for _ in range(4))
    head = b"HTTP/1.1\r\nHost: localhost\r\n"
    for connection in (submit, ready, live, first):
        connection.sendall(b"GET /livez " + head + b"\r\n")
        assert read_answer(connection)[0] == 200
    with daemon.client.stream(f"/v1/jobs/{blocked['id']}/events") as stream:
        daemon.signal(signal.SIGTERM)
        daemon.log.wait_for("msg=draining")
        status = 200
        while status == 200:  # the line is written a moment before the drain begins
            first.sendall(b"GET /readyz " + head + b"\r\n")
            status = read_answer(first)[0]
        body = b'{"type":"math","spec":{"op":"sum","numbers":[]}}'
        submit.sendall(b"POST /v1/jobs " + head
                       + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = submit.recv(65536)
        if answer:  # the drain may have ended before it was read
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: " in answer
            assert b"/errors/draining" in answer
        list(stream.lines())  # ends
    assert daemon.wait() == 0
    for connection in (submit, ready, live):
        connection.close()
    daemon.start()
    assert Client(daemon.url).job(blocked["id"])["state"] in ("pending", "running")
    daemon.client.move(blocked["id"], "cancel")


def test_a_waiting_client_is_told(start_daemon):
    """A long poll does not hold the drain up: it gets an answer."""
    daemon = start_daemon()
    job = daemon.client.submit("sleep", {"for": "1h"})
    with daemon.client.connect() as connection:
        connection.sendall(b"GET /v1/jobs/%s?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n"
                           % job["id"].encode())
        daemon.client.reached(job["id"], "running")
        daemon.signal(signal.SIGTERM)
        assert read_answer(connection)[0] in (200, 503)
    assert daemon.wait() == 0


def test_a_second_signal_stops_now(start_daemon):
    """A follower that never goes away holds the drain; the second SIGTERM ends it."""
    daemon = start_daemon("--drain-timeout", "1h")
    job = daemon.client.submit("sleep", {"for": "1h"})
    with daemon.client.connect() as half_sent:
        half_sent.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        daemon.client.reached(job["id"], "running")
        daemon.signal(signal.SIGTERM)
        daemon.log.wait_for("msg=draining")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() in (0, -signal.SIGTERM)
    daemon.start()
    assert daemon.client.job(job["id"])["state"] in ("pending", "running")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_with_exit_0(start_daemon, number):
    """Either signal; the log says so."""
    daemon = start_daemon()
    daemon.signal(number)
    assert daemon.wait() == 0
    assert "msg=stopped" in str(daemon.log)


def test_readyz_tells_that_jobs_are_taken(jobs):
    """While it runs: 200."""
    assert jobs.get("/readyz").json() == {"status": "ok"}
    assert jobs.get("/livez").json() == {"status": "ok"}
