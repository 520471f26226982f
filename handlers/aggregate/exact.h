/* SPDX-License-Identifier: MIT */
/* exact.h - sums of numbers, of their squares and cubes, without any rounding.
 *
 * A sum is an integer of some limbs, in two's complement, times a power of two.  While all
 * terms are integers that power is 1 and nothing can overflow (2^63 terms).  With the first
 * double it is that of a window which holds ordinary doubles; a term or a sum beyond the
 * window moves it all to limbs for the whole range of doubles, elsewhere in memory.  What is
 * held is exact at any time, so neither order nor these moves can show.  (R. M. Neal, "Fast
 * exact summation using small and large superaccumulators", 2015, has the idea of limbs for
 * the whole range; the window makes a state small.)
 *
 * Threads    one at a time.
 * Ownership  all bytes 0 is an empty sum; exact_done() frees what is elsewhere.
 * Errors     -1: no memory, the sum is as before.
 */
#ifndef HANDLERS_AGGREGATE_EXACT_H
#define HANDLERS_AGGREGATE_EXACT_H

#include "base/compiler.h"
#include "handlers/aggregate/bytes.h"

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

enum { EXACT_LIMBS_MAX = 102, EXACT_POWER_MAX = 3 };

/* Of sums of the first, second and third power. */
struct exact_shape {
	unsigned power;
	unsigned limbs, wide_limbs;
	int base, wide_base; /* the exponents of their lowest bits */
};
extern const struct exact_shape exact_shapes[EXACT_POWER_MAX + 1]; /* by power, from 1 */

/* A state is limbs[shape->limbs], and then its tail: a mode and where the wide limbs are. */
enum exact_mode { EXACT_INTEGERS, EXACT_WINDOW, EXACT_WIDE, EXACT_MODE_MASK };

static inline size_t exact_bytes(const struct exact_shape *shape)
{
	return (shape->limbs + 1) * sizeof(uint64_t);
}

static inline enum exact_mode exact_mode(const struct exact_shape *shape, const uint64_t *state)
{
	return (enum exact_mode)(state[shape->limbs] & EXACT_MODE_MASK);
}

/* Adds the power of a finite double, or of an integer. */
int exact_add_double(const struct exact_shape *shape, uint64_t *state, double number);
int exact_add_int(const struct exact_shape *shape, uint64_t *state, int64_t integer);

void exact_done(const struct exact_shape *shape, uint64_t *state);
size_t exact_extra_bytes(const struct exact_shape *shape, const uint64_t *state);

void exact_save(const struct exact_shape *shape, const uint64_t *state, struct buf *into);
/* Adds a saved sum; damaged ones are bytes->damaged. */
int exact_absorb(const struct exact_shape *shape, uint64_t *state, struct bytes *bytes);

/* The sum as a sign and a magnitude. */
struct exact_words {
	uint64_t words[EXACT_LIMBS_MAX]; /* the lowest first */
	unsigned count;			 /* without zeros at the top */
	int exponent;
	bool negative;
	bool whole; /* every term was an integer: exponent is 0 */
};
void exact_words(const struct exact_shape *shape, const uint64_t *state, struct exact_words *ret);

/* ---- the first power, in the few lines that most rows take ---- */

enum {
	SUM_LIMBS = 2,
	SUM_BASE = -76,	    /* doubles from 2^-24 on, whatever their digits */
	SUM_SHIFT_MAX = 63, /* of the quick way, which is for those below 2^40 */
};

static inline uint128 sum_get(const uint64_t *state)
{
	return (uint128)state[1] << 64 | state[0];
}

static inline void sum_set(uint64_t *state, uint128 sum)
{
	state[0] = (uint64_t)sum;
	state[1] = (uint64_t)(sum >> 64);
}

static inline int sum_add_double(uint64_t *state, double number)
{
	uint64_t bits, negative, mantissa;
	unsigned shift;
	uint128 term, sum;

	memcpy(&bits, &number, sizeof(bits));
	shift = (unsigned)(bits >> 52 & 0x7ff) - 1075 - SUM_BASE;
	if (state[SUM_LIMBS] != EXACT_WINDOW || shift > SUM_SHIFT_MAX)
		return exact_add_double(&exact_shapes[1], state, number);
	negative = bits >> 63;
	mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
	term = (uint128)mantissa * (UINT64_C(1) << shift); /* a wide shift takes longer */
	sum = sum_get(state) + ((term ^ -(uint128)negative) + negative);
	/* its two top bits differ: the next term might not fit */
	if ((int64_t)((uint64_t)(sum >> 64) ^ (uint64_t)(sum >> 63)) < 0)
		return exact_add_double(&exact_shapes[1], state, number);
	sum_set(state, sum);
	return 0;
}

static inline int sum_add_int(uint64_t *state, int64_t integer)
{
	if (state[SUM_LIMBS] != EXACT_INTEGERS)
		return exact_add_int(&exact_shapes[1], state, integer);
	sum_set(state, sum_get(state) + (uint128)(int128)integer);
	return 0;
}

/* ---- higher powers, the same ---- */

enum { SQUARES_BASE = -160, CUBES_BASE = -240 };

/* base^power in power words. */
static inline void exact_power(uint64_t base, unsigned power, uint64_t *words)
{
	uint128 square = (uint128)base * base, low, high;

	words[0] = power == 1 ? base : (uint64_t)square;
	if (power == 1)
		return;
	words[1] = (uint64_t)(square >> 64);
	if (power == 2)
		return;
	low = (uint128)words[0] * base;
	high = (uint128)words[1] * base + (uint64_t)(low >> 64);
	words[0] = (uint64_t)low;
	words[1] = (uint64_t)high;
	words[2] = (uint64_t)(high >> 64);
}

/* Two limbs; the carry above them. */
static inline bool limbs_pair_add(uint64_t *limbs, const uint64_t *term, uint64_t turn, bool carry)
{
	uint128 more = sum_get(term) ^ ((uint128)turn << 64 | turn), sum = sum_get(limbs) + more;
	bool over = sum < more;

	sum += carry;
	sum_set(limbs, sum);
	return over | (sum < carry);
}

/* Adds base^power, moved up by `shift` bits, to the 2 * power limbs of a sum: with `power` a
 * constant, 2 or 3, and any sign and place without a branch.  `base` is below 2^53, or `shift` 0.
 * False: it might not fit. */
__attribute__((always_inline)) static inline bool
power_add_quick(uint64_t *state, unsigned power, uint64_t base, unsigned shift, bool negative)
{
	uint64_t words[EXACT_POWER_MAX] = {0}, term[2 * EXACT_POWER_MAX] = {0};
	uint64_t turn = -(uint64_t)negative, top = state[2 * power - 1];
	unsigned low = shift % 64, high = 63 - low; /* and one more */
	uint64_t *at = term + shift / 64;
	bool carry;

	if (shift >= power * 64 || (int64_t)(top ^ top << 1) < 0)
		return false;
	exact_power(base, power, words);
	at[0] = words[0] << low;
	at[1] = words[1] << low | words[0] >> 1 >> high;
	at[2] = words[2] << low | words[1] >> 1 >> high;
	if (power == 3)
		at[3] = words[2] >> 1 >> high;
	carry = limbs_pair_add(state, term, turn, negative);
	carry = limbs_pair_add(state + 2, term + 2, turn, carry);
	if (power == 3)
		limbs_pair_add(state + 4, term + 4, turn, carry);
	return true;
}

__attribute__((always_inline)) static inline int power_add_double(uint64_t *state, unsigned power,
								  double number)
{
	const int base = power == 2 ? SQUARES_BASE : CUBES_BASE;
	uint64_t bits;
	int exponent;

	memcpy(&bits, &number, sizeof(bits));
	exponent = (int)(bits >> 52 & 0x7ff);
	if (state[2 * power] == EXACT_WINDOW && exponent > 0 &&
	    power_add_quick(state, power, (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52,
			    (unsigned)((exponent - 1075) * (int)power - base),
			    bits >> 63 && power != 2))
		return 0;
	return exact_add_double(&exact_shapes[power], state, number);
}

__attribute__((always_inline)) static inline int power_add_int(uint64_t *state, unsigned power,
							       int64_t integer)
{
	uint64_t magnitude = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;

	if (state[2 * power] == EXACT_INTEGERS &&
	    power_add_quick(state, power, magnitude, 0, integer < 0 && power != 2))
		return 0;
	return exact_add_int(&exact_shapes[power], state, integer);
}

#endif
