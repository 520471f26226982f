/* SPDX-License-Identifier: MIT */
/* test_rate.c - the mean of rates; expected values by hand, with e^-1 = 0.367879. */
#include "service/engine/rate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_rate(const struct rate_mean *mean, double expected)
{
	assert_true(fabs(rate_mean(mean) - expected) < 0.001);
}

static void a_steady_rate_is_its_own_mean(void **state)
{
	/* From the first quarter of a second on. */
	struct rate_mean mean = {0};

	(void)state;
	assert_rate(&mean, 0);
	for (int i = 0; i < 100; i++) {
		rate_mean_add(&mean, 12, 250);
		assert_rate(&mean, 12);
	}
}

static void what_is_long_ago_weighs_little(void **state)
{
	/* 15 s at 100, then 15 s at nothing: 100 e^-1 (1 - e^-1) / (1 - e^-2). */
	struct rate_mean mean = {0};

	(void)state;
	rate_mean_add(&mean, 100, 15000);
	rate_mean_add(&mean, 0, 15000);
	assert_rate(&mean, 26.894);
	rate_mean_add(&mean, 0, 300000);
	assert_true(rate_mean(&mean) < 0.001);
}

static void one_odd_moment_moves_it_little(void **state)
{
	/* A minute at 10, then 250 ms at 1,000: weights 0.983471 and 0.016529. */
	struct rate_mean mean = {0};

	(void)state;
	rate_mean_add(&mean, 10, 60000);
	rate_mean_add(&mean, 1000, 250);
	assert_true(rate_mean(&mean) > 26 && rate_mean(&mean) < 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_rate_is_its_own_mean),
		cmocka_unit_test(what_is_long_ago_weighs_little),
		cmocka_unit_test(one_odd_moment_moves_it_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
