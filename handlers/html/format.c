/* SPDX-License-Identifier: MIT */
/* format.c - the list of active formatting elements (13.2.4.3) and the adoption agency
 * (13.2.6.4.7), which repair <b><i></b></i>.
 *
 * The list is short in honest pages.  Its length is capped: past HTML_FORMAT_MAX the
 * oldest entry is forgotten, so that no <p> ever reopens more elements than that.
 */
#include "handlers/html/builder.h"

#include <string.h>

enum { ADOPTIONS_MAX = 8, INNER_MAX = 3, ALIKE_MAX = 3 };

static void entry_drop(struct builder *b, size_t index)
{
	b->format_count--;
	memmove(&b->formats[index], &b->formats[index + 1],
		(b->format_count - index) * sizeof(b->formats[0]));
}

static void entry_add(struct builder *b, size_t index, struct html_node *node)
{
	if (b->format_count == HTML_FORMAT_MAX) {
		build_work(b, HTML_FORMAT_MAX / 16); /* one memmove */
		entry_drop(b, 0);
		index -= index > 0;
	}
	memmove(&b->formats[index + 1], &b->formats[index],
		(b->format_count - index) * sizeof(b->formats[0]));
	b->formats[index] = node;
	b->format_count++;
}

/* The entry's index; format_count when it is not there. */
static size_t entry_index(struct builder *b, const struct html_node *node)
{
	size_t i = b->format_count;

	while (i-- > 0)
		if (b->formats[i] == node)
			break;
	build_work(b, b->format_count - i);
	return i < b->format_count ? i : b->format_count;
}

static size_t attrs_count(const struct html_attr *attr)
{
	size_t count = 0;

	for (; attr; attr = attr->next)
		count++;
	return count;
}

static bool attrs_alike(struct builder *b, const struct html_node *x, const struct html_node *y)
{
	size_t count = attrs_count(x->attrs);

	if (x->attrs == y->attrs)
		return true;
	build_work(b, 1 + count / 4);
	if (count != attrs_count(y->attrs))
		return false;
	for (const struct html_attr *attr = x->attrs; attr; attr = attr->next) {
		const struct html_attr *other = html_attr_len(y, attr->name, attr->name_len);

		build_work(b, count - 1);
		if (b->stopped || !other || other->value_len != attr->value_len ||
		    memcmp(other->value, attr->value, attr->value_len) != 0)
			return false;
	}
	return true;
}

/* With the Noah's Ark clause: of elements that are alike three stay. */
void format_push(struct builder *b, struct html_node *node)
{
	size_t earliest = 0;
	unsigned alike = 0;

	build_work(b, 1 + b->format_count / 4); /* a glance at each: cheaper than a step */
	for (size_t i = b->format_count; i-- > 0 && b->formats[i];) {
		if (b->formats[i]->tag == node->tag && attrs_alike(b, b->formats[i], node)) {
			alike++;
			earliest = i;
		}
	}
	if (alike >= ALIKE_MAX)
		entry_drop(b, earliest);
	entry_add(b, b->format_count, node);
}

void format_marker(struct builder *b)
{
	entry_add(b, b->format_count, NULL);
}

void format_clear(struct builder *b)
{
	while (b->format_count > 0)
		if (!b->formats[--b->format_count])
			break;
}

void format_remove(struct builder *b, const struct html_node *node)
{
	size_t index = entry_index(b, node);

	if (index < b->format_count)
		entry_drop(b, index);
}

struct html_node *format_find(const struct builder *b, enum html_tag tag)
{
	for (size_t i = b->format_count; i-- > 0 && b->formats[i];)
		if (b->formats[i]->tag == tag)
			return b->formats[i];
	return NULL;
}

static bool entry_closed(const struct builder *b, size_t index)
{
	return b->formats[index] && !(b->formats[index]->flags & FLAG_OPEN);
}

/* Reopens the formatting elements that something closed on its way. */
void format_reconstruct(struct builder *b)
{
	size_t i = b->format_count;

	while (i > 0 && entry_closed(b, i - 1))
		i--;
	for (; i < b->format_count && !b->stopped; i++) {
		const struct html_node *old = b->formats[i];
		struct token token = {.kind = TOKEN_START,
				      .tag = (enum html_tag)old->tag,
				      .text = {old->text, old->len}};
		struct html_node *node = element_insert(b, &token);

		node->attrs = old->attrs;
		b->formats[i] = node;
		build_work(b, 1);
	}
}

static bool is_special(const struct html_node *node)
{
	enum html_tag tag = (enum html_tag)node->tag;

	if (node->space == HTML_SPACE_HTML)
		return html_tag_flags(tag) & TAG_SPECIAL;
	if (node->space == HTML_SPACE_SVG)
		return tag == HTML_TAG_FOREIGNOBJECT || tag == HTML_TAG_DESC ||
		       tag == HTML_TAG_TITLE;
	return (tag >= HTML_TAG_MI && tag <= HTML_TAG_MTEXT) || tag == HTML_TAG_ANNOTATION_XML;
}

/* "Any other end tag" (13.2.6.4.7, at its end). */
void rule_any_end(struct builder *b, const struct token *token)
{
	if (token->tag && b->open_tags[token->tag] == 0)
		return;
	for (size_t i = b->open_count; i-- > 1;) {
		struct html_node *node = b->open[i];

		build_work(b, 1);
		if (node->space == HTML_SPACE_HTML && node->tag == token->tag &&
		    (token->tag || (node->len == token->text.len &&
				    memcmp(node->text, token->text.at, node->len) == 0))) {
			while (stack_top(b) != node &&
			       (html_tag_flags(stack_top(b)->tag) & TAG_IMPLIED) &&
			       stack_top(b)->space == HTML_SPACE_HTML)
				stack_pop(b);
			stack_pop_until_node(b, node);
			return;
		}
		if (is_special(node))
			return;
	}
}

/* The special element that is open highest above `format` on the stack; its index. */
static size_t furthest_block(struct builder *b, size_t format)
{
	for (size_t i = format + 1; i < b->open_count; i++) {
		build_work(b, 1);
		if (is_special(b->open[i]))
			return i;
	}
	return b->open_count;
}

/* Steps 4.13: rebuilds the chain between the formatting element and the furthest block.
 * Returns the last node; *bookmark is where the new formatting element goes. */
static struct html_node *chain_rebuild(struct builder *b, size_t format, size_t block,
				       size_t *bookmark)
{
	struct html_node *furthest = b->open[block];
	struct html_node *last = furthest;
	size_t count = 0;

	for (size_t i = block - 1; i > format && !b->stopped; i--) {
		struct html_node *node = b->open[i];
		size_t entry = entry_index(b, node);

		if (++count > INNER_MAX && entry < b->format_count) {
			entry_drop(b, entry);
			if (entry < *bookmark)
				--*bookmark;
			entry = b->format_count;
		}
		if (entry == b->format_count) {
			stack_remove(b, node);
			continue;
		}
		node = element_copy(b, node);
		stack_replace(b, b->open[i], node);
		b->formats[entry] = node;
		if (last == furthest)
			*bookmark = entry + 1;
		node_append(node, last);
		last = node;
	}
	return last;
}

/* One turn of the outer loop; false when it was the last. */
static bool adopt_once(struct builder *b, const struct token *token)
{
	struct html_node *format = format_find(b, token->tag);
	struct html_node *ancestor, *furthest, *last, *copy;
	size_t at, block, bookmark;

	if (!format) {
		rule_any_end(b, token);
		return false;
	}
	if (!(format->flags & FLAG_OPEN)) {
		format_remove(b, format);
		return false;
	}
	if (!stack_has_node(b, format))
		return false;
	at = stack_index(b, format);
	block = furthest_block(b, at);
	if (block == b->open_count) {
		stack_pop_until_node(b, format);
		format_remove(b, format);
		return false;
	}
	ancestor = b->open[at - 1];
	furthest = b->open[block];
	bookmark = entry_index(b, format);
	last = chain_rebuild(b, at, block, &bookmark);
	node_place(b, ancestor, last);
	copy = element_copy(b, format);
	while (furthest->first && !b->stopped) {
		node_append(copy, furthest->first);
		build_work(b, 1);
	}
	node_append(furthest, copy);
	if (entry_index(b, format) < bookmark)
		bookmark--;
	format_remove(b, format);
	entry_add(b, MIN(bookmark, b->format_count), copy);
	stack_remove(b, format);
	stack_insert_after(b, furthest, copy);
	return !b->stopped;
}

void format_adopt(struct builder *b, const struct token *token)
{
	struct html_node *top = stack_top(b);

	if (html_is(top, token->tag) && entry_index(b, top) == b->format_count) {
		stack_pop(b);
		return;
	}
	for (unsigned turn = 0; turn < ADOPTIONS_MAX; turn++)
		if (!adopt_once(b, token))
			return;
}
