/* SPDX-License-Identifier: MIT */
/* test_engine_faults.c - jobs whose writes fail: none is lost, none shows items twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/engine_house.h"
#include "tests/lib/test_handlers.h"
#include "tests/unit/store/fault_vfs.h"

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
	house_make(&house, 2);
	house.vfs = "fault";
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

/* On the writer thread, after a commit: the next one fails. */
static void fail_after(void *ctx, const struct event *event)
{
	const enum event_type *type = ctx;

	if (event->type == *type)
		atomic_store(&fault_write, 0);
}

/* Until a write failed; then the disk is well again. */
static void heal(struct house *house)
{
	struct store_stats stats;

	do {
		store_stats(house->store, &stats);
		usleep(1000); /* it fails by its own clock, there is nothing to wait for */
	} while (stats.writable);
	house->on_event = NULL;
	atomic_store(&fault_write, FAULT_NONE);
}

static void test_end_that_cannot_be_written_is_written_later(void **state)
{
	/* The commit after the submit's fails: it has the job's end. */
	enum event_type type = EVENT_STATE;
	struct house *house = *state;
	struct job job;
	struct id id;

	house->ctx = &type;
	house->on_event = fail_after;
	id = house_submit(house, "{\"type\":\"noop\",\"spec\":{}}");
	heal(house);
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.attempt, 1);
	job_done(&job);
}

static void test_commit_that_fails_is_repeated_by_a_later_attempt(void **state)
{
	/* The second commit of a crawl fails: another attempt goes on from the first. */
	enum event_type type = EVENT_PROGRESS;
	struct house *house = *state;
	size_t len, lines = 0;
	struct job job;
	struct id id;
	char *results;

	house->ctx = &type;
	house->on_event = fail_after;
	id = house_submit(house, "{\"type\":\"ordered\",\"spec\":{\"parts\":400,"
				 "\"pause_us\":5000},\"retry\":{\"base\":\"1ms\"}}");
	heal(house);
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.attempt, 2);
	results = house_results(house, &id, &len);
	for (size_t i = 0; i < len; i++)
		lines += results[i] == '\n';
	assert_int_equal(lines, job.items);
	assert_int_equal(job.items, 400);
	free(results);
	job_done(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_end_that_cannot_be_written_is_written_later,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_commit_that_fails_is_repeated_by_a_later_attempt, setup, teardown),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
