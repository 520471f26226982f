/* SPDX-License-Identifier: MIT */
/* keyword_inside.c - keywords whose values are schemas, and those that name them. */
#include "handlers/schema/keyword.h"

static struct schema_list list_inside(const struct keyword *keyword)
{
	struct schema_list list = {0};
	const struct json *element;
	size_t i = 0;

	if (!keyword_expect(keyword, JSON_ARRAY))
		return list;
	if (json_count(keyword->value) == 0) {
		mistake_add(keyword->mistakes, keyword->pointer, "out-of-range",
			    "%s needs at least one schema", keyword->name);
		return list;
	}
	list.count = json_count(keyword->value);
	list.nodes = arena_array(&keyword->schema->arena, list.count, sizeof(*list.nodes));
	if (!list.nodes)
		return (struct schema_list){0};
	for (element = json_first(keyword->value); element; element = json_next(element), i++)
		list.nodes[i] = schema_node_new(
			keyword->schema, element,
			mistakes_pointer_index(keyword->mistakes, keyword->pointer, i),
			keyword->mistakes);
	return list;
}

static void take_not(const struct keyword *keyword)
{
	keyword->node->negated = keyword_node(keyword);
}

static void take_if(const struct keyword *keyword)
{
	keyword->node->when = keyword_node(keyword);
}

static void take_then(const struct keyword *keyword)
{
	keyword->node->then = keyword_node(keyword);
}

static void take_else(const struct keyword *keyword)
{
	keyword->node->otherwise = keyword_node(keyword);
}

static void take_items(const struct keyword *keyword)
{
	keyword->node->items = keyword_node(keyword);
}

static void take_contains(const struct keyword *keyword)
{
	keyword->node->contains = keyword_node(keyword);
}

static void take_additional(const struct keyword *keyword)
{
	keyword->node->additional = keyword_node(keyword);
}

static void take_names(const struct keyword *keyword)
{
	keyword->node->names = keyword_node(keyword);
}

static void take_all(const struct keyword *keyword)
{
	keyword->node->all = list_inside(keyword);
}

static void take_any(const struct keyword *keyword)
{
	keyword->node->any = list_inside(keyword);
}

static void take_one(const struct keyword *keyword)
{
	keyword->node->one = list_inside(keyword);
}

static void take_prefix(const struct keyword *keyword)
{
	keyword->node->first_items = list_inside(keyword);
}

static void take_defs(const struct keyword *keyword)
{
	const struct json *member;

	if (!keyword_expect(keyword, JSON_OBJECT))
		return;
	for (member = json_first(keyword->value); member; member = json_next(member))
		schema_node_new(
			keyword->schema, member,
			mistakes_pointer(keyword->mistakes, keyword->pointer, json_name(member)),
			keyword->mistakes);
}

static void take_ref(const struct keyword *keyword)
{
	struct arena *arena = &keyword->schema->arena;

	if (!keyword_expect(keyword, JSON_TEXT))
		return;
	keyword->node->ref_text = arena_text(arena, json_text(keyword->value, ""));
	keyword->node->ref_pointer = arena_text(arena, keyword->pointer);
}

static void take_anchor(const struct keyword *keyword)
{
	if (keyword_expect(keyword, JSON_TEXT))
		keyword->node->anchor =
			arena_text(&keyword->schema->arena, json_text(keyword->value, ""));
}

const struct keyword_rule inside_keywords[] = {
	{"additionalProperties", take_additional},
	{"propertyNames", take_names},
	{"prefixItems", take_prefix},
	{"items", take_items},
	{"contains", take_contains},
	{"allOf", take_all},
	{"anyOf", take_any},
	{"oneOf", take_one},
	{"not", take_not},
	{"if", take_if},
	{"then", take_then},
	{"else", take_else},
	{"$ref", take_ref},
	{"$defs", take_defs},
	{"$anchor", take_anchor},
	{0},
};
