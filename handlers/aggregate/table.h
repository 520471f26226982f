/* SPDX-License-Identifier: MIT */
/* table.h - the inside of a group table, for the files that share it.
 *
 *   group_table.c  rows → groups in memory
 *   group_runs.c   groups → files and back
 *   group_save.c   checkpoints
 *   groups_out.c   tables and files → divisions → texts in order
 *
 * Groups are found by open addressing whose first place is the top bits of the hash, so the
 * slots are in the order of hashes, all but for what was displaced: the groups of one division
 * (the top DIVISION_BITS) stand together, and nothing needs to be sorted to be sealed or merged.
 */
#ifndef HANDLERS_AGGREGATE_TABLE_H
#define HANDLERS_AGGREGATE_TABLE_H

#include "handlers/aggregate/group_table.h"
#include "handlers/aggregate/plan.h"

enum { DIVISION_BITS = 12, DIVISIONS = 1 << DIVISION_BITS };

/* A group: this, its states, its key. */
struct group {
	uint64_t hash;
	uint32_t key_len;
	uint32_t unused;
};

static inline uint8_t *group_states(struct group *group)
{
	return (uint8_t *)(group + 1);
}

static inline uint8_t *group_key(const struct aggregates *plan, struct group *group)
{
	return group_states(group) + plan->states_bytes;
}

static inline unsigned hash_division(uint64_t hash)
{
	return (unsigned)(hash >> (64 - DIVISION_BITS));
}

struct columns;

/* Sealed groups: a file. */
struct group_run {
	char *path;
	int64_t groups, bytes;
	uint64_t sum; /* of its directory */
	bool synced;
};

struct group_chunk {
	struct group_chunk *next;
	size_t used, size;
	/* groups, one behind the other */
};

struct group_table {
	const struct aggregates *plan;
	uint64_t seed;
	int64_t bytes_max;
	char *dir, *name; /* dir NULL: nothing is spilled */
	uint64_t *slots;  /* the group's address, and above it 16 low bits of its hash */
	unsigned slots_bits;
	unsigned same_bits; /* of the hash, at the top: all groups here have them in common */
	size_t count;
	struct group_chunk *chunks; /* the newest first */
	int64_t chunk_bytes, extra_bytes;
	struct columns *columns;
	struct buf keys, scratch, rank, text;
	struct group_run *runs;
	unsigned runs_count;
	uint64_t next_run;
	char **dropped; /* files that only earlier blobs name */
	unsigned dropped_count;
	unsigned droppable; /* of them: the newest blob does not name them */
};

/* The one of a plan without keys. */
struct group *group_only(struct group_table *table);

static inline struct group *slot_group(uint64_t slot)
{
	return (struct group *)(uintptr_t)(slot & ((UINT64_C(1) << 48) - 1));
}

/* The groups in memory of divisions [first, end):
 *	for (group_walk(table, first, end, &walk); (group = group_next(&walk));) … */
struct group_walk {
	const struct group_table *table;
	size_t at, home_end, steps;
	unsigned first, end;
};
void group_walk(const struct group_table *table, unsigned first, unsigned end,
		struct group_walk *ret);
struct group *group_next(struct group_walk *walk);

/* Forgets the groups in memory; `own`: their states are freed. */
void groups_forget(struct group_table *table);

/* ---- records of groups: key length, key, states ---- */

void group_write(const struct aggregates *plan, struct group *group, struct buf *into);
/* Adds what was saved to the table's group of that key.  -1: *err. */
int group_absorb(struct group_table *table, struct bytes *bytes, struct err *err);

/* ---- group_runs.c ---- */

/* Adds the groups that a run has of divisions [first, end) to the table; `room` is for its
 * bytes. */
int run_absorb(const struct group_run *run, unsigned first, unsigned end, struct buf *room,
	       struct group_table *table, struct err *err);
/* Takes up a file of the table's folder that a blob names: `like` without its path. */
int run_adopt(struct group_table *table, const char *name, size_t name_len,
	      const struct group_run *like, struct err *err);
int runs_sync(struct group_table *table, struct err *err);
int runs_move(struct group_table *table, struct group_table *from, struct err *err);
void runs_forget(struct group_table *table, bool remove);

#endif
