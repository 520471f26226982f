/* SPDX-License-Identifier: MIT */
/* parse.c - from words to a tree: one function a level of precedence, loosest first.
 *
 * Every function returns NULL once a mistake is told.  The depth of nesting is counted
 * where the grammar comes back to itself (parser_nested): brackets, calls, `not` and the
 * minus.  Only chains of arithmetic make the tree deeper than that, and EXPR_NODES_MAX ends
 * them.
 */
#include "base/expr/parser.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_all(struct expr_parser *parser);
static struct node *parse_or(struct expr_parser *parser);

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

/* ---- what stands alone ---- */

/* A number, negative when '-' was taken before it: INT64_MIN is one only with its sign. */
static struct node *parse_number(struct expr_parser *parser, bool negative)
{
	struct lexeme lexeme = parser->lexeme;
	struct value value = {0};
	char *text = arena_take(&parser->expr->arena, lexeme.len + 1);

	if (!text)
		return parser_no_memory(parser);
	text[0] = '-';
	memcpy(text + 1, lexeme.text, lexeme.len);
	value_number_read(&value, negative ? text : text + 1, lexeme.len + negative);
	if (value.kind == VALUE_BIG)
		return parser_mistake(parser, lexeme.at, "a double has a point: 1.0",
				      "the number does not fit 64 bits");
	value.at = NULL; /* a result is printed in its own form */
	value.len = 0;
	parser_advance(parser);
	return parser_constant(parser, value);
}

static struct node *parse_text(struct expr_parser *parser)
{
	struct lexeme lexeme = parser->lexeme;

	parser_advance(parser);
	return parser_constant(parser, (struct value){.kind = VALUE_TEXT,
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

	while ((bracket = parser_take(parser, "[")) || parser_take(parser, ".")) {
		if (count == RECORD_DEPTH_MAX) {
			parser_limit(parser, parser->lexeme.at, RECORD_DEPTH_MAX,
				     "names in a path");
			return 0;
		}
		if (!is_step(&parser->lexeme, bracket)) {
			parser_unexpected(parser,
					  bracket ? "an index or a name in quotes" : "a name");
			return 0;
		}
		names[count++] = (struct field_name){parser->lexeme.text, parser->lexeme.len};
		parser_advance(parser);
		if (bracket && !parser_need(parser, "]"))
			return 0;
	}
	return parser->failed ? 0 : count;
}

/* The whole record: `$`, and what is behind it is a path from there. */
static bool is_record(const struct lexeme *name)
{
	return name->kind == LEXEME_NAME && name->len == 1 && *name->text == '$';
}

static struct node *parse_field(struct expr_parser *parser, const struct lexeme *name)
{
	struct field_name names[RECORD_DEPTH_MAX] = {{name->text, name->len}};
	size_t count = path_read(parser, names);
	struct node *node = count ? parser_node(parser, NODE_FIELD, 0) : NULL;
	size_t record = is_record(name);
	struct err err;

	if (!node)
		return NULL;
	if (fields_add(parser->fields, names + record, count - record, &node->field, &err)) {
		parser_mistake(parser, name->at, NULL, "%s", err.detail);
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
		return parser_mistake(parser, at, node->function->form,
				      "the pattern of %s() is a text in quotes",
				      node->function->name);
	text = arena_copy(&parser->expr->arena, source->at, source->len);
	if (!text)
		return parser_no_memory(parser);
	if (pattern_compile(text, 0, &node->pattern, &wrong, parser->err)) {
		struct err err = *parser->err;

		parser_mistake(parser, at, NULL, "pattern, at %zu: %s", wrong.offset, wrong.detail);
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
		return parser_mistake(parser, at, function->form, "%s() with %u argument%s",
				      function->name, count, count == 1 ? "" : "s");
	node = parser_node(parser, function->kind, count);
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
			parser_limit(parser, parser->lexeme.at, CALL_ARGS_MAX, "values in a list");
			return false;
		}
		args[*count] = parser_nested(parser, parse_or);
		if (!args[(*count)++])
			return false;
	} while (parser_take(parser, ","));
	return parser_need(parser, ")");
}

static struct node *no_function(struct expr_parser *parser, const struct lexeme *name)
{
	char text[SOURCE_SHOWN_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)utf8_cut(name->text, name->len, SOURCE_SHOWN_MAX),
		 name->text);
	return parser_mistake(parser, name->at, nearest_name(text, function_names()),
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
		return parser_no_memory(parser);
	if (parser_take(parser, ")") || arguments_read(parser, args, &count))
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
		return parser_mistake(parser, name.at, "a field of that name stands in `backticks`",
				      "expected a value but found '%.*s'", (int)name.len,
				      name.text);
	parser_advance(parser);
	if (plain && lexeme_is_word(&name, "true"))
		return parser_constant(parser, value_of_bool(true));
	if (plain && lexeme_is_word(&name, "false"))
		return parser_constant(parser, value_of_bool(false));
	if (plain && lexeme_is_word(&name, "null"))
		return parser_constant(parser, (struct value){.kind = VALUE_NULL});
	if (plain && parser_take(parser, "("))
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
		if (!parser_take(parser, "("))
			return parser_unexpected(parser, "a value");
		node = parser_nested(parser, parse_or);
		return node && parser_need(parser, ")") ? node : NULL;
	}
}

static struct node *parse_unary(struct expr_parser *parser)
{
	if (!parser_take(parser, "-"))
		return parse_primary(parser);
	/* 0 has no sign: "-0" would be a double */
	if (parser->lexeme.kind == LEXEME_NUMBER && *parser->lexeme.text != '0')
		return parse_number(parser, true);
	return parser_over(parser, NODE_NEGATE, parser_nested(parser, parse_unary));
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
		if (parser_take(parser, marks->mark)) {
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
		node = parser_pair(parser, kind, node, parse_unary(parser));
	return node;
}

static struct node *parse_sum(struct expr_parser *parser)
{
	static const struct operator_mark marks[] = {{"+", NODE_ADD}, {"-", NODE_SUBTRACT}, {0}};
	struct node *node = parse_product(parser);
	enum node_kind kind;

	while (node && take_one(parser, marks, &kind))
		node = parser_pair(parser, kind, node, parse_product(parser));
	return node;
}

static struct node *negated(struct expr_parser *parser, bool negate, struct node *node)
{
	return negate ? parser_over(parser, NODE_NOT, node) : node;
}

static struct node *parse_in(struct expr_parser *parser, struct node *left)
{
	struct node **args, *node = NULL;
	unsigned count = 1;

	if (!parser_need(parser, "("))
		return NULL;
	args = calloc(CALL_ARGS_MAX, sizeof(struct node *));
	if (!args)
		return parser_no_memory(parser);
	args[0] = left;
	if (arguments_read(parser, args, &count))
		node = parser_node(parser, NODE_IN, count);
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
	if (!parser_take_word(parser, "and"))
		return parser_unexpected(parser, "'and'");
	high = parse_sum(parser);
	node = high ? parser_node(parser, NODE_BETWEEN, 3) : NULL;
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
		return parser_unexpected(parser, "a text in quotes");
	return parser_pair(parser, NODE_LIKE, left, parse_text(parser));
}

/* in, like, between, is: what a word begins; *ret_found says whether there was one. */
static struct node *parse_word_test(struct expr_parser *parser, struct node *left, bool *ret_found)
{
	bool negate;

	*ret_found = true;
	if (parser_take_word(parser, "is")) {
		negate = parser_take_word(parser, "not");
		if (!parser_take_word(parser, "null"))
			return parser_unexpected(parser, "'null' or 'not null'");
		return negated(parser, negate, parser_over(parser, NODE_IS_NULL, left));
	}
	negate = parser_take_word(parser, "not");
	if (parser_take_word(parser, "in"))
		return negated(parser, negate, parse_in(parser, left));
	if (parser_take_word(parser, "like"))
		return negated(parser, negate, parse_like(parser, left));
	if (parser_take_word(parser, "between"))
		return negated(parser, negate, parse_between(parser, left));
	*ret_found = false;
	return negate ? parser_unexpected(parser, "'in', 'like' or 'between'") : left;
}

static bool is_null_word(const struct node *node)
{
	return node->kind == NODE_CONSTANT && node->constant.kind == VALUE_NULL;
}

static struct node *compared(struct expr_parser *parser, enum node_kind kind, struct node *left,
			     struct node *right)
{
	bool equal = kind == NODE_EQUAL || kind == NODE_UNEQUAL;

	if (left && right && equal && (is_null_word(left) || is_null_word(right)))
		return negated(
			parser, kind == NODE_UNEQUAL,
			parser_over(parser, NODE_IS_NULL, is_null_word(right) ? left : right));
	return parser_pair(parser, kind, left, right);
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
		return parser_mistake(parser, at, "a < b and b < c", "comparisons do not chain");
	return node;
}

static struct node *parse_not(struct expr_parser *parser)
{
	if (parser_take_word(parser, "not"))
		return parser_over(parser, NODE_NOT, parser_nested(parser, parse_not));
	return parse_comparison(parser);
}

/* `a and b and c` is (a and (b and c)), which means the same: eval.c walks it in a loop. */
static struct node *parse_chain(struct expr_parser *parser, const char *word, enum node_kind kind,
				struct node *(*parse)(struct expr_parser *))
{
	struct node *first = parse(parser), **last = &first;

	while (*last && parser_take_word(parser, word)) {
		*last = parser_pair(parser, kind, *last, parse(parser));
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
		return parser_limit(parser, parser->source, EXPR_BYTES_MAX,
				    "bytes in an expression");
	if (wrong)
		return parser_mistake(parser, wrong, NULL, "byte 0x%02X is not UTF-8",
				      (unsigned char)*wrong);
	parser_advance(parser);
	parser->expr->root = parser->failed ? NULL : parse_or(parser);
	if (!parser->failed && parser->lexeme.kind != LEXEME_END)
		parser_unexpected(parser, "an operator or the end");
	return !parser->failed;
}
