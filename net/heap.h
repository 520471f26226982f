/* SPDX-License-Identifier: MIT */
/* heap.h - a binary min-heap of nodes that live inside their owners.
 *
 * Each node knows its place, so that a change or removal in the middle costs
 * O(log n).  Equal keys come out in any order.
 *
 * Threads    one at a time.
 * Ownership  the heap owns its array of pointers, never the nodes.
 * Errors     only heap_put of a node that is not in can fail: no memory.
 */
#ifndef NET_HEAP_H
#define NET_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t key;
	size_t place; /* from 1; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t count, cap;
};

void heap_done(struct heap *heap);
int heap_put(struct heap *heap, struct heap_node *node, int64_t key); /* adds it or moves it */
void heap_drop(struct heap *heap, struct heap_node *node);	      /* fine when not in */
struct heap_node *heap_first(const struct heap *heap);		      /* NULL when empty */

#endif
