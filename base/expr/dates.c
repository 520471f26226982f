/* SPDX-License-Identifier: MIT */
/* dates.c - functions of dates: texts of RFC 3339, or a day alone, which is its midnight.
 *
 * Everything is UTC, so that one instant has one year and one weekday, however its offset
 * was written.  A date without an offset is taken for UTC.  Nothing asks what time it is.
 */
#include "base/date.h"
#include "base/expr/calls.h"
#include "base/units.h"

#include <string.h>

static int arg_moment(const struct call *call, unsigned i, struct moment *ret)
{
	const char *text;
	size_t len;

	if (arg_text(call, i, &text, &len))
		return -1;
	if (!moment_parse(text, len, ret))
		return expr_wrong(call->err, &call->args[i],
				  "a date such as \"2026-12-01\" or \"2026-12-01T08:30:00Z\"");
	return 0;
}

/* The day of a moment; *ret_ms is how far into it. */
static int64_t moment_day(int64_t ms, int64_t *ret_ms)
{
	int64_t number = ms / DAY_MS - (ms % DAY_MS < 0);

	*ret_ms = ms - number * DAY_MS;
	return number;
}

/* "2026-12-01", or "2026-12-01T08:30:00Z" with milliseconds when there are some. */
static int give_moment(const struct call *call, int64_t ms, bool timed, struct value *ret)
{
	enum { DAY_LEN = 10, SECONDS_LEN = 19 };
	char *text = call_room(call, INSTANT_TEXT_LEN + 1);

	if (!text)
		return -1;
	if (ms < MOMENT_MS_MIN || ms > MOMENT_MS_MAX)
		return err_set(call->err, ERR_OVERFLOW, "the result is outside years 1 to 9999");
	instant_format(ms, text);
	if (!timed)
		return give_text(ret, text, DAY_LEN);
	if (ms % 1000 != 0)
		return give_text(ret, text, INSTANT_TEXT_LEN);
	text[SECONDS_LEN] = 'Z';
	return give_text(ret, text, SECONDS_LEN + 1);
}

/* ---- instants and numbers ---- */

int call_epoch_ms(const struct call *call, struct value *ret)
{
	struct moment moment;

	return arg_moment(call, 0, &moment) ? -1 : give_int(ret, moment.ms);
}

int call_instant(const struct call *call, struct value *ret)
{
	int64_t ms;

	return arg_int(call, 0, &ms) ? -1 : give_moment(call, ms, true, ret);
}

int call_date_diff_ms(const struct call *call, struct value *ret)
{
	struct moment from, to;

	if (arg_moment(call, 0, &from) || arg_moment(call, 1, &to))
		return -1;
	return give_int(ret, to.ms - from.ms);
}

/* ---- parts ---- */

static int weekday_of(int64_t number)
{
	enum { EPOCH_WEEKDAY = 3 }; /* a Thursday, from Monday 0 */

	return (int)(((number + EPOCH_WEEKDAY) % 7 + 7) % 7) + 1;
}

struct moment_parts {
	struct day day;
	int weekday;
	int64_t ms; /* of the day */
};

static int arg_parts(const struct call *call, struct moment_parts *ret)
{
	struct moment moment;
	int64_t number;

	if (arg_moment(call, 0, &moment))
		return -1;
	number = moment_day(moment.ms, &ret->ms);
	ret->day = day_of(number);
	ret->weekday = weekday_of(number);
	return 0;
}

int call_year(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.day.year);
}

int call_month(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.day.month);
}

int call_day(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.day.day);
}

int call_hour(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.ms / 3600000);
}

int call_minute(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.ms / 60000 % 60);
}

int call_second(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.ms / 1000 % 60);
}

int call_weekday(const struct call *call, struct value *ret)
{
	struct moment_parts parts;

	return arg_parts(call, &parts) ? -1 : give_int(ret, parts.weekday);
}

/* ---- moving ---- */

/* "1d", "-90m": as durations of specs, and back in time. */
static int arg_duration(const struct call *call, unsigned i, int64_t *ret_ms)
{
	char duration[UNIT_TEXT_LEN + 16];
	const char *text;
	struct err err;
	size_t len;
	bool back;

	if (arg_text(call, i, &text, &len))
		return -1;
	back = len > 0 && *text == '-';
	if (len < sizeof(duration) && !memchr(text, '\0', len)) {
		memcpy(duration, text + back, len - back);
		duration[len - back] = '\0';
		if (duration_parse(duration, ret_ms, &err) == 0) {
			*ret_ms = back ? -*ret_ms : *ret_ms;
			return 0;
		}
	}
	return expr_wrong(call->err, &call->args[i], "a duration such as \"1d\" or \"-90m\"");
}

/* A day alone stays one when it is moved by whole days. */
int call_date_add(const struct call *call, struct value *ret)
{
	struct moment moment;
	int64_t by = 0;

	if (arg_moment(call, 0, &moment) || arg_duration(call, 1, &by))
		return -1;
	if (__builtin_add_overflow(moment.ms, by, &moment.ms))
		moment.ms = INT64_MAX; /* outside, as any other that large */
	return give_moment(call, moment.ms, moment.timed || by % DAY_MS != 0, ret);
}

/* How far `ms` is into the unit that contains it; -1: no unit. */
static int64_t unit_rest(const char *unit, size_t len, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} clock_units[] = {{"second", 1000}, {"minute", 60000}, {"hour", 3600000}, {"day", DAY_MS}};
	int64_t of_day, number = moment_day(ms, &of_day);
	struct day day = day_of(number);

	for (size_t i = 0; i < ARRAY_LEN(clock_units); i++)
		if (strlen(clock_units[i].name) == len &&
		    memcmp(unit, clock_units[i].name, len) == 0)
			return of_day % clock_units[i].ms;
	if (len == 4 && memcmp(unit, "week", len) == 0)
		return of_day + (weekday_of(number) - 1) * DAY_MS;
	if (len == 5 && memcmp(unit, "month", len) == 0)
		return of_day + (day.day - 1) * DAY_MS;
	if (len == 4 && memcmp(unit, "year", len) == 0)
		return of_day + (number - day_number((struct day){day.year, 1, 1})) * DAY_MS;
	return -1;
}

int call_date_trunc(const struct call *call, struct value *ret)
{
	struct moment moment;
	const char *unit = NULL;
	int64_t rest;
	size_t len = 0;

	if (arg_text(call, 0, &unit, &len) || arg_moment(call, 1, &moment))
		return -1;
	rest = unit_rest(unit, len, moment.ms);
	if (rest < 0)
		return expr_wrong(call->err, &call->args[0],
				  "year, month, week, day, hour, minute or second");
	return give_moment(call, moment.ms - rest, moment.timed, ret);
}
