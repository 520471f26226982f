/* SPDX-License-Identifier: MIT */
/* preview.h - trying pipelines without jobs: the callbacks of the handler that do. */
#ifndef HANDLERS_PIPELINE_PREVIEW_H
#define HANDLERS_PIPELINE_PREVIEW_H

#include "handlers/pipeline/pipeline.h"

/* POST /v1/handlers/pipeline/test */
extern const struct param pipeline_preview_params[];
int pipeline_preview_plan(const struct json *body, struct planner *planner, struct plan **ret_plan);
int pipeline_preview(const struct plan *plan, const struct fetch_result *sample,
		     struct json_out *out, struct err *err);

/* The `tests` of a spec: each that comes out otherwise is a mistake. */
void pipeline_check(const struct plan *plan, const struct rehearsal *rehearsal,
		    struct mistakes *mistakes);

/* What the first records become, and how the stages are done. */
int pipeline_rehearse(const struct plan *plan, const struct rehearsal *rehearsal,
		      struct json_out *out, struct err *err);
void pipeline_describe(const struct plan *plan, struct json_out *out);

#endif
