/* SPDX-License-Identifier: MIT */
/* test_store_jobs.c - submit, get, list, move, patch, delete, sweep, key-value. */
#include "tests/unit/store/fixture.h"

static void submitted_job_is_read_back(void **state)
{
	/* Everything that a client gave is there after the commit. */
	struct fixture *f = *state;
	struct job job = job_plain(), got;

	job.name = (char *)"prices";
	job.tags = (char *)"{\"team\":\"data\"}";
	job.fair_key = (char *)"tenant-7";
	job.request_id = (char *)"req_1";
	job.priority = PRIORITY_HIGH;
	job.deadline_ms = INT64_MAX / 4;
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	got = get_job(f, job.id);
	assert_string_equal(got.type, "math");
	assert_string_equal(got.name, "prices");
	assert_string_equal(got.tags, "{\"team\":\"data\"}");
	assert_string_equal(got.fair_key, "tenant-7");
	assert_string_equal(got.request_id, "req_1");
	assert_string_equal(got.body, "{\"type\":\"math\"}");
	assert_int_equal(got.state, JOB_PENDING);
	assert_int_equal(got.priority, PRIORITY_HIGH);
	assert_int_equal(got.created_ms, 1000);
	assert_int_equal(got.ready_ms, 1000);
	assert_int_equal(got.deadline_ms, INT64_MAX / 4);
	assert_int_equal(got.max_attempts, 3);
	assert_int_equal(got.attempt, 0);
	assert_int_equal(got.total, -1);
	assert_int_equal(got.version, 1);
	assert_int_equal(got.created_seq, 1);
	job_done(&got);
}

static void long_body_is_read_back(void **state)
{
	/* A body beyond the inline limit lives elsewhere and comes back whole. */
	struct fixture *f = *state;
	struct job job = job_plain(), got;
	char body[STORE_INLINE_SPEC_BYTES * 3 + 1];

	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	job.body = body;
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	got = get_job(f, job.id);
	assert_string_equal(got.body, body);
	job_done(&got);
}

static void missing_job_is_not_found(void **state)
{
	/* Get, move and delete of an unknown id say not-found. */
	struct fixture *f = *state;
	struct op_delete op = {.op.kind = OP_DELETE};
	struct job job;
	struct err err;

	id_new(&op.id);
	assert_int_equal(store_job_get(f->store, &op.id, false, &job, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(move_job(f, op.id, JOB_MOVE_CANCEL), ERR_NOT_FOUND);
	assert_int_equal(put_wait(f, &op.op), ERR_NOT_FOUND);
	assert_int_equal(start_job(f, op.id, 1), ERR_NOT_FOUND);
}

static void unique_key_is_held_until_failed_or_cancelled(void **state)
{
	/* A second job with the key gets the holder's id; a cancelled holder frees it. */
	struct fixture *f = *state;
	struct job first = job_plain(), second = job_plain(), third = job_plain();
	struct id second_id = second.id;

	first.unique_key = second.unique_key = third.unique_key = (char *)"nightly";
	assert_int_equal(submit_job(f, &first), SUBMIT_CREATED);
	assert_int_equal(submit_job(f, &second), SUBMIT_EXISTS);
	assert_true(id_equal(&second.id, &first.id));
	assert_int_equal(move_job(f, first.id, JOB_MOVE_CANCEL), ERR_NONE);
	second.id = second_id;
	assert_int_equal(submit_job(f, &second), SUBMIT_CREATED);
	assert_int_equal(move_job(f, first.id, JOB_MOVE_AGAIN), ERR_UNIQUE_CONFLICT);
	assert_int_equal(state_of(f, first.id), JOB_CANCELLED);
}

static enum submit_outcome submit_keyed(struct fixture *f, struct job *job, const char *key,
					uint8_t hash)
{
	enum submit_outcome outcome;
	struct op_submit op = {
		.op.kind = OP_SUBMIT,
		.jobs = job,
		.count = 1,
		.outcomes = &outcome,
		.idempotency_key = key,
		.idempotency_hash = {hash},
	};

	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	return outcome;
}

static void idempotency_key_replays(void **state)
{
	/* The same key and body give the first job; another body is a mismatch. */
	struct fixture *f = *state;
	struct job first = job_plain(), second = job_plain(), third = job_plain();

	assert_int_equal(submit_keyed(f, &first, "k", 7), SUBMIT_CREATED);
	assert_int_equal(submit_keyed(f, &second, "k", 7), SUBMIT_REPLAYED);
	assert_true(id_equal(&second.id, &first.id));
	assert_int_equal(submit_keyed(f, &third, "k", 8), SUBMIT_MISMATCH);
	fixture_reopen(f);
	second = job_plain();
	assert_int_equal(submit_keyed(f, &second, "k", 7), SUBMIT_REPLAYED);
	assert_true(id_equal(&second.id, &first.id));
}

static void full_queue_refuses(void **state)
{
	/* Beyond jobs_queued_max a submit is refused; a finished job makes room. */
	struct fixture *f = *state;
	struct job job = job_plain(), more = job_plain();

	store_close(f->store);
	f->config.jobs_queued_max = 1;
	fixture_start(f);
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	assert_int_equal(submit_job(f, &more), SUBMIT_QUEUE_FULL);
	assert_int_equal(finish_job(f, job.id, 1, JOB_MOVE_COMPLETE), ERR_NONE);
	assert_int_equal(submit_job(f, &more), SUBMIT_CREATED);
}

static void atomic_batch_is_all_or_none(void **state)
{
	/* One refused job undoes the others, their events and their counts. */
	struct fixture *f = *state;
	struct job jobs[3] = {job_plain(), job_plain(), job_plain()};
	enum submit_outcome outcomes[3];
	struct op_submit op = {
		.op.kind = OP_SUBMIT,
		.jobs = jobs,
		.count = 3,
		.atomic = true,
		.outcomes = outcomes,
	};
	int64_t counts[JOB_STATES];

	jobs[0].unique_key = jobs[2].unique_key = (char *)"same";
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(outcomes[0], SUBMIT_UNDONE);
	assert_int_equal(outcomes[1], SUBMIT_UNDONE);
	assert_int_equal(outcomes[2], SUBMIT_EXISTS);
	store_job_counts(f->store, counts);
	assert_int_equal(counts[JOB_PENDING], 0);
	assert_int_equal(store_events_last_seq(f->store), 0);

	jobs[2] = job_plain();
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcomes[i], SUBMIT_CREATED);
	store_job_counts(f->store, counts);
	assert_int_equal(counts[JOB_PENDING], 3);
}

static void moves_follow_the_table(void **state)
{
	/* What the table does not have is wrong-state and changes nothing. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);

	assert_int_equal(move_job(f, id, JOB_MOVE_RESUME), ERR_WRONG_STATE);
	assert_int_equal(move_job(f, id, JOB_MOVE_PAUSE), ERR_NONE);
	assert_int_equal(state_of(f, id), JOB_PAUSED);
	assert_int_equal(move_job(f, id, JOB_MOVE_PAUSE), ERR_WRONG_STATE);
	assert_int_equal(move_job(f, id, JOB_MOVE_RESUME), ERR_NONE);
	assert_int_equal(state_of(f, id), JOB_PENDING);
	assert_int_equal(move_job(f, id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_CANCEL), ERR_WRONG_STATE);
	assert_int_equal(move_job(f, id, JOB_MOVE_AGAIN), ERR_NONE);
	assert_int_equal(state_of(f, id), JOB_PENDING);
}

static void move_tells_before_and_after(void **state)
{
	/* A move's operation holds the state before and the row after. */
	struct fixture *f = *state;
	struct op_move op = {
		.op.kind = OP_MOVE, .id = submit_plain(f), .move = JOB_MOVE_CANCEL, .at_ms = 7000};

	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(op.was, JOB_PENDING);
	assert_int_equal(op.job.state, JOB_CANCELLED);
	assert_int_equal(op.job.finished_ms, 7000);
	assert_int_equal(op.job.version, 2);
	job_done(&op.job);
}

static void scheduled_job_becomes_pending_when_due(void **state)
{
	/* The writer moves it by itself and tells the event. */
	struct fixture *f = *state;
	struct job job = job_plain();

	job.state = JOB_SCHEDULED;
	job.ready_ms = clock_wall_ms() + 30;
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	wait_state(f, &job.id, JOB_PENDING);
	assert_int_equal(state_of(f, job.id), JOB_PENDING);
}

static void waiting_job_fails_at_its_deadline(void **state)
{
	/* Pending, scheduled or paused: the writer ends it by itself, and says why. */
	static const enum job_state waiting[] = {JOB_PENDING, JOB_SCHEDULED, JOB_PAUSED};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		struct op_move pause = {.op.kind = OP_MOVE, .move = JOB_MOVE_PAUSE};
		struct job job = job_plain(), got;

		job.state = waiting[i];
		job.ready_ms = job.state == JOB_SCHEDULED ? INT64_MAX / 2 : 0;
		job.deadline_ms = clock_wall_ms() + 200;
		assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
		pause.id = job.id;
		if (waiting[i] == JOB_PAUSED) {
			assert_int_equal(put_wait(f, &pause.op), ERR_NONE);
			job_done(&pause.job);
		}
		wait_state(f, &job.id, JOB_FAILED);
		got = get_job(f, job.id);
		assert_int_equal(got.error, ERR_DEADLINE);
		assert_true(got.finished_ms >= job.deadline_ms);
		job_done(&got);
	}
}

static void patch_changes_and_checks_the_version(void **state)
{
	/* Priority, run_at and tags change; an older version is refused. */
	struct fixture *f = *state;
	struct job job = job_plain();
	struct op_patch op = {
		.op.kind = OP_PATCH,
		.set_priority = true,
		.set_ready = true,
		.set_tags = true,
		.priority = PRIORITY_CRITICAL,
		.ready_ms = INT64_MAX / 4,
		.tags = "{\"a\":\"b\"}",
		.if_version = 1,
	};

	job.state = JOB_SCHEDULED;
	job.ready_ms = INT64_MAX / 2;
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	op.id = job.id;
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(op.job.priority, PRIORITY_CRITICAL);
	assert_int_equal(op.job.ready_ms, INT64_MAX / 4);
	assert_string_equal(op.job.tags, "{\"a\":\"b\"}");
	assert_int_equal(op.job.version, 2);
	job_done(&op.job);
	assert_int_equal(put_wait(f, &op.op), ERR_PRECONDITION_FAILED);
	op.if_version = 0;
	assert_int_equal(move_job(f, job.id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(put_wait(f, &op.op), ERR_WRONG_STATE);
}

static size_t list_count(struct fixture *f, const struct job_filter *filter)
{
	struct job jobs[10];
	struct id after;
	struct err err;
	size_t count;
	bool more;

	if (store_job_list(f->store, filter, jobs, &count, &more, &after, &err))
		fail_msg("store_job_list: %s", err.detail);
	for (size_t i = 0; i < count; i++)
		job_done(&jobs[i]);
	return count;
}

static void list_filters(void **state)
{
	/* Each filter alone finds its jobs; together they narrow. */
	struct fixture *f = *state;
	static const char *const types[] = {"text", NULL}, *const names[] = {"Prices", NULL};
	static const char *const tags[] = {"team:data", NULL};
	struct job job = job_plain();
	struct id plain;

	job.type = (char *)"text";
	job.name = (char *)"Prices";
	job.tags = (char *)"{\"team\":\"data\",\"env\":\"x\"}";
	job.created_ms = 8000;
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	plain = submit_plain(f);
	submit_plain(f);
	assert_int_equal(move_job(f, plain, JOB_MOVE_CANCEL), ERR_NONE);

	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10}), 3);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .types = types}), 1);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .names = names}), 1);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .tags = tags}), 1);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .q = "rice"}), 1);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .q = "%"}), 0);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .since_ms = 8000}), 1);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .until_ms = 8000}), 2);
	assert_int_equal(
		list_count(f, &(struct job_filter){.limit = 10, .states = 1 << JOB_CANCELLED}), 1);
	assert_int_equal(
		list_count(f, &(struct job_filter){.limit = 10, .states = 1 << JOB_PENDING}), 2);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10,
							    .states = 1 << JOB_PENDING |
								      1 << JOB_CANCELLED}),
			 3);
	assert_int_equal(
		list_count(f, &(struct job_filter){.limit = 10, .priorities = 1 << PRIORITY_LOW}),
		0);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10,
							    .tags = tags,
							    .states = 1 << JOB_CANCELLED}),
			 0);
}

static void list_pages_newest_first(void **state)
{
	/* Pages of two over five jobs: 2, 2, 1, in falling order, and then no more. */
	struct fixture *f = *state;
	struct id ids[5];
	struct job_filter filter = {.limit = 2};
	size_t seen = 0, sizes[3];
	struct job jobs[2];
	bool more = true;
	struct err err;

	for (int i = 0; i < 5; i++)
		ids[i] = submit_plain(f);
	for (int page = 0; page < 3; page++) {
		struct id after;

		assert_true(more);
		assert_int_equal(
			store_job_list(f->store, &filter, jobs, &sizes[page], &more, &after, &err),
			0);
		for (size_t i = 0; i < sizes[page]; i++) {
			assert_true(id_equal(&jobs[i].id, &ids[4 - seen++]));
			job_done(&jobs[i]);
		}
		filter.after = after;
	}
	assert_int_equal(sizes[0], 2);
	assert_int_equal(sizes[1], 2);
	assert_int_equal(sizes[2], 1);
	assert_false(more);
}

static void delete_takes_all_that_belongs(void **state)
{
	/* Only a final job goes; its tags and events go with it. */
	struct fixture *f = *state;
	static const char *const tags[] = {"a:b", NULL};
	struct job job = job_plain();
	struct op_delete op = {.op.kind = OP_DELETE};
	struct event events[4];
	struct err err;
	size_t count;

	job.tags = (char *)"{\"a\":\"b\"}";
	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	op.id = job.id;
	assert_int_equal(put_wait(f, &op.op), ERR_WRONG_STATE);
	assert_int_equal(move_job(f, job.id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(list_count(f, &(struct job_filter){.limit = 10, .tags = tags}), 0);
	assert_int_equal(store_events_read(f->store, &job.id, 0, 4, events, &count, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void sweep_honours_keep(void **state)
{
	/* 7 days for completed, 30 for failed, what was asked for, and never for forever. */
	struct fixture *f = *state;
	struct job completed = job_plain(), failed = job_plain(), hour = job_plain(),
		   forever = job_plain();
	struct op_sweep op = {.op.kind = OP_SWEEP, .limit = 10};

	hour.keep_for_ms = 3600 * 1000;
	forever.keep_for_ms = -1;
	submit_job(f, &completed);
	submit_job(f, &failed);
	submit_job(f, &hour);
	submit_job(f, &forever);
	finish_job(f, completed.id, 1, JOB_MOVE_COMPLETE); /* all end at 3000 */
	finish_job(f, failed.id, 1, JOB_MOVE_FAIL);
	finish_job(f, hour.id, 1, JOB_MOVE_COMPLETE);
	finish_job(f, forever.id, 1, JOB_MOVE_COMPLETE);

	op.now_ms = 3000 + 3600 * 1000;
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(op.deleted, 1);
	op.now_ms = 3000 + 7LL * DAY_MS - 1;
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(op.deleted, 0);
	op.now_ms = 3000 + 7LL * DAY_MS;
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(op.deleted, 1);
	op.now_ms = 3000 + 300LL * DAY_MS;
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	assert_int_equal(op.deleted, 1);
	assert_int_equal(state_of(f, forever.id), JOB_COMPLETED);
}

static int kv_collect(void *ctx, const char *key, const void *value, size_t len)
{
	char *text = ctx;

	sprintf(text + strlen(text), "%s=%.*s;", key, (int)len, (const char *)value);
	return 0;
}

static void kv_is_kept_and_deleted(void **state)
{
	/* Values are replaced, deleted, and come in key order, one space at a time. */
	struct fixture *f = *state;
	struct op_kv a = {.op.kind = OP_KV, .space = "host", .key = "a", .value = "1", .len = 1};
	struct op_kv b = {.op.kind = OP_KV, .space = "host", .key = "b", .value = "2", .len = 1};
	struct op_kv c = {.op.kind = OP_KV, .space = "rest", .key = "c", .value = "3", .len = 1};
	char text[64] = "";
	struct err err;

	assert_int_equal(put_wait(f, &b.op), ERR_NONE);
	assert_int_equal(put_wait(f, &a.op), ERR_NONE);
	assert_int_equal(put_wait(f, &c.op), ERR_NONE);
	b.value = "22";
	b.len = 2;
	assert_int_equal(put_wait(f, &b.op), ERR_NONE);
	assert_int_equal(store_kv_each(f->store, "host", kv_collect, text, &err), 0);
	assert_string_equal(text, "a=1;b=22;");
	a.value = NULL;
	assert_int_equal(put_wait(f, &a.op), ERR_NONE);
	text[0] = '\0';
	assert_int_equal(store_kv_each(f->store, "host", kv_collect, text, &err), 0);
	assert_string_equal(text, "b=22;");
}

static void lazy_operation_goes_by_itself(void **state)
{
	/* Without company it is committed after STORE_LAZY_MS; with company at once, before it. */
	struct fixture *f = *state;
	struct op_kv kv = {.op = {.kind = OP_KV, .lazy = true},
			   .space = "host",
			   .key = "a",
			   .value = "1",
			   .len = 1};
	struct store_stats stats;

	assert_int_equal(put_wait(f, &kv.op), ERR_NONE);
	store_stats(f->store, &stats);
	assert_int_equal(stats.commits, 2); /* the open's, and this */
	assert_int_equal(stats.operations, 1);
	assert_true(stats.writable);
	assert_int_equal(stats.queued_ops, 0);
}

static bool except_id(void *ctx, const struct id *id)
{
	return id_equal(ctx, id);
}

static void ready_set_is_fair_over_keys(void **state)
{
	/* Four jobs of one tenant and one of another: two places go to both. */
	struct fixture *f = *state;
	struct id first, other;
	struct job jobs[5];
	struct err err;
	size_t count;

	for (int i = 0; i < 4; i++) {
		struct job job = job_plain();

		job.fair_key = (char *)"greedy";
		job.ready_ms = 1000 + i;
		submit_job(f, &job);
		if (i == 0)
			first = job.id;
	}
	jobs[0] = job_plain();
	jobs[0].fair_key = (char *)"small";
	jobs[0].ready_ms = 9000;
	submit_job(f, &jobs[0]);
	other = jobs[0].id;

	assert_int_equal(
		store_ready_load(f->store, PRIORITY_NORMAL, 2, NULL, NULL, jobs, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_true(id_equal(&jobs[0].id, &first) || id_equal(&jobs[1].id, &first));
	assert_true(id_equal(&jobs[0].id, &other) || id_equal(&jobs[1].id, &other));
	job_done(&jobs[0]);
	job_done(&jobs[1]);
	assert_int_equal(store_ready_load(f->store, PRIORITY_NORMAL, 5, except_id, &first, jobs,
					  &count, &err),
			 0);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++) {
		assert_false(id_equal(&jobs[i].id, &first));
		assert_string_equal(jobs[i].body, "{\"type\":\"math\"}");
		job_done(&jobs[i]);
	}
	assert_int_equal(
		store_ready_load(f->store, PRIORITY_HIGH, 5, NULL, NULL, jobs, &count, &err), 0);
	assert_int_equal(count, 0);
}

static void second_store_on_the_directory_is_refused(void **state)
{
	/* The lock names the process that has it. */
	struct fixture *f = *state;
	struct store *second;
	char pid[32];
	struct err err;

	assert_int_equal(store_open(&f->config, &second, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	snprintf(pid, sizeof(pid), "in use by pid %ld", (long)getpid());
	assert_non_null(strstr(err.detail, pid));
}

static void counts_survive_a_restart(void **state)
{
	/* What is counted at open is what was counted while it ran. */
	struct fixture *f = *state;
	int64_t before[JOB_STATES], after[JOB_STATES];
	struct job scheduled = job_plain();

	submit_plain(f);
	finish_job(f, submit_plain(f), 1, JOB_MOVE_COMPLETE);
	finish_job(f, submit_plain(f), 1, JOB_MOVE_FAIL);
	finish_job(f, submit_plain(f), 1, JOB_MOVE_RETRY);
	move_job(f, submit_plain(f), JOB_MOVE_PAUSE);
	scheduled.state = JOB_SCHEDULED;
	scheduled.ready_ms = INT64_MAX / 2;
	submit_job(f, &scheduled);
	store_job_counts(f->store, before);
	assert_int_equal(before[JOB_PENDING], 1);
	assert_int_equal(before[JOB_COMPLETED], 1);
	assert_int_equal(before[JOB_FAILED], 1);
	assert_int_equal(before[JOB_RETRYING], 1);
	assert_int_equal(before[JOB_PAUSED], 1);
	assert_int_equal(before[JOB_SCHEDULED], 1);
	fixture_reopen(f);
	store_job_counts(f->store, after);
	assert_memory_equal(before, after, sizeof(before));
}

static void backup_is_a_whole_database(void **state)
{
	/* A backup opens as a store of its own with the same jobs. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	char path[128], command[300];
	struct err err;

	snprintf(path, sizeof(path), "%s/copy.db", f->dir);
	assert_int_equal(store_backup(f->store, path, &err), 0);
	store_close(f->store);
	snprintf(command, sizeof(command), "cd %s && rm jobmill.db* && mv copy.db jobmill.db",
		 f->dir);
	assert_int_equal(system(command), 0);
	fixture_start(f);
	assert_int_equal(state_of(f, id), JOB_PENDING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(submitted_job_is_read_back),
		TEST(long_body_is_read_back),
		TEST(missing_job_is_not_found),
		TEST(unique_key_is_held_until_failed_or_cancelled),
		TEST(idempotency_key_replays),
		TEST(full_queue_refuses),
		TEST(atomic_batch_is_all_or_none),
		TEST(moves_follow_the_table),
		TEST(move_tells_before_and_after),
		TEST(scheduled_job_becomes_pending_when_due),
		TEST(waiting_job_fails_at_its_deadline),
		TEST(patch_changes_and_checks_the_version),
		TEST(list_filters),
		TEST(list_pages_newest_first),
		TEST(delete_takes_all_that_belongs),
		TEST(sweep_honours_keep),
		TEST(kv_is_kept_and_deleted),
		TEST(lazy_operation_goes_by_itself),
		TEST(ready_set_is_fair_over_keys),
		TEST(second_store_on_the_directory_is_refused),
		TEST(counts_survive_a_restart),
		TEST(backup_is_a_whole_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
