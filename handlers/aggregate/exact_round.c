/* SPDX-License-Identifier: MIT */
/* exact_round.c - exact sums into doubles and digits.
 *
 * Sums of ordinary size are rounded in 128 bits: a cut quotient whose lowest bit says whether
 * anything was cut off rounds as the whole would ("round to odd").  All else goes to GMP.
 */
#include "handlers/aggregate/exact_round.h"

#include <gmp.h>
#include <math.h>
#include <stdlib.h>

enum { DOUBLE_BITS = 53, QUOTIENT_BITS = 66, DOUBLE_TOP_MIN = -1021 };

/* value · 2^exponent */
struct scaled {
	mpz_t value;
	long exponent;
};

static void scaled_init(struct scaled *scaled, const struct exact_shape *shape,
			const uint64_t *state)
{
	struct exact_words sum;

	exact_words(shape, state, &sum);
	mpz_init(scaled->value);
	mpz_import(scaled->value, sum.count, -1, sizeof(sum.words[0]), 0, 0, sum.words);
	if (sum.negative)
		mpz_neg(scaled->value, scaled->value);
	scaled->exponent = sum.exponent;
}

static void scaled_done(struct scaled *scaled)
{
	mpz_clear(scaled->value);
}

static void scaled_multiply(struct scaled *scaled, const struct scaled *by)
{
	mpz_mul(scaled->value, scaled->value, by->value);
	scaled->exponent += by->exponent;
}

static void scaled_multiply_int(struct scaled *scaled, uint64_t by)
{
	mpz_mul_ui(scaled->value, scaled->value, by);
}

/* scaled += sign · more, at the lower of the two exponents. */
static void scaled_add(struct scaled *scaled, const struct scaled *more, int sign)
{
	mpz_t shifted;
	long apart = more->exponent - scaled->exponent;

	if (apart < 0) {
		mpz_mul_2exp(scaled->value, scaled->value, (mp_bitcnt_t)-apart);
		scaled->exponent = more->exponent;
		apart = 0;
	}
	mpz_init(shifted);
	mpz_mul_2exp(shifted, more->value, (mp_bitcnt_t)apart);
	if (sign < 0)
		mpz_sub(scaled->value, scaled->value, shifted);
	else
		mpz_add(scaled->value, scaled->value, shifted);
	mpz_clear(shifted);
}

/* |value| · 2^exponent, where `more` says that something beyond it was cut off: to nearest,
 * halves to even.  Ends `value`. */
static double magnitude_round(mpz_t value, long exponent, bool more)
{
	long bits = (long)mpz_sizeinbase(value, 2), top = bits + exponent;
	long kept = top < DOUBLE_TOP_MIN ? DOUBLE_BITS - (DOUBLE_TOP_MIN - top) : DOUBLE_BITS;
	long cut = bits - kept;
	bool half, rest;

	if (cut <= 0)
		return ldexp(mpz_get_d(value), (int)exponent);
	if (kept < 0)
		return 0.0;
	half = mpz_tstbit(value, (mp_bitcnt_t)cut - 1);
	rest = more || mpz_scan1(value, 0) < (mp_bitcnt_t)cut - 1;
	mpz_tdiv_q_2exp(value, value, (mp_bitcnt_t)cut);
	if (half && (rest || mpz_odd_p(value)))
		mpz_add_ui(value, value, 1);
	if (top > 1100)
		return INFINITY;
	return ldexp(mpz_get_d(value), (int)(cut + exponent));
}

/* scaled / divisor; ends `scaled`'s value. */
static double scaled_over(struct scaled *scaled, const mpz_t divisor)
{
	int sign = mpz_sgn(scaled->value);
	long lacking;
	double rounded;
	mpz_t rest;

	if (sign == 0)
		return 0.0;
	mpz_abs(scaled->value, scaled->value);
	lacking = QUOTIENT_BITS + (long)mpz_sizeinbase(divisor, 2) -
		  (long)mpz_sizeinbase(scaled->value, 2);
	if (lacking > 0) {
		mpz_mul_2exp(scaled->value, scaled->value, (mp_bitcnt_t)lacking);
		scaled->exponent -= lacking;
	}
	mpz_init(rest);
	mpz_tdiv_qr(scaled->value, rest, scaled->value, divisor);
	rounded = magnitude_round(scaled->value, scaled->exponent, mpz_sgn(rest) != 0);
	mpz_clear(rest);
	return sign < 0 ? -rounded : rounded;
}

static double scaled_over_int(struct scaled *scaled, uint64_t divisor)
{
	mpz_t by;
	double rounded;

	mpz_init_set_ui(by, divisor);
	rounded = scaled_over(scaled, by);
	mpz_clear(by);
	return rounded;
}

/* ---- sums and means ---- */

double exact_double(const struct exact_shape *shape, const uint64_t *state)
{
	struct scaled sum;
	double rounded;

	if (shape->power == 1 && exact_mode(shape, state) != EXACT_WIDE)
		return ldexp((double)(int128)sum_get(state),
			     exact_mode(shape, state) == EXACT_WINDOW ? SUM_BASE : 0);
	scaled_init(&sum, shape, state);
	rounded = scaled_over_int(&sum, 1);
	scaled_done(&sum);
	return rounded;
}

double exact_mean(const uint64_t *state, uint64_t count)
{
	enum exact_mode mode = exact_mode(&exact_shapes[1], state);
	struct scaled sum;
	double rounded;

	if (mode != EXACT_WIDE) {
		uint128 value = sum_get(state), magnitude, quotient;
		bool negative = value >> 127;
		int shift;

		magnitude = negative ? -value : value;
		if (magnitude == 0)
			return 0.0;
		shift = magnitude >> 64 ? __builtin_clzll((uint64_t)(magnitude >> 64))
					: 64 + __builtin_clzll((uint64_t)magnitude);
		magnitude <<= shift;
		quotient = magnitude / count;
		/* it has 64 bits at least: those below the double's take the remainder's place */
		quotient |= quotient * count != magnitude;
		rounded = ldexp((double)quotient, (mode == EXACT_WINDOW ? SUM_BASE : 0) - shift);
		return negative ? -rounded : rounded;
	}
	scaled_init(&sum, &exact_shapes[1], state);
	rounded = scaled_over_int(&sum, count);
	scaled_done(&sum);
	return rounded;
}

bool exact_int(const struct exact_shape *shape, const uint64_t *state, int64_t *ret)
{
	struct exact_words sum;

	if (exact_mode(shape, state) != EXACT_INTEGERS)
		return false;
	exact_words(shape, state, &sum);
	if (sum.count > 1 || (sum.count == 1 && sum.words[0] > (uint64_t)INT64_MAX + sum.negative))
		return false;
	*ret = sum.count == 0 ? 0 : (int64_t)(sum.negative ? -sum.words[0] : sum.words[0]);
	return true;
}

int exact_digits(const struct exact_shape *shape, const uint64_t *state, struct buf *into)
{
	struct scaled sum;
	char *room;

	scaled_init(&sum, shape, state);
	room = buf_room(into, mpz_sizeinbase(sum.value, 10) + 2);
	if (room) {
		mpz_get_str(room, 10, sum.value);
		buf_grown(into, strlen(room));
	}
	scaled_done(&sum);
	return room ? 0 : -1;
}

/* ---- moments ---- */

/* (n · squares - sum^2) / (n · divisor) */
double exact_spread(const struct exact_powers *powers, uint64_t divisor)
{
	struct scaled squares, sum;
	mpz_t by;
	double rounded;

	scaled_init(&squares, &exact_shapes[2], powers->squares);
	scaled_init(&sum, &exact_shapes[1], powers->sum);
	scaled_multiply_int(&squares, powers->count);
	mpz_mul(sum.value, sum.value, sum.value);
	sum.exponent *= 2;
	scaled_add(&squares, &sum, -1);
	mpz_init_set_ui(by, powers->count);
	mpz_mul_ui(by, by, divisor);
	rounded = scaled_over(&squares, by);
	mpz_clear(by);
	scaled_done(&sum);
	scaled_done(&squares);
	return rounded;
}

/* (n^2 · cubes - 3 n · sum · squares + 2 · sum^3) / n^3 */
double exact_third_moment(const struct exact_powers *powers)
{
	struct scaled cubes, squares, sum, cubed;
	mpz_t by;
	double rounded;

	scaled_init(&cubes, &exact_shapes[3], powers->cubes);
	scaled_init(&squares, &exact_shapes[2], powers->squares);
	scaled_init(&sum, &exact_shapes[1], powers->sum);
	scaled_init(&cubed, &exact_shapes[1], powers->sum);
	scaled_multiply_int(&cubes, powers->count);
	scaled_multiply_int(&cubes, powers->count);
	scaled_multiply(&squares, &sum);
	scaled_multiply_int(&squares, powers->count);
	scaled_multiply_int(&squares, 3);
	scaled_multiply(&cubed, &sum);
	scaled_multiply(&cubed, &sum);
	scaled_multiply_int(&cubed, 2);
	scaled_add(&cubes, &squares, -1);
	scaled_add(&cubes, &cubed, 1);
	mpz_init(by);
	mpz_ui_pow_ui(by, powers->count, 3);
	rounded = scaled_over(&cubes, by);
	mpz_clear(by);
	scaled_done(&cubed);
	scaled_done(&sum);
	scaled_done(&squares);
	scaled_done(&cubes);
	return rounded;
}
