/* SPDX-License-Identifier: MIT */
/* exact_round.h - what exact sums give, rounded once.
 *
 * Each function calculates with integers of any size (GMP) and rounds its one result to the
 * nearest double, halves to even: the answer is the double next to the true one.
 *
 * Errors     a result beyond doubles is infinite.
 */
#ifndef HANDLERS_AGGREGATE_EXACT_ROUND_H
#define HANDLERS_AGGREGATE_EXACT_ROUND_H

#include "handlers/aggregate/exact.h"

double exact_double(const struct exact_shape *shape, const uint64_t *state);
double exact_mean(const uint64_t *sum, uint64_t count); /* of a sum of first powers; count > 0 */

/* A sum of integers, in digits.  As buf_add(). */
int exact_digits(const struct exact_shape *shape, const uint64_t *state, struct buf *into);
/* True and the sum: of integers, and within 64 bits. */
bool exact_int(const struct exact_shape *shape, const uint64_t *state, int64_t *ret);

/* The first powers' sum, the squares', the cubes' (NULL where it is not needed). */
struct exact_powers {
	const uint64_t *sum, *squares, *cubes;
	uint64_t count; /* > 0 */
};
/* The sum of (x - mean)^2, over `divisor`. */
double exact_spread(const struct exact_powers *powers, uint64_t divisor);
/* The mean of (x - mean)^3. */
double exact_third_moment(const struct exact_powers *powers);

#endif
