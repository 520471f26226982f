/* SPDX-License-Identifier: MIT */
/* stage_join.c - {"join": {"with": {"file": "customers.csv"}, "on": "customer", "into": "who"}}
 *
 * The table is read before the first record, by the first lane; the others look into the same.
 * A record with several rows becomes several, in the order of the table.  Rows become a member
 * of the record, or their members are added to it: those that it has itself stay.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/record/walk.h"
#include "handlers/input/sample.h"
#include "handlers/pipeline/join_table.h"
#include "handlers/pipeline/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum join_kind { JOIN_INNER, JOIN_LEFT, JOIN_ANTI };
static const char *const join_kinds[] = {"inner", "left", "anti", NULL};

struct join_plan {
	struct input_plan *with;
	struct fields fields; /* of the table */
	struct join_key left, right;
	enum join_kind kind;
	const char *prefix;
	bool file, becomes_member;
	unsigned into;
};

struct join_state {
	struct join_table *table; /* the first lane's */
	struct buf key, name, text;
};

/* ---- the plan ---- */

static void with_plan(struct join_plan *plan, const struct json *value, const char *verb,
		      struct stage_planner *planner)
{
	struct planner outer = {.mistakes = planner->mistakes, .permits = planner->permits};
	const char *pointer = mistakes_pointer(planner->mistakes, verb, "with");
	const struct json *with = json_get(value, "with");

	plan->with = input_plan_new(with, pointer, &outer);
	plan->file = json_get(with, "file") != NULL;
	if (plan->with && !sample_takes(plan->with))
		mistake_add_code(planner->mistakes, ERR_NOT_IMPLEMENTED, pointer,
				 "a table is read of items or of one file so far");
}

/* One pair: the member here, and that of the table. */
static void pair_plan(struct stage *stage, const struct json *pair, const char *pointer,
		      struct stage_planner *planner)
{
	struct join_plan *plan = stage->plan;
	bool same = json_kind(pair) == JSON_TEXT, renew = false;
	const char *left = same ? json_text(pair, "") : spec_text(pair, "left", "");
	const char *right = same ? left : spec_text(pair, "right", "");
	struct err err;

	plan_reads(planner, stage, left,
		   same ? pointer : mistakes_pointer(planner->mistakes, pointer, "left"),
		   &plan->left.fields[plan->left.count++], &renew);
	stage->renew = stage->renew || renew;
	if (fields_add_path(&plan->fields, right, &plan->right.fields[plan->right.count++], &err) &&
	    !same)
		mistake_add(planner->mistakes,
			    mistakes_pointer(planner->mistakes, pointer, "right"), "bad-path", "%s",
			    err.detail);
}

static void on_plan(struct stage *stage, const struct json *on, const char *verb,
		    struct stage_planner *planner)
{
	struct join_plan *plan = stage->plan;
	const char *pointer = mistakes_pointer(planner->mistakes, verb, "on");
	bool list = json_kind(on) == JSON_ARRAY;
	size_t count = list ? json_count(on) : 1, i = 0;

	plan->left.fields = plan_alloc(planner, stage, count + 1, sizeof(*plan->left.fields));
	plan->right.fields = plan_alloc(planner, stage, count + 1, sizeof(*plan->right.fields));
	if (!plan->left.fields || !plan->right.fields)
		return;
	if (!list)
		pair_plan(stage, on, pointer, planner);
	for (const struct json *at = list ? json_first(on) : NULL; at; at = json_next(at))
		pair_plan(stage, at, mistakes_pointer_index(planner->mistakes, pointer, i++),
			  planner);
}

static void strange_tell(const char *verb, const char *name, const char *why,
			 struct stage_planner *planner)
{
	mistake_add(planner->mistakes, mistakes_pointer(planner->mistakes, verb, name), "conflict",
		    "%s", why);
}

/* What becomes of the rows that are found. */
static void rows_plan(struct stage *stage, const struct json *value, const char *verb,
		      struct stage_planner *planner)
{
	struct join_plan *plan = stage->plan;
	const char *into = spec_text(value, "into", NULL);
	bool renew = false;

	plan->prefix = spec_text(value, "prefix", NULL);
	plan->becomes_member = into != NULL;
	if (plan->prefix && into)
		strange_tell(verb, "prefix", "is for members that are added: into keeps them apart",
			     planner);
	if (plan->kind == JOIN_ANTI && (into || plan->prefix))
		strange_tell(verb, into ? "into" : "prefix",
			     "anti keeps records without a row: nothing is added to them", planner);
	if (plan->kind == JOIN_ANTI)
		return;
	if (into) {
		plan_writes(planner, stage, into, mistakes_pointer(planner->mistakes, verb, "into"),
			    &plan->into, &renew);
	} else {
		plan_reads_all(planner, &renew);
		plan_made_anew(planner);
	}
	stage->renew = stage->renew || renew;
}

static void join_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	const char *verb = mistakes_pointer(planner->mistakes, stage->pointer, "join");
	struct join_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	fields_init(&plan->fields);
	plan->kind = (enum join_kind)spec_choice(value, "kind", join_kinds, JOIN_INNER);
	with_plan(plan, value, verb, planner);
	on_plan(stage, json_get(value, "on"), verb, planner);
	rows_plan(stage, value, verb, planner);
}

static void join_plan_free(struct stage *stage)
{
	struct join_plan *plan = stage->plan;

	input_plan_free(plan->with);
	fields_done(&plan->fields);
}

/* ---- the table ---- */

static struct join_key key_of(const struct stage_lane *at, bool table)
{
	const struct join_plan *plan = at->stage->plan;
	struct join_key key = table ? plan->right : plan->left;

	key.seed = at->lane->pipeline->seed;
	return key;
}

/* Where the file is: in a test there may be none. */
static int place_find(struct stage_lane *at, struct table_place *place, char **ret_pin,
		      struct err *err)
{
	const struct pipeline *pipeline = at->lane->pipeline;
	const char *dir;

	place->files = pipeline->files;
	if (!pipeline->run)
		return place->files ? 0
				    : err_set(err, ERR_NOT_IMPLEMENTED,
					      "here a table is read of items only; dry runs "
					      "read files too");
	place->files = run_files(pipeline->run);
	if (run_scratch(pipeline->run, &dir, err))
		return -1;
	if (asprintf(ret_pin, "%s/table-%u", dir, at->stage->number) < 0) {
		*ret_pin = NULL;
		return err_set(err, ERR_NO_MEMORY, "no memory for a path");
	}
	place->pin = *ret_pin;
	return 0;
}

static int table_read(struct stage_lane *at, struct join_table **ret_table, struct err *err)
{
	const struct join_plan *plan = at->stage->plan;
	struct join_key key = key_of(at, true);
	struct table_place place = {
		.bytes_max = MIN(PIPELINE_TABLE_BYTES_MAX, at->lane->pipeline->plan->memory_bytes),
	};
	struct sample *sample = NULL;
	char *pin = NULL;
	int rc = -1;

	if (!plan->file || place_find(at, &place, &pin, err) == 0)
		sample = sample_of_table(plan->with, &place, err);
	if (sample)
		rc = join_table_new(sample, &plan->fields, &key, place.bytes_max, ret_table, err);
	sample_free(sample);
	free(pin);
	return rc ? err_wrap(err, "%s/join/with", at->stage->pointer) : 0;
}

static int join_open(struct stage_lane *at, struct err *err)
{
	const struct pipe_lane *first = &at->lane->pipeline->lanes[0];
	struct join_state *state = calloc(1, sizeof(*state));
	const struct join_state *read;

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
	buf_init(&state->key, 2 * RECORD_BYTES_MAX);
	buf_init(&state->name, RECORD_BYTES_MAX);
	buf_init(&state->text, RECORD_BYTES_MAX);
	if (at->lane == first)
		return table_read(at, &state->table, err);
	read = first->stages[at->stage->turn].state;
	state->table = read->table;
	return 0;
}

static void join_close(struct stage_lane *at)
{
	struct join_state *state = at->state;

	if (!state)
		return;
	if (at->lane == &at->lane->pipeline->lanes[0])
		join_table_free(state->table);
	buf_done(&state->key);
	buf_done(&state->name);
	buf_done(&state->text);
	free(state);
}

/* ---- records ---- */

static bool has_member(const struct value *record, const struct buf *name)
{
	struct value found, child;
	struct walk walk;

	walk_begin(&walk, record);
	while (walk_next(&walk, &found, &child))
		if (value_text_is(&found, buf_text(name), name->len))
			return true;
	return false;
}

/* Adds the row's members behind the last one of the record. */
static int members_add(const struct join_plan *plan, struct join_state *state,
		       const struct value *record, const struct value *row)
{
	struct buf decoded = BUF(RECORD_BYTES_MAX);
	struct value name, child, none;
	struct walk walk;
	bool first;

	walk_begin(&walk, record);
	first = !walk_next(&walk, &none, &none);
	walk_begin(&walk, row);
	while (walk_next(&walk, &name, &child)) {
		const char *text;
		size_t len;

		buf_clear(&decoded);
		text = value_text(&name, &decoded, &len);
		buf_clear(&state->name);
		buf_add(&state->name, plan->prefix, plan->prefix ? strlen(plan->prefix) : 0);
		if (!text || buf_add(&state->name, text, len))
			break;
		if (has_member(record, &state->name))
			continue;
		buf_add(&state->text, ",", first ? 0 : 1);
		first = false;
		json_quote(&state->text, buf_text(&state->name), state->name.len);
		buf_add_byte(&state->text, ':');
		value_print(&child, &state->text);
	}
	buf_done(&decoded);
	return buf_add_byte(&state->text, '}') || !buf_ok(&state->name) ? -1 : 0;
}

static int row_merge(struct stage_lane *at, struct bundle *bundle, uint32_t row,
		     const struct value *found, struct err *err)
{
	struct join_state *state = at->state;
	struct value record;
	char *copy;

	value_read(bundle->records[row].text, bundle->records[row].len, &record);
	if (record.kind != VALUE_OBJECT || found->kind != VALUE_OBJECT)
		return err_set(
			err, ERR_FAILED, "%s is %s, not an object: it has no members",
			record.kind != VALUE_OBJECT ? "the record" : "the row of the table",
			value_kind_name(record.kind != VALUE_OBJECT ? record.kind : found->kind));
	buf_clear(&state->text);
	buf_add(&state->text, record.at, record.len - 1);
	if (members_add(at->stage->plan, state, &record, found))
		return err_set(err, ERR_LIMIT, "a record of more than %d bytes", RECORD_BYTES_MAX);
	copy = arena_copy(&bundle->arena, state->text.data, state->text.len);
	if (!copy)
		return err_set(err, ERR_LIMIT,
			       "what was joined to some hundred records has more than %d bytes",
			       PIPELINE_BUNDLE_BYTES_MAX);
	return record_replace(bundle, row, copy, state->text.len, err);
}

static int row_put(struct stage_lane *at, struct bundle *bundle, uint32_t row, uint32_t found,
		   struct err *err)
{
	const struct join_plan *plan = at->stage->plan;
	const struct join_state *state = at->state;
	struct value value = {.kind = VALUE_NULL};

	if (found)
		value = join_table_row(state->table, found);
	if (plan->becomes_member)
		return record_put(bundle, row, plan->into, &value, err);
	return found ? row_merge(at, bundle, row, &value, err) : 0;
}

/* The record with its first row; copies of it, with higher numbers, with the others. */
static int rows_put(struct stage_lane *at, struct bundle *bundle, uint32_t row, uint32_t found,
		    struct picks *made, struct err *err)
{
	const struct join_state *state = at->state;
	uint32_t count = found ? join_table_matches(state->table, found) : 1;
	uint32_t *rows;

	if (picks_room(made, count, err) || (count > 1 && record_renew(bundle, row, err)))
		return -1;
	rows = made->rows + made->count;
	rows[0] = row;
	for (uint32_t i = 1; i < count; i++)
		if (bundle_copy(bundle, row, &rows[i], err))
			return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (row_put(at, bundle, rows[i], found, err))
			return -1;
		found = found ? join_table_next(state->table, found) : 0;
	}
	made->count += count;
	at->counts[COUNT_MADE] += count;
	at->counts[COUNT_OUT]++;
	return 0;
}

static int row_join(struct stage_lane *at, struct bundle *bundle, uint32_t row, struct picks *made,
		    struct err *err)
{
	const struct join_plan *plan = at->stage->plan;
	struct join_state *state = at->state;
	struct join_key key = key_of(at, false);
	uint32_t found =
		join_table_find(state->table, &key, bundle_values(bundle, row), &state->key);

	if (plan->kind == JOIN_ANTI ? found != 0 : !found && plan->kind == JOIN_INNER) {
		at->counts[COUNT_FILTERED]++;
		return 0;
	}
	if (plan->kind != JOIN_ANTI)
		return rows_put(at, bundle, row, found, made, err);
	if (picks_room(made, 1, err))
		return -1;
	made->rows[made->count++] = row;
	at->counts[COUNT_MADE]++;
	at->counts[COUNT_OUT]++;
	return 0;
}

static int join_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		    struct err *err)
{
	struct picks made = {0};
	struct err why;
	bool stays;
	int rc = 0;

	for (size_t i = 0; i < picks->count && rc == 0; i++)
		if (row_join(at, bundle, picks->rows[i], &made, &why))
			rc = stage_failed(at, bundle, picks->rows[i], &why, &stays, err);
	picks_done(picks);
	*picks = made;
	return rc;
}

const struct stage_kind join_stage = {
	.verb = "join",
	.flags = STAGE_MAKES | STAGE_NO_REPLACE,
	.plan = join_plan,
	.plan_free = join_plan_free,
	.open = join_open,
	.close = join_close,
	.run = join_run,
};
