/* SPDX-License-Identifier: MIT */
/* room.h - what the files of this room share: the store, the batch that is being
 * written, and the head of a job.
 *
 *   store_put → queue → writer.c: a batch ─┬→ op_jobs.c, op_moves.c, op_runs.c, op_delete.c
 *                  ▲                       ├→ events.c: numbers and tells what happened
 *                  └── results.c ◀─────────┘  (an operation whose lines go to a file comes back)
 *
 * Threads    a struct batch and all apply_* belong to the writer thread (and to
 *            store_open before it starts); readers are taken one to a thread.
 * Errors     apply_*: 0, with what is wrong with this one operation in its own
 *            op->err; -1 and *err when the whole batch cannot go on.
 * Locks      LOCK_STORE_QUEUE, LOCK_STORE_SYNC, LOCK_STORE_READ; never two at once.
 */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/lock.h"
#include "store/db.h"
#include "store/store.h"

#include <stdatomic.h>

enum { COMMIT_TIMES = 256 }; /* the last commits, for the percentiles */

struct op_list {
	struct store_op *first, **end;
};

void op_list_init(struct op_list *list);
void op_list_add(struct op_list *list, struct store_op *op);
void op_list_move(struct op_list *to, struct op_list *from); /* all of them */
struct store_op *op_list_pop(struct op_list *list);	     /* NULL: empty */

/* What readers and reports may see: as of the last commit. */
struct published {
	int64_t counts[JOB_STATES];
	uint64_t last_seq;
	uint64_t commits, operations;
	uint32_t commit_us[COMMIT_TIMES];
	int64_t wal_bytes, disk_free_bytes;
	enum err_code broken; /* why nothing is written now; ERR_NONE: all is well */
};

struct results;

struct store {
	struct store_config config;
	char *dir, *path, *results_dir;
	char *vfs;
	int lock_fd;
	int bodies_fd;		     /* DIR/bodies */
	_Atomic unsigned bodies_new; /* names of files under way: only its own order counts */
	_Atomic bool bodies_any;     /* set by who makes a folder, before; spares deletes a look */
	struct results *results;     /* results.c */
	pthread_t writer;
	bool writer_runs;
	uint64_t suspect_seq; /* jobs born until then were there when the daemon died; 0: none */

	struct lock queue_lock; /* LOCK_STORE_QUEUE */
	struct cond queue_filled;
	struct op_list queue GUARDED_BY(queue_lock);
	size_t queued_ops GUARDED_BY(queue_lock);
	size_t queued_bytes GUARDED_BY(queue_lock);
	size_t urgent_ops GUARDED_BY(queue_lock);     /* those that are not lazy */
	int64_t lazy_since_ms GUARDED_BY(queue_lock); /* clock_ms; of the oldest; 0: none */
	size_t away_ops GUARDED_BY(queue_lock);	      /* with the results thread */
	bool closing GUARDED_BY(queue_lock);
	struct published published GUARDED_BY(queue_lock);

	struct lock read_lock; /* LOCK_STORE_READ */
	struct cond reader_free;
	struct db readers[STORE_READERS_MAX];
	bool reader_open[STORE_READERS_MAX] GUARDED_BY(read_lock);
	bool reader_busy[STORE_READERS_MAX] GUARDED_BY(read_lock);
	char ready_turn[PRIORITIES][NAME_BYTES_MAX + 1] GUARDED_BY(read_lock);

	/* the writer thread's own */
	struct db db;
	uint64_t next_seq;
	int64_t next_num;  /* of the next job */
	uint64_t kept_seq; /* the oldest event kept */
	int64_t counts[JOB_STATES];
	int64_t due_ms;	  /* wall clock: the next job is due or its deadline over; 0: none */
	bool leftovers;	  /* rows of deleted jobs may be there */
	int64_t slice_ms; /* clock_ms; from then on a slice of them goes though writes wait */
	int64_t wal_pages, wal_pages_copied; /* in the WAL; of these in the database too */
	int64_t checked_ms;		     /* clock_ms; when the free disk space was asked for */
	bool disk_low;
};

/* ---- a batch: one transaction ---- */

struct batch {
	struct store *store;
	struct db *db;
	int64_t now_ms;		 /* wall clock */
	struct op_list ops;	 /* applied, waiting for the commit */
	struct op_list away;	 /* for the results thread, once this batch is committed */
	struct op_list hopeless; /* told of, after the commit of the others */
	struct store_op *failed; /* while it was applied; in none of the lists */
	size_t ops_count;
	struct event *events;
	size_t events_count, events_room;
	struct arena arena;	    /* data of the events */
	uint64_t first_seq;	    /* of its events */
	int64_t counts[JOB_STATES]; /* changes */
	int64_t drop_room;	    /* rows of deleted jobs that may still go */
	struct id *unlinks;	    /* jobs whose files go after the commit */
	size_t unlinks_count, unlinks_room;
};

void batch_init(struct batch *batch, struct store *store);
void batch_done(struct batch *batch);
void batch_clear(struct batch *batch); /* for the next transaction; keeps memory */
/* For the same one without `failed`, which is hopeless: all others are in *ops again, in
 * their order as far as one job can tell. */
void batch_again(struct batch *batch, struct op_list *ops, const struct err *why);
int batch_unlink(struct batch *batch, const struct id *id, struct err *err);
/* BEGIN … COMMIT; batch_commit writes the events' row and publishes. */
int batch_begin(struct batch *batch, struct err *err);
int batch_commit(struct batch *batch, struct err *err);
void batch_rollback(struct batch *batch);

/* ---- the head of a job: what its moves look at and change ---- */

struct head {
	struct id id;
	int64_t num;
	enum job_state state;
	int64_t priority, ready_ms;
	int64_t started_ms, attempt_ms, finished_ms, keep_for_ms;
	int64_t attempt, attempts_free, crashes;
	int64_t version;
	int64_t done, total, items, items_failed;
	int64_t result_bytes, result_filed;
	int64_t created_seq, started_seq, finished_seq;
	int64_t deadline_ms;
	/* only written */
	const char *summary, *error_detail; /* borrowed */
	enum err_code error;
	uint32_t sources; /* of the first move made: the states that the row may be in */
};

/* 1: found; 0: no such job; -1. */
int head_load(struct db *db, const struct id *id, struct head *ret_head, struct err *err);
/* Makes the move if the table has it; *ret_made tells.  Sets state, finished_ms
 * and the seqs, adds the events, counts; the caller changes the rest and then
 * calls head_store(), whose WHERE repeats the table's condition. */
int head_move(struct batch *batch, struct head *head, enum job_move move, int64_t at_ms,
	      bool *ret_made, struct err *err);
int head_store(struct batch *batch, struct head *head, struct err *err);
int head_store_progress(struct batch *batch, struct head *head, struct err *err);
/* The attempt that is open, if any, ends so. */
int attempt_close(struct batch *batch, struct head *head, enum attempt_state state, int64_t at_ms,
		  enum err_code error, const char *detail, struct err *err);

/* ---- operations, one function each ---- */

int apply_submit(struct batch *batch, struct op_submit *op, struct err *err);
int apply_move(struct batch *batch, struct op_move *op, struct err *err);
int apply_patch(struct batch *batch, struct op_patch *op, struct err *err);
int apply_delete(struct batch *batch, struct op_delete *op, struct err *err);
int apply_sweep(struct batch *batch, struct op_sweep *op, struct err *err);
/* Rows of deleted jobs, as many as one commit may; store->leftovers is false after the last. */
int leftovers_drop(struct batch *batch, struct err *err);
int leftovers_find(struct store *store, struct err *err); /* at open: are there some? */
int apply_kv(struct batch *batch, struct op_kv *op, struct err *err);
int apply_note(struct batch *batch, struct op_note *op, struct err *err);
int apply_start(struct batch *batch, struct op_start *op, struct err *err);
/* *ret_away: it went to the results thread first, and comes back. */
int apply_commit(struct batch *batch, struct op_commit *op, bool *ret_away, struct err *err);
int apply_finish(struct batch *batch, struct op_finish *op, bool *ret_away, struct err *err);
/* Scheduled and retrying jobs whose time has come, at most a batch of them. */
int apply_due(struct batch *batch, struct err *err);
int due_next(struct store *store, struct err *err);  /* sets store->due_ms */
void due_sooner(struct store *store, int64_t at_ms); /* 0: no time at all */

/* ---- events.c ---- */

/* Adds one; its seq in *ret_seq if not NULL.  `data` is copied. */
int event_add(struct batch *batch, const struct event *event, uint64_t *ret_seq, struct err *err);
/* The same with a row of its own in the job's log. */
int event_log(struct batch *batch, int64_t job, const struct event *event, uint64_t *ret_seq,
	      struct err *err);
int events_flush(struct batch *batch, struct err *err);		   /* before the COMMIT */
int events_open(struct store *store, struct err *err);		   /* where the numbers go on */
void event_unpack(const uint8_t *record, struct event *ret_event); /* all but seq and data */
char *event_item_data(const struct item_error *item);		   /* JSON; NULL: no memory */
enum { EVENT_NO_JOB = 0 };					   /* in place of a job's number */
enum { EVENT_RECORD_BYTES = ID_BYTES + 8 + 1 + 1 + 2, EVENT_BORN = 0x80 };

/* ---- reading ---- */

/* A read-only connection with a snapshot, to be given back soon; waits for a free
 * one.  NULL and *err. */
struct db *db_reader_begin(struct store *store, struct err *err);
/* The same for what belongs to a job: its number, or NULL and ERR_NOT_FOUND. */
struct db *db_reader_of_job(struct store *store, const struct id *id, int64_t *ret_num,
			    struct err *err);
void db_reader_end(struct store *store, struct db *db);
void readers_close(struct store *store);
int job_read(struct statement *s, struct job *ret_job, int64_t *ret_num, struct err *err);
int job_load(struct db *db, const struct id *id, bool with_body, struct job *ret_job,
	     struct err *err);
/* 0 and the number; -1: ERR_NOT_FOUND or worse. */
int job_number(struct db *db, const struct id *id, int64_t *ret_num, struct err *err);
void item_error_read(struct statement *s, struct item_error *ret_item); /* borrows */
char *text_copy(const char *text, bool *failed);			/* NULL stays NULL */

/* ---- results.c ---- */

int results_open(struct store *store, struct err *err);
void results_close(struct store *store); /* after the writer ended */
/* Writer thread: must this operation go through the results thread first?  Then it
 * is on batch->away. */
int results_divert(struct batch *batch, struct store_op *op, const struct head *head,
		   const struct op_commit *commit, bool *ret_away, struct err *err);
void results_send(struct store *store, struct op_list *ops);
void results_returned(struct store *store, struct store_op *op); /* it came back */
/* What is on its way, as of the mark: for a batch that is applied anew. */
int results_mark(struct store *store, struct err *err);
void results_rewind(struct store *store);
int results_append(struct batch *batch, struct head *head, const struct op_commit *commit,
		   const struct store_op *op, struct err *err);
void results_unlink(struct store *store, const struct id *id);
enum { RESULTS_PATH_MAX = 4096 };
int results_path(const struct store *store, const struct id *id, char *path, size_t room);
struct results_head {
	int64_t num, bytes;
	bool filed;
};
/* Where a job's results stand, by its last commit. */
int results_head(struct store *store, const struct id *id, struct results_head *ret_head,
		 struct err *err);
/* Cuts what was never committed, unlinks what has no job. */
int results_recover(struct store *store, struct err *err);
void results_sweep(struct store *store); /* the results thread calls bodies_sweep() when idle */

/* ---- bodies.c ---- */

/* Those of jobs that are gone go with them. */
int bodies_open(struct store *store, struct err *err);
bool body_name_is_good(const char *name);
int bodies_sync(struct store *store, struct err *err);	   /* results thread: all that were put */
void bodies_drop(struct store *store, const char *folder); /* a job's, by its id */
void scratch_drop(struct store *store, const char *folder);
bool bodies_sweep(struct store *store); /* results thread: removes some; true: there may be more */

/* ---- opening ---- */

int lock_directory(const char *dir, int *ret_fd, struct err *err);
int store_recover(struct store *store, struct err *err);     /* what a crash left */
int recover_mark_take(struct store *store, struct err *err); /* was the last close a clean one? */
void recover_mark_leave(struct store *store);		     /* this one is */
int store_count(struct store *store, struct err *err);	     /* what the writer keeps in memory */
void *writer_main(void *store);
int writer_wal_hook(void *store, sqlite3 *handle, const char *name, int pages);
void writer_return(struct store *store, struct op_list *ops); /* from the results thread */
int store_db_open(struct store *store, struct db *db, enum db_mode mode, struct err *err);

#endif
