/* SPDX-License-Identifier: MIT */
/* follow.c - the links of a page that a crawl goes on to.
 *
 * Called on the lane that parsed the page.  A page that asks not to be followed, or
 * that calls another its canonical one, is respected when the spec says so.
 */
#include "handlers/scrape/follow.h"

#include "base/limits.h"
#include "handlers/scrape/scrape.h"
#include "handlers/scrape/visit.h"
#include "net/site.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINKS_ARENA_BYTES_MAX = 32 * 1024 * 1024, DEPTH_TOLD_MAX = 65535 };

void links_init(struct links *links)
{
	*links = (struct links){.arena = ARENA(LINKS_ARENA_BYTES_MAX)};
}

void links_done(struct links *links)
{
	pattern_scratch_free(links->scratch);
	arena_done(&links->arena);
	free(links->list);
}

void links_clear(struct links *links)
{
	arena_clear(&links->arena);
	links->count = 0;
	memset(links->skipped, 0, sizeof(links->skipped));
}

int visit_priority(int priority, unsigned depth)
{
	return priority * (DEPTH_TOLD_MAX + 1) - (int)MIN(depth, (unsigned)DEPTH_TOLD_MAX);
}

/* ---- one link ---- */

struct collecting {
	const struct follow *follow;
	const struct visit *visit;
	struct url origin; /* of the page: what the scope is seen from */
	struct page *page; /* NULL: a redirect */
	struct links *links;
	bool failed; /* no memory */
};

static bool pattern_finds(struct collecting *c, const struct pattern *pattern, const char *url)
{
	struct links *links = c->links;
	const struct span *spans;
	struct err err;

	if (!links->scratch)
		links->scratch = pattern_scratch_new();
	c->failed |= !links->scratch;
	return links->scratch &&
	       pattern_search(pattern, links->scratch, url, strlen(url), 0, &spans, &err) == 1;
}

static bool patterns_find(struct collecting *c, struct pattern *const *patterns, size_t count,
			  const char *url)
{
	for (size_t i = 0; i < count; i++)
		if (pattern_finds(c, patterns[i], url))
			return true;
	return false;
}

/* The same name, and the same port or each its scheme's own: http may become https. */
static bool host_same(const struct url *a, const struct url *b)
{
	return a->host.len == b->host.len && memcmp(a->host.at, b->host.at, a->host.len) == 0 &&
	       a->port == b->port;
}

static bool in_scope(const struct collecting *c, const struct url *url)
{
	switch (c->follow->scope) {
	case SCOPE_HOST:
		return host_same(url, &c->origin);
	case SCOPE_SITE:
		return site_same(url, &c->origin);
	case SCOPE_ANY:
		break;
	}
	return true;
}

/* LINK_SKIPS: none, it is followed.  `text` is what would be fetched: NULL when the page takes
 * too much memory. */
static enum link_skip link_judge(struct collecting *c, const struct url *url, const char *text)
{
	const struct follow *follow = c->follow;
	struct err err;

	if (!text || c->links->count >= PAGE_LINKS_MAX)
		return SKIP_CROWD;
	if (patterns_find(c, follow->exclude, follow->exclude_count, text) ||
	    (follow->include_count > 0 &&
	     !patterns_find(c, follow->include, follow->include_count, text)))
		return SKIP_PATTERN;
	/* What a page says of names and passwords is not ours to send. */
	if (url_check_fetch(url, &err) || url_check_crawl(url, &err) || url->username.len > 0 ||
	    url->password.len > 0)
		return SKIP_TRAP;
	return LINK_SKIPS;
}

static int link_priority(struct collecting *c, const char *url)
{
	const struct follow *follow = c->follow;

	for (size_t i = 0; i < follow->priorities_count; i++)
		if (pattern_finds(c, follow->priorities[i].pattern, url))
			return follow->priorities[i].priority;
	return 0;
}

static struct link *link_new(struct links *links)
{
	if (links->count == links->room) {
		size_t room = links->room ? links->room * 2 : 64;
		struct link *list = realloc(links->list, room * sizeof(*list));

		if (!list)
			return NULL;
		links->list = list;
		links->room = room;
	}
	return &links->list[links->count];
}

/* What is fetched: the URL without its fragment, or its canonical form when parameters
 * were taken out of it.  NULL: no memory. */
static const char *link_url(bool strip_tracking, const struct url *url, const char *key,
			    struct arena *arena)
{
	size_t len = url->fragment.at ? (size_t)(url->fragment.at - 1 - url->href) : url->len;

	if (strip_tracking && url->query.len > 0) {
		const char *plain = url_canonical(url, false, arena);

		if (!plain || strcmp(plain, key) != 0)
			return plain ? key : NULL;
	}
	return len == url->len ? url->href : arena_copy(arena, url->href, len);
}

static void link_add(struct collecting *c, const struct url *url)
{
	struct links *links = c->links;
	enum link_skip skip = SKIP_SCOPE;
	struct link *link = link_new(links);

	c->failed |= !link;
	if (!link || (url->kind != URL_HTTP && url->kind != URL_HTTPS))
		return;
	if (in_scope(c, url)) {
		link->key = url_canonical(url, c->follow->strip_tracking, &links->arena);
		link->url = link->key ? link_url(c->follow->strip_tracking, url, link->key,
						 &links->arena)
				      : NULL;
		skip = link_judge(c, url, link->url);
	}
	if (skip != LINK_SKIPS) {
		links->skipped[skip]++;
		return;
	}
	link->priority = link_priority(c, link->url);
	link->trusted = c->visit->trusted && url_same_origin(url, &c->origin);
	links->count++;
}

bool links_seed(struct links *links, const char *text, size_t len, const struct url *base,
		bool strip_tracking)
{
	struct link *link = link_new(links);
	struct url url;
	struct err err;

	if (!link || url_parse(text, len, base, &links->arena, &url, &err) ||
	    url_check_fetch(&url, &err))
		return false;
	*link = (struct link){.trusted = base && url_same_origin(&url, base)};
	link->key = url_canonical(&url, strip_tracking, &links->arena);
	link->url = link->key ? link_url(strip_tracking, &url, link->key, &links->arena) : NULL;
	links->count += link->url != NULL;
	return link->url != NULL;
}

static int collect_begin(struct collecting *c, struct err *err)
{
	const char *url = c->visit->url;

	return url_parse(url, strlen(url), NULL, &c->links->arena, &c->origin, err);
}

/* ---- what the page says of its links ---- */

/* Is the word among those that `separators` part, any case? */
static bool words_have(const char *text, size_t len, const char *separators, const char *word)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *stop = at;

		while (stop < end && !strchr(separators, *stop))
			stop++;
		if ((size_t)(stop - at) == strlen(word) && strncasecmp(at, word, strlen(word)) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

static bool attr_has(const struct html_node *node, const char *name, const char *word)
{
	static const char separators[] = " \t\n\r\f,";
	const struct html_attr *attr = html_attr(node, name);

	return attr && words_have(attr->value, attr->value_len, separators, word);
}

struct page_wishes {
	bool nofollow;
	const struct html_attr *canonical; /* the href; NULL: none */
};

/* <meta name=robots content=nofollow>, X-Robots-Tag, and <link rel=canonical href>. */
static void wishes_read(const struct page *page, const struct fetch_result *result,
			struct page_wishes *ret)
{
	const struct html_node *root = html_root(page->html), *node = root;
	const char *header = fetch_result_header(result, "X-Robots-Tag");

	*ret = (struct page_wishes){0};
	if (header)
		ret->nofollow = words_have(header, strlen(header), " ,", "nofollow") ||
				words_have(header, strlen(header), " ,", "none");
	while ((node = html_next_element(node, root)) != NULL) {
		if (html_is(node, HTML_TAG_META) && attr_has(node, "name", "robots"))
			ret->nofollow |= attr_has(node, "content", "nofollow") ||
					 attr_has(node, "content", "none");
		else if (html_is(node, HTML_TAG_LINK) && !ret->canonical &&
			 attr_has(node, "rel", "canonical"))
			ret->canonical = html_attr(node, "href");
	}
}

/* True: the page is another one's double, which is on the list now if it passed. */
static bool canonical_add(struct collecting *c, const struct html_attr *href)
{
	const char *key, *own;
	struct url url;
	struct err err;

	if (!href || page_url(c->page, href->value, href->value_len, &c->links->arena, &url, &err))
		return false;
	key = url_canonical(&url, c->follow->strip_tracking, &c->links->arena);
	own = url_canonical(&c->origin, c->follow->strip_tracking, &c->links->arena);
	if (!key || !own || strcmp(key, own) == 0)
		return false;
	link_add(c, &url);
	return true;
}

/* ---- all links ---- */

static void text_add(struct collecting *c, const char *text, size_t len)
{
	struct url url;
	struct err err;

	if (page_url(c->page, text, len, &c->links->arena, &url, &err) == 0)
		link_add(c, &url);
}

static void element_add(struct collecting *c, const struct html_node *node)
{
	const struct html_attr *attr = html_attr(node, "href");

	attr = attr ? attr : html_attr(node, "src");
	if (!attr)
		return;
	if (c->follow->nofollow && attr_has(node, "rel", "nofollow"))
		c->links->skipped[SKIP_NOFOLLOW]++;
	else
		text_add(c, attr->value, attr->value_len);
}

static bool link_found(void *ctx, const struct css_match *match)
{
	struct collecting *c = ctx;
	size_t len;
	const char *text = css_match_text(match, &len);

	if (text)
		text_add(c, text, len);
	else
		element_add(c, match->node);
	return !c->failed;
}

static int all_add(struct collecting *c, struct err *err)
{
	const struct html_node *root = html_root(c->page->html), *node = root;

	if (c->follow->links)
		return css_select(c->follow->links, c->page->html, root, &c->page->work, link_found,
				  c, err);
	while (!c->failed && (node = html_next_element(node, root)) != NULL)
		if (html_is(node, HTML_TAG_A) || html_is(node, HTML_TAG_AREA))
			if (html_attr(node, "href"))
				element_add(c, node);
	return 0;
}

int links_collect(const struct follow *follow, const struct visit *visit, struct page *page,
		  const struct fetch_result *result, struct links *links, struct err *err)
{
	struct collecting c = {.follow = follow, .visit = visit, .page = page, .links = links};
	struct page_wishes wishes = {0};

	if (visit->depth >= follow->depth_max)
		return 0;
	links->depth = visit->depth + 1;
	links->hops = 0;
	if (collect_begin(&c, err))
		return -1;
	if (follow->nofollow || follow->canonical)
		wishes_read(page, result, &wishes);
	if (follow->canonical && canonical_add(&c, wishes.canonical))
		return 0;
	if (follow->nofollow && wishes.nofollow) {
		links->skipped[SKIP_NOFOLLOW]++;
		return 0;
	}
	if (all_add(&c, err))
		return err_wrap(err, "links");
	return c.failed ? err_set(err, ERR_NO_MEMORY, "no memory for the links of a page") : 0;
}

int links_redirect(const struct follow *follow, const struct visit *visit,
		   const struct fetch_result *result, struct links *links, const char **ret_target,
		   struct err *err)
{
	struct collecting c = {.follow = follow, .visit = visit, .links = links};
	const char *location = fetch_result_header(result, "Location");
	struct url url;

	*ret_target = NULL;
	if (!location)
		return 0;
	if (collect_begin(&c, err) ||
	    url_parse(location, strlen(location), &c.origin, &links->arena, &url, err))
		return err_wrap(err, "Location");
	if (url_check_fetch(&url, err))
		return err_wrap(err, "redirect");
	*ret_target = url.href;
	if (visit->hops >= FETCH_REDIRECTS_MAX)
		return err_set(err, ERR_FETCH_REDIRECTS, "more than %d redirects in a row",
			       FETCH_REDIRECTS_MAX);
	links->depth = visit->depth;
	links->hops = visit->hops + 1;
	link_add(&c, &url);
	return c.failed ? err_set(err, ERR_NO_MEMORY, "no memory for a redirect") : 0;
}
