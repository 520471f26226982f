/* SPDX-License-Identifier: MIT */
/* test_buf.c - base/buf: growth, the limit, and what a failure leaves. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void appends_every_way(void **state)
{
	/* Bytes, text, a byte, a format across the first growth, integers to both ends. */
	struct buf buf = BUF(4096);
	(void)state;

	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_add(&buf, "ab\0c", 4), 0);
	assert_int_equal(buf.len, 4);
	assert_memory_equal(buf.data, "ab\0c", 5);
	buf_clear(&buf);
	buf_add_text(&buf, "x=");
	buf_add_int(&buf, INT64_MIN);
	buf_add_byte(&buf, ',');
	buf_add_int(&buf, 0);
	buf_printf(&buf, ",%060d,%s", 7, "end");
	assert_string_equal(buf_text(&buf), "x=-9223372036854775808,0,"
					    "000000000000000000000000000000000000000000000000000000"
					    "000007,end");
	buf_done(&buf);
	assert_null(buf.data);
}

static void the_limit_is_exact(void **state)
{
	/* Eight bytes fit into eight; the ninth is refused and changes nothing. */
	struct buf buf = BUF(8);
	(void)state;

	assert_int_equal(buf_add(&buf, "12345678", 8), 0);
	assert_true(buf_ok(&buf));
	assert_int_equal(buf_add_byte(&buf, '9'), -1);
	assert_false(buf_ok(&buf));
	assert_string_equal(buf_text(&buf), "12345678");
	buf_done(&buf);
}

static void a_failure_is_remembered_until_cleared(void **state)
{
	/* What would fit is refused too: a text with a hole is never handed out. */
	struct buf buf = BUF(8);
	(void)state;

	buf_add_text(&buf, "ab");
	assert_int_equal(buf_printf(&buf, "%s", "1234567"), -1);
	assert_string_equal(buf_text(&buf), "ab");
	assert_int_equal(buf_add_byte(&buf, 'c'), -1);
	assert_null(buf_room(&buf, 1));
	assert_null(buf_take(&buf, NULL));
	buf_clear(&buf);
	assert_int_equal(buf_add_text(&buf, "c"), 0);
	assert_string_equal(buf_text(&buf), "c");
	buf_done(&buf);
}

static void no_limit_and_no_size_overflow(void **state)
{
	/* SIZE_MAX as a limit, SIZE_MAX as a size, one as a limit, none at all. */
	struct buf wide = BUF(SIZE_MAX), one = BUF(1), none = BUF(0);
	(void)state;

	assert_int_equal(buf_add_text(&wide, "abc"), 0);
	assert_null(buf_room(&wide, SIZE_MAX));
	assert_string_equal(buf_text(&wide), "abc");
	assert_int_equal(buf_add_byte(&one, 'a'), 0);
	assert_int_equal(buf_add_byte(&one, 'b'), -1);
	assert_int_equal(buf_add(&none, NULL, 0), 0);
	assert_int_equal(buf_add_byte(&none, 'a'), -1);
	buf_done(&wide);
	buf_done(&one);
	buf_done(&none);
}

static void room_is_written_in_place(void **state)
{
	/* buf_room, write, buf_grown; then both ends are cut. */
	struct buf buf = BUF(100);
	char *room;
	(void)state;

	buf_add_text(&buf, "head ");
	room = buf_room(&buf, 10);
	assert_non_null(room);
	memcpy(room, "body", 4);
	buf_grown(&buf, 4);
	assert_string_equal(buf_text(&buf), "head body");
	buf_drop_front(&buf, 5);
	assert_string_equal(buf_text(&buf), "body");
	buf_cut(&buf, 2);
	assert_string_equal(buf_text(&buf), "bo");
	buf_cut(&buf, 50);
	assert_int_equal(buf.len, 2);
	buf_drop_front(&buf, 50);
	assert_string_equal(buf_text(&buf), "");
	buf_done(&buf);
}

static void taking_moves_the_memory(void **state)
{
	/* The caller frees; the buf starts anew with its limit; an empty one gives "". */
	struct buf buf = BUF(100);
	size_t len = 99;
	char *text;
	(void)state;

	text = buf_take(&buf, &len);
	assert_string_equal(text, "");
	assert_int_equal(len, 0);
	free(text);
	buf_add_text(&buf, "abc");
	text = buf_take(&buf, &len);
	assert_string_equal(text, "abc");
	assert_int_equal(len, 3);
	assert_null(buf.data);
	assert_int_equal(buf.max, 100);
	free(text);
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_every_way),
		cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(a_failure_is_remembered_until_cleared),
		cmocka_unit_test(no_limit_and_no_size_overflow),
		cmocka_unit_test(room_is_written_in_place),
		cmocka_unit_test(taking_moves_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
