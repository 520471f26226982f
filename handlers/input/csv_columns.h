/* SPDX-License-Identifier: MIT */
/* csv_columns.h - the columns of an input of CSV, from its header or its spec.
 *
 * Threads    one lane's.
 */
#ifndef HANDLERS_INPUT_CSV_COLUMNS_H
#define HANDLERS_INPUT_CSV_COLUMNS_H

#include "base/arena.h"
#include "handlers/input/reader_inner.h"

/* How the texts of a column become values. */
enum column_way {
	COLUMN_PASSED, /* nobody wants them, and any text is right */
	COLUMN_AS_TEXT,
	COLUMN_AS_NUMBER,
	COLUMN_AS_TYPED, /* whatever else: typed_take() */
};

struct csv_column {
	struct field_name name;
	struct field_name quoted; /* in JSON, with what comes before it and its colon */
	enum column_type type;
	int32_t slot; /* among the values; -1: nobody wants it */
	enum column_way way;
	struct fields inside;	 /* what somebody wants of a column of json */
	struct scanner *scanner; /* finds that; NULL: it is not of json */
};

struct csv_reader {
	struct arena arena; /* of the columns */
	struct csv_column *columns;
	size_t count;
	bool complete;	       /* a row without mistakes sets each value */
	struct scanner *check; /* of JSON that may be wrong, where that is null */
	struct buf header;     /* of which the columns are */
	bool begun;

	char *texts; /* fields whose doubled quotes became one, of the rows of this call */
	size_t texts_len, texts_max;
	struct buf whole; /* rows as JSON, for those who want the empty path */
	struct buf text;  /* scratch of one field */
};

#endif
