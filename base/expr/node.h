/* SPDX-License-Identifier: MIT */
/* node.h - what the files of expr share: the compiled tree and its evaluation.
 *
 *   parse.c      source → tree, with parser.c and lex.c; nothing is folded but the sign of a number
 *   eval.c       tree → value
 *   compare.c    order and equality of values, reading texts as numbers
 *   calls.c      the table of functions; calls_text.c, calls_number.c, dates.c: the functions
 */
#ifndef BASE_EXPR_NODE_H
#define BASE_EXPR_NODE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/expr/expr.h"
#include "base/pattern.h"

enum node_kind {
	NODE_CONSTANT,
	NODE_FIELD,
	NODE_OR, /* from here to NODE_LIKE: a truth */
	NODE_AND,
	NODE_NOT,
	NODE_EQUAL, /* the six comparisons stay together, in this order */
	NODE_UNEQUAL,
	NODE_LESS,
	NODE_LESS_EQUAL,
	NODE_GREATER,
	NODE_GREATER_EQUAL,
	NODE_IS_NULL,
	NODE_BETWEEN, /* args[0], low, high */
	NODE_IN,      /* args[0] among the others */
	NODE_LIKE,    /* args[0], a constant */
	NODE_ADD,     /* the arithmetic likewise */
	NODE_SUBTRACT,
	NODE_MULTIPLY,
	NODE_DIVIDE,
	NODE_FLOOR_DIVIDE,
	NODE_MODULO,
	NODE_NEGATE,
	NODE_IF,       /* args: condition, then, else */
	NODE_COALESCE, /* the first that is not null */
	NODE_CALL,
};

struct node {
	enum node_kind kind;
	unsigned field; /* NODE_FIELD: its index among the values */
	unsigned count; /* of args */
	struct node **args;
	struct value constant;
	const struct function *function; /* NODE_CALL */
	struct pattern *pattern;	 /* of its constant pattern; owned by the expr */
	struct node *next_owner;	 /* of those with a pattern */
};

struct expr {
	struct arena arena;
	struct node *root;
	struct node *owners; /* nodes with a pattern */
};

struct expr_scratch {
	struct arena arena;	   /* computed texts */
	struct buf decoded, other; /* texts with escapes, until the next one */
	size_t work;		   /* bytes read for this record, of EXPR_WORK_MAX */
	struct pattern_scratch *patterns;
};

/* A call in hand. */
struct call {
	const struct node *node;
	const struct value *args; /* none is null unless the function takes nulls */
	unsigned count;
	struct expr_scratch *scratch;
	struct err *err;
};

struct function {
	const char *name;
	unsigned args_min, args_max;
	bool takes_null;     /* else null in, null out */
	bool pattern;	     /* its second argument is a constant regular expression */
	enum node_kind kind; /* NODE_CALL, or what eval.c does itself */
	int (*run)(const struct call *call, struct value *ret); /* 0, or -1 and *call->err */
	const char *form; /* "round(number, places)" for mistakes and for people */
};

/* calls.c: any case; NULL: there is none. */
const struct function *function_find(const char *name, size_t len);
const char *const *function_names(void); /* sorted, ended by NULL */

int call_too_large(const struct call *call); /* -1: EXPR_SCRATCH_BYTES_MAX */

/* ---- values (compare.c) ---- */

static inline bool value_is_null(const struct value *value)
{
	return value->kind == VALUE_MISSING || value->kind == VALUE_NULL;
}

static inline struct value value_of_bool(bool truth)
{
	return (struct value){.kind = truth ? VALUE_TRUE : VALUE_FALSE};
}

static inline struct value value_of_int(int64_t integer)
{
	return (struct value){.kind = VALUE_INT, .integer = integer};
}

/* The value as a number: itself, or a text that is written like one, read into *room.
 * NULL: it is none. */
const struct value *value_as_number(const struct value *value, struct value *room);
double value_as_double(const struct value *number);

/* Its bytes: decoded, borrowed from the record or from the scratch's arena.  -1: not a
 * text (numbers and truth values are not printed here), or no memory. */
int value_bytes(const struct value *value, struct expr_scratch *scratch, const char **ret_text,
		size_t *ret_len, struct err *err);

/* -1, 0, 1 in *ret_order.  ERR_FAILED: they have no order ("abc" and 5). */
int value_order(const struct value *a, const struct value *b, struct expr_scratch *scratch,
		int *ret_order, struct err *err);
/* Values of different kinds are not equal. */
int value_equal(const struct value *a, const struct value *b, struct expr_scratch *scratch,
		bool *ret_equal, struct err *err);

/* SQL's LIKE: '%' any run, '_' one code point, '\\' before one of them takes it as it is.
 * *ret_steps: what it took.  1, 0, or -1: more than EXPR_WORK_MAX of them. */
int text_like(const char *text, size_t len, const char *like, size_t like_len, size_t *ret_steps);

/* Counts what was read: an expression of many parts over a long text ends in time.  ERR_LIMIT. */
int scratch_work(struct expr_scratch *scratch, size_t bytes, struct err *err);

int expr_wrong(struct err *err, const struct value *value, const char *wanted); /* -1 */

#endif
