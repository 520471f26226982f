/* SPDX-License-Identifier: MIT */
/* rules_head.c - the insertion modes before <body> (13.2.6.4.1 to .6), and text that only
 * its end tag ends (.8). */
#include "handlers/html/builder.h"

#include <string.h>
#include <strings.h>

struct slice token_space_take(struct token *token)
{
	struct slice space = {token->text.at, 0};

	while (space.len < token->text.len && is_space(token->text.at[space.len]))
		space.len++;
	token->text.at += space.len;
	token->text.len -= space.len;
	return space;
}

/* Public identifiers of documents written for browsers of the nineties. */
static const char *const quirky_prefixes[] = {
	"+//Silmaril//dtd html Pro v0r11 19970101//",
	"-//AS//DTD HTML 3.0 asWedit + extensions//",
	"-//AdvaSoft Ltd//DTD HTML 3.0 asWedit + extensions//",
	"-//IETF//DTD HTML 2.0 Level 1//",
	"-//IETF//DTD HTML 2.0 Level 2//",
	"-//IETF//DTD HTML 2.0 Strict Level 1//",
	"-//IETF//DTD HTML 2.0 Strict Level 2//",
	"-//IETF//DTD HTML 2.0 Strict//",
	"-//IETF//DTD HTML 2.0//",
	"-//IETF//DTD HTML 2.1E//",
	"-//IETF//DTD HTML 3.0//",
	"-//IETF//DTD HTML 3.2 Final//",
	"-//IETF//DTD HTML 3.2//",
	"-//IETF//DTD HTML 3//",
	"-//IETF//DTD HTML Level 0//",
	"-//IETF//DTD HTML Level 1//",
	"-//IETF//DTD HTML Level 2//",
	"-//IETF//DTD HTML Level 3//",
	"-//IETF//DTD HTML Strict Level 0//",
	"-//IETF//DTD HTML Strict Level 1//",
	"-//IETF//DTD HTML Strict Level 2//",
	"-//IETF//DTD HTML Strict Level 3//",
	"-//IETF//DTD HTML Strict//",
	"-//IETF//DTD HTML//",
	"-//Metrius//DTD Metrius Presentational//",
	"-//Microsoft//DTD Internet Explorer 2.0 HTML Strict//",
	"-//Microsoft//DTD Internet Explorer 2.0 HTML//",
	"-//Microsoft//DTD Internet Explorer 2.0 Tables//",
	"-//Microsoft//DTD Internet Explorer 3.0 HTML Strict//",
	"-//Microsoft//DTD Internet Explorer 3.0 HTML//",
	"-//Microsoft//DTD Internet Explorer 3.0 Tables//",
	"-//Netscape Comm. Corp.//DTD HTML//",
	"-//Netscape Comm. Corp.//DTD Strict HTML//",
	"-//O'Reilly and Associates//DTD HTML 2.0//",
	"-//O'Reilly and Associates//DTD HTML Extended 1.0//",
	"-//O'Reilly and Associates//DTD HTML Extended Relaxed 1.0//",
	"-//SQ//DTD HTML 2.0 HoTMetaL + extensions//",
	"-//SoftQuad Software//DTD HoTMetaL PRO 6.0::19990601::extensions to HTML 4.0//",
	"-//SoftQuad//DTD HoTMetaL PRO 4.0::19971010::extensions to HTML 4.0//",
	"-//Spyglass//DTD HTML 2.0 Extended//",
	"-//Sun Microsystems Corp.//DTD HotJava HTML//",
	"-//Sun Microsystems Corp.//DTD HotJava Strict HTML//",
	"-//W3C//DTD HTML 3 1995-03-24//",
	"-//W3C//DTD HTML 3.2 Draft//",
	"-//W3C//DTD HTML 3.2 Final//",
	"-//W3C//DTD HTML 3.2//",
	"-//W3C//DTD HTML 3.2S Draft//",
	"-//W3C//DTD HTML 4.0 Frameset//",
	"-//W3C//DTD HTML 4.0 Transitional//",
	"-//W3C//DTD HTML Experimental 19960712//",
	"-//W3C//DTD HTML Experimental 970421//",
	"-//W3C//DTD W3 HTML//",
	"-//W3O//DTD W3 HTML 3.0//",
	"-//WebTechs//DTD Mozilla HTML 2.0//",
	"-//WebTechs//DTD Mozilla HTML//",
};

static bool slice_begins(struct slice slice, const char *word)
{
	size_t len = strlen(word);

	return slice.len >= len && strncasecmp(slice.at, word, len) == 0;
}

static bool slice_is(struct slice slice, const char *word)
{
	return slice.len == strlen(word) && slice_begins(slice, word);
}

static bool doctype_is_quirky(const struct token *token)
{
	struct slice public = token->public_id;
	struct slice system = token->system_id;

	if (token->quirks || !slice_is(token->text, "html"))
		return true;
	if (slice_is(system, "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd"))
		return true;
	if (slice_is(public, "-//W3O//DTD W3 HTML Strict 3.0//EN//") ||
	    slice_is(public, "-/W3C/DTD HTML 4.0 Transitional/EN") || slice_is(public, "HTML"))
		return true;
	if (!system.at && (slice_begins(public, "-//W3C//DTD HTML 4.01 Frameset//") ||
			   slice_begins(public, "-//W3C//DTD HTML 4.01 Transitional//")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(quirky_prefixes); i++)
		if (slice_begins(public, quirky_prefixes[i]))
			return true;
	return false;
}

static void doctype_insert(struct builder *b, const struct token *token)
{
	struct html_node *node = node_new(b, HTML_DOCTYPE);
	struct html_attr *attrs = arena_array(b->arena, 2, sizeof(*attrs));

	if (!attrs) {
		build_stop(b);
		return;
	}
	node->text = token->text.at ? token->text.at : "";
	node->len = (uint32_t)token->text.len;
	attrs[0] = (struct html_attr){.name = "public",
				      .name_len = 6,
				      .value = token->public_id.at ? token->public_id.at : "",
				      .value_len = (uint32_t)token->public_id.len,
				      .next = &attrs[1]};
	attrs[1] = (struct html_attr){.name = "system",
				      .name_len = 6,
				      .value = token->system_id.at ? token->system_id.at : "",
				      .value_len = (uint32_t)token->system_id.len};
	if (token->public_id.at || token->system_id.at)
		node->attrs = attrs;
	node_append(b->document, node);
}

bool rule_initial(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_TEXT:
		token_space_take(token);
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_COMMENT:
		comment_insert(b, token, b->document);
		return false;
	case TOKEN_DOCTYPE:
		doctype_insert(b, token);
		b->quirks = doctype_is_quirky(token);
		b->mode = MODE_BEFORE_HTML;
		return false;
	default:
		break;
	}
	b->quirks = true;
	b->mode = MODE_BEFORE_HTML;
	return true;
}

/* End tags that may stand before <body>: they imply what is missing. */
static bool end_implies(const struct token *token)
{
	return token->tag == HTML_TAG_HEAD || token->tag == HTML_TAG_BODY ||
	       token->tag == HTML_TAG_HTML || token->tag == HTML_TAG_BR;
}

static void root_insert(struct builder *b, const struct token *token)
{
	struct html_node *root = element_make(b, token, HTML_SPACE_HTML);

	node_append(b->document, root);
	stack_push(b, root);
	b->mode = MODE_BEFORE_HEAD;
}

bool rule_before_html(struct builder *b, struct token *token)
{
	struct token html = token_of(HTML_TAG_HTML);

	switch (token->kind) {
	case TOKEN_DOCTYPE:
		return false;
	case TOKEN_COMMENT:
		comment_insert(b, token, b->document);
		return false;
	case TOKEN_TEXT:
		token_space_take(token);
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML) {
			root_insert(b, token);
			return false;
		}
		break;
	case TOKEN_END:
		if (!end_implies(token))
			return false;
		break;
	default:
		break;
	}
	root_insert(b, &html);
	return true;
}

bool rule_before_head(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_DOCTYPE:
		return false;
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_TEXT:
		token_space_take(token);
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML)
			return rule_in_body(b, token);
		if (token->tag == HTML_TAG_HEAD) {
			b->head = element_insert(b, token);
			b->mode = MODE_IN_HEAD;
			return false;
		}
		break;
	case TOKEN_END:
		if (!end_implies(token))
			return false;
		break;
	default:
		break;
	}
	b->head = element_insert_tag(b, HTML_TAG_HEAD);
	b->mode = MODE_IN_HEAD;
	return true;
}

/* The element's text is read whole, then its end tag returns to the current mode. */
void rules_raw_text(struct builder *b, struct token *token, enum token_state state)
{
	element_insert(b, token);
	tokenizer_raw(&b->tz, state, token->text.at, token->text.len);
	b->original = b->mode;
	b->mode = MODE_TEXT;
}

static void template_start(struct builder *b, struct token *token)
{
	element_insert(b, token);
	format_marker(b);
	b->frameset_ok = false;
	b->mode = MODE_IN_TEMPLATE;
	template_mode_push(b, MODE_IN_TEMPLATE);
}

static void template_end(struct builder *b)
{
	if (b->open_tags[HTML_TAG_TEMPLATE] == 0)
		return;
	implied_end_tags_thorough(b);
	stack_pop_until(b, HTML_TAG_TEMPLATE);
	format_clear(b);
	template_mode_pop(b);
	mode_reset(b);
}

/* True: nothing here knows the tag. */
static bool head_start(struct builder *b, struct token *token)
{
	switch (token->tag) {
	case HTML_TAG_BASE:
	case HTML_TAG_BASEFONT:
	case HTML_TAG_BGSOUND:
	case HTML_TAG_LINK:
	case HTML_TAG_META:
		element_insert_void(b, token);
		return false;
	case HTML_TAG_TITLE:
		rules_raw_text(b, token, STATE_RCDATA);
		return false;
	case HTML_TAG_NOFRAMES:
	case HTML_TAG_STYLE:
		rules_raw_text(b, token, STATE_RAWTEXT);
		return false;
	case HTML_TAG_NOSCRIPT:
		if (b->limits.scripting) {
			rules_raw_text(b, token, STATE_RAWTEXT);
		} else {
			element_insert(b, token);
			b->mode = MODE_IN_HEAD_NOSCRIPT;
		}
		return false;
	case HTML_TAG_SCRIPT:
		rules_raw_text(b, token, STATE_SCRIPT);
		return false;
	case HTML_TAG_TEMPLATE:
		template_start(b, token);
		return false;
	case HTML_TAG_HEAD:
		return false;
	default:
		return true;
	}
}

bool rule_in_head(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_DOCTYPE:
		return false;
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_TEXT:
		text_insert(b, token, token_space_take(token));
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML)
			return rule_in_body(b, token);
		if (!head_start(b, token))
			return false;
		break;
	case TOKEN_END:
		if (token->tag == HTML_TAG_TEMPLATE)
			template_end(b);
		if (!end_implies(token))
			return false;
		break;
	default:
		break;
	}
	stack_pop(b); /* <head> */
	b->mode = MODE_AFTER_HEAD;
	return token->kind != TOKEN_END || token->tag != HTML_TAG_HEAD;
}

bool rule_in_head_noscript(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_DOCTYPE:
		return false;
	case TOKEN_COMMENT:
		return rule_in_head(b, token);
	case TOKEN_TEXT:
		text_insert(b, token, token_space_take(token));
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML)
			return rule_in_body(b, token);
		if (token->tag == HTML_TAG_BASEFONT || token->tag == HTML_TAG_BGSOUND ||
		    token->tag == HTML_TAG_LINK || token->tag == HTML_TAG_META ||
		    token->tag == HTML_TAG_NOFRAMES || token->tag == HTML_TAG_STYLE)
			return rule_in_head(b, token);
		if (token->tag == HTML_TAG_HEAD || token->tag == HTML_TAG_NOSCRIPT)
			return false;
		break;
	case TOKEN_END:
		if (token->tag != HTML_TAG_NOSCRIPT && token->tag != HTML_TAG_BR)
			return false;
		break;
	default:
		break;
	}
	stack_pop(b); /* <noscript> */
	b->mode = MODE_IN_HEAD;
	return token->kind != TOKEN_END || token->tag != HTML_TAG_NOSCRIPT;
}

/* True: nothing here knows the tag. */
static bool after_head_start(struct builder *b, struct token *token)
{
	switch (token->tag) {
	case HTML_TAG_BODY:
		element_insert(b, token);
		b->frameset_ok = false;
		b->mode = MODE_IN_BODY;
		return false;
	case HTML_TAG_FRAMESET:
		element_insert(b, token);
		b->mode = MODE_IN_FRAMESET;
		return false;
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
		stack_push(b, b->head);
		rule_in_head(b, token);
		stack_remove(b, b->head);
		return false;
	default:
		return token->tag != HTML_TAG_HEAD;
	}
}

bool rule_after_head(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_DOCTYPE:
		return false;
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_TEXT:
		text_insert(b, token, token_space_take(token));
		if (token->text.len == 0)
			return false;
		break;
	case TOKEN_START:
		if (token->tag == HTML_TAG_HTML)
			return rule_in_body(b, token);
		if (!after_head_start(b, token))
			return false;
		break;
	case TOKEN_END:
		if (token->tag == HTML_TAG_TEMPLATE)
			return rule_in_head(b, token);
		if (!end_implies(token) || token->tag == HTML_TAG_HEAD)
			return false;
		break;
	default:
		break;
	}
	element_insert_tag(b, HTML_TAG_BODY);
	b->mode = MODE_IN_BODY;
	return true;
}

bool rule_text(struct builder *b, struct token *token)
{
	if (token->kind == TOKEN_TEXT) {
		text_insert(b, token, token->text);
		return false;
	}
	stack_pop(b);
	b->mode = b->original;
	return token->kind == TOKEN_EOF;
}
