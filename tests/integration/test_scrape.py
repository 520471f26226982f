# SPDX-License-Identifier: MIT
"""scrape: what becomes of each URL, of good hosts and bad ones."""
import hashlib
import html

import pytest
from client import FINAL
from origin import (bomb, endless, garbage, hang, page, redirect, reset, status, truncated,
                    wide_headers)

FAST = {"max_attempts": 2, "base": "1ms", "max_delay": "2ms"}
ONCE = {"max_attempts": 1}


def scrape(jobs, urls, **spec):
    job = jobs.run("scrape", {"urls": urls, **spec})
    return job, {item["url"]: item for item in jobs.results(job["id"])}


def one(jobs, url, **spec):
    job, items = scrape(jobs, [url], **spec)
    item, = items.values()
    return job, item


# ---- what a page gives ----

HTML = """<!doctype html><html><head><title> A &amp; B </title><base href="/sub/"></head><body>
<h1>First</h1><h1>Second</h1><p class="price">12.50</p><p class="price">7</p>
<a href="x.html">x</a><a href="/y#top">y</a><a href="http://other.example/">o</a>
<a class="next" href="?page=2">next</a></body></html>"""


def test_a_base_that_is_none_leaves_the_pages_own(jobs, origin):
    """The first base with an href counts: if it is no URL or a script, the page's own is the base."""
    for first in ("javascript:x", "data:x", "http://["):
        url = origin.at("/at/a", page(f"<base><base href='{first}'><base href=/no/><a href=b>b</a>"))
        _, item = one(jobs, url)
        assert item["data"]["links"] == [origin.url + "/at/b"]


def test_a_base_in_the_body_counts(jobs, origin):
    """WHATWG HTML, 4.2.3: the first base with an href in the tree, wherever it stands."""
    url = origin.at("/at/a", page("<p>x</p><div><base href=/in/></div><a href=b>b</a>"))
    _, item = one(jobs, url, extract={"to": {"css": "a", "attr": "href", "type": "url"}})
    assert item["data"]["links"] == [origin.url + "/in/b"]
    assert item["data"]["to"] == origin.url + "/in/b"


@pytest.mark.parametrize("charset, href, query", [
    # The examples of the URL Standard, section 1.3, percent-encode after encoding.
    ("shift_jis", "?≡", "%81%DF"),
    ("shift_jis", "?‽", "%26%238253%3B"),
    ("iso-2022-jp", "?¥", "%1B(J\\%1B(B"),
    # And the rest of the URL stays in UTF-8.
    ("windows-1252", "/é?q=é&amp;r=x y#é", "q=%E9&r=x%20y#%C3%A9"),
    ("gbk", "?q=中文", "q=%D6%D0%CE%C4"),
    ("utf-16le", "?q=é", "q=%C3%A9"),
    ("utf-8", "?q=é", "q=%C3%A9"),
])
def test_queries_of_links_are_in_the_pages_encoding(jobs, origin, charset, href, query):
    """As a browser would ask for them."""
    named = html.escape(html.unescape(href)).encode("ascii", "xmlcharrefreplace").decode()
    body = f"<a href='{named}'>x</a>".encode("utf-16le" if charset == "utf-16le" else "ascii")
    url = origin.at("/", page(body, Content_Type=f"text/html; charset={charset}"))
    _, item = one(jobs, url)
    assert item["data"]["links"][0].partition("?")[2] == query


def test_a_page_gives_title_links_and_fields(jobs, origin):
    """title, links (resolved), their count, the length, and each field as it was asked for."""
    url = origin.at("/", page(HTML))
    _, item = one(jobs, url, extract={
        "first": "h1", "heads": {"css": "h1", "all": True},
        "prices": {"css": ".price", "all": True, "type": "number"},
        "next": {"css": "a.next", "attr": "href", "type": "url"},
        "class": {"css": "p::attr(class)"}, "none": "h6"})
    base = origin.url
    assert (item["status"], item["http_status"], item["error"]) == ("success", 200, None)
    assert (item["url"], item["final_url"], item["attempts"]) == (url, url, 1)
    data = item["data"]
    assert data["title"] == "A & B"
    assert data["content_length"] == len(HTML)
    assert data["links"] == [f"{base}/sub/x.html", f"{base}/y#top", "http://other.example/",
                             f"{base}/sub/?page=2"]
    assert data["link_count"] == 4
    assert (data["first"], data["heads"]) == ("First", ["First", "Second"])
    assert data["prices"] == [12.5, 7]
    assert data["next"] == f"{base}/sub/?page=2"
    assert (data["class"], data["none"]) == ("price", None)


def test_a_page_is_read_in_its_charset(jobs, origin):
    """The header says windows-1252: 0xFC is ü."""
    url = origin.at("/", page(b"<title>Gr\xfc\xdfe</title>", Content_Type="text/html; charset=latin1"))
    _, item = one(jobs, url)
    assert item["data"]["title"] == "Grüße"


def test_what_is_no_html_has_only_facts(jobs, origin):
    """An image is fetched and hashed, not parsed."""
    body = b"\x89PNG" + b"\0" * 96
    url = origin.at("/i.png", page(body, Content_Type="image/png"))
    _, item = one(jobs, url)
    assert item["data"] == {"content_length": 100, "content_type": "image/png",
                            "body_sha256": hashlib.sha256(body).hexdigest()}


def test_each_url_is_one_item(jobs, origin):
    """Two spellings of one page are fetched once."""
    job, items = scrape(jobs, [f"{origin.url}/a", f"{origin.url}/a#part", f"{origin.url}/./a",
                               f"{origin.url}/b"])
    assert origin.counts() == {"/a": 1, "/b": 1}
    assert len(items) == 2
    assert job["counts"] == {"items": 2, "failed": 0}
    assert job["state"] == "completed"


def test_redirects_are_followed_and_told(jobs, origin):
    """url is what was asked for, final_url where it was found."""
    origin.at("/b", redirect("/c", 301))
    origin.at("/c", page("<title>C</title>"))
    _, item = one(jobs, origin.at("/a", redirect("b")))
    assert (item["url"], item["final_url"]) == (origin.url + "/a", origin.url + "/c")
    assert item["data"]["title"] == "C"


def test_a_request_carries_what_the_spec_says(jobs, origin):
    """Header fields and user agent."""
    one(jobs, origin.url + "/", headers={"Accept-Language": "de"}, user_agent="tester/1")
    assert origin.headers["/"]["Accept-Language"] == "de"
    assert origin.headers["/"]["User-Agent"] == "tester/1"


# ---- failures, each with its reason ----

@pytest.mark.parametrize("act, reason, http_status, tries", [
    (status(404), "http-4xx", 404, 1),
    (status(410), "http-4xx", 410, 1),
    (status(403), "http-4xx", 403, 1),
    (status(500), "http-5xx", 500, 2),
    (reset(), "reset", None, 2),
    (truncated(), "truncated", None, 2),
    (garbage(), "protocol", None, None),
    (redirect("/x"), "redirects", None, None),
    (endless(), "too-large", None, 1),
    (page("x" * 50000, Content_Type="text/html"), "too-large", None, 1),
    (wide_headers(), "too-large", None, 1),
    (redirect("ftp://a.example/"), "url", None, 1),
])
def test_a_failed_url_says_why(jobs, origin, act, reason, http_status, tries):
    """One item, failed, with the reason; what could help is tried again."""
    job, item = one(jobs, origin.at("/x", act), retry=FAST, max_body="20KB")
    assert item["status"] == "failed"
    assert item["data"] is None
    assert item["error"]["type"] == reason, item
    assert item["error"]["detail"]
    if http_status is not None:
        assert item["http_status"] == http_status
    if tries is not None:
        assert origin.count("/x") == tries
    assert (job["state"], job["counts"]["failed"]) == ("failed", 1)
    assert job["error"]["type"] == "too-many-failed"


def test_a_decompression_bomb_is_cut_short(jobs, origin):
    """200 MB out of 200 KB: over the ratio long before it is over."""
    _, item = one(jobs, origin.at("/bomb", bomb()), retry=ONCE)
    assert item["error"]["type"] in ("bomb", "too-large")


def test_a_closed_port_is_a_failure_to_connect(jobs, origin):
    """Nobody listens: connect, tried again."""
    origin.server.server_close()
    _, item = one(jobs, origin.url + "/", retry=FAST)
    assert item["error"]["type"] == "connect"
    assert item["attempts"] == 2


def test_a_name_that_does_not_resolve(jobs):
    """RFC 6761: .invalid never does."""
    _, item = one(jobs, "http://nobody.invalid/", retry=ONCE)
    assert item["error"]["type"] == "dns"


def test_a_slow_host_runs_into_the_timeout(jobs, origin):
    """timeout is for one attempt of one URL."""
    _, item = one(jobs, origin.at("/slow", hang(origin)), retry=ONCE, timeout="200ms")
    assert item["error"]["type"] == "timeout"


def test_failed_items_fail_a_job_only_beyond_max_failed(jobs, origin):
    """By default a job completes when any item is good; max_failed says otherwise."""
    urls = [origin.url + "/good", origin.at("/bad", status(404))]
    job = jobs.run("scrape", {"urls": urls})
    assert (job["state"], job["counts"]) == ("completed", {"items": 2, "failed": 1})
    assert job["summary"]["succeeded"] == 1 and job["summary"]["failed"] == 1
    for limit, state in ((0, "failed"), (1, "completed"), ("10%", "failed"), ("50%", "completed")):
        job = jobs.run("scrape", {"urls": urls}, max_failed=limit)
        assert job["state"] == state, limit


# ---- retries, Retry-After ----

def test_a_transient_failure_is_tried_again(jobs, origin):
    """503, 500, then fine: one item, success, three attempts."""
    url = origin.at("/x", status(503, retry_after=0), status(500), page("<title>Up</title>"))
    _, item = one(jobs, url, retry={"max_attempts": 4, "base": "1ms", "max_delay": "5ms"})
    assert (item["status"], item["data"]["title"]) == ("success", "Up")
    assert origin.count("/x") == 3


def test_retry_after_is_obeyed(jobs, origin):
    """503 with Retry-After: 1: nothing goes to that host for a second."""
    url = origin.at("/x", status(503, retry_after=1), page("<title>Up</title>"))
    job, item = one(jobs, url, retry=FAST)
    assert item["status"] == "success"
    times = jobs.attempts(job["id"])[0]
    assert times["finished_at"] > times["started_at"]
    host = jobs.get(f"/v1/hosts/{origin.key}").json()
    assert host["total"]["throttled"] == 1
    assert host["breaker"]["window_failures"] == 0


# ---- the breaker ----

def test_a_breaker_opens_parks_and_closes_again(jobs, origin):
    """Failures open it, waiting work is parked and says so, probes close it, all ends well."""
    flapping = [status(500)] * 3 + [page("<title>Back</title>")]
    urls = [origin.at(f"/{n}", page("<title>Fine</title>")) for n in range(10)]
    urls[0] = origin.at("/0", *flapping)
    job = jobs.submit("scrape", {
        "urls": [urls[0]], "retry": {"max_attempts": 10, "base": "1ms", "max_delay": "2ms"},
        "breaker": {"failures": 3, "open": "2s"}})
    host = wait_for_host(jobs, origin, "open")
    assert host["breaker"]["trips"] == 1
    assert host["breaker"]["open_until"]
    jobs.reached(job["id"], "running")
    waiting = jobs.job(job["id"])["waiting"]
    assert (waiting["reason"], waiting["host"]) == ("circuit-open", origin.key)
    ended = jobs.ended(job["id"])
    assert (ended["state"], ended["attempt"]) == ("completed", 1)
    assert jobs.results(job["id"])[0]["data"]["title"] == "Back"
    # Two more probes that succeed, and it is closed.
    jobs.run("scrape", {"urls": urls[1:]})
    assert jobs.get(f"/v1/hosts/{origin.key}").json()["breaker"]["state"] == "closed"


def wait_for_host(jobs, origin, state):
    """Asks until the breaker is in a state; each question waits for an answer."""
    for _ in range(10000):
        answer = jobs.get(f"/v1/hosts/{origin.key}")
        if answer.status == 200 and answer.json()["breaker"]["state"] == state:
            return answer.json()
    raise AssertionError(f"{origin.key} never was {state}")


def test_an_open_breaker_can_fail_items_at_once(jobs, origin):
    """on_open fail: circuit-open, and no connection."""
    one(jobs, origin.url + "/first")
    assert jobs.post(f"/v1/hosts/{origin.key}/open").json()["breaker"]["forced"] is True
    _, item = one(jobs, origin.url + "/second", breaker={"on_open": "fail"}, retry=ONCE)
    assert item["error"]["type"] == "circuit-open"
    assert origin.count("/second") == 0


def test_a_breaker_is_steered_by_hand(jobs, origin):
    """Forced open it parks, forced closed it lets go, and hosts are listed by state."""
    one(jobs, origin.url + "/first")
    jobs.post(f"/v1/hosts/{origin.key}/open")
    job = jobs.submit("scrape", {"urls": [origin.url + "/parked"]})
    jobs.reached(job["id"], "running")
    listed = jobs.get(f"/v1/hosts?state=open&q={origin.port}").json()["items"]
    assert [host["key"] for host in listed] == [origin.key]
    assert origin.count("/parked") == 0
    assert jobs.post(f"/v1/hosts/{origin.key}/close").json()["breaker"]["state"] == "closed"
    assert jobs.ended(job["id"])["state"] == "completed"
    assert jobs.post(f"/v1/hosts/{origin.key}/reset").json()["breaker"]["forced"] is False


def test_an_open_breaker_survives_a_restart(start_daemon, origin):
    """What is known of a host is kept."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    one(daemon.client, origin.url + "/")
    daemon.client.post(f"/v1/hosts/{origin.key}/open")
    daemon.restart()
    host = daemon.client.get(f"/v1/hosts/{origin.key}").json()
    assert (host["breaker"]["state"], host["breaker"]["forced"]) == ("open", True)


# ---- the guard ----

@pytest.mark.parametrize("url, word", [
    ("http://127.0.0.1:{port}/", "loopback"),
    ("http://127.1:{port}/", "loopback"),
    ("http://2130706433/", "loopback"),
    ("http://0x7f.1/", "loopback"),
    ("http://[::1]/", "::1"),
    ("http://[::ffff:127.0.0.1]/", "loopback"),
    ("http://10.0.0.1/", "10.0.0.1"),
    ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
    ("http://192.168.1.1/", "192.168.1.1"),
    ("http://0.0.0.0/", "0.0.0.0"),
    ("http://printer.local/", "local"),
    ("http://vault.internal/", "internal"),
])
def test_inner_addresses_are_denied_at_submit(closed, origin, url, word):
    """422 address-denied, with the URL's place, before anything is fetched."""
    answer = closed.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://a.example/", url.format(port=origin.port)]}})
    assert (answer.status, answer.problem) == (422, "address-denied")
    assert answer.pointers == ["/spec/urls/1"]
    assert word in answer.json()["errors"][0]["detail"]
    assert origin.counts() == {}


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A daemon as it comes, without --allow-net."""
    from daemon import Daemon
    with Daemon(tmp_path_factory.mktemp("closed")) as daemon:
        yield daemon.client


def test_a_denial_says_how_to_allow_it(closed):
    """The hint is the flag."""
    answer = closed.post("/v1/jobs", {"type": "scrape", "spec": {"urls": ["http://127.0.0.1/"]}})
    assert answer.json()["errors"][0]["hint"] == "serve --allow-net 127.0.0.0/8"


def test_a_name_that_resolves_to_an_inner_address_is_denied(closed, origin):
    """The address counts when the connection is made: DNS cannot lie its way in."""
    _, item = one(closed, f"http://localhost:{origin.port}/", retry=ONCE)
    assert item["error"]["type"] == "guard"
    assert origin.counts() == {}


def test_a_redirect_to_an_inner_address_is_denied(jobs, origin):
    """Each hop is judged: 10.0.0.1 is not allowed though loopback is."""
    _, item = one(jobs, origin.at("/in", redirect("http://10.0.0.1/")), retry=ONCE)
    assert item["error"]["type"] == "guard"


def test_the_daemon_does_not_fetch_from_itself(jobs):
    """Its own address is denied whatever the operator allows."""
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {"urls": [jobs.url + "/v1/jobs"]}})
    assert (answer.status, answer.problem) == (422, "address-denied")


def test_a_redirect_to_the_daemon_itself_is_denied(jobs, origin):
    """Not by a detour either."""
    _, item = one(jobs, origin.at("/in", redirect(jobs.url + "/v1/jobs")), retry=ONCE)
    assert item["error"]["type"] == "guard"


# ---- running ----

def test_per_host_bounds_what_a_host_sees_at_once(jobs, origin):
    """Two at a time, however many are wanted."""
    urls = [origin.at(f"/{n}", hang(origin)) for n in range(6)]
    job = jobs.submit("scrape", {"urls": urls, "per_host": 2})
    origin.wait_for_total(2)
    assert jobs.get(f"/v1/hosts/{origin.key}").json()["in_flight"] == 2
    origin.released.set()
    assert jobs.ended(job["id"])["counts"] == {"items": 6, "failed": 0}


def test_a_crawl_can_be_cancelled_at_any_time(jobs, origin):
    """Transfers under way are cut, and the job is over."""
    urls = [origin.at(f"/{n}", hang(origin)) for n in range(50)]
    job = jobs.submit("scrape", {"urls": urls, "concurrency": 50, "per_host": 50})
    origin.wait_for_total(10)
    assert jobs.move(job["id"], "cancel").json()["state"] == "cancelled"
    assert jobs.results(job["id"]) == []
    assert jobs.job(job["id"])["state"] in FINAL


def test_a_thousand_pages_are_a_thousand_items(jobs, origin):
    """None twice, none missing."""
    urls = [f"{origin.url}/{n}" for n in range(1000)]
    job, items = scrape(jobs, urls, concurrency=64, per_host=64)
    assert job["state"] == "completed"
    assert set(items) == set(urls)
    assert set(origin.counts().values()) == {1}
    assert len(jobs.results(job["id"])) == 1000


def test_a_crawl_goes_on_after_a_kill(start_daemon, origin):
    """kill -9 in the middle: no item twice, none missing, few pages fetched again."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    origin.otherwise = page("<title>x</title>", latency_s=0.02)
    urls = [f"{origin.url}/{n}" for n in range(250)]
    urls += [origin.at(f"/{n}", hang(origin)) for n in range(250, 300)]  # it cannot end before
    job = daemon.client.submit("scrape", {"urls": urls, "concurrency": 8, "per_host": 8})
    origin.wait_for_total(150)
    while not (kept := daemon.client.results(job["id"])):
        pass
    daemon.kill()
    origin.released.set()
    asked = sum(origin.counts().values())
    daemon.start()
    ended = daemon.client.ended(job["id"])
    assert ended["state"] == "completed"
    items = daemon.client.results(job["id"])
    assert sorted(item["url"] for item in items) == sorted(urls)
    assert [a["state"] for a in daemon.client.attempts(job["id"])] == ["interrupted", "completed"]
    # What was shown is never fetched again.
    assert sum(count - 1 for count in origin.counts().values()) <= asked - len(kept)
