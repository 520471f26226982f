/* SPDX-License-Identifier: MIT */
/* hosts_turn.c - the next item that may start, and what its end teaches.
 *
 * hosts_take turns the rings; hosts_finish tells breaker, throttle clock, pace and
 * refusals how the call went.  hosts.c has the queues and the clock.
 */
#include "net/host.h"

#include <assert.h>

enum {
	RETRY_POSTPONE_MS = 100, /* a retry beyond the budgets asks again after this */
	CALL_LOOKS_MAX = 64,	 /* flows that one take looks at: with the lock, in each round */
};

static struct host *next_host(struct hosts *hosts) REQUIRES(hosts->lock)
{
	bool low = ++hosts->turn % LOW_TURN == 0;

	for (int i = 0; i < HOSTS_PRIORITIES; i++) {
		struct ring *ready = &hosts->ready[hosts_ranks[low ? HOSTS_PRIORITIES - 1 - i : i]];

		if (!ring_empty(ready))
			return CONTAINER_OF(ready->next, struct host, place);
	}
	return NULL;
}

/* Is it a retry beyond the budgets?  Then it goes back to wait, and others may go before
 * it.  A probe is no load: its breaker lets out one at a time. */
static bool retry_postponed(struct hosts *hosts, struct hosts_item *item, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	struct host *host = item->host;
	int64_t start_ms = now_ms + RETRY_POSTPONE_MS;
	int64_t first_ms = item->deadline_ms ? MIN(item->deadline_ms, start_ms) : start_ms;

	if (!item->retry || host->breaker.state != BREAKER_CLOSED)
		return false;
	if (retry_share_allows(hosts->retries, hosts->in_flight) &&
	    retry_budget_spend(&host->budget, now_ms))
		return false;
	if (heap_put(&hosts->timers, &item->timer, first_ms))
		return false; /* no memory to wait: one more than the budget */
	hosts_item_later(item, start_ms);
	flow_place(item->flow);
	return true;
}

static void item_start(struct hosts *hosts, struct hosts_item *item, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	struct host *host = item->host;
	struct flow *flow = item->flow;
	struct pace_rules rules = host_rules(host, flow);

	hosts_item_detach(hosts, item);
	item->state = HOSTS_ITEM_RUNNING;
	pace_started(&host->pace, &rules, now_ms, &hosts->rng);
	host_near_started(host, host->pace.next_ms);
	if (item->retry)
		hosts->retries++;
	else
		retry_budget_earn(&host->budget);
	hosts->in_flight++;
	host->in_flight++;
	host->starts++;
	flow->in_flight++;
	ring_drop(&flow->turn); /* behind the other owners */
	flow_place(flow);
}

/* The flow's next item, running; NULL: none may start. */
static struct hosts_item *flow_take(struct hosts *hosts, const struct flow *flow, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	struct host *host = flow->host;
	struct hosts_item *item;

	/* It stood in the ring since it was ready; a probe may have gone out meanwhile. */
	if (host_full(host, flow) || host_ready_ms(hosts, host, flow, now_ms) > now_ms)
		return NULL;
	item = CONTAINER_OF(flow->items.next, struct hosts_item, link);
	if (retry_postponed(hosts, item, now_ms) ||
	    !breaker_try(&host->breaker, &item->breaker, now_ms, &item->generation))
		return NULL;
	item_start(hosts, item, now_ms);
	return item;
}

struct take {
	int64_t now_ms;
	struct hosts_item *item; /* NULL: nothing was taken */
	struct host_view view;
	bool moved; /* the breaker of its host, as `view` has it */
};

/* From a flow of the host, if there is one, and the host to where it belongs then. */
static void host_take(struct hosts *hosts, struct host *host, const struct flow *flow,
		      struct take *take) REQUIRES(hosts->lock)
{
	enum breaker_state before = host->breaker.state;

	if (flow)
		take->item = flow_take(hosts, flow, take->now_ms);
	take->moved = host->breaker.state != before;
	if (take->moved)
		host_moved(hosts, host, before, take->now_ms, &take->view);
	host_place(hosts, host, take->now_ms);
}

static struct hosts_item *take_tell(struct hosts *hosts, const struct take *take)
{
	if (take->moved && hosts->changed)
		hosts->changed(hosts->ctx, &take->view);
	return take->item;
}

struct hosts_item *hosts_take(struct hosts *hosts, int64_t now_ms)
{
	struct take take = {.now_ms = now_ms};
	struct host *host;

	lock_take(&hosts->lock);
	while (!take.item && (host = next_host(hosts))) {
		ring_drop(&host->place);
		host_take(hosts, host, host_next_flow(host), &take);
	}
	lock_drop(&hosts->lock);
	return take_tell(hosts, &take);
}

struct hosts_item *hosts_take_call(struct hosts *hosts, int64_t now_ms)
{
	struct take take = {.now_ms = now_ms};
	unsigned looks = 0;

	lock_take(&hosts->lock);
	while (!take.item && looks++ < CALL_LOOKS_MAX && !ring_empty(&hosts->calls)) {
		struct flow *flow = CONTAINER_OF(hosts->calls.next, struct flow, call);

		ring_drop(&flow->call);
		ring_add(&hosts->calls, &flow->call);
		if (!ring_empty(&flow->turn))
			host_take(hosts, flow->host, flow, &take);
	}
	lock_drop(&hosts->lock);
	return take_tell(hosts, &take);
}

static enum breaker_outcome breaker_outcome_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_SUCCESS:
		return BREAKER_SUCCESS;
	case VERDICT_FAILURE:
		return BREAKER_FAILURE;
	default:
		return BREAKER_EXCLUDED;
	}
}

/* An answer that the call took for an answer has its reason, too. */
static enum err_code reason_of(const struct call_outcome *call, enum verdict verdict)
{
	if (call->code != ERR_NONE)
		return call->code;
	if (verdict == VERDICT_THROTTLED)
		return ERR_FETCH_THROTTLED;
	return verdict == VERDICT_BLOCKED ? ERR_FETCH_BLOCKED : ERR_FETCH_HTTP_5XX;
}

static void host_count(struct host *host, const struct hosts_outcome *outcome, enum verdict verdict,
		       int64_t now_ms)
{
	host->total.calls++;
	host->total.bytes += outcome->bytes;
	host->total.failures += verdict == VERDICT_FAILURE;
	host->total.throttled += verdict == VERDICT_THROTTLED;
	host->total.refused += verdict == VERDICT_BLOCKED;
	if (verdict == VERDICT_SUCCESS || verdict == VERDICT_EXCLUDED)
		return;
	host->last_err = reason_of(&outcome->call, verdict);
	host->last_status = outcome->call.status;
	host->last_err_ms = now_ms;
}

/* What the outcome does to pace and throttle clock. */
static void host_learn(struct hosts *hosts, struct host *host, const struct flow *flow,
		       const struct hosts_outcome *outcome, enum verdict verdict, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	struct pace_rules rules = host_rules(host, flow);
	bool full = host->in_flight >= pace_limit(&host->pace, &rules);

	if (verdict == VERDICT_THROTTLED) {
		/* Those under way when the host asked for quiet are the same trouble. */
		if (now_ms >= host->throttle.until_ms)
			pace_trouble(&host->pace);
		if (throttle_hit(&host->throttle, outcome->retry_after_ms, now_ms))
			host_dirty(hosts, host);
	} else if (outcome->call.code == ERR_FETCH_TIMEOUT) {
		pace_trouble(&host->pace);
	} else if (outcome->call.status > 0) {
		pace_answered(&host->pace, &rules, outcome->call.status == 200, full,
			      outcome->first_byte_ms);
	}
}

static bool breaker_learn(struct hosts *hosts, struct host *host, const struct hosts_item *item,
			  const struct hosts_outcome *outcome, enum verdict verdict, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	struct breaker_policy policy = item->breaker;
	bool moved;

	policy.open_ms = MAX(policy.open_ms, host->open_ms);
	moved = breaker_result(&host->breaker, &policy, item->generation,
			       breaker_outcome_of(verdict), outcome->first_byte_ms, now_ms,
			       &hosts->rng);
	if (verdict == VERDICT_FAILURE || verdict == VERDICT_THROTTLED)
		breaker_extend(&host->breaker,
			       now_ms + MIN(outcome->retry_after_ms, THROTTLE_MS_MAX));
	if (moved && host->breaker.state == BREAKER_OPEN) {
		host->total.opens++;
		host_end_unwilling(hosts, host);
	} else if (moved) {
		pace_slow_start(&host->pace);
	}
	return moved;
}

/* Did the name fail to resolve because no name does?  Addresses tell nothing. */
static bool names_fail(struct hosts *hosts, struct host *host, const struct call_outcome *call,
		       int64_t now_ms) REQUIRES(hosts->lock)
{
	bool failed = call->code == ERR_FETCH_DNS;

	if (host->inside || host->literal || (!failed && call->status == 0))
		return false;
	if (!failed)
		host->resolved_ms = now_ms;
	weather_note(&hosts->weather, host->hash, failed, now_ms);
	return failed && weather_paused(&hosts->weather, now_ms);
}

enum verdict hosts_finish(struct hosts *hosts, struct hosts_item *item,
			  const struct hosts_outcome *outcome, int64_t now_ms)
{
	enum verdict verdict = outcome_verdict(&outcome->call);
	struct host *host = item->host;
	enum breaker_state before;
	struct host_view view;
	bool moved;

	assert(item->state == HOSTS_ITEM_RUNNING);
	lock_take(&hosts->lock);
	before = host->breaker.state;
	if (names_fail(hosts, host, &outcome->call, now_ms))
		verdict = VERDICT_EXCLUDED;
	host_count(host, outcome, verdict, now_ms);
	host_learn(hosts, host, item->flow, outcome, verdict, now_ms);
	moved = breaker_learn(hosts, host, item, outcome, verdict, now_ms);
	if (!outcome->credentials && verdict != VERDICT_EXCLUDED)
		flow_called(hosts, item->flow, verdict == VERDICT_BLOCKED, now_ms);
	item->state = HOSTS_ITEM_IDLE;
	hosts->retries -= item->retry;
	hosts->in_flight--;
	host->in_flight--;
	host_near_ended(host);
	item->flow->in_flight--;
	if (moved)
		host_moved(hosts, host, before, now_ms, &view);
	flow_settle(hosts, item->flow, now_ms);
	host_place(hosts, host, now_ms);
	lock_drop(&hosts->lock);
	if (moved && hosts->changed)
		hosts->changed(hosts->ctx, &view);
	return verdict;
}

void hosts_reached(struct hosts *hosts, struct hosts_item *item, const char *address, bool inside,
		   int64_t now_ms)
{
	struct host *host = item->host;

	assert(item->state == HOSTS_ITEM_RUNNING);
	lock_take(&hosts->lock);
	if (host->inside != inside) {
		host->inside = inside;
		pace_init(&host->pace, 1);
		for (struct ring *at = host->flows.next; at != &host->flows; at = at->next)
			flow_place(CONTAINER_OF(at, struct flow, sibling));
		host_sum_up(host);
		host_place(hosts, host, now_ms);
	}
	if (!inside || host->address)
		host_near_address(hosts, host, address);
	lock_drop(&hosts->lock);
}
