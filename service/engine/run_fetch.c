/* SPDX-License-Identifier: MIT */
/* run_fetch.c - what lanes wait for: wakes, fetches and timers.
 *
 * A fetch or timer is a `pending`: under way in the run's list until its callback
 * (on the fetcher's or the timer thread) moves it to its lane's list of arrivals and
 * wakes the lane; gone when the step takes it.  A lane has at most
 * RUN_COMPLETIONS_MAX of them, under way or arrived, so nothing grows here.
 *
 * The body of a stream gathers in its pending, by the fetcher's thread, which pauses the fetch
 * when it is much; the lane that takes from it resumes it.
 *
 * At the end run_pending_cancel() marks the run as leaving: callbacks that come later
 * drop what they bring, and the last of them hands the run to a worker to be closed.
 */
#include "base/clock.h"
#include "net/robots_cache.h"
#include "service/engine/engine_core.h"
#include "service/engine/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void list_add(struct pending_list *list, struct pending *pending)
{
	pending->next = NULL;
	pending->prev = list->last;
	if (list->last)
		list->last->next = pending;
	else
		list->first = pending;
	list->last = pending;
}

static void list_remove(struct pending_list *list, struct pending *pending)
{
	if (pending->prev)
		pending->prev->next = pending->next;
	else
		list->first = pending->next;
	if (pending->next)
		pending->next->prev = pending->prev;
	else
		list->last = pending->prev;
}

static void pending_free(struct pending *pending)
{
	if (pending->fetch)
		fetch_drop(pending->fetch);
	fetch_result_free(pending->completion.fetch);
	buf_done(&pending->body);
	free(pending);
}

/* ---- wakes ---- */

void lanes_wake(struct run *run, uint64_t lanes)
{
	while (lanes) {
		run_wake(run, (unsigned)__builtin_ctzll(lanes));
		lanes &= lanes - 1;
	}
}

void run_wake(struct run *run, unsigned lane)
{
	if (sched_wake(run->engine->sched, &run->sched, lane, clock_ms()))
		pool_wake(run->engine->pool);
}

/* ---- starting ---- */

static struct pending *pending_new(struct run *run, unsigned lane, enum completion_kind kind,
				   uint64_t tag)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	pending->run = run;
	pending->lane = lane;
	pending->completion.kind = kind;
	pending->completion.tag = tag;
	return pending;
}

/* Counts it as under way; false: the lane has enough, or the run ends. */
static bool pending_begin_locked(struct run *run, struct pending *pending) REQUIRES(run->lock)
{
	if (run->leaving || run->lanes[pending->lane].outstanding >= RUN_COMPLETIONS_MAX)
		return false;
	run->lanes[pending->lane].outstanding++;
	run->in_flight++;
	list_add(&run->under_way, pending);
	return true;
}

static void pending_undo_locked(struct run *run, struct pending *pending) REQUIRES(run->lock)
{
	run->lanes[pending->lane].outstanding--;
	run->in_flight--;
	list_remove(&run->under_way, pending);
}

/* The end of a fetch or timer, on its own thread; the pending is the run's again. */
static void pending_arrived(struct pending *pending)
{
	struct run *run = pending->run;
	unsigned lane = pending->lane; /* once it has arrived, its step may free it */
	bool drop, last;

	lock_take(&run->lock);
	list_remove(&run->under_way, pending);
	pending->arrived = true;
	run->in_flight--;
	drop = run->leaving;
	last = drop && run->in_flight == 0;
	if (drop) {
		run->lanes[lane].outstanding--; /* the next attempt here begins with none */
	} else {
		list_add(&run->lanes[lane].arrived, pending);
		run->arrived |= UINT64_C(1) << lane;
		atomic_fetch_add(&run->refs, 1); /* the step may end the run before our wake */
	}
	lock_drop(&run->lock);
	if (drop) {
		pending_free(pending);
		if (last)
			engine_hand_over(run);
		return;
	}
	run_wake(run, lane);
	run_unref(run);
}

/* No more comes, and its lane takes no more: what is left is the result's. */
static void stream_end(struct pending *pending, struct fetch_result *result)
{
	size_t len = 0;
	char *rest;

	lock_take(&pending->run->lock);
	pending->streams = false;
	rest = buf_take(&pending->body, &len);
	lock_drop(&pending->run->lock);
	if (!rest) {
		err_set(&result->err, ERR_NO_MEMORY, "no memory for what has come of %s",
			result->final_url);
	} else if (len > 0) {
		free(result->body);
		result->body = rest;
		result->body_len = len;
		return;
	}
	free(rest);
}

static void fetch_done(void *ctx, struct fetch_result *result)
{
	struct pending *pending = ctx;

	if (pending->streams)
		stream_end(pending, result);
	pending->completion.fetch = result;
	pending_arrived(pending);
}

/* On the fetcher's thread; fetch_done() has not come, so the run is still there. */
static enum fetch_flow stream_took(void *ctx, const struct fetch_answer *answer, const char *bytes,
				   size_t len)
{
	struct pending *pending = ctx;
	struct run *run = pending->run;
	bool wake, pause;

	(void)answer;
	lock_take(&run->lock);
	wake = !run->leaving && pending->body.len == 0;
	if (!run->leaving)
		buf_add(&pending->body, bytes, len); /* a failure shows at the end */
	pause = pending->body.len >= RUN_STREAM_BYTES_MAX;
	pending->paused = pause;
	lock_drop(&run->lock);
	if (wake)
		run_wake(run, pending->lane);
	return pause ? FETCH_PAUSE : FETCH_GO_ON;
}

static void timer_done(void *ctx)
{
	pending_arrived(ctx);
}

static enum run_answer fetch_begin(struct run *run, struct pending *pending,
				   const struct fetch_request *request, struct err *err)
{
	struct fetch *fetch = NULL;
	bool begun, full;

	if (!run->engine->config.fetcher) {
		free(pending);
		err_set(err, ERR_INTERNAL, "this engine has no fetcher");
		return RUN_ERROR;
	}
	lock_take(&run->lock);
	begun = pending_begin_locked(run, pending);
	lock_drop(&run->lock);
	if (!begun) {
		free(pending); /* full: the lane's own completions make room */
		return RUN_FULL;
	}
	/* Its done() may come before this returns, but only a step of this lane takes what
	 * arrived, and the run does not leave during a step: the pending is still there. */
	if (fetch_start(run->engine->config.fetcher, request, fetch_done, pending, &fetch, err)) {
		full = err->code == ERR_LIMIT;
		lock_take(&run->lock);
		pending_undo_locked(run, pending);
		if (full)
			run->want_fetch |= UINT64_C(1) << pending->lane;
		lock_drop(&run->lock);
		free(pending);
		return full ? RUN_FULL : RUN_ERROR;
	}
	lock_take(&run->lock);
	pending->fetch = fetch;
	lock_drop(&run->lock);
	return RUN_OK;
}

enum run_answer run_fetch(struct run *run, unsigned lane, const struct fetch_request *request,
			  uint64_t tag, struct err *err)
{
	struct pending *pending = pending_new(run, lane, COMPLETION_FETCH, tag);

	if (pending)
		return fetch_begin(run, pending, request, err);
	err_set(err, ERR_NO_MEMORY, "no memory for a fetch");
	return RUN_ERROR;
}

enum run_answer run_stream(struct run *run, unsigned lane, const struct fetch_request *request,
			   uint64_t tag, struct err *err)
{
	struct pending *pending = pending_new(run, lane, COMPLETION_FETCH, tag);
	struct fetch_request streamed = *request;

	if (!pending) {
		err_set(err, ERR_NO_MEMORY, "no memory for a fetch");
		return RUN_ERROR;
	}
	pending->streams = true;
	buf_init(&pending->body, RUN_STREAM_BYTES_MAX + FETCH_HELD_BYTES_MAX);
	streamed.on_body = stream_took;
	return fetch_begin(run, pending, &streamed, err);
}

size_t run_stream_read(struct run *run, unsigned lane, uint64_t tag, char *into, size_t room)
{
	struct pending *pending;
	struct fetch *resumed = NULL;
	size_t len = 0;

	lock_take(&run->lock);
	for (pending = run->under_way.first; pending; pending = pending->next)
		if (pending->streams && pending->lane == lane && pending->completion.tag == tag)
			break;
	if (pending) {
		len = MIN(room, pending->body.len);
		if (len > 0)
			memcpy(into, pending->body.data, len);
		buf_drop_front(&pending->body, len);
		if (pending->paused && pending->body.len < RUN_STREAM_BYTES_MAX / 2) {
			pending->paused = false;
			resumed = pending->fetch;
		}
	}
	lock_drop(&run->lock);
	if (resumed)
		fetch_resume(resumed); /* only a step of this lane gives it up */
	return len;
}

struct robots *run_robots(const struct run *run, const char *host_key, const char *token)
{
	struct fetcher *fetcher = run->engine->config.fetcher;

	if (!fetcher)
		return NULL;
	return robots_cache_rules(fetcher_robots(fetcher), host_key, token, clock_ms());
}

enum run_answer run_timer(struct run *run, unsigned lane, int64_t delay_ms, uint64_t tag)
{
	struct pending *pending = pending_new(run, lane, COMPLETION_TIMER, tag);
	bool begun;

	if (!pending)
		return RUN_FULL;
	lock_take(&run->lock);
	begun = pending_begin_locked(run, pending);
	if (begun) {
		/* Under the lock: timer_done() takes it before it looks. */
		pending->timer = timers_add(run->engine->timers, clock_ms() + MAX(delay_ms, 0),
					    timer_done, pending);
		if (pending->timer == 0) {
			pending_undo_locked(run, pending);
			run->want_fetch |= UINT64_C(1) << lane;
			begun = false;
		}
	}
	lock_drop(&run->lock);
	if (!begun)
		free(pending);
	return begun ? RUN_OK : RUN_FULL;
}

/* ---- taking ---- */

bool run_completion(struct run *run, unsigned lane, struct completion *ret)
{
	struct pending *pending;

	lock_take(&run->lock);
	pending = run->lanes[lane].arrived.first;
	if (pending) {
		list_remove(&run->lanes[lane].arrived, pending);
		run->lanes[lane].outstanding--;
		if (!run->lanes[lane].arrived.first)
			run->arrived &= ~(UINT64_C(1) << lane);
	}
	lock_drop(&run->lock);
	if (!pending)
		return false;
	*ret = pending->completion;
	pending->completion.fetch = NULL;
	pending_free(pending);
	return true;
}

unsigned run_outstanding(const struct run *run, unsigned lane)
{
	struct run *mine = (struct run *)run; /* the lock changes, nothing else */
	unsigned outstanding;

	lock_take(&mine->lock);
	outstanding = mine->lanes[lane].outstanding;
	lock_drop(&mine->lock);
	return outstanding;
}

unsigned run_fetches_idle(const struct run *run, unsigned lane)
{
	struct run *mine = (struct run *)run; /* as above */
	struct fetch_view view;
	unsigned idle = 0;

	lock_take(&mine->lock);
	for (const struct pending *p = mine->under_way.first; p; p = p->next) {
		if (p->lane != lane || !p->fetch)
			continue;
		fetch_look(p->fetch, &view);
		idle += view.state == FETCH_PARKED || view.state == FETCH_BACKOFF;
	}
	lock_drop(&mine->lock);
	return idle;
}

void run_fetch_room(struct run *run)
{
	uint64_t lanes;

	lock_take(&run->lock);
	lanes = run->want_fetch;
	run->want_fetch = 0;
	lock_drop(&run->lock);
	lanes_wake(run, lanes);
}

/* ---- the end ---- */

/* Takes a timer out of those under way; 0: there is none left. */
static uint64_t timer_pick(struct run *run, struct pending **ret_pending)
{
	struct pending *pending;
	uint64_t timer = 0;

	lock_take(&run->lock);
	for (pending = run->under_way.first; pending; pending = pending->next)
		if (pending->timer && !pending->cancelling)
			break;
	if (pending) {
		pending->cancelling = true;
		timer = pending->timer;
		*ret_pending = pending;
	}
	lock_drop(&run->lock);
	return timer;
}

/* Completions that nobody will take, of these lanes. */
static void arrivals_drop(struct run *run, uint64_t lanes)
{
	struct completion completion;

	for (; lanes; lanes &= lanes - 1)
		while (run_completion(run, (unsigned)__builtin_ctzll(lanes), &completion))
			fetch_result_free(completion.fetch);
}

bool run_pending_cancel(struct run *run)
{
	struct pending *pending;
	uint64_t timer, arrived;
	bool none;

	lock_take(&run->lock);
	none = run->in_flight == 0;
	if (!run->leaving && !none) {
		run->leaving = true;
		run->in_flight++; /* ours, so that no callback is the last while we are here */
		for (pending = run->under_way.first; pending; pending = pending->next)
			if (pending->fetch)
				fetch_cancel(pending->fetch);
		lock_drop(&run->lock);
		/* Without the lock: cancelling waits for a callback that takes it. */
		while ((timer = timer_pick(run, &pending)) != 0)
			if (timers_cancel(run->engine->timers, timer))
				pending_arrived(pending);
		lock_take(&run->lock);
		run->in_flight--;
		none = run->in_flight == 0;
	}
	run->leaving = true;
	arrived = run->arrived;
	lock_drop(&run->lock);
	if (none)
		arrivals_drop(run, arrived);
	return none;
}

/* ---- looking from outside ---- */

/* Is all it waits for parked, but for timers?  Then *ret_first is the fetch that may go on first;
 * its reason is ERR_NONE when there is none, and another job is waited for. */
static bool parked_look_locked(struct run *run, struct fetch_view *ret_first) REQUIRES(run->lock)
{
	static const struct id none;
	struct fetch_view view;

	ret_first->reason = ERR_NONE;
	if (run->arrived)
		return false;
	for (struct pending *p = run->under_way.first; p; p = p->next) {
		if (p->timer)
			continue;
		if (!p->fetch)
			return false;
		fetch_look(p->fetch, &view);
		if (view.state != FETCH_PARKED)
			return false;
		if (!ret_first->reason || view.until_ms < ret_first->until_ms)
			*ret_first = view;
	}
	return ret_first->reason != ERR_NONE ||
	       (run->under_way.first && !id_equal(&run->reads_job, &none));
}

bool run_parked(struct run *run)
{
	struct fetch_view first;
	bool parked;

	lock_take(&run->lock);
	parked = parked_look_locked(run, &first);
	lock_drop(&run->lock);
	return parked && sched_waits(run->engine->sched, &run->sched);
}

void run_live_waiting(struct run *run, struct engine_live *ret)
{
	static const struct id none;
	struct fetch_view first;

	lock_take(&run->lock);
	if (parked_look_locked(run, &first) && first.reason) {
		snprintf(ret->waiting_reason, sizeof(ret->waiting_reason), "%s",
			 err_name(first.reason));
		snprintf(ret->waiting_host, sizeof(ret->waiting_host), "%s", first.host);
		if (first.until_ms != INT64_MAX)
			ret->waiting_until_ms = clock_wall_ms() + first.until_ms - clock_ms();
	} else if (run->want_memory) {
		snprintf(ret->waiting_reason, sizeof(ret->waiting_reason), "memory");
	} else if (!id_equal(&run->reads_job, &none)) {
		snprintf(ret->waiting_reason, sizeof(ret->waiting_reason), "job");
		ret->waiting_job = run->reads_job;
	}
	lock_drop(&run->lock);
}
