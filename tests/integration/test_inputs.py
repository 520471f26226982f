# SPDX-License-Identifier: MIT
"""input: what pipelines and map-reduce read, from a real daemon; and what waits for another job."""
from origin import page, status

BY_KIND = {"group_by": ["kind"], "aggregates": {"n": "count", "total": "sum(value)"}}
ROWS = 300000


def totals(jobs, source, expected="completed"):
    """Of each kind how many rows, and the sum of their values."""
    job = jobs.run("mapreduce", {"input": source, "map": BY_KIND})
    assert job["state"] == expected, job["error"]
    return {item["kind"]: (item["n"], item["total"]) for item in jobs.results(job["id"])}


def lines(count=ROWS):
    return "".join(f'{{"kind":"{i % 3}","value":{i}}}\n' for i in range(count)).encode()


def totals_of(count=ROWS):
    return {str(k): (len(range(k, count, 3)), sum(range(k, count, 3))) for k in range(3)}


def put(jobs, name, content):
    assert jobs.ask("PUT", f"/v1/files/{name}", content).status in (201, 204)


# ---- files ----

def test_an_uploaded_file_is_read_on_all_lanes(jobs):
    """As one, and as what a pattern matches."""
    put(jobs, "in/a.ndjson", lines())
    put(jobs, "in/b.ndjson", lines(3))
    assert totals(jobs, {"file": "in/a.ndjson"}) == totals_of()
    both = totals(jobs, {"files": ["in/*.ndjson"]})
    assert both == {k: (n + 1, v + int(k)) for k, (n, v) in totals_of().items()}


def test_a_missing_file_fails_the_job_with_what_is_near(jobs):
    """not-found, and the name that was meant."""
    put(jobs, "orders.csv", b"a\n1\n")
    job = jobs.run("mapreduce", {"input": {"file": "order.csv"}, "map": BY_KIND})
    assert job["state"] == "failed"
    assert job["error"] == {"type": "not-found",
                            "detail": "there is no file 'order.csv', but there is 'orders.csv'"}


# ---- documents ----

def test_documents_are_read_as_they_come(jobs, origin):
    """Several, larger than what is held in memory of a body; one of them broken off at first."""
    a = origin.at("/a.ndjson", page(lines()))
    b = origin.at("/b.ndjson", status(503), page(lines(3)))
    both = totals(jobs, {"urls": [a, b]})
    assert both == {k: (n + 1, v + int(k)) for k, (n, v) in totals_of().items()}


def test_a_document_that_is_not_there_fails_the_job(jobs, origin):
    """With the host's reason."""
    job = jobs.run("mapreduce", {"input": {"url": origin.at("/no", status(404))}, "map": BY_KIND})
    assert (job["state"], job["error"]["type"]) == ("failed", "http-4xx")


def test_inputs_go_on_after_kill_9(start_daemon, origin):
    """Killed in the middle, again and again: nothing is lost, nothing is counted twice."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    put(daemon.client, "a.ndjson", lines(2000000))
    url = origin.at("/a.ndjson", page(lines(2000000)))
    ids = [daemon.client.submit("mapreduce", {"input": source, "map": BY_KIND})["id"]
           for source in ({"file": "a.ndjson"}, {"url": url})]
    for _ in range(2):
        daemon.kill()
        daemon.start()
    for job_id in ids:
        job = daemon.client.ended(job_id)
        assert job["state"] == "completed", job["error"]
        found = {item["kind"]: (item["n"], item["total"])
                 for item in daemon.client.results(job_id)}
        assert found == totals_of(2000000)


# ---- another job ----

def test_results_of_another_job(jobs, origin):
    """Each item is a record; a job that has none is an empty input."""
    urls = [origin.at(f"/{i}", page()) for i in range(20)]
    crawl = jobs.run("scrape", {"urls": urls, "robots": False})
    count = {"group_by": ["status"], "aggregates": {"n": "count"}}
    job = jobs.run("mapreduce", {"input": {"job": crawl["id"]}, "map": count})
    assert jobs.results(job["id"]) == [{"status": "success", "n": 20}]
    nothing = jobs.run("math", {"op": "sum", "numbers": [1]})
    job = jobs.run("mapreduce", {"input": {"job": nothing["id"]}, "map": count})
    assert (job["state"], jobs.results(job["id"])) == ("completed", [])


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
