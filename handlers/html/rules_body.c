/* SPDX-License-Identifier: MIT */
/* rules_body.c - the insertion mode "in body" (13.2.6.4.7): text and start tags. */
#include "handlers/html/builder.h"

#include <string.h>
#include <strings.h>

/* The token's text without NULs; the text moves to the arena when it had some. */
static void text_drop_nul(struct builder *b, struct token *token)
{
	char *copy, *to;

	if (!token->has_nul)
		return;
	copy = to = arena_alloc(b->arena, token->text.len);
	if (!copy) {
		build_stop(b);
		token->text.len = 0;
		return;
	}
	for (size_t i = 0; i < token->text.len; i++)
		if (token->text.at[i] != '\0')
			*to++ = token->text.at[i];
	token->text = (struct slice){copy, (size_t)(to - copy)};
	token->scratch = token->has_nul = false;
}

static void body_text(struct builder *b, struct token *token)
{
	text_drop_nul(b, token);
	if (token->text.len == 0)
		return;
	format_reconstruct(b);
	text_insert(b, token, token->text);
	if (b->frameset_ok) {
		token_space_take(token);
		b->frameset_ok = token->text.len == 0;
	}
}

static void body_insert(struct builder *b, struct token *token)
{
	format_reconstruct(b);
	element_insert(b, token);
}

static void second_body(struct builder *b, struct token *token)
{
	if (b->open_count < 2 || !html_is(b->open[1], HTML_TAG_BODY) ||
	    b->open_tags[HTML_TAG_TEMPLATE])
		return;
	b->frameset_ok = false;
	element_attrs_add(b, b->open[1], token);
}

static void late_frameset(struct builder *b, struct token *token)
{
	if (b->open_count < 2 || !html_is(b->open[1], HTML_TAG_BODY) || !b->frameset_ok)
		return;
	node_unlink(b->open[1]);
	while (b->open_count > 1)
		stack_pop(b);
	element_insert(b, token);
	b->mode = MODE_IN_FRAMESET;
}

static void heading_start(struct builder *b, struct token *token)
{
	const struct html_node *top;

	close_p(b);
	top = stack_top(b);
	if (top->space == HTML_SPACE_HTML && top->tag >= HTML_TAG_H1 && top->tag <= HTML_TAG_H6)
		stack_pop(b);
	element_insert(b, token);
}

static void form_start(struct builder *b, struct token *token)
{
	struct html_node *node;

	if (b->form && b->open_tags[HTML_TAG_TEMPLATE] == 0)
		return;
	close_p(b);
	node = element_insert(b, token);
	if (b->open_tags[HTML_TAG_TEMPLATE] == 0)
		b->form = node;
}

static bool is_item(const struct html_node *node, const struct token *token)
{
	if (token->tag == HTML_TAG_LI)
		return html_is(node, HTML_TAG_LI);
	return html_is(node, HTML_TAG_DD) || html_is(node, HTML_TAG_DT);
}

static bool item_search_stops(const struct html_node *node)
{
	if (node->space != HTML_SPACE_HTML)
		return true; /* those that are reached here are special */
	return (html_tag_flags((enum html_tag)node->tag) & TAG_SPECIAL) &&
	       node->tag != HTML_TAG_ADDRESS && node->tag != HTML_TAG_DIV &&
	       node->tag != HTML_TAG_P;
}

/* <li>, <dd>, <dt>: closes the item before. */
static void item_start(struct builder *b, struct token *token)
{
	unsigned open = token->tag == HTML_TAG_LI
				? b->open_tags[HTML_TAG_LI]
				: b->open_tags[HTML_TAG_DD] + b->open_tags[HTML_TAG_DT];

	b->frameset_ok = false;
	for (size_t i = b->open_count; open && i-- > 0;) {
		struct html_node *node = b->open[i];

		build_work(b, 1);
		if (is_item(node, token)) {
			implied_end_tags(b, (enum html_tag)node->tag);
			stack_pop_until_node(b, node);
			break;
		}
		if (item_search_stops(node))
			break;
	}
	close_p(b);
	element_insert(b, token);
}

static void button_start(struct builder *b, struct token *token)
{
	if (stack_has(b, HTML_TAG_BUTTON, SCOPE_DEFAULT)) {
		implied_end_tags(b, HTML_TAG_OTHER);
		stack_pop_until(b, HTML_TAG_BUTTON);
	}
	body_insert(b, token);
	b->frameset_ok = false;
}

static void format_start(struct builder *b, struct token *token)
{
	format_reconstruct(b);
	format_push(b, element_insert(b, token));
}

static void a_start(struct builder *b, struct token *token)
{
	struct html_node *before = format_find(b, HTML_TAG_A);

	if (before) {
		format_adopt(b, token);
		format_remove(b, before);
		stack_remove(b, before);
	}
	format_start(b, token);
}

static void nobr_start(struct builder *b, struct token *token)
{
	format_reconstruct(b);
	if (stack_has(b, HTML_TAG_NOBR, SCOPE_DEFAULT)) {
		format_adopt(b, token);
		format_reconstruct(b);
	}
	format_push(b, element_insert(b, token));
}

static void void_start(struct builder *b, struct token *token)
{
	format_reconstruct(b);
	element_insert_void(b, token);
	b->frameset_ok = false;
}

static bool in_select_fragment(const struct builder *b)
{
	return b->context && html_is(b->context, HTML_TAG_SELECT);
}

static void input_start(struct builder *b, struct token *token)
{
	if (in_select_fragment(b))
		return;
	if (stack_has(b, HTML_TAG_SELECT, SCOPE_DEFAULT))
		stack_pop_until(b, HTML_TAG_SELECT);
	format_reconstruct(b);
	element_insert_void(b, token);
	if (!token_input_hidden(token))
		b->frameset_ok = false;
}

static void hr_start(struct builder *b, struct token *token)
{
	close_p(b);
	if (stack_has(b, HTML_TAG_SELECT, SCOPE_DEFAULT))
		implied_end_tags(b, HTML_TAG_OTHER);
	element_insert_void(b, token);
	b->frameset_ok = false;
}

static void select_start(struct builder *b, struct token *token)
{
	if (in_select_fragment(b))
		return;
	if (stack_has(b, HTML_TAG_SELECT, SCOPE_DEFAULT)) {
		stack_pop_until(b, HTML_TAG_SELECT);
		return;
	}
	body_insert(b, token);
	b->frameset_ok = false;
}

static void option_start(struct builder *b, struct token *token)
{
	if (stack_has(b, HTML_TAG_SELECT, SCOPE_DEFAULT))
		implied_end_tags(b, token->tag == HTML_TAG_OPTION ? HTML_TAG_OPTGROUP
								  : HTML_TAG_OTHER);
	else if (html_is(stack_top(b), HTML_TAG_OPTION))
		stack_pop(b);
	body_insert(b, token);
}

static void ruby_start(struct builder *b, struct token *token)
{
	if (stack_has(b, HTML_TAG_RUBY, SCOPE_DEFAULT))
		implied_end_tags(b, token->tag == HTML_TAG_RP || token->tag == HTML_TAG_RT
					    ? HTML_TAG_RTC
					    : HTML_TAG_OTHER);
	element_insert(b, token);
}

static void foreign_root(struct builder *b, struct token *token, enum html_space space)
{
	format_reconstruct(b);
	element_insert_foreign(b, token, space);
	if (token->self_closing)
		stack_pop(b);
}

static void pre_start(struct builder *b, struct token *token)
{
	close_p(b);
	element_insert(b, token);
	b->skip_lf = true;
	b->frameset_ok = false;
}

static void table_start(struct builder *b, struct token *token)
{
	if (!b->quirks)
		close_p(b);
	element_insert(b, token);
	b->frameset_ok = false;
	b->mode = MODE_IN_TABLE;
}

/* Elements whose content is text only. */
static void raw_start(struct builder *b, struct token *token)
{
	switch (token->tag) {
	case HTML_TAG_PLAINTEXT:
		close_p(b);
		element_insert(b, token);
		tokenizer_raw(&b->tz, STATE_PLAINTEXT, "", 0);
		return;
	case HTML_TAG_TEXTAREA:
		rules_raw_text(b, token, STATE_RCDATA);
		b->skip_lf = true;
		b->frameset_ok = false;
		return;
	case HTML_TAG_XMP:
		close_p(b);
		format_reconstruct(b);
		b->frameset_ok = false;
		break;
	case HTML_TAG_IFRAME:
		b->frameset_ok = false;
		break;
	default:
		break;
	}
	rules_raw_text(b, token, STATE_RAWTEXT);
}

/* ---- <html>, and those that need a line or two ---- */

static void html_again(struct builder *b, struct token *token)
{
	if (b->open_tags[HTML_TAG_TEMPLATE] == 0)
		element_attrs_add(b, b->open[0], token);
}

static void noscript_start(struct builder *b, struct token *token)
{
	if (b->limits.scripting)
		raw_start(b, token);
	else
		body_insert(b, token);
}

static void marked_start(struct builder *b, struct token *token)
{
	body_insert(b, token);
	format_marker(b);
	b->frameset_ok = false;
}

static void image_start(struct builder *b, struct token *token)
{
	token->tag = HTML_TAG_IMG;
	token->text = (struct slice){"img", 3};
	void_start(b, token);
}

/* <param> and its like */
static void childless_start(struct builder *b, struct token *token)
{
	element_insert_void(b, token);
}

static void math_start(struct builder *b, struct token *token)
{
	foreign_root(b, token, HTML_SPACE_MATH);
}

static void svg_start(struct builder *b, struct token *token)
{
	foreign_root(b, token, HTML_SPACE_SVG);
}

/* Parts of tables and documents that stand alone. */
static void start_ignored(struct builder *b, struct token *token)
{
	(void)b;
	(void)token;
}

static void ordinary_start(struct builder *b, struct token *token)
{
	if (html_tag_flags(token->tag) & TAG_BLOCK) {
		close_p(b);
		element_insert(b, token);
	} else if (html_tag_flags(token->tag) & TAG_FORMAT) {
		format_start(b, token);
	} else {
		b->selected |= token->tag == HTML_TAG_SELECTEDCONTENT;
		body_insert(b, token);
	}
}

static void (*const starts[HTML_TAGS])(struct builder *b, struct token *token) = {
	[HTML_TAG_HTML] = html_again,
	[HTML_TAG_BODY] = second_body,
	[HTML_TAG_FRAMESET] = late_frameset,
	[HTML_TAG_H1] = heading_start,
	[HTML_TAG_H2] = heading_start,
	[HTML_TAG_H3] = heading_start,
	[HTML_TAG_H4] = heading_start,
	[HTML_TAG_H5] = heading_start,
	[HTML_TAG_H6] = heading_start,
	[HTML_TAG_PRE] = pre_start,
	[HTML_TAG_LISTING] = pre_start,
	[HTML_TAG_FORM] = form_start,
	[HTML_TAG_LI] = item_start,
	[HTML_TAG_DD] = item_start,
	[HTML_TAG_DT] = item_start,
	[HTML_TAG_PLAINTEXT] = raw_start,
	[HTML_TAG_TEXTAREA] = raw_start,
	[HTML_TAG_XMP] = raw_start,
	[HTML_TAG_IFRAME] = raw_start,
	[HTML_TAG_NOEMBED] = raw_start,
	[HTML_TAG_NOSCRIPT] = noscript_start,
	[HTML_TAG_BUTTON] = button_start,
	[HTML_TAG_A] = a_start,
	[HTML_TAG_NOBR] = nobr_start,
	[HTML_TAG_APPLET] = marked_start,
	[HTML_TAG_MARQUEE] = marked_start,
	[HTML_TAG_OBJECT] = marked_start,
	[HTML_TAG_TABLE] = table_start,
	[HTML_TAG_IMAGE] = image_start,
	[HTML_TAG_AREA] = void_start,
	[HTML_TAG_BR] = void_start,
	[HTML_TAG_EMBED] = void_start,
	[HTML_TAG_IMG] = void_start,
	[HTML_TAG_KEYGEN] = void_start,
	[HTML_TAG_WBR] = void_start,
	[HTML_TAG_INPUT] = input_start,
	[HTML_TAG_PARAM] = childless_start,
	[HTML_TAG_SOURCE] = childless_start,
	[HTML_TAG_TRACK] = childless_start,
	[HTML_TAG_HR] = hr_start,
	[HTML_TAG_SELECT] = select_start,
	[HTML_TAG_OPTION] = option_start,
	[HTML_TAG_OPTGROUP] = option_start,
	[HTML_TAG_RB] = ruby_start,
	[HTML_TAG_RTC] = ruby_start,
	[HTML_TAG_RP] = ruby_start,
	[HTML_TAG_RT] = ruby_start,
	[HTML_TAG_MATH] = math_start,
	[HTML_TAG_SVG] = svg_start,
	[HTML_TAG_CAPTION] = start_ignored,
	[HTML_TAG_COL] = start_ignored,
	[HTML_TAG_COLGROUP] = start_ignored,
	[HTML_TAG_FRAME] = start_ignored,
	[HTML_TAG_HEAD] = start_ignored,
	[HTML_TAG_TBODY] = start_ignored,
	[HTML_TAG_TD] = start_ignored,
	[HTML_TAG_TFOOT] = start_ignored,
	[HTML_TAG_TH] = start_ignored,
	[HTML_TAG_THEAD] = start_ignored,
	[HTML_TAG_TR] = start_ignored,
};

static bool belongs_to_head(enum html_tag tag)
{
	switch (tag) {
	case HTML_TAG_BASE:
	case HTML_TAG_BASEFONT:
	case HTML_TAG_BGSOUND:
	case HTML_TAG_LINK:
	case HTML_TAG_META:
	case HTML_TAG_NOFRAMES:
	case HTML_TAG_SCRIPT:
	case HTML_TAG_STYLE:
	case HTML_TAG_TEMPLATE:
	case HTML_TAG_TITLE:
		return true;
	default:
		return false;
	}
}

static bool body_start(struct builder *b, struct token *token)
{
	if (belongs_to_head(token->tag))
		return rule_in_head(b, token);
	if (starts[token->tag])
		starts[token->tag](b, token);
	else
		ordinary_start(b, token);
	return false;
}

bool rule_in_body(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_TEXT:
		body_text(b, token);
		return false;
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_START:
		return body_start(b, token);
	case TOKEN_END:
		return rule_body_end(b, token);
	case TOKEN_EOF:
		return b->template_count > 0 && rule_in_template(b, token);
	default:
		return false;
	}
}
