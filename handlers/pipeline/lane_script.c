/* SPDX-License-Identifier: MIT */
/* lane_script.c - the scripts of a lane's stages: one vm for all of them. */
#include "handlers/pipeline/pipeline.h"

#include "base/clock.h"
#include "handlers/pipeline/trial.h"
#include "handlers/script/script.h"

/* A look at the clock costs as much as a small script: calls gather until they may have taken
 * a tenth of a millisecond. */
enum { CALL_WORK = 1000, LOOK_WORK = 16 * CALL_WORK };

static void script_says(void *to, const char *text, size_t len)
{
	const struct pipe_lane *lane = to;

	if (lane->pipeline->trial)
		trial_said(lane->pipeline->trial, text, len);
	else
		run_log(lane->pipeline->run, LOG_INFO, "%.*s", (int)len, text);
}

/* While the run is opened: lanes come one after the other. */
int lane_script_load(struct pipe_lane *lane, const struct script *script, unsigned *ret_slot,
		     struct err *err)
{
	struct buf *context = &lane->pipeline->context;
	struct script_options options = {
		.seed = lane->pipeline->seed,
		.exact = lane->pipeline->trial != NULL,
		.log = script_says,
		.log_to = lane,
	};

	if (context->len == 0 && run_context(lane->pipeline->run, context))
		return err_set(err, ERR_NO_MEMORY, "no memory for a script");
	options.ctx = context->data;
	options.ctx_len = context->len;
	if (!lane->vm && script_vm_new(&options, &lane->vm, err))
		return -1;
	return script_vm_load(lane->vm, script, ret_slot, err);
}

static void late_look(struct pipe_lane *lane, uint64_t work)
{
	lane->script_work += CALL_WORK + work;
	if (lane->script_work < LOOK_WORK)
		return;
	lane->script_work = 0;
	lane->late = clock_us() >= lane->until_us;
}

int lane_script_call(struct pipe_lane *lane, unsigned slot, struct bundle *bundle, uint32_t row,
		     const struct value *extra, struct script_result *ret_result, struct err *err)
{
	struct script_args args = {
		.number = lane->number_in + bundle->records[row].order + 1,
		.part = bundle->base > 0 && lane->portion ? portion_part(lane->portion)->number + 1
							  : 0,
		.values = bundle_values(bundle, row),
		.extra = extra,
	};
	struct trial *trial = lane->pipeline->trial;
	struct script_mistake mistake;
	int rc;

	if (trial && trial_goes_on(trial, err))
		return -1;
	rc = script_call(lane->vm, slot, &args, ret_result, &mistake);
	if (trial)
		trial_worked(trial, rc ? mistake.work : ret_result->work,
			     rc ? 0 : ret_result->count);
	late_look(lane, rc ? mistake.work : ret_result->work);
	if (rc == 0)
		return 0;
	*err = mistake.err;
	if (mistake.line > 0)
		err_wrap(err, "line %d", mistake.line);
	return -1;
}

int record_become(struct bundle *bundle, uint32_t row, const struct value *value, struct err *err)
{
	struct buf text = BUF(RECORD_BYTES_MAX);
	char *copy = NULL;
	size_t len;

	value_print(value, &text);
	len = text.len;
	if (buf_ok(&text))
		copy = arena_copy(&bundle->arena, buf_text(&text), len);
	buf_done(&text);
	if (!copy)
		return err_set(err, ERR_LIMIT, "a record of more than %d bytes", RECORD_BYTES_MAX);
	return record_replace(bundle, row, copy, len, err);
}
