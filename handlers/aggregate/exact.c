/* SPDX-License-Identifier: MIT */
/* exact.c - sums without rounding: adding, widening, saving.
 *
 * Everything that is added is a magnitude of some words times a power of two, with a sign:
 * a power of a number, the whole of a state that moves, a saved state.
 */
#include "handlers/aggregate/exact.h"

#include <stdlib.h>

/* Wide limbs reach from the lowest bit of the power of the smallest double to the power of the
 * largest, 2^64 times, and a sign. */
const struct exact_shape exact_shapes[EXACT_POWER_MAX + 1] = {
	[1] = {.power = 1, .limbs = 2, .base = SUM_BASE, .wide_limbs = 35, .wide_base = -17 * 64},
	[2] = {.power = 2,
	       .limbs = 4,
	       .base = SQUARES_BASE,
	       .wide_limbs = 69,
	       .wide_base = -34 * 64},
	[3] = {.power = 3,
	       .limbs = 6,
	       .base = CUBES_BASE,
	       .wide_limbs = 102,
	       .wide_base = -51 * 64},
};

struct term {
	const uint64_t *words; /* the lowest first */
	unsigned count;
	int exponent;
	bool negative, whole;
};

/* Limbs at work: the window of a state, or its wide ones. */
struct limbs {
	uint64_t *at;
	unsigned count;
	int base;
};

static uint64_t *wide_of(const struct exact_shape *shape, const uint64_t *state)
{
	return (uint64_t *)(uintptr_t)(state[shape->limbs] & ~(uint64_t)EXACT_MODE_MASK);
}

static struct limbs limbs_of(const struct exact_shape *shape, uint64_t *state)
{
	enum exact_mode mode = exact_mode(shape, state);

	if (mode == EXACT_WIDE)
		return (struct limbs){wide_of(shape, state), shape->wide_limbs, shape->wide_base};
	return (struct limbs){state, shape->limbs, mode == EXACT_WINDOW ? shape->base : 0};
}

/* ---- adding ---- */

static unsigned words_bits(const uint64_t *words, unsigned count)
{
	while (count > 0 && words[count - 1] == 0)
		count--;
	return count == 0 ? 0 : count * 64 - (unsigned)__builtin_clzll(words[count - 1]);
}

static unsigned words_zeros(const uint64_t *words)
{
	unsigned zeros = 0;

	for (; *words == 0; words++)
		zeros += 64;
	return zeros + (unsigned)__builtin_ctzll(*words);
}

/* The 64 bits of the words from `bit` on, which may be negative. */
static uint64_t words_at(const struct term *term, int bit)
{
	int word = bit >> 6;
	unsigned shift = (unsigned)bit & 63;
	uint64_t low = word >= 0 && word < (int)term->count ? term->words[word] : 0;
	uint64_t high = word + 1 >= 0 && word + 1 < (int)term->count ? term->words[word + 1] : 0;

	return shift ? low >> shift | high << (64 - shift) : low;
}

/* Adds words to the limbs from `limb` on, shifted by less than a word. */
static void words_shift_add(const struct limbs *limbs, unsigned limb, unsigned shift,
			    const struct term *term)
{
	uint64_t *at = limbs->at + limb, *end = limbs->at + limbs->count, below = 0;
	const uint64_t turn = term->negative ? UINT64_MAX : 0;
	uint64_t carry = term->negative;

	/* a negative one is added as its complement: the carry that is missing goes on up */
	for (unsigned i = 0; i <= term->count && at < end; i++) {
		uint64_t word = i < term->count ? term->words[i] : 0;
		uint64_t shifted = word << shift | below;
		uint128 sum = (uint128)*at + (shifted ^ turn) + carry;

		below = shift ? word >> (64 - shift) : 0;
		*at++ = (uint64_t)sum;
		carry = (uint64_t)(sum >> 64);
	}
	for (; at < end && carry != term->negative; at++) {
		uint128 sum = (uint128)*at + turn + carry;

		*at = (uint64_t)sum;
		carry = (uint64_t)(sum >> 64);
	}
}

/* False: it has bits below or above the limbs; nothing was added. */
static bool limbs_add(const struct limbs *limbs, const struct term *term)
{
	unsigned bits = words_bits(term->words, term->count), zeros;
	int lowest = term->exponent - limbs->base; /* where its bit 0 goes */
	uint64_t words[EXACT_LIMBS_MAX];
	struct term above;

	if (bits == 0)
		return true;
	if (lowest + (int)bits > (int)limbs->count * 64 - 2)
		return false;
	if (lowest >= 0) {
		words_shift_add(limbs, (unsigned)lowest / 64, (unsigned)lowest % 64, term);
		return true;
	}
	zeros = words_zeros(term->words);
	if (lowest + (int)zeros < 0)
		return false;
	above = *term; /* what begins below the limbs, but only with zeros */
	above.words = words;
	for (unsigned i = 0; i < term->count; i++)
		words[i] = words_at(term, (int)i * 64 - lowest);
	words_shift_add(limbs, 0, 0, &above);
	return true;
}

/* Might the next term overflow?  A term has two bits less than the limbs. */
static bool limbs_full(const struct limbs *limbs)
{
	uint64_t top = limbs->at[limbs->count - 1];

	return (int64_t)(top ^ top << 1) < 0;
}

/* Sign and magnitude; `words` has room for all limbs. */
static struct term limbs_take(const struct limbs *limbs, uint64_t *words)
{
	bool negative = limbs->at[limbs->count - 1] >> 63;
	unsigned carry = negative;

	for (unsigned i = 0; i < limbs->count; i++) {
		uint128 sum = (uint128)(negative ? ~limbs->at[i] : limbs->at[i]) + carry;

		words[i] = (uint64_t)sum;
		carry = (unsigned)(sum >> 64);
	}
	return (struct term){.words = words,
			     .count = limbs->count,
			     .exponent = limbs->base,
			     .negative = negative};
}

static int state_widen(const struct exact_shape *shape, uint64_t *state)
{
	uint64_t words[EXACT_LIMBS_MAX];
	struct limbs narrow = limbs_of(shape, state), wide;
	struct term term = limbs_take(&narrow, words);
	uint64_t *at = calloc(shape->wide_limbs, sizeof(*at));

	if (!at)
		return -1;
	state[shape->limbs] = (uintptr_t)at | EXACT_WIDE;
	wide = limbs_of(shape, state);
	if (!limbs_add(&wide, &term))
		abort(); /* the wide limbs hold any sum of 2^63 terms */
	memset(state, 0, shape->limbs * sizeof(*state));
	return 0;
}

/* From integers alone to the window, if they fit. */
static int state_leave_integers(const struct exact_shape *shape, uint64_t *state)
{
	uint64_t words[EXACT_LIMBS_MAX];
	struct limbs limbs = limbs_of(shape, state), window = {state, shape->limbs, shape->base};
	struct term term = limbs_take(&limbs, words);

	if (-shape->base + (int)words_bits(words, term.count) > (int)shape->limbs * 64 - 2)
		return state_widen(shape, state);
	memset(state, 0, shape->limbs * sizeof(*state));
	state[shape->limbs] = EXACT_WINDOW;
	return limbs_add(&window, &term) ? 0 : -1;
}

static int state_add(const struct exact_shape *shape, uint64_t *state, const struct term *term)
{
	struct limbs limbs;

	if (exact_mode(shape, state) == EXACT_INTEGERS && !term->whole &&
	    state_leave_integers(shape, state))
		return -1;
	limbs = limbs_of(shape, state);
	if (exact_mode(shape, state) == EXACT_WINDOW) {
		if (!limbs_full(&limbs) && limbs_add(&limbs, term))
			return 0;
		if (state_widen(shape, state))
			return -1;
		limbs = limbs_of(shape, state);
	}
	return limbs_add(&limbs, term) ? 0 : -1;
}

int exact_add_double(const struct exact_shape *shape, uint64_t *state, double number)
{
	uint64_t bits, mantissa, words[EXACT_POWER_MAX];
	int exponent;
	struct term term;

	memcpy(&bits, &number, sizeof(bits));
	exponent = (int)(bits >> 52 & 0x7ff);
	mantissa = bits & ((UINT64_C(1) << 52) - 1);
	if (exponent > 0)
		mantissa |= UINT64_C(1) << 52;
	else
		exponent = 1;
	exact_power(mantissa, shape->power, words);
	term = (struct term){.words = words,
			     .count = shape->power,
			     .exponent = (exponent - 1075) * (int)shape->power,
			     .negative = bits >> 63 && shape->power != 2};
	return state_add(shape, state, &term);
}

int exact_add_int(const struct exact_shape *shape, uint64_t *state, int64_t integer)
{
	uint64_t words[EXACT_POWER_MAX];
	uint64_t magnitude = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
	struct term term = {.words = words,
			    .count = shape->power,
			    .negative = integer < 0 && shape->power != 2,
			    .whole = true};

	exact_power(magnitude, shape->power, words);
	return state_add(shape, state, &term);
}

void exact_done(const struct exact_shape *shape, uint64_t *state)
{
	if (exact_mode(shape, state) == EXACT_WIDE)
		free(wide_of(shape, state));
}

size_t exact_extra_bytes(const struct exact_shape *shape, const uint64_t *state)
{
	return exact_mode(shape, state) == EXACT_WIDE ? shape->wide_limbs * sizeof(uint64_t) : 0;
}

void exact_words(const struct exact_shape *shape, const uint64_t *state, struct exact_words *ret)
{
	struct limbs limbs = limbs_of(shape, (uint64_t *)(uintptr_t)state);
	struct term term = limbs_take(&limbs, ret->words);

	ret->count = (words_bits(ret->words, term.count) + 63) / 64;
	ret->exponent = term.exponent;
	ret->negative = term.negative;
	ret->whole = exact_mode(shape, state) == EXACT_INTEGERS;
}

/* ---- saved: mode and sign, exponent of the lowest word, words without zeros around ---- */

enum { SAVED_NEGATIVE = 1, SAVED_DOUBLES = 2 };

void exact_save(const struct exact_shape *shape, const uint64_t *state, struct buf *into)
{
	struct exact_words sum;
	unsigned zeros = 0;

	exact_words(shape, state, &sum);
	while (zeros < sum.count && sum.words[zeros] == 0)
		zeros++;
	buf_add_byte(into, (char)(sum.negative * SAVED_NEGATIVE | !sum.whole * SAVED_DOUBLES));
	bytes_add_uint(into, (uint64_t)(sum.exponent + (int)zeros * 64 - shape->wide_base));
	bytes_add_uint(into, sum.count - zeros);
	for (unsigned i = zeros; i < sum.count; i++)
		bytes_add_u64(into, sum.words[i]);
}

int exact_absorb(const struct exact_shape *shape, uint64_t *state, struct bytes *bytes)
{
	uint64_t words[EXACT_LIMBS_MAX];
	const uint8_t *flags = bytes_take(bytes, 1);
	uint64_t above = bytes_uint(bytes), count = bytes_uint(bytes);
	struct term term = {.words = words, .count = (unsigned)count};
	int end;

	if (bytes->damaged || *flags > (SAVED_NEGATIVE | SAVED_DOUBLES) ||
	    count > shape->wide_limbs || above > shape->wide_limbs * 64) {
		bytes->damaged = true;
		return 0;
	}
	for (unsigned i = 0; i < count; i++)
		words[i] = bytes_u64(bytes);
	term.exponent = shape->wide_base + (int)above;
	term.negative = *flags & SAVED_NEGATIVE;
	term.whole = !(*flags & SAVED_DOUBLES);
	/* what no sum can be: integers with a fraction, or more than its limbs hold */
	end = term.whole ? (int)shape->limbs * 64 : shape->wide_base + (int)shape->wide_limbs * 64;
	if ((term.whole && term.exponent < 0) ||
	    term.exponent + (int)words_bits(words, term.count) > end - 2)
		bytes->damaged = true;
	return bytes->damaged ? 0 : state_add(shape, state, &term);
}
