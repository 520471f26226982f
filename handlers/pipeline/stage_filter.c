/* SPDX-License-Identifier: MIT */
/* stage_filter.c - {"filter": "category == 'A'"}, {"filter": {"lua": "return r.value % 2 == 0"}} */
#include "handlers/pipeline/pipeline.h"

#include "base/expr/expr.h"
#include "handlers/pipeline/planner.h"
#include "handlers/script/script.h"

#include <stdlib.h>

struct filter_plan {
	struct expr *expr; /* one of the two */
	struct script *script;
};

static void filter_plan(struct stage *stage, const struct json *value,
			struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "filter");
	struct filter_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	if (json_kind(value) == JSON_TEXT)
		plan_expr(planner, stage, json_text(value, ""), pointer, &plan->expr,
			  &stage->renew);
	else
		plan_script(planner, stage, json_get(value, "lua"),
			    mistakes_pointer(planner->mistakes, pointer, "lua"), SCRIPT_TEST,
			    &plan->script, &stage->renew);
}

static void filter_plan_free(struct stage *stage)
{
	struct filter_plan *plan = stage->plan;

	expr_free(plan->expr);
	script_free(plan->script);
}

static int filter_open(struct stage_lane *at, struct err *err)
{
	const struct filter_plan *plan = at->stage->plan;

	return plan->script ? lane_script_load(at->lane, plan->script, &at->slot, err) : 0;
}

static int row_test(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		    struct err *err)
{
	const struct filter_plan *plan = at->stage->plan;
	struct script_result result;

	if (plan->expr) {
		expr_scratch_clear(at->lane->scratch);
		return expr_test(plan->expr, bundle_values(bundle, row), at->lane->scratch,
				 ret_stays, err);
	}
	if (lane_script_call(at->lane, at->slot, bundle, row, NULL, &result, err))
		return -1;
	*ret_stays = result.truth;
	return 0;
}

static int filter_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	return stage_each(at, bundle, picks, row_test, err);
}

const struct stage_kind filter_stage = {
	.verb = "filter",
	.plan = filter_plan,
	.plan_free = filter_plan_free,
	.open = filter_open,
	.run = filter_run,
};
