/* SPDX-License-Identifier: MIT */
/* selected.c - <selectedcontent> shows a copy of the selected option, made by the parser
 * (WHATWG HTML 4.10.10.3, "clone an option into a selectedcontent").
 *
 * The copies are made when the tree is whole: the last option with a `selected`
 * attribute, else the first. */
#include "handlers/html/builder.h"

static struct html_node *option_of(const struct html_node *select)
{
	struct html_node *chosen = NULL;

	for (struct html_node *node = html_next_element(select, select); node;
	     node = html_next_element(node, select)) {
		if (!html_is(node, HTML_TAG_OPTION))
			continue;
		if (!chosen || html_attr(node, "selected"))
			chosen = node;
	}
	return chosen;
}

static struct html_node *node_copy(struct builder *b, const struct html_node *node)
{
	struct html_node *copy = node_new(b, (enum html_kind)node->kind);

	copy->space = node->space;
	copy->tag = node->tag;
	copy->text = node->text;
	copy->len = node->len;
	copy->attrs = node->attrs;
	return copy;
}

/* Copies all below `from` under `to`, without recursion. */
static void children_copy(struct builder *b, const struct html_node *from, struct html_node *to)
{
	const struct html_node *node = from->first;

	while (node && !b->stopped) {
		struct html_node *copy = node_copy(b, node);

		build_work(b, 1);
		node_append(to, copy);
		if (node->first) {
			node = node->first;
			to = copy;
			continue;
		}
		while (node != from && !node->next) {
			node = node->parent;
			if (node != from)
				to = to->parent;
		}
		node = node != from ? node->next : NULL;
	}
}

static void select_fill(struct builder *b, struct html_node *select)
{
	const struct html_node *option = option_of(select);
	struct html_node *node = select;

	while (node && !html_is(node, HTML_TAG_SELECTEDCONTENT)) {
		node = html_next_element(node, select);
		build_work(b, 1);
	}
	if (!node || !option)
		return;
	for (const struct html_node *up = node->parent; up != select; up = up->parent)
		if (up == option)
			return; /* a copy of itself has no end */
	while (node->first)
		node_unlink(node->first);
	children_copy(b, option, node);
}

void selected_fill(struct builder *b)
{
	struct html_node *root = b->document;

	for (struct html_node *node = root; node && !b->stopped;
	     node = html_next_element(node, root))
		if (html_is(node, HTML_TAG_SELECT))
			select_fill(b, node);
}
