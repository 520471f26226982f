/* SPDX-License-Identifier: MIT */
/* lane_state.c - what the stages of a lane have gathered, as bytes.
 *
 *	blob = seed { number of the stage, length, state } …
 *
 * in the order of bytes of this machine, which they never leave.
 */
#include "handlers/pipeline/pipeline.h"

#include <string.h>

struct state_head {
	uint32_t stage, len;
};

static bool has_state(const struct pipe_lane *lane, const struct stage_lane *at)
{
	return at->stage->kind->flags & STAGE_STATE &&
	       at->stage->takes == &lane->pipeline->plan->stretches[0];
}

int lane_save(struct pipe_lane *lane, struct buf *blob, struct err *err)
{
	buf_add(blob, &lane->pipeline->seed, sizeof(lane->pipeline->seed));
	for (unsigned i = 0; i < lane->pipeline->plan->count; i++) {
		struct stage_lane *at = &lane->stages[i];
		struct state_head head = {at->stage->number, 0};
		size_t place = blob->len;

		if (!has_state(lane, at))
			continue;
		buf_add(blob, &head, sizeof(head));
		if (at->stage->kind->save(at, blob, err))
			return -1;
		if (!buf_ok(blob))
			break;
		head.len = (uint32_t)(blob->len - place - sizeof(head));
		memcpy(blob->data + place, &head, sizeof(head));
	}
	return buf_ok(blob) ? 0
			    : err_set(err, ERR_LIMIT, "stages have gathered more than %d bytes",
				      PIPELINE_BLOB_BYTES_MAX);
}

static struct stage_lane *stage_by_number(struct pipe_lane *lane, uint32_t number)
{
	for (unsigned i = 0; i < lane->pipeline->plan->count; i++)
		if (lane->stages[i].stage->number == number && has_state(lane, &lane->stages[i]))
			return &lane->stages[i];
	return NULL;
}

int lane_load(struct pipe_lane *lane, const void *blob, size_t len, struct err *err)
{
	const char *at = blob, *end = at + len;
	struct state_head head;
	struct stage_lane *stage;

	for (at += sizeof(lane->pipeline->seed); at < end; at += head.len) {
		if ((size_t)(end - at) < sizeof(head))
			return err_set(err, ERR_INTERNAL, "a saved state ends early");
		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		stage = stage_by_number(lane, head.stage);
		if (!stage || (size_t)(end - at) < head.len)
			return err_set(err, ERR_INTERNAL, "a saved state is not of this pipeline");
		if (stage->stage->kind->load(stage, at, head.len, err))
			return -1;
	}
	return 0;
}

bool state_seed(const void *blob, size_t len, uint64_t *ret_seed)
{
	if (len < sizeof(*ret_seed))
		return false;
	memcpy(ret_seed, blob, sizeof(*ret_seed));
	return true;
}

/* What an earlier attempt saved inside the part stands for all that came before too. */
enum run_answer lane_resume(struct pipe_lane *lane, struct err *err)
{
	const struct part *part = portion_part(lane->portion);
	const char *at = part->resume;
	int64_t mark;

	if (part->resume_len < 2 * sizeof(mark)) {
		err_set(err, ERR_INTERNAL, "a saved part is too short");
		return RUN_ERROR;
	}
	memcpy(&mark, at, sizeof(mark));
	memcpy(&lane->number_in, at + sizeof(mark), sizeof(lane->number_in));
	at += 2 * sizeof(mark);
	for (unsigned i = 0; i < lane->pipeline->plan->count; i++) {
		struct stage_lane *stage = &lane->stages[i];

		if (!has_state(lane, stage))
			continue;
		stage->stage->kind->close(stage);
		stage->state = NULL;
		if (stage->stage->kind->open(stage, err))
			return RUN_ERROR;
	}
	if (lane_load(lane, at, part->resume_len - 2 * sizeof(mark), err) ||
	    portion_seek(lane->portion, mark, err))
		return RUN_ERROR;
	return RUN_OK;
}

int lane_row_text(void *opaque, size_t row, struct buf *into)
{
	struct pipe_lane *lane = opaque;

	return input_row_json(lane->portion, &lane->rows, row, into);
}

/* Parts in their order, then what barriers give. */
uint64_t lane_sequence(const struct pipe_lane *lane)
{
	enum { PART_SHIFT = 40 };
	uint64_t number = (UINT64_C(1) << 22) + lane->pipeline->barrier;

	if (lane->portion)
		number = portion_part(lane->portion)->number;
	return (number << PART_SHIFT) + (uint64_t)lane->number_in;
}
