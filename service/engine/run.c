/* SPDX-License-Identifier: MIT */
/* run.c - one attempt: its start, phases and steps, and how it ends.
 *
 * Happy path of a tiny job, on one worker and without another thread before its
 * commit: run_start → open → phase 0 of one lane → its step, here and now, says
 * DONE → phase 1 of no lanes → run_leave → run_close → OP_FINISH.
 *
 * What may go wrong
 *   open, phase or step fail   run_stop(RUN_FAILED); the lanes leave their steps
 *   timeout, deadline          housekeeping: run_stop(RUN_FAILED)
 *   cancel, pause, drain       engine: run_stop(); after the commit of the move
 *   the store refuses changes  the job is no longer ours: run_stop(RUN_CANCELLED)
 *   the store takes nothing    the end is offered again by housekeeping
 */
#include "service/engine/run.h"

#include "base/json.h"
#include "base/record/walk.h"
#include "service/engine/engine_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void run_advance(struct run *run, unsigned phase);
static void run_fail(struct run *run, const struct err *err);
static enum step lane_step(struct run *run, unsigned lane);
static void run_close(struct run *run);

/* ---- the attempt, for handlers ---- */

const struct plan *run_plan(const struct run *run)
{
	/* Without a plan() the checked spec is the plan (handler.h). */
	return run->handler->plan ? run->task->plan : (const struct plan *)run->task->spec;
}

const struct id *run_job_id(const struct run *run)
{
	return &run->id;
}

int run_context(const struct run *run, struct buf *into)
{
	const struct job *job = &run->task->job;
	struct json_out out = JSON_OUT(into);
	struct value envelope, params;
	char id[ID_TEXT_LEN + 1];

	/* The body was checked at submit; its params never went through cJSON. */
	value_read(job->body, strlen(job->body), &envelope);
	params = walk_member(&envelope, "params");
	id_format(&run->id, id);
	json_out_object(&out, NULL);
	json_out_text(&out, "job", id);
	json_out_text(&out, "request_id", job->request_id);
	if (params.kind == VALUE_OBJECT)
		json_out_raw(&out, "params", params.at, params.len);
	else
		json_out_raw(&out, "params", "{}", 2);
	json_out_end(&out, '}');
	return buf_ok(into) ? 0 : -1;
}

unsigned run_attempt(const struct run *run)
{
	return run->attempt;
}

unsigned run_lanes_for_cpu(const struct run *run)
{
	return run->engine->cpus;
}

bool run_cancelled(const struct run *run)
{
	return atomic_load_explicit(&run->end, memory_order_relaxed) != RUN_GOES_ON;
}

void run_block_begin(struct run *run)
{
	pool_block_begin(run->engine->pool);
}

void run_block_end(struct run *run)
{
	pool_block_end(run->engine->pool);
}

/* ---- start ---- */

/* Fills what differs from run to run; the rest is as run_clear() left it. */
void run_fill(struct run *run, struct task *task) NO_LOCK_ANALYSIS
{
	const struct job *job = &task->job;

	run->task = task;
	run->handler = task->handler;
	run->id = job->id;
	run->attempt = (uint16_t)(job->attempt + 1);
	run->admitted = job->priority;
	atomic_store(&run->priority, job->priority);
	run->fresh = job->attempt == 0 && job->started_ms == 0 && job->crashes == 0;
	run->started_ms = clock_wall_ms();
	run->began_ms = clock_ms();
	run->deadline_ms = job->deadline_ms;
	run->timeout_ms = task->timeout_ms;
	run->timeout_at_ms = task->timeout_ms ? run->began_ms + task->timeout_ms : 0;
	run->items = job->items;
	run->items_failed = job->items_failed;
	run->result_bytes = job->result_bytes;
	run->done = job->done;
	run->total = job->total;
	run->progress_ms = run->began_ms;
	run->commit_at_ms = run->began_ms + RUN_COMMIT_MS;
}

void run_start(struct engine *engine, struct task *task, const struct in_hand *before)
{
	enum job_priority admitted = task->job.priority;
	struct run *run = engine_run_add(engine, task, before);

	if (!run) {
		if (sched_leave(engine->sched, NULL, admitted))
			pool_wake(engine->pool);
		return;
	}
	engine_busy(engine);
	if (!store_suspects(engine->config.store, &task->job) || !run_note_start_first(run))
		run_begin(run);
}

void run_begin(struct run *run)
{
	struct err err;

	run->begun = true;
	if (run_cancelled(run)) {
		run_leave(run);
		return;
	}
	if (run->deadline_ms && run->started_ms >= run->deadline_ms) {
		err_set(&err, ERR_DEADLINE, "it was not started before its deadline");
		run_fail(run, &err);
	} else if (!run->fresh && run_left_load(run, &err)) {
		run_fail(run, &err);
	} else if (run->handler->open &&
		   run->handler->open(run, run_plan(run), &run->state, &err)) {
		run_fail(run, &err);
	} else {
		lock_take(&run->lock);
		run->opened = true;
		lock_drop(&run->lock);
	}
	arena_done(&run->left_arena);
	run->left_checkpoints_count = 0;
	run_advance(run, 0);
}

/* ---- phases and steps ---- */

/* Asks for the next phase; false: the run is over. */
static bool phase_begin(struct run *run, unsigned phase, unsigned *ret_lanes)
{
	struct err err;

	*ret_lanes = phase == 0 ? 1 : 0;
	if (run_cancelled(run))
		return false;
	if (run->handler->phase && run->handler->phase(run, run->state, phase, ret_lanes, &err)) {
		run_fail(run, &err);
		return false;
	}
	assert(*ret_lanes <= LANES_MAX);
	run->phase = phase;
	if (*ret_lanes == 0)
		run_stop(run, RUN_COMPLETED, NULL);
	return *ret_lanes > 0 && !run_cancelled(run);
}

/* This worker alone has the run.  Begins phases until one has lanes that go on. */
static void run_advance(struct run *run, unsigned phase)
{
	struct engine *engine = run->engine;
	unsigned lanes;

	for (; phase_begin(run, phase, &lanes); phase++) {
		/* The only lane's first step needs no scheduler.  If it waits, it is stepped
		 * once more for a wake that may have come meanwhile. */
		if (lanes == 1 && lane_step(run, 0) == STEP_DONE)
			continue;
		if (!sched_phase(engine->sched, &run->sched,
				 (enum job_priority)atomic_load(&run->priority), lanes, clock_ms()))
			break;
		if (lanes > 1)
			pool_wake(engine->pool);
		return;
	}
	run_leave(run);
}

/* A step that failed has stopped the run and says DONE. */
static enum step lane_step(struct run *run, unsigned lane)
{
	struct err err;
	enum step step = run->handler->step(run, run->state, run->phase, lane, &err);

	if (step == STEP_FAIL) {
		run_fail(run, &err);
		step = STEP_DONE;
	}
	run_commit(run, false);
	return step;
}

void run_step(struct run *run, unsigned lane)
{
	struct engine *engine = run->engine;
	enum step step = lane_step(run, lane);

	/* After GOES_ON the run is others': it may be gone. */
	switch (sched_stepped(engine->sched, &run->sched, lane, step, clock_ms())) {
	case SCHED_GOES_ON:
		break;
	case SCHED_PHASE_OVER:
		run_advance(run, run->phase + 1);
		break;
	case SCHED_STOPPED:
		run_leave(run);
		break;
	}
}

/* ---- the end ---- */

static void run_fail(struct run *run, const struct err *err)
{
	run_stop(run, RUN_FAILED, err);
}

void run_stop(struct run *run, enum run_end end, const struct err *err)
{
	bool first;

	/* Under the lock, so that whoever closes the run finds the error whole. */
	lock_take(&run->lock);
	first = atomic_load(&run->end) == RUN_GOES_ON;
	if (first && err)
		run->err = *err;
	/* A cancel also counts for a run that is leaving already. */
	if (first || end == RUN_CANCELLED)
		atomic_store(&run->end, end);
	lock_drop(&run->lock);
	if (first && end != RUN_COMPLETED && sched_stop(run->engine->sched, &run->sched))
		engine_hand_over(run);
}

void run_leave(struct run *run)
{
	if (run_pending_cancel(run))
		run_close(run);
}

/* More items failed than the job allows? */
static bool too_many_failed(const struct run *run, struct err *err) NO_LOCK_ANALYSIS
{
	const struct task *task = run->task;
	int64_t failed = run->items_failed;
	/* Parts that end without an item are good ones too. */
	int64_t all = run->handler->failed_are_items ? MAX(run->items, run->parts_all)
						     : MAX(run->items, run->good) + failed;

	if (failed == 0)
		return false;
	if (task->max_failed >= 0	 ? failed <= task->max_failed
	    : task->max_failed_share < 1 ? (double)failed <= task->max_failed_share * (double)all
					 : failed < all)
		return false;
	err_set(err, ERR_TOO_MANY_FAILED, "%lld of %lld items failed", (long long)failed,
		(long long)all);
	return true;
}

/* Fails or repeats, by what the job allows. */
static void finish_failed(struct run *run, struct op_finish *finish)
{
	const struct job *job = &run->task->job;
	unsigned counted = (unsigned)run->attempt - job->attempts_free;

	finish->move = JOB_MOVE_FAIL;
	finish->error = run->err.code;
	finish->error_detail = run->err.detail;
	if (!err_retryable(run->err.code) || counted >= job->max_attempts)
		return;
	finish->ready_ms =
		finish->finished_ms + backoff_delay_ms(&run->task->retry, counted, &run->rng);
	if (job->deadline_ms && finish->ready_ms >= job->deadline_ms)
		return; /* it would not be started any more */
	finish->move = JOB_MOVE_RETRY;
}

static void finish_fill(struct run *run, enum run_end end)
{
	struct op_finish *finish = &run->finish_op;

	finish->finished_ms = clock_wall_ms();
	finish->ready_ms = 0;
	finish->summary = NULL;
	finish->error = ERR_NONE;
	finish->error_detail = NULL;
	if (end == RUN_COMPLETED && too_many_failed(run, &run->err))
		end = RUN_FAILED;
	if (end == RUN_FAILED) {
		finish_failed(run, finish);
		return;
	}
	finish->move = end == RUN_COMPLETED ? JOB_MOVE_COMPLETE : JOB_MOVE_YIELD;
}

/* Nothing of it can be done again. */
static bool run_is_whole(struct run *run)
{
	bool whole;

	lock_take(&run->lock);
	whole = run->items_failed == 0;
	lock_drop(&run->lock);
	return whole;
}

/* The last worker in the run; nothing is under way. */
static void run_close(struct run *run)
{
	struct engine *engine = run->engine;
	enum run_end end;

	if (run->opened && run->handler->close)
		run->handler->close(run->state);
	end = (enum run_end)atomic_load(&run->end);
	run_parts_drop(run);
	run_memory_done(run);
	if (end == RUN_COMPLETED)
		run_tail_show(run);
	if (end != RUN_CANCELLED)
		finish_fill(run, end);
	/* Whatever may be retried goes on from there: then it goes with the job. */
	run_scratch_drop(run, run->finish_op.move == JOB_MOVE_COMPLETE && end != RUN_CANCELLED &&
				      run_is_whole(run));
	task_free(run->task);
	run->task = NULL;
	if (engine_ending(run)) {
		if (sched_leave(engine->sched, &run->sched, run->admitted))
			pool_wake(engine->pool);
	} else {
		run->stays_admitted = true;
	}
	run_post_last(run);
}

/* ---- memory ---- */

struct run *run_alloc(struct engine *engine)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->engine = engine;
	lock_init(&run->lock, LOCK_RUN);
	rng_seed_system(&run->rng);
	for (int i = 0; i < 2; i++) {
		arena_init(&run->changes[i].arena, 4 * (size_t)RUN_UNSAVED_BYTES_MAX);
		buf_init(&run->changes[i].results, RUN_RESULTS_BYTES_MAX);
	}
	buf_init(&run->summary, JOB_SUMMARY_BYTES_MAX);
	buf_init(&run->details, RUN_DETAILS_BYTES_MAX);
	buf_init(&run->tail.items, RUN_PART_BYTES_MAX);
	run_clear(run);
	return run;
}

/* As new; what is worth keeping (buffers) stays. */
void run_clear(struct run *run) NO_LOCK_ANALYSIS
{
	run->sched = (struct sched_run){0};
	run->task = NULL;
	run->again = false;
	run->after = NULL;
	run->bucket_next = run->next = NULL;
	run->state = NULL;
	run->begun = run->opened = run->start_noted = run->stays_admitted = false;
	run->phase = 0;
	run->timeout_at_ms = 0;
	atomic_store(&run->end, RUN_GOES_ON);
	atomic_store(&run->refs, 1);
	atomic_store(&run->unsaved, 0);
	run->err.code = ERR_NONE;
	arena_init(&run->left_arena, RUN_LEFT_BYTES_MAX);
	run->left_checkpoints = NULL;
	run->left_checkpoints_count = 0;
	run->scratch = NULL;
	run->want_part = run->want_room = run->want_fetch = run->want_memory = 0;
	run->in_flight = 0;
	run->leaving = run->ordered = run->committing = run->commit_unposted = run->hurry = false;
	run->lost = run->unwritten = run->given_up = run->refused = false;
	run->commit_every_ms = 0;
	run->parts = NULL;
	for (int i = 0; i < 2; i++)
		changes_clear(&run->changes[i]);
	run->gathering = 0;
	run->changes[0].number = 1;
	told_drop(&run->tail);
	free(run->counts);
	run->counts = NULL;
	run->counts_count = 0;
	run->commits = 0;
	run->good = 0;
	buf_clear(&run->summary);
	buf_clear(&run->details);
	run->stage = NULL;
	run->progress_told = run->progress_news = false;
	run->parts_all = run->parts_finished = 0;
	memset(run->failed_by, 0, sizeof(run->failed_by));
	run->progress_done = 0;
	run->rate = 0;
	run->log_lines = 0;
	run->memory = 0;
}

void run_destroy(struct run *run) NO_LOCK_ANALYSIS
{
	if (!run)
		return;
	for (int i = 0; i < 2; i++)
		changes_done(&run->changes[i]);
	buf_done(&run->summary);
	buf_done(&run->details);
	told_drop(&run->tail);
	buf_done(&run->tail.items);
	free(run->counts);
	lock_done(&run->lock);
	free(run);
}

void run_unref(struct run *run)
{
	if (atomic_fetch_sub(&run->refs, 1) == 1)
		engine_run_recycle(run);
}
