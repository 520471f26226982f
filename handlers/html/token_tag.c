/* SPDX-License-Identifier: MIT */
/* token_tag.c - start and end tags with their attributes (13.2.5.6 to 13.2.5.40).
 *
 * A tag that the page's end cuts off is no token.  Of attributes with one name the
 * first stays; names are sorted to find the others once there are many, so that a
 * hundred thousand of them cost no more than sorting.
 */
#include "handlers/html/charref.h"
#include "handlers/html/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { ATTRS_FIRST = 16, ATTRS_FEW = 12 };

static struct html_attr *attr_room(struct tokenizer *tz, size_t count)
{
	struct html_attr *attrs;
	size_t cap = tz->attrs_cap ? tz->attrs_cap * 2 : ATTRS_FIRST;

	if (count < tz->attrs_cap)
		return &tz->attrs[count];
	attrs = realloc(tz->attrs, cap * sizeof(*attrs));
	if (!attrs) {
		tz->failed = true;
		return NULL;
	}
	tz->attrs = attrs;
	tz->attrs_cap = cap;
	return &tz->attrs[count];
}

static int name_compare(const struct html_attr *a, const struct html_attr *b)
{
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return memcmp(a->name, b->name, a->name_len);
}

static int attr_compare(const void *a, const void *b)
{
	const struct html_attr *x = *(struct html_attr *const *)a;
	const struct html_attr *y = *(struct html_attr *const *)b;
	int order = name_compare(x, y);

	if (order)
		return order;
	return x < y ? -1 : x > y;
}

/* Removes the attributes whose name came before, by sorting pointers to them. */
static size_t attrs_unique(struct tokenizer *tz, size_t count)
{
	struct html_attr **sorted = malloc(count * sizeof(struct html_attr *));
	size_t kept = 0;

	if (!sorted) {
		tz->failed = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = &tz->attrs[i];
	qsort(sorted, count, sizeof(struct html_attr *), attr_compare);
	for (size_t i = 1, first = 0; i < count; i++) {
		if (name_compare(sorted[first], sorted[i]) == 0)
			sorted[i]->space = UINT8_MAX; /* marked: goes below */
		else
			first = i;
	}
	free(sorted);
	for (size_t i = 0; i < count; i++)
		if (tz->attrs[i].space != UINT8_MAX)
			tz->attrs[kept++] = tz->attrs[i];
	return kept;
}

static bool attr_seen(const struct tokenizer *tz, size_t count, const struct html_attr *attr)
{
	for (size_t i = 0; i < count; i++)
		if (name_compare(&tz->attrs[i], attr) == 0)
			return true;
	return false;
}

/* The value between two places, with its references read. */
static struct slice value_decode(struct tokenizer *tz, const char *from, const char *to)
{
	const char *p = from;
	char meaning[CHARREF_BYTES_MAX];
	size_t taken, len;
	char *copy;

	buf_clear(&tz->chars);
	for (;;) {
		p += token_text_plain(p, to, '&', '&');
		if (p == to)
			break;
		if (*p == '\0') {
			memcpy(meaning, "\xEF\xBF\xBD", len = 3);
			taken = 1;
		} else {
			taken = charref_read(p, to, true, meaning, &len);
		}
		if (taken) {
			chars_add(tz, from, p);
			chars_add(tz, meaning, meaning + len);
			from = p + taken;
		}
		p += taken ? taken : 1;
	}
	if (tz->chars.len == 0)
		return (struct slice){from, (size_t)(to - from)};
	chars_add(tz, from, to);
	copy = arena_copy(tz->arena, buf_text(&tz->chars), tz->chars.len);
	if (!copy) {
		tz->failed = true;
		return (struct slice){"", 0};
	}
	return (struct slice){copy, tz->chars.len};
}

static const char *space_skip(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* After "name": reads "= value"; returns the place behind it, or NULL at the page's end. */
static const char *value_read(struct tokenizer *tz, const char *p, struct slice *ret_value)
{
	const char *after = space_skip(p, tz->end);
	const char *from;

	*ret_value = (struct slice){"", 0};
	if (after == tz->end || *after != '=')
		return after;
	p = space_skip(after + 1, tz->end);
	if (p == tz->end)
		return NULL;
	if (*p == '"' || *p == '\'') {
		from = p + 1;
		p = memchr(from, *p, (size_t)(tz->end - from));
		if (!p)
			return NULL;
		*ret_value = value_decode(tz, from, p);
		return p + 1;
	}
	for (from = p; p < tz->end && !is_space(*p) && *p != '>'; p++)
		;
	if (p == tz->end)
		return NULL;
	*ret_value = value_decode(tz, from, p);
	return p;
}

/* Reads the attribute that begins at `p` (neither space, '/' nor '>'). */
static const char *attr_read(struct tokenizer *tz, const char *p, struct html_attr *ret_attr)
{
	const char *from = p;
	struct slice name, value;

	p++; /* even an '=' begins a name */
	while (p < tz->end && !is_space(*p) && *p != '/' && *p != '>' && *p != '=')
		p++;
	if (p == tz->end)
		return NULL;
	name = slice_lower(tz, from, p);
	p = value_read(tz, p, &value);
	*ret_attr = (struct html_attr){.name = name.at,
				       .name_len = (uint32_t)name.len,
				       .value = value.at,
				       .value_len = (uint32_t)value.len};
	return p;
}

/* From behind the tag's name to behind its '>'; NULL at the page's end. */
static const char *attrs_read(struct tokenizer *tz, struct token *token, const char *p)
{
	size_t count = 0;

	for (;;) {
		struct html_attr *attr;

		p = space_skip(p, tz->end);
		if (p == tz->end)
			return NULL;
		if (*p == '>')
			break;
		if (*p == '/') {
			token->self_closing = p + 1 < tz->end && p[1] == '>';
			p++;
			continue;
		}
		attr = attr_room(tz, count);
		p = attr ? attr_read(tz, p, attr) : NULL;
		if (!p)
			return NULL;
		if (count >= ATTRS_FEW || !attr_seen(tz, count, attr))
			count++;
	}
	token->attr_count = count > ATTRS_FEW ? attrs_unique(tz, count) : count;
	token->attrs = tz->attrs;
	return p + 1;
}

static void name_read(struct tokenizer *tz, struct token *token, const char *from, const char *to)
{
	char lower[16];
	size_t len = (size_t)(to - from);

	token->tag = HTML_TAG_OTHER;
	if (len <= sizeof(lower)) {
		for (size_t i = 0; i < len; i++)
			lower[i] = from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 32 : from[i];
		token->tag = html_tag(lower, len);
	}
	if (token->tag)
		token->text = (struct slice){html_tag_name(token->tag), len};
	else
		token->text = slice_lower(tz, from, to);
}

bool token_tag(struct tokenizer *tz, struct token *token)
{
	const char *from = tz->at + 1;
	const char *p;

	token->kind = TOKEN_START;
	if (*from == '/') {
		token->kind = TOKEN_END;
		from++;
	}
	for (p = from; p < tz->end && !is_space(*p) && *p != '/' && *p != '>'; p++)
		;
	name_read(tz, token, from, p);
	p = p < tz->end ? attrs_read(tz, token, p) : NULL;
	tz->at = p ? p : tz->end;
	return p != NULL;
}
