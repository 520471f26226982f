/* SPDX-License-Identifier: MIT */
/* timers.c - a binary heap of slots.
 *
 * A slot keeps the callback and where it stands in the heap, so that cancel is
 * O(log n); an id is a slot and the slot's generation, so that an old id never
 * names a newer timer.
 */
#include "service/engine/timers.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/lock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { ROOM_FIRST = 64, NOT_QUEUED = -1 };

struct slot {
	int64_t at_ms;
	uint64_t order; /* of adding: decides between equal instants */
	timer_fn *fn;
	void *ctx;
	uint32_t generation; /* from 1 */
	int32_t place;	     /* in the heap; NOT_QUEUED */
	uint32_t next_free;
};

struct timers {
	pthread_t thread;
	bool started;

	struct lock lock;
	struct cond news;  /* for the thread: an earlier top, or stopping */
	struct cond fired; /* for timers_cancel(): an fn returned */
	struct slot *slots GUARDED_BY(lock);
	uint32_t *heap GUARDED_BY(lock); /* slot numbers */
	size_t count GUARDED_BY(lock);	 /* in the heap */
	uint32_t slots_made GUARDED_BY(lock), room GUARDED_BY(lock);
	uint32_t free GUARDED_BY(lock); /* first free slot + 1; 0: none */
	uint64_t added GUARDED_BY(lock);
	uint64_t firing GUARDED_BY(lock); /* id; 0: none */
	pthread_t firing_on GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
};

static bool slot_new(struct timers *timers, uint32_t *ret_slot) REQUIRES(timers->lock);
static void slot_free(struct timers *timers, uint32_t number) REQUIRES(timers->lock);
static void heap_add(struct timers *timers, uint32_t number) REQUIRES(timers->lock);
static void heap_remove(struct timers *timers, size_t place) REQUIRES(timers->lock);
static void *thread_main(void *arg);

int timers_new(struct timers **ret_timers, struct err *err)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return err_set(err, ERR_NO_MEMORY, "timers");
	lock_init(&timers->lock, LOCK_TIMER);
	cond_init(&timers->news);
	cond_init(&timers->fired);
	*ret_timers = timers;
	return 0;
}

int timers_start(struct timers *timers, struct err *err)
{
	int rc = pthread_create(&timers->thread, NULL, thread_main, timers);

	if (rc != 0)
		return err_set_errno(err, ERR_IO, rc, "cannot start the timer thread");
	timers->started = true;
	return 0;
}

void timers_free(struct timers *timers) NO_LOCK_ANALYSIS /* alone, after the join */
{
	if (!timers)
		return;
	lock_take(&timers->lock);
	timers->stopping = true;
	cond_signal(&timers->news);
	lock_drop(&timers->lock);
	if (timers->started)
		pthread_join(timers->thread, NULL);
	cond_done(&timers->fired);
	cond_done(&timers->news);
	lock_done(&timers->lock);
	free(timers->slots);
	free(timers->heap);
	free(timers);
}

static uint64_t id_of(const struct slot *slot, uint32_t number)
{
	return (uint64_t)slot->generation << 32 | number;
}

uint64_t timers_add(struct timers *timers, int64_t at_ms, timer_fn *fn, void *ctx)
{
	uint32_t number;
	uint64_t id = 0;

	lock_take(&timers->lock);
	if (slot_new(timers, &number)) {
		struct slot *slot = &timers->slots[number];

		slot->at_ms = at_ms;
		slot->order = timers->added++;
		slot->fn = fn;
		slot->ctx = ctx;
		heap_add(timers, number);
		id = id_of(slot, number);
		if (slot->place == 0)
			cond_signal(&timers->news);
	}
	lock_drop(&timers->lock);
	return id;
}

bool timers_cancel(struct timers *timers, uint64_t id)
{
	uint32_t number = (uint32_t)id;
	bool waiting;

	lock_take(&timers->lock);
	waiting = number < timers->slots_made && id_of(&timers->slots[number], number) == id &&
		  timers->slots[number].place != NOT_QUEUED;
	if (waiting) {
		heap_remove(timers, (size_t)timers->slots[number].place);
		slot_free(timers, number);
	}
	while (timers->firing == id && id != 0 && !pthread_equal(timers->firing_on, pthread_self()))
		cond_wait(&timers->fired, &timers->lock);
	lock_drop(&timers->lock);
	return waiting;
}

static int64_t top_ms(const struct timers *timers) REQUIRES(timers->lock)
{
	return timers->count > 0 ? timers->slots[timers->heap[0]].at_ms : INT64_MAX;
}

int64_t timers_fire(struct timers *timers, int64_t now_ms)
{
	int64_t next_ms;

	lock_take(&timers->lock);
	timers->firing_on = pthread_self();
	while (timers->count > 0 && top_ms(timers) <= now_ms && !timers->stopping) {
		uint32_t number = timers->heap[0];
		timer_fn *fn = timers->slots[number].fn;
		void *ctx = timers->slots[number].ctx;

		timers->firing = id_of(&timers->slots[number], number);
		heap_remove(timers, 0);
		slot_free(timers, number);
		lock_drop(&timers->lock);
		fn(ctx);
		lock_take(&timers->lock);
		timers->firing = 0;
		cond_broadcast(&timers->fired);
	}
	next_ms = top_ms(timers);
	lock_drop(&timers->lock);
	return next_ms;
}

size_t timers_count(struct timers *timers)
{
	size_t count;

	lock_take(&timers->lock);
	count = timers->count;
	lock_drop(&timers->lock);
	return count;
}

static void *thread_main(void *arg)
{
	struct timers *timers = arg;
	bool stopping = false;

	pthread_setname_np(pthread_self(), "timers");
	while (!stopping) {
		timers_fire(timers, clock_ms());
		lock_take(&timers->lock);
		if (timers->count == 0 && !timers->stopping)
			cond_wait(&timers->news, &timers->lock);
		else if (top_ms(timers) > clock_ms() && !timers->stopping)
			cond_wait_until(&timers->news, &timers->lock, top_ms(timers));
		stopping = timers->stopping;
		lock_drop(&timers->lock);
	}
	return NULL;
}

/* ---- slots ---- */

static bool room_grow(struct timers *timers) REQUIRES(timers->lock)
{
	uint32_t room = timers->room ? MIN(timers->room * 2, TIMERS_MAX) : ROOM_FIRST;
	struct slot *slots;
	uint32_t *heap;

	if (room == timers->room)
		return false;
	slots = realloc(timers->slots, room * sizeof(*slots));
	if (slots)
		timers->slots = slots;
	heap = realloc(timers->heap, room * sizeof(*heap));
	if (heap)
		timers->heap = heap;
	if (slots && heap)
		timers->room = room;
	return slots && heap;
}

static bool slot_new(struct timers *timers, uint32_t *ret_slot)
{
	if (timers->free) {
		*ret_slot = timers->free - 1;
		timers->free = timers->slots[*ret_slot].next_free;
		return true;
	}
	if (timers->slots_made == timers->room && !room_grow(timers))
		return false;
	*ret_slot = timers->slots_made++;
	timers->slots[*ret_slot] = (struct slot){.generation = 1, .place = NOT_QUEUED};
	return true;
}

static void slot_free(struct timers *timers, uint32_t number)
{
	struct slot *slot = &timers->slots[number];

	slot->place = NOT_QUEUED;
	slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
	slot->next_free = timers->free;
	timers->free = number + 1;
}

/* ---- the heap ---- */

static bool sooner(const struct timers *timers, uint32_t a, uint32_t b) REQUIRES(timers->lock)
{
	const struct slot *x = &timers->slots[a], *y = &timers->slots[b];

	return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->order < y->order;
}

static void heap_put(struct timers *timers, size_t place, uint32_t number) REQUIRES(timers->lock)
{
	timers->heap[place] = number;
	timers->slots[number].place = (int32_t)place;
}

static void sift_up(struct timers *timers, size_t place, uint32_t number) REQUIRES(timers->lock)
{
	while (place > 0 && sooner(timers, number, timers->heap[(place - 1) / 2])) {
		heap_put(timers, place, timers->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(timers, place, number);
}

static void sift_down(struct timers *timers, size_t place, uint32_t number) REQUIRES(timers->lock)
{
	size_t child;

	while ((child = 2 * place + 1) < timers->count) {
		if (child + 1 < timers->count &&
		    sooner(timers, timers->heap[child + 1], timers->heap[child]))
			child++;
		if (!sooner(timers, timers->heap[child], number))
			break;
		heap_put(timers, place, timers->heap[child]);
		place = child;
	}
	heap_put(timers, place, number);
}

static void heap_add(struct timers *timers, uint32_t number)
{
	timers->count++;
	sift_up(timers, timers->count - 1, number);
}

/* The last one takes its place and finds its own from there. */
static void heap_remove(struct timers *timers, size_t place)
{
	uint32_t last = timers->heap[--timers->count];

	if (place == timers->count)
		return;
	if (place > 0 && sooner(timers, last, timers->heap[(place - 1) / 2]))
		sift_up(timers, place, last);
	else
		sift_down(timers, place, last);
}
