/* SPDX-License-Identifier: MIT */
/* mapreduce.c - the handler: chunks of an input, each added to the state of some lane by the
 * job's kernel; the states put together.
 *
 * What goes into an answer is the input and the spec, never how many lanes there were, which of
 * them had which chunk, or how often the job was interrupted.
 */
#include "handlers/mapreduce/mapreduce.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/mapreduce/plan.h"
#include "handlers/mapreduce/preview.h"

#include <stdlib.h>
#include <string.h>

/* ---- open and close ---- */

static void mapreduce_close(void *state)
{
	struct mapreduce *job = state;

	if (job->gathered)
		job->plan->kernel->gathered_free(job->gathered);
	for (unsigned i = 0; job->mappers && i < job->mappers_count; i++)
		if (job->mappers[i]) {
			mapper_done(job->mappers[i], job);
			free(job->mappers[i]);
		}
	free(job->mappers);
	free(job->left_failures.at);
	output_done(&job->output);
	buf_done(&job->context);
	input_free(job->input);
	free(job);
}

/* The next checkpoint of a lane of ours, from *at on; false: there are no more. */
static bool left_next(struct run *run, unsigned *at, unsigned *ret_lane, const char **ret_blob,
		      size_t *ret_len)
{
	struct run_left left;
	const void *blob;

	run_left(run, &left);
	while (*at < left.checkpoints) {
		run_left_checkpoint(run, (*at)++, ret_lane, &blob, ret_len);
		*ret_blob = blob;
		if (*ret_lane < MAPREDUCE_LANES_MAX)
			return true;
	}
	return false;
}

/* As many lanes as are wanted, and as earlier attempts had: each goes on with what it left. */
static void lanes_choose(struct mapreduce *job)
{
	unsigned wanted = job->plan->workers, at = 0, lane;
	struct rng rng;
	const char *blob;
	size_t len;

	rng_seed_system(&rng);
	job->seed = rng_next(&rng);
	if (wanted == 0)
		wanted = MIN(run_lanes_for_cpu(job->run), (unsigned)MAPREDUCE_LANES_MAX);
	while (left_next(job->run, &at, &lane, &blob, &len)) {
		wanted = MAX(wanted, lane + 1);
		job->seed = checkpoint_seed(blob, len);
	}
	job->mappers_count = MAX(wanted, 1);
}

static int mappers_open(struct mapreduce *job, struct err *err)
{
	job->mappers = calloc(job->mappers_count, sizeof(*job->mappers));
	for (unsigned i = 0; job->mappers && i < job->mappers_count; i++) {
		job->mappers[i] = calloc(1, sizeof(*job->mappers[i]));
		if (!job->mappers[i])
			break;
		if (mapper_init(job->mappers[i], job, i, err))
			return -1;
	}
	if (!job->mappers || !job->mappers[job->mappers_count - 1])
		return err_set(err, ERR_NO_MEMORY, "no memory for the job's lanes");
	return 0;
}

static int checkpoints_load(struct mapreduce *job, struct err *err)
{
	unsigned at = 0, lane;
	const char *blob;
	size_t len;

	while (left_next(job->run, &at, &lane, &blob, &len)) {
		struct mapper *mapper = job->mappers[lane];

		if (mapper_load(mapper, job, blob, len, err))
			return -1;
		job->left_done += job->plan->kernel->food & KERNEL_RANGE ? mapper->counts.records
									 : mapper->counts.bytes;
		for (size_t i = 0; i < mapper->with_failures.count; i++)
			if (numbers_add(&job->left_failures, mapper->with_failures.at[i], err))
				return -1;
	}
	return 0;
}

static int mapreduce_open(struct run *run, const struct plan *plan, void **ret_state,
			  struct err *err)
{
	struct mapreduce *job = calloc(1, sizeof(*job));

	if (!job)
		return err_set(err, ERR_NO_MEMORY, "no memory for the job");
	job->run = run;
	job->plan = plan;
	job->opened_ms = clock_ms();
	output_init(&job->output);
	buf_init(&job->context, JOB_SPEC_BYTES_MAX);
	lanes_choose(job);
	if (plan->kernel->emits)
		run_ordered(run);
	if (run_context(run, &job->context) ||
	    (plan->kernel->uses_disk && run_scratch(run, &job->dir, err)) ||
	    input_open(run, plan->input, &plan->fields, plan->chunk_bytes, &job->input, err) ||
	    mappers_open(job, err) || checkpoints_load(job, err)) {
		mapreduce_close(job);
		return -1;
	}
	*ret_state = job;
	return 0;
}

void lanes_wake_all(const struct mapreduce *job)
{
	for (unsigned i = 0; i < job->mappers_count; i++)
		run_wake(job->run, i);
}

/* ---- phases ---- */

/* A value: nothing is left to be done on lanes. */
static int states_merge(struct mapreduce *job, struct err *err)
{
	const struct kernel *kernel = job->plan->kernel;

	for (unsigned i = 1; kernel->merge && i < job->mappers_count; i++)
		if (kernel->merge(job->mappers[0]->state, job->mappers[i]->state, err))
			return -1;
	return summary_tell(job, job->mappers[0]->state, err);
}

static int states_gather(struct mapreduce *job, struct err *err)
{
	void *states[LANES_MAX];
	struct kernel_gather options = {.states = states,
					.count = job->mappers_count,
					.dir = job->dir,
					.ctx = job->context.data,
					.ctx_len = job->context.len};

	for (unsigned i = 0; i < job->mappers_count; i++)
		states[i] = job->mappers[i]->state;
	return job->plan->kernel->gather(job->plan->kernel_plan, &options, &job->gathered,
					 &job->divisions, err);
}

static bool has_items(const struct plan *plan)
{
	return plan->kernel->has_items ? plan->kernel->has_items(plan->kernel_plan)
				       : plan->kernel->next != NULL;
}

/* The phase that begins: its lanes, 0 when the answer is told. */
static int stage_begin(struct mapreduce *job, unsigned phase, unsigned *ret_lanes, struct err *err)
{
	*ret_lanes = 0;
	if (phase == 0) {
		*ret_lanes = job->mappers_count;
		return 0;
	}
	if (job->stage == STAGE_MAP) {
		job->stage = STAGE_GATHER;
		job->map_ms = clock_ms() - job->opened_ms;
		if (!job->plan->kernel->gather)
			return states_merge(job, err);
		if (states_gather(job, err))
			return -1;
		*ret_lanes = MIN(job->divisions, job->mappers_count);
		if (*ret_lanes > 0)
			return 0;
	}
	if (job->stage == STAGE_GATHER) {
		job->stage = STAGE_OUTPUT;
		*ret_lanes = has_items(job->plan);
		if (*ret_lanes > 0)
			return 0;
	}
	return summary_tell(job, job->gathered, err);
}

static int mapreduce_phase(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
			   struct err *err)
{
	(void)run;
	return stage_begin(state, phase, ret_lanes, err);
}

/* What was read stays the measure: it is all done, and something is made of it. */
static void stage_tell(struct mapreduce *job, const char *stage)
{
	bool all;
	int64_t known = input_bytes_known(job->input, &all);

	run_progress(job->run, known, known, stage);
}

static enum step gather_step(struct mapreduce *job, unsigned lane, struct err *err)
{
	int64_t cpu_us = clock_thread_cpu_us();
	unsigned division = atomic_fetch_add(&job->next_division, 1);
	int rc = 0;

	if (division < job->divisions)
		rc = job->plan->kernel->division(job->gathered, division, err);
	job->mappers[lane]->counts.cpu_us += clock_thread_cpu_us() - cpu_us;
	stage_tell(job, "gather");
	return rc ? STEP_FAIL : division + 1 < job->divisions ? STEP_MORE : STEP_DONE;
}

static enum step mapreduce_step(struct run *run, void *state, unsigned phase, unsigned lane,
				struct err *err)
{
	struct mapreduce *job = state;

	(void)run;
	(void)phase;
	switch (job->stage) {
	case STAGE_MAP:
		return mapper_step(job, lane, err);
	case STAGE_GATHER:
		return gather_step(job, lane, err);
	default:
		stage_tell(job, "output");
		return output_step(job, lane, err);
	}
}

const struct handler mapreduce_handler = {
	.name = "mapreduce",
	.summary = "Counts, sums, groups and sorts what is in large inputs, on all CPUs",
	.params = mapreduce_params,
	.plan = mapreduce_plan,
	.plan_free = mapreduce_plan_free,
	.describe = mapreduce_describe,
	.open = mapreduce_open,
	.phase = mapreduce_phase,
	.step = mapreduce_step,
	.close = mapreduce_close,
	.preview_params = mapreduce_preview_params,
	.preview_plan = mapreduce_preview_plan,
	.preview = mapreduce_preview,
};
