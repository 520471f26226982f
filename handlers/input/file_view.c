/* SPDX-License-Identifier: MIT */
/* file_view.c - an open file: what it is, and its bytes.
 *
 * Files are read with pread(2), never mapped: one that somebody truncates would kill the
 * daemon.  A read asks the page cache first; only what must wait for a disk lends the worker.
 */
#include "handlers/input/file.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	HEAD_BYTES = 64 * 1024,	      /* enough to sniff, and for most headers … */
	HEAD_BYTES_MAX = 1024 * 1024, /* … and for a thousand names of a kilobyte */
	RAW_BYTES = 64 * 1024,	      /* compressed, at once */
	COUNT_BYTES = 1024 * 1024,    /* of line ends, at once */
};

/* ---- bytes ---- */

int64_t file_append(const struct file_view *view, struct buf *into, size_t room, int64_t offset,
		    struct err *err)
{
	char *at = buf_room(into, room);
	struct iovec piece = {.iov_base = at, .iov_len = room};
	ssize_t got;
	int failure;

	if (!at)
		return err_set(err, ERR_NO_MEMORY, "no memory to read '%s'", view->name);
	got = preadv2(view->fd, &piece, 1, offset, RWF_NOWAIT);
	if (got < 0) { /* not in memory, or the file system cannot say */
		run_block_begin(view->run);
		do {
			got = pread(view->fd, at, room, offset);
		} while (got < 0 && errno == EINTR);
		failure = errno;
		run_block_end(view->run);
		if (got < 0)
			return err_set_errno(err, ERR_IO, failure, "cannot read '%s'", view->name);
	}
	buf_grown(into, (size_t)got);
	return got;
}

int64_t file_decode(struct file_view *view, struct buf *into, size_t room, struct err *err)
{
	char *at = buf_room(into, room);
	size_t len = 0;
	int64_t got;

	if (!at)
		return err_set(err, ERR_NO_MEMORY, "no memory to read '%s'", view->name);
	for (;;) {
		if (decoder_run(view->decoder, &view->in, at, room, &len, err))
			return err_wrap(err, "%s", view->name);
		if (len > 0 || view->in.last)
			break;
		buf_clear(&view->raw);
		got = file_append(view, &view->raw, RAW_BYTES, view->raw_offset, err);
		if (got < 0)
			return -1;
		view->raw_offset += got;
		view->in = (struct codec_in){
			.bytes = buf_text(&view->raw), .len = (size_t)got, .last = got == 0};
	}
	view->lines += lines_count(at, len);
	buf_grown(into, len);
	return (int64_t)len;
}

int file_changed(const struct file_view *view, struct err *err)
{
	return err_set(err, ERR_CONFLICT, "'%s' has changed since the job began to read it",
		       view->name);
}

int file_lines(struct file_view *view, int64_t offset, int64_t *ret_lines, struct err *err)
{
	struct buf bytes = BUF(COUNT_BYTES);
	int64_t got = 1;

	if (offset < view->counted_to)
		view->counted_to = view->counted = 0;
	while (view->counted_to < offset && got > 0 && !run_cancelled(view->run)) {
		buf_clear(&bytes);
		got = file_append(view, &bytes, (size_t)MIN(COUNT_BYTES, offset - view->counted_to),
				  view->counted_to, err);
		if (got <= 0)
			break;
		view->counted_to += got;
		view->counted += lines_count(bytes.data, bytes.len);
	}
	buf_done(&bytes);
	*ret_lines = view->counted;
	return got < 0 ? -1 : 0;
}

/* ---- opening ---- */

/* Up to `len` bytes of text are in the head. */
static int head_read(struct file_view *view, size_t len, struct err *err)
{
	while (view->head.len < len && !view->head_whole) {
		size_t room = len - view->head.len;
		int64_t got = view->decoder ? file_decode(view, &view->head, room, err)
					    : file_append(view, &view->head, room,
							  (int64_t)view->head.len, err);

		if (got < 0)
			return -1;
		if (got == 0) {
			view->head_whole = view->size >= 0;
			break;
		}
	}
	return 0;
}

/* The file's first bytes as they are stored say its codec, decoded its format. */
static int codec_find(struct file_view *view, const struct format *format, struct err *err)
{
	if (head_read(view, HEAD_BYTES, err))
		return -1;
	view->codec = format_codec(format);
	if (view->codec == CODEC_SNIFF)
		view->codec = codec_sniff(buf_text(&view->head), view->head.len);
	if (view->codec == CODEC_NONE)
		return 0;
	view->decoder = decoder_new(view->codec, err);
	if (!view->decoder)
		return -1;
	buf_clear(&view->head);
	view->head_whole = false;
	return head_read(view, HEAD_BYTES, err);
}

static int format_find(struct file_view *view, const struct format *format, struct err *err)
{
	view->format = format;
	if (format_kind(format) != FORMAT_SNIFF)
		return 0;
	view->sniffed = format_sniff(format, view->name, buf_text(&view->head), view->head.len);
	view->format = view->sniffed;
	return view->sniffed ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a format");
}

static int header_find(struct file_view *view, struct err *err)
{
	size_t len;
	int rc = reader_header(view->format, buf_text(&view->head), view->head.len,
			       view->head_whole, &len, err);

	if (rc && err->code == ERR_LIMIT && !view->head_whole) {
		if (head_read(view, HEAD_BYTES_MAX, err))
			return -1;
		rc = reader_header(view->format, buf_text(&view->head), view->head.len,
				   view->head_whole, &len, err);
	}
	if (rc)
		return err_wrap(err, "%s", view->name);
	if (len > 0 && buf_add(&view->header, view->head.data, len))
		return err_set(err, ERR_NO_MEMORY, "no memory for a header");
	return 0;
}

int file_view_open(struct file_view *view, const struct format *format, int fd, const char *name,
		   int64_t size, struct err *err)
{
	view->fd = fd;
	view->name = name;
	view->size = size;
	buf_init(&view->header, HEAD_BYTES_MAX);
	buf_init(&view->head, HEAD_BYTES_MAX + HEAD_BYTES);
	buf_init(&view->raw, RAW_BYTES);
	view->in = (struct codec_in){0};
	view->raw_offset = view->lines = view->counted_to = view->counted = 0;
	view->head_whole = false;
	if (codec_find(view, format, err) || format_find(view, format, err) ||
	    header_find(view, err)) {
		file_view_close(view);
		return -1;
	}
	return 0;
}

void file_view_close(struct file_view *view)
{
	if (view->fd < 0)
		return;
	close(view->fd);
	decoder_free(view->decoder);
	format_free(view->sniffed);
	buf_done(&view->header);
	buf_done(&view->head);
	buf_done(&view->raw);
	view->decoder = NULL;
	view->sniffed = NULL;
	view->fd = -1;
	view->index = -1;
}
