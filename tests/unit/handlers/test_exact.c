/* SPDX-License-Identifier: MIT */
/* test_exact.c - handlers/aggregate/exact: sums without rounding, rounded once.
 *
 * Expected values are of Python's fractions.Fraction over the same doubles. */
#include "base/clock.h"
#include "base/compiler.h"
#include "handlers/aggregate/exact_round.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES_MAX = 10, STATE_MAX = 8 };

/* The three sums of some numbers. */
struct sums {
	uint64_t sum[STATE_MAX], squares[STATE_MAX], cubes[STATE_MAX];
	uint64_t count;
};

static uint64_t *state_of(struct sums *sums, unsigned power)
{
	return power == 1 ? sums->sum : power == 2 ? sums->squares : sums->cubes;
}

static void sums_add(struct sums *sums, double number)
{
	assert_int_equal(sum_add_double(sums->sum, number), 0);
	for (unsigned power = 2; power <= EXACT_POWER_MAX; power++)
		assert_int_equal(power_add_double(state_of(sums, power), power, number), 0);
	sums->count++;
}

static void sums_add_int(struct sums *sums, int64_t integer)
{
	assert_int_equal(sum_add_int(sums->sum, integer), 0);
	for (unsigned power = 2; power <= EXACT_POWER_MAX; power++)
		assert_int_equal(power_add_int(state_of(sums, power), power, integer), 0);
	sums->count++;
}

static void sums_merge(struct sums *sums, struct sums *from)
{
	struct buf blob = BUF(1 << 16);

	for (unsigned power = 1; power <= EXACT_POWER_MAX; power++)
		exact_save(&exact_shapes[power], state_of(from, power), &blob);
	struct bytes bytes = {(const uint8_t *)blob.data, (const uint8_t *)blob.data + blob.len,
			      false};
	for (unsigned power = 1; power <= EXACT_POWER_MAX; power++)
		assert_int_equal(exact_absorb(&exact_shapes[power], state_of(sums, power), &bytes),
				 0);
	assert_false(bytes.damaged);
	assert_ptr_equal(bytes.at, bytes.end);
	sums->count += from->count;
	buf_done(&blob);
}

static void sums_done(struct sums *sums)
{
	for (unsigned power = 1; power <= EXACT_POWER_MAX; power++)
		exact_done(&exact_shapes[power], state_of(sums, power));
}

/* Every bit of it. */
static void assert_same(double is, double should)
{
	assert_memory_equal(&is, &should, sizeof(is));
}

struct exact_case {
	double values[VALUES_MAX];
	unsigned count;
	double sum, mean, squares, cubes, variance, third;
};

static const struct exact_case cases[] = {
	{{1e16, 1.0, -1e16, 3.0, 0.1, 0.2, 0.3, -0.6, 0x1p-30, 1e-9},
	 10,
	 4.000000001931323,
	 0.40000000019313225,
	 2e+32,
	 27.82,
	 2.2222222222222224e+31,
	 -2.4000000011587936e+31},
	{{1e308, -1e308, 5e-324, 2.2250738585072014e-308, 1e200, -1e200, 1e-200},
	 7,
	 1e-200,
	 1.4285714285714286e-201,
	 INFINITY,
	 0.0,
	 INFINITY,
	 INFINITY},
	/* by hand: the least double there is, and its square that is none */
	{{5e-324, 5e-324}, 2, 1e-323, 5e-324, 0.0, 0.0, 0.0, 0.0},
	{{4.0, 7.0, 13.0, 16.0}, 4, 40.0, 10.0, 490.0, 6700.0, 30.0, 0.0},
	{{-0.0, -0.0}, 2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
};

static void sums_check(const struct sums *sums, const struct exact_case *expected)
{
	struct exact_powers powers = {sums->sum, sums->squares, sums->cubes, sums->count};

	assert_same(exact_double(&exact_shapes[1], sums->sum), expected->sum);
	assert_same(exact_mean(sums->sum, sums->count), expected->mean);
	assert_same(exact_double(&exact_shapes[2], sums->squares), expected->squares);
	assert_same(exact_double(&exact_shapes[3], sums->cubes), expected->cubes);
	assert_same(exact_spread(&powers, sums->count - 1), expected->variance);
	if (isfinite(expected->third))
		assert_same(exact_third_moment(&powers), expected->third);
}

static void sums_are_those_of_fractions(void **state)
{
	/* In any order, and merged of two in any way. */
	struct rng rng;
	(void)state;

	rng_seed(&rng, 3);
	for (unsigned i = 0; i < ARRAY_LEN(cases) * 50; i++) {
		const struct exact_case *expected = &cases[i % ARRAY_LEN(cases)];
		double values[VALUES_MAX];
		struct sums sums[2] = {{.count = 0}};

		memcpy(values, expected->values, sizeof(values));
		for (unsigned j = expected->count; j-- > 0;) {
			unsigned k = (unsigned)rng_between(&rng, 0, j);

			sums_add(&sums[rng_between(&rng, 0, 1)], values[k]);
			values[k] = values[j];
		}
		sums_merge(&sums[0], &sums[1]);
		sums_check(&sums[0], expected);
		sums_done(&sums[0]);
		sums_done(&sums[1]);
	}
}

static void integers_keep_all_digits(void **state)
{
	/* Of any size; among doubles they are rounded with the whole. */
	static const int64_t integers[] = {INT64_C(1) << 62, INT64_C(1) << 62, INT64_C(1) << 62, -5,
					   7};
	struct buf digits = BUF(256);
	struct sums sums = {.count = 0};
	(void)state;

	for (unsigned i = 0; i < ARRAY_LEN(integers); i++)
		sums_add_int(&sums, integers[i]);
	for (unsigned power = 1; power <= EXACT_POWER_MAX; power++) {
		exact_digits(&exact_shapes[power], state_of(&sums, power), &digits);
		buf_add_byte(&digits, ' ');
	}
	assert_string_equal(digits.data,
			    "13835058055282163714 63802943797675961899382738893456539722 "
			    "294239143846250660804802629212859363254797911459251618010 ");
	assert_same(exact_mean(sums.sum, sums.count), 2.7670116110564326e+18);
	assert_same(exact_spread(&(struct exact_powers){sums.sum, sums.squares, sums.cubes, 5}, 5),
		    5.104235503814077e+36);
	assert_same(
		exact_third_moment(&(struct exact_powers){sums.sum, sums.squares, sums.cubes, 5}),
		-4.707826301540011e+54);
	sums_add(&sums, 0.5);
	assert_same(exact_double(&exact_shapes[1], sums.sum), 13835058055282163714.5);
	sums_done(&sums);
	buf_done(&digits);
}

static void nothing_overflows(void **state)
{
	/* The largest double and the largest integers again and again; the sum comes back to 1. */
	uint64_t sum[STATE_MAX] = {0};
	(void)state;

	for (int turn = 1; turn >= -1; turn -= 2)
		for (int i = 0; i < 100000; i++) {
			assert_int_equal(sum_add_double(sum, turn * 1.7976931348623157e308), 0);
			assert_int_equal(sum_add_double(sum, turn * 0x1p49), 0);
			assert_int_equal(sum_add_int(sum, turn * INT64_MAX), 0);
		}
	assert_int_equal(sum_add_double(sum, 1.0), 0);
	assert_same(exact_double(&exact_shapes[1], sum), 1.0);
	exact_done(&exact_shapes[1], sum);
}

static void a_window_that_is_full_widens(void **state)
{
	/* 2^49 + 2^-24 a million times: beyond the window, which ends at 2^50. */
	uint64_t sum[STATE_MAX] = {0};
	(void)state;

	for (int i = 0; i < 1 << 20; i++) {
		assert_int_equal(sum_add_double(sum, 0x1p49), 0);
		assert_int_equal(sum_add_double(sum, 0x1p-24), 0);
	}
	assert_int_equal(exact_mode(&exact_shapes[1], sum), EXACT_WIDE);
	assert_int_equal(sum_add_double(sum, -0x1p69), 0);
	assert_same(exact_double(&exact_shapes[1], sum), 0x1p-4);
	exact_done(&exact_shapes[1], sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_fractions),
		cmocka_unit_test(integers_keep_all_digits),
		cmocka_unit_test(nothing_overflows),
		cmocka_unit_test(a_window_that_is_full_widens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
