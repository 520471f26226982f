/* SPDX-License-Identifier: MIT */
/* css_match.c - does an element match a compiled selector?
 *
 * From right to left.  A failure says how far it reaches, so that a search among
 * ancestors or siblings that cannot succeed any more is given up at once and the whole
 * stays polynomial: "a b c d" on a deep page never tries all ways to choose ancestors.
 *
 *	HERE        this element does not; another ancestor or sibling might
 *	SIBLINGS    neither does any sibling before it
 *	EVERYWHERE  nor any ancestor
 *
 * Recursion goes one level per compound and per list in parentheses, both bounded when
 * the selector was compiled.
 */
#include "base/buf.h"
#include "base/limits.h"
#include "handlers/html/html.h"
#include "handlers/html/selector.h"

#include <string.h>
#include <strings.h>

enum verdict { YES, NOT_HERE, NOT_SIBLINGS, NOT_EVERYWHERE };

static bool spend(struct matcher *m, uint64_t steps)
{
	if (m->work < steps) {
		m->work = 0;
		m->exhausted = true;
		return false;
	}
	m->work -= steps;
	return true;
}

static const struct html_node *parent_of(const struct matcher *m, const struct html_node *node)
{
	const struct html_node *parent = node == m->root ? NULL : node->parent;

	return parent && parent->kind == HTML_ELEMENT ? parent : NULL;
}

static const struct html_node *element_before(const struct matcher *m, const struct html_node *node)
{
	const struct html_node *prev = node == m->root ? NULL : node->prev;

	while (prev && prev->kind != HTML_ELEMENT)
		prev = prev->prev;
	return prev;
}

static const struct html_node *element_after(const struct matcher *m, const struct html_node *node)
{
	const struct html_node *next = node == m->root ? NULL : node->next;

	while (next && next->kind != HTML_ELEMENT)
		next = next->next;
	return next;
}

const struct html_attr *attr_find(const struct html_node *node, struct word name)
{
	for (const struct html_attr *attr = node->attrs; attr; attr = attr->next)
		if (attr->name_len == name.len && (attr->name[0] | 32) == (name.at[0] | 32) &&
		    strncasecmp(attr->name, name.at, name.len) == 0)
			return attr;
	return NULL;
}

static const struct html_attr *attr_named(const struct html_node *node, const char *name)
{
	return attr_find(node, (struct word){name, strlen(name)});
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r';
}

static bool same(const char *a, const char *b, size_t len, bool fold)
{
	return (fold ? strncasecmp(a, b, len) : memcmp(a, b, len)) == 0;
}

/* Is `word` one of the words of `text`? */
static bool has_word(const char *text, size_t len, struct word word, bool fold)
{
	const char *end = text + len;

	if (word.len == 0)
		return false;
	while (text < end) {
		const char *from;

		while (text < end && is_space(*text))
			text++;
		for (from = text; text < end && !is_space(*text); text++)
			;
		if ((size_t)(text - from) == word.len && same(from, word.at, word.len, fold))
			return true;
	}
	return false;
}

static bool has_substring(const char *text, size_t len, struct word word, bool fold)
{
	if (word.len == 0 || word.len > len)
		return false;
	if (!fold)
		return memmem(text, len, word.at, word.len) != NULL;
	for (size_t i = 0; i + word.len <= len; i++)
		if (strncasecmp(text + i, word.at, word.len) == 0)
			return true;
	return false;
}

static bool attr_matches(struct matcher *m, const struct test *test, const struct html_node *node)
{
	const struct html_attr *attr = attr_find(node, test->name);
	struct word word = test->value;
	size_t len;

	if (!attr || test->op == ATTR_PRESENT)
		return attr != NULL;
	len = attr->value_len;
	if (!spend(m, test->fold ? (uint64_t)len * word.len / 16 : len / 16))
		return false;
	switch (test->op) {
	case ATTR_EQUALS:
		return len == word.len && same(attr->value, word.at, len, test->fold);
	case ATTR_WORD:
		return has_word(attr->value, len, word, test->fold);
	case ATTR_DASH:
		return len >= word.len && same(attr->value, word.at, word.len, test->fold) &&
		       (len == word.len || attr->value[word.len] == '-');
	case ATTR_BEGINS:
		return word.len && len >= word.len &&
		       same(attr->value, word.at, word.len, test->fold);
	case ATTR_ENDS:
		return word.len && len >= word.len &&
		       same(attr->value + len - word.len, word.at, word.len, test->fold);
	default:
		return has_substring(attr->value, len, word, test->fold);
	}
}

static bool tag_matches(const struct test *test, const struct html_node *node)
{
	if (test->tag || node->tag)
		return test->tag == node->tag;
	return node->len == test->name.len &&
	       strncasecmp(node->text, test->name.at, node->len) == 0;
}

static bool list_matches(struct matcher *m, const struct selector *list,
			 const struct html_node *node)
{
	for (; list; list = list->next)
		if (selector_matches(m, list, node))
			return true;
	return false;
}

/* ---- positions among siblings ---- */

static bool counts(struct matcher *m, const struct test *test, const struct html_node *like,
		   const struct html_node *sibling)
{
	if (!spend(m, 1))
		return false;
	if (test->of_type)
		return sibling->tag == like->tag && sibling->space == like->space &&
		       (sibling->tag || (sibling->len == like->len &&
					 memcmp(sibling->text, like->text, like->len) == 0));
	return !test->list || list_matches(m, test->list, sibling);
}

static bool cache_serves(const struct nth_cache *cache, const struct test *test,
			 const struct html_node *node)
{
	const struct html_node *type = cache->type;

	if (cache->parent != node->parent || cache->node->order > node->order)
		return false;
	return !test->of_type || (type->tag == node->tag && type->space == node->space &&
				  (type->tag || (type->len == node->len &&
						 memcmp(type->text, node->text, node->len) == 0)));
}

/* The element's place among the siblings that count, from 1. */
static unsigned nth_index(struct matcher *m, const struct test *test, const struct html_node *node)
{
	struct nth_cache cache = m->nths[test->nth];
	const struct html_node *at;

	if (!cache.parent || !cache_serves(&cache, test, node)) {
		cache = (struct nth_cache){.parent = node->parent, .type = node};
		at = node->parent->first;
		while (at->kind != HTML_ELEMENT)
			at = at->next;
		cache.index = counts(m, test, node, at);
		if (test->from_end)
			for (const struct html_node *all = at; all && !m->exhausted;
			     all = element_after(m, all))
				cache.total += counts(m, test, node, all);
	} else {
		at = cache.node;
	}
	while (at != node && !m->exhausted) {
		at = element_after(m, at);
		cache.index += counts(m, test, node, at);
	}
	cache.node = at;
	m->nths[test->nth] = cache;
	return test->from_end ? cache.total - cache.index + 1 : cache.index;
}

static bool nth_matches(struct matcher *m, const struct test *test, const struct html_node *node)
{
	long long index, distance;

	if (test->list && !list_matches(m, test->list, node))
		return false;
	index = node == m->root || !node->parent ? 1 : nth_index(m, test, node);
	if (m->exhausted)
		return false;
	distance = index - test->b;
	if (test->a == 0)
		return distance == 0;
	return distance % test->a == 0 && distance / test->a >= 0;
}

/* ---- :has() ---- */

/* Does the relative selector find anything, seen from m->anchor? */
static bool relative_finds(struct matcher *m, const struct selector *selector)
{
	const struct html_node *anchor = m->anchor;
	const struct compound *leftmost = selector->right;
	enum combinator first = COMBINATOR_NONE;
	bool siblings;

	for (; leftmost->left; leftmost = leftmost->left)
		first = leftmost->combinator;
	siblings = first == COMBINATOR_NEXT || first == COMBINATOR_LATER;
	for (const struct html_node *top = siblings ? element_after(m, anchor) : anchor; top;
	     top = siblings ? element_after(m, top) : NULL) {
		for (const struct html_node *node = top; node;
		     node = html_next_element(node, top)) {
			if (!spend(m, 1))
				return false;
			if (node != anchor && selector_matches(m, selector, node))
				return true;
		}
	}
	return false;
}

static bool has_matches(struct matcher *m, const struct test *test, const struct html_node *node)
{
	const struct html_node *outer = m->anchor;
	bool found = false;

	m->anchor = node;
	for (const struct selector *list = test->list; list && !found; list = list->next)
		found = relative_finds(m, list);
	m->anchor = outer;
	return found;
}

/* ---- texts and states ---- */

static bool contains(struct matcher *m, const struct test *test, const struct html_node *node)
{
	struct buf text = BUF(HTML_ARENA_BYTES_MAX);
	bool found;

	html_text(node, &text);
	m->no_memory = m->no_memory || !buf_ok(&text);
	found = spend(m, 1 + (node->last_order - node->order) + text.len / 16) &&
		(test->value.len == 0 ||
		 has_substring(buf_text(&text), text.len, test->value, false));
	buf_done(&text);
	return found;
}

static bool contains_own(struct matcher *m, const struct test *test, const struct html_node *node)
{
	for (const struct html_node *child = node->first; child; child = child->next) {
		if (!spend(m, 1 + (child->kind == HTML_TEXT ? child->len / 16 : 0)))
			return false;
		if (child->kind == HTML_TEXT &&
		    has_substring(child->text, child->len, test->value, false))
			return true;
	}
	return false;
}

static bool is_empty(struct matcher *m, const struct html_node *node)
{
	for (const struct html_node *child = node->first; child; child = child->next)
		if (!spend(m, 1) || child->kind == HTML_ELEMENT || child->kind == HTML_TEXT)
			return false;
	return true;
}

static bool lang_matches(struct matcher *m, const struct test *test, const struct html_node *node)
{
	struct word value = test->value;

	for (; node && spend(m, 1); node = parent_of(m, node)) {
		const struct html_attr *lang = attr_named(node, "lang");

		if (lang)
			return lang->value_len >= value.len &&
			       strncasecmp(lang->value, value.at, value.len) == 0 &&
			       (lang->value_len == value.len || lang->value[value.len] == '-');
	}
	return false;
}

static bool is_link(const struct html_node *node)
{
	return (html_is(node, HTML_TAG_A) || html_is(node, HTML_TAG_AREA)) &&
	       html_attr(node, "href");
}

static bool is_control(const struct html_node *node)
{
	return html_is(node, HTML_TAG_INPUT) || html_is(node, HTML_TAG_BUTTON) ||
	       html_is(node, HTML_TAG_SELECT) || html_is(node, HTML_TAG_TEXTAREA) ||
	       html_is(node, HTML_TAG_OPTION) || html_is(node, HTML_TAG_OPTGROUP) ||
	       html_is(node, HTML_TAG_FIELDSET);
}

static bool is_checked(const struct html_node *node)
{
	if (html_is(node, HTML_TAG_OPTION))
		return html_attr(node, "selected");
	return html_is(node, HTML_TAG_INPUT) && html_attr(node, "checked");
}

static bool id_matches(const struct test *test, const struct html_node *node)
{
	const struct html_attr *id = attr_named(node, "id");

	return id && id->value_len == test->value.len &&
	       memcmp(id->value, test->value.at, id->value_len) == 0;
}

static bool class_matches(struct matcher *m, const struct test *test, const struct html_node *node)
{
	const struct html_attr *attr = attr_named(node, "class");

	return attr && spend(m, attr->value_len / 16) &&
	       has_word(attr->value, attr->value_len, test->value, false);
}

static bool test_passes(struct matcher *m, const struct test *test, const struct html_node *node)
{
	switch (test->kind) {
	case TEST_TAG:
		return tag_matches(test, node);
	case TEST_ID:
		return id_matches(test, node);
	case TEST_CLASS:
		return class_matches(m, test, node);
	case TEST_ATTR:
		return attr_matches(m, test, node);
	case TEST_NTH:
		return nth_matches(m, test, node);
	case TEST_IS:
		return list_matches(m, test->list, node);
	case TEST_NOT:
		return !list_matches(m, test->list, node);
	case TEST_HAS:
		return has_matches(m, test, node);
	case TEST_CONTAINS:
		return contains(m, test, node);
	case TEST_CONTAINS_OWN:
		return contains_own(m, test, node);
	case TEST_LANG:
		return lang_matches(m, test, node);
	case TEST_EMPTY:
		return is_empty(m, node);
	case TEST_ROOT:
		return node->parent && node->parent->kind == HTML_DOCUMENT;
	case TEST_SCOPE:
		return node == m->root ||
		       (m->root->kind == HTML_DOCUMENT && node->parent == m->root);
	case TEST_ANCHOR:
		return node == m->anchor;
	case TEST_LINK:
		return is_link(node);
	case TEST_CHECKED:
		return is_checked(node);
	case TEST_DISABLED:
		return is_control(node) && html_attr(node, "disabled");
	case TEST_ENABLED:
		return is_control(node) && !html_attr(node, "disabled");
	case TEST_NEVER:
		return false;
	}
	return false;
}

/* ---- from compound to compound ---- */

static enum verdict compound_verdict(struct matcher *m, const struct compound *compound,
				     const struct html_node *node);

static enum verdict ancestors_verdict(struct matcher *m, const struct compound *left,
				      const struct html_node *node)
{
	for (; node; node = parent_of(m, node)) {
		enum verdict verdict = compound_verdict(m, left, node);

		if (verdict == YES || verdict == NOT_EVERYWHERE)
			return verdict;
	}
	return NOT_EVERYWHERE;
}

static enum verdict siblings_verdict(struct matcher *m, const struct compound *left,
				     const struct html_node *node)
{
	for (node = element_before(m, node); node; node = element_before(m, node)) {
		enum verdict verdict = compound_verdict(m, left, node);

		if (verdict != NOT_HERE)
			return verdict;
	}
	return NOT_SIBLINGS;
}

static enum verdict left_verdict(struct matcher *m, const struct compound *compound,
				 const struct html_node *node)
{
	const struct compound *left = compound->left;
	enum verdict verdict;

	switch (compound->combinator) {
	case COMBINATOR_NONE:
		return YES;
	case COMBINATOR_INSIDE:
		return ancestors_verdict(m, left, node);
	case COMBINATOR_DESCENDANT:
		return ancestors_verdict(m, left, parent_of(m, node));
	case COMBINATOR_CHILD:
		node = parent_of(m, node);
		verdict = node ? compound_verdict(m, left, node) : NOT_EVERYWHERE;
		return verdict == YES || verdict == NOT_EVERYWHERE ? verdict : NOT_SIBLINGS;
	case COMBINATOR_NEXT:
		node = element_before(m, node);
		return node ? compound_verdict(m, left, node) : NOT_SIBLINGS;
	case COMBINATOR_LATER:
		return siblings_verdict(m, left, node);
	}
	return NOT_EVERYWHERE;
}

static enum verdict compound_verdict(struct matcher *m, const struct compound *compound,
				     const struct html_node *node)
{
	if (!spend(m, 1))
		return NOT_EVERYWHERE;
	for (const struct test *test = compound->tests; test; test = test->next)
		if (!test_passes(m, test, node) || m->exhausted)
			return NOT_HERE;
	return left_verdict(m, compound, node);
}

bool selector_matches(struct matcher *m, const struct selector *selector,
		      const struct html_node *element)
{
	return compound_verdict(m, selector->right, element) == YES && !m->exhausted;
}
