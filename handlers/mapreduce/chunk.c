/* SPDX-License-Identifier: MIT */
/* chunk.c - one chunk of a lane, from its claim to its end: slices of it go into the kernel, what
 * the kernel emits goes to the part.
 */
#include "base/limits.h"
#include "handlers/mapreduce/mapper.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <string.h>

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
	if (answer != RUN_OK)
		return answer;
	mapper->counts.bytes += (int64_t)len;
	return job->plan->kernel->add_bytes(mapper->state, bytes, len, err) ? RUN_ERROR : RUN_OK;
}

/* About so many bytes: marks at both ends of a chunk may be inside a record that another has. */
static enum run_answer rows_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	enum run_answer answer = records_add(job, mapper, err);
	int64_t mark = portion_mark(mapper->chunk);

	if (!mapper->again)
		mapper->counts.bytes += mark - mapper->mark;
	mapper->mark = mark;
	return answer;
}

/* Adds some of the chunk; RUN_END: there is no more of it. */
static enum run_answer slice_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	enum run_answer answer;

	if (job->plan->kernel->food & KERNEL_RANGE)
		return range_add(job, mapper, err);
	answer = job->plan->kernel->food & KERNEL_BYTES ? bytes_add(job, mapper, err)
							: rows_add(job, mapper, err);
	if (answer == RUN_OK && relieve(job, mapper, err))
		return RUN_ERROR;
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

/* ---- from the claim to the end ---- */

/* Does some lane have this chunk already, but for its bad records? */
static bool has_part(const struct mapreduce *job, uint64_t number)
{
	for (size_t i = 0; i < job->left_failures.count; i++)
		if (job->left_failures.at[i] == number)
			return true;
	return false;
}

enum step chunk_begin(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct input_range range;

	mapper->rows = 0;
	mapper->picked = mapper->added = 0;
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
enum run_answer chunk_go_on(struct mapreduce *job, unsigned lane, struct err *err)
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
