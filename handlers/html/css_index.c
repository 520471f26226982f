/* SPDX-License-Identifier: MIT */
/* css_index.c - the elements of a document by tag, class and id, in document order.
 *
 * One walk when the first selector comes; then a selector looks only at the elements
 * that its rightmost compound may match.  Classes and ids go into buckets by hash: a
 * bucket may hold strangers, which the matcher rejects as it does any other element.
 *
 *	elements   all, in document order
 *	by_tag     the same, sorted by tag; tag_from[t] … tag_from[t + 1]
 *	by_word    elements by the hash of each of their classes and their id
 */
#include "base/compiler.h"
#include "handlers/html/document.h"
#include "handlers/html/html.h"
#include "handlers/html/selector.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint32_t hash;
	const struct html_node *node;
};

struct css_index {
	const struct html_node **elements, **by_tag, **by_word;
	uint32_t tag_from[HTML_TAGS + 1];
	uint32_t *word_from; /* buckets + 1 */
	uint32_t element_count, bucket_mask;
};

/* Entries while they are gathered. */
struct gathered {
	struct entry *entries;
	size_t count, cap;
	bool failed;
};

enum { HASH_CLASS = 1, HASH_ID = 2 };

static uint32_t word_hash(uint32_t kind, const char *text, size_t len)
{
	uint32_t hash = 2166136261u ^ kind; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash ^ (hash >> 15);
}

static void gather(struct gathered *gathered, uint32_t hash, const struct html_node *node)
{
	if (gathered->count == gathered->cap) {
		size_t cap = gathered->cap ? gathered->cap * 2 : 1024;
		struct entry *entries = realloc(gathered->entries, cap * sizeof(*entries));

		if (!entries) {
			gathered->failed = true;
			return;
		}
		gathered->entries = entries;
		gathered->cap = cap;
	}
	gathered->entries[gathered->count++] = (struct entry){hash, node};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r';
}

/* Each class once, where an element names it twice in a row; others are harmless: see
 * css_select.c, which drops a candidate that it just had. */
static void classes_gather(struct gathered *gathered, const struct html_node *node,
			   const struct html_attr *attr)
{
	const char *p = attr->value;
	const char *end = p + attr->value_len;

	while (p < end && !gathered->failed) {
		const char *from;

		while (p < end && is_space(*p))
			p++;
		for (from = p; p < end && !is_space(*p); p++)
			;
		if (p > from)
			gather(gathered, word_hash(HASH_CLASS, from, (size_t)(p - from)), node);
	}
}

static void element_gather(struct gathered *gathered, const struct html_node *node)
{
	for (const struct html_attr *attr = node->attrs; attr; attr = attr->next) {
		if (attr->name_len == 5 && memcmp(attr->name, "class", 5) == 0)
			classes_gather(gathered, node, attr);
		else if (attr->name_len == 2 && memcmp(attr->name, "id", 2) == 0)
			gather(gathered, word_hash(HASH_ID, attr->value, attr->value_len), node);
	}
}

/* Counting sort of the elements by tag: stable, so document order stays. */
static void tags_sort(struct css_index *index)
{
	uint32_t at[HTML_TAGS];

	for (uint32_t i = 0; i < index->element_count; i++)
		index->tag_from[index->elements[i]->tag + 1]++;
	for (unsigned tag = 0; tag < HTML_TAGS; tag++) {
		index->tag_from[tag + 1] += index->tag_from[tag];
		at[tag] = index->tag_from[tag];
	}
	for (uint32_t i = 0; i < index->element_count; i++)
		index->by_tag[at[index->elements[i]->tag]++] = index->elements[i];
}

static bool words_sort(struct css_index *index, struct arena *arena,
		       const struct gathered *gathered)
{
	uint32_t buckets = 64;

	while (buckets < gathered->count)
		buckets *= 2;
	index->bucket_mask = buckets - 1;
	index->word_from = arena_array(arena, buckets + 2, sizeof(uint32_t));
	index->by_word = arena_array(arena, gathered->count, sizeof(struct html_node *));
	if (!index->word_from || !index->by_word)
		return false;
	/* counted two places up, so that after filling each bucket begins at its own */
	for (size_t i = 0; i < gathered->count; i++)
		index->word_from[(gathered->entries[i].hash & index->bucket_mask) + 2]++;
	for (uint32_t i = 0; i < buckets; i++)
		index->word_from[i + 2] += index->word_from[i + 1];
	for (size_t i = 0; i < gathered->count; i++) {
		const struct entry *entry = &gathered->entries[i];

		index->by_word[index->word_from[(entry->hash & index->bucket_mask) + 1]++] =
			entry->node;
	}
	return true;
}

static bool index_build(struct html *html)
{
	struct arena *arena = &html->arena;
	struct css_index *index = arena_alloc(arena, sizeof(*index));
	struct gathered gathered = {0};
	bool built = false;

	if (!index)
		return false;
	index->elements = arena_array(arena, html->nodes, sizeof(struct html_node *));
	index->by_tag = arena_array(arena, html->nodes, sizeof(struct html_node *));
	if (!index->elements || !index->by_tag)
		return false;
	for (const struct html_node *node = html_next_element(html->root, html->root); node;
	     node = html_next_element(node, html->root)) {
		index->elements[index->element_count++] = node;
		element_gather(&gathered, node);
	}
	tags_sort(index);
	built = !gathered.failed && words_sort(index, arena, &gathered);
	free(gathered.entries);
	if (built)
		html->index = index;
	return built;
}

int css_index_need(struct html *html, struct err *err)
{
	if (!html->index && !index_build(html))
		return err_set(err, ERR_NO_MEMORY, "out of memory for a page's index");
	return 0;
}

/* The part of a list that is in the root or below it. */
static struct candidates part_inside(const struct html_node **list, uint32_t from, uint32_t to,
				     const struct html_node *root)
{
	uint32_t lo = from, hi = to, end;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (list[mid]->order < root->order)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo, hi = to; end < hi;) {
		uint32_t mid = end + (hi - end) / 2;

		if (list[mid]->order <= root->last_order)
			end = mid + 1;
		else
			hi = mid;
	}
	return (struct candidates){(const struct html_node *const *)list + lo,
				   (const struct html_node *const *)list + end};
}

/* The test that leaves the fewest candidates: an id, else a class, else a known tag. */
static const struct test *best_test(const struct compound *compound)
{
	const struct test *best = NULL;

	for (const struct test *test = compound->tests; test; test = test->next) {
		if (test->kind == TEST_ID)
			return test;
		if (test->kind == TEST_CLASS && (!best || best->kind == TEST_TAG))
			best = test;
		if (test->kind == TEST_TAG && !best)
			best = test;
	}
	return best;
}

struct candidates css_index_find(const struct html *html, const struct compound *right,
				 const struct html_node *root)
{
	const struct css_index *index = html->index;
	const struct test *test = best_test(right);
	uint32_t bucket;

	if (!test)
		return part_inside(index->elements, 0, index->element_count, root);
	if (test->kind == TEST_TAG)
		return part_inside(index->by_tag, index->tag_from[test->tag],
				   index->tag_from[test->tag + 1], root);
	bucket = word_hash(test->kind == TEST_ID ? HASH_ID : HASH_CLASS, test->value.at,
			   test->value.len) &
		 index->bucket_mask;
	return part_inside(index->by_word, index->word_from[bucket], index->word_from[bucket + 1],
			   root);
}
