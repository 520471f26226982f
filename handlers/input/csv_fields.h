/* SPDX-License-Identifier: MIT */
/* csv_fields.h - the fields of a row of CSV, one after the other (RFC 4180).
 *
 * A quote opens a field when it is its first byte; inside, two of them are one.  Elsewhere a quote
 * is a mistake and stands for itself, and what is between a closing quote and the delimiter
 * is one too: where a row ends depends on the bytes before it only, mistakes or not, and
 * format_cut() comes to the same end.
 *
 * Threads    any: it is all in the arguments.
 */
#ifndef HANDLERS_INPUT_CSV_FIELDS_H
#define HANDLERS_INPUT_CSV_FIELDS_H

#include "handlers/input/format_inner.h"
#include "handlers/input/reader_inner.h"

struct csv_field {
	const char *at; /* without its quotes */
	size_t len;
	bool doubled; /* has quotes that stand for one */
};

enum csv_after {
	CSV_MORE, /* a field follows */
	CSV_LAST, /* the row ends */
	CSV_OPEN, /* the block ends before the row */
};

/* The first mistake of a row; at NULL: none yet. */
struct csv_mistake {
	const char *at;
	char detail[80];
};

/* The field at *at, which is moved behind it and its delimiter or line end. */
enum csv_after csv_field_next(const struct format *format, const struct block *block,
			      const char **at, struct csv_field *ret_field,
			      struct csv_mistake *mistake);

/* The text of a field with doubled quotes; the bytes written, fewer than field->len. */
size_t csv_field_text(const struct format *format, const struct csv_field *field, char *into);

/* Is the row at `at` a blank line?  Behind it, else NULL. */
static inline const char *csv_blank(const char *at, const char *end)
{
	const char *feed = at + (at < end && *at == '\r');

	return feed < end && *feed == '\n' ? feed + 1 : NULL;
}

/* The value of a text in a column of that type (not of json).  False: it is none. */
bool csv_value(const struct format *format, enum column_type type, const char *text, size_t len,
	       struct value *ret_value);
bool csv_is_null(const struct format *format, enum column_type type, const char *text, size_t len);
const char *column_type_words(enum column_type type); /* "a number" */

#endif
