/* SPDX-License-Identifier: MIT */
/* field_find.c - where the source of a field leads, in the page or inside another find. */
#include "handlers/scrape/field.h"
#include "handlers/scrape/page.h"

#include "base/arena.h"
#include "base/record/walk.h"
#include "handlers/html/css.h"
#include "handlers/html/html.h"
#include "handlers/html/xpath.h"

#include <math.h>
#include <string.h>
#include <strings.h>

struct finding {
	const struct field *field;
	struct page *page;
	bool (*found)(void *ctx, const struct find *find);
	void *ctx;
};

/* ---- nodes ---- */

static const struct html_node *node_scope(const struct page *page, const struct find *scope)
{
	return scope && scope->kind == FOUND_NODE ? scope->node : html_root(page->html);
}

static bool css_found(void *ctx, const struct css_match *match)
{
	struct finding *finding = ctx;
	struct find find = {.kind = FOUND_NODE, .node = match->node};

	find.text = css_match_text(match, &find.len);
	if (find.text)
		find.kind = FOUND_TEXT;
	return finding->found(finding->ctx, &find);
}

/* Numbers and truths of an expression as JSON would spell them. */
static bool xpath_found(void *ctx, const struct xpath_match *match)
{
	struct finding *finding = ctx;
	struct find find = {.kind = FOUND_TEXT, .text = match->text, .len = match->len};
	char number[VALUE_DOUBLE_TEXT_MAX];

	if (match->kind == XPATH_IS_NODE) {
		find.kind = FOUND_NODE;
		find.node = match->node;
	} else if (match->kind == XPATH_IS_NUMBER) {
		if (!isfinite(match->number))
			return true;
		find.text = number;
		find.len = value_double_text(match->number, number);
		if (match->number == trunc(match->number) && find.len > 2 &&
		    memcmp(number + find.len - 2, ".0", 2) == 0)
			find.len -= 2; /* count() is no 3.0 */
	} else if (match->kind == XPATH_IS_TRUTH) {
		find.text = match->truth ? "true" : "false";
		find.len = strlen(find.text);
	}
	return finding->found(finding->ctx, &find);
}

static int xpath_find(struct finding *finding, const struct find *scope, struct err *err)
{
	struct page *page = finding->page;

	if (!page->xpath && xpath_page_new(page->html, &page->xpath, err))
		return -1;
	return xpath_select(finding->field->xpath, page->xpath, node_scope(page, scope),
			    xpath_found, finding, err);
}

/* ---- JSON ---- */

static bool json_found(struct finding *finding, const struct value *value)
{
	struct find find = {.kind = FOUND_JSON, .value = *value};

	if (value->kind == VALUE_MISSING || value->kind == VALUE_NULL)
		return true;
	return finding->found(finding->ctx, &find);
}

/* What the pointer names; for several values the elements of an array there. */
static bool pointer_follow(struct finding *finding, const struct value *root)
{
	const struct field *field = finding->field;
	struct value target = pointer_find(field->path, root), name, child;
	struct walk walk;

	if (target.kind != VALUE_ARRAY || !field->all)
		return json_found(finding, &target);
	walk_begin(&walk, &target);
	while (walk_next(&walk, &name, &child))
		if (!json_found(finding, &child))
			return false;
	return true;
}

static void json_find(struct finding *finding, const struct find *scope)
{
	bool inside = scope && scope->kind == FOUND_JSON;

	pointer_follow(finding, inside ? &scope->value : &finding->page->json);
}

static int linked_find(struct finding *finding, struct err *err)
{
	struct page *page = finding->page;
	const char *type = finding->field->ld_type;

	if (linked_read(page, err))
		return -1;
	for (size_t i = 0; i < page->linked_count; i++)
		if ((!type || linked_is(&page->linked[i], type)) &&
		    !pointer_follow(finding, &page->linked[i]))
			break;
	return 0;
}

/* ---- <meta> ---- */

/* The name of a meta element: OpenGraph says property, others name or itemprop. */
static const struct html_attr *meta_name(const struct html_node *node)
{
	static const char *const names[] = {"property", "name", "itemprop", "http-equiv"};
	const struct html_attr *attr = NULL;

	for (size_t i = 0; !attr && i < sizeof(names) / sizeof(names[0]); i++)
		attr = html_attr(node, names[i]);
	return attr;
}

/* Calls found() with name and content of each whose name fits, which may end with '*'. */
static void metas_walk(struct page *page, const char *wanted,
		       bool (*found)(void *ctx, const struct html_attr *name,
				     const struct html_attr *content),
		       void *ctx)
{
	const struct html_node *root = html_root(page->html), *node = root;
	size_t len = strlen(wanted);
	bool prefix = len > 0 && wanted[len - 1] == '*';

	len -= prefix;
	while ((node = html_next_element(node, root)) != NULL) {
		const struct html_attr *name, *content;

		if (!html_is(node, HTML_TAG_META))
			continue;
		name = meta_name(node);
		content = html_attr(node, "content");
		if (!name || !content || name->value_len < len ||
		    (!prefix && name->value_len != len) ||
		    strncasecmp(name->value, wanted, len) != 0)
			continue;
		if (!found(ctx, name, content))
			return;
	}
}

static bool meta_found(void *ctx, const struct html_attr *name, const struct html_attr *content)
{
	struct finding *finding = ctx;
	struct find find = {.kind = FOUND_TEXT, .text = content->value, .len = content->value_len};

	(void)name;
	return finding->found(finding->ctx, &find);
}

enum { METAS_MAX = 200 }; /* in one object; pages have a dozen */

struct metas {
	struct json_out out;
	struct arena *arena;
	const struct html_attr *names[METAS_MAX];
	unsigned count;
};

/* The first of a name counts: an object has no name twice. */
static bool meta_add(void *ctx, const struct html_attr *name, const struct html_attr *content)
{
	struct metas *metas = ctx;
	const char *text;

	for (unsigned i = 0; i < metas->count; i++)
		if (metas->names[i]->value_len == name->value_len &&
		    memcmp(metas->names[i]->value, name->value, name->value_len) == 0)
			return true;
	text = arena_copy(metas->arena, name->value, name->value_len);
	if (!text || metas->count == METAS_MAX)
		return false;
	metas->names[metas->count++] = name;
	json_out_text_len(&metas->out, text, content->value, content->value_len);
	return true;
}

/* "og:*": one object of all of them. */
static int metas_find(struct finding *finding, struct err *err)
{
	struct page *page = finding->page;
	struct metas metas = {.out = JSON_OUT(&page->scratch), .arena = page->arena};
	const char *text;
	struct value object;

	buf_clear(&page->scratch);
	json_out_object(&metas.out, NULL);
	metas_walk(page, finding->field->path, meta_add, &metas);
	json_out_end(&metas.out, '}');
	text = arena_copy(page->arena, buf_text(&page->scratch), page->scratch.len);
	if (!text || !buf_ok(&page->scratch))
		return err_set(err, ERR_LIMIT, "the page's meta elements are too large");
	value_read(text, page->scratch.len, &object);
	if (metas.count > 0)
		json_found(finding, &object);
	return 0;
}

static int meta_find(struct finding *finding, struct err *err)
{
	const char *wanted = finding->field->path;

	if (wanted[strlen(wanted) - 1] == '*')
		return metas_find(finding, err);
	metas_walk(finding->page, wanted, meta_found, finding);
	return 0;
}

/* ---- all sources ---- */

static void body_find(struct finding *finding, const struct find *scope)
{
	const struct page *page = finding->page;
	struct find whole = {.kind = FOUND_TEXT, .text = page->text, .len = page->len};

	if (scope)
		finding->found(finding->ctx, scope);
	else if (page->text)
		finding->found(finding->ctx, &whole);
}

int field_find(const struct field *field, struct page *page, const struct find *scope,
	       bool (*found)(void *ctx, const struct find *find), void *ctx, struct err *err)
{
	struct finding finding = {.field = field, .page = page, .found = found, .ctx = ctx};

	if (page_check(page, err))
		return -1;
	if (field->source == SOURCE_BODY) {
		body_find(&finding, scope);
		return 0;
	}
	if (field->source == SOURCE_JSON) {
		json_find(&finding, scope);
		return 0;
	}
	if (!page->html)
		return 0;
	switch (field->source) {
	case SOURCE_CSS:
		return css_select(field->css, page->html, node_scope(page, scope), &page->work,
				  css_found, &finding, err);
	case SOURCE_XPATH:
		return xpath_find(&finding, scope, err);
	case SOURCE_JSONLD:
		return linked_find(&finding, err);
	default:
		return meta_find(&finding, err);
	}
}
