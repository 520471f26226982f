/* SPDX-License-Identifier: MIT */
/* preview.c - what a kernel makes of some records, for people who write map-reduce specs.
 *
 * One lane without a run: records go into the kernel one by one (rows_begin()), so that failures
 * and what scripts say are known by their record and the time is looked at between them; then its
 * one state is put together as those of a job are.
 */
#include "handlers/mapreduce/preview.h"

#include "base/clock.h"
#include "base/expr/expr.h"
#include "base/limits.h"
#include "handlers/input/sample.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <stdlib.h>
#include <string.h>

enum { TRIAL_SEED = 1 }; /* of hashes: the same test gives the same */

struct map_trial {
	struct mapreduce job; /* of one lane; without run and input */
	struct mapper mapper;
	struct input *input;
	int64_t record; /* in hand, from 1 */
	int64_t until_us;
	const char *stopped;		  /* why it was broken off; NULL: it was not */
	struct err failed;		  /* "error": the job would end with it */
	struct buf errors, logs, results; /* elements, each with a comma behind it */
	int64_t errors_count, logs_count, results_count;
};

/* clang-format off */
const struct param mapreduce_preview_params[] = {
	MAPREDUCE_WORK_PARAMS,
	SAMPLE_PARAMS,
	{.name = "params", .kind = PARAM_OBJECT, .summary = "What scripts see as ctx.params"},
	{0},
};
/* clang-format on */

/* ---- the plan ---- */

/* Kernels say where a mistake stands in a spec; here that is the body. */
static void pointers_shorten(struct mistakes *mistakes)
{
	static const char spec[] = "/spec";

	for (struct mistake *at = mistakes->first; at; at = at->next)
		if (strncmp(at->pointer, spec, strlen(spec)) == 0)
			at->pointer += strlen(spec);
}

int mapreduce_preview_plan(const struct json *body, struct planner *planner, struct plan **ret_plan)
{
	struct sample *sample = sample_new(body, "", planner->mistakes);
	struct plan *plan = mapreduce_plan_work(body, planner);

	pointers_shorten(planner->mistakes);
	if (plan && plan->kernel->reads_files)
		mistake_add_code(planner->mistakes, ERR_NOT_IMPLEMENTED, "/map/builtin",
				 "%s reads files, which a test has not", plan->kernel->name);
	if (!plan || !sample || planner->mistakes->count > 0) {
		mapreduce_plan_free(plan);
		sample_free(sample);
		return -1;
	}
	plan->sample = sample;
	plan->params = json_get(body, "params");
	plan->memory_bytes = MIN(plan->memory_bytes, TRIAL_MEMORY_BYTES);
	plan->on_error = plan->on_type_error = BAD_DEAD_LETTER; /* all are listed */
	*ret_plan = plan;
	return 0;
}

/* ---- what it tells ---- */

static void log_add(void *to, const char *text, size_t len)
{
	struct map_trial *trial = to;
	struct json_out out = JSON_OUT(&trial->logs);

	if (trial->logs_count++ >= TRIAL_LOGS_MAX)
		return;
	json_out_object(&out, NULL);
	if (trial->record > 0)
		json_out_int(&out, "record", trial->record);
	else
		json_out_null(&out, "record");
	json_out_text_len(&out, "text", text, len);
	json_out_end(&out, '}');
	buf_add_byte(&trial->logs, ',');
}

static void errors_take(struct map_trial *trial)
{
	struct mapper *mapper = &trial->mapper;
	struct json_out out = JSON_OUT(&trial->errors);
	struct portion_place place;

	for (size_t i = 0; i < mapper->untold_count; i++) {
		const struct untold *untold = &mapper->untold[i];

		if (trial->errors_count++ >= TRIAL_ERRORS_MAX)
			continue;
		portion_place(mapper->chunk, untold->offset, &place);
		json_out_object(&out, NULL);
		json_out_int(&out, "record", trial->record);
		json_out_int(&out, "line", place.line);
		json_out_int(&out, "offset", place.offset + untold->within);
		json_out_object(&out, "error");
		json_out_text(&out, "type", err_name(untold->err.code));
		json_out_text(&out, "detail", untold->err.detail);
		json_out_end(&out, '}');
		json_out_end(&out, '}');
		buf_add_byte(&trial->errors, ',');
	}
	mapper->untold_count = 0;
	mapper->skipped = 0;
}

/* Elements with commas behind them as an array. */
static void elements_out(const struct buf *elements, const char *name, struct json_out *out)
{
	struct buf text = BUF(elements->max + 16);

	buf_add_byte(&text, '[');
	if (elements->len > 0)
		buf_add(&text, elements->data, elements->len - 1);
	buf_add_byte(&text, ']');
	json_out_raw(out, name, buf_text(&text), text.len);
	buf_done(&text);
}

/* ---- the map ---- */

static bool is_over(struct map_trial *trial)
{
	const struct kernel *kernel = trial->job.plan->kernel;
	struct kernel_size size = {0};

	if (kernel->size)
		kernel->size(trial->mapper.state, &size);
	if (!trial->stopped && clock_us() > trial->until_us)
		trial->stopped = "time";
	if (!trial->stopped && size.bytes > TRIAL_MEMORY_BYTES)
		trial->stopped = "memory";
	return trial->stopped != NULL;
}

static int rows_add(struct map_trial *trial, struct err *err)
{
	struct mapper *mapper = &trial->mapper;
	const struct rows rows = mapper->batch;

	for (size_t i = 0; i < rows.count && !is_over(trial); i++) {
		mapper->batch = rows;
		mapper->batch.count = 1;
		mapper->batch.offset = row_offset(&rows, i);
		mapper->batch.row += i;
		mapper->batch.values += i * rows.width;
		trial->record++;
		rows_begin(&trial->job, mapper);
		if (rows_go_on(&trial->job, mapper, err))
			return -1;
		errors_take(trial);
	}
	return 0;
}

static enum run_answer some_add(struct map_trial *trial, struct err *err)
{
	const struct kernel *kernel = trial->job.plan->kernel;
	struct mapper *mapper = &trial->mapper;
	enum run_answer answer;
	const char *bytes;
	size_t len;

	if (kernel->food & KERNEL_BYTES) {
		answer = input_bytes(mapper->chunk, &bytes, &len, err);
		if (answer == RUN_OK && kernel->add_bytes(mapper->state, bytes, len, err))
			return RUN_ERROR;
		return answer;
	}
	answer = input_rows(mapper->chunk, &mapper->batch, err);
	return answer == RUN_OK && rows_add(trial, err) ? RUN_ERROR : answer;
}

static int map_all(struct map_trial *trial, struct err *err)
{
	const struct kernel *kernel = trial->job.plan->kernel;
	struct mapper *mapper = &trial->mapper;
	struct kernel_batch batch = {
		.portion = mapper->chunk,
		.lines = &mapper->lines,
		.lines_count = &mapper->lines_count,
	};
	enum run_answer answer = RUN_OK;

	while (answer == RUN_OK && !is_over(trial))
		answer = some_add(trial, err);
	if (answer == RUN_ERROR)
		return -1;
	trial->record = 0;
	return kernel->end ? kernel->end(mapper->state, &batch, err) : 0;
}

/* ---- the reduce ---- */

static int items_take(struct map_trial *trial, struct err *err)
{
	const struct kernel *kernel = trial->job.plan->kernel;
	int more = 1;

	while (more > 0 && !is_over(trial)) {
		size_t before = trial->results.len;

		more = kernel->next(trial->job.gathered, &trial->results, err);
		if (more <= 0)
			break;
		trial->results_count++;
		if (trial->results.len > TRIAL_RESULTS_BYTES) {
			buf_cut(&trial->results, before);
			trial->stopped = "results";
			return 0;
		}
		buf_add_byte(&trial->results, ',');
	}
	return MIN(more, 0);
}

/* What a kernel emitted while it added. */
static void lines_take(struct map_trial *trial)
{
	struct mapper *mapper = &trial->mapper;

	trial->results_count = mapper->lines_count;
	buf_add(&trial->results, buf_text(&mapper->lines), mapper->lines.len);
	for (size_t i = 0; i < trial->results.len; i++)
		if (trial->results.data[i] == '\n')
			trial->results.data[i] = ',';
}

static int reduce_all(struct map_trial *trial, struct err *err)
{
	struct mapreduce *job = &trial->job;
	const struct plan *plan = job->plan;
	const struct kernel *kernel = plan->kernel;
	struct kernel_gather options = {
		.states = &trial->mapper.state,
		.count = 1,
		.ctx = job->context.data,
		.ctx_len = job->context.len,
	};

	if (kernel->emits)
		lines_take(trial);
	if (!kernel->gather)
		return 0;
	if (kernel->gather(plan->kernel_plan, &options, &job->gathered, &job->divisions, err))
		return -1;
	for (unsigned i = 0; i < job->divisions; i++)
		if (kernel->division(job->gathered, i, err))
			return -1;
	if (kernel->has_items ? !kernel->has_items(plan->kernel_plan) : !kernel->next)
		return 0;
	return items_take(trial, err);
}

/* ---- the whole ---- */

static int trial_open(struct map_trial *trial, const struct plan *plan, struct err *err)
{
	struct mapper *mapper = &trial->mapper;
	struct json_out out = JSON_OUT(&trial->job.context);
	struct kernel_lane options = {
		.plan = plan->kernel_plan,
		.lanes = 1,
		.memory_bytes = plan->memory_bytes,
		.seed = TRIAL_SEED,
		.log = log_add,
		.log_to = trial,
	};

	json_out_object(&out, NULL);
	json_out_null(&out, "job");
	json_out_null(&out, "request_id");
	if (plan->params)
		json_out_json(&out, "params", plan->params);
	else
		json_out_raw(&out, "params", "{}", 2);
	json_out_end(&out, '}');
	options.ctx = trial->job.context.data;
	options.ctx_len = trial->job.context.len;
	mapper->pick = malloc(ROWS_MAX * sizeof(*mapper->pick));
	mapper->scratch = expr_scratch_new();
	if (!buf_ok(&trial->job.context) || !mapper->pick || !mapper->scratch)
		return err_set(err, ERR_NO_MEMORY, "no memory for a test");
	mapper->state = plan->kernel->lane_new(&options, err);
	if (!mapper->state)
		return -1;
	return sample_open(plan->sample, &plan->fields, &trial->input, &mapper->chunk, err);
}

static void trial_done(struct map_trial *trial)
{
	if (trial->job.gathered)
		trial->job.plan->kernel->gathered_free(trial->job.gathered);
	mapper_done(&trial->mapper, &trial->job);
	input_free(trial->input);
	buf_done(&trial->job.context);
	buf_done(&trial->errors);
	buf_done(&trial->logs);
	buf_done(&trial->results);
	free(trial);
}

static int trial_out(struct map_trial *trial, int64_t begun_us, struct json_out *out,
		     struct err *err)
{
	const struct kernel *kernel = trial->job.plan->kernel;
	const struct map_counts *counts = &trial->mapper.counts;
	void *merged = kernel->gather ? trial->job.gathered : trial->mapper.state;
	int rc = 0;

	json_out_object(out, NULL);
	json_out_text(out, "kernel", kernel->name);
	if (kernel->food & KERNEL_ROWS) {
		json_out_int(out, "records_in", counts->records);
		json_out_int(out, "filtered", counts->filtered);
		json_out_int(out, "failed", counts->failed);
	}
	json_out_int(out, "results_count", trial->results_count);
	elements_out(&trial->results, "results", out);
	json_out_object(out, "summary");
	if (kernel->tell && merged && !trial->stopped)
		rc = kernel->tell(trial->job.plan->kernel_plan, merged, out, err);
	json_out_end(out, '}');
	elements_out(&trial->errors, "errors", out);
	json_out_int(out, "errors_more", MAX(trial->errors_count - TRIAL_ERRORS_MAX, 0));
	elements_out(&trial->logs, "logs", out);
	json_out_int(out, "logs_more", MAX(trial->logs_count - TRIAL_LOGS_MAX, 0));
	json_out_text(out, "stopped", trial->stopped);
	if (trial->failed.code != ERR_NONE) {
		json_out_object(out, "error");
		json_out_text(out, "type", err_name(trial->failed.code));
		json_out_text(out, "detail", trial->failed.detail);
		json_out_end(out, '}');
	}
	json_out_int(out, "time_us", clock_us() - begun_us);
	json_out_end(out, '}');
	return rc;
}

int mapreduce_preview(const struct plan *plan, const struct fetch_result *sample,
		      struct json_out *out, struct err *err)
{
	struct map_trial *trial = calloc(1, sizeof(*trial));
	int64_t begun_us = clock_us();
	int rc;

	(void)sample;
	if (!trial)
		return err_set(err, ERR_NO_MEMORY, "no memory for a test");
	trial->job.plan = plan;
	trial->until_us = begun_us + TRIAL_US_MAX;
	buf_init(&trial->job.context, 2 * JOB_SPEC_BYTES_MAX);
	buf_init(&trial->mapper.blob, MAPREDUCE_BLOB_BYTES_MAX);
	buf_init(&trial->mapper.lines, TRIAL_RESULTS_BYTES);
	buf_init(&trial->results, TRIAL_RESULTS_BYTES + ITEM_BYTES_MAX);
	buf_init(&trial->errors, TRIAL_SHOWN_BYTES);
	buf_init(&trial->logs, TRIAL_LOGS_MAX * (size_t)SCRIPT_LOG_BYTES_MAX * 8);
	rc = trial_open(trial, plan, err);
	if (rc == 0 && (map_all(trial, &trial->failed) || reduce_all(trial, &trial->failed)))
		trial->stopped = "error";
	if (rc == 0)
		rc = trial_out(trial, begun_us, out, err);
	trial_done(trial);
	return rc;
}
