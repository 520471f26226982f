# SPDX-License-Identifier: MIT
"""follow: a crawl from one URL through the links it finds."""
import gzip
import time

import pytest
from client import PATIENCE_S
from origin import ROBOTS, Origin, hang, page, redirect, status
from sites import Site, canonical

ONCE = {"max_attempts": 1}


def crawl(jobs, url, follow=None, **spec):
    job = jobs.run("scrape", {"urls": [url], "follow": follow or {}, "retry": ONCE, **spec})
    return job, jobs.results(job["id"])


def by_url(items):
    found = {canonical(item["url"]): item for item in items}
    assert len(found) == len(items), "a URL has two items"
    return found


def assert_whole(site, job, items):
    """Each reachable URL once, and counts that add up."""
    assert set(by_url(items)) == site.urls
    failed = site.count(404)
    assert job["counts"] == {"items": len(site.urls), "failed": failed}
    summary = job["summary"]
    assert (summary["urls"], summary["succeeded"], summary["failed"]) == (
        len(site.urls), len(site.urls) - failed, failed)
    assert summary["failed_by"] == {"http-4xx": failed}
    assert summary["redirects"] == site.count(301, 302)


# ---- one crawl ----

def test_each_reachable_url_is_one_item(jobs, origin):
    """Cycles, doubles, redirects, errors, traps: one item each, none missing, none fetched twice."""
    site = Site(origin)
    job, items = crawl(jobs, origin.url + "/", concurrency=32, per_host=32)
    assert job["state"] == "completed"
    assert_whole(site, job, items)
    assert set(origin.counts().values()) == {1}
    assert job["summary"]["skipped"]["trap"] > 0
    assert job["summary"]["hosts"][0]["host"] == origin.key


def test_a_host_that_nobody_asked_has_items_too(jobs, origin):
    """An address that is denied: no fetch was made, one item failed."""
    url = origin.at("/", page("<a href=http://10.0.0.1/x>x</a>"))
    job = jobs.run("scrape", {"urls": [url], "follow": {"scope": "any"}, "robots": False})
    hosts = {host.pop("host"): host for host in job["summary"]["hosts"]}
    assert hosts["http:10.0.0.1:80"] == {"fetches": 0, "succeeded": 0, "failed": 1, "bytes": 0}
    assert (hosts[origin.key]["succeeded"], hosts[origin.key]["failed"]) == (1, 0)


def test_items_say_how_deep_and_from_where(jobs, origin):
    """One fetch at a time is breadth first: depths are those of the shortest way."""
    site = Site(origin)
    _, items = crawl(jobs, origin.url + "/", concurrency=1)
    depths = {canonical(origin.url + path): depth for path, depth in site.depths.items()}
    assert {canonical(item["url"]): item["depth"] for item in items} == depths
    known = {item["url"] for item in items}
    assert [item["from"] for item in items if item["depth"] == 0] == [None]
    assert all(item["from"] in known for item in items if item["depth"] > 0)


def test_max_pages_is_exact_however_many_fetch(jobs, origin):
    """50 URLs, with 32 at a time."""
    Site(origin)
    job, items = crawl(jobs, origin.url + "/", {"max_pages": 50}, concurrency=32, per_host=32)
    assert len(by_url(items)) == 50
    assert job["counts"]["items"] == job["summary"]["urls"] == 50
    assert sum(origin.counts().values()) == 50


def test_max_depth_and_patterns(jobs, origin):
    """Two links deep, and only below /a/, without what ends in .pdf."""
    origin.at("/", page("<a href=/a/1>x</a><a href=/b/1>x</a>"))
    origin.at("/a/1", page("<a href=/a/2>x</a><a href=/a/x.pdf>x</a>"))
    origin.at("/a/2", page("<a href=/a/3>x</a>"))
    job, items = crawl(jobs, origin.url + "/",
                       {"max_depth": 2, "include": ["/a/"], "exclude": [r"\.pdf$"]})
    assert sorted(item["url"] for item in items) == [
        origin.url + "/", origin.url + "/a/1", origin.url + "/a/2"]
    assert job["summary"]["skipped"]["pattern"] == 2


def test_a_redirect_is_an_item_and_its_target_another(jobs, origin):
    """Two redirects to one page: three items, the page fetched once."""
    origin.at("/", page("<a href=/old>x</a><a href=/older>x</a>"))
    origin.at("/old", redirect("/new", 301))
    origin.at("/older", redirect("/new", 308))
    origin.at("/new", page("<title>New</title>"))
    _, items = crawl(jobs, origin.url + "/")
    found = by_url(items)
    assert len(found) == 4
    for old in ("/old", "/older"):
        item = found[origin.url + old]
        assert (item["status"], item["data"]) == ("success", None)
        assert item["http_status"] in (301, 308)
        assert item["final_url"] == origin.url + "/new"
    assert found[origin.url + "/new"]["data"]["title"] == "New"
    assert origin.count("/new") == 1


def test_a_redirect_out_of_the_scope_is_not_followed(jobs, origin):
    """Another port is another host; a seed that leads there is told in the log."""
    origin.at("/", redirect(f"http://127.0.0.1:{origin.port + 1}/"))
    job, items = crawl(jobs, origin.url + "/")
    assert len(items) == 1
    assert job["summary"]["skipped"]["scope"] == 1
    log = jobs.get(f"/v1/jobs/{job['id']}/logs").lines()
    assert "redirects out of the scope" in log[0]["data"]["text"]


def test_credentials_do_not_follow_links_to_other_hosts(jobs, origin):
    """Authorization goes where the seed is, not to another origin."""
    origin.at("/", page(f"<a href='http://localhost:{origin.port}/x'>x</a><a href=/y>y</a>"))
    crawl(jobs, origin.url + "/", {"scope": "any"}, headers={"Authorization": "Bearer x"})
    assert origin.headers["/y"]["Authorization"] == "Bearer x"
    assert origin.headers["/x"]["Authorization"] is None


# ---- many hosts ----

def test_a_host_that_does_not_answer_does_not_hold_up_others(jobs, origin):
    """Eight fetches at once, a hundred pages at a host that hangs, found first, and a hundred
    at one that answers: all of these are there before the first of those."""
    with Origin() as live:
        dead = [origin.at(f"/{n}", hang(origin)) for n in range(100)]
        links = "".join(f"<a href={url}>x</a>" for url in dead)
        more = "".join(f"<a href={live.url}/{n}>x</a>" for n in range(100))
        job = jobs.submit("scrape", {"urls": [live.at("/hub", page(links + more))],
                                     "follow": {"scope": "any"}, "concurrency": 8, "per_host": 8})
        live.wait_for_total(101)
        jobs.reached(job["id"], "running")
        origin.released.set()
        assert jobs.ended(job["id"])["counts"] == {"items": 201, "failed": 0}
        assert set(origin.counts().values()) == set(live.counts().values()) == {1}


# ---- progress ----

def test_progress_counts_what_is_found_queued_and_in_flight(jobs, origin):
    """One page done, one failed, two that hang, one behind them."""
    hung = [origin.at(f"/h{n}", hang(origin)) for n in range(3)]
    origin.at("/", page("".join(f"<a href={url}>x</a>" for url in [origin.url + "/no", *hung])))
    origin.at("/no", status(404))
    job = jobs.submit("scrape", {"urls": [origin.url + "/"], "follow": {}, "concurrency": 2,
                                 "per_host": 2})
    origin.wait_for("/h0")
    origin.wait_for("/h1")
    jobs.reached(job["id"], "running")
    end = time.monotonic() + PATIENCE_S
    while True:  # what is said of hosts may be as old as a quarter of a second
        progress = jobs.job(job["id"])["progress"]
        (host,) = progress["details"].pop("scrape")["hosts"] or [{}]
        if host.get("fetches") == 2:
            break
        assert time.monotonic() < end, host
    assert (host["host"], host["succeeded"], host["failed"]) == (origin.key, 1, 1)
    assert host["bytes"] > 0
    assert (progress["done"], progress["total"]) == (2, 5)
    assert progress["details"] == {"found": 5, "queued": 1, "in_flight": 2, "failed": 1,
                                   "failed_by": {"http-4xx": 1}}
    origin.released.set()
    ended = jobs.ended(job["id"])
    assert ended["progress"]["details"] is None
    assert ended["summary"]["failed_by"] == {"http-4xx": 1}


# ---- after a crash ----

@pytest.mark.parametrize("at", [20, 100])
def test_a_followed_crawl_goes_on_after_a_kill(start_daemon, origin, at):
    """kill -9 in the middle: the same items as without it, few pages fetched again, and all that
    are fetched afterwards see the cookies of all whose items were there."""
    site = Site(origin, latency_s=0.02)
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    job = daemon.client.submit("scrape", {
        "urls": [origin.url + "/"], "follow": {}, "concurrency": 8, "per_host": 8, "retry": ONCE,
        "cookies": True})
    origin.wait_for_total(at)
    shown = {site.cookie(item["url"].removeprefix(origin.url))
             for item in daemon.client.results(job["id"]) if item["data"]} - {None}
    daemon.kill()
    daemon.start()
    origin.headers.clear()  # what was on its way at the kill has arrived
    ended = daemon.client.ended(job["id"])
    assert ended["state"] == "completed"
    assert_whole(site, ended, daemon.client.results(job["id"]))
    assert len(origin.headers) > 10
    for path, headers in origin.headers.items():
        if path == ROBOTS:
            continue
        sent = {pair.partition("=")[0] for pair in headers.get("Cookie", "").split("; ")}
        assert shown <= sent, (path, shown - sent)
    assert at < 100 or len(shown) > 5


def test_max_pages_is_exact_over_kills(start_daemon, origin):
    """Killed twice: still 100 URLs."""
    Site(origin, latency_s=0.02)
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    job = daemon.client.submit("scrape", {
        "urls": [origin.url + "/"], "follow": {"max_pages": 100}, "concurrency": 8, "per_host": 8})
    for at in (20, 60):
        origin.wait_for_total(at)
        daemon.kill()
        daemon.start()
    assert daemon.client.ended(job["id"])["counts"]["items"] == 100
    assert len(by_url(daemon.client.results(job["id"]))) == 100


# ---- sitemaps ----

def urlset(*urls):
    return ('<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
            + "".join(f"<url><loc>{url}</loc></url>" for url in urls) + "</urlset>")


def test_seeds_come_out_of_sitemaps(jobs, origin):
    """robots.txt names an index, that a set and a list as gzip; one of them is missing."""
    base = origin.url
    origin.at("/robots.txt", page(f"User-agent: *\nSitemap: {base}/index.xml\n",
                                  Content_Type="text/plain"))
    index = "".join(f"<sitemap><loc>{base}/{name}</loc></sitemap>"
                    for name in ("set.xml", "list.txt.gz", "missing.xml"))
    origin.at("/index.xml", page(
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{index}</sitemapindex>',
        Content_Type="application/xml"))
    origin.at("/set.xml", page(urlset(f"{base}/1", f"{base}/2#x"), Content_Type="text/xml"))
    origin.at("/list.txt.gz", page(gzip.compress(f"{base}/2\n{base}/3\n".encode()),
                                   Content_Type="application/gzip"))
    origin.at("/missing.xml", status(404))
    job = jobs.run("scrape", {"sitemaps": [f"{base}/robots.txt"], "retry": ONCE})
    assert job["state"] == "completed"
    assert sorted(item["url"] for item in jobs.results(job["id"])) == [
        f"{base}/1", f"{base}/2", f"{base}/3"]
    log = [line["data"]["text"] for line in jobs.get(f"/v1/jobs/{job['id']}/logs").lines()]
    assert len(log) == 1 and "missing.xml: http-4xx" in log[0]


def test_a_crawl_whose_only_sitemap_fails_says_why(jobs, origin):
    """Not an empty success."""
    job = jobs.run("scrape", {"sitemaps": [origin.at("/s.xml", status(404))], "retry": ONCE})
    assert (job["state"], job["error"]["type"]) == ("failed", "http-4xx")


def test_credentials_do_not_go_where_sitemaps_lead(jobs, origin):
    """To the sitemap and its origin, not to another one."""
    origin.at("/s.xml", page(urlset(origin.url + "/in", f"http://localhost:{origin.port}/out")))
    jobs.run("scrape", {"sitemaps": [origin.url + "/s.xml"], "retry": ONCE,
                        "headers": {"Authorization": "Bearer x"}})
    sent = {path: headers["Authorization"] for path, headers in origin.headers.items()}
    assert (sent["/s.xml"], sent["/in"], sent["/out"]) == ("Bearer x", "Bearer x", None)


# ---- seeds out of another job ----

def test_urls_come_out_of_another_jobs_results(jobs, origin):
    """A crawl of lists, while it runs, feeds one of what is on them."""
    origin.at("/list", page("<a class=item href=/1>x</a><a class=item href=/2>x</a>"))
    origin.at("/more", hang(origin))
    first = jobs.submit("scrape", {
        "urls": [origin.url + "/list", origin.url + "/more"],
        "extract": {"to": {"css": "a.item", "attr": "href", "type": "url", "all": True}}})
    second = jobs.submit("scrape", {"urls_from": {"job": first["id"], "field": "data.to"}})
    origin.wait_for("/more")
    jobs.reached(second["id"], "running")
    end = time.monotonic() + PATIENCE_S
    while (waiting := jobs.job(second["id"])["waiting"]) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert waiting == {"reason": "job", "job": first["id"], "until": None}
    origin.released.set()
    ended = jobs.ended(second["id"])
    assert ended["state"] == "completed"
    assert sorted(item["url"] for item in jobs.results(second["id"])) == [
        origin.url + "/1", origin.url + "/2"]


def test_a_crawl_needs_the_job_that_it_reads(jobs, origin):
    """One that is gone when it begins, and one that was cancelled."""
    gone = jobs.run("math", {"op": "sum", "numbers": [1]})
    late = jobs.submit("scrape", {"urls_from": {"job": gone["id"]}}, delay="300ms")
    assert jobs.ask("DELETE", f"/v1/jobs/{gone['id']}").status == 204
    ended = jobs.ended(late["id"])
    assert (ended["state"], ended["error"]["type"]) == ("failed", "not-found")
    assert ended["error"]["detail"].startswith("urls_from: ")
    other = jobs.submit("scrape", {"urls": [origin.at("/h", hang(origin))]})
    jobs.move(other["id"], "cancel")
    ended = jobs.run("scrape", {"urls_from": {"job": other["id"]}})
    assert (ended["state"], ended["error"]["type"]) == ("failed", "parent-failed")


@pytest.mark.parametrize("member", ["urls_from", "if_changed_since"])
def test_a_job_that_never_was_is_refused_at_once(jobs, member):
    """422 with the place, from a dry run too."""
    spec = {"urls": ["http://a.example/"], member: {"job": "01a1fc94-37e9-74b1-a43a-e526e3e1f2df"}}
    for path in ("/v1/jobs", "/v1/jobs/validate"):
        answer = jobs.post(path, {"type": "scrape", "spec": spec})
        assert answer.status == 422
        assert [(m["pointer"], m["type"]) for m in answer.json()["errors"]] == [
            (f"/spec/{member}/job", "unknown-job")]


# ---- what has changed ----

def test_a_later_crawl_tells_only_what_has_changed(jobs, origin):
    """Of four pages one has another price, one is new, one fails: three items."""
    links = "<a href=/1>1</a><a href=/2>2</a><a href=/3>3</a>"
    origin.at("/", page(links), page(links + "<a href=/4>4</a>"))
    origin.at("/1", page("<i>7</i>"), page("<i>8</i>"))
    origin.at("/2", page("<i>5</i>"))
    origin.at("/3", page("<i>5</i>"), status(404))
    origin.at("/4", page("<i>1</i>"))
    spec = {"urls": [origin.url + "/"], "follow": {}, "retry": ONCE,
            "extract": {"price": {"css": "i", "type": "number"}}}
    first = jobs.run("scrape", spec)
    second = jobs.run("scrape", {**spec, "if_changed_since": {"job": first["id"]}})
    assert second["state"] == "completed"
    found = by_url(jobs.results(second["id"]))
    assert {url.rpartition("/")[2]: item.get("change") for url, item in found.items()} == {
        "1": {"kind": "changed", "before": {"price": 7}, "after": {"price": 8}},
        "3": None,
        "4": {"kind": "new", "before": None, "after": {"price": 1}}}
    assert second["summary"]["unchanged"] == 2
    assert second["counts"] == {"items": 3, "failed": 1}
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        **spec, "if_changed_since": {"job": first["id"], "fields": ["prize"]}}})
    assert answer.pointers == ["/spec/if_changed_since/fields/0"]


# ---- mistakes ----

def test_what_is_wrong_with_follow_is_told_at_submit(jobs):
    """All at once, each with its place."""
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://a.example/"],
        "follow": {"links": "a[", "include": ["("], "scope": "galaxy", "depth": 3}}})
    assert (answer.status, answer.problem) == (422, "invalid-spec")
    assert "/spec/follow/depth" in answer.pointers
    answer = jobs.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": ["http://a.example/"], "follow": {"links": "a[", "include": ["("]}}})
    assert set(answer.pointers) == {"/spec/follow/links", "/spec/follow/include/0"}
