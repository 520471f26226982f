/* SPDX-License-Identifier: MIT */
/* stage_set.c - {"set": {"total": "price * quantity", "source": "'web'", "tags": []}}
 *
 * Members are set in the order in which they stand: a later one sees the earlier ones.  What
 * is missing becomes null.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/record/walk.h"
#include "handlers/pipeline/planner.h"

#include <string.h>

struct setting_one {
	unsigned written;
	bool renew;
	struct expr *expr;     /* NULL: a constant */
	struct value constant; /* its text is the plan's */
};

struct set_plan {
	struct setting_one *at;
	size_t count;
};

/* JSON of the spec as a value of a record. */
static bool constant_plan(struct stage_planner *planner, const struct stage *stage,
			  const struct json *json, struct value *ret)
{
	struct buf text = BUF(JOB_SPEC_BYTES_MAX);
	char *copy = NULL;

	if (json_print(json, &text) == 0)
		copy = plan_alloc(planner, stage, text.len + 1, 1);
	if (copy) {
		memcpy(copy, text.data, text.len);
		value_read(copy, text.len, ret);
	}
	buf_done(&text);
	return copy != NULL;
}

static void one_plan(struct stage *stage, const struct json *member, struct setting_one *one,
		     struct stage_planner *planner)
{
	const char *around = mistakes_pointer(planner->mistakes, stage->pointer, "set");
	const char *pointer = mistakes_pointer(planner->mistakes, around, json_name(member));
	bool before = false, after = false;

	if (json_kind(member) == JSON_TEXT)
		plan_expr(planner, stage, json_text(member, ""), pointer, &one->expr, &before);
	else
		constant_plan(planner, stage, member, &one->constant);
	plan_writes(planner, stage, json_name(member), pointer, &one->written, &after);
	one->renew = before || after;
}

static void set_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	struct set_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	plan->at = plan_alloc(planner, stage, json_count(value) + 1, sizeof(*plan->at));
	for (const struct json *at = json_first(value); plan->at && at; at = json_next(at))
		one_plan(stage, at, &plan->at[plan->count++], planner);
}

static void set_plan_free(struct stage *stage)
{
	struct set_plan *plan = stage->plan;

	for (size_t i = 0; plan->at && i < plan->count; i++)
		expr_free(plan->at[i].expr);
}

static int one_set(struct stage_lane *at, struct bundle *bundle, uint32_t row,
		   const struct setting_one *one, struct err *err)
{
	struct expr_scratch *scratch = at->lane->scratch;
	struct value value = one->constant;

	if (one->renew && record_renew(bundle, row, err))
		return -1;
	if (one->expr) {
		expr_scratch_clear(scratch);
		if (expr_eval(one->expr, bundle_values(bundle, row), scratch, &value, err) ||
		    bundle_keep(bundle, &value, err))
			return -1;
	}
	if (value.kind == VALUE_MISSING)
		value.kind = VALUE_NULL;
	return record_put(bundle, row, one->written, &value, err);
}

static int row_set(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		   struct err *err)
{
	const struct set_plan *plan = at->stage->plan;

	(void)ret_stays;
	for (size_t i = 0; i < plan->count; i++)
		if (one_set(at, bundle, row, &plan->at[i], err))
			return -1;
	return 0;
}

static int set_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		   struct err *err)
{
	return stage_each(at, bundle, picks, row_set, err);
}

const struct stage_kind set_stage = {
	.verb = "set",
	.plan = set_plan,
	.plan_free = set_plan_free,
	.run = set_run,
};
