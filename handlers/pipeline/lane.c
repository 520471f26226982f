/* SPDX-License-Identifier: MIT */
/* lane.c - one lane: claims a portion, pushes its rows through the stages, emits what comes out.
 *
 *   claim ─▶ take (rows ─▶ stages ─▶ results) … ─▶ finish (counters, state, part done)
 *     ▲ └─ tell: what came out and what failed, as soon as the run takes it ──┘ │
 *     └─────────────────────────────────────────────────────────────────────────┘
 *
 * A bundle goes through all stages that it reaches before the next is read: stages run one after
 * the other in the order of turns, each over what has gathered for it.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/expr/expr.h"
#include "handlers/pipeline/trial.h"
#include "handlers/script/script.h"

#include <stdlib.h>
#include <string.h>

enum {
	STEP_US = 5000,
	SAVE_BYTES = 64 * 1024, /* a smaller state is saved with each part, … */
	SAVE_US = 1000 * 1000,	/* … a larger one that often, … */
	COVERED_MAX = 128,	/* … or when so many parts wait for it */
};

/* ---- open and close ---- */

static int stages_open(struct pipe_lane *lane, struct err *err)
{
	const struct plan *plan = lane->pipeline->plan;

	for (unsigned i = 0; i < plan->count; i++) {
		struct stage_lane *at = &lane->stages[i];

		at->lane = lane;
		if (plan->turns[i]->kind->flags & STAGE_ROUTES) {
			at->arms = calloc(plan->turns[i]->to_count, sizeof(*at->arms));
			if (!at->arms)
				return err_set(err, ERR_NO_MEMORY, "no memory for a lane");
		}
		at->stage = plan->turns[i];
		if (at->stage->replace &&
		    lane_script_load(lane, at->stage->replace, &at->replace_slot, err))
			return -1;
		if (at->stage->kind->open && at->stage->kind->open(at, err))
			return -1;
	}
	return 0;
}

int lane_open(struct pipe_lane *lane, struct pipeline *pipeline, unsigned number, struct err *err)
{
	const struct plan *plan = pipeline->plan;

	lane->pipeline = pipeline;
	lane->number = number;
	buf_init(&lane->out, RUN_PART_BYTES_MAX);
	lane->until_us = INT64_MAX; /* no step, no end */
	lane->stages = calloc(plan->count + 1, sizeof(*lane->stages));
	lane->bundles = calloc(plan->stretches_count, sizeof(*lane->bundles));
	lane->scratch = expr_scratch_new();
	if (!lane->stages || !lane->bundles || !lane->scratch)
		return err_set(err, ERR_NO_MEMORY, "no memory for a lane");
	for (unsigned i = 0; i < plan->stretches_count; i++)
		if (bundle_init(&lane->bundles[i], &plan->stretches[i], err))
			return -1;
	return stages_open(lane, err);
}

static void stage_lane_close(struct stage_lane *at)
{
	if (!at->stage)
		return;
	if (at->stage->kind->close)
		at->stage->kind->close(at);
	for (unsigned i = 0; at->arms && i < at->stage->to_count; i++)
		picks_done(&at->arms[i]);
	free(at->arms);
	picks_done(&at->in);
	picks_done(&at->put_off);
}

void lane_close(struct pipe_lane *lane)
{
	if (!lane->pipeline)
		return;
	for (unsigned i = 0; lane->stages && i < lane->pipeline->plan->count; i++)
		stage_lane_close(&lane->stages[i]);
	for (unsigned i = 0; lane->bundles && i < lane->pipeline->plan->stretches_count; i++)
		bundle_done(&lane->bundles[i]);
	portion_close(lane->portion);
	free(lane->stages);
	free(lane->bundles);
	expr_scratch_free(lane->scratch);
	script_vm_free(lane->vm);
	picks_done(&lane->results);
	picks_done(&lane->picks);
	buf_done(&lane->out);
	free(lane->failed);
	free(lane->covered);
}

/* ---- through the stages ---- */

/* The rows themselves to the first taker, copies to the others. */
static int picks_give(struct pipe_lane *lane, struct bundle *bundle, const struct stage_edge *edge,
		      struct picks *picks, bool copies, struct err *err)
{
	struct picks *into = &lane->stages[edge->to->turn].in;
	struct picks swapped = *into;

	for (size_t i = 0; copies && i < picks->count; i++)
		if (bundle_copy(bundle, picks->rows[i], &picks->rows[i], err))
			return -1;
	if (into->count > 0)
		return picks_merge(into, picks, bundle, err);
	*into = *picks;
	*picks = swapped;
	return 0;
}

int lane_deliver(struct pipe_lane *lane, struct bundle *bundle, const struct stage_edge *to,
		 unsigned count, struct picks *picks, struct err *err)
{
	for (unsigned i = 0; i + 1 < count; i++) {
		struct picks copy = {0};

		if (picks_merge(&copy, picks, bundle, err) ||
		    picks_give(lane, bundle, &to[i + 1], &copy, true, err)) {
			picks_done(&copy);
			return -1;
		}
		picks_done(&copy);
	}
	return count > 0 ? picks_give(lane, bundle, &to[0], picks, false, err) : 0;
}

static int arms_deliver(struct stage_lane *at, struct bundle *bundle, struct err *err)
{
	for (unsigned i = 0; i < at->stage->to_count; i++) {
		if (at->arms[i].count > 0 &&
		    picks_give(at->lane, bundle, &at->stage->to[i], &at->arms[i], false, err))
			return -1;
		at->arms[i].count = 0;
	}
	return 0;
}

static int rows_renew(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		      struct err *err)
{
	size_t kept = 0;
	struct err why;
	bool stays;

	for (size_t i = 0; i < picks->count; i++) {
		uint32_t row = picks->rows[i];

		stays = true;
		if (record_renew(bundle, row, &why) &&
		    stage_failed(at, bundle, row, &why, &stays, err))
			return -1;
		if (stays)
			picks->rows[kept++] = row;
	}
	picks->count = kept;
	return 0;
}

static int stage_run(struct stage_lane *at, struct bundle *bundle, struct err *err)
{
	const struct stage *stage = at->stage;
	int64_t begun_us = clock_us(), failed = at->counts[COUNT_FAILED];
	size_t came = at->in.count, held = at->held, put_off = at->put_off.count;
	bool passes = stage->kind->completion && at->lane->pipeline->trial;

	if (stage->renew && rows_renew(at, bundle, &at->in, err))
		return -1;
	if (stage->kind->run && !passes && stage->kind->run(at, bundle, &at->in, err))
		return -1;
	failed = at->counts[COUNT_FAILED] - failed;
	at->counts[COUNT_IN] += (int64_t)(came + put_off - at->put_off.count);
	if (passes || !(stage->kind->flags & STAGE_MAKES)) {
		at->counts[COUNT_OUT] += (int64_t)at->in.count;
		at->counts[COUNT_FILTERED] +=
			(int64_t)(came + held - at->held) - (int64_t)at->in.count - failed;
	}
	at->busy_us += clock_us() - begun_us;
	if (at->lane->pipeline->trial && !(stage->kind->flags & STAGE_BARRIER))
		trial_saw(at->lane->pipeline->trial, at, bundle, &at->in);
	return 0;
}

/* Hands on what a stage has left in its picks. */
static int stage_hand_on(struct stage_lane *at, struct bundle *bundle, struct err *err)
{
	const struct stage *stage = at->stage;
	int rc = 0;

	if (stage->kind->flags & STAGE_ROUTES)
		rc = arms_deliver(at, bundle, err);
	else if (stage->gives_results && !(stage->kind->flags & STAGE_BARRIER))
		rc = picks_merge(&at->lane->results, &at->in, bundle, err);
	else if (!(stage->kind->flags & (STAGE_BARRIER | STAGE_ENDS)))
		rc = lane_deliver(at->lane, bundle, stage->to, stage->to_count, &at->in, err);
	at->in.count = 0;
	return rc;
}

/* Adds the records that reached the end, as lines. */
static int results_print(struct pipe_lane *lane, struct bundle *bundle, struct err *err)
{
	int64_t begun_us = clock_us();
	struct err why;

	for (size_t i = 0; i < lane->results.count; i++) {
		uint32_t row = lane->results.rows[i];
		size_t before = lane->out.len;

		if (record_print(bundle, row, &lane->out, &why) == 0 &&
		    lane->out.len - before <= ITEM_BYTES_MAX) {
			buf_end_line(&lane->out, before);
			lane->out_count++;
			continue;
		}
		if (lane->out.len - before > ITEM_BYTES_MAX)
			err_set(&why, ERR_LIMIT, "a result of %zu bytes; %d is the most",
				lane->out.len - before, ITEM_BYTES_MAX);
		buf_cut(&lane->out, before);
		if (lane_result_failed(lane, bundle, row, &why, err))
			return -1;
	}
	lane->results.count = 0;
	lane->output_us += clock_us() - begun_us;
	return buf_ok(&lane->out) ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for results");
}

/* The time at which a lane waits is that stage's. */
static void lane_waited(struct pipe_lane *lane)
{
	if (lane->waits)
		lane->waits->busy_us += clock_us() - lane->waits_us;
	lane->waits = NULL;
}

enum run_answer lane_push(struct pipe_lane *lane, struct bundle *bundle, struct err *err)
{
	const struct plan *plan = lane->pipeline->plan;
	bool blocked = false;

	lane_waited(lane);
	lane->put_off = false;
	for (unsigned i = 0; i < plan->count && !blocked; i++) {
		struct stage_lane *at = &lane->stages[i];

		if ((at->in.count == 0 && at->held == 0) || at->stage->takes != bundle->stretch)
			continue;
		if (stage_run(at, bundle, err) || stage_hand_on(at, bundle, err))
			return RUN_ERROR;
		if (at->put_off.count > 0)
			lane->put_off = true;
		else if (at->held > 0 && !lane->waits)
			lane->waits = at;
		blocked = at->held > 0 && !at->stage->streams;
	}
	lane->waits_us = clock_us();
	if (!blocked && results_print(lane, bundle, err))
		return RUN_ERROR;
	return lane->waits || lane->put_off ? RUN_LATER : RUN_OK;
}

void lane_completions(struct pipe_lane *lane)
{
	struct completion completion;

	while (run_completion(lane->pipeline->run, lane->number, &completion)) {
		struct stage_lane *at;

		if (input_completion(lane->pipeline->input, &completion))
			continue;
		at = &lane->stages[completion.tag >> STAGE_TAG_SHIFT];
		at->stage->kind->completion(at, &completion);
	}
}

unsigned lane_workers(const struct stage_lane *at)
{
	const struct pipeline *pipeline = at->lane->pipeline;
	unsigned lanes = pipeline->doing == DOING_INPUT ? pipeline->lanes_count : 1;
	unsigned workers = at->stage->workers;

	return MAX(workers / lanes + (at->lane->number < workers % lanes), 1);
}

bool lane_has_enough(const struct stage_lane *at)
{
	return at->stage->turn < atomic_load(&at->lane->pipeline->enough);
}

enum run_answer lane_flush(struct pipe_lane *lane, const struct stretch *stretch, struct err *err)
{
	enum run_answer all = RUN_OK;

	for (unsigned i = 0; i < lane->pipeline->plan->count; i++) {
		struct stage_lane *at = &lane->stages[i];
		enum run_answer answer = RUN_OK;

		if (at->stage->takes == stretch && at->stage->kind->flush)
			answer = at->stage->kind->flush(at, err);
		if (answer == RUN_ERROR)
			return answer;
		if (answer != RUN_OK)
			all = answer;
	}
	return all;
}

enum run_answer lane_tell(struct pipe_lane *lane, struct part *part, struct err *err)
{
	enum run_answer answer = lane_failed_tell(lane, part);

	if (answer != RUN_OK || lane->out.len == 0)
		return answer;
	answer = run_emit_lines(lane->pipeline->run, lane->number, part, lane->out.data,
				lane->out.len, lane->out_count, err);
	if (answer != RUN_OK)
		return answer;
	if (!part && lane->pipeline->plan->output.file &&
	    buf_add(&lane->pipeline->rest, lane->out.data, lane->out.len)) {
		err_set(err, ERR_NO_MEMORY, "no memory for the output");
		return RUN_ERROR;
	}
	buf_clear(&lane->out);
	lane->out_count = 0;
	return RUN_OK;
}

/* ---- portions ---- */

static enum run_answer lane_checkpoint(struct pipe_lane *lane, struct err *err)
{
	struct buf blob = BUF(PIPELINE_BLOB_BYTES_MAX);
	enum run_answer answer = RUN_ERROR;

	if (lane_save(lane, &blob, err) == 0)
		answer = run_checkpoint(lane->pipeline->run, lane->number, buf_text(&blob),
					blob.len, lane->covered, lane->covered_count);
	if (answer == RUN_OK) {
		lane->covered_count = 0;
		lane->saved_us = clock_us();
		lane->saved_bytes = blob.len;
	}
	buf_done(&blob);
	return answer;
}

/* More of what can be claimed; RUN_OK: perhaps there is more still. */
static enum run_answer lane_feed(struct pipe_lane *lane, struct err *err)
{
	enum run_answer answer = RUN_END;

	if (lane->number == 0 && !lane->fed)
		answer = input_feed(lane->pipeline->input, 0, err);
	lane->fed = answer == RUN_END;
	return answer;
}

/* A part of what a barrier gives comes after all of the input: an earlier attempt got that far. */
static enum run_answer lane_begin(struct pipe_lane *lane, struct err *err)
{
	struct part *part = portion_part(lane->portion);

	if (!give_is_part(part))
		return part->resume ? lane_resume(lane, err) : RUN_OK;
	run_part_release(lane->pipeline->run, lane->number, part);
	portion_close(lane->portion);
	lane->portion = NULL;
	return RUN_END;
}

static enum run_answer lane_claim(struct pipe_lane *lane, struct err *err)
{
	enum run_answer fed = RUN_END, answer;

	if (atomic_load(&lane->pipeline->satisfied)) {
		answer = RUN_END;
	} else {
		fed = lane_feed(lane, err);
		if (fed == RUN_ERROR)
			return fed;
		answer = input_next(lane->pipeline->input, lane->number, &lane->portion, err);
	}
	if (answer == RUN_OK)
		return lane_begin(lane, err);
	if (answer == RUN_ERROR)
		return answer;
	if (lane->covered_count > 0) /* others may wait for these parts, and so may we */
		return lane_checkpoint(lane, err);
	return fed == RUN_OK ? RUN_OK : answer;
}

/* The bundle in hand goes on.  What it has given is told before the lane waits. */
static enum run_answer lane_go_on(struct pipe_lane *lane, struct err *err)
{
	struct bundle *bundle = &lane->bundles[0];
	enum run_answer answer = lane_push(lane, bundle, err);

	if (answer == RUN_LATER && (lane->put_off || lane_has_news(lane)))
		return RUN_OK;
	if (answer != RUN_OK)
		return answer;
	lane->pushing = false;
	lane->number_in += (int64_t)bundle->base; /* copies have the number of their record */
	lane->over = atomic_load(&lane->pipeline->satisfied);
	return RUN_OK;
}

static enum run_answer lane_take(struct pipe_lane *lane, struct err *err)
{
	struct bundle *bundle = &lane->bundles[0];
	const struct plan *plan = lane->pipeline->plan;
	struct picks picks = lane->picks;
	int64_t begun_us = clock_us();
	enum run_answer answer = input_rows(lane->portion, &lane->rows, err);
	enum format_kind kind;
	int rc;

	if (answer == RUN_END)
		lane->over = true;
	if (answer != RUN_OK)
		return answer == RUN_END ? RUN_OK : answer;
	kind = format_kind(portion_format(lane->portion));
	bundle->row_from = lane;
	bundle->row_text = lane_row_text;
	bundle->objects = kind == FORMAT_CSV;
	picks.count = 0;
	rc = bundle_fill(bundle, &lane->rows, kind == FORMAT_NDJSON || kind == FORMAT_JSON, &picks,
			 err);
	if (rc == 0 && picks.count < lane->rows.count)
		rc = lane_malformed(lane, err);
	lane->taken += (int64_t)lane->rows.count;
	lane->input_us += clock_us() - begun_us;
	if (rc == 0)
		rc = plan->count == 0 ? picks_merge(&lane->results, &picks, bundle, err)
				      : lane_deliver(lane, bundle, plan->takers, plan->takers_count,
						     &picks, err);
	lane->picks = picks;
	lane->pushing = true;
	return rc ? RUN_ERROR : lane_go_on(lane, err);
}

/* Of an ordered run each lane covers one part at a time (run.h). */
static bool covers_one(const struct pipe_lane *lane)
{
	return lane->pipeline->plan->in_order && lane->pipeline->lanes_count > 1;
}

static bool checkpoint_due(const struct pipe_lane *lane)
{
	int64_t bytes = (int64_t)lane->saved_bytes;

	for (unsigned i = 0; i < lane->pipeline->plan->count; i++)
		if (lane->stages[i].stage->kind->unsaved)
			bytes += lane->stages[i].stage->kind->unsaved(&lane->stages[i]);
	return covers_one(lane) || lane->covered_count >= COVERED_MAX || bytes < SAVE_BYTES ||
	       clock_us() - lane->saved_us > SAVE_US;
}

static int covered_add(struct pipe_lane *lane, uint64_t number, struct err *err)
{
	uint64_t *larger;

	if (!lane->covered) {
		larger = malloc(COVERED_MAX * sizeof(*larger));
		if (!larger)
			return err_set(err, ERR_NO_MEMORY, "no memory for a lane");
		lane->covered = larger;
	}
	lane->covered[lane->covered_count++] = number;
	return 0;
}

/* The portion is pushed and told: its part is done, or will be with the next checkpoint. */
static enum run_answer lane_finish(struct pipe_lane *lane, struct err *err)
{
	struct part *part = portion_part(lane->portion);
	enum run_answer answer = lane_flush(lane, lane->bundles[0].stretch, err);

	if (answer != RUN_OK || lane_has_news(lane))
		return answer;
	if (lane->covered_count == (covers_one(lane) ? 1 : COVERED_MAX))
		return lane_checkpoint(lane, err);
	account_part(lane, part);
	portion_close(lane->portion);
	lane->portion = NULL;
	lane->over = false;
	lane->number_in = 0;
	if (!lane->pipeline->plan->has_state) {
		run_part_done(lane->pipeline->run, lane->number, part);
		return RUN_OK;
	}
	run_part_final(lane->pipeline->run, part);
	if (covered_add(lane, part->number, err))
		return RUN_ERROR;
	/* What finds no room now is saved with the next part, or before the lane waits. */
	if (checkpoint_due(lane) && lane_checkpoint(lane, err) == RUN_ERROR)
		return RUN_ERROR;
	return RUN_OK;
}

/* After much output of one part, so that it need not be held until its end. */
static enum run_answer lane_save_part(struct pipe_lane *lane, struct err *err)
{
	struct part *part = portion_part(lane->portion);
	struct buf blob = BUF(PIPELINE_BLOB_BYTES_MAX);
	int64_t mark = portion_mark(lane->portion);
	enum run_answer answer = RUN_ERROR;

	buf_add(&blob, &mark, sizeof(mark));
	buf_add(&blob, &lane->number_in, sizeof(lane->number_in));
	if (lane_save(lane, &blob, err) == 0) {
		account_part(lane, part);
		answer =
			run_part_save(lane->pipeline->run, lane->number, part, blob.data, blob.len);
	}
	if (answer == RUN_OK)
		lane->told_bytes = 0;
	buf_done(&blob);
	return answer;
}

/* ---- steps ---- */

static enum run_answer lane_advance(struct pipe_lane *lane, struct err *err)
{
	struct part *part = lane->portion ? portion_part(lane->portion) : NULL;
	size_t bytes = lane->out.len;
	enum run_answer answer = lane_tell(lane, part, err);

	if (answer != RUN_OK)
		return answer;
	lane->told_bytes += bytes;
	if (lane->pushing)
		return lane_go_on(lane, err);
	if (!lane->portion)
		return lane_claim(lane, err);
	if (lane->over)
		return lane_finish(lane, err);
	if (lane->told_bytes > PIPELINE_SAVE_BYTES && lane->pipeline->plan->saves_parts)
		return lane_save_part(lane, err);
	return lane_take(lane, err);
}

enum step lane_step(struct pipe_lane *lane, struct err *err)
{
	struct pipeline *pipeline = lane->pipeline;
	enum run_answer answer;

	lane->until_us = clock_us() + STEP_US;
	lane_completions(lane);
	do
		answer = lane_advance(lane, err);
	while (answer == RUN_OK && clock_us() < lane->until_us && !run_cancelled(pipeline->run));
	progress_add(lane);
	progress_tell(pipeline);
	switch (answer) {
	case RUN_OK:
		return STEP_MORE;
	case RUN_END:
		return STEP_DONE;
	case RUN_ERROR:
		return STEP_FAIL;
	default:
		return STEP_WAIT;
	}
}
