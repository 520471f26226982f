/* SPDX-License-Identifier: MIT */
/* schema_refs.c - what each $ref names, and that none leads back to itself in place. */
#include "handlers/schema/node.h"

#include "base/json.h"
#include "base/mistakes.h"

#include <stdlib.h>
#include <string.h>

enum visit { VISIT_NEVER, VISIT_OPEN, VISIT_OVER };

/* ---- names ---- */

/* One segment of a JSON pointer, decoded in place (RFC 6901, section 4; `%` was decoded). */
static void segment_decode(char *segment)
{
	char *into = segment;

	for (const char *at = segment; *at; at++) {
		if (*at == '~' && (at[1] == '0' || at[1] == '1'))
			*into++ = *++at == '0' ? '~' : '/';
		else
			*into++ = *at;
	}
	*into = '\0';
}

static const struct json *child_named(const struct json *json, const char *name)
{
	const struct json *element;
	char *end;
	size_t index;

	if (json_kind(json) == JSON_OBJECT)
		return json_get(json, name);
	if (json_kind(json) != JSON_ARRAY || *name < '0' || *name > '9')
		return NULL;
	index = strtoul(name, &end, 10);
	element = *end ? NULL : json_first(json);
	while (element && index-- > 0)
		element = json_next(element);
	return element;
}

static const struct json *pointed(const struct json *root, char *pointer)
{
	const struct json *json = root;
	char *rest = pointer;

	while (json && rest && *rest) {
		char *segment = rest + 1;

		rest = strchr(segment, '/');
		if (rest)
			*rest = '\0';
		segment_decode(segment);
		json = child_named(json, segment);
		if (rest)
			*rest = '/';
	}
	return json;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c && at ? (int)(at - digits) : -1;
}

/* A fragment is percent-encoded (RFC 3986, section 3.5). */
static char *fragment_decode(struct arena *arena, const char *fragment)
{
	char *text = arena_text(arena, fragment), *into = text;

	for (const char *at = text; text && *at; at++) {
		if (*at == '%' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
			*into++ = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
			at += 2;
		} else {
			*into++ = *at;
		}
	}
	if (text)
		*into = '\0';
	return text;
}

/* The node that was compiled from this JSON; NULL: it is no schema, as a value of `enum`. */
static const struct schema_node *node_of(const struct schema *schema, const struct json *json)
{
	for (const struct schema_node *node = schema->nodes; node; node = node->next) {
		if (node->json == json)
			return node;
	}
	return NULL;
}

static const struct schema_node *anchored(const struct schema *schema, const char *name)
{
	for (const struct schema_node *node = schema->nodes; node; node = node->next) {
		if (node->anchor && strcmp(node->anchor, name) == 0)
			return node;
	}
	return NULL;
}

static const struct schema_node *ref_find(struct schema *schema, const struct json *root,
					  const char *ref)
{
	const struct json *json;
	char *fragment;

	if (*ref != '#')
		return NULL;
	fragment = fragment_decode(&schema->arena, ref + 1);
	if (!fragment)
		return NULL;
	if (*fragment && *fragment != '/')
		return anchored(schema, fragment);
	json = pointed(root, fragment);
	return json ? node_of(schema, json) : NULL;
}

/* ---- loops ---- */

static bool loops(struct schema_node *node);

static bool list_loops(const struct schema_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (loops((struct schema_node *)list->nodes[i]))
			return true;
	}
	return false;
}

/* Does it come back to itself without a step into the value?  What is over has no loop. */
static bool loops(struct schema_node *node)
{
	bool found;

	if (!node || node->visit == VISIT_OVER)
		return false;
	if (node->visit == VISIT_OPEN)
		return true;
	node->visit = VISIT_OPEN;
	found = loops((struct schema_node *)node->ref) ||
		loops((struct schema_node *)node->negated) ||
		loops((struct schema_node *)node->when) ||
		loops((struct schema_node *)node->then) ||
		loops((struct schema_node *)node->otherwise) || list_loops(&node->all) ||
		list_loops(&node->any) || list_loops(&node->one);
	for (size_t i = 0; !found && i < node->dependency_count; i++)
		found = loops((struct schema_node *)node->dependencies[i].node);
	node->visit = VISIT_OVER;
	return found;
}

int schema_refs_resolve(struct schema *schema, const struct json *json, struct mistakes *mistakes)
{
	unsigned before = mistakes->count;

	for (struct schema_node *node = schema->nodes; node; node = node->next) {
		if (!node->ref_text)
			continue;
		node->ref = ref_find(schema, json, node->ref_text);
		if (!node->ref)
			mistake_hint(mistakes,
				     mistake_add(mistakes, node->ref_pointer, "unknown-ref",
						 "'%s' names no schema in this one",
						 node->ref_text),
				     "#/$defs/name");
	}
	for (struct schema_node *node = schema->nodes; node; node = node->next) {
		if (node->ref_text && loops(node))
			mistake_add(mistakes, node->ref_pointer, "loop",
				    "'%s' leads back to itself for the same value", node->ref_text);
	}
	return mistakes->count > before ? -1 : 0;
}
