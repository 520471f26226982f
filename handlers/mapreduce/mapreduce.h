/* SPDX-License-Identifier: MIT */
/* mapreduce.h - one attempt of a map-reduce job: its phases, and what they share.
 *
 *   phase 0   map: every lane claims chunks and adds them to a state of its own (mapper.h)
 *   then      the states are put together, and the summary is told
 *
 * Threads    constant after open, but for what says otherwise; mappers[i] is lane i's.
 */
#ifndef HANDLERS_MAPREDUCE_MAPREDUCE_H
#define HANDLERS_MAPREDUCE_MAPREDUCE_H

#include "handlers/mapreduce/mapper.h"

#include <stdatomic.h>

struct mapreduce {
	struct run *run;
	const struct plan *plan;
	struct input *input;
	uint64_t seed;
	int64_t opened_ms;
	int64_t left_done;	 /* bytes or numbers that earlier attempts had in checkpoints */
	_Atomic int64_t numbers; /* of a range; written by all lanes, read for progress: relaxed */
	_Atomic bool all_found;	 /* chunks; written by lane 0, read by all; news come with a wake */
	unsigned mappers_count;
	struct mapper **mappers; /* each in memory of its own: lanes share no cache line */
};

/* The summary: the answer, and what it took. */
int summary_tell(struct mapreduce *job, void *merged, struct err *err);

#endif
