/* SPDX-License-Identifier: MIT */
/* fixture.h - a store in a directory of its own, and operations that wait.
 *
 * The functions are static so that each test links alone; put_wait() hands an
 * operation over and returns when its callback ran.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/lock.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

enum { DAY_MS = 24 * 3600 * 1000, SEEN_MAX = 4096 };

struct fixture {
	char dir[64];
	struct store *store;
	struct store_config config;
	struct lock lock; /* guards what on_events saw */
	struct cond news;
	struct event seen[SEEN_MAX]; /* data: "" or NULL */
	size_t seen_count;
};

UNUSED static void fixture_events(void *ctx, const struct event *events, size_t count)
{
	struct fixture *f = ctx;

	lock_take(&f->lock);
	for (size_t i = 0; i < count && f->seen_count < SEEN_MAX; i++) {
		f->seen[f->seen_count] = events[i];
		f->seen[f->seen_count++].data = NULL;
	}
	lock_drop(&f->lock);
	cond_broadcast(&f->news);
}

UNUSED static void fixture_start(struct fixture *f)
{
	struct err err;

	if (store_open(&f->config, &f->store, &err))
		fail_msg("store_open: %s", err.detail);
}

UNUSED static void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/jobmill-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	lock_init(&f->lock, LOCK_LEAF);
	cond_init(&f->news);
	f->config = (struct store_config){
		.dir = f->dir,
		.jobs_queued_max = 1000000,
		.on_events = fixture_events,
		.ctx = f,
	};
}

UNUSED static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	fixture_init(f);
	fixture_start(f);
	*state = f;
	return 0;
}

UNUSED static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	store_close(f->store);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	cond_done(&f->news);
	lock_done(&f->lock);
	free(f);
	return 0;
}

UNUSED static void fixture_reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	fixture_start(f);
}

/* Waits until on_events told `state` of the job. */
UNUSED static void wait_state(struct fixture *f, const struct id *id, enum job_state state)
{
	int64_t until_ms = clock_ms() + 60000;
	bool found = false;

	lock_take(&f->lock);
	while (!found) {
		for (size_t i = 0; i < f->seen_count && !found; i++)
			found = id_equal(&f->seen[i].job, id) && f->seen[i].type == EVENT_STATE &&
				f->seen[i].state == state;
		if (!found && !cond_wait_until(&f->news, &f->lock, until_ms))
			break;
	}
	lock_drop(&f->lock);
	assert_true(found);
}

struct waiting {
	struct lock lock;
	struct cond cond;
	bool done;
};

UNUSED static void waiting_done(struct store_op *op)
{
	struct waiting *w = op->ctx;

	lock_take(&w->lock);
	w->done = true;
	cond_signal(&w->cond);
	lock_drop(&w->lock);
}

/* Hands over, waits for the callback; the operation's code (or store_put's). */
UNUSED static enum err_code put_wait(struct fixture *f, struct store_op *op)
{
	struct waiting w = {.done = false};
	struct err err;

	lock_init(&w.lock, LOCK_LEAF);
	cond_init(&w.cond);
	op->done = waiting_done;
	op->ctx = &w;
	if (store_put(f->store, op, &err)) {
		op->err = err;
		w.done = true;
	}
	lock_take(&w.lock);
	while (!w.done)
		cond_wait(&w.cond, &w.lock);
	lock_drop(&w.lock);
	cond_done(&w.cond);
	lock_done(&w.lock);
	return op->err.code;
}

/* A job as the service would make it; texts are literals. */
UNUSED static struct job job_plain(void)
{
	struct job job = {
		.type = (char *)"math",
		.body = (char *)"{\"type\":\"math\"}",
		.state = JOB_PENDING,
		.priority = PRIORITY_NORMAL,
		.created_ms = 1000,
		.max_attempts = 3,
		.total = -1,
	};

	id_new(&job.id);
	return job;
}

UNUSED static enum submit_outcome submit_job(struct fixture *f, struct job *job)
{
	enum submit_outcome outcome = SUBMIT_UNDONE;
	struct op_submit op = {
		.op.kind = OP_SUBMIT,
		.jobs = job,
		.count = 1,
		.outcomes = &outcome,
	};

	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	return outcome;
}

UNUSED static struct id submit_plain(struct fixture *f)
{
	struct job job = job_plain();

	assert_int_equal(submit_job(f, &job), SUBMIT_CREATED);
	return job.id;
}

UNUSED static enum err_code move_job(struct fixture *f, struct id id, enum job_move move)
{
	struct op_move op = {.op.kind = OP_MOVE, .id = id, .move = move, .at_ms = 5000};
	enum err_code code = put_wait(f, &op.op);

	job_done(&op.job);
	return code;
}

UNUSED static enum err_code start_job(struct fixture *f, struct id id, uint16_t attempt)
{
	struct op_start op = {
		.op.kind = OP_START, .id = id, .attempt = attempt, .started_ms = 2000};

	return put_wait(f, &op.op);
}

UNUSED static enum err_code finish_job(struct fixture *f, struct id id, uint16_t attempt,
				       enum job_move move)
{
	struct op_finish op = {
		.op.kind = OP_FINISH,
		.last = {.id = id, .attempt = attempt, .started_ms = 2000},
		.move = move,
		.finished_ms = 3000,
		.ready_ms = move == JOB_MOVE_RETRY ? INT64_MAX / 2 : 0,
	};

	if (move == JOB_MOVE_FAIL || move == JOB_MOVE_RETRY) {
		op.error = ERR_FAILED;
		op.error_detail = "broke";
	}
	if (move == JOB_MOVE_COMPLETE)
		op.summary = "{\"value\":6}";
	return put_wait(f, &op.op);
}

UNUSED static struct job get_job(struct fixture *f, struct id id)
{
	struct job job;
	struct err err;

	if (store_job_get(f->store, &id, true, &job, &err))
		fail_msg("store_job_get: %s", err.detail);
	return job;
}

UNUSED static enum job_state state_of(struct fixture *f, struct id id)
{
	struct job job = get_job(f, id);
	enum job_state state = job.state;

	job_done(&job);
	return state;
}

#endif
