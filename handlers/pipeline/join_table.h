/* SPDX-License-Identifier: MIT */
/* join_table.h - the rows of a table by their key: what a join looks records up in.
 *
 * Keys are the same when their values are, as in the groups of reduce: 1 and 1.0, a text
 * however it is escaped; never a number and a text.  They are found by 128-bit hashes (XXH3,
 * seeded for each job), as in distinct.  A key with null in it, or something missing, is none.
 *
 * Threads    constant once made: all lanes look into it.
 * Ownership  rows live as long as the table.
 * Errors     -1 and *err: a row with a mistake and its line, ERR_LIMIT, ERR_NO_MEMORY.
 */
#ifndef HANDLERS_PIPELINE_JOIN_TABLE_H
#define HANDLERS_PIPELINE_JOIN_TABLE_H

#include "base/buf.h"
#include "base/record/fields.h"
#include "base/record/value.h"

struct join_table;
struct sample;

struct join_key {
	unsigned *fields; /* in the order in which they are named */
	size_t count;
	uint64_t seed;
};

/* What it takes in has at most `bytes_max`, with what it needs to find it. */
int join_table_new(const struct sample *sample, const struct fields *fields,
		   const struct join_key *key, int64_t bytes_max, struct join_table **ret_table,
		   struct err *err);
void join_table_free(struct join_table *table); /* NULL is fine */

/* The number of the first row with the key that these values have; 0: there is none.
 * `scratch` is the caller's. */
uint32_t join_table_find(const struct join_table *table, const struct join_key *key,
			 const struct value *values, struct buf *scratch);
uint32_t join_table_next(const struct join_table *table, uint32_t row);	   /* with its key, or 0 */
uint32_t join_table_matches(const struct join_table *table, uint32_t row); /* from it on */
struct value join_table_row(const struct join_table *table, uint32_t row);

#endif
