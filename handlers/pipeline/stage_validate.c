/* SPDX-License-Identifier: MIT */
/* stage_validate.c - {"validate": {"required": ["id"], "properties": {"value": {"minimum": 0}}}} */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"
#include "handlers/schema/schema.h"

static void validate_plan(struct stage *stage, const struct json *value,
			  struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "validate");
	struct schema *schema = schema_new(value, pointer, planner->mistakes);

	stage->plan = schema;
	if (schema)
		plan_schema(planner, stage, schema, pointer, &stage->renew);
}

static void validate_plan_free(struct stage *stage)
{
	schema_free(stage->plan);
}

static int validate_open(struct stage_lane *at, struct err *err)
{
	at->state = schema_scratch_new();
	return at->state ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a schema");
}

static void validate_close(struct stage_lane *at)
{
	schema_scratch_free(at->state);
}

static int row_check(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		     struct err *err)
{
	(void)ret_stays;
	return schema_check(at->stage->plan, at->state, bundle_values(bundle, row), err);
}

static int validate_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
			struct err *err)
{
	return stage_each(at, bundle, picks, row_check, err);
}

const struct stage_kind validate_stage = {
	.verb = "validate",
	.plan = validate_plan,
	.plan_free = validate_plan_free,
	.open = validate_open,
	.close = validate_close,
	.run = validate_run,
};
