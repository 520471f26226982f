/* SPDX-License-Identifier: MIT */
/* best.h - the n of many values that rank first, each with a text: first, last, collect, top.
 *
 * Ranks are bytes, compared by memcmp(), the smallest is the best; equal ones are ordered by
 * their texts.  A rank is a record's place, or a value (order.h), or either turned round.
 *
 * Ownership  all bytes 0 is empty; best_done() frees.
 * Errors     -1: no memory.
 */
#ifndef HANDLERS_AGGREGATE_BEST_H
#define HANDLERS_AGGREGATE_BEST_H

#include "handlers/aggregate/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct best_entry {
	uint32_t rank_len, text_len;
	uint8_t bytes[]; /* the rank, the text */
};

struct best {
	struct best_entry **heap; /* the worst of them first */
	uint32_t count, capacity;
	uint64_t bytes; /* of the entries */
};

struct best_like {
	const void *rank;
	size_t rank_len;
	const char *text;
	size_t text_len;
};

/* Would it be kept?  To be asked before its text is written. */
bool best_wants(const struct best *best, const void *rank, size_t rank_len, uint32_t n);
int best_add(struct best *best, const struct best_like *like, uint32_t n);

void best_done(struct best *best);
size_t best_extra_bytes(const struct best *best);

void best_save(const struct best *best, struct buf *into);
int best_absorb(struct best *best, struct bytes *bytes, uint32_t n);

/* From now on heap[] is in order, the best first, and nothing is added any more. */
void best_sort(struct best *best);

#endif
