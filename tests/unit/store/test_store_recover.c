/* SPDX-License-Identifier: MIT */
/* test_store_recover.c - what is there after the process died at any point.
 *
 * A child runs a store and dies; the parent opens the same directory and checks.
 * What the child was told is written to a pipe after each callback.
 */
#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <sys/wait.h>

static int setup_closed(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	fixture_init(f);
	*state = f;
	return 0;
}

/* Runs `story` in a child, which ends without closing anything. */
static void die_after(struct fixture *f, void (*story)(struct fixture *f, struct id id),
		      struct id id)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		fixture_start(f);
		story(f, id);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void submit_story(struct fixture *f, struct id id)
{
	struct job job = job_plain();

	job.id = id;
	if (submit_job(f, &job) != SUBMIT_CREATED)
		_exit(1);
}

static void start_story(struct fixture *f, struct id id)
{
	struct job job = get_job(f, id);

	if (start_job(f, id, (uint16_t)(job.attempt + 1)))
		_exit(1);
}

static void progress_story(struct fixture *f, struct id id)
{
	struct job job = get_job(f, id);
	struct op_commit commit = {.op.kind = OP_COMMIT,
				   .id = id,
				   .attempt = (uint16_t)(job.attempt + 1),
				   .results = "1\n",
				   .results_len = 2};

	if (put_wait(f, &commit.op))
		_exit(1);
}

static void pause_story(struct fixture *f, struct id id)
{
	start_story(f, id);
	if (move_job(f, id, JOB_MOVE_PAUSE))
		_exit(1);
}

static void cancel_story(struct fixture *f, struct id id)
{
	start_story(f, id);
	if (move_job(f, id, JOB_MOVE_CANCEL))
		_exit(1);
}

static void running_job_is_pending_again(void **state)
{
	/* The attempt is recorded as interrupted and costs nothing of the budget. */
	struct fixture *f = *state;
	struct attempt *attempts;
	struct event events[8];
	struct job job;
	struct id id;
	struct err err;
	size_t count;

	id_new(&id);
	die_after(f, submit_story, id);
	die_after(f, start_story, id);
	fixture_start(f);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_PENDING);
	assert_int_equal(job.attempt, 1);
	assert_int_equal(job.attempts_free, 1);
	assert_int_equal(job.crashes, 1);
	job_done(&job);
	assert_int_equal(store_attempts(f->store, &id, &attempts, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(attempts[0].state, ATTEMPT_INTERRUPTED);
	assert_int_equal(attempts[0].error, ERR_INTERRUPTED);
	free(attempts[0].error_detail);
	free(attempts);
	assert_int_equal(store_events_read(f->store, &id, 0, 8, events, &count, &err), 0);
	assert_int_equal(count, 3);
	assert_int_equal(events[2].state, JOB_PENDING);
	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_COMPLETE), ERR_NONE);
}

static void third_crash_without_progress_is_poison(void **state)
{
	/* Three times running at the death, nothing durable between: failed, and says why. */
	struct fixture *f = *state;
	struct job job;
	struct id id;

	id_new(&id);
	die_after(f, submit_story, id);
	for (int i = 0; i < 3; i++)
		die_after(f, start_story, id);
	fixture_start(f);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.error, ERR_POISON);
	assert_string_equal(job.error_detail, "the daemon died 3 times while it ran");
	assert_true(job.finished_seq > 0);
	job_done(&job);
}

static void durable_progress_forgives_crashes(void **state)
{
	/* A run that keeps something each time may crash for ever. */
	struct fixture *f = *state;
	struct job job;
	struct id id;

	id_new(&id);
	die_after(f, submit_story, id);
	for (int i = 0; i < 5; i++)
		die_after(f, progress_story, id);
	fixture_start(f);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_PENDING);
	assert_int_equal(job.crashes, 1);
	assert_int_equal(job.result_bytes, 10);
	job_done(&job);
}

static void paused_and_cancelled_stay_so(void **state)
{
	/* A pause and a cancel that were answered are there; the open attempt is ended. */
	struct fixture *f = *state;
	struct attempt *attempts;
	struct id paused, cancelled;
	struct err err;
	size_t count;

	id_new(&paused);
	id_new(&cancelled);
	die_after(f, submit_story, paused);
	die_after(f, submit_story, cancelled);
	die_after(f, pause_story, paused);
	die_after(f, cancel_story, cancelled);
	fixture_start(f);
	assert_int_equal(state_of(f, paused), JOB_PAUSED);
	assert_int_equal(state_of(f, cancelled), JOB_CANCELLED);
	assert_int_equal(store_attempts(f->store, &paused, &attempts, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(attempts[0].state, ATTEMPT_INTERRUPTED);
	free(attempts[0].error_detail);
	free(attempts);
}

/* ---- killed at random ---- */

enum { CHUNK = 3000, KILLS = 12 };

/* What the child knows to be durable, written after each callback. */
struct promise {
	int submitted; /* jobs that were answered */
	int lines;     /* result chunks of the first job */
};

static void work_until_killed(struct fixture *f, const struct id *ids, int out)
{
	char line[CHUNK];
	struct promise promise = {0};
	struct job first;
	struct op_commit commit = {.op.kind = OP_COMMIT, .results = line, .results_len = CHUNK};

	fixture_start(f);
	for (;; promise.submitted++) {
		struct job job = job_plain();

		job.id = ids[promise.submitted];
		if (submit_job(f, &job) != SUBMIT_CREATED)
			_exit(1);
		first = get_job(f, ids[0]);
		memset(line, 'a' + promise.lines % 26, CHUNK);
		line[CHUNK - 1] = '\n';
		commit.id = ids[0];
		commit.attempt = 1;
		if (put_wait(f, &commit.op))
			_exit(1);
		job_done(&first);
		promise.lines++;
		if (promise.submitted > 0 &&
		    finish_job(f, ids[promise.submitted], 1, JOB_MOVE_COMPLETE))
			_exit(1);
		if (write(out, &promise, sizeof(promise)) != sizeof(promise) ||
		    promise.submitted == SEEN_MAX - 2)
			_exit(1);
	}
}

/* Every answered thing is there, results are whole and end at the committed length. */
static void promise_check(struct fixture *f, const struct id *ids, struct promise promise)
{
	char got[CHUNK];
	struct job first = get_job(f, ids[0]);
	struct err err;
	size_t len;

	assert_int_equal(first.state, JOB_PENDING);
	assert_true(first.result_bytes >= (int64_t)promise.lines * CHUNK);
	assert_int_equal(first.result_bytes % CHUNK, 0);
	for (int64_t n = 0; n < first.result_bytes / CHUNK; n++) {
		assert_int_equal(
			store_results_read(f->store, &ids[0], n * CHUNK, got, CHUNK, &len, &err),
			0);
		assert_int_equal(len, CHUNK);
		assert_int_equal(got[0], 'a' + n % 26);
		assert_int_equal(got[CHUNK - 2], 'a' + n % 26);
		assert_int_equal(got[CHUNK - 1], '\n');
	}
	for (int i = 1; i <= promise.submitted; i++)
		assert_int_equal(state_of(f, ids[i]), JOB_COMPLETED);
	job_done(&first);
}

static void killed_at_random_keeps_its_promises(void **state)
{
	/* SIGKILL after some answer, wherever the threads are then; twelve times. */
	struct fixture *f = *state;
	struct id *ids = calloc(SEEN_MAX, sizeof(*ids));
	struct rng rng;

	rng_seed(&rng, 7);
	for (int round = 0; round < KILLS; round++) {
		struct promise promise = {0}, news;
		int64_t answers = rng_between(&rng, 1, 60);
		int ends[2], status;
		char command[128];
		pid_t pid;

		for (int i = 0; i < SEEN_MAX; i++)
			id_new(&ids[i]);
		assert_int_equal(pipe(ends), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			work_until_killed(f, ids, ends[1]);
		close(ends[1]);
		for (int64_t i = 0; i < answers; i++) {
			assert_int_equal(read(ends[0], &news, sizeof(news)), sizeof(news));
			promise = news;
		}
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(ends[0], &news, sizeof(news)) == sizeof(news))
			promise = news;
		close(ends[0]);
		fixture_start(f);
		promise_check(f, ids, promise);
		store_close(f->store);
		f->store = NULL;
		snprintf(command, sizeof(command), "rm -rf %s/*", f->dir);
		assert_int_equal(system(command), 0);
	}
	free(ids);
}

static void only_an_unclean_stop_makes_suspects(void **state)
{
	/* Pending when the daemon died: suspected; born later, or closed cleanly: not. */
	struct fixture *f = *state;
	struct job job;
	struct id id, later;

	id_new(&id);
	die_after(f, submit_story, id);
	fixture_start(f);
	later = submit_plain(f);
	job = get_job(f, id);
	assert_true(store_suspects(f->store, &job));
	job_done(&job);
	job = get_job(f, later);
	assert_false(store_suspects(f->store, &job));
	job_done(&job);
	fixture_reopen(f);
	job = get_job(f, id);
	assert_false(store_suspects(f->store, &job));
	job_done(&job);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_closed, teardown)
	const struct CMUnitTest tests[] = {
		TEST(running_job_is_pending_again),
		TEST(only_an_unclean_stop_makes_suspects),
		TEST(third_crash_without_progress_is_poison),
		TEST(durable_progress_forgives_crashes),
		TEST(paused_and_cancelled_stay_so),
		TEST(killed_at_random_keeps_its_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
