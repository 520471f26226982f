/* SPDX-License-Identifier: MIT */
/* recover.c - what a crash left, put right before the first new write.
 *
 *   running           → pending; its attempt is recorded as interrupted, costs none of
 *                       the budget, and counts as a crash.  JOB_CRASHES_MAX of them
 *                       without durable progress → failed as poison.
 *   paused, still     → paused; its attempt is recorded as interrupted
 *     being put away
 *   result files      → cut to their committed length; unlinked without a job
 *   pending           → as they are; but one of them may have begun, unwritten, and be
 *                       what killed the daemon: without the mark that a clean close
 *                       leaves, store_suspects() them
 */
#include "store/room.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int poison(struct batch *batch, struct head *head, struct err *err)
{
	char detail[128];
	bool made;

	snprintf(detail, sizeof(detail), "the daemon died %lld times while it ran",
		 (long long)head->crashes);
	head->error = ERR_POISON;
	head->error_detail = detail;
	if (attempt_close(batch, head, ATTEMPT_INTERRUPTED, batch->now_ms, ERR_INTERRUPTED,
			  "the daemon died", err) ||
	    head_move(batch, head, JOB_MOVE_FAIL, batch->now_ms, &made, err))
		return -1;
	return head_store(batch, head, err);
}

static int job_recover(struct batch *batch, const struct id *id, struct err *err)
{
	struct head head;
	bool made;
	int rc = head_load(batch->db, id, &head, err);

	if (rc != 1)
		return rc;
	if (head.state == JOB_RUNNING && ++head.crashes >= JOB_CRASHES_MAX)
		return poison(batch, &head, err);
	/* a paused job makes no move, and only its attempt ends */
	if (attempt_close(batch, &head, ATTEMPT_INTERRUPTED, batch->now_ms, ERR_INTERRUPTED,
			  "the daemon died", err) ||
	    head_move(batch, &head, JOB_MOVE_CRASH, batch->now_ms, &made, err))
		return -1;
	return head_store(batch, &head, err);
}

/* A round of them in one transaction; *ret_count tells how many there were. */
static int round_recover(struct batch *batch, size_t *ret_count, struct err *err)
{
	struct id ids[STORE_BATCH_OPS_MAX];
	struct statement s;

	batch_clear(batch);
	if (batch_begin(batch, err))
		return -1;
	s = db_statement(batch->db, SQL_OPEN_ATTEMPTS);
	if (statement_ids(&s, ids, STORE_BATCH_OPS_MAX, ret_count, err))
		return -1;
	for (size_t i = 0; i < *ret_count; i++)
		if (job_recover(batch, &ids[i], err))
			return -1;
	return batch_commit(batch, err);
}

int store_recover(struct store *store, struct err *err)
{
	struct batch batch;
	size_t count;
	int rc;

	batch_init(&batch, store);
	do
		rc = round_recover(&batch, &count, err);
	while (rc == 0 && count == STORE_BATCH_OPS_MAX);
	if (rc)
		batch_rollback(&batch);
	batch_done(&batch);
	return rc;
}

/* ---- the mark of a clean close ---- */

int recover_mark_take(struct store *store, struct err *err)
{
	int64_t clean;

	if (db_number(&store->db, "SELECT count(*) FROM kv WHERE space = 'store' AND key = 'clean'",
		      &clean, err))
		return -1;
	store->suspect_seq = clean ? 0 : store->next_seq - 1;
	if (clean)
		return db_exec(&store->db, "DELETE FROM kv WHERE space = 'store' AND key = 'clean'",
			       err);
	return 0;
}

void recover_mark_leave(struct store *store)
{
	struct err ignored; /* a store that is broken was not closed cleanly */

	db_exec(&store->db, "INSERT OR REPLACE INTO kv VALUES ('store', 'clean', x'01')", &ignored);
}

bool store_suspects(const struct store *store, const struct job *job)
{
	return job->crashes > 0 || job->created_seq <= store->suspect_seq;
}

/* ---- what the writer keeps in memory ---- */

static int counts_load(struct store *store, int64_t counts[JOB_STATES], struct err *err)
{
	struct statement pending = db_statement(&store->db, SQL_COUNT_PENDING);
	struct statement others = db_statement(&store->db, SQL_COUNT_OTHERS);
	struct statement all = db_statement(&store->db, SQL_COUNT_ALL);
	int64_t total = 0, others_sum = 0;
	int rc;

	memset(counts, 0, sizeof(int64_t) * JOB_STATES);
	if (statement_next(&pending, err) < 0)
		return -1;
	counts[JOB_PENDING] = get_int(&pending);
	statement_end(&pending);
	while ((rc = statement_next(&others, err)) == 1) {
		int64_t state = get_int(&others);
		int64_t count = get_int(&others);

		if (state >= 0 && state < JOB_STATES)
			counts[state] = count;
		others_sum += count;
	}
	if (rc < 0 || statement_next(&all, err) < 0)
		return -1;
	total = get_int(&all);
	statement_end(&all);
	counts[JOB_COMPLETED] = total - counts[JOB_PENDING] - others_sum;
	return 0;
}

static int num_next(struct store *store, struct err *err)
{
	struct statement s = db_statement(&store->db, SQL_JOB_NUM_NEXT);

	if (statement_next(&s, err) < 0)
		return -1;
	store->next_num = get_int(&s);
	statement_end(&s);
	return 0;
}

int store_count(struct store *store, struct err *err)
{
	if (counts_load(store, store->counts, err) || events_open(store, err) ||
	    num_next(store, err) || due_next(store, err))
		return -1;
	lock_take(&store->queue_lock);
	memcpy(store->published.counts, store->counts, sizeof(store->counts));
	store->published.last_seq = store->next_seq - 1;
	lock_drop(&store->queue_lock);
	return 0;
}

/* ---- result files ---- */

static int file_recover(struct store *store, const char *name, struct err *err)
{
	char text[ID_TEXT_LEN + 1], path[RESULTS_PATH_MAX];
	struct results_head head;
	struct stat stat_now;
	struct id id;

	if (strlen(name) != ID_TEXT_LEN + strlen(".ndjson"))
		return 0; /* not one of ours */
	memcpy(text, name, ID_TEXT_LEN);
	text[ID_TEXT_LEN] = '\0';
	if (id_parse(text, &id) || results_path(store, &id, path, sizeof(path)))
		return 0;
	if (results_head(store, &id, &head, err)) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		/* Nothing ever happened in this database: the file is another's, and no orphan. */
		if (store->next_seq == 1)
			return err_set(err, ERR_STORE,
				       "%s is new, but there is %s: put the old database back, or "
				       "move the results away",
				       store->path, path);
		unlink(path);
		return 0;
	}
	if (!head.filed) { /* died between the copy and its commit */
		unlink(path);
		return 0;
	}
	if (stat(path, &stat_now))
		return err_set_errno(err, ERR_STORE, errno, "cannot look at %s", path);
	if (stat_now.st_size > head.bytes && truncate(path, head.bytes))
		return err_set_errno(err, ERR_STORE, errno, "cannot cut %s", path);
	return 0;
}

int results_recover(struct store *store, struct err *err)
{
	DIR *dir = opendir(store->results_dir);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return err_set_errno(err, ERR_STORE, errno, "cannot read %s", store->results_dir);
	while (rc == 0 && (entry = readdir(dir)))
		rc = file_recover(store, entry->d_name, err);
	closedir(dir);
	return rc;
}
