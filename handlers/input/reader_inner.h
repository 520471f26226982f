/* SPDX-License-Identifier: MIT */
/* reader_inner.h - what readers of all formats have in common.
 *
 * Each format has a function that reads rows from the beginning of a block until there are
 * rows_max of them or no more that are whole: it adds them by reader_row() and returns where
 * it has come to.
 *
 * Threads    one lane's.
 */
#ifndef HANDLERS_INPUT_READER_INNER_H
#define HANDLERS_INPUT_READER_INNER_H

#include "base/compiler.h"
#include "base/record/scan.h"
#include "handlers/input/format_inner.h"
#include "handlers/input/reader.h"

#include <string.h>

/* What a reader is given: `last` if the input ends with it. */
struct block {
	const char *at, *end;
	bool last;
};

/* Where a json text is gone on with. */
enum json_place_in {
	JSON_BEGIN,   /* nothing was seen */
	JSON_FIRST,   /* behind '[': an element or ']' */
	JSON_ELEMENT, /* behind a comma */
	JSON_NEXT,    /* behind an element: a comma or ']' */
	JSON_BEHIND,  /* behind it all: blanks */
	JSON_LOST,    /* behind a mistake that cost the rest */
};

struct csv_reader;

struct reader {
	const struct format *format;
	const struct fields *fields; /* NULL: none */
	unsigned width;
	int32_t whole; /* the value of the empty path; -1: nobody wants it */
	size_t rows_max;
	struct row *row;
	struct value *values;
	struct row_mistake *mistakes;
	struct scanner *scanner; /* of JSON */
	enum json_place_in json;
	struct csv_reader *csv;

	size_t count, mistake_count; /* of this call */
	int64_t offset;		     /* of the block */
};

/* Returns where it has come to; NULL and *err: no memory. */
const char *json_read(struct reader *reader, const struct block *block);
const char *csv_read(struct reader *reader, const struct block *block, struct err *err);

struct csv_reader *csv_reader_new(void);
void csv_reader_free(struct csv_reader *csv); /* NULL is fine */
/* As reader_header() and reader_begin(). */
int csv_reader_header(const struct format *format, const struct block *block, const char **ret_end,
		      struct err *err);
int csv_reader_begin(struct reader *reader, const char *header, size_t len, struct err *err);
int csv_row_json(struct reader *reader, const struct row *row, struct buf *into);

/* The newest row has a mistake, `offset` bytes from its beginning. */
struct row_mistake *reader_mistake(struct reader *reader, size_t offset, const char *fmt, ...)
	PRINTF(3, 4);
/* Is the newest row's text UTF-8?  Else that is its mistake. */
bool reader_utf8(struct reader *reader);

static inline bool reader_full(const struct reader *reader)
{
	return reader->count == reader->rows_max;
}

/* A new row; returns its values, all MISSING. */
static inline struct value *reader_row(struct reader *reader, const char *raw)
{
	struct value *values = reader->values + reader->count * reader->width;

	memset(values, 0, reader->width * sizeof(*values));
	reader->row[reader->count++] = (struct row){.raw = raw};
	return values;
}

static inline struct row *reader_newest(const struct reader *reader)
{
	return &reader->row[reader->count - 1];
}

/* Behind the blanks of JSON. */
static inline const char *blanks_skip(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

#endif
