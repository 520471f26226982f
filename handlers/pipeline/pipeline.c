/* SPDX-License-Identifier: MIT */
/* pipeline.c - records through stages: the phases of a job.
 *
 *   phase 0       lanes read the input, push its records through the stages, emit what comes
 *                 out, and keep what barriers gather
 *   for each barrier, in the order in which records reach them
 *     gather      what its lanes kept is put together, on all lanes when it is much
 *     give        one lane gives it to the stages behind it
 *
 * A job without barriers has one phase.  pipeline.h says which file does what.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/input/input.h"
#include "handlers/pipeline/preview.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL_BYTES = 256 * 1024 }; /* an input that one lane reads while a second one wakes up */

void pipeline_free(struct pipeline *pipeline)
{
	const struct plan *plan = pipeline->plan;

	for (unsigned i = 0; pipeline->lanes && i < pipeline->lanes_kept; i++)
		lane_close(&pipeline->lanes[i]);
	for (unsigned i = 0; pipeline->gathered && i < plan->barriers_count; i++)
		if (pipeline->gathered[i])
			plan->barriers[i]->kind->gathered_free(pipeline->gathered[i]);
	progress_close(pipeline);
	input_free(pipeline->input);
	free(pipeline->lanes);
	free(pipeline->gathered);
	buf_done(&pipeline->context);
	buf_done(&pipeline->rest);
	result_file_free(pipeline->output);
	free(pipeline);
}

/* As many lanes as in any earlier attempt, each goes on with what it had; and their seed. */
static unsigned lanes_left(struct run *run, struct pipeline *pipeline)
{
	unsigned lanes = 0;
	struct run_left left;

	run_left(run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;
		size_t len;

		run_left_checkpoint(run, i, &lane, &blob, &len);
		if (lane == INPUT_LANE)
			continue;
		state_seed(blob, len, &pipeline->seed);
		lanes = MAX(lanes, lane + 1);
	}
	return lanes;
}

static int lanes_load(struct run *run, struct pipeline *pipeline, struct err *err)
{
	struct run_left left;

	run_left(run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;
		size_t len;

		run_left_checkpoint(run, i, &lane, &blob, &len);
		if (lane != INPUT_LANE && lane_load(&pipeline->lanes[lane], blob, len, err))
			return -1;
	}
	return 0;
}

static bool is_small(const struct input *input)
{
	bool all;
	int64_t bytes = input_bytes_known(input, &all);

	return all && bytes <= SMALL_BYTES;
}

static unsigned lanes_useful(struct run *run, const struct pipeline *pipeline)
{
	const struct plan *plan = pipeline->plan;

	unsigned lanes =
		plan->workers ? MIN(plan->workers, PIPELINE_LANES_MAX) : run_lanes_for_cpu(run);

	if (plan->one_lane || pipeline->small)
		return 1;
	return plan->places ? MIN(lanes, plan->places) : lanes;
}

static int lanes_open(struct run *run, struct pipeline *pipeline, struct err *err)
{
	unsigned kept;

	random_bytes(&pipeline->seed, sizeof(pipeline->seed));
	kept = MAX(lanes_left(run, pipeline), pipeline->lanes_count);
	pipeline->lanes = calloc(kept + 1, sizeof(*pipeline->lanes));
	pipeline->gathered =
		calloc(pipeline->plan->barriers_count + 1, sizeof(*pipeline->gathered));
	if (!pipeline->lanes || !pipeline->gathered)
		return err_set(err, ERR_NO_MEMORY, "no memory for a pipeline");
	for (unsigned i = 0; i < kept; i++) {
		pipeline->lanes_kept = i + 1;
		if (lane_open(&pipeline->lanes[i], pipeline, i, err))
			return -1;
	}
	return lanes_load(run, pipeline, err) || progress_open(pipeline, err) ? -1 : 0;
}

static int pipeline_open(struct run *run, const struct plan *plan, void **ret_state,
			 struct err *err)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return err_set(err, ERR_NO_MEMORY, "no memory for a pipeline");
	pipeline->plan = plan;
	pipeline->run = run;
	pipeline->opened_us = clock_us();
	buf_init(&pipeline->context, 2 * JOB_SPEC_BYTES_MAX);
	buf_init(&pipeline->rest, RUN_PART_BYTES_MAX);
	if (plan->in_order)
		run_ordered(run);
	if (input_open(run, plan->input, &plan->stretches[0].fields, plan->chunk_bytes,
		       &pipeline->input, err)) {
		pipeline_free(pipeline);
		return -1;
	}
	pipeline->small = is_small(pipeline->input);
	pipeline->lanes_count = lanes_useful(run, pipeline);
	if ((plan->barriers_count > 0 && !pipeline->small &&
	     run_scratch(run, &pipeline->dir, err)) ||
	    lanes_open(run, pipeline, err)) {
		pipeline_free(pipeline);
		return -1;
	}
	*ret_state = pipeline;
	return 0;
}

/* All was given: the file, if there is to be one, then the summary. */
static int pipeline_end(struct pipeline *pipeline, unsigned *ret_lanes, struct err *err)
{
	if (pipeline->doing == DOING_OUTPUT || !pipeline->plan->output.file)
		return account_summary(pipeline, err);
	pipeline->doing = DOING_OUTPUT;
	*ret_lanes = 1;
	return result_file_new(pipeline->run, &pipeline->plan->output, &pipeline->rest,
			       &pipeline->output, err);
}

/* The next barrier is gathered, then given. */
static int pipeline_phase(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
			  struct err *err)
{
	struct pipeline *pipeline = state;

	(void)run;
	if (phase == 0) {
		*ret_lanes = pipeline->lanes_count;
		return 0;
	}
	*ret_lanes = 0;
	if (pipeline->doing == DOING_OUTPUT)
		return pipeline_end(pipeline, ret_lanes, err);
	if (pipeline->doing == DOING_GIVE || pipeline->doing == DOING_INPUT) {
		pipeline->barrier += pipeline->doing == DOING_GIVE;
		if (pipeline->barrier == pipeline->plan->barriers_count)
			return pipeline_end(pipeline, ret_lanes, err);
		pipeline->doing = DOING_GATHER;
		if (barrier_gather(pipeline, pipeline->barrier, ret_lanes, err))
			return -1;
		if (*ret_lanes > 0)
			return 0;
	}
	pipeline->doing = DOING_GIVE;
	*ret_lanes = 1;
	return 0;
}

static enum step pipeline_step(struct run *run, void *state, unsigned phase, unsigned lane,
			       struct err *err)
{
	struct pipeline *pipeline = state;

	(void)run;
	(void)phase;
	switch (pipeline->doing) {
	case DOING_INPUT:
		return lane_step(&pipeline->lanes[lane], err);
	case DOING_GATHER:
		return barrier_unit_step(pipeline, pipeline->barrier, err);
	case DOING_OUTPUT:
		return result_file_step(pipeline->output, err);
	default:
		return barrier_give_step(pipeline, pipeline->barrier, err);
	}
}

static void pipeline_close(void *state)
{
	pipeline_free(state);
}

const struct handler pipeline_handler = {
	.name = "pipeline",
	.summary = "Takes records through stages: filters, changes, groups, sorts, writes them",
	.params = pipeline_params,
	.plan = pipeline_plan,
	.plan_free = pipeline_plan_free,
	.describe = pipeline_describe,
	.check = pipeline_check,
	.rehearse = pipeline_rehearse,
	.open = pipeline_open,
	.phase = pipeline_phase,
	.step = pipeline_step,
	.close = pipeline_close,
	.preview_params = pipeline_preview_params,
	.preview_plan = pipeline_preview_plan,
	.preview = pipeline_preview,
};
