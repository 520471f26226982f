/* SPDX-License-Identifier: MIT */
/* test_whole.c - sums of 256 bits and their digits, against Python's integers. */
#include "handlers/mapreduce/whole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_digits(const struct whole *sum, const char *json)
{
	struct buf text = BUF(200);
	struct json_out out = JSON_OUT(&text);

	whole_out(sum, &out, NULL);
	assert_string_equal(buf_text(&text), json);
	buf_done(&text);
}

static void small_sums_are_json_numbers(void **state)
{
	/* Up to 2^53 a reader of JSON keeps all digits. */
	struct whole sum = {0};

	(void)state;
	assert_digits(&sum, "0");
	whole_add(&sum, -1);
	assert_digits(&sum, "-1");
	whole_add(&sum, INT64_C(9007199254740993));
	assert_digits(&sum, "9007199254740992");
	whole_add(&sum, 1);
	assert_digits(&sum, "\"9007199254740993\"");
}

static void digits_go_on_beyond_64_and_128_bits(void **state)
{
	/* 5·10^18 has zeros at the ends of its groups of 18 digits; 2^200 by doubling. */
	struct whole sum = {0}, copy;

	(void)state;
	whole_add(&sum, INT64_C(5000000000000000000));
	assert_digits(&sum, "\"5000000000000000000\"");
	sum = (struct whole){{1}};
	for (int i = 0; i < 200; i++) {
		copy = sum;
		whole_merge(&sum, &copy);
	}
	assert_digits(&sum, "\"1606938044258990275541962092341162602522202993782792835301376\"");
}

static void negative_sums_have_their_sign(void **state)
{
	/* -2^127, the least of 128 bits, twice. */
	struct whole sum = {0};
	__int128 least = -((__int128)1 << 126) * 2;

	(void)state;
	whole_add(&sum, least);
	assert_digits(&sum, "\"-170141183460469231731687303715884105728\"");
	whole_add(&sum, least);
	assert_digits(&sum, "\"-340282366920938463463374607431768211456\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_sums_are_json_numbers),
		cmocka_unit_test(digits_go_on_beyond_64_and_128_bits),
		cmocka_unit_test(negative_sums_have_their_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
