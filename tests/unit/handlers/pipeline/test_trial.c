/* SPDX-License-Identifier: MIT */
/* test_trial.c - stages over a sample, without a run: what comes out, what is listed, what ends it.
 *
 * Expected lines are written by hand.
 */
#include "handlers/pipeline/trial_seen.h"

#include "handlers/pipeline/preview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* A body that was planned and tried. */
struct tried {
	struct json *body;
	struct mistakes mistakes;
	struct plan *plan;
	struct trial *trial;
};

static void try_body(struct tried *tried, const char *text)
{
	struct planner planner = {.mistakes = &tried->mistakes};
	struct trial_options options = {0};
	struct json_place place;
	struct err err;

	*tried = (struct tried){0};
	mistakes_init(&tried->mistakes);
	assert_int_equal(json_parse(text, strlen(text), &tried->body, &place, &err), 0);
	if (pipeline_preview_plan(tried->body, &planner, &tried->plan))
		fail_msg("%s: %s", text, tried->mistakes.first->detail);
	options.sample = tried->plan->sample;
	options.params = tried->plan->params;
	options.shown = tried->plan->shown;
	assert_int_equal(trial_run(tried->plan, &options, &tried->trial, &err), 0);
}

static void tried_done(struct tried *tried)
{
	trial_free(tried->trial);
	pipeline_plan_free(tried->plan);
	mistakes_done(&tried->mistakes);
	json_free(tried->body);
}

static void assert_gives(const char *body, const char *expected)
{
	struct tried tried;
	bool whole;

	try_body(&tried, body);
	assert_string_equal(buf_text(trial_results(tried.trial, &whole)), expected);
	assert_true(whole);
	tried_done(&tried);
}

static void records_go_through_all_stages(void **state)
{
	/* Changed, filtered, multiplied; two barriers give what they have gathered. */
	(void)state;
	assert_gives("{\"records\":[{\"a\":1},{\"a\":2},{\"a\":3}],\"stages\":["
		     "{\"filter\":\"a != 2\"},{\"flat_map\":\"emit{a=r.a} emit{a=r.a*10}\"},"
		     "{\"reduce\":{\"group_by\":[\"a\"],\"aggregates\":{\"n\":\"count\"}}},"
		     "{\"set\":{\"m\":\"n + a\"}},{\"sort\":\"-a\"}]}",
		     "{\"a\":30,\"n\":1,\"m\":31}\n{\"a\":10,\"n\":1,\"m\":11}\n"
		     "{\"a\":3,\"n\":1,\"m\":4}\n{\"a\":1,\"n\":1,\"m\":2}\n");
	assert_gives("{\"records\":[1,2,3],\"stages\":[]}", "1\n2\n3\n");
	assert_gives("{\"records\":[1,2,3],\"stages\":[{\"limit\":2}]}", "1\n2\n");
}

static void a_pasted_text_is_read_as_a_file_is(void **state)
{
	/* CSV with its types; a JSON text over lines is recognised. */
	(void)state;
	assert_gives("{\"text\":\"n,s\\n1,\\\"a,b\\\"\\n2,c\\n\",\"format\":\"csv\","
		     "\"types\":{\"n\":\"integer\"},\"stages\":[{\"set\":{\"m\":\"n * 2\"}}]}",
		     "{\"n\":1,\"s\":\"a,b\",\"m\":2}\n{\"n\":2,\"s\":\"c\",\"m\":4}\n");
	assert_gives("{\"text\":\"[{\\\"n\\\":1},\\n {\\\"n\\\":2}]\",\"stages\":[]}",
		     "{\"n\":1}\n{\"n\":2}\n");
}

static void failures_are_listed_and_the_rest_goes_on(void **state)
{
	/* Also where on_error would fail the job: with record, line and offset. */
	struct tried tried;
	const struct trial_error *errors;
	bool whole;

	(void)state;
	try_body(&tried, "{\"text\":\"{\\\"n\\\":0}\\n{\\\"n\\\":}\\n{\\\"n\\\":2}\\n\","
			 "\"stages\":[{\"name\":\"calc\",\"set\":{\"x\":\"4 // n\"}}]}");
	assert_string_equal(buf_text(trial_results(tried.trial, &whole)), "{\"n\":2,\"x\":2}\n");
	assert_int_equal(tried.trial->errors_count, 2);
	errors = tried.trial->errors;
	assert_string_equal(errors[0].stage->name, "calc");
	assert_int_equal(errors[0].record, 1);
	assert_int_equal(errors[0].line, 1);
	assert_string_equal(errors[0].err.detail, "division by zero");
	assert_null(errors[1].stage);
	assert_int_equal(errors[1].line, 2);
	assert_int_equal(errors[1].offset, 13); /* "{"n":0}\n" has 8 bytes, the brace is the 6th */
	tried_done(&tried);
}

static void scripts_are_heard_and_counted(void **state)
{
	/* A line belongs to its stage and record; each instruction counts, the same each time. */
	static const char body[] = "{\"records\":[{\"a\":1},{\"a\":2}],\"params\":{\"x\":5},"
				   "\"stages\":[{\"map\":\"log('got ' .. r.a + ctx.params.x)\"}]}";
	struct tried tried;
	uint64_t work;

	(void)state;
	try_body(&tried, body);
	assert_int_equal(tried.trial->logs_count, 2);
	assert_string_equal(tried.trial->logs[1].text, "got 7");
	assert_int_equal(tried.trial->logs[1].record, 2);
	assert_string_equal(tried.trial->logs[1].stage->name, "stages[0]");
	work = tried.trial->stages[0].work;
	assert_in_range(work, 10, 999); /* a hook every 1,000 would have seen nothing */
	tried_done(&tried);
	try_body(&tried, body);
	assert_int_equal(tried.trial->stages[0].work, work);
	tried_done(&tried);
}

static void a_test_comes_to_an_end(void **state)
{
	/* One record may become very many: it is broken off, and says why. */
	struct tried tried;
	bool whole;

	(void)state;
	try_body(&tried, "{\"records\":[1,2],\"stages\":["
			 "{\"flat_map\":\"for k = 1, 2000 do emit(k) end\"},"
			 "{\"flat_map\":\"for k = 1, 2000 do emit(k) end\"}]}");
	assert_string_equal(tried.trial->stopped, "records");
	trial_results(tried.trial, &whole);
	assert_false(whole);
	tried_done(&tried);
}

static void sorting_stays_in_memory(void **state)
{
	/* There is no disk: what is too much says so. */
	struct tried tried;
	struct err *err;

	(void)state;
	try_body(&tried, "{\"records\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18],\"stages\":["
			 "{\"map\":\"return {s = string.rep('x', 4000000)}\"},{\"sort\":\"s\"}]}");
	err = &tried.trial->failed;
	assert_string_equal(tried.trial->stopped, "error");
	assert_int_equal(err->code, ERR_LIMIT);
	assert_string_equal(err->detail, "a test sorts at most 67108864 bytes");
	tried_done(&tried);
}

static void mistakes_of_a_body_are_told_at_once(void **state)
{
	/* Where they stand in the body: there is no spec around it. */
	static const char body[] = "{\"records\":[],\"text\":\"\",\"compression\":\"gzip\","
				   "\"stages\":[{\"set\":{\"x\":\"1 +\"}}]}";
	struct mistakes mistakes;
	struct planner planner = {.mistakes = &mistakes};
	const struct mistake *at;
	struct json_place place;
	struct plan *plan;
	struct json *json;
	struct err err;

	(void)state;
	mistakes_init(&mistakes);
	assert_int_equal(json_parse(body, strlen(body), &json, &place, &err), 0);
	assert_int_equal(pipeline_preview_plan(json, &planner, &plan), -1);
	assert_int_equal(mistakes.count, 3);
	at = mistakes.first;
	assert_string_equal(at->pointer, "/text");
	at = at->next;
	assert_string_equal(at->pointer, "/compression");
	at = at->next;
	assert_string_equal(at->pointer, "/stages/0/set/x");
	mistakes_done(&mistakes);
	json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_go_through_all_stages),
		cmocka_unit_test(a_pasted_text_is_read_as_a_file_is),
		cmocka_unit_test(failures_are_listed_and_the_rest_goes_on),
		cmocka_unit_test(scripts_are_heard_and_counted),
		cmocka_unit_test(a_test_comes_to_an_end),
		cmocka_unit_test(sorting_stays_in_memory),
		cmocka_unit_test(mistakes_of_a_body_are_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
