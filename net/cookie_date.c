/* SPDX-License-Identifier: MIT */
/* cookie_date.c - tokens, each taken for the first thing still missing that it looks like.
 * Called by set_cookie.c. */
#include "net/cookie_date.h"

#include "base/compiler.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct parts {
	bool have_time, have_day, have_month, have_year;
	int hour, minute, second, day, month, year;
};

static bool is_delimiter(char c)
{
	return c == '\t' || (c >= ' ' && c <= '/') || (c >= ';' && c <= '@') ||
	       (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/* lo to hi digits that no further digit follows; moves *at behind them. */
static bool digits(const char **at, const char *end, int lo, int hi, int *ret)
{
	int count = 0, value = 0;

	while (*at < end && isdigit((unsigned char)**at)) {
		if (++count > hi)
			return false;
		value = value * 10 + (*(*at)++ - '0');
	}
	*ret = value;
	return count >= lo;
}

static bool take_time(const char *at, const char *end, struct parts *parts)
{
	if (!digits(&at, end, 1, 2, &parts->hour) || at == end || *at++ != ':' ||
	    !digits(&at, end, 1, 2, &parts->minute) || at == end || *at++ != ':')
		return false;
	return digits(&at, end, 1, 2, &parts->second);
}

static bool take_month(const char *at, const char *end, struct parts *parts)
{
	static const char names[12][4] = {"jan", "feb", "mar", "apr", "may", "jun",
					  "jul", "aug", "sep", "oct", "nov", "dec"};

	for (int i = 0; end - at >= 3 && i < 12; i++) {
		if (strncasecmp(at, names[i], 3) == 0) {
			parts->month = i;
			return true;
		}
	}
	return false;
}

static void take_token(const char *at, const char *end, struct parts *parts)
{
	const char *day = at, *year = at;

	if (!parts->have_time && take_time(at, end, parts))
		parts->have_time = true;
	else if (!parts->have_day && digits(&day, end, 1, 2, &parts->day))
		parts->have_day = true;
	else if (!parts->have_month && take_month(at, end, parts))
		parts->have_month = true;
	else if (!parts->have_year && digits(&year, end, 2, 4, &parts->year))
		parts->have_year = true;
}

static int parts_judge(const struct parts *parts, int64_t *ret_wall_s)
{
	int year = parts->year;
	struct tm tm;

	if (!parts->have_time || !parts->have_day || !parts->have_month || !parts->have_year)
		return -1;
	if (year >= 70 && year <= 99)
		year += 1900;
	else if (year <= 69)
		year += 2000;
	if (parts->day < 1 || parts->day > 31 || year < 1601 || parts->hour > 23 ||
	    parts->minute > 59 || parts->second > 59)
		return -1;
	tm = (struct tm){
		.tm_year = year - 1900,
		.tm_mon = parts->month,
		.tm_mday = parts->day,
		.tm_hour = parts->hour,
		.tm_min = parts->minute,
		.tm_sec = parts->second,
	};
	*ret_wall_s = (int64_t)timegm(&tm);
	return tm.tm_mday == parts->day ? 0 : -1; /* 30 February became a day in March */
}

int cookie_date_parse(const char *text, size_t len, int64_t *ret_wall_s)
{
	const char *at = text, *end = text + len;
	struct parts parts = {0};

	while (at < end) {
		const char *token;

		while (at < end && is_delimiter(*at))
			at++;
		token = at;
		while (at < end && !is_delimiter(*at))
			at++;
		take_token(token, at, &parts);
	}
	return parts_judge(&parts, ret_wall_s);
}
