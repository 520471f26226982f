/* SPDX-License-Identifier: MIT */
/* check.h - nodes against values: what the files that check share.
 *
 *   schema_check.c  any value       check_inside.c  elements and members
 *   check_told.c    violations
 */
#ifndef HANDLERS_SCHEMA_CHECK_H
#define HANDLERS_SCHEMA_CHECK_H

#include "base/buf.h"
#include "base/err.h"
#include "handlers/schema/node.h"

struct schema_scratch {
	struct buf left, right; /* decoded texts */
	struct buf name;	/* the same, while a violation is told */
	struct buf report;
	struct pattern_scratch *patterns;
};

/* One record on its way through the nodes. */
struct checking {
	struct schema_scratch *scratch;
	int64_t work; /* goes down */
	unsigned depth;
	unsigned violations;
	bool silent;  /* inside anyOf and its kin */
	bool stopped; /* *err says why */
	struct err *err;
};

/* Where a value stands: a list from the inside out. */
struct place {
	const struct place *parent; /* NULL: the record */
	const struct value *name;   /* NULL: an element */
	size_t index;
};

/* Each of these answers whether the value fits; when the check was stopped the answer is of no
 * use. */
bool node_check(struct checking *checking, const struct schema_node *node,
		const struct value *value, const struct place *place);
bool node_fits(struct checking *checking, const struct schema_node *node, const struct value *value,
	       const struct place *place); /* silent */
bool array_check(struct checking *checking, const struct schema_node *node,
		 const struct value *value, const struct place *place);
bool object_check(struct checking *checking, const struct schema_node *node,
		  const struct value *value, const struct place *place);

/* 1: found, 0: not, -1: stopped. */
int pattern_finds(struct checking *checking, const struct schema_pattern *pattern, const char *text,
		  size_t len);

/* Both are always false, so that a check can return them. */
bool violation(struct checking *checking, const struct place *place, const char *fmt, ...)
	PRINTF(3, 4);
bool check_stop(struct checking *checking, enum err_code code, const char *why);

#endif
