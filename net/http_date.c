/* SPDX-License-Identifier: MIT */
/* http_date.c - a small scanner and timegm(3). */
#include "net/http_date.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct scan {
	const char *at;
	bool failed;
};

static void expect(struct scan *scan, char c)
{
	if (scan->failed || *scan->at != c)
		scan->failed = true;
	else
		scan->at++;
}

static int number(struct scan *scan, int digits)
{
	int value = 0;

	for (int i = 0; i < digits && !scan->failed; i++) {
		if (!isdigit((unsigned char)*scan->at))
			scan->failed = true;
		else
			value = value * 10 + (*scan->at++ - '0');
	}
	return value;
}

/* asctime's day: two digits, or a blank and one. */
static int padded_day(struct scan *scan)
{
	if (*scan->at != ' ')
		return number(scan, 2);
	scan->at++;
	return number(scan, 1);
}

static int month(struct scan *scan)
{
	static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (int i = 0; i < 12 && !scan->failed; i++) {
		if (strncmp(scan->at, names[i], 3) == 0) {
			scan->at += 3;
			return i;
		}
	}
	scan->failed = true;
	return 0;
}

static void clock_time(struct scan *scan, struct tm *tm)
{
	tm->tm_hour = number(scan, 2);
	expect(scan, ':');
	tm->tm_min = number(scan, 2);
	expect(scan, ':');
	tm->tm_sec = number(scan, 2);
	if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
		scan->failed = true;
}

static void gmt(struct scan *scan)
{
	for (const char *c = " GMT"; *c; c++)
		expect(scan, *c);
}

/* Day, month and year with `separator` between them; two_digits: RFC 850. */
static void calendar(struct scan *scan, char separator, bool two_digits, struct tm *tm)
{
	expect(scan, ' ');
	tm->tm_mday = number(scan, 2);
	expect(scan, separator);
	tm->tm_mon = month(scan);
	expect(scan, separator);
	tm->tm_year = two_digits ? number(scan, 2) : number(scan, 4) - 1900;
	expect(scan, ' ');
	clock_time(scan, tm);
	gmt(scan);
}

static void asctime_form(struct scan *scan, struct tm *tm)
{
	expect(scan, ' ');
	tm->tm_mon = month(scan);
	expect(scan, ' ');
	tm->tm_mday = padded_day(scan);
	expect(scan, ' ');
	clock_time(scan, tm);
	expect(scan, ' ');
	tm->tm_year = number(scan, 4) - 1900;
}

static int year_of_century(int year, int64_t now_wall_s)
{
	time_t now = (time_t)now_wall_s;
	struct tm today;
	int whole;

	gmtime_r(&now, &today);
	whole = today.tm_year / 100 * 100 + year;
	if (whole > today.tm_year + 50)
		return whole - 100;
	return whole <= today.tm_year - 50 ? whole + 100 : whole;
}

int http_date_parse(const char *text, int64_t now_wall_s, int64_t *ret_wall_s)
{
	struct scan scan = {.at = text};
	struct tm tm = {0};
	size_t name_len = 0;

	while (isalpha((unsigned char)text[name_len]))
		name_len++;
	scan.at += name_len;
	if (name_len < 3 || name_len > 9)
		return -1;
	if (name_len == 3 && *scan.at == ',') {
		scan.at++;
		calendar(&scan, ' ', false, &tm);
	} else if (*scan.at == ',') {
		scan.at++;
		calendar(&scan, '-', true, &tm);
		tm.tm_year = year_of_century(tm.tm_year, now_wall_s);
	} else {
		asctime_form(&scan, &tm);
	}
	if (scan.failed || *scan.at != '\0' || tm.tm_mday < 1 || tm.tm_mday > 31)
		return -1;
	*ret_wall_s = (int64_t)timegm(&tm);
	return 0;
}
