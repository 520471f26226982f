/* SPDX-License-Identifier: MIT */
/* cache_disk.h - the files of the cache.
 *
 *   DIR/5f/5f3c…                 an entry: the key in 32 hexadecimal digits
 *   DIR/new                      one that is being written
 *
 * Threads    the cache's.
 * Errors     0, or -1: said at each function.
 */
#ifndef NET_CACHE_DISK_H
#define NET_CACHE_DISK_H

#include "base/err.h"
#include "net/cache_index.h"

struct cache_entry;

struct cache_disk {
	int dir; /* a descriptor */
};

int cache_disk_open(struct cache_disk *disk, const char *dir, struct err *err);
void cache_disk_close(struct cache_disk *disk);

uint32_t cache_disk_bytes(size_t len); /* what a file of that length takes */

/* Each entry there is, the one used longest ago first; what else lies there goes when
 * it is ours. */
void cache_disk_scan(struct cache_disk *disk,
		     void (*file)(void *ctx, const struct cache_key *key, uint32_t bytes),
		     void *ctx);

/* NULL: no such file, one that is damaged (it goes), or no memory. */
struct cache_entry *cache_disk_read(struct cache_disk *disk, const struct cache_key *key);
int cache_disk_write(struct cache_disk *disk, const struct cache_key *key,
		     const struct cache_entry *entry); /* -1: not there */
void cache_disk_remove(struct cache_disk *disk, const struct cache_key *key);

#endif
