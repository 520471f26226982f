/* SPDX-License-Identifier: MIT */
/* stage_drop.c - {"drop": ["debug", "a.b"]}, {"rename": {"old": "new"}}
 *
 * What is not there is no mistake.  A renamed member keeps its place, in the same object, and
 * takes the name from one that had it.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"

struct member_change {
	unsigned written;
	bool renew;
};

struct drop_plan {
	struct member_change *at;
	size_t count;
};

static struct drop_plan *changes_alloc(struct stage *stage, size_t count,
				       struct stage_planner *planner)
{
	struct drop_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (plan)
		plan->at = plan_alloc(planner, stage, count + 1, sizeof(*plan->at));
	return plan && plan->at ? plan : NULL;
}

static void drop_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "drop");
	struct drop_plan *plan = changes_alloc(stage, json_count(value), planner);
	struct member_change *change;

	if (!plan)
		return;
	if (json_kind(value) == JSON_TEXT) {
		change = &plan->at[plan->count++];
		plan_drops(planner, stage, json_text(value, ""), pointer, &change->written,
			   &change->renew);
		return;
	}
	for (const struct json *at = json_first(value); at; at = json_next(at)) {
		const char *place = mistakes_pointer_index(planner->mistakes, pointer, plan->count);

		change = &plan->at[plan->count++];
		plan_drops(planner, stage, json_text(at, ""), place, &change->written,
			   &change->renew);
	}
}

static void rename_plan(struct stage *stage, const struct json *value,
			struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "rename");
	struct drop_plan *plan = changes_alloc(stage, json_count(value), planner);

	for (const struct json *at = json_first(value); plan && at; at = json_next(at)) {
		struct member_change *change = &plan->at[plan->count++];

		plan_renames(planner, stage, json_name(at), json_text(at, ""),
			     mistakes_pointer(planner->mistakes, pointer, json_name(at)),
			     &change->written, &change->renew);
	}
}

static int row_drop(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		    struct err *err)
{
	static const struct value missing = {.kind = VALUE_MISSING};
	const struct drop_plan *plan = at->stage->plan;

	(void)ret_stays;
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->at[i].renew && record_renew(bundle, row, err))
			return -1;
		if (record_put(bundle, row, plan->at[i].written, &missing, err))
			return -1;
	}
	return 0;
}

static int row_rename(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		      struct err *err)
{
	const struct drop_plan *plan = at->stage->plan;

	(void)ret_stays;
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->at[i].renew && record_renew(bundle, row, err))
			return -1;
		record_rename(bundle, row, plan->at[i].written);
	}
	return 0;
}

static int drop_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		    struct err *err)
{
	return stage_each(at, bundle, picks, row_drop, err);
}

static int rename_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	return stage_each(at, bundle, picks, row_rename, err);
}

const struct stage_kind drop_stage = {
	.verb = "drop",
	.plan = drop_plan,
	.run = drop_run,
};

const struct stage_kind rename_stage = {
	.verb = "rename",
	.plan = rename_plan,
	.run = rename_run,
};
