# SPDX-License-Identifier: MIT
"""save_body: pages are kept with their job, whole, once each, and served as bytes."""
import gzip
import hashlib
import os
import time

import pytest
from client import PATIENCE_S
from conftest import LOOPBACK
from origin import page, redirect, status

ONCE = {"max_attempts": 1}
HOSTILE = "<title>Evil</title><script>alert(document.cookie)</script>"


def sha256(text):
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def crawl(jobs, urls, **spec):
    """The job, ended, and its items by path."""
    job = jobs.run("scrape", {"urls": urls, "save_body": "file", "retry": ONCE, **spec},
                   max_failed=len(urls))
    assert job["state"] == "completed"
    return job, {"/" + item["url"].split("/", 3)[3]: item for item in jobs.results(job["id"])}


def names_kept(daemon, job_id):
    folder = daemon.data / "bodies" / job_id
    return sorted(os.listdir(folder)) if folder.exists() else None


def test_a_page_is_served_as_it_was_received(jobs, origin):
    """Decoded from gzip, before any charset; name, length and place are in the item."""
    body = "<title>Grüße</title>".encode("latin-1")
    url = origin.at("/", page(gzip.compress(body), Content_Encoding="gzip",
                              Content_Type="text/html; charset=iso-8859-1"))
    job, items = crawl(jobs, [url])
    item = items["/"]
    href = f"/v1/jobs/{job['id']}/bodies/{sha256(body)}"
    assert item["body"] == {"sha256": sha256(body), "bytes": 20, "href": href}
    assert item["data"]["body_sha256"] == sha256(body)
    answer = jobs.get(href)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["ETag"] == f'"{sha256(body)}"'
    assert answer.headers["Content-Length"] == "20"


def test_equal_bodies_are_kept_once(daemon, jobs, origin):
    """Three URLs, two bodies; the summary counts what is kept."""
    urls = [origin.at("/a", page("same")), origin.at("/b", page("same")),
            origin.at("/c", page("other!"))]
    job, items = crawl(jobs, urls)
    assert items["/a"]["body"] == items["/b"]["body"]
    assert names_kept(daemon, job["id"]) == sorted([sha256("same"), sha256("other!")])
    assert (job["summary"]["bodies"], job["summary"]["bodies_bytes"]) == (2, 10)


def test_hostile_html_does_not_run_here(jobs, origin):
    """Bytes to be saved, whatever the page says of itself."""
    _, items = crawl(jobs, [origin.at("/", page(HOSTILE))])
    headers = jobs.get(items["/"]["body"]["href"]).headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == f'attachment; filename="{sha256(HOSTILE)}"'
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_a_part_of_a_body(jobs, origin):
    """RFC 9110, 14: a range, one that cannot be, and one of another version."""
    _, items = crawl(jobs, [origin.at("/", page("0123456789"))])
    href = items["/"]["body"]["href"]
    answer = jobs.get(href, {"Range": "bytes=2-4"})
    assert (answer.status, answer.body) == (206, b"234")
    assert answer.headers["Content-Range"] == "bytes 2-4/10"
    answer = jobs.get(href, {"Range": "bytes=10-"})
    assert (answer.status, answer.problem) == (416, "range-not-satisfiable")
    answer = jobs.get(href, {"Range": "bytes=2-4", "If-Range": '"other"'})
    assert (answer.status, answer.body) == (200, b"0123456789")


def test_an_empty_body_is_one(jobs, origin):
    """No bytes have a hash too."""
    _, items = crawl(jobs, [origin.at("/", page(""))])
    assert items["/"]["body"]["sha256"] == sha256("")
    answer = jobs.get(items["/"]["body"]["href"])
    assert (answer.status, answer.body) == (200, b"")


def test_what_was_not_fetched_has_no_body(daemon, jobs, origin):
    """A failed URL, and a redirect that is a link; without save_body no item says so."""
    page_url = origin.at("/page", page("<title>A page</title>"))
    urls = [origin.at("/gone", status(404)), origin.at("/moved", redirect("/page"))]
    job, items = crawl(jobs, urls, follow={"max_depth": 1})
    assert (items["/gone"]["body"], items["/moved"]["body"]) == (None, None)
    assert items["/page"]["body"]["sha256"] == sha256("<title>A page</title>")
    assert len(names_kept(daemon, job["id"])) == 1
    job = jobs.run("scrape", {"urls": [page_url]})
    assert "body" not in jobs.results(job["id"])[0]
    assert names_kept(daemon, job["id"]) is None


def test_a_page_that_cannot_be_read_keeps_its_body(jobs, origin):
    """A required field is missing: the item fails, and the page is there to be looked at."""
    _, items = crawl(jobs, [origin.at("/", page("<p>x"))],
                     extract={"h": {"css": "h1", "required": True}})
    assert items["/"]["status"] == "failed"
    assert jobs.get(items["/"]["body"]["href"]).body == b"<p>x"


def test_bodies_beyond_the_limit_fail_their_pages(jobs, origin):
    """Ten bytes: the first page fits, the second does not, one equal to the first does."""
    urls = [origin.at("/a", page("12345678")), origin.at("/b", page("abcdefgh")),
            origin.at("/c", page("12345678"))]
    job, items = crawl(jobs, urls, save_body_max="10B", concurrency=1)
    assert {path: item["status"] for path, item in items.items()} == {
        "/a": "success", "/b": "failed", "/c": "success"}
    assert (items["/b"]["error"]["type"], items["/b"]["body"]) == ("too-large", None)
    assert job["summary"]["failed_by"] == {"too-large": 1}


def test_an_unchanged_page_leaves_no_body(daemon, jobs, origin):
    """if_changed_since: what has no item is not kept."""
    urls = [origin.at("/a", page("same")), origin.at("/b", page("old"), page("new"))]
    before, _ = crawl(jobs, urls)
    job, items = crawl(jobs, urls, if_changed_since={"job": before["id"]})
    assert list(items) == ["/b"]
    assert names_kept(daemon, job["id"]) == [sha256("new")]


@pytest.mark.parametrize("name", [
    "0" * 64, "0" * 63, "0" * 65, "G" * 64, "A" * 64, "..", "..%2f..%2fjobmill.db",
    "%2e%2e%2f" + "0" * 55, "new-0"])
def test_other_names_are_not_found(jobs, origin, name):
    """Only 64 lower-case hex digits name a body; no path leads out of the folder."""
    job, _ = crawl(jobs, [origin.at("/", page("x"))])
    answer = jobs.get(f"/v1/jobs/{job['id']}/bodies/{name}")
    assert answer.status in (400, 404), answer
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_link_in_the_folder_is_not_followed(daemon, jobs, origin):
    """Whoever could make one would read the daemon's files by it."""
    job, _ = crawl(jobs, [origin.at("/", page("x"))])
    os.symlink(daemon.data / "jobmill.db", daemon.data / "bodies" / job["id"] / ("0" * 64))
    assert jobs.get(f"/v1/jobs/{job['id']}/bodies/{'0' * 64}").status == 404


def test_bodies_go_with_their_job(daemon, jobs, origin):
    """Deleted: not found, and not on the disk; those of another job stay."""
    urls = [origin.at(f"/{n}", page(f"page {n}")) for n in range(5)]
    job, items = crawl(jobs, urls)
    kept, kept_items = crawl(jobs, urls)
    assert jobs.ask("DELETE", f"/v1/jobs/{job['id']}").status == 204
    end = time.monotonic() + PATIENCE_S
    while any(job["id"] in name for name in os.listdir(daemon.data / "bodies")):
        assert time.monotonic() < end, "the folder is still there"
        time.sleep(0.01)
    assert jobs.get(items["/1"]["body"]["href"]).status == 404
    assert jobs.get(kept_items["/1"]["body"]["href"]).body == b"page 1"
    assert len(names_kept(daemon, kept["id"])) == 5


def test_after_a_kill_every_item_has_its_body(start_daemon, origin):
    """kill -9 in the middle, three times: what is shown then, and at the end, is there whole."""
    urls = [origin.at(f"/{n}", page(f"<title>{n}</title>" + f"{n} " * 3000, latency_s=0.005))
            for n in range(400)]
    daemon = start_daemon(*LOOPBACK)
    job = daemon.client.submit("scrape", {"urls": urls, "save_body": "file", "concurrency": 8})
    for kills in range(3):
        origin.wait_for_total(90 * (kills + 1))
        daemon.kill()
        daemon.start()
        for item in daemon.client.results(job["id"]):
            assert_kept(daemon, item)
    assert daemon.client.ended(job["id"])["state"] == "completed"
    items = daemon.client.results(job["id"])
    assert len(items) == 400
    for item in items:
        assert_kept(daemon, item)
        assert daemon.client.get(item["body"]["href"]).body == kept_bytes(daemon, item)


def kept_bytes(daemon, item):
    _, _, _, job_id, _, name = item["body"]["href"].split("/")
    return (daemon.data / "bodies" / job_id / name).read_bytes()


def assert_kept(daemon, item):
    assert sha256(kept_bytes(daemon, item)) == item["body"]["sha256"]


@pytest.mark.parametrize("spec, pointer, reason", [
    ({"save_body": "warc"}, "/spec/save_body", "bad-choice"),
    ({"save_body": True}, "/spec/save_body", "wrong-type"),
    ({"save_body_max": "1GB"}, "/spec/save_body_max", "conflict"),
    ({"save_body": "file", "save_body_max": "2000GB"}, "/spec/save_body_max", "out-of-range"),
])
def test_what_cannot_be_asked_for(jobs, spec, pointer, reason):
    """422, with the place."""
    answer = jobs.post("/v1/jobs", {"type": "scrape",
                                    "spec": {"urls": ["http://a.example/"], **spec}})
    assert answer.status == 422
    assert [(m["pointer"], m["type"]) for m in answer.json()["errors"]] == [(pointer, reason)]
