/* SPDX-License-Identifier: MIT */
/* stage_branch.c - {"branch": [{"when": "a > 1", "to": "x"}, {"to": "rest"}]}, tee and merge.
 *
 * Who takes from whom is the graph's; a tee copies and a merge puts in order when records are
 * delivered.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/expr/expr.h"
#include "handlers/pipeline/planner.h"

#include <string.h>

struct branch_plan {
	struct expr **when; /* NULL: always */
	size_t count;
	bool all;
};

static void branch_plan(struct stage *stage, const struct json *value,
			struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "branch");
	struct branch_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	plan->all = strcmp(spec_text(stage->json, "match", "first"), "all") == 0;
	plan->when = plan_alloc(planner, stage, json_count(value), sizeof(struct expr *));
	for (const struct json *at = json_first(value); plan->when && at; at = json_next(at)) {
		const char *place = mistakes_pointer_index(planner->mistakes, pointer, plan->count);
		const char *when = spec_text(at, "when", NULL);
		bool renew = false;

		if (when)
			plan_expr(planner, stage, when,
				  mistakes_pointer(planner->mistakes, place, "when"),
				  &plan->when[plan->count], &renew);
		stage->renew = stage->renew || renew;
		plan->count++;
	}
}

static void branch_plan_free(struct stage *stage)
{
	struct branch_plan *plan = stage->plan;

	for (size_t i = 0; plan->when && i < plan->count; i++)
		expr_free(plan->when[i]);
}

static int arm_add(struct stage_lane *at, unsigned arm, uint32_t row, struct err *err)
{
	struct picks *picks = &at->arms[arm];

	if (picks_room(picks, 1, err))
		return -1;
	picks->rows[picks->count++] = row;
	at->counts[COUNT_MADE]++;
	return 0;
}

/* Which arms match, a bit each, before any gets the row. */
static int arms_match(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *matches,
		      struct err *err)
{
	const struct branch_plan *plan = at->stage->plan;

	memset(matches, 0, plan->count * sizeof(*matches));
	for (size_t i = 0; i < plan->count; i++) {
		matches[i] = true;
		expr_scratch_clear(at->lane->scratch);
		if (plan->when[i] && expr_test(plan->when[i], bundle_values(bundle, row),
					       at->lane->scratch, &matches[i], err))
			return -1;
		if (matches[i] && !plan->all)
			return 0;
	}
	return 0;
}

/* The first arm gets the row, others copies of it. */
static int row_branch(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		      struct err *err)
{
	const struct branch_plan *plan = at->stage->plan;
	bool matches[PIPELINE_STAGES_MAX];
	uint32_t given = row;

	*ret_stays = false;
	if (arms_match(at, bundle, row, matches, err))
		return -1;
	for (unsigned i = 0; i < plan->count; i++) {
		if (!matches[i])
			continue;
		if ((*ret_stays && bundle_copy(bundle, row, &given, err)) ||
		    arm_add(at, i, given, err))
			return -1;
		*ret_stays = true;
	}
	return 0;
}

static int branch_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	return stage_each(at, bundle, picks, row_branch, err);
}

const struct stage_kind branch_stage = {
	.verb = "branch",
	.flags = STAGE_ROUTES | STAGE_NO_REPLACE,
	.plan = branch_plan,
	.plan_free = branch_plan_free,
	.run = branch_run,
};

const struct stage_kind tee_stage = {
	.verb = "tee",
	.flags = STAGE_COPIES,
};

const struct stage_kind merge_stage = {
	.verb = "merge",
};
