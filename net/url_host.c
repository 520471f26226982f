/* SPDX-License-Identifier: MIT */
/* url_host.c - domains, IPv4 in all its spellings, IPv6, opaque hosts.
 *
 * url.c calls it with what stands between the authority's marks.  A domain of plain
 * ASCII is copied in lower case; only others are decoded and see UTS 46.
 */
#include "net/url_host.h"

#include "base/buf.h"
#include "base/err.h"
#include "net/url_encode.h"
#include "net/url_idna.h"

#include <stdint.h>
#include <string.h>

enum { IPV4_PARTS = 4, IPV6_PIECES = 8 };

static int ipv6_parse(const char *at, const char *end, uint16_t piece[IPV6_PIECES]);
static void ipv6_write(const uint16_t piece[IPV6_PIECES], struct buf *out);
static int opaque_parse(const char *text, size_t len, size_t offset, struct buf *out,
			struct err *err);
static int domain_parse(const char *text, size_t len, size_t offset, struct buf *out,
			struct err *err);
static int domain_finish(size_t start, size_t offset, struct buf *out, struct err *err);

int host_parse(const char *text, size_t len, size_t offset, bool special, struct buf *out,
	       struct err *err)
{
	uint16_t piece[IPV6_PIECES];

	if (len > 0 && text[0] == '[') {
		if (text[len - 1] != ']')
			return err_set(err, ERR_FETCH_URL,
				       "host has no ']' for the '[' at offset %zu", offset);
		if (ipv6_parse(text + 1, text + len - 1, piece))
			return err_set(err, ERR_FETCH_URL,
				       "host is not a valid IPv6 address at offset %zu", offset);
		ipv6_write(piece, out);
		return 0;
	}
	return special ? domain_parse(text, len, offset, out, err)
		       : opaque_parse(text, len, offset, out, err);
}

static int forbidden(char c, size_t offset, struct err *err)
{
	if (c > ' ' && c < 0x7F)
		return err_set(err, ERR_FETCH_URL,
			       "host has a forbidden character '%c' at offset %zu", c, offset);
	if (c == ' ')
		return err_set(err, ERR_FETCH_URL, "host has a space at offset %zu", offset);
	return err_set(err, ERR_FETCH_URL, "host has a control character %%%02X at offset %zu",
		       (unsigned char)c, offset);
}

static int opaque_parse(const char *text, size_t len, size_t offset, struct buf *out,
			struct err *err)
{
	for (size_t i = 0; i < len; i++)
		if (url_in_set(text[i], URL_FORBIDDEN_HOST))
			return forbidden(text[i], offset + i, err);
	url_encode(out, text, len, URL_SET_C0);
	return 0;
}

/* ---- domains ---- */

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80 || text[i] == '%')
			return false;
	return true;
}

static void lower_add(struct buf *out, const char *text, size_t len)
{
	char *room = buf_room(out, len);

	if (!room)
		return;
	for (size_t i = 0; i < len; i++)
		room[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
	buf_grown(out, len);
}

static void percent_decode(struct buf *to, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		if (percent_at(text, end)) {
			buf_add_byte(to, (char)percent_octet(text));
			text += 3;
		} else {
			buf_add_byte(to, *text++);
		}
	}
}

static int domain_parse(const char *text, size_t len, size_t offset, struct buf *out,
			struct err *err)
{
	size_t start = out->len;
	struct buf decoded = BUF(len + 1);
	int rc = 0;

	if (is_plain(text, len)) {
		lower_add(out, text, len);
		return domain_finish(start, offset, out, err);
	}
	percent_decode(&decoded, text, len);
	if (!buf_ok(&decoded))
		rc = err_set(err, ERR_NO_MEMORY, "no memory for a host name");
	else if (is_plain(decoded.data, decoded.len) || memchr(decoded.data, '%', decoded.len))
		lower_add(out, decoded.data, decoded.len); /* a '%' left is forbidden below */
	else
		rc = idna_to_ascii(decoded.data, decoded.len, out, err);
	buf_done(&decoded);
	return rc ? rc : domain_finish(start, offset, out, err);
}

/* ---- IPv4 (section 3.5: the ends-in-a-number checker and the IPv4 parser) ---- */

struct ipv4_part {
	const char *at;
	size_t len;
};

/* A decimal, 0octal or 0xhex number; values beyond 32 bits stay beyond. */
static bool ipv4_number(const struct ipv4_part *part, uint64_t *ret)
{
	const char *at = part->at, *end = at + part->len;
	uint64_t value = 0;
	int base = 10;

	if (at == end)
		return false;
	if (end - at >= 2 && at[0] == '0' && (at[1] | 0x20) == 'x') {
		base = 16;
		at += 2;
	} else if (end - at >= 2 && at[0] == '0') {
		base = 8;
		at++;
	}
	for (; at < end; at++) {
		int digit = hex_value(*at);

		if (digit < 0 || digit >= base)
			return false;
		if (value <= UINT32_MAX)
			value = value * (uint64_t)base + (uint64_t)digit;
	}
	*ret = value;
	return true;
}

/* The part behind the last full stop, one at the very end aside. */
static struct ipv4_part last_part(const char *host, size_t *len)
{
	size_t start;

	if (*len > 1 && host[*len - 1] == '.')
		--*len;
	for (start = *len; start > 0 && host[start - 1] != '.';)
		start--;
	return (struct ipv4_part){.at = host + start, .len = *len - start};
}

static bool ends_in_number(const char *host, size_t len)
{
	struct ipv4_part last = last_part(host, &len);
	bool digits = last.len > 0;
	uint64_t value;

	for (size_t i = 0; i < last.len && digits; i++)
		digits = last.at[i] >= '0' && last.at[i] <= '9';
	return digits || ipv4_number(&last, &value);
}

static int ipv4_parse(const char *host, size_t len, uint32_t *ret)
{
	const char *end;
	uint64_t value, address = 0;
	unsigned count = 0;

	last_part(host, &len); /* takes the full stop off */
	end = host + len;
	for (;; host++) {
		const char *stop = memchr(host, '.', (size_t)(end - host));
		struct ipv4_part part = {host, (size_t)((stop ? stop : end) - host)};

		if (++count > IPV4_PARTS || !ipv4_number(&part, &value))
			return -1;
		if (!stop)
			break;
		if (value > 255)
			return -1;
		address |= value << (8 * (IPV4_PARTS - count));
		host = stop;
	}
	if (value >= 1ULL << (8 * (IPV4_PARTS + 1 - count)))
		return -1;
	*ret = (uint32_t)(address | value);
	return 0;
}

/* What stands in `out` from `start` is the domain in ASCII: check it, or make it the
 * IPv4 address that it spells. */
static int domain_finish(size_t start, size_t offset, struct buf *out, struct err *err)
{
	size_t len = out->len - start;
	uint32_t address;

	if (!buf_ok(out))
		return err_set(err, ERR_NO_MEMORY, "no memory for a host name");
	if (len == 0)
		return err_set(err, ERR_FETCH_URL, "host is empty at offset %zu", offset);
	for (size_t i = 0; i < len; i++)
		if (url_in_set(out->data[start + i], URL_FORBIDDEN_DOMAIN))
			return forbidden(out->data[start + i], offset + i, err);
	if (!ends_in_number(out->data + start, len))
		return 0;
	if (ipv4_parse(out->data + start, len, &address))
		return err_set(err, ERR_FETCH_URL,
			       "host ends in a number but is no IPv4 address at offset %zu",
			       offset);
	buf_cut(out, start);
	buf_printf(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
		   address & 255);
	return 0;
}

/* ---- IPv6 ---- */

/* The dotted last 32 bits, decimal without leading zeros, up to `end`. */
static int ipv6_dotted(const char *at, const char *end, uint16_t piece[2])
{
	for (unsigned i = 0; i < IPV4_PARTS; i++) {
		const char *first = at;
		unsigned value = 0;

		if (i > 0 && (at == end || *at++ != '.'))
			return -1;
		for (first = at; at < end && *at >= '0' && *at <= '9' && value <= 255; at++)
			value = value * 10 + (unsigned)(*at - '0');
		if (at == first || value > 255 || (at - first > 1 && *first == '0'))
			return -1;
		piece[i / 2] = (uint16_t)(piece[i / 2] << 8 | value);
	}
	return at == end ? 0 : -1;
}

/* Moves what follows "::" to the end. */
static void ipv6_spread(uint16_t piece[IPV6_PIECES], int count, int gap)
{
	int tail = count - gap;

	memmove(piece + IPV6_PIECES - tail, piece + gap, (size_t)tail * sizeof(*piece));
	memset(piece + gap, 0, (size_t)(IPV6_PIECES - count) * sizeof(*piece));
}

static int ipv6_parse(const char *at, const char *end, uint16_t piece[IPV6_PIECES])
{
	int count = 0, gap = -1;

	memset(piece, 0, IPV6_PIECES * sizeof(*piece));
	if (at < end && *at == ':') {
		if (end - at < 2 || at[1] != ':')
			return -1;
		at += 2;
		gap = 0;
	}
	while (at < end) {
		const char *first = at;
		unsigned value = 0;

		if (count == IPV6_PIECES)
			return -1;
		if (*at == ':') { /* the second of a pair */
			if (gap >= 0 || count == 0)
				return -1;
			gap = count;
			at++;
			continue;
		}
		for (; at < end && at - first < 4 && hex_value(*at) >= 0; at++)
			value = value << 4 | (unsigned)hex_value(*at);
		if (at < end && *at == '.') {
			if (count > IPV6_PIECES - 2 || ipv6_dotted(first, end, piece + count))
				return -1;
			count += 2;
			break;
		}
		if (at == first || (at < end && (*at++ != ':' || at == end)))
			return -1;
		piece[count++] = (uint16_t)value;
	}
	if (gap < 0)
		return count == IPV6_PIECES ? 0 : -1;
	if (count == IPV6_PIECES)
		return -1;
	ipv6_spread(piece, count, gap);
	return 0;
}

/* RFC 5952: the first longest run of two zeros or more becomes "::". */
static void ipv6_write(const uint16_t piece[IPV6_PIECES], struct buf *out)
{
	int best = -1, best_len = 1;

	for (int i = 0, run = 0; i < IPV6_PIECES; i++) {
		run = piece[i] == 0 ? run + 1 : 0;
		if (run > best_len) {
			best = i - run + 1;
			best_len = run;
		}
	}
	buf_add_byte(out, '[');
	for (int i = 0; i < IPV6_PIECES; i++) {
		if (i == best) {
			buf_add_text(out, i == 0 ? "::" : ":");
			i += best_len - 1;
			continue;
		}
		buf_printf(out, "%x%s", piece[i], i < IPV6_PIECES - 1 ? ":" : "");
	}
	buf_add_byte(out, ']');
}
