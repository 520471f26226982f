/* SPDX-License-Identifier: MIT */
/* format.c - the members of an input that say its format, made ready. */
#include "handlers/input/format.h"

#include "handlers/input/format_inner.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT_ARENA_BYTES_MAX = 4 * 1024 * 1024 }; /* a thousand names of columns, twice */

const char *const format_names[] = {"ndjson", "json", "csv", "tsv", "lines", "f64", "i64", NULL};
const char *const codec_names[] = {"none", "gzip", "zstd", NULL};
const char *const type_error_names[] = {"fail", "skip", "dead_letter", "null", NULL};

static const enum format_kind kinds[] = {FORMAT_NDJSON, FORMAT_JSON, FORMAT_CSV, FORMAT_CSV,
					 FORMAT_LINES,	FORMAT_F64,  FORMAT_I64};

enum { CHOICE_TSV = 3 };

/* In the order of enum column_type. */
static const char *const type_names[] = {"string", "number", "integer", "boolean",
					 "date",   "json",   "infer",	NULL};
static const char *const infer_names[] = {"infer", NULL};

/* clang-format off */
const struct param format_column[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .summary = "A name"},
	{0},
};
const struct param format_type[] = {
	{.kind = PARAM_CHOICE, .choices = type_names, .summary = "What the texts of a column are"},
	{0},
};
const struct param format_infer[] = {
	{.kind = PARAM_CHOICE, .choices = infer_names, .summary = "Each value decides for itself"},
	{0},
};
const struct param format_null[] = {
	{.kind = PARAM_TEXT, .max = NAME_BYTES_MAX, .summary = "A text"},
	{0},
};
/* clang-format on */

/* A format in the making. */
struct making {
	struct format *format;
	const struct json *input;
	const char *pointer;
	struct mistakes *mistakes;
};

/* ---- CSV ---- */

static struct mistake *member_mistake(const struct making *making, const char *name,
				      const char *type, const char *detail)
{
	return mistake_add(making->mistakes,
			   mistakes_pointer(making->mistakes, making->pointer, name), type, "%s",
			   detail);
}

/* One byte that may stand between or around fields. */
static void byte_read(const struct making *making, const char *name, char *ret_byte)
{
	const char *text = spec_text(making->input, name, NULL);
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return;
	if (len == 1 && *text != '\n' && *text != '\r') {
		*ret_byte = *text;
		return;
	}
	mistake_hint(making->mistakes,
		     member_mistake(making, name, "bad-byte",
				    len > 1 && (unsigned char)*text < 0x80
					    ? "must be one byte, not a text"
					    : "must be one byte of ASCII that ends no line"),
		     strcmp(text, "\\t") == 0 ? "a tab is \"\\t\" in JSON, with one backslash"
					      : "\",\", \";\", \"|\" or a tab");
}

static void bytes_read(const struct making *making)
{
	struct format *format = making->format;
	const char *quote = spec_text(making->input, "quote", NULL);

	byte_read(making, "delimiter", &format->delimiter);
	if (quote && *quote == '\0')
		format->quotes = false;
	else
		byte_read(making, "quote", &format->quote);
	if (quote && *quote)
		format->quotes = true;
	if (format->quotes && format->quote == format->delimiter)
		member_mistake(making, "delimiter", "bad-byte",
			       "the delimiter is the quote: fields could not be told apart");
}

static struct field_name name_copy(struct format *format, const char *text)
{
	struct field_name name = {.text = arena_text(&format->arena, text), .len = strlen(text)};

	return name;
}

static bool name_is(const struct field_name *name, const char *text, size_t len)
{
	return name->len == len && memcmp(name->text, text, len) == 0;
}

static bool column_among(const struct format *format, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (name_is(&format->columns[i], text, strlen(text)))
			return true;
	return false;
}

static void columns_read(const struct making *making)
{
	const struct json *columns = json_get(making->input, "columns"), *column;
	struct format *format = making->format;
	size_t i = 0;

	format->header = spec_bool(making->input, "header", columns == NULL);
	if (!columns) {
		if (!format->header)
			mistake_hint(making->mistakes,
				     member_mistake(making, "header", "missing-member",
						    "without a header nobody names the columns"),
				     "columns");
		return;
	}
	format->columns =
		arena_array(&format->arena, json_count(columns), sizeof(*format->columns));
	for (column = json_first(columns); column && !arena_failed(&format->arena);
	     column = json_next(column), i++) {
		const char *text = json_text(column, "");
		const char *pointer =
			mistakes_pointer(making->mistakes, making->pointer, "columns");

		if (column_among(format, text, i))
			mistake_add(making->mistakes,
				    mistakes_pointer_index(making->mistakes, pointer, i),
				    "bad-column", "'%s' is the name of a column before it", text);
		format->columns[i] = name_copy(format, text);
		format->column_count = arena_failed(&format->arena) ? 0 : i + 1;
	}
}

static enum column_type type_named(const char *name)
{
	size_t type = 0;

	while (type_names[type] && strcmp(type_names[type], name) != 0)
		type++;
	return (enum column_type)type;
}

static void types_read(const struct making *making)
{
	const struct json *types = json_get(making->input, "types"), *type;
	struct format *format = making->format;
	size_t count, i = 0;

	format->infer = types && json_kind(types) == JSON_TEXT;
	count = types && !format->infer ? json_count(types) : 0;
	format->types = arena_array(&format->arena, count, sizeof(*format->types));
	for (type = count ? json_first(types) : NULL; type && !arena_failed(&format->arena);
	     type = json_next(type), i++) {
		const char *name = json_name(type);

		if (format->columns && !column_among(format, name, format->column_count))
			mistake_add(making->mistakes,
				    mistakes_pointer(making->mistakes,
						     mistakes_pointer(making->mistakes,
								      making->pointer, "types"),
						     name),
				    "unknown-column", "columns has no '%s'", name);
		format->types[i] = (struct typed_column){.name = name_copy(format, name),
							 .type = type_named(json_text(type, ""))};
		format->type_count = i + 1;
	}
}

static void nulls_read(const struct making *making)
{
	const struct json *nulls = json_get(making->input, "null"), *null;
	struct format *format = making->format;

	format->said_nulls = nulls != NULL;
	format->nulls =
		arena_array(&format->arena, nulls ? json_count(nulls) : 0, sizeof(*format->nulls));
	for (null = nulls ? json_first(nulls) : NULL; null && !arena_failed(&format->arena);
	     null = json_next(null))
		format->nulls[format->null_count++] = name_copy(format, json_text(null, ""));
}

/* Was something said that only CSV has?  Then it must be CSV, or be sniffed. */
static void csv_said(const struct making *making)
{
	static const char *const members[] = {"delimiter", "quote", "header",	    "columns",
					      "types",	   "null",  "on_type_error"};
	struct format *format = making->format;

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (!json_get(making->input, members[i]))
			continue;
		format->said_csv = true;
		if (format->kind != FORMAT_CSV && format->kind != FORMAT_SNIFF)
			member_mistake(making, members[i], "conflict", "is for csv and tsv only");
	}
	format->said_delimiter = json_get(making->input, "delimiter") != NULL;
}

static void csv_members_read(const struct making *making)
{
	csv_said(making);
	bytes_read(making);
	columns_read(making);
	types_read(making);
	nulls_read(making);
}

/* ---- the format ---- */

struct format *format_new(const struct json *input, const char *pointer, struct mistakes *mistakes)
{
	struct format *format = calloc(1, sizeof(*format));
	struct making making = {format, input, pointer, mistakes};
	unsigned mistakes_before = mistakes->count;
	int choice;

	if (!format)
		return NULL;
	arena_init(&format->arena, FORMAT_ARENA_BYTES_MAX);
	choice = spec_choice(input, "format", format_names, -1);
	format->kind = choice < 0 ? FORMAT_SNIFF : kinds[choice];
	format->codec = (enum codec)(spec_choice(input, "compression", codec_names, -1) + 1);
	format->type_error =
		(enum type_error)(spec_choice(input, "on_type_error", type_error_names, -1) + 1);
	format->delimiter = choice == CHOICE_TSV ? '\t' : ',';
	format->quote = '"';
	format->quotes = choice != CHOICE_TSV;
	csv_members_read(&making);
	if (arena_failed(&format->arena) || mistakes->count > mistakes_before) {
		format_free(format);
		return NULL;
	}
	return format;
}

void format_free(struct format *format)
{
	if (!format)
		return;
	arena_done(&format->arena);
	free(format);
}

enum format_kind format_kind(const struct format *format)
{
	return format->kind;
}

enum codec format_codec(const struct format *format)
{
	return format->codec;
}

enum type_error format_type_error(const struct format *format)
{
	return format->type_error;
}

const char *format_kind_name(enum format_kind kind)
{
	static const char *const names[] = {
		[FORMAT_SNIFF] = "unknown", [FORMAT_NDJSON] = "ndjson", [FORMAT_JSON] = "json",
		[FORMAT_CSV] = "csv",	    [FORMAT_LINES] = "lines",	[FORMAT_F64] = "f64",
		[FORMAT_I64] = "i64",
	};

	return names[kind];
}

bool format_splits(const struct format *format)
{
	return format->kind != FORMAT_JSON && format->kind != FORMAT_SNIFF;
}

bool format_cuts_anywhere(const struct format *format)
{
	return format_splits(format) && !(format->kind == FORMAT_CSV && format->quotes);
}

enum column_type column_type_of(const struct format *format, const char *name, size_t len)
{
	for (size_t i = 0; i < format->type_count; i++)
		if (name_is(&format->types[i].name, name, len))
			return format->types[i].type;
	return format->infer ? COLUMN_INFER : COLUMN_STRING;
}
