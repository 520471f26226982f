/* SPDX-License-Identifier: MIT */
/* progress.c - what each stage has done so far, while the job runs.
 *
 * Lanes add what they counted since their last step to sums that all may read; four times a
 * second one of them tells the run.  The summary (account.c) counts for itself, durably.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TELL_US = 250 * 1000, BUSY = STAGE_COUNTS, PROGRESS_COUNTS };

/* What was told last, so that rates can be; one lane at a time. */
struct progress {
	_Atomic int64_t
		*sums;	 /* [stages * PROGRESS_COUNTS]: added to by lanes, read by the teller */
	int64_t *before; /* the same, when it was told last */
	int64_t told_us;
	atomic_flag telling;
};

int progress_open(struct pipeline *pipeline, struct err *err)
{
	const struct plan *plan = pipeline->plan;
	struct progress *progress = calloc(1, sizeof(*progress));
	size_t count = (size_t)plan->count * PROGRESS_COUNTS + 1;

	pipeline->progress = progress;
	if (progress) {
		progress->sums = calloc(count, sizeof(*progress->sums));
		progress->before = calloc(count, sizeof(*progress->before));
	}
	if (!progress || !progress->sums || !progress->before)
		return err_set(err, ERR_NO_MEMORY, "no memory for a pipeline");
	progress->told_us = clock_us();
	for (unsigned i = 0; i < plan->count; i++)
		for (int c = 0; c < STAGE_COUNTS; c++)
			progress->before[i * PROGRESS_COUNTS + (unsigned)c] =
				account_shown(pipeline, i, (enum stage_count)c);
	for (size_t i = 0; i < count; i++)
		atomic_init(&progress->sums[i], progress->before[i]);
	return 0;
}

void progress_close(struct pipeline *pipeline)
{
	struct progress *progress = pipeline->progress;

	if (!progress)
		return;
	free(progress->sums);
	free(progress->before);
	free(progress);
}

static void sum_add(_Atomic int64_t *sum, int64_t now, int64_t *shown)
{
	if (now != *shown)
		atomic_fetch_add_explicit(sum, now - *shown, memory_order_relaxed);
	*shown = now;
}

void progress_add(struct pipe_lane *lane)
{
	struct progress *progress = lane->pipeline->progress;

	for (unsigned i = 0; i < lane->pipeline->plan->count; i++) {
		struct stage_lane *at = &lane->stages[i];
		_Atomic int64_t *sums = &progress->sums[i * PROGRESS_COUNTS];

		for (int c = 0; c < STAGE_COUNTS; c++)
			sum_add(&sums[c], at->counts[c], &at->shown[c]);
		sum_add(&sums[BUSY], at->busy_us, &at->busy_shown_us);
	}
}

static void stage_progress(struct pipeline *pipeline, unsigned turn, int64_t passed_us,
			   struct json_out *out)
{
	struct progress *progress = pipeline->progress;
	const struct stage *stage = pipeline->plan->turns[turn];
	int64_t *before = &progress->before[turn * PROGRESS_COUNTS];
	double seconds = (double)passed_us / 1e6;
	int64_t came, busy_us;

	json_out_object(out, NULL);
	json_out_text(out, "stage", stage->name);
	json_out_text(out, "verb", stage->kind->verb);
	came = before[COUNT_IN];
	busy_us = before[BUSY];
	for (unsigned c = 0; c < PROGRESS_COUNTS; c++)
		before[c] = atomic_load_explicit(&progress->sums[turn * PROGRESS_COUNTS + c],
						 memory_order_relaxed);
	json_out_int(out, "in", before[COUNT_IN]);
	json_out_int(out, "out", before[COUNT_OUT]);
	json_out_int(out, "failed", before[COUNT_FAILED]);
	json_out_int(out, "filtered", before[COUNT_FILTERED]);
	json_out_int(out, "records_per_s", (int64_t)((double)(before[COUNT_IN] - came) / seconds));
	json_out_double(out, "busy",
			round((double)(before[BUSY] - busy_us) * 100 /
			      ((double)passed_us * pipeline->lanes_count)) /
				100);
	json_out_end(out, '}');
}

void progress_tell(struct pipeline *pipeline)
{
	struct progress *progress = pipeline->progress;
	struct buf text = BUF(RUN_DETAILS_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	int64_t passed_us;

	if (atomic_flag_test_and_set(&progress->telling))
		return;
	passed_us = clock_us() - progress->told_us;
	if (passed_us >= TELL_US) {
		progress->told_us += passed_us;
		json_out_object(&out, NULL);
		json_out_array(&out, "stages");
		for (unsigned i = 0; i < pipeline->plan->count; i++)
			stage_progress(pipeline, i, passed_us, &out);
		json_out_end(&out, ']');
		json_out_end(&out, '}');
		if (buf_ok(&text))
			run_details(pipeline->run, text.data, text.len);
	}
	atomic_flag_clear(&progress->telling);
	buf_done(&text);
}
