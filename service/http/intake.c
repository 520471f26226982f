/* SPDX-License-Identifier: MIT */
/* intake.c - from exchange.c's calls to those of who takes the body.
 *
 * libmicrohttpd takes no response in the middle of a body, so a failure there is written
 * to the socket by the lobby, as the last thing on that connection.
 */
#include "service/http/intake.h"

#include "base/limits.h"
#include "service/http/inside.h"
#include "service/http/problem.h"
#include "service/http/reply.h"

#include <assert.h>
#include <microhttpd.h>

enum { ANSWER_BYTES_MAX = 16 * 1024 };

void request_intake(struct request *request, const struct intake *intake, void *ctx)
{
	assert(!request->intake && request->answer == ANSWER_NONE);
	request->intake = intake;
	request->intake_ctx = ctx;
}

/* Who takes the body is told no more. */
static const struct intake *intake_take(struct request *request)
{
	const struct intake *intake = request->intake;

	request->intake = NULL;
	return intake;
}

void intake_close(struct request *request)
{
	if (request->intake)
		intake_take(request)->close(request->intake_ctx);
}

void intake_end(struct request *request)
{
	intake_take(request)->end(request, request->intake_ctx);
}

static void answer_write(struct request *request, const struct err *err, struct buf *answer)
{
	struct buf body = BUF(ANSWER_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	problem_begin(&out, NULL, err, request_id(request));
	json_out_end(&out, '}');
	buf_printf(answer,
		   "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
		   "Content-Length: %zu\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n%s",
		   err_status(err->code), err_title(err->code), body.len, request_id(request),
		   buf_text(&body));
	if (!buf_ok(&body))
		answer->failed = true;
	buf_done(&body);
}

int intake_bytes(struct request *request, const char *bytes, size_t len)
{
	struct buf answer = BUF(ANSWER_BYTES_MAX);
	struct err err;

	if (request->intake->take(request->intake_ctx, bytes, len, &err) == 0)
		return 0;
	intake_close(request);
	answer_write(request, &err, &answer);
	if (buf_ok(&answer))
		server_cut(request->server, request->conn, &answer);
	buf_done(&answer);
	return -1;
}
