/* SPDX-License-Identifier: MIT */
/* records.c - rows on their way into a kernel: which pass the filter, which are bad, and what
 * becomes of those.
 */
#include "base/clock.h"
#include "base/expr/expr.h"
#include "base/limits.h"
#include "handlers/mapreduce/mapper.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <stdlib.h>

enum { UNTOLD_FIRST = 16 };

/* ---- bad records ---- */

/* Where a record is, for people: "a.csv, line 7, byte 120: …". */
static void err_place(struct err *ret, struct mapper *mapper, size_t row, size_t within,
		      const char *detail)
{
	struct portion_place place;
	long long byte;

	portion_place(mapper->chunk, row_offset(&mapper->batch, row), &place);
	byte = place.offset + (int64_t)within;
	err_set(ret, ERR_INVALID_RECORD, "%s%sline %lld, byte %lld: %s",
		place.name ? place.name : "", place.name ? ", " : "", (long long)place.line, byte,
		detail);
}

static int untold_add(struct mapper *mapper, size_t row, size_t within, const struct err *err)
{
	if (mapper->untold_count == mapper->untold_room) {
		size_t room = MAX(2 * mapper->untold_room, (size_t)UNTOLD_FIRST);
		struct untold *grown = realloc(mapper->untold, room * sizeof(*grown));

		if (!grown)
			return -1;
		mapper->untold = grown;
		mapper->untold_room = room;
	}
	mapper->untold[mapper->untold_count++] = (struct untold){
		.offset = row_offset(&mapper->batch, row),
		.within = (int64_t)within,
		.err = *err,
	};
	return 0;
}

static void bad(struct mapper *mapper, enum bad_record what, size_t row, size_t within,
		const struct err *err)
{
	if (mapper->err.code != ERR_NONE)
		return;
	mapper->has_failed = true;
	if (!mapper->again)
		mapper->counts.failed++;
	if (what == BAD_FAIL)
		err_place(&mapper->err, mapper, row, within, err->detail);
	else if (what == BAD_SKIP || mapper->listed++ >= MAPREDUCE_LISTED_MAX)
		mapper->skipped++;
	else if (untold_add(mapper, row, within, err))
		err_set(&mapper->err, ERR_NO_MEMORY, "no memory for bad records");
}

/* From the kernel. */
struct failed_rows {
	const struct plan *plan;
	struct mapper *mapper;
};

static void row_failed(void *ctx, size_t row, const struct err *err)
{
	struct failed_rows *failed = ctx;
	struct err why = *err;

	if (why.code == ERR_FAILED)
		why.code = ERR_INVALID_RECORD;
	bad(failed->mapper, failed->plan->on_error, row, 0, &why);
}

enum run_answer records_tell(struct mapreduce *job, struct mapper *mapper, unsigned lane)
{
	struct part *part = mapper->chunk ? portion_part(mapper->chunk) : NULL;

	if (mapper->added < mapper->picked) /* their order is that of the batch */
		return RUN_OK;
	for (; mapper->untold_told < mapper->untold_count; mapper->untold_told++) {
		const struct untold *untold = &mapper->untold[mapper->untold_told];
		struct portion_place place;
		struct item_failure failure = {.attempts = 1, .err = untold->err};

		portion_place(mapper->chunk, untold->offset, &place);
		failure.key = place.name;
		failure.line = place.line;
		failure.offset = place.offset < 0 ? -1 : place.offset + untold->within;
		if (run_item_failed(job->run, lane, part, &failure) == RUN_FULL)
			return RUN_FULL;
	}
	mapper->untold_told = mapper->untold_count = 0;
	if (mapper->skipped > 0)
		run_items_failed(job->run, part, mapper->skipped);
	mapper->skipped = 0;
	return RUN_OK;
}

/* ---- which rows ---- */

static void malformed(const struct plan *plan, struct mapper *mapper, size_t row)
{
	const struct row_mistake *mistake =
		&mapper->batch.mistakes[mapper->batch.row[row].mistake - 1];
	struct err err;

	err_set(&err, ERR_INVALID_RECORD, "%s", mistake->detail);
	bad(mapper, mistake->type ? plan->on_type_error : plan->on_error, row, mistake->offset,
	    &err);
}

/* Does the row pass the filter? */
static bool passes(const struct plan *plan, struct mapper *mapper, size_t row)
{
	struct failed_rows failed = {plan, mapper};
	struct err err;
	bool yes;

	expr_scratch_clear(mapper->scratch);
	if (expr_test(plan->filter, row_values(&mapper->batch, row), mapper->scratch, &yes, &err)) {
		row_failed(&failed, row, &err);
		return false;
	}
	mapper->counts.filtered += !yes && !mapper->again;
	return yes;
}

/* The rows that the kernel is to have; all of them without a filter and mistakes. */
static void rows_pick(const struct plan *plan, struct mapper *mapper)
{
	mapper->picked = 0;
	for (size_t i = 0; i < mapper->batch.count; i++) {
		if (mapper->batch.row[i].mistake)
			malformed(plan, mapper, i);
		else if (!plan->filter || passes(plan, mapper, i))
			mapper->pick[mapper->picked++] = (uint32_t)i;
	}
}

static int by_offset(const void *left, const void *right)
{
	const struct untold *a = left, *b = right;

	return (a->offset > b->offset) - (a->offset < b->offset);
}

void rows_begin(const struct mapreduce *job, struct mapper *mapper)
{
	mapper->rows += (int64_t)mapper->batch.count;
	if (!mapper->again)
		mapper->counts.records += (int64_t)mapper->batch.count;
	rows_pick(job->plan, mapper);
	mapper->added = 0;
}

static enum run_answer batch_read(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	enum run_answer answer = input_rows(mapper->chunk, &mapper->batch, err);

	mapper->broken = answer == RUN_ERROR;
	if (answer == RUN_OK)
		rows_begin(job, mapper);
	return answer;
}

/* The rest of the batch into the state; of a slow kernel as much as a step has time for. */
static int batch_add(const struct kernel *kernel, struct mapper *mapper, struct kernel_batch *batch,
		     struct err *err)
{
	int64_t until_us = clock_us() + MAPREDUCE_STEP_US;

	while (mapper->err.code == ERR_NONE && mapper->added < mapper->picked) {
		batch->pick = mapper->pick + mapper->added;
		batch->picked = kernel->slow ? 1 : mapper->picked - mapper->added;
		mapper->added += batch->picked;
		if (kernel->add_rows(mapper->again ? mapper->other : mapper->state, batch, err))
			return -1;
		if (kernel->slow && clock_us() >= until_us)
			return 0;
	}
	return 0;
}

int rows_go_on(const struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	const struct plan *plan = job->plan;
	struct failed_rows failed = {plan, mapper};
	uint64_t number = portion_part(mapper->chunk)->number;
	struct kernel_batch batch = {
		.rows = &mapper->batch,
		.portion = mapper->chunk,
		.lines = &mapper->lines,
		.lines_count = &mapper->lines_count,
		.failed = row_failed,
		.ctx = &failed,
	};

	batch.sequence =
		number << SEQUENCE_SHIFT | (uint64_t)(mapper->rows - (int64_t)mapper->batch.count);
	if (batch_add(plan->kernel, mapper, &batch, err))
		return -1;
	if (mapper->err.code != ERR_NONE) {
		*err = mapper->err;
		return -1;
	}
	/* Malformed ones were found before those that the kernel refused. */
	if (mapper->untold_count > 1)
		qsort(mapper->untold, mapper->untold_count, sizeof(*mapper->untold), by_offset);
	return 0;
}

enum run_answer records_add(struct mapreduce *job, struct mapper *mapper, struct err *err)
{
	enum run_answer answer = RUN_OK;

	if (mapper->added == mapper->picked)
		answer = batch_read(job, mapper, err);
	if (answer != RUN_OK)
		return answer;
	return rows_go_on(job, mapper, err) ? RUN_ERROR : RUN_OK;
}
