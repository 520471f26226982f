/* SPDX-License-Identifier: MIT */
/* formula.h - expressions of a spec, whose mistakes are told with their place. */
#ifndef HANDLERS_MAPREDUCE_FORMULA_H
#define HANDLERS_MAPREDUCE_FORMULA_H

#include "base/expr/expr.h"
#include "base/mistakes.h"

/* 0, or -1: a mistake was added.  `pointer`: of the source. */
int formula_compile(const char *source, const char *pointer, struct fields *fields,
		    struct mistakes *mistakes, struct expr **ret_expr);

#endif
