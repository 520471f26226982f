/* SPDX-License-Identifier: MIT */
/* date.h - the calendar, and RFC 3339: the one place that knows how long February is.
 *
 * Years 1 to 9999 of the proleptic Gregorian calendar, and a day is 86,400 seconds.
 *
 * Threads    every function from any thread.
 * Units      days and _ms since 1970-01-01T00:00:00Z, negative before it.
 */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct day {
	int year, month, day; /* month and day from 1 */
};

#define DAY_MS	      INT64_C(86400000)
#define MOMENT_MS_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00Z */
#define MOMENT_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

int month_days(int year, int month);
int64_t day_number(struct day day);
struct day day_of(int64_t number);

struct moment {
	int64_t ms; /* MOMENT_MS_MIN to MOMENT_MS_MAX */
	bool timed; /* not a day alone */
	bool zoned; /* with an offset; without one it was taken for UTC */
};

/* The whole text: a date, or date and time (RFC 3339, section 5.6: 'T', 't' or a blank
 * between them; what is finer than 1 ms is dropped; a leap second is the second before
 * it), and an offset or none.  False: it is neither. */
bool moment_parse(const char *text, size_t len, struct moment *ret_moment);

#endif
