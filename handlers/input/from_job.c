/* SPDX-License-Identifier: MIT */
/* from_job.c - `job`: the results of another job, as they come.
 *
 * Portions are ranges of its results, which are never rewritten.  The first are small, so that
 * a reader is close behind; each is an eighth of all before it, so that they are few: where
 * they end depends on the results alone.  Before a portion is added, the checkpoint has its
 * ends: after a crash the feed goes on there, whatever has become of that job meanwhile.
 *
 * While nothing is to be read the lane waits, and the run shows for which job.
 */
#include "handlers/input/source.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORTION_BYTES_MIN = 4096,
	PORTION_BYTES_MAX = 4 * 1024 * 1024,
	GROWTH = 8,
	LOOK_BYTES = 4096, /* for a line end */
	PORTIONS_PER_STEP = 50,
	ASK_AGAIN_MS_MIN = 10,
	ASK_AGAIN_MS_MAX = 250,
};

struct job_feed {
	int64_t from, to; /* the portion that is to be added; to 0: none is */
	int64_t next;	  /* behind the last one */
	bool kept;	  /* the portion is in the checkpoint */
	bool waiting;	  /* on a timer */
	int64_t wait_ms;
};

/* ---- open and close ---- */

static int job_open(struct input *input, struct err *err)
{
	struct job_feed *feed = calloc(1, sizeof(*feed));
	const char *blob;
	size_t len;

	if (!feed)
		return err_set(err, ERR_NO_MEMORY, "no memory for an input");
	input->state = feed;
	feed->wait_ms = ASK_AGAIN_MS_MIN;
	if (source_left(input, &blob, &len)) {
		char text[64];
		char *end;

		snprintf(text, sizeof(text), "%.*s", (int)len, blob);
		feed->from = strtoll(text, &end, 10);
		feed->to = strtoll(end, NULL, 10);
		feed->next = feed->from;
		feed->kept = true;
	}
	return 0;
}

static void job_close(struct input *input)
{
	free(input->state);
}

static void job_completion(struct input *input, const struct completion *completion)
{
	struct job_feed *feed = input->state;

	(void)completion;
	feed->waiting = false;
}

/* ---- the feed ---- */

/* What is shown from `*at` on; `*at` is the first byte's place then. */
static int results_at(struct input *input, int64_t *at, char *into, size_t room, size_t *ret_len,
		      bool *ret_over, struct err *err)
{
	int64_t offset = *at;

	if (run_results_read(input->run, &input->plan->job, &offset, into, room, ret_len, ret_over,
			     err))
		return err_wrap(err, "the input");
	*at = offset - (int64_t)*ret_len;
	return 0;
}

/* Behind the first line end from `*at` on.  RUN_LATER: it is not there yet, RUN_END: it will not
 * be. */
static enum run_answer line_after(struct input *input, int64_t *at, struct err *err)
{
	char piece[LOOK_BYTES];
	const char *feed;
	size_t len;
	bool over;

	for (;;) {
		if (results_at(input, at, piece, sizeof(piece), &len, &over, err))
			return RUN_ERROR;
		if (len == 0)
			return over ? RUN_END : RUN_LATER;
		feed = memchr(piece, '\n', len);
		*at += feed ? feed + 1 - piece : (int64_t)len;
		if (feed)
			return RUN_OK;
	}
}

/* The end of what there is, which is less than a portion. */
static int end_find(struct input *input, int64_t *at, struct err *err)
{
	char *piece = malloc(INPUT_BLOCK_BYTES);
	size_t len = piece ? 1 : 0;
	bool over;
	int rc = piece ? 0 : err_set(err, ERR_NO_MEMORY, "no memory to read results");

	while (rc == 0 && len > 0) {
		rc = results_at(input, at, piece, INPUT_BLOCK_BYTES, &len, &over, err);
		*at += rc == 0 ? (int64_t)len : 0;
	}
	free(piece);
	return rc;
}

/* The next portion is feed->from to feed->to.  RUN_OK, RUN_LATER, RUN_END or RUN_ERROR. */
static enum run_answer portion_find(struct input *input, struct job_feed *feed, struct err *err)
{
	int64_t size = MIN(MAX(feed->next / GROWTH, PORTION_BYTES_MIN), PORTION_BYTES_MAX);
	int64_t to = feed->next + size;
	enum run_answer answer = line_after(input, &to, err);

	if (answer == RUN_END) {
		to = feed->next;
		if (end_find(input, &to, err))
			return RUN_ERROR;
		if (to == feed->next)
			return RUN_END;
	} else if (answer != RUN_OK) {
		return answer;
	}
	feed->from = feed->next;
	feed->to = to;
	feed->kept = false;
	return RUN_OK;
}

static enum run_answer portion_add(struct input *input, struct job_feed *feed, unsigned lane,
				   struct err *err)
{
	const struct portion portion = {.from = feed->from, .to = feed->to};
	char text[80];
	enum run_answer answer;

	if (!feed->kept) {
		int len = snprintf(text, sizeof(text), "%lld %lld", (long long)feed->from,
				   (long long)feed->to);

		answer = run_checkpoint(input->run, INPUT_LANE, text, (size_t)len, NULL, 0);
		if (answer != RUN_OK)
			return answer;
		feed->kept = true;
	}
	snprintf(text, sizeof(text), "%s:%lld", input->plan->job_text, (long long)feed->from);
	answer = source_part_add(input, lane, text, &portion, err);
	if (answer != RUN_OK && answer != RUN_KNOWN)
		return answer;
	atomic_store(&input->bytes_known, feed->to);
	feed->next = feed->to;
	feed->to = 0;
	return RUN_OK;
}

static enum run_answer wait(struct input *input, struct job_feed *feed, unsigned lane)
{
	if (!feed->waiting && run_timer(input->run, lane, feed->wait_ms, INPUT_TAG) == RUN_FULL)
		return RUN_FULL;
	if (!feed->waiting)
		feed->wait_ms = MIN(2 * feed->wait_ms, ASK_AGAIN_MS_MAX);
	feed->waiting = true;
	return RUN_LATER;
}

static enum run_answer job_feed(struct input *input, unsigned lane, struct err *err)
{
	struct job_feed *feed = input->state;
	enum run_answer answer = RUN_OK;

	if (feed->waiting)
		return RUN_LATER;
	for (int i = 0; i < PORTIONS_PER_STEP && answer == RUN_OK; i++) {
		if (feed->to == 0)
			answer = portion_find(input, feed, err);
		if (answer == RUN_OK) {
			feed->wait_ms = ASK_AGAIN_MS_MIN;
			answer = portion_add(input, feed, lane, err);
		}
	}
	return answer == RUN_LATER ? wait(input, feed, lane) : answer;
}

/* ---- a portion ---- */

static enum run_answer job_begin(struct portion *portion, struct source_head *ret_head,
				 struct err *err)
{
	(void)err;
	ret_head->format = portion->input->plan->ndjson;
	portion->offset = MAX(portion->from, portion->seek);
	return RUN_OK;
}

/* What a retry of that job has taken back is gone over: such holes begin and end with lines, so
 * nothing of a line is in the block then. */
static enum run_answer job_read(struct portion *portion, size_t room, struct err *err)
{
	int64_t at = portion->offset + (int64_t)portion->block.len;
	char *into = buf_room(&portion->block, room);
	size_t len;
	bool over;

	if (!into) {
		err_set(err, ERR_NO_MEMORY, "no memory to read results");
		return RUN_ERROR;
	}
	if (at >= portion->to)
		return RUN_END;
	room = MIN(room, (size_t)(portion->to - at));
	if (results_at(portion->input, &at, into, room, &len, &over, err))
		return RUN_ERROR;
	if (len == 0 || at >= portion->to)
		return RUN_END;
	if (portion->block.len == 0)
		portion->offset = at;
	len = MIN(len, (size_t)(portion->to - at));
	buf_grown(&portion->block, len);
	source_read_count(portion->input, (int64_t)len);
	return RUN_OK;
}

static void job_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	(void)offset;
	ret_place->name = portion->input->plan->job_text;
}

const struct source source_job = {
	.open = job_open,
	.close = job_close,
	.feed = job_feed,
	.completion = job_completion,
	.begin = job_begin,
	.read = job_read,
	.place = job_place,
};
