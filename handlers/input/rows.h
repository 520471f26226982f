/* SPDX-License-Identifier: MIT */
/* rows.h - records on their way through a job: some hundred at a time, with the fields
 * that somebody wants already found.
 *
 * A row is the bytes of one record as they stand in the input, and its values, one for
 * each path of the `struct fields` that the reader was made with.  Values of JSON point
 * into the raw bytes; those of CSV are texts (TEXT_DECODED), or numbers where the format
 * says so.  A record that is malformed is a row too, in its place, with a mistake.
 *
 * Threads    one lane's.
 * Ownership  rows, values and bytes are the reader's, until its next call.
 */
#ifndef HANDLERS_INPUT_ROWS_H
#define HANDLERS_INPUT_ROWS_H

#include "base/record/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row {
	const char *raw;  /* without its line end */
	uint32_t len;	  /* at most RECORD_BYTES_MAX */
	uint32_t mistake; /* 0: none; else mistakes[mistake - 1], and all values are MISSING */
};

struct row_mistake {
	size_t offset;	  /* in bytes, from the beginning of the row */
	bool type;	  /* a text that is not of its type: format_type_error() says what to do */
	char detail[128]; /* "expected ',' or '}' but found 'x'" */
};

struct rows {
	size_t count;	       /* at most ROWS_MAX */
	unsigned width;	       /* values of a row */
	const struct row *row; /* [count], in the order of the input */
	struct value *values;  /* [count * width], row after row; may be overwritten */
	const struct row_mistake *mistakes;
	int64_t offset; /* of the first row's first byte, from the beginning of what is read */
};

static inline struct value *row_values(const struct rows *rows, size_t i)
{
	return rows->values + i * rows->width;
}

/* From the beginning of what is read, decompressed. */
static inline int64_t row_offset(const struct rows *rows, size_t i)
{
	return rows->offset + (rows->row[i].raw - rows->row[0].raw);
}

#endif
