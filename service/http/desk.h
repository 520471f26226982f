/* SPDX-License-Identifier: MIT */
/* desk.h - a few threads for work that is too long for an HTTP thread and no job.
 *
 * A request that needs it suspends its connection (reply_later) and is answered from
 * here.  Work waits in order, a bounded number of pieces.
 *
 * Threads    desk_add() from any thread; desk_stop() and desk_free() by its maker.
 * Ownership  from desk_add() on the desk holds the work until run() is called.
 * Locks      LOCK_LEAF; run() is called without it.
 */
#ifndef SERVICE_HTTP_DESK_H
#define SERVICE_HTTP_DESK_H

#include "base/err.h"

#include <stdbool.h>

struct desk;

/* The first member of what the caller allocates. */
struct desk_work {
	/* Exactly once, on a thread of the desk; stopping: from desk_stop(), only to answer. */
	void (*run)(struct desk_work *work, bool stopping);
	struct desk_work *next;
};

enum { DESK_THREADS_MAX = 8 };

int desk_new(unsigned threads, unsigned waiting_max, struct desk **ret_desk, struct err *err);
/* Ends the threads; nothing can be added any more.  NULL is fine, here and below. */
void desk_stop(struct desk *desk);
void desk_free(struct desk *desk); /* stops what was not stopped */

bool desk_add(struct desk *desk, struct desk_work *work); /* false: too much waits */

#endif
