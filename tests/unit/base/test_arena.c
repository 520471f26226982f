/* SPDX-License-Identifier: MIT */
/* test_arena.c - base/arena: alignment, the limit, and reuse. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void memory_is_zeroed_and_aligned(void **state)
{
	/* For any type, whatever was asked before; also when a block is used again. */
	struct arena arena = ARENA(1024 * 1024);
	(void)state;

	for (int round = 0; round < 2; round++) {
		for (size_t size = 0; size < 300; size += 7) {
			unsigned char *at = arena_alloc(&arena, size);

			assert_non_null(at);
			assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(at[i], 0);
			memset(at, 0xA5, size);
		}
		arena_clear(&arena);
	}
	arena_done(&arena);
}

static void texts_are_copied(void **state)
{
	/* Bytes get a NUL; a format may be longer than the first block. */
	struct arena arena = ARENA(64 * 1024);
	char *text;
	(void)state;

	assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
	assert_string_equal(arena_text(&arena, ""), "");
	text = arena_printf(&arena, "%02000d!", 7);
	assert_int_equal(strlen(text), 2001);
	assert_string_equal(text + 1998, "07!");
	arena_done(&arena);
}

static void formatted_texts_are_whole_at_every_place(void **state)
{
	/* Of each length from 1 to 500, over the ends of several blocks; none touches another. */
	struct arena arena = ARENA(1024 * 1024);
	char *texts[500];
	(void)state;

	for (int i = 0; i < 500; i++)
		texts[i] = arena_printf(&arena, "%0*d", i + 1, i % 10);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(strlen(texts[i]), i + 1);
		assert_int_equal(strspn(texts[i], "0") + (i % 10 != 0), i + 1);
		assert_int_equal(texts[i][i], '0' + i % 10);
	}
	arena_done(&arena);
}

static void the_limit_holds_and_is_remembered(void **state)
{
	/* 4,096 bytes in all: 3,000 fit, 3,000 more do not, and the first stay. */
	struct arena arena = ARENA(4096);
	char *first = arena_alloc(&arena, 3000);
	(void)state;

	assert_non_null(first);
	first[2999] = 'x';
	assert_null(arena_alloc(&arena, 3000));
	assert_true(arena_failed(&arena));
	assert_true(arena.used <= 4096);
	assert_int_equal(first[2999], 'x');
	arena_clear(&arena);
	assert_false(arena_failed(&arena));
	assert_non_null(arena_alloc(&arena, 3000));
	arena_done(&arena);
}

static void sizes_do_not_overflow(void **state)
{
	/* A product, a sum and a rounding that would pass SIZE_MAX, without any limit. */
	struct arena arena = ARENA(SIZE_MAX);
	(void)state;

	assert_null(arena_array(&arena, SIZE_MAX / 8 + 2, 8));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 40));
	assert_null(arena_copy(&arena, "", SIZE_MAX));
	assert_true(arena_failed(&arena));
	assert_non_null(arena_array(&arena, 3, 8));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(formatted_texts_are_whole_at_every_place),
		cmocka_unit_test(the_limit_holds_and_is_remembered),
		cmocka_unit_test(sizes_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
