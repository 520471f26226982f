/* SPDX-License-Identifier: MIT */
/* guard.c - the table of ranges, and the order in which it is asked.
 *
 * An address is 16 octets, IPv4 as IPv4-mapped (RFC 4291, 2.5.5.2), so that one
 * comparison of a prefix serves both families and a mapped address has no second face.
 *
 *   own listening address -> denied;  allowed by the operator -> allowed;
 *   first row of the table that holds it -> as the row says.
 */
#include "net/guard.h"

#include "base/compiler.h"
#include "base/err.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { V4_BITS = 96, CIDR_LEN = INET6_ADDRSTRLEN + 4 };

#define OCTETS(...)                                                                                \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define V4(...) OCTETS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, __VA_ARGS__)

struct address {
	uint8_t octet[16];
};

struct range {
	struct address first;
	unsigned bits;
};

/* The first row that holds an address decides; the last rows hold everything. */
/* clang-format off */
static const struct row {
	struct range range;
	const char *reason; /* NULL: allowed */
} table[] = {
	/* IPv4: the IANA special-purpose registry (RFC 6890), multicast, and a cloud's own */
	{{{V4(0)}, 96 + 8},              "this network (RFC 1122)"},
	{{{V4(10)}, 96 + 8},             "a private network (RFC 1918)"},
	{{{V4(100, 64)}, 96 + 10},       "carrier-grade NAT (RFC 6598)"},
	{{{V4(127)}, 96 + 8},            "loopback"},
	{{{V4(169, 254)}, 96 + 16},      "link-local, where clouds keep credentials (RFC 3927)"},
	{{{V4(172, 16)}, 96 + 12},       "a private network (RFC 1918)"},
	{{{V4(192, 0, 0)}, 96 + 24},     "for protocol assignments (RFC 6890)"},
	{{{V4(192, 0, 2)}, 96 + 24},     "for documentation (RFC 5737)"},
	{{{V4(192, 31, 196)}, 96 + 24},  "AS112 (RFC 7535)"},
	{{{V4(192, 52, 193)}, 96 + 24},  "AMT (RFC 7450)"},
	{{{V4(192, 88, 99)}, 96 + 24},   "a 6to4 relay (RFC 7526)"},
	{{{V4(192, 168)}, 96 + 16},      "a private network (RFC 1918)"},
	{{{V4(192, 175, 48)}, 96 + 24},  "AS112 (RFC 7534)"},
	{{{V4(198, 18)}, 96 + 15},       "for benchmarks (RFC 2544)"},
	{{{V4(198, 51, 100)}, 96 + 24},  "for documentation (RFC 5737)"},
	{{{V4(203, 0, 113)}, 96 + 24},   "for documentation (RFC 5737)"},
	{{{V4(224)}, 96 + 4},            "multicast (RFC 5771)"},
	{{{V4(240)}, 96 + 4},            "reserved (RFC 1112)"},
	{{{V4(168, 63, 129, 16)}, 128},  "a cloud's own service (Azure)"},
	{{{V4(0)}, 96},                  NULL},

	/* IPv6: only 2000::/3 is global unicast (RFC 4291), and not all of it */
	{{{OCTETS(0x20, 0x01, 0, 0)}, 32},             "Teredo (RFC 4380)"},
	{{{OCTETS(0x20, 0x01)}, 23},                   "for protocol assignments (RFC 2928)"},
	{{{OCTETS(0x20, 0x01, 0x0D, 0xB8)}, 32},       "for documentation (RFC 3849)"},
	{{{OCTETS(0x20, 0x02)}, 16},                   "6to4 (RFC 3056)"},
	{{{OCTETS(0x3F, 0xFF)}, 20},                   "for documentation (RFC 9637)"},
	{{{OCTETS(0x20)}, 3},                          NULL},

	/* what is left gets a name where it has one */
	{{{OCTETS(0)}, 128},                           "the unspecified address"},
	{{{OCTETS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)}, 128}, "loopback"},
	{{{OCTETS(0)}, 96},                            "IPv4-compatible (RFC 4291)"},
	{{{OCTETS(0x00, 0x64, 0xFF, 0x9B)}, 96},       "NAT64 (RFC 6052)"},
	{{{OCTETS(0x00, 0x64, 0xFF, 0x9B, 0, 1)}, 48}, "NAT64 (RFC 8215)"},
	{{{OCTETS(0x01)}, 64},                         "discarded (RFC 6666)"},
	{{{OCTETS(0xFC)}, 7},                          "a private network (RFC 4193)"},
	{{{OCTETS(0xFE, 0x80)}, 10},                   "link-local (RFC 4291)"},
	{{{OCTETS(0xFE, 0xC0)}, 10},                   "site-local (RFC 3879)"},
	{{{OCTETS(0xFF)}, 8},                          "multicast (RFC 4291)"},
	{{{OCTETS(0)}, 0},                             "not global unicast (RFC 4291)"},
};
/* clang-format on */

struct own {
	struct address address;
	uint16_t port;
};

struct guard {
	struct range allowed[GUARD_ALLOW_MAX];
	unsigned allowed_count;
	struct own own[GUARD_OWN_MAX];
	unsigned own_count;
};

struct guard *guard_new(void)
{
	return calloc(1, sizeof(struct guard));
}

void guard_free(struct guard *guard)
{
	free(guard);
}

/* Only IPv4 and IPv6 have addresses here. */
static int address_read(const struct sockaddr *from, struct address *ret, uint16_t *ret_port)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

	if (from->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, from, sizeof(in));
		memcpy(ret->octet, mapped, sizeof(mapped));
		memcpy(ret->octet + 12, &in.sin_addr, 4);
		*ret_port = ntohs(in.sin_port);
		return 0;
	}
	if (from->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, from, sizeof(in6));
		memcpy(ret->octet, &in6.sin6_addr, sizeof(ret->octet));
		*ret_port = ntohs(in6.sin6_port);
		return 0;
	}
	return -1;
}

static bool range_holds(const struct range *range, const struct address *address)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;
	uint8_t differ;

	if (memcmp(range->first.octet, address->octet, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	differ = range->first.octet[whole] ^ address->octet[whole];
	return differ >> (8 - rest) == 0;
}

static bool is_v4(const struct address *address)
{
	static const struct range mapped = {{V4(0)}, V4_BITS};

	return range_holds(&mapped, address);
}

static const struct row *row_of(const struct address *address)
{
	const struct row *row = table;

	while (!range_holds(&row->range, address))
		row++; /* the last holds all */
	return row;
}

static bool is_loopback(const struct address *address)
{
	static const struct range loopbacks[] = {
		{{V4(127)}, V4_BITS + 8},
		{{OCTETS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)}, 128},
	};

	return range_holds(&loopbacks[0], address) || range_holds(&loopbacks[1], address);
}

/* 0.0.0.0 and ::, which a connect() takes for loopback. */
static bool is_unspecified(const struct address *address)
{
	static const struct range v4 = {{V4(0)}, 128}, v6 = {{OCTETS(0)}, 128};

	return range_holds(&v4, address) || range_holds(&v6, address);
}

static bool is_own(const struct guard *guard, const struct address *address, uint16_t port)
{
	bool here = is_loopback(address) || is_unspecified(address);

	for (unsigned i = 0; i < guard->own_count; i++) {
		const struct own *own = &guard->own[i];

		if (own->port != port)
			continue;
		if (memcmp(&own->address, address, sizeof(*address)) == 0 ||
		    (is_unspecified(&own->address) && here) ||
		    (is_loopback(&own->address) && is_unspecified(address)))
			return true;
	}
	return false;
}

/* "::/0" opens IPv6 only, although mapped addresses are inside of it. */
static bool is_allowed(const struct guard *guard, const struct address *address)
{
	unsigned bits_min = is_v4(address) ? V4_BITS : 0;

	for (unsigned i = 0; i < guard->allowed_count; i++)
		if (guard->allowed[i].bits >= bits_min && range_holds(&guard->allowed[i], address))
			return true;
	return false;
}

static const char *address_text(const struct address *address, char text[INET6_ADDRSTRLEN])
{
	if (is_v4(address))
		return inet_ntop(AF_INET, address->octet + 12, text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, address->octet, text, INET6_ADDRSTRLEN);
}

/* "127.0.0.0/8" */
static const char *range_text(const struct range *range, char text[CIDR_LEN])
{
	bool v4 = is_v4(&range->first) && range->bits >= V4_BITS;
	size_t len = strlen(address_text(&range->first, text));

	snprintf(text + len, CIDR_LEN - len, "/%u", v4 ? range->bits - V4_BITS : range->bits);
	return text;
}

/* ---- what the operator says ---- */

/* The prefix length behind the slash, at most `max`; -1: not one. */
static int bits_read(const char *text, int max)
{
	int bits = 0;

	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 3)
		return -1;
	for (; *text; text++)
		bits = bits * 10 + (*text - '0');
	return bits <= max ? bits : -1;
}

static void host_bits_clear(struct range *range)
{
	for (unsigned bit = range->bits; bit < 128; bit++)
		range->first.octet[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
}

static int range_read(const char *cidr, struct range *ret, struct err *err)
{
	const char *slash = strchr(cidr, '/');
	size_t len = slash ? (size_t)(slash - cidr) : strlen(cidr);
	char text[INET6_ADDRSTRLEN], right[CIDR_LEN];
	struct range range = {{V4(0)}, 128};
	int bits, v4;

	if (len == 0 || len >= sizeof(text))
		return err_set(err, ERR_INVALID_SPEC, "%.60s is not a network such as 10.0.0.0/8",
			       cidr);
	memcpy(text, cidr, len);
	text[len] = '\0';
	v4 = inet_pton(AF_INET, text, range.first.octet + 12) == 1;
	if (!v4 && inet_pton(AF_INET6, text, range.first.octet) != 1)
		return err_set(err, ERR_INVALID_SPEC, "%.60s is not a network such as 10.0.0.0/8",
			       cidr);
	if (slash) {
		bits = bits_read(slash + 1, v4 ? 32 : 128);
		if (bits < 0)
			return err_set(err, ERR_INVALID_SPEC,
				       "%.60s has no prefix length from 0 to %d", cidr,
				       v4 ? 32 : 128);
		range.bits = (unsigned)bits + (v4 ? V4_BITS : 0);
	}
	*ret = range;
	host_bits_clear(ret);
	if (memcmp(&ret->first, &range.first, sizeof(range.first)) != 0)
		return err_set(err, ERR_INVALID_SPEC, "%.60s is not a network: did you mean %s?",
			       cidr, range_text(ret, right));
	return 0;
}

int guard_allow(struct guard *guard, const char *cidr, struct err *err)
{
	struct range range;

	if (range_read(cidr, &range, err))
		return -1;
	if (guard->allowed_count == GUARD_ALLOW_MAX)
		return err_set(err, ERR_LIMIT, "more than %d allowed networks", GUARD_ALLOW_MAX);
	guard->allowed[guard->allowed_count++] = range;
	return 0;
}

int guard_deny_own(struct guard *guard, const struct sockaddr *address, struct err *err)
{
	struct own own;

	if (address_read(address, &own.address, &own.port))
		return 0; /* a Unix socket cannot be fetched from */
	if (guard->own_count == GUARD_OWN_MAX)
		return err_set(err, ERR_LIMIT, "more than %d listening addresses", GUARD_OWN_MAX);
	guard->own[guard->own_count++] = own;
	return 0;
}

/* ---- the questions ---- */

int guard_check(const struct guard *guard, const struct sockaddr *address, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	struct address octets;
	const struct row *row;
	uint16_t port;

	if (address_read(address, &octets, &port))
		return err_set(err, ERR_FETCH_GUARD, "address is neither IPv4 nor IPv6");
	if (is_own(guard, &octets, port))
		return err_set(err, ERR_FETCH_GUARD, "%s port %u is where this daemon listens",
			       address_text(&octets, text), port);
	if (is_allowed(guard, &octets))
		return 0;
	row = row_of(&octets);
	if (!row->reason)
		return 0;
	return err_set(err, ERR_FETCH_GUARD, "%s is %s", address_text(&octets, text), row->reason);
}

bool guard_inside(const struct guard *guard, const struct sockaddr *address)
{
	struct address octets;
	uint16_t port;

	return address_read(address, &octets, &port) == 0 && is_allowed(guard, &octets);
}

const char *guard_hint(const struct guard *guard, const struct sockaddr *address,
		       char text[GUARD_HINT_LEN])
{
	char cidr[CIDR_LEN];
	struct range range;
	struct err err;
	uint16_t port;

	text[0] = '\0';
	if (guard_check(guard, address, &err) == 0 || address_read(address, &range.first, &port) ||
	    is_own(guard, &range.first, port))
		return text;
	range.bits = 128;
	if (row_of(&range.first)->range.bits > 0)
		range = row_of(&range.first)->range;
	snprintf(text, GUARD_HINT_LEN, "serve --allow-net %s", range_text(&range, cidr));
	return text;
}

int guard_check_name(const struct guard *guard, const char *name, size_t len, struct err *err)
{
	static const char *const refused[] = {"local", "internal", "onion"};

	(void)guard; /* no operator's word opens these */
	while (len > 0 && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		size_t tail = strlen(refused[i]);

		if (len < tail || strncasecmp(name + len - tail, refused[i], tail) != 0)
			continue;
		if (len == tail || name[len - tail - 1] == '.')
			return err_set(err, ERR_FETCH_GUARD, "names under .%s are not looked up",
				       refused[i]);
	}
	return 0;
}
