/* SPDX-License-Identifier: MIT */
/* give.c - a barrier puts together what all lanes have gathered, and gives it.
 *
 * What it gives goes through the stages behind it like rows of the input, on one lane; as
 * results it becomes visible when the attempt completes, and is made again after a crash.
 */
#include "handlers/pipeline/pipeline.h"

#include <string.h>

enum { STEP_US = 5000, UNITS_INLINE = 4, GIVEN_ROWS = 256, GIVEN_BYTES = 4 * 1024 * 1024 };

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
	pipeline->given_all = false;
	if (units > UNITS_INLINE) {
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

/* Straight to the results: nobody has to look at it.  1: there is more. */
static int results_give(struct pipe_lane *lane, const struct stage *stage, struct err *err)
{
	struct pipeline *pipeline = lane->pipeline;
	int rc = 1;

	for (size_t i = 0; i < GIVEN_ROWS && lane->out.len < GIVEN_BYTES && rc > 0; i++) {
		rc = stage->kind->give(pipeline, stage, &lane->out, err);
		if (rc > 0) {
			buf_add_byte(&lane->out, '\n');
			lane->out_count++;
			lane->stages[stage->turn].counts[COUNT_MADE]++;
		}
	}
	return buf_ok(&lane->out) ? rc : err_set(err, ERR_NO_MEMORY, "no memory for results");
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
	if (rc < 0 || lane_deliver(lane, bundle, stage->to, stage->to_count, picks, err) ||
	    lane_push(lane, bundle, err))
		return -1;
	lane->number_in += (int64_t)bundle->count;
	return rc;
}

enum step barrier_give_step(struct pipeline *pipeline, unsigned barrier, struct err *err)
{
	const struct stage *stage = pipeline->plan->barriers[barrier];
	struct pipe_lane *lane = &pipeline->lanes[0];
	int64_t until_us = clock_us() + STEP_US;
	enum run_answer answer;

	do {
		int rc;

		answer = lane_tell(lane, NULL, err);
		if (answer != RUN_OK)
			return answer == RUN_FULL ? STEP_WAIT : STEP_FAIL;
		if (pipeline->given_all)
			return STEP_DONE;
		rc = stage->to_count > 0 ? bundle_give(lane, stage, err)
					 : results_give(lane, stage, err);
		if (rc < 0)
			return STEP_FAIL;
		pipeline->given_all = rc == 0;
	} while (clock_us() < until_us && !run_cancelled(pipeline->run));
	return STEP_MORE;
}
