# SPDX-License-Identifier: MIT
"""Pipelines into a server: batches, retries, kill -9, and a server that is slow."""
import collections
import json
import pathlib
import time

import pytest
from daemon import SANITIZED
from origin import hang, page, status
from test_pipeline import flow, pipeline


def batches(origin):
    """What came under each key; batches that came twice are the same."""
    came = {}
    for _, headers, body in origin.posted:
        key = headers["Idempotency-Key"]
        assert came.setdefault(key, body) == body
    return {key: [json.loads(line) for line in body.splitlines()] for key, body in came.items()}


def sink(origin, path="/in", **more):
    return {"name": "out", "sink": {"url": origin.url + path, **more}}


def test_a_sink_takes_all_records_in_batches(jobs, origin):
    """5,500 records of one part: six batches, in their order by key; no results."""
    origin.otherwise = page("")
    job = jobs.run("pipeline", {"input": {"range": {"from": 1, "to": 5500}},
                                "stages": [{"map": "return {n = r}"}, sink(origin)]})
    came = batches(origin)
    assert [len(came[f"{job['id']}-s1-p0-b{n}"]) for n in range(6)] == [1000] * 5 + [500]
    assert sorted(r["n"] for batch in came.values() for r in batch) == list(range(1, 5501))
    assert flow(job)[1] == ("out", 5500, 5500, 0, 0)
    assert jobs.results(job["id"]) == []
    assert origin.posted[0][1]["Content-Type"] == "application/x-ndjson"


def test_a_flaky_server_gets_a_batch_again(jobs, origin):
    """500 twice: the same batch under the same key; one that is refused fails as a whole."""
    origin.at("/in", status(500), status(500), page(""))
    retry = {"base": "1ms", "max_delay": "5ms"}
    job = jobs.run("pipeline", pipeline({**sink(origin), "retry": retry}, items=[1, 2]))
    assert len(origin.posted) == 3 and list(batches(origin).values()) == [[1, 2]]
    assert flow(job) == [("out", 2, 2, 0, 0)]
    origin.at("/in", status(400))
    job = jobs.run("pipeline", pipeline({**sink(origin), "on_error": "dead_letter"}, items=[1, 2]))
    assert flow(job) == [("out", 2, 0, 2, 0)] and job["counts"]["failed"] == 2
    error, = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert error["stage"] == "out" and error["error"]["type"] == "http-4xx"


def test_a_killed_pipeline_delivers_each_batch(start_daemon, origin):
    """kill -9 while batches come: all records, and those that came twice came under one key."""
    origin.otherwise = page("", latency_s=0.01)
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    daemon.client.ask("PUT", "/v1/files/n.ndjson", b"".join(b'{"n":%d}\n' % n for n in range(60000)))
    spec = {"input": {"file": "n.ndjson"}, "chunk_size": "64KiB", "stages": [sink(origin, size=500)]}
    job = daemon.client.submit("pipeline", spec)
    origin.wait_for("/in", 40)
    daemon.kill()
    daemon.start()
    job = daemon.client.ended(job["id"])
    assert job["state"] == "completed" and job["summary"]["adds_up"]
    assert flow(job) == [("out", 60000, 60000, 0, 0)]
    numbers = collections.Counter(r["n"] for batch in batches(origin).values() for r in batch)
    assert numbers == collections.Counter(range(60000))


def rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_a_slow_server_slows_down_the_input(start_daemon, origin):
    """10 GB into 1 MB/s: memory stays flat, little is read ahead, and a cancel ends it at once."""
    def act(request):
        time.sleep(len(request.sent) / 1e6)
        origin.posted.clear()
        page("")(request)

    origin.at("/in", act)
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    spec = {"input": {"range": {"from": 1, "to": 100 * 1000 * 1000}},
            "stages": [{"map": "return {n = r, text = ('x'):rep(90)}"},
                       {**sink(origin, bytes="100KB"), "workers": 1}]}
    job = daemon.client.submit("pipeline", spec)
    most = 0
    for count in range(5, 45, 5):
        origin.wait_for("/in", count)
        most = max(most, rss_kib(daemon.process.pid))
    assert most < (512 if SANITIZED else 64) * 1024
    begun = time.monotonic()
    daemon.client.move(job["id"], "cancel")
    assert daemon.client.ended(job["id"])["state"] == "cancelled"
    assert time.monotonic() - begun < 20  # of the hours that are left


def test_a_hanging_server_does_not_keep_a_cancelled_job(jobs, origin):
    """A request without an answer ends with its job."""
    origin.at("/in", hang(origin))
    job = jobs.submit("pipeline", pipeline(sink(origin), items=[1]))
    origin.wait_for("/in")
    jobs.move(job["id"], "cancel")
    assert jobs.ended(job["id"])["state"] == "cancelled"


@pytest.mark.parametrize("header", ["Content-Type", "idempotency-key"])
def test_a_sink_has_header_fields_of_its_own(jobs, header):
    """Which a spec does not set; nor are there members of a record in a batch's URL."""
    answer = jobs.post("/v1/jobs", {"type": "pipeline", "spec": pipeline(
        {"sink": {"url": "http://127.0.0.1/{id}", "headers": {header: "x"}}})})
    assert answer.pointers == [f"/spec/stages/0/sink/headers/{header}", "/spec/stages/0/sink"]
