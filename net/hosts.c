/* SPDX-License-Identifier: MIT */
/* hosts.c - the queue before every host, and the order in which hosts get their turn.
 *
 * The fetcher's thread calls hosts_ended (time moves on), hosts_take (hosts_turn.c) until there is
 * nothing more to start, and hosts_finish for each call that ended.  A host is in at
 * most one place:
 *   ready[p]   it may start an item of priority p now
 *   sleeping   it may at a known instant (breaker, Retry-After, delay)
 *   idle       it has no items at all
 *   nowhere    something must happen first: a call ends, a probe reports, a hand lets go
 * host_place() finds the right one after each change.
 */
#include "net/host.h"

#include "base/limits.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKETS_FIRST = 256 };

/* From the most urgent; the enum's zero is the usual case. */
const enum hosts_priority hosts_ranks[HOSTS_PRIORITIES] = {HOSTS_CRITICAL, HOSTS_HIGH, HOSTS_NORMAL,
							   HOSTS_LOW};

struct hosts *hosts_new(const struct hosts_config *config, struct err *err)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));
	struct host **buckets = calloc(BUCKETS_FIRST, sizeof(struct host *));

	if (!hosts || !buckets) {
		free(hosts);
		free(buckets);
		err_set(err, ERR_NO_MEMORY, "no memory for the table of hosts");
		return NULL;
	}
	hosts->hosts_max = config->hosts_max ? config->hosts_max : HOSTS_MAX;
	hosts->wake = config->wake;
	hosts->changed = config->changed;
	hosts->save = config->save;
	hosts->ctx = config->ctx;
	cond_init(&hosts->saved);
	lock_init(&hosts->lock, LOCK_HOSTS);
	lock_take(&hosts->lock);
	rng_seed(&hosts->rng, config->seed);
	hosts->buckets = buckets;
	hosts->bucket_count = BUCKETS_FIRST;
	for (int i = 0; i < HOSTS_PRIORITIES; i++)
		ring_init(&hosts->ready[i]);
	ring_init(&hosts->idle);
	ring_init(&hosts->dirty);
	ring_init(&hosts->ended);
	ring_init(&hosts->calls);
	lock_drop(&hosts->lock);
	return hosts;
}

void hosts_free(struct hosts *hosts)
{
	if (!hosts)
		return;
	lock_take(&hosts->lock);
	for (size_t i = 0; i < hosts->bucket_count; i++) {
		while (hosts->buckets[i]) {
			struct host *host = hosts->buckets[i];

			hosts->buckets[i] = host->chain;
			ring_drop(&host->dirty);
			host_near_leave(hosts, host);
			assert(host->queued == 0 && host->in_flight == 0);
			while (!ring_empty(&host->flows))
				flow_free(hosts,
					  CONTAINER_OF(host->flows.next, struct flow, sibling));
			host_free(host);
		}
	}
	while (!ring_empty(&hosts->dirty)) { /* those that are gone */
		struct host *host = CONTAINER_OF(hosts->dirty.next, struct host, dirty);

		ring_drop(&host->dirty);
		host_free(host);
	}
	free(hosts->buckets);
	free(hosts->nears);
	heap_done(&hosts->sleeping);
	heap_done(&hosts->timers);
	heap_done(&hosts->blocked);
	lock_drop(&hosts->lock);
	lock_done(&hosts->lock);
	cond_done(&hosts->saved);
	free(hosts);
}

/* --- where a host belongs --- */

struct pace_rules host_rules(const struct host *host, const struct flow *flow)
{
	int64_t delay_ms = MAX(flow->delay_ms, host->limits.delay_ms);

	return (struct pace_rules){
		.delay_ms_min = host->inside ? delay_ms : MAX(delay_ms, HOSTS_DELAY_MS),
		.crawl_delay_ms = host->crawl_delay_ms,
		.limit_max = host->limits.limit_max ? host->limits.limit_max : host->asked_max,
		.rate_per_s = host->limits.rate_per_s,
		.adaptive = !host->inside,
	};
}

struct flow *host_next_flow(const struct host *host)
{
	bool low = host->starts % LOW_TURN == LOW_TURN - 1;

	for (int i = 0; i < HOSTS_PRIORITIES; i++) {
		int rank = low ? HOSTS_PRIORITIES - 1 - i : i;
		const struct ring *turns = &host->turns[hosts_ranks[rank]];

		if (!ring_empty(turns))
			return CONTAINER_OF(turns->next, struct flow, turn);
	}
	return NULL;
}

bool host_in_doubt(const struct host *host, int64_t now_ms)
{
	return !host->literal && !host->inside &&
	       (host->resolved_ms == 0 || now_ms - host->resolved_ms >= WEATHER_TRUST_MS);
}

int64_t host_ready_ms(struct hosts *hosts, const struct host *host, const struct flow *flow,
		      int64_t now_ms)
{
	struct pace_rules rules = host_rules(host, flow);
	int64_t at_ms = pace_ready_ms(&host->pace, &rules, now_ms);

	if (weather_paused(&hosts->weather, now_ms) && host_in_doubt(host, now_ms))
		at_ms = MAX(at_ms, hosts->weather.paused_until_ms);
	at_ms = MAX(at_ms, host_near_ready_ms(host, pace_limit(&host->pace, &rules), now_ms));
	at_ms = MAX(at_ms, host->throttle.until_ms);
	return MAX(at_ms, breaker_ready_ms(&host->breaker, now_ms));
}

bool host_full(const struct host *host, const struct flow *flow)
{
	struct pace_rules rules = host_rules(host, flow);

	return host->in_flight >= pace_limit(&host->pace, &rules);
}

static void place_ready(struct hosts *hosts, struct host *host, enum hosts_priority priority)
	REQUIRES(hosts->lock)
{
	/* One that is ready already keeps its turn: many calls ending must not cost it. */
	if (host->ready_as == (int)priority && !ring_empty(&host->place))
		return;
	ring_drop(&host->place);
	ring_add(&hosts->ready[priority], &host->place);
	host->ready_as = (int)priority;
}

void host_place(struct hosts *hosts, struct host *host, int64_t now_ms)
{
	const struct flow *flow = host_next_flow(host);
	int64_t at_ms = INT64_MAX;

	if (flow && !host_full(host, flow))
		at_ms = host_ready_ms(hosts, host, flow, now_ms);
	if (at_ms <= now_ms) {
		assert(flow);
		heap_drop(&hosts->sleeping, &host->sleep);
		place_ready(hosts, host, flow->priority);
		return;
	}
	ring_drop(&host->place);
	host->ready_as = HOST_NOT_READY;
	if (at_ms == INT64_MAX)
		heap_drop(&hosts->sleeping, &host->sleep);
	else if (heap_put(&hosts->sleeping, &host->sleep, at_ms))
		place_ready(hosts, host, flow->priority); /* no memory: it asks, and asks again */
	if (host->queued == 0 && host->in_flight == 0)
		ring_add(&hosts->idle, &host->place);
}

/* --- items --- */

void hosts_item_detach(struct hosts *hosts, struct hosts_item *item)
{
	ring_drop(&item->link);
	heap_drop(&hosts->timers, &item->timer);
	item->host->queued--;
	item->flow->queued--;
}

static void item_end(struct hosts *hosts, struct hosts_item *item, enum err_code why)
	REQUIRES(hosts->lock)
{
	hosts_item_detach(hosts, item);
	item->state = HOSTS_ITEM_ENDED;
	item->ended = why;
	ring_add(&hosts->ended, &item->link);
}

void hosts_item_later(struct hosts_item *item, int64_t start_ms)
{
	item->state = HOSTS_ITEM_LATER;
	item->start_ms = start_ms;
	ring_drop(&item->link);
	ring_add(&item->flow->later, &item->link);
}

static bool will_not_wait(const struct host *host, const struct hosts_item *item, int64_t now_ms)
{
	return item->on_open == HOSTS_FAIL && host->breaker.state == BREAKER_OPEN &&
	       breaker_ready_ms(&host->breaker, now_ms) > now_ms;
}

/* Into its flow's line, with a timer for its deadline. */
static void item_queue(struct hosts *hosts, struct hosts_item *item) REQUIRES(hosts->lock)
{
	item->state = HOSTS_ITEM_QUEUED;
	ring_drop(&item->link);
	if (item->front)
		ring_add_first(&item->flow->items, &item->link);
	else
		ring_add(&item->flow->items, &item->link);
	if (item->deadline_ms)
		heap_put(&hosts->timers, &item->timer, item->deadline_ms);
	else
		heap_drop(&hosts->timers, &item->timer);
}

static int item_enter(struct hosts *hosts, struct hosts_item *item, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	int64_t first_ms = item->deadline_ms ? item->deadline_ms : INT64_MAX;
	bool later = item->start_ms > now_ms;

	if (later)
		first_ms = MIN(first_ms, item->start_ms);
	/* Room in the heap is made now, so that no later move can lack memory. */
	if (first_ms != INT64_MAX && heap_put(&hosts->timers, &item->timer, first_ms))
		return -1;
	item->host->queued++;
	item->flow->queued++;
	ring_init(&item->link);
	if (later)
		hosts_item_later(item, item->start_ms);
	else
		item_queue(hosts, item);
	return 0;
}

int hosts_add(struct hosts *hosts, struct hosts_item *item, int64_t now_ms, struct err *err)
{
	struct host *host;
	int rc = -1;

	assert(item->state == HOSTS_ITEM_IDLE);
	lock_take(&hosts->lock);
	host = host_make(hosts, item->key, now_ms, err);
	if (!host)
		goto out;
	if (item->inside && !host->inside) {
		host->inside = true;
		pace_init(&host->pace, 1);
	}
	if (will_not_wait(host, item, now_ms)) {
		err_set(err, ERR_FETCH_CIRCUIT_OPEN, "the breaker of %s is open", host->key);
		goto out;
	}
	item->host = host;
	item->flow = flow_make(hosts, host, item, now_ms);
	if (!item->flow || item_enter(hosts, item, now_ms)) {
		err_set(err, ERR_NO_MEMORY, "no memory to wait for %s", host->key);
		goto out;
	}
	if (item->retry)
		host->total.retries++;
	flow_place(item->flow);
	host_place(hosts, host, now_ms);
	rc = 0;
out:
	lock_drop(&hosts->lock);
	return rc;
}

bool hosts_remove(struct hosts *hosts, struct hosts_item *item, int64_t now_ms)
{
	bool queued;

	lock_take(&hosts->lock);
	queued = item->state == HOSTS_ITEM_QUEUED || item->state == HOSTS_ITEM_LATER;
	if (queued) {
		struct host *host = item->host;

		hosts_item_detach(hosts, item);
		item->state = HOSTS_ITEM_IDLE;
		flow_settle(hosts, item->flow, now_ms);
		host_place(hosts, host, now_ms);
	}
	lock_drop(&hosts->lock);
	return queued;
}

static void items_end_unwilling(struct hosts *hosts, struct ring *items) REQUIRES(hosts->lock)
{
	struct ring *link = items->next;

	while (link != items) {
		struct hosts_item *item = CONTAINER_OF(link, struct hosts_item, link);

		link = link->next;
		if (item->on_open == HOSTS_FAIL)
			item_end(hosts, item, ERR_FETCH_CIRCUIT_OPEN);
	}
}

/* Its breaker opened: those who said they would not wait need not. */
void host_end_unwilling(struct hosts *hosts, struct host *host)
{
	for (struct ring *at = host->flows.next; at != &host->flows; at = at->next) {
		struct flow *flow = CONTAINER_OF(at, struct flow, sibling);

		items_end_unwilling(hosts, &flow->items);
		items_end_unwilling(hosts, &flow->later);
		flow_place(flow);
	}
}

/* --- time --- */

/* A back-off is over: into the line. */
static void item_due(struct hosts *hosts, struct hosts_item *item, int64_t now_ms)
	REQUIRES(hosts->lock)
{
	if (will_not_wait(item->host, item, now_ms))
		item_end(hosts, item, ERR_FETCH_CIRCUIT_OPEN);
	else
		item_queue(hosts, item);
}

static void timers_run(struct hosts *hosts, int64_t now_ms) REQUIRES(hosts->lock)
{
	struct heap_node *first;

	if (!weather_paused(&hosts->weather, now_ms))
		hosts->weather.paused_until_ms = 0;
	while ((first = heap_first(&hosts->timers)) && first->key <= now_ms) {
		struct hosts_item *item = CONTAINER_OF(first, struct hosts_item, timer);
		struct flow *flow = item->flow;
		struct host *host = item->host;

		if (item->deadline_ms && item->deadline_ms <= now_ms)
			item_end(hosts, item, ERR_DEADLINE);
		else
			item_due(hosts, item, now_ms);
		flow_settle(hosts, flow, now_ms);
		host_place(hosts, host, now_ms);
	}
	while ((first = heap_first(&hosts->blocked)) && first->key <= now_ms) {
		struct flow *flow = CONTAINER_OF(first, struct flow, blocked);
		struct host *host = flow->host;

		heap_drop(&hosts->blocked, first);
		flow_settle(hosts, flow, now_ms);
		host_place(hosts, host, now_ms);
	}
	while ((first = heap_first(&hosts->sleeping)) && first->key <= now_ms)
		host_place(hosts, CONTAINER_OF(first, struct host, sleep), now_ms);
}

struct hosts_item *hosts_ended(struct hosts *hosts, int64_t now_ms)
{
	struct hosts_item *item = NULL;

	lock_take(&hosts->lock);
	timers_run(hosts, now_ms);
	if (!ring_empty(&hosts->ended)) {
		item = CONTAINER_OF(hosts->ended.next, struct hosts_item, link);
		ring_drop(&item->link);
		item->state = HOSTS_ITEM_IDLE;
	}
	lock_drop(&hosts->lock);
	return item;
}

int64_t hosts_wake_ms(struct hosts *hosts)
{
	const struct heap *heaps[] = {&hosts->sleeping, &hosts->timers, &hosts->blocked};
	int64_t wake_ms = INT64_MAX;

	lock_take(&hosts->lock);
	if (hosts->weather.paused_until_ms)
		wake_ms = hosts->weather.paused_until_ms;
	for (size_t i = 0; i < ARRAY_LEN(heaps); i++) {
		const struct heap_node *first = heap_first(heaps[i]);

		if (first)
			wake_ms = MIN(wake_ms, first->key);
	}
	lock_drop(&hosts->lock);
	return wake_ms;
}
