/* SPDX-License-Identifier: MIT */
/* push.c - values of records as Lua has them.
 *
 * null is a light userdata, since nil would take its member away; a number that is neither
 * int64 nor double is a userdata that holds its digits; an array has a metatable, so that
 * an empty one stays an array.  Which table came of which text is noted: take.c writes
 * what nobody has changed as it stood there.
 */
#include "handlers/script/vm.h"

#include "base/record/walk.h"

#include <stdlib.h>
#include <string.h>

enum { ORIGINS_MIN = 64, ORIGINS_KEPT_MAX = 4096 };

const char array_tag, big_tag, anchors_tag;

static void container_push(struct script_vm *vm, const struct value *container);

void null_push(lua_State *L)
{
	lua_pushlightuserdata(L, NULL);
}

bool is_null(lua_State *L, int index)
{
	return lua_type(L, index) == LUA_TLIGHTUSERDATA;
}

/* Has the value at `index` the metatable that the registry holds under `tag`? */
static bool has_metatable(lua_State *L, int index, const char *tag)
{
	bool same;

	if (!lua_getmetatable(L, index))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, tag);
	same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

bool is_array_marked(lua_State *L, int index)
{
	return has_metatable(L, index, &array_tag);
}

const char *big_text(lua_State *L, int index, size_t *ret_len)
{
	if (lua_type(L, index) != LUA_TUSERDATA || !has_metatable(L, index, &big_tag))
		return NULL;
	*ret_len = lua_rawlen(L, index);
	return lua_touserdata(L, index);
}

static void big_push(lua_State *L, const struct value *value)
{
	memcpy(lua_newuserdatauv(L, value->len, 0), value->at, value->len);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &big_tag);
	lua_setmetatable(L, -2);
}

static void text_push(struct script_vm *vm, const struct value *value)
{
	const char *text = value->at;
	size_t len = value->len;

	if (value->form == TEXT_ESCAPED) {
		buf_clear(&vm->scratch);
		text = value_text(value, &vm->scratch, &len);
		if (!text)
			vm_no_memory(vm->L);
	}
	lua_pushlstring(vm->L, text, len);
}

void value_push(struct script_vm *vm, const struct value *value)
{
	switch (value->kind) {
	case VALUE_MISSING:
		lua_pushnil(vm->L);
		break;
	case VALUE_NULL:
		null_push(vm->L);
		break;
	case VALUE_FALSE:
	case VALUE_TRUE:
		lua_pushboolean(vm->L, value->kind == VALUE_TRUE);
		break;
	case VALUE_INT:
		lua_pushinteger(vm->L, value->integer);
		break;
	case VALUE_DOUBLE:
		lua_pushnumber(vm->L, value->number);
		break;
	case VALUE_BIG:
		big_push(vm->L, value);
		break;
	case VALUE_TEXT:
		text_push(vm, value);
		break;
	case VALUE_ARRAY:
	case VALUE_OBJECT:
		container_push(vm, value);
		break;
	}
}

/* ---- tables ---- */

static size_t origin_slot(const struct script_vm *vm, const void *table)
{
	size_t slot = ((uintptr_t)table >> 4) * 0x9E3779B97F4A7C15u >> 20;

	slot &= vm->origin_max - 1;
	while (vm->origins[slot].table && vm->origins[slot].table != table)
		slot = (slot + 1) & (vm->origin_max - 1);
	return slot;
}

static void origins_grow(struct script_vm *vm)
{
	struct origin *old = vm->origins;
	size_t old_max = vm->origin_max, max = MAX(old_max * 2, ORIGINS_MIN);
	struct origin *grown = calloc(max, sizeof(*grown));

	if (!grown)
		vm_no_memory(vm->L);
	vm->origins = grown;
	vm->origin_max = max;
	for (size_t i = 0; i < old_max; i++)
		if (old[i].table)
			vm->origins[origin_slot(vm, old[i].table)] = old[i];
	free(old);
}

void anchor_keep(struct script_vm *vm)
{
	lua_rawgetp(vm->L, LUA_REGISTRYINDEX, &anchors_tag);
	lua_pushvalue(vm->L, -2);
	lua_rawseti(vm->L, -2, (lua_Integer)++vm->anchor_count);
	lua_pop(vm->L, 1);
	vm->anchored = MAX(vm->anchored, vm->anchor_count);
}

/* The table on top came of `value`.  It is kept alive until the call ends: another one at
 * its address would be taken for it. */
static void origin_note(struct script_vm *vm, const struct value *value)
{
	const void *table = lua_topointer(vm->L, -1);

	if (2 * vm->origin_count >= vm->origin_max)
		origins_grow(vm);
	vm->origins[origin_slot(vm, table)] = (struct origin){table, *value};
	vm->origin_count++;
	anchor_keep(vm);
}

const struct value *origin_find(const struct script_vm *vm, const void *table)
{
	const struct origin *origin;

	if (vm->origin_count == 0)
		return NULL;
	origin = &vm->origins[origin_slot(vm, table)];
	return origin->table ? &origin->value : NULL;
}

void origins_clear(struct script_vm *vm)
{
	vm->anchor_count = 0;
	if (vm->origin_count == 0)
		return;
	if (vm->origin_max > ORIGINS_KEPT_MAX) {
		free(vm->origins);
		vm->origins = NULL;
		vm->origin_max = 0;
	} else {
		memset(vm->origins, 0, vm->origin_max * sizeof(*vm->origins));
	}
	vm->origin_count = 0;
}

static void container_push(struct script_vm *vm, const struct value *container)
{
	bool object = container->kind == VALUE_OBJECT;
	struct value name, child;
	struct walk walk;
	lua_Integer n = 0;

	luaL_checkstack(vm->L, 8, "the record is nested too deep");
	lua_createtable(vm->L, 0, object ? vm->members_expected : 0);
	if (!object) {
		lua_rawgetp(vm->L, LUA_REGISTRYINDEX, &array_tag);
		lua_setmetatable(vm->L, -2);
	}
	origin_note(vm, container);
	walk_begin(&walk, container);
	for (; walk_next(&walk, &name, &child); n++) {
		if (object)
			text_push(vm, &name);
		value_push(vm, &child);
		if (object)
			lua_rawset(vm->L, -3);
		else
			lua_rawseti(vm->L, -2, n + 1);
	}
	if (object)
		vm->members_expected = (int)MIN(n, MEMBERS_EXPECTED_MAX);
}
