/* SPDX-License-Identifier: MIT */
/* kernel_words.c - word_count: a small table of words in front of the lane's groups.
 *
 * The table takes every word; when it is full, and for a checkpoint, its counts go to a group
 * table, which knows all about memory, disks, merging and order.
 */
#include "base/limits.h"
#include "handlers/mapreduce/groups.h"
#include "handlers/mapreduce/unicode_words.h"
#include "handlers/mapreduce/words.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORD_SHARE = 4,			   /* of the lane's memory is for the table in front … */
	WORD_BYTES_MAX = 64 * 1024 * 1024, /* … but no more than this: two million words */
	FLUSH_ROWS = 512,
	FOUND_BYTES = 256 * 1024, /* words by the Unicode standard, before they are counted */
};

struct word_lane {
	struct words *words;
	void *groups;
	bool unicode;
	struct unicode_words finder;
	struct buf found; /* by the finder */
	/* Counts on their way to the groups, two values a row. */
	struct value values[FLUSH_ROWS][2];
	size_t flushing;
	struct err err;
};

static void *words_plan(struct kernel_planner *planner)
{
	struct groups_plan *plan;
	struct field_name word = {"word", strlen("word")}, count = {"count", strlen("count")};
	unsigned index;
	struct err err;

	/* The rows that are flushed have these two values, in this order. */
	if (fields_add(planner->fields, &word, 1, &index, &err) ||
	    fields_add(planner->fields, &count, 1, &index, &err))
		return NULL;
	plan = groups_plan_text(planner, "[\"word\"]", "{\"count\":\"sum(count)\"}");
	if (plan) {
		plan->tells_count = true;
		plan->fold = spec_bool(planner->map, "fold", false);
		plan->unicode = strcmp(spec_text(planner->map, "words", "bytes"), "unicode") == 0;
	}
	return plan;
}

static void word_lane_free(void *state)
{
	struct word_lane *lane = state;

	if (!lane)
		return;
	unicode_words_done(&lane->finder);
	buf_done(&lane->found);
	words_free(lane->words);
	groups_lane_free(lane->groups);
	free(lane);
}

static void *word_lane_new(const struct kernel_lane *options, struct err *err)
{
	const struct groups_plan *plan = options->plan;
	int64_t front = MIN(options->memory_bytes / WORD_SHARE, WORD_BYTES_MAX);
	struct words_options words = {
		.seed = options->seed,
		.bytes_max = front,
		.fold = plan->fold && !plan->unicode,
	};
	struct kernel_lane behind = *options;
	struct word_lane *lane = calloc(1, sizeof(*lane));

	if (!lane) {
		err_set(err, ERR_NO_MEMORY, "no memory for counting words");
		return NULL;
	}
	lane->unicode = plan->unicode;
	unicode_words_init(&lane->finder, plan->fold);
	buf_init(&lane->found, FOUND_BYTES + UNICODE_WORDS_BYTES_MAX);
	behind.memory_bytes -= front;
	lane->words = words_new(&words, err);
	lane->groups = lane->words ? groups_lane_new(&behind, err) : NULL;
	if (lane->groups)
		return lane;
	word_lane_free(lane);
	return NULL;
}

/* ---- from the table to the groups ---- */

static int rows_flush(struct word_lane *lane)
{
	struct group_rows rows = {.values = lane->values[0], .width = 2, .count = lane->flushing};

	lane->flushing = 0;
	if (rows.count > 0 && group_table_add(lane->groups, &rows, NULL, &lane->err))
		return -1;
	return group_table_full(lane->groups) ? group_table_spill(lane->groups, &lane->err) : 0;
}

static int word_flush(void *ctx, const char *word, size_t len, uint64_t count)
{
	struct word_lane *lane = ctx;
	struct value *row = lane->values[lane->flushing++];

	row[0] = (struct value){.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = word, .len = len};
	row[1] = (struct value){.kind = VALUE_INT, .integer = (int64_t)count};
	return lane->flushing == FLUSH_ROWS ? rows_flush(lane) : 0;
}

static int words_flush(struct word_lane *lane, struct err *err)
{
	if (words_each(lane->words, word_flush, lane) || rows_flush(lane)) {
		*err = lane->err;
		return -1;
	}
	words_clear(lane->words);
	return 0;
}

/* ---- the lane ---- */

static int words_take(struct word_lane *lane, const char *bytes, size_t len, struct err *err)
{
	size_t used = 0;

	while ((used += words_add(lane->words, bytes + used, len - used)) < len)
		if (words_flush(lane, err))
			return -1;
	return 0;
}

static int found_take(struct word_lane *lane, struct err *err)
{
	int rc = words_take(lane, lane->found.data, lane->found.len, err);

	buf_clear(&lane->found);
	return rc;
}

static int words_bytes(void *state, const char *bytes, size_t len, struct err *err)
{
	struct word_lane *lane = state;
	const char *end = bytes + len, *stop;

	if (!lane->unicode)
		return words_take(lane, bytes, len, err);
	for (; bytes < end; bytes = stop + 1) {
		stop = memchr(bytes, '\n', (size_t)(end - bytes));
		stop = stop ? stop : end;
		if (unicode_words_add(&lane->finder, bytes, (size_t)(stop - bytes), &lane->found,
				      err) ||
		    (lane->found.len > FOUND_BYTES && found_take(lane, err)))
			return -1;
	}
	return lane->found.len > 0 ? found_take(lane, err) : 0;
}

static void words_size(const void *state, struct kernel_size *ret_size)
{
	const struct word_lane *lane = state;

	groups_size(lane->groups, ret_size);
	ret_size->bytes += words_bytes_held(lane->words);
}

static int words_save(void *state, struct buf *blob, struct err *err)
{
	struct word_lane *lane = state;

	return words_flush(lane, err) ? -1 : groups_save(lane->groups, blob, err);
}

static int words_load(void *state, const char *blob, size_t len, struct err *err)
{
	struct word_lane *lane = state;

	return groups_load(lane->groups, blob, len, err);
}

static void words_saved(void *state)
{
	struct word_lane *lane = state;

	groups_saved(lane->groups);
}

static int words_gather(const void *plan, const struct kernel_gather *options, void **ret_gathered,
			unsigned *ret_divisions, struct err *err)
{
	struct kernel_gather behind = *options;
	void *tables[LANES_MAX];

	for (unsigned i = 0; i < options->count; i++) {
		struct word_lane *lane = options->states[i];

		if (words_flush(lane, err))
			return -1;
		tables[i] = lane->groups;
	}
	behind.states = tables;
	return groups_gather(plan, &behind, ret_gathered, ret_divisions, err);
}

static const char *const words_members[] = {"fold", "words", NULL};

const struct kernel kernel_words = {
	.name = "word_count",
	.summary = "How often each word comes",
	.members = words_members,
	.food = KERNEL_BYTES,
	.plan = words_plan,
	.lane_new = word_lane_new,
	.lane_free = word_lane_free,
	.add_bytes = words_bytes,
	.size = words_size,
	.save = words_save,
	.load = words_load,
	.saved = words_saved,
	GROUPS_OUT,
	.gather = words_gather,
};
