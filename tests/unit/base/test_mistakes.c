/* SPDX-License-Identifier: MIT */
/* test_mistakes.c - base/mistakes: the list, pointers by RFC 6901, the nearest name. */
#include "base/mistakes.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void keeps_mistakes_in_their_order(void **state)
{
	/* Pointer, type, detail and hint as given; source and place are the caller's. */
	struct mistakes mistakes;
	struct mistake *mistake;
	(void)state;

	mistakes_init(&mistakes);
	assert_int_equal(mistakes.code, ERR_NONE);
	mistake_add(&mistakes, "/a", "wrong-type", "expected %s", "a string");
	mistake = mistake_add(&mistakes, "/b/0", "script", "unknown name '%s'", "price");
	mistake_hint(&mistakes, mistake, "r.%s", "price");
	mistake->line = 3;
	assert_int_equal(mistakes.count, 2);
	assert_string_equal(mistakes.first->pointer, "/a");
	assert_string_equal(mistakes.first->detail, "expected a string");
	assert_null(mistakes.first->hint);
	mistake = mistakes.first->next;
	assert_string_equal(mistake->type, "script");
	assert_string_equal(mistake->hint, "r.price");
	assert_int_equal(mistake->line, 3);
	assert_null(mistake->next);
	mistakes_done(&mistakes);
	assert_int_equal(mistakes.count, 0);
}

static void the_code_is_the_one_all_share(void **state)
{
	/* One kind keeps its code; two kinds are an invalid spec. */
	struct mistakes mistakes;
	(void)state;

	mistakes_init(&mistakes);
	mistake_add_code(&mistakes, ERR_ADDRESS_DENIED, "/urls/0", "127.0.0.1 is loopback");
	mistake_add_code(&mistakes, ERR_ADDRESS_DENIED, "/urls/1", "::1 is loopback");
	assert_int_equal(mistakes.code, ERR_ADDRESS_DENIED);
	assert_string_equal(mistakes.first->type, "address-denied");
	mistake_add_code(&mistakes, ERR_NOT_IMPLEMENTED, "/x", "later");
	assert_int_equal(mistakes.code, ERR_INVALID_SPEC);
	mistake_add_code(&mistakes, ERR_NOT_IMPLEMENTED, "/y", "later");
	assert_int_equal(mistakes.code, ERR_INVALID_SPEC);
	mistakes_done(&mistakes);
}

static void counts_all_and_keeps_a_hundred(void **state)
{
	/* A client that sends 1,000 mistakes learns the number and the first 100. */
	struct mistakes mistakes;
	char text[3000];
	unsigned kept = 0;
	(void)state;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	mistakes_init(&mistakes);
	for (int i = 0; i < 1000; i++)
		mistake_hint(&mistakes, mistake_add(&mistakes, text, "type", "%s", text), "%s",
			     text);
	for (const struct mistake *at = mistakes.first; at; at = at->next) {
		assert_int_equal(strlen(at->pointer), 1024);
		assert_int_equal(strlen(at->detail), 399);
		assert_int_equal(strlen(at->hint), 399);
		kept++;
	}
	assert_int_equal(kept, 100);
	assert_int_equal(mistakes.count, 1000);
	assert_false(arena_failed(&mistakes.arena));
	mistakes_done(&mistakes);
}

static void pointers_follow_rfc_6901(void **state)
{
	/* Section 5: "/a~1b" and "/m~0n" are the names "a/b" and "m~n"; "/" is the empty one. */
	struct mistakes mistakes;
	char longer[2000];
	(void)state;

	mistakes_init(&mistakes);
	assert_string_equal(mistakes_pointer(&mistakes, "", "a/b"), "/a~1b");
	assert_string_equal(mistakes_pointer(&mistakes, "", "m~n"), "/m~0n");
	assert_string_equal(mistakes_pointer(&mistakes, "", ""), "/");
	assert_string_equal(mistakes_pointer_index(&mistakes, "/foo", 12), "/foo/12");
	memset(longer, '/', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_string_equal(mistakes_pointer(&mistakes, "/spec", longer), "/spec");
	mistakes_done(&mistakes);
}

static void finds_the_nearest_name(void **state)
{
	/* Distances by hand: a swap, an insertion, a deletion, a substitution cost one each. */
	static const char *const names[] = {"filter", "map",   "reduce", "max_depth",
					    "urls",   "group", NULL};
	static const struct {
		const char *name, *nearest;
	} cases[] = {
		{"fliter", "filter"},
		{"filtr", "filter"},
		{"reduces", "reduce"},
		{"mpa", "map"},
		{"maxDepth", "max_depth"},
		{"max-depth", "max_depth"},
		{"URLS", "urls"},
		{"url", "urls"},
		{"ulrs", "urls"},
		{"sort", NULL},
		{"", NULL},
		{"x", NULL},
		{"completely", NULL},
		{"filterfilter", NULL},
	};
	char longer[200];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *nearest = nearest_name(cases[i].name, names);

		if (cases[i].nearest) {
			assert_non_null(nearest);
			assert_string_equal(nearest, cases[i].nearest);
		} else {
			assert_null(nearest);
		}
	}
	memset(longer, 'u', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(nearest_name(longer, names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_mistakes_in_their_order),
		cmocka_unit_test(the_code_is_the_one_all_share),
		cmocka_unit_test(counts_all_and_keeps_a_hundred),
		cmocka_unit_test(pointers_follow_rfc_6901),
		cmocka_unit_test(finds_the_nearest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
