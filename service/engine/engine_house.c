/* SPDX-License-Identifier: MIT */
/* engine_house.c - one thread for what has a time or needs a read of the store.
 *
 * Every ENGINE_TICK_MS while anything runs, at once when kicked, else each second:
 *   each run   its admission lent while it is parked, its start noted, its changes committed,
 * timeout and deadline looked at, waiting lanes woken, parts filled up from the store the window
 * jobs that became pending, and priorities that ran low each minute a sweep of jobs whose keep is
 * over
 */
#include "service/engine/engine_core.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- waking it ---- */

void engine_kick(struct engine *engine)
{
	lock_take(&engine->lock);
	engine->kicked = true;
	cond_signal(&engine->house);
	lock_drop(&engine->lock);
}

void engine_busy(struct engine *engine)
{
	if (atomic_load_explicit(&engine->house_idle, memory_order_relaxed) &&
	    atomic_exchange(&engine->house_idle, false))
		engine_kick(engine);
}

void engine_unposted_add(struct run *run)
{
	struct engine *engine = run->engine;

	lock_take(&engine->lock);
	run->next = engine->unposted;
	engine->unposted = run;
	lock_drop(&engine->lock);
	engine_busy(engine);
}

void engine_fetch_room(struct engine *engine)
{
	engine_kick(engine); /* each run that waits for it is woken */
}

/* ---- runs ---- */

static void run_times_look(struct run *run, bool parked, int64_t now_ms, int64_t passed_ms)
{
	int64_t deadline_ms = run->deadline_ms;
	struct err err;

	if (run->timeout_at_ms && parked)
		run->timeout_at_ms += passed_ms; /* its clock stands */
	if (deadline_ms && clock_wall_ms() >= deadline_ms) {
		err_set(&err, ERR_DEADLINE, "it ran when its deadline passed");
		run_stop(run, RUN_FAILED, &err);
	} else if (run->timeout_at_ms && now_ms >= run->timeout_at_ms) {
		err_set(&err, ERR_JOB_TIMEOUT, "the attempt took longer than %lld ms",
			(long long)run->timeout_ms);
		run_stop(run, RUN_FAILED, &err);
	}
}

static void run_look(struct run *run, int64_t now_ms, int64_t passed_ms)
{
	bool parked;

	if (run_cancelled(run)) {
		engine_run_after_look(run, now_ms);
		return;
	}
	parked = run_parked(run);
	if (sched_park(run->engine->sched, &run->sched, run->admitted, parked))
		pool_wake(run->engine->pool);
	run_times_look(run, parked, now_ms, passed_ms);
	if (now_ms - run->began_ms >= RUN_START_NOTE_MS)
		run_note_start(run);
	run_commit(run, true);
	run_parts_wake(run);
	run_fetch_room(run);
	run_memory_wake(run);
	run_refill(run);
}

static void runs_look(struct engine *engine, int64_t now_ms, int64_t passed_ms)
{
	struct run **runs;
	size_t count = engine_runs(engine, &runs);

	for (size_t i = 0; i < count; i++) {
		run_look(runs[i], now_ms, passed_ms);
		run_unref(runs[i]);
	}
	free(runs);
}

static void unposted_look(struct engine *engine)
{
	struct run *run, *next;

	lock_take(&engine->lock);
	run = engine->unposted;
	engine->unposted = NULL;
	lock_drop(&engine->lock);
	for (; run; run = next) {
		next = run->next;
		if (!run_post(run))
			engine_unposted_add(run);
	}
}

/* ---- the window ---- */

/* The end of a job that cannot be taken up, and its texts. */
struct refusal {
	struct op_finish op;
	char detail[ERR_DETAIL_MAX];
};

static void job_refuse(struct engine *engine, const struct job *job, const struct err *why)
{
	struct refusal *refusal = calloc(1, sizeof(*refusal));
	struct err err;

	if (!refusal)
		return;
	memcpy(refusal->detail, why->detail, sizeof(refusal->detail));
	refusal->op.op.kind = OP_FINISH;
	refusal->op.last.id = job->id;
	refusal->op.last.attempt = (uint16_t)(job->attempt + 1);
	refusal->op.last.started_ms = refusal->op.finished_ms = clock_wall_ms();
	refusal->op.move = JOB_MOVE_FAIL;
	refusal->op.error = why->code;
	refusal->op.error_detail = refusal->detail;
	if (store_put(engine->config.store, &refusal->op.op, &err))
		free(refusal); /* the next start finds it again */
}

/* A stored job as a task, when it may run; NULL else. */
static struct task *job_task(struct engine *engine, struct job *job)
{
	struct task *task = NULL;
	char id[ID_TEXT_LEN + 1];
	struct err err;

	if (job->state == JOB_PENDING &&
	    task_restore(job, engine->config.permits, &task, &err) == 0)
		return task;
	if (job->state == JOB_PENDING) {
		id_format(&job->id, id);
		log_error("a stored job cannot be read", "job", id, "error", err.detail);
		job_refuse(engine, job, &err);
	}
	job_done(job);
	return NULL;
}

/* What the store says of one job now.  An older task of it would be stale. */
static void due_load_one(struct engine *engine, const struct id *id)
{
	struct task *task = NULL;
	struct job job;
	struct err err;

	task_free(sched_ready_remove(engine->sched, id));
	sched_load_begin(engine->sched);
	if (!engine_run_again(engine, id) &&
	    store_job_get(engine->config.store, id, true, &job, &err) == 0)
		task = job_task(engine, &job);
	if (task)
		engine_ready(engine, &task, 1);
	sched_load_end(engine->sched);
}

/* Jobs that became pending one by one. */
static void due_load(struct engine *engine)
{
	struct id *ids = malloc(sizeof(engine->due));
	size_t count = 0;
	bool lost = false;

	if (!ids)
		return;
	lock_take(&engine->lock);
	count = engine->due_count;
	memcpy(ids, engine->due, count * sizeof(*ids));
	engine->due_count = 0;
	lost = engine->due_lost;
	engine->due_lost = false;
	lock_drop(&engine->lock);
	for (size_t i = 0; i < count; i++)
		due_load_one(engine, &ids[i]);
	for (int p = 0; lost && p < PRIORITIES; p++)
		sched_refill_done(engine->sched, (enum job_priority)p, true);
	free(ids);
}

static bool here_already(void *ctx, const struct id *id)
{
	struct engine *engine = ctx;
	struct run *run;

	if (sched_ready_has(engine->sched, id))
		return true;
	run = engine_run_find(engine, id);
	if (run)
		run_unref(run);
	return run != NULL;
}

static void window_load(struct engine *engine, enum job_priority priority)
{
	struct job *jobs = calloc(ENGINE_LOAD_ROWS, sizeof(*jobs));
	struct task *task;
	size_t count = 0;
	bool more = true; /* what could not be read is still there */
	struct err err;

	if (jobs && store_ready_load(engine->config.store, priority, ENGINE_LOAD_ROWS, here_already,
				     engine, jobs, &count, &err) == 0)
		more = count == ENGINE_LOAD_ROWS;
	else
		count = 0;
	for (size_t i = 0; i < count; i++) {
		task = job_task(engine, &jobs[i]);
		if (task)
			engine_ready(engine, &task, 1);
	}
	sched_refill_done(engine->sched, priority, more);
	free(jobs);
}

void engine_window_look(struct engine *engine)
{
	enum job_priority priority;

	/* Odd before the store is read: engine_run_add() and engine_run_drop() guard it. */
	atomic_fetch_add(&engine->loads, 1);
	due_load(engine);
	for (int p = 0; p < PRIORITIES && sched_refill_wanted(engine->sched, &priority); p++)
		window_load(engine, priority);
	atomic_fetch_add(&engine->loads, 1);
}

/* ---- the thread ---- */

static void sweep(struct engine *engine)
{
	struct op_sweep *op = calloc(1, sizeof(*op));
	struct err err;

	if (!op)
		return;
	op->op = (struct store_op){.kind = OP_SWEEP, .lazy = true};
	op->now_ms = clock_wall_ms();
	op->limit = ENGINE_SWEEP_JOBS;
	if (store_put(engine->config.store, &op->op, &err))
		free(op); /* the next minute, then */
}

/* Until the next look; false: the engine stops. */
static bool house_wait(struct engine *engine, unsigned *quiet_ticks)
{
	int64_t until_ms = clock_ms();
	bool goes_on;

	lock_take(&engine->lock);
	*quiet_ticks = engine->active == 0 && !engine->unposted ? *quiet_ticks + 1 : 0;
	atomic_store(&engine->house_idle, *quiet_ticks >= ENGINE_QUIET_TICKS);
	until_ms += *quiet_ticks >= ENGINE_QUIET_TICKS ? ENGINE_IDLE_MS : ENGINE_TICK_MS;
	while (!engine->kicked && !engine->stopping &&
	       cond_wait_until(&engine->house, &engine->lock, until_ms))
		continue;
	if (engine->kicked)
		*quiet_ticks = 0;
	engine->kicked = false;
	atomic_store(&engine->house_idle, false);
	goes_on = !engine->stopping;
	lock_drop(&engine->lock);
	return goes_on;
}

void engine_house(struct engine *engine)
{
	int64_t swept_ms = clock_ms(), last_ms = swept_ms;
	unsigned quiet_ticks = 0;

	do {
		int64_t now_ms = clock_ms();

		runs_look(engine, now_ms, now_ms - last_ms);
		unposted_look(engine);
		if (!atomic_load(&engine->draining))
			engine_window_look(engine);
		if (now_ms - swept_ms >= ENGINE_SWEEP_MS) {
			sweep(engine);
			swept_ms = now_ms;
		}
		last_ms = now_ms;
	} while (house_wait(engine, &quiet_ticks));
}
