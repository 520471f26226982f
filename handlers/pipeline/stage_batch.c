/* SPDX-License-Identifier: MIT */
/* stage_batch.c - {"batch": {"size": 100, "bytes": "1MB"}}, {"unbatch": true}, {"unbatch": "items"}
 *
 * A batch is an array of records, in the order of the input; the last one holds what is left at
 * the end.  unbatch gives the elements of the record, or of one of its members, as records.
 */
#include "handlers/pipeline/pipeline.h"

#include "base/record/walk.h"
#include "handlers/pipeline/planner.h"

#include <stdlib.h>
#include <string.h>

/* ---- batch ---- */

struct batch_plan {
	int64_t size, bytes; /* whichever comes first */
};

struct batch_state {
	int64_t count;
	struct buf records; /* with commas between them */
};

static void batch_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	struct batch_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	plan->size = spec_int(value, "size", INT64_MAX);
	plan->bytes = spec_size(value, "bytes", PIPELINE_BATCH_BYTES_MAX);
	plan_made_anew(planner);
}

static int batch_open(struct stage_lane *at, struct err *err)
{
	struct batch_state *state = calloc(1, sizeof(*state));

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for a batch");
	buf_init(&state->records, PIPELINE_BATCH_BYTES_MAX + RECORD_BYTES_MAX);
	return 0;
}

static void batch_close(struct stage_lane *at)
{
	struct batch_state *state = at->state;

	if (!state)
		return;
	buf_done(&state->records);
	free(state);
}

/* What has gathered, as a row of its own in the place of `row`. */
static int batch_make(struct batch_state *state, struct bundle *bundle, uint32_t row,
		      struct picks *made, struct err *err)
{
	size_t len = state->records.len + 2;
	char *text = arena_take(&bundle->arena, len);

	if (!text || picks_room(made, 1, err))
		return err_set(err, ERR_NO_MEMORY, "no memory for a batch");
	text[0] = '[';
	memcpy(text + 1, state->records.data, state->records.len);
	text[len - 1] = ']';
	if (bundle_add(bundle, text, len, bundle->records[row].order, &made->rows[made->count],
		       err))
		return -1;
	made->count++;
	state->count = 0;
	buf_clear(&state->records);
	return 0;
}

static int row_gather(struct stage_lane *at, struct bundle *bundle, uint32_t row,
		      struct picks *made, struct err *err)
{
	const struct batch_plan *plan = at->stage->plan;
	struct batch_state *state = at->state;
	size_t before = state->records.len;
	struct err why;
	bool stays;

	if (state->count > 0)
		buf_add_byte(&state->records, ',');
	if (record_print(bundle, row, &state->records, &why)) {
		buf_cut(&state->records, before);
		state->records.failed = false;
		return stage_failed(at, bundle, row, &why, &stays, err);
	}
	at->counts[COUNT_OUT]++;
	state->count++;
	if (state->count < plan->size && (int64_t)state->records.len < plan->bytes)
		return 0;
	at->counts[COUNT_MADE]++;
	return batch_make(state, bundle, row, made, err);
}

static int batch_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		     struct err *err)
{
	struct picks made = {0};
	int rc = 0;

	for (size_t i = 0; i < picks->count && rc == 0; i++)
		rc = row_gather(at, bundle, picks->rows[i], &made, err);
	picks_done(picks);
	*picks = made;
	return rc;
}

static int batch_save(struct stage_lane *at, struct buf *blob, struct err *err)
{
	const struct batch_state *state = at->state;

	(void)err;
	buf_add(blob, &state->count, sizeof(state->count));
	return buf_add(blob, buf_text(&state->records), state->records.len);
}

static int batch_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	struct batch_state *state = at->state;

	if (len < sizeof(state->count))
		return err_set(err, ERR_INTERNAL, "a saved batch of %zu bytes", len);
	memcpy(&state->count, blob, sizeof(state->count));
	buf_clear(&state->records);
	if (buf_add(&state->records, (const char *)blob + sizeof(state->count),
		    len - sizeof(state->count)))
		return err_set(err, ERR_NO_MEMORY, "no memory for a batch");
	return 0;
}

static int batch_gather(struct pipeline *pipeline, const struct stage *stage, unsigned *ret_units,
			struct err *err)
{
	(void)pipeline;
	(void)stage;
	(void)ret_units;
	(void)err;
	return 0;
}

/* What is left at the end. */
static int batch_give(struct pipeline *pipeline, const struct stage *stage, struct buf *into,
		      struct err *err)
{
	struct batch_state *state = pipeline->lanes[0].stages[stage->turn].state;

	(void)err;
	if (state->count == 0)
		return 0;
	buf_add_byte(into, '[');
	buf_add(into, state->records.data, state->records.len);
	buf_add_byte(into, ']');
	state->count = 0;
	buf_clear(&state->records);
	return 1;
}

const struct stage_kind batch_stage = {
	.verb = "batch",
	.flags = STAGE_IN_ORDER | STAGE_STATE | STAGE_MAKES | STAGE_NO_REPLACE,
	.plan = batch_plan,
	.open = batch_open,
	.close = batch_close,
	.run = batch_run,
	.save = batch_save,
	.load = batch_load,
	.gather = batch_gather,
	.give = batch_give,
};

/* ---- unbatch ---- */

struct unbatch_plan {
	bool member; /* else the record itself */
	unsigned field;
};

static void unbatch_plan(struct stage *stage, const struct json *value,
			 struct stage_planner *planner)
{
	const char *pointer = mistakes_pointer(planner->mistakes, stage->pointer, "unbatch");
	struct unbatch_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));

	stage->plan = plan;
	if (!plan)
		return;
	plan->member = json_kind(value) == JSON_TEXT;
	if (!plan->member && !json_bool(value, false))
		mistake_add(planner->mistakes, pointer, "bad-choice",
			    "true, or the member whose elements are meant");
	plan_reads(planner, stage, plan->member ? json_text(value, "") : "", pointer, &plan->field,
		   &stage->renew);
	plan_made_anew(planner);
}

static int row_unbatch(struct stage_lane *at, struct bundle *bundle, uint32_t row,
		       struct picks *made, struct err *err)
{
	const struct unbatch_plan *plan = at->stage->plan;
	struct value array = bundle_values(bundle, row)[plan->field], name, element;
	uint32_t order = bundle->records[row].order;
	size_t before = made->count;
	struct walk walk;

	if (array.kind != VALUE_ARRAY)
		return err_set(err, ERR_FAILED, "it is %s, not an array",
			       value_kind_name(array.kind));
	walk_begin(&walk, &array);
	while (walk_next(&walk, &name, &element)) {
		const char *text = element.at - (element.kind == VALUE_TEXT);
		size_t len = element.len + 2 * (element.kind == VALUE_TEXT);

		if (picks_room(made, 1, err) ||
		    bundle_add(bundle, text, len, order, &made->rows[made->count], err))
			return -1;
		made->count++;
	}
	at->counts[COUNT_MADE] += (int64_t)(made->count - before);
	at->counts[made->count > before ? COUNT_OUT : COUNT_FILTERED]++;
	return 0;
}

static int unbatch_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		       struct err *err)
{
	struct picks made = {0};
	struct err why;
	bool stays;
	int rc = 0;

	for (size_t i = 0; i < picks->count && rc == 0; i++)
		if (row_unbatch(at, bundle, picks->rows[i], &made, &why))
			rc = stage_failed(at, bundle, picks->rows[i], &why, &stays, err);
	picks_done(picks);
	*picks = made;
	return rc;
}

const struct stage_kind unbatch_stage = {
	.verb = "unbatch",
	.flags = STAGE_MAKES | STAGE_NO_REPLACE,
	.plan = unbatch_plan,
	.run = unbatch_run,
};
