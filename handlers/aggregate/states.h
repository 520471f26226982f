/* SPDX-License-Identifier: MIT */
/* states.h - what a group gathers: counts, exact sums, extremes, quantiles, …
 *
 * A state is some bytes of its group; all 0 is empty.  Rows come as a column: for each the
 * value of one input, and the group that it belongs to.
 *
 * Threads    a state belongs to its table's lane; plans are constant.
 * Ownership  state_ops.done() frees what a state has elsewhere.
 * Errors     -1: no memory.
 */
#ifndef HANDLERS_AGGREGATE_STATES_H
#define HANDLERS_AGGREGATE_STATES_H

#include "base/record/value.h"
#include "handlers/aggregate/best.h"
#include "handlers/aggregate/bytes.h"
#include "handlers/aggregate/distinct.h"
#include "handlers/aggregate/exact.h"
#include "handlers/aggregate/quantile.h"

enum { BATCH_ROWS = 128 };

/* The values of one input for the rows of a batch. */
struct column {
	enum column_kind { COLUMN_MIXED, COLUMN_INTS, COLUMN_DOUBLES } kind; /* of all of them */
	const struct value *at[BATCH_ROWS];
};

struct state_rows {
	size_t count;
	uint8_t *const *groups; /* the states of each row's group */
	const struct column *column;
	const uint64_t *sequence; /* of each row */
	struct buf *scratch, *rank, *text;
	int64_t *extra; /* bytes that states have elsewhere: to be kept up */
};

struct state_ops;

struct state_plan {
	const struct state_ops *ops;
	unsigned input;	 /* the column; rows are counted without one */
	size_t offset;	 /* among the states of a group */
	uint64_t max;	 /* values kept: exactly, or at all */
	bool descending; /* the largest, or the last */
};

struct state_ops {
	size_t bytes; /* a multiple of 8 */
	int (*add)(const struct state_plan *plan, const struct state_rows *rows);
	void (*save)(const struct state_plan *plan, const void *state, struct buf *into);
	/* Adds a saved state: loading and merging are the same. */
	int (*absorb)(const struct state_plan *plan, void *state, struct bytes *bytes);
	/* NULL: all of it is in the group. */
	void (*done)(const struct state_plan *plan, void *state);
	size_t (*extra_bytes)(const struct state_plan *plan, const void *state);
};

extern const struct state_ops state_rows_count, state_count, state_sum, state_squares, state_cubes,
	state_extreme, state_quantile, state_distinct, state_first, state_top;

/* The smallest or largest value. */
struct extreme {
	uint64_t high; /* of a number_order; of a text, where its bytes are */
	uint16_t low;
	uint8_t tag; /* enum order_tag; ORDER_NONE: no value yet */
	uint8_t unused[5];
};
struct value extreme_value(const struct extreme *extreme); /* borrows; null when there is none */

#endif
