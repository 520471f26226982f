/* SPDX-License-Identifier: MIT */
/* value.h - one value of a record, as it stands in the record's text.
 *
 * A record is JSON text (RFC 8259) that nobody has changed: integers of any length,
 * the spelling of doubles, the order of members and every escape are still there.
 * A value is a view into it, with what arithmetic needs already read: an integer
 * within int64 or a double.  A number beyond both (30 digits, 1e400) keeps its text
 * and nothing else: VALUE_BIG passes through, and whoever wants to calculate with it
 * says that he cannot.
 *
 * Threads    values are constant once scanned.
 * Ownership  `at` points into the record; a value lives as long as its text.
 */
#ifndef BASE_RECORD_VALUE_H
#define BASE_RECORD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum value_kind {
	VALUE_MISSING, /* no such member */
	VALUE_NULL,
	VALUE_FALSE,
	VALUE_TRUE,
	VALUE_INT,
	VALUE_DOUBLE, /* finite */
	VALUE_BIG,    /* a number that is neither */
	VALUE_TEXT,
	VALUE_ARRAY,
	VALUE_OBJECT,
};

/* What the bytes of a VALUE_TEXT are. */
enum text_form {
	TEXT_PLAIN,   /* from a record, without escapes: JSON between quotes and text alike */
	TEXT_ESCAPED, /* from a record, with escapes: value_text() decodes them */
	TEXT_DECODED, /* computed: any UTF-8, value_print() quotes it */
};

struct value {
	enum value_kind kind;
	enum text_form form;
	const char *at; /* the JSON text; of a TEXT the bytes, without quotes */
	size_t len;
	union {
		int64_t integer; /* VALUE_INT */
		double number;	 /* VALUE_DOUBLE */
	};
};

const char *value_kind_name(enum value_kind kind); /* "an integer", "missing", … */

static inline bool value_is_number(const struct value *value)
{
	return value->kind == VALUE_INT || value->kind == VALUE_DOUBLE;
}

/* Reads the text of a number (well-formed by RFC 8259) into kind and union. */
void value_number_read(struct value *value, const char *at, size_t len);

/* Reads the number that begins at `at`, by JSON's grammar; behind it, or NULL: there is none. */
const char *value_number_scan(const char *at, const char *end, struct value *ret_value);

/* Reads any text as a number: the whole of it, by JSON's grammar, blanks around it and
 * a leading '+' allowed, as CSV fields need it.  False: it is none. */
bool value_number_parse(const char *text, size_t len, struct value *ret_value);

/* Room for the shortest decimal text that reads back as the same double, with its NUL. */
enum { VALUE_DOUBLE_TEXT_MAX = 32 };
/* Writes it ("0.1", "1e300", "-0.0"; integral values as "3.0" so that they stay doubles);
 * the length.  `number` is finite. */
size_t value_double_text(double number, char into[VALUE_DOUBLE_TEXT_MAX]);

/* The text of a VALUE_TEXT without escapes (U+0000 is a byte 0, half a surrogate pair
 * becomes U+FFFD): borrowed from the record when it has none, else decoded into
 * `scratch`, where it stays until that is cleared.  NULL: no memory. */
const char *value_text(const struct value *value, struct buf *scratch, size_t *ret_len);

/* Adds the value as JSON text; a MISSING one as null.  Numbers from a record keep their
 * spelling, computed ones have `at` NULL.  As buf_add(). */
int value_print(const struct value *value, struct buf *into);

#endif
