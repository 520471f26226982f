/* SPDX-License-Identifier: MIT */
/* run_commit.c - what changed since the last commit, made durable.
 *
 * Two sets of changes: one gathers while the other is at the store.  A commit is due
 * RUN_COMMIT_MS after the last was handed over, or as soon as much has gathered or a
 * lane waits for what it brings (`hurry`).  Work that computes waits TWENTY times as
 * long as the last commit took, so that commits cost less than 5 % of the time; work
 * that fetches does not, so that a crash repeats RUN_COMMIT_MS of it at most.
 *
 * Posting fails only when the store's queue is full or it stopped: the set then
 * stays sealed (`commit_unposted`) and is offered again by housekeeping.
 *
 * What may become of an operation
 *   committed
 *   refused        the attempt ended meanwhile (cancel, resume): nothing more is kept
 *   a commit fails the disk is full or broken, and whether it was written is unknown:
 *                  writing it again might show items twice.  The attempt fails; what
 *                  came later is dropped, and a later attempt goes on from the store
 *   the end fails  it is posted again: written twice, the second is refused
 *   is hopeless    the store can never write it: the job fails, without what it brought
 *   a start fails  it is told again
 */
#include "base/clock.h"
#include "base/limits.h"
#include "service/engine/engine_core.h"
#include "service/engine/run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	TWENTY = 20,
	COMMIT_MS_MAX = 2000, /* a crash repeats at most this much computation */
	ROOM_FIRST = 16,
	ROOM_KEPT_BYTES = 256 * 1024, /* of an array that a run leaves to the next */
};

static void commit_done(struct store_op *op);

/* ---- changes ---- */

struct changes *changes_locked(struct run *run)
{
	return &run->changes[run->gathering];
}

bool changes_grow(void **rows, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : ROOM_FIRST;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*rows, more * size);
	if (!grown)
		return false;
	*rows = grown;
	*room = more;
	return true;
}

void changes_grew_locked(struct run *run, size_t bytes)
{
	changes_locked(run)->bytes += bytes;
	atomic_fetch_add_explicit(&run->unsaved, bytes, memory_order_relaxed);
}

/* Empties an array; one that grew large is given back. */
#define ROWS_CLEAR(changes, name)                                                                  \
	do {                                                                                       \
		(changes)->name##_count = 0;                                                       \
		if ((changes)->name##_room * sizeof(*(changes)->name) > ROOM_KEPT_BYTES) {         \
			free((changes)->name);                                                     \
			(changes)->name = NULL;                                                    \
			(changes)->name##_room = 0;                                                \
		}                                                                                  \
	} while (0)

void changes_clear(struct changes *changes)
{
	arena_clear(&changes->arena);
	ROWS_CLEAR(changes, added);
	ROWS_CLEAR(changes, changed);
	ROWS_CLEAR(changes, checkpoints);
	ROWS_CLEAR(changes, errors);
	ROWS_CLEAR(changes, logs);
	ROWS_CLEAR(changes, leaving);
	if (changes->results.cap > ROOM_KEPT_BYTES)
		buf_done(&changes->results);
	else
		buf_clear(&changes->results);
	changes->stored = changes->items = changes->items_failed = 0;
	changes->bytes = 0;
	changes->progress = changes->bodies = false;
}

void changes_done(struct changes *changes)
{
	arena_done(&changes->arena);
	free(changes->added);
	free(changes->changed);
	free(changes->checkpoints);
	free(changes->errors);
	free(changes->logs);
	free(changes->leaving);
	buf_done(&changes->results);
}

static bool changes_empty(const struct changes *changes)
{
	return changes->bytes == 0 && !changes->progress;
}

/* ---- handing over ---- */

static void commit_fill(struct op_commit *commit, struct run *run, struct changes *changes)
{
	*commit = (struct op_commit){
		.op = {.kind = OP_COMMIT, .done = commit_done, .ctx = run},
		.id = run->id,
		.attempt = run->attempt,
		.started_ms = run->started_ms,
		.parts_added = changes->added,
		.parts_added_count = changes->added_count,
		.parts_changed = changes->changed,
		.parts_changed_count = changes->changed_count,
		.checkpoints = changes->checkpoints,
		.checkpoints_count = changes->checkpoints_count,
		.errors = changes->errors,
		.errors_count = changes->errors_count,
		.logs = changes->logs,
		.logs_count = changes->logs_count,
		.results = changes->results.data,
		.results_len = changes->results.len,
		.items = changes->items,
		.items_failed = changes->items_failed,
		.bodies = changes->bodies,
		.progress = changes->progress,
		.done = changes->done,
		.total = changes->total,
		.stage = changes->stage,
		.rate = changes->rate,
		.arena = &changes->arena,
	};
	/* News without work behind it need no fsync of their own. */
	commit->op.lazy = !changes->added_count && !changes->changed_count &&
			  !changes->checkpoints_count && !changes->errors_count &&
			  !changes->results.len;
}

/* Is it time, and is there anything? */
static bool due_locked(struct run *run, int64_t now_ms) REQUIRES(run->lock)
{
	const struct changes *changes = changes_locked(run);

	if (run->committing || run->lost || run->unwritten || run->leaving)
		return false;
	if (now_ms >= run->commit_at_ms)
		run_progress_seal_locked(run, changes_locked(run), false);
	if (changes_empty(changes))
		return false;
	return now_ms >= run->commit_at_ms || run->hurry ||
	       changes->bytes > RUN_UNSAVED_BYTES_MAX / 4;
}

/* The gathering set becomes the commit's; the other, empty one gathers. */
static void seal_locked(struct run *run, int64_t now_ms) REQUIRES(run->lock)
{
	struct changes *sealed = changes_locked(run);

	commit_fill(&run->commit_op, run, sealed);
	run->gathering = !run->gathering;
	changes_locked(run)->number = sealed->number + 1;
	run->committing = true;
	run->hurry = false;
	run->start_noted = true;
	run->posted_ms = now_ms;
	run->commit_at_ms = now_ms + MAX(RUN_COMMIT_MS, run->commit_every_ms);
}

static bool commit_post(struct run *run)
{
	struct err err;

	atomic_fetch_add(&run->refs, 1);
	if (store_put(run->engine->config.store, &run->commit_op.op, &err) == 0)
		return true;
	atomic_fetch_sub(&run->refs, 1); /* the caller has another one */
	return false;
}

static void lost_stop(struct run *run)
{
	struct err err;

	err_set(&err, ERR_NO_MEMORY, "no memory for what the job emitted");
	run_stop(run, RUN_FAILED, &err);
}

void run_commit(struct run *run, bool by_clock)
{
	bool due = false, lost = false;
	int64_t now_ms;

	/* After a step: only when there is enough to be worth a look. */
	if (!by_clock &&
	    atomic_load_explicit(&run->unsaved, memory_order_relaxed) < RUN_UNSAVED_BYTES_MAX / 4)
		return;
	now_ms = clock_ms();
	lock_take(&run->lock);
	lost = run->lost && !run_cancelled(run);
	if (run->committing && run->commit_unposted && by_clock && !run->leaving) {
		due = true;
	} else if (due_locked(run, now_ms)) {
		seal_locked(run, now_ms);
		due = true;
	}
	if (due)
		run->commit_unposted = false;
	lock_drop(&run->lock);
	if (lost)
		lost_stop(run);
	if (due && !commit_post(run)) {
		lock_take(&run->lock);
		run->commit_unposted = true;
		lock_drop(&run->lock);
	}
}

/* ---- committed ---- */

/* Takes numbers out of the map, or keeps them while a refill may still show them. */
static void leaving_locked(struct run *run, const struct changes *changes) REQUIRES(run->lock)
{
	struct parts *parts = run->parts;

	for (size_t i = 0; i < changes->leaving_count; i++) {
		uint64_t number = changes->leaving[i];

		if (parts->refilling && changes_grow((void **)&parts->late, parts->late_count,
						     &parts->late_room, sizeof(*parts->late)))
			parts->late[parts->late_count++] = number;
		else if (!parts->refilling)
			part_map_drop(&parts->map, number);
		/* Without memory it stays in the map: claimed by nobody, refused by refills. */
	}
}

static void committed_locked(struct run *run, struct changes *changes) REQUIRES(run->lock)
{
	int64_t took_ms = clock_ms() - run->posted_ms;
	bool rare = !run->handler->io_bound && !run->commit_op.op.lazy;

	run->commits = changes->number;
	run->commit_every_ms = rare ? MIN(took_ms * TWENTY, COMMIT_MS_MAX) : 0;
	if (run->parts) {
		run->parts->stored_unsaved -= changes->stored;
		leaving_locked(run, changes);
	}
}

/* The attempt has ended in the store; or the store failed, and may work again later. */
static bool refused(const struct store_op *op)
{
	return op->err.code == ERR_WRONG_STATE || op->err.code == ERR_NOT_FOUND;
}

/* On the writer thread. */
static void commit_done(struct store_op *op)
{
	struct run *run = op->ctx;
	/* Once `committing` is false the operation may be filled anew. */
	bool kept = op->err.code == ERR_NONE, gone = refused(op);
	struct err err = op->err;
	uint64_t lanes;
	bool starving;

	lock_take(&run->lock);
	if (kept)
		committed_locked(run, &run->changes[!run->gathering]);
	atomic_fetch_sub_explicit(&run->unsaved, run->changes[!run->gathering].bytes,
				  memory_order_relaxed);
	changes_clear(&run->changes[!run->gathering]);
	run->committing = false;
	run->unwritten |= !kept;
	run->refused |= gone;
	lanes = run->want_room;
	run->want_room = 0;
	starving = run->want_part && run->parts && run->parts->stored > 0;
	lock_drop(&run->lock);
	if (gone)
		run_stop(run, RUN_CANCELLED, NULL);
	else if (!kept)
		run_stop(run, RUN_FAILED, &err);
	lanes_wake(run, lanes);
	if (starving)
		engine_kick(run->engine);
	run_unref(run);
}

/* ---- the start, told late ---- */

static void start_done(struct store_op *op)
{
	struct run *run = op->ctx;

	bool gone = refused(op); /* cancelled, or paused, before it was told */

	lock_take(&run->lock);
	run->refused |= gone;
	if (op->err.code != ERR_NONE && !gone)
		run->start_noted = false;
	lock_drop(&run->lock);
	if (gone)
		run_stop(run, RUN_CANCELLED, NULL);
	run_unref(run);
}

static bool start_post(struct run *run, bool lazy, store_op_done *done)
{
	struct err err;

	run->start_op = (struct op_start){
		.op = {.kind = OP_START, .lazy = lazy, .done = done, .ctx = run},
		.id = run->id,
		.attempt = run->attempt,
		.started_ms = run->started_ms,
	};
	atomic_fetch_add(&run->refs, 1);
	if (store_put(run->engine->config.store, &run->start_op.op, &err) == 0)
		return true;
	run_unref(run);
	return false;
}

void run_note_start(struct run *run)
{
	bool note;

	lock_take(&run->lock);
	note = !run->start_noted && !run->leaving;
	run->start_noted = true;
	lock_drop(&run->lock);
	if (!note)
		return;
	if (start_post(run, true, start_done))
		return;
	lock_take(&run->lock);
	run->start_noted = false;
	lock_drop(&run->lock);
}

/* On the writer thread. */
static void start_first_done(struct store_op *op)
{
	struct run *run = op->ctx;
	bool gone = refused(op);

	lock_take(&run->lock);
	run->refused |= gone;
	lock_drop(&run->lock);
	if (op->err.code != ERR_NONE)
		run_stop(run, gone ? RUN_CANCELLED : RUN_FAILED, gone ? NULL : &op->err);
	engine_hand_over(run);
	run_unref(run);
}

bool run_note_start_first(struct run *run)
{
	lock_take(&run->lock);
	run->start_noted = true;
	lock_drop(&run->lock);
	if (start_post(run, false, start_first_done))
		return true;
	lock_take(&run->lock);
	run->start_noted = false;
	lock_drop(&run->lock);
	return false;
}

/* ---- the end ---- */

/* The end becomes a failure that leaves nothing but what the store has; false: it was one. */
static bool hopeless_locked(struct run *run, const struct err *why) REQUIRES(run->lock)
{
	struct op_finish *finish = &run->finish_op;

	if (run->given_up)
		return false;
	run->unwritten = true;
	run->err = *why;
	finish->move = JOB_MOVE_FAIL;
	finish->error = run->err.code;
	finish->error_detail = run->err.detail;
	return true;
}

static void finish_done(struct store_op *op)
{
	struct run *run = op->ctx;
	bool again;

	lock_take(&run->lock);
	/* Lines of a file are refused when those before them are missing. */
	again = op->err.code != ERR_NONE && (!refused(op) || (run->unwritten && !run->given_up));
	run->refused |= op->err.code != ERR_NONE && op->err.code != ERR_INTERNAL;
	if (op->err.code == ERR_INTERNAL)
		again = hopeless_locked(run, &op->err);
	lock_drop(&run->lock);
	if (again)
		engine_unposted_add(run);
	else
		engine_run_drop(run);
}

/* Without what a failed commit is missing under it, the end is that of an attempt which
 * leaves nothing but what the store has. */
static void give_up_locked(struct run *run) REQUIRES(run->lock)
{
	struct op_finish *finish = &run->finish_op;

	run->given_up = true;
	changes_clear(changes_locked(run));
	commit_fill(&finish->last, run, changes_locked(run));
	finish->summary = NULL;
	if (finish->move == JOB_MOVE_COMPLETE)
		finish->move = JOB_MOVE_YIELD;
}

void run_post_last(struct run *run)
{
	struct op_finish *finish = &run->finish_op;
	enum run_end end = (enum run_end)atomic_load(&run->end);
	struct changes *last;

	if (end == RUN_CANCELLED) {
		engine_run_drop(run);
		return;
	}
	lock_take(&run->lock);
	last = changes_locked(run);
	if (run->lost) {
		changes_clear(last);
		finish->move = JOB_MOVE_FAIL;
		finish->error = ERR_NO_MEMORY;
		finish->error_detail = "no memory for what the job emitted";
	}
	run_log_rest_locked(run);
	run_progress_seal_locked(run, last, true);
	commit_fill(&finish->last, run, last);
	if (finish->move == JOB_MOVE_COMPLETE || finish->move == JOB_MOVE_FAIL)
		finish->summary = run->summary.len > 0 ? run->summary.data : NULL;
	lock_drop(&run->lock);
	finish->last.op = (struct store_op){0};
	finish->op = (struct store_op){.kind = OP_FINISH, .done = finish_done, .ctx = run};
	finish->last.op.kind = OP_COMMIT;
	if (!run_post(run))
		engine_unposted_add(run);
}

bool run_post(struct run *run)
{
	struct err err;
	bool unposted;

	lock_take(&run->lock);
	unposted = run->committing && run->commit_unposted;
	run->commit_unposted = false;
	if (run->unwritten && !run->given_up)
		give_up_locked(run);
	lock_drop(&run->lock);
	if (unposted && !commit_post(run)) {
		lock_take(&run->lock);
		run->commit_unposted = true;
		lock_drop(&run->lock);
		return false;
	}
	return store_put(run->engine->config.store, &run->finish_op.op, &err) == 0;
}
