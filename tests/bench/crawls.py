# SPDX-License-Identifier: MIT
"""Measures of crawls: beside Scrapy, Crawlee and a bare prototype, and the memory they take."""
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import peers
from peers import Failed, Jobmill
from web import SlowWeb, Web

PAGES = 10_000
KNOWN = 1_000_000
CRAWLEE = ("@crawlee/cheerio", "3.18.1") # of its packages the one that has CheerioCrawler
LOOPBACK = ("--allow-net", "127.0.0.0/8")


def submit(server, spec):
    return json.loads(server.ask("POST", "/v1/jobs", json.dumps({"type": "scrape", "spec": spec})))


def end(server, job):
    """The job as it ended, and how many seconds it ran."""
    while job["state"] not in ("completed", "failed"):
        job = json.loads(server.ask("GET", f"/v1/jobs/{job['id']}?wait=60s"))
    if job["state"] != "completed" or job["counts"]["failed"]:
        raise Failed(f"the crawl {job['state']}: {job['counts']}")
    return job, job["summary"]["urls"] / job["summary"]["pages_per_s"]


def crawl(_):
    """10,000 pages of 10 KB from one URL through their links, title and links of each kept:
    durably, by Scrapy and Crawlee (1,000 of them), and by curl multi and libxml2 from a list,
    kept nowhere."""
    figures = {}
    with Web(PAGES) as web:
        site = f"http://127.0.0.1:{web.port}"
        for at_once in (64, 256):
            with Jobmill(*LOOPBACK) as server:
                job = submit(server, {"urls": [f"{site}/0.html"], "follow": {},
                                      "concurrency": at_once, "per_host": at_once})
                job, took_s = end(server, job)
                if job["summary"]["urls"] != PAGES:
                    raise Failed(f"{job['summary']['urls']} pages of {PAGES}")
                name = "jobmill" if at_once == 64 else f"jobmill, {at_once} at once"
                figures[name] = PAGES / took_s
                if at_once == 64:
                    figures["jobmill CPU"] = server.cpu_s() * 1e6 / PAGES
        figures["prototype"] = peers.told(
            [f"{peers.BUILD}/bench_crawl", site, str(PAGES), "64"], 60)["rate"]
    with Web(PAGES // 10) as web:
        figures["scrapy"] = peers.told(
            [sys.executable, f"{peers.HERE}/spider.py", f"http://127.0.0.1:{web.port}/0.html", "64"],
            120)["rate"]
        if rate := crawlee(f"http://127.0.0.1:{web.port}/0.html"):
            figures["crawlee"] = rate
    return figures


def crawlee(seed):
    """Its rate; None, and why, when it cannot be installed."""
    home = f"{peers.BUILD}/crawlee"
    try:
        subprocess.run([f"{peers.HERE}/../tools/npm-package", home, *CRAWLEE], check=True)
    except (OSError, subprocess.SubprocessError) as failure:
        print(f"crawlee is not measured: {failure}", flush=True)
        return None
    os.environ["CRAWLEE"] = home
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as items:
        return peers.told(["node", f"{peers.HERE}/crawlee.mjs", seed, "64", items.name], 120)["rate"]


def slow(_):
    """1,000 pages of an origin that takes 100 ms for each, 256 at once."""
    with SlowWeb(0.1) as web, Jobmill(*LOOPBACK) as server:
        job = submit(server, {"urls": [f"http://127.0.0.1:{web.port}/{n}" for n in range(1000)],
                              "concurrency": 256, "per_host": 256})
        _, took_s = end(server, job)
    return {"jobmill": took_s * 1000, "ideal": math.ceil(1000 / 256) * 100}


def large(_):
    """Peak memory of 5,000 pages of 100 KB, 256 at once."""
    with Web() as web, Jobmill(*LOOPBACK) as server:
        job = submit(server, {"urls": [f"http://127.0.0.1:{web.port}/large/{n}" for n in range(5000)],
                              "concurrency": 256, "per_host": 256})
        end(server, job)
        return {"peak": server.rss_mib()[1]}


def frontier(_):
    """A crawl that knows 1,000,000 URLs after its first 168 pages: pages a second then, and
    those of a crawl that knows 1,000; memory while it works them off."""
    rates = {}
    for known in (1000, KNOWN):
        with Web(hubs=168) as web, Jobmill(*LOOPBACK) as server:
            job = submit(server, {
                "urls": [f"http://127.0.0.1:{web.port}/hub0.html"], "concurrency": 64,
                "per_host": 64, "follow": {
                    "max_pages": known, "include": ["/hub", "/leaf/"],
                    "priorities": [{"pattern": "/hub", "priority": 1}]}})
            rates[known] = rate_when_known(server, job, known)
            figures = {"peak": server.rss_mib()[1]}
    return {"1,000 known": rates[1000], "1,000,000 known": rates[KNOWN], **figures}


def rate_when_known(server, job, known):
    """Pages a second once they are all known: over 20 s, or until the crawl ends."""
    began, done = None, 0
    while True:
        got = json.loads(server.ask("GET", f"/v1/jobs/{job['id']}"))
        if got["state"] == "completed":
            return got["summary"]["pages_per_s"]
        if got["state"] == "failed":
            raise Failed(f"the crawl failed: {got['error']}")
        details, now = got["progress"]["details"], time.monotonic()
        if began is None and details and details["found"] >= known:
            began, done = now, got["progress"]["done"]
        elif began is not None and now - began >= 20:
            return (got["progress"]["done"] - done) / (now - began)
        time.sleep(0.2)
