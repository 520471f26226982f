/* SPDX-License-Identifier: MIT */
/* retry.h - what an outcome says about its host, and whether to try again.
 *
 * Verdicts (`outcome_verdict`):
 *   success   2xx, 3xx, and 4xx that say nothing against the host (404, 410, …)
 *   failure   name, connect, TLS, reset, truncated, not HTTP, 500 502 504 520-524,
 *             503 without Retry-After, a host that was silent until the time was up
 *   throttled 429, 503 with Retry-After
 *   blocked   401 403 451
 *   excluded  our own doing: guard, robots, limits, cancel, our deadline
 *
 * Between attempts lies decorrelated jitter (AWS Architecture Blog, "Exponential
 * Backoff and Jitter", 2015): U(base, 3 · last), at most delay_ms_max.  Two budgets
 * keep retries from becoming the load: a bucket for each host, and a share of what is
 * in flight.  A retry beyond them waits; it is not dropped, since its item is work that
 * somebody wants done.
 *
 * Threads    one at a time: pure, no clock and no lock inside.
 */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_SUCCESS,
	VERDICT_FAILURE,
	VERDICT_THROTTLED,
	VERDICT_BLOCKED,
	VERDICT_EXCLUDED,
};

struct call_outcome {
	enum err_code code; /* ERR_NONE: an answer of `status` arrived whole */
	int status;
	bool retry_after; /* the answer said when to come back */
	bool silent;	  /* no byte of an answer arrived for RETRY_SILENT_MS at least */
};

/* Zero members have defaults. */
struct retry_policy {
	unsigned attempts_max; /* in all: 4 */
	int64_t base_ms;       /* 1 s */
	int64_t delay_ms_max;  /* 300 s */
};

enum { RETRY_SILENT_MS = 1000 }; /* a timeout sooner than this is the caller's haste */

enum verdict outcome_verdict(const struct call_outcome *outcome);

/* Could another attempt go better?  408 425 429 500 502 503 504 520-524 and failures of
 * the network (RFC 9110, section 9.2.2: only idempotent methods). */
bool outcome_retryable(const struct call_outcome *outcome);
bool method_idempotent(const char *method); /* RFC 9110, section 9.2.2 */

struct retry_policy retry_policy_whole(const struct retry_policy *policy); /* defaults in */
/* The next delay; last_ms is the one before it, 0 at first. */
int64_t retry_delay_ms(const struct retry_policy *policy, int64_t last_ms, struct rng *rng);

/* A host's bucket: 10 at most, +0.2 with each first attempt and each second. */
struct retry_budget {
	uint32_t tenths;
	int64_t at_ms; /* when time was last paid for */
};

void retry_budget_init(struct retry_budget *budget, int64_t now_ms);
void retry_budget_earn(struct retry_budget *budget); /* a first attempt was made */
bool retry_budget_spend(struct retry_budget *budget, int64_t now_ms);
/* Globally: `retries` of `in_flight` calls are retries already; may there be one more? */
bool retry_share_allows(unsigned retries, unsigned in_flight);

#endif
