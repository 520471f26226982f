/* SPDX-License-Identifier: MIT */
/* test_input.c - portions of an input: what is in them, their marks, and that they are the same
 * when they are found again.  A handler that copies its input stands for all of them. */
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "handlers/input/input.h"

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a handler that emits each record as it is ---- */

struct plan {
	struct input_plan *input;
};

struct copier {
	struct input *input;
	struct fields fields;
	struct portion *portion[LANES_MAX];
	bool fed, bytes;
	int64_t sum;
};

static const struct param params[] = {
	{.name = "input", .kind = PARAM_OBJECT, .required = true, .members = input_params},
	{.name = "bytes", .kind = PARAM_BOOL},
	{.name = "save", .kind = PARAM_BOOL},
	{.name = "chunk", .kind = PARAM_INT},
	{0},
};

static struct {
	bool bytes, save;
	int64_t chunk;
} wanted;

static int copier_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	assert_non_null(plan);
	plan->input = input_plan_new(json_get(spec, "input"), "/spec/input", planner);
	wanted.bytes = spec_bool(spec, "bytes", false);
	wanted.save = spec_bool(spec, "save", false);
	wanted.chunk = spec_int(spec, "chunk", 0);
	*ret_plan = plan;
	if (plan->input)
		return 0;
	free(plan);
	*ret_plan = NULL;
	return -1;
}

static void copier_plan_free(struct plan *plan)
{
	if (plan)
		input_plan_free(plan->input);
	free(plan);
}

static void copier_close(void *state)
{
	struct copier *copier = state;

	for (unsigned i = 0; i < LANES_MAX; i++)
		portion_close(copier->portion[i]);
	input_free(copier->input);
	fields_done(&copier->fields);
	free(copier);
}

static int copier_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	struct copier *copier = calloc(1, sizeof(*copier));
	unsigned index;

	assert_non_null(copier);
	run_ordered(run);
	fields_init(&copier->fields);
	assert_int_equal(fields_add(&copier->fields, NULL, 0, &index, err), 0);
	*ret_state = copier;
	if (input_open(run, plan->input, &copier->fields, wanted.chunk, &copier->input, err)) {
		copier_close(copier);
		return -1;
	}
	return 0;
}

static int copier_phase(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
			struct err *err)
{
	(void)state;
	(void)err;
	*ret_lanes = phase == 0 ? run_lanes_for_cpu(run) : 0;
	return 0;
}

static enum step step_of(enum run_answer answer)
{
	switch (answer) {
	case RUN_OK:
		return STEP_MORE;
	case RUN_END:
		return STEP_DONE;
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		return STEP_WAIT;
	}
}

static enum run_answer rows_copy(struct run *run, unsigned lane, struct portion *portion,
				 struct err *err)
{
	struct buf item = BUF(1 << 20);
	enum run_answer answer;
	struct rows rows;

	answer = input_rows(portion, &rows, err);
	for (size_t i = 0; answer == RUN_OK && i < rows.count; i++) {
		struct portion_place place;

		if (rows.row[i].mistake) {
			portion_place(portion, row_offset(&rows, i), &place);
			run_item_failed(run, lane, portion_part(portion),
					&(struct item_failure){.key = place.name,
							       .line = place.line,
							       .offset = place.offset});
			continue;
		}
		buf_clear(&item);
		assert_int_equal(input_row_json(portion, &rows, i, &item), 0);
		assert_int_equal(
			run_emit(run, lane, portion_part(portion), item.data, item.len, err),
			RUN_OK);
	}
	buf_done(&item);
	return answer;
}

/* Each block is one item, as a text. */
static enum run_answer bytes_copy(struct run *run, unsigned lane, struct portion *portion,
				  struct err *err)
{
	struct buf item = BUF(1 << 26);
	enum run_answer answer;
	const char *bytes;
	size_t len;

	answer = input_bytes(portion, &bytes, &len, err);
	if (answer == RUN_OK) {
		json_quote(&item, bytes, len);
		run_emit(run, lane, portion_part(portion), item.data, item.len, err);
	}
	buf_done(&item);
	return answer;
}

static enum step portion_step(struct run *run, struct copier *copier, unsigned lane,
			      struct err *err)
{
	struct portion *portion = copier->portion[lane];
	enum run_answer answer = wanted.bytes ? bytes_copy(run, lane, portion, err)
					      : rows_copy(run, lane, portion, err);

	if (answer == RUN_OK && wanted.save) {
		int64_t mark = portion_mark(portion);

		run_part_save(run, lane, portion_part(portion), &mark, sizeof(mark));
	}
	if (answer == RUN_END) {
		run_part_done(run, lane, portion_part(portion));
		portion_close(portion);
		copier->portion[lane] = NULL;
		return STEP_MORE;
	}
	return step_of(answer);
}

static enum step copier_step(struct run *run, void *state, unsigned phase, unsigned lane,
			     struct err *err)
{
	struct copier *copier = state;
	struct completion completion;
	enum run_answer answer;

	(void)phase;
	while (run_completion(run, lane, &completion))
		assert_true(input_completion(copier->input, &completion));
	if (lane == 0 && !copier->fed) {
		answer = input_feed(copier->input, lane, err);
		copier->fed = answer == RUN_END;
		if (answer == RUN_ERROR)
			return STEP_FAIL;
		if (answer == RUN_OK)
			return STEP_MORE;
	}
	if (copier->portion[lane])
		return portion_step(run, copier, lane, err);
	answer = input_next(copier->input, lane, &copier->portion[lane], err);
	if (answer == RUN_OK && portion_part(copier->portion[lane])->resume) {
		int64_t mark;

		memcpy(&mark, portion_part(copier->portion[lane])->resume, sizeof(mark));
		assert_int_equal(portion_seek(copier->portion[lane], mark, err), 0);
	}
	return step_of(answer);
}

static const struct handler copier = {
	.name = "copier",
	.params = params,
	.plan = copier_plan,
	.plan_free = copier_plan_free,
	.open = copier_open,
	.phase = copier_phase,
	.step = copier_step,
	.close = copier_close,
};

/* ---- what tests say ---- */

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
	enum fake_end end = fake_run_drive(fake, &copier, spec);

	if (end == FAKE_FAILED)
		print_error("%s\n", fake_run_seen(fake)->err.detail);
	assert_int_equal(end, FAKE_COMPLETED);
	assert_string_equal(fake_run_ndjson(fake), records);
}

static void refused(const char *spec, const char *pointer, const char *type)
{
	const struct mistake *mistake;

	assert_int_equal(fake_run_drive(fake, &copier, spec), FAKE_INVALID);
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
	/* Any JSON value is one. */
	(void)state;
	copied("{\"input\":{\"items\":[{\"b\":1,\"a\":[]},\"x\",null,[1,{}],12.5]}}",
	       "{\"b\":1,\"a\":[]}\n\"x\"\nnull\n[1,{}]\n12.5\n");
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
				fake, &copier,
				"{\"save\":true,\"input\":{\"range\":{\"from\":1,\"to\":100000}}}");
			if (++attempts == 5)
				fake_run_options(fake)->steps_max = 0;
		} while (end == FAKE_STOPPED);
		assert_int_equal(end, FAKE_COMPLETED);
		assert_true(strcmp(fake_run_ndjson(fake), buf_text(&records)) == 0);
	}
	buf_done(&records);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
