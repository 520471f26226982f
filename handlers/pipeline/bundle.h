/* SPDX-License-Identifier: MIT */
/* bundle.h - records that go through the stages of a stretch together.
 *
 * A row is a record: its text as it came, the values of the stretch's fields as they are now,
 * and which of them were written since.  Stages pass on picks: lists of row numbers, growing
 * in (order, number).  Rows that a stage makes are added behind those that were read; all that
 * come of one row read have its order.
 *
 *	rows   [0 … base)        as they were read; their values are the reader's
 *	       [base … count)    made by stages
 *
 * Threads    one lane's.
 * Ownership  texts and values live until bundle_clear(), or the reader's next call.
 * Errors     0, or -1 and *err: about the row, but for ERR_NO_MEMORY.
 */
#ifndef HANDLERS_PIPELINE_BUNDLE_H
#define HANDLERS_PIPELINE_BUNDLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/record/scan.h"
#include "handlers/input/rows.h"
#include "handlers/pipeline/stretch.h"

struct record {
	const char *text; /* JSON; NULL: it is of another format, and none was made yet */
	uint32_t len;
	uint32_t order;
	uint64_t edits; /* bit i: stretch->written[i] is not as in the text */
};

struct bundle {
	const struct stretch *stretch;
	struct scanner *scanner;
	size_t base, count, room;
	struct record *records;	     /* [room] */
	struct value *values, *made; /* [base * width], [(room - base) * width] */
	struct value *before;	     /* [room * written]: what the text has */
	struct value *found;	     /* [width]: of a text made for a row of another format */
	struct arena arena;	     /* texts that were computed */
	struct buf text;	     /* one record in the making */
	/* The text of a row read, when it is not JSON. */
	int (*row_text)(void *from, size_t row, struct buf *into);
	void *row_from;
	bool objects; /* such rows are objects: CSV */
};

struct picks {
	uint32_t *rows;
	size_t count, room;
};

int bundle_init(struct bundle *bundle, const struct stretch *stretch, struct err *err);
void bundle_done(struct bundle *bundle);

/* Takes rows in; those without a mistake are added to `picks`.  `json`: their raw bytes are
 * their texts. */
int bundle_fill(struct bundle *bundle, const struct rows *rows, bool json, struct picks *picks,
		struct err *err);
/* The same for texts that a stage made: no row yet. */
void bundle_clear(struct bundle *bundle);
/* Adds a row; `text` lives as long as the bundle.  Its values are found: -1 and *err when it is
 * not one valid JSON text. */
int bundle_add(struct bundle *bundle, const char *text, size_t len, uint32_t order,
	       uint32_t *ret_row, struct err *err);
/* Another row with the same contents, which are changed apart from now on. */
int bundle_copy(struct bundle *bundle, uint32_t row, uint32_t *ret_row, struct err *err);

static inline struct value *bundle_values(const struct bundle *bundle, uint32_t row)
{
	size_t width = bundle->stretch->fields.count;

	return row < bundle->base ? bundle->values + row * width
				  : bundle->made + (row - bundle->base) * width;
}

/* ---- changing a record (overlay.c) ---- */

/* The value of a written path from now on; MISSING drops the member.  What it points to must
 * live as long as the bundle. */
int record_put(struct bundle *bundle, uint32_t row, unsigned written, const struct value *value,
	       struct err *err);
/* The member gets its new name, and takes the place of one that has it. */
void record_rename(struct bundle *bundle, uint32_t row, unsigned written);

/* A value that lives as long as the bundle. */
int bundle_keep(struct bundle *bundle, struct value *value, struct err *err);

/* Adds the record as it is now, as JSON text. */
int record_print(struct bundle *bundle, uint32_t row, struct buf *into, struct err *err);
/* The text is as the values are: after it any path may be read and written. */
int record_renew(struct bundle *bundle, uint32_t row, struct err *err);
/* The record is another text, which lives as long as the bundle. */
int record_replace(struct bundle *bundle, uint32_t row, const char *text, size_t len,
		   struct err *err);

/* ---- picks ---- */

int picks_room(struct picks *picks, size_t more, struct err *err);
void picks_drop(struct picks *picks, size_t count); /* the first ones */
void picks_done(struct picks *picks);
/* Adds those of `from` in their places. */
int picks_merge(struct picks *into, const struct picks *from, const struct bundle *bundle,
		struct err *err);

#endif
