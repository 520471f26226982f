/* SPDX-License-Identifier: MIT */
/* pace.h - how fast a host is asked: delay, rate and concurrency.
 *
 * Delay      max(minimum, min(crawl-delay, 300 s), adaptive) · U(0.5, 1.5), never
 *            below the crawl-delay.  Adaptive, for public hosts (after Scrapy's
 *            AutoThrottle): t = latency / limit; delay = max(t, (delay + t) / 2),
 *            within minimum … 60 s, lowered only by a 200.
 * Rate       a token bucket of one second's tokens, when the operator set one.
 * Limit      additive increase, multiplicative decrease (Chiu and Jain, 1989): from
 *            1 it doubles per round until the first trouble (slow start), then grows
 *            by one per round; it grows only while it is used up and the median of
 *            recent latencies is below 1.5 times their long average; trouble halves it.
 *
 * Threads    one at a time: a pure state machine.
 * Units      _ms: milliseconds of one monotonic clock, given by the caller.
 */
#ifndef NET_PACE_H
#define NET_PACE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { PACE_SAMPLES = 9, PACE_CRAWL_DELAY_MS_MAX = 300 * 1000 };

/* What holds for a call: asked by the job, bounded by the operator. */
struct pace_rules {
	int64_t delay_ms_min;
	int64_t crawl_delay_ms; /* 0: none */
	unsigned limit_max;	/* in flight at once */
	double rate_per_s;	/* 0: no limit */
	bool adaptive;		/* a public host: its latency sets the delay */
};

struct pace {
	double limit;		 /* in flight at once; its whole part counts */
	double slow_start_until; /* below it the limit doubles per round */
	double delay_ms;	 /* adaptive */
	double tokens;		 /* of the rate; at tokens_at_ms */
	int64_t tokens_at_ms;
	int64_t next_ms;   /* the delay since the last start is over */
	double latency_ms; /* long average; 0: no sample yet */
	uint32_t samples;
	float recent_ms[PACE_SAMPLES]; /* ring of the last latencies */
};

void pace_init(struct pace *pace, double limit);
void pace_slow_start(struct pace *pace);       /* from 1 again: the host was down */
bool pace_untroubled(const struct pace *pace); /* nothing has lowered the limit yet */

unsigned pace_limit(const struct pace *pace, const struct pace_rules *rules); /* at least 1 */
/* When the next call may start, as far as delay and rate go; now_ms when it may now. */
int64_t pace_ready_ms(const struct pace *pace, const struct pace_rules *rules, int64_t now_ms);
void pace_started(struct pace *pace, const struct pace_rules *rules, int64_t now_ms,
		  struct rng *rng);

/* A call ended with an answer after latency_ms.  full: the limit was used up. */
void pace_answered(struct pace *pace, const struct pace_rules *rules, bool ok, bool full,
		   int64_t latency_ms);
void pace_trouble(struct pace *pace); /* throttled, or a timeout */

#endif
