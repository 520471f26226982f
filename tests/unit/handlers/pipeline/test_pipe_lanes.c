/* SPDX-License-Identifier: MIT */
/* test_pipe_lanes.c - the same results from any number of lanes, with a house that is full now and
 * then, and after stops at any step.
 *
 * What one lane gives undisturbed is compared with all else; what that is, test_stages.c knows.
 */
#include "base/buf.h"
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct handler pipeline_handler;

enum { RECORDS = 12000 }; /* a dozen portions: too many for one lane */

static const char *const pipelines[] = {
	"[{\"filter\":\"n % 3 != 0\"},{\"set\":{\"m\":\"n * k\"}},{\"drop\":\"k\"}]",
	"[{\"set\":{\"m\":\"100 // (n % 50)\"},\"on_error\":\"dead_letter\"}]",
	"[{\"reduce\":{\"group_by\":[\"k\"],\"aggregates\":{\"n\":\"count\",\"s\":\"sum(n)\","
	"\"f\":\"first(n)\",\"l\":\"last(n)\"}}},{\"set\":{\"mean\":\"s / n\"}}]",
	"[{\"sort\":[\"-k\",\"text\"]},{\"select\":[\"n\"]}]",
	"[{\"top\":{\"n\":7,\"by\":\"k\"}}]",
	"[{\"skip\":1500},{\"distinct\":[\"k\",\"text\"]},{\"limit\":40}]",
	"[{\"sample\":{\"rate\":0.01,\"seed\":3}},{\"batch\":{\"size\":7}}]",
	"[{\"branch\":[{\"when\":\"k < 3\",\"to\":\"few\"},{\"to\":\"all\"}]},"
	"{\"name\":\"few\",\"set\":{\"few\":true}},"
	"{\"name\":\"all\",\"reduce\":{\"group_by\":[\"text\"],\"aggregates\":{\"n\":\"count\"}}},"
	"{\"merge\":[\"few\",\"all\"]}]",
	"[{\"flat_map\":\"for i = 1, r.k % 4 do emit({n = r.n, i = i}) end\"},"
	"{\"filter\":\"i != "
	"2\"},{\"reduce\":{\"group_by\":[\"i\"],\"aggregates\":{\"l\":\"last(n)\"}}}]",
};

static char *spec_of(const char *stages, unsigned workers)
{
	struct buf text = BUF(4 * 1024 * 1024);

	buf_add_text(&text, "{\"input\":{\"items\":[");
	for (unsigned n = 0; n < RECORDS; n++)
		buf_printf(&text, "%s{\"n\":%u,\"k\":%u,\"text\":\"%c%c\"}", n ? "," : "", n,
			   n * 7919 % 11, 'a' + n % 5, 'a' + n * n % 7);
	buf_printf(&text, "]},\"workers\":%u,\"stages\":%s}", workers, stages);
	assert_true(buf_ok(&text));
	return text.data;
}

/* Everything that a job tells: results, failures, what stages counted. */
static char *told_by(struct fake_run *fake)
{
	const struct fake_seen *seen = fake_run_seen(fake);
	struct buf text = BUF(16 * 1024 * 1024);
	const char *at = seen->summary, *end;

	buf_add_text(&text, fake_run_ndjson(fake));
	for (size_t i = 0; i < seen->failures_count; i++)
		buf_printf(&text, "failed at line %lld: %s\n", (long long)seen->failures[i].line,
			   seen->failures[i].err.detail);
	while ((at = strstr(at, "\"in\":"))) { /* up to what is not the same each time */
		end = strstr(at, ",\"busy_ms\"");
		buf_add(&text, at, (size_t)(end - at));
		buf_add_byte(&text, '\n');
		at = end;
	}
	return text.data;
}

static char *undisturbed(const char *stages)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){.lanes_for_cpu = 1});
	char *spec = spec_of(stages, 1), *told;

	assert_int_equal(fake_run_drive(fake, &pipeline_handler, spec), FAKE_COMPLETED);
	told = told_by(fake);
	assert_true(strlen(told) > 50);
	fake_run_free(fake);
	free(spec);
	return told;
}

static void assert_told(const char *stages, unsigned workers, const struct fake_options *options)
{
	struct fake_run *fake = fake_run_new(options);
	char *spec = spec_of(stages, workers), *expected = undisturbed(stages), *told;
	enum fake_end end = FAKE_STOPPED;

	for (unsigned drives = 0; end == FAKE_STOPPED && drives < 100; drives++) {
		end = fake_run_drive(fake, &pipeline_handler, spec);
		/* What a barrier gives is begun anew until it is done in one attempt. */
		fake_run_options(fake)->steps_max += fake_run_options(fake)->steps_max / 4;
	}
	assert_int_equal(end, FAKE_COMPLETED);
	told = told_by(fake);
	if (strcmp(told, expected) != 0)
		fail_msg("%s on %u lanes gave %.300s instead of %.300s", stages, workers, told,
			 expected);
	fake_run_free(fake);
	free(told);
	free(expected);
	free(spec);
}

static void any_number_of_lanes_gives_the_same(void **state)
{
	/* Two and seven. */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pipelines); i++) {
		assert_told(pipelines[i], 2, &(struct fake_options){0});
		assert_told(pipelines[i], 7, &(struct fake_options){0});
	}
}

static void a_full_house_changes_nothing(void **state)
{
	/* Each third call finds no room. */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pipelines); i++)
		assert_told(pipelines[i], 2, &(struct fake_options){.full_every = 3});
}

static void stops_change_nothing(void **state)
{
	/* Steps as short as can be, and every few of them a new attempt. */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pipelines); i++)
		assert_told(pipelines[i], 2,
			    &(struct fake_options){.steps_max = 23, .cancel_at_step = 1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_number_of_lanes_gives_the_same),
		cmocka_unit_test(a_full_house_changes_nothing),
		cmocka_unit_test(stops_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
