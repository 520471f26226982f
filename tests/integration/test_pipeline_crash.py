# SPDX-License-Identifier: MIT
"""kill -9 in the middle of a pipeline: the output is that of an undisturbed run, byte for byte."""
import pytest

COUNT = 1500 * 1000
NUMBERS = {"range": {"from": 1, "to": COUNT}}
SLOW = {"map": ["local h = r", # two seconds for all of them: a fast machine saves in between
                "for k = 1, 300 do h = (h * 31 + k) % 1000003 end",
                "return {n = r, h = h % 1000, text = ('x'):rep(r % 7)}"]}

PIPELINES = {
    "in order": [SLOW, {"filter": "h < 500"}, {"set": {"half": "n / 2"}}],
    "groups": [SLOW, {"reduce": {"group_by": ["h"], "aggregates": {
        "n": "count", "total": "sum(n)", "mean": "mean(n)", "first": "first(n)"}}},
        {"filter": "h % 2 == 0"}],
    "one after the other": [SLOW, {"skip": 100}, {"distinct": ["n"]}, {"limit": COUNT - 1000},
                            {"filter": "n % 10 == 0"}, {"batch": {"size": 1000}}],
    "sorted": [SLOW, {"sort": ["-h", "text"]}, {"set": {"m": "n % 10"}}, {"distinct": ["n"]}],
    "branches": [SLOW, {"branch": [{"when": "h < 10", "to": "few"}, {"to": "many"}]},
                 {"name": "few", "set": {"kind": "'few'"}},
                 {"name": "many", "reduce": {"aggregates": {"n": "count", "max": "max(n)"}}},
                 {"merge": ["few", "many"]}, {"drop": ["text"]}],
}


def ended(client, job):
    """Results as bytes, and what each stage counted."""
    job = client.ended(job["id"])
    assert job["state"] == "completed", job
    assert job["summary"]["adds_up"]
    flow = [{name: stage.get(name) for name in ("in", "out", "failed", "filtered", "made")}
            for stage in job["summary"]["stages"]]
    return client.get(f"/v1/jobs/{job['id']}/results").body, flow, job["counts"]


@pytest.mark.parametrize("name", PIPELINES)
def test_a_killed_pipeline_gives_the_same(start_daemon, name):
    """Killed twice once some of it was durable; counters are those of the whole, too."""
    spec = {"input": NUMBERS, "stages": PIPELINES[name], "memory": "100MB"}
    daemon = start_daemon()
    undisturbed = ended(daemon.client, daemon.client.submit("pipeline", spec))
    job = daemon.client.submit("pipeline", {**spec, "workers": 2})
    for _ in range(2):
        with daemon.client.stream(f"/v1/jobs/{job['id']}/events") as stream:
            for event in stream.values():
                if event["type"] == "progress" and event["data"]["done"] > 0:
                    break
        daemon.kill()
        daemon.start()
    assert ended(daemon.client, job) == undisturbed
    states = [attempt["state"] for attempt in daemon.client.attempts(job["id"])]
    assert states.count("interrupted") >= 1, states
