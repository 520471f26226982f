/* SPDX-License-Identifier: MIT */
/* api_results_warc.c - /v1/jobs/{id}/results as a WARC file: what is there now, streamed.
 *
 * A record at a time: its head out of an item (warc.h), then its payload out of the kept
 * body.  With gzip each record is a member of its own (ISO 28500, Annex D), so that readers
 * can begin at any of them.  A body that is not there any more, or not whole, cuts the
 * connection: the length of its record was promised.
 */
#include "base/limits.h"
#include "base/record/walk.h"
#include "service/http/api.h"
#include "service/http/gzip.h"
#include "service/http/result_lines.h"
#include "service/http/warc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 16 * 1024, FILE_NAME_MAX = ID_TEXT_LEN + 16, OUT_BYTES_MAX = 8 * 1024 * 1024 };

struct archive {
	struct result_lines lines;
	struct warc_item item;
	int body; /* of item, from which is read; -1: none */
	int64_t body_left;
	struct gzip *gzip; /* NULL: plain */
	struct buf out;	   /* from out_at on not yet sent */
	size_t out_at;
};

static void archive_close(void *ctx)
{
	struct archive *archive = ctx;

	if (archive->body >= 0)
		close(archive->body);
	gzip_free(archive->gzip);
	warc_item_done(&archive->item);
	lines_done(&archive->lines);
	buf_done(&archive->out);
	free(archive);
}

/* ---- records ---- */

static bool bytes_put(struct archive *archive, const void *bytes, size_t len, bool last)
{
	if (archive->gzip)
		return gzip_add(archive->gzip, bytes, len, last, &archive->out);
	return buf_add(&archive->out, bytes, len) == 0;
}

static bool payload_open(struct archive *archive, struct err *err)
{
	int64_t size;

	if (store_body_open(archive->lines.store, &archive->lines.job, archive->item.body,
			    &archive->body, &size, err))
		return false;
	archive->body_left = archive->item.body_bytes;
	return size == archive->body_left;
}

/* The records of the next item, but for the payload.  1, 0: there is none; -1. */
static int item_put(struct archive *archive)
{
	struct warc_item *item = &archive->item;
	size_t at = 0, len;
	const char *line;
	struct err err;
	int more = 1;

	while (!(line = lines_next(&archive->lines, &at, &len)) && more == 1)
		more = lines_read(&archive->lines, &err);
	if (!line)
		return more;
	warc_item_read(item, &archive->lines.job, line, len);
	lines_drop(&archive->lines, at);
	if (!buf_ok(&item->about) || !buf_ok(&item->head) ||
	    (item->about.len > 0 && !bytes_put(archive, item->about.data, item->about.len, true)))
		return -1;
	if (item->head.len == 0)
		return 1;
	if (!bytes_put(archive, item->head.data, item->head.len, false))
		return -1;
	if (!item->body[0])
		return bytes_put(archive, WARC_END, strlen(WARC_END), true) ? 1 : -1;
	return payload_open(archive, &err) ? 1 : -1;
}

/* A piece of the payload, and the end of its record.  1, or -1. */
static int payload_put(struct archive *archive)
{
	char piece[PIECE_BYTES];
	ssize_t n = 0;

	if (archive->body_left > 0) {
		do
			n = read(archive->body, piece,
				 (size_t)MIN(archive->body_left, (int64_t)sizeof(piece)));
		while (n < 0 && errno == EINTR);
		if (n <= 0 || !bytes_put(archive, piece, (size_t)n, false))
			return -1;
		archive->body_left -= n;
	}
	if (archive->body_left > 0)
		return 1;
	close(archive->body);
	archive->body = -1;
	return bytes_put(archive, WARC_END, strlen(WARC_END), true) ? 1 : -1;
}

static ssize_t archive_read(void *ctx, char *into, size_t room)
{
	struct archive *archive = ctx;
	size_t len;

	if (archive->out_at == archive->out.len) {
		int more = 1;

		buf_clear(&archive->out);
		archive->out_at = 0;
		while (archive->out.len < PIECE_BYTES && more == 1)
			more = archive->body >= 0 ? payload_put(archive) : item_put(archive);
		if (more < 0)
			return STREAM_FAIL;
		if (archive->out.len == 0)
			return STREAM_END;
	}
	len = MIN(room, archive->out.len - archive->out_at);
	memcpy(into, archive->out.data + archive->out_at, len);
	archive->out_at += len;
	return (ssize_t)len;
}

/* ---- the answer ---- */

static bool keeps_bodies(const struct job *job)
{
	struct value body, spec;

	if (strcmp(job->type, "scrape") != 0 || !job->body)
		return false;
	value_read(job->body, strlen(job->body), &body);
	spec = walk_member(&body, "spec");
	return walk_member(&spec, "save_body").kind == VALUE_TEXT;
}

static struct archive *archive_new(struct request *request, const struct job *job, bool zipped)
{
	struct archive *archive = calloc(1, sizeof(*archive));

	if (!archive)
		return NULL;
	archive->body = -1;
	archive->out = BUF(OUT_BYTES_MAX);
	lines_init(&archive->lines, api_of(request)->store, job, 0);
	warc_item_init(&archive->item);
	archive->gzip = zipped ? gzip_new() : NULL;
	if (!zipped || archive->gzip)
		return archive;
	archive_close(archive);
	return NULL;
}

static void archive_reply(struct request *request, const struct job *job, bool zipped)
{
	static const struct stream_reader reader = {.read = archive_read, .close = archive_close};
	struct archive *archive = archive_new(request, job, zipped);
	char name[FILE_NAME_MAX], id[ID_TEXT_LEN + 1];
	struct buf info = BUF(PIECE_BYTES);

	id_format(&job->id, id);
	snprintf(name, sizeof(name), "%s.warc%s", id, zipped ? ".gz" : "");
	warc_info(&job->id, name, &info);
	if (!archive || !buf_ok(&info) || !bytes_put(archive, info.data, info.len, true)) {
		if (archive)
			archive_close(archive);
		reply_problemf(request, ERR_NO_MEMORY, "no memory for a stream");
	} else {
		reply_headerf(request, "Content-Disposition", "attachment; filename=\"%s\"", name);
		reply_stream(request, 200, zipped ? "application/gzip" : "application/warc",
			     STREAM_UNKNOWN, &reader, archive);
	}
	buf_done(&info);
}

void results_warc_reply(struct request *request, const struct id *id, bool zipped)
{
	struct job job;
	struct err err;

	if (store_job_get(api_of(request)->store, id, true, &job, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (keeps_bodies(&job)) {
		archive_reply(request, &job, zipped);
	} else {
		problem_hint(request, "submit the crawl with \"save_body\": \"file\" in its spec");
		reply_problemf(request, ERR_CONFLICT,
			       "a WARC file has the pages of a crawl, and this job keeps none");
	}
	job_done(&job);
}
