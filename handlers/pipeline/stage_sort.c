/* SPDX-License-Identifier: MIT */
/* stage_sort.c - {"sort": ["category", "-value"]}, {"top": {"n": 10, "by": "value"}}
 *
 * Records that the keys do not tell apart stay in the order of the input.  Order of values: null
 * and missing < false < true < numbers < texts (by code points) < arrays < objects; "-" turns it
 * round.  top keeps so many of the largest (or smallest), largest first.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/expr/expr.h"
#include "handlers/aggregate/order.h"
#include "handlers/pipeline/planner.h"
#include "handlers/pipeline/sorter.h"

#include <stdio.h>
#include <stdlib.h>

struct sort_key {
	unsigned field;
	struct expr *expr; /* NULL: the field */
	bool down;
};

struct sort_plan {
	struct sort_key *keys;
	size_t count, limit;
};

struct sort_state {
	struct sorter sorter;
	char name[32];
	struct buf key, text, scratch;
	struct err broken; /* the disk, or the memory */
};

/* ---- plan ---- */

static void key_plan(struct stage *stage, const struct json *value, const char *pointer,
		     struct sort_key *key, struct stage_planner *planner)
{
	const char *path = json_text(value, NULL);
	bool renew = false;

	if (path) {
		key->down = *path == '-' && path[1];
		plan_reads(planner, stage, path + key->down, pointer, &key->field, &renew);
	} else {
		key->down = spec_bool(value, "desc", false);
		plan_expr(planner, stage, spec_text(value, "by", ""),
			  mistakes_pointer(planner->mistakes, pointer, "by"), &key->expr, &renew);
	}
	stage->renew = stage->renew || renew;
}

static struct sort_plan *keys_alloc(struct stage *stage, size_t count,
				    struct stage_planner *planner)
{
	struct sort_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (plan)
		plan->keys = plan_alloc(planner, stage, count + 1, sizeof(*plan->keys));
	return plan && plan->keys ? plan : NULL;
}

static void sort_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "sort");
	struct sort_plan *plan = keys_alloc(stage, json_count(value), planner);

	if (!plan)
		return;
	if (json_kind(value) != JSON_ARRAY)
		key_plan(stage, value, pointer, &plan->keys[plan->count++], planner);
	else
		for (const struct json *at = json_first(value); at; at = json_next(at)) {
			const char *place =
				mistakes_pointer_index(planner->mistakes, pointer, plan->count);

			key_plan(stage, at, place, &plan->keys[plan->count++], planner);
		}
	plan_made_anew(planner);
}

static void top_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "top");
	struct sort_plan *plan = keys_alloc(stage, 1, planner);
	struct sort_key *key = plan ? plan->keys : NULL;

	if (!key)
		return;
	plan->count = 1;
	plan->limit = (size_t)spec_int(value, "n", 1);
	key->down = !spec_bool(value, "smallest", false);
	plan_expr(planner, stage, spec_text(value, "by", ""),
		  mistakes_pointer(planner->mistakes, pointer, "by"), &key->expr, &stage->renew);
	plan_made_anew(planner);
}

static void sort_plan_free(struct stage *stage)
{
	struct sort_plan *plan = stage->plan;

	for (size_t i = 0; plan->keys && i < plan->count; i++)
		expr_free(plan->keys[i].expr);
}

/* ---- on a lane ---- */

static int sort_open(struct stage_lane *at, struct err *err)
{
	struct sort_state *state = calloc(1, sizeof(*state));
	const struct pipeline *pipeline = at->lane->pipeline;
	const struct sort_plan *plan = at->stage->plan;

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for sorting");
	snprintf(state->name, sizeof(state->name), "sort-%u-%u", at->stage->number,
		 at->lane->number);
	sorter_init(&state->sorter, state->name,
		    pipeline->plan->memory_bytes / pipeline->lanes_count, plan->limit);
	buf_init(&state->key, 2 * RECORD_BYTES_MAX);
	buf_init(&state->text, RECORD_BYTES_MAX);
	buf_init(&state->scratch, RECORD_BYTES_MAX);
	return 0;
}

static void sort_close(struct stage_lane *at)
{
	struct sort_state *state = at->state;

	if (!state)
		return;
	sorter_done(&state->sorter);
	buf_done(&state->key);
	buf_done(&state->text);
	buf_done(&state->scratch);
	free(state);
}

static int key_add(struct stage_lane *at, const struct sort_key *key, const struct value *values,
		   struct buf *into, struct err *err)
{
	struct sort_state *state = at->state;
	size_t from = into->len;
	struct value value;

	expr_scratch_clear(at->lane->scratch);
	if (!key->expr)
		value = values[key->field];
	else if (expr_eval(key->expr, values, at->lane->scratch, &value, err))
		return -1;
	value = order_key_value(&value);
	buf_clear(&state->scratch);
	if (order_add(into, &value, false, &state->scratch))
		return err_set(err, ERR_LIMIT, "a key of more than %d bytes", 2 * RECORD_BYTES_MAX);
	for (size_t i = from; key->down && i < into->len; i++)
		into->data[i] = (char)~into->data[i];
	return 0;
}

/* The keys, then the place: no two records are alike. */
static int row_key(struct stage_lane *at, struct bundle *bundle, uint32_t row, struct buf *into,
		   struct err *err)
{
	const struct sort_plan *plan = at->stage->plan;
	uint64_t place = htobe64(lane_sequence(at->lane) + bundle->records[row].order);
	uint32_t number = htobe32(row);

	buf_clear(into);
	for (size_t i = 0; i < plan->count; i++)
		if (key_add(at, &plan->keys[i], bundle_values(bundle, row), into, err))
			return -1;
	buf_add(into, &place, sizeof(place));
	buf_add(into, &number, sizeof(number));
	return buf_ok(into) ? 0
			    : err_set(err, ERR_LIMIT, "a key of more than %d bytes",
				      2 * RECORD_BYTES_MAX);
}

static int row_sort(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		    struct err *err)
{
	struct sort_state *state = at->state;
	struct sort_record record;

	(void)ret_stays;
	buf_clear(&state->text);
	if (row_key(at, bundle, row, &state->key, err) ||
	    record_print(bundle, row, &state->text, err))
		return -1;
	record = (struct sort_record){state->key.data, state->text.data, state->key.len,
				      state->text.len};
	if (sorter_add(&state->sorter, at->lane->pipeline->run, &record, &state->broken) == 0)
		return 0;
	*err = state->broken;
	return -1;
}

static int sort_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		    struct err *err)
{
	struct sort_state *state = at->state;

	if (stage_each(at, bundle, picks, row_sort, err))
		return -1;
	*err = state->broken;
	return state->broken.code == ERR_NONE ? 0 : -1;
}

static int sort_save(struct stage_lane *at, struct buf *blob, struct err *err)
{
	struct sort_state *state = at->state;

	return sorter_save(&state->sorter, at->lane->pipeline->run, blob, err);
}

static int sort_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	struct sort_state *state = at->state;

	return sorter_load(&state->sorter, at->lane->pipeline->run, blob, len, err);
}

static int64_t sort_unsaved(const struct stage_lane *at)
{
	const struct sort_state *state = at->state;

	return sorter_unsaved(&state->sorter);
}

/* ---- all lanes ---- */

static struct sorter *sorter_of(struct pipeline *pipeline, const struct stage *stage, unsigned lane)
{
	struct sort_state *state = pipeline->lanes[lane].stages[stage->turn].state;

	return &state->sorter;
}

static int sort_gather(struct pipeline *pipeline, const struct stage *stage, unsigned *ret_units,
		       struct err *err)
{
	(void)stage;
	(void)err;
	*ret_units = pipeline->lanes_kept;
	return 0;
}

static int sort_unit(struct pipeline *pipeline, const struct stage *stage, unsigned unit,
		     struct err *err)
{
	return sorter_sort(sorter_of(pipeline, stage, unit), err);
}

static int sort_give(struct pipeline *pipeline, const struct stage *stage, struct buf *into,
		     struct err *err)
{
	struct sort_merge **merge = (struct sort_merge **)&pipeline->gathered[pipeline->barrier];
	struct sorter *sorters[LANES_MAX];

	if (!*merge) {
		for (unsigned i = 0; i < pipeline->lanes_kept; i++)
			sorters[i] = sorter_of(pipeline, stage, i);
		if (sort_merge_new(sorters, pipeline->lanes_kept, merge, err))
			return -1;
	}
	return sort_merge_next(*merge, into, err);
}

static void sort_gathered_free(void *gathered)
{
	sort_merge_free(gathered);
}

const struct stage_kind sort_stage = {
	.verb = "sort",
	.flags = STAGE_BARRIER | STAGE_STATE | STAGE_NO_REPLACE,
	.plan = sort_plan,
	.plan_free = sort_plan_free,
	.open = sort_open,
	.close = sort_close,
	.run = sort_run,
	.save = sort_save,
	.load = sort_load,
	.unsaved = sort_unsaved,
	.gather = sort_gather,
	.unit = sort_unit,
	.give = sort_give,
	.gathered_free = sort_gathered_free,
};

const struct stage_kind top_stage = {
	.verb = "top",
	.flags = STAGE_BARRIER | STAGE_STATE | STAGE_NO_REPLACE,
	.plan = top_plan,
	.plan_free = sort_plan_free,
	.open = sort_open,
	.close = sort_close,
	.run = sort_run,
	.save = sort_save,
	.load = sort_load,
	.unsaved = sort_unsaved,
	.gather = sort_gather,
	.unit = sort_unit,
	.give = sort_give,
	.gathered_free = sort_gathered_free,
};
