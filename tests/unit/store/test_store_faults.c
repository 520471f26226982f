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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_faulty, teardown)
	const struct CMUnitTest tests[] = {
		TEST(failed_fsync_is_told_and_survived),
		TEST(failed_write_at_each_place),
		TEST(full_disk_says_so),
		TEST(closing_while_broken_ends),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
