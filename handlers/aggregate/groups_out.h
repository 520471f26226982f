/* SPDX-License-Identifier: MIT */
/* groups_out.h - the groups of all lanes, merged, finished, sorted: one JSON object each.
 *
 *	{"category":"A","n":3,"total":12,"p95":3.9}      keys, then functions, as in the spec
 *
 * Groups are cut into divisions by their hash, some thousand in each.  A phase of the job merges
 * and sorts the divisions on all lanes, groups_merge() once for each; after it one lane takes
 * groups in order with groups_next().
 *
 * Order of values: null < false < true < numbers < numbers beyond 64 bits < texts (by code
 * points) < arrays < objects.
 *
 * Threads    groups_merge() on any lane, each division once; all else from one at a time.
 * Ownership  borrows the tables, which are not added to any more.
 * Errors     0, or -1 and *err, as group_table.h.
 */
#ifndef HANDLERS_AGGREGATE_GROUPS_OUT_H
#define HANDLERS_AGGREGATE_GROUPS_OUT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aggregates;
struct group_sort;
struct group_table;
struct groups_out;
struct json_out;

struct groups_out_options {
	struct group_table *const *tables; /* all of one plan and one seed */
	unsigned tables_count;
	const struct group_sort *sort; /* NULL: by key */
	int64_t limit;		       /* of groups; 0: none */
	/* Of the tables and of sorted groups in memory, before these go to a file.  A table that
	 * has files is better spilled before. */
	int64_t bytes_max;
	const char *dir; /* for such files; NULL: all stay in memory */
};

/* *ret_divisions: how many calls of groups_merge(), numbered from 0. */
int groups_out_new(const struct groups_out_options *options, struct groups_out **ret_out,
		   unsigned *ret_divisions, struct err *err);
void groups_out_free(struct groups_out *out); /* deletes its files */

/* About 5 ms of work; reads files when groups were spilled. */
int groups_merge(struct groups_out *out, unsigned division, struct err *err);

/* Once all are merged.  1: the next group was added to `into`; 0: there are no more; -1. */
int groups_next(struct groups_out *out, struct buf *into, struct err *err);
int64_t groups_count(const struct groups_out *out); /* all, before `limit` */

/* What is not exact, when something is: "approximate":{"p95":{"method":"ddsketch",
 * "relative_error":0.0039,"groups":17},…}.  False and nothing written: all is exact. */
bool groups_approximate(const struct groups_out *out, struct json_out *json);

#endif
