/* SPDX-License-Identifier: MIT */
/* cut.c - where records of an input begin, without reading them.
 *
 * For CSV with quotes all bytes count.  Where a quote opens a field only behind a delimiter or
 * a line end, what is inside quotes is the parity of the quotes so far, 64 bytes at once (the
 * idea of G. Langdale and D. Lemire, "Parsing Gigabytes of JSON per Second", 2019); a word in
 * which one opens elsewhere goes byte by byte, by the same rules as csv_fields.h.
 */
#include "handlers/input/format_inner.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WORD = 64, NUMBER_BYTES = 8 };

/* What the byte before was. */
enum cut_state {
	CUT_BEGIN,  /* a delimiter, a line end, or none */
	CUT_PLAIN,  /* in a field without quotes, or behind a closing quote */
	CUT_QUOTED, /* inside quotes */
	CUT_QUOTE,  /* a quote inside quotes: it closes, or is the first of two */
};

/* A bit for each byte. */
struct masks {
	uint64_t quotes, delimiters, feeds;
};

#ifdef __SSE2__
static void masks_read(const struct format *format, const char *at, struct masks *ret_masks)
{
	const __m128i quote = _mm_set1_epi8(format->quote), feed = _mm_set1_epi8('\n');
	const __m128i delimiter = _mm_set1_epi8(format->delimiter);
	struct masks masks = {0};

	for (int i = 0; i < WORD; i += 16) {
		__m128i part = _mm_loadu_si128((const __m128i *)(const void *)(at + i));

		masks.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(part, quote))
				<< i;
		masks.feeds |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(part, feed))
			       << i;
		masks.delimiters |=
			(uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(part, delimiter)) << i;
	}
	*ret_masks = masks;
}
#else
static void masks_read(const struct format *format, const char *at, struct masks *ret_masks)
{
	*ret_masks = (struct masks){0};
	for (int i = 0; i < WORD; i++) {
		ret_masks->quotes |= (uint64_t)(at[i] == format->quote) << i;
		ret_masks->feeds |= (uint64_t)(at[i] == '\n') << i;
		ret_masks->delimiters |= (uint64_t)(at[i] == format->delimiter) << i;
	}
}
#endif

/* Bit i: the parity of the bits up to and with i. */
static uint64_t parities(uint64_t bits)
{
	for (int shift = 1; shift < WORD; shift *= 2)
		bits ^= bits << shift;
	return bits;
}

/* 64 bytes.  False: a quote stands where none may open. */
static bool word_cut(const struct format *format, const char *at, unsigned *state,
		     const char **last)
{
	struct masks masks;
	uint64_t inside, before, bits, ends;

	masks_read(format, at, &masks);
	inside = parities(masks.quotes);
	if (*state == CUT_QUOTED)
		inside = ~inside;
	ends = masks.delimiters | masks.feeds;
	/* behind these a quote opens: two quotes in quotes close and open again */
	before = (ends | (masks.quotes & ~inside)) << 1 |
		 (*state == CUT_BEGIN || *state == CUT_QUOTE);
	if (masks.quotes & inside & ~before)
		return false;
	bits = masks.feeds & ~inside;
	if (bits)
		*last = at + WORD - __builtin_clzll(bits);
	if (inside >> (WORD - 1))
		*state = CUT_QUOTED;
	else if (masks.quotes >> (WORD - 1))
		*state = CUT_QUOTE;
	else
		*state = ends >> (WORD - 1) ? CUT_BEGIN : CUT_PLAIN;
	return true;
}

static unsigned byte_cut(const struct format *format, char byte, unsigned state)
{
	if (state == CUT_QUOTED)
		return byte == format->quote ? CUT_QUOTE : CUT_QUOTED;
	if (byte == format->quote && state != CUT_PLAIN)
		return CUT_QUOTED;
	return byte == format->delimiter || byte == '\n' ? CUT_BEGIN : CUT_PLAIN;
}

static void bytes_cut(const struct format *format, const char *at, size_t len, unsigned *state,
		      const char **last)
{
	for (const char *end = at + len; at < end; at++) {
		*state = byte_cut(format, *at, *state);
		if (*at == '\n' && *state == CUT_BEGIN)
			*last = at + 1;
	}
}

/* A block without quotes is all inside or all outside. */
static size_t unquoted_cut(const struct format *format, const char *block, size_t len,
			   unsigned *state)
{
	const char *feed;

	if (*state == CUT_QUOTED)
		return 0;
	*state = byte_cut(format, block[len - 1], CUT_PLAIN);
	feed = memrchr(block, '\n', len);
	return feed ? (size_t)(feed + 1 - block) : 0;
}

static size_t quoted_cut(const struct format *format, const char *block, size_t len,
			 unsigned *state)
{
	const char *at = block, *last = block;

	if (len > 0 && !memchr(block, format->quote, len))
		return unquoted_cut(format, block, len, state);
	for (; len >= WORD; at += WORD, len -= WORD)
		if (!word_cut(format, at, state, &last))
			bytes_cut(format, at, WORD, state, &last);
	bytes_cut(format, at, len, state, &last);
	return (size_t)(last - block);
}

size_t format_cut(const struct format *format, const char *block, size_t len, struct cut *cut)
{
	const char *feed;
	size_t whole;

	switch (format->kind) {
	case FORMAT_F64:
	case FORMAT_I64:
		whole = (cut->state + len) / NUMBER_BYTES * NUMBER_BYTES;
		whole = whole > cut->state ? whole - cut->state : 0;
		cut->state = (unsigned)((cut->state + len) % NUMBER_BYTES);
		return whole;
	case FORMAT_CSV:
		if (format->quotes)
			return quoted_cut(format, block, len, &cut->state);
		break;
	case FORMAT_JSON:
		return 0;
	default:
		break;
	}
	feed = len > 0 ? memrchr(block, '\n', len) : NULL;
	return feed ? (size_t)(feed + 1 - block) : 0;
}
