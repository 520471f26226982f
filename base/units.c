/* SPDX-License-Identifier: MIT */
/* units.c - small parsers, each over the whole text: trailing bytes are errors. */
#include "base/units.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit durations[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit sizes[] = {
	{"", 1},
	{"B", 1},
	{"KB", 1LL << 10},
	{"MB", 1LL << 20},
	{"GB", 1LL << 30},
	{"TB", 1LL << 40},
	{"KiB", 1LL << 10},
	{"MiB", 1LL << 20},
	{"GiB", 1LL << 30},
	{"TiB", 1LL << 40},
};

static const struct unit *unit_find(const struct unit *units, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* Digits with at most nine decimals, as whole billionths; -1 when there are none
 * or too many.  *at moves behind them. */
static int decimal_parse(const char **at, __int128 *ret_billionths)
{
	__int128 value = 0;
	int digits = 0, decimals = 0;

	for (; isdigit((unsigned char)**at) && digits <= 15; (*at)++, digits++)
		value = value * 10 + (**at - '0');
	if (digits == 0 || digits > 15)
		return -1;
	if (**at == '.') {
		(*at)++;
		for (; isdigit((unsigned char)**at) && decimals <= 9; (*at)++, decimals++)
			value = value * 10 + (**at - '0');
		if (decimals == 0 || decimals > 9)
			return -1;
	}
	for (; decimals < 9; decimals++)
		value *= 10;
	*ret_billionths = value;
	return 0;
}

static int quantity_parse(const char *text, const struct unit *units, size_t count, int64_t *ret)
{
	const struct unit *unit;
	__int128 billionths, value;

	if (decimal_parse(&text, &billionths))
		return -1;
	unit = unit_find(units, count, text);
	if (!unit)
		return -1;
	value = billionths * unit->factor / 1000000000;
	if (value > INT64_MAX)
		return -1;
	*ret = (int64_t)value;
	return 0;
}

int duration_parse(const char *text, int64_t *ret_ms, struct err *err)
{
	if (quantity_parse(text, durations, ARRAY_LEN(durations), ret_ms))
		return err_set(err, ERR_INVALID_SPEC,
			       "'%.40s' is not a duration; write a number with ms, s, m, h or d, "
			       "such as \"30s\"",
			       text);
	return 0;
}

int size_parse(const char *text, int64_t *ret_bytes, struct err *err)
{
	if (quantity_parse(text, sizes, ARRAY_LEN(sizes), ret_bytes))
		return err_set(err, ERR_INVALID_SPEC,
			       "'%.40s' is not a size; write a number with B, KB, MB, GB or TB, "
			       "such as \"4MB\"",
			       text);
	return 0;
}

/* With the largest of the first `count` units that divides the amount. */
static void quantity_format(int64_t amount, const struct unit *units, size_t count, char *text)
{
	size_t i = count - 1;

	while (i > 0 && (amount == 0 || amount % units[i].factor != 0))
		i--;
	snprintf(text, UNIT_TEXT_LEN + 1, "%lld%s", (long long)(amount / units[i].factor),
		 units[i].name);
}

void duration_format(int64_t ms, char *text)
{
	quantity_format(ms, durations, ARRAY_LEN(durations), text);
}

void size_format(int64_t bytes, char *text)
{
	/* from "B" to "TB": neither the unit without a name nor KiB and kin */
	quantity_format(bytes, sizes + 1, 5, text);
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
static int64_t days_from_date(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = y / 400;
	int yoe = y - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int64_t)era * 146097 + doe - 719468;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Exactly `count` digits; -1 when there are fewer. */
static int digits_parse(const char **at, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool skip_char(const char **at, const char *any_of)
{
	if (**at == '\0' || !strchr(any_of, **at))
		return false;
	(*at)++;
	return true;
}

/* Minutes east of UTC, from "Z", "+01:00" or "-08:30". */
static bool offset_parse(const char **at, int *ret_minutes)
{
	int sign = **at == '-' ? -1 : 1;
	int hours, minutes;

	if (skip_char(at, "Zz")) {
		*ret_minutes = 0;
		return true;
	}
	if (!skip_char(at, "+-"))
		return false;
	hours = digits_parse(at, 2);
	if (hours < 0 || hours > 23 || !skip_char(at, ":"))
		return false;
	minutes = digits_parse(at, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool date_parse(const char **at, int64_t *ret_days)
{
	int year = digits_parse(at, 4), month, day;

	if (year < 1970 || !skip_char(at, "-"))
		return false;
	month = digits_parse(at, 2);
	if (month < 1 || month > 12 || !skip_char(at, "-"))
		return false;
	day = digits_parse(at, 2);
	if (day < 1 || day > days_in_month(year, month))
		return false;
	*ret_days = days_from_date(year, month, day);
	return true;
}

static bool time_parse(const char **at, int64_t *ret_ms)
{
	int hour = digits_parse(at, 2), minute, second, ms = 0, scale = 100;

	if (hour < 0 || hour > 23 || !skip_char(at, ":"))
		return false;
	minute = digits_parse(at, 2);
	if (minute < 0 || minute > 59 || !skip_char(at, ":"))
		return false;
	second = digits_parse(at, 2);
	if (second < 0 || second > 60)
		return false;
	if (skip_char(at, ".")) {
		if (!isdigit((unsigned char)**at))
			return false;
		for (; isdigit((unsigned char)**at); (*at)++, scale /= 10)
			ms += (**at - '0') * scale;
	}
	*ret_ms = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)MIN(second, 59) * 1000 + ms;
	return true;
}

int instant_parse(const char *text, int64_t *ret_wall_ms, struct err *err)
{
	const char *at = text;
	const int64_t wall_ms_max = 253402300799999; /* 9999-12-31T23:59:59.999Z */
	int64_t days = 0, ms = 0, wall_ms = -1;
	int offset_minutes;

	if (date_parse(&at, &days) && skip_char(&at, "Tt ") && time_parse(&at, &ms) &&
	    offset_parse(&at, &offset_minutes) && *at == '\0')
		wall_ms = days * 86400000 + ms - (int64_t)offset_minutes * 60000;
	if (wall_ms < 0 || wall_ms > wall_ms_max)
		return err_set(err, ERR_INVALID_SPEC,
			       "'%.40s' is not an instant; write RFC 3339, such as "
			       "\"2026-12-01T08:30:00Z\"",
			       text);
	*ret_wall_ms = wall_ms;
	return 0;
}

/* Decimal digits with leading zeros; what is above them is cut off. */
static void digits_put(char *at, int count, int64_t number)
{
	while (count-- > 0) {
		at[count] = (char)('0' + number % 10);
		number /= 10;
	}
}

void instant_format(int64_t wall_ms, char text[INSTANT_TEXT_LEN + 1])
{
	int64_t days = wall_ms / 86400000, ms = wall_ms % 86400000;
	int64_t z, era, doe, yoe, doy, mp, year, month;

	if (ms < 0) {
		ms += 86400000;
		days--;
	}
	z = days + 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	month = mp < 10 ? mp + 3 : mp - 9;
	year = yoe + era * 400 + (month <= 2);
	memcpy(text, "0000-00-00T00:00:00.000Z", INSTANT_TEXT_LEN + 1);
	digits_put(text, 4, year);
	digits_put(text + 5, 2, month);
	digits_put(text + 8, 2, doy - (153 * mp + 2) / 5 + 1);
	digits_put(text + 11, 2, ms / 3600000);
	digits_put(text + 14, 2, ms / 60000 % 60);
	digits_put(text + 17, 2, ms / 1000 % 60);
	digits_put(text + 20, 3, ms % 1000);
}
