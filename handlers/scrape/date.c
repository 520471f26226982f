/* SPDX-License-Identifier: MIT */
/* date.c - a date of a page in RFC 3339: which formats are tried, and what is a date.
 *
 * A format that a language reads differently (3/4/2024) is tried only when the field
 * says the language: a guess would be wrong half of the time.
 */
#include "base/date.h"
#include "handlers/scrape/locale.h"

#include <stdio.h>
#include <string.h>

/* ISO 8601, RFC 5322 (2822), HTTP's three (RFC 9110, 5.6.7), and what people write. */
static const char *const common[] = {
	"%Y-%m-%d[T%H:%M[:%S[%f]][ %z]]",
	"%Y-%m-%d %H:%M[:%S[%f]][ %z]",
	"%Y%m%d[T%H%M[%S[%f]][%z]]",
	"%Y/%m/%d[ %H:%M[:%S]]",
	"[%a, ]%d %b %Y[ %H:%M[:%S]][ %p][ %z]",
	"[%a, ]%d-%b-%y[ %H:%M:%S][ %z]",
	"%a %b %d %H:%M:%S[ %z] %Y",
	"[%a, ]%b %d, %Y[,][ at][ %H:%M[:%S]][ %p][ %z]",
	"[%a, ]%b %d %Y",
	"[%a[,] ]%d. %b %Y[,][ %H:%M[:%S]]",
	"[%a, ]%d de %b de %Y[ %H:%M[:%S]]",
	"[%a, ]%d.%m.%Y[,][ %H:%M[:%S]]",
	"[%a, ]%d. %m. %Y[,][ %H:%M[:%S]]",
	NULL,
};

static const char *const month_first[] = {
	"%m/%d/%Y[,][ %H:%M[:%S]][ %p]",
	"%m/%d/%y",
	"%m-%d-%Y",
	NULL,
};

static const char *const day_first[] = {
	"%d/%m/%Y[,][ %H:%M[:%S]][ %p]", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%y", NULL,
};

static bool date_is_real(const struct date *date)
{
	if (date->year < 1 || date->month < 1 || date->month > 12 || date->day < 1 ||
	    date->day > month_days(date->year, date->month))
		return false;
	if ((date->morning || date->afternoon) && (date->hour < 1 || date->hour > 12))
		return false;
	return date->hour < 24 && date->minute < 60 && date->second < 61;
}

/* A day further or back. */
static void day_move(struct date *date, int by)
{
	struct day day = {.year = date->year, .month = date->month, .day = date->day};

	day = day_of(day_number(day) + by);
	date->year = day.year;
	date->month = day.month;
	date->day = day.day;
}

static void utc_make(struct date *date)
{
	int minutes;

	if (date->afternoon && date->hour < 12)
		date->hour += 12;
	else if (date->morning && date->hour == 12)
		date->hour = 0;
	if (date->second == 60)
		date->second = 59; /* a leap second is the second before it, as in instant_parse */
	minutes = date->hour * 60 + date->minute - date->offset_minutes;
	if (minutes < 0)
		day_move(date, -1);
	else if (minutes >= 24 * 60)
		day_move(date, 1);
	minutes = (minutes + 24 * 60) % (24 * 60);
	date->hour = minutes / 60;
	date->minute = minutes % 60;
}

static size_t date_write(struct date *date, char into[DATE_TEXT_MAX])
{
	int n;

	if (date->hour < 0)
		return (size_t)snprintf(into, DATE_TEXT_MAX, "%04d-%02d-%02d", date->year,
					date->month, date->day);
	utc_make(date);
	if (date->year < 1 || date->year > 9999)
		return 0;
	n = snprintf(into, DATE_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", date->year, date->month,
		     date->day, date->hour, date->minute, date->second);
	if (date->milliseconds)
		n += snprintf(into + n, DATE_TEXT_MAX - (size_t)n, ".%03d", date->milliseconds);
	n += snprintf(into + n, DATE_TEXT_MAX - (size_t)n, "Z");
	return (size_t)n;
}

static size_t formats_try(const char *const *formats, const char *text, size_t len,
			  enum locale locale, char into[DATE_TEXT_MAX])
{
	struct date date;

	for (; *formats; formats++)
		if (date_match(*formats, text, len, locale, &date) && date_is_real(&date))
			return date_write(&date, into);
	return 0;
}

size_t date_find(const char *text, size_t len, enum locale locale, const char *const *formats,
		 char into[DATE_TEXT_MAX])
{
	size_t n;

	if (formats)
		return formats_try(formats, text, len, locale, into);
	n = formats_try(common, text, len, locale, into);
	if (n > 0 || locale == LOCALE_NONE)
		return n;
	return formats_try(locale == LOCALE_EN ? month_first : day_first, text, len, locale, into);
}
