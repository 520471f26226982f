/* SPDX-License-Identifier: MIT */
/* test_lock.c - base/lock: exclusion, conditions, and the order that LOCK_CHECK holds. */
#include "base/lock.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, TURNS = 50000 };

struct counter {
	struct lock lock;
	struct rwlock rwlock;
	struct cond changed;
	long locked, shared;
	int here; /* threads that have come */
};

static void counter_init(struct counter *counter)
{
	*counter = (struct counter){0};
	lock_init(&counter->lock, LOCK_POOL);
	rwlock_init(&counter->rwlock, LOCK_HOSTS);
	cond_init(&counter->changed);
}

static void counter_done(struct counter *counter)
{
	cond_done(&counter->changed);
	rwlock_done(&counter->rwlock);
	lock_done(&counter->lock);
}

static void *counter_turn(void *argument)
{
	struct counter *counter = argument;
	long seen = 0;

	lock_take(&counter->lock);
	counter->here++;
	cond_broadcast(&counter->changed);
	while (counter->here < THREADS)
		cond_wait(&counter->changed, &counter->lock);
	lock_drop(&counter->lock);
	for (int i = 0; i < TURNS; i++) {
		lock_take(&counter->lock);
		counter->locked++;
		lock_drop(&counter->lock);
		rwlock_read(&counter->rwlock);
		seen = counter->shared;
		rwlock_drop(&counter->rwlock);
		rwlock_write(&counter->rwlock);
		counter->shared++;
		rwlock_drop(&counter->rwlock);
	}
	return seen < 0 ? argument : NULL;
}

static void one_thread_at_a_time(void **state)
{
	/* Four threads wait for each other, then count 200,000 under each kind of lock. */
	pthread_t threads[THREADS];
	struct counter counter;
	(void)state;

	counter_init(&counter);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, counter_turn, &counter), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counter.locked, 200000);
	assert_int_equal(counter.shared, 200000);
	counter_done(&counter);
}

static void waiting_ends_at_its_instant(void **state)
{
	/* Not before it, and at once for an instant that is over, even before the clock's
	 * start. */
	struct counter counter;
	int64_t until_ms;
	(void)state;

	counter_init(&counter);
	lock_take(&counter.lock);
	assert_false(cond_wait_until(&counter.changed, &counter.lock, -5000));
	assert_false(cond_wait_until(&counter.changed, &counter.lock, 0));
	until_ms = clock_ms() + 20;
	while (cond_wait_until(&counter.changed, &counter.lock, until_ms))
		; /* woken for nothing */
	assert_true(clock_ms() >= until_ms);
	lock_drop(&counter.lock);
	counter_done(&counter);
}

static void ranks_have_names(void **state)
{
	/* Outermost and innermost, as messages show them. */
	(void)state;
	assert_string_equal(lock_rank_name(LOCK_SERVER), "LOCK_SERVER");
	assert_string_equal(lock_rank_name(LOCK_LEAF), "LOCK_LEAF");
	assert_true(LOCK_SERVER < LOCK_STORE_QUEUE && LOCK_STORE_QUEUE < LOCK_LEAF);
}

/* Takes two locks in a child; the signal that ended it, or 0. */
static int signal_of(enum lock_rank first, enum lock_rank second) NO_LOCK_ANALYSIS
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct lock a, b;

		signal(SIGABRT, SIG_DFL); /* cmocka catches it for its own tests */
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		lock_init(&a, first);
		lock_init(&b, second);
		lock_take(&a);
		lock_take(&b);
		lock_drop(&a);
		lock_drop(&b);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_wrong_order_aborts(void **state)
{
	/* Downwards is right, in any order of dropping; upwards or level is a crash. */
	(void)state;
#ifndef LOCK_CHECK
	print_message("built without LOCK_CHECK: skipped\n");
	skip();
#endif
	assert_int_equal(signal_of(LOCK_SERVER, LOCK_LEAF), 0);
	assert_int_equal(signal_of(LOCK_LEAF, LOCK_SERVER), SIGABRT);
	assert_int_equal(signal_of(LOCK_RUN, LOCK_SCHED), SIGABRT);
	assert_int_equal(signal_of(LOCK_POOL, LOCK_POOL), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_at_a_time),
		cmocka_unit_test(waiting_ends_at_its_instant),
		cmocka_unit_test(ranks_have_names),
		cmocka_unit_test(a_wrong_order_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
