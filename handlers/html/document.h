/* SPDX-License-Identifier: MIT */
/* document.h - what a struct html holds: for html.c, which makes it, and css_index.c,
 * which keeps its index here. */
#ifndef HTML_DOCUMENT_H
#define HTML_DOCUMENT_H

#include "base/arena.h"
#include "handlers/html/tree.h"

struct css_index;

struct html {
	struct arena arena;
	struct html_node *root;
	uint32_t nodes;		 /* in document order, without the content of templates */
	struct css_index *index; /* css_index.c; NULL until somebody selects */
};

#endif
