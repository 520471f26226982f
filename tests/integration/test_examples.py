# SPDX-License-Identifier: MIT
"""The specs in examples/jobs do what examples/README.md says of them."""
import json
import pathlib

import pytest
from origin import page, status

JOBS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "jobs"


def example(name):
    return json.loads((JOBS / f"{name}.json").read_text())


def run(jobs, job):
    answer = jobs.post("/v1/jobs?wait=30s", job)
    assert answer.status == 200, answer
    return answer.json()


def test_every_example_is_named_in_the_readme():
    """A file that nobody mentions is a file that nobody finds."""
    readme = (JOBS.parent / "README.md").read_text()
    for path in JOBS.iterdir():
        assert f"`{path.name}`" in readme


@pytest.mark.parametrize("path", sorted(JOBS.iterdir()), ids=lambda path: path.stem)
def test_examples_are_valid(jobs, path):
    """Each would be accepted as it stands, under an operator who allows loopback."""
    answer = jobs.post("/v1/jobs/validate", path.read_text())
    assert answer.status == 200 and answer.json()["valid"]


def test_factorial_is_exact(jobs):
    """52! has 68 digits (OEIS A000142)."""
    job = run(jobs, example("factorial"))
    assert job["summary"]["value"] == (
        "80658175170943878571660636856403766975289505440883277824000000000000")


def test_checksum_is_that_of_sha256sum(jobs):
    """printf … | sha256sum; the job is found by its tag."""
    job = run(jobs, example("checksum"))
    assert job["summary"]["value"] == (
        "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592")
    listed = jobs.get("/v1/jobs?tag=team:data&name=checksum").json()["items"]
    assert job["id"] in [item["id"] for item in listed]


def test_flaky_completes_after_failed_attempts(jobs):
    """Its seed makes some attempts fail, and one before the tenth succeed."""
    job = run(jobs, example("flaky"))
    attempts = jobs.attempts(job["id"])
    assert job["state"] == "completed" and len(attempts) > 1
    assert [attempt["state"] for attempt in attempts[:-1]] == ["failed"] * (len(attempts) - 1)


def test_nightly_is_scheduled_once(jobs):
    """Posted twice, it is the same job; run_at is eight hours away."""
    first = jobs.post("/v1/jobs", example("nightly")).json()
    again = jobs.post("/v1/jobs", example("nightly")).json()
    assert first["id"] == again["id"] and again["state"] == "scheduled"
    assert again["waiting"]["reason"] == "run_at"


def test_pages_finds_headings_prices_and_the_next_page(jobs, origin):
    """One page is there, the other is missing: half may fail."""
    job = example("pages")
    job["spec"]["urls"] = [url.replace("http://127.0.0.1:9000", origin.url)
                           for url in job["spec"]["urls"]]
    origin.at("/index.html", page("<title>Shop</title><h1>Goods</h1><p class=price>12.50"
                                  "<p class=price>3<a class=next href=2.html>next</a>"))
    origin.at("/missing.html", status(404))
    ended = run(jobs, job)
    assert ended["state"] == "completed"
    assert ended["summary"]["succeeded"] == 1 and ended["summary"]["failed"] == 1
    data = next(item["data"] for item in jobs.results(ended["id"]) if item["data"])
    assert data["h1"] == "Goods" and data["prices"] == [12.5, 3]
    assert data["next"] == f"{origin.url}/2.html"


def test_crawl_follows_links_within_its_bounds(jobs, origin):
    """The product without its tracking, not the PDF, not what asks not to be followed."""
    job = example("crawl")
    job["spec"]["urls"] = [origin.url + "/"]
    origin.at("/", page("<a href=/products/1?utm_source=x>1</a><a href=/a.pdf>a</a>"
                        "<a href=/login rel=nofollow>in</a>"))
    origin.at("/products/1", page("<h1>One</h1><p class=price>12.50"))
    ended = run(jobs, job)
    assert sorted(item["url"] for item in jobs.results(ended["id"])) == [
        f"{origin.url}/", f"{origin.url}/products/1"]
    assert ended["summary"]["skipped"]["pattern"] == ended["summary"]["skipped"]["nofollow"] == 1
