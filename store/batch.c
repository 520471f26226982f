/* SPDX-License-Identifier: MIT */
/* batch.c - one transaction: what it changes in memory becomes true with its COMMIT. */
#include "store/room.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

void batch_init(struct batch *batch, struct store *store)
{
	*batch = (struct batch){.store = store, .arena = ARENA(STORE_EVENT_BYTES_MAX)};
	op_list_init(&batch->ops);
	op_list_init(&batch->away);
	op_list_init(&batch->hopeless);
}

void batch_done(struct batch *batch)
{
	free(batch->events);
	free(batch->unlinks);
	arena_done(&batch->arena);
}

/* Nothing was applied yet. */
static void batch_empty(struct batch *batch)
{
	op_list_init(&batch->ops);
	op_list_init(&batch->away);
	batch->failed = NULL;
	batch->ops_count = 0;
	batch->events_count = 0;
	batch->unlinks_count = 0;
	batch->drop_room = STORE_DROP_ROWS_MAX;
	arena_clear(&batch->arena);
	memset(batch->counts, 0, sizeof(batch->counts));
	batch->db = &batch->store->db;
	batch->first_seq = batch->store->next_seq;
}

void batch_clear(struct batch *batch)
{
	batch_empty(batch);
	op_list_init(&batch->hopeless);
	batch->now_ms = clock_wall_ms();
}

/* What an operation brought of a row that is not there any more. */
static void op_forget(struct store_op *op)
{
	if (op->kind == OP_MOVE)
		job_done(&CONTAINER_OF(op, struct op_move, op)->job);
	if (op->kind == OP_PATCH)
		job_done(&CONTAINER_OF(op, struct op_patch, op)->job);
}

void batch_again(struct batch *batch, struct op_list *ops, const struct err *why)
{
	struct store_op *hopeless = batch->failed;
	struct op_list rest;

	for (struct store_op *op = batch->ops.first; op; op = op->next)
		op_forget(op);
	op_list_init(&rest);
	op_list_move(&rest, ops);
	op_list_move(ops, &batch->ops);
	op_list_move(ops, &batch->away);
	op_list_move(ops, &rest);
	op_forget(hopeless);
	err_set(&hopeless->err, ERR_INTERNAL, "the store cannot do this: %s", why->detail);
	op_list_add(&batch->hopeless, hopeless);
	results_rewind(batch->store);
	if (hopeless->filed)
		results_returned(batch->store, hopeless);
	db_reset(batch->db);
	batch_empty(batch);
}

int batch_unlink(struct batch *batch, const struct id *id, struct err *err)
{
	if (batch->unlinks_count == batch->unlinks_room) {
		size_t room = batch->unlinks_room ? batch->unlinks_room * 2 : 16;
		struct id *unlinks = realloc(batch->unlinks, room * sizeof(*unlinks));

		if (!unlinks)
			return err_set(err, ERR_NO_MEMORY, "no memory to delete %zu jobs", room);
		batch->unlinks = unlinks;
		batch->unlinks_room = room;
	}
	batch->unlinks[batch->unlinks_count++] = *id;
	return 0;
}

int batch_begin(struct batch *batch, struct err *err)
{
	return db_run(batch->db, SQL_BEGIN, err);
}

static void batch_publish(struct batch *batch, int64_t commit_us)
{
	struct store *store = batch->store;
	struct published *published = &store->published;

	store->next_seq = batch->first_seq + batch->events_count;
	for (unsigned state = 0; state < JOB_STATES; state++)
		store->counts[state] += batch->counts[state];
	lock_take(&store->queue_lock);
	memcpy(published->counts, store->counts, sizeof(store->counts));
	published->last_seq = store->next_seq - 1;
	published->commit_us[published->commits % COMMIT_TIMES] = (uint32_t)commit_us;
	published->commits++;
	published->operations += batch->ops_count;
	published->wal_bytes = store->wal_pages * 4096;
	lock_drop(&store->queue_lock);
}

int batch_commit(struct batch *batch, struct err *err)
{
	int64_t before_us = clock_us();

	if (events_flush(batch, err) || db_run(batch->db, SQL_COMMIT, err))
		return -1;
	batch_publish(batch, clock_us() - before_us);
	return 0;
}

void batch_rollback(struct batch *batch)
{
	struct err ignored;

	/* SQLite may have rolled back by itself already. */
	if (!sqlite3_get_autocommit(batch->db->handle))
		db_run(batch->db, SQL_ROLLBACK, &ignored);
}
