# SPDX-License-Identifier: MIT
"""Map-reduce over HTTP: values that are known, crashes that change nothing."""
import pytest


def answer(job):
    """What must not depend on lanes or crashes."""
    assert job["state"] == "completed", job
    return {name: value for name, value in job["summary"].items() if name != "speed"}


def of_range(kernel, first, last, **more):
    return {"input": {"range": {"from": first, "to": last}}, "map": {"builtin": kernel}, **more}


@pytest.mark.parametrize("kernel, first, last, value", [
    ("count", 1, 10000, 10000),
    ("sum", 1, 10000, 50005000),
    ("sum_of_squares", 1, 10000, 333383335000),
    ("count_primes", 1, 10000, 1229),
    ("sum_of_squares", 1, 10 ** 7, "333333383333335000000"),
])
def test_a_range_has_its_value(jobs, kernel, first, last, value):
    """Numbers up to 2^53 are JSON numbers, larger ones strings with all their digits."""
    assert answer(jobs.run("mapreduce", of_range(kernel, first, last)))["value"] == value


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_answer_is_that_of_any_number_of_workers(jobs, workers):
    """pi(2 · 10^7) is 1,270,607 (OEIS A006880 and a table of pi(x))."""
    job = jobs.run("mapreduce", of_range("count_primes", 1, 2 * 10 ** 7, workers=workers))
    assert answer(job) == {"kernel": "count_primes", "value": 1270607, "records": 2 * 10 ** 7,
                           "chunks": 306}


def test_a_killed_job_goes_on_and_counts_nothing_twice(start_daemon):
    """kill -9 in the middle, twice; the sum of the squares of 1 … 2·10^9 by hand."""
    daemon = start_daemon()
    job = daemon.client.submit("mapreduce", of_range("sum_of_squares", 1, 2 * 10 ** 9))
    for _ in range(2):
        with daemon.client.stream(f"/v1/jobs/{job['id']}/events") as stream:
            next(event for event in stream.values() if event["type"] == "progress")
        daemon.kill()
        daemon.start()
    assert answer(daemon.client.ended(job["id"])) == {
        "kernel": "sum_of_squares", "value": "2666666668666666667000000000",
        "records": 2 * 10 ** 9, "chunks": 1024}


@pytest.mark.parametrize("change, pointer, kind", [
    ({"map": {"builtin": "cuont"}}, "/spec/map/builtin", "bad-choice"),
    ({"map": {}}, "/spec/map/builtin", "missing-member"),
    ({"input": {}}, "/spec/input", "missing-member"),
    ({"input": {"range": {"from": 2, "to": 1, "step": 0}}}, "/spec/input/range/step",
     "out-of-range"),
    ({"input": {"items": [1]}, "map": {"builtin": "count_primes"}}, "/spec/map/builtin",
     "conflict"),
    ({"workers": 0}, "/spec/workers", "out-of-range"),
    ({"memory": "1KB"}, "/spec/memory", "out-of-range"),
])
def test_mistakes_are_told_with_their_place(jobs, change, pointer, kind):
    """All at the door, none in a job that runs."""
    told = jobs.post("/v1/jobs", {"type": "mapreduce", "spec": {**of_range("sum", 1, 2), **change}})
    assert told.status == 422
    assert [(m["pointer"], m["type"]) for m in told.json()["errors"]] == [(pointer, kind)]
