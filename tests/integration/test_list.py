# SPDX-License-Identifier: MIT
"""GET /v1/jobs: filters, pages, cursors."""
import urllib.parse

import pytest


def listed(jobs, query):
    answer = jobs.get(f"/v1/jobs?{query}")
    assert answer.status == 200, answer
    return answer.json()["items"]


def named(items):
    return [item["name"] for item in items]


@pytest.fixture(scope="module")
def herd(jobs):
    """a … f, in that order: two types, two tags, three states, two priorities."""
    done = {"type": "math", "spec": {"op": "sum", "numbers": [1]}}
    later = {"type": "sleep", "spec": {"for": "0s"}, "delay": "1h"}
    batch = [
        {**done, "name": "herd-a", "tags": {"team": "data"}},
        {**done, "name": "herd-b", "tags": {"team": "web", "env": "live"}},
        {**later, "name": "herd-c", "tags": {"team": "data"}},
        {**later, "name": "herd-d", "priority": "high"},
        {**later, "name": "herd-e", "priority": "low"},
        {**later, "name": "herd-f"},
    ]
    ids = [item["id"] for item in jobs.post("/v1/jobs/batch", batch).json()["items"]]
    for job_id in ids[:2]:
        jobs.ended(job_id)
    jobs.move(ids[5], "cancel")
    return ids


def test_the_newest_comes_first(jobs, herd):
    """The order of submission, reversed."""
    items = listed(jobs, "q=herd-")
    assert named(items) == [f"herd-{letter}" for letter in "fedcba"]
    assert [item["id"] for item in items] == herd[::-1]
    assert all("spec" not in item for item in items)


@pytest.mark.parametrize("query, letters", [
    ("state=completed", "ba"),
    ("state=scheduled", "edc"),
    ("state=cancelled&state=scheduled", "fedc"),
    ("type=math", "ba"),
    ("type=math&type=sleep", "fedcba"),
    ("type=scrape", ""),
    ("name=herd-a&name=herd-c", "ca"),
    ("priority=high", "d"),
    ("priority=high&priority=low", "ed"),
    ("tag=team:data", "ca"),
    ("tag=env:live", "b"),
    ("tag=team:data&tag=team:web", "cba"),
    ("tag=team:none", ""),
    ("tag=team:data&state=completed", "a"),
    ("since=2099-01-01T00:00:00Z", ""),
    ("until=1999-01-01T00:00:00Z", ""),
    ("since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00Z", "fedcba"),
])
def test_filters_narrow_and_repeated_ones_widen(jobs, herd, query, letters):
    """Different filters are AND, the same one twice is OR."""
    assert named(listed(jobs, f"q=herd-&{query}")) == [f"herd-{letter}" for letter in letters]


def test_q_is_part_of_a_name_and_no_pattern(jobs, herd):
    """Wildcards of SQL mean themselves."""
    assert named(listed(jobs, "q=erd-c")) == ["herd-c"]
    assert listed(jobs, "q=herd%25") == []
    assert listed(jobs, "q=herd_a") == []
    assert listed(jobs, "q=" + urllib.parse.quote("' OR 1=1 --")) == []


def test_pages_follow_each_other_without_gap_or_overlap(jobs, herd):
    """limit, next_cursor and Link: rel="next" lead through all jobs once."""
    path, seen = "/v1/jobs?q=herd-&limit=2", []
    while path:
        answer = jobs.get(path)
        seen += named(answer.json()["items"])
        link = answer.headers["Link"]
        assert bool(link) == bool(answer.json()["next_cursor"])
        path = link.split(">")[0].removeprefix("<") if link else None
    assert seen == [f"herd-{letter}" for letter in "fedcba"]


def test_jobs_that_come_meanwhile_do_not_shift_the_pages(jobs, herd):
    """A cursor is a place in the order, not a count."""
    first = jobs.get("/v1/jobs?q=herd-&limit=3").json()
    jobs.submit("math", {"op": "sum", "numbers": []}, name="herd-late")
    second = jobs.get(f"/v1/jobs?q=herd-&limit=3&cursor={first['next_cursor']}").json()
    assert named(first["items"] + second["items"]) == [f"herd-{letter}" for letter in "fedcba"]
