/* SPDX-License-Identifier: MIT */
/* compare.h - `if_changed_since`: a page beside what another job found on it.
 *
 * A page whose fields have the values that the other job's item has is counted and has
 * no item of its own.  Any other's item says what was and what is: "change".
 */
#ifndef HANDLERS_SCRAPE_COMPARE_H
#define HANDLERS_SCRAPE_COMPARE_H

#include "base/id.h"
#include "base/mistakes.h"
#include "base/spec.h"

struct arena;
struct buf;
struct field_list;
struct planner;

struct comparison {
	struct id job;
	const char **fields; /* members of `data`; NULL: nothing is compared */
	size_t fields_count;
};

extern const struct param compare_params[];
/* 0, or -1 without memory; mistakes are added. */
int compare_read(const struct json *spec, const struct field_list *extract, struct arena *arena,
		 struct comparison *ret, struct planner *planner);

/* `before`: the line of the other job, len 0: it has none.  False: nothing has changed; else
 * the item, an object, has the member "change" now. */
bool compare_item(const struct comparison *comparison, const char *before, size_t before_len,
		  struct buf *item);

#endif
