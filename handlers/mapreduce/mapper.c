/* SPDX-License-Identifier: MIT */
/* mapper.c - the map phase.
 *
 * A step, about 5 ms:  [lane 0: find more chunks]  claim ▶ add a slice ▶ … ▶ covered
 *                      checkpoint when it is time, or when there is nothing to claim
 *
 * No chunk is left to anybody when every one is finished: that is when all lanes have made a
 * checkpoint of theirs, since a lane that finds nothing to claim makes one before it waits.
 */
#include "handlers/mapreduce/mapper.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <stdlib.h>
#include <string.h>

enum { COVERED_FIRST = 64, BLOB_VERSION = 1 };

/* Before the kernel's bytes in a checkpoint. */
struct blob_head {
	uint32_t version, reserved;
	uint64_t seed;
	struct map_counts counts;
};

int mapper_init(struct mapper *mapper, const struct mapreduce *job, unsigned lane, struct err *err)
{
	struct kernel_lane options = {
		.plan = job->plan->kernel_plan,
		.lane = lane,
		.lanes = job->mappers_count,
		.memory_bytes = job->plan->memory_bytes / job->mappers_count,
		.seed = job->seed,
	};

	buf_init(&mapper->blob, MAPREDUCE_BLOB_BYTES_MAX);
	mapper->saved_ms = clock_ms();
	mapper->state = job->plan->kernel->lane_new(&options, err);
	return mapper->state ? 0 : -1;
}

void mapper_done(struct mapper *mapper, const struct mapreduce *job)
{
	if (mapper->state)
		job->plan->kernel->lane_free(mapper->state);
	free(mapper->covered);
	buf_done(&mapper->blob);
}

/* ---- checkpoints ---- */

int mapper_load(struct mapper *mapper, struct mapreduce *job, const char *blob, size_t len,
		struct err *err)
{
	struct blob_head head;

	if (len < sizeof(head))
		return err_set(err, ERR_IO, "a checkpoint of %zu bytes is none", len);
	memcpy(&head, blob, sizeof(head));
	if (head.version != BLOB_VERSION)
		return err_set(err, ERR_IO, "the checkpoint is of another version: %u",
			       head.version);
	mapper->counts = head.counts;
	return job->plan->kernel->load(mapper->state, blob + sizeof(head), len - sizeof(head), err);
}

/* STEP_MORE: made, or there is nothing to be kept; STEP_WAIT: the house is behind. */
static enum step checkpoint(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct blob_head head = {
		.version = BLOB_VERSION, .seed = job->seed, .counts = mapper->counts};

	if (mapper->covered_count == 0)
		return STEP_MORE;
	buf_clear(&mapper->blob);
	buf_add(&mapper->blob, &head, sizeof(head));
	if (job->plan->kernel->save(mapper->state, &mapper->blob, err))
		return STEP_FAIL;
	if (!buf_ok(&mapper->blob)) {
		err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
		return STEP_FAIL;
	}
	if (run_checkpoint(job->run, lane, mapper->blob.data, mapper->blob.len, mapper->covered,
			   mapper->covered_count) == RUN_FULL)
		return STEP_WAIT;
	mapper->covered_count = 0;
	mapper->saved_ms = clock_ms();
	return STEP_MORE;
}

static int cover(struct mapper *mapper, struct err *err)
{
	if (mapper->covered_count == mapper->covered_room) {
		size_t room = mapper->covered_room ? 2 * mapper->covered_room : COVERED_FIRST;
		uint64_t *grown = realloc(mapper->covered, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
		mapper->covered = grown;
		mapper->covered_room = room;
	}
	mapper->covered[mapper->covered_count++] = mapper->chunk.part->number;
	mapper->chunk.part = NULL;
	mapper->counts.chunks++;
	return 0;
}

/* ---- adding ---- */

static int range_slice(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	struct number_run *rest = &mapper->chunk.rest;
	struct number_run slice = *rest;

	slice.count = MIN(slice.count, (uint64_t)RANGE_SLICE_NUMBERS);
	if (job->plan->kernel->add_range(mapper->state, &slice, err))
		return -1;
	rest->from += (int64_t)slice.count * rest->step;
	rest->count -= slice.count;
	mapper->counts.records += (int64_t)slice.count;
	atomic_fetch_add_explicit(&job->done, (int64_t)slice.count, memory_order_relaxed);
	return rest->count == 0 ? cover(mapper, err) : 0;
}

/* Claims a chunk; STEP_MORE: there is one. */
static enum step claim(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	enum step step;

	switch (chunk_next(job->chunks, lane, &mapper->chunk, err)) {
	case RUN_OK:
		return STEP_MORE;
	case RUN_END:
		return STEP_DONE;
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		break;
	}
	if (mapper->covered_count == 0 || !chunks_all_found(job->chunks))
		return STEP_WAIT;
	step = checkpoint(job, lane, err);
	return step == STEP_MORE ? claim(job, lane, err) : step;
}

/* Lane 0 finds the chunks of all; the others wait for parts meanwhile. */
static enum step feed(struct mapreduce *job, unsigned lane, struct err *err)
{
	if (chunks_all_found(job->chunks))
		return STEP_MORE;
	switch (chunks_feed(job->chunks, lane, err)) {
	case RUN_ERROR:
		return STEP_FAIL;
	case RUN_END:
		/* Those that saw no chunk look again: now it is the end. */
		for (unsigned i = 1; i < job->mappers_count; i++)
			run_wake(job->run, i);
		return STEP_MORE;
	default:
		return STEP_MORE;
	}
}

static enum step add(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	int64_t until_us = clock_us() + MAPREDUCE_STEP_US;
	enum step step;

	do {
		step = mapper->chunk.part ? STEP_MORE : claim(job, lane, err);
		if (step != STEP_MORE)
			return step;
		if (range_slice(job, mapper, err))
			return STEP_FAIL;
	} while (clock_us() < until_us && !run_cancelled(job->run));
	if (clock_ms() - mapper->saved_ms < MAPREDUCE_SAVE_MS)
		return STEP_MORE;
	return checkpoint(job, lane, err);
}

enum step mapper_step(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	int64_t cpu_us = clock_thread_cpu_us();
	enum step step = lane == 0 ? feed(job, lane, err) : STEP_MORE;

	if (step == STEP_MORE)
		step = add(job, lane, err);
	if (step == STEP_WAIT && lane == 0 && !chunks_all_found(job->chunks))
		step = STEP_MORE;
	mapper->counts.cpu_us += clock_thread_cpu_us() - cpu_us;
	run_progress(job->run, atomic_load_explicit(&job->done, memory_order_relaxed), job->total,
		     "map");
	return step;
}
