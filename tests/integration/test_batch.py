# SPDX-License-Identifier: MIT
"""POST /v1/jobs/batch: many jobs, one transaction, an outcome for each."""
import json

SUM = {"type": "math", "spec": {"op": "sum", "numbers": [1, 2]}}
WRONG = {"type": "math", "spec": {"op": "sums", "numbers": [1]}}


def names(jobs, name):
    return jobs.get(f"/v1/jobs?name={name}&limit=1000").json()["items"]


def test_a_batch_answers_for_each_job_in_order(jobs):
    """Good ones get an id, the wrong one a problem with its place."""
    answer = jobs.post("/v1/jobs/batch", [SUM, WRONG, SUM])
    first, wrong, last = answer.json()["items"]
    assert answer.status == 200
    assert [first["status"], wrong["status"], last["status"]] == [202, 422, 202]
    assert [first["index"], wrong["index"], last["index"]] == [0, 1, 2]
    assert wrong["problem"]["errors"][0]["pointer"] == "/spec/op"
    assert jobs.ended(first["id"])["summary"] == {"value": 3}
    assert jobs.ended(last["id"])["summary"] == {"value": 3}


def test_a_batch_may_be_lines(jobs):
    """NDJSON, with blank lines and a bad one: the bad line is its own problem."""
    body = "\n".join([json.dumps(SUM), "", "{bad", "  " + json.dumps(SUM), ""])
    items = jobs.post("/v1/jobs/batch", body).json()["items"]
    assert [item["status"] for item in items] == [202, 400, 202]
    assert items[1]["problem"]["type"] == "/errors/invalid-json"


def test_an_atomic_batch_is_all_or_nothing(jobs):
    """One that is refused keeps the others out, and each says why."""
    batch = [{**SUM, "name": "atomic"}, WRONG]
    items = jobs.post("/v1/jobs/batch?atomic=true", batch).json()["items"]
    assert [item["status"] for item in items] == [409, 422]
    assert names(jobs, "atomic") == []
    fine = jobs.post("/v1/jobs/batch?atomic=true", batch[:1]).json()["items"]
    assert [item["status"] for item in fine] == [202]
    assert len(names(jobs, "atomic")) == 1


def test_an_atomic_batch_stays_out_of_a_queue_that_it_would_overfill(start_daemon):
    """Two fit, three are asked for: none enters."""
    jobs = start_daemon("--queued-max", "2").client
    batch = [{"type": "sleep", "spec": {"for": "1h"}}] * 3
    items = jobs.post("/v1/jobs/batch?atomic=true", batch).json()["items"]
    assert sorted(item["status"] for item in items) == [409, 409, 429]
    assert jobs.get("/v1/jobs").json()["items"] == []
    items = jobs.post("/v1/jobs/batch", batch).json()["items"]
    assert [item["status"] for item in items] == [202, 202, 429]


def test_a_thousand_jobs_of_a_batch_all_run(jobs):
    """One request, a thousand ids, a thousand results."""
    batch = [{"type": "math", "name": "thousand", "spec": {"op": "sum", "numbers": [n, 1]}}
             for n in range(1000)]
    items = jobs.post("/v1/jobs/batch", batch).json()["items"]
    assert len({item["id"] for item in items}) == 1000
    for n in (0, 499, 999):
        assert jobs.ended(items[n]["id"])["summary"] == {"value": n + 1}
    for item in items:
        assert jobs.ended(item["id"])["state"] == "completed"


def test_a_batch_is_read_whole_or_not_at_all(jobs):
    """A broken array, an empty one and too many jobs are refused as a whole."""
    assert jobs.post("/v1/jobs/batch", "[{}, ").problem == "invalid-json"
    assert jobs.post("/v1/jobs/batch", "[]").problem == "invalid-spec"
    assert jobs.post("/v1/jobs/batch", "").problem == "invalid-spec"
    assert jobs.post("/v1/jobs/batch", "[" + "1," * 10000 + "1]").status == 413


def test_unique_keys_hold_within_a_batch(jobs):
    """Two of one key in one batch: the second is the first."""
    job = {"type": "sleep", "spec": {"for": "1h"}, "unique": {"key": "in-a-batch"}}
    first, second = jobs.post("/v1/jobs/batch", [job, job]).json()["items"]
    assert (first["status"], second["status"]) == (202, 200)
    assert first["id"] == second["id"]
    jobs.move(first["id"], "cancel")
