/* SPDX-License-Identifier: MIT */
/* throttle.h - a host that asked to be left alone for a while.
 *
 * 429, and 503 with Retry-After, are no failures: the host works and says what it
 * wants.  With Retry-After nothing starts before that time.  Without it an incident
 * costs 60 s, the next one twice that, at most a day; answers that arrive while the
 * host is left alone belong to the incident that is known already, and 30 quiet
 * minutes are forgiven.
 *
 * Threads    one at a time: a pure state machine.
 * Units      _ms: milliseconds of one monotonic clock, given by the caller.
 */
#ifndef NET_THROTTLE_H
#define NET_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	THROTTLE_FIRST_MS = 60 * 1000,
	THROTTLE_MS_MAX = 24 * 60 * 60 * 1000,
	THROTTLE_FORGIVE_MS = 30 * 60 * 1000,
};

struct throttle {
	int64_t until_ms;   /* nothing starts before; 0: never throttled */
	uint32_t incidents; /* without Retry-After, since they were last forgiven */
};

/* retry_after_ms: -1 when the answer did not say.  True when until_ms moved. */
bool throttle_hit(struct throttle *throttle, int64_t retry_after_ms, int64_t now_ms);

/* The value of Retry-After (RFC 9110, section 10.2.3) as a delay: seconds, or a date
 * against the answer's own Date (our clock when that is NULL or no date).  -1 when it is
 * neither; never more than THROTTLE_MS_MAX. */
int64_t retry_after_parse(const char *value, const char *date, int64_t now_wall_ms);

#endif
