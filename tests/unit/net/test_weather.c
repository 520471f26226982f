/* SPDX-License-Identifier: MIT */
/* When names fail everywhere it is not the hosts. */
#include "net/weather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Notes hosts from … to-1; true when any of them began a pause. */
static bool note(struct weather *weather, int from, int to, bool failed, int64_t now_ms)
{
	bool paused = false;

	for (int host = from; host < to; host++)
		paused |= weather_note(weather, (uint64_t)host, failed, now_ms);
	return paused;
}

static void more_than_half_of_twenty_hosts_pause_fetching(void **state)
{
	/* 10 good and 10 bad are half; the eleventh bad one is more; it lasts 15 s. */
	struct weather weather = {0};

	(void)state;
	assert_false(note(&weather, 0, 10, false, 1000));
	assert_false(note(&weather, 10, 20, true, 1000));
	assert_true(note(&weather, 20, 21, true, 1000));
	assert_true(weather_paused(&weather, 15999));
	assert_false(weather_paused(&weather, 16000));
	assert_false(note(&weather, 0, 19, true, 16000)); /* everything was forgotten */
	assert_true(note(&weather, 19, 20, true, 16000));
}

static void nineteen_hosts_are_too_few(void **state)
{
	/* However often they fail: distinct hosts count, each by its last sight. */
	struct weather weather = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_false(note(&weather, 0, 19, true, 1000 + i));
	note(&weather, 0, 19, false, 2000);
	assert_false(note(&weather, 19, 20, true, 2000));
}

static void what_is_older_than_a_minute_does_not_count(void **state)
{
	/* 19 failures, one more a minute later. */
	struct weather weather = {0};

	(void)state;
	note(&weather, 0, 19, true, 1000);
	assert_false(note(&weather, 19, 20, true, 61000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_half_of_twenty_hosts_pause_fetching),
		cmocka_unit_test(nineteen_hosts_are_too_few),
		cmocka_unit_test(what_is_older_than_a_minute_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
