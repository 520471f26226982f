/* SPDX-License-Identifier: MIT */
/* chunks.h - the parts of a map-reduce job: runs of a range's numbers, or portions of an input.
 *
 * Where chunks begin and end depends on input and spec alone, so that those found again after a
 * crash are the same.
 *
 * Threads    feed from lane 0; next from any lane; a chunk belongs to the lane that claimed it.
 * Ownership  the part of a chunk is the claimer's to finish.
 * Errors     RUN_ERROR or -1, and *err.
 */
#ifndef HANDLERS_MAPREDUCE_CHUNKS_H
#define HANDLERS_MAPREDUCE_CHUNKS_H

#include "handlers/mapreduce/kernel.h"
#include "handlers/run.h"

struct chunks;
struct plan;

struct chunk {
	struct part *part;	/* NULL: none is claimed */
	struct number_run rest; /* of a range: what is still to be done */
};

int chunks_open(struct run *run, const struct plan *plan, struct chunks **ret_chunks,
		struct err *err);
void chunks_free(struct chunks *chunks); /* NULL is fine */

/* Finds more of them; RUN_OK: call again; RUN_FULL, RUN_LATER: the lane is woken; RUN_END: all
 * are found. */
enum run_answer chunks_feed(struct chunks *chunks, unsigned lane, struct err *err);
bool chunks_all_found(const struct chunks *chunks);

/* RUN_OK and a chunk; RUN_LATER: the lane is woken when that changes; RUN_END: every chunk is
 * finished; RUN_ERROR. */
enum run_answer chunk_next(struct chunks *chunks, unsigned lane, struct chunk *ret_chunk,
			   struct err *err);

/* How many lanes have something to do. */
unsigned chunks_lanes(const struct plan *plan, unsigned wanted);

#endif
