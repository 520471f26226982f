# SPDX-License-Identifier: MIT
"""cache: pages that were fetched before do, as far as their host and the job allow."""
import email.utils
import time

import pytest
from client import PATIENCE_S
from origin import Origin, page, status

ONCE = {"max_attempts": 1}
FAST = {"max_attempts": 2, "base": "1ms", "max_delay": "2ms"}
HOUR = "max-age=3600"


def ago(seconds):
    """An HTTP date; origins of tests say Date themselves, so pages can be old."""
    return email.utils.formatdate(time.time() - seconds, usegmt=True)


def fetch(jobs, url, cache=True, **spec):
    """The item of one URL."""
    job = jobs.run("scrape", {"urls": [url], "cache": cache, "retry": ONCE, **spec}, max_failed=1)
    assert job["state"] == "completed"
    item, = jobs.results(job["id"])
    return item


def old(body="<title>A page</title>", **headers):
    """A page that was fresh for a minute, an hour ago."""
    return page(body, Age="3600", Cache_Control=headers.pop("Cache_Control", "max-age=60"),
                **headers)


def test_a_second_job_does_not_ask_the_origin(jobs, origin):
    """Fresh for an hour: the same item, no transfer, no attempt."""
    url = origin.at("/", page("<title>Once</title><a href=/x>x</a>", Cache_Control=HOUR))
    first, second = fetch(jobs, url), fetch(jobs, url)
    assert (first["cache"], first["attempts"]) == ("miss", 1)
    assert (second["cache"], second["attempts"]) == ("hit", 0)
    assert second["data"] == first["data"]
    assert (second["http_status"], second["final_url"]) == (200, url)
    assert origin.count("/") == 1


def test_the_cache_is_off_by_default(jobs, origin):
    """Neither read nor written, and the item does not mention it."""
    url = origin.at("/", page(Cache_Control=HOUR))
    job = jobs.run("scrape", {"urls": [url]})
    assert "cache" not in jobs.results(job["id"])[0]
    assert "cache" not in fetch(jobs, url, cache=False)
    assert fetch(jobs, url)["cache"] == "miss"
    assert origin.count("/") == 3


@pytest.mark.parametrize("headers", [
    {"ETag": '"one"'}, {"Last_Modified": "Sat, 21 Nov 2020 12:00:00 GMT"}])
def test_a_stale_page_is_asked_about(jobs, origin, headers):
    """304: the stored page is the result, and fresh for another while."""
    url = origin.at("/", old("<title>Same</title>", **headers),
                    page("", 304, Cache_Control=HOUR, Date=ago(0), Age="0", **headers))
    first, second, third = fetch(jobs, url), fetch(jobs, url), fetch(jobs, url)
    asked = origin.headers["/"]
    assert asked["If-None-Match"] == headers.get("ETag")
    assert asked["If-Modified-Since"] == headers.get("Last_Modified")
    assert [item["cache"] for item in (first, second, third)] == ["miss", "revalidated", "hit"]
    assert second["http_status"] == 200
    assert second["data"] == third["data"] == first["data"]
    assert origin.count("/") == 2


def test_a_page_that_has_changed_is_stored_anew(jobs, origin):
    """200 to a question whether it has."""
    url = origin.at("/", old("<title>Old</title>", ETag='"1"'),
                    page("<title>New</title>", ETag='"2"', Cache_Control=HOUR))
    items = [fetch(jobs, url) for _ in range(3)]
    assert [item["data"]["title"] for item in items] == ["Old", "New", "New"]
    assert [item["cache"] for item in items] == ["miss", "miss", "hit"]


def test_a_304_for_another_page_is_an_error_once(jobs, origin):
    """The stored page goes; the next job gets the whole one."""
    url = origin.at("/", old(ETag='"1"'), page("", 304, ETag='"2"'), page("<title>New</title>"))
    fetch(jobs, url)
    assert fetch(jobs, url)["error"]["type"] == "protocol"
    assert fetch(jobs, url)["data"]["title"] == "New"
    assert origin.headers["/"]["If-None-Match"] is None


@pytest.mark.parametrize("failing", [status(503), status(500)])
def test_a_stale_page_stands_in_for_an_origin_that_fails(jobs, origin, failing):
    """stale-if-error, after all attempts."""
    url = origin.at("/", old("<title>Old</title>", Cache_Control="max-age=60, stale-if-error=7200"),
                    failing)
    fetch(jobs, url)
    item = fetch(jobs, url, retry=FAST)
    assert (item["status"], item["cache"], item["http_status"]) == ("success", "stale", 200)
    assert item["data"]["title"] == "Old"


def test_a_stale_page_stands_in_for_an_origin_that_is_gone(jobs):
    """Connections are refused."""
    with Origin() as origin:
        url = origin.at("/", old(Cache_Control="max-age=60, stale-if-error=7200",
                                 Connection="close"))
        other = origin.at("/other", old(Connection="close"))
        fetch(jobs, url)
        fetch(jobs, other)
    assert fetch(jobs, url)["cache"] == "stale"
    failed = fetch(jobs, other)
    assert (failed["status"], failed["error"]["type"]) == ("failed", "connect")


def test_a_job_may_take_stale_pages(jobs, origin):
    """max_stale: without asking; not against must-revalidate."""
    url = origin.at("/", old())
    strict = origin.at("/strict", old(Cache_Control="max-age=60, must-revalidate", ETag='"1"'))
    fetch(jobs, url, {"max_stale": "1d"})
    fetch(jobs, strict)
    assert fetch(jobs, url, {"max_stale": "1d"})["cache"] == "stale"
    assert fetch(jobs, url, {"max_stale": "1m"})["cache"] == "miss"
    assert fetch(jobs, strict, {"max_stale": "1d"})["cache"] == "miss"
    assert (origin.count("/"), origin.count("/strict")) == (2, 2)


def test_a_job_may_want_the_origin_asked(jobs, origin):
    """refresh: a fresh page is asked about."""
    url = origin.at("/", page(Cache_Control=HOUR, ETag='"1"'), page("", 304, ETag='"1"'))
    fetch(jobs, url)
    assert fetch(jobs, url, {"refresh": True})["cache"] == "revalidated"
    assert fetch(jobs, url)["cache"] == "hit"
    assert origin.count("/") == 2


def test_no_store_is_obeyed(jobs, origin):
    """And a page that was stored before is forgotten."""
    url = origin.at("/", old(ETag='"1"'), page(Cache_Control="no-store"), page())
    assert [fetch(jobs, url)["cache"] for _ in range(3)] == ["miss"] * 3
    assert origin.headers["/"]["If-None-Match"] is None


def test_other_credentials_are_another_page(jobs, origin):
    """What one may see is not shown to another, nor to who says nothing."""
    url = origin.at("/", page("<title>A</title>", Cache_Control="private, max-age=3600"),
                    page("<title>B</title>", Cache_Control=HOUR), page(Cache_Control=HOUR))
    secrets = [{"Authorization": "Bearer a"}, {"Authorization": "Bearer b"}, {"Cookie": "c=1"}, {}]
    assert [fetch(jobs, url, headers=headers)["cache"] for headers in secrets] == ["miss"] * 4
    items = [fetch(jobs, url, headers=headers) for headers in secrets]
    assert [item["cache"] for item in items] == ["hit"] * 4
    assert [item["data"]["title"] for item in items[:2]] == ["A", "B"]


def test_vary_wants_the_same_request(jobs, origin):
    """A page in German is not one in French."""
    url = origin.at("/", page(Cache_Control=HOUR, Vary="Accept-Language"))
    german, french = {"Accept-Language": "de"}, {"Accept-Language": "fr"}
    got = [fetch(jobs, url, headers=headers)["cache"] for headers in (german, german, french)]
    assert got == ["miss", "hit", "miss"]


def test_a_stored_redirect_is_followed(jobs, origin):
    """301, for ever: the second job asks for neither."""
    origin.at("/a", page("", 301, Location="/b", Cache_Control=HOUR))
    origin.at("/b", page("<title>B</title>", Cache_Control=HOUR))
    fetch(jobs, origin.url + "/a")
    item = fetch(jobs, origin.url + "/a")
    assert (item["final_url"], item["cache"]) == (origin.url + "/b", "hit")
    assert origin.counts() == {"/a": 1, "/b": 1}


def test_a_stored_404_is_still_one(jobs, origin):
    """An error that is fresh needs no second look."""
    url = origin.at("/", page("", 404, Cache_Control=HOUR))
    fetch(jobs, url)
    item = fetch(jobs, url)
    assert (item["status"], item["error"]["type"], item["cache"]) == ("failed", "http-4xx", "hit")
    assert origin.count("/") == 1


def test_a_crawl_is_served_too(jobs, origin):
    """Links of stored pages are followed; a cookie in it was for once."""
    origin.at("/", page("<a href=/1>1</a><a href=/2>2</a>", Cache_Control=HOUR, Set_Cookie="c=1"))
    for path in ("/1", "/2"):
        origin.at(path, page(Cache_Control=HOUR))
    spec = {"urls": [origin.url + "/"], "follow": {}, "cache": True, "robots": False}
    for _ in range(2):
        job = jobs.run("scrape", spec)
        assert job["counts"] == {"items": 3, "failed": 0}
    assert origin.counts() == {"/": 1, "/1": 1, "/2": 1}
    assert {item["cache"] for item in jobs.results(job["id"])} == {"hit"}


def test_pages_survive_a_kill_and_none_is_torn(start_daemon, origin):
    """kill -9 while pages are stored: what is found afterwards is whole."""
    body = "<title>T</title>" + "x" * 200_000
    urls = [origin.at(f"/{number}", page(body, Cache_Control=HOUR)) for number in range(200)]
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    daemon.client.submit("scrape", {"urls": urls, "cache": True, "per_host": 8})
    origin.wait_for_total(100)
    end = time.monotonic() + PATIENCE_S
    while not folder_size(daemon.data / "cache") and time.monotonic() < end:
        pass
    daemon.kill()
    daemon.start()
    job = daemon.client.run("scrape", {"urls": urls, "cache": True, "per_host": 8})
    items = daemon.client.results(job["id"])
    assert {item["status"] for item in items} == {"success"}
    assert {item["data"]["content_length"] for item in items} == {len(body)}
    assert len({item["data"]["body_sha256"] for item in items}) == 1
    assert sum(item["cache"] == "hit" for item in items) > 0


def test_the_cache_is_bounded(start_daemon, origin):
    """--cache-max: what lies on the disk stays below it."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8", "--cache-max", "1MB")
    urls = [origin.at(f"/{number}", page("x" * 90_000, Cache_Control=HOUR)) for number in range(30)]
    daemon.client.run("scrape", {"urls": urls, "cache": True, "concurrency": 1})
    assert fetch(daemon.client, urls[-1])["cache"] == "hit"
    end = time.monotonic() + PATIENCE_S
    while (size := folder_size(daemon.data / "cache")) > 1 << 20 and time.monotonic() < end:
        pass
    assert 0 < size <= 1 << 20


def folder_size(folder):
    return sum(file.stat().st_size for file in folder.glob("??/*"))


@pytest.mark.parametrize("cache, pointer", [
    ("yes", "/spec/cache"), ({"max_stale": 5}, "/spec/cache/max_stale"),
    ({"stale": "5s"}, "/spec/cache/stale")])
def test_a_bad_cache_is_told_at_submit(jobs, cache, pointer):
    """With the place of the mistake."""
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://127.0.0.1:9/"], "cache": cache}})
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
