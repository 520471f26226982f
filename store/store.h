/* SPDX-License-Identifier: MIT */
/* store.h - what is remembered: jobs, attempts, parts, results, events, hosts.
 *
 * One interface, one implementation today (SQLite); nothing above it knows SQL.
 * Writes are operations: a caller fills one, hands it over, and is called back
 * when the commit that holds it is on the disk.  One writer thread drains
 * whatever queued up meanwhile into one transaction (group commit), so that a
 * thousand waiting submits cost one fsync.  Lazy operations (progress, host
 * state) ride along with the next commit, or go after STORE_LAZY_MS alone.
 * Reads are short, on read-only connections, and see the last commit.
 *
 * Invariants
 *  1. An operation's callback runs after its commit, once, on the writer thread.
 *     It must be short and must not wait.
 *  2. Operations of one caller are committed in the order they were handed over.
 *  3. Events get their sequence numbers in commit order: who has seen seq N will
 *     never be shown a new event below N.
 *  4. Only the writer thread writes or checkpoints (SQLite's WAL-reset bug).
 *  5. A job's state moves only along the table in state.h; the WHERE of each
 *     update is made from it.
 *  6. Result bytes beyond the committed length do not exist: they are cut at open.
 *
 * Threads    every function from any thread, but open and close.
 * Ownership  an operation belongs to the store from the hand-over to its callback.
 * Errors     0, or -1 and *err; ERR_STORE: not writable, outcome of a commit unknown.
 * Units      _ms are wall-clock milliseconds since 1970, unless they end in _for_ms.
 * Locks      LOCK_STORE_*; no callback is made while one is held.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "store/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct event {
	uint64_t seq;
	struct id job;
	int64_t at_ms;
	enum event_type {
		EVENT_STATE,
		EVENT_PROGRESS,
		EVENT_LOG,
		EVENT_ITEM,
		EVENT_END,
		EVENT_HOST, /* of no job: its id is zero */
		EVENT_TYPES
	} type;
	enum job_state state; /* EVENT_STATE, EVENT_END */
	bool born;	      /* EVENT_STATE: the job's first */
	uint16_t attempt;
	char *data; /* JSON object of the others; NULL for EVENT_STATE and EVENT_END:
		     * progress {done, total?, stage?, rate}, log {level, text},
		     * item {seq, key, stage, line?, offset?, error {type, detail}, attempts},
		     * host {key, from, to, reason, until}.
		     * NULL in the log of all when the job was deleted since. */
};

struct store_config {
	const char *dir; /* the data directory; made if absent (0700) */
	bool sync;	 /* synchronous=FULL; false only for benchmarks of the rest */
	const char *vfs; /* SQLite's file layer; NULL: the system's.  Fault tests name theirs */
	int64_t jobs_queued_max;  /* not final; beyond it a submit is ERR_QUEUE_FULL */
	uint64_t events_kept_max; /* in the log of all; 0: EVENTS_KEPT_MAX */
	/* Called on the writer thread after each commit with the events it made, in
	 * order; the array and its data are borrowed. */
	void (*on_events)(void *ctx, const struct event *events, size_t count);
	/* The same after the callbacks of the commit's operations; may be NULL. */
	void (*on_told)(void *ctx);
	void *ctx;
};

/* Takes the lock on the directory (ERR_CONFLICT names the pid that has it),
 * migrates (the old file stays beside as jobmill.db.vN.bak), cuts result tails,
 * moves running jobs back to pending (state.h: JOB_MOVE_CRASH), starts threads. */
int store_open(const struct store_config *config, struct store **ret_store, struct err *err);
void store_close(struct store *store); /* commits what is queued, joins the threads; NULL is fine */

struct job;
/* Did the daemon die, now or before, with this job begun or about to begin?  Then let its
 * start be on the disk before its first step: a job that kills the daemon at once would
 * otherwise never be known to have run, and would kill it forever. */
bool store_suspects(const struct store *store, const struct job *job);

/* ---- jobs ---- */

enum job_priority { PRIORITY_CRITICAL, PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW, PRIORITIES };

/* A job's row.  Texts are NULL when there are none. */
struct job {
	struct id id;
	char *type, *name;
	char *fair_key;
	char *tags; /* JSON object of strings */
	char *body; /* the envelope as the client sent it; NULL in lists */
	char *request_id;
	char *unique_key;
	enum job_state state;
	enum job_priority priority;
	int64_t created_ms, ready_ms;	 /* ready_ms: when it may start (run_at, or the retry) */
	int64_t started_ms, finished_ms; /* 0: not yet */
	int64_t deadline_ms;		 /* instant; 0: none */
	int64_t keep_for_ms; /* after the end; -1: forever; 0: the default of its state */
	uint16_t attempt, max_attempts, crashes; /* attempt: number of the last one begun, from 1 */
	uint16_t attempts_free; /* those of `attempt` that do not count: interrupted, yielded, and
				   all before POST …/retry.  May be repeated while
				   attempt - attempts_free < max_attempts */
	uint64_t version;	/* grows with each change: ETag */
	/* outcome and progress */
	char *summary; /* JSON object */
	enum err_code error;
	char *error_detail;
	char *stage;	     /* progress: what is being done; NULL: nothing to say */
	int64_t done, total; /* total -1: unknown */
	int64_t items, items_failed;
	int64_t result_bytes;
	uint64_t created_seq, started_seq, finished_seq; /* of its state events; 0: none */
};

void job_done(struct job *job); /* frees the texts */

/* 0; -1 with ERR_NOT_FOUND. */
int store_job_get(struct store *store, const struct id *id, bool with_body, struct job *ret_job,
		  struct err *err);

struct job_filter {
	uint32_t states;			 /* bit per enum job_state; 0: all */
	uint32_t priorities;			 /* bit per enum job_priority; 0: all */
	const char *const *types, *const *names; /* OR within, NULL-ended; NULL: all */
	const char *const *tags;		 /* "team:data" */
	int64_t since_ms, until_ms;		 /* created; 0: open */
	const char *q;				 /* part of the name, any case (ASCII) */
	struct id after; /* cursor: older than this id; all zero: from the newest */
	unsigned limit;
};

/* Newest first.  A page may hold fewer than `limit` (LIST_SCAN_ROWS_MAX rows are
 * looked at); *ret_more says whether *ret_after continues. */
int store_job_list(struct store *store, const struct job_filter *filter, struct job *ret_jobs,
		   size_t *ret_count, bool *ret_more, struct id *ret_after, struct err *err);

/* The number of jobs in each state, as of the last commit. */
void store_job_counts(struct store *store, int64_t ret_counts[JOB_STATES]);

struct attempt {
	uint16_t attempt;
	enum attempt_state {
		ATTEMPT_RUNNING,
		ATTEMPT_COMPLETED,
		ATTEMPT_FAILED,
		ATTEMPT_INTERRUPTED,
		ATTEMPT_CANCELLED
	} state;
	int64_t started_ms, finished_ms;
	enum err_code error;
	char *error_detail;
};
/* All attempts, first first; the successful first one comes from the job's row.
 * The caller frees the details and the array. */
int store_attempts(struct store *store, const struct id *id, struct attempt **ret_attempts,
		   size_t *ret_count, struct err *err);

/* ---- operations ---- */

struct store_op;
typedef void store_op_done(struct store_op *op);

enum op_kind {
	OP_SUBMIT,
	OP_MOVE,
	OP_PATCH,
	OP_DELETE,
	OP_START,
	OP_COMMIT,
	OP_FINISH,
	OP_KV,
	OP_NOTE,
	OP_SWEEP,
};

/* The head of each operation below; zero it and fill kind, done and ctx. */
struct store_op {
	enum op_kind kind;
	bool lazy;	     /* no fsync of its own */
	store_op_done *done; /* may be NULL; the operation is then freed by the store with free() */
	void *ctx;
	struct err err; /* of this operation; code ERR_NONE when it was committed */
	/* the store's own */
	struct store_op *next;
	size_t bytes;
	bool filed; /* its result lines are in the file, at filed_at, and synced */
	int64_t filed_at;
};

/* Hands over.  -1 (nothing is taken): ERR_STORE when the queue is full, the store
 * stopped writing, or it is closing. */
int store_put(struct store *store, struct store_op *op, struct err *err);

/* New jobs, JOB_SCHEDULED or JOB_PENDING.  A unique key is held until its job has
 * failed, was cancelled or is deleted.  `jobs[i].id`, created_ms and everything but the seqs are
 * the caller's; outcome[i] says what came of each. */
struct op_submit {
	struct store_op op;
	struct job *jobs; /* borrowed until the callback */
	size_t count;
	bool atomic; /* one that is not created undoes all */
	enum submit_outcome {
		SUBMIT_CREATED,
		SUBMIT_REPLAYED, /* same Idempotency-Key, same body: jobs[i].id is the old one */
		SUBMIT_MISMATCH, /* same key, another body */
		SUBMIT_EXISTS,	 /* unique key is taken: jobs[i].id is the holder's */
		SUBMIT_QUEUE_FULL,
		SUBMIT_UNDONE, /* atomic: another one was refused */
	} *
		outcomes;	      /* count of them, the caller's memory */
	const char *idempotency_key;  /* NULL: none.  Scoped by the caller; kept for a day */
	uint8_t idempotency_hash[32]; /* of the body */
};

/* One state move asked for from outside: cancel, pause, resume, retry.  JOB_MOVE_AGAIN
 * opens failed parts again (done ones stay), hides the items that these have told, takes
 * item errors as resolved, and gives the attempts a new budget (attempts_free); the numbers
 * of attempts go on.  JOB_MOVE_MEND is the same for a job that has failed parts, a completed
 * one too.
 * JOB_MOVE_RESUME ends an attempt that has not yielded yet: what it writes later is
 * refused. */
struct op_move {
	struct store_op op;
	struct id id;
	enum job_move move; /* state.h */
	int64_t at_ms;
	struct job job;	    /* after the commit: the row as it is now (the op's; job_done() it) */
	enum job_state was; /* before */
	/* err: ERR_NOT_FOUND, ERR_WRONG_STATE, ERR_UNIQUE_CONFLICT (retry: the key is taken),
	 * ERR_ITEMS (mend: no failed part, or one whose items stand in pieces) */
};

struct op_patch {
	struct store_op op;
	struct id id;
	bool set_priority, set_ready, set_tags;
	enum job_priority priority;
	int64_t ready_ms;
	const char *tags;    /* JSON object; borrowed */
	uint64_t if_version; /* 0: any; else ERR_PRECONDITION_FAILED */
	struct job job;	     /* after */
};

struct op_delete { /* a final job with all that belongs to it */
	struct store_op op;
	struct id id;
};

/* A run has begun and outlived RUN_START_NOTE_MS: running is written and told. */
struct op_start {
	struct store_op op;
	struct id id;
	uint16_t attempt;
	int64_t started_ms;
};

/* ---- runs: parts, checkpoints, results ---- */

enum part_state { PART_PENDING, PART_DONE, PART_FAILED };

struct part_row {
	uint64_t number;
	const char *key, *input, *resume; /* bytes; resume: what run_part_save() left */
	size_t key_len, input_len, resume_len;
	enum part_state state;
	int priority; /* higher first */
	uint64_t group;
	int64_t not_before_ms;
	uint16_t attempts;
	/* where its results stand in the job's results, -1: none: retried parts replace */
	int64_t result_offset, result_len, result_items;
};

struct checkpoint_row {
	unsigned lane;
	const void *blob; /* NULL: removed */
	size_t len;
};

struct item_error {
	uint64_t seq;		 /* the store's: that of its event */
	const char *key, *stage; /* NULL: none */
	int64_t line, offset;	 /* -1: none */
	enum err_code error;
	const char *detail;
	uint16_t attempts;
	bool resolved;
};

struct log_line {
	int64_t at_ms;
	uint8_t level; /* enum log_level */
	const char *text;
};

/* What a run did since its last commit, made durable all at once and told as
 * events after.  `attempt` is the job's attempt that is open, or the next one, which
 * then begins here.  Refused (ERR_WRONG_STATE) when that attempt has ended: nothing of
 * a cancelled job is kept later.  A paused job still takes what its run has left. */
struct op_commit {
	struct store_op op;
	struct id id;
	uint16_t attempt;
	int64_t started_ms; /* so that a commit may come before, or instead of, an OP_START */
	struct part_row *parts_added;
	size_t parts_added_count;
	struct part_row
		*parts_changed; /* number, state, resume, not_before_ms, attempts, result_* */
	size_t parts_changed_count;
	struct checkpoint_row *checkpoints;
	size_t checkpoints_count;
	struct item_error *errors;
	size_t errors_count;
	struct log_line *logs;
	size_t logs_count;
	const char *results; /* NDJSON lines, appended to the job's results */
	size_t results_len;
	int64_t items; /* in results */
	int64_t items_failed;
	bool bodies;   /* some were put for it: they are on the disk before it is committed */
	bool progress; /* the four below are news */
	int64_t done, total;
	const char *stage;
	double rate;	     /* units/s */
	struct arena *arena; /* everything pointed at lives here; freed with the op by the caller */
};

/* The end of an attempt; holds the run's last changes too (commit.op is unused). */
struct op_finish {
	struct store_op op;
	struct op_commit last;
	enum job_move move; /* JOB_MOVE_COMPLETE, _FAIL, _RETRY, _TIME_OUT… or _YIELD (drain) */
	int64_t finished_ms;
	int64_t ready_ms;    /* JOB_MOVE_RETRY: when */
	const char *summary; /* JSON object; NULL: none */
	enum err_code error;
	const char *error_detail;
	enum job_state state; /* after the commit: what it is now */
};

/* Reads for a run that is opened again. */
int store_parts_load(struct store *store, const struct id *id, enum part_state state,
		     uint64_t from_number, struct part_row *ret_rows,
		     size_t *ret_count, /* in: room */
		     struct arena *arena, struct err *err);
/* Pending parts not among `skip` groups, by priority then fairly over groups, due at now_ms. */
int store_parts_window(struct store *store, const struct id *id, int64_t now_ms,
		       struct part_row *ret_rows, size_t *ret_count, struct arena *arena,
		       struct err *err);
struct parts_summary {
	uint64_t next_number;
	int64_t pending, done, failed;
	int64_t next_due_ms; /* of the pending; 0: none or now */
};
/* Where the items of the part with this key stand; *ret_len 0: nowhere, or there is none. */
int store_part_result(struct store *store, const struct id *id, const char *key, size_t key_len,
		      int64_t *ret_offset, int64_t *ret_len, struct err *err);
int store_parts_summary(struct store *store, const struct id *id, struct parts_summary *ret,
			struct err *err);
/* The key of each part, in number order, for the seen set. */
int store_parts_keys(struct store *store, const struct id *id,
		     int (*each)(void *ctx, uint64_t number, const char *key, size_t len),
		     void *ctx, struct err *err);
int store_checkpoints(struct store *store, const struct id *id, struct checkpoint_row **ret_rows,
		      size_t *ret_count, struct arena *arena, struct err *err);

/* ---- the ready set, for the scheduler ---- */

/* Jobs in state pending of one priority that are not in `except` (a test by the
 * caller), oldest ready first, fairly over fair keys; with bodies.  `limit` rows. */
int store_ready_load(struct store *store, enum job_priority priority, size_t limit,
		     bool (*except)(void *ctx, const struct id *id), void *ctx,
		     struct job *ret_jobs, size_t *ret_count, struct err *err);
/* Moves scheduled and retrying jobs whose time has come to pending is the writer's:
 * it does so by itself at store_next_due_ms() and calls on_events. */

/* ---- results ---- */

/* Reads up to `room` bytes of a job's results from `offset`, never beyond the
 * committed length: *ret_len 0 at the end. */
int store_results_read(struct store *store, const struct id *id, int64_t offset, char *into,
		       size_t room, size_t *ret_len, struct err *err);
/* The same for what is shown: moves *offset over hidden items and behind what was read.
 * May read less than there is; *ret_len 0 only at the end. */
int store_results_next(struct store *store, const struct id *id, int64_t *offset, char *into,
		       size_t room, size_t *ret_len, struct err *err);
/* How many bytes of the results are hidden. */
int store_results_hidden(struct store *store, const struct id *id, int64_t *ret_bytes,
			 struct err *err);

/* ---- bodies: bytes kept beside a job until it is deleted, equal ones once ---- */

enum { BODY_NAME_LEN = 64 };

struct body_bytes {
	const char *name; /* the SHA-256 of the bytes: 64 lower-case hex digits */
	const void *bytes;
	size_t len;
};

/* From any thread; works on the disk.  Durable with a commit that says `bodies`.  *ret_new:
 * it was not there.  ERR_LIMIT (it was not, and is longer than `room`), ERR_DISK_FULL or
 * ERR_STORE. */
int store_body_put(struct store *store, const struct id *id, const struct body_bytes *body,
		   int64_t room, bool *ret_new, struct err *err);
/* An open file, the caller's to close, and its length.  ERR_NOT_FOUND: none, or no name. */
int store_body_open(struct store *store, const struct id *id, const char *name, int *ret_fd,
		    int64_t *ret_bytes, struct err *err);

/* ---- errors, logs ---- */

int store_errors_read(struct store *store, const struct id *id, uint64_t after_seq, unsigned limit,
		      struct item_error *ret_errors, size_t *ret_count, struct arena *arena,
		      struct err *err);
/* How many item errors that are not resolved have each code. */
int store_errors_count(struct store *store, const struct id *id, int64_t ret_counts[ERR_CODES],
		       struct err *err);
int store_logs_read(struct store *store, const struct id *id, uint64_t after_seq, unsigned limit,
		    struct event *ret_events, size_t *ret_count, struct err *err);

/* ---- events ---- */

/* Events of one job (job NULL: of all) with seq > after_seq, oldest first.  The
 * caller frees each data.  ERR_GONE: after_seq is older than what is kept. */
int store_events_read(struct store *store, const struct id *job, uint64_t after_seq, unsigned limit,
		      struct event *ret_events, size_t *ret_count, struct err *err);
uint64_t store_events_last_seq(struct store *store);

/* ---- key-value: host state, counters, whatever service must keep ---- */

struct op_kv {
	struct store_op op;
	const char *space, *key; /* borrowed until the callback */
	const void *value;	 /* NULL: delete */
	size_t len;
};
int store_kv_each(struct store *store, const char *space,
		  int (*each)(void *ctx, const char *key, const void *value, size_t len), void *ctx,
		  struct err *err);

/* Tells what is no job's: an EVENT_HOST.  Lazy. */
struct op_note {
	struct store_op op;
	int64_t at_ms;
	enum event_type type;
	const char *data; /* JSON object; borrowed until the callback */
};

/* Deletes jobs whose keep is over; at most `limit`.  Lazy. */
struct op_sweep {
	struct store_op op;
	int64_t now_ms;
	unsigned limit;
	unsigned deleted; /* after */
};

/* ---- health ---- */

struct store_stats {
	uint64_t commits, operations;
	double commit_us_p50, commit_us_p99;
	int64_t queued_ops, queued_bytes;
	int64_t wal_bytes, db_bytes, disk_free_bytes;
	bool writable;
};
void store_stats(struct store *store, struct store_stats *ret);
int store_backup(struct store *store, const char *path, struct err *err); /* VACUUM INTO */

#endif
