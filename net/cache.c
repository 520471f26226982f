/* SPDX-License-Identifier: MIT */
/* cache.c - the index, the orders, and the thread that carries them out.
 *
 *   cache_look, cache_keep, cache_forget ─▶ orders ─▶ the thread ─▶ cache_disk.c
 *
 * The index knows an entry as soon as it is to be kept; the thread finds out what became
 * of it.  An order to keep what the index no longer has is void.
 */
#include "net/cache.h"

#include "base/limits.h"
#include "base/lock.h"
#include "net/cache_disk.h"
#include "net/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum order_kind { ORDER_LOOK, ORDER_KEEP, ORDER_DROP };

struct order {
	struct ring link;
	enum order_kind kind;
	struct cache_key key;
	struct cache_entry *entry; /* KEEP */
	cache_found_fn *found;	   /* LOOK */
	void *ctx;
	char url[]; /* LOOK */
};

struct cache {
	struct cache_disk disk;
	uint64_t bytes_max;
	pthread_t thread;

	struct lock lock; /* LOCK_CACHE */
	struct cond news; /* an order, or the end */
	struct cond told; /* `looking` became 0 */
	struct cache_index index GUARDED_BY(lock);
	struct ring orders GUARDED_BY(lock);
	size_t orders_count GUARDED_BY(lock), orders_bytes GUARDED_BY(lock);
	unsigned looking GUARDED_BY(lock); /* asked, not told */
	bool scanned GUARDED_BY(lock);	   /* the index knows what the disk has */
	bool stopping GUARDED_BY(lock);
};

static void *cache_main(void *ctx);

struct cache *cache_new(const char *dir, int64_t bytes_max, struct err *err)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache) {
		err_set(err, ERR_NO_MEMORY, "no memory for the cache");
		return NULL;
	}
	if (cache_disk_open(&cache->disk, dir, err)) {
		free(cache);
		return NULL;
	}
	cache->bytes_max = (uint64_t)bytes_max;
	lock_init(&cache->lock, LOCK_CACHE);
	cond_init(&cache->news);
	cond_init(&cache->told);
	cache_index_init(&cache->index);
	ring_init(&cache->orders);
	if (pthread_create(&cache->thread, NULL, cache_main, cache) == 0)
		return cache;
	err_set(err, ERR_NO_MEMORY, "cannot start the cache's thread");
	cache_disk_close(&cache->disk);
	free(cache);
	return NULL;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	lock_take(&cache->lock);
	cache->stopping = true;
	cond_signal(&cache->news);
	lock_drop(&cache->lock);
	pthread_join(cache->thread, NULL);
	cache_index_done(&cache->index);
	cond_done(&cache->news);
	cond_done(&cache->told);
	lock_done(&cache->lock);
	cache_disk_close(&cache->disk);
	free(cache);
}

/* ---- orders ---- */

static struct order *order_new(enum order_kind kind, const struct cache_key *key, const char *url)
{
	size_t len = strlen(url) + 1;
	struct order *order = calloc(1, sizeof(*order) + len);

	if (!order)
		return NULL;
	order->kind = kind;
	order->key = *key;
	memcpy(order->url, url, len);
	return order;
}

static void order_free(struct order *order)
{
	cache_entry_free(order->entry);
	free(order);
}

static size_t order_bytes(const struct order *order)
{
	return order->entry ? cache_entry_bytes(order->entry) : 0;
}

/* A drop always finds room: there is at most one for each entry that was. */
static bool order_add_locked(struct cache *cache, struct order *order) REQUIRES(cache->lock)
{
	if (order->kind != ORDER_DROP &&
	    (cache->orders_count >= CACHE_ORDERS_MAX ||
	     cache->orders_bytes + order_bytes(order) > CACHE_ORDERS_BYTES_MAX))
		return false;
	cache->orders_count++;
	cache->orders_bytes += order_bytes(order);
	ring_add(&cache->orders, &order->link);
	cond_signal(&cache->news);
	return true;
}

bool cache_look(struct cache *cache, const struct cache_key *key, const char *url,
		cache_found_fn *found, void *ctx)
{
	struct order *order = NULL;
	bool taken = false;

	lock_take(&cache->lock);
	if (!cache->scanned || cache_index_has(&cache->index, key)) {
		order = order_new(ORDER_LOOK, key, url);
		if (order) {
			order->found = found;
			order->ctx = ctx;
			taken = order_add_locked(cache, order);
			cache->looking += taken;
		}
	}
	lock_drop(&cache->lock);
	if (!taken)
		free(order);
	return taken;
}

void cache_keep(struct cache *cache, const struct cache_key *key, struct cache_entry *entry)
{
	struct order *order = order_new(ORDER_KEEP, key, "");
	uint32_t bytes = cache_disk_bytes(cache_entry_bytes(entry));
	bool kept = false;

	if (order && bytes <= cache->bytes_max / CACHE_SHARE_MAX) {
		order->entry = entry;
		lock_take(&cache->lock);
		kept = order_add_locked(cache, order);
		if (kept)
			cache_index_add(&cache->index, key, bytes); /* no memory: it is void */
		lock_drop(&cache->lock);
	}
	if (!kept) {
		free(order);
		cache_entry_free(entry);
	}
}

void cache_forget(struct cache *cache, uint64_t url)
{
	struct cache_key key;

	lock_take(&cache->lock);
	while (cache_index_of_url(&cache->index, url, &key)) {
		struct order *order = order_new(ORDER_DROP, &key, "");

		/* Without memory the file stays, and nobody finds it until a restart. */
		if (order)
			order_add_locked(cache, order);
		cache_index_remove(&cache->index, &key);
	}
	lock_drop(&cache->lock);
}

void cache_settle(struct cache *cache)
{
	lock_take(&cache->lock);
	while (cache->looking > 0)
		cond_wait(&cache->told, &cache->lock);
	lock_drop(&cache->lock);
}

void cache_view(struct cache *cache, struct cache_view *ret_view)
{
	lock_take(&cache->lock);
	*ret_view = (struct cache_view){cache->index.count, cache->index.bytes};
	lock_drop(&cache->lock);
}

/* ---- the thread ---- */

static void look(struct cache *cache, struct order *order, bool stopping)
{
	struct cache_entry *entry = stopping ? NULL : cache_disk_read(&cache->disk, &order->key);

	if (entry && strcmp(entry->url, order->url) != 0) { /* as likely as a wrong sum */
		cache_entry_free(entry);
		entry = NULL;
	}
	order->found(order->ctx, entry);
	lock_take(&cache->lock);
	if (entry)
		cache_index_touch(&cache->index, &order->key);
	else
		cache_index_remove(&cache->index, &order->key);
	if (--cache->looking == 0)
		cond_broadcast(&cache->told);
	lock_drop(&cache->lock);
}

static void keep(struct cache *cache, struct order *order)
{
	bool wanted;

	lock_take(&cache->lock);
	wanted = cache_index_has(&cache->index, &order->key);
	lock_drop(&cache->lock);
	if (!wanted || cache_disk_write(&cache->disk, &order->key, order->entry) == 0)
		return;
	lock_take(&cache->lock);
	cache_index_remove(&cache->index, &order->key);
	lock_drop(&cache->lock);
	cache_disk_remove(&cache->disk, &order->key); /* an older one would be found again */
}

/* Removes what is too much. */
static void evict(struct cache *cache)
{
	for (;;) {
		struct cache_key key;
		bool over;

		lock_take(&cache->lock);
		over = (cache->index.bytes > cache->bytes_max ||
			cache->index.count > CACHE_ENTRIES_MAX) &&
		       cache_index_oldest(&cache->index, &key);
		if (over)
			cache_index_remove(&cache->index, &key);
		lock_drop(&cache->lock);
		if (!over)
			return;
		cache_disk_remove(&cache->disk, &key);
	}
}

/* One file that was there at the start; those kept since are newer. */
static void on_file(void *ctx, const struct cache_key *key, uint32_t bytes)
{
	struct cache *cache = ctx;

	lock_take(&cache->lock);
	if (!cache_index_has(&cache->index, key))
		cache_index_add(&cache->index, key, bytes);
	lock_drop(&cache->lock);
}

/* The next order, waited for; NULL: the cache stops, and all are done. */
static struct order *order_take(struct cache *cache, bool *ret_stopping)
{
	struct order *order = NULL;

	lock_take(&cache->lock);
	while (ring_empty(&cache->orders) && !cache->stopping)
		cond_wait(&cache->news, &cache->lock);
	*ret_stopping = cache->stopping;
	if (!ring_empty(&cache->orders)) {
		order = CONTAINER_OF(cache->orders.next, struct order, link);
		ring_drop(&order->link);
		cache->orders_count--;
		cache->orders_bytes -= order_bytes(order);
	}
	lock_drop(&cache->lock);
	return order;
}

static void *cache_main(void *ctx)
{
	struct cache *cache = ctx;
	struct order *order;
	bool stopping;

	cache_disk_scan(&cache->disk, on_file, cache);
	lock_take(&cache->lock);
	cache->scanned = true;
	lock_drop(&cache->lock);
	evict(cache);
	while ((order = order_take(cache, &stopping))) {
		if (order->kind == ORDER_LOOK)
			look(cache, order, stopping);
		else if (order->kind == ORDER_KEEP && !stopping)
			keep(cache, order);
		else if (order->kind == ORDER_DROP)
			cache_disk_remove(&cache->disk, &order->key);
		order_free(order);
		if (!stopping)
			evict(cache);
	}
	return NULL;
}
