/* SPDX-License-Identifier: MIT */
/* keyword.h - from the JSON of a schema to its nodes: a function for each keyword.
 *
 *   schema_plan.c     nodes, and what is a keyword      keyword_inside.c  schemas in schemas
 *   keyword_value.c   what is said of one value         keyword_member.c  what is said of objects
 */
#ifndef HANDLERS_SCHEMA_KEYWORD_H
#define HANDLERS_SCHEMA_KEYWORD_H

#include "base/json.h"
#include "base/mistakes.h"
#include "handlers/schema/node.h"

/* A keyword on its way into its node. */
struct keyword {
	struct schema *schema;
	struct schema_node *node;
	const struct json *owner, *value;
	const char *name, *pointer; /* of the value */
	struct mistakes *mistakes;
};

struct keyword_rule {
	const char *name;
	void (*take)(const struct keyword *keyword);
};

/* Ended by {0}. */
extern const struct keyword_rule value_keywords[], inside_keywords[], member_keywords[];

void members_sort(struct schema_node *node); /* once all its keywords were taken */

/* Adds a mistake: the value is none of that kind, which `wanted` names. */
void keyword_wrong(const struct keyword *keyword, const char *wanted);
bool keyword_expect(const struct keyword *keyword, enum json_kind kind); /* false: told */

/* The node of a schema; a wrong one too, once its mistakes were added.  NULL: no memory, which
 * the arena remembers. */
const struct schema_node *schema_node_new(struct schema *schema, const struct json *json,
					  const char *pointer, struct mistakes *mistakes);
const struct schema_node *keyword_node(const struct keyword *keyword);

/* A pattern of the schema; NULL: told. */
struct schema_pattern *keyword_pattern(const struct keyword *keyword, const char *source);

#endif
