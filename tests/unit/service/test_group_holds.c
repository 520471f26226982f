/* SPDX-License-Identifier: MIT */
/* test_group_holds.c - which groups are held, and until when. */
#include "service/engine/group_holds.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_group_is_held_until_its_instant_or_a_word(void **state)
{
	/* Held anew it is held longer; others are not. */
	struct group_holds holds = {0};

	(void)state;
	assert_true(group_hold(&holds, 7, 1000, 0));
	assert_int_equal(group_held_until(&holds, 7, 999), 1000);
	assert_int_equal(group_held_until(&holds, 7, 1000), 0);
	assert_int_equal(group_held_until(&holds, 8, 0), 0);
	assert_true(group_hold(&holds, 7, 2000, 500));
	assert_int_equal(group_held_until(&holds, 7, 1000), 2000);
	assert_true(group_hold(&holds, 7, 0, 600));
	assert_int_equal(group_held_until(&holds, 7, 600), 0);
	assert_int_equal(holds.count, 0);
}

static void so_many_are_held_and_no_more(void **state)
{
	/* Until some are over: those leave room. */
	struct group_holds holds = {0};

	(void)state;
	for (uint64_t group = 0; group < GROUP_HOLDS_MAX; group++)
		assert_true(group_hold(&holds, group, group < 10 ? 100 : 200, 0));
	assert_false(group_hold(&holds, 1000, 300, 99));
	assert_true(group_hold(&holds, 1000, 300, 100));
	assert_int_equal(holds.count, GROUP_HOLDS_MAX - 10 + 1);
	assert_int_equal(group_held_until(&holds, 255, 100), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_held_until_its_instant_or_a_word),
		cmocka_unit_test(so_many_are_held_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
