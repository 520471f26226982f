/* SPDX-License-Identifier: MIT */
/* css_select.c - runs a compiled selector over a document.
 *
 * Each selector of the list has its candidates in document order; they are merged, so
 * matches come in document order, too, and each once.  Only ::text needs more: the texts
 * of an element lie between those of its children, so such matches are gathered and
 * sorted.
 */
#include "handlers/html/html.h"
#include "handlers/html/selector.h"

#include <stdlib.h>
#include <string.h>

struct search {
	const struct css *css;
	struct matcher m;
	struct candidates lists[CSS_SELECTORS_MAX];
	bool (*found)(void *ctx, const struct css_match *match);
	void *ctx;
	bool ended; /* found() wants no more */
	struct css_match *kept;
	size_t kept_count, kept_cap;
};

enum css_part css_part(const struct css *css)
{
	enum css_part part = css->selectors->part;

	for (const struct selector *selector = css->selectors; selector; selector = selector->next)
		if (selector->part == CSS_NODE)
			part = CSS_NODE;
	return part;
}

const char *css_match_text(const struct css_match *match, size_t *ret_len)
{
	switch (match->part) {
	case CSS_TEXT:
		*ret_len = match->node->len;
		return match->node->text;
	case CSS_ATTR:
		*ret_len = match->attr->value_len;
		return match->attr->value;
	default:
		*ret_len = 0;
		return NULL;
	}
}

static void match_keep(struct search *search, const struct css_match *match)
{
	if (search->kept_count == search->kept_cap) {
		size_t cap = search->kept_cap ? search->kept_cap * 2 : 64;
		struct css_match *kept = realloc(search->kept, cap * sizeof(*kept));

		if (!kept) {
			search->m.no_memory = true;
			return;
		}
		search->kept = kept;
		search->kept_cap = cap;
	}
	search->kept[search->kept_count++] = *match;
}

static void match_tell(struct search *search, const struct css_match *match)
{
	if (search->css->has_text)
		match_keep(search, match);
	else if (!search->ended)
		search->ended = !search->found(search->ctx, match);
}

/* Two selectors of a list may give the same part of one element: is this the first? */
static bool part_is_new(const struct selector *selector, const bool *matched, const struct css *css)
{
	unsigned i = 0;

	for (const struct selector *other = css->selectors; other != selector;
	     other = other->next, i++)
		if (matched[i] && other->part == selector->part &&
		    other->attr.len == selector->attr.len &&
		    (selector->part != CSS_ATTR ||
		     memcmp(other->attr.at, selector->attr.at, selector->attr.len) == 0))
			return false;
	return true;
}

static void parts_tell(struct search *search, const struct selector *selector,
		       const struct html_node *node)
{
	struct css_match match = {.part = selector->part, .node = node};

	switch (selector->part) {
	case CSS_NODE:
		match_tell(search, &match);
		break;
	case CSS_ATTR:
		match.attr = attr_find(node, selector->attr);
		if (match.attr)
			match_tell(search, &match);
		break;
	case CSS_TEXT:
		for (match.node = node->first; match.node; match.node = match.node->next)
			if (match.node->kind == HTML_TEXT)
				match_tell(search, &match);
		break;
	}
}

/* Asks the selectors that have `node` as their next candidate. */
static void candidate_try(struct search *search, const struct html_node *node)
{
	bool matched[CSS_SELECTORS_MAX] = {false};
	unsigned i = 0;

	for (const struct selector *selector = search->css->selectors;
	     selector && !search->m.exhausted; selector = selector->next, i++) {
		struct candidates *list = &search->lists[i];

		if (list->at == list->end || *list->at != node)
			continue;
		while (list->at < list->end && *list->at == node)
			list->at++;
		if (!selector_matches(&search->m, selector, node))
			continue;
		matched[i] = true;
		if (!search->ended && part_is_new(selector, matched, search->css))
			parts_tell(search, selector, node);
	}
}

/* The earliest candidate of all lists; NULL at their end. */
static const struct html_node *candidate_next(const struct search *search)
{
	const struct html_node *first = NULL;

	for (unsigned i = 0; i < search->css->selector_count; i++) {
		const struct candidates *list = &search->lists[i];

		if (list->at < list->end && (!first || (*list->at)->order < first->order))
			first = *list->at;
	}
	return first;
}

static int match_order(const void *a, const void *b)
{
	const struct css_match *x = a;
	const struct css_match *y = b;

	if (x->node->order != y->node->order)
		return x->node->order < y->node->order ? -1 : 1;
	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return (x->attr > y->attr) - (x->attr < y->attr);
}

static void kept_tell(struct search *search)
{
	if (search->kept_count)
		qsort(search->kept, search->kept_count, sizeof(*search->kept), match_order);
	for (size_t i = 0; i < search->kept_count && !search->ended; i++)
		if (i == 0 || match_order(&search->kept[i - 1], &search->kept[i]) != 0)
			search->ended = !search->found(search->ctx, &search->kept[i]);
}

static int search_error(const struct search *search, struct err *err)
{
	if (search->m.exhausted)
		return err_set(err, ERR_LIMIT, "selectors take too much work on this page");
	if (search->m.no_memory)
		return err_set(err, ERR_NO_MEMORY, "out of memory for a page's matches");
	return 0;
}

int css_select(const struct css *css, struct html *html, const struct html_node *root,
	       uint64_t *work, bool (*found)(void *ctx, const struct css_match *match), void *ctx,
	       struct err *err)
{
	struct search search = {
		.css = css, .m = {.root = root, .work = *work}, .found = found, .ctx = ctx};
	const struct html_node *node;
	unsigned i = 0;

	if (css_index_need(html, err))
		return -1;
	for (const struct selector *selector = css->selectors; selector; selector = selector->next)
		search.lists[i++] = css_index_find(html, selector->right, root);
	while (!search.ended && !search.m.exhausted && !search.m.no_memory &&
	       (node = candidate_next(&search)))
		candidate_try(&search, node);
	if (!search.m.exhausted && !search.m.no_memory)
		kept_tell(&search);
	free(search.kept);
	*work = search.m.work;
	return search_error(&search, err);
}

struct first {
	struct css_match match;
	bool found;
};

static bool first_found(void *ctx, const struct css_match *match)
{
	struct first *first = ctx;

	first->match = *match;
	first->found = true;
	return false;
}

int css_first(const struct css *css, struct html *html, const struct html_node *root,
	      uint64_t *work, struct css_match *ret_match, struct err *err)
{
	struct first first = {.found = false};

	if (css_select(css, html, root, work, first_found, &first, err))
		return -1;
	if (first.found)
		*ret_match = first.match;
	return first.found;
}

int css_matches(const struct css *css, struct html *html, const struct html_node *root,
		const struct html_node *element, uint64_t *work, struct err *err)
{
	struct search search = {.css = css, .m = {.root = root, .work = *work}};
	bool matches = false;

	(void)html; /* asks no index: one element is no search */
	for (const struct selector *selector = css->selectors; selector && !matches;
	     selector = selector->next)
		matches = selector_matches(&search.m, selector, element);
	*work = search.m.work;
	return search_error(&search, err) ? -1 : matches;
}
