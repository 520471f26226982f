/* SPDX-License-Identifier: MIT */
/* watch.c - the clocks of a fetch that is held by a stage or has a transfer.
 *
 * libcurl's own clocks run on while a transfer is paused by us, so these do its work,
 * one timer for each fetch:
 *   the deadline of the fetch        always
 *   the time of the attempt          not while it is paused: a pause moves it
 *   the speed of a body, each FETCH_SPEED_MS   likewise
 * Called by attempt.c and body.c; watch_run by the thread in each round.
 */
#include "net/attempt.h"

#include "base/limits.h"
#include "net/stages.h"

static int64_t next_ms(const struct fetch *fetch)
{
	int64_t at_ms = INT64_MAX;

	if (!fetch->held && fetch->pause_ms == 0)
		at_ms = MIN(fetch->due_ms, fetch->look_ms);
	return fetch->item.deadline_ms ? MIN(at_ms, fetch->item.deadline_ms) : at_ms;
}

/* Never fails for a fetch whose timer is in the heap already. */
static int watch_set(struct fetch *fetch)
{
	return heap_put(&fetch->fetcher->timers, &fetch->timer, next_ms(fetch));
}

int watch_hold(struct fetch *fetch)
{
	return watch_set(fetch);
}

int watch_begin(struct fetch *fetch, int64_t now_ms)
{
	fetch->due_ms = now_ms + fetch->timeout_ms;
	fetch->look_ms = now_ms + FETCH_SPEED_MS;
	fetch->looked_bytes = 0;
	fetch->pause_ms = 0;
	return watch_set(fetch);
}

void watch_pause(struct fetch *fetch, int64_t now_ms)
{
	if (fetch->pause_ms)
		return;
	fetch->pause_ms = now_ms;
	watch_set(fetch);
}

void watch_resume(struct fetch *fetch, int64_t now_ms)
{
	if (fetch->pause_ms == 0)
		return;
	fetch->due_ms += now_ms - fetch->pause_ms;
	fetch->look_ms = now_ms + FETCH_SPEED_MS;
	fetch->looked_bytes = transfer_bytes(fetch->transfer);
	fetch->pause_ms = 0;
	watch_set(fetch);
}

void watch_end(struct fetch *fetch)
{
	heap_drop(&fetch->fetcher->timers, &fetch->timer);
}

/* Before the answer begins only the attempt's time counts: a host may think. */
static bool is_slow(struct fetch *fetch, int64_t now_ms)
{
	uint64_t bytes = transfer_bytes(fetch->transfer);
	uint64_t least = FETCH_SPEED_BYTES_PER_S_MIN * (FETCH_SPEED_MS / 1000);
	bool slow = fetch->transfer->head_bytes > 0 && bytes - fetch->looked_bytes < least;

	fetch->looked_bytes = bytes;
	fetch->look_ms = now_ms + FETCH_SPEED_MS;
	return slow;
}

static void watch_look(struct fetch *fetch, int64_t now_ms)
{
	if (fetch->held) {
		stage_let_go(fetch);
		attempt_end(fetch, ERR_DEADLINE);
	} else if (fetch->item.deadline_ms && fetch->item.deadline_ms <= now_ms) {
		attempt_finish(fetch, CURLE_OPERATION_TIMEDOUT);
	} else if (fetch->due_ms <= now_ms || is_slow(fetch, now_ms)) {
		attempt_finish(fetch, CURLE_OPERATION_TIMEDOUT);
	} else {
		watch_set(fetch);
	}
}

void watch_run(struct fetcher *fetcher, int64_t now_ms)
{
	struct heap_node *first;

	while ((first = heap_first(&fetcher->timers)) && first->key <= now_ms)
		watch_look(CONTAINER_OF(first, struct fetch, timer), now_ms);
}
