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
	struct chunks *chunks;
	uint64_t seed;
	int64_t opened_ms;
	int64_t total;	      /* numbers or bytes; -1: not known */
	_Atomic int64_t done; /* of total; written by all lanes, read for progress: relaxed */
	unsigned mappers_count;
	struct mapper **mappers; /* each in memory of its own: lanes share no cache line */
};

/* The summary: the answer, and what it took. */
int summary_tell(struct mapreduce *job, void *merged, struct err *err);

#endif
