/* SPDX-License-Identifier: MIT */
/* xpath.h - XPath 1.0 over a page, by libxml2.
 *
 * The library is loaded when the first expression is compiled: it and what it brings
 * along cost 1.9 MiB of an idle daemon.  A page that is asked gets a second tree of
 * libxml2's nodes once, in an arena, over the same document.
 *
 * Elements have their local names in lower case and no namespace, SVG and MathML too
 * (`//svg`); there are no variables and no prefixes.
 *
 * Threads    a compiled expression may be evaluated by many threads at once: libxml2
 *            keeps in it only which function a name means, the same for all.  A
 *            struct xpath_page belongs to one thread.
 * Ownership  matches borrow from the page, texts of results until found() returns.
 * Errors     compile: ERR_INVALID_SPEC with *ret_mistake, ERR_NOT_IMPLEMENTED when the
 *            library is not installed; search: ERR_LIMIT, ERR_NO_MEMORY.
 * Units      offsets in bytes; work in libxml2's operations, about one a node visited.
 */
#ifndef HTML_XPATH_H
#define HTML_XPATH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct html;
struct html_node;
struct xpath;
struct xpath_page;

struct xpath_mistake {
	size_t offset;	  /* of what is wrong */
	char detail[160]; /* without a full stop */
	char hint[80];	  /* what would be right; "" when nobody knows */
};

/* Compiles an expression of at most SELECTOR_BYTES_MAX bytes. */
int xpath_compile(const char *text, struct xpath **ret_xpath, struct xpath_mistake *ret_mistake,
		  struct err *err);
void xpath_free(struct xpath *xpath); /* NULL is fine */

int xpath_page_new(const struct html *html, struct xpath_page **ret_page, struct err *err);
void xpath_page_free(struct xpath_page *page); /* NULL is fine; before html_free() */

enum xpath_kind { XPATH_IS_NODE, XPATH_IS_TEXT, XPATH_IS_NUMBER, XPATH_IS_TRUTH };

/* What an expression gives: elements (the document, too), strings (of attributes, text
 * nodes, comments and string functions), one number, one truth. */
struct xpath_match {
	enum xpath_kind kind;
	const struct html_node *node; /* XPATH_IS_NODE */
	const char *text;	      /* XPATH_IS_TEXT */
	size_t len;
	double number; /* XPATH_IS_NUMBER */
	bool truth;    /* XPATH_IS_TRUTH */
};

/* Evaluates with `context` as the context node; found() as in css_select(), in document
 * order.  All searches of a page share XPATH_WORK_MAX operations. */
int xpath_select(const struct xpath *xpath, struct xpath_page *page,
		 const struct html_node *context,
		 bool (*found)(void *ctx, const struct xpath_match *match), void *ctx,
		 struct err *err);

#endif
