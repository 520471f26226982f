/* SPDX-License-Identifier: MIT */
/* results.c - the items of a job: a few rows while they are few, then a file.
 *
 * Small results (at most STORE_INLINE_RESULT_BYTES in all) are rows of result_chunk,
 * only ever appended.  The commit that would pass that moves them to
 * DIR/results/<id>.ndjson; from there on the lines of each commit are
 *   1. written at the file's committed length and synced by the results thread,
 *   2. then queued for the writer, whose commit makes the new length true.
 * So the writer never waits for a file, and no length is committed before its bytes
 * are on the disk.  While one operation of a job is with the results thread, all its
 * commits take that way, which keeps their order.  Commits that name bodies take it
 * always: those are synced first (bodies.c).
 *
 * Failure modes
 *   crash after 1      the tail beyond the committed length is cut at the next open
 *   write fails        the operation is refused; those behind it do not fit its
 *                      offset any more and are refused too (op_runs.c)
 *   job is cancelled   the same: nobody reads beyond the committed length, and a
 *                      later attempt writes over it
 */
#include "store/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A job with operations on their way through the results thread. */
struct flow {
	struct id id;
	int64_t end; /* where the next lines go */
	size_t ops;
};

struct results {
	struct store *store;
	pthread_t thread;
	struct lock lock; /* LOCK_STORE_SYNC */
	struct cond filled;
	struct op_list queue GUARDED_BY(lock);
	bool sweep GUARDED_BY(lock); /* bodies of deleted jobs may be there */
	bool closing GUARDED_BY(lock);

	struct flow *flows; /* the writer thread's own */
	size_t flows_count, flows_room;
	struct flow *marked;
	size_t marked_count, marked_room;
};

static void *results_main(void *results);
static void sweep_set(struct results *results);

int results_open(struct store *store, struct err *err)
{
	struct results *results = calloc(1, sizeof(*results));

	if (!results)
		return err_set(err, ERR_NO_MEMORY, "no memory for the store");
	results->store = store;
	lock_init(&results->lock, LOCK_STORE_SYNC);
	cond_init(&results->filled);
	op_list_init(&results->queue);
	sweep_set(results);
	if (pthread_create(&results->thread, NULL, results_main, results)) {
		cond_done(&results->filled);
		lock_done(&results->lock);
		free(results);
		return err_set(err, ERR_NO_MEMORY, "no thread for the store");
	}
	store->results = results;
	return 0;
}

void results_close(struct store *store)
{
	struct results *results = store->results;

	if (!results)
		return;
	lock_take(&results->lock);
	results->closing = true;
	lock_drop(&results->lock);
	cond_signal(&results->filled);
	pthread_join(results->thread, NULL);
	cond_done(&results->filled);
	lock_done(&results->lock);
	free(results->flows);
	free(results->marked);
	free(results);
	store->results = NULL;
}

/* ---- the writer's side ---- */

static const struct op_commit *commit_of(const struct store_op *op)
{
	if (op->kind == OP_FINISH)
		return &CONTAINER_OF(op, struct op_finish, op)->last;
	return CONTAINER_OF(op, struct op_commit, op);
}

static struct flow *flow_find(struct results *results, const struct id *id)
{
	for (size_t i = 0; i < results->flows_count; i++)
		if (id_equal(&results->flows[i].id, id))
			return &results->flows[i];
	return NULL;
}

static struct flow *flow_add(struct results *results, const struct head *head)
{
	struct flow *flow;

	if (results->flows_count == results->flows_room) {
		size_t room = results->flows_room ? results->flows_room * 2 : 16;
		struct flow *flows = realloc(results->flows, room * sizeof(*flows));

		if (!flows)
			return NULL;
		results->flows = flows;
		results->flows_room = room;
	}
	flow = &results->flows[results->flows_count++];
	*flow = (struct flow){.id = head->id, .end = head->result_bytes};
	return flow;
}

int results_divert(struct batch *batch, struct store_op *op, const struct head *head,
		   const struct op_commit *commit, bool *ret_away, struct err *err)
{
	struct results *results = batch->store->results;
	struct flow *flow = flow_find(results, &head->id);
	int64_t total = head->result_bytes + (int64_t)commit->results_len;

	*ret_away = flow || commit->bodies ||
		    (commit->results_len > 0 &&
		     (head->result_filed || total > STORE_INLINE_RESULT_BYTES));
	if (!*ret_away)
		return 0;
	if (!flow)
		flow = flow_add(results, head);
	if (!flow)
		return err_set(err, ERR_NO_MEMORY, "no memory for results");
	op->filed = true;
	op->filed_at = flow->end;
	flow->end += (int64_t)commit->results_len;
	flow->ops++;
	return 0;
}

void results_returned(struct store *store, struct store_op *op)
{
	struct results *results = store->results;
	struct flow *flow = flow_find(results, &commit_of(op)->id);

	if (flow && --flow->ops == 0)
		*flow = results->flows[--results->flows_count];
}

int results_mark(struct store *store, struct err *err)
{
	struct results *results = store->results;

	if (results->marked_room < results->flows_count) {
		size_t room = results->flows_room;
		struct flow *marked = realloc(results->marked, room * sizeof(*marked));

		if (!marked)
			return err_set(err, ERR_NO_MEMORY, "no memory for results");
		results->marked = marked;
		results->marked_room = room;
	}
	results->marked_count = results->flows_count;
	if (results->flows_count > 0)
		memcpy(results->marked, results->flows,
		       results->flows_count * sizeof(*results->flows));
	return 0;
}

/* Never more than there were: `flows` has room. */
void results_rewind(struct store *store)
{
	struct results *results = store->results;

	results->flows_count = results->marked_count;
	if (results->marked_count > 0)
		memcpy(results->flows, results->marked,
		       results->marked_count * sizeof(*results->flows));
}

static int chunks_drop(struct batch *batch, int64_t num, struct err *err)
{
	struct statement s = db_statement(batch->db, SQL_CHUNK_DELETE);

	put_int(&s, num);
	return statement_run(&s, err);
}

int results_append(struct batch *batch, struct head *head, const struct op_commit *commit,
		   const struct store_op *op, struct err *err)
{
	struct statement s;

	if (commit->results_len == 0)
		return 0;
	if (op->filed) {
		if (!head->result_filed && chunks_drop(batch, head->num, err))
			return -1;
		head->result_filed = 1;
	} else {
		s = db_statement(batch->db, SQL_CHUNK_INSERT);
		put_int(&s, head->num);
		put_int(&s, head->result_bytes);
		put_blob(&s, commit->results, commit->results_len);
		if (statement_run(&s, err))
			return -1;
	}
	head->result_bytes += (int64_t)commit->results_len;
	return 0;
}

void results_send(struct store *store, struct op_list *ops)
{
	struct results *results = store->results;
	struct store_op *op;

	lock_take(&results->lock);
	while ((op = op_list_pop(ops)))
		op_list_add(&results->queue, op);
	lock_drop(&results->lock);
	cond_signal(&results->filled);
}

static void sweep_set(struct results *results)
{
	lock_take(&results->lock);
	results->sweep = true;
	lock_drop(&results->lock);
	cond_signal(&results->filled);
}

void results_sweep(struct store *store)
{
	if (store->results) /* else it is being opened, and begins with that */
		sweep_set(store->results);
}

/* ---- files ---- */

int results_path(const struct store *store, const struct id *id, char *path, size_t room)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	return snprintf(path, room, "%s/%s.ndjson", store->results_dir, text) < (int)room ? 0 : -1;
}

void results_unlink(struct store *store, const struct id *id)
{
	char path[RESULTS_PATH_MAX], folder[ID_TEXT_LEN + 1];

	if (results_path(store, id, path, sizeof(path)) == 0)
		unlink(path);
	id_format(id, folder);
	bodies_drop(store, folder);
	scratch_drop(store, folder);
}

static int write_at(int fd, const char *bytes, size_t len, int64_t offset, struct err *err)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno == ENOSPC ? ERR_DISK_FULL : ERR_STORE,
					     errno, "cannot write results");
		bytes += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

static int file_sync(const struct store *store, int fd, struct err *err)
{
	if (store->config.sync && fdatasync(fd))
		return err_set_errno(err, ERR_STORE, errno, "cannot sync results");
	return 0;
}

static int directory_sync(const struct store *store, struct err *err)
{
	int fd = open(store->results_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set_errno(err, ERR_STORE, errno, "cannot open %s", store->results_dir);
	rc = store->config.sync && fsync(fd)
		     ? err_set_errno(err, ERR_STORE, errno, "cannot sync %s", store->results_dir)
		     : 0;
	close(fd);
	return rc;
}

/* What stands in rows goes to the front of the file; again and again until the commit
 * that says so, which changes nothing. */
static int chunks_move(struct store *store, const struct id *id, int fd, struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	int rc;

	if (!db)
		return -1;
	s = db_statement(db, SQL_CHUNK_LIST);
	put_int(&s, num);
	put_int(&s, 0);
	while ((rc = statement_next(&s, err)) == 1) {
		int64_t offset = get_int(&s);
		size_t len;
		const char *lines = get_blob(&s, &len);

		if ((rc = write_at(fd, lines, len, offset, err)))
			break;
	}
	statement_end(&s);
	db_reader_end(store, db);
	return rc ? -1 : directory_sync(store, err);
}

/* 1: the job's results stand in a file by commit; 0: not yet; -1. */
static int filed_already(struct store *store, const struct id *id, struct err *err)
{
	struct results_head head;

	if (results_head(store, id, &head, err))
		return -1;
	return head.filed ? 1 : 0;
}

static int lines_file(struct store *store, const struct store_op *op, struct err *err)
{
	const struct op_commit *commit = commit_of(op);
	char path[RESULTS_PATH_MAX];
	int filed, fd, rc;

	if (commit->bodies && bodies_sync(store, err))
		return -1;
	if (commit->results_len == 0)
		return 0;
	filed = filed_already(store, &commit->id, err);
	if (filed < 0)
		return -1;
	if (results_path(store, &commit->id, path, sizeof(path)))
		return err_set(err, ERR_STORE, "path of the data directory is too long");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(err, errno == ENOSPC ? ERR_DISK_FULL : ERR_STORE, errno,
				     "cannot open %s", path);
	rc = filed ? 0 : chunks_move(store, &commit->id, fd, err);
	if (rc == 0)
		rc = write_at(fd, commit->results, commit->results_len, op->filed_at, err);
	if (rc == 0)
		rc = file_sync(store, fd, err);
	close(fd);
	return rc;
}

/* The next operation, or NULL; *ret_sweep: there is none, and bodies are to be removed. */
static struct store_op *work_take(struct results *results, bool *ret_sweep)
{
	struct store_op *op;

	lock_take(&results->lock);
	while (!results->queue.first && !results->closing && !results->sweep)
		cond_wait(&results->filled, &results->lock);
	op = op_list_pop(&results->queue);
	*ret_sweep = !op && !results->closing;
	if (*ret_sweep)
		results->sweep = false;
	lock_drop(&results->lock);
	return op;
}

static void *results_main(void *results_ptr)
{
	struct results *results = results_ptr;

	for (;;) {
		struct op_list done;
		struct store_op *op;
		struct err err;
		bool sweep;

		op_list_init(&done);
		op = work_take(results, &sweep);
		if (!op && !sweep)
			return NULL;
		if (sweep) {
			if (bodies_sweep(results->store))
				sweep_set(results);
			continue;
		}
		if (lines_file(results->store, op, &err))
			op->err = err;
		op_list_add(&done, op);
		writer_return(results->store, &done);
	}
}
