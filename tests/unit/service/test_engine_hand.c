/* SPDX-License-Identifier: MIT */
/* test_engine_hand.c - a job that a worker has taken and not yet entered in the table.
 *
 * The engine is not started and its pool does nothing: the test is the worker and the
 * housekeeping, so that each
 * step comes when it says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "service/engine/engine_core.h"
#include "tests/lib/engine_house.h"
#include "tests/lib/test_handlers.h"

const struct handler *const handlers[] = {TEST_HANDLERS, NULL};

const struct handler *handler_find(const char *name)
{
	return test_handler(name);
}

static bool no_work(void *ctx, unsigned worker)
{
	(void)ctx;
	(void)worker;
	return false;
}

static void no_backlog(void *ctx, int64_t *ret_oldest_wait_ms, uint64_t *ret_taken)
{
	(void)ctx;
	*ret_oldest_wait_ms = 0;
	*ret_taken = 0;
}

static int setup(void **state)
{
	static const struct pool_config pool = {
		.workers_min = 1, .workers_max = 1, .work = no_work, .backlog = no_backlog};
	static struct house house;
	struct store_config store = {.jobs_queued_max = 10, .on_told = house_told, .ctx = &house};
	struct engine_config engine = {.workers_min = 1, .workers_max = 1, .active_max = 4};
	struct err err;

	house_make(&house, 1);
	store.dir = house.dir;
	assert_int_equal(store_open(&store, &house.store, &err), 0);
	engine.store = house.store;
	assert_int_equal(engine_new(&engine, &house.engine, &err), 0);
	assert_int_equal(pool_new(&pool, &house.engine->pool, &err), 0);
	*state = &house;
	return 0;
}

static int teardown(void **state)
{
	struct house *house = *state;

	pool_stop(house->engine->pool);
	store_close(house->store);
	engine_free(house->engine);
	house_remove(house);
	return 0;
}

/* What engine_work() does up to the take. */
static struct task *take(struct engine *engine, struct in_hand *before)
{
	struct sched_work work;

	before->loads = atomic_load(&engine->loads);
	before->missed = atomic_load(&engine->missed);
	sched_take(engine->sched, clock_ms(), &work);
	return work.kind == WORK_START ? work.task : NULL;
}

static void test_load_does_not_bring_back_a_job_in_hand(void **state)
{
	/* Taken, then a load of the store, which still shows it as pending, then entered. */
	struct house *house = *state;
	struct engine *engine = house->engine;
	struct id id = house_submit(house, "{\"type\":\"noop\",\"spec\":{}}");
	struct in_hand before;
	struct task *task = take(engine, &before);
	struct run *run;

	assert_non_null(task);
	sched_refill_done(engine->sched, PRIORITY_NORMAL, true); /* the store has more */
	engine_window_look(engine);
	assert_true(sched_ready_has(engine->sched, &id)); /* the load could not know */
	run = engine_run_add(engine, task, &before);
	assert_non_null(run);
	assert_false(sched_ready_has(engine->sched, &id));
	run_stop(run, RUN_CANCELLED, NULL);
	run_leave(run);
}

static void test_pause_reaches_a_job_in_hand(void **state)
{
	/* Taken, then paused: it does not run. */
	struct house *house = *state;
	struct engine *engine = house->engine;
	struct id id = house_submit(house, "{\"type\":\"noop\",\"spec\":{}}");
	struct in_hand before;
	struct task *task = take(engine, &before);

	assert_non_null(task);
	assert_int_equal(house_move(house, &id, JOB_MOVE_PAUSE), ERR_NONE);
	assert_null(engine_run_add(engine, task, &before));
	engine_window_look(engine); /* the store says that it is paused */
	assert_false(sched_ready_has(engine->sched, &id));
	assert_int_equal(house_move(house, &id, JOB_MOVE_RESUME), ERR_NONE);
	engine_due_add(engine, &id);
	engine_window_look(engine);
	assert_true(sched_ready_has(engine->sched, &id));
}

static void test_newer_news_of_a_ready_job_replace_it(void **state)
{
	/* A ready task from before another attempt would be refused by the store. */
	struct house *house = *state;
	struct engine *engine = house->engine;
	struct id id = house_submit(house, "{\"type\":\"noop\",\"spec\":{}}");
	struct in_hand before;
	struct task *task;

	assert_int_equal(house_move(house, &id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_false(sched_ready_has(engine->sched, &id));
	assert_int_equal(house_move(house, &id, JOB_MOVE_AGAIN), ERR_NONE);
	engine_due_add(engine, &id);
	engine_due_add(engine, &id);
	engine_window_look(engine);
	task = take(engine, &before);
	assert_non_null(task);
	assert_null(take(engine, &before));
	task_free(task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load_does_not_bring_back_a_job_in_hand, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_pause_reaches_a_job_in_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer_news_of_a_ready_job_replace_it, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
