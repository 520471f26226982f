/* SPDX-License-Identifier: MIT */
/* html.h - from the bytes of a page to its tree, as browsers build it.
 *
 * Tokens and tree construction follow the HTML standard (WHATWG, 13.2) to the letter,
 * with scripts never run.  What the standard leaves unbounded is bounded here: bytes,
 * memory, depth, and work, so that a hostile page costs no more than its own error.
 *
 *	if (html_parse(text, len, HTML_DEFAULTS, &html, err))
 *		return -1;
 *	for (node = html_root(html); node; node = html_next(node, html_root(html)))
 *		…
 *	html_free(html);
 *
 * Threads    a document belongs to one thread at a time; documents are independent.
 * Ownership  the document borrows the bytes of the page: keep them, unchanged, until
 *            html_free().  It owns everything else.
 * Errors     ERR_LIMIT: one of the limits; ERR_NO_MEMORY.
 * Units      bytes; work in steps of tokens and searches, a few nanoseconds each.
 */
#ifndef HTML_HTML_H
#define HTML_HTML_H

#include "base/err.h"
#include "handlers/html/tree.h"

struct html;

struct html_limits {
	size_t bytes_max;	/* of the page */
	size_t arena_bytes_max; /* of the tree */
	size_t work_per_byte;	/* the page may cost work_base + work_per_byte × its bytes */
	size_t work_base;
	int64_t cpu_us_max; /* of the thread that parses */
	unsigned depth_max; /* elements that would be deeper become siblings */
	bool scripting;	    /* true: <noscript> holds text, as where scripts run */
};

extern const struct html_limits HTML_DEFAULTS; /* from base/limits.h; scripting off */

/* Parses a page in UTF-8 (see net/charset.h); bytes that are not UTF-8 pass unchanged. */
int html_parse(const char *bytes, size_t len, struct html_limits limits, struct html **ret_html,
	       struct err *err);

/* Parses as the content of an element of that name (the fragment case, 13.4): the
 * root's children are the fragment's nodes.  `space` is the element's namespace. */
int html_parse_fragment(const char *bytes, size_t len, struct html_limits limits,
			const char *context, enum html_space space, struct html **ret_html,
			struct err *err);

void html_free(struct html *html); /* NULL is fine */

struct html_node *html_root(const struct html *html); /* of kind HTML_DOCUMENT */
struct html_node *html_html(const struct html *html); /* <html>; NULL in fragments */
struct html_node *html_head(const struct html *html); /* <head>, or NULL */
struct html_node *html_body(const struct html *html); /* <body> or <frameset>, or NULL */
size_t html_memory(const struct html *html);	      /* bytes the document holds */

/* The text of the first <title>, trimmed and collapsed; nothing when there is none. */
void html_title(const struct html *html, struct buf *buf);

#endif
