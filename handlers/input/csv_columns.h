/* SPDX-License-Identifier: MIT */
/* csv_columns.h - the columns of an input of CSV, from its header or its spec.
 *
 * Threads    one lane's.
 */
#ifndef HANDLERS_INPUT_CSV_COLUMNS_H
#define HANDLERS_INPUT_CSV_COLUMNS_H

#include "base/arena.h"
#include "handlers/input/csv_index.h"
#include "handlers/input/reader_inner.h"

struct column {
	struct field_name name;
	struct field_name quoted; /* in JSON, with what comes before it and its colon */
	enum column_type type;
	int32_t slot;		 /* among the values; -1: nobody wants it */
	bool looked_at;		 /* wanted, or of a type that it must have */
	struct fields inside;	 /* what somebody wants of a column of json */
	struct scanner *scanner; /* NULL: it is not of json */
};

struct csv_reader {
	struct arena arena; /* of the columns */
	struct column *columns;
	size_t count;
	struct buf header; /* of which they are */
	bool begun;

	char *texts; /* fields whose doubled quotes became one, of the rows of this call */
	size_t texts_len, texts_max;
	struct buf whole; /* rows as JSON, for those who want the empty path */
	struct buf text;  /* scratch of one field */
	struct csv_index index;
};

#endif
