/* SPDX-License-Identifier: MIT */
/* stage_sink.c - {"sink": {"url": "https://…/ingest", "size": 1000, "bytes": "1MB"}}
 *
 * Records gather as lines, and are posted when they are so many, or when their part ends; up to
 * `workers` batches are under way.  When one more is full its rows stay where they are, and the
 * lane waits.
 *
 * A batch is of one part, and parts are the same in each attempt: so is a batch and its number.
 * After a crash the part is repeated whole, batches that were delivered too, each under the
 * Idempotency-Key that it had.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/call.h"
#include "handlers/pipeline/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SIZE = 1000, BYTES = 1024 * 1024, KEY_BYTES = ID_TEXT_LEN + 64 };

struct sink_plan {
	struct call call;
	int64_t size, bytes;
};

/* A batch that is under way, or has ended and waits to be counted. */
struct sent {
	int64_t records; /* 0: the slot is free */
	unsigned number;
	struct fetch_result *result;
};

struct sink_lane {
	struct picks queue; /* rows that are in no batch yet */
	struct buf lines;   /* of the batch that fills */
	int64_t records;
	unsigned number;   /* of that batch in its part */
	struct sent *sent; /* [workers] */
	unsigned under_way;
	struct arena arena;
};

/* ---- the plan ---- */

/* What a batch says of itself. */
static void headers_look(const struct stage *stage, const struct json *headers,
			 struct stage_planner *planner)
{
	static const char *const own[] = {"content-type", "idempotency-key"};
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "sink");

	pointer = mistakes_pointer(planner->mistakes, pointer, "headers");
	for (const struct json *at = headers ? json_first(headers) : NULL; at; at = json_next(at))
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			if (strcasecmp(json_name(at), own[i]) == 0)
				mistake_add(
					planner->mistakes,
					mistakes_pointer(planner->mistakes, pointer, json_name(at)),
					"bad-header", "'%s' is the sink's own", json_name(at));
}

static void sink_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	struct sink_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	headers_look(stage, json_get(value, "headers"), planner);
	plan->size = spec_int(value, "size", SIZE);
	plan->bytes = spec_size(value, "bytes", BYTES);
	if (call_plan(planner, stage, value, "POST", &plan->call, &stage->renew) &&
	    !plan->call.fixed)
		mistake_add(planner->mistakes,
			    mistakes_pointer(planner->mistakes, stage->pointer, "sink"),
			    "bad-template", "a batch has no members: {…} cannot stand here");
	plan->call.request.repeatable = true;
}

static int sink_open(struct stage_lane *at, struct err *err)
{
	const struct sink_plan *plan = at->stage->plan;
	struct sink_lane *state = calloc(1, sizeof(*state));

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
	buf_init(&state->lines, (size_t)plan->bytes + RECORD_BYTES_MAX + 1);
	arena_init(&state->arena, 2 * RECORD_BYTES_MAX);
	state->sent = calloc(at->stage->workers, sizeof(*state->sent));
	return state->sent ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a stage");
}

static void sink_close(struct stage_lane *at)
{
	struct sink_lane *state = at->state;

	if (!state)
		return;
	for (unsigned i = 0; state->sent && i < at->stage->workers; i++)
		fetch_result_free(state->sent[i].result);
	free(state->sent);
	picks_done(&state->queue);
	buf_done(&state->lines);
	arena_done(&state->arena);
	free(state);
}

/* ---- sending ---- */

/* Of what barriers give there may be no part. */
static void key_print(const struct stage_lane *at, unsigned batch, char key[KEY_BYTES])
{
	const struct pipeline *pipeline = at->lane->pipeline;
	const struct portion *portion = at->lane->portion;
	char job[ID_TEXT_LEN + 1];

	id_format(run_job_id(pipeline->run), job);
	if (portion)
		snprintf(key, KEY_BYTES, "%s-s%u-p%llu-b%u", job, at->stage->number,
			 (unsigned long long)portion_part(portion)->number, batch);
	else
		snprintf(key, KEY_BYTES, "%s-s%u-g%u-b%u", job, at->stage->number,
			 pipeline->barrier, batch);
}

static enum run_answer batch_post(struct stage_lane *at, unsigned slot, struct err *err)
{
	const struct sink_plan *plan = at->stage->plan;
	struct sink_lane *state = at->state;
	struct fetch_request request;
	struct fetch_header *headers;
	char key[KEY_BYTES];

	arena_clear(&state->arena);
	if (call_fill(&plan->call, NULL, 0, 2, &state->arena, &request, err))
		return RUN_ERROR;
	key_print(at, state->number, key);
	headers = (struct fetch_header *)request.headers;
	headers[request.header_count++] =
		(struct fetch_header){"Content-Type", "application/x-ndjson"};
	headers[request.header_count++] = (struct fetch_header){"Idempotency-Key", key};
	request.body = state->lines.data;
	request.body_len = state->lines.len;
	return run_fetch(at->lane->pipeline->run, at->lane->number, &request, stage_tag(at, slot),
			 err);
}

static int batch_failed(struct stage_lane *at, unsigned number, int64_t records, struct err *why,
			struct err *err)
{
	err_wrap(why, "batch %u, %lld records", number, (long long)records);
	return stage_failed_many(at, records, why, err);
}

/* The batch that fills goes: RUN_LATER, RUN_FULL: not now. */
static enum run_answer batch_send(struct stage_lane *at, struct err *err)
{
	struct sink_lane *state = at->state;
	enum run_answer answer;
	unsigned slot = 0;
	struct err why;

	if (state->under_way >= lane_workers(at))
		return RUN_LATER;
	while (state->sent[slot].records > 0)
		slot++;
	answer = batch_post(at, slot, &why);
	if (answer == RUN_ERROR && batch_failed(at, state->number, state->records, &why, err))
		return RUN_ERROR;
	if (answer == RUN_OK) {
		state->sent[slot] = (struct sent){state->records, state->number, NULL};
		state->under_way++;
	}
	if (answer != RUN_OK && answer != RUN_ERROR)
		return answer;
	state->number++;
	state->records = 0;
	buf_clear(&state->lines);
	return RUN_OK;
}

static void sink_completion(struct stage_lane *at, const struct completion *completion)
{
	struct sink_lane *state = at->state;

	state->sent[stage_tag_number(completion->tag)].result = completion->fetch;
}

/* Counts what was delivered, and what was not. */
static int sent_count(struct stage_lane *at, struct err *err)
{
	struct sink_lane *state = at->state;

	for (unsigned i = 0; i < at->stage->workers; i++) {
		struct sent *sent = &state->sent[i];
		struct sent ended = *sent;
		struct err why;

		if (!ended.result)
			continue;
		*sent = (struct sent){0};
		state->under_way--;
		why = ended.result->err;
		fetch_result_free(ended.result);
		if (why.code == ERR_NONE) {
			at->counts[COUNT_OUT] += ended.records;
			continue;
		}
		if (batch_failed(at, ended.number, ended.records, &why, err))
			return -1;
	}
	return 0;
}

/* ---- filling ---- */

static bool is_full(const struct stage_lane *at)
{
	const struct sink_plan *plan = at->stage->plan;
	const struct sink_lane *state = at->state;

	return state->records >= plan->size || (int64_t)state->lines.len >= plan->bytes;
}

static int row_add(struct stage_lane *at, struct bundle *bundle, uint32_t row, struct err *err)
{
	struct sink_lane *state = at->state;
	size_t before = state->lines.len;
	struct err why;
	bool stays;

	if (record_print(bundle, row, &state->lines, &why)) {
		buf_cut(&state->lines, before);
		state->lines.failed = false;
		return stage_failed(at, bundle, row, &why, &stays, err);
	}
	buf_end_line(&state->lines, before);
	state->records++;
	return buf_ok(&state->lines) ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a batch");
}

static int sink_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		    struct err *err)
{
	struct sink_lane *state = at->state;
	enum run_answer answer = RUN_OK;
	size_t taken = 0;

	if (sent_count(at, err) || picks_merge(&state->queue, picks, bundle, err))
		return -1;
	picks->count = 0;
	while (answer == RUN_OK && (taken < state->queue.count || is_full(at))) {
		if (is_full(at))
			answer = batch_send(at, err);
		else if (row_add(at, bundle, state->queue.rows[taken++], err))
			return -1;
	}
	picks_drop(&state->queue, taken);
	at->held = state->queue.count;
	return answer == RUN_ERROR ? -1 : 0;
}

static enum run_answer sink_flush(struct stage_lane *at, struct err *err)
{
	struct sink_lane *state = at->state;
	enum run_answer answer = RUN_OK;

	if (sent_count(at, err))
		return RUN_ERROR;
	if (state->records > 0)
		answer = batch_send(at, err);
	if (answer != RUN_OK)
		return answer;
	if (state->under_way > 0)
		return RUN_LATER;
	state->number = 0;
	return RUN_OK;
}

const struct stage_kind sink_stage = {
	.verb = "sink",
	.flags = STAGE_ENDS | STAGE_MAKES | STAGE_NO_REPLACE,
	.plan = sink_plan,
	.open = sink_open,
	.close = sink_close,
	.run = sink_run,
	.workers = 4,
	.completion = sink_completion,
	.flush = sink_flush,
};
