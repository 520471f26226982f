/* SPDX-License-Identifier: MIT */
/* tree.c - walking a tree and reading its texts; the markup is written by serialise.c. */
#include "handlers/html/tree.h"

#include "base/buf.h"

#include <string.h>

static inline struct html_node *first_child(const struct html_node *node)
{
	return node->first && node->first->kind != HTML_CONTENT ? node->first : NULL;
}

struct html_node *html_next_outside(const struct html_node *node, const struct html_node *root)
{
	while (node && node != root) {
		if (node->next)
			return node->next;
		node = node->parent;
	}
	return NULL;
}

struct html_node *html_next(const struct html_node *node, const struct html_node *root)
{
	struct html_node *child = first_child(node);

	return child ? child : html_next_outside(node, root);
}

struct html_node *html_next_element(const struct html_node *node, const struct html_node *root)
{
	struct html_node *next = html_next(node, root);

	while (next && next->kind != HTML_ELEMENT)
		next = html_next(next, root);
	return next;
}

const struct html_attr *html_attr_len(const struct html_node *node, const char *name, size_t len)
{
	for (const struct html_attr *attr = node->attrs; attr; attr = attr->next)
		if (attr->name_len == len && memcmp(attr->name, name, len) == 0)
			return attr;
	return NULL;
}

const struct html_attr *html_attr(const struct html_node *node, const char *name)
{
	return html_attr_len(node, name, strlen(name));
}

void html_text(const struct html_node *node, struct buf *buf)
{
	const struct html_node *root = node;

	for (; node; node = html_next(node, root))
		if (node->kind == HTML_TEXT)
			buf_add(buf, node->text, node->len);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r';
}

/* Text that nobody reads on the page. */
static bool is_unseen(const struct html_node *node)
{
	return html_is(node, HTML_TAG_SCRIPT) || html_is(node, HTML_TAG_STYLE) ||
	       html_is(node, HTML_TAG_NOSCRIPT);
}

/* Is what is inside set apart from what is around it? */
static bool is_block(const struct html_node *node)
{
	if (node->kind != HTML_ELEMENT || node->space != HTML_SPACE_HTML)
		return false;
	switch ((enum html_tag)node->tag) {
	case HTML_TAG_AREA:
	case HTML_TAG_BUTTON:
	case HTML_TAG_EMBED:
	case HTML_TAG_IMG:
	case HTML_TAG_OBJECT:
	case HTML_TAG_WBR:
		return false;
	case HTML_TAG_OPTION:
	case HTML_TAG_OPTGROUP:
	case HTML_TAG_DIALOG:
		return true;
	default:
		return html_tag_flags((enum html_tag)node->tag) & TAG_SPECIAL;
	}
}

/* The state of a collapsed text: is a space due before the next word? */
struct words {
	struct buf *buf;
	size_t start; /* where the text begins in buf */
	bool space;
};

static void words_add(struct words *words, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *word = text;

		while (text < end && !is_space(*text))
			text++;
		if (text > word) {
			if (words->space && words->buf->len > words->start)
				buf_add_byte(words->buf, ' ');
			buf_add(words->buf, word, (size_t)(text - word));
			words->space = false;
		}
		for (; text < end && is_space(*text); text++)
			words->space = true;
	}
}

void html_text_clean(const struct html_node *node, struct buf *buf)
{
	const struct html_node *root = node;
	struct words words = {.buf = buf, .start = buf->len};

	while (node) {
		if (node->kind == HTML_TEXT)
			words_add(&words, node->text, node->len);
		else if (is_block(node))
			words.space = true;
		if (first_child(node) && (node == root || !is_unseen(node))) {
			node = node->first;
			continue;
		}
		while (node != root && !node->next) {
			node = node->parent;
			if (is_block(node))
				words.space = true;
		}
		node = node == root ? NULL : node->next;
	}
}
