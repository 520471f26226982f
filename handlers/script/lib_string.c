/* SPDX-License-Identifier: MIT */
/* lib_string.c - string: what Lua has, bounded, and trim, split, pad and kin.
 *
 * find, match, gmatch and gsub use our own matcher; rep knows the bound of a string before
 * it fills it; what reads a string from end to end counts that as work.
 */
#include "handlers/script/matcher.h"
#include "handlers/script/vm.h"

#include <ctype.h>
#include <string.h>

enum { BYTES_PER_STEP = 16 };

/* ---- find, match, gmatch ---- */

/* From 1, or from the end when negative, as a place from 0; beyond the text: len + 1. */
static size_t start_of(lua_State *L, int index, size_t len)
{
	lua_Integer from = luaL_optinteger(L, index, 1);

	if (from > 0)
		return (size_t)MIN(from - 1, (lua_Integer)len + 1);
	if (from == 0 || from < -(lua_Integer)len)
		return 0;
	return len - (size_t)-from;
}

static bool is_plain(const char *pattern, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("^$*+?.([%-", pattern[i]) && pattern[i] != '\0')
			return false;
	return true;
}

static int plain_find(lua_State *L, const char *text, size_t len, size_t from, const char *wanted,
		      size_t wanted_len)
{
	const char *at;

	vm_charge(L, (len - from) / BYTES_PER_STEP);
	at = memmem(text + from, len - from, wanted, wanted_len);
	if (!at) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, at - text + 1);
	lua_pushinteger(L, at - text + (lua_Integer)wanted_len);
	return 2;
}

static int search(lua_State *L, bool find)
{
	size_t len, pattern_len, from;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *pattern = luaL_checklstring(L, 2, &pattern_len), *end;
	bool anchored = *pattern == '^';
	struct matcher matcher;

	from = start_of(L, 3, len);
	if (from > len) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || is_plain(pattern, pattern_len)))
		return plain_find(L, text, len, from, pattern, pattern_len);
	matcher_init(&matcher, L, text, len, pattern, pattern_len);
	for (const char *at = text + from; at <= matcher.text_end; at++) {
		end = matcher_try(&matcher, at, pattern + anchored);
		if (end && !find)
			return matcher_push_all(&matcher, at, end);
		if (end) {
			lua_pushinteger(L, at - text + 1);
			lua_pushinteger(L, end - text);
			return 2 + (matcher.count > 0 ? matcher_push_all(&matcher, NULL, NULL) : 0);
		}
		if (anchored)
			break;
	}
	lua_pushnil(L);
	return 1;
}

static int string_find(lua_State *L)
{
	return search(L, true);
}

static int string_match(lua_State *L)
{
	return search(L, false);
}

/* Upvalues: text, pattern, the place to go on, and where the last match ended. */
static int gmatch_next(lua_State *L)
{
	size_t len, pattern_len, from = (size_t)lua_tointeger(L, lua_upvalueindex(3));
	const char *text = lua_tolstring(L, lua_upvalueindex(1), &len);
	const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_len), *end;
	const char *last = text + lua_tointeger(L, lua_upvalueindex(4));
	struct matcher matcher;

	matcher_init(&matcher, L, text, len, pattern, pattern_len);
	for (const char *at = text + from; at <= matcher.text_end; at++) {
		end = matcher_try(&matcher, at, pattern);
		if (!end || end == last)
			continue;
		lua_pushinteger(L, end - text);
		lua_copy(L, -1, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return matcher_push_all(&matcher, at, end);
	}
	return 0;
}

static int string_gmatch(lua_State *L)
{
	size_t len;

	luaL_checklstring(L, 1, &len);
	luaL_checkstring(L, 2);
	lua_pushinteger(L, (lua_Integer)start_of(L, 3, len));
	lua_replace(L, 3);
	lua_settop(L, 3);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

/* ---- gsub ---- */

static void replacement_expand(struct matcher *matcher, luaL_Buffer *into, const char *start,
			       const char *end)
{
	lua_State *L = matcher->L;
	size_t len;
	const char *text = lua_tolstring(L, 3, &len);

	for (const char *at = text, *stop = text + len; at < stop; at++) {
		if (*at != '%') {
			luaL_addchar(into, *at);
			continue;
		}
		at++;
		if (at < stop && *at == '%') {
			luaL_addchar(into, '%');
		} else if (at < stop && *at == '0') {
			luaL_addlstring(into, start, (size_t)(end - start));
		} else if (at < stop && isdigit((unsigned char)*at)) {
			matcher_push(matcher, *at - '1', start, end);
			luaL_tolstring(L, -1, NULL); /* a place is a number */
			lua_remove(L, -2);
			luaL_addvalue(into);
		} else {
			luaL_error(L, "invalid use of '%%' in replacement string");
		}
	}
	vm_charge(L, len / BYTES_PER_STEP);
}

/* Adds what stands for the match; false and nil keep it.  True: it was replaced. */
static bool replacement_add(struct matcher *matcher, luaL_Buffer *into, const char *start,
			    const char *end)
{
	lua_State *L = matcher->L;
	int kind = lua_type(L, 3);

	if (kind == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, matcher_push_all(matcher, start, end), 1);
	} else if (kind == LUA_TTABLE) {
		matcher_push(matcher, 0, start, end);
		lua_gettable(L, 3);
	} else {
		replacement_expand(matcher, into, start, end);
		return true;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(into, start, (size_t)(end - start));
		return false;
	}
	if (!lua_isstring(L, -1))
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	luaL_addvalue(into);
	return true;
}

static int string_gsub(lua_State *L)
{
	size_t len, pattern_len;
	const char *text = luaL_checklstring(L, 1, &len), *at = text, *last = NULL, *end;
	const char *pattern = luaL_checklstring(L, 2, &pattern_len);
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)len + 1), count = 0;
	bool anchored = *pattern == '^', changed = false;
	struct matcher matcher;
	luaL_Buffer into;

	luaL_argexpected(L,
			 lua_type(L, 3) == LUA_TNUMBER || lua_type(L, 3) == LUA_TSTRING ||
				 lua_type(L, 3) == LUA_TTABLE || lua_type(L, 3) == LUA_TFUNCTION,
			 3, "string/function/table");
	matcher_init(&matcher, L, text, len, pattern, pattern_len);
	luaL_buffinit(L, &into);
	while (count < most) {
		end = matcher_try(&matcher, at, pattern + anchored);
		if (end && end != last) {
			count++;
			changed |= replacement_add(&matcher, &into, at, end);
			at = last = end;
		} else if (at < matcher.text_end) {
			luaL_addchar(&into, *at++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	if (changed) {
		luaL_addlstring(&into, at, (size_t)(matcher.text_end - at));
		luaL_pushresult(&into);
	} else {
		lua_pushvalue(L, 1);
	}
	lua_pushinteger(L, count);
	return 2;
}

/* ---- bounded ---- */

static int string_rep(lua_State *L)
{
	size_t len, between_len, total;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer n = luaL_checkinteger(L, 2);
	const char *between = luaL_optlstring(L, 3, "", &between_len);
	luaL_Buffer into;
	char *at;

	if (n <= 0 || len + between_len == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((lua_Unsigned)n > SCRIPT_STRING_BYTES_MAX / (len + between_len) + 1)
		return vm_limit_raise(L, LIMIT_STRING);
	total = (size_t)n * len + (size_t)(n - 1) * between_len;
	vm_charge(L, (lua_Unsigned)n + total / BYTES_PER_STEP);
	at = luaL_buffinitsize(L, &into, total);
	for (lua_Integer i = 0; i < n; i++) {
		if (i > 0)
			at = mempcpy(at, between, between_len);
		at = mempcpy(at, text, len);
	}
	luaL_pushresultsize(&into, total);
	return 1;
}

static int string_byte(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer from = luaL_optinteger(L, 2, 1), to = luaL_optinteger(L, 3, from);

	from = from < 0 ? MAX((lua_Integer)len + from + 1, 1) : MAX(from, 1);
	to = to < 0 ? (lua_Integer)len + to + 1 : MIN(to, (lua_Integer)len);
	if (from > to)
		return 0;
	if (to - from >= SCRIPT_VALUES_MAX)
		return luaL_error(L, "more than %d bytes at once", SCRIPT_VALUES_MAX);
	luaL_checkstack(L, (int)(to - from + 1), "too many bytes");
	for (lua_Integer i = from; i <= to; i++)
		lua_pushinteger(L, (unsigned char)text[i - 1]);
	return (int)(to - from + 1);
}

/* Lua's own function (the upvalue), which walks over its format; %p would show an address. */
static int string_charged(lua_State *L)
{
	size_t len;
	const char *format = luaL_checklstring(L, 1, &len);

	vm_charge(L, len);
	for (size_t i = 0; i + 1 < len; i++) {
		if (format[i] != '%')
			continue;
		i += 1 + strspn(format + i + 1, "-+ #0123456789.");
		if (format[i] == 'p')
			return luaL_error(L, "string.format has no %%p here");
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- what Lua does not have ---- */

static int string_trim(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len), *end = text + len;

	vm_charge(L, len / BYTES_PER_STEP);
	while (text < end && isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	lua_pushlstring(L, text, (size_t)(end - text));
	return 1;
}

static void piece_add(lua_State *L, int table, lua_Integer n, const char *from, const char *to)
{
	lua_pushlstring(L, from, (size_t)(to - from));
	lua_rawseti(L, table, n);
	vm_charge(L, 4);
}

/* Runs of blanks lie between the pieces. */
static void blanks_split(lua_State *L, int table, const char *at, const char *end)
{
	for (lua_Integer n = 1;; n++) {
		const char *from;

		while (at < end && isspace((unsigned char)*at))
			at++;
		if (at == end)
			return;
		for (from = at; at < end && !isspace((unsigned char)*at);)
			at++;
		piece_add(L, table, n, from, at);
	}
}

/* split(text [, separator]): a list; without a separator, of words */
static int string_split(lua_State *L)
{
	size_t len, by_len;
	const char *text = luaL_checklstring(L, 1, &len), *end = text + len, *next;
	const char *by = luaL_optlstring(L, 2, "", &by_len);
	lua_Integer n = 1;

	luaL_argcheck(L, lua_isnoneornil(L, 2) || by_len > 0, 2, "the separator is empty");
	vm_charge(L, len / BYTES_PER_STEP);
	lua_settop(L, 2);
	lua_newtable(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_tag);
	lua_setmetatable(L, 3);
	if (by_len == 0) {
		blanks_split(L, 3, text, end);
		return 1;
	}
	while ((next = memmem(text, (size_t)(end - text), by, by_len))) {
		piece_add(L, 3, n++, text, next);
		text = next + by_len;
	}
	piece_add(L, 3, n, text, end);
	return 1;
}

/* pad(text, width [, with]): blanks behind it up to width characters; a negative width: in
 * front of it */
static int string_pad(lua_State *L)
{
	size_t len, with_len, chars = 0, missing;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer width = luaL_checkinteger(L, 2);
	const char *with = luaL_optlstring(L, 3, " ", &with_len);
	luaL_Buffer into;

	for (size_t i = 0; i < len; i++)
		chars += ((unsigned char)text[i] & 0xC0) != 0x80;
	luaL_argcheck(L, width > -SCRIPT_STRING_BYTES_MAX && width < SCRIPT_STRING_BYTES_MAX, 2,
		      "too wide");
	luaL_argcheck(L, with_len == 1, 3, "one character of ASCII fills");
	vm_charge(L, len / BYTES_PER_STEP);
	missing = (size_t)(width < 0 ? -width : width);
	missing = missing > chars ? missing - chars : 0;
	luaL_buffinit(L, &into);
	if (width > 0)
		luaL_addlstring(&into, text, len);
	memset(luaL_prepbuffsize(&into, missing), *with, missing);
	luaL_addsize(&into, missing);
	if (width <= 0)
		luaL_addlstring(&into, text, len);
	luaL_pushresult(&into);
	return 1;
}

static int string_starts_with(lua_State *L)
{
	size_t len, with_len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *with = luaL_checklstring(L, 2, &with_len);

	lua_pushboolean(L, len >= with_len && memcmp(text, with, with_len) == 0);
	return 1;
}

static int string_ends_with(lua_State *L)
{
	size_t len, with_len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *with = luaL_checklstring(L, 2, &with_len);

	lua_pushboolean(L, len >= with_len && memcmp(text + len - with_len, with, with_len) == 0);
	return 1;
}

/* ---- opening ---- */

static const luaL_Reg functions[] = {
	{"byte", string_byte},	 {"ends_with", string_ends_with},
	{"find", string_find},	 {"gmatch", string_gmatch},
	{"gsub", string_gsub},	 {"match", string_match},
	{"pad", string_pad},	 {"rep", string_rep},
	{"split", string_split}, {"starts_with", string_starts_with},
	{"trim", string_trim},	 {NULL, NULL},
};

/* What these copy is counted by the allocator. */
static const char *const charged[] = {"format", "pack", "packsize", "unpack", NULL};
static const char *const kept[] = {"char", "len", "lower", "reverse", "sub", "upper", NULL};

/* The methods of strings become ours too. */
int lib_string(lua_State *L)
{
	int own;

	lua_pushcfunction(L, luaopen_string);
	lua_call(L, 0, 1);
	own = lua_gettop(L);
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	for (const char *const *name = kept; *name; name++) {
		lua_getfield(L, own, *name);
		lua_setfield(L, -2, *name);
	}
	for (const char *const *name = charged; *name; name++) {
		lua_getfield(L, own, *name);
		lua_pushcclosure(L, string_charged, 1);
		lua_setfield(L, -2, *name);
	}
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
	return 1;
}
