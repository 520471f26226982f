/* SPDX-License-Identifier: MIT */
/* engine_jobs.c - what is asked of jobs from outside: submit, moves, patch.
 *
 * Always the store first; window and runs follow on the writer thread, after the
 * commit and before the caller is told.  A run that a move overtakes is stopped; one
 * that a worker has just then in its hand goes back (engine_run_find_moved()).
 */
#include "service/engine/engine_core.h"

#include <stdlib.h>
#include <string.h>

/* ---- submit ---- */

struct submit {
	struct op_submit op;
	struct engine *engine;
	engine_submit_done *done;
	void *ctx;
	struct task **tasks;
	struct id *ids;
	char *key;
};

/* Keeps the tasks whose jobs may run now in front; frees the others. */
static size_t submit_sort(struct submit *submit)
{
	size_t ready = 0;

	for (size_t i = 0; i < submit->op.count; i++) {
		struct task *task = submit->tasks[i];

		submit->ids[i] = submit->op.jobs[i].id;
		if (submit->op.op.err.code == ERR_NONE &&
		    submit->op.outcomes[i] == SUBMIT_CREATED &&
		    submit->op.jobs[i].state == JOB_PENDING) {
			task->job = submit->op.jobs[i];
			submit->tasks[ready++] = task;
		} else {
			task_free(task);
		}
	}
	return ready;
}

/* Ready together with all others of their commit: one lock, one wake of a worker, which
 * then finds more than one job. */
static void tasks_born(struct engine *engine, struct task **tasks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (engine->born_count == ARRAY_LEN(engine->born))
			engine_jobs_told(engine);
		engine->born[engine->born_count++] = tasks[i];
	}
}

void engine_jobs_told(struct engine *engine)
{
	engine_ready(engine, engine->born, engine->born_count);
	engine->born_count = 0;
}

/* On the writer thread. */
static void submit_done(struct store_op *op)
{
	struct submit *submit = op->ctx;
	size_t ready = submit_sort(submit);
	struct submit_result result = {
		.count = submit->op.count,
		.outcomes = submit->op.outcomes,
		.ids = submit->ids,
		.err = op->err.code == ERR_NONE ? NULL : &op->err,
	};

	tasks_born(submit->engine, submit->tasks, ready);
	submit->done(submit->ctx, &result);
	free(submit);
}

static size_t aligned(size_t bytes)
{
	return (bytes + 15) / 16 * 16;
}

/* The operation and its arrays in one piece. */
static struct submit *submit_new(size_t count, const char *key)
{
	size_t jobs = aligned(count * sizeof(struct job));
	size_t outcomes = aligned(count * sizeof(enum submit_outcome));
	size_t tasks = aligned(count * sizeof(struct task *));
	size_t ids = aligned(count * sizeof(struct id));
	size_t key_len = key ? strlen(key) + 1 : 0;
	struct submit *submit =
		malloc(aligned(sizeof(*submit)) + jobs + outcomes + tasks + ids + key_len);
	char *at;

	if (!submit)
		return NULL;
	memset(submit, 0, sizeof(*submit));
	at = (char *)submit + aligned(sizeof(*submit));
	submit->op.jobs = (struct job *)(void *)at;
	at += jobs;
	submit->op.outcomes = (enum submit_outcome *)(void *)at;
	at += outcomes;
	submit->tasks = (struct task **)(void *)at;
	at += tasks;
	submit->ids = (struct id *)(void *)at;
	at += ids;
	if (key)
		submit->key = memcpy(at, key, key_len);
	return submit;
}

static void tasks_free(struct task **tasks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		task_free(tasks[i]);
}

int engine_submit(struct engine *engine, struct task **tasks, size_t count, bool atomic,
		  const char *idempotency_key, const uint8_t *idempotency_hash,
		  engine_submit_done *done, void *ctx, struct err *err)
{
	struct submit *submit = submit_new(count, idempotency_key);

	if (!submit) {
		tasks_free(tasks, count);
		return err_set(err, ERR_NO_MEMORY, "no memory for %zu jobs", count);
	}
	submit->engine = engine;
	submit->done = done;
	submit->ctx = ctx;
	submit->op.op = (struct store_op){.kind = OP_SUBMIT, .done = submit_done, .ctx = submit};
	submit->op.count = count;
	submit->op.atomic = atomic;
	submit->op.idempotency_key = submit->key;
	if (idempotency_hash)
		memcpy(submit->op.idempotency_hash, idempotency_hash,
		       sizeof(submit->op.idempotency_hash));
	for (size_t i = 0; i < count; i++) {
		submit->tasks[i] = tasks[i];
		submit->op.jobs[i] = tasks[i]->job;
	}
	if (store_put(engine->config.store, &submit->op.op, err)) {
		tasks_free(submit->tasks, count);
		free(submit);
		return -1;
	}
	return 0;
}

/* ---- moves ---- */

struct move {
	struct op_move op;
	struct after after;
	struct engine *engine;
	engine_move_done *done;
	void *ctx;
};

/* Out of the window, and the run told to end so. */
static void job_stop(struct engine *engine, const struct id *id, enum run_end end)
{
	struct run *run;

	engine_jobs_told(engine); /* it may be of this very commit */
	task_free(sched_ready_remove(engine->sched, id));
	run = engine_run_find_moved(engine, id);
	if (!run)
		return;
	run_stop(run, end, NULL);
	run_unref(run);
}

/* On the writer thread.  What became pending is loaded by engine_jobs_due(). */
static void move_done(struct store_op *op)
{
	struct move *move = op->ctx;
	bool made = op->err.code == ERR_NONE;

	if (made && move->op.move == JOB_MOVE_CANCEL)
		job_stop(move->engine, &move->op.id, RUN_CANCELLED);
	if (made && move->op.move == JOB_MOVE_PAUSE)
		job_stop(move->engine, &move->op.id, RUN_YIELDED);
	move->done(move->ctx, made ? &move->op.job : NULL, &op->err);
	job_done(&move->op.job);
	free(move);
}

/* The run of a paused job has yielded, or took too long to. */
static void resume_go(struct after *after)
{
	struct move *move = CONTAINER_OF(after, struct move, after);
	struct err err;

	if (store_put(move->engine->config.store, &move->op.op, &err) == 0)
		return;
	move->done(move->ctx, NULL, &err);
	free(move);
}

int engine_move(struct engine *engine, const struct id *id, enum job_move move,
		engine_move_done *done, void *ctx, struct err *err)
{
	struct move *asked = calloc(1, sizeof(*asked));

	if (!asked)
		return err_set(err, ERR_NO_MEMORY, "no memory for a move");
	asked->engine = engine;
	asked->done = done;
	asked->ctx = ctx;
	asked->op = (struct op_move){
		.op = {.kind = OP_MOVE, .done = move_done, .ctx = asked},
		.id = *id,
		.move = move,
		.at_ms = clock_wall_ms(),
	};
	asked->after.go = resume_go;
	/* After a resume the store refuses what the paused run has not written yet. */
	if (move == JOB_MOVE_RESUME && engine_run_after(engine, id, &asked->after))
		return 0;
	if (store_put(engine->config.store, &asked->op.op, err)) {
		free(asked);
		return -1;
	}
	return 0;
}

/* ---- patch ---- */

struct patch {
	struct op_patch op;
	struct engine *engine;
	engine_move_done *done;
	void *ctx;
	char *tags;
};

/* A ready job is put in its new place; one that has to wait now leaves the window. */
static void patch_follow(struct engine *engine, const struct op_patch *op)
{
	struct task *task;
	struct run *run;

	engine_jobs_told(engine); /* it may be of this very commit */
	task = sched_ready_remove(engine->sched, &op->id);
	run = engine_run_find(engine, &op->id);
	if (task && op->job.state == JOB_PENDING) {
		task->job.priority = op->job.priority;
		task->job.ready_ms = op->job.ready_ms;
		task->job.version = op->job.version;
		engine_ready(engine, &task, 1);
		task = NULL;
	}
	task_free(task);
	if (run) {
		atomic_store(&run->priority, op->job.priority);
		sched_priority(engine->sched, &run->sched, op->job.priority);
		run_unref(run);
	}
}

static void patch_done(struct store_op *op)
{
	struct patch *patch = op->ctx;
	bool made = op->err.code == ERR_NONE;

	if (made)
		patch_follow(patch->engine, &patch->op);
	patch->done(patch->ctx, made ? &patch->op.job : NULL, &op->err);
	job_done(&patch->op.job);
	free(patch->tags);
	free(patch);
}

int engine_patch(struct engine *engine, const struct id *id, const struct engine_patch *asked,
		 engine_move_done *done, void *ctx, struct err *err)
{
	struct patch *patch = calloc(1, sizeof(*patch));

	if (patch && asked->set_tags && asked->tags)
		patch->tags = strdup(asked->tags);
	if (!patch || (asked->set_tags && asked->tags && !patch->tags)) {
		free(patch);
		return err_set(err, ERR_NO_MEMORY, "no memory for a patch");
	}
	patch->engine = engine;
	patch->done = done;
	patch->ctx = ctx;
	patch->op = (struct op_patch){
		.op = {.kind = OP_PATCH, .done = patch_done, .ctx = patch},
		.id = *id,
		.set_priority = asked->set_priority,
		.set_ready = asked->set_ready,
		.set_tags = asked->set_tags,
		.priority = asked->priority,
		.ready_ms = asked->ready_ms,
		.tags = patch->tags,
		.if_version = asked->if_version,
	};
	if (store_put(engine->config.store, &patch->op.op, err)) {
		free(patch->tags);
		free(patch);
		return -1;
	}
	return 0;
}

/* ---- jobs that became pending by themselves, or by a move ---- */

void engine_due_add(struct engine *engine, const struct id *id)
{
	lock_take(&engine->lock);
	if (engine->due_count < ENGINE_DUE_MAX)
		engine->due[engine->due_count++] = *id;
	else
		engine->due_lost = true;
	lock_drop(&engine->lock);
	engine_kick(engine);
}

void engine_jobs_due(struct engine *engine, const struct event *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		/* A job that was born pending comes by submit_done(). */
		if (events[i].type == EVENT_STATE && events[i].state == JOB_PENDING &&
		    !events[i].born)
			engine_due_add(engine, &events[i].job);
}
