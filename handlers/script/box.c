/* SPDX-License-Identifier: MIT */
/* box.c - all that a script sees: a fixed set of names, and nothing that leads out of it.
 *
 * Tables of the library and the globals are seen through empty tables that refuse to be
 * written and say which names they do not have.  What a script could use against its
 * limits is not there (coroutines, xpcall, load, collectgarbage, debug, io, finalizers), or
 * is ours and counts its work.
 */
#include "handlers/script/vm.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Keys in the registry; the last one in metatables. */
static const char env_tag, names_tag, copy_tag;

static const char *const base_kept[] = {"assert", "error",  "getmetatable", "ipairs", "rawequal",
					"rawget", "rawlen", "tonumber",	    NULL};

/* ---- names that stay as they are ---- */

/* Upvalue: the name of the table, "" for the globals. */
static int name_unknown(lua_State *L)
{
	const char *of = lua_tostring(L, lua_upvalueindex(1));
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

	if (*of)
		return luaL_error(L, "%s has no '%s'", of, name);
	return luaL_error(L, "unknown name '%s'", name);
}

static int name_fixed(lua_State *L)
{
	const char *of = lua_tostring(L, lua_upvalueindex(1));
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

	if (*of)
		return luaL_error(L, "%s cannot be changed", of);
	return luaL_error(L, "'%s' is not local: write local %s", name, name);
}

static void upvalue_function(lua_State *L, int table, const char *field, lua_CFunction function,
			     const char *of)
{
	lua_pushstring(L, of);
	lua_pushcclosure(L, function, 1);
	lua_setfield(L, table, field);
}

/* The table on top becomes one that is only read, and strict. */
static void table_protect(lua_State *L, const char *name)
{
	int names = lua_gettop(L);

	lua_createtable(L, 0, 1);
	upvalue_function(L, names + 1, "__index", name_unknown, name);
	lua_setmetatable(L, names);
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_pushvalue(L, names);
	lua_setfield(L, -2, "__index");
	upvalue_function(L, lua_gettop(L), "__newindex", name_fixed, name);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_replace(L, names);
}

void box_env_push(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &env_tag);
}

void box_names_push(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &names_tag);
}

/* ---- functions of Lua that had a way out ---- */

/* A limit, skip() and fail() go through it. */
static int box_pcall(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	int status;

	luaL_checkany(L, 1);
	status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	if (status != LUA_OK && vm_unwinds(vm, status))
		return lua_error(L);
	lua_pushboolean(L, status == LUA_OK);
	lua_insert(L, 1);
	return lua_gettop(L);
}

/* What a metatable may say.  __gc and __close run while a limit unwinds, __len lies to the
 * library, __mode forgets. */
static const char *const events[] = {"__add",	   "__sub",	 "__mul",  "__div",   "__mod",
				     "__pow",	   "__unm",	 "__idiv", "__band",  "__bor",
				     "__bxor",	   "__bnot",	 "__shl",  "__shr",   "__concat",
				     "__eq",	   "__lt",	 "__le",   "__call",  "__index",
				     "__newindex", "__tostring", "__name", "__pairs", NULL};
static const char *const events_refused[] = {"__gc",   "__len",	      "__close",
					     "__mode", "__metatable", NULL};

/* A copy of the metatable at 2, which nobody can change later; a __call that is no function
 * could lead from one table to the next for hours. */
static void metatable_copy(lua_State *L)
{
	lua_createtable(L, 0, 4);
	for (const char *const *event = events; *event; event++) {
		lua_pushstring(L, *event);
		lua_pushvalue(L, -1);
		if (lua_rawget(L, 2) == LUA_TNIL) {
			lua_pop(L, 2);
			continue;
		}
		if (strcmp(*event, "__call") == 0 && !lua_isfunction(L, -1))
			luaL_error(L, "__call is a function here");
		lua_rawset(L, 3);
	}
	lua_pushvalue(L, 2);
	lua_setfield(L, 3, "__metatable"); /* what getmetatable() gives */
	lua_pushboolean(L, true);
	lua_rawsetp(L, 3, &copy_tag);
}

/* May the script give the table at 1 another metatable: has it none, or a copy of ours? */
static bool is_free(lua_State *L)
{
	bool ours;

	if (!lua_getmetatable(L, 1))
		return true;
	ours = lua_rawgetp(L, -1, &copy_tag) != LUA_TNIL;
	lua_pop(L, 2);
	return ours;
}

static int box_setmetatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, lua_type(L, 2) == LUA_TNIL || lua_type(L, 2) == LUA_TTABLE, 2,
			 "nil or table");
	lua_settop(L, 2);
	if (!is_free(L))
		return luaL_error(L, "cannot change a protected metatable");
	for (const char *const *event = events_refused; *event && lua_istable(L, 2); event++) {
		lua_pushstring(L, *event);
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "metatables have no %s here", *event);
		lua_pop(L, 1);
	}
	if (lua_istable(L, 2))
		metatable_copy(L);
	lua_setmetatable(L, 1);
	lua_settop(L, 1);
	return 1;
}

static int box_rawset(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 3);
	if (!is_free(L) && !is_array_marked(L, 1))
		return luaL_error(L, "this table cannot be changed");
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 1;
}

/* Without addresses, which differ from run to run. */
static int box_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	if (is_null(L, 1))
		lua_pushliteral(L, "null");
	else if ((lua_istable(L, 1) || lua_isfunction(L, 1)) &&
		 luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
		lua_pushstring(L, luaL_typename(L, 1));
	else
		luaL_tolstring(L, 1, NULL);
	return 1;
}

/* Lua's own function (the upvalue) behind a charge for its text. */
static int box_tonumber(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		vm_charge(L, lua_rawlen(L, 1) / 16);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int box_type(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushstring(L, is_null(L, 1) ? "null" : luaL_typename(L, 1));
	return 1;
}

static int box_select(lua_State *L)
{
	int n = lua_gettop(L);
	lua_Integer i;

	vm_charge(L, (uint64_t)n / 8);
	if (lua_type(L, 1) == LUA_TSTRING && *lua_tostring(L, 1) == '#') {
		lua_pushinteger(L, n - 1);
		return 1;
	}
	i = luaL_checkinteger(L, 1);
	i = i < 0 ? n + i : MIN(i, n);
	luaL_argcheck(L, i >= 1, 1, "index out of range");
	return n - (int)i;
}

/* ---- verbs ---- */

static const struct kind_facts *facts_now(lua_State *L)
{
	return &kind_facts[vm_of(L)->loaded_now->script->kind];
}

static void item_add(struct script_vm *vm, const struct script_item *item)
{
	if (vm->result.count == vm->item_max) {
		size_t max = MAX(vm->item_max * 2, 16);
		struct script_item *items = realloc(vm->items, max * sizeof(*items));

		if (!items)
			vm_no_memory(vm->L);
		vm->items = items;
		vm->item_max = max;
	}
	vm->items[vm->result.count++] = *item;
}

/* emit(record), emit(key, value) */
static int box_emit(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	const struct kind_facts *facts = facts_now(L);
	struct script_item item = {.key = {.kind = VALUE_MISSING}};

	if (!facts->emits && !facts->pairs)
		return luaL_error(L, "%s cannot emit", facts->name);
	vm_charge(L, 8);
	if (lua_gettop(L) != 1 + facts->pairs)
		return luaL_error(L, facts->pairs ? "emit takes a key and a value"
						  : "emit takes one record");
	lua_settop(L, 2);
	if (facts->pairs) {
		item.key = value_take_out(vm, 1);
		if (item.key.kind == VALUE_MISSING)
			return luaL_error(L, "the key of emit is nil");
	}
	item.value = value_take_out(vm, 1 + facts->pairs);
	if (item.value.kind == VALUE_MISSING)
		return luaL_error(L, "emit was given nil");
	item_add(vm, &item);
	return 0;
}

static int box_skip(lua_State *L)
{
	const struct kind_facts *facts = facts_now(L);

	if (!facts->skips)
		return luaL_error(L, "%s cannot skip", facts->name);
	vm_of(L)->skipped = true;
	return lua_error(L);
}

static int box_fail(lua_State *L)
{
	struct script_vm *vm = vm_of(L);

	lua_settop(L, 1);
	lua_pushcfunction(L, box_tostring);
	lua_insert(L, 1);
	lua_call(L, 1, 1);
	vm->line = vm_line(L);
	vm->failed = true;
	return lua_error(L);
}

static int box_log(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	char line[SCRIPT_LOG_BYTES_MAX];
	size_t used = 0;
	int n = lua_gettop(L);

	vm_charge(L, 100);
	for (int i = 1; i <= n; i++) {
		const char *text;
		size_t len;

		lua_pushcfunction(L, box_tostring);
		lua_pushvalue(L, i);
		lua_call(L, 1, 1);
		text = lua_tolstring(L, -1, &len);
		if (i > 1 && used < sizeof(line))
			line[used++] = ' ';
		len = utf8_cut(text, len, sizeof(line) - used);
		memcpy(line + used, text, len);
		used += len;
		lua_pop(L, 1);
	}
	if (vm->options.log)
		vm->options.log(vm->options.log_to, line, used);
	return 0;
}

/* array{…}: a list, even if it is empty */
static int box_array(lua_State *L)
{
	if (lua_gettop(L) == 0)
		lua_newtable(L);
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	if (is_array_marked(L, 1))
		return 1;
	if (lua_getmetatable(L, 1))
		return luaL_error(L, "a table with a metatable cannot be an array");
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_tag);
	lua_setmetatable(L, 1);
	return 1;
}

/* ---- metatables of null, arrays and long numbers ---- */

static int big_tostring(lua_State *L)
{
	size_t len;
	const char *text = big_text(L, 1, &len);

	luaL_argexpected(L, text, 1, "a number");
	lua_pushlstring(L, text, len);
	return 1;
}

static int big_equal(lua_State *L)
{
	size_t a_len, b_len;
	const char *a = big_text(L, 1, &a_len), *b = big_text(L, 2, &b_len);

	lua_pushboolean(L, a && b && a_len == b_len && memcmp(a, b, a_len) == 0);
	return 1;
}

static void metatable_open(lua_State *L, const void *tag, const char *name)
{
	lua_createtable(L, 0, 4);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__metatable");
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, tag);
}

static void metatables_open(lua_State *L)
{
	metatable_open(L, &array_tag, "array");
	lua_pop(L, 1);
	metatable_open(L, &big_tag, "number");
	lua_pushliteral(L, "very large number");
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, big_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushcfunction(L, big_equal);
	lua_setfield(L, -2, "__eq");
	lua_pop(L, 1);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &anchors_tag);
}

/* ---- opening ---- */

static const luaL_Reg verbs[] = {
	{"array", box_array},
	{"emit", box_emit},
	{"fail", box_fail},
	{"log", box_log},
	{"next", keys_next},
	{"pairs", keys_pairs},
	{"pcall", box_pcall},
	{"print", box_log},
	{"rawset", box_rawset},
	{"select", box_select},
	{"setmetatable", box_setmetatable},
	{"skip", box_skip},
	{"tostring", box_tostring},
	{"type", box_type},
	{NULL, NULL},
};

/* Each leaves its table of names. */
static const luaL_Reg libraries[] = {
	{"base64", lib_base64}, {"date", lib_date},   {"hash", lib_hash}, {"hex", lib_hex},
	{"json", lib_json},	{"math", lib_math},   {"os", lib_os},	  {"re", lib_re},
	{"string", lib_string}, {"table", lib_table}, {"url", lib_url},	  {"utf8", lib_utf8},
	{"uuid", lib_uuid},	{NULL, NULL},
};

static void names_keep(lua_State *L, int from, const char *const *names)
{
	for (; *names; names++) {
		lua_getfield(L, from, *names);
		lua_setfield(L, -2, *names);
	}
}

int box_open(lua_State *L)
{
	metatables_open(L);
	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1);
	lua_newtable(L);
	names_keep(L, lua_gettop(L) - 1, base_kept);
	lua_getfield(L, -2, "tonumber");
	lua_pushcclosure(L, box_tonumber, 1);
	lua_setfield(L, -2, "tonumber");
	lua_remove(L, -2);
	luaL_setfuncs(L, verbs, 0);
	null_push(L);
	lua_setfield(L, -2, "null");
	for (const luaL_Reg *library = libraries; library->name; library++) {
		lua_pushcfunction(L, library->func);
		lua_call(L, 0, 1);
		table_protect(L, library->name);
		lua_setfield(L, -2, library->name);
	}
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &names_tag);
	table_protect(L, "");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &env_tag);
	return 0;
}
