/* SPDX-License-Identifier: MIT */
/* best.c - a heap of the n that rank first, the one that goes next on top. */
#include "handlers/aggregate/best.h"

#include "base/compiler.h"

#include <stdlib.h>

static int bytes_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int order = memcmp(a, b, MIN(a_len, b_len));

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static struct best_like entry_like(const struct best_entry *entry)
{
	return (struct best_like){.rank = entry->bytes,
				  .rank_len = entry->rank_len,
				  .text = (const char *)entry->bytes + entry->rank_len,
				  .text_len = entry->text_len};
}

static int like_compare(const struct best_like *a, const struct best_like *b)
{
	int order = bytes_compare(a->rank, a->rank_len, b->rank, b->rank_len);

	return order ? order : bytes_compare(a->text, a->text_len, b->text, b->text_len);
}

static int entry_compare(const struct best_entry *a, const struct best_entry *b)
{
	struct best_like x = entry_like(a), y = entry_like(b);

	return like_compare(&x, &y);
}

bool best_wants(const struct best *best, const void *rank, size_t rank_len, uint32_t n)
{
	return best->count < n ||
	       bytes_compare(rank, rank_len, best->heap[0]->bytes, best->heap[0]->rank_len) <= 0;
}

static size_t entry_bytes(const struct best_entry *entry)
{
	return sizeof(*entry) + entry->rank_len + entry->text_len;
}

static struct best_entry *entry_new(const struct best_like *like)
{
	struct best_entry *entry = malloc(sizeof(*entry) + like->rank_len + like->text_len);

	if (!entry)
		return NULL;
	entry->rank_len = (uint32_t)like->rank_len;
	entry->text_len = (uint32_t)like->text_len;
	memcpy(entry->bytes, like->rank, like->rank_len);
	memcpy(entry->bytes + like->rank_len, like->text, like->text_len);
	return entry;
}

/* ---- the heap ---- */

static void heap_up(struct best_entry **heap, uint32_t at)
{
	while (at > 0 && entry_compare(heap[at], heap[(at - 1) / 2]) > 0) {
		struct best_entry *entry = heap[at];

		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
		heap[at] = entry;
	}
}

static void heap_down(struct best_entry **heap, uint32_t count)
{
	for (uint32_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
		struct best_entry *entry = heap[at];

		if (child + 1 < count && entry_compare(heap[child + 1], heap[child]) > 0)
			child++;
		if (entry_compare(heap[child], entry) <= 0)
			return;
		heap[at] = heap[child];
		heap[child] = entry;
	}
}

static int heap_grow(struct best *best, uint32_t n)
{
	uint32_t capacity = MIN(best->capacity ? best->capacity * 2 : 1, n);
	struct best_entry **heap = realloc(best->heap, capacity * sizeof(struct best_entry *));

	if (!heap)
		return -1;
	best->heap = heap;
	best->capacity = capacity;
	return 0;
}

int best_add(struct best *best, const struct best_like *like, uint32_t n)
{
	struct best_entry *entry;

	if (best->count == n) {
		struct best_like worst = entry_like(best->heap[0]);

		if (like_compare(like, &worst) >= 0)
			return 0;
	} else if (best->count == best->capacity && heap_grow(best, n)) {
		return -1;
	}
	entry = entry_new(like);
	if (!entry)
		return -1;
	best->bytes += entry_bytes(entry);
	if (best->count < n) {
		best->heap[best->count] = entry;
		heap_up(best->heap, best->count++);
		return 0;
	}
	best->bytes -= entry_bytes(best->heap[0]);
	free(best->heap[0]);
	best->heap[0] = entry;
	heap_down(best->heap, best->count);
	return 0;
}

void best_done(struct best *best)
{
	for (uint32_t i = 0; i < best->count; i++)
		free(best->heap[i]);
	free(best->heap);
}

size_t best_extra_bytes(const struct best *best)
{
	return best->bytes + best->capacity * sizeof(struct best_entry *);
}

static int place_compare(const void *a, const void *b)
{
	return entry_compare(*(struct best_entry *const *)a, *(struct best_entry *const *)b);
}

void best_sort(struct best *best)
{
	if (best->count > 1)
		qsort(best->heap, best->count, sizeof(struct best_entry *), place_compare);
}

/* ---- saved: count; of each its lengths, rank and text ---- */

void best_save(const struct best *best, struct buf *into)
{
	bytes_add_uint(into, best->count);
	for (uint32_t i = 0; i < best->count; i++) {
		const struct best_entry *entry = best->heap[i];

		bytes_add_uint(into, entry->rank_len);
		bytes_add_uint(into, entry->text_len);
		buf_add(into, entry->bytes, (size_t)entry->rank_len + entry->text_len);
	}
}

int best_absorb(struct best *best, struct bytes *bytes, uint32_t n)
{
	for (uint64_t count = bytes_uint(bytes); count > 0 && !bytes->damaged; count--) {
		struct best_like like = {.rank_len = bytes_uint(bytes)};

		like.text_len = bytes_uint(bytes);
		like.rank = bytes_take(bytes, like.rank_len);
		like.text = (const char *)bytes_take(bytes, like.text_len);
		if (!bytes->damaged && best_add(best, &like, n))
			return -1;
	}
	return 0;
}
