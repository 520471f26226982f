/* SPDX-License-Identifier: MIT */
/* fetch.h - HTTP requests, made politely and safely, thousands at a time.
 *
 *   fetch_start ─▶ its host's queue ─▶ a transfer ─▶ done()
 *                   ▲   waits for: the breaker, Retry-After, the delay,
 *                   │              a place at the host, a free transfer
 *                   └── retries and redirects come back here
 *
 * A fetcher has one thread, which runs curl multi handles over epoll.  Every
 * attempt and every redirect passes URL, guard, breaker and politeness; what is
 * known about hosts (hosts.h) is shared by all callers.  While a host's breaker is
 * open its fetches wait (FETCH_PARK), hold no transfer and use up no attempt.
 *
 * Connections are shared within a class only, and only by requests that are alike in
 * `insecure` and `http2`: what one was allowed to connect to, no other uses again.
 *
 * A body gathers in the result, or goes to on_body as it comes.  When on_body says
 * FETCH_PAUSE, the socket is not read until fetch_resume(): TCP slows the sender
 * down, and what is held is bounded (FETCH_HELD_BYTES_MAX).  A pause stops the clocks
 * of the attempt (timeout_ms, the least speed), never deadline_ms.  Once on_body had a
 * byte, a failure is final: it is not tried again.
 *
 * Threads    every function from any thread but fetcher_free (once, by its maker).
 *            Callbacks run on the fetcher's thread with no lock held and must not
 *            block; they may call fetch_start and fetch_cancel.
 * Ownership  said at each function; a request is copied before fetch_start returns.
 * Errors     0, or -1 and *err.  How a fetch ended is in its result's `err`.
 * Units      _ms durations, but deadline_ms is an instant of clock_ms(); _us
 *            durations; sizes in bytes.
 * Locks      LOCK_FETCH, then LOCK_HOSTS.
 */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/err.h"
#include "net/breaker.h"
#include "net/hosts.h"
#include "net/retry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct cookies;
struct fetch;
struct fetcher;
struct guard;
struct robots_cache;

struct fetcher_config {
	const struct guard *guard; /* borrowed; outlives the fetcher */
	struct cache *cache;	   /* the same; NULL: nothing is stored */
	const char *user_agent;	   /* copied; NULL: none is sent */
	unsigned transfers_max;	   /* at once; 0: FETCH_TRANSFERS_MAX_DEFAULT.  One in
				      FETCH_CALLS_SHARE, but at least one, is kept for calls */
	unsigned queued_max;	   /* started and not ended; 0: FETCH_QUEUED_MAX */
	unsigned hosts_max;	   /* known; 0: HOSTS_MAX */
	const char *ca_file;	   /* certificate authorities, copied; NULL: the system's */
	bool allow_insecure;	   /* requests may switch off the verification of TLS */

	/* A start was refused with ERR_LIMIT, and now there is room again.  NULL: not told. */
	void (*room)(void *ctx);
	/* A breaker changed its state; also from the thread that steers it.  NULL: not told. */
	void (*host_changed)(void *ctx, const struct host_view *host);
	/* Remember `state` for `key` (at most HOST_STATE_BYTES_MAX bytes); len 0: forget it.
	 * Only queues: it must not wait.  What was remembered is handed back, once at start,
	 * to hosts_import().  NULL: nothing is remembered. */
	void (*host_save)(void *ctx, const char *key, const void *state, size_t len);
	void *ctx;
};

struct fetch_header {
	const char *name, *value;
};

/* What it is for: each class has its own connections and defaults, calls also transfers. */
enum fetch_class {
	FETCH_PAGES, /* a crawl, and whatever else reads the web */
	FETCH_CALLS, /* API calls and webhooks: FETCH_CALL_MS */
	FETCH_CLASSES
};

/* What is known of an answer while its body arrives. */
struct fetch_answer {
	int status; /* 200 to 299: other bodies gather in the result */
	const char *head;
	size_t head_len;
};

enum fetch_flow {
	FETCH_GO_ON,
	FETCH_PAUSE, /* the bytes were taken; no more until fetch_resume() */
};

enum fetch_cache {
	FETCH_CACHE_OFF,
	FETCH_CACHE_ON,
	FETCH_CACHE_REFRESH, /* the origin is asked in any case, whether it has changed */
};

/* Where an answer came from. */
enum fetch_cached {
	FETCH_UNCACHED, /* the cache was not asked */
	FETCH_HIT,
	FETCH_REVALIDATED, /* the origin said that it has not changed */
	FETCH_MISS,	   /* the origin sent it */
	FETCH_STALE,	   /* taken though it is stale, as max_stale_ms or the origin allowed */
};
const char *fetch_cached_name(enum fetch_cached cached); /* "hit", …; UNCACHED: NULL */

struct fetch_progress {
	uint64_t wire_bytes;	 /* of the body, as encoded */
	uint64_t expected_bytes; /* of the same, as announced; 0: unknown */
	uint64_t decoded_bytes;
};

/* Zero means the default, for every member but `url`. */
struct fetch_request {
	const char *url;    /* absolute, http or https */
	const char *method; /* GET */
	const struct fetch_header *headers;
	size_t header_count;
	const void *body; /* sent when body_len > 0, again with each attempt */
	size_t body_len;

	uint64_t owner;		      /* whose it is: owners take turns at a host */
	enum hosts_priority priority; /* HOSTS_NORMAL */
	unsigned per_host; /* at once at a host for this owner; hosts.h has the defaults … */
	int64_t delay_ms;  /* … and the least time between two starts at it */

	int64_t deadline_ms;   /* an instant: waiting and all attempts; 0: none */
	int64_t timeout_ms;    /* one attempt, without waiting: FETCH_TOTAL_MS, FETCH_CALL_MS */
	int64_t connect_ms;    /* FETCH_CONNECT_MS */
	size_t body_bytes_max; /* decoded: FETCH_BODY_BYTES_MAX */

	struct retry_policy retry;
	bool repeatable;	    /* may be made again though its method is not idempotent */
	enum hosts_on_open on_open; /* HOSTS_PARK */
	bool keep_redirects;	    /* a 3xx is the result instead of being followed */
	struct breaker_policy breaker;

	enum fetch_class class;
	/* The product token under which robots.txt is obeyed, at most ROBOTS_TOKEN_BYTES_MAX
	 * of it; NULL: robots.txt is not asked.  Each hop passes it: ERR_FETCH_ROBOTS. */
	const char *robots;
	/* The jar that each hop sends from and keeps in; shared.  NULL: no cookies, but those
	 * of a Cookie header among `headers`. */
	struct cookies *cookies;
	/* May a stored answer do, and is this one stored (cache_stage.h says which)?  A hit
	 * makes no transfer: breaker, politeness and limits of the host do not matter. */
	enum fetch_cache cache;
	int64_t max_stale_ms; /* how long after its time a stored answer still does */
	bool insecure;	      /* TLS is not verified: only where the operator allows it */
	bool http2;	      /* where TLS negotiates it; else HTTP/1.1, as by default */

	/* The decoded body of a 2xx as it comes.  NULL: it gathers in the result. */
	enum fetch_flow (*on_body)(void *ctx, const struct fetch_answer *answer, const char *bytes,
				   size_t len);
	/* While a body comes, at most each FETCH_PROGRESS_MS.  NULL: not told. */
	void (*on_progress)(void *ctx, const struct fetch_progress *progress);
};

/* How it ended.  An answer of 200-399 is a success (err.code ERR_NONE); 4xx and 5xx
 * are ERR_FETCH_HTTP_4XX and …_5XX and have status, headers and body too. */
struct fetch_result {
	struct err err; /* a reason of the fixed list (base/err.h), ERR_DEADLINE, ERR_CANCELLED,
			   ERR_NO_MEMORY */
	int status;	/* of the last answer; 0: there was none */
	const char *final_url;
	const char *host_key;	  /* of final_url: "https:example.com:443" */
	const char *content_type; /* the header's value; "" when absent */
	char *body;		  /* decoded, NUL-terminated; never NULL */
	size_t body_len;
	enum fetch_cached cached;
	unsigned attempts; /* transfers made, redirects not counted */
	unsigned redirects;

	int64_t queue_us;   /* waited, over all attempts */
	int64_t connect_us; /* the last transfer: until connected (name, TCP and TLS); 0: reused */
	int64_t first_byte_us; /* the last transfer: until the first byte of the answer */
	int64_t total_us;      /* from fetch_start to done */
	uint64_t wire_bytes;   /* received over all transfers: header and encoded body */
	uint64_t decoded_bytes;

	char *head; /* fetch_result_header() reads it */
	size_t head_len;
};

typedef void fetch_done_fn(void *ctx, struct fetch_result *result); /* the receiver owns it */

void fetch_result_free(struct fetch_result *result);
/* The last value of a header of the last answer, any case; NULL when absent. */
const char *fetch_result_header(const struct fetch_result *result, const char *name);
/* The headers of the last answer one by one, in their order, names in lower case; *at is 0
 * at first.  False: that was all. */
bool fetch_result_headers(const struct fetch_result *result, size_t *at, const char **ret_name,
			  const char **ret_value);
const char *fetch_answer_header(const struct fetch_answer *answer, const char *name);
/* Moves the body to the caller (free()); the result keeps an empty one. */
char *fetch_result_take_body(struct fetch_result *result, size_t *ret_len);

/* NULL and *err when it cannot start. */
struct fetcher *fetcher_new(const struct fetcher_config *config, struct err *err);
/* Ends every fetch with ERR_CANCELLED, calls their done(), joins the thread. */
void fetcher_free(struct fetcher *fetcher);
struct hosts *fetcher_hosts(struct fetcher *fetcher);	      /* borrows */
struct robots_cache *fetcher_robots(struct fetcher *fetcher); /* borrows */

/* Starts a fetch: done(ctx, result) is then called exactly once, on the fetcher's
 * thread, maybe before this returns; the request's callbacks get the same ctx.  Refused
 * at once, without a call of done(): ERR_FETCH_URL, ERR_FETCH_GUARD, ERR_FETCH_TLS
 * (insecure, and not allowed), ERR_LIMIT (full: wait for room()), ERR_NO_MEMORY.
 * ret_fetch may be NULL; else the caller gets a reference, to be given back with
 * fetch_drop(), valid also after the end. */
int fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_done_fn *done,
		void *ctx, struct fetch **ret_fetch, struct err *err);
void fetch_drop(struct fetch *fetch);

/* Ends it with ERR_CANCELLED within 100 ms; done() is still called.  No effect on
 * one that has ended.  Never calls done() itself: a caller may hold a lock that
 * done() takes, if it ranks above LOCK_FETCH. */
void fetch_cancel(struct fetch *fetch);

/* Goes on with a body that on_body paused.  One that comes before on_body has returned
 * is not lost: the pause is then over at once.  May be called too often. */
void fetch_resume(struct fetch *fetch);

enum fetch_state {
	FETCH_WAITING, /* in its host's queue, until its turn comes */
	FETCH_PARKED,  /* its host's breaker is open, the host asked to slow down, its robots.txt
			  is being fetched, or no more hosts can be in use */
	FETCH_BACKOFF, /* between two attempts */
	FETCH_RUNNING,
	FETCH_ENDED,
};

struct fetch_view {
	enum fetch_state state;
	int64_t until_ms; /* an instant of clock_ms(): PARKED and BACKOFF; INT64_MAX: until a hand
			     lets go */
	enum err_code reason; /* PARKED: ERR_FETCH_CIRCUIT_OPEN, …_THROTTLED, …_BLOCKED, …_ROBOTS,
				 ERR_LIMIT */
	char host[HOST_KEY_BYTES_MAX + 1];
};

void fetch_look(struct fetch *fetch, struct fetch_view *ret_view);

#endif
