/* SPDX-License-Identifier: MIT */
/* test_store_delete.c - a job with many rows goes at once, and its rows in slices.
 *
 * Callbacks run on the writer thread: while one does, no slice goes, and what is left
 * over stands still to be counted.
 */
#include "store/db.h"
#include "tests/unit/store/fixture.h"

#include <sys/wait.h>

enum { PARTS = 50000, PARTS_A_COMMIT = 5000 };

static int64_t number(const struct fixture *f, const char *sql)
{
	char path[128];
	struct db_config config = {.path = path, .mode = DB_READER};
	struct db db;
	struct err err;
	int64_t value = 0;

	snprintf(path, sizeof(path), "%s/jobmill.db", f->dir);
	if (db_open(&db, &config, &err) || db_number(&db, sql, &value, &err))
		fail_msg("%s: %s", sql, err.detail);
	db_close(&db);
	return value;
}

/* A cancelled job with PARTS parts. */
static struct id job_of_parts(struct fixture *f)
{
	static struct part_row rows[PARTS_A_COMMIT];
	static char keys[PARTS_A_COMMIT][16];
	struct id id = submit_plain(f);

	for (int done = 0; done < PARTS; done += PARTS_A_COMMIT) {
		struct op_commit op = {
			.op.kind = OP_COMMIT,
			.id = id,
			.attempt = 1,
			.started_ms = 2000,
			.parts_added = rows,
			.parts_added_count = PARTS_A_COMMIT,
		};

		for (int i = 0; i < PARTS_A_COMMIT; i++) {
			int len = snprintf(keys[i], sizeof(keys[i]), "%d", done + i);

			rows[i] = (struct part_row){
				.number = (uint64_t)(done + i),
				.key = keys[i],
				.key_len = (size_t)len,
				.result_offset = -1,
			};
		}
		assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	}
	assert_int_equal(move_job(f, id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(number(f, "SELECT count(*) FROM part"), PARTS);
	return id;
}

/* A delete, and a submit that is handed over when the delete is told. */
struct pair {
	struct fixture *f;
	struct op_delete delete;
	struct op_submit submit;
	struct job job;
	enum submit_outcome outcome;
	int64_t left_after_delete, left_after_submit;
	bool dies;
	struct waiting waiting;
};

static void pair_submitted(struct store_op *op)
{
	struct pair *pair = op->ctx;

	pair->left_after_submit = number(pair->f, "SELECT count(*) FROM part");
	if (pair->dies)
		_exit(pair->left_after_submit > 0 ? 0 : 1);
	op->ctx = &pair->waiting;
	waiting_done(op);
}

static void pair_deleted(struct store_op *op)
{
	struct pair *pair = op->ctx;
	struct err err;

	pair->left_after_delete = number(pair->f, "SELECT count(*) FROM part");
	assert_int_equal(store_put(pair->f->store, &pair->submit.op, &err), 0);
}

/* Returns when both are told, and dies then if it should. */
static void pair_run(struct pair *pair, struct fixture *f, struct id id, bool dies)
{
	struct err err;

	*pair = (struct pair){.f = f, .job = job_plain(), .dies = dies};
	pair->delete = (struct op_delete){
		.op = {.kind = OP_DELETE, .done = pair_deleted, .ctx = pair}, .id = id};
	pair->submit = (struct op_submit){
		.op = {.kind = OP_SUBMIT, .done = pair_submitted, .ctx = pair},
		.jobs = &pair->job,
		.count = 1,
		.outcomes = &pair->outcome,
	};
	lock_init(&pair->waiting.lock, LOCK_LEAF);
	cond_init(&pair->waiting.cond);
	assert_int_equal(store_put(f->store, &pair->delete.op, &err), 0);
	lock_take(&pair->waiting.lock);
	while (!pair->waiting.done)
		cond_wait(&pair->waiting.cond, &pair->waiting.lock);
	lock_drop(&pair->waiting.lock);
	cond_done(&pair->waiting.cond);
	lock_done(&pair->waiting.lock);
}

/* Gives the writer turns until nothing is left over. */
static void wait_swept(struct fixture *f)
{
	int64_t until_ms = clock_ms() + 60000;

	while (number(f, "SELECT count(*) FROM leftover") > 0 && clock_ms() < until_ms) {
		struct op_kv op = {.op.kind = OP_KV, .space = "test", .key = "turn"};

		assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	}
	assert_int_equal(number(f, "SELECT count(*) FROM leftover"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM part"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM event WHERE job NOT IN "
				   "(SELECT num FROM job)"),
			 0);
}

static void expect_no_parts(struct fixture *f, struct id id)
{
	struct parts_summary parts;
	struct err err;

	assert_int_equal(store_parts_summary(f->store, &id, &parts, &err), 0);
	assert_int_equal(parts.next_number, 0);
	assert_int_equal(parts.pending, 0);
}

static void a_submit_is_committed_between_slices(void **state)
{
	/* The job is gone with its delete; a new one comes while its parts still go. */
	struct fixture *f = *state;
	struct id id = job_of_parts(f);
	int64_t counts[JOB_STATES];
	struct pair pair;
	struct job job;
	struct err err;

	pair_run(&pair, f, id, false);
	assert_int_equal(pair.delete.op.err.code, ERR_NONE);
	assert_int_equal(pair.outcome, SUBMIT_CREATED);
	assert_in_range(pair.left_after_delete, PARTS - 1024, PARTS - 1000);
	assert_in_range(pair.left_after_submit, PARTS - 2 * 1024, PARTS - 1000);
	assert_int_equal(store_job_get(f->store, &id, false, &job, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	store_job_counts(f->store, counts);
	assert_int_equal(counts[JOB_CANCELLED], 0);
	assert_int_equal(counts[JOB_PENDING], 1);
	expect_no_parts(f, pair.job.id);
	wait_swept(f);
}

static void a_crash_leaves_the_rest_to_the_next_open(void **state)
{
	/* Killed between two slices: the next store drops the others, and no new job gets them. */
	struct fixture *f = *state;
	struct id id = job_of_parts(f);
	int64_t counts[JOB_STATES];
	struct pair pair;
	int status;
	pid_t pid;

	store_close(f->store);
	f->store = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fixture_start(f);
		pair_run(&pair, f, id, true);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	fixture_start(f);
	expect_no_parts(f, submit_plain(f));
	store_job_counts(f->store, counts);
	assert_int_equal(counts[JOB_CANCELLED], 0);
	assert_int_equal(counts[JOB_PENDING], 2);
	wait_swept(f);
}

static void a_number_with_leftovers_is_not_given_again(void **state)
{
	/* Job 1 is gone whole, a job 2 has rows left over: the next one is 3. */
	struct fixture *f = *state;
	struct op_delete op = {.op.kind = OP_DELETE, .id = submit_plain(f)};
	struct db_config config = {.mode = DB_WRITER};
	char path[128];
	struct db db;
	struct err err;

	move_job(f, op.id, JOB_MOVE_CANCEL);
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(number(f, "SELECT count(*) FROM leftover"), 0);
	store_close(f->store);
	snprintf(path, sizeof(path), "%s/jobmill.db", f->dir);
	config.path = path;
	assert_int_equal(db_open(&db, &config, &err), 0);
	assert_int_equal(db_exec(&db, "INSERT INTO leftover VALUES (2)", &err), 0);
	db_close(&db);
	fixture_start(f);
	submit_plain(f);
	assert_int_equal(number(f, "SELECT max(num) FROM job"), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_submit_is_committed_between_slices),
		TEST(a_crash_leaves_the_rest_to_the_next_open),
		TEST(a_number_with_leftovers_is_not_given_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
