/* SPDX-License-Identifier: MIT */
/* charref.c - the table of names is generated from the standard's list (entities.py). */
#include "handlers/html/charref.h"

#include "base/compiler.h"

#include <stdint.h>
#include <string.h>

struct entity {
	const char *name; /* without the '&'; with the ';' where it has one */
	uint8_t len, value_len;
	char value[7];
};

#include "handlers/html/entities.inc"

/* What the bytes 0x80–0x9F mean to authors: windows-1252 (13.2.5.80). */
static const uint16_t c1_meanings[32] = {
	0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
	0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
	0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

size_t utf8_put(unsigned code, char *at)
{
	if (code < 0x80) {
		at[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		at[0] = (char)(0xC0 | code >> 6);
		at[1] = (char)(0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000) {
		at[0] = (char)(0xE0 | code >> 12);
		at[1] = (char)(0x80 | (code >> 6 & 0x3F));
		at[2] = (char)(0x80 | (code & 0x3F));
		return 3;
	}
	at[0] = (char)(0xF0 | code >> 18);
	at[1] = (char)(0x80 | (code >> 12 & 0x3F));
	at[2] = (char)(0x80 | (code >> 6 & 0x3F));
	at[3] = (char)(0x80 | (code & 0x3F));
	return 4;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static int digit_value(char c, unsigned base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && (c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

static unsigned code_meant(unsigned code)
{
	if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return 0xFFFD;
	return code >= 0x80 && code <= 0x9F ? c1_meanings[code - 0x80] : code;
}

static size_t number_read(const char *at, const char *end, char *ret_text, size_t *ret_len)
{
	const char *p = at + 2;
	unsigned base = 10;
	unsigned code = 0;
	const char *digits;

	if (p < end && (*p | 32) == 'x') {
		base = 16;
		p++;
	}
	for (digits = p; p < end && digit_value(*p, base) >= 0; p++)
		if (code <= 0x10FFFF)
			code = code * base + (unsigned)digit_value(*p, base);
	if (p == digits)
		return 0;
	if (p < end && *p == ';')
		p++;
	*ret_len = utf8_put(code_meant(code), ret_text);
	return (size_t)(p - at);
}

/* The first entity of [lo, hi), all alike before byte `at`, whose byte there is >= c. */
static size_t entity_bound(size_t lo, size_t hi, size_t at, unsigned c)
{
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if ((unsigned char)entities[mid].name[at] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The longest name that the text begins with. */
static const struct entity *entity_find(const char *text, const char *end)
{
	const struct entity *found = NULL;
	size_t lo = 0;
	size_t hi = ARRAY_LEN(entities);

	for (size_t at = 0; text + at < end; at++) {
		unsigned c = (unsigned char)text[at];

		lo = entity_bound(lo, hi, at, c);
		hi = entity_bound(lo, hi, at, c + 1);
		if (lo == hi || c == 0)
			break;
		if (entities[lo].len == at + 1)
			found = &entities[lo];
	}
	return found;
}

size_t charref_read(const char *at, const char *end, bool in_attribute,
		    char ret_text[CHARREF_BYTES_MAX], size_t *ret_len)
{
	const struct entity *entity;
	const char *after;

	if (at + 1 >= end)
		return 0;
	if (at[1] == '#')
		return number_read(at, end, ret_text, ret_len);
	if (!is_alnum(at[1]))
		return 0;
	entity = entity_find(at + 1, end);
	if (!entity)
		return 0;
	after = at + 1 + entity->len;
	if (in_attribute && after[-1] != ';' && after < end && (*after == '=' || is_alnum(*after)))
		return 0;
	memcpy(ret_text, entity->value, entity->value_len);
	*ret_len = entity->value_len;
	return (size_t)(after - at);
}
