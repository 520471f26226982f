/* SPDX-License-Identifier: MIT */
/* utf8.h - the one test of UTF-8 (RFC 3629, section 4). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

static inline bool utf8_continues(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Bytes of the well-formed sequence at `at` (1 to 4), or 0: overlong, a surrogate,
 * beyond U+10FFFF, cut off by `end`, or no sequence at all. */
static inline size_t utf8_span(const char *at, const char *end)
{
	const unsigned char *byte = (const unsigned char *)at;
	size_t left = (size_t)(end - at);

	if (left == 0)
		return 0;
	if (byte[0] < 0x80)
		return 1;
	if (left < 2 || !utf8_continues(byte[1]) || byte[0] < 0xC2 || byte[0] > 0xF4)
		return 0;
	if (byte[0] < 0xE0)
		return 2;
	if (left < 3 || !utf8_continues(byte[2]))
		return 0;
	if (byte[0] < 0xF0) {
		bool overlong = byte[0] == 0xE0 && byte[1] < 0xA0;
		bool surrogate = byte[0] == 0xED && byte[1] > 0x9F;
		return overlong || surrogate ? 0 : 3;
	}
	if (left < 4 || !utf8_continues(byte[3]))
		return 0;
	if ((byte[0] == 0xF0 && byte[1] < 0x90) || (byte[0] == 0xF4 && byte[1] > 0x8F))
		return 0;
	return 4;
}

/* Bytes of the text's longest well-formed beginning. */
size_t utf8_good(const char *text, size_t len);

/* Bytes of the text's beginning, at most `max`, that do not end inside a sequence. */
static inline size_t utf8_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && utf8_continues((unsigned char)text[max]))
		max--;
	return max;
}

#endif
