/* SPDX-License-Identifier: MIT */
/* summary.c - what is told at the end of a map-reduce job: the answer, and what it took. */
#include "handlers/mapreduce/mapreduce.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/mapreduce/plan.h"

/* Lanes that the CPU binds calculate so much of their time; and one byte in so many that comes
 * from a disk is a sign that the page cache does not help. */
enum { BUSY_PERCENT = 70, DISK_SHARE = 10 };

static struct map_counts counts_sum(const struct mapreduce *job)
{
	struct map_counts sum = {0};

	for (unsigned i = 0; i < job->mappers_count; i++) {
		const struct map_counts *counts = &job->mappers[i]->counts;

		sum.records += counts->records;
		sum.filtered += counts->filtered;
		sum.failed += counts->failed;
		sum.bytes += counts->bytes;
		sum.chunks += counts->chunks;
		sum.cpu_us += counts->cpu_us;
		sum.step_us += counts->step_us;
		sum.disk_bytes += counts->disk_bytes;
		sum.memory_peak_bytes += counts->memory_peak_bytes;
		sum.spilled_bytes += counts->spilled_bytes;
	}
	return sum;
}

/* What would have to be faster for the job to be: steps that calculate most of their time are
 * bound by the CPU; those that do not wait for the files that groups went to, or for those that
 * they read; lanes without steps wait for input, or for their turn. */
static const char *bound_by(const struct map_counts *counts, int64_t lanes_us, int64_t memory_bytes)
{
	if (counts->cpu_us * 100 >= lanes_us * BUSY_PERCENT)
		return "cpu";
	if (counts->step_us * 100 < lanes_us * BUSY_PERCENT)
		return "input";
	if (counts->spilled_bytes > memory_bytes)
		return "memory";
	return counts->disk_bytes * DISK_SHARE > counts->bytes ? "disk" : "cpu";
}

static void speed_out(const struct mapreduce *job, const struct map_counts *counts,
		      struct json_out *out)
{
	int64_t elapsed_ms = clock_ms() - job->opened_ms;
	double seconds = (double)MAX(elapsed_ms, 1) / 1000;

	json_out_object(out, "speed");
	json_out_int(out, "elapsed_ms", elapsed_ms);
	json_out_int(out, "cpu_ms", counts->cpu_us / 1000);
	json_out_int(out, "lanes", job->mappers_count);
	if (counts->records > 0)
		json_out_int(out, "records_per_s", (int64_t)((double)counts->records / seconds));
	if (counts->bytes > 0)
		json_out_int(out, "bytes_per_s", (int64_t)((double)counts->bytes / seconds));
	json_out_int(out, "memory_peak_bytes", counts->memory_peak_bytes);
	json_out_int(out, "spilled_bytes", counts->spilled_bytes);
	json_out_text(out, "bound_by",
		      bound_by(counts, job->map_ms * 1000 * (int64_t)job->mappers_count,
			       job->plan->memory_bytes));
	json_out_end(out, '}');
}

/* All is done, also what no chunk has: the headers of files. */
static void progress_end(struct mapreduce *job)
{
	bool all;
	int64_t known = input_bytes_known(job->input, &all);

	run_progress(job->run, known, known, "map");
}

int summary_tell(struct mapreduce *job, void *merged, struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct map_counts counts = counts_sum(job);
	struct run_left left;
	int rc = 0;

	progress_end(job);
	run_good(job->run, counts.records - counts.failed);
	json_out_object(&out, NULL);
	json_out_text(&out, "kernel", job->plan->kernel->name);
	run_left(job->run, &left);
	if (job->plan->kernel->emits)
		json_out_int(&out, "value", left.items);
	if (job->plan->kernel->tell)
		rc = job->plan->kernel->tell(job->plan->kernel_plan, merged, &out, err);
	json_out_int(&out, "records", counts.records);
	if (counts.filtered > 0)
		json_out_int(&out, "filtered", counts.filtered);
	if (counts.failed > 0)
		json_out_int(&out, "failed", counts.failed);
	if (counts.bytes > 0)
		json_out_int(&out, "bytes", counts.bytes);
	json_out_int(&out, "chunks", counts.chunks);
	speed_out(job, &counts, &out);
	json_out_end(&out, '}');
	if (rc == 0)
		rc = buf_ok(&text) ? run_summary(job->run, text.data, text.len, err)
				   : err_set(err, ERR_LIMIT, "the summary is longer than %d bytes",
					     JOB_SUMMARY_BYTES_MAX);
	buf_done(&text);
	return rc;
}
