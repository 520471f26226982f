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
 * docs/INPUTS.md says for people what each member does.
 *
 * Threads    constant once planned: shared by all lanes.
 * Ownership  a format owns copies of its names.
 */
#ifndef HANDLERS_INPUT_FORMAT_H
#define HANDLERS_INPUT_FORMAT_H

#include "base/limits.h"
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

/* What becomes of a row of CSV with a text that is not of its type. */
enum type_error {
	TYPE_ERROR_AS_RECORD, /* what becomes of any other record with a mistake */
	TYPE_ERROR_FAIL,
	TYPE_ERROR_SKIP,
	TYPE_ERROR_DEAD_LETTER,
	TYPE_ERROR_NULL, /* done here: the value is null, the row has no mistake */
};

struct format;

/* The members of an input that say its format, to stand in the table of a spec. */
/* clang-format off */
#define FORMAT_PARAMS \
	{.name = "format", .kind = PARAM_CHOICE, .choices = format_names, \
	 .summary = "What the bytes mean; by default the name and the first bytes decide"}, \
	{.name = "compression", .kind = PARAM_CHOICE, .choices = codec_names, \
	 .summary = "By default the first bytes decide"}, \
	{.name = "delimiter", .kind = PARAM_TEXT, .preset = "\",\"", \
	 .summary = "Of csv: the one byte between two fields"}, \
	{.name = "quote", .kind = PARAM_TEXT, .preset = "\"\\\"\"", \
	 .summary = "Of csv: the one byte around a field; \"\" when nothing is quoted"}, \
	{.name = "header", .kind = PARAM_BOOL, \
	 .summary = "Of csv: does the first row have the names?  By default, unless columns does"}, \
	{.name = "columns", .kind = PARAM_ARRAY, .min = 1, .max = CSV_COLUMNS_MAX, .members = format_column, \
	 .summary = "Of csv: the names of the columns, instead of those of a header"}, \
	{.name = "types", .kind = PARAM_MAP, .members = format_type, .otherwise = format_infer, \
	 .summary = "Of csv: what the texts of columns are; those not named are strings"}, \
	{.name = "null", .kind = PARAM_ARRAY, .max = FORMAT_NULLS_MAX, .members = format_null, \
	 .summary = "Of csv: texts that are null; by default the empty one, but in strings"}, \
	{.name = "on_type_error", .kind = PARAM_CHOICE, .choices = type_error_names, \
	 .summary = "Of csv: what becomes of a row with a text that is not of its type"}
/* clang-format on */

extern const char *const format_names[], *const codec_names[], *const type_error_names[];
extern const struct param format_column[], format_type[], format_infer[], format_null[];

/* From a spec's input object, whose shape has passed its table.  Adds every mistake (a
 * delimiter that is a quote, columns twice, a type that does not exist, …).  NULL: there
 * were some, or no memory. */
struct format *format_new(const struct json *input, const char *pointer, struct mistakes *mistakes);
void format_free(struct format *format); /* NULL is fine */

enum format_kind format_kind(const struct format *format);
enum codec format_codec(const struct format *format);
enum type_error format_type_error(const struct format *format);
const char *format_kind_name(enum format_kind kind);

/* What SNIFF stands for, from a file's name (may be NULL) and its first bytes, decompressed:
 * the same for the same bytes, and never SNIFF.  A new format, or NULL: no memory. */
struct format *format_sniff(const struct format *format, const char *name, const char *head,
			    size_t len);
/* From the first bytes as they are stored. */
enum codec codec_sniff(const char *head, size_t len);

/* May an input of this format be cut into ranges of bytes (json: no)? */
bool format_splits(const struct format *format);
/* Is it enough for that to look for the line end, or the multiple of eight, near where a cut is
 * wanted?  Else (CSV with quotes) format_cut() has to see all bytes before. */
bool format_cuts_anywhere(const struct format *format);

/* What is known between two blocks; all zero at first. */
struct cut {
	unsigned state;
};

/* Where records begin, without reading them: bytes go through from behind the header on (or
 * from the beginning of any record).  Returns the offset in this block after the last byte that
 * ends a record; 0: none does. */
size_t format_cut(const struct format *format, const char *block, size_t len, struct cut *cut);

#endif
