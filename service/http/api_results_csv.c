/* SPDX-License-Identifier: MIT */
/* api_results_csv.c - /v1/jobs/{id}/results as CSV: what is there now, streamed.
 *
 * The columns are those of the first items (LEARN_ITEMS_MAX of them, LEARN_BYTES_MAX at
 * most), unless ?columns= names them; csv.h says what becomes of the rest.
 */
#include "base/limits.h"
#include "base/record/csv.h"
#include "service/http/api.h"
#include "service/http/result_lines.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024, LEARN_ITEMS_MAX = 1000, LEARN_BYTES_MAX = 1024 * 1024 };

struct rows {
	struct result_lines lines; /* read, not yet rows */
	struct csv *csv;
	struct buf out; /* rows, from out_at on not yet sent */
	size_t out_at;
};

static void rows_close(void *ctx)
{
	struct rows *rows = ctx;

	csv_free(rows->csv);
	lines_done(&rows->lines);
	buf_done(&rows->out);
	free(rows);
}

static int columns_learn(struct rows *rows, struct err *err)
{
	size_t at = 0, len;
	int items = 0, more = 1;

	while (items < LEARN_ITEMS_MAX && at < LEARN_BYTES_MAX && more == 1) {
		const char *line = lines_next(&rows->lines, &at, &len);

		if (line) {
			csv_learn(rows->csv, line, len);
			items++;
		} else {
			more = lines_read(&rows->lines, err);
		}
	}
	return more < 0 ? -1 : 0;
}

static bool rows_make(struct rows *rows)
{
	size_t at = 0, len;
	const char *line;

	while (rows->out.len < PIECE_BYTES && (line = lines_next(&rows->lines, &at, &len)) != NULL)
		csv_row(rows->csv, line, len, &rows->out);
	lines_drop(&rows->lines, at);
	return buf_ok(&rows->out);
}

static ssize_t rows_read(void *ctx, char *into, size_t room)
{
	struct rows *rows = ctx;
	struct err err;
	size_t len;

	while (rows->out_at == rows->out.len) {
		size_t before = rows->lines.read.len;
		int more;

		buf_clear(&rows->out);
		rows->out_at = 0;
		if (!rows_make(rows))
			return STREAM_FAIL;
		if (rows->lines.read.len < before)
			continue;
		more = lines_read(&rows->lines, &err);
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
		.csv = csv_new(request_query(request, "columns"), &err),
		.out = BUF(4 *
			   (size_t)ITEM_BYTES_MAX), /* quotes are doubled, other is text again */
	};
	lines_init(&rows->lines, api_of(request)->store, job, LEARN_BYTES_MAX);
	if (!rows->csv || (!request_query(request, "columns") && columns_learn(rows, &err))) {
		rows_close(rows);
		reply_problem(request, &err);
		return;
	}
	csv_header(rows->csv, &rows->out);
	reply_stream(request, 200, "text/csv; charset=utf-8; header=present", STREAM_UNKNOWN,
		     &reader, rows);
}
