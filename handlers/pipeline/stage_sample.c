/* SPDX-License-Identifier: MIT */
/* stage_sample.c - {"sample": {"rate": 0.1, "seed": 7}}
 *
 * Whether a record goes on depends on its place in the input and on the seed alone: the same
 * sample from any number of lanes, and after any crash.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"

struct sample_plan {
	uint64_t below; /* of 2^64: hashes below it go on */
	bool all;
	uint64_t seed;
};

static void sample_plan(struct stage *stage, const struct json *value,
			struct stage_planner *planner)
{
	struct sample_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));
	double rate = spec_number(value, "rate", 0);

	stage->plan = plan;
	if (!plan)
		return;
	plan->all = rate >= 1;
	plan->below = plan->all ? 0 : (uint64_t)(rate * 0x1p64);
	plan->seed = (uint64_t)spec_int(value, "seed", 0);
}

/* The output function of splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t mixed(uint64_t x)
{
	x += 0x9E3779B97F4A7C15;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
	return x ^ (x >> 31);
}

static int sample_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	const struct sample_plan *plan = at->stage->plan;
	uint64_t sequence = lane_sequence(at->lane), before = UINT64_MAX, nth = 0;
	size_t kept = 0;

	(void)err;
	for (size_t i = 0; i < picks->count; i++) {
		uint64_t place = sequence + bundle->records[picks->rows[i]].order;

		nth = place == before ? nth + 1 : 0; /* of those that come of one record */
		before = place;
		if (plan->all || mixed(mixed(plan->seed ^ mixed(place)) + nth) < plan->below)
			picks->rows[kept++] = picks->rows[i];
	}
	picks->count = kept;
	return 0;
}

const struct stage_kind sample_stage = {
	.verb = "sample",
	.plan = sample_plan,
	.run = sample_run,
};
