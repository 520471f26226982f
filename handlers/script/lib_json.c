/* SPDX-License-Identifier: MIT */
/* lib_json.c - json and url: texts with parts. */
#include "handlers/script/vm.h"

#include "base/record/scan.h"
#include "base/record/walk.h"
#include "net/url.h"
#include "net/url_encode.h"

#include <ctype.h>
#include <string.h>

/* ---- json ---- */

/* json.encode(value): as an item would be written */
static int json_encode(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	size_t from = vm->told.len;

	luaL_checkany(L, 1);
	lua_settop(L, 1);
	take_begin(vm);
	json_take_out(vm, 1);
	lua_pushlstring(L, vm->told.data + from, vm->told.len - from);
	buf_cut(&vm->told, from);
	return 1;
}

/* json.decode(text): the value, or nil and what is wrong */
static int json_decode(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	struct scan_mistake mistake;
	struct value value;
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	vm_charge(L, len);
	if (!vm->scanner)
		vm->scanner = scanner_new(NULL);
	if (!vm->scanner)
		vm_no_memory(L);
	if (scan(vm->scanner, text, len, &value, &mistake)) {
		lua_pushnil(L);
		lua_pushfstring(L, "byte %d: %s", (int)mistake.offset + 1, mistake.detail);
		return 2;
	}
	lua_settop(L, 1);
	anchor_keep(vm); /* what came of the text is written along it */
	value_read(text, len, &value);
	value_push(vm, &value);
	return 1;
}

int lib_json(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"decode", json_decode}, {"encode", json_encode}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}

/* ---- url ---- */

static void part_set(lua_State *L, const char *name, const struct url_part *part)
{
	if (!part->at)
		return;
	lua_pushlstring(L, part->at, part->len);
	lua_setfield(L, -2, name);
}

/* url.parse(text [, base]): {href, scheme, host, port, path, query, fragment}; nil: it is
 * no URL */
static int parse(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	size_t len, base_len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *base_text = luaL_optlstring(L, 2, NULL, &base_len);
	struct url base, url;
	struct err err;

	vm_charge(L, 100 + 16 * len + (base_text ? 16 * base_len : 0));
	arena_clear(&vm->arena);
	if ((base_text && url_parse(base_text, base_len, NULL, &vm->arena, &base, &err)) ||
	    url_parse(text, len, base_text ? &base : NULL, &vm->arena, &url, &err)) {
		lua_pushnil(L);
		lua_pushstring(L, err.detail);
		return 2;
	}
	lua_createtable(L, 0, 8);
	lua_pushlstring(L, url.href, url.len);
	lua_setfield(L, -2, "href");
	part_set(L, "scheme", &url.scheme);
	part_set(L, "host", &url.host);
	part_set(L, "path", &url.path);
	part_set(L, "query", &url.query);
	part_set(L, "fragment", &url.fragment);
	if (url_port(&url) > 0) {
		lua_pushinteger(L, url_port(&url));
		lua_setfield(L, -2, "port");
	}
	return 1;
}

/* url.encode(text): all but unreserved characters as %XX (RFC 3986, section 2.3) */
static int encode(lua_State *L)
{
	struct buf *into = &vm_of(L)->scratch;
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	vm_charge(L, len);
	buf_clear(into);
	for (size_t i = 0; i < len; i++) {
		if (isalnum((unsigned char)text[i]) || (text[i] && strchr("-._~", text[i])))
			buf_add_byte(into, text[i]);
		else
			percent_add(into, (unsigned char)text[i]);
	}
	return scratch_push(L);
}

/* Adds the octets that the text stands for; '+' is a blank in forms. */
static void octets_add(struct buf *into, const char *at, const char *end, bool form)
{
	while (at < end) {
		if (percent_at(at, end)) {
			buf_add_byte(into, (char)percent_octet(at));
			at += 3;
		} else {
			buf_add_byte(into, form && *at == '+' ? ' ' : *at);
			at++;
		}
	}
}

static void octets_push(lua_State *L, const char *at, const char *end, bool form)
{
	struct buf *into = &vm_of(L)->scratch;

	buf_clear(into);
	octets_add(into, at, end, form);
	scratch_push(L);
}

/* url.decode(text) */
static int decode(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	vm_charge(L, len);
	octets_push(L, text, text + len, false);
	return 1;
}

/* url.query("a=1&b=2"): {a = "1", b = "2"}; of equal names the first */
static int query(lua_State *L)
{
	size_t len;
	const char *at = luaL_checklstring(L, 1, &len), *end = at + len;

	vm_charge(L, len);
	lua_newtable(L);
	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		const char *sign;

		stop = stop ? stop : end;
		sign = memchr(at, '=', (size_t)(stop - at));
		octets_push(L, at, sign ? sign : stop, true);
		lua_pushvalue(L, -1);
		if (lua_rawget(L, -3) == LUA_TNIL && stop > at) {
			lua_pop(L, 1);
			octets_push(L, sign ? sign + 1 : stop, stop, true);
			lua_rawset(L, -3);
		} else {
			lua_pop(L, 2);
		}
		vm_charge(L, 8);
		at = stop + 1;
	}
	return 1;
}

int lib_url(lua_State *L)
{
	static const luaL_Reg functions[] = {{"decode", decode},
					     {"encode", encode},
					     {"parse", parse},
					     {"query", query},
					     {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
