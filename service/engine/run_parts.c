/* SPDX-License-Identifier: MIT */
/* run_parts.c - parts: adding and claiming.  run.h has the invariant; run_parts_end.c
 * finishes them.
 *
 * A new part goes into the changes of the next commit and, while there is room, into
 * memory too, so that it can be claimed before it is on the disk.  A claim is known
 * here only: after a crash the part is pending again.
 */
#include "service/engine/run.h"

#include "base/clock.h"
#include "service/engine/engine_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory and lists ---- */

struct run_part *run_part_new(uint64_t number, const void *key, size_t key_len, const void *input,
			      size_t input_len)
{
	struct run_part *part = calloc(1, sizeof(*part) + key_len + input_len + 2);
	char *texts = (char *)(part + 1);

	if (!part)
		return NULL;
	memcpy(texts, key, key_len);
	if (input_len)
		memcpy(texts + key_len + 1, input, input_len);
	part->part.number = number;
	part->part.key = texts;
	part->part.key_len = key_len;
	part->part.input = texts + key_len + 1;
	part->part.input_len = input_len;
	part->result_offset = -1;
	buf_init(&part->told.items, RUN_PART_BYTES_MAX);
	return part;
}

void run_part_free(struct run_part *part)
{
	if (!part)
		return;
	told_drop(&part->told);
	buf_done(&part->told.items);
	free(part->resume);
	free((void *)part->checkpoint.blob);
	free(part);
}

void part_list_add(struct part_list *list, struct run_part *part)
{
	part->next = NULL;
	part->prev = list->last;
	if (list->last)
		list->last->next = part;
	else
		list->first = part;
	list->last = part;
}

void part_list_remove(struct part_list *list, struct run_part *part)
{
	if (part->prev)
		part->prev->next = part->next;
	else
		list->first = part->next;
	if (part->next)
		part->next->prev = part->prev;
	else
		list->last = part->prev;
}

static void list_free(struct part_list *list)
{
	struct run_part *part = list->first, *next;

	for (; part; part = next) {
		next = part->next;
		run_part_free(part);
	}
	*list = (struct part_list){0};
}

struct parts *run_parts_locked(struct run *run)
{
	if (!run->parts) {
		run->parts = calloc(1, sizeof(*run->parts));
		if (run->parts)
			seen_init(&run->parts->seen, RUN_KEYS_MAX);
	}
	return run->parts;
}

void run_parts_drop(struct run *run)
{
	struct parts *parts;

	lock_take(&run->lock);
	parts = run->parts;
	run->parts_all = parts ? parts->all : 0;
	run->parts_finished = parts ? parts->done + parts->failed : 0;
	run->parts = NULL;
	lock_drop(&run->lock);
	if (!parts)
		return;
	for (size_t i = 0; i < parts->queue.count; i++)
		run_part_free(parts->queue.heap[i]);
	list_free(&parts->fifo);
	list_free(&parts->order);
	list_free(&parts->claimed);
	list_free(&parts->parked);
	part_queue_done(&parts->queue);
	part_map_done(&parts->map);
	seen_done(&parts->seen);
	free(parts->late);
	free(parts);
}

/* ---- adding ---- */

void parts_stored_locked(struct run *run, int64_t not_before_ms)
{
	struct parts *parts = run->parts;

	parts->stored++;
	parts->stored_unsaved++;
	changes_locked(run)->stored++;
	parts->refill_at_ms = MIN(parts->refill_at_ms, not_before_ms);
}

static bool may_evict(const void *ctx, const struct run_part *part)
{
	const uint64_t *committed = ctx;

	/* What the store will show of it must be all there is. */
	return part->changed_in <= *committed && part->told.failures_count == 0;
}

/* A place in the queue for the part; false: it is better off in the store. */
static bool queue_place_locked(struct run *run, const struct run_part *part) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	struct run_part *evicted;

	if (parts->queue.count < RUN_PART_WINDOW_MAX &&
	    (parts->stored == 0 || parts->queue.count < RUN_PART_WINDOW_MAX / 4 ||
	     part_queue_wants(&parts->queue, part)))
		return true;
	if (parts->queue.count < RUN_PART_WINDOW_MAX)
		return false;
	evicted = part_queue_evict_for(&parts->queue, part, may_evict, &run->commits);
	if (!evicted)
		return false;
	part_map_drop(&parts->map, evicted->part.number);
	parts->stored++;
	if (evicted->added_in > run->commits) {
		parts->stored_unsaved++;
		run->changes[evicted->added_in == changes_locked(run)->number ? run->gathering
									      : !run->gathering]
			.stored++;
	}
	run_part_free(evicted);
	return true;
}

/* Puts an unclaimed part that is here into the queue or among the parked. */
bool parts_unclaimed_locked(struct run *run, struct run_part *part)
{
	struct parts *parts = run->parts;

	if (part->not_before_ms > clock_wall_ms()) {
		part->place = PLACE_PARKED;
		part_list_add(&parts->parked, part);
		if (parts->parked_count++ == 0 || part->not_before_ms < parts->parked_until_ms)
			parts->parked_until_ms = part->not_before_ms;
		return true;
	}
	part->place = PLACE_QUEUE;
	return part_queue_add(&parts->queue, part);
}

bool run_part_keep_locked(struct run *run, struct run_part *part, bool from_store)
{
	struct parts *parts = run->parts;
	bool later = part->not_before_ms > 0 && part->not_before_ms > clock_wall_ms();

	if (run->ordered ? parts->fifo_count >= RUN_PART_WINDOW_MAX
	    : later	 ? parts->parked_count >= RUN_PARKED_MAX
	    : from_store ? parts->queue.count >= RUN_PART_WINDOW_MAX
			 : !queue_place_locked(run, part))
		return false;
	if (!part_map_put(&parts->map, part->part.number, part))
		return false;
	if (run->ordered) {
		part->place = PLACE_QUEUE;
		part_list_add(&parts->fifo, part);
		parts->fifo_count++;
		parts->fifo_next = part->part.number + 1;
	} else if (!parts_unclaimed_locked(run, part)) {
		part_map_drop(&parts->map, part->part.number);
		return false;
	}
	return true;
}

/* Into the changes; false: no memory. */
static bool row_add_locked(struct run *run, const struct part *part, int64_t not_before_ms,
			   size_t *ret_row) REQUIRES(run->lock)
{
	struct changes *changes = changes_locked(run);
	struct part_row row = {.number = part->number,
			       .key_len = part->key_len,
			       .input_len = part->input_len,
			       .state = PART_PENDING,
			       .priority = part->priority,
			       .group = part->group,
			       .not_before_ms = not_before_ms,
			       .result_offset = -1};

	row.key = arena_copy(&changes->arena, part->key, part->key_len);
	row.input = arena_copy(&changes->arena, part->input, part->input_len);
	if (!row.key || !row.input ||
	    !changes_grow((void **)&changes->added, changes->added_count, &changes->added_room,
			  sizeof(row)))
		return false;
	*ret_row = changes->added_count;
	changes->added[changes->added_count++] = row;
	changes_grew_locked(run, sizeof(row) + part->key_len + part->input_len);
	return true;
}

static enum run_answer add_locked(struct run *run, unsigned lane, struct part *part,
				  const struct part_options *options, struct err *err)
	REQUIRES(run->lock)
{
	int64_t not_before_ms = options ? options->not_before_ms : 0;
	struct fingerprint print = fingerprint_of(part->key, part->key_len);
	struct parts *parts = run_parts_locked(run);
	struct run_part *here = NULL;
	bool certain;
	size_t row;

	if (parts && seen_look(&parts->seen, print) == SEEN_KNOWN)
		return RUN_KNOWN;
	if (parts && options && options->parts_max && parts->all >= options->parts_max)
		return RUN_LIMIT;
	if (atomic_load_explicit(&run->unsaved, memory_order_relaxed) > RUN_UNSAVED_BYTES_MAX) {
		run->want_room |= UINT64_C(1) << lane;
		return RUN_FULL;
	}
	certain = parts && parts->seen.count < RUN_KEYS_MAX;
	if (parts && !certain && run->ordered) {
		err_set(err, ERR_LIMIT, "an ordered job has at most %d parts", RUN_KEYS_MAX);
		return RUN_ERROR;
	}
	part->number = parts ? parts->next_number : 0;
	if (!parts || !row_add_locked(run, part, not_before_ms, &row) ||
	    (certain && seen_add(&parts->seen, print) != SEEN_NEW)) {
		err_set(err, ERR_NO_MEMORY, "no memory for a part");
		return RUN_ERROR;
	}
	parts->next_number++;
	parts->all++;
	parts->uncertain |= !certain;
	if (certain && (!run->ordered || parts->stored == 0))
		here = run_part_new(part->number, part->key, part->key_len, part->input,
				    part->input_len);
	if (here) {
		here->part.priority = part->priority;
		here->part.group = part->group;
		here->not_before_ms = not_before_ms;
		here->added_in = changes_locked(run)->number;
		here->row = row;
	}
	if (!here || !run_part_keep_locked(run, here, false)) {
		run_part_free(here);
		parts_stored_locked(run, not_before_ms);
	}
	return RUN_OK;
}

/* One lane of those that wait for a part: it wakes the next if there are more. */
uint64_t parts_waiter_locked(struct run *run)
{
	uint64_t lane = run->want_part & -run->want_part;

	run->want_part &= ~lane;
	return lane;
}

uint64_t parts_waiters_locked(struct run *run)
{
	uint64_t lanes = run->want_part;

	run->want_part = 0;
	return lanes;
}

enum run_answer run_part_add(struct run *run, unsigned lane, const char *key, size_t key_len,
			     const char *input, size_t input_len,
			     const struct part_options *options, struct err *err)
{
	struct part part = {.key = key,
			    .key_len = key_len,
			    .input = input_len ? input : "",
			    .input_len = input_len,
			    .priority = options ? options->priority : 0,
			    .group = options ? options->group : 0};
	enum run_answer answer;
	uint64_t wake = 0;

	if (key_len > PART_KEY_BYTES_MAX || input_len > PART_INPUT_BYTES_MAX) {
		err_set(err, ERR_LIMIT, "a part's key has %zu bytes and its input %zu", key_len,
			input_len);
		return RUN_ERROR;
	}
	lock_take(&run->lock);
	answer = add_locked(run, lane, &part, options, err);
	if (answer == RUN_OK)
		wake = parts_waiter_locked(run);
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	return answer;
}

/* ---- claiming ---- */

/* When it may be claimed. */
static int64_t parked_until(const struct parts *parts, const struct run_part *part, int64_t now_ms)
{
	return part->held ? group_held_until(&parts->holds, part->part.group, now_ms)
			  : part->not_before_ms;
}

bool run_parts_due_locked(struct run *run, int64_t now_ms)
{
	struct parts *parts = run->parts;
	struct run_part *next;
	bool moved = false;

	if (!parts || parts->parked_count == 0 || now_ms < parts->parked_until_ms)
		return false;
	parts->parked_until_ms = INT64_MAX;
	for (struct run_part *part = parts->parked.first; part; part = next) {
		int64_t until_ms = parked_until(parts, part, now_ms);

		next = part->next;
		if (until_ms > now_ms) {
			parts->parked_until_ms = MIN(parts->parked_until_ms, until_ms);
			continue;
		}
		part_list_remove(&parts->parked, part);
		parts->parked_count--;
		part->place = PLACE_QUEUE;
		part->held = false;
		if (!part_queue_add(&parts->queue, part)) { /* no memory: later, then */
			part->place = PLACE_PARKED;
			part_list_add(&parts->parked, part);
			parts->parked_count++;
			parts->parked_until_ms = now_ms + 1000;
			return moved;
		}
		moved = true;
	}
	return moved;
}

/* True: its group is held, and it is parked; false when there is no room for more. */
static bool hold_back_locked(struct run *run, struct run_part *part, int64_t now_ms)
	REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	int64_t until_ms = group_held_until(&parts->holds, part->part.group, now_ms);

	if (until_ms == 0 || parts->parked_count >= RUN_PART_WINDOW_MAX)
		return false;
	part->held = true;
	part->place = PLACE_PARKED;
	part_list_add(&parts->parked, part);
	if (parts->parked_count++ == 0 || until_ms < parts->parked_until_ms)
		parts->parked_until_ms = until_ms;
	return true;
}

static struct run_part *next_locked(struct run *run) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	bool timed = parts->parked_count > 0 || parts->holds.count > 0;
	int64_t now_ms = timed ? clock_wall_ms() : 0;
	struct run_part *part;

	run_parts_due_locked(run, now_ms);
	do
		part = part_queue_take(&parts->queue);
	while (part && hold_back_locked(run, part, now_ms));
	if (part) {
		part_list_add(&parts->claimed, part);
		parts->claimed_count++;
	}
	return part;
}

static struct run_part *next_ordered_locked(struct run *run) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	struct run_part *part;
	int64_t now_ms = clock_wall_ms();

	if (parts->unclaimed_count > 0) {
		for (part = parts->order.first; part; part = part->next)
			if (part->place == PLACE_UNCLAIMED && part->not_before_ms <= now_ms) {
				parts->unclaimed_count--;
				return part;
			}
	}
	part = parts->fifo.first;
	if (!part || part->not_before_ms > now_ms || parts->order_count >= RUN_ORDER_WINDOW_MAX ||
	    parts->finished_bytes > RUN_UNSAVED_BYTES_MAX)
		return NULL;
	part_list_remove(&parts->fifo, part);
	parts->fifo_count--;
	part_list_add(&parts->order, part);
	parts->order_count++;
	return part;
}

/* Nothing is left that could be claimed, now or later. */
bool parts_all_finished_locked(const struct run *run)
{
	const struct parts *parts = run->parts;

	return parts->stored == 0 && parts->queue.count == 0 && parts->fifo_count == 0 &&
	       parts->order_count == 0 && parts->claimed_count == 0 && parts->parked_count == 0;
}

enum run_answer run_part_next(struct run *run, unsigned lane, struct part **ret_part,
			      struct err *err)
{
	struct run_part *part;
	struct parts *parts;
	enum run_answer answer = RUN_OK;
	uint64_t wake = 0;
	bool kick;

	lock_take(&run->lock);
	parts = run_parts_locked(run);
	if (!parts) {
		lock_drop(&run->lock);
		err_set(err, ERR_NO_MEMORY, "no memory for the job's parts");
		return RUN_ERROR;
	}
	part = run->ordered ? next_ordered_locked(run) : next_locked(run);
	if (part) {
		part->place = PLACE_CLAIMED;
		part->part.user = NULL;
		*ret_part = &part->part;
		if (parts->queue.count > 0 || parts->fifo_count > 0)
			wake = parts_waiter_locked(run);
	} else if (parts_all_finished_locked(run)) {
		answer = RUN_END;
		wake = parts_waiters_locked(run);
	} else {
		answer = RUN_LATER;
		run->want_part |= UINT64_C(1) << lane;
		run->hurry |= parts->stored_unsaved > 0 && parts->queue.count == 0 &&
			      parts->fifo_count == 0;
	}
	kick = parts->stored > 0 && !parts->refilling &&
	       MAX(parts->queue.count, parts->fifo_count) < RUN_PART_WINDOW_MAX / 4;
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	if (kick && (answer == RUN_LATER || run_refill_wanted(run)))
		engine_kick(run->engine);
	return answer;
}

bool run_group_hold(struct run *run, uint64_t group, int64_t until_ms)
{
	int64_t now_ms = clock_wall_ms();
	uint64_t wake = 0;
	bool held;

	lock_take(&run->lock);
	held = !run->ordered && run->parts->parked_count < RUN_PART_WINDOW_MAX &&
	       group_hold(&run->parts->holds, group, until_ms, now_ms);
	if (until_ms <= now_ms) {
		run->parts->parked_until_ms = 0;
		wake = parts_waiter_locked(run);
	}
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	return held;
}

/* Is there a part that a lane would get now? */
static bool claimable_locked(struct run *run) REQUIRES(run->lock)
{
	const struct parts *parts = run->parts;
	int64_t now_ms = clock_wall_ms();

	if (!run->ordered)
		return run_parts_due_locked(run, now_ms) || parts->queue.count > 0;
	for (const struct run_part *part = parts->order.first; part && parts->unclaimed_count > 0;
	     part = part->next)
		if (part->place == PLACE_UNCLAIMED && part->not_before_ms <= now_ms)
			return true;
	return parts->fifo.first && parts->fifo.first->not_before_ms <= now_ms &&
	       parts->order_count < RUN_ORDER_WINDOW_MAX &&
	       parts->finished_bytes <= RUN_UNSAVED_BYTES_MAX;
}

void run_parts_wake(struct run *run)
{
	uint64_t lanes = 0;

	lock_take(&run->lock);
	if (run->parts && run->want_part &&
	    (claimable_locked(run) || parts_all_finished_locked(run)))
		lanes = parts_waiters_locked(run);
	lock_drop(&run->lock);
	lanes_wake(run, lanes);
}
