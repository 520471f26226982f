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
#include "base/expr/expr.h"
#include "base/limits.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_FIRST = 64, BLOB_VERSION = 2 };

/* Before the kernel's bytes in a checkpoint; behind it stand the numbers of parts with
 * failures. */
struct blob_head {
	uint32_t version, parts;
	uint64_t seed;
	struct map_counts counts;
};

/* ---- making ---- */

static void script_says(void *to, const char *text, size_t len)
{
	run_log(to, LOG_INFO, "%.*s", (int)len, text);
}

static void *state_new(const struct mapreduce *job, unsigned lane, struct err *err)
{
	struct kernel_lane options = {
		.plan = job->plan->kernel_plan,
		.lane = lane,
		.lanes = job->mappers_count,
		.memory_bytes = job->plan->memory_bytes / job->mappers_count,
		.dir = job->dir,
		.seed = job->seed,
		.files = run_files(job->run),
		.ctx = job->context.data,
		.ctx_len = job->context.len,
		.log = script_says,
		.log_to = job->run,
	};

	return job->plan->kernel->lane_new(&options, err);
}

int mapper_init(struct mapper *mapper, const struct mapreduce *job, unsigned lane, struct err *err)
{
	buf_init(&mapper->blob, MAPREDUCE_BLOB_BYTES_MAX);
	buf_init(&mapper->lines, RUN_PART_BYTES_MAX);
	mapper->saved_ms = clock_ms();
	mapper->state = state_new(job, lane, err);
	if (!mapper->state)
		return -1;
	mapper->pick = malloc(ROWS_MAX * sizeof(*mapper->pick));
	mapper->scratch = expr_scratch_new();
	if (!mapper->pick || !mapper->scratch)
		return err_set(err, ERR_NO_MEMORY, "no memory for a lane");
	return 0;
}

void mapper_done(struct mapper *mapper, const struct mapreduce *job)
{
	portion_close(mapper->chunk);
	if (mapper->state)
		job->plan->kernel->lane_free(mapper->state);
	if (mapper->other)
		job->plan->kernel->lane_free(mapper->other);
	expr_scratch_free(mapper->scratch);
	free(mapper->pick);
	free(mapper->untold);
	free(mapper->covered.at);
	free(mapper->with_failures.at);
	buf_done(&mapper->blob);
	buf_done(&mapper->lines);
}

int numbers_add(struct part_numbers *numbers, uint64_t number, struct err *err)
{
	if (numbers->count == numbers->room) {
		size_t room = MAX(2 * numbers->room, (size_t)NUMBERS_FIRST);
		uint64_t *grown = realloc(numbers->at, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
		numbers->at = grown;
		numbers->room = room;
	}
	numbers->at[numbers->count++] = number;
	return 0;
}

/* ---- checkpoints ---- */

int mapper_load(struct mapper *mapper, struct mapreduce *job, const char *blob, size_t len,
		struct err *err)
{
	struct blob_head head;
	uint64_t number;

	if (len < sizeof(head))
		return err_set(err, ERR_IO, "a checkpoint of %zu bytes is none", len);
	memcpy(&head, blob, sizeof(head));
	blob += sizeof(head);
	len -= sizeof(head);
	if (head.version != BLOB_VERSION || head.parts > len / sizeof(number))
		return err_set(err, ERR_IO, "the checkpoint is of another version: %u",
			       head.version);
	mapper->counts = head.counts;
	for (; head.parts > 0; head.parts--) {
		memcpy(&number, blob, sizeof(number));
		blob += sizeof(number);
		len -= sizeof(number);
		if (numbers_add(&mapper->with_failures, number, err))
			return -1;
	}
	return job->plan->kernel->load(mapper->state, blob, len, err);
}

uint64_t checkpoint_seed(const char *blob, size_t len)
{
	struct blob_head head = {0};

	memcpy(&head, blob, MIN(len, sizeof(head)));
	return head.seed;
}

/* STEP_MORE: made, or there is nothing to be kept; STEP_WAIT: the house is behind. */
static enum step checkpoint(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct blob_head head = {
		.version = BLOB_VERSION,
		.parts = (uint32_t)mapper->with_failures.count,
		.seed = job->seed,
		.counts = mapper->counts,
	};
	int rc;

	if (mapper->covered.count == 0)
		return STEP_MORE;
	buf_clear(&mapper->blob);
	buf_add(&mapper->blob, &head, sizeof(head));
	if (head.parts > 0)
		buf_add(&mapper->blob, mapper->with_failures.at, head.parts * sizeof(uint64_t));
	run_block_begin(job->run);
	rc = job->plan->kernel->save(mapper->state, &mapper->blob, err);
	run_block_end(job->run);
	if (rc)
		return STEP_FAIL;
	if (!buf_ok(&mapper->blob)) {
		err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
		return STEP_FAIL;
	}
	if (run_checkpoint(job->run, lane, mapper->blob.data, mapper->blob.len, mapper->covered.at,
			   mapper->covered.count) == RUN_FULL)
		return STEP_WAIT;
	mapper->covered.count = 0;
	mapper->saved_ms = clock_ms();
	return STEP_MORE;
}

/* The chunk is added to the end. */
static int cover(struct mapper *mapper, struct err *err)
{
	uint64_t number = portion_part(mapper->chunk)->number;

	if (numbers_add(&mapper->covered, number, err) ||
	    (mapper->has_failed && !mapper->again &&
	     numbers_add(&mapper->with_failures, number, err)))
		return -1;
	portion_close(mapper->chunk);
	mapper->chunk = NULL;
	mapper->counts.chunks += !mapper->again;
	return 0;
}

/* ---- adding ---- */

static void *state_of(struct mapper *mapper)
{
	return mapper->again ? mapper->other : mapper->state;
}

/* What the kernel has outgrown goes to the disk. */
static int relieve(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	const struct kernel *kernel = job->plan->kernel;
	int rc;

	if (!kernel->is_full || !kernel->is_full(state_of(mapper)))
		return 0;
	run_block_begin(job->run);
	rc = kernel->spill(state_of(mapper), err);
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

	if (answer == RUN_OK && job->plan->kernel->add_bytes(mapper->state, bytes, len, err))
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
							: records_add(job, mapper, err);
	if (answer == RUN_OK && relieve(job, mapper, err))
		return RUN_ERROR;
	mark = portion_mark(mapper->chunk);
	if (!mapper->again)
		mapper->counts.bytes += mark - mapper->mark;
	mapper->mark = mark;
	return answer;
}

/* ---- kernels that emit ---- */

static enum run_answer lines_emit(struct mapreduce *job, struct mapper *mapper, unsigned lane,
				  struct err *err)
{
	enum run_answer answer = RUN_OK;

	if (mapper->lines_count > 0)
		answer = run_emit_lines(job->run, lane, portion_part(mapper->chunk),
					mapper->lines.data, mapper->lines.len, mapper->lines_count,
					err);
	if (answer != RUN_OK)
		return answer;
	mapper->lines_count = 0;
	buf_clear(&mapper->lines);
	return RUN_OK;
}

/* What the kernel held back of the chunk. */
static int chunk_end(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	const struct kernel *kernel = job->plan->kernel;
	struct kernel_batch batch = {
		.portion = mapper->chunk,
		.lines = &mapper->lines,
		.lines_count = &mapper->lines_count,
	};

	if (mapper->ended || !kernel->end)
		return 0;
	mapper->ended = true;
	return kernel->end(state_of(mapper), &batch, err);
}

/* ---- the step ---- */

/* Does some lane have this chunk already, but for its bad records? */
static bool has_part(const struct mapreduce *job, uint64_t number)
{
	for (size_t i = 0; i < job->left_failures.count; i++)
		if (job->left_failures.at[i] == number)
			return true;
	return false;
}

static enum step chunk_begin(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct input_range range;

	mapper->rows = 0;
	mapper->mark = portion_mark(mapper->chunk);
	mapper->has_failed = false;
	mapper->listed = 0;
	mapper->ended = false;
	mapper->again = has_part(job, portion_part(mapper->chunk)->number);
	if (portion_range(mapper->chunk, &range))
		mapper->rest = (struct number_run){
			.from = range.first, .step = range.step, .count = range.count};
	if (!mapper->again)
		return STEP_MORE;
	if (mapper->other)
		job->plan->kernel->lane_free(mapper->other);
	mapper->other = state_new(job, MAPREDUCE_LANES_MAX + lane, err);
	return mapper->other ? STEP_MORE : STEP_FAIL;
}

/* Claims a chunk; STEP_MORE: there is one. */
static enum step claim(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	enum step step;

	switch (input_next(job->input, lane, &mapper->chunk, err)) {
	case RUN_OK:
		return chunk_begin(job, lane, err);
	case RUN_END:
		return STEP_DONE;
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		break;
	}
	if (mapper->covered.count == 0 ||
	    (!job->plan->kernel->emits && !atomic_load(&job->all_found)))
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

/* Adds a slice of the chunk, and finishes it when that was the last. */
static enum run_answer chunk_go_on(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	enum run_answer answer = records_tell(job, mapper, lane);

	if (answer == RUN_OK)
		answer = lines_emit(job, mapper, lane, err);
	if (answer != RUN_OK)
		return answer;
	answer = slice_add(job, mapper, err);
	if (answer != RUN_END)
		return answer;
	if (chunk_end(job, mapper, err))
		return RUN_ERROR;
	answer = lines_emit(job, mapper, lane, err);
	if (answer != RUN_OK)
		return answer;
	return cover(mapper, err) ? RUN_ERROR : RUN_OK;
}

/* Items wait for their chunk's checkpoint, and other lanes' for theirs. */
static bool is_time(const struct mapreduce *job, const struct mapper *mapper)
{
	if (job->plan->kernel->emits)
		return mapper->covered.count > 0;
	return clock_ms() - mapper->saved_ms >= MAPREDUCE_SAVE_MS;
}

static enum step map(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	int64_t until_us = clock_us() + MAPREDUCE_STEP_US;

	do {
		enum step step = mapper->chunk ? STEP_MORE : claim(job, lane, err);

		if (step != STEP_MORE)
			return step;
		switch (chunk_go_on(job, lane, err)) {
		case RUN_OK:
			break;
		case RUN_ERROR:
			return STEP_FAIL;
		default:
			return STEP_WAIT;
		}
		if (is_time(job, mapper)) {
			step = checkpoint(job, lane, err);
			if (step != STEP_MORE)
				return step;
		}
	} while (clock_us() < until_us && !run_cancelled(job->run));
	return STEP_MORE;
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
