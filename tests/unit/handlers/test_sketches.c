/* SPDX-License-Identifier: MIT */
/* test_sketches.c - handlers/aggregate: quantiles, distinct counts and the best of many, exact
 * and beyond. */
#include "base/clock.h"
#include "base/compiler.h"
#include "handlers/aggregate/best.h"
#include "handlers/aggregate/distinct.h"
#include "handlers/aggregate/order.h"
#include "handlers/aggregate/quantile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BLOB_MAX = 1 << 24 };

static struct bytes bytes_of(const struct buf *buf)
{
	const uint8_t *at = (const uint8_t *)buf->data;

	return (struct bytes){.at = at, .end = at + buf->len};
}

/* ---- quantiles ---- */

static void quantiles_of_thousands_are_exact(void **state)
{
	/* 0 … 9999, shuffled by a step that is prime to it: the place (n - 1) q is the value. */
	struct quantile quantile = {0};
	(void)state;

	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(quantile_add(&quantile, i * 7919 % 10000, 10000), 0);
	assert_true(quantile_is_exact(&quantile));
	assert_true(quantile_at(&quantile, 0.5) == 4999.5);
	assert_true(quantile_at(&quantile, 0.25) == 2499.75);
	assert_true(quantile_at(&quantile, 0) == 0);
	assert_true(quantile_at(&quantile, 1) == 9999);
	assert_true(fabs(quantile_at(&quantile, 0.999) - 9989.001) < 1e-9);
	quantile_done(&quantile);
}

static void equal_values_do_not_slow_a_quantile(void **state)
{
	/* Two values, a million times: still in time, and right. */
	struct quantile quantile = {0};
	(void)state;

	for (unsigned i = 0; i < 1000000; i++)
		assert_int_equal(quantile_add(&quantile, i % 4 == 0 ? -1.5 : 2.5, 1 << 20), 0);
	assert_true(quantile_at(&quantile, 0.2) == -1.5);
	assert_true(quantile_at(&quantile, 0.3) == 2.5);
	quantile_done(&quantile);
}

static void a_sketch_keeps_its_bound(void **state)
{
	/* Of 100,000 values over 600 powers of ten, either sign: each quantile is within 1/257. */
	struct quantile sketch = {0}, exact = {0};
	struct rng rng;
	(void)state;

	rng_seed(&rng, 5);
	for (unsigned i = 0; i < 100001; i++) {
		double value = pow(10, (double)rng_between(&rng, -3000, 3000) / 10);

		value = i % 3 == 0 ? -value : value;
		assert_int_equal(quantile_add(&sketch, value, 1000), 0);
		assert_int_equal(quantile_add(&exact, value, 1 << 20), 0);
	}
	assert_false(quantile_is_exact(&sketch));
	for (int i = 0; i <= 1000; i++) { /* n - 1 is a multiple: places are values */
		double is = quantile_at(&sketch, i / 1000.0),
		       should = quantile_at(&exact, i / 1000.0);

		assert_true(fabs(is - should) <= fabs(should) * QUANTILE_ERROR * (1 + 1e-12));
	}
	assert_true(quantile_at(&sketch, 0) == quantile_at(&exact, 0));
	assert_true(quantile_at(&sketch, 1) == quantile_at(&exact, 1));
	quantile_done(&sketch);
	quantile_done(&exact);
}

static void quantiles_merge_without_a_trace(void **state)
{
	/* By saving and by moving, of exact ones and sketches: every percentile is the one of a
	 * quantile that saw all values in order. */
	enum { LIMIT = 300 };
	(void)state;

	for (unsigned values = 100; values <= 900; values += 200) {
		struct quantile one = {0}, parts[3] = {{.count = 0}};
		struct buf blob = BUF(BLOB_MAX);

		for (unsigned i = 0; i < values; i++) {
			double value = (i * 37 % 100) - 50.0;

			assert_int_equal(quantile_add(&one, value, LIMIT), 0);
			assert_int_equal(quantile_add(&parts[i % 7 % 3], value, LIMIT), 0);
		}
		quantile_save(&parts[1], &blob);
		struct bytes bytes = bytes_of(&blob);
		assert_int_equal(quantile_absorb(&parts[0], &bytes, LIMIT), 0);
		assert_ptr_equal(bytes.at, bytes.end);
		assert_int_equal(quantile_merge(&parts[2], &parts[0], LIMIT), 0);
		assert_int_equal(parts[2].count, values);
		assert_int_equal(quantile_is_exact(&parts[2]), values <= LIMIT);
		for (int i = 0; i <= 100; i++)
			assert_true(quantile_at(&parts[2], i / 100.0) ==
				    quantile_at(&one, i / 100.0));
		for (unsigned i = 0; i < 3; i++)
			quantile_done(&parts[i]);
		quantile_done(&one);
		buf_done(&blob);
	}
}

/* ---- distinct ---- */

static void distinct_fill(struct distinct *distinct, unsigned from, unsigned end, uint64_t max)
{
	for (unsigned i = from; i < end; i++)
		assert_int_equal(distinct_add(distinct, distinct_print_of(&i, sizeof(i)), max), 0);
}

static void distinct_is_exact_up_to_its_limit(void **state)
{
	/* 1,000 of 1,000 are exact, however often each comes; one more is not. */
	struct distinct distinct = {0};
	(void)state;

	distinct_fill(&distinct, 0, 1000, 1000);
	distinct_fill(&distinct, 0, 1000, 1000);
	assert_true(distinct_is_exact(&distinct));
	assert_int_equal(distinct_count(&distinct), 1000);
	distinct_fill(&distinct, 1000, 1001, 1000);
	assert_false(distinct_is_exact(&distinct));
	distinct_done(&distinct);
}

static void a_sketch_of_distinct_keeps_its_bound(void **state)
{
	/* Within four standard errors (3.2 %) from a few to millions. */
	static const unsigned counts[] = {10, 1000, 20000, 50000, 100000, 1000000, 3000000};
	(void)state;

	for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
		struct distinct distinct = {0};
		double count;

		distinct_fill(&distinct, 0, counts[i], 5);
		count = (double)distinct_count(&distinct);
		assert_true(fabs(count - counts[i]) <= 4 * DISTINCT_ERROR * counts[i]);
		distinct_done(&distinct);
	}
}

static void distinct_merges_without_a_trace(void **state)
{
	/* Below and beyond the limit, with values in common. */
	(void)state;

	for (unsigned values = 100; values <= 5000; values *= 7) {
		struct distinct one = {0}, parts[2] = {{.count = 0}};
		struct buf blob = BUF(BLOB_MAX);

		distinct_fill(&one, 0, values, 1000);
		distinct_fill(&parts[0], 0, values * 2 / 3, 1000);
		distinct_fill(&parts[1], values / 3, values, 1000);
		distinct_save(&parts[1], &blob);
		struct bytes bytes = bytes_of(&blob);
		assert_int_equal(distinct_absorb(&parts[0], &bytes, 1000), 0);
		assert_ptr_equal(bytes.at, bytes.end);
		assert_int_equal(distinct_is_exact(&parts[0]), distinct_is_exact(&one));
		assert_int_equal(distinct_count(&parts[0]), distinct_count(&one));
		distinct_done(&one);
		distinct_done(&parts[0]);
		distinct_done(&parts[1]);
		buf_done(&blob);
	}
}

/* ---- the best ---- */

static void the_best_are_kept_in_order(void **state)
{
	/* Three of ten, by rank and then by text; equal ones both. */
	static const char *const words[] = {"m", "c", "x", "b", "a", "c", "z", "b", "y", "b"};
	struct best best = {0};
	char text[8] = "";
	(void)state;

	for (unsigned i = 0; i < ARRAY_LEN(words); i++)
		assert_int_equal(best_add(&best, &(struct best_like){words[i], 1, words[i], 1}, 3),
				 0);
	best_sort(&best);
	assert_int_equal(best.count, 3);
	for (unsigned i = 0; i < 3; i++)
		strncat(text, (const char *)best.heap[i]->bytes + 1, 1);
	assert_string_equal(text, "abb");
	assert_false(best_wants(&best, "c", 1, 3));
	best_done(&best);
}

/* ---- order ---- */

static void bytes_have_the_order_of_values(void **state)
{
	/* Each of these is less than the next; integers that a double cannot tell apart too. */
	static const struct value values[] = {
		{.kind = VALUE_NULL},
		{.kind = VALUE_FALSE},
		{.kind = VALUE_TRUE},
		{.kind = VALUE_DOUBLE, .number = -1e300},
		{.kind = VALUE_INT, .integer = INT64_MIN},
		{.kind = VALUE_INT, .integer = INT64_MIN + 1},
		{.kind = VALUE_INT, .integer = -9007199254740993},
		{.kind = VALUE_DOUBLE, .number = -9007199254740992.0},
		{.kind = VALUE_DOUBLE, .number = -0.5},
		{.kind = VALUE_INT, .integer = 0},
		{.kind = VALUE_DOUBLE, .number = 5e-324},
		{.kind = VALUE_INT, .integer = 1},
		{.kind = VALUE_INT, .integer = 9007199254740993},
		{.kind = VALUE_INT, .integer = INT64_MAX - 1},
		{.kind = VALUE_INT, .integer = INT64_MAX},
		{.kind = VALUE_DOUBLE, .number = 9223372036854775808.0},
		{.kind = VALUE_BIG, .at = "1e999", .len = 5},
		{.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = "", .len = 0},
		{.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = "\0", .len = 1},
		{.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = "\0a", .len = 2},
		{.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = "\1", .len = 1},
		{.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = "a", .len = 1},
		{.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = "aa", .len = 2},
		{.kind = VALUE_ARRAY, .at = "[]", .len = 2},
		{.kind = VALUE_OBJECT, .at = "{}", .len = 2},
	};
	struct buf before = BUF(1024), bytes = BUF(1024), scratch = BUF(1024), text = BUF(1024);
	(void)state;

	for (unsigned last = 0; last < 2; last++)
		for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
			struct value back;
			struct buf other = before;

			buf_clear(&other);
			before = bytes;
			bytes = other;
			assert_int_equal(order_add(&bytes, &values[i], last, &scratch), 0);
			if (i > 0) {
				int order =
					memcmp(before.data, bytes.data, MIN(before.len, bytes.len));

				assert_true(order < 0 || (order == 0 && before.len < bytes.len));
			}
			struct bytes reading = bytes_of(&bytes);
			buf_clear(&scratch);
			assert_true(order_read(&reading, last, &scratch, &back));
			assert_ptr_equal(reading.at, reading.end);
			assert_int_equal(back.kind, values[i].kind);
			buf_clear(&text);
			value_print(&values[i], &text);
			buf_add_byte(&text, ' ');
			size_t half = text.len;
			value_print(&back, &text);
			assert_int_equal(text.len, 2 * half - 1);
			assert_memory_equal(text.data, text.data + half, half - 1);
		}
	buf_done(&before);
	buf_done(&bytes);
	buf_done(&scratch);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_of_thousands_are_exact),
		cmocka_unit_test(equal_values_do_not_slow_a_quantile),
		cmocka_unit_test(a_sketch_keeps_its_bound),
		cmocka_unit_test(quantiles_merge_without_a_trace),
		cmocka_unit_test(distinct_is_exact_up_to_its_limit),
		cmocka_unit_test(a_sketch_of_distinct_keeps_its_bound),
		cmocka_unit_test(distinct_merges_without_a_trace),
		cmocka_unit_test(the_best_are_kept_in_order),
		cmocka_unit_test(bytes_have_the_order_of_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
