/* SPDX-License-Identifier: MIT */
/* output.c - items from what was gathered into the results. */
#include "handlers/mapreduce/output.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char output_key[] = "output";

void output_init(struct output *output)
{
	*output = (struct output){0};
	buf_init(&output->lines, MAPREDUCE_OUT_BYTES + ITEM_BYTES_MAX + 1);
}

bool output_is(const struct part *part)
{
	return part->key_len == strlen(output_key) &&
	       memcmp(part->key, output_key, part->key_len) == 0;
}

void output_take(struct output *output, struct part *part)
{
	output->part = part;
	if (part->resume_len == sizeof(output->shown))
		memcpy(&output->shown, part->resume, sizeof(output->shown));
}

void output_done(struct output *output)
{
	buf_done(&output->lines);
}

static enum step waits(enum run_answer answer)
{
	return answer == RUN_ERROR ? STEP_FAIL : STEP_WAIT;
}

/* STEP_MORE: the part is claimed; STEP_DONE: an earlier attempt has finished it. */
static enum step claim(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct output *output = &job->output;
	struct part *part;
	enum run_answer answer;

	if (!output->added) {
		answer = run_part_add(job->run, lane, output_key, strlen(output_key), NULL, 0, NULL,
				      err);
		if (answer != RUN_OK && answer != RUN_KNOWN)
			return waits(answer);
		output->added = true;
	}
	answer = run_part_next(job->run, lane, &part, err);
	if (answer == RUN_END)
		return STEP_DONE;
	if (answer != RUN_OK)
		return waits(answer);
	output_take(output, part);
	return STEP_MORE;
}

/* Takes items until there is enough to be handed over.  -1 and *err. */
static int lines_fill(struct mapreduce *job, struct err *err)
{
	struct output *output = &job->output;

	while (!output->over && output->lines.len < MAPREDUCE_OUT_BYTES) {
		size_t before = output->lines.len;
		int more = job->plan->kernel->next(job->gathered, &output->lines, err);

		if (more < 0)
			return -1;
		output->over = more == 0;
		if (output->over)
			break;
		if (output->items++ < output->shown) {
			buf_cut(&output->lines, before);
			continue;
		}
		buf_end_line(&output->lines, before);
		output->lines_count++;
	}
	return buf_ok(&output->lines)
		       ? 0
		       : err_set(err, ERR_LIMIT, "an item of more than %d bytes", ITEM_BYTES_MAX);
}

/* Emits what there is, and saves now and then. */
static enum step lines_emit(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct output *output = &job->output;
	enum run_answer answer;

	if (output->lines_count > 0) {
		answer = run_emit_lines(job->run, lane, output->part, output->lines.data,
					output->lines.len, output->lines_count, err);
		if (answer != RUN_OK)
			return waits(answer);
		output->unsaved += output->lines.len;
		output->lines_count = 0;
		buf_clear(&output->lines);
	}
	if (output->unsaved < MAPREDUCE_OUT_SAVE_BYTES)
		return STEP_MORE;
	answer = run_part_save(job->run, lane, output->part, &output->items, sizeof(output->items));
	if (answer != RUN_OK)
		return waits(answer);
	output->unsaved = 0;
	return STEP_MORE;
}

/* What is missing is missing in the items too: they are to be made again with it. */
static enum step part_end(struct mapreduce *job, unsigned lane)
{
	struct item_failure failure = {.line = -1, .offset = -1, .attempts = 1};
	struct run_left left;

	run_left(job->run, &left);
	if (left.parts_failed > 0) {
		err_set(&failure.err, ERR_INVALID_RECORD,
			"it lacks what failed in %lld of the chunks", (long long)left.parts_failed);
		if (run_item_failed(job->run, lane, job->output.part, &failure) == RUN_FULL)
			return STEP_WAIT;
	}
	run_part_done(job->run, lane, job->output.part);
	return STEP_DONE;
}

enum step output_step(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct output *output = &job->output;
	int64_t until_us = clock_us() + MAPREDUCE_STEP_US;
	enum step step = output->part ? STEP_MORE : claim(job, lane, err);

	while (step == STEP_MORE && clock_us() < until_us) {
		if (output->over && output->lines_count == 0)
			return part_end(job, lane);
		if (output->lines_count == 0 && lines_fill(job, err))
			return STEP_FAIL;
		step = lines_emit(job, lane, err);
	}
	return step;
}
