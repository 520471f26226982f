# SPDX-License-Identifier: MIT
"""When a job runs, how often, and how long."""
import datetime

import pytest


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def seconds_between(earlier, later):
    return (instant(later) - instant(earlier)).total_seconds()


def test_a_delayed_job_is_scheduled_and_then_runs(jobs):
    """delay: scheduled first, and not started before its time."""
    job = jobs.submit("sleep", {"for": "0s"}, delay="300ms")
    assert job["state"] == "scheduled"
    assert seconds_between(job["created_at"], job["run_at"]) == 0.3
    waiting = jobs.submit("sleep", {"for": "0s"}, delay="1h")
    assert jobs.job(waiting["id"])["waiting"] == {"reason": "run_at", "until": waiting["run_at"]}
    ended = jobs.ended(job["id"])
    assert ended["state"] == "completed"
    assert ended["started_at"] >= job["run_at"]
    assert jobs.states(job["id"]) == ["scheduled", "pending", "running", "completed"] \
        or jobs.states(job["id"]) == ["scheduled", "pending", "completed"]


def test_run_at_in_the_past_is_now(jobs):
    """An instant that has gone by does not hold a job back."""
    job = jobs.submit("math", {"op": "sum", "numbers": []}, run_at="2001-01-01T00:00:00Z")
    assert job["state"] == "pending"
    assert jobs.ended(job["id"])["state"] == "completed"


def test_run_at_takes_any_offset(jobs):
    """RFC 3339: 12:00+02:00 is 10:00Z."""
    job = jobs.submit("math", {"op": "sum", "numbers": []}, run_at="2099-06-01T12:00:00+02:00")
    assert job["run_at"] == "2099-06-01T10:00:00.000Z"
    jobs.move(job["id"], "cancel")


def test_the_highest_priority_goes_first(start_daemon):
    """One place to run: critical, high, normal, low, whatever the order of submission."""
    jobs = start_daemon("--active-max", "1").client
    blocker = jobs.submit("sleep", {"for": "1h"})
    jobs.reached(blocker["id"], "running")
    names = ["low", "normal", "critical", "high"]
    ids = {name: jobs.submit("sleep", {"for": "20ms"}, priority=name)["id"] for name in names}
    jobs.move(blocker["id"], "cancel")
    started = {name: jobs.ended(job_id)["started_at"] for name, job_id in ids.items()}
    assert sorted(names, key=started.get) == ["critical", "high", "normal", "low"]


def test_jobs_of_one_priority_take_turns_by_fair_key(start_daemon):
    """A tenant with many jobs does not hold up one with a single job."""
    jobs = start_daemon("--active-max", "1").client
    blocker = jobs.submit("sleep", {"for": "1h"})
    jobs.reached(blocker["id"], "running")
    many = [jobs.submit("sleep", {"for": "20ms"}, fair_key="many")["id"] for _ in range(10)]
    one = jobs.submit("sleep", {"for": "20ms"}, fair_key="one")["id"]
    jobs.move(blocker["id"], "cancel")
    one_started = jobs.ended(one)["started_at"]
    earlier = sum(jobs.ended(job_id)["started_at"] < one_started for job_id in many)
    assert earlier <= 2


def test_failed_attempts_are_repeated_until_they_are_used_up(jobs):
    """max_attempts in all, with each attempt's own error and times."""
    job = jobs.run("sleep", {"for": "0s", "fail_rate": 1},
                   retry={"max_attempts": 3, "base": "10ms", "jitter": False})
    assert (job["state"], job["attempt"]) == ("failed", 3)
    assert job["error"]["type"] == "failed"
    attempts = jobs.attempts(job["id"])
    assert [a["attempt"] for a in attempts] == [1, 2, 3]
    assert {a["state"] for a in attempts} == {"failed"}
    assert all(a["error"]["type"] == "failed" for a in attempts)
    assert jobs.states(job["id"]).count("retrying") == 2


def test_backoff_grows_by_its_factor(jobs):
    """base, then base × factor: never earlier than that."""
    job = jobs.run("sleep", {"for": "0s", "fail_rate": 1},
                   retry={"max_attempts": 3, "base": "100ms", "factor": 3, "jitter": False})
    first, second, third = jobs.attempts(job["id"])
    assert seconds_between(first["finished_at"], second["started_at"]) >= 0.1
    assert seconds_between(second["finished_at"], third["started_at"]) >= 0.3


def test_a_seed_fails_the_same_attempts_each_time(jobs):
    """fail_rate and seed: a script sees the same luck twice."""
    def attempts_of(seed):
        job = jobs.run("sleep", {"for": "0s", "fail_rate": 0.5, "seed": seed},
                       retry={"max_attempts": 20, "base": "0ms"})
        return [a["state"] for a in jobs.attempts(job["id"])]
    runs = {seed: attempts_of(seed) for seed in range(1, 9)}
    assert runs == {seed: attempts_of(seed) for seed in range(1, 9)}
    assert len({len(states) for states in runs.values()}) > 1
    assert all(states[-1] == "completed" for states in runs.values())


def test_a_job_that_waits_for_its_retry_says_so(jobs):
    """waiting: the reason, and until when."""
    job = jobs.submit("sleep", {"for": "0s", "fail_rate": 1},
                      retry={"base": "1h", "max_delay": "1h", "jitter": False})
    jobs.reached(job["id"], "retrying")
    shown = jobs.job(job["id"])
    assert shown["waiting"]["reason"] == "retry"
    assert seconds_between(shown["created_at"], shown["waiting"]["until"]) >= 3600
    jobs.move(job["id"], "cancel")


@pytest.mark.parametrize("block", [False, True])
def test_a_timeout_ends_an_attempt(jobs, block):
    """job-timeout is retried like any failure; sleeping and blocked work alike."""
    job = jobs.run("sleep", {"for": "1h", "block": block}, timeout="100ms",
                   retry={"max_attempts": 2, "base": "0ms"})
    assert (job["state"], job["error"]["type"], job["attempt"]) == ("failed", "job-timeout", 2)
    for attempt in jobs.attempts(job["id"]):
        assert attempt["error"]["type"] == "job-timeout"
        assert seconds_between(attempt["started_at"], attempt["finished_at"]) >= 0.1


@pytest.mark.parametrize("block", [False, True])
def test_a_deadline_ends_a_job_that_runs(jobs, block):
    """Sleeping and blocked work alike: failed with deadline, and not retried."""
    job = jobs.run("sleep", {"for": "1h", "block": block}, deadline="2s")
    assert (job["state"], job["error"]["type"], job["attempt"]) == ("failed", "deadline", 1)


def test_a_retry_beyond_the_deadline_is_not_waited_for(jobs):
    """No attempt could begin in time any more: failed at once, with its own error."""
    job = jobs.run("sleep", {"for": "0s", "fail_rate": 1}, deadline="10m",
                   retry={"base": "1h", "max_delay": "1h", "jitter": False})
    assert (job["state"], job["error"]["type"], job["attempt"]) == ("failed", "failed", 1)


def test_a_deadline_ends_a_job_that_never_ran(start_daemon):
    """One that waits for its turn, too."""
    jobs = start_daemon("--active-max", "1").client
    blocker = jobs.submit("sleep", {"for": "1h"})
    jobs.reached(blocker["id"], "running")
    job = jobs.submit("sleep", {"for": "0s"}, deadline="100ms")
    ended = jobs.ended(job["id"])
    assert (ended["state"], ended["error"]["type"]) == ("failed", "deadline")
    jobs.move(blocker["id"], "cancel")


def test_a_pause_stops_the_timeout_but_not_the_deadline(jobs):
    """A paused job may rest as long as its deadline lets it."""
    job = jobs.submit("sleep", {"for": "1h"}, deadline="5s", timeout="4s")
    jobs.reached(job["id"], "running")
    assert jobs.move(job["id"], "pause").status == 200
    ended = jobs.ended(job["id"])
    assert (ended["state"], ended["error"]["type"]) == ("failed", "deadline")


def test_blocking_jobs_do_not_keep_others_from_running(jobs):
    """Jobs that hold workers get more workers: a quick one is not stuck behind them."""
    blocked = [jobs.submit("sleep", {"for": "1h", "block": True})["id"] for _ in range(8)]
    for job_id in blocked:
        jobs.reached(job_id, "running")
    assert jobs.run("math", {"op": "sum", "numbers": [1]})["state"] == "completed"
    for job_id in blocked:
        assert jobs.move(job_id, "cancel").status == 200
