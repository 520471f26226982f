/* SPDX-License-Identifier: MIT */
/* Outcomes row by row, delays, budgets. */
#include "net/retry.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	struct call_outcome outcome;
	enum verdict verdict;
	bool retryable;
} rows[] = {
	{{.status = 200}, VERDICT_SUCCESS, false},
	{{.status = 301}, VERDICT_SUCCESS, false},
	{{.status = 304}, VERDICT_SUCCESS, false},
	{{.status = 404}, VERDICT_SUCCESS, false},
	{{.status = 408}, VERDICT_SUCCESS, true},
	{{.status = 410}, VERDICT_SUCCESS, false},
	{{.status = 425}, VERDICT_SUCCESS, true},
	{{.status = 401}, VERDICT_BLOCKED, false},
	{{.status = 403}, VERDICT_BLOCKED, false},
	{{.status = 451}, VERDICT_BLOCKED, false},
	{{.status = 429}, VERDICT_THROTTLED, true},
	{{.status = 429, .retry_after = true}, VERDICT_THROTTLED, true},
	{{.status = 503, .retry_after = true}, VERDICT_THROTTLED, true},
	{{.status = 503}, VERDICT_FAILURE, true},
	{{.status = 500}, VERDICT_FAILURE, true},
	{{.status = 501}, VERDICT_EXCLUDED, false},
	{{.status = 502}, VERDICT_FAILURE, true},
	{{.status = 504}, VERDICT_FAILURE, true},
	{{.status = 519}, VERDICT_EXCLUDED, false},
	{{.status = 520}, VERDICT_FAILURE, true},
	{{.status = 524}, VERDICT_FAILURE, true},
	{{.status = 525}, VERDICT_EXCLUDED, false},
	{{.code = ERR_FETCH_DNS}, VERDICT_FAILURE, true},
	{{.code = ERR_FETCH_CONNECT}, VERDICT_FAILURE, true},
	{{.code = ERR_FETCH_TLS}, VERDICT_FAILURE, false},
	{{.code = ERR_FETCH_RESET}, VERDICT_FAILURE, true},
	{{.code = ERR_FETCH_TRUNCATED, .status = 200}, VERDICT_FAILURE, true},
	{{.code = ERR_FETCH_PROTOCOL}, VERDICT_FAILURE, false},
	{{.code = ERR_FETCH_TIMEOUT}, VERDICT_EXCLUDED, true},
	{{.code = ERR_FETCH_TIMEOUT, .silent = true}, VERDICT_FAILURE, true},
	{{.code = ERR_FETCH_GUARD}, VERDICT_EXCLUDED, false},
	{{.code = ERR_FETCH_ROBOTS}, VERDICT_EXCLUDED, false},
	{{.code = ERR_FETCH_TOO_LARGE, .status = 200}, VERDICT_EXCLUDED, false},
	{{.code = ERR_FETCH_BOMB, .status = 200}, VERDICT_EXCLUDED, false},
	{{.code = ERR_CANCELLED}, VERDICT_EXCLUDED, false},
	{{.code = ERR_DEADLINE}, VERDICT_EXCLUDED, false},
	{{.code = ERR_NO_MEMORY}, VERDICT_EXCLUDED, false},
};

static void each_outcome_has_its_verdict(void **state)
{
	/* The table of the design, row by row. */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (outcome_verdict(&rows[i].outcome) != rows[i].verdict ||
		    outcome_retryable(&rows[i].outcome) != rows[i].retryable)
			fail_msg("row %zu: %s %d", i, err_name(rows[i].outcome.code),
				 rows[i].outcome.status);
}

static void idempotent_methods_are_those_of_the_rfc(void **state)
{
	/* RFC 9110, section 9.2.2; methods are case-sensitive. */
	(void)state;
	assert_true(method_idempotent("GET"));
	assert_true(method_idempotent("HEAD"));
	assert_true(method_idempotent("PUT"));
	assert_true(method_idempotent("DELETE"));
	assert_false(method_idempotent("POST"));
	assert_false(method_idempotent("PATCH"));
	assert_false(method_idempotent("get"));
}

static void delays_grow_with_jitter_within_bounds(void **state)
{
	/* Each lies in base … 3 times the last, and never beyond the maximum. */
	static const struct retry_policy preset;
	struct rng rng;
	int64_t last_ms = 0, longest_ms = 0;

	(void)state;
	rng_seed(&rng, 1);
	for (int i = 0; i < 1000; i++) {
		int64_t delay_ms = retry_delay_ms(&preset, last_ms, &rng);

		assert_in_range(delay_ms, 1000, MIN(MAX(last_ms * 3, 1000), 300000));
		longest_ms = MAX(longest_ms, delay_ms);
		last_ms = delay_ms;
	}
	assert_true(longest_ms > 200000);
}

static void a_host_has_ten_retries_and_a_fifth_of_its_calls(void **state)
{
	/* Ten at once, none more; five first attempts earn one, and so do five seconds. */
	struct retry_budget budget;

	(void)state;
	retry_budget_init(&budget, 0);
	for (int i = 0; i < 10; i++)
		assert_true(retry_budget_spend(&budget, 0));
	assert_false(retry_budget_spend(&budget, 0));
	for (int i = 0; i < 4; i++)
		retry_budget_earn(&budget);
	assert_false(retry_budget_spend(&budget, 999));
	retry_budget_earn(&budget);
	assert_true(retry_budget_spend(&budget, 999));
	assert_false(retry_budget_spend(&budget, 4999));
	assert_true(retry_budget_spend(&budget, 5999));
}

static void retries_are_a_fifth_of_what_is_in_flight(void **state)
{
	/* 20 % of 100 is 20; below fifteen in flight the floor of three holds. */
	(void)state;
	assert_true(retry_share_allows(19, 100));
	assert_false(retry_share_allows(20, 100));
	assert_true(retry_share_allows(2, 0));
	assert_false(retry_share_allows(3, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_outcome_has_its_verdict),
		cmocka_unit_test(idempotent_methods_are_those_of_the_rfc),
		cmocka_unit_test(delays_grow_with_jitter_within_bounds),
		cmocka_unit_test(a_host_has_ten_retries_and_a_fifth_of_its_calls),
		cmocka_unit_test(retries_are_a_fifth_of_what_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
