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

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	COVERED_FIRST = 64,
	BLOB_VERSION = 1,
	SEQUENCE_SHIFT = 40, /* records of one chunk: no chunk has 2^40 of them */
};

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
	portion_close(mapper->chunk);
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

/* The chunk is added to the end. */
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
	mapper->covered[mapper->covered_count++] = portion_part(mapper->chunk)->number;
	portion_close(mapper->chunk);
	mapper->chunk = NULL;
	mapper->counts.chunks++;
	return 0;
}

/* ---- adding ---- */

/* What the kernel has outgrown goes to the disk. */
static int relieve(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	const struct kernel *kernel = job->plan->kernel;
	int rc;

	if (!kernel->is_full || !kernel->is_full(mapper->state))
		return 0;
	run_block_begin(job->run);
	rc = kernel->spill(mapper->state, err);
	run_block_end(job->run);
	return rc;
}

static enum run_answer range_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	struct number_run *rest = &mapper->rest;
	struct number_run slice = *rest;

	if (rest->count == 0)
		return RUN_END;
	slice.count = MIN(slice.count, RANGE_SLICE_NUMBERS);
	if (job->plan->kernel->add_range(mapper->state, &slice, err))
		return RUN_ERROR;
	rest->from += slice.count * rest->step;
	rest->count -= slice.count;
	mapper->counts.records += slice.count;
	atomic_fetch_add_explicit(&job->numbers, slice.count, memory_order_relaxed);
	return RUN_OK;
}

static enum run_answer bytes_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	const char *bytes;
	size_t len;
	enum run_answer answer = input_bytes(mapper->chunk, &bytes, &len, err);

	if (answer == RUN_OK && (job->plan->kernel->add_bytes(mapper->state, bytes, len, err) ||
				 relieve(job, mapper, err)))
		return RUN_ERROR;
	return answer;
}

static enum run_answer rows_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	uint64_t number = portion_part(mapper->chunk)->number;
	struct rows rows;
	struct kernel_batch batch = {.rows = &rows,
				     .sequence = number << SEQUENCE_SHIFT | (uint64_t)mapper->rows};
	enum run_answer answer = input_rows(mapper->chunk, &rows, err);

	if (answer != RUN_OK)
		return answer;
	mapper->rows += (int64_t)rows.count;
	mapper->counts.records += (int64_t)rows.count;
	if (job->plan->kernel->add_rows(mapper->state, &batch, err) || relieve(job, mapper, err))
		return RUN_ERROR;
	return answer;
}

/* Adds some of the chunk; RUN_END: there is no more of it. */
static enum run_answer slice_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	enum run_answer answer;
	int64_t mark;

	if (job->plan->kernel->food & KERNEL_RANGE)
		return range_add(job, mapper, err);
	answer = job->plan->kernel->food & KERNEL_BYTES ? bytes_add(job, mapper, err)
							: rows_add(job, mapper, err);
	mark = portion_mark(mapper->chunk);
	mapper->counts.bytes += mark - mapper->mark;
	mapper->mark = mark;
	return answer;
}

/* ---- the step ---- */

/* Claims a chunk; STEP_MORE: there is one. */
static enum step claim(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct input_range range;
	enum step step;

	switch (input_next(job->input, lane, &mapper->chunk, err)) {
	case RUN_OK:
		mapper->rows = 0;
		mapper->mark = portion_mark(mapper->chunk);
		if (portion_range(mapper->chunk, &range))
			mapper->rest = (struct number_run){
				.from = range.first, .step = range.step, .count = range.count};
		return STEP_MORE;
	case RUN_END:
		return STEP_DONE;
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		break;
	}
	if (mapper->covered_count == 0 || !atomic_load(&job->all_found))
		return STEP_WAIT;
	step = checkpoint(job, lane, err);
	return step == STEP_MORE ? claim(job, lane, err) : step;
}

/* Lane 0 finds the chunks of all; the others wait for parts meanwhile. */
static enum step feed(struct mapreduce *job, unsigned lane, struct err *err)
{
	switch (input_feed(job->input, lane, err)) {
	case RUN_ERROR:
		return STEP_FAIL;
	case RUN_OK:
		return STEP_MORE;
	case RUN_END:
		/* Those that saw no chunk look again: now they finish what they have. */
		atomic_store(&job->all_found, true);
		for (unsigned i = 1; i < job->mappers_count; i++)
			run_wake(job->run, i);
		return STEP_DONE;
	default:
		return STEP_WAIT;
	}
}

static enum step map(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	int64_t until_us = clock_us() + MAPREDUCE_STEP_US;

	do {
		enum run_answer answer;
		enum step step = mapper->chunk ? STEP_MORE : claim(job, lane, err);

		if (step != STEP_MORE)
			return step;
		answer = slice_add(job, mapper, err);
		if (answer == RUN_ERROR || (answer == RUN_END && cover(mapper, err)))
			return STEP_FAIL;
		if (answer == RUN_LATER || answer == RUN_FULL)
			return STEP_WAIT;
	} while (clock_us() < until_us && !run_cancelled(job->run));
	if (clock_ms() - mapper->saved_ms < MAPREDUCE_SAVE_MS)
		return STEP_MORE;
	return checkpoint(job, lane, err);
}

static void progress_tell(struct mapreduce *job)
{
	bool all;
	int64_t known = input_bytes_known(job->input, &all);
	int64_t done = job->left_done + input_bytes_read(job->input) + atomic_load(&job->numbers);

	run_progress(job->run, MIN(done, known), all ? known : -1, "map");
}

static void completions_take(struct mapreduce *job, unsigned lane)
{
	struct completion completion;

	while (run_completion(job->run, lane, &completion)) {
		bool taken = input_completion(job->input, &completion);

		assert(taken); /* the job itself starts nothing */
	}
}

enum step mapper_step(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	int64_t cpu_us = clock_thread_cpu_us();
	bool feeds = lane == 0 && !atomic_load(&job->all_found);
	enum step fed = STEP_DONE, step;

	completions_take(job, lane);
	if (feeds)
		fed = feed(job, lane, err);
	step = fed == STEP_FAIL ? STEP_FAIL : map(job, lane, err);
	if (step == STEP_WAIT && fed == STEP_MORE)
		step = STEP_MORE;
	mapper->counts.cpu_us += clock_thread_cpu_us() - cpu_us;
	progress_tell(job);
	return step;
}
