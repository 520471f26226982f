/* SPDX-License-Identifier: MIT */
/* csv_index.h - where the delimiters, line ends and quotes of a block are: a word with a bit
 * for each of 64 bytes, one word at a time.
 *
 * Threads    one at a time.
 */
#ifndef HANDLERS_INPUT_CSV_INDEX_H
#define HANDLERS_INPUT_CSV_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { CSV_WORD = 64 };

struct csv_index {
	const char *at, *end; /* the 64 bytes in hand, and of the block */
	uint64_t specials;    /* those of them that were not yet told */
	bool high;	      /* are there bytes above 0x7F? */
	char delimiter, quote;
};

#ifdef __SSE2__
static inline void csv_index_bytes(struct csv_index *index, const char *bytes)
{
	const __m128i delimiters = _mm_set1_epi8(index->delimiter);
	const __m128i quotes = _mm_set1_epi8(index->quote), feeds = _mm_set1_epi8('\n');
	uint64_t specials = 0;
	int high = 0;

	for (int i = 0; i < CSV_WORD; i += 16) {
		__m128i part = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
		__m128i special = _mm_or_si128(
			_mm_cmpeq_epi8(part, delimiters),
			_mm_or_si128(_mm_cmpeq_epi8(part, quotes), _mm_cmpeq_epi8(part, feeds)));

		specials |= (uint64_t)(unsigned)_mm_movemask_epi8(special) << i;
		high |= _mm_movemask_epi8(part);
	}
	index->specials = specials;
	index->high = high != 0;
}
#else
static inline void csv_index_bytes(struct csv_index *index, const char *bytes)
{
	unsigned char high = 0;

	index->specials = 0;
	for (int i = 0; i < CSV_WORD; i++) {
		bool special = bytes[i] == index->delimiter || bytes[i] == index->quote ||
			       bytes[i] == '\n';

		index->specials |= (uint64_t)special << i;
		high |= (unsigned char)bytes[i];
	}
	index->high = high > 0x7F;
}
#endif

static inline void csv_index_load(struct csv_index *index)
{
	size_t left = (size_t)(index->end - index->at);
	char tail[CSV_WORD] = {0}; /* NUL is no special */

	if (left >= CSV_WORD) {
		csv_index_bytes(index, index->at);
		return;
	}
	memcpy(tail, index->at, left);
	csv_index_bytes(index, tail);
}

static inline void csv_index_begin(struct csv_index *index, const char *at, const char *end)
{
	index->at = at;
	index->end = end;
	csv_index_load(index);
}

/* Goes on from `at`, which is not before what was told. */
static inline void csv_index_skip(struct csv_index *index, const char *at)
{
	if (at - index->at < CSV_WORD)
		index->specials &= UINT64_MAX << (at - index->at);
	else
		csv_index_begin(index, at, index->end);
}

/* The next special byte, once; NULL: the block has no more.  *high stays true when it is, and
 * becomes true when bytes above 0x7F may be on the way. */
static inline const char *csv_index_next(struct csv_index *index, bool *high)
{
	const char *special;

	while (index->specials == 0) {
		if (index->end - index->at <= CSV_WORD)
			return NULL;
		index->at += CSV_WORD;
		csv_index_load(index);
		*high |= index->high;
	}
	special = index->at + __builtin_ctzll(index->specials);
	index->specials &= index->specials - 1;
	return special;
}

#endif
