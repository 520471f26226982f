/* SPDX-License-Identifier: MIT */
/* parser.h - what every level of the grammar (parse.c) does: it looks at the next lexeme,
 * makes nodes, and tells the one mistake.
 *
 * Ownership  nodes are in the arena of the expression.
 * Errors     NULL or false once a mistake is told; the first one stays.
 */
#ifndef BASE_EXPR_PARSER_H
#define BASE_EXPR_PARSER_H

#include "base/expr/lex.h"
#include "base/expr/node.h"

enum { SOURCE_SHOWN_MAX = 40 }; /* bytes of it, in a mistake */

struct expr_parser {
	struct expr *expr;
	struct fields *fields;
	const char *source;
	struct lexeme lexeme; /* the next one */
	const char *behind;   /* where it ends */
	unsigned nodes, depth;
	struct expr_mistake *mistake;
	struct err *err;
	bool failed;
};

/* ---- mistakes: always NULL ---- */

void *parser_mistake(struct expr_parser *parser, const char *at, const char *hint, const char *fmt,
		     ...) PRINTF(4, 5);
/* "at most 64 levels of nesting": ERR_LIMIT. */
void *parser_limit(struct expr_parser *parser, const char *at, int max, const char *what);
void *parser_no_memory(struct expr_parser *parser);
/* "expected … but found …", at the next lexeme. */
void *parser_unexpected(struct expr_parser *parser, const char *wanted);

/* ---- lexemes ---- */

void parser_advance(struct expr_parser *parser);
bool parser_take(struct expr_parser *parser, const char *mark);	     /* if it is the next */
bool parser_take_word(struct expr_parser *parser, const char *word); /* likewise */
bool parser_need(struct expr_parser *parser, const char *mark);	     /* or it is a mistake */

/* ---- nodes: NULL when an argument is ---- */

struct node *parser_node(struct expr_parser *parser, enum node_kind kind, unsigned count);
struct node *parser_pair(struct expr_parser *parser, enum node_kind kind, struct node *left,
			 struct node *right);
struct node *parser_over(struct expr_parser *parser, enum node_kind kind, struct node *arg);
struct node *parser_constant(struct expr_parser *parser, struct value value);

/* One level of nesting deeper, at most EXPR_DEPTH_MAX. */
struct node *parser_nested(struct expr_parser *parser, struct node *(*parse)(struct expr_parser *));

#endif
