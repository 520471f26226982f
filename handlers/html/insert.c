/* SPDX-License-Identifier: MIT */
/* insert.c - where a node goes (13.2.6.1), and the nodes themselves.
 *
 * Depth is capped as browsers do it: once more elements are open than depth_max, a new
 * one becomes the sibling of the element that it would have been inside, while the stack
 * of open elements stays as the standard wants it.
 */
#include "handlers/html/builder.h"

#include <string.h>

enum { TEXT_ROOM_MIN = 64 };

struct place {
	struct html_node *parent;
	struct html_node *before; /* NULL: at the end */
};

struct html_node *node_new(struct builder *b, enum html_kind kind)
{
	struct html_node *node = arena_alloc(b->arena, sizeof(*node));

	if (!node) {
		build_stop(b);
		node = &b->spare;
		*node = (struct html_node){0};
	}
	node->kind = (uint8_t)kind;
	node->text = "";
	return node;
}

void node_unlink(struct html_node *node)
{
	if (!node->parent)
		return;
	if (node->prev)
		node->prev->next = node->next;
	else
		node->parent->first = node->next;
	if (node->next)
		node->next->prev = node->prev;
	else
		node->parent->last = node->prev;
	node->parent = node->prev = node->next = NULL;
}

static void node_insert(struct place place, struct html_node *node)
{
	struct html_node *prev;

	node_unlink(node);
	prev = place.before ? place.before->prev : place.parent->last;
	node->parent = place.parent;
	node->prev = prev;
	node->next = place.before;
	if (prev)
		prev->next = node;
	else
		place.parent->first = node;
	if (place.before)
		place.before->prev = node;
	else
		place.parent->last = node;
}

void node_append(struct html_node *parent, struct html_node *node)
{
	node_insert((struct place){parent, NULL}, node);
}

struct html_node *node_inside(struct html_node *node)
{
	return html_is(node, HTML_TAG_TEMPLATE) && node->first ? node->first : node;
}

static size_t last_open(struct builder *b, enum html_tag tag)
{
	size_t i = b->open_count;

	if (b->open_tags[tag] == 0)
		return b->open_count;
	while (i-- > 0)
		if (html_is(b->open[i], tag))
			break;
	build_work(b, b->open_count - i);
	return i;
}

static struct place place_foster(struct builder *b)
{
	size_t table = last_open(b, HTML_TAG_TABLE);
	size_t template = last_open(b, HTML_TAG_TEMPLATE);
	bool has_table = table < b->open_count;

	if (template <b->open_count && (!has_table || template > table))
		return (struct place){node_inside(b->open[template]), NULL};
	if (!has_table || table == 0)
		return (struct place){b->open[0], NULL};
	if (b->open[table]->parent)
		return (struct place){b->open[table]->parent, b->open[table]};
	return (struct place){node_inside(b->open[table - 1]), NULL};
}

/* The appropriate place for inserting a node; target NULL: the current node. */
static struct place place_find(struct builder *b, struct html_node *target)
{
	if (!target)
		target = stack_top(b);
	if (b->foster && target->space == HTML_SPACE_HTML &&
	    (target->tag == HTML_TAG_TABLE || target->tag == HTML_TAG_TBODY ||
	     target->tag == HTML_TAG_TFOOT || target->tag == HTML_TAG_THEAD ||
	     target->tag == HTML_TAG_TR))
		return place_foster(b);
	return (struct place){node_inside(target), NULL};
}

void node_place(struct builder *b, struct html_node *target, struct html_node *node)
{
	node_insert(place_find(b, target), node);
}

/* The token's attributes, in the arena. */
static struct html_attr *attrs_copy(struct builder *b, const struct token *token)
{
	struct html_attr *attrs;

	if (token->attr_count == 0)
		return NULL;
	attrs = arena_array(b->arena, token->attr_count, sizeof(*attrs));
	if (!attrs) {
		build_stop(b);
		return NULL;
	}
	memcpy(attrs, token->attrs, token->attr_count * sizeof(*attrs));
	for (size_t i = 0; i + 1 < token->attr_count; i++)
		attrs[i].next = &attrs[i + 1];
	attrs[token->attr_count - 1].next = NULL;
	return attrs;
}

/* Links a new element into the tree and opens it. */
static void element_open(struct builder *b, struct html_node *node)
{
	struct place place = place_find(b, NULL);

	if (b->open_count > b->limits.depth_max && !place.before && place.parent->parent)
		place.parent = place.parent->parent;
	node_insert(place, node);
	if (html_is(node, HTML_TAG_TEMPLATE))
		node_append(node, node_new(b, HTML_CONTENT));
	stack_push(b, node);
}

struct html_node *element_make(struct builder *b, const struct token *token, enum html_space space)
{
	struct html_node *node = node_new(b, HTML_ELEMENT);
	struct slice name = foreign_name(token, space);

	node->space = (uint8_t)space;
	node->tag = (uint16_t)token->tag;
	node->text = name.at;
	node->len = (uint32_t)name.len;
	node->attrs = attrs_copy(b, token);
	if (space != HTML_SPACE_HTML)
		foreign_attrs_adjust(node->attrs, space);
	return node;
}

struct html_node *element_insert_foreign(struct builder *b, const struct token *token,
					 enum html_space space)
{
	struct html_node *node = element_make(b, token, space);

	element_open(b, node);
	return node;
}

struct html_node *element_insert(struct builder *b, const struct token *token)
{
	return element_insert_foreign(b, token, HTML_SPACE_HTML);
}

struct token token_of(enum html_tag tag)
{
	const char *name = html_tag_name(tag);

	return (struct token){.kind = TOKEN_START, .tag = tag, .text = {name, strlen(name)}};
}

struct html_node *element_insert_tag(struct builder *b, enum html_tag tag)
{
	struct token token = token_of(tag);

	return element_insert(b, &token);
}

void element_insert_void(struct builder *b, const struct token *token)
{
	element_insert(b, token);
	stack_pop(b);
}

/* A new element for the token that made `node`: formatting elements share attributes. */
struct html_node *element_copy(struct builder *b, const struct html_node *node)
{
	struct html_node *copy = node_new(b, HTML_ELEMENT);

	copy->space = node->space;
	copy->tag = node->tag;
	copy->text = node->text;
	copy->len = node->len;
	copy->attrs = node->attrs;
	return copy;
}

/* Adds those attributes that the element has not (a second <html> or <body>). */
void element_attrs_add(struct builder *b, struct html_node *node, const struct token *token)
{
	struct html_attr *attrs = attrs_copy(b, token);
	struct html_attr *next;

	for (; attrs && !b->stopped; attrs = next) {
		struct html_attr **last = &node->attrs;

		next = attrs->next;
		while (*last && ((*last)->name_len != attrs->name_len ||
				 memcmp((*last)->name, attrs->name, attrs->name_len) != 0)) {
			last = &(*last)->next;
			build_work(b, 1);
		}
		if (*last)
			continue;
		attrs->next = NULL;
		*last = attrs;
	}
}

/* Appends to a text node: in place where the page goes on just behind it or there is
 * room, else in a copy twice as large, so that many appends stay linear. */
static void text_append(struct builder *b, struct html_node *node, struct slice text)
{
	size_t len = node->len + text.len;
	char *copy;

	if (node->room == 0 && node->text + node->len == text.at) {
		node->len = (uint32_t)len;
		return;
	}
	if (len > node->room) {
		size_t room = MAX(len * 2, TEXT_ROOM_MIN);

		copy = arena_alloc(b->arena, room);
		if (!copy) {
			build_stop(b);
			return;
		}
		memcpy(copy, node->text, node->len);
		node->text = copy;
		node->room = (uint32_t)room;
	}
	/* With room the text is ours, in the arena: the node only promises not to be
	 * changed by readers. */
	memcpy((char *)(uintptr_t)node->text + node->len, text.at, text.len);
	node->len = (uint32_t)len;
}

void text_insert(struct builder *b, const struct token *token, struct slice text)
{
	struct place place;
	struct html_node *node;

	if (text.len == 0)
		return;
	place = place_find(b, NULL);
	if (place.parent->kind == HTML_DOCUMENT)
		return;
	node = place.before ? place.before->prev : place.parent->last;
	if (node && node->kind == HTML_TEXT) {
		text_append(b, node, text);
		return;
	}
	node = node_new(b, HTML_TEXT);
	node->text = token->scratch ? arena_copy(b->arena, text.at, text.len) : text.at;
	if (!node->text) { /* an empty text node must not be met by the next append */
		build_stop(b);
		return;
	}
	node->len = (uint32_t)text.len;
	node_insert(place, node);
}

void comment_insert(struct builder *b, const struct token *token, struct html_node *parent)
{
	struct html_node *node = node_new(b, HTML_COMMENT);

	node->text = token->text.at;
	node->len = (uint32_t)token->text.len;
	if (parent)
		node_append(node_inside(parent), node);
	else
		node_place(b, NULL, node);
}
