/* SPDX-License-Identifier: MIT */
/* url_idna.h - international domain names to ASCII: UTS 46 as the URL Standard asks.
 *
 * The standard's "domain to ASCII" with beStrict false: non-transitional, CheckBidi
 * and CheckJoiners on; CheckHyphens, UseSTD3ASCIIRules and VerifyDnsLength off.
 * libidn2 cannot be set so (it refuses symbols such as U+2603 that UTS 46 allows,
 * "ab--" and hyphens at the ends), so the steps are ours and the Unicode data is
 * libunistring's.  Punycode is RFC 3492.
 *
 * Deviation: a non-ASCII domain is at most IDNA_DOMAIN_MAX code points, a label
 * IDNA_LABEL_MAX; DNS takes 253 and 63 octets, and Punycode costs their square.
 *
 * Threads    any.
 * Errors     0, or -1 and ERR_FETCH_URL with the label and code point.
 */
#ifndef NET_URL_IDNA_H
#define NET_URL_IDNA_H

#include <stddef.h>

struct buf;
struct err;

enum { IDNA_DOMAIN_MAX = 1024, IDNA_LABEL_MAX = 255 };

/* Adds the ASCII form of `domain` (UTF-8, not ASCII only) to `out`. */
int idna_to_ascii(const char *domain, size_t len, struct buf *out, struct err *err);

#endif
