# SPDX-License-Identifier: MIT
"""POST …/retry?items=failed: only what failed is done again, and replaces what it was."""
from origin import page, status

ONCE = {"max_attempts": 1}


def mend(jobs, job_id):
    answer = jobs.post(f"/v1/jobs/{job_id}/retry?items=failed")
    assert answer.status == 200, answer
    assert answer.json()["state"] == "pending"
    return jobs.ended(job_id)


def pages_of(jobs, job_id):
    items = jobs.results(job_id)
    assert len({item["url"] for item in items}) == len(items)
    return {item["url"].rpartition("/")[2]: item["status"] for item in items}


def host_counts(job):
    (host,) = job["summary"]["hosts"]
    return host["fetches"], host["succeeded"], host["failed"]


def test_only_failed_items_are_fetched_again(jobs, origin):
    """Two of four fail; then one is mended, then the other."""
    urls = [origin.at("/a", page()), origin.at("/b", status(500), page()),
            origin.at("/c", status(404), status(404), page()), origin.at("/d", page())]
    job = jobs.run("scrape", {"urls": urls, "retry": ONCE})
    assert (job["state"], job["counts"]) == ("completed", {"items": 4, "failed": 2})
    assert host_counts(job) == (4, 2, 2)
    job = mend(jobs, job["id"])
    assert (job["state"], job["attempt"], job["counts"]) == (
        "completed", 2, {"items": 4, "failed": 1})
    assert pages_of(jobs, job["id"]) == {
        "a": "success", "b": "success", "c": "failed", "d": "success"}
    assert job["summary"]["failed_by"] == {"http-4xx": 1}
    assert host_counts(job) == (6, 3, 1)
    job = mend(jobs, job["id"])
    assert job["counts"] == {"items": 4, "failed": 0}
    assert set(pages_of(jobs, job["id"]).values()) == {"success"}
    assert host_counts(job) == (7, 4, 0)
    assert origin.counts() == {"/a": 1, "/b": 2, "/c": 3, "/d": 1}


def test_errors_of_retried_items_are_resolved(jobs, origin):
    """The first of three errors of one URL, and what stands now."""
    url = origin.at("/x", status(500), status(404), status(500))
    urls = [url, origin.at("/good", page())]
    job = jobs.run("scrape", {"urls": urls, "retry": ONCE})
    for _ in range(2):
        mend(jobs, job["id"])
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [(e["error"]["type"], e["resolved"]) for e in errors] == [
        ("http-5xx", True), ("http-4xx", True), ("http-5xx", False)]


def test_a_retried_crawl_has_the_same_seen_set(jobs, origin):
    """The page that failed leads on when it is there; what was fetched is not fetched again."""
    origin.at("/", page("<a href=/hub>x</a><a href=/leaf>x</a>"))
    origin.at("/hub", status(500), page("<a href=/leaf>x</a><a href=/new>x</a>"))
    job = jobs.run("scrape", {"urls": [origin.url + "/"], "follow": {}, "retry": ONCE})
    assert job["counts"] == {"items": 3, "failed": 1}
    job = mend(jobs, job["id"])
    assert job["counts"] == {"items": 4, "failed": 0}
    assert set(pages_of(jobs, job["id"])) == {"", "hub", "leaf", "new"}
    assert origin.count("/leaf") == 1


def test_results_with_hidden_items_are_read_in_every_way(jobs, origin):
    """Lines, an array, pages of two, embedded; a range is answered with the whole."""
    urls = [origin.at(f"/{n}", *([status(500)] if n % 3 == 0 else []), page()) for n in range(10)]
    job = jobs.run("scrape", {"urls": urls, "retry": ONCE, "concurrency": 1})
    job = mend(jobs, job["id"])
    at = f"/v1/jobs/{job['id']}"
    items = jobs.results(job["id"])
    assert [item["status"] for item in items] == ["success"] * 10
    assert jobs.get(f"{at}/results?format=json").json() == items
    assert jobs.get(f"{at}?include=results").json()["results"] == items
    paged, path = [], f"{at}/results?limit=2"
    while path:
        answer = jobs.get(path)
        paged += answer.lines()
        link = answer.headers.get("Link")
        path = link and link.partition("<")[2].partition(">")[0]
    assert paged == items
    answer = jobs.get(f"{at}/results", headers={"Range": "bytes=0-9"})
    assert (answer.status, answer.lines()) == (200, items)


def test_what_cannot_be_mended_says_why(jobs, origin):
    """Nothing failed; a running job; another word."""
    job = jobs.run("scrape", {"urls": [origin.at("/", page())]})
    answer = jobs.post(f"/v1/jobs/{job['id']}/retry?items=failed")
    assert (answer.status, answer.problem) == (409, "items-not-retryable")
    answer = jobs.post(f"/v1/jobs/{job['id']}/retry")
    assert (answer.status, answer.problem) == (409, "wrong-state")
    answer = jobs.post(f"/v1/jobs/{job['id']}/retry?items=all")
    assert (answer.status, answer.problem) == (400, "bad-parameter")


def test_a_mended_job_goes_on_after_a_kill(start_daemon, origin):
    """Killed while it mends: each URL still is one item, and counts add up."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    urls = [origin.at(f"/{n}", status(404), page(latency_s=0.05)) for n in range(40)]
    urls.append(origin.at("/good", page()))
    job = daemon.client.run("scrape", {"urls": urls, "retry": ONCE, "per_host": 2})
    assert job["counts"] == {"items": 41, "failed": 40}
    daemon.client.post(f"/v1/jobs/{job['id']}/retry?items=failed")
    origin.wait_for_total(41 + 20)
    daemon.kill()
    daemon.start()
    job = daemon.client.ended(job["id"])
    assert (job["state"], job["counts"]) == ("completed", {"items": 41, "failed": 0})
    assert len(pages_of(daemon.client, job["id"])) == 41
