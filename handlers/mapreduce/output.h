/* SPDX-License-Identifier: MIT */
/* output.h - the items of a map-reduce job, in their order, on one lane.
 *
 * They belong to one part more, "output".  It is saved every MAPREDUCE_OUT_SAVE_BYTES with the
 * number of items so far, so that after a crash those that are shown are made again, but not
 * emitted again: what is gathered is the same each time.
 *
 * While chunks are missing the output is a failed part itself: when they are retried, so is it,
 * and the items that it has shown are replaced.
 *
 * Threads    one lane.
 */
#ifndef HANDLERS_MAPREDUCE_OUTPUT_H
#define HANDLERS_MAPREDUCE_OUTPUT_H

#include "base/buf.h"
#include "handlers/handler.h"

#include <stdbool.h>
#include <stdint.h>

struct mapreduce;
struct part;

struct output {
	bool added;
	struct part *part; /* NULL: not claimed yet */
	struct buf lines;  /* not handed over yet */
	int64_t lines_count;
	int64_t items;	/* taken so far, those before a crash too */
	int64_t shown;	/* of an earlier attempt: not to be emitted */
	size_t unsaved; /* bytes that were emitted since the last save */
	bool over;
};

/* Is this part the output's?  An attempt that goes on may claim it among the chunks. */
bool output_is(const struct part *part);
/* Takes it over, claimed. */
void output_take(struct output *output, struct part *part);

void output_init(struct output *output);
void output_done(struct output *output);
enum step output_step(struct mapreduce *job, unsigned lane, struct err *err);

#endif
