/* SPDX-License-Identifier: MIT */
/* pool.c - workers that sleep last in, first out, and a monitor that counts them.
 *
 * A worker: work() until it says that there is nothing ▶ idle list ▶ pool_wake().
 * The idle list is a stack: who slept shortest is woken first, its caches are
 * warm, and those at the bottom are surplus and leave.
 *
 * No wake-up is lost between work()'s last look and the sleep: pool_wake() first
 * adds to `wakes`, then reads `idle_count`; a worker reads `wakes`, looks for work,
 * adds itself to `idle_count`, then reads `wakes` again and looks once more if it
 * moved.  Both are sequentially consistent, so of a racing pair at least one sees
 * the other: the waker an idle worker, or the worker a new wake.
 *
 * The monitor starts threads, tells surplus ones to leave, joins those that left.
 * A worker that leaves by itself would have to destroy its own handle.
 */
#include "service/engine/pool.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/log.h"
#include "service/engine/machine.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TICK_MS = 100,
	POKE_MS = 10, /* soonest after the last sample that a poke is answered */
};

enum worker_state {
	WORKER_NONE,
	WORKER_ALIVE,
	WORKER_LEFT, /* to be joined */
};

struct worker {
	struct pool *pool;
	unsigned number;
	pthread_t thread;

	/* Written by the monitor, LEFT by the worker as its last deed; read by the
	 * monitor, which joins what has left. */
	_Atomic enum worker_state state;
	/* Written by the worker, read by the monitor, which only compares: relaxed. */
	atomic_uint_fast64_t sleeps; /* begun and ended: odd while asleep */
	atomic_int tid;		     /* 0: not running yet */
	atomic_uint blocks;	     /* depth of pool_block_begin() */

	/* Under the pool's lock. */
	struct cond wake;
	bool idle;		      /* in the stack */
	bool woken;		      /* taken from it by pool_wake() */
	struct worker *above, *below; /* in the stack */

	/* The monitor's: as of the last tick. */
	uint64_t last_sleeps;
	int64_t last_on_us;
};

struct pool {
	struct pool_config config;
	pthread_t monitor;
	bool monitored;
	struct worker *workers; /* workers_max of them */

	atomic_uint_fast64_t wakes; /* pool_wake() calls; see the top */
	atomic_uint idle_count;	    /* length of the stack: written under the lock, read without */
	atomic_uint blocked;	    /* by workers, for anybody; a count only: relaxed */
	atomic_uint surplus;	    /* busy workers that should leave: set by the monitor, taken by
				       workers between units; a count only: relaxed */
	atomic_bool poked;	    /* set by anybody, cleared by the monitor; the lock orders it */
	atomic_bool stopping;	    /* set once under the lock; workers also read it without */

	struct lock lock;
	struct cond news; /* for the monitor: poked, stopping, or no longer all idle */
	struct worker *idle_top GUARDED_BY(lock), *idle_bottom GUARDED_BY(lock);
	unsigned alive GUARDED_BY(lock);
	unsigned target GUARDED_BY(lock);
	bool monitor_sleeps GUARDED_BY(lock);
	struct pool_sample last GUARDED_BY(lock);
	struct pool_decision decisions[16] GUARDED_BY(lock); /* a ring */
	uint64_t decisions_made GUARDED_BY(lock);

	/* The monitor's. */
	struct machine machine;
	struct pool_size size;
	int64_t last_ms, last_tick_ms; /* of any sample; of one with new shares */
	double cpu_share, memory_share;
	unsigned stuck;
	bool start_failed; /* said so already */
};

static _Thread_local struct worker *self;

static void *worker_main(void *arg);
static void *monitor_main(void *arg);
static bool worker_start(struct pool *pool);
static void idle_push(struct pool *pool, struct worker *worker) REQUIRES(pool->lock);
static void idle_remove(struct pool *pool, struct worker *worker) REQUIRES(pool->lock);
static void monitor_rouse(struct pool *pool) REQUIRES(pool->lock);

int pool_new(const struct pool_config *config, struct pool **ret_pool, struct err *err)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	assert(config->workers_min >= 1 && config->workers_min <= config->workers_max);
	assert(config->workers_max <= POOL_WORKERS_MAX);
	if (pool)
		pool->workers = calloc(config->workers_max, sizeof(*pool->workers));
	if (!pool || !pool->workers) {
		free(pool);
		return err_set(err, ERR_NO_MEMORY, "pool of %u workers", config->workers_max);
	}
	pool->config = *config;
	lock_init(&pool->lock, LOCK_POOL);
	cond_init(&pool->news);
	for (unsigned i = 0; i < config->workers_max; i++) {
		pool->workers[i].pool = pool;
		pool->workers[i].number = i;
		cond_init(&pool->workers[i].wake);
	}
	machine_init(&pool->machine);
	pool->size = (struct pool_size){.cpus = machine_cpus(&pool->machine),
					.workers_min = config->workers_min,
					.workers_max = config->workers_max};
	*ret_pool = pool; /* before there are workers: they may call pool_wake() */
	for (unsigned i = 0; i < config->workers_min; i++)
		if (!worker_start(pool))
			goto fail;
	pool->monitored = pthread_create(&pool->monitor, NULL, monitor_main, pool) == 0;
	if (!pool->monitored)
		goto fail;
	return 0;
fail:
	pool_free(pool);
	*ret_pool = NULL;
	return err_set(err, ERR_IO, "cannot start %u worker threads", config->workers_min);
}

void pool_stop(struct pool *pool)
{
	if (!pool)
		return;
	lock_take(&pool->lock);
	atomic_store(&pool->stopping, true);
	cond_signal(&pool->news);
	for (struct worker *worker = pool->idle_top; worker; worker = worker->below)
		cond_signal(&worker->wake);
	lock_drop(&pool->lock);

	if (pool->monitored)
		pthread_join(pool->monitor, NULL); /* first: it starts and joins workers too */
	pool->monitored = false;
	for (unsigned i = 0; i < pool->config.workers_max; i++) {
		if (pool->workers[i].state != WORKER_NONE)
			pthread_join(pool->workers[i].thread, NULL);
		pool->workers[i].state = WORKER_NONE;
	}
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pool_stop(pool);
	for (unsigned i = 0; i < pool->config.workers_max; i++)
		cond_done(&pool->workers[i].wake);
	cond_done(&pool->news);
	lock_done(&pool->lock);
	free(pool->workers);
	free(pool);
}

static void monitor_poke(struct pool *pool)
{
	if (atomic_load_explicit(&pool->poked, memory_order_relaxed))
		return;
	lock_take(&pool->lock);
	atomic_store(&pool->poked, true);
	cond_signal(&pool->news);
	lock_drop(&pool->lock);
}

void pool_wake(struct pool *pool)
{
	struct worker *worker;

	atomic_fetch_add(&pool->wakes, 1);
	if (atomic_load(&pool->idle_count) == 0) {
		/* Only with blocked workers can help come sooner than the next tick. */
		if (atomic_load_explicit(&pool->blocked, memory_order_relaxed) > 0)
			monitor_poke(pool);
		return;
	}
	lock_take(&pool->lock);
	worker = pool->idle_top;
	if (worker) {
		idle_remove(pool, worker);
		worker->woken = true;
	}
	monitor_rouse(pool);
	lock_drop(&pool->lock);
	if (worker)
		cond_signal(&worker->wake); /* free of the lock, so that it need not wait for it */
}

void pool_block_begin(struct pool *pool)
{
	if (!self || self->pool != pool)
		return;
	if (atomic_fetch_add_explicit(&self->blocks, 1, memory_order_relaxed) > 0)
		return;
	atomic_fetch_add_explicit(&pool->blocked, 1, memory_order_relaxed);
	if (atomic_load(&pool->idle_count) == 0)
		monitor_poke(pool);
}

void pool_block_end(struct pool *pool)
{
	if (!self || self->pool != pool)
		return;
	if (atomic_fetch_sub_explicit(&self->blocks, 1, memory_order_relaxed) == 1)
		atomic_fetch_sub_explicit(&pool->blocked, 1, memory_order_relaxed);
}

void pool_view(struct pool *pool, struct pool_view *ret)
{
	*ret = (struct pool_view){0};
	lock_take(&pool->lock);
	ret->workers = pool->alive;
	ret->idle = atomic_load(&pool->idle_count);
	ret->blocked = atomic_load_explicit(&pool->blocked, memory_order_relaxed);
	ret->stuck = pool->last.stuck;
	ret->target = pool->target;
	ret->last = pool->last;
	ret->decisions_count = MIN(pool->decisions_made, ARRAY_LEN(pool->decisions));
	for (size_t i = 0; i < ret->decisions_count; i++)
		ret->decisions[i] = pool->decisions[(pool->decisions_made - 1 - i) %
						    ARRAY_LEN(pool->decisions)];
	lock_drop(&pool->lock);
}

/* ---- a worker ---- */

/* Between units: is it one of those that should go? */
static bool surplus_take(struct pool *pool)
{
	unsigned surplus = atomic_load_explicit(&pool->surplus, memory_order_relaxed);

	while (surplus > 0)
		if (atomic_compare_exchange_weak_explicit(&pool->surplus, &surplus, surplus - 1,
							  memory_order_relaxed,
							  memory_order_relaxed))
			return true;
	return false;
}

/* Sleeps until there may be work; false: it should leave.  `seen`: `wakes` before
 * work() looked for the last time. */
static bool idle_wait(struct pool *pool, struct worker *worker, uint64_t seen)
{
	bool stays;

	lock_take(&pool->lock);
	worker->woken = false;
	idle_push(pool, worker);
	while (worker->idle && atomic_load(&pool->wakes) == seen && !atomic_load(&pool->stopping))
		cond_wait(&worker->wake, &pool->lock);
	/* Taken from the stack but not woken: surplus.  A wake that came meanwhile may
	 * have counted on this one, so it looks once more. */
	stays = worker->idle || worker->woken || atomic_load(&pool->wakes) != seen;
	if (worker->idle)
		idle_remove(pool, worker);
	lock_drop(&pool->lock);
	return stays;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct pool *pool = worker->pool;
	bool stays = true;

	self = worker;
	atomic_store_explicit(&worker->tid, gettid(), memory_order_relaxed);
	pthread_setname_np(pthread_self(), "worker");
	while (stays && !atomic_load_explicit(&pool->stopping, memory_order_relaxed)) {
		uint64_t seen = atomic_load(&pool->wakes);

		if (pool->config.work(pool->config.ctx, worker->number)) {
			assert(atomic_load_explicit(&worker->blocks, memory_order_relaxed) == 0);
			stays = !surplus_take(pool);
			continue;
		}
		atomic_fetch_add_explicit(&worker->sleeps, 1, memory_order_relaxed);
		stays = idle_wait(pool, worker, seen);
		atomic_fetch_add_explicit(&worker->sleeps, 1, memory_order_relaxed);
	}
	lock_take(&pool->lock);
	pool->alive--;
	monitor_rouse(pool);
	lock_drop(&pool->lock);
	atomic_store(&worker->state, WORKER_LEFT);
	return NULL;
}

static void idle_push(struct pool *pool, struct worker *worker)
{
	worker->idle = true;
	worker->above = NULL;
	worker->below = pool->idle_top;
	if (pool->idle_top)
		pool->idle_top->above = worker;
	else
		pool->idle_bottom = worker;
	pool->idle_top = worker;
	atomic_fetch_add(&pool->idle_count, 1);
}

static void idle_remove(struct pool *pool, struct worker *worker)
{
	worker->idle = false;
	if (worker->above)
		worker->above->below = worker->below;
	else
		pool->idle_top = worker->below;
	if (worker->below)
		worker->below->above = worker->above;
	else
		pool->idle_bottom = worker->above;
	atomic_fetch_sub(&pool->idle_count, 1);
}

/* ---- the monitor ---- */

static void monitor_rouse(struct pool *pool)
{
	if (pool->monitor_sleeps) {
		pool->monitor_sleeps = false;
		cond_signal(&pool->news);
	}
}

/* Into a free slot; false when the system has no thread for us. */
static bool worker_start(struct pool *pool)
{
	struct worker *worker = pool->workers;
	pthread_attr_t attr;
	int rc;

	while (atomic_load(&worker->state) != WORKER_NONE)
		if (++worker == pool->workers + pool->config.workers_max)
			return false; /* one that left is not joined yet */
	lock_take(&pool->lock);
	pool->alive++;
	lock_drop(&pool->lock);
	atomic_store(&worker->state, WORKER_ALIVE);
	atomic_store(&worker->tid, 0);

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, POOL_STACK_BYTES);
	rc = pthread_create(&worker->thread, &attr, worker_main, worker);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		return true;
	atomic_store(&worker->state, WORKER_NONE);
	lock_take(&pool->lock);
	pool->alive--;
	lock_drop(&pool->lock);
	return false;
}

static void workers_join(struct pool *pool)
{
	for (unsigned i = 0; i < pool->config.workers_max; i++) {
		struct worker *worker = &pool->workers[i];

		if (atomic_load(&worker->state) != WORKER_LEFT)
			continue;
		pthread_join(worker->thread, NULL);
		atomic_store(&worker->state, WORKER_NONE);
	}
}

/* Is this one off the CPU without having said so?  Notes where it is now. */
static bool worker_stuck(struct worker *worker, int64_t for_ms)
{
	uint64_t sleeps = atomic_load_explicit(&worker->sleeps, memory_order_relaxed);
	pid_t tid = atomic_load_explicit(&worker->tid, memory_order_relaxed);
	bool asleep = sleeps % 2 == 1 || tid == 0;
	bool says_so = atomic_load_explicit(&worker->blocks, memory_order_relaxed) > 0;
	/* Without an earlier reading (it is new, or was asleep) there is nothing to compare. */
	bool busy = !asleep && sleeps == worker->last_sleeps && worker->last_on_us != 0;
	struct pool_watch watch = {.for_ms = for_ms, .busy = busy};
	int64_t on_us = 0;

	if (!asleep && !says_so)
		machine_thread(tid, &on_us, &watch.ready);
	watch.on_ms = (on_us - worker->last_on_us) / 1000;
	worker->last_sleeps = sleeps;
	worker->last_on_us = on_us;
	return !says_so && pool_stuck(&watch);
}

/* What is dear to find out: once a tick. */
static void tick(struct pool *pool, int64_t now_ms)
{
	int64_t for_ms = now_ms - pool->last_tick_ms;

	pool->last_tick_ms = now_ms;
	pool->cpu_share = machine_cpu_share(&pool->machine);
	pool->memory_share = machine_memory_share(&pool->machine);
	pool->stuck = 0;
	for (unsigned i = 0; i < pool->config.workers_max; i++) {
		struct worker *worker = &pool->workers[i];

		if (atomic_load(&worker->state) == WORKER_ALIVE)
			pool->stuck += worker_stuck(worker, for_ms);
	}
	workers_join(pool);
}

/* Sleeps until the next sample is due; false: the pool stops. */
static bool monitor_wait(struct pool *pool)
{
	bool goes_on;

	lock_take(&pool->lock);
	if (atomic_load(&pool->idle_count) == pool->alive &&
	    pool->alive <= pool->config.workers_min) {
		pool->monitor_sleeps = true;
		while (pool->monitor_sleeps && !atomic_load(&pool->stopping))
			cond_wait(&pool->news, &pool->lock);
		pool->monitor_sleeps = false;
		pool->last_ms = clock_ms();
	}
	for (;;) {
		bool soon = atomic_load(&pool->poked);
		int64_t due_ms = pool->last_ms + (soon ? POKE_MS : TICK_MS);

		goes_on = !atomic_load(&pool->stopping);
		if (!goes_on || clock_ms() >= due_ms)
			break;
		cond_wait_until(&pool->news, &pool->lock, due_ms);
	}
	atomic_store(&pool->poked, false);
	lock_drop(&pool->lock);
	return goes_on;
}

static void decision_note(struct pool *pool, const struct pool_sample *sample,
			  const struct pool_decision *decision)
{
	const size_t room = ARRAY_LEN(pool->decisions);
	const struct pool_decision *last;

	lock_take(&pool->lock);
	pool->last = *sample;
	pool->target = decision->to;
	last = &pool->decisions[(pool->decisions_made + room - 1) % room];
	/* A reason that holds for many ticks and changes nothing is told once. */
	if (decision->reason != POOL_STEADY &&
	    (decision->from != decision->to || last->reason != decision->reason))
		pool->decisions[pool->decisions_made++ % room] = *decision;
	lock_drop(&pool->lock);
}

/* Towards the target: sleeping workers go first, those at the bottom of the stack. */
static void apply(struct pool *pool, const struct pool_decision *decision)
{
	unsigned leave;

	if (decision->to == decision->from)
		return;
	atomic_store_explicit(&pool->surplus, 0, memory_order_relaxed);
	for (unsigned i = decision->from; i < decision->to; i++) {
		bool started = worker_start(pool);

		if (!started && !pool->start_failed)
			log_warn("cannot start a worker", "workers", log_num(i));
		pool->start_failed = !started;
		if (!started)
			return;
	}
	if (decision->to > decision->from)
		return;
	leave = decision->from - decision->to;
	lock_take(&pool->lock);
	for (; leave > 0 && pool->idle_bottom; leave--) {
		struct worker *worker = pool->idle_bottom;

		idle_remove(pool, worker);
		cond_signal(&worker->wake);
	}
	lock_drop(&pool->lock);
	atomic_store_explicit(&pool->surplus, leave, memory_order_relaxed);
}

static void *monitor_main(void *arg)
{
	struct pool *pool = arg;

	pthread_setname_np(pthread_self(), "pool-monitor");
	pool->last_ms = clock_ms();
	tick(pool, pool->last_ms);
	while (monitor_wait(pool)) {
		struct pool_sample sample = {.now_ms = clock_ms()};
		struct pool_decision decision;

		pool->last_ms = sample.now_ms;
		if (sample.now_ms - pool->last_tick_ms >= TICK_MS)
			tick(pool, sample.now_ms);
		pool->config.backlog(pool->config.ctx, &sample.oldest_wait_ms, &sample.taken);
		sample.cpu_share = pool->cpu_share;
		sample.memory_share = pool->memory_share;
		sample.blocked = atomic_load_explicit(&pool->blocked, memory_order_relaxed);
		sample.stuck = pool->stuck;
		lock_take(&pool->lock);
		sample.workers = pool->alive;
		sample.idle = atomic_load(&pool->idle_count);
		lock_drop(&pool->lock);
		decision = pool_size_next(&pool->size, &sample);
		decision_note(pool, &sample, &decision);
		apply(pool, &decision);
	}
	return NULL;
}
