/* SPDX-License-Identifier: MIT */
/* expr_cases.h - tables of expressions, the records they see, and what they give.
 *
 * Errors     a case that differs fails the test with its source.
 */
#ifndef TESTS_LIB_EXPR_CASES_H
#define TESTS_LIB_EXPR_CASES_H

#include "base/err.h"

#include <stddef.h>

struct expr_case {
	const char *source;
	const char *record; /* JSON; NULL: {} */
	const char *result; /* its JSON text; of an error a part of the detail … */
	enum err_code code; /* … with this code */
};

void expr_cases_run(const struct expr_case *cases, size_t count);

#endif
