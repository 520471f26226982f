/* SPDX-License-Identifier: MIT */
/* http_date.h - the three forms of a date in HTTP (RFC 9110, section 5.6.7).
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
 *   Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
 *   Sun Nov  6 08:49:37 1994          asctime
 *
 * Threads    every function from any thread.
 * Units      wall-clock seconds since 1970.
 */
#ifndef NET_HTTP_DATE_H
#define NET_HTTP_DATE_H

#include <stdint.h>

/* 0, or -1 when it is none of the three.  A two-digit year is the one within 50
 * years of now.  The name of the day is not checked against the date. */
int http_date_parse(const char *text, int64_t now_wall_s, int64_t *ret_wall_s);

#endif
