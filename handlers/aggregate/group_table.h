/* SPDX-License-Identifier: MIT */
/* group_table.h - the groups of one lane: a key and what its functions have gathered.
 *
 * Rows come in batches.  Beyond its budget the table is full and its groups go to a file
 * (group_table_spill()); groups_out.h puts all tables and files together.  Without keys there
 * is one group, and no table.
 *
 *	group_table_add(table, &rows, &failures, err);
 *	if (group_table_full(table)) {
 *		run_block_begin(run);
 *		group_table_spill(table, err);
 *		run_block_end(run);
 *	}
 *
 * A checkpoint is a blob: the groups themselves while they are few, else the names of the files
 * that they were sealed in.  A file that some blob names stays until group_table_drop().
 *
 * Threads    one lane's.
 * Ownership  nothing of the rows is kept.
 * Errors     0, or -1 and *err: ERR_NO_MEMORY; ERR_LIMIT: twice the budget, and nobody spilled;
 *            ERR_IO, ERR_DISK_FULL.
 */
#ifndef HANDLERS_AGGREGATE_GROUP_TABLE_H
#define HANDLERS_AGGREGATE_GROUP_TABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/record/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aggregates;
struct group_table;

struct group_table_options {
	const struct aggregates *plan; /* outlives the table */
	int64_t bytes_max;	       /* of memory, before it is full */
	const char *dir;  /* of the run's scratch, for spilled groups; NULL: never spilled */
	const char *name; /* of files in there: unlike that of any other table of the job */
	uint64_t seed;	  /* of hashes: the same for all tables of a job, known to no client */
};

/* Small until it grows: a few KiB. */
int group_table_new(const struct group_table_options *options, struct group_table **ret_table,
		    struct err *err);
void group_table_free(struct group_table *table);  /* closes; files stay */
void group_table_clear(struct group_table *table); /* no groups any more; keeps some memory */

struct group_rows {
	const struct value *values; /* [count * width], row after row */
	size_t width;
	size_t count;
	const uint32_t *pick; /* the rows to add, growing; NULL: all */
	size_t picked;	      /* how many */
	/* Where row i stands among all records of the job: sequence + i, for first, last and
	 * collect.  Such as part << 40 | index. */
	uint64_t sequence;
};

/* A row with a value that some function or key cannot work with is not added at all, and told:
 * ERR_FAILED ("sum(value): "abc" is not a number"), ERR_OVERFLOW, ERR_LIMIT. */
struct group_failures {
	void (*failed)(void *ctx, size_t row, const struct err *err);
	void *ctx;
};

/* failures NULL: such a row is -1 and *err. */
int group_table_add(struct group_table *table, const struct group_rows *rows,
		    const struct group_failures *failures, struct err *err);

bool group_table_full(const struct group_table *table);
/* Seals all groups in a file, and gives back their memory.  Blocks on the disk. */
int group_table_spill(struct group_table *table, struct err *err);

/* Adds all groups of `from`, which is empty afterwards: spilled files change hands. */
int group_table_merge(struct group_table *table, struct group_table *from, struct err *err);

/* The state, for a checkpoint: at most GROUP_BLOB_BYTES_MAX.  May seal groups in a file first,
 * durable when it returns: blocks on the disk. */
int group_table_save(struct group_table *table, struct buf *blob, struct err *err);
/* Into an empty table.  ERR_IO: the blob or a file is damaged, or of another plan. */
int group_table_load(struct group_table *table, const void *blob, size_t len, struct err *err);
/* The last blob is durable: files that only earlier ones named are deleted. */
void group_table_drop(struct group_table *table);

struct group_table_size {
	int64_t groups;		/* in memory */
	int64_t bytes;		/* likewise */
	int64_t spilled_groups; /* in files; one in two files counts twice */
	int64_t spilled_bytes;
};
void group_table_size(const struct group_table *table, struct group_table_size *ret_size);

#endif
