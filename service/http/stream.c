/* SPDX-License-Identifier: MIT */
/* stream.c - long polls and pulled bodies on top of conn_rearm() and conn_sleep(). */
#include "service/http/stream.h"

#include "base/limits.h"
#include "service/http/inside.h"
#include "service/http/reply.h"
#include "service/http/server.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>

/* What libmicrohttpd allocates for a response; chunked ones, which may be many and idle,
 * write into the connection's own memory instead. */
enum { BLOCK_BYTES = 16 * 1024, BLOCK_BYTES_CHUNKED = 256 };

struct waker *request_waker(struct request *request)
{
	return &request->conn->waker;
}

void waker_wake(struct waker *waker)
{
	conn_wake(conn_of(waker));
}

void waker_at(struct waker *waker, int64_t at_ms)
{
	struct conn *conn = conn_of(waker);

	lock_take(&conn->lock);
	waker->at_ms = at_ms;
	lock_drop(&conn->lock);
}

void reply_wait(struct request *request, const struct waiter *waiter, void *ctx)
{
	assert(request->answer == ANSWER_NONE);
	request->answer = ANSWER_WAIT;
	request->waiter = waiter;
	request->callback_ctx = ctx;
}

bool wait_poll(struct request *request)
{
	const struct waiter *waiter = request->waiter;
	void *ctx = request->callback_ctx;

	request->answer = ANSWER_NONE;
	waiter->poll(request, ctx);
	if (request->answer == ANSWER_NONE) {
		request->answer = ANSWER_WAIT;
		return false;
	}
	waiter->close(ctx);
	return true;
}

/* The content reader: an HTTP thread asks for the next bytes. */
static ssize_t on_read(void *cls, uint64_t pos, char *into, size_t room)
{
	struct request *request = cls;
	struct conn *conn = request->conn;

	(void)pos;
	for (;;) {
		ssize_t n;

		if (!conn_rearm(conn))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (request->endless && server_draining(request->server))
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (server_stopping(request->server))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		n = request->reader->read(request->callback_ctx, into, room);
		assert(n >= STREAM_FAIL && (n < 0 || (size_t)n <= room));
		if (n > 0) {
			conn_phase(conn, PHASE_WRITING, 0);
			return n;
		}
		if (n == STREAM_END)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (n == STREAM_FAIL)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (conn_sleep(conn, request->mhd, true))
			return 0;
	}
}

/* The response owns its closure: this is the last anybody hears of it. */
static void on_close(void *cls)
{
	struct request *request = cls;

	request->reader->close(request->callback_ctx);
	request_unref(request);
}

void reply_stream(struct request *request, int status, const char *content_type, int64_t length,
		  const struct stream_reader *reader, void *ctx)
{
	struct MHD_Response *response;

	request->reader = reader;
	request->callback_ctx = ctx;
	request->endless = length == STREAM_ENDLESS;
	request_ref(request);
	response = MHD_create_response_from_callback(
		length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)length,
		length < 0 ? BLOCK_BYTES_CHUNKED : BLOCK_BYTES, on_read, request, on_close);
	if (!response)
		on_close(request);
	reply_response(request, status, content_type, response);
}
