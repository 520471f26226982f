/* SPDX-License-Identifier: MIT */
/* cache.h - stored answers on disk, shared by all jobs.
 *
 * One file an entry, in DIR/xx/; one thread does all that touches the disk, in the order
 * in which it was asked, so that what was kept is found by the next who looks.  A file is
 * written under another name and renamed, never synced: a crash of the daemon loses
 * nothing, one of the machine at worst entries whose sum is wrong then, which go.
 *
 * The cache is bounded in bytes and entries: the one that was used longest ago goes.
 * What comes faster than the disk takes it is not stored.
 *
 * Threads    every function from any thread but cache_free (once, by its maker, after all
 *            others).  found() runs on the cache's thread, with no lock held.
 * Ownership  said at each function.
 * Errors     0, or -1 and *err.  What the disk refuses is as if it had not been stored.
 * Units      bytes as the disk counts them: whole blocks of CACHE_BLOCK_BYTES.
 * Locks      LOCK_CACHE.
 */
#ifndef NET_CACHE_H
#define NET_CACHE_H

#include "base/err.h"
#include "net/cache_entry.h"
#include "net/cache_index.h"

#include <stdint.h>

struct cache;

/* `dir` is made when it is absent, and belongs to the cache. */
struct cache *cache_new(const char *dir, int64_t bytes_max, struct err *err);
/* Ends at once: who looked is told NULL, what was not written yet is not stored. */
void cache_free(struct cache *cache);

/* entry: the receiver's; NULL: there is none after all. */
typedef void cache_found_fn(void *ctx, struct cache_entry *entry);

/* True: found() will be called, once.  False: there is none (or too many look). */
bool cache_look(struct cache *cache, const struct cache_key *key, const char *url,
		cache_found_fn *found, void *ctx);

/* Takes the entry over. */
void cache_keep(struct cache *cache, const struct cache_key *key, struct cache_entry *entry);

/* All entries of a URL (cache_key.url), whoever's. */
void cache_forget(struct cache *cache, uint64_t url);

/* Waits until nobody is left who looked and was not told. */
void cache_settle(struct cache *cache);

struct cache_view {
	uint32_t entries;
	uint64_t bytes;
};
void cache_view(struct cache *cache, struct cache_view *ret_view);

#endif
