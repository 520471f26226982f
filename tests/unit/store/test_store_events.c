/* SPDX-License-Identifier: MIT */
/* test_store_events.c - the numbers, the log of one job, and the log of all. */
#include "tests/unit/store/fixture.h"

#include <sqlite3.h>

enum { ROOM = 64 };

static size_t events_of(struct fixture *f, const struct id *job, uint64_t after, unsigned limit,
			struct event *events)
{
	struct err err;
	size_t count;

	if (store_events_read(f->store, job, after, limit, events, &count, &err))
		fail_msg("store_events_read: %s", err.detail);
	return count;
}

static void events_free(struct event *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(events[i].data);
}

static void plain_job_has_four_events(void **state)
{
	/* pending, running, completed, end: told, read of the job, and read of all alike. */
	static const enum job_state states[] = {JOB_PENDING, JOB_RUNNING, JOB_COMPLETED,
						JOB_COMPLETED};
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct event own[ROOM], all[ROOM];

	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	assert_int_equal(events_of(f, &id, 0, ROOM, own), 4);
	assert_int_equal(events_of(f, NULL, 0, ROOM, all), 4);
	assert_int_equal(f->seen_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(own[i].seq, i + 1);
		assert_int_equal(own[i].state, states[i]);
		assert_int_equal(own[i].type, i == 3 ? EVENT_END : EVENT_STATE);
		assert_int_equal(own[i].born, i == 0);
		assert_int_equal(own[i].attempt, i == 0 ? 0 : 1);
		assert_null(own[i].data);
		assert_int_equal(all[i].seq, own[i].seq);
		assert_int_equal(all[i].type, own[i].type);
		assert_int_equal(all[i].state, own[i].state);
		assert_int_equal(all[i].born, own[i].born);
		assert_int_equal(all[i].at_ms, own[i].at_ms);
		assert_int_equal(all[i].attempt, own[i].attempt);
		assert_true(id_equal(&all[i].job, &id));
		assert_int_equal(f->seen[i].seq, own[i].seq);
		assert_int_equal(f->seen[i].at_ms, own[i].at_ms);
	}
	assert_int_equal(own[0].at_ms, 1000);
	assert_int_equal(own[1].at_ms, 2000);
	assert_int_equal(own[2].at_ms, 3000);
	assert_int_equal(store_events_last_seq(f->store), 4);
}

static struct op_commit commit_news(struct id id, struct log_line *log, struct item_error *item)
{
	*log = (struct log_line){.at_ms = 2500, .level = 1, .text = "half \"way\""};
	*item = (struct item_error){
		.key = "http://a/", .line = 7, .offset = -1, .error = ERR_FETCH_DNS, .attempts = 2};
	return (struct op_commit){
		.op.kind = OP_COMMIT,
		.id = id,
		.attempt = 1,
		.started_ms = 2000,
		.errors = item,
		.errors_count = 1,
		.logs = log,
		.logs_count = 1,
		.items_failed = 1,
		.progress = true,
		.done = 5,
		.total = 10,
		.stage = "fetch",
		.rate = 2.5,
	};
}

static void progress_logs_and_items_are_in_order(void **state)
{
	/* What a commit tells has its data in both logs, between the states around it. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct event own[ROOM], all[ROOM];
	struct item_error item, got;
	struct log_line log;
	struct op_commit commit = commit_news(id, &log, &item);
	struct arena arena = ARENA(1 << 16);
	struct job job;
	struct err err;
	size_t count;

	assert_int_equal(put_wait(f, &commit.op), ERR_NONE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	assert_int_equal(events_of(f, &id, 0, ROOM, own), 7);
	assert_int_equal(own[1].state, JOB_RUNNING);
	assert_int_equal(own[2].type, EVENT_ITEM);
	assert_string_equal(own[2].data,
			    "{\"seq\":3,\"key\":\"http://a/\",\"stage\":null,\"line\":7,"
			    "\"error\":{\"type\":\"dns\",\"detail\":null},"
			    "\"attempts\":2}");
	assert_int_equal(own[3].type, EVENT_LOG);
	assert_string_equal(own[3].data, "{\"level\":\"info\",\"text\":\"half \\\"way\\\"\"}");
	assert_int_equal(own[3].at_ms, 2500);
	assert_int_equal(own[4].type, EVENT_PROGRESS);
	assert_string_equal(own[4].data,
			    "{\"done\":5,\"total\":10,\"stage\":\"fetch\",\"rate\":2.5}");
	assert_int_equal(own[5].state, JOB_COMPLETED);
	assert_int_equal(own[6].type, EVENT_END);
	assert_int_equal(events_of(f, NULL, 0, ROOM, all), 7);
	for (int i = 2; i < 5; i++)
		assert_string_equal(all[i].data, own[i].data);
	events_free(own, 7);
	events_free(all, 7);

	assert_int_equal(store_logs_read(f->store, &id, 0, ROOM, own, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(own[0].seq, 4);
	events_free(own, 1);
	assert_int_equal(store_errors_read(f->store, &id, 0, 1, &got, &count, &arena, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(got.seq, 3);
	assert_string_equal(got.key, "http://a/");
	assert_int_equal(got.error, ERR_FETCH_DNS);
	assert_int_equal(got.line, 7);
	arena_done(&arena);
	job = get_job(f, id);
	assert_int_equal(job.done, 5);
	assert_int_equal(job.items_failed, 1);
	job_done(&job);
}

static void reading_goes_on_after_any_seq(void **state)
{
	/* Pages of one event each give the whole log, of a job with three attempts. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct event whole[ROOM], one;
	size_t count;

	assert_int_equal(start_job(f, id, 1), ERR_NONE);
	assert_int_equal(finish_job(f, id, 1, JOB_MOVE_YIELD), ERR_NONE);
	submit_plain(f); /* another job's events lie between */
	assert_int_equal(finish_job(f, id, 2, JOB_MOVE_FAIL), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_AGAIN), ERR_NONE);
	assert_int_equal(finish_job(f, id, 3, JOB_MOVE_COMPLETE), ERR_NONE);

	count = events_of(f, &id, 0, ROOM, whole);
	/* p r | p (yield) | r f end | p | r c end */
	assert_int_equal(count, 10);
	assert_int_equal(whole[3].attempt, 2);
	assert_int_equal(whole[5].type, EVENT_END);
	assert_int_equal(whole[5].state, JOB_FAILED);
	assert_int_equal(whole[6].state, JOB_PENDING);
	assert_int_equal(whole[9].type, EVENT_END);
	assert_int_equal(whole[9].state, JOB_COMPLETED);
	for (size_t i = 0; i < count; i++) {
		uint64_t after = i == 0 ? 0 : whole[i - 1].seq;

		assert_int_equal(events_of(f, &id, after, 1, &one), 1);
		assert_int_equal(one.seq, whole[i].seq);
		assert_int_equal(one.type, whole[i].type);
		assert_int_equal(one.state, whole[i].state);
	}
	assert_int_equal(events_of(f, &id, whole[9].seq, 1, &one), 0);
	assert_int_equal(events_of(f, NULL, 0, ROOM, whole), 11);
	for (uint64_t i = 0; i < 11; i++)
		assert_int_equal(whole[i].seq, i + 1);
}

static void scheduled_job_is_born_scheduled(void **state)
{
	/* Its first event says scheduled, once, and is the one that is born. */
	struct fixture *f = *state;
	struct job job = job_plain();
	struct event own[ROOM];

	job.state = JOB_SCHEDULED;
	job.ready_ms = INT64_MAX / 2;
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	assert_int_equal(events_of(f, &job.id, 0, ROOM, own), 1);
	assert_int_equal(own[0].state, JOB_SCHEDULED);
	assert_true(own[0].born);
	assert_int_equal(own[0].seq, job.created_seq);
}

static void numbers_go_on_after_a_restart(void **state)
{
	/* The next event of a new process has the next number. */
	struct fixture *f = *state;

	submit_plain(f);
	submit_plain(f);
	fixture_reopen(f);
	assert_int_equal(store_events_last_seq(f->store), 2);
	submit_plain(f);
	assert_int_equal(store_events_last_seq(f->store), 3);
}

static void old_events_are_forgotten(void **state)
{
	/* Beyond the limit the oldest commits go, and with them rows of progress only. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	struct event events[ROOM];
	struct item_error item;
	struct log_line log;
	struct op_commit commit = commit_news(id, &log, &item);
	struct err err;
	size_t count;

	store_close(f->store);
	f->config.events_kept_max = 4;
	fixture_start(f);
	assert_int_equal(put_wait(f, &commit.op), ERR_NONE); /* 2 to 5 */
	submit_plain(f);
	submit_plain(f); /* 6, 7: the two commits before are forgotten */

	assert_int_equal(store_events_read(f->store, NULL, 4, ROOM, events, &count, &err), -1);
	assert_int_equal(err.code, ERR_GONE);
	assert_int_equal(events_of(f, NULL, 5, ROOM, events), 2);
	assert_int_equal(events[0].seq, 6);
	count = events_of(f, &id, 0, ROOM, events);
	assert_int_equal(count, 4); /* pending, running, item, log */
	assert_int_equal(events[3].type, EVENT_LOG);
	events_free(events, count);
	fixture_reopen(f);
	assert_int_equal(store_events_read(f->store, NULL, 4, ROOM, events, &count, &err), -1);
	assert_int_equal(err.code, ERR_GONE);
}

static void note_put(struct fixture *f, const char *data)
{
	struct op_note note = {.op.kind = OP_NOTE, .at_ms = 1234, .type = EVENT_HOST, .data = data};

	assert_int_equal(put_wait(f, &note.op), ERR_NONE);
}

static void a_note_is_of_no_job_and_in_the_log_of_all(void **state)
{
	/* Its number stands between those of jobs, its data is kept over a restart. */
	struct fixture *f = *state;
	struct id id = submit_plain(f); /* 1 */
	const struct id nobody = {{0}};
	struct event events[ROOM];
	size_t count;

	note_put(f, "{\"key\":\"a\"}"); /* 2 */
	submit_plain(f);		/* 3 */
	assert_int_equal(f->seen[1].type, EVENT_HOST);
	fixture_reopen(f);
	count = events_of(f, NULL, 0, ROOM, events);
	assert_int_equal(count, 3);
	assert_int_equal(events[1].seq, 2);
	assert_int_equal(events[1].type, EVENT_HOST);
	assert_int_equal(events[1].at_ms, 1234);
	assert_true(id_equal(&events[1].job, &nobody));
	assert_string_equal(events[1].data, "{\"key\":\"a\"}");
	events_free(events, count);
	count = events_of(f, &id, 0, ROOM, events);
	assert_int_equal(count, 1);
	events_free(events, count);
}

static void old_notes_are_forgotten_with_their_rows(void **state)
{
	/* Four are kept: the row of a note that left the log is gone, its number stays free. */
	struct fixture *f = *state;
	struct event events[ROOM];
	size_t count;
	struct err err;
	sqlite3 *db;
	sqlite3_stmt *rows;
	char path[128];

	store_close(f->store);
	f->config.events_kept_max = 4;
	fixture_start(f);
	for (int i = 0; i < 10; i++)
		note_put(f, "{}");
	assert_int_equal(store_events_read(f->store, NULL, 0, ROOM, events, &count, &err), -1);
	assert_int_equal(err.code, ERR_GONE);
	count = events_of(f, NULL, 6, ROOM, events);
	assert_int_equal(count, 4);
	events_free(events, count);
	store_close(f->store);
	snprintf(path, sizeof(path), "%s/jobmill.db", f->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM event", -1, &rows, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(rows, 0), 4);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	fixture_start(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(plain_job_has_four_events),
		TEST(progress_logs_and_items_are_in_order),
		TEST(reading_goes_on_after_any_seq),
		TEST(scheduled_job_is_born_scheduled),
		TEST(numbers_go_on_after_a_restart),
		TEST(old_events_are_forgotten),
		TEST(a_note_is_of_no_job_and_in_the_log_of_all),
		TEST(old_notes_are_forgotten_with_their_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
