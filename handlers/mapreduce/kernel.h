/* SPDX-License-Identifier: MIT */
/* kernel.h - what a map-reduce job can compute: one table entry in a file of its own.
 *
 * A kernel has a state for each lane and adds to it what the lane's chunks hold: runs of
 * numbers, blocks of bytes or batches of rows.  At the end the states are put together.  The
 * answer must not depend on which lane saw what, in which order, or on how often a state was
 * saved and loaded on the way: states are integers, exact sums, sets, or ordered by where in
 * the input a thing stood.
 *
 * What is put together becomes one of
 *   a value   merge() into the first lane, then tell(): members of the summary
 *   items     gather(), division() on all lanes, next() until there are no more; then tell()
 * A kernel that `emits` gives items while it adds, each with its chunk, in the order of the
 * input; its state has nothing that would have to be saved or merged.
 *
 * Threads    plan: any thread; a lane's state: one lane's; merge, gather, next, tell: one
 *            worker, no lane is adding; division: any lane, each number once.
 * Ownership  the caller's, who ends each with its free function (NULL is fine).
 * Errors     0, or -1 and *err.
 */
#ifndef HANDLERS_MAPREDUCE_KERNEL_H
#define HANDLERS_MAPREDUCE_KERNEL_H

#include "base/json.h"
#include "base/record/fields.h"
#include "handlers/handler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct files;
struct portion;
struct rows;

/* What a kernel can read; the first that the input has is taken. */
enum kernel_food {
	KERNEL_RANGE = 1, /* integers that were not written down anywhere */
	KERNEL_BYTES = 2, /* whole records, as they stand in the input */
	KERNEL_ROWS = 4,  /* records with the fields that the plan wants */
};

/* count numbers: from, from + step, … */
struct number_run {
	int64_t from, step, count;
};

struct kernel_planner {
	const struct json *spec; /* the whole, checked against its table */
	const struct json *map;
	const struct json *range; /* of the input; NULL: it is none */
	struct fields *fields;	  /* the paths that rows should have */
	struct planner *planner;
	int64_t memory_bytes; /* the job's budget */
};

struct kernel_lane {
	const void *plan;
	unsigned lane, lanes; /* the budget is shared by the lanes */
	int64_t memory_bytes; /* this one's share */
	const char *dir;      /* for what does not fit it */
	uint64_t seed;	      /* of hashes: the same for all lanes and attempts of a job */
	const char *ctx;      /* what scripts see as `ctx` */
	size_t ctx_len;
	struct files *files; /* NULL unless the kernel reads files */
	void (*log)(void *to, const char *text, size_t len); /* what scripts say */
	void *log_to;
};

/* Some rows, and who hears of those that cannot be added. */
struct kernel_batch {
	const struct rows *rows;
	const uint32_t *pick; /* the rows to add, growing; NULL: all */
	size_t picked;
	uint64_t sequence;	 /* of row 0, among all records of the job: + i for row i */
	struct portion *portion; /* that the rows are from */
	struct buf *lines;	 /* gets what a kernel emits, a line each */
	int64_t *lines_count;
	void (*failed)(void *ctx, size_t row, const struct err *err);
	void *ctx;
};

/* What a state holds now, and what went to the disk so far. */
struct kernel_size {
	int64_t bytes, spilled_bytes;
};

/* The states of all lanes, and where there is room for what does not fit memory. */
struct kernel_gather {
	void **states;
	unsigned count;
	const char *dir;
	const char *ctx; /* what scripts see as `ctx` */
	size_t ctx_len;
};

struct kernel {
	const char *name, *summary;
	const char *const *members; /* of `map`, ended by NULL */
	unsigned food;		    /* of enum kernel_food */
	bool emits;		    /* items, while it adds */
	bool slow;		    /* a row may take a second: steps end between two */
	bool reads_files;	    /* lanes get the named files of the house */
	bool uses_disk;		    /* lanes get a folder for what does not fit memory */

	/* NULL: a mistake was added, or no memory.  Optional: then there is no plan. */
	void *(*plan)(struct kernel_planner *planner);
	void (*plan_free)(void *plan);

	void *(*lane_new)(const struct kernel_lane *lane, struct err *err);
	void (*lane_free)(void *state);

	int (*add_range)(void *state, const struct number_run *run, struct err *err);
	int (*add_bytes)(void *state, const char *bytes, size_t len, struct err *err);
	int (*add_rows)(void *state, const struct kernel_batch *batch, struct err *err);
	/* Of one that emits: the chunk ends; batch->rows is NULL. */
	int (*end)(void *state, const struct kernel_batch *batch, struct err *err);
	/* Gives memory back when the state has outgrown its share; may block on a disk. */
	bool (*is_full)(const void *state);
	int (*spill)(void *state, struct err *err);

	void (*size)(const void *state, struct kernel_size *ret_size);

	/* A checkpoint; load() into a new state.  saved(): the last one is durable. */
	int (*save)(void *state, struct buf *blob, struct err *err);
	int (*load)(void *state, const char *blob, size_t len, struct err *err);
	void (*saved)(void *state);

	int (*merge)(void *into, const void *from, struct err *err); /* a value … */

	/* … or items: */
	int (*gather)(const void *plan, const struct kernel_gather *options, void **ret_gathered,
		      unsigned *ret_divisions, struct err *err);
	void (*gathered_free)(void *gathered);
	int (*division)(void *gathered, unsigned number, struct err *err);
	/* 1: an item was added to `item`; 0: there are no more. */
	int (*next)(void *gathered, struct buf *item, struct err *err);
	bool (*has_items)(const void *plan); /* NULL: by `next` */

	/* Members of the summary, from the merged state or from what was gathered. */
	int (*tell)(const void *plan, void *merged, struct json_out *out, struct err *err);
};

/* kernels.c: the names of all, sorted, ended by NULL. */
extern const char *const kernel_names[];
/* The one of that name that reads such an input; NULL: there is none. */
const struct kernel *kernel_find(const char *name, unsigned food);

#endif
