/* SPDX-License-Identifier: MIT */
/* chunks.c - parts are made of the input, and claimed.
 *
 * A run of numbers has as its key the first and the last of them: "1..4194304".
 */
#include "handlers/mapreduce/chunks.h"

#include "handlers/mapreduce/plan.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { RANGE_KEY_BYTES = 48, FEED_AT_ONCE = 256 };

struct chunks {
	struct run *run;
	const struct plan *plan;
	uint64_t found;		/* numbers of the range that are in parts */
	_Atomic bool all_found; /* written by lane 0, read by all: news of it comes with a wake */
};

int chunks_open(struct run *run, const struct plan *plan, struct chunks **ret_chunks,
		struct err *err)
{
	struct chunks *chunks = calloc(1, sizeof(*chunks));

	if (!chunks)
		return err_set(err, ERR_NO_MEMORY, "no memory for the job's chunks");
	chunks->run = run;
	chunks->plan = plan;
	*ret_chunks = chunks;
	return 0;
}

void chunks_free(struct chunks *chunks)
{
	free(chunks);
}

unsigned chunks_lanes(const struct plan *plan, unsigned wanted)
{
	uint64_t count = (plan->range.count + plan->chunk_numbers - 1) / plan->chunk_numbers;

	return (unsigned)MIN((uint64_t)wanted, count);
}

bool chunks_all_found(const struct chunks *chunks)
{
	return atomic_load(&chunks->all_found);
}

/* ---- ranges ---- */

static struct number_run run_at(const struct plan *plan, uint64_t index)
{
	const struct number_run *range = &plan->range;

	return (struct number_run){
		.from = range->from + (int64_t)index * range->step,
		.step = range->step,
		.count = MIN(plan->chunk_numbers, range->count - index),
	};
}

static enum run_answer range_add(struct chunks *chunks, unsigned lane, struct err *err)
{
	struct number_run run = run_at(chunks->plan, chunks->found);
	char key[RANGE_KEY_BYTES];
	int len = snprintf(key, sizeof(key), "%" PRId64 "..%" PRId64, run.from,
			   run.from + (int64_t)(run.count - 1) * run.step);

	return run_part_add(chunks->run, lane, key, (size_t)len, NULL, 0, NULL, err);
}

enum run_answer chunks_feed(struct chunks *chunks, unsigned lane, struct err *err)
{
	uint64_t all = chunks->plan->range.count;
	enum run_answer answer;

	for (int i = 0; i < FEED_AT_ONCE && chunks->found < all; i++) {
		answer = range_add(chunks, lane, err);
		if (answer != RUN_OK && answer != RUN_KNOWN)
			return answer;
		chunks->found += MIN(chunks->plan->chunk_numbers, all - chunks->found);
	}
	if (chunks->found < all)
		return RUN_OK;
	atomic_store(&chunks->all_found, true);
	return RUN_END;
}

enum run_answer chunk_next(struct chunks *chunks, unsigned lane, struct chunk *ret_chunk,
			   struct err *err)
{
	enum run_answer answer = run_part_next(chunks->run, lane, &ret_chunk->part, err);

	if (answer == RUN_OK)
		ret_chunk->rest =
			run_at(chunks->plan, ret_chunk->part->number * chunks->plan->chunk_numbers);
	else
		ret_chunk->part = NULL;
	/* Before all are found, the last one that is finished is not the last. */
	return answer == RUN_END && !chunks_all_found(chunks) ? RUN_LATER : answer;
}
