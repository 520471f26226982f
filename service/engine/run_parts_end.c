/* SPDX-License-Identifier: MIT */
/* run_parts_end.c - parts: finishing, saving, giving back; checkpoints.
 *
 * The end of a part is a row in the changes of the next commit, together with what it
 * told.  A part that is finished before its adding was committed is written once, as
 * finished.
 *
 * Ordered runs show parts by number: `order` holds those claimed or finished and not
 * yet shown, RUN_ORDER_WINDOW_MAX at most.  The first in it is never held up by
 * others, so it always comes to an end.
 */
#include "base/limits.h"
#include "service/engine/run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
					  .result_len = part->result_len,
					  .result_items = part->result_items};
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
	row->result_items = part->result_items;
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
	part->result_items += count;
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
	row->result_items = part->result_items;
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
		part_list_remove(&parts->order, part);
		parts->order_count--;
		parts->finished_bytes -= part->told.items.len;
		parts->finished_bytes -= part->checkpoint.len;
		part_show_locked(run, part, part->told.items.len, part->told.items_count);
		if (part->checkpoint.blob)
			kept = checkpoint_put_locked(run, part->checkpoint.lane,
						     part->checkpoint.blob, part->checkpoint.len) &&
			       kept;
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
	part->failed = !part->final && (part->failed || part->told.failures_count > 0);
	counts_save_locked(run, &part->told);
	if (run->ordered) {
		parts->finished_bytes += part->told.items.len;
		return order_show_locked(run);
	}
	part_list_remove(&parts->claimed, part);
	parts->claimed_count--;
	part_show_locked(run, part, part->told.items.len, part->told.items_count);
	return finished_locked(run, part);
}

/* Who waits for a part looks again: the order moved on, or all are finished. */
static uint64_t moved_on_locked(struct run *run) REQUIRES(run->lock)
{
	return run->ordered || parts_all_finished_locked(run) ? parts_waiters_locked(run) : 0;
}

void run_part_final(struct run *run, struct part *part)
{
	lock_take(&run->lock);
	part_of(part)->final = true;
	lock_drop(&run->lock);
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
	counts_save_locked(run, &mine->told);
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
	counts_unsave_locked(run, &part->told);
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
	part_list_remove(&parts->claimed, part);
	parts->claimed_count--;
	if (changed && part->not_before_ms > 0 && parts->parked_count >= RUN_PARKED_MAX) {
		/* It waits in the store, once the commit with its new time is there. */
		bool kept = leave_locked(run, part);

		parts_stored_locked(run, part->not_before_ms);
		run_part_free(part);
		return kept;
	}
	return parts_unclaimed_locked(run, part);
}

static void give_back(struct run *run, struct part *part, bool changed)
{
	uint64_t wake;
	bool kept;

	lock_take(&run->lock);
	kept = give_back_locked(run, part_of(part), changed);
	wake = parts_waiter_locked(run);
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

bool checkpoint_put_locked(struct run *run, unsigned lane, const void *blob, size_t len)
{
	struct changes *changes = changes_locked(run);
	struct checkpoint_row row = {.lane = lane, .len = blob ? len : 0};
	size_t i = 0;

	while (i < changes->checkpoints_count && changes->checkpoints[i].lane != lane)
		i++;
	/* One that this commit replaces leaves its place, so that often is not much. */
	if (blob && i < changes->checkpoints_count && changes->checkpoints[i].blob &&
	    changes->checkpoints[i].len >= len) {
		memcpy((void *)changes->checkpoints[i].blob, blob, len);
		changes->checkpoints[i].len = len;
		return true;
	}
	if (blob) {
		row.blob = arena_copy(&changes->arena, blob, len);
		if (!row.blob)
			return false;
	}
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

/* The blob waits with the last part that it covers until that is shown. */
static bool checkpoint_wait_locked(struct run *run, const struct checkpoint_row *row, uint64_t last)
	REQUIRES(run->lock)
{
	struct run_part *part = part_map_get(&run->parts->map, last);
	void *blob = malloc(row->len + 1);

	assert(part);
	if (!blob)
		return false;
	memcpy(blob, row->blob, row->len);
	part->checkpoint = *row;
	part->checkpoint.blob = blob;
	run->parts->finished_bytes += row->len;
	return true;
}

enum run_answer run_checkpoint(struct run *run, unsigned lane, const void *blob, size_t len,
			       const uint64_t *parts_covered, size_t count)
{
	struct checkpoint_row row = {.lane = lane, .blob = blob, .len = len};
	uint64_t wake = 0;
	bool kept;

	lock_take(&run->lock);
	if (atomic_load_explicit(&run->unsaved, memory_order_relaxed) > RUN_UNSAVED_BYTES_MAX) {
		run->want_room |= UINT64_C(1) << lane;
		lock_drop(&run->lock);
		return RUN_FULL;
	}
	kept = run->ordered && blob && count > 0
		       ? checkpoint_wait_locked(run, &row, parts_covered[count - 1])
		       : checkpoint_put_locked(run, lane, blob, len);
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
