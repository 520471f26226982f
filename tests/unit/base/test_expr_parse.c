/* SPDX-License-Identifier: MIT */
/* test_expr_parse.c - base/expr: mistakes of a source, where they are and what was meant. */
#include "base/compiler.h"
#include "base/expr/expr.h"
#include "base/expr/node.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct wrong {
	const char *source;
	size_t offset;
	const char *detail, *hint;
};

static int compiles(const char *source, struct expr_mistake *ret_mistake, struct err *err)
{
	struct fields fields;
	struct expr *expr = NULL;
	int rc;

	fields_init(&fields);
	rc = expr_compile(source, &fields, &expr, ret_mistake, err);
	assert_int_equal(rc == 0, expr != NULL);
	expr_free(expr);
	fields_done(&fields);
	return rc;
}

static void are_wrong(const struct wrong *wrongs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct expr_mistake mistake;
		struct err err = {0};

		if (compiles(wrongs[i].source, &mistake, &err) == 0)
			fail_msg("'%s' compiles", wrongs[i].source);
		if (mistake.offset != wrongs[i].offset ||
		    strcmp(mistake.detail, wrongs[i].detail) != 0 ||
		    strcmp(mistake.hint, wrongs[i].hint) != 0)
			fail_msg("'%s': at %zu: %s (%s)", wrongs[i].source, mistake.offset,
				 mistake.detail, mistake.hint);
		assert_int_equal(err.code, ERR_INVALID_SPEC);
		assert_string_equal(err.detail, wrongs[i].detail);
	}
}

static void mistakes_say_where_and_what(void **state)
{
	/* Offsets are bytes from the beginning of the source. */
	static const struct wrong wrongs[] = {
		{"", 0, "expected a value but the expression ends", ""},
		{"1 +", 3, "expected a value but the expression ends", ""},
		{"(1", 2, "expected ')' but the expression ends", ""},
		{"1)", 1, "expected an operator or the end but found ')'", ""},
		{"a b", 2, "expected an operator or the end but found 'b'", ""},
		{"a is 1", 5, "expected 'null' or 'not null' but found '1'", ""},
		{"a not 1", 6, "expected 'in', 'like' or 'between' but found '1'", ""},
		{"a between 1 or 2", 12, "expected 'and' but found 'or'", ""},
		{"a like b", 7, "expected a text in quotes but found 'b'", ""},
		{"a in 1", 5, "expected '(' but found '1'", ""},
		{"a in ()", 6, "expected a value but found ')'", ""},
		{"lower(", 6, "expected a value but the expression ends", ""},
		{"lower(a,)", 8, "expected a value but found ')'", ""},
		{"a.", 2, "expected a name but the expression ends", ""},
		{"a.1", 1, "a number does not begin with a point", "0.5, or a[0]"},
		{"a[b]", 2, "expected an index or a name in quotes but found 'b'", ""},
		{"a[1.5]", 2, "expected an index or a name in quotes but found '1.5'", ""},
		{"a[-1]", 2, "expected an index or a name in quotes but found '-'", ""},
		{"a[0", 3, "expected ']' but the expression ends", ""},
		{"é = \"ü", 5, "the text has no closing quote", ""},
		{"`a", 0, "the name has no closing backtick", ""},
		{"007", 0, "a number does not begin with 0", ""},
		{"1e", 1, "an exponent has digits", ""},
		{"-1e * 1", 2, "an exponent has digits", ""},
		{"a ; b", 2, "this character means nothing here", ""},
		{"a = \xff", 4, "byte 0xFF is not UTF-8", ""},
		{"9223372036854775808", 0, "the number does not fit 64 bits",
		 "a double has a point: 1.0"},
		{"1 - -9223372036854775809", 5, "the number does not fit 64 bits",
		 "a double has a point: 1.0"},
		{"1e400", 0, "the number does not fit 64 bits", "a double has a point: 1.0"},
	};
	(void)state;

	are_wrong(wrongs, ARRAY_LEN(wrongs));
}

static void habits_of_other_languages_get_a_hint(void **state)
{
	/* What was meant, where it can be known. */
	static const struct wrong wrongs[] = {
		{"a && b", 2, "'&&' is no operator here", "and"},
		{"a || b", 2, "'||' is no operator here", "or, concat(…)"},
		{"!a", 0, "'!' is no operator here", "not"},
		{"1 < a < 3", 6, "comparisons do not chain", "a < b and b < c"},
		{"a == 1 == true", 7, "comparisons do not chain", "a < b and b < c"},
		{"a == and", 5, "expected a value but found 'and'",
		 "a field of that name stands in `backticks`"},
		{"2x > 1", 0, "a name does not begin with a digit",
		 "`names like this` stand in backticks"},
		{"lowr(a)", 0, "no function 'lowr'", "lower"},
		{"frobnicate(a)", 0, "no function 'frobnicate'", ""},
		{"round()", 0, "round() with 0 arguments", "round(number, places)"},
		{"if(a, 1)", 0, "if() with 2 arguments", "if(condition, then, else)"},
		{"lower(a, b)", 0, "lower() with 2 arguments", "lower(text)"},
		{"matches(a, b)", 0, "the pattern of matches() is a text in quotes",
		 "matches(text, \"pattern\")"},
		{"matches(a, \"(\")", 0, "pattern, at 1: missing closing parenthesis", ""},
	};
	(void)state;

	are_wrong(wrongs, ARRAY_LEN(wrongs));
}

static void names_of_functions_have_no_case(void **state)
{
	/* SQL is often written in capitals. */
	struct expr_mistake mistake;
	struct err err;
	(void)state;

	assert_int_equal(compiles("LOWER(a) = COALESCE(b, 'x') AND Date_Trunc('day', c) > d",
				  &mistake, &err),
			 0);
	assert_int_equal(compiles("lowe(a)", &mistake, &err), -1);
	assert_int_equal(compiles("lowerr(a)", &mistake, &err), -1);
}

static void functions_are_found_by_bisection(void **state)
{
	/* Their table is sorted, and each form fits a hint. */
	const char *const *names = function_names();
	struct expr_mistake mistake;
	(void)state;

	for (size_t i = 0; names[i]; i++) {
		const struct function *function = function_find(names[i], strlen(names[i]));

		assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
		assert_non_null(function);
		assert_string_equal(function->name, names[i]);
		assert_true(strlen(function->form) < sizeof(mistake.hint));
		assert_int_equal(function->kind == NODE_CALL, function->run != NULL);
		assert_true(!function->pattern || function->args_min >= 2);
	}
}

/* `count` times `open`, then `middle`, then `count` times `close`. */
static char *nest(const char *open, const char *middle, const char *close, int count)
{
	char *text = malloc((strlen(open) + strlen(close)) * (size_t)count + strlen(middle) + 1);
	char *at = text;

	assert_non_null(text);
	for (int i = 0; i < count; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, middle);
	for (int i = 0; i < count; i++)
		at = stpcpy(at, close);
	return text;
}

static void nests(const char *open, const char *close)
{
	struct expr_mistake mistake;
	struct err err = {0};
	char *fits = nest(open, "a", close, EXPR_DEPTH_MAX);
	char *deeper = nest(open, "a", close, EXPR_DEPTH_MAX + 1);

	assert_int_equal(compiles(fits, &mistake, &err), 0);
	assert_int_equal(compiles(deeper, &mistake, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(mistake.detail, "at most 64 levels of nesting");
	assert_int_equal(mistake.offset, strlen(open) * (EXPR_DEPTH_MAX + 1));
	free(fits);
	free(deeper);
}

static void nesting_is_bounded_in_every_way(void **state)
{
	/* 64 levels compile and 65 do not, whatever makes them. */
	(void)state;

	nests("(", ")");
	nests("-", "");
	nests("not ", "");
	nests("abs(", ")");
	nests("1 in (", ")");
	nests("1 + (", ")");
}

static void length_and_nodes_are_bounded(void **state)
{
	/* ERR_LIMIT for 16 KiB and a byte, 2,000 nodes and one, 1,000 values and one. */
	struct expr_mistake mistake;
	struct err err = {0};
	char *blanks = nest(" ", "1", "", EXPR_BYTES_MAX);
	char *sum = nest("1+", "1", "", EXPR_NODES_MAX / 2);
	char *list = nest("1,", "1)", "", CALL_ARGS_MAX);
	char *call = malloc(strlen(list) + 16);
	(void)state;

	assert_int_equal(compiles(blanks, &mistake, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(compiles(blanks + 1, &mistake, &err), 0);
	assert_int_equal(compiles(sum, &mistake, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(compiles(sum + 2, &mistake, &err), 0);
	strcpy(stpcpy(call, "concat("), list);
	assert_int_equal(compiles(call, &mistake, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	strcpy(stpcpy(call, "concat("), list + 2);
	assert_int_equal(compiles(call, &mistake, &err), 0);
	free(blanks);
	free(sum);
	free(list);
	free(call);
}

static void many_texts_fit_the_arena(void **state)
{
	/* 999 texts of a list: each takes its own length, not that of all behind it. */
	struct expr_mistake mistake;
	struct err err = {0};
	char *list = nest("\"0123456789\",", "\"\")", "", 998);
	char *in = malloc(strlen(list) + 16);
	(void)state;

	strcpy(stpcpy(in, "a in ("), list);
	assert_int_equal(compiles(in, &mistake, &err), 0);
	free(list);
	free(in);
}

static void patterns_are_freed_with_what_failed(void **state)
{
	/* The mistake comes behind a compiled pattern; a leak checker is the judge. */
	struct expr_mistake mistake;
	struct err err = {0};
	(void)state;

	assert_int_equal(compiles("matches(a, \"x\") and extract(b, \"y(.)\") = ", &mistake, &err),
			 -1);
	assert_int_equal(compiles("matches(a, \"x\") and matches(b, \"(\")", &mistake, &err), -1);
	assert_int_equal(mistake.offset, 20);
}

static void mistakes_are_cut_between_code_points(void **state)
{
	/* 21 times U+20AC are 63 bytes; 13 of them fit the 40 that are shown. */
	struct expr_mistake mistake;
	struct err err = {0};
	char *euros = nest("€", "", "", 21);
	char *source = malloc(strlen(euros) + 8);
	(void)state;

	strcpy(stpcpy(source, "1 "), euros);
	assert_int_equal(compiles(source, &mistake, &err), -1);
	assert_string_equal(mistake.detail, "expected an operator or the end but found "
					    "'€€€€€€€€€€€€€'");
	strcat(source + 2, "()");
	assert_int_equal(compiles(source + 2, &mistake, &err), -1);
	assert_string_equal(mistake.detail, "no function '€€€€€€€€€€€€€'");
	free(euros);
	free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_say_where_and_what),
		cmocka_unit_test(habits_of_other_languages_get_a_hint),
		cmocka_unit_test(names_of_functions_have_no_case),
		cmocka_unit_test(functions_are_found_by_bisection),
		cmocka_unit_test(nesting_is_bounded_in_every_way),
		cmocka_unit_test(length_and_nodes_are_bounded),
		cmocka_unit_test(many_texts_fit_the_arena),
		cmocka_unit_test(patterns_are_freed_with_what_failed),
		cmocka_unit_test(mistakes_are_cut_between_code_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
