/* SPDX-License-Identifier: MIT */
/* part_queue.c - a binary heap, and a hash table with backward-shift deletion. */
#include "service/engine/part_queue.h"

#include "service/engine/run.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

enum { ROOM_FIRST = 64 };

/* ---- the queue ---- */

static bool before(const struct run_part *a, const struct run_part *b)
{
	if (a->part.priority != b->part.priority)
		return a->part.priority > b->part.priority;
	if (a->turn != b->turn)
		return a->turn < b->turn;
	return a->part.number < b->part.number;
}

static struct part_turn *turn_of(struct part_queue *queue, const struct run_part *part)
{
	return &queue->turns[(part->part.group * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

static void sift_up(struct part_queue *queue, size_t i)
{
	struct run_part *part = queue->heap[i];

	while (i > 0 && before(part, queue->heap[(i - 1) / 2])) {
		queue->heap[i] = queue->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	queue->heap[i] = part;
}

static void sift_down(struct part_queue *queue, size_t i)
{
	struct run_part *part = queue->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count && before(queue->heap[child + 1], queue->heap[child]))
			child++;
		if (!before(queue->heap[child], part))
			break;
		queue->heap[i] = queue->heap[child];
		i = child;
	}
	queue->heap[i] = part;
}

static struct run_part *take_at(struct part_queue *queue, size_t i)
{
	struct run_part *part = queue->heap[i];

	queue->heap[i] = queue->heap[--queue->count];
	if (i < queue->count) {
		sift_down(queue, i);
		sift_up(queue, i);
	}
	turn_of(queue, part)->count--;
	return part;
}

void part_queue_done(struct part_queue *queue)
{
	free(queue->heap);
	*queue = (struct part_queue){0};
}

bool part_queue_add(struct part_queue *queue, struct run_part *part)
{
	struct part_turn *turn = turn_of(queue, part);

	if (queue->count == queue->room) {
		size_t room = queue->room ? queue->room * 2 : ROOM_FIRST;
		struct run_part **heap = realloc(queue->heap, room * sizeof(*heap));

		if (!heap)
			return false;
		queue->heap = heap;
		queue->room = room;
	}
	if (queue->count == 0 || part->part.priority < queue->priority_min)
		queue->priority_min = part->part.priority;
	turn->last = (turn->last > queue->turn ? turn->last : queue->turn) + 1;
	turn->count++;
	part->turn = turn->last;
	queue->heap[queue->count] = part;
	sift_up(queue, queue->count++);
	return true;
}

struct run_part *part_queue_take(struct part_queue *queue)
{
	struct run_part *part;

	if (queue->count == 0)
		return NULL;
	part = take_at(queue, 0);
	queue->turn = part->turn;
	return part;
}

bool part_queue_wants(struct part_queue *queue, const struct run_part *part)
{
	if (queue->count == 0 || part->part.priority > queue->priority_min)
		return true;
	return part->part.priority == queue->priority_min && turn_of(queue, part)->count == 0;
}

struct run_part *part_queue_evict_for(struct part_queue *queue, const struct run_part *part,
				      bool (*may)(const void *ctx, const struct run_part *part),
				      const void *ctx)
{
	bool first_of_group = turn_of(queue, part)->count == 0;
	size_t worst = SIZE_MAX;
	int lowest = INT_MAX;

	if (!part_queue_wants(queue, part))
		return NULL;
	/* The last in order are leaves: the second half of the heap. */
	for (size_t i = queue->count / 2; i < queue->count; i++) {
		lowest = queue->heap[i]->part.priority < lowest ? queue->heap[i]->part.priority
								: lowest;
		if (may(ctx, queue->heap[i]) &&
		    (worst == SIZE_MAX || before(queue->heap[worst], queue->heap[i])))
			worst = i;
	}
	queue->priority_min = lowest;
	if (worst == SIZE_MAX || part->part.priority < queue->heap[worst]->part.priority)
		return NULL;
	/* At one priority only a group that has much makes room for one that has nothing. */
	if (part->part.priority == queue->heap[worst]->part.priority &&
	    (!first_of_group || turn_of(queue, queue->heap[worst])->count < 2))
		return NULL;
	return take_at(queue, worst);
}

/* ---- the map ---- */

static size_t home(const struct part_map *map, uint64_t number_1)
{
	return (size_t)((number_1 * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (map->room - 1);
}

static struct part_map_slot *slot_find(const struct part_map *map, uint64_t number)
{
	size_t i = home(map, number + 1);

	while (map->slots[i].number_1 != 0 && map->slots[i].number_1 != number + 1)
		i = (i + 1) & (map->room - 1);
	return &map->slots[i];
}

void part_map_done(struct part_map *map)
{
	free(map->slots);
	*map = (struct part_map){0};
}

static bool map_grow(struct part_map *map)
{
	struct part_map larger = {.room = map->room ? map->room * 2 : ROOM_FIRST,
				  .count = map->count};

	larger.slots = calloc(larger.room, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < map->room; i++)
		if (map->slots[i].number_1 != 0)
			*slot_find(&larger, map->slots[i].number_1 - 1) = map->slots[i];
	free(map->slots);
	*map = larger;
	return true;
}

bool part_map_put(struct part_map *map, uint64_t number, struct run_part *part)
{
	struct part_map_slot *slot;

	if (map->count * 2 >= map->room && !map_grow(map))
		return false;
	slot = slot_find(map, number);
	map->count += slot->number_1 == 0;
	*slot = (struct part_map_slot){number + 1, part};
	return true;
}

bool part_map_has(const struct part_map *map, uint64_t number)
{
	return map->count > 0 && slot_find(map, number)->number_1 != 0;
}

struct run_part *part_map_get(const struct part_map *map, uint64_t number)
{
	return map->count > 0 ? slot_find(map, number)->part : NULL;
}

/* Moves later ones of the same probe back into the hole (Knuth, vol. 3, 6.4, R). */
void part_map_drop(struct part_map *map, uint64_t number)
{
	struct part_map_slot *slot = map->count > 0 ? slot_find(map, number) : NULL;
	size_t hole, i;

	if (!slot || slot->number_1 == 0)
		return;
	hole = i = (size_t)(slot - map->slots);
	for (;;) {
		size_t from;

		i = (i + 1) & (map->room - 1);
		if (map->slots[i].number_1 == 0)
			break;
		from = home(map, map->slots[i].number_1);
		if (((i - from) & (map->room - 1)) >= ((i - hole) & (map->room - 1))) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole] = (struct part_map_slot){0};
	map->count--;
}
