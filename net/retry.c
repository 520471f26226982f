/* SPDX-License-Identifier: MIT */
/* retry.c - the tables behind "was that the host's fault?" and "again?". */
#include "net/retry.h"

#include <stddef.h>
#include <string.h>

enum {
	ATTEMPTS_MAX_DEFAULT = 4,
	BASE_MS_DEFAULT = 1000,
	DELAY_MS_MAX_DEFAULT = 300 * 1000,
	BUDGET_TENTHS_MAX = 100, /* 10 retries */
	BUDGET_EARN_TENTHS = 2,
	RETRY_TENTHS = 10,
	RETRIES_FLOOR = 3, /* in flight, before the share counts */
	RETRIES_PERCENT = 20,
};

static bool status_broken(int status)
{
	return status == 500 || status == 502 || status == 503 || status == 504 ||
	       (status >= 520 && status <= 524);
}

static enum verdict status_verdict(const struct call_outcome *outcome)
{
	int status = outcome->status;

	if (status == 429 || (status == 503 && outcome->retry_after))
		return VERDICT_THROTTLED;
	if (status == 401 || status == 403 || status == 451)
		return VERDICT_BLOCKED;
	if (status_broken(status))
		return VERDICT_FAILURE;
	/* 501, 505 and kin judge the request, not the host's health. */
	return status >= 500 ? VERDICT_EXCLUDED : VERDICT_SUCCESS;
}

enum verdict outcome_verdict(const struct call_outcome *outcome)
{
	switch (outcome->code) {
	case ERR_NONE:
	case ERR_FETCH_HTTP_4XX:
	case ERR_FETCH_HTTP_5XX:
		return status_verdict(outcome);
	case ERR_FETCH_DNS:
	case ERR_FETCH_CONNECT:
	case ERR_FETCH_TLS:
	case ERR_FETCH_RESET:
	case ERR_FETCH_TRUNCATED:
	case ERR_FETCH_PROTOCOL:
		return VERDICT_FAILURE;
	case ERR_FETCH_TIMEOUT:
		return outcome->silent ? VERDICT_FAILURE : VERDICT_EXCLUDED;
	default:
		return VERDICT_EXCLUDED;
	}
}

bool outcome_retryable(const struct call_outcome *outcome)
{
	int status = outcome->status;

	switch (outcome->code) {
	case ERR_NONE:
	case ERR_FETCH_HTTP_4XX:
	case ERR_FETCH_HTTP_5XX:
		return status == 408 || status == 425 || status == 429 || status_broken(status);
	case ERR_FETCH_DNS:
	case ERR_FETCH_CONNECT:
	case ERR_FETCH_TIMEOUT:
	case ERR_FETCH_RESET:
	case ERR_FETCH_TRUNCATED:
		return true;
	default:
		return false;
	}
}

bool method_idempotent(const char *method)
{
	static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(methods[i], method) == 0)
			return true;
	return false;
}

struct retry_policy retry_policy_whole(const struct retry_policy *policy)
{
	struct retry_policy whole = *policy;

	if (whole.attempts_max == 0)
		whole.attempts_max = ATTEMPTS_MAX_DEFAULT;
	if (whole.base_ms <= 0)
		whole.base_ms = BASE_MS_DEFAULT;
	if (whole.delay_ms_max <= 0)
		whole.delay_ms_max = DELAY_MS_MAX_DEFAULT;
	return whole;
}

int64_t retry_delay_ms(const struct retry_policy *policy, int64_t last_ms, struct rng *rng)
{
	struct retry_policy whole = retry_policy_whole(policy);
	int64_t most = last_ms > whole.delay_ms_max / 3 ? whole.delay_ms_max : last_ms * 3;
	int64_t least = MIN(whole.base_ms, whole.delay_ms_max);

	return MIN(rng_between(rng, least, MAX(least, most)), whole.delay_ms_max);
}

void retry_budget_init(struct retry_budget *budget, int64_t now_ms)
{
	*budget = (struct retry_budget){.tenths = BUDGET_TENTHS_MAX, .at_ms = now_ms};
}

void retry_budget_earn(struct retry_budget *budget)
{
	budget->tenths = MIN(budget->tenths + BUDGET_EARN_TENTHS, BUDGET_TENTHS_MAX);
}

bool retry_budget_spend(struct retry_budget *budget, int64_t now_ms)
{
	int64_t seconds = MIN((now_ms - budget->at_ms) / 1000, BUDGET_TENTHS_MAX);

	for (int64_t i = 0; i < seconds; i++)
		retry_budget_earn(budget);
	budget->at_ms = now_ms - (now_ms - budget->at_ms) % 1000;
	if (budget->tenths < RETRY_TENTHS)
		return false;
	budget->tenths -= RETRY_TENTHS;
	return true;
}

bool retry_share_allows(unsigned retries, unsigned in_flight)
{
	return retries < MAX((uint64_t)in_flight * RETRIES_PERCENT / 100, RETRIES_FLOOR);
}
