/* SPDX-License-Identifier: MIT */
/* stage_reduce.c - {"reduce": {"group_by": ["a"], "aggregates": {"n": "count", "t": "sum(b)"}}}
 *
 * Each lane has a table of groups (handlers/aggregate); when all have come, their divisions are
 * merged on all lanes, and the groups given in order.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/aggregate/aggregates.h"
#include "handlers/aggregate/group_table.h"
#include "handlers/aggregate/groups_out.h"
#include "handlers/pipeline/planner.h"

#include <stdio.h>
#include <stdlib.h>

struct reduce_plan {
	struct aggregates *aggregates;
	struct group_sort *sort;
	int64_t limit;
};

struct reduce_state {
	struct group_table *table;
	char name[32];
	struct picks again; /* rows that stand in for others, in the end */
	/* of the call in hand */
	struct stage_lane *at;
	struct bundle *bundle;
	uint32_t first;	  /* the row that its row 0 is */
	bool last_chance; /* what fails now is not replaced once more */
	int rc;
	struct err *err;
};

static void reduce_plan(struct stage *stage, const struct json *value,
			struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "reduce");
	struct reduce_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));
	struct aggregates_spec spec = {
		.group_by = json_get(value, "group_by"),
		.functions = json_get(value, "aggregates"),
		.pointer = pointer,
		.memory_bytes = planner->plan->memory_bytes,
	};

	stage->plan = plan;
	if (!plan || !plan_aggregates(planner, stage, &spec, &plan->aggregates, &stage->renew))
		return;
	group_sort_plan(plan->aggregates, json_get(value, "sort"),
			mistakes_pointer(planner->mistakes, pointer, "sort"), planner->mistakes,
			&plan->sort);
	plan->limit = spec_int(value, "limit", 0);
	plan_made_anew(planner);
}

static void reduce_plan_free(struct stage *stage)
{
	struct reduce_plan *plan = stage->plan;

	aggregates_free(plan->aggregates);
	group_sort_free(plan->sort);
}

/* ---- on a lane ---- */

static int reduce_open(struct stage_lane *at, struct err *err)
{
	struct reduce_state *state = calloc(1, sizeof(*state));
	const struct pipeline *pipeline = at->lane->pipeline;
	const struct reduce_plan *plan = at->stage->plan;
	struct group_table_options options = {
		.plan = plan->aggregates,
		.bytes_max = pipeline->plan->memory_bytes / pipeline->lanes_count,
		.dir = pipeline->dir,
		.seed = pipeline->seed,
	};

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for groups");
	snprintf(state->name, sizeof(state->name), "stage-%u-%u", at->stage->number,
		 at->lane->number);
	options.name = state->name;
	return group_table_new(&options, &state->table, err);
}

static void reduce_close(struct stage_lane *at)
{
	struct reduce_state *state = at->state;

	if (!state)
		return;
	group_table_free(state->table);
	picks_done(&state->again);
	free(state);
}

/* group_failures: a row that no function could work with. */
static void row_failed(void *ctx, size_t row, const struct err *why)
{
	struct reduce_state *state = ctx;
	uint32_t number = state->first + (uint32_t)row;
	bool stays = false;

	if (state->rc)
		return;
	state->rc = stage_failed(state->at, state->bundle, number, why, &stays, state->err);
	if (state->rc || !stays)
		return;
	if (state->last_chance) { /* what a script put in place of a record fails too */
		state->at->counts[COUNT_FAILED]++;
		state->at->lane->skipped++;
		return;
	}
	state->rc = picks_room(&state->again, 1, state->err);
	if (state->rc == 0)
		state->again.rows[state->again.count++] = number;
}

/* Rows whose values stand together: `first` is the number of the first of them. */
static int rows_add(struct reduce_state *state, const struct value *values, uint32_t first,
		    const uint32_t *pick, size_t picked, struct err *err)
{
	const struct bundle *bundle = state->bundle;
	struct group_rows rows = {
		.values = values,
		.width = bundle->stretch->fields.count,
		.count = first == 0 ? bundle->base : bundle->count - bundle->base,
		.pick = pick,
		.picked = picked,
		.sequence = lane_sequence(state->at->lane) + first,
	};
	struct group_failures failures = {row_failed, state};

	state->first = first;
	state->err = err;
	if (picked > 0 && group_table_add(state->table, &rows, &failures, err))
		return -1;
	return state->rc;
}

/* Rows read and rows made have their values in two places. */
static int picks_add(struct reduce_state *state, struct picks *picks, struct err *err)
{
	const struct bundle *bundle = state->bundle;
	uint32_t base = (uint32_t)bundle->base, *made = NULL;
	size_t read = 0, n = 0;
	int rc = -1;

	for (size_t i = 0; i < picks->count; i++)
		read += picks->rows[i] < base;
	if (read == picks->count)
		return rows_add(state, bundle->values, 0, picks->rows, read, err);
	made = malloc((picks->count - read) * sizeof(*made));
	if (!made)
		return err_set(err, ERR_NO_MEMORY, "no memory for groups");
	read = 0;
	for (size_t i = 0; i < picks->count; i++) {
		if (picks->rows[i] < base)
			picks->rows[read++] = picks->rows[i];
		else
			made[n++] = picks->rows[i] - base;
	}
	if (rows_add(state, bundle->values, 0, picks->rows, read, err) == 0)
		rc = rows_add(state, bundle->made, base, made, n, err);
	free(made);
	return rc;
}

static int table_spill(struct stage_lane *at, struct group_table *table, struct err *err)
{
	struct run *run = at->lane->pipeline->run;
	int rc;

	if (!group_table_full(table))
		return 0;
	if (!at->lane->pipeline->dir)
		return err_set(err, ERR_LIMIT, "more groups than `memory` has room for");
	run_block_begin(run);
	rc = group_table_spill(table, err);
	run_block_end(run);
	return rc;
}

static int reduce_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	struct reduce_state *state = at->state;
	int64_t failed = at->counts[COUNT_FAILED];
	size_t came = picks->count;

	state->at = at;
	state->bundle = bundle;
	state->rc = 0;
	state->last_chance = false;
	if (picks_add(state, picks, err))
		return -1;
	state->last_chance = true;
	if (state->again.count > 0 && picks_add(state, &state->again, err))
		return -1;
	state->again.count = 0;
	picks->count = came - (size_t)(at->counts[COUNT_FAILED] - failed);
	return table_spill(at, state->table, err);
}

static int reduce_save(struct stage_lane *at, struct buf *blob, struct err *err)
{
	struct reduce_state *state = at->state;
	struct buf groups = BUF(RUN_LEFT_BYTES_MAX);
	int rc = group_table_save(state->table, &groups, err);

	if (rc == 0)
		buf_add(blob, buf_text(&groups), groups.len);
	buf_done(&groups);
	return rc;
}

static int reduce_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	struct reduce_state *state = at->state;

	return group_table_load(state->table, blob, len, err);
}

/* ---- all lanes ---- */

static struct groups_out **out_of(struct pipeline *pipeline)
{
	return (struct groups_out **)&pipeline->gathered[pipeline->barrier];
}

static int reduce_gather(struct pipeline *pipeline, const struct stage *stage, unsigned *ret_units,
			 struct err *err)
{
	struct group_table *tables[LANES_MAX];
	const struct reduce_plan *plan = stage->plan;
	struct groups_out_options options = {
		.tables = tables,
		.tables_count = pipeline->lanes_kept,
		.sort = plan->sort,
		.limit = plan->limit,
		.bytes_max = pipeline->plan->memory_bytes,
		.dir = pipeline->dir,
	};

	for (unsigned i = 0; i < pipeline->lanes_kept; i++) {
		const struct reduce_state *state = pipeline->lanes[i].stages[stage->turn].state;

		tables[i] = state->table;
	}
	return groups_out_new(&options, out_of(pipeline), ret_units, err);
}

static int reduce_unit(struct pipeline *pipeline, const struct stage *stage, unsigned unit,
		       struct err *err)
{
	(void)stage;
	return groups_merge(*out_of(pipeline), unit, err);
}

static int reduce_give(struct pipeline *pipeline, const struct stage *stage, struct buf *into,
		       struct err *err)
{
	(void)stage;
	return groups_next(*out_of(pipeline), into, err);
}

static void reduce_gathered_free(void *gathered)
{
	groups_out_free(gathered);
}

const struct stage_kind reduce_stage = {
	.verb = "reduce",
	.flags = STAGE_BARRIER | STAGE_STATE | STAGE_NO_REPLACE,
	.plan = reduce_plan,
	.plan_free = reduce_plan_free,
	.open = reduce_open,
	.close = reduce_close,
	.run = reduce_run,
	.save = reduce_save,
	.load = reduce_load,
	.gather = reduce_gather,
	.unit = reduce_unit,
	.give = reduce_give,
	.gathered_free = reduce_gathered_free,
};
