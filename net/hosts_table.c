/* SPDX-License-Identifier: MIT */
/* hosts_table.c - hosts by key: a chained hash table that is bounded.
 *
 * At hosts_max the host that was idle for longest goes, unless something about it must
 * be remembered (an open breaker, Retry-After, an operator's limit).
 */
#include "net/host.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { EVICT_TRIES = 16 };

struct host *host_find(struct hosts *hosts, const char *key)
{
	uint64_t hash = XXH3_64bits(key, strlen(key));
	struct host *host = hosts->buckets[hash & (hosts->bucket_count - 1)];

	while (host && (host->hash != hash || strcmp(host->key, key) != 0))
		host = host->chain;
	return host;
}

static struct host **bucket_of(struct hosts *hosts, uint64_t hash) REQUIRES(hosts->lock)
{
	return &hosts->buckets[hash & (hosts->bucket_count - 1)];
}

static void chain_put(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock)
{
	struct host **bucket = bucket_of(hosts, host->hash);

	host->chain = *bucket;
	*bucket = host;
}

static void chain_drop(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock)
{
	struct host **at = bucket_of(hosts, host->hash);

	while (*at != host)
		at = &(*at)->chain;
	*at = host->chain;
}

/* Twice the buckets; when there is no memory the chains just get longer. */
static void table_grow(struct hosts *hosts) REQUIRES(hosts->lock)
{
	size_t old_count = hosts->bucket_count;
	struct host **old = hosts->buckets;
	struct host **buckets = calloc(old_count * 2, sizeof(struct host *));

	if (!buckets)
		return;
	hosts->buckets = buckets;
	hosts->bucket_count = old_count * 2;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct host *host = old[i];

			old[i] = host->chain;
			chain_put(hosts, host);
		}
	}
	free(old);
}

void host_forget(struct hosts *hosts, struct host *host)
{
	ring_drop(&host->place);
	while (!ring_empty(&host->flows))
		flow_free(hosts, CONTAINER_OF(host->flows.next, struct flow, sibling));
	chain_drop(hosts, host);
	host_near_leave(hosts, host);
	hosts->count--;
	if (host->history)
		host_dirty(hosts, host);
	host->gone = !ring_empty(&host->dirty); /* hosts_save() frees it */
	if (!host->gone)
		host_free(host);
}

static bool evict_one(struct hosts *hosts, int64_t now_ms) REQUIRES(hosts->lock)
{
	for (int i = 0; i < EVICT_TRIES && !ring_empty(&hosts->idle); i++) {
		struct host *host = CONTAINER_OF(hosts->idle.next, struct host, place);

		ring_drop(&host->place);
		if (!host_healthy(host, now_ms)) {
			ring_add(&hosts->idle, &host->place);
			continue;
		}
		host_forget(hosts, host);
		return true;
	}
	return false;
}

/* "http:127.0.0.1:80", "http:[::1]:80": what ends in a number is an address (WHATWG URL,
 * "ends in a number checker"). */
static bool key_is_literal(const char *key)
{
	const char *end = strrchr(key, ':'), *at = end;

	if (!end || end == key)
		return false;
	if (end[-1] == ']')
		return true;
	while (at > key && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at < end && at > key && (at[-1] == '.' || at[-1] == ':');
}

static struct host *host_new(const char *key, int64_t now_ms)
{
	size_t len = strlen(key);
	struct host *host = calloc(1, sizeof(*host) + len + 1);

	if (!host)
		return NULL;
	memcpy(host->key, key, len + 1);
	host->hash = XXH3_64bits(key, len);
	host->literal = key_is_literal(key);
	host->ready_as = HOST_NOT_READY;
	breaker_init(&host->breaker, now_ms);
	pace_init(&host->pace, 1);
	retry_budget_init(&host->budget, now_ms);
	ring_init(&host->flows);
	ring_init(&host->place);
	ring_init(&host->dirty);
	for (int i = 0; i < HOSTS_PRIORITIES; i++)
		ring_init(&host->turns[i]);
	return host;
}

void host_free(struct host *host)
{
	free(host->history);
	free(host);
}

struct host *host_make(struct hosts *hosts, const char *key, int64_t now_ms, struct err *err)
{
	struct host *host = host_find(hosts, key);

	if (host)
		return host;
	if (strlen(key) > HOST_KEY_BYTES_MAX) {
		err_set(err, ERR_FETCH_URL, "host name is too long");
		return NULL;
	}
	if (hosts->count >= hosts->hosts_max && !evict_one(hosts, now_ms)) {
		err_set(err, ERR_LIMIT, "%zu hosts are in use", hosts->count);
		return NULL;
	}
	host = host_new(key, now_ms);
	if (!host || host_near_name(hosts, host)) {
		free(host);
		err_set(err, ERR_NO_MEMORY, "no memory for a host");
		return NULL;
	}
	if (hosts->count >= hosts->bucket_count)
		table_grow(hosts);
	chain_put(hosts, host);
	hosts->count++;
	ring_add(&hosts->idle, &host->place);
	return host;
}
