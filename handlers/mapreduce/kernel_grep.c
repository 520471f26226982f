/* SPDX-License-Identifier: MIT */
/* kernel_grep.c - records that a regular expression matches, in their order.
 *
 * It is looked for in the record as it stands in the input (a line, the text of a JSON value), or
 * in what `of` gives.
 */
#include "base/limits.h"
#include "base/pattern.h"
#include "handlers/input/input.h"
#include "handlers/mapreduce/formula.h"
#include "handlers/mapreduce/kernel.h"

#include <stdlib.h>
#include <string.h>

struct grep_plan {
	struct pattern *pattern;
	struct expr *of; /* NULL: the record as it stands */
	bool invert;
};

struct grep_lane {
	const struct grep_plan *plan;
	struct pattern_scratch *scratch;
	struct expr_scratch *values;
	struct buf text;
};

/* ---- the plan ---- */

static void grep_plan_free(void *ctx)
{
	struct grep_plan *plan = ctx;

	if (!plan)
		return;
	pattern_free(plan->pattern);
	expr_free(plan->of);
	free(plan);
}

static void *grep_plan(struct kernel_planner *planner)
{
	struct mistakes *mistakes = planner->planner->mistakes;
	const char *source = spec_text(planner->map, "pattern", NULL);
	const char *of = spec_text(planner->map, "of", NULL);
	unsigned flags = spec_bool(planner->map, "ignore_case", false) ? PATTERN_CASELESS : 0;
	struct grep_plan *plan = calloc(1, sizeof(*plan));
	struct pattern_mistake wrong;
	struct err err;

	if (!plan)
		return NULL;
	plan->invert = spec_bool(planner->map, "invert", false);
	if (of)
		formula_compile(of, "/spec/map/of", planner->fields, mistakes, &plan->of);
	if (!source) {
		mistake_add(mistakes, "/spec/map/pattern", "missing-member",
			    "grep needs a pattern");
	} else if (pattern_compile(source, flags, &plan->pattern, &wrong, &err)) {
		struct mistake *mistake =
			mistake_add(mistakes, "/spec/map/pattern", "pattern", "%s", wrong.detail);

		mistake->line = 1;
		mistake->column = (int)wrong.offset + 1;
		mistake->source = arena_text(&mistakes->arena, source);
	}
	return plan;
}

/* ---- lanes ---- */

static void grep_lane_free(void *state)
{
	struct grep_lane *lane = state;

	if (!lane)
		return;
	pattern_scratch_free(lane->scratch);
	expr_scratch_free(lane->values);
	buf_done(&lane->text);
	free(lane);
}

static void *grep_lane_new(const struct kernel_lane *options, struct err *err)
{
	struct grep_lane *lane = calloc(1, sizeof(*lane));

	if (lane) {
		lane->plan = options->plan;
		lane->scratch = pattern_scratch_new();
		lane->values = expr_scratch_new();
		buf_init(&lane->text, RECORD_BYTES_MAX);
		if (lane->scratch && lane->values)
			return lane;
	}
	grep_lane_free(lane);
	err_set(err, ERR_NO_MEMORY, "no memory for a search");
	return NULL;
}

/* What is searched: *ret_text NULL when `of` gives no text. */
static int text_of(struct grep_lane *lane, const struct rows *rows, size_t row,
		   const char **ret_text, size_t *ret_len, struct err *err)
{
	struct value value;

	*ret_text = rows->row[row].raw;
	*ret_len = rows->row[row].len;
	if (!lane->plan->of)
		return 0;
	*ret_text = NULL;
	expr_scratch_clear(lane->values);
	if (expr_eval(lane->plan->of, row_values(rows, row), lane->values, &value, err))
		return -1;
	if (value.kind != VALUE_TEXT)
		return 0;
	buf_clear(&lane->text);
	*ret_text = value_text(&value, &lane->text, ret_len);
	return *ret_text ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a text");
}

/* 1: it is to be emitted; 0: not; -1 and *err: the record is bad. */
static int row_test(struct grep_lane *lane, const struct rows *rows, size_t row, struct err *err)
{
	const struct span *spans;
	const char *text;
	size_t len;
	int found;

	if (text_of(lane, rows, row, &text, &len, err))
		return -1;
	if (!text)
		return lane->plan->invert;
	found = pattern_search(lane->plan->pattern, lane->scratch, text, len, 0, &spans, err);
	return found < 0 ? -1 : (found != 0) != lane->plan->invert;
}

static int grep_add(void *state, const struct kernel_batch *batch, struct err *err)
{
	struct grep_lane *lane = state;

	for (size_t i = 0; i < batch->picked; i++) {
		size_t before = batch->lines->len;
		struct err why;
		int found = row_test(lane, batch->rows, batch->pick[i], &why);

		if (found < 0)
			batch->failed(batch->ctx, batch->pick[i], &why);
		if (found <= 0)
			continue;
		input_row_json(batch->portion, batch->rows, batch->pick[i], batch->lines);
		buf_end_line(batch->lines, before);
		++*batch->lines_count;
	}
	return buf_ok(batch->lines) ? 0
				    : err_set(err, ERR_NO_MEMORY, "no memory for what was found");
}

static const char *const grep_members[] = {"pattern", "ignore_case", "invert",
					   "of",      "filter",	     NULL};

const struct kernel kernel_grep = {
	.name = "grep",
	.summary = "The records that a pattern matches, in their order",
	.members = grep_members,
	.food = KERNEL_ROWS,
	.emits = true,
	.plan = grep_plan,
	.plan_free = grep_plan_free,
	.lane_new = grep_lane_new,
	.lane_free = grep_lane_free,
	.add_rows = grep_add,
};
