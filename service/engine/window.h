/* SPDX-License-Identifier: MIT */
/* window.h - the ready jobs in memory: a bounded window over what the store holds.
 *
 * Each priority has its own window.  Inside it jobs stand in flows, one for each
 * fair key, and flows take turns: whoever posts a thousand jobs waits for those of
 * whoever posted one, never the other way round.
 *
 * What does not fit stays in the store.  A priority whose store holds more than
 * its window (`more`) takes no newcomers, which would overtake what is stored; it
 * is filled up again by a load once it ran low.  The exception is a fair key that
 * has nothing here: it gets a place, if need be that of the newest job of the
 * longest flow.
 *
 * Between the read of a load and the adding of what it found, jobs may be taken or
 * cancelled.  While a load is under way the window therefore remembers whatever
 * leaves it and refuses it: nothing is run twice, nothing after its cancel.
 *
 * Threads    the caller's lock (sched.c).
 * Ownership  a task belongs to the window from window_add() to its take or removal.
 * Units      since_ms: monotonic, when the job became ready.
 */
#ifndef SERVICE_ENGINE_WINDOW_H
#define SERVICE_ENGINE_WINDOW_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct window;

int window_new(size_t tasks_max, struct window **ret_window, struct err *err); /* per priority */
void window_free(struct window *window);				       /* with its tasks */

/* False: the task stays the caller's.  *ret_evicted: one that made room, or NULL; it
 * is the caller's again, and the store still has its job. */
bool window_add(struct window *window, struct task *task, int64_t since_ms,
		struct task **ret_evicted);
struct task *window_remove(struct window *window, const struct id *id); /* NULL: not here */
bool window_has(const struct window *window, const struct id *id);

/* The job whose turn it is; false: there is none. */
bool window_peek(const struct window *window, enum job_priority priority, int64_t *ret_since_ms);
struct task *window_take(struct window *window, enum job_priority priority);

size_t window_count(const struct window *window, enum job_priority priority);
/* The longest wait among the flows that have the next few turns; `now_ms` when empty. */
int64_t window_oldest_ms(const struct window *window, enum job_priority priority, int64_t now_ms);

/* A priority that ran low (below a quarter) while the store holds more.  It is then
 * loading until window_refill_done(). */
bool window_refill_wanted(struct window *window, enum job_priority *ret_priority);
void window_refill_done(struct window *window, enum job_priority priority, bool more);
/* A load of single jobs, of whatever priority, that does not fill up. */
void window_load_begin(struct window *window);
void window_load_end(struct window *window);

#endif
