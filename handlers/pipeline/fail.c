/* SPDX-License-Identifier: MIT */
/* fail.c - records that fail: what on_error says, and where they stand in the input.
 *
 * A failed row waits in its lane, with its place in bytes, until the run takes it; its line is
 * counted then, of those only that are listed.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/script/script.h"

#include <stdlib.h>
#include <string.h>

static int failed_add(struct pipe_lane *lane, const struct failed_row *failed, struct err *err)
{
	size_t room = MAX(lane->failed_room * 2, 16);
	struct failed_row *larger;

	if (lane->failed_count == lane->failed_room) {
		larger = realloc(lane->failed, room * sizeof(*larger));
		if (!larger)
			return err_set(err, ERR_NO_MEMORY, "no memory for a mistake");
		lane->failed = larger;
		lane->failed_room = room;
	}
	lane->failed[lane->failed_count++] = *failed;
	return 0;
}

/* Where the row that a record comes from begins; -1: a barrier made it. */
static int64_t offset_of(const struct pipe_lane *lane, const struct bundle *bundle, uint32_t row)
{
	if (bundle != &lane->bundles[0] || bundle->base == 0)
		return -1;
	return row_offset(&lane->rows, bundle->records[row].order);
}

/* The attempt fails for it. */
static int fail_told(struct pipe_lane *lane, const struct failed_row *failed, struct err *err)
{
	const char *stage = failed->stage ? failed->stage->name : "input";
	struct portion_place place;

	if (failed->offset < 0 || !lane->portion)
		return err_set(err, failed->err.code, "%s: %s", stage, failed->err.detail);
	portion_place(lane->portion, failed->offset, &place);
	return err_set(err, failed->err.code, "%s: %s (%s%sline %lld, byte %lld)", stage,
		       failed->err.detail, place.name ? place.name : "", place.name ? ", " : "",
		       (long long)place.line, (long long)place.offset + (long long)failed->within);
}

/* Another attempt would find the same record. */
static enum err_code code_of(enum err_code code)
{
	return code == ERR_FAILED ? ERR_INVALID_RECORD : code;
}

/* The record that a script puts in place of the row; *ret_replaced false: none. */
static int row_replace(struct stage_lane *at, struct bundle *bundle, uint32_t row,
		       const struct err *why, bool *ret_replaced)
{
	struct value message = {.kind = VALUE_TEXT,
				.form = TEXT_DECODED,
				.at = why->detail,
				.len = strlen(why->detail)};
	struct script_result result;
	struct err wrong;

	*ret_replaced = false;
	if (record_renew(bundle, row, &wrong) ||
	    lane_script_call(at->lane, at->replace_slot, bundle, row, &message, &result, &wrong))
		return wrong.code == ERR_NO_MEMORY ? -1 : 0;
	if (result.value.kind != VALUE_MISSING)
		*ret_replaced = record_become(bundle, row, &result.value, &wrong) == 0;
	return 0;
}

int stage_failed(struct stage_lane *at, struct bundle *bundle, uint32_t row, const struct err *why,
		 bool *ret_stays, struct err *err)
{
	struct failed_row failed = {.stage = at->stage, .err = *why};

	*ret_stays = false;
	if (why->code == ERR_NO_MEMORY) {
		*err = *why;
		return -1;
	}
	if (at->stage->on_error == ON_ERROR_REPLACE && row_replace(at, bundle, row, why, ret_stays))
		return err_set(err, ERR_NO_MEMORY, "no memory for a script");
	if (*ret_stays)
		return 0;
	failed.err.code = code_of(why->code);
	failed.offset = offset_of(at->lane, bundle, row);
	at->counts[COUNT_FAILED]++;
	switch (at->lane->pipeline->trial ? ON_ERROR_DEAD_LETTER : at->stage->on_error) {
	case ON_ERROR_FAIL:
		return fail_told(at->lane, &failed, err);
	case ON_ERROR_SKIP:
		at->lane->skipped++;
		return 0;
	default:
		return failed_add(at->lane, &failed, err);
	}
}

int stage_failed_many(struct stage_lane *at, int64_t count, const struct err *why, struct err *err)
{
	struct failed_row failed = {.stage = at->stage, .offset = -1, .err = *why};

	failed.err.code = code_of(why->code);
	at->counts[COUNT_FAILED] += count;
	if (at->stage->on_error == ON_ERROR_FAIL)
		return fail_told(at->lane, &failed, err);
	if (at->stage->on_error == ON_ERROR_SKIP) {
		at->lane->skipped += count;
		return 0;
	}
	at->lane->skipped += count - 1;
	return failed_add(at->lane, &failed, err);
}

int stage_resume(struct stage_lane *at, struct bundle *bundle, struct picks *picks, struct err *err)
{
	at->held = 0;
	at->lane->late = false;
	if (at->put_off.count > 0 && picks_merge(picks, &at->put_off, bundle, err))
		return -1;
	at->put_off.count = 0;
	return 0;
}

int stage_put_off(struct stage_lane *at, const struct picks *picks, size_t from, struct err *err)
{
	size_t count = picks->count - from;

	if (count == 0)
		return 0;
	if (picks_room(&at->put_off, count, err))
		return -1;
	memcpy(at->put_off.rows, picks->rows + from, count * sizeof(*picks->rows));
	at->held = at->put_off.count = count;
	return 0;
}

int stage_each(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
	       int (*row_run)(struct stage_lane *at, struct bundle *bundle, uint32_t row,
			      bool *ret_stays, struct err *err),
	       struct err *err)
{
	size_t kept = 0, i;
	struct err why;

	if (stage_resume(at, bundle, picks, err))
		return -1;
	for (i = 0; i < picks->count && !at->lane->late; i++) {
		uint32_t row = picks->rows[i];
		bool stays = true;

		if (row_run(at, bundle, row, &stays, &why) &&
		    stage_failed(at, bundle, row, &why, &stays, err))
			return -1;
		if (stays)
			picks->rows[kept++] = row;
	}
	if (stage_put_off(at, picks, i, err))
		return -1;
	picks->count = kept;
	return 0;
}

/* ---- rows that the input could not read ---- */

static int malformed_fail(struct pipe_lane *lane, const struct row *row, size_t i, struct err *err)
{
	const struct row_mistake *mistake = &lane->rows.mistakes[row->mistake - 1];
	struct failed_row failed = {.offset = row_offset(&lane->rows, i),
				    .within = mistake->offset};
	enum type_error how = mistake->type ? format_type_error(portion_format(lane->portion))
					    : TYPE_ERROR_AS_RECORD;

	err_set(&failed.err, ERR_INVALID_RECORD, "%s", mistake->detail);
	lane->malformed++;
	if (lane->pipeline->trial) /* as of stages: all are listed */
		how = TYPE_ERROR_DEAD_LETTER;
	if (how == TYPE_ERROR_FAIL)
		return fail_told(lane, &failed, err);
	if (how != TYPE_ERROR_SKIP)
		return failed_add(lane, &failed, err);
	lane->skipped++;
	return 0;
}

int lane_malformed(struct pipe_lane *lane, struct err *err)
{
	for (size_t i = 0; i < lane->rows.count; i++)
		if (lane->rows.row[i].mistake && malformed_fail(lane, &lane->rows.row[i], i, err))
			return -1;
	return 0;
}

/* A result that is too long to be one. */
int lane_result_failed(struct pipe_lane *lane, struct bundle *bundle, uint32_t row,
		       const struct err *why, struct err *err)
{
	const struct stage *stage = lane->pipeline->plan->last;
	struct failed_row failed = {.stage = stage, .err = *why};

	if (why->code == ERR_NO_MEMORY) {
		*err = *why;
		return -1;
	}
	failed.offset = offset_of(lane, bundle, row);
	if (stage) {
		lane->stages[stage->turn].counts[COUNT_OUT]--;
		lane->stages[stage->turn].counts[COUNT_FAILED]++;
	} else {
		lane->malformed++;
	}
	return failed_add(lane, &failed, err);
}

/* ---- telling the run ---- */

enum run_answer lane_failed_tell(struct pipe_lane *lane, struct part *part)
{
	struct run *run = lane->pipeline->run;

	for (; lane->failed_told < lane->failed_count; lane->failed_told++) {
		const struct failed_row *failed = &lane->failed[lane->failed_told];
		struct item_failure failure = {.stage = failed->stage ? failed->stage->name
								      : "input",
					       .line = -1,
					       .offset = -1,
					       .attempts = 1,
					       .err = failed->err};
		struct portion_place place;

		if (failed->offset >= 0 && lane->portion) {
			portion_place(lane->portion, failed->offset, &place);
			failure.key = place.name;
			failure.line = place.line;
			if (place.offset >= 0)
				failure.offset = place.offset + (int64_t)failed->within;
		}
		if (run_item_failed(run, lane->number, part, &failure) == RUN_FULL)
			return RUN_FULL;
	}
	lane->failed_told = lane->failed_count = 0;
	if (lane->skipped > 0)
		run_items_failed(run, part, lane->skipped);
	lane->skipped = 0;
	return RUN_OK;
}
