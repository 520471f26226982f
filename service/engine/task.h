/* SPDX-License-Identifier: MIT */
/* task.h - a job compiled: its envelope checked, its spec planned.
 *
 * Made once at submit by the HTTP side, and again from the stored body when the
 * engine takes up a job whose task is no longer in memory.
 *
 * Threads    pure; a task belongs to one thread at a time.
 * Ownership  a task owns its texts, JSON and plan; task_free() ends all.
 */
#ifndef SERVICE_ENGINE_TASK_H
#define SERVICE_ENGINE_TASK_H

#include "base/clock.h"
#include "base/mistakes.h"
#include "base/spec.h"
#include "handlers/handler.h"
#include "store/store.h"

/* How failed attempts are repeated (the envelope's `retry`). */
struct backoff {
	bool exponential; /* else fixed */
	int64_t base_ms, max_delay_ms;
	double factor;
	bool jitter; /* full jitter: between 0 and the delay */
};

struct task {
	struct job job; /* the row; texts point into this task */
	const struct handler *handler;
	struct json *envelope;
	const struct json *spec; /* of the envelope */
	struct plan *plan;	 /* NULL when the handler has no plan() */
	struct backoff retry;
	int64_t timeout_ms;	 /* of an attempt; 0: none */
	int64_t deadline_for_ms; /* from ready_ms; 0: none */
	int64_t max_failed;	 /* items; -1: a share */
	double max_failed_share; /* 0 … 1; 1: only when every item failed */
	bool unique_return;	 /* unique.on_conflict is "return" */
	struct arena arena;	 /* of all that belongs to it, and of itself */
	struct task *next;	 /* whoever holds it */
};

/* The envelope of a job: POST /v1/jobs, GET /v1/handlers, the contract test. */
extern const struct param envelope_params[];

/* From the text of a JSON object, which is copied.  -1 with ERR_INVALID_JSON and *ret_place; or
 * with the code of the mistakes, which then hold all of them. */
int task_compile(const char *text, size_t len, const struct permits *permits,
		 struct task **ret_task, struct mistakes *mistakes, struct json_place *ret_place,
		 struct err *err);

/* Fills job.id, created_ms, ready_ms, deadline_ms and the state (pending or scheduled). */
void task_stamp(struct task *task, int64_t now_wall_ms);

/* From a stored row with its body, whose texts the task takes over: *job is emptied. */
int task_restore(struct job *job, const struct permits *permits, struct task **ret_task,
		 struct err *err);

void task_free(struct task *task); /* NULL is fine */

/* When the next attempt may start, after `failures` failed ones. */
int64_t backoff_delay_ms(const struct backoff *policy, unsigned failures, struct rng *rng);

#endif
