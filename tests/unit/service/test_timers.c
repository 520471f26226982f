/* SPDX-License-Identifier: MIT */
/* test_timers.c - the heap with a clock of the test's, and the thread with the real one. */
#include "service/engine/timers.h"

#include "base/clock.h"
#include "base/limits.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char fired[64]; /* letters in the order of firing */

static void note(void *ctx)
{
	size_t len = strlen(fired);

	fired[len] = *(const char *)ctx;
	fired[len + 1] = '\0';
}

/* Adds a timer that notes its letter. */
static uint64_t add(struct timers *timers, int64_t at_ms, char letter)
{
	static char letters[128];

	letters[(int)letter] = letter;
	return timers_add(timers, at_ms, note, &letters[(int)letter]);
}

static struct timers *timers_make(void)
{
	struct timers *timers = NULL;
	struct err err;

	fired[0] = '\0';
	assert_int_equal(timers_new(&timers, &err), 0);
	return timers;
}

static void timers_fire_in_the_order_of_their_instants(void **state)
{
	/* Added as c, a, d, b; at 25 ms a and b have fired, c is next at 30 ms. */
	struct timers *timers = timers_make();

	(void)state;
	add(timers, 30, 'c');
	add(timers, 10, 'a');
	add(timers, 40, 'd');
	add(timers, 20, 'b');
	assert_int_equal(timers_fire(timers, 9), 10);
	assert_string_equal(fired, "");
	assert_int_equal(timers_fire(timers, 25), 30);
	assert_string_equal(fired, "ab");
	assert_int_equal(timers_fire(timers, 40), INT64_MAX);
	assert_string_equal(fired, "abcd");
	timers_free(timers);
}

static void equal_instants_fire_in_the_order_of_adding(void **state)
{
	/* Eight timers of one instant, and one cancelled among them. */
	struct timers *timers = timers_make();
	uint64_t ids[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		ids[i] = add(timers, 5, "abcdefgh"[i]);
	assert_true(timers_cancel(timers, ids[2]));
	timers_fire(timers, 5);
	assert_string_equal(fired, "abdefgh");
	timers_free(timers);
}

static void a_cancelled_timer_never_fires(void **state)
{
	/* Cancel answers true once; false for one that fired, for 0 and for nonsense. */
	struct timers *timers = timers_make();
	uint64_t a = add(timers, 10, 'a');
	uint64_t b = add(timers, 20, 'b');

	(void)state;
	assert_true(timers_cancel(timers, a));
	assert_false(timers_cancel(timers, a));
	timers_fire(timers, 100);
	assert_string_equal(fired, "b");
	assert_false(timers_cancel(timers, b));
	assert_false(timers_cancel(timers, 0));
	assert_false(timers_cancel(timers, UINT64_MAX));
	timers_free(timers);
}

static void an_old_id_does_not_name_a_newer_timer(void **state)
{
	/* The place of a fired timer is used again; its id is not. */
	struct timers *timers = timers_make();
	uint64_t old = add(timers, 1, 'a'), new;

	(void)state;
	timers_fire(timers, 1);
	new = add(timers, 2, 'b');
	assert_true(new != old);
	assert_false(timers_cancel(timers, old));
	timers_fire(timers, 2);
	assert_string_equal(fired, "ab");
	timers_free(timers);
}

struct again {
	struct timers *timers;
	int left;
};

static void add_again(void *ctx)
{
	struct again *again = ctx;

	if (--again->left > 0)
		timers_add(again->timers, 10, add_again, again);
}

static void a_timer_may_add_timers(void **state)
{
	/* Each adds the next, already due: all five fire in one go. */
	struct timers *timers = timers_make();
	struct again again = {.timers = timers, .left = 5};

	(void)state;
	timers_add(timers, 10, add_again, &again);
	assert_int_equal(timers_fire(timers, 10), INT64_MAX);
	assert_int_equal(again.left, 0);
	timers_free(timers);
}

static int64_t last_at_ms;

static void check_order(void *ctx)
{
	int64_t at_ms = *(const int64_t *)ctx;

	assert_true(at_ms >= last_at_ms);
	last_at_ms = at_ms;
}

static void many_random_timers_stay_in_order(void **state)
{
	/* 20,000 random instants, every third cancelled: the rest fire ascending, all of them. */
	enum { COUNT = 20000 };
	static int64_t at_ms[COUNT];
	static uint64_t ids[COUNT];
	struct timers *timers = timers_make();
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	last_at_ms = 0;
	for (int i = 0; i < COUNT; i++) {
		at_ms[i] = rng_between(&rng, 0, 100000);
		ids[i] = timers_add(timers, at_ms[i], check_order, &at_ms[i]);
		assert_true(ids[i] != 0);
	}
	for (int i = 0; i < COUNT; i += 3)
		assert_true(timers_cancel(timers, ids[i]));
	assert_int_equal(timers_count(timers), COUNT - (COUNT + 2) / 3);
	for (int64_t now_ms = 0; now_ms <= 100000; now_ms += 1000)
		timers_fire(timers, now_ms);
	assert_int_equal(timers_count(timers), 0);
	timers_free(timers);
}

static void timers_are_bounded(void **state)
{
	/* TIMERS_MAX fit; the next is refused until one is gone. */
	struct timers *timers = timers_make();
	uint64_t id = 0;

	(void)state;
	for (int i = 0; i < TIMERS_MAX; i++)
		id = add(timers, i, 'x');
	assert_true(id != 0);
	assert_int_equal(add(timers, 1, 'x'), 0);
	assert_true(timers_cancel(timers, id));
	assert_true(add(timers, 1, 'x') != 0);
	timers_free(timers);
}

/* ---- with the thread ---- */

struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	int entered, released, returned;
};

static void gate_pass(void *ctx)
{
	struct gate *gate = ctx;

	pthread_mutex_lock(&gate->mutex);
	gate->entered++;
	pthread_cond_broadcast(&gate->cond);
	while (!gate->released)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	gate->returned++;
	pthread_mutex_unlock(&gate->mutex);
}

static void *gate_release(void *arg)
{
	struct gate *gate = arg;

	pthread_mutex_lock(&gate->mutex);
	gate->released = 1;
	pthread_cond_broadcast(&gate->cond);
	pthread_mutex_unlock(&gate->mutex);
	return NULL;
}

static void cancel_waits_for_a_call_under_way(void **state)
{
	/* While fn is held at a gate, cancel waits; when it returns, fn has returned. */
	struct timers *timers = timers_make();
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};
	pthread_t releaser;
	struct err err;
	uint64_t id;

	(void)state;
	assert_int_equal(timers_start(timers, &err), 0);
	id = timers_add(timers, clock_ms(), gate_pass, &gate);
	pthread_mutex_lock(&gate.mutex);
	while (!gate.entered)
		pthread_cond_wait(&gate.cond, &gate.mutex);
	pthread_mutex_unlock(&gate.mutex);
	assert_int_equal(pthread_create(&releaser, NULL, gate_release, &gate), 0);
	assert_false(timers_cancel(timers, id));
	assert_int_equal(gate.returned, 1);
	pthread_join(releaser, NULL);
	timers_free(timers);
}

static void an_earlier_timer_wakes_the_thread(void **state)
{
	/* The thread sleeps for an hour; one added for now fires at once. */
	struct timers *timers = timers_make();
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 1, 0};
	struct err err;

	(void)state;
	add(timers, clock_ms() + 3600000, 'x');
	assert_int_equal(timers_start(timers, &err), 0);
	timers_add(timers, clock_ms() + 5, gate_pass, &gate);
	pthread_mutex_lock(&gate.mutex);
	while (!gate.returned)
		pthread_cond_wait(&gate.cond, &gate.mutex);
	pthread_mutex_unlock(&gate.mutex);
	assert_int_equal(timers_count(timers), 1);
	timers_free(timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_the_order_of_their_instants),
		cmocka_unit_test(equal_instants_fire_in_the_order_of_adding),
		cmocka_unit_test(a_cancelled_timer_never_fires),
		cmocka_unit_test(an_old_id_does_not_name_a_newer_timer),
		cmocka_unit_test(a_timer_may_add_timers),
		cmocka_unit_test(many_random_timers_stay_in_order),
		cmocka_unit_test(timers_are_bounded),
		cmocka_unit_test(cancel_waits_for_a_call_under_way),
		cmocka_unit_test(an_earlier_timer_wakes_the_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
