/* SPDX-License-Identifier: MIT */
/* pipeline.h - what the files of the room share: the plan of a job and its run.
 *
 *   pipeline.c   the handler: open, phases, steps
 *   plan.c       the spec → stages, graph.c who takes from whom, planner.c what they compile
 *   lane.c       one lane: claims portions, pushes bundles through the stages, emits
 *   give.c       a barrier gives what it has gathered, in a phase of its own
 *   progress.c   what each stage is doing, while it does
 *   trial.c      all of it over a sample, without a run: preview.c, spec_tests.c, trial_out.c
 *   account.c    what each stage took, passed on, filtered, failed: the summary
 *   result_file.c                   results into a named file, at the end
 *   stretch.h bundle.h overlay.c    records on their way
 *   stages.c stage_*.c              the verbs
 *   call.c template.c token_bucket.c   what those that wait are made of: requests, a rate
 *
 * A job has 1 + 2 phases for each barrier: the input is pushed through the stages as far as it
 * goes; then each barrier, in the order in which records reach them, puts together what all lanes
 * have gathered, and gives it, through the stages behind it.  Only the first phase is durable, part
 * by part; after a crash the others are made again from what it left.
 *
 * Threads    the plan is constant.  A lane belongs to one worker at a time.
 */
#ifndef HANDLERS_PIPELINE_PIPELINE_H
#define HANDLERS_PIPELINE_PIPELINE_H

#include "base/clock.h"
#include "handlers/input/input.h"
#include "handlers/pipeline/result_file.h"
#include "handlers/pipeline/stage.h"

#include <stdatomic.h>

struct expr_scratch;
struct sample;
struct script_result;
struct script_vm;
struct trial;

/* ---- the plan ---- */

struct plan {
	struct arena arena;
	struct input_plan *input;
	struct result_file_plan output;
	int64_t chunk_bytes, memory_bytes;
	unsigned workers;      /* lanes that the spec asks for; 0: as many as make sense */
	struct stage **stages; /* in the order of the spec */
	struct stage **turns;  /* in the order in which records reach them */
	unsigned count;
	struct stage_edge *takers; /* who takes from the input */
	unsigned takers_count;
	struct stretch *stretches; /* the first is the input's */
	unsigned stretches_count;
	struct stage **barriers; /* and what has something left at the end: in the order of turns */
	unsigned barriers_count;
	bool one_lane;	    /* some stage before the first barrier wants records in order */
	bool in_order;	    /* results of the first phase come in the order of the input */
	bool has_state;	    /* stages of the first phase keep something beyond a part */
	unsigned places;    /* lanes that all have a worker of each stage that waits; 0: any */
	bool saves_parts;   /* results of a part in hand may be shown: all state is in its lane */
	struct stage *last; /* which gives the results; NULL: the input does */
	const char *root;   /* the pointer of the spec */
	const struct json *tests; /* of the spec; NULL: none */

	struct sample *sample;	   /* of a test: what is tried, … */
	unsigned shown;		   /* … how much of it is shown, … */
	const struct json *params; /* … and what scripts see as ctx.params */
};

/* clang-format off */
#define PIPELINE_STAGES_PARAM \
	{.name = "stages", .kind = PARAM_ARRAY, .members = pipeline_stage, .required = true, \
	 .max = PIPELINE_STAGES_MAX, .summary = "What is done with them, in this order"}
/* clang-format on */

extern const struct param pipeline_params[], pipeline_stage[];
/* The members of a spec but `input`; `root` is the pointer to it. */
int pipeline_plan_stages(const struct json *spec, const char *root, struct planner *planner,
			 struct plan **ret_plan);
int pipeline_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan);
void pipeline_plan_free(struct plan *plan);

/* graph.c: who takes from whom, in which order, in which stretch.  Adds mistakes; false: stages
 * cannot be planned. */
bool graph_plan(struct plan *plan, struct mistakes *mistakes);

/* ---- a run ---- */

/* A record that failed, until the run has taken it. */
struct failed_row {
	const struct stage *stage; /* NULL: the input */
	int64_t offset;		   /* of the row, in the input; -1: it was made by a barrier */
	size_t within;		   /* of the mistake, in the row */
	struct err err;
};

struct pipe_lane {
	struct pipeline *pipeline;
	unsigned number;
	struct stage_lane *stages; /* [plan->count], by turn */
	struct bundle *bundles;	   /* [plan->stretches_count] */
	struct picks picks, results;
	struct expr_scratch *scratch;
	struct script_vm *vm; /* NULL until a stage needs it */

	/* of the portion in hand */
	struct portion *portion;
	struct rows rows;
	int64_t number_in;	  /* records before the bundle in hand: scripts see numbers */
	bool over;		  /* all of it was pushed */
	bool pushing;		  /* the bundle in hand has not left all stages */
	struct stage_lane *waits; /* the stage that it waits at, since … */
	int64_t waits_us;
	int64_t until_us;	  /* the step's end, after which … */
	bool late;		  /* … a script was called; … */
	bool put_off;		  /* … and left rows to the next step */
	uint64_t script_work;	  /* since the clock was looked at */
	bool fed;		  /* lane 0: all portions were found */
	int64_t taken, malformed; /* rows, since the end of the last part */
	int64_t input_us, output_us;

	/* what waits until the run takes it */
	struct buf out;
	int64_t out_count;
	size_t told_bytes; /* of this part, since it was saved */
	struct failed_row *failed;
	size_t failed_count, failed_told, failed_room;
	int64_t skipped;

	/* parts that the next checkpoint covers */
	uint64_t *covered;
	size_t covered_count;
	int64_t saved_us;   /* when the last one was made … */
	size_t saved_bytes; /* … and its size */
};

/* Results and failures; those that are counted only. */
struct given {
	int64_t items, failed, skipped;
};

struct pipeline {
	const struct plan *plan;
	struct run *run;
	struct input *input;
	struct pipe_lane *lanes;
	unsigned lanes_count; /* that step */
	unsigned lanes_kept;  /* that have a state: those of earlier attempts too */
	enum pipeline_doing { DOING_INPUT, DOING_GATHER, DOING_GIVE, DOING_OUTPUT } doing;
	unsigned barrier;	    /* in hand */
	void **gathered;	    /* [barriers]: what the barrier in hand has put together */
	unsigned units;		    /* of the barrier in hand */
	_Atomic unsigned next_unit; /* lanes claim them */
	_Atomic bool satisfied;	    /* no stage wants more: set by any lane, read by all */
	_Atomic unsigned enough; /* as it is: stages before this turn need give no more; likewise */
	/* of the barrier that gives */
	bool given_all;
	bool given_before;	    /* by an earlier attempt: nothing is to be told again */
	struct part *part;	    /* of its results; NULL: little, and shown at the end */
	struct given told, skip;    /* in all; what an earlier attempt has shown of it */
	bool small;		    /* so little input that all of it stays in memory */
	const char *dir;	    /* scratch, for what does not fit the memory; NULL: all will */
	struct result_file *output; /* the file that is written */
	struct buf rest;	    /* results that are shown when the attempt completes, for it */
	struct buf context;	    /* what scripts see as ctx; empty until one is loaded */
	uint64_t seed;		    /* of hashes, the same in all attempts */
	int64_t opened_us;
	struct progress *progress; /* progress.c */
	struct trial *trial; /* watches in place of a run, which is NULL then; NULL: a job's */
	const struct files *files; /* of a trial; NULL: it has none */
};

/* Completions of a stage have its turn above so many bits of their own. */
enum { STAGE_TAG_SHIFT = 40 };
static inline uint64_t stage_tag(const struct stage_lane *at, uint64_t number)
{
	return (uint64_t)at->stage->turn << STAGE_TAG_SHIFT | number;
}
static inline uint64_t stage_tag_number(uint64_t tag)
{
	return tag & ((UINT64_C(1) << STAGE_TAG_SHIFT) - 1);
}

/* lane.c */
int lane_open(struct pipe_lane *lane, struct pipeline *pipeline, unsigned number, struct err *err);
void lane_close(struct pipe_lane *lane);
enum step lane_step(struct pipe_lane *lane, struct err *err);
/* Pushes the picks that the takers of a stretch's source have got through all stages.  RUN_OK:
 * all have left; RUN_LATER: some wait, call again after lane_completions(); RUN_ERROR. */
enum run_answer lane_push(struct pipe_lane *lane, struct bundle *bundle, struct err *err);
void lane_completions(struct pipe_lane *lane);
/* Of the workers of a stage, those of this lane: at least one. */
unsigned lane_workers(const struct stage_lane *at);
/* Behind the stage is a limit that has let its number pass: nobody wants what it holds. */
bool lane_has_enough(const struct stage_lane *at);
/* What stages of the stretch have kept goes: RUN_OK, it has gone (its failures may be to tell). */
enum run_answer lane_flush(struct pipe_lane *lane, const struct stretch *stretch, struct err *err);
int lane_deliver(struct pipe_lane *lane, struct bundle *bundle, const struct stage_edge *to,
		 unsigned count, struct picks *picks, struct err *err);
/* Hands results and failures to the run: RUN_OK, RUN_FULL or RUN_ERROR. */
enum run_answer lane_tell(struct pipe_lane *lane, struct part *part, struct err *err);
static inline bool lane_has_news(const struct pipe_lane *lane)
{
	return lane->out.len > 0 || lane->failed_count > 0 || lane->skipped > 0;
}

/* lane_state.c: what is saved with parts. */
int lane_save(struct pipe_lane *lane, struct buf *blob, struct err *err);
int lane_load(struct pipe_lane *lane, const void *blob, size_t len, struct err *err);
bool state_seed(const void *blob, size_t len, uint64_t *ret_seed);
enum run_answer lane_resume(struct pipe_lane *lane, struct err *err); /* the portion in hand */
int lane_row_text(void *lane, size_t row, struct buf *into);

/* The place of the bundle in hand among all records of the job; rows count on from it. */
uint64_t lane_sequence(const struct pipe_lane *lane);

/* lane_script.c.  *err of a call: the record fails. */
int lane_script_load(struct pipe_lane *lane, const struct script *script, unsigned *ret_slot,
		     struct err *err);
int lane_script_call(struct pipe_lane *lane, unsigned slot, struct bundle *bundle, uint32_t row,
		     const struct value *extra, struct script_result *ret_result, struct err *err);
/* The record is what a script has made of it. */
int record_become(struct bundle *bundle, uint32_t row, const struct value *value, struct err *err);

/* fail.c */
int lane_malformed(struct pipe_lane *lane, struct err *err); /* rows with a mistake */
int lane_result_failed(struct pipe_lane *lane, struct bundle *bundle, uint32_t row,
		       const struct err *why, struct err *err);
enum run_answer lane_failed_tell(struct pipe_lane *lane, struct part *part);

/* give.c: barrier i in a phase of its own. */
int barrier_gather(struct pipeline *pipeline, unsigned barrier, unsigned *ret_lanes,
		   struct err *err);
enum step barrier_unit_step(struct pipeline *pipeline, unsigned barrier, struct err *err);
bool give_is_part(const struct part *part);
int barrier_give(struct pipe_lane *lane, const struct stage *stage, struct err *err); /* 1: more */
enum step barrier_give_step(struct pipeline *pipeline, unsigned barrier, struct err *err);

/* pipeline.c */
void pipeline_free(struct pipeline *pipeline);

/* progress.c */
int progress_open(struct pipeline *pipeline, struct err *err);
void progress_close(struct pipeline *pipeline);
void progress_add(struct pipe_lane *lane);     /* at the end of a step, and of a part */
void progress_tell(struct pipeline *pipeline); /* if it is time */

/* account.c */
int64_t account_shown(const struct pipeline *pipeline, unsigned turn, enum stage_count count);
void account_part(struct pipe_lane *lane, struct part *part);
int account_summary(struct pipeline *pipeline, struct err *err);

#endif
