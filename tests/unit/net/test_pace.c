/* SPDX-License-Identifier: MIT */
/* Delay, rate and concurrency: arithmetic by hand. */
#include "net/pace.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct rng seeded(void)
{
	struct rng rng;

	rng_seed(&rng, 3);
	return rng;
}

static void the_delay_varies_around_what_was_asked(void **state)
{
	/* 1 s · U(0.5, 1.5): between 500 and 1,500 ms, 1,000 on average. */
	const struct pace_rules rules = {.delay_ms_min = 1000, .limit_max = 1};
	struct rng rng = seeded();
	struct pace pace;
	int64_t sum_ms = 0;

	(void)state;
	pace_init(&pace, 1);
	for (int i = 0; i < 1000; i++) {
		pace_started(&pace, &rules, 1000, &rng);
		assert_in_range(pace.next_ms, 1500, 2500);
		sum_ms += pace.next_ms - 1000;
	}
	assert_in_range(sum_ms / 1000, 970, 1030);
}

static void the_crawl_delay_is_never_undercut(void **state)
{
	/* robots.txt says 10 s: 10 to 15 s; 3,600 s: the 300 that are obeyed, to 450. */
	struct pace_rules rules = {.delay_ms_min = 1000, .crawl_delay_ms = 10000, .limit_max = 1};
	struct rng rng = seeded();
	struct pace pace;

	(void)state;
	pace_init(&pace, 1);
	for (int i = 0; i < 1000; i++) {
		pace_started(&pace, &rules, 0, &rng);
		assert_in_range(pace.next_ms, 10000, 15000);
	}
	rules.crawl_delay_ms = 3600 * 1000;
	pace_started(&pace, &rules, 0, &rng);
	assert_in_range(pace.next_ms, 300000, 450000);
}

static void the_delay_follows_the_latency(void **state)
{
	/* t = 4 s / 1: 4,000; then 2 s: (4,000 + 2,000) / 2; a 500 in 100 ms lowers nothing. */
	const struct pace_rules rules = {.delay_ms_min = 1000, .limit_max = 1, .adaptive = true};
	struct pace pace;

	(void)state;
	pace_init(&pace, 1);
	pace_answered(&pace, &rules, true, true, 4000);
	assert_true(pace.delay_ms == 4000);
	pace_answered(&pace, &rules, true, true, 2000);
	assert_true(pace.delay_ms == 3000);
	pace_answered(&pace, &rules, false, true, 100);
	assert_true(pace.delay_ms == 3000);
	pace_answered(&pace, &rules, true, true, 100);
	assert_true(pace.delay_ms == 1550);
	pace_answered(&pace, &rules, false, true, 500000);
	assert_true(pace.delay_ms == 60000);
	for (int i = 0; i < 20; i++)
		pace_answered(&pace, &rules, true, true, 10);
	assert_true(pace.delay_ms == 1000); /* its minimum */
}

static void the_delay_aims_at_the_limit(void **state)
{
	/* 8 s at four at once: one start in 2 s keeps four in flight. */
	const struct pace_rules rules = {.delay_ms_min = 1000, .limit_max = 4, .adaptive = true};
	struct rng rng = seeded();
	struct pace pace;

	(void)state;
	pace_init(&pace, 4);
	pace_answered(&pace, &rules, true, true, 8000);
	assert_true(pace.delay_ms == 2000);
	pace_started(&pace, &rules, 0, &rng);
	assert_in_range(pace.next_ms, 1000, 3000);
}

static void hosts_of_the_operator_have_no_adaptive_delay(void **state)
{
	/* Whatever the latency: the next may start at once. */
	const struct pace_rules rules = {.limit_max = 4};
	struct rng rng = seeded();
	struct pace pace;

	(void)state;
	pace_init(&pace, 4);
	pace_answered(&pace, &rules, true, true, 8000);
	pace_started(&pace, &rules, 500, &rng);
	assert_int_equal(pace_ready_ms(&pace, &rules, 500), 500);
}

static void the_rate_is_a_bucket_of_one_second(void **state)
{
	/* 5 in a second: five at once, the sixth 200 ms later. */
	const struct pace_rules rules = {.limit_max = 100, .rate_per_s = 5};
	struct rng rng = seeded();
	struct pace pace;

	(void)state;
	pace_init(&pace, 100);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pace_ready_ms(&pace, &rules, 10000), 10000);
		pace_started(&pace, &rules, 10000, &rng);
	}
	assert_int_equal(pace_ready_ms(&pace, &rules, 10000), 10200);
	assert_int_equal(pace_ready_ms(&pace, &rules, 10200), 10200);
	pace_started(&pace, &rules, 10200, &rng);
	assert_int_equal(pace_ready_ms(&pace, &rules, 10200), 10400);
}

static void the_limit_doubles_then_grows_by_one_a_round(void **state)
{
	/* Slow start: 1 2 4 8 in three rounds; trouble at 8 halves; then 4 answers make 5. */
	const struct pace_rules rules = {.limit_max = 64};
	struct pace pace;

	(void)state;
	pace_init(&pace, 1);
	for (int round = 0; round < 3; round++)
		for (unsigned i = pace_limit(&pace, &rules); i > 0; i--)
			pace_answered(&pace, &rules, true, true, 50);
	assert_int_equal(pace_limit(&pace, &rules), 8);
	pace_trouble(&pace);
	assert_int_equal(pace_limit(&pace, &rules), 4);
	for (int i = 0; i < 4; i++)
		pace_answered(&pace, &rules, true, true, 50);
	assert_int_equal(pace_limit(&pace, &rules), 4);
	pace_answered(&pace, &rules, true, true, 50);
	assert_int_equal(pace_limit(&pace, &rules), 5);
}

static void an_unused_limit_does_not_grow(void **state)
{
	/* Growth needs a limit that is used up, an answer that is good, and a maximum above. */
	const struct pace_rules rules = {.limit_max = 2};
	struct pace pace;

	(void)state;
	pace_init(&pace, 1);
	for (int i = 0; i < 10; i++) {
		pace_answered(&pace, &rules, true, false, 50);
		pace_answered(&pace, &rules, false, true, 50);
	}
	assert_int_equal(pace_limit(&pace, &rules), 1);
	for (int i = 0; i < 10; i++)
		pace_answered(&pace, &rules, true, true, 50);
	assert_int_equal(pace_limit(&pace, &rules), 2);
}

static void rising_latency_stops_growth(void **state)
{
	/* A median of 400 ms against a long average below 200: the host is full. */
	const struct pace_rules rules = {.limit_max = 1000};
	struct pace pace;
	unsigned limit;

	(void)state;
	pace_init(&pace, 1);
	for (int i = 0; i < 50; i++)
		pace_answered(&pace, &rules, true, true, 100);
	for (int i = 0; i < PACE_SAMPLES; i++)
		pace_answered(&pace, &rules, true, i < 4, 400);
	limit = pace_limit(&pace, &rules);
	for (int i = 0; i < 5; i++)
		pace_answered(&pace, &rules, true, true, 400);
	assert_int_equal(pace_limit(&pace, &rules), limit);
}

static void a_host_that_was_down_starts_slowly(void **state)
{
	/* From 1, doubling up to half of what it had, then by one a round. */
	const struct pace_rules rules = {.limit_max = 64};
	struct pace pace;

	(void)state;
	pace_init(&pace, 64);
	pace_slow_start(&pace);
	assert_int_equal(pace_limit(&pace, &rules), 1);
	for (int i = 0; i < 31; i++)
		pace_answered(&pace, &rules, true, true, 50);
	assert_int_equal(pace_limit(&pace, &rules), 32);
	pace_answered(&pace, &rules, true, true, 50);
	assert_int_equal(pace_limit(&pace, &rules), 32);
}

static void the_limit_is_at_least_one(void **state)
{
	/* Trouble upon trouble never stops a host altogether. */
	const struct pace_rules rules = {.limit_max = 8};
	struct pace pace;

	(void)state;
	pace_init(&pace, 8);
	for (int i = 0; i < 20; i++)
		pace_trouble(&pace);
	assert_int_equal(pace_limit(&pace, &rules), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_delay_varies_around_what_was_asked),
		cmocka_unit_test(the_crawl_delay_is_never_undercut),
		cmocka_unit_test(the_delay_follows_the_latency),
		cmocka_unit_test(the_delay_aims_at_the_limit),
		cmocka_unit_test(hosts_of_the_operator_have_no_adaptive_delay),
		cmocka_unit_test(the_rate_is_a_bucket_of_one_second),
		cmocka_unit_test(the_limit_doubles_then_grows_by_one_a_round),
		cmocka_unit_test(an_unused_limit_does_not_grow),
		cmocka_unit_test(rising_latency_stops_growth),
		cmocka_unit_test(a_host_that_was_down_starts_slowly),
		cmocka_unit_test(the_limit_is_at_least_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
