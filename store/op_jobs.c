/* SPDX-License-Identifier: MIT */
/* op_jobs.c - operations on whole jobs: submit, patch, and key-value.
 *
 * A plain submit is one INSERT.  Everything that may refuse a job is looked up
 * before it, so that only an atomic submit needs a savepoint.
 */
#include "store/room.h"

#include <stdlib.h>
#include <string.h>

/* ---- submit ---- */

static int64_t jobs_queued(const struct batch *batch)
{
	int64_t queued = 0;

	for (unsigned state = 0; state < JOB_STATES; state++)
		if (!state_is_final((enum job_state)state))
			queued += batch->store->counts[state] + batch->counts[state];
	return queued;
}

/* 1: a job holds the key, *ret_id is its; 0; -1. */
static int unique_holder(struct db *db, const char *key, struct id *ret_id, struct err *err)
{
	struct statement s = db_statement(db, SQL_JOB_UNIQUE);
	int rc;

	put_text(&s, key);
	rc = statement_next(&s, err);
	if (rc == 1)
		get_id(&s, ret_id);
	statement_end(&s);
	return rc;
}

static int job_insert(struct batch *batch, const struct job *job, int64_t num, bool inline_body,
		      bool *ret_conflict, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_JOB_INSERT);

	put_int(&s, num);
	put_id(&s, &job->id);
	put_int(&s, job->state);
	put_int(&s, job->priority);
	put_int(&s, job->ready_ms);
	put_int(&s, job->created_ms);
	put_int(&s, job->deadline_ms);
	put_int(&s, job->keep_for_ms);
	put_int(&s, job->max_attempts);
	put_int(&s, (int64_t)job->created_seq);
	put_text(&s, job->type);
	put_text(&s, job->fair_key ? job->fair_key : "");
	put_text(&s, job->name);
	put_text(&s, job->tags);
	put_text(&s, job->request_id);
	put_text(&s, job->unique_key);
	put_text(&s, inline_body ? job->body : NULL);
	return statement_try(&s, ret_conflict, err);
}

static int tags_insert(struct db *db, int64_t num, const char *tags, struct err *err)
{
	struct statement s = db_statement(db, SQL_TAG_INSERT);

	put_int(&s, num);
	put_text(&s, tags);
	return statement_run(&s, err);
}

static int body_insert(struct db *db, int64_t num, const char *body, struct err *err)
{
	struct statement s = db_statement(db, SQL_BODY_INSERT);

	put_int(&s, num);
	put_text(&s, body);
	return statement_run(&s, err);
}

/* Its birth as an event; created_seq tells it, unless it is born scheduled. */
static int birth_tell(struct batch *batch, const struct job *job, int64_t num, struct err *err)
{
	struct event event = {
		.job = job->id,
		.at_ms = job->created_ms,
		.type = EVENT_STATE,
		.state = job->state,
		.born = true,
	};

	if (job->state == JOB_PENDING)
		return event_add(batch, &event, NULL, err);
	return event_log(batch, num, &event, NULL, err);
}

static int job_create(struct batch *batch, struct job *job, enum submit_outcome *ret_outcome,
		      struct err *err)
{
	bool inline_body = !job->body || strlen(job->body) <= STORE_INLINE_SPEC_BYTES;
	int64_t num = batch->store->next_num;
	bool conflict;

	job->state = job->state == JOB_SCHEDULED ? JOB_SCHEDULED : JOB_PENDING;
	job->ready_ms = job->ready_ms ? job->ready_ms : job->created_ms;
	job->created_seq = batch->first_seq + batch->events_count;
	job->version = 1;
	if (job_insert(batch, job, num, inline_body, &conflict, err))
		return -1;
	if (conflict) { /* this very id exists */
		*ret_outcome = SUBMIT_EXISTS;
		return 0;
	}
	batch->store->next_num++; /* one that is rolled back leaves a gap */
	if ((!inline_body && body_insert(batch->db, num, job->body, err)) ||
	    (job->tags && tags_insert(batch->db, num, job->tags, err)) ||
	    birth_tell(batch, job, num, err))
		return -1;
	batch->counts[job->state]++;
	if (job->state == JOB_SCHEDULED)
		due_sooner(batch->store, job->ready_ms);
	due_sooner(batch->store, job->deadline_ms);
	*ret_outcome = SUBMIT_CREATED;
	return 0;
}

static int submit_one(struct batch *batch, struct job *job, enum submit_outcome *ret_outcome,
		      struct err *err)
{
	struct id holder;
	int rc;

	if (job->unique_key) {
		rc = unique_holder(batch->db, job->unique_key, &holder, err);
		if (rc < 0)
			return -1;
		if (rc == 1) {
			job->id = holder;
			*ret_outcome = SUBMIT_EXISTS;
			return 0;
		}
	}
	if (jobs_queued(batch) >= batch->store->config.jobs_queued_max) {
		*ret_outcome = SUBMIT_QUEUE_FULL;
		return 0;
	}
	return job_create(batch, job, ret_outcome, err);
}

/* 1: the key is known and all outcomes are set; 0: it is new; -1. */
static int idempotency_replay(struct batch *batch, struct op_submit *op, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_IDEMPOTENCY_GET);
	const void *hash, *ids;
	size_t hash_len, ids_len;
	bool same;
	int rc;

	put_text(&s, op->idempotency_key);
	rc = statement_next(&s, err);
	if (rc != 1)
		return rc;
	hash = get_blob(&s, &hash_len);
	ids = get_blob(&s, &ids_len);
	same = hash_len == sizeof(op->idempotency_hash) &&
	       memcmp(hash, op->idempotency_hash, hash_len) == 0 && ids_len == op->count * ID_BYTES;
	for (size_t i = 0; i < op->count; i++) {
		op->outcomes[i] = same ? SUBMIT_REPLAYED : SUBMIT_MISMATCH;
		if (same)
			memcpy(op->jobs[i].id.bytes, (const char *)ids + i * ID_BYTES, ID_BYTES);
	}
	statement_end(&s);
	return 1;
}

/* Remembers the key, when every job has an id to answer with. */
static int idempotency_keep(struct batch *batch, const struct op_submit *op, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_IDEMPOTENCY_PUT);
	uint8_t *ids;
	int rc;

	for (size_t i = 0; i < op->count; i++)
		if (op->outcomes[i] != SUBMIT_CREATED && op->outcomes[i] != SUBMIT_EXISTS)
			return 0;
	ids = malloc(op->count * ID_BYTES + 1);
	if (!ids)
		return err_set(err, ERR_NO_MEMORY, "no memory for %zu ids", op->count);
	for (size_t i = 0; i < op->count; i++)
		memcpy(ids + i * ID_BYTES, op->jobs[i].id.bytes, ID_BYTES);
	put_text(&s, op->idempotency_key);
	put_blob(&s, op->idempotency_hash, sizeof(op->idempotency_hash));
	put_blob(&s, ids, op->count * ID_BYTES);
	put_int(&s, batch->now_ms);
	rc = statement_run(&s, err);
	free(ids);
	return rc;
}

static int submit_all(struct batch *batch, struct op_submit *op, bool *ret_whole, struct err *err)
{
	*ret_whole = true;
	for (size_t i = 0; i < op->count; i++) {
		if (submit_one(batch, &op->jobs[i], &op->outcomes[i], err))
			return -1;
		if (op->outcomes[i] != SUBMIT_CREATED)
			*ret_whole = false;
	}
	if (op->idempotency_key && (*ret_whole || !op->atomic))
		return idempotency_keep(batch, op, err);
	return 0;
}

/* All or none: what was done is undone, in the database and in the batch. */
static int submit_atomic(struct batch *batch, struct op_submit *op, struct err *err)
{
	size_t events_count = batch->events_count;
	int64_t counts[JOB_STATES];
	bool whole;

	memcpy(counts, batch->counts, sizeof(counts));
	if (db_run(batch->db, SQL_SAVEPOINT, err) || submit_all(batch, op, &whole, err))
		return -1;
	if (!whole) {
		if (db_run(batch->db, SQL_UNDO, err))
			return -1;
		batch->events_count = events_count;
		memcpy(batch->counts, counts, sizeof(counts));
		for (size_t i = 0; i < op->count; i++)
			if (op->outcomes[i] == SUBMIT_CREATED)
				op->outcomes[i] = SUBMIT_UNDONE;
	}
	return db_run(batch->db, SQL_RELEASE, err);
}

int apply_submit(struct batch *batch, struct op_submit *op, struct err *err)
{
	bool whole;

	if (batch->store->disk_low) {
		err_set(&op->op.err, ERR_DISK_FULL, "less than %d MiB free for %s",
			STORE_DISK_FREE_BYTES_MIN >> 20, batch->store->dir);
		return 0;
	}
	if (op->idempotency_key) {
		int rc = idempotency_replay(batch, op, err);

		if (rc)
			return rc < 0 ? -1 : 0;
	}
	if (op->atomic && op->count > 1)
		return submit_atomic(batch, op, err);
	return submit_all(batch, op, &whole, err);
}

/* ---- patch ---- */

static int tags_replace(struct db *db, int64_t num, const char *tags, struct err *err)
{
	struct statement s = db_statement(db, SQL_TAG_DELETE);

	put_int(&s, num);
	if (statement_run(&s, err))
		return -1;
	s = db_statement(db, SQL_JOB_TAGS);
	put_int(&s, num);
	put_text(&s, tags);
	if (statement_run(&s, err))
		return -1;
	return tags ? tags_insert(db, num, tags, err) : 0;
}

/* What the patch may not do is said in op->op.err; true: it may. */
static bool patch_allowed(struct op_patch *op, const struct head *head)
{
	const char *state = state_name(head->state);

	if (op->if_version && op->if_version != (uint64_t)head->version)
		err_set(&op->op.err, ERR_PRECONDITION_FAILED, "version is %lld, not %llu",
			(long long)head->version, (unsigned long long)op->if_version);
	else if (op->set_priority && state_is_final(head->state))
		err_set(&op->op.err, ERR_WRONG_STATE, "a %s job has no priority", state);
	else if (op->set_ready && head->state != JOB_SCHEDULED && head->state != JOB_RETRYING)
		err_set(&op->op.err, ERR_WRONG_STATE,
			"run_at of a %s job is past; only scheduled and retrying jobs have one",
			state);
	return op->op.err.code == ERR_NONE;
}

int apply_patch(struct batch *batch, struct op_patch *op, struct err *err)
{
	struct statement s;
	struct head head;
	int rc = head_load(batch->db, &op->id, &head, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		err_set(&op->op.err, ERR_NOT_FOUND, "no such job");
		return 0;
	}
	if (!patch_allowed(op, &head))
		return 0;
	s = db_statement(batch->db, SQL_JOB_PATCH);
	put_int(&s, head.num);
	put_int(&s, op->set_priority ? (int64_t)op->priority : head.priority);
	put_int(&s, op->set_ready ? op->ready_ms : head.ready_ms);
	put_int(&s, head.version + 1);
	if (statement_run(&s, err))
		return -1;
	if (op->set_tags && tags_replace(batch->db, head.num, op->tags, err))
		return -1;
	if (op->set_ready && due_next(batch->store, err))
		return -1;
	return job_load(batch->db, &op->id, false, &op->job, err);
}

/* ---- key-value ---- */

int apply_kv(struct batch *batch, struct op_kv *op, struct err *err)
{
	struct statement s = db_statement(batch->db, op->value ? SQL_KV_PUT : SQL_KV_DROP);

	put_text(&s, op->space);
	put_text(&s, op->key);
	if (op->value)
		put_blob(&s, op->value, op->len);
	return statement_run(&s, err);
}
