# SPDX-License-Identifier: MIT
"""Pipelines that ask a server for each record: flaky, slow, dead, and in order."""
import json
import threading
import time

from origin import page, status
from test_pipeline import flow, pipeline

JSON = {"Content_Type": "application/json"}


def ask(origin, path="/u/{id}", **more):
    stage = {"name": "ask", "fetch": {"url": origin.url + path, "into": "user"}}
    return {**stage, **more}


def numbers(count):
    return [{"id": n} for n in range(count)]


def test_answers_become_members_in_order(jobs, origin):
    """The first answers come last; 40 records, eight at once."""
    for n in range(40):
        origin.at(f"/u/{n}", page(json.dumps({"n": n}), latency_s=0.2 if n % 8 == 0 else 0, **JSON))
    job = jobs.run("pipeline", pipeline(ask(origin, workers=8), {"set": {"m": "user.n * 2"}},
                                        items=numbers(40)))
    assert jobs.results(job["id"]) == [{"id": n, "user": {"n": n}, "m": 2 * n} for n in range(40)]
    assert flow(job)[0] == ("ask", 40, 40, 0, 0)


def test_no_more_than_workers_are_under_way(jobs, origin):
    """Several at once, once the host has shown that it can, and no more than asked for."""
    lock, now, most = threading.Lock(), [0], [0]

    def act(request):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)  # the time that others have to come in
        with lock:
            now[0] -= 1
        page("1", **JSON)(request)

    origin.otherwise = act
    job = jobs.run("pipeline", pipeline(ask(origin, workers=3), items=numbers(60)))
    assert job["counts"]["items"] == 60
    assert 2 <= most[0] <= 3


def test_a_flaky_server_is_asked_again(jobs, origin):
    """500 twice, then an answer: one record, three requests; a POST is repeated where told so."""
    origin.at("/u/0", status(500), status(500), page("1", **JSON))
    retry = {"base": "1ms", "max_delay": "5ms"}
    job = jobs.run("pipeline", pipeline(ask(origin, retry=retry), items=numbers(1)))
    assert jobs.results(job["id"]) == [{"id": 0, "user": 1}]
    assert origin.count("/u/0") == 3
    origin.at("/p", status(500), page("2", **JSON))
    post = {"fetch": {"url": origin.url + "/p", "body": {"id": "{id}"}, "into": "user"}}
    job = jobs.run("pipeline", pipeline({**post, "on_error": "skip"}, items=numbers(1)))
    assert job["counts"] == {"items": 0, "failed": 1} and origin.count("/p") == 1
    origin.at("/p", status(500), page("2", **JSON))
    job = jobs.run("pipeline", pipeline({**post, "retry": retry}, items=numbers(1)))
    assert jobs.results(job["id"]) == [{"id": 0, "user": 2}]
    assert [json.loads(body) for _, _, body in origin.posted] == [{"id": 0}] * 3


def test_failed_answers_are_listed_with_their_reason(jobs, origin):
    """404 of one record, a time-out of another; the rest goes on."""
    origin.otherwise = page('"x"', **JSON)
    origin.at("/u/1", status(404))
    origin.at("/u/2", page("1", latency_s=5))
    job = jobs.run("pipeline", pipeline(
        ask(origin, on_error="dead_letter", timeout="200ms", retry={"max_attempts": 1}),
        items=numbers(4)))
    assert [r["id"] for r in jobs.results(job["id"])] == [0, 3]
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [(e["stage"], e["line"], e["error"]["type"]) for e in errors] == [
        ("ask", 2, "http-4xx"), ("ask", 3, "timeout")]
    assert flow(job) == [("ask", 4, 2, 2, 0)]


def test_a_dead_host_is_left_alone(jobs, origin):
    """The breaker opens after five failures: the others fail without a request."""
    origin.otherwise = status(500)
    stage = ask(origin, workers=1, on_error="dead_letter", retry={"max_attempts": 1})
    stage["fetch"]["breaker"] = {"on_open": "fail"}
    job = jobs.run("pipeline", pipeline(stage, items=numbers(20)))
    assert origin.counts() == {f"/u/{n}": 1 for n in range(5)}
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [e["error"]["type"] for e in errors] == ["http-5xx"] * 5 + ["circuit-open"] * 15


def test_a_limit_ends_the_asking(jobs, origin):
    """Of a thousand records two are wanted: those under way are waited for, no more are asked."""
    origin.otherwise = page("1", **JSON)
    job = jobs.run("pipeline", pipeline(ask(origin, workers=2), {"limit": 2}, items=numbers(1000)))
    assert job["counts"]["items"] == 2
    assert sum(origin.counts().values()) <= 6
    assert job["summary"]["adds_up"]


def test_fetches_behind_a_barrier_and_in_an_arm(jobs, origin):
    """What a sort gives is asked for in its order; a merge waits for the arm that asks."""
    origin.otherwise = page('"x"', latency_s=0.02, **JSON)
    job = jobs.run("pipeline", pipeline({"sort": "-id"}, ask(origin), items=numbers(50)))
    assert [r["id"] for r in jobs.results(job["id"])] == list(range(49, -1, -1))
    job = jobs.run("pipeline", pipeline(
        {"branch": [{"when": "id % 2 == 0", "to": "ask"}, {"to": "not"}]}, ask(origin),
        {"name": "not", "set": {"user": "'-'"}}, {"merge": ["ask", "not"]}, items=numbers(50)))
    assert jobs.results(job["id"]) == [{"id": n, "user": "-x"[n % 2 == 0]} for n in range(50)]


def test_a_killed_pipeline_asks_again_and_doubles_nothing(start_daemon, origin):
    """kill -9 while answers come, on two lanes: results as of an undisturbed run, in order."""
    origin.otherwise = page('"x"', latency_s=0.002, **JSON)
    daemon = start_daemon("--allow-net", "127.0.0.0/8")
    daemon.client.ask("PUT", "/v1/files/n.ndjson", b"".join(b'{"id":%d}\n' % n for n in range(1200)))
    spec = {"input": {"file": "n.ndjson"}, "chunk_size": "1KiB", "workers": 2,
            "stages": [ask(origin, path="/u"), {"filter": "id % 2 == 0"}]}
    job = daemon.client.submit("pipeline", spec)
    origin.wait_for("/u", 500)
    daemon.kill()
    daemon.start()
    job = daemon.client.ended(job["id"])
    assert job["state"] == "completed", job
    assert flow(job) == [("ask", 1200, 1200, 0, 0), ("stages[1]", 1200, 600, 0, 600)]
    assert [r["id"] for r in daemon.client.results(job["id"])] == list(range(0, 1200, 2))
    assert origin.count("/u") >= 1200


def test_secrets_are_not_shown(jobs, origin):
    """The spec is shown with stars, the server sees the value."""
    stage = ask(origin)
    stage["fetch"]["headers"] = {"Authorization": "Bearer s3cret-{id}", "X-Api-Key": "k3y"}
    job = jobs.run("pipeline", pipeline(stage, items=numbers(1)))
    assert origin.headers["/u/0"]["Authorization"] == "Bearer s3cret-0"
    shown = jobs.get(f"/v1/jobs/{job['id']}?include=spec").text + jobs.get(f"/v1/jobs/{job['id']}/logs").text
    assert "s3cret" not in shown and "k3y" not in shown


def test_bad_requests_are_told_at_submit(jobs):
    """A denied address, a URL that is none, a place that is none: nothing is asked."""
    answer = jobs.post("/v1/jobs", {"type": "pipeline", "spec": pipeline(
        {"fetch": {"url": "http://169.254.169.254/{id}", "into": "a"}},
        {"fetch": {"url": "http://a b/", "into": "a"}},
        {"fetch": {"url": "http://h/{user id}", "into": "a", "timeout": "1s"}})})
    assert answer.status == 422
    assert answer.pointers == ["/spec/stages/2/fetch/timeout", "/spec/stages/0/fetch/url",
                               "/spec/stages/1/fetch/url"]
