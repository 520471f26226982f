/* SPDX-License-Identifier: MIT */
/* schema_plan.c - JSON into nodes.
 *
 * A schema that a $ref names, and nothing else, is compiled where it stands: `$defs` are nodes
 * like all others.
 */
#include "handlers/schema/schema.h"

#include "base/limits.h"
#include "handlers/schema/keyword.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEYWORDS_MAX = 64 };

static bool is_flat(const struct schema_node *root)
{
	return !root->never && !root->choices && !root->pattern_members && !root->additional &&
	       !root->names && root->members_min < 0 && root->members_max < 0 &&
	       !root->dependency_count && !root->all.count && !root->any.count &&
	       !root->one.count && !root->negated && !root->when && !root->ref;
}

struct schema *schema_new(const struct json *json, const char *pointer, struct mistakes *mistakes)
{
	struct schema *schema = calloc(1, sizeof(*schema));
	unsigned before = mistakes->count;

	if (!schema) {
		mistake_add_code(mistakes, ERR_NO_MEMORY, pointer, "no memory for a schema");
		return NULL;
	}
	arena_init(&schema->arena, SCHEMA_BYTES_MAX);
	schema->root = schema_node_new(schema, json, pointer, mistakes);
	if (!arena_failed(&schema->arena) && mistakes->count == before)
		schema_refs_resolve(schema, json, mistakes);
	if (arena_failed(&schema->arena))
		mistake_add_code(mistakes, ERR_LIMIT, pointer,
				 "a schema compiles to %d MiB at most", SCHEMA_BYTES_MAX >> 20);
	if (mistakes->count == before) {
		schema->flat = is_flat(schema->root);
		return schema;
	}
	schema_free(schema);
	return NULL;
}

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (struct schema_pattern *pattern = schema->patterns; pattern; pattern = pattern->next)
		pattern_free(pattern->pattern);
	arena_done(&schema->arena);
	free(schema);
}

int schema_fields(struct schema *schema, struct fields *fields, struct err *err)
{
	const struct schema_node *root = schema->root;

	if (fields_add(fields, NULL, 0, &schema->whole, err))
		return -1;
	for (size_t i = 0; schema->flat && i < root->member_count; i++) {
		struct schema_member *member = &root->members[i];
		struct field_name name = {.text = member->name, .len = member->len};

		if (fields_add(fields, &name, 1, &member->field, err))
			return -1;
	}
	return 0;
}

bool schema_is_flat(const struct schema *schema)
{
	return schema->flat;
}

/* ---- keywords ---- */

void keyword_wrong(const struct keyword *keyword, const char *wanted)
{
	mistake_add(keyword->mistakes, keyword->pointer, "wrong-type", "%s is %s, not %s",
		    keyword->name, wanted, json_kind_name(json_kind(keyword->value)));
}

bool keyword_expect(const struct keyword *keyword, enum json_kind kind)
{
	if (json_kind(keyword->value) == kind)
		return true;
	keyword_wrong(keyword, json_kind_name(kind));
	return false;
}

const struct schema_node *keyword_node(const struct keyword *keyword)
{
	return schema_node_new(keyword->schema, keyword->value, keyword->pointer,
			       keyword->mistakes);
}

struct schema_pattern *keyword_pattern(const struct keyword *keyword, const char *source)
{
	struct schema_pattern *pattern = arena_alloc(&keyword->schema->arena, sizeof(*pattern));
	struct pattern_mistake wrong_there;
	struct mistake *mistake;
	struct err err;

	if (!pattern)
		return NULL;
	pattern->source = arena_text(&keyword->schema->arena, source);
	if (pattern_compile(source, 0, &pattern->pattern, &wrong_there, &err)) {
		mistake =
			mistake_add(keyword->mistakes, keyword->pointer, "pattern", "%s",
				    err.code == ERR_INVALID_SPEC ? wrong_there.detail : err.detail);
		mistake->line = 1;
		mistake->column = (int)wrong_there.offset + 1;
		return NULL;
	}
	pattern->next = keyword->schema->patterns;
	keyword->schema->patterns = pattern;
	return pattern;
}

static void take_dialect(const struct keyword *keyword)
{
	static const char dialect[] = "https://json-schema.org/draft/2020-12/schema";
	const char *text = json_text(keyword->value, "");
	size_t len = strlen(dialect);

	if (strncmp(text, dialect, len) != 0 || (text[len] && strcmp(text + len, "#") != 0))
		mistake_hint(keyword->mistakes,
			     mistake_add(keyword->mistakes, keyword->pointer, "unknown-choice",
					 "only draft 2020-12 is understood"),
			     "%s", dialect);
}

static void take_later(const struct keyword *keyword)
{
	mistake_add_code(keyword->mistakes, ERR_NOT_IMPLEMENTED, keyword->pointer,
			 "%s is not built yet", keyword->name);
}

static void take_nothing(const struct keyword *keyword)
{
	(void)keyword;
}

static const struct keyword_rule own_keywords[] = {
	{"$schema", take_dialect},
	{"$id", take_later},
	{"$dynamicRef", take_later},
	{"$dynamicAnchor", take_later},
	{"$vocabulary", take_later},
	{"unevaluatedItems", take_later},
	{"unevaluatedProperties", take_later},
	{"title", take_nothing},
	{"description", take_nothing},
	{"default", take_nothing},
	{"examples", take_nothing},
	{"deprecated", take_nothing},
	{"readOnly", take_nothing},
	{"writeOnly", take_nothing},
	{"$comment", take_nothing},
	{0},
};

static const struct keyword_rule *const keyword_tables[] = {value_keywords, inside_keywords,
							    member_keywords, own_keywords};

static void keyword_unknown(const struct keyword *keyword)
{
	const char *names[KEYWORDS_MAX + 1] = {0}, *near;
	struct mistake *mistake;
	size_t count = 0;

	for (size_t t = 0; t < ARRAY_LEN(keyword_tables); t++) {
		for (const struct keyword_rule *rule = keyword_tables[t]; rule->name; rule++) {
			assert(count < KEYWORDS_MAX);
			names[count++] = rule->name;
		}
	}
	mistake = mistake_add(keyword->mistakes, keyword->pointer, "unknown-member",
			      "no keyword '%s' in JSON Schema 2020-12", keyword->name);
	near = strcmp(keyword->name, "definitions") == 0 ? "$defs"
							 : nearest_name(keyword->name, names);
	if (near)
		mistake_hint(keyword->mistakes, mistake, "%s", near);
}

static void keyword_take(const struct keyword *keyword)
{
	for (size_t t = 0; t < ARRAY_LEN(keyword_tables); t++) {
		for (const struct keyword_rule *rule = keyword_tables[t]; rule->name; rule++) {
			if (strcmp(rule->name, keyword->name) == 0) {
				rule->take(keyword);
				return;
			}
		}
	}
	keyword_unknown(keyword);
}

/* ---- nodes ---- */

static void node_read(struct schema *schema, struct schema_node *node, const struct json *json,
		      const char *pointer, struct mistakes *mistakes)
{
	for (const struct json *member = json_first(json); member; member = json_next(member)) {
		struct keyword keyword = {
			.schema = schema,
			.node = node,
			.owner = json,
			.value = member,
			.name = json_name(member),
			.pointer = mistakes_pointer(mistakes, pointer, json_name(member)),
			.mistakes = mistakes,
		};

		keyword_take(&keyword);
	}
	members_sort(node);
}

/* The recursion is as deep as the JSON, which is at most JSON_DEPTH_MAX. */
const struct schema_node *schema_node_new(struct schema *schema, const struct json *json,
					  const char *pointer, struct mistakes *mistakes)
{
	struct schema_node *node = arena_alloc(&schema->arena, sizeof(*node));

	if (!node)
		return NULL;
	node->minimum = node->maximum = node->above = node->below = node->multiple_of = NAN;
	node->length_min = node->length_max = node->members_min = node->members_max = -1;
	node->items_min = node->items_max = node->contains_min = node->contains_max = -1;
	node->json = json;
	node->next = schema->nodes;
	schema->nodes = node;
	if (json_kind(json) == JSON_BOOL)
		node->never = !json_bool(json, true);
	else if (json_kind(json) == JSON_OBJECT)
		node_read(schema, node, json, pointer, mistakes);
	else
		mistake_add(mistakes, pointer, "wrong-type",
			    "a schema is an object, true or false, not %s",
			    json_kind_name(json_kind(json)));
	return node;
}
