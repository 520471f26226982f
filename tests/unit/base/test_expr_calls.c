/* SPDX-License-Identifier: MIT */
/* test_expr_calls.c - base/expr: the functions. */
#include "base/compiler.h"
#include "tests/lib/expr_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void case_is_unicodes(void **state)
{
	/* SpecialCasing.txt of Unicode: ß is SS, a final sigma is ς. */
	static const struct expr_case cases[] = {
		{"lower(\"ABC xyz [@]\")", NULL, "\"abc xyz [@]\"", 0},
		{"upper(\"ABC xyz {`}\")", NULL, "\"ABC XYZ {`}\"", 0},
		{"upper(\"straße\")", NULL, "\"STRASSE\"", 0},
		{"lower(\"ΑΣ\")", NULL, "\"ας\"", 0},
		{"lower(a)", "{\"a\":\"\\u00c9\"}", "\"é\"", 0},
		{"lower(\"\")", NULL, "\"\"", 0},
		{"lower(5)", NULL, "lower(): an integer is not a string", ERR_FAILED},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void texts_are_counted_in_code_points(void **state)
{
	/* Not in bytes, not in units of UTF-16; the first is 1. */
	static const struct expr_case cases[] = {
		{"length(\"héllo\")", NULL, "5", 0},
		{"length(a)", "{\"a\":\"\\ud83d\\ude00x\\n\"}", "3", 0},
		{"length(\"\")", NULL, "0", 0},
		{"substr(\"héllo\", 2, 3)", NULL, "\"éll\"", 0},
		{"substr(\"héllo\", 2)", NULL, "\"éllo\"", 0},
		{"substr(\"abc\", 4)", NULL, "\"\"", 0},
		{"substr(\"abc\", 2, 100)", NULL, "\"bc\"", 0},
		{"substr(\"abc\", 9223372036854775807, 9223372036854775807)", NULL, "\"\"", 0},
		{"substr(\"abc\", 1, 0)", NULL, "\"\"", 0},
		{"substr(\"abc\", \"2\")", NULL, "\"bc\"", 0},
		{"substr(\"abc\", 2.0)", NULL, "\"bc\"", 0},
		{"substr(\"abc\", 0)", NULL, "the first character is 1", ERR_FAILED},
		{"substr(\"abc\", 1, -1)", NULL, "a count is not negative", ERR_FAILED},
		{"substr(\"abc\", 1.5)", NULL, "1.5 is not a 64-bit integer", ERR_FAILED},
		{"pad_left(\"7\", 3, \"0\")", NULL, "\"007\"", 0},
		{"pad_left(\"é\", 4)", NULL, "\"   é\"", 0},
		{"pad_left(\"x\", 6, \"äb\")", NULL, "\"äbäbäx\"", 0},
		{"pad_right(\"x\", 4, \"ab\")", NULL, "\"xaba\"", 0},
		{"pad_left(\"long\", 2)", NULL, "\"long\"", 0},
		{"pad_left(\"x\", -9223372036854775808)", NULL, "\"x\"", 0},
		{"pad_left(\"x\", 5, \"\")", NULL, "fill with is empty", ERR_FAILED},
		{"pad_left(\"x\", 9223372036854775807)", NULL, "too large", ERR_LIMIT},
		{"pad_left(\"x\", 60000000, \"€\")", NULL, "too large", ERR_LIMIT},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void parts_are_found_and_replaced(void **state)
{
	/* From left to right, without overlaps. */
	static const struct expr_case cases[] = {
		{"trim(a)", "{\"a\":\"\\t \\u00a0x y\\u2003\\n\"}", "\"x y\"", 0},
		{"ltrim(\"  x \")", NULL, "\"x \"", 0},
		{"rtrim(\"  x \")", NULL, "\"  x\"", 0},
		{"trim(\"   \")", NULL, "\"\"", 0},
		{"replace(\"aaaa\", \"aa\", \"b\")", NULL, "\"bb\"", 0},
		{"replace(\"aaa\", \"aa\", \"xyz\")", NULL, "\"xyza\"", 0},
		{"replace(\"a.b.c\", \".\", \"\")", NULL, "\"abc\"", 0},
		{"replace(\"abc\", \"\", \"x\")", NULL, "\"abc\"", 0},
		{"replace(\"abc\", \"b\", \"bb\")", NULL, "\"abbc\"", 0},
		{"split_part(\"a,b,,c\", \",\", 1)", NULL, "\"a\"", 0},
		{"split_part(\"a,b,,c\", \",\", 3)", NULL, "\"\"", 0},
		{"split_part(\"a,b,,c\", \",\", 4)", NULL, "\"c\"", 0},
		{"split_part(\"a,b,,c\", \",\", 5)", NULL, "\"\"", 0},
		{"split_part(\"abc\", \"--\", 1)", NULL, "\"abc\"", 0},
		{"split_part(\"abc\", \",\", 0)", NULL, "the first part is 1", ERR_FAILED},
		{"split_part(\"abc\", \"\", 1)", NULL, "not empty", ERR_FAILED},
		{"starts_with(\"abc\", \"ab\")", NULL, "true", 0},
		{"starts_with(\"ab\", \"abc\")", NULL, "false", 0},
		{"ends_with(\"abc\", \"bc\")", NULL, "true", 0},
		{"ends_with(\"abc\", \"\")", NULL, "true", 0},
		{"contains(\"abc\", \"b\")", NULL, "true", 0},
		{"contains(\"abc\", \"\")", NULL, "true", 0},
		{"contains(\"abc\", \"B\")", NULL, "false", 0},
		{"concat(\"a\", 1, 2.5, true, b)", "{\"b\":[1, 2]}", "\"a12.5true[1, 2]\"", 0},
		{"concat(a, b)", "{\"a\":\"\\u00e9\",\"b\":1.50}", "\"é1.50\"", 0},
		{"concat(\"a\", null)", NULL, "null", 0},
		{"text(a)", "{\"a\":1.50}", "\"1.50\"", 0},
		{"text(1 + 1)", NULL, "\"2\"", 0},
		{"text(true)", NULL, "\"true\"", 0},
		{"text(\"x\")", NULL, "\"x\"", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void patterns_search_and_extract(void **state)
{
	/* The first group, or the whole match of a pattern without one; null when not found. */
	static const struct expr_case cases[] = {
		{"matches(\"abc123\", \"\\d+\")", NULL, "true", 0},
		{"matches(\"abc\", \"^b\")", NULL, "false", 0},
		{"matches(null, \"x\")", NULL, "null", 0},
		{"extract(\"order 42 of 50\", \"(\\d+) of\")", NULL, "\"42\"", 0},
		{"extract(\"order 42\", \"\\\\d+\")", NULL, "\"42\"", 0},
		{"extract(\"order\", \"\\d+\")", NULL, "null", 0},
		{"extract(\"b\", \"(a)?b\")", NULL, "null", 0},
		{"extract(\"ab\", \"a()b\")", NULL, "\"\"", 0},
		{"extract(a, \"é(.)\")", "{\"a\":\"x\\u00e9\\ud83d\\ude00\"}", "\"😀\"", 0},
		{"matches(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\", \"(a+)+(a+)+(a+)+$\")", NULL,
		 "matches(): the pattern takes too much work", ERR_LIMIT},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void rounding_is_of_the_number_as_written(void **state)
{
	/* Half away from zero: 1.005 is 1.01, as on paper. */
	static const struct expr_case cases[] = {
		{"round(2.5)", NULL, "3", 0},
		{"round(-2.5)", NULL, "-3", 0},
		{"round(0.49999999999999994)", NULL, "0", 0},
		{"round(7)", NULL, "7", 0},
		{"round(1.005, 2)", NULL, "1.01", 0},
		{"round(2.675, 2)", NULL, "2.68", 0},
		{"round(-1.005, 2)", NULL, "-1.01", 0},
		{"round(0.05, 1)", NULL, "0.1", 0},
		{"round(0.04, 1)", NULL, "0.0", 0},
		{"round(0.04, 0)", NULL, "0.0", 0},
		{"round(0.5, 0)", NULL, "1.0", 0},
		{"round(9.99, 1)", NULL, "10.0", 0},
		{"round(1234.5, -2)", NULL, "1200.0", 0},
		{"round(1.1 * 1.1, 2)", NULL, "1.21", 0},
		{"round(0.1, 400)", NULL, "0.1", 0},
		{"round(1e300, 2)", NULL, "1e+300", 0},
		{"round(1.7976931348623157e308, -308)", NULL, "beyond a double", ERR_OVERFLOW},
		{"round(1250, -2)", NULL, "1300", 0},
		{"round(-1250, -2)", NULL, "-1300", 0},
		{"round(1249, -2)", NULL, "1200", 0},
		{"round(5, -1)", NULL, "10", 0},
		{"round(5, 3)", NULL, "5", 0},
		{"round(9223372036854775807, -1)", NULL, "beyond a 64-bit", ERR_OVERFLOW},
		{"round(-9223372036854775808, -19)", NULL, "beyond a 64-bit", ERR_OVERFLOW},
		{"round(4000000000000000000, -19)", NULL, "0", 0},
		{"round(9223372036854775807, -400)", NULL, "0", 0},
		{"floor(-2.5)", NULL, "-3", 0},
		{"ceil(-2.5)", NULL, "-2", 0},
		{"trunc(-2.5)", NULL, "-2", 0},
		{"int(2.9)", NULL, "2", 0},
		{"int(\" 12 \")", NULL, "12", 0},
		{"int(\"12.7\")", NULL, "12", 0},
		{"int(9223372036854775808.0)", NULL, "beyond a 64-bit", ERR_OVERFLOW},
		{"int(-9223372036854775808.0)", NULL, "-9223372036854775808", 0},
		{"int(9007199254740993)", NULL, "9007199254740993", 0},
		{"floor(1e300)", NULL, "beyond a 64-bit", ERR_OVERFLOW},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void numbers_have_values_or_say_so(void **state)
{
	/* By bc(1) and C's definitions; what is no number is an error. */
	static const struct expr_case cases[] = {
		{"abs(-5)", NULL, "5", 0},
		{"abs(-2.5)", NULL, "2.5", 0},
		{"abs(-9223372036854775808)", NULL, "beyond a 64-bit integer", ERR_OVERFLOW},
		{"sign(-2.5)", NULL, "-1", 0},
		{"sign(0)", NULL, "0", 0},
		{"sign(9)", NULL, "1", 0},
		{"sqrt(9)", NULL, "3.0", 0},
		{"sqrt(-1)", NULL, "sqrt(): the result is not a number", ERR_FAILED},
		{"pow(2, 10)", NULL, "1024.0", 0},
		{"pow(-8, 0.5)", NULL, "not a number", ERR_FAILED},
		{"pow(10, 400)", NULL, "beyond a double", ERR_OVERFLOW},
		{"exp(0)", NULL, "1.0", 0},
		{"exp(1000)", NULL, "beyond a double", ERR_OVERFLOW},
		{"ln(1)", NULL, "0.0", 0},
		{"ln(0)", NULL, "not a number", ERR_FAILED},
		{"log10(1000)", NULL, "3.0", 0},
		{"log10(-1)", NULL, "not a number", ERR_FAILED},
		{"number(\"+1.50\")", NULL, "1.5", 0},
		{"number(a)", "{\"a\":\"12\"}", "12", 0},
		{"number(\"12 apples\")", NULL, "\"12 apples\" is not a number", ERR_FAILED},
		{"number(true)", NULL, "true is not a number", ERR_FAILED},
		{"least(3, 1.5, 2)", NULL, "1.5", 0},
		{"greatest(3, \"20\", 2)", NULL, "\"20\"", 0},
		{"greatest(\"a\", \"b\")", NULL, "\"b\"", 0},
		{"greatest(9007199254740992.0, 9007199254740993)", NULL, "9007199254740993", 0},
		{"least(1, null)", NULL, "null", 0},
		{"least(1, \"a\")", NULL, "have no order", ERR_FAILED},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void dates_are_utc(void **state)
{
	/* `date -u -d …`; an offset moves the day, the year and the weekday. */
	static const struct expr_case cases[] = {
		{"epoch_ms(\"2024-02-29T12:00:00.5Z\")", NULL, "1709208000500", 0},
		{"epoch_ms(\"1969-12-31\")", NULL, "-86400000", 0},
		{"epoch_ms(\"0001-01-01\")", NULL, "-62135596800000", 0},
		{"instant(1709208000500)", NULL, "\"2024-02-29T12:00:00.500Z\"", 0},
		{"instant(-1)", NULL, "\"1969-12-31T23:59:59.999Z\"", 0},
		{"instant(0)", NULL, "\"1970-01-01T00:00:00Z\"", 0},
		{"instant(253402300800000)", NULL, "outside years 1 to 9999", ERR_OVERFLOW},
		{"instant(-62135596800001)", NULL, "outside years 1 to 9999", ERR_OVERFLOW},
		{"year(\"2023-12-31T23:30:00-01:00\")", NULL, "2024", 0},
		{"month(\"2023-12-31T23:30:00-01:00\")", NULL, "1", 0},
		{"day(\"2024-02-29\")", NULL, "29", 0},
		{"hour(\"2024-02-29 23:58:59\")", NULL, "23", 0},
		{"minute(\"2024-02-29T23:58:59Z\")", NULL, "58", 0},
		{"second(\"1969-12-31T23:58:59.9Z\")", NULL, "59", 0},
		{"hour(\"2024-02-29\")", NULL, "0", 0},
		{"weekday(\"2024-02-29\")", NULL, "4", 0},
		{"weekday(\"1969-12-28\")", NULL, "7", 0},
		{"weekday(\"0001-01-01\")", NULL, "1", 0},
		{"weekday(\"9999-12-31\")", NULL, "5", 0},
		{"year(\"2023-02-29\")", NULL, "\"2023-02-29\" is not a date", ERR_FAILED},
		{"year(2024)", NULL, "an integer is not a string", ERR_FAILED},
		{"year(null)", NULL, "null", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void dates_move_by_durations(void **state)
{
	/* A day alone stays one when it is moved by whole days. */
	static const struct expr_case cases[] = {
		{"date_add(\"2024-02-28\", \"1d\")", NULL, "\"2024-02-29\"", 0},
		{"date_add(\"2024-03-01\", \"-1d\")", NULL, "\"2024-02-29\"", 0},
		{"date_add(\"2024-02-28\", \"36h\")", NULL, "\"2024-02-29T12:00:00Z\"", 0},
		{"date_add(\"2024-02-28\", \"48h\")", NULL, "\"2024-03-01\"", 0},
		{"date_add(\"2024-02-28T00:00:00Z\", \"1d\")", NULL, "\"2024-02-29T00:00:00Z\"", 0},
		{"date_add(\"2024-02-28T00:00:00+01:00\", \"1ms\")", NULL,
		 "\"2024-02-27T23:00:00.001Z\"", 0},
		{"date_add(\"9999-12-31\", \"1d\")", NULL, "outside years", ERR_OVERFLOW},
		{"date_add(\"0001-01-01\", \"-1ms\")", NULL, "outside years", ERR_OVERFLOW},
		{"date_add(\"2024-01-01\", \"106751991167d\")", NULL, "outside years",
		 ERR_OVERFLOW},
		{"date_add(\"2024-01-01\", \"1\")", NULL, "\"1\" is not a duration", ERR_FAILED},
		{"date_add(\"2024-01-01\", \"--1d\")", NULL, "is not a duration", ERR_FAILED},
		{"date_add(\"2024-01-01\", \"\")", NULL, "is not a duration", ERR_FAILED},
		{"date_diff_ms(\"2024-02-28\", \"2024-03-01T00:00:00.5Z\")", NULL, "172800500", 0},
		{"date_diff_ms(\"9999-12-31\", \"0001-01-01\")", NULL, "-315537811200000", 0},
		{"date_trunc(\"year\", \"2024-05-17\")", NULL, "\"2024-01-01\"", 0},
		{"date_trunc(\"month\", \"2024-05-17T10:20:30.4Z\")", NULL,
		 "\"2024-05-01T00:00:00Z\"", 0},
		{"date_trunc(\"week\", \"2024-05-19\")", NULL, "\"2024-05-13\"", 0},
		{"date_trunc(\"week\", \"0001-01-03\")", NULL, "\"0001-01-01\"", 0},
		{"date_trunc(\"day\", \"1969-12-31T23:59:59Z\")", NULL, "\"1969-12-31T00:00:00Z\"",
		 0},
		{"date_trunc(\"hour\", \"2024-05-17T10:20:30.4Z\")", NULL,
		 "\"2024-05-17T10:00:00Z\"", 0},
		{"date_trunc(\"second\", \"2024-05-17T10:20:30.4+01:00\")", NULL,
		 "\"2024-05-17T09:20:30Z\"", 0},
		{"date_trunc(\"fortnight\", \"2024-05-17\")", NULL, "\"fortnight\" is not year",
		 ERR_FAILED},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_is_unicodes),
		cmocka_unit_test(texts_are_counted_in_code_points),
		cmocka_unit_test(parts_are_found_and_replaced),
		cmocka_unit_test(patterns_search_and_extract),
		cmocka_unit_test(rounding_is_of_the_number_as_written),
		cmocka_unit_test(numbers_have_values_or_say_so),
		cmocka_unit_test(dates_are_utc),
		cmocka_unit_test(dates_move_by_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
