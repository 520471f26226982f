/* SPDX-License-Identifier: MIT */
/* reader_csv.c - rows of CSV.
 *
 * 64 bytes at a time become a word with a bit for each delimiter, line end and quote.  A row
 * without quotes whose fields are as many as the columns, and of their types, is read along
 * those bits: no byte of a text is looked at.  A row that is anything else is read again,
 * field by field (csv_fields.h), which finds what is wrong with it, if anything is.
 */
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "handlers/input/csv_columns.h"
#include "handlers/input/csv_fields.h"

#include <stdlib.h>

enum {
	NAME_SHOWN = 40,
	TEXT_SHOWN = 30,
	WHOLE_ENOUGH = 1024 * 1024, /* of rows as JSON, in one call */
	TEXTS_BYTES = 64 * 1024,
};

/* What became of a row. */
enum row_end {
	ROW_READ,
	ROW_ODD,       /* by the fast way only: it is to be read by the slow one */
	ROW_OPEN,      /* its end is not in the block */
	ROW_NEXT_CALL, /* there is no room for its texts in this one */
	ROW_NO_MEMORY,
};

/* ---- values ---- */

static const char *ends_cut(const char *text, size_t *len)
{
	const char *end = text + *len;

	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	while (text < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*len = (size_t)(end - text);
	return text;
}

static bool json_take(const struct column *column, const char *text, size_t len,
		      struct value *values)
{
	struct scan_mistake mistake;
	size_t scanned;

	text = ends_cut(text, &len);
	return scan_first(column->scanner, text, len, values, &scanned, &mistake) == 0 &&
	       scanned == len;
}

/* A text that is not what its column is. */
static bool odd_take(const struct reader *reader, const struct column *column, struct value *values)
{
	if (reader->format->type_error != TYPE_ERROR_NULL)
		return false;
	if (column->slot >= 0)
		values[column->slot] = (struct value){.kind = VALUE_NULL};
	return true;
}

static bool typed_take(const struct reader *reader, const struct column *column, const char *text,
		       size_t len, struct value *values)
{
	const struct format *format = reader->format;
	struct value value = {0};

	if (column->type == COLUMN_JSON && !csv_is_null(format, COLUMN_JSON, text, len))
		return json_take(column, text, len, values) || odd_take(reader, column, values);
	if (column->type == COLUMN_JSON)
		value.kind = VALUE_NULL;
	else if (!csv_value(format, column->type, text, len, &value))
		return odd_take(reader, column, values);
	if (column->slot >= 0)
		values[column->slot] = value;
	return true;
}

/* Puts the value of a column that is looked at where it belongs.  False: the text is not of
 * the column's type. */
static inline bool field_take(const struct reader *reader, const struct column *column,
			      const char *text, size_t len, struct value *values)
{
	struct value *value = values + column->slot;

	if (column->type != COLUMN_STRING || reader->format->said_nulls)
		return typed_take(reader, column, text, len, values);
	value->kind = VALUE_TEXT;
	value->form = TEXT_DECODED;
	value->at = text;
	value->len = len;
	return true;
}

/* ---- the fast way ---- */

static enum row_end row_fast(struct reader *reader, const char **at)
{
	struct csv_reader *csv = reader->csv;
	struct value *values = reader_row(reader, *at);
	const char *field = *at, *special;
	bool high = csv->index.high;
	size_t len;

	for (size_t i = 0; i < csv->count; i++) {
		const struct column *column = &csv->columns[i];

		special = csv_index_next(&csv->index, &high);
		if (!special)
			return ROW_OPEN;
		if (*special != csv->index.delimiter && (*special != '\n' || i + 1 < csv->count))
			return ROW_ODD;
		len = (size_t)(special - field);
		if (*special == '\n' && len > 0 && special[-1] == '\r')
			len--;
		if (column->looked_at && !field_take(reader, column, field, len, values))
			return ROW_ODD;
		field = special + 1;
	}
	if (csv->count == 0 || field[-1] != '\n')
		return ROW_ODD;
	len = (size_t)(field - 1 - *at);
	len -= len > 0 && field[-2] == '\r';
	if (high && utf8_good(*at, len) < len)
		return ROW_ODD;
	reader_newest(reader)->len = (uint32_t)MIN(len, (size_t)UINT32_MAX);
	*at = field;
	return ROW_READ;
}

/* ---- the slow way ---- */

/* A row as it was found to be. */
struct csv_row {
	const char *end, *next; /* of the row, and behind what ends it */
	size_t fields;
	const char *surplus; /* the first field that has no column */
	bool doubled;
	struct csv_mistake mistake;
};

static bool row_find(const struct reader *reader, const struct block *block, const char *at,
		     struct csv_row *ret_row)
{
	enum csv_after after = CSV_MORE;
	struct csv_field field;
	const char *end;

	*ret_row = (struct csv_row){.next = at};
	while (after == CSV_MORE) {
		if (ret_row->fields++ == reader->csv->count)
			ret_row->surplus = ret_row->next;
		after = csv_field_next(reader->format, block, &ret_row->next, &field,
				       &ret_row->mistake);
		ret_row->doubled |= field.doubled;
	}
	end = ret_row->next;
	end -= end > at && end[-1] == '\n';
	end -= end > at && end < ret_row->next && end[-1] == '\r';
	ret_row->end = end;
	return after == CSV_LAST;
}

/* Room for the texts of a row; nothing may point to those of others when it moves. */
static enum row_end texts_room(struct reader *reader, size_t len)
{
	struct csv_reader *csv = reader->csv;
	size_t max = MAX(len, (size_t)TEXTS_BYTES);
	char *texts;

	if (csv->texts_max - csv->texts_len >= len)
		return ROW_READ;
	if (reader->count > 0)
		return ROW_NEXT_CALL;
	texts = realloc(csv->texts, max);
	if (!texts)
		return ROW_NO_MEMORY;
	csv->texts = texts;
	csv->texts_max = max;
	return ROW_READ;
}

static void type_mistake(struct reader *reader, const struct column *column,
			 const struct csv_field *field, const char *text, size_t len)
{
	const struct row *row = reader_newest(reader);
	size_t shown = utf8_cut(text, len, TEXT_SHOWN);

	reader_mistake(reader, (size_t)(field->at - row->raw), "'%.*s%s' in %.*s is not %s",
		       (int)shown, text, shown < len ? "…" : "",
		       (int)utf8_cut(column->name.text, column->name.len, NAME_SHOWN),
		       column->name.text, column_type_words(column->type))
		->type = true;
}

/* The fields of a row without mistakes, but perhaps of the wrong types. */
static void fields_take(struct reader *reader, struct value *values)
{
	struct csv_reader *csv = reader->csv;
	const struct row *row = reader_newest(reader);
	struct block block = {.end = row->raw + row->len, .last = true};
	struct csv_mistake none = {0};
	struct csv_field field;
	const char *at = row->raw;

	for (size_t i = 0; i < csv->count; i++) {
		const struct column *column = &csv->columns[i];
		const char *text;
		size_t len;

		csv_field_next(reader->format, &block, &at, &field, &none);
		if (!column->looked_at)
			continue;
		text = field.at;
		len = field.len;
		if (field.doubled) {
			text = csv->texts + csv->texts_len;
			len = csv_field_text(reader->format, &field, csv->texts + csv->texts_len);
			csv->texts_len += len;
		}
		if (!field_take(reader, column, text, len, values)) {
			type_mistake(reader, column, &field, text, len);
			return;
		}
	}
}

static void fields_mistake(struct reader *reader, const struct csv_row *found)
{
	const char *at = found->surplus ? found->surplus : found->end;
	const struct row *row = reader_newest(reader);
	size_t count = reader->csv->count;

	reader_mistake(reader, (size_t)(at - row->raw), "expected %zu field%s but found %zu", count,
		       count == 1 ? "" : "s", found->fields);
}

static enum row_end row_slow(struct reader *reader, const struct block *block, const char **at)
{
	struct value *values;
	struct csv_row found;
	enum row_end end;
	struct row *row;

	if (!row_find(reader, block, *at, &found))
		return ROW_OPEN;
	end = found.doubled ? texts_room(reader, (size_t)(found.end - *at)) : ROW_READ;
	if (end != ROW_READ)
		return end;
	values = reader_row(reader, *at);
	row = reader_newest(reader);
	row->len = (uint32_t)MIN(found.end - *at, UINT32_MAX);
	*at = found.next;
	if (found.mistake.at)
		reader_mistake(reader, (size_t)(found.mistake.at - row->raw), "%s",
			       found.mistake.detail);
	else if (found.fields != reader->csv->count)
		fields_mistake(reader, &found);
	else if (reader_utf8(reader))
		fields_take(reader, values);
	return ROW_READ;
}

/* ---- rows ---- */

/* The newest row as JSON, for the empty path; where it is is known when all are there. */
static bool whole_add(struct reader *reader)
{
	struct buf *whole = &reader->csv->whole;
	const struct row *row = reader_newest(reader);
	size_t before = whole->len;
	struct value *value;

	if (reader->whole < 0 || row->mistake)
		return true;
	if (csv_row_json(reader, row, whole))
		return false;
	value = reader->values + (reader->count - 1) * reader->width + reader->whole;
	*value = (struct value){.kind = VALUE_OBJECT, .len = whole->len - before};
	value->integer = (int64_t)before;
	return true;
}

static void wholes_place(struct reader *reader)
{
	const char *text = buf_text(&reader->csv->whole);

	for (size_t i = 0; i < reader->count && reader->whole >= 0; i++) {
		struct value *value = reader->values + i * reader->width + reader->whole;

		if (value->kind == VALUE_OBJECT)
			value->at = text + value->integer;
	}
}

static enum row_end row_read(struct reader *reader, const struct block *block, const char **at)
{
	struct csv_index *index = &reader->csv->index;
	enum row_end end = row_fast(reader, at);

	if (end == ROW_READ)
		return whole_add(reader) ? ROW_READ : ROW_NO_MEMORY;
	reader->count--;
	if (end == ROW_OPEN && !block->last)
		return ROW_OPEN;
	end = row_slow(reader, block, at);
	if (end == ROW_READ && !whole_add(reader))
		return ROW_NO_MEMORY;
	csv_index_begin(index, *at, block->end);
	return end;
}

const char *csv_read(struct reader *reader, const struct block *block, struct err *err)
{
	const struct format *format = reader->format;
	struct csv_reader *csv = reader->csv;
	const char *at = block->at, *behind;
	enum row_end end = ROW_READ;
	bool high;

	csv->texts_len = 0;
	buf_clear(&csv->whole);
	csv->index.delimiter = format->delimiter;
	csv->index.quote = format->quotes ? format->quote : '\n';
	csv_index_begin(&csv->index, at, block->end);
	while (end == ROW_READ && at < block->end && !reader_full(reader) &&
	       csv->whole.len < WHOLE_ENOUGH) {
		behind = csv_blank(at, block->end);
		if (behind) {
			at = behind;
			csv_index_next(&csv->index, &high);
			continue;
		}
		end = row_read(reader, block, &at);
	}
	wholes_place(reader);
	if (end == ROW_NO_MEMORY)
		err_set(err, ERR_NO_MEMORY, "no memory for rows");
	return end == ROW_NO_MEMORY ? NULL : at;
}

/* ---- as JSON ---- */

static void field_json(struct reader *reader, const struct column *column, const char *text,
		       size_t len, struct buf *into)
{
	const struct format *format = reader->format;
	struct value value;

	if (column->type == COLUMN_STRING && !format->said_nulls) {
		json_quote(into, text, len);
	} else if (column->type == COLUMN_JSON && !csv_is_null(format, COLUMN_JSON, text, len)) {
		text = ends_cut(text, &len);
		buf_add(into, text, len);
	} else if (csv_value(format, column->type, text, len, &value)) {
		value_print(&value, into);
	} else {
		buf_add(into, "null", 4);
	}
}

int csv_row_json(struct reader *reader, const struct row *row, struct buf *into)
{
	struct csv_reader *csv = reader->csv;
	struct block block = {.end = row->raw + row->len, .last = true};
	struct csv_mistake none = {0};
	struct csv_field field;
	const char *at = row->raw;

	for (size_t i = 0; i < csv->count; i++) {
		const struct column *column = &csv->columns[i];
		char *room;

		csv_field_next(reader->format, &block, &at, &field, &none);
		buf_add(into, column->quoted.text, column->quoted.len);
		buf_clear(&csv->text);
		room = field.doubled ? buf_room(&csv->text, field.len) : NULL;
		if (field.doubled && !room)
			return -1;
		if (room) {
			field.len = csv_field_text(reader->format, &field, room);
			field.at = room;
		}
		field_json(reader, column, field.at, field.len, into);
	}
	buf_add_text(into, csv->count > 0 ? "}" : "{}");
	return buf_ok(into) ? 0 : -1;
}
