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

/* ---- fetches ---- */

/* What was asked, a line each: method, url, header fields, body. */
struct asked_log {
	struct buf lines;
	const char *answer; /* NULL: the url as JSON */
	const char *type;
	int status;
};

static struct fetch_result *answered(void *ctx, const struct fetch_request *request)
{
	struct asked_log *log = ctx;
	char quoted[1000];

	buf_printf(&log->lines, "%s %s", request->method, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		buf_printf(&log->lines, " %s=%s", request->headers[i].name,
			   request->headers[i].value);
	buf_printf(&log->lines, " %.*s\n", (int)request->body_len,
		   request->body ? (const char *)request->body : "");
	if (strstr(request->url, "/none"))
		return fake_answer(request, 404, "text/plain", "no such thing");
	snprintf(quoted, sizeof(quoted), "\"%s\"", request->url);
	return fake_answer(request, log->status ? log->status : 200,
			   log->type ? log->type : "application/json",
			   log->answer ? log->answer : quoted);
}

/* Items through stages whose fetches are answered: what was asked, and the results. */
static void assert_asks(struct asked_log *log, const char *items, const char *stages,
			const char *asked, const char *results)
{
	struct fake_run *fake;

	buf_init(&log->lines, 100000);
	fake = driven(&(struct fake_options){.fetch = answered, .ctx = log, .full_every = 3}, items,
		      stages);
	if (asked)
		assert_string_equal(buf_text(&log->lines), asked);
	assert_string_equal(fake_run_ndjson(fake), results);
	buf_done(&log->lines);
	fake_run_free(fake);
}

static void members_are_escaped_where_they_stand(void **state)
{
	/* RFC 3986 in a URL, RFC 8259 in a body, a form's own; what is missing is empty or null. */
	(void)state;
	assert_asks(&(struct asked_log){.answer = "1"},
		    "[{\"a\":\"x/y z&\xC3\xA9\",\"n\":7,\"t\":\"say \\\"hi\\\"\"}]",
		    "[{\"fetch\":{\"url\":\"http://h/u/{a}/{n}?q={a}&m={nothing}\","
		    "\"headers\":{\"X-T\":\"v {n}\"},\"into\":\"r\","
		    "\"body\":{\"n\":\"{n}\",\"t\":\"{t}\",\"s\":\"<{t}{n}>\",\"no\":\"{no}\","
		    "\"all\":[\"{$}\"]}}},{\"select\":[\"r\"]}]",
		    "POST http://h/u/x%2Fy%20z%26%C3%A9/7?q=x%2Fy%20z%26%C3%A9&m= X-T=v 7 "
		    "Content-Type=application/json {\"n\":7,\"t\":\"say \\\"hi\\\"\","
		    "\"s\":\"<say \\\"hi\\\"7>\",\"no\":null,\"all\":[{\"a\":\"x/y z&\xC3\xA9\","
		    "\"n\":7,\"t\":\"say \\\"hi\\\"\"}]}\n",
		    "{\"r\":1}\n");
	assert_asks(
		&(struct asked_log){.answer = "1"}, "[{\"a\":\"1 & 2\",\"u\":\"http://k/?a=b\"}]",
		"[{\"fetch\":{\"url\":\"{u}\",\"method\":\"PUT\",\"body\":\"a={a}\",\"into\":\"r\","
		"\"headers\":{\"content-type\":\"application/x-www-form-urlencoded\"}}},"
		"{\"select\":[\"r\"]}]",
		"PUT http://k/?a=b content-type=application/x-www-form-urlencoded "
		"a=1%20%26%202\n",
		"{\"r\":1}\n");
}

static void a_value_does_not_lead_out_of_its_place(void **state)
{
	/* Not up in the path, not into another header field: such records fail. */
	struct asked_log log = {.answer = "1"};

	(void)state;
	assert_asks(
		&log, "[{\"a\":\"..\"},{\"a\":\"a..\"}]",
		"[{\"on_error\":\"skip\",\"fetch\":{\"url\":\"http://h/u/{a}/x\",\"into\":\"r\"}}]",
		"GET http://h/u/a../x \n", "{\"a\":\"a..\",\"r\":1}\n");
	assert_asks(&log, "[{\"a\":\"x\\r\\nCookie: 1\"}]",
		    "[{\"on_error\":\"skip\",\"fetch\":{\"url\":\"http://h/\",\"into\":\"r\","
		    "\"headers\":{\"X-A\":\"{a}\"}}}]",
		    "", "");
}

static void answers_become_members(void **state)
{
	/* JSON as it is, in one line; a text; nothing; the record itself. */
	(void)state;
	assert_asks(&(struct asked_log){.answer = "{\"b\":\n 12345678901234567890}"}, "[{\"a\":1}]",
		    "[{\"fetch\":{\"url\":\"http://h/\",\"into\":\"x.y\"}}]", NULL,
		    "{\"a\":1,\"x\":{\"y\":{\"b\":  12345678901234567890}}}\n");
	assert_asks(&(struct asked_log){.answer = "caf\xE9", .type = "text/plain; charset=latin1"},
		    "[{\"a\":1}]", "[{\"fetch\":{\"url\":\"http://h/\",\"into\":\"a\"}}]", NULL,
		    "{\"a\":\"caf\xC3\xA9\"}\n");
	assert_asks(&(struct asked_log){.answer = "", .status = 204}, "[{\"a\":1}]",
		    "[{\"fetch\":{\"url\":\"http://h/\",\"into\":\"b\"}}]", NULL,
		    "{\"a\":1,\"b\":null}\n");
	assert_asks(&(struct asked_log){.answer = "[{\"k\":1},{\"k\":2}]"}, "[1,2,3]",
		    "[{\"batch\":{\"size\":3}},{\"fetch\":{\"url\":\"http://h/\",\"body\":\"{$}\","
		    "\"into\":\"$\"}},{\"unbatch\":true}]",
		    "POST http://h/ Content-Type=application/json [1,2,3]\n",
		    "{\"k\":1}\n{\"k\":2}\n");
}

static void what_is_not_answered_follows_on_error(void **state)
{
	/* With the reason of the fetch; also an answer that says to be JSON and is not. */
	struct asked_log log = {.lines = BUF(100000)};
	struct fake_run *fake = driven(&(struct fake_options){.fetch = answered, .ctx = &log},
				       "[{\"p\":\"none\"},{\"p\":\"a\"}]",
				       "[{\"name\":\"ask\",\"on_error\":\"dead_letter\","
				       "\"fetch\":{\"url\":\"http://h/{p}\",\"into\":\"r\"}}]");
	const struct fake_seen *seen = fake_run_seen(fake);

	(void)state;
	assert_string_equal(fake_run_ndjson(fake), "{\"p\":\"a\",\"r\":\"http://h/a\"}\n");
	assert_int_equal(seen->failures_count, 1);
	assert_string_equal(seen->failures[0].stage, "ask");
	assert_int_equal(seen->failures[0].err.code, ERR_FETCH_HTTP_4XX);
	fake_run_free(fake);
	buf_done(&log.lines);
	assert_asks(&(struct asked_log){.answer = "{\"a\""}, "[{\"a\":1}]",
		    "[{\"on_error\":{\"replace\":\"return {why = err}\"},"
		    "\"fetch\":{\"url\":\"http://h/\",\"into\":\"r\"}}]",
		    NULL,
		    "{\"why\":\"the answer is not JSON: expected ':' but the record ends, at byte "
		    "4\"}\n");
}

/* ---- sinks ---- */

/* What came, a line for each batch: the end of its key, its lines with blanks between. */
static struct fetch_result *swallowed(void *ctx, const struct fetch_request *request)
{
	struct asked_log *log = ctx;
	const char *body = request->body;

	assert_string_equal(request->headers[0].value, "application/x-ndjson");
	assert_string_equal(request->headers[1].name, "Idempotency-Key");
	buf_printf(&log->lines, "%s:", strstr(request->headers[1].value, "-s"));
	for (size_t i = 0; i < request->body_len; i++)
		buf_add_byte(&log->lines, body[i] == '\n' ? ' ' : body[i]);
	buf_add_byte(&log->lines, '\n');
	return fake_answer(request, strstr(body, "bad") ? 400 : 200, "text/plain", "");
}

static void a_sink_gets_batches_by_number(void **state)
{
	/* Three and the rest, each under its own key; nothing is left as a result. */
	struct asked_log log = {.lines = BUF(100000)};
	struct fake_run *fake =
		driven(&(struct fake_options){.fetch = swallowed, .ctx = &log, .full_every = 2},
		       "[1,2,3,4,5,6,7]",
		       "[{\"filter\":\"$ > 1\"},{\"sink\":{\"url\":\"http://h/\",\"size\":4}}]");

	(void)state;
	assert_string_equal(buf_text(&log.lines), "-s1-p0-b0:2 3 4 5 \n-s1-p0-b1:6 7 \n");
	assert_string_equal(fake_run_ndjson(fake), "");
	assert_non_null(strstr(fake_run_seen(fake)->summary, "\"in\":6,\"out\":6,\"failed\":0"));
	buf_done(&log.lines);
	fake_run_free(fake);
}

static void a_batch_that_is_not_taken_fails_as_a_whole(void **state)
{
	/* Two records, listed as one; those of a tee go on; bytes bound a batch too. */
	struct asked_log log = {.lines = BUF(100000)};
	struct fake_run *fake = driven(&(struct fake_options){.fetch = swallowed, .ctx = &log},
				       "[\"aaaa\",\"bad\",\"cccccccc\"]",
				       "[{\"tee\":[\"out\"]},{\"filter\":\"false\"},"
				       "{\"name\":\"out\",\"on_error\":\"dead_letter\","
				       "\"sink\":{\"url\":\"http://h/\",\"bytes\":\"10B\"}}]");
	const struct fake_seen *seen = fake_run_seen(fake);

	(void)state;
	assert_string_equal(buf_text(&log.lines),
			    "-s2-p0-b0:\"aaaa\" \"bad\" \n-s2-p0-b1:\"cccccccc\" \n");
	assert_int_equal(seen->failures_count, 1);
	assert_int_equal(seen->failures_unlisted, 1);
	assert_string_equal(seen->failures[0].stage, "out");
	buf_done(&log.lines);
	fake_run_free(fake);
}

static void what_a_limit_lets_pass_is_asked_and_sent(void **state)
{
	/* A limit that has enough does not take what stands behind it. */
	struct asked_log log = {.lines = BUF(100000)};
	struct fake_run *fake;

	(void)state;
	assert_asks(&(struct asked_log){.answer = "1"}, "[{\"n\":1},{\"n\":2},{\"n\":3}]",
		    "[{\"limit\":2},{\"workers\":1,\"fetch\":{\"url\":\"http://h/"
		    "{n}\",\"into\":\"r\"}}]",
		    "GET http://h/1 \nGET http://h/2 \n", "{\"n\":1,\"r\":1}\n{\"n\":2,\"r\":1}\n");
	fake = driven(
		&(struct fake_options){.fetch = swallowed, .ctx = &log}, "[1,2,3]",
		"[{\"limit\":2},{\"rate_limit\":1},{\"sink\":{\"url\":\"http://h/\",\"size\":1}}]");
	assert_string_equal(buf_text(&log.lines), "-s2-p0-b0:1 \n-s2-p0-b1:2 \n");
	buf_done(&log.lines);
	fake_run_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_spreads_records_over_time),
		cmocka_unit_test(a_burst_goes_at_once),
		cmocka_unit_test(who_has_enough_does_not_wait),
		cmocka_unit_test(branches_meet_in_order_behind_a_wait),
		cmocka_unit_test(members_are_escaped_where_they_stand),
		cmocka_unit_test(a_value_does_not_lead_out_of_its_place),
		cmocka_unit_test(answers_become_members),
		cmocka_unit_test(what_is_not_answered_follows_on_error),
		cmocka_unit_test(a_sink_gets_batches_by_number),
		cmocka_unit_test(a_batch_that_is_not_taken_fails_as_a_whole),
		cmocka_unit_test(what_a_limit_lets_pass_is_asked_and_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
