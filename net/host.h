/* SPDX-License-Identifier: MIT */
/* host.h - the record of one host, shared by hosts.c and its siblings only.
 *
 * A flow is what one owner has waiting and running at one host, its calls apart.  Every flow of a
 * host is in `flows`; one that could start an item as far as it is concerned is also
 * in the host's turn ring of its priority.
 *
 * Locks      everything here is guarded by LOCK_HOSTS (hosts->lock).
 */
#ifndef NET_HOST_H
#define NET_HOST_H

#include "base/clock.h"
#include "base/lock.h"
#include "net/breaker.h"
#include "net/heap.h"
#include "net/hosts.h"
#include "net/pace.h"
#include "net/ring.h"
#include "net/throttle.h"
#include "net/weather.h"

enum {
	HOST_NOT_READY = -1,
	LOW_TURN = 16, /* each sixteenth start serves the lowest priority that waits */
};

struct flow {
	struct host *host;
	uint64_t owner;
	struct ring call; /* in hosts->calls, as long as it is there; alone when it has no calls */
	enum hosts_priority priority;
	struct ring sibling; /* in host->flows */
	struct ring turn;    /* in host->turns[priority]; alone when it cannot start */
	struct ring items;   /* in line */
	struct ring later;   /* items before their start_ms */
	unsigned queued, in_flight;
	unsigned per_host; /* as asked; 0: the default */
	int64_t delay_ms;
	int64_t open_ms;	  /* how long a breaker should stay open */
	uint32_t calls, refused;  /* without credentials, since refusals began */
	int64_t refused_ms;	  /* the last one */
	struct heap_node blocked; /* until then it waits: refused too often */
};

struct host {
	struct host *chain; /* in the bucket of the table */
	uint64_t hash;
	struct near *name;    /* shared by its schemes and ports */
	struct near *address; /* shared with others behind it; NULL: not known, or inside */
	struct breaker breaker;
	struct throttle throttle;
	struct pace pace;
	struct retry_budget budget;
	struct hosts_limits limits;   /* the operator's */
	struct host_history *history; /* NULL: its breaker never moved */
	int64_t crawl_delay_ms;
	bool inside;
	bool literal;	     /* named by its address: nothing to resolve */
	int64_t resolved_ms; /* when its name last led somewhere; 0: not yet */
	struct ring flows;
	struct ring turns[HOSTS_PRIORITIES];
	struct ring place; /* in hosts->ready, or in hosts->idle */
	int ready_as;	   /* in which of them; HOST_NOT_READY */
	struct ring dirty; /* in hosts->dirty */
	bool gone;	   /* out of the table: only to be forgotten by the store */
	struct heap_node sleep;
	unsigned in_flight, queued;
	uint32_t starts;    /* each LOW_TURNth serves the lowest priority */
	unsigned asked_max; /* the largest share a flow asks for */
	int64_t open_ms;    /* the longest open time a flow asks for; 0: no flow */
	enum err_code last_err;
	int last_status;
	int64_t last_err_ms;
	struct host_totals total;
	char key[];
};

struct hosts {
	unsigned hosts_max;
	void (*wake)(void *ctx);
	void (*changed)(void *ctx, const struct host_view *host);
	void (*save)(void *ctx, const char *key, const void *state, size_t len);
	void *ctx;

	struct lock lock;
	struct cond saved; /* saving became false */
	struct rng rng GUARDED_BY(lock);
	struct host **buckets GUARDED_BY(lock);
	size_t bucket_count GUARDED_BY(lock); /* a power of two */
	size_t count GUARDED_BY(lock);
	struct near **nears GUARDED_BY(lock);
	size_t nears_size GUARDED_BY(lock), nears_count GUARDED_BY(lock);
	struct ring ready[HOSTS_PRIORITIES] GUARDED_BY(lock); /* hosts that may start now */
	struct ring idle GUARDED_BY(lock);     /* without items, the longest unused first */
	struct ring dirty GUARDED_BY(lock);    /* to be saved */
	bool saving GUARDED_BY(lock);	       /* a state is on its way to the store */
	struct ring ended GUARDED_BY(lock);    /* items */
	struct ring calls GUARDED_BY(lock);    /* flows, the longest not looked at first */
	struct heap sleeping GUARDED_BY(lock); /* hosts by their next start */
	struct heap timers GUARDED_BY(lock);   /* items by back-off or deadline */
	struct heap blocked GUARDED_BY(lock);  /* flows */
	struct weather weather GUARDED_BY(lock);
	unsigned in_flight GUARDED_BY(lock), retries GUARDED_BY(lock);
	unsigned turn GUARDED_BY(lock);
};

/* hosts_table.c */
struct host *host_find(struct hosts *hosts, const char *key) REQUIRES(hosts->lock);
struct host *host_make(struct hosts *hosts, const char *key, int64_t now_ms, struct err *err)
	REQUIRES(hosts->lock); /* finds it, or adds it, in the place of an idle one if need be */
void host_free(struct host *host);
/* Out of the table; the store is told with the next save. */
void host_forget(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock);

/* hosts_near.c */
int host_near_name(struct hosts *hosts, struct host *host)
	REQUIRES(hosts->lock); /* -1: no memory */
/* Where it was reached; while it cannot be remembered it has no neighbours. */
void host_near_address(struct hosts *hosts, struct host *host, const char *address)
	REQUIRES(hosts->lock);
void host_near_leave(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock);
void host_near_started(struct host *host, int64_t next_ms); /* the next start at the earliest */
void host_near_ended(struct host *host);
/* When its neighbours let it start; `limit`: what may be in flight at the name. */
int64_t host_near_ready_ms(const struct host *host, unsigned limit, int64_t now_ms);

/* hosts.c */
extern const enum hosts_priority hosts_ranks[HOSTS_PRIORITIES]; /* from the most urgent */
void host_place(struct hosts *hosts, struct host *host, int64_t now_ms) REQUIRES(hosts->lock);
void host_end_unwilling(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock);
struct flow *host_next_flow(const struct host *host); /* whose turn it is; NULL: nobody's */
struct pace_rules host_rules(const struct host *host, const struct flow *flow);
bool host_full(const struct host *host, const struct flow *flow); /* as many as its limit */
/* Would it have to resolve a name of which nothing good is known? */
bool host_in_doubt(const struct host *host, int64_t now_ms);
int64_t host_ready_ms(struct hosts *hosts, const struct host *host, const struct flow *flow,
		      int64_t now_ms) REQUIRES(hosts->lock);
void hosts_item_later(struct hosts_item *item, int64_t start_ms); /* it waits; its timer is set */
void hosts_item_detach(struct hosts *hosts, struct hosts_item *item) REQUIRES(hosts->lock);

/* hosts_flow.c */
struct flow *flow_make(struct hosts *hosts, struct host *host, const struct hosts_item *item,
		       int64_t now_ms) REQUIRES(hosts->lock); /* NULL: no memory */
void flow_place(struct flow *flow);
void flow_free(struct hosts *hosts, struct flow *flow) REQUIRES(hosts->lock);
void flow_settle(struct hosts *hosts, struct flow *flow, int64_t now_ms)
	REQUIRES(hosts->lock); /* frees one with nothing left to do or to remember */
/* Counts a call; true when the flow is blocked from now on. */
bool flow_called(struct hosts *hosts, struct flow *flow, bool refused, int64_t now_ms)
	REQUIRES(hosts->lock);
unsigned flow_share(const struct flow *flow);
void host_sum_up(struct host *host); /* after the shares of its flows changed */

/* hosts_view.c */
void host_view_fill(const struct host *host, int64_t now_ms, struct host_view *ret_view);
bool host_healthy(const struct host *host, int64_t now_ms);
/* Its breaker came from `from` to where it is: into the history, and *ret_view for changed(). */
void host_moved(struct hosts *hosts, struct host *host, enum breaker_state from, int64_t now_ms,
		struct host_view *ret_view) REQUIRES(hosts->lock);

/* hosts_saved.c */
void host_dirty(struct hosts *hosts, struct host *host) REQUIRES(hosts->lock);

#endif
