/* SPDX-License-Identifier: MIT */
/* hosts_view.c - hosts for people: listed, steered, remembered over a restart.
 *
 * Called by the API's threads and, for saving, by the fetcher's.
 */
#include "net/host.h"

#include <stdlib.h>
#include <string.h>

enum { SAVED_VERSION = 1 };

/* What of a host outlives the process: the state that save() is given. */
struct host_saved {
	uint32_t version;
	uint32_t incidents;
	struct breaker_saved breaker;
	int64_t throttled_left_ms;
	struct hosts_limits limits;
};
_Static_assert(sizeof(struct host_saved) <= HOST_STATE_BYTES_MAX, "fits what save() promises");

void host_view_fill(const struct host *host, int64_t now_ms, struct host_view *ret_view)
{
	const struct breaker *breaker = &host->breaker;
	bool closed = breaker->state == BREAKER_CLOSED;
	bool held = breaker->force == BREAKER_FORCED_OPEN;
	int64_t delay_ms = host->inside ? 0 : MAX((int64_t)host->pace.delay_ms, HOSTS_DELAY_MS);

	*ret_view = (struct host_view){
		.state = breaker->state,
		.force = breaker->force,
		.inside = host->inside,
		.in_state_ms = now_ms - breaker->since_ms,
		.trips = breaker->trips,
		.consecutive_failures = closed ? breaker->consecutive : 0,
		.window = breaker_window(breaker, now_ms),
		.in_flight = host->in_flight,
		.queued = host->queued,
		.limit = (unsigned)host->pace.limit,
		.limit_max = host->limits.limit_max ? host->limits.limit_max : host->asked_max,
		.delay_ms = MAX(delay_ms, MAX(host->limits.delay_ms, host->crawl_delay_ms)),
		.crawl_delay_ms = host->crawl_delay_ms,
		.rate_per_s = host->limits.rate_per_s,
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
	return host->breaker.state == BREAKER_CLOSED && host->breaker.force == BREAKER_FREE &&
	       host->breaker.trips == 0 && host->throttle.until_ms <= now_ms &&
	       host->limits.limit_max == 0 && host->limits.delay_ms == 0 &&
	       host->limits.rate_per_s <= 0;
}

/* --- the list --- */

static bool filter_takes(const struct hosts_filter *filter, const struct host *host)
{
	return (!filter->after || strcmp(host->key, filter->after) > 0) &&
	       (!filter->contains || strstr(host->key, filter->contains)) &&
	       (filter->state < 0 || filter->state == (int)host->breaker.state);
}

/* Keeps the `limit` smallest keys in order; returns how many there are now. */
static size_t insert_sorted(const struct host **found, size_t count, size_t limit,
			    const struct host *host)
{
	size_t at = count;

	if (count == limit && strcmp(host->key, found[count - 1]->key) > 0)
		return count;
	if (count == limit)
		at = --count;
	for (; at > 0 && strcmp(found[at - 1]->key, host->key) > 0; at--)
		found[at] = found[at - 1];
	found[at] = host;
	return count + 1;
}

size_t hosts_list(struct hosts *hosts, const struct hosts_filter *filter, int64_t now_ms,
		  struct host_view *views, size_t limit)
{
	const struct host **found = calloc(limit + 1, sizeof(struct host *));
	size_t count = 0;

	if (!found || limit == 0) {
		free(found);
		return 0;
	}
	lock_take(&hosts->lock);
	for (size_t i = 0; i < hosts->bucket_count; i++)
		for (const struct host *host = hosts->buckets[i]; host; host = host->chain)
			if (filter_takes(filter, host))
				count = insert_sorted(found, count, limit, host);
	for (size_t i = 0; i < count; i++)
		host_view_fill(found[i], now_ms, &views[i]);
	lock_drop(&hosts->lock);
	free(found);
	return count;
}

static int not_known(const char *key, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "host '%.270s' is not known", key);
}

int hosts_get(struct hosts *hosts, const char *key, int64_t now_ms, struct host_view *ret_view,
	      struct err *err)
{
	const struct host *host;

	lock_take(&hosts->lock);
	host = host_find(hosts, key);
	if (host)
		host_view_fill(host, now_ms, ret_view);
	lock_drop(&hosts->lock);
	return host ? 0 : not_known(key, err);
}

/* --- steering --- */

/* After a change by hand: the lock is dropped, the fetcher woken, the change told. */
static void host_changed(struct hosts *hosts, struct host *host, int64_t now_ms)
	RELEASES(hosts->lock)
{
	struct host_view view;

	host_dirty(hosts, host);
	host_place(hosts, host, now_ms);
	host_view_fill(host, now_ms, &view);
	lock_drop(&hosts->lock);
	if (hosts->changed)
		hosts->changed(hosts->ctx, &view);
	if (hosts->wake)
		hosts->wake(hosts->ctx);
}

int hosts_force(struct hosts *hosts, const char *key, enum breaker_force force, int64_t now_ms,
		struct err *err)
{
	struct host *host;

	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, err);
	if (!host) {
		lock_drop(&hosts->lock);
		return -1;
	}
	breaker_force(&host->breaker, force, now_ms);
	if (force == BREAKER_FORCED_OPEN)
		host_end_unwilling(hosts, host);
	host_changed(hosts, host, now_ms);
	return 0;
}

int hosts_reset(struct hosts *hosts, const char *key, int64_t now_ms, struct err *err)
{
	struct host *host;

	lock_take(&hosts->lock);
	host = host_find(hosts, key);
	if (!host) {
		lock_drop(&hosts->lock);
		return not_known(key, err);
	}
	breaker_reset(&host->breaker, now_ms);
	host->throttle = (struct throttle){0};
	pace_init(&host->pace, 1);
	retry_budget_init(&host->budget, now_ms);
	host_sum_up(host);
	host_changed(hosts, host, now_ms);
	return 0;
}

int hosts_limit(struct hosts *hosts, const char *key, const struct hosts_limits *limits,
		int64_t now_ms, struct err *err)
{
	struct host *host;

	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, err);
	if (!host) {
		lock_drop(&hosts->lock);
		return -1;
	}
	host->limits = *limits;
	host_changed(hosts, host, now_ms);
	return 0;
}

int hosts_crawl_delay(struct hosts *hosts, const char *key, int64_t delay_ms, int64_t now_ms,
		      struct err *err)
{
	struct host *host;

	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, err);
	if (host) {
		host->crawl_delay_ms = MAX(delay_ms, 0);
		host_place(hosts, host, now_ms);
	}
	lock_drop(&hosts->lock);
	return host ? 0 : -1;
}

/* --- over a restart --- */

void host_dirty(struct hosts *hosts, struct host *host)
{
	if (hosts->save && ring_empty(&host->dirty))
		ring_add(&hosts->dirty, &host->dirty);
}

static void host_export(const struct host *host, int64_t now_ms, struct host_saved *ret_saved)
{
	/* Compared and stored as bytes: no padding may be left to chance. */
	memset(ret_saved, 0, sizeof(*ret_saved));
	ret_saved->version = SAVED_VERSION;
	ret_saved->incidents = host->throttle.incidents;
	ret_saved->throttled_left_ms = MAX(host->throttle.until_ms - now_ms, 0);
	ret_saved->limits = host->limits;
	breaker_export(&host->breaker, now_ms, &ret_saved->breaker);
}

void hosts_save(struct hosts *hosts, int64_t now_ms)
{
	if (!hosts->save)
		return;
	lock_take(&hosts->lock);
	while (!ring_empty(&hosts->dirty)) {
		struct host *host = CONTAINER_OF(hosts->dirty.next, struct host, dirty);
		struct host_saved saved;
		char key[HOST_KEY_BYTES_MAX + 1];
		bool forget = host_healthy(host, now_ms);

		ring_drop(&host->dirty);
		memcpy(key, host->key, strlen(host->key) + 1);
		host_export(host, now_ms, &saved);
		lock_drop(&hosts->lock);
		hosts->save(hosts->ctx, key, &saved, forget ? 0 : sizeof(saved));
		lock_take(&hosts->lock);
	}
	lock_drop(&hosts->lock);
}

void hosts_import(struct hosts *hosts, const char *key, const void *state, size_t len,
		  int64_t away_ms, int64_t now_ms)
{
	struct host_saved saved;
	struct host *host;
	struct err err;

	if (len != sizeof(saved))
		return;
	memcpy(&saved, state, sizeof(saved));
	if (saved.version != SAVED_VERSION || saved.throttled_left_ms < 0 || away_ms < 0 ||
	    saved.throttled_left_ms > THROTTLE_MS_MAX || saved.limits.delay_ms < 0)
		return;
	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, &err);
	if (host && breaker_import(&host->breaker, &saved.breaker, away_ms, now_ms) == 0) {
		host->throttle.incidents = saved.incidents;
		host->throttle.until_ms = now_ms + MAX(saved.throttled_left_ms - away_ms, 0);
		host->limits = saved.limits;
	}
	lock_drop(&hosts->lock);
}

/* --- one item --- */

void hosts_look(struct hosts *hosts, const struct hosts_item *item, int64_t now_ms,
		struct hosts_item_view *ret_view)
{
	struct hosts_item_view view = {.until_ms = INT64_MAX};
	const struct host *host;

	lock_take(&hosts->lock);
	view.state = item->state;
	if (item->state == HOSTS_ITEM_LATER) {
		view.until_ms = item->start_ms;
	} else if (item->state == HOSTS_ITEM_QUEUED) {
		host = item->host;
		if (breaker_ready_ms(&host->breaker, now_ms) > now_ms) {
			view.reason = ERR_FETCH_CIRCUIT_OPEN;
			view.until_ms = breaker_ready_ms(&host->breaker, now_ms);
		} else if (host->throttle.until_ms > now_ms) {
			view.reason = ERR_FETCH_THROTTLED;
			view.until_ms = host->throttle.until_ms;
		} else if (item->flow->blocked.place) {
			view.reason = ERR_FETCH_BLOCKED;
			view.until_ms = item->flow->blocked.key;
		}
	}
	lock_drop(&hosts->lock);
	*ret_view = view;
}
