/* SPDX-License-Identifier: MIT */
/* writer.c - the one thread that writes: queue, batches, checkpoints.
 *
 * A batch
 *   1. everything that queued up meanwhile is taken, at most STORE_BATCH_OPS_MAX;
 *   2. BEGIN IMMEDIATE; each operation is applied; jobs that are due are moved;
 *   3. the row of the batch's events; COMMIT (one fsync);
 *   4. counts and numbers are published; on_events, the callbacks, on_told are called;
 *   5. result files of deleted jobs are unlinked, a checkpoint is made when due.
 * Between batches goes a slice of what deleted jobs have left over (op_delete.c): at once
 * while nothing is queued, else each STORE_SLICE_MS.
 * While it does, the next batch gathers: group commit needs no timer.  Lazy
 * operations alone wait STORE_LAZY_MS for company.
 *
 * An operation that fails by its own fault (SQLite refuses what it asks for, while disk and
 * memory are well) is told ERR_INTERNAL; the batch is rolled back and applied without it.
 *
 * A batch that fails
 *   Everything in it is told ERR_STORE or ERR_DISK_FULL.  If it was the COMMIT that
 *   failed, its outcome is unknown (it may still be there after a crash), so nothing
 *   in memory is believed: the connection is closed, store_put() refuses, and every
 *   STORE_REOPEN_MS the database is opened, counted and tried with a write.
 */
#include "store/room.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { IDLE_MS = 1000, DISK_CHECK_MS = 1000, DUE_LOOK_MS = 1000, PAGE_BYTES = 4096 };

/* ---- lists ---- */

void op_list_init(struct op_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

void op_list_add(struct op_list *list, struct store_op *op)
{
	op->next = NULL;
	*list->end = op;
	list->end = &op->next;
}

struct store_op *op_list_pop(struct op_list *list)
{
	struct store_op *op = list->first;

	if (op) {
		list->first = op->next;
		if (!list->first)
			list->end = &list->first;
	}
	return op;
}

void op_list_move(struct op_list *to, struct op_list *from)
{
	struct store_op *op;

	while ((op = op_list_pop(from)))
		op_list_add(to, op);
}

static void op_tell(struct store_op *op)
{
	if (op->done)
		op->done(op);
	else
		free(op);
}

static void list_fail(struct op_list *list, const struct err *err)
{
	struct store_op *op;

	while ((op = op_list_pop(list))) {
		if (op->err.code == ERR_NONE)
			op->err = *err;
		op_tell(op);
	}
}

/* ---- the queue ---- */

static size_t commit_bytes(const struct op_commit *commit)
{
	size_t bytes = commit->results_len;

	for (size_t i = 0; i < commit->parts_added_count; i++)
		bytes += commit->parts_added[i].key_len + commit->parts_added[i].input_len;
	for (size_t i = 0; i < commit->parts_changed_count; i++)
		bytes += commit->parts_changed[i].resume_len;
	for (size_t i = 0; i < commit->checkpoints_count; i++)
		bytes += commit->checkpoints[i].len;
	return bytes;
}

/* About the memory that an operation holds while it waits. */
static size_t op_bytes(const struct store_op *op)
{
	const struct op_submit *submit = CONTAINER_OF(op, struct op_submit, op);
	size_t bytes = 256;

	switch (op->kind) {
	case OP_SUBMIT:
		for (size_t i = 0; i < submit->count; i++)
			bytes += sizeof(struct job) +
				 (submit->jobs[i].body ? strlen(submit->jobs[i].body) : 0);
		return bytes;
	case OP_COMMIT:
		return bytes + commit_bytes(CONTAINER_OF(op, struct op_commit, op));
	case OP_FINISH:
		return bytes + commit_bytes(&CONTAINER_OF(op, struct op_finish, op)->last);
	case OP_KV:
		return bytes + CONTAINER_OF(op, struct op_kv, op)->len;
	default:
		return bytes;
	}
}

static void queue_add(struct store *store, struct store_op *op) REQUIRES(store->queue_lock)
{
	op_list_add(&store->queue, op);
	store->queued_ops++;
	store->queued_bytes += op->bytes;
	if (!op->lazy)
		store->urgent_ops++;
	else if (store->lazy_since_ms == 0)
		store->lazy_since_ms = clock_ms();
}

int store_put(struct store *store, struct store_op *op, struct err *err)
{
	size_t bytes = op_bytes(op);
	enum err_code broken;
	bool full, wake;

	lock_take(&store->queue_lock);
	broken = store->closing ? ERR_STORE : store->published.broken;
	full = store->queued_ops >= STORE_QUEUE_OPS_MAX ||
	       (store->queued_ops > 0 && store->queued_bytes + bytes > STORE_QUEUE_BYTES_MAX);
	if (!broken && !full) {
		op->bytes = bytes;
		op->filed = false;
		op->err = (struct err){.code = ERR_NONE};
		queue_add(store, op);
	}
	/* The writer sleeps only while nothing is urgent: one signal wakes it. */
	wake = store->urgent_ops == 1 || op->lazy;
	lock_drop(&store->queue_lock);
	if (broken)
		return err_set(err, broken, "the store is not writable now");
	if (full)
		return err_set(err, ERR_STORE, "too many writes are waiting for the disk");
	if (wake)
		cond_signal(&store->queue_filled);
	return 0;
}

void writer_return(struct store *store, struct op_list *ops)
{
	struct store_op *op;

	lock_take(&store->queue_lock);
	while ((op = op_list_pop(ops))) {
		store->away_ops--;
		op_list_add(&store->queue, op);
		store->queued_ops++;
		store->queued_bytes += op->bytes;
		store->urgent_ops++;
	}
	lock_drop(&store->queue_lock);
	cond_signal(&store->queue_filled);
}

/* When the writer should look up, on the monotonic clock. */
static int64_t wake_ms(const struct store *store) REQUIRES(store->queue_lock)
{
	int64_t now_ms = clock_ms();
	int64_t until_ms = now_ms + IDLE_MS * 3600LL;

	if (store->lazy_since_ms)
		until_ms = store->lazy_since_ms + STORE_LAZY_MS;
	if (store->wal_pages > store->wal_pages_copied)
		until_ms = MIN(until_ms, now_ms + IDLE_MS);
	if (store->due_ms) { /* looked at again each second: the wall clock may jump */
		int64_t in_ms = store->due_ms - clock_wall_ms();

		until_ms = MIN(until_ms, now_ms + MIN(MAX(in_ms, 0), DUE_LOOK_MS));
	}
	return until_ms;
}

static bool due_now(const struct store *store)
{
	return store->due_ms && store->due_ms <= clock_wall_ms();
}

/* Not while disk space is low: the WAL of a slice takes some, and frees none. */
static bool slice_wanted(const struct store *store)
{
	return store->leftovers && !store->disk_low;
}

static bool queue_ready(const struct store *store) REQUIRES(store->queue_lock)
{
	return store->urgent_ops > 0 || store->closing || due_now(store) || slice_wanted(store) ||
	       store->queued_ops >= STORE_BATCH_OPS_MAX ||
	       (store->lazy_since_ms && clock_ms() >= store->lazy_since_ms + STORE_LAZY_MS);
}

enum wake { WAKE_WORK, WAKE_IDLE, WAKE_END };

/* Waits for work and takes a batch of it. */
static enum wake queue_take(struct store *store, struct op_list *ret_ops)
{
	enum wake wake = WAKE_WORK;
	size_t count = 0;

	op_list_init(ret_ops);
	lock_take(&store->queue_lock);
	while (!queue_ready(store) && wake == WAKE_WORK)
		if (!cond_wait_until(&store->queue_filled, &store->queue_lock, wake_ms(store)) &&
		    !queue_ready(store) && store->queued_ops == 0)
			wake = WAKE_IDLE;
	while (count < STORE_BATCH_OPS_MAX && store->queue.first) {
		struct store_op *op = op_list_pop(&store->queue);

		store->queued_ops--;
		store->queued_bytes -= op->bytes;
		if (!op->lazy || op->filed)
			store->urgent_ops--;
		op_list_add(ret_ops, op);
		count++;
	}
	store->lazy_since_ms = store->queued_ops > store->urgent_ops ? clock_ms() : 0;
	if (store->closing && count == 0) {
		/* what the results thread still has comes back first */
		while (store->away_ops > 0 && !store->queue.first)
			cond_wait(&store->queue_filled, &store->queue_lock);
		wake = store->queue.first ? WAKE_WORK : WAKE_END;
	}
	lock_drop(&store->queue_lock);
	return wake;
}

/* ---- checkpoints, disk space ---- */

/* Copies the WAL into the database.  A busy reader makes it partial and the next one
 * goes on; nobody is waited for. */
static void checkpoint(struct store *store)
{
	int pages = 0, copied = 0;
	int mode = store->wal_pages * PAGE_BYTES > STORE_CHECKPOINT_TRUNCATE_BYTES
			   ? SQLITE_CHECKPOINT_TRUNCATE
			   : SQLITE_CHECKPOINT_PASSIVE;

	sqlite3_busy_timeout(store->db.handle, 0);
	sqlite3_wal_checkpoint_v2(store->db.handle, NULL, mode, &pages, &copied);
	sqlite3_busy_timeout(store->db.handle, STORE_BUSY_MS);
	store->wal_pages = MAX(pages, 0);
	store->wal_pages_copied = MAX(copied, 0);
}

int writer_wal_hook(void *store_ptr, sqlite3 *handle, const char *name, int pages)
{
	struct store *store = store_ptr;

	(void)handle;
	(void)name;
	if (pages < store->wal_pages) /* it began from its start again */
		store->wal_pages_copied = 0;
	store->wal_pages = pages;
	return SQLITE_OK;
}

static int64_t wal_pages_new(const struct store *store)
{
	return store->wal_pages - store->wal_pages_copied;
}

static void disk_check(struct store *store)
{
	struct statvfs fs;
	int64_t now_ms = clock_ms();
	int64_t free_bytes;

	if (store->checked_ms && now_ms - store->checked_ms < DISK_CHECK_MS)
		return;
	store->checked_ms = now_ms;
	if (statvfs(store->dir, &fs))
		return;
	free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	store->disk_low = free_bytes < STORE_DISK_FREE_BYTES_MIN;
	lock_take(&store->queue_lock);
	store->published.disk_free_bytes = free_bytes;
	lock_drop(&store->queue_lock);
}

/* ---- one batch ---- */

static int op_apply(struct batch *batch, struct store_op *op, bool *ret_away, struct err *err)
{
	*ret_away = false;
	if (op->filed) {
		results_returned(batch->store, op);
		if (op->err.code) /* its lines could not be written */
			return 0;
	}
	switch (op->kind) {
	case OP_SUBMIT:
		return apply_submit(batch, CONTAINER_OF(op, struct op_submit, op), err);
	case OP_MOVE:
		return apply_move(batch, CONTAINER_OF(op, struct op_move, op), err);
	case OP_PATCH:
		return apply_patch(batch, CONTAINER_OF(op, struct op_patch, op), err);
	case OP_DELETE:
		return apply_delete(batch, CONTAINER_OF(op, struct op_delete, op), err);
	case OP_START:
		return apply_start(batch, CONTAINER_OF(op, struct op_start, op), err);
	case OP_COMMIT:
		return apply_commit(batch, CONTAINER_OF(op, struct op_commit, op), ret_away, err);
	case OP_FINISH:
		return apply_finish(batch, CONTAINER_OF(op, struct op_finish, op), ret_away, err);
	case OP_KV:
		return apply_kv(batch, CONTAINER_OF(op, struct op_kv, op), err);
	case OP_NOTE:
		return apply_note(batch, CONTAINER_OF(op, struct op_note, op), err);
	case OP_SWEEP:
		return apply_sweep(batch, CONTAINER_OF(op, struct op_sweep, op), err);
	}
	err_set(&op->err, ERR_INTERNAL, "unknown operation");
	return 0;
}

static int batch_apply(struct batch *batch, struct op_list *ops, struct err *err)
{
	struct store_op *op;
	bool more = due_now(batch->store);

	while ((op = op_list_pop(ops))) {
		bool away;

		if (op_apply(batch, op, &away, err)) {
			batch->failed = op;
			return -1;
		}
		op_list_add(away ? &batch->away : &batch->ops, op);
		batch->ops_count++;
	}
	return more ? apply_due(batch, err) : 0;
}

/* A batch that only diverts or refuses has nothing to make durable, but COMMIT of
 * an unchanged transaction costs no fsync, so it is not a case of its own. */
static int batch_write(struct batch *batch, struct op_list *ops, struct err *err)
{
	for (;;) {
		bool alone;

		if (results_mark(batch->store, err) || batch_begin(batch, err))
			return -1;
		if (batch_apply(batch, ops, err) == 0 && batch_commit(batch, err) == 0)
			return 0;
		alone = batch->failed && err->code == ERR_STORE && db_refused(batch->db);
		batch_rollback(batch);
		if (!alone)
			return -1;
		batch_again(batch, ops, err);
	}
}

static void away_send(struct batch *batch)
{
	struct store *store = batch->store;
	size_t count = 0;

	if (!batch->away.first)
		return;
	for (struct store_op *op = batch->away.first; op; op = op->next)
		count++;
	lock_take(&store->queue_lock);
	store->away_ops += count;
	lock_drop(&store->queue_lock);
	results_send(store, &batch->away);
}

static void batch_tell(struct batch *batch)
{
	struct store *store = batch->store;
	struct store_op *op;

	if (batch->events_count && store->config.on_events)
		store->config.on_events(store->config.ctx, batch->events, batch->events_count);
	op_list_move(&batch->ops, &batch->hopeless);
	while ((op = op_list_pop(&batch->ops)))
		op_tell(op);
	if (store->config.on_told)
		store->config.on_told(store->config.ctx);
	for (size_t i = 0; i < batch->unlinks_count; i++)
		results_unlink(store, &batch->unlinks[i]);
}

/* ---- failing, and getting up again ---- */

static void broken_set(struct store *store, enum err_code code)
{
	lock_take(&store->queue_lock);
	store->published.broken = code;
	lock_drop(&store->queue_lock);
}

static void queue_fail(struct store *store, const struct err *err)
{
	struct op_list ops;
	struct store_op *op;

	op_list_init(&ops);
	lock_take(&store->queue_lock);
	while ((op = op_list_pop(&store->queue)))
		op_list_add(&ops, op);
	store->queued_ops = store->urgent_ops = store->queued_bytes = 0;
	store->lazy_since_ms = 0;
	lock_drop(&store->queue_lock);
	for (op = ops.first; op; op = op->next)
		if (op->filed)
			results_returned(store, op);
	list_fail(&ops, err);
}

/* The connection is opened anew, what it holds is counted, and one write is tried. */
static int reopen(struct store *store, struct err *err)
{
	db_close(&store->db);
	if (store_db_open(store, &store->db, DB_WRITER, err))
		return -1;
	if (db_run(&store->db, SQL_BEGIN, err) ||
	    db_exec(&store->db, "INSERT OR REPLACE INTO kv VALUES ('store', 'probe', x'00')",
		    err) ||
	    db_run(&store->db, SQL_COMMIT, err))
		return -1;
	return store_count(store, err);
}

/* Waits STORE_REOPEN_MS or for the end; true: the store is closing. */
static bool pause_broken(struct store *store)
{
	int64_t until_ms = clock_ms() + STORE_REOPEN_MS;
	bool closing;

	lock_take(&store->queue_lock);
	while (!store->closing && clock_ms() < until_ms)
		cond_wait_until(&store->queue_filled, &store->queue_lock, until_ms);
	closing = store->closing;
	lock_drop(&store->queue_lock);
	return closing;
}

/* Until the store can be written again.  -1: it is closing. */
static int recover(struct store *store, struct err *err)
{
	for (;;) {
		queue_fail(store, err);
		if (reopen(store, err) == 0)
			break;
		if (pause_broken(store))
			return -1;
	}
	broken_set(store, ERR_NONE);
	return 0;
}

static void batch_fail(struct batch *batch, struct op_list *ops, struct err *err)
{
	if (err->code != ERR_DISK_FULL && err->code != ERR_NO_MEMORY)
		err->code = ERR_STORE;
	/* first: who is told of the failure finds the door closed */
	broken_set(batch->store, err->code == ERR_DISK_FULL ? ERR_DISK_FULL : ERR_STORE);
	for (struct store_op *op = batch->away.first; op; op = op->next)
		results_returned(batch->store, op);
	if (batch->failed)
		op_list_add(&batch->ops, batch->failed);
	op_list_move(&batch->ops, &batch->hopeless);
	list_fail(&batch->ops, err);
	list_fail(&batch->away, err);
	for (struct store_op *op = ops->first; op; op = op->next)
		if (op->filed)
			results_returned(batch->store, op);
	list_fail(ops, err);
}

/* The store closes and cannot be written: what the results thread has is told so. */
static void away_fail(struct store *store)
{
	struct err err;

	lock_take(&store->queue_lock);
	while (store->away_ops > 0)
		cond_wait(&store->queue_filled, &store->queue_lock);
	lock_drop(&store->queue_lock);
	err_set(&err, ERR_STORE, "the store is not writable and closes");
	queue_fail(store, &err);
}

/* ---- the thread ---- */

/* false: the store closes and cannot be written. */
static bool batch_work(struct store *store, struct batch *batch, struct op_list *ops)
{
	struct err err;

	batch_clear(batch);
	if (batch_write(batch, ops, &err)) {
		batch_fail(batch, ops, &err);
		return recover(store, &err) == 0;
	}
	batch_tell(batch);
	away_send(batch);
	return true;
}

/* The same for a slice of what deleted jobs have left over. */
static bool slice_work(struct store *store, struct batch *batch)
{
	struct op_list none;
	struct err err;
	int rc;

	op_list_init(&none);
	batch_clear(batch);
	rc = batch_begin(batch, &err);
	if (rc == 0)
		rc = leftovers_drop(batch, &err);
	if (rc == 0)
		rc = batch_commit(batch, &err);
	store->slice_ms = clock_ms() + STORE_SLICE_MS;
	if (rc == 0)
		return true;
	store->leftovers = false; /* one that fails for ever must not stop all else */
	batch_rollback(batch);
	batch_fail(batch, &none, &err);
	return recover(store, &err) == 0;
}

static bool work_once(struct store *store, struct batch *batch)
{
	struct op_list ops;
	enum wake wake = queue_take(store, &ops);
	bool idle = !ops.first && !due_now(store);

	if (wake == WAKE_END)
		return false;
	if (wake == WAKE_IDLE) {
		checkpoint(store);
		return true;
	}
	disk_check(store);
	if (!idle && !batch_work(store, batch, &ops))
		return false;
	if (slice_wanted(store) && (idle || clock_ms() >= store->slice_ms) &&
	    !slice_work(store, batch))
		return false;
	if (wal_pages_new(store) >= STORE_CHECKPOINT_PAGES)
		checkpoint(store);
	return true;
}

void *writer_main(void *store_ptr)
{
	struct store *store = store_ptr;
	struct batch batch;

	batch_init(&batch, store);
	while (work_once(store, &batch))
		;
	away_fail(store);
	batch_done(&batch);
	return NULL;
}
