/* SPDX-License-Identifier: MIT */
/* test_token_bucket.c - what it has at which time; all by hand. */
#include "handlers/pipeline/token_bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void it_is_full_at_first_and_fills_with_time(void **state)
{
	/* Four in a second, two at once. */
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, 4, 2, 1000);
	assert_int_equal(token_bucket_take(&bucket, 5, 1000), 2);
	assert_int_equal(token_bucket_wait_us(&bucket), 250000);
	assert_int_equal(token_bucket_take(&bucket, 5, 250999), 0);
	assert_int_equal(token_bucket_take(&bucket, 5, 251000), 1);
	assert_int_equal(token_bucket_take(&bucket, 5, 376000), 0);
	assert_int_equal(token_bucket_wait_us(&bucket), 125000);
}

static void it_does_not_overflow(void **state)
{
	/* An hour without records is worth no more than the burst. */
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, 1000, 3, 0);
	assert_int_equal(token_bucket_take(&bucket, 3, 0), 3);
	assert_int_equal(token_bucket_take(&bucket, 100, INT64_C(3600) * 1000 * 1000), 3);
}

static void many_small_steps_are_as_one(void **state)
{
	/* Ten thousand looks, each 1 ms later, at 8 in a second: 80 and the first. */
	struct token_bucket bucket;
	size_t took = 0;

	(void)state;
	token_bucket_init(&bucket, 8, 1, 0);
	for (int64_t at_us = 0; at_us <= 10 * 1000 * 1000; at_us += 1000)
		took += token_bucket_take(&bucket, 1, at_us);
	assert_int_equal(took, 81);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_full_at_first_and_fills_with_time),
		cmocka_unit_test(it_does_not_overflow),
		cmocka_unit_test(many_small_steps_are_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
