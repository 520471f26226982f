/* SPDX-License-Identifier: MIT */
/* test_sleep.c - simulated work: its draws and its failures.  Real naps are 0 ms. */
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

extern const struct handler sleep_handler;

static enum fake_end drive(const char *spec)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});
	enum fake_end end = fake_run_drive(fake, &sleep_handler, spec);

	fake_run_free(fake);
	return end;
}

static void a_nap_without_failures_completes(void **state)
{
	/* fail_rate 0 never fails, blocking or not. */
	(void)state;
	assert_int_equal(drive("{\"for\":\"0s\"}"), FAKE_COMPLETED);
	assert_int_equal(drive("{\"for\":\"1ms\",\"block\":true}"), FAKE_COMPLETED);
}

static void fail_rate_one_always_fails_retryably(void **state)
{
	/* Another attempt may be drawn differently: the error is of that kind. */
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});

	(void)state;
	assert_int_equal(fake_run_drive(fake, &sleep_handler, "{\"for\":\"0s\",\"fail_rate\":1}"),
			 FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_FAILED);
	assert_true(err_retryable(fake_run_seen(fake)->err.code));
	fake_run_free(fake);
}

static void the_same_seed_fails_the_same_attempts(void **state)
{
	/* 20 seeds at one half: repeatable one by one, and neither all nor none fail. */
	unsigned failed = 0;

	(void)state;
	for (int seed = 1; seed <= 20; seed++) {
		char spec[80];
		enum fake_end end;

		snprintf(spec, sizeof(spec), "{\"for\":\"0s\",\"fail_rate\":0.5,\"seed\":%d}",
			 seed);
		end = drive(spec);
		assert_int_equal(drive(spec), end);
		failed += end == FAKE_FAILED;
	}
	assert_in_range(failed, 2, 18);
}

static void durations_need_a_unit(void **state)
{
	/* A bare number, a missing and an overlong duration. */
	(void)state;
	assert_int_equal(drive("{\"for\":5}"), FAKE_INVALID);
	assert_int_equal(drive("{}"), FAKE_INVALID);
	assert_int_equal(drive("{\"for\":\"8d\"}"), FAKE_INVALID);
	assert_int_equal(drive("{\"for\":\"1s\",\"fail_rate\":1.5}"), FAKE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nap_without_failures_completes),
		cmocka_unit_test(fail_rate_one_always_fails_retryably),
		cmocka_unit_test(the_same_seed_fails_the_same_attempts),
		cmocka_unit_test(durations_need_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
