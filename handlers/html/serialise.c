/* SPDX-License-Identifier: MIT */
/* serialise.c - a tree as markup (WHATWG HTML 13.3). */
#include "base/buf.h"
#include "handlers/html/tree.h"

#include <string.h>

/* Text or an attribute's value with what would be markup escaped. */
static void escaped_add(struct buf *buf, const char *text, size_t len, bool attribute)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		const char *escape = NULL;
		size_t width = 1;

		if (text[i] == '&') {
			escape = "&amp;";
		} else if (text[i] == '<') {
			escape = "&lt;";
		} else if (text[i] == '>') {
			escape = "&gt;";
		} else if (attribute && text[i] == '"') {
			escape = "&quot;";
		} else if (text[i] == '\xC2' && i + 1 < len && text[i + 1] == '\xA0') {
			escape = "&nbsp;";
			width = 2;
		}
		if (!escape)
			continue;
		buf_add(buf, text + from, i - from);
		buf_add_text(buf, escape);
		from = i + width;
		i += width - 1;
	}
	buf_add(buf, text + from, len - from);
}

static bool has_flag(const struct html_node *node, unsigned flag)
{
	return node->kind == HTML_ELEMENT && node->space == HTML_SPACE_HTML &&
	       (html_tag_flags((enum html_tag)node->tag) & flag);
}

static void start_tag_add(struct buf *buf, const struct html_node *node)
{
	buf_add_byte(buf, '<');
	buf_add(buf, node->text, node->len);
	for (const struct html_attr *attr = node->attrs; attr; attr = attr->next) {
		buf_add_byte(buf, ' ');
		buf_add(buf, attr->name, attr->name_len);
		buf_add_text(buf, "=\"");
		escaped_add(buf, attr->value, attr->value_len, true);
		buf_add_byte(buf, '"');
	}
	buf_add_byte(buf, '>');
}

static void node_begin(struct buf *buf, const struct html_node *node)
{
	switch ((enum html_kind)node->kind) {
	case HTML_ELEMENT:
		start_tag_add(buf, node);
		break;
	case HTML_TEXT:
		if (node->parent && has_flag(node->parent, TAG_RAW))
			buf_add(buf, node->text, node->len);
		else
			escaped_add(buf, node->text, node->len, false);
		break;
	case HTML_COMMENT:
		buf_add_text(buf, "<!--");
		buf_add(buf, node->text, node->len);
		buf_add_text(buf, "-->");
		break;
	case HTML_DOCTYPE:
		buf_add_text(buf, "<!DOCTYPE ");
		buf_add(buf, node->text, node->len);
		buf_add_byte(buf, '>');
		break;
	case HTML_DOCUMENT:
	case HTML_CONTENT:
		break;
	}
}

static void node_end(struct buf *buf, const struct html_node *node)
{
	if (node->kind != HTML_ELEMENT || has_flag(node, TAG_VOID))
		return;
	buf_add_text(buf, "</");
	buf_add(buf, node->text, node->len);
	buf_add_byte(buf, '>');
}

/* All below `root`; content of templates included. */
void html_inner(const struct html_node *root, struct buf *buf)
{
	const struct html_node *node = root->first;

	if (has_flag(root, TAG_VOID))
		return;
	while (node) {
		node_begin(buf, node);
		if (node->first && !has_flag(node, TAG_VOID)) {
			node = node->first;
			continue;
		}
		node_end(buf, node);
		while (node != root && !node->next) {
			node = node->parent;
			if (node != root)
				node_end(buf, node);
		}
		node = node == root ? NULL : node->next;
	}
}

void html_outer(const struct html_node *node, struct buf *buf)
{
	node_begin(buf, node);
	html_inner(node, buf);
	node_end(buf, node);
}
