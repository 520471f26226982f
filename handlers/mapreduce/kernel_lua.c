/* SPDX-License-Identifier: MIT */
/* kernel_lua.c - a script that emits pairs, and what becomes of the values of one key.
 *
 *	"map": {"lua": "for w in r:gmatch('%S+') do emit(w, 1) end"}, "reduce": "sum"
 *
 * Pairs are rows of two values for a group table: `reduce` is an aggregate function of the value,
 * or a script that is given all values of a key, in the order of the input; those are collected
 * first, so many of one key at most.  Without `reduce` they are collected and given as they are.
 */
#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/aggregate/groups_out.h"
#include "handlers/input/rows.h"
#include "handlers/mapreduce/groups.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_BYTES_MAX = 128 };

struct lua_plan {
	struct groups_plan *groups;
	struct fields pairs;	     /* key and value */
	struct script *map, *reduce; /* reduce NULL: an aggregate does it */
};

struct lua_lane {
	const struct lua_plan *plan;
	void *groups;
	struct script_vm *vm;
	unsigned slot;
	uint64_t part, pairs; /* so many pairs of this part were added */
	struct value *values; /* of one record's pairs, two each */
	size_t room;
};

/* ---- the plan ---- */

static void lua_plan_free(void *ctx)
{
	struct lua_plan *plan = ctx;

	if (!plan)
		return;
	groups_plan_free(plan->groups);
	script_free(plan->map);
	script_free(plan->reduce);
	fields_done(&plan->pairs);
	free(plan);
}

static bool is_aggregate(const char *name)
{
	for (const char *const *at = aggregate_names(); *at; at++)
		if (strcmp(*at, name) == 0)
			return true;
	return false;
}

/* The functions of a key's values, as JSON; false: a mistake was added. */
static bool reduce_plan(struct kernel_planner *planner, struct lua_plan *plan, char *ret_functions)
{
	const struct json *reduce = json_get(planner->spec, "reduce");
	const char *name = json_text(reduce, NULL);
	struct mistakes *mistakes = planner->planner->mistakes;
	struct script_spec script = {
		.source = json_get(reduce, "lua"),
		.pointer = "/spec/reduce/lua",
		.kind = SCRIPT_REDUCE,
	};

	if (name && strcmp(name, "count") == 0)
		snprintf(ret_functions, CALL_BYTES_MAX, "{\"value\":\"count\"}");
	else if (name)
		snprintf(ret_functions, CALL_BYTES_MAX, "{\"value\":\"%s(value)\"}", name);
	else
		snprintf(ret_functions, CALL_BYTES_MAX,
			 "{\"count\":\"count\",\"value\":\"collect(value, %d)\"}",
			 AGGREGATE_KEPT_MAX);
	if (name && !is_aggregate(name) && *name != 'p') {
		const char *nearest = nearest_name(name, aggregate_names());

		mistake_hint(mistakes,
			     mistake_add(mistakes, "/spec/reduce", "bad-choice",
					 "no aggregate is called '%.40s'", name),
			     "%s", nearest ? nearest : "sum, count, max, …, or {\"lua\": …}");
		return false;
	}
	return !script.source || script_compile(&script, mistakes, &plan->reduce) == 0;
}

static void *lua_plan(struct kernel_planner *planner)
{
	struct script_spec script = {
		.source = json_get(planner->map, "lua"),
		.pointer = "/spec/map/lua",
		.kind = SCRIPT_PAIRS,
		.fields = planner->fields,
	};
	struct field_name names[] = {{"key", strlen("key")}, {"value", strlen("value")}};
	struct lua_plan *plan = calloc(1, sizeof(*plan));
	struct kernel_planner pairs = *planner;
	char functions[CALL_BYTES_MAX];
	unsigned index;
	struct err err;
	bool reduces;

	if (!plan)
		return NULL;
	fields_init(&plan->pairs);
	pairs.fields = &plan->pairs;
	reduces =
		reduce_plan(planner, plan, functions); /* its mistakes are told with the script's */
	if (fields_add(&plan->pairs, &names[0], 1, &index, &err) ||
	    fields_add(&plan->pairs, &names[1], 1, &index, &err) ||
	    script_compile(&script, planner->planner->mistakes, &plan->map) || !reduces)
		goto failed;
	plan->groups = groups_plan_text(&pairs, "[\"key\"]", functions);
	if (plan->groups)
		return plan;
failed:
	lua_plan_free(plan);
	return NULL;
}

/* ---- lanes ---- */

static void lua_lane_free(void *state)
{
	struct lua_lane *lane = state;

	if (!lane)
		return;
	groups_lane_free(lane->groups);
	script_vm_free(lane->vm);
	free(lane->values);
	free(lane);
}

static void *lua_lane_new(const struct kernel_lane *options, struct err *err)
{
	const struct lua_plan *plan = options->plan;
	struct script_options script = {
		.ctx = options->ctx,
		.ctx_len = options->ctx_len,
		.log = options->log,
		.log_to = options->log_to,
	};
	struct kernel_lane groups = *options;
	struct lua_lane *lane = calloc(1, sizeof(*lane));

	if (!lane) {
		err_set(err, ERR_NO_MEMORY, "no memory for a script's lane");
		return NULL;
	}
	lane->plan = plan;
	lane->part = UINT64_MAX;
	groups.plan = plan->groups;
	lane->groups = groups_lane_new(&groups, err);
	if (lane->groups && script_vm_new(&script, &lane->vm, err) == 0 &&
	    script_vm_load(lane->vm, plan->map, &lane->slot, err) == 0)
		return lane;
	lua_lane_free(lane);
	return NULL;
}

static bool values_room(struct lua_lane *lane, size_t pairs)
{
	struct value *grown;

	if (pairs <= lane->room)
		return true;
	grown = realloc(lane->values, 2 * pairs * 2 * sizeof(*grown));
	if (!grown)
		return false;
	lane->values = grown;
	lane->room = 2 * pairs;
	return true;
}

/* Pairs of one record that cannot be grouped are that record's. */
struct pair_failures {
	const struct kernel_batch *batch;
	size_t row;
	bool told;
};

static void pair_failed(void *ctx, size_t pair, const struct err *err)
{
	struct pair_failures *failures = ctx;

	(void)pair;
	if (!failures->told)
		failures->batch->failed(failures->batch->ctx, failures->row, err);
	failures->told = true;
}

static int pairs_add(struct lua_lane *lane, const struct script_result *result,
		     struct pair_failures *ctx, struct err *err)
{
	struct group_failures failures = {.failed = pair_failed, .ctx = ctx};
	uint64_t part = ctx->batch->sequence >> SEQUENCE_SHIFT;
	struct group_rows rows = {.width = 2, .count = result->count};

	if (!values_room(lane, result->count))
		return err_set(err, ERR_NO_MEMORY, "no memory for what a script emitted");
	if (part != lane->part)
		lane->pairs = 0;
	lane->part = part;
	for (size_t i = 0; i < result->count; i++) {
		lane->values[2 * i] = result->items[i].key;
		lane->values[2 * i + 1] = result->items[i].value;
	}
	rows.values = lane->values;
	rows.sequence = part << SEQUENCE_SHIFT | lane->pairs;
	lane->pairs += result->count;
	return group_table_add(lane->groups, &rows, &failures, err);
}

static int row_map(struct lua_lane *lane, const struct kernel_batch *batch, size_t row,
		   struct err *err)
{
	struct pair_failures failures = {.batch = batch, .row = row};
	struct script_args args = {
		.number = (int64_t)(batch->sequence + row),
		.values = row_values(batch->rows, row),
	};
	struct script_result result;
	struct script_mistake mistake;

	if (script_call(lane->vm, lane->slot, &args, &result, &mistake) == 0)
		return result.count > 0 ? pairs_add(lane, &result, &failures, err) : 0;
	if (mistake.line > 0)
		err_wrap(&mistake.err, "line %d", mistake.line);
	if (mistake.err.code != ERR_NO_MEMORY) {
		batch->failed(batch->ctx, row, &mistake.err);
		return 0;
	}
	*err = mistake.err;
	return -1;
}

static int lua_add(void *state, const struct kernel_batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->picked; i++)
		if (row_map(state, batch, batch->pick[i], err))
			return -1;
	return 0;
}

static bool lua_is_full(const void *state)
{
	const struct lua_lane *lane = state;

	return groups_is_full(lane->groups);
}

static int lua_spill(void *state, struct err *err)
{
	struct lua_lane *lane = state;

	return groups_spill(lane->groups, err);
}

static void lua_size(const void *state, struct kernel_size *ret_size)
{
	const struct lua_lane *lane = state;

	groups_size(lane->groups, ret_size);
}

static int lua_save(void *state, struct buf *blob, struct err *err)
{
	struct lua_lane *lane = state;

	return groups_save(lane->groups, blob, err);
}

static int lua_load(void *state, const char *blob, size_t len, struct err *err)
{
	struct lua_lane *lane = state;

	return groups_load(lane->groups, blob, len, err);
}

static void lua_saved(void *state)
{
	struct lua_lane *lane = state;

	groups_saved(lane->groups);
}

/* ---- the answer ---- */

struct lua_gathered {
	const struct lua_plan *plan;
	void *groups;
	struct script_vm *vm; /* NULL: nothing is reduced by a script */
	unsigned slot;
	struct buf group;
};

static void lua_gathered_free(void *ctx)
{
	struct lua_gathered *gathered = ctx;

	if (!gathered)
		return;
	groups_gathered_free(gathered->groups);
	script_vm_free(gathered->vm);
	buf_done(&gathered->group);
	free(gathered);
}

static int lua_gather(const void *ctx, const struct kernel_gather *options, void **ret_gathered,
		      unsigned *ret_divisions, struct err *err)
{
	const struct lua_plan *plan = ctx;
	struct lua_gathered *gathered = calloc(1, sizeof(*gathered));
	struct script_options script = {.ctx = options->ctx, .ctx_len = options->ctx_len};
	struct kernel_gather groups = *options;
	void *tables[LANES_MAX];

	if (!gathered)
		return err_set(err, ERR_NO_MEMORY, "no memory for what a script emitted");
	gathered->plan = plan;
	buf_init(&gathered->group, RECORD_BYTES_MAX);
	for (unsigned i = 0; i < options->count; i++)
		tables[i] = ((struct lua_lane *)options->states[i])->groups;
	groups.states = tables;
	if (groups_gather(plan->groups, &groups, &gathered->groups, ret_divisions, err) ||
	    (plan->reduce && (script_vm_new(&script, &gathered->vm, err) ||
			      script_vm_load(gathered->vm, plan->reduce, &gathered->slot, err)))) {
		lua_gathered_free(gathered);
		return -1;
	}
	*ret_gathered = gathered;
	return 0;
}

static int lua_division(void *ctx, unsigned number, struct err *err)
{
	struct lua_gathered *gathered = ctx;

	return groups_division(gathered->groups, number, err);
}

static bool value_next(void *from, struct value *ret_value)
{
	struct value name;

	return walk_next(from, &name, ret_value);
}

static int all_reduced(struct lua_gathered *gathered, const struct value *key,
		       const struct value *values, struct value *ret_value, struct err *err)
{
	struct walk walk;
	struct script_args args = {.extra = key, .next = value_next, .next_from = &walk};
	struct script_result result;
	struct script_mistake mistake;

	walk_begin(&walk, values);
	if (script_call(gathered->vm, gathered->slot, &args, &result, &mistake)) {
		*err = mistake.err;
		return mistake.line > 0 ? err_wrap(err, "reduce, line %d", mistake.line)
					: err_wrap(err, "reduce");
	}
	*ret_value = result.value;
	return 0;
}

/* {"key": …, "count": n, "value": [ … ]} becomes {"key": …, "value": …}. */
static int group_reduce(struct lua_gathered *gathered, struct buf *item, struct err *err)
{
	struct value group, key, values, count;

	value_read(gathered->group.data, gathered->group.len, &group);
	key = walk_member(&group, "key");
	values = walk_member(&group, "value");
	count = walk_member(&group, "count");
	if (count.integer > AGGREGATE_KEPT_MAX)
		return err_set(err, ERR_LIMIT,
			       "a key has %lld values; %d are kept for a script: name an aggregate "
			       "in `reduce`",
			       (long long)count.integer, AGGREGATE_KEPT_MAX);
	if (gathered->vm && all_reduced(gathered, &key, &values, &values, err))
		return -1;
	buf_add_text(item, "{\"key\":");
	value_print(&key, item);
	buf_add_text(item, ",\"value\":");
	value_print(&values, item);
	buf_add_byte(item, '}');
	return 1;
}

static int lua_item(void *ctx, struct buf *item, struct err *err)
{
	struct lua_gathered *gathered = ctx;
	bool collected = aggregates_members(gathered->plan->groups->aggregates) > 2;
	int rc;

	if (!collected)
		return groups_item(gathered->groups, item, err);
	buf_clear(&gathered->group);
	rc = groups_item(gathered->groups, &gathered->group, err);
	return rc == 1 ? group_reduce(gathered, item, err) : rc;
}

static int lua_tell(const void *ctx, void *gathered_ctx, struct json_out *out, struct err *err)
{
	const struct lua_plan *plan = ctx;
	struct lua_gathered *gathered = gathered_ctx;

	return groups_tell(plan->groups, gathered->groups, out, err);
}

static const char *const lua_members[] = {"lua", "filter", NULL};

const struct kernel kernel_lua = {
	.name = "lua",
	.summary = "What a script emits for each record, reduced by key",
	.members = lua_members,
	.food = KERNEL_ROWS,
	.slow = true,
	.uses_disk = true,
	.plan = lua_plan,
	.plan_free = lua_plan_free,
	.lane_new = lua_lane_new,
	.lane_free = lua_lane_free,
	.add_rows = lua_add,
	.is_full = lua_is_full,
	.spill = lua_spill,
	.size = lua_size,
	.save = lua_save,
	.load = lua_load,
	.saved = lua_saved,
	.gather = lua_gather,
	.gathered_free = lua_gathered_free,
	.division = lua_division,
	.next = lua_item,
	.tell = lua_tell,
};
