/* SPDX-License-Identifier: MIT */
/* stage.h - what a stage of a pipeline is: one verb, one file, one line in stages.c.
 *
 * A verb plans its stage once, opens its state on each lane, and runs over bundles: `picks`
 * says which rows come, and afterwards which of them go on.  What a stage does not pass on it
 * has filtered, or has told as failed (stage_failed()).
 *
 *   plan ─ once: compiles, and says what it reads and writes (planner.h)
 *   open ─▶ run, run, … ─▶ close           on each lane
 *
 * A barrier keeps what comes and gives it later, as records of its own:
 *
 *   run, run, … on all lanes ─▶ gather (how many units) ─▶ unit(0), unit(1), … on all lanes
 *                                        ─▶ give, give, … on one
 *
 * A stage that waits for something outside keeps rows of the bundle back (at->held) and is run
 * again when a completion came for it, until it has let all go; the lane takes no other bundle
 * before.  That bounds its queue, and is how it slows down the input.
 *
 *   run ─▶ held > 0 ─▶ completion ─▶ run ─▶ … held = 0      flush: at the end of each part
 *
 * Threads    plan: one.  A stage is constant afterwards.  open, run, save, load, close: the
 *            lane's.  gather and give: while nothing else of the stage runs.
 * Ownership  what plan made is freed by plan_free; state by close.
 * Errors     0, or -1 and *err: the attempt fails.
 */
#ifndef HANDLERS_PIPELINE_STAGE_H
#define HANDLERS_PIPELINE_STAGE_H

#include "handlers/handler.h"
#include "handlers/pipeline/bundle.h"
#include "handlers/run.h"

struct pipe_lane;
struct pipeline;
struct script;
struct stage;
struct stage_lane;
struct stage_planner;

enum stage_flags {
	STAGE_BARRIER = 1, /* gives nothing before all has come */
	STAGE_IN_ORDER =
		2,	  /* depends on the order of records: one lane, in the order of the input */
	STAGE_STATE = 4,  /* what it has seen has to be saved with the parts */
	STAGE_ROUTES = 8, /* its arms say where records go, nothing takes from it otherwise */
	STAGE_COPIES = 16,	/* the stages that it names get its records too */
	STAGE_ENDS = 32,	/* gives no records */
	STAGE_NO_REPLACE = 128, /* what a script puts in place of a record could not go on */
	STAGE_MAKES = 64,	/* counts itself what went out and what was filtered */
};

struct stage_kind {
	const char *verb;
	unsigned flags;

	/* Mistakes go to the list. */
	void (*plan)(struct stage *stage, const struct json *value, struct stage_planner *planner);
	void (*plan_free)(struct stage *stage);

	int (*open)(struct stage_lane *at, struct err *err);
	void (*close)(struct stage_lane *at); /* of what open made, if it did */
	int (*run)(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		   struct err *err);

	/* With STAGE_STATE.  save adds to the blob. */
	int (*save)(struct stage_lane *at, struct buf *blob, struct err *err);
	int (*load)(struct stage_lane *at, const void *blob, size_t len, struct err *err);
	int64_t (*unsaved)(const struct stage_lane *at); /* bytes for the disk; NULL: none */

	/* Of one that waits. */
	unsigned workers; /* under way at once, by default; 0: a stage says nothing of them */
	void (*completion)(struct stage_lane *at, const struct completion *completion);
	/* What was kept beyond bundles goes: RUN_OK, it has gone. */
	enum run_answer (*flush)(struct stage_lane *at, struct err *err);

	/* Of a barrier, and of what has something left at the end. */
	int (*gather)(struct pipeline *pipeline, const struct stage *stage, unsigned *ret_units,
		      struct err *err);
	int (*unit)(struct pipeline *pipeline, const struct stage *stage, unsigned unit,
		    struct err *err);
	/* 1: one record was added to `into`, 0: there are no more. */
	int (*give)(struct pipeline *pipeline, const struct stage *stage, struct buf *into,
		    struct err *err);
	void (*summary)(struct pipeline *pipeline, const struct stage *stage,
			struct json_out *out); /* members; optional */
	void (*gathered_free)(void *gathered);
};

/* stages.c: all verbs, ended by NULL. */
extern const struct stage_kind *const stage_kinds[];
extern const struct param stage_params[]; /* the members of a stage */

/* ---- a stage of a plan ---- */

enum on_error { ON_ERROR_FAIL, ON_ERROR_SKIP, ON_ERROR_DEAD_LETTER, ON_ERROR_REPLACE };

struct stage_edge {
	struct stage *to;
	unsigned arm; /* of a branch: which of its arms leads there */
};

struct stage {
	const struct stage_kind *kind;
	const struct json *json;
	const char *name;    /* its own, or "stages[2]" */
	const char *pointer; /* "/spec/stages/2" */
	bool named, well_formed;
	unsigned number;	       /* in the spec */
	unsigned turn;		       /* in the order in which records reach them */
	struct stretch *takes, *gives; /* the stretch of what comes in, of what goes out */
	struct stage_edge *to;
	unsigned to_count, from_count;
	bool only_way;	    /* all records of the input come this way, or nowhere */
	bool streams;	    /* behind it records meet no others: some may go on before the rest */
	unsigned workers;   /* of one that waits */
	bool gives_results; /* nobody takes what it gives: that is the result */
	enum on_error on_error;
	struct script *replace;
	bool renew;	/* records have to be renewed before it runs */
	uint64_t dirty; /* what may have been written of the records that it gives */
	void *plan;	/* the kind's */
};

/* ---- a stage on a lane ---- */

enum stage_count { COUNT_IN, COUNT_OUT, COUNT_FAILED, COUNT_FILTERED, COUNT_MADE, STAGE_COUNTS };

struct stage_lane {
	const struct stage *stage;
	struct pipe_lane *lane;
	void *state;
	unsigned slot, replace_slot; /* of its script, of that of on_error */
	struct picks in;
	size_t held;		      /* rows of the bundle in hand that have not gone on */
	struct picks put_off;	      /* of these, what a slow script leaves to the next step */
	struct picks *arms;	      /* of a branch: [to_count], what each arm takes */
	int64_t counts[STAGE_COUNTS]; /* since the end of the last part … */
	int64_t shown[STAGE_COUNTS];  /* … and of them, what progress has */
	int64_t busy_us, busy_shown_us;
};

/* Runs `row` on each pick; those that it takes out, and those that fail, go no further. */
int stage_each(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
	       int (*row_run)(struct stage_lane *at, struct bundle *bundle, uint32_t row,
			      bool *ret_stays, struct err *err),
	       struct err *err);

/* For one with a script: rows that were put off come first.  When the step is over, those behind
 * `from` are put off to the next: a record may take a second, a bundle has hundreds. */
int stage_resume(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		 struct err *err);
int stage_put_off(struct stage_lane *at, const struct picks *picks, size_t from, struct err *err);

/* Tells that a row fails in this stage: it is to be left out of what goes on, unless *ret_row
 * stands in for it.  -1 and *err: the attempt fails. */
int stage_failed(struct stage_lane *at, struct bundle *bundle, uint32_t row, const struct err *why,
		 bool *ret_stays, struct err *err);
/* The same for records that are no rows any more: they are listed as one. */
int stage_failed_many(struct stage_lane *at, int64_t count, const struct err *why, struct err *err);

#endif
