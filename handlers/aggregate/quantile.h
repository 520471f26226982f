/* SPDX-License-Identifier: MIT */
/* quantile.h - the values of a group for its quantiles: all of them, or a sketch.
 *
 * Up to `exact_max` values are kept and sorted at the end.  Beyond that they are counted in
 * buckets whose width is 1/128 of a power of two, so that what a bucket stands for is within
 * QUANTILE_ERROR of each value in it: DDSketch (C. Masson, J. E. Rim, H. K. Lee, "DDSketch: A
 * Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", 2019), with the
 * leading bits of the double for the logarithm, as HdrHistogram has them.  Whether it is a
 * sketch depends on the number of values alone, and which bucket on the value alone: neither
 * order nor merging can show.
 *
 * Ownership  all bytes 0 is empty; quantile_done() frees.
 * Errors     -1: no memory.
 */
#ifndef HANDLERS_AGGREGATE_QUANTILE_H
#define HANDLERS_AGGREGATE_QUANTILE_H

#include "handlers/aggregate/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* (b - a) / (b + a) for a bucket from a = 1 to b = 1 + 1/128. */
#define QUANTILE_ERROR (1.0 / 257)

struct sketch;

struct quantile {
	union {
		double *values;
		struct sketch *sketch;
	};
	uint64_t count;
	uint64_t capacity; /* of values; UINT64_MAX: it is a sketch */
};

int quantile_grow(struct quantile *quantile, uint64_t exact_max);
int quantile_sketch_add(struct quantile *quantile, double value);

static inline int quantile_add(struct quantile *quantile, double value, uint64_t exact_max)
{
	value += 0.0; /* -0.0 is 0.0 */
	if (quantile->count >= quantile->capacity && quantile_grow(quantile, exact_max))
		return -1;
	if (quantile->capacity == UINT64_MAX)
		return quantile_sketch_add(quantile, value);
	quantile->values[quantile->count++] = value;
	return 0;
}

static inline bool quantile_is_exact(const struct quantile *quantile)
{
	return quantile->capacity != UINT64_MAX;
}

void quantile_done(struct quantile *quantile);
size_t quantile_extra_bytes(const struct quantile *quantile);

void quantile_save(const struct quantile *quantile, struct buf *into);
int quantile_absorb(struct quantile *quantile, struct bytes *bytes, uint64_t exact_max);
/* The same from a live one, which is empty afterwards. */
int quantile_merge(struct quantile *quantile, struct quantile *from, uint64_t exact_max);

/* The value below which `q` (0 to 1) of the values are, on the line between its two neighbours
 * (type 7 of R. J. Hyndman, Y. Fan, "Sample Quantiles in Statistical Packages", 1996: what
 * numpy, R and SQL's percentile_cont do).  May sort the values; there is one at least. */
double quantile_at(struct quantile *quantile, double q);

#endif
