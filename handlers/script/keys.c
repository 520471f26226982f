/* SPDX-License-Identifier: MIT */
/* keys.c - in which order the keys of a table come: where it is written, and in pairs() and
 * next().  Lua's own order differs from run to run, so that a script that emits in a loop
 * over a table would give other bytes when its job is done again.
 *
 *   1  elements from 1 on
 *   2  members of the record that the table came of, as they stand there
 *   3  other numbers
 *   4  names: as the script's source gives them to members first, others by their bytes
 *   5  false, true, null
 *
 * pairs() notes the keys before its loop: what the loop adds is not seen, what it takes away
 * does not come.
 */
#include "handlers/script/vm.h"

#include "base/record/walk.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_NUMBER, KEY_TEXT, KEY_OTHER, KEY_NONE };

/* ---- the order ---- */

static int compare_integers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* A double that is a key is no integer, or beyond all of them. */
static int compare_numbers(const struct member_key *x, const struct member_key *y)
{
	if (x->integer && y->integer)
		return compare_integers(x->rank, y->rank);
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return y->integer - x->integer;
}

static int key_compare(const void *a, const void *b)
{
	const struct member_key *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind - y->kind;
	if (x->kind == KEY_NUMBER)
		return compare_numbers(x, y);
	if (x->kind != KEY_TEXT || x->rank != y->rank)
		return compare_integers(x->rank, y->rank);
	order = memcmp(x->text, y->text, MIN(x->len, y->len));
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The place of the name on top among those that the source gives. */
static int64_t name_rank(struct script_vm *vm, int ranks)
{
	int64_t rank = INT64_MAX;

	lua_pushvalue(vm->L, -1);
	lua_rawget(vm->L, ranks);
	if (lua_isinteger(vm->L, -1))
		rank = lua_tointeger(vm->L, -1);
	lua_pop(vm->L, 1);
	return rank;
}

/* The key on top. */
static struct member_key key_read(struct script_vm *vm, int ranks)
{
	lua_State *L = vm->L;
	struct member_key key = {.kind = KEY_OTHER};

	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		key.kind = KEY_TEXT;
		key.text = lua_tolstring(L, -1, &key.len);
		key.rank = name_rank(vm, ranks);
		break;
	case LUA_TNUMBER:
		key.kind = KEY_NUMBER;
		key.integer = lua_isinteger(L, -1);
		key.number = lua_tonumber(L, -1);
		key.rank = key.integer ? lua_tointeger(L, -1) : 0;
		break;
	case LUA_TBOOLEAN:
		key.rank = lua_toboolean(L, -1);
		break;
	case LUA_TLIGHTUSERDATA:
		key.rank = 2;
		break;
	default:
		luaL_error(L, "keys that are a %s have no order: use a list", luaL_typename(L, -1));
	}
	return key;
}

static void key_push(lua_State *L, const struct member_key *key)
{
	if (key->kind == KEY_TEXT)
		lua_pushlstring(L, key->text, key->len);
	else if (key->kind == KEY_NUMBER && key->integer)
		lua_pushinteger(L, key->rank);
	else if (key->kind == KEY_NUMBER)
		lua_pushnumber(L, key->number);
	else if (key->kind == KEY_NONE)
		lua_pushnil(L);
	else if (key->rank == 2)
		null_push(L);
	else
		lua_pushboolean(L, (int)key->rank);
}

static void key_note(struct script_vm *vm, const struct member_key *key)
{
	if (vm->key_count == vm->key_max) {
		size_t max = MAX(vm->key_max * 2, 64);
		struct member_key *keys = realloc(vm->keys, max * sizeof(*keys));

		if (!keys)
			vm_no_memory(vm->L);
		vm->keys = keys;
		vm->key_max = max;
	}
	vm->keys[vm->key_count++] = *key;
}

/* A member of an object has a name. */
static void name_check(lua_State *L)
{
	if (lua_type(L, -1) == LUA_TSTRING)
		return;
	if (lua_type(L, -1) == LUA_TNUMBER)
		luaL_error(L,
			   "a table with the key %s is neither a list from 1 nor an object: "
			   "use tostring(key), or array{}",
			   lua_tostring(L, -1));
	luaL_error(L, "a key of an object is a string, not a %s", luaL_typename(L, -1));
}

static bool is_key_in(lua_State *L, int set)
{
	bool is_in;

	lua_pushvalue(L, -1);
	is_in = lua_rawget(L, set) != LUA_TNIL;
	lua_pop(L, 1);
	return is_in;
}

size_t keys_gather(struct script_vm *vm, int table, int except, bool names)
{
	lua_State *L = vm->L;
	size_t from = vm->key_count;
	int ranks;

	lua_rawgeti(L, LUA_REGISTRYINDEX, vm->loaded_now->ranks_ref);
	ranks = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, table);) {
		struct member_key key;

		lua_pop(L, 1);
		if (names)
			name_check(L);
		if (except && is_key_in(L, except))
			continue;
		key = key_read(vm, ranks);
		key_note(vm, &key);
	}
	lua_pop(L, 1);
	vm_charge(L, vm->key_count - from);
	if (vm->key_count - from > 1)
		qsort(vm->keys + from, vm->key_count - from, sizeof(*vm->keys), key_compare);
	return from;
}

lua_Integer keys_count(lua_State *L, int table)
{
	lua_Integer n = 0;

	for (lua_pushnil(L); lua_next(L, table); n++)
		lua_pop(L, 1);
	return n;
}

/* ---- all keys of a table ---- */

/* Elements from 1 on; stands before the other keys, which are a list. */
static lua_Integer elements_count(lua_State *L, int table)
{
	lua_Integer n = 0;

	while (lua_rawgeti(L, table, n + 1) != LUA_TNIL) {
		lua_pop(L, 1);
		n++;
	}
	lua_pop(L, 1);
	return n;
}

/* Adds the members of the record that are still there, `max` at most; returns how many. */
static lua_Integer members_list(struct script_vm *vm, int table, int list, lua_Integer max)
{
	lua_State *L = vm->L;
	const struct value *origin = origin_find(vm, lua_topointer(L, table));
	struct value name, child;
	struct walk walk;
	lua_Integer n = 0;

	if (!origin || origin->kind != VALUE_OBJECT)
		return 0;
	walk_begin(&walk, origin);
	while (n < max && walk_next(&walk, &name, &child)) {
		value_push(vm, &name);
		if (is_key_in(L, table))
			lua_rawseti(L, list, ++n);
		else
			lua_pop(L, 1);
	}
	return n;
}

/* Adds those that are neither elements nor the `listed` members of the list. */
static void others_list(struct script_vm *vm, int table, int list, lua_Integer elements,
			lua_Integer listed)
{
	lua_State *L = vm->L;
	size_t from;

	lua_createtable(L, 0, (int)listed);
	for (lua_Integer i = 1; i <= listed; i++) {
		lua_rawgeti(L, list, i);
		lua_pushboolean(L, 1);
		lua_rawset(L, -3);
	}
	from = keys_gather(vm, table, lua_gettop(L), false);
	lua_pop(L, 1);
	for (size_t i = from; i < vm->key_count; i++) {
		const struct member_key *key = &vm->keys[i];

		if (key->integer && key->rank >= 1 && key->rank <= elements)
			continue;
		key_push(L, key);
		lua_rawseti(L, list, ++listed);
	}
	vm->key_count = from;
}

/* Pushes the list of the keys behind the elements, and returns how many of these there are. */
static lua_Integer keys_push(struct script_vm *vm, int table)
{
	lua_State *L = vm->L;
	lua_Integer count = keys_count(L, table), elements = elements_count(L, table), members;
	int list;

	vm_charge(L, 8 + 4 * (uint64_t)count);
	take_begin(vm);
	lua_createtable(L, (int)(count - elements), 0);
	list = lua_gettop(L);
	members = members_list(vm, table, list, count);
	if (elements + members < count)
		others_list(vm, table, list, elements, members);
	return elements;
}

/* Pushes the first key from `place` on that is still there and its value, and returns where it
 * is; or pushes nil. */
static lua_Integer pair_push(lua_State *L, int table, int list, lua_Integer elements,
			     lua_Integer place)
{
	for (;; place++) {
		if (place <= elements)
			lua_pushinteger(L, place);
		else if (lua_rawgeti(L, list, place - elements) == LUA_TNIL)
			return place;
		lua_pushvalue(L, -1);
		if (lua_rawget(L, table) != LUA_TNIL)
			return place;
		lua_pop(L, 2);
	}
}

static void table_check(lua_State *L)
{
	luaL_argcheck(L, !is_null(L, 1), 1, "table expected, got null");
	luaL_checktype(L, 1, LUA_TTABLE);
}

/* ---- pairs(table) ---- */

enum { PAIRS_TABLE = 1, PAIRS_LIST, PAIRS_ELEMENTS, PAIRS_PLACE, PAIRS_UPVALUES = PAIRS_PLACE };

static int pairs_step(lua_State *L)
{
	lua_Integer place = lua_tointeger(L, lua_upvalueindex(PAIRS_PLACE));
	lua_Integer elements = lua_tointeger(L, lua_upvalueindex(PAIRS_ELEMENTS));

	lua_settop(L, 0);
	place = pair_push(L, lua_upvalueindex(PAIRS_TABLE), lua_upvalueindex(PAIRS_LIST), elements,
			  place);
	lua_pushinteger(L, place + 1);
	lua_replace(L, lua_upvalueindex(PAIRS_PLACE));
	return lua_gettop(L);
}

int keys_pairs(lua_State *L)
{
	lua_Integer elements;

	luaL_checkany(L, 1);
	lua_settop(L, 1);
	if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_call(L, 1, 3);
		return 3;
	}
	table_check(L);
	lua_pushvalue(L, 1);
	elements = keys_push(vm_of(L), 1);
	lua_pushinteger(L, elements);
	lua_pushinteger(L, 1);
	lua_pushcclosure(L, pairs_step, PAIRS_UPVALUES);
	lua_pushvalue(L, 1);
	return 2;
}

/* ---- next(table [, key]) ---- */

/* What it has noted last, in the registry. */
enum { NEXT_TABLE = 1, NEXT_LIST };

static const char next_tag;

/* Pushes the list of the table at 1: what was noted last, if that is of it. */
static void next_list_push(struct script_vm *vm)
{
	lua_State *L = vm->L;

	if (vm->next_place > 0) {
		lua_rawgetp(L, LUA_REGISTRYINDEX, &next_tag);
		lua_rawgeti(L, -1, NEXT_LIST);
		lua_rawgeti(L, -2, NEXT_TABLE);
		if (lua_rawequal(L, -1, 1)) {
			lua_pop(L, 1);
			return;
		}
	}
	vm->next_elements = keys_push(vm, 1);
	lua_createtable(L, NEXT_LIST, 0);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, NEXT_TABLE);
	lua_pushvalue(L, -2);
	lua_rawseti(L, -2, NEXT_LIST);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &next_tag);
	vm->next_place = 1;
}

static bool is_key_at(lua_State *L, int list, lua_Integer at)
{
	bool same;

	lua_rawgeti(L, list, at);
	same = lua_rawequal(L, -1, 2);
	lua_pop(L, 1);
	return same;
}

/* The place of the key at 2; usually it is the one that was given last. */
static lua_Integer place_find(struct script_vm *vm, int list)
{
	lua_State *L = vm->L;
	lua_Integer elements = vm->next_elements, n = (lua_Integer)lua_rawlen(L, list);
	lua_Integer key = lua_isinteger(L, 2) ? lua_tointeger(L, 2) : 0;

	if (key >= 1 && key <= elements)
		return key;
	if (vm->next_place > elements && is_key_at(L, list, vm->next_place - elements))
		return vm->next_place;
	vm_charge(L, (uint64_t)n);
	for (lua_Integer at = 1; at <= n; at++)
		if (is_key_at(L, list, at))
			return elements + at;
	return luaL_error(L, "next was given a key that the table does not have");
}

/* Without a list: often it is only asked whether there is one. */
static void key_first_push(struct script_vm *vm)
{
	lua_State *L = vm->L;
	struct member_key first = {.kind = KEY_NONE};
	int ranks;

	if (lua_rawgeti(L, 1, 1) != LUA_TNIL) {
		lua_pushinteger(L, 1);
		return;
	}
	lua_newtable(L);
	if (members_list(vm, 1, lua_gettop(L), 1) == 1) {
		lua_rawgeti(L, -1, 1);
		return;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, vm->loaded_now->ranks_ref);
	ranks = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, 1);) {
		struct member_key key;

		lua_pop(L, 1);
		vm_charge(L, 2);
		key = key_read(vm, ranks);
		if (key_compare(&key, &first) < 0)
			first = key;
	}
	key_push(L, &first);
}

int keys_next(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	lua_Integer place;
	int list;

	luaL_checkany(L, 1);
	table_check(L);
	lua_settop(L, 2);
	if (lua_isnil(L, 2)) {
		keys_next_forget(vm);
		key_first_push(vm);
		lua_pushvalue(L, -1);
		return lua_isnil(L, -1) || lua_rawget(L, 1) == LUA_TNIL ? 1 : 2;
	}
	next_list_push(vm);
	list = lua_gettop(L);
	place = place_find(vm, list) + 1;
	vm->next_place = pair_push(L, 1, list, vm->next_elements, place);
	return lua_isnil(L, -1) ? 1 : 2;
}

void keys_next_forget(struct script_vm *vm)
{
	if (vm->next_place == 0)
		return;
	vm->next_place = 0;
	lua_pushnil(vm->L);
	lua_rawsetp(vm->L, LUA_REGISTRYINDEX, &next_tag);
}
