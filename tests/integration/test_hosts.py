# SPDX-License-Identifier: MIT
"""/v1/hosts: lists, limits, events, parked jobs, and what outlives a power failure."""
import contextlib
import sqlite3
import time

import pytest
from client import PATIENCE_S
from origin import Origin, page, reset, status

ONCE = {"max_attempts": 1}
FAST = {"base": "1ms", "max_delay": "2ms"}


def fetch(jobs, *urls, **spec):
    return jobs.run("scrape", {"urls": list(urls), "retry": ONCE, **spec})


def host_of(jobs, origin):
    answer = jobs.get(f"/v1/hosts/{origin.key}")
    assert answer.status == 200, answer
    return answer.json()


def limits_of(jobs, origin):
    return host_of(jobs, origin)["limits"]["operator"]


@contextlib.contextmanager
def several_origins(count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Origin()) for _ in range(count)]


# ---- the list ----

def pages(jobs, query, limit):
    """The keys of all pages of a list."""
    keys, cursor = [], ""
    while True:
        answer = jobs.get(f"/v1/hosts?limit={limit}&{query}{cursor}")
        assert answer.status == 200, answer
        keys += [host["key"] for host in answer.json()["items"]]
        if not answer.json()["next_cursor"]:
            return keys
        cursor = f"&cursor={answer.json()['next_cursor']}"


def test_each_order_is_whole_over_its_pages(jobs):
    """By key from A to Z, by calls and failures from the most to the least, equals by key."""
    with several_origins(5) as origins:
        for number, origin in enumerate(origins):
            bad = [origin.at(f"/bad{n}", status(500)) for n in range(number % 3)]
            fetch(jobs, *(f"{origin.url}/{n}" for n in range(number)), origin.url + "/", *bad)
        q = "q=127.0.0.1"
        known = [host["key"] for host in jobs.get(f"/v1/hosts?limit=1000&{q}").json()["items"]]
        assert known == sorted(known)
        ours = {origin.key: origin for origin in origins}
        for sort, count in [("key", lambda host: 0), ("calls", lambda host: host["total"]["calls"]),
                            ("failures", lambda host: host["total"]["failures"]),
                            ("opens", lambda host: host["total"]["opens"]),
                            ("queued", lambda host: host["queued"]),
                            ("in_flight", lambda host: host["in_flight"])]:
            listed = pages(jobs, f"{q}&sort={sort}", 2)
            assert sorted(listed) == known, sort
            hosts = {key: host_of(jobs, ours[key]) for key in listed if key in ours}
            assert list(hosts) == sorted(hosts, key=lambda key: (-count(hosts[key]), key)), sort
        failed = [key for key in pages(jobs, f"{q}&sort=last_error_at", 2) if key in ours]
        assert failed[0] == origins[4].key  # the last one with a 500
        assert pages(jobs, f"q={origins[2].port}&last_error=http-5xx", 5) == [origins[2].key]
        assert pages(jobs, f"q={origins[3].port}&last_error=http-5xx", 5) == []


def test_a_cursor_is_one_of_ours_for_its_order(jobs):
    """Made up, cut, altered, or from another order: 400 bad-cursor."""
    with several_origins(2) as origins:
        for origin in origins:
            fetch(jobs, origin.url + "/")
        cursor = jobs.get("/v1/hosts?limit=1&sort=calls").json()["next_cursor"]
        assert jobs.get(f"/v1/hosts?limit=1&sort=calls&cursor={cursor}").status == 200
        changed = cursor[:-1] + ("0" if cursor[-1] != "0" else "1")
        for bad in ["x", "", origins[0].key, "00", cursor[:-2], cursor + "00", changed,
                    cursor.upper() + "g", "0" * 600]:
            answer = jobs.get(f"/v1/hosts?limit=1&sort=calls&cursor={bad}")
            assert (answer.status, answer.problem) == (400, "bad-cursor"), bad
        answer = jobs.get(f"/v1/hosts?limit=1&sort=opens&cursor={cursor}")
        assert (answer.status, answer.problem) == (400, "bad-cursor")


@pytest.mark.parametrize("query, hint", [
    ("sort=size", "in_flight"), ("last_error=bad", "connect"), ("state=shut", "half-open"),
    ("stat=open", "state")])
def test_a_filter_that_is_none_is_told(jobs, query, hint):
    """400 bad-parameter with what would be right."""
    answer = jobs.get(f"/v1/hosts?{query}")
    assert (answer.status, answer.problem) == (400, "bad-parameter")
    assert hint in answer.text


# ---- limits ----

def test_limits_are_set_changed_and_removed(jobs, origin):
    """Each member alone; null removes; the answer is the host."""
    fetch(jobs, origin.url + "/")
    path = f"/v1/hosts/{origin.key}"
    answer = jobs.ask("PATCH", path, {"concurrency": 3, "rate_per_s": 2.5, "delay": "40ms"})
    assert answer.status == 200, answer
    assert answer.json()["limits"]["operator"] == {
        "concurrency": 3, "rate_per_s": 2.5, "delay_ms": 40}
    jobs.ask("PATCH", path, {"concurrency": 5})
    assert limits_of(jobs, origin) == {"concurrency": 5, "rate_per_s": 2.5, "delay_ms": 40}
    jobs.ask("PATCH", path, {"rate_per_s": None, "delay": None})
    assert limits_of(jobs, origin) == {"concurrency": 5, "rate_per_s": None, "delay_ms": None}
    jobs.ask("PATCH", path, {"concurrency": None})
    assert limits_of(jobs, origin) == {"concurrency": None, "rate_per_s": None, "delay_ms": None}


@pytest.mark.parametrize("patch, pointer", [
    ({"concurrency": 0}, "/concurrency"), ({"concurrency": 1025}, "/concurrency"),
    ({"concurrency": 1.5}, "/concurrency"), ({"rate_per_s": 0}, "/rate_per_s"),
    ({"rate_per_s": -1}, "/rate_per_s"), ({"rate_per_s": "fast"}, "/rate_per_s"),
    ({"delay": 5}, "/delay"), ({"delay": "2h"}, "/delay"), ({"delay": "-1s"}, "/delay"),
    ({"concurency": 2}, "/concurency"), ({}, ""), ([], ""), (3, "")])
def test_a_limit_out_of_range_changes_nothing(jobs, origin, patch, pointer):
    """422 with the member's place; a misspelt one with the name that was meant."""
    fetch(jobs, origin.url + "/")
    before = limits_of(jobs, origin)
    body = patch if isinstance(patch, (dict, list)) else str(patch)
    answer = jobs.ask("PATCH", f"/v1/hosts/{origin.key}", body)
    assert (answer.status, answer.pointers) == (422, [pointer])
    assert limits_of(jobs, origin) == before


def test_limits_of_what_is_no_host(jobs):
    """A host need not be known, but its key must be one; a body must be JSON."""
    assert jobs.ask("PATCH", "/v1/hosts/nonsense", {"concurrency": 1}).status == 404
    assert jobs.ask("PATCH", "/v1/hosts/http:new.example:80", "{").problem == "invalid-json"
    answer = jobs.ask("PATCH", "/v1/hosts/http:new.example:80", {"concurrency": 1})
    assert (answer.status, answer.json()["limits"]["operator"]["concurrency"]) == (200, 1)


def test_a_limit_holds_for_work_that_waits(jobs):
    """One at a time from now on: the pages of a job that is under way never overlap."""
    with Origin(latency_s=0.01) as origin:
        assert jobs.ask("PATCH", f"/v1/hosts/{origin.key}", {"concurrency": 1}).status == 200
        job = fetch(jobs, *(f"{origin.url}/{n}" for n in range(20)), concurrency=8, per_host=8)
        assert job["counts"] == {"items": 20, "failed": 0}
        assert host_of(jobs, origin)["limits"]["concurrency_max"] == 1


def test_what_is_not_known_of_a_host_is_null(jobs):
    """No maximum while no job asks for one, no status of an answer that never came."""
    with Origin() as origin:
        fetch(jobs, origin.url + "/", concurrency=8, per_host=8)
        idle = host_of(jobs, origin)
        assert (idle["limits"]["concurrency_max"], idle["last_status"]) == (None, None)
        fetch(jobs, origin.at("/reset", reset()))
        silent = host_of(jobs, origin)
        assert (silent["last_error"], silent["last_status"]) == ("reset", None)
        fetch(jobs, origin.at("/bad", status(503)))
        assert host_of(jobs, origin)["last_status"] == 503


# ---- moves ----

def test_each_move_is_an_event_and_in_the_history(jobs, origin):
    """Failures open it, time half-opens it, probes close it; each told once, in order."""
    acts = [status(500)] * 3 + [page("<title>Back</title>")]
    url = origin.at("/", *acts)
    with jobs.stream("/v1/events?type=host") as stream:
        events = stream.values()
        jobs.run("scrape", {"urls": [url], "retry": {"max_attempts": 10, **FAST},
                            "breaker": {"failures": 3, "open": "1s"}})
        fetch(jobs, origin.url + "/1", origin.url + "/2")
        told = []
        while len(told) < 3:
            event = next(events)
            assert (event["type"], event["job"]) == ("host", None)
            if event["data"]["key"] == origin.key:
                told.append(event)
    way = [("closed", "open", "consecutive-failures"), ("open", "half-open", "open-time-over"),
           ("half-open", "closed", "probes-succeeded")]
    assert [(e["data"]["from"], e["data"]["to"], e["data"]["reason"]) for e in told] == way
    assert [e["seq"] for e in told] == sorted(e["seq"] for e in told)
    assert told[0]["data"]["until"] > told[0]["at"]
    assert told[2]["data"]["until"] is None
    host = host_of(jobs, origin)
    assert [(m["from"], m["to"], m["reason"]) for m in host["history"]] == way
    assert host["breaker"]["reason"] == "probes-succeeded"
    # A client that comes later reads the same from the store.
    with jobs.stream(f"/v1/events?type=host&after={told[0]['seq'] - 1}") as stream:
        assert next(stream.values()) == told[0]


def test_a_hand_that_lets_go_is_a_move_too(jobs, origin):
    """Held closed from closed, then reset: who follows the events knows of both."""
    fetch(jobs, origin.url + "/")
    with jobs.stream("/v1/events?type=host") as stream:
        for verb in ["close", "reset", "reset"]:
            jobs.post(f"/v1/hosts/{origin.key}/{verb}")
        ours = (event["data"] for event in stream.values() if event["data"]["key"] == origin.key)
        told = [next(ours) for _ in range(2)]
    assert [(move["from"], move["to"], move["reason"]) for move in told] == [
        ("closed", "closed", "by-hand"), ("closed", "closed", "reset")]
    assert len(host_of(jobs, origin)["history"]) == 2


@pytest.mark.parametrize("method, verb", [
    ("GET", ""), ("PATCH", ""), ("POST", "/open"), ("POST", "/close"), ("POST", "/reset")])
def test_what_is_asked_of_a_host_is_checked(jobs, origin, method, verb):
    """A parameter that none has is 400, and nothing is done; an unknown host is 404 with a hint."""
    fetch(jobs, origin.url + "/")
    body = {"concurrency": 1} if method == "PATCH" else None
    answer = jobs.ask(method, f"/v1/hosts/{origin.key}{verb}?force=true", body)
    assert (answer.status, answer.problem) == (400, "bad-parameter")
    assert host_of(jobs, origin)["history"] == []
    assert limits_of(jobs, origin)["concurrency"] is None
    answer = jobs.ask(method, f"/v1/hosts/example.com{verb}", body)
    assert (answer.status, answer.problem) == (404, "not-found")
    assert "https:example.com:443" in answer.json()["hint"]


# ---- parked jobs ----

def park(jobs, origin, **envelope):
    """A job that is wholly parked at a host whose breaker is open."""
    fetch(jobs, origin.url + "/first")
    jobs.post(f"/v1/hosts/{origin.key}/open")
    job = jobs.submit("scrape", {"urls": [origin.url + "/parked"], "retry": ONCE}, **envelope)
    jobs.reached(job["id"], "running")
    return job["id"]


def test_a_parked_job_says_why_and_holds_nothing(jobs, origin):
    """circuit-open, the host, no end that is known; no attempt is made, no transfer held."""
    job = park(jobs, origin)
    assert jobs.waiting(job) == {"reason": "circuit-open", "host": origin.key, "until": None}
    host = host_of(jobs, origin)
    assert (host["in_flight"], host["queued"]) == (0, 1)
    assert jobs.get("/v1/pool").json()["stepping"] == 0
    jobs.post(f"/v1/hosts/{origin.key}/reset")
    assert jobs.ended(job)["state"] == "completed"
    assert jobs.results(job)[0]["attempts"] == 1


def test_a_throttled_job_says_until_when(jobs, origin):
    """429 with Retry-After: throttled, with the instant."""
    origin.at("/", status(429, retry_after=30))
    job = jobs.submit("scrape", {"urls": [origin.url + "/"]})
    origin.wait_for("/")
    waiting = jobs.waiting(job["id"])
    assert (waiting["reason"], waiting["host"]) == ("throttled", origin.key)
    assert waiting["until"] > jobs.job(job["id"])["created_at"]
    jobs.move(job["id"], "cancel")


def test_a_refused_job_says_that_it_is_blocked(jobs, origin):
    """Ten of ten refused: the rest waits a quarter of an hour."""
    urls = [origin.at(f"/{n}", status(403)) for n in range(12)]
    job = jobs.submit("scrape", {"urls": urls, "concurrency": 1, "per_host": 1})
    waiting = jobs.waiting(job["id"])
    assert (waiting["reason"], waiting["host"]) == ("blocked", origin.key)
    assert sum(origin.counts().values()) == 10
    jobs.move(job["id"], "cancel")


def test_the_timeout_stands_while_a_job_is_parked(jobs, origin):
    """Parked for longer than its timeout, it completes all the same."""
    job = park(jobs, origin, timeout="2s")
    jobs.waiting(job)
    still = jobs.get(f"/v1/jobs/{job}?wait=4s").json()  # twice its timeout
    assert still["state"] == "running"
    jobs.post(f"/v1/hosts/{origin.key}/reset")
    assert jobs.ended(job)["state"] == "completed"


def test_a_deadline_ends_parked_work(jobs, origin):
    """The whole job has three seconds: it fails then, whatever the host does."""
    job = jobs.ended(park(jobs, origin, deadline="3s"))
    assert (job["state"], job["error"]["type"]) == ("failed", "deadline")
    assert origin.count("/parked") == 0


def test_a_parked_job_lends_its_place(start_daemon, origin):
    """One job may run at once: while it is parked another one runs; then it goes on."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8", "--active-max", "1")
    job = park(daemon.client, origin)
    daemon.client.waiting(job)
    with Origin() as other:
        assert fetch(daemon.client, other.url + "/")["state"] == "completed"
    assert daemon.client.job(job)["state"] == "running"
    daemon.client.post(f"/v1/hosts/{origin.key}/reset")
    assert daemon.client.ended(job)["state"] == "completed"


# ---- what outlives the process ----

def row_of(daemon, origin):
    """What the store has of a host."""
    with contextlib.closing(sqlite3.connect(
            f"file:{daemon.data}/jobmill.db?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT value FROM kv WHERE space = 'hosts' AND key = ?",
                          (origin.key,)).fetchall()
    return rows[0][0] if rows else None


def row_after(daemon, origin):
    """Asks until the store has something; it is written about once a second."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if row := row_of(daemon, origin):
            return row
    raise AssertionError("the store was not told")


def test_breaker_history_and_limits_survive_a_kill(start_daemon, origin):
    """SIGKILL after they were written: all three are there again."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    fetch(daemon.client, *(origin.at(f"/{n}", reset()) for n in range(5)), concurrency=1)
    before = host_of(daemon.client, origin)
    assert before["breaker"]["state"] == "open"
    row_after(daemon, origin)
    daemon.client.ask("PATCH", f"/v1/hosts/{origin.key}", {"concurrency": 7, "rate_per_s": 0.5})
    daemon.kill()
    daemon.start()
    after = host_of(daemon.client, origin)
    assert (after["breaker"]["state"], after["breaker"]["trips"]) == ("open", 1)
    assert after["breaker"]["reason"] == "consecutive-failures"
    assert after["limits"]["operator"] == {"concurrency": 7, "rate_per_s": 0.5, "delay_ms": None}
    assert [(m["from"], m["to"], m["reason"]) for m in after["history"]] == [
        ("closed", "open", "consecutive-failures")]
    # The events of the time before are there, too.
    with daemon.client.stream("/v1/events?type=host&after=0") as stream:
        event = next(stream.values())
    assert (event["job"], event["data"]["key"], event["data"]["to"]) == (None, origin.key, "open")


def steer(jobs, origin, verb):
    """Steers a host; what of it a client was promised."""
    path = f"/v1/hosts/{origin.key}"
    patch = {"concurrency": 7, "rate_per_s": 0.5, "delay": "2s"}
    answer = jobs.ask("PATCH", path, patch) if verb == "patch" else jobs.post(f"{path}/{verb}")
    assert answer.status == 200, answer
    return promised(answer.json())


def promised(host):
    breaker = {name: host["breaker"][name] for name in ["state", "forced", "reason"]}
    moves = [(move["from"], move["to"], move["reason"]) for move in host["history"]]
    return breaker, host["limits"]["operator"], moves


@pytest.mark.parametrize("first, verb", [
    (None, "patch"), (None, "open"), ("open", "close"), ("open", "reset"), ("open", "patch")])
def test_what_a_hand_did_survives_a_kill_right_after_its_answer(start_daemon, origin, first, verb):
    """SIGKILL as soon as the answer is there: the host is as the answer said."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    if first:
        steer(daemon.client, origin, first)
    told = steer(daemon.client, origin, verb)
    daemon.kill()
    daemon.start()
    assert promised(host_of(daemon.client, origin)) == told


def test_a_parked_job_is_parked_again_after_a_kill(start_daemon, origin):
    """It was running, it runs again, and waits for the same host; then it completes."""
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    job = park(daemon.client, origin)
    daemon.kill()
    daemon.start()
    assert daemon.client.waiting(job)["reason"] == "circuit-open"
    assert origin.count("/parked") == 0
    daemon.client.post(f"/v1/hosts/{origin.key}/reset")
    assert daemon.client.ended(job)["state"] == "completed"
    assert daemon.client.results(job)[0]["attempts"] == 1
