/* SPDX-License-Identifier: MIT */
/* csv.c - items flattened, names kept in the order in which they were found.
 *
 * An item's members mostly come in the order of the columns, so the column after the
 * last one found is looked at first.
 */
#include "base/record/csv.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/record/walk.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES_MAX = 1024 };

struct csv {
	char *columns[CSV_COLUMNS_MAX];
	struct value cells[CSV_COLUMNS_MAX]; /* of one row */
	size_t count;
	char delimiter;
	bool named;	   /* asked for by name */
	bool strict;	   /* a row without a place for a member is wrong */
	bool missing;	   /* the last row was */
	struct buf missed; /* the name of the member */
	struct buf path;   /* of the member that is looked at */
	struct buf other;  /* members without a column: an object, but its brackets */
	struct buf text;   /* scratch */
};

static bool column_add(struct csv *csv, const char *name, size_t len)
{
	char *copy = csv->count < CSV_COLUMNS_MAX ? strndup(name, len) : NULL;

	if (copy)
		csv->columns[csv->count++] = copy;
	return copy != NULL;
}

static bool column_known(const struct csv *csv, const char *name, size_t len)
{
	for (size_t i = 0; i < csv->count; i++)
		if (strlen(csv->columns[i]) == len && memcmp(csv->columns[i], name, len) == 0)
			return true;
	return false;
}

static struct csv *csv_make(char delimiter, struct err *err)
{
	struct csv *csv = calloc(1, sizeof(*csv));

	if (!csv) {
		err_set(err, ERR_NO_MEMORY, "no memory for rows");
		return NULL;
	}
	csv->delimiter = delimiter;
	buf_init(&csv->path, PATH_BYTES_MAX);
	buf_init(&csv->missed, PATH_BYTES_MAX);
	buf_init(&csv->other, ITEM_BYTES_MAX);
	buf_init(&csv->text, ITEM_BYTES_MAX + 2); /* `other` in its brackets */
	return csv;
}

static int column_name(struct csv *csv, const char *name, size_t len, struct err *err)
{
	csv->named = true;
	if (len > 0 && !column_known(csv, name, len) && column_add(csv, name, len))
		return 0;
	return err_set(err, ERR_BAD_PARAMETER, "columns are 1 to %d names, each once",
		       CSV_COLUMNS_MAX);
}

struct csv *csv_new(const char *columns, struct err *err)
{
	struct csv *csv = csv_make(',', err);

	while (csv && columns && (*columns || csv->count == 0)) {
		size_t len = strcspn(columns, ",");

		if (column_name(csv, columns, len, err)) {
			csv_free(csv);
			return NULL;
		}
		columns += len + (columns[len] == ',');
	}
	return csv;
}

struct csv *csv_new_strict(char delimiter, const char *const *columns, struct err *err)
{
	struct csv *csv = csv_make(delimiter, err);

	if (csv)
		csv->strict = true;
	for (; csv && columns && *columns; columns++) {
		if (column_name(csv, *columns, strlen(*columns), err)) {
			csv_free(csv);
			return NULL;
		}
	}
	return csv;
}

void csv_free(struct csv *csv)
{
	if (!csv)
		return;
	for (size_t i = 0; i < csv->count; i++)
		free(csv->columns[i]);
	buf_done(&csv->path);
	buf_done(&csv->missed);
	buf_done(&csv->other);
	buf_done(&csv->text);
	free(csv);
}

/* ---- flattening ---- */

/* Goes on by one name.  False: it was cut, and what it names is not gone into, so that no
 * item costs more than its bytes times this. */
static bool path_add(struct csv *csv, const char *name, size_t len)
{
	size_t room = PATH_BYTES_MAX - csv->path.len;
	bool fits = len <= room;

	if (!fits)
		for (len = room; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80;)
			len--; /* whole characters */
	buf_add(&csv->path, name, len);
	return fits;
}

typedef void leaf_fn(struct csv *csv, size_t *hint, const struct value *leaf);

/* Calls leaf() with the path in csv->path for each member that is no object, or an empty
 * one, or too deep.  Nothing recurses: an item may be as deep as it likes. */
static void leaves_walk(struct csv *csv, const char *item, size_t len, leaf_fn *leaf)
{
	struct walk walks[JSON_DEPTH_MAX];
	size_t ends[JSON_DEPTH_MAX]; /* of the path, before the member of that level */
	struct value root, name, child;
	size_t hint = 0;
	int depth = 0;

	value_read(item, len, &root);
	ends[0] = 0;
	buf_clear(&csv->path);
	if (root.kind != VALUE_OBJECT) {
		buf_add_text(&csv->path, "value");
		leaf(csv, &hint, &root);
		return;
	}
	walk_begin(&walks[0], &root);
	while (depth >= 0) {
		const char *text;
		size_t text_len;
		bool fits;

		buf_cut(&csv->path, ends[depth]);
		if (!walk_next(&walks[depth], &name, &child)) {
			depth--;
			continue;
		}
		buf_clear(&csv->text);
		text = value_text(&name, &csv->text, &text_len);
		if (!text)
			continue; /* no memory */
		if (depth > 0)
			path_add(csv, ".", 1);
		fits = path_add(csv, text, text_len);
		if (fits && child.kind == VALUE_OBJECT && child.len > 2 &&
		    depth + 1 < JSON_DEPTH_MAX) {
			depth++;
			walk_begin(&walks[depth], &child);
			ends[depth] = csv->path.len;
		} else {
			leaf(csv, &hint, &child);
		}
	}
}

/* The column of csv->path; csv->count: none. */
static size_t column_find(const struct csv *csv, size_t *hint)
{
	const char *path = buf_text(&csv->path);

	for (size_t n = 0; n < csv->count; n++) {
		size_t i = (*hint + n) % csv->count;

		if (strcmp(csv->columns[i], path) == 0) {
			*hint = i + 1;
			return i;
		}
	}
	return csv->count;
}

static void leaf_learn(struct csv *csv, size_t *hint, const struct value *leaf)
{
	(void)leaf;
	if (column_find(csv, hint) == csv->count)
		column_add(csv, buf_text(&csv->path), csv->path.len);
}

void csv_learn(struct csv *csv, const char *item, size_t len)
{
	if (!csv->named)
		leaves_walk(csv, item, len, leaf_learn);
}

static void leaf_take(struct csv *csv, size_t *hint, const struct value *leaf)
{
	size_t column = column_find(csv, hint);

	if (column < csv->count && csv->cells[column].kind == VALUE_MISSING) {
		csv->cells[column] = *leaf;
		return;
	}
	if (csv->strict && !csv->missing)
		buf_add(&csv->missed, buf_text(&csv->path), csv->path.len);
	csv->missing = csv->strict;
	if (csv->strict || csv->named)
		return;
	if (csv->other.len > 0)
		buf_add_byte(&csv->other, ',');
	json_quote(&csv->other, buf_text(&csv->path), csv->path.len);
	buf_add_byte(&csv->other, ':');
	value_print(leaf, &csv->other);
}

/* ---- rows ---- */

static void field_add(const struct csv *csv, struct buf *into, const char *text, size_t len)
{
	if (len == 0 || (!memchr(text, csv->delimiter, len) && !memchr(text, '"', len) &&
			 !memchr(text, '\n', len) && !memchr(text, '\r', len))) {
		buf_add(into, text, len);
		return;
	}
	buf_add_byte(into, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			buf_add_byte(into, '"');
		buf_add_byte(into, text[i]);
	}
	buf_add_byte(into, '"');
}

static void cell_add(struct csv *csv, const struct value *cell, struct buf *into)
{
	const char *text;
	size_t len;

	buf_clear(&csv->text);
	if (cell->kind == VALUE_MISSING || cell->kind == VALUE_NULL)
		return;
	if (cell->kind == VALUE_TEXT) {
		text = value_text(cell, &csv->text, &len);
	} else {
		value_print(cell, &csv->text);
		text = buf_text(&csv->text);
		len = csv->text.len;
	}
	if (text && buf_ok(&csv->text))
		field_add(csv, into, text, len);
	else
		into->failed = true;
}

size_t csv_columns(const struct csv *csv)
{
	return csv->count;
}

void csv_header(const struct csv *csv, struct buf *into)
{
	for (size_t i = 0; i < csv->count; i++) {
		if (i > 0)
			buf_add_byte(into, csv->delimiter);
		field_add(csv, into, csv->columns[i], strlen(csv->columns[i]));
	}
	if (!csv->named && !csv->strict)
		buf_add_text(into, csv->count > 0 ? "," CSV_OTHER : CSV_OTHER);
	buf_add_text(into, "\r\n");
}

void csv_row(struct csv *csv, const char *item, size_t len, struct buf *into)
{
	size_t start = into->len;

	memset(csv->cells, 0, csv->count * sizeof(csv->cells[0]));
	buf_clear(&csv->other);
	buf_clear(&csv->missed);
	csv->missing = false;
	leaves_walk(csv, item, len, leaf_take);
	for (size_t i = 0; i < csv->count; i++) {
		if (i > 0)
			buf_add_byte(into, csv->delimiter);
		cell_add(csv, &csv->cells[i], into);
	}
	if (!csv->named && !csv->strict && csv->count > 0)
		buf_add_byte(into, ',');
	if (!buf_ok(&csv->other)) /* rather no row than one that lacks members */
		into->failed = true;
	if (csv->other.len > 0) {
		buf_clear(&csv->text);
		buf_printf(&csv->text, "{%s}", csv->other.data);
		field_add(csv, into, buf_text(&csv->text), csv->text.len);
	}
	if (into->len == start)
		buf_add_text(into, "\"\""); /* readers skip an empty line */
	buf_add_text(into, "\r\n");
}

const char *csv_missed(const struct csv *csv)
{
	return csv->missing ? buf_text(&csv->missed) : NULL;
}
