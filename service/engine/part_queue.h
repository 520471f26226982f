/* SPDX-License-Identifier: MIT */
/* part_queue.h - the parts of a run that are in memory: which next, and which by number.
 *
 * The queue gives parts by priority, then fairly over groups: each part gets a turn
 * when it enters, one after the last of its group but not before the turn that is
 * being served (start-time fair queueing, Goyal et al., 1996), and the lowest turn
 * goes first.  Turns are kept in TURNS slots by the group's hash: two groups that
 * share a slot share their turns, which costs them speed and nothing else.
 *
 * The map finds a part by its number; a number without a part is one that must not
 * be taken from the store again (run_parts.c says why).
 *
 * Threads    the caller's lock (run.h).
 * Ownership  neither owns the parts.
 */
#ifndef SERVICE_ENGINE_PART_QUEUE_H
#define SERVICE_ENGINE_PART_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_part;

enum { PART_TURNS = 1024 };

struct part_queue {
	struct run_part **heap; /* by before() of part_queue.c */
	size_t count, room;
	int priority_min; /* no part in the queue has a lower one */
	uint64_t turn;	  /* of the part that was taken last */
	struct part_turn {
		uint64_t last; /* the turn of the group's last part */
		uint32_t count;
	} turns[PART_TURNS];
};

void part_queue_done(struct part_queue *queue);
bool part_queue_add(struct part_queue *queue, struct run_part *part); /* false: no memory */
struct run_part *part_queue_take(struct part_queue *queue);	      /* NULL: empty */
/* Would the part go before what is in the queue, or is it the first of its group there? */
bool part_queue_wants(struct part_queue *queue, const struct run_part *part);
/* Would this part, new to a full queue, be worth the place of another?  The other one, taken out
 * of the queue, or NULL. */
struct run_part *part_queue_evict_for(struct part_queue *queue, const struct run_part *part,
				      bool (*may)(const void *ctx, const struct run_part *part),
				      const void *ctx);

struct part_map {
	struct part_map_slot {
		uint64_t number_1; /* the number plus 1; 0: free */
		struct run_part *part;
	} * slots;
	size_t count, room; /* room: a power of two */
};

void part_map_done(struct part_map *map);
bool part_map_put(struct part_map *map, uint64_t number,
		  struct run_part *part); /* false: no memory */
bool part_map_has(const struct part_map *map, uint64_t number);
struct run_part *part_map_get(const struct part_map *map, uint64_t number);
void part_map_drop(struct part_map *map, uint64_t number); /* fine when it is not there */

#endif
