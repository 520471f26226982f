/* SPDX-License-Identifier: MIT */
/* test_locale.c - scrape/number and scrape/date: what people write, by language. */
#include "handlers/scrape/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct reading {
	const char *text, *expected; /* "" when nothing is read */
	enum locale locale;
};

static void numbers_are_found(const struct reading *cases, size_t count)
{
	char digits[NUMBER_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		size_t len =
			number_find(cases[i].text, strlen(cases[i].text), cases[i].locale, digits);

		digits[len] = '\0';
		assert_string_equal(digits, cases[i].expected);
	}
}

static void numbers_without_a_language(void **state)
{
	/* The last mark is the decimal one, unless it can only set thousands apart. */
	static const struct reading cases[] = {
		{"12", "12", LOCALE_NONE},
		{"EUR 1,234.50", "1234.50", LOCALE_NONE},
		{"1.234,50 EUR", "1234.50", LOCALE_NONE},
		{"1,234", "1234", LOCALE_NONE},
		{"1.234", "1.234", LOCALE_NONE},
		{"12,5", "12.5", LOCALE_NONE},
		{"1.234.567", "1234567", LOCALE_NONE},
		{"1 234 567,89", "1234567.89", LOCALE_NONE},
		{"1\xC2\xA0"
		 "234",
		 "1234", LOCALE_NONE},
		{"4'000", "4000", LOCALE_NONE},
		{"10 20", "10", LOCALE_NONE},
		{"-7", "-7", LOCALE_NONE},
		{"\xE2\x88\x92"
		 "7.5",
		 "-7.5", LOCALE_NONE},
		{"A4-80", "4", LOCALE_NONE},
		{"007", "7", LOCALE_NONE},
		{"-0.234.567,89", "-234567.89", LOCALE_NONE},
		{"000", "0", LOCALE_NONE},
		{"0.5", "0.5", LOCALE_NONE},
		{"4e2", "4e2", LOCALE_NONE},
		{"1.5E-3", "1.5E-3", LOCALE_NONE},
		{"4e2b", "4", LOCALE_NONE},
		{"twelve", "", LOCALE_NONE},
		{"", "", LOCALE_NONE},
	};
	(void)state;

	numbers_are_found(cases, sizeof(cases) / sizeof(cases[0]));
}

static void numbers_by_language(void **state)
{
	/* What is ambiguous is decided by the language, not by its shape. */
	static const struct reading cases[] = {
		{"1.234", "1234", LOCALE_DE},	     {"1,234", "1.234", LOCALE_DE},
		{"1.234,56", "1234.56", LOCALE_DE},  {"1,234", "1234", LOCALE_EN},
		{"1.234", "1.234", LOCALE_EN},	     {"1'234.50", "1234.50", LOCALE_DE_CH},
		{"1 234,5", "1234.5", LOCALE_FR},    {"12.345,6", "12345.6", LOCALE_IT},
		{"1.234.567", "1234567", LOCALE_EN},
	};
	(void)state;

	numbers_are_found(cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_number_too_long_is_none(void **state)
{
	/* 63 digits are read, 64 are not: no digit is ever dropped. */
	char text[80], into[NUMBER_TEXT_MAX];
	(void)state;

	memset(text, '1', sizeof(text));
	assert_int_equal(number_find(text, 63, LOCALE_NONE, into), 63);
	assert_int_equal(number_find(text, 64, LOCALE_NONE, into), 0);
}

static void dates_are_read(const struct reading *cases, size_t count, const char *const *formats)
{
	char date[DATE_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		size_t len = date_find(cases[i].text, strlen(cases[i].text), cases[i].locale,
				       formats, date);

		date[len] = '\0';
		assert_string_equal(date, cases[i].expected);
	}
}

static void dates_of_the_web(void **state)
{
	/* ISO 8601, RFC 5322, HTTP's three forms (RFC 9110 has this instant), words. */
	static const struct reading cases[] = {
		{"2024-03-05", "2024-03-05", LOCALE_NONE},
		{"2024-03-05T10:00:00Z", "2024-03-05T10:00:00Z", LOCALE_NONE},
		{"2024-03-05T10:00:00+02:00", "2024-03-05T08:00:00Z", LOCALE_NONE},
		{"2024-03-05T23:30:00.25-0130", "2024-03-06T01:00:00.250Z", LOCALE_NONE},
		{"2024-03-01 00:15 +0100", "2024-02-29T23:15:00Z", LOCALE_NONE},
		{"2024-03-05 10:00", "2024-03-05T10:00:00Z", LOCALE_NONE},
		{"20240305T100000Z", "2024-03-05T10:00:00Z", LOCALE_NONE},
		{"Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z", LOCALE_NONE},
		{"Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z", LOCALE_NONE},
		{"Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z", LOCALE_NONE},
		{"Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06Z", LOCALE_NONE},
		{"March 5, 2024", "2024-03-05", LOCALE_NONE},
		{"Mar. 5, 2024 at 3:04 PM", "2024-03-05T15:04:00Z", LOCALE_NONE},
		{"Tuesday, March 5th, 2024 12:01 a.m.", "2024-03-05T00:01:00Z", LOCALE_NONE},
		{"5 March 2024", "2024-03-05", LOCALE_NONE},
		{"05.03.2024", "2024-03-05", LOCALE_NONE},
		{"5.3.2024, 14:05", "2024-03-05T14:05:00Z", LOCALE_NONE},
		{"2024/3/5", "2024-03-05", LOCALE_NONE},
	};
	(void)state;

	dates_are_read(cases, sizeof(cases) / sizeof(cases[0]), NULL);
}

static void dates_by_language(void **state)
{
	/* Months' names, and the order of 3/4: never a guess. */
	static const struct reading cases[] = {
		{"5. M\xC3\xA4rz 2024", "2024-03-05", LOCALE_DE},
		{"5. M\xC3\xA4rz 2024", "", LOCALE_NONE},
		{"1er juin 2024", "2024-06-01", LOCALE_FR},
		{"1 jui 2024", "", LOCALE_FR},
		{"5 de marzo de 2024", "2024-03-05", LOCALE_ES},
		{"5 mei 2024", "2024-05-05", LOCALE_NL},
		{"3/4/2024", "", LOCALE_NONE},
		{"3/4/2024", "2024-03-04", LOCALE_EN},
		{"3/4/2024", "2024-04-03", LOCALE_EN_GB},
		{"3/4/2024", "2024-04-03", LOCALE_FR},
		{"3/4/2024 9:05 pm", "2024-03-04T21:05:00Z", LOCALE_EN},
	};
	(void)state;

	dates_are_read(cases, sizeof(cases) / sizeof(cases[0]), NULL);
}

static void what_is_no_date_is_none(void **state)
{
	/* Days that no calendar has, text around it, halves. */
	static const struct reading cases[] = {
		{"2023-02-29", "", LOCALE_NONE},
		{"2024-02-29", "2024-02-29", LOCALE_NONE},
		{"1900-02-29", "", LOCALE_NONE},
		{"2024-13-01", "", LOCALE_NONE},
		{"2024-03-05T24:00:00Z", "", LOCALE_NONE},
		{"on 2024-03-05", "", LOCALE_NONE},
		{"2024-03", "", LOCALE_NONE},
		{"soon", "", LOCALE_NONE},
		{"", "", LOCALE_NONE},
		{"March 5, 2024 13:00 PM", "", LOCALE_NONE},
	};
	(void)state;

	dates_are_read(cases, sizeof(cases) / sizeof(cases[0]), NULL);
}

static void formats_of_ones_own(void **state)
{
	/* The first that fits; nothing else is tried.  1,000,000,000 s: a known second. */
	static const char *const formats[] = {"%d|%m|%y", "Posted: %b %Y", "@%s", NULL};
	static const struct reading cases[] = {
		{"05|03|24", "2024-03-05", LOCALE_NONE},
		{"posted: June 2023", "2023-06-01", LOCALE_NONE},
		{"@1000000000", "2001-09-09T01:46:40Z", LOCALE_NONE},
		{"2024-03-05", "", LOCALE_NONE},
	};
	(void)state;

	dates_are_read(cases, sizeof(cases) / sizeof(cases[0]), formats);
}

static void formats_are_checked(void **state)
{
	/* An unknown directive, a group that stays open or was never opened. */
	size_t offset;
	(void)state;

	assert_true(date_format_check("%Y-%m-%d[T%H:%M[:%S]]", &offset));
	assert_false(date_format_check("%Y %Q", &offset));
	assert_int_equal(offset, 3);
	assert_false(date_format_check("%Y[", &offset));
	assert_false(date_format_check("%Y]", &offset));
	assert_int_equal(offset, 2);
	assert_false(date_format_check("", &offset));
	assert_false(date_format_check("%", &offset));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_without_a_language),
		cmocka_unit_test(numbers_by_language),
		cmocka_unit_test(a_number_too_long_is_none),
		cmocka_unit_test(dates_of_the_web),
		cmocka_unit_test(dates_by_language),
		cmocka_unit_test(what_is_no_date_is_none),
		cmocka_unit_test(formats_of_ones_own),
		cmocka_unit_test(formats_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
