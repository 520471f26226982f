/* SPDX-License-Identifier: MIT */
/* aggregates.h - what is to be said of many records: keys and functions over expressions.
 *
 *	"group_by": ["category", {"day": "date_trunc(\"day\", at)"}],
 *	"aggregates": {"n": "count", "total": "sum(value)", "p95": "p95(value * 2)"}
 *
 * docs/AGGREGATES.md says what each function means, to the last bit: a result depends on
 * the records alone, never on lanes, on the order of adding and merging, or on crashes.
 * Functions over the same expression share it, and what they gather.
 *
 * Threads    constant once planned: shared by all lanes.
 * Ownership  names are copied; expressions belong to the plan.
 * Errors     every mistake goes to the list, with its pointer and its place in the text.
 */
#ifndef HANDLERS_AGGREGATE_AGGREGATES_H
#define HANDLERS_AGGREGATE_AGGREGATES_H

#include "base/json.h"
#include "base/mistakes.h"
#include "base/record/fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aggregates;
struct group_sort;

struct aggregates_spec {
	/* An array of paths ("a.b") and of objects {"name": "expression"}; NULL: one group,
	 * which is there without any record too. */
	const struct json *group_by;
	const struct json *functions; /* {"name": "function(expression)"}; NULL: keys alone */
	const char *pointer;	      /* of the object that has the two as members */
	const char *functions_name;   /* the member's; NULL: "aggregates" */
	/* The budget of the job.  How much stays exact before a sketch stands in for it depends
	 * on this, and on whether there are keys: never on what memory there happens to be. */
	int64_t memory_bytes;
};

/* Compiles; the fields that are read are added to `fields`.  0, or -1: mistakes were added. */
int aggregates_plan(const struct aggregates_spec *spec, struct fields *fields,
		    struct mistakes *mistakes, struct aggregates **ret_plan);
void aggregates_free(struct aggregates *plan); /* NULL is fine */

unsigned aggregates_keys(const struct aggregates *plan); /* how many members are keys */
unsigned aggregates_members(const struct aggregates *plan);
const char *aggregates_member(const struct aggregates *plan, unsigned i); /* keys first */

/* Is this field read as a number only?  Then a reader may give a text that is written like one
 * as the number, and nothing changes but the time it takes. */
bool aggregates_wants_number(const struct aggregates *plan, unsigned field);

/* All functions, sorted, ended by NULL: for documentation. */
const char *const *aggregate_names(void);

/* `sort`: an array of member names, "-name" the other way round; groups that it does not tell
 * apart are ordered by key, which without `sort` is all.  NULL and -1 as above; json NULL: by
 * key.  `pointer`: of the array. */
int group_sort_plan(const struct aggregates *plan, const struct json *json, const char *pointer,
		    struct mistakes *mistakes, struct group_sort **ret_sort);
void group_sort_free(struct group_sort *sort); /* NULL is fine */

#endif
