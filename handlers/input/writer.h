/* SPDX-License-Identifier: MIT */
/* writer.h - records, as JSON texts, into NDJSON, a JSON array or CSV; plain, gzip or zstd.
 *
 * CSV (RFC 4180) has the columns that are named, or those of the first record; what a later
 * record has beyond them is an error that names the member, what it lacks is empty.  Members
 * that are objects are columns with dots, arrays are JSON in one column.  Line ends between the
 * tokens of a record become blanks where each record is a line.
 *
 * Threads    one at a time.
 * Ownership  the writer owns what has gathered, until writer_take().
 * Errors     0, or -1 and *err: ERR_FAILED (this record does not fit; nothing was written),
 *            ERR_LIMIT, ERR_NO_MEMORY.
 */
#ifndef HANDLERS_INPUT_WRITER_H
#define HANDLERS_INPUT_WRITER_H

#include "base/err.h"
#include "handlers/input/format.h"

struct writer;

/* What is written: NDJSON, JSON or CSV. */
struct writer_form {
	enum format_kind kind;
	enum codec codec;	    /* CODEC_SNIFF is CODEC_NONE */
	char delimiter;		    /* of CSV; 0: a comma */
	const char *const *columns; /* of CSV: ended by NULL, or NULL */
};

/* NULL and *err: no memory, or ERR_BAD_PARAMETER: columns that are none, or twice. */
struct writer *writer_new(const struct writer_form *form, struct err *err);
void writer_free(struct writer *writer);

/* `record` is valid JSON. */
int writer_add(struct writer *writer, const char *record, size_t len, struct err *err);
int writer_end(struct writer *writer, struct err *err); /* closes array and compressed stream */

/* What has gathered since the last call; *ret_len may be 0.  Borrowed until the next call for
 * this writer.  NULL and *err: no memory. */
const char *writer_take(struct writer *writer, size_t *ret_len, struct err *err);

#endif
