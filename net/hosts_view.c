/* SPDX-License-Identifier: MIT */
/* hosts_view.c - hosts for people: shown and steered.
 *
 * Called by the API's threads.  hosts_list.c lists them.
 */
#include "net/host.h"

#include <stdlib.h>
#include <string.h>

/* The operator's, else what the jobs ask for now; 0: none does. */
static unsigned limit_max_of(const struct host *host)
{
	if (host->limits.limit_max)
		return host->limits.limit_max;
	return ring_empty(&host->flows) ? 0 : host->asked_max;
}

void host_view_fill(const struct host *host, int64_t now_ms, struct host_view *ret_view)
{
	const struct breaker *breaker = &host->breaker;
	bool closed = breaker->state == BREAKER_CLOSED;
	bool held = breaker->force == BREAKER_FORCED_OPEN;
	unsigned limit_max = limit_max_of(host);
	int64_t delay_ms = host->inside ? 0 : MAX((int64_t)host->pace.delay_ms, HOSTS_DELAY_MS);

	*ret_view = (struct host_view){
		.state = breaker->state,
		.reason = breaker->reason,
		.from = breaker->state,
		.force = breaker->force,
		.inside = host->inside,
		.in_state_ms = now_ms - breaker->since_ms,
		.trips = breaker->trips,
		.consecutive_failures = closed ? breaker->consecutive : 0,
		.window = breaker_window(breaker, now_ms),
		.in_flight = host->in_flight,
		.queued = host->queued,
		.limit = (unsigned)MIN(host->pace.limit, limit_max ? limit_max : host->pace.limit),
		.limit_max = limit_max,
		.delay_ms = MAX(delay_ms, MAX(host->limits.delay_ms, host->crawl_delay_ms)),
		.crawl_delay_ms = host->crawl_delay_ms,
		.limits = host->limits,
		.throttled_left_ms = MAX(host->throttle.until_ms - now_ms, 0),
		.last_err = host->last_err,
		.last_status = host->last_status,
		.last_err_ago_ms = host->last_err ? now_ms - host->last_err_ms : 0,
		.total = host->total,
	};
	if (breaker->state == BREAKER_OPEN)
		ret_view->open_left_ms = held ? INT64_MAX : MAX(breaker->open_until_ms - now_ms, 0);
	memcpy(ret_view->key, host->key, strlen(host->key) + 1);
}

bool host_healthy(const struct host *host, int64_t now_ms)
{
	return breaker_forgotten(&host->breaker, now_ms) && host->throttle.until_ms <= now_ms &&
	       host->limits.limit_max == 0 && host->limits.delay_ms == 0 &&
	       host->limits.rate_per_s <= 0;
}

/* A host whose history finds no memory loses that. */
static void history_add(struct host *host, const struct host_move *move)
{
	struct host_history *history = host->history;

	if (!history)
		history = host->history = calloc(1, sizeof(*history));
	if (!history)
		return;
	if (history->count == HOST_MOVES_MAX)
		memmove(history->moves, history->moves + 1,
			--history->count * sizeof(history->moves[0]));
	history->moves[history->count++] = *move;
}

void host_moved(struct hosts *hosts, struct host *host, enum breaker_state from, int64_t now_ms,
		struct host_view *ret_view)
{
	const struct host_move move = {.at_ms = now_ms,
				       .from = from,
				       .to = host->breaker.state,
				       .reason = host->breaker.reason};

	history_add(host, &move);
	host_dirty(hosts, host);
	host_view_fill(host, now_ms, ret_view);
	ret_view->from = from;
}

static int not_known(const char *key, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "host '%.270s' is not known", key);
}

int hosts_get(struct hosts *hosts, const char *key, int64_t now_ms, struct host_view *ret_view,
	      struct host_history *ret_history, struct err *err)
{
	const struct host *host;

	lock_take(&hosts->lock);
	host = host_find(hosts, key);
	if (host)
		host_view_fill(host, now_ms, ret_view);
	if (host && ret_history)
		*ret_history = host->history ? *host->history : (struct host_history){.count = 0};
	lock_drop(&hosts->lock);
	return host ? 0 : not_known(key, err);
}

/* --- steering --- */

/* After a change by hand: the lock is dropped, the fetcher woken, a move told. */
static void host_steered(struct hosts *hosts, struct host *host, const enum breaker_state *from,
			 int64_t now_ms) RELEASES(hosts->lock)
{
	struct host_view view;

	if (from)
		host_moved(hosts, host, *from, now_ms, &view);
	host_dirty(hosts, host);
	host_place(hosts, host, now_ms);
	lock_drop(&hosts->lock);
	if (from && hosts->changed)
		hosts->changed(hosts->ctx, &view);
	if (hosts->wake)
		hosts->wake(hosts->ctx);
}

int hosts_force(struct hosts *hosts, const char *key, enum breaker_force force, int64_t now_ms,
		struct err *err)
{
	enum breaker_state from;
	struct host *host;
	bool moved;

	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, err);
	if (!host) {
		lock_drop(&hosts->lock);
		return -1;
	}
	from = host->breaker.state;
	moved = host->breaker.force != force;
	breaker_force(&host->breaker, force, now_ms);
	if (force == BREAKER_FORCED_OPEN)
		host_end_unwilling(hosts, host);
	host_steered(hosts, host, moved ? &from : NULL, now_ms);
	return 0;
}

int hosts_reset(struct hosts *hosts, const char *key, int64_t now_ms, struct err *err)
{
	enum breaker_state from;
	struct host *host;
	bool moved;

	lock_take(&hosts->lock);
	host = host_find(hosts, key);
	if (!host) {
		lock_drop(&hosts->lock);
		return not_known(key, err);
	}
	from = host->breaker.state;
	moved = from != BREAKER_CLOSED || host->breaker.force != BREAKER_FREE;
	breaker_reset(&host->breaker, now_ms);
	host->throttle = (struct throttle){0};
	pace_init(&host->pace, 1);
	retry_budget_init(&host->budget, now_ms);
	host_sum_up(host);
	host_steered(hosts, host, moved ? &from : NULL, now_ms);
	return 0;
}

int hosts_limit(struct hosts *hosts, const char *key, const struct hosts_limits *limits,
		unsigned which, int64_t now_ms, struct err *err)
{
	struct host *host;

	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, err);
	if (!host) {
		lock_drop(&hosts->lock);
		return -1;
	}
	if (which & HOSTS_LIMIT_MAX)
		host->limits.limit_max = limits->limit_max;
	if (which & HOSTS_LIMIT_RATE)
		host->limits.rate_per_s = limits->rate_per_s;
	if (which & HOSTS_LIMIT_DELAY)
		host->limits.delay_ms = limits->delay_ms;
	host_steered(hosts, host, NULL, now_ms);
	return 0;
}

int hosts_crawl_delay(struct hosts *hosts, const char *key, int64_t delay_ms, int64_t now_ms,
		      struct err *err)
{
	struct host *host;

	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, err);
	if (host) {
		host->crawl_delay_ms = MIN(MAX(delay_ms, 0), PACE_CRAWL_DELAY_MS_MAX);
		host_place(hosts, host, now_ms);
	}
	lock_drop(&hosts->lock);
	return host ? 0 : -1;
}

/* --- one item --- */

/* Why the item cannot start now, as far as its host and its owner go. */
static void look_at(const struct hosts *hosts, const struct hosts_item *item, int64_t now_ms,
		    struct hosts_item_view *view) REQUIRES(hosts->lock)
{
	const struct host *host = item->host;
	int64_t breaker_ms = breaker_ready_ms(&host->breaker, now_ms);
	int64_t throttle_ms = host->throttle.until_ms;

	if (breaker_ms > now_ms) {
		view->reason = ERR_FETCH_CIRCUIT_OPEN;
		/* Half-open, a probe is out: nobody knows when it reports. */
		view->until_ms = host->breaker.state == BREAKER_OPEN ? MAX(breaker_ms, throttle_ms)
								     : INT64_MAX;
	} else if (throttle_ms > now_ms) {
		view->reason = ERR_FETCH_THROTTLED;
		view->until_ms = throttle_ms;
	} else if (item->flow->blocked.place) {
		view->reason = ERR_FETCH_BLOCKED;
		view->until_ms = item->flow->blocked.key;
	} else if (weather_paused(&hosts->weather, now_ms) && host_in_doubt(host, now_ms)) {
		view->reason = ERR_FETCH_DNS; /* no name resolves */
		view->until_ms = hosts->weather.paused_until_ms;
	}
}

void hosts_look(struct hosts *hosts, const struct hosts_item *item, int64_t now_ms,
		struct hosts_item_view *ret_view)
{
	struct hosts_item_view view = {.until_ms = INT64_MAX};

	lock_take(&hosts->lock);
	view.state = item->state;
	if (item->state == HOSTS_ITEM_QUEUED || item->state == HOSTS_ITEM_LATER)
		look_at(hosts, item, now_ms, &view);
	/* A back-off that ends later is what it waits for. */
	if (item->state == HOSTS_ITEM_LATER && (!view.reason || item->start_ms > view.until_ms)) {
		view.reason = ERR_NONE;
		view.until_ms = item->start_ms;
	}
	lock_drop(&hosts->lock);
	*ret_view = view;
}
