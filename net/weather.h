/* SPDX-License-Identifier: MIT */
/* weather.h - is it us? A breaker for what lies between us and all hosts.
 *
 * When the names of more than half of at least 20 distinct hosts fail to resolve
 * within a minute, the trouble is our resolver or our line, not the hosts: fetching
 * of those whose name is in doubt pauses, and nothing is counted against a host.  Hosts
 * that need no name (addresses), the operator's own, and those whose name led somewhere
 * within WEATHER_TRUST_MS go on.  After the pause everything is forgotten, and fetching
 * tries its luck.
 *
 * Threads    one at a time: a pure state machine.
 * Units      _ms: milliseconds of one monotonic clock, given by the caller.
 */
#ifndef NET_WEATHER_H
#define NET_WEATHER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WEATHER_HOSTS_MAX = 64,
	WEATHER_PAUSE_MS = 15 * 1000,
	WEATHER_TRUST_MS = 10 * 60 * 1000, /* resolvers keep most names for longer */
};

struct weather_sight {
	uint64_t host; /* a hash of its name */
	int64_t at_ms; /* 0: none */
	bool failed;
};

struct weather {
	struct weather_sight sights[WEATHER_HOSTS_MAX]; /* the last of each host */
	unsigned next;					/* the oldest, to be replaced */
	int64_t paused_until_ms;
};

/* A host's name was resolved, or failed to be; true when this began a pause. */
bool weather_note(struct weather *weather, uint64_t host, bool failed, int64_t now_ms);

static inline bool weather_paused(const struct weather *weather, int64_t now_ms)
{
	return now_ms < weather->paused_until_ms;
}

#endif
