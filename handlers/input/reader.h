/* SPDX-License-Identifier: MIT */
/* reader.h - bytes into rows: one pass that cuts, checks and finds fields.
 *
 * The caller holds the bytes and gives them block by block; what is no whole record yet
 * stays with him and comes again with more behind it.
 *
 *	reader_begin(reader, header, header_len, err);
 *	do {
 *		reader_read(reader, block, len, last, &rows, &used, err);
 *		…rows…
 *		block += used, len -= used;
 *	} while (rows.count > 0);
 *
 * CSV names its fields by the header or by `columns`; a path is the column of that name, or of
 * its names joined by dots; the empty one is the row as a JSON object.  A row with more or
 * fewer columns than the header is a mistake.  `types` turn texts into numbers, truths, dates
 * (checked, and left as they are), `null` names the texts that are null; a text that is not
 * of its type is a mistake of its row that names the column.
 *
 * In a json text a record with a mistake costs the rest, when it cannot be told where the next
 * begins; its detail says so then.
 *
 * Threads    one lane's.
 * Ownership  rows point into the block and the reader until its next call.
 * Errors     a malformed record is a row with a mistake; -1 and *err only for ERR_NO_MEMORY
 *            and ERR_LIMIT (a record beyond RECORD_BYTES_MAX).
 */
#ifndef HANDLERS_INPUT_READER_H
#define HANDLERS_INPUT_READER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/record/fields.h"
#include "handlers/input/format.h"
#include "handlers/input/rows.h"

struct reader;

/* `fields` may be NULL (nothing but raw rows and validity), and must not grow any more;
 * both outlive the reader. */
struct reader *reader_new(const struct format *format, const struct fields *fields);
void reader_free(struct reader *reader);

/* What stands before the first record, to be read over once and given to the reader of every
 * portion: a byte order mark, the header of CSV.  *ret_len 0: nothing does; -1: ERR_INVALID_SPEC
 * (columns without a name, names twice, types of columns that are not there), ERR_LIMIT: no end
 * of it in `len` bytes, with `last` false, ERR_NO_MEMORY. */
int reader_header(const struct format *format, const char *head, size_t len, bool last,
		  size_t *ret_len, struct err *err);

/* Before the first block: at the beginning of a record, anywhere in the input.  `header`: what
 * reader_header() found, copied.  -1: as reader_header(). */
int reader_begin(struct reader *reader, const char *header, size_t header_len, struct err *err);

/* Up to ROWS_MAX rows from the beginning of the block; `last`: the input ends with it.
 * *ret_used: bytes that need not come again. */
int reader_read(struct reader *reader, const char *block, size_t len, bool last,
		struct rows *ret_rows, size_t *ret_used, struct err *err);

/* Adds row i as JSON text: of JSON its raw bytes without blanks around them, of CSV an object in
 * the order of the columns, of lines a string, of numbers the shortest that reads back (not
 * finite: null).  As buf_add().  Not for a row with a mistake. */
int reader_row_json(struct reader *reader, const struct rows *rows, size_t i, struct buf *into);

#endif
