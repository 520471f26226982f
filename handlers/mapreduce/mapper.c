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
#include <sys/resource.h>

enum { RUSAGE_BLOCK_BYTES = 512 };

static enum step claim(struct mapreduce *job, unsigned lane, struct err *err);

/* ---- making ---- */

static void script_says(void *to, const char *text, size_t len)
{
	run_log(to, LOG_INFO, "%.*s", (int)len, text);
}

void *state_new(const struct mapreduce *job, unsigned lane, struct err *err)
{
	struct kernel_lane options = {
		.plan = job->plan->kernel_plan,
		.lane = lane,
		.lanes = job->mappers_count,
		.memory_bytes = job->plan->memory_bytes / job->mappers_count,
		.dir = job->dir,
		.seed = job->seed,
		.files = job->plan->kernel->reads_files ? run_files(job->run) : NULL,
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
	free(mapper->covered);
	free(mapper->covered_parts);
	free(mapper->with_failures.at);
	buf_done(&mapper->blob);
	buf_done(&mapper->lines);
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

	mapper->broken = answer == RUN_ERROR;
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
	mapper->unsaved += mapper->lines.len;
	mapper->lines_count = 0;
	buf_clear(&mapper->lines);
	return RUN_OK;
}

/* How to go on inside a chunk whose items so far are shown. */
struct chunk_resume {
	int64_t mark, rows;
	struct map_counts counts; /* of the chunk */
};

static void counts_add(struct map_counts *counts, const struct map_counts *more, int sign)
{
	counts->records += sign * more->records;
	counts->filtered += sign * more->filtered;
	counts->failed += sign * more->failed;
	counts->bytes += sign * more->bytes;
}

/* Shows what a long chunk has emitted, when the kernel holds nothing of it back. */
static enum run_answer chunk_save(struct mapreduce *job, struct mapper *mapper, unsigned lane)
{
	struct chunk_resume resume = {.rows = mapper->rows, .counts = mapper->counts};
	enum run_answer answer;

	if (mapper->unsaved < MAPREDUCE_OUT_SAVE_BYTES || job->plan->kernel->end)
		return RUN_OK;
	resume.mark = portion_mark(mapper->chunk);
	counts_add(&resume.counts, &mapper->counts_before, -1);
	answer =
		run_part_save(job->run, lane, portion_part(mapper->chunk), &resume, sizeof(resume));
	if (answer == RUN_OK)
		mapper->unsaved = 0;
	return answer;
}

static int chunk_resume(struct mapper *mapper, struct err *err)
{
	const struct part *part = portion_part(mapper->chunk);
	struct chunk_resume resume;

	mapper->unsaved = 0;
	mapper->counts_before = mapper->counts;
	if (part->resume_len != sizeof(resume))
		return 0;
	memcpy(&resume, part->resume, sizeof(resume));
	mapper->rows = resume.rows;
	counts_add(&mapper->counts, &resume.counts, 1);
	return portion_seek(mapper->chunk, resume.mark, err);
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
	if (chunk_resume(mapper, err))
		return STEP_FAIL;
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

/* Every part is finished but the output's, which waits for its stage. */
static bool only_output_left(const struct mapreduce *job)
{
	struct run_left left;

	if (!atomic_load(&job->output_held) || !atomic_load(&job->all_found))
		return false;
	run_left(job->run, &left);
	return left.parts_done + left.parts_failed + 1 == left.parts;
}

/* There is nothing to claim, now or any more. */
static enum step claim_later(struct mapreduce *job, unsigned lane, struct err *err)
{
	const struct mapper *mapper = job->mappers[lane];
	enum step step;

	if (mapper->covered_count == 0 ||
	    (!job->plan->kernel->emits && !atomic_load(&job->all_found)))
		return only_output_left(job) ? STEP_DONE : STEP_WAIT;
	step = checkpoint_make(job, lane, err);
	return step == STEP_MORE ? claim(job, lane, err) : step;
}

/* Claims a chunk; STEP_MORE: there is one. */
static enum step claim(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];

	switch (input_next(job->input, lane, &mapper->chunk, err)) {
	case RUN_OK:
		if (!output_is(portion_part(mapper->chunk)))
			return chunk_begin(job, lane, err);
		output_take(&job->output, portion_part(mapper->chunk));
		portion_close(mapper->chunk);
		mapper->chunk = NULL;
		atomic_store(&job->output_held, true);
		return claim(job, lane, err);
	case RUN_END:
		return STEP_DONE;
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		return claim_later(job, lane, err);
	}
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
		lanes_wake_all(job);
		return STEP_DONE;
	default:
		return STEP_WAIT;
	}
}

/* Is it the chunk's own trouble, and does the job go on without it? */
static bool goes_on_without(const struct mapreduce *job, const struct mapper *mapper,
			    const struct err *err)
{
	if (!mapper->broken || job->plan->on_error == BAD_FAIL)
		return false;
	return err->code != ERR_NO_MEMORY && err->code != ERR_CONFLICT &&
	       err->code != ERR_PARENT_FAILED && err->code != ERR_DISK_FULL;
}

/* Adds a slice of the chunk, and finishes it when that was the last. */
static enum run_answer chunk_go_on(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	enum run_answer answer = records_tell(job, mapper, lane);

	if (answer == RUN_OK)
		answer = lines_emit(job, mapper, lane, err);
	if (answer == RUN_OK)
		answer = chunk_save(job, mapper, lane);
	if (answer != RUN_OK)
		return answer;
	answer = slice_add(job, mapper, err);
	if (answer == RUN_ERROR && goes_on_without(job, mapper, err))
		return chunk_fail(job, lane, err);
	if (answer != RUN_END)
		return answer;
	if (chunk_end(job, mapper, err))
		return RUN_ERROR;
	answer = lines_emit(job, mapper, lane, err);
	if (answer != RUN_OK)
		return answer;
	return chunk_cover(mapper, err) ? RUN_ERROR : RUN_OK;
}

/* Items wait for their chunk's checkpoint, and other lanes' for theirs. */
static bool is_time(const struct mapreduce *job, const struct mapper *mapper)
{
	if (job->plan->kernel->emits)
		return mapper->covered_count > 0;
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
			step = checkpoint_make(job, lane, err);
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

/* What a step took. */
struct step_cost {
	int64_t cpu_us, clock_us, blocks;
};

static struct step_cost cost_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (struct step_cost){clock_thread_cpu_us(), clock_us(), usage.ru_inblock};
}

static void cost_add(struct mapreduce *job, struct mapper *mapper, const struct step_cost *before)
{
	struct step_cost now = cost_now();
	struct map_counts *counts = &mapper->counts;
	struct kernel_size size = {0};

	counts->cpu_us += now.cpu_us - before->cpu_us;
	counts->step_us += now.clock_us - before->clock_us;
	counts->disk_bytes += (now.blocks - before->blocks) * RUSAGE_BLOCK_BYTES;
	if (job->plan->kernel->size)
		job->plan->kernel->size(mapper->state, &size);
	counts->memory_peak_bytes = MAX(counts->memory_peak_bytes, size.bytes);
	counts->spilled_bytes = MAX(counts->spilled_bytes, size.spilled_bytes);
}

enum step mapper_step(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct step_cost before = cost_now();
	bool feeds = lane == 0 && !atomic_load(&job->all_found);
	enum step fed = STEP_DONE, step;

	completions_take(job, lane);
	if (feeds)
		fed = feed(job, lane, err);
	step = fed == STEP_FAIL ? STEP_FAIL : map(job, lane, err);
	if (step == STEP_WAIT && fed == STEP_MORE)
		step = STEP_MORE;
	cost_add(job, mapper, &before);
	progress_tell(job);
	return step;
}
