/* SPDX-License-Identifier: MIT */
/* checkpoint.c - what a lane has done, so that it lasts: its counts, the numbers of chunks with bad
 * records, the kernel's state; together with the parts that all this covers.
 *
 * The last one is kept here too: a chunk that fails half-way is taken out of the state by going
 * back to it, and the chunks since are given back, to be done again.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "handlers/mapreduce/mapper.h"
#include "handlers/mapreduce/mapreduce.h"
#include "handlers/mapreduce/plan.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBERS_FIRST = 64, BLOB_VERSION = 3 };

/* Before the kernel's bytes in a checkpoint; behind it stand the numbers of parts with
 * failures. */
struct blob_head {
	uint32_t version, parts;
	uint64_t seed;
	struct map_counts counts;
};

int numbers_add(struct part_numbers *numbers, uint64_t number, struct err *err)
{
	if (numbers->count == numbers->room) {
		size_t room = MAX(2 * numbers->room, (size_t)NUMBERS_FIRST);
		uint64_t *grown = realloc(numbers->at, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
		numbers->at = grown;
		numbers->room = room;
	}
	numbers->at[numbers->count++] = number;
	return 0;
}

/* ---- checkpoints ---- */

int mapper_load(struct mapper *mapper, struct mapreduce *job, const char *blob, size_t len,
		struct err *err)
{
	struct blob_head head;
	uint64_t number;

	if (len < sizeof(head))
		return err_set(err, ERR_IO, "a checkpoint of %zu bytes is none", len);
	memcpy(&head, blob, sizeof(head));
	blob += sizeof(head);
	len -= sizeof(head);
	if (head.version != BLOB_VERSION || head.parts > len / sizeof(number))
		return err_set(err, ERR_IO, "the checkpoint is of another version: %u",
			       head.version);
	buf_clear(&mapper->blob);
	if (buf_add(&mapper->blob, &head, sizeof(head)) || buf_add(&mapper->blob, blob, len))
		return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
	mapper->counts = head.counts;
	for (; head.parts > 0; head.parts--) {
		memcpy(&number, blob, sizeof(number));
		blob += sizeof(number);
		len -= sizeof(number);
		if (numbers_add(&mapper->with_failures, number, err))
			return -1;
	}
	return job->plan->kernel->load ? job->plan->kernel->load(mapper->state, blob, len, err) : 0;
}

uint64_t checkpoint_seed(const char *blob, size_t len)
{
	struct blob_head head = {0};

	memcpy(&head, blob, MIN(len, sizeof(head)));
	return head.seed;
}

/* STEP_MORE: made, or there is nothing to be kept; STEP_WAIT: the house is behind. */
enum step checkpoint_make(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct blob_head head = {
		.version = BLOB_VERSION,
		.parts = (uint32_t)mapper->with_failures.count,
		.seed = job->seed,
		.counts = mapper->counts,
	};
	int rc = 0;

	if (mapper->covered_count == 0)
		return STEP_MORE;
	buf_clear(&mapper->blob);
	buf_add(&mapper->blob, &head, sizeof(head));
	if (head.parts > 0)
		buf_add(&mapper->blob, mapper->with_failures.at, head.parts * sizeof(uint64_t));
	if (job->plan->kernel->save) {
		run_block_begin(job->run);
		rc = job->plan->kernel->save(mapper->state, &mapper->blob, err);
		run_block_end(job->run);
	}
	if (rc)
		return STEP_FAIL;
	if (!buf_ok(&mapper->blob)) {
		err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
		return STEP_FAIL;
	}
	if (run_checkpoint(job->run, lane, mapper->blob.data, mapper->blob.len, mapper->covered,
			   mapper->covered_count) == RUN_FULL)
		return STEP_WAIT;
	mapper->covered_count = 0;
	mapper->saved_ms = clock_ms();
	if (atomic_load(&job->output_held))
		lanes_wake_all(job); /* these may have been the last */
	return STEP_MORE;
}

static int covered_room(struct mapper *mapper, struct err *err)
{
	size_t room = MAX(2 * mapper->covered_room, (size_t)NUMBERS_FIRST);
	struct part **parts;
	uint64_t *numbers;

	if (mapper->covered_count < mapper->covered_room)
		return 0;
	numbers = realloc(mapper->covered, room * sizeof(*numbers));
	if (numbers)
		mapper->covered = numbers;
	parts = realloc(mapper->covered_parts, room * sizeof(*parts));
	if (parts)
		mapper->covered_parts = parts;
	if (!numbers || !parts)
		return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
	mapper->covered_room = room;
	return 0;
}

/* The chunk is added to the end. */
int chunk_cover(struct mapper *mapper, struct err *err)
{
	struct part *part = portion_part(mapper->chunk);

	if (covered_room(mapper, err) || (mapper->has_failed && !mapper->again &&
					  numbers_add(&mapper->with_failures, part->number, err)))
		return -1;
	mapper->covered_parts[mapper->covered_count] = part;
	mapper->covered[mapper->covered_count++] = part->number;
	portion_close(mapper->chunk);
	mapper->chunk = NULL;
	mapper->counts.chunks += !mapper->again;
	return 0;
}

/* ---- chunks that cannot be read ---- */

/* The state as the last checkpoint has it: what came since is done again. */
static int state_back(struct mapreduce *job, struct mapper *mapper, unsigned lane, struct err *err)
{
	struct buf blob = mapper->blob;
	int rc = 0;

	job->plan->kernel->lane_free(mapper->state);
	mapper->state = state_new(job, lane, err);
	mapper->counts = (struct map_counts){0};
	mapper->with_failures.count = 0;
	for (size_t i = 0; i < mapper->covered_count; i++)
		run_part_release(job->run, lane, mapper->covered_parts[i]);
	mapper->covered_count = 0;
	if (!mapper->state)
		return -1;
	if (blob.len > 0) {
		buf_init(&mapper->blob, MAPREDUCE_BLOB_BYTES_MAX); /* load() keeps a copy */
		rc = mapper_load(mapper, job, blob.data, blob.len, err);
		buf_done(&blob);
	}
	return rc;
}

/* A part that failed: it can be retried alone, since nothing of it is in the state. */
enum run_answer chunk_fail(struct mapreduce *job, unsigned lane, struct err *err)
{
	struct mapper *mapper = job->mappers[lane];
	struct part *part = portion_part(mapper->chunk);
	struct item_failure failure = {.line = -1, .offset = -1, .attempts = 1, .err = *err};

	if (!mapper->again && !job->plan->kernel->emits && state_back(job, mapper, lane, err))
		return RUN_ERROR;
	if (run_item_failed(job->run, lane, part, &failure) == RUN_FULL)
		return RUN_FULL;
	run_part_done(job->run, lane, part);
	if (atomic_load(&job->output_held))
		lanes_wake_all(job);
	portion_close(mapper->chunk);
	mapper->chunk = NULL;
	mapper->untold_count = mapper->untold_told = 0;
	mapper->lines_count = 0;
	buf_clear(&mapper->lines);
	return RUN_OK;
}
