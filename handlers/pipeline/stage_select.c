/* SPDX-License-Identifier: MIT */
/* stage_select.c - {"select": ["id", "a.b"]}, {"select": {"id": "id", "total": "a.b * 2"}}
 *
 * The record is made anew, of these members in this order.  A path that is missing is left
 * out, and keeps the objects around it ({"a":{"b":1}}); an expression that is missing is null.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/json.h"
#include "handlers/pipeline/planner.h"

#include <string.h>

struct selected_one {
	struct path path;  /* of a list: where it stands in the new record too */
	unsigned field;	   /* of a list */
	struct expr *expr; /* of a map */
};

struct select_plan {
	struct selected_one *at;
	size_t count;
};

/* A member would come twice when one path is another, or lies inside it. */
static void twice_told(const struct select_plan *plan, const struct path *path, const char *place,
		       struct stage_planner *planner)
{
	for (size_t i = 0; i + 1 < plan->count; i++) {
		const struct path *other = &plan->at[i].path;

		if (other->count == 0 || paths_share(other, path) < MIN(other->count, path->count))
			continue;
		mistake_add(planner->mistakes, place, "conflict",
			    "it is selected already, or a part of it, with number %zu", i);
		return;
	}
}

static void list_plan(struct stage *stage, const struct json *value, struct select_plan *plan,
		      const char *pointer, struct stage_planner *planner)
{
	for (const struct json *at = json_first(value); at; at = json_next(at)) {
		const char *place = mistakes_pointer_index(planner->mistakes, pointer, plan->count);
		struct selected_one *one = &plan->at[plan->count++];
		bool renew;

		if (!plan_reads(planner, stage, json_text(at, ""), place, &one->field, &renew))
			continue;
		stage->renew = stage->renew || renew;
		if (plan_path(planner, stage, json_text(at, ""), place, &one->path))
			twice_told(plan, &one->path, place, planner);
	}
}

static void map_of_plan(struct stage *stage, const struct json *value, struct select_plan *plan,
			const char *pointer, struct stage_planner *planner)
{
	for (const struct json *at = json_first(value); at; at = json_next(at)) {
		struct selected_one *one = &plan->at[plan->count++];
		const char *place = mistakes_pointer(planner->mistakes, pointer, json_name(at));
		bool renew = false;

		plan_expr(planner, stage, json_text(at, ""), place, &one->expr, &renew);
		stage->renew = stage->renew || renew;
		plan_member(planner, stage, json_name(at), &one->path);
	}
}

/* Paths with the same beginning stand together: "a.b", "c", "a.d" is a.b, a.d, c. */
static void together(struct select_plan *plan)
{
	for (size_t i = 1; i < plan->count; i++) {
		struct selected_one one = plan->at[i];
		size_t place = i, most = 0;

		for (size_t j = 0; j < i; j++) {
			size_t shared = paths_share(&plan->at[j].path, &one.path);

			if (shared > 0 && shared >= most) {
				most = shared;
				place = j + 1;
			}
		}
		memmove(&plan->at[place + 1], &plan->at[place], (i - place) * sizeof(one));
		plan->at[place] = one;
	}
}

static void select_plan(struct stage *stage, const struct json *value,
			struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "select");
	struct select_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (plan)
		plan->at = plan_alloc(planner, stage, json_count(value) + 1, sizeof(*plan->at));
	if (!plan || !plan->at)
		return;
	if (json_kind(value) == JSON_ARRAY) {
		list_plan(stage, value, plan, pointer, planner);
		together(plan);
	} else {
		map_of_plan(stage, value, plan, pointer, planner);
	}
	plan_made_anew(planner);
}

static void select_plan_free(struct stage *stage)
{
	struct select_plan *plan = stage->plan;

	for (size_t i = 0; plan->at && i < plan->count; i++)
		expr_free(plan->at[i].expr);
}

/* Adds a member, inside the objects of its path; `open` are those that are open already. */
static size_t member_print(const struct path *path, const struct path *before, size_t open,
			   const struct value *value, struct buf *into)
{
	size_t shared = before ? paths_share(before, path) : 0;

	for (; open > shared; open--)
		buf_add_byte(into, '}');
	if (into->data[into->len - 1] != '{')
		buf_add_byte(into, ',');
	for (size_t i = open; i < path->count; i++) {
		if (i > open)
			buf_add_byte(into, '{');
		json_quote(into, path->names[i].text, path->names[i].len);
		buf_add_byte(into, ':');
	}
	value_print(value, into);
	return path->count - 1;
}

static int row_print(struct stage_lane *at, struct bundle *bundle, uint32_t row, struct buf *into,
		     struct err *err)
{
	const struct select_plan *plan = at->stage->plan;
	const struct value *values = bundle_values(bundle, row);
	const struct path *before = NULL;
	size_t open = 0;

	buf_clear(into);
	buf_add_byte(into, '{');
	for (size_t i = 0; i < plan->count; i++) {
		const struct selected_one *one = &plan->at[i];
		struct value value;

		expr_scratch_clear(at->lane->scratch);
		if (!one->expr)
			value = values[one->field];
		else if (expr_eval(one->expr, values, at->lane->scratch, &value, err))
			return -1;
		else if (value.kind == VALUE_MISSING)
			value = (struct value){.kind = VALUE_NULL};
		if (value.kind == VALUE_MISSING)
			continue;
		open = member_print(&one->path, before, open, &value, into);
		before = &one->path;
	}
	for (; open > 0; open--)
		buf_add_byte(into, '}');
	buf_add_byte(into, '}');
	return buf_ok(into) ? 0
			    : err_set(err, ERR_LIMIT, "a record of more than %d bytes",
				      RECORD_BYTES_MAX);
}

static int row_select(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		      struct err *err)
{
	struct buf *text = &bundle->text;
	char *copy;

	(void)ret_stays;
	if (row_print(at, bundle, row, text, err))
		return -1;
	copy = arena_copy(&bundle->arena, text->data, text->len);
	if (!copy)
		return err_set(err, ERR_NO_MEMORY, "no memory for a record");
	return record_replace(bundle, row, copy, text->len, err);
}

static int select_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	return stage_each(at, bundle, picks, row_select, err);
}

const struct stage_kind select_stage = {
	.verb = "select",
	.plan = select_plan,
	.plan_free = select_plan_free,
	.run = select_run,
};
