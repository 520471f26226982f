/* SPDX-License-Identifier: MIT */
/* formula.c - an expression's mistake becomes one of its spec. */
#include "handlers/mapreduce/formula.h"

int formula_compile(const char *source, const char *pointer, struct fields *fields,
		    struct mistakes *mistakes, struct expr **ret_expr)
{
	struct expr_mistake wrong = {0};
	struct mistake *mistake;
	struct err err;

	if (expr_compile(source, fields, ret_expr, &wrong, &err) == 0)
		return 0;
	mistake = err.code == ERR_INVALID_SPEC
			  ? mistake_add(mistakes, pointer, "expression", "%s", wrong.detail)
			  : mistake_add_code(mistakes, err.code, pointer, "%s", err.detail);
	mistake->line = 1;
	mistake->column = (int)wrong.offset + 1;
	mistake->source = arena_text(&mistakes->arena, source);
	if (*wrong.hint)
		mistake_hint(mistakes, mistake, "%s", wrong.hint);
	return -1;
}
