/* SPDX-License-Identifier: MIT */
/* give.c - a barrier puts together what all lanes have gathered, and gives it.
 *
 * What it gives goes through the stages behind it like rows of the input, on one lane.  Its
 * results are a part of the job, which is saved now and then: an attempt that follows makes all
 * of it again, the same, and tells only what was not yet shown.  When the input is small there
 * is no such part, and results are shown when the attempt completes.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/trial.h"

#include <stdio.h>
#include <string.h>

enum { STEP_US = 5000, GIVEN_ROWS = 256, GIVEN_BYTES = 4 * 1024 * 1024 };

static const char part_key[] = "given by ";

int barrier_gather(struct pipeline *pipeline, unsigned barrier, unsigned *ret_lanes,
		   struct err *err)
{
	const struct stage *stage = pipeline->plan->barriers[barrier];
	unsigned units = 0;

	*ret_lanes = 0;
	if (stage->kind->gather(pipeline, stage, &units, err))
		return -1;
	atomic_store(&pipeline->next_unit, 0);
	pipeline->units = units;
	pipeline->given_all = pipeline->given_before = false;
	pipeline->part = NULL;
	pipeline->lanes[0].told_bytes = 0;
	pipeline->told = pipeline->skip = (struct given){0};
	if (units > 0 && !pipeline->small) {
		*ret_lanes = MIN(units, pipeline->lanes_count);
		return 0;
	}
	for (unsigned unit = 0; unit < units; unit++)
		if (stage->kind->unit(pipeline, stage, unit, err))
			return -1;
	return 0;
}

enum step barrier_unit_step(struct pipeline *pipeline, unsigned barrier, struct err *err)
{
	const struct stage *stage = pipeline->plan->barriers[barrier];
	int64_t until_us = clock_us() + STEP_US;

	do {
		unsigned unit = atomic_fetch_add(&pipeline->next_unit, 1);

		if (unit >= pipeline->units)
			return STEP_DONE;
		if (stage->kind->unit(pipeline, stage, unit, err))
			return STEP_FAIL;
	} while (clock_us() < until_us && !run_cancelled(pipeline->run));
	return STEP_MORE;
}

static int result_too_long(const struct stage *stage, struct err *err)
{
	return err_set(err, ERR_LIMIT, "%s: a result of more than %d bytes", stage->name,
		       ITEM_BYTES_MAX);
}

/* Straight to the results: nobody has to look at it.  1: there is more. */
static int results_give(struct pipe_lane *lane, const struct stage *stage, struct err *err)
{
	struct pipeline *pipeline = lane->pipeline;
	int rc = 1;

	for (size_t i = 0; i < GIVEN_ROWS && lane->out.len < GIVEN_BYTES && rc > 0; i++) {
		size_t before = lane->out.len;

		rc = stage->kind->give(pipeline, stage, &lane->out, err);
		if (rc > 0) {
			if (lane->out.len - before > ITEM_BYTES_MAX)
				return result_too_long(stage, err);
			buf_end_line(&lane->out, before);
			lane->out_count++;
			lane->stages[stage->turn].counts[COUNT_MADE]++;
		}
	}
	return buf_ok(&lane->out) ? rc : result_too_long(stage, err);
}

/* The bundle in hand goes on through the stages behind. */
static enum run_answer bundle_go_on(struct pipe_lane *lane, const struct stage *stage,
				    struct err *err)
{
	struct bundle *bundle = &lane->bundles[stage->gives - lane->pipeline->plan->stretches];
	enum run_answer answer = lane_push(lane, bundle, err);

	lane->pushing = answer == RUN_LATER;
	if (answer == RUN_OK)
		lane->number_in += (int64_t)bundle->count;
	return answer;
}

/* A bundle for the stages behind.  1: there is more. */
static int bundle_give(struct pipe_lane *lane, const struct stage *stage, struct err *err)
{
	struct bundle *bundle = &lane->bundles[stage->gives - lane->pipeline->plan->stretches];
	struct picks *picks = &lane->picks;
	uint32_t order = 0;
	size_t bytes = 0;
	int rc = 1;

	bundle_clear(bundle);
	picks->count = 0;
	if (picks_room(picks, GIVEN_ROWS, err))
		return -1;
	while (order < GIVEN_ROWS && bytes < GIVEN_BYTES) {
		char *text;

		buf_clear(&bundle->text);
		rc = stage->kind->give(lane->pipeline, stage, &bundle->text, err);
		if (rc <= 0)
			break;
		text = arena_copy(&bundle->arena, buf_text(&bundle->text), bundle->text.len);
		if (!text)
			return err_set(err, ERR_NO_MEMORY, "no memory for records");
		if (bundle_add(bundle, text, bundle->text.len, order++, &picks->rows[picks->count],
			       err))
			return -1;
		picks->count++;
		bytes += bundle->text.len;
	}
	lane->stages[stage->turn].counts[COUNT_MADE] += (int64_t)picks->count;
	if (lane->pipeline->trial)
		trial_saw(lane->pipeline->trial, &lane->stages[stage->turn], bundle, picks);
	if (rc < 0 || lane_deliver(lane, bundle, stage->to, stage->to_count, picks, err))
		return -1;
	lane->pushing = true;
	return rc;
}

int barrier_give(struct pipe_lane *lane, const struct stage *stage, struct err *err)
{
	int rc = stage->to_count > 0 ? bundle_give(lane, stage, err)
				     : results_give(lane, stage, err);

	if (rc >= 0 && lane->pushing && bundle_go_on(lane, stage, err) == RUN_ERROR)
		return -1;
	return rc;
}

/* ---- telling ---- */

bool give_is_part(const struct part *part)
{
	return part->key_len >= sizeof(part_key) &&
	       memcmp(part->key, part_key, sizeof(part_key) - 1) == 0;
}

/* RUN_OK: it is claimed, or was done before. */
static enum run_answer part_claim(struct pipeline *pipeline, const struct stage *stage,
				  struct err *err)
{
	enum run_answer answer;
	char key[NAME_BYTES_MAX + sizeof(part_key)];
	int len;

	/* Behind a limit that has let its number pass, parts of the input are left over. */
	if (pipeline->small || atomic_load(&pipeline->satisfied) || pipeline->part ||
	    pipeline->given_before)
		return RUN_OK;
	len = snprintf(key, sizeof(key), "%s%s", part_key, stage->name);
	answer = run_part_add(pipeline->run, 0, key, (size_t)len, NULL, 0, NULL, err);
	if (answer != RUN_OK && answer != RUN_KNOWN)
		return answer;
	answer = run_part_next(pipeline->run, 0, &pipeline->part, err);
	pipeline->given_before = answer == RUN_END;
	if (answer == RUN_OK && pipeline->part->resume_len == sizeof(pipeline->skip))
		memcpy(&pipeline->skip, pipeline->part->resume, sizeof(pipeline->skip));
	return pipeline->given_before ? RUN_OK : answer;
}

/* So many of `count` are left out; *left of all. */
static int64_t left_out(const struct pipeline *pipeline, int64_t *left, int64_t count)
{
	int64_t out = pipeline->given_before ? count : MIN(*left, count);

	*left -= MIN(*left, out);
	return out;
}

/* Leaves out what was shown before. */
static void lane_skip(struct pipe_lane *lane)
{
	struct pipeline *pipeline = lane->pipeline;
	int64_t items = left_out(pipeline, &pipeline->skip.items, lane->out_count);
	int64_t failed = left_out(pipeline, &pipeline->skip.failed, (int64_t)lane->failed_count);
	const char *text = buf_text(&lane->out), *at = text;

	for (int64_t i = 0; i < items; i++)
		at = strchr(at, '\n') + 1;
	if (at > text)
		buf_drop_front(&lane->out, (size_t)(at - text));
	lane->out_count -= items;
	lane->failed_told = (size_t)failed;
	lane->skipped -= left_out(pipeline, &pipeline->skip.skipped, lane->skipped);
}

static enum run_answer given_save(struct pipeline *pipeline)
{
	struct pipe_lane *lane = &pipeline->lanes[0];
	enum run_answer answer;

	if (!pipeline->part || lane->told_bytes < PIPELINE_SAVE_BYTES)
		return RUN_OK;
	answer = run_part_save(pipeline->run, 0, pipeline->part, &pipeline->told,
			       sizeof(pipeline->told));
	if (answer == RUN_OK)
		lane->told_bytes = 0;
	return answer;
}

/* Once for each bundle: what came of it is counted, and what was shown before left out. */
static void given_count(struct pipeline *pipeline)
{
	struct pipe_lane *lane = &pipeline->lanes[0];

	pipeline->told.items += lane->out_count;
	pipeline->told.failed += (int64_t)lane->failed_count;
	pipeline->told.skipped += lane->skipped;
	lane_skip(lane);
	lane->told_bytes += lane->out.len;
}

/* Ends the part, after the last was told. */
static enum step given_end(struct pipeline *pipeline)
{
	if (pipeline->part) {
		run_part_final(pipeline->run, pipeline->part);
		run_part_done(pipeline->run, 0, pipeline->part);
		pipeline->part = NULL;
	}
	return STEP_DONE;
}

/* Tells, then gives a bundle, or takes the one in hand further.  RUN_END: all was told. */
static enum run_answer give_advance(struct pipeline *pipeline, const struct stage *stage,
				    struct err *err)
{
	struct pipe_lane *lane = &pipeline->lanes[0];
	enum run_answer answer = part_claim(pipeline, stage, err);
	int rc;

	if (answer == RUN_OK)
		answer = lane_tell(lane, pipeline->part, err);
	if (answer == RUN_OK)
		answer = given_save(pipeline);
	if (answer != RUN_OK)
		return answer;
	if (!lane->pushing && !pipeline->given_all) {
		rc = stage->to_count > 0 ? bundle_give(lane, stage, err)
					 : results_give(lane, stage, err);
		if (rc < 0)
			return RUN_ERROR;
		pipeline->given_all = rc == 0;
	} else if (!lane->pushing) {
		answer = lane_flush(lane, stage->gives, err);
		if (answer == RUN_OK && !lane_has_news(lane))
			return RUN_END;
	}
	if (lane->pushing)
		answer = bundle_go_on(lane, stage, err);
	given_count(pipeline);
	return answer == RUN_LATER && (lane->put_off || lane_has_news(lane)) ? RUN_OK : answer;
}

enum step barrier_give_step(struct pipeline *pipeline, unsigned barrier, struct err *err)
{
	const struct stage *stage = pipeline->plan->barriers[barrier];
	struct pipe_lane *lane = &pipeline->lanes[0];
	enum run_answer answer;

	lane->until_us = clock_us() + STEP_US;
	lane_completions(lane);
	do
		answer = give_advance(pipeline, stage, err);
	while (answer == RUN_OK && clock_us() < lane->until_us && !run_cancelled(pipeline->run));
	progress_add(&pipeline->lanes[0]);
	progress_tell(pipeline);
	switch (answer) {
	case RUN_OK:
		return STEP_MORE;
	case RUN_END:
		return given_end(pipeline);
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		return STEP_WAIT;
	}
}
