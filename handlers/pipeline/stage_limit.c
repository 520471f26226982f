/* SPDX-License-Identifier: MIT */
/* stage_limit.c - {"limit": 10}, {"skip": 10}: by the order of records.
 *
 * When all records come through a limit that has let its number pass, the rest of the input is
 * not read.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"

#include <stdlib.h>
#include <string.h>

static void limit_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	int64_t *count = plan_alloc(planner, stage, 1, sizeof(*count));

	stage->plan = count;
	if (count)
		json_int(value, count);
}

static int limit_open(struct stage_lane *at, struct err *err)
{
	at->state = calloc(1, sizeof(int64_t));
	return at->state ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a stage");
}

static void limit_close(struct stage_lane *at)
{
	free(at->state);
}

/* How many of `picks` belong to the first `most`, of which some have come before. */
static size_t first_of(struct stage_lane *at, const struct picks *picks)
{
	const int64_t *most = at->stage->plan;
	int64_t *seen = at->state;
	size_t first = (size_t)MIN(MAX(*most - *seen, 0), (int64_t)picks->count);

	*seen += (int64_t)picks->count;
	return first;
}

static void satisfied_look(struct stage_lane *at)
{
	const int64_t *most = at->stage->plan, *seen = at->state;

	if (*seen < *most || !at->stage->only_way)
		return;
	atomic_store(&at->lane->pipeline->satisfied, true);
	atomic_store(&at->lane->pipeline->enough,
		     MAX(atomic_load(&at->lane->pipeline->enough), at->stage->turn));
}

static int limit_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		     struct err *err)
{
	(void)bundle;
	(void)err;
	picks->count = first_of(at, picks);
	satisfied_look(at);
	return 0;
}

static int skip_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		    struct err *err)
{
	size_t first = first_of(at, picks);

	(void)bundle;
	(void)err;
	picks->count -= first;
	memmove(picks->rows, picks->rows + first, picks->count * sizeof(*picks->rows));
	return 0;
}

static int limit_save(struct stage_lane *at, struct buf *blob, struct err *err)
{
	(void)err;
	return buf_add(blob, at->state, sizeof(int64_t));
}

static int skip_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	if (len != sizeof(int64_t))
		return err_set(err, ERR_INTERNAL, "a saved count of %zu bytes", len);
	memcpy(at->state, blob, len);
	return 0;
}

static int limit_load(struct stage_lane *at, const void *blob, size_t len, struct err *err)
{
	if (skip_load(at, blob, len, err))
		return -1;
	satisfied_look(at);
	return 0;
}

const struct stage_kind limit_stage = {
	.verb = "limit",
	.flags = STAGE_IN_ORDER | STAGE_STATE,
	.plan = limit_plan,
	.open = limit_open,
	.close = limit_close,
	.run = limit_run,
	.save = limit_save,
	.load = limit_load,
};

const struct stage_kind skip_stage = {
	.verb = "skip",
	.flags = STAGE_IN_ORDER | STAGE_STATE,
	.plan = limit_plan,
	.open = limit_open,
	.close = limit_close,
	.run = skip_run,
	.save = limit_save,
	.load = skip_load,
};
