/* SPDX-License-Identifier: MIT */
/* run_emit.c - items and failures: held with their part, then shown.
 *
 * What a part emits gathers in its own buffer.  Showing moves it into the changes of
 * the next commit, at the end of the job's results, so that one part's items stand
 * together; what an unfinished part emitted is simply dropped.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "service/engine/run.h"

#include <stdlib.h>
#include <string.h>

enum { FAILURES_LISTED_MAX = 10000 }; /* of one part; the rest is counted */

static bool full_locked(struct run *run, unsigned lane) REQUIRES(run->lock)
{
	if (atomic_load_explicit(&run->unsaved, memory_order_relaxed) <= RUN_UNSAVED_BYTES_MAX)
		return false;
	run->want_room |= UINT64_C(1) << lane;
	return true;
}

static struct told *told_of(struct run *run, struct part *part) REQUIRES(run->lock)
{
	return part ? &CONTAINER_OF(part, struct run_part, part)->told : &run->tail;
}

/* Room for more items, or why not. */
static enum run_answer room_locked(struct run *run, unsigned lane, struct told *told, size_t len,
				   struct err *err) REQUIRES(run->lock)
{
	if (full_locked(run, lane))
		return RUN_FULL;
	if (buf_room(&told->items, len))
		return RUN_OK;
	err_set(err, ERR_LIMIT, "a part's items have more than %d bytes", RUN_PART_BYTES_MAX);
	buf_cut(&told->items, told->items.len);
	return RUN_ERROR;
}

enum run_answer run_emit(struct run *run, unsigned lane, struct part *part, const char *item,
			 size_t len, struct err *err)
{
	enum run_answer answer;
	struct told *told;

	if (len > ITEM_BYTES_MAX) {
		err_set(err, ERR_LIMIT, "an item of %zu bytes; %d is the most", len,
			ITEM_BYTES_MAX);
		return RUN_ERROR;
	}
	lock_take(&run->lock);
	told = told_of(run, part);
	answer = room_locked(run, lane, told, len + 1, err);
	if (answer == RUN_OK) {
		buf_add(&told->items, item, len);
		buf_add_byte(&told->items, '\n');
		told->items_count++;
	}
	lock_drop(&run->lock);
	return answer;
}

enum run_answer run_emit_lines(struct run *run, unsigned lane, struct part *part, const char *lines,
			       size_t len, int64_t count, struct err *err)
{
	enum run_answer answer;
	struct told *told;

	lock_take(&run->lock);
	told = told_of(run, part);
	answer = room_locked(run, lane, told, len, err);
	if (answer == RUN_OK) {
		buf_add(&told->items, lines, len);
		told->items_count += count;
	}
	lock_drop(&run->lock);
	return answer;
}

/* A copy with its texts behind it; NULL: no memory. */
static struct failure *failure_new(const struct item_failure *from, const struct part *part)
{
	const char *key = from->key ? from->key : part ? part->key : NULL;
	size_t key_len = from->key ? strlen(from->key) : part ? part->key_len : 0;
	size_t stage_len = from->stage ? strlen(from->stage) : 0;
	size_t detail_len = strlen(from->err.detail);
	struct failure *failure =
		calloc(1, sizeof(*failure) + key_len + stage_len + detail_len + 3);
	char *at = (char *)(failure + 1);

	if (!failure)
		return NULL;
	failure->line = from->line;
	failure->offset = from->offset;
	failure->attempts = from->attempts;
	failure->code = from->err.code;
	if (key)
		failure->key = memcpy(at, key, key_len);
	at += key_len + 1;
	if (from->stage)
		failure->stage = memcpy(at, from->stage, stage_len);
	at += stage_len + 1;
	failure->detail = memcpy(at, from->err.detail, detail_len);
	return failure;
}

enum run_answer run_item_failed(struct run *run, unsigned lane, struct part *part,
				const struct item_failure *from)
{
	struct failure *failure = failure_new(from, part);
	struct told *told;
	bool full;

	lock_take(&run->lock);
	told = told_of(run, part);
	full = !failure || full_locked(run, lane);
	if (full)
		run->want_room |= UINT64_C(1) << lane;
	if (!full && told->failures_count++ < FAILURES_LISTED_MAX) {
		if (!told->failures_end)
			told->failures_end = &told->failures;
		*told->failures_end = failure;
		told->failures_end = &failure->next;
		failure = NULL;
	}
	lock_drop(&run->lock);
	free(failure);
	return full ? RUN_FULL : RUN_OK;
}

void run_good(struct run *run, int64_t count)
{
	lock_take(&run->lock);
	run->good = count;
	lock_drop(&run->lock);
}

void run_items_failed(struct run *run, struct part *part, int64_t count)
{
	lock_take(&run->lock);
	told_of(run, part)->failures_count += count;
	lock_drop(&run->lock);
}

/* ---- dropping ---- */

static void failures_free(struct failure *failure)
{
	while (failure) {
		struct failure *next = failure->next;

		free(failure);
		failure = next;
	}
}

void told_drop(struct told *told)
{
	failures_free(told->failures);
	told->failures = NULL;
	told->failures_end = NULL;
	told->failures_count = 0;
	told->items_count = 0;
	buf_clear(&told->items);
	free(told->counts);
	told->counts = NULL;
}

void told_unsave(struct run_part *part)
{
	struct told *told = &part->told;
	struct failure **at = &told->failures;

	buf_cut(&told->items, part->saved_bytes);
	told->items_count = part->saved_count;
	told->failures_count = 0;
	while (*at && (*at)->saved) {
		at = &(*at)->next;
		told->failures_count++;
	}
	failures_free(*at);
	*at = NULL;
	told->failures_end = at;
}

/* ---- showing ---- */

static char *text_copy(struct changes *changes, const char *text)
{
	return text ? arena_text(&changes->arena, text) : NULL;
}

static bool failure_show_locked(struct run *run, const struct failure *failure) REQUIRES(run->lock)
{
	struct changes *changes = changes_locked(run);

	if (!changes_grow((void **)&changes->errors, changes->errors_count, &changes->errors_room,
			  sizeof(*changes->errors)))
		return false;
	changes->errors[changes->errors_count++] =
		(struct item_error){.key = text_copy(changes, failure->key),
				    .stage = text_copy(changes, failure->stage),
				    .line = failure->line,
				    .offset = failure->offset,
				    .error = failure->code,
				    .detail = text_copy(changes, failure->detail),
				    .attempts = (uint16_t)failure->attempts};
	changes_grew_locked(run, sizeof(struct item_error) + strlen(failure->detail));
	run->failed_by[failure->code]++;
	return !arena_failed(&changes->arena);
}

void told_show_locked(struct run *run, struct told *told, size_t bytes, int64_t count)
{
	struct changes *changes = changes_locked(run);
	struct failure *next;

	if (bytes > 0 && buf_add(&changes->results, told->items.data, bytes))
		run->lost = true;
	changes->items += count;
	changes->items_failed += told->failures_count;
	run->items += count;
	run->items_failed += told->failures_count;
	run->result_bytes += (int64_t)bytes;
	for (struct failure *failure = told->failures; failure; failure = next) {
		next = failure->next;
		if (!failure_show_locked(run, failure))
			run->lost = true;
		free(failure);
	}
	told->failures = NULL;
	told->failures_end = NULL;
	told->failures_count = 0;
	told->items_count -= count;
	if (told->counts && !counts_show_locked(run, told))
		run->lost = true;
	if (bytes > 0)
		buf_drop_front(&told->items, bytes);
	if (bytes > 0)
		changes_grew_locked(run, bytes);
}

void run_tail_show(struct run *run)
{
	lock_take(&run->lock);
	counts_save_locked(run, &run->tail);
	told_show_locked(run, &run->tail, run->tail.items.len, run->tail.items_count);
	lock_drop(&run->lock);
}
