/* SPDX-License-Identifier: MIT */
/* run.h - one attempt of a job, from inside the engine.
 *
 *   run_start ─▶ open ─▶ phase ─▶ steps ─▶ phase … ─┐
 *                  │       │        │               ├▶ run_leave ─▶ run_close ─▶ OP_FINISH
 *                  └ fails ┴─ fails ┴─ run_stop ────┘   (fetches       (its commit) ─▶ gone
 *                                                        and timers end)
 *
 * Between two phases, and from the last step on, exactly one worker has the run; the
 * scheduler says which (SCHED_PHASE_OVER, SCHED_STOPPED, false of sched_phase(), true
 * of sched_stop()).  How the attempt ends is decided once, by whoever sets `end` first.
 *
 * The verbs of handlers/run.h are spread over
 *   run.c        the attempt: start, phases, steps, end
 *   run_fetch.c  lanes' wakes, fetches, timers
 *   run_parts.c, run_parts_end.c  parts                 run_refill.c  parts and the store
 *   run_emit.c   items and failures, in part order      run_tell.c    progress, logs, summary
 *   run_commit.c what changed since the last commit, made durable
 *
 * Threads    said at each function; `_locked`: the caller holds run->lock.
 * Ownership  counted: the table of active runs has one reference, each operation at
 *            the store and whoever looks from outside one more.
 * Locks      LOCK_RUN.  Wakes are collected as a mask of lanes under it and given
 *            after it was dropped, since the scheduler's lock comes before.
 */
#ifndef SERVICE_ENGINE_RUN_H
#define SERVICE_ENGINE_RUN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/lock.h"
#include "handlers/run.h"
#include "service/engine/engine.h"
#include "service/engine/group_holds.h"
#include "service/engine/part_queue.h"
#include "service/engine/rate.h"
#include "service/engine/seen.h"

#include <stdatomic.h>

struct in_hand;

/* How an attempt ends. */
enum run_end {
	RUN_GOES_ON,
	RUN_COMPLETED,
	RUN_FAILED,    /* run->err */
	RUN_YIELDED,   /* a drain, or a pause that is already written: what there is, is kept */
	RUN_CANCELLED, /* somebody else has written the job's end: nothing more is kept */
};

/* ---- what an unfinished part has told ---- */

struct failure {
	struct failure *next;
	bool saved;	   /* with run_part_save(): survives a retry */
	char *key, *stage; /* behind the struct; NULL: none */
	int64_t line, offset;
	unsigned attempts;
	enum err_code code;
	char *detail;
};

struct told {
	struct buf items; /* lines */
	int64_t items_count;
	struct failure *failures, **failures_end; /* failures_end NULL: empty */
	int64_t failures_count;
	int64_t *counts; /* as many again, of before the last save, behind them; NULL: none */
};

/* ---- parts ---- */

struct run_part {
	struct part part; /* key and input stand behind the struct */
	enum part_place {
		PLACE_QUEUE,	 /* unclaimed */
		PLACE_PARKED,	 /* unclaimed, not before its time */
		PLACE_CLAIMED,	 /* a lane has it */
		PLACE_UNCLAIMED, /* ordered: given back, the next to be claimed */
		PLACE_FINISHED,	 /* ordered: waits for the parts before it */
	} place;
	uint64_t turn;	       /* part_queue.c */
	bool held;	       /* parked for its group, not for its own time */
	int64_t not_before_ms; /* wall */
	uint64_t added_in;     /* the number of the commit that adds it; 0: an earlier attempt's */
	uint64_t changed_in;   /* of the last commit with a change of it; 0: none */
	size_t row;	       /* its row in that commit, among added or changed */
	struct told told;      /* since the last save that was shown */
	size_t saved_bytes;    /* of told.items: saved, but its turn has not come (ordered) */
	int64_t saved_count;
	char *resume; /* owns part.resume */
	/* Ordered: the checkpoint that covers it, until it is shown. */
	struct checkpoint_row checkpoint;
	/* Shown so far; offset -1: nothing, or not in one piece. */
	int64_t result_offset, result_len, result_items;
	bool save_waits; /* ordered: a save that is not written yet */
	bool failed, final;
	struct run_part *prev, *next; /* a list of claimed parts, the ordered run's order */
};

struct part_list {
	struct run_part *first, *last;
};

/* Parts of a run.
 *
 * Each part is in exactly one of these places:
 *   here      in `map` with its struct: queued, parked, claimed or waiting for its turn
 *   leaving   in `map` without a struct: finished or parked for long, and the commit
 *             that says so is not on the disk yet: the store may still show it pending
 *   stored    pending in the store, or in a commit on its way there, and nowhere else:
 *             `stored` counts them, `stored_unsaved` those that no commit holds yet
 *   finished  done or failed in the store
 * A refill reads pending parts from the store without a lock.  What it read is taken
 * in only if its number is not in `map`; and while a refill is under way nothing is
 * dropped from `map` for having been committed (`late` keeps it), since the read may
 * be from before that commit.  So no part is ever claimed twice.  An ordered run
 * takes parts in number order, and a refill goes on behind the last number that it
 * has: what it reads was never here. */
struct parts {
	struct seen seen;
	struct part_map map;
	struct part_queue queue;  /* unordered */
	struct part_list fifo;	  /* ordered: unclaimed, in number order */
	struct part_list order;	  /* ordered: claimed and not yet shown, in number order */
	struct part_list claimed; /* unordered */
	struct part_list parked;  /* unordered */
	struct group_holds holds; /* whose parts are parked when their turn comes */
	size_t fifo_count, order_count, claimed_count, parked_count;
	size_t unclaimed_count;	 /* in order, given back */
	int64_t parked_until_ms; /* wall: the earliest of the parked */
	size_t finished_bytes;	 /* in order, waiting for their turn */
	uint64_t next_number, fifo_next;
	int64_t all, done, failed;
	int64_t stored, stored_unsaved;
	bool uncertain; /* keys beyond RUN_KEYS_MAX: the store decides which are new */
	bool refilling;
	int64_t refill_at_ms; /* wall; not before: nothing stored is due earlier */
	uint64_t *late;
	size_t late_count, late_room;
};

/* ---- what changed since the last commit ---- */

struct changes {
	uint64_t number;    /* from 1 */
	struct arena arena; /* texts of the rows */
	struct part_row *added, *changed;
	size_t added_count, added_room, changed_count, changed_room;
	struct checkpoint_row *checkpoints;
	size_t checkpoints_count, checkpoints_room;
	struct item_error *errors;
	size_t errors_count, errors_room;
	struct log_line *logs;
	size_t logs_count, logs_room;
	uint64_t *leaving; /* numbers to be dropped from the map once it is committed */
	size_t leaving_count, leaving_room;
	int64_t stored; /* parts that it adds to the store alone */
	struct buf results;
	size_t bytes; /* of all that, about */
	int64_t items, items_failed;
	bool bodies; /* some were kept */
	bool progress;
	int64_t done, total;
	const char *stage;
	double rate;
};

/* ---- lanes ---- */

/* A fetch or timer, from its start until its completion is taken. */
struct pending {
	struct run *run;
	unsigned lane;
	bool arrived, cancelling;
	struct completion completion;
	struct fetch *fetch; /* a reference; NULL: a timer, or not started yet */
	bool streams, paused;
	struct buf
		body; /* of a stream: what was not taken yet; RUN_STREAM_BYTES_MAX, and a piece */
	uint64_t timer;
	struct pending *prev, *next; /* under way: of the run; arrived: of the lane */
};

struct pending_list {
	struct pending *first, *last;
};

struct run_lane {
	struct pending_list arrived;
	unsigned outstanding; /* under way and arrived */
};

/* ---- the attempt ---- */

struct run {
	struct sched_run sched;
	struct engine *engine;
	struct task *task; /* until run_close */
	const struct handler *handler;
	struct id id;
	uint16_t attempt;
	enum job_priority admitted; /* what it was admitted as */
	bool fresh;		    /* nothing of an earlier attempt is in the store */
	bool begun;		    /* written by its worker, or before it is in the table */
	bool opened;		    /* written by its worker, under lock */
	bool stays_admitted;	    /* until its end is committed: too many are ending */
	bool given_up; /* its end is posted without changes, since a commit is missing */
	bool refused;  /* the store wants nothing of it: written before its last operation ends */
	void *state;
	unsigned phase;
	int64_t started_ms; /* wall */
	int64_t began_ms;   /* monotonic */
	int64_t timeout_ms,
		timeout_at_ms; /* the latter monotonic, moved on while parked; 0: none */
	int64_t deadline_ms;   /* wall; 0: none */
	bool start_noted;      /* housekeeping: OP_START or a commit was posted */
	struct rng rng;
	_Atomic int end;      /* enum run_end; set once, by anyone; read by all */
	_Atomic int priority; /* enum job_priority; written by patches, read by phases */
	_Atomic unsigned refs;
	_Atomic size_t unsaved;	 /* bytes in both changes; written under lock, read by steps */
	struct err err;		 /* RUN_FAILED: by who set end, before the last step is over */
	struct run *bucket_next; /* LOCK_ENGINE */
	struct run *next;	 /* LOCK_ENGINE: closing, unposted or free */
	bool again;		 /* LOCK_ENGINE: its job came up once more meanwhile */
	struct after *after;	 /* LOCK_ENGINE: what waits until it is gone … */
	int64_t after_ms;	 /* … or until then */
	struct arena left_arena; /* until open has returned */
	struct checkpoint_row *left_checkpoints;
	size_t left_checkpoints_count;
	char *scratch; /* by lock: made at the first call */

	struct lock lock;
	struct run_lane lanes[LANES_MAX] GUARDED_BY(lock);
	uint64_t arrived GUARDED_BY(lock);   /* bits of lanes that have completions to take */
	uint64_t want_part GUARDED_BY(lock); /* bits of lanes that wait for one */
	uint64_t want_room GUARDED_BY(lock);
	uint64_t want_fetch GUARDED_BY(lock);
	uint64_t want_memory GUARDED_BY(lock);
	struct pending_list under_way GUARDED_BY(lock);
	unsigned in_flight GUARDED_BY(lock);
	bool leaving GUARDED_BY(lock); /* run_leave() was here: completions are dropped */
	bool ordered GUARDED_BY(lock);
	struct parts *parts GUARDED_BY(lock); /* NULL until the first part */
	struct changes changes[2] GUARDED_BY(lock);
	unsigned gathering GUARDED_BY(lock); /* which of them; the other is being committed */
	bool committing GUARDED_BY(lock);
	bool commit_unposted GUARDED_BY(lock);
	uint64_t commits GUARDED_BY(lock);	  /* on the disk: the number of the last one */
	int64_t commit_at_ms GUARDED_BY(lock);	  /* monotonic: when the next is due */
	int64_t posted_ms GUARDED_BY(lock);	  /* monotonic: when the last one was handed over */
	int64_t commit_every_ms GUARDED_BY(lock); /* by what the last one took */
	bool lost GUARDED_BY(lock);	   /* no memory: the changes are not whole, none is kept */
	bool unwritten GUARDED_BY(lock);   /* the store failed a commit: nothing later is kept */
	bool hurry GUARDED_BY(lock);	   /* lanes wait for what a commit brings */
	struct told tail GUARDED_BY(lock); /* items of no part */
	struct buf summary GUARDED_BY(lock);
	struct buf details GUARDED_BY(lock);
	int64_t good GUARDED_BY(lock);	/* what the handler says; 0: nothing */
	int64_t items GUARDED_BY(lock); /* shown, over all attempts */
	int64_t items_failed GUARDED_BY(lock);
	int64_t failed_by[ERR_CODES] GUARDED_BY(lock); /* of items_failed, those that are listed */
	int64_t *counts GUARDED_BY(lock);	       /* shown, over all attempts */
	unsigned counts_count GUARDED_BY(lock);
	int64_t result_bytes GUARDED_BY(lock);
	int64_t done GUARDED_BY(lock), total GUARDED_BY(lock);
	const char *stage GUARDED_BY(lock);
	bool progress_news GUARDED_BY(lock);
	bool progress_told GUARDED_BY(lock); /* by the handler, not counted from parts */
	int64_t progress_ms GUARDED_BY(lock), progress_done GUARDED_BY(lock);
	double rate GUARDED_BY(lock); /* of the last progress that was told */
	struct rate_mean rates GUARDED_BY(lock);
	struct id reads_job GUARDED_BY(lock); /* the job that it waits for; zero: none */
	unsigned log_lines GUARDED_BY(lock);
	int64_t memory GUARDED_BY(lock);
	int64_t parts_all GUARDED_BY(lock), parts_finished GUARDED_BY(lock); /* at the end */

	/* Operations, each at the store once at a time. */
	struct op_start start_op;
	struct op_commit commit_op;
	struct op_finish finish_op;
};

/* run.c: on workers. */
void run_start(struct engine *engine, struct task *task, const struct in_hand *before);
void run_step(struct run *run, unsigned lane);
void run_begin(struct run *run); /* its start is written, if it had to be */
void run_leave(struct run *run); /* no lane steps any more: ends what is under way, closes */
/* From any thread: the attempt is to end so; err only with RUN_FAILED.  The first one counts. */
void run_stop(struct run *run, enum run_end end, const struct err *err);
void run_unref(struct run *run);
struct run *run_alloc(struct engine *engine);
void run_clear(struct run *run);
void run_fill(struct run *run, struct task *task); /* before it is in the table */
void run_destroy(struct run *run);

/* run_fetch.c */
void lanes_wake(struct run *run, uint64_t lanes);
bool run_pending_cancel(struct run *run); /* from run_leave: true when nothing is under way */
bool run_parked(struct run *run);	  /* all it waits for is parked hosts, or a job */
void run_fetch_room(struct run *run);
void run_live_waiting(struct run *run, struct engine_live *ret);

/* run_parts.c for run_parts_end.c */
void part_list_add(struct part_list *list, struct run_part *part);
void part_list_remove(struct part_list *list, struct run_part *part);
/* The part is now pending in the store alone, or will be with the commit that gathers. */
void parts_stored_locked(struct run *run, int64_t not_before_ms) REQUIRES(run->lock);
/* Puts an unclaimed part that is here into the queue or among the parked; false: no memory. */
bool parts_unclaimed_locked(struct run *run, struct run_part *part) REQUIRES(run->lock);
/* One lane of those that wait for a part (it wakes the next if there are more), or all. */
uint64_t parts_waiter_locked(struct run *run) REQUIRES(run->lock);
uint64_t parts_waiters_locked(struct run *run) REQUIRES(run->lock);
bool parts_all_finished_locked(const struct run *run) REQUIRES(run->lock);

/* run_parts.c, run_refill.c */
struct parts *run_parts_locked(struct run *run) REQUIRES(run->lock); /* NULL: no memory */
void run_parts_drop(struct run *run);				     /* at the end of the attempt */
void run_parts_wake(struct run *run); /* by the clock: lanes that wait though there is one */
bool run_parts_due_locked(struct run *run, int64_t now_ms) REQUIRES(run->lock);
struct run_part *run_part_new(uint64_t number, const void *key, size_t key_len, const void *input,
			      size_t input_len); /* NULL: no memory */
void run_part_free(struct run_part *part);
/* Keeps an unclaimed part in memory.  False: there is no room, it is the caller's. */
bool run_part_keep_locked(struct run *run, struct run_part *part, bool from_store)
	REQUIRES(run->lock);
bool run_refill_wanted(struct run *run);
void run_refill(struct run *run); /* housekeeping: reads the store */
int run_left_load(struct run *run, struct err *err);

/* run_emit.c */
void run_tail_show(struct run *run);	 /* from run_close: items of no part */
void told_drop(struct told *told);	 /* all of it */
void told_unsave(struct run_part *part); /* what came after the last save */
/* Moves what was told into the changes, at the end of the job's results; the caller
 * has the result_offset from run->result_bytes before. */
void told_show_locked(struct run *run, struct told *told, size_t bytes, int64_t count)
	REQUIRES(run->lock);

/* run_count.c */
void counts_save_locked(struct run *run, struct told *told) REQUIRES(run->lock);
void counts_unsave_locked(struct run *run, struct told *told) REQUIRES(run->lock);
bool counts_show_locked(struct run *run, struct told *told)
	REQUIRES(run->lock);				      /* what was saved */
void counts_left_locked(struct run *run) REQUIRES(run->lock); /* of earlier attempts */

/* run_parts_end.c */
bool checkpoint_put_locked(struct run *run, unsigned lane, const void *blob, size_t len)
	REQUIRES(run->lock);

/* run_commit.c */
struct changes *changes_locked(struct run *run) REQUIRES(run->lock); /* those that gather */
bool changes_grow(void **rows, size_t count, size_t *room, size_t size);
void changes_grew_locked(struct run *run, size_t bytes) REQUIRES(run->lock);
void changes_clear(struct changes *changes);
void changes_done(struct changes *changes);
/* Hands over what gathered, if it is time.  After a step only when much gathered; by the
 * clock in any case. */
void run_commit(struct run *run, bool by_clock);
void run_post_last(struct run *run); /* from run_close: OP_FINISH, a last OP_COMMIT or nothing */
bool run_post(struct run *run);	     /* what run_post_last() prepared; false: try again later */
void run_note_start(struct run *run);
/* The same before its first step; a worker then begins it.  False: it was not taken. */
bool run_note_start_first(struct run *run);

/* run_tell.c */
void run_progress_seal_locked(struct run *run, struct changes *changes, bool last)
	REQUIRES(run->lock);
void run_memory_done(struct run *run);
void run_memory_wake(struct run *run);
void run_log_rest_locked(struct run *run) REQUIRES(run->lock);
void run_scratch_drop(struct run *run, bool remove_it);

#endif
