/* SPDX-License-Identifier: MIT */
/* sniff.c - what an input is that nobody said: by the end of its name, else by its first bytes.
 *
 *	a first value that is a line, and another one behind it    ndjson
 *	any other text that begins with { or [                      json
 *	lines with the same delimiter as often in each, ten at most  csv
 *	anything else                                                lines
 */
#include "base/limits.h"
#include "base/record/scan.h"
#include "handlers/input/csv_fields.h"
#include "handlers/input/format_inner.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINES_LOOKED_AT = 10, GZIP_BYTES = 2, ZSTD_BYTES = 4, BOM_BYTES = 3 };

enum codec codec_sniff(const char *head, size_t len)
{
	if (len >= GZIP_BYTES && memcmp(head, "\x1F\x8B", GZIP_BYTES) == 0)
		return CODEC_GZIP;
	if (len >= ZSTD_BYTES && memcmp(head, "\x28\xB5\x2F\xFD", ZSTD_BYTES) == 0)
		return CODEC_ZSTD;
	/* A frame that decoders go over, as pzstd begins (RFC 8878, section 3.1.2). */
	if (len >= ZSTD_BYTES && (head[0] & 0xF0) == 0x50 &&
	    memcmp(head + 1, "\x2A\x4D\x18", ZSTD_BYTES - 1) == 0)
		return CODEC_ZSTD;
	return CODEC_NONE;
}

/* ---- by name ---- */

static bool name_ends(const char *name, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len > end_len && strncasecmp(name + len - end_len, end, end_len) == 0;
}

/* FORMAT_SNIFF: the name does not say; .json may be either kind of JSON. */
static enum format_kind kind_of_name(const char *name, bool *ret_tabs)
{
	static const struct {
		const char *end;
		enum format_kind kind;
	} ends[] = {
		{".ndjson", FORMAT_NDJSON}, {".jsonl", FORMAT_NDJSON}, {".csv", FORMAT_CSV},
		{".tsv", FORMAT_CSV},	    {".tab", FORMAT_CSV},      {".txt", FORMAT_LINES},
		{".log", FORMAT_LINES},	    {".f64", FORMAT_F64},      {".i64", FORMAT_I64},
	};
	size_t len = name ? strlen(name) : 0;

	if (len > 0 && name_ends(name, len, ".gz"))
		len -= 3;
	else if (len > 0 && name_ends(name, len, ".zst"))
		len -= 4;
	*ret_tabs = len > 0 && (name_ends(name, len, ".tsv") || name_ends(name, len, ".tab"));
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (len > 0 && name_ends(name, len, ends[i].end))
			return ends[i].kind;
	return FORMAT_SNIFF;
}

/* ---- by bytes ---- */

/* Is the first line a whole value, with something behind its end? */
static bool is_by_line(const char *at, const char *end)
{
	const char *feed = memchr(at, '\n', (size_t)(end - at));
	struct scanner *scanner = feed ? scanner_new(NULL) : NULL;
	struct scan_mistake mistake;
	bool whole = scanner && scan(scanner, at, (size_t)(feed - at), NULL, &mistake) == 0;

	scanner_free(scanner);
	return whole && blanks_skip(feed, end) < end;
}

/* How often a delimiter stands in each of the first lines; 0: not equally often. */
static size_t times_in_lines(const struct format *format, const char *at, const char *end)
{
	struct block block = {.end = end};
	enum csv_after after = CSV_MORE;
	struct csv_mistake mistake = {0};
	struct csv_field field;
	size_t fields, first = 0;

	for (int line = 0; line < LINES_LOOKED_AT && at < end; line++) {
		for (fields = 0, after = CSV_MORE; after == CSV_MORE; fields++)
			after = csv_field_next(format, &block, &at, &field, &mistake);
		if (after == CSV_OPEN && line > 0)
			break; /* the bytes end in it */
		if (mistake.at || (line > 0 && fields != first))
			return 0;
		first = fields;
	}
	return first > 0 ? first - 1 : 0;
}

/* The delimiter that parts the lines in most fields; 0: none does. */
static char delimiter_sniff(const struct format *format, const char *at, const char *end)
{
	static const char candidates[] = {',', ';', '\t', '|'};
	struct format tried = *format;
	size_t most = 0, times;
	char best = 0;

	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		tried.delimiter = candidates[i];
		times = times_in_lines(&tried, at, end);
		if (times > most) {
			most = times;
			best = candidates[i];
		}
	}
	return best;
}

static enum format_kind kind_of_bytes(const struct format *format, const char *at, const char *end)
{
	const char *text = blanks_skip(at, end);

	if (text < end && (*text == '{' || *text == '['))
		return is_by_line(text, end) ? FORMAT_NDJSON : FORMAT_JSON;
	return delimiter_sniff(format, at, end) ? FORMAT_CSV : FORMAT_LINES;
}

struct format *format_sniff(const struct format *format, const char *name, const char *head,
			    size_t len)
{
	struct format *sniffed = malloc(sizeof(*sniffed));
	const char *end = head + len;
	char delimiter;
	bool tabs;

	if (!sniffed)
		return NULL;
	*sniffed = *format;
	arena_init(&sniffed->arena, 0);
	if (format->kind != FORMAT_SNIFF)
		return sniffed;
	if (len >= BOM_BYTES && memcmp(head, "\xEF\xBB\xBF", BOM_BYTES) == 0)
		head += BOM_BYTES;
	sniffed->kind = kind_of_name(name, &tabs);
	if (format->said_csv)
		sniffed->kind = FORMAT_CSV;
	if (sniffed->kind == FORMAT_SNIFF)
		sniffed->kind = kind_of_bytes(format, head, end);
	if (sniffed->kind != FORMAT_CSV || format->said_delimiter)
		return sniffed;
	sniffed->quotes = sniffed->quotes && !tabs;
	delimiter = tabs ? '\t' : delimiter_sniff(sniffed, head, end);
	sniffed->delimiter = delimiter ? delimiter : ',';
	return sniffed;
}
