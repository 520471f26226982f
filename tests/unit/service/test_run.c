/* SPDX-License-Identifier: MIT */
/* test_run.c - what runs promise their handlers: parts, order, checkpoints, crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/lib/engine_house.h"
#include "tests/lib/test_handlers.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 20 }; /* the same test with fewer parts */
#else
enum { SLOWER = 1 };
#endif

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
	*state = &house;
	return 0;
}

static int teardown(void **state)
{
	house_remove(*state);
	return 0;
}

/* Memory that a child shares. */
static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void assert_numbers(struct house *house, const struct id *id, unsigned count)
{
	size_t len;
	char *results = house_results(house, id, &len);
	char *at = results;

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(strtoul(at, &at, 10), i);
		assert_int_equal(*at++, '\n');
	}
	assert_int_equal(at - results, len);
	free(results);
}

static void test_frontier_of_a_million_parts_takes_each_once(void **state)
{
	/* A tree of parts, each of which is found ten times: every part runs once. */
	enum { PARTS = 1000 * 1000 / SLOWER, FAN = 10 };
	struct house *house = *state;
	size_t bytes = PARTS * sizeof(*test_part_runs);
	int64_t began_ms, took_ms;
	char json[120];
	struct job job;
	struct id id;

	test_part_runs = shared(bytes);
	house_open(house);
	snprintf(json, sizeof(json),
		 "{\"type\":\"frontier\",\"spec\":{\"parts\":%d,\"fan\":%d,\"lanes\":2}}", PARTS,
		 FAN);
	began_ms = clock_ms();
	id = house_submit(house, json);
	job = house_wait_end(house, &id);
	took_ms = clock_ms() - began_ms;
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.done, PARTS);
	assert_int_equal(job.total, PARTS);
	for (unsigned i = 0; i < PARTS; i++)
		assert_int_equal(test_part_runs[i], 1);
	print_message("%d parts, %.0f key checks/s\n", PARTS,
		      (double)PARTS * FAN * 1000 / (double)(took_ms + 1));
	job_done(&job);
	house_close(house);
	munmap(test_part_runs, bytes);
}

static void test_params_reach_a_run_byte_for_byte(void **state)
{
	/* An integer beyond 2^53, an escape and a double keep their spelling on the way. */
	struct house *house = *state;
	char expected[200], text[ID_TEXT_LEN + 1];
	struct job job;
	struct id id;

	house_open(house);
	id = house_submit(house, "{\"type\":\"context\",\"spec\":{},\"params\": "
				 "{\"n\":9007199254740993,\"t\":\"\\u00e9\",\"d\":1.50}}");
	job = house_wait_end(house, &id);
	id_format(&id, text);
	snprintf(expected, sizeof(expected),
		 "{\"job\":\"%s\",\"request_id\":null,\"params\":"
		 "{\"n\":9007199254740993,\"t\":\"\\u00e9\",\"d\":1.50}}",
		 text);
	assert_string_equal(job.summary, expected);
	job_done(&job);
	house_close(house);
}

static void test_output_of_four_lanes_is_in_part_order(void **state)
{
	/* Parts of uneven length on four lanes: items as one lane would emit them. */
	struct house *house = *state;
	struct job job;
	struct id id;

	house_open(house);
	id = house_submit(house, "{\"type\":\"ordered\",\"spec\":{\"parts\":5000,\"lanes\":4,"
				 "\"pause_us\":5}}");
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_string_equal(job.summary, "{\"value\":5000}");
	assert_numbers(house, &id, 5000);
	job_done(&job);
	house_close(house);
}

static void test_order_holds_when_parts_do_not_fit_in_memory(void **state)
{
	/* More parts than the window: they come back from the store in order. */
	struct house *house = *state;
	struct job job;
	struct id id;

	house_open(house);
	id = house_submit(house, "{\"type\":\"ordered\",\"spec\":{\"parts\":20000,\"lanes\":4}}");
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_numbers(house, &id, 20000);
	job_done(&job);
	house_close(house);
}

static void test_two_phases_merge_what_lanes_added_up(void **state)
{
	/* 0 + 1 + … + 9999 = 49995000, by four lanes, then one. */
	struct house *house = *state;
	struct job job;
	struct id id;

	house_open(house);
	id = house_submit(house, "{\"type\":\"merge\",\"spec\":{\"parts\":10000,\"lanes\":4}}");
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_string_equal(job.summary, "{\"value\":49995000}");
	job_done(&job);
	house_close(house);
}

static void test_part_that_fails_half_way_shows_no_item_twice(void **state)
{
	/* 600 parts emit two items, are put back (some for a while), then emit three. */
	enum { PARTS = 600 };
	static unsigned char seen[PARTS][3];
	struct house *house = *state;
	char *results, *at;
	struct job job;
	struct id id;
	size_t len;

	memset(seen, 0, sizeof(seen));
	house_open(house);
	id = house_submit(house, "{\"type\":\"half\",\"spec\":{\"parts\":600,\"lanes\":3}}");
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.items, PARTS * 3);
	results = house_results(house, &id, &len);
	for (at = results; *at; at = strchr(at, '\n') + 1) {
		unsigned number, i;

		assert_int_equal(sscanf(at, "\"%u.%u\"", &number, &i), 2);
		assert_true(number < PARTS && i < 3);
		assert_int_equal(seen[number][i]++, 0);
	}
	free(results);
	job_done(&job);
	house_close(house);
}

static void test_wakes_and_timers_of_many_lanes_are_not_lost(void **state)
{
	/* Eight lanes with 200 timers each, waking one another all the time. */
	struct house *house = *state;
	struct job job;
	struct id id;

	house_open(house);
	id = house_submit(house, "{\"type\":\"timers\",\"spec\":{\"parts\":200,\"lanes\":8}}");
	job = house_wait_end(house, &id);
	assert_int_equal(job.state, JOB_COMPLETED);
	job_done(&job);
	house_close(house);
}

/* ---- crashes ---- */

/* What the child tells through shared memory before it is killed. */
struct crash {
	struct id id;
	_Atomic unsigned progress; /* events of progress with something done */
	_Atomic unsigned runs[];   /* of parts */
};

static void progress_count(void *ctx, const struct event *event)
{
	struct crash *crash = ctx;

	/* While parts are only being added, none is done. */
	if (event->type == EVENT_PROGRESS && strncmp(event->data, "{\"done\":0,", 10) != 0)
		atomic_fetch_add(&crash->progress, 1);
}

/* Runs the job in a child until it told progress twice, then kills it. */
static void crash_make(struct house *house, const char *json, struct crash *crash)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		house->on_event = progress_count;
		house->ctx = crash;
		house_open(house);
		crash->id = house_submit(house, json);
		for (;;)
			pause();
	}
	while (atomic_load(&crash->progress) < 2)
		sched_yield();
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* The numbers of the parts that the store has as done. */
static size_t done_parts(struct house *house, const struct id *id, uint64_t *into, size_t room)
{
	struct part_row *rows = calloc(room, sizeof(*rows));
	struct arena arena = ARENA((size_t)1 << 30);
	size_t count = room;
	struct err err;

	assert_non_null(rows);
	assert_int_equal(
		store_parts_load(house->store, id, PART_DONE, 0, rows, &count, &arena, &err), 0);
	for (size_t i = 0; i < count; i++)
		into[i] = rows[i].number;
	arena_done(&arena);
	free(rows);
	return count;
}

static void test_killed_daemon_goes_on_and_repeats_nothing_that_was_committed(void **state)
{
	/* SIGKILL in the middle; afterwards results and counters are those of an undisturbed run,
	 * and what was done before the last commit ran once. */
	enum { PARTS = 40000 };
	static uint64_t done[PARTS];
	struct house *house = *state;
	size_t bytes = sizeof(struct crash) + PARTS * sizeof(unsigned);
	struct crash *crash = shared(bytes);
	struct store_config config = {.dir = house->dir, .jobs_queued_max = 1000};
	struct store *store;
	struct job job;
	struct err err;
	size_t count;

	test_part_runs = crash->runs;
	crash_make(house,
		   "{\"type\":\"ordered\",\"spec\":{\"parts\":40000,\"lanes\":2,\"pause_us\":100}}",
		   crash);
	assert_int_equal(store_open(&config, &store, &err), 0);
	house->store = store;
	count = done_parts(house, &crash->id, done, PARTS);
	store_close(store);
	assert_true(count > 0 && count < PARTS);

	house->on_event = NULL;
	house_open(house);
	job = house_wait_end(house, &crash->id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.items, PARTS);
	assert_string_equal(job.summary, "{\"value\":40000}");
	assert_numbers(house, &crash->id, PARTS);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(crash->runs[done[i]], 1);
	job_done(&job);
	house_close(house);
	munmap(crash, bytes);
}

static void test_killed_sum_counts_each_part_once(void **state)
{
	/* Checkpoints stand for exactly the parts they cover: 0 + … + 39999 = 799980000. */
	enum { PARTS = 40000 };
	struct house *house = *state;
	size_t bytes = sizeof(struct crash) + PARTS * sizeof(unsigned);
	struct crash *crash = shared(bytes);
	struct job job;

	test_part_runs = crash->runs;
	crash_make(house,
		   "{\"type\":\"merge\",\"spec\":{\"parts\":40000,\"lanes\":3,\"pause_us\":200}}",
		   crash);
	house_open(house);
	job = house_wait_end(house, &crash->id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_string_equal(job.summary, "{\"value\":799980000}");
	job_done(&job);
	house_close(house);
	munmap(crash, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* The crashes first: a child is forked while this process has one thread. */
		cmocka_unit_test_setup_teardown(
			test_killed_daemon_goes_on_and_repeats_nothing_that_was_committed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_killed_sum_counts_each_part_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_params_reach_a_run_byte_for_byte, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_output_of_four_lanes_is_in_part_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_order_holds_when_parts_do_not_fit_in_memory,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_phases_merge_what_lanes_added_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_part_that_fails_half_way_shows_no_item_twice,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_wakes_and_timers_of_many_lanes_are_not_lost,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_frontier_of_a_million_parts_takes_each_once,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
