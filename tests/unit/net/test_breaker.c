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
	enum breaker_reason reason; /* BREAKER_BORN: it stays closed */
} rules[] = {
	{"four in a row do not trip", {{.bad = 4}}, BREAKER_BORN},
	{"five in a row do", {{.bad = 5}}, BREAKER_FAILURES},
	{"a success ends a run", {{.good = 9}, {.bad = 4}, {.good = 1}, {.bad = 4}}, BREAKER_BORN},
	{"less than half of eleven",
	 {{.good = 5, .bad = 4}, {.good = 1}, {.bad = 1}},
	 BREAKER_BORN},
	{"half of ten, the last bad",
	 {{.good = 3, .bad = 3}, {.good = 2}, {.bad = 2}},
	 BREAKER_RATE},
	{"half of nine is too few", {{.good = 3, .bad = 3}, {.good = 1}, {.bad = 2}}, BREAKER_BORN},
	{"what is older than a minute is forgotten",
	 {{.bad = 4}, {.good = 4}, {.wait_ms = 66000, .bad = 1}, {.good = 1}},
	 BREAKER_BORN},
	{"ten of ten slow", {{.slow = 10}}, BREAKER_SLOW},
	{"nine slow and one quick", {{.slow = 9}, {.good = 1}, {.slow = 5}}, BREAKER_BORN},
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
		if (lab.breaker.reason != rules[i].reason ||
		    (lab.breaker.state == BREAKER_OPEN) != (rules[i].reason != BREAKER_BORN))
			fail_msg("%s: %s, %s", rules[i].rule, breaker_state_name(lab.breaker.state),
				 breaker_reason_name(lab.breaker.reason));
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

static void the_window_slides_by_six_seconds(void **state)
{
	/* Ten buckets of 6 s from a multiple of 6 s: what came in one goes with it. */
	static const struct {
		int at_s;
		unsigned calls; /* in the window after this one */
	} trace[] = {{0, 1},  {5, 2},  {6, 3},	{30, 4},  {59, 5},  {60, 4}, {65, 5},
		     {66, 5}, {89, 6}, {90, 6}, {119, 6}, {120, 5}, {300, 1}};
	const int64_t begin_ms = 166 * 6000;
	struct lab lab = lab_open();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trace); i++) {
		lab.now_ms = begin_ms + trace[i].at_s * 1000LL;
		call(&lab, BREAKER_SUCCESS, 10, 1);
		assert_int_equal(breaker_window(&lab.breaker, lab.now_ms).calls, trace[i].calls);
	}
	assert_int_equal(breaker_window(&lab.breaker, lab.now_ms + 53999).calls, 1);
	assert_int_equal(breaker_window(&lab.breaker, lab.now_ms + 60000).calls, 0);
	assert_int_equal(breaker_window(&lab.breaker, lab.now_ms + 6000000).calls, 0);
}

static void the_open_time_is_spread_over_its_range(void **state)
{
	/* 15 s ± 15 %: over 1,000 seeds within 12.75 … 17.25 s, 15 on average, out to the ends. */
	int64_t least_ms = INT64_MAX, most_ms = 0, sum_ms = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct lab lab = lab_open();
		int64_t open_ms;

		rng_seed(&lab.rng, seed);
		call(&lab, BREAKER_FAILURE, 10, 5);
		open_ms = lab.breaker.open_until_ms - lab.now_ms;
		least_ms = MIN(least_ms, open_ms);
		most_ms = MAX(most_ms, open_ms);
		sum_ms += open_ms;
	}
	assert_in_range(least_ms, 12750, 12900);
	assert_in_range(most_ms, 17100, 17250);
	assert_in_range(sum_ms / 1000, 14850, 15150);
}

static void what_the_host_says_extends_the_open_time(void **state)
{
	/* Longer than its own: taken; shorter: not; closed, half-open or by hand: no effect. */
	struct lab lab = lab_open();
	int64_t open_until_ms;

	(void)state;
	breaker_extend(&lab.breaker, lab.now_ms + 50000);
	assert_true(call(&lab, BREAKER_FAILURE, 10, 5));
	open_until_ms = lab.breaker.open_until_ms;
	breaker_extend(&lab.breaker, lab.now_ms + 1000);
	assert_int_equal(breaker_ready_ms(&lab.breaker, lab.now_ms), open_until_ms);
	breaker_extend(&lab.breaker, lab.now_ms + 50000);
	assert_int_equal(breaker_ready_ms(&lab.breaker, lab.now_ms), lab.now_ms + 50000);
	lab.now_ms += 50000;
	assert_true(call(&lab, BREAKER_EXCLUDED, 10, 1));
	breaker_extend(&lab.breaker, lab.now_ms + 50000);
	assert_int_equal(breaker_ready_ms(&lab.breaker, lab.now_ms), lab.now_ms);
	breaker_force(&lab.breaker, BREAKER_FORCED_OPEN, lab.now_ms);
	breaker_extend(&lab.breaker, lab.now_ms + 50000);
	assert_true(breaker_ready_ms(&lab.breaker, lab.now_ms) == INT64_MAX);
}

static void a_long_open_time_is_forgiven_later(void **state)
{
	/* After 900 s ± 15 % open ten minutes are not enough: twice that time is. */
	struct lab lab = lab_open();
	int64_t open_ms;

	(void)state;
	call(&lab, BREAKER_FAILURE, 10, 5);
	for (int i = 0; i < 6; i++) {
		lab.now_ms = lab.breaker.open_until_ms;
		call(&lab, BREAKER_FAILURE, 10, 1);
	}
	open_ms = lab.breaker.open_until_ms - lab.now_ms;
	assert_in_range(open_ms, 765000, 1035000);
	lab.now_ms = lab.breaker.open_until_ms;
	call(&lab, BREAKER_SUCCESS, 10, 3);
	lab.now_ms += 2 * open_ms - 1;
	call(&lab, BREAKER_SUCCESS, 10, 1);
	assert_int_equal(lab.breaker.trips, 7);
	lab.now_ms += 1;
	call(&lab, BREAKER_SUCCESS, 10, 1);
	assert_int_equal(lab.breaker.trips, 0);
}

static void a_job_may_ask_for_other_thresholds(void **state)
{
	/* Two in a row; a fifth of five; a first byte after a second; one probe; 2 s, at most 3. */
	const struct breaker_policy policy = {.failures_max = 2,
					      .calls_min = 5,
					      .failure_percent = 20,
					      .successes_min = 1,
					      .slow_ms = 1000,
					      .open_ms = 2000,
					      .open_ms_max = 3000,
					      .lease_ms = 500};
	static const struct {
		const char *calls; /* g: good, b: bad, s: slow */
		enum breaker_reason reason;
	} cases[] = {{"gb", BREAKER_BORN},
		     {"gbb", BREAKER_FAILURES},
		     {"gggbg", BREAKER_RATE},
		     {"ssss", BREAKER_BORN},
		     {"sssss", BREAKER_SLOW}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lab lab = lab_open();
		uint32_t generation;

		for (const char *at = cases[i].calls; *at; at++) {
			assert_true(breaker_try(&lab.breaker, &policy, lab.now_ms, &generation));
			breaker_result(&lab.breaker, &policy, generation,
				       *at == 'b' ? BREAKER_FAILURE : BREAKER_SUCCESS,
				       *at == 's' ? 1001 : 1000, lab.now_ms, &lab.rng);
		}
		assert_int_equal(lab.breaker.reason, cases[i].reason);
		if (cases[i].reason == BREAKER_BORN)
			continue;
		assert_in_range(lab.breaker.open_until_ms - lab.now_ms, 1700, 2300);
		lab.now_ms = lab.breaker.open_until_ms;
		assert_true(breaker_try(&lab.breaker, &policy, lab.now_ms, &generation));
		assert_int_equal(breaker_ready_ms(&lab.breaker, lab.now_ms), lab.now_ms + 500);
		breaker_result(&lab.breaker, &policy, generation, BREAKER_FAILURE, 10, lab.now_ms,
			       &lab.rng);
		assert_in_range(lab.breaker.open_until_ms - lab.now_ms, 2550, 3450);
		lab.now_ms = lab.breaker.open_until_ms;
		assert_true(breaker_try(&lab.breaker, &policy, lab.now_ms, &generation));
		breaker_result(&lab.breaker, &policy, generation, BREAKER_SUCCESS, 10, lab.now_ms,
			       &lab.rng);
		assert_int_equal(lab.breaker.state, BREAKER_CLOSED);
	}
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
		cmocka_unit_test(the_window_slides_by_six_seconds),
		cmocka_unit_test(the_open_time_is_spread_over_its_range),
		cmocka_unit_test(what_the_host_says_extends_the_open_time),
		cmocka_unit_test(a_long_open_time_is_forgiven_later),
		cmocka_unit_test(a_job_may_ask_for_other_thresholds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
