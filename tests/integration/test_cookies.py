# SPDX-License-Identifier: MIT
"""cookies: a crawl keeps what hosts set, and sends it where it belongs."""
import time

import pytest
from client import PATIENCE_S
from origin import Origin, hang, page, redirect

ONCE = {"max_attempts": 1}


@pytest.fixture
def other():
    """A host of another site."""
    with Origin(address="127.0.0.2") as other:
        yield other


def cookie(origin, path):
    """The Cookie header of the last request for a path."""
    return origin.headers[path].get_all("Cookie")


def crawl(jobs, *urls, **spec):
    job = jobs.run("scrape", {"urls": list(urls), "concurrency": 1, "retry": ONCE, **spec})
    assert (job["state"], job["counts"]["failed"]) == ("completed", 0)
    return job


def test_a_cookie_of_page_1_is_sent_with_page_2(jobs, origin, other):
    """Within its path, in one header, and to no other host."""
    origin.at("/a/1", page(Set_Cookie=["x=1; Path=/; HttpOnly", "y=2", "z=3; Path=/other"]))
    crawl(jobs, origin.url + "/a/1", origin.url + "/a/2", origin.url + "/3", other.url + "/4",
          cookies=True)
    assert cookie(origin, "/a/1") is None
    assert cookie(origin, "/a/2") == ["y=2; x=1"]
    assert cookie(origin, "/3") == ["x=1"]
    assert cookie(other, "/4") is None


def test_cookies_are_off_by_default(jobs, origin):
    """Nothing is kept when nobody asked."""
    origin.at("/1", page(Set_Cookie="x=1"))
    crawl(jobs, origin.url + "/1", origin.url + "/2")
    crawl(jobs, origin.url + "/1", origin.url + "/2", cookies=False)
    assert cookie(origin, "/2") is None


def test_each_job_has_a_jar_of_its_own(jobs, origin):
    """What one job was given, the next does not have."""
    origin.at("/1", page(Set_Cookie="x=1"))
    crawl(jobs, origin.url + "/1", cookies=True)
    crawl(jobs, origin.url + "/2", cookies=True)
    assert cookie(origin, "/2") is None


def test_a_redirect_sets_and_each_hop_has_its_own(jobs, origin, other):
    """A login page that redirects: the cookie goes to its host, not to where it led."""
    origin.at("/login", page("", 302, Location="/in", Set_Cookie="session=42; Path=/"))
    origin.at("/in", redirect(other.url + "/out"))
    other.at("/out", redirect(origin.url + "/back"))
    crawl(jobs, origin.url + "/login", cookies=True)
    assert cookie(origin, "/in") == ["session=42"]
    assert cookie(other, "/out") is None
    assert cookie(origin, "/back") == ["session=42"]


def test_cookies_to_begin_with(jobs, origin, other):
    """They go to the hosts of urls, and hosts may change them."""
    origin.at("/1", page("<a href=/2>2</a>", Set_Cookie="lang=fr; Path=/"))
    origin.at("/2", page(f"<a href={other.url}/3>3</a>"))
    crawl(jobs, origin.url + "/1", cookies={"session": "42", "lang": "de"},
          follow={"scope": "any"})
    assert cookie(origin, "/1") == ["session=42; lang=de"]
    assert cookie(origin, "/2") == ["session=42; lang=fr"]
    assert cookie(other, "/3") is None


def test_a_header_of_the_user_comes_first(jobs, origin):
    """Its names win over what the jar has."""
    origin.at("/1", page(Set_Cookie=["a=jar; Path=/", "b=jar; Path=/"]))
    crawl(jobs, origin.url + "/1", origin.url + "/2", cookies=True,
          headers={"Cookie": "a=own; c=own"})
    assert cookie(origin, "/2") == ["a=own; c=own; b=jar"]


def test_the_jar_survives_a_kill(start_daemon, origin):
    """kill -9 after page 1 was committed: page 2 still has its cookie."""
    origin.at("/1", page("<a href=/2>2</a>", Set_Cookie="session=42; Path=/"), page())
    origin.at("/2", hang(origin), page())
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    job = daemon.client.submit("scrape", {"urls": [origin.url + "/1"], "follow": {},
                                          "cookies": True, "retry": ONCE})
    end = time.monotonic() + PATIENCE_S
    while daemon.client.job(job["id"])["counts"]["items"] < 1 and time.monotonic() < end:
        pass
    origin.wait_for("/2")
    daemon.kill()
    origin.headers.clear()
    daemon.start()
    assert daemon.client.ended(job["id"])["state"] == "completed"
    assert origin.count("/1") == 1
    assert cookie(origin, "/2") == ["session=42"]


def test_cookies_of_a_spec_are_not_shown(jobs, origin):
    """Like any credential."""
    job = crawl(jobs, origin.url + "/", cookies={"session": "42"})
    assert jobs.get(f"/v1/jobs/{job['id']}").json()["spec"]["cookies"] == "***"
    job = crawl(jobs, origin.url + "/", cookies=True)
    assert jobs.get(f"/v1/jobs/{job['id']}").json()["spec"]["cookies"] is True


@pytest.mark.parametrize("cookies, pointer, code", [
    ("yes", "/spec/cookies", "wrong-type"),
    ({"a": 1}, "/spec/cookies/a", "wrong-type"),
    ({"a;b": "1"}, "/spec/cookies/a;b", "bad-cookie"),
    ({"": "1"}, "/spec/cookies/", "bad-cookie"),
    ({"a": "1; Path=/"}, "/spec/cookies/a", "bad-cookie"),
    ({"a": "1\r\nX: y"}, "/spec/cookies/a", "bad-cookie"),
])
def test_bad_cookies_are_told_at_submit(jobs, cookies, pointer, code):
    """With the place of each mistake."""
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://127.0.0.1:9/"], "cookies": cookies}})
    assert answer.status == 422
    assert [(error["pointer"], error["type"]) for error in answer.json()["errors"]] == [
        (pointer, code)]


def test_more_cookies_than_a_jar_holds(jobs):
    """51 names, and 100 hosts with 40 cookies each."""
    many = {f"c{number}": "1" for number in range(51)}
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://127.0.0.1:9/"], "cookies": many}})
    assert answer.status == 422
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": [f"http://127.0.1.{number}:9/" for number in range(100)],
        "cookies": {f"c{number}": "1" for number in range(40)}}})
    assert answer.status == 422
    assert [error["type"] for error in answer.json()["errors"]] == ["too-many"]
