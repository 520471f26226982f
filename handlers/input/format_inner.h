/* SPDX-License-Identifier: MIT */
/* format_inner.h - what a format is made of, for those that sniff, cut and read by it. */
#ifndef HANDLERS_INPUT_FORMAT_INNER_H
#define HANDLERS_INPUT_FORMAT_INNER_H

#include "base/arena.h"
#include "base/record/fields.h"
#include "handlers/input/format.h"

enum column_type {
	COLUMN_STRING,
	COLUMN_NUMBER,
	COLUMN_INTEGER,
	COLUMN_BOOLEAN,
	COLUMN_DATE,
	COLUMN_JSON,
	COLUMN_INFER, /* for each value: a number, a truth, null when empty, else a string */
};

struct typed_column {
	struct field_name name;
	enum column_type type;
};

struct format {
	struct arena arena; /* of the names; empty in what format_sniff() made */
	enum format_kind kind;
	enum codec codec;
	enum type_error type_error;

	/* CSV */
	char delimiter, quote;
	bool quotes; /* false: nothing is quoted */
	bool header; /* the first row is no record */
	bool infer;  /* columns without a type of their own */
	struct field_name *columns;
	struct typed_column *types;
	struct field_name *nulls;
	size_t column_count, type_count, null_count;

	/* what was said, for those that sniff */
	bool said_csv, said_delimiter, said_nulls;
};

/* Of the column of that name. */
enum column_type column_type_of(const struct format *format, const char *name, size_t len);

#endif
