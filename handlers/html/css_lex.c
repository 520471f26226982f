/* SPDX-License-Identifier: MIT */
/* css_lex.c - CSS Syntax level 3, sections 4.3.4 (strings), .7 (escapes), .11 (names);
 * 6 (an+b). */
#include "handlers/html/css_lex.h"

#include "base/buf.h"
#include "base/limits.h"
#include "handlers/html/charref.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	NTH_MAX = 1000000,
	WORD_BYTES_MAX = 2 * SELECTOR_BYTES_MAX, /* "\\0" is two bytes and means three */
};

bool lex_fail(struct css_lex *lex, const char *at, const char *hint, const char *fmt, ...)
{
	va_list args;

	if (lex->failed)
		return false;
	lex->failed = true;
	lex->mistake->offset = (size_t)(at - lex->text);
	va_start(args, fmt);
	vsnprintf(lex->mistake->detail, sizeof(lex->mistake->detail), fmt, args);
	va_end(args);
	snprintf(lex->mistake->hint, sizeof(lex->mistake->hint), "%s", hint ? hint : "");
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool is_name_start(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c) || c == '-';
}

static bool is_escape(const char *at)
{
	return at[0] == '\\' && at[1] != '\0' && at[1] != '\n';
}

bool lex_space(struct css_lex *lex)
{
	const char *from = lex->at;

	for (;;) {
		const char *end;

		while (is_space(*lex->at))
			lex->at++;
		if (lex->at[0] != '/' || lex->at[1] != '*')
			return lex->at > from;
		end = strstr(lex->at + 2, "*/");
		if (!end) {
			lex_fail(lex, lex->at, "end it with */", "comment has no end");
			return true;
		}
		lex->at = end + 2;
	}
}

bool lex_take(struct css_lex *lex, char c)
{
	if (*lex->at != c)
		return false;
	lex->at++;
	return true;
}

bool lex_name_begins(const struct css_lex *lex)
{
	const char *at = lex->at;

	if (*at == '-')
		return at[1] == '-' || is_name_start(at[1]) || is_escape(at + 1);
	return is_name_start(*at) || is_escape(at);
}

/* Reads the escape at '\\' into UTF-8. */
static void escape_read(struct css_lex *lex, struct buf *to)
{
	char utf8[CHARREF_BYTES_MAX];
	unsigned code = 0;
	int digits = 0;

	lex->at++;
	if (!is_hex(*lex->at)) {
		buf_add_byte(to, *lex->at++);
		return;
	}
	for (; digits < 6 && is_hex(*lex->at); digits++, lex->at++)
		code = code * 16 +
		       (unsigned)(is_digit(*lex->at) ? *lex->at - '0' : (*lex->at | 32) - 'a' + 10);
	if (is_space(*lex->at))
		lex->at++;
	if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		code = 0xFFFD;
	buf_add(to, utf8, utf8_put(code, utf8));
}

/* Moves what was read to the arena. */
static struct word word_made(struct css_lex *lex, struct buf *read)
{
	size_t len = read->len;
	char *copy = buf_ok(read) ? arena_copy(lex->arena, buf_text(read), len) : NULL;

	buf_done(read);
	if (!copy) {
		lex->failed = lex->no_memory = true;
		return (struct word){"", 0};
	}
	return (struct word){copy, len};
}

static struct word name_rest(struct css_lex *lex, bool lower)
{
	struct buf name = BUF(WORD_BYTES_MAX);

	for (;;) {
		char c = *lex->at;

		if (is_name(c)) {
			buf_add_byte(&name, lower && c >= 'A' && c <= 'Z' ? (char)(c | 32) : c);
			lex->at++;
		} else if (is_escape(lex->at)) {
			escape_read(lex, &name);
		} else {
			break;
		}
	}
	return word_made(lex, &name);
}

struct word lex_name(struct css_lex *lex, bool lower)
{
	if (!lex_name_begins(lex)) {
		if (*lex->at == '\0')
			lex_fail(lex, lex->at, NULL, "selector ends where a name should be");
		else if (is_digit(*lex->at))
			lex_fail(lex, lex->at, "escape a leading digit: \\31 23 is \"123\"",
				 "a name cannot begin with a digit");
		else
			lex_fail(lex, lex->at, NULL, "'%c' stands where a name should be",
				 *lex->at);
		return (struct word){"", 0};
	}
	return name_rest(lex, lower);
}

struct word lex_hash(struct css_lex *lex)
{
	if (!is_name(*lex->at) && !is_escape(lex->at)) {
		lex_fail(lex, lex->at, "write #name", "no id after '#'");
		return (struct word){"", 0};
	}
	return name_rest(lex, false);
}

struct word lex_string(struct css_lex *lex)
{
	struct buf text = BUF(WORD_BYTES_MAX);
	const char *from = lex->at;
	char quote = *lex->at++;

	while (*lex->at != quote) {
		if (*lex->at == '\0' || *lex->at == '\n') {
			buf_done(&text);
			lex_fail(lex, from, "end it with the same quote", "string has no end");
			return (struct word){"", 0};
		}
		if (lex->at[0] == '\\' && lex->at[1] == '\n')
			lex->at += 2;
		else if (is_escape(lex->at))
			escape_read(lex, &text);
		else
			buf_add_byte(&text, *lex->at++);
	}
	lex->at++;
	return word_made(lex, &text);
}

bool word_is(struct word word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.at, text, word.len) == 0;
}

static bool word_ahead(struct css_lex *lex, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < len; i++)
		if ((lex->at[i] | 32) != word[i])
			return false;
	if (is_name(lex->at[len]))
		return false;
	lex->at += len;
	return true;
}

/* Digits; false when there are none. */
static bool digits_read(struct css_lex *lex, int *ret_value)
{
	int value = 0;

	if (!is_digit(*lex->at))
		return false;
	for (; is_digit(*lex->at); lex->at++)
		if (value < NTH_MAX)
			value = value * 10 + (*lex->at - '0');
	*ret_value = value;
	return true;
}

bool lex_nth(struct css_lex *lex, int *ret_a, int *ret_b)
{
	static const char hint[] = "write odd, even, a number, or an+b like 2n+1";
	const char *from = lex->at;
	int sign = 1;
	int value = 1;
	bool digits;

	*ret_a = *ret_b = 0;
	if (word_ahead(lex, "odd")) {
		*ret_a = 2;
		*ret_b = 1;
		return true;
	}
	if (word_ahead(lex, "even")) {
		*ret_a = 2;
		return true;
	}
	if (*lex->at == '+' || *lex->at == '-')
		sign = *lex->at++ == '-' ? -1 : 1;
	digits = digits_read(lex, &value);
	if ((*lex->at | 32) != 'n') {
		*ret_b = sign * value;
		return digits || lex_fail(lex, from, hint, "no position in the parentheses");
	}
	lex->at++;
	*ret_a = sign * value;
	lex_space(lex);
	if (*lex->at != '+' && *lex->at != '-')
		return true;
	sign = *lex->at++ == '-' ? -1 : 1;
	lex_space(lex);
	if (!digits_read(lex, &value))
		return lex_fail(lex, lex->at, hint, "no number after the sign");
	*ret_b = sign * value;
	return true;
}
