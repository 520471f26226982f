/* SPDX-License-Identifier: MIT */
/* csv_columns.c - headers read and checked, and what is known of each column. */
#include "handlers/input/csv_columns.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/utf8.h"
#include "handlers/input/csv_fields.h"

#include <stdlib.h>

enum { COLUMNS_BYTES_MAX = 16 * 1024 * 1024, NAME_SHOWN = 40 };
/* One row more than is enough: each byte of a text may become six, and each field has a name. */
#define WHOLE_BYTES_MAX (SIZE_MAX / 2)

struct csv_reader *csv_reader_new(void)
{
	struct csv_reader *csv = calloc(1, sizeof(*csv));

	if (!csv)
		return NULL;
	arena_init(&csv->arena, COLUMNS_BYTES_MAX);
	buf_init(&csv->header, RECORD_BYTES_MAX);
	csv->check = scanner_new(NULL);
	buf_init(&csv->whole, WHOLE_BYTES_MAX);
	buf_init(&csv->text, RECORD_BYTES_MAX);
	if (!csv->check) {
		csv_reader_free(csv);
		return NULL;
	}
	return csv;
}

static void columns_drop(struct csv_reader *csv)
{
	for (size_t i = 0; i < csv->count; i++)
		scanner_free(csv->columns[i].scanner);
	csv->count = 0;
	csv->begun = false;
	arena_clear(&csv->arena);
}

void csv_reader_free(struct csv_reader *csv)
{
	if (!csv)
		return;
	columns_drop(csv);
	scanner_free(csv->check);
	arena_done(&csv->arena);
	buf_done(&csv->header);
	buf_done(&csv->whole);
	buf_done(&csv->text);
	free(csv->texts);
	free(csv);
}

/* ---- columns ---- */

static const char *lines_skip(const char *at, const char *end)
{
	const char *next;

	while ((next = csv_blank(at, end)))
		at = next;
	return at;
}

/* The names of a header, decoded, in the arena.  NULL and *err. */
static struct field_name *names_read(const struct format *format, const char *at, const char *end,
				     struct arena *arena, size_t *ret_count, struct err *err)
{
	struct field_name *names = arena_array(arena, CSV_COLUMNS_MAX, sizeof(*names));
	struct block block = {.end = end, .last = true};
	enum csv_after after = CSV_MORE;
	struct csv_mistake mistake = {0};
	struct csv_field field;
	char *text;

	for (*ret_count = 0; after == CSV_MORE && names; (*ret_count)++) {
		if (*ret_count == CSV_COLUMNS_MAX) {
			err_set(err, ERR_LIMIT, "the header has more than %d columns",
				CSV_COLUMNS_MAX);
			return NULL;
		}
		after = csv_field_next(format, &block, &at, &field, &mistake);
		text = arena_copy(arena, field.at, field.len);
		if (!text)
			break;
		if (field.doubled)
			field.len = csv_field_text(format, &field, text);
		names[*ret_count] = (struct field_name){text, field.len};
	}
	if (arena_failed(arena))
		err_set(err, ERR_NO_MEMORY, "no memory for the columns");
	else if (mistake.at)
		err_set(err, ERR_INVALID_SPEC, "the header: %s", mistake.detail);
	return arena_failed(arena) || mistake.at ? NULL : names;
}

/* One alone, as lines once ended: then the whole file would be the header. */
static bool has_return(const struct field_name *name)
{
	const char *end = name->text + name->len, *at = name->text;

	while ((at = memchr(at, '\r', (size_t)(end - at))))
		if (++at == end || *at != '\n')
			return true;
	return false;
}

static int names_check(const struct field_name *names, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = utf8_cut(names[i].text, names[i].len, NAME_SHOWN);

		if (names[i].len == 0)
			return err_set(err, ERR_INVALID_SPEC,
				       "column %zu of the header has no name", i + 1);
		if (utf8_good(names[i].text, names[i].len) < names[i].len)
			return err_set(err, ERR_INVALID_SPEC,
				       "the name of column %zu of the header is not UTF-8", i + 1);
		if (has_return(&names[i]))
			return err_set(err, ERR_INVALID_SPEC,
				       "column %zu of the header has a carriage return: lines end "
				       "with LF or CRLF",
				       i + 1);
		for (size_t j = 0; j < i; j++)
			if (names[j].len == names[i].len &&
			    memcmp(names[j].text, names[i].text, names[i].len) == 0)
				return err_set(err, ERR_INVALID_SPEC,
					       "columns %zu and %zu of the header are both '%.*s'",
					       j + 1, i + 1, (int)len, names[i].text);
	}
	return 0;
}

/* Are the columns that have a type among these? */
static int types_check(const struct format *format, const struct field_name *names, size_t count,
		       struct arena *arena, struct err *err)
{
	const char **texts = arena_array(arena, count + 1, sizeof(*texts));
	const char *near;

	if (!texts)
		return err_set(err, ERR_NO_MEMORY, "no memory for the columns");
	for (size_t i = 0; i < count; i++)
		texts[i] = names[i].text;
	for (size_t i = 0; i < format->type_count; i++) {
		const struct field_name *name = &format->types[i].name;
		bool known = false;

		for (size_t j = 0; j < count && !known; j++)
			known = names[j].len == name->len &&
				memcmp(names[j].text, name->text, name->len) == 0;
		if (known)
			continue;
		near = nearest_name(name->text, texts);
		return err_set(err, ERR_INVALID_SPEC,
			       "types names '%.*s', which is no column%s%.*s%s", NAME_SHOWN,
			       name->text, near ? ": did you mean '" : "", NAME_SHOWN,
			       near ? near : "", near ? "'?" : "");
	}
	return 0;
}

int csv_reader_header(const struct format *format, const struct block *block, const char **ret_end,
		      struct err *err)
{
	struct arena arena = ARENA(COLUMNS_BYTES_MAX);
	const char *start = lines_skip(block->at, block->end), *at = start;
	enum csv_after after = CSV_MORE;
	struct csv_mistake mistake = {0};
	struct csv_field field;
	struct field_name *names;
	size_t count;
	int rc = -1;

	if (!format->header || (start == block->end && block->last))
		return 0;
	while (after == CSV_MORE)
		after = csv_field_next(format, block, &at, &field, &mistake);
	if (after == CSV_OPEN)
		return err_set(err, ERR_LIMIT, "the header does not end within %zu bytes",
			       (size_t)(block->end - block->at));
	*ret_end = at;
	names = names_read(format, start, at, &arena, &count, err);
	if (names && format->columns && count != format->column_count)
		err_set(err, ERR_INVALID_SPEC, "the header has %zu columns, but columns names %zu",
			count, format->column_count);
	else if (names && (format->columns || !names_check(names, count, err)))
		rc = format->columns ? 0 : types_check(format, names, count, &arena, err);
	arena_done(&arena);
	return rc;
}

/* What the column's name, or the path that it is with its dots, leads to; NULL: nobody wants
 * it. */
static const struct field_node *column_node(const struct fields *fields,
					    const struct field_name *name)
{
	const struct field_node *node = &fields->root;
	const char *at = name->text, *end = at + name->len, *dot;
	const struct field_node *whole = field_child(node, at, name->len);

	if (whole)
		return whole;
	while (node && at <= end) {
		dot = memchr(at, '.', (size_t)(end - at));
		dot = dot ? dot : end;
		node = field_child(node, at, (size_t)(dot - at));
		at = dot + 1;
	}
	return node;
}

static bool column_quote(struct csv_reader *csv, struct csv_column *column, bool first)
{
	struct buf quoted = BUF(RECORD_BYTES_MAX);

	buf_add_byte(&quoted, first ? '{' : ',');
	json_quote(&quoted, column->name.text, column->name.len);
	buf_add_byte(&quoted, ':');
	column->quoted.text =
		buf_ok(&quoted) ? arena_copy(&csv->arena, quoted.data, quoted.len) : NULL;
	column->quoted.len = quoted.len;
	buf_done(&quoted);
	return column->quoted.text != NULL;
}

static enum column_way column_way_of(const struct format *format, const struct csv_column *column)
{
	bool wanted = column->slot >= 0;

	if (column->type == COLUMN_JSON)
		return COLUMN_AS_TYPED;
	if (!wanted && (column->type == COLUMN_STRING || column->type == COLUMN_INFER))
		return COLUMN_PASSED;
	if (!wanted || format->said_nulls)
		return COLUMN_AS_TYPED;
	if (column->type == COLUMN_STRING)
		return COLUMN_AS_TEXT;
	return column->type == COLUMN_NUMBER ? COLUMN_AS_NUMBER : COLUMN_AS_TYPED;
}

static bool column_begin(struct reader *reader, struct csv_column *column,
			 const struct field_name *name)
{
	const struct field_node *node = reader->fields ? column_node(reader->fields, name) : NULL;

	column->name = *name;
	column->type = column_type_of(reader->format, name->text, name->len);
	column->slot = node ? node->index : -1;
	column->way = column_way_of(reader->format, column);
	if (column->type == COLUMN_JSON) {
		if (node)
			column->inside = (struct fields){.root = *node, .count = reader->width};
		column->scanner = scanner_new(node ? &column->inside : NULL);
	}
	return column_quote(reader->csv, column, column == reader->csv->columns) &&
	       (column->type != COLUMN_JSON || column->scanner);
}

int csv_reader_begin(struct reader *reader, const char *header, size_t len, struct err *err)
{
	const struct format *format = reader->format;
	struct csv_reader *csv = reader->csv;
	const struct field_name *names = format->columns;
	size_t count = format->column_count, set = reader->whole >= 0;

	if (csv->begun && csv->header.len == len &&
	    (len == 0 || !memcmp(csv->header.data, header, len)))
		return 0;
	columns_drop(csv);
	buf_clear(&csv->header);
	buf_add(&csv->header, header, len);
	if (!names && len > 0) {
		names = names_read(format, lines_skip(header, header + len), header + len,
				   &csv->arena, &count, err);
		if (!names)
			return -1;
	}
	csv->columns = arena_array(&csv->arena, count, sizeof(*csv->columns));
	for (size_t i = 0; names && i < count && !arena_failed(&csv->arena); i++) {
		csv->count = i + 1;
		if (!column_begin(reader, &csv->columns[i], &names[i]))
			return err_set(err, ERR_NO_MEMORY, "no memory for the columns");
		set += csv->columns[i].slot >= 0;
	}
	csv->complete = set == reader->width;
	if (arena_failed(&csv->arena) || !buf_ok(&csv->header))
		return err_set(err, ERR_NO_MEMORY, "no memory for the columns");
	csv->begun = true;
	return 0;
}
