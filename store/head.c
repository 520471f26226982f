/* SPDX-License-Identifier: MIT */
/* head.c - the head of a job: loaded, moved along the table of state.h, stored.
 *
 *   head_load → head_move (the table, events, counts) → the caller's own changes
 *             → head_store (WHERE made from the same table)
 */
#include "store/room.h"

#include <assert.h>

int head_load(struct db *db, const struct id *id, struct head *ret_head, struct err *err)
{
	struct statement s = db_statement(db, SQL_JOB_HEAD);
	struct head *h = ret_head;
	int rc;

	*h = (struct head){.id = *id};
	put_id(&s, id);
	rc = statement_next(&s, err);
	if (rc != 1)
		return rc;
	h->num = get_int(&s);
	h->state = (enum job_state)get_int(&s);
	h->priority = get_int(&s);
	h->ready_ms = get_int(&s);
	h->started_ms = get_int(&s);
	h->attempt_ms = get_int(&s);
	h->finished_ms = get_int(&s);
	h->keep_for_ms = get_int(&s);
	h->attempt = get_int(&s);
	h->attempts_free = get_int(&s);
	h->crashes = get_int(&s);
	h->version = get_int(&s);
	h->done = get_int(&s);
	h->total = get_int(&s);
	h->items = get_int(&s);
	h->items_failed = get_int(&s);
	h->result_bytes = get_int(&s);
	h->result_filed = get_int(&s);
	h->created_seq = get_int(&s);
	h->started_seq = get_int(&s);
	h->finished_seq = get_int(&s);
	h->deadline_ms = get_int(&s);
	statement_end(&s);
	return 1;
}

static struct event state_event(const struct head *head, enum event_type type, int64_t at_ms)
{
	return (struct event){
		.job = head->id,
		.at_ms = at_ms,
		.type = type,
		.state = head->state,
		.attempt = (uint16_t)head->attempt,
	};
}

/* Tells the new state: by a seq in the job's row where that is enough (events.c). */
static int state_tell(struct batch *batch, struct head *head, int64_t at_ms, struct err *err)
{
	struct event event = state_event(head, EVENT_STATE, at_ms);
	struct event end = state_event(head, EVENT_END, at_ms);
	uint64_t seq;

	if (state_is_final(head->state)) {
		if (event_add(batch, &event, &seq, err) || event_add(batch, &end, NULL, err))
			return -1;
		head->finished_seq = (int64_t)seq;
		head->finished_ms = at_ms;
		return 0;
	}
	if (head->state == JOB_RUNNING && head->attempt == 1 && head->started_seq == 0) {
		if (event_add(batch, &event, &seq, err))
			return -1;
		head->started_seq = (int64_t)seq;
		return 0;
	}
	return event_log(batch, head->num, &event, NULL, err);
}

/* A final state that is left again (POST …/retry): what followed from the row gets rows. */
static int final_keep(struct batch *batch, struct head *head, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		struct statement s = db_statement(batch->db, SQL_EVENT_INSERT);

		put_int(&s, head->num);
		put_int(&s, head->finished_seq + i);
		put_int(&s, head->finished_ms);
		put_int(&s, i == 0 ? EVENT_STATE : EVENT_END);
		put_int(&s, head->state);
		put_int(&s, head->attempt);
		put_text(&s, NULL);
		if (statement_run(&s, err))
			return -1;
	}
	head->finished_seq = 0;
	head->finished_ms = 0;
	return 0;
}

int head_move(struct batch *batch, struct head *head, enum job_move move, int64_t at_ms,
	      bool *ret_made, struct err *err)
{
	enum job_state from = head->state, to;

	*ret_made = state_move(from, move, &to);
	if (!*ret_made)
		return 0;
	if (!head->sources)
		head->sources = state_sources(move);
	if (to == from)
		return 0;
	if (state_is_final(from) && final_keep(batch, head, err))
		return -1;
	batch->counts[from]--;
	batch->counts[to]++;
	head->state = to;
	return state_tell(batch, head, at_ms, err);
}

static int64_t expire_ms(const struct head *head)
{
	enum { DAY_MS = 24 * 3600 * 1000 };
	int64_t days =
		head->state == JOB_FAILED ? JOB_KEEP_FAILED_DAYS_DEFAULT : JOB_KEEP_DAYS_DEFAULT;

	if (!state_is_final(head->state) || head->keep_for_ms < 0)
		return 0;
	return head->finished_ms + (head->keep_for_ms ? head->keep_for_ms : days * DAY_MS);
}

int head_store(struct batch *batch, struct head *head, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_JOB_MOVE);

	put_int(&s, head->sources ? head->sources : 1U << head->state);
	put_int(&s, head->num);
	put_int(&s, head->state);
	put_int(&s, head->ready_ms);
	put_int(&s, head->started_ms);
	put_int(&s, head->attempt_ms);
	put_int(&s, head->finished_ms);
	put_int(&s, expire_ms(head));
	put_int(&s, head->attempt);
	put_int(&s, head->attempts_free);
	put_int(&s, head->crashes);
	put_int(&s, ++head->version);
	put_int(&s, head->done);
	put_int(&s, head->total);
	put_int(&s, head->items);
	put_int(&s, head->items_failed);
	put_int(&s, head->result_bytes);
	put_int(&s, head->result_filed);
	put_int(&s, head->started_seq);
	put_int(&s, head->finished_seq);
	put_text(&s, head->summary);
	put_text(&s, head->error ? err_name(head->error) : NULL);
	put_text(&s, head->error ? head->error_detail : NULL);
	if (statement_run(&s, err))
		return -1;
	assert(statement_changes(&s) == 1);
	if (head->state == JOB_RETRYING || head->state == JOB_SCHEDULED)
		due_sooner(batch->store, head->ready_ms);
	if (head->state != JOB_RUNNING && !state_is_final(head->state))
		due_sooner(batch->store, head->deadline_ms);
	return 0;
}

int head_store_progress(struct batch *batch, struct head *head, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_JOB_PROGRESS);

	put_int(&s, head->num);
	put_int(&s, head->crashes);
	put_int(&s, ++head->version);
	put_int(&s, head->done);
	put_int(&s, head->total);
	put_int(&s, head->items);
	put_int(&s, head->items_failed);
	put_int(&s, head->result_bytes);
	put_int(&s, head->result_filed);
	return statement_run(&s, err);
}

int attempt_close(struct batch *batch, struct head *head, enum attempt_state state, int64_t at_ms,
		  enum err_code error, const char *detail, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_ATTEMPT_PUT);
	int64_t started_ms = head->attempt_ms;

	if (started_ms == 0)
		return 0;
	head->attempt_ms = 0;
	if (state == ATTEMPT_INTERRUPTED)
		head->attempts_free++;
	if (state == ATTEMPT_COMPLETED && head->attempt == 1)
		return 0;
	put_int(&s, head->num);
	put_int(&s, head->attempt);
	put_int(&s, state);
	put_int(&s, started_ms);
	put_int(&s, at_ms);
	put_text(&s, error ? err_name(error) : NULL);
	put_text(&s, error ? detail : NULL);
	return statement_run(&s, err);
}
