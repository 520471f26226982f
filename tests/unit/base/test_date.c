/* SPDX-License-Identifier: MIT */
/* test_date.c - base/date: the calendar against date(1), and RFC 3339. */
#include "base/compiler.h"
#include "base/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void days_have_numbers_and_back(void **state)
{
	/* `date -u -d 1969-12-31 +%s` / 86400, and so on; the first day by Python's
	 * date.toordinal(). */
	static const struct {
		struct day day;
		int64_t number;
	} cases[] = {
		{{1970, 1, 1}, 0},	 {{1969, 12, 31}, -1},	   {{2000, 2, 29}, 11016},
		{{1900, 3, 1}, -25508},	 {{1, 1, 1}, -719162},	   {{9999, 12, 31}, 2932896},
		{{2024, 12, 31}, 20088}, {{1582, 10, 4}, -141438},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct day day = day_of(cases[i].number);

		assert_int_equal(day_number(cases[i].day), cases[i].number);
		assert_int_equal(day.year, cases[i].day.year);
		assert_int_equal(day.month, cases[i].day.month);
		assert_int_equal(day.day, cases[i].day.day);
	}
}

static void every_day_follows_the_one_before(void **state)
{
	/* All 3,652,059 days of the years 1 to 9999, one after the other. */
	struct day day = {.year = 1, .month = 1, .day = 1};
	int64_t number = -719162;
	(void)state;

	for (; day.year < 10000; number++) {
		struct day found = day_of(number);

		if (found.year != day.year || found.month != day.month || found.day != day.day ||
		    day_number(day) != number)
			fail_msg("%d-%d-%d is not day %ld", day.year, day.month, day.day,
				 (long)number);
		if (++day.day > month_days(day.year, day.month)) {
			day.day = 1;
			day.year += day.month == 12;
			day.month = day.month % 12 + 1;
		}
	}
	assert_int_equal(number, 2932897);
}

static void moments_are_read_in_all_their_forms(void **state)
{
	/* Milliseconds of `date -u -d … +%s`, by hand where date(1) refuses. */
	static const struct {
		const char *text;
		int64_t ms;
		bool timed, zoned;
	} cases[] = {
		{"2024-02-29", 1709164800000, false, false},
		{"2024-02-29T12:00:00Z", 1709208000000, true, true},
		{"2024-02-29t12:00:00z", 1709208000000, true, true},
		{"2024-02-29 12:00:00", 1709208000000, true, false},
		{"2024-02-29T12:00:00.1239+01:30", 1709202600123, true, true},
		{"2016-12-31T23:59:60Z", 1483228799000, true, true},
		{"0001-01-01", -62135596800000, false, false},
		{"9999-12-31T23:59:59.999Z", 253402300799999, true, true},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct moment moment = {0};

		assert_true(moment_parse(cases[i].text, strlen(cases[i].text), &moment));
		assert_int_equal(moment.ms, cases[i].ms);
		assert_int_equal(moment.timed, cases[i].timed);
		assert_int_equal(moment.zoned, cases[i].zoned);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	/* Days that are not, years outside 1 to 9999 (in UTC too), and bytes behind the end. */
	static const char *const texts[] = {
		"",
		"2023-02-29",
		"1900-02-29",
		"0000-01-01",
		"2024-13-01",
		"2024-04-31",
		"2024-1-01",
		"2024-01-01 ",
		"2024-01-01T",
		"2024-01-01T24:00:00Z",
		"2024-01-01T12:00Z",
		"2024-01-01T12:00:00.Z",
		"2024-01-01T12:00:00Zx",
		"2024-01-01T12:00:00+24:00",
		"2024-01-01T12:00:00+0100",
		"0001-01-01T00:00:00+00:01",
		"9999-12-31T23:59:59-00:01",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct moment moment;

		if (moment_parse(texts[i], strlen(texts[i]), &moment))
			fail_msg("'%s' is taken", texts[i]);
	}
	assert_false(moment_parse("2024-01-01", 9, &(struct moment){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_have_numbers_and_back),
		cmocka_unit_test(every_day_follows_the_one_before),
		cmocka_unit_test(moments_are_read_in_all_their_forms),
		cmocka_unit_test(what_is_no_date_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
