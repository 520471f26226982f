/* SPDX-License-Identifier: MIT */
/* schema_check.c - nodes against values.
 *
 * All violations are gathered, each with the pointer of its value, but those inside anyOf,
 * oneOf, not and if, whose failures are no violations: these say themselves what they miss.
 * Work and depth are bounded for one record, since a small schema can ask for a lot.
 */
#include "handlers/schema/schema.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "handlers/schema/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool members_check(struct checking *checking, const struct schema *schema,
			  const struct value *values);

struct schema_scratch *schema_scratch_new(void)
{
	struct schema_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	buf_init(&scratch->left, RECORD_BYTES_MAX);
	buf_init(&scratch->right, RECORD_BYTES_MAX);
	buf_init(&scratch->name, RECORD_BYTES_MAX);
	buf_init(&scratch->report, SCHEMA_REPORT_BYTES_MAX);
	scratch->patterns = pattern_scratch_new();
	if (scratch->patterns)
		return scratch;
	schema_scratch_free(scratch);
	return NULL;
}

void schema_scratch_free(struct schema_scratch *scratch)
{
	if (!scratch)
		return;
	buf_done(&scratch->left);
	buf_done(&scratch->right);
	buf_done(&scratch->name);
	buf_done(&scratch->report);
	pattern_scratch_free(scratch->patterns);
	free(scratch);
}

int schema_check(const struct schema *schema, struct schema_scratch *scratch,
		 const struct value *values, struct err *err)
{
	struct checking checking = {.scratch = scratch, .work = SCHEMA_WORK_MAX, .err = err};
	struct place top = {0};
	bool fits;

	if (scratch->report.len > 0)
		buf_clear(&scratch->report);
	fits = schema->flat ? members_check(&checking, schema, values)
			    : node_check(&checking, schema->root, &values[schema->whole], &top);
	if (!checking.stopped && checking.work < 0)
		check_stop(&checking, ERR_LIMIT, "checking it takes too many steps");
	if (checking.stopped)
		return -1;
	if (fits)
		return 0;
	return err_set(err, ERR_INVALID_RECORD, "%s", buf_text(&scratch->report));
}

/* ---- texts ---- */

static int64_t code_points(const char *text, size_t len)
{
	int64_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += !utf8_continues((unsigned char)text[i]);
	return count;
}

static bool text_check(struct checking *checking, const struct schema_node *node,
		       const struct value *value, const struct place *place)
{
	bool fits = true;
	const char *text;
	int64_t length;
	size_t len;

	if (node->length_min < 0 && node->length_max < 0 && !node->pattern && !node->shape)
		return true;
	buf_clear(&checking->scratch->left);
	text = value_text(value, &checking->scratch->left, &len);
	if (!text)
		return check_stop(checking, ERR_NO_MEMORY, "no memory for a text");
	checking->work -= (int64_t)(len / 16);
	length = code_points(text, len);
	if (node->shape && !shape_fits(node->shape, text, len))
		fits = violation(checking, place, "is no %s", shape_names[node->shape - 1]);
	if (node->pattern && pattern_finds(checking, node->pattern, text, len) == 0)
		fits = violation(checking, place, "does not match %s", node->pattern->source);
	if (node->length_min >= 0 && length < node->length_min)
		fits = violation(checking, place, "has %lld characters, fewer than %lld",
				 (long long)length, (long long)node->length_min);
	if (node->length_max >= 0 && length > node->length_max)
		fits = violation(checking, place, "has %lld characters, more than %lld",
				 (long long)length, (long long)node->length_max);
	return fits;
}

/* ---- numbers ---- */

static int bound_len(const char *text, size_t len)
{
	bool whole = len > 2 && text[len - 2] == '.' && text[len - 1] == '0';

	return (int)(whole ? len - 2 : len);
}

static bool bound_told(struct checking *checking, const struct place *place,
		       const struct value *value, const char *relation, double bound)
{
	char text[VALUE_DOUBLE_TEXT_MAX];
	int len = bound_len(text, value_double_text(bound, text));
	struct buf *number = &checking->scratch->left;

	buf_clear(number);
	value_print(value, number);
	return violation(checking, place, "%.*s is %s %.*s", (int)MIN(number->len, 40),
			 buf_text(number), relation, len, text);
}

static bool number_check(struct checking *checking, const struct schema_node *node,
			 const struct value *value, const struct place *place)
{
	bool fits = true;

	if (!isnan(node->minimum) && value_bound_compare(value, node->minimum) < 0)
		fits = bound_told(checking, place, value, "below", node->minimum);
	if (!isnan(node->maximum) && value_bound_compare(value, node->maximum) > 0)
		fits = bound_told(checking, place, value, "above", node->maximum);
	if (!isnan(node->above) && value_bound_compare(value, node->above) <= 0)
		fits = bound_told(checking, place, value, "not above", node->above);
	if (!isnan(node->below) && value_bound_compare(value, node->below) >= 0)
		fits = bound_told(checking, place, value, "not below", node->below);
	if (!isnan(node->multiple_of) && !value_is_multiple(value, node->multiple_of))
		fits = bound_told(checking, place, value, "no multiple of", node->multiple_of);
	return fits;
}

/* ---- any value ---- */

static unsigned value_types(const struct value *value, unsigned wanted)
{
	switch (value->kind) {
	case VALUE_NULL:
		return TYPE_NULL;
	case VALUE_FALSE:
	case VALUE_TRUE:
		return TYPE_BOOLEAN;
	case VALUE_INT:
		return TYPE_INTEGER | TYPE_NUMBER;
	case VALUE_DOUBLE:
	case VALUE_BIG:
		/* Is it whole?  Only asked when that decides. */
		return (wanted & (TYPE_INTEGER | TYPE_NUMBER)) == TYPE_INTEGER &&
				       value_is_whole(value)
			       ? TYPE_INTEGER | TYPE_NUMBER
			       : TYPE_NUMBER;
	case VALUE_TEXT:
		return TYPE_STRING;
	case VALUE_ARRAY:
		return TYPE_ARRAY;
	case VALUE_OBJECT:
		return TYPE_OBJECT;
	case VALUE_MISSING:
		break;
	}
	return 0;
}

static bool type_told(struct checking *checking, const struct schema_node *node,
		      const struct value *value, const struct place *place)
{
	static const char *const names[] = {"null",	"a boolean", "an integer", "a number",
					    "a string", "an array",  "an object"};
	char wanted[128];
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (node->types & 1u << i)
			len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, "%s%s",
						len ? " or " : "", names[i]);
	}
	return violation(checking, place, "is %s, not %s", value_kind_name(value->kind), wanted);
}

static bool choices_check(struct checking *checking, const struct schema_node *node,
			  const struct value *value, const struct place *place)
{
	struct equality equality = {.left = &checking->scratch->left,
				    .right = &checking->scratch->right,
				    .work = &checking->work};
	const struct value *only = &node->choices[0];

	for (size_t i = 0; i < node->choice_count; i++) {
		if (value_same(&equality, value, &node->choices[i]))
			return true;
	}
	if (!node->constant)
		return violation(checking, place, "is none of the %zu values of enum",
				 node->choice_count);
	if (only->kind == VALUE_TEXT)
		return violation(checking, place, "is not \"%.*s\"", (int)MIN(only->len, 60),
				 only->at);
	return violation(checking, place, "is not %.*s", (int)MIN(only->len, 60), only->at);
}

static size_t fitting(struct checking *checking, const struct schema_list *list, size_t enough,
		      const struct value *value, const struct place *place)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count && count < enough && !checking->stopped; i++)
		count += node_fits(checking, list->nodes[i], value, place);
	return count;
}

/* Those that look at the same value once more. */
static bool applied_check(struct checking *checking, const struct schema_node *node,
			  const struct value *value, const struct place *place)
{
	bool fits = true;
	size_t count;

	if (node->ref && !node_check(checking, node->ref, value, place))
		fits = false;
	for (size_t i = 0; i < node->all.count; i++) {
		if (!node_check(checking, node->all.nodes[i], value, place))
			fits = false;
	}
	if (node->any.count && fitting(checking, &node->any, 1, value, place) == 0)
		fits = violation(checking, place, "fits none of the %zu of anyOf", node->any.count);
	if (node->one.count) {
		count = fitting(checking, &node->one, 2, value, place);
		if (count != 1)
			fits = violation(checking, place, "fits %s of the %zu of oneOf",
					 count ? "more than one" : "none", node->one.count);
	}
	if (node->negated && node_fits(checking, node->negated, value, place))
		fits = violation(checking, place, "fits what it must not");
	if (node->when) {
		const struct schema_node *branch = node_fits(checking, node->when, value, place)
							   ? node->then
							   : node->otherwise;

		if (branch && !node_check(checking, branch, value, place))
			fits = false;
	}
	return fits;
}

static bool value_check(struct checking *checking, const struct schema_node *node,
			const struct value *value, const struct place *place)
{
	switch (value->kind) {
	case VALUE_INT:
	case VALUE_DOUBLE:
	case VALUE_BIG:
		return number_check(checking, node, value, place);
	case VALUE_TEXT:
		return text_check(checking, node, value, place);
	case VALUE_ARRAY:
		return array_check(checking, node, value, place);
	case VALUE_OBJECT:
		return object_check(checking, node, value, place);
	default:
		return true;
	}
}

bool node_check(struct checking *checking, const struct schema_node *node,
		const struct value *value, const struct place *place)
{
	bool fits = true;

	if (node->never)
		return violation(checking, place, "must not be there");
	if (--checking->work < 0)
		return check_stop(checking, ERR_LIMIT, "checking it takes too many steps");
	if (checking->depth >= SCHEMA_DEPTH_MAX)
		return check_stop(checking, ERR_LIMIT, "checking it goes too deep");
	checking->depth++;
	if (node->types && !(node->types & value_types(value, node->types)))
		fits = type_told(checking, node, value, place);
	else
		fits = value_check(checking, node, value, place);
	if (node->choices && !choices_check(checking, node, value, place))
		fits = false;
	if (!applied_check(checking, node, value, place))
		fits = false;
	checking->depth--;
	return fits;
}

/* The root of a flat schema: its members were found by the scan. */
static bool members_check(struct checking *checking, const struct schema *schema,
			  const struct value *values)
{
	const struct schema_node *root = schema->root;
	const struct value *record = &values[schema->whole];
	struct place top = {0};
	bool fits = true;

	if (root->types && !(root->types & value_types(record, root->types)))
		return type_told(checking, root, record, &top);
	if (record->kind != VALUE_OBJECT)
		return value_check(checking, root, record, &top);
	for (size_t i = 0; i < root->member_count; i++) {
		const struct schema_member *member = &root->members[i];
		const struct value *value = &values[member->field];
		struct value name = {.kind = VALUE_TEXT,
				     .form = TEXT_DECODED,
				     .at = member->name,
				     .len = member->len};
		struct place here = {.parent = &top, .name = &name};

		if (value->kind == VALUE_MISSING)
			fits &= !member->required || violation(checking, &here, "is missing");
		else if (member->node)
			fits &= node_check(checking, member->node, value, &here);
	}
	return fits;
}

bool node_fits(struct checking *checking, const struct schema_node *node, const struct value *value,
	       const struct place *place)
{
	bool silent = checking->silent, fits;

	checking->silent = true;
	fits = node_check(checking, node, value, place);
	checking->silent = silent;
	return fits;
}

int pattern_finds(struct checking *checking, const struct schema_pattern *pattern, const char *text,
		  size_t len)
{
	const struct span *spans;
	struct err err;
	int rc = pattern_search(pattern->pattern, checking->scratch->patterns, text, len, 0, &spans,
				&err);

	if (rc < 0)
		check_stop(checking, err.code == ERR_INVALID_SPEC ? ERR_LIMIT : err.code,
			   err.detail);
	return rc;
}
