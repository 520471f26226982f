/* SPDX-License-Identifier: MIT */
/* pace.c - arithmetic on delays and limits.  Called by hosts.c under its lock. */
#include "net/pace.h"

#include "base/compiler.h"

#include <math.h>
#include <string.h>

enum { ADAPTIVE_MS_MAX = 60 * 1000, LONG_SAMPLES = 50 };

#define LATENCY_HOLDS 1.5 /* median of the recent to the long average */

void pace_init(struct pace *pace, double limit)
{
	*pace = (struct pace){.limit = limit, .slow_start_until = INFINITY};
}

void pace_slow_start(struct pace *pace)
{
	pace->slow_start_until = MAX(pace->limit / 2, 1);
	pace->limit = 1;
}

bool pace_untroubled(const struct pace *pace)
{
	return isinf(pace->slow_start_until);
}

unsigned pace_limit(const struct pace *pace, const struct pace_rules *rules)
{
	return MAX((unsigned)MIN(pace->limit, rules->limit_max), 1);
}

static double tokens_at(const struct pace *pace, const struct pace_rules *rules, int64_t now_ms)
{
	double gained = (double)(now_ms - pace->tokens_at_ms) * rules->rate_per_s / 1000;

	return MIN(pace->tokens + gained, MAX(rules->rate_per_s, 1));
}

int64_t pace_ready_ms(const struct pace *pace, const struct pace_rules *rules, int64_t now_ms)
{
	int64_t ready_ms = MAX(pace->next_ms, now_ms);
	double missing;

	if (rules->rate_per_s <= 0)
		return ready_ms;
	missing = 1 - tokens_at(pace, rules, now_ms);
	if (missing <= 0)
		return ready_ms;
	return MAX(ready_ms, now_ms + (int64_t)ceil(missing * 1000 / rules->rate_per_s));
}

void pace_started(struct pace *pace, const struct pace_rules *rules, int64_t now_ms,
		  struct rng *rng)
{
	int64_t crawl_ms = MIN(rules->crawl_delay_ms, PACE_CRAWL_DELAY_MS_MAX);
	int64_t delay_ms = MAX(rules->delay_ms_min, crawl_ms);

	if (rules->rate_per_s > 0) {
		pace->tokens = tokens_at(pace, rules, now_ms) - 1;
		pace->tokens_at_ms = now_ms;
	}
	if (rules->adaptive)
		delay_ms = MAX(delay_ms, (int64_t)pace->delay_ms);
	if (delay_ms > 0)
		delay_ms = (int64_t)((double)delay_ms * (0.5 + rng_unit(rng)));
	pace->next_ms = now_ms + MAX(delay_ms, crawl_ms);
}

static double recent_median(const struct pace *pace)
{
	float sorted[PACE_SAMPLES] = {0};
	unsigned count = MIN(pace->samples, PACE_SAMPLES);

	for (unsigned i = 0; i < count; i++) {
		unsigned at = i;

		for (; at > 0 && sorted[at - 1] > pace->recent_ms[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = pace->recent_ms[i];
	}
	return sorted[count / 2];
}

static void latency_note(struct pace *pace, double latency_ms)
{
	pace->recent_ms[pace->samples % PACE_SAMPLES] = (float)latency_ms;
	pace->samples++;
	pace->latency_ms += (latency_ms - pace->latency_ms) / MIN(pace->samples, LONG_SAMPLES);
}

static void adapt_delay(struct pace *pace, const struct pace_rules *rules, bool ok,
			double latency_ms)
{
	double target_ms = latency_ms / pace_limit(pace, rules);
	double delay_ms = MAX(target_ms, (pace->delay_ms + target_ms) / 2);

	delay_ms = MIN(MAX(delay_ms, (double)rules->delay_ms_min), ADAPTIVE_MS_MAX);
	if (ok || delay_ms > pace->delay_ms)
		pace->delay_ms = delay_ms;
}

void pace_answered(struct pace *pace, const struct pace_rules *rules, bool ok, bool full,
		   int64_t latency_ms)
{
	latency_note(pace, (double)latency_ms);
	if (rules->adaptive)
		adapt_delay(pace, rules, ok, (double)latency_ms);
	if (!ok || !full || pace->limit >= rules->limit_max)
		return;
	/* One more millisecond: at latencies of 0 and 1 ms the ratio is noise. */
	if (recent_median(pace) >= LATENCY_HOLDS * (pace->latency_ms + 1))
		return;
	pace->limit += pace->limit < pace->slow_start_until ? 1 : 1 / pace->limit;
	pace->limit = MIN(pace->limit, rules->limit_max);
}

void pace_trouble(struct pace *pace)
{
	pace->limit = MAX(pace->limit / 2, 1);
	pace->slow_start_until = pace->limit;
}
