/* SPDX-License-Identifier: MIT */
/* csv.h - result items as rows (RFC 4180).
 *
 * Members of objects inside an item get dotted names ("data.title"); arrays stay JSON
 * text; null is an empty field; an item that is no object is one, named "value".  Columns are asked
 * for by name, or are those of the first items; then a last column, CSV_OTHER, holds what an item
 * has besides them, as a JSON object: nothing is lost because it came late, or because two
 * members have one dotted name ("a.b" and b of a).  A strict one has no such column: it says that
 * a row misses something.  A name is cut after 1,024 bytes.
 *
 * Threads    one at a time.
 * Ownership  the rows' texts are copied.
 * Errors     rows are added as buf_ok() says.
 */
#ifndef BASE_RECORD_CSV_H
#define BASE_RECORD_CSV_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define CSV_OTHER "_other"

struct csv;

/* `columns`: names parted by commas; NULL: by csv_learn().  NULL and *err. */
struct csv *csv_new(const char *columns, struct err *err);
/* `columns`: ended by NULL; NULL: by csv_learn().  NULL and *err. */
struct csv *csv_new_strict(char delimiter, const char *const *columns, struct err *err);
void csv_free(struct csv *csv); /* NULL is fine */

/* An item's members become columns; ignored when they were asked for by name, and beyond
 * CSV_COLUMNS_MAX. */
void csv_learn(struct csv *csv, const char *item, size_t len);

size_t csv_columns(const struct csv *csv);
void csv_header(const struct csv *csv, struct buf *into);
/* An item whose flattened members outgrow ITEM_BYTES_MAX has no row: buf_ok(into) is false
 * then. */
void csv_row(struct csv *csv, const char *item, size_t len, struct buf *into);
/* Of a strict one: the member of the last row that has no column; NULL: each has one. */
const char *csv_missed(const struct csv *csv);

#endif
