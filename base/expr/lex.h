/* SPDX-License-Identifier: MIT */
/* lex.h - the words of an expression.
 *
 * Ownership  a lexeme's text points into the source; of a string or `name` in quotes it is
 *            decoded into the arena.
 */
#ifndef BASE_EXPR_LEX_H
#define BASE_EXPR_LEX_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum lexeme_kind {
	LEXEME_END,
	LEXEME_NUMBER,
	LEXEME_TEXT,
	LEXEME_NAME,	    /* may be a word of the language */
	LEXEME_QUOTED_NAME, /* `in backticks`: never one */
	LEXEME_MARK,	    /* an operator or bracket */
	LEXEME_WRONG,
	LEXEME_NO_MEMORY,
};

struct lexeme {
	enum lexeme_kind kind;
	const char *at; /* in the source */
	const char *text;
	size_t len;
	const char *wrong; /* LEXEME_WRONG: why */
	const char *hint;  /* or NULL */
};

/* The lexeme at or behind `at`; *ret_end is where it ends.  The source ends with a NUL. */
struct lexeme lexeme_read(const char *at, struct arena *arena, const char **ret_end);

bool lexeme_is(const struct lexeme *lexeme, const char *mark);	    /* of a LEXEME_MARK */
bool lexeme_is_word(const struct lexeme *lexeme, const char *word); /* of a LEXEME_NAME, any case */

#endif
