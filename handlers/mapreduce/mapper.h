/* SPDX-License-Identifier: MIT */
/* mapper.h - one lane of the map phase: claims portions of the input, its chunks, and adds them
 * to its kernel's state.
 *
 * What the lane has added since its last checkpoint is lost in a crash, and its chunks are done
 * again: so a chunk is finished only by the checkpoint that covers it, and that is made every
 * MAPREDUCE_SAVE_MS, and when there is nothing else to do.
 *
 * A chunk with bad records is in the state without them, and a failed part.  Its number is kept:
 * when failed parts are retried it is read again, so that its bad records are told again, but
 * into a state that is thrown away.
 *
 * Threads    a mapper is one lane's; what it counted is read when no lane steps.
 * Ownership  the job's.
 */
#ifndef HANDLERS_MAPREDUCE_MAPPER_H
#define HANDLERS_MAPREDUCE_MAPPER_H

#include "handlers/input/input.h"
#include "handlers/mapreduce/kernel.h"

struct expr_scratch;
struct mapreduce;

/* What a lane did, in all attempts: part of its checkpoint. */
struct map_counts {
	int64_t records, filtered, failed, bytes, chunks;
	int64_t cpu_us, step_us; /* of steps: what the CPU took of them, and how long they were */
	int64_t disk_bytes;	 /* read from a disk, not from the page cache */
	int64_t memory_peak_bytes, spilled_bytes;
};

/* Numbers of parts. */
struct part_numbers {
	uint64_t *at;
	size_t count, room;
};

/* A bad record that has not been told yet: the house was behind. */
struct untold {
	int64_t offset, within; /* of the record, and inside it */
	struct err err;
};

struct mapper {
	void *state;		     /* the kernel's */
	void *other;		     /* in its place while a chunk is in it already */
	struct portion *chunk;	     /* NULL: none is claimed */
	struct number_run rest;	     /* of a chunk of a range: what is still to be added */
	int64_t rows;		     /* of the chunk, so far */
	int64_t mark;		     /* of the chunk: where it was when bytes were counted last */
	bool ended;		     /* the chunk: the kernel gave all that it held back */
	bool again, has_failed;	     /* the chunk: is in the state already; has bad records */
	bool broken;		     /* the chunk: it could not be read on */
	uint64_t *covered;	     /* parts that are added, and not in a checkpoint yet … */
	struct part **covered_parts; /* … and the same as parts */
	size_t covered_count, covered_room;
	struct part_numbers with_failures; /* in the state, but for their bad records */
	int64_t saved_ms;		   /* the last checkpoint */
	struct map_counts counts;
	struct buf blob;
	struct buf lines; /* of a kernel that emits: not handed over yet */
	int64_t lines_count;
	size_t unsaved;			 /* bytes that the chunk emitted since it was saved */
	struct map_counts counts_before; /* the chunk */

	/* A batch of rows. */
	struct rows batch;
	uint32_t *pick;
	size_t picked, added; /* of these, in the state */
	struct expr_scratch *scratch;
	struct untold *untold;
	size_t untold_count, untold_room, untold_told;
	int64_t listed;	 /* of the chunk's */
	int64_t skipped; /* bad ones that are counted and not listed */
	struct err err;	 /* of the record that fails the job */
};

int mapper_init(struct mapper *mapper, const struct mapreduce *job, unsigned lane, struct err *err);
void mapper_done(struct mapper *mapper, const struct mapreduce *job);

/* The step of phase 0. */
enum step mapper_step(struct mapreduce *job, unsigned lane, struct err *err);

/* A new state of the kernel; NULL and *err. */
void *state_new(const struct mapreduce *job, unsigned lane, struct err *err);

/* ---- chunk.c ---- */

/* The lane has claimed one.  STEP_MORE, or STEP_FAIL. */
enum step chunk_begin(struct mapreduce *job, unsigned lane, struct err *err);
/* Adds a slice of it, and covers it when that was the last.  RUN_OK, RUN_FULL, RUN_LATER,
 * RUN_ERROR. */
enum run_answer chunk_go_on(struct mapreduce *job, unsigned lane, struct err *err);

/* ---- checkpoint.c ---- */

/* From a checkpoint of an earlier attempt. */
int mapper_load(struct mapper *mapper, struct mapreduce *job, const char *blob, size_t len,
		struct err *err);
/* The seed of hashes that it was made with. */
uint64_t checkpoint_seed(const char *blob, size_t len);

/* STEP_MORE: made, or there is nothing to be kept; STEP_WAIT: the house is behind. */
enum step checkpoint_make(struct mapreduce *job, unsigned lane, struct err *err);
/* The chunk is added to the end: the next checkpoint covers it. */
int chunk_cover(struct mapper *mapper, struct err *err);
/* It cannot be read: a failed part, of which nothing is in the state.  RUN_OK, RUN_FULL,
 * RUN_ERROR. */
enum run_answer chunk_fail(struct mapreduce *job, unsigned lane, struct err *err);
int numbers_add(struct part_numbers *numbers, uint64_t number, struct err *err);

/* ---- records.c ---- */

/* The same for rows that are in mapper->batch already: all were added when added == picked. */
void rows_begin(const struct mapreduce *job, struct mapper *mapper);
int rows_go_on(const struct mapreduce *job, struct mapper *mapper, struct err *err);
/* Adds a batch of rows of the chunk.  RUN_END: there are no more. */
enum run_answer records_add(struct mapreduce *job, struct mapper *mapper, struct err *err);
/* Tells of the batch's bad records.  RUN_OK, RUN_FULL. */
enum run_answer records_tell(struct mapreduce *job, struct mapper *mapper, unsigned lane);

#endif
