/* SPDX-License-Identifier: MIT */
/* json.c - cJSON behind the check: the only file that knows it.
 *
 * json_parse:
 *   1. json_check_facts: from here on the text is JSON, within our limits
 *   2. numbers longer than cJSON reads (63 bytes) are shortened in a copy
 *   3. cJSON builds the tree in the arena that the thread has named in tree_arena;
 *      it can fail only for want of memory
 *   4. numbers that a double does not hold as they were written get their spelling back,
 *      to be printed with
 * A struct json is a cJSON node under another name.
 */
#include "base/json.h"

#include "base/arena.h"
#include "base/json_check.h"
#include "base/limits.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

/* Where cJSON, which knows no context, allocates: set while it builds a tree. */
static _Thread_local struct arena *tree_arena;

static const cJSON *node(const struct json *json)
{
	return (const cJSON *)(const void *)json;
}

static const struct json *json_of(const cJSON *node)
{
	return (const struct json *)(const void *)node;
}

/* Writes the number at `at` anew, as 17 significant digits and blanks. */
static char *number_shorten(char *at)
{
	char *end = at, digits[32];
	size_t len = strspn(at, "+-.0123456789eE");
	int used;

	end += len;
	if (len <= JSON_NUMBER_PLAIN_MAX)
		return end;
	used = snprintf(digits, sizeof(digits), "%.17g", strtod(at, NULL));
	memset(at, ' ', len);
	memcpy(at, digits, (size_t)used);
	return end;
}

/* A copy of a checked text in which every number is short enough for cJSON. */
static char *numbers_shorten(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	char *at = copy;

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	while (*at) {
		if (*at == '"') {
			for (at++; *at != '"'; at++)
				at += *at == '\\';
			at++;
		} else if (*at == '-' || (*at >= '0' && *at <= '9')) {
			at = number_shorten(at);
		} else {
			at++;
		}
	}
	return copy;
}

/* The next number in a checked text, or its end. */
static const char *number_next(const char *at, const char *end)
{
	while (at < end && *at != '-' && (*at < '0' || *at > '9')) {
		if (*at == '"')
			for (at++; *at != '"'; at++)
				at += *at == '\\';
		at++;
	}
	return at;
}

/* Nodes come in the order of the text.  Returns where it goes on; NULL: no memory. */
static const char *numbers_spell(cJSON *node, const char *at, const char *end, struct arena *arena)
{
	size_t len = 0;

	for (cJSON *child = node->child; child && at; child = child->next)
		at = numbers_spell(child, at, end, arena);
	if (!at || !cJSON_IsNumber(node))
		return at;
	at = number_next(at, end);
	while (at + len < end && at[len] && strchr("+-.0123456789eE", at[len]))
		len++;
	if (len > JSON_NUMBER_DIGITS || memchr(at, '.', len) || memchr(at, 'e', len) ||
	    memchr(at, 'E', len)) {
		node->valuestring = arena_copy(arena, at, len);
		if (!node->valuestring)
			return NULL;
	}
	return at + len;
}

static void *tree_alloc(size_t size)
{
	return arena_take(tree_arena, size);
}

static void tree_free(void *at)
{
	(void)at; /* goes with its arena */
}

static void hooks_set(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = tree_alloc, .free_fn = tree_free});
}

static cJSON *tree_build(const char *text, size_t len, struct arena *arena)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	cJSON *tree;

	pthread_once(&once, hooks_set);
	tree_arena = arena;
	tree = cJSON_ParseWithLength(text, len);
	tree_arena = NULL;
	return tree;
}

int json_parse_in(struct arena *arena, const char *text, size_t len, struct json **ret_json,
		  struct json_place *ret_place, struct err *err)
{
	struct json_facts facts;
	char *copy = NULL;
	cJSON *tree = NULL;

	if (json_check_facts(text, len, &facts, ret_place, err))
		return -1;
	if (facts.long_numbers)
		copy = numbers_shorten(text, len);
	if (copy || !facts.long_numbers)
		tree = tree_build(copy ? copy : text, len, arena);
	free(copy);
	if (tree && facts.spelled_numbers && !numbers_spell(tree, text, text + len, arena))
		tree = NULL;
	if (!tree) {
		*ret_place = (struct json_place){.line = 1, .column = 1};
		return err_set(err, ERR_NO_MEMORY, "no memory for a text of %zu bytes", len);
	}
	*ret_json = (struct json *)(void *)tree;
	return 0;
}

/* A tree of its own has the arena that it lives in right before its root. */
struct home {
	struct arena arena;
	_Alignas(max_align_t) cJSON root[];
};

int json_parse(const char *text, size_t len, struct json **ret_json, struct json_place *ret_place,
	       struct err *err)
{
	struct arena arena = ARENA(JSON_TREE_BYTES_MAX);
	struct home *home = arena_take(&arena, sizeof(*home));
	struct json *json = NULL;

	if (!home) {
		*ret_place = (struct json_place){.line = 1, .column = 1};
		return err_set(err, ERR_NO_MEMORY, "no memory for a text of %zu bytes", len);
	}
	if (json_parse_in(&arena, text, len, &json, ret_place, err)) {
		arena_done(&arena);
		return -1;
	}
	assert(node(json) == home->root);
	home->arena = arena;
	*ret_json = json;
	return 0;
}

void json_free(struct json *json)
{
	struct arena arena;

	if (!json)
		return;
	arena = CONTAINER_OF(json, struct home, root)->arena; /* which lives in itself */
	arena_done(&arena);
}

enum json_kind json_kind(const struct json *json)
{
	switch (node(json)->type & 0xFF) {
	case cJSON_True:
	case cJSON_False:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_TEXT;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

const char *json_kind_name(enum json_kind kind)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "true or false",
		[JSON_NUMBER] = "a number", [JSON_TEXT] = "a string",
		[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
	};

	return names[kind];
}

const struct json *json_get(const struct json *object, const char *name)
{
	if (!object || !cJSON_IsObject(node(object)))
		return NULL;
	return json_of(cJSON_GetObjectItemCaseSensitive(node(object), name));
}

size_t json_count(const struct json *container)
{
	size_t count = 0;

	for (const struct json *at = json_first(container); at; at = json_next(at))
		count++;
	return count;
}

const struct json *json_first(const struct json *container)
{
	return container ? json_of(node(container)->child) : NULL;
}

const struct json *json_next(const struct json *element)
{
	return json_of(node(element)->next);
}

const char *json_name(const struct json *member)
{
	return node(member)->string;
}

const char *json_text(const struct json *json, const char *fallback)
{
	return json && json_kind(json) == JSON_TEXT ? node(json)->valuestring : fallback;
}

double json_number(const struct json *json, double fallback)
{
	return json && json_kind(json) == JSON_NUMBER ? node(json)->valuedouble : fallback;
}

bool json_bool(const struct json *json, bool fallback)
{
	return json && json_kind(json) == JSON_BOOL ? cJSON_IsTrue(node(json)) : fallback;
}

bool json_int(const struct json *json, int64_t *ret)
{
	double value = json_number(json, NAN);

	if (!(fabs(value) <= WHOLE_MAX) || value != trunc(value))
		return false;
	*ret = (int64_t)value;
	return true;
}

/* ---- taking out ---- */

/* The child that the token at *at names ("/a~1b"), which moves behind it; NULL: there is none. */
static cJSON *child_named(const cJSON *holder, const char **at)
{
	char name[SPEC_POINTER_BYTES_MAX];
	const char *c = *at + 1;
	size_t len = 0;

	for (; *c && *c != '/' && len < sizeof(name) - 1; c++) {
		bool escaped = *c == '~' && (c[1] == '0' || c[1] == '1');

		name[len++] = (char)(!escaped ? *c : *++c == '0' ? '~' : '/');
	}
	name[len] = '\0';
	*at = c;
	return cJSON_IsArray(holder) ? cJSON_GetArrayItem(holder, atoi(name))
				     : cJSON_GetObjectItemCaseSensitive(holder, name);
}

bool json_prune(struct json *root, const char *pointer)
{
	cJSON *path[JSON_DEPTH_MAX + 1] = {(cJSON *)(void *)root};
	size_t last = 0;

	while (*pointer == '/' && last < JSON_DEPTH_MAX) {
		cJSON *child = child_named(path[last], &pointer);

		if (!child)
			break;
		path[++last] = child;
	}
	while (last > 0 && cJSON_IsArray(path[last - 1]))
		last--;
	if (last == 0)
		return false;
	cJSON_DetachItemViaPointer(path[last - 1], path[last]);
	return true; /* its memory is the tree's */
}

int json_print(const struct json *json, struct buf *into)
{
	struct json_out out = JSON_OUT(into);

	json_out_json(&out, NULL, json);
	return buf_ok(into) ? 0 : -1;
}

static void children_out(struct json_out *out, const struct json *json)
{
	for (const struct json *at = json_first(json); at; at = json_next(at))
		json_out_json(out, json_name(at), at);
}

/* Recursion is as deep as the text was: JSON_DEPTH_MAX. */
void json_out_json(struct json_out *out, const char *name, const struct json *json)
{
	switch (json ? json_kind(json) : JSON_NULL) {
	case JSON_NULL:
		json_out_null(out, name);
		break;
	case JSON_BOOL:
		json_out_bool(out, name, cJSON_IsTrue(node(json)));
		break;
	case JSON_NUMBER:
		if (node(json)->valuestring)
			json_out_raw(out, name, node(json)->valuestring,
				     strlen(node(json)->valuestring));
		else
			json_out_double(out, name, node(json)->valuedouble);
		break;
	case JSON_TEXT:
		json_out_text(out, name, node(json)->valuestring);
		break;
	case JSON_ARRAY:
		json_out_array(out, name);
		children_out(out, json);
		json_out_end(out, ']');
		break;
	case JSON_OBJECT:
		json_out_object(out, name);
		children_out(out, json);
		json_out_end(out, '}');
		break;
	}
}
