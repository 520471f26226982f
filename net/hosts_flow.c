/* SPDX-License-Identifier: MIT */
/* hosts_flow.c - what one owner has at one host: its share, its turn, its refusals.
 *
 * Called by hosts.c under its lock.  A host serves as many flows as jobs run on it,
 * a few dozen at most, so its list of flows is searched from the front.
 */
#include "net/host.h"

#include <stdlib.h>

enum {
	REFUSED_CALLS_MIN = 10, /* so many calls … */
	REFUSED_PERCENT = 50,	/* … with so many refused: the owner waits */
	REFUSED_WAIT_MS = 15 * 60 * 1000,
};

/* What the flow may have in flight at its host. */
unsigned flow_share(const struct flow *flow)
{
	if (flow->host->inside)
		return MIN(flow->per_host ? flow->per_host : HOSTS_PER_HOST_INSIDE,
			   HOSTS_PER_HOST_INSIDE_MAX);
	return MIN(flow->per_host ? flow->per_host : HOSTS_PER_HOST, HOSTS_PER_HOST_MAX);
}

/* Into the ring of turns or out of it, after any of what decides that has changed. */
void flow_place(struct flow *flow)
{
	bool may = !ring_empty(&flow->items) && flow->in_flight < flow_share(flow) &&
		   flow->blocked.place == 0;

	if (!may)
		ring_drop(&flow->turn);
	else if (ring_empty(&flow->turn))
		ring_add(&flow->host->turns[flow->priority], &flow->turn);
}

/* What the host's flows ask for together. */
void host_sum_up(struct host *host)
{
	host->asked_max = 1;
	host->open_ms = 0;
	for (struct ring *at = host->flows.next; at != &host->flows; at = at->next) {
		const struct flow *flow = CONTAINER_OF(at, struct flow, sibling);

		host->asked_max = MAX(host->asked_max, flow_share(flow));
		host->open_ms = MAX(host->open_ms, flow->open_ms);
	}
	/* No limit to be found out at the operator's own hosts, unless there was trouble. */
	if (host->inside && pace_untroubled(&host->pace))
		host->pace.limit = MAX(host->pace.limit, host->asked_max);
}

static struct flow *flow_find(struct host *host, const struct hosts_item *item)
{
	for (struct ring *at = host->flows.next; at != &host->flows; at = at->next) {
		struct flow *flow = CONTAINER_OF(at, struct flow, sibling);

		if (flow->owner == item->owner && !ring_empty(&flow->call) == item->call)
			return flow;
	}
	return NULL;
}

static struct flow *flow_new(struct hosts *hosts, struct host *host, const struct hosts_item *item)
	REQUIRES(hosts->lock)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (!flow)
		return NULL;
	flow->host = host;
	flow->owner = item->owner;
	ring_init(&flow->call);
	ring_init(&flow->turn);
	ring_init(&flow->items);
	ring_init(&flow->later);
	ring_add(&host->flows, &flow->sibling);
	if (item->call)
		ring_add(&hosts->calls, &flow->call);
	return flow;
}

/* Nothing queued or running, and no refusals that still count. */
static bool flow_over(const struct flow *flow, int64_t now_ms)
{
	return flow->queued == 0 && flow->in_flight == 0 && flow->blocked.place == 0 &&
	       (flow->refused == 0 || now_ms - flow->refused_ms >= REFUSED_WAIT_MS);
}

static void flows_sweep(struct hosts *hosts, struct host *host, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	struct ring *at = host->flows.next;

	while (at != &host->flows) {
		struct flow *flow = CONTAINER_OF(at, struct flow, sibling);

		at = at->next;
		if (flow_over(flow, now_ms))
			flow_free(hosts, flow);
	}
}

struct flow *flow_make(struct hosts *hosts, struct host *host, const struct hosts_item *item,
		       int64_t now_ms)
{
	struct flow *flow = flow_find(host, item);
	int64_t open_ms = breaker_policy_whole(&item->breaker).open_ms;

	if (!flow) {
		flows_sweep(hosts, host, now_ms);
		flow = flow_new(hosts, host, item);
		if (!flow)
			return NULL;
	} else if (flow->priority == item->priority && flow->per_host == item->per_host &&
		   flow->delay_ms == item->delay_ms && flow->open_ms == open_ms) {
		return flow;
	}
	ring_drop(&flow->turn);
	flow->priority = item->priority;
	flow->per_host = item->per_host;
	flow->delay_ms = item->delay_ms;
	flow->open_ms = open_ms;
	host_sum_up(host);
	flow_place(flow);
	return flow;
}

void flow_free(struct hosts *hosts, struct flow *flow)
{
	heap_drop(&hosts->blocked, &flow->blocked);
	ring_drop(&flow->turn);
	ring_drop(&flow->call);
	ring_drop(&flow->sibling);
	free(flow);
}

void flow_settle(struct hosts *hosts, struct flow *flow, int64_t now_ms)
{
	struct host *host = flow->host;

	if (flow_over(flow, now_ms)) {
		flow_free(hosts, flow);
		host_sum_up(host);
	} else {
		flow_place(flow);
	}
}

bool flow_called(struct hosts *hosts, struct flow *flow, bool refused, int64_t now_ms)
{
	if (!refused && flow->refused == 0)
		return false;
	flow->calls++;
	if (!refused)
		return false;
	flow->refused++;
	flow->refused_ms = now_ms;
	if (flow->calls < REFUSED_CALLS_MIN ||
	    (uint64_t)flow->refused * 100 < (uint64_t)flow->calls * REFUSED_PERCENT)
		return false;
	if (heap_put(&hosts->blocked, &flow->blocked, now_ms + REFUSED_WAIT_MS))
		return false; /* no memory: it goes on asking, and is refused again */
	flow->calls = flow->refused = 0;
	return true;
}
