/* SPDX-License-Identifier: MIT */
/* trial.c - drives one lane over a sample, without a run.
 *
 *   open      the plan with less memory, a pipeline of one lane, the sample's portion
 *   input     each row alone: lane_deliver(), lane_push(); then its failures and results are taken
 *   barriers  gathered and given here, one after the other
 *   account   what stages counted becomes trial_out() (trial_out.c)
 *
 * It is broken off, and says why, when its time is over or records have become too many.
 */
#include "handlers/pipeline/trial_seen.h"

#include "handlers/input/sample.h"
#include "handlers/script/script.h"

#include <stdlib.h>
#include <string.h>

enum { TRIAL_ARENA_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- what the lane tells ---- */

static void shown_add(struct trial *trial, struct trial_stage *seen, const struct bundle *bundle,
		      const struct picks *picks)
{
	struct err err;

	for (size_t i = 0; i < picks->count && seen->shown_count < trial->shown; i++) {
		size_t before = seen->shown.len;

		if (record_print((struct bundle *)bundle, picks->rows[i], &seen->shown, &err)) {
			buf_cut(&seen->shown, before);
			return;
		}
		buf_add_byte(&seen->shown, ',');
		seen->shown_count++;
	}
}

/* What was said since the stage before is this one's. */
static void said_settle(struct trial *trial, const struct stage *stage)
{
	struct trial_stage *seen = &trial->stages[stage->turn];

	for (; trial->logs_settled < trial->logs_count; trial->logs_settled++)
		trial->logs[trial->logs_settled].stage = stage;
	seen->work += trial->work;
	trial->work = 0;
}

void trial_saw(struct trial *trial, struct stage_lane *at, const struct bundle *bundle,
	       const struct picks *picks)
{
	struct trial_stage *seen = &trial->stages[at->stage->turn];

	said_settle(trial, at->stage);
	trial->rows += (int64_t)picks->count;
	for (unsigned i = 0; at->arms && i < at->stage->to_count; i++) {
		trial->rows += (int64_t)at->arms[i].count;
		shown_add(trial, seen, bundle, &at->arms[i]);
	}
	if (!at->arms)
		shown_add(trial, seen, bundle, picks);
}

void trial_said(struct trial *trial, const char *text, size_t len)
{
	if (trial->logs_count == TRIAL_LOGS_MAX) {
		trial->logs_more++;
		return;
	}
	trial->logs[trial->logs_count] = (struct trial_log){
		.record = trial->record,
		.text = arena_copy(&trial->arena, text, len),
	};
	trial->logs_count += trial->logs[trial->logs_count].text != NULL;
}

void trial_worked(struct trial *trial, uint64_t work, size_t emitted)
{
	trial->work += work;
	trial->rows += (int64_t)emitted;
}

/* The input has given what is wanted of it. */
static bool is_fed(const struct trial *trial)
{
	return trial->taken == trial->records_max || atomic_load(&trial->pipeline->satisfied);
}

/* Nothing more is to be tried. */
static bool is_over(struct trial *trial)
{
	if (!trial->stopped && clock_us() > trial->until_us)
		trial->stopped = "time";
	if (!trial->stopped && trial->rows > TRIAL_ROWS_MAX)
		trial->stopped = "records";
	return trial->stopped != NULL;
}

int trial_goes_on(struct trial *trial, struct err *err)
{
	return is_over(trial) ? err_set(err, ERR_JOB_TIMEOUT, "the test has come to its limit") : 0;
}

/* ---- failures and results, taken from the lane ---- */

static void error_add(struct trial *trial, const struct failed_row *failed)
{
	struct trial_error *error = &trial->errors[trial->errors_count];
	struct portion_place place = {.line = -1, .offset = -1};

	if (trial->stopped && failed->err.code == ERR_JOB_TIMEOUT)
		return;
	if (trial->errors_count == TRIAL_ERRORS_MAX) {
		trial->errors_more++;
		return;
	}
	if (failed->offset >= 0)
		portion_place(trial->lane->portion, failed->offset, &place);
	*error = (struct trial_error){
		.stage = failed->stage,
		.record = trial->record,
		.line = place.line,
		.offset = place.offset < 0 ? -1 : place.offset + (int64_t)failed->within,
		.err = failed->err,
	};
	trial->errors_count++;
}

static void lane_taken(struct trial *trial)
{
	struct pipe_lane *lane = trial->lane;

	for (size_t i = 0; i < lane->failed_count; i++)
		error_add(trial, &lane->failed[i]);
	lane->failed_count = 0;
	lane->skipped = 0;
	trial->results_count += lane->out_count;
	if (trial->results.len + lane->out.len <= TRIAL_RESULTS_BYTES)
		buf_add(&trial->results, buf_text(&lane->out), lane->out.len);
	else
		trial->results_cut = true;
	buf_clear(&lane->out);
	lane->out_count = 0;
}

/* ---- the input ---- */

/* One row, alone in its bundle. */
static int row_push(struct trial *trial, const struct rows *rows, size_t i, struct err *err)
{
	struct pipe_lane *lane = trial->lane;
	const struct plan *plan = &trial->plan;
	struct bundle *bundle = &lane->bundles[0];
	enum format_kind kind = format_kind(portion_format(lane->portion));
	int rc;

	lane->rows = *rows;
	lane->rows.count = 1;
	lane->rows.offset = row_offset(rows, i);
	lane->rows.row += i;
	lane->rows.values += i * rows->width;
	bundle->row_from = lane;
	bundle->row_text = lane_row_text;
	bundle->objects = kind == FORMAT_CSV;
	lane->picks.count = 0;
	if (bundle_fill(bundle, &lane->rows, kind == FORMAT_NDJSON || kind == FORMAT_JSON,
			&lane->picks, err))
		return -1;
	if (lane->picks.count == 0)
		return lane_malformed(lane, err);
	rc = plan->count == 0 ? picks_merge(&lane->results, &lane->picks, bundle, err)
			      : lane_deliver(lane, bundle, plan->takers, plan->takers_count,
					     &lane->picks, err);
	if (rc || lane_push(lane, bundle, err) == RUN_ERROR)
		return -1;
	lane->number_in++;
	return 0;
}

static int rows_push(struct trial *trial, const struct rows *rows, struct err *err)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (is_over(trial) || is_fed(trial))
			return 0;
		trial->record = ++trial->taken;
		if (row_push(trial, rows, i, err))
			return -1;
		lane_taken(trial);
	}
	return 0;
}

static int input_push(struct trial *trial, struct err *err)
{
	struct rows rows;
	enum run_answer answer;

	while (!is_over(trial) && !is_fed(trial)) {
		answer = input_rows(trial->lane->portion, &rows, err);
		if (answer == RUN_END)
			return 0;
		if (answer != RUN_OK || rows_push(trial, &rows, err))
			return -1;
	}
	return 0;
}

/* ---- barriers ---- */

/* Its records went straight to the results: they are the lines behind `from`. */
static void lines_shown(struct trial *trial, const struct stage *stage, size_t from)
{
	struct trial_stage *seen = &trial->stages[stage->turn];
	const char *at = buf_text(&trial->lane->out) + from, *end;

	for (; *at && seen->shown_count < trial->shown; at = end + 1, seen->shown_count++) {
		end = strchr(at, '\n');
		buf_add(&seen->shown, at, (size_t)(end - at));
		buf_add_byte(&seen->shown, ',');
	}
}

static int barrier_push(struct trial *trial, unsigned barrier, struct err *err)
{
	const struct stage *stage = trial->plan.barriers[barrier];
	unsigned lanes;
	int rc = 1;

	trial->pipeline->barrier = barrier;
	trial->pipeline->doing = DOING_GIVE;
	if (barrier_gather(trial->pipeline, barrier, &lanes, err))
		return -1;
	said_settle(trial, stage);
	while (rc > 0 && !is_over(trial)) {
		rc = barrier_give(trial->lane, stage, err);
		if (rc >= 0 && stage->to_count == 0)
			lines_shown(trial, stage, 0);
		lane_taken(trial);
	}
	return rc < 0 ? -1 : 0;
}

static int barriers_push(struct trial *trial, struct err *err)
{
	/* What barriers give comes of no record of the input. */
	trial->record = 0;
	trial->lane->number_in = 0;
	for (unsigned i = 0; i < trial->plan.barriers_count; i++)
		if (barrier_push(trial, i, err))
			return -1;
	return 0;
}

/* ---- the whole ---- */

static int context_make(struct trial *trial, const struct json *params, struct err *err)
{
	struct json_out out = JSON_OUT(&trial->pipeline->context);

	json_out_object(&out, NULL);
	json_out_null(&out, "job");
	json_out_null(&out, "request_id");
	if (params)
		json_out_json(&out, "params", params);
	else
		json_out_raw(&out, "params", "{}", 2);
	json_out_end(&out, '}');
	return buf_ok(&trial->pipeline->context)
		       ? 0
		       : err_set(err, ERR_NO_MEMORY, "no memory for a test");
}

/* The pipeline; what there is of it is the trial's also after a failure. */
static int pipeline_make(struct trial *trial, struct err *err)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

	if (!pipeline)
		return err_set(err, ERR_NO_MEMORY, "no memory for a test");
	trial->pipeline = pipeline;
	pipeline->plan = &trial->plan;
	pipeline->trial = trial;
	pipeline->small = true;
	pipeline->seed = TRIAL_SEED;
	buf_init(&pipeline->context, 2 * JOB_SPEC_BYTES_MAX);
	pipeline->lanes = trial->lane = calloc(1, sizeof(*pipeline->lanes));
	pipeline->gathered = calloc(trial->plan.barriers_count + 1, sizeof(*pipeline->gathered));
	if (!pipeline->lanes || !pipeline->gathered)
		return err_set(err, ERR_NO_MEMORY, "no memory for a test");
	pipeline->lanes_count = pipeline->lanes_kept = 1;
	return 0;
}

static int trial_open(struct trial *trial, const struct trial_options *options, struct err *err)
{
	trial->stages = calloc(trial->plan.count + 1, sizeof(*trial->stages));
	if (!trial->stages)
		return err_set(err, ERR_NO_MEMORY, "no memory for a test");
	for (unsigned i = 0; i < trial->plan.count; i++)
		buf_init(&trial->stages[i].shown, TRIAL_SHOWN_BYTES);
	if (pipeline_make(trial, err))
		return -1;
	trial->pipeline->files = options->files;
	if (context_make(trial, options->params, err) ||
	    lane_open(trial->lane, trial->pipeline, 0, err))
		return -1;
	return sample_open(options->sample, &trial->plan.stretches[0].fields,
			   &trial->pipeline->input, &trial->lane->portion, err);
}

/* Records were malformed, a barrier is full: the rest is told, with that. */
int trial_run(const struct plan *plan, const struct trial_options *options,
	      struct trial **ret_trial, struct err *err)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	if (!trial)
		return err_set(err, ERR_NO_MEMORY, "no memory for a test");
	trial->plan = *plan;
	trial->plan.memory_bytes = MIN(plan->memory_bytes, TRIAL_MEMORY_BYTES);
	trial->shown = options->shown;
	trial->records_max = options->records_max ? options->records_max : INT64_MAX;
	trial->begun_us = clock_us();
	trial->until_us = options->until_us ? options->until_us : trial->begun_us + TRIAL_US_MAX;
	arena_init(&trial->arena, TRIAL_ARENA_BYTES_MAX);
	buf_init(&trial->results, TRIAL_RESULTS_BYTES);
	if (trial_open(trial, options, err)) {
		trial_free(trial);
		return -1;
	}
	if (input_push(trial, &trial->failed) || barriers_push(trial, &trial->failed))
		trial->stopped = "error";
	trial->took_us = clock_us() - trial->begun_us;
	*ret_trial = trial;
	return 0;
}

void trial_free(struct trial *trial)
{
	if (!trial)
		return;
	if (trial->pipeline)
		pipeline_free(trial->pipeline);
	for (unsigned i = 0; trial->stages && i < trial->plan.count; i++)
		buf_done(&trial->stages[i].shown);
	free(trial->stages);
	buf_done(&trial->results);
	arena_done(&trial->arena);
	free(trial);
}
