/* SPDX-License-Identifier: MIT */
/* crawl_lane.c - phase 1: a lane fetches, parses and tells.
 *
 * What a page leaves behind becomes durable at once: its item, its failure, its links
 * as parts, and last, by the checkpoint that covers it, its end and what was counted
 * for it.  A crash before that fetches the page again, and finds its links known.
 *
 * Each of these may find the house full; the lane then waits and goes on where it was
 * (struct telling), so that a page with thousands of links is bounded like any other.
 */
#include "handlers/scrape/crawl.h"

#include "base/clock.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGES_PER_STEP = 4, /* a page of 100 KB parses in about a millisecond */
	BEGINS_BYTES_MAX = 64 * 1024,
	PUT_OFF_PER_STEP = 64, /* then others have their turn, and the lane looks again soon */
	LOOK_AGAIN_MS = 50,
	TIMER_TAG = 0, /* its kind tells it from a fetch */
	PUT_OFF_MS = 1000,
	DETAILS_MS = 250,
};

int lane_init(struct lane *lane, unsigned fetches, struct err *err)
{
	unsigned slots = fetches + LANE_HOSTS_MAX;

	lane->fetches = fetches;
	lane->slots = lane->free_count = slots;
	lane->parts = calloc(slots, sizeof(struct part *));
	lane->free_slots = calloc(slots, sizeof(unsigned));
	buf_init(&lane->item, ITEM_BYTES_MAX);
	buf_init(&lane->before, ITEM_BYTES_MAX);
	buf_init(&lane->input, PART_INPUT_BYTES_MAX);
	links_init(&lane->links);
	arena_init(&lane->begins, BEGINS_BYTES_MAX);
	tally_init(&lane->tally);
	if (!lane->parts || !lane->free_slots)
		return err_set(err, ERR_NO_MEMORY, "no memory for %u fetches", slots);
	for (unsigned i = 0; i < slots; i++)
		lane->free_slots[i] = i;
	return 0;
}

void lane_done(struct lane *lane)
{
	free(lane->parts);
	free(lane->free_slots);
	buf_done(&lane->item);
	buf_done(&lane->before);
	buf_done(&lane->input);
	links_done(&lane->links);
	arena_done(&lane->begins);
}

/* ---- telling ---- */

static enum run_answer failure_tell(struct run *run, unsigned index, const struct telling *telling)
{
	struct item_failure item = {
		.key = telling->visit.url,
		.stage = "fetch",
		.line = -1,
		.offset = -1,
		.attempts = telling->attempts,
		.err = telling->failure,
	};

	return run_item_failed(run, index, telling->part, &item);
}

static enum run_answer links_tell(struct run *run, struct crawl *crawl, unsigned index,
				  struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	struct telling *telling = &lane->telling;
	struct links *links = &lane->links;

	for (; telling->links_told < links->count; telling->links_told++) {
		const struct link *link = &links->list[telling->links_told];
		const struct visit visit = {
			.url = link->url,
			.from = telling->visit.url,
			.depth = links->depth,
			.hops = links->hops,
			.trusted = link->trusted,
		};
		enum run_answer answer =
			crawl_add(run, crawl, index, &visit, link->key, link->priority, err);

		if (answer == RUN_FULL || answer == RUN_ERROR)
			return answer;
		lane->tally.duplicates += answer == RUN_KNOWN;
		links->skipped[SKIP_PAGES] += answer == RUN_LIMIT;
	}
	return RUN_OK;
}

/* Its end, with all that was counted. */
static enum run_answer end_tell(struct run *run, struct crawl *crawl, unsigned index)
{
	struct lane *lane = &crawl->lanes[index];
	struct tally tally = lane->tally;
	enum run_answer answer;

	for (int i = 0; i < LINK_SKIPS; i++)
		tally.skipped[i] += lane->links.skipped[i];
	tally.depth = MAX(tally.depth, (int64_t)lane->telling.visit.depth);
	tally.elapsed_ms = crawl->elapsed_ms + clock_ms() - crawl->opened_ms;
	answer = run_checkpoint(run, index, &tally, tally_bytes(&tally),
				&lane->telling.part->number, 1);
	if (answer == RUN_OK) {
		lane->tally = tally;
		lane->untold = true;
	}
	return answer;
}

/* Says what all lanes have counted, now and then; what is not told yet is before long. */
static void details_tell(struct run *run, struct crawl *crawl, unsigned index)
{
	struct lane *lane = &crawl->lanes[index];
	struct tally sum = crawl->elsewhere;
	int64_t now_ms = clock_ms();
	bool due;

	lock_take(&crawl->lock);
	memcpy(&lane->told, &lane->tally, tally_bytes(&lane->tally));
	due = now_ms - crawl->told_ms >= DETAILS_MS;
	if (due)
		crawl->told_ms = now_ms;
	for (unsigned i = 0; due && i < crawl->lanes_count; i++)
		tally_add(&sum, &crawl->lanes[i].told);
	lock_drop(&crawl->lock);
	lane->untold = !due;
	if (due)
		tally_details(&sum, run);
}

/* Goes on telling.  RUN_OK: told, or nothing to tell. */
static enum run_answer tell(struct run *run, struct crawl *crawl, unsigned index, struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	struct telling *telling = &lane->telling;
	enum run_answer answer = RUN_OK;

	if (!telling->part)
		return RUN_OK;
	if (!telling->emitted)
		answer = run_emit(run, index, telling->part, lane->item.data, lane->item.len, err);
	if (answer != RUN_OK)
		return answer;
	telling->emitted = true;
	if (telling->failure.code != ERR_NONE && !telling->failed)
		answer = failure_tell(run, index, telling);
	if (answer != RUN_OK)
		return answer;
	telling->failed = true;
	answer = links_tell(run, crawl, index, err);
	if (answer == RUN_OK)
		answer = end_tell(run, crawl, index);
	if (answer == RUN_OK)
		telling->part = NULL;
	return answer;
}

/* A seed that leads out of the scope is what people stumble over first. */
static void seed_warn(struct run *run, const struct lane *lane, const struct fetch_result *result)
{
	if (lane->telling.visit.from || result->status / 100 != 3 ||
	    lane->links.skipped[SKIP_SCOPE] == 0)
		return;
	run_log(run, LOG_WARN, "%s redirects out of the scope, to %s", lane->telling.visit.url,
		fetch_result_header(result, "Location"));
}

/* A page that is as another job found it has no item. */
static int since_judge(struct run *run, const struct plan *plan, struct lane *lane, struct err *err)
{
	const struct part *part = lane->telling.part;

	if (!plan->since.fields || lane->telling.failure.code != ERR_NONE)
		return 0;
	if (run_result_of(run, &plan->since.job, part->key, part->key_len, &lane->before, err))
		return err_wrap(err, "if_changed_since");
	lane->telling.emitted =
		!compare_item(&plan->since, buf_text(&lane->before), lane->before.len, &lane->item);
	lane->tally.unchanged += lane->telling.emitted;
	return buf_ok(&lane->item) ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for an item");
}

static int lane_item_make(const struct plan *plan, struct lane *lane,
			  const struct fetch_result *result, const struct saved *saved,
			  struct err *err)
{
	struct telling *telling = &lane->telling;

	buf_clear(&lane->item);
	if (item_make(plan, &telling->visit, result, saved, &lane->links, &lane->item,
		      &telling->failure))
		return err_set(err, ERR_NO_MEMORY, "no memory for a result item");
	return 0;
}

/* Makes the item of a fetched page, keeps its body, and begins to tell it. */
static enum run_answer page_tell(struct run *run, struct crawl *crawl, unsigned index,
				 struct part *part, const struct fetch_result *result,
				 struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	struct telling *telling = &lane->telling;
	struct saved saved;

	links_clear(&lane->links);
	body_name(run, crawl->plan, result, &saved);
	*telling = (struct telling){.part = part, .attempts = result->attempts};
	if (visit_unpack(part->key, part->key_len, part->input, part->input_len, &lane->links.arena,
			 &telling->visit, err))
		return RUN_ERROR;
	if (lane_item_make(crawl->plan, lane, result, &saved, err) ||
	    since_judge(run, crawl->plan, lane, err) ||
	    (!telling->emitted && body_keep(run, crawl, lane, result, &saved, err)) ||
	    (saved.err.code != ERR_NONE && lane_item_make(crawl->plan, lane, result, &saved, err)))
		return RUN_ERROR;
	crawl_jar_save(&crawl->jar, run);
	tally_page(&lane->tally, result, telling->failure.code != ERR_NONE);
	if (crawl->plan->follow && result->err.code == ERR_NONE && result->status / 100 == 3) {
		lane->tally.redirects++;
		seed_warn(run, lane, result);
	}
	return tell(run, crawl, index, err);
}

/* ---- fetching ---- */

/* Did the host say nothing?  What was refused on this side of the wire is no news of it. */
static bool is_silence(const struct fetch_result *result)
{
	switch (result->err.code) {
	case ERR_FETCH_DNS:
	case ERR_FETCH_CONNECT:
	case ERR_FETCH_TLS:
	case ERR_FETCH_TIMEOUT:
	case ERR_FETCH_RESET:
		return result->status == 0;
	default:
		return false;
	}
}

/* One finished fetch; RUN_LATER: none was there. */
static enum run_answer page_take(struct run *run, struct crawl *crawl, unsigned index,
				 struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	enum run_answer answer = RUN_OK;
	struct completion completion;
	struct part *part;

	if (!run_completion(run, index, &completion))
		return RUN_LATER;
	if (completion.kind == COMPLETION_TIMER) {
		lane->timer = false;
		return RUN_OK;
	}
	part = lane->parts[completion.tag];
	if (lane_host_ended(&lane->hosts, part->group, !is_silence(completion.fetch), clock_ms()))
		run_group_hold(run, part->group, 0);
	lane->free_slots[lane->free_count++] = (unsigned)completion.tag;
	if (completion.fetch->err.code == ERR_CANCELLED)
		run_part_release(run, index, part); /* the attempt ends; the next goes on here */
	else
		answer = page_tell(run, crawl, index, part, completion.fetch, err);
	fetch_result_free(completion.fetch);
	return answer;
}

/* "" when the URL is none. */
static const char *host_key_of(const char *text, struct arena *arena)
{
	const char *key = NULL;
	struct url url;
	struct err err;

	if (url_parse(text, strlen(text), NULL, arena, &url, &err) == 0)
		key = url_host_key(&url, arena);
	return key ? key : "";
}

/* A fetch that was refused before it began ends like one that failed. */
static enum run_answer start_refused(struct run *run, struct crawl *crawl, unsigned index,
				     struct part *part, const char *url, const struct err *refusal,
				     struct err *err)
{
	struct fetch_result result = {
		.err = *refusal,
		.final_url = url,
		.host_key = host_key_of(url, &crawl->lanes[index].begins),
		.content_type = "",
		.body = (char[]){""},
	};

	return page_tell(run, crawl, index, part, &result, err);
}

static int request_fill(const struct plan *plan, const struct part *part, struct arena *arena,
			struct fetch_request *ret, struct err *err)
{
	struct visit visit;

	if (visit_unpack(part->key, part->key_len, part->input, part->input_len, arena, &visit,
			 err))
		return -1;
	*ret = plan->request;
	ret->url = visit.url;
	ret->keep_redirects = plan->follow != NULL;
	if (!visit.trusted)
		ret->header_count = plan->headers_public;
	return 0;
}

/* All parts of that host wait, for as long or until it answers. */
static void host_put_off(struct run *run, unsigned index, struct part *part)
{
	int64_t until_ms = clock_wall_ms() + PUT_OFF_MS;

	if (run_group_hold(run, part->group, until_ms))
		run_part_release(run, index, part);
	else
		run_part_retry(run, index, part, until_ms);
}

/* A part and a fetch for it.  RUN_OK: one more is under way, or was refused and told. */
static enum run_answer fetch_next(struct run *run, struct crawl *crawl, unsigned index,
				  struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	unsigned slot = lane->free_slots[lane->free_count - 1];
	struct fetch_request request;
	enum run_answer answer;
	struct part *part;
	struct err refusal;

	answer = run_part_next(run, index, &part, err);
	lane->end = answer == RUN_END;
	if (answer != RUN_OK)
		return answer;
	switch (lane_host_turn(&lane->hosts, part->group, lane->fetches, clock_ms())) {
	case TURN_NOW:
		break;
	case TURN_SOON:
		lane->put_off = PUT_OFF_PER_STEP;
		run_part_release(run, index, part);
		return RUN_OK;
	case TURN_LATER:
		lane->put_off++;
		host_put_off(run, index, part);
		return RUN_OK;
	}
	arena_clear(&lane->begins);
	if (request_fill(crawl->plan, part, &lane->begins, &request, err))
		return RUN_ERROR;
	request.cookies = crawl->jar.cookies;
	answer = run_fetch(run, index, &request, slot, &refusal);
	if (answer == RUN_ERROR)
		return start_refused(run, crawl, index, part, request.url, &refusal, err);
	if (answer != RUN_OK) {
		run_part_release(run, index, part);
		return answer;
	}
	lane->parts[slot] = part;
	lane->free_count--;
	lane_host_began(&lane->hosts, part->group, clock_ms());
	return RUN_OK;
}

/* May one more fetch be under way?  Those that make no request do not count, so that hosts that
 * are dead, or parked, do not keep others from going on. */
static bool lane_has_room(const struct run *run, struct lane *lane, unsigned index)
{
	unsigned under_way = lane->slots - lane->free_count;
	int64_t now_ms = clock_ms();

	if (under_way < lane->fetches || lane->free_count == 0 || !lane->hosts.many)
		return under_way < lane->fetches;
	if (now_ms - lane->idle_at_ms >= LOOK_AGAIN_MS) {
		lane->idle = run_fetches_idle(run, index);
		lane->idle_at_ms = now_ms;
	}
	return under_way < lane->fetches + lane->idle;
}

/* Fills the lane.  RUN_OK: as far as it goes now. */
static enum run_answer fetches_begin(struct run *run, struct crawl *crawl, unsigned index,
				     struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	enum run_answer answer = RUN_OK;
	bool room = true;

	lane->put_off = 0;
	while (answer == RUN_OK && !lane->end && lane->put_off < PUT_OFF_PER_STEP &&
	       (room = lane_has_room(run, lane, index)))
		answer = fetch_next(run, crawl, index, err);
	if (lane->untold)
		details_tell(run, crawl, index);
	if ((lane->put_off == PUT_OFF_PER_STEP || lane->untold ||
	     (!room && lane_hosts_silent(&lane->hosts))) &&
	    !lane->timer)
		lane->timer = run_timer(run, index, LOOK_AGAIN_MS, TIMER_TAG) == RUN_OK;
	return answer;
}

enum step lane_crawl(struct run *run, struct crawl *crawl, unsigned index, struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	enum run_answer answer = tell(run, crawl, index, err);
	int pages = 0;

	while (answer == RUN_OK && pages < PAGES_PER_STEP) {
		answer = page_take(run, crawl, index, err);
		pages += answer == RUN_OK;
	}
	if (answer == RUN_ERROR)
		return STEP_FAIL;
	if (answer == RUN_FULL)
		return STEP_WAIT;
	answer = fetches_begin(run, crawl, index, err);
	if (answer == RUN_ERROR)
		return STEP_FAIL;
	if (lane->end && lane->free_count == lane->slots && !lane->telling.part)
		return STEP_DONE;
	return pages == PAGES_PER_STEP ? STEP_MORE : STEP_WAIT;
}
