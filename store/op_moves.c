/* SPDX-License-Identifier: MIT */
/* op_moves.c - moves that are not a run's own: asked for from outside (cancel, pause,
 * resume, again), and those of jobs whose time has come.
 */
#include "store/room.h"

/* Failed parts are to be done again: what they have told counts no more.  1: go on; 0:
 * refused; -1. */
static int failed_parts(struct batch *batch, struct op_move *op, struct head *head, struct err *err)
{
	struct statement s;
	int64_t count, items, pieces;

	if (op->move != JOB_MOVE_AGAIN && op->move != JOB_MOVE_MEND)
		return 1;
	s = db_statement(batch->db, SQL_PART_FAILED);
	put_int(&s, head->num);
	if (statement_next(&s, err) != 1)
		return -1;
	count = get_int(&s);
	items = get_int(&s);
	pieces = get_int(&s);
	statement_end(&s);
	head->items -= items;
	if (op->move == JOB_MOVE_AGAIN || (count > 0 && pieces == 0))
		return 1;
	err_set(&op->op.err, ERR_ITEMS, "%s",
		pieces > 0 ? "the items of a part stand in pieces among those of others"
		: head->items_failed > 0 ? "what failed is no part of its own: retry the whole job"
					 : "no item of the job has failed");
	return 0;
}

static int again(struct batch *batch, struct head *head, int64_t at_ms, struct err *err)
{
	static const enum sql resets[] = {SQL_HOLE_MAKE, SQL_PART_AGAIN, SQL_ERROR_RESOLVE};

	for (size_t i = 0; i < ARRAY_LEN(resets); i++) {
		struct statement s = db_statement(batch->db, resets[i]);

		put_int(&s, head->num);
		if (statement_run(&s, err))
			return -1;
	}
	head->attempts_free = head->attempt; /* the whole budget anew; numbers go on */
	head->crashes = 0;
	head->items_failed = 0;
	head->ready_ms = at_ms;
	return 0;
}

/* What a move does to the attempt that is open and to the job, besides its state. */
static int move_effects(struct batch *batch, struct head *head, enum job_move move, int64_t at_ms,
			struct err *err)
{
	switch (move) {
	case JOB_MOVE_CANCEL:
		return attempt_close(batch, head, ATTEMPT_CANCELLED, at_ms, ERR_NONE, NULL, err);
	case JOB_MOVE_RESUME: /* a run that has not yielded yet is too late */
		head->ready_ms = at_ms;
		return attempt_close(batch, head, ATTEMPT_INTERRUPTED, at_ms, ERR_INTERRUPTED,
				     "paused", err);
	case JOB_MOVE_AGAIN:
	case JOB_MOVE_MEND:
		return again(batch, head, at_ms, err);
	default:
		return 0;
	}
}

/* A key that another job has taken meanwhile keeps this one where it is. */
static int unique_check(struct batch *batch, struct op_move *op, struct err *err)
{
	struct job job;
	struct statement s;
	int rc;

	/* A job that has completed still holds its key. */
	if ((op->move != JOB_MOVE_AGAIN && op->move != JOB_MOVE_MEND) || op->was == JOB_COMPLETED)
		return 0;
	if (job_load(batch->db, &op->id, false, &job, err))
		return -1;
	if (!job.unique_key) {
		job_done(&job);
		return 0;
	}
	s = db_statement(batch->db, SQL_JOB_UNIQUE);
	put_text(&s, job.unique_key);
	rc = statement_next(&s, err);
	statement_end(&s);
	if (rc == 1)
		err_set(&op->op.err, ERR_UNIQUE_CONFLICT, "another job has the unique key '%s'",
			job.unique_key);
	job_done(&job);
	return rc < 0 ? -1 : 0;
}

int apply_move(struct batch *batch, struct op_move *op, struct err *err)
{
	struct head head;
	enum job_state to;
	bool made;
	int rc = head_load(batch->db, &op->id, &head, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		err_set(&op->op.err, ERR_NOT_FOUND, "no such job");
		return 0;
	}
	op->was = head.state;
	if (!state_move(head.state, op->move, &to)) {
		err_set(&op->op.err, ERR_WRONG_STATE, "a %s job cannot %s", state_name(head.state),
			op->move == JOB_MOVE_AGAIN || op->move == JOB_MOVE_MEND
				? "be retried"
				: move_name(op->move));
		return 0;
	}
	if (unique_check(batch, op, err))
		return -1;
	if (op->op.err.code)
		return 0;
	rc = failed_parts(batch, op, &head, err);
	if (rc != 1)
		return rc;
	if (head_move(batch, &head, op->move, op->at_ms, &made, err) ||
	    move_effects(batch, &head, op->move, op->at_ms, err) || head_store(batch, &head, err))
		return -1;
	return job_load(batch->db, &op->id, false, &op->job, err);
}

/* ---- the clock ---- */

void due_sooner(struct store *store, int64_t at_ms)
{
	if (at_ms > 0 && (store->due_ms == 0 || at_ms < store->due_ms))
		store->due_ms = at_ms;
}

int due_next(struct store *store, struct err *err)
{
	static const enum sql asks[] = {SQL_DUE_NEXT, SQL_DEADLINE_NEXT};

	store->due_ms = 0;
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		struct statement s = db_statement(&store->db, asks[i]);
		int rc = statement_next(&s, err);

		if (rc == 1)
			due_sooner(store, get_int(&s));
		statement_end(&s);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int expire(struct batch *batch, struct head *head, struct err *err)
{
	static const char detail[] = "the deadline passed while the job did not run";

	head->error = ERR_DEADLINE;
	head->error_detail = detail;
	return attempt_close(batch, head, ATTEMPT_FAILED, batch->now_ms, ERR_DEADLINE, detail, err);
}

/* Makes the move with every job that `list` names by the time of the batch. */
static int clock_moves(struct batch *batch, enum sql list, enum job_move move, struct err *err)
{
	struct id ids[STORE_BATCH_OPS_MAX];
	struct statement s = db_statement(batch->db, list);
	size_t count;

	put_int(&s, batch->now_ms);
	put_int(&s, STORE_BATCH_OPS_MAX);
	if (statement_ids(&s, ids, STORE_BATCH_OPS_MAX, &count, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct head head;
		bool made;

		if (head_load(batch->db, &ids[i], &head, err) < 0 ||
		    head_move(batch, &head, move, batch->now_ms, &made, err) ||
		    (move == JOB_MOVE_EXPIRE && expire(batch, &head, err)) ||
		    head_store(batch, &head, err))
			return -1;
	}
	return 0;
}

/* First what is over, so that nothing starts that is. */
int apply_due(struct batch *batch, struct err *err)
{
	if (clock_moves(batch, SQL_DEADLINE_LIST, JOB_MOVE_EXPIRE, err) ||
	    clock_moves(batch, SQL_DUE_LIST, JOB_MOVE_DUE, err))
		return -1;
	return due_next(batch->store, err); /* in the past: the next batch goes on */
}
