/* SPDX-License-Identifier: MIT */
/* reader.c - what all formats have in common, and the simple ones: JSON by lines, lines,
 * numbers.  json texts are reader_json.c's, CSV is reader_csv.c's.
 *
 * Of lines only whole ones are looked at: the last line end of a block is found first, and
 * then no byte of JSON is read twice, since a value's end is a line's end as a rule.
 */
#include "handlers/input/reader.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "handlers/input/reader_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BOM "\xEF\xBB\xBF"

enum { BOM_BYTES = 3, NUMBER_BYTES = 8 };

static size_t rows_for(unsigned width)
{
	size_t rows = ROWS_VALUES_MAX / MAX(width, 1);

	return MAX(MIN(rows, (size_t)ROWS_MAX), 1);
}

struct reader *reader_new(const struct format *format, const struct fields *fields)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	enum format_kind kind = format->kind;
	bool json = kind == FORMAT_NDJSON || kind == FORMAT_JSON;

	if (!reader)
		return NULL;
	reader->format = format;
	reader->fields = fields;
	reader->width = fields ? fields->count : 0;
	reader->whole = fields ? fields->root.index : -1;
	reader->rows_max = rows_for(reader->width);
	reader->row = calloc(reader->rows_max, sizeof(*reader->row));
	reader->values = calloc(reader->rows_max * MAX(reader->width, 1), sizeof(*reader->values));
	reader->mistakes = calloc(reader->rows_max, sizeof(*reader->mistakes));
	reader->scanner = json ? scanner_new(fields) : NULL;
	reader->csv = kind == FORMAT_CSV ? csv_reader_new() : NULL;
	if (!reader->row || !reader->values || !reader->mistakes || (json && !reader->scanner) ||
	    (kind == FORMAT_CSV && !reader->csv)) {
		reader_free(reader);
		return NULL;
	}
	if (kind == FORMAT_NDJSON)
		scanner_by_line(reader->scanner);
	return reader;
}

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	scanner_free(reader->scanner);
	csv_reader_free(reader->csv);
	free(reader->row);
	free(reader->values);
	free(reader->mistakes);
	free(reader);
}

int reader_header(const struct format *format, const char *head, size_t len, bool last,
		  size_t *ret_len, struct err *err)
{
	struct block block = {.at = head, .end = head + len, .last = last};
	size_t bom = MIN(len, (size_t)BOM_BYTES);

	*ret_len = 0;
	if (format->kind == FORMAT_F64 || format->kind == FORMAT_I64)
		return 0;
	if (len >= BOM_BYTES ? memcmp(head, BOM, BOM_BYTES) == 0 : !last && !memcmp(head, BOM, bom))
		block.at += bom;
	if (format->kind == FORMAT_CSV && csv_reader_header(format, &block, &block.at, err))
		return -1;
	*ret_len = (size_t)(block.at - head);
	return 0;
}

int reader_begin(struct reader *reader, const char *header, size_t header_len, struct err *err)
{
	bool bom = header_len >= BOM_BYTES && memcmp(header, BOM, BOM_BYTES) == 0;

	reader->offset = 0;
	reader->json = JSON_BEGIN;
	if (!reader->csv)
		return 0;
	if (bom)
		header += BOM_BYTES, header_len -= BOM_BYTES;
	return csv_reader_begin(reader, header, header_len, err);
}

/* ---- mistakes ---- */

struct row_mistake *reader_mistake(struct reader *reader, size_t offset, const char *fmt, ...)
{
	struct row *row = reader_newest(reader);
	struct row_mistake *mistake = &reader->mistakes[reader->mistake_count++];
	va_list args;

	memset(reader->values + (reader->count - 1) * reader->width, 0,
	       reader->width * sizeof(*reader->values));
	row->mistake = (uint32_t)reader->mistake_count;
	*mistake = (struct row_mistake){.offset = offset};
	va_start(args, fmt);
	vsnprintf(mistake->detail, sizeof(mistake->detail), fmt, args);
	va_end(args);
	return mistake;
}

bool reader_utf8(struct reader *reader)
{
	const struct row *row = reader_newest(reader);
	size_t good = utf8_good(row->raw, row->len);

	if (good < row->len)
		reader_mistake(reader, good, "byte 0x%02X is not UTF-8",
			       (unsigned char)row->raw[good]);
	return good == row->len;
}

/* ---- lines ---- */

/* Behind the last line that is whole. */
static const char *lines_end(const struct block *block)
{
	size_t len = (size_t)(block->end - block->at);
	const char *last = len > 0 && !block->last ? memrchr(block->at, '\n', len) : NULL;

	if (block->last)
		return block->end;
	return last ? last + 1 : block->at;
}

/* The end of the line at `at`, without what ends it; *ret_next: behind that. */
static const char *line_end(const char *at, const char *end, const char **ret_next)
{
	const char *feed = memchr(at, '\n', (size_t)(end - at));

	*ret_next = feed ? feed + 1 : end;
	if (!feed)
		return end;
	return feed > at && feed[-1] == '\r' ? feed - 1 : feed;
}

static const char *lines_read(struct reader *reader, const struct block *block)
{
	const char *at = block->at, *end = lines_end(block), *next;

	while (at < end && !reader_full(reader)) {
		struct value *values = reader_row(reader, at);
		struct row *row = reader_newest(reader);

		row->len = (uint32_t)MIN(line_end(at, end, &next) - at, UINT32_MAX);
		if (reader_utf8(reader) && reader->whole >= 0)
			values[reader->whole] = (struct value){.kind = VALUE_TEXT,
							       .form = TEXT_DECODED,
							       .at = row->raw,
							       .len = row->len};
		at = next;
	}
	return at;
}

/* ---- JSON by lines ---- */

/* A line that is no record; its row was begun. */
static const char *line_lost(struct reader *reader, const char *end,
			     const struct scan_mistake *mistake)
{
	struct row *row = reader_newest(reader);
	const char *next;

	row->len = (uint32_t)MIN(line_end(row->raw, end, &next) - row->raw, UINT32_MAX);
	reader_mistake(reader, mistake->offset, "%s", mistake->detail);
	return next;
}

static void behind_mistake(struct scan_mistake *mistake, const char *raw, const char *at)
{
	mistake->offset = (size_t)(at - raw);
	if ((unsigned char)*at > ' ' && (unsigned char)*at < 0x7F)
		snprintf(mistake->detail, sizeof(mistake->detail),
			 "expected the end of the line but found '%c'", *at);
	else
		snprintf(mistake->detail, sizeof(mistake->detail),
			 "expected the end of the line but found byte 0x%02X", (unsigned char)*at);
}

static const char *ndjson_read(struct reader *reader, const struct block *block)
{
	const char *at = block->at, *end = lines_end(block);
	struct scan_mistake mistake;
	struct value *values;
	const char *raw;
	size_t len;

	while (!reader_full(reader)) {
		raw = blanks_skip(at, end);
		at = raw;
		if (raw == end)
			break;
		values = reader_row(reader, raw);
		if (scan_first(reader->scanner, raw, (size_t)(end - raw), values, &len, &mistake)) {
			at = line_lost(reader, end, &mistake);
			continue;
		}
		reader_newest(reader)->len = (uint32_t)MIN(len, (size_t)UINT32_MAX);
		at = raw + len;
		while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
			at++;
		if (at < end && *at++ != '\n') {
			behind_mistake(&mistake, raw, at - 1);
			at = line_lost(reader, end, &mistake);
		}
	}
	return at;
}

/* ---- numbers ---- */

/* Little-endian, as the bytes of the machines that this runs on.  `ret` is written member by
 * member: a whole that is read back at once waits for its parts. */
static inline void number_take(enum format_kind kind, const char *at, struct value *ret)
{
	ret->kind = VALUE_INT;
	memcpy(&ret->integer, at, NUMBER_BYTES);
	if (kind == FORMAT_I64)
		return;
	memcpy(&ret->number, at, NUMBER_BYTES);
	ret->kind = isfinite(ret->number) ? VALUE_DOUBLE : VALUE_NULL;
}

static const char *numbers_read(struct reader *reader, const struct block *block)
{
	const char *at = block->at;

	for (; block->end - at >= NUMBER_BYTES && !reader_full(reader); at += NUMBER_BYTES) {
		struct value *values = reader_row(reader, at);

		reader_newest(reader)->len = NUMBER_BYTES;
		if (reader->whole >= 0)
			number_take(reader->format->kind, at, &values[reader->whole]);
	}
	if (!block->last || at == block->end || reader_full(reader))
		return at;
	reader_row(reader, at);
	reader_newest(reader)->len = (uint32_t)(block->end - at);
	reader_mistake(reader, 0, "%d bytes at the end are no number of %d", (int)(block->end - at),
		       NUMBER_BYTES);
	return block->end;
}

/* ---- reading ---- */

static const char *rows_read(struct reader *reader, const struct block *block, struct err *err)
{
	switch (reader->format->kind) {
	case FORMAT_NDJSON:
		return ndjson_read(reader, block);
	case FORMAT_JSON:
		return json_read(reader, block);
	case FORMAT_CSV:
		return csv_read(reader, block, err);
	case FORMAT_LINES:
		return lines_read(reader, block);
	default:
		return numbers_read(reader, block);
	}
}

static int too_long(const struct reader *reader, const char *raw, const char *block,
		    struct err *err)
{
	int64_t offset = reader->offset + (raw - block);

	return err_set(err, ERR_LIMIT, "the record at byte %lld is longer than %d MiB",
		       (long long)offset, RECORD_BYTES_MAX >> 20);
}

int reader_read(struct reader *reader, const char *block, size_t len, bool last,
		struct rows *ret_rows, size_t *ret_used, struct err *err)
{
	struct block given = {.at = block, .end = block + len, .last = last};
	const char *used;

	reader->count = 0;
	reader->mistake_count = 0;
	used = rows_read(reader, &given, err);
	if (!used)
		return -1;
	for (size_t i = 0; len > RECORD_BYTES_MAX && i < reader->count; i++)
		if (reader->row[i].len > RECORD_BYTES_MAX)
			return too_long(reader, reader->row[i].raw, block, err);
	if (reader->count == 0 && !last && given.end - used > RECORD_BYTES_MAX)
		return too_long(reader, used, block, err);
	*ret_rows = (struct rows){
		.count = reader->count,
		.width = reader->width,
		.row = reader->row,
		.values = reader->values,
		.mistakes = reader->mistakes,
		.offset = reader->offset + (reader->count > 0 ? reader->row[0].raw - block : 0),
	};
	*ret_used = (size_t)(used - block);
	reader->offset += (int64_t)*ret_used;
	return 0;
}

/* ---- rows as JSON ---- */

static int number_json(const struct reader *reader, const struct row *row, struct buf *into)
{
	struct value value = {0};

	number_take(reader->format->kind, row->raw, &value);
	return value_print(&value, into);
}

int reader_row_json(struct reader *reader, const struct rows *rows, size_t i, struct buf *into)
{
	const struct row *row = &rows->row[i];

	switch (reader->format->kind) {
	case FORMAT_NDJSON:
	case FORMAT_JSON:
		return buf_add(into, row->raw, row->len);
	case FORMAT_CSV:
		return csv_row_json(reader, row, into);
	case FORMAT_LINES:
		json_quote(into, row->raw, row->len);
		return buf_ok(into) ? 0 : -1;
	default:
		return number_json(reader, row, into);
	}
}
