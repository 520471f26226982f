/* SPDX-License-Identifier: MIT */
/* api_preview.c - POST /v1/handlers/{name}/test: what a spec finds in one sample.
 *
 *   body ─ preview_plan ▶ plan ─ sample pasted ───────────────────▶ desk ─ preview() ▶ answer
 *                              └ url: fetch_start ─ fetched(), on the fetch thread ─┘
 *
 * The fetch passes the same guard, breaker and limits as a job's.  The connection is
 * suspended meanwhile; the work is the desk's.
 */
#include "service/http/api.h"

#include "base/limits.h"
#include "handlers/handler.h"
#include "net/fetch.h"
#include "service/http/desk.h"

#include <stdlib.h>
#include <string.h>

struct trial {
	struct desk_work work; /* first */
	struct later *later;
	struct desk *desk;
	const struct handler *handler;
	struct json *body;
	struct plan *plan;
	struct fetch_result *fetched; /* NULL: pasted */
	struct buf answer;
	struct err err;
};

static void trial_free(void *ctx)
{
	struct trial *trial = ctx;

	if (trial->plan)
		trial->handler->plan_free(trial->plan);
	if (trial->fetched)
		fetch_result_free(trial->fetched);
	json_free(trial->body);
	buf_done(&trial->answer);
	free(trial);
}

static void trial_answer(struct request *request, void *ctx)
{
	struct trial *trial = ctx;

	if (trial->err.code != ERR_NONE)
		reply_problem(request, &trial->err);
	else
		reply_json(request, 200, &trial->answer);
}

/* ---- on the desk ---- */

static int trial_preview(struct trial *trial, struct err *err)
{
	const char *html = json_text(json_get(trial->body, "html"), "");
	const char *type = json_text(json_get(trial->body, "content_type"), NULL);
	struct fetch_result pasted = {
		.final_url = json_text(json_get(trial->body, "url"), "http://sample.invalid/"),
		.content_type = type ? type : "text/html; charset=utf-8",
		.host_key = "",
		.body = (char *)html,
		.body_len = strlen(html),
	};
	struct json_out out = JSON_OUT(&trial->answer);

	if (trial->handler->preview(trial->plan, trial->fetched ? trial->fetched : &pasted, &out,
				    err))
		return -1;
	return buf_ok(&trial->answer) ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for the answer");
}

static void trial_run(struct desk_work *work, bool stopping)
{
	struct trial *trial = (struct trial *)work;

	if (stopping)
		err_set(&trial->err, ERR_DRAINING, "the daemon is shutting down");
	else if (trial->fetched && trial->fetched->err.code != ERR_NONE)
		trial->err = trial->fetched->err;
	else
		trial_preview(trial, &trial->err);
	later_done(trial->later);
}

static void trial_queue(struct trial *trial)
{
	if (desk_add(trial->desk, &trial->work))
		return;
	err_set(&trial->err, ERR_TOO_MANY_REQUESTS, "%d tests are waiting already",
		DESK_WAITING_MAX);
	later_done(trial->later);
}

/* On the fetch thread. */
static void trial_fetched(void *ctx, struct fetch_result *result)
{
	struct trial *trial = ctx;

	trial->fetched = result;
	trial_queue(trial);
}

/* ---- the request ---- */

static void trial_start(struct request *request, struct trial *trial)
{
	struct fetch_request fetch = {
		.url = json_text(json_get(trial->body, "url"), NULL),
		.timeout_ms = FETCH_CALL_MS,
		.on_open = HOSTS_FAIL,
		.retry = {.attempts_max = 1},
	};
	bool pasted = json_get(trial->body, "html") || !fetch.url;

	trial->desk = api_of(request)->desk;
	trial->work.run = trial_run;
	trial->later = reply_later(request, trial_answer, trial_free, trial);
	if (!trial->later)
		return;
	if (pasted)
		trial_queue(trial);
	else if (fetch_start(api_of(request)->fetcher, &fetch, trial_fetched, trial, NULL,
			     &trial->err))
		later_done(trial->later);
}

/* Body and plan; false: answered. */
static bool trial_read(struct request *request, struct trial *trial)
{
	struct planner planner = {.permits = api_of(request)->permits};
	struct mistakes mistakes;
	struct json_place place;
	struct err err;
	size_t len;
	const char *text = request_body(request, &len);
	bool good = false;

	if (json_parse(text, len, &trial->body, &place, &err)) {
		reply_json_error(request, &err, &place);
		return false;
	}
	mistakes_init(&mistakes);
	planner.mistakes = &mistakes;
	if (spec_check(trial->handler->preview_params, trial->body, "", &mistakes) == 0)
		good = trial->handler->preview_plan(trial->body, &planner, &trial->plan) == 0;
	if (mistakes.count > 0)
		reply_mistakes(request, &mistakes);
	else if (!good)
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the test");
	good = good && mistakes.count == 0;
	mistakes_done(&mistakes);
	return good;
}

void handler_test(struct request *request)
{
	const char *name = request_param(request, "name");
	const struct handler *handler = handler_find(name);
	struct trial *trial;

	if (!handler) {
		problem_hint(request, "GET /v1/handlers");
		reply_problemf(request, ERR_NOT_FOUND, "no handler is called '%s'", name);
		return;
	}
	if (!handler->preview) {
		reply_problemf(request, ERR_NOT_IMPLEMENTED, "'%s' has no test", name);
		return;
	}
	trial = calloc(1, sizeof(*trial));
	if (!trial) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the test");
		return;
	}
	trial->handler = handler;
	buf_init(&trial->answer, REPLY_BYTES_MAX);
	if (trial_read(request, trial))
		trial_start(request, trial);
	else
		trial_free(trial);
}
