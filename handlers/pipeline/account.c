/* SPDX-License-Identifier: MIT */
/* account.c - every record accounted for: what came to each stage, and what became of it.
 *
 *	in = out + failed + filtered        of each stage, always
 *
 * What stages count during a part becomes durable with it (run_count()); what the barriers'
 * phases count is counted anew when they are repeated.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/json.h"

#include <string.h>

enum { INPUT_TAKEN, INPUT_MALFORMED, INPUT_COUNTS };

static const char *const count_names[STAGE_COUNTS] = {"in", "out", "failed", "filtered", "made"};

static unsigned stage_counter(unsigned turn, enum stage_count count)
{
	return INPUT_COUNTS + turn * STAGE_COUNTS + count;
}

void account_part(struct pipe_lane *lane, struct part *part)
{
	const struct plan *plan = lane->pipeline->plan;
	int64_t counts[INPUT_COUNTS + PIPELINE_STAGES_MAX * STAGE_COUNTS];

	counts[INPUT_TAKEN] = lane->taken;
	counts[INPUT_MALFORMED] = lane->malformed;
	lane->taken = lane->malformed = 0;
	progress_add(lane);
	for (unsigned i = 0; i < plan->count; i++) {
		struct stage_lane *at = &lane->stages[i];

		memcpy(&counts[stage_counter(i, COUNT_IN)], at->counts, sizeof(at->counts));
		memset(at->counts, 0, sizeof(at->counts));
		memset(at->shown, 0, sizeof(at->shown));
	}
	run_count(lane->pipeline->run, part, counts, stage_counter(plan->count, COUNT_IN));
}

int64_t account_shown(const struct pipeline *pipeline, unsigned turn, enum stage_count count)
{
	return run_counted(pipeline->run, stage_counter(turn, count));
}

/* Of all attempts, and of the phases behind the first. */
static int64_t counted(const struct pipeline *pipeline, unsigned turn, enum stage_count count)
{
	int64_t sum = account_shown(pipeline, turn, count);

	for (unsigned i = 0; i < pipeline->lanes_kept; i++)
		sum += pipeline->lanes[i].stages[turn].counts[count];
	return sum;
}

static int64_t busy_us(const struct pipeline *pipeline, unsigned turn)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < pipeline->lanes_kept; i++)
		sum += pipeline->lanes[i].stages[turn].busy_us;
	return sum;
}

static void stage_out(struct pipeline *pipeline, const struct stage *stage, bool *adds_up,
		      struct json_out *out)
{
	int64_t counts[STAGE_COUNTS];
	bool makes = stage->kind->flags & (STAGE_BARRIER | STAGE_MAKES | STAGE_ROUTES);

	json_out_object(out, NULL);
	json_out_text(out, "stage", stage->name);
	json_out_text(out, "verb", stage->kind->verb);
	for (int i = 0; i < STAGE_COUNTS; i++) {
		counts[i] = counted(pipeline, stage->turn, (enum stage_count)i);
		if (i != COUNT_MADE || makes)
			json_out_int(out, count_names[i], counts[i]);
	}
	json_out_double(out, "busy_ms", (double)busy_us(pipeline, stage->turn) / 1000);
	if (stage->kind->summary)
		stage->kind->summary(pipeline, stage, out);
	json_out_end(out, '}');
	if (counts[COUNT_IN] != counts[COUNT_OUT] + counts[COUNT_FAILED] + counts[COUNT_FILTERED])
		*adds_up = false;
}

/* What would help, when there is something. */
static const char *advice_for(const struct pipeline *pipeline, const struct stage *stage)
{
	const struct plan *plan = pipeline->plan;

	if (stage &&
	    (strcmp(stage->kind->verb, "map") == 0 || strcmp(stage->kind->verb, "flat_map") == 0))
		return "set, filter and select do simple things several times as fast as Lua";
	if (plan->one_lane)
		return "a stage that counts in order has one lane: reduce and sort use all CPUs";
	if (plan->workers > 0 && plan->workers < run_lanes_for_cpu(pipeline->run))
		return "more workers: there are CPUs for them";
	return NULL;
}

/* The stage at which lanes spent most of their time. */
static void bottleneck_out(const struct pipeline *pipeline, struct json_out *out)
{
	int64_t input_us = 0, output_us = 0, all_us, most_us;
	const struct stage *most = NULL;
	const char *name, *advice;

	for (unsigned i = 0; i < pipeline->lanes_kept; i++) {
		input_us += pipeline->lanes[i].input_us;
		output_us += pipeline->lanes[i].output_us;
	}
	all_us = input_us + output_us;
	most_us = MAX(input_us, output_us);
	name = input_us >= output_us ? "input" : "results";
	for (unsigned i = 0; i < pipeline->plan->count; i++) {
		int64_t us = busy_us(pipeline, i);

		all_us += us;
		if (us > most_us) {
			most_us = us;
			most = pipeline->plan->turns[i];
			name = most->name;
		}
	}
	json_out_object(out, "bottleneck");
	json_out_text(out, "stage", name);
	json_out_printf(out, "why", "%.0f %% of the work of %u lane%s",
			all_us > 0 ? 100.0 * (double)most_us / (double)all_us : 100.0,
			pipeline->lanes_count, pipeline->lanes_count == 1 ? "" : "s");
	advice = advice_for(pipeline, most);
	if (advice)
		json_out_text(out, "try", advice);
	json_out_end(out, '}');
}

int account_summary(struct pipeline *pipeline, struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	int64_t taken = run_counted(pipeline->run, INPUT_TAKEN);
	int64_t malformed = run_counted(pipeline->run, INPUT_MALFORMED);
	bool adds_up = true;
	int rc;

	json_out_object(&out, NULL);
	json_out_int(&out, "records", taken);
	json_out_int(&out, "malformed", malformed);
	json_out_array(&out, "stages");
	for (unsigned i = 0; i < pipeline->plan->count; i++)
		stage_out(pipeline, pipeline->plan->turns[i], &adds_up, &out);
	json_out_end(&out, ']');
	json_out_bool(&out, "adds_up", adds_up);
	bottleneck_out(pipeline, &out);
	json_out_double(&out, "elapsed_ms", (double)(clock_us() - pipeline->opened_us) / 1e3);
	json_out_end(&out, '}');
	rc = buf_ok(&text) ? run_summary(pipeline->run, text.data, text.len, err)
			   : err_set(err, ERR_NO_MEMORY, "no memory for the summary");
	buf_done(&text);
	return rc;
}
