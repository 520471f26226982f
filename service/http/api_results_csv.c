/* SPDX-License-Identifier: MIT */
/* api_results_csv.c - /v1/jobs/{id}/results as CSV: what is there now, streamed.
 *
 * The columns are those of the first items (LEARN_ITEMS_MAX of them, LEARN_BYTES_MAX at
 * most), unless ?columns= names them; csv.h says what becomes of the rest.
 */
#include "base/limits.h"
#include "service/http/api.h"
#include "service/http/csv.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024, LEARN_ITEMS_MAX = 1000, LEARN_BYTES_MAX = 1024 * 1024 };

struct rows {
	struct store *store;
	struct id job;
	int64_t offset, end;
	struct csv *csv;
	struct buf lines; /* read, not yet rows */
	struct buf out;	  /* rows, from out_at on not yet sent */
	size_t out_at;
};

static void rows_close(void *ctx)
{
	struct rows *rows = ctx;

	csv_free(rows->csv);
	buf_done(&rows->lines);
	buf_done(&rows->out);
	free(rows);
}

/* Reads on.  1: lines were added; 0: the end; -1. */
static int lines_read(struct rows *rows, struct err *err)
{
	size_t room = PIECE_BYTES, len = 0;
	char *into;

	if (rows->offset >= rows->end)
		return 0;
	room = (size_t)MIN((int64_t)room, rows->end - rows->offset);
	into = buf_room(&rows->lines, room);
	if (!into)
		return err_set(err, ERR_NO_MEMORY, "no memory for rows");
	if (store_results_next(rows->store, &rows->job, &rows->offset, into, room, &len, err))
		return -1;
	buf_grown(&rows->lines, len);
	return len > 0;
}

/* The next whole line from *at on, which moves behind it; NULL: there is none. */
static const char *line_next(const struct buf *lines, size_t *at, size_t *ret_len)
{
	const char *line = buf_text(lines) + *at;
	const char *end = memchr(line, '\n', lines->len - *at);

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - line);
	*at += *ret_len + 1;
	return line;
}

static int columns_learn(struct rows *rows, struct err *err)
{
	size_t at = 0, len;
	int items = 0, more = 1;

	while (items < LEARN_ITEMS_MAX && at < LEARN_BYTES_MAX && more == 1) {
		const char *line = line_next(&rows->lines, &at, &len);

		if (line) {
			csv_learn(rows->csv, line, len);
			items++;
		} else {
			more = lines_read(rows, err);
		}
	}
	return more < 0 ? -1 : 0;
}

static bool rows_make(struct rows *rows)
{
	size_t at = 0, len;
	const char *line;

	while (rows->out.len < PIECE_BYTES && (line = line_next(&rows->lines, &at, &len)) != NULL)
		csv_row(rows->csv, line, len, &rows->out);
	buf_drop_front(&rows->lines, at);
	return buf_ok(&rows->out);
}

static ssize_t rows_read(void *ctx, char *into, size_t room)
{
	struct rows *rows = ctx;
	struct err err;
	size_t len;

	while (rows->out_at == rows->out.len) {
		size_t before = rows->lines.len;
		int more;

		buf_clear(&rows->out);
		rows->out_at = 0;
		if (!rows_make(rows))
			return STREAM_FAIL;
		if (rows->lines.len < before)
			continue;
		more = lines_read(rows, &err);
		if (more <= 0)
			return more == 0 ? STREAM_END : STREAM_FAIL;
	}
	len = MIN(room, rows->out.len - rows->out_at);
	memcpy(into, rows->out.data + rows->out_at, len);
	rows->out_at += len;
	return (ssize_t)len;
}

void results_csv_reply(struct request *request, const struct job *job)
{
	static const struct stream_reader reader = {.read = rows_read, .close = rows_close};
	struct rows *rows = calloc(1, sizeof(*rows));
	struct err err;

	if (!rows) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for a stream");
		return;
	}
	*rows = (struct rows){
		.store = api_of(request)->store,
		.job = job->id,
		.end = job->result_bytes,
		.csv = csv_new(request_query(request, "columns"), &err),
		.lines = BUF(ITEM_BYTES_MAX + LEARN_BYTES_MAX),
		.out = BUF(4 *
			   (size_t)ITEM_BYTES_MAX), /* quotes are doubled, other is text again */
	};
	if (!rows->csv || (!request_query(request, "columns") && columns_learn(rows, &err))) {
		rows_close(rows);
		reply_problem(request, &err);
		return;
	}
	csv_header(rows->csv, &rows->out);
	reply_stream(request, 200, "text/csv; charset=utf-8; header=present", STREAM_UNKNOWN,
		     &reader, rows);
}
