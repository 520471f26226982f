/* SPDX-License-Identifier: MIT */
/* units.c - small parsers, each over the whole text: trailing bytes are errors. */
#include "base/units.h"

#include "base/date.h"

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

int instant_parse(const char *text, int64_t *ret_wall_ms, struct err *err)
{
	struct moment moment;

	if (!moment_parse(text, strlen(text), &moment) || !moment.zoned || moment.ms < 0)
		return err_set(err, ERR_INVALID_SPEC,
			       "'%.40s' is not an instant; write RFC 3339, such as "
			       "\"2026-12-01T08:30:00Z\"",
			       text);
	*ret_wall_ms = moment.ms;
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
	int64_t number = wall_ms / DAY_MS, ms = wall_ms % DAY_MS;
	struct day day;

	if (ms < 0) {
		ms += DAY_MS;
		number--;
	}
	day = day_of(number);
	memcpy(text, "0000-00-00T00:00:00.000Z", INSTANT_TEXT_LEN + 1);
	digits_put(text, 4, day.year);
	digits_put(text + 5, 2, day.month);
	digits_put(text + 8, 2, day.day);
	digits_put(text + 11, 2, ms / 3600000);
	digits_put(text + 14, 2, ms / 60000 % 60);
	digits_put(text + 17, 2, ms / 1000 % 60);
	digits_put(text + 20, 3, ms % 1000);
}
