/* SPDX-License-Identifier: MIT */
/* stage_rate_limit.c - {"rate_limit": 50}, {"rate_limit": {"records": 10, "per": "1m", "burst": 3}}
 *
 * Rows leave one after the other as the bucket has tokens for them.  Between two timers it fills:
 * it holds at least what comes in BURST_S, so that a wake in time for each record is not needed.
 * The rate is the job's: there is one lane.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"
#include "handlers/pipeline/token_bucket.h"

#include <stdlib.h>
#include <string.h>

static const double BURST_S = 0.05;

struct rate_plan {
	double per_second, burst;
};

struct rate_state {
	struct token_bucket bucket;
	struct picks queue;
	bool timer;	/* one is under way, … */
	int64_t due_us; /* … or was over then */
};

static void rate_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	struct rate_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	plan->per_second = json_number(value, 1);
	if (json_kind(value) == JSON_OBJECT)
		plan->per_second = spec_number(value, "records", 1) * 1000 /
				   (double)spec_duration(value, "per", 1000);
	plan->burst = MAX((double)spec_int(value, "burst", 1), plan->per_second * BURST_S);
}

static int rate_open(struct stage_lane *at, struct err *err)
{
	const struct rate_plan *plan = at->stage->plan;
	struct rate_state *state = calloc(1, sizeof(*state));

	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
	at->state = state;
	token_bucket_init(&state->bucket, plan->per_second, plan->burst, clock_us());
	return 0;
}

static void rate_close(struct stage_lane *at)
{
	struct rate_state *state = at->state;

	if (state)
		picks_done(&state->queue);
	free(state);
}

/* The first `count` of the queue take the places of the picks. */
static int queue_shift(struct rate_state *state, size_t count, struct picks *picks, struct err *err)
{
	struct picks *queue = &state->queue;

	picks->count = 0;
	if (count == 0)
		return 0;
	if (picks_room(picks, count, err))
		return -1;
	memcpy(picks->rows, queue->rows, count * sizeof(*picks->rows));
	picks->count = count;
	picks_drop(queue, count);
	return 0;
}

static int timer_start(struct stage_lane *at, int64_t now_us, struct err *err)
{
	struct rate_state *state = at->state;
	int64_t wait_ms = (token_bucket_wait_us(&state->bucket) + 999) / 1000;

	switch (run_timer(at->lane->pipeline->run, at->lane->number, wait_ms, stage_tag(at, 0))) {
	case RUN_OK:
		state->timer = true;
		state->due_us = now_us + wait_ms * 1000;
		return 0;
	case RUN_FULL:
		return 0;
	default:
		return err_set(err, ERR_NO_MEMORY, "no timer for a stage");
	}
}

static int rate_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		    struct err *err)
{
	struct rate_state *state = at->state;
	int64_t now_us = clock_us();
	size_t count;

	if (picks_merge(&state->queue, picks, bundle, err))
		return -1;
	if (!state->timer)
		now_us = MAX(now_us, state->due_us); /* a timer that is over says what time it is */
	count = token_bucket_take(&state->bucket, state->queue.count,
				  MAX(now_us, state->bucket.at_us));
	if (queue_shift(state, count, picks, err))
		return -1;
	if (lane_has_enough(at))
		state->queue.count = 0;
	at->held = state->queue.count;
	return at->held > 0 && !state->timer ? timer_start(at, now_us, err) : 0;
}

static void rate_completion(struct stage_lane *at, const struct completion *completion)
{
	struct rate_state *state = at->state;

	(void)completion;
	state->timer = false;
}

const struct stage_kind rate_limit_stage = {
	.verb = "rate_limit",
	.flags = STAGE_IN_ORDER,
	.plan = rate_plan,
	.open = rate_open,
	.close = rate_close,
	.run = rate_run,
	.completion = rate_completion,
};
