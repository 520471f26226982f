/* SPDX-License-Identifier: MIT */
/* job_named.c - a job that a spec names. */
#include "handlers/job_named.h"

void job_named(const char *text, const char *pointer, struct planner *planner, struct id *ret)
{
	const struct permits *permits = planner->permits;

	if (id_parse(text, ret))
		mistake_add(planner->mistakes, pointer, "bad-id", "it is no job's id");
	else if (permits && permits->job_known && !permits->job_known(permits->ctx, ret))
		mistake_hint(planner->mistakes,
			     mistake_add(planner->mistakes, pointer, "unknown-job",
					 "there is no job %.*s", ID_TEXT_LEN, text),
			     "GET /v1/jobs lists them");
}
