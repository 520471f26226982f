/* SPDX-License-Identifier: MIT */
/* compile.c - from the source in a spec to a script, with every mistake that can be known.
 *
 *   1  the source as one text, and its lines
 *   2  Lua reads it as an expression, or else as statements; of two mistakes the one
 *      farther on is told
 *   3  what it reads of `r`, and which names it gives to members (reading.c)
 *   4  Lua compiles it inside `return function(r,i) … end`; the names that it uses are
 *      looked up in a box
 */
#include "handlers/script/names.h"
#include "handlers/script/reading.h"
#include "handlers/script/token.h"
#include "handlers/script/vm.h"

#include "base/json.h"
#include "base/mistakes.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARENA_BYTES_MAX = 64 * SCRIPT_BYTES_MAX,
	NAMES_TOLD_MAX = 16, /* different ones of one script */
	CANDIDATES_MAX = 128,
};

struct compiler {
	const struct script_spec *spec;
	struct mistakes *mistakes;
	struct script *script;
	const char *source;
	size_t len;
	struct script_vm *vm; /* a box to look into */
	bool expression;
	bool function; /* as text_around() writes it */
	bool failed;   /* a mistake was told */
	const char *told[NAMES_TOLD_MAX];
	size_t told_count;
};

/* Where Lua stopped. */
struct stop {
	char detail[ERR_DETAIL_MAX];
	int line, column;
};

/* ---- mistakes ---- */

static struct mistake *mistake_here(struct compiler *compiler, int line, int column,
				    const char *detail)
{
	const struct script *script = compiler->script;
	struct mistake *mistake =
		mistake_add(compiler->mistakes, compiler->spec->pointer, "script", "%s", detail);

	compiler->failed = true;
	if (line > 0 && line <= script->line_count) {
		mistake->line = line;
		mistake->column = column;
		mistake->source = arena_text(&compiler->mistakes->arena, script->lines[line - 1]);
	}
	return mistake;
}

static int no_memory(struct compiler *compiler)
{
	mistake_add_code(compiler->mistakes, ERR_NO_MEMORY, compiler->spec->pointer,
			 "no memory for a script");
	compiler->failed = true;
	return -1;
}

/* In code points, from 1. */
static int column_of(const struct compiler *compiler, const char *at)
{
	const char *start = at;
	int column = 1;

	while (start > compiler->source && start[-1] != '\n')
		start--;
	for (; start < at; start++)
		column += !utf8_continues((unsigned char)*start);
	return column;
}

/* ---- the source ---- */

static int source_join(struct compiler *compiler, struct buf *text)
{
	const struct json *source = compiler->spec->source, *line;

	if (json_kind(source) == JSON_TEXT) {
		buf_add_text(text, json_text(source, ""));
		return 0;
	}
	for (line = json_first(source); line && json_kind(source) == JSON_ARRAY;
	     line = json_next(line)) {
		if (json_kind(line) != JSON_TEXT)
			return -1;
		if (line != json_first(source))
			buf_add_byte(text, '\n');
		buf_add_text(text, json_text(line, ""));
	}
	return json_kind(source) == JSON_ARRAY ? 0 : -1;
}

static int lines_split(struct compiler *compiler)
{
	struct script *script = compiler->script;
	const char *at = compiler->source, *end = at + compiler->len;
	const char **lines;
	int count = 1;

	for (const char *c = at; c < end; c++)
		count += *c == '\n';
	lines = arena_array(&script->arena, (size_t)count, sizeof(*lines));
	if (!lines)
		return no_memory(compiler);
	for (int i = 0; i < count; i++) {
		size_t len = strcspn(at, "\n");

		lines[i] = arena_copy(&script->arena, at, len);
		if (!lines[i])
			return no_memory(compiler);
		at += len + 1;
	}
	script->lines = lines;
	script->line_count = count;
	return 0;
}

static int source_read(struct compiler *compiler)
{
	struct buf text = BUF(SCRIPT_BYTES_MAX);
	int rc = -1;

	if (source_join(compiler, &text)) {
		mistake_add(compiler->mistakes, compiler->spec->pointer, "wrong-type",
			    "a script is a string, or an array of strings: its lines");
	} else if (!buf_ok(&text)) {
		mistake_add(compiler->mistakes, compiler->spec->pointer, "out-of-range",
			    "a script has at most %d bytes", SCRIPT_BYTES_MAX);
	} else {
		compiler->len = text.len;
		compiler->source = arena_copy(&compiler->script->arena, buf_text(&text), text.len);
		rc = compiler->source ? lines_split(compiler) : no_memory(compiler);
	}
	buf_done(&text);
	return rc;
}

/* "/spec/stages/2/map" is called "stages[2].map"; the end of a long one counts. */
static void chunk_name(const char *pointer, char into[CHUNK_NAME_MAX + 1])
{
	char name[SPEC_POINTER_BYTES_MAX * 2] = "";
	size_t len = 0, skip;

	if (strncmp(pointer, "/spec/", 6) == 0)
		pointer += 6;
	for (const char *at = pointer + (*pointer == '/'); *at && len < sizeof(name) - 4;) {
		size_t token = strcspn(at, "/");
		bool index = token > 0 && strspn(at, "0123456789") == token;

		if (index)
			name[len++] = '[';
		else if (len > 0)
			name[len++] = '.';
		for (size_t i = 0; i < token && len < sizeof(name) - 3; i++)
			name[len++] = at[i];
		if (index)
			name[len++] = ']';
		at += token + (at[token] == '/');
	}
	name[len] = '\0';
	skip = len > CHUNK_NAME_MAX - 2 ? len - (CHUNK_NAME_MAX - 2) : 0;
	snprintf(into, CHUNK_NAME_MAX + 1, "=%s", name + skip);
}

/* ---- Lua reads it ---- */

/* The text around the source: as a chunk of its own, or as a function. */
static char *text_around(struct compiler *compiler, size_t source_len, size_t *ret_len)
{
	struct script *script = compiler->script;
	const char *params = kind_facts[script->kind].params;
	const char *ctx = script->ctx ? ",ctx" : "";
	bool function = compiler->function;
	bool keeps =
		function && script->kind == SCRIPT_RECORD && script->whole && !compiler->expression;
	struct buf text = BUF(SCRIPT_BYTES_MAX + 256);

	buf_printf(&text, function ? "return function(%s%s) " : "local %s%s=...;", params, ctx);
	buf_add_text(&text, compiler->expression ? "return " : "");
	buf_add_text(&text, keeps ? "do " : "");
	buf_add(&text, compiler->source, source_len);
	buf_add_text(&text, keeps ? "\nend return r end" : function ? "\nend" : "");
	return buf_take(&text, ret_len);
}

/* Leaves a function or a message on the stack of the box. */
static int text_load(struct compiler *compiler, size_t source_len)
{
	lua_State *L = compiler->vm->L;
	size_t len;
	char *text = text_around(compiler, source_len, &len);
	int status;

	if (!text) {
		lua_pushliteral(L, "no memory");
		return LUA_ERRMEM;
	}
	compiler->vm->expired = LIMIT_NONE;
	compiler->vm->work = 0;
	status = luaL_loadbufferx(L, text, len, compiler->script->chunk, "t");
	free(text);
	return status;
}

/* What Lua says it is near to: in quotes at the message's end; a byte that begins no token
 * is '<\\195>', and *byte. */
static bool near_of(const char *message, char *byte, const char **ret_at, size_t *ret_len)
{
	static const char near[] = " near '";
	const char *at = NULL;

	for (const char *next = strstr(message, near); next; next = strstr(next + 1, near))
		at = next;
	if (!at)
		return false;
	at += strlen(near);
	*ret_at = at;
	*ret_len = strlen(at);
	*ret_len -= *ret_len > 0;
	if (strncmp(at, "<\\", 2) == 0) {
		*byte = (char)strtol(at + 2, NULL, 10);
		*ret_at = byte;
		*ret_len = 1;
	}
	return *ret_len > 0;
}

/* Of several equal tokens in the line it is the first up to which the source alone gives
 * the same message. */
static int column_find(struct compiler *compiler, const char *message, int line)
{
	lua_State *L = compiler->vm->L;
	struct tokens tokens;
	struct token token;
	const char *near;
	char byte;
	size_t len;

	if (!near_of(message, &byte, &near, &len))
		return 0;
	tokens_begin(&tokens, compiler->source, compiler->len);
	for (tokens_next(&tokens, &token); token.kind != TOKEN_END && token.line <= line;
	     tokens_next(&tokens, &token)) {
		const char *start = token.at - (token.kind == TOKEN_STRING);
		bool same;

		if (token.line < line || (size_t)(compiler->source + compiler->len - start) < len ||
		    memcmp(start, near, len) != 0)
			continue;
		text_load(compiler, (size_t)(tokens.at - compiler->source));
		same = lua_isstring(L, -1) && strcmp(lua_tostring(L, -1), message) == 0;
		lua_pop(L, 1);
		if (same)
			return column_of(compiler, start);
	}
	return 0;
}

/* Takes the message off the stack. */
static struct stop stop_take(struct compiler *compiler)
{
	lua_State *L = compiler->vm->L;
	const char *message = lua_tostring(L, -1), *detail = message;
	size_t len = strlen(compiler->script->chunk + 1);
	struct stop stop = {.line = 1};

	if (strncmp(message, compiler->script->chunk + 1, len) == 0 && message[len] == ':') {
		stop.line = (int)strtol(message + len + 1, NULL, 10);
		detail = strchr(message + len + 1, ' ');
		detail = detail ? detail + 1 : message;
	}
	snprintf(stop.detail, sizeof(stop.detail), "%s", detail);
	if (stop.line > compiler->script->line_count)
		stop.line = compiler->script->line_count;
	if (strstr(detail, "near <eof>"))
		stop.column = column_of(compiler, compiler->source + compiler->len);
	else
		stop.column = column_find(compiler, message, stop.line);
	lua_pop(L, 1);
	return stop;
}

/* A mistake without a column (a label that is not there) was found behind all tokens. */
static bool is_farther(const struct stop *a, const struct stop *b)
{
	if (a->line != b->line)
		return a->line > b->line;
	return b->column != 0 && a->column > b->column;
}

/* Is it an expression, or statements? */
static int form_find(struct compiler *compiler)
{
	struct stop as_expression, as_statements;

	compiler->expression = true;
	if (text_load(compiler, compiler->len) == LUA_OK) {
		lua_pop(compiler->vm->L, 1);
		return 0;
	}
	as_expression = stop_take(compiler);
	compiler->expression = false;
	if (text_load(compiler, compiler->len) == LUA_OK) {
		lua_pop(compiler->vm->L, 1);
		return 0;
	}
	as_statements = stop_take(compiler);
	if (is_farther(&as_expression, &as_statements))
		as_statements = as_expression;
	mistake_here(compiler, as_statements.line, as_statements.column, as_statements.detail);
	return -1;
}

/* ---- names ---- */

static bool is_in_box(struct compiler *compiler, const char *name, size_t len, const char *member,
		      size_t member_len)
{
	lua_State *L = compiler->vm->L;
	bool known;

	box_names_push(L);
	lua_pushlstring(L, name, len);
	lua_rawget(L, -2);
	known = !lua_isnil(L, -1);
	if (known && member && lua_istable(L, -1) && lua_getmetatable(L, -1)) {
		lua_getfield(L, -1, "__index"); /* the names behind the protection */
		lua_pushlstring(L, member, member_len);
		lua_rawget(L, -2);
		known = !lua_isnil(L, -1);
	}
	lua_settop(L, 1);
	return known;
}

/* The place of a name in its line: not behind a point or colon. */
static int name_column(const struct compiler *compiler, const struct name_use *use,
		       bool *ret_called)
{
	struct tokens tokens;
	struct token token, before = {0};

	*ret_called = false;
	tokens_begin(&tokens, compiler->source, compiler->len);
	for (tokens_next(&tokens, &token); token.kind != TOKEN_END; tokens_next(&tokens, &token)) {
		if (token.line >= use->line && token.kind == TOKEN_NAME && token.len == use->len &&
		    memcmp(token.at, use->name, use->len) == 0 && !token_is(&before, ".") &&
		    !token_is(&before, ":")) {
			const char *at = token.at;

			tokens_next(&tokens, &token);
			*ret_called = token_is(&token, "(") || token_is(&token, ".") ||
				      token_is(&token, ":");
			return column_of(compiler, at);
		}
		before = token;
	}
	return 0;
}

/* The names of the table at the top, ended by NULL; they live as long as the box. */
static void candidates_gather(lua_State *L, const char **candidates)
{
	size_t count = 0;
	int table = lua_gettop(L);

	for (lua_pushnil(L); lua_next(L, table) && count < CANDIDATES_MAX - 1;) {
		lua_pop(L, 1);
		candidates[count++] = lua_tostring(L, -1);
	}
	candidates[count] = NULL;
	lua_settop(L, table);
}

static void name_hint(struct compiler *compiler, struct mistake *mistake,
		      const struct name_use *use, bool called)
{
	const char *candidates[CANDIDATES_MAX], *nearest;
	lua_State *L = compiler->vm->L;
	char name[NAME_BYTES_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)use->len, use->name);
	if (use->written) {
		mistake_hint(compiler->mistakes, mistake, "local %s", name);
		return;
	}
	if (kind_facts[compiler->script->kind].record && !called) {
		mistake_hint(compiler->mistakes, mistake, "r.%s", name);
		return;
	}
	box_names_push(L);
	candidates_gather(L, candidates);
	nearest = nearest_name(name, candidates);
	if (nearest)
		mistake_hint(compiler->mistakes, mistake, "%s", nearest);
	lua_settop(L, 1);
}

static void member_hint(struct compiler *compiler, struct mistake *mistake,
			const struct name_use *use)
{
	const char *candidates[CANDIDATES_MAX], *nearest;
	lua_State *L = compiler->vm->L;
	char name[NAME_BYTES_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)use->member_len, use->member);
	box_names_push(L);
	lua_pushlstring(L, use->name, use->len);
	lua_rawget(L, -2);
	lua_getmetatable(L, -1);
	lua_getfield(L, -1, "__index");
	candidates_gather(L, candidates);
	nearest = nearest_name(name, candidates);
	if (nearest)
		mistake_hint(compiler->mistakes, mistake, "%.*s.%s", (int)use->len, use->name,
			     nearest);
	lua_settop(L, 1);
}

static bool told_before(struct compiler *compiler, const char *detail)
{
	for (size_t i = 0; i < compiler->told_count; i++)
		if (strcmp(compiler->told[i], detail) == 0)
			return true;
	if (compiler->told_count == NAMES_TOLD_MAX)
		return true;
	compiler->told[compiler->told_count] = arena_text(&compiler->script->arena, detail);
	compiler->told_count += compiler->told[compiler->told_count] != NULL;
	return false;
}

/* A verb that exists, but not for this kind of script. */
static const char *verb_refused(const struct compiler *compiler, const struct name_use *use)
{
	const struct kind_facts *facts = &kind_facts[compiler->script->kind];

	if (use->len == 4 && memcmp(use->name, "emit", 4) == 0 && !facts->emits && !facts->pairs)
		return "emit";
	if (use->len == 4 && memcmp(use->name, "skip", 4) == 0 && !facts->skips)
		return "skip";
	return NULL;
}

static void name_look(void *ctx, const struct name_use *use)
{
	struct compiler *compiler = ctx;
	char detail[NAME_BYTES_MAX * 2];
	const char *verb = verb_refused(compiler, use);
	bool known = is_in_box(compiler, use->name, use->len, NULL, 0), called;
	struct mistake *mistake;
	int column;

	if (verb)
		snprintf(detail, sizeof(detail), "%s cannot %s",
			 kind_facts[compiler->script->kind].name, verb);
	else if (!known)
		snprintf(detail, sizeof(detail), "unknown name '%.*s'", (int)use->len, use->name);
	else if (use->written)
		snprintf(detail, sizeof(detail), "'%.*s' cannot be changed", (int)use->len,
			 use->name);
	else if (use->member &&
		 !is_in_box(compiler, use->name, use->len, use->member, use->member_len))
		snprintf(detail, sizeof(detail), "%.*s has no '%.*s'", (int)use->len, use->name,
			 (int)use->member_len, use->member);
	else
		return;
	if (told_before(compiler, detail))
		return;
	column = name_column(compiler, use, &called);
	mistake = mistake_here(compiler, use->line, column, detail);
	if (!known)
		name_hint(compiler, mistake, use, called);
	else if (!verb && use->member)
		member_hint(compiler, mistake, use);
}

static int chunk_write(lua_State *L, const void *bytes, size_t len, void *ctx)
{
	(void)L;
	return buf_add(ctx, bytes, len);
}

/* The function around the source, whose names are looked up. */
static int function_compile(struct compiler *compiler)
{
	struct script *script = compiler->script;
	struct buf chunk = BUF(ARENA_BYTES_MAX);
	char *text;

	compiler->function = true;
	if (text_load(compiler, compiler->len) != LUA_OK) {
		struct stop stop = stop_take(compiler);

		mistake_here(compiler, stop.line, stop.column, stop.detail);
		return -1;
	}
	lua_dump(compiler->vm->L, chunk_write, &chunk, 0);
	lua_pop(compiler->vm->L, 1);
	if (buf_ok(&chunk))
		names_used(chunk.data, chunk.len, name_look, compiler);
	buf_done(&chunk);
	text = text_around(compiler, compiler->len, &script->len);
	script->text = text ? arena_copy(&script->arena, text, script->len) : NULL;
	free(text);
	return script->text ? 0 : no_memory(compiler);
}

/* ---- the way ---- */

/* `_ENV` would be a way around names that are fixed. */
static void words_check(struct compiler *compiler)
{
	struct tokens tokens;
	struct token token;

	tokens_begin(&tokens, compiler->source, compiler->len);
	for (tokens_next(&tokens, &token); token.kind != TOKEN_END; tokens_next(&tokens, &token)) {
		if (token.kind == TOKEN_NAME && token_is(&token, "ctx"))
			compiler->script->ctx = true;
		if (token.kind == TOKEN_NAME && token_is(&token, "_ENV")) {
			mistake_here(compiler, token.line, column_of(compiler, token.at),
				     "unknown name '_ENV'");
			return;
		}
	}
}

static int fields_want(struct compiler *compiler)
{
	struct script *script = compiler->script;
	struct fields *fields = compiler->spec->fields;
	struct err err;

	if (!kind_facts[script->kind].record)
		return 0;
	if (fields_add(fields, NULL, 0, &script->root, &err))
		goto failed;
	for (size_t i = 0; i < script->field_count && !script->whole; i++) {
		struct field_name name = {script->fields[i].name, script->fields[i].len};

		if (fields_add(fields, &name, 1, &script->fields[i].index, &err))
			goto failed;
	}
	return 0;
failed:
	mistake_add_code(compiler->mistakes, err.code, compiler->spec->pointer, "%s", err.detail);
	return -1;
}

static int steps_take(struct compiler *compiler)
{
	struct script_options options = {0};
	struct err err;

	if (source_read(compiler))
		return -1;
	chunk_name(compiler->spec->pointer, compiler->script->chunk);
	words_check(compiler);
	if (script_vm_new(&options, &compiler->vm, &err))
		return no_memory(compiler);
	if (form_find(compiler))
		return -1;
	if (reading_find(compiler->script, compiler->source, compiler->len))
		return no_memory(compiler);
	if (function_compile(compiler) || compiler->failed)
		return -1;
	return fields_want(compiler);
}

int script_compile(const struct script_spec *spec, struct mistakes *mistakes,
		   struct script **ret_script)
{
	struct script *script = calloc(1, sizeof(*script));
	struct compiler compiler = {.spec = spec, .mistakes = mistakes, .script = script};

	if (!script)
		return no_memory(&compiler);
	arena_init(&script->arena, ARENA_BYTES_MAX);
	script->kind = spec->kind;
	if (steps_take(&compiler)) {
		script_free(script);
		script = NULL;
	}
	script_vm_free(compiler.vm);
	if (!script)
		return -1;
	*ret_script = script;
	return 0;
}

void script_free(struct script *script)
{
	if (!script)
		return;
	arena_done(&script->arena);
	free(script);
}
