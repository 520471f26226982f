/* SPDX-License-Identifier: MIT */
/* test_task.c - from the text of a job to a task, and back from a stored row. */
#include "service/engine/task.h"

#include "net/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct guard *guard;
static struct permits permits;

static int guard_set_up(void **state)
{
	(void)state;
	guard = guard_new();
	permits.guard = guard;
	return guard ? 0 : -1;
}

static int guard_tear_down(void **state)
{
	(void)state;
	guard_free(guard);
	return 0;
}

static struct task *compiled(const char *text)
{
	struct json_place place;
	struct mistakes mistakes;
	struct task *task = NULL;
	struct err err;

	mistakes_init(&mistakes);
	if (task_compile(text, strlen(text), &permits, &task, &mistakes, &place, &err))
		fail_msg("%s", err.detail);
	mistakes_done(&mistakes);
	return task;
}

/* The pointers of all mistakes, with blanks between. */
static void assert_mistakes(const char *text, enum err_code code, const char *pointers)
{
	struct buf found = BUF(4096);
	struct json_place place;
	struct mistakes mistakes;
	struct task *task;
	struct err err;

	mistakes_init(&mistakes);
	assert_int_equal(task_compile(text, strlen(text), &permits, &task, &mistakes, &place, &err),
			 -1);
	assert_int_equal(err.code, code);
	for (const struct mistake *at = mistakes.first; at; at = at->next)
		buf_printf(&found, "%s%s", at == mistakes.first ? "" : " ", at->pointer);
	assert_string_equal(buf_text(&found), pointers);
	buf_done(&found);
	mistakes_done(&mistakes);
}

static void what_is_left_out_has_its_default(void **state)
{
	/* Three attempts, normal priority, exponential back-off, all items may fail but one. */
	struct task *task =
		compiled("{\"type\":\"math\",\"spec\":{\"op\":\"sum\",\"numbers\":[]}}");

	(void)state;
	assert_string_equal(task->handler->name, "math");
	assert_int_equal(task->job.priority, PRIORITY_NORMAL);
	assert_int_equal(task->job.max_attempts, 3);
	assert_int_equal(task->job.keep_for_ms, 0);
	assert_int_equal(task->timeout_ms, 0);
	assert_int_equal(task->deadline_for_ms, 0);
	assert_int_equal(task->max_failed, -1);
	assert_true(task->max_failed_share == 1);
	task_free(task);
}

static void the_envelope_is_read_whole(void **state)
{
	/* Every member that exists, with values unlike the defaults. */
	struct task *task = compiled(
		"{\"type\":\"sleep\",\"spec\":{\"for\":\"1s\"},\"name\":\"n\",\"priority\":\"low\","
		"\"delay\":\"2m\",\"timeout\":\"3s\",\"deadline\":\"1h\",\"retry\":{\"max_"
		"attempts\":7,"
		"\"backoff\":\"fixed\",\"base\":\"4s\",\"factor\":3,\"max_delay\":\"9s\","
		"\"jitter\":false},"
		"\"unique\":{\"key\":\"k\",\"on_conflict\":\"reject\"},\"tags\":{\"a\":\"b\"},"
		"\"fair_key\":\"f\",\"max_failed\":\"2.5%\",\"keep\":\"forever\"}");

	(void)state;
	assert_string_equal(task->job.name, "n");
	assert_int_equal(task->job.priority, PRIORITY_LOW);
	assert_int_equal(task->timeout_ms, 3000);
	assert_int_equal(task->deadline_for_ms, 3600000);
	assert_int_equal(task->job.max_attempts, 7);
	assert_string_equal(task->job.unique_key, "k");
	assert_false(task->unique_return);
	assert_string_equal(task->job.tags, "{\"a\":\"b\"}");
	assert_string_equal(task->job.fair_key, "f");
	assert_true(task->max_failed_share == 0.025);
	assert_int_equal(task->job.keep_for_ms, -1);
	task_free(task);
}

static void all_mistakes_of_envelope_and_spec_are_told_at_once(void **state)
{
	/* Names, types, values, what is not built, and the spec's own. */
	(void)state;
	assert_mistakes("{\"type\":\"math\",\"spec\":{\"op\":\"factorial\",\"n\":-1},"
			"\"priority\":1,\"nmae\":\"x\",\"timeout\":5}",
			ERR_INVALID_SPEC, "/priority /nmae /timeout /spec/n");
	assert_mistakes("{\"type\":\"maths\",\"spec\":{}}", ERR_INVALID_SPEC, "/type");
	assert_mistakes("{\"spec\":[]}", ERR_INVALID_SPEC, "/spec /type");
	assert_mistakes("[]", ERR_INVALID_SPEC, "");
	assert_mistakes("{\"type\":\"sleep\",\"spec\":{\"for\":\"1s\"},\"depends_on\":[\"x\"]}",
			ERR_NOT_IMPLEMENTED, "/depends_on");
	assert_mistakes(
		"{\"type\":\"sleep\",\"spec\":{\"for\":\"1s\"},\"keep\":\"soon\","
		"\"max_failed\":\"101%\",\"delay\":\"1s\",\"run_at\":\"2026-12-01T00:00:00Z\"}",
		ERR_INVALID_SPEC, "/keep /max_failed /delay");
}

static void stamping_sets_when_it_may_start(void **state)
{
	/* 2026-12-01T00:00:00Z is 1796083200000 ms; past instants mean now. */
	static const int64_t now = 1790000000000;
	struct task *later = compiled("{\"type\":\"sleep\",\"spec\":{\"for\":\"1s\"},"
				      "\"run_at\":\"2026-12-01T00:00:00Z\",\"deadline\":\"1m\"}");
	struct task *past = compiled("{\"type\":\"sleep\",\"spec\":{\"for\":\"1s\"},"
				     "\"run_at\":\"2020-01-01T00:00:00Z\"}");
	struct task *delayed =
		compiled("{\"type\":\"sleep\",\"spec\":{\"for\":\"1s\"},\"delay\":\"90s\"}");

	(void)state;
	task_stamp(later, now);
	assert_int_equal(later->job.ready_ms, 1796083200000);
	assert_int_equal(later->job.deadline_ms, 1796083260000);
	assert_int_equal(later->job.state, JOB_SCHEDULED);
	task_stamp(past, now);
	assert_int_equal(past->job.ready_ms, now);
	assert_int_equal(past->job.state, JOB_PENDING);
	task_stamp(delayed, now);
	assert_int_equal(delayed->job.ready_ms, now + 90000);
	task_free(later);
	task_free(past);
	task_free(delayed);
}

static void a_stored_row_wins_over_its_body(void **state)
{
	/* A patched priority and the attempts so far are the row's; texts the body's. */
	struct job job = {
		.type = strdup("sleep"),
		.body = strdup("{\"type\":\"sleep\",\"name\":\"n\",\"spec\":{\"for\":\"1s\"}}"),
		.request_id = strdup("req_1"),
		.priority = PRIORITY_CRITICAL,
		.state = JOB_PENDING,
		.attempt = 2,
		.max_attempts = 9,
	};
	struct task *task;
	struct err err;

	(void)state;
	assert_int_equal(task_restore(&job, &permits, &task, &err), 0);
	assert_int_equal(task->job.priority, PRIORITY_CRITICAL);
	assert_int_equal(task->job.attempt, 2);
	assert_int_equal(task->job.max_attempts, 9);
	assert_string_equal(task->job.name, "n");
	assert_string_equal(task->job.request_id, "req_1");
	assert_null(job.body);
	task_free(task);
}

static void back_off_grows_up_to_its_limit(void **state)
{
	/* 1 s · 2^(n-1), at most 5 s; with jitter anything from 0 to that. */
	struct backoff plain = {
		.exponential = true, .base_ms = 1000, .factor = 2, .max_delay_ms = 5000};
	struct backoff jittered = plain;
	struct rng rng;
	int64_t largest = 0;

	(void)state;
	jittered.jitter = true;
	rng_seed(&rng, 1);
	assert_int_equal(backoff_delay_ms(&plain, 1, &rng), 1000);
	assert_int_equal(backoff_delay_ms(&plain, 3, &rng), 4000);
	assert_int_equal(backoff_delay_ms(&plain, 4, &rng), 5000);
	assert_int_equal(backoff_delay_ms(&plain, 5000, &rng), 5000);
	for (int i = 0; i < 1000; i++) {
		int64_t delay = backoff_delay_ms(&jittered, 3, &rng);

		assert_in_range(delay, 0, 4000);
		largest = MAX(largest, delay);
	}
	assert_true(largest > 3500);
}

static void a_wrong_shape_hides_no_mistake_of_another_kind(void **state)
{
	/* Wrong types, a missing member and an unknown one beside selectors, patterns and URLs that
	 * are none; of an array with one wrong element the others wait. */
	(void)state;
	assert_mistakes(
		"{\"type\":\"scrape\",\"spec\":{\"urls\":[\"http://a.example/\",\"http://[\"],"
		"\"concurrency\":\"many\",\"extract\":{\"a\":\"h1[\",\"b\":{\"css\":7},"
		"\"c\":{\"css\":\"p:nope\"}},\"follow\":{\"exclude\":[\"(\"],\"include\":[1,\"(\"]}"
		","
		"\"urls_form\":1}}",
		ERR_INVALID_SPEC,
		"/spec/concurrency /spec/extract/b/css /spec/follow/include/0 /spec/urls_form "
		"/spec/follow/exclude/0 /spec/urls/1 /spec/extract/a /spec/extract/c/css");
}

static void what_was_taken_out_is_not_missed(void **state)
{
	/* urls is there, if wrong; and without what is required nothing can be planned. */
	(void)state;
	assert_mistakes("{\"type\":\"scrape\",\"spec\":{\"urls\":1,\"extract\":{\"a\":\"h1[\"}}}",
			ERR_INVALID_SPEC, "/spec/urls /spec/extract/a");
	assert_mistakes("{\"type\":\"scrape\",\"spec\":{\"urls\":[\"http://a.example/\"],"
			"\"extract\":{\"a\":7},\"if_changed_since\":{\"job\":"
			"\"01a1fc94-37e9-74b1-a43a-e526e3e1f2df\",\"fields\":[\"a\"]}}}",
			ERR_INVALID_SPEC, "/spec/extract/a");
	assert_mistakes("{\"type\":\"math\",\"spec\":{\"op\":1,\"numbers\":[]}}", ERR_INVALID_SPEC,
			"/spec/op");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(the_envelope_is_read_whole),
		cmocka_unit_test(all_mistakes_of_envelope_and_spec_are_told_at_once),
		cmocka_unit_test(stamping_sets_when_it_may_start),
		cmocka_unit_test(a_stored_row_wins_over_its_body),
		cmocka_unit_test(back_off_grows_up_to_its_limit),
		cmocka_unit_test(a_wrong_shape_hides_no_mistake_of_another_kind),
		cmocka_unit_test(what_was_taken_out_is_not_missed),
	};

	return cmocka_run_group_tests(tests, guard_set_up, guard_tear_down);
}
