/* SPDX-License-Identifier: MIT */
/* test_expr.c - base/expr: what operators give, by hand and by SQL's and Lua's rules. */
#include "base/compiler.h"
#include "base/expr/expr.h"
#include "base/record/scan.h"
#include "tests/lib/expr_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void operators_bind_as_documented(void **state)
{
	/* or < and < not < comparison < sum < product < minus; the left one first. */
	static const struct expr_case cases[] = {
		{"1 + 2 * 3", NULL, "7", 0},
		{"(1 + 2) * 3", NULL, "9", 0},
		{"10 - 4 - 3", NULL, "3", 0},
		{"100 // 7 // 2 * 3 % 5", NULL, "1", 0},
		{"2 * -3", NULL, "-6", 0},
		{"--3", NULL, "3", 0},
		{"-2 - -3", NULL, "1", 0},
		{"true or false and false", NULL, "true", 0},
		{"(true or false) and false", NULL, "false", 0},
		{"not true or true", NULL, "true", 0},
		{"not (true or true)", NULL, "false", 0},
		{"not 1 == 2", NULL, "true", 0},
		{"not not true", NULL, "true", 0},
		{"1 + 1 == 2 and 2 < 3", NULL, "true", 0},
		{"2 between 1 and 3 and false", NULL, "false", 0},
		{"2 not between 1 and 3 or true", NULL, "true", 0},
		{"1 + 1 in (1, 2)", NULL, "true", 0},
		{"NOT 1 IN (2) AND 'a' LIKE 'A'", NULL, "false", 0},
		{"1 = 1 and 1 <> 2", NULL, "true", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void integers_are_exact_or_an_error(void **state)
{
	/* 64 bits to their ends, and // and % that floor, as in Lua 5.4. */
	static const struct expr_case cases[] = {
		{"9223372036854775807", NULL, "9223372036854775807", 0},
		{"-9223372036854775808", NULL, "-9223372036854775808", 0},
		{"- 9223372036854775808", NULL, "-9223372036854775808", 0},
		{"0 - 9223372036854775807 - 1", NULL, "-9223372036854775808", 0},
		{"9223372036854775807 + 1", NULL, "beyond a 64-bit integer", ERR_OVERFLOW},
		{"-9223372036854775808 - 1", NULL, "beyond a 64-bit integer", ERR_OVERFLOW},
		{"--9223372036854775808", NULL, "beyond a 64-bit integer", ERR_OVERFLOW},
		{"-a", "{\"a\":-9223372036854775808}", "beyond a 64-bit", ERR_OVERFLOW},
		{"3037000500 * 3037000500", NULL, "beyond a 64-bit integer", ERR_OVERFLOW},
		{"-9223372036854775808 // -1", NULL, "beyond a 64-bit integer", ERR_OVERFLOW},
		{"-9223372036854775808 % -1", NULL, "0", 0},
		{"9007199254740993 + 0", NULL, "9007199254740993", 0},
		{"7 // 2", NULL, "3", 0},
		{"-7 // 2", NULL, "-4", 0},
		{"7 // -2", NULL, "-4", 0},
		{"-7 % 3", NULL, "2", 0},
		{"7 % -3", NULL, "-2", 0},
		{"-6 % 3", NULL, "0", 0},
		{"1 // 0", NULL, "division by zero", ERR_FAILED},
		{"1 % 0", NULL, "division by zero", ERR_FAILED},
		{"-0", NULL, "0", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void doubles_stay_finite(void **state)
{
	/* / is always a double; what is not finite is an error. */
	static const struct expr_case cases[] = {
		{"1 / 2", NULL, "0.5", 0},
		{"6 / 2", NULL, "3.0", 0},
		{"1 + 0.5", NULL, "1.5", 0},
		{"0.1 + 0.2", NULL, "0.30000000000000004", 0},
		{"5.5 // 2", NULL, "2.0", 0},
		{"-5.5 // 2", NULL, "-3.0", 0},
		{"-5.5 % 2", NULL, "0.5", 0},
		{"5.5 % -2", NULL, "-0.5", 0},
		{"-0.5", NULL, "-0.5", 0},
		{"-1.5e3", NULL, "-1500.0", 0},
		{"1 / 0", NULL, "division by zero", ERR_FAILED},
		{"1.0 % 0.0", NULL, "division by zero", ERR_FAILED},
		{"1e308 * 10", NULL, "beyond a double", ERR_OVERFLOW},
		{"1e308 // 1e-308", NULL, "beyond a double", ERR_OVERFLOW},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void integers_and_doubles_compare_exactly(void **state)
{
	/* 2^53 + 1 and 2^63 - 1 are no doubles: rounding them first would call them equal. */
	static const struct expr_case cases[] = {
		{"9007199254740993 == 9007199254740992.0", NULL, "false", 0},
		{"9007199254740993 > 9007199254740992.0", NULL, "true", 0},
		{"9007199254740992 == 9007199254740992.0", NULL, "true", 0},
		{"9223372036854775807 < 9223372036854775808.0", NULL, "true", 0},
		{"9223372036854775807 == 9223372036854775808.0", NULL, "false", 0},
		{"9223372036854775808.0 > 9223372036854775807", NULL, "true", 0},
		{"-9223372036854775808 == -9223372036854775808.0", NULL, "true", 0},
		{"-9223372036854775808 > -9223372036854777856.0", NULL, "true", 0},
		{"-1 < -0.5", NULL, "true", 0},
		{"0 > -0.5", NULL, "true", 0},
		{"1 == 1.0", NULL, "true", 0},
		{"1 < 1e300", NULL, "true", 0},
		{"1 > -1e300", NULL, "true", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void numbers_beyond_64_bits_pass_through(void **state)
{
	/* They keep their digits, equal themselves, and nobody calculates with them. */
	static const char ids[] = "{\"a\":123456789012345678901234567890,"
				  "\"b\":123456789012345678901234567891,\"c\":1e400}";
	static const struct expr_case cases[] = {
		{"a", ids, "123456789012345678901234567890", 0},
		{"a == a", ids, "true", 0},
		{"a != a", ids, "false", 0},
		{"a == \"123456789012345678901234567890\"", ids, "true", 0},
		{"a == 5", ids, "false", 0},
		{"a == \"x\"", ids, "false", 0},
		{"a == b", ids, "does not fit 64 bits", ERR_OVERFLOW},
		{"c == 1.5", ids, "1e400 does not fit 64 bits", ERR_OVERFLOW},
		{"a > 5", ids, "does not fit 64 bits", ERR_OVERFLOW},
		{"a + 1", ids, "does not fit 64 bits", ERR_OVERFLOW},
		{"text(c)", ids, "\"1e400\"", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void null_is_neither_true_nor_false(void **state)
{
	/* SQL:2016, 8.21: the truth tables of three values; a missing field is null. */
	static const struct expr_case cases[] = {
		{"null and true", NULL, "null", 0},
		{"null and false", NULL, "false", 0},
		{"false and null", NULL, "false", 0},
		{"null or true", NULL, "true", 0},
		{"true or null", NULL, "true", 0},
		{"null or false", NULL, "null", 0},
		{"not null", NULL, "null", 0},
		{"true and null and true", NULL, "null", 0},
		{"true and null and false", NULL, "false", 0},
		{"a", NULL, "null", 0},
		{"a + 1", NULL, "null", 0},
		{"-a", NULL, "null", 0},
		{"a > 1", NULL, "null", 0},
		{"a < null", "{\"a\":1}", "null", 0},
		{"a == null", NULL, "true", 0},
		{"a != null", NULL, "false", 0},
		{"null == a", "{\"a\":1}", "false", 0},
		{"null = null", NULL, "true", 0},
		{"a is null", "{\"a\":null}", "true", 0},
		{"a is not null", "{\"a\":0}", "true", 0},
		{"a == b", NULL, "null", 0},
		{"1 in (2, null)", NULL, "null", 0},
		{"1 in (1, null)", NULL, "true", 0},
		{"1 not in (2, null)", NULL, "null", 0},
		{"null in (1)", NULL, "null", 0},
		{"a like \"%\"", NULL, "null", 0},
		{"5 between null and 3", NULL, "false", 0},
		{"5 between null and 9", NULL, "null", 0},
		{"5 between 6 and null", NULL, "false", 0},
		{"5 between 1 and null", NULL, "null", 0},
		{"if(null, 1, 2)", NULL, "2", 0},
		{"coalesce(a, null, 3, 1 / 0)", NULL, "3", 0},
		{"coalesce(a, b)", NULL, "null", 0},
		{"nullif(1, 1.0)", NULL, "null", 0},
		{"nullif(1, 2)", NULL, "1", 0},
		{"nullif(1, null)", NULL, "1", 0},
		{"lower(null)", NULL, "null", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void what_decides_ends_the_evaluation(void **state)
{
	/* Behind a false of `and`, a true of `or` and the choice of if() nothing is evaluated. */
	static const struct expr_case cases[] = {
		{"false and 1 / 0 == 1", NULL, "false", 0},
		{"true or 1 / 0 == 1", NULL, "true", 0},
		{"null and 1 / 0 == 1", NULL, "division by zero", ERR_FAILED},
		{"if(true, 1, 1 / 0)", NULL, "1", 0},
		{"1 in (1, 1 / 0)", NULL, "true", 0},
		{"1 between 2 and 1 / 0", NULL, "false", 0},
		{"1 and true", NULL, "an integer is not true or false", ERR_FAILED},
		{"not \"yes\"", NULL, "\"yes\" is not true or false", ERR_FAILED},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void values_of_different_kinds_are_not_equal(void **state)
{
	/* A text that is written like a number is one next to a number only. */
	static const struct expr_case cases[] = {
		{"\"5\" == 5", NULL, "true", 0},
		{"\" 5 \" == 5.0", NULL, "true", 0},
		{"\"+5\" < 6", NULL, "true", 0},
		{"\"5\" == \"5.0\"", NULL, "false", 0},
		{"\"10\" < \"9\"", NULL, "true", 0},
		{"\"10\" < 9", NULL, "false", 0},
		{"\"2\" + \"3\"", NULL, "5", 0},
		{"a + 1", "{\"a\":\"\\u0035\\t\"}", "6", 0},
		{"a == 5", "{\"a\":\"\\u0035\"}", "true", 0},
		{"\"abc\" == 5", NULL, "false", 0},
		{"\"abc\" != 5", NULL, "true", 0},
		{"true == 1", NULL, "false", 0},
		{"true == true", NULL, "true", 0},
		{"false < true", NULL, "true", 0},
		{"\"abc\" < 5", NULL, "a string and an integer have no order", ERR_FAILED},
		{"\"abc\" + 5", NULL, "\"abc\" is not a number", ERR_FAILED},
		{"true + 1", NULL, "true is not a number", ERR_FAILED},
		{"a == a", "{\"a\":[1]}", "arrays and objects cannot be compared", ERR_FAILED},
		{"a == 1", "{\"a\":[1]}", "false", 0},
		{"a < 1", "{\"a\":{}}", "an object and an integer have no order", ERR_FAILED},
		{"a in (1, \"x\", true)", "{\"a\":true}", "true", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void texts_compare_by_their_code_points(void **state)
{
	/* Escapes are decoded first; U+FFFD comes before U+1F600, as in UTF-8 and not in
	 * UTF-16. */
	static const struct expr_case cases[] = {
		{"a == \"A\\n\"", "{\"a\":\"\\u0041\\n\"}", "true", 0},
		{"a == b", "{\"a\":\"\\u00e9\",\"b\":\"é\"}", "true", 0},
		{"a < b", "{\"a\":\"\\uFFFD\",\"b\":\"\\ud83d\\ude00\"}", "true", 0},
		{"\"a\" < \"ab\"", NULL, "true", 0},
		{"\"Z\" < \"a\"", NULL, "true", 0},
		{"\"\" < \"a\"", NULL, "true", 0},
		{"\"say \\\"hi\\\"\"", NULL, "\"say \\\"hi\\\"\"", 0},
		{"'it''s'", NULL, "\"it's\"", 0},
		{"\"a\"\"b\"", NULL, "\"a\\\"b\"", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void like_is_sqls(void **state)
{
	/* '%' any run, '_' one code point, a backslash takes it as it is; case counts. */
	static const struct expr_case cases[] = {
		{"\"abc\" like \"a%\"", NULL, "true", 0},
		{"\"abc\" like \"%c\"", NULL, "true", 0},
		{"\"abc\" like \"%b%\"", NULL, "true", 0},
		{"\"abc\" like \"a_c\"", NULL, "true", 0},
		{"\"aéc\" like \"a_c\"", NULL, "true", 0},
		{"\"abc\" like \"b\"", NULL, "false", 0},
		{"\"abc\" like \"A%\"", NULL, "false", 0},
		{"\"\" like \"%\"", NULL, "true", 0},
		{"\"\" like \"_\"", NULL, "false", 0},
		{"\"10%\" like \"10\\%\"", NULL, "true", 0},
		{"\"10x\" like \"10\\%\"", NULL, "false", 0},
		{"\"aXbXc\" like \"a%X%c\"", NULL, "true", 0},
		{"\"mississippi\" like \"%iss_pp%\"", NULL, "true", 0},
		{"\"abc\" not like \"a%\"", NULL, "false", 0},
		{"5 like \"5\"", NULL, "an integer is not a string", ERR_FAILED},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void fields_are_read_by_their_path(void **state)
{
	/* What is only passed through keeps its spelling. */
	static const char record[] = "{\"a\":{\"b\":[10,{\"c d\":1.50}],\"and\":3},\"odd name\":4,"
				     "\"Größe\":5,\"$x_1\":6}";
	static const struct expr_case cases[] = {
		{"a.b[0]", record, "10", 0},
		{"a.b[1][\"c d\"]", record, "1.50", 0},
		{"a.b[1].`c d` + 0", record, "1.5", 0},
		{"a.and", record, "3", 0},
		{"`odd name`", record, "4", 0},
		{"$.a.b[0]", record, "10", 0},
		{"$[1] + 1", "[1,2]", "3", 0},
		{"$ * 2", "21", "42", 0},
		{"upper($)", "\"abc\"", "\"ABC\"", 0},
		{"`$`", "{\"$\":7}", "7", 0},
		{"Größe", record, "5", 0},
		{"$x_1", record, "6", 0},
		{"a.b", record, "[10,{\"c d\":1.50}]", 0},
		{"a.b[2]", record, "null", 0},
		{"a.x.y", record, "null", 0},
		{"`and`", "{\"and\":1}", "1", 0},
	};
	(void)state;

	expr_cases_run(cases, ARRAY_LEN(cases));
}

static bool tests_true(const char *source, struct expr_scratch *scratch)
{
	struct expr_mistake mistake;
	struct fields fields;
	struct expr *expr;
	struct err err;
	bool yes = false;

	fields_init(&fields);
	assert_int_equal(expr_compile(source, &fields, &expr, &mistake, &err), 0);
	if (expr_test(expr, NULL, scratch, &yes, &err))
		assert_int_equal(err.code, ERR_FAILED);
	expr_free(expr);
	fields_done(&fields);
	return yes;
}

static void a_filter_keeps_what_is_true(void **state)
{
	/* Neither false nor null nor an error is. */
	struct expr_scratch *scratch = expr_scratch_new();
	(void)state;

	assert_true(tests_true("1 < 2", scratch));
	assert_false(tests_true("2 < 1", scratch));
	assert_false(tests_true("null", scratch));
	assert_false(tests_true("null > 1 or false", scratch));
	assert_false(tests_true("1", scratch));
	expr_scratch_free(scratch);
}

static void deep_and_long_expressions_end(void **state)
{
	/* The longest chains that compile: 999 sums deep, 999 truths wide. */
	enum { TERMS = 999 };
	static char sum[4 * TERMS + 8], chain[8 * TERMS + 16];
	struct expr_case cases[] = {{sum, NULL, "999", 0}, {chain, NULL, "true", 0}};
	char *at = sum;
	(void)state;

	for (int i = 0; i < TERMS; i++)
		at = stpcpy(at, i ? " +1" : "1");
	at = chain;
	for (int i = 0; i < TERMS; i++)
		at = stpcpy(at, i < TERMS - 1 ? "null or " : "true");
	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void nested_betweens_cost_what_they_weigh(void **state)
{
	/* Each evaluates its value once: 60 inside each other, each twice, would be 2^60. */
	enum { LEVELS = 60 };
	char source[LEVELS * 32 + 8], *at = source;
	struct expr_case cases[] = {{source, NULL, "true", 0}};
	(void)state;

	for (int i = 0; i < LEVELS; i++)
		at = stpcpy(at, "(");
	at = stpcpy(at, "true");
	for (int i = 0; i < LEVELS; i++)
		at = stpcpy(at, " between false and true)");
	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void many_parts_over_a_long_text_end(void **state)
{
	/* 300 comparisons with 4 MiB that have an escape at their end: 1.2 GB to decode. */
	enum { TEXT_BYTES = 4 * 1024 * 1024, PARTS = 300 };
	static char record[TEXT_BYTES + 16], source[PARTS * 12 + 16];
	struct expr_case cases[] = {{source, record, "too much work", ERR_LIMIT},
				    {"t > \"b\"", record, "false", 0}};
	char *at = stpcpy(record, "{\"t\":\"");
	(void)state;

	memset(at, 'a', TEXT_BYTES);
	stpcpy(at + TEXT_BYTES, "\\n\"}");
	at = source;
	for (int i = 0; i < PARTS; i++)
		at = stpcpy(at, "t > \"b\" or ");
	stpcpy(at, "true");
	expr_cases_run(cases, ARRAY_LEN(cases));
}

static void like_gives_up_on_hostile_work(void **state)
{
	/* 4 MiB of a's against '%' and 8,000 a's and a b: 3 * 10^10 steps without a bound. */
	enum { TEXT_BYTES = 4 * 1024 * 1024, LIKE_BYTES = 8000 };
	static char record[TEXT_BYTES + 16], source[LIKE_BYTES + 32];
	struct expr_case cases[] = {{source, record, "too much work", ERR_LIMIT}};
	char *at = stpcpy(record, "{\"t\":\"");
	(void)state;

	memset(at, 'a', TEXT_BYTES);
	stpcpy(at + TEXT_BYTES, "\"}");
	at = stpcpy(source, "t like \"%");
	memset(at, 'a', LIKE_BYTES);
	stpcpy(at + LIKE_BYTES, "b\"");
	expr_cases_run(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_bind_as_documented),
		cmocka_unit_test(integers_are_exact_or_an_error),
		cmocka_unit_test(doubles_stay_finite),
		cmocka_unit_test(integers_and_doubles_compare_exactly),
		cmocka_unit_test(numbers_beyond_64_bits_pass_through),
		cmocka_unit_test(null_is_neither_true_nor_false),
		cmocka_unit_test(what_decides_ends_the_evaluation),
		cmocka_unit_test(values_of_different_kinds_are_not_equal),
		cmocka_unit_test(texts_compare_by_their_code_points),
		cmocka_unit_test(like_is_sqls),
		cmocka_unit_test(fields_are_read_by_their_path),
		cmocka_unit_test(a_filter_keeps_what_is_true),
		cmocka_unit_test(deep_and_long_expressions_end),
		cmocka_unit_test(nested_betweens_cost_what_they_weigh),
		cmocka_unit_test(many_parts_over_a_long_text_end),
		cmocka_unit_test(like_gives_up_on_hostile_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
