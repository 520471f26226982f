/* SPDX-License-Identifier: MIT */
/* lib_re.c - re: regular expressions of base/pattern.h, those used last kept compiled.
 *
 * Patterns and texts are UTF-8.  The flag "i" takes upper and lower case for the same.
 */
#include "handlers/script/vm.h"

#include "base/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_MAX = 32,
	COMPILE_WORK = 100 * 1000, /* of one pattern: half a millisecond */
	WORK_PER_US = SCRIPT_WORK_MAX / SCRIPT_CPU_US_MAX,
};

struct kept {
	char *source;
	unsigned flags;
	struct pattern *pattern;
};

struct re_cache {
	struct kept kept[KEPT_MAX];
	unsigned next; /* the one that goes next */
};

void re_cache_free(struct re_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++) {
		pattern_free(cache->kept[i].pattern);
		free(cache->kept[i].source);
	}
	free(cache);
}

static const struct pattern *kept_find(const struct re_cache *cache, const char *source,
				       unsigned flags)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (cache->kept[i].source && cache->kept[i].flags == flags &&
		    strcmp(cache->kept[i].source, source) == 0)
			return cache->kept[i].pattern;
	return NULL;
}

static const struct pattern *kept_make(lua_State *L, struct re_cache *cache, const char *source,
				       unsigned flags)
{
	struct kept *kept = &cache->kept[cache->next++ % KEPT_MAX];
	struct pattern_mistake mistake;
	struct pattern *pattern;
	struct err err;

	vm_charge(L, COMPILE_WORK);
	if (pattern_compile(source, flags, &pattern, &mistake, &err)) {
		if (err.code == ERR_NO_MEMORY)
			vm_no_memory(L);
		luaL_error(L, "pattern, byte %d: %s", (int)mistake.offset + 1, mistake.detail);
	}
	pattern_free(kept->pattern);
	free(kept->source);
	*kept = (struct kept){.source = strdup(source), .flags = flags, .pattern = pattern};
	if (!kept->source)
		vm_no_memory(L);
	return pattern;
}

/* The pattern at 2, its flags at `flags_at`. */
static const struct pattern *pattern_check(lua_State *L, int flags_at)
{
	struct script_vm *vm = vm_of(L);
	size_t len;
	const char *source = luaL_checklstring(L, 2, &len);
	const char *letters = luaL_optstring(L, flags_at, "");
	unsigned flags = strcmp(letters, "i") == 0 ? PATTERN_CASELESS : 0;
	const struct pattern *pattern;

	luaL_argcheck(L, flags || !*letters, flags_at, "the flag is \"i\"");
	luaL_argcheck(L, strlen(source) == len, 2, "a pattern has no byte 0: write \\x00");
	if (!vm->re_cache)
		vm->re_cache = calloc(1, sizeof(*vm->re_cache));
	if (!vm->re_cache)
		vm_no_memory(L);
	pattern = kept_find(vm->re_cache, source, flags);
	return pattern ? pattern : kept_make(L, vm->re_cache, source, flags);
}

/* Searches the text at 1; its CPU time counts as work. */
static bool search(lua_State *L, const struct pattern *pattern, size_t start,
		   const struct span **ret_spans)
{
	struct script_vm *vm = vm_of(L);
	int64_t before_us = clock_thread_cpu_us();
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct err err;
	int found = pattern_search(pattern, vm->patterns, text, len, start, ret_spans, &err);

	vm_charge(L, 50 + (uint64_t)(clock_thread_cpu_us() - before_us) * WORK_PER_US);
	if (found < 0)
		luaL_error(L, "%s", err.detail);
	return found > 0;
}

static void span_push(lua_State *L, const struct span *span)
{
	if (span->end < span->start)
		lua_pushnil(L);
	else
		lua_pushlstring(L, lua_tostring(L, 1) + span->start, span->end - span->start);
}

/* The groups, or the whole match when there are none; how many.  The scratch has other
 * spans after the next search: those that are asked for again are copied before. */
static int groups_push(lua_State *L, const struct pattern *pattern, const struct span *spans)
{
	unsigned groups = pattern_groups(pattern);

	luaL_checkstack(L, PATTERN_GROUPS_MAX, "too many groups");
	if (groups == 0)
		span_push(L, &spans[0]);
	for (unsigned i = 1; i <= groups; i++)
		span_push(L, &spans[i]);
	return groups > 0 ? (int)groups : 1;
}

/* re.test(text, pattern [, flags]) */
static int re_test(lua_State *L)
{
	const struct pattern *pattern = pattern_check(L, 3);
	const struct span *spans;

	lua_pushboolean(L, search(L, pattern, 0, &spans));
	return 1;
}

/* re.match(text, pattern [, flags]): its groups, or the whole match; nil: none */
static int re_match(lua_State *L)
{
	const struct pattern *pattern = pattern_check(L, 3);
	const struct span *spans;

	if (search(L, pattern, 0, &spans))
		return groups_push(L, pattern, spans);
	lua_pushnil(L);
	return 1;
}

/* re.find(text, pattern [, flags]): first and last byte, then the groups; nil: none */
static int re_find(lua_State *L)
{
	const struct pattern *pattern = pattern_check(L, 3);
	const struct span *spans;

	if (!search(L, pattern, 0, &spans)) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, (lua_Integer)spans[0].start + 1);
	lua_pushinteger(L, (lua_Integer)spans[0].end);
	return 2 + (pattern_groups(pattern) > 0 ? groups_push(L, pattern, spans) : 0);
}

/* Where to look for the next match: behind this one, by a character when it is empty. */
static size_t behind(lua_State *L, const struct span *match)
{
	size_t len, at = match->end;
	const char *text = lua_tolstring(L, 1, &len);

	if (match->end > match->start)
		return at;
	for (at++; at < len && ((unsigned char)text[at] & 0xC0) == 0x80;)
		at++;
	return at;
}

/* re.all(text, pattern [, flags]): a list of matches; with several groups each is a list */
static int re_all(lua_State *L)
{
	const struct pattern *pattern = pattern_check(L, 3);
	const struct span *spans;
	lua_Integer n = 0;
	size_t at = 0;

	lua_settop(L, 3);
	lua_newtable(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_tag);
	lua_setmetatable(L, 4);
	while (at <= lua_rawlen(L, 1) && search(L, pattern, at, &spans)) {
		int groups = groups_push(L, pattern, spans);

		at = behind(L, &spans[0]);
		if (groups > 1) {
			lua_createtable(L, groups, 0);
			lua_insert(L, 5);
			for (int i = groups; i >= 1; i--)
				lua_rawseti(L, 5, i);
		}
		lua_rawseti(L, 4, ++n);
	}
	return 1;
}

/* ---- gsub ---- */

/* "$1", "$0" and "$$" in the text at 3. */
static void replacement_expand(lua_State *L, luaL_Buffer *into, unsigned groups,
			       const struct span *spans)
{
	size_t len;
	const char *at = lua_tolstring(L, 3, &len), *end = at + len;

	for (; at < end; at++) {
		bool dollar = *at == '$' && at + 1 < end;

		if (dollar && isdigit((unsigned char)at[1]) && (unsigned)(at[1] - '0') <= groups) {
			const struct span *span = &spans[*++at - '0'];

			if (span->end >= span->start)
				luaL_addlstring(into, lua_tostring(L, 1) + span->start,
						span->end - span->start);
		} else if (dollar && at[1] == '$') {
			luaL_addchar(into, *++at);
		} else {
			luaL_addchar(into, *at);
		}
	}
	vm_charge(L, len);
}

static void replacement_add(lua_State *L, luaL_Buffer *into, const struct pattern *pattern,
			    const struct span *spans)
{
	struct span match = spans[0];

	if (lua_type(L, 3) != LUA_TFUNCTION) {
		replacement_expand(L, into, pattern_groups(pattern), spans);
		return;
	}
	lua_pushvalue(L, 3);
	lua_call(L, groups_push(L, pattern, spans), 1);
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		span_push(L, &match);
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	luaL_addvalue(into);
}

/* re.gsub(text, pattern, replacement [, flags]): the text and the number of replacements */
static int re_gsub(lua_State *L)
{
	const struct pattern *pattern = pattern_check(L, 4);
	const struct span *spans;
	size_t len, at = 0, copied = 0;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer count = 0;
	luaL_Buffer into;

	lua_settop(L, 4);
	luaL_argexpected(L, lua_isstring(L, 3) || lua_type(L, 3) == LUA_TFUNCTION, 3,
			 "string or function");
	lua_tostring(L, 3); /* a number becomes a text, in its place */
	luaL_buffinit(L, &into);
	while (at <= len && search(L, pattern, at, &spans)) {
		size_t end = spans[0].end;

		luaL_addlstring(&into, text + copied, spans[0].start - copied);
		at = behind(L, &spans[0]);
		replacement_add(L, &into, pattern, spans);
		copied = end;
		count++;
		pattern = pattern_check(L, 4); /* the function may have used others */
	}
	luaL_addlstring(&into, text + copied, len - copied);
	luaL_pushresult(&into);
	lua_pushinteger(L, count);
	return 2;
}

int lib_re(lua_State *L)
{
	static const luaL_Reg functions[] = {{"all", re_all},	{"find", re_find},
					     {"gsub", re_gsub}, {"match", re_match},
					     {"test", re_test}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
