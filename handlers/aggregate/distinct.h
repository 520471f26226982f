/* SPDX-License-Identifier: MIT */
/* distinct.h - how many different values there are: by their fingerprints, or a sketch.
 *
 * Up to `exact_max` different values have a fingerprint of 128 bits each (that two of a
 * million share one: once in 10^26).  Beyond that there are 2^14 registers: HyperLogLog (P.
 * Flajolet, É. Fusy, O. Gandouet, F. Meunier, 2007) over 64 bits of hash as in HyperLogLog++
 * (S. Heule, M. Nunkesser, A. Hall, 2013), estimated without its tables by O. Ertl, "New
 * cardinality estimation algorithms for HyperLogLog sketches", 2017.  Its standard error is
 * DISTINCT_ERROR.  Whether it is a sketch depends on the number of different values alone.
 *
 * Ownership  all bytes 0 is empty; distinct_done() frees.
 * Errors     -1: no memory.
 */
#ifndef HANDLERS_AGGREGATE_DISTINCT_H
#define HANDLERS_AGGREGATE_DISTINCT_H

#include "handlers/aggregate/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define DISTINCT_ERROR 0.0081 /* 1.04 / sqrt(2^14) */

struct distinct_print {
	uint64_t high, low; /* not both 0 */
};

struct distinct {
	union {
		struct distinct_print *set; /* open addressing; 0 0 is free */
		uint8_t *registers;
	};
	uint64_t count;	   /* of the set */
	uint64_t capacity; /* of the set, a power of two; UINT64_MAX: it is a sketch */
};

/* The fingerprint of a value's bytes: the same everywhere and always. */
struct distinct_print distinct_print_of(const void *bytes, size_t len);

int distinct_add(struct distinct *distinct, struct distinct_print print, uint64_t exact_max);

static inline bool distinct_is_exact(const struct distinct *distinct)
{
	return distinct->capacity != UINT64_MAX;
}

uint64_t distinct_count(const struct distinct *distinct);

void distinct_done(struct distinct *distinct);
size_t distinct_extra_bytes(const struct distinct *distinct);

void distinct_save(const struct distinct *distinct, struct buf *into);
int distinct_absorb(struct distinct *distinct, struct bytes *bytes, uint64_t exact_max);

#endif
