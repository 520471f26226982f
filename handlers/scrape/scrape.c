/* SPDX-License-Identifier: MIT */
/* scrape.c - a crawl: fetches pages, takes from each what was asked for, follows links.
 *
 * Each URL is a part, keyed by its canonical form: two spellings of one page are
 * fetched once, and each URL ends as exactly one result item.  The parts of a job are
 * the frontier and the seen set at once, and live in the store.
 *
 *   phase 0   one lane adds the URLs of the spec; after a crash those that are known stay
 *   phase 1   every lane keeps a share of `concurrency` fetches under way, parses what
 *             comes back, and adds the links that are to be followed
 *
 * When links are followed, a redirect is one of them: it ends as an item with its
 * status, and where it leads is a URL of its own, which passes the same gates.  When
 * not, redirects are followed by the fetch, and the item is that of the last page.
 *
 * A page that fails makes a failed item, never a failed attempt; whether too many
 * failed is the engine's question (max_failed).
 */
#include "base/clock.h"
#include "handlers/scrape/crawl.h"

#include <stdlib.h>

enum { LANE_FETCHES_MIN = 8 }; /* fewer fetches than this are not worth a second lane */

static void crawl_close(void *state)
{
	struct crawl *crawl = state;

	for (unsigned i = 0; crawl->lanes && i < crawl->lanes_count; i++)
		lane_done(&crawl->lanes[i]);
	free(crawl->lanes);
	seed_reader_done(&crawl->from);
	crawl_jar_close(&crawl->jar);
	maps_done(&crawl->maps);
	lock_done(&crawl->lock);
	free(crawl);
}

/* What the lanes of earlier attempts counted goes on in those of this one.  No failed part is
 * left, though some were counted: they are done again, and the counts are mended in one commit. */
static void tallies_load(struct run *run, struct crawl *crawl)
{
	struct run_left left;

	run_left(run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		struct tally tally;
		const void *blob;
		unsigned lane;
		size_t len;

		run_left_checkpoint(run, i, &lane, &blob, &len);
		if (lane == JAR_LANE)
			continue;
		tally_load(&tally, blob, len);
		if (left.parts_failed == 0 && tally_mend(&tally))
			run_checkpoint(run, lane, &tally, tally_bytes(&tally), NULL, 0);
		crawl->elapsed_ms = MAX(crawl->elapsed_ms, tally.elapsed_ms);
		crawl->bodies_bytes += tally.bodies_bytes;
		if (lane < crawl->lanes_count)
			crawl->lanes[lane].tally = crawl->lanes[lane].told = tally;
		else
			tally_add(&crawl->elsewhere, &tally);
	}
}

static int crawl_open(struct run *run, const struct plan *plan, void **ret_state, struct err *err)
{
	struct crawl *crawl = calloc(1, sizeof(*crawl));
	unsigned useful = MAX(1, plan->concurrency / LANE_FETCHES_MIN);

	if (!crawl)
		return err_set(err, ERR_NO_MEMORY, "no memory for a crawl");
	crawl->plan = plan;
	crawl->opened_ms = clock_ms();
	seed_reader_init(&crawl->from);
	tally_init(&crawl->elsewhere);
	lock_init(&crawl->lock, LOCK_LEAF);
	crawl->lanes_count = MIN(MIN(run_lanes_for_cpu(run), useful), JAR_LANE);
	crawl->lanes = calloc(crawl->lanes_count, sizeof(*crawl->lanes));
	for (unsigned i = 0; i < crawl->lanes_count; i++) {
		unsigned share = plan->concurrency / crawl->lanes_count +
				 (i < plan->concurrency % crawl->lanes_count);

		if (!crawl->lanes || lane_init(&crawl->lanes[i], share, err)) {
			crawl_close(crawl);
			return err_set(err, ERR_NO_MEMORY, "no memory for a crawl");
		}
	}
	if (crawl_jar_open(&crawl->jar, run, plan, err)) {
		crawl_close(crawl);
		return -1;
	}
	tallies_load(run, crawl);
	*ret_state = crawl;
	return 0;
}

static enum step crawl_step(struct run *run, void *state, unsigned phase, unsigned lane,
			    struct err *err)
{
	return phase == 0 ? seeds_step(run, state, lane, err) : lane_crawl(run, state, lane, err);
}

static int crawl_phase(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
		       struct err *err)
{
	struct crawl *crawl = state;
	struct tally sum = crawl->elsewhere;

	if (phase < 2) {
		*ret_lanes = phase == 0 ? 1 : crawl->lanes_count;
		return 0;
	}
	*ret_lanes = 0;
	for (unsigned i = 0; i < crawl->lanes_count; i++)
		tally_add(&sum, &crawl->lanes[i].tally);
	return tally_summary(&sum, run, crawl->plan, err);
}

const struct handler scrape_handler = {
	.name = "scrape",
	.summary =
		"Fetches pages, takes titles, links and selected fields from them, follows links",
	.params = scrape_params,
	.io_bound = true,
	.failed_are_items = true,
	.plan = scrape_plan,
	.plan_free = scrape_plan_free,
	.open = crawl_open,
	.phase = crawl_phase,
	.step = crawl_step,
	.close = crawl_close,
	.preview_params = preview_params,
	.preview_plan = preview_plan,
	.preview = scrape_preview,
};
