/* SPDX-License-Identifier: MIT */
/* engine_house.c - see engine_house.h. */
#include "tests/lib/engine_house.h"

#include "base/clock.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 1000, MEMORY_MAX = 1 << 28 };

#define MUST(call)                                                                                 \
	do {                                                                                       \
		if (call) {                                                                        \
			fprintf(stderr, "%s: %s\n", #call, err.detail);                            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void on_events(void *ctx, const struct event *events, size_t count)
{
	struct house *house = ctx;

	if (house->engine)
		engine_jobs_due(house->engine, events, count);
	for (size_t i = 0; house->on_event && i < count; i++)
		house->on_event(house->ctx, &events[i]);
	lock_take(&house->lock);
	house->events += count;
	cond_broadcast(&house->news);
	lock_drop(&house->lock);
}

void house_told(void *ctx)
{
	struct house *house = ctx;

	if (house->engine)
		engine_jobs_told(house->engine);
	lock_take(&house->lock);
	house->told++;
	cond_broadcast(&house->news);
	lock_drop(&house->lock);
}

void house_make(struct house *house, unsigned workers)
{
	*house = (struct house){.dir = "/tmp/jobmill-test-XXXXXX", .workers = workers};
	if (!mkdtemp(house->dir))
		abort();
	lock_init(&house->lock, LOCK_LEAF);
	cond_init(&house->news);
}

void house_open(struct house *house)
{
	struct store_config store = {.dir = house->dir,
				     .sync = true,
				     .vfs = house->vfs,
				     .jobs_queued_max = 1000000,
				     .on_events = on_events,
				     .on_told = house_told,
				     .ctx = house};
	struct engine_config engine = {.workers_min = house->workers,
				       .workers_max = house->workers,
				       .active_max = 64,
				       .memory_max = MEMORY_MAX};
	struct engine *made;
	struct err err;

	MUST(store_open(&store, &house->store, &err));
	engine.store = house->store;
	engine.scratch_dir = house->dir;
	MUST(engine_new(&engine, &made, &err));
	house->engine = made;
	MUST(engine_start(made, &err));
}

void house_close(struct house *house)
{
	if (engine_drain(house->engine, HOUSE_WAIT_MS_MAX) != 0)
		abort();
	store_close(house->store);
	engine_free(house->engine);
	house->engine = NULL;
	house->store = NULL;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
	(void)stat;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void house_remove(struct house *house)
{
	(void)nftw(house->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	cond_done(&house->news);
	lock_done(&house->lock);
}

/* What a callback on the writer thread tells the test. */
struct answer {
	struct house *house;
	bool there;
	uint64_t told; /* commits before this one */
	enum err_code code;
	struct id id;
};

static void answer_give(struct answer *answer, enum err_code code)
{
	lock_take(&answer->house->lock);
	answer->there = true;
	answer->told = answer->house->told;
	answer->code = code;
	cond_broadcast(&answer->house->news);
	lock_drop(&answer->house->lock);
}

static void answer_wait(struct answer *answer)
{
	lock_take(&answer->house->lock);
	while (!answer->there)
		cond_wait(&answer->house->news, &answer->house->lock);
	lock_drop(&answer->house->lock);
}

static void submitted(void *ctx, const struct submit_result *result)
{
	struct answer *answer = ctx;

	assert(!result->err && result->outcomes[0] == SUBMIT_CREATED);
	answer->id = result->ids[0];
	answer_give(answer, ERR_NONE);
}

struct id house_submit(struct house *house, const char *json)
{
	struct answer answer = {.house = house};
	struct mistakes mistakes;
	struct json_place place;
	struct task *task;
	struct err err;

	mistakes_init(&mistakes);
	MUST(task_compile(json, strlen(json), NULL, &task, &mistakes, &place, &err));
	mistakes_done(&mistakes);
	task_stamp(task, clock_wall_ms());
	MUST(engine_submit(house->engine, &task, 1, false, NULL, NULL, submitted, &answer, &err));
	answer_wait(&answer);
	lock_take(&house->lock);
	while (house->told == answer.told)
		cond_wait(&house->news, &house->lock);
	lock_drop(&house->lock);
	return answer.id;
}

static void moved(void *ctx, struct job *job, const struct err *err)
{
	(void)job;
	answer_give(ctx, err->code);
}

enum err_code house_move(struct house *house, const struct id *id, enum job_move move)
{
	struct answer answer = {.house = house};
	struct err err;

	MUST(engine_move(house->engine, id, move, moved, &answer, &err));
	answer_wait(&answer);
	return answer.code;
}

void house_news(struct house *house)
{
	lock_take(&house->lock);
	cond_wait_until(&house->news, &house->lock, clock_ms() + LOOK_MS);
	lock_drop(&house->lock);
}

struct job house_wait(struct house *house, const struct id *id, uint32_t states)
{
	int64_t until_ms = clock_ms() + HOUSE_WAIT_MS_MAX;
	struct err err;
	struct job job;

	for (;;) {
		uint64_t seen;

		lock_take(&house->lock);
		seen = house->events;
		lock_drop(&house->lock);
		MUST(store_job_get(house->store, id, false, &job, &err));
		if (states & UINT32_C(1) << job.state)
			return job;
		if (clock_ms() > until_ms) {
			fprintf(stderr, "the job is still %s\n", state_name(job.state));
			abort();
		}
		job_done(&job);
		lock_take(&house->lock);
		if (house->events == seen)
			cond_wait_until(&house->news, &house->lock, clock_ms() + LOOK_MS);
		lock_drop(&house->lock);
	}
}

struct job house_wait_end(struct house *house, const struct id *id)
{
	return house_wait(house, id, 1U << JOB_COMPLETED | 1U << JOB_FAILED | 1U << JOB_CANCELLED);
}

char *house_results(struct house *house, const struct id *id, size_t *ret_len)
{
	size_t room = 1 << 20, len = 0, got;
	char *text = malloc(room + 1);
	struct err err;

	assert(text);
	for (;;) {
		MUST(store_results_read(house->store, id, (int64_t)len, text + len, room - len,
					&got, &err));
		if (got == 0)
			break;
		len += got;
		if (room - len < (1 << 16)) {
			room *= 2;
			text = realloc(text, room + 1);
			assert(text);
		}
	}
	text[len] = '\0';
	*ret_len = len;
	return text;
}
