/* SPDX-License-Identifier: MIT */
/* selector.h - a compiled selector, inside: css_parse.c builds it, css_match.c asks it,
 * css_select.c runs it over the index of css_index.c.
 *
 *	"ul.menu > li a::attr(href), b"
 *	 css ── selectors ──▶ selector {part: ATTR "href"} ── right ──▶ compound "a"
 *	                      │ next                               ' ' │ left
 *	                      ▼                                        ▼
 *	                      selector "b"             compound "li" ─'>' left─▶ "ul.menu"
 *
 * A compound is a chain of tests, all of which an element must pass.
 */
#ifndef HTML_SELECTOR_H
#define HTML_SELECTOR_H

#include "base/arena.h"
#include "handlers/html/css.h"
#include "handlers/html/names.h"

enum test_kind {
	TEST_TAG,
	TEST_ID,
	TEST_CLASS,
	TEST_ATTR,
	TEST_NTH,
	TEST_IS,
	TEST_NOT,
	TEST_HAS,
	TEST_CONTAINS,
	TEST_CONTAINS_OWN,
	TEST_LANG,
	TEST_EMPTY,
	TEST_ROOT,
	TEST_SCOPE,
	TEST_ANCHOR, /* the element that :has() is asked about */
	TEST_LINK,
	TEST_CHECKED,
	TEST_DISABLED,
	TEST_ENABLED,
	TEST_NEVER, /* :hover and its like: nothing happens on a page that nobody sees */
};

enum attr_op {
	ATTR_PRESENT,
	ATTR_EQUALS,	/* = */
	ATTR_WORD,	/* ~= */
	ATTR_DASH,	/* |= */
	ATTR_BEGINS,	/* ^= */
	ATTR_ENDS,	/* $= */
	ATTR_SUBSTRING, /* *= */
};

/* A text without its NUL being needed. */
struct word {
	const char *at;
	size_t len;
};

struct test {
	enum test_kind kind;
	struct test *next;
	enum html_tag tag;     /* TEST_TAG with a known name */
	struct word name;      /* of the element, attribute; lower case */
	struct word value;     /* id, class, attribute's value, text */
	enum attr_op op;       /* TEST_ATTR */
	bool fold;	       /* the value without case */
	bool from_end;	       /* TEST_NTH: :nth-last-… */
	bool of_type;	       /* TEST_NTH: :nth-of-type */
	int a, b;	       /* TEST_NTH: an+b */
	unsigned nth;	       /* TEST_NTH: which of the css; its place in the cache */
	struct selector *list; /* TEST_IS, NOT, HAS, and NTH … of list; else NULL */
};

enum combinator {
	COMBINATOR_NONE = 0, /* the leftmost compound */
	COMBINATOR_DESCENDANT = ' ',
	COMBINATOR_CHILD = '>',
	COMBINATOR_NEXT = '+',
	COMBINATOR_LATER = '~',
	COMBINATOR_INSIDE = 'i', /* descendant or itself: before a bare ::text */
};

struct compound {
	struct test *tests;	    /* NULL: any element */
	enum combinator combinator; /* how it stands to `left` */
	struct compound *left;
};

struct selector {
	struct compound *right;
	enum css_part part;
	struct word attr; /* CSS_ATTR */
	struct selector *next;
};

enum { CSS_SELECTORS_MAX = 64, CSS_COMPOUNDS_MAX = 64, CSS_NTHS_MAX = 32 };

struct css {
	struct arena arena;
	struct selector *selectors;
	unsigned selector_count;
	unsigned nth_count;
	bool has_text; /* one selects ::text: matches are sorted at the end */
};

/* Where a search for the k-th sibling stood; candidates come in document order, so the
 * next question about the same parent goes on from here. */
struct nth_cache {
	const struct html_node *parent, *node, *type;
	unsigned index, total;
};

struct matcher {
	const struct html_node *root;	/* nothing above or beside it is seen */
	const struct html_node *anchor; /* of the innermost :has() */
	uint64_t work;
	bool exhausted, no_memory;
	struct nth_cache nths[CSS_NTHS_MAX];
};

/* css_match.c */
bool selector_matches(struct matcher *m, const struct selector *selector,
		      const struct html_node *element);
const struct html_attr *attr_find(const struct html_node *node, struct word name);

/* css_index.c: the document's elements by number, class and id, built on first use. */
struct candidates {
	const struct html_node *const *at, *const *end;
};

int css_index_need(struct html *html, struct err *err);
struct candidates css_index_find(const struct html *html, const struct compound *right,
				 const struct html_node *root);

#endif
