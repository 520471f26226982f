/* SPDX-License-Identifier: MIT */
/* eval.c - the value of a tree for one record.
 *
 * A walk of the tree, whose depth parse.c bounds.  What says yes or no has a truth of its
 * own instead of a value (`truth_of`); fields and constants, which most arguments are, are
 * borrowed instead of copied (`operand`).
 */
#include "base/expr/node.h"
#include "base/limits.h"

#include <math.h>
#include <stdlib.h>

struct eval {
	const struct value *values;
	struct expr_scratch *scratch;
	struct err *err;
};

static int node_eval(const struct node *node, const struct eval *eval, struct value *ret);

/* The value of a node: borrowed, or computed into *room.  NULL: *err. */
static inline const struct value *operand(const struct node *node, const struct eval *eval,
					  struct value *room)
{
	if (node->kind == NODE_FIELD)
		return &eval->values[node->field];
	if (node->kind == NODE_CONSTANT)
		return &node->constant;
	room->kind = VALUE_NULL; /* clang-tidy does not know that err_set() is never 0 */
	return node_eval(node, eval, room) ? NULL : room;
}

static int set_null(struct value *ret)
{
	*ret = (struct value){.kind = VALUE_NULL};
	return 0;
}

/* ---- truth: every function 0 and *ret, or -1 ---- */

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

static int truth_of(const struct node *node, const struct eval *eval, enum truth *ret);

static int told(enum truth *ret, bool yes)
{
	*ret = yes ? TRUTH_YES : TRUTH_NO;
	return 0;
}

static int unknown(enum truth *ret)
{
	*ret = TRUTH_UNKNOWN;
	return 0;
}

/* `and` ends at the first no, `or` at the first yes; else unknown is stronger than the rest.
 * A chain leans to the right: (a and (b and c)). */
static int logic_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	const enum node_kind kind = node->kind;
	const enum truth end = kind == NODE_AND ? TRUTH_NO : TRUTH_YES;
	bool open = false;

	*ret = TRUTH_UNKNOWN;
	for (const struct node *rest = node; rest;) {
		bool last = rest->kind != kind;

		if (truth_of(last ? rest : rest->args[0], eval, ret))
			return -1;
		if (*ret == end)
			return 0;
		open = open || *ret == TRUTH_UNKNOWN;
		rest = last ? NULL : rest->args[1];
	}
	return open ? unknown(ret) : told(ret, end == TRUTH_NO);
}

static int not_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	*ret = TRUTH_UNKNOWN;
	if (truth_of(node->args[0], eval, ret))
		return -1;
	return *ret == TRUTH_UNKNOWN ? 0 : told(ret, *ret == TRUTH_NO);
}

/* ---- comparisons ---- */

static bool order_fits(enum node_kind kind, int order)
{
	switch (kind) {
	case NODE_EQUAL:
		return order == 0;
	case NODE_UNEQUAL:
		return order != 0;
	case NODE_LESS:
		return order < 0;
	case NODE_LESS_EQUAL:
		return order <= 0;
	case NODE_GREATER:
		return order > 0;
	default:
		return order >= 0;
	}
}

/* Of a number that is one exactly. */
static inline bool plain_double(const struct value *value, double *ret)
{
	const int64_t whole_max = INT64_C(1) << 53;

	*ret = value->kind == VALUE_INT ? (double)value->integer : value->number;
	return value->kind == VALUE_DOUBLE ||
	       (value->kind == VALUE_INT && value->integer >= -whole_max &&
		value->integer <= whole_max);
}

/* Two numbers, or texts of a filter: most comparisons of most records. */
static int compared(enum node_kind kind, const struct value *left, const struct value *right,
		    const struct eval *eval, enum truth *ret)
{
	double a, b;
	bool equal;
	int order;

	if (left->kind == VALUE_INT && right->kind == VALUE_INT)
		return told(ret, order_fits(kind, (left->integer > right->integer) -
							  (left->integer < right->integer)));
	if (plain_double(left, &a) && plain_double(right, &b))
		return told(ret, order_fits(kind, (a > b) - (a < b)));
	if (value_is_null(left) || value_is_null(right))
		return unknown(ret);
	if (kind == NODE_EQUAL || kind == NODE_UNEQUAL) {
		if (value_equal(left, right, eval->scratch, &equal, eval->err))
			return -1;
		return told(ret, equal == (kind == NODE_EQUAL));
	}
	if (value_order(left, right, eval->scratch, &order, eval->err))
		return -1;
	return told(ret, order_fits(kind, order));
}

static int comparison_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	struct value left_room, right_room;
	const struct value *left = operand(node->args[0], eval, &left_room);
	const struct value *right = left ? operand(node->args[1], eval, &right_room) : NULL;

	return right ? compared(node->kind, left, right, eval, ret) : -1;
}

/* (a >= low and a <= high), with a evaluated once. */
static int between_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	struct value room, bound_room;
	const struct value *value = operand(node->args[0], eval, &room);
	const struct value *low = value ? operand(node->args[1], eval, &bound_room) : NULL, *high;
	enum truth above = TRUTH_UNKNOWN;

	if (!low || compared(NODE_GREATER_EQUAL, value, low, eval, &above))
		return -1;
	if (above == TRUTH_NO)
		return told(ret, false);
	high = operand(node->args[2], eval, &bound_room);
	if (!high || compared(NODE_LESS_EQUAL, value, high, eval, ret))
		return -1;
	return *ret == TRUTH_YES && above == TRUTH_UNKNOWN ? unknown(ret) : 0;
}

static int null_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	struct value room;
	const struct value *value = operand(node->args[0], eval, &room);

	return value ? told(ret, value_is_null(value)) : -1;
}

/* As SQL: with a null in the list, "not found" is unknown. */
static int in_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	struct value room, other_room;
	const struct value *value = operand(node->args[0], eval, &room), *other;
	bool open = false;

	if (!value)
		return -1;
	if (value_is_null(value))
		return unknown(ret);
	for (unsigned i = 1; i < node->count; i++) {
		other = operand(node->args[i], eval, &other_room);
		if (!other || compared(NODE_EQUAL, value, other, eval, ret))
			return -1;
		if (*ret == TRUTH_YES)
			return 0;
		open = open || *ret == TRUTH_UNKNOWN;
	}
	return open ? unknown(ret) : told(ret, false);
}

static int like_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	const struct value *like = &node->args[1]->constant;
	struct value room;
	const struct value *value = operand(node->args[0], eval, &room);
	const char *text;
	size_t len, steps;
	int is_like;

	if (!value)
		return -1;
	if (value_is_null(value))
		return unknown(ret);
	if (value_bytes(value, eval->scratch, &text, &len, eval->err))
		return -1;
	is_like = text_like(text, len, like->at, like->len, &steps);
	if (scratch_work(eval->scratch, steps, eval->err))
		return -1;
	return told(ret, is_like);
}

static int value_truth(const struct node *node, const struct eval *eval, enum truth *ret)
{
	struct value room;
	const struct value *value = operand(node, eval, &room);

	if (!value)
		return -1;
	if (value_is_null(value))
		return unknown(ret);
	if (value->kind != VALUE_TRUE && value->kind != VALUE_FALSE)
		return expr_wrong(eval->err, value, "true or false");
	return told(ret, value->kind == VALUE_TRUE);
}

static int truth_of(const struct node *node, const struct eval *eval, enum truth *ret)
{
	switch (node->kind) {
	case NODE_OR:
	case NODE_AND:
		return logic_truth(node, eval, ret);
	case NODE_NOT:
		return not_truth(node, eval, ret);
	case NODE_EQUAL:
	case NODE_UNEQUAL:
	case NODE_LESS:
	case NODE_LESS_EQUAL:
	case NODE_GREATER:
	case NODE_GREATER_EQUAL:
		return comparison_truth(node, eval, ret);
	case NODE_IS_NULL:
		return null_truth(node, eval, ret);
	case NODE_BETWEEN:
		return between_truth(node, eval, ret);
	case NODE_IN:
		return in_truth(node, eval, ret);
	case NODE_LIKE:
		return like_truth(node, eval, ret);
	default:
		return value_truth(node, eval, ret);
	}
}

static int truth_eval(const struct node *node, const struct eval *eval, struct value *ret)
{
	enum truth truth = TRUTH_UNKNOWN;

	if (truth_of(node, eval, &truth))
		return -1;
	if (truth == TRUTH_UNKNOWN)
		return set_null(ret);
	*ret = value_of_bool(truth == TRUTH_YES);
	return 0;
}

/* ---- arithmetic ---- */

static int overflow(const struct eval *eval)
{
	return err_set(eval->err, ERR_OVERFLOW, "the result is beyond a 64-bit integer");
}

static int64_t floor_divide(int64_t a, int64_t b)
{
	int64_t quotient = a / b;

	return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t floor_modulo(int64_t a, int64_t b)
{
	int64_t rest = a % b;

	return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int int_arithmetic(enum node_kind kind, const struct eval *eval, int64_t a, int64_t b,
			  struct value *ret)
{
	int64_t result = 0;
	bool beyond = false;

	switch (kind) {
	case NODE_ADD:
		beyond = __builtin_add_overflow(a, b, &result);
		break;
	case NODE_SUBTRACT:
		beyond = __builtin_sub_overflow(a, b, &result);
		break;
	case NODE_MULTIPLY:
		beyond = __builtin_mul_overflow(a, b, &result);
		break;
	default:
		if (b == 0)
			return err_set(eval->err, ERR_FAILED, "division by zero");
		if (b == -1) /* INT64_MIN / -1 is no int64 */
			beyond = kind == NODE_FLOOR_DIVIDE && __builtin_sub_overflow(0, a, &result);
		else
			result = kind == NODE_MODULO ? floor_modulo(a, b) : floor_divide(a, b);
	}
	*ret = value_of_int(result);
	return beyond ? overflow(eval) : 0;
}

static int double_arithmetic(enum node_kind kind, const struct eval *eval, double a, double b,
			     struct value *ret)
{
	double result;

	if (b == 0 && kind >= NODE_DIVIDE && kind <= NODE_MODULO)
		return err_set(eval->err, ERR_FAILED, "division by zero");
	switch (kind) {
	case NODE_ADD:
		result = a + b;
		break;
	case NODE_SUBTRACT:
		result = a - b;
		break;
	case NODE_MULTIPLY:
		result = a * b;
		break;
	case NODE_DIVIDE:
		result = a / b;
		break;
	case NODE_FLOOR_DIVIDE:
		result = floor(a / b);
		break;
	default:
		result = fmod(a, b);
		if (result != 0 && (result < 0) != (b < 0))
			result += b;
	}
	if (!isfinite(result))
		return err_set(eval->err, ERR_OVERFLOW, "the result is beyond a double");
	*ret = (struct value){.kind = VALUE_DOUBLE, .number = result};
	return 0;
}

static const struct value *number_of(const struct value *value, const struct eval *eval,
				     struct value *room)
{
	const struct value *number = value_as_number(value, room);

	if (!number)
		expr_wrong(eval->err, value, "a number");
	return number;
}

static int eval_arithmetic(const struct node *node, const struct eval *eval, struct value *ret)
{
	struct value left_room, right_room;
	const struct value *left = operand(node->args[0], eval, &left_room);
	const struct value *right = left ? operand(node->args[1], eval, &right_room) : NULL;

	if (!right)
		return -1;
	if (value_is_null(left) || value_is_null(right))
		return set_null(ret);
	left = number_of(left, eval, &left_room);
	right = left ? number_of(right, eval, &right_room) : NULL;
	if (!right)
		return -1;
	if (left->kind == VALUE_INT && right->kind == VALUE_INT && node->kind != NODE_DIVIDE)
		return int_arithmetic(node->kind, eval, left->integer, right->integer, ret);
	return double_arithmetic(node->kind, eval, value_as_double(left), value_as_double(right),
				 ret);
}

static int eval_negate(const struct node *node, const struct eval *eval, struct value *ret)
{
	struct value room;
	const struct value *value = operand(node->args[0], eval, &room);

	if (!value)
		return -1;
	if (value_is_null(value))
		return set_null(ret);
	value = number_of(value, eval, &room);
	if (!value)
		return -1;
	if (value->kind == VALUE_INT)
		return int_arithmetic(NODE_SUBTRACT, eval, 0, value->integer, ret);
	*ret = (struct value){.kind = VALUE_DOUBLE, .number = -value->number};
	return 0;
}

/* ---- choices and calls ---- */

static int eval_if(const struct node *node, const struct eval *eval, struct value *ret)
{
	enum truth truth = TRUTH_UNKNOWN;

	if (truth_of(node->args[0], eval, &truth))
		return -1;
	return node_eval(node->args[truth == TRUTH_YES ? 1 : 2], eval, ret);
}

static int eval_coalesce(const struct node *node, const struct eval *eval, struct value *ret)
{
	set_null(ret);
	for (unsigned i = 0; i < node->count; i++) {
		if (node_eval(node->args[i], eval, ret))
			return -1;
		if (!value_is_null(ret))
			return 0;
	}
	return 0;
}

/* The arguments are in the scratch: on the stack they would make each level of a deep tree
 * pay for the widest call. */
static int eval_call(const struct node *node, const struct eval *eval, struct value *ret)
{
	struct value *args = arena_take(&eval->scratch->arena, node->count * sizeof(*args));
	struct call call = {
		.node = node,
		.args = args,
		.count = node->count,
		.scratch = eval->scratch,
		.err = eval->err,
	};

	if (!args)
		return call_too_large(&call);
	for (unsigned i = 0; i < node->count; i++) {
		if (node_eval(node->args[i], eval, &args[i]))
			return -1;
		if (value_is_null(&args[i]) && !node->function->takes_null)
			return set_null(ret);
	}
	if (node->function->run(&call, ret))
		return err_wrap(eval->err, "%s()", node->function->name);
	return 0;
}

static int node_eval(const struct node *node, const struct eval *eval, struct value *ret)
{
	switch (node->kind) {
	case NODE_CONSTANT:
		*ret = node->constant;
		return 0;
	case NODE_FIELD:
		*ret = eval->values[node->field];
		return 0;
	case NODE_OR ... NODE_LIKE:
		return truth_eval(node, eval, ret);
	case NODE_ADD ... NODE_MODULO:
		return eval_arithmetic(node, eval, ret);
	case NODE_NEGATE:
		return eval_negate(node, eval, ret);
	case NODE_IF:
		return eval_if(node, eval, ret);
	case NODE_COALESCE:
		return eval_coalesce(node, eval, ret);
	case NODE_CALL:
		return eval_call(node, eval, ret);
	}
	return err_set(eval->err, ERR_INTERNAL, "an expression of no kind");
}

int expr_eval(const struct expr *expr, const struct value *values, struct expr_scratch *scratch,
	      struct value *ret_value, struct err *err)
{
	struct eval eval = {.values = values, .scratch = scratch, .err = err};

	return node_eval(expr->root, &eval, ret_value);
}

bool expr_is_field(const struct expr *expr, unsigned *ret_field)
{
	*ret_field = expr->root->field;
	return expr->root->kind == NODE_FIELD;
}

int expr_test(const struct expr *expr, const struct value *values, struct expr_scratch *scratch,
	      bool *ret_true, struct err *err)
{
	struct eval eval = {.values = values, .scratch = scratch, .err = err};
	enum truth truth = TRUTH_UNKNOWN;

	if (truth_of(expr->root, &eval, &truth))
		return -1;
	*ret_true = truth == TRUTH_YES;
	return 0;
}

/* ---- scratch ---- */

struct expr_scratch *expr_scratch_new(void)
{
	struct expr_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	arena_init(&scratch->arena, EXPR_SCRATCH_BYTES_MAX);
	buf_init(&scratch->decoded, RECORD_BYTES_MAX);
	buf_init(&scratch->other, RECORD_BYTES_MAX);
	return scratch;
}

void expr_scratch_free(struct expr_scratch *scratch)
{
	if (!scratch)
		return;
	pattern_scratch_free(scratch->patterns);
	arena_done(&scratch->arena);
	buf_done(&scratch->decoded);
	buf_done(&scratch->other);
	free(scratch);
}

void expr_scratch_clear(struct expr_scratch *scratch)
{
	scratch->work = 0;
	if (scratch->arena.used > 0)
		arena_clear(&scratch->arena);
}
