/* SPDX-License-Identifier: MIT */
/* test_waiting.c - stages that wait: for time, for answers.
 *
 * Time is the fake run's; fetches are answered by a table.
 */
#include "tests/lib/fake_run.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct handler pipeline_handler;

/* Drives stages over items; the caller frees. */
static struct fake_run *driven(const struct fake_options *options, const char *items,
			       const char *stages)
{
	struct fake_run *fake = fake_run_new(options);
	struct buf spec = BUF(100000);

	buf_printf(&spec, "{\"input\":{\"items\":%s},\"stages\":%s}", items, stages);
	if (fake_run_drive(fake, &pipeline_handler, buf_text(&spec)) != FAKE_COMPLETED)
		fail_msg("%s: %s", stages, fake_run_seen(fake)->err.detail);
	assert_non_null(strstr(fake_run_seen(fake)->summary, "\"adds_up\":true"));
	buf_done(&spec);
	return fake;
}

static int64_t passed_ms(struct fake_run *fake)
{
	return fake_run_seen(fake)->now_ms - FAKE_START_MS;
}

static void a_rate_spreads_records_over_time(void **state)
{
	/* The first at once, the other nine half a second apart; in order. */
	struct fake_run *fake =
		driven(&(struct fake_options){0}, "[1,2,3,4,5,6,7,8,9,10]", "[{\"rate_limit\":2}]");

	(void)state;
	assert_string_equal(fake_run_ndjson(fake), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
	assert_in_range(passed_ms(fake), 4400, 4500); /* less what the test itself takes */
	fake_run_free(fake);
}

static void a_burst_goes_at_once(void **state)
{
	/* Six a minute, four of six at once: the others 10 s each. */
	struct fake_run *fake = driven(&(struct fake_options){0}, "[1,2,3,4,5,6]",
				       "[{\"rate_limit\":{\"records\":6,\"per\":\"1m\",\"burst\":4}"
				       "},{\"filter\":\"$ > 2\"}]");

	(void)state;
	assert_string_equal(fake_run_ndjson(fake), "3\n4\n5\n6\n");
	assert_in_range(passed_ms(fake), 19900, 20000);
	fake_run_free(fake);
}

static void who_has_enough_does_not_wait(void **state)
{
	/* Behind a limit that is reached the others are filtered, not waited for. */
	struct fake_run *fake = driven(
		&(struct fake_options){0}, "[1,2,3,4,5,6]",
		"[{\"rate_limit\":{\"records\":1,\"per\":\"1h\",\"burst\":2}},{\"limit\":2}]");

	(void)state;
	assert_string_equal(fake_run_ndjson(fake), "1\n2\n");
	assert_non_null(strstr(fake_run_seen(fake)->summary,
			       "\"in\":6,\"out\":2,\"failed\":0,\"filtered\":4"));
	fake_run_free(fake);
}

static void branches_meet_in_order_behind_a_wait(void **state)
{
	/* What waits in one arm, and behind a barrier, comes in its place. */
	struct fake_run *fake = driven(
		&(struct fake_options){0}, "[1,2,3,4]",
		"[{\"branch\":[{\"when\":\"$ % 2 == 1\",\"to\":\"slow\"},{\"to\":\"fast\"}]},"
		"{\"name\":\"slow\",\"rate_limit\":1},{\"name\":\"fast\",\"filter\":\"true\"},"
		"{\"merge\":[\"slow\",\"fast\"]}]");

	(void)state;
	assert_string_equal(fake_run_ndjson(fake), "1\n2\n3\n4\n");
	fake_run_free(fake);
	fake = driven(&(struct fake_options){0}, "[3,1,2]",
		      "[{\"sort\":{\"by\":\"$\"}},{\"rate_limit\":1},{\"filter\":\"$ > 1\"}]");
	assert_string_equal(fake_run_ndjson(fake), "2\n3\n");
	assert_in_range(passed_ms(fake), 1900, 2000);
	fake_run_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_spreads_records_over_time),
		cmocka_unit_test(a_burst_goes_at_once),
		cmocka_unit_test(who_has_enough_does_not_wait),
		cmocka_unit_test(branches_meet_in_order_behind_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
