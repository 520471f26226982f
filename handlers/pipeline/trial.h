/* SPDX-License-Identifier: MIT */
/* trial.h - a pipeline without a run: one lane, a sample, and what each stage made of it.
 *
 * The stages are the plan's, on an ordinary lane (lane.c): here is only what takes the place of
 * the run around it.  Records go through one by one, so that what a script says is known by its
 * record, and the time is looked at between them.  Then each barrier gives what it has gathered.
 *
 *   trial_run()   ─▶ sample ─▶ lane_push() ─▶ barriers ─▶ results
 *                                  └ trial_saw(): what a stage hands on
 *
 * What waits for something outside (fetch, rate_limit, …) lets records pass.  A record that fails
 * is listed whatever on_error says, and the others go on.
 *
 * Threads    one.  The plan is shared.
 * Ownership  a trial owns what it has seen, and borrows the plan.
 * Errors     0, or -1 and *err: it could not be tried at all.  What happened to records is no
 *            error.
 * Units      _us.
 */
#ifndef HANDLERS_PIPELINE_TRIAL_H
#define HANDLERS_PIPELINE_TRIAL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bundle;
struct files;
struct json;
struct json_out;
struct picks;
struct plan;
struct sample;
struct stage;
struct stage_lane;
struct trial;

struct trial_options {
	const struct sample *sample;
	const struct json *params; /* what scripts see as ctx.params; NULL: {} */
	const struct files *files; /* for tables; NULL: there are none */
	unsigned shown;		   /* records after each stage */
	int64_t records_max;	   /* of the sample; 0: all */
	int64_t until_us;	   /* it ends by then; 0: after TRIAL_US_MAX */
};

int trial_run(const struct plan *plan, const struct trial_options *options,
	      struct trial **ret_trial, struct err *err);
void trial_free(struct trial *trial); /* NULL is fine */

/* Members that tell all of it. */
void trial_out(const struct trial *trial, struct json_out *out);

/* What came out, as lines; borrowed.  *ret_whole false: there was more, or it was broken off. */
const struct buf *trial_results(const struct trial *trial, bool *ret_whole);
/* What would end a job, and in which stage (NULL: none in particular); NULL: nothing would. */
const struct err *trial_end(const struct trial *trial, const char **ret_stage);

/* ---- asked by the lane ---- */

/* A stage has let go of these records: the picks that go on, and those of its arms. */
void trial_saw(struct trial *trial, struct stage_lane *at, const struct bundle *bundle,
	       const struct picks *picks);
void trial_said(struct trial *trial, const char *text, size_t len); /* by a script */
/* Before each call of a script, -1: there is no more time for it; and what it took. */
int trial_goes_on(struct trial *trial, struct err *err);
void trial_worked(struct trial *trial, uint64_t work, size_t emitted);

#endif
