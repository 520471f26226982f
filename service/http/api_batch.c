/* SPDX-License-Identifier: MIT */
/* api_batch.c - POST /v1/jobs/batch: many jobs, one transaction, an outcome for each.
 *
 * The body is a JSON array or NDJSON, told apart by its first byte.  Each job is
 * compiled from its own text; those that are wrong get a problem, the others go to
 * the store together.  With ?atomic=true one wrong job keeps all of them out.
 */
#include "service/http/api_submit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "service/http/api_query.h"
#include "service/http/problem.h"

#include <stdlib.h>
#include <string.h>

struct item {
	int status;
	struct id id;	    /* 2xx */
	struct buf problem; /* else */
	bool unique_return;
	size_t sent; /* its place among the tasks */
};

struct batch {
	struct later *later;
	struct item *items;
	size_t count;
	struct task **tasks;	       /* of the items that are right */
	size_t tasks_count;	       /* that are still ours */
	enum submit_outcome *outcomes; /* one for each task, as are the ids */
	struct id *ids;
	bool atomic;
	struct err err; /* of the commit */
};

static void batch_free(void *ctx)
{
	struct batch *batch = ctx;

	for (size_t i = 0; i < batch->tasks_count; i++)
		task_free(batch->tasks[i]);
	for (size_t i = 0; i < batch->count; i++)
		buf_done(&batch->items[i].problem);
	free(batch->items);
	free(batch->tasks);
	free(batch->outcomes);
	free(batch->ids);
	free(batch);
}

/* ---- the body, job by job ---- */

struct slice {
	const char *at;
	size_t len;
};

/* Where a JSON value in an array that was checked ends: at the comma or bracket. */
static const char *value_end(const char *at, const char *end)
{
	int depth = 0;
	bool quoted = false;

	for (; at < end; at++) {
		if (quoted) {
			if (*at == '\\')
				at++;
			else if (*at == '"')
				quoted = false;
		} else if (*at == '"') {
			quoted = true;
		} else if (*at == '{' || *at == '[') {
			depth++;
		} else if ((*at == '}' || *at == ']' || *at == ',') && depth == 0) {
			return at;
		} else if (*at == '}' || *at == ']') {
			depth--;
		}
	}
	return end;
}

static const char *blank_end(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* The next job of a body; false: none.  *at moves behind it. */
static bool slice_next(bool is_array, const char **at, const char *end, struct slice *ret)
{
	const char *stop;

	if (is_array)
		*at += *at < end && (**at == ',' || **at == '[');
	*at = blank_end(*at, end);
	if (*at == end || (is_array && **at == ']'))
		return false;
	stop = is_array ? value_end(*at, end) : memchr(*at, '\n', (size_t)(end - *at));
	if (!stop)
		stop = end;
	*ret = (struct slice){.at = *at, .len = (size_t)(stop - *at)};
	*at = stop;
	return true;
}

static size_t slices_count(bool is_array, const char *at, const char *end)
{
	struct slice slice;
	size_t count = 0;

	while (count <= HTTP_BATCH_JOBS_MAX && slice_next(is_array, &at, end, &slice))
		count++;
	return count;
}

/* ---- compiling ---- */

static void item_refuse(struct item *item, const struct err *err, const struct mistakes *mistakes,
			const struct json_place *place)
{
	struct json_out out = JSON_OUT(&item->problem);

	if (mistakes && mistakes->count > 0) {
		problem_begin_mistakes(&out, NULL, mistakes, NULL);
		item->status = err_status(mistakes->code);
	} else {
		problem_begin(&out, NULL, err, NULL);
		if (place && place->line > 0)
			problem_place(&out, place);
		item->status = err_status(err->code);
	}
	json_out_end(&out, '}');
}

static void item_compile(struct request *request, struct batch *batch, size_t index,
			 const struct slice *slice, int64_t now_ms)
{
	struct item *item = &batch->items[index];
	struct json_place place = {0};
	struct mistakes mistakes;
	struct task *task;
	struct err err;

	buf_init(&item->problem, REPLY_BYTES_MAX);
	mistakes_init(&mistakes);
	if (task_compile(slice->at, slice->len, api_of(request)->permits, &task, &mistakes, &place,
			 &err)) {
		item_refuse(item, &err, &mistakes, &place);
	} else {
		task->job.request_id = arena_text(&task->arena, request_id(request));
		task_stamp(task, now_ms);
		item->id = task->job.id;
		item->unique_return = task->unique_return;
		item->sent = batch->tasks_count;
		batch->tasks[batch->tasks_count++] = task;
	}
	mistakes_done(&mistakes);
}

static struct batch *batch_new(size_t count)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->items = calloc(count, sizeof(*batch->items));
	batch->tasks = calloc(count, sizeof(struct task *));
	batch->outcomes = calloc(count, sizeof(*batch->outcomes));
	batch->ids = calloc(count, sizeof(*batch->ids));
	if (batch->items && batch->tasks && batch->outcomes && batch->ids)
		return batch;
	batch_free(batch);
	return NULL;
}

/* All jobs of the body, compiled; NULL: answered. */
static struct batch *batch_read(struct request *request)
{
	size_t len;
	const char *body = request_body(request, &len);
	const char *end = body + len, *at = blank_end(body, end);
	bool is_array = at < end && *at == '[';
	size_t count = 0;
	int64_t now_ms = clock_wall_ms();
	struct json_place place;
	struct batch *batch;
	struct slice slice;
	struct err err;

	/* A bad line of NDJSON is that line's own; an array must be whole. */
	if (is_array && json_check(body, len, &place, &err) && err.code == ERR_INVALID_JSON) {
		reply_json_error(request, &err, &place);
		return NULL;
	}
	count = slices_count(is_array, at, end);
	if (count == 0 || count > HTTP_BATCH_JOBS_MAX) {
		problem_hint(request, "a JSON array of jobs, or one job a line");
		reply_problemf(request, count ? ERR_BODY_TOO_LARGE : ERR_INVALID_SPEC,
			       "a batch has 1 to %d jobs", HTTP_BATCH_JOBS_MAX);
		return NULL;
	}
	batch = batch_new(count);
	if (!batch) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the batch");
		return NULL;
	}
	while (slice_next(is_array, &at, end, &slice)) {
		item_compile(request, batch, batch->count, &slice, now_ms);
		batch->count++;
	}
	return batch;
}

/* ---- the answer ---- */

static void item_outcome(struct item *item, enum submit_outcome outcome)
{
	char id[ID_TEXT_LEN + 1];
	struct err err;

	switch (outcome) {
	case SUBMIT_CREATED:
	case SUBMIT_REPLAYED:
		item->status = 202;
		return;
	case SUBMIT_EXISTS:
		item->status = 200;
		if (item->unique_return)
			return;
		id_format(&item->id, id);
		err_set(&err, ERR_UNIQUE_CONFLICT, "job %s holds this unique key", id);
		break;
	case SUBMIT_MISMATCH:
		err_set(&err, ERR_IDEMPOTENCY_MISMATCH,
			"this Idempotency-Key came with another body before");
		break;
	case SUBMIT_QUEUE_FULL:
		err_set(&err, ERR_QUEUE_FULL, "the queue is full");
		break;
	case SUBMIT_UNDONE:
		err_set(&err, ERR_CONFLICT,
			"left out: the batch is atomic and another was refused");
		break;
	}
	item_refuse(item, &err, NULL, NULL);
}

static void item_out(const struct item *item, size_t index, struct json_out *out)
{
	char id[ID_TEXT_LEN + 1];

	json_out_object(out, NULL);
	json_out_int(out, "index", (int64_t)index);
	json_out_int(out, "status", item->status);
	if (item->status < 300) {
		id_format(&item->id, id);
		json_out_text(out, "id", id);
	} else {
		json_out_raw(out, "problem", buf_text(&item->problem), item->problem.len);
	}
	json_out_end(out, '}');
}

static void batch_answer(struct request *request, void *ctx)
{
	struct batch *batch = ctx;
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	if (batch->err.code != ERR_NONE) {
		reply_problem(request, &batch->err);
		return;
	}
	json_out_object(&out, NULL);
	json_out_array(&out, "items");
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (item->status == 0) {
			item->id = batch->ids[item->sent];
			item_outcome(item, batch->outcomes[item->sent]);
		}
		item_out(item, i, &out);
	}
	json_out_end(&out, ']');
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

static void batch_submitted(void *ctx, const struct submit_result *result)
{
	struct batch *batch = ctx;

	if (result->err) {
		batch->err = *result->err;
	} else {
		memcpy(batch->outcomes, result->outcomes,
		       result->count * sizeof(*result->outcomes));
		memcpy(batch->ids, result->ids, result->count * sizeof(*result->ids));
	}
	later_done(batch->later);
}

/* Nothing goes to the store: every job was wrong, or one was and all must be right. */
static void batch_refuse(struct request *request, struct batch *batch)
{
	for (size_t i = 0; i < batch->tasks_count; i++)
		batch->outcomes[i] = SUBMIT_UNDONE;
	batch_answer(request, batch);
	batch_free(batch);
}

static void batch_submit(struct request *request, struct batch *batch,
			 const struct idempotency *idempotency)
{
	struct err err;

	size_t count = batch->tasks_count;

	batch->later = reply_later(request, batch_answer, batch_free, batch);
	if (!batch->later)
		return;
	batch->tasks_count = 0; /* from here on the tasks are the engine's */
	if (engine_submit(api_of(request)->engine, batch->tasks, count, batch->atomic,
			  idempotency->key, idempotency->hash, batch_submitted, batch, &err)) {
		batch->err = err;
		later_done(batch->later);
	}
}

void job_submit_batch(struct request *request)
{
	static const char *const known[] = {"atomic", NULL};
	struct idempotency idempotency;
	struct batch *batch;
	struct err err;
	bool atomic;

	if (request_query_check(request, known, &err) ||
	    query_bool(request, "atomic", &atomic, &err) ||
	    idempotency_read(request, &idempotency, &err)) {
		reply_problem(request, &err);
		return;
	}
	batch = batch_read(request);
	if (!batch)
		return;
	batch->atomic = atomic;
	if (batch->tasks_count == 0 || (atomic && batch->tasks_count < batch->count))
		batch_refuse(request, batch);
	else
		batch_submit(request, batch, &idempotency);
}
