/* SPDX-License-Identifier: MIT */
/* parse.c - from words to a tree: one function a level of precedence, loosest first.
 *
 * Every function returns NULL once a mistake is told.  The depth of nesting is counted
 * where the grammar comes back to itself (`nested`): brackets, calls, `not` and the minus.
 * Only chains of arithmetic make the tree deeper than that, and EXPR_NODES_MAX ends them.
 */
#include "base/expr/lex.h"
#include "base/expr/node.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_BYTES_MAX = 40 }; /* of the source, in a mistake */

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

static struct node *parse_or(struct expr_parser *parser);

/* ---- mistakes and tokens ---- */

static void *mistake_at(struct expr_parser *parser, const char *at, const char *hint,
			const char *fmt, ...) PRINTF(4, 5);
static void *mistake_at(struct expr_parser *parser, const char *at, const char *hint,
			const char *fmt, ...)
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

static void *limit_at(struct expr_parser *parser, const char *at, int max, const char *what)
{
	if (!parser->failed) {
		mistake_at(parser, at, NULL, "at most %d %s", max, what);
		parser->err->code = ERR_LIMIT;
	}
	return NULL;
}

static void *no_memory(struct expr_parser *parser)
{
	mistake_at(parser, parser->source, NULL, "no memory for the expression");
	err_set(parser->err, ERR_NO_MEMORY, "no memory for the expression");
	return NULL;
}

static void *unexpected(struct expr_parser *parser, const char *wanted)
{
	const struct lexeme *lexeme = &parser->lexeme;
	size_t len = (size_t)(parser->behind - lexeme->at);

	if (parser->failed) /* it may be no lexeme at all */
		return NULL;
	if (lexeme->kind == LEXEME_END)
		return mistake_at(parser, lexeme->at, NULL, "expected %s but the expression ends",
				  wanted);
	return mistake_at(parser, lexeme->at, NULL, "expected %s but found '%.*s'", wanted,
			  (int)utf8_cut(lexeme->at, len, SHOWN_BYTES_MAX), lexeme->at);
}

static void advance(struct expr_parser *parser)
{
	struct lexeme *lexeme = &parser->lexeme;

	*lexeme = lexeme_read(parser->behind, &parser->expr->arena, &parser->behind);
	if (lexeme->kind == LEXEME_WRONG)
		mistake_at(parser, lexeme->at, lexeme->hint, "%s", lexeme->wrong);
	else if (lexeme->kind == LEXEME_NO_MEMORY)
		no_memory(parser);
}

static bool take(struct expr_parser *parser, const char *mark)
{
	if (parser->failed || !lexeme_is(&parser->lexeme, mark))
		return false;
	advance(parser);
	return true;
}

static bool take_word(struct expr_parser *parser, const char *word)
{
	if (parser->failed || !lexeme_is_word(&parser->lexeme, word))
		return false;
	advance(parser);
	return true;
}

static bool need(struct expr_parser *parser, const char *mark)
{
	char wanted[8];

	if (take(parser, mark))
		return true;
	snprintf(wanted, sizeof(wanted), "'%s'", mark);
	unexpected(parser, wanted);
	return false;
}

/* ---- nodes ---- */

static struct node *node_new(struct expr_parser *parser, enum node_kind kind, unsigned count)
{
	struct node *node;

	if (parser->failed)
		return NULL;
	if (++parser->nodes > EXPR_NODES_MAX)
		return limit_at(parser, parser->lexeme.at, EXPR_NODES_MAX,
				"values and operators in an expression");
	node = arena_alloc(&parser->expr->arena, sizeof(*node));
	if (!node)
		return no_memory(parser);
	node->kind = kind;
	node->count = count;
	node->args = arena_array(&parser->expr->arena, MAX(count, 1), sizeof(*node->args));
	return node->args ? node : no_memory(parser);
}

static struct node *node_of(struct expr_parser *parser, enum node_kind kind, struct node *left,
			    struct node *right)
{
	struct node *node = left && right ? node_new(parser, kind, 2) : NULL;

	if (!node)
		return NULL;
	node->args[0] = left;
	node->args[1] = right;
	return node;
}

static struct node *node_over(struct expr_parser *parser, enum node_kind kind, struct node *arg)
{
	struct node *node = arg ? node_new(parser, kind, 1) : NULL;

	if (node)
		node->args[0] = arg;
	return node;
}

static struct node *negated(struct expr_parser *parser, bool negate, struct node *node)
{
	return negate ? node_over(parser, NODE_NOT, node) : node;
}

static struct node *constant(struct expr_parser *parser, struct value value)
{
	struct node *node = node_new(parser, NODE_CONSTANT, 0);

	if (node)
		node->constant = value;
	return node;
}

static bool is_null_word(const struct node *node)
{
	return node->kind == NODE_CONSTANT && node->constant.kind == VALUE_NULL;
}

static struct node *nested(struct expr_parser *parser, struct node *(*parse)(struct expr_parser *))
{
	struct node *node;

	if (parser->depth == EXPR_DEPTH_MAX)
		return limit_at(parser, parser->lexeme.at, EXPR_DEPTH_MAX, "levels of nesting");
	parser->depth++;
	node = parse(parser);
	parser->depth--;
	return node;
}

/* ---- what stands alone ---- */

/* A number, negative when '-' was taken before it: INT64_MIN is one only with its sign. */
static struct node *parse_number(struct expr_parser *parser, bool negative)
{
	struct lexeme lexeme = parser->lexeme;
	struct value value = {0};
	char *text = arena_take(&parser->expr->arena, lexeme.len + 1);

	if (!text)
		return no_memory(parser);
	text[0] = '-';
	memcpy(text + 1, lexeme.text, lexeme.len);
	value_number_read(&value, negative ? text : text + 1, lexeme.len + negative);
	if (value.kind == VALUE_BIG)
		return mistake_at(parser, lexeme.at, "a double has a point: 1.0",
				  "the number does not fit 64 bits");
	value.at = NULL; /* a result is printed in its own form */
	value.len = 0;
	advance(parser);
	return constant(parser, value);
}

static struct node *parse_text(struct expr_parser *parser)
{
	struct lexeme lexeme = parser->lexeme;

	advance(parser);
	return constant(parser, (struct value){.kind = VALUE_TEXT,
					       .form = TEXT_DECODED,
					       .at = lexeme.text,
					       .len = lexeme.len});
}

/* Is it a name behind '.', or behind '[' an index or a name in quotes? */
static bool is_step(const struct lexeme *lexeme, bool bracket)
{
	if (!bracket)
		return lexeme->kind == LEXEME_NAME || lexeme->kind == LEXEME_QUOTED_NAME;
	return lexeme->kind == LEXEME_TEXT ||
	       (lexeme->kind == LEXEME_NUMBER && !memchr(lexeme->text, '.', lexeme->len) &&
		!memchr(lexeme->text, 'e', lexeme->len) && !memchr(lexeme->text, 'E', lexeme->len));
}

/* ".name" and "[0]", "[\"name\"]" behind a name; the number of names, 0 when wrong. */
static size_t path_read(struct expr_parser *parser, struct field_name *names)
{
	size_t count = 1;
	bool bracket;

	while ((bracket = take(parser, "[")) || take(parser, ".")) {
		if (count == RECORD_DEPTH_MAX) {
			limit_at(parser, parser->lexeme.at, RECORD_DEPTH_MAX, "names in a path");
			return 0;
		}
		if (!is_step(&parser->lexeme, bracket)) {
			unexpected(parser, bracket ? "an index or a name in quotes" : "a name");
			return 0;
		}
		names[count++] = (struct field_name){parser->lexeme.text, parser->lexeme.len};
		advance(parser);
		if (bracket && !need(parser, "]"))
			return 0;
	}
	return parser->failed ? 0 : count;
}

static struct node *parse_field(struct expr_parser *parser, const struct lexeme *name)
{
	struct field_name names[RECORD_DEPTH_MAX] = {{name->text, name->len}};
	size_t count = path_read(parser, names);
	struct node *node = count ? node_new(parser, NODE_FIELD, 0) : NULL;
	struct err err;

	if (!node)
		return NULL;
	if (fields_add(parser->fields, names, count, &node->field, &err)) {
		mistake_at(parser, name->at, NULL, "%s", err.detail);
		*parser->err = err; /* its code is its own */
		return NULL;
	}
	return node;
}

/* ---- calls ---- */

static struct node *pattern_attach(struct expr_parser *parser, struct node *node, const char *at)
{
	const struct value *source = &node->args[1]->constant;
	struct pattern_mistake wrong;
	char *text;

	if (node->args[1]->kind != NODE_CONSTANT || source->kind != VALUE_TEXT)
		return mistake_at(parser, at, node->function->form,
				  "the pattern of %s() is a text in quotes", node->function->name);
	text = arena_copy(&parser->expr->arena, source->at, source->len);
	if (!text)
		return no_memory(parser);
	if (pattern_compile(text, 0, &node->pattern, &wrong, parser->err)) {
		struct err err = *parser->err;

		mistake_at(parser, at, NULL, "pattern, at %zu: %s", wrong.offset, wrong.detail);
		parser->err->code = err.code; /* or there was no memory for it */
		return NULL;
	}
	node->next_owner = parser->expr->owners;
	parser->expr->owners = node;
	return node;
}

static struct node *call_node(struct expr_parser *parser, const struct function *function,
			      struct node **args, unsigned count, const char *at)
{
	struct node *node;

	if (count < function->args_min || count > function->args_max)
		return mistake_at(parser, at, function->form, "%s() with %u argument%s",
				  function->name, count, count == 1 ? "" : "s");
	node = node_new(parser, function->kind, count);
	if (!node)
		return NULL;
	node->function = function;
	memcpy(node->args, args, count * sizeof(*args));
	return function->pattern ? pattern_attach(parser, node, at) : node;
}

/* The values up to ')', from args[count] on; false when wrong. */
static bool arguments_read(struct expr_parser *parser, struct node **args, unsigned *count)
{
	do {
		if (*count == CALL_ARGS_MAX) {
			limit_at(parser, parser->lexeme.at, CALL_ARGS_MAX, "values in a list");
			return false;
		}
		args[*count] = nested(parser, parse_or);
		if (!args[(*count)++])
			return false;
	} while (take(parser, ","));
	return need(parser, ")");
}

static struct node *no_function(struct expr_parser *parser, const struct lexeme *name)
{
	char text[SHOWN_BYTES_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)utf8_cut(name->text, name->len, SHOWN_BYTES_MAX),
		 name->text);
	return mistake_at(parser, name->at, nearest_name(text, function_names()),
			  "no function '%s'", text);
}

static struct node *parse_call(struct expr_parser *parser, const struct lexeme *name)
{
	const struct function *function = function_find(name->text, name->len);
	struct node **args, *node = NULL;
	unsigned count = 0;

	if (!function)
		return no_function(parser, name);
	args = calloc(CALL_ARGS_MAX, sizeof(struct node *));
	if (!args)
		return no_memory(parser);
	if (take(parser, ")") || arguments_read(parser, args, &count))
		node = call_node(parser, function, args, count, name->at);
	free(args);
	return node;
}

/* ---- the grammar ---- */

/* Is it one of the words that stand between values? */
static bool is_reserved(const struct lexeme *lexeme)
{
	static const char *const words[] = {"or", "and", "not", "in", "like", "between", "is"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (lexeme_is_word(lexeme, words[i]))
			return true;
	return false;
}

static struct node *parse_name(struct expr_parser *parser)
{
	struct lexeme name = parser->lexeme;
	bool plain = name.kind == LEXEME_NAME;

	if (is_reserved(&name))
		return mistake_at(parser, name.at, "a field of that name stands in `backticks`",
				  "expected a value but found '%.*s'", (int)name.len, name.text);
	advance(parser);
	if (plain && lexeme_is_word(&name, "true"))
		return constant(parser, value_of_bool(true));
	if (plain && lexeme_is_word(&name, "false"))
		return constant(parser, value_of_bool(false));
	if (plain && lexeme_is_word(&name, "null"))
		return constant(parser, (struct value){.kind = VALUE_NULL});
	if (plain && take(parser, "("))
		return parse_call(parser, &name);
	return parse_field(parser, &name);
}

static struct node *parse_primary(struct expr_parser *parser)
{
	struct node *node;

	switch (parser->lexeme.kind) {
	case LEXEME_NUMBER:
		return parse_number(parser, false);
	case LEXEME_TEXT:
		return parse_text(parser);
	case LEXEME_NAME:
	case LEXEME_QUOTED_NAME:
		return parse_name(parser);
	default:
		if (!take(parser, "("))
			return unexpected(parser, "a value");
		node = nested(parser, parse_or);
		return node && need(parser, ")") ? node : NULL;
	}
}

static struct node *parse_unary(struct expr_parser *parser)
{
	if (!take(parser, "-"))
		return parse_primary(parser);
	/* 0 has no sign: "-0" would be a double */
	if (parser->lexeme.kind == LEXEME_NUMBER && *parser->lexeme.text != '0')
		return parse_number(parser, true);
	return node_over(parser, NODE_NEGATE, nested(parser, parse_unary));
}

struct operator_mark {
	const char *mark;
	enum node_kind kind;
};

/* One of the marks (ended by {0}); false: another word comes. */
static bool take_one(struct expr_parser *parser, const struct operator_mark *marks,
		     enum node_kind *ret_kind)
{
	for (; marks->mark; marks++) {
		if (take(parser, marks->mark)) {
			*ret_kind = marks->kind;
			return true;
		}
	}
	return false;
}

static struct node *parse_product(struct expr_parser *parser)
{
	static const struct operator_mark marks[] = {{"*", NODE_MULTIPLY},
						     {"/", NODE_DIVIDE},
						     {"//", NODE_FLOOR_DIVIDE},
						     {"%", NODE_MODULO},
						     {0}};
	struct node *node = parse_unary(parser);
	enum node_kind kind;

	while (node && take_one(parser, marks, &kind))
		node = node_of(parser, kind, node, parse_unary(parser));
	return node;
}

static struct node *parse_sum(struct expr_parser *parser)
{
	static const struct operator_mark marks[] = {{"+", NODE_ADD}, {"-", NODE_SUBTRACT}, {0}};
	struct node *node = parse_product(parser);
	enum node_kind kind;

	while (node && take_one(parser, marks, &kind))
		node = node_of(parser, kind, node, parse_product(parser));
	return node;
}

static struct node *parse_in(struct expr_parser *parser, struct node *left)
{
	struct node **args, *node = NULL;
	unsigned count = 1;

	if (!need(parser, "("))
		return NULL;
	args = calloc(CALL_ARGS_MAX, sizeof(struct node *));
	if (!args)
		return no_memory(parser);
	args[0] = left;
	if (arguments_read(parser, args, &count))
		node = node_new(parser, NODE_IN, count);
	if (node)
		memcpy(node->args, args, count * sizeof(*args));
	free(args);
	return node;
}

static struct node *parse_between(struct expr_parser *parser, struct node *left)
{
	struct node *low = parse_sum(parser), *high, *node;

	if (!low)
		return NULL;
	if (!take_word(parser, "and"))
		return unexpected(parser, "'and'");
	high = parse_sum(parser);
	node = high ? node_new(parser, NODE_BETWEEN, 3) : NULL;
	if (!node)
		return NULL;
	node->args[0] = left;
	node->args[1] = low;
	node->args[2] = high;
	return node;
}

static struct node *parse_like(struct expr_parser *parser, struct node *left)
{
	if (parser->lexeme.kind != LEXEME_TEXT)
		return unexpected(parser, "a text in quotes");
	return node_of(parser, NODE_LIKE, left, parse_text(parser));
}

/* in, like, between, is: what a word begins; *ret_found says whether there was one. */
static struct node *parse_word_test(struct expr_parser *parser, struct node *left, bool *ret_found)
{
	bool negate;

	*ret_found = true;
	if (take_word(parser, "is")) {
		negate = take_word(parser, "not");
		if (!take_word(parser, "null"))
			return unexpected(parser, "'null' or 'not null'");
		return negated(parser, negate, node_over(parser, NODE_IS_NULL, left));
	}
	negate = take_word(parser, "not");
	if (take_word(parser, "in"))
		return negated(parser, negate, parse_in(parser, left));
	if (take_word(parser, "like"))
		return negated(parser, negate, parse_like(parser, left));
	if (take_word(parser, "between"))
		return negated(parser, negate, parse_between(parser, left));
	*ret_found = false;
	return negate ? unexpected(parser, "'in', 'like' or 'between'") : left;
}

static struct node *compared(struct expr_parser *parser, enum node_kind kind, struct node *left,
			     struct node *right)
{
	bool equal = kind == NODE_EQUAL || kind == NODE_UNEQUAL;

	if (left && right && equal && (is_null_word(left) || is_null_word(right)))
		return negated(parser, kind == NODE_UNEQUAL,
			       node_over(parser, NODE_IS_NULL, is_null_word(right) ? left : right));
	return node_of(parser, kind, left, right);
}

static struct node *parse_comparison(struct expr_parser *parser)
{
	static const struct operator_mark marks[] = {
		{"==", NODE_EQUAL},   {"=", NODE_EQUAL},	  {"!=", NODE_UNEQUAL},
		{"<>", NODE_UNEQUAL}, {"<", NODE_LESS},		  {"<=", NODE_LESS_EQUAL},
		{">", NODE_GREATER},  {">=", NODE_GREATER_EQUAL}, {0}};
	struct node *node = parse_sum(parser);
	enum node_kind kind;
	const char *at;
	bool found = false;

	if (!node)
		return NULL;
	if (take_one(parser, marks, &kind)) {
		node = compared(parser, kind, node, parse_sum(parser));
		found = true;
	} else {
		node = parse_word_test(parser, node, &found);
	}
	at = parser->lexeme.at;
	if (node && found && take_one(parser, marks, &kind))
		return mistake_at(parser, at, "a < b and b < c", "comparisons do not chain");
	return node;
}

static struct node *parse_not(struct expr_parser *parser)
{
	if (take_word(parser, "not"))
		return node_over(parser, NODE_NOT, nested(parser, parse_not));
	return parse_comparison(parser);
}

/* `a and b and c` is (a and (b and c)), which means the same: eval.c walks it in a loop. */
static struct node *parse_chain(struct expr_parser *parser, const char *word, enum node_kind kind,
				struct node *(*parse)(struct expr_parser *))
{
	struct node *first = parse(parser), **last = &first;

	while (*last && take_word(parser, word)) {
		*last = node_of(parser, kind, *last, parse(parser));
		if (*last)
			last = &(*last)->args[1];
	}
	return *last ? first : NULL;
}

static struct node *parse_and(struct expr_parser *parser)
{
	return parse_chain(parser, "and", NODE_AND, parse_not);
}

static struct node *parse_or(struct expr_parser *parser)
{
	return parse_chain(parser, "or", NODE_OR, parse_and);
}

/* ---- the whole ---- */

/* The first byte that is no UTF-8; NULL: there is none. */
static const char *not_utf8(const char *at, size_t len)
{
	const char *end = at + len;

	while (at < end) {
		size_t span = utf8_span(at, end);

		if (span == 0)
			return at;
		at += span;
	}
	return NULL;
}

static bool parse_all(struct expr_parser *parser)
{
	size_t len = strlen(parser->source);
	const char *wrong = not_utf8(parser->source, len);

	if (len > EXPR_BYTES_MAX)
		return limit_at(parser, parser->source, EXPR_BYTES_MAX, "bytes in an expression");
	if (wrong)
		return mistake_at(parser, wrong, NULL, "byte 0x%02X is not UTF-8",
				  (unsigned char)*wrong);
	advance(parser);
	parser->expr->root = parser->failed ? NULL : parse_or(parser);
	if (!parser->failed && parser->lexeme.kind != LEXEME_END)
		unexpected(parser, "an operator or the end");
	return !parser->failed;
}

int expr_compile(const char *source, struct fields *fields, struct expr **ret_expr,
		 struct expr_mistake *ret_mistake, struct err *err)
{
	struct expr_parser parser = {
		.expr = calloc(1, sizeof(*parser.expr)),
		.fields = fields,
		.source = source,
		.behind = source,
		.mistake = ret_mistake,
		.err = err,
	};

	*ret_mistake = (struct expr_mistake){0};
	if (!parser.expr)
		return err_set(err, ERR_NO_MEMORY, "no memory for the expression");
	arena_init(&parser.expr->arena, EXPR_ARENA_BYTES_MAX);
	if (parse_all(&parser)) {
		*ret_expr = parser.expr;
		return 0;
	}
	expr_free(parser.expr);
	return -1;
}

void expr_free(struct expr *expr)
{
	if (!expr)
		return;
	for (struct node *node = expr->owners; node; node = node->next_owner)
		pattern_free(node->pattern);
	arena_done(&expr->arena);
	free(expr);
}
