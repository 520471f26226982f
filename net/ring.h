/* SPDX-License-Identifier: MIT */
/* ring.h - a doubly linked list through its members, with the list itself as a link.
 *
 * ring_drop() needs no list and may be called twice: a dropped link is a ring of one.
 *
 * Threads    one at a time.
 */
#ifndef NET_RING_H
#define NET_RING_H

#include <stdbool.h>

struct ring {
	struct ring *prev, *next;
};

static inline void ring_init(struct ring *ring)
{
	ring->prev = ring->next = ring;
}

static inline bool ring_empty(const struct ring *ring)
{
	return ring->next == ring;
}

static inline void ring_add(struct ring *ring, struct ring *link) /* last */
{
	link->prev = ring->prev;
	link->next = ring;
	ring->prev->next = link;
	ring->prev = link;
}

static inline void ring_add_first(struct ring *ring, struct ring *link)
{
	ring_add(ring->next, link);
}

static inline void ring_drop(struct ring *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	ring_init(link);
}

#endif
