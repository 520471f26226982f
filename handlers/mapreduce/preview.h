/* SPDX-License-Identifier: MIT */
/* preview.h - trying map-reduce without jobs: the callbacks of the handler that do. */
#ifndef HANDLERS_MAPREDUCE_PREVIEW_H
#define HANDLERS_MAPREDUCE_PREVIEW_H

#include "handlers/handler.h"

/* POST /v1/handlers/mapreduce/test */
extern const struct param mapreduce_preview_params[];
int mapreduce_preview_plan(const struct json *body, struct planner *planner,
			   struct plan **ret_plan);
int mapreduce_preview(const struct plan *plan, const struct fetch_result *sample,
		      struct json_out *out, struct err *err);

#endif
