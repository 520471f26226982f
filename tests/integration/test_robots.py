# SPDX-License-Identifier: MIT
"""robots.txt: what a crawl may fetch, what happens when the file cannot be had."""
import gzip
import time

import pytest
from origin import Origin, bomb, endless, hang, page, redirect, reset, status, truncated


def text(*lines, **headers):
    return page("\n".join(lines) + "\n", Content_Type="text/plain", **headers)


def crawl(jobs, urls, **spec):
    """The job, and the items by the path of their URL's end."""
    job = jobs.run("scrape", {"urls": urls, "robots": True, **spec})
    return job, {item["url"]: item for item in jobs.results(job["id"])}


def outcome(item):
    return item["error"]["type"] if item["error"] else item["status"]


def outcomes(jobs, origin, paths, **spec):
    _, items = crawl(jobs, [origin.url + path for path in paths], **spec)
    return [outcome(items[origin.url + path]) for path in paths]


@pytest.fixture
def other():
    with Origin() as other:
        yield other


# ---- the rules ----

def test_a_disallowed_url_is_a_failed_item(jobs, origin):
    """It is never asked for; its reason is robots, and says which path."""
    origin.at("/robots.txt", text("User-agent: *", "Disallow: /private/"))
    urls = [f"{origin.url}/private/a", f"{origin.url}/public"]
    job, items = crawl(jobs, urls)
    failed = items[urls[0]]
    assert (failed["status"], failed["http_status"], failed["data"]) == ("failed", None, None)
    assert failed["error"] == {"type": "robots", "detail": "robots.txt disallows /private/a"}
    assert items[urls[1]]["status"] == "success"
    assert origin.counts() == {"/public": 1}
    assert job["counts"] == {"items": 2, "failed": 1}


def test_the_longest_match_wins_and_allow_wins_a_tie(jobs, origin):
    """RFC 9309, 2.2.2."""
    origin.at("/robots.txt", text("User-agent: *", "Disallow: /a", "Allow: /a/b", "Disallow: /t",
                                  "Allow: /t", "Disallow: /*.gif$"))
    paths = ["/a", "/a/b", "/a/c", "/t", "/x.gif", "/x.gif?y"]
    assert outcomes(jobs, origin, paths) == [
        "robots", "success", "robots", "success", "robots", "success"]


def test_the_name_is_that_of_the_user_agent(jobs, origin):
    """Each job finds its own group, though the file is fetched once."""
    origin.at("/robots.txt", text("User-agent: jobmill", "Disallow: /j", "User-agent: tester",
                                  "Disallow: /t", "User-agent: *", "Disallow: /"))
    paths = ["/j", "/t"]
    assert outcomes(jobs, origin, paths) == ["robots", "success"]
    assert outcomes(jobs, origin, paths, user_agent="tester/2.0") == ["success", "robots"]
    assert outcomes(jobs, origin, paths, headers={"User-Agent": "tester"}) == ["success", "robots"]
    assert outcomes(jobs, origin, paths, user_agent="someone/1") == ["robots", "robots"]
    assert origin.count("/robots.txt") == 1


def test_a_list_of_urls_asks_only_when_told_to(jobs, origin):
    """Whoever names a URL wants it; a crawl that follows links asks."""
    origin.at("/robots.txt", text("User-agent: *", "Disallow: /no"))
    origin.at("/", page('<a href="/no">no</a><a href="/yes">yes</a>'))
    jobs.run("scrape", {"urls": [origin.url + "/no"]})
    assert origin.count("/robots.txt") == 0
    job = jobs.run("scrape", {"urls": [origin.url + "/"], "follow": {}})
    items = {item["url"]: outcome(item) for item in jobs.results(job["id"])}
    assert items == {f"{origin.url}/": "success", f"{origin.url}/yes": "success",
                     f"{origin.url}/no": "robots"}
    jobs.run("scrape", {"urls": [origin.url + "/"], "follow": {}, "robots": False})
    assert origin.counts() == {"/": 2, "/no": 2, "/yes": 2}


def test_robots_txt_itself_may_be_fetched(jobs, origin):
    """RFC 9309, 2.2.2: whatever it says."""
    origin.at("/robots.txt", text("User-agent: *", "Disallow: /"))
    assert outcomes(jobs, origin, ["/robots.txt", "/a"]) == ["success", "robots"]


# ---- one file for all ----

def test_a_hundred_urls_need_one_robots_txt(jobs, origin):
    """And a second job needs none."""
    paths = [f"/{number}" for number in range(100)]
    assert outcomes(jobs, origin, paths, per_host=16) == ["success"] * 100
    assert origin.count("/robots.txt") == 1
    assert outcomes(jobs, origin, ["/more"]) == ["success"]
    assert origin.count("/robots.txt") == 1


def test_a_host_tells_what_is_known_of_its_robots_txt(jobs, origin):
    """State, since when and until when, delay, number of sitemaps."""
    origin.at("/robots.txt", text("Sitemap: http://a.example/1", "Sitemap: http://a.example/2",
                                  "User-agent: *", "Crawl-delay: 0.01", Cache_Control="max-age=600"))
    jobs.run("scrape", {"urls": [origin.url + "/"]})
    assert jobs.get(f"/v1/hosts/{origin.key}").json()["robots"] is None
    outcomes(jobs, origin, ["/"])
    robots = jobs.get(f"/v1/hosts/{origin.key}").json()["robots"]
    assert robots["fetched_at"] < robots["until"]
    assert {k: robots[k] for k in ("state", "status", "crawl_delay_ms", "sitemaps")} == {
        "state": "known", "status": 200, "crawl_delay_ms": 10, "sitemaps": 2}


def test_a_crawl_delay_slows_the_host(jobs, origin):
    """Half a second between three pages is a second at least."""
    origin.at("/robots.txt", text("User-agent: *", "Disallow:", "Crawl-delay: 0.5"))
    begin = time.monotonic()
    assert outcomes(jobs, origin, ["/1", "/2", "/3"]) == ["success"] * 3
    assert time.monotonic() - begin >= 1.0
    assert jobs.get(f"/v1/hosts/{origin.key}").json()["limits"]["crawl_delay_ms"] == 500


# ---- redirects ----

def test_each_origin_of_a_redirect_is_asked(jobs, origin, other):
    """The target's own robots.txt decides about the target."""
    other.at("/robots.txt", text("User-agent: *", "Disallow: /no"))
    origin.at("/in", redirect(other.url + "/no"))
    origin.at("/out", redirect(other.url + "/yes"))
    assert outcomes(jobs, origin, ["/in", "/out"]) == ["robots", "success"]
    assert other.counts() == {"/yes": 1}
    assert (origin.count("/robots.txt"), other.count("/robots.txt")) == (1, 1)


def test_a_redirected_robots_txt_is_that_of_who_was_asked(jobs, origin, other):
    """RFC 9309, 2.3.1.2: five redirects are followed, also to another authority; the rules
    hold for the first one only."""
    for number in range(4):
        origin.at(f"/r{number}", redirect(f"/r{number + 1}"))
    origin.at("/robots.txt", redirect("/r0"))
    origin.at("/r4", redirect(other.url + "/rules"))
    other.at("/rules", text("User-agent: *", "Disallow: /no"))
    assert outcomes(jobs, origin, ["/no", "/yes"]) == ["robots", "success"]
    assert outcomes(jobs, other, ["/no"]) == ["success"]


def test_a_robots_txt_that_leads_nowhere_allows_all(jobs, origin):
    """RFC 9309, 2.3.1.2: more redirects than are followed are no file."""
    origin.at("/robots.txt", redirect("/robots.txt"))
    assert outcomes(jobs, origin, ["/a"]) == ["success"]


# ---- files that are missing, broken or hostile ----

@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_4xx_allows_all(jobs, origin, code):
    """RFC 9309, 2.3.1.3."""
    origin.at("/robots.txt", page("User-agent: *\nDisallow: /", code))
    assert outcomes(jobs, origin, ["/a"]) == ["success"]
    assert jobs.get(f"/v1/hosts/{origin.key}").json()["robots"]["state"] == "missing"


@pytest.mark.parametrize("act", [status(500), status(502), reset()])
def test_an_unreachable_file_disallows_all(jobs, origin, act):
    """RFC 9309, 2.3.1.4: after four attempts; the next URLs fail at once."""
    origin.at("/robots.txt", act)
    assert outcomes(jobs, origin, ["/a", "/b"]) == ["robots", "robots"]
    assert origin.count("/robots.txt") == 4
    assert outcomes(jobs, origin, ["/c"]) == ["robots"]
    assert origin.counts() == {}
    assert origin.count("/robots.txt") == 4
    robots = jobs.get(f"/v1/hosts/{origin.key}").json()["robots"]
    assert (robots["state"], robots["until"] is not None) == ("unreachable", True)


def test_a_file_that_comes_back_is_obeyed(jobs, origin):
    """500, then the file: those that waited go on."""
    origin.at("/robots.txt", status(500), text("User-agent: *", "Disallow: /no"))
    assert outcomes(jobs, origin, ["/yes", "/no"]) == ["success", "robots"]
    assert origin.count("/robots.txt") == 2


def test_a_file_that_is_cut_short_does_not_count(jobs, origin):
    """What is missing may be what forbids."""
    origin.at("/robots.txt", truncated())
    assert outcomes(jobs, origin, ["/a"]) == ["robots"]


@pytest.mark.parametrize("act", [
    endless(b"User-agent: *\nDisallow: /no\n" * 1000),
    page("User-agent: *\nDisallow: /no\n" + "#" * 99 + "\n" * 20_000_000),
    page(gzip.compress(b"User-agent: *\nDisallow: /no\n"), Content_Encoding="gzip"),
    page(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /no\r\n"),
])
def test_a_long_or_odd_file_is_read_as_far_as_files_are_read(jobs, origin, act):
    """Endless, 20 MB, compressed, with a byte order mark: the rule at its beginning counts."""
    origin.at("/robots.txt", act)
    assert outcomes(jobs, origin, ["/no", "/yes"]) == ["robots", "success"]
    assert origin.count("/robots.txt") == 1


def test_a_bomb_says_nothing(jobs, origin):
    """512 KiB of zeros are no rules, and no more of it is looked at."""
    origin.at("/robots.txt", bomb())
    assert outcomes(jobs, origin, ["/a"]) == ["success"]


# ---- waiting ----

def test_a_job_that_waits_for_robots_txt_says_so(jobs, origin):
    """Its pages hold no transfer, and go on with the answer."""
    origin.at("/robots.txt", hang(origin))
    urls = [f"{origin.url}/{number}" for number in range(5)]
    job = jobs.submit("scrape", {"urls": urls, "robots": True})
    origin.wait_for("/robots.txt")
    waiting = jobs.waiting(job["id"])
    assert (waiting["reason"], waiting["host"]) == ("robots", origin.key)
    host = jobs.get(f"/v1/hosts/{origin.key}").json()
    assert (host["in_flight"], host["queued"], host["robots"]["state"]) == (1, 0, "loading")
    origin.released.set()
    assert jobs.ended(job["id"])["counts"] == {"items": 5, "failed": 0}


def test_a_job_that_waits_for_robots_txt_can_be_cancelled(jobs, origin):
    """The file is fetched on, for others."""
    origin.at("/robots.txt", hang(origin))
    job = jobs.submit("scrape", {"urls": [origin.url + "/a"], "robots": True})
    origin.wait_for("/robots.txt")
    assert jobs.move(job["id"], "cancel").json()["state"] == "cancelled"
    origin.released.set()
    assert outcomes(jobs, origin, ["/a"]) == ["success"]
    assert origin.count("/robots.txt") == 1


def test_a_host_that_is_denied_is_guard_not_robots(start_daemon, origin):
    """Without --allow-net for it, the reason is the one that helps."""
    jobs = start_daemon("--allow-net", "127.0.0.2/32").client
    job, items = crawl(jobs, [f"http://localhost:{origin.port}/"])
    item, = items.values()
    assert item["error"]["type"] == "guard"
