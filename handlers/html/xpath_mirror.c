/* SPDX-License-Identifier: MIT */
/* xpath_mirror.c - a document as libxml2 sees documents.
 *
 * The nodes are libxml2's structs, filled by hand in one arena: it only reads them, and
 * freeing is one call.  Elements carry the negative of their place in document order in
 * `content`, as xmlXPathOrderDocElems() would have put it, so that sorting is cheap.
 */
#include "handlers/html/xpath_inside.h"

#include "base/limits.h"
#include "handlers/html/document.h"
#include "handlers/html/tree.h"

#include <stdint.h>

static const xmlChar text_name[] = "text", comment_name[] = "comment";

static xmlChar *bytes_copy(struct mirror *mirror, const char *text, size_t len)
{
	return (xmlChar *)arena_copy(&mirror->arena, text, len);
}

static xmlNode *text_make(struct mirror *mirror, xmlElementType type, const char *text, size_t len)
{
	xmlNode *node = arena_alloc(&mirror->arena, sizeof(*node));

	if (!node)
		return NULL;
	node->type = type;
	node->name = type == XML_TEXT_NODE ? text_name : comment_name;
	node->doc = &mirror->doc;
	node->content = bytes_copy(mirror, text, len);
	return node;
}

static bool attrs_make(struct mirror *mirror, xmlNode *element, const struct html_attr *from)
{
	xmlAttr *last = NULL;

	for (; from; from = from->next) {
		xmlAttr *attr = arena_alloc(&mirror->arena, sizeof(*attr));
		xmlNode *value = text_make(mirror, XML_TEXT_NODE, from->value, from->value_len);

		if (!attr || !value)
			return false;
		attr->_private = (void *)(uintptr_t)from;
		attr->type = XML_ATTRIBUTE_NODE;
		attr->name = bytes_copy(mirror, from->name, from->name_len);
		attr->children = attr->last = value;
		attr->parent = element;
		attr->doc = &mirror->doc;
		attr->prev = last;
		value->parent = (xmlNode *)attr;
		if (last)
			last->next = attr;
		else
			element->properties = attr;
		last = attr;
	}
	return true;
}

static xmlNode *element_make(struct mirror *mirror, const struct html_node *from)
{
	xmlNode *element = arena_alloc(&mirror->arena, sizeof(*element));

	if (!element)
		return NULL;
	element->type = XML_ELEMENT_NODE;
	element->name = from->tag != HTML_TAG_OTHER
				? (const xmlChar *)html_tag_name((enum html_tag)from->tag)
				: bytes_copy(mirror, from->text, from->len);
	element->doc = &mirror->doc;
	element->content = (xmlChar *)(-(intptr_t)from->order - 1);
	return attrs_make(mirror, element, from->attrs) ? element : NULL;
}

static void child_append(xmlNode *parent, xmlNode *child)
{
	child->parent = parent;
	child->prev = parent->last;
	if (parent->last)
		parent->last->next = child;
	else
		parent->children = child;
	parent->last = child;
}

/* NULL without memory. */
static xmlNode *node_make(struct mirror *mirror, const struct html_node *from)
{
	if (from->kind == HTML_ELEMENT)
		return element_make(mirror, from);
	return text_make(mirror, from->kind == HTML_TEXT ? XML_TEXT_NODE : XML_COMMENT_NODE,
			 from->text, from->len);
}

static bool nodes_make(struct mirror *mirror, const struct html *html)
{
	const struct html_node *from = html->root;

	mirror->nodes[from->order] = (xmlNode *)&mirror->doc;
	while ((from = html_next(from, html->root)) != NULL) {
		xmlNode *node;

		if (from->kind == HTML_DOCTYPE)
			continue; /* no part of XPath's model */
		node = node_make(mirror, from);
		if (!node)
			return false;
		node->_private = (void *)(uintptr_t)from;
		mirror->nodes[from->order] = node;
		child_append(mirror->nodes[from->parent->order], node);
	}
	return !arena_failed(&mirror->arena);
}

int mirror_init(struct mirror *mirror, const struct html *html, struct err *err)
{
	*mirror = (struct mirror){.arena = ARENA(XPATH_ARENA_BYTES_MAX)};
	mirror->doc.type = XML_HTML_DOCUMENT_NODE;
	mirror->doc.doc = &mirror->doc;
	mirror->doc._private = html->root;
	mirror->nodes = arena_array(&mirror->arena, html->nodes, sizeof(*mirror->nodes));
	if (mirror->nodes && nodes_make(mirror, html))
		return 0;
	mirror_done(mirror);
	return err_set(err, ERR_LIMIT, "the page is too large for XPath");
}

void mirror_done(struct mirror *mirror)
{
	arena_done(&mirror->arena);
}
