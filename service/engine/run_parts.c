/* SPDX-License-Identifier: MIT */
/* run_parts.c - parts: adding, claiming, finishing.  run.h has the invariant.
 *
 * A new part goes into the changes of the next commit and, while there is room, into
 * memory too, so that it can be claimed before it is on the disk.  A claim is known
 * here only: after a crash the part is pending again.  A part that is finished before
 * its adding was committed is written once, as finished.
 *
 * Ordered runs hand out parts by number and show them by number: `order` holds those
 * claimed or finished and not yet shown, RUN_ORDER_WINDOW_MAX at most.  The first in
 * it is never held up by others, so it always comes to an end.
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
	free(part);
}

static void list_add(struct part_list *list, struct run_part *part)
{
	part->next = NULL;
	part->prev = list->last;
	if (list->last)
		list->last->next = part;
	else
		list->first = part;
	list->last = part;
}

static void list_remove(struct part_list *list, struct run_part *part)
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

static struct run_part *part_of(struct part *part)
{
	return CONTAINER_OF(part, struct run_part, part);
}

/* ---- what the next commit says of a part ---- */

/* The part's row in the changes that gather; NULL: no memory. */
static struct part_row *row_locked(struct run *run, struct run_part *part) REQUIRES(run->lock)
{
	struct changes *changes = changes_locked(run);

	if (part->added_in == changes->number)
		return &changes->added[part->row];
	if (part->changed_in != changes->number) {
		if (!changes_grow((void **)&changes->changed, changes->changed_count,
				  &changes->changed_room, sizeof(*changes->changed)))
			return NULL;
		part->row = changes->changed_count++;
		part->changed_in = changes->number;
		changes->changed[part->row] =
			(struct part_row){.number = part->part.number,
					  .state = PART_PENDING,
					  .not_before_ms = part->not_before_ms,
					  .attempts = (uint16_t)part->part.attempts,
					  .result_offset = part->result_offset,
					  .result_len = part->result_len};
		changes_grew_locked(run, sizeof(struct part_row));
	}
	return &changes->changed[part->row];
}

static bool resume_write_locked(struct run *run, struct run_part *part, struct part_row *row)
	REQUIRES(run->lock)
{
	row->resume = NULL;
	row->resume_len = 0;
	if (!part->part.resume)
		return true;
	row->resume =
		arena_copy(&changes_locked(run)->arena, part->part.resume, part->part.resume_len);
	row->resume_len = part->part.resume_len;
	changes_grew_locked(run, part->part.resume_len);
	return row->resume != NULL;
}

/* Adds the number to those that leave the map with this commit. */
static bool leave_locked(struct run *run, struct run_part *part) REQUIRES(run->lock)
{
	struct changes *changes = changes_locked(run);

	/* Never shown as pending by the store: nothing to wait for. */
	if (part->added_in == changes->number && part->changed_in == 0) {
		part_map_drop(&run->parts->map, part->part.number);
		return true;
	}
	if (!changes_grow((void **)&changes->leaving, changes->leaving_count,
			  &changes->leaving_room, sizeof(*changes->leaving)))
		return false;
	changes->leaving[changes->leaving_count++] = part->part.number;
	return part_map_put(&run->parts->map, part->part.number, NULL);
}

static void out_of_memory(struct run *run)
{
	struct err err;

	err_set(&err, ERR_NO_MEMORY, "no memory for the job's parts");
	run_stop(run, RUN_FAILED, &err);
}

/* ---- adding ---- */

static void stored_locked(struct run *run, int64_t not_before_ms) REQUIRES(run->lock)
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
static bool unclaimed_add_locked(struct run *run, struct run_part *part) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;

	if (part->not_before_ms > clock_wall_ms()) {
		part->place = PLACE_PARKED;
		list_add(&parts->parked, part);
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
		list_add(&parts->fifo, part);
		parts->fifo_count++;
		parts->fifo_next = part->part.number + 1;
	} else if (!unclaimed_add_locked(run, part)) {
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
				  int64_t not_before_ms, struct err *err) REQUIRES(run->lock)
{
	struct fingerprint print = fingerprint_of(part->key, part->key_len);
	struct parts *parts = run_parts_locked(run);
	struct run_part *here = NULL;
	bool certain;
	size_t row;

	if (parts && seen_look(&parts->seen, print) == SEEN_KNOWN)
		return RUN_KNOWN;
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
		stored_locked(run, not_before_ms);
	}
	return RUN_OK;
}

/* One lane of those that wait for a part: it wakes the next if there are more. */
static uint64_t waiter_locked(struct run *run) REQUIRES(run->lock)
{
	uint64_t lane = run->want_part & -run->want_part;

	run->want_part &= ~lane;
	return lane;
}

static uint64_t waiters_locked(struct run *run) REQUIRES(run->lock)
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
	answer = add_locked(run, lane, &part, options ? options->not_before_ms : 0, err);
	if (answer == RUN_OK)
		wake = waiter_locked(run);
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	return answer;
}

/* ---- claiming ---- */

bool run_parts_due_locked(struct run *run, int64_t now_ms)
{
	struct parts *parts = run->parts;
	struct run_part *next;
	bool moved = false;

	if (!parts || parts->parked_count == 0 || now_ms < parts->parked_until_ms)
		return false;
	parts->parked_until_ms = INT64_MAX;
	for (struct run_part *part = parts->parked.first; part; part = next) {
		next = part->next;
		if (part->not_before_ms > now_ms) {
			parts->parked_until_ms = MIN(parts->parked_until_ms, part->not_before_ms);
			continue;
		}
		list_remove(&parts->parked, part);
		parts->parked_count--;
		part->place = PLACE_QUEUE;
		if (!part_queue_add(&parts->queue, part)) { /* no memory: later, then */
			part->place = PLACE_PARKED;
			list_add(&parts->parked, part);
			parts->parked_count++;
			parts->parked_until_ms = now_ms + 1000;
			return moved;
		}
		moved = true;
	}
	return moved;
}

static struct run_part *next_locked(struct run *run) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	struct run_part *part;

	run_parts_due_locked(run, parts->parked_count ? clock_wall_ms() : 0);
	part = part_queue_take(&parts->queue);
	if (part) {
		list_add(&parts->claimed, part);
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
	list_remove(&parts->fifo, part);
	parts->fifo_count--;
	list_add(&parts->order, part);
	parts->order_count++;
	return part;
}

/* Nothing is left that could be claimed, now or later. */
static bool all_finished_locked(const struct run *run) REQUIRES(run->lock)
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
			wake = waiter_locked(run);
	} else if (all_finished_locked(run)) {
		answer = RUN_END;
		wake = waiters_locked(run);
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
	if (run->parts && run->want_part && (claimable_locked(run) || all_finished_locked(run)))
		lanes = waiters_locked(run);
	lock_drop(&run->lock);
	lanes_wake(run, lanes);
}

/* ---- finishing ---- */

/* Writes the end of a part and lets it go; what it told is in the changes. */
static bool finished_locked(struct run *run, struct run_part *part) REQUIRES(run->lock)
{
	struct part_row *row = row_locked(run, part);
	bool kept;

	if (!row)
		return false;
	row->state = part->failed ? PART_FAILED : PART_DONE;
	row->attempts = (uint16_t)part->part.attempts;
	row->resume = NULL;
	row->resume_len = 0;
	row->result_offset = part->result_offset;
	row->result_len = part->result_len;
	if (part->failed)
		run->parts->failed++;
	else
		run->parts->done++;
	kept = leave_locked(run, part);
	run_part_free(part);
	return kept;
}

/* Shows the first `bytes` of what the part told, and says where they stand. */
static void part_show_locked(struct run *run, struct run_part *part, size_t bytes, int64_t count)
	REQUIRES(run->lock)
{
	bool first = part->result_len == 0;

	if (bytes > 0 && first)
		part->result_offset = run->result_bytes;
	if (bytes > 0 && !first && part->result_offset + part->result_len != run->result_bytes)
		part->result_offset = -1; /* not in one piece */
	part->result_len += (int64_t)bytes;
	told_show_locked(run, &part->told, bytes, count);
	part->saved_bytes = 0;
	part->saved_count = 0;
}

/* Shows what a part saved, now that it is the first in order. */
static bool saved_show_locked(struct run *run, struct run_part *part) REQUIRES(run->lock)
{
	struct part_row *row;

	part_show_locked(run, part, part->saved_bytes, part->saved_count);
	row = row_locked(run, part);
	if (!row || !resume_write_locked(run, part, row))
		return false;
	row->result_offset = part->result_offset;
	row->result_len = part->result_len;
	part->save_waits = false;
	return true;
}

/* Shows the parts at the head of the order that are finished. */
static bool order_show_locked(struct run *run) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	struct run_part *part;
	bool kept = true;

	while ((part = parts->order.first) && part->place == PLACE_FINISHED) {
		list_remove(&parts->order, part);
		parts->order_count--;
		parts->finished_bytes -= part->told.items.len;
		part_show_locked(run, part, part->told.items.len, part->told.items_count);
		kept = finished_locked(run, part) && kept;
	}
	if (part && part->save_waits)
		kept = saved_show_locked(run, part) && kept;
	return kept;
}

static bool done_locked(struct run *run, struct run_part *part) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;

	assert(part->place == PLACE_CLAIMED);
	part->place = PLACE_FINISHED;
	part->failed |= part->told.failures_count > 0;
	if (run->ordered) {
		parts->finished_bytes += part->told.items.len;
		return order_show_locked(run);
	}
	list_remove(&parts->claimed, part);
	parts->claimed_count--;
	part_show_locked(run, part, part->told.items.len, part->told.items_count);
	return finished_locked(run, part);
}

/* Who waits for a part looks again: the order moved on, or all are finished. */
static uint64_t moved_on_locked(struct run *run) REQUIRES(run->lock)
{
	return run->ordered || all_finished_locked(run) ? waiters_locked(run) : 0;
}

void run_part_done(struct run *run, unsigned lane, struct part *part)
{
	uint64_t wake;
	bool kept;

	(void)lane;
	lock_take(&run->lock);
	kept = done_locked(run, part_of(part));
	wake = moved_on_locked(run);
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	if (!kept)
		out_of_memory(run);
}

enum run_answer run_part_save(struct run *run, unsigned lane, struct part *part, const void *blob,
			      size_t len)
{
	struct run_part *mine = part_of(part);
	char *resume = malloc(len + 1);
	bool kept = true;

	if (!resume ||
	    atomic_load_explicit(&run->unsaved, memory_order_relaxed) > RUN_UNSAVED_BYTES_MAX) {
		free(resume);
		lock_take(&run->lock);
		run->want_room |= UINT64_C(1) << lane;
		lock_drop(&run->lock);
		return RUN_FULL;
	}
	memcpy(resume, blob, len);
	lock_take(&run->lock);
	assert(mine->place == PLACE_CLAIMED);
	free(mine->resume);
	mine->resume = resume;
	part->resume = resume;
	part->resume_len = len;
	mine->saved_bytes = mine->told.items.len;
	mine->saved_count = mine->told.items_count;
	mine->failed |= mine->told.failures_count > 0;
	for (struct failure *failure = mine->told.failures; failure; failure = failure->next)
		failure->saved = true;
	mine->save_waits = run->ordered && run->parts->order.first != mine;
	if (!mine->save_waits)
		kept = saved_show_locked(run, mine);
	lock_drop(&run->lock);
	if (!kept)
		out_of_memory(run);
	return RUN_OK;
}

/* Back to the unclaimed; `changed`: attempts and not_before_ms are to be written. */
static bool give_back_locked(struct run *run, struct run_part *part, bool changed)
	REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	struct part_row *row;

	assert(part->place == PLACE_CLAIMED);
	told_unsave(part);
	if (changed) {
		row = row_locked(run, part);
		if (!row)
			return false;
		row->attempts = (uint16_t)part->part.attempts;
		row->not_before_ms = part->not_before_ms;
		if (!part->save_waits && !resume_write_locked(run, part, row))
			return false;
	}
	if (run->ordered) {
		part->place = PLACE_UNCLAIMED;
		parts->unclaimed_count++;
		return true;
	}
	list_remove(&parts->claimed, part);
	parts->claimed_count--;
	if (changed && part->not_before_ms > 0 && parts->parked_count >= RUN_PARKED_MAX) {
		/* It waits in the store, once the commit with its new time is there. */
		bool kept = leave_locked(run, part);

		stored_locked(run, part->not_before_ms);
		run_part_free(part);
		return kept;
	}
	return unclaimed_add_locked(run, part);
}

static void give_back(struct run *run, struct part *part, bool changed)
{
	uint64_t wake;
	bool kept;

	lock_take(&run->lock);
	kept = give_back_locked(run, part_of(part), changed);
	wake = waiter_locked(run);
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	if (!kept)
		out_of_memory(run);
}

void run_part_retry(struct run *run, unsigned lane, struct part *part, int64_t not_before_ms)
{
	(void)lane;
	part->attempts++;
	part_of(part)->not_before_ms = not_before_ms;
	give_back(run, part, true);
}

void run_part_release(struct run *run, unsigned lane, struct part *part)
{
	(void)lane;
	give_back(run, part, false);
}

void run_ordered(struct run *run)
{
	lock_take(&run->lock);
	assert(!run->opened);
	run->ordered = true;
	lock_drop(&run->lock);
}

/* ---- checkpoints ---- */

static bool checkpoint_locked(struct run *run, unsigned lane, const void *blob, size_t len)
	REQUIRES(run->lock)
{
	struct changes *changes = changes_locked(run);
	struct checkpoint_row row = {.lane = lane, .len = blob ? len : 0};
	size_t i = 0;

	if (blob) {
		row.blob = arena_copy(&changes->arena, blob, len);
		if (!row.blob)
			return false;
	}
	while (i < changes->checkpoints_count && changes->checkpoints[i].lane != lane)
		i++;
	if (i == changes->checkpoints_count) {
		if (!changes_grow((void **)&changes->checkpoints, i, &changes->checkpoints_room,
				  sizeof(row)))
			return false;
		changes->checkpoints_count++;
	}
	changes->checkpoints[i] = row;
	changes_grew_locked(run, row.len + sizeof(row));
	return true;
}

enum run_answer run_checkpoint(struct run *run, unsigned lane, const void *blob, size_t len,
			       const uint64_t *parts_covered, size_t count)
{
	uint64_t wake = 0;
	bool kept;

	lock_take(&run->lock);
	if (atomic_load_explicit(&run->unsaved, memory_order_relaxed) > RUN_UNSAVED_BYTES_MAX) {
		run->want_room |= UINT64_C(1) << lane;
		lock_drop(&run->lock);
		return RUN_FULL;
	}
	kept = checkpoint_locked(run, lane, blob, len);
	for (size_t i = 0; i < count && kept; i++) {
		struct run_part *part = part_map_get(&run->parts->map, parts_covered[i]);

		assert(part);
		kept = done_locked(run, part);
	}
	if (count > 0)
		wake = moved_on_locked(run);
	lock_drop(&run->lock);
	if (wake)
		lanes_wake(run, wake);
	if (!kept)
		out_of_memory(run);
	return RUN_OK;
}
