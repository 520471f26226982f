/* SPDX-License-Identifier: MIT */
/* keyword_member.c - keywords that say something of the members of an object. */
#include "handlers/schema/keyword.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

static int member_order(const void *left, const void *right)
{
	const struct schema_member *a = left, *b = right;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->name, b->name, a->len);
}

void members_sort(struct schema_node *node)
{
	if (node->member_count > 1)
		qsort(node->members, node->member_count, sizeof(*node->members), member_order);
}

static struct schema_member *member_named(const struct keyword *keyword, const char *name)
{
	struct schema_node *node = keyword->node;

	for (size_t i = 0; i < node->member_count; i++) {
		if (strcmp(node->members[i].name, name) == 0)
			return &node->members[i];
	}
	node->members[node->member_count] = (struct schema_member){
		.name = arena_text(&keyword->schema->arena, name), .len = strlen(name)};
	return &node->members[node->member_count++];
}

/* `properties` and `required` of one object make one table. */
static bool members_room(const struct keyword *keyword)
{
	size_t most = json_count(json_get(keyword->owner, "properties")) +
		      json_count(json_get(keyword->owner, "required"));

	if (most > SCHEMA_MEMBERS_MAX) {
		mistake_add_code(keyword->mistakes, ERR_LIMIT, keyword->pointer,
				 "%zu members are more than %d", most, SCHEMA_MEMBERS_MAX);
		return false;
	}
	if (!keyword->node->members)
		keyword->node->members =
			arena_array(&keyword->schema->arena, most, sizeof(*keyword->node->members));
	return keyword->node->members != NULL;
}

static void take_properties(const struct keyword *keyword)
{
	const struct json *member;

	if (!keyword_expect(keyword, JSON_OBJECT) || !members_room(keyword))
		return;
	for (member = json_first(keyword->value); member; member = json_next(member))
		member_named(keyword, json_name(member))->node = schema_node_new(
			keyword->schema, member,
			mistakes_pointer(keyword->mistakes, keyword->pointer, json_name(member)),
			keyword->mistakes);
}

static bool names_expect(const struct keyword *keyword, const struct json *list)
{
	const struct json *element = NULL;

	if (json_kind(list) == JSON_ARRAY) {
		for (element = json_first(list); element && json_kind(element) == JSON_TEXT;)
			element = json_next(element);
		if (!element)
			return true;
	}
	mistake_add(keyword->mistakes, keyword->pointer, "wrong-type",
		    "%s is an array of names, not %s", keyword->name,
		    json_kind(list) == JSON_ARRAY ? "of other things"
						  : json_kind_name(json_kind(list)));
	return false;
}

static void take_required(const struct keyword *keyword)
{
	const struct json *element;

	if (!names_expect(keyword, keyword->value) || !members_room(keyword))
		return;
	for (element = json_first(keyword->value); element; element = json_next(element)) {
		struct schema_member *member = member_named(keyword, json_text(element, ""));

		keyword->node->required_count += !member->required;
		member->required = true;
	}
}

static void take_pattern_members(const struct keyword *keyword)
{
	const struct json *member;

	if (!keyword_expect(keyword, JSON_OBJECT))
		return;
	for (member = json_first(keyword->value); member; member = json_next(member)) {
		struct keyword one = *keyword;
		struct schema_pattern *pattern;

		one.pointer =
			mistakes_pointer(keyword->mistakes, keyword->pointer, json_name(member));
		one.value = member;
		pattern = keyword_pattern(&one, json_name(member));
		if (!pattern)
			continue;
		pattern->node = keyword_node(&one);
		pattern->sibling = (struct schema_pattern *)keyword->node->pattern_members;
		keyword->node->pattern_members = pattern;
	}
}

static struct schema_dependency *dependency_add(const struct keyword *keyword, const char *name)
{
	struct schema_node *node = keyword->node;
	size_t most = json_count(json_get(keyword->owner, "dependentRequired")) +
		      json_count(json_get(keyword->owner, "dependentSchemas"));
	struct schema_dependency *dependency;

	if (!node->dependencies)
		node->dependencies =
			arena_array(&keyword->schema->arena, most, sizeof(*dependency));
	if (!node->dependencies)
		return NULL;
	dependency = &node->dependencies[node->dependency_count++];
	dependency->name = arena_text(&keyword->schema->arena, name);
	return dependency;
}

static void take_dependent_names(const struct keyword *keyword)
{
	const struct json *member, *element;

	if (!keyword_expect(keyword, JSON_OBJECT))
		return;
	for (member = json_first(keyword->value); member; member = json_next(member)) {
		struct schema_dependency *dependency;
		const char **needs;
		size_t i = 0;

		if (!names_expect(keyword, member))
			return;
		needs = arena_array(&keyword->schema->arena, json_count(member) + 1,
				    sizeof(*needs));
		dependency = dependency_add(keyword, json_name(member));
		if (!needs || !dependency)
			return;
		for (element = json_first(member); element; element = json_next(element))
			needs[i++] = arena_text(&keyword->schema->arena, json_text(element, ""));
		dependency->needs = needs;
	}
}

static void take_dependent_schemas(const struct keyword *keyword)
{
	const struct json *member;

	if (!keyword_expect(keyword, JSON_OBJECT))
		return;
	for (member = json_first(keyword->value); member; member = json_next(member)) {
		struct schema_dependency *dependency = dependency_add(keyword, json_name(member));

		if (dependency)
			dependency->node = schema_node_new(keyword->schema, member,
							   mistakes_pointer(keyword->mistakes,
									    keyword->pointer,
									    json_name(member)),
							   keyword->mistakes);
	}
}

const struct keyword_rule member_keywords[] = {
	{"properties", take_properties},
	{"required", take_required},
	{"patternProperties", take_pattern_members},
	{"dependentRequired", take_dependent_names},
	{"dependentSchemas", take_dependent_schemas},
	{0},
};
