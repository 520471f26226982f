/* SPDX-License-Identifier: MIT */
/* scrape.h - the rooms inside the scrape handler.
 *
 *   scrape_plan.c   spec → plan: URLs judged, requests described
 *   scrape.c        the crawl: parts are URLs, lanes fetch and parse (crawl.h)
 *   page.c          an answer → its result item
 *   page.h          the body of an answer, ready to be read
 *   field.h         the fields of a plan, and what they find in a page
 *   preview.c       the same for one page that somebody tries fields on
 *   follow.c        the links of a page that are followed
 *   compare.c       what has changed on a page
 *   jar.c           its cookies
 *   body.c          its body, kept
 *
 * Threads    a plan is read by all lanes; a page belongs to the lane that parses it.
 */
#ifndef HANDLERS_SCRAPE_SCRAPE_H
#define HANDLERS_SCRAPE_SCRAPE_H

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "handlers/handler.h"
#include "handlers/html/css.h"
#include "handlers/html/html.h"
#include "handlers/scrape/body.h"
#include "handlers/scrape/compare.h"
#include "handlers/scrape/field.h"
#include "handlers/scrape/follow.h"
#include "handlers/scrape/page.h"
#include "handlers/scrape/seeds.h"
#include "handlers/scrape/visit.h"
#include "net/fetch.h"
#include "net/url.h"

struct plan {
	struct arena arena; /* of keys and the arrays below */
	const char **urls;  /* serialised */
	const char **keys;  /* their canonical forms */
	size_t urls_count;
	struct field_list fields;
	struct fetch_header *headers;
	size_t headers_count, headers_public;	 /* the first ones go to any host */
	struct follow *follow;			 /* NULL: only `urls` */
	struct fetch_request request;		 /* what all fetches have in common */
	char robots[ROBOTS_TOKEN_BYTES_MAX + 1]; /* the name that robots.txt may give us */
	unsigned concurrency;			 /* fetches at once, over all lanes */
	struct urls_from from;
	struct map_list maps;
	struct comparison since;
	struct save_plan save;
	struct cookies *jar; /* what a crawl's cookies begin as; NULL: none */
};

extern const struct param scrape_params[];
int scrape_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan);
void scrape_plan_free(struct plan *plan);

/* preview.c */
extern const struct param preview_params[];
int preview_plan(const struct json *body, struct planner *planner, struct plan **ret_plan);
int scrape_preview(const struct plan *plan, const struct fetch_result *sample, struct json_out *out,
		   struct err *err);

/* The result item of an answer, a failed one too, and the links to be followed.  One whose
 * body cannot be kept is a failed one.
 * *ret_failure says why it counts as failed (ERR_NONE: it does not; then there are links). */
int item_make(const struct plan *plan, const struct visit *visit, const struct fetch_result *result,
	      const struct saved *saved, struct links *links, struct buf *into,
	      struct err *ret_failure);

#endif
