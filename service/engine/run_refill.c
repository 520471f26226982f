/* SPDX-License-Identifier: MIT */
/* run_refill.c - what a run reads from the store: what earlier attempts left, and the
 * parts that found no room in memory.  run.h says why no part is taken twice.
 *
 * A refill: refill_begin (under the lock: how much) → read → refill_end (under the
 * lock: what is new here goes into the queue, the lanes that wait are woken).
 */
#include "base/clock.h"
#include "base/limits.h"
#include "service/engine/engine_core.h"
#include "service/engine/run.h"

#include <stdlib.h>
#include <string.h>

enum { REFILL_PARTS = RUN_PART_WINDOW_MAX / 2, REFILL_BYTES_MAX = 1024 * 1024 * 1024 };

/* ---- when an attempt begins ---- */

static int key_seen(void *ctx, uint64_t number, const char *key, size_t len)
{
	struct parts *parts = ctx;

	(void)number;
	switch (seen_add(&parts->seen, fingerprint_of(key, len))) {
	case SEEN_FULL:
		if (parts->seen.count < parts->seen.max)
			return -1;
		parts->uncertain = true;
		break;
	default:
		break;
	}
	return 0;
}

/* The parts of earlier attempts, all of them in the store. */
static int parts_left(struct run *run, const struct parts_summary *left, struct err *err)
{
	struct parts *parts;
	int rc;

	lock_take(&run->lock);
	parts = run_parts_locked(run);
	run->parts = NULL; /* nobody looks at it until it is whole */
	lock_drop(&run->lock);
	if (!parts)
		return err_set(err, ERR_NO_MEMORY, "no memory for the job's parts");
	parts->next_number = left->next_number;
	parts->all = left->pending + left->done + left->failed;
	parts->done = left->done;
	parts->failed = left->failed;
	parts->stored = left->pending;
	rc = store_parts_keys(run->engine->config.store, &run->id, key_seen, parts, err);
	lock_take(&run->lock);
	run->parts = parts;
	run->progress_done = left->done + left->failed; /* the rate is this attempt's */
	lock_drop(&run->lock);
	return rc ? err_wrap(err, "cannot read the keys of the job's parts") : 0;
}

static int failures_left(struct run *run, struct err *err)
{
	int64_t counts[ERR_CODES];

	if (store_errors_count(run->engine->config.store, &run->id, counts, err))
		return err_wrap(err, "cannot count the job's failed items");
	lock_take(&run->lock);
	memcpy(run->failed_by, counts, sizeof(counts));
	lock_drop(&run->lock);
	return 0;
}

int run_left_load(struct run *run, struct err *err)
{
	struct store *store = run->engine->config.store;
	struct parts_summary left;

	if (store_parts_summary(store, &run->id, &left, err))
		return err_wrap(err, "cannot read the job's parts");
	if (left.next_number > 0 && parts_left(run, &left, err))
		return -1;
	if (left.failed > 0 && failures_left(run, err))
		return -1;
	if (store_checkpoints(store, &run->id, &run->left_checkpoints, &run->left_checkpoints_count,
			      &run->left_arena, err))
		return -1;
	lock_take(&run->lock);
	counts_left_locked(run);
	lock_drop(&run->lock);
	return 0;
}

void run_left(const struct run *run, struct run_left *ret) NO_LOCK_ANALYSIS
{
	struct run *mine = (struct run *)run; /* the lock changes, nothing else */

	*ret = (struct run_left){.checkpoints = (unsigned)run->left_checkpoints_count};
	lock_take(&mine->lock);
	ret->items = mine->items;
	if (mine->parts) {
		ret->parts = mine->parts->all;
		ret->parts_done = mine->parts->done;
		ret->parts_failed = mine->parts->failed;
	}
	lock_drop(&mine->lock);
}

int64_t run_failed_by(const struct run *run, enum err_code code) NO_LOCK_ANALYSIS
{
	struct run *mine = (struct run *)run; /* as above */
	int64_t count;

	lock_take(&mine->lock);
	count = mine->failed_by[code];
	lock_drop(&mine->lock);
	return count;
}

void run_left_checkpoint(const struct run *run, unsigned i, unsigned *ret_lane,
			 const void **ret_blob, size_t *ret_len)
{
	const struct checkpoint_row *row = &run->left_checkpoints[i];

	*ret_lane = row->lane;
	*ret_blob = row->blob;
	*ret_len = row->len;
}

/* ---- refills ---- */

static bool wanted_locked(const struct run *run) REQUIRES(run->lock)
{
	const struct parts *parts = run->parts;

	/* Until it is open nobody knows whether it is ordered. */
	return parts && run->opened && !parts->refilling && !run->leaving &&
	       parts->stored > parts->stored_unsaved &&
	       MAX(parts->queue.count, parts->fifo_count) < RUN_PART_WINDOW_MAX / 4 &&
	       clock_wall_ms() >= parts->refill_at_ms;
}

bool run_refill_wanted(struct run *run)
{
	bool wanted;

	lock_take(&run->lock);
	wanted = wanted_locked(run);
	lock_drop(&run->lock);
	return wanted;
}

struct refill {
	struct part_row *rows;
	size_t count, asked;
	struct arena arena;
	uint64_t from;
	bool ordered;
	struct parts_summary left; /* when the read found less than was asked for */
	bool looked;
};

static bool refill_begin(struct run *run, struct refill *refill)
{
	bool wanted;

	lock_take(&run->lock);
	wanted = wanted_locked(run);
	if (wanted) {
		run->parts->refilling = true;
		refill->ordered = run->ordered;
		refill->from = run->parts->fifo_next;
		/* What is here may come back too: ask for that much more. */
		refill->asked = REFILL_PARTS + (run->ordered ? 0 : run->parts->map.count);
	}
	lock_drop(&run->lock);
	return wanted;
}

static int refill_read(struct run *run, struct refill *refill, struct err *err)
{
	struct store *store = run->engine->config.store;
	int rc;

	refill->rows = calloc(refill->asked, sizeof(*refill->rows));
	if (!refill->rows)
		return err_set(err, ERR_NO_MEMORY, "no memory for parts");
	refill->count = refill->asked;
	if (refill->ordered)
		rc = store_parts_load(store, &run->id, PART_PENDING, refill->from, refill->rows,
				      &refill->count, &refill->arena, err);
	else
		rc = store_parts_window(store, &run->id, clock_wall_ms(), refill->rows,
					&refill->count, &refill->arena, err);
	if (rc)
		return -1;
	if (refill->count == refill->asked)
		return 0;
	refill->looked = true;
	return store_parts_summary(store, &run->id, &refill->left, err);
}

static struct run_part *part_of_row(const struct part_row *row)
{
	struct run_part *part =
		run_part_new(row->number, row->key, row->key_len, row->input, row->input_len);

	if (!part)
		return NULL;
	if (row->resume) {
		part->resume = malloc(row->resume_len + 1);
		if (!part->resume) {
			run_part_free(part);
			return NULL;
		}
		memcpy(part->resume, row->resume, row->resume_len);
		part->part.resume = part->resume;
		part->part.resume_len = row->resume_len;
	}
	part->part.priority = row->priority;
	part->part.group = row->group;
	part->part.attempts = row->attempts;
	part->not_before_ms = row->not_before_ms;
	part->result_offset = row->result_offset;
	part->result_len = row->result_len > 0 ? row->result_len : 0;
	part->result_items = row->result_items;
	return part;
}

/* How many rows were new here. */
static size_t refill_take_locked(struct run *run, const struct refill *refill) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	size_t taken = 0;

	for (size_t i = 0; i < refill->count; i++) {
		struct run_part *part;

		if (part_map_has(&parts->map, refill->rows[i].number))
			continue;
		part = part_of_row(&refill->rows[i]);
		if (!part || !run_part_keep_locked(run, part, true)) {
			run_part_free(part);
			break;
		}
		parts->stored--;
		taken++;
	}
	return taken;
}

/* The store had nothing for us: when will it, or was a key beyond the seen set known? */
static void stored_none_locked(struct run *run, const struct parts_summary *left)
	REQUIRES(run->lock)
{
	struct parts *parts = run->parts;
	int64_t now_ms = clock_wall_ms();

	if (left->next_due_ms > now_ms)
		parts->refill_at_ms = left->next_due_ms;
	else
		parts->refill_at_ms = now_ms + RUN_COMMIT_MS;
	/* Only when all is quiet does the store's count say what is left. */
	if (parts->uncertain && left->pending == 0 && parts->map.count == 0 &&
	    parts->stored_unsaved == 0) {
		parts->all -= parts->stored;
		parts->stored = 0;
	}
}

static uint64_t refill_end(struct run *run, const struct refill *refill, bool read)
{
	struct parts *parts;
	uint64_t lanes;
	size_t taken = 0;

	lock_take(&run->lock);
	parts = run->parts;
	lanes = run->want_part;
	run->want_part = 0;
	if (parts) {
		if (read)
			taken = refill_take_locked(run, refill);
		parts->refilling = false;
		for (size_t i = 0; i < parts->late_count; i++)
			part_map_drop(&parts->map, parts->late[i]);
		parts->late_count = 0;
		parts->refill_at_ms = 0;
		if (read && taken == 0 && refill->looked)
			stored_none_locked(run, &refill->left);
	}
	lock_drop(&run->lock);
	return lanes;
}

void run_refill(struct run *run)
{
	struct refill refill = {.arena = ARENA(REFILL_BYTES_MAX)};
	struct err err;
	uint64_t lanes;
	int rc;

	if (!refill_begin(run, &refill))
		return;
	rc = refill_read(run, &refill, &err);
	lanes = refill_end(run, &refill, rc == 0);
	arena_done(&refill.arena);
	free(refill.rows);
	if (rc) {
		err_wrap(&err, "cannot read the job's parts");
		run_stop(run, RUN_FAILED, &err);
		return;
	}
	lanes_wake(run, lanes);
}
