/* SPDX-License-Identifier: MIT */
/* fuzz_html.c - any bytes are a page: it parses or fails with a limit, its tree is sound,
 * and its texts and markup can be read. */
#include "base/buf.h"
#include "handlers/html/html.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_BYTES_MAX = 1 << 24 };

static const char *const contexts[] = {"div",	 "table", "tr",	  "select",  "template",
				       "script", "title", "html", "frameset"};

/* Every node's links agree with its neighbours', and orders grow along the walk. */
static void tree_check(const struct html *html)
{
	const struct html_node *root = html_root(html);
	uint32_t order = 0;

	for (const struct html_node *node = root; node; node = html_next(node, root)) {
		assert(node->order == order++);
		assert(node->last_order >= node->order);
		assert(!node->first == !node->last);
		assert(!node->first || node->first->parent == node);
		assert(!node->next ||
		       (node->next->prev == node && node->next->parent == node->parent));
		assert(node->kind != HTML_TEXT || node->len > 0);
	}
	assert(root->last_order + 1 == order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct html_limits limits = HTML_DEFAULTS;
	struct buf text = BUF(TEXT_BYTES_MAX);
	struct html *html = NULL;
	struct err err;
	int rc;

	if (size < 1)
		return 0;
	limits.scripting = data[0] & 1;
	limits.depth_max = data[0] & 2 ? 8 : limits.depth_max;
	limits.arena_bytes_max = data[0] & 4 ? size * 8 + 100 : limits.arena_bytes_max;
	if (data[0] & 8)
		rc = html_parse_fragment(
			(const char *)data + 1, size - 1, limits,
			contexts[(data[0] >> 4) % (sizeof(contexts) / sizeof(*contexts))],
			HTML_SPACE_HTML, &html, &err);
	else
		rc = html_parse((const char *)data + 1, size - 1, limits, &html, &err);
	if (rc)
		return 0;
	tree_check(html);
	html_text(html_root(html), &text);
	buf_clear(&text);
	html_text_clean(html_root(html), &text);
	buf_clear(&text);
	html_title(html, &text);
	html_outer(html_root(html), &text);
	buf_done(&text);
	html_free(html);
	return 0;
}
