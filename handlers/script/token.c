/* SPDX-License-Identifier: MIT */
/* token.c - the lexical rules of Lua 5.4 (reference manual, section 3.1). */
#include "handlers/script/token.h"

#include "base/compiler.h"

#include <ctype.h>
#include <string.h>

void tokens_begin(struct tokens *tokens, const char *text, size_t len)
{
	*tokens = (struct tokens){.at = text, .end = text + len, .line = 1};
}

bool token_is(const struct token *token, const char *text)
{
	return token->kind != TOKEN_STRING && strlen(text) == token->len &&
	       memcmp(token->at, text, token->len) == 0;
}

static bool at_text(const struct tokens *tokens, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(tokens->end - tokens->at) >= len && memcmp(tokens->at, text, len) == 0;
}

static void advance(struct tokens *tokens)
{
	tokens->line += *tokens->at == '\n';
	tokens->at++;
}

/* "[[", "[=[", …: the number of '=' signs; -1: no long bracket opens here. */
static int long_level(const struct tokens *tokens)
{
	const char *at = tokens->at + 1;

	if (!at_text(tokens, "["))
		return -1;
	while (at < tokens->end && *at == '=')
		at++;
	return at < tokens->end && *at == '[' ? (int)(at - tokens->at - 1) : -1;
}

static void long_skip(struct tokens *tokens, int level)
{
	const char *close;

	for (; tokens->at < tokens->end; advance(tokens)) {
		if (*tokens->at != ']')
			continue;
		close = tokens->at + 1;
		while (close < tokens->end && *close == '=')
			close++;
		if (close < tokens->end && *close == ']' && close - tokens->at - 1 == level) {
			tokens->at = close + 1;
			return;
		}
	}
}

/* Blanks and comments. */
static void nothing_skip(struct tokens *tokens)
{
	while (tokens->at < tokens->end) {
		if (isspace((unsigned char)*tokens->at)) {
			advance(tokens);
		} else if (at_text(tokens, "--")) {
			int level;

			tokens->at += 2;
			level = long_level(tokens);
			if (level >= 0)
				long_skip(tokens, level);
			else
				while (tokens->at < tokens->end && *tokens->at != '\n')
					tokens->at++;
		} else {
			return;
		}
	}
}

static void short_string(struct tokens *tokens, struct token *ret)
{
	char quote = *tokens->at++;
	bool plain = true;

	while (tokens->at < tokens->end && *tokens->at != quote && *tokens->at != '\n') {
		if (*tokens->at == '\\') {
			plain = false;
			tokens->at++;
			if (tokens->at == tokens->end)
				break;
		}
		advance(tokens);
	}
	if (plain) {
		ret->kind = TOKEN_STRING;
		ret->at++;
		ret->len = (size_t)(tokens->at - ret->at);
	}
	if (tokens->at < tokens->end && *tokens->at == quote)
		tokens->at++;
}

/* Digits, letters, points, and a sign behind an exponent. */
static void number_skip(struct tokens *tokens)
{
	bool hex = at_text(tokens, "0x") || at_text(tokens, "0X");

	for (; tokens->at < tokens->end; tokens->at++) {
		char c = *tokens->at, before = (char)(tokens->at[-1] | 0x20);
		bool exponent = before == (hex ? 'p' : 'e');

		if (!isalnum((unsigned char)c) && c != '.' && c != '_' &&
		    !((c == '+' || c == '-') && exponent))
			return;
	}
}

static void sign_skip(struct tokens *tokens)
{
	static const char *const signs[] = {
		"...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>"};

	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		if (at_text(tokens, signs[i])) {
			tokens->at += strlen(signs[i]);
			return;
		}
	}
	tokens->at++;
}

void tokens_next(struct tokens *tokens, struct token *ret_token)
{
	char c, next;
	int level;

	nothing_skip(tokens);
	*ret_token = (struct token){.at = tokens->at, .line = tokens->line};
	if (tokens->at == tokens->end)
		return;
	ret_token->kind = TOKEN_OTHER;
	c = *tokens->at;
	next = tokens->end - tokens->at > 1 ? tokens->at[1] : '\0';
	level = long_level(tokens);
	if (isalpha((unsigned char)c) || c == '_') {
		ret_token->kind = TOKEN_NAME;
		while (tokens->at < tokens->end &&
		       (isalnum((unsigned char)*tokens->at) || *tokens->at == '_'))
			tokens->at++;
	} else if (c == '"' || c == '\'') {
		short_string(tokens, ret_token);
		if (ret_token->kind == TOKEN_STRING)
			return;
	} else if (level >= 0) {
		tokens->at += level + 2;
		long_skip(tokens, level);
	} else if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)next))) {
		tokens->at++;
		number_skip(tokens);
	} else {
		ret_token->kind = TOKEN_SIGN;
		sign_skip(tokens);
	}
	ret_token->len = (size_t)(tokens->at - ret_token->at);
}
