/* SPDX-License-Identifier: MIT */
/* test_store_results.c - results in rows, in a file, and on the way from one to the other. */
#include "tests/unit/store/fixture.h"

#include <sys/stat.h>

enum { LINE = 1000, LINES = 200 }; /* 200,000 bytes: three times the inline limit */

/* Line n is its number and padding, so that any byte range can be checked. */
static void line_make(int n, char line[LINE + 1])
{
	memset(line, 'a' + n % 26, LINE);
	line[sprintf(line, "{\"n\":%d", n)] = ' ';
	line[LINE - 1] = '\n';
	line[LINE] = '\0';
}

static enum err_code append(struct fixture *f, struct id id, uint16_t attempt, int n)
{
	char line[LINE + 1];
	struct op_commit commit = {.op.kind = OP_COMMIT,
				   .id = id,
				   .attempt = attempt,
				   .results = line,
				   .results_len = LINE,
				   .items = 1};

	line_make(n, line);
	return put_wait(f, &commit.op);
}

static void read_check(struct fixture *f, struct id id, int lines)
{
	char line[LINE + 1];
	char got[LINE];
	struct err err;
	size_t len;

	for (int n = 0; n < lines; n++) {
		line_make(n, line);
		assert_int_equal(store_results_read(f->store, &id, n * LINE, got, LINE, &len, &err),
				 0);
		assert_int_equal(len, LINE);
		assert_memory_equal(got, line, LINE);
	}
	assert_int_equal(store_results_read(f->store, &id, lines * LINE, got, LINE, &len, &err), 0);
	assert_int_equal(len, 0);
}

static int64_t file_bytes(struct fixture *f, struct id id)
{
	char path[160], text[ID_TEXT_LEN + 1];
	struct stat now;

	id_format(&id, text);
	snprintf(path, sizeof(path), "%s/results/%s.ndjson", f->dir, text);
	return stat(path, &now) ? -1 : now.st_size;
}

static void small_results_stay_in_rows(void **state)
{
	/* Ten lines make no file, and any range of them can be read. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	char got[LINE], a[LINE + 1], b[LINE + 1];
	struct err err;
	size_t len;

	for (int n = 0; n < 10; n++)
		assert_int_equal(append(f, id, 1, n), ERR_NONE);
	assert_int_equal(file_bytes(f, id), -1);
	read_check(f, id, 10);
	line_make(3, a);
	line_make(4, b);
	assert_int_equal(store_results_read(f->store, &id, 3 * LINE + 600, got, LINE, &len, &err),
			 0);
	assert_int_equal(len, LINE);
	assert_memory_equal(got, a + 600, 400);
	assert_memory_equal(got + 400, b, 600);
}

static void big_results_move_to_a_file(void **state)
{
	/* 200 lines pass the limit on the way: all are in the file, in order, none twice. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct job job;

	for (int n = 0; n < LINES; n++)
		assert_int_equal(append(f, id, 1, n), ERR_NONE);
	assert_int_equal(file_bytes(f, id), LINES * LINE);
	read_check(f, id, LINES);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	job = get_job(f, id);
	assert_int_equal(job.result_bytes, LINES * LINE);
	assert_int_equal(job.items, LINES);
	job_done(&job);
	fixture_reopen(f);
	read_check(f, id, LINES);
}

struct burst {
	struct lock lock;
	struct cond cond;
	int left, failed;
};

static void burst_done(struct store_op *op)
{
	struct burst *burst = op->ctx;

	lock_take(&burst->lock);
	burst->failed += op->err.code != ERR_NONE;
	if (--burst->left == 0)
		cond_signal(&burst->cond);
	lock_drop(&burst->lock);
}

static void commits_in_flight_keep_their_order(void **state)
{
	/* 200 commits and a finish handed over at once end as 200 lines in order. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct op_commit *commits = calloc(LINES, sizeof(*commits));
	char(*lines)[LINE + 1] = calloc(LINES, sizeof(*lines));
	struct op_finish finish = {.op.kind = OP_FINISH,
				   .last = {.id = id, .attempt = 1},
				   .move = JOB_MOVE_COMPLETE,
				   .finished_ms = 3000};
	struct burst burst = {.left = LINES + 1};
	struct err err;

	lock_init(&burst.lock, LOCK_LEAF);
	cond_init(&burst.cond);
	for (int n = 0; n < LINES; n++) {
		line_make(n, lines[n]);
		commits[n] = (struct op_commit){
			.op = {.kind = OP_COMMIT, .done = burst_done, .ctx = &burst},
			.id = id,
			.attempt = 1,
			.results = lines[n],
			.results_len = LINE,
			.items = 1};
		assert_int_equal(store_put(f->store, &commits[n].op, &err), 0);
	}
	finish.op.done = burst_done;
	finish.op.ctx = &burst;
	assert_int_equal(store_put(f->store, &finish.op, &err), 0);
	lock_take(&burst.lock);
	while (burst.left > 0)
		cond_wait(&burst.cond, &burst.lock);
	lock_drop(&burst.lock);
	assert_int_equal(burst.failed, 0);
	assert_int_equal(finish.state, JOB_COMPLETED);
	assert_int_equal(file_bytes(f, id), LINES * LINE);
	read_check(f, id, LINES);
	cond_done(&burst.cond);
	lock_done(&burst.lock);
	free(commits);
	free(lines);
}

static void cancelled_lines_are_written_over(void **state)
{
	/* What a cancelled attempt still put into the file is not read, and is replaced. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);

	for (int n = 0; n < 100; n++)
		assert_int_equal(append(f, id, 1, n), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(append(f, id, 1, 7), ERR_WRONG_STATE);
	read_check(f, id, 100);
	assert_int_equal(move_job(f, id, JOB_MOVE_AGAIN), ERR_NONE);
	for (int n = 100; n < 110; n++)
		assert_int_equal(append(f, id, 2, n), ERR_NONE);
	read_check(f, id, 110);
}

static void open_cuts_tails_and_orphans(void **state)
{
	/* Bytes beyond the committed length and files without a job go at the open. */
	struct fixture *f = *state;
	struct id id = submit_plain(f), orphan;
	char command[300], text[ID_TEXT_LEN + 1], orphan_text[ID_TEXT_LEN + 1];

	for (int n = 0; n < 100; n++)
		assert_int_equal(append(f, id, 1, n), ERR_NONE);
	id_new(&orphan);
	id_format(&id, text);
	id_format(&orphan, orphan_text);
	snprintf(command, sizeof(command),
		 "cd %s/results && echo tail >> %s.ndjson && echo x > %s.ndjson && echo x > other",
		 f->dir, text, orphan_text);
	assert_int_equal(system(command), 0);
	assert_int_equal(file_bytes(f, id), 100 * LINE + 5);
	fixture_reopen(f);
	assert_int_equal(file_bytes(f, id), 100 * LINE);
	assert_int_equal(file_bytes(f, orphan), -1);
	read_check(f, id, 100);
}

static void delete_unlinks_the_file(void **state)
{
	/* A deleted job's file goes with it. */
	struct fixture *f = *state;
	struct op_delete op = {.op.kind = OP_DELETE, .id = submit_plain(f)};

	for (int n = 0; n < 100; n++)
		assert_int_equal(append(f, op.id, 1, n), ERR_NONE);
	assert_int_equal(finish_job(f, op.id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	fixture_reopen(f); /* the unlink follows the callback */
	assert_int_equal(file_bytes(f, op.id), -1);
}

static void a_file_that_lost_bytes_is_an_error_and_no_early_end(void **state)
{
	/* 50 of 100 committed lines are gone: what is there reads, what is not is ERR_STORE. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	char path[160], text[ID_TEXT_LEN + 1], got[LINE];
	struct err err;
	size_t len;

	for (int n = 0; n < 100; n++)
		assert_int_equal(append(f, id, 1, n), ERR_NONE);
	id_format(&id, text);
	snprintf(path, sizeof(path), "%s/results/%s.ndjson", f->dir, text);
	assert_int_equal(truncate(path, 50 * LINE), 0);
	assert_int_equal(store_results_read(f->store, &id, 49 * LINE, got, LINE, &len, &err), 0);
	assert_int_equal(len, LINE);
	assert_int_equal(store_results_read(f->store, &id, 50 * LINE, got, LINE, &len, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
}

static void a_new_database_does_not_delete_the_results_of_another(void **state)
{
	/* Without its database a file of results is not an orphan: the store does not open. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct store *other;
	char command[300];
	struct err err;

	for (int n = 0; n < 100; n++)
		assert_int_equal(append(f, id, 1, n), ERR_NONE);
	store_close(f->store);
	f->store = NULL;
	snprintf(command, sizeof(command), "mkdir %s/old && mv %s/jobmill.db* %s/old", f->dir,
		 f->dir, f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(store_open(&f->config, &other, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(file_bytes(f, id), 100 * LINE);
}

/* Parts 0 to 5 tell a line each; 1, 2 and 5 fail. */
static void six_parts(struct fixture *f, struct id id)
{
	struct part_row parts[6] = {{0}};
	struct item_error errors[3] = {{.key = "1", .error = ERR_IO, .detail = ""},
				       {.key = "2", .error = ERR_IO, .detail = ""},
				       {.key = "5", .error = ERR_IO, .detail = ""}};
	char lines[6 * LINE + 1];
	struct op_finish op = {
		.op.kind = OP_FINISH,
		.last = {.id = id,
			 .attempt = 1,
			 .parts_added = parts,
			 .parts_added_count = 6,
			 .errors = errors,
			 .errors_count = 3,
			 .results = lines,
			 .results_len = sizeof(lines) - 1,
			 .items = 6,
			 .items_failed = 3},
		.move = JOB_MOVE_COMPLETE,
	};
	static const char *const keys[] = {"0", "1", "2", "3", "4", "5"};

	for (int n = 0; n < 6; n++) {
		line_make(n, lines + n * LINE);
		parts[n] = (struct part_row){
			.number = (uint64_t)n,
			.key = keys[n],
			.key_len = 1,
			.state = n == 1 || n == 2 || n == 5 ? PART_FAILED : PART_DONE,
			.result_offset = n * LINE,
			.result_len = LINE,
			.result_items = 1,
		};
	}
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
}

/* The numbers of the lines that are shown, as text. */
static void shown(struct fixture *f, struct id id, size_t room, char *ret)
{
	char all[8 * LINE];
	int64_t offset = 0;
	size_t len = 0, more;
	struct err err;

	do {
		assert_true(len + room <= sizeof(all));
		assert_int_equal(
			store_results_next(f->store, &id, &offset, all + len, room, &more, &err),
			0);
		len += more;
	} while (more > 0);
	assert_int_equal(len % LINE, 0);
	for (size_t at = 0; at < len; at += LINE)
		*ret++ = all[at + 5];
	*ret = '\0';
}

static void items_of_failed_parts_are_hidden_when_they_are_done_again(void **state)
{
	/* 1 and 2 side by side, 5 at the end; what is retried counts no more, its errors are
	 * resolved, and the parts are pending. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct parts_summary parts;
	int64_t counts[ERR_CODES], hidden;
	char numbers[9];
	struct job job;
	struct err err;

	six_parts(f, id);
	shown(f, id, LINE, numbers);
	assert_string_equal(numbers, "012345");
	assert_int_equal(store_errors_count(f->store, &id, counts, &err), 0);
	assert_int_equal(counts[ERR_IO], 3);
	assert_int_equal(move_job(f, id, JOB_MOVE_MEND), ERR_NONE);
	shown(f, id, LINE, numbers);
	assert_string_equal(numbers, "034");
	shown(f, id, 700, numbers);
	assert_string_equal(numbers, "034");
	assert_int_equal(store_results_hidden(f->store, &id, &hidden, &err), 0);
	assert_int_equal(hidden, 3 * LINE);
	assert_int_equal(store_errors_count(f->store, &id, counts, &err), 0);
	assert_int_equal(counts[ERR_IO], 0);
	job = get_job(f, id);
	assert_int_equal(job.state, JOB_PENDING);
	assert_int_equal(job.items, 3);
	assert_int_equal(job.items_failed, 0);
	job_done(&job);
	assert_int_equal(store_parts_summary(f->store, &id, &parts, &err), 0);
	assert_int_equal(parts.pending, 3);
	assert_int_equal(parts.done, 3);
	assert_int_equal(append(f, id, 2, 6), ERR_NONE);
	shown(f, id, LINE, numbers);
	assert_string_equal(numbers, "0346");
}

static void a_job_without_failed_parts_is_not_mended(void **state)
{
	/* Nothing failed: refused, and still completed. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);

	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_MEND), ERR_ITEMS);
	assert_int_equal(state_of(f, id), JOB_COMPLETED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(items_of_failed_parts_are_hidden_when_they_are_done_again),
		TEST(a_job_without_failed_parts_is_not_mended),
		TEST(small_results_stay_in_rows),
		TEST(big_results_move_to_a_file),
		TEST(commits_in_flight_keep_their_order),
		TEST(cancelled_lines_are_written_over),
		TEST(open_cuts_tails_and_orphans),
		TEST(delete_unlinks_the_file),
		TEST(a_file_that_lost_bytes_is_an_error_and_no_early_end),
		TEST(a_new_database_does_not_delete_the_results_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
