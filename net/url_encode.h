/* SPDX-License-Identifier: MIT */
/* url_encode.h - the code-point classes of the URL Standard, and percent-encoding.
 *
 * One byte per octet value, one bit per class, so that every scanner of net/url is
 * a table look-up.  Octets from 0x80 are in every encode set: a URL is ASCII.
 *
 * Threads    any.
 */
#ifndef NET_URL_ENCODE_H
#define NET_URL_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* URL Standard, sections 1.3 (percent-encode sets) and 3.1 (forbidden code points). */
enum url_set {
	URL_SET_C0 = 1 << 0,
	URL_SET_FRAGMENT = 1 << 1,
	URL_SET_QUERY = 1 << 2,
	URL_SET_SPECIAL_QUERY = 1 << 3,
	URL_SET_PATH = 1 << 4,
	URL_SET_USERINFO = 1 << 5,
	URL_FORBIDDEN_HOST = 1 << 6,   /* in any host; U+0080 and above are not */
	URL_FORBIDDEN_DOMAIN = 1 << 7, /* in a host of http and the like */
};

extern const uint8_t url_sets[256];

static inline bool url_in_set(char c, unsigned set)
{
	return url_sets[(unsigned char)c] & set;
}

int hex_value(char c); /* 0 to 15, or -1 */

/* Is there a percent-encoded octet at `at`? */
static inline bool percent_at(const char *at, const char *end)
{
	return end - at >= 3 && *at == '%' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0;
}

/* The octet that the three bytes at `at` encode; percent_at() holds. */
static inline unsigned char percent_octet(const char *at)
{
	return (unsigned char)(hex_value(at[1]) << 4 | hex_value(at[2]));
}

/* Adds `text` with each octet of `set` as %XX.  Failures show in buf_ok(). */
void url_encode(struct buf *out, const char *text, size_t len, unsigned set);
void percent_add(struct buf *out, unsigned char octet); /* "%2F" */

/* Adds `text` with each percent-encoded octet in upper case. */
void percent_upper(struct buf *out, const char *text, size_t len);

#endif
