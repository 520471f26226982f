/* SPDX-License-Identifier: MIT */
/* test_unicode_words.c - handlers/mapreduce/unicode_words: what UAX #29 calls a word. */
#include "handlers/mapreduce/unicode_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_words(bool fold, const char *line, const char *expected)
{
	struct buf found = BUF(1 << 20);
	struct unicode_words words;
	struct err err;

	unicode_words_init(&words, fold);
	assert_int_equal(unicode_words_add(&words, line, strlen(line), &found, &err), 0);
	assert_string_equal(buf_text(&found), expected);
	unicode_words_done(&words);
	buf_done(&found);
}

static void the_example_of_the_standard(void **state)
{
	/* UAX #29, figure 1: its words, and nothing of what stands between them. */
	(void)state;
	assert_words(false,
		     "The quick (\xe2\x80\x9c"
		     "brown\xe2\x80\x9d) fox can\xe2\x80\x99t jump 32.3 feet, right?",
		     "The\nquick\nbrown\nfox\ncan\xe2\x80\x99t\njump\n32.3\nfeet\nright\n");
}

static void letters_of_all_scripts(void **state)
{
	/* Accents that combine stay with their letter, Greek and Cyrillic are letters too. */
	(void)state;
	assert_words(false,
		     "nai\xcc\x88ve \xce\xb1\xce\xb2\xce\xb3-\xd1\x8f \xe2\x82\xac 7\xe2\x82\xac",
		     "nai\xcc\x88ve\n\xce\xb1\xce\xb2\xce\xb3\n\xd1\x8f\n7\n");
	assert_words(false, "", "");
	assert_words(false, " \t --- \xe2\x80\xa6", "");
}

static void folding_is_the_full_one(void **state)
{
	/* CaseFolding.txt: U+00DF is "ss"; the composed and the decomposed form become one. */
	(void)state;
	assert_words(true,
		     "STRASSE stra\xc3\x9f"
		     "e",
		     "strasse\nstrasse\n");
	assert_words(true, "nai\xcc\x88ve NA\xc3\x8fVE", "na\xc3\xafve\nna\xc3\xafve\n");
}

static void bytes_that_are_no_text_stand_between_words(void **state)
{
	/* A lone continuation, a cut sequence and an overlong one. */
	(void)state;
	assert_words(false,
		     "one\x80two\xc3 three\xc0\xaf"
		     "four\xe2\x82",
		     "one\ntwo\nthree\nfour\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_standard),
		cmocka_unit_test(letters_of_all_scripts),
		cmocka_unit_test(folding_is_the_full_one),
		cmocka_unit_test(bytes_that_are_no_text_stand_between_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
