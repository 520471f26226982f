/* SPDX-License-Identifier: MIT */
/* groups.c - group tables of the aggregate room as the states of kernels. */
#include "handlers/mapreduce/groups.h"

#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/aggregate/groups_out.h"
#include "handlers/input/rows.h"
#include "handlers/mapreduce/formula.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plan ---- */

static const double two_to_53 = 9007199254740992.0;

void groups_plan_free(void *ctx)
{
	struct groups_plan *plan = ctx;

	if (!plan)
		return;
	group_sort_free(plan->sort);
	aggregates_free(plan->aggregates);
	free(plan);
}

static void sort_plan(struct kernel_planner *planner, struct groups_plan *plan)
{
	const struct json *sort = json_get(planner->spec, "sort");

	plan->limit = spec_int(planner->spec, "limit", 0);
	plan->one = aggregates_keys(plan->aggregates) == 0;
	if (plan->one && (sort || plan->limit))
		mistake_add(planner->planner->mistakes, sort ? "/spec/sort" : "/spec/limit",
			    "conflict", "the answer is one value: there is nothing to sort");
	else if (sort)
		group_sort_plan(plan->aggregates, sort, "/spec/sort", planner->planner->mistakes,
				&plan->sort);
}

struct groups_plan *groups_plan_new(struct kernel_planner *planner, const struct json *group_by,
				    const struct json *functions)
{
	struct aggregates_spec spec = {
		.group_by = group_by,
		.functions = functions,
		.pointer = "/spec/map",
		.memory_bytes = planner->memory_bytes,
	};
	struct groups_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->memory_bytes = planner->memory_bytes;
	if (aggregates_plan(&spec, planner->fields, planner->planner->mistakes,
			    &plan->aggregates)) {
		groups_plan_free(plan);
		return NULL;
	}
	sort_plan(planner, plan);
	return plan;
}

static struct json *parsed(const char *text)
{
	struct json_place place;
	struct json *json = NULL;
	struct err err;

	return text && json_parse(text, strlen(text), &json, &place, &err) == 0 ? json : NULL;
}

struct groups_plan *groups_plan_text(struct kernel_planner *planner, const char *group_by,
				     const char *functions)
{
	struct json *keys = parsed(group_by), *values = parsed(functions);
	struct groups_plan *plan = NULL;

	if ((keys || !group_by) && (values || !functions))
		plan = groups_plan_new(planner, keys, values);
	json_free(keys);
	json_free(values);
	return plan;
}

bool groups_of(struct kernel_planner *planner, struct buf *ret_text)
{
	const char *source = spec_text(planner->map, "of", "$");
	struct expr *expr;

	if (formula_compile(source, "/spec/map/of", planner->fields, planner->planner->mistakes,
			    &expr))
		return false;
	expr_free(expr);
	buf_add_text(ret_text, source);
	return buf_ok(ret_text);
}

/* ---- lanes ---- */

void *groups_lane_new(const struct kernel_lane *lane, struct err *err)
{
	const struct groups_plan *plan = lane->plan;
	struct group_table *table = NULL;
	char name[16];
	struct group_table_options options = {
		.plan = plan->aggregates,
		.bytes_max = lane->memory_bytes,
		.dir = lane->dir,
		.name = name,
		.seed = lane->seed,
	};

	snprintf(name, sizeof(name), "lane%u", lane->lane);
	return group_table_new(&options, &table, err) ? NULL : table;
}

void groups_lane_free(void *state)
{
	group_table_free(state);
}

int groups_add_rows(void *state, const struct kernel_batch *batch, struct err *err)
{
	struct group_rows rows = {
		.values = batch->rows->values,
		.width = batch->rows->width,
		.count = batch->rows->count,
		.pick = batch->pick,
		.picked = batch->picked,
		.sequence = batch->sequence,
	};
	struct group_failures failures = {.failed = batch->failed, .ctx = batch->ctx};

	return group_table_add(state, &rows, &failures, err);
}

bool groups_is_full(const void *state)
{
	return group_table_full(state);
}

int groups_spill(void *state, struct err *err)
{
	return group_table_spill(state, err);
}

void groups_size(const void *state, struct kernel_size *ret_size)
{
	struct group_table_size size;

	group_table_size(state, &size);
	*ret_size = (struct kernel_size){size.bytes, size.spilled_bytes};
}

int groups_save(void *state, struct buf *blob, struct err *err)
{
	return group_table_save(state, blob, err);
}

int groups_load(void *state, const char *blob, size_t len, struct err *err)
{
	return group_table_load(state, blob, len, err);
}

void groups_saved(void *state)
{
	group_table_drop(state);
}

/* ---- the answer ---- */

int groups_gather(const void *ctx, const struct kernel_gather *gather, void **ret_gathered,
		  unsigned *ret_divisions, struct err *err)
{
	const struct groups_plan *plan = ctx;
	struct groups_out_options options = {
		.tables = (struct group_table *const *)gather->states,
		.tables_count = gather->count,
		.sort = plan->sort,
		.limit = plan->limit,
		.bytes_max = plan->memory_bytes,
		.dir = gather->dir,
	};
	struct groups_out *out = NULL;

	if (groups_out_new(&options, &out, ret_divisions, err))
		return -1;
	*ret_gathered = out;
	return 0;
}

void groups_gathered_free(void *gathered)
{
	groups_out_free(gathered);
}

int groups_division(void *gathered, unsigned number, struct err *err)
{
	return groups_merge(gathered, number, err);
}

int groups_item(void *gathered, struct buf *item, struct err *err)
{
	return groups_next(gathered, item, err);
}

bool groups_has_items(const void *ctx)
{
	const struct groups_plan *plan = ctx;

	return !plan->one;
}

/* A whole number that readers of JSON would round is a string. */
static void member_out(struct json_out *out, const struct value *name, const struct value *member)
{
	char text[NAME_BYTES_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)name->len, name->at);
	if (member->kind == VALUE_BIG ||
	    (member->kind == VALUE_INT &&
	     (member->integer > (int64_t)two_to_53 || member->integer < -(int64_t)two_to_53)))
		json_out_text_len(out, text, member->at, member->len);
	else if (member->kind == VALUE_TEXT) /* `at` is behind its quote */
		json_out_raw(out, text, member->at - 1, member->len + 2);
	else
		json_out_raw(out, text, member->at, member->len);
}

/* The members of the only group become those of the summary. */
static int one_out(struct groups_out *gathered, struct json_out *out, struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct value group, name, member;
	struct walk walk;
	int rc = groups_next(gathered, &text, err);

	if (rc == 1) {
		value_read(text.data, text.len, &group);
		walk_begin(&walk, &group);
		while (walk_next(&walk, &name, &member))
			member_out(out, &name, &member);
	}
	buf_done(&text);
	return rc < 0 ? -1 : 0;
}

int groups_tell(const void *ctx, void *gathered, struct json_out *out, struct err *err)
{
	const struct groups_plan *plan = ctx;

	if (plan->one && one_out(gathered, out, err))
		return -1;
	if (!plan->one)
		json_out_int(out, plan->tells_count ? "value" : "groups", groups_count(gathered));
	groups_approximate(gathered, out);
	return 0;
}
