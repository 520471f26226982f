/* SPDX-License-Identifier: MIT */
/* distinct.c - a set of fingerprints that becomes registers. */
#include "handlers/aggregate/distinct.h"

#include "base/compiler.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
	INDEX_BITS = 14,
	REGISTERS = 1 << INDEX_BITS,
	RANK_MAX = 64 - INDEX_BITS + 1,
	FIRST_SLOTS = 4,
};

struct distinct_print distinct_print_of(const void *bytes, size_t len)
{
	XXH128_hash_t hash = XXH3_128bits(bytes, len);

	if (hash.low64 == 0 && hash.high64 == 0)
		hash.low64 = 1;
	return (struct distinct_print){.high = hash.high64, .low = hash.low64};
}

/* ---- registers ---- */

/* The index is the top bits of `high`, the rank where its next 1 is. */
static void registers_add(uint8_t *registers, struct distinct_print print)
{
	uint64_t rest = print.high << INDEX_BITS | UINT64_C(1) << (INDEX_BITS - 1);
	uint8_t rank = (uint8_t)(1 + __builtin_clzll(rest));
	uint8_t *at = &registers[print.high >> (64 - INDEX_BITS)];

	*at = MAX(*at, rank);
}

static int distinct_switch(struct distinct *distinct)
{
	uint8_t *registers = calloc(REGISTERS, 1);

	if (!registers)
		return -1;
	for (uint64_t i = 0; i < distinct->capacity; i++)
		if (distinct->set[i].high || distinct->set[i].low)
			registers_add(registers, distinct->set[i]);
	free(distinct->set);
	*distinct = (struct distinct){.registers = registers, .capacity = UINT64_MAX};
	return 0;
}

/* Ertl 2017, section 2.3: sums over all numbers of 1 bits that the first and the last rank
 * cannot tell apart. */
static double sigma(double x)
{
	double power = 1, sum = x, before;

	if (x == 1)
		return INFINITY;
	do {
		before = sum;
		x *= x;
		sum += x * power;
		power += power;
	} while (sum != before);
	return sum;
}

static double tau(double x)
{
	double power = 1, sum = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		before = sum;
		x = sqrt(x);
		power /= 2;
		sum -= (1 - x) * (1 - x) * power;
	} while (sum != before);
	return sum / 3;
}

static uint64_t registers_count(const uint8_t *registers)
{
	unsigned ranks[RANK_MAX + 1] = {0};
	double m = REGISTERS, sum;

	for (unsigned i = 0; i < REGISTERS; i++)
		ranks[registers[i]]++;
	sum = m * tau(1 - ranks[RANK_MAX] / m);
	for (unsigned rank = RANK_MAX - 1; rank >= 1; rank--)
		sum = (sum + ranks[rank]) / 2;
	sum += m * sigma(ranks[0] / m);
	return (uint64_t)llround(m * m / (2 * log(2) * sum));
}

/* ---- the set ---- */

/* Its place, or the free one where it goes; there is a free one. */
static struct distinct_print *set_find(struct distinct_print *set, uint64_t capacity,
				       struct distinct_print print)
{
	uint64_t at = print.low & (capacity - 1);

	while ((set[at].high || set[at].low) &&
	       (set[at].high != print.high || set[at].low != print.low))
		at = (at + 1) & (capacity - 1);
	return &set[at];
}

static int set_grow(struct distinct *distinct)
{
	uint64_t capacity = distinct->capacity ? distinct->capacity * 2 : FIRST_SLOTS;
	struct distinct_print *set = calloc(capacity, sizeof(*set));

	if (!set)
		return -1;
	for (uint64_t i = 0; i < distinct->capacity; i++)
		if (distinct->set[i].high || distinct->set[i].low)
			*set_find(set, capacity, distinct->set[i]) = distinct->set[i];
	free(distinct->set);
	distinct->set = set;
	distinct->capacity = capacity;
	return 0;
}

int distinct_add(struct distinct *distinct, struct distinct_print print, uint64_t exact_max)
{
	struct distinct_print *at;

	if (distinct_is_exact(distinct)) {
		if (distinct->count * 4 >= distinct->capacity * 3 && set_grow(distinct))
			return -1;
		at = set_find(distinct->set, distinct->capacity, print);
		if (at->high || at->low)
			return 0;
		if (distinct->count < exact_max) {
			*at = print;
			distinct->count++;
			return 0;
		}
		if (distinct_switch(distinct))
			return -1;
	}
	registers_add(distinct->registers, print);
	return 0;
}

uint64_t distinct_count(const struct distinct *distinct)
{
	return distinct_is_exact(distinct) ? distinct->count : registers_count(distinct->registers);
}

void distinct_done(struct distinct *distinct)
{
	free(distinct_is_exact(distinct) ? (void *)distinct->set : distinct->registers);
}

size_t distinct_extra_bytes(const struct distinct *distinct)
{
	return distinct_is_exact(distinct) ? distinct->capacity * sizeof(*distinct->set)
					   : REGISTERS;
}

/* ---- saved: 0, count, fingerprints; or 1 and the registers ---- */

void distinct_save(const struct distinct *distinct, struct buf *into)
{
	bytes_add_uint(into, !distinct_is_exact(distinct));
	if (!distinct_is_exact(distinct)) {
		buf_add(into, distinct->registers, REGISTERS);
		return;
	}
	bytes_add_uint(into, distinct->count);
	for (uint64_t i = 0; i < distinct->capacity; i++) {
		if (!distinct->set[i].high && !distinct->set[i].low)
			continue;
		bytes_add_u64(into, distinct->set[i].high);
		bytes_add_u64(into, distinct->set[i].low);
	}
}

static int registers_absorb(struct distinct *distinct, struct bytes *bytes)
{
	const uint8_t *saved = bytes_take(bytes, REGISTERS);

	if (!saved)
		return 0;
	if (distinct_is_exact(distinct) && distinct_switch(distinct))
		return -1;
	for (unsigned i = 0; i < REGISTERS; i++) {
		if (saved[i] > RANK_MAX)
			bytes->damaged = true;
		else
			distinct->registers[i] = MAX(distinct->registers[i], saved[i]);
	}
	return 0;
}

int distinct_absorb(struct distinct *distinct, struct bytes *bytes, uint64_t exact_max)
{
	uint64_t sketched = bytes_uint(bytes), count;

	if (sketched == 1)
		return registers_absorb(distinct, bytes);
	count = bytes_uint(bytes);
	if (sketched > 1 || count > bytes_left(bytes) / sizeof(struct distinct_print)) {
		bytes->damaged = true;
		return 0;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct distinct_print print;

		print.high = bytes_u64(bytes);
		print.low = bytes_u64(bytes);
		if (!print.high && !print.low)
			bytes->damaged = true;
		else if (distinct_add(distinct, print, exact_max))
			return -1;
	}
	return 0;
}
