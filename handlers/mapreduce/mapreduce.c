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

#include <stdlib.h>

static void mapreduce_close(void *state)
{
	struct mapreduce *job = state;

	for (unsigned i = 0; job->mappers && i < job->mappers_count; i++)
		if (job->mappers[i]) {
			mapper_done(job->mappers[i], job);
			free(job->mappers[i]);
		}
	free(job->mappers);
	input_free(job->input);
	free(job);
}

/* As many lanes as are wanted, and as earlier attempts had: each goes on with what it left. */
static unsigned lanes_wanted(struct run *run, const struct plan *plan)
{
	unsigned wanted = plan->workers ? plan->workers : run_lanes_for_cpu(run);
	struct run_left left;

	run_left(run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;
		size_t len;

		run_left_checkpoint(run, i, &lane, &blob, &len);
		if (lane != INPUT_LANE)
			wanted = MAX(wanted, lane + 1);
	}
	return MIN(MAX(wanted, 1), (unsigned)MAPREDUCE_LANES_MAX);
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
	struct run_left left;

	run_left(job->run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;
		size_t len;

		run_left_checkpoint(job->run, i, &lane, &blob, &len);
		if (lane == INPUT_LANE)
			continue;
		if (mapper_load(job->mappers[lane], job, blob, len, err))
			return -1;
		job->left_done += job->plan->kernel->food & KERNEL_RANGE
					  ? job->mappers[lane]->counts.records
					  : job->mappers[lane]->counts.bytes;
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
	job->mappers_count = lanes_wanted(run, plan);
	if (input_open(run, plan->input, &plan->fields, plan->chunk_bytes, &job->input, err) ||
	    mappers_open(job, err) || checkpoints_load(job, err)) {
		mapreduce_close(job);
		return -1;
	}
	*ret_state = job;
	return 0;
}

static int states_merge(struct mapreduce *job, struct err *err)
{
	const struct kernel *kernel = job->plan->kernel;

	for (unsigned i = 1; i < job->mappers_count; i++)
		if (kernel->merge(job->mappers[0]->state, job->mappers[i]->state, err))
			return -1;
	return summary_tell(job, job->mappers[0]->state, err);
}

static int mapreduce_phase(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
			   struct err *err)
{
	struct mapreduce *job = state;

	(void)run;
	*ret_lanes = phase == 0 ? job->mappers_count : 0;
	return phase == 0 ? 0 : states_merge(job, err);
}

static enum step mapreduce_step(struct run *run, void *state, unsigned phase, unsigned lane,
				struct err *err)
{
	(void)run;
	(void)phase;
	return mapper_step(state, lane, err);
}

const struct handler mapreduce_handler = {
	.name = "mapreduce",
	.summary = "Counts, sums, groups and sorts what is in large inputs, on all CPUs",
	.params = mapreduce_params,
	.plan = mapreduce_plan,
	.plan_free = mapreduce_plan_free,
	.open = mapreduce_open,
	.phase = mapreduce_phase,
	.step = mapreduce_step,
	.close = mapreduce_close,
};
