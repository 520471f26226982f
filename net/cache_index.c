/* SPDX-License-Identifier: MIT */
/* cache_index.c - a chained hash table and a list in the order of use, both by numbers of
 * slots, so that growing moves nothing but memory.  Number 0 is none. */
#include "net/cache_index.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 1024 };

struct cache_slot {
	struct cache_key key;
	uint32_t bytes;
	uint32_t next;	       /* in its chain, or among the free ones */
	uint32_t older, newer; /* by use */
};

void cache_index_init(struct cache_index *index)
{
	*index = (struct cache_index){0};
}

void cache_index_done(struct cache_index *index)
{
	free(index->slots);
	free(index->heads);
	cache_index_init(index);
}

/* Keys are parts of digests: any bits of them do. */
static uint32_t *chain_of(const struct cache_index *index, uint64_t url)
{
	return &index->heads[url & (index->room - 1)];
}

static uint32_t *find(const struct cache_index *index, const struct cache_key *key)
{
	uint32_t *at = index->room ? chain_of(index, key->url) : NULL;

	for (; at && *at; at = &index->slots[*at].next) {
		const struct cache_key *found = &index->slots[*at].key;

		if (found->url == key->url && found->who == key->who)
			return at;
	}
	return NULL;
}

static int grow(struct cache_index *index)
{
	uint32_t room = index->room ? index->room * 2 : ROOM_MIN;
	uint32_t *heads = calloc(room, sizeof(*heads));
	struct cache_slot *slots = realloc(index->slots, (room + 1) * sizeof(*slots));

	if (slots)
		index->slots = slots;
	if (!heads || !slots) {
		free(heads);
		return -1;
	}
	free(index->heads);
	index->heads = heads;
	index->room = room;
	for (uint32_t i = index->newest; i; i = slots[i].older) {
		uint32_t *chain = chain_of(index, slots[i].key.url);

		slots[i].next = *chain;
		*chain = i;
	}
	return 0;
}

static void list_add(struct cache_index *index, uint32_t i)
{
	struct cache_slot *slots = index->slots;

	slots[i].older = index->newest;
	slots[i].newer = 0;
	if (index->newest)
		slots[index->newest].newer = i;
	else
		index->oldest = i;
	index->newest = i;
}

static void list_remove(struct cache_index *index, uint32_t i)
{
	struct cache_slot *slots = index->slots;

	if (slots[i].older)
		slots[slots[i].older].newer = slots[i].newer;
	else
		index->oldest = slots[i].newer;
	if (slots[i].newer)
		slots[slots[i].newer].older = slots[i].older;
	else
		index->newest = slots[i].older;
}

static uint32_t slot_take(struct cache_index *index)
{
	uint32_t i = index->free;

	if (i) {
		index->free = index->slots[i].next;
		return i;
	}
	if (index->taken == index->room && grow(index))
		return 0;
	return ++index->taken;
}

int cache_index_add(struct cache_index *index, const struct cache_key *key, uint32_t bytes)
{
	uint32_t *chain, i;

	cache_index_remove(index, key);
	i = slot_take(index);
	if (!i)
		return -1;
	chain = chain_of(index, key->url);
	index->slots[i] = (struct cache_slot){.key = *key, .bytes = bytes, .next = *chain};
	*chain = i;
	list_add(index, i);
	index->count++;
	index->bytes += bytes;
	return 0;
}

bool cache_index_has(const struct cache_index *index, const struct cache_key *key)
{
	return find(index, key) != NULL;
}

void cache_index_touch(struct cache_index *index, const struct cache_key *key)
{
	uint32_t *at = find(index, key);

	if (!at)
		return;
	list_remove(index, *at);
	list_add(index, *at);
}

void cache_index_remove(struct cache_index *index, const struct cache_key *key)
{
	uint32_t *at = find(index, key), i;

	if (!at)
		return;
	i = *at;
	*at = index->slots[i].next;
	list_remove(index, i);
	index->count--;
	index->bytes -= index->slots[i].bytes;
	index->slots[i].next = index->free;
	index->free = i;
}

bool cache_index_oldest(const struct cache_index *index, struct cache_key *ret_key)
{
	if (!index->oldest)
		return false;
	*ret_key = index->slots[index->oldest].key;
	return true;
}

bool cache_index_of_url(const struct cache_index *index, uint64_t url, struct cache_key *ret_key)
{
	uint32_t i = index->room ? *chain_of(index, url) : 0;

	while (i && index->slots[i].key.url != url)
		i = index->slots[i].next;
	if (!i)
		return false;
	*ret_key = index->slots[i].key;
	return true;
}
