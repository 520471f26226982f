/* SPDX-License-Identifier: MIT */
/* hosts.h - what is known about each host, and whose turn it is.
 *
 * A host is scheme, name and port ("https:example.com:443"); public hosts of one name
 * share their delay and their places in flight, those of one address some places.  A host's record
 * holds a circuit breaker, the throttle clock (Retry-After), the pace (delay, concurrency) and the
 * queue of items that wait for it.  Hosts whose time has not come lie in one heap by the earliest
 * next start; hosts that may start stand in a ring for each priority.  hosts_take() turns the ring
 * of the highest priority by one host, and the host's ring of owners by one owner: so hosts share
 * the transfers, and owners share a host.  One take in sixteen serves the lowest ring that waits.
 *
 *   hosts_add ─▶ queued ── hosts_take ─▶ running ── hosts_finish ─▶ the caller's again
 *                   │ hosts_remove           hosts_ended ◀── its deadline passed, or its
 *                   ▼                                        host opened and it will not wait
 *                the caller's again
 *
 * Threads    every function from any thread; items are added, taken and finished by
 *            the fetcher's thread.
 * Ownership  an item belongs to its maker always, and must stay in place while it is
 *            queued or running.
 * Errors     0, or -1 and *err.
 * Units      _ms: instants are of the monotonic clock and given by the caller.
 * Locks      LOCK_HOSTS; callbacks are made without it.
 */
#ifndef NET_HOSTS_H
#define NET_HOSTS_H

#include "base/err.h"
#include "net/breaker.h"
#include "net/heap.h"
#include "net/retry.h"
#include "net/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct flow;
struct host;
struct hosts;

enum {
	HOST_KEY_BYTES_MAX = 6 + 253 + 6, /* "https:", a name of DNS, ":65535" */
	HOST_STATE_BYTES_MAX = 384,
	HOST_MOVES_MAX = 16, /* state changes that are remembered of a host */
	HOSTS_PER_HOST = 2,  /* public hosts; a job may ask for up to … */
	HOSTS_PER_HOST_MAX = 8,
	HOSTS_PER_ADDRESS = 16,	    /* public hosts behind one address together */
	HOSTS_PER_HOST_INSIDE = 64, /* hosts in --allow-net; likewise */
	HOSTS_PER_HOST_INSIDE_MAX = 1024,
	HOSTS_DELAY_MS = 1000, /* between starts at a public host */

};

enum hosts_priority { HOSTS_NORMAL, HOSTS_CRITICAL, HOSTS_HIGH, HOSTS_LOW, HOSTS_PRIORITIES };

enum hosts_on_open {
	HOSTS_PARK, /* wait until the breaker closes, or the deadline */
	HOSTS_FAIL, /* end at once with ERR_FETCH_CIRCUIT_OPEN */
};

enum hosts_item_state {
	HOSTS_ITEM_IDLE,  /* the caller's */
	HOSTS_ITEM_LATER, /* not before start_ms */
	HOSTS_ITEM_QUEUED,
	HOSTS_ITEM_RUNNING,
	HOSTS_ITEM_ENDED, /* waits for hosts_ended() */
};

/* One thing that wants to use a host; embedded by the maker, zeroed at first. */
struct hosts_item {
	/* filled by the maker */
	const char *key;
	uint64_t owner;
	enum hosts_priority priority;
	enum hosts_on_open on_open;
	unsigned per_host;   /* in flight at this host for this owner; 0: HOSTS_PER_HOST (public),
				HOSTS_PER_HOST_INSIDE; at most HOSTS_PER_HOST_MAX, …_INSIDE_MAX */
	int64_t delay_ms;    /* between starts; at public hosts at least HOSTS_DELAY_MS */
	int64_t start_ms;    /* not before this instant (a back-off) */
	int64_t deadline_ms; /* 0: none */
	struct breaker_policy breaker;
	bool call;   /* hosts_take_call() takes it, too */
	bool inside; /* the host is an address in --allow-net: no name to wait for */
	bool front;  /* goes in front of the owner's others */
	bool retry;  /* a later attempt: starts when the retry budgets allow it */

	/* the table's */
	enum hosts_item_state state;
	enum err_code ended;
	uint32_t generation;
	struct host *host;
	struct flow *flow;
	struct ring link;
	struct heap_node timer;
};

/* The operator's. */
struct hosts_limits {
	unsigned limit_max; /* in flight at once; 0: as the jobs ask */
	double rate_per_s;  /* 0: no limit */
	int64_t delay_ms;   /* 0: as the jobs ask */
};

/* How the breaker moved. */
struct host_move {
	int64_t at_ms; /* instant; before the start of the clock when it was an earlier process */
	enum breaker_state from, to;
	enum breaker_reason reason;
};

struct host_history {
	unsigned count;
	struct host_move moves[HOST_MOVES_MAX]; /* oldest first */
};

struct host_totals { /* since the start of the daemon */
	uint64_t calls, failures, throttled, refused, retries, opens, bytes;
};

struct host_view {
	char key[HOST_KEY_BYTES_MAX + 1];
	enum breaker_state state;
	enum breaker_reason reason; /* of the state */
	enum breaker_state from;    /* changed(): the state before it */
	int64_t sorted_by;	    /* hosts_list(): how much of it */
	enum breaker_force force;
	bool inside;	      /* in the operator's --allow-net */
	int64_t in_state_ms;  /* for how long */
	int64_t open_left_ms; /* open: until a probe may go; INT64_MAX: opened by hand */
	uint32_t trips;	      /* since they were last forgiven */
	uint32_t consecutive_failures;
	struct breaker_bucket window; /* the last minute */
	unsigned in_flight, queued;
	unsigned limit, limit_max; /* in flight at once: now, at most; 0: as a job will ask */
	int64_t delay_ms;	   /* between starts */
	int64_t crawl_delay_ms;
	struct hosts_limits limits; /* the operator's */
	int64_t throttled_left_ms;  /* Retry-After: for how long */
	enum err_code last_err;	    /* ERR_NONE: none yet */
	int last_status;
	int64_t last_err_ago_ms;
	struct host_totals total;
};

struct hosts_config {
	unsigned hosts_max; /* 0: HOSTS_MAX */
	uint64_t seed;	    /* of the jitter */
	/* Something may start earlier than was said.  From any thread. */
	void (*wake)(void *ctx);
	void (*changed)(void *ctx, const struct host_view *host); /* its breaker moved */
	void (*save)(void *ctx, const char *key, const void *state, size_t len);
	void *ctx; /* every callback may be NULL */
};

struct hosts *hosts_new(const struct hosts_config *config, struct err *err);
void hosts_free(struct hosts *hosts); /* no item is queued or running any more */

/* --- for those who list and steers hosts (GET /v1/hosts and kin) --- */

enum hosts_sort {
	HOSTS_BY_KEY, /* from A to Z; the others from the most to the least, equals by key */
	HOSTS_BY_LAST_ERROR,
	HOSTS_BY_OPENS,
	HOSTS_BY_IN_FLIGHT,
	HOSTS_BY_QUEUED,
	HOSTS_BY_CALLS,
	HOSTS_BY_FAILURES,
};

struct hosts_filter {
	const char *contains;	/* in the key; NULL: all */
	int state;		/* enum breaker_state; -1: all */
	enum err_code last_err; /* ERR_NONE: all */
	enum hosts_sort sort;
	const char *after_key; /* those behind this host in the order; NULL: from the first */
	int64_t after_value;   /* its sorted_by */
};

/* At most `limit` hosts in order, into `views` (the caller's).  The table is looked at in
 * slices: hosts that come, go or change meanwhile may be missed.  -1: no memory. */
ssize_t hosts_list(struct hosts *hosts, const struct hosts_filter *filter, int64_t now_ms,
		   struct host_view *views, size_t limit);
/* ERR_NOT_FOUND.  ret_history may be NULL. */
int hosts_get(struct hosts *hosts, const char *key, int64_t now_ms, struct host_view *ret_view,
	      struct host_history *ret_history, struct err *err);

/* Forces the breaker open or closed, or lets it move again.  Makes the host known if
 * it is not.  ERR_LIMIT when the table is full. */
int hosts_force(struct hosts *hosts, const char *key, enum breaker_force force, int64_t now_ms,
		struct err *err);
/* Forgets breaker, throttle, pace; limits and history stay.  ERR_NOT_FOUND. */
int hosts_reset(struct hosts *hosts, const char *key, int64_t now_ms, struct err *err);

enum hosts_limit { HOSTS_LIMIT_MAX = 1, HOSTS_LIMIT_RATE = 2, HOSTS_LIMIT_DELAY = 4 };

/* Sets those limits whose bits are in `which`, from now on.  As hosts_force(). */
int hosts_limit(struct hosts *hosts, const char *key, const struct hosts_limits *limits,
		unsigned which, int64_t now_ms, struct err *err);
/* robots.txt says so (at most 300 s are obeyed). */
int hosts_crawl_delay(struct hosts *hosts, const char *key, int64_t delay_ms, int64_t now_ms,
		      struct err *err);

/* Somebody who takes the state of a host, as the config's save(). */
struct hosts_saver {
	void (*save)(void *ctx, const char *key, const void *state, size_t len);
	void *ctx;
};

/* Hands over what is known of a host now, changed or not (len 0: nothing that matters).  Until
 * save() has returned no other state is handed over: the last one that came is the
 * latest. */
void hosts_save_one(struct hosts *hosts, const char *key, int64_t now_ms,
		    const struct hosts_saver *saver);

/* Takes back what save() was given, away_ms ago.  A state that is not ours, or that no
 * longer matters, is skipped. */
void hosts_import(struct hosts *hosts, const char *key, const void *state, size_t len,
		  int64_t away_ms, int64_t now_ms);

/* --- for the fetcher --- */

/* Queues an item.  ERR_LIMIT when its host is not known and no idle one can go,
 * ERR_FETCH_CIRCUIT_OPEN when it will not wait, ERR_NO_MEMORY. */
int hosts_add(struct hosts *hosts, struct hosts_item *item, int64_t now_ms, struct err *err);

/* An item that ended while it was queued: item->ended says why.  NULL: no more.  Also
 * moves time on: call it before hosts_take. */
struct hosts_item *hosts_ended(struct hosts *hosts, int64_t now_ms);

/* The next item that may start now: it is running from here on.  NULL: none. */
struct hosts_item *hosts_take(struct hosts *hosts, int64_t now_ms);
/* Of the calls only, in turn: there is no transfer for anything else. */
struct hosts_item *hosts_take_call(struct hosts *hosts, int64_t now_ms);

/* When to ask again, unless something is added or finished: an instant, or INT64_MAX. */
int64_t hosts_wake_ms(struct hosts *hosts);

/* Takes a queued item out again; false when it is not queued. */
bool hosts_remove(struct hosts *hosts, struct hosts_item *item, int64_t now_ms);

/* How the call of a running item went. */
struct hosts_outcome {
	struct call_outcome call; /* retry.h judges it */
	int64_t first_byte_ms;	  /* until the answer began, else until the call ended */
	int64_t retry_after_ms;	  /* -1: none was said */
	uint64_t bytes;
	bool credentials; /* the request had some: a refusal is about them */
};

/* The item is the caller's again, to be added once more if it likes. */
enum verdict hosts_finish(struct hosts *hosts, struct hosts_item *item,
			  const struct hosts_outcome *outcome, int64_t now_ms);

/* The address at which a running item's host was reached, as text; it lies in --allow-net,
 * or not. */
void hosts_reached(struct hosts *hosts, struct hosts_item *item, const char *address, bool inside,
		   int64_t now_ms);

/* Writes through save() what changed; the fetcher calls it about once a second. */
void hosts_save(struct hosts *hosts, int64_t now_ms);

/* Where an item stands, for people. */
struct hosts_item_view {
	enum hosts_item_state state;
	enum err_code reason; /* why it cannot start now; ERR_NONE: only its turn */
	int64_t until_ms;     /* instant; INT64_MAX: unknown */
};
void hosts_look(struct hosts *hosts, const struct hosts_item *item, int64_t now_ms,
		struct hosts_item_view *ret_view);

#endif
