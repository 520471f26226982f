/* SPDX-License-Identifier: MIT */
/* columns.h - some rows of a batch as columns: the value of each input for each row.
 *
 * A row with a value that an input cannot work with is told and left out, of all columns.
 *
 * Threads    one lane's.
 * Ownership  columns point into the rows and into themselves, until the next fill.
 */
#ifndef HANDLERS_AGGREGATE_COLUMNS_H
#define HANDLERS_AGGREGATE_COLUMNS_H

#include "handlers/aggregate/group_table.h"
#include "handlers/aggregate/plan.h"

struct columns {
	const struct aggregates *plan;
	size_t count;
	size_t first;		       /* row of the batch, when they are all that follow it */
	const uint32_t *pick;	       /* else which they are */
	uint64_t sequence[BATCH_ROWS]; /* when the plan has use for it */
	bool wrong[BATCH_ROWS];
	size_t wrong_count;
	struct err first_wrong;
	struct value *room; /* [inputs * BATCH_ROWS]: what is not in the rows */
	struct arena texts;
	struct expr_scratch *scratch;
	struct column column[]; /* by input */
};

struct columns *columns_new(const struct aggregates *plan); /* NULL: no memory */
void columns_free(struct columns *columns);

/* From the row (or the picked one) number `from` on; *ret_taken: how many, with those that are
 * wrong.  -1: no memory, or a wrong one and nobody to tell. */
int columns_fill(struct columns *columns, const struct group_rows *rows, size_t from,
		 const struct group_failures *failures, size_t *ret_taken, struct err *err);

#endif
