# SPDX-License-Identifier: MIT
"""Hosts that are dead, and those beside them that are not."""
import contextlib
import itertools
import socket

from origin import Origin, page, reset

# A fetch that failed is tried again much later than the test has patience.
LATER = {"max_attempts": 4, "base": "10m", "max_delay": "10m"}


def dead_port(stack):
    """Nobody listens, and nobody else gets it."""
    held = stack.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    return held.getsockname()[1]


def test_dead_hosts_do_not_hold_up_the_living(jobs):
    """20 of 24 are dead, with most of the URLs, and they come first: the others are done."""
    with contextlib.ExitStack() as stack:
        living = [stack.enter_context(Origin()) for _ in range(4)]
        dead = [dead_port(stack) for _ in range(20)]
        urls = [f"http://127.0.0.1:{port}/{n}" for n in range(50) for port in dead]
        for origin in living:
            urls += [origin.at(f"/{n}", page(f"<title>{n}</title>")) for n in range(100)]
        job = jobs.submit("scrape", {"urls": urls, "concurrency": 8, "retry": LATER})
        for origin in living:
            origin.wait_for_total(100)
        # The dead are still being tried: the job is not over, and says what is in flight.
        got = jobs.job(job["id"])
        assert got["state"] == "running"
        assert 0 < got["progress"]["details"]["in_flight"] <= 20 + 8
        jobs.move(job["id"], "cancel")


def test_a_host_that_comes_back_is_done_to_its_end(jobs, origin):
    """What was put off for a silence goes on with the first answer: four fail, 56 do not."""
    tries = itertools.count()

    def act(request):
        (reset() if next(tries) < 4 else page())(request)
    with Origin() as other:
        urls = [origin.at(f"/{n}", act) for n in range(60)]
        urls += [other.at(f"/{n}", page()) for n in range(20)]
        job = jobs.run("scrape", {"urls": urls, "concurrency": 8, "retry": {"max_attempts": 1}})
    hosts = {host["host"]: (host["succeeded"], host["failed"]) for host in job["summary"]["hosts"]}
    assert hosts == {origin.key: (56, 4), other.key: (20, 0)}


def test_what_a_breaker_refuses_is_no_silence(jobs):
    """on_open fail: hundreds of URLs of a dead host end at once, though another is being crawled."""
    with contextlib.ExitStack() as stack:
        other, port = stack.enter_context(Origin()), dead_port(stack)
        urls = [f"http://127.0.0.1:{port}/{n}" for n in range(500)]
        urls += [other.at(f"/{n}", page()) for n in range(20)]
        job = jobs.run("scrape", {"urls": urls, "concurrency": 8, "retry": {"max_attempts": 1},
                                  "breaker": {"on_open": "fail"}})
        assert job["counts"] == {"items": 520, "failed": 500}
        assert job["summary"]["failed_by"]["circuit-open"] >= 480
