/* SPDX-License-Identifier: MIT */
/* cookie_date.h - dates as Set-Cookie has them (RFC 6265bis, section 5.1.1).
 *
 * Not http_date.h: cookies take a time, a day, a month and a year in any order, with
 * nearly anything between them.
 *
 * Threads    every function from any thread.
 * Units      wall-clock seconds since 1970.
 */
#ifndef NET_COOKIE_DATE_H
#define NET_COOKIE_DATE_H

#include <stddef.h>
#include <stdint.h>

/* 0, or -1: no date. */
int cookie_date_parse(const char *text, size_t len, int64_t *ret_wall_s);

#endif
