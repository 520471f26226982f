/* SPDX-License-Identifier: MIT */
/* seen.c - bits of the high half choose the segment, the low half the slot. */
#include "service/engine/seen.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ROOM_FIRST = 64 };

struct fingerprint fingerprint_of(const void *key, size_t len)
{
	XXH128_hash_t hash = XXH3_128bits(key, len);
	struct fingerprint print = {.low = hash.low64, .high = hash.high64};

	print.low += print.low == 0 && print.high == 0;
	return print;
}

void seen_init(struct seen *seen, size_t max)
{
	memset(seen, 0, sizeof(*seen));
	seen->max = max;
}

void seen_done(struct seen *seen)
{
	for (int i = 0; i < SEEN_SEGMENTS; i++)
		free(seen->segments[i].slots);
	seen_init(seen, seen->max);
}

/* Its slot, or the free one where it belongs; a segment always has a free one. */
static struct fingerprint *slot_find(const struct seen_segment *segment, struct fingerprint print)
{
	for (uint64_t i = print.low;; i++) {
		struct fingerprint *slot = &segment->slots[i & (segment->room - 1)];

		if ((slot->low == print.low && slot->high == print.high) ||
		    (slot->low == 0 && slot->high == 0))
			return slot;
	}
}

static bool segment_grow(struct seen_segment *segment)
{
	struct seen_segment larger = {.room = segment->room ? segment->room * 2 : ROOM_FIRST,
				      .count = segment->count};

	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (uint32_t i = 0; i < segment->room; i++)
		if (segment->slots[i].low || segment->slots[i].high)
			*slot_find(&larger, segment->slots[i]) = segment->slots[i];
	free(segment->slots);
	*segment = larger;
	return true;
}

enum seen_answer seen_look(const struct seen *seen, struct fingerprint print)
{
	const struct seen_segment *segment = &seen->segments[print.high % SEEN_SEGMENTS];
	const struct fingerprint *slot;

	if (segment->count == 0)
		return SEEN_NEW;
	slot = slot_find(segment, print);
	return slot->low || slot->high ? SEEN_KNOWN : SEEN_NEW;
}

enum seen_answer seen_add(struct seen *seen, struct fingerprint print)
{
	struct seen_segment *segment = &seen->segments[print.high % SEEN_SEGMENTS];
	struct fingerprint *slot;

	if (segment->count * 4 >= segment->room * 3 && !segment_grow(segment))
		return SEEN_FULL;
	slot = slot_find(segment, print);
	if (slot->low || slot->high)
		return SEEN_KNOWN;
	if (seen->count >= seen->max)
		return SEEN_FULL;
	*slot = print;
	segment->count++;
	seen->count++;
	return SEEN_NEW;
}
