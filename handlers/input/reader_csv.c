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
#include "base/record/number_short.h"
#include "base/utf8.h"
#include "handlers/input/csv_columns.h"
#include "handlers/input/csv_fields.h"
#include "handlers/input/csv_index.h"

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
	ROW_NEXT_CALL, /* there is no room for its texts, or for more, in this one */
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

/* May the text be taken for JSON?  Where others are mistakes a scan tells them anyway. */
static bool json_good(const struct reader *reader, const char *text, size_t len)
{
	struct scan_mistake mistake;

	return reader->format->type_error != TYPE_ERROR_NULL ||
	       scan(reader->csv->check, text, len, NULL, &mistake) == 0;
}

static bool json_take(const struct reader *reader, const struct csv_column *column,
		      const char *text, size_t len, struct value *values)
{
	struct scan_mistake mistake;
	size_t scanned;

	text = ends_cut(text, &len);
	return json_good(reader, text, len) &&
	       scan_first(column->scanner, text, len, values, &scanned, &mistake) == 0 &&
	       scanned == len;
}

/* A text that is not what its column is. */
static bool odd_take(const struct reader *reader, const struct csv_column *column,
		     struct value *values)
{
	if (reader->format->type_error != TYPE_ERROR_NULL)
		return false;
	if (column->slot >= 0)
		values[column->slot] = (struct value){.kind = VALUE_NULL};
	return true;
}

static bool typed_take(const struct reader *reader, const struct csv_column *column,
		       const char *text, size_t len, struct value *values)
{
	const struct format *format = reader->format;
	struct value value = {0};

	if (column->type == COLUMN_JSON && !csv_is_null(format, COLUMN_JSON, text, len))
		return json_take(reader, column, text, len, values) ||
		       odd_take(reader, column, values);
	if (column->type == COLUMN_JSON)
		value.kind = VALUE_NULL;
	else if (!csv_value(format, column->type, text, len, &value))
		return odd_take(reader, column, values);
	if (column->slot >= 0)
		values[column->slot] = value;
	return true;
}

static inline void text_take(const struct csv_column *column, const char *text, size_t len,
			     struct value *values)
{
	struct value *value = values + column->slot;

	value->kind = VALUE_TEXT;
	value->form = TEXT_DECODED;
	value->at = text;
	value->len = len;
}

/* ---- the fast way ---- */

/* Puts the value of a field where it belongs.  False: the text is not of the column's type. */
static inline bool field_fast(const struct reader *reader, const struct csv_column *column,
			      const char *text, const char *end, const char *block_end,
			      struct value *values)
{
	size_t len = (size_t)(end - text);

	switch (column->way) {
	case COLUMN_PASSED:
		return true;
	case COLUMN_AS_TEXT:
		text_take(column, text, len, values);
		return true;
	case COLUMN_AS_NUMBER:
		if (block_end - text >= VALUE_SHORT_BYTES &&
		    value_number_short(text, len, values + column->slot))
			return true;
		break;
	case COLUMN_AS_TYPED:
		break;
	}
	return typed_take(reader, column, text, len, values);
}

static inline enum row_end row_fast(struct reader *reader, struct csv_index *index, const char **at)
{
	const struct csv_reader *csv = reader->csv;
	const struct csv_column *column = csv->columns, *last = column + csv->count - 1;
	struct value *values = reader->values + reader->count * reader->width;
	const char *field = *at, *special, *end;
	bool high = index->high;

	if (!csv->complete)
		memset(values, 0, reader->width * sizeof(*values));
	for (; column < last; column++, field = special + 1) {
		special = csv_index_next(index, &high);
		if (!special)
			return ROW_OPEN;
		if (*special != index->delimiter ||
		    !field_fast(reader, column, field, special, index->end, values))
			return ROW_ODD;
	}
	special = csv_index_next(index, &high);
	if (!special)
		return ROW_OPEN;
	end = special - (special > field && special[-1] == '\r');
	if (*special != '\n' || column > last ||
	    !field_fast(reader, column, field, end, index->end, values) ||
	    (high && utf8_good(*at, (size_t)(end - *at)) < (size_t)(end - *at)))
		return ROW_ODD;
	reader->row[reader->count++] =
		(struct row){.raw = *at, .len = (uint32_t)MIN(end - *at, UINT32_MAX)};
	*at = special + 1;
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

static void type_mistake(struct reader *reader, const struct csv_column *column,
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
		const struct csv_column *column = &csv->columns[i];
		const char *text;
		size_t len;

		csv_field_next(reader->format, &block, &at, &field, &none);
		if (column->way == COLUMN_PASSED)
			continue;
		text = field.at;
		len = field.len;
		if (field.doubled) {
			text = csv->texts + csv->texts_len;
			len = csv_field_text(reader->format, &field, csv->texts + csv->texts_len);
			csv->texts_len += len;
		}
		if (column->way == COLUMN_AS_TEXT) {
			text_take(column, text, len, values);
		} else if (!typed_take(reader, column, text, len, values)) {
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
static enum row_end whole_add(struct reader *reader)
{
	struct buf *whole = &reader->csv->whole;
	const struct row *row = reader_newest(reader);
	size_t before = whole->len;
	struct value *value;

	if (row->mistake)
		return ROW_READ;
	if (csv_row_json(reader, row, whole))
		return ROW_NO_MEMORY;
	value = reader->values + (reader->count - 1) * reader->width + reader->whole;
	*value = (struct value){.kind = VALUE_OBJECT, .len = whole->len - before};
	value->integer = (int64_t)before;
	return whole->len < WHOLE_ENOUGH ? ROW_READ : ROW_NEXT_CALL;
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

/* A row that the fast way could not read. */
static enum row_end row_odd(struct reader *reader, const struct block *block,
			    struct csv_index *index, const char **at)
{
	enum row_end end = row_slow(reader, block, at);

	if (end == ROW_READ)
		csv_index_skip(index, *at);
	return end;
}

/* Where it has come to; *ret_end: why it did not go on. */
static const char *csv_rows_read(struct reader *reader, const struct block *block,
				 struct csv_index *index, enum row_end *ret_end)
{
	enum row_end end = ROW_READ;
	const char *at = block->at, *behind;
	bool high = false; /* of blank lines nobody asks */

	csv_index_begin(index, at, block->end);
	while (end == ROW_READ && at < block->end && !reader_full(reader)) {
		behind = *at <= '\r' ? csv_blank(at, block->end) : NULL;
		if (behind) {
			at = behind;
			csv_index_next(index, &high);
			continue;
		}
		end = row_fast(reader, index, &at);
		if (end == ROW_ODD || (end == ROW_OPEN && block->last))
			end = row_odd(reader, block, index, &at);
		if (reader->whole >= 0 && end == ROW_READ)
			end = whole_add(reader);
	}
	*ret_end = end;
	return at;
}

const char *csv_read(struct reader *reader, const struct block *block, struct err *err)
{
	const struct format *format = reader->format;
	struct csv_index index = {.delimiter = format->delimiter,
				  .quote = format->quotes ? format->quote : '\n'};
	enum row_end end = ROW_READ;
	const char *at;

	reader->csv->texts_len = 0;
	buf_clear(&reader->csv->whole);
	at = csv_rows_read(reader, block, &index, &end);
	wholes_place(reader);
	if (end == ROW_NO_MEMORY)
		err_set(err, ERR_NO_MEMORY, "no memory for rows");
	return end == ROW_NO_MEMORY ? NULL : at;
}

/* ---- as JSON ---- */

static void field_json(struct reader *reader, const struct csv_column *column, const char *text,
		       size_t len, struct buf *into)
{
	const struct format *format = reader->format;
	struct value value;

	if (column->type == COLUMN_STRING && !format->said_nulls) {
		json_quote(into, text, len);
	} else if (column->type == COLUMN_JSON && !csv_is_null(format, COLUMN_JSON, text, len)) {
		text = ends_cut(text, &len);
		if (json_good(reader, text, len))
			buf_add(into, text, len);
		else
			buf_add(into, "null", 4);
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
		const struct csv_column *column = &csv->columns[i];
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
