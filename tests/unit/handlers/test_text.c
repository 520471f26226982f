/* SPDX-License-Identifier: MIT */
/* test_text.c - small work on Unicode text. */
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct handler text_handler;

static void assert_summary(const char *spec, const char *summary)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});

	assert_int_equal(fake_run_drive(fake, &text_handler, spec), FAKE_COMPLETED);
	assert_string_equal(fake_run_seen(fake)->summary, summary);
	fake_run_free(fake);
}

static void assert_mistake(const char *spec, const char *pointer)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});

	assert_int_equal(fake_run_drive(fake, &text_handler, spec), FAKE_INVALID);
	assert_string_equal(fake_run_seen(fake)->mistakes.first->pointer, pointer);
	fake_run_free(fake);
}

static void reverse_keeps_grapheme_clusters_whole(void **state)
{
	/* e + U+0301 is one cluster, and so is a family joined by U+200D (UAX #29). */
	(void)state;
	assert_summary("{\"op\":\"reverse\",\"text\":\"abc\"}", "{\"value\":\"cba\"}");
	assert_summary("{\"op\":\"reverse\",\"text\":\"\"}", "{\"value\":\"\"}");
	assert_summary("{\"op\":\"reverse\",\"text\":\"xe\\u0301y\"}",
		       "{\"value\":\"ye\xCC\x81x\"}");
	assert_summary("{\"op\":\"reverse\",\"text\":\"a\\ud83d\\udc68\\u200d\\ud83d\\udc69b\"}",
		       "{\"value\":\"b\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9"
		       "a\"}");
}

static void reverse_by_code_point_takes_clusters_apart(void **state)
{
	/* The accent moves in front of its letter. */
	(void)state;
	assert_summary("{\"op\":\"reverse\",\"by\":\"codepoint\",\"text\":\"xe\\u0301\"}",
		       "{\"value\":\"\xCC\x81"
		       "ex\"}");
}

static void uppercase_maps_as_unicode_does(void **state)
{
	/* SpecialCasing.txt: sharp s becomes SS, the ligature fi becomes FI. */
	(void)state;
	assert_summary("{\"op\":\"uppercase\",\"text\":\"stra\\u00dfe\"}",
		       "{\"value\":\"STRASSE\"}");
	assert_summary("{\"op\":\"uppercase\",\"text\":\"\\ufb01\\u00e9\"}",
		       "{\"value\":\"FI\xC3\x89\"}");
}

static void words_are_what_white_space_parts(void **state)
{
	/* As `wc -w`; U+00A0 and U+3000 are White_Space. */
	(void)state;
	assert_summary("{\"op\":\"word_count\",\"text\":\" the quick\\tbrown\\nfox \"}",
		       "{\"value\":4}");
	assert_summary("{\"op\":\"word_count\",\"text\":\"a\\u00a0b\\u3000c\"}", "{\"value\":3}");
	assert_summary("{\"op\":\"word_count\",\"text\":\"\"}", "{\"value\":0}");
}

static void hashes_are_those_of_the_standards(void **state)
{
	/* "abc" in RFC 1321 (A.5) and FIPS 180-4's examples. */
	(void)state;
	assert_summary("{\"op\":\"hash\",\"text\":\"abc\",\"algorithm\":\"md5\"}",
		       "{\"value\":\"900150983cd24fb0d6963f7d28e17f72\"}");
	assert_summary("{\"op\":\"hash\",\"text\":\"abc\",\"algorithm\":\"sha1\"}",
		       "{\"value\":\"a9993e364706816aba3e25717850c26c9cd0d89d\"}");
	assert_summary("{\"op\":\"hash\",\"text\":\"abc\"}",
		       "{\"value\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
		       "ad\"}");
	assert_summary("{\"op\":\"hash\",\"text\":\"abc\",\"algorithm\":\"sha512\"}",
		       "{\"value\":\"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d3"
		       "9a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f\"}");
}

static void members_of_other_operations_are_mistakes(void **state)
{
	/* `by` is for reverse, `algorithm` for hash. */
	(void)state;
	assert_mistake("{\"op\":\"hash\",\"text\":\"a\",\"by\":\"grapheme\"}", "/spec/by");
	assert_mistake("{\"op\":\"reverse\",\"text\":\"a\",\"algorithm\":\"md5\"}",
		       "/spec/algorithm");
	assert_mistake("{\"op\":\"hash\",\"text\":\"a\",\"algorithm\":\"crc32\"}",
		       "/spec/algorithm");
	assert_mistake("{\"op\":\"reverse\"}", "/spec/text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reverse_keeps_grapheme_clusters_whole),
		cmocka_unit_test(reverse_by_code_point_takes_clusters_apart),
		cmocka_unit_test(uppercase_maps_as_unicode_does),
		cmocka_unit_test(words_are_what_white_space_parts),
		cmocka_unit_test(hashes_are_those_of_the_standards),
		cmocka_unit_test(members_of_other_operations_are_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
