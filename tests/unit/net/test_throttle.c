/* SPDX-License-Identifier: MIT */
/* Retry-After and dates, by RFC 9110; incidents without either. */
#include "net/throttle.h"

#include "base/compiler.h"
#include "net/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* 1994-11-06T08:49:37Z, the example of RFC 9110, section 5.6.7: `date -u -d … +%s`. */
#define EXAMPLE_S 784111777

static void the_three_forms_of_a_date_are_read(void **state)
{
	/* The RFC's three examples are one instant; a two-digit year is of the right century. */
	static const struct {
		const char *text;
		int64_t wall_s;
	} good[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE_S},
		{"Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE_S},
		{"Sun Nov  6 08:49:37 1994", EXAMPLE_S},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Saturday, 01-Jan-00 00:00:00 GMT", 946684800},
	};
	static const char *const bad[] = {
		"",
		"Sun",
		"06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Foo 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
	};
	int64_t wall_s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(http_date_parse(good[i].text, EXAMPLE_S, &wall_s), 0);
		assert_int_equal(wall_s, good[i].wall_s);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (http_date_parse(bad[i], EXAMPLE_S, &wall_s) == 0)
			fail_msg("'%s' was taken", bad[i]);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	/* A date counts from the answer's own Date: its clock may be wrong, ours too. */
	static const struct {
		const char *value, *date;
		int64_t after_ms;
	} cases[] = {
		{"120", NULL, 120000},
		{"0", NULL, 0},
		{"99999999999999999999", NULL, 86400000},
		{"Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 60000},
		{"Sun Nov  6 08:50:37 1994", "Sunday, 06-Nov-94 08:50:07 GMT", 30000},
		{"Sun, 06 Nov 1994 08:49:47 GMT", NULL, 10000},
		{"Sun, 06 Nov 1994 08:49:47 GMT", "yesterday", 10000},
		{"Sun, 06 Nov 1994 08:00:00 GMT", NULL, 0},
		{"Sun, 06 Nov 2094 08:00:00 GMT", NULL, 86400000},
		{"", NULL, -1},
		{"-1", NULL, -1},
		{"1.5", NULL, -1},
		{"soon", NULL, -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			retry_after_parse(cases[i].value, cases[i].date, EXAMPLE_S * 1000LL),
			cases[i].after_ms);
}

static void incidents_without_a_word_double(void **state)
{
	/* 60 s, 120 s, … at most a day; a burst during the wait is the same incident. */
	struct throttle throttle = {0};
	int64_t now_ms = 1000, wait_ms = 60000;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_true(throttle_hit(&throttle, -1, now_ms));
		assert_int_equal(throttle.until_ms, now_ms + wait_ms);
		assert_false(throttle_hit(&throttle, -1, now_ms + 1));
		assert_false(throttle_hit(&throttle, -1, throttle.until_ms - 1));
		assert_int_equal(throttle.until_ms, now_ms + wait_ms);
		now_ms = throttle.until_ms;
		wait_ms = MIN(wait_ms * 2, 86400000);
	}
}

static void half_an_hour_of_quiet_is_forgiven(void **state)
{
	/* The third incident comes 30 minutes after the second was over: 60 s again. */
	struct throttle throttle = {0};

	(void)state;
	throttle_hit(&throttle, -1, 1000);
	throttle_hit(&throttle, -1, 61000);
	assert_int_equal(throttle.until_ms, 181000);
	throttle_hit(&throttle, -1, 181000 + 30 * 60 * 1000);
	assert_int_equal(throttle.until_ms, 181000 + 30 * 60 * 1000 + 60000);
}

static void a_longer_retry_after_wins(void **state)
{
	/* A later answer may lengthen the wait, never shorten it. */
	struct throttle throttle = {0};

	(void)state;
	assert_true(throttle_hit(&throttle, 10000, 1000));
	assert_false(throttle_hit(&throttle, 5000, 2000));
	assert_int_equal(throttle.until_ms, 11000);
	assert_true(throttle_hit(&throttle, 20000, 3000));
	assert_int_equal(throttle.until_ms, 23000);
	assert_int_equal(throttle.incidents, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_forms_of_a_date_are_read),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(incidents_without_a_word_double),
		cmocka_unit_test(half_an_hour_of_quiet_is_forgiven),
		cmocka_unit_test(a_longer_retry_after_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
