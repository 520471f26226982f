/* SPDX-License-Identifier: MIT */
/* scrape.h - the rooms inside the scrape handler.
 *
 *   scrape_plan.c   spec → plan: URLs judged, requests described
 *   field_plan.c    the fields of a plan: selectors compiled
 *   scrape.c        the crawl: parts are URLs, lanes fetch and parse (crawl.h)
 *   page.c          an answer → its result item
 *   extract.c       one field of a page
 *   follow.c        the links of a page that are followed
 *
 * Threads    a plan is read by all lanes; a page belongs to the lane that parses it.
 */
#ifndef HANDLERS_SCRAPE_SCRAPE_H
#define HANDLERS_SCRAPE_SCRAPE_H

#include "base/arena.h"
#include "base/json.h"
#include "handlers/handler.h"
#include "handlers/html/css.h"
#include "handlers/html/html.h"
#include "handlers/scrape/follow.h"
#include "handlers/scrape/seeds.h"
#include "handlers/scrape/visit.h"
#include "net/fetch.h"
#include "net/url.h"

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_INTEGER, FIELD_URL, FIELD_HTML };

/* What `extract` says of one name. */
struct field {
	const char *name; /* borrowed from the spec */
	struct css *css;
	const char *attr; /* NULL: the text */
	bool all;
	enum field_type type;
};

struct plan {
	struct arena arena; /* of keys and the arrays below */
	const char **urls;  /* serialised */
	const char **keys;  /* their canonical forms */
	size_t urls_count;
	struct field *fields;
	size_t fields_count;
	struct fetch_header *headers;
	size_t headers_count, headers_public; /* the first ones go to any host */
	struct follow *follow;		      /* NULL: only `urls` */
	struct fetch_request request;	      /* what all fetches have in common */
	unsigned concurrency;		      /* fetches at once, over all lanes */
	struct urls_from from;
};

extern const struct param scrape_params[];
int scrape_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan);
void scrape_plan_free(struct plan *plan);

/* The element of `extract`, and its reading into plan->fields: 0, or -1 without memory;
 * mistakes are added. */
enum { FIELDS_MAX = 200 };
extern const struct param field_element[];
int fields_plan(const struct json *extract, struct plan *plan, struct mistakes *mistakes);
void fields_free(struct plan *plan);

/* A parsed page, for the fields. */
struct page {
	const struct url *base; /* what links are relative to */
	struct html *html;
	uint64_t work;	     /* what selectors may still cost */
	struct arena *arena; /* of this page */
	struct buf text;     /* scratch */
};

/* Adds the member `field->name` with what was found: null, a value, or an array. */
int field_extract(const struct field *field, struct page *page, struct json_out *out,
		  struct err *err);

/* All links of the page, absolute, in order, at most PAGE_LINKS_MAX: as the member
 * "links", and their number. */
int links_extract(struct page *page, struct json_out *out, struct err *err);

/* The result item of an answer, a failed one too, and the links to be followed.
 * *ret_failure says why it counts as failed (ERR_NONE: it does not; then there are links). */
int item_make(const struct plan *plan, const struct visit *visit, const struct fetch_result *result,
	      struct links *links, struct buf *into, struct err *ret_failure);

#endif
