/* SPDX-License-Identifier: MIT */
/* The breaker's rules, each as a trace of calls at instants. */
#include "net/breaker.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct breaker_policy preset;

struct lab {
	struct breaker breaker;
	struct rng rng;
	int64_t now_ms;
};

static struct lab lab_open(void)
{
	struct lab lab = {.now_ms = 1000000};

	breaker_init(&lab.breaker, lab.now_ms);
	rng_seed(&lab.rng, 7);
	return lab;
}

/* `count` calls that end at once; false when one was not let out. */
static bool call(struct lab *lab, enum breaker_outcome outcome, int64_t first_byte_ms, int count)
{
	for (int i = 0; i < count; i++) {
		uint32_t generation;

		if (!breaker_try(&lab->breaker, &preset, lab->now_ms, &generation))
			return false;
		breaker_result(&lab->breaker, &preset, generation, outcome, first_byte_ms,
			       lab->now_ms, &lab->rng);
	}
	return true;
}

/* The trace of one rule: steps of calls, then the state that must be reached. */
struct step {
	int wait_ms, good, bad, slow;
};

static const struct {
	const char *rule;
	struct step steps[4];
	enum breaker_state state;
} rules[] = {
	{"four in a row do not trip", {{.bad = 4}}, BREAKER_CLOSED},
	{"five in a row do", {{.bad = 5}}, BREAKER_OPEN},
	{"a success ends a run",
	 {{.good = 9}, {.bad = 4}, {.good = 1}, {.bad = 4}},
	 BREAKER_CLOSED},
	{"half of ten", {{.good = 5, .bad = 4}, {.good = 1}, {.bad = 1}}, BREAKER_CLOSED},
	{"half of ten, the last bad",
	 {{.good = 3, .bad = 3}, {.good = 2}, {.bad = 2}},
	 BREAKER_OPEN},
	{"half of nine is too few",
	 {{.good = 3, .bad = 3}, {.good = 1}, {.bad = 2}},
	 BREAKER_CLOSED},
	{"what is older than a minute is forgotten",
	 {{.bad = 4}, {.good = 4}, {.wait_ms = 66000, .bad = 1}, {.good = 1}},
	 BREAKER_CLOSED},
	{"ten of ten slow", {{.slow = 10}}, BREAKER_OPEN},
	{"nine slow and one quick", {{.slow = 9}, {.good = 1}, {.slow = 5}}, BREAKER_CLOSED},
};

static void each_rule_trips_where_it_should(void **state)
{
	/* FETCH.md's thresholds: 5 in a row, 10 calls with half failed, 10 of 10 slow. */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct lab lab = lab_open();

		for (size_t at = 0; at < ARRAY_LEN(rules[i].steps); at++) {
			const struct step *step = &rules[i].steps[at];

			lab.now_ms += step->wait_ms;
			call(&lab, BREAKER_SUCCESS, 10, step->good);
			call(&lab, BREAKER_FAILURE, 10, step->bad);
			call(&lab, BREAKER_SUCCESS, 30001, step->slow);
		}
		if (lab.breaker.state != rules[i].state)
			fail_msg("%s: %s", rules[i].rule, breaker_state_name(lab.breaker.state));
	}
}

static void an_open_breaker_lets_nothing_out_until_its_time(void **state)
{
	/* 15 s ± 15 %: between 12.75 and 17.25 s, and then one probe. */
	struct lab lab = lab_open();
	uint32_t generation;
	int64_t ready_ms;

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 5);
	ready_ms = breaker_ready_ms(&lab.breaker, lab.now_ms);
	assert_in_range(ready_ms - lab.now_ms, 12750, 17250);
	assert_false(breaker_try(&lab.breaker, &preset, ready_ms - 1, &generation));
	assert_true(breaker_try(&lab.breaker, &preset, ready_ms, &generation));
	assert_int_equal(lab.breaker.state, BREAKER_HALF_OPEN);
	assert_false(breaker_try(&lab.breaker, &preset, ready_ms, &generation));
}

static void three_probes_close_it(void **state)
{
	/* Half-open, three successes one after the other close it; a failure opens it. */
	struct lab lab = lab_open();

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 5);
	lab.now_ms = lab.breaker.open_until_ms;
	assert_true(call(&lab, BREAKER_SUCCESS, 10, 2));
	assert_int_equal(lab.breaker.state, BREAKER_HALF_OPEN);
	assert_true(call(&lab, BREAKER_SUCCESS, 10, 1));
	assert_int_equal(lab.breaker.state, BREAKER_CLOSED);
	call(&lab, BREAKER_FAILURE, 10, 5);
	lab.now_ms = lab.breaker.open_until_ms;
	assert_true(call(&lab, BREAKER_FAILURE, 10, 1));
	assert_int_equal(lab.breaker.state, BREAKER_OPEN);
	assert_int_equal(lab.breaker.trips, 3);
}

static void open_times_double_up_to_a_maximum(void **state)
{
	/* 15, 30, 60 … 900 s, each within 15 %, and 900 s ever after. */
	static const int64_t seconds[] = {15, 30, 60, 120, 240, 480, 900, 900, 900};
	struct lab lab = lab_open();

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 4);
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		call(&lab, BREAKER_FAILURE, 10, 1);
		assert_in_range(lab.breaker.open_until_ms - lab.now_ms, seconds[i] * 850,
				seconds[i] * 1150);
		lab.now_ms = lab.breaker.open_until_ms;
	}
}

static void trips_are_forgiven_after_a_quiet_time(void **state)
{
	/* Closed for ten minutes (more than twice the last open time): it starts at 15 s again. */
	struct lab lab = lab_open();

	(void)state;
	for (int i = 0; i < 2; i++) {
		call(&lab, BREAKER_FAILURE, 10, 5);
		lab.now_ms = lab.breaker.open_until_ms;
		call(&lab, BREAKER_SUCCESS, 10, 3);
	}
	assert_int_equal(lab.breaker.trips, 2);
	lab.now_ms += 10 * 60 * 1000 - 1;
	call(&lab, BREAKER_SUCCESS, 10, 1);
	assert_int_equal(lab.breaker.trips, 2);
	lab.now_ms += 1;
	call(&lab, BREAKER_SUCCESS, 10, 1);
	assert_int_equal(lab.breaker.trips, 0);
}

static void results_of_an_older_state_are_ignored(void **state)
{
	/* A call let out before the trip fails after it closed again: nobody counts it. */
	struct lab lab = lab_open();
	uint32_t old;

	(void)state;
	assert_true(breaker_try(&lab.breaker, &preset, lab.now_ms, &old));
	call(&lab, BREAKER_FAILURE, 10, 5);
	lab.now_ms = lab.breaker.open_until_ms;
	call(&lab, BREAKER_SUCCESS, 10, 3);
	assert_false(breaker_result(&lab.breaker, &preset, old, BREAKER_FAILURE, 10, lab.now_ms,
				    &lab.rng));
	assert_int_equal(breaker_window(&lab.breaker, lab.now_ms).calls, 0);
}

static void a_lost_probe_loses_its_lease(void **state)
{
	/* After 90 s another probe goes out; the lost one's late failure changes nothing. */
	struct lab lab = lab_open();
	uint32_t lost, next;

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 5);
	lab.now_ms = lab.breaker.open_until_ms;
	assert_true(breaker_try(&lab.breaker, &preset, lab.now_ms, &lost));
	assert_int_equal(breaker_ready_ms(&lab.breaker, lab.now_ms), lab.now_ms + 90000);
	assert_false(breaker_try(&lab.breaker, &preset, lab.now_ms + 89999, &next));
	lab.now_ms += 90000;
	assert_true(breaker_try(&lab.breaker, &preset, lab.now_ms, &next));
	breaker_result(&lab.breaker, &preset, lost, BREAKER_FAILURE, 10, lab.now_ms, &lab.rng);
	assert_int_equal(lab.breaker.state, BREAKER_HALF_OPEN);
	breaker_result(&lab.breaker, &preset, next, BREAKER_SUCCESS, 10, lab.now_ms, &lab.rng);
	assert_int_equal(lab.breaker.consecutive, 1);
}

static void an_excluded_probe_gives_its_permit_back(void **state)
{
	/* Cancelled by us: no word about the host, and the next probe may go at once. */
	struct lab lab = lab_open();

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 5);
	lab.now_ms = lab.breaker.open_until_ms;
	assert_true(call(&lab, BREAKER_EXCLUDED, 10, 1));
	assert_int_equal(breaker_ready_ms(&lab.breaker, lab.now_ms), lab.now_ms);
	assert_int_equal(lab.breaker.consecutive, 0);
}

static void a_hand_opens_closes_and_lets_go(void **state)
{
	/* Forced open never ends, forced closed never trips, free moves again. */
	struct lab lab = lab_open();

	(void)state;
	breaker_force(&lab.breaker, BREAKER_FORCED_OPEN, lab.now_ms);
	assert_true(breaker_ready_ms(&lab.breaker, lab.now_ms) == INT64_MAX);
	breaker_force(&lab.breaker, BREAKER_FORCED_CLOSED, lab.now_ms);
	assert_true(call(&lab, BREAKER_FAILURE, 10, 50));
	breaker_force(&lab.breaker, BREAKER_FREE, lab.now_ms);
	call(&lab, BREAKER_FAILURE, 10, 1);
	assert_int_equal(lab.breaker.state, BREAKER_OPEN);
	breaker_force(&lab.breaker, BREAKER_FORCED_OPEN, lab.now_ms);
	breaker_force(&lab.breaker, BREAKER_FREE, lab.now_ms);
	assert_int_equal(lab.breaker.state, BREAKER_HALF_OPEN);
	breaker_reset(&lab.breaker, lab.now_ms);
	assert_int_equal(lab.breaker.state, BREAKER_CLOSED);
	assert_int_equal(lab.breaker.trips, 0);
}

static void an_open_state_outlives_the_process(void **state)
{
	/* Exported 10 s after the trip, imported 2 s later: the rest of the time is left. */
	struct lab lab = lab_open(), later = lab_open();
	struct breaker_saved saved;
	int64_t open_ms;

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 5);
	open_ms = lab.breaker.open_until_ms - lab.now_ms;
	breaker_export(&lab.breaker, lab.now_ms + 10000, &saved);
	later.now_ms = 5000;
	assert_int_equal(breaker_import(&later.breaker, &saved, 2000, later.now_ms), 0);
	assert_int_equal(later.breaker.state, BREAKER_OPEN);
	assert_int_equal(later.breaker.trips, 1);
	assert_int_equal(breaker_ready_ms(&later.breaker, later.now_ms),
			 later.now_ms + open_ms - 12000);
	saved.state = 9;
	assert_int_equal(breaker_import(&later.breaker, &saved, 0, later.now_ms), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_trips_where_it_should),
		cmocka_unit_test(an_open_breaker_lets_nothing_out_until_its_time),
		cmocka_unit_test(three_probes_close_it),
		cmocka_unit_test(open_times_double_up_to_a_maximum),
		cmocka_unit_test(trips_are_forgiven_after_a_quiet_time),
		cmocka_unit_test(results_of_an_older_state_are_ignored),
		cmocka_unit_test(a_lost_probe_loses_its_lease),
		cmocka_unit_test(an_excluded_probe_gives_its_permit_back),
		cmocka_unit_test(a_hand_opens_closes_and_lets_go),
		cmocka_unit_test(an_open_state_outlives_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
