/* SPDX-License-Identifier: MIT */
/* follow.h - which links of a page a crawl goes on to.
 *
 *   follow_plan.c   `follow` of the spec → struct follow
 *   follow.c        a page → its links that are to be followed
 *
 * A link passes, in this order: http or https; the scope, as seen from the page it
 * stands on; exclude, then include; the guards against traps (url_check_crawl).  A
 * redirect is a link like any other, but that it costs no depth.
 *
 * Threads    a struct follow is read by all lanes; a struct links is one lane's.
 * Ownership  texts of a link live in its links' arena until links_clear().
 */
#ifndef HANDLERS_SCRAPE_FOLLOW_H
#define HANDLERS_SCRAPE_FOLLOW_H

#include "base/arena.h"
#include "base/pattern.h"
#include "base/spec.h"
#include "net/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct css;
struct fetch_result;
struct page;
struct planner;
struct visit;

enum follow_scope { SCOPE_HOST, SCOPE_SITE, SCOPE_ANY };

struct follow_priority {
	struct pattern *pattern;
	int priority;
};

struct follow {
	struct css *links; /* NULL: the href of every a and area */
	enum follow_scope scope;
	struct pattern **include, **exclude;
	size_t include_count, exclude_count;
	struct follow_priority *priorities;
	size_t priorities_count;
	unsigned depth_max; /* UINT_MAX: no bound */
	int64_t pages_max;
	bool nofollow, canonical, strip_tracking;
};

extern const struct param follow_params[];
/* Adds every mistake; 0 and *ret_follow (in the arena; follow_done()), or -1. */
int follow_read(const struct json *spec, struct arena *arena, struct planner *planner,
		struct follow **ret_follow);
void follow_done(struct follow *follow); /* NULL is fine */

/* Why links are not followed. */
#define LINK_SKIP_TABLE(X)                                                                         \
	X(SKIP_SCOPE, "scope")                                                                     \
	X(SKIP_PATTERN, "pattern")                                                                 \
	X(SKIP_NOFOLLOW, "nofollow")                                                               \
	X(SKIP_TRAP, "trap")                                                                       \
	X(SKIP_CROWD, "links_per_page")                                                            \
	X(SKIP_PAGES, "max_pages")

enum link_skip {
#define X(skip, name) skip,
	LINK_SKIP_TABLE(X)
#undef X
		LINK_SKIPS
};

struct link {
	const char *url, *key;
	int priority;
	bool trusted;
};

/* The links of one page, to be added one by one. */
struct links {
	struct arena arena;
	struct link *list;
	size_t count, room;
	unsigned depth, hops;		 /* of what they lead to */
	int64_t skipped[LINK_SKIPS];	 /* of this page */
	struct pattern_scratch *scratch; /* made when it is needed */
};

void links_init(struct links *links);
void links_done(struct links *links);
void links_clear(struct links *links);

/* The links of a parsed page.  0, or -1: ERR_LIMIT or ERR_NO_MEMORY. */
int links_collect(const struct follow *follow, const struct visit *visit, struct page *page,
		  const struct fetch_result *result, struct links *links, struct err *err);

/* Adds a URL that somebody wants fetched, trusted where `base` comes from; false: it is none. */
bool links_seed(struct links *links, const char *text, size_t len, const struct url *base,
		bool strip_tracking);

/* Where an answer of 300 to 399 leads, if it says so.  -1: ERR_FETCH_REDIRECTS after too many
 * in a row, ERR_FETCH_URL for one that leads nowhere, ERR_NO_MEMORY. */
int links_redirect(const struct follow *follow, const struct visit *visit,
		   const struct fetch_result *result, struct links *links, const char **ret_target,
		   struct err *err);

/* Breadth first: the priority of a part, by that of its pattern, then by its depth. */
int visit_priority(int priority, unsigned depth);

#endif
