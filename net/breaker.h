/* SPDX-License-Identifier: MIT */
/* breaker.h - a circuit breaker: do not call a host that is down.
 *
 *            trip (breaker_result)                  time is up (breaker_try)
 *   CLOSED ─────────────────────────▶ OPEN ─────────────────────────▶ HALF_OPEN
 *     ▲                                ▲      a probe failed (breaker_result) │
 *     │                                └─────────────────────────────────────┤
 *     └──────────────── enough probes in a row succeeded (breaker_result) ───┘
 *   breaker_force() and breaker_reset() go from any state to any other.
 *
 * Closed, it trips on a run of failures, on a share of failures, or when every
 * call was slow, over the last minute in ten buckets.  It stays open for
 * open_ms · 2^(trips-1) ± 15 %, at most open_ms_max.  Half-open it lets one probe
 * out at a time; a probe that never reports loses its lease.  A result carries the
 * generation of the state it was let out in; one of an older state is ignored.
 *
 * Threads    one at a time: a pure state machine, no clock and no lock inside.
 * Units      _ms: milliseconds of one monotonic clock, given by the caller.
 */
#ifndef NET_BREAKER_H
#define NET_BREAKER_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	BREAKER_BUCKETS = 10,
	BREAKER_BUCKET_MS = 6 * 1000,
	BREAKER_NEVER_MS = 0, /* open_until_ms of a breaker that was opened by hand */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

enum breaker_outcome {
	BREAKER_SUCCESS,
	BREAKER_FAILURE,
	BREAKER_EXCLUDED, /* says nothing about the host; gives a probe's permit back */
};

enum breaker_force { BREAKER_FREE, BREAKER_FORCED_OPEN, BREAKER_FORCED_CLOSED };

/* Why it came into its state. */
enum breaker_reason {
	BREAKER_BORN,	   /* closed: nothing is known yet */
	BREAKER_FAILURES,  /* open: so many in a row */
	BREAKER_RATE,	   /* open: such a share of the calls failed */
	BREAKER_SLOW,	   /* open: every call was slow */
	BREAKER_PROBE,	   /* open: a probe failed */
	BREAKER_TIME,	   /* half-open: the open time is over */
	BREAKER_RECOVERED, /* closed: the probes succeeded */
	BREAKER_HAND,	   /* any: breaker_force() */
	BREAKER_RESET,	   /* closed: breaker_reset() */
	BREAKER_REASONS
};

/* Thresholds; a member that is 0 has its default. */
struct breaker_policy {
	uint32_t failures_max;	  /* consecutive failures that trip: 5 */
	uint32_t calls_min;	  /* in the window, before shares count: 10 */
	uint32_t failure_percent; /* of the calls in the window: 50 */
	uint32_t successes_min;	  /* probes that close: 3 */
	int64_t slow_ms;	  /* a first byte later than this is slow: 30 s */
	int64_t open_ms;	  /* the first open time: 15 s */
	int64_t open_ms_max;	  /* 900 s */
	int64_t lease_ms;	  /* a probe that is silent for longer is lost: 90 s */
};

struct breaker_bucket {
	uint32_t calls, failures, slow;
};

struct breaker {
	enum breaker_state state;
	enum breaker_reason reason; /* of the state */
	enum breaker_force force;
	uint32_t generation;  /* of the state; each probe has its own */
	uint32_t trips;	      /* since they were last forgiven: k */
	uint32_t consecutive; /* failures (closed) or successes (half-open) in a row */
	bool probing;	      /* half-open: the permit is out until lease_until_ms */
	int64_t lease_until_ms;
	int64_t since_ms;      /* when this state began */
	int64_t open_until_ms; /* BREAKER_OPEN; BREAKER_NEVER_MS: until told otherwise */
	int64_t open_last_ms;  /* how long it was open the last time */
	int64_t bucket_at;     /* now_ms / BREAKER_BUCKET_MS of the newest bucket */
	struct breaker_bucket buckets[BREAKER_BUCKETS];
};

/* What of it outlives the process; durations, because monotonic clocks do not. */
struct breaker_saved {
	uint32_t state, force, trips, reason;
	int64_t in_state_ms;  /* since the state began */
	int64_t open_left_ms; /* BREAKER_OPEN */
	int64_t open_last_ms;
};

void breaker_init(struct breaker *breaker, int64_t now_ms);
struct breaker_policy breaker_policy_whole(const struct breaker_policy *policy); /* defaults in */

/* May a call start?  Takes the probe's permit when half-open.  *ret_generation goes
 * with the call to breaker_result(). */
bool breaker_try(struct breaker *breaker, const struct breaker_policy *policy, int64_t now_ms,
		 uint32_t *ret_generation);

/* The first instant at which breaker_try() may say yes if nothing else happens:
 * now_ms when it would now, INT64_MAX when it was opened by hand. */
int64_t breaker_ready_ms(const struct breaker *breaker, int64_t now_ms);

/* Each call that breaker_try() let out reports once.  first_byte_ms: how long the
 * answer took to begin.  True when the state changed. */
bool breaker_result(struct breaker *breaker, const struct breaker_policy *policy,
		    uint32_t generation, enum breaker_outcome outcome, int64_t first_byte_ms,
		    int64_t now_ms, struct rng *rng);

/* The host said that it will not be back before until_ms: an open breaker stays open until
 * then, and that is not jittered.  No effect in any other state. */
void breaker_extend(struct breaker *breaker, int64_t until_ms);

/* Does nothing about it matter any more?  It is closed, free and its trips are forgiven, or
 * it was not called for so long after its open time that they would be. */
bool breaker_forgotten(const struct breaker *breaker, int64_t now_ms);

/* By hand: open or closed until BREAKER_FREE, which leaves the state as it is and
 * lets it move again (one that was opened by hand goes half-open). */
void breaker_force(struct breaker *breaker, enum breaker_force force, int64_t now_ms);
void breaker_reset(struct breaker *breaker, int64_t now_ms); /* closed, nothing remembered */

/* The last minute, in one bucket. */
struct breaker_bucket breaker_window(const struct breaker *breaker, int64_t now_ms);

void breaker_export(const struct breaker *breaker, int64_t now_ms, struct breaker_saved *ret_saved);
/* away_ms: how long ago it was exported.  0, or -1 when it is not a state of ours. */
int breaker_import(struct breaker *breaker, const struct breaker_saved *saved, int64_t away_ms,
		   int64_t now_ms);

const char *breaker_state_name(enum breaker_state state);    /* "closed", "open", "half-open" */
const char *breaker_reason_name(enum breaker_reason reason); /* "consecutive-failures", … */

#endif
