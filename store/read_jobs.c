/* SPDX-License-Identifier: MIT */
/* read_jobs.c - one job, its attempts, the ready set (lists are in list.c). */
#include "store/room.h"

#include <stdlib.h>
#include <string.h>

void job_done(struct job *job)
{
	free(job->type);
	free(job->name);
	free(job->fair_key);
	free(job->tags);
	free(job->body);
	free(job->request_id);
	free(job->unique_key);
	free(job->summary);
	free(job->error_detail);
	free(job->stage);
	*job = (struct job){0};
}

static enum err_code error_of(const char *name)
{
	return name ? err_by_name(name) : ERR_NONE;
}

/* The order is JOB_COLUMNS', then the body. */
int job_read(struct statement *s, struct job *ret_job, int64_t *ret_num, struct err *err)
{
	struct job *j = ret_job;
	bool failed = false;

	*j = (struct job){0};
	*ret_num = get_int(s);
	get_id(s, &j->id);
	j->state = (enum job_state)get_int(s);
	j->priority = (enum job_priority)get_int(s);
	j->ready_ms = get_int(s);
	j->created_ms = get_int(s);
	j->started_ms = get_int(s);
	j->finished_ms = get_int(s);
	j->deadline_ms = get_int(s);
	j->keep_for_ms = get_int(s);
	j->attempt = (uint16_t)get_int(s);
	j->max_attempts = (uint16_t)get_int(s);
	j->attempts_free = (uint16_t)get_int(s);
	j->crashes = (uint16_t)get_int(s);
	j->version = (uint64_t)get_int(s);
	j->done = get_int(s);
	j->total = get_int(s);
	j->items = get_int(s);
	j->items_failed = get_int(s);
	j->result_bytes = get_int(s);
	j->created_seq = (uint64_t)get_int(s);
	j->started_seq = (uint64_t)get_int(s);
	j->finished_seq = (uint64_t)get_int(s);
	j->type = text_copy(get_text(s), &failed);
	j->name = text_copy(get_text(s), &failed);
	j->fair_key = text_copy(get_text(s), &failed);
	j->tags = text_copy(get_text(s), &failed);
	j->request_id = text_copy(get_text(s), &failed);
	j->unique_key = text_copy(get_text(s), &failed);
	j->stage = text_copy(get_text(s), &failed);
	j->summary = text_copy(get_text(s), &failed);
	j->error = error_of(get_text(s));
	j->error_detail = text_copy(get_text(s), &failed);
	j->body = text_copy(get_text(s), &failed);
	if (j->fair_key && !*j->fair_key) {
		free(j->fair_key);
		j->fair_key = NULL;
	}
	if (!failed)
		return 0;
	job_done(j);
	return err_set(err, ERR_NO_MEMORY, "no memory for a job");
}

int job_load(struct db *db, const struct id *id, bool with_body, struct job *ret_job,
	     struct err *err)
{
	struct statement s = db_statement(db, with_body ? SQL_JOB_GET_BODY : SQL_JOB_GET);
	int64_t num;
	int rc;

	put_id(&s, id);
	rc = statement_next(&s, err);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "no such job");
	if (rc == 1)
		rc = job_read(&s, ret_job, &num, err);
	statement_end(&s);
	return rc;
}

int store_job_get(struct store *store, const struct id *id, bool with_body, struct job *ret_job,
		  struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	int rc;

	*ret_job = (struct job){0};
	if (!db)
		return -1;
	rc = job_load(db, id, with_body, ret_job, err);
	db_reader_end(store, db);
	return rc;
}

void store_job_counts(struct store *store, int64_t ret_counts[JOB_STATES])
{
	lock_take(&store->queue_lock);
	memcpy(ret_counts, store->published.counts, sizeof(store->published.counts));
	lock_drop(&store->queue_lock);
}

/* ---- attempts ---- */

struct attempts {
	struct attempt *rows;
	size_t count;
};

static void attempts_free(struct attempts *attempts)
{
	for (size_t i = 0; i < attempts->count; i++)
		free(attempts->rows[i].error_detail);
	free(attempts->rows);
	*attempts = (struct attempts){0};
}

static struct attempt *attempt_add(struct attempts *attempts, struct err *err)
{
	size_t count = attempts->count + 1;
	struct attempt *rows = realloc(attempts->rows, count * sizeof(*rows));

	if (!rows) {
		err_set(err, ERR_NO_MEMORY, "no memory for %zu attempts", count);
		return NULL;
	}
	attempts->rows = rows;
	rows[attempts->count] = (struct attempt){0};
	return &rows[attempts->count++];
}

static int attempt_rows(struct db *db, int64_t num, struct attempts *attempts, struct err *err)
{
	struct statement s = db_statement(db, SQL_ATTEMPT_LIST);
	bool failed = false;
	int rc;

	put_int(&s, num);
	while (!failed && (rc = statement_next(&s, err)) == 1) {
		struct attempt *row = attempt_add(attempts, err);

		if (!row) {
			rc = -1;
			break;
		}
		row->attempt = (uint16_t)get_int(&s);
		row->state = (enum attempt_state)get_int(&s);
		row->started_ms = get_int(&s);
		row->finished_ms = get_int(&s);
		row->error = error_of(get_text(&s));
		row->error_detail = text_copy(get_text(&s), &failed);
	}
	statement_end(&s);
	if (failed)
		return err_set(err, ERR_NO_MEMORY, "no memory for attempts");
	return rc;
}

/* The one that has no row: open now, or the first and completed. */
static int attempt_of_job(const struct head *head, struct attempts *attempts, struct err *err)
{
	struct attempt *row;
	bool first_done = head->attempt == 1 && head->state == JOB_COMPLETED;

	if (head->attempt_ms == 0 && !first_done)
		return 0;
	row = attempt_add(attempts, err);
	if (!row)
		return -1;
	row->attempt = (uint16_t)head->attempt;
	row->state = first_done ? ATTEMPT_COMPLETED : ATTEMPT_RUNNING;
	row->started_ms = first_done ? head->started_ms : head->attempt_ms;
	row->finished_ms = head->finished_ms;
	return 0;
}

int store_attempts(struct store *store, const struct id *id, struct attempt **ret_attempts,
		   size_t *ret_count, struct err *err)
{
	struct attempts attempts = {0};
	struct db *db = db_reader_begin(store, err);
	struct head head;
	int rc;

	if (!db)
		return -1;
	rc = head_load(db, id, &head, err);
	if (rc == 0)
		rc = err_set(err, ERR_NOT_FOUND, "no such job");
	else if (rc == 1)
		rc = attempt_rows(db, head.num, &attempts, err);
	if (rc == 0)
		rc = attempt_of_job(&head, &attempts, err);
	db_reader_end(store, db);
	if (rc) {
		attempts_free(&attempts);
		return -1;
	}
	*ret_attempts = attempts.rows;
	*ret_count = attempts.count;
	return 0;
}
