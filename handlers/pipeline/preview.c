/* SPDX-License-Identifier: MIT */
/* preview.c - what stages make of some records, for people who write pipelines. */
#include "handlers/pipeline/preview.h"

#include "handlers/input/sample.h"
#include "handlers/pipeline/trial.h"

#include <string.h>

enum { SHOWN_PRESET = 5 };

/* clang-format off */
const struct param pipeline_preview_params[] = {
	PIPELINE_STAGES_PARAM,
	SAMPLE_PARAMS,
	{.name = "first", .kind = PARAM_INT, .max = TRIAL_SHOWN_MAX, .preset = "5",
	 .summary = "So many records are shown after each stage"},
	{.name = "params", .kind = PARAM_OBJECT, .summary = "What scripts see as ctx.params"},
	{0},
};
/* clang-format on */

int pipeline_preview_plan(const struct json *body, struct planner *planner, struct plan **ret_plan)
{
	struct sample *sample = sample_new(body, "", planner->mistakes);
	struct plan *plan = NULL;

	if (pipeline_plan_stages(body, "", planner, &plan) == 0 && sample) {
		plan->sample = sample;
		plan->shown = (unsigned)spec_int(body, "first", SHOWN_PRESET);
		plan->params = json_get(body, "params");
		*ret_plan = plan;
		return 0;
	}
	pipeline_plan_free(plan);
	sample_free(sample);
	return -1;
}

int pipeline_rehearse(const struct plan *plan, const struct rehearsal *rehearsal,
		      struct json_out *out, struct err *err)
{
	struct sample *sample = sample_of_input(plan->input, rehearsal->files, err);
	struct trial_options options = {
		.sample = sample,
		.params = rehearsal->params,
		.files = rehearsal->files,
		.shown = (unsigned)MIN(rehearsal->records, TRIAL_SHOWN_MAX),
		.records_max = rehearsal->records,
	};
	struct trial *trial = NULL;
	int rc = -1;

	if (sample)
		rc = trial_run(plan, &options, &trial, err);
	if (rc == 0)
		trial_out(trial, out);
	trial_free(trial);
	sample_free(sample);
	return rc;
}

int pipeline_preview(const struct plan *plan, const struct fetch_result *sample,
		     struct json_out *out, struct err *err)
{
	struct trial_options options = {
		.sample = plan->sample,
		.params = plan->params,
		.shown = plan->shown,
	};
	struct trial *trial;

	(void)sample;
	if (trial_run(plan, &options, &trial, err))
		return -1;
	json_out_object(out, NULL);
	trial_out(trial, out);
	json_out_end(out, '}');
	trial_free(trial);
	return 0;
}
