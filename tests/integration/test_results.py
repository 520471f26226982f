# SPDX-License-Identifier: MIT
"""GET /v1/jobs/{id}/results: lines, an array, a range, pages, and following."""
import json
import subprocess

import pytest
from origin import page


@pytest.fixture(scope="module")
def crawl(jobs):
    """A finished job with a dozen items."""
    from origin import Origin
    with Origin() as origin:
        urls = [origin.at(f"/{n}", page(f"<title>Page {n}</title>")) for n in range(12)]
        job = jobs.run("scrape", {"urls": urls})
        assert job["counts"] == {"items": 12, "failed": 0}
        yield f"/v1/jobs/{job['id']}/results"


def test_results_are_lines(jobs, crawl):
    """NDJSON without any preference, with a length and an ETag: one item a line."""
    answer = jobs.get(crawl)
    assert answer.status == 200
    assert len(answer.lines()) == 12
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert answer.headers["ETag"]
    assert {item["data"]["title"] for item in answer.lines()} == {f"Page {n}" for n in range(12)}


@pytest.mark.parametrize("query, headers", [
    ("?format=json", {}),
    ("", {"Accept": "application/json"}),
    ("?format=json", {"Accept": "application/x-ndjson"}),
])
def test_results_can_be_an_array(jobs, crawl, query, headers):
    """?format= wins over Accept; the items are the same."""
    answer = jobs.get(crawl + query, headers)
    assert answer.media_type == "application/json"
    assert answer.json() == jobs.get(crawl).lines()


def test_results_of_a_job_without_any_are_empty(jobs):
    """No line; and an empty array."""
    job = jobs.run("math", {"op": "sum", "numbers": []})
    assert jobs.get(f"/v1/jobs/{job['id']}/results").body == b""
    assert jobs.get(f"/v1/jobs/{job['id']}/results?format=json").json() == []


@pytest.mark.parametrize("wanted, first, last", [
    ("bytes=0-99", 0, 99), ("bytes=100-", 100, None), ("bytes=-50", -50, None),
    ("bytes=5-5", 5, 5), ("bytes=10-99999999", 10, None),
])
def test_a_range_of_bytes(jobs, crawl, wanted, first, last):
    """RFC 9110, 14: 206 with Content-Range, and exactly those bytes."""
    whole = jobs.get(crawl).body
    expected = whole[first:None if last is None else last + 1]
    answer = jobs.get(crawl, {"Range": wanted})
    start = len(whole) + first if first < 0 else first
    assert answer.status == 206
    assert answer.body == expected
    assert answer.headers["Content-Range"] == (
        f"bytes {start}-{start + len(expected) - 1}/{len(whole)}")


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0"])
def test_a_range_outside_of_the_results(jobs, crawl, wanted):
    """416, with the size that there is."""
    whole = jobs.get(crawl).body
    answer = jobs.get(crawl, {"Range": wanted})
    assert (answer.status, answer.problem) == (416, "range-not-satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=5-1", "bytes=1-2,4-5", "bytes=a-b", "bytes="])
def test_a_range_that_is_none_is_ignored(jobs, crawl, wanted):
    """What cannot be understood is as if it were not there: 200 and everything."""
    assert jobs.get(crawl, {"Range": wanted}).status == 200


def test_pages_of_results_lead_to_the_end(jobs, crawl):
    """limit and Link: rel="next": each item once, in order."""
    path, pages = crawl + "?limit=5", []
    while path:
        answer = jobs.get(path)
        pages.append(answer.lines())
        link = answer.headers["Link"]
        path = link.split(">")[0].removeprefix("<") if link else None
    assert [len(items) for items in pages if items] == [5, 5, 2]
    assert sum(pages, []) == jobs.get(crawl).lines()


def test_following_goes_on_until_the_job_ends(jobs, origin):
    """?follow=true: items as they become durable, and an end."""
    urls = [origin.url + "/now", origin.at("/held", lambda r: hold_then_answer(r, origin))]
    job = jobs.submit("scrape", {"urls": urls})
    with jobs.stream(f"/v1/jobs/{job['id']}/results?follow=true") as stream:
        items = stream.values()
        first = next(items)
        assert first["url"] == origin.url + "/now"
        assert jobs.job(job["id"])["state"] == "running"
        origin.released.set()
        assert [item["url"] for item in items] == [origin.url + "/held"]
    assert jobs.job(job["id"])["state"] == "completed"


def hold_then_answer(request, origin):
    origin.released.wait(60)
    page("<title>Held</title>")(request)


def test_curl_follows_and_returns(jobs, crawl):
    """curl -N ends by itself when there is nothing more."""
    run = subprocess.run(["curl", "-sN", "--max-time", "60", f"{jobs.url}{crawl}?follow=true"],
                         capture_output=True, check=True)
    assert len([json.loads(line) for line in run.stdout.splitlines()]) == 12


def test_errors_tell_which_items_failed(jobs, origin):
    """/errors: one line for each failed item, with its reason; pages as well."""
    urls = [origin.at(f"/gone/{n}", page("", 404)) for n in range(5)] + [origin.url + "/fine"]
    job = jobs.run("scrape", {"urls": urls})
    path = f"/v1/jobs/{job['id']}/errors"
    errors = jobs.get(path).lines()
    assert {error["key"] for error in errors} == set(urls[:5])
    assert {error["error"]["type"] for error in errors} == {"http-4xx"}
    assert {(error["stage"], error["attempts"], error["resolved"]) for error in errors} == {
        ("fetch", 1, False)}
    first = jobs.get(path + "?limit=3")
    second = jobs.get(first.headers["Link"].split(">")[0].removeprefix("<"))
    assert first.lines() + second.lines() == errors


def test_logs_are_events_of_their_own(jobs):
    """/logs answers with lines, also when there are none."""
    job = jobs.run("sleep", {"for": "0s"})
    answer = jobs.get(f"/v1/jobs/{job['id']}/logs")
    assert answer.status == 200
    assert all(line["type"] == "log" for line in answer.lines())
