/* SPDX-License-Identifier: MIT */
/* kernel_range.c - count, sum and sum of squares of a range: every number is looked at, none is
 * rounded.
 *
 * A slice is summed in 128 bits (2^20 squares of 2^53 are 2^126), slices in 256.
 */
#include "handlers/mapreduce/kernel.h"
#include "handlers/mapreduce/whole.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_MAX = 1 << 20 };

struct range_sum {
	struct whole sum;
};

static void *range_sum_new(const struct kernel_lane *lane, struct err *err)
{
	struct range_sum *state = calloc(1, sizeof(*state));

	(void)lane;
	if (!state)
		err_set(err, ERR_NO_MEMORY, "no memory for a sum");
	return state;
}

static int count_add(void *state, const struct number_run *run, struct err *err)
{
	struct range_sum *sum = state;

	(void)err;
	whole_add(&sum->sum, run->count);
	return 0;
}

static int sum_add(void *state, const struct number_run *run, struct err *err)
{
	struct range_sum *sum = state;
	int64_t number = run->from;
	__int128 total = 0;

	(void)err;
	for (int64_t i = 0; i < run->count; i++, number += run->step)
		total += number;
	whole_add(&sum->sum, total);
	return 0;
}

/* Four sums, so that none waits for the carry of the one before. */
static int squares_add(void *state, const struct number_run *run, struct err *err)
{
	struct range_sum *sum = state;
	int64_t a = run->from, step = run->step;
	__int128 total[4] = {0};
	int64_t i = 0;

	(void)err;
	assert(run->count <= SLICE_MAX);
	for (; i + 4 <= run->count; i += 4, a += 4 * step) {
		int64_t b = a + step, c = b + step, d = c + step;

		total[0] += (__int128)a * a;
		total[1] += (__int128)b * b;
		total[2] += (__int128)c * c;
		total[3] += (__int128)d * d;
	}
	for (; i < run->count; i++, a += step)
		total[0] += (__int128)a * a;
	whole_add(&sum->sum, total[0] + total[1] + total[2] + total[3]);
	return 0;
}

static int range_sum_save(void *state, struct buf *blob, struct err *err)
{
	return buf_add(blob, state, sizeof(struct range_sum))
		       ? err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint")
		       : 0;
}

static int range_sum_load(void *state, const char *blob, size_t len, struct err *err)
{
	if (len != sizeof(struct range_sum))
		return err_set(err, ERR_IO, "the checkpoint of a sum has %zu bytes", len);
	memcpy(state, blob, len);
	return 0;
}

static int range_sum_merge(void *into, const void *from, struct err *err)
{
	struct range_sum *sum = into;
	const struct range_sum *other = from;

	(void)err;
	whole_merge(&sum->sum, &other->sum);
	return 0;
}

static int range_sum_tell(const void *plan, void *merged, struct json_out *out, struct err *err)
{
	const struct range_sum *sum = merged;

	(void)plan;
	(void)err;
	whole_out(&sum->sum, out, "value");
	return 0;
}

#define RANGE_SUM                                                                                  \
	.food = KERNEL_RANGE, .lane_new = range_sum_new, .lane_free = free,                        \
	.save = range_sum_save, .load = range_sum_load, .merge = range_sum_merge,                  \
	.tell = range_sum_tell

const struct kernel kernel_range_count = {
	.name = "count",
	.summary = "How many numbers or records there are",
	.add_range = count_add,
	RANGE_SUM,
};

const struct kernel kernel_range_sum = {
	.name = "sum",
	.summary = "The sum of numbers, exact",
	.add_range = sum_add,
	RANGE_SUM,
};

const struct kernel kernel_range_squares = {
	.name = "sum_of_squares",
	.summary = "The sum of the squares of numbers, exact",
	.add_range = squares_add,
	RANGE_SUM,
};
