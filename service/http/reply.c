/* SPDX-License-Identifier: MIT */
/* reply.c - answers are made here and queued by server.c, on the same HTTP thread.
 *
 * A later answer:
 *   1. reply_later() notes who finishes; server.c suspends the connection;
 *   2. later_done(), on any thread, marks it done and wakes the connection;
 *   3. server.c calls later_finish(), which answers and releases ctx.
 * When the request ends before 2 (client gone, drain over) it is abandoned, and
 * later_done() releases ctx; when it ends between 2 and 3, reply_abandon() does.
 */
#include "service/http/reply.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "service/http/inside.h"
#include "service/http/problem.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static void header_add(struct request *request, const char *name, char *value)
{
	assert(request->headers_count < REPLY_HEADERS_MAX);
	if (!value)
		return; /* no memory: the answer goes without it */
	for (const char *at = value; *at; at++)
		assert((unsigned char)*at >= ' ' && *at != 0x7F);
	request->headers[request->headers_count++] = (struct pair){name, value};
}

void reply_header(struct request *request, const char *name, const char *value)
{
	header_add(request, name, arena_text(&request->arena, value));
}

void reply_headerf(struct request *request, const char *name, const char *fmt, ...)
{
	char *value;
	va_list args;

	va_start(args, fmt);
	value = arena_vprintf(&request->arena, fmt, args);
	va_end(args);
	header_add(request, name, value);
}

static void headers_move(struct request *request, struct MHD_Response *response)
{
	for (unsigned i = 0; i < request->headers_count; i++)
		MHD_add_response_header(response, request->headers[i].name,
					request->headers[i].value);
	request->headers_count = 0;
}

/* The response takes its headers; server.c queues it. */
void reply_response(struct request *request, int status, const char *content_type,
		    struct MHD_Response *response)
{
	assert(request->answer == ANSWER_NONE);
	request->answer = ANSWER_READY;
	request->status = status;
	request->response = response;
	if (!response)
		return; /* no memory: the connection is cut */
	if (content_type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, "X-Request-Id", request_id(request));
	headers_move(request, response);
	if (request->close_after)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

void reply_bytes(struct request *request, int status, const char *content_type, struct buf *body)
{
	struct MHD_Response *response;
	size_t len;
	char *data = buf_take(body, &len);

	if (!data) {
		static const char text[] = "{\"type\":\"/errors/no-memory\",\"title\":\"Out of "
					   "memory\",\"status\":503}";

		buf_done(body);
		reply_static(request, 503, "application/problem+json", text, sizeof(text) - 1);
		return;
	}
	response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(data);
	reply_response(request, status, content_type, response);
}

void reply_json(struct request *request, int status, struct buf *body)
{
	reply_bytes(request, status, "application/json", body);
}

void reply_static(struct request *request, int status, const char *content_type, const char *text,
		  size_t len)
{
	reply_response(request, status, content_type,
		       MHD_create_response_from_buffer(len, (void *)text, MHD_RESPMEM_PERSISTENT));
}

void reply_empty(struct request *request, int status)
{
	reply_static(request, status, NULL, "", 0);
}

void reply_retry_after(struct request *request, int64_t after_ms)
{
	request->retry_after_ms = MAX(after_ms, 1);
}

void problem_member_json(struct request *request, const char *name, const char *json)
{
	assert(request->members_count < PROBLEM_MEMBERS_MAX);
	if (json)
		request->members[request->members_count++] = (struct pair){name, json};
}

void problem_member(struct request *request, const char *name, const char *value)
{
	struct buf quoted = BUF(HTTP_URI_BYTES_MAX);

	json_quote(&quoted, value, strlen(value));
	if (buf_ok(&quoted))
		problem_member_json(request, arena_text(&request->arena, name),
				    arena_text(&request->arena, buf_text(&quoted)));
	buf_done(&quoted);
}

void problem_hint(struct request *request, const char *fmt, ...)
{
	struct buf hint = BUF(ERR_DETAIL_MAX);
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&hint, fmt, args);
	va_end(args);
	if (buf_ok(&hint))
		problem_member(request, "hint", buf_text(&hint));
	buf_done(&hint);
}

static void problem_end(struct request *request, enum err_code code, struct json_out *out)
{
	int status = err_status(code);

	for (unsigned i = 0; i < request->members_count; i++)
		json_out_raw(out, request->members[i].name, request->members[i].value,
			     strlen(request->members[i].value));
	if (request->retry_after_ms == 0 && (status == 429 || status == 503 || status == 507))
		request->retry_after_ms = 1000;
	if (request->retry_after_ms > 0) {
		json_out_int(out, "retry_after_ms", request->retry_after_ms);
		reply_headerf(request, "Retry-After", "%lld",
			      (long long)(request->retry_after_ms + 999) / 1000);
	}
	if (code == ERR_UNAUTHORIZED)
		reply_header(request, "WWW-Authenticate", "Bearer realm=\"jobmill\"");
	json_out_end(out, '}');
	reply_bytes(request, status, "application/problem+json", out->buf);
}

void reply_problem(struct request *request, const struct err *err)
{
	struct buf body = BUF(HTTP_REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	problem_begin(&out, NULL, err, request_id(request));
	problem_end(request, err->code, &out);
}

void reply_problemf(struct request *request, enum err_code code, const char *fmt, ...)
{
	struct buf detail = BUF(ERR_DETAIL_MAX);
	struct err err;
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&detail, fmt, args);
	va_end(args);
	err_set(&err, code, "%s", buf_text(&detail));
	buf_done(&detail);
	reply_problem(request, &err);
}

void reply_mistakes(struct request *request, const struct mistakes *mistakes)
{
	struct buf body = BUF(HTTP_REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	problem_begin_mistakes(&out, NULL, mistakes, request_id(request));
	problem_end(request, mistakes->code, &out);
}

void reply_json_error(struct request *request, const struct err *err,
		      const struct json_place *place)
{
	struct buf body = BUF(HTTP_REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	problem_begin(&out, NULL, err, request_id(request));
	problem_place(&out, place);
	problem_end(request, err->code, &out);
}

struct later *reply_later(struct request *request, void (*finish)(struct request *, void *),
			  void (*release)(void *), void *ctx)
{
	assert(request->answer == ANSWER_NONE);
	if (server_stopping(request->server)) {
		release(ctx);
		reply_problemf(request, ERR_DRAINING, "this daemon is about to stop");
		return NULL;
	}
	request->later = (struct later){
		.request = request, .finish = finish, .release = release, .ctx = ctx};
	request_ref(request);
	request->answer = ANSWER_LATER;
	return &request->later;
}

static void later_end(struct later *later, bool wakes)
{
	struct request *request = later->request;
	bool abandoned;

	lock_take(&request->conn->lock);
	abandoned = later->abandoned;
	later->done = true;
	if (!abandoned && (wakes || later->looks > 1))
		conn_wake_locked(request->conn);
	lock_drop(&request->conn->lock); /* the request may be answered now, and wait anew */
	if (abandoned)
		later->release(later->ctx);
	request_unref(request);
}

void later_done(struct later *later)
{
	later_end(later, true);
}

void later_done_quietly(struct later *later)
{
	later_end(later, false);
}

bool later_finished(struct request *request)
{
	bool done;

	lock_take(&request->conn->lock);
	done = request->later.done;
	request->later.looks += !done;
	lock_drop(&request->conn->lock);
	return done;
}

void later_finish(struct request *request)
{
	struct later later = request->later; /* its place may be taken by the next */

	request->answer = ANSWER_NONE;
	later.finish(request, later.ctx);
	later.release(later.ctx);
}

static void later_abandon(struct request *request)
{
	struct later *later = &request->later;
	bool done;

	lock_take(&request->conn->lock);
	done = later->done;
	later->abandoned = true;
	lock_drop(&request->conn->lock);
	if (done)
		later->release(later->ctx);
}

void reply_abandon(struct request *request)
{
	if (request->answer == ANSWER_LATER)
		later_abandon(request);
	else if (request->answer == ANSWER_WAIT)
		request->waiter->close(request->callback_ctx);
	request->answer = ANSWER_NONE;
}
