/* SPDX-License-Identifier: MIT */
/* css_lex.h - the small words of selectors: names, strings, numbers, an+b.
 *
 * Errors     the first mistake is kept; later ones are echoes of it.  Readers return
 *            false (or an empty word) once there is one.
 */
#ifndef HTML_CSS_LEX_H
#define HTML_CSS_LEX_H

#include "base/compiler.h"
#include "handlers/html/selector.h"

struct css_lex {
	const char *text, *at; /* ends with a NUL */
	struct arena *arena;
	struct css_mistake *mistake;
	bool failed, no_memory;
};

/* Notes a mistake at `at`; hint may be NULL.  Returns false. */
bool lex_fail(struct css_lex *lex, const char *at, const char *hint, const char *fmt, ...)
	PRINTF(4, 5);

bool lex_space(struct css_lex *lex); /* skips whitespace and comments; was there any? */
bool lex_take(struct css_lex *lex, char c);
bool lex_name_begins(const struct css_lex *lex);
struct word lex_name(struct css_lex *lex, bool lower);	   /* an identifier, escapes read */
struct word lex_hash(struct css_lex *lex);		   /* what may follow '#' */
struct word lex_string(struct css_lex *lex);		   /* at a quote */
bool lex_nth(struct css_lex *lex, int *ret_a, int *ret_b); /* "odd", "2n+1", "-n + 3" */
bool word_is(struct word word, const char *text);

#endif
