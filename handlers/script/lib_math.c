/* SPDX-License-Identifier: MIT */
/* lib_math.c - math, utf8 and os: what of Lua's has no way out, and random numbers that
 * come out the same when a record is done again. */
#include "handlers/script/vm.h"

#include <string.h>

enum { BYTES_PER_STEP = 16 };

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15) /* 2^64 / φ: spreads the numbers of records */

/* Moves the named functions of the library on top into a new table in its place. */
static void names_keep(lua_State *L, const char *const *names)
{
	lua_newtable(L);
	for (; *names; names++) {
		lua_getfield(L, -2, *names);
		lua_setfield(L, -2, *names);
	}
	lua_remove(L, -2);
}

/* Lua's own function (the upvalue) behind a charge for its string. */
static int text_charged(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		vm_charge(L, lua_rawlen(L, 1) / BYTES_PER_STEP);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void names_charge(lua_State *L, const char *const *names)
{
	for (; *names; names++) {
		lua_getfield(L, -1, *names);
		lua_pushcclosure(L, text_charged, 1);
		lua_setfield(L, -2, *names);
	}
}

/* ---- math ---- */

struct rng *vm_rng(struct script_vm *vm)
{
	if (!vm->rng_seeded) {
		rng_seed(&vm->rng, (vm->options.seed ^ vm->args->part << 32) +
					   GOLDEN * (uint64_t)vm->args->number);
		vm->rng_seeded = true;
	}
	return &vm->rng;
}

/* random(): [0, 1); random(n): 1 … n; random(lo, hi) */
static int math_random(lua_State *L)
{
	lua_Integer lo = 1, hi;

	if (lua_gettop(L) == 0) {
		lua_pushnumber(L, rng_unit(vm_rng(vm_of(L))));
		return 1;
	}
	hi = luaL_checkinteger(L, lua_gettop(L) > 1 ? 2 : 1);
	if (lua_gettop(L) > 1)
		lo = luaL_checkinteger(L, 1);
	luaL_argcheck(L, lo <= hi, lua_gettop(L) > 1 ? 2 : 1, "interval is empty");
	lua_pushinteger(L, rng_between(vm_rng(vm_of(L)), lo, hi));
	return 1;
}

int lib_math(lua_State *L)
{
	static const char *const kept[] = {
		"abs",	"acos", "asin", "atan", "ceil",	      "cos",  "deg",	    "exp",  "floor",
		"fmod", "huge", "log",	"max",	"maxinteger", "min",  "mininteger", "modf", "pi",
		"rad",	"sin",	"sqrt", "tan",	"tointeger",  "type", "ult",	    NULL};

	lua_pushcfunction(L, luaopen_math);
	lua_call(L, 0, 1);
	names_keep(L, kept);
	lua_pushcfunction(L, math_random);
	lua_setfield(L, -2, "random");
	return 1;
}

/* ---- utf8 ---- */

/* utf8.codepoint(text [, from [, to]]) of at most SCRIPT_VALUES_MAX bytes */
static int utf8_codepoint(lua_State *L)
{
	lua_Integer len = (lua_Integer)lua_rawlen(L, 1);
	lua_Integer from = luaL_optinteger(L, 2, 1), to = luaL_optinteger(L, 3, from);

	from = from < 0 ? len + from + 1 : from;
	to = to < 0 ? len + to + 1 : to;
	if (to > from && to - from >= SCRIPT_VALUES_MAX)
		return luaL_error(L, "more than %d bytes at once", SCRIPT_VALUES_MAX);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

int lib_utf8(lua_State *L)
{
	static const char *const kept[] = {"char", "charpattern", "codepoint", "codes",
					   "len",  "offset",	  NULL};
	static const char *const charged[] = {"len", "offset", NULL};

	lua_pushcfunction(L, luaopen_utf8);
	lua_call(L, 0, 1);
	names_keep(L, kept);
	names_charge(L, charged);
	lua_getfield(L, -1, "codepoint");
	lua_pushcclosure(L, utf8_codepoint, 1);
	lua_setfield(L, -2, "codepoint");
	return 1;
}

/* ---- os ---- */

/* Seconds since 1970, whole. */
static int os_time(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		return luaL_error(L, "os.time takes nothing here: use date.parse");
	lua_pushinteger(L, clock_wall_ms() / 1000);
	return 1;
}

/* os.date in UTC: the zone of the machine is nobody's business. */
static int os_date(lua_State *L)
{
	const char *format = luaL_optstring(L, 1, "%c");

	luaL_argcheck(L, strlen(format) < 256, 1, "the format is too long");
	if (*format != '!')
		lua_pushfstring(L, "!%s", format);
	else
		lua_pushstring(L, format);
	if (lua_gettop(L) == 1)
		lua_insert(L, 1);
	else
		lua_replace(L, 1);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

int lib_os(lua_State *L)
{
	static const char *const kept[] = {"clock", "date", NULL};

	lua_pushcfunction(L, luaopen_os);
	lua_call(L, 0, 1);
	names_keep(L, kept);
	lua_getfield(L, -1, "date");
	lua_pushcclosure(L, os_date, 1);
	lua_setfield(L, -2, "date");
	lua_pushcfunction(L, os_time);
	lua_setfield(L, -2, "time");
	return 1;
}
