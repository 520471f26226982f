/* SPDX-License-Identifier: MIT */
/* node.h - a schema, compiled: what the files of this room share.
 *
 *   schema_plan.c, keyword*.c  JSON into nodes      schema_refs.c   $ref into pointers
 *   schema_check.c, check*.c   nodes against values  shape.c         what `format` means
 *   schema_value.c             equality of values
 */
#ifndef HANDLERS_SCHEMA_NODE_H
#define HANDLERS_SCHEMA_NODE_H

#include "base/arena.h"
#include "base/pattern.h"
#include "base/record/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct fields;
struct json;
struct mistakes;

enum schema_type {
	TYPE_NULL = 1,
	TYPE_BOOLEAN = 2,
	TYPE_INTEGER = 4, /* 3.0 too */
	TYPE_NUMBER = 8,
	TYPE_STRING = 16,
	TYPE_ARRAY = 32,
	TYPE_OBJECT = 64,
};

/* What `format` asserts of a string. */
enum shape {
	SHAPE_NONE,
	SHAPE_DATE_TIME,
	SHAPE_DATE,
	SHAPE_TIME,
	SHAPE_EMAIL,
	SHAPE_HOSTNAME,
	SHAPE_IPV4,
	SHAPE_IPV6,
	SHAPE_URI,
	SHAPE_UUID,
	SHAPE_REGEX,
	SHAPE_JSON_POINTER,
};

/* What is said of a name: a member of `properties`, of `required`, or both. */
struct schema_member {
	const char *name;
	size_t len;
	const struct schema_node *node; /* NULL: nothing about its value */
	bool required;
	unsigned field; /* flat schemas: the index of its value */
};

struct schema_dependency {
	const char *name;
	const char *const *needs;	/* ended by NULL; dependentRequired */
	const struct schema_node *node; /* dependentSchemas */
};

struct schema_pattern {
	struct pattern *pattern;
	const char *source;
	const struct schema_node *node; /* of patternProperties */
	struct schema_pattern *sibling; /* in the same keyword */
	struct schema_pattern *next;	/* all of the schema */
};

struct schema_list {
	const struct schema_node **nodes;
	size_t count;
};

/* One object or truth of the schema.  Bounds are NAN or -1 where there is none. */
struct schema_node {
	bool never;		     /* `false` */
	unsigned types;		     /* 0: any */
	const struct value *choices; /* enum; const is one of one */
	size_t choice_count;
	bool constant;

	double minimum, maximum, above, below, multiple_of;

	int64_t length_min, length_max; /* code points */
	const struct schema_pattern *pattern;
	enum shape shape;

	struct schema_member *members; /* by name, in the order of memcmp, shorter first */
	size_t member_count, required_count;
	const struct schema_pattern *pattern_members;
	const struct schema_node *additional, *names;
	int64_t members_min, members_max;
	struct schema_dependency *dependencies;
	size_t dependency_count;

	struct schema_list first_items;
	const struct schema_node *items, *contains;
	int64_t items_min, items_max, contains_min, contains_max;
	bool unique;

	struct schema_list all, any, one;
	const struct schema_node *negated, *when, *then, *otherwise, *ref;

	/* while it is compiled */
	const char *ref_text, *ref_pointer, *anchor;
	const struct json *json;
	struct schema_node *next;
	unsigned visit;
};

struct schema {
	struct arena arena;
	const struct schema_node *root;
	struct schema_node *nodes;
	struct schema_pattern *patterns; /* all of them */
	bool flat;
	unsigned whole; /* the index of the record itself */
};

/* schema_refs.c, after all nodes of `json` were compiled.  -1: mistakes were added. */
int schema_refs_resolve(struct schema *schema, const struct json *json, struct mistakes *mistakes);

/* shape.c; SHAPE_NONE: no such name. */
enum shape shape_by_name(const char *name);
extern const char *const shape_names[]; /* ended by NULL, in the order of the enum from 1 */
bool shape_fits(enum shape format, const char *text, size_t len);

/* schema_value.c.  Both are valid JSON; `scratch` has room for two decoded texts.  Nested as
 * deep as RECORD_DEPTH_MAX. */
struct equality {
	struct buf *left, *right;
	int64_t *work; /* goes down; below 0 the answer is of no use */
};
bool value_same(const struct equality *equality, const struct value *a, const struct value *b);
bool value_is_multiple(const struct value *value, double of); /* of a number; of > 0 */
/* -1, 0, 1: a number and a bound. */
int value_bound_compare(const struct value *value, double bound);
bool value_is_whole(const struct value *value);

#endif
