/* SPDX-License-Identifier: MIT */
/* url_host.h - the host parser and serialiser of the URL Standard (section 3.5).
 *
 * Threads    any.
 * Errors     0, or -1 and ERR_FETCH_URL (the host) or ERR_NO_MEMORY.
 */
#ifndef NET_URL_HOST_H
#define NET_URL_HOST_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

/* Adds the serialised host to `out`.  `special`: the scheme is http or its kin, the
 * host a domain or an address; otherwise anything but an IPv6 address is opaque.
 * `offset` is where `text` stands in the URL, for the error. */
int host_parse(const char *text, size_t len, size_t offset, bool special, struct buf *out,
	       struct err *err);

#endif
