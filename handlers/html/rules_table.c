/* SPDX-License-Identifier: MIT */
/* rules_table.c - the insertion modes inside <table> (13.2.6.4.9 to .15). */
#include "handlers/html/builder.h"

#include <string.h>
#include <strings.h>

static const enum html_tag to_table[] = {HTML_TAG_TABLE, HTML_TAG_OTHER};
static const enum html_tag to_table_body[] = {HTML_TAG_TBODY, HTML_TAG_TFOOT, HTML_TAG_THEAD,
					      HTML_TAG_OTHER};
static const enum html_tag to_row[] = {HTML_TAG_TR, HTML_TAG_OTHER};

bool token_input_hidden(const struct token *token)
{
	for (size_t i = 0; i < token->attr_count; i++) {
		const struct html_attr *attr = &token->attrs[i];

		if (attr->name_len == 4 && memcmp(attr->name, "type", 4) == 0)
			return attr->value_len == 6 && strncasecmp(attr->value, "hidden", 6) == 0;
	}
	return false;
}

/* <caption>, <col>, <td>, … : a part of a table. */
static bool is_part(enum html_tag tag)
{
	switch (tag) {
	case HTML_TAG_CAPTION:
	case HTML_TAG_COL:
	case HTML_TAG_COLGROUP:
	case HTML_TAG_TBODY:
	case HTML_TAG_TD:
	case HTML_TAG_TFOOT:
	case HTML_TAG_TH:
	case HTML_TAG_THEAD:
	case HTML_TAG_TR:
		return true;
	default:
		return false;
	}
}

static bool is_section(enum html_tag tag)
{
	return tag == HTML_TAG_TBODY || tag == HTML_TAG_TFOOT || tag == HTML_TAG_THEAD;
}

static bool is_cell(enum html_tag tag)
{
	return tag == HTML_TAG_TD || tag == HTML_TAG_TH;
}

/* End tags that no table mode listens to. */
static bool end_is_stray(enum html_tag tag)
{
	return tag == HTML_TAG_BODY || tag == HTML_TAG_HTML || is_part(tag);
}

static bool in_table_scope(struct builder *b, enum html_tag tag)
{
	return stack_has(b, tag, SCOPE_TABLE);
}

/* "Anything else": by the rules of "in body", but before the table. */
static bool foster_parent(struct builder *b, struct token *token)
{
	bool again;

	b->foster = true;
	again = rule_in_body(b, token);
	b->foster = false;
	return again;
}

/* "In table text": only whitespace may stand between the parts of a table. */
static bool table_text(struct builder *b, struct token *token)
{
	const struct html_node *top = stack_top(b);
	bool blank = true;

	if (top->space != HTML_SPACE_HTML ||
	    (top->tag != HTML_TAG_TABLE && top->tag != HTML_TAG_TR &&
	     top->tag != HTML_TAG_TEMPLATE && !is_section((enum html_tag)top->tag)))
		return foster_parent(b, token);
	for (size_t i = 0; i < token->text.len && blank; i++)
		blank = is_space(token->text.at[i]);
	if (!blank)
		return foster_parent(b, token);
	text_insert(b, token, token->text);
	return false;
}

/* A start tag of a part; the rest of the way is done by the mode it switches to. */
static bool part_start(struct builder *b, struct token *token)
{
	bool again = false;

	stack_clear_to(b, to_table);
	switch (token->tag) {
	case HTML_TAG_CAPTION:
		format_marker(b);
		element_insert(b, token);
		b->mode = MODE_IN_CAPTION;
		break;
	case HTML_TAG_COL:
		element_insert_tag(b, HTML_TAG_COLGROUP);
		b->mode = MODE_IN_COLUMN_GROUP;
		again = true;
		break;
	case HTML_TAG_COLGROUP:
		element_insert(b, token);
		b->mode = MODE_IN_COLUMN_GROUP;
		break;
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		element_insert(b, token);
		b->mode = MODE_IN_TABLE_BODY;
		break;
	default:
		element_insert_tag(b, HTML_TAG_TBODY);
		b->mode = MODE_IN_TABLE_BODY;
		again = true;
	}
	return again;
}

static bool table_form(struct builder *b, struct token *token)
{
	if (b->form || b->open_tags[HTML_TAG_TEMPLATE])
		return false;
	b->form = element_insert(b, token);
	stack_pop(b);
	return false;
}

static bool table_start(struct builder *b, struct token *token)
{
	if (is_part(token->tag))
		return part_start(b, token);
	switch (token->tag) {
	case HTML_TAG_TABLE:
		if (!in_table_scope(b, HTML_TAG_TABLE))
			return false;
		stack_pop_until(b, HTML_TAG_TABLE);
		mode_reset(b);
		return true;
	case HTML_TAG_STYLE:
	case HTML_TAG_SCRIPT:
	case HTML_TAG_TEMPLATE:
		return rule_in_head(b, token);
	case HTML_TAG_INPUT:
		if (!token_input_hidden(token))
			break;
		element_insert_void(b, token);
		return false;
	case HTML_TAG_FORM:
		return table_form(b, token);
	default:
		break;
	}
	return foster_parent(b, token);
}

static bool table_end(struct builder *b, struct token *token)
{
	if (token->tag == HTML_TAG_TABLE) {
		if (in_table_scope(b, HTML_TAG_TABLE)) {
			stack_pop_until(b, HTML_TAG_TABLE);
			mode_reset(b);
		}
		return false;
	}
	if (token->tag == HTML_TAG_TEMPLATE)
		return rule_in_head(b, token);
	return end_is_stray(token->tag) ? false : foster_parent(b, token);
}

bool rule_in_table(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_TEXT:
		return table_text(b, token);
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_START:
		return table_start(b, token);
	case TOKEN_END:
		return table_end(b, token);
	case TOKEN_EOF:
		return rule_in_body(b, token);
	default:
		return false;
	}
}

bool rule_in_caption(struct builder *b, struct token *token)
{
	bool closes = (token->kind == TOKEN_START && is_part(token->tag)) ||
		      is_end(token, HTML_TAG_TABLE) || is_end(token, HTML_TAG_CAPTION);

	if (!closes) {
		if (token->kind == TOKEN_END && end_is_stray(token->tag))
			return false;
		return rule_in_body(b, token);
	}
	if (!in_table_scope(b, HTML_TAG_CAPTION))
		return false;
	implied_end_tags(b, HTML_TAG_OTHER);
	stack_pop_until(b, HTML_TAG_CAPTION);
	format_clear(b);
	b->mode = MODE_IN_TABLE;
	return !is_end(token, HTML_TAG_CAPTION);
}

bool rule_in_column_group(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_TEXT:
		text_insert(b, token, token_space_take(token));
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_DOCTYPE:
		return false;
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML)
			return rule_in_body(b, token);
		if (token->tag == HTML_TAG_TEMPLATE)
			return rule_in_head(b, token);
		if (token->tag == HTML_TAG_COL) {
			element_insert_void(b, token);
			return false;
		}
		break;
	case TOKEN_END:
		if (token->tag == HTML_TAG_COL)
			return false;
		if (token->tag == HTML_TAG_TEMPLATE)
			return rule_in_head(b, token);
		break;
	case TOKEN_EOF:
		return rule_in_body(b, token);
	}
	if (!html_is(stack_top(b), HTML_TAG_COLGROUP))
		return false;
	stack_pop(b);
	b->mode = MODE_IN_TABLE;
	return !is_end(token, HTML_TAG_COLGROUP);
}

static bool table_body_start(struct builder *b, struct token *token)
{
	if (token->tag == HTML_TAG_TR) {
		stack_clear_to(b, to_table_body);
		element_insert(b, token);
		b->mode = MODE_IN_ROW;
		return false;
	}
	stack_clear_to(b, to_table_body);
	element_insert_tag(b, HTML_TAG_TR);
	b->mode = MODE_IN_ROW;
	return true;
}

bool rule_in_table_body(struct builder *b, struct token *token)
{
	bool start = token->kind == TOKEN_START;
	bool end = token->kind == TOKEN_END;

	if (start && (token->tag == HTML_TAG_TR || is_cell(token->tag)))
		return table_body_start(b, token);
	if (end && is_section(token->tag)) {
		if (!in_table_scope(b, token->tag))
			return false;
	} else if ((start && is_part(token->tag)) || is_end(token, HTML_TAG_TABLE)) {
		if (!in_table_scope(b, HTML_TAG_TBODY) && !in_table_scope(b, HTML_TAG_THEAD) &&
		    !in_table_scope(b, HTML_TAG_TFOOT))
			return false;
	} else if (end && end_is_stray(token->tag)) {
		return false;
	} else {
		return rule_in_table(b, token);
	}
	stack_clear_to(b, to_table_body);
	stack_pop(b);
	b->mode = MODE_IN_TABLE;
	return !(end && is_section(token->tag));
}

bool rule_in_row(struct builder *b, struct token *token)
{
	bool start = token->kind == TOKEN_START;
	bool end = token->kind == TOKEN_END;

	if (start && is_cell(token->tag)) {
		stack_clear_to(b, to_row);
		element_insert(b, token);
		b->mode = MODE_IN_CELL;
		format_marker(b);
		return false;
	}
	if (end && is_section(token->tag) && !in_table_scope(b, token->tag))
		return false;
	if ((start && is_part(token->tag)) || is_end(token, HTML_TAG_TABLE) ||
	    is_end(token, HTML_TAG_TR) || (end && is_section(token->tag))) {
		if (!in_table_scope(b, HTML_TAG_TR))
			return false;
		stack_clear_to(b, to_row);
		stack_pop(b);
		b->mode = MODE_IN_TABLE_BODY;
		return !is_end(token, HTML_TAG_TR);
	}
	if (end && end_is_stray(token->tag))
		return false;
	return rule_in_table(b, token);
}

static void cell_close(struct builder *b)
{
	implied_end_tags(b, HTML_TAG_OTHER);
	while (b->open_count > 1) {
		const struct html_node *top = stack_top(b);
		bool cell = top->space == HTML_SPACE_HTML && is_cell((enum html_tag)top->tag);

		stack_pop(b);
		if (cell)
			break;
	}
	format_clear(b);
	b->mode = MODE_IN_ROW;
}

static bool cell_end(struct builder *b, struct token *token)
{
	enum html_tag tag = token->tag;

	if (is_cell(tag)) {
		if (!in_table_scope(b, tag))
			return false;
		implied_end_tags(b, HTML_TAG_OTHER);
		stack_pop_until(b, tag);
		format_clear(b);
		b->mode = MODE_IN_ROW;
		return false;
	}
	if (tag == HTML_TAG_TABLE || tag == HTML_TAG_TR || is_section(tag)) {
		if (!in_table_scope(b, tag))
			return false;
		cell_close(b);
		return true;
	}
	return end_is_stray(tag) ? false : rule_in_body(b, token);
}

bool rule_in_cell(struct builder *b, struct token *token)
{
	if (token->kind == TOKEN_END)
		return cell_end(b, token);
	if (token->kind != TOKEN_START || !is_part(token->tag))
		return rule_in_body(b, token);
	if (!in_table_scope(b, HTML_TAG_TD) && !in_table_scope(b, HTML_TAG_TH))
		return false;
	cell_close(b);
	return true;
}
