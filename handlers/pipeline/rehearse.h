/* SPDX-License-Identifier: MIT */
/* rehearse.h - a plan tried on a few records, without a job: tests of a spec, and previews.
 *
 * All of it happens on one lane in memory, barriers and all.
 *
 * Threads    any; a plan may be rehearsed and run at once.
 * Ownership  what came of it is the caller's: rehearsal_done().
 * Errors     0, or -1 and *err: no memory.  That the plan fails is a result, too.
 */
#ifndef HANDLERS_PIPELINE_REHEARSE_H
#define HANDLERS_PIPELINE_REHEARSE_H

#include "base/buf.h"
#include "base/json.h"

struct pipeline;
struct plan;

struct rehearsal {
	struct pipeline *pipeline; /* its lane has the failed rows, its stages what they counted */
	struct buf results;	   /* lines */
	struct buf *given;	   /* [stages, by turn]: lines, the first of what each gave */
	unsigned given_max;	   /* so many of each; 0: they are not kept */
	struct err failed;	   /* ERR_NONE: it completed */
};

/* `records`: a JSON array. */
int rehearse(const struct plan *plan, const struct json *records, struct rehearsal *rehearsal,
	     struct err *err);
void rehearsal_done(struct rehearsal *rehearsal);

#endif
