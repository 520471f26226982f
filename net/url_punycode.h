/* SPDX-License-Identifier: MIT */
/* url_punycode.h - Punycode (RFC 3492) of one label, without the "xn--".
 *
 * Threads    any.
 * Units      lengths in code points; `max` is the room at `out`.
 * Errors     the length written, or -1: not Punycode, or no room.
 */
#ifndef NET_URL_PUNYCODE_H
#define NET_URL_PUNYCODE_H

#include <stddef.h>
#include <stdint.h>

int punycode_encode(const uint32_t *label, size_t len, char *out, size_t max);
int punycode_decode(const uint32_t *text, size_t len, uint32_t *out, size_t max);

#endif
