/* SPDX-License-Identifier: MIT */
/* plan.c - keys and functions of a spec into inputs, states and members.
 *
 * A function's text is cut into its name and its arguments here; what stands between the
 * brackets is an expression (base/expr).  Inputs with the same source are one, states over one
 * input too: min(x), max(x), mean(x) and p95(x) read x once.
 */
#include "handlers/aggregate/plan.h"

#include "base/limits.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	PLAN_BYTES_MAX = 16 * 1024 * 1024,
	VERSION = 1,		  /* of saved groups */
	ONE_GROUP_SHARE = 16,	  /* bytes of the budget for each value kept exactly … */
	ONE_GROUP_DISTINCT = 128, /* … and for each different one, of one group */
	GROUP_VALUES_MAX = 8192,  /* of each of many groups: 64 KiB */
	GROUP_DISTINCT_MAX = 2048,
	KEPT_DEFAULT = 100, /* of collect(), top(), bottom() */
};

struct planning {
	struct aggregates *plan;
	const struct aggregates_spec *spec;
	struct fields *fields;
	struct mistakes *mistakes;
	const char *pointer; /* of the text in hand */
	const char *text;
	bool failed;
};

/* ---- mistakes ---- */

static void mistake_in(struct planning *planning, const char *at, const char *detail,
		       const char *hint)
{
	struct mistake *mistake =
		mistake_add(planning->mistakes, planning->pointer, "aggregate", "%s", detail);

	planning->failed = true;
	mistake->line = 1;
	mistake->column = (int)(at - planning->text) + 1;
	mistake->source = arena_text(&planning->mistakes->arena, planning->text);
	if (hint && *hint)
		mistake_hint(planning->mistakes, mistake, "%s", hint);
}

static void wrong_shape(struct planning *planning, const char *pointer, const char *wanted)
{
	planning->failed = true;
	mistake_add(planning->mistakes, pointer, "wrong-type", "expected %s", wanted);
}

static void no_memory(struct planning *planning)
{
	planning->failed = true;
	mistake_add_code(planning->mistakes, ERR_NO_MEMORY, planning->pointer, "no memory");
}

/* ---- inputs ---- */

/* One that is read already.  What wants a number takes nothing else, so whoever orders the
 * same values orders numbers. */
static struct input *input_find(struct planning *planning, const char *source, enum input_want want)
{
	for (unsigned i = planning->plan->keys; i < planning->plan->inputs_count; i++) {
		struct input *input = &planning->plan->inputs[i];

		if (strcmp(input->source, source) != 0)
			continue;
		if (input->want == want || (input->want == WANT_NUMBER && want == WANT_ORDER))
			return input;
		if (input->want == WANT_ORDER && want == WANT_NUMBER) {
			input->want = want;
			return input;
		}
	}
	return NULL;
}

/* Compiles `source`, which begins at `at` in the text in hand (NULL: it is that text). */
static struct input *input_add(struct planning *planning, const char *source, const char *at,
			       enum input_want want)
{
	struct aggregates *plan = planning->plan;
	struct input *input = &plan->inputs[plan->inputs_count];
	struct expr_mistake mistake;
	struct err err;

	*input = (struct input){
		.source = source, .shown = arena_text(&plan->arena, planning->text), .want = want};
	if (expr_compile(source, planning->fields, &input->expr, &mistake, &err)) {
		if (err.code == ERR_NO_MEMORY)
			no_memory(planning);
		else
			mistake_in(planning, at + mistake.offset, mistake.detail, mistake.hint);
		return NULL;
	}
	if (expr_is_field(input->expr, &input->field)) {
		expr_free(input->expr);
		input->expr = NULL;
	}
	plan->computes = plan->computes || input->expr;
	plan->inputs_count++;
	return input;
}

/* ---- keys ---- */

static void key_name_add(struct planning *planning, const char *name)
{
	struct aggregates *plan = planning->plan;

	for (unsigned i = 0; i < plan->keys; i++)
		if (strcmp(plan->key_names[i], name) == 0)
			mistake_in(planning, planning->text, "a key of this name is there already",
				   NULL);
	plan->key_names[plan->keys++] = arena_text(&plan->arena, name);
}

static void key_path_read(struct planning *planning, const struct json *json)
{
	struct aggregates *plan = planning->plan;
	struct input *input = &plan->inputs[plan->inputs_count];
	struct err err;

	planning->text = json_text(json, "");
	*input = (struct input){.source = arena_text(&plan->arena, planning->text),
				.shown = arena_text(&plan->arena, planning->text),
				.want = WANT_KEY};
	if (fields_add_path(planning->fields, planning->text, &input->field, &err)) {
		mistake_in(planning, planning->text, err.detail, NULL);
		return;
	}
	plan->inputs_count++;
	key_name_add(planning, planning->text);
}

static void key_expression_read(struct planning *planning, const struct json *member)
{
	const char *source;

	planning->pointer =
		mistakes_pointer(planning->mistakes, planning->pointer, json_name(member));
	if (json_kind(member) != JSON_TEXT) {
		wrong_shape(planning, planning->pointer, "a string: an expression");
		return;
	}
	planning->text = json_text(member, "");
	source = arena_text(&planning->plan->arena, planning->text);
	if (source && input_add(planning, source, planning->text, WANT_KEY))
		key_name_add(planning, json_name(member));
}

static void keys_read(struct planning *planning)
{
	const struct json *group_by = planning->spec->group_by;
	const char *pointer =
		mistakes_pointer(planning->mistakes, planning->spec->pointer, "group_by");
	size_t index = 0;

	if (!group_by || json_kind(group_by) == JSON_NULL)
		return;
	if (json_kind(group_by) != JSON_ARRAY || json_count(group_by) == 0 ||
	    json_count(group_by) > AGGREGATE_KEYS_MAX) {
		wrong_shape(planning, pointer,
			    "an array of 1 to 32 paths and {\"name\": \"expression\"}");
		return;
	}
	for (const struct json *json = json_first(group_by); json; json = json_next(json)) {
		planning->pointer = mistakes_pointer_index(planning->mistakes, pointer, index++);
		if (json_kind(json) == JSON_TEXT)
			key_path_read(planning, json);
		else if (json_kind(json) == JSON_OBJECT && json_count(json) == 1)
			key_expression_read(planning, json_first(json));
		else
			wrong_shape(planning, planning->pointer,
				    "a path or {\"name\": \"expression\"}");
	}
}

/* ---- functions ---- */

/* A function's text, cut up. */
struct function_text {
	const char *name, *args; /* args: behind the bracket; NULL: there is none */
	size_t name_len;
	const char *comma, *end; /* the first comma outside of brackets and quotes; the last ')' */
};

/* Behind a quoted text or name that begins here. */
static const char *quoted_skip(const char *at)
{
	char quote = *at++;

	for (; *at && *at != quote; at++)
		if (*at == '\\' && quote != '`' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* Finds the end of the arguments, and a comma between them. */
static void args_scan(struct function_text *text)
{
	int depth = 0;

	for (const char *at = text->args; *at;) {
		if (*at == '"' || *at == '\'' || *at == '`') {
			at = quoted_skip(at);
			continue;
		}
		if (*at == '(' || *at == '[')
			depth++;
		else if ((*at == ')' || *at == ']') && depth-- == 0) {
			text->end = at;
			return;
		} else if (*at == ',' && depth == 0)
			text->comma = at;
		at++;
	}
}

static const char *blanks_skip(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

static bool function_cut(struct planning *planning, struct function_text *ret)
{
	const char *at = blanks_skip(planning->text);

	*ret = (struct function_text){.name = at};
	while (isalnum((unsigned char)*at) || *at == '_' || *at == '.')
		at++;
	ret->name_len = (size_t)(at - ret->name);
	at = blanks_skip(at);
	if (ret->name_len == 0) {
		mistake_in(planning, at, "expected a function", "sum(value)");
		return false;
	}
	if (*at == '\0')
		return true;
	if (*at != '(') {
		mistake_in(planning, at, "expected '(' behind the function", "sum(value)");
		return false;
	}
	ret->args = at + 1;
	args_scan(ret);
	if (!ret->end) {
		mistake_in(planning, planning->text + strlen(planning->text),
			   "expected ')' but found the end", NULL);
		return false;
	}
	at = blanks_skip(ret->end + 1);
	if (*at) {
		mistake_in(planning, at, "expected the end: one function is all that fits here",
			   "calculate with results afterwards");
		return false;
	}
	return true;
}

static const struct aggregate_function *
function_find(struct planning *planning, const struct function_text *text, double *ret_q)
{
	const struct aggregate_function *function =
		aggregate_find(text->name, text->name_len, ret_q);
	char name[64], detail[128];

	if (function)
		return function;
	snprintf(name, sizeof(name), "%.*s", (int)MIN(text->name_len, sizeof(name) - 1),
		 text->name);
	snprintf(detail, sizeof(detail), "there is no function '%s'", name);
	mistake_in(planning, text->name, detail, nearest_name(name, aggregate_names()));
	return NULL;
}

/* The second argument: how many, or which quantile. */
static bool number_read(struct planning *planning, const struct function_text *text,
			const struct aggregate_function *function, struct member *member,
			uint64_t *ret_max)
{
	const char *at = text->comma ? text->comma + 1 : text->end;
	char *end;
	double number = strtod(at, &end);

	if (text->comma && (*blanks_skip(end) != ')' || end == at || blanks_skip(end) != text->end))
		number = -1;
	if (function->keep == KEEP_MANY) {
		if (!text->comma)
			number = KEPT_DEFAULT;
		if (number >= 1 && number <= AGGREGATE_KEPT_MAX && number == (int)number) {
			*ret_max = (uint64_t)number;
			return true;
		}
		mistake_in(planning, at, "expected how many: 1 to 10000", function->form);
		return false;
	}
	member->q = number;
	if (text->comma && number >= 0 && number <= 1)
		return true;
	mistake_in(planning, at, "expected a quantile: a number from 0 to 1",
		   "quantile(value, 0.99)");
	return false;
}

static unsigned state_add(struct aggregates *plan, const struct state_plan *like)
{
	struct state_plan *states = plan->states;

	for (unsigned i = 0; i < plan->states_count; i++)
		if (states[i].ops == like->ops && states[i].input == like->input &&
		    states[i].max == like->max && states[i].descending == like->descending)
			return i;
	states[plan->states_count] = *like;
	states[plan->states_count].offset = plan->states_bytes;
	plan->places = plan->places || like->ops == &state_first;
	plan->states_bytes += like->ops->bytes;
	return plan->states_count++;
}

static void states_add(struct aggregates *plan, struct member *member, unsigned input, uint64_t max)
{
	const struct aggregate_function *function = member->function;

	for (unsigned i = 0; i < FUNCTION_STATES_MAX && function->states[i]; i++)
		member->states[i] = state_add(plan, &(struct state_plan){
							    .ops = function->states[i],
							    .input = input,
							    .max = max,
							    .descending = function->descending,
						    });
}

static uint64_t kept_max(const struct aggregates *plan, const struct aggregate_function *function,
			 uint64_t many)
{
	switch (function->keep) {
	case KEEP_VALUES:
		return plan->values_max;
	case KEEP_DISTINCT:
		return plan->distinct_max;
	case KEEP_ONE:
		return 1;
	case KEEP_MANY:
		return many;
	default:
		return 0;
	}
}

/* The argument's source without blanks around it; NULL: a mistake. */
static const char *argument_read(struct planning *planning, const struct function_text *text,
				 const struct aggregate_function *function, const char **ret_at)
{
	const char *at = text->args ? blanks_skip(text->args) : NULL;
	const char *end = function->args == 2 && text->comma ? text->comma : text->end;
	char *source;

	while (at && end > at && isspace((unsigned char)end[-1]))
		end--;
	if (!at || end == at) {
		mistake_in(planning, at ? at : text->name, "expected what it is a function of",
			   function->form);
		return NULL;
	}
	*ret_at = at;
	source = arena_copy(&planning->plan->arena, at, (size_t)(end - at));
	if (!source)
		no_memory(planning);
	return source;
}

/* "count", "count()", "count(*)". */
static bool counts_rows(const struct function_text *text, const struct aggregate_function *function)
{
	const char *at = text->args ? blanks_skip(text->args) : NULL;

	if (function->args != 0)
		return false;
	if (at && *at == '*')
		at = blanks_skip(at + 1);
	return !at || at == text->end;
}

static void function_read(struct planning *planning, struct member *member)
{
	struct aggregates *plan = planning->plan;
	const struct aggregate_function *function;
	struct function_text text;
	struct input *input;
	const char *source, *at;
	uint64_t many = 0;

	if (!function_cut(planning, &text))
		return;
	function = function_find(planning, &text, &member->q);
	if (!function)
		return;
	member->function = function;
	if (counts_rows(&text, function)) {
		member->states[0] = state_add(plan, &(struct state_plan){.ops = &state_rows_count});
		return;
	}
	source = argument_read(planning, &text, function, &at);
	if (!source ||
	    (function->args == 2 && !number_read(planning, &text, function, member, &many)))
		return;
	input = input_find(planning, source, function->want);
	if (!input)
		input = input_add(planning, source, at, function->want);
	if (input)
		states_add(plan, member, (unsigned)(input - plan->inputs),
			   kept_max(plan, function, many));
}

static void functions_read(struct planning *planning)
{
	struct aggregates *plan = planning->plan;
	const struct json *functions = planning->spec->functions;
	const char *name = planning->spec->functions_name;
	const char *pointer = mistakes_pointer(planning->mistakes, planning->spec->pointer,
					       name ? name : "aggregates");

	if (!functions || json_kind(functions) == JSON_NULL)
		return;
	if (json_kind(functions) != JSON_OBJECT || json_count(functions) > AGGREGATE_MEMBERS_MAX) {
		wrong_shape(planning, pointer, "an object of up to 256 functions");
		return;
	}
	for (const struct json *json = json_first(functions); json; json = json_next(json)) {
		struct member *member = &plan->members[plan->members_count];

		planning->pointer = mistakes_pointer(planning->mistakes, pointer, json_name(json));
		planning->text = json_text(json, "");
		if (json_kind(json) != JSON_TEXT) {
			wrong_shape(planning, planning->pointer,
				    "a string: a function, such as \"sum(value)\"");
			continue;
		}
		for (unsigned i = 0; i < plan->keys; i++)
			if (strcmp(plan->key_names[i], json_name(json)) == 0)
				mistake_in(planning, planning->text, "a key has this name", NULL);
		member->name = arena_text(&plan->arena, json_name(json));
		function_read(planning, member);
		plan->members_count++;
	}
}

/* ---- the plan ---- */

static int plan_room(struct planning *planning)
{
	struct aggregates *plan = planning->plan;
	const struct aggregates_spec *spec = planning->spec;
	size_t keys = spec->group_by ? json_count(spec->group_by) : 0;
	size_t members = spec->functions ? json_count(spec->functions) : 0;

	keys = MIN(keys, AGGREGATE_KEYS_MAX);
	members = MIN(members, AGGREGATE_MEMBERS_MAX);
	plan->inputs = arena_array(&plan->arena, keys + members + 1, sizeof(*plan->inputs));
	plan->members = arena_array(&plan->arena, members + 1, sizeof(*plan->members));
	plan->key_names = arena_array(&plan->arena, keys + 1, sizeof(*plan->key_names));
	plan->states =
		arena_array(&plan->arena, members * FUNCTION_STATES_MAX + 1, sizeof(*plan->states));
	plan->values_max = GROUP_VALUES_MAX;
	plan->distinct_max = GROUP_DISTINCT_MAX;
	if (keys == 0) {
		plan->values_max =
			MAX((uint64_t)spec->memory_bytes / ONE_GROUP_SHARE, GROUP_VALUES_MAX);
		plan->distinct_max =
			MAX((uint64_t)spec->memory_bytes / ONE_GROUP_DISTINCT, GROUP_DISTINCT_MAX);
	}
	return arena_failed(&plan->arena) ? -1 : 0;
}

/* Groups that were saved by one plan mean nothing to another. */
static uint64_t plan_fingerprint(const struct aggregates *plan)
{
	XXH3_state_t *hash = XXH3_createState();
	uint64_t numbers[] = {VERSION, plan->keys, plan->values_max, plan->distinct_max}, print;

	if (!hash)
		return 0;
	XXH3_64bits_reset(hash);
	XXH3_64bits_update(hash, numbers, sizeof(numbers));
	for (unsigned i = 0; i < plan->inputs_count; i++)
		XXH3_64bits_update(hash, plan->inputs[i].source,
				   strlen(plan->inputs[i].source) + 1);
	for (unsigned i = 0; i < plan->members_count; i++) {
		const struct member *member = &plan->members[i];

		XXH3_64bits_update(hash, member->function->name,
				   strlen(member->function->name) + 1);
		XXH3_64bits_update(hash, member->states, sizeof(member->states));
		XXH3_64bits_update(hash, &member->q, sizeof(member->q));
	}
	print = XXH3_64bits_digest(hash);
	XXH3_freeState(hash);
	return print;
}

int aggregates_plan(const struct aggregates_spec *spec, struct fields *fields,
		    struct mistakes *mistakes, struct aggregates **ret_plan)
{
	struct aggregates *plan = calloc(1, sizeof(*plan));
	struct planning planning = {.plan = plan,
				    .spec = spec,
				    .fields = fields,
				    .mistakes = mistakes,
				    .pointer = spec->pointer};

	if (plan)
		arena_init(&plan->arena, PLAN_BYTES_MAX);
	if (!plan || plan_room(&planning)) {
		no_memory(&planning);
	} else {
		keys_read(&planning);
		functions_read(&planning);
		if (arena_failed(&plan->arena))
			no_memory(&planning);
		if (!planning.failed && plan->keys + plan->members_count == 0)
			wrong_shape(&planning, spec->pointer, "keys, functions, or both");
	}
	if (planning.failed) {
		aggregates_free(plan);
		return -1;
	}
	plan->fingerprint = plan_fingerprint(plan);
	*ret_plan = plan;
	return 0;
}

void aggregates_free(struct aggregates *plan)
{
	if (!plan)
		return;
	for (unsigned i = 0; i < plan->inputs_count; i++)
		expr_free(plan->inputs[i].expr);
	arena_done(&plan->arena);
	free(plan);
}

unsigned aggregates_keys(const struct aggregates *plan)
{
	return plan->keys;
}

unsigned aggregates_members(const struct aggregates *plan)
{
	return plan->keys + plan->members_count;
}

const char *aggregates_member(const struct aggregates *plan, unsigned i)
{
	return i < plan->keys ? plan->key_names[i] : plan->members[i - plan->keys].name;
}

bool aggregates_wants_number(const struct aggregates *plan, unsigned field)
{
	bool wanted = false;

	for (unsigned i = 0; i < plan->inputs_count; i++) {
		const struct input *input = &plan->inputs[i];

		if (input->expr || input->field != field)
			continue;
		if (input->want != WANT_NUMBER && input->want != WANT_ORDER)
			return false;
		wanted = true;
	}
	return wanted && !plan->computes; /* an expression might read it too */
}

/* ---- sort ---- */

static bool sort_by_read(const struct aggregates *plan, const char *text, struct sort_by *ret)
{
	*ret = (struct sort_by){.descending = *text == '-'};
	for (unsigned pass = 0; pass < 2; pass++) { /* "-a" may be a member's name */
		const char *name = text + (pass == 0 ? 0 : ret->descending);

		for (unsigned i = 0; i < aggregates_members(plan); i++)
			if (strcmp(aggregates_member(plan, i), name) == 0) {
				ret->member = i;
				ret->descending = ret->descending && pass == 1;
				return true;
			}
	}
	return false;
}

static void sort_mistake(const struct aggregates *plan, const char *text, const char *pointer,
			 struct mistakes *mistakes)
{
	const char *names[AGGREGATE_KEYS_MAX + AGGREGATE_MEMBERS_MAX + 1];
	unsigned count = aggregates_members(plan);
	struct mistake *mistake = mistake_add(mistakes, pointer, "unknown-name",
					      "no key or function is named '%s'", text);
	const char *nearest;

	for (unsigned i = 0; i < count; i++)
		names[i] = aggregates_member(plan, i);
	names[count] = NULL;
	nearest = nearest_name(text + (*text == '-'), names);
	if (nearest)
		mistake_hint(mistakes, mistake, "%s%s", *text == '-' ? "-" : "", nearest);
}

int group_sort_plan(const struct aggregates *plan, const struct json *json, const char *pointer,
		    struct mistakes *mistakes, struct group_sort **ret_sort)
{
	size_t count = json && json_kind(json) == JSON_ARRAY ? json_count(json) : 0, index = 0;
	struct group_sort *sort;
	bool failed = false;

	if (json && json_kind(json) != JSON_NULL &&
	    (json_kind(json) != JSON_ARRAY || count > AGGREGATE_KEYS_MAX)) {
		mistake_add(mistakes, pointer, "wrong-type", "expected an array of up to 32 names");
		return -1;
	}
	sort = calloc(1, sizeof(*sort) + count * sizeof(sort->by[0]));
	if (!sort) {
		mistake_add_code(mistakes, ERR_NO_MEMORY, pointer, "no memory");
		return -1;
	}
	for (const struct json *name = count ? json_first(json) : NULL; name;
	     name = json_next(name)) {
		const char *text = json_text(name, ""); /* one that is no string is unknown too */

		if (!sort_by_read(plan, text, &sort->by[sort->count++])) {
			sort_mistake(plan, text, mistakes_pointer_index(mistakes, pointer, index),
				     mistakes);
			failed = true;
		}
		index++;
	}
	if (failed) {
		group_sort_free(sort);
		return -1;
	}
	*ret_sort = sort;
	return 0;
}

void group_sort_free(struct group_sort *sort)
{
	free(sort);
}
