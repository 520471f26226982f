/* SPDX-License-Identifier: MIT */
/* expr.h - typed expressions over the fields of a record: filters, derived columns, keys.
 *
 *   value >= 0 and category in ("A", "B") and name like "a%"
 *   round(price * quantity, 2)          if(zip is null, "none", lower(zip))
 *
 *   or and not                          loosest first
 *   == != < <= > >=  in (…)  like  between … and …  is null      (= and <> are taken)
 *   + -     * / // %     -x             as in Lua 5.4: / is a double, // and % floor
 *   a.b.c  a[0]  `odd name`             fields; a missing one is null
 *   $  $[0]                             the whole record; inside it
 *   "text" 'text' 12 1.5e3 true false null    name(…)
 *
 * Integers stay int64: an overflow, a division by zero, a result that is not finite is an
 * error of the record, never a wrong number.  A text that is written like a number is one
 * next to a number (fields of CSV are texts).  null follows SQL: what is computed from it
 * is null, and, or and not know three values, a filter keeps what is true; `== null` is
 * `is null`.
 *
 * Threads    an expression is constant once compiled: shared by all lanes, each with a
 *            scratch of its own.
 * Ownership  values that were computed live until expr_scratch_clear().
 * Errors     0, or -1 and *err.
 */
#ifndef BASE_EXPR_EXPR_H
#define BASE_EXPR_EXPR_H

#include "base/err.h"
#include "base/record/fields.h"
#include "base/record/value.h"

#include <stdbool.h>

struct expr;
struct expr_scratch;

struct expr_mistake {
	size_t offset;	  /* in bytes, into the source */
	char detail[160]; /* what is wrong there */
	char hint[64];	  /* what was meant, perhaps; "" */
};

/* Compiles a source in UTF-8; the fields that it reads are added to `fields`, perhaps some
 * of a wrong one too.  -1, *ret_mistake and ERR_INVALID_SPEC, ERR_LIMIT (EXPR_BYTES_MAX,
 * EXPR_NODES_MAX, EXPR_DEPTH_MAX, CALL_ARGS_MAX, or of fields.h) or ERR_NO_MEMORY. */
int expr_compile(const char *source, struct fields *fields, struct expr **ret_expr,
		 struct expr_mistake *ret_mistake, struct err *err);
void expr_free(struct expr *expr);

/* Is it nothing but a field?  Then *ret_field is its index among the values. */
bool expr_is_field(const struct expr *expr, unsigned *ret_field);

struct expr_scratch *expr_scratch_new(void); /* NULL: no memory */
void expr_scratch_free(struct expr_scratch *scratch);
void expr_scratch_clear(struct expr_scratch *scratch); /* before each record */

/* The value for a record whose fields are `values` (scan.h).  ERR_FAILED: the record has a
 * value that the expression cannot work with; ERR_OVERFLOW; ERR_LIMIT: computed texts
 * beyond EXPR_SCRATCH_BYTES_MAX, or more read than EXPR_WORK_MAX; ERR_NO_MEMORY. */
int expr_eval(const struct expr *expr, const struct value *values, struct expr_scratch *scratch,
	      struct value *ret_value, struct err *err);

/* The same for a filter: true, or not (false, null).  Anything but a truth value is
 * ERR_FAILED. */
int expr_test(const struct expr *expr, const struct value *values, struct expr_scratch *scratch,
	      bool *ret_true, struct err *err);

#endif
