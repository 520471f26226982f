/* SPDX-License-Identifier: MIT */
/* groups.h - what the kernels share that end in groups of the aggregate room: its tables as
 * lane states, its merge, its order.
 *
 * A kernel of this kind is a plan of its own and these functions; GROUPS_KERNEL names them.
 * Without keys there is one group: its members go into the summary.  Otherwise each group is an
 * item, and the summary tells how many there were.
 *
 * Threads    as kernel.h.
 * Ownership  as kernel.h.
 */
#ifndef HANDLERS_MAPREDUCE_GROUPS_H
#define HANDLERS_MAPREDUCE_GROUPS_H

#include "handlers/aggregate/aggregates.h"
#include "handlers/aggregate/group_table.h"
#include "handlers/mapreduce/kernel.h"

struct groups_plan {
	struct aggregates *aggregates;
	struct group_sort *sort;
	int64_t limit, memory_bytes;
	bool one;	  /* no keys: members of the summary */
	bool tells_count; /* value: how many groups */
	bool fold;	  /* word_count */
	bool unicode;	  /* the same: words by the Unicode standard */
};

/* From members of `map` (pointer "/spec/map"), and `sort` and `limit` of the spec. */
struct groups_plan *groups_plan_new(struct kernel_planner *planner, const struct json *group_by,
				    const struct json *functions);
/* The same from JSON texts of our own, NULL: none. */
struct groups_plan *groups_plan_text(struct kernel_planner *planner, const char *group_by,
				     const char *functions);
void groups_plan_free(void *plan);

/* The member `of` of map, an expression, as a JSON string for such a text; without it the record
 * itself.  False: a mistake was added, or no memory. */
bool groups_of(struct kernel_planner *planner, struct buf *ret_text);

void *groups_lane_new(const struct kernel_lane *lane, struct err *err);
void groups_lane_free(void *state);
int groups_add_rows(void *state, const struct kernel_batch *batch, struct err *err);
bool groups_is_full(const void *state);
int groups_spill(void *state, struct err *err);
void groups_size(const void *state, struct kernel_size *ret_size);
int groups_save(void *state, struct buf *blob, struct err *err);
int groups_load(void *state, const char *blob, size_t len, struct err *err);
void groups_saved(void *state);
int groups_gather(const void *plan, const struct kernel_gather *options, void **ret_gathered,
		  unsigned *ret_divisions, struct err *err);
void groups_gathered_free(void *gathered);
int groups_division(void *gathered, unsigned number, struct err *err);
int groups_item(void *gathered, struct buf *item, struct err *err);
bool groups_has_items(const void *plan);
int groups_tell(const void *plan, void *gathered, struct json_out *out, struct err *err);

#define GROUPS_OUT                                                                                 \
	.uses_disk = true, .plan_free = groups_plan_free, .gathered_free = groups_gathered_free,   \
	.division = groups_division, .next = groups_item, .has_items = groups_has_items,           \
	.tell = groups_tell

#define GROUPS_KERNEL                                                                              \
	.food = KERNEL_ROWS, .lane_new = groups_lane_new, .lane_free = groups_lane_free,           \
	.add_rows = groups_add_rows, .is_full = groups_is_full, .spill = groups_spill,             \
	.size = groups_size, .save = groups_save, .load = groups_load, .saved = groups_saved,      \
	.gather = groups_gather, GROUPS_OUT

#endif
