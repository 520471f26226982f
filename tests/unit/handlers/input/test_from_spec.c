/* SPDX-License-Identifier: MIT */
/* test_from_spec.c - inputs that their spec says: portions, marks, and what is wrong with a spec.
 */
#include "tests/lib/fake_copier.h"
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct fake_run *fake;

static int fake_begin(void **state)
{
	(void)state;
	fake = fake_run_new(&(struct fake_options){0});
	return 0;
}

static int fake_end(void **state)
{
	(void)state;
	fake_run_free(fake);
	return 0;
}

static void copied(const char *spec, const char *records)
{
	enum fake_end end = fake_run_drive(fake, &fake_copier, spec);

	if (end == FAKE_FAILED)
		print_error("%s\n", fake_run_seen(fake)->err.detail);
	assert_int_equal(end, FAKE_COMPLETED);
	assert_string_equal(fake_run_ndjson(fake), records);
}

static void refused(const char *spec, const char *pointer, const char *type)
{
	const struct mistake *mistake;

	assert_int_equal(fake_run_drive(fake, &fake_copier, spec), FAKE_INVALID);
	for (mistake = fake_run_seen(fake)->mistakes.first; mistake; mistake = mistake->next)
		if (strcmp(mistake->pointer, pointer) == 0 && strcmp(mistake->type, type) == 0)
			return;
	mistake = fake_run_seen(fake)->mistakes.first;
	fail_msg("no %s at %s; the first is %s at %s: %s", type, pointer, mistake->type,
		 mistake->pointer, mistake->detail);
}

/* ---- the spec ---- */

static void an_input_is_read_from_one_place(void **state)
{
	/* None is a mistake of the input, a second one names the first. */
	(void)state;
	refused("{\"input\":{}}", "/spec/input", "missing-member");
	refused("{\"input\":{\"items\":[],\"range\":{\"from\":1,\"to\":2}}}", "/spec/input/range",
		"conflict");
	assert_string_equal(fake_run_seen(fake)->mistakes.first->hint,
			    "/spec/input/items is there too");
}

static void a_format_is_for_sources_of_bytes(void **state)
{
	/* Items are JSON already. */
	(void)state;
	refused("{\"input\":{\"items\":[1],\"format\":\"csv\"}}", "/spec/input/format", "conflict");
	refused("{\"input\":{\"range\":{\"from\":1,\"to\":2},\"compression\":\"gzip\"}}",
		"/spec/input/compression", "conflict");
}

static void a_step_of_zero_is_a_mistake(void **state)
{
	/* It would never end. */
	(void)state;
	refused("{\"input\":{\"range\":{\"from\":1,\"to\":2,\"step\":0}}}",
		"/spec/input/range/step", "out-of-range");
}

/* ---- items and ranges ---- */

static void items_are_records_in_their_order(void **state)
{
	/* Any JSON value is one; numbers stay as they are written. */
	(void)state;
	copied("{\"input\":{\"items\":[{\"b\":1,\"a\":[]},\"x\",null,[1,{}],9007199254740993,1.0]}"
	       "}",
	       "{\"b\":1,\"a\":[]}\n\"x\"\nnull\n[1,{}]\n9007199254740993\n1.0\n");
}

static void no_items_are_no_records(void **state)
{
	/* An empty input is a job that is done. */
	(void)state;
	copied("{\"input\":{\"items\":[]}}", "");
	copied("{\"input\":{\"range\":{\"from\":2,\"to\":1}}}", "");
}

static void a_range_has_both_its_ends(void **state)
{
	/* Upwards, downwards, and past an end that no step meets. */
	(void)state;
	copied("{\"input\":{\"range\":{\"from\":8,\"to\":11}}}", "8\n9\n10\n11\n");
}

static void a_range_goes_down_and_over_its_end(void **state)
{
	/* 5, 2, -1 and then -4, which is beyond -3. */
	(void)state;
	copied("{\"input\":{\"range\":{\"from\":5,\"to\":-3,\"step\":-3}}}", "5\n2\n-1\n");
}

static void a_range_keeps_all_digits(void **state)
{
	/* 2^53 is the largest that a spec can say. */
	(void)state;
	copied("{\"input\":{\"range\":{\"from\":9007199254740990,\"to\":9007199254740992}}}",
	       "9007199254740990\n9007199254740991\n9007199254740992\n");
}

static void many_items_are_many_portions(void **state)
{
	/* 2,500 records are three portions of 1,000 at most, on three lanes, in order. */
	struct buf spec = BUF(1 << 20), records = BUF(1 << 20);

	(void)state;
	buf_add_text(&spec, "{\"input\":{\"items\":[0");
	buf_add_text(&records, "0\n");
	for (int i = 1; i < 2500; i++) {
		buf_printf(&spec, ",%d", i);
		buf_printf(&records, "%d\n", i);
	}
	buf_add_text(&spec, "]}}");
	fake_run_options(fake)->lanes_for_cpu = 3;
	copied(buf_text(&spec), buf_text(&records));
	assert_int_equal(fake_run_seen(fake)->parts, 3);
	buf_done(&spec);
	buf_done(&records);
}

static void an_input_goes_on_inside_a_portion(void **state)
{
	/* Stopped after each number of steps, the records are the same, each once. */
	struct buf records = BUF(1 << 24);

	(void)state;
	for (int i = 1; i <= 100000; i++)
		buf_printf(&records, "%d\n", i);
	for (unsigned steps = 4; steps < 40; steps += 5) {
		enum fake_end end;
		int attempts = 0;

		fake_run_free(fake);
		fake = fake_run_new(&(struct fake_options){.steps_max = steps});
		do {
			end = fake_run_drive(
				fake, &fake_copier,
				"{\"save\":true,\"input\":{\"range\":{\"from\":1,\"to\":100000}}}");
			if (++attempts == 5)
				fake_run_options(fake)->steps_max = 0;
		} while (end == FAKE_STOPPED);
		assert_int_equal(end, FAKE_COMPLETED);
		assert_true(strcmp(fake_run_ndjson(fake), buf_text(&records)) == 0);
	}
	buf_done(&records);
}

/* ---- generate ---- */

static void a_script_makes_records_of_numbers(void **state)
{
	/* What it returns or emits; nil is none; whole numbers stay whole. */
	(void)state;
	copied("{\"input\":{\"generate\":{\"count\":4,\"lua\":["
	       "\"if i == 2 then return nil end\","
	       "\"if i == 3 then emit({a = 1}) emit({a = 2.5}) return nil end\","
	       "\"return {i = i, half = i / 2}\"]}}}",
	       "{\"i\":1,\"half\":0.5}\n{\"a\":1}\n{\"a\":2.5}\n{\"i\":4,\"half\":2.0}\n");
}

static void a_script_makes_the_same_after_a_stop(void **state)
{
	/* Each record once, also inside a portion of 1,000 numbers. */
	const char *spec = "{\"save\":true,\"input\":{\"generate\":{\"count\":3000,"
			   "\"lua\":\"return i\"}}}";
	const char *line;
	int count;

	(void)state;
	for (unsigned steps = 3; steps < 20; steps += 3) {
		fake_run_free(fake);
		fake = fake_run_new(&(struct fake_options){.steps_max = steps});
		while (fake_run_drive(fake, &fake_copier, spec) == FAKE_STOPPED)
			;
		assert_int_equal(fake_run_seen(fake)->parts, 3);
		line = fake_run_ndjson(fake);
		for (count = 0; *line; line = strchr(line, '\n') + 1)
			assert_int_equal(strtol(line, NULL, 10), ++count);
		assert_int_equal(count, 3000);
	}
}

static void a_script_that_fails_names_its_number(void **state)
{
	/* And the line. */
	(void)state;
	assert_int_equal(
		fake_run_drive(
			fake, &fake_copier,
			"{\"input\":{\"generate\":{\"count\":9,\"lua\":["
			"\"local x = {}\",\"if i == 7 then fail('seven') end\",\"return i\"]}}}"),
		FAKE_FAILED);
	assert_memory_equal(fake_run_seen(fake)->err.detail, "generate, i = 7, line 2: ", 25);
}

static void a_script_that_does_not_compile_is_a_mistake(void **state)
{
	/* With its place. */
	(void)state;
	refused("{\"input\":{\"generate\":{\"count\":1,\"lua\":\"return (\"}}}",
		"/spec/input/generate/lua", "script");
}

/* ---- another job ---- */

#define OTHER_JOB "{\"save\":true,\"input\":{\"job\":\"018f0000-0000-7000-8000-000000000000\"}}"

static char *results_make(size_t lines)
{
	struct buf records = BUF(1 << 24);

	for (size_t i = 0; i < lines; i++)
		buf_printf(&records, "{\"i\":%zu}\n", i);
	return buf_take(&records, NULL);
}

static void results_of_a_job_are_read_as_they_come(void **state)
{
	/* 300 bytes at a time, while they are fewer than a portion, and to their end. */
	char *results = results_make(20000);

	(void)state;
	fake_run_options(fake)->other_results = results;
	fake_run_options(fake)->other_grows = 300;
	copied(OTHER_JOB, results);
	assert_true(fake_run_seen(fake)->parts > 10);
	assert_true(fake_run_seen(fake)->parts < 50);
	free(results);
}

static void portions_of_results_are_the_same_after_a_stop(void **state)
{
	/* The feed goes on where its checkpoint says. */
	char *results = results_make(20000);

	(void)state;
	for (unsigned steps = 3; steps < 60; steps += 7) {
		fake_run_free(fake);
		fake = fake_run_new(&(struct fake_options){
			.other_results = results, .other_grows = 5000, .steps_max = steps});
		while (fake_run_drive(fake, &fake_copier, OTHER_JOB) == FAKE_STOPPED)
			fake_run_options(fake)->steps_max += 5;
		assert_true(strcmp(fake_run_ndjson(fake), results) == 0);
	}
	free(results);
}

static void a_job_without_results_is_an_empty_input(void **state)
{
	/* It has ended, and there is nothing. */
	(void)state;
	fake_run_options(fake)->other_results = "";
	copied(OTHER_JOB, "");
}

static void a_job_that_fails_takes_its_readers_along(void **state)
{
	/* What was read so far is not all. */
	(void)state;
	fake_run_options(fake)->other_results = "1\n2\n";
	fake_run_options(fake)->other_fails = true;
	assert_int_equal(fake_run_drive(fake, &fake_copier, OTHER_JOB), FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_PARENT_FAILED);
}

static void a_job_is_named_by_its_id(void **state)
{
	/* Anything else is a mistake of the spec. */
	(void)state;
	refused("{\"input\":{\"job\":\"the-last-one\"}}", "/spec/input/job", "bad-id");
}

#define INPUT_TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INPUT_TEST(an_input_is_read_from_one_place),
		INPUT_TEST(a_format_is_for_sources_of_bytes),
		INPUT_TEST(a_step_of_zero_is_a_mistake),
		INPUT_TEST(items_are_records_in_their_order),
		INPUT_TEST(no_items_are_no_records),
		INPUT_TEST(a_range_has_both_its_ends),
		INPUT_TEST(a_range_goes_down_and_over_its_end),
		INPUT_TEST(a_range_keeps_all_digits),
		INPUT_TEST(many_items_are_many_portions),
		INPUT_TEST(an_input_goes_on_inside_a_portion),
		INPUT_TEST(a_script_makes_records_of_numbers),
		INPUT_TEST(a_script_makes_the_same_after_a_stop),
		INPUT_TEST(a_script_that_fails_names_its_number),
		INPUT_TEST(a_script_that_does_not_compile_is_a_mistake),
		INPUT_TEST(results_of_a_job_are_read_as_they_come),
		INPUT_TEST(portions_of_results_are_the_same_after_a_stop),
		INPUT_TEST(a_job_without_results_is_an_empty_input),
		INPUT_TEST(a_job_that_fails_takes_its_readers_along),
		INPUT_TEST(a_job_is_named_by_its_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
