/* SPDX-License-Identifier: MIT */
/* units.h - durations, sizes and instants as people write them.
 *
 * Threads    every function from any thread.
 * Errors     0, or -1 and ERR_INVALID_SPEC with a hint in the detail.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/err.h"

#include <stdint.h>

/* "250ms", "30s", "1.5h", "10m", "7d": ms, s, m, h, d; a bare number is refused; what
 * is finer than 1 ms is rounded down.  At most 15 digits and 9 decimals. */
int duration_parse(const char *text, int64_t *ret_ms, struct err *err);

/* "512", "64KB", "4MB", "1GB": decimal digits with B, KB, MB, GB, TB, all powers of
 * 1024 (KiB and kin are taken too). */
int size_parse(const char *text, int64_t *ret_bytes, struct err *err);

enum { UNIT_TEXT_LEN = 24 };
/* The shortest exact form with one unit: "90s", "7d"; "4MB", "1000B". */
void duration_format(int64_t ms, char *text); /* room for UNIT_TEXT_LEN + 1 */
void size_format(int64_t bytes, char *text);

/* RFC 3339 (section 5.6), any offset: "2026-12-01T00:00:00Z", years 1970 to 9999 in
 * UTC; a leap second is the second before it. */
int instant_parse(const char *text, int64_t *ret_wall_ms, struct err *err);

enum { INSTANT_TEXT_LEN = 24 };
void instant_format(int64_t wall_ms, char text[INSTANT_TEXT_LEN + 1]); /* UTC with milliseconds */

#endif
