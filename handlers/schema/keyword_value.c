/* SPDX-License-Identifier: MIT */
/* keyword_value.c - keywords that say something of one value: types, choices, bounds, texts. */
#include "handlers/schema/keyword.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/record/walk.h"

#include <math.h>
#include <string.h>

static unsigned type_named(const struct keyword *keyword, const struct json *json)
{
	static const char *const names[] = {"null",   "boolean", "integer", "number",
					    "string", "array",	 "object",  NULL};
	const char *name = json_text(json, ""), *near;
	struct mistake *mistake;

	for (unsigned i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0)
			return 1u << i;
	}
	mistake = mistake_add(keyword->mistakes, keyword->pointer, "unknown-choice", "no type '%s'",
			      name);
	near = nearest_name(name, names);
	mistake_hint(keyword->mistakes, mistake, "%s",
		     near ? near : "null, boolean, integer, number, string, array, object");
	return 0;
}

static void take_type(const struct keyword *keyword)
{
	const struct json *element;

	if (json_kind(keyword->value) != JSON_ARRAY) {
		if (keyword_expect(keyword, JSON_TEXT))
			keyword->node->types = type_named(keyword, keyword->value);
		return;
	}
	for (element = json_first(keyword->value); element; element = json_next(element))
		keyword->node->types |= type_named(keyword, element);
	if (json_count(keyword->value) == 0)
		mistake_add(keyword->mistakes, keyword->pointer, "out-of-range",
			    "type needs at least one name");
}

/* A JSON value of the schema as one of a record. */
static void value_of(const struct keyword *keyword, const struct json *json, struct value *ret)
{
	struct buf text = BUF(JSON_STRING_BYTES_MAX);
	char *copy = NULL;

	*ret = (struct value){.kind = VALUE_NULL, .at = "null", .len = 4};
	if (json_print(json, &text) == 0)
		copy = arena_copy(&keyword->schema->arena, text.data, text.len);
	else
		mistake_add_code(keyword->mistakes, ERR_LIMIT, keyword->pointer,
				 "a value of %s is too large", keyword->name);
	if (copy)
		value_read(copy, text.len, ret);
	buf_done(&text);
}

static void choices_take(const struct keyword *keyword, const struct json *first, size_t count)
{
	struct value *values = arena_array(&keyword->schema->arena, count, sizeof(*values));
	size_t i = 0;

	if (!values)
		return;
	for (const struct json *json = first; i < count; json = json_next(json))
		value_of(keyword, json, &values[i++]);
	keyword->node->choices = values;
	keyword->node->choice_count = count;
}

static void take_enum(const struct keyword *keyword)
{
	if (!keyword_expect(keyword, JSON_ARRAY))
		return;
	if (json_count(keyword->value) == 0)
		mistake_add(keyword->mistakes, keyword->pointer, "out-of-range",
			    "enum needs at least one value");
	else if (json_get(keyword->owner, "const"))
		mistake_add(keyword->mistakes, keyword->pointer, "conflict",
			    "enum and const together say nothing more than const");
	else
		choices_take(keyword, json_first(keyword->value), json_count(keyword->value));
}

static void take_const(const struct keyword *keyword)
{
	choices_take(keyword, keyword->value, 1);
	keyword->node->constant = true;
}

/* ---- numbers ---- */

#define WHOLE_EXACT_MAX 9007199254740992.0 /* 2^53: a spec's numbers are doubles */

static void number_take(const struct keyword *keyword, double *into)
{
	double number = json_number(keyword->value, 0);

	if (!keyword_expect(keyword, JSON_NUMBER))
		return;
	if (fabs(number) > WHOLE_EXACT_MAX && fabs(number) < 1e19)
		mistake_add(keyword->mistakes, keyword->pointer, "out-of-range",
			    "numbers of a schema are exact up to 2^53");
	*into = number;
}

static void take_minimum(const struct keyword *keyword)
{
	number_take(keyword, &keyword->node->minimum);
}

static void take_maximum(const struct keyword *keyword)
{
	number_take(keyword, &keyword->node->maximum);
}

static void take_above(const struct keyword *keyword)
{
	number_take(keyword, &keyword->node->above);
}

static void take_below(const struct keyword *keyword)
{
	number_take(keyword, &keyword->node->below);
}

static void take_multiple(const struct keyword *keyword)
{
	number_take(keyword, &keyword->node->multiple_of);
	if (keyword->node->multiple_of <= 0)
		mistake_add(keyword->mistakes, keyword->pointer, "out-of-range",
			    "multipleOf is above 0");
}

/* ---- counts ---- */

static void count_take(const struct keyword *keyword, int64_t *into)
{
	int64_t count;

	if (!json_int(keyword->value, &count) || count < 0)
		keyword_wrong(keyword, "a whole number from 0");
	else
		*into = count;
}

static void take_length_min(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->length_min);
}

static void take_length_max(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->length_max);
}

static void take_items_min(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->items_min);
}

static void take_items_max(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->items_max);
}

static void take_contains_min(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->contains_min);
}

static void take_contains_max(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->contains_max);
}

static void take_members_min(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->members_min);
}

static void take_members_max(const struct keyword *keyword)
{
	count_take(keyword, &keyword->node->members_max);
}

static void take_unique(const struct keyword *keyword)
{
	if (keyword_expect(keyword, JSON_BOOL))
		keyword->node->unique = json_bool(keyword->value, false);
}

/* ---- texts ---- */

static void take_pattern(const struct keyword *keyword)
{
	if (keyword_expect(keyword, JSON_TEXT))
		keyword->node->pattern = keyword_pattern(keyword, json_text(keyword->value, ""));
}

static void take_format(const struct keyword *keyword)
{
	const char *name = json_text(keyword->value, ""), *near;
	struct mistake *mistake;

	if (!keyword_expect(keyword, JSON_TEXT))
		return;
	keyword->node->shape = shape_by_name(name);
	if (keyword->node->shape != SHAPE_NONE)
		return;
	mistake = mistake_add(keyword->mistakes, keyword->pointer, "unknown-choice",
			      "no format '%s'", name);
	near = nearest_name(name, shape_names);
	mistake_hint(keyword->mistakes, mistake, "%s",
		     near ? near : "date-time, date, time, email, hostname, ipv4, ipv6, uri, uuid");
}

const struct keyword_rule value_keywords[] = {
	{"type", take_type},
	{"enum", take_enum},
	{"const", take_const},
	{"minimum", take_minimum},
	{"maximum", take_maximum},
	{"exclusiveMinimum", take_above},
	{"exclusiveMaximum", take_below},
	{"multipleOf", take_multiple},
	{"minLength", take_length_min},
	{"maxLength", take_length_max},
	{"pattern", take_pattern},
	{"format", take_format},
	{"minItems", take_items_min},
	{"maxItems", take_items_max},
	{"minContains", take_contains_min},
	{"maxContains", take_contains_max},
	{"minProperties", take_members_min},
	{"maxProperties", take_members_max},
	{"uniqueItems", take_unique},
	{0},
};
