/* SPDX-License-Identifier: MIT */
/* api_bodies.c - /v1/jobs/{id}/bodies/{sha256}: a page as a job kept it.
 *
 * What is in it came from anywhere: it is served as bytes to be saved, so that no browser
 * takes it for a page of ours.  Its name is its hash, so it never changes.
 */
#include "service/http/api.h"
#include "service/http/api_query.h"
#include "service/http/range.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct body_stream {
	int fd;
	int64_t offset, end;
};

static ssize_t body_read(void *ctx, char *into, size_t room)
{
	struct body_stream *stream = ctx;
	size_t len = (size_t)MIN((int64_t)room, stream->end - stream->offset);
	ssize_t n;

	if (len == 0)
		return STREAM_END;
	do
		n = pread(stream->fd, into, len, stream->offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return STREAM_FAIL; /* a length was promised */
	stream->offset += n;
	return n;
}

static void body_close(void *ctx)
{
	struct body_stream *stream = ctx;

	close(stream->fd);
	free(stream);
}

static void body_headers(struct request *request, const char *name)
{
	reply_header(request, "X-Content-Type-Options", "nosniff");
	reply_header(request, "Content-Security-Policy", "sandbox; default-src 'none'");
	reply_headerf(request, "Content-Disposition", "attachment; filename=\"%s\"", name);
}

/* Owns fd. */
static void body_reply(struct request *request, const char *name, int fd, int64_t size)
{
	static const struct stream_reader reader = {.read = body_read, .close = body_close};
	struct body_stream *stream = malloc(sizeof(*stream));
	char etag[BODY_NAME_LEN + 3];
	int status;

	if (!stream) {
		close(fd);
		reply_problemf(request, ERR_NO_MEMORY, "no memory for a stream");
		return;
	}
	stream->fd = fd;
	snprintf(etag, sizeof(etag), "\"%s\"", name);
	status = range_answer(request, etag, size, &stream->offset, &stream->end);
	if (status == 416) {
		body_close(stream);
		return;
	}
	body_headers(request, name);
	reply_stream(request, status, "application/octet-stream", stream->end - stream->offset,
		     &reader, stream);
}

void job_body(struct request *request)
{
	static const char *const known[] = {NULL};
	const char *name = request_param(request, "sha256");
	int64_t size;
	struct err err;
	struct id id;
	int fd;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    store_body_open(api_of(request)->store, &id, name, &fd, &size, &err)) {
		reply_problem(request, &err);
		return;
	}
	body_reply(request, name, fd, size);
}
