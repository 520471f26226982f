/* SPDX-License-Identifier: MIT */
/* reply_file.c - bytes of a file as an answer.
 *
 * Of a file that became shorter sendfile(2) sends nothing, and libmicrohttpd would wait for
 * ever for a socket that is ready; so only what nobody writes to goes that way, all else is
 * read here, and an end that comes too early cuts the connection.
 */
#include "service/http/inside.h"
#include "service/http/reply.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

struct file_stream {
	int fd;
	int64_t offset, end;
};

static ssize_t file_stream_read(void *ctx, char *into, size_t room)
{
	struct file_stream *stream = ctx;
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

static void file_stream_close(void *ctx)
{
	struct file_stream *stream = ctx;

	close(stream->fd);
	free(stream);
}

static void reply_reading(struct request *request, int status, const char *content_type,
			  const struct file_bytes *bytes)
{
	static const struct stream_reader reader = {.read = file_stream_read,
						    .close = file_stream_close};
	struct file_stream *stream = malloc(sizeof(*stream));

	if (!stream) {
		close(bytes->fd);
		reply_problemf(request, ERR_NO_MEMORY, "no memory for a stream");
		return;
	}
	*stream = (struct file_stream){bytes->fd, bytes->offset, bytes->offset + bytes->len};
	reply_stream(request, status, content_type, bytes->len, &reader, stream);
}

void reply_file(struct request *request, int status, const char *content_type,
		const struct file_bytes *bytes)
{
	struct MHD_Response *response;

	if (!bytes->steady) {
		reply_reading(request, status, content_type, bytes);
		return;
	}
	response = MHD_create_response_from_fd_at_offset64((uint64_t)bytes->len, bytes->fd,
							   (uint64_t)bytes->offset);
	if (!response)
		close(bytes->fd);
	reply_response(request, status, content_type, response);
}
