/* SPDX-License-Identifier: MIT */
/* cache_index.h - which entries there are, how large, and which was used longest ago.
 *
 * A key is a URL and, for requests with credentials, whose they are: an entry is only
 * found by who sends the same.  All entries of a URL are in one chain, so that they can
 * go together.  An entry costs 32 bytes; the table of chains grows with them.
 *
 * Threads    one at a time: the cache's lock.
 * Ownership  owns its memory; keys are copied.
 * Errors     0, or -1: no memory.
 */
#ifndef NET_CACHE_INDEX_H
#define NET_CACHE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache_key {
	uint64_t url, who; /* who 0: without credentials */
};

struct cache_slot;

struct cache_index {
	struct cache_slot *slots;
	uint32_t *heads; /* one for each of `room` hashes */
	uint32_t room, taken, free;
	uint32_t oldest, newest;
	uint32_t count;
	uint64_t bytes;
};

void cache_index_init(struct cache_index *index);
void cache_index_done(struct cache_index *index);

/* As the one used last, in place of one with the same key. */
int cache_index_add(struct cache_index *index, const struct cache_key *key, uint32_t bytes);
bool cache_index_has(const struct cache_index *index, const struct cache_key *key);
void cache_index_touch(struct cache_index *index, const struct cache_key *key);
void cache_index_remove(struct cache_index *index, const struct cache_key *key);
/* The one that was used longest ago; false: there is none. */
bool cache_index_oldest(const struct cache_index *index, struct cache_key *ret_key);
/* One of that URL, whoever's; false: there is none. */
bool cache_index_of_url(const struct cache_index *index, uint64_t url, struct cache_key *ret_key);

#endif
