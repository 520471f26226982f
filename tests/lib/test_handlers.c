/* SPDX-License-Identifier: MIT */
/* test_handlers.c - see test_handlers.h.  Specs are read in open, with defaults. */
#include "tests/lib/test_handlers.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Atomic unsigned *test_part_runs;
_Atomic unsigned test_steps;
_Atomic unsigned test_opens;

static const struct param params[] = {
	{.name = "parts", .kind = PARAM_INT, .min = 0, .max = 1e9, .summary = "How many"},
	{.name = "lanes", .kind = PARAM_INT, .min = 1, .max = 64, .summary = "How many"},
	{.name = "fan", .kind = PARAM_INT, .min = 0, .max = 1000, .summary = "Keys per part"},
	{.name = "failures", .kind = PARAM_INT, .min = 0, .max = 100, .summary = "How many"},
	{.name = "pause_us", .kind = PARAM_INT, .min = 0, .max = 1e6, .summary = "Work per part"},
	{.name = "how", .kind = PARAM_TEXT, .summary = "spin, wait, hold"},
	{0},
};

/* What all of them keep. */
struct state {
	unsigned parts, lanes, fan, failures;
	int64_t pause_us;
	char how[8];
	unsigned next[LANES_MAX];     /* what a lane has still to add */
	struct part *held[LANES_MAX]; /* across steps */
	uint64_t sums[LANES_MAX];
	uint64_t covered[LANES_MAX][64];
	unsigned covered_count[LANES_MAX];
	_Atomic unsigned wakes;
};

static int state_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	const struct json *spec = (const struct json *)plan; /* there is no plan() */
	struct state *state = calloc(1, sizeof(*state));

	(void)run;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "state");
	state->parts = (unsigned)spec_int(spec, "parts", 100);
	state->lanes = (unsigned)spec_int(spec, "lanes", 1);
	state->fan = (unsigned)spec_int(spec, "fan", 2);
	state->failures = (unsigned)spec_int(spec, "failures", 0);
	state->pause_us = spec_int(spec, "pause_us", 0);
	snprintf(state->how, sizeof(state->how), "%s", spec_text(spec, "how", "spin"));
	atomic_fetch_add(&test_opens, 1);
	*ret_state = state;
	return 0;
}

static int lanes_phase(struct run *run, void *opaque, unsigned phase, unsigned *ret_lanes,
		       struct err *err)
{
	struct state *state = opaque;

	(void)run;
	(void)err;
	*ret_lanes = phase == 0 ? state->lanes : 0;
	return 0;
}

/* Burns about so much CPU, as work would. */
static void work(int64_t us)
{
	int64_t until_us = clock_us() + us;

	while (us > 0 && clock_us() < until_us)
		continue;
}

static void part_count(const struct part *part)
{
	if (test_part_runs)
		atomic_fetch_add(&test_part_runs[part->number], 1);
}

/* ---- noop ---- */

static enum step noop_step(struct run *run, void *state, unsigned phase, unsigned lane,
			   struct err *err)
{
	static const char summary[] = "{\"value\":1}";

	(void)state;
	(void)phase;
	(void)lane;
	return run_summary(run, summary, sizeof(summary) - 1, err) ? STEP_FAIL : STEP_DONE;
}

const struct handler handler_noop = {
	.name = "noop",
	.summary = "Nothing",
	.params = params,
	.step = noop_step,
};

/* ---- context ---- */

static enum step context_step(struct run *run, void *state, unsigned phase, unsigned lane,
			      struct err *err)
{
	struct buf context = BUF(JOB_SUMMARY_BYTES_MAX);
	enum step step = STEP_DONE;

	(void)state;
	(void)phase;
	(void)lane;
	if (run_context(run, &context) || run_summary(run, context.data, context.len, err))
		step = STEP_FAIL;
	buf_done(&context);
	return step;
}

const struct handler handler_context = {
	.name = "context",
	.summary = "Says what scripts see",
	.params = params,
	.step = context_step,
};

/* ---- frontier: a tree of parts, each found `fan` times ---- */

static bool key_add(struct run *run, unsigned lane, unsigned number, enum run_answer *ret,
		    struct err *err)
{
	char key[48];
	int len = snprintf(key, sizeof(key), "http://host%u.test/page/%u", number % 97, number);
	struct part_options options = {.group = number % 97};

	*ret = run_part_add(run, lane, key, (size_t)len, NULL, 0, &options, err);
	return *ret == RUN_OK || *ret == RUN_KNOWN;
}

/* Part n leads to 2n+1 and 2n+2, and to `fan` others that are known or soon will be. */
static unsigned frontier_link(unsigned number, unsigned i)
{
	if (i < 2)
		return 2 * number + 1 + i;
	return (unsigned)(((uint64_t)number * 7919 + i * 104729) % (number + 1));
}

static enum step frontier_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			       struct err *err)
{
	struct state *state = opaque;
	enum run_answer answer;

	(void)phase;
	if (lane == 0 && !state->wakes) {
		if (!key_add(run, lane, 0, &answer, err))
			return answer == RUN_FULL ? STEP_WAIT : STEP_FAIL;
		state->wakes = 1;
	}
	for (unsigned parts = 0; parts < 200; parts++) {
		struct part *part = state->held[lane];
		unsigned number;

		if (!part) {
			answer = run_part_next(run, lane, &part, err);
			if (answer != RUN_OK)
				return answer == RUN_END     ? STEP_DONE
				       : answer == RUN_LATER ? STEP_WAIT
							     : STEP_FAIL;
			state->held[lane] = part;
			state->next[lane] = 0;
			part_count(part);
		}
		number = (unsigned)strtoul(strrchr(part->key, '/') + 1, NULL, 10);
		for (; state->next[lane] < state->fan; state->next[lane]++) {
			unsigned link = frontier_link(number, state->next[lane]);

			if (link < state->parts && !key_add(run, lane, link, &answer, err))
				return answer == RUN_FULL ? STEP_WAIT : STEP_FAIL;
		}
		run_part_done(run, lane, part);
		state->held[lane] = NULL;
	}
	return STEP_MORE;
}

const struct handler handler_frontier = {
	.name = "frontier",
	.summary = "Parts that find parts",
	.params = params,
	.open = state_open,
	.phase = lanes_phase,
	.step = frontier_step,
	.close = free,
};

/* ---- parts that are known at the start ---- */

/* Adds the parts of this attempt, on lane 0; false: *ret says how to go on. */
static bool parts_add(struct run *run, struct state *state, unsigned lane, enum step *ret,
		      struct err *err)
{
	struct run_left left;
	char key[16];

	run_left(run, &left);
	if (lane != 0)
		return true;
	for (; state->next[0] < state->parts; state->next[0]++) {
		int len = snprintf(key, sizeof(key), "%u", state->next[0]);

		switch (run_part_add(run, lane, key, (size_t)len, key, (size_t)len, NULL, err)) {
		case RUN_FULL:
			*ret = STEP_WAIT;
			return false;
		case RUN_ERROR:
			*ret = STEP_FAIL;
			return false;
		default:
			break;
		}
	}
	return true;
}

/* The lane's part; NULL: *ret says how to go on. */
static struct part *part_take(struct run *run, struct state *state, unsigned lane, enum step *ret,
			      struct err *err)
{
	struct part *part = state->held[lane];

	if (part)
		return part;
	switch (run_part_next(run, lane, &part, err)) {
	case RUN_OK:
		state->held[lane] = part;
		part_count(part);
		return part;
	case RUN_END:
		*ret = STEP_DONE;
		return NULL;
	case RUN_LATER:
		*ret = STEP_WAIT;
		return NULL;
	default:
		*ret = STEP_FAIL;
		return NULL;
	}
}

/* ---- ordered ---- */

static int ordered_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	run_ordered(run);
	return state_open(run, plan, ret_state, err);
}

static const int64_t one_part[] = {1};

/* The counter says how many parts were shown. */
static int ordered_phase(struct run *run, void *opaque, unsigned phase, unsigned *ret_lanes,
			 struct err *err)
{
	struct state *state = opaque;
	char summary[64];
	int len;

	*ret_lanes = phase == 0 ? state->lanes : 0;
	if (phase == 0)
		return 0;
	len = snprintf(summary, sizeof(summary), "{\"value\":%lld}",
		       (long long)run_counted(run, 0));
	return run_summary(run, summary, (size_t)len, err);
}

static enum step ordered_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			      struct err *err)
{
	struct state *state = opaque;
	enum step step = STEP_MORE;
	struct part *part;
	char item[32];
	int len;

	(void)phase;
	if (!parts_add(run, state, lane, &step, err))
		return step;
	part = part_take(run, state, lane, &step, err);
	if (!part)
		return step;
	work(state->pause_us * (int64_t)(1 + part->number * 7 % 5));
	len = snprintf(item, sizeof(item), "%u\n", (unsigned)part->number);
	switch (run_emit_lines(run, lane, part, item, (size_t)len, 1, err)) {
	case RUN_OK:
		break;
	case RUN_FULL:
		return STEP_WAIT;
	default:
		return STEP_FAIL;
	}
	run_count(run, part, one_part, 1);
	run_part_done(run, lane, part);
	state->held[lane] = NULL;
	return STEP_MORE;
}

const struct handler handler_ordered = {
	.name = "ordered",
	.summary = "Items in part order",
	.params = params,
	.open = ordered_open,
	.phase = ordered_phase,
	.step = ordered_step,
	.close = free,
};

/* ---- merge: sums of lanes, saved with the parts they stand for ---- */

static int merge_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	struct state *state;
	struct run_left left;

	if (state_open(run, plan, ret_state, err))
		return -1;
	state = *ret_state;
	run_left(run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;
		size_t len;

		run_left_checkpoint(run, i, &lane, &blob, &len);
		assert(len == sizeof(uint64_t));
		memcpy(&state->sums[lane], blob, len);
	}
	return 0;
}

static int merge_phase(struct run *run, void *opaque, unsigned phase, unsigned *ret_lanes,
		       struct err *err)
{
	struct state *state = opaque;

	(void)run;
	(void)err;
	*ret_lanes = phase == 0 ? state->lanes : phase == 1 ? 1 : 0;
	return 0;
}

static enum step merge_save(struct run *run, struct state *state, unsigned lane, enum step then,
			    struct err *err)
{
	if (run_checkpoint(run, lane, &state->sums[lane], sizeof(uint64_t), state->covered[lane],
			   state->covered_count[lane]) == RUN_FULL)
		return STEP_WAIT;
	(void)err;
	state->covered_count[lane] = 0;
	return then;
}

static enum step merge_total(struct run *run, struct state *state, struct err *err)
{
	uint64_t total = 0;
	char summary[64];
	int len;

	for (unsigned i = 0; i < LANES_MAX; i++)
		total += state->sums[i];
	len = snprintf(summary, sizeof(summary), "{\"value\":%llu}", (unsigned long long)total);
	return run_summary(run, summary, (size_t)len, err) ? STEP_FAIL : STEP_DONE;
}

static enum step merge_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			    struct err *err)
{
	struct state *state = opaque;
	enum step step = STEP_MORE;
	struct part *part;

	if (phase == 1)
		return merge_total(run, state, err);
	if (!parts_add(run, state, lane, &step, err))
		return step;
	if (state->covered_count[lane] == ARRAY_LEN(state->covered[lane]))
		return merge_save(run, state, lane, STEP_MORE, err);
	part = part_take(run, state, lane, &step, err);
	if (!part) /* others may wait for what we hold */
		return state->covered_count[lane] > 0 ? merge_save(run, state, lane, STEP_MORE, err)
						      : step;
	work(state->pause_us);
	state->sums[lane] += strtoul(part->input, NULL, 10);
	state->covered[lane][state->covered_count[lane]++] = part->number;
	state->held[lane] = NULL;
	return STEP_MORE;
}

const struct handler handler_merge = {
	.name = "merge",
	.summary = "A sum in two phases",
	.params = params,
	.open = merge_open,
	.phase = merge_phase,
	.step = merge_step,
	.close = free,
};

/* ---- half: three items a part; the first try gives up after two ---- */

static enum step half_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			   struct err *err)
{
	struct state *state = opaque;
	enum step step = STEP_MORE;
	struct part *part;
	char item[32];

	(void)phase;
	if (!parts_add(run, state, lane, &step, err))
		return step;
	part = part_take(run, state, lane, &step, err);
	if (!part)
		return step;
	state->held[lane] = NULL;
	for (int i = 0; i < 3; i++) {
		int len = snprintf(item, sizeof(item), "\"%u.%d\"", (unsigned)part->number, i);

		if (i == 2 && part->attempts == 0) {
			run_part_retry(run, lane, part, clock_wall_ms() + part->number % 3 * 30);
			return STEP_MORE;
		}
		if (run_emit(run, lane, part, item, (size_t)len, err) != RUN_OK)
			return STEP_FAIL;
	}
	run_part_done(run, lane, part);
	return STEP_MORE;
}

const struct handler handler_half = {
	.name = "half",
	.summary = "Parts that fail half way",
	.params = params,
	.open = state_open,
	.phase = lanes_phase,
	.step = half_step,
	.close = free,
};

/* ---- failing: some parts have a failed item, the others a good one ---- */

static enum step failing_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			      struct err *err)
{
	struct item_failure failure = {.line = -1, .offset = -1, .attempts = 1};
	struct state *state = opaque;
	enum step step = STEP_MORE;
	struct part *part;

	(void)phase;
	if (!parts_add(run, state, lane, &step, err))
		return step;
	part = part_take(run, state, lane, &step, err);
	if (!part)
		return step;
	if (part->number < state->failures) {
		err_set(&failure.err, ERR_FETCH_TIMEOUT, "part %u", (unsigned)part->number);
		if (run_item_failed(run, lane, part, &failure) != RUN_OK)
			return STEP_WAIT;
	} else if (run_emit(run, lane, part, "1", 1, err) != RUN_OK) {
		return STEP_FAIL;
	}
	run_part_done(run, lane, part);
	state->held[lane] = NULL;
	return STEP_MORE;
}

const struct handler handler_failing = {
	.name = "failing",
	.summary = "Some items fail",
	.params = params,
	.open = state_open,
	.phase = lanes_phase,
	.step = failing_step,
	.close = free,
};

/* ---- flaky ---- */

static enum step flaky_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			    struct err *err)
{
	struct state *state = opaque;

	(void)phase;
	if (run_attempt(run) > state->failures)
		return noop_step(run, state, phase, lane, err);
	err_set(err, strcmp(state->how, "never") == 0 ? ERR_LIMIT : ERR_FAILED, "attempt %u",
		run_attempt(run));
	return STEP_FAIL;
}

const struct handler handler_flaky = {
	.name = "flaky",
	.summary = "The first attempts fail",
	.params = params,
	.open = state_open,
	.step = flaky_step,
	.close = free,
};

/* ---- endless ---- */

static enum step endless_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			      struct err *err)
{
	struct state *state = opaque;
	struct completion completion;

	(void)phase;
	(void)err;
	atomic_fetch_add(&test_steps, 1);
	if (strcmp(state->how, "wait") == 0) {
		while (run_completion(run, lane, &completion))
			continue;
		if (run_outstanding(run, lane) == 0)
			run_timer(run, lane, 3600 * 1000, 1);
		return STEP_WAIT;
	}
	while (strcmp(state->how, "hold") == 0 && !run_cancelled(run))
		continue;
	work(100);
	return STEP_MORE;
}

const struct handler handler_endless = {
	.name = "endless",
	.summary = "Never ends by itself",
	.params = params,
	.open = state_open,
	.phase = lanes_phase,
	.step = endless_step,
	.close = free,
};

/* ---- timers: each lane wakes the next, and its own timers come back ---- */

static enum step timers_step(struct run *run, void *opaque, unsigned phase, unsigned lane,
			     struct err *err)
{
	struct state *state = opaque;
	struct completion completion;

	(void)phase;
	(void)err;
	while (run_completion(run, lane, &completion)) {
		state->sums[lane]++;
		run_wake(run, (lane + 1) % state->lanes);
	}
	while (state->next[lane] < state->parts && run_outstanding(run, lane) < 8) {
		if (run_timer(run, lane, state->next[lane] % 3, state->next[lane]) != RUN_OK)
			return STEP_WAIT;
		state->next[lane]++;
	}
	return state->sums[lane] == state->parts ? STEP_DONE : STEP_WAIT;
}

const struct handler handler_timers = {
	.name = "timers",
	.summary = "Timers and wakes",
	.params = params,
	.open = state_open,
	.phase = lanes_phase,
	.step = timers_step,
	.close = free,
};

const struct handler *test_handler(const char *name)
{
	static const struct handler *const all[] = {TEST_HANDLERS};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
