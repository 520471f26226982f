# SPDX-License-Identifier: MIT
"""Events: the same log for who stayed, who came back and who came late."""
import subprocess
import time

import pytest
from client import FINAL, PATIENCE_S


def held_crawl(jobs, origin, pages=5):
    """A crawl whose last page waits for origin.released."""
    def hold(request):
        origin.released.wait(60)
        request.send_error(404)
    urls = [f"{origin.url}/{n}" for n in range(pages)] + [origin.at("/held", hold)]
    return jobs.submit("scrape", {"urls": urls, "concurrency": 1, "per_host": 1})["id"]


def sse(jobs, path, **headers):
    with jobs.stream(path, "text/event-stream", headers) as stream:
        assert stream.status == 200
        return list(stream.sse())


def test_a_stream_of_a_job_ends_with_the_job(jobs):
    """pending, running, completed, and the end as the last event."""
    job = jobs.run("sleep", {"for": "50ms"})
    events = jobs.events(job["id"])
    states = [e["data"]["state"] for e in events if e["type"] == "state"]
    assert states == ["pending", "running", "completed"]
    assert events[-1]["type"] == "end"
    assert events[-1]["data"] == {"state": "completed"}
    assert {e["job"] for e in events} == {job["id"]}
    seqs = [e["seq"] for e in events]
    assert seqs == sorted(set(seqs))


def test_the_stream_of_a_retried_job_has_every_attempt(jobs):
    """An end that a retry took back does not end the stream; the last one does."""
    job = jobs.run("sleep", {"for": "0s", "fail_rate": 1}, retry={"max_attempts": 1})
    for _ in range(12):
        assert jobs.move(job["id"], "retry").status == 200
        assert jobs.ended(job["id"])["state"] == "failed"
    events = jobs.events(job["id"])
    assert [e["data"]["state"] for e in events if e["type"] == "end"] == ["failed"] * 13
    assert events[-1]["type"] == "end"


def test_sse_says_the_same_as_lines(jobs):
    """id: is the seq, event: the type, data: the event."""
    job = jobs.run("sleep", {"for": "50ms"})
    path = f"/v1/jobs/{job['id']}/events"
    lines = jobs.events(job["id"])
    assert sse(jobs, path) == [(e["seq"], e["type"], e) for e in lines]


def test_the_headers_keep_proxies_from_buffering(jobs):
    """no-transform, no buffering, and a time to reconnect after."""
    job = jobs.run("sleep", {"for": "0s"})
    with jobs.stream(f"/v1/jobs/{job['id']}/events", "text/event-stream") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert next(stream.lines()).startswith("retry: ")


def test_a_live_stream_equals_a_replay(jobs, origin):
    """Who was there from the start and who comes afterwards see the same events."""
    job_id = held_crawl(jobs, origin)
    path = f"/v1/jobs/{job_id}/events"
    with jobs.stream(path, "text/event-stream") as stream:
        live = stream.sse()
        seen = [next(live)]
        origin.wait_for("/held")
        origin.released.set()
        seen += list(live)
    assert seen == sse(jobs, path)


def test_a_stream_goes_on_after_the_last_event_that_was_seen(jobs, origin):
    """Last-Event-ID (and ?after=): each event exactly once, wherever the cut was."""
    origin.released.set()
    job_id = held_crawl(jobs, origin)
    jobs.ended(job_id)
    path = f"/v1/jobs/{job_id}/events"
    whole = sse(jobs, path)
    for cut in range(1, len(whole)):
        last = whole[cut - 1][0]
        assert sse(jobs, path, **{"Last-Event-ID": str(last)}) == whole[cut:]
        assert sse(jobs, f"{path}?after={last}") == whole[cut:]


def test_reconnecting_at_the_end_gets_204(jobs):
    """An EventSource that has seen all of it stops."""
    job = jobs.run("sleep", {"for": "0s"})
    path = f"/v1/jobs/{job['id']}/events"
    last = jobs.events(job["id"])[-1]["seq"]
    answer = jobs.get(path, {"Last-Event-ID": str(last), "Accept": "text/event-stream"})
    assert (answer.status, answer.body) == (204, b"")
    assert jobs.get(f"{path}?after={last}").status == 204


def test_progress_is_told_while_a_job_runs(jobs, origin):
    """done and total, before the end."""
    job_id = held_crawl(jobs, origin)
    with jobs.stream(f"/v1/jobs/{job_id}/events") as stream:
        for event in stream.values():
            assert event["type"] != "end"
            if event["type"] == "progress" and event["data"]["done"] >= 5:
                break
        assert event["data"]["total"] == 6
    live = jobs.job(job_id)["progress"]
    assert (live["done"], live["total"]) == (5, 6)
    origin.released.set()
    assert jobs.ended(job_id)["state"] == "completed"


def test_a_rate_fades_while_nothing_comes(jobs, origin):
    """A crawl that waits for its last page does not go on to promise an early end."""
    job_id = held_crawl(jobs, origin)
    with jobs.stream(f"/v1/jobs/{job_id}/events") as stream:
        next(e for e in stream.values() if e["type"] == "progress" and e["data"]["done"] >= 5)
    first = jobs.job(job_id)["progress"]
    end = time.monotonic() + PATIENCE_S
    while (later := jobs.job(job_id)["progress"])["rate"] > 0.5:
        assert time.monotonic() < end, later
    assert later["done"] == first["done"] == 5
    assert later["eta_ms"] > 1000
    jobs.move(job_id, "cancel")
    origin.released.set()


def test_curl_returns_when_the_job_has_ended(jobs):
    """curl -N on a stream needs no Ctrl-C."""
    job = jobs.submit("sleep", {"for": "100ms"})
    run = subprocess.run(
        ["curl", "-sN", "--max-time", "60", "-H", "Accept: text/event-stream",
         f"{jobs.url}/v1/jobs/{job['id']}/events"], capture_output=True, text=True, check=True)
    assert run.stdout.rstrip().splitlines()[-1].startswith("data: ")
    assert '"type":"end"' in run.stdout


def test_the_stream_of_all_jobs_tells_of_each(jobs):
    """/v1/events from now on, and from a seq on; filtered by type."""
    with jobs.stream("/v1/events", "text/event-stream") as stream:
        assert stream.status == 200
        next(stream.lines())  # retry: the stream is live
        ids = [jobs.submit("sleep", {"for": "0s"})["id"] for _ in range(3)]
        ended, live = set(), []
        for seq, kind, event in stream.sse():
            live.append((seq, kind, event))
            if kind == "end":
                ended.add(event["job"])
            if ended >= set(ids):
                break
    first = live[0][0]
    with jobs.stream(f"/v1/events?after={first - 1}&type=end&type=state") as stream:
        replay = []
        for event in stream.values():
            replay.append(event)
            if event["seq"] >= live[-1][0]:
                break
    assert replay == [event for _, kind, event in live if kind in ("end", "state")]


def test_events_survive_a_restart(start_daemon):
    """What was told before the restart is told again, with the same seqs; new ones go on."""
    daemon = start_daemon()
    job = daemon.client.run("sleep", {"for": "30ms"})
    before = daemon.client.events(job["id"])
    daemon.restart()
    assert daemon.client.events(job["id"]) == before
    later = daemon.client.run("sleep", {"for": "0s"})
    assert daemon.client.events(later["id"])[0]["seq"] > before[-1]["seq"]


def test_a_hundred_followers_all_see_the_end(jobs):
    """Many streams of one job, and none misses its end."""
    job = jobs.submit("sleep", {"for": "1h"})
    path = f"/v1/jobs/{job['id']}/events"
    streams = [jobs.stream(path, "text/event-stream") for _ in range(100)]
    jobs.move(job["id"], "cancel")
    for stream in streams:
        with stream:
            assert list(stream.sse())[-1][2]["data"] == {"state": "cancelled"}


@pytest.mark.parametrize("end", FINAL)
def test_each_end_is_told(jobs, end):
    """completed, failed, cancelled: the end event says which."""
    if end == "cancelled":
        job = jobs.submit("sleep", {"for": "1h"})
        jobs.move(job["id"], "cancel")
    else:
        job = jobs.run("sleep", {"for": "0s", "fail_rate": int(end == "failed")},
                       retry={"max_attempts": 1})
    assert jobs.events(job["id"])[-1]["data"] == {"state": end}
