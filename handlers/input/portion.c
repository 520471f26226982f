/* SPDX-License-Identifier: MIT */
/* portion.c - one portion: bytes of its source into rows, or into whole records.
 *
 * The block holds what was read and not given yet; what is no whole record stays at its front
 * when more is read behind it.  Reads double with what stays, so that a long record is not
 * looked at again and again.
 */
#include "handlers/input/source.h"

#include "base/limits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SKIPS_PER_STEP = 64, /* blocks before a mark, in one call */
	/* A record, as much again behind it, and a read. */
	BLOCK_BYTES_MAX = 2 * RECORD_BYTES_MAX + 2 * INPUT_BLOCK_BYTES,
	BLOCK_BYTES_KEPT = 4 * 1024 * 1024, /* by a lane, for its next portion */
};

/* ---- from a part, and back to the lane ---- */

struct portion *portion_take(struct input *input, unsigned lane, struct part *part)
{
	struct portion *portion = input->spare[lane];
	long long index = 0, from = 0, to = 0;

	input->spare[lane] = NULL;
	if (!portion)
		portion = calloc(1, sizeof(*portion));
	if (!portion)
		return NULL;
	sscanf(part->input, "%lld %lld %lld", &index, &from, &to);
	*portion = (struct portion){.input = input,
				    .lane = lane,
				    .part = part,
				    .index = index,
				    .from = from,
				    .to = to,
				    .seek = -1,
				    .block = portion->block,
				    .reader = portion->reader,
				    .reader_format = portion->reader_format,
				    .view = portion->view};
	portion->block.max = BLOCK_BYTES_MAX;
	buf_clear(&portion->block);
	return portion;
}

void portion_reader_drop(struct portion *portion)
{
	reader_free(portion->reader);
	portion->reader = NULL;
	portion->reader_format = NULL;
}

void portion_free(struct portion *portion)
{
	if (!portion)
		return;
	portion_reader_drop(portion);
	if (portion->view)
		portion->input->source->view_free(portion);
	buf_done(&portion->block);
	free(portion);
}

void portion_close(struct portion *portion)
{
	struct portion **spare;

	if (!portion)
		return;
	spare = &portion->input->spare[portion->lane];
	if (portion->block.cap > BLOCK_BYTES_KEPT)
		buf_done(&portion->block);
	if (*spare)
		portion_free(portion);
	else
		*spare = portion;
}

/* ---- marks ---- */

int portion_seek(struct portion *portion, int64_t mark, struct err *err)
{
	assert(!portion->begun);
	if (mark < portion->from)
		return err_set(err, ERR_INTERNAL, "%lld is before a portion that begins at %lld",
			       (long long)mark, (long long)portion->from);
	portion->seek = mark;
	return 0;
}

int64_t portion_mark(const struct portion *portion)
{
	if (!portion->begun)
		return MAX(portion->from, portion->seek);
	if (portion->input->source->records)
		return MAX(portion->from, portion->seek) + portion->records;
	return portion->offset + (int64_t)portion->at;
}

void portion_place(struct portion *portion, int64_t row_offset, struct portion_place *ret_place)
{
	*ret_place = (struct portion_place){.line = -1, .offset = row_offset};
	if (portion->input->source->place)
		portion->input->source->place(portion, row_offset, ret_place);
}

/* ---- blocks ---- */

static enum run_answer portion_begin(struct portion *portion, struct err *err)
{
	struct source_head head = {0};
	enum run_answer answer = portion->input->source->begin(portion, &head, err);

	if (answer != RUN_OK)
		return answer;
	portion->format = head.format;
	if (portion->reader_format != head.format)
		portion_reader_drop(portion);
	if (!portion->reader) {
		portion->reader = reader_new(head.format, portion->input->fields);
		portion->reader_format = head.format;
	}
	if (!portion->reader) {
		err_set(err, ERR_NO_MEMORY, "no memory for a reader of the input");
		return RUN_ERROR;
	}
	if (reader_begin(portion->reader, head.header, head.header_len, err))
		return RUN_ERROR;
	portion->begun = true;
	portion->cut_seen = portion->cut_end = portion->at;
	return RUN_OK;
}

/* More bytes behind those that were not given yet. */
static enum run_answer block_more(struct portion *portion, struct err *err)
{
	size_t before, room;
	enum run_answer answer;

	buf_drop_front(&portion->block, portion->at);
	portion->offset += (int64_t)portion->at;
	portion->cut_seen -= MIN(portion->at, portion->cut_seen);
	portion->cut_end -= MIN(portion->at, portion->cut_end);
	portion->at = 0;
	before = portion->block.len;
	room = MAX((size_t)INPUT_BLOCK_BYTES, before);
	if (before + room > BLOCK_BYTES_MAX)
		room = INPUT_BLOCK_BYTES;
	answer = portion->input->source->read(portion, room, err);
	if (answer == RUN_END)
		portion->over = true;
	return answer;
}

/* Goes over what stands before the mark, where that is possible without reading records. */
static void block_skip(struct portion *portion)
{
	int64_t skip = portion->seek - portion->offset;

	if (portion->seek < 0 || portion->input->source->records || skip <= (int64_t)portion->at ||
	    format_kind(portion->format) == FORMAT_JSON)
		return;
	portion->at = MIN((size_t)skip, portion->block.len);
	portion->cut_seen = MAX(portion->cut_seen, portion->at);
	portion->cut_end = MAX(portion->cut_end, portion->at);
}

/* Long ways to a mark are gone in steps.  RUN_LATER: enough for one. */
static enum run_answer skip_slice(struct portion *portion, int *skips)
{
	if (portion_mark(portion) >= portion->seek || ++*skips < SKIPS_PER_STEP)
		return RUN_OK;
	run_wake(portion->input->run, portion->lane);
	return RUN_LATER;
}

/* ---- rows ---- */

/* Rows before the mark, of a json text: only reading tells where records begin. */
static void rows_skip(const struct portion *portion, struct rows *rows)
{
	size_t skip = 0;

	if (portion->seek < 0 || portion->input->source->records)
		return;
	while (skip < rows->count && row_offset(rows, skip) < portion->seek)
		skip++;
	if (skip == 0)
		return;
	if (skip < rows->count)
		rows->offset = row_offset(rows, skip);
	rows->count -= skip;
	rows->row += skip;
	rows->values += skip * rows->width;
}

enum run_answer input_rows(struct portion *portion, struct rows *ret_rows, struct err *err)
{
	enum run_answer answer = portion->begun ? RUN_OK : portion_begin(portion, err);
	int skips = 0;

	while (answer == RUN_OK || answer == RUN_END) {
		const char *bytes = buf_text(&portion->block);
		size_t used;

		block_skip(portion);
		bytes += portion->at;
		if (reader_read(portion->reader, bytes, portion->block.len - portion->at,
				portion->over, ret_rows, &used, err))
			return RUN_ERROR;
		if (ret_rows->count > 0)
			ret_rows->offset = portion->offset +
					   (ret_rows->row[0].raw - buf_text(&portion->block));
		portion->at += used;
		portion->records += (int64_t)ret_rows->count;
		rows_skip(portion, ret_rows);
		if (ret_rows->count > 0)
			return RUN_OK;
		if (used > 0)
			continue;
		if (portion->over)
			return RUN_END;
		answer = skip_slice(portion, &skips);
		if (answer == RUN_OK)
			answer = block_more(portion, err);
	}
	return answer;
}

const struct format *portion_format(const struct portion *portion)
{
	return portion->format;
}

int input_row_json(struct portion *portion, const struct rows *rows, size_t i, struct buf *into)
{
	return reader_row_json(portion->reader, rows, i, into);
}

/* ---- bytes ---- */

/* How many bytes of the block are whole records. */
static size_t whole(struct portion *portion)
{
	size_t fresh = portion->block.len - portion->cut_seen, cut;

	if (portion->over)
		return portion->block.len;
	cut = fresh == 0 ? 0
			 : format_cut(portion->format, portion->block.data + portion->cut_seen,
				      fresh, &portion->cut);
	if (cut > 0)
		portion->cut_end = portion->cut_seen + cut;
	portion->cut_seen = portion->block.len;
	return portion->cut_end;
}

int64_t lines_count(const char *bytes, size_t len)
{
	const char *end = bytes + len;
	int64_t lines = 0;

	for (; bytes < end && (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
		lines++;
	return lines;
}

enum run_answer input_bytes(struct portion *portion, const char **ret_bytes, size_t *ret_len,
			    struct err *err)
{
	enum run_answer answer = portion->begun ? RUN_OK : portion_begin(portion, err);
	int skips = 0;

	if (answer == RUN_OK && !format_splits(portion->format)) {
		err_set(err, ERR_INVALID_SPEC,
			"the bytes of %s are asked for, but its records do not stand for "
			"themselves; ndjson has a record on each line",
			format_kind_name(format_kind(portion->format)));
		return RUN_ERROR;
	}
	while (answer == RUN_OK || answer == RUN_END) {
		size_t end;

		block_skip(portion);
		end = whole(portion);
		if (end > portion->at) {
			*ret_bytes = portion->block.data + portion->at;
			*ret_len = end - portion->at;
			portion->at = end;
			if (portion->input->source->records)
				portion->records += lines_count(*ret_bytes, *ret_len);
			return RUN_OK;
		}
		if (portion->over)
			return RUN_END;
		if (portion->block.len - portion->at > RECORD_BYTES_MAX) {
			err_set(err, ERR_LIMIT, "a record of more than %d bytes at offset %lld",
				RECORD_BYTES_MAX, (long long)portion_mark(portion));
			return RUN_ERROR;
		}
		answer = skip_slice(portion, &skips);
		if (answer == RUN_OK)
			answer = block_more(portion, err);
	}
	return answer;
}
