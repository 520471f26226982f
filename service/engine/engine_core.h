/* SPDX-License-Identifier: MIT */
/* engine_core.h - the engine from inside: what engine*.c and run*.c share.
 *
 *   engine.c       new, start, drain, free; workers; the table of active runs
 *   engine_jobs.c  submit, moves, patch: the store first, then window and runs
 *   engine_house.c the housekeeping thread: what has a time or needs a read
 *
 * Threads    every function from any thread.
 * Locks      LOCK_ENGINE.
 */
#ifndef SERVICE_ENGINE_ENGINE_CORE_H
#define SERVICE_ENGINE_ENGINE_CORE_H

#include "base/lock.h"
#include "service/engine/engine.h"
#include "service/engine/run.h"
#include "service/engine/timers.h"

#include <stdatomic.h>

enum {
	ENGINE_BUCKETS = 1024,	   /* of the table of active runs: a power of two */
	ENGINE_DUE_MAX = 1024,	   /* jobs that became pending, to be loaded one by one */
	ENGINE_FREE_RUNS_MAX = 64, /* kept for the next jobs */
	ENGINE_ENDING_MAX = 4096,  /* runs whose end waits for its commit; then no new ones */
	ENGINE_TICK_MS = 20,	   /* housekeeping while anything runs */
	ENGINE_IDLE_MS = 1000,	   /* and while nothing does */
	ENGINE_LOAD_ROWS = 2048,   /* of a refill of the window */
	ENGINE_QUIET_TICKS = 5,	   /* until it counts as idle: tiny jobs do not wake it each time */
	ENGINE_DRAIN_MS = 50,	   /* between two looks of a drain */
	ENGINE_AFTER_MS = 2000,	   /* for a run to yield before its job is resumed all the same */
	ENGINE_SWEEP_MS = 60 * 1000,
	ENGINE_SWEEP_JOBS = 1000,
};

struct engine {
	struct engine_config config;
	struct sched *sched;
	struct pool *pool; /* NULL after a drain, set under the lock; workers need no look */
	struct timers *timers;
	unsigned cpus;
	_Atomic bool draining;	 /* written by engine_drain, read by workers: no new runs */
	_Atomic unsigned loads;	 /* of the window from the store (engine_house.c): odd during one */
	_Atomic bool house_idle; /* housekeeping sleeps for long; whoever clears it wakes it */
	_Atomic int64_t memory;	 /* reserved by runs */
	_Atomic bool closing_any; /* `closing` has one; written under the lock, read by workers */

	struct lock lock;
	struct run *buckets[ENGINE_BUCKETS] GUARDED_BY(lock);
	unsigned active GUARDED_BY(lock); /* in the buckets */
	unsigned ending GUARDED_BY(lock); /* of these: their end waits for its commit */
	struct run *free_runs GUARDED_BY(lock);
	unsigned free_runs_count GUARDED_BY(lock);
	struct run *
		closing GUARDED_BY(lock); /* runs that a worker shall begin, or leave and close */
	struct run *unposted GUARDED_BY(lock); /* runs whose end the store did not take yet */
	struct id due[ENGINE_DUE_MAX] GUARDED_BY(lock);
	size_t due_count GUARDED_BY(lock);
	bool due_lost GUARDED_BY(lock); /* there were more */
	/* Moves that found their job neither ready nor active: a worker may have it in hand.
	 * Written under the lock, read by workers before they take. */
	_Atomic unsigned missed;
	bool kicked GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
	struct cond house; /* kicked or stopping */
	struct cond empty; /* active fell to 0 */
	/* Jobs whose submit has just been committed: the writer thread's own. */
	struct task *born[STORE_BATCH_OPS_MAX];
	size_t born_count;
	pthread_t house_thread;
	bool house_started;
};

/* What a worker looks at before it takes a task.  From then until the task is in the
 * table nobody sees the job: a load may read it once more, a move may not find it. */
struct in_hand {
	unsigned loads, missed;
};

/* engine.c: the table.  A run is in it from its start until its end is committed. */
struct run *engine_run_find(struct engine *engine, const struct id *id); /* +1 reference */
/* The same for a move, which counts as missed when there is none. */
struct run *engine_run_find_moved(struct engine *engine, const struct id *id);
/* True: it is active, and is looked up in the store once more when it has ended. */
bool engine_run_again(struct engine *engine, const struct id *id);
/* A run for the task, which is taken over.  NULL: a run of the same job is still ending, or
 * a move was missed (then the store is asked later), or there is no memory (then its job
 * waits in the store for a restart). */
struct run *engine_run_add(struct engine *engine, struct task *task, const struct in_hand *before);
void engine_run_drop(struct run *run);

/* What waits until a run that ends is gone.  go() by whoever drops it, with no lock held. */
struct after {
	struct after *next;
	void (*go)(struct after *after);
};
/* False: no run of the job ends just now, nothing is waited for. */
bool engine_run_after(struct engine *engine, const struct id *id, struct after *after);
void engine_run_after_look(struct run *run, int64_t now_ms); /* those that waited too long */

void engine_run_recycle(struct run *run); /* its last reference is gone */
/* All active runs with a reference each; the caller frees the array. */
size_t engine_runs(struct engine *engine, struct run ***ret_runs);

void engine_hand_over(struct run *run);	   /* a worker shall run_begin() or run_leave() it */
void engine_unposted_add(struct run *run); /* housekeeping shall run_post() it */
void engine_kick(struct engine *engine);   /* housekeeping has something to do now */
void engine_busy(struct engine *engine);   /* something runs: tick */
bool engine_ending(struct run *run);	   /* false: too many; it leaves when committed */

/* Housekeeping shall look the job up in the store: if it is pending, it becomes ready. */
void engine_due_add(struct engine *engine, const struct id *id);

/* Adds to the ready window; what does not fit is freed (the store has it). */
void engine_ready(struct engine *engine, struct task **tasks, size_t count);

void engine_house(struct engine *engine);	/* the thread's body */
void engine_window_look(struct engine *engine); /* its part that loads ready jobs */

#endif
