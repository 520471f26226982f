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

static void row_write(struct reader *reader, const struct rows *rows, size_t i, struct buf *into)
{
	const struct row *row = &rows->row[i];
	const struct row_mistake *mistake = row->mistake ? &rows->mistakes[row->mistake - 1] : NULL;

	buf_printf(into, "@%lld ", (long long)row_offset(rows, i));
	if (mistake) {
		buf_printf(into, "+%zu%s %s\n", mistake->offset, mistake->type ? "t" : "",
			   mistake->detail);
		return;
	}
	reader_row_json(reader, rows, i, into);
	for (unsigned v = 0; v < rows->width; v++) {
		buf_add_text(into, " | ");
		if (row_values(rows, i)[v].kind == VALUE_MISSING)
			buf_add_text(into, "-");
		else
			value_print(&row_values(rows, i)[v], into);
	}
	buf_add_byte(into, '\n');
}

/* What the caller of a reader does. */
static int rows_write(struct reader *reader, const char *text, size_t len, size_t step,
		      struct buf *into, struct err *err)
{
	size_t given = step && step < len ? step : len, used;
	struct rows rows;

	for (;;) {
		bool last = given == len;
		/* its own memory: what is read beyond it is found */
		char *block = malloc(given ? given : 1);

		if (given)
			memcpy(block, text, given);
		if (reader_read(reader, block, given, last, &rows, &used, err)) {
			free(block);
			return -1;
		}
		for (size_t i = 0; i < rows.count; i++)
			row_write(reader, &rows, i, into);
		free(block);
		if (last && rows.count == 0)
			return used == given ? 0 : err_set(err, ERR_INTERNAL, "bytes are left");
		text += used;
		len -= used;
		given = used > 0 || !step ? MIN(step ? step : len, len) : MIN(given + step, len);
	}
}

char *input_read(const char *spec, const char *const *paths, const char *text, size_t len,
		 size_t step)
{
	struct buf into = BUF(READ_BYTES_MAX);
	struct format *format = format_must(spec);
	struct fields fields;
	struct reader *reader;
	struct err err = {0};
	unsigned index;
	size_t header;

	fields_init(&fields);
	for (; paths && *paths; paths++)
		if (fields_add_path(&fields, *paths, &index, &err))
			die(err.detail);
	reader = reader_new(format, fields.count > 0 ? &fields : NULL);
	if (!reader)
		die("no memory");
	if (reader_header(format, text, len, true, &header, &err) ||
	    reader_begin(reader, text, header, &err) ||
	    rows_write(reader, text + header, len - header, step, &into, &err))
		buf_printf(&into, "error: %s\n", err.detail);
	reader_free(reader);
	fields_done(&fields);
	format_free(format);
	return buf_take(&into, NULL);
}
