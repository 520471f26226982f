/* SPDX-License-Identifier: MIT */
/* op_delete.c - the end of jobs: delete, sweep, and the rows that are left over.
 *
 * A job is gone with the commit that deletes its row.  A million other rows of it would
 * hold the writer up for seconds, so one commit takes at most STORE_DROP_ROWS_MAX:
 *   1. the job's row, its body and tags go, and as many of the others as there is room for;
 *   2. when some are left, its number becomes a row of `leftover`, in the same commit;
 *   3. between batches the writer drops a slice of them (writer.c), and the row with the
 *      last one.
 *
 * Failure modes
 *   crash before 3 is over   `leftover` tells the next writer where to go on
 *   a slice fails            it is tried again after the next delete or at the next open
 * A new job cannot see them: its number is above all in `job` and in `leftover`.
 */
#include "store/room.h"

#include <stdlib.h>

static int job_drop(struct batch *batch, const struct head *head, struct err *err);

int apply_delete(struct batch *batch, struct op_delete *op, struct err *err)
{
	struct head head;
	int rc = head_load(batch->db, &op->id, &head, err);

	if (rc < 0)
		return -1;
	if (rc == 0)
		err_set(&op->op.err, ERR_NOT_FOUND, "no such job");
	else if (!state_is_final(head.state))
		err_set(&op->op.err, ERR_WRONG_STATE, "a %s job cannot be deleted; cancel it first",
			state_name(head.state));
	else
		return job_drop(batch, &head, err);
	return 0;
}

static int sweep_one(struct batch *batch, const struct id *id, struct err *err)
{
	struct head head;
	int rc = head_load(batch->db, id, &head, err);

	return rc == 1 ? job_drop(batch, &head, err) : rc; /* 0: deleted already */
}

int apply_sweep(struct batch *batch, struct op_sweep *op, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_IDEMPOTENCY_PRUNE);
	struct id *ids;
	size_t count;
	int rc;

	put_int(&s, op->now_ms - STORE_IDEMPOTENCY_MS);
	if (statement_run(&s, err))
		return -1;
	ids = calloc(op->limit + 1, sizeof(*ids));
	if (!ids)
		return err_set(err, ERR_NO_MEMORY, "no memory to sweep %u jobs", op->limit);
	s = db_statement(batch->db, SQL_EXPIRED_LIST);
	put_int(&s, op->now_ms);
	put_int(&s, op->limit);
	rc = statement_ids(&s, ids, op->limit, &count, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = sweep_one(batch, &ids[i], err);
	free(ids);
	op->deleted = (unsigned)count;
	return rc;
}

/* ---- rows ---- */

static int drop_run(struct batch *batch, enum sql sql, int64_t num, struct err *err)
{
	struct statement s = db_statement(batch->db, sql);

	put_int(&s, num);
	return statement_run(&s, err);
}

/* As many as this commit still has room for; *ret_all: none is left.  A look costs as much as
 * a row, so that a slice over jobs with few rows is bounded too. */
static int job_rows_drop(struct batch *batch, int64_t num, bool *ret_all, struct err *err)
{
	static const enum sql slices[] = {
		SQL_ATTEMPT_SLICE, SQL_PART_SLICE,  SQL_CHECKPOINT_SLICE, SQL_CHUNK_SLICE,
		SQL_HOLE_SLICE,	   SQL_ERROR_SLICE, SQL_EVENT_SLICE,
	};

	for (size_t i = 0; i < ARRAY_LEN(slices) && batch->drop_room > 0; i++) {
		struct statement s = db_statement(batch->db, slices[i]);

		put_int(&s, num);
		put_int(&s, batch->drop_room);
		if (statement_run(&s, err))
			return -1;
		batch->drop_room -= statement_changes(&s) + 1;
		if (batch->drop_room >= 0 && i == ARRAY_LEN(slices) - 1) {
			*ret_all = true;
			return 0;
		}
	}
	*ret_all = false;
	return 0;
}

static int job_drop(struct batch *batch, const struct head *head, struct err *err)
{
	bool all;

	/* SQL_TAG_DELETE reads the job's row, which therefore goes after it. */
	if (drop_run(batch, SQL_TAG_DELETE, head->num, err) ||
	    drop_run(batch, SQL_BODY_DELETE, head->num, err) ||
	    drop_run(batch, SQL_JOB_DELETE, head->num, err) ||
	    job_rows_drop(batch, head->num, &all, err))
		return -1;
	if (!all) {
		if (drop_run(batch, SQL_LEFTOVER_PUT, head->num, err))
			return -1;
		batch->store->leftovers = true; /* a look too many, if it is rolled back */
	}
	batch->counts[head->state]--;
	if (!head->result_filed && !atomic_load(&batch->store->bodies_any))
		return 0;
	return batch_unlink(batch, &head->id, err);
}

/* ---- leftovers ---- */

/* The number of the first job that left some; 0: none. */
static int leftover_first(struct batch *batch, int64_t *ret_num, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_LEFTOVER_FIRST);

	if (statement_next(&s, err) < 0)
		return -1;
	*ret_num = get_int(&s);
	statement_end(&s);
	return 0;
}

int leftovers_find(struct store *store, struct err *err)
{
	int64_t count;

	if (db_number(&store->db, "SELECT count(*) FROM leftover", &count, err))
		return -1;
	store->leftovers = count > 0;
	return 0;
}

int leftovers_drop(struct batch *batch, struct err *err)
{
	while (batch->drop_room > 0) {
		int64_t num;
		bool all;

		if (leftover_first(batch, &num, err))
			return -1;
		if (num == 0) {
			batch->store->leftovers = false;
			return 0;
		}
		if (job_rows_drop(batch, num, &all, err) ||
		    (all && drop_run(batch, SQL_LEFTOVER_DROP, num, err)))
			return -1;
	}
	return 0;
}
