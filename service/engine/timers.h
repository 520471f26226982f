/* SPDX-License-Identifier: MIT */
/* timers.h - calls at an instant: timers of runs, timeouts of attempts, deadlines.
 *
 * A min-heap and one thread that sleeps until its top is due.  Without
 * timers_start() there is no thread, and whoever has the clock calls timers_fire().
 *
 * Threads    every function from any thread, but new, start and free.
 * Ownership  ctx stays the caller's; after timers_cancel() it is not used any more.
 * Errors     timers_add() gives 0 when there is no memory or TIMERS_MAX are waiting.
 * Units      at_ms: monotonic.
 * Locks      LOCK_TIMER; fn is called without it.
 */
#ifndef SERVICE_ENGINE_TIMERS_H
#define SERVICE_ENGINE_TIMERS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timers;

typedef void timer_fn(void *ctx);

int timers_new(struct timers **ret_timers, struct err *err);
int timers_start(struct timers *timers, struct err *err);
void timers_free(struct timers *timers); /* what has not fired never does */

/* fn(ctx) once, at at_ms or soon after, on the timer thread: short, without waiting.
 * Those of one instant fire in the order of adding.  Returns its id, never 0 but
 * when it could not be added. */
uint64_t timers_add(struct timers *timers, int64_t at_ms, timer_fn *fn, void *ctx);

/* True: it will never fire.  False: it has; or, called from its own fn, it is about to
 * have.  Waits for an fn under way on another thread: hold no lock that fn takes. */
bool timers_cancel(struct timers *timers, uint64_t id);

/* Fires what is due at now_ms; the next instant, INT64_MAX: none.  Only without a
 * thread, or by it. */
int64_t timers_fire(struct timers *timers, int64_t now_ms);

size_t timers_count(struct timers *timers);

#endif
