/* SPDX-License-Identifier: MIT */
/* sched.c - one decision at a time, under one lock.
 *
 * Workers ask with sched_take(), step, and answer with sched_stepped(); the engine
 * adds ready tasks and begins phases; completions and timers wake lanes.  Each call
 * is a handful of comparisons and list moves: the lock is taken some hundred
 * thousand times a second.
 *
 * A take compares at most eight heads (ready and active, by priority), and the one
 * that has conceded least wins: since + age_ms[priority].  A run stands once in the
 * queue of its priority however many of its lanes are runnable; a take hands out
 * one lane and sends the run to the end, which is the round robin between runs.
 */
#include "service/engine/sched.h"

#include "base/lock.h"
#include "service/engine/window.h"

#include <assert.h>
#include <stdlib.h>

enum {
	RESERVE_SHARE = 8, /* of active_max: what each priority leaves to the next above */
	LENT_FACTOR = 2,   /* of active_max: runs in all, parked ones too: they hold memory */
};

struct band { /* the active runs of one priority that have runnable lanes */
	struct sched_run *first, *last;
	bool step_next; /* the last take was an admission */
};

struct sched {
	struct sched_config config;
	struct window *window; /* what it holds: under the lock */

	struct lock lock;
	struct band bands[PRIORITIES] GUARDED_BY(lock);
	unsigned active[PRIORITIES] GUARDED_BY(lock); /* by the priority that they came with */
	unsigned lent[PRIORITIES] GUARDED_BY(lock);   /* of these: parked */
	unsigned stepping GUARDED_BY(lock);
	uint64_t taken GUARDED_BY(lock);
};

/* clang-format off */
enum { NO = LANE_STATES }; /* no such edge */
static const uint8_t lane_table[LANE_STATES][LANE_INPUTS] = {
	/*                  WAKE           TAKE           MORE           WAIT           DONE */
	[LANE_WAITING]  = { LANE_RUNNABLE, NO,            NO,            NO,            NO },
	[LANE_RUNNABLE] = { LANE_RUNNABLE, LANE_STEPPING, NO,            NO,            NO },
	[LANE_STEPPING] = { LANE_WOKEN,    NO,            LANE_RUNNABLE, LANE_WAITING,  LANE_FINISHED },
	[LANE_WOKEN]    = { LANE_WOKEN,    NO,            LANE_RUNNABLE, LANE_RUNNABLE, LANE_FINISHED },
	[LANE_FINISHED] = { LANE_FINISHED, NO,            NO,            NO,            NO },
};
/* clang-format on */

static void queue_append(struct sched *sched, struct sched_run *run, int64_t now_ms)
	REQUIRES(sched->lock);
static void queue_remove(struct sched *sched, struct sched_run *run) REQUIRES(sched->lock);
static bool lane_wake(struct sched *sched, struct sched_run *run, unsigned lane, int64_t now_ms)
	REQUIRES(sched->lock);
static void lane_input(struct sched_run *run, unsigned lane, enum lane_input input);
static unsigned lane_choose(struct sched_run *run);
static bool admits(const struct sched *sched, enum job_priority priority) REQUIRES(sched->lock);
static unsigned active_all(const struct sched *sched) REQUIRES(sched->lock);
static bool anything(const struct sched *sched) REQUIRES(sched->lock);

bool lane_next(enum lane_state from, enum lane_input input, enum lane_state *ret_to)
{
	uint8_t to = lane_table[from][input];

	if (to == NO)
		return false;
	*ret_to = (enum lane_state)to;
	return true;
}

int sched_new(const struct sched_config *config, struct sched **ret_sched, struct err *err)
{
	struct sched *sched = calloc(1, sizeof(*sched));

	assert(config->active_max > 0);
	if (!sched)
		return err_set(err, ERR_NO_MEMORY, "scheduler");
	sched->config = *config;
	if (window_new(config->window_max, &sched->window, err)) {
		free(sched);
		return -1;
	}
	lock_init(&sched->lock, LOCK_SCHED);
	*ret_sched = sched;
	return 0;
}

void sched_free(struct sched *sched)
{
	if (!sched)
		return;
	window_free(sched->window);
	lock_done(&sched->lock);
	free(sched);
}

/* ---- ready jobs ---- */

bool sched_ready_add(struct sched *sched, struct task *task, int64_t since_ms,
		     struct task **ret_evicted)
{
	bool added;

	lock_take(&sched->lock);
	added = window_add(sched->window, task, since_ms, ret_evicted);
	lock_drop(&sched->lock);
	return added;
}

bool sched_ready_add_batch(struct sched *sched, struct task **tasks, size_t count, int64_t since_ms)
{
	struct task *evicted;
	bool more;

	lock_take(&sched->lock);
	for (size_t i = 0; i < count; i++)
		if (window_add(sched->window, tasks[i], since_ms, &evicted))
			tasks[i] = evicted;
	more = anything(sched);
	lock_drop(&sched->lock);
	return more;
}

struct task *sched_ready_remove(struct sched *sched, const struct id *id)
{
	struct task *task;

	lock_take(&sched->lock);
	task = window_remove(sched->window, id);
	lock_drop(&sched->lock);
	return task;
}

bool sched_ready_has(struct sched *sched, const struct id *id)
{
	bool has;

	lock_take(&sched->lock);
	has = window_has(sched->window, id);
	lock_drop(&sched->lock);
	return has;
}

bool sched_refill_wanted(struct sched *sched, enum job_priority *ret_priority)
{
	bool wanted;

	lock_take(&sched->lock);
	wanted = window_refill_wanted(sched->window, ret_priority);
	lock_drop(&sched->lock);
	return wanted;
}

void sched_refill_done(struct sched *sched, enum job_priority priority, bool more)
{
	lock_take(&sched->lock);
	window_refill_done(sched->window, priority, more);
	lock_drop(&sched->lock);
}

void sched_load_begin(struct sched *sched)
{
	lock_take(&sched->lock);
	window_load_begin(sched->window);
	lock_drop(&sched->lock);
}

void sched_load_end(struct sched *sched)
{
	lock_take(&sched->lock);
	window_load_end(sched->window);
	lock_drop(&sched->lock);
}

/* ---- active runs ---- */

bool sched_phase(struct sched *sched, struct sched_run *run, enum job_priority priority,
		 unsigned lanes, int64_t now_ms)
{
	bool goes_on;

	assert(lanes >= 1 && lanes <= LANES_MAX);
	lock_take(&sched->lock);
	assert(!run->in_phase && !run->queued && run->stepping == 0);
	goes_on = !run->stopped;
	if (goes_on) {
		run->priority = priority;
		run->lanes = run->unfinished = lanes;
		run->next_lane = 0;
		run->runnable = lanes == LANES_MAX ? UINT64_MAX : (UINT64_C(1) << lanes) - 1;
		for (unsigned i = 0; i < lanes; i++)
			run->lane[i] = LANE_RUNNABLE;
		run->in_phase = true;
		queue_append(sched, run, now_ms);
	}
	lock_drop(&sched->lock);
	return goes_on;
}

bool sched_wake(struct sched *sched, struct sched_run *run, unsigned lane, int64_t now_ms)
{
	bool became;

	lock_take(&sched->lock);
	became = lane_wake(sched, run, lane, now_ms);
	lock_drop(&sched->lock);
	return became;
}

bool sched_wake_all(struct sched *sched, struct sched_run *run, int64_t now_ms)
{
	bool became = false;

	lock_take(&sched->lock);
	for (unsigned lane = 0; lane < run->lanes; lane++)
		became |= lane_wake(sched, run, lane, now_ms);
	lock_drop(&sched->lock);
	return became;
}

bool sched_stop(struct sched *sched, struct sched_run *run)
{
	bool ends;

	lock_take(&sched->lock);
	ends = !run->stopped && run->in_phase && run->stepping == 0;
	run->stopped = true;
	if (run->queued)
		queue_remove(sched, run);
	lock_drop(&sched->lock);
	return ends;
}

void sched_priority(struct sched *sched, struct sched_run *run, enum job_priority priority)
{
	lock_take(&sched->lock);
	if (run->queued) {
		queue_remove(sched, run);
		run->priority = priority;
		queue_append(sched, run, run->since_ms);
	}
	run->priority = priority;
	lock_drop(&sched->lock);
}

static void lend(struct sched *sched, struct sched_run *run, enum job_priority admitted,
		 bool parked) REQUIRES(sched->lock)
{
	if (run->parked == parked)
		return;
	run->parked = parked;
	if (parked)
		sched->lent[admitted]++;
	else
		sched->lent[admitted]--;
}

bool sched_waits(struct sched *sched, const struct sched_run *run)
{
	bool waits;

	lock_take(&sched->lock);
	waits = run->stepping == 0 && run->runnable == 0;
	lock_drop(&sched->lock);
	return waits;
}

bool sched_park(struct sched *sched, struct sched_run *run, enum job_priority admitted, bool parked)
{
	bool more;

	lock_take(&sched->lock);
	more = parked && !run->parked && !run->stopped;
	lend(sched, run, admitted, parked && !run->stopped);
	more = more && anything(sched);
	lock_drop(&sched->lock);
	return more;
}

bool sched_leave(struct sched *sched, struct sched_run *run, enum job_priority admitted)
{
	bool more;

	lock_take(&sched->lock);
	assert(sched->active[admitted] > 0);
	sched->active[admitted]--;
	if (run) {
		assert(!run->queued && run->stepping == 0);
		lend(sched, run, admitted, false);
		run->stopped = true; /* late wakes do nothing */
	}
	more = anything(sched);
	lock_drop(&sched->lock);
	return more;
}

/* ---- workers ---- */

/* The priority whose head has conceded least; PRIORITIES: nothing can run. */
static enum job_priority band_choose(const struct sched *sched) REQUIRES(sched->lock)
{
	enum job_priority best = PRIORITIES;
	int64_t best_ms = INT64_MAX, since_ms;

	for (int p = 0; p < PRIORITIES; p++) {
		int64_t age_ms = sched->config.age_ms[p], head_ms = INT64_MAX;

		if (sched->bands[p].first)
			head_ms = sched->bands[p].first->since_ms + age_ms;
		if (admits(sched, (enum job_priority)p) &&
		    window_peek(sched->window, (enum job_priority)p, &since_ms))
			head_ms = MIN(head_ms, since_ms + age_ms);
		if (head_ms < best_ms) {
			best_ms = head_ms;
			best = (enum job_priority)p;
		}
	}
	return best;
}

static void step_take(struct sched *sched, struct sched_run *run, int64_t now_ms,
		      struct sched_work *ret) REQUIRES(sched->lock)
{
	queue_remove(sched, run);
	ret->kind = WORK_STEP;
	ret->run = run;
	ret->lane = lane_choose(run);
	lane_input(run, ret->lane, LANE_TAKE);
	run->stepping++;
	sched->stepping++;
	if (run->runnable)
		queue_append(sched, run, now_ms);
}

void sched_take(struct sched *sched, int64_t now_ms, struct sched_work *ret)
{
	enum job_priority best;
	struct band *band;

	*ret = (struct sched_work){.kind = WORK_NONE};
	lock_take(&sched->lock);
	best = band_choose(sched);
	if (best != PRIORITIES) {
		bool admit = admits(sched, best) && window_count(sched->window, best) > 0;

		band = &sched->bands[best];
		if (band->first && (band->step_next || !admit)) {
			band->step_next = false;
			step_take(sched, band->first, now_ms, ret);
		} else {
			band->step_next = true;
			ret->kind = WORK_START;
			ret->task = window_take(sched->window, best);
			sched->active[best]++;
		}
		sched->taken++;
		ret->more = anything(sched);
	}
	lock_drop(&sched->lock);
}

enum sched_after sched_stepped(struct sched *sched, struct sched_run *run, unsigned lane,
			       enum step result, int64_t now_ms)
{
	static const enum lane_input inputs[] = {
		[STEP_MORE] = LANE_MORE,
		[STEP_WAIT] = LANE_WAIT,
		[STEP_DONE] = LANE_DONE,
	};
	enum sched_after after = SCHED_GOES_ON;

	assert(result != STEP_FAIL);
	lock_take(&sched->lock);
	assert(lane < run->lanes && run->stepping > 0);
	lane_input(run, lane, inputs[result]);
	run->stepping--;
	sched->stepping--;
	if (result == STEP_DONE)
		run->unfinished--;
	if (run->stopped) {
		if (run->stepping == 0) {
			run->in_phase = false;
			after = SCHED_STOPPED;
		}
	} else if (run->unfinished == 0) {
		run->in_phase = false;
		after = SCHED_PHASE_OVER;
	} else if (run->runnable && !run->queued) {
		queue_append(sched, run, now_ms);
	}
	lock_drop(&sched->lock);
	return after;
}

void sched_view(struct sched *sched, int64_t now_ms, struct sched_view *ret)
{
	int64_t oldest_ms = now_ms;

	*ret = (struct sched_view){0};
	lock_take(&sched->lock);
	for (int p = 0; p < PRIORITIES; p++) {
		enum job_priority priority = (enum job_priority)p;
		const struct sched_run *run = sched->bands[p].first;

		ret->ready[p] = window_count(sched->window, priority);
		if (run)
			oldest_ms = MIN(oldest_ms, run->since_ms);
		for (; run; run = run->next)
			ret->runnable_lanes += (unsigned)__builtin_popcountll(run->runnable);
		if (admits(sched, priority))
			oldest_ms =
				MIN(oldest_ms, window_oldest_ms(sched->window, priority, now_ms));
	}
	ret->active = active_all(sched);
	ret->stepping = sched->stepping;
	ret->oldest_wait_ms = now_ms - oldest_ms;
	ret->taken = sched->taken;
	lock_drop(&sched->lock);
}

static unsigned active_all(const struct sched *sched)
{
	unsigned all = 0;

	for (int p = 0; p < PRIORITIES; p++)
		all += sched->active[p];
	return all;
}

/* Is there room among those of no higher priority, and below each line above them? */
static bool admits(const struct sched *sched, enum job_priority priority)
{
	unsigned active_max = sched->config.active_max;
	unsigned active = 0;

	if (active_all(sched) >= active_max * LENT_FACTOR)
		return false;
	for (int p = PRIORITIES - 1; p >= 0; p--) {
		active += sched->active[p] - sched->lent[p];
		if (p <= (int)priority &&
		    active >= active_max - active_max * (unsigned)p / RESERVE_SHARE)
			return false;
	}
	return true;
}

static bool anything(const struct sched *sched)
{
	for (int p = 0; p < PRIORITIES; p++) {
		if (sched->bands[p].first)
			return true;
		if (admits(sched, (enum job_priority)p) &&
		    window_count(sched->window, (enum job_priority)p) > 0)
			return true;
	}
	return false;
}

/* ---- the queue of a priority ---- */

static void queue_append(struct sched *sched, struct sched_run *run, int64_t now_ms)
{
	struct band *band = &sched->bands[run->priority];

	assert(!run->queued && !run->stopped);
	run->queued = true;
	run->since_ms = now_ms;
	run->next = NULL;
	run->prev = band->last;
	if (band->last)
		band->last->next = run;
	else
		band->first = run;
	band->last = run;
}

static void queue_remove(struct sched *sched, struct sched_run *run)
{
	struct band *band = &sched->bands[run->priority];

	assert(run->queued);
	run->queued = false;
	if (run->prev)
		run->prev->next = run->next;
	else
		band->first = run->next;
	if (run->next)
		run->next->prev = run->prev;
	else
		band->last = run->prev;
}

/* ---- lanes ---- */

/* Moves the lane along its table, and its bit in `runnable` with it. */
static void lane_input(struct sched_run *run, unsigned lane, enum lane_input input)
{
	enum lane_state to = LANE_STATES;
	uint64_t bit = UINT64_C(1) << lane;
	bool legal = lane_next((enum lane_state)run->lane[lane], input, &to);

	assert(legal);
	(void)legal;
	run->lane[lane] = (uint8_t)to;
	run->runnable = to == LANE_RUNNABLE ? run->runnable | bit : run->runnable & ~bit;
}

static bool lane_wake(struct sched *sched, struct sched_run *run, unsigned lane, int64_t now_ms)
{
	bool was_waiting;

	if (!run->in_phase || run->stopped || lane >= run->lanes)
		return false;
	was_waiting = run->lane[lane] == LANE_WAITING;
	lane_input(run, lane, LANE_WAKE);
	if (was_waiting && !run->queued)
		queue_append(sched, run, now_ms);
	return was_waiting;
}

/* The next runnable lane in turn, from next_lane on and around. */
static unsigned lane_choose(struct sched_run *run)
{
	uint64_t from_here = run->runnable >> run->next_lane << run->next_lane;
	unsigned lane = (unsigned)__builtin_ctzll(from_here ? from_here : run->runnable);

	run->next_lane = (lane + 1) % LANES_MAX;
	return lane;
}
