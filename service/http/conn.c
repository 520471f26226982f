/* SPDX-License-Identifier: MIT */
/* conn.c - admission, sleeping and waking; see the diagram in conn.h.
 *
 * A wake and a sleep meet under the slot's lock: either the wake finds SUSPENDED and
 * resumes, or it leaves `woken`, which conn_sleep() sees.  So none is lost.
 */
#include "service/http/conn.h"

#include "base/clock.h"
#include "base/limits.h"
#include "service/http/loop.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Our own descriptors (store, fetches, logs) may have numbers among the sockets'. */
enum { SLOTS_EXTRA = 2048 };

int conns_init(struct conns *conns, unsigned connections_max, unsigned per_address_max,
	       unsigned threads, struct err *err)
{
	*conns = (struct conns){
		.slots_max = connections_max + SLOTS_EXTRA,
		.connections_max = connections_max,
		.per_address_max = MIN(per_address_max, UINT16_MAX),
		.threads = threads,
		.groups_count = 2 * threads,
		.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};
	random_bytes(&conns->address_seed, sizeof(conns->address_seed));
	lock_init(&conns->lock, LOCK_SERVER);
	lock_init(&conns->wakes_lock, LOCK_LEAF);
	conns->slots = calloc(conns->slots_max, sizeof(*conns->slots));
	conns->groups = calloc(conns->groups_count, sizeof(*conns->groups));
	conns->address_counts = calloc(ADDRESS_BUCKETS, sizeof(*conns->address_counts));
	for (unsigned i = threads; conns->groups && i < conns->groups_count; i++)
		conns->groups[i].streams = true;
	if (conns->slots && conns->groups && conns->address_counts && conns->wake_fd >= 0)
		return 0;
	conns_done(conns);
	return err_set(err, ERR_NO_MEMORY, "table of %u connections", connections_max);
}

void conns_done(struct conns *conns)
{
	for (unsigned fd = 0; conns->slots && fd < conns->slots_max; fd++)
		if (conns->slots[fd].ready)
			lock_done(&conns->slots[fd].lock);
	free(conns->slots);
	free(conns->groups);
	free(conns->address_counts);
	if (conns->wake_fd >= 0)
		close(conns->wake_fd);
	lock_done(&conns->lock);
	lock_done(&conns->wakes_lock);
}

/* Addresses are counted by a seeded hash: two that share a bucket share a limit, but
 * nobody can choose to.  IPv6 counts by /64, which is what one customer has. */
static uint16_t address_bucket(const struct conns *conns, const struct sockaddr *address)
{
	uint64_t word = 0;

	if (address->sa_family == AF_INET)
		word = ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr;
	else if (address->sa_family == AF_INET6)
		memcpy(&word, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
		       sizeof(word));
	word = (word ^ conns->address_seed) * 0x9E3779B97F4A7C15;
	word = (word ^ (word >> 32)) * 0xD6E8FEB86659FD93;
	return (uint16_t)(word >> 48);
}

static void address_leave_locked(struct conns *conns, struct conn *conn) REQUIRES(conns->lock)
{
	assert(conns->address_counts[conn->address_bucket] > 0);
	conns->address_counts[conn->address_bucket]--;
	atomic_fetch_sub(&conns->count, 1);
	conn->admitted = false;
}

static void slot_prepare(struct conns *conns, struct conn *conn, int fd)
{
	if (conn->ready)
		return;
	lock_init(&conn->lock, LOCK_STREAM);
	conn->conns = conns;
	conn->fd = fd;
	conn->ready = true;
	if ((unsigned)fd >= atomic_load(&conns->high))
		atomic_store(&conns->high, (unsigned)fd + 1);
}

int conns_admit(struct conns *conns, int fd, const struct sockaddr *address, struct conn **ret_conn,
		struct err *err)
{
	uint16_t bucket = address_bucket(conns, address);
	struct conn *conn;
	int rc = 0;

	if ((unsigned)fd >= conns->slots_max)
		return err_set(err, ERR_TOO_MANY_CONNECTIONS, "no slot for another connection");
	conn = &conns->slots[fd];
	lock_take(&conns->lock);
	slot_prepare(conns, conn, fd);
	/* libmicrohttpd closed the last owner of this number before it started. */
	if (conn->admitted)
		address_leave_locked(conns, conn);
	if (atomic_load(&conns->count) >= conns->connections_max) {
		rc = err_set(err, ERR_TOO_MANY_CONNECTIONS, "%u of %u connections are open",
			     conns->connections_max, conns->connections_max);
	} else if (conns->address_counts[bucket] >= conns->per_address_max) {
		rc = err_set(err, ERR_TOO_MANY_REQUESTS, "%u connections of one address are open",
			     conns->per_address_max);
	} else {
		conns->address_counts[bucket]++;
		atomic_fetch_add(&conns->count, 1);
		conn->admitted = true;
		conn->address_bucket = bucket;
		*ret_conn = conn;
	}
	lock_drop(&conns->lock);
	atomic_fetch_add(rc ? &conns->refused : &conns->accepted, 1);
	return rc;
}

void conn_arrive(struct conn *conn)
{
	lock_take(&conn->lock);
	assert(conn->state == CONN_FREE);
	conn->state = CONN_ARRIVING;
	conn->reaped = false;
	conn_phase(conn, PHASE_HEADERS, clock_ms());
	lock_drop(&conn->lock);
}

bool conn_is_arriving(struct conn *conn)
{
	bool arriving;

	lock_take(&conn->lock);
	arriving = conn->state == CONN_ARRIVING;
	lock_drop(&conn->lock);
	return arriving;
}

/* From here to conn_started() no deadline runs: the socket is between two threads. */
void conn_pass(struct conn *conn, struct conn_group *group)
{
	lock_take(&conn->lock);
	assert(conn->state == CONN_ARRIVING);
	conn->state = CONN_FREE;
	conn->group = group;
	lock_drop(&conn->lock);
}

struct conn *conn_started(struct conns *conns, int fd)
{
	struct conn *conn = &conns->slots[fd];

	if (fd < 0 || (unsigned)fd >= conns->slots_max || !conn->ready)
		return NULL;
	lock_take(&conn->lock);
	assert(conn->state == CONN_FREE);
	conn->state = CONN_RUNNING;
	conn->generation++;
	conn->gone = false;
	conn->watched = false;
	conn->reaped = false;
	conn->lingers = false;
	conn_phase(conn, PHASE_HEADERS, clock_ms());
	lock_drop(&conn->lock);
	return conn;
}

void conn_closed(struct conn *conn)
{
	struct conns *conns = conn->conns;

	lock_take(&conns->lock);
	if (conn->admitted)
		address_leave_locked(conns, conn);
	lock_drop(&conns->lock);
	lock_take(&conn->lock);
	assert((conn->state == CONN_RUNNING || conn->state == CONN_ARRIVING) && !conn->request);
	conn->state = CONN_FREE;
	lock_drop(&conn->lock);
}

void conn_phase(struct conn *conn, enum conn_phase phase, int64_t now_ms)
{
	atomic_store_explicit(&conn->since_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&conn->phase, phase, memory_order_relaxed);
}

void conn_begin(struct conn *conn, struct request *request)
{
	lock_take(&conn->lock);
	conn->request = request;
	conn->waker.woken = false;
	conn->waker.at_ms = 0;
	lock_drop(&conn->lock);
	atomic_store_explicit(&conn->received, 0, memory_order_relaxed);
	atomic_store_explicit(&conn->expected, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&conn->requests, 1, memory_order_relaxed);
}

void conn_end(struct conn *conn, int64_t now_ms)
{
	lock_take(&conn->lock);
	conn->request = NULL;
	conn->waker.at_ms = 0;
	lock_drop(&conn->lock);
	conn_phase(conn, PHASE_IDLE, now_ms);
}

bool conn_rearm(struct conn *conn)
{
	bool here;

	lock_take(&conn->lock);
	conn->waker.woken = false;
	here = !conn->gone;
	lock_drop(&conn->lock);
	return here;
}

bool conn_sleep(struct conn *conn, struct MHD_Connection *mhd, bool gathers)
{
	bool sleeps;

	lock_take(&conn->lock);
	assert(conn->state == CONN_RUNNING);
	sleeps = !conn->waker.woken && !conn->gone && !atomic_load(&conn->conns->stopping);
	if (sleeps) {
		MHD_suspend_connection(mhd);
		conn->mhd = mhd;
		conn->gathers = gathers;
		conn->slept_at_ms = clock_ms();
		conn->state = CONN_SUSPENDED;
		atomic_fetch_add(&conn->group->suspended, 1);
		atomic_fetch_add(&conn->conns->suspended, 1);
	}
	lock_drop(&conn->lock);
	return sleeps;
}

struct conn *conn_of(struct waker *waker)
{
	return CONTAINER_OF(waker, struct conn, waker);
}

void conn_resume_locked(struct conn *conn)
{
	conn->waker.woken = true;
	if (conn->state != CONN_SUSPENDED)
		return;
	conn->state = CONN_RUNNING;
	atomic_fetch_sub(&conn->group->suspended, 1);
	atomic_fetch_sub(&conn->conns->suspended, 1);
	MHD_resume_connection(conn->mhd);
	conn->mhd = NULL;
}

void conns_kick(struct conns *conns)
{
	for (unsigned i = 0; i < conns->groups_count; i++)
		if (conns->groups[i].loop)
			loop_kick(conns->groups[i].loop);
}

/* Into the list that the reaper flushes; the first one tells it. */
static void wake_gather_locked(struct conn *conn) REQUIRES(conn->lock)
{
	struct conns *conns = conn->conns;
	bool first;

	conn->waker.woken = true;
	if (conn->waker.queued)
		return;
	conn->waker.queued = true;
	lock_take(&conns->wakes_lock);
	first = !conns->wakes;
	conn->waker.next = conns->wakes;
	conns->wakes = &conn->waker;
	lock_drop(&conns->wakes_lock);
	if (first)
		eventfd_write(conns->wake_fd, 1);
}

void conn_wake_locked(struct conn *conn)
{
	if (conn->state == CONN_SUSPENDED && conn->gathers &&
	    atomic_load(&conn->group->suspended) > HTTP_WAKE_AT_ONCE_MAX) {
		wake_gather_locked(conn);
		return;
	}
	conn_resume_locked(conn);
	loop_kick(conn->group->loop);
}

void conn_wake(struct conn *conn)
{
	lock_take(&conn->lock);
	conn_wake_locked(conn);
	lock_drop(&conn->lock);
}

void conns_flush(struct conns *conns)
{
	struct waker *waker, *next;

	lock_take(&conns->wakes_lock);
	waker = conns->wakes;
	conns->wakes = NULL;
	lock_drop(&conns->wakes_lock);
	for (; waker; waker = next) {
		struct conn *conn = conn_of(waker);

		lock_take(&conn->lock);
		next = waker->next;
		waker->queued = false;
		if (waker->woken)
			conn_resume_locked(conn);
		lock_drop(&conn->lock);
	}
	conns_kick(conns);
}

void conns_wake_all(struct conns *conns)
{
	unsigned high = atomic_load(&conns->high);

	for (unsigned fd = 0; fd < high; fd++) {
		struct conn *conn = &conns->slots[fd];

		if (!conn->ready)
			continue;
		lock_take(&conn->lock);
		conn_resume_locked(conn);
		lock_drop(&conn->lock);
	}
	conns_kick(conns);
}
