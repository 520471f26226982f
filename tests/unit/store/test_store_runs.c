/* SPDX-License-Identifier: MIT */
/* test_store_runs.c - starts, commits, finishes, attempts, parts and checkpoints. */
#include "tests/unit/store/fixture.h"

static size_t attempts_of(struct fixture *f, struct id id, struct attempt *ret, size_t room)
{
	struct attempt *attempts;
	struct err err;
	size_t count;

	if (store_attempts(f->store, &id, &attempts, &count, &err))
		fail_msg("store_attempts: %s", err.detail);
	assert_true(count <= room);
	for (size_t i = 0; i < count; i++) {
		free(attempts[i].error_detail);
		ret[i] = attempts[i];
	}
	free(attempts);
	return count;
}

static void short_run_needs_no_start(void **state)
{
	/* A finish of a pending job starts and ends it in one commit. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct attempt attempts[2];
	struct job job;

	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_COMPLETED);
	assert_int_equal(job.started_ms, 2000);
	assert_int_equal(job.finished_ms, 3000);
	assert_int_equal(job.attempt, 1);
	assert_string_equal(job.summary, "{\"value\":6}");
	assert_int_equal(job.started_seq, 2);
	assert_int_equal(job.finished_seq, 3);
	job_done(&job);
	assert_int_equal(attempts_of(f, id, attempts, 2), 1);
	assert_int_equal(attempts[0].state, ATTEMPT_COMPLETED);
	assert_int_equal(attempts[0].started_ms, 2000);
	assert_int_equal(attempts[0].finished_ms, 3000);
}

static void failed_attempts_are_recorded(void **state)
{
	/* Retry, then fail: two attempts with their errors, and the job's own. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct attempt attempts[3];
	struct op_patch patch = {.op.kind = OP_PATCH, .id = id, .set_ready = true, .ready_ms = 1};
	struct job job;

	assert_int_equal(start_job(f, id, 1), ERR_NONE);
	assert_int_equal(state_of(f, id), JOB_RUNNING);
	assert_int_equal(attempts_of(f, id, attempts, 3), 1);
	assert_int_equal(attempts[0].state, ATTEMPT_RUNNING);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_RETRY), ERR_NONE);
	assert_int_equal(state_of(f, id), JOB_RETRYING);
	lock_take(&f->lock);
	f->seen_count = 0; /* it was pending at its birth too */
	lock_drop(&f->lock);
	assert_int_equal(put_wait(f, &patch.op), ERR_NONE);
	job_done(&patch.job);
	wait_state(f, &id, JOB_PENDING);
	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_FAIL), ERR_NONE);

	assert_int_equal(attempts_of(f, id, attempts, 3), 2);
	assert_int_equal(attempts[0].attempt, 1);
	assert_int_equal(attempts[0].state, ATTEMPT_FAILED);
	assert_int_equal(attempts[0].error, ERR_FAILED);
	assert_int_equal(attempts[1].attempt, 2);
	assert_int_equal(attempts[1].state, ATTEMPT_FAILED);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.error, ERR_FAILED);
	assert_string_equal(job.error_detail, "broke");
	assert_int_equal(job.attempts_free, 0);
	job_done(&job);
}

static void cancelled_run_writes_nothing_more(void **state)
{
	/* After the cancel neither a commit nor a finish of the attempt is kept. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct op_commit commit = {
		.op.kind = OP_COMMIT, .id = id, .attempt = 1, .results = "1\n", .results_len = 2};
	struct attempt attempts[1];
	struct job job;

	assert_int_equal(start_job(f, id, 1), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(put_wait(f, &commit.op), ERR_WRONG_STATE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_WRONG_STATE);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_CANCELLED);
	assert_int_equal(job.result_bytes, 0);
	job_done(&job);
	assert_int_equal(attempts_of(f, id, attempts, 1), 1);
	assert_int_equal(attempts[0].state, ATTEMPT_CANCELLED);
}

static void wrong_attempt_is_refused(void **state)
{
	/* Neither an attempt that was nor one that is not yet may write. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);

	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_COMPLETE), ERR_WRONG_STATE);
	assert_int_equal(start_job(f, id, 1), ERR_NONE);
	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_COMPLETE), ERR_WRONG_STATE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_YIELD), ERR_NONE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_WRONG_STATE);
	assert_int_equal(state_of(f, id), JOB_PENDING);
}

static void paused_run_flushes_and_yields(void **state)
{
	/* While paused the same attempt may commit; its yield leaves the job paused. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct op_commit commit = {
		.op.kind = OP_COMMIT, .id = id, .attempt = 1, .results = "1\n", .results_len = 2};
	struct attempt attempts[1];
	struct job job;

	assert_int_equal(start_job(f, id, 1), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_PAUSE), ERR_NONE);
	assert_int_equal(put_wait(f, &commit.op), ERR_NONE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_YIELD), ERR_NONE);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_PAUSED);
	assert_int_equal(job.result_bytes, 2);
	assert_int_equal(job.attempts_free, 1);
	job_done(&job);
	assert_int_equal(attempts_of(f, id, attempts, 1), 1);
	assert_int_equal(attempts[0].state, ATTEMPT_INTERRUPTED);
	assert_int_equal(move_job(f, id, JOB_MOVE_RESUME), ERR_NONE);
	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_COMPLETE), ERR_NONE);
}

static void resume_before_the_yield_ends_the_attempt(void **state)
{
	/* A run that did not yield before the resume is refused; its attempt is recorded. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct attempt attempts[1];

	assert_int_equal(start_job(f, id, 1), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_PAUSE), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_RESUME), ERR_NONE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_YIELD), ERR_WRONG_STATE);
	assert_int_equal(attempts_of(f, id, attempts, 1), 1);
	assert_int_equal(attempts[0].state, ATTEMPT_INTERRUPTED);
}

static void part_make(struct part_row *part, uint64_t number, const char *key, int priority,
		      uint64_t group)
{
	*part = (struct part_row){
		.number = number,
		.key = key,
		.key_len = strlen(key),
		.input = "in",
		.input_len = 2,
		.priority = priority,
		.group = group,
		.result_offset = -1,
		.result_len = -1,
	};
}

static size_t window(struct fixture *f, struct id id, int64_t now_ms, struct part_row *rows,
		     size_t room, struct arena *arena)
{
	struct err err;

	if (store_parts_window(f->store, &id, now_ms, rows, &room, arena, &err))
		fail_msg("store_parts_window: %s", err.detail);
	return room;
}

static void window_goes_by_priority_then_groups(void **state)
{
	/* The high part first, then one of each group before a second of any; parked not. */
	struct fixture *f = *state;
	struct arena arena = ARENA(1 << 20);
	struct part_row parts[6], rows[6];
	struct op_commit commit = {.op.kind = OP_COMMIT,
				   .id = submit_plain(f),
				   .attempt = 1,
				   .parts_added = parts,
				   .parts_added_count = 6};

	part_make(&parts[0], 0, "a0", 0, 1);
	part_make(&parts[1], 1, "a1", 0, 1);
	part_make(&parts[2], 2, "a2", 0, 1);
	part_make(&parts[3], 3, "b0", 0, 2);
	part_make(&parts[4], 4, "high", 5, 1);
	part_make(&parts[5], 5, "parked", 5, 1);
	parts[5].not_before_ms = 9000;
	assert_int_equal(put_wait(f, &commit.op), ERR_NONE);

	assert_int_equal(window(f, commit.id, 8999, rows, 3, &arena), 3);
	assert_int_equal(rows[0].number, 4);
	assert_int_equal(rows[1].number, 0);
	assert_int_equal(rows[2].number, 3);
	assert_memory_equal(rows[1].key, "a0", 2);
	assert_memory_equal(rows[1].input, "in", 2);
	assert_int_equal(window(f, commit.id, 8999, rows, 6, &arena), 5);
	assert_int_equal(window(f, commit.id, 9000, rows, 6, &arena), 6);
	arena_done(&arena);
}

static void parts_keep_what_was_done(void **state)
{
	/* A key is taken once; changes are kept; after a retry only failed parts are open. */
	struct fixture *f = *state;
	struct arena arena = ARENA(1 << 20);
	struct part_row parts[3], rows[3];
	struct parts_summary summary;
	struct op_finish finish = {
		.op.kind = OP_FINISH,
		.last = {.id = submit_plain(f),
			 .attempt = 1,
			 .parts_added = parts,
			 .parts_added_count = 3,
			 .parts_changed = rows,
			 .parts_changed_count = 2},
		.move = JOB_MOVE_FAIL,
		.error = ERR_FAILED,
		.finished_ms = 3000,
	};
	struct id id = finish.last.id;
	struct err err;

	part_make(&parts[0], 0, "x", 0, 0);
	part_make(&parts[1], 1, "y", 0, 0);
	part_make(&parts[2], 2, "x", 0, 0); /* the same key again */
	rows[0] = parts[0];
	rows[0].state = PART_DONE;
	rows[0].result_offset = 10;
	rows[0].result_len = 20;
	rows[1] = parts[1];
	rows[1].state = PART_FAILED;
	rows[1].resume = "half";
	rows[1].resume_len = 4;
	rows[1].attempts = 3;
	assert_int_equal(put_wait(f, &finish.op), ERR_NONE);
	assert_int_equal(store_parts_summary(f->store, &id, &summary, &err), 0);
	assert_int_equal(summary.next_number, 2);
	assert_int_equal(summary.pending, 0);
	assert_int_equal(summary.done, 1);
	assert_int_equal(summary.failed, 1);

	assert_int_equal(move_job(f, id, JOB_MOVE_AGAIN), ERR_NONE);
	assert_int_equal(window(f, id, 0, rows, 3, &arena), 1);
	assert_int_equal(rows[0].number, 1);
	assert_int_equal(rows[0].attempts, 0);
	assert_memory_equal(rows[0].resume, "half", 4);
	size_t room = 3;
	assert_int_equal(store_parts_load(f->store, &id, PART_DONE, 0, rows, &room, &arena, &err),
			 0);
	assert_int_equal(room, 1);
	assert_int_equal(rows[0].result_offset, 10);
	assert_int_equal(rows[0].result_len, 20);
	arena_done(&arena);
}

static void retry_from_outside_renews_the_budget(void **state)
{
	/* POST …/retry: numbers go on, what was used does not count. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct job job;

	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_FAIL), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_AGAIN), ERR_NONE);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_PENDING);
	assert_int_equal(job.attempt, 1);
	assert_int_equal(job.attempts_free, 1);
	assert_int_equal(job.error, ERR_NONE);
	assert_int_equal(job.finished_ms, 0);
	job_done(&job);
	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_COMPLETE), ERR_NONE);
}

static void checkpoints_are_replaced_and_removed(void **state)
{
	/* One blob a lane; the later one counts; NULL removes it. */
	struct fixture *f = *state;
	struct arena arena = ARENA(1 << 20);
	struct checkpoint_row rows[] = {{0, "zero", 4}, {1, "one", 3}, {0, "null", 4}};
	struct checkpoint_row drop = {1, NULL, 0};
	struct op_commit commit = {.op.kind = OP_COMMIT,
				   .id = submit_plain(f),
				   .attempt = 1,
				   .checkpoints = rows,
				   .checkpoints_count = 3};
	struct checkpoint_row *got;
	struct err err;
	size_t count;

	assert_int_equal(put_wait(f, &commit.op), ERR_NONE);
	assert_int_equal(store_checkpoints(f->store, &commit.id, &got, &count, &arena, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(got[0].lane, 0);
	assert_memory_equal(got[0].blob, "null", 4);
	assert_int_equal(got[1].len, 3);
	commit.checkpoints = &drop;
	commit.checkpoints_count = 1;
	assert_int_equal(put_wait(f, &commit.op), ERR_NONE);
	assert_int_equal(store_checkpoints(f->store, &commit.id, &got, &count, &arena, &err), 0);
	assert_int_equal(count, 1);
	arena_done(&arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(short_run_needs_no_start),
		TEST(failed_attempts_are_recorded),
		TEST(cancelled_run_writes_nothing_more),
		TEST(wrong_attempt_is_refused),
		TEST(paused_run_flushes_and_yields),
		TEST(resume_before_the_yield_ends_the_attempt),
		TEST(window_goes_by_priority_then_groups),
		TEST(parts_keep_what_was_done),
		TEST(retry_from_outside_renews_the_budget),
		TEST(checkpoints_are_replaced_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
