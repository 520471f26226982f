/* SPDX-License-Identifier: MIT */
/* check_inside.c - elements of arrays and members of objects. */
#include "handlers/schema/check.h"

#include "base/record/walk.h"

#include <stdlib.h>
#include <string.h>

/* ---- arrays ---- */

/* Each with each: a thousand elements are half a million comparisons, within the work. */
static bool items_unique(struct checking *checking, const struct value *array,
			 const struct place *place)
{
	struct equality equality = {.left = &checking->scratch->left,
				    .right = &checking->scratch->right,
				    .work = &checking->work};
	struct value name, a, b;
	struct walk walk, rest;
	size_t i = 0;

	walk_begin(&walk, array);
	for (; walk_next(&walk, &name, &a); i++) {
		size_t j = i + 1;

		for (rest = walk; checking->work >= 0 && walk_next(&rest, &name, &b); j++) {
			if (value_same(&equality, &a, &b))
				return violation(checking, place, "elements %zu and %zu are equal",
						 i, j);
		}
	}
	return true;
}

static bool contains_check(struct checking *checking, const struct schema_node *node, int64_t found,
			   const struct place *place)
{
	int64_t least = node->contains_min >= 0 ? node->contains_min : 1;

	if (found < least)
		return violation(checking, place, "contains %lld fitting elements, fewer than %lld",
				 (long long)found, (long long)least);
	if (node->contains_max >= 0 && found > node->contains_max)
		return violation(checking, place, "contains %lld fitting elements, more than %lld",
				 (long long)found, (long long)node->contains_max);
	return true;
}

bool array_check(struct checking *checking, const struct schema_node *node,
		 const struct value *value, const struct place *place)
{
	struct place here = {.parent = place};
	struct value name, child;
	struct walk walk;
	int64_t found = 0, count;
	bool fits = true;

	walk_begin(&walk, value);
	for (; !checking->stopped && walk_next(&walk, &name, &child); here.index++) {
		const struct schema_node *item = here.index < node->first_items.count
							 ? node->first_items.nodes[here.index]
							 : node->items;

		if (item && !node_check(checking, item, &child, &here))
			fits = false;
		if (node->contains && node_fits(checking, node->contains, &child, &here))
			found++;
		checking->work--;
	}
	count = (int64_t)here.index;
	if (node->items_min >= 0 && count < node->items_min)
		fits = violation(checking, place, "has %lld elements, fewer than %lld",
				 (long long)count, (long long)node->items_min);
	if (node->items_max >= 0 && count > node->items_max)
		fits = violation(checking, place, "has %lld elements, more than %lld",
				 (long long)count, (long long)node->items_max);
	if (node->contains && !contains_check(checking, node, found, place))
		fits = false;
	return (!node->unique || items_unique(checking, value, place)) && fits;
}

/* ---- objects ---- */

static const struct schema_member *member_find(const struct schema_node *node, const char *name,
					       size_t len)
{
	size_t low = 0, high = node->member_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct schema_member *member = &node->members[middle];
		int order = member->len != len ? (member->len < len ? -1 : 1)
					       : memcmp(member->name, name, len);

		if (order == 0)
			return member;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* One member of an object; *ret_required: it is one that must be there. */
static bool member_check(struct checking *checking, const struct schema_node *node,
			 const struct value *child, const struct place *here, bool *ret_required)
{
	struct value text = {.kind = VALUE_TEXT, .form = TEXT_DECODED};
	const struct schema_member *member;
	bool fits = true, known = false;
	size_t len;
	char *own = NULL;
	const char *name = value_text(here->name, &checking->scratch->left, &len);

	if (!name)
		return check_stop(checking, ERR_NO_MEMORY, "no memory for a name");
	if (here->name->form == TEXT_ESCAPED) { /* the scratch is used again below */
		own = malloc(len + 1);
		if (!own)
			return check_stop(checking, ERR_NO_MEMORY, "no memory for a name");
		name = memcpy(own, name, len);
	}
	member = member_find(node, name, len);
	*ret_required = member && member->required;
	if (member && member->node) {
		known = true;
		fits = node_check(checking, member->node, child, here);
	}
	for (const struct schema_pattern *pattern = node->pattern_members; pattern;
	     pattern = pattern->sibling) {
		if (pattern_finds(checking, pattern, name, len) == 1) {
			known = true;
			fits &= node_check(checking, pattern->node, child, here);
		}
	}
	if (!known && node->additional) {
		if (node->additional->never)
			fits = violation(checking, here, "is not among the properties");
		else
			fits &= node_check(checking, node->additional, child, here);
	}
	text.at = name;
	text.len = len;
	if (node->names && !node_fits(checking, node->names, &text, here))
		fits = violation(checking, here, "is a name that propertyNames does not allow");
	free(own);
	return fits;
}

static bool required_told(struct checking *checking, const struct schema_node *node,
			  const struct value *object, const struct place *place)
{
	for (size_t i = 0; i < node->member_count; i++) {
		const struct schema_member *member = &node->members[i];

		if (member->required && walk_member(object, member->name).kind == VALUE_MISSING) {
			struct value name = {.kind = VALUE_TEXT,
					     .form = TEXT_DECODED,
					     .at = member->name,
					     .len = member->len};
			struct place there = {.parent = place, .name = &name};

			violation(checking, &there, "is missing");
		}
	}
	return false;
}

static bool dependencies_check(struct checking *checking, const struct schema_node *node,
			       const struct value *object, const struct place *place)
{
	bool fits = true;

	for (size_t i = 0; i < node->dependency_count; i++) {
		const struct schema_dependency *dependency = &node->dependencies[i];

		if (walk_member(object, dependency->name).kind == VALUE_MISSING)
			continue;
		if (dependency->node && !node_check(checking, dependency->node, object, place))
			fits = false;
		for (size_t k = 0; dependency->needs && dependency->needs[k]; k++) {
			if (walk_member(object, dependency->needs[k]).kind == VALUE_MISSING)
				fits = violation(checking, place, "has '%s', but not '%s'",
						 dependency->name, dependency->needs[k]);
		}
	}
	return fits;
}

bool object_check(struct checking *checking, const struct schema_node *node,
		  const struct value *value, const struct place *place)
{
	struct value name, child;
	struct place here = {.parent = place, .name = &name};
	size_t required = 0;
	int64_t count = 0;
	struct walk walk;
	bool fits = true;

	walk_begin(&walk, value);
	for (; !checking->stopped && walk_next(&walk, &name, &child); count++) {
		bool needed = false;

		buf_clear(&checking->scratch->left);
		if (!member_check(checking, node, &child, &here, &needed))
			fits = false;
		required += needed;
		checking->work--;
	}
	if (required < node->required_count)
		fits = required_told(checking, node, value, place);
	if (node->members_min >= 0 && count < node->members_min)
		fits = violation(checking, place, "has %lld members, fewer than %lld",
				 (long long)count, (long long)node->members_min);
	if (node->members_max >= 0 && count > node->members_max)
		fits = violation(checking, place, "has %lld members, more than %lld",
				 (long long)count, (long long)node->members_max);
	return dependencies_check(checking, node, value, place) && fits;
}
