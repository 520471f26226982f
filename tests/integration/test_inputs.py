# SPDX-License-Identifier: MIT
"""input: what pipelines and map-reduce read; and what waits for another job."""


# ---- another job ----

def test_who_waits_for_a_job_lends_its_place(start_daemon):
    """As many readers of one job as there are places: another job gets one all the same."""
    jobs = start_daemon("--active-max", 16).client
    slow = jobs.submit("sleep", {"for": "1h"})
    readers = [jobs.submit("scrape", {"urls_from": {"job": slow["id"]}}) for _ in range(16)]
    for reader in readers:
        waiting = jobs.waiting(reader["id"])
        assert (waiting["reason"], waiting["job"]) == ("job", slow["id"])
    assert jobs.run("math", {"op": "sum", "numbers": [1, 2]})["state"] == "completed"
    jobs.move(slow["id"], "cancel")
    for reader in readers:
        job = jobs.ended(reader["id"])
        assert (job["state"], job["error"]["type"]) == ("failed", "parent-failed")


def test_an_unknown_job_is_a_mistake_of_the_spec(jobs):
    """Told at submit, with its place."""
    nobody = "018f0000-0000-7000-8000-000000000000"
    answer = jobs.post("/v1/jobs", {"type": "mapreduce", "spec": {"input": {"job": nobody}, "map": {"builtin": "count"}}})
    assert answer.status == 422
    mistake = answer.json()["errors"][0]
    assert (mistake["pointer"], mistake["type"]) == ("/spec/input/job", "unknown-job")
