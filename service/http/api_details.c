/* SPDX-License-Identifier: MIT */
/* api_details.c - /v1/jobs/{id}/errors, /logs, /attempts: how a job went, in pages of
 * NDJSON; Link: rel="next" goes on.
 */
#include "base/limits.h"
#include "service/engine/events.h"
#include "service/http/api.h"
#include "service/http/api_query.h"

#include <inttypes.h>
#include <stdlib.h>

static const char ndjson_type[] = "application/x-ndjson";

struct page {
	struct id id;
	unsigned limit;
	uint64_t after;
};

/* The job exists and the page is well asked for; -1: answered. */
static int page_read(struct request *request, struct page *page)
{
	static const char *const known[] = {"limit", "cursor", NULL};
	struct job job;
	struct err err;

	if (request_query_check(request, known, &err) || path_id(request, &page->id, &err) ||
	    query_limit(request, &page->limit, &err) ||
	    query_number(request, "cursor", 0, &page->after, &err) ||
	    store_job_get(api_of(request)->store, &page->id, false, &job, &err)) {
		reply_problem(request, &err);
		return -1;
	}
	job_done(&job);
	return 0;
}

static void next_link(struct request *request, const struct page *page, const char *what,
		      uint64_t last)
{
	char id[ID_TEXT_LEN + 1];

	id_format(&page->id, id);
	reply_headerf(request, "Link", "</v1/jobs/%s/%s?limit=%u&cursor=%" PRIu64 ">; rel=\"next\"",
		      id, what, page->limit, last);
}

static void position_out(struct json_out *out, const char *name, int64_t position)
{
	if (position < 0)
		json_out_null(out, name);
	else
		json_out_int(out, name, position);
}

static void item_error_out(const struct item_error *error, struct buf *into)
{
	struct json_out out = JSON_OUT(into);

	json_out_object(&out, NULL);
	json_out_int(&out, "seq", (int64_t)error->seq);
	json_out_text(&out, "key", error->key);
	json_out_text(&out, "stage", error->stage);
	position_out(&out, "line", error->line);
	position_out(&out, "offset", error->offset);
	json_out_object(&out, "error");
	json_out_text(&out, "type", err_name(error->error));
	json_out_text(&out, "detail", error->detail);
	json_out_end(&out, '}');
	json_out_int(&out, "attempts", error->attempts);
	json_out_bool(&out, "resolved", error->resolved);
	json_out_end(&out, '}');
	buf_add_byte(into, '\n');
}

void job_errors(struct request *request)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct item_error *errors;
	struct page page;
	struct err err;
	size_t count = 0;

	if (page_read(request, &page))
		return;
	errors = calloc(page.limit, sizeof(*errors));
	if (!errors) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the page");
		return;
	}
	if (store_errors_read(api_of(request)->store, &page.id, page.after, page.limit, errors,
			      &count, request_arena(request), &err)) {
		reply_problem(request, &err);
	} else {
		for (size_t i = 0; i < count; i++)
			item_error_out(&errors[i], &body);
		if (count == page.limit)
			next_link(request, &page, "errors", errors[count - 1].seq);
		reply_bytes(request, 200, ndjson_type, &body);
	}
	free(errors);
}

void job_logs(struct request *request)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct event *lines;
	struct page page;
	struct err err;
	size_t count = 0;

	if (page_read(request, &page))
		return;
	lines = calloc(page.limit, sizeof(*lines));
	if (!lines) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the page");
		return;
	}
	if (store_logs_read(api_of(request)->store, &page.id, page.after, page.limit, lines, &count,
			    &err)) {
		reply_problem(request, &err);
		free(lines);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		event_format(&lines[i], &body);
		buf_add_byte(&body, '\n');
		free(lines[i].data);
	}
	if (count == page.limit)
		next_link(request, &page, "logs", lines[count - 1].seq);
	reply_bytes(request, 200, ndjson_type, &body);
	free(lines);
}

static void attempt_out(const struct attempt *attempt, struct json_out *out)
{
	static const char *const states[] = {
		[ATTEMPT_RUNNING] = "running",	   [ATTEMPT_COMPLETED] = "completed",
		[ATTEMPT_FAILED] = "failed",	   [ATTEMPT_INTERRUPTED] = "interrupted",
		[ATTEMPT_CANCELLED] = "cancelled",
	};

	json_out_object(out, NULL);
	json_out_int(out, "attempt", attempt->attempt);
	json_out_text(out, "state", states[attempt->state]);
	json_out_instant(out, "started_at", attempt->started_ms);
	json_out_instant(out, "finished_at", attempt->finished_ms);
	if (attempt->error == ERR_NONE) {
		json_out_null(out, "error");
	} else {
		json_out_object(out, "error");
		json_out_text(out, "type", err_name(attempt->error));
		json_out_text(out, "detail", attempt->error_detail);
		json_out_end(out, '}');
	}
	json_out_end(out, '}');
}

void job_attempts(struct request *request)
{
	static const char *const known[] = {NULL};
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	struct attempt *attempts = NULL;
	struct err err;
	struct id id;
	size_t count = 0;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    store_attempts(api_of(request)->store, &id, &attempts, &count, &err)) {
		reply_problem(request, &err);
		return;
	}
	json_out_object(&out, NULL);
	json_out_array(&out, "items");
	for (size_t i = 0; i < count; i++) {
		attempt_out(&attempts[i], &out);
		free(attempts[i].error_detail);
	}
	free(attempts);
	json_out_end(&out, ']');
	json_out_null(&out, "next_cursor");
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}
