/* SPDX-License-Identifier: MIT */
/* test_engine_faults.c - jobs whose writes fail: none is lost, none shows items twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
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
	int64_t until_ms = clock_ms() + HOUSE_WAIT_MS_MAX;
	struct store_stats stats;

	do {
		assert_true(clock_ms() < until_ms);
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

/* From now on no valid SQL stores what `when` is true of. */
static void hopeless_make(struct house *house, const char *table, const char *when)
{
	char path[128], sql[256];
	sqlite3 *db;

	house_close(house);
	snprintf(path, sizeof(path), "%s/jobmill.db", house->dir);
	snprintf(sql, sizeof(sql),
		 "CREATE TRIGGER hopeless AFTER %s WHEN %s BEGIN SELECT abs(-9223372036854775807 - "
		 "1); END",
		 table, when);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	house_open(house);
}

static void assert_fails_alone(struct house *house, const char *hopeless)
{
	struct id id = house_submit(house, hopeless);
	struct id other = house_submit(house, "{\"type\":\"noop\",\"spec\":{}}");
	struct job job = house_wait_end(house, &id);
	struct store_stats stats;

	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.error, ERR_INTERNAL);
	assert_int_equal(job.attempt, 1);
	assert_int_equal(job.items, 0);
	job_done(&job);
	job = house_wait_end(house, &other);
	assert_int_equal(job.state, JOB_COMPLETED);
	job_done(&job);
	store_stats(house->store, &stats);
	assert_true(stats.writable);
}

static void test_end_that_can_never_be_written_fails_its_job(void **state)
{
	/* The row would not take that this job completes (5): it is told as failed instead. */
	struct house *house = *state;

	hopeless_make(house, "UPDATE ON job", "NEW.state = 5 AND NEW.name = 'x'");
	assert_fails_alone(house, "{\"type\":\"noop\",\"name\":\"x\",\"spec\":{}}");
}

static void test_commit_that_can_never_be_written_fails_its_job(void **state)
{
	/* Results cannot be stored: the first commit of a crawl is its last. */
	struct house *house = *state;

	hopeless_make(house, "INSERT ON result_chunk", "1");
	assert_fails_alone(house, "{\"type\":\"ordered\",\"spec\":{\"parts\":400,"
				  "\"pause_us\":5000},\"retry\":{\"base\":\"1ms\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_end_that_cannot_be_written_is_written_later,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_commit_that_fails_is_repeated_by_a_later_attempt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_that_can_never_be_written_fails_its_job,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit_that_can_never_be_written_fails_its_job,
						setup, teardown),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
