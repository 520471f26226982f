/* SPDX-License-Identifier: MIT */
/* tokenizer.c - the loop over tokens, and ordinary text.
 *
 * Text is a slice of the page for as long as it can be: only a reference that means
 * something else, or a "</>" that means nothing, moves the run to `chars`.
 */
#include "handlers/html/tokenizer.h"

#include "base/limits.h"
#include "handlers/html/charref.h"

#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD";

void tokenizer_init(struct tokenizer *tz, const char *bytes, size_t len, struct arena *arena)
{
	*tz = (struct tokenizer){.at = bytes,
				 .end = bytes + len,
				 .arena = arena,
				 .chars = BUF(HTML_ARENA_BYTES_MAX)};
}

void tokenizer_done(struct tokenizer *tz)
{
	buf_done(&tz->chars);
	free(tz->attrs);
	tz->attrs = NULL;
}

void tokenizer_raw(struct tokenizer *tz, enum token_state state, const char *name, size_t len)
{
	tz->state = state;
	tz->raw_len = MIN(len, sizeof(tz->raw_name));
	memcpy(tz->raw_name, name, tz->raw_len);
}

void chars_add(struct tokenizer *tz, const char *from, const char *to)
{
	if (buf_add(&tz->chars, from, (size_t)(to - from)))
		tz->failed = true;
}

struct slice slice_no_nul(struct tokenizer *tz, const char *from, const char *to)
{
	const char *nul = from < to ? memchr(from, '\0', (size_t)(to - from)) : NULL;
	char *copy;

	if (!nul)
		return (struct slice){from, (size_t)(to - from)};
	buf_clear(&tz->chars);
	for (; nul; nul = from < to ? memchr(from, '\0', (size_t)(to - from)) : NULL) {
		chars_add(tz, from, nul);
		chars_add(tz, replacement, replacement + 3);
		from = nul + 1;
	}
	chars_add(tz, from, to);
	copy = arena_copy(tz->arena, buf_text(&tz->chars), tz->chars.len);
	if (!copy) {
		tz->failed = true;
		return (struct slice){"", 0};
	}
	return (struct slice){copy, tz->chars.len};
}

struct slice slice_lower(struct tokenizer *tz, const char *from, const char *to)
{
	struct slice slice = slice_no_nul(tz, from, to);
	const char *p = slice.at;
	const char *end = slice.at + slice.len;
	char *copy;

	while (p < end && !(*p >= 'A' && *p <= 'Z'))
		p++;
	if (p == end)
		return slice;
	copy = arena_copy(tz->arena, slice.at, slice.len);
	if (!copy) {
		tz->failed = true;
		return (struct slice){"", 0};
	}
	for (char *c = copy; c < copy + slice.len; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 32;
	return (struct slice){copy, slice.len};
}

size_t token_text_plain(const char *at, const char *end, char a, char b)
{
	const char *p = at;

	while (p < end && *p != a && *p != b && *p != '\0')
		p++;
	return (size_t)(p - at);
}

/* Does a tag, comment or its like begin at this '<'? */
static bool markup_begins(const char *at, const char *end)
{
	if (at + 1 >= end)
		return false;
	if (at[1] == '/')
		return at + 2 < end;
	return is_letter(at[1]) || at[1] == '!' || at[1] == '?';
}

/* A run of characters up to the next markup; false when it is empty. */
static bool token_text(struct tokenizer *tz, struct token *token)
{
	const char *from = tz->at;
	const char *p = from;
	char meaning[CHARREF_BYTES_MAX];
	size_t taken, len;

	buf_clear(&tz->chars);
	token->has_nul = false;
	for (;;) {
		p += token_text_plain(p, tz->end, '<', '&');
		if (p == tz->end)
			break;
		if (*p == '\0') {
			token->has_nul = true;
			p++;
		} else if (*p == '&') {
			taken = charref_read(p, tz->end, false, meaning, &len);
			if (taken) {
				chars_add(tz, from, p);
				chars_add(tz, meaning, meaning + len);
				from = p + taken;
			}
			p += taken ? taken : 1;
		} else if (!markup_begins(p, tz->end)) {
			p++;
		} else if (p[1] == '/' && p[2] == '>') {
			chars_add(tz, from, p);
			from = p += 3;
		} else {
			break;
		}
	}
	tz->at = p;
	token->kind = TOKEN_TEXT;
	token->scratch = tz->chars.len > 0;
	token->text = (struct slice){from, (size_t)(p - from)};
	if (token->scratch) {
		chars_add(tz, from, p);
		token->text = (struct slice){buf_text(&tz->chars), tz->chars.len};
	}
	return token->text.len > 0;
}

static bool token_data(struct tokenizer *tz, struct token *token)
{
	const char *at = tz->at;

	if (*at != '<' || !markup_begins(at, tz->end) || (at[1] == '/' && at[2] == '>'))
		return token_text(tz, token);
	if (is_letter(at[1]) || (at[1] == '/' && is_letter(at[2])))
		return token_tag(tz, token);
	return token_markup(tz, token);
}

void token_next(struct tokenizer *tz, struct token *token)
{
	token->scratch = token->has_nul = token->self_closing = token->quirks = false;
	token->attr_count = 0;
	while (tz->at < tz->end && !tz->failed) {
		bool found = tz->state == STATE_DATA ? token_data(tz, token) : token_raw(tz, token);

		if (found && !tz->failed)
			return;
	}
	token->kind = TOKEN_EOF;
	token->tag = HTML_TAG_OTHER;
	token->text = (struct slice){"", 0};
}
