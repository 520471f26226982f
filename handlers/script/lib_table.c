/* SPDX-License-Identifier: MIT */
/* lib_table.c - table: on the elements that are there, whatever a metatable says.
 *
 * Lua's own functions believe __len and __index and take any range: table.move() over 2^62
 * elements never ends.
 */
#include "handlers/script/vm.h"

static lua_Integer list_length(lua_State *L, int index)
{
	luaL_checktype(L, index, LUA_TTABLE);
	return (lua_Integer)lua_rawlen(L, index);
}

/* table.insert(list, [place,] value) */
static int table_insert(lua_State *L)
{
	lua_Integer n = list_length(L, 1), at = n + 1;

	if (lua_gettop(L) == 3) {
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, at >= 1 && at <= n + 1, 2, "position out of bounds");
	} else if (lua_gettop(L) != 2) {
		return luaL_error(L, "wrong number of arguments to 'insert'");
	}
	vm_charge(L, (uint64_t)(n + 1 - at));
	for (lua_Integer i = n; i >= at; i--) {
		lua_rawgeti(L, 1, i);
		lua_rawseti(L, 1, i + 1);
	}
	lua_rawseti(L, 1, at);
	return 0;
}

/* table.remove(list [, place]) */
static int table_remove(lua_State *L)
{
	lua_Integer n = list_length(L, 1), at = luaL_optinteger(L, 2, n);

	luaL_argcheck(L, (n == 0 && at == 0) || (at >= 1 && at <= n + 1), 2,
		      "position out of bounds");
	if (n == 0) {
		lua_pushnil(L);
		return 1;
	}
	vm_charge(L, (uint64_t)(n + 1 - at));
	lua_rawgeti(L, 1, at);
	for (; at < n; at++) {
		lua_rawgeti(L, 1, at + 1);
		lua_rawseti(L, 1, at);
	}
	lua_pushnil(L);
	lua_rawseti(L, 1, at);
	return 1;
}

/* table.concat(list [, between [, from [, to]]]) */
static int table_concat(lua_State *L)
{
	lua_Integer n = list_length(L, 1);
	size_t between_len;
	const char *between = luaL_optlstring(L, 2, "", &between_len);
	lua_Integer from = luaL_optinteger(L, 3, 1), to = luaL_optinteger(L, 4, n);
	luaL_Buffer into;

	luaL_argcheck(L, from > to || (from >= 1 && to <= n), from >= 1 ? 4 : 3,
		      "position out of bounds");
	luaL_buffinit(L, &into);
	for (lua_Integer i = from; i <= to; i++) {
		vm_charge(L, 2);
		lua_rawgeti(L, 1, i);
		if (!lua_isstring(L, -1))
			return luaL_error(L, "element %d of the list is a %s", (int)i,
					  luaL_typename(L, -1));
		luaL_addvalue(&into);
		if (i < to)
			luaL_addlstring(&into, between, between_len);
	}
	luaL_pushresult(&into);
	return 1;
}

static int table_pack(lua_State *L)
{
	int n = lua_gettop(L);

	vm_charge(L, (uint64_t)n);
	lua_createtable(L, n, 1);
	lua_insert(L, 1);
	for (int i = n; i >= 1; i--)
		lua_rawseti(L, 1, i);
	lua_pushinteger(L, n);
	lua_setfield(L, 1, "n");
	return 1;
}

/* table.unpack(list [, from [, to]]) */
static int table_unpack(lua_State *L)
{
	lua_Integer n = list_length(L, 1);
	lua_Integer from = luaL_optinteger(L, 2, 1), to = luaL_optinteger(L, 3, n);

	if (from > to)
		return 0;
	if ((lua_Unsigned)to - (lua_Unsigned)from >= SCRIPT_VALUES_MAX)
		return luaL_error(L, "more than %d values at once", SCRIPT_VALUES_MAX);
	luaL_checkstack(L, (int)(to - from + 1), "too many values");
	vm_charge(L, (lua_Unsigned)to - (lua_Unsigned)from);
	for (lua_Integer i = from; i < to; i++)
		lua_rawgeti(L, 1, i);
	lua_rawgeti(L, 1, to);
	return (int)(to - from + 1);
}

/* table.move(list, from, to, at [, into]) */
static int table_move(lua_State *L)
{
	lua_Integer n = list_length(L, 1);
	lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
	lua_Integer at = luaL_checkinteger(L, 4);
	int into = lua_isnoneornil(L, 5) ? 1 : 5;
	lua_Integer into_len = list_length(L, into), count = to - from + 1;

	lua_pushvalue(L, into);
	if (from > to)
		return 1;
	luaL_argcheck(L, from >= 1 && to <= n, 2, "the range is not in the list");
	luaL_argcheck(L, at >= 1 && at <= into_len + 1, 4, "the place is not in the list");
	vm_charge(L, (uint64_t)count);
	for (lua_Integer i = 0; i < count; i++) {
		lua_Integer step = at > from ? count - 1 - i : i;

		lua_rawgeti(L, 1, from + step);
		lua_rawseti(L, into, at + step);
	}
	return 1;
}

/* ---- sort ---- */

/* Is the value at `a` less than that at `b`? */
static bool is_less(lua_State *L, int a, int b)
{
	bool less;

	a = lua_absindex(L, a);
	b = lua_absindex(L, b);
	vm_charge(L, 2);
	if (lua_isnil(L, 2))
		return lua_compare(L, a, b, LUA_OPLT);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, a);
	lua_pushvalue(L, b);
	lua_call(L, 2, 1);
	less = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return less;
}

/* Merges [from, middle) and [middle, to) of the list at `list` into the one at `into`. */
static void runs_merge(lua_State *L, int list, int into, lua_Integer from, lua_Integer middle,
		       lua_Integer to)
{
	lua_Integer left = from, right = middle;

	for (lua_Integer i = from; i < to; i++) {
		bool take_left = left < middle;

		if (left < middle && right < to) {
			lua_rawgeti(L, list, right);
			lua_rawgeti(L, list, left);
			take_left = !is_less(L, -2, -1);
			lua_pop(L, 2);
		}
		lua_rawgeti(L, list, take_left ? left++ : right++);
		lua_rawseti(L, into, i);
	}
}

/* A merge sort: stable, and a function that orders badly costs no more than n log n. */
static int table_sort(lua_State *L)
{
	lua_Integer n = list_length(L, 1);
	int list = 1, into = 3;

	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	lua_createtable(L, (int)MIN(n, 1 << 20), 0);
	for (lua_Integer width = 1; width < n; width *= 2) {
		for (lua_Integer from = 1; from <= n; from += 2 * width)
			runs_merge(L, list, into, from, MIN(from + width, n + 1),
				   MIN(from + 2 * width, n + 1));
		list = into;
		into = 4 - list;
	}
	vm_charge(L, (uint64_t)n);
	for (lua_Integer i = 1; list != 1 && i <= n; i++) {
		lua_rawgeti(L, list, i);
		lua_rawseti(L, 1, i);
	}
	return 0;
}

static const luaL_Reg functions[] = {
	{"concat", table_concat}, {"insert", table_insert},
	{"move", table_move},	  {"pack", table_pack},
	{"remove", table_remove}, {"sort", table_sort},
	{"unpack", table_unpack}, {NULL, NULL},
};

int lib_table(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
