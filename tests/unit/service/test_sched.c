/* SPDX-License-Identifier: MIT */
/* test_sched.c - decisions replayed with literal expectations, and a race. */
#include "service/engine/sched.h"

#include "base/compiler.h"
#include "service/engine/task.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- tools ---- */

static struct id id_of(unsigned number)
{
	struct id id = {{0}};

	id.bytes[14] = (uint8_t)(number >> 8);
	id.bytes[15] = (uint8_t)number;
	return id;
}

static struct task *task_make(unsigned number, enum job_priority priority, const char *fair_key)
{
	struct arena arena = ARENA(4096);
	struct task *task = arena_alloc(&arena, sizeof(*task));

	assert_non_null(task);
	task->arena = arena;
	task->job.id = id_of(number);
	task->job.priority = priority;
	task->job.fair_key = (char *)(uintptr_t)fair_key;
	return task;
}

static struct sched *sched_make(unsigned active_max, size_t window_max)
{
	struct sched_config config = {
		.active_max = active_max,
		.window_max = window_max,
		.age_ms = {0, 100, 1000, 5000},
	};
	struct sched *sched = NULL;
	struct err err;

	assert_int_equal(sched_new(&config, &sched, &err), 0);
	return sched;
}

/* Adds job `number`; true when it was taken. */
static bool post(struct sched *sched, unsigned number, enum job_priority priority,
		 const char *fair_key, int64_t since_ms)
{
	struct task *task = task_make(number, priority, fair_key), *evicted = NULL;
	bool added = sched_ready_add(sched, task, since_ms, &evicted);

	if (!added)
		task_free(task);
	task_free(evicted);
	return added;
}

/* The number of the job that is started now; its admission is given back. */
static unsigned next_start(struct sched *sched, int64_t now_ms)
{
	enum job_priority admitted;
	struct sched_work work;
	unsigned number;

	sched_take(sched, now_ms, &work);
	if (work.kind != WORK_START)
		return 0;
	admitted = work.task->job.priority;
	number = (unsigned)work.task->job.id.bytes[14] << 8 | work.task->job.id.bytes[15];
	task_free(work.task);
	sched_leave(sched, NULL, admitted);
	return number;
}

static void admit(struct sched *sched, unsigned number)
{
	struct sched_work work;

	assert_true(post(sched, number, PRIORITY_NORMAL, NULL, 0));
	sched_take(sched, 0, &work);
	assert_int_equal(work.kind, WORK_START);
	task_free(work.task);
}

static void phase_begin(struct sched *sched, struct sched_run *run, enum job_priority priority,
			unsigned lanes, int64_t now_ms)
{
	memset(run, 0, sizeof(*run));
	assert_true(sched_phase(sched, run, priority, lanes, now_ms));
}

/* Admits a job and begins a phase of it. */
static void run_begin(struct sched *sched, struct sched_run *run, unsigned lanes, int64_t now_ms)
{
	admit(sched, 1);
	phase_begin(sched, run, PRIORITY_NORMAL, lanes, now_ms);
}

static unsigned step_lane(struct sched *sched, const struct sched_run *run, int64_t now_ms)
{
	struct sched_work work;

	sched_take(sched, now_ms, &work);
	assert_int_equal(work.kind, WORK_STEP);
	assert_ptr_equal(work.run, run);
	return work.lane;
}

static void run_end(struct sched *sched, struct sched_run *run)
{
	sched_stop(sched, run);
	sched_leave(sched, run, PRIORITY_NORMAL);
}

/* ---- ready jobs ---- */

static void higher_priorities_start_first(void **state)
{
	/* Posted lowest first in one instant, they start critical, high, normal, low. */
	struct sched *sched = sched_make(8, 16);

	(void)state;
	post(sched, 4, PRIORITY_LOW, NULL, 0);
	post(sched, 3, PRIORITY_NORMAL, NULL, 0);
	post(sched, 2, PRIORITY_HIGH, NULL, 0);
	post(sched, 1, PRIORITY_CRITICAL, NULL, 0);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(next_start(sched, 10), i);
	assert_int_equal(next_start(sched, 10), 0);
	sched_free(sched);
}

static void one_priority_starts_in_order(void **state)
{
	/* Jobs of one priority and one fair key start as they came. */
	struct sched *sched = sched_make(8, 16);

	(void)state;
	for (unsigned i = 1; i <= 5; i++)
		post(sched, i, PRIORITY_NORMAL, "a", i);
	for (unsigned i = 1; i <= 5; i++)
		assert_int_equal(next_start(sched, 10), i);
	sched_free(sched);
}

static void low_starts_before_the_hundredth_high(void **state)
{
	/* A high job comes every 100 ms, always one waiting; low concedes 4.9 s: it is 50th. */
	struct sched *sched = sched_make(8, 200);
	unsigned before = 0;

	(void)state;
	post(sched, 999, PRIORITY_LOW, NULL, 0);
	for (unsigned i = 1; i <= 100; i++) {
		int64_t now_ms = (int64_t)i * 100;

		post(sched, i, PRIORITY_HIGH, NULL, now_ms);
		if (next_start(sched, now_ms) == 999)
			break;
		before++;
	}
	assert_int_equal(before, 49); /* the 49th came at 4,900 ms: 4900 + 100 = 0 + 5000 */
	sched_free(sched);
}

static void fair_keys_take_turns(void **state)
{
	/* One tenant posts 1,000 jobs, then another posts 2: these start second and fourth. */
	struct sched *sched = sched_make(8, 2000);

	(void)state;
	for (unsigned i = 1; i <= 1000; i++)
		assert_true(post(sched, i, PRIORITY_NORMAL, "big", 0));
	post(sched, 2001, PRIORITY_NORMAL, "small", 5);
	post(sched, 2002, PRIORITY_NORMAL, "small", 5);
	assert_int_equal(next_start(sched, 10), 1);
	assert_int_equal(next_start(sched, 10), 2001);
	assert_int_equal(next_start(sched, 10), 2);
	assert_int_equal(next_start(sched, 10), 2002);
	assert_int_equal(next_start(sched, 10), 3);
	assert_int_equal(next_start(sched, 10), 4);
	sched_free(sched);
}

/* Admits jobs of the priority until none is; how many. */
static unsigned admit_all(struct sched *sched, enum job_priority priority)
{
	struct sched_work work;
	unsigned count = 0;

	for (unsigned i = 0; i < 20; i++)
		post(sched, 100 * ((unsigned)priority + 1) + i, priority, NULL, 0);
	for (sched_take(sched, 1, &work); work.kind == WORK_START; sched_take(sched, 1, &work)) {
		assert_int_equal(work.task->job.priority, priority);
		task_free(work.task);
		count++;
	}
	return count;
}

static void each_priority_leaves_room_for_those_above(void **state)
{
	/* Of 16: low may have 10, with normal 12, with high 14, with critical all. */
	struct sched *sched = sched_make(16, 64);

	(void)state;
	assert_int_equal(admit_all(sched, PRIORITY_LOW), 10);
	assert_int_equal(admit_all(sched, PRIORITY_NORMAL), 2);
	assert_int_equal(admit_all(sched, PRIORITY_HIGH), 2);
	assert_int_equal(admit_all(sched, PRIORITY_CRITICAL), 2);
	/* What one gives back goes to whoever conceded least, as ever. */
	sched_leave(sched, NULL, PRIORITY_LOW);
	assert_int_equal(next_start(sched, 100000), 102);
	sched_free(sched);
}

/* Starts what may start, which stays admitted; how many. */
static unsigned starts(struct sched *sched)
{
	struct sched_work work;
	unsigned count = 0;

	for (sched_take(sched, 1, &work); work.kind == WORK_START; sched_take(sched, 1, &work)) {
		task_free(work.task);
		count++;
	}
	return count;
}

static void no_more_are_admitted_than_active_max(void **state)
{
	/* Two may be active: the third starts when one has left. */
	struct sched *sched = sched_make(2, 16);
	struct sched_work work;

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		post(sched, i, PRIORITY_NORMAL, NULL, 0);
	for (int i = 0; i < 2; i++) {
		sched_take(sched, 1, &work);
		assert_int_equal(work.kind, WORK_START);
		task_free(work.task);
		assert_int_equal(work.more, i == 0);
	}
	sched_take(sched, 1, &work);
	assert_int_equal(work.kind, WORK_NONE);
	assert_true(sched_leave(sched, NULL, PRIORITY_NORMAL));
	sched_take(sched, 1, &work);
	assert_int_equal(work.kind, WORK_START);
	task_free(work.task);
	sched_free(sched);
}

static void a_removed_job_does_not_start(void **state)
{
	/* Cancelled in the middle of the queue, it is the caller's; the others go on. */
	struct sched *sched = sched_make(8, 16);
	struct id second = id_of(2);
	struct task *task;

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		post(sched, i, PRIORITY_NORMAL, NULL, 0);
	assert_true(sched_ready_has(sched, &second));
	task = sched_ready_remove(sched, &second);
	assert_non_null(task);
	task_free(task);
	assert_false(sched_ready_has(sched, &second));
	assert_null(sched_ready_remove(sched, &second));
	assert_int_equal(next_start(sched, 1), 1);
	assert_int_equal(next_start(sched, 1), 3);
	sched_free(sched);
}

static void a_job_is_taken_in_once(void **state)
{
	/* The same id again is refused. */
	struct sched *sched = sched_make(8, 16);

	(void)state;
	assert_true(post(sched, 1, PRIORITY_NORMAL, NULL, 0));
	assert_false(post(sched, 1, PRIORITY_NORMAL, NULL, 0));
	assert_int_equal(next_start(sched, 1), 1);
	assert_int_equal(next_start(sched, 1), 0);
	sched_free(sched);
}

static void a_full_window_asks_for_a_refill_when_it_runs_low(void **state)
{
	/* Eight fit; the ninth stays in the store, and at two left a load is wanted, once. */
	struct sched *sched = sched_make(8, 8);
	enum job_priority priority;

	(void)state;
	for (unsigned i = 1; i <= 8; i++)
		assert_true(post(sched, i, PRIORITY_HIGH, NULL, 0));
	assert_false(post(sched, 9, PRIORITY_HIGH, NULL, 0));
	assert_int_equal(next_start(sched, 1), 1);
	/* There is room, but what is stored came before. */
	assert_false(post(sched, 10, PRIORITY_HIGH, NULL, 0));
	for (unsigned i = 2; i <= 5; i++)
		assert_int_equal(next_start(sched, 1), i);
	assert_false(sched_refill_wanted(sched, &priority)); /* three left */
	assert_int_equal(next_start(sched, 1), 6);
	assert_true(sched_refill_wanted(sched, &priority));
	assert_int_equal(priority, PRIORITY_HIGH);
	assert_false(sched_refill_wanted(sched, &priority));
	assert_true(post(sched, 9, PRIORITY_HIGH, NULL, 0));
	assert_true(post(sched, 10, PRIORITY_HIGH, NULL, 0));
	sched_refill_done(sched, PRIORITY_HIGH, false);
	assert_true(post(sched, 11, PRIORITY_HIGH, NULL, 0));
	for (unsigned i = 7; i <= 11; i++)
		assert_int_equal(next_start(sched, 1), i);
	assert_false(sched_refill_wanted(sched, &priority));
	sched_free(sched);
}

static void what_was_refused_during_a_load_is_loaded_later(void **state)
{
	/* A job that finds the window full while a load runs is not forgotten by its end. */
	struct sched *sched = sched_make(8, 4);
	enum job_priority priority;

	(void)state;
	sched_refill_done(sched, PRIORITY_LOW, true); /* as at start: the store has some */
	assert_true(sched_refill_wanted(sched, &priority));
	for (unsigned i = 1; i <= 4; i++)
		assert_true(post(sched, i, PRIORITY_LOW, NULL, 0));
	assert_false(post(sched, 5, PRIORITY_LOW, NULL, 0));
	sched_refill_done(sched, PRIORITY_LOW, false);
	for (unsigned i = 1; i <= 3; i++)
		next_start(sched, 1);
	assert_true(sched_refill_wanted(sched, &priority));
	sched_free(sched);
}

static void a_load_brings_back_nothing_that_left_meanwhile(void **state)
{
	/* Read by the load, then started or cancelled: both are refused until the load ends. */
	struct sched *sched = sched_make(8, 8);
	struct id stored = id_of(7);
	enum job_priority priority;

	(void)state;
	post(sched, 1, PRIORITY_NORMAL, NULL, 0);
	sched_refill_done(sched, PRIORITY_NORMAL, true);
	assert_true(sched_refill_wanted(sched, &priority));
	assert_int_equal(next_start(sched, 1), 1);
	assert_null(sched_ready_remove(sched, &stored));
	assert_false(post(sched, 1, PRIORITY_NORMAL, NULL, 0));
	assert_false(post(sched, 7, PRIORITY_NORMAL, NULL, 0));
	assert_true(post(sched, 8, PRIORITY_NORMAL, NULL, 0));
	sched_refill_done(sched, PRIORITY_NORMAL, false);
	assert_true(post(sched, 7, PRIORITY_NORMAL, "other", 0));
	sched_free(sched);
}

static void a_new_fair_key_finds_room_in_a_full_window(void **state)
{
	/* The longest flow gives up its newest; a second job of the newcomer does not fit. */
	struct sched *sched = sched_make(8, 4);
	struct task *newcomer = task_make(10, PRIORITY_NORMAL, "new"), *evicted = NULL;

	(void)state;
	post(sched, 1, PRIORITY_NORMAL, "a", 0);
	post(sched, 2, PRIORITY_NORMAL, "b", 0);
	post(sched, 3, PRIORITY_NORMAL, "b", 0);
	post(sched, 4, PRIORITY_NORMAL, "b", 0);
	assert_true(sched_ready_add(sched, newcomer, 0, &evicted));
	assert_non_null(evicted);
	assert_int_equal(evicted->job.id.bytes[15], 4);
	task_free(evicted);
	assert_false(post(sched, 11, PRIORITY_NORMAL, "new", 0));
	assert_int_equal(next_start(sched, 1), 1);
	assert_int_equal(next_start(sched, 1), 2);
	assert_int_equal(next_start(sched, 1), 10);
	assert_int_equal(next_start(sched, 1), 3);
	assert_int_equal(next_start(sched, 1), 0);
	sched_free(sched);
}

static void a_batch_leaves_what_was_not_taken(void **state)
{
	/* Six jobs for a window of four: four places become NULL, two stay the caller's. */
	struct sched *sched = sched_make(8, 4);
	struct task *tasks[6];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		tasks[i] = task_make(i + 1, PRIORITY_NORMAL, NULL);
	assert_true(sched_ready_add_batch(sched, tasks, 6, 0));
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(tasks[i] == NULL, i < 4);
		task_free(tasks[i]);
	}
	sched_free(sched);
}

static void a_parked_run_lends_its_admission(void **state)
{
	/* Two places: two parked runs let two others in, and no more; who goes on again takes
	 * nobody's place away, and lets nobody in. */
	struct sched *sched = sched_make(2, 16);
	struct sched_run runs[2] = {{.parked = false}};
	struct sched_view view;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		admit(sched, i + 1);
	for (unsigned i = 3; i <= 8; i++)
		assert_true(post(sched, i, PRIORITY_NORMAL, NULL, 0));
	assert_int_equal(starts(sched), 0);
	assert_true(sched_park(sched, &runs[0], PRIORITY_NORMAL, true));
	assert_false(sched_park(sched, &runs[0], PRIORITY_NORMAL, true));
	assert_int_equal(starts(sched), 1);
	assert_true(sched_park(sched, &runs[1], PRIORITY_NORMAL, true));
	assert_int_equal(starts(sched), 1);
	sched_view(sched, 1, &view);
	assert_int_equal(view.active, 4);
	sched_leave(sched, NULL, PRIORITY_NORMAL); /* a third one's: twice two are not exceeded */
	assert_int_equal(starts(sched), 1);
	assert_false(sched_park(sched, &runs[0], PRIORITY_NORMAL, false));
	sched_leave(sched, NULL, PRIORITY_NORMAL);
	assert_int_equal(starts(sched), 0);
	sched_leave(sched, &runs[1], PRIORITY_NORMAL); /* gone while parked: nothing stays lent */
	assert_int_equal(starts(sched), 0);
	assert_false(sched_park(sched, &runs[1], PRIORITY_NORMAL, true));
	sched_leave(sched, &runs[0], PRIORITY_NORMAL);
	assert_int_equal(starts(sched), 1);
	sched_free(sched);
}

static void what_cannot_be_admitted_wakes_nobody(void **state)
{
	/* One place in all: while a job has it, another ready one is nothing to run. */
	struct sched *sched = sched_make(1, 4);
	struct task *first = task_make(1, PRIORITY_NORMAL, NULL);
	struct task *second = task_make(2, PRIORITY_NORMAL, NULL);
	struct sched_work work;

	(void)state;
	assert_true(sched_ready_add_batch(sched, &first, 1, 0));
	sched_take(sched, 0, &work);
	assert_int_equal(work.kind, WORK_START);
	assert_false(sched_ready_add_batch(sched, &second, 1, 0));
	assert_true(sched_leave(sched, NULL, PRIORITY_NORMAL));
	task_free(work.task);
	sched_free(sched);
}

/* ---- active runs ---- */

static void admissions_and_steps_take_turns(void **state)
{
	/* With ready jobs and a running one of equal priority: start, step, start, step. */
	struct sched *sched = sched_make(8, 16);
	struct sched_work work;
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 1, 1000);
	for (unsigned i = 2; i <= 4; i++)
		post(sched, i, PRIORITY_NORMAL, NULL, 1000);
	for (int i = 0; i < 6; i++) {
		sched_take(sched, 1001, &work);
		assert_int_equal(work.kind, i % 2 == 0 ? WORK_STEP : WORK_START);
		if (work.kind == WORK_START) {
			task_free(work.task);
			sched_leave(sched, NULL, PRIORITY_NORMAL);
		} else {
			assert_int_equal(sched_stepped(sched, &run, 0, STEP_MORE, 1001),
					 SCHED_GOES_ON);
		}
	}
	run_end(sched, &run);
	sched_free(sched);
}

static void runs_of_a_priority_step_in_turns(void **state)
{
	/* Three runs that always have more: a, b, c, a, b, c. */
	struct sched *sched = sched_make(8, 16);
	struct sched_run runs[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		admit(sched, i + 1);
	for (unsigned i = 0; i < 3; i++)
		phase_begin(sched, &runs[i], PRIORITY_NORMAL, 1, 1000);
	for (unsigned i = 0; i < 6; i++) {
		step_lane(sched, &runs[i % 3], 1000);
		sched_stepped(sched, &runs[i % 3], 0, STEP_MORE, 1000);
	}
	for (unsigned i = 0; i < 3; i++)
		run_end(sched, &runs[i]);
	sched_free(sched);
}

static void lanes_of_a_run_step_in_turns(void **state)
{
	/* Three lanes that always have more: 0, 1, 2, 0, 1. */
	struct sched *sched = sched_make(8, 16);
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 3, 1000);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(step_lane(sched, &run, 1000), i % 3);
		sched_stepped(sched, &run, i % 3, STEP_MORE, 1000);
	}
	run_end(sched, &run);
	sched_free(sched);
}

static void a_new_priority_moves_a_queued_run(void **state)
{
	/* Raised to critical, the later run steps first. */
	struct sched *sched = sched_make(8, 16);
	struct sched_run first, second;

	(void)state;
	admit(sched, 1);
	admit(sched, 2);
	phase_begin(sched, &first, PRIORITY_NORMAL, 1, 1000);
	phase_begin(sched, &second, PRIORITY_NORMAL, 1, 1000);
	sched_priority(sched, &second, PRIORITY_CRITICAL);
	assert_int_equal(step_lane(sched, &second, 1000), 0);
	sched_stepped(sched, &second, 0, STEP_WAIT, 1000);
	run_end(sched, &first);
	run_end(sched, &second);
	sched_free(sched);
}

static void the_lane_table_is_the_diagram(void **state)
{
	/* All pairs of the diagram in sched.h; '-' is an edge that it does not have. */
	static const char *const expected[LANE_STATES] = {
		/* wake, take, more, wait, done: the first letter of the next state */
		[LANE_WAITING] = "R----", [LANE_RUNNABLE] = "RS---", [LANE_STEPPING] = "K-RWF",
		[LANE_WOKEN] = "K-RRF",	  [LANE_FINISHED] = "F----",
	};
	static const char letters[LANE_STATES + 1] = "WRSKF";

	(void)state;
	for (int from = 0; from < LANE_STATES; from++) {
		for (int input = 0; input < LANE_INPUTS; input++) {
			enum lane_state to = LANE_STATES;
			bool legal = lane_next((enum lane_state)from, (enum lane_input)input, &to);

			assert_int_equal(legal ? letters[to] : '-', expected[from][input]);
		}
	}
}

static void a_wake_during_a_step_is_not_lost(void **state)
{
	/* Woken while stepping, a lane that says WAIT steps again; without, it waits. */
	struct sched *sched = sched_make(8, 16);
	struct sched_work work;
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 1, 1000);
	step_lane(sched, &run, 1000);
	assert_false(sched_wake(sched, &run, 0, 1000)); /* its stepped() will queue it */
	assert_int_equal(sched_stepped(sched, &run, 0, STEP_WAIT, 1000), SCHED_GOES_ON);
	step_lane(sched, &run, 1000);
	sched_stepped(sched, &run, 0, STEP_WAIT, 1000);
	sched_take(sched, 1000, &work);
	assert_int_equal(work.kind, WORK_NONE);
	assert_true(sched_wake(sched, &run, 0, 1000));
	assert_false(sched_wake(sched, &run, 0, 1000)); /* runnable already */
	step_lane(sched, &run, 1000);
	sched_stepped(sched, &run, 0, STEP_WAIT, 1000);
	run_end(sched, &run);
	sched_free(sched);
}

static void a_phase_is_over_with_its_last_lane(void **state)
{
	/* The second of two lanes to finish is told; wakes of finished lanes do nothing. */
	struct sched *sched = sched_make(8, 16);
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 2, 1000);
	assert_int_equal(step_lane(sched, &run, 1000), 0);
	assert_int_equal(step_lane(sched, &run, 1000), 1);
	assert_int_equal(sched_stepped(sched, &run, 1, STEP_DONE, 1000), SCHED_GOES_ON);
	assert_false(sched_wake(sched, &run, 1, 1000));
	assert_false(sched_wake(sched, &run, 2, 1000)); /* a lane it does not have */
	assert_int_equal(sched_stepped(sched, &run, 0, STEP_DONE, 1000), SCHED_PHASE_OVER);
	assert_false(sched_wake_all(sched, &run, 1000));
	assert_true(sched_phase(sched, &run, PRIORITY_NORMAL, 1, 1000));
	assert_int_equal(step_lane(sched, &run, 1000), 0);
	assert_int_equal(sched_stepped(sched, &run, 0, STEP_DONE, 1000), SCHED_PHASE_OVER);
	sched_leave(sched, &run, PRIORITY_NORMAL);
	sched_free(sched);
}

static void a_stop_waits_for_the_steps_under_way(void **state)
{
	/* Two lanes step when the run is stopped: the last one out is told, nothing is handed out.
	 */
	struct sched *sched = sched_make(8, 16);
	struct sched_work work;
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 3, 1000);
	step_lane(sched, &run, 1000);
	step_lane(sched, &run, 1000);
	assert_false(sched_stop(sched, &run));
	assert_false(sched_stop(sched, &run));
	sched_take(sched, 1000, &work);
	assert_int_equal(work.kind, WORK_NONE);
	assert_int_equal(sched_stepped(sched, &run, 1, STEP_MORE, 1000), SCHED_GOES_ON);
	assert_false(sched_wake_all(sched, &run, 1000));
	assert_int_equal(sched_stepped(sched, &run, 0, STEP_DONE, 1000), SCHED_STOPPED);
	sched_leave(sched, &run, PRIORITY_NORMAL);
	sched_free(sched);
}

static void a_stop_of_an_idle_run_is_the_callers(void **state)
{
	/* No lane steps: the first to stop it ends it, the second is told that it need not. */
	struct sched *sched = sched_make(8, 16);
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 2, 1000);
	assert_true(sched_stop(sched, &run));
	assert_false(sched_stop(sched, &run));
	sched_leave(sched, &run, PRIORITY_NORMAL);
	sched_free(sched);
}

static void a_stop_between_phases_is_told_by_the_next(void **state)
{
	/* Stopped while a worker is in open or phase, sched_phase() says so. */
	struct sched *sched = sched_make(8, 16);
	struct sched_run run = {0};
	struct sched_work work;

	(void)state;
	post(sched, 1, PRIORITY_NORMAL, NULL, 0);
	sched_take(sched, 1, &work);
	task_free(work.task);
	assert_false(sched_stop(sched, &run));
	assert_false(sched_phase(sched, &run, PRIORITY_NORMAL, 1, 1));
	sched_leave(sched, &run, PRIORITY_NORMAL);
	sched_free(sched);
}

static void the_view_counts_what_is_there(void **state)
{
	/* One ready job since 40 ms, a run of three lanes of which one steps. */
	struct sched *sched = sched_make(8, 16);
	struct sched_view view;
	struct sched_run run;

	(void)state;
	run_begin(sched, &run, 3, 1000);
	step_lane(sched, &run, 1000);
	post(sched, 2, PRIORITY_LOW, NULL, 1000);
	sched_view(sched, 1040, &view);
	assert_int_equal(view.ready[PRIORITY_LOW], 1);
	assert_int_equal(view.ready[PRIORITY_NORMAL], 0);
	assert_int_equal(view.active, 1);
	assert_int_equal(view.stepping, 1);
	assert_int_equal(view.runnable_lanes, 2);
	assert_int_equal(view.oldest_wait_ms, 40);
	assert_int_equal(view.taken, 2);
	sched_stepped(sched, &run, 0, STEP_WAIT, 1040);
	run_end(sched, &run);
	sched_free(sched);
}

/* ---- a race ---- */

/* Posters put tokens into the mailbox of a lane and wake it; steps empty the mailbox.
 * A lost wake would leave tokens there for ever. */
enum { RACE_RUNS = 4, RACE_LANES = 8, RACE_TOKENS = 20000, RACE_POSTERS = 2, RACE_WORKERS = 3 };

struct race_run {
	struct sched_run run;
	atomic_uint mailbox[RACE_LANES];
	atomic_bool busy[RACE_LANES];
	atomic_uint stopped_told;
};

struct race {
	struct sched *sched;
	struct race_run runs[RACE_RUNS];
	atomic_uint consumed, ended;
};

static void *race_post(void *arg)
{
	struct race *race = arg;

	for (unsigned i = 0; i < RACE_TOKENS; i++) {
		struct race_run *run = &race->runs[i % RACE_RUNS];
		unsigned lane = i / RACE_RUNS % RACE_LANES;

		atomic_fetch_add(&run->mailbox[lane], 1);
		sched_wake(race->sched, &run->run, lane, 0);
	}
	return NULL;
}

static void race_told(struct race *race, struct race_run *run)
{
	atomic_fetch_add(&run->stopped_told, 1);
	atomic_fetch_add(&race->ended, 1);
}

static void *race_work(void *arg)
{
	struct race *race = arg;
	struct sched_work work;

	while (atomic_load(&race->ended) < RACE_RUNS) {
		struct race_run *run;
		unsigned tokens;

		sched_take(race->sched, 0, &work);
		if (work.kind == WORK_NONE) {
			sched_yield();
			continue;
		}
		run = CONTAINER_OF(work.run, struct race_run, run);
		/* One worker for a lane at a time: plain asserts do not work off the main thread.
		 */
		if (atomic_exchange(&run->busy[work.lane], true))
			abort();
		tokens = atomic_exchange(&run->mailbox[work.lane], 0);
		atomic_fetch_add(&race->consumed, tokens);
		atomic_store(&run->busy[work.lane], false);
		if (sched_stepped(race->sched, &run->run, work.lane,
				  tokens % 2 ? STEP_MORE : STEP_WAIT, 0) == SCHED_STOPPED)
			race_told(race, run);
	}
	return NULL;
}

static void no_wake_is_lost_in_a_race(void **state)
{
	/* Two posters, three workers: every token is consumed, and the stop of each run is
	 * told to exactly one. */
	static struct race race;
	pthread_t posters[RACE_POSTERS], workers[RACE_WORKERS];

	(void)state;
	race.sched = sched_make(2 * RACE_RUNS, 16);
	for (unsigned i = 0; i < RACE_RUNS; i++)
		admit(race.sched, i + 1);
	for (unsigned i = 0; i < RACE_RUNS; i++)
		phase_begin(race.sched, &race.runs[i].run, (enum job_priority)(i % PRIORITIES),
			    RACE_LANES, 0);
	for (int i = 0; i < RACE_WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, race_work, &race), 0);
	for (int i = 0; i < RACE_POSTERS; i++)
		assert_int_equal(pthread_create(&posters[i], NULL, race_post, &race), 0);
	for (int i = 0; i < RACE_POSTERS; i++)
		pthread_join(posters[i], NULL);
	/* Ends only when nothing was lost; a test that hangs here has found a lost wake. */
	while (atomic_load(&race.consumed) < RACE_POSTERS * RACE_TOKENS)
		sched_yield();
	for (unsigned i = 0; i < RACE_RUNS; i++) {
		sched_wake_all(race.sched, &race.runs[i].run, 0);
		if (sched_stop(race.sched, &race.runs[i].run))
			race_told(&race, &race.runs[i]);
	}
	for (int i = 0; i < RACE_WORKERS; i++)
		pthread_join(workers[i], NULL);
	assert_int_equal(race.consumed, RACE_POSTERS * RACE_TOKENS);
	for (unsigned i = 0; i < RACE_RUNS; i++) {
		assert_int_equal(race.runs[i].stopped_told, 1);
		sched_leave(race.sched, &race.runs[i].run, PRIORITY_NORMAL);
	}
	sched_free(race.sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_priorities_start_first),
		cmocka_unit_test(one_priority_starts_in_order),
		cmocka_unit_test(low_starts_before_the_hundredth_high),
		cmocka_unit_test(fair_keys_take_turns),
		cmocka_unit_test(no_more_are_admitted_than_active_max),
		cmocka_unit_test(each_priority_leaves_room_for_those_above),
		cmocka_unit_test(a_removed_job_does_not_start),
		cmocka_unit_test(a_job_is_taken_in_once),
		cmocka_unit_test(a_full_window_asks_for_a_refill_when_it_runs_low),
		cmocka_unit_test(what_was_refused_during_a_load_is_loaded_later),
		cmocka_unit_test(a_load_brings_back_nothing_that_left_meanwhile),
		cmocka_unit_test(a_new_fair_key_finds_room_in_a_full_window),
		cmocka_unit_test(a_batch_leaves_what_was_not_taken),
		cmocka_unit_test(a_parked_run_lends_its_admission),
		cmocka_unit_test(what_cannot_be_admitted_wakes_nobody),
		cmocka_unit_test(admissions_and_steps_take_turns),
		cmocka_unit_test(runs_of_a_priority_step_in_turns),
		cmocka_unit_test(lanes_of_a_run_step_in_turns),
		cmocka_unit_test(a_new_priority_moves_a_queued_run),
		cmocka_unit_test(the_lane_table_is_the_diagram),
		cmocka_unit_test(a_wake_during_a_step_is_not_lost),
		cmocka_unit_test(a_phase_is_over_with_its_last_lane),
		cmocka_unit_test(a_stop_waits_for_the_steps_under_way),
		cmocka_unit_test(a_stop_of_an_idle_run_is_the_callers),
		cmocka_unit_test(a_stop_between_phases_is_told_by_the_next),
		cmocka_unit_test(the_view_counts_what_is_there),
		cmocka_unit_test(no_wake_is_lost_in_a_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
