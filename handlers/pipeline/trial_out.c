/* SPDX-License-Identifier: MIT */
/* trial_out.c - what a trial has seen, as JSON. */
#include "handlers/pipeline/trial_seen.h"

#include "base/json.h"

#include <string.h>

static const char *stage_name(const struct stage *stage)
{
	return stage ? stage->name : "input";
}

/* Records, each with a comma behind it. */
static void records_out(const struct buf *records, const char *name, struct json_out *out)
{
	struct buf text = BUF(TRIAL_RESULTS_BYTES + 16);

	buf_add_byte(&text, '[');
	buf_add(&text, buf_text(records), records->len);
	if (text.len > 1)
		buf_cut(&text, text.len - 1);
	buf_add_byte(&text, ']');
	json_out_raw(out, name, buf_text(&text), text.len);
	buf_done(&text);
}

static void error_members_out(const struct err *err, struct json_out *out)
{
	json_out_object(out, "error");
	json_out_text(out, "type", err_name(err->code));
	json_out_text(out, "detail", err->detail);
	json_out_end(out, '}');
}

static void place_out(struct json_out *out, const char *name, int64_t place)
{
	if (place < 0)
		json_out_null(out, name);
	else
		json_out_int(out, name, place);
}

static bool fails_the_job(const struct trial_error *error)
{
	return error->stage && error->stage->on_error == ON_ERROR_FAIL;
}

static void errors_out(const struct trial *trial, struct json_out *out)
{
	json_out_array(out, "errors");
	for (size_t i = 0; i < trial->errors_count; i++) {
		const struct trial_error *error = &trial->errors[i];

		json_out_object(out, NULL);
		json_out_text(out, "stage", stage_name(error->stage));
		place_out(out, "record", error->record > 0 ? error->record : -1);
		place_out(out, "line", error->line);
		place_out(out, "offset", error->offset);
		error_members_out(&error->err, out);
		json_out_bool(out, "fails_the_job", fails_the_job(error));
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
	json_out_int(out, "errors_more", trial->errors_more);
}

static void logs_out(const struct trial *trial, struct json_out *out)
{
	json_out_array(out, "logs");
	for (size_t i = 0; i < trial->logs_count; i++) {
		const struct trial_log *log = &trial->logs[i];

		json_out_object(out, NULL);
		json_out_text(out, "stage", stage_name(log->stage));
		place_out(out, "record", log->record > 0 ? log->record : -1);
		json_out_text(out, "text", log->text);
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
	json_out_int(out, "logs_more", trial->logs_more);
}

static void stage_out(const struct trial *trial, unsigned turn, struct json_out *out)
{
	static const char *const names[STAGE_COUNTS] = {"in", "out", "failed", "filtered", "made"};
	const struct stage_lane *at = &trial->lane->stages[turn];
	const struct trial_stage *seen = &trial->stages[turn];
	const struct stage *stage = at->stage;
	bool makes = stage->kind->flags & (STAGE_BARRIER | STAGE_MAKES | STAGE_ROUTES);

	json_out_object(out, NULL);
	json_out_text(out, "stage", stage->name);
	json_out_text(out, "verb", stage->kind->verb);
	json_out_text(out, "pointer", stage->pointer);
	for (int i = 0; i < STAGE_COUNTS; i++)
		if (i != COUNT_MADE || makes)
			json_out_int(out, names[i], at->counts[i]);
	json_out_int(out, "time_us", at->busy_us);
	if (stage->kind->completion)
		json_out_bool(out, "tried", false);
	if (seen->work > 0)
		json_out_int(out, "instructions", (int64_t)seen->work);
	records_out(&seen->shown, "records", out);
	json_out_end(out, '}');
}

/* What came out has lines. */
static void results_out(const struct trial *trial, struct json_out *out)
{
	const char *at = buf_text(&trial->results), *end;

	json_out_array(out, "results");
	for (; (end = strchr(at, '\n')); at = end + 1)
		json_out_raw(out, NULL, at, (size_t)(end - at));
	json_out_end(out, ']');
}

void trial_out(const struct trial *trial, struct json_out *out)
{
	json_out_int(out, "records_in", trial->taken);
	json_out_int(out, "results_count", trial->results_count);
	results_out(trial, out);
	json_out_bool(out, "results_whole", !trial->results_cut);
	json_out_array(out, "stages");
	for (unsigned i = 0; i < trial->plan.count; i++)
		stage_out(trial, i, out);
	json_out_end(out, ']');
	errors_out(trial, out);
	logs_out(trial, out);
	json_out_text(out, "stopped", trial->stopped);
	if (trial->failed.code != ERR_NONE)
		error_members_out(&trial->failed, out);
	json_out_int(out, "time_us", trial->took_us);
}

const struct buf *trial_results(const struct trial *trial, bool *ret_whole)
{
	*ret_whole = !trial->stopped && !trial->results_cut;
	return &trial->results;
}

const struct err *trial_end(const struct trial *trial, const char **ret_stage)
{
	*ret_stage = NULL;
	if (trial->failed.code != ERR_NONE)
		return &trial->failed;
	for (size_t i = 0; i < trial->errors_count; i++) {
		const struct trial_error *error = &trial->errors[i];

		if (!fails_the_job(error))
			continue;
		*ret_stage = stage_name(error->stage);
		return &error->err;
	}
	return NULL;
}
