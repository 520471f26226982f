/* SPDX-License-Identifier: MIT */
/* conn.h - the table of connections: who is connected, who sleeps, who is late.
 *
 * A connection is a slot, indexed by its file descriptor and never freed while the
 * server lives, so that a wake or a deadline that comes too late finds a slot and
 * sees that it is not meant.
 *
 *         conn_arrive             conn_pass, conn_started            conn_sleep
 *    FREE ───────────▶ ARRIVING ───────────────────────────▶ RUNNING ───────────▶ SUSPENDED
 *      ▲  (acceptor)      │      (lobby)       (HTTP thread)  │   ▲                   │
 *      │                  │                                   │   └───────────────────┘
 *      └──────────────────┴───────────────────────────────────┘    conn_wake, conns_flush,
 *            conn_closed                                            conns_wake_all
 *
 * libmicrohttpd may be asked to resume only what is suspended, and a pointer to its
 * connection is dead once it runs: `mhd` is set in SUSPENDED and nowhere else.
 *
 * Threads    conns_admit(), conn_arrive() the acceptor's; conn_pass(), _is_arriving() the
 *            lobby's; conn_started(), _begin(), _rearm(), _sleep(), _end() HTTP threads;
 *            conn_closed() lobby and HTTP threads; conns_flush() the reaper's; wakes any.
 * Locks      LOCK_SERVER for admission; LOCK_STREAM, one for each slot, inside which
 *            libmicrohttpd's own locks and LOCK_LEAF are taken.
 */
#ifndef SERVICE_HTTP_CONN_H
#define SERVICE_HTTP_CONN_H

#include "base/err.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct conns;
struct loop;
struct request;
struct sockaddr;

enum conn_state { CONN_FREE, CONN_ARRIVING, CONN_RUNNING, CONN_SUSPENDED };

/* What the client owes us, or we it: the reaper has a deadline for each. */
enum conn_phase { PHASE_HEADERS, PHASE_BODY, PHASE_HANDLER, PHASE_WRITING, PHASE_IDLE };

/* What the slots of one HTTP thread share. */
struct conn_group {
	struct loop *loop;
	bool streams;		    /* its connections have little memory, for one stream each */
	_Atomic unsigned suspended; /* written under the slots' locks, read by wakes: a hint */
};

struct waker {
	bool woken;  /* since the callback last began */
	bool queued; /* in conns.wakes */
	int64_t at_ms;
	struct waker *next;
};

struct conn {
	_Atomic bool ready; /* set once, by the acceptor, after all that never changes */
	struct conns *conns;
	int fd;
	struct lock lock;
	/* guarded by lock */
	enum conn_state state;
	bool admitted, started;
	bool gone;    /* the client has closed; noticed while it was suspended */
	bool watched; /* in the reaper's epoll */
	bool reaped;  /* shut down; libmicrohttpd is about to notice */
	bool gathers; /* its wakes may be gathered: streams and waiters */
	bool lingers; /* its last answer may come before the request's end: the HTTP thread's */
	uint32_t generation;
	struct MHD_Connection *mhd;
	struct conn_group *group;
	struct request *request;
	struct waker waker;
	int64_t slept_at_ms;
	uint16_t address_bucket;
	struct conn *next_added; /* on the way from the acceptor to a loop: the loop's lock */
	/* Written by its HTTP thread, read by the reaper: a stale value delays a deadline by
	 * one round. */
	_Atomic int phase;
	_Atomic int64_t since_ms;
	_Atomic uint64_t received; /* body bytes of this request */
	_Atomic uint64_t expected; /* so many in all; 0: not known */
	_Atomic uint32_t requests;
	/* the reaper's own */
	uint64_t acked;
	int64_t acked_at_ms;
	uint32_t acked_request;
	uint32_t body_request;
	uint64_t body_bytes; /* that had come when this window began */
	unsigned body_cut;   /* rounds since its client has closed too early */
	int64_t body_at_ms;
};

enum { ADDRESS_BUCKETS = 1 << 16 };

struct conns {
	unsigned slots_max; /* also the first fd that has no slot */
	unsigned connections_max, per_address_max;
	unsigned threads;
	unsigned groups_count; /* twice the threads */
	uint64_t address_seed;
	struct conn *slots;
	struct conn_group *groups; /* one for each HTTP thread: first for requests, then streams */
	uint16_t *address_counts;  /* ADDRESS_BUCKETS of them */
	int wake_fd;		   /* eventfd: wakes wait for the reaper */
	_Atomic unsigned high;	   /* slots in use are below */
	_Atomic unsigned count, suspended;
	_Atomic uint64_t accepted, refused, reaped;
	_Atomic bool stopping; /* set once: nobody may sleep any more */

	struct lock lock; /* guards address_counts[] */
	struct lock wakes_lock;
	struct waker *wakes GUARDED_BY(wakes_lock);
};

int conns_init(struct conns *conns, unsigned connections_max, unsigned per_address_max,
	       unsigned threads, struct err *err);
void conns_done(struct conns *conns);

/* A slot; ERR_TOO_MANY_CONNECTIONS,
 * ERR_TOO_MANY_REQUESTS (this address has too many). */
int conns_admit(struct conns *conns, int fd, const struct sockaddr *address, struct conn **ret_conn,
		struct err *err);

void conn_arrive(struct conn *conn);
bool conn_is_arriving(struct conn *conn);
void conn_pass(struct conn *conn, struct conn_group *group); /* that is to serve it */
struct conn *conn_started(struct conns *conns, int fd);	     /* NULL: not admitted */
void conn_closed(struct conn *conn);

void conn_begin(struct conn *conn, struct request *request);
void conn_end(struct conn *conn, int64_t now_ms);
void conn_phase(struct conn *conn, enum conn_phase phase, int64_t now_ms);

/* Before a callback: wakes from now on count as new.  False: the client has gone. */
bool conn_rearm(struct conn *conn);
/* Suspends unless a wake came since conn_rearm(), the client has gone or the server
 * stops; false then: ask again. */
bool conn_sleep(struct conn *conn, struct MHD_Connection *mhd, bool gathers);

struct conn *conn_of(struct waker *waker);
void conn_wake(struct conn *conn) EXCLUDES(conn->lock);
void conn_wake_locked(struct conn *conn) REQUIRES(conn->lock);
/* Never gathered, but its thread is not told: for many in a row, then conns_kick(). */
void conn_resume_locked(struct conn *conn) REQUIRES(conn->lock);
void conns_kick(struct conns *conns);

void conns_flush(struct conns *conns);	  /* acts on gathered wakes */
void conns_wake_all(struct conns *conns); /* everybody who sleeps */

#endif
