/* SPDX-License-Identifier: MIT */
#include "tests/lib/reading.h"

#include "base/record/fields.h"
#include "handlers/input/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES_MAX = 64 * 1024 * 1024 };

static void die(const char *why)
{
	fprintf(stderr, "reading: %s\n", why);
	abort();
}

struct format *format_from(const char *spec, struct mistakes *mistakes)
{
	static const struct param params[] = {FORMAT_PARAMS, {0}};
	struct format *format = NULL;
	struct json_place place;
	struct json *json;
	struct err err;

	if (json_parse(spec, strlen(spec), &json, &place, &err))
		die(err.detail);
	if (spec_check(params, json, "/spec/input", mistakes) == 0)
		format = format_new(json, "/spec/input", mistakes);
	json_free(json);
	return format;
}

static struct format *format_must(const char *spec)
{
	struct mistakes mistakes;
	struct format *format;

	mistakes_init(&mistakes);
	format = format_from(spec, &mistakes);
	if (!format)
		die(mistakes.first ? mistakes.first->detail : "no memory");
	mistakes_done(&mistakes);
	return format;
}

/* A reader and what it writes. */
struct reading {
	struct format *format;
	struct fields fields;
	struct reader *reader;
	const char *text;
	size_t len, header;
	struct buf into;
	struct err err;
};

static void reading_begin(struct reading *reading, const char *spec, const char *const *paths)
{
	unsigned index;

	reading->format = format_must(spec);
	reading->into = BUF(READ_BYTES_MAX);
	fields_init(&reading->fields);
	for (; paths && *paths; paths++)
		if (fields_add_path(&reading->fields, *paths, &index, &reading->err))
			die(reading->err.detail);
	reading->reader =
		reader_new(reading->format, reading->fields.count > 0 ? &reading->fields : NULL);
	if (!reading->reader)
		die("no memory");
}

static char *reading_end(struct reading *reading)
{
	if (reading->err.code != ERR_NONE)
		buf_printf(&reading->into, "error: %s\n", reading->err.detail);
	reader_free(reading->reader);
	fields_done(&reading->fields);
	format_free(reading->format);
	buf_add(&reading->into, "", 0);
	return buf_take(&reading->into, NULL);
}

static void row_write(struct reading *reading, const struct rows *rows, size_t i, size_t offset)
{
	const struct row *row = &rows->row[i];
	const struct row_mistake *mistake = row->mistake ? &rows->mistakes[row->mistake - 1] : NULL;
	struct buf *into = &reading->into;

	buf_printf(into, "@%lld ", (long long)row_offset(rows, i) + (long long)offset);
	if (mistake) {
		buf_printf(into, "+%zu%s %s\n", mistake->offset, mistake->type ? "t" : "",
			   mistake->detail);
		return;
	}
	reader_row_json(reading->reader, rows, i, into);
	for (unsigned v = 0; v < rows->width; v++) {
		buf_add_text(into, " | ");
		if (row_values(rows, i)[v].kind == VALUE_MISSING)
			buf_add_text(into, "-");
		else
			value_print(&row_values(rows, i)[v], into);
	}
	buf_add_byte(into, '\n');
}

/* Reads bytes from `at` on as their caller does; 0, or -1 and reading->err. */
static int portion_read(struct reading *reading, size_t at, size_t end, size_t step)
{
	size_t start = at, given = step ? MIN(step, end - at) : end - at, used;
	struct rows rows;
	int rc = 0;

	if (reader_begin(reading->reader, reading->text, reading->header, &reading->err))
		return -1;
	for (;;) {
		bool last = at + given == end;
		/* its own memory: what is read beyond it is found */
		char *block = malloc(MAX(given, 1));

		if (given > 0)
			memcpy(block, reading->text + at, given);
		rc = reader_read(reading->reader, block, given, last, &rows, &used, &reading->err);
		for (size_t i = 0; i < rows.count && rc == 0; i++)
			row_write(reading, &rows, i, start - reading->header);
		free(block);
		if (rc || (last && rows.count == 0))
			break;
		at += used;
		given = MIN(used > 0 || !step ? (step ? step : end - at) : given + step, end - at);
	}
	if (rc == 0 && at + used != end)
		return err_set(&reading->err, ERR_INTERNAL, "bytes are left");
	return rc;
}

char *input_read(const char *spec, const char *const *paths, const char *text, size_t len,
		 size_t step)
{
	struct reading reading = {.text = text, .len = len};

	reading_begin(&reading, spec, paths);
	if (reader_header(reading.format, text, len, true, &reading.header, &reading.err) == 0)
		portion_read(&reading, reading.header, len, step);
	return reading_end(&reading);
}

char *input_read_cut(const char *spec, const char *const *paths, const char *text, size_t len,
		     size_t piece)
{
	struct reading reading = {.text = text, .len = len};
	struct cut cut = {0};
	size_t start, at, next;
	int rc;

	reading_begin(&reading, spec, paths);
	rc = reader_header(reading.format, text, len, true, &reading.header, &reading.err);
	for (start = at = reading.header; at < len && rc == 0; at += MIN(piece, len - at)) {
		next = at + format_cut(reading.format, text + at, MIN(piece, len - at), &cut);
		if (next == at)
			continue;
		rc = portion_read(&reading, start, next, 0);
		start = next;
	}
	if (rc == 0)
		portion_read(&reading, start, len, 0);
	return reading_end(&reading);
}
