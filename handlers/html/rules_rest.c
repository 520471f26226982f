/* SPDX-License-Identifier: MIT */
/* rules_rest.c - <template>, framesets, and what follows </body> (13.2.6.4.16 to .22). */
#include "handlers/html/builder.h"

/* The mode that suits the content of a <template>, told by its first tag. */
static enum mode template_mode(enum html_tag tag)
{
	switch (tag) {
	case HTML_TAG_CAPTION:
	case HTML_TAG_COLGROUP:
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		return MODE_IN_TABLE;
	case HTML_TAG_COL:
		return MODE_IN_COLUMN_GROUP;
	case HTML_TAG_TR:
		return MODE_IN_TABLE_BODY;
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		return MODE_IN_ROW;
	default:
		return MODE_IN_BODY;
	}
}

static bool template_start(struct builder *b, struct token *token)
{
	switch (token->tag) {
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
		return rule_in_head(b, token);
	default:
		b->mode = template_mode(token->tag);
		template_mode_set(b, b->mode);
		return true;
	}
}

bool rule_in_template(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_START:
		return template_start(b, token);
	case TOKEN_END:
		return token->tag == HTML_TAG_TEMPLATE && rule_in_head(b, token);
	case TOKEN_EOF:
		if (b->open_tags[HTML_TAG_TEMPLATE] == 0)
			return false;
		stack_pop_until(b, HTML_TAG_TEMPLATE);
		format_clear(b);
		template_mode_pop(b);
		mode_reset(b);
		return true;
	default:
		return rule_in_body(b, token);
	}
}

bool rule_after_body(struct builder *b, struct token *token)
{
	struct token space = *token;

	switch (token->kind) {
	case TOKEN_TEXT:
		space.text = token_space_take(token);
		space.has_nul = false;
		if (space.text.len)
			rule_in_body(b, &space);
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_COMMENT:
		comment_insert(b, token, b->open[0]);
		return false;
	case TOKEN_DOCTYPE:
	case TOKEN_EOF:
		return token->kind == TOKEN_EOF && rule_in_body(b, token);
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML)
			return rule_in_body(b, token);
		break;
	case TOKEN_END:
		if (token->tag != HTML_TAG_HTML)
			break;
		if (!b->context)
			b->mode = MODE_AFTER_AFTER_BODY;
		return false;
	}
	b->mode = MODE_IN_BODY;
	return true;
}

/* Of text in a frameset only the whitespace stays. */
static void frameset_text(struct builder *b, struct token *token)
{
	while (token->text.len) {
		text_insert(b, token, token_space_take(token));
		while (token->text.len && !is_space(*token->text.at)) {
			token->text.at++;
			token->text.len--;
		}
	}
}

bool rule_in_frameset(struct builder *b, struct token *token)
{
	if (token->kind == TOKEN_TEXT) {
		frameset_text(b, token);
	} else if (token->kind == TOKEN_COMMENT) {
		comment_insert(b, token, NULL);
	} else if (is_start(token, HTML_TAG_HTML)) {
		return rule_in_body(b, token);
	} else if (is_start(token, HTML_TAG_FRAMESET)) {
		element_insert(b, token);
	} else if (is_start(token, HTML_TAG_FRAME)) {
		element_insert_void(b, token);
	} else if (is_start(token, HTML_TAG_NOFRAMES)) {
		return rule_in_head(b, token);
	} else if (is_end(token, HTML_TAG_FRAMESET) && b->open_count > 1) {
		stack_pop(b);
		if (!b->context && !html_is(stack_top(b), HTML_TAG_FRAMESET))
			b->mode = MODE_AFTER_FRAMESET;
	}
	return false;
}

bool rule_after_frameset(struct builder *b, struct token *token)
{
	if (token->kind == TOKEN_TEXT)
		frameset_text(b, token);
	else if (token->kind == TOKEN_COMMENT)
		comment_insert(b, token, NULL);
	else if (is_start(token, HTML_TAG_HTML))
		return rule_in_body(b, token);
	else if (is_start(token, HTML_TAG_NOFRAMES))
		return rule_in_head(b, token);
	else if (is_end(token, HTML_TAG_HTML))
		b->mode = MODE_AFTER_AFTER_FRAMESET;
	return false;
}

bool rule_after_after_body(struct builder *b, struct token *token)
{
	struct token space = *token;

	if (token->kind == TOKEN_EOF || token->kind == TOKEN_DOCTYPE)
		return token->kind == TOKEN_EOF && rule_in_body(b, token);
	if (token->kind == TOKEN_COMMENT) {
		comment_insert(b, token, b->document);
		return false;
	}
	if (is_start(token, HTML_TAG_HTML))
		return rule_in_body(b, token);
	if (token->kind == TOKEN_TEXT) {
		space.text = token_space_take(token);
		space.has_nul = false;
		if (space.text.len)
			rule_in_body(b, &space);
		if (token->text.len == 0)
			return false;
	}
	b->mode = MODE_IN_BODY;
	return true;
}

bool rule_after_after_frameset(struct builder *b, struct token *token)
{
	struct token space = *token;

	if (token->kind == TOKEN_COMMENT) {
		comment_insert(b, token, b->document);
	} else if (token->kind == TOKEN_TEXT) {
		while (token->text.len) {
			space.text = token_space_take(token);
			space.has_nul = false;
			if (space.text.len)
				rule_in_body(b, &space);
			while (token->text.len && !is_space(*token->text.at)) {
				token->text.at++;
				token->text.len--;
			}
		}
	} else if (is_start(token, HTML_TAG_HTML)) {
		return rule_in_body(b, token);
	} else if (is_start(token, HTML_TAG_NOFRAMES)) {
		return rule_in_head(b, token);
	}
	return false;
}
