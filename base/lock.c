/* SPDX-License-Identifier: MIT */
/* lock.c - pthread locks that know their rank.
 *
 * With LOCK_CHECK every thread keeps the ranks it holds, as a bit set: taking a
 * lock whose rank is not below all of them (recursion included) aborts.
 */
#include "base/lock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MUST(call)                                                                                 \
	do {                                                                                       \
		int rc_ = (call);                                                                  \
		assert(rc_ == 0);                                                                  \
		(void)rc_;                                                                         \
	} while (0)

static const char *const names[LOCK_RANKS] = {
#define X(rank, what) [rank] = #rank,
	LOCK_TABLE(X)
#undef X
};

const char *lock_rank_name(enum lock_rank rank)
{
	return names[rank];
}

#ifdef LOCK_CHECK
_Static_assert(LOCK_RANKS <= 32, "held_ranks has one bit for each rank");
static _Thread_local uint32_t held_ranks;

static void rank_push(enum lock_rank rank)
{
	uint32_t not_below = held_ranks >> rank;

	if (not_below != 0) {
		int held = (int)rank + 31 - __builtin_clz(not_below);
		fprintf(stderr, "lock order: %s taken while %s is held\n", names[rank],
			names[held]);
		abort();
	}
	held_ranks |= 1U << rank;
}

static void rank_pop(enum lock_rank rank)
{
	assert(held_ranks & (1U << rank));
	held_ranks &= ~(1U << rank);
}
#else
static void rank_push(enum lock_rank rank)
{
	(void)rank;
}

static void rank_pop(enum lock_rank rank)
{
	(void)rank;
}
#endif

void lock_init(struct lock *lock, enum lock_rank rank)
{
	pthread_mutexattr_t attr;

	lock->rank = rank;
	/* Locks are held for less time than a sleep and a wake take: spin a little first. */
	MUST(pthread_mutexattr_init(&attr));
	MUST(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP));
	MUST(pthread_mutex_init(&lock->mutex, &attr));
	MUST(pthread_mutexattr_destroy(&attr));
}

void lock_done(struct lock *lock)
{
	MUST(pthread_mutex_destroy(&lock->mutex));
}

void lock_take(struct lock *lock) NO_LOCK_ANALYSIS
{
	rank_push(lock->rank);
	MUST(pthread_mutex_lock(&lock->mutex));
}

void lock_drop(struct lock *lock) NO_LOCK_ANALYSIS
{
	rank_pop(lock->rank); /* first: whoever takes it next may free it */
	MUST(pthread_mutex_unlock(&lock->mutex));
}

void rwlock_init(struct rwlock *lock, enum lock_rank rank)
{
	lock->rank = rank;
	MUST(pthread_rwlock_init(&lock->rwlock, NULL));
}

void rwlock_done(struct rwlock *lock)
{
	MUST(pthread_rwlock_destroy(&lock->rwlock));
}

void rwlock_read(struct rwlock *lock) NO_LOCK_ANALYSIS
{
	rank_push(lock->rank);
	MUST(pthread_rwlock_rdlock(&lock->rwlock));
}

void rwlock_write(struct rwlock *lock) NO_LOCK_ANALYSIS
{
	rank_push(lock->rank);
	MUST(pthread_rwlock_wrlock(&lock->rwlock));
}

void rwlock_drop(struct rwlock *lock) NO_LOCK_ANALYSIS
{
	rank_pop(lock->rank);
	MUST(pthread_rwlock_unlock(&lock->rwlock));
}

void cond_init(struct cond *cond)
{
	pthread_condattr_t attr;

	MUST(pthread_condattr_init(&attr));
	MUST(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	MUST(pthread_cond_init(&cond->cond, &attr));
	MUST(pthread_condattr_destroy(&attr));
}

void cond_done(struct cond *cond)
{
	MUST(pthread_cond_destroy(&cond->cond));
}

void cond_wait(struct cond *cond, struct lock *lock)
{
	MUST(pthread_cond_wait(&cond->cond, &lock->mutex));
}

bool cond_wait_until(struct cond *cond, struct lock *lock, int64_t until_ms)
{
	struct timespec until = {0};
	int rc;

	if (until_ms > 0) { /* an instant before the clock's start is over, not an error */
		until.tv_sec = until_ms / 1000;
		until.tv_nsec = (until_ms % 1000) * 1000000;
	}
	rc = pthread_cond_timedwait(&cond->cond, &lock->mutex, &until);

	assert(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

void cond_signal(struct cond *cond)
{
	MUST(pthread_cond_signal(&cond->cond));
}

void cond_broadcast(struct cond *cond)
{
	MUST(pthread_cond_broadcast(&cond->cond));
}
