/* SPDX-License-Identifier: MIT */
/* calls.c - the functions by name; how they take arguments and give results.
 *
 * parse.c finds a function here, eval.c runs it.
 */
#include "base/expr/calls.h"
#include "base/limits.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

static const struct function functions[] = {
#define X(name_, min_, max_, null_, pattern_, kind_, run_, form_)                                  \
	{.name = name_,                                                                            \
	 .args_min = min_,                                                                         \
	 .args_max = max_,                                                                         \
	 .takes_null = null_,                                                                      \
	 .pattern = pattern_,                                                                      \
	 .kind = kind_,                                                                            \
	 .run = run_,                                                                              \
	 .form = form_},
	FUNCTION_TABLE(X)
#undef X
};

/* ---- by name ---- */

struct function_key {
	const char *name;
	size_t len;
};

static int function_compare(const void *a, const void *b)
{
	const struct function_key *key = a;
	const struct function *function = b;
	int order = strncasecmp(key->name, function->name, key->len);

	return order == 0 && function->name[key->len] ? -1 : order;
}

const struct function *function_find(const char *name, size_t len)
{
	return bsearch(&(struct function_key){name, len}, functions, ARRAY_LEN(functions),
		       sizeof(functions[0]), function_compare);
}

const char *const *function_names(void)
{
	static const char *const names[] = {
#define X(name_, ...) name_,
		FUNCTION_TABLE(X)
#undef X
			NULL,
	};

	return names;
}

/* ---- arguments ---- */

int arg_text(const struct call *call, unsigned i, const char **ret_text, size_t *ret_len)
{
	return value_bytes(&call->args[i], call->scratch, ret_text, ret_len, call->err);
}

const struct value *arg_number(const struct call *call, unsigned i, struct value *room)
{
	const struct value *number = value_as_number(&call->args[i], room);

	if (!number)
		expr_wrong(call->err, &call->args[i], "a number");
	return number;
}

int arg_int(const struct call *call, unsigned i, int64_t *ret)
{
	struct value room;
	const struct value *number = arg_number(call, i, &room);

	if (!number)
		return -1;
	if (number->kind == VALUE_INT)
		*ret = number->integer;
	else if (number->number == trunc(number->number) && fabs(number->number) < 0x1p63)
		*ret = (int64_t)number->number;
	else
		return err_set(call->err, ERR_FAILED, "%g is not a 64-bit integer", number->number);
	return 0;
}

/* ---- results ---- */

int call_too_large(const struct call *call)
{
	return err_set(call->err, ERR_LIMIT, "the texts computed for a record are too large");
}

char *call_room(const struct call *call, size_t len)
{
	char *room = arena_take(&call->scratch->arena, len);

	if (!room)
		call_too_large(call);
	return room;
}

int give_text(struct value *ret, const char *text, size_t len)
{
	*ret = (struct value){.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = text, .len = len};
	return 0;
}

int give_int(struct value *ret, int64_t integer)
{
	*ret = value_of_int(integer);
	return 0;
}

int give_double(const struct call *call, struct value *ret, double number)
{
	if (isnan(number))
		return err_set(call->err, ERR_FAILED, "the result is not a number");
	if (isinf(number))
		return err_set(call->err, ERR_OVERFLOW, "the result is beyond a double");
	*ret = (struct value){.kind = VALUE_DOUBLE, .number = number};
	return 0;
}
