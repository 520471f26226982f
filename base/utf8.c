/* SPDX-License-Identifier: MIT */
/* utf8.c - whole texts: sixteen bytes of ASCII at once. */
#include "base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char *ascii_skip(const char *at, const char *end)
{
#ifdef __SSE2__
	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
		int mask = _mm_movemask_epi8(bytes);

		if (mask)
			return at + __builtin_ctz((unsigned)mask);
	}
#endif
	while (at < end && (unsigned char)*at < 0x80)
		at++;
	return at;
}

size_t utf8_good(const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	size_t span = 1;

	while (span > 0) {
		at = ascii_skip(at, end);
		span = utf8_span(at, end);
		at += span;
	}
	return (size_t)(at - text);
}
