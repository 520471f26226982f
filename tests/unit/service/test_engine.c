/* SPDX-License-Identifier: MIT */
/* test_engine.c - whole jobs in a real engine over a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/lib/engine_house.h"
#include "tests/lib/test_handlers.h"

const struct handler *const handlers[] = {TEST_HANDLERS, NULL};

const struct handler *handler_find(const char *name)
{
	return test_handler(name);
}

static int setup(void **state)
{
	static struct house house;

	test_part_runs = NULL;
	test_steps = test_opens = 0;
	house_make(&house, 4);
	house_open(&house);
	*state = &house;
	return 0;
}

static int teardown(void **state)
{
	house_close(*state);
	house_remove(*state);
	return 0;
}

/* Until the handler was stepped (again). */
static void steps_wait(void)
{
	unsigned steps = test_steps;

	while (test_steps == steps)
		sched_yield();
}

static void assert_attempts(struct house *house, const struct id *id, size_t count)
{
	struct attempt *attempts;
	size_t found;
	struct err err;

	assert_int_equal(store_attempts(house->store, id, &attempts, &found, &err), 0);
	assert_int_equal(found, count);
	for (size_t i = 0; i < found; i++)
		free(attempts[i].error_detail);
	free(attempts);
}

static void test_tiny_job_completes_with_its_summary(void **state)
{
	/* One lane and one step: completed, attempt 1, the summary kept. */
	struct house *house = *state;
	struct id id = house_submit(house, "{\"type\":\"noop\",\"spec\":{}}");
	struct job job = house_wait_end(house, &id);

	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.attempt, 1);
	assert_string_equal(job.summary, "{\"value\":1}");
	job_done(&job);
}

static void test_many_tiny_jobs_all_complete(void **state)
{
	/* More jobs than run at once, from one submitter: none is lost, none runs twice. */
	enum { JOBS = 3000 };
	struct house *house = *state;
	struct id last;
	int64_t counts[JOB_STATES];

	for (int i = 0; i < JOBS; i++)
		last = house_submit(house, "{\"type\":\"flaky\",\"spec\":{}}");
	do {
		struct job job = house_wait_end(house, &last);

		job_done(&job);
		store_job_counts(house->store, counts);
	} while (counts[JOB_COMPLETED] < JOBS);
	assert_int_equal(counts[JOB_COMPLETED], JOBS);
	assert_int_equal(test_opens, JOBS);
}

/* Counts a batch that was committed. */
static void batch_count(void *ctx, const struct submit_result *result)
{
	_Atomic unsigned *created = ctx;

	for (size_t i = 0; !result->err && i < result->count; i++)
		atomic_fetch_add(created, result->outcomes[i] == SUBMIT_CREATED);
}

static void test_backlog_beyond_the_window_runs_each_job_once(void **state)
{
	/* 20,000 jobs in two batches; the window holds 4,096, the rest comes from the store. */
	enum { JOBS = 20000, BATCH = 10000 };
	static const char json[] = "{\"type\":\"flaky\",\"spec\":{}}";
	static struct task *tasks[BATCH];
	struct house *house = *state;
	_Atomic unsigned created = 0;
	int64_t counts[JOB_STATES];
	struct mistakes mistakes;
	struct json_place place;
	struct err err;

	mistakes_init(&mistakes);
	for (int batch = 0; batch < JOBS / BATCH; batch++) {
		for (int i = 0; i < BATCH; i++) {
			assert_int_equal(task_compile(json, strlen(json), NULL, &tasks[i],
						      &mistakes, &place, &err),
					 0);
			task_stamp(tasks[i], clock_wall_ms());
		}
		assert_int_equal(engine_submit(house->engine, tasks, BATCH, false, NULL, NULL,
					       batch_count, &created, &err),
				 0);
	}
	mistakes_done(&mistakes);
	do {
		house_news(house);
		store_job_counts(house->store, counts);
	} while (counts[JOB_COMPLETED] < JOBS);
	assert_int_equal(created, JOBS);
	assert_int_equal(test_opens, JOBS);
}

static void test_failed_attempts_are_repeated_after_their_backoff(void **state)
{
	/* Two failures, each followed by its fixed delay of 60 ms, then success. */
	struct house *house = *state;
	int64_t began_ms = clock_ms();
	struct id id = house_submit(
		house,
		"{\"type\":\"flaky\",\"spec\":{\"failures\":2},\"retry\":{\"max_attempts\":3,"
		"\"backoff\":\"fixed\",\"base\":\"60ms\",\"jitter\":false}}");
	struct job job = house_wait_end(house, &id);

	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.attempt, 3);
	assert_true(clock_ms() - began_ms >= 120);
	assert_attempts(house, &id, 3);
	job_done(&job);
}

static void test_attempts_used_up_fail_the_job(void **state)
{
	/* max_attempts 2 and three failures to come: failed, with the last error. */
	struct house *house = *state;
	struct id id = house_submit(
		house,
		"{\"type\":\"flaky\",\"spec\":{\"failures\":3},\"retry\":{\"max_attempts\":2,"
		"\"base\":\"1ms\"}}");
	struct job job = house_wait_end(house, &id);

	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.error, ERR_FAILED);
	assert_string_equal(job.error_detail, "attempt 2");
	job_done(&job);
}

static void test_error_that_cannot_get_better_is_not_repeated(void **state)
{
	/* ERR_LIMIT is not retryable: one attempt. */
	struct house *house = *state;
	struct id id = house_submit(
		house, "{\"type\":\"flaky\",\"spec\":{\"failures\":9,\"how\":\"never\"}}");
	struct job job = house_wait_end(house, &id);

	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.error, ERR_LIMIT);
	assert_int_equal(job.attempt, 1);
	job_done(&job);
}

static void test_max_failed_decides_whether_a_job_with_failed_items_completes(void **state)
{
	/* Of 10 items some fail; by default only all of them fail the job. */
	static const struct {
		int failures;
		const char *max_failed;
		enum job_state end;
	} cases[] = {
		{9, "", JOB_COMPLETED},
		{10, "", JOB_FAILED},
		{2, ",\"max_failed\":2", JOB_COMPLETED},
		{3, ",\"max_failed\":2", JOB_FAILED},
		{1, ",\"max_failed\":\"10%\"", JOB_COMPLETED},
		{2, ",\"max_failed\":\"10%\"", JOB_FAILED},
	};
	struct house *house = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char json[200];
		struct job job;
		struct id id;

		snprintf(json, sizeof(json),
			 "{\"type\":\"failing\",\"spec\":{\"parts\":10,\"failures\":%d}%s}",
			 cases[i].failures, cases[i].max_failed);
		id = house_submit(house, json);
		job = house_wait_end(house, &id);
		assert_int_equal(job.state, cases[i].end);
		assert_int_equal(job.error,
				 job.state == JOB_FAILED ? ERR_TOO_MANY_FAILED : ERR_NONE);
		assert_int_equal(job.items_failed, cases[i].failures);
		assert_int_equal(job.items, 10 - cases[i].failures);
		assert_int_equal(job.attempt, 1);
		job_done(&job);
	}
}

static void test_attempt_beyond_its_timeout_fails(void **state)
{
	/* A job that never ends, once stepping and once waiting on a timer. */
	static const char *const hows[] = {"spin", "wait", "hold"};
	struct house *house = *state;

	for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
		char json[160];
		struct job job;
		struct id id;

		snprintf(json, sizeof(json),
			 "{\"type\":\"endless\",\"spec\":{\"how\":\"%s\"},\"timeout\":\"50ms\","
			 "\"retry\":{\"max_attempts\":1}}",
			 hows[i]);
		id = house_submit(house, json);
		job = house_wait_end(house, &id);
		assert_int_equal(job.state, JOB_FAILED);
		assert_int_equal(job.error, ERR_JOB_TIMEOUT);
		job_done(&job);
	}
}

static void test_deadline_ends_all_attempts(void **state)
{
	/* The deadline is not retryable, whatever attempts are left. */
	struct house *house = *state;
	struct id id = house_submit(house, "{\"type\":\"endless\",\"spec\":{\"how\":\"wait\"},"
					   "\"deadline\":\"50ms\"}");
	struct job job = house_wait_end(house, &id);

	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.error, ERR_DEADLINE);
	assert_int_equal(job.attempt, 1);
	job_done(&job);
}

static void test_cancel_works_in_each_state(void **state)
{
	/* Scheduled, retrying, paused, running (stepping, waiting, holding a worker). */
	static const struct {
		const char *json;
		enum job_state when;
		bool steps;
	} cases[] = {
		{"{\"type\":\"noop\",\"spec\":{},\"delay\":\"1h\"}", JOB_SCHEDULED, false},
		{"{\"type\":\"flaky\",\"spec\":{\"failures\":2},\"retry\":{\"base\":\"1h\","
		 "\"max_delay\":\"1h\",\"jitter\":false}}",
		 JOB_RETRYING, false},
		{"{\"type\":\"endless\",\"spec\":{\"how\":\"spin\",\"lanes\":3}}", JOB_RUNNING,
		 true},
		{"{\"type\":\"endless\",\"spec\":{\"how\":\"wait\",\"lanes\":3}}", JOB_RUNNING,
		 false},
		{"{\"type\":\"endless\",\"spec\":{\"how\":\"hold\"}}", JOB_RUNNING, false},
	};
	struct house *house = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct id id = house_submit(house, cases[i].json);
		struct job job = house_wait(house, &id, 1U << cases[i].when);

		job_done(&job);
		if (cases[i].steps)
			steps_wait();
		assert_int_equal(house_move(house, &id, JOB_MOVE_CANCEL), ERR_NONE);
		job = house_wait_end(house, &id);
		assert_int_equal(job.state, JOB_CANCELLED);
		assert_int_equal(house_move(house, &id, JOB_MOVE_CANCEL), ERR_WRONG_STATE);
		job_done(&job);
	}
}

static void test_paused_job_goes_on_when_resumed(void **state)
{
	/* Pause while parts are done; after resume every part is there once, in order. */
	enum { PARTS = 2000 };
	struct house *house = *state;
	struct id id = house_submit(house, "{\"type\":\"ordered\",\"spec\":{\"parts\":2000,"
					   "\"lanes\":4,\"pause_us\":50}}");
	struct job job = house_wait(house, &id, 1U << JOB_RUNNING);
	size_t len;
	char *results, *at;

	job_done(&job);
	assert_int_equal(house_move(house, &id, JOB_MOVE_PAUSE), ERR_NONE);
	job = house_wait(house, &id, 1U << JOB_PAUSED | 1U << JOB_COMPLETED);
	job_done(&job);
	house_move(house, &id, JOB_MOVE_RESUME);
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.items, PARTS);
	job_done(&job);
	results = at = house_results(house, &id, &len);
	for (unsigned i = 0; i < PARTS; i++)
		assert_int_equal(strtoul(at, &at, 10), i);
	free(results);
}

static void test_drained_engine_goes_on_after_it_is_opened_again(void **state)
{
	/* A drain costs no attempt; each part's item is there once. */
	enum { PARTS = 3000 };
	struct house *house = *state;
	struct id id =
		house_submit(house, "{\"type\":\"ordered\",\"spec\":{\"parts\":3000,"
				    "\"lanes\":4,\"pause_us\":50},\"retry\":{\"max_attempts\":1}}");
	struct job job = house_wait(house, &id, 1U << JOB_RUNNING);
	size_t len;
	char *results, *at;

	job_done(&job);
	house_close(house);
	house_open(house);
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.items, PARTS);
	job_done(&job);
	results = at = house_results(house, &id, &len);
	for (unsigned i = 0; i < PARTS; i++)
		assert_int_equal(strtoul(at, &at, 10), i);
	free(results);
}

static void test_retried_job_runs_again(void **state)
{
	/* POST …/retry leaves failed: the job has its attempts anew. */
	struct house *house = *state;
	struct id id = house_submit(
		house,
		"{\"type\":\"flaky\",\"spec\":{\"failures\":1},\"retry\":{\"max_attempts\":1}}");
	struct job job = house_wait_end(house, &id);

	assert_int_equal(job.state, JOB_FAILED);
	job_done(&job);
	assert_int_equal(house_move(house, &id, JOB_MOVE_AGAIN), ERR_NONE);
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	job_done(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tiny_job_completes_with_its_summary, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_many_tiny_jobs_all_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_backlog_beyond_the_window_runs_each_job_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_failed_attempts_are_repeated_after_their_backoff, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attempts_used_up_fail_the_job, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_error_that_cannot_get_better_is_not_repeated,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_max_failed_decides_whether_a_job_with_failed_items_completes, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_attempt_beyond_its_timeout_fails, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_deadline_ends_all_attempts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_works_in_each_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paused_job_goes_on_when_resumed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_drained_engine_goes_on_after_it_is_opened_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retried_job_runs_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
