/* SPDX-License-Identifier: MIT */
/* calls.h - what the functions of expressions share, and the one list of them.
 *
 * Each is `int call_x(const struct call *call, struct value *ret)`: 0 and *ret, or -1 and
 * *call->err.
 *
 * Ownership  what they compute is in the scratch's arena.
 */
#ifndef BASE_EXPR_CALLS_H
#define BASE_EXPR_CALLS_H

#include "base/expr/node.h"

/* clang-format off */
/* By name.  A null among the arguments is a null result unless takes_null; `pattern`: the
 * second argument is a constant regular expression. */
/*    name           args      takes_null pattern kind           run                form */
#define FUNCTION_TABLE(X) \
	X("abs",          1, 1,    false, false,  NODE_CALL,     call_abs,          "abs(number)") \
	X("ceil",         1, 1,    false, false,  NODE_CALL,     call_ceil,         "ceil(number)") \
	X("coalesce",     1, CALL_ARGS_MAX, true, false, NODE_COALESCE, NULL,       "coalesce(value, other, …)") \
	X("concat",       1, CALL_ARGS_MAX, false, false, NODE_CALL, call_concat,   "concat(value, value, …)") \
	X("contains",     2, 2,    false, false,  NODE_CALL,     call_contains,     "contains(text, part)") \
	X("date_add",     2, 2,    false, false,  NODE_CALL,     call_date_add,     "date_add(date, \"1d\")") \
	X("date_diff_ms", 2, 2,    false, false,  NODE_CALL,     call_date_diff_ms, "date_diff_ms(from, to)") \
	X("date_trunc",   2, 2,    false, false,  NODE_CALL,     call_date_trunc,   "date_trunc(\"day\", date)") \
	X("day",          1, 1,    false, false,  NODE_CALL,     call_day,          "day(date)") \
	X("ends_with",    2, 2,    false, false,  NODE_CALL,     call_ends_with,    "ends_with(text, end)") \
	X("epoch_ms",     1, 1,    false, false,  NODE_CALL,     call_epoch_ms,     "epoch_ms(date)") \
	X("exp",          1, 1,    false, false,  NODE_CALL,     call_exp,          "exp(number)") \
	X("extract",      2, 2,    false, true,   NODE_CALL,     call_extract,      "extract(text, \"pattern\")") \
	X("floor",        1, 1,    false, false,  NODE_CALL,     call_floor,        "floor(number)") \
	X("greatest",     1, CALL_ARGS_MAX, false, false, NODE_CALL, call_greatest, "greatest(value, value, …)") \
	X("hour",         1, 1,    false, false,  NODE_CALL,     call_hour,         "hour(date)") \
	X("if",           3, 3,    true,  false,  NODE_IF,       NULL,              "if(condition, then, else)") \
	X("instant",      1, 1,    false, false,  NODE_CALL,     call_instant,      "instant(ms)") \
	X("int",          1, 1,    false, false,  NODE_CALL,     call_int,          "int(number)") \
	X("least",        1, CALL_ARGS_MAX, false, false, NODE_CALL, call_least,    "least(value, value, …)") \
	X("length",       1, 1,    false, false,  NODE_CALL,     call_length,       "length(text)") \
	X("ln",           1, 1,    false, false,  NODE_CALL,     call_ln,           "ln(number)") \
	X("log10",        1, 1,    false, false,  NODE_CALL,     call_log10,        "log10(number)") \
	X("lower",        1, 1,    false, false,  NODE_CALL,     call_lower,        "lower(text)") \
	X("ltrim",        1, 1,    false, false,  NODE_CALL,     call_ltrim,        "ltrim(text)") \
	X("matches",      2, 2,    false, true,   NODE_CALL,     call_matches,      "matches(text, \"pattern\")") \
	X("minute",       1, 1,    false, false,  NODE_CALL,     call_minute,       "minute(date)") \
	X("month",        1, 1,    false, false,  NODE_CALL,     call_month,        "month(date)") \
	X("nullif",       2, 2,    true,  false,  NODE_CALL,     call_nullif,       "nullif(value, other)") \
	X("number",       1, 1,    false, false,  NODE_CALL,     call_number,       "number(text)") \
	X("pad_left",     2, 3,    false, false,  NODE_CALL,     call_pad_left,     "pad_left(text, length, fill)") \
	X("pad_right",    2, 3,    false, false,  NODE_CALL,     call_pad_right,    "pad_right(text, length, fill)") \
	X("pow",          2, 2,    false, false,  NODE_CALL,     call_pow,          "pow(number, power)") \
	X("replace",      3, 3,    false, false,  NODE_CALL,     call_replace,      "replace(text, part, other)") \
	X("round",        1, 2,    false, false,  NODE_CALL,     call_round,        "round(number, places)") \
	X("rtrim",        1, 1,    false, false,  NODE_CALL,     call_rtrim,        "rtrim(text)") \
	X("second",       1, 1,    false, false,  NODE_CALL,     call_second,       "second(date)") \
	X("sign",         1, 1,    false, false,  NODE_CALL,     call_sign,         "sign(number)") \
	X("split_part",   3, 3,    false, false,  NODE_CALL,     call_split_part,   "split_part(text, by, 1)") \
	X("sqrt",         1, 1,    false, false,  NODE_CALL,     call_sqrt,         "sqrt(number)") \
	X("starts_with",  2, 2,    false, false,  NODE_CALL,     call_starts_with,  "starts_with(text, start)") \
	X("substr",       2, 3,    false, false,  NODE_CALL,     call_substr,       "substr(text, from, count)") \
	X("text",         1, 1,    false, false,  NODE_CALL,     call_text,         "text(value)") \
	X("trim",         1, 1,    false, false,  NODE_CALL,     call_trim,         "trim(text)") \
	X("trunc",        1, 1,    false, false,  NODE_CALL,     call_trunc,        "trunc(number)") \
	X("upper",        1, 1,    false, false,  NODE_CALL,     call_upper,        "upper(text)") \
	X("weekday",      1, 1,    false, false,  NODE_CALL,     call_weekday,      "weekday(date)") \
	X("year",         1, 1,    false, false,  NODE_CALL,     call_year,         "year(date)")
/* clang-format on */

/* ---- arguments: 0 and *ret, or -1 and *call->err ---- */

int arg_text(const struct call *call, unsigned i, const char **ret_text, size_t *ret_len);
/* A number, or a text that is written like one, read into *room.  NULL: *call->err. */
const struct value *arg_number(const struct call *call, unsigned i, struct value *room);
/* A whole number, as a double too. */
int arg_int(const struct call *call, unsigned i, int64_t *ret);

/* ---- results ---- */

char *call_room(const struct call *call, size_t len);			    /* NULL: *call->err */
int give_text(struct value *ret, const char *text, size_t len);		    /* 0 */
int give_int(struct value *ret, int64_t integer);			    /* 0 */
int give_double(const struct call *call, struct value *ret, double number); /* finite? */

/* ---- calls_text.c ---- */

int call_lower(const struct call *call, struct value *ret);
int call_upper(const struct call *call, struct value *ret);
int call_length(const struct call *call, struct value *ret);
int call_substr(const struct call *call, struct value *ret);
int call_trim(const struct call *call, struct value *ret);
int call_ltrim(const struct call *call, struct value *ret);
int call_rtrim(const struct call *call, struct value *ret);
int call_replace(const struct call *call, struct value *ret);
int call_split_part(const struct call *call, struct value *ret);
int call_starts_with(const struct call *call, struct value *ret);
int call_ends_with(const struct call *call, struct value *ret);
int call_contains(const struct call *call, struct value *ret);
int call_concat(const struct call *call, struct value *ret);
int call_pad_left(const struct call *call, struct value *ret);
int call_pad_right(const struct call *call, struct value *ret);
int call_matches(const struct call *call, struct value *ret);
int call_extract(const struct call *call, struct value *ret);
int call_text(const struct call *call, struct value *ret);

/* ---- calls_number.c ---- */

int call_abs(const struct call *call, struct value *ret);
int call_sign(const struct call *call, struct value *ret);
int call_round(const struct call *call, struct value *ret);
int call_floor(const struct call *call, struct value *ret);
int call_ceil(const struct call *call, struct value *ret);
int call_trunc(const struct call *call, struct value *ret);
int call_int(const struct call *call, struct value *ret);
int call_number(const struct call *call, struct value *ret);
int call_sqrt(const struct call *call, struct value *ret);
int call_pow(const struct call *call, struct value *ret);
int call_exp(const struct call *call, struct value *ret);
int call_ln(const struct call *call, struct value *ret);
int call_log10(const struct call *call, struct value *ret);
int call_least(const struct call *call, struct value *ret);
int call_greatest(const struct call *call, struct value *ret);
int call_nullif(const struct call *call, struct value *ret);

/* ---- dates.c ---- */

int call_epoch_ms(const struct call *call, struct value *ret);
int call_instant(const struct call *call, struct value *ret);
int call_year(const struct call *call, struct value *ret);
int call_month(const struct call *call, struct value *ret);
int call_day(const struct call *call, struct value *ret);
int call_hour(const struct call *call, struct value *ret);
int call_minute(const struct call *call, struct value *ret);
int call_second(const struct call *call, struct value *ret);
int call_weekday(const struct call *call, struct value *ret);
int call_date_add(const struct call *call, struct value *ret);
int call_date_diff_ms(const struct call *call, struct value *ret);
int call_date_trunc(const struct call *call, struct value *ret);

#endif
