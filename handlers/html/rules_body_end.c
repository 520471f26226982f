/* SPDX-License-Identifier: MIT */
/* rules_body_end.c - the end tags of "in body" (13.2.6.4.7). */
#include "handlers/html/builder.h"

/* </div> and its like: closes the element with what is open inside. */
static void block_end(struct builder *b, enum html_tag tag)
{
	if (!stack_has(b, tag, SCOPE_DEFAULT))
		return;
	implied_end_tags(b, HTML_TAG_OTHER);
	stack_pop_until(b, tag);
}

static void item_end(struct builder *b, enum html_tag tag)
{
	if (!stack_has(b, tag, tag == HTML_TAG_LI ? SCOPE_LIST_ITEM : SCOPE_DEFAULT))
		return;
	implied_end_tags(b, tag);
	stack_pop_until(b, tag);
}

static void form_end(struct builder *b)
{
	struct html_node *form = b->form;

	if (b->open_tags[HTML_TAG_TEMPLATE]) {
		block_end(b, HTML_TAG_FORM);
		return;
	}
	b->form = NULL;
	if (!form || !stack_has_node(b, form))
		return;
	implied_end_tags(b, HTML_TAG_OTHER);
	stack_remove(b, form);
}

static void p_end(struct builder *b)
{
	if (!stack_has(b, HTML_TAG_P, SCOPE_BUTTON))
		element_insert_tag(b, HTML_TAG_P);
	close_p(b);
}

static void heading_end(struct builder *b)
{
	if (!stack_has_heading(b))
		return;
	implied_end_tags(b, HTML_TAG_OTHER);
	stack_pop_until_heading(b);
}

static void object_end(struct builder *b, enum html_tag tag)
{
	if (!stack_has(b, tag, SCOPE_DEFAULT))
		return;
	implied_end_tags(b, HTML_TAG_OTHER);
	stack_pop_until(b, tag);
	format_clear(b);
}

/* </br> means <br>. */
static void br_end(struct builder *b)
{
	format_reconstruct(b);
	element_insert_tag(b, HTML_TAG_BR);
	stack_pop(b);
	b->frameset_ok = false;
}

bool rule_body_end(struct builder *b, struct token *token)
{
	enum html_tag tag = token->tag;

	switch (tag) {
	case HTML_TAG_TEMPLATE:
		return rule_in_head(b, token);
	case HTML_TAG_BODY:
	case HTML_TAG_HTML:
		if (!stack_has(b, HTML_TAG_BODY, SCOPE_DEFAULT))
			return false;
		b->mode = MODE_AFTER_BODY;
		return tag == HTML_TAG_HTML;
	case HTML_TAG_BUTTON:
	case HTML_TAG_LISTING:
	case HTML_TAG_PRE:
	case HTML_TAG_SELECT:
		block_end(b, tag);
		break;
	case HTML_TAG_FORM:
		form_end(b);
		break;
	case HTML_TAG_P:
		p_end(b);
		break;
	case HTML_TAG_LI:
	case HTML_TAG_DD:
	case HTML_TAG_DT:
		item_end(b, tag);
		break;
	case HTML_TAG_H1:
	case HTML_TAG_H2:
	case HTML_TAG_H3:
	case HTML_TAG_H4:
	case HTML_TAG_H5:
	case HTML_TAG_H6:
		heading_end(b);
		break;
	case HTML_TAG_APPLET:
	case HTML_TAG_MARQUEE:
	case HTML_TAG_OBJECT:
		object_end(b, tag);
		break;
	case HTML_TAG_BR:
		br_end(b);
		break;
	default:
		if (html_tag_flags(tag) & TAG_BLOCK)
			block_end(b, tag);
		else if (html_tag_flags(tag) & TAG_FORMAT)
			format_adopt(b, token);
		else
			rule_any_end(b, token);
	}
	return false;
}
