/* SPDX-License-Identifier: MIT */
/* run.h - what a running attempt may ask of the house.
 *
 * These verbs are all that a handler knows: no store, no HTTP, no pool.  The
 * engine implements them (service/engine/run_*.c); handler tests link a fake.
 *
 * Durability is lazy on purpose.  Parts, results, checkpoints and logs of a run
 * gather in memory and become durable together, every RUN_COMMIT_MS or when much
 * has gathered: a crash repeats the work since then, never shows half of it.
 *
 * Bounded verbs answer RUN_FULL when the house is behind: the step returns
 * STEP_WAIT and its lane is woken when there is room.  That is all of
 * back-pressure.
 *
 * Threads    inside open, phase and step of this run; run_wake and run_cancelled
 *            from any thread while the run is open.
 * Ownership  texts passed in are copied; what is borrowed says until when.
 * Units      _ms: milliseconds; instants are wall-clock since 1970.
 */
#ifndef HANDLERS_RUN_H
#define HANDLERS_RUN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "net/fetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct files;
struct robots;
struct run;
struct plan;

/* ---- the attempt ---- */

const struct plan *run_plan(const struct run *run);
const struct id *run_job_id(const struct run *run);
/* What scripts see as `ctx`: a JSON object with `job` (its id), `request_id` (of the submit, or
 * null) and `params` (the envelope's, byte for byte, or {}).  As buf_add(). */
int run_context(const struct run *run, struct buf *into);
unsigned run_attempt(const struct run *run);	   /* from 1 */
unsigned run_lanes_for_cpu(const struct run *run); /* lanes that make sense for CPU-bound work */

/* True once the job is cancelled, paused, timed out or the daemon drains: finish
 * this step soon.  Steps need not look; only long ones do. */
bool run_cancelled(const struct run *run);

/* ---- telling ---- */

/* Progress of the whole job; total -1: unknown; stage: borrowed, a literal.  Cheap:
 * told at most four times a second.  A run with parts and no call of its own
 * reports its parts. */
void run_progress(struct run *run, int64_t done, int64_t total, const char *stage);

/* What else there is to say of it while the attempt goes on: a JSON object, shown as the member
 * of progress.details that is called as the handler is (the last one counts).  Longer than
 * RUN_DETAILS_BYTES_MAX: it is not shown. */
void run_details(struct run *run, const char *json, size_t len);

/* A line in the job's log; beyond JOB_LOG_LINES_MAX of an attempt only counted. */
void run_log(struct run *run, enum log_level level, const char *fmt, ...) PRINTF(3, 4);

/* The summary: a JSON object (the last one counts).  -1: ERR_LIMIT. */
int run_summary(struct run *run, const char *json, size_t len, struct err *err);

/* ---- resources ---- */

/* Reserves (or with a negative number gives back) memory beyond the ordinary.
 * False: not now, the lane is woken when there may be room. */
bool run_memory(struct run *run, unsigned lane, int64_t bytes);

/* A folder that goes with the job; made at the first call.  Borrowed. */
int run_scratch(struct run *run, const char **ret_dir, struct err *err);

/* The named files of the house, to read (base/files.h) and to write (base/upload.h). */
struct files *run_files(const struct run *run);

/* Bytes that are kept with the job until it is deleted, equal ones once: their name is
 * their SHA-256 in 64 lower-case hex digits.  What is emitted afterwards is not shown
 * before they are durable.  *ret_new: they were not there.  Writes a file: it may block.
 * -1: ERR_LIMIT (they were not there, and are more than `room` bytes), ERR_DISK_FULL,
 * ERR_STORE. */
int run_body_keep(struct run *run, const char *name, const void *bytes, size_t len, int64_t room,
		  bool *ret_new, struct err *err);

/* Around what must block (a disk, a child, a script that sleeps), inside a step:
 * the pool adds a worker meanwhile. */
void run_block_begin(struct run *run);
void run_block_end(struct run *run);

/* ---- lanes, fetches, timers ---- */

/* Sticky: arriving during a step, it turns that step's STEP_WAIT into STEP_MORE. */
void run_wake(struct run *run, unsigned lane);

enum run_answer {
	RUN_OK,
	RUN_FULL,  /* wait for a wake */
	RUN_KNOWN, /* run_part_add: this key was taken before */
	RUN_LIMIT, /* run_part_add: a new one, but the job has parts_max already */
	RUN_LATER, /* run_part_next: nothing now, but more may come */
	RUN_END,   /* run_part_next: every part is finished */
	RUN_ERROR, /* *err */
};

/* Starts a fetch whose end will be taken by run_completion() on this lane.  `tag`
 * comes back with it.  RUN_ERROR: the request itself is wrong (url, guard). */
enum run_answer run_fetch(struct run *run, unsigned lane, const struct fetch_request *request,
			  uint64_t tag, struct err *err);

/* The same, but the body of a 2xx is taken piece by piece, as it comes: the lane is woken when
 * there is some, and while much of it waits to be taken its sender is slowed down.  Its
 * first byte makes a failure final.  What was not taken at the end is the result's body. */
enum run_answer run_stream(struct run *run, unsigned lane, const struct fetch_request *request,
			   uint64_t tag, struct err *err);
/* Moves up to `room` bytes that have come of that one; 0: none now. */
size_t run_stream_read(struct run *run, unsigned lane, uint64_t tag, char *into, size_t room);

/* What is known now of the robots.txt of an origin (fetch_result.host_key), under a product
 * token that some fetch asked with; no fetch is made.  To be given up with robots_free().
 * NULL: not known. */
struct robots *run_robots(const struct run *run, const char *host_key, const char *token);

enum run_answer run_timer(struct run *run, unsigned lane, int64_t delay_ms, uint64_t tag);

struct completion {
	enum completion_kind { COMPLETION_FETCH, COMPLETION_TIMER } kind;
	uint64_t tag;
	struct fetch_result *fetch; /* of a fetch; the taker's: fetch_result_free() */
};

/* The next thing that finished for this lane; false: none.  Completions arrive in
 * the order in which they finished. */
bool run_completion(struct run *run, unsigned lane, struct completion *ret);

/* Fetches and timers of this lane that are under way or not yet taken. */
unsigned run_outstanding(const struct run *run, unsigned lane);

/* Of its fetches, those that make no request now: parked, or between two attempts. */
unsigned run_fetches_idle(const struct run *run, unsigned lane);

/* ---- parts ---- */

/* A part is known by its key, once per job; its number counts from 0 in the order
 * of adding.  Claimed by run_part_next(), it belongs to the claimer until exactly
 * one of done, retry or release. */
struct part {
	uint64_t number;
	const char *key, *input, *resume; /* resume: the last run_part_save(); NULL: none */
	size_t key_len, input_len, resume_len;
	int priority;
	uint64_t group;
	unsigned attempts; /* before this claim */
	void *user;	   /* the handler's */
};

struct part_options {
	int priority;	       /* higher first */
	uint64_t group;	       /* shared fairly over groups: a host's hash */
	int64_t not_before_ms; /* 0: now */
	int64_t parts_max;     /* over all attempts and lanes, exactly; 0: no bound */
};

/* RUN_OK, RUN_KNOWN, RUN_LIMIT, RUN_FULL or RUN_ERROR (too large).  `options` may be NULL. */
enum run_answer run_part_add(struct run *run, unsigned lane, const char *key, size_t key_len,
			     const char *input, size_t input_len,
			     const struct part_options *options, struct err *err);

/* RUN_OK and a part, RUN_LATER (the lane is woken when that changes) or RUN_END. */
enum run_answer run_part_next(struct run *run, unsigned lane, struct part **ret_part,
			      struct err *err);

/* Adds a result item (one JSON value, without a newline) to what the part will
 * show when it is done or saved.  part NULL: shown when the attempt completes.
 * RUN_FULL, RUN_ERROR (ITEM_BYTES_MAX), or RUN_OK. */
enum run_answer run_emit(struct run *run, unsigned lane, struct part *part, const char *item,
			 size_t len, struct err *err);

/* The same for many: lines, each one item and its newline. */
enum run_answer run_emit_lines(struct run *run, unsigned lane, struct part *part, const char *lines,
			       size_t len, int64_t count, struct err *err);

struct item_failure {
	const char *key, *stage; /* NULL: the part's key; none */
	int64_t line, offset;	 /* -1: none */
	unsigned attempts;
	struct err err;
};
/* Counts one failed item; listed at /errors.  Shown with the part like its items. */
enum run_answer run_item_failed(struct run *run, unsigned lane, struct part *part,
				const struct item_failure *failure);

/* The same for many that are counted and not listed. */
void run_items_failed(struct run *run, struct part *part, int64_t count);

/* How many good ones there were beside them, where items are something else (groups, one value):
 * what a share in `max_failed` is of.  In the last phase; the last call counts. */
void run_good(struct run *run, int64_t count);

/* Adds to the counters of the job, numbered from 0, as many as the first call says: they move
 * when what the part told is shown, and are as durable.  After a crash nothing is counted twice. */
void run_count(struct run *run, struct part *part, const int64_t *counts, unsigned count);
/* Of what is shown, over all attempts. */
int64_t run_counted(const struct run *run, unsigned counter);

/* What the part has brought cannot be taken out of what was gathered: it counts as done also
 * with failed items, which cannot be retried. */
void run_part_final(struct run *run, struct part *part);

/* Finishes the part: its items and failures become visible (in part order when the
 * run is ordered).  One with a failure counts as failed and can be retried. */
void run_part_done(struct run *run, unsigned lane, struct part *part);

/* Shows what was emitted so far, and how to go on inside the part after a crash. */
enum run_answer run_part_save(struct run *run, unsigned lane, struct part *part, const void *blob,
			      size_t len);

/* Drops what it emitted; another claim may take it from not_before_ms on. */
void run_part_retry(struct run *run, unsigned lane, struct part *part, int64_t not_before_ms);

/* Drops what it emitted; it is unclaimed again, as if never taken. */
void run_part_release(struct run *run, unsigned lane, struct part *part);

/* The unclaimed parts of a group are given to no lane before that instant; 0: from now on they
 * are again.  False: too many are held back already, run_part_retry() each. */
bool run_group_hold(struct run *run, uint64_t group, int64_t until_ms);

/* In open: results come out in part order, whatever order parts finish in. */
void run_ordered(struct run *run);

/* Lane state that stands for the parts it covers (numbers, not yet done): they are
 * done together with the blob.  Replaces the lane's earlier blob; NULL removes it.  In an
 * ordered run the blob is kept when the last of them is shown: of several lanes each covers one
 * part at a time. */
enum run_answer run_checkpoint(struct run *run, unsigned lane, const void *blob, size_t len,
			       const uint64_t *parts_covered, size_t count);

/* ---- other jobs ---- */

/* Up to `room` bytes of the lines that another job shows, from *offset on (0 at first, then
 * left alone: it moves).  *ret_over: that job has ended, and *ret_len 0 is the end.  -1:
 * ERR_NOT_FOUND, or ERR_PARENT_FAILED: it was cancelled or failed. */
int run_results_read(struct run *run, const struct id *job, int64_t *offset, char *into,
		     size_t room, size_t *ret_len, bool *ret_over, struct err *err);

/* The lines that the part with this key shows in another job, in `into`: none when there is
 * no such part, or it has told nothing.  A short indexed read.  -1: ERR_NOT_FOUND. */
int run_result_of(struct run *run, const struct id *job, const char *key, size_t key_len,
		  struct buf *into, struct err *err);

/* ---- going on ---- */

/* What there is: in open what earlier attempts left, at the end what came of it all. */
struct run_left {
	int64_t parts, parts_done, parts_failed; /* parts: all */
	int64_t items;				 /* results already visible */
	unsigned checkpoints;
};
void run_left(const struct run *run, struct run_left *ret);

/* Failed items with that reason that count now: shown, and not retried since. */
int64_t run_failed_by(const struct run *run, enum err_code code);

/* The blobs of earlier checkpoints, i from 0; borrowed until open returns. */
void run_left_checkpoint(const struct run *run, unsigned i, unsigned *ret_lane,
			 const void **ret_blob, size_t *ret_len);

#endif
