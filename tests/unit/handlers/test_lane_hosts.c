/* SPDX-License-Identifier: MIT */
/* test_lane_hosts.c - how many fetches of a lane of 32 one host may have, of several. */
#include "handlers/scrape/lane_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FETCHES = 32, A = 1, B = 2 };

/* How many begin there, one after the other, before it is not their turn. */
static unsigned begin_all(struct lane_hosts *hosts, uint64_t group, int64_t now_ms)
{
	unsigned begun = 0;

	while (begun <= FETCHES && lane_host_turn(hosts, group, FETCHES, now_ms) == TURN_NOW) {
		lane_host_began(hosts, group, now_ms);
		begun++;
	}
	return begun;
}

static void two_hosts(struct lane_hosts *hosts)
{
	lane_host_turn(hosts, A, FETCHES, 0);
	lane_host_turn(hosts, B, FETCHES, 0);
}

static void alone_a_host_has_the_whole_lane(void **state)
{
	/* Nobody else waits for a place. */
	struct lane_hosts hosts = {0};

	(void)state;
	assert_int_equal(begin_all(&hosts, A, 0), FETCHES + 1);
}

static void of_several_one_is_tried_until_it_answers(void **state)
{
	/* Then it has three quarters. */
	struct lane_hosts hosts = {0};

	(void)state;
	two_hosts(&hosts);
	assert_int_equal(begin_all(&hosts, A, 0), 1);
	assert_int_equal(lane_host_turn(&hosts, A, FETCHES, 10), TURN_LATER);
	assert_true(lane_hosts_silent(&hosts));
	assert_true(lane_host_ended(&hosts, A, true, 20));
	assert_false(lane_hosts_silent(&hosts));
	assert_int_equal(begin_all(&hosts, A, 20), 24);
	assert_int_equal(lane_host_turn(&hosts, A, FETCHES, 20), TURN_SOON);
}

static void a_dead_host_has_one_place_for_good(void **state)
{
	/* However often it fails, and whoever is asked in between. */
	struct lane_hosts hosts = {0};

	(void)state;
	two_hosts(&hosts);
	for (int64_t now_ms = 0; now_ms < 100000; now_ms += 10000) {
		assert_int_equal(begin_all(&hosts, A, now_ms), 1);
		for (uint64_t other = 100; other < 200; other++) {
			assert_int_equal(lane_host_turn(&hosts, other, FETCHES, now_ms), TURN_NOW);
			lane_host_began(&hosts, other, now_ms);
			assert_true(lane_host_ended(&hosts, other, true, now_ms) || now_ms > 0);
		}
		assert_false(lane_host_ended(&hosts, A, false, now_ms + 5000));
	}
}

static void some_lost_answers_do_not_make_a_host_dead(void **state)
{
	/* Three in a row are bad luck, the fourth is one too many; an answer mends it. */
	struct lane_hosts hosts = {0};

	(void)state;
	two_hosts(&hosts);
	begin_all(&hosts, A, 0);
	lane_host_ended(&hosts, A, true, 5);
	assert_int_equal(begin_all(&hosts, A, 5), 24);
	for (int i = 0; i < 3; i++)
		lane_host_ended(&hosts, A, false, 10);
	assert_int_equal(begin_all(&hosts, A, 10), 3);
	for (int i = 0; i < 4; i++)
		lane_host_ended(&hosts, A, false, 10);
	assert_int_equal(lane_host_turn(&hosts, A, FETCHES, 10), TURN_LATER);
	assert_true(lane_host_ended(&hosts, A, true, 20));
	assert_int_equal(lane_host_turn(&hosts, A, FETCHES, 20), TURN_NOW);
}

static void a_slow_host_has_no_more_than_it_gets_through(void **state)
{
	/* An answer each 2 s: four are enough for 8 s. */
	struct lane_hosts hosts = {0};

	(void)state;
	two_hosts(&hosts);
	begin_all(&hosts, A, 0);
	for (int64_t now_ms = 2000; now_ms <= 20000; now_ms += 2000) {
		lane_host_ended(&hosts, A, true, now_ms);
		lane_host_began(&hosts, A, now_ms);
	}
	assert_int_equal(begin_all(&hosts, A, 20000), 3);
	assert_int_equal(lane_host_turn(&hosts, A, FETCHES, 20000), TURN_LATER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_a_host_has_the_whole_lane),
		cmocka_unit_test(of_several_one_is_tried_until_it_answers),
		cmocka_unit_test(a_dead_host_has_one_place_for_good),
		cmocka_unit_test(some_lost_answers_do_not_make_a_host_dead),
		cmocka_unit_test(a_slow_host_has_no_more_than_it_gets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
