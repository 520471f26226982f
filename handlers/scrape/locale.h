/* SPDX-License-Identifier: MIT */
/* locale.h - how people of a language write numbers and dates.
 *
 * Only what a page's text cannot tell by itself: which mark is the decimal one, the
 * order of 3/4/2024, the names of months.
 *
 * Threads    constants; every function from any thread.
 */
#ifndef SCRAPE_LOCALE_H
#define SCRAPE_LOCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum locale {
	LOCALE_NONE, /* nothing was said: what is ambiguous stays unread */
	LOCALE_EN,
	LOCALE_EN_GB,
	LOCALE_DE,
	LOCALE_DE_CH,
	LOCALE_ES,
	LOCALE_FR,
	LOCALE_IT,
	LOCALE_NL,
	LOCALE_PT,
	LOCALES,
};

extern const char *const locale_names[]; /* "en", …: from LOCALE_EN on, ended by NULL */

/* ---- number.c ---- */

/* The first number in a text ("from 1.234,50 EUR"), in JSON's spelling; its length, or
 * 0: there is none, or it has more than NUMBER_TEXT_MAX digits.  Without a locale a mark
 * is the decimal one when it comes last, once, and is no comma before exactly three
 * digits of a text that has no other mark. */
enum { NUMBER_TEXT_MAX = 64 };
size_t number_find(const char *text, size_t len, enum locale locale, char into[NUMBER_TEXT_MAX]);

/* ---- date.c ---- */

/* A date as a page shows it, in RFC 3339: "2024-03-05", or with a time in UTC
 * "2024-03-05T10:00:00Z" (milliseconds when they are not zero).  The whole text must be
 * the date.  `formats` ended by NULL, or NULL: the common ones of the web.  0: none
 * fits.  A time without a zone is taken as UTC. */
enum { DATE_TEXT_MAX = 32 };
size_t date_find(const char *text, size_t len, enum locale locale, const char *const *formats,
		 char into[DATE_TEXT_MAX]);

/* Is it a format: %d %m %Y … of strptime, [what may be absent]?  False: *ret_offset is
 * what is wrong. */
enum { DATE_FORMAT_BYTES_MAX = 100, DATE_FORMATS_MAX = 16 };
bool date_format_check(const char *format, size_t *ret_offset);

/* ---- date_match.c: a text against one format ---- */

struct date {
	int year, month, day;	  /* day 0: not said */
	int hour, minute, second; /* hour -1: no time */
	int milliseconds;
	int offset_minutes;	 /* east of UTC */
	bool afternoon, morning; /* %p */
};

bool date_match(const char *format, const char *text, size_t len, enum locale locale,
		struct date *ret_date);
/* The month (1 … 12) whose name, or the first letters of it, begins the text; 0: none. */
unsigned month_find(const char *text, size_t len, enum locale locale, size_t *ret_len);

#endif
