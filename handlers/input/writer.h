/* SPDX-License-Identifier: MIT */
/* writer.h - records, as JSON texts, into NDJSON, a JSON array or CSV; plain, gzip or zstd.
 *
 * CSV (RFC 4180) has the columns that are named, or those of the first record; what a later
 * record has beyond them is an error that names the member, what it lacks is empty.  Members
 * that are objects are columns with dots, arrays are JSON in one column.
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

/* NDJSON, JSON or CSV; `columns` ended by NULL, or NULL. */
struct writer *writer_new(enum format_kind kind, enum codec codec, char delimiter,
			  const char *const *columns);
void writer_free(struct writer *writer);

int writer_add(struct writer *writer, const char *record, size_t len, struct err *err);
int writer_end(struct writer *writer, struct err *err); /* closes array and compressed stream */

/* What has gathered since the last call; *ret_len may be 0.  Borrowed until the next call. */
const char *writer_take(struct writer *writer, size_t *ret_len);

#endif
