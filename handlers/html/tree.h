/* SPDX-License-Identifier: MIT */
/* tree.h - an HTML document as a tree of nodes, to be walked and read.
 *
 * Nodes are plain structs: read their members, follow their links, change nothing.
 * Texts are (pointer, length) pairs in UTF-8 WITHOUT a NUL at their end; most point
 * straight into the page that was parsed.  No function here recurses, so the depth
 * of a tree costs nothing.
 *
 * A <template> keeps its content apart, as in browsers: its only child is a node of
 * kind HTML_CONTENT, and the walk (html_next) does not enter it unless it starts
 * there, so that neither texts nor selectors see inert content.
 *
 * Threads    any number of readers, as long as nobody selects (css.h builds an index
 *            in the document on first use): in practice one thread for one document.
 * Ownership  nodes, attributes and texts belong to the document (html.h); buf is the
 *            caller's.
 * Errors     functions that fill a buf say nothing: ask buf_ok() once at the end.
 * Units      lengths in bytes.
 */
#ifndef HTML_TREE_H
#define HTML_TREE_H

#include "handlers/html/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum html_kind {
	HTML_DOCUMENT, /* the root of the tree; has no name */
	HTML_DOCTYPE,  /* text: its name; attributes "public" and "system" */
	HTML_ELEMENT,  /* text: its local name */
	HTML_TEXT,     /* text: its characters, never empty */
	HTML_COMMENT,  /* text: what is between <!-- and --> */
	HTML_CONTENT,  /* the content of its parent, a <template> */
};

enum html_space { HTML_SPACE_HTML, HTML_SPACE_SVG, HTML_SPACE_MATH };

enum html_attr_space { HTML_ATTR_PLAIN, HTML_ATTR_XLINK, HTML_ATTR_XML, HTML_ATTR_XMLNS };

struct html_attr {
	const char *name; /* lower case (SVG and MathML: as they spell it); "xlink:href" whole */
	const char *value;
	uint32_t name_len, value_len;
	uint8_t space;		/* enum html_attr_space: set only where the standard adjusts it */
	struct html_attr *next; /* in the order of the page */
};

struct html_node {
	uint8_t kind;  /* enum html_kind */
	uint8_t space; /* enum html_space */
	uint16_t tag;  /* enum html_tag, in every namespace; HTML_TAG_OTHER: see the name */
	uint32_t len;  /* of text */
	const char *text;
	struct html_node *parent, *first, *last, *prev, *next;
	struct html_attr *attrs;
	uint32_t order;	     /* place in document order, from 0: set when the tree is whole */
	uint32_t last_order; /* the order of its last descendant, or its own */
	uint32_t room;	     /* private: bytes that text may grow to in place */
	uint32_t flags;	     /* private */
};

/* The next node in document order inside `root`, or NULL; start with node = root.
 * Children of a <template> are skipped (see above).  html_next_outside() goes on
 * after the descendants of `node`. */
struct html_node *html_next(const struct html_node *node, const struct html_node *root);
struct html_node *html_next_outside(const struct html_node *node, const struct html_node *root);

/* The next node that is an element; the same walk. */
struct html_node *html_next_element(const struct html_node *node, const struct html_node *root);

static inline bool html_is(const struct html_node *node, enum html_tag tag)
{
	return node->tag == tag && node->kind == HTML_ELEMENT && node->space == HTML_SPACE_HTML;
}

/* The attribute of that name (lower case for HTML elements), or NULL. */
const struct html_attr *html_attr(const struct html_node *node, const char *name);
const struct html_attr *html_attr_len(const struct html_node *node, const char *name, size_t len);

/* All text in and below `node`, as it stands (DOM textContent). */
void html_text(const struct html_node *node, struct buf *buf);

/* The same for people: without <script>, <style>, <noscript> and comments, runs of
 * whitespace as one space, none at the ends, and a space where a block begins or ends
 * ("<td>a<td>b" reads "a b"). */
void html_text_clean(const struct html_node *node, struct buf *buf);

/* The markup of the node itself, or of its children (WHATWG HTML 13.3). */
void html_outer(const struct html_node *node, struct buf *buf);
void html_inner(const struct html_node *node, struct buf *buf);

#endif
