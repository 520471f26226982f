/* SPDX-License-Identifier: MIT */
/* api_job.c - jobs as JSON, and answers that wait for a job's end.
 *
 * Waiting: subscribe to the job's events first, then look at its row, so that no end
 * is missed between the two; it is looked at again when an event ends the job.  A job
 * that was submitted just now need not be looked at first.
 */
#include "service/http/api_job.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/units.h"
#include "service/engine/events.h"
#include "service/http/server.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_TEXT_BYTES = 1000 };

static const char *const priorities[PRIORITIES] = {"critical", "high", "normal", "low"};

/* ---- the job as JSON ---- */

static void int_or_null(struct json_out *out, const char *name, bool known, int64_t value)
{
	if (known)
		json_out_int(out, name, value);
	else
		json_out_null(out, name);
}

/* Of a running job that has parts. */
static void details_out(const struct engine_live *live, struct json_out *out)
{
	const struct engine_parts *parts = live ? &live->parts : NULL;

	if (!parts || parts->found == 0) {
		json_out_null(out, "details");
		return;
	}
	json_out_object(out, "details");
	json_out_int(out, "found", parts->found);
	json_out_int(out, "queued", parts->queued);
	json_out_int(out, "in_flight", parts->in_flight);
	json_out_int(out, "failed", parts->failed);
	json_out_object(out, "failed_by");
	for (int code = ERR_NONE + 1; code < ERR_CODES; code++)
		if (parts->failed_by[code] > 0)
			json_out_int(out, err_name((enum err_code)code), parts->failed_by[code]);
	json_out_end(out, '}');
	if (live->details)
		json_out_raw(out, live->handler, live->details, strlen(live->details));
	json_out_end(out, '}');
}

static void progress_out(const struct job *job, const struct engine_live *live,
			 struct json_out *out)
{
	int64_t done = live ? live->done : job->done;
	int64_t total = live ? live->total : job->total;
	double rate = live ? live->rate : 0, mean_rate = live ? live->mean_rate : 0;
	bool rated = mean_rate > 0;

	json_out_object(out, "progress");
	json_out_int(out, "done", done);
	int_or_null(out, "total", total >= 0, total);
	if (total > 0)
		json_out_double(out, "percent", round(1000.0 * (double)done / (double)total) / 10);
	else
		json_out_null(out, "percent");
	json_out_double(out, "rate", rate > 0 ? round(rate * 10) / 10 : NAN);
	int_or_null(out, "eta_ms", rated && total >= done,
		    rated ? (int64_t)((double)(total - done) / mean_rate * 1000) : 0);
	json_out_text(out, "stage", live ? live->stage : job->stage);
	details_out(live, out);
	json_out_end(out, '}');
}

static void waiting_out(const struct job *job, const struct engine_live *live, struct json_out *out)
{
	bool later = job->state == JOB_SCHEDULED || job->state == JOB_RETRYING;
	char id[ID_TEXT_LEN + 1];

	if (!later && !(live && live->waiting_reason[0])) {
		json_out_null(out, "waiting");
		return;
	}
	json_out_object(out, "waiting");
	if (later) {
		json_out_text(out, "reason", job->state == JOB_SCHEDULED ? "run_at" : "retry");
		json_out_instant(out, "until", job->ready_ms);
	} else {
		json_out_text(out, "reason", live->waiting_reason);
		if (live->waiting_host[0])
			json_out_text(out, "host", live->waiting_host);
		if (strcmp(live->waiting_reason, "job") == 0) {
			id_format(&live->waiting_job, id);
			json_out_text(out, "job", id);
		}
		json_out_instant(out, "until", live->waiting_until_ms);
	}
	json_out_end(out, '}');
}

static void outcome_out(const struct job *job, struct json_out *out)
{
	if (job->summary)
		json_out_raw(out, "summary", job->summary, strlen(job->summary));
	else
		json_out_null(out, "summary");
	if (job->error == ERR_NONE) {
		json_out_null(out, "error");
		return;
	}
	json_out_object(out, "error");
	json_out_text(out, "type", err_name(job->error));
	json_out_text(out, "detail", job->error_detail);
	json_out_end(out, '}');
}

static void tags_out(const struct job *job, struct json_out *out)
{
	if (job->tags) {
		json_out_raw(out, "tags", job->tags, strlen(job->tags));
	} else {
		json_out_object(out, "tags");
		json_out_end(out, '}');
	}
}

static void spec_out(const struct job *job, const struct json *spec, struct json_out *out)
{
	struct json_place place;
	struct json *envelope;
	struct err err;

	if (spec) {
		spec_out_redacted(out, "spec", spec);
		return;
	}
	if (!job->body || json_parse(job->body, strlen(job->body), &envelope, &place, &err))
		return;
	spec_out_redacted(out, "spec", json_get(envelope, "spec"));
	json_free(envelope);
}

static void links_out(const char *id, struct json_out *out)
{
	static const char *const parts[] = {"results", "errors", "logs", "attempts", "events"};
	char link[sizeof("/v1/jobs/") + ID_TEXT_LEN + sizeof("/attempts")];
	char *end = stpcpy(stpcpy(link, "/v1/jobs/"), id);

	json_out_object(out, "links");
	json_out_text(out, "self", link);
	*end++ = '/';
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		stpcpy(end, parts[i]);
		json_out_text(out, parts[i], link);
	}
	json_out_end(out, '}');
}

/* Leaves the object open for further members. */
static void job_out_open(const struct job *job, const struct json *spec,
			 const struct engine_live *live, struct json_out *out)
{
	char id[ID_TEXT_LEN + 1];

	buf_room(out->buf, JOB_TEXT_BYTES); /* at once what most jobs take */
	id_format(&job->id, id);
	json_out_object(out, NULL);
	json_out_text_len(out, "id", id, ID_TEXT_LEN);
	json_out_text(out, "type", job->type);
	json_out_text(out, "name", job->name);
	json_out_text(out, "state", state_name(job->state));
	json_out_text(out, "priority", priorities[job->priority]);
	json_out_instant(out, "created_at", job->created_ms);
	json_out_instant(out, "run_at", job->ready_ms);
	json_out_instant(out, "started_at", job->started_ms);
	json_out_instant(out, "finished_at", job->finished_ms);
	json_out_int(out, "attempt", job->attempt);
	json_out_int(out, "max_attempts", job->max_attempts);
	progress_out(job, live, out);
	waiting_out(job, live, out);
	outcome_out(job, out);
	json_out_object(out, "counts");
	json_out_int(out, "items", job->items);
	json_out_int(out, "failed", live ? live->items_failed : job->items_failed);
	json_out_end(out, '}');
	tags_out(job, out);
	json_out_text(out, "request_id", job->request_id);
	spec_out(job, spec, out);
	links_out(id, out);
}

void job_out(const struct job *job, const struct json *spec, struct json_out *out)
{
	job_out_open(job, spec, NULL, out);
	json_out_end(out, '}');
}

/* ---- answers ---- */

static void results_out(struct request *request, const struct job *job, struct json_out *out)
{
	char *bytes = arena_alloc(request_arena(request), HTTP_INCLUDE_BYTES_MAX);
	size_t len = 0, at = 0, more = 1;
	int64_t offset = 0;
	struct err err;

	for (; bytes && more > 0 && len < HTTP_INCLUDE_BYTES_MAX; len += more)
		if (store_results_next(api_of(request)->store, &job->id, &offset, bytes + len,
				       HTTP_INCLUDE_BYTES_MAX - len, &more, &err))
			break;
	json_out_array(out, "results");
	while (at < len) {
		const char *end = memchr(bytes + at, '\n', len - at);

		if (!end)
			break;
		json_out_raw(out, NULL, bytes + at, (size_t)(end - bytes) - at);
		at = (size_t)(end - bytes) + 1;
	}
	json_out_end(out, ']');
	json_out_bool(out, "results_truncated", at < len || offset < job->result_bytes);
}

static void job_reply_with(struct request *request, int status, const struct job *job, bool located,
			   bool include_results)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	struct engine_live live;
	bool is_live =
		job->state == JOB_RUNNING && engine_live(api_of(request)->engine, &job->id, &live);
	char id[ID_TEXT_LEN + 1];

	id_format(&job->id, id);
	if (located)
		reply_headerf(request, "Location", "/v1/jobs/%s", id);
	if (!is_live)
		reply_headerf(request, "ETag", "\"%llu\"", (unsigned long long)job->version);
	job_out_open(job, NULL, is_live ? &live : NULL, &out);
	if (include_results)
		results_out(request, job, &out);
	json_out_end(&out, '}');
	if (is_live)
		free(live.details);
	reply_json(request, status, &body);
}

void job_reply(struct request *request, int status, const struct job *job, bool located)
{
	job_reply_with(request, status, job, located, false);
}

/* ---- waiting ---- */

static int wait_read(struct request *request, struct wait_wish *wish, struct err *err)
{
	const char *prefer = request_header(request, "Prefer");
	const char *query = request_query(request, "wait");
	const char *at = prefer ? strstr(prefer, "wait=") : NULL;

	if (query) {
		if (duration_parse(query, &wish->wait_ms, err)) {
			err->code = ERR_BAD_PARAMETER;
			return err_wrap(err, "wait");
		}
		if (wish->wait_ms > HTTP_WAIT_MS_MAX)
			return err_set(err, ERR_BAD_PARAMETER, "wait is at most %ds",
				       HTTP_WAIT_MS_MAX / 1000);
	} else if (at) {
		/* A preference is no demand (RFC 7240): what cannot be kept is shortened. */
		long seconds = strtol(at + strlen("wait="), NULL, 10);

		wish->wait_ms = MAX(0, MIN(seconds, HTTP_WAIT_MS_MAX / 1000)) * 1000;
		wish->preferred = true;
	}
	return 0;
}

int wait_wish_read(struct request *request, struct wait_wish *ret_wish, struct err *err)
{
	const char *expect = request_query(request, "expect");
	const char *include = request_query(request, "include");

	*ret_wish = (struct wait_wish){0};
	if (wait_read(request, ret_wish, err))
		return -1;
	if (expect && strcmp(expect, "completed") != 0)
		return err_set(err, ERR_BAD_PARAMETER, "expect='%.40s' is not 'completed'", expect);
	if (include && strcmp(include, "results") != 0)
		return err_set(err, ERR_BAD_PARAMETER, "include='%.40s' is not 'results'", include);
	ret_wish->expect_completed = expect != NULL;
	ret_wish->include_results = include != NULL;
	return 0;
}

struct wait {
	struct api *api;
	struct id id;
	struct wait_wish wish;
	int status_late;
	int64_t until_ms;
	bool look;    /* at the row: it may have ended before the first event read */
	uint64_t seq; /* the last event read */
	struct subscriber *subscriber;
};

static void wait_wake(void *ctx)
{
	waker_wake(ctx);
}

static void end_reply(struct request *request, const struct wait *wait, const struct job *job)
{
	bool final = state_is_final(job->state);

	if (final && wait->wish.expect_completed && job->state != JOB_COMPLETED) {
		char id[ID_TEXT_LEN + 1];

		id_format(&job->id, id);
		problem_member(request, "job", id);
		problem_member(request, "state", state_name(job->state));
		reply_problemf(request, ERR_JOB_FAILED, "the job %s%s%s", state_name(job->state),
			       job->error_detail ? ": " : "",
			       job->error_detail ? job->error_detail : "");
		return;
	}
	if (wait->wish.preferred)
		reply_headerf(request, "Preference-Applied", "wait=%lld",
			      (long long)wait->wish.wait_ms / 1000);
	job_reply_with(request, final ? 200 : wait->status_late, job, wait->status_late == 202,
		       wait->wish.include_results);
}

/* Asks the events, most of which end nothing, before the row is read. */
static bool may_be_final(struct wait *wait)
{
	enum { READ_EVENTS = 16 };
	struct event events[READ_EVENTS];
	size_t count = READ_EVENTS;
	bool final = wait->look;
	struct err err;

	wait->look = false;
	while (!final && count == READ_EVENTS) {
		if (events_read(wait->api->events, &wait->id, wait->seq, READ_EVENTS, events,
				&count, &err))
			return true;
		for (size_t i = 0; i < count; i++) {
			wait->seq = events[i].seq;
			final |= events[i].type == EVENT_END;
			free(events[i].data);
		}
	}
	return final;
}

static void wait_poll(struct request *request, void *ctx)
{
	struct wait *wait = ctx;
	/* A drain does not wait for jobs: the answer is what is known now. */
	bool over = clock_ms() >= wait->until_ms || server_draining(wait->api->server);
	struct job job;
	struct err err;

	if (!over && !may_be_final(wait))
		return;
	if (store_job_get(wait->api->store, &wait->id, true, &job, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (over || state_is_final(job.state))
		end_reply(request, wait, &job);
	job_done(&job);
}

static void wait_close(void *ctx)
{
	struct wait *wait = ctx;

	events_unsubscribe(wait->api->events, wait->subscriber);
	free(wait);
}

struct wait *job_wait_new(struct request *request, const struct id *id,
			  const struct wait_wish *wish)
{
	struct wait *wait = calloc(1, sizeof(*wait));
	struct err err;

	if (!wait) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory to wait");
		return NULL;
	}
	*wait = (struct wait){
		.api = api_of(request),
		.id = *id,
		.wish = *wish,
		.until_ms = clock_ms() + wish->wait_ms,
		.look = wish->after_seq == 0,
	};
	if (events_subscribe_end(wait->api->events, id, wait_wake, request_waker(request),
				 &wait->subscriber, &err)) {
		free(wait);
		reply_problem(request, &err);
		return NULL;
	}
	wait->seq = wait->look ? events_last_seq(wait->api->events) : wish->after_seq;
	waker_at(request_waker(request), wait->until_ms);
	return wait;
}

void job_wait_free(struct wait *wait)
{
	if (wait)
		wait_close(wait);
}

void job_wait_reply(struct request *request, struct wait *wait, int status_late)
{
	static const struct waiter waiter = {.poll = wait_poll, .close = wait_close};

	wait->status_late = status_late;
	reply_wait(request, &waiter, wait);
}

void job_reply_wait(struct request *request, const struct id *id, const struct wait_wish *wish,
		    int status_late)
{
	struct wait at_once = {
		.api = api_of(request), .id = *id, .wish = *wish, .status_late = status_late};
	struct wait *wait;

	if (wish->wait_ms == 0) {
		wait_poll(request, &at_once);
		return;
	}
	wait = job_wait_new(request, id, wish);
	if (wait)
		job_wait_reply(request, wait, status_late);
}

/* ---- changes ---- */

struct change {
	struct later *later;
	struct job job; /* as of the commit */
	struct err err;
};

static void change_answer(struct request *request, void *ctx)
{
	struct change *change = ctx;
	struct job now;
	struct err err;

	if (change->err.code != ERR_NONE) {
		reply_problem(request, &change->err);
		return;
	}
	/* Its body never changes; without it (deleted meanwhile) the answer has no spec. */
	if (store_job_get(api_of(request)->store, &change->job.id, true, &now, &err) == 0) {
		change->job.body = now.body;
		now.body = NULL;
		job_done(&now);
	}
	job_reply(request, 200, &change->job, false);
}

static void change_free(void *ctx)
{
	struct change *change = ctx;

	job_done(&change->job);
	free(change);
}

struct change *change_new(struct request *request)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the change");
		return NULL;
	}
	change->later = reply_later(request, change_answer, change_free, change);
	return change->later ? change : NULL;
}

void change_done(void *ctx, struct job *job, const struct err *err)
{
	struct change *change = ctx;

	if (job) {
		change->job = *job;
		*job = (struct job){0};
	} else {
		change->err = *err;
	}
	later_done(change->later);
}
