/* SPDX-License-Identifier: MIT */
/* css.h - CSS selectors, compiled once, run over many pages.
 *
 * Selectors level 3, and from level 4 :is(), :where(), :not(list), :has(relative list),
 * :nth-child(… of list), :scope, attribute flags i and s.  Ours and Scrapy's:
 * :contains("text") and :contains-own("text"), and at the end of a selector ::text and
 * ::attr(name), with parsel's meaning: "p::text" is each text node that is a child of a
 * p, "p ::text" each below it.  A selector may begin with a combinator ("> li"): it is
 * then relative to the root of the search.
 *
 * A search sees the root and what is below it, never above ("div a" inside an <a> finds
 * only divs that are inside, too), as in Scrapy.  Names of elements and attributes are
 * compared without case; content of <template> is not seen.
 *
 * Threads    a compiled selector is read-only: share it between threads.  A search
 *            builds the document's index on first use: one thread for one document.
 * Ownership  a match borrows from the document.
 * Errors     compile: ERR_INVALID_SPEC with *ret_mistake; search: ERR_LIMIT when the
 *            budget is used up, ERR_NO_MEMORY.
 * Units      offsets in bytes; work in comparisons.
 */
#ifndef HTML_CSS_H
#define HTML_CSS_H

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct css;
struct html;
struct html_attr;
struct html_node;

struct css_mistake {
	size_t offset;	  /* of the character that is wrong */
	char detail[160]; /* what is wrong, without a full stop */
	char hint[160];	  /* what would be right; "" when nobody knows */
};

enum css_part { CSS_NODE, CSS_TEXT, CSS_ATTR };

struct css_match {
	enum css_part part;
	const struct html_node *node; /* CSS_TEXT: the text node itself */
	const struct html_attr *attr; /* CSS_ATTR only */
};

/* Compiles a selector list of at most SELECTOR_BYTES_MAX bytes. */
int css_compile(const char *text, struct css **ret_css, struct css_mistake *ret_mistake,
		struct err *err);
void css_free(struct css *css); /* NULL is fine */

/* What the matches are; CSS_NODE unless every selector of the list ends with ::text or
 * ::attr(). */
enum css_part css_part(const struct css *css);

/* Calls found() for each match below `root` (the root included) in document order, each
 * once; it returns false to end the search.  *work is what the search may still cost and
 * is counted down: start a page with CSS_WORK_DEFAULT and share it between selectors. */
int css_select(const struct css *css, struct html *html, const struct html_node *root,
	       uint64_t *work, bool (*found)(void *ctx, const struct css_match *match), void *ctx,
	       struct err *err);

/* The first match; 1 found, 0 none, -1 and *err. */
int css_first(const struct css *css, struct html *html, const struct html_node *root,
	      uint64_t *work, struct css_match *ret_match, struct err *err);

#define CSS_WORK_DEFAULT ((uint64_t)CSS_WORK_MAX) /* base/limits.h */

/* Does the element match, with `root` as the limit of what is seen?  1, 0, or -1. */
int css_matches(const struct css *css, struct html *html, const struct html_node *root,
		const struct html_node *element, uint64_t *work, struct err *err);

/* The text or value of a match: CSS_TEXT and CSS_ATTR borrow it; CSS_NODE gives NULL. */
const char *css_match_text(const struct css_match *match, size_t *ret_len);

#endif
