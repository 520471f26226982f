/* SPDX-License-Identifier: MIT */
/* lock.h - mutexes, read-write locks and conditions with a rank.
 *
 * Every lock of the daemon stands in the one list below, outermost first.  A
 * thread takes locks only downwards in that list and never two of one rank;
 * debug and test builds (LOCK_CHECK) abort with both names when it does not,
 * which is how deadlocks are prevented instead of debugged.  What a lock guards
 * is said where it is declared (GUARDED_BY) and checked by clang.
 *
 * Under a lock: no callback, SQL, network, script, log or unbounded allocation.
 *
 * Threads    every function from any thread.
 * Errors     none: a failing pthread call is our bug and aborts.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/* rank, what it guards */
#define LOCK_TABLE(X) \
	X(LOCK_SERVER,      "http/server: the list of connections, drain state") \
	X(LOCK_STREAM,      "http/stream: one suspended connection's RUNNING, SUSPENDED, CLOSED") \
	X(LOCK_EVENTS,      "engine/events: subscribers and the ring of recent events") \
	X(LOCK_ENGINE,      "engine/engine: the table of active runs") \
	X(LOCK_SCHED,       "engine/sched: ready queues and the window") \
	X(LOCK_RUN,         "engine/run: one run's lanes, parts and changes") \
	X(LOCK_TIMER,       "engine/timers: the heap of timers") \
	X(LOCK_POOL,        "engine/pool: workers and their states") \
	X(LOCK_FETCH,       "net/fetch: requests handed to a loop") \
	X(LOCK_HOSTS,       "net/hosts: the table of hosts") \
	X(LOCK_ROBOTS,      "net/robots_cache: the files of all origins") \
	X(LOCK_CACHE,       "net/cache: its index and its orders") \
	X(LOCK_ORIGIN,      "tests/lib: the origin server of tests") \
	X(LOCK_STORE_SYNC,  "store/results: work for the results thread") \
	X(LOCK_STORE_QUEUE, "store/writer: operations waiting for a commit") \
	X(LOCK_STORE_READ,  "store/readers: the pool of read-only connections") \
	X(LOCK_FILES,       "base/files: names given to files and taken, one at a time") \
	X(LOCK_LEAF,        "innermost: short helpers that call nothing")
/* clang-format on */

enum lock_rank {
#define X(rank, what) rank,
	LOCK_TABLE(X)
#undef X
		LOCK_RANKS
};

struct CAPABILITY("mutex") lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
};

struct CAPABILITY("rwlock") rwlock {
	pthread_rwlock_t rwlock;
	enum lock_rank rank;
};

struct cond {
	pthread_cond_t cond; /* on the monotonic clock */
};

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_done(struct lock *lock);
void lock_take(struct lock *lock) ACQUIRES(lock);
void lock_drop(struct lock *lock) RELEASES(lock);

void rwlock_init(struct rwlock *lock, enum lock_rank rank);
void rwlock_done(struct rwlock *lock);
void rwlock_read(struct rwlock *lock) ACQUIRES_SHARED(lock);
void rwlock_write(struct rwlock *lock) ACQUIRES(lock);
void rwlock_drop(struct rwlock *lock) RELEASES_ANY(lock);

void cond_init(struct cond *cond);
void cond_done(struct cond *cond);
void cond_wait(struct cond *cond, struct lock *lock) REQUIRES(lock);
/* Until the monotonic clock (clock_ms) reads until_ms; false when it was reached. */
bool cond_wait_until(struct cond *cond, struct lock *lock, int64_t until_ms) REQUIRES(lock);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

const char *lock_rank_name(enum lock_rank rank);

#endif
