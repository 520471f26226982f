/* SPDX-License-Identifier: MIT */
/* describe.c - how a pipeline would be done, for people: which stages share a pass, what gathers.
 */
#include "handlers/pipeline/preview.h"

static void stage_describe(const struct plan *plan, const struct stage *stage, struct json_out *out)
{
	bool gathers = stage->kind->flags & STAGE_BARRIER;

	json_out_object(out, NULL);
	json_out_text(out, "stage", stage->name);
	json_out_text(out, "verb", stage->kind->verb);
	json_out_text(out, "pointer", stage->pointer);
	json_out_int(out, "pass", stage->takes - plan->stretches);
	json_out_array(out, "to");
	for (unsigned i = 0; i < stage->to_count; i++)
		json_out_text(out, NULL, stage->to[i].to->name);
	json_out_end(out, ']');
	json_out_bool(out, "gathers", gathers);
	json_out_bool(out, "in_order", stage->kind->flags & STAGE_IN_ORDER);
	json_out_bool(out, "waits", stage->kind->completion != NULL);
	json_out_bool(out, "renews", stage->renew);
	if (stage->workers > 0)
		json_out_int(out, "workers", stage->workers);
	json_out_end(out, '}');
}

/* Stages with the same number of a pass are done one after the other on a lane, over records that
 * are read once. */
void pipeline_describe(const struct plan *plan, struct json_out *out)
{
	json_out_array(out, "stages");
	for (unsigned i = 0; i < plan->count; i++)
		stage_describe(plan, plan->turns[i], out);
	json_out_end(out, ']');
	json_out_int(out, "passes", plan->stretches_count);
	json_out_text(out, "lanes",
		      plan->one_lane	  ? "one: some stage wants records in order"
		      : plan->workers > 0 ? "as the spec says"
					  : "one for each CPU");
	json_out_bool(out, "in_order", plan->in_order);
	json_out_bool(out, "saves_state", plan->has_state);
	json_out_text(out, "results", plan->last ? plan->last->name : "input");
	json_out_int(out, "memory_bytes", plan->memory_bytes);
}
