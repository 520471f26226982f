/* SPDX-License-Identifier: MIT */
/* format.h - what the bytes of an input mean: the members `format`, `delimiter`, `header`,
 * `columns`, `types`, `null`, … of a spec's input, checked and made ready.
 *
 *   ndjson   a JSON text a line; blank lines are no records
 *   json     one JSON text: the elements of an array, or the one value that it is
 *   csv tsv  RFC 4180, with the delimiter, quoting and header that are said
 *   lines    each line is a text: the empty path is the record
 *   f64 i64  little-endian numbers, eight bytes each, likewise
 *
 * Threads    constant once planned: shared by all lanes.
 * Ownership  a format owns copies of its names.
 */
#ifndef HANDLERS_INPUT_FORMAT_H
#define HANDLERS_INPUT_FORMAT_H

#include "base/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum format_kind {
	FORMAT_SNIFF, /* by name and first bytes: format_sniff() */
	FORMAT_NDJSON,
	FORMAT_JSON,
	FORMAT_CSV, /* tsv too: its delimiter is a tab and nothing is quoted */
	FORMAT_LINES,
	FORMAT_F64,
	FORMAT_I64,
};

enum codec { CODEC_SNIFF, CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };

struct format;

/* From a spec's input object, whose shape has passed its table.  Adds every mistake (a
 * delimiter that is a quote, columns twice, a type that does not exist, …).  NULL: there
 * were some, or no memory. */
struct format *format_new(const struct json *input, const char *pointer, struct mistakes *mistakes);
void format_free(struct format *format); /* NULL is fine */

enum format_kind format_kind(const struct format *format);
enum codec format_codec(const struct format *format);
const char *format_kind_name(enum format_kind kind);

/* What SNIFF stands for, from a file's name (may be NULL) and its first bytes, decompressed:
 * the same for the same bytes, and never SNIFF.  A new format, or NULL: no memory. */
struct format *format_sniff(const struct format *format, const char *name, const char *head,
			    size_t len);
enum codec codec_sniff(const char *name, const char *head, size_t len);

/* May an input of this format be cut into ranges of bytes (json: no)? */
bool format_splits(const struct format *format);

/* Where records begin, without reading them: bytes go through from the beginning on.
 * Returns the offset in this block after the last line end that ends a record (0: none);
 * numbers of bytes for f64 and i64.  `quoted` is the state between two blocks, false at first. */
size_t format_cut(const struct format *format, const char *block, size_t len, bool *quoted);

#endif
