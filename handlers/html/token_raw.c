/* SPDX-License-Identifier: MIT */
/* token_raw.c - text that only its own end tag ends: <title>, <style>, <script>, … */
#include "handlers/html/charref.h"
#include "handlers/html/tokenizer.h"

#include <string.h>
#include <strings.h>

/* Does "</name" stand at this '<', and end as a name does? */
static bool end_tag_at(const struct tokenizer *tz, const char *p)
{
	size_t len = tz->raw_len;

	if (len == 0 || (size_t)(tz->end - p) < len + 3 || p[1] != '/' ||
	    strncasecmp(p + 2, tz->raw_name, len) != 0)
		return false;
	return is_space(p[2 + len]) || p[2 + len] == '/' || p[2 + len] == '>';
}

static const char *rawtext_end(const struct tokenizer *tz)
{
	const char *p = tz->at;

	while (p < tz->end && (p = memchr(p, '<', (size_t)(tz->end - p))))
		if (end_tag_at(tz, p))
			return p;
		else
			p++;
	return tz->end;
}

/* "<script" or "</script" as the whole name at `p`. */
static bool script_word_at(const struct tokenizer *tz, const char *p)
{
	static const char word[] = "script";

	return tz->end - p > 6 && strncasecmp(p, word, 6) == 0 &&
	       (is_space(p[6]) || p[6] == '/' || p[6] == '>');
}

/* Script data (13.2.5.4, .15 to .31): inside <!-- … --> a <script> … </script> pair
 * does not end the element. */
static const char *script_end(const struct tokenizer *tz)
{
	enum { PLAIN, ESCAPED, DOUBLE } state = PLAIN;
	const char *dashes = tz->at; /* where "-->" may begin */

	for (const char *p = tz->at; p < tz->end; p++) {
		if (*p == '>' && state != PLAIN && p - dashes >= 2 && p[-1] == '-' &&
		    p[-2] == '-') {
			state = PLAIN;
		} else if (*p != '<') {
			continue;
		} else if (state != DOUBLE && end_tag_at(tz, p)) {
			return p;
		} else if (state == PLAIN && tz->end - p >= 4 && memcmp(p, "<!--", 4) == 0) {
			state = ESCAPED;
			dashes = p + 2;
			p += 3;
		} else if (state == ESCAPED && script_word_at(tz, p + 1)) {
			state = DOUBLE;
		} else if (state == DOUBLE && p + 1 < tz->end && p[1] == '/' &&
			   script_word_at(tz, p + 2)) {
			state = ESCAPED;
		}
	}
	return tz->end;
}

/* Text with references, in chars when one means something. */
static void rcdata_decode(struct tokenizer *tz, struct token *token, const char *end)
{
	const char *from = tz->at;
	const char *p = from;
	char meaning[CHARREF_BYTES_MAX];
	size_t len;

	buf_clear(&tz->chars);
	while (p < end && (p = memchr(p, '&', (size_t)(end - p)))) {
		size_t taken = charref_read(p, end, false, meaning, &len);

		if (taken) {
			chars_add(tz, from, p);
			chars_add(tz, meaning, meaning + len);
			from = p + taken;
		}
		p += taken ? taken : 1;
	}
	if (tz->chars.len) {
		chars_add(tz, from, end);
		token->text = (struct slice){buf_text(&tz->chars), tz->chars.len};
		token->scratch = true;
	}
}

bool token_raw(struct tokenizer *tz, struct token *token)
{
	enum token_state state = tz->state;
	const char *end = tz->end;

	if (state != STATE_PLAINTEXT && *tz->at == '<' && end_tag_at(tz, tz->at)) {
		tz->state = STATE_DATA;
		return token_tag(tz, token);
	}
	if (state == STATE_SCRIPT)
		end = script_end(tz);
	else if (state != STATE_PLAINTEXT)
		end = rawtext_end(tz);
	token->kind = TOKEN_TEXT;
	token->text = slice_no_nul(tz, tz->at, end);
	if (state == STATE_RCDATA && token->text.at == tz->at)
		rcdata_decode(tz, token, end);
	else if (state == STATE_RCDATA) {
		struct tokenizer part = *tz;

		part.at = token->text.at;
		rcdata_decode(&part, token, token->text.at + token->text.len);
		tz->chars = part.chars;
		tz->failed = tz->failed || part.failed;
	}
	tz->at = end;
	return token->text.len > 0;
}
