/* SPDX-License-Identifier: MIT */
/* scrape.c - fetches a list of URLs and takes from each page what was asked for.
 *
 * Each URL is a part, keyed by its canonical form: two spellings of one page are
 * fetched once, and each URL ends as exactly one result item.
 *
 *   phase 0   one lane adds the URLs as parts; after a crash those that are known stay
 *   phase 1   every lane keeps a share of `concurrency` fetches under way, and parses
 *             what comes back
 *
 * A page that fails makes a failed item, never a failed attempt; whether too many
 * failed is the engine's question (max_failed).
 */
#include "handlers/scrape/scrape.h"

#include "base/limits.h"
#include "handlers/run.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEDS_PER_STEP = 2000, /* about 5 ms */
	LANE_FETCHES_MIN = 8,  /* fewer fetches than this are not worth a second lane */
};

/* A finished page on its way into the results: a full house is asked again. */
struct telling {
	struct part *part; /* NULL: none */
	struct err failure;
	unsigned attempts;
	bool emitted;
};

/* Fetches of one lane that are under way; the slot's number is the fetch's tag. */
struct lane {
	struct part **parts;
	unsigned *free_slots;
	unsigned free_count, slots;
	bool end; /* no part is left to take */
	struct telling telling;
	struct buf item; /* of telling */
};

struct crawl {
	const struct plan *plan;
	size_t seeds_added;
	unsigned lanes_count;
	struct lane *lanes;
	/* Written by all lanes, read when they are done: the phase orders it. */
	atomic_llong bytes;
};

static void crawl_close(void *state)
{
	struct crawl *crawl = state;

	for (unsigned i = 0; crawl->lanes && i < crawl->lanes_count; i++) {
		free(crawl->lanes[i].parts);
		free(crawl->lanes[i].free_slots);
		buf_done(&crawl->lanes[i].item);
	}
	free(crawl->lanes);
	free(crawl);
}

static int lane_init(struct lane *lane, unsigned slots, struct err *err)
{
	lane->slots = lane->free_count = slots;
	lane->parts = calloc(slots, sizeof(struct part *));
	lane->free_slots = calloc(slots, sizeof(unsigned));
	buf_init(&lane->item, ITEM_BYTES_MAX);
	if (!lane->parts || !lane->free_slots)
		return err_set(err, ERR_NO_MEMORY, "no memory for %u fetches", slots);
	for (unsigned i = 0; i < slots; i++)
		lane->free_slots[i] = i;
	return 0;
}

static int crawl_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	struct crawl *crawl = calloc(1, sizeof(*crawl));
	unsigned useful = MAX(1, plan->concurrency / LANE_FETCHES_MIN);

	if (!crawl)
		return err_set(err, ERR_NO_MEMORY, "no memory for a crawl");
	crawl->plan = plan;
	crawl->lanes_count = MIN(run_lanes_for_cpu(run), useful);
	crawl->lanes = calloc(crawl->lanes_count, sizeof(*crawl->lanes));
	for (unsigned i = 0; i < crawl->lanes_count; i++) {
		unsigned share = plan->concurrency / crawl->lanes_count +
				 (i < plan->concurrency % crawl->lanes_count);

		if (!crawl->lanes || lane_init(&crawl->lanes[i], share, err)) {
			crawl_close(crawl);
			return err_set(err, ERR_NO_MEMORY, "no memory for a crawl");
		}
	}
	*ret_state = crawl;
	return 0;
}

/* ---- phase 0: the URLs become parts ---- */

static enum step seed_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err)
{
	const struct plan *plan = crawl->plan;
	size_t stop = MIN(plan->urls_count, crawl->seeds_added + SEEDS_PER_STEP);

	while (crawl->seeds_added < stop) {
		const char *url = plan->urls[crawl->seeds_added];
		const char *key = plan->keys[crawl->seeds_added];
		enum run_answer answer =
			run_part_add(run, lane, key, strlen(key), url, strlen(url), NULL, err);

		if (answer == RUN_FULL)
			return STEP_WAIT;
		if (answer == RUN_ERROR)
			return STEP_FAIL;
		crawl->seeds_added++;
	}
	return crawl->seeds_added < plan->urls_count ? STEP_MORE : STEP_DONE;
}

/* ---- phase 1: fetch, parse, tell ---- */

/* Goes on telling.  RUN_OK: told, or nothing to tell. */
static enum run_answer tell(struct run *run, struct lane *lane, unsigned index, struct err *err)
{
	struct telling *telling = &lane->telling;
	enum run_answer answer = RUN_OK;

	if (!telling->part)
		return RUN_OK;
	if (!telling->emitted)
		answer = run_emit(run, index, telling->part, lane->item.data, lane->item.len, err);
	if (answer != RUN_OK)
		return answer;
	telling->emitted = true;
	if (telling->failure.code != ERR_NONE) {
		struct item_failure item = {
			.key = telling->part->input,
			.stage = "fetch",
			.line = -1,
			.offset = -1,
			.attempts = telling->attempts,
			.err = telling->failure,
		};

		answer = run_item_failed(run, index, telling->part, &item);
		if (answer != RUN_OK)
			return answer;
	}
	run_part_done(run, index, telling->part);
	telling->part = NULL;
	return RUN_OK;
}

/* Makes the item of a fetched page and begins to tell it. */
static enum run_answer page_tell(struct run *run, struct crawl *crawl, unsigned index,
				 struct part *part, const struct fetch_result *result,
				 struct err *err)
{
	struct lane *lane = &crawl->lanes[index];

	buf_clear(&lane->item);
	lane->telling = (struct telling){.part = part, .attempts = result->attempts};
	if (item_make(crawl->plan, part->input, result, &lane->item, &lane->telling.failure)) {
		err_set(err, ERR_NO_MEMORY, "no memory for a result item");
		return RUN_ERROR;
	}
	atomic_fetch_add_explicit(&crawl->bytes, (long long)result->wire_bytes,
				  memory_order_relaxed);
	return tell(run, lane, index, err);
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
	part = lane->parts[completion.tag];
	lane->free_slots[lane->free_count++] = (unsigned)completion.tag;
	if (completion.fetch->err.code == ERR_CANCELLED)
		run_part_release(run, index, part); /* the attempt ends; the next goes on here */
	else
		answer = page_tell(run, crawl, index, part, completion.fetch, err);
	fetch_result_free(completion.fetch);
	return answer;
}

/* A fetch that was refused before it began ends like one that failed. */
static enum run_answer start_refused(struct run *run, struct crawl *crawl, unsigned index,
				     struct part *part, const struct err *refusal, struct err *err)
{
	struct fetch_result result = {
		.err = *refusal,
		.final_url = part->input,
		.host_key = "",
		.content_type = "",
		.body = (char[]){""},
	};

	return page_tell(run, crawl, index, part, &result, err);
}

/* A part and a fetch for it.  RUN_OK: one more is under way, or was refused and told. */
static enum run_answer fetch_next(struct run *run, struct crawl *crawl, unsigned index,
				  struct err *err)
{
	struct lane *lane = &crawl->lanes[index];
	struct fetch_request request = crawl->plan->request;
	unsigned slot = lane->free_slots[lane->free_count - 1];
	enum run_answer answer;
	struct part *part;
	struct err refusal;

	answer = run_part_next(run, index, &part, err);
	lane->end = answer == RUN_END;
	if (answer != RUN_OK)
		return answer;
	request.url = part->input;
	answer = run_fetch(run, index, &request, slot, &refusal);
	if (answer == RUN_ERROR)
		return start_refused(run, crawl, index, part, &refusal, err);
	if (answer != RUN_OK) {
		run_part_release(run, index, part);
		return answer;
	}
	lane->parts[slot] = part;
	lane->free_count--;
	return RUN_OK;
}

static enum step fetch_step(struct run *run, struct crawl *crawl, unsigned index, struct err *err)
{
	enum { PAGES_PER_STEP = 4 }; /* a page of 100 KB parses in about a millisecond */
	struct lane *lane = &crawl->lanes[index];
	enum run_answer answer = tell(run, lane, index, err);
	int pages = 0;

	while (answer == RUN_OK && pages < PAGES_PER_STEP) {
		answer = page_take(run, crawl, index, err);
		pages += answer == RUN_OK;
	}
	if (answer == RUN_ERROR)
		return STEP_FAIL;
	if (answer == RUN_FULL)
		return STEP_WAIT;
	do {
		if (lane->end || lane->free_count == 0)
			break;
		answer = fetch_next(run, crawl, index, err);
	} while (answer == RUN_OK);
	if (answer == RUN_ERROR)
		return STEP_FAIL;
	if (lane->end && lane->free_count == lane->slots && !lane->telling.part)
		return STEP_DONE;
	return pages == PAGES_PER_STEP ? STEP_MORE : STEP_WAIT;
}

static enum step crawl_step(struct run *run, void *state, unsigned phase, unsigned lane,
			    struct err *err)
{
	return phase == 0 ? seed_step(run, state, lane, err) : fetch_step(run, state, lane, err);
}

/* ---- phases and the summary ---- */

static int crawl_summary(struct run *run, const struct crawl *crawl, struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct run_left left;
	int rc;

	run_left(run, &left);
	json_out_object(&out, NULL);
	json_out_int(&out, "urls", (int64_t)crawl->plan->urls_count);
	json_out_int(&out, "succeeded", left.parts_done);
	json_out_int(&out, "failed", left.parts_failed);
	json_out_int(&out, "bytes", atomic_load(&crawl->bytes)); /* of this attempt */
	json_out_end(&out, '}');
	rc = buf_ok(&text) ? run_summary(run, text.data, text.len, err)
			   : err_set(err, ERR_NO_MEMORY, "no memory for the summary");
	buf_done(&text);
	return rc;
}

static int crawl_phase(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
		       struct err *err)
{
	struct crawl *crawl = state;

	if (phase == 2) {
		*ret_lanes = 0;
		return crawl_summary(run, crawl, err);
	}
	*ret_lanes = phase == 0 ? 1 : crawl->lanes_count;
	return 0;
}

const struct handler scrape_handler = {
	.name = "scrape",
	.summary = "Fetches pages and takes titles, links and selected fields from them",
	.params = scrape_params,
	.io_bound = true,
	.failed_are_items = true,
	.plan = scrape_plan,
	.plan_free = scrape_plan_free,
	.open = crawl_open,
	.phase = crawl_phase,
	.step = crawl_step,
	.close = crawl_close,
};
