/* SPDX-License-Identifier: MIT */
/* tokenizer.h - a page as tokens (WHATWG HTML 13.2.5).
 *
 * The builder pulls: token_next() gives one token at a time.  Runs of characters come
 * as one token however many references they hold, so nothing between two other tokens
 * is ever split.  The page has no CR (html.c normalised it) and may hold NUL.
 *
 * Threads    one at a time.
 * Ownership  a token's texts are slices of the page, or live in the arena, or, where
 *            `scratch` says so, in the tokenizer until the next token.
 * Errors     `failed`: out of memory, the next token is TOKEN_EOF.
 */
#ifndef HTML_TOKENIZER_H
#define HTML_TOKENIZER_H

#include "base/arena.h"
#include "base/buf.h"
#include "handlers/html/tree.h"

enum token_kind {
	TOKEN_EOF,
	TOKEN_TEXT,
	TOKEN_START,
	TOKEN_END,
	TOKEN_COMMENT,
	TOKEN_DOCTYPE,
};

/* How what follows is read; the builder sets it after certain start tags. */
enum token_state {
	STATE_DATA,
	STATE_RCDATA,	 /* text with references, up to the matching end tag */
	STATE_RAWTEXT,	 /* text without */
	STATE_SCRIPT,	 /* the same, with the rules for <!-- <script> --> */
	STATE_PLAINTEXT, /* text up to the end of the page */
};

struct slice {
	const char *at; /* NULL: missing, as opposed to empty */
	size_t len;
};

struct token {
	enum token_kind kind;
	enum html_tag tag;
	struct slice text; /* characters, name in lower case, comment */
	bool scratch;	   /* text lives until the next token only */
	bool has_nul;	   /* TOKEN_TEXT */
	bool self_closing;
	bool quirks; /* TOKEN_DOCTYPE: force-quirks */
	struct slice public_id, system_id;
	struct html_attr *attrs; /* until the next token; each name once */
	size_t attr_count;
};

struct tokenizer {
	const char *at, *end;
	struct arena *arena;
	enum token_state state;
	char raw_name[16]; /* what ends RCDATA, RAWTEXT, SCRIPT */
	size_t raw_len;
	bool cdata; /* the builder is in SVG or MathML: <![CDATA[ is known */
	bool failed;
	struct buf chars; /* a text, comment or value that could not be a slice */
	struct html_attr *attrs;
	size_t attrs_cap;
};

void tokenizer_init(struct tokenizer *tz, const char *bytes, size_t len, struct arena *arena);
void tokenizer_done(struct tokenizer *tz);
void token_next(struct tokenizer *tz, struct token *ret_token);

/* The builder's switch after <title>, <script> and their like. */
void tokenizer_raw(struct tokenizer *tz, enum token_state state, const char *name, size_t len);

/* The parts of the tokenizer in other files: each fills the token, or returns false when
 * there was none (an empty run, a tag cut off by the end). */
bool token_raw(struct tokenizer *tz, struct token *token); /* token_raw.c */
bool token_tag(struct tokenizer *tz, struct token *token); /* token_tag.c: at "<a", "</a" */
bool token_markup(struct tokenizer *tz,
		  struct token *token); /* token_markup.c: at "<!", "<?", "</ " */
size_t token_text_plain(const char *at, const char *end, char a,
			char b); /* bytes before a, b, NUL */

/* Moves [from, tz->at) to tz->chars. */
void chars_add(struct tokenizer *tz, const char *from, const char *to);

/* The bytes with U+FFFD for each NUL, in the arena when there is one. */
struct slice slice_no_nul(struct tokenizer *tz, const char *from, const char *to);

/* The bytes in lower case with U+FFFD for each NUL, in the arena when they differ. */
struct slice slice_lower(struct tokenizer *tz, const char *from, const char *to);

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r';
}

static inline bool is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

#endif
