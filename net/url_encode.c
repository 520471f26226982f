/* SPDX-License-Identifier: MIT */
/* url_encode.c - the sets, each written as the URL Standard builds it from another. */
#include "net/url_encode.h"

#include "base/buf.h"

/* clang-format off */
#define C0(c)            ((c) < 0x20 || (c) > 0x7E)
#define FRAGMENT(c)      (C0(c) || (c) == ' ' || (c) == '"' || (c) == '<' || (c) == '>' || (c) == '`')
#define QUERY(c)         (C0(c) || (c) == ' ' || (c) == '"' || (c) == '#' || (c) == '<' || (c) == '>')
#define SPECIAL_QUERY(c) (QUERY(c) || (c) == '\'')
#define PATH(c)          (QUERY(c) || (c) == '?' || (c) == '^' || (c) == '`' || (c) == '{' || (c) == '}')
#define USERINFO(c)      (PATH(c) || (c) == '/' || (c) == ':' || (c) == ';' || (c) == '=' || (c) == '@' || \
                          (c) == '[' || (c) == '\\' || (c) == ']' || (c) == '|')
#define HOST(c)          ((c) == 0 || (c) == '\t' || (c) == '\n' || (c) == '\r' || (c) == ' ' || (c) == '#' || \
                          (c) == '/' || (c) == ':' || (c) == '<' || (c) == '>' || (c) == '?' || (c) == '@' || \
                          (c) == '[' || (c) == '\\' || (c) == ']' || (c) == '^' || (c) == '|')
#define DOMAIN(c)        (HOST(c) || (c) < 0x20 || (c) == '%' || (c) == 0x7F)

#define OCTET(c) (C0(c) * URL_SET_C0 | FRAGMENT(c) * URL_SET_FRAGMENT | QUERY(c) * URL_SET_QUERY | \
                  SPECIAL_QUERY(c) * URL_SET_SPECIAL_QUERY | PATH(c) * URL_SET_PATH | \
                  USERINFO(c) * URL_SET_USERINFO | HOST(c) * URL_FORBIDDEN_HOST | \
                  DOMAIN(c) * URL_FORBIDDEN_DOMAIN)
#define FOUR(c)    OCTET(c), OCTET((c) + 1), OCTET((c) + 2), OCTET((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define QUARTER(c) SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const uint8_t url_sets[256] = {QUARTER(0), QUARTER(64), QUARTER(128), QUARTER(192)};
/* clang-format on */

static const char upper_digits[] = "0123456789ABCDEF";

int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void percent_add(struct buf *out, unsigned char octet)
{
	char text[3] = {'%', upper_digits[octet >> 4], upper_digits[octet & 15]};

	buf_add(out, text, sizeof(text));
}

void url_encode(struct buf *out, const char *text, size_t len, unsigned set)
{
	const char *end = text + len;

	while (text < end) {
		const char *run = text;

		while (text < end && !url_in_set(*text, set))
			text++;
		buf_add(out, run, (size_t)(text - run));
		for (; text < end && url_in_set(*text, set); text++)
			percent_add(out, (unsigned char)*text);
	}
}

void percent_upper(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *run = text;

		while (text < end && !percent_at(text, end))
			text++;
		buf_add(out, run, (size_t)(text - run));
		for (; percent_at(text, end); text += 3)
			percent_add(out, percent_octet(text));
	}
}
