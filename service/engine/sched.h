/* SPDX-License-Identifier: MIT */
/* sched.h - which job next, and which lane of it.
 *
 * One place decides priority, fairness and admission, when a worker asks.  It
 * holds two kinds of things: ready jobs (window.h: a bounded window over the store,
 * fair over fair keys) and active runs with their runnable lanes.
 *
 * Order      critical, high, normal, low; within a priority ready jobs take turns
 *            by fair key, active runs by lane steps.  Ageing: an entry counts from
 *            since + age_ms[priority] and the smallest count goes first, so that low
 *            goes before a high one that came age_ms[low] - age_ms[high] later and
 *            never starves.  In a priority whose turn it is, admissions and steps of
 *            active runs take turns.
 * Admission  active_max runs in all, of which an eighth each is kept free from low, from
 *            low and normal, and from all but critical ones: thousands of long runs
 *            of one priority never bar the door to those above.
 * Lanes      WAITING ─ wake ▶ RUNNABLE ─ take ▶ STEPPING ─┬─ MORE ─▶ RUNNABLE
 *                  ▲                                      ├─ WAIT ─▶ WAITING
 *                  └──────────────────────────────────────┘
 *            STEPPING ─ wake ▶ WOKEN ─ WAIT or MORE ▶ RUNNABLE
 *            STEPPING, WOKEN ─ DONE ▶ FINISHED
 *            A wake is sticky: it is never lost between a step's last look and its
 *            WAIT.  One for a lane that is FINISHED, or that the phase does not
 *            have, does nothing.
 * A run      admitted by sched_take() (WORK_START), it belongs to that worker until
 *            sched_phase() hands out its lanes; from SCHED_PHASE_OVER to the next
 *            sched_phase() it belongs to the worker that was told so.  Who is told
 *            that it is stopped (by sched_stop(), sched_phase() or SCHED_STOPPED,
 *            exactly one of them) ends it.  sched_leave() is the last call.
 *
 * Threads    every function from any thread.
 * Ownership  a ready task belongs to the window until it is taken; a sched_run is
 *            embedded in its run, which outlives it here.  Zero it before.
 * Units      now_ms, since_ms: monotonic.
 * Locks      LOCK_SCHED, held inside each call; nothing is called under it.
 */
#ifndef SERVICE_ENGINE_SCHED_H
#define SERVICE_ENGINE_SCHED_H

#include "base/limits.h"
#include "handlers/handler.h"
#include "store/store.h"

struct sched;
struct task;

enum lane_state {
	LANE_WAITING,
	LANE_RUNNABLE,
	LANE_STEPPING,
	LANE_WOKEN, /* stepping, and a wake arrived */
	LANE_FINISHED,
	LANE_STATES
};

enum lane_input { LANE_WAKE, LANE_TAKE, LANE_MORE, LANE_WAIT, LANE_DONE, LANE_INPUTS };

/* The lane table: false when the diagram has no such edge. */
bool lane_next(enum lane_state from, enum lane_input input, enum lane_state *ret_to);

/* A run's place here.  All members are the scheduler's. */
struct sched_run {
	enum job_priority priority;
	unsigned lanes;		 /* of this phase */
	unsigned unfinished;	 /* lanes not FINISHED */
	unsigned stepping;	 /* lanes STEPPING or WOKEN */
	unsigned next_lane;	 /* whose turn it is, if it is runnable */
	uint64_t runnable;	 /* bit per lane */
	uint8_t lane[LANES_MAX]; /* enum lane_state */
	bool in_phase;		 /* its lanes are handed out here */
	bool queued, stopped;
	bool parked;	  /* its admission is lent to another */
	int64_t since_ms; /* when it was queued */
	struct sched_run *prev, *next;
};

struct sched_config {
	unsigned active_max;	    /* runs admitted at once */
	size_t window_max;	    /* ready tasks in memory, per priority */
	int64_t age_ms[PRIORITIES]; /* what a fresh entry of each priority concedes */
};

int sched_new(const struct sched_config *config, struct sched **ret_sched, struct err *err);
void sched_free(struct sched *sched); /* frees the tasks of the window */

/* ---- ready jobs ---- */

/* Takes the task into the window.  False: it stays the caller's, its job is in the
 * store (window full, or older ones wait there; sched_refill_wanted() will name the
 * priority later) or in the window already.  *ret_evicted: a task that made room for
 * a fair key that had none, now the caller's; else NULL. */
bool sched_ready_add(struct sched *sched, struct task *task, int64_t since_ms,
		     struct task **ret_evicted);
/* The same for many under one lock.  What is left in `tasks` (not NULL) is the
 * caller's: those that were not taken, or were evicted.  True: something can run. */
bool sched_ready_add_batch(struct sched *sched, struct task **tasks, size_t count,
			   int64_t since_ms);
/* Removes it (cancelled, paused, re-prioritised); NULL when it is not in the window.
 * Call it after each commit that ends a job's being pending, wherever the job is: a
 * load that read the store before then refuses it. */
struct task *sched_ready_remove(struct sched *sched, const struct id *id);
bool sched_ready_has(struct sched *sched, const struct id *id);
/* The priority whose window ran low while the store holds more; false: none.  True
 * begins a load, which sched_refill_done() ends: meanwhile sched_ready_add() takes
 * what the store had, and refuses whatever left the window since.  What is running
 * is the caller's to leave out. */
bool sched_refill_wanted(struct sched *sched, enum job_priority *ret_priority);
/* After a load: `more` says that the store holds further ones.  Without a wanted()
 * before (at start): declares that the store holds some. */
void sched_refill_done(struct sched *sched, enum job_priority priority, bool more);

/* The same guard for jobs that are read one by one, around the read and the add. */
void sched_load_begin(struct sched *sched);
void sched_load_end(struct sched *sched);

/* ---- active runs ---- */

/* A phase begins: lanes are all RUNNABLE.  False: the run was stopped meanwhile, and
 * the caller ends it. */
bool sched_phase(struct sched *sched, struct sched_run *run, enum job_priority priority,
		 unsigned lanes, int64_t now_ms);
/* True when the lane became RUNNABLE: some worker should look. */
bool sched_wake(struct sched *sched, struct sched_run *run, unsigned lane, int64_t now_ms);
bool sched_wake_all(struct sched *sched, struct sched_run *run, int64_t now_ms);
/* No further step is handed out.  True: no worker is in it, and the caller ends it.
 * False: whoever is in it will be told (SCHED_STOPPED, or false of sched_phase()); or
 * it was stopped before. */
bool sched_stop(struct sched *sched, struct sched_run *run);
void sched_priority(struct sched *sched, struct sched_run *run, enum job_priority priority);
/* No lane of it steps, or could. */
bool sched_waits(struct sched *sched, const struct sched_run *run);
/* All that it waits for is parked hosts or another job, or not any more: a parked one lends its
 * admission, as long as there are no more than twice active_max runs.  True: something can
 * run because of it. */
bool sched_park(struct sched *sched, struct sched_run *run, enum job_priority admitted,
		bool parked);
/* The run is gone, or never came to be (NULL): its admission is free again, of the
 * priority that its task had.  True: something can run because of it. */
bool sched_leave(struct sched *sched, struct sched_run *run, enum job_priority admitted);

/* ---- workers ---- */

struct sched_work {
	enum { WORK_NONE, WORK_START, WORK_STEP } kind;
	struct task *task;     /* WORK_START: now the caller's, admitted */
	struct sched_run *run; /* WORK_STEP */
	unsigned lane;
	bool more; /* there was something else: wake another worker before the work */
};
void sched_take(struct sched *sched, int64_t now_ms, struct sched_work *ret);

enum sched_after {
	SCHED_GOES_ON,
	SCHED_PHASE_OVER, /* the caller stepped the last unfinished lane */
	SCHED_STOPPED,	  /* the caller ended the last step of a stopped run */
};
/* After a step; STEP_FAIL is the caller's: it stops the run first, then says DONE. */
enum sched_after sched_stepped(struct sched *sched, struct sched_run *run, unsigned lane,
			       enum step result, int64_t now_ms);

struct sched_view {
	size_t ready[PRIORITIES]; /* in the window */
	unsigned active, stepping;
	unsigned runnable_lanes;
	int64_t oldest_wait_ms; /* of what could run now; 0: nothing waits */
	uint64_t taken;		/* since the start */
};
void sched_view(struct sched *sched, int64_t now_ms, struct sched_view *ret);

#endif
