/* SPDX-License-Identifier: MIT */
/* from_spec.c - `items` and `range`: records that the spec itself says.
 *
 * Items are lines of JSON in the plan; a portion is so many of them.  The numbers of a range
 * are written as lines too, so that all that reads records reads them; kernels that need none
 * ask for portion_range().
 */
#include "handlers/input/source.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- items ---- */

enum {
	ITEMS_RECORDS = 1000,	     /* of one portion, at most … */
	ITEMS_BYTES = 256 * 1024,    /* … and no further ones beyond these bytes */
	RANGE_TEXT = 24,	     /* of one number with its line end */
	RANGE_COUNT_MIN = 64 * 1024, /* numbers of one portion: some milliseconds of work */
	RANGE_COUNT_MAX = 4 * 1024 * 1024,
	RANGE_PORTIONS = 1024,	      /* of a middling range */
	RANGE_PORTIONS_MAX = 1000000, /* of any */
	PARTS_PER_STEP = 1000,
};

/* How far the feed is. */
struct spec_feed {
	int64_t next, record;
};

static int feed_open(struct input *input, struct err *err)
{
	input->state = calloc(1, sizeof(struct spec_feed));
	return input->state ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for an input");
}

static void feed_close(struct input *input)
{
	free(input->state);
}

/* The end of the portion that begins at `from`; its records. */
static int64_t items_end(const struct buf *items, int64_t from, int64_t *ret_records)
{
	const char *at = items->data + from, *end = items->data + items->len;
	int64_t records = 0;

	while (at < end && records < ITEMS_RECORDS && at - items->data - from < ITEMS_BYTES) {
		at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
		records++;
	}
	*ret_records = records;
	return at - items->data;
}

static enum run_answer items_feed(struct input *input, unsigned lane, struct err *err)
{
	const struct buf *items = &input->plan->items;
	struct spec_feed *feed = input->state;
	enum run_answer answer;
	int64_t end, records;
	char key[64];

	atomic_store(&input->bytes_known, (int64_t)items->len);
	for (int i = 0; i < PARTS_PER_STEP; i++) {
		if (feed->next == (int64_t)items->len)
			return RUN_END;
		end = items_end(items, feed->next, &records);
		snprintf(key, sizeof(key), "items %lld to %lld", (long long)feed->record,
			 (long long)(feed->record + records - 1));
		answer = source_part_add(input, lane, key,
					 &(struct portion){.from = feed->next, .to = end}, err);
		if (answer != RUN_OK && answer != RUN_KNOWN)
			return answer;
		feed->next = end;
		feed->record += records;
	}
	return RUN_OK;
}

static enum run_answer items_begin(struct portion *portion, struct source_head *ret_head,
				   struct err *err)
{
	(void)err;
	ret_head->format = portion->input->plan->ndjson;
	portion->offset = MAX(portion->from, portion->seek);
	return RUN_OK;
}

static enum run_answer items_read(struct portion *portion, size_t room, struct err *err)
{
	int64_t from = portion->offset + (int64_t)portion->block.len;
	size_t len = MIN(room, (size_t)(portion->to - from));

	if (len == 0)
		return RUN_END;
	if (buf_add(&portion->block, portion->input->plan->items.data + from, len)) {
		err_set(err, ERR_NO_MEMORY, "no memory for items");
		return RUN_ERROR;
	}
	source_read_count(portion->input, (int64_t)len);
	return RUN_OK;
}

/* The line of an item is its number, from 1. */
static void items_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	const char *at = portion->input->plan->items.data, *end = at + offset;

	ret_place->line = 1;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		ret_place->line++;
		at++;
	}
}

const struct source source_items = {
	.open = feed_open,
	.close = feed_close,
	.feed = items_feed,
	.begin = items_begin,
	.read = items_read,
	.place = items_place,
};

/* ---- range ---- */

static int64_t range_portion(const struct input *input)
{
	int64_t count = input->plan->range.count, size = count / RANGE_PORTIONS;

	if (input->chunk_bytes > 0)
		size = input->chunk_bytes / (int64_t)sizeof(int64_t);
	size = MIN(MAX(size, RANGE_COUNT_MIN), RANGE_COUNT_MAX);
	return MAX(size, count / RANGE_PORTIONS_MAX + 1);
}

static enum run_answer range_feed(struct input *input, unsigned lane, struct err *err)
{
	const struct range *range = &input->plan->range;
	int64_t size = range_portion(input);
	struct spec_feed *feed = input->state;
	enum run_answer answer;
	char key[64];

	atomic_store(&input->bytes_known, range->count);
	for (int i = 0; i < PARTS_PER_STEP && feed->next < range->count; i++) {
		int64_t end = MIN(feed->next + size, range->count);

		snprintf(key, sizeof(key), "%" PRId64 " to %" PRId64,
			 range->from + range->step * feed->next,
			 range->from + range->step * (end - 1));
		answer = source_part_add(input, lane, key,
					 &(struct portion){.from = feed->next, .to = end}, err);
		if (answer != RUN_OK && answer != RUN_KNOWN)
			return answer;
		feed->next = end;
	}
	return feed->next < range->count ? RUN_OK : RUN_END;
}

/* `index` is the next number to be written. */
static enum run_answer range_begin(struct portion *portion, struct source_head *ret_head,
				   struct err *err)
{
	(void)err;
	ret_head->format = portion->input->plan->ndjson;
	portion->index = MAX(portion->from, portion->seek);
	return RUN_OK;
}

static enum run_answer range_read(struct portion *portion, size_t room, struct err *err)
{
	const struct range *range = &portion->input->plan->range;
	int64_t count = MIN((int64_t)room / RANGE_TEXT, portion->to - portion->index);
	char *at = buf_room(&portion->block, (size_t)count * RANGE_TEXT);
	char *end = at;

	if (count == 0)
		return RUN_END;
	if (!at) {
		err_set(err, ERR_NO_MEMORY, "no memory for numbers");
		return RUN_ERROR;
	}
	source_read_count(portion->input, count);
	for (; count > 0; count--, portion->index++)
		end += sprintf(end, "%" PRId64 "\n", range->from + range->step * portion->index);
	buf_grown(&portion->block, (size_t)(end - at));
	return RUN_OK;
}

static void range_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	(void)portion;
	(void)offset;
	ret_place->offset = -1;
}

const struct source source_range = {
	.records = true,
	.open = feed_open,
	.close = feed_close,
	.feed = range_feed,
	.begin = range_begin,
	.read = range_read,
	.place = range_place,
};
