/* SPDX-License-Identifier: MIT */
/* token.h - the words of a Lua source: enough to say where a name stands and what a script
 * reads of its record, never whether the source is right (Lua itself says that).
 *
 * Threads    pure.
 * Ownership  tokens point into the source.
 */
#ifndef HANDLERS_SCRIPT_TOKEN_H
#define HANDLERS_SCRIPT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,   /* keywords too */
	TOKEN_STRING, /* a short one without escapes: what stands between its quotes */
	TOKEN_OTHER,  /* other strings, numbers, bytes that begin nothing */
	TOKEN_SIGN,
};

struct token {
	enum token_kind kind;
	const char *at;
	size_t len;
	int line; /* of its first byte, from 1 */
};

struct tokens {
	const char *at, *end;
	int line;
};

void tokens_begin(struct tokens *tokens, const char *text, size_t len);
/* The next token; behind the last one TOKEN_END, again and again. */
void tokens_next(struct tokens *tokens, struct token *ret_token);

bool token_is(const struct token *token, const char *text);

#endif
