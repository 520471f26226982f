/* SPDX-License-Identifier: MIT */
/* heap.c - sift up, sift down. */
#include "net/heap.h"

#include <stdlib.h>

enum { HEAP_FIRST = 64 };

static void set(struct heap *heap, size_t place, struct heap_node *node)
{
	heap->nodes[place - 1] = node;
	node->place = place;
}

static void sift_up(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;

	while (place > 1 && node->key < heap->nodes[place / 2 - 1]->key) {
		set(heap, place, heap->nodes[place / 2 - 1]);
		place /= 2;
	}
	set(heap, place, node);
}

static void sift_down(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;

	for (;;) {
		size_t child = place * 2;

		if (child < heap->count && heap->nodes[child]->key < heap->nodes[child - 1]->key)
			child++;
		if (child > heap->count || heap->nodes[child - 1]->key >= node->key)
			break;
		set(heap, place, heap->nodes[child - 1]);
		place = child;
	}
	set(heap, place, node);
}

void heap_done(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){0};
}

static int grow(struct heap *heap)
{
	size_t cap = heap->cap ? heap->cap * 2 : HEAP_FIRST;
	struct heap_node **nodes = reallocarray(heap->nodes, cap, sizeof(struct heap_node *));

	if (!nodes)
		return -1;
	heap->nodes = nodes;
	heap->cap = cap;
	return 0;
}

int heap_put(struct heap *heap, struct heap_node *node, int64_t key)
{
	if (node->place == 0) {
		if (heap->count == heap->cap && grow(heap))
			return -1;
		heap->count++;
		set(heap, heap->count, node);
	}
	node->key = key;
	sift_up(heap, node);
	sift_down(heap, node);
	return 0;
}

void heap_drop(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	struct heap_node *last;

	if (place == 0)
		return;
	node->place = 0;
	last = heap->nodes[--heap->count];
	if (last == node)
		return;
	set(heap, place, last);
	sift_up(heap, last);
	sift_down(heap, last);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->count ? heap->nodes[0] : NULL;
}
