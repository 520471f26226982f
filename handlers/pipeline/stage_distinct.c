/* SPDX-License-Identifier: MIT */
/* stage_distinct.c - {"distinct": true}, {"distinct": ["user", "day"]}: the first of each.
 *
 * Seen ones are 128-bit hashes (XXH3, seeded for each job): of 10^9 of them two are the same by
 * chance once in 10^20 jobs.  Members are the same when their
 * values are: 1 and 1.0, a text however it is escaped; arrays, objects and whole records when
 * they are spelled alike.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"
#include "handlers/pipeline/seen_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 64 };

struct distinct_plan {
	unsigned *fields;
	size_t count; /* 0: the whole record */
};

struct distinct_state {
	struct seen_set seen;
	struct buf key;
	char name[32];
};

static void fields_read(struct stage *stage, const struct json *value, struct distinct_plan *plan,
			struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "distinct");
	bool list = json_kind(value) == JSON_ARRAY, renew = false;

	for (const struct json *at = list ? json_first(value) : value; at;
	     at = list ? json_next(at) : NULL) {
		const char *place =
			list ? mistakes_pointer_index(planner->mistakes, pointer, plan->count)
			     : pointer;

		plan_reads(planner, stage, json_text(at, ""), place, &plan->fields[plan->count++],
			   &renew);
		stage->renew = stage->renew || renew;
	}
}

static void distinct_plan(struct stage *stage, const struct json *value,
			  struct stage_planner *planner)
{
	struct distinct_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (plan)
		plan->fields =
			plan_alloc(planner, stage, json_count(value) + 1, sizeof(*plan->fields));
	if (!plan || !plan->fields)
		return;
	if (json_kind(value) != JSON_BOOL)
		fields_read(stage, value, plan, planner);
	else if (json_bool(value, true))
		plan_reads_all(planner, &stage->renew);
	else
		mistake_add(planner->mistakes,
			    mistakes_pointer(planner->mistakes, stage->pointer, "distinct"),
			    "bad-choice", "true, or the members by which records are the same");
}

static int distinct_open(struct stage_lane *at, struct err *err)
{
	struct distinct_state *state = calloc(1, sizeof(*state));

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
	buf_init(&state->key, 2 * RECORD_BYTES_MAX);
	snprintf(state->name, sizeof(state->name), "stage-%u", at->stage->number);
	seen_set_init(&state->seen, state->name, at->lane->pipeline->plan->memory_bytes);
	return 0;
}

static void distinct_close(struct stage_lane *at)
{
	struct distinct_state *state = at->state;

	if (!state)
		return;
	seen_set_done(&state->seen);
	buf_done(&state->key);
	free(state);
}

/* ---- keys ---- */

/* Adds what a value is: its kind, its length, its bytes. */
static void value_key(const struct value *value, struct buf *into)
{
	struct buf decoded = BUF(RECORD_BYTES_MAX);
	enum value_kind kind = value->kind;
	const char *bytes = value->at;
	size_t len = value->len;
	int64_t whole;

	if (kind == VALUE_DOUBLE && value->number >= -0x1p63 && value->number < 0x1p63 &&
	    (double)(int64_t)value->number == value->number) {
		kind = VALUE_INT;
		whole = (int64_t)value->number;
	} else {
		whole = value->integer;
	}
	if (kind == VALUE_MISSING)
		kind = VALUE_NULL;
	if (kind == VALUE_INT || kind == VALUE_DOUBLE) {
		bytes = (const char *)&whole;
		len = sizeof(whole);
	} else if (kind == VALUE_TEXT) {
		bytes = value_text(value, &decoded, &len);
	} else if (kind <= VALUE_TRUE) {
		len = 0;
	}
	buf_add_byte(into, (char)kind);
	buf_add(into, &len, sizeof(len));
	if (bytes && len > 0)
		buf_add(into, bytes, len);
	buf_done(&decoded);
}

static int row_key(struct stage_lane *at, struct bundle *bundle, uint32_t row, struct buf *key,
		   struct err *err)
{
	const struct distinct_plan *plan = at->stage->plan;
	const struct value *values = bundle_values(bundle, row);

	buf_clear(key);
	if (plan->count == 0 && record_print(bundle, row, key, err))
		return -1;
	for (size_t i = 0; i < plan->count; i++)
		value_key(&values[plan->fields[i]], key);
	return buf_ok(key) ? 0
			   : err_set(err, ERR_LIMIT, "a key of more than %d bytes",
				     2 * RECORD_BYTES_MAX);
}

static int distinct_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
			struct err *err)
{
	struct distinct_state *state = at->state;
	size_t kept = 0;
	struct err why;

	for (size_t i = 0; i < picks->count; i++) {
		uint32_t row = picks->rows[i];
		bool stays = false;
		XXH128_hash_t hash;

		if (row_key(at, bundle, row, &state->key, &why)) {
			if (stage_failed(at, bundle, row, &why, &stays, err))
				return -1;
		} else {
			hash = XXH3_128bits_withSeed(buf_text(&state->key), state->key.len,
						     at->lane->pipeline->seed);
			if (seen_set_add(&state->seen, (struct seen_hash){hash.low64, hash.high64},
					 &stays, err))
				return -1;
		}
		if (stays)
			picks->rows[kept++] = row;
	}
	picks->count = kept;
	return 0;
}

static int distinct_save(struct stage_lane *at, struct buf *blob, struct err *err)
{
	struct distinct_state *state = at->state;

	return seen_set_save(&state->seen, at->lane->pipeline->run, blob, err);
}

static int distinct_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	struct distinct_state *state = at->state;

	return seen_set_load(&state->seen, at->lane->pipeline->run, blob, len, err);
}

static int64_t distinct_unsaved(const struct stage_lane *at)
{
	const struct distinct_state *state = at->state;

	return (int64_t)(state->seen.new_count * sizeof(*state->seen.new));
}

const struct stage_kind distinct_stage = {
	.verb = "distinct",
	.flags = STAGE_IN_ORDER | STAGE_STATE,
	.plan = distinct_plan,
	.open = distinct_open,
	.close = distinct_close,
	.run = distinct_run,
	.save = distinct_save,
	.load = distinct_load,
	.unsaved = distinct_unsaved,
};
