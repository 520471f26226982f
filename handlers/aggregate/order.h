/* SPDX-License-Identifier: MIT */
/* order.h - values as bytes whose order, by memcmp(), is the order of values.
 *
 *   null < false < true < numbers < numbers beyond 64 bits < texts < arrays < objects
 *
 * A number is two words that are compared one after the other: the bits of the double below
 * it, turned so that they grow with it, and what an integer has beyond that double.  So
 * integers and doubles stand among each other without rounding.  Numbers beyond 64 bits,
 * arrays and objects are ordered by their spelling.
 *
 * Errors     -1 or false: no memory, or not such bytes.
 */
#ifndef HANDLERS_AGGREGATE_ORDER_H
#define HANDLERS_AGGREGATE_ORDER_H

#include "base/buf.h"
#include "base/record/value.h"
#include "handlers/aggregate/bytes.h"

#include <math.h>

enum order_tag {
	ORDER_NONE, /* never written */
	ORDER_NULL,
	ORDER_FALSE,
	ORDER_TRUE,
	ORDER_NUMBER,
	ORDER_BIG,
	ORDER_TEXT,
	ORDER_ARRAY,
	ORDER_OBJECT,
};

struct number_order {
	uint64_t high;
	uint16_t low; /* (integer - the double of `high`) << 1; 1 for a double */
};

static inline uint64_t double_order(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	return bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

static inline double order_double(uint64_t high)
{
	uint64_t bits = high ^ (high >> 63 ? UINT64_C(1) << 63 : UINT64_MAX);
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static inline struct number_order int_order(int64_t integer)
{
	double below = (double)integer;

	if (integer >= -(INT64_C(1) << 53) && integer <= INT64_C(1) << 53)
		return (struct number_order){double_order(below), 0};
	if (below >= 0x1p63 || (int64_t)below > integer)
		below = nextafter(below, -INFINITY);
	return (struct number_order){double_order(below),
				     (uint16_t)((integer - (int64_t)below) << 1)};
}

static inline struct number_order number_order(const struct value *number)
{
	if (number->kind == VALUE_INT)
		return int_order(number->integer);
	return (struct number_order){double_order(number->number), 1};
}

/* False: no number has this order. */
bool order_number(struct number_order order, struct value *ret_number);

enum order_tag order_tag(enum value_kind kind);

/* 1 for 1.0 and 0 for -0.0: equal numbers are one key. */
struct value order_key_value(const struct value *value);

/* Adds the value so that more may follow; with `last`, so that nothing does: a text is then
 * its tag and its bytes.  `scratch` is for texts with escapes. */
int order_add(struct buf *into, const struct value *value, bool last, struct buf *scratch);

/* Reads it back: texts are TEXT_DECODED, in `scratch` or in the bytes. */
bool order_read(struct bytes *bytes, bool last, struct buf *scratch, struct value *ret_value);

#endif
