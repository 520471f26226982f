# SPDX-License-Identifier: MIT
"""Results as a named file: whole or not there, the same bytes however the job went."""
import gzip

import pytest
from test_pipeline import RECORDS, pipeline


def written(client, name):
    answer = client.get(f"/v1/files/{name}")
    assert answer.status == 200, answer
    return answer.body


@pytest.mark.parametrize("name, more, expected", [
    ("a/out.ndjson", {}, b'{"id":1,"t":"x"}\n{"id":2,"t":"a,b"}\n'),
    ("out.json", {}, b'[{"id":1,"t":"x"},{"id":2,"t":"a,b"}]'),
    ("out.csv", {}, b'id,t\r\n1,x\r\n2,"a,b"\r\n'),
    ("out.dat", {"format": "csv"}, b'id,t\r\n1,x\r\n2,"a,b"\r\n'),
])
def test_results_are_written_too(jobs, name, more, expected):
    """The name says the format unless the spec does; the results are there as well."""
    items = [{"id": 1, "t": "x"}, {"id": 2, "t": "a,b"}]
    job = jobs.run("pipeline", pipeline(items=items, output={"file": name, **more}))
    assert job["state"] == "completed", job
    assert jobs.results(job["id"]) == items
    assert b"".join(written(jobs, name).split()) == b"".join(expected.split())


def test_what_barriers_give_is_written_compressed(jobs):
    """Of a small input, whose groups are shown when the job completes."""
    job = jobs.run("pipeline", pipeline(
        {"reduce": {"group_by": ["category"], "aggregates": {"n": "count"}}},
        items=RECORDS, output={"file": "groups.ndjson.gz"}))
    assert job["state"] == "completed", job
    assert gzip.decompress(written(jobs, "groups.ndjson.gz")) == (
        b'{"category":"A","n":3}\n{"category":"B","n":2}\n')


def test_a_failed_job_writes_nothing(jobs):
    """Neither one whose record fails, nor one whose record fits no column."""
    job = jobs.run("pipeline", pipeline({"set": {"x": "1 // (id - 3)"}}, output={"file": "no.csv"}))
    assert job["state"] == "failed"
    job = jobs.run("pipeline", pipeline(items=[{"a": 1}, {"a": 1, "b": 2}], output={"file": "no.csv"}))
    assert job["state"] == "failed" and job["attempt"] == 1
    assert job["error"]["detail"].startswith("output, record 2: ") and "b" in job["error"]["detail"]
    assert jobs.get("/v1/files/no.csv").status == 404


def test_a_bad_name_is_told_at_submit(jobs):
    """It would lead out of the files."""
    answer = jobs.post("/v1/jobs", {"type": "pipeline",
                                    "spec": pipeline(output={"file": "../x.csv"})})
    assert answer.status == 422 and answer.pointers == ["/spec/output/file"]


def test_a_killed_pipeline_writes_the_same(start_daemon):
    """kill -9 in the middle: the file is not there, and then what an undisturbed job writes."""
    slow = {"map": "local t = {} for i = 1, 20 do t[i] = (r * i) % 7 end return {n = r, s = t}"}
    spec = {"input": {"range": {"from": 1, "to": 300 * 1000}},
            "stages": [slow, {"filter": "n % 3 == 0"}]}
    daemon = start_daemon()
    client = daemon.client
    job = client.ended(client.submit("pipeline", {**spec, "output": {"file": "a.ndjson"}})["id"])
    assert job["state"] == "completed", job
    job = client.submit("pipeline", {**spec, "output": {"file": "b.ndjson"}})
    with client.stream(f"/v1/jobs/{job['id']}/events") as stream:
        for event in stream.values():
            if event["type"] == "progress" and event["data"]["done"] > 0:
                break
    daemon.kill()
    daemon.start()
    assert daemon.client.get("/v1/files/b.ndjson").status == 404
    assert daemon.client.ended(job["id"])["state"] == "completed"
    assert written(daemon.client, "b.ndjson") == written(daemon.client, "a.ndjson")
    assert written(daemon.client, "b.ndjson").count(b"\n") == 100 * 1000
