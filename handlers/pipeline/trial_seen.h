/* SPDX-License-Identifier: MIT */
/* trial_seen.h - what a trial has seen, for the files that fill it and tell it.
 *
 * Ownership  texts are in the arena; stages are the plan's.
 */
#ifndef HANDLERS_PIPELINE_TRIAL_SEEN_H
#define HANDLERS_PIPELINE_TRIAL_SEEN_H

#include "base/arena.h"
#include "handlers/pipeline/pipeline.h"
#include "handlers/pipeline/trial.h"

enum { TRIAL_SEED = 1 }; /* of what scripts draw by lot: the same test gives the same */

/* Of one stage, by turn. */
struct trial_stage {
	struct buf shown; /* records, each with a comma behind it */
	unsigned shown_count;
	uint64_t work; /* of its scripts */
};

struct trial_log {
	const struct stage *stage;
	int64_t record; /* of the input, from 1; 0: what a barrier gave */
	const char *text;
};

struct trial_error {
	const struct stage *stage; /* NULL: the input */
	int64_t record, line, offset;
	struct err err;
};

struct trial {
	struct plan plan; /* the caller's, with less memory */
	struct pipeline *pipeline;
	struct pipe_lane *lane; /* its only one */
	struct arena arena;
	unsigned shown;
	int64_t records_max; /* of the sample, at least 1 */
	int64_t begun_us, until_us, took_us;

	int64_t record;	     /* of the input, in hand; from 1 */
	int64_t taken;	     /* of the input */
	int64_t rows;	     /* that stages have handed on */
	const char *stopped; /* why it was broken off; NULL: it was not */
	struct err failed;   /* "error": the job would end with it */
	struct trial_stage *stages;
	uint64_t work; /* of the stage in hand */
	struct trial_log logs[TRIAL_LOGS_MAX];
	size_t logs_count, logs_settled;
	int64_t logs_more;
	struct trial_error errors[TRIAL_ERRORS_MAX];
	size_t errors_count;
	int64_t errors_more;
	struct buf results; /* lines */
	int64_t results_count;
	bool results_cut;
};

#endif
