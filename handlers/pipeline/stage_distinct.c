/* SPDX-License-Identifier: MIT */
/* stage_distinct.c - {"distinct": true}, {"distinct": ["user", "day"]}: the first of each.
 *
 * Seen ones are 128-bit hashes (XXH3, seeded for each job) in a table of open addressing: of
 * 10^9 of them two are the same by chance once in 10^20 jobs.  Members are the same when their
 * values are: 1 and 1.0, a text however it is escaped; arrays, objects and whole records when
 * they are spelled alike.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 64 };

struct distinct_plan {
	unsigned *fields;
	size_t count; /* 0: the whole record */
};

struct seen_hash {
	uint64_t low, high; /* both 0: free */
};

struct seen_set {
	struct seen_hash *slots;
	size_t count, room; /* room: a power of two */
	struct buf key;
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
	struct seen_set *set = calloc(1, sizeof(*set));

	at->state = set;
	if (!set)
		return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
	buf_init(&set->key, 2 * RECORD_BYTES_MAX);
	return 0;
}

static void distinct_close(struct stage_lane *at)
{
	struct seen_set *set = at->state;

	if (!set)
		return;
	free(set->slots);
	buf_done(&set->key);
	free(set);
}

/* ---- the set ---- */

/* The slot of a hash, or the free one where it belongs. */
static struct seen_hash *slot_of(const struct seen_set *set, struct seen_hash hash)
{
	size_t mask = set->room - 1;
	size_t i = hash.low & mask;

	while ((set->slots[i].low || set->slots[i].high) &&
	       (set->slots[i].low != hash.low || set->slots[i].high != hash.high))
		i = (i + 1) & mask;
	return &set->slots[i];
}

static int set_grow(struct seen_set *set, int64_t bytes_max, struct err *err)
{
	struct seen_set larger = {.room = set->room ? set->room * 2 : SLOTS_FIRST};

	if (set->room && (set->count + 1) * 2 <= set->room)
		return 0;
	if ((int64_t)(larger.room * sizeof(*larger.slots)) > bytes_max)
		return err_set(err, ERR_LIMIT,
			       "distinct has seen %zu records, more than `memory` has room for",
			       set->count);
	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (!larger.slots)
		return err_set(err, ERR_NO_MEMORY, "no memory for distinct records");
	for (size_t i = 0; i < set->room; i++)
		if (set->slots[i].low || set->slots[i].high)
			*slot_of(&larger, set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = larger.slots;
	set->room = larger.room;
	return 0;
}

/* *ret_new: it was not there.  -1: the attempt fails. */
static int set_add(struct stage_lane *at, struct seen_hash hash, bool *ret_new, struct err *err)
{
	struct seen_set *set = at->state;
	struct seen_hash *slot;

	if (set_grow(set, at->lane->pipeline->plan->memory_bytes, err))
		return -1;
	slot = slot_of(set, hash);
	*ret_new = !slot->low && !slot->high;
	if (*ret_new) {
		*slot = hash;
		set->count++;
	}
	return 0;
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
	struct seen_set *set = at->state;
	size_t kept = 0;
	struct err why;

	for (size_t i = 0; i < picks->count; i++) {
		uint32_t row = picks->rows[i];
		bool stays = false;
		XXH128_hash_t hash;

		if (row_key(at, bundle, row, &set->key, &why)) {
			if (stage_failed(at, bundle, row, &why, &stays, err))
				return -1;
		} else {
			hash = XXH3_128bits_withSeed(buf_text(&set->key), set->key.len,
						     at->lane->pipeline->seed);
			if (set_add(at, (struct seen_hash){hash.low64, hash.high64}, &stays, err))
				return -1;
		}
		if (stays)
			picks->rows[kept++] = row;
	}
	picks->count = kept;
	return 0;
}

/* ---- state ---- */

static int distinct_save(struct stage_lane *at, struct buf *blob, struct err *err)
{
	const struct seen_set *set = at->state;

	(void)err;
	for (size_t i = 0; i < set->room; i++)
		if (set->slots[i].low || set->slots[i].high)
			buf_add(blob, &set->slots[i], sizeof(set->slots[i]));
	return 0;
}

static int distinct_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	struct seen_hash hash;
	bool fresh;

	for (size_t i = 0; i + sizeof(hash) <= len; i += sizeof(hash)) {
		memcpy(&hash, (const char *)blob + i, sizeof(hash));
		if (set_add(at, hash, &fresh, err))
			return -1;
	}
	return 0;
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
};
