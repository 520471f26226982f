/* SPDX-License-Identifier: MIT */
/* test_engine_poison.c - a job that kills the daemon in its first step.
 *
 * The daemon is a child that lives until its job is at an end, or dies of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "tests/lib/engine_house.h"
#include "tests/lib/test_handlers.h"

enum { DIED = 7, POISON = 0, OTHER = 1 };

static enum step killer_step(struct run *run, void *state, unsigned phase, unsigned lane,
			     struct err *err)
{
	(void)run;
	(void)state;
	(void)phase;
	(void)lane;
	(void)err;
	_exit(DIED);
}

static const struct param killer_params[] = {{0}};
static const struct handler handler_killer = {
	.name = "killer",
	.summary = "Ends the process",
	.params = killer_params,
	.step = killer_step,
};

const struct handler *const handlers[] = {&handler_killer, NULL};

const struct handler *handler_find(const char *name)
{
	(void)name;
	return &handler_killer;
}

/* In the child. */
static int live_on(struct house *house, const struct id *id)
{
	struct job job = house_wait_end(house, id);

	return job.state == JOB_FAILED && job.error == ERR_POISON ? POISON : OTHER;
}

static int live(struct house *house, const struct id *id)
{
	house_open(house);
	return live_on(house, id);
}

/* In a child too, so that no thread of it is left here: the id comes by a pipe. */
static int submit(struct house *house, int to)
{
	struct id id;

	house_open(house);
	/* With a delay: it is told before it kills. */
	id = house_submit(house, "{\"type\":\"killer\",\"spec\":{},\"delay\":\"200ms\"}");
	if (write(to, &id, sizeof(id)) != sizeof(id))
		return OTHER;
	return live_on(house, &id);
}

static void test_job_that_kills_at_once_becomes_poison(void **state)
{
	/* The first death leaves no trace of the job; those after it are counted. */
	static struct house house;
	int ends[2], deaths = 0, status, code;
	struct id id;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	house_make(&house, 1);
	do {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0 && deaths == 0)
			_exit(submit(&house, ends[1]));
		if (child == 0)
			_exit(live(&house, &id));
		if (deaths == 0)
			assert_int_equal(read(ends[0], &id, sizeof(id)), sizeof(id));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		code = WEXITSTATUS(status);
		deaths += code == DIED;
	} while (code == DIED && deaths < 10);
	assert_int_equal(code, POISON);
	/* A slow machine (a sanitizer) may have told of the first start in time. */
	assert_in_range(deaths, JOB_CRASHES_MAX, 1 + JOB_CRASHES_MAX);
	house_remove(&house);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_that_kills_at_once_becomes_poison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
