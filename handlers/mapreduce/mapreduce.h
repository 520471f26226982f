/* SPDX-License-Identifier: MIT */
/* mapreduce.h - one attempt of a map-reduce job: its stages, and what they share.
 *
 *   MAP      every lane claims chunks and adds them to a state of its own (mapper.h)
 *   GATHER   the states are put together, in divisions, on all lanes
 *   OUTPUT   one lane emits the items in their order (output.h)
 *
 * A stage is a phase of the run (handler.h); what has one value needs only the first.
 *
 * Threads    constant after open, but for what says otherwise; mappers[i] is lane i's.
 */
#ifndef HANDLERS_MAPREDUCE_MAPREDUCE_H
#define HANDLERS_MAPREDUCE_MAPREDUCE_H

#include "handlers/mapreduce/mapper.h"
#include "handlers/mapreduce/output.h"

#include <stdatomic.h>

enum { SEQUENCE_SHIFT = 40 }; /* records are numbered part << 40 | record: no part has 2^40 */

struct mapreduce {
	struct run *run;
	const struct plan *plan;
	struct input *input;
	const char *dir;    /* the run's scratch */
	struct buf context; /* what scripts see as `ctx` */
	uint64_t seed;
	int64_t opened_ms;
	int64_t map_ms;	   /* how long the map stage was */
	int64_t left_done; /* bytes or numbers that earlier attempts had in checkpoints */
	struct part_numbers left_failures; /* chunks in some state, but for their bad records */
	_Atomic int64_t numbers; /* of a range; written by all lanes, read for progress: relaxed */
	_Atomic bool
		output_held; /* an earlier attempt had begun it: written once, in the map stage */
	_Atomic bool all_found; /* chunks; written by lane 0, read by all; news come with a wake */
	unsigned mappers_count;
	struct mapper **mappers; /* each in memory of its own: lanes share no cache line */

	/* Written between phases. */
	enum { STAGE_MAP, STAGE_GATHER, STAGE_OUTPUT } stage;
	void *gathered; /* the kernel's */
	unsigned divisions;
	_Atomic unsigned next_division; /* taken by any lane: a counter, no order is needed */
	struct output output;
};

void lanes_wake_all(const struct mapreduce *job);

/* The summary: the answer, and what it took. */
int summary_tell(struct mapreduce *job, void *merged, struct err *err);

#endif
