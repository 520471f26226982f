/* SPDX-License-Identifier: MIT */
/* test_words.c - words between white space, and how often each comes. */
#include "handlers/mapreduce/words.h"

#include "base/buf.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 100000 };

static struct words *table(int64_t bytes_max, bool fold)
{
	struct err err;
	struct words *words = words_new(
		&(struct words_options){.seed = 7, .bytes_max = bytes_max, .fold = fold}, &err);

	assert_non_null(words);
	return words;
}

struct wanted {
	const char *word;
	uint64_t count;
};

struct seen {
	const struct wanted *wanted;
	size_t count;
};

static int each(void *ctx, const char *word, size_t len, uint64_t count)
{
	struct seen *seen = ctx;

	for (size_t i = 0; seen->wanted[i].word; i++)
		if (strlen(seen->wanted[i].word) == len &&
		    memcmp(seen->wanted[i].word, word, len) == 0) {
			assert_int_equal(seen->wanted[i].count, count);
			seen->count++;
			return 0;
		}
	fail_msg("a word that nobody wrote: %.*s", (int)len, word);
	return 0;
}

static void assert_words(const struct words *words, const struct wanted *wanted)
{
	struct seen seen = {.wanted = wanted};
	size_t all = 0;

	while (wanted[all].word)
		all++;
	assert_int_equal(words_each(words, each, &seen), 0);
	assert_int_equal(seen.count, all);
	assert_int_equal(words_count(words), all);
}

static void add(struct words *words, const char *text)
{
	/* In memory of exactly its size, so that a sanitizer sees a read beyond it. */
	size_t len = strlen(text);
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy = realloc(copy, len ? len : 1);
	assert_int_equal(words_add(words, copy, len), len);
	free(copy);
}

static void words_stand_between_white_space(void **state)
{
	/* All six bytes of it; everything else is part of a word. */
	struct words *words = table(1 << 20, false);

	(void)state;
	add(words, "");
	add(words, " \t\n\v\f\r");
	add(words, "one two\ttwo\nthree,\vthree,\fthree,\r\none-1 \x01 caf\xc3\xa9 \x01");
	assert_words(words, (struct wanted[]){{"one", 1},
					      {"two", 2},
					      {"three,", 3},
					      {"one-1", 1},
					      {"\x01", 2},
					      {"caf\xc3\xa9", 1},
					      {0}});
	words_free(words);
}

static void words_of_any_length_are_told_apart(void **state)
{
	/* Around 8, 16 and 24 bytes, across the ends of what is looked at at once. */
	static const char *const longest = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
					   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
	struct words *words = table(1 << 20, false);
	struct wanted wanted[100] = {0};
	static char texts[99][100];

	(void)state;
	for (int round = 0; round < 3; round++)
		for (int len = 1; len < 100; len++) {
			char text[256] = {0};

			memset(text, ' ', (size_t)(round * 7));
			memcpy(text + round * 7, longest, (size_t)len);
			add(words, text);
			memcpy(texts[len - 1], longest, (size_t)len);
			wanted[len - 1] = (struct wanted){texts[len - 1], 3};
		}
	assert_words(words, wanted);
	words_free(words);
}

static void folding_takes_ascii_letters_only(void **state)
{
	/* Also in words that are longer than a slot. */
	struct words *words = table(1 << 20, true);

	(void)state;
	add(words, "The the THE @[`{ \xc3\x89T\xc3\x89 AbcdefghijklmnopqrstuvwxyZ12345 "
		   "aBCDEFGHIJKLMNOPQRSTUVWXYz12345");
	assert_words(words, (struct wanted[]){{"the", 3},
					      {"@[`{", 1},
					      {"\xc3\x89t\xc3\x89", 1},
					      {"abcdefghijklmnopqrstuvwxyz12345", 2},
					      {0}});
	words_free(words);
}

static int sum(void *ctx, const char *word, size_t len, uint64_t count)
{
	uint64_t *total = ctx;

	(void)word;
	(void)len;
	*total += count;
	return 0;
}

static void a_full_table_says_where_it_stopped(void **state)
{
	/* 100,000 different words and a limit of 64 KiB: emptied again and again, none is lost. */
	struct words *words = table(64 * 1024, false);
	struct buf text = BUF(4 << 20);
	uint64_t total = 0;
	size_t at = 0, emptied = 0;

	(void)state;
	for (int i = 0; i < MANY; i++)
		buf_printf(&text, i % 100 == 0 ? "a-word-that-is-longer-than-a-slot-%d " : "w%d ",
			   i);
	while ((at += words_add(words, text.data + at, text.len - at)) < text.len) {
		words_each(words, sum, &total);
		words_clear(words);
		emptied++;
	}
	words_each(words, sum, &total);
	assert_int_equal(total, MANY);
	assert_true(emptied > 10);
	words_free(words);
	buf_done(&text);
}

static void long_words_alone_find_room_too(void **state)
{
	/* One text of nothing but words that do not fit a slot: the table grows under them. */
	struct words *words = table(64 << 20, false);
	struct buf text = BUF(8 << 20);
	uint64_t total = 0;

	(void)state;
	for (int i = 0; i < MANY; i++)
		buf_printf(&text, "a-word-that-is-longer-than-a-slot-%d\n", i);
	assert_int_equal(words_add(words, text.data, text.len), text.len);
	words_each(words, sum, &total);
	assert_int_equal(total, MANY);
	assert_int_equal(words_count(words), MANY);
	words_free(words);
	buf_done(&text);
}

static void random_texts_are_counted_as_strtok_does(void **state)
{
	/* The number of words and of different ones, of 200 texts of chance. */
	struct rng rng;

	(void)state;
	rng_seed(&rng, 20261121);
	for (int round = 0; round < 200; round++) {
		struct words *words = table(1 << 20, false);
		size_t len = (size_t)rng_between(&rng, 1, 700);
		char *text = malloc(len + 1), *rest = text;
		uint64_t counted = 0, wanted = 0;

		for (size_t i = 0; i < len; i++)
			text[i] = "ab \n"[rng_next(&rng) % 4];
		text[len] = '\0';
		assert_int_equal(words_add(words, text, len), len);
		words_each(words, sum, &counted);
		while (strtok_r(rest, " \n", &rest))
			wanted++;
		assert_int_equal(counted, wanted);
		free(text);
		words_free(words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_stand_between_white_space),
		cmocka_unit_test(words_of_any_length_are_told_apart),
		cmocka_unit_test(folding_takes_ascii_letters_only),
		cmocka_unit_test(a_full_table_says_where_it_stopped),
		cmocka_unit_test(long_words_alone_find_room_too),
		cmocka_unit_test(random_texts_are_counted_as_strtok_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
