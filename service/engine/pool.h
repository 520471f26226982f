/* SPDX-License-Identifier: MIT */
/* pool.h - adaptive worker threads.
 *
 * The pool pulls: a worker calls work() again and again, with no lock held; when
 * that says there was nothing, it sleeps until pool_wake().  The pool knows
 * nothing of jobs.  Ten times a second, and when a worker says that it blocks, a
 * monitor samples what the workers do (running, blocked, stuck, idle), the wait of
 * the oldest runnable thing and the machine's CPU, and moves their number towards
 * what pool_size.h says.  When all are idle and none is too many, it sleeps too.
 *
 * Threads    every function from any thread; pool_stop() and pool_free() by its maker.
 * Locks      LOCK_POOL; no callback is made while it is held.
 */
#ifndef SERVICE_ENGINE_POOL_H
#define SERVICE_ENGINE_POOL_H

#include "base/err.h"
#include "service/engine/pool_size.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

struct pool_config {
	unsigned workers_min, workers_max; /* 1 … POOL_WORKERS_MAX */
	/* One unit of work; false: there was none.  `worker` is a small number (below
	 * workers_max), unique among living workers. */
	bool (*work)(void *ctx, unsigned worker);
	/* How long the oldest runnable thing waits (0: none), and how many were taken
	 * since the start. */
	void (*backlog)(void *ctx, int64_t *ret_oldest_wait_ms, uint64_t *ret_taken);
	void *ctx;
};

/* ERR_NO_MEMORY; ERR_IO when not even workers_min threads could be started.  *ret_pool
 * is set before the first work(), which may use it. */
int pool_new(const struct pool_config *config, struct pool **ret_pool, struct err *err);
/* Lets each worker end its unit, joins all.  What work() refers to must still be
 * there.  Others may go on calling; a wake then does nothing. */
void pool_stop(struct pool *pool);
/* Stops it first, if need be; no other call may be under way. */
void pool_free(struct pool *pool);

/* There is work: wakes one sleeping worker, if any.  Never lost: work() is called
 * after it by somebody.  With nobody asleep it costs an atomic addition. */
void pool_wake(struct pool *pool);

/* By the worker, around what blocks inside a unit of work.  May nest; from another
 * thread they do nothing. */
void pool_block_begin(struct pool *pool);
void pool_block_end(struct pool *pool);

struct pool_view {
	unsigned workers, idle, blocked, stuck, target;
	struct pool_sample last;
	struct pool_decision decisions[16]; /* newest first; not the steady ones */
	size_t decisions_count;
};
void pool_view(struct pool *pool, struct pool_view *ret);

#endif
