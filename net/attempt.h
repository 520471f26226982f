/* SPDX-License-Identifier: MIT */
/* attempt.h - the inside of a fetch, shared by fetch.c and attempt.c only.
 *
 *   attempt_admit ─▶ attempt_queue ─▶ hosts ─▶ attempt_start ─▶ loop ─▶ attempt_finish
 *     ▲   │ held          ▲                                               │  │  │
 *     │   ▼               └───────────── throttled, retry ────────────────┘  │  ▼
 *     └ stages.h ◀────────────────────── redirect ───────────────────────────┘  attempt_end
 *                                                                                (done)
 *
 * Threads    the fetcher's, but for what `lock` guards.
 */
#ifndef NET_ATTEMPT_H
#define NET_ATTEMPT_H

#include "base/clock.h"
#include "base/lock.h"
#include "net/fetch.h"
#include "net/heap.h"
#include "net/loop.h"
#include "net/request.h"
#include "net/transfer.h"

#include <pthread.h>
#include <stdatomic.h>

struct fetcher {
	struct fetcher_config config;
	char *user_agent;
	struct hosts *hosts;
	struct loop loop;
	pthread_t thread;

	/* the thread's own */
	struct rng rng;
	struct ring all;	      /* fetches that have not ended */
	struct heap timers;	      /* of fetches that no queue watches */
	struct transfer **idle;	      /* a stack of handles to use again */
	unsigned idle_count, running; /* together at most config.transfers_max */

	struct lock lock; /* LOCK_FETCH */
	struct ring starts GUARDED_BY(lock), cancels GUARDED_BY(lock);
	unsigned active GUARDED_BY(lock); /* started, not ended */
	bool want_room GUARDED_BY(lock);  /* a start was refused */
	bool stopping GUARDED_BY(lock);
};

struct fetch {
	struct fetcher *fetcher;
	atomic_int refs; /* the caller's and the fetcher's; the last one frees */
	fetch_done_fn *done;
	void *ctx;

	/* as asked, zeros replaced */
	struct retry_policy retry;
	int64_t timeout_ms, connect_ms;
	size_t body_bytes_max;
	bool keep_redirects;

	/* the fetcher's thread's; item.key also under the fetcher's lock when it changes */
	struct hosts_item item;
	struct request request;
	struct transfer *transfer; /* while running */
	struct curl_slist *sent;   /* its headers, when stages added some; else the request's */
	struct heap_node timer;	   /* in fetcher->timers */
	bool held;		   /* by a stage */
	struct fetch_result *result;
	struct ring all;
	int64_t started_us, queued_us;
	int64_t backoff_ms; /* the last */
	unsigned throttles;
	bool hop; /* the next transfer follows a redirect: no new attempt */

	/* guarded by the fetcher's lock */
	struct ring start, cancel; /* in fetcher->starts, …->cancels */
	bool cancelled, ended;
};

/* Begins a hop, or goes on with one that a stage held. */
void attempt_admit(struct fetch *fetch);
/* For stages: one more header of the transfer that is about to start; -1: no memory. */
int attempt_header(struct fetch *fetch, const char *name, const char *value);
/* For stages: the nth value (from 0) of a header of the answer that is arriving; NULL:
 * there are no more. */
const char *attempt_head(const struct fetch *fetch, const char *name, unsigned nth);
void attempt_start(struct fetch *fetch);
void attempt_finish(struct fetch *fetch, CURLcode code);
void attempt_cancel(struct fetch *fetch);
void attempt_timers_run(struct fetcher *fetcher, int64_t now_ms);
/* Ends it with result->err, or with `why` when that is not ERR_NONE. */
void attempt_end(struct fetch *fetch, enum err_code why);

/* result.c */
struct fetch_result *result_new(void);
int result_set(struct fetch_result *result,
	       struct transfer *transfer); /* moves the body; -1: no memory */

#endif
