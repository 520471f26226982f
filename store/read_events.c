/* SPDX-License-Identifier: MIT */
/* read_events.c - the event log as it is read: of one job, and of all.
 *
 * A job's log is two sequences merged by number: its rows in `event`, and at most
 * four events that follow from the job's own row.  The log of all is the records
 * of event_batch, each with its data looked up.
 */
#include "store/room.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { DERIVED_MAX = 4 };

struct derived {
	uint64_t created_seq;
	struct event events[DERIVED_MAX];
	size_t count, at;
};

static int no_memory(struct err *err)
{
	return err_set(err, ERR_NO_MEMORY, "no memory for an event");
}

char *event_item_data(const struct item_error *item)
{
	struct buf buf = BUF(STORE_EVENT_BYTES_MAX);
	struct json_out out = JSON_OUT(&buf);
	char *text;

	json_out_object(&out, NULL);
	json_out_int(&out, "seq", (int64_t)item->seq);
	json_out_text(&out, "key", item->key);
	json_out_text(&out, "stage", item->stage);
	if (item->line >= 0)
		json_out_int(&out, "line", item->line);
	if (item->offset >= 0)
		json_out_int(&out, "offset", item->offset);
	json_out_object(&out, "error");
	json_out_text(&out, "type", err_name(item->error));
	json_out_text(&out, "detail", item->detail);
	json_out_end(&out, '}');
	json_out_int(&out, "attempts", item->attempts);
	json_out_end(&out, '}');
	text = buf_take(&buf, NULL);
	buf_done(&buf);
	return text;
}

void event_unpack(const uint8_t *at, struct event *ret_event)
{
	uint64_t at_ms = 0;

	memcpy(ret_event->job.bytes, at, ID_BYTES);
	at += ID_BYTES;
	for (int i = 0; i < 8; i++)
		at_ms = at_ms << 8 | *at++;
	ret_event->at_ms = (int64_t)at_ms;
	ret_event->born = (*at & EVENT_BORN) != 0;
	ret_event->type = (enum event_type)(*at++ & ~EVENT_BORN);
	ret_event->state = (enum job_state) * at++;
	ret_event->attempt = (uint16_t)(at[0] << 8 | at[1]);
	ret_event->data = NULL;
}

/* The data of an event that has some: its row's, or its item's. */
static int data_fill(struct db *db, int64_t num, struct event *event, struct err *err)
{
	struct statement s;
	bool failed = false;
	int rc;

	if (event->type == EVENT_STATE || event->type == EVENT_END || event->data)
		return 0;
	if (event->type == EVENT_ITEM) {
		struct item_error item = {0};

		s = db_statement(db, SQL_ERROR_LIST);
		put_int(&s, num);
		put_int(&s, (int64_t)event->seq - 1);
		put_int(&s, 1);
		rc = statement_next(&s, err);
		if (rc == 1) {
			item_error_read(&s, &item);
			event->data = event_item_data(&item);
			failed = !event->data;
		}
	} else {
		s = db_statement(db, SQL_EVENT_DATA);
		put_int(&s, num);
		put_int(&s, (int64_t)event->seq);
		rc = statement_next(&s, err);
		if (rc == 1)
			event->data = text_copy(get_text(&s), &failed);
	}
	statement_end(&s);
	if (rc < 0)
		return -1;
	return failed ? no_memory(err) : 0;
}

static void row_read(struct statement *s, const struct id *job, struct event *ret_event,
		     bool *failed)
{
	ret_event->job = *job;
	ret_event->seq = (uint64_t)get_int(s);
	ret_event->at_ms = get_int(s);
	ret_event->type = (enum event_type)get_int(s);
	ret_event->state = (enum job_state)get_int(s);
	ret_event->attempt = (uint16_t)get_int(s);
	ret_event->data = text_copy(get_text(s), failed);
}

static void derived_add(struct derived *derived, const struct event *like, uint64_t seq,
			int64_t at_ms, enum job_state state, uint16_t attempt)
{
	struct event event = *like;

	event.seq = seq;
	event.at_ms = at_ms;
	event.state = state;
	event.attempt = attempt;
	derived->events[derived->count++] = event;
}

/* The events that the job's row tells; *ret_num is its number. */
static int derived_load(struct db *db, const struct id *job, struct derived *ret, int64_t *ret_num,
			struct err *err)
{
	const struct event born = {.job = *job, .type = EVENT_STATE, .born = true};
	const struct event moved = {.job = *job, .type = EVENT_STATE};
	const struct event ended = {.job = *job, .type = EVENT_END};
	struct statement s = db_statement(db, SQL_EVENT_JOB);
	int64_t created_ms, started_ms, finished_ms;
	uint64_t started_seq, finished_seq;
	enum job_state state;
	uint16_t attempt;
	int rc;

	*ret = (struct derived){.count = 0};
	put_id(&s, job);
	rc = statement_next(&s, err);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "no such job");
	*ret_num = get_int(&s);
	state = (enum job_state)get_int(&s);
	attempt = (uint16_t)get_int(&s);
	created_ms = get_int(&s);
	started_ms = get_int(&s);
	finished_ms = get_int(&s);
	ret->created_seq = (uint64_t)get_int(&s);
	started_seq = (uint64_t)get_int(&s);
	finished_seq = (uint64_t)get_int(&s);
	statement_end(&s);

	derived_add(ret, &born, ret->created_seq, created_ms, JOB_PENDING, 0);
	if (started_seq)
		derived_add(ret, &moved, started_seq, started_ms, JOB_RUNNING, 1);
	if (finished_seq) {
		derived_add(ret, &moved, finished_seq, finished_ms, state, attempt);
		derived_add(ret, &ended, finished_seq + 1, finished_ms, state, attempt);
	}
	return 0;
}

/* Puts the derived events below `seq` (all: UINT64_MAX); one with a row of its own
 * (a job that was born scheduled) gives way to it. */
static size_t derived_put(struct derived *derived, uint64_t seq, struct event *events, size_t count,
			  size_t limit)
{
	while (derived->at < derived->count && derived->events[derived->at].seq < seq &&
	       count < limit)
		events[count++] = derived->events[derived->at++];
	if (derived->at < derived->count && derived->events[derived->at].seq == seq)
		derived->at++;
	return count;
}

/* One row, and the derived events before it.  1: go on; 0: the limit; -1. */
static int row_put(struct db *db, struct statement *s, const struct id *job, int64_t num,
		   struct derived *derived, unsigned limit, struct event *events, size_t *count,
		   struct err *err)
{
	struct event event = {.data = NULL};
	bool failed = false;

	row_read(s, job, &event, &failed);
	if (failed)
		return no_memory(err);
	*count = derived_put(derived, event.seq, events, *count, limit);
	if (*count == limit) {
		free(event.data);
		return 0;
	}
	event.born = event.seq == derived->created_seq;
	events[(*count)++] = event;
	return data_fill(db, num, &events[*count - 1], err) ? -1 : 1;
}

static int job_events_read(struct db *db, const struct id *job, uint64_t after_seq, unsigned limit,
			   struct event *events, size_t *count, struct err *err)
{
	struct derived derived;
	struct statement s;
	int64_t num = 0;
	int rc = 1;

	if (derived_load(db, job, &derived, &num, err))
		return -1;
	while (derived.at < derived.count && derived.events[derived.at].seq <= after_seq)
		derived.at++;
	s = db_statement(db, SQL_EVENT_LIST);
	put_int(&s, num);
	put_int(&s, (int64_t)after_seq);
	put_int(&s, limit);
	while (rc == 1 && (rc = statement_next(&s, err)) == 1)
		rc = row_put(db, &s, job, num, &derived, limit, events, count, err);
	statement_end(&s);
	if (rc < 0)
		return -1;
	*count = derived_put(&derived, UINT64_MAX, events, *count, limit);
	return 0;
}

static int oldest_check(struct db *db, uint64_t after_seq, struct err *err)
{
	struct statement s = db_statement(db, SQL_BATCH_FIRST_SEQ);
	int rc = statement_next(&s, err);
	uint64_t first_seq = rc == 1 ? (uint64_t)get_int(&s) : 1;

	statement_end(&s);
	if (rc < 0)
		return -1;
	if (after_seq + 1 < first_seq)
		return err_set(err, ERR_GONE, "events before %llu are no longer kept",
			       (unsigned long long)first_seq);
	return 0;
}

/* One commit's records; those of a job that is gone lose their data. */
static int batch_read(struct db *db, uint64_t first_seq, const uint8_t *records, size_t len,
		      uint64_t after_seq, unsigned limit, struct event *events, size_t *count,
		      struct err *err)
{
	size_t skip = after_seq >= first_seq ? (size_t)(after_seq + 1 - first_seq) : 0;

	for (size_t i = skip; i < len / EVENT_RECORD_BYTES && *count < limit; i++) {
		struct event *event = &events[*count];
		int64_t num = EVENT_NO_JOB;

		event_unpack(records + i * EVENT_RECORD_BYTES, event);
		event->seq = first_seq + i;
		(*count)++;
		if (event->type == EVENT_STATE || event->type == EVENT_END)
			continue;
		if (event->type != EVENT_HOST && job_number(db, &event->job, &num, err)) {
			if (err->code != ERR_NOT_FOUND)
				return -1;
			continue;
		}
		if (data_fill(db, num, event, err))
			return -1;
	}
	return 0;
}

static int all_events_read(struct db *db, uint64_t after_seq, unsigned limit, struct event *events,
			   size_t *count, struct err *err)
{
	struct statement s;
	int rc = 0;

	if (oldest_check(db, after_seq, err))
		return -1;
	s = db_statement(db, SQL_BATCH_LIST);
	put_int(&s, (int64_t)after_seq);
	while (*count < limit && (rc = statement_next(&s, err)) == 1) {
		uint64_t first_seq = (uint64_t)get_int(&s);
		size_t len;
		const uint8_t *records = get_blob(&s, &len);

		rc = batch_read(db, first_seq, records, len, after_seq, limit, events, count, err);
		if (rc)
			break;
	}
	statement_end(&s);
	return rc < 0 ? -1 : 0;
}

static void events_drop(struct event *events, size_t *count)
{
	while (*count > 0)
		free(events[--*count].data);
}

int store_events_read(struct store *store, const struct id *job, uint64_t after_seq, unsigned limit,
		      struct event *ret_events, size_t *ret_count, struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	int rc;

	*ret_count = 0;
	if (!db)
		return -1;
	if (job)
		rc = job_events_read(db, job, after_seq, limit, ret_events, ret_count, err);
	else
		rc = all_events_read(db, after_seq, limit, ret_events, ret_count, err);
	db_reader_end(store, db);
	if (rc)
		events_drop(ret_events, ret_count);
	return rc;
}

int store_logs_read(struct store *store, const struct id *id, uint64_t after_seq, unsigned limit,
		    struct event *ret_events, size_t *ret_count, struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	bool failed = false;
	int rc;

	*ret_count = 0;
	if (!db)
		return -1;
	s = db_statement(db, SQL_EVENT_LOGS);
	put_int(&s, num);
	put_int(&s, (int64_t)after_seq);
	put_int(&s, limit);
	while (!failed && (rc = statement_next(&s, err)) == 1)
		row_read(&s, id, &ret_events[(*ret_count)++], &failed);
	statement_end(&s);
	db_reader_end(store, db);
	if (failed)
		rc = no_memory(err);
	if (rc)
		events_drop(ret_events, ret_count);
	return rc;
}

uint64_t store_events_last_seq(struct store *store)
{
	uint64_t seq;

	lock_take(&store->queue_lock);
	seq = store->published.last_seq;
	lock_drop(&store->queue_lock);
	return seq;
}
