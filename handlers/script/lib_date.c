/* SPDX-License-Identifier: MIT */
/* lib_date.c - date: instants as milliseconds since 1970 in UTC, by base/date.h. */
#include "handlers/script/vm.h"

#include "base/date.h"

static const char *const month_names[] = {"January",   "February", "March",    "April",
					  "May",       "June",	   "July",     "August",
					  "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
					"Thursday", "Friday", "Saturday"};

/* An instant taken apart. */
struct parts {
	struct day day;
	int hour, minute, second, ms;
	int weekday; /* from 1, Monday */
	int yearday; /* from 1 */
};

static int64_t moment_check(lua_State *L, int index)
{
	int64_t ms = luaL_checkinteger(L, index);

	luaL_argcheck(L, ms >= MOMENT_MS_MIN && ms <= MOMENT_MS_MAX, index,
		      "not in the years 1 to 9999");
	return ms;
}

static struct parts parts_of(int64_t ms)
{
	int64_t number = ms / DAY_MS - (ms % DAY_MS < 0), rest = ms - number * DAY_MS;
	struct parts parts = {.day = day_of(number)};

	parts.hour = (int)(rest / 3600000);
	parts.minute = (int)(rest / 60000 % 60);
	parts.second = (int)(rest / 1000 % 60);
	parts.ms = (int)(rest % 1000);
	parts.weekday = (int)(((number + 3) % 7 + 7) % 7) + 1; /* 1970-01-01: a Thursday */
	parts.yearday = (int)(number - day_number((struct day){parts.day.year, 1, 1})) + 1;
	return parts;
}

/* date.parse(text): milliseconds; nil: it is no date */
static int date_parse(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct moment moment;

	if (moment_parse(text, len, &moment))
		lua_pushinteger(L, moment.ms);
	else
		lua_pushnil(L);
	return 1;
}

/* One letter behind a '%'; false: it is none of ours. */
static bool part_add(struct buf *into, char letter, const struct parts *parts)
{
	const struct day *day = &parts->day;

	switch (letter) {
	case 'Y':
		return buf_printf(into, "%04d", day->year) == 0;
	case 'y':
		return buf_printf(into, "%02d", day->year % 100) == 0;
	case 'm':
		return buf_printf(into, "%02d", day->month) == 0;
	case 'd':
		return buf_printf(into, "%02d", day->day) == 0;
	case 'H':
		return buf_printf(into, "%02d", parts->hour) == 0;
	case 'M':
		return buf_printf(into, "%02d", parts->minute) == 0;
	case 'S':
		return buf_printf(into, "%02d", parts->second) == 0;
	case 'L':
		return buf_printf(into, "%03d", parts->ms) == 0;
	case 'j':
		return buf_printf(into, "%03d", parts->yearday) == 0;
	case 'u':
		return buf_add_int(into, parts->weekday) == 0;
	case 'B':
		return buf_add_text(into, month_names[day->month - 1]) == 0;
	case 'b':
		return buf_add(into, month_names[day->month - 1], 3) == 0;
	case 'A':
		return buf_add_text(into, day_names[parts->weekday % 7]) == 0;
	case 'a':
		return buf_add(into, day_names[parts->weekday % 7], 3) == 0;
	case 'F':
		return buf_printf(into, "%04d-%02d-%02d", day->year, day->month, day->day) == 0;
	case 'T':
		return buf_printf(into, "%02d:%02d:%02d", parts->hour, parts->minute,
				  parts->second) == 0;
	case '%':
		return buf_add_byte(into, '%') == 0;
	default:
		return false;
	}
}

/* date.format(ms [, format]): RFC 3339 in UTC with milliseconds, or as strftime(3) would */
static int date_format(lua_State *L)
{
	struct buf *into = &vm_of(L)->scratch;
	struct parts parts = parts_of(moment_check(L, 1));
	size_t len;
	const char *format = luaL_optlstring(L, 2, "%FT%T.%LZ", &len);

	vm_charge(L, len);
	buf_clear(into);
	for (size_t i = 0; i < len; i++) {
		if (format[i] != '%')
			buf_add_byte(into, format[i]);
		else if (i + 1 == len || !part_add(into, format[++i], &parts))
			return luaL_error(L, "date.format has no '%%%c'", format[i]);
	}
	return scratch_push(L);
}

/* The same day of another month; one that it does not have becomes its last. */
static int64_t months_add(int64_t ms, int64_t months)
{
	struct parts parts = parts_of(ms);
	int64_t month = parts.day.year * 12 + parts.day.month - 1 + months;
	struct day day = {.year = (int)(month / 12), .month = (int)(month % 12) + 1};

	if (month < 12 || month >= 10000 * 12)
		return INT64_MAX;
	day.day = MIN(parts.day.day, month_days(day.year, day.month));
	return day_number(day) * DAY_MS + (ms - day_number(parts.day) * DAY_MS);
}

/* date.add(ms, n, unit) */
static int date_add(lua_State *L)
{
	static const char *const units[] = {"ms",   "second", "minute", "hour", "day",
					    "week", "month",  "year",	NULL};
	static const int64_t sizes[] = {1, 1000, 60000, 3600000, DAY_MS, 7 * DAY_MS, 1, 12};
	int64_t ms = moment_check(L, 1), n = luaL_checkinteger(L, 2), sum;
	int unit = luaL_checkoption(L, 3, "ms", units);

	luaL_argcheck(L, n > -MOMENT_MS_MAX && n < MOMENT_MS_MAX, 2, "too far");
	if (__builtin_mul_overflow(n, sizes[unit], &n))
		n = INT64_MAX / 2;
	n = MAX(MIN(n, 2 * MOMENT_MS_MAX), -2 * MOMENT_MS_MAX);
	if (unit >= 6)
		sum = n > -120000 && n < 120000 ? months_add(ms, n) : INT64_MAX;
	else
		sum = ms + n;
	if (sum < MOMENT_MS_MIN || sum > MOMENT_MS_MAX)
		return luaL_error(L, "date.add leaves the years 1 to 9999");
	lua_pushinteger(L, sum);
	return 1;
}

/* date.parts(ms): {year, month, day, hour, minute, second, ms, weekday, yearday} */
static int date_parts(lua_State *L)
{
	struct parts parts = parts_of(moment_check(L, 1));
	const struct {
		const char *name;
		int value;
	} members[] = {
		{"year", parts.day.year}, {"month", parts.day.month}, {"day", parts.day.day},
		{"hour", parts.hour},	  {"minute", parts.minute},   {"second", parts.second},
		{"ms", parts.ms},	  {"weekday", parts.weekday}, {"yearday", parts.yearday},
	};

	lua_createtable(L, 0, (int)ARRAY_LEN(members));
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		lua_pushinteger(L, members[i].value);
		lua_setfield(L, -2, members[i].name);
	}
	return 1;
}

static int date_now(lua_State *L)
{
	lua_pushinteger(L, clock_wall_ms());
	return 1;
}

static const luaL_Reg functions[] = {
	{"add", date_add},     {"format", date_format}, {"now", date_now},
	{"parse", date_parse}, {"parts", date_parts},	{NULL, NULL},
};

int lib_date(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
