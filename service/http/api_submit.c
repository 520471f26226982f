/* SPDX-License-Identifier: MIT */
/* api_submit.c - POST /v1/jobs: one job.
 *
 *   body ─ task_compile ▶ task ─ task_stamp ▶ id, times
 *        ─ the 202 is written now: the task is the engine's after the commit, and may
 *          have run and gone by then; who waits for its end subscribes to that instead
 *        ─ engine_submit ▶ commit ─ submitted() on the writer thread ▶ answer()
 *
 * A job that was there already (Idempotency-Key, unique key) is read and shown.
 */
#include "service/http/api_submit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "service/config.h"
#include "service/engine/events.h"
#include "service/http/api_job.h"
#include "service/http/api_query.h"

#include <nettle/sha2.h>
#include <string.h>

struct submission {
	struct later *later;
	struct wait_wish wish;
	struct wait *wait;   /* for the end of the new job; NULL: not wished */
	struct buf accepted; /* the answer when the job is new */
	struct id id;	     /* the new job's; after the commit the one it turned out to be */
	bool unique_return;
	enum submit_outcome outcome;
	struct err err; /* of the commit */
};

static void submission_free(void *ctx)
{
	struct submission *submission = ctx; /* in the request's arena */

	job_wait_free(submission->wait);
	buf_done(&submission->accepted);
}

int idempotency_read(struct request *request, struct idempotency *ret, struct err *err)
{
	const char *key = request_header(request, "Idempotency-Key");
	const char *scope = request_token_name(request);
	const char *path = request_path(request);
	struct sha256_ctx sha;
	size_t len;
	char *body = request_body(request, &len);

	*ret = (struct idempotency){0};
	if (!key)
		return 0;
	if (*key == '\0' || strlen(key) > NAME_BYTES_MAX)
		return err_set(err, ERR_BAD_REQUEST, "Idempotency-Key has 1 to %d characters",
			       NAME_BYTES_MAX);
	ret->key = arena_printf(request_arena(request), "%s\n%s", scope ? scope : "", key);
	if (!ret->key)
		return err_set(err, ERR_NO_MEMORY, "no memory for the key");
	sha256_init(&sha);
	sha256_update(&sha, strlen(path), (const uint8_t *)path);
	sha256_update(&sha, len, (const uint8_t *)body);
	sha256_digest(&sha, sizeof(ret->hash), ret->hash);
	return 0;
}

/* ---- refusals ---- */

/* Jobs that ended per second, measured between refusals a second or more apart. */
static double drain_rate(struct api *api, int64_t ended)
{
	struct drain *drain = &api->drain;
	int64_t now_ms = clock_ms();
	double rate;

	lock_take(&drain->lock);
	if (now_ms - drain->at_ms >= 1000) {
		if (drain->at_ms)
			drain->rate = (double)(ended - drain->ended) * 1000 /
				      (double)(now_ms - drain->at_ms);
		drain->at_ms = now_ms;
		drain->ended = ended;
	}
	rate = drain->rate;
	lock_drop(&drain->lock);
	return rate;
}

void queue_full_reply(struct request *request)
{
	enum { AFTER_MS_DEFAULT = 5000, AFTER_MS_MAX = 60000 };
	struct api *api = api_of(request);
	int64_t counts[JOB_STATES], queued = 0, ended = 0;
	int64_t after_ms = AFTER_MS_DEFAULT;
	double rate;

	store_job_counts(api->store, counts);
	for (int state = 0; state < JOB_STATES; state++)
		*(state_is_final((enum job_state)state) ? &ended : &queued) += counts[state];
	rate = drain_rate(api, ended);
	if (rate > 0) /* until a hundredth of the queue is free */
		after_ms = (int64_t)((double)api->config->queued_max * 10 / rate);
	problem_member(request, "limit", "queued-max");
	reply_retry_after(request, MAX(1000, MIN(after_ms, AFTER_MS_MAX)));
	reply_problemf(request, ERR_QUEUE_FULL, "%lld of %lld jobs queued, draining %.0f/s",
		       (long long)queued, (long long)api->config->queued_max, rate);
}

static void compile_reply(struct request *request, const struct mistakes *mistakes,
			  const struct json_place *place, const struct err *err)
{
	if (mistakes->count > 0)
		reply_mistakes(request, mistakes);
	else if (place->line > 0)
		reply_json_error(request, err, place);
	else
		reply_problem(request, err);
}

struct task *task_of_body(struct request *request)
{
	struct json_place place = {0};
	struct mistakes mistakes;
	struct task *task = NULL;
	struct err err;
	size_t len;
	const char *body = request_body(request, &len);

	mistakes_init(&mistakes);
	if (task_compile(body, len, api_of(request)->permits, &task, &mistakes, &place, &err)) {
		compile_reply(request, &mistakes, &place, &err);
		task = NULL;
	}
	mistakes_done(&mistakes);
	return task;
}

/* ---- the commit, and the answer after it ---- */

static void submitted(void *ctx, const struct submit_result *result)
{
	struct submission *submission = ctx;

	if (result->err) {
		submission->err = *result->err;
	} else {
		submission->outcome = result->outcomes[0];
		submission->id = result->ids[0];
	}
	if (submission->wait && !result->err && submission->outcome == SUBMIT_CREATED)
		later_done_quietly(submission->later); /* its end will wake */
	else
		later_done(submission->later);
}

static void created_reply(struct request *request, struct submission *submission)
{
	char id[ID_TEXT_LEN + 1];

	if (submission->wait) {
		job_wait_reply(request, submission->wait, 202);
		submission->wait = NULL;
		return;
	}
	id_format(&submission->id, id);
	reply_headerf(request, "Location", "/v1/jobs/%s", id);
	reply_json(request, 202, &submission->accepted);
}

static void conflict_reply(struct request *request, const struct submission *submission)
{
	char id[ID_TEXT_LEN + 1];

	id_format(&submission->id, id);
	problem_member(request, "job", id);
	reply_problemf(request, ERR_UNIQUE_CONFLICT, "job %s holds this unique key", id);
}

static void answer(struct request *request, void *ctx)
{
	struct submission *submission = ctx;

	if (submission->err.code != ERR_NONE) {
		reply_problem(request, &submission->err);
		return;
	}
	if (submission->outcome != SUBMIT_CREATED)
		submission->wish.after_seq = 0; /* an older job: it may have ended long ago */
	switch (submission->outcome) {
	case SUBMIT_CREATED:
		created_reply(request, submission);
		break;
	case SUBMIT_REPLAYED:
		reply_header(request, "Idempotency-Replayed", "true");
		job_reply_wait(request, &submission->id, &submission->wish, 202);
		break;
	case SUBMIT_EXISTS:
		if (submission->unique_return)
			job_reply_wait(request, &submission->id, &submission->wish, 200);
		else
			conflict_reply(request, submission);
		break;
	case SUBMIT_MISMATCH:
		reply_problemf(request, ERR_IDEMPOTENCY_MISMATCH,
			       "this Idempotency-Key came with another body before");
		break;
	case SUBMIT_QUEUE_FULL:
	case SUBMIT_UNDONE:
		queue_full_reply(request);
		break;
	}
}

static struct submission *submission_new(struct request *request, const struct task *task,
					 const struct wait_wish *wish)
{
	struct submission *submission = arena_alloc(request_arena(request), sizeof(*submission));
	struct json_out out;

	if (!submission)
		return NULL;
	submission->wish = *wish;
	if (wish->wait_ms > 0)
		submission->wish.after_seq = events_last_seq(api_of(request)->events);
	submission->id = task->job.id;
	submission->unique_return = task->unique_return;
	buf_init(&submission->accepted, REPLY_BYTES_MAX);
	if (wish->wait_ms == 0) {
		out = JSON_OUT(&submission->accepted);
		job_out(&task->job, task->spec, &out);
	}
	return submission;
}

/* Takes the task over. */
static void task_submit(struct request *request, struct task *task,
			const struct idempotency *idempotency, const struct wait_wish *wish)
{
	struct submission *submission = submission_new(request, task, wish);
	struct err err;

	if (!submission) {
		task_free(task);
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the job");
		return;
	}
	if (wish->wait_ms > 0) {
		submission->wait = job_wait_new(request, &submission->id, &submission->wish);
		if (!submission->wait) {
			task_free(task);
			return;
		}
	}
	submission->later = reply_later(request, answer, submission_free, submission);
	if (!submission->later) {
		task_free(task);
		return;
	}
	if (engine_submit(api_of(request)->engine, &task, 1, false, idempotency->key,
			  idempotency->hash, submitted, submission, &err)) {
		submission->err = err;
		later_done(submission->later);
	}
}

void job_submit(struct request *request)
{
	static const char *const known[] = {"wait", "expect", "include", "dry_run", NULL};
	struct idempotency idempotency;
	struct wait_wish wish;
	struct task *task;
	struct err err;
	int64_t records;

	if (request_query_check(request, known, &err) || dry_run_read(request, &records, &err) ||
	    wait_wish_read(request, &wish, &err) || idempotency_read(request, &idempotency, &err)) {
		reply_problem(request, &err);
		return;
	}
	task = task_of_body(request);
	if (!task)
		return;
	if (records >= 0) {
		dry_run_reply(request, task, records);
		return;
	}
	task->job.request_id = arena_text(&task->arena, request_id(request));
	task_stamp(task, clock_wall_ms());
	task_submit(request, task, &idempotency, &wish);
}
