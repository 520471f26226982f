/* SPDX-License-Identifier: MIT */
/* reading.c - r.name and r["name"] are members that a script names; whatever else it does
 * with `r` (pairs(r), f(r), local r, …) needs all of them.  One look at the tokens decides,
 * and in doubt for all: `return r` at the end of a source without functions is no doubt.
 */
#include "handlers/script/reading.h"

#include "handlers/script/token.h"
#include "handlers/script/vm.h"

#include <string.h>

enum { AHEAD = 5, KEYS_MAX = 1000 };

struct reading {
	struct script *script;
	struct tokens tokens;
	struct token before, earlier; /* the one before, and the one before that */
	struct token now[AHEAD];      /* this token, and those behind it */
	bool functions;		      /* there is one */
	bool returns;		      /* `return r` */
	const char **keys;
	size_t ranks[SCRIPT_FIELDS_MAX]; /* when a field is first assigned */
	size_t place;
};

static void step(struct reading *reading)
{
	reading->earlier = reading->before;
	reading->before = reading->now[0];
	memmove(&reading->now[0], &reading->now[1], (AHEAD - 1) * sizeof(reading->now[0]));
	tokens_next(&reading->tokens, &reading->now[AHEAD - 1]);
	reading->place++;
}

static bool key_known(const struct reading *reading, const struct token *token)
{
	const struct script *script = reading->script;

	for (size_t i = 0; i < script->key_count; i++)
		if (strlen(reading->keys[i]) == token->len &&
		    memcmp(reading->keys[i], token->at, token->len) == 0)
			return true;
	return false;
}

static int key_add(struct reading *reading, const struct token *token)
{
	struct script *script = reading->script;

	if (script->key_count == KEYS_MAX || key_known(reading, token))
		return 0;
	reading->keys[script->key_count] = arena_copy(&script->arena, token->at, token->len);
	if (!reading->keys[script->key_count])
		return -1;
	script->key_count++;
	return 0;
}

/* `.name =`, `["name"] =`, `{name =`: the token gives a name to a member. */
static bool names_member(const struct reading *reading)
{
	const struct token *now = reading->now, *before = &reading->before;

	if (now[0].kind == TOKEN_STRING)
		return token_is(before, "[") && token_is(&now[1], "]") && token_is(&now[2], "=");
	if (now[0].kind != TOKEN_NAME || !token_is(&now[1], "="))
		return false;
	return token_is(before, ".") || token_is(before, "{") || token_is(before, ",") ||
	       token_is(before, ";");
}

static int field_note(struct reading *reading, const struct token *name, const struct token *behind)
{
	struct script *script = reading->script;
	bool assigned = token_is(behind, "=") || token_is(behind, ",");
	size_t i = 0;

	while (i < script->field_count &&
	       (script->fields[i].len != name->len ||
		memcmp(script->fields[i].name, name->at, name->len) != 0))
		i++;
	if (i == SCRIPT_FIELDS_MAX) {
		script->whole = true;
		return 0;
	}
	if (i == script->field_count) {
		const char *copy = arena_copy(&script->arena, name->at, name->len);

		if (!copy)
			return -1;
		script->fields[i] = (struct script_field){.name = copy, .len = name->len};
		script->field_count++;
	}
	if (assigned && !script->fields[i].assigned) {
		script->fields[i].assigned = true;
		reading->ranks[i] = reading->place;
	}
	return 0;
}

static int record_look(struct reading *reading)
{
	const struct token *now = reading->now;

	if (token_is(&reading->before, "function"))
		reading->script->whole = true;
	else if (token_is(&now[1], ".") && now[2].kind == TOKEN_NAME)
		return field_note(reading, &now[2], &now[3]);
	else if (token_is(&now[1], "[") && now[2].kind == TOKEN_STRING && token_is(&now[3], "]"))
		return field_note(reading, &now[2], &now[4]);
	else if (token_is(&reading->before, "return") && now[1].kind == TOKEN_END)
		reading->returns = true;
	else
		reading->script->whole = true;
	return 0;
}

/* New members are written in the order of the fields. */
static void fields_sort(struct reading *reading)
{
	struct script_field *fields = reading->script->fields;

	for (size_t i = 1; i < reading->script->field_count; i++) {
		for (size_t j = i; j > 0 && reading->ranks[j] < reading->ranks[j - 1]; j--) {
			struct script_field field = fields[j];
			size_t rank = reading->ranks[j];

			fields[j] = fields[j - 1];
			reading->ranks[j] = reading->ranks[j - 1];
			fields[j - 1] = field;
			reading->ranks[j - 1] = rank;
		}
	}
}

static int token_look(struct reading *reading)
{
	const struct token *now = &reading->now[0];

	if (token_is(now, "function"))
		reading->functions = true;
	if (token_is(now, "..."))
		reading->script->whole = true;
	if (names_member(reading) && key_add(reading, now))
		return -1;
	if (now->kind != TOKEN_NAME || !token_is(now, "r") || token_is(&reading->before, ".") ||
	    token_is(&reading->before, ":"))
		return 0;
	return record_look(reading);
}

int reading_find(struct script *script, const char *source, size_t len)
{
	struct reading reading = {.script = script};

	reading.keys = arena_array(&script->arena, KEYS_MAX, sizeof(*reading.keys));
	script->fields = arena_array(&script->arena, SCRIPT_FIELDS_MAX, sizeof(*script->fields));
	if (!reading.keys || !script->fields)
		return -1;
	script->keys = reading.keys;
	tokens_begin(&reading.tokens, source, len);
	for (int i = 0; i < AHEAD; i++)
		tokens_next(&reading.tokens, &reading.now[i]);
	for (; reading.now[0].kind != TOKEN_END; step(&reading))
		if (token_look(&reading))
			return -1;
	script->whole |= reading.returns && reading.functions;
	fields_sort(&reading);
	return 0;
}
