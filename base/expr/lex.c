/* SPDX-License-Identifier: MIT */
/* lex.c - from the source to words. */
#include "base/expr/lex.h"

#include <string.h>
#include <strings.h>

/* The longest first. */
static const char *const marks[] = {"==", "!=", "<>", "<=", ">=", "//", "(", ")", "[", "]", ",",
				    ".",  "+",	"-",  "*",  "/",  "%",	"=", "<", ">", NULL};

static bool name_begins(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
	       c >= 0x80;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static struct lexeme wrong(const char *at, const char *why, const char *hint)
{
	return (struct lexeme){.kind = LEXEME_WRONG, .at = at, .wrong = why, .hint = hint};
}

static const char *digits_skip(const char *at)
{
	while (is_digit((unsigned char)*at))
		at++;
	return at;
}

/* As in JSON, but ".5" and "007" are said to be wrong instead of two tokens. */
static struct lexeme number_read(const char *at, const char **ret_end)
{
	const char *end = digits_skip(at);

	if (*at == '0' && end > at + 1)
		return wrong(at, "a number does not begin with 0", NULL);
	if (*end == '.' && is_digit((unsigned char)end[1]))
		end = digits_skip(end + 1);
	if (*end == 'e' || *end == 'E') {
		const char *digits = end + 1 + (end[1] == '+' || end[1] == '-');

		if (!is_digit((unsigned char)*digits))
			return wrong(end, "an exponent has digits", NULL);
		end = digits_skip(digits);
	}
	if (name_begins((unsigned char)*end))
		return wrong(at, "a name does not begin with a digit",
			     "`names like this` stand in backticks");
	*ret_end = end;
	return (struct lexeme){
		.kind = LEXEME_NUMBER, .at = at, .text = at, .len = (size_t)(end - at)};
}

/* The closing quote of what begins at `at`; NULL: there is none. */
static const char *quote_find(const char *at)
{
	const char quote = *at++;

	for (; *at; at++) {
		if (*at == '\\' && quote != '`' && at[1])
			at++;
		else if (*at == quote && at[1] == quote)
			at++;
		else if (*at == quote)
			return at;
	}
	return NULL;
}

/* The quote doubled or behind a backslash is the quote; \n, \t, \\ are what they are in C;
 * "\%" and "\_" stay as they are for `like`, "\d" for patterns. */
static struct lexeme quoted_read(const char *at, struct arena *arena, const char **ret_end)
{
	const char quote = *at, *from = at + 1, *end = quote_find(at);
	char *text, *into;

	if (!end)
		return wrong(at,
			     quote == '`' ? "the name has no closing backtick"
					  : "the text has no closing quote",
			     NULL);
	text = into = arena_take(arena, (size_t)(end - at));
	if (!text)
		return (struct lexeme){.kind = LEXEME_NO_MEMORY, .at = at};
	while (from < end) {
		char c = *from++;

		if (c == quote) {
			from++;
		} else if (c == '\\' && quote != '`') {
			c = *from++;
			if (c == 'n' || c == 't')
				c = c == 'n' ? '\n' : '\t';
			else if (c != quote && c != '\\')
				*into++ = '\\';
		}
		*into++ = c;
	}
	*ret_end = end + 1;
	return (struct lexeme){.kind = quote == '`' ? LEXEME_QUOTED_NAME : LEXEME_TEXT,
			       .at = at,
			       .text = text,
			       .len = (size_t)(into - text)};
}

static struct lexeme mark_read(const char *at, const char **ret_end)
{
	if (strncmp(at, "||", 2) == 0)
		return wrong(at, "'||' is no operator here", "or, concat(…)");
	if (strncmp(at, "&&", 2) == 0)
		return wrong(at, "'&&' is no operator here", "and");
	if (*at == '!' && at[1] != '=')
		return wrong(at, "'!' is no operator here", "not");
	for (size_t i = 0; marks[i]; i++) {
		size_t len = strlen(marks[i]);

		if (strncmp(at, marks[i], len) != 0)
			continue;
		*ret_end = at + len;
		return (struct lexeme){.kind = LEXEME_MARK, .at = at, .text = at, .len = len};
	}
	return wrong(at, "this character means nothing here", NULL);
}

struct lexeme lexeme_read(const char *at, struct arena *arena, const char **ret_end)
{
	const char *end;

	at += strspn(at, " \t\r\n");
	*ret_end = at;
	if (!*at)
		return (struct lexeme){.kind = LEXEME_END, .at = at};
	if (is_digit((unsigned char)*at))
		return number_read(at, ret_end);
	if (*at == '.' && is_digit((unsigned char)at[1]))
		return wrong(at, "a number does not begin with a point", "0.5, or a[0]");
	if (*at == '"' || *at == '\'' || *at == '`')
		return quoted_read(at, arena, ret_end);
	if (!name_begins((unsigned char)*at))
		return mark_read(at, ret_end);
	end = at;
	while (name_begins((unsigned char)*end) || is_digit((unsigned char)*end))
		end++;
	*ret_end = end;
	return (struct lexeme){
		.kind = LEXEME_NAME, .at = at, .text = at, .len = (size_t)(end - at)};
}

bool lexeme_is(const struct lexeme *lexeme, const char *mark)
{
	return lexeme->kind == LEXEME_MARK && lexeme->len == strlen(mark) &&
	       memcmp(lexeme->text, mark, lexeme->len) == 0;
}

bool lexeme_is_word(const struct lexeme *lexeme, const char *word)
{
	return lexeme->kind == LEXEME_NAME && lexeme->len == strlen(word) &&
	       strncasecmp(lexeme->text, word, lexeme->len) == 0;
}
