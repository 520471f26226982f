/* SPDX-License-Identifier: MIT */
/* reaper.h - the thread that keeps time for connections.
 *
 * libmicrohttpd's own timeout is for inactivity only: a byte now and then outlives
 * it.  The reaper walks all connections some times a second and
 *   - shuts down those whose client is late (headers, body, idle, not reading);
 *   - wakes sleepers at the time they asked for (waker_at);
 *   - notices, by an epoll of its own, clients that close while their connection
 *     sleeps, which libmicrohttpd does not;
 *   - acts on gathered wakes, at most 20 times a second.
 *
 * Threads    one maker; the thread is its own.
 * Units      _ms of the monotonic clock.
 * Locks      each slot's lock in turn: a socket is shut down under it, so its number
 *            cannot have a new owner.
 */
#ifndef SERVICE_HTTP_REAPER_H
#define SERVICE_HTTP_REAPER_H

#include "base/err.h"

#include <stdint.h>

struct conns;
struct reaper;

struct reaper_limits {
	int64_t headers_ms_max, body_ms_max, idle_ms_max, write_stall_ms_max;
};

int reaper_start(struct conns *conns, const struct reaper_limits *limits,
		 struct reaper **ret_reaper, struct err *err);
void reaper_stop(struct reaper *reaper);

#endif
