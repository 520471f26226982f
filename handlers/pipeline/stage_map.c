/* SPDX-License-Identifier: MIT */
/* stage_map.c - {"map": "r.label = r.category:upper()"}, {"flat_map": "for w in … do emit(w) end"}
 *
 * map gives one record for each: what the script returns, or r as it left it; skip() filters.
 * flat_map gives what is emitted, and besides that what is returned.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/pipeline/planner.h"
#include "handlers/script/script.h"

static void map_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	const char *pointer =
		mistakes_pointer(planner->mistakes, stage->pointer, stage->kind->verb);
	struct script *script = NULL;
	bool renew;

	if (plan_script(planner, stage, value, pointer, SCRIPT_RECORD, &script, &renew))
		stage->plan = script;
	plan_reads_all(planner, &stage->renew);
	plan_made_anew(planner);
}

static void map_plan_free(struct stage *stage)
{
	script_free(stage->plan);
}

static int map_open(struct stage_lane *at, struct err *err)
{
	return lane_script_load(at->lane, at->stage->plan, &at->slot, err);
}

static int row_map(struct stage_lane *at, struct bundle *bundle, uint32_t row, bool *ret_stays,
		   struct err *err)
{
	struct script_result result;

	*ret_stays = false;
	if (lane_script_call(at->lane, at->slot, bundle, row, NULL, &result, err))
		return -1;
	if (result.count > 0)
		return err_set(err, ERR_SCRIPT, "emit() makes several records of one: flat_map");
	if (result.skipped || result.value.kind == VALUE_MISSING)
		return 0;
	*ret_stays = true;
	return record_become(bundle, row, &result.value, err);
}

static int map_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		   struct err *err)
{
	return stage_each(at, bundle, picks, row_map, err);
}

/* A record of its own, in the place of the one that it comes of. */
static int made_add(struct bundle *bundle, uint32_t row, const struct value *value,
		    struct picks *made, struct err *err)
{
	struct value kept = *value;
	uint32_t added;

	if (picks_room(made, 1, err) || bundle_copy(bundle, row, &added, err) ||
	    record_become(bundle, added, &kept, err))
		return -1;
	made->rows[made->count++] = added;
	return 0;
}

static int row_flat_map(struct stage_lane *at, struct bundle *bundle, uint32_t row,
			struct picks *made, struct err *err)
{
	size_t before = made->count;
	struct script_result result;

	if (lane_script_call(at->lane, at->slot, bundle, row, NULL, &result, err))
		return -1;
	for (size_t i = 0; i < result.count; i++) {
		if (made_add(bundle, row, &result.items[i].value, made, err)) {
			made->count = before;
			return -1;
		}
	}
	at->counts[COUNT_MADE] += (int64_t)result.count;
	at->counts[result.count > 0 ? COUNT_OUT : COUNT_FILTERED]++;
	return 0;
}

static int flat_map_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
			struct err *err)
{
	struct picks made = {0}, came;
	struct err why;
	bool stays;
	size_t i;
	int rc = stage_resume(at, bundle, picks, err);

	for (i = 0; i < picks->count && rc == 0 && !at->lane->late; i++) {
		if (row_flat_map(at, bundle, picks->rows[i], &made, &why) == 0)
			continue;
		rc = stage_failed(at, bundle, picks->rows[i], &why, &stays, err);
		if (rc == 0 && stays)
			rc = picks_room(&made, 1, err);
		if (rc == 0 && stays) {
			made.rows[made.count++] = picks->rows[i];
			at->counts[COUNT_OUT]++;
			at->counts[COUNT_MADE]++;
		}
	}
	if (rc == 0)
		rc = stage_put_off(at, picks, i, err);
	came = *picks;
	*picks = made;
	picks_done(&came);
	return rc;
}

const struct stage_kind map_stage = {
	.verb = "map",
	.plan = map_plan,
	.plan_free = map_plan_free,
	.open = map_open,
	.run = map_run,
};

const struct stage_kind flat_map_stage = {
	.verb = "flat_map",
	.flags = STAGE_MAKES,
	.plan = map_plan,
	.plan_free = map_plan_free,
	.open = map_open,
	.run = flat_map_run,
};
