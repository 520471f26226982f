/* SPDX-License-Identifier: MIT */
/* events.c - numbering and keeping what happened (read_events.c reads it).
 *
 * Every event gets the next number when its operation is applied; a batch that
 * fails gives its numbers back, for nobody has seen them.  Two records are kept:
 *
 *   event_batch  one row a commit, fixed-size records of all its events in order:
 *                the global log, cut to EVENTS_KEPT_MAX.
 *   event        a row for what a job's own row cannot tell: progress, logs, items,
 *                states of later attempts.  The first pending, the first running and
 *                the last final state follow from created_seq, started_seq and
 *                finished_seq, so that a plain job costs no row here.
 *
 * Progress rows, and those of no job, go when the global log forgets them; the rest goes
 * with its job.
 */
#include "store/room.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_FIRST = 64 };

/* ---- writing ---- */

static int events_grow(struct batch *batch, struct err *err)
{
	size_t room = batch->events_room ? batch->events_room * 2 : EVENTS_FIRST;
	struct event *events = realloc(batch->events, room * sizeof(*events));

	if (!events)
		return err_set(err, ERR_NO_MEMORY, "no memory for %zu events", room);
	batch->events = events;
	batch->events_room = room;
	return 0;
}

int event_add(struct batch *batch, const struct event *event, uint64_t *ret_seq, struct err *err)
{
	struct event *slot;

	if (batch->events_count == batch->events_room && events_grow(batch, err))
		return -1;
	slot = &batch->events[batch->events_count];
	*slot = *event;
	slot->seq = batch->first_seq + batch->events_count;
	if (event->data) {
		slot->data = arena_text(&batch->arena, event->data);
		if (!slot->data)
			return err_set(err, ERR_NO_MEMORY, "no memory for an event");
	}
	batch->events_count++;
	if (ret_seq)
		*ret_seq = slot->seq;
	return 0;
}

int event_log(struct batch *batch, int64_t job, const struct event *event, uint64_t *ret_seq,
	      struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_EVENT_INSERT);
	uint64_t seq = 0;

	if (event_add(batch, event, &seq, err))
		return -1;
	put_int(&s, job);
	put_int(&s, (int64_t)seq);
	put_int(&s, event->at_ms);
	put_int(&s, event->type);
	put_int(&s, event->state);
	put_int(&s, event->attempt);
	put_text(&s, event->type == EVENT_ITEM ? NULL : event->data);
	if (ret_seq)
		*ret_seq = seq;
	return statement_run(&s, err);
}

static void record_pack(const struct event *event, uint8_t *at)
{
	memcpy(at, event->job.bytes, ID_BYTES);
	at += ID_BYTES;
	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (uint8_t)((uint64_t)event->at_ms >> shift);
	*at++ = (uint8_t)(event->type | (event->born ? EVENT_BORN : 0));
	*at++ = (uint8_t)event->state;
	*at++ = (uint8_t)(event->attempt >> 8);
	*at = (uint8_t)event->attempt;
}

int apply_note(struct batch *batch, struct op_note *op, struct err *err)
{
	struct event event = {.at_ms = op->at_ms, .type = op->type, .data = (char *)op->data};

	return event_log(batch, EVENT_NO_JOB, &event, NULL, err);
}

/* The rows that only the log of all had any use for. */
static int rows_drop(struct db *db, const uint8_t *records, size_t len, uint64_t first_seq,
		     struct err *err)
{
	for (size_t i = 0; i < len / EVENT_RECORD_BYTES; i++) {
		struct event event;
		struct statement s;

		event_unpack(records + i * EVENT_RECORD_BYTES, &event);
		if (event.type != EVENT_PROGRESS && event.type != EVENT_HOST)
			continue;
		s = db_statement(db, SQL_EVENT_DROP);
		put_id(&s, &event.job);
		put_int(&s, (int64_t)(first_seq + i));
		if (statement_run(&s, err))
			return -1;
	}
	return 0;
}

/* Forgets the oldest batch; *ret_first_seq becomes the oldest number that is left. */
static int oldest_drop(struct db *db, uint64_t *ret_first_seq, struct err *err)
{
	struct statement oldest = db_statement(db, SQL_BATCH_OLDEST);
	struct statement s;
	int64_t last_seq;
	uint64_t first_seq;
	const uint8_t *records;
	size_t len;
	int rc = statement_next(&oldest, err);

	if (rc <= 0)
		return rc;
	last_seq = get_int(&oldest);
	first_seq = (uint64_t)get_int(&oldest);
	records = get_blob(&oldest, &len);
	rc = rows_drop(db, records, len, first_seq, err);
	statement_end(&oldest);
	if (rc)
		return -1;
	s = db_statement(db, SQL_BATCH_DELETE);
	put_int(&s, last_seq);
	*ret_first_seq = (uint64_t)last_seq + 1;
	return statement_run(&s, err);
}

int events_flush(struct batch *batch, struct err *err)
{
	struct store *store = batch->store;
	struct statement s = db_statement(batch->db, SQL_BATCH_INSERT);
	size_t len = batch->events_count * EVENT_RECORD_BYTES;
	uint64_t last_seq = batch->first_seq + batch->events_count - 1;
	uint8_t *records;
	int rc;

	if (batch->events_count == 0)
		return 0;
	records = malloc(len);
	if (!records)
		return err_set(err, ERR_NO_MEMORY, "no memory for %zu event records",
			       batch->events_count);
	for (size_t i = 0; i < batch->events_count; i++)
		record_pack(&batch->events[i], records + i * EVENT_RECORD_BYTES);
	put_int(&s, (int64_t)last_seq);
	put_int(&s, (int64_t)batch->first_seq);
	put_blob(&s, records, len);
	rc = statement_run(&s, err);
	free(records);
	while (rc == 0 && last_seq - store->kept_seq >= store->config.events_kept_max)
		rc = oldest_drop(batch->db, &store->kept_seq, err);
	return rc;
}

int events_open(struct store *store, struct err *err)
{
	struct statement first = db_statement(&store->db, SQL_BATCH_FIRST_SEQ);
	struct statement last = db_statement(&store->db, SQL_BATCH_LAST_SEQ);
	int rc = statement_next(&first, err);

	if (rc < 0)
		return -1;
	store->kept_seq = rc == 1 ? (uint64_t)get_int(&first) : 1;
	statement_end(&first);
	if (statement_next(&last, err) < 0)
		return -1;
	store->next_seq = (uint64_t)get_int(&last) + 1;
	statement_end(&last);
	return 0;
}
