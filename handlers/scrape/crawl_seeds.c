/* SPDX-License-Identifier: MIT */
/* crawl_seeds.c - phase 0: the URLs that the spec names become parts.
 *
 * After a crash the phase runs again; what is known stays as it is.
 */
#include "handlers/scrape/crawl.h"

#include <string.h>

enum { SEEDS_PER_STEP = 2000 }; /* about 5 ms */

/* Of scheme, host and port, so that parts are shared fairly over hosts (FNV-1a; Fowler,
 * Noll, Vo, 1991). */
static uint64_t origin_hash(const char *url)
{
	uint64_t hash = 14695981039346656037u;
	int slashes = 0;

	for (; *url; url++) {
		slashes += *url == '/';
		if (slashes == 3)
			break;
		hash = (hash ^ (unsigned char)*url) * 1099511628211u;
	}
	return hash;
}

enum run_answer crawl_add(struct run *run, struct crawl *crawl, unsigned lane,
			  const struct visit *visit, const char *key, int priority, struct err *err)
{
	const struct follow *follow = crawl->plan->follow;
	struct part_options options = {
		.priority = visit_priority(priority, visit->depth),
		.group = origin_hash(key),
		.parts_max = follow ? follow->pages_max : 0,
	};
	struct buf *input = &crawl->lanes[lane].input;

	buf_clear(input);
	visit_pack(visit, key, input);
	if (!buf_ok(input)) {
		err_set(err, ERR_NO_MEMORY, "no memory for a URL");
		return RUN_ERROR;
	}
	return run_part_add(run, lane, key, strlen(key), input->data, input->len, &options, err);
}

enum step seeds_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err)
{
	const struct plan *plan = crawl->plan;
	size_t stop = MIN(plan->urls_count, crawl->seeds_added + SEEDS_PER_STEP);

	while (crawl->seeds_added < stop) {
		const struct visit visit = {
			.url = plan->urls[crawl->seeds_added],
			.trusted = true,
		};
		enum run_answer answer =
			crawl_add(run, crawl, lane, &visit, plan->keys[crawl->seeds_added], 0, err);

		if (answer == RUN_FULL)
			return STEP_WAIT;
		if (answer == RUN_ERROR)
			return STEP_FAIL;
		crawl->seeds_added++;
	}
	if (crawl->seeds_added < plan->urls_count)
		return STEP_MORE;
	if (plan->maps.count > 0 && !crawl->maps.over) {
		enum step step = maps_step(run, crawl, lane, err);

		return step == STEP_DONE ? STEP_MORE : step;
	}
	return plan->from.field ? from_step(run, crawl, lane, err) : STEP_DONE;
}
