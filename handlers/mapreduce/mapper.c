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

/* ---- the step ---- */

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
