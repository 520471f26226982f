/* SPDX-License-Identifier: MIT */
/* linked.c - the JSON-LD blocks of a page (JSON-LD 1.1, section 7: in HTML).
 *
 * A block that is not valid JSON is left out, as every reader does.  The objects are
 * those at the top of a block, in an array there, and in @graph.
 */
#include "handlers/scrape/page.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/record/scan.h"
#include "base/record/walk.h"
#include "handlers/html/html.h"

#include <string.h>
#include <strings.h>

static void object_add(struct page *page, const struct value *object)
{
	if (object->kind == VALUE_OBJECT && page->linked_count < LINKED_OBJECTS_MAX)
		page->linked[page->linked_count++] = *object;
}

static void elements_add(struct page *page, const struct value *array)
{
	struct value name, child;
	struct walk walk;

	walk_begin(&walk, array);
	while (walk_next(&walk, &name, &child))
		object_add(page, &child);
}

static void block_add(struct page *page, const struct value *block)
{
	struct value graph = walk_member(block, "@graph");

	if (block->kind == VALUE_ARRAY)
		elements_add(page, block);
	else if (graph.kind == VALUE_ARRAY)
		elements_add(page, &graph);
	else
		object_add(page, block);
}

static bool is_block(const struct html_node *node)
{
	const struct html_attr *type =
		html_is(node, HTML_TAG_SCRIPT) ? html_attr(node, "type") : NULL;

	return type && type->value_len >= 19 &&
	       strncasecmp(type->value, "application/ld+json", 19) == 0;
}

/* The text of a script in the arena; NULL without memory. */
static const char *script_text(struct page *page, const struct html_node *node, size_t *ret_len)
{
	buf_clear(&page->scratch);
	html_text(node, &page->scratch);
	*ret_len = page->scratch.len;
	return arena_copy(page->arena, buf_text(&page->scratch), page->scratch.len);
}

int linked_read(struct page *page, struct err *err)
{
	const struct html_node *root, *node;
	struct scanner *scanner;

	if (page->linked_read || !page->html)
		return 0;
	page->linked_read = true;
	scanner = scanner_new(NULL);
	page->linked = arena_array(page->arena, LINKED_OBJECTS_MAX, sizeof(*page->linked));
	root = node = html_root(page->html);
	while (scanner && page->linked && (node = html_next_element(node, root)) != NULL) {
		struct scan_mistake mistake;
		struct value block;
		const char *text;
		size_t len;

		if (!is_block(node))
			continue;
		text = script_text(page, node, &len);
		if (!text || scan(scanner, text, len, &block, &mistake))
			continue;
		value_read(text, len, &block);
		block_add(page, &block);
	}
	scanner_free(scanner);
	return !scanner || arena_failed(page->arena)
		       ? err_set(err, ERR_LIMIT, "the page's JSON-LD is too large")
		       : 0;
}

/* "Product", also when it is written "http://schema.org/Product" or "schema:Product". */
static bool type_fits(const struct value *value, const char *type)
{
	size_t len = strlen(type);

	if (value->kind != VALUE_TEXT || value->len < len ||
	    memcmp(value->at + value->len - len, type, len) != 0)
		return false;
	return value->len == len || strchr("/:#", value->at[value->len - len - 1]) != NULL;
}

bool linked_is(const struct value *object, const char *type)
{
	struct value is = walk_member(object, "@type"), name, child;
	struct walk walk;

	if (type_fits(&is, type))
		return true;
	walk_begin(&walk, &is);
	while (walk_next(&walk, &name, &child))
		if (type_fits(&child, type))
			return true;
	return false;
}
