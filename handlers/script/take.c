/* SPDX-License-Identifier: MIT */
/* take.c - what a script gives, as values and JSON text.
 *
 * A table that came of a record is written along its text: members that are still the same
 * are copied, with their spelling, changed ones stand in their place.  New members follow
 * in the order in which the script's source gives names to members, others by their bytes:
 * the order in which Lua has them differs from run to run.
 */
#include "handlers/script/vm.h"

#include "base/json.h"
#include "base/record/walk.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- scalars ---- */

static void told_add(struct script_vm *vm, const char *bytes, size_t len)
{
	if (buf_add(&vm->told, bytes, len))
		luaL_error(vm->L, "the results of one call are more than %d bytes",
			   SCRIPT_TOLD_BYTES_MAX);
}

static void number_check(struct script_vm *vm, double number)
{
	if (!isfinite(number))
		luaL_error(vm->L, "%s is no value of JSON", isnan(number) ? "nan" : "infinity");
}

static void text_check(struct script_vm *vm, const char *text, size_t len)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		size_t span = utf8_span(at, end);

		if (span == 0)
			luaL_error(vm->L, "byte %d of a string is not UTF-8", (int)(at - text) + 1);
		at += span;
	}
}

static void text_print(struct script_vm *vm, int index)
{
	size_t len;
	const char *text = lua_tolstring(vm->L, index, &len);

	text_check(vm, text, len);
	json_quote(&vm->told, text, len);
	told_add(vm, "", 0);
}

static void number_print(struct script_vm *vm, int index)
{
	char text[VALUE_DOUBLE_TEXT_MAX];
	double number;

	if (lua_isinteger(vm->L, index)) {
		buf_add_int(&vm->told, lua_tointeger(vm->L, index));
		told_add(vm, "", 0);
		return;
	}
	number = lua_tonumber(vm->L, index);
	number_check(vm, number);
	told_add(vm, text, value_double_text(number, text));
}

/* Is the value at `index` what stands in the record? */
static bool is_same(struct script_vm *vm, int index, const struct value *value)
{
	lua_State *L = vm->L;
	const char *text, *was;
	size_t len, was_len;

	switch (lua_type(L, index)) {
	case LUA_TNIL:
		return value->kind == VALUE_MISSING;
	case LUA_TLIGHTUSERDATA:
		return value->kind == VALUE_NULL;
	case LUA_TBOOLEAN:
		return value->kind == (lua_toboolean(L, index) ? VALUE_TRUE : VALUE_FALSE);
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			return value->kind == VALUE_INT &&
			       lua_tointeger(L, index) == value->integer;
		return value->kind == VALUE_DOUBLE && lua_tonumber(L, index) == value->number &&
		       signbit(lua_tonumber(L, index)) == signbit(value->number);
	case LUA_TSTRING:
		if (value->kind != VALUE_TEXT)
			return false;
		buf_clear(&vm->scratch);
		was = value_text(value, &vm->scratch, &was_len);
		text = lua_tolstring(L, index, &len);
		return was && len == was_len && memcmp(text, was, len) == 0;
	default:
		return false;
	}
}

/* ---- tables without a text ---- */

static void member_name_print(struct script_vm *vm, const char *name, size_t len, bool *first)
{
	text_check(vm, name, len);
	if (!*first)
		told_add(vm, ",", 1);
	*first = false;
	json_quote(&vm->told, name, len);
	told_add(vm, ":", 1);
}

/* Writes the members whose names stand on vm->keys from `from` on, and takes those off. */
static void members_print(struct script_vm *vm, int table, size_t from, bool *first)
{
	lua_State *L = vm->L;

	for (size_t i = from; i < vm->key_count; i++) {
		struct member_key key = vm->keys[i];

		member_name_print(vm, key.text, key.len, first);
		lua_pushlstring(L, key.text, key.len);
		lua_rawget(L, table);
		json_take_out(vm, lua_gettop(L));
		lua_pop(L, 1);
	}
	vm->key_count = from;
}

static void list_print(struct script_vm *vm, int table, const struct value *origin)
{
	lua_State *L = vm->L;
	lua_Integer n = (lua_Integer)lua_rawlen(L, table);
	struct value name, was = {.kind = VALUE_MISSING};
	struct walk walk = {0};

	if (origin)
		walk_begin(&walk, origin);
	told_add(vm, "[", 1);
	for (lua_Integer i = 1; i <= n; i++) {
		if (i > 1)
			told_add(vm, ",", 1);
		if (!walk.at || !walk_next(&walk, &name, &was))
			was.kind = VALUE_MISSING;
		if (lua_rawgeti(L, table, i) == LUA_TNIL)
			luaL_error(L, "element %d of a list is nil: use null", (int)i);
		if (is_same(vm, -1, &was))
			value_print(&was, &vm->told);
		else
			json_take_out(vm, lua_gettop(L));
		lua_pop(L, 1);
	}
	told_add(vm, "]", 1);
}

/* ---- tables that came of a text ---- */

/* Writes the members of the text that are still there; returns how many. */
static lua_Integer members_kept(struct script_vm *vm, int table, const struct value *origin,
				int names, bool *first)
{
	lua_State *L = vm->L;
	struct value name, was;
	struct walk walk;
	lua_Integer kept = 0;

	walk_begin(&walk, origin);
	while (walk_next(&walk, &name, &was)) {
		value_push(vm, &name);
		if (names) {
			lua_pushvalue(L, -1);
			lua_pushboolean(L, 1);
			lua_rawset(L, names);
			lua_pop(L, 1);
			continue;
		}
		if (lua_rawget(L, table) != LUA_TNIL) {
			if (!*first)
				told_add(vm, ",", 1);
			*first = false;
			value_print(&name, &vm->told);
			told_add(vm, ":", 1);
			if (is_same(vm, -1, &was))
				value_print(&was, &vm->told);
			else
				json_take_out(vm, lua_gettop(L));
			kept++;
		}
		lua_pop(L, 1);
	}
	return kept;
}

static void object_along(struct script_vm *vm, int table, const struct value *origin)
{
	lua_State *L = vm->L;
	bool first = true;
	lua_Integer kept;

	told_add(vm, "{", 1);
	kept = members_kept(vm, table, origin, 0, &first);
	if (kept != keys_count(L, table)) {
		lua_newtable(L);
		members_kept(vm, table, origin, lua_gettop(L), &first);
		members_print(vm, table, keys_gather(vm, table, lua_gettop(L), true), &first);
		lua_pop(L, 1);
	}
	told_add(vm, "}", 1);
}

static void table_print(struct script_vm *vm, int table)
{
	lua_State *L = vm->L;
	const struct value *origin = origin_find(vm, lua_topointer(L, table));
	bool marked = is_array_marked(L, table), first = true;
	lua_Integer n = (lua_Integer)lua_rawlen(L, table);

	if (origin && origin->kind == VALUE_OBJECT && n == 0) {
		object_along(vm, table, origin);
		return;
	}
	if (marked || n > 0) {
		if (keys_count(L, table) != n)
			luaL_error(L, "a list has gaps or names: use null, or an object");
		list_print(vm, table, origin);
		return;
	}
	told_add(vm, "{", 1);
	members_print(vm, table, keys_gather(vm, table, 0, true), &first);
	told_add(vm, "}", 1);
}

/* ---- any value ---- */

void json_take_out(struct script_vm *vm, int index)
{
	lua_State *L = vm->L;
	const char *big;
	size_t len;

	vm_charge(L, 1);
	switch (lua_type(L, index)) {
	case LUA_TNIL:
	case LUA_TLIGHTUSERDATA:
		told_add(vm, "null", 4);
		return;
	case LUA_TBOOLEAN:
		told_add(vm, lua_toboolean(L, index) ? "true" : "false",
			 lua_toboolean(L, index) ? 4 : 5);
		return;
	case LUA_TNUMBER:
		number_print(vm, index);
		return;
	case LUA_TSTRING:
		text_print(vm, index);
		return;
	case LUA_TTABLE:
		if (vm->depth == RECORD_DEPTH_MAX)
			luaL_error(L, "tables are nested deeper than %d, or in a circle",
				   RECORD_DEPTH_MAX);
		vm->depth++;
		luaL_checkstack(L, 12, "tables are nested too deep");
		table_print(vm, index);
		vm->depth--;
		return;
	default:
		big = big_text(L, index, &len);
		if (!big)
			luaL_error(L, "a %s is no value of JSON", luaL_typename(L, index));
		told_add(vm, big, len);
	}
}

static struct value table_take(struct script_vm *vm, int index)
{
	size_t from = vm->told.len;

	json_take_out(vm, index);
	return (struct value){.kind = vm->told.data[from] == '[' ? VALUE_ARRAY : VALUE_OBJECT,
			      .at = told_offset(from),
			      .len = vm->told.len - from};
}

static struct value text_take(struct script_vm *vm, int index)
{
	struct value value = {.kind = VALUE_TEXT, .form = TEXT_DECODED};
	const char *text = lua_tolstring(vm->L, index, &value.len);

	text_check(vm, text, value.len);
	value.at = told_offset(vm->told.len);
	told_add(vm, text, value.len);
	return value;
}

static struct value number_take(struct script_vm *vm, int index)
{
	struct value value = {.kind = VALUE_INT};

	if (lua_isinteger(vm->L, index)) {
		value.integer = lua_tointeger(vm->L, index);
		return value;
	}
	value.kind = VALUE_DOUBLE;
	value.number = lua_tonumber(vm->L, index);
	number_check(vm, value.number);
	return value;
}

void take_begin(struct script_vm *vm)
{
	vm->depth = 0;
	vm->key_count = 0;
}

struct value value_take_out(struct script_vm *vm, int index)
{
	struct value value = {.kind = VALUE_MISSING};
	const char *big;

	take_begin(vm);
	index = lua_absindex(vm->L, index);
	switch (lua_type(vm->L, index)) {
	case LUA_TNIL:
		break;
	case LUA_TLIGHTUSERDATA:
		value.kind = VALUE_NULL;
		break;
	case LUA_TBOOLEAN:
		value.kind = lua_toboolean(vm->L, index) ? VALUE_TRUE : VALUE_FALSE;
		break;
	case LUA_TNUMBER:
		return number_take(vm, index);
	case LUA_TSTRING:
		return text_take(vm, index);
	case LUA_TTABLE:
		return table_take(vm, index);
	default:
		big = big_text(vm->L, index, &value.len);
		if (!big)
			luaL_error(vm->L, "a %s is no value of JSON", luaL_typename(vm->L, index));
		value.kind = VALUE_BIG;
		value.at = told_offset(vm->told.len);
		told_add(vm, big, value.len);
	}
	return value;
}

/* ---- records of which only some members were in Lua ---- */

struct change {
	const struct script_field *field;
	const struct value *was; /* VALUE_MISSING: a new one */
	const char *start, *end; /* in the record's text */
};

/* Pushes what the member is now. */
static void field_push(struct script_vm *vm, int table, const struct script_field *field)
{
	lua_pushlstring(vm->L, field->name, field->len);
	lua_rawget(vm->L, table);
}

static bool is_container(const struct value *value)
{
	return value->kind == VALUE_ARRAY || value->kind == VALUE_OBJECT;
}

/* What is no longer as it was, in the order of the text, new ones last; *ret_removed: one is
 * gone. */
static size_t changes_find(struct script_vm *vm, int table, struct change *changes,
			   bool *ret_removed)
{
	const struct script *script = vm->loaded_now->script;
	size_t count = 0;

	*ret_removed = false;
	for (size_t i = 0; i < script->field_count; i++) {
		const struct script_field *field = &script->fields[i];
		const struct value *was = &vm->args->values[field->index];
		struct change change = {.field = field, .was = was};
		size_t at = count;

		if (!field->assigned && !is_container(was))
			continue;
		field_push(vm, table, field);
		if (!is_same(vm, -1, was)) {
			*ret_removed |= lua_isnil(vm->L, -1);
			if (was->kind != VALUE_MISSING) {
				change.start = was->at - (was->kind == VALUE_TEXT);
				change.end = was->at + was->len + (was->kind == VALUE_TEXT);
				for (; at > 0 && (!changes[at - 1].start ||
						  changes[at - 1].start > change.start);
				     at--)
					changes[at] = changes[at - 1];
			}
			changes[at] = change;
			count++;
		}
		lua_pop(vm->L, 1);
	}
	return count;
}

static void changed_print(struct script_vm *vm, int table, const struct script_field *field)
{
	field_push(vm, table, field);
	json_take_out(vm, lua_gettop(vm->L));
	lua_pop(vm->L, 1);
}

/* Copies the text with the changed values in it, all but its closing bracket. */
static void text_patch(struct script_vm *vm, int table, const struct value *root,
		       const struct change *changes, size_t count)
{
	const char *from = root->at;

	for (size_t i = 0; i < count && changes[i].start; i++) {
		told_add(vm, from, (size_t)(changes[i].start - from));
		changed_print(vm, table, changes[i].field);
		from = changes[i].end;
	}
	told_add(vm, from, (size_t)(root->at + root->len - 1 - from));
}

static const struct change *change_of(const struct change *changes, size_t count,
				      const struct value *child)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].was->at == child->at)
			return &changes[i];
	return NULL;
}

/* The same where members are gone: one by one. */
static void text_rewrite(struct script_vm *vm, int table, const struct value *root,
			 const struct change *changes, size_t count)
{
	struct value name, child;
	struct walk walk;
	bool first = true;

	told_add(vm, "{", 1);
	walk_begin(&walk, root);
	while (walk_next(&walk, &name, &child)) {
		const struct change *change = change_of(changes, count, &child);

		if (change)
			field_push(vm, table, change->field);
		if (!change || !lua_isnil(vm->L, -1)) {
			if (!first)
				told_add(vm, ",", 1);
			first = false;
			value_print(&name, &vm->told);
			told_add(vm, ":", 1);
			if (change)
				json_take_out(vm, lua_gettop(vm->L));
			else
				value_print(&child, &vm->told);
		}
		if (change)
			lua_pop(vm->L, 1);
	}
}

static bool is_member_last(const struct script_vm *vm, size_t from)
{
	size_t at = vm->told.len;

	while (at > from + 1 && strchr(" \t\r\n", vm->told.data[at - 1]))
		at--;
	return at > from + 1;
}

struct value record_splice(struct script_vm *vm, int table)
{
	const struct value *root = &vm->args->values[vm->loaded_now->script->root];
	struct change changes[SCRIPT_FIELDS_MAX];
	size_t from = vm->told.len, count;
	bool removed;

	take_begin(vm);
	count = changes_find(vm, table, changes, &removed);
	if (count == 0) {
		vm->result_borrowed = true;
		return *root;
	}
	if (removed)
		text_rewrite(vm, table, root, changes, count);
	else
		text_patch(vm, table, root, changes, count);
	for (size_t i = 0; i < count; i++) {
		const struct script_field *field = changes[i].field;
		bool first = !is_member_last(vm, from);

		if (changes[i].start)
			continue;
		member_name_print(vm, field->name, field->len, &first);
		changed_print(vm, table, field);
	}
	told_add(vm, "}", 1);
	return (struct value){
		.kind = VALUE_OBJECT, .at = told_offset(from), .len = vm->told.len - from};
}
