/* SPDX-License-Identifier: MIT */
/* token_markup.c - what begins with "<!", "<?" or "</" and a stranger: comments, DOCTYPE,
 * CDATA sections (13.2.5.41 to 13.2.5.71). */
#include "handlers/html/tokenizer.h"

#include <string.h>
#include <strings.h>

static bool begins(const struct tokenizer *tz, const char *p, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(tz->end - p) >= len && strncasecmp(p, word, len) == 0;
}

static bool comment_made(struct tokenizer *tz, struct token *token, const char *from,
			 const char *to, const char *after)
{
	token->kind = TOKEN_COMMENT;
	token->text = slice_no_nul(tz, from, to);
	tz->at = after;
	return true;
}

/* "<!--": ends at "-->" or "--!>", of which the dashes may be those that began it. */
static bool comment_read(struct tokenizer *tz, struct token *token)
{
	const char *from = tz->at + 4;
	const char *p = from;
	const char *end = tz->end;

	if (p < end && *p == '>')
		return comment_made(tz, token, from, from, p + 1);
	if (end - p >= 2 && p[0] == '-' && p[1] == '>')
		return comment_made(tz, token, from, from, p + 2);
	for (; p < end && (p = memchr(p, '>', (size_t)(end - p))); p++) {
		if (p - from >= 2 && p[-1] == '-' && p[-2] == '-')
			return comment_made(tz, token, from, p - 2, p + 1);
		if (p - from >= 3 && p[-1] == '!' && p[-2] == '-' && p[-3] == '-')
			return comment_made(tz, token, from, p - 3, p + 1);
	}
	if (end - from >= 3 && memcmp(end - 3, "--!", 3) == 0)
		return comment_made(tz, token, from, end - 3, end);
	for (int dashes = 0; dashes < 2 && end > from && end[-1] == '-'; dashes++)
		end--;
	return comment_made(tz, token, from, end, tz->end);
}

static bool bogus_read(struct tokenizer *tz, struct token *token, const char *from)
{
	const char *end = memchr(from, '>', (size_t)(tz->end - from));

	return comment_made(tz, token, from, end ? end : tz->end, end ? end + 1 : tz->end);
}

static bool cdata_read(struct tokenizer *tz, struct token *token)
{
	const char *from = tz->at + strlen("<![CDATA[");
	const char *end = memmem(from, (size_t)(tz->end - from), "]]>", 3);

	tz->at = end ? end + 3 : tz->end;
	end = end ? end : tz->end;
	token->kind = TOKEN_TEXT;
	token->text = (struct slice){from, (size_t)(end - from)};
	token->has_nul = memchr(from, '\0', token->text.len) != NULL;
	return token->text.len > 0;
}

static const char *space_skip(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* A quoted identifier at `p`; a '>' inside ends the DOCTYPE.  Returns the place behind. */
static const char *identifier_read(struct tokenizer *tz, struct token *token, const char *p,
				   struct slice *ret_id)
{
	const char *from = p + 1;
	const char *to = from;

	while (to < tz->end && *to != *p && *to != '>')
		to++;
	*ret_id = slice_no_nul(tz, from, to);
	if (to == tz->end || *to == '>') {
		token->quirks = true;
		return to;
	}
	return to + 1;
}

static bool is_quote(const char *p, const char *end)
{
	return p < end && (*p == '"' || *p == '\'');
}

/* After the name: PUBLIC and SYSTEM.  Returns the place of the '>' or before it. */
static const char *identifiers_read(struct tokenizer *tz, struct token *token, const char *p)
{
	bool public = begins(tz, p, "public");

	if (!public && !begins(tz, p, "system")) {
		token->quirks = true;
		return p;
	}
	p = space_skip(p + 6, tz->end);
	if (!is_quote(p, tz->end)) {
		token->quirks = true;
		return p;
	}
	p = identifier_read(tz, token, p, public ? &token->public_id : &token->system_id);
	if (!public || token->quirks)
		return p;
	p = space_skip(p, tz->end);
	if (is_quote(p, tz->end))
		return identifier_read(tz, token, p, &token->system_id);
	if (p == tz->end || *p != '>')
		token->quirks = true;
	return p;
}

static bool doctype_read(struct tokenizer *tz, struct token *token)
{
	const char *p = space_skip(tz->at + strlen("<!DOCTYPE"), tz->end);
	const char *from = p;

	token->kind = TOKEN_DOCTYPE;
	token->public_id = token->system_id = (struct slice){NULL, 0};
	while (p < tz->end && !is_space(*p) && *p != '>')
		p++;
	token->text = p == from ? (struct slice){NULL, 0} : slice_lower(tz, from, p);
	p = space_skip(p, tz->end);
	token->quirks = token->text.at == NULL || p == tz->end;
	if (p < tz->end && *p != '>')
		p = identifiers_read(tz, token, p);
	p = p < tz->end ? memchr(p, '>', (size_t)(tz->end - p)) : NULL;
	if (!p)
		token->quirks = true;
	tz->at = p ? p + 1 : tz->end;
	return true;
}

bool token_markup(struct tokenizer *tz, struct token *token)
{
	const char *at = tz->at;

	if (at[1] == '?')
		return bogus_read(tz, token, at + 1);
	if (at[1] == '/' || at + 2 == tz->end)
		return bogus_read(tz, token, at + 2);
	if (begins(tz, at, "<!--"))
		return comment_read(tz, token);
	if (begins(tz, at, "<!doctype"))
		return doctype_read(tz, token);
	if (tz->cdata && tz->end - at >= 9 && memcmp(at, "<![CDATA[", 9) == 0)
		return cdata_read(tz, token);
	return bogus_read(tz, token, at + 2);
}
