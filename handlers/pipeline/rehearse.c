/* SPDX-License-Identifier: MIT */
/* rehearse.c - one lane, no run: what a job of few records would do, at once.
 *
 * Stages that wait for something outside (fetch, rate_limit, …) let records pass.
 */
#include "handlers/pipeline/rehearse.h"

#include "handlers/pipeline/pipeline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS_BYTES_MAX = 16 * 1024 * 1024, GIVEN_BYTES_MAX = 1024 * 1024 };

static const char no_context[] = "{\"job\":null,\"request_id\":null,\"params\":{}}";

static int rehearsal_init(struct rehearsal *rehearsal, const struct plan *plan, struct err *err)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	buf_init(&rehearsal->results, RESULTS_BYTES_MAX);
	rehearsal->failed.code = ERR_NONE;
	rehearsal->pipeline = pipeline;
	rehearsal->given = calloc(plan->count + 1, sizeof(*rehearsal->given));
	if (!pipeline || !rehearsal->given)
		return err_set(err, ERR_NO_MEMORY, "no memory for a rehearsal");
	for (unsigned i = 0; i < plan->count; i++)
		buf_init(&rehearsal->given[i], GIVEN_BYTES_MAX);
	pipeline->plan = plan;
	pipeline->rehearsal = rehearsal;
	pipeline->small = true;
	pipeline->lanes_count = pipeline->lanes_kept = 1;
	buf_init(&pipeline->context, sizeof(no_context));
	buf_add_text(&pipeline->context, no_context);
	pipeline->lanes = calloc(1, sizeof(*pipeline->lanes));
	pipeline->gathered = calloc(plan->barriers_count + 1, sizeof(*pipeline->gathered));
	if (!pipeline->lanes || !pipeline->gathered)
		return err_set(err, ERR_NO_MEMORY, "no memory for a rehearsal");
	return lane_open(&pipeline->lanes[0], pipeline, 0, err);
}

void rehearsal_done(struct rehearsal *rehearsal)
{
	struct pipeline *pipeline = rehearsal->pipeline;

	for (unsigned i = 0; rehearsal->given && i < pipeline->plan->count; i++)
		buf_done(&rehearsal->given[i]);
	free(rehearsal->given);
	buf_done(&rehearsal->results);
	if (pipeline)
		pipeline_free(pipeline);
}

/* ---- what each stage gives ---- */

static unsigned lines_of(const struct buf *text)
{
	unsigned lines = 0;

	for (size_t i = 0; i < text->len; i++)
		lines += text->data[i] == '\n';
	return lines;
}

static int picks_watch(struct buf *given, unsigned max, struct bundle *bundle,
		       const struct picks *picks, struct err *err)
{
	for (size_t i = 0; i < picks->count && lines_of(given) < max; i++) {
		size_t before = given->len;

		if (record_print(bundle, picks->rows[i], given, err)) {
			buf_cut(given, before);
			given->failed = false;
			return err->code == ERR_NO_MEMORY ? -1 : 0;
		}
		buf_add_byte(given, '\n');
	}
	return 0;
}

int rehearsal_watch(struct stage_lane *at, struct bundle *bundle, struct err *err)
{
	struct rehearsal *rehearsal = at->lane->pipeline->rehearsal;
	struct buf *given = &rehearsal->given[at->stage->turn];
	unsigned max = rehearsal->given_max;

	if (at->stage->kind->flags & STAGE_BARRIER)
		return 0;
	if (!(at->stage->kind->flags & STAGE_ROUTES))
		return picks_watch(given, max, bundle, &at->in, err);
	for (unsigned i = 0; i < at->stage->to_count; i++)
		if (picks_watch(given, max, bundle, &at->arms[i], err))
			return -1;
	return 0;
}

void rehearsal_watch_given(struct stage_lane *at, const char *text, size_t len)
{
	struct rehearsal *rehearsal = at->lane->pipeline->rehearsal;
	struct buf *given = &rehearsal->given[at->stage->turn];

	if (lines_of(given) >= rehearsal->given_max)
		return;
	buf_add(given, text, len);
	buf_add_byte(given, '\n');
}

/* ---- pushing ---- */

static void results_take(struct rehearsal *rehearsal, struct pipe_lane *lane)
{
	buf_add(&rehearsal->results, buf_text(&lane->out), lane->out.len);
	buf_clear(&lane->out);
	lane->out_count = 0;
}

/* All records are one bundle. */
static int records_push(struct rehearsal *rehearsal, const struct json *records, struct err *err)
{
	struct pipe_lane *lane = &rehearsal->pipeline->lanes[0];
	const struct plan *plan = rehearsal->pipeline->plan;
	struct bundle *bundle;
	uint32_t order = 0;
	int rc;

	assert(lane);
	bundle = &lane->bundles[0];
	for (const struct json *at = json_first(records); at; at = json_next(at)) {
		char *text;

		buf_clear(&bundle->text);
		if (json_print(at, &bundle->text) || picks_room(&lane->picks, 1, err))
			return err_set(err, ERR_NO_MEMORY, "no memory for a rehearsal");
		text = arena_copy(&bundle->arena, bundle->text.data, bundle->text.len);
		if (!text)
			return err_set(err, ERR_NO_MEMORY, "no memory for a rehearsal");
		if (bundle_add(bundle, text, bundle->text.len, order++,
			       &lane->picks.rows[lane->picks.count], err))
			return -1;
		lane->picks.count++;
	}
	rc = plan->count == 0 ? picks_merge(&lane->results, &lane->picks, bundle, err)
			      : lane_deliver(lane, bundle, plan->takers, plan->takers_count,
					     &lane->picks, err);
	if (rc || lane_push(lane, bundle, err) == RUN_ERROR)
		return -1;
	lane->number_in = order;
	results_take(rehearsal, lane);
	return 0;
}

static int barriers_push(struct rehearsal *rehearsal, struct err *err)
{
	struct pipeline *pipeline = rehearsal->pipeline;
	struct pipe_lane *lane = &pipeline->lanes[0];
	unsigned lanes;
	int rc = 1;

	for (unsigned i = 0; i < pipeline->plan->barriers_count; i++) {
		pipeline->barrier = i;
		pipeline->doing = DOING_GIVE;
		if (barrier_gather(pipeline, i, &lanes, err))
			return -1;
		do
			rc = barrier_give(lane, pipeline->plan->barriers[i], err);
		while (rc > 0);
		if (rc < 0)
			return -1;
		results_take(rehearsal, lane);
	}
	return 0;
}

int rehearse(const struct plan *plan, const struct json *records, struct rehearsal *rehearsal,
	     struct err *err)
{
	if (rehearsal_init(rehearsal, plan, err))
		return -1;
	if (records_push(rehearsal, records, &rehearsal->failed) ||
	    barriers_push(rehearsal, &rehearsal->failed)) {
		results_take(rehearsal, &rehearsal->pipeline->lanes[0]);
		if (rehearsal->failed.code != ERR_NO_MEMORY)
			return 0;
		*err = rehearsal->failed;
		return -1;
	}
	rehearsal->failed.code = ERR_NONE;
	return 0;
}
