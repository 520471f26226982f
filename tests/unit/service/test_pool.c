/* SPDX-License-Identifier: MIT */
/* test_pool.c - real threads: no lost wakes, blocked workers replaced, surplus leaves. */
#include "service/engine/pool.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A queue of nothing but a number: units to do. */
struct jobs {
	struct pool *pool;
	atomic_uint waiting, done, workers_seen;
	atomic_int_fast64_t since_ms; /* the oldest waits since, roughly */

	/* Units of the blocking kind stop here until the gate opens. */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool open;
	atomic_uint blocking; /* that many of the next units are such */
	bool says;
	atomic_uint at_gate;
};

static bool claim(atomic_uint *count)
{
	unsigned old = atomic_load(count);

	while (old > 0)
		if (atomic_compare_exchange_weak(count, &old, old - 1))
			return true;
	return false;
}

static void gate_pass(struct jobs *jobs)
{
	if (jobs->says)
		pool_block_begin(jobs->pool);
	pthread_mutex_lock(&jobs->mutex);
	atomic_fetch_add(&jobs->at_gate, 1);
	while (!jobs->open)
		pthread_cond_wait(&jobs->cond, &jobs->mutex);
	pthread_mutex_unlock(&jobs->mutex);
	if (jobs->says)
		pool_block_end(jobs->pool);
}

static bool work(void *ctx, unsigned worker)
{
	struct jobs *jobs = ctx;

	atomic_fetch_or(&jobs->workers_seen, 1U << (worker % 32));
	if (!claim(&jobs->waiting))
		return false;
	if (claim(&jobs->blocking))
		gate_pass(jobs);
	atomic_fetch_add(&jobs->done, 1);
	return true;
}

static void backlog(void *ctx, int64_t *ret_oldest_wait_ms, uint64_t *ret_taken)
{
	struct jobs *jobs = ctx;

	*ret_taken = atomic_load(&jobs->done) + atomic_load(&jobs->at_gate);
	*ret_oldest_wait_ms =
		atomic_load(&jobs->waiting) > 0 ? clock_ms() - atomic_load(&jobs->since_ms) : 0;
}

static void post(struct jobs *jobs, unsigned count)
{
	atomic_store(&jobs->since_ms, clock_ms());
	for (unsigned i = 0; i < count; i++) {
		atomic_fetch_add(&jobs->waiting, 1);
		pool_wake(jobs->pool);
	}
}

static void jobs_init(struct jobs *jobs, unsigned workers_min, unsigned workers_max)
{
	struct pool_config config = {.workers_min = workers_min,
				     .workers_max = workers_max,
				     .work = work,
				     .backlog = backlog,
				     .ctx = jobs};
	struct err err;

	memset(jobs, 0, sizeof(*jobs));
	pthread_mutex_init(&jobs->mutex, NULL);
	pthread_cond_init(&jobs->cond, NULL);
	assert_int_equal(pool_new(&config, &jobs->pool, &err), 0);
}

static void gate_open(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->mutex);
	jobs->open = true;
	pthread_cond_broadcast(&jobs->cond);
	pthread_mutex_unlock(&jobs->mutex);
}

static void jobs_done(struct jobs *jobs)
{
	gate_open(jobs);
	pool_free(jobs->pool);
	pthread_cond_destroy(&jobs->cond);
	pthread_mutex_destroy(&jobs->mutex);
}

/* Polls until it holds; the limit is for a test that would hang. */
#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		int64_t until_ms = clock_ms() + 60000;                                             \
		while (!(condition)) {                                                             \
			assert_true(clock_ms() < until_ms);                                        \
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);                   \
		}                                                                                  \
	} while (0)

static unsigned workers(struct jobs *jobs)
{
	struct pool_view view;

	pool_view(jobs->pool, &view);
	return view.workers;
}

static void every_posted_unit_is_done(void **state)
{
	/* 200,000 units posted one by one, the pool falling asleep in between: none is left. */
	struct jobs jobs;

	(void)state;
	jobs_init(&jobs, 2, 4);
	for (unsigned i = 1; i <= 2000; i++) {
		post(&jobs, i % 2 ? 1 : 199);
		if (i % 100 == 0)
			WAIT_FOR(atomic_load(&jobs.waiting) == 0);
	}
	WAIT_FOR(atomic_load(&jobs.done) == 200000);
	jobs_done(&jobs);
}

static void a_single_wake_of_a_sleeping_pool_is_not_lost(void **state)
{
	/* One unit at a time, each waited for: the worker is on its way to sleep each time. */
	struct jobs jobs;

	(void)state;
	jobs_init(&jobs, 1, 1);
	for (unsigned i = 1; i <= 20000; i++) {
		int64_t until_ms = clock_ms() + 60000;

		post(&jobs, 1);
		while (atomic_load(&jobs.done) < i) {
			assert_true(clock_ms() < until_ms);
			sched_yield();
		}
	}
	jobs_done(&jobs);
}

struct poster {
	pthread_t thread;
	struct jobs *jobs;
};

static void *poster_main(void *arg)
{
	for (int i = 0; i < 20000; i++)
		post(((struct poster *)arg)->jobs, 1);
	return NULL;
}

static void wakes_race_with_sleeps(void **state)
{
	/* Three threads post against a pool that sleeps whenever it is ahead of them. */
	struct poster posters[3];
	struct jobs jobs;

	(void)state;
	jobs_init(&jobs, 3, 6);
	for (int i = 0; i < 3; i++) {
		posters[i].jobs = &jobs;
		assert_int_equal(pthread_create(&posters[i].thread, NULL, poster_main, &posters[i]),
				 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(posters[i].thread, NULL);
	WAIT_FOR(atomic_load(&jobs.done) == 60000);
	jobs_done(&jobs);
}

static void all_blocked(bool says)
{
	struct pool_view view;
	struct jobs jobs;
	int64_t posted_ms;

	jobs_init(&jobs, 2, 8);
	jobs.says = says;
	atomic_store(&jobs.blocking, 2);
	post(&jobs, 2);
	WAIT_FOR(atomic_load(&jobs.at_gate) == 2);
	posted_ms = clock_ms();
	post(&jobs, 1);
	WAIT_FOR(atomic_load(&jobs.done) == 1);
	print_message("figure: replaced after %lld ms\n", (long long)(clock_ms() - posted_ms));
	pool_view(jobs.pool, &view);
	assert_true(view.decisions_count >= 1);
	assert_true(view.decisions[view.decisions_count - 1].to > 2); /* the first */
	jobs_done(&jobs);
}

static void workers_that_say_they_block_are_replaced(void **state)
{
	/* Both of two workers block and say so: a third does the next unit. */
	(void)state;
	all_blocked(true);
}

static void workers_that_block_without_a_word_are_replaced(void **state)
{
	/* Both block silently: that is seen, and a third does the next unit. */
	(void)state;
	all_blocked(false);
}

static void surplus_workers_leave_and_are_replaced_again(void **state)
{
	/* Ten block at once, and ten more are started; when they are idle the pool shrinks. */
	struct pool_view view;
	struct jobs jobs;

	(void)state;
	jobs_init(&jobs, 1, 16);
	jobs.says = true;
	atomic_store(&jobs.blocking, 10);
	post(&jobs, 10);
	WAIT_FOR(atomic_load(&jobs.at_gate) == 10);
	assert_true(workers(&jobs) >= 10);
	gate_open(&jobs);
	WAIT_FOR(workers(&jobs) < 10);
	post(&jobs, 100);
	WAIT_FOR(atomic_load(&jobs.done) == 110);
	pool_view(jobs.pool, &view);
	assert_true(view.decisions_count >= 2);
	assert_int_equal(view.decisions[0].reason, POOL_SHRINK);
	assert_string_equal(pool_reason_name(view.decisions[view.decisions_count - 1].reason),
			    "compensate");
	jobs_done(&jobs);
}

static void worker_numbers_are_small(void **state)
{
	/* With at most four workers only the numbers 0 to 3 are seen. */
	struct jobs jobs;

	(void)state;
	jobs_init(&jobs, 4, 4);
	post(&jobs, 1000);
	WAIT_FOR(atomic_load(&jobs.done) == 1000);
	assert_int_equal(atomic_load(&jobs.workers_seen) & ~0xFU, 0);
	jobs_done(&jobs);
}

static void an_idle_pool_uses_no_cpu(void **state)
{
	/* Ten workers asleep for half a second: less than 5 ms of CPU for the whole process, once
	 * all threads have begun, which takes its time on a busy machine. */
	enum { TRIES = 60 };
	struct timespec half = {.tv_nsec = 500000000};
	clock_t before, used = CLOCKS_PER_SEC;
	struct jobs jobs;

	(void)state;
	jobs_init(&jobs, 10, 10);
	for (int i = 0; i < TRIES && used >= CLOCKS_PER_SEC / 200; i++) {
		before = clock();
		nanosleep(&half, NULL); /* not to wait for something: this is what is measured */
		used = clock() - before;
	}
	assert_in_range(used, 0, CLOCKS_PER_SEC / 200);
	jobs_done(&jobs);
}

static void free_lets_units_end(void **state)
{
	/* Freed while posted units are under way: what was begun is ended, threads are gone. */
	struct jobs jobs;

	(void)state;
	for (int i = 0; i < 50; i++) {
		jobs_init(&jobs, 3, 6);
		post(&jobs, 20);
		jobs_done(&jobs);
		assert_int_equal(jobs.done + jobs.waiting, 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_posted_unit_is_done),
		cmocka_unit_test(a_single_wake_of_a_sleeping_pool_is_not_lost),
		cmocka_unit_test(wakes_race_with_sleeps),
		cmocka_unit_test(workers_that_say_they_block_are_replaced),
		cmocka_unit_test(workers_that_block_without_a_word_are_replaced),
		cmocka_unit_test(surplus_workers_leave_and_are_replaced_again),
		cmocka_unit_test(worker_numbers_are_small),
		cmocka_unit_test(an_idle_pool_uses_no_cpu),
		cmocka_unit_test(free_lets_units_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
