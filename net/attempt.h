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
	struct robots_cache *robots;
	struct loop loop;
	pthread_t thread;

	/* the thread's own */
	struct rng rng;
	char *ca_file;
	struct ring all;	      /* fetches that have not ended */
	size_t cache_held;	      /* what fetches hold of the cache */
	struct ring pausing;	      /* on_body said no: their sockets are to be stopped */
	struct ring unended;	      /* over, but there was no memory to say so */
	struct ring outside;	      /* their hosts, or the robots.txt of these, find no place */
	bool crowded;		      /* one came there since attempt_admit_rest() began */
	struct heap timers;	      /* of fetches that no queue watches: held or running */
	struct transfer **idle;	      /* a stack of handles to use again */
	unsigned idle_count, running; /* together at most config.transfers_max */
	unsigned pages, pages_max;    /* of those that are running: FETCH_PAGES */

	struct lock lock; /* LOCK_FETCH */
	struct ring starts GUARDED_BY(lock), cancels GUARDED_BY(lock), resumes GUARDED_BY(lock);
	struct ring found GUARDED_BY(lock); /* of struct caching: the cache has told */
	unsigned active GUARDED_BY(lock);   /* started, not ended */
	bool want_room GUARDED_BY(lock);    /* a start was refused */
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
	bool keep_redirects, repeatable, insecure, http2;
	unsigned pool; /* of the loop */
	struct cookies *cookies;
	struct caching *caching; /* cache_stage.c; NULL: it does not ask for it */
	enum fetch_flow (*on_body)(void *ctx, const struct fetch_answer *answer, const char *bytes,
				   size_t len);
	void (*on_progress)(void *ctx, const struct fetch_progress *progress);

	/* the fetcher's thread's; item.key also under the fetcher's lock when it changes */
	struct hosts_item item;
	struct request request;
	struct transfer *transfer; /* while running */
	struct curl_slist *sent;   /* its headers, when stages added some; else the request's */
	bool held;		   /* by a stage */
	struct ring robots_link;   /* robots_stage.c: in the line of a load */
	bool handed;		   /* on_body had a byte: what follows is final */
	bool over;		   /* libcurl is done, with over_code; on_body must take the rest */
	CURLcode over_code;
	struct ring pausing; /* in fetcher->pausing, …->unended or …->outside */
	struct heap_node timer;
	int64_t due_ms;		     /* the attempt's end */
	int64_t look_ms;	     /* the next look at its speed … */
	int64_t pause_ms;	     /* when the pause began; 0: none */
	int64_t told_ms;	     /* the last on_progress */
	uint64_t looked_bytes;	     /* … and what had come at the last */
	struct fetch_result *result; /* NULL: it waits for the first time, nothing is to be told */
	enum err_code end_why;	     /* in fetcher->unended */
	struct ring all;
	int64_t started_us, queued_us;
	int64_t backoff_ms; /* the last */
	unsigned throttles;
	bool hop; /* the next transfer follows a redirect: no new attempt */

	/* guarded by the fetcher's lock */
	struct ring start, cancel, resume; /* in fetcher->starts, …->cancels, …->resumes */
	bool cancelled, resumed, ended;
	bool outside;		 /* in fetcher->outside */
	struct fetch *waits_for; /* the fetch of a stage that holds it; NULL: none */
};

/* For stages: as fetch_start(), on the fetcher's thread, and queued_max does not count: those
 * that fill it may be waiting for this one. */
int fetch_start_own(struct fetcher *fetcher, const struct fetch_request *request,
		    fetch_done_fn *done, void *ctx, struct fetch **ret_fetch, struct err *err);

/* Begins a hop, or goes on with one that a stage held. */
void attempt_admit(struct fetch *fetch);
void attempt_admit_rest(struct fetcher *fetcher); /* of fetcher->outside */
/* For stages: one more header of the transfer that is about to start; -1: no memory. */
int attempt_header(struct fetch *fetch, const char *name, const char *value);
/* For stages: the nth value (from 0) of a header of the answer that is arriving; NULL:
 * there are no more. */
const char *attempt_head(const struct fetch *fetch, const char *name, unsigned nth);
void attempt_start(struct fetch *fetch);
/* libcurl is done with it: finished now, or when on_body had the rest. */
void attempt_over(struct fetch *fetch, CURLcode code);
void attempt_finish(struct fetch *fetch, CURLcode code);
void attempt_cancel(struct fetch *fetch);
/* Ends it with result->err, or with `why` when that is not ERR_NONE. */
void attempt_end(struct fetch *fetch, enum err_code why);
void attempt_end_rest(struct fetcher *fetcher); /* of fetcher->unended */

/* watch.c: the clocks of a fetch that is held or running */
int watch_hold(struct fetch *fetch);		      /* -1: no memory */
int watch_begin(struct fetch *fetch, int64_t now_ms); /* likewise */
void watch_pause(struct fetch *fetch, int64_t now_ms);
void watch_resume(struct fetch *fetch, int64_t now_ms);
void watch_end(struct fetch *fetch);
void watch_run(struct fetcher *fetcher, int64_t now_ms); /* ends what is too late */

/* body.c: a body on its way to on_body */
bool body_take(void *ctx, const char *bytes, size_t len);
void body_news(void *ctx);
void body_pause(struct fetcher *fetcher); /* those who said so in this round */
void body_resume(struct fetch *fetch);

/* result.c */
struct fetch_result *result_new(void);
/* Takes both over, in place of what it had. */
void result_adopt(struct fetch_result *result, char *head, size_t head_len, char *body,
		  size_t body_len);
int result_set(struct fetch_result *result,
	       struct transfer *transfer); /* moves the body; -1: no memory */

#endif
