/* SPDX-License-Identifier: MIT */
/* date.c - days and their numbers: years begin in March, so that the leap day is the last
 * of its year, and 400 of them are always 146,097 days (an era). */
#include "base/date.h"

#include "base/compiler.h"

#include <string.h>

enum { ERA_DAYS = 146097, EPOCH_DAYS = 719468 /* from 0000-03-01 to 1970-01-01 */ };

int month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

int64_t day_number(struct day day)
{
	int year = day.month <= 2 ? day.year - 1 : day.year;
	int era = (year >= 0 ? year : year - 399) / 400;
	int of_era = year - era * 400;
	int of_year = (153 * (day.month + (day.month > 2 ? -3 : 9)) + 2) / 5 + day.day - 1;

	return (int64_t)era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       EPOCH_DAYS;
}

struct day day_of(int64_t number)
{
	int64_t from_march = number + EPOCH_DAYS;
	int64_t era = (from_march >= 0 ? from_march : from_march - (ERA_DAYS - 1)) / ERA_DAYS;
	int of_era = (int)(from_march - era * ERA_DAYS);
	int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (5 * of_year + 2) / 153; /* from March, which is 0 */

	return (struct day){
		.year = (int)(era * 400) + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

/* ---- RFC 3339 ---- */

struct date_reader {
	const char *at, *end;
};

static bool digit_next(const struct date_reader *reader)
{
	return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* Exactly `count` digits; -1 when there are fewer. */
static int digits_read(struct date_reader *reader, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++, reader->at++) {
		if (!digit_next(reader))
			return -1;
		value = value * 10 + (*reader->at - '0');
	}
	return value;
}

static bool skip_char(struct date_reader *reader, const char *any_of)
{
	if (reader->at == reader->end || *reader->at == '\0' || !strchr(any_of, *reader->at))
		return false;
	reader->at++;
	return true;
}

/* Minutes east of UTC, from "Z", "+01:00" or "-08:30". */
static bool offset_read(struct date_reader *reader, int *ret_minutes)
{
	int hours, minutes, sign;

	*ret_minutes = 0;
	if (skip_char(reader, "Zz"))
		return true;
	sign = reader->at < reader->end && *reader->at == '-' ? -1 : 1;
	if (!skip_char(reader, "+-"))
		return false;
	hours = digits_read(reader, 2);
	if (hours < 0 || hours > 23 || !skip_char(reader, ":"))
		return false;
	minutes = digits_read(reader, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool day_read(struct date_reader *reader, int64_t *ret_number)
{
	struct day day = {.year = digits_read(reader, 4)};

	if (day.year < 1 || !skip_char(reader, "-"))
		return false;
	day.month = digits_read(reader, 2);
	if (day.month < 1 || day.month > 12 || !skip_char(reader, "-"))
		return false;
	day.day = digits_read(reader, 2);
	if (day.day < 1 || day.day > month_days(day.year, day.month))
		return false;
	*ret_number = day_number(day);
	return true;
}

static bool time_read(struct date_reader *reader, int64_t *ret_ms)
{
	int hour = digits_read(reader, 2), minute, second, ms = 0, scale = 100;

	if (hour < 0 || hour > 23 || !skip_char(reader, ":"))
		return false;
	minute = digits_read(reader, 2);
	if (minute < 0 || minute > 59 || !skip_char(reader, ":"))
		return false;
	second = digits_read(reader, 2);
	if (second < 0 || second > 60)
		return false;
	if (skip_char(reader, ".")) {
		if (!digit_next(reader))
			return false;
		for (; digit_next(reader); reader->at++, scale /= 10)
			ms += (*reader->at - '0') * scale;
	}
	*ret_ms = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)MIN(second, 59) * 1000 + ms;
	return true;
}

bool moment_parse(const char *text, size_t len, struct moment *ret_moment)
{
	struct date_reader reader = {.at = text, .end = text + len};
	struct moment moment = {0};
	int64_t number, ms = 0;
	int minutes = 0;

	if (!day_read(&reader, &number))
		return false;
	if (skip_char(&reader, "Tt ")) {
		if (!time_read(&reader, &ms))
			return false;
		moment.timed = true;
		moment.zoned = reader.at < reader.end;
		if (moment.zoned && !offset_read(&reader, &minutes))
			return false;
	}
	moment.ms = number * DAY_MS + ms - (int64_t)minutes * 60000;
	if (reader.at < reader.end || moment.ms < MOMENT_MS_MIN || moment.ms > MOMENT_MS_MAX)
		return false;
	*ret_moment = moment;
	return true;
}
