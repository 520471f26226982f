/* SPDX-License-Identifier: MIT */
/* test_pattern.c - base/pattern: what is found, what is refused, and that nothing stalls. */
#include "base/pattern.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pattern *compiled(const char *source, unsigned flags)
{
	struct pattern_mistake mistake;
	struct pattern *pattern = NULL;
	struct err err;

	assert_int_equal(pattern_compile(source, flags, &pattern, &mistake, &err), 0);
	return pattern;
}

static void assert_span(const struct span *span, size_t start, size_t end)
{
	assert_int_equal(span->start, start);
	assert_int_equal(span->end, end);
}

static void groups_are_found_by_number_and_name(void **state)
{
	/* A named group is a number, too; one that took no part ends before it starts. */
	struct pattern *pattern = compiled("(?<price>\\d+)(?:,(?<cents>\\d\\d))?( EUR)", 0);
	struct pattern_scratch *scratch = pattern_scratch_new();
	const struct span *spans;
	struct err err;
	(void)state;

	assert_int_equal(pattern_groups(pattern), 3);
	assert_int_equal(pattern_group(pattern, "price"), 1);
	assert_int_equal(pattern_group(pattern, "cents"), 2);
	assert_int_equal(pattern_group(pattern, "euros"), -1);
	assert_int_equal(pattern_search(pattern, scratch, "for 12 EUR", 10, 0, &spans, &err), 1);
	assert_span(&spans[0], 4, 10);
	assert_span(&spans[1], 4, 6);
	assert_true(spans[2].end < spans[2].start);
	assert_span(&spans[3], 6, 10);
	assert_int_equal(pattern_search(pattern, scratch, "for 12 USD", 10, 0, &spans, &err), 0);
	pattern_scratch_free(scratch);
	pattern_free(pattern);
}

static void a_search_goes_on_where_it_is_told(void **state)
{
	/* All matches one after the other; a lookbehind sees what is before the start. */
	struct pattern *pattern = compiled("(?<=a)b", 0);
	struct pattern_scratch *scratch = pattern_scratch_new();
	const struct span *spans;
	struct err err;
	(void)state;

	assert_int_equal(pattern_search(pattern, scratch, "ab cb ab", 8, 0, &spans, &err), 1);
	assert_span(&spans[0], 1, 2);
	assert_int_equal(pattern_search(pattern, scratch, "ab cb ab", 8, 2, &spans, &err), 1);
	assert_span(&spans[0], 7, 8);
	assert_int_equal(pattern_search(pattern, scratch, "ab cb ab", 8, 8, &spans, &err), 0);
	assert_int_equal(pattern_search(pattern, scratch, "ab cb ab", 8, 9, &spans, &err), 0);
	pattern_scratch_free(scratch);
	pattern_free(pattern);
}

static void flags_and_unicode(void **state)
{
	/* Case folds beyond ASCII, \w knows umlauts, \s the no-break space; anchored means
	 * the whole text. */
	struct pattern *folded = compiled("M\xC3\x9CLLER\\s\\w", PATTERN_CASELESS);
	struct pattern *whole = compiled("a+", PATTERN_ANCHORED);
	struct pattern_scratch *scratch = pattern_scratch_new();
	const char *text = "m\xC3\xBCller\xC2\xA0\xC3\xA4";
	const struct span *spans;
	struct err err;
	(void)state;

	assert_int_equal(pattern_search(folded, scratch, text, strlen(text), 0, &spans, &err), 1);
	assert_span(&spans[0], 0, 11);
	assert_int_equal(pattern_search(whole, scratch, "aaa", 3, 0, &spans, &err), 1);
	assert_int_equal(pattern_search(whole, scratch, "aaab", 4, 0, &spans, &err), 0);
	assert_int_equal(pattern_search(whole, scratch, "baaa", 4, 0, &spans, &err), 0);
	pattern_scratch_free(scratch);
	pattern_free(folded);
	pattern_free(whole);
}

static void texts_that_are_not_utf8_are_refused(void **state)
{
	/* Latin-1 bytes, and a start in the middle of a character. */
	struct pattern *pattern = compiled("b", 0);
	struct pattern_scratch *scratch = pattern_scratch_new();
	const struct span *spans;
	struct err err;
	(void)state;

	assert_int_equal(pattern_search(pattern, scratch,
					"\xFC"
					"b",
					2, 0, &spans, &err),
			 -1);
	assert_int_equal(err.code, ERR_INVALID_SPEC);
	assert_int_equal(pattern_search(pattern, scratch,
					"\xC3\xBC"
					"b",
					3, 1, &spans, &err),
			 -1);
	assert_int_equal(err.code, ERR_INVALID_SPEC);
	assert_int_equal(pattern_search(pattern, scratch,
					"\xC3\xBC"
					"b",
					3, 2, &spans, &err),
			 1);
	assert_span(&spans[0], 2, 3);
	pattern_scratch_free(scratch);
	pattern_free(pattern);
}

static void mistakes_say_where(void **state)
{
	/* The offsets are PCRE2's (pcre2test shows the same); length and groups are ours. */
	static const struct {
		const char *source;
		size_t offset;
		const char *detail;
	} cases[] = {
		{"a(b", 3, "missing closing parenthesis"},
		{"[z-a]", 3, "range out of order in character class"},
		{"\\C", 2, "using \\C is disabled by the application"},
		{"*", 0, "quantifier does not follow a repeatable item"},
	};
	char longer[PATTERN_BYTES_MAX + 2], groups[(PATTERN_GROUPS_MAX + 1) * 2 + 1] = "";
	struct pattern_mistake mistake;
	struct pattern *pattern;
	struct err err;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(pattern_compile(cases[i].source, 0, &pattern, &mistake, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_SPEC);
		assert_int_equal(mistake.offset, cases[i].offset);
		assert_string_equal(mistake.detail, cases[i].detail);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(pattern_compile(longer, 0, &pattern, &mistake, &err), -1);
	assert_non_null(strstr(mistake.detail, "4096"));
	for (int i = 0; i <= PATTERN_GROUPS_MAX; i++)
		strcat(groups, "()");
	assert_int_equal(pattern_compile(groups, 0, &pattern, &mistake, &err), -1);
	assert_string_equal(mistake.detail, "a pattern may have 64 groups, this one has 65");
}

static void nothing_stalls(void **state)
{
	/* Each of these takes minutes to centuries without a bound: nested repeats, products
	 * of scans from every start (which PCRE2's own limit does not count), deep recursion. */
	static const struct {
		const char *source;
		char letter;
		size_t len;
	} cases[] = {
		{"(a+)+$", 'a', 30},
		{"(a+)+$", 'a', 400},
		{"(a+)+$", 'a', 100000},
		{"(a|a)*b?c|d", 'a', 400},
		{"(?:.*[cd]){4}", 'a', 200000},
		{"a[^c]*+[cd]|a[^x]*[xy]", 'a', 2000000},
		{"(.*?)*?[xy]\\1z", 'a', 5000},
		{"^(?:a?){60}a{60}[bc]", 'a', 60},
		{"(\\((?:[^()]|(?1))*)*$", '(', 100000},
	};
	struct pattern_scratch *scratch = pattern_scratch_new();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pattern *pattern = compiled(cases[i].source, 0);
		char *text = malloc(cases[i].len + 1);
		const struct span *spans;
		struct err err = {.code = ERR_NONE};

		assert_non_null(text);
		memset(text, cases[i].letter, cases[i].len);
		text[cases[i].len] = '!';
		if (pattern_search(pattern, scratch, text, cases[i].len + 1, 0, &spans, &err) < 0)
			assert_int_equal(err.code, ERR_LIMIT);
		free(text);
		pattern_free(pattern);
	}
	pattern_scratch_free(scratch);
}

static void too_much_work_is_a_limit(void **state)
{
	/* The classical pattern of catastrophic backtracking ends as ERR_LIMIT, and so do a
	 * million starts that each scan a million bytes; the scratch is good for the next
	 * search. */
	struct pattern *pattern = compiled("(a+)+$", 0), *scans = compiled("a[^b]*+[bc]", 0);
	struct pattern_scratch *scratch = pattern_scratch_new();
	char text[101], *many = malloc(1000000);
	const struct span *spans;
	struct err err;
	(void)state;

	assert_non_null(many);
	memset(many, 'a', 1000000);
	assert_int_equal(pattern_search(scans, scratch, many, 1000000, 0, &spans, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	free(many);
	memset(text, 'a', 100);
	text[100] = '!';
	assert_int_equal(pattern_search(pattern, scratch, text, 101, 0, &spans, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(pattern_search(pattern, scratch, text, 100, 0, &spans, &err), 1);
	assert_span(&spans[1], 0, 100);
	pattern_scratch_free(scratch);
	pattern_free(pattern);
	pattern_free(scans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_found_by_number_and_name),
		cmocka_unit_test(a_search_goes_on_where_it_is_told),
		cmocka_unit_test(flags_and_unicode),
		cmocka_unit_test(texts_that_are_not_utf8_are_refused),
		cmocka_unit_test(mistakes_say_where),
		cmocka_unit_test(nothing_stalls),
		cmocka_unit_test(too_much_work_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
