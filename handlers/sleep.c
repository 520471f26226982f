/* SPDX-License-Identifier: MIT */
/* sleep.c - simulated work, for trying limits, retries, timeouts and the pool.
 *
 * By default it waits on a timer and holds no worker; with "block" it holds one,
 * as a slow disk or a foreign library would.  What it does is drawn from `seed`
 * and the number of the attempt, so that a test script sees the same each time.
 */
#include "base/clock.h"
#include "handlers/handler.h"
#include "handlers/run.h"

#include <stdlib.h>
#include <time.h>

enum {
	MS_MAX = 7 * 24 * 3600 * 1000,
	TICKS = 100,	     /* progress is told about this often … */
	TICK_MS_MIN = 250,   /* … and no more often than that */
	SEED_SPREAD = 1000,  /* seeds of two jobs do not meet in later attempts */
	BLOCK_SLICE_MS = 10, /* a blocking sleep looks this often whether it was cancelled */
};

static const struct param params[] = {
	{.name = "for",
	 .kind = PARAM_DURATION,
	 .required = true,
	 .max = MS_MAX,
	 .summary = "How long to sleep"},
	{.name = "jitter",
	 .kind = PARAM_DURATION,
	 .max = MS_MAX,
	 .preset = "\"0s\"",
	 .summary = "Up to this much longer, drawn at random"},
	{.name = "fail_rate",
	 .kind = PARAM_NUMBER,
	 .min = 0,
	 .max = 1,
	 .preset = "0",
	 .summary = "The probability that an attempt fails at its end"},
	{.name = "seed",
	 .kind = PARAM_INT,
	 .min = 0,
	 .max = 9007199254740992.0,
	 .summary = "Makes the draws repeatable"},
	{.name = "block",
	 .kind = PARAM_BOOL,
	 .preset = "false",
	 .summary = "Hold a worker while sleeping"},
	{0},
};

struct plan {
	int64_t for_ms, jitter_ms;
	double fail_rate;
	bool seeded, block;
	uint64_t seed;
};

struct nap {
	int64_t start_ms, total_ms;
	bool fails;
};

static int sleep_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	(void)planner;
	if (!plan)
		return -1;
	plan->for_ms = spec_duration(spec, "for", 0);
	plan->jitter_ms = spec_duration(spec, "jitter", 0);
	plan->fail_rate = spec_number(spec, "fail_rate", 0);
	plan->seeded = json_get(spec, "seed") != NULL;
	plan->seed = (uint64_t)spec_int(spec, "seed", 0);
	plan->block = spec_bool(spec, "block", false);
	*ret_plan = plan;
	return 0;
}

static void sleep_plan_free(struct plan *plan)
{
	free(plan);
}

static int sleep_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	struct nap *nap = calloc(1, sizeof(*nap));
	struct rng rng;

	if (!nap)
		return err_set(err, ERR_NO_MEMORY, "no memory for a nap");
	if (plan->seeded)
		rng_seed(&rng, plan->seed * SEED_SPREAD + run_attempt(run));
	else
		rng_seed_system(&rng);
	nap->start_ms = clock_ms();
	nap->total_ms = plan->for_ms + rng_between(&rng, 0, plan->jitter_ms);
	nap->fails = rng_unit(&rng) < plan->fail_rate;
	*ret_state = nap;
	return 0;
}

static void sleep_close(void *state)
{
	free(state);
}

static int64_t nap_left_ms(const struct nap *nap)
{
	return nap->start_ms + nap->total_ms - clock_ms();
}

static enum step nap_end(struct run *run, const struct nap *nap, struct err *err)
{
	run_progress(run, nap->total_ms, nap->total_ms, "sleeping");
	if (!nap->fails)
		return STEP_DONE;
	err_set(err, ERR_FAILED, "this attempt was drawn to fail (fail_rate)");
	return STEP_FAIL;
}

/* Holds its worker, and says so: the pool adds another meanwhile. */
static void nap_block(struct run *run, const struct nap *nap)
{
	int64_t left_ms;

	run_block_begin(run);
	while ((left_ms = nap_left_ms(nap)) > 0 && !run_cancelled(run)) {
		int64_t slice_ms = MIN(left_ms, BLOCK_SLICE_MS);
		nanosleep(&(struct timespec){.tv_nsec = slice_ms * 1000000}, NULL);
	}
	run_block_end(run);
}

static enum step sleep_step(struct run *run, void *state, unsigned phase, unsigned lane,
			    struct err *err)
{
	const struct plan *plan = run_plan(run);
	const struct nap *nap = state;
	struct completion completion;
	int64_t left_ms = nap_left_ms(nap);
	int64_t tick_ms = MAX(nap->total_ms / TICKS, TICK_MS_MIN);

	(void)phase;
	while (run_completion(run, lane, &completion))
		continue; /* only our own timer: what is left says the rest */
	if (plan->block && left_ms > 0) {
		nap_block(run, nap);
		return run_cancelled(run) ? STEP_MORE : nap_end(run, nap, err);
	}
	if (left_ms <= 0)
		return nap_end(run, nap, err);
	run_progress(run, nap->total_ms - left_ms, nap->total_ms, "sleeping");
	if (run_outstanding(run, lane) == 0)
		run_timer(run, lane, MIN(left_ms, tick_ms), 0);
	return STEP_WAIT;
}

const struct handler sleep_handler = {
	.name = "sleep",
	.summary = "Simulated work: sleeps, and fails as often as it is told",
	.params = params,
	.io_bound = true,
	.plan = sleep_plan,
	.plan_free = sleep_plan_free,
	.open = sleep_open,
	.step = sleep_step,
	.close = sleep_close,
};
