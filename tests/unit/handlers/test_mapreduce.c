/* SPDX-License-Identifier: MIT */
/* test_mapreduce.c - the phases of a map-reduce job: the answer is that of the input, however
 * many lanes there are, and however often it is interrupted. */
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

extern const struct handler mapreduce_handler;

#define RANGE(from, to, map)                                                                       \
	"{\"input\":{\"range\":{\"from\":" from ",\"to\":" to "}},\"map\":" map "}"

/* The summary up to what a run's speed was. */
static void assert_answer(struct fake_run *fake, const char *members)
{
	const char *summary = fake_run_seen(fake)->summary;

	assert_non_null(summary);
	if (!strstr(summary, members))
		print_error("%s\n", summary);
	assert_non_null(strstr(summary, members));
}

static void assert_value(const char *spec, const char *members)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});

	assert_int_equal(fake_run_drive(fake, &mapreduce_handler, spec), FAKE_COMPLETED);
	assert_answer(fake, members);
	fake_run_free(fake);
}

static void assert_mistake(const char *spec, const char *pointer, const char *type)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});
	const struct mistake *mistake;

	assert_int_equal(fake_run_drive(fake, &mapreduce_handler, spec), FAKE_INVALID);
	mistake = fake_run_seen(fake)->mistakes.first;
	assert_string_equal(mistake->pointer, pointer);
	assert_string_equal(mistake->type, type);
	fake_run_free(fake);
}

static void sums_of_ranges_are_exact(void **state)
{
	/* n(n+1)(2n+1)/6, and what Python says of the largest numbers that a spec can name. */
	(void)state;
	assert_value(RANGE("1", "10000", "{\"builtin\":\"count\"}"), "\"value\":10000,");
	assert_value(RANGE("1", "10000", "{\"builtin\":\"sum\"}"), "\"value\":50005000,");
	assert_value(RANGE("1", "10000", "{\"builtin\":\"sum_of_squares\"}"),
		     "\"value\":333383335000,");
	assert_value(RANGE("-3", "3", "{\"builtin\":\"sum_of_squares\"}"), "\"value\":28,");
	assert_value(
		RANGE("9007199254740990", "9007199254740992", "{\"builtin\":\"sum_of_squares\"}"),
		"\"value\":\"243388915243819991044171486986245\",");
	assert_value(RANGE("5", "5", "{\"builtin\":\"sum\"}"), "\"value\":5,");
	assert_value(RANGE("5", "4", "{\"builtin\":\"sum\"}"), "\"value\":0,");
}

static void primes_of_a_range_are_counted(void **state)
{
	/* pi(10^4), and a range that begins below zero. */
	(void)state;
	assert_value(RANGE("1", "10000", "{\"builtin\":\"count_primes\"}"), "\"value\":1229,");
	assert_value(RANGE("-10", "10", "{\"builtin\":\"count_primes\"}"), "\"value\":4,");
}

static void a_step_leaves_numbers_out(void **state)
{
	/* 1, 4, 7, 10: the last number need not be met. */
	(void)state;
	assert_value("{\"input\":{\"range\":{\"from\":1,\"to\":12,\"step\":3}},"
		     "\"map\":{\"builtin\":\"sum\"}}",
		     "\"value\":22,");
}

static void the_answer_does_not_depend_on_lanes(void **state)
{
	/* n(n+1)(2n+1)/6 by hand. */
	static const unsigned lanes[] = {1, 2, 7};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fake_run *fake =
			fake_run_new(&(struct fake_options){.lanes_for_cpu = lanes[i]});

		assert_int_equal(
			fake_run_drive(fake, &mapreduce_handler,
				       RANGE("1", "10000000", "{\"builtin\":\"sum_of_squares\"}")),
			FAKE_COMPLETED);
		assert_answer(fake, "\"value\":\"333333383333335000000\",\"records\":10000000,");
		fake_run_free(fake);
	}
}

static void an_interrupted_job_counts_nothing_twice(void **state)
{
	/* Stopped after 1, 2, 3, … steps and taken up with another number of lanes. */
	static const char spec[] = RANGE("1", "30000000", "{\"builtin\":\"sum\"}");

	(void)state;
	for (unsigned steps = 1; steps <= 8; steps++) {
		struct fake_run *fake = fake_run_new(
			&(struct fake_options){.lanes_for_cpu = 3, .steps_max = steps});
		enum fake_end end = fake_run_drive(fake, &mapreduce_handler, spec);

		fake_run_options(fake)->lanes_for_cpu = 2;
		fake_run_options(fake)->steps_max = 0;
		if (end == FAKE_STOPPED)
			end = fake_run_drive(fake, &mapreduce_handler, spec);
		assert_int_equal(end, FAKE_COMPLETED);
		assert_answer(fake, "\"value\":450000015000000,\"records\":30000000,");
		fake_run_free(fake);
	}
}

/* 5,000 items of 26 to 32 bytes: {"value":1,"count":1} and so on. */
static const char many_items[] = "{\"input\":{\"range\":{\"from\":1,\"to\":5000}},"
				 "\"map\":{\"builtin\":\"distinct\"},\"sort\":[\"-value\"]}";

static void items_come_once_however_often_it_stops(void **state)
{
	/* Stopped after each number of steps, in the map, the gathering and the output. */
	struct fake_run *calm = fake_run_new(&(struct fake_options){.lanes_for_cpu = 1});

	(void)state;
	assert_int_equal(fake_run_drive(calm, &mapreduce_handler, many_items), FAKE_COMPLETED);
	assert_int_equal(fake_run_seen(calm)->items_count, 5000);
	assert_string_equal(fake_run_seen(calm)->items[0].text, "{\"value\":5000,\"count\":1}");
	for (unsigned steps = 1; steps <= 40; steps++) {
		struct fake_run *fake = fake_run_new(&(struct fake_options){
			.lanes_for_cpu = 2, .steps_max = steps, .full_every = 3});
		enum fake_end end = fake_run_drive(fake, &mapreduce_handler, many_items);

		fake_run_options(fake)->steps_max = 0;
		if (end == FAKE_STOPPED)
			end = fake_run_drive(fake, &mapreduce_handler, many_items);
		assert_int_equal(end, FAKE_COMPLETED);
		assert_string_equal(fake_run_ndjson(fake), fake_run_ndjson(calm));
		fake_run_free(fake);
	}
	fake_run_free(calm);
}

static void a_house_that_is_full_changes_nothing(void **state)
{
	/* Every second bounded verb is refused once. */
	struct fake_run *fake =
		fake_run_new(&(struct fake_options){.lanes_for_cpu = 2, .full_every = 2});

	(void)state;
	assert_int_equal(fake_run_drive(fake, &mapreduce_handler,
					RANGE("1", "30000000", "{\"builtin\":\"sum\"}")),
			 FAKE_COMPLETED);
	assert_answer(fake, "\"value\":450000015000000,");
	fake_run_free(fake);
}

static void mistakes_have_their_place(void **state)
{
	/* An input that the kernel cannot read, a range whose step it cannot take, no kernel. */
	(void)state;
	assert_mistake("{\"input\":{\"items\":[1,2]},\"map\":{\"builtin\":\"count_primes\"}}",
		       "/spec/map/builtin", "conflict");
	assert_mistake("{\"input\":{\"range\":{\"from\":1,\"to\":12,\"step\":3}},"
		       "\"map\":{\"builtin\":\"count_primes\"}}",
		       "/spec/input/range/step", "out-of-range");
	assert_mistake(RANGE("1", "2", "{\"builtin\":\"sums\"}"), "/spec/map/builtin",
		       "bad-choice");
	assert_mistake(RANGE("1", "2", "{}"), "/spec/map", "missing-member");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_ranges_are_exact),
		cmocka_unit_test(primes_of_a_range_are_counted),
		cmocka_unit_test(a_step_leaves_numbers_out),
		cmocka_unit_test(the_answer_does_not_depend_on_lanes),
		cmocka_unit_test(an_interrupted_job_counts_nothing_twice),
		cmocka_unit_test(items_come_once_however_often_it_stops),
		cmocka_unit_test(a_house_that_is_full_changes_nothing),
		cmocka_unit_test(mistakes_have_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
