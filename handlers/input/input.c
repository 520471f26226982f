/* SPDX-License-Identifier: MIT */
/* input.c - portions are found, claimed and told of: what all sources have in common.
 *
 * A portion is a part of the job.  Its key is for people, its input says what it covers in
 * three numbers.  Parts that an attempt finds again are known by their keys.
 */
#include "handlers/input/source.h"

#include "base/limits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- open and close ---- */

int input_open(struct run *run, const struct input_plan *plan, const struct fields *fields,
	       int64_t chunk_bytes, struct input **ret_input, struct err *err)
{
	struct input *input = calloc(1, sizeof(*input));

	if (!input)
		return err_set(err, ERR_NO_MEMORY, "no memory for an input");
	input->run = run;
	input->plan = plan;
	input->fields = fields;
	input->source = plan->source;
	input->chunk_bytes = chunk_bytes;
	if (input->source->open(input, err)) {
		input_free(input);
		return -1;
	}
	*ret_input = input;
	return 0;
}

bool source_left(struct input *input, const char **ret_blob, size_t *ret_len)
{
	struct run_left left;

	run_left(input->run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;

		run_left_checkpoint(input->run, i, &lane, &blob, ret_len);
		*ret_blob = blob;
		if (lane == INPUT_LANE)
			return true;
	}
	return false;
}

void input_free(struct input *input)
{
	if (!input)
		return;
	for (unsigned i = 0; i < LANES_MAX; i++)
		portion_free(input->spare[i]);
	if (input->source->close)
		input->source->close(input);
	free(input);
}

/* ---- finding ---- */

void source_wake(struct input *input)
{
	uint64_t lanes = atomic_exchange(&input->waiting, 0);

	for (; lanes; lanes &= lanes - 1)
		run_wake(input->run, (unsigned)__builtin_ctzll(lanes));
}

enum run_answer source_part_add(struct input *input, unsigned lane, const char *key,
				const struct portion *portion, struct err *err)
{
	char covers[80];
	int len = snprintf(covers, sizeof(covers), "%lld %lld %lld", (long long)portion->index,
			   (long long)portion->from, (long long)portion->to);
	enum run_answer answer =
		run_part_add(input->run, lane, key, strlen(key), covers, (size_t)len, NULL, err);

	if (answer == RUN_OK)
		source_wake(input);
	return answer;
}

enum run_answer input_feed(struct input *input, unsigned lane, struct err *err)
{
	enum run_answer answer;

	if (atomic_load(&input->fed))
		return RUN_END;
	answer = input->source->feed(input, lane, err);
	if (answer == RUN_END) {
		atomic_store(&input->fed, true);
		atomic_store(&input->bytes_all, true);
		source_wake(input);
	}
	return answer;
}

bool input_completion(struct input *input, const struct completion *completion)
{
	if (!(completion->tag & INPUT_TAG))
		return false;
	if (input->source->completion)
		input->source->completion(input, completion);
	return true;
}

int64_t input_bytes_known(const struct input *input, bool *ret_all)
{
	*ret_all = atomic_load(&input->bytes_all);
	return atomic_load(&input->bytes_known);
}

int64_t input_bytes_read(const struct input *input)
{
	return atomic_load_explicit(&input->bytes_read, memory_order_relaxed);
}

/* ---- claiming ---- */

enum run_answer input_next(struct input *input, unsigned lane, struct portion **ret_portion,
			   struct err *err)
{
	uint64_t bit = UINT64_C(1) << lane;
	enum run_answer answer;
	struct part *part;
	bool fed;

	/* The bit before both looks: what is added or ended behind them finds it. */
	atomic_fetch_or(&input->waiting, bit);
	fed = atomic_load(&input->fed);
	answer = run_part_next(input->run, lane, &part, err);
	if (answer == RUN_END && !fed)
		return RUN_LATER;
	atomic_fetch_and(&input->waiting, ~bit);
	if (answer != RUN_OK)
		return answer;
	*ret_portion = portion_take(input, lane, part);
	if (*ret_portion)
		return RUN_OK;
	run_part_release(input->run, lane, part);
	err_set(err, ERR_NO_MEMORY, "no memory for a portion of the input");
	return RUN_ERROR;
}

struct part *portion_part(const struct portion *portion)
{
	return portion->part;
}

bool portion_range(const struct portion *portion, struct input_range *ret_range)
{
	const struct range *range = &portion->input->plan->range;

	if (portion->input->source != &source_range)
		return false;
	*ret_range = (struct input_range){
		.first = range->from + range->step * MAX(portion->from, portion->seek),
		.step = range->step,
		.count = portion->to - MAX(portion->from, portion->seek),
	};
	return true;
}
