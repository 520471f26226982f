/* SPDX-License-Identifier: MIT */
/* primes.c - the sieve: a byte stands for 30 numbers, a bit for one that 2, 3 and 5 do not
 * divide.
 *
 * The multiples p·m of a prime whose m leaves the same rest of 30 are p bytes apart and have the
 * same bit: each prime is eight loops of a stride and a mask.  A pattern of the four smallest
 * primes is copied in first; the rest start at their square.
 */
#include "handlers/mapreduce/primes.h"

#include "base/compiler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	WHEEL = 30,
	RESIDUES = 8,
	PATTERN_BYTES = 7 * 11 * 13 * 17, /* the pattern of these four repeats */
	PATTERN_PRIME_MAX = 17,
	SEGMENT_BYTES_MIN = 32 * 1024, /* stays in the first-level cache … */
	SEGMENT_PER_ROOT = 2,	       /* … until so many bytes a prime's setup are worth more */
	SEGMENT_BYTES_MAX = 1024 * 1024,
};

static const uint8_t residues[RESIDUES] = {1, 7, 11, 13, 17, 19, 23, 29};
/* The bit of a rest; 8: 2, 3 or 5 divides it. */
static const uint8_t bit_of[WHEEL] = {8, 0, 8, 8, 8, 8, 8, 1, 8, 8, 8, 2, 8, 3, 8,
				      8, 8, 4, 8, 5, 8, 8, 8, 6, 8, 8, 8, 8, 8, 7};

struct sieve {
	uint32_t *primes; /* from 7 up to the root of the largest number */
	size_t primes_count;
	size_t segment_bytes;
	uint8_t *segment;
	uint8_t pattern[2 * PATTERN_BYTES]; /* twice, so that a copy may begin anywhere */
};

/* Clears the multiples of p, from its square on, in `len` bytes that begin with byte `first`. */
static void prime_strike(uint8_t *segment, uint64_t first, size_t len, uint64_t p)
{
	uint64_t lowest = MAX((first * WHEEL + p - 1) / p, p); /* of the m in p·m */
	uint64_t turn = lowest / WHEEL * WHEEL;

	for (int i = 0; i < RESIDUES; i++) {
		uint64_t m = turn + residues[i];
		uint64_t multiple = p * (m < lowest ? m + WHEEL : m);
		uint8_t mask = (uint8_t) ~(1u << bit_of[multiple % WHEEL]);

		for (uint64_t at = multiple / WHEEL - first; at < len; at += p)
			segment[at] &= mask;
	}
}

/* ---- making ---- */

static uint64_t root_of(uint64_t number)
{
	uint64_t root = (uint64_t)sqrt((double)number);

	while (root * root > number)
		root--;
	while ((root + 1) * (root + 1) <= number)
		root++;
	return root;
}

/* The primes from 7 to `to`, by a small sieve of their own. */
static int primes_find(struct sieve *sieve, uint64_t to)
{
	size_t len = (size_t)(to / WHEEL + 1);
	uint8_t *marks = malloc(len);
	size_t count = 0;

	if (!marks)
		return -1;
	memset(marks, 0xff, len);
	marks[0] &= 0xfe; /* 1 is no prime */
	for (uint64_t n = 7; n * n <= to; n++)
		if (bit_of[n % WHEEL] < RESIDUES && marks[n / WHEEL] >> bit_of[n % WHEEL] & 1)
			prime_strike(marks, 0, len, n);
	for (size_t i = 0; i < len; i++)
		count += (size_t)__builtin_popcount(marks[i]);
	sieve->primes = malloc((count + 1) * sizeof(*sieve->primes));
	for (size_t i = 0; i < len && sieve->primes; i++)
		for (int bit = 0; bit < RESIDUES; bit++) {
			uint64_t n = i * WHEEL + residues[bit];

			if (marks[i] >> bit & 1 && n <= to)
				sieve->primes[sieve->primes_count++] = (uint32_t)n;
		}
	free(marks);
	return sieve->primes ? 0 : -1;
}

static void pattern_make(struct sieve *sieve)
{
	memset(sieve->pattern, 0xff, sizeof(sieve->pattern));
	for (size_t i = 0; i < sizeof(sieve->pattern); i++)
		for (int bit = 0; bit < RESIDUES; bit++) {
			size_t n = i * WHEEL + residues[bit];

			if (n % 7 == 0 || n % 11 == 0 || n % 13 == 0 || n % 17 == 0)
				sieve->pattern[i] &= (uint8_t) ~(1u << bit);
		}
}

struct sieve *sieve_new(int64_t to, struct err *err)
{
	uint64_t root = root_of((uint64_t)MAX(to, 0));
	struct sieve *sieve = calloc(1, sizeof(*sieve));

	if (!sieve) {
		err_set(err, ERR_NO_MEMORY, "no memory for a sieve");
		return NULL;
	}
	sieve->segment_bytes = (size_t)MIN(MAX(root * SEGMENT_PER_ROOT, SEGMENT_BYTES_MIN),
					   (uint64_t)SEGMENT_BYTES_MAX);
	sieve->segment = malloc(sieve->segment_bytes);
	if (!sieve->segment || primes_find(sieve, root)) {
		err_set(err, ERR_NO_MEMORY, "no memory for the primes up to %llu",
			(unsigned long long)root);
		sieve_free(sieve);
		return NULL;
	}
	pattern_make(sieve);
	return sieve;
}

void sieve_free(struct sieve *sieve)
{
	if (!sieve)
		return;
	free(sieve->primes);
	free(sieve->segment);
	free(sieve);
}

/* ---- counting ---- */

static void pattern_copy(const struct sieve *sieve, uint64_t first, size_t len)
{
	size_t from = (size_t)(first % PATTERN_BYTES), at = 0;

	while (at < len) {
		size_t n = MIN(len - at, (size_t)PATTERN_BYTES);

		memcpy(sieve->segment + at, sieve->pattern + from, n);
		at += n; /* a whole pattern: the next copy begins at the same place in it */
	}
	if (first == 0)
		sieve->segment[0] = 0xfe; /* the four are primes themselves, 1 is none */
}

static uint64_t bits_count(const uint8_t *bytes, size_t len)
{
	uint64_t count = 0, word;
	size_t i = 0;

	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		count += (uint64_t)__builtin_popcountll(word);
	}
	for (; i < len; i++)
		count += (uint64_t)__builtin_popcount(bytes[i]);
	return count;
}

/* Bits of numbers outside from … to are none of this call's. */
static void ends_cut(const struct sieve *sieve, uint64_t first, size_t len, uint64_t from,
		     uint64_t to)
{
	for (int bit = 0; bit < RESIDUES; bit++) {
		uint8_t mask = (uint8_t) ~(1u << bit);

		if (first * WHEEL + residues[bit] < from)
			sieve->segment[0] &= mask;
		if ((first + len - 1) * WHEEL + residues[bit] > to)
			sieve->segment[len - 1] &= mask;
	}
}

static uint64_t segment_count(const struct sieve *sieve, uint64_t first, size_t len, uint64_t from,
			      uint64_t to)
{
	uint64_t last = (first + len) * WHEEL - 1;

	pattern_copy(sieve, first, len);
	for (size_t i = 0; i < sieve->primes_count; i++) {
		uint64_t p = sieve->primes[i];

		if (p * p > last)
			break;
		if (p > PATTERN_PRIME_MAX)
			prime_strike(sieve->segment, first, len, p);
	}
	ends_cut(sieve, first, len, from, to);
	return bits_count(sieve->segment, len);
}

uint64_t sieve_count(struct sieve *sieve, int64_t from_number, int64_t to_number)
{
	uint64_t from = (uint64_t)MAX(from_number, 0), to = (uint64_t)MAX(to_number, 0);
	uint64_t count = 0;

	if (to < from)
		return 0;
	for (uint64_t small = 2; small <= 5; small += small == 2 ? 1 : 2)
		count += from <= small && small <= to;
	for (uint64_t first = from / WHEEL; first <= to / WHEEL; first += sieve->segment_bytes) {
		size_t len = (size_t)MIN((uint64_t)sieve->segment_bytes, to / WHEEL - first + 1);

		count += segment_count(sieve, first, len, from, to);
	}
	return count;
}
