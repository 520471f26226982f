/* SPDX-License-Identifier: MIT */
/* mapper.h - one lane of the map phase: claims portions of the input, its chunks, and adds them
 * to its kernel's state.
 *
 * What the lane has added since its last checkpoint is lost in a crash, and its chunks are done
 * again: so a chunk is finished only by the checkpoint that covers it, and that is made every
 * MAPREDUCE_SAVE_MS, and when there is nothing else to do.
 *
 * Threads    a mapper is one lane's; what it counted is read when no lane steps.
 * Ownership  the job's.
 */
#ifndef HANDLERS_MAPREDUCE_MAPPER_H
#define HANDLERS_MAPREDUCE_MAPPER_H

#include "handlers/input/input.h"
#include "handlers/mapreduce/kernel.h"

struct mapreduce;

/* What a lane did, in all attempts: part of its checkpoint. */
struct map_counts {
	int64_t records, bytes, cpu_us, chunks;
};

struct mapper {
	void *state;		/* the kernel's */
	struct portion *chunk;	/* NULL: none is claimed */
	struct number_run rest; /* of a chunk of a range: what is still to be added */
	int64_t rows;		/* of the chunk, so far */
	int64_t mark;		/* of the chunk: where it was when bytes were counted last */
	uint64_t *covered;	/* numbers of parts that are added, and not in a checkpoint yet */
	size_t covered_count, covered_room;
	int64_t saved_ms; /* the last checkpoint */
	struct map_counts counts;
	struct buf blob;
};

int mapper_init(struct mapper *mapper, const struct mapreduce *job, unsigned lane, struct err *err);
void mapper_done(struct mapper *mapper, const struct mapreduce *job);

/* From a checkpoint of an earlier attempt. */
int mapper_load(struct mapper *mapper, struct mapreduce *job, const char *blob, size_t len,
		struct err *err);

/* The step of phase 0. */
enum step mapper_step(struct mapreduce *job, unsigned lane, struct err *err);

#endif
