/* SPDX-License-Identifier: MIT */
/* kernel_primes.c - count_primes: how many primes a range has. */
#include "handlers/mapreduce/kernel.h"
#include "handlers/mapreduce/primes.h"

#include <stdlib.h>
#include <string.h>

struct primes_plan {
	int64_t to;
};

struct primes_state {
	int64_t to;
	uint64_t count;
	struct sieve *sieve; /* NULL until there is something to count */
};

static void *primes_plan(struct kernel_planner *planner)
{
	struct primes_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	if (spec_int(planner->range, "step", 1) != 1)
		mistake_add(planner->planner->mistakes, "/spec/input/range/step", "out-of-range",
			    "count_primes counts in ranges whose step is 1");
	plan->to = spec_int(planner->range, "to", 0);
	return plan;
}

static void *primes_new(const struct kernel_lane *lane, struct err *err)
{
	const struct primes_plan *plan = lane->plan;
	struct primes_state *state = calloc(1, sizeof(*state));

	if (!state)
		err_set(err, ERR_NO_MEMORY, "no memory for a count");
	else
		state->to = plan->to;
	return state;
}

static void primes_free(void *ctx)
{
	struct primes_state *state = ctx;

	if (!state)
		return;
	sieve_free(state->sieve);
	free(state);
}

static int primes_add(void *ctx, const struct number_run *run, struct err *err)
{
	struct primes_state *state = ctx;

	if (!state->sieve)
		state->sieve = sieve_new(state->to, err);
	if (!state->sieve)
		return -1;
	state->count += sieve_count(state->sieve, run->from, run->from + run->count - 1);
	return 0;
}

static int primes_save(void *ctx, struct buf *blob, struct err *err)
{
	const struct primes_state *state = ctx;

	return buf_add(blob, &state->count, sizeof(state->count))
		       ? err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint")
		       : 0;
}

static int primes_load(void *ctx, const char *blob, size_t len, struct err *err)
{
	struct primes_state *state = ctx;

	if (len != sizeof(state->count))
		return err_set(err, ERR_IO, "the checkpoint of a count has %zu bytes", len);
	memcpy(&state->count, blob, len);
	return 0;
}

static int primes_merge(void *into, const void *from, struct err *err)
{
	struct primes_state *state = into;
	const struct primes_state *other = from;

	(void)err;
	state->count += other->count;
	return 0;
}

static int primes_tell(const void *plan, void *merged, struct json_out *out, struct err *err)
{
	const struct primes_state *state = merged;

	(void)plan;
	(void)err;
	json_out_int(out, "value", (int64_t)state->count);
	return 0;
}

const struct kernel kernel_primes = {
	.name = "count_primes",
	.summary = "How many primes there are in a range",
	.food = KERNEL_RANGE,
	.plan = primes_plan,
	.plan_free = free,
	.lane_new = primes_new,
	.lane_free = primes_free,
	.add_range = primes_add,
	.save = primes_save,
	.load = primes_load,
	.merge = primes_merge,
	.tell = primes_tell,
};
