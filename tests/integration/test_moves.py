# SPDX-License-Identifier: MIT
"""cancel, pause, resume, retry: which state has which move, one job or many."""
import pytest

VERBS = ("cancel", "pause", "resume", "retry")

# The moves of store/state.h, as a client sees them; all others are 409.
MOVES = {
    "scheduled": {"cancel": "cancelled"},
    "pending": {"cancel": "cancelled", "pause": "paused"},
    "running": {"cancel": "cancelled", "pause": "paused"},
    "retrying": {"cancel": "cancelled"},
    "paused": {"cancel": "cancelled", "resume": "pending"},
    "completed": {},
    "failed": {"retry": "pending"},
    "cancelled": {"retry": "pending"},
}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A daemon that runs one job at a time, so that others stay pending."""
    from daemon import Daemon
    with Daemon(tmp_path_factory.mktemp("narrow"), "--active-max", "1") as daemon:
        yield daemon.client


def job_in(jobs, state):
    """A new job that is, and stays, in a state."""
    if state == "scheduled":
        return jobs.submit("sleep", {"for": "1h"}, delay="1h")["id"]
    if state == "completed":
        return jobs.run("sleep", {"for": "0s"})["id"]
    if state == "failed":
        # long enough that the answer to a retry sees it before it has failed again
        return jobs.run("sleep", {"for": "250ms", "fail_rate": 1}, retry={"max_attempts": 1})["id"]
    if state == "retrying":
        job = jobs.submit("sleep", {"for": "0s", "fail_rate": 1},
                          retry={"base": "1h", "max_delay": "1h", "jitter": False})
        jobs.reached(job["id"], "retrying")
        return job["id"]
    job = jobs.submit("sleep", {"for": "1h"}, name="blocker")
    jobs.reached(job["id"], "running")
    if state == "pending":
        job = jobs.submit("sleep", {"for": "1h"}, priority="low")
    elif state == "paused":
        assert jobs.move(job["id"], "pause").status == 200
    elif state == "cancelled":
        assert jobs.move(job["id"], "cancel").status == 200
    return job["id"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", MOVES)
def test_each_move_in_each_state(narrow, state, verb):
    """What the table has is 200 with the state of the move's own commit, whatever the job
    does next; all else is 409 and no change."""
    job_id = job_in(narrow, state)
    assert narrow.job(job_id)["state"] == state
    answer = narrow.move(job_id, verb)
    if verb in MOVES[state]:
        assert answer.status == 200
        assert answer.json()["state"] == MOVES[state][verb]
    else:
        assert (answer.status, answer.problem) == (409, "wrong-state")
        assert narrow.job(job_id)["state"] == state
    narrow.post("/v1/jobs/cancel?all=true")


def test_cancel_is_final_and_keeps_what_was_found(jobs, origin):
    """The answer says cancelled; no later item is kept."""
    urls = [f"{origin.url}/{n}" for n in range(20)]
    for n in range(10, 20):
        origin.at(f"/{n}", lambda request: origin.released.wait(60))
    job = jobs.submit("scrape", {"urls": urls, "concurrency": 1, "per_host": 1})
    origin.wait_for("/10")
    answer = jobs.move(job["id"], "cancel")
    assert answer.json()["state"] == "cancelled"
    kept = jobs.results(job["id"])
    origin.released.set()
    ended = jobs.ended(job["id"])
    assert ended["state"] == "cancelled"
    assert jobs.results(job["id"]) == kept
    assert ended["counts"]["items"] == len(kept) <= 10


def test_pause_stops_work_and_resume_goes_on_where_it_was(jobs, origin):
    """Finished pages are not fetched again, however soon the resume comes."""
    urls = [f"{origin.url}/{n}" for n in range(8)]
    origin.at("/4", lambda request: origin.released.wait(60))
    job = jobs.submit("scrape", {"urls": urls, "concurrency": 1, "per_host": 1,
                                 "retry": {"max_attempts": 1}})
    origin.wait_for("/4")
    assert jobs.move(job["id"], "pause").json()["state"] == "paused"
    origin.released.set()
    origin.at("/4", lambda request: request.send_error(404))
    assert jobs.move(job["id"], "resume").status == 200
    ended = jobs.ended(job["id"])
    assert ended["state"] == "completed"
    assert sorted(item["url"] for item in jobs.results(job["id"])) == sorted(urls)
    assert [origin.count(f"/{n}") for n in range(4)] == [1, 1, 1, 1]


def test_retry_runs_a_failed_job_again(jobs):
    """POST …/retry: another attempt, and the log has both ends."""
    job = jobs.run("sleep", {"for": "0s", "fail_rate": 1}, retry={"max_attempts": 1})
    answer = jobs.move(job["id"], "retry").json()
    assert (answer["state"], answer["error"], answer["spec"]) == ("pending", None, job["spec"])
    again = jobs.ended(job["id"])
    assert again["state"] == "failed"
    assert [a["state"] for a in jobs.attempts(job["id"])] == ["failed", "failed"]


# ---- many at once ----

@pytest.mark.parametrize("verb", VERBS)
def test_a_bulk_move_needs_a_filter(jobs, verb):
    """Without one it would move every job: 400, unless all=true."""
    answer = jobs.post(f"/v1/jobs/{verb}")
    assert (answer.status, answer.problem) == (400, "filter-required")
    assert jobs.post(f"/v1/jobs/{verb}?all=true&dry_run=true").status == 200


def test_a_dry_bulk_move_counts_only(jobs):
    """?dry_run says how many would move, and moves none."""
    ids = [jobs.submit("sleep", {"for": "1h"}, delay="1h", tags={"bulk": "dry"})["id"]
           for _ in range(3)]
    answer = jobs.post("/v1/jobs/cancel?tag=bulk:dry&dry_run=true").json()
    assert answer == {"matched": 3, "moved": 0, "more": False}
    assert {jobs.job(job_id)["state"] for job_id in ids} == {"scheduled"}


def test_a_bulk_move_moves_what_matches_and_can(jobs):
    """Jobs in a state without the move are left alone."""
    tags = {"bulk": "real"}
    waiting = [jobs.submit("sleep", {"for": "1h"}, delay="1h", tags=tags)["id"] for _ in range(5)]
    done = jobs.run("sleep", {"for": "0s"}, tags=tags)["id"]
    other = jobs.submit("sleep", {"for": "1h"}, delay="1h")["id"]
    answer = jobs.post("/v1/jobs/cancel?tag=bulk:real").json()
    assert answer == {"matched": 5, "moved": 5, "more": False}
    assert {jobs.job(job_id)["state"] for job_id in waiting} == {"cancelled"}
    assert jobs.job(done)["state"] == "completed"
    assert jobs.job(other)["state"] == "scheduled"
    assert jobs.post("/v1/jobs/retry?tag=bulk:real&state=cancelled").json()["moved"] == 5
    jobs.post("/v1/jobs/cancel?all=true")


def test_a_filter_for_a_state_without_the_move_matches_nothing(jobs):
    """Cancelling completed jobs is nothing to do, not an error."""
    jobs.run("sleep", {"for": "0s"})
    answer = jobs.post("/v1/jobs/cancel?state=completed")
    assert answer.json() == {"matched": 0, "moved": 0, "more": False}
