/* SPDX-License-Identifier: MIT */
/* test_store_faults.c - writes and fsyncs that fail, at each place of a commit. */
#include "tests/unit/store/fault_vfs.h"
#include "tests/unit/store/fixture.h"

static int setup_faulty(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	fixture_init(f);
	f->config.vfs = "fault";
	f->config.sync = true;
	fixture_start(f);
	*state = f;
	return 0;
}

static void faults_clear(void)
{
	atomic_store(&fault_write, FAULT_NONE);
	atomic_store(&fault_sync, FAULT_NONE);
	fault_write_rc = SQLITE_IOERR_WRITE;
}

static enum err_code submit_code(struct fixture *f, struct job *job)
{
	enum submit_outcome outcome;
	struct op_submit op = {.op.kind = OP_SUBMIT, .jobs = job, .count = 1, .outcomes = &outcome};

	return put_wait(f, &op.op);
}

/* The store comes back by itself: tries until a submit is taken. */
static struct id submit_until_taken(struct fixture *f)
{
	int64_t until_ms = clock_ms() + 60000;
	struct store_stats stats;

	do {
		store_stats(f->store, &stats);
		if (!stats.writable)
			usleep(1000); /* it reopens by its own clock, there is nothing to wait for
				       */
	} while (!stats.writable && clock_ms() < until_ms);
	return submit_plain(f);
}

/* Is the job there?  Either is right after a COMMIT of unknown outcome. */
static bool exists(struct fixture *f, const struct id *id)
{
	struct job job;
	struct err err;
	bool found = store_job_get(f->store, id, false, &job, &err) == 0;

	if (!found)
		assert_int_equal(err.code, ERR_NOT_FOUND);
	job_done(&job);
	return found;
}

static void counts_agree(struct fixture *f)
{
	int64_t before[JOB_STATES], after[JOB_STATES];
	uint64_t seq = store_events_last_seq(f->store);

	store_job_counts(f->store, before);
	fixture_reopen(f);
	store_job_counts(f->store, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(store_events_last_seq(f->store), seq);
}

static void failed_fsync_is_told_and_survived(void **state)
{
	/* The COMMIT's fsync fails: the submit is refused, the store goes on later. */
	struct fixture *f = *state;
	struct id first = submit_plain(f), last;
	struct job job = job_plain();

	atomic_store(&fault_sync, 0);
	assert_int_equal(submit_code(f, &job), ERR_STORE);
	assert_int_equal(submit_code(f, &job), ERR_STORE); /* refused at the door, or again */
	faults_clear();
	last = submit_until_taken(f);
	assert_true(exists(f, &first));
	assert_true(exists(f, &last));
	counts_agree(f);
}

static void failed_write_at_each_place(void **state)
{
	/* The n-th write fails, n from 0: what was answered stays, nothing is half. */
	struct fixture *f = *state;
	struct id kept[40];

	for (int n = 0; n < 40; n++) {
		struct job job = job_plain();
		enum err_code code;

		job.tags = (char *)"{\"a\":\"b\"}";
		kept[n] = submit_until_taken(f);
		atomic_store(&fault_write, n);
		code = submit_code(f, &job);
		faults_clear();
		assert_true(code == ERR_NONE || code == ERR_STORE);
		if (code == ERR_NONE)
			assert_true(exists(f, &job.id));
	}
	submit_until_taken(f);
	for (int n = 0; n < 40; n++)
		assert_true(exists(f, &kept[n]));
	counts_agree(f);
}

static void full_disk_says_so(void **state)
{
	/* SQLITE_FULL becomes disk-full, and goes away with its cause. */
	struct fixture *f = *state;
	struct job job = job_plain();

	submit_plain(f);
	fault_write_rc = SQLITE_FULL;
	atomic_store(&fault_write, 0);
	assert_int_equal(submit_code(f, &job), ERR_DISK_FULL);
	faults_clear();
	submit_until_taken(f);
	counts_agree(f);
}

static void closing_while_broken_ends(void **state)
{
	/* store_close returns although nothing can be written; the next open is whole. */
	struct fixture *f = *state;
	struct id first = submit_plain(f);
	struct job job = job_plain();

	atomic_store(&fault_sync, 0);
	assert_int_equal(submit_code(f, &job), ERR_STORE);
	store_close(f->store);
	faults_clear();
	fixture_start(f);
	assert_true(exists(f, &first));
}

/* From now on SQLite fails to insert a job of the name "hopeless" and to cancel one of the
 * name "doomed": its sum overflows. */
static void hopeless_make(struct fixture *f)
{
	static const char sql[] =
		"CREATE TRIGGER a BEFORE INSERT ON job WHEN NEW.name = 'hopeless'"
		" BEGIN SELECT abs(-9223372036854775807 - 1); END;"
		"CREATE TRIGGER b AFTER UPDATE ON job WHEN NEW.name = 'doomed' AND NEW.state = 7"
		" BEGIN SELECT abs(-9223372036854775807 - 1); END;";
	char path[128];
	sqlite3 *db;

	store_close(f->store);
	f->store = NULL;
	snprintf(path, sizeof(path), "%s/jobmill.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	fixture_start(f);
}

/* An operation whose callback keeps the writer until the test has filled its queue. */
struct gate {
	struct lock lock;
	struct cond cond;
	unsigned left; /* operations that were not told yet */
	bool open;
};

static void gate_keep(struct store_op *op)
{
	struct gate *gate = op->ctx;

	lock_take(&gate->lock);
	while (!gate->open)
		cond_wait(&gate->cond, &gate->lock);
	lock_drop(&gate->lock);
}

static void gate_told(struct store_op *op)
{
	struct gate *gate = op->ctx;

	lock_take(&gate->lock);
	gate->left--;
	cond_signal(&gate->cond);
	lock_drop(&gate->lock);
}

static void put(struct fixture *f, struct gate *gate, struct store_op *op)
{
	struct err err;

	op->done = gate_told;
	op->ctx = gate;
	gate->left++;
	assert_int_equal(store_put(f->store, op, &err), 0);
}

static void hopeless_operations_fail_alone(void **state)
{
	/* One batch: results that go to a file, two hopeless submits among three that are not, a
	 * cancel, and one that is hopeless only after it has changed its row.  The others are
	 * done, once. */
	enum { LINES_BYTES = STORE_INLINE_RESULT_BYTES + 1 };
	struct fixture *f = *state;
	struct job doomed = job_plain(), jobs[5];
	enum submit_outcome outcomes[5];
	struct op_submit submits[5];
	struct op_move cancels[2];
	struct id cancelled = submit_plain(f), running = submit_plain(f);
	struct op_commit commit = {.op.kind = OP_COMMIT, .attempt = 1, .items = 1};
	char *lines = malloc(LINES_BYTES);
	struct job job;
	struct op_kv first = {.op.kind = OP_KV, .space = "test", .key = "gate"};
	struct gate gate = {.left = 0};
	struct store_stats stats;
	struct err err;

	doomed.name = (char *)"doomed";
	assert_int_equal(submit_code(f, &doomed), ERR_NONE);
	hopeless_make(f);
	memset(lines, ' ', LINES_BYTES);
	lines[LINES_BYTES - 1] = '\n';
	commit.id = running;
	commit.results = lines;
	commit.results_len = LINES_BYTES;
	lock_init(&gate.lock, LOCK_LEAF);
	cond_init(&gate.cond);
	first.op.done = gate_keep;
	first.op.ctx = &gate;
	assert_int_equal(store_put(f->store, &first.op, &err), 0);
	put(f, &gate, &commit.op);
	for (int i = 0; i < 5; i++) {
		jobs[i] = job_plain();
		if (i % 2)
			jobs[i].name = (char *)"hopeless";
		submits[i] = (struct op_submit){.op.kind = OP_SUBMIT,
						.jobs = &jobs[i],
						.count = 1,
						.outcomes = &outcomes[i]};
		put(f, &gate, &submits[i].op);
	}
	for (int i = 0; i < 2; i++) {
		cancels[i] = (struct op_move){.op.kind = OP_MOVE,
					      .id = i ? doomed.id : cancelled,
					      .move = JOB_MOVE_CANCEL,
					      .at_ms = clock_wall_ms()};
		put(f, &gate, &cancels[i].op);
	}
	lock_take(&gate.lock);
	gate.open = true;
	cond_broadcast(&gate.cond);
	while (gate.left > 0)
		cond_wait(&gate.cond, &gate.lock);
	lock_drop(&gate.lock);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(submits[i].op.err.code, i % 2 ? ERR_INTERNAL : ERR_NONE);
		assert_int_equal(exists(f, &jobs[i].id), i % 2 == 0);
	}
	assert_int_equal(cancels[0].op.err.code, ERR_NONE);
	assert_int_equal(cancels[0].job.state, JOB_CANCELLED);
	assert_int_equal(cancels[1].op.err.code, ERR_INTERNAL);
	assert_null(cancels[1].job.type); /* nothing is left of it */
	job_done(&cancels[0].job);
	assert_int_equal(state_of(f, doomed.id), JOB_PENDING);
	assert_int_equal(commit.op.err.code, ERR_NONE);
	job = get_job(f, running);
	assert_int_equal(job.items, 1);
	assert_int_equal(job.result_bytes, LINES_BYTES);
	job_done(&job);
	free(lines);
	assert_int_equal(finish_job(f, running, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	store_stats(f->store, &stats);
	assert_true(stats.writable);
	counts_agree(f);
	cond_done(&gate.cond);
	lock_done(&gate.lock);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_faulty, teardown)
	const struct CMUnitTest tests[] = {
		TEST(failed_fsync_is_told_and_survived),
		TEST(failed_write_at_each_place),
		TEST(full_disk_says_so),
		TEST(closing_while_broken_ends),
		TEST(hopeless_operations_fail_alone),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
