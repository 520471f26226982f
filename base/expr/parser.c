/* SPDX-License-Identifier: MIT */
/* parser.c - mistakes, lexemes and nodes, for the grammar in parse.c. */
#include "base/expr/parser.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

void *parser_mistake(struct expr_parser *parser, const char *at, const char *hint, const char *fmt,
		     ...)
{
	struct expr_mistake *mistake = parser->mistake;
	va_list args;

	if (parser->failed)
		return NULL;
	parser->failed = true;
	mistake->offset = (size_t)(at - parser->source);
	va_start(args, fmt);
	vsnprintf(mistake->detail, sizeof(mistake->detail), fmt, args);
	va_end(args);
	snprintf(mistake->hint, sizeof(mistake->hint), "%s", hint ? hint : "");
	err_set(parser->err, ERR_INVALID_SPEC, "%s", mistake->detail);
	return NULL;
}

void *parser_limit(struct expr_parser *parser, const char *at, int max, const char *what)
{
	if (!parser->failed) {
		parser_mistake(parser, at, NULL, "at most %d %s", max, what);
		parser->err->code = ERR_LIMIT;
	}
	return NULL;
}

void *parser_no_memory(struct expr_parser *parser)
{
	parser_mistake(parser, parser->source, NULL, "no memory for the expression");
	err_set(parser->err, ERR_NO_MEMORY, "no memory for the expression");
	return NULL;
}

void *parser_unexpected(struct expr_parser *parser, const char *wanted)
{
	const struct lexeme *lexeme = &parser->lexeme;
	size_t len = (size_t)(parser->behind - lexeme->at);

	if (parser->failed) /* it may be no lexeme at all */
		return NULL;
	if (lexeme->kind == LEXEME_END)
		return parser_mistake(parser, lexeme->at, NULL,
				      "expected %s but the expression ends", wanted);
	return parser_mistake(parser, lexeme->at, NULL, "expected %s but found '%.*s'", wanted,
			      (int)utf8_cut(lexeme->at, len, SOURCE_SHOWN_MAX), lexeme->at);
}

void parser_advance(struct expr_parser *parser)
{
	struct lexeme *lexeme = &parser->lexeme;

	*lexeme = lexeme_read(parser->behind, &parser->expr->arena, &parser->behind);
	if (lexeme->kind == LEXEME_WRONG)
		parser_mistake(parser, lexeme->at, lexeme->hint, "%s", lexeme->wrong);
	else if (lexeme->kind == LEXEME_NO_MEMORY)
		parser_no_memory(parser);
}

bool parser_take(struct expr_parser *parser, const char *mark)
{
	if (parser->failed || !lexeme_is(&parser->lexeme, mark))
		return false;
	parser_advance(parser);
	return true;
}

bool parser_take_word(struct expr_parser *parser, const char *word)
{
	if (parser->failed || !lexeme_is_word(&parser->lexeme, word))
		return false;
	parser_advance(parser);
	return true;
}

bool parser_need(struct expr_parser *parser, const char *mark)
{
	char wanted[8];

	if (parser_take(parser, mark))
		return true;
	snprintf(wanted, sizeof(wanted), "'%s'", mark);
	parser_unexpected(parser, wanted);
	return false;
}

/* ---- nodes ---- */

struct node *parser_node(struct expr_parser *parser, enum node_kind kind, unsigned count)
{
	struct node *node;

	if (parser->failed)
		return NULL;
	if (++parser->nodes > EXPR_NODES_MAX)
		return parser_limit(parser, parser->lexeme.at, EXPR_NODES_MAX,
				    "values and operators in an expression");
	node = arena_alloc(&parser->expr->arena, sizeof(*node));
	if (!node)
		return parser_no_memory(parser);
	node->kind = kind;
	node->count = count;
	node->args = arena_array(&parser->expr->arena, MAX(count, 1), sizeof(*node->args));
	return node->args ? node : parser_no_memory(parser);
}

struct node *parser_pair(struct expr_parser *parser, enum node_kind kind, struct node *left,
			 struct node *right)
{
	struct node *node = left && right ? parser_node(parser, kind, 2) : NULL;

	if (!node)
		return NULL;
	node->args[0] = left;
	node->args[1] = right;
	return node;
}

struct node *parser_over(struct expr_parser *parser, enum node_kind kind, struct node *arg)
{
	struct node *node = arg ? parser_node(parser, kind, 1) : NULL;

	if (node)
		node->args[0] = arg;
	return node;
}

struct node *parser_constant(struct expr_parser *parser, struct value value)
{
	struct node *node = parser_node(parser, NODE_CONSTANT, 0);

	if (node)
		node->constant = value;
	return node;
}

struct node *parser_nested(struct expr_parser *parser, struct node *(*parse)(struct expr_parser *))
{
	struct node *node;

	if (parser->depth == EXPR_DEPTH_MAX)
		return parser_limit(parser, parser->lexeme.at, EXPR_DEPTH_MAX, "levels of nesting");
	parser->depth++;
	node = parse(parser);
	parser->depth--;
	return node;
}
