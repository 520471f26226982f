/* SPDX-License-Identifier: MIT */
/* crawl_from.c - `urls_from`: seeds out of another job's results.
 *
 * That job's lines are read as they are shown, a piece at a time, until it has ended;
 * while it has not, its end is waited for.  After a crash they are read again, and what
 * is known stays as it is.  What is no URL is counted and told in the log.
 */
#include "handlers/scrape/crawl.h"

#include "base/json.h"
#include "base/limits.h"
#include "handlers/job_named.h"

#include <string.h>

enum { PIECE_BYTES = 64 * 1024, LINES_PER_STEP = 100, ASK_AGAIN_MS = 250, TIMER_TAG = 1 };

/* clang-format off */
const struct param from_params[] = {
	{.name = "job", .kind = PARAM_TEXT, .required = true, .min = 1, .max = ID_TEXT_LEN,
	 .summary = "Whose results are read, as they come"},
	{.name = "field", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .preset = "\"final_url\"",
	 .summary = "Where in an item: \"data.next\"; of arrays each element counts"},
	{0},
};
/* clang-format on */

void from_read(const struct json *spec, struct urls_from *ret, struct planner *planner)
{
	const struct json *from = json_get(spec, "urls_from");

	if (!from || json_kind(from) == JSON_NULL)
		return;
	job_named(spec_text(from, "job", ""), "/spec/urls_from/job", planner, &ret->job);
	ret->field = spec_text(from, "field", "final_url");
}

void seed_reader_init(struct seed_reader *reader)
{
	*reader = (struct seed_reader){.text = BUF(ITEM_BYTES_MAX + 2 * PIECE_BYTES)};
}

void seed_reader_done(struct seed_reader *reader)
{
	buf_done(&reader->text);
}

/* ---- one item ---- */

/* All texts at a path; of arrays those of each element.  As deep as the JSON is. */
static void texts_take(const struct json *value, const char *path, struct crawl *crawl)
{
	const struct follow *follow = crawl->plan->follow;
	const char *text = json_text(value, NULL);
	const char *stop = strchrnul(path, '.');
	const struct json *child;

	if (json_kind(value) == JSON_ARRAY) {
		for (child = json_first(value); child; child = json_next(child))
			texts_take(child, path, crawl);
	} else if (*path && json_kind(value) == JSON_OBJECT) {
		for (child = json_first(value); child; child = json_next(child))
			if (strlen(json_name(child)) == (size_t)(stop - path) &&
			    memcmp(json_name(child), path, (size_t)(stop - path)) == 0)
				texts_take(child, *stop ? stop + 1 : stop, crawl);
	} else if (!*path && text) {
		crawl->from.wrong += !links_seed(&crawl->lanes[0].links, text, strlen(text), NULL,
						 follow && follow->strip_tracking);
	}
}

/* The seeds of one line become those that are to be added. */
static void line_take(struct crawl *crawl, const char *line, size_t len)
{
	struct json_place place;
	struct json *item;
	struct err err;

	links_clear(&crawl->lanes[0].links);
	crawl->from.told = 0;
	if (json_parse(line, len, &item, &place, &err)) {
		crawl->from.wrong++;
		return;
	}
	texts_take(item, crawl->plan->from.field, crawl);
	json_free(item);
}

/* ---- steps ---- */

enum run_answer seeds_tell(struct run *run, struct crawl *crawl, unsigned lane, struct err *err)
{
	struct links *links = &crawl->lanes[0].links;

	for (; crawl->from.told < links->count; crawl->from.told++) {
		const struct link *link = &links->list[crawl->from.told];
		const struct visit visit = {.url = link->url, .trusted = link->trusted};
		enum run_answer answer = crawl_add(run, crawl, lane, &visit, link->key, 0, err);

		if (answer == RUN_FULL || answer == RUN_ERROR)
			return answer;
		crawl->lanes[0].tally.skipped[SKIP_PAGES] += answer == RUN_LIMIT;
	}
	return RUN_OK;
}

/* The next piece.  RUN_OK, RUN_LATER, RUN_END, RUN_FULL or RUN_ERROR. */
static enum run_answer piece_read(struct run *run, struct crawl *crawl, unsigned lane,
				  struct err *err)
{
	struct seed_reader *from = &crawl->from;
	char *room;
	size_t len;
	bool over;

	buf_drop_front(&from->text, from->at);
	from->at = 0;
	room = buf_room(&from->text, PIECE_BYTES);
	if (!room) {
		err_set(err, ERR_LIMIT, "an item of more than %d bytes", ITEM_BYTES_MAX);
		return RUN_ERROR;
	}
	if (run_results_read(run, &crawl->plan->from.job, &from->offset, room, PIECE_BYTES, &len,
			     &over, err)) {
		err_wrap(err, "urls_from");
		return RUN_ERROR;
	}
	buf_grown(&from->text, len);
	if (len > 0)
		return RUN_OK;
	if (over)
		return RUN_END;
	if (run_outstanding(run, lane) > 0)
		return RUN_LATER;
	return run_timer(run, lane, ASK_AGAIN_MS, TIMER_TAG) == RUN_FULL ? RUN_FULL : RUN_LATER;
}

/* One line, or a piece of lines. */
static enum run_answer from_advance(struct run *run, struct crawl *crawl, unsigned lane,
				    struct err *err)
{
	struct seed_reader *from = &crawl->from;
	const char *line = from->text.data ? from->text.data + from->at : NULL;
	const char *end = line ? memchr(line, '\n', from->text.len - from->at) : NULL;

	if (!end)
		return piece_read(run, crawl, lane, err);
	line_take(crawl, line, (size_t)(end - line));
	from->at += (size_t)(end - line) + 1;
	return seeds_tell(run, crawl, lane, err);
}

enum step from_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err)
{
	struct completion timer;
	enum run_answer answer;

	while (run_completion(run, lane, &timer))
		; /* it has woken the lane: that was all */
	answer = seeds_tell(run, crawl, lane, err);
	for (int i = 0; i < LINES_PER_STEP && answer == RUN_OK; i++)
		answer = from_advance(run, crawl, lane, err);
	switch (answer) {
	case RUN_OK:
		return STEP_MORE;
	case RUN_ERROR:
		return STEP_FAIL;
	case RUN_END:
		break;
	default:
		return STEP_WAIT;
	}
	if (crawl->from.wrong > 0)
		run_log(run, LOG_WARN, "%lld values of urls_from are no URLs",
			(long long)crawl->from.wrong);
	links_clear(&crawl->lanes[0].links);
	return STEP_DONE;
}
