/* SPDX-License-Identifier: MIT */
/* engine.c - start and end of the engine, its workers, and the table of active runs.
 *
 * A worker's unit of work is one of: leave a run that was stopped while no lane
 * stepped, start a ready job (and, if it is small, finish it), or step a lane.
 *
 * A run is in the table from its start until its end is committed: a load of the
 * window leaves out what is there, since the store may still show it as pending.
 * Between a take from the window and the table a job is in a worker's hand: if a load
 * began meanwhile, what it brought of this job is taken out of the window again; if a
 * move passed by, the job goes back to the store.  Whatever else comes up twice
 * (paused and resumed while its run ends, refused by the store) is looked up there
 * when the run is gone: the store decides.
 */
#include "service/engine/engine_core.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* What a fresh entry of each priority concedes to older ones of the others. */
static const int64_t age_ms[PRIORITIES] = {0, 2000, 10 * 1000, 60 * 1000};

static bool engine_work(void *ctx, unsigned worker);
static void engine_backlog(void *ctx, int64_t *ret_oldest_wait_ms, uint64_t *ret_taken);

/* ---- start and end ---- */

static unsigned cpus_usable(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return MIN((unsigned)CPU_COUNT(&set), (unsigned)LANES_MAX);
}

static int parts_new(struct engine *engine, struct err *err)
{
	struct sched_config sched = {
		.active_max = engine->config.active_max,
		.window_max = SCHED_WINDOW_MAX,
	};

	memcpy(sched.age_ms, age_ms, sizeof(age_ms));
	if (sched_new(&sched, &engine->sched, err))
		return -1;
	return timers_new(&engine->timers, err);
}

int engine_new(const struct engine_config *config, struct engine **ret_engine, struct err *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return err_set(err, ERR_NO_MEMORY, "engine");
	engine->config = *config;
	engine->cpus = cpus_usable();
	lock_init(&engine->lock, LOCK_ENGINE);
	cond_init(&engine->house);
	cond_init(&engine->empty);
	if (parts_new(engine, err)) {
		engine_free(engine);
		return -1;
	}
	*ret_engine = engine;
	return 0;
}

static void *house_main(void *arg)
{
	engine_house(arg);
	return NULL;
}

int engine_start(struct engine *engine, struct err *err)
{
	struct pool_config pool = {
		.workers_min = engine->config.workers_min,
		.workers_max = engine->config.workers_max,
		.work = engine_work,
		.backlog = engine_backlog,
		.ctx = engine,
	};
	int rc;

	/* The store may have jobs of each priority: housekeeping loads them. */
	for (int p = 0; p < PRIORITIES; p++)
		sched_refill_done(engine->sched, (enum job_priority)p, true);
	if (timers_start(engine->timers, err) || pool_new(&pool, &engine->pool, err))
		return -1;
	rc = pthread_create(&engine->house_thread, NULL, house_main, engine);
	if (rc)
		return err_set_errno(err, ERR_IO, rc, "cannot start the housekeeping thread");
	engine->house_started = true;
	return 0;
}

static void house_stop(struct engine *engine)
{
	lock_take(&engine->lock);
	engine->stopping = true;
	cond_signal(&engine->house);
	lock_drop(&engine->lock);
	if (engine->house_started)
		pthread_join(engine->house_thread, NULL);
	engine->house_started = false;
}

static void runs_yield(struct engine *engine)
{
	struct run **runs;
	size_t count = engine_runs(engine, &runs);

	for (size_t i = 0; i < count; i++) {
		run_stop(runs[i], RUN_YIELDED, NULL);
		run_unref(runs[i]);
	}
	free(runs);
}

unsigned engine_drain(struct engine *engine, int64_t for_ms)
{
	int64_t until_ms = clock_ms() + for_ms;
	unsigned left = 1;

	atomic_store(&engine->draining, true);
	while (left > 0 && clock_ms() < until_ms) {
		runs_yield(engine); /* again: one may have begun just before the flag was set */
		lock_take(&engine->lock);
		if (engine->active > 0)
			cond_wait_until(&engine->empty, &engine->lock,
					MIN(until_ms, clock_ms() + ENGINE_DRAIN_MS));
		left = engine->active;
		lock_drop(&engine->lock);
	}
	house_stop(engine);
	/* The last may still be on its way out of store_put().  The pool itself stays: the
	 * fetcher, the timers and the writer may be on their way into pool_wake(). */
	if (left == 0)
		pool_stop(engine->pool);
	return left;
}

void engine_free(struct engine *engine)
{
	struct run *run, *next;

	if (!engine)
		return;
	house_stop(engine);
	pool_stop(engine->pool);
	timers_free(engine->timers);
	pool_free(engine->pool);
	sched_free(engine->sched);
	lock_take(&engine->lock);
	run = engine->free_runs;
	engine->free_runs = NULL;
	lock_drop(&engine->lock);
	for (; run; run = next) {
		next = run->next;
		run_destroy(run);
	}
	cond_done(&engine->empty);
	cond_done(&engine->house);
	lock_done(&engine->lock);
	free(engine);
}

/* ---- workers ---- */

static struct run *closing_take(struct engine *engine)
{
	struct run *run;

	if (!atomic_load(&engine->closing_any))
		return NULL;
	lock_take(&engine->lock);
	run = engine->closing;
	if (run)
		engine->closing = run->next;
	atomic_store(&engine->closing_any, engine->closing != NULL);
	lock_drop(&engine->lock);
	return run;
}

static bool engine_work(void *ctx, unsigned worker)
{
	struct engine *engine = ctx;
	struct run *run = closing_take(engine);
	struct in_hand before;
	struct sched_work work;

	(void)worker;
	if (run) {
		if (run->begun)
			run_leave(run);
		else
			run_begin(run);
		return true;
	}
	before.loads = atomic_load(&engine->loads);
	before.missed = atomic_load(&engine->missed);
	sched_take(engine->sched, clock_ms(), &work);
	if (work.more)
		pool_wake(engine->pool);
	switch (work.kind) {
	case WORK_NONE:
		return false;
	case WORK_START:
		run_start(engine, work.task, &before);
		return true;
	case WORK_STEP:
		run_step(CONTAINER_OF(work.run, struct run, sched), work.lane);
		return true;
	}
	return false;
}

static void engine_backlog(void *ctx, int64_t *ret_oldest_wait_ms, uint64_t *ret_taken)
{
	struct engine *engine = ctx;
	struct sched_view view;

	sched_view(engine->sched, clock_ms(), &view);
	*ret_oldest_wait_ms = view.oldest_wait_ms;
	*ret_taken = view.taken;
}

void engine_hand_over(struct run *run)
{
	struct engine *engine = run->engine;

	lock_take(&engine->lock);
	run->next = engine->closing;
	engine->closing = run;
	atomic_store(&engine->closing_any, true);
	lock_drop(&engine->lock);
	pool_wake(engine->pool);
}

/* ---- the table of active runs ---- */

static struct run **bucket_of(struct engine *engine, const struct id *id) REQUIRES(engine->lock)
{
	return &engine->buckets[id_hash(id) & (ENGINE_BUCKETS - 1)];
}

static struct run *find_locked(struct engine *engine, const struct id *id) REQUIRES(engine->lock)
{
	struct run *run = *bucket_of(engine, id);

	while (run && !id_equal(&run->id, id))
		run = run->bucket_next;
	return run;
}

struct run *engine_run_find(struct engine *engine, const struct id *id)
{
	struct run *run;

	lock_take(&engine->lock);
	run = find_locked(engine, id);
	if (run)
		atomic_fetch_add(&run->refs, 1);
	lock_drop(&engine->lock);
	return run;
}

struct run *engine_run_find_moved(struct engine *engine, const struct id *id)
{
	struct run *run;

	lock_take(&engine->lock);
	run = find_locked(engine, id);
	if (run)
		atomic_fetch_add(&run->refs, 1);
	else
		atomic_fetch_add(&engine->missed, 1);
	lock_drop(&engine->lock);
	return run;
}

bool engine_run_again(struct engine *engine, const struct id *id)
{
	struct run *run;

	lock_take(&engine->lock);
	run = find_locked(engine, id);
	if (run)
		run->again = true;
	lock_drop(&engine->lock);
	return run != NULL;
}

/* From the free ones, or NULL. */
static struct run *free_take_locked(struct engine *engine) REQUIRES(engine->lock)
{
	struct run *run = engine->free_runs;

	if (!run)
		return NULL;
	engine->free_runs = run->next;
	engine->free_runs_count--;
	run->next = NULL;
	return run;
}

enum entrance { ENTERED, ENTER_LATER, ENTER_WHEN_GONE };

/* Puts it in the table, unless the job's last run is still there or a move was missed. */
static enum entrance enter_locked(struct engine *engine, struct run *run, struct task *task,
				  const struct in_hand *before) REQUIRES(engine->lock)
{
	struct run *same = find_locked(engine, &task->job.id);
	struct run **bucket = bucket_of(engine, &task->job.id);

	if (same) {
		same->again = true;
		return ENTER_WHEN_GONE;
	}
	if (atomic_load(&engine->missed) != before->missed)
		return ENTER_LATER;
	run_fill(run, task);
	run->bucket_next = *bucket;
	*bucket = run;
	engine->active++;
	return ENTERED;
}

struct run *engine_run_add(struct engine *engine, struct task *task, const struct in_hand *before)
{
	enum entrance entrance = ENTER_WHEN_GONE;
	struct run *run;
	unsigned loads;

	if (atomic_load(&engine->draining)) {
		task_free(task);
		return NULL;
	}
	lock_take(&engine->lock);
	run = free_take_locked(engine);
	lock_drop(&engine->lock);
	if (!run)
		run = run_alloc(engine);
	if (!run) {
		log_error("no memory for a run: its job waits for a restart");
		task_free(task);
		return NULL;
	}
	lock_take(&engine->lock);
	entrance = enter_locked(engine, run, task, before);
	lock_drop(&engine->lock);
	if (entrance != ENTERED) {
		if (entrance == ENTER_LATER)
			engine_due_add(engine, &task->job.id);
		task_free(task);
		run_unref(run);
		return NULL;
	}
	loads = atomic_load(&engine->loads);
	if (loads != before->loads || loads % 2 == 1)
		task_free(sched_ready_remove(engine->sched, &run->id));
	return run;
}

static void afters_go(struct after *after)
{
	struct after *next;

	for (; after; after = next) {
		next = after->next;
		after->go(after);
	}
}

bool engine_run_after(struct engine *engine, const struct id *id, struct after *after)
{
	struct run *run;
	bool ends;

	lock_take(&engine->lock);
	run = find_locked(engine, id);
	ends = run && run_cancelled(run);
	if (ends) {
		if (!run->after)
			run->after_ms = clock_ms() + ENGINE_AFTER_MS;
		after->next = run->after;
		run->after = after;
	}
	lock_drop(&engine->lock);
	return ends;
}

void engine_run_after_look(struct run *run, int64_t now_ms)
{
	struct engine *engine = run->engine;
	struct after *after = NULL;

	lock_take(&engine->lock);
	if (run->after && now_ms >= run->after_ms) {
		after = run->after;
		run->after = NULL;
	}
	lock_drop(&engine->lock);
	afters_go(after);
}

void engine_run_drop(struct run *run)
{
	struct engine *engine = run->engine;
	struct after *after;
	struct run **at;
	bool again;

	lock_take(&engine->lock);
	for (at = bucket_of(engine, &run->id); *at != run; at = &(*at)->bucket_next)
		assert(*at);
	*at = run->bucket_next;
	engine->active--;
	if (!run->stays_admitted)
		engine->ending--;
	again = run->again || run->refused;
	after = run->after;
	run->after = NULL;
	if (engine->active == 0)
		cond_broadcast(&engine->empty);
	lock_drop(&engine->lock);
	if (run->stays_admitted && sched_leave(engine->sched, &run->sched, run->admitted))
		pool_wake(engine->pool);
	/* A load that read the store before this commit must not bring the job back. */
	if (atomic_load(&engine->loads) % 2 == 1)
		task_free(sched_ready_remove(engine->sched, &run->id));
	if (again)
		engine_due_add(engine, &run->id);
	afters_go(after);
	run_unref(run);
}

void engine_run_recycle(struct run *run)
{
	struct engine *engine = run->engine;
	bool kept;

	run_clear(run);
	lock_take(&engine->lock);
	kept = engine->free_runs_count < ENGINE_FREE_RUNS_MAX;
	if (kept) {
		run->next = engine->free_runs;
		engine->free_runs = run;
		engine->free_runs_count++;
	}
	lock_drop(&engine->lock);
	if (!kept)
		run_destroy(run);
}

size_t engine_runs(struct engine *engine, struct run ***ret_runs)
{
	struct run **runs = NULL;
	size_t count = 0, room;

	*ret_runs = NULL;
	lock_take(&engine->lock);
	room = engine->active;
	lock_drop(&engine->lock);
	if (room == 0)
		return 0;
	room += 16; /* some more may have come meanwhile; the others are for the next time */
	runs = malloc(room * sizeof(struct run *));
	if (!runs)
		return 0;
	lock_take(&engine->lock);
	for (size_t i = 0; i < ENGINE_BUCKETS; i++)
		for (struct run *run = engine->buckets[i]; run && count < room;
		     run = run->bucket_next) {
			atomic_fetch_add(&run->refs, 1);
			runs[count++] = run;
		}
	lock_drop(&engine->lock);
	*ret_runs = runs;
	return count;
}

bool engine_ending(struct run *run)
{
	struct engine *engine = run->engine;
	bool few;

	lock_take(&engine->lock);
	few = engine->ending < ENGINE_ENDING_MAX;
	engine->ending += few;
	lock_drop(&engine->lock);
	return few;
}

void engine_ready(struct engine *engine, struct task **tasks, size_t count)
{
	bool more;

	if (count == 0)
		return;
	more = sched_ready_add_batch(engine->sched, tasks, count, clock_ms());
	for (size_t i = 0; i < count; i++)
		task_free(tasks[i]);
	if (more)
		pool_wake(engine->pool);
}

/* ---- views ---- */

void engine_pool_view(struct engine *engine, struct pool_view *ret)
{
	pool_view(engine->pool, ret);
}

void engine_sched_view(struct engine *engine, struct sched_view *ret)
{
	sched_view(engine->sched, clock_ms(), ret);
}
