/* SPDX-License-Identifier: MIT */
/* fake_copier.c - reads its input on all lanes, and emits what it reads. */
#include "tests/lib/fake_copier.h"

#include "handlers/input/input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

	assert(plan);
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

	assert(copier);
	run_ordered(run);
	fields_init(&copier->fields);
	if (fields_add(&copier->fields, NULL, 0, &index, err))
		abort();
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
		if (input_row_json(portion, &rows, i, &item))
			abort();
		if (run_emit(run, lane, portion_part(portion), item.data, item.len, err) != RUN_OK)
			abort();
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
		if (!input_completion(copier->input, &completion))
			abort();
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
		if (portion_seek(copier->portion[lane], mark, err))
			return STEP_FAIL;
	}
	return step_of(answer);
}

const struct handler fake_copier = {
	.name = "copier",
	.params = params,
	.plan = copier_plan,
	.plan_free = copier_plan_free,
	.open = copier_open,
	.phase = copier_phase,
	.step = copier_step,
	.close = copier_close,
};
