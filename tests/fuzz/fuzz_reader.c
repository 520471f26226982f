/* SPDX-License-Identifier: MIT */
/* fuzz_reader.c - the first byte is the format, the second how much comes at once, the rest an
 * input: its rows are the same read whole, in steps and in the portions of format_cut(); lines of
 * JSON are judged as json_check() judges them, rows of CSV are those of a parser that goes
 * byte by byte. */
#include "base/json.h"
#include "base/limits.h"
#include "base/record/scan.h"
#include "base/utf8.h"
#include "tests/lib/reading.h"

#include <stdlib.h>
#include <string.h>

enum { CSV_PLAIN = 0, NDJSON = 1, WHOLE_JSON = 2, CSV_TWO = 2, ROOM = 64 * 1024 * 1024 };

static const char *const specs[] = {
	[CSV_PLAIN] = "{\"format\":\"csv\",\"columns\":[\"a\",\"b\"]}",
	[NDJSON] = "{\"format\":\"ndjson\"}",
	[WHOLE_JSON] = "{\"format\":\"json\"}",
	"{\"format\":\"lines\"}",
	"{\"format\":\"csv\"}",
	"{\"format\":\"csv\",\"columns\":[\"a\",\"b\",\"c\",\"d.e\"],\"delimiter\":\";\",\"types\":"
	"{\"a\":\"number\",\"b\":\"json\",\"c\":\"date\",\"d.e\":\"boolean\"},\"quote\":\"'\"}",
	"{\"format\":\"csv\",\"types\":\"infer\",\"null\":[\"x\",\"\"],\"delimiter\":\"\\t\"}",
	"{\"format\":\"csv\",\"columns\":[\"a\",\"b\"],\"types\":{\"a\":\"integer\"},"
	"\"on_type_error\":\"null\"}",
	"{\"format\":\"csv\",\"columns\":[\"a\",\"b\"],\"types\":{\"b\":\"json\"},"
	"\"on_type_error\":\"null\",\"quote\":\"\",\"delimiter\":\";\"}",
	"{\"format\":\"tsv\",\"columns\":[\"a\",\"b\"]}",
	"{\"format\":\"i64\"}",
	"{\"format\":\"f64\"}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- JSON by lines ---- */

static bool is_deep(const char *line, size_t len)
{
	size_t open = 0;

	for (size_t i = 0; i < len; i++)
		open += line[i] == '[' || line[i] == '{';
	return open > JSON_DEPTH_MAX;
}

static bool is_blank(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at == end;
}

/* A row that was written "@offset +…" has a mistake. */
static bool row_is_good(const char **rows)
{
	const char *row = *rows, *end = strchr(row, '\n');

	must(*row == '@' && end);
	*rows = end + 1;
	return strchr(row, ' ')[1] != '+';
}

static void ndjson_compared(const char *rows, const char *text, size_t len)
{
	const char *at = text, *end = text + len, *feed;
	struct json_place place;
	struct err err;

	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		at += 3;
	for (; at < end; at = feed + 1) {
		feed = memchr(at, '\n', (size_t)(end - at));
		feed = feed ? feed : end;
		if (is_blank(at, feed))
			continue;
		bool good = row_is_good(&rows);
		int rc = json_check(at, (size_t)(feed - at), &place, &err);

		if (is_deep(at, (size_t)(feed - at)) || (rc && err.code != ERR_INVALID_JSON))
			continue;
		must(good == (rc == 0));
	}
	must(*rows == '\0');
}

/* Rows are JSON, whatever they were. */
static void rows_checked(const char *rows)
{
	struct scanner *scanner = scanner_new(NULL);
	struct scan_mistake mistake;

	while (*rows == '@') {
		const char *json = strchr(rows, ' ') + 1;

		if (row_is_good(&rows))
			must(scan(scanner, json, (size_t)(rows - json), NULL, &mistake) == 0);
	}
	scanner_free(scanner);
}

/* ---- CSV ---- */

/* One row as the simplest of parsers reads it. */
struct simple {
	const char *at, *end;
	struct buf fields[CSV_TWO];
	size_t count;
	bool bad;
};

static void simple_byte(struct simple *row, char byte)
{
	if (row->count < CSV_TWO)
		buf_add_byte(&row->fields[row->count], byte);
}

/* Inside quotes, to behind the closing one. */
static void simple_quoted(struct simple *row)
{
	for (row->at++; row->at < row->end; row->at++) {
		if (*row->at != '"') {
			simple_byte(row, *row->at);
			continue;
		}
		row->at++;
		if (row->at == row->end || *row->at != '"')
			return;
		simple_byte(row, '"');
	}
	row->bad = true;
}

static bool simple_ends(const struct simple *row)
{
	const char *at = row->at;

	if (at < row->end && *at == '\r' && at + 1 < row->end)
		at++;
	return at == row->end || *at == '\n';
}

static void simple_field(struct simple *row)
{
	if (row->at < row->end && *row->at == '"') {
		simple_quoted(row);
		if (!simple_ends(row) && *row->at != ',')
			row->bad = true;
	}
	while (row->at < row->end && *row->at != ',' && *row->at != '\n') {
		row->bad |= *row->at == '"';
		if (!simple_ends(row) || *row->at != '\r')
			simple_byte(row, *row->at);
		row->at++;
	}
	row->count++;
}

static void simple_row(struct simple *row)
{
	row->count = 0;
	row->bad = false;
	for (int i = 0; i < CSV_TWO; i++)
		buf_clear(&row->fields[i]);
	simple_field(row);
	while (row->at < row->end && *row->at == ',') {
		row->at++;
		simple_field(row);
	}
	row->at += row->at < row->end;
}

static void simple_write(struct simple *row, size_t offset, struct buf *into)
{
	buf_printf(into, "@%zu {\"a\":", offset);
	json_quote(into, buf_text(&row->fields[0]), row->fields[0].len);
	buf_add_text(into, ",\"b\":");
	json_quote(into, buf_text(&row->fields[1]), row->fields[1].len);
	buf_add_text(into, "} | ");
	json_quote(into, buf_text(&row->fields[0]), row->fields[0].len);
	buf_add_byte(into, '\n');
}

static bool is_utf8(const char *at, const char *end)
{
	size_t span = 1;

	for (; at < end && span > 0; at += span)
		span = utf8_span(at, end);
	return span > 0;
}

static void csv_compared(const char *rows, const char *text, size_t len)
{
	struct simple row = {.at = text, .end = text + len};
	struct buf expected = BUF(ROOM);
	const char *start;

	for (int i = 0; i < CSV_TWO; i++)
		buf_init(&row.fields[i], ROOM);
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text = row.at += 3;
	while (row.at < row.end) {
		if (*row.at == '\n' ||
		    (*row.at == '\r' && row.at + 1 < row.end && row.at[1] == '\n')) {
			row.at += 1 + (*row.at == '\r');
			continue;
		}
		start = row.at;
		simple_row(&row);
		if (row.bad || row.count != CSV_TWO || !is_utf8(start, row.at)) {
			must(!row_is_good(&rows));
			continue;
		}
		buf_clear(&expected);
		simple_write(&row, (size_t)(start - text), &expected);
		must(strncmp(rows, expected.data, expected.len) == 0);
		rows += expected.len;
	}
	must(*rows == '\0');
	for (int i = 0; i < CSV_TWO; i++)
		buf_done(&row.fields[i]);
	buf_done(&expected);
}

/* ---- all formats ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"a", NULL}, *const all[] = {"", "b", "b.0", "d.e",
									NULL};
	const char *text = (const char *)data + 2, *spec;
	char *whole, *other;
	size_t step, kind;

	if (size < 2)
		return 0;
	kind = data[0] % ARRAY_LEN(specs);
	spec = specs[kind];
	step = data[1] % 100 + 1U;
	size -= 2;
	whole = input_read(spec, paths, text, size, 0);
	other = input_read(spec, paths, text, size, step);
	must(strcmp(whole, other) == 0);
	free(other);
	if (kind != WHOLE_JSON) {
		other = input_read_cut(spec, paths, text, size, step);
		must(strcmp(whole, other) == 0);
		free(other);
		other = input_read(spec, NULL, text, size, 0);
		rows_checked(other);
		free(other);
	}
	free(input_read(spec, all, text, size, 0));
	if (kind == NDJSON)
		ndjson_compared(whole, text, size);
	if (kind == CSV_PLAIN)
		csv_compared(whole, text, size);
	free(whole);
	return 0;
}
