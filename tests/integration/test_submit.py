# SPDX-License-Identifier: MIT
"""POST /v1/jobs: accepted and durable, waited for, replayed, unique, dry."""
import re

import pytest
from client import PATIENCE_S
from origin import page

UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
SUM = {"type": "math", "spec": {"op": "sum", "numbers": [1, 2, 3]}}
UNTIL_CANCELLED = {"type": "sleep", "spec": {"for": "1h"}}


def failing(seconds="0s"):
    return {"type": "sleep", "spec": {"for": seconds, "fail_rate": 1}, "retry": {"max_attempts": 1}}


def test_a_submit_is_accepted_with_a_location(jobs):
    """202, the job as it was accepted, and where it can be found."""
    answer = jobs.post("/v1/jobs", SUM)
    job = answer.json()
    assert answer.status == 202
    assert re.fullmatch(UUID7, job["id"])
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "pending"
    assert job["links"]["results"] == f"/v1/jobs/{job['id']}/results"
    assert jobs.ended(job["id"])["summary"] == {"value": 6}


def test_json_is_read_under_any_content_type(jobs):
    """curl -d sends a form's type; the body counts."""
    body = '{"type":"math","spec":{"op":"sum","numbers":[1]}}'
    for media_type in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
        assert jobs.post("/v1/jobs", body, {"Content-Type": media_type}).status == 202


def test_wait_answers_with_the_final_state(jobs):
    """?wait= holds the answer back until the job has ended: 200 instead of 202."""
    answer = jobs.post(f"/v1/jobs?wait={PATIENCE_S}s", SUM)
    assert answer.status == 200
    assert answer.json()["state"] == "completed"
    assert answer.json()["summary"] == {"value": 6}


def test_a_wait_that_is_too_short_answers_202(jobs):
    """The time is up and the job is not final: accepted, with its Location."""
    answer = jobs.post("/v1/jobs?wait=10ms", UNTIL_CANCELLED)
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    jobs.move(answer.json()["id"], "cancel")


def test_prefer_wait_is_applied_and_said_so(jobs):
    """RFC 7240: Preference-Applied tells that the preference was kept."""
    answer = jobs.post("/v1/jobs", SUM, {"Prefer": "respond-async, wait=30"})
    assert answer.status == 200
    assert answer.headers["Preference-Applied"] == "wait=30"


def test_a_preference_beyond_the_maximum_is_shortened(jobs):
    """A preference is no demand: 60 seconds are what there is."""
    answer = jobs.post("/v1/jobs", SUM, {"Prefer": "wait=99999"})
    assert answer.status == 200
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_get_waits_for_the_end_too(jobs):
    """GET ?wait= answers 200 with what there is when the time is up."""
    job = jobs.submit("sleep", {"for": "1h"})
    answer = jobs.get(f"/v1/jobs/{job['id']}?wait=10ms")
    assert answer.status == 200
    assert answer.json()["state"] in ("pending", "running")
    jobs.move(job["id"], "cancel")
    assert jobs.get(f"/v1/jobs/{job['id']}?wait=60s").json()["state"] == "cancelled"


def test_expect_completed_turns_failure_into_409(jobs):
    """curl -f can tell a failed job by the status."""
    answer = jobs.post(f"/v1/jobs?wait={PATIENCE_S}s&expect=completed", failing())
    assert answer.status == 409
    assert answer.problem == "job-failed"
    assert answer.json()["state"] == "failed"
    again = jobs.get(f"/v1/jobs/{answer.json()['job']}?expect=completed")
    assert again.status == 409
    fine = jobs.post(f"/v1/jobs?wait={PATIENCE_S}s&expect=completed", SUM)
    assert fine.status == 200


def test_include_embeds_the_results(jobs, origin):
    """include=results puts the items into the job."""
    spec = {"urls": [origin.url + "/a", origin.url + "/b"]}
    answer = jobs.post(f"/v1/jobs?wait={PATIENCE_S}s&include=results",
                       {"type": "scrape", "spec": spec})
    assert answer.status == 200
    assert {item["url"] for item in answer.json()["results"]} == set(spec["urls"])
    assert answer.json()["results_truncated"] is False


def test_included_results_are_cut_at_whole_items(jobs, origin):
    """Beyond 64 KiB the rest is left out, and the answer says so."""
    long_page = page("<title>long</title><p>" + "x" * 8000)
    spec = {"urls": [origin.at(f"/{n}", long_page) for n in range(20)], "extract": {"p": "p"}}
    job = jobs.run("scrape", spec)
    answer = jobs.get(f"/v1/jobs/{job['id']}?include=results").json()
    assert answer["results_truncated"] is True
    assert 0 < len(answer["results"]) < 20


# ---- Idempotency-Key ----

def test_an_idempotency_key_replays_the_first_answer(jobs):
    """Same key, same body: the first job, marked as a replay, and no second one."""
    first = jobs.post("/v1/jobs", SUM, {"Idempotency-Key": "replay-1"})
    second = jobs.post("/v1/jobs", SUM, {"Idempotency-Key": "replay-1"})
    assert first.status == 202 and "Idempotency-Replayed" not in first.headers
    assert second.status in (200, 202)  # 200: it has ended meanwhile
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]


def test_an_idempotency_key_with_another_body_is_refused(jobs):
    """The same key for something else is a mistake of the client: 422."""
    jobs.post("/v1/jobs", SUM, {"Idempotency-Key": "mismatch-1"})
    other = {"type": "math", "spec": {"op": "sum", "numbers": [4]}}
    answer = jobs.post("/v1/jobs", other, {"Idempotency-Key": "mismatch-1"})
    assert (answer.status, answer.problem) == (422, "idempotency-mismatch")


def test_an_idempotency_key_covers_a_batch(jobs):
    """A replayed batch answers with the ids of the first."""
    batch = [SUM, SUM]
    first = jobs.post("/v1/jobs/batch", batch, {"Idempotency-Key": "batch-1"}).json()
    second = jobs.post("/v1/jobs/batch", batch, {"Idempotency-Key": "batch-1"}).json()
    assert [i["id"] for i in first["items"]] == [i["id"] for i in second["items"]]
    assert len({i["id"] for i in first["items"]}) == 2


def test_a_refused_submit_does_not_use_its_key_up(jobs):
    """A key that came with a wrong spec may come again with the right one."""
    headers = {"Idempotency-Key": "wrong-then-right"}
    assert jobs.post("/v1/jobs", {"type": "math", "spec": {}}, headers).status == 422
    assert jobs.post("/v1/jobs", SUM, headers).status == 202


# ---- unique ----

def test_a_unique_key_returns_the_job_that_has_it(jobs):
    """on_conflict return: 200 and the job that is not final yet."""
    job = {**UNTIL_CANCELLED, "unique": {"key": "unique-1"}}
    first = jobs.post("/v1/jobs", job)
    second = jobs.post("/v1/jobs", job)
    assert (first.status, second.status) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    jobs.move(first.json()["id"], "cancel")


def test_a_unique_key_can_refuse_the_second(jobs):
    """on_conflict reject: 409, naming the job."""
    job = {**UNTIL_CANCELLED, "unique": {"key": "unique-2", "on_conflict": "reject"}}
    first = jobs.post("/v1/jobs", job).json()
    answer = jobs.post("/v1/jobs", job)
    assert (answer.status, answer.problem) == (409, "unique-conflict")
    assert answer.json()["job"] == first["id"]
    jobs.move(first["id"], "cancel")


def test_a_unique_key_is_held_by_a_job_that_completed(jobs):
    """What was done once is not done again while the job is kept."""
    first = jobs.run("sleep", {"for": "0s"}, unique={"key": "unique-3"})
    again = jobs.post("/v1/jobs", {"type": "sleep", "spec": {"for": "0s"},
                                   "unique": {"key": "unique-3"}})
    assert (again.status, again.json()["id"]) == (200, first["id"])
    assert again.json()["state"] == "completed"


@pytest.mark.parametrize("end", ["failed", "cancelled", "deleted"])
def test_a_unique_key_is_free_again_when_its_job_came_to_nothing(jobs, end):
    """A job that failed, was cancelled or is deleted lets go of its key."""
    unique = {"key": f"unique-{end}"}
    if end == "failed":
        first = jobs.run("sleep", {"for": "0s", "fail_rate": 1}, unique=unique,
                         retry={"max_attempts": 1})
    elif end == "cancelled":
        first = jobs.submit("sleep", {"for": "1h"}, unique=unique)
        jobs.move(first["id"], "cancel")
    else:
        first = jobs.run("sleep", {"for": "0s"}, unique=unique)
        assert jobs.ask("DELETE", f"/v1/jobs/{first['id']}").status == 204
    second = jobs.submit("sleep", {"for": "0s"}, unique=unique)
    assert second["id"] != first["id"]


# ---- dry runs ----

def test_a_dry_run_fills_defaults_in_and_submits_nothing(jobs):
    """?dry_run and /validate answer alike: the envelope and the spec, normalised."""
    body = {"type": "sleep", "spec": {"for": "1s"}, "name": "dry"}
    dry = jobs.post("/v1/jobs?dry_run=true", body)
    validated = jobs.post("/v1/jobs/validate", body)
    assert dry.status == 200 and dry.body == validated.body
    assert dry.json()["job"]["priority"] == "normal"
    assert dry.json()["spec"] == {"for": "1s", "jitter": "0s", "fail_rate": 0, "block": False}
    assert dry.json()["plan"]["handler"] == "sleep"
    assert jobs.get("/v1/jobs?name=dry").json()["items"] == []


def test_a_dry_run_tells_all_mistakes(jobs):
    """What a submit would refuse, a dry run refuses with the same words."""
    body = {"type": "math", "spec": {"op": "nothing"}, "priority": "urgent"}
    refused = jobs.post("/v1/jobs", body).json()
    for path in ("/v1/jobs?dry_run", "/v1/jobs/validate"):
        assert jobs.post(path, body).json()["errors"] == refused["errors"]


# ---- ids, tags, secrets, versions ----

def test_a_request_id_is_kept_with_the_job(jobs):
    """X-Request-Id comes back and stands in the job."""
    answer = jobs.post("/v1/jobs", SUM, {"X-Request-Id": "trace-4711"})
    assert answer.headers["X-Request-Id"] == "trace-4711"
    assert jobs.job(answer.json()["id"])["request_id"] == "trace-4711"


def test_a_request_id_that_could_do_harm_is_replaced(jobs):
    """Blanks, quotes and great lengths stay out of logs and headers."""
    for hostile in ("a b", '"x"', "x" * 500):
        answer = jobs.get("/livez", {"X-Request-Id": hostile})
        assert re.fullmatch("req_[0-9a-f]{24}", answer.headers["X-Request-Id"])


def test_name_tags_and_times_are_kept(jobs):
    """What the envelope says stands in the job."""
    job = jobs.run("math", SUM["spec"], name="Straße № 1", tags={"team": "data", "ü": ""},
                   priority="low", retry={"max_attempts": 7})
    assert job["name"] == "Straße № 1"
    assert job["tags"] == {"team": "data", "ü": ""}
    assert (job["priority"], job["max_attempts"], job["attempt"]) == ("low", 7, 1)
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


def test_credentials_of_a_spec_are_not_shown(jobs, origin):
    """Authorization headers and passwords in URLs read "***", in the job and dry."""
    spec = {"urls": [origin.url + "/"], "headers": {"Authorization": "Bearer s3cret",
                                                    "Accept-Language": "de"}}
    job = jobs.run("scrape", spec)
    assert job["spec"]["headers"] == {"Authorization": "***", "Accept-Language": "de"}
    assert origin.headers["/"]["Authorization"] == "Bearer s3cret"
    assert b"s3cret" not in jobs.post("/v1/jobs/validate", {"type": "scrape", "spec": spec}).body


def test_an_etag_saves_the_second_transfer(jobs):
    """If-None-Match with the job's ETag: 304 and nothing else."""
    job = jobs.run("math", SUM["spec"])
    etag = jobs.get(f"/v1/jobs/{job['id']}").headers["ETag"]
    again = jobs.get(f"/v1/jobs/{job['id']}", {"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")
    assert jobs.get(f"/v1/jobs/{job['id']}", {"If-None-Match": '"0"'}).status == 200


def test_a_patch_changes_priority_tags_and_time(jobs):
    """PATCH of a job that has not started; If-Match guards against a lost update."""
    job = jobs.submit("math", SUM["spec"], delay="1h")
    path = f"/v1/jobs/{job['id']}"
    etag = jobs.get(path).headers["ETag"]
    change = {"priority": "high", "tags": {"a": "b"}, "run_at": "2099-01-02T03:04:05Z"}
    answer = jobs.ask("PATCH", path, change, {"If-Match": etag})
    assert answer.status == 200
    assert answer.json()["priority"] == "high"
    assert answer.json()["tags"] == {"a": "b"}
    assert answer.json()["run_at"] == "2099-01-02T03:04:05.000Z"
    lost = jobs.ask("PATCH", path, {"priority": "low"}, {"If-Match": etag})
    assert (lost.status, lost.problem) == (412, "precondition-failed")
    assert jobs.job(job["id"])["priority"] == "high"
    jobs.move(job["id"], "cancel")


def test_a_final_job_is_not_changed_any_more(jobs):
    """PATCH of a job that has ended: 409."""
    job = jobs.run("math", SUM["spec"])
    answer = jobs.ask("PATCH", f"/v1/jobs/{job['id']}", {"priority": "low"})
    assert (answer.status, answer.problem) == (409, "wrong-state")


def test_a_final_job_can_be_deleted(jobs):
    """204, and then there is no such job; one that is not final is kept."""
    job = jobs.run("math", SUM["spec"])
    busy = jobs.submit("sleep", {"for": "1h"})
    gone = jobs.ask("DELETE", f"/v1/jobs/{job['id']}")
    assert (gone.status, gone.body) == (204, b"")
    assert jobs.get(f"/v1/jobs/{job['id']}").status == 404
    assert jobs.get(f"/v1/jobs/{job['id']}/results").status == 404
    kept = jobs.ask("DELETE", f"/v1/jobs/{busy['id']}")
    assert (kept.status, kept.problem) == (409, "wrong-state")
    jobs.move(busy["id"], "cancel")


def test_a_full_queue_refuses_with_retry_after(start_daemon):
    """Beyond --queued-max: 429, saying what is full and when to come back."""
    jobs = start_daemon("--queued-max", "2").client
    for _ in range(2):
        jobs.submit("sleep", {"for": "1h"})
    answer = jobs.post("/v1/jobs", SUM)
    assert (answer.status, answer.problem) == (429, "queue-full")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["limit"] == "queued-max"
    jobs.post("/v1/jobs/cancel?all=true")
    assert jobs.post("/v1/jobs", SUM).status == 202
