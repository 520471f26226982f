/* SPDX-License-Identifier: MIT */
/* test_primes.c - the sieve, against published counts (OEIS A006880) and a Miller-Rabin test. */
#include "handlers/mapreduce/primes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t count_of(int64_t from, int64_t to)
{
	struct err err;
	struct sieve *sieve = sieve_new(to, &err);
	uint64_t count;

	assert_non_null(sieve);
	count = sieve_count(sieve, from, to);
	sieve_free(sieve);
	return count;
}

static void powers_of_ten_have_the_published_counts(void **state)
{
	/* pi(10^n). */
	(void)state;
	assert_int_equal(count_of(1, 10), 4);
	assert_int_equal(count_of(1, 100), 25);
	assert_int_equal(count_of(1, 1000), 168);
	assert_int_equal(count_of(1, 10000), 1229);
	assert_int_equal(count_of(1, 1000000), 78498);
	assert_int_equal(count_of(1, 10000000), 664579);
}

static void small_bounds_are_exact(void **state)
{
	/* Around the wheel's own primes and the ends of a byte, counted by hand. */
	(void)state;
	assert_int_equal(count_of(0, 1), 0);
	assert_int_equal(count_of(2, 2), 1);
	assert_int_equal(count_of(3, 5), 2);
	assert_int_equal(count_of(7, 7), 1);
	assert_int_equal(count_of(8, 10), 0);
	assert_int_equal(count_of(24, 28), 0);
	assert_int_equal(count_of(29, 31), 2);
	assert_int_equal(count_of(31, 31), 1);
	assert_int_equal(count_of(-100, 12), 5);
	assert_int_equal(count_of(-100, -3), 0);
}

static void large_numbers_are_exact(void **state)
{
	/* Counted by Miller-Rabin with the bases that are proven below 3.3e24. */
	(void)state;
	assert_int_equal(count_of(1000000000000, 1000000001000), 37);
	assert_int_equal(count_of((INT64_C(1) << 53) - 1000, INT64_C(1) << 53), 25);
}

static void pieces_add_up(void **state)
{
	/* However a range is cut: 1 … 10^6 in pieces of 997. */
	struct err err;
	struct sieve *sieve = sieve_new(1000000, &err);
	uint64_t count = 0;

	(void)state;
	for (int64_t from = 1; from <= 1000000; from += 997)
		count += sieve_count(sieve, from, from + 996 < 1000000 ? from + 996 : 1000000);
	assert_int_equal(count, 78498);
	sieve_free(sieve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(powers_of_ten_have_the_published_counts),
		cmocka_unit_test(small_bounds_are_exact),
		cmocka_unit_test(large_numbers_are_exact),
		cmocka_unit_test(pieces_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
