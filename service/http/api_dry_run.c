/* SPDX-License-Identifier: MIT */
/* api_dry_run.c - POST /v1/jobs/validate, and ?dry_run of POST /v1/jobs: a plan, and no job.
 *
 *   task ─ nothing to try ─────────────────────────────────────────────────▶ answer
 *        └ desk: the spec's own tests ▶ mistakes, or the first records tried ─▶ answer
 */
#include "service/http/api_submit.h"

#include "base/limits.h"
#include "service/http/api_job.h"
#include "service/http/api_query.h"
#include "service/http/desk.h"

#include <stdlib.h>
#include <string.h>

struct dry_run {
	struct desk_work work; /* first */
	struct later *later;
	struct task *task;
	struct rehearsal rehearsal;
	struct mistakes mistakes;
	struct buf answer;
	struct err err;
};

static void dry_run_free(void *ctx)
{
	struct dry_run *dry = ctx;

	task_free(dry->task);
	mistakes_done(&dry->mistakes);
	buf_done(&dry->answer);
	free(dry);
}

/* ---- the answer ---- */

/* An object with what was left out filled in from the presets. */
static void normalised_out(const struct param *params, const struct json *object,
			   struct json_out *out, const char *name)
{
	json_out_object(out, name);
	for (const struct param *param = params; param->kind != PARAM_END; param++) {
		const struct json *value = json_get(object, param->name);

		if (value && param->kind == PARAM_OBJECT && param->members &&
		    json_kind(value) == JSON_OBJECT)
			normalised_out(param->members, value, out, param->name);
		else if (value)
			spec_out_redacted(out, param->name, value);
		else if (param->preset)
			json_out_raw(out, param->name, param->preset, strlen(param->preset));
	}
	json_out_end(out, '}');
}

static void plan_out(const struct task *task, struct json_out *out)
{
	json_out_bool(out, "valid", true);
	normalised_out(envelope_params, task->envelope, out, "job");
	normalised_out(task->handler->params, task->spec, out, "spec");
	json_out_object(out, "plan");
	json_out_text(out, "handler", task->handler->name);
	json_out_text(out, "summary", task->handler->summary);
	json_out_bool(out, "io_bound", task->handler->io_bound);
	if (task->handler->describe)
		task->handler->describe(task->plan, out);
	json_out_end(out, '}');
}

/* What becomes of the first records; that they cannot be had is no mistake of the spec. */
static void rehearsal_out(const struct dry_run *dry, struct json_out *out)
{
	struct err err;

	json_out_object(out, "trial");
	if (dry->task->handler->rehearse(dry->task->plan, &dry->rehearsal, out, &err)) {
		json_out_object(out, "error");
		json_out_text(out, "type", err_name(err.code));
		json_out_text(out, "detail", err.detail);
		json_out_end(out, '}');
	}
	json_out_end(out, '}');
}

static void dry_run_try(struct dry_run *dry)
{
	const struct handler *handler = dry->task->handler;
	struct json_out out = JSON_OUT(&dry->answer);

	if (handler->check)
		handler->check(dry->task->plan, &dry->rehearsal, &dry->mistakes);
	if (dry->mistakes.count > 0)
		return;
	json_out_object(&out, NULL);
	plan_out(dry->task, &out);
	if (handler->rehearse && dry->rehearsal.records > 0)
		rehearsal_out(dry, &out);
	json_out_end(&out, '}');
}

static void dry_run_answer(struct request *request, void *ctx)
{
	struct dry_run *dry = ctx;

	if (dry->err.code != ERR_NONE)
		reply_problem(request, &dry->err);
	else if (dry->mistakes.count > 0)
		reply_mistakes(request, &dry->mistakes);
	else
		reply_json(request, 200, &dry->answer);
}

/* On the desk. */
static void dry_run_run(struct desk_work *work, bool stopping)
{
	struct dry_run *dry = (struct dry_run *)work;

	if (stopping)
		err_set(&dry->err, ERR_DRAINING, "the daemon is shutting down");
	else
		dry_run_try(dry);
	later_done(dry->later);
}

/* ---- the request ---- */

/* true is 10 of them; 0 is false. */
int dry_run_read(struct request *request, int64_t *ret_records, struct err *err)
{
	const char *text = request_query(request, "dry_run");
	bool number = text && *text && text[strspn(text, "0123456789")] == '\0';
	int64_t records;
	bool yes;

	*ret_records = -1;
	if (!number) {
		if (query_bool(request, "dry_run", &yes, err))
			return -1;
		if (yes)
			*ret_records = DRY_RUN_RECORDS;
		return 0;
	}
	records = strlen(text) > 9 ? INT64_MAX : strtoll(text, NULL, 10);
	if (records > DRY_RUN_RECORDS_MAX)
		return err_set(err, ERR_BAD_PARAMETER, "dry_run='%.40s' is more than %d records",
			       text, DRY_RUN_RECORDS_MAX);
	if (records > 0)
		*ret_records = records;
	return 0;
}

void dry_run_reply(struct request *request, struct task *task, int64_t records)
{
	const struct handler *handler = task->handler;
	struct dry_run *dry = calloc(1, sizeof(*dry));

	if (!dry) {
		task_free(task);
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the plan");
		return;
	}
	dry->task = task;
	dry->rehearsal = (struct rehearsal){
		.records = records,
		.params = json_get(task->envelope, "params"),
		.files = api_of(request)->files,
	};
	dry->work.run = dry_run_run;
	mistakes_init(&dry->mistakes);
	buf_init(&dry->answer, REPLY_BYTES_MAX);
	if (!handler->check && !handler->rehearse) {
		dry_run_try(dry);
		dry_run_answer(request, dry);
		dry_run_free(dry);
		return;
	}
	dry->later = reply_later(request, dry_run_answer, dry_run_free, dry);
	if (!dry->later || desk_add(api_of(request)->desk, &dry->work))
		return;
	err_set(&dry->err, ERR_TOO_MANY_REQUESTS, "%d tests are waiting already", DESK_WAITING_MAX);
	later_done(dry->later);
}

void job_validate(struct request *request)
{
	static const char *const known[] = {"dry_run", NULL};
	struct task *task;
	int64_t records;
	struct err err;

	if (request_query_check(request, known, &err) || dry_run_read(request, &records, &err)) {
		reply_problem(request, &err);
		return;
	}
	task = task_of_body(request);
	if (task)
		dry_run_reply(request, task, records);
}
