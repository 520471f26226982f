/* SPDX-License-Identifier: MIT */
/* html.c - drives the tokenizer into the builder, and owns the document.
 *
 *	page ── CR normalised ──▶ token_next() ──▶ build_token() ──▶ rule_…() ──▶ tree
 *
 * A page with a CR is copied once, without it; every other page is never copied: the
 * tree's texts are slices of it.
 *
 * Failure: a limit or lack of memory only sets `stopped`; rules run on over a spare node
 * to the end of their token, then the loop ends and the document is thrown away.
 */
#include "handlers/html/html.h"

#include "base/buf.h"
#include "base/clock.h"
#include "handlers/html/builder.h"
#include "handlers/html/document.h"

#include <stdlib.h>
#include <string.h>

const struct html_limits HTML_DEFAULTS = {
	.bytes_max = HTML_BYTES_MAX,
	.arena_bytes_max = HTML_ARENA_BYTES_MAX,
	.work_per_byte = HTML_WORK_PER_BYTE,
	.work_base = HTML_WORK_BASE,
	.cpu_us_max = HTML_CPU_US_MAX,
	.depth_max = HTML_DEPTH_MAX,
	.scripting = false,
};

static bool (*const rules[MODES])(struct builder *b, struct token *token) = {
	[MODE_INITIAL] = rule_initial,
	[MODE_BEFORE_HTML] = rule_before_html,
	[MODE_BEFORE_HEAD] = rule_before_head,
	[MODE_IN_HEAD] = rule_in_head,
	[MODE_IN_HEAD_NOSCRIPT] = rule_in_head_noscript,
	[MODE_AFTER_HEAD] = rule_after_head,
	[MODE_IN_BODY] = rule_in_body,
	[MODE_TEXT] = rule_text,
	[MODE_IN_TABLE] = rule_in_table,
	[MODE_IN_CAPTION] = rule_in_caption,
	[MODE_IN_COLUMN_GROUP] = rule_in_column_group,
	[MODE_IN_TABLE_BODY] = rule_in_table_body,
	[MODE_IN_ROW] = rule_in_row,
	[MODE_IN_CELL] = rule_in_cell,
	[MODE_IN_TEMPLATE] = rule_in_template,
	[MODE_AFTER_BODY] = rule_after_body,
	[MODE_IN_FRAMESET] = rule_in_frameset,
	[MODE_AFTER_FRAMESET] = rule_after_frameset,
	[MODE_AFTER_AFTER_BODY] = rule_after_after_body,
	[MODE_AFTER_AFTER_FRAMESET] = rule_after_after_frameset,
};

bool rule_by_mode(struct builder *b, struct token *token)
{
	return rules[b->mode](b, token);
}

void build_token(struct builder *b, struct token *token)
{
	bool again = true;

	if (b->skip_lf) {
		b->skip_lf = false;
		if (token->kind == TOKEN_TEXT && token->text.at[0] == '\n') {
			token->text.at++;
			token->text.len--;
			if (token->text.len == 0)
				return;
		}
	}
	while (again && !b->stopped) {
		build_work(b, 1);
		again = foreign_applies(b, token) ? rule_foreign(b, token) : rule_by_mode(b, token);
	}
}

static void build_run(struct builder *b)
{
	struct token token = {.kind = TOKEN_TEXT};

	while (token.kind != TOKEN_EOF && !b->stopped) {
		b->tz.cdata = foreign_current(b);
		token_next(&b->tz, &token);
		build_token(b, &token);
		b->stopped = b->stopped || b->tz.failed;
	}
	if (b->selected && !b->stopped)
		selected_fill(b);
}

/* How the content of the context element is read; no end tag ends it, for none began. */
static enum token_state fragment_state(const struct builder *b, enum html_tag tag)
{
	switch (tag) {
	case HTML_TAG_TITLE:
	case HTML_TAG_TEXTAREA:
		return STATE_RCDATA;
	case HTML_TAG_PLAINTEXT:
		return STATE_PLAINTEXT;
	case HTML_TAG_SCRIPT:
		return STATE_SCRIPT;
	case HTML_TAG_NOSCRIPT:
		return b->limits.scripting ? STATE_RAWTEXT : STATE_DATA;
	default:
		return html_tag_flags(tag) & TAG_RAW ? STATE_RAWTEXT : STATE_DATA;
	}
}

/* 13.4, steps 4 to 14: the stack and the modes as if inside the context element. */
static void fragment_start(struct builder *b, const char *context, enum html_space space)
{
	struct slice name = slice_lower(&b->tz, context, context + strlen(context));
	struct token token = {
		.kind = TOKEN_START, .tag = html_tag(name.at, name.len), .text = name};
	struct token html = token_of(HTML_TAG_HTML);
	struct html_node *root;

	b->context = element_make(b, &token, space);
	root = element_make(b, &html, HTML_SPACE_HTML);
	node_append(b->document, root);
	stack_push(b, root);
	if (space == HTML_SPACE_HTML) {
		tokenizer_raw(&b->tz, fragment_state(b, token.tag), "", 0);
		if (token.tag == HTML_TAG_TEMPLATE)
			template_mode_push(b, MODE_IN_TEMPLATE);
		if (token.tag == HTML_TAG_FORM)
			b->form = b->context;
	}
	mode_reset(b);
}

/* The children of the stand-in <html> are the fragment. */
static void fragment_finish(struct builder *b)
{
	struct html_node *root = b->document->first;

	node_unlink(root);
	while (root->first && !b->stopped)
		node_append(b->document, root->first);
}

/* Numbers the nodes in document order and tells each where its descendants end. */
static void tree_number(struct html *html)
{
	struct html_node *node = html->root;
	uint32_t order = 0;

	while (node) {
		node->order = node->last_order = order++;
		if (node->first && node->first->kind != HTML_CONTENT) {
			node = node->first;
			continue;
		}
		while (node && !node->next) {
			node = node->parent;
			if (node)
				node->last_order = order - 1;
		}
		node = node ? node->next : NULL;
	}
	html->nodes = order;
}

/* The page with CR LF and CR as LF; in the arena when it has any. */
static const char *newlines_normalise(struct arena *arena, const char *bytes, size_t *len)
{
	const char *end = bytes + *len;
	char *copy, *to;

	if (*len == 0 || !memchr(bytes, '\r', *len))
		return bytes;
	copy = to = arena_alloc(arena, *len);
	if (!copy)
		return NULL;
	for (const char *p = bytes; p < end; p++) {
		*to++ = *p == '\r' ? '\n' : *p;
		if (*p == '\r' && p + 1 < end && p[1] == '\n')
			p++;
	}
	*len = (size_t)(to - copy);
	return copy;
}

static int build_error(const struct builder *b, struct err *err)
{
	if (b->work > b->work_max)
		return err_set(err, ERR_LIMIT, "page takes too much work to parse");
	if (b->arena->used + (b->arena->max >> 4) > b->arena->max)
		return err_set(err, ERR_LIMIT, "page takes more than %zu MiB as a tree",
			       b->arena->max >> 20);
	return err_set(err, ERR_NO_MEMORY, "out of memory for a page");
}

static int parse(const char *bytes, size_t len, struct html_limits limits, const char *context,
		 enum html_space space, struct html **ret_html, struct err *err)
{
	struct html *html;
	struct builder *b;
	int rc = -1;

	if (len > MIN(limits.bytes_max, UINT32_MAX / 8))
		return err_set(err, ERR_LIMIT, "page has %zu bytes, more than %zu", len,
			       limits.bytes_max);
	html = calloc(1, sizeof(*html));
	b = calloc(1, sizeof(*b));
	if (!html || !b) {
		free(html);
		free(b);
		return err_set(err, ERR_NO_MEMORY, "out of memory for a page");
	}
	arena_init(&html->arena, limits.arena_bytes_max);
	*b = (struct builder){.html = html,
			      .arena = &html->arena,
			      .limits = limits,
			      .frameset_ok = true,
			      .work_max = limits.work_base + limits.work_per_byte * len,
			      .cpu_end_us = clock_thread_cpu_us() + limits.cpu_us_max};
	b->document = html->root = node_new(b, HTML_DOCUMENT);
	bytes = newlines_normalise(b->arena, bytes, &len);
	tokenizer_init(&b->tz, bytes ? bytes : "", bytes ? len : 0, b->arena);
	b->stopped = b->stopped || !bytes;
	if (context)
		fragment_start(b, context, space);
	build_run(b);
	if (!b->stopped) {
		if (context)
			fragment_finish(b);
		tree_number(html);
		*ret_html = html;
		rc = 0;
	} else {
		build_error(b, err);
		html_free(html);
	}
	tokenizer_done(&b->tz);
	free(b->open);
	free(b->template_modes);
	free(b);
	return rc;
}

int html_parse(const char *bytes, size_t len, struct html_limits limits, struct html **ret_html,
	       struct err *err)
{
	return parse(bytes, len, limits, NULL, HTML_SPACE_HTML, ret_html, err);
}

int html_parse_fragment(const char *bytes, size_t len, struct html_limits limits,
			const char *context, enum html_space space, struct html **ret_html,
			struct err *err)
{
	return parse(bytes, len, limits, context, space, ret_html, err);
}

void html_free(struct html *html)
{
	if (!html)
		return;
	arena_done(&html->arena);
	free(html);
}

struct html_node *html_root(const struct html *html)
{
	return html->root;
}

static struct html_node *child_of(const struct html_node *parent, enum html_tag a, enum html_tag b)
{
	struct html_node *node = parent ? parent->first : NULL;

	while (node && !html_is(node, a) && !html_is(node, b))
		node = node->next;
	return node;
}

struct html_node *html_html(const struct html *html)
{
	return child_of(html->root, HTML_TAG_HTML, HTML_TAG_HTML);
}

struct html_node *html_head(const struct html *html)
{
	return child_of(html_html(html), HTML_TAG_HEAD, HTML_TAG_HEAD);
}

struct html_node *html_body(const struct html *html)
{
	return child_of(html_html(html), HTML_TAG_BODY, HTML_TAG_FRAMESET);
}

size_t html_memory(const struct html *html)
{
	return html->arena.used;
}

void html_title(const struct html *html, struct buf *buf)
{
	struct html_node *node = html->root;

	while (node && !html_is(node, HTML_TAG_TITLE))
		node = html_next_element(node, html->root);
	if (node)
		html_text_clean(node, buf);
}
