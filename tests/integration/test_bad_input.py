# SPDX-License-Identifier: MIT
"""Every malformed request gets a 4xx problem that says what and where, and changes nothing."""
import json

import pytest

NOBODY = "01890000-0000-7000-8000-000000000000"  # a well-formed id that no job has


def state_of(jobs):
    """What a refused request must leave as it was: the counts of jobs and of events."""
    lines = jobs.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith(("jobmill_jobs{", "jobmill_events_total"))]


@pytest.fixture(autouse=True)
def nothing_changes(jobs):
    before = state_of(jobs)
    yield
    assert state_of(jobs) == before


@pytest.fixture(scope="module")
def done(jobs):
    """A job that has ended, and a settled daemon around it."""
    return jobs.run("math", {"op": "sum", "numbers": [1]})["id"]


@pytest.fixture(autouse=True)
def settled(done):
    """The job of `done` is there before anything is counted."""


# ---- the body is no JSON: 400 with line and column ----

@pytest.mark.parametrize("body, line, column", [
    ("", 1, 1),
    ("   ", 1, 4),
    ("{", 1, 2),
    ('{"type":"math"', 1, 15),
    ('{"type":"math",}', 1, 16),
    ('{"type":"math"}x', 1, 16),
    ("{'type':1}", 1, 2),
    ('{"type":\n "math",\n "spec":tru}', 3, 12),
    ('{"a":01}', 1, 7),
    ('{"a":1.}', 1, 8),
    ('{"a":+1}', 1, 6),
    ('{"a":NaN}', 1, 6),
    ('{"a":"\t"}', 1, 7),
    ('{"a":"\\x"}', 1, 8),
    ('{"a":"\\u12"}', None, None),
    (b'{"a":"\xff"}', 1, 7),
    (b'{"a":"\xc0\xaf"}', 1, 7),
    (b"\xef\xbb\xbf{}", 1, 1),
    ("[" * 33 + "]" * 33, 1, 33),
    ("{} {}", 1, 4),
    ("type=math&op=sum", 1, None),
])
def test_a_body_that_is_no_json(jobs, body, line, column):
    """invalid-json, with the place where it went wrong."""
    answer = jobs.post("/v1/jobs", body)
    assert (answer.status, answer.problem) == (400, "invalid-json")
    problem = answer.json()
    assert problem["detail"]
    if line is not None:
        assert problem["line"] == line
    if column is not None:
        assert problem["column"] == column


@pytest.mark.parametrize("body, pointer", [
    ('{"type":"math","type":"text","spec":{}}', "/type"),
    ('{"type":"math","spec":{"op":"sum","\\u006fp":"sum"}}', "/spec/op"),
    ('{"type":"ma\\u0000th","spec":{}}', "/type"),
    ('{"type":"math","spec":{"numbers":[1,"\\ud800"]}}', "/spec/numbers/1"),
    ('{"type":"math","spec":{"numbers":[1e400]}}', "/spec/numbers/0"),
])
def test_json_that_two_readers_would_read_differently(jobs, body, pointer):
    """Duplicate names, NUL, lone surrogates and infinite numbers are well-formed, and 422."""
    answer = jobs.post("/v1/jobs", body)
    assert (answer.status, answer.problem) == (422, "invalid-spec")
    assert answer.json()["pointer"] == pointer


# ---- the envelope ----

MATH = {"type": "math", "spec": {"op": "sum", "numbers": [1]}}


def envelope(**members):
    return {**MATH, **members}


ENVELOPES = [
    # what is wrong, where it is told, as what, with which hint
    ([], "", "wrong-type", None),
    ("text", "", "wrong-type", None),
    (7, "", "wrong-type", None),
    (None, "", "wrong-type", None),
    ({"spec": {}}, "/type", "missing-member", None),
    ({"type": "math"}, "/spec", "missing-member", None),
    ({"type": "mth", "spec": {}}, "/type", "unknown-type", "math"),
    ({"type": 7, "spec": {}}, "/type", "wrong-type", None),
    ({"type": "math", "spec": []}, "/spec", "wrong-type", None),
    ({"type": "math", "spec": "sum"}, "/spec", "wrong-type", None),
    (envelope(prioritty="high"), "/prioritty", "unknown-member", "priority"),
    (envelope(**{"a/b~c": 1}), "/a~1b~0c", "unknown-member", None),
    (envelope(name=""), "/name", "out-of-range", None),
    (envelope(name="x" * 201), "/name", "out-of-range", None),
    (envelope(name=["x"]), "/name", "wrong-type", None),
    (envelope(priority="hgih"), "/priority", "bad-choice", "high"),
    (envelope(priority=1), "/priority", "wrong-type", None),
    (envelope(run_at="tomorrow"), "/run_at", "bad-instant", None),
    (envelope(run_at="2026-02-30T00:00:00Z"), "/run_at", "bad-instant", None),
    (envelope(run_at="2026-01-01T00:00:00"), "/run_at", "bad-instant", None),
    (envelope(run_at="2026-01-01T24:00:00Z"), "/run_at", "bad-instant", None),
    (envelope(run_at=1767225600), "/run_at", "wrong-type", None),
    (envelope(delay=5), "/delay", "bad-duration", 'write "5s"'),
    (envelope(delay="5"), "/delay", "bad-duration", 'write "5s"'),
    (envelope(delay="-5s"), "/delay", "bad-duration", None),
    (envelope(delay="1y"), "/delay", "bad-duration", None),
    (envelope(delay="5 s"), "/delay", "bad-duration", None),
    (envelope(delay=""), "/delay", "bad-duration", None),
    (envelope(delay="99999d"), "/delay", "out-of-range", None),
    (envelope(delay="1s", run_at="2099-01-01T00:00:00Z"), "/delay", "conflict", None),
    (envelope(timeout="0s"), "/timeout", "out-of-range", None),
    (envelope(timeout=30), "/timeout", "bad-duration", 'write "30s"'),
    (envelope(deadline="soon"), "/deadline", "bad-duration", None),
    (envelope(retry=3), "/retry", "wrong-type", None),
    (envelope(retry={"max_attempts": 0}), "/retry/max_attempts", "out-of-range", None),
    (envelope(retry={"max_attempts": 101}), "/retry/max_attempts", "out-of-range", None),
    (envelope(retry={"max_attempts": 1.5}), "/retry/max_attempts", "wrong-type", None),
    (envelope(retry={"max_attempts": "3"}), "/retry/max_attempts", "wrong-type", None),
    (envelope(retry={"backoff": "expotential"}), "/retry/backoff", "bad-choice", "exponential"),
    (envelope(retry={"factor": 0.5}), "/retry/factor", "out-of-range", None),
    (envelope(retry={"jitter": "yes"}), "/retry/jitter", "wrong-type", None),
    (envelope(retry={"attempts": 3}), "/retry/attempts", "unknown-member", None),
    (envelope(unique="key"), "/unique", "wrong-type", None),
    (envelope(unique={}), "/unique/key", "missing-member", None),
    (envelope(unique={"key": ""}), "/unique/key", "out-of-range", None),
    (envelope(unique={"key": "k", "on_conflict": "refuse"}), "/unique/on_conflict",
     "bad-choice", None),
    (envelope(tags=["a"]), "/tags", "wrong-type", None),
    (envelope(tags={"a": 1}), "/tags/a", "wrong-type", None),
    (envelope(tags={"a": "x" * 201}), "/tags/a", "out-of-range", None),
    (envelope(tags={f"t{n}": "" for n in range(17)}), "/tags", "out-of-range", None),
    (envelope(fair_key=""), "/fair_key", "out-of-range", None),
    (envelope(max_failed=-1), "/max_failed", "out-of-range", None),
    (envelope(max_failed="101%"), "/max_failed", "bad-share", None),
    (envelope(max_failed="many"), "/max_failed", "bad-share", None),
    (envelope(max_failed=True), "/max_failed", "wrong-type", None),
    (envelope(keep="soon"), "/keep", "bad-duration", '"7d" or "forever"'),
    (envelope(keep=7), "/keep", "wrong-type", None),
]


def one_mistake(jobs, job, pointer, kind, hint):
    answer = jobs.post("/v1/jobs", json.dumps(job))
    assert (answer.status, answer.problem) == (422, "invalid-spec")
    assert answer.json()["title"] == "1 mistake in the spec"
    mistake, = answer.json()["errors"]
    assert (mistake["pointer"], mistake["type"]) == (pointer, kind)
    assert mistake["detail"]
    if hint is not None:
        assert mistake["hint"] == hint


@pytest.mark.parametrize("job, pointer, kind, hint", ENVELOPES)
def test_a_mistake_in_the_envelope(jobs, job, pointer, kind, hint):
    """One mistake, one entry: its pointer, its kind, and the right word where it is near."""
    one_mistake(jobs, job, pointer, kind, hint)


# ---- the specs ----

SPECS = [
    ("math", {}, "/op", "missing-member", None),
    ("math", {"op": "summ", "numbers": []}, "/op", "bad-choice", "sum"),
    ("math", {"op": "sum"}, "/numbers", "missing-member", None),
    ("math", {"op": "sum", "numbers": 3}, "/numbers", "wrong-type", None),
    ("math", {"op": "sum", "numbers": [1, "two"]}, "/numbers/1", "bad-number", None),
    ("math", {"op": "sum", "numbers": [True]}, "/numbers/0", "wrong-type", None),
    ("math", {"op": "sum", "numbers": [9007199254740994]}, "/numbers/0", "out-of-range",
     "write it as a string"),
    ("math", {"op": "sum", "numbers": [1], "n": 3}, "/n", "unknown-member", None),
    ("math", {"op": "factorial"}, "/n", "missing-member", None),
    ("math", {"op": "factorial", "n": -1}, "/n", "out-of-range", None),
    ("math", {"op": "factorial", "n": 1.5}, "/n", "wrong-type", None),
    ("math", {"op": "factorial", "n": 200001}, "/n", "out-of-range", None),
    ("math", {"op": "fibonacci", "n": 5000001}, "/n", "out-of-range", None),
    ("math", {"op": "fibonacci", "n": 1, "numbers": [1]}, "/numbers", "unknown-member", None),
    ("text", {"op": "hash"}, "/text", "missing-member", None),
    ("text", {"op": "hash", "text": "x", "algorithm": "sha-256"}, "/algorithm", "bad-choice",
     "sha256"),
    ("text", {"op": "uppercase", "text": "x", "by": "grapheme"}, "/by", "unknown-member", None),
    ("text", {"op": "reverse", "text": 5}, "/text", "wrong-type", None),
    ("sleep", {}, "/for", "missing-member", None),
    ("sleep", {"for": 5}, "/for", "bad-duration", 'write "5s"'),
    ("sleep", {"for": "1s", "fail_rate": 1.1}, "/fail_rate", "out-of-range", None),
    ("sleep", {"for": "1s", "seed": -1}, "/seed", "out-of-range", None),
    ("sleep", {"for": "1s", "block": "yes"}, "/block", "wrong-type", None),
    ("scrape", {}, "/urls", "missing-member", None),
    ("scrape", {"urls": []}, "/urls", "out-of-range", None),
    ("scrape", {"urls": "http://a.example/"}, "/urls", "wrong-type", None),
    ("scrape", {"urls": ["http://a.example/", "ftp://a.example/"]}, "/urls/1", "bad-url", None),
    ("scrape", {"urls": ["a.example"]}, "/urls/0", "bad-url", None),
    ("scrape", {"urls": ["http://"]}, "/urls/0", "bad-url", None),
    ("scrape", {"urls": ["http://a.example:99999/"]}, "/urls/0", "bad-url", None),
    ("scrape", {"urls": ["http://a b.example/"]}, "/urls/0", "bad-url", None),
    ("scrape", {"urls": ["http://a.example/" + "x" * 2100]}, "/urls/0", "out-of-range", None),
    ("scrape", {"urls": ["http://a.example/"], "concurrency": 0}, "/concurrency",
     "out-of-range", None),
    ("scrape", {"urls": ["http://a.example/"], "max_body": "20MB"}, "/max_body",
     "out-of-range", None),
    ("scrape", {"urls": ["http://a.example/"], "max_body": 500}, "/max_body", "bad-size",
     'write "500B"'),
    ("scrape", {"urls": ["http://a.example/"], "breaker": {"on_open": "wait"}},
     "/breaker/on_open", "bad-choice", None),
    ("scrape", {"urls": ["http://a.example/"], "headers": {"Host": "b"}}, "/headers/Host",
     "bad-header", None),
    ("scrape", {"urls": ["http://a.example/"], "headers": {"X": "a\r\nY: b"}}, "/headers/X",
     "bad-header", None),
    ("scrape", {"urls": ["http://a.example/"], "headers": {"a b": "c"}}, "/headers/a b",
     "bad-header", None),
    ("scrape", {"urls": ["http://a.example/"], "user_agent": "a\nb"}, "/headers/User-Agent",
     "bad-header", None),
    ("scrape", {"urls": ["http://a.example/"], "extract": {"p": {"css": "p", "typ": "x"}}},
     "/extract/p/typ", "unknown-member", "type"),
    ("scrape", {"urls": ["http://a.example/"],
                "extract": {"p": {"css": "a::attr(href)", "attr": "href"}}},
     "/extract/p/attr", "conflict", None),
]


@pytest.mark.parametrize("kind, spec, pointer, mistake, hint", SPECS)
def test_a_mistake_in_a_spec(jobs, kind, spec, pointer, mistake, hint):
    """The pointer leads into the spec of the job as it was sent."""
    one_mistake(jobs, {"type": kind, "spec": spec}, "/spec" + pointer, mistake, hint)


def test_a_mistake_in_a_selector_is_shown_in_its_line(jobs):
    """A selector has its own line and column, and its source."""
    spec = {"urls": ["http://a.example/"], "extract": {"h": "h1 >> b"}}
    mistake, = jobs.post("/v1/jobs", {"type": "scrape", "spec": spec}).json()["errors"]
    assert (mistake["pointer"], mistake["type"]) == ("/spec/extract/h", "selector")
    assert (mistake["line"], mistake["column"], mistake["source"]) == (1, 5, "h1 >> b")


@pytest.mark.parametrize("job, pointer", [
    (envelope(depends_on=[NOBODY]), "/depends_on"),
    (envelope(callback={"url": "https://a.example/"}), "/callback"),
    ({"type": "scrape", "spec": {"urls": ["http://a.example/"], "download": {}}}, "/spec/download"),
])
def test_members_that_are_not_built_yet_say_so(jobs, job, pointer):
    """not-implemented, never ignored."""
    answer = jobs.post("/v1/jobs", job)
    assert (answer.status, answer.problem) == (422, "not-implemented")
    assert answer.pointers == [pointer]


def test_a_spec_reports_all_its_mistakes_at_once(jobs):
    """Envelope and spec together, each with its own pointer."""
    job = {"type": "math", "spec": {"op": "sum", "numbers": [1, "x", None, "y"], "nn": 1},
           "priority": "urgent", "delay": 5, "retry": {"max_attempts": 0, "bas": "1s"},
           "tags": {"a": 1}, "foo": 1}
    answer = jobs.post("/v1/jobs", job)
    assert answer.status == 422
    assert {"/priority", "/delay", "/retry/max_attempts", "/retry/bas", "/tags/a", "/foo",
            "/spec/nn"} <= set(answer.pointers)
    count = len(answer.pointers)
    assert answer.json()["title"] == f"{count} mistakes in the spec"


def test_a_spec_with_thousands_of_mistakes_is_answered_with_a_hundred(jobs):
    """What is wrong everywhere is not told endlessly."""
    job = {"type": "math", "spec": {"op": "sum", "numbers": ["x"] * 5000}}
    answer = jobs.post("/v1/jobs", job)
    assert answer.status == 422
    assert len(answer.pointers) == 100


# ---- paths, ids, methods ----

JOB_ROUTES = [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry"),
    ("POST", "/pause"), ("POST", "/resume"), ("GET", "/results"), ("GET", "/errors"),
    ("GET", "/logs"), ("GET", "/attempts"), ("GET", "/events"),
]


@pytest.mark.parametrize("job_id", [
    NOBODY, "1", "x" * 36, NOBODY + "0", NOBODY.replace("-", ""), "%2e%2e", "%c3%28",
])
@pytest.mark.parametrize("method, path", JOB_ROUTES)
def test_an_id_that_no_job_has(jobs, method, path, job_id):
    """404 under each route, whether it could be an id or not."""
    body = {"priority": "high"} if method == "PATCH" else None
    answer = jobs.ask(method, f"/v1/jobs/{job_id}{path}", body)
    assert (answer.status, answer.problem) == (404, "not-found")


@pytest.mark.parametrize("path", [
    "/v1", "/v2/jobs", "/v1/job", "/v1/jobs/a/b", "/v1/jobs/a/events/b", "/v1//jobs",
    "//", "/metrics/x", "/v1/handlers/nothing", "/v1/hosts/http:nobody.example:80",
    "/v1/hosts/%00", "/favicon.ico", "/../etc/passwd", "/v1/jobs/" + "a/" * 50,
])
def test_a_path_where_nothing_is(jobs, path):
    """404 with the path, 400 where it is no path at all."""
    answer = jobs.get(path)
    assert (answer.status, answer.problem) in [(404, "not-found"), (400, "bad-request")]


def test_a_trailing_slash_is_hinted_at(jobs):
    """/v1/jobs/ is not /v1/jobs, and the answer says which is meant."""
    answer = jobs.get("/v1/jobs/")
    assert (answer.status, answer.json()["hint"]) == (404, "/v1/jobs")


@pytest.mark.parametrize("method, path, allow", [
    ("PUT", "/v1/jobs", "GET, HEAD, POST, OPTIONS"),
    ("DELETE", "/v1/jobs", "GET, HEAD, POST, OPTIONS"),
    ("GET", f"/v1/jobs/{NOBODY}/cancel", "POST, OPTIONS"),
    ("POST", "/metrics", "GET, HEAD, OPTIONS"),
    ("PATCH", "/v1/jobs/batch", "POST, OPTIONS"),
])
def test_a_method_that_a_path_does_not_know(jobs, method, path, allow):
    """405, and Allow names those that it does."""
    answer = jobs.ask(method, path)
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == allow


# ---- queries ----

@pytest.mark.parametrize("path, problem, word", [
    ("/v1/jobs?limit=0", "bad-parameter", "limit"),
    ("/v1/jobs?limit=1001", "bad-parameter", "1000"),
    ("/v1/jobs?limit=-1", "bad-parameter", "limit"),
    ("/v1/jobs?limit=ten", "bad-parameter", "ten"),
    ("/v1/jobs?limit=", "bad-parameter", "limit"),
    ("/v1/jobs?limit=99999999999999999999", "bad-parameter", "limit"),
    ("/v1/jobs?state=runing", "bad-parameter", "runing"),
    ("/v1/jobs?state=running&state=x", "bad-parameter", "'x'"),
    ("/v1/jobs?priority=urgent", "bad-parameter", "critical"),
    ("/v1/jobs?tag=team", "bad-parameter", "key:value"),
    ("/v1/jobs?tag=:data", "bad-parameter", "key:value"),
    ("/v1/jobs?since=yesterday", "bad-parameter", "since"),
    ("/v1/jobs?until=2026-13-01T00:00:00Z", "bad-parameter", "until"),
    ("/v1/jobs?sate=running", "bad-parameter", "'state'"),
    ("/v1/jobs?q=%zz", "bad-parameter", "'q'"),
    ("/v1/jobs?q=%00", "bad-parameter", "'q'"),
    ("/v1/jobs?cursor=abc", "bad-cursor", "abc"),
    ("/v1/jobs?" + "&".join(f"q={n}" for n in range(65)), "bad-parameter", "64"),
    ("/v1/hosts?state=broken", "bad-parameter", "broken"),
    ("/v1/hosts?limit=0", "bad-parameter", "limit"),
    ("/v1/handlers?x=1", "bad-parameter", "'x'"),
    ("/v1/events?type=ended", "bad-parameter", "ended"),
    ("/v1/events?after=x", "bad-parameter", "after"),
    ("/v1/events?after=-1", "bad-parameter", "after"),
    ("/v1/jobs/{id}?wait=5", "bad-parameter", "wait"),
    ("/v1/jobs/{id}?wait=61s", "bad-parameter", "60s"),
    ("/v1/jobs/{id}?wait=-1s", "bad-parameter", "wait"),
    ("/v1/jobs/{id}?expect=done", "bad-parameter", "completed"),
    ("/v1/jobs/{id}?include=all", "bad-parameter", "results"),
    ("/v1/jobs/{id}/results?format=xml", "bad-parameter", "ndjson"),
    ("/v1/jobs/{id}/results?follow=maybe", "bad-parameter", "follow"),
    ("/v1/jobs/{id}/results?cursor=x", "bad-parameter", "cursor"),
    ("/v1/jobs/{id}/results?limit=0", "bad-parameter", "limit"),
    ("/v1/jobs/{id}/errors?cursor=x", "bad-parameter", "cursor"),
    ("/v1/jobs/{id}/logs?limit=x", "bad-parameter", "limit"),
    ("/v1/jobs/{id}/attempts?limit=1", "bad-parameter", "limit"),
    ("/v1/jobs/{id}/events?after=one", "bad-parameter", "after"),
])
def test_a_query_that_is_wrong(jobs, done, path, problem, word):
    """400, naming the parameter or what would be right."""
    answer = jobs.get(path.replace("{id}", done))
    assert (answer.status, answer.problem) == (400, problem)
    assert word in answer.json()["detail"]


@pytest.mark.parametrize("path", [
    "/v1/jobs?wait=5", "/v1/jobs?wait=61s", "/v1/jobs?expect=failed", "/v1/jobs?include=x",
    "/v1/jobs?dry_run=maybe", "/v1/jobs?wiat=5s", "/v1/jobs/batch?atomic=maybe",
    "/v1/jobs/validate?x=1", "/v1/jobs/cancel?state=x", "/v1/jobs/cancel?all=maybe",
    "/v1/jobs/cancel?all=true&dry_run=maybe", "/v1/jobs/retry?limit=5",
])
def test_a_query_of_a_post_that_is_wrong(jobs, path):
    """A right job with a wrong query is not submitted."""
    answer = jobs.post(path, MATH)
    assert (answer.status, answer.problem) == (400, "bad-parameter")


@pytest.mark.parametrize("query", [
    "format=csv&follow=true", "format=csv&limit=2", "format=json&columns=a", "format=xml",
    "format=csv&columns=", "format=csv&columns=a,,b"])
def test_words_about_results_that_do_not_go_together(jobs, done, query):
    """CSV is a whole, and alone has columns."""
    answer = jobs.get(f"/v1/jobs/{done}/results?{query}")
    assert (answer.status, answer.problem) == (400, "bad-parameter")


def test_only_a_retry_is_of_items(jobs, done):
    """Whole jobs are cancelled, paused, resumed."""
    for verb in ("cancel", "pause", "resume"):
        answer = jobs.post(f"/v1/jobs/{done}/{verb}?items=failed")
        assert (answer.status, answer.problem) == (400, "bad-parameter")


# ---- headers ----

@pytest.mark.parametrize("path, headers, status, problem", [
    ("/v1/jobs/{id}/events", {"Last-Event-ID": "x"}, 400, "bad-parameter"),
    ("/v1/jobs/{id}/events", {"Last-Event-ID": "-1"}, 400, "bad-parameter"),
    ("/v1/jobs/{id}/events", {"Last-Event-ID": "99999999999999999999999"}, 400, "bad-parameter"),
    ("/v1/jobs/{id}/results", {"Accept": "text/html"}, 406, "not-acceptable"),
    ("/v1/jobs", {"Expect": "magic"}, 417, "expectation-failed"),
    ("/v1/jobs", {f"X-{n}": "y" for n in range(70)}, 431, "headers-too-large"),
    ("/v1/jobs", {"X": "y" * 17000}, 431, "headers-too-large"),
    ("/v1/jobs?q=" + "x" * 3100, {}, 414, "uri-too-long"),
])
def test_a_header_that_is_wrong(jobs, done, path, headers, status, problem):
    """Each has its own status."""
    answer = jobs.get(path.replace("{id}", done), headers)
    assert (answer.status, answer.problem) == (status, problem)


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_an_idempotency_key_has_a_length(jobs, key):
    """1 to 200 characters."""
    answer = jobs.post("/v1/jobs", MATH, {"Idempotency-Key": key})
    assert (answer.status, answer.problem) == (400, "bad-request")


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(jobs):
    """The length alone decides: 413, and the connection ends."""
    head = (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 99999999\r\n\r\n")
    answer = jobs.raw(head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"/errors/body-too-large" in answer


def test_a_job_that_is_too_large_is_refused(jobs):
    """One job may have 8 MiB, however large a batch may be."""
    job = {"type": "text", "spec": {"op": "hash", "text": "x"}, "name": "y"}
    answer = jobs.post("/v1/jobs", json.dumps(job) + " " * (8 << 20))
    assert (answer.status, answer.problem) == (413, "body-too-large")


# ---- patches ----

@pytest.mark.parametrize("patch, pointer, kind", [
    ([], "", "wrong-type"),
    ({}, "", "wrong-type"),
    ({"name": "x"}, "/name", "unknown-member"),
    ({"priority": "x"}, "/priority", "bad-choice"),
    ({"run_at": "x"}, "/run_at", "bad-instant"),
    ({"tags": {"a": 1}}, "/tags/a", "wrong-type"),
])
def test_a_patch_that_is_wrong(jobs, done, patch, pointer, kind):
    """The same words as for a submit."""
    answer = jobs.ask("PATCH", f"/v1/jobs/{done}", patch)
    assert (answer.status, answer.problem) == (422, "invalid-spec")
    assert [(m["pointer"], m["type"]) for m in answer.json()["errors"]] == [(pointer, kind)]


def test_a_patch_that_is_no_json(jobs, done):
    """400, as for a submit."""
    answer = jobs.ask("PATCH", f"/v1/jobs/{done}", "{")
    assert (answer.status, answer.problem) == (400, "invalid-json")


@pytest.mark.parametrize("etag", ['"abc"', "1", 'W/"1"', '"1', '"999999"'])
def test_a_patch_for_another_version(jobs, done, etag):
    """An ETag that is not this job's present one: 412."""
    answer = jobs.ask("PATCH", f"/v1/jobs/{done}", {"priority": "low"}, {"If-Match": etag})
    assert (answer.status, answer.problem) == (412, "precondition-failed")


@pytest.mark.parametrize("verb, key", [
    ("reset", "http:nobody.example:80"),
    *[(verb, key) for verb in ("open", "close", "reset")
      for key in ("nobody", "http:nobody.example", "http:NOBODY.example:80", "ftp:a.example:21",
                  "http:a.example:80:90", "http:a.example:99999", "x" * 1000)],
])
def test_a_breaker_of_a_host_that_cannot_be(jobs, verb, key):
    """404 with a hint at what keys look like; nothing is made known."""
    answer = jobs.post(f"/v1/hosts/{key}/{verb}")
    assert (answer.status, answer.problem) == (404, "not-found")
    assert jobs.get("/v1/hosts").json()["items"] == []
