/* SPDX-License-Identifier: MIT */
/* sched.h - which job next, and which lane of it.
 *
 * One place decides priority, fairness and admission, when a worker asks.  It
 * holds two kinds of things: ready jobs (a bounded window over the store, fair
 * over fair keys) and active runs with their runnable lanes.
 *
 * Order      critical, high, normal, low; within a priority ready jobs take turns
 *            by fair key, active runs by lane steps.  Ageing: an entry that has
 *            waited age_ms[priority] longer than a fresh one of a higher priority
 *            goes first, so that low never starves.  At equal standing steps of
 *            active runs and admissions take turns.
 * Lanes      WAITING ─ wake ▶ RUNNABLE ─ take ▶ STEPPING ─┬─ MORE ─▶ RUNNABLE
 *                  ▲                                      ├─ WAIT ─▶ WAITING
 *                  └──────────────────────────────────────┤
 *            STEPPING ─ wake ▶ WOKEN ─ WAIT or MORE ▶ RUNNABLE
 *            STEPPING, WOKEN ─ DONE ▶ FINISHED
 *            A wake is sticky: it is never lost between a step's last look and its
 *            WAIT.
 *
 * Threads    every function from any thread.
 * Ownership  a ready task belongs to the window until it is taken; a sched_run is
 *            embedded in its run, which outlives it here.
 * Units      now_ms: monotonic.
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
};

/* A run's place here.  All members are the scheduler's. */
struct sched_run {
	enum job_priority priority;
	unsigned lanes;      /* of this phase */
	unsigned unfinished; /* lanes not FINISHED */
	unsigned stepping;   /* lanes STEPPING or WOKEN */
	uint64_t runnable;   /* bit per lane */
	uint8_t lane[LANES_MAX]; /* enum lane_state */
	bool queued, stopped;
	int64_t since_ms;    /* when it was queued */
	struct sched_run *next;
};

struct sched_config {
	unsigned active_max;            /* runs admitted at once */
	size_t window_max;              /* ready tasks in memory, per priority */
	int64_t age_ms[PRIORITIES];     /* what a fresh entry of each priority concedes */
};

int sched_new(const struct sched_config *config, struct sched **ret_sched, struct err *err);
void sched_free(struct sched *sched); /* frees the tasks of the window */

/* ---- ready jobs ---- */

/* Takes the task into the window.  False when its priority's window is full (the
 * task stays the caller's; sched_refill_wanted() will name the priority later);
 * one of the fullest fair key makes room for a fair key that has none. */
bool sched_ready_add(struct sched *sched, struct task *task, int64_t now_ms,
		     struct task **ret_evicted);
/* Removes it (cancelled, paused, re-prioritised); NULL when it is not in the window. */
struct task *sched_ready_remove(struct sched *sched, const struct id *id);
bool sched_ready_has(struct sched *sched, const struct id *id);
/* The priority whose window ran low while the store holds more; false: none. */
bool sched_refill_wanted(struct sched *sched, enum job_priority *ret_priority);
/* After a load: `more` says that the store holds further ones. */
void sched_refill_done(struct sched *sched, enum job_priority priority, bool more);

/* ---- active runs ---- */

/* A phase begins: lanes are all RUNNABLE.  The run was admitted by sched_take(). */
void sched_phase(struct sched *sched, struct sched_run *run, enum job_priority priority,
		 unsigned lanes, int64_t now_ms);
/* True when the lane became RUNNABLE: some worker should look. */
bool sched_wake(struct sched *sched, struct sched_run *run, unsigned lane, int64_t now_ms);
bool sched_wake_all(struct sched *sched, struct sched_run *run, int64_t now_ms);
/* No further step is handed out; true when no lane is stepping now, else the
 * sched_stepped() that ends the last one says SCHED_STOPPED. */
bool sched_stop(struct sched *sched, struct sched_run *run);
void sched_priority(struct sched *sched, struct sched_run *run, enum job_priority priority);
/* The run is gone: its admission is free again. */
void sched_leave(struct sched *sched, struct sched_run *run);

/* ---- workers ---- */

struct sched_work {
	enum { WORK_NONE, WORK_START, WORK_STEP } kind;
	struct task *task;     /* WORK_START: now the caller's, admitted */
	struct sched_run *run; /* WORK_STEP */
	unsigned lane;
};
void sched_take(struct sched *sched, int64_t now_ms, struct sched_work *ret);

enum sched_after {
	SCHED_GOES_ON,
	SCHED_PHASE_OVER, /* the caller stepped the last unfinished lane */
	SCHED_STOPPED,    /* the caller ended the last step of a stopped run */
};
/* After a step; STEP_FAIL is the caller's: it stops the run first, then says DONE. */
enum sched_after sched_stepped(struct sched *sched, struct sched_run *run, unsigned lane,
			       enum step result, int64_t now_ms);

struct sched_view {
	size_t ready[PRIORITIES];  /* in the window */
	unsigned active, stepping;
	unsigned runnable_lanes;
	int64_t oldest_wait_ms;    /* of what could run now; 0: nothing waits */
	uint64_t taken;            /* since the start */
};
void sched_view(struct sched *sched, int64_t now_ms, struct sched_view *ret);

#endif
