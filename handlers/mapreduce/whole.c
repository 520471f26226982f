/* SPDX-License-Identifier: MIT */
/* whole.c - sums of 256 bits: adding, and their decimal digits. */
#include "handlers/mapreduce/whole.h"

#include <stdbool.h>
#include <string.h>

enum {
	LIMBS = 4,
	DIGITS_MAX = 78, /* of 2^256 */
	CHUNK_DIGITS = 18,
};

static const uint64_t chunk_power = 1000000000000000000; /* 10^18 */
static const uint64_t two_to_53 = UINT64_C(1) << 53;

void whole_merge(struct whole *sum, const struct whole *term)
{
	unsigned __int128 carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (unsigned __int128)sum->limb[i] + term->limb[i];
		sum->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

void whole_add(struct whole *sum, __int128 term)
{
	uint64_t sign = term < 0 ? UINT64_MAX : 0;
	struct whole wide = {{(uint64_t)term, (uint64_t)(term >> 64), sign, sign}};

	whole_merge(sum, &wide);
}

static bool is_negative(const struct whole *number)
{
	return number->limb[LIMBS - 1] >> 63;
}

static struct whole negated(const struct whole *number)
{
	struct whole result;

	for (int i = 0; i < LIMBS; i++)
		result.limb[i] = ~number->limb[i];
	whole_add(&result, 1);
	return result;
}

static bool is_zero(const struct whole *number)
{
	uint64_t any = 0;

	for (int i = 0; i < LIMBS; i++)
		any |= number->limb[i];
	return any == 0;
}

/* Divides by 10^18; the rest. */
static uint64_t chunk_take(struct whole *number)
{
	unsigned __int128 rest = 0;

	for (int i = LIMBS - 1; i >= 0; i--) {
		rest = rest << 64 | number->limb[i];
		number->limb[i] = (uint64_t)(rest / chunk_power);
		rest %= chunk_power;
	}
	return (uint64_t)rest;
}

/* The digits of a number that is not negative, right-aligned before `end`. */
static char *digits_before(char *end, struct whole number)
{
	do {
		uint64_t chunk = chunk_take(&number);
		bool last = is_zero(&number);

		for (int i = 0; last ? chunk > 0 || i == 0 : i < CHUNK_DIGITS; i++) {
			*--end = (char)('0' + chunk % 10);
			chunk /= 10;
		}
	} while (!is_zero(&number));
	return end;
}

void whole_out(const struct whole *sum, struct json_out *out, const char *name)
{
	char text[DIGITS_MAX + CHUNK_DIGITS + 2];
	char *end = text + sizeof(text);
	struct whole size = is_negative(sum) ? negated(sum) : *sum;
	char *at = digits_before(end, size);
	bool exact = !(size.limb[1] | size.limb[2] | size.limb[3]) && size.limb[0] <= two_to_53;

	if (is_negative(sum))
		*--at = '-';
	if (exact)
		json_out_raw(out, name, at, (size_t)(end - at));
	else
		json_out_text_len(out, name, at, (size_t)(end - at));
}
