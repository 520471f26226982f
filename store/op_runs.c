/* SPDX-License-Identifier: MIT */
/* op_runs.c - what runs write: their start, their changes, their end.
 *
 * A run may begin with any of the three: a commit or a finish of an attempt that
 * nobody has started yet starts it in the same transaction, so that a short job is
 * one UPDATE.  Changes are taken from the attempt that is open, while the job runs
 * or is paused; anything later is refused and leaves no trace.
 */
#include "store/room.h"

#include "base/json.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

/* ---- entering: is this the attempt that may write? ---- */

struct entry {
	const struct id *id;
	uint16_t attempt;
	int64_t started_ms;
};

static void refuse(struct store_op *op, const struct head *head, uint16_t attempt)
{
	err_set(&op->err, ERR_WRONG_STATE, "attempt %u ended: the job is %s, attempt %lld", attempt,
		state_name(head->state), (long long)head->attempt);
}

/* A new attempt begins; a job that was paused before it is told stays paused. */
static int attempt_open(struct batch *batch, struct head *head, const struct entry *entry,
			struct err *err)
{
	bool made;

	head->attempt = entry->attempt;
	head->attempt_ms = entry->started_ms > 0 ? entry->started_ms : batch->now_ms;
	if (head->started_ms == 0)
		head->started_ms = head->attempt_ms;
	return head_move(batch, head, JOB_MOVE_START, head->attempt_ms, &made, err);
}

/* 1: go on, *ret_opened tells whether the attempt began here; 0: refused; -1. */
static int run_enter(struct batch *batch, struct store_op *op, struct head *head,
		     const struct entry *entry, bool *ret_opened, struct err *err)
{
	bool open = head->attempt_ms != 0;

	*ret_opened = false;
	if (open && entry->attempt == head->attempt &&
	    (head->state == JOB_RUNNING || head->state == JOB_PAUSED))
		return 1;
	if (!open && entry->attempt == head->attempt + 1 &&
	    (head->state == JOB_PENDING || head->state == JOB_PAUSED)) {
		*ret_opened = true;
		return attempt_open(batch, head, entry, err) ? -1 : 1;
	}
	refuse(op, head, entry->attempt);
	return 0;
}

/* 1: found; 0: it is not there, op->err says so; -1. */
static int run_load(struct batch *batch, struct store_op *op, const struct id *id,
		    struct head *ret_head, struct err *err)
{
	int rc = head_load(batch->db, id, ret_head, err);

	if (rc == 0)
		err_set(&op->err, ERR_NOT_FOUND, "no such job");
	return rc;
}

/* ---- changes ---- */

static void part_put(struct statement *s, const struct part_row *part)
{
	put_int(s, (int64_t)part->number);
	put_blob(s, part->key ? part->key : "", part->key_len);
	put_blob(s, part->input, part->input_len);
	put_blob(s, part->resume, part->resume_len);
	put_int(s, part->state);
	put_int(s, part->priority);
	put_int(s, (int64_t)part->group);
	put_int(s, part->not_before_ms);
	put_int(s, part->attempts);
	put_int(s, part->result_offset);
	put_int(s, part->result_len);
	put_int(s, part->result_items);
}

static int parts_write(struct batch *batch, int64_t num, const struct op_commit *commit,
		       struct err *err)
{
	for (size_t i = 0; i < commit->parts_added_count; i++) {
		struct statement s = db_statement(batch->db, SQL_PART_INSERT);

		put_int(&s, num);
		part_put(&s, &commit->parts_added[i]);
		if (statement_run(&s, err))
			return -1;
	}
	for (size_t i = 0; i < commit->parts_changed_count; i++) {
		const struct part_row *part = &commit->parts_changed[i];
		struct statement s = db_statement(batch->db, SQL_PART_UPDATE);

		put_blob(&s, part->resume, part->resume_len);
		put_int(&s, part->state);
		put_int(&s, part->not_before_ms);
		put_int(&s, part->attempts);
		put_int(&s, part->result_offset);
		put_int(&s, part->result_len);
		put_int(&s, part->result_items);
		put_int(&s, num);
		put_int(&s, (int64_t)part->number);
		if (statement_run(&s, err))
			return -1;
	}
	return 0;
}

static int checkpoints_write(struct batch *batch, int64_t num, const struct op_commit *commit,
			     struct err *err)
{
	for (size_t i = 0; i < commit->checkpoints_count; i++) {
		const struct checkpoint_row *row = &commit->checkpoints[i];
		struct statement s = db_statement(batch->db, row->blob ? SQL_CHECKPOINT_PUT
								       : SQL_CHECKPOINT_DROP);

		put_int(&s, num);
		put_int(&s, row->lane);
		if (row->blob)
			put_blob(&s, row->blob, row->len);
		if (statement_run(&s, err))
			return -1;
	}
	return 0;
}

static int item_write(struct batch *batch, struct head *head, struct item_error *item,
		      struct err *err)
{
	struct event event = {
		.job = head->id,
		.at_ms = batch->now_ms,
		.type = EVENT_ITEM,
		.state = head->state,
		.attempt = (uint16_t)head->attempt,
	};
	struct statement s = db_statement(batch->db, SQL_ERROR_INSERT);
	int rc;

	item->seq = batch->first_seq + batch->events_count; /* the event's, which is next */
	event.data = event_item_data(item);
	if (!event.data)
		return err_set(err, ERR_NO_MEMORY, "no memory for an item's error");
	rc = event_log(batch, head->num, &event, NULL, err);
	free(event.data);
	if (rc)
		return -1;
	put_int(&s, head->num);
	put_int(&s, (int64_t)item->seq);
	put_text(&s, item->key);
	put_text(&s, item->stage);
	put_int(&s, item->line);
	put_int(&s, item->offset);
	put_text(&s, err_name(item->error));
	put_text(&s, item->detail);
	put_int(&s, item->attempts);
	put_int(&s, item->resolved);
	return statement_run(&s, err);
}

/* Tells one event with JSON data, as text in `buf`, which it empties. */
static int data_event(struct batch *batch, struct head *head, enum event_type type, int64_t at_ms,
		      struct buf *buf, struct err *err)
{
	struct event event = {
		.job = head->id,
		.at_ms = at_ms,
		.type = type,
		.state = head->state,
		.attempt = (uint16_t)head->attempt,
		.data = buf->data,
	};
	int rc;

	if (!buf_ok(buf) || !buf->data)
		return err_set(err, ERR_NO_MEMORY, "no memory for an event");
	rc = event_log(batch, head->num, &event, NULL, err);
	buf_clear(buf);
	return rc;
}

static int logs_write(struct batch *batch, struct head *head, const struct op_commit *commit,
		      struct buf *buf, struct err *err)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < commit->logs_count; i++) {
		const struct log_line *line = &commit->logs[i];
		struct json_out out = JSON_OUT(buf);

		json_out_object(&out, NULL);
		json_out_text(&out, "level", levels[MIN(line->level, LOG_ERROR)]);
		json_out_text(&out, "text", line->text);
		json_out_end(&out, '}');
		if (data_event(batch, head, EVENT_LOG, line->at_ms, buf, err))
			return -1;
	}
	return 0;
}

static int progress_write(struct batch *batch, struct head *head, const struct op_commit *commit,
			  struct buf *buf, struct err *err)
{
	struct json_out out = JSON_OUT(buf);

	head->done = commit->done;
	head->total = commit->total;
	json_out_object(&out, NULL);
	json_out_int(&out, "done", commit->done);
	if (commit->total >= 0)
		json_out_int(&out, "total", commit->total);
	if (commit->stage)
		json_out_text(&out, "stage", commit->stage);
	json_out_double(&out, "rate", commit->rate);
	json_out_end(&out, '}');
	return data_event(batch, head, EVENT_PROGRESS, batch->now_ms, buf, err);
}

/* Writes what the run did and counts it in the head, which the caller stores. */
static int changes_write(struct batch *batch, struct head *head, const struct op_commit *commit,
			 const struct store_op *op, struct err *err)
{
	struct buf buf = BUF(STORE_EVENT_BYTES_MAX);
	int rc;

	if (commit->parts_added_count || commit->parts_changed_count || commit->checkpoints_count ||
	    commit->results_len)
		head->crashes = 0; /* durable progress: no poison so far */
	head->items += commit->items;
	head->items_failed += commit->items_failed;
	if (parts_write(batch, head->num, commit, err) ||
	    checkpoints_write(batch, head->num, commit, err) ||
	    results_append(batch, head, commit, op, err))
		return -1;
	for (size_t i = 0; i < commit->errors_count; i++)
		if (item_write(batch, head, &commit->errors[i], err))
			return -1;
	rc = logs_write(batch, head, commit, &buf, err);
	if (rc == 0 && commit->progress)
		rc = progress_write(batch, head, commit, &buf, err);
	buf_done(&buf);
	return rc;
}

static int stage_store(struct batch *batch, int64_t num, const char *stage, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_JOB_STAGE);

	put_int(&s, num);
	put_text(&s, stage);
	return statement_run(&s, err);
}

/* ---- operations ---- */

int apply_start(struct batch *batch, struct op_start *op, struct err *err)
{
	struct entry entry = {&op->id, op->attempt, op->started_ms};
	struct head head;
	bool opened;
	int rc = run_load(batch, &op->op, &op->id, &head, err);

	if (rc == 1)
		rc = run_enter(batch, &op->op, &head, &entry, &opened, err);
	if (rc != 1)
		return rc;
	return opened ? head_store(batch, &head, err) : 0;
}

/* The way into a commit and a finish.  1: write; 0: refused, or with the results
 * thread for now (it is then no longer in the batch); -1. */
static int changes_enter(struct batch *batch, struct store_op *op, const struct op_commit *commit,
			 struct head *head, bool *ret_opened, bool *ret_away, struct err *err)
{
	struct entry entry = {&commit->id, commit->attempt, commit->started_ms};
	int rc = run_load(batch, op, &commit->id, head, err);

	*ret_away = false;
	if (rc != 1)
		return rc;
	if (!op->filed && results_divert(batch, op, head, commit, ret_away, err))
		return -1;
	if (*ret_away)
		return 0;
	if (op->filed && op->filed_at != head->result_bytes) {
		err_set(&op->err, ERR_WRONG_STATE, "an earlier change of this run was not kept");
		return 0;
	}
	return run_enter(batch, op, head, &entry, ret_opened, err);
}

int apply_commit(struct batch *batch, struct op_commit *op, bool *ret_away, struct err *err)
{
	struct head head;
	bool opened;
	int rc = changes_enter(batch, &op->op, op, &head, &opened, ret_away, err);

	if (rc != 1)
		return rc;
	if (changes_write(batch, &head, op, &op->op, err))
		return -1;
	rc = opened ? head_store(batch, &head, err) : head_store_progress(batch, &head, err);
	if (rc == 0 && op->progress)
		rc = stage_store(batch, head.num, op->stage, err);
	return rc;
}

static enum attempt_state attempt_end(enum job_move move)
{
	switch (move) {
	case JOB_MOVE_COMPLETE:
		return ATTEMPT_COMPLETED;
	case JOB_MOVE_YIELD:
		return ATTEMPT_INTERRUPTED;
	default:
		return ATTEMPT_FAILED;
	}
}

int apply_finish(struct batch *batch, struct op_finish *op, bool *ret_away, struct err *err)
{
	struct head head;
	bool opened, made;
	int rc = changes_enter(batch, &op->op, &op->last, &head, &opened, ret_away, err);

	op->state = head.state;
	if (rc != 1)
		return rc;
	if (changes_write(batch, &head, &op->last, &op->op, err))
		return -1;
	if (op->move == JOB_MOVE_RETRY)
		head.ready_ms = op->ready_ms;
	head.summary = op->summary;
	head.error = op->error;
	head.error_detail = op->error_detail;
	if (attempt_close(batch, &head, attempt_end(op->move), op->finished_ms, op->error,
			  op->error_detail, err) ||
	    head_move(batch, &head, op->move, op->finished_ms, &made, err))
		return -1;
	assert(made); /* complete, fail, retry and yield are allowed wherever a run may write */
	op->state = head.state;
	return head_store(batch, &head, err);
}
