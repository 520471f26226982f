/* SPDX-License-Identifier: MIT */
/* calls_number.c - functions of numbers.  Integers stay integers, and exact; roots, powers
 * and logarithms are doubles. */
#include "base/expr/calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int beyond_int(const struct call *call)
{
	return err_set(call->err, ERR_OVERFLOW, "the result is beyond a 64-bit integer");
}

/* A whole double as an integer. */
static int give_whole(const struct call *call, struct value *ret, double whole)
{
	if (whole < -0x1p63 || whole >= 0x1p63)
		return beyond_int(call);
	return give_int(ret, (int64_t)whole);
}

int call_abs(const struct call *call, struct value *ret)
{
	struct value room;
	const struct value *number = arg_number(call, 0, &room);

	if (!number)
		return -1;
	if (number->kind == VALUE_DOUBLE)
		return give_double(call, ret, fabs(number->number));
	if (number->integer == INT64_MIN)
		return beyond_int(call);
	return give_int(ret, number->integer < 0 ? -number->integer : number->integer);
}

int call_sign(const struct call *call, struct value *ret)
{
	struct value room;
	const struct value *number = arg_number(call, 0, &room);
	double size;

	if (!number)
		return -1;
	size = value_as_double(number);
	return give_int(ret, (size > 0) - (size < 0));
}

/* ---- rounding ---- */

static int whole_by(const struct call *call, double (*round_by)(double), struct value *ret)
{
	struct value room;
	const struct value *number = arg_number(call, 0, &room);

	if (!number)
		return -1;
	if (number->kind == VALUE_INT)
		return give_int(ret, number->integer);
	return give_whole(call, ret, round_by(number->number));
}

int call_floor(const struct call *call, struct value *ret)
{
	return whole_by(call, floor, ret);
}

int call_ceil(const struct call *call, struct value *ret)
{
	return whole_by(call, ceil, ret);
}

int call_trunc(const struct call *call, struct value *ret)
{
	return whole_by(call, trunc, ret);
}

int call_int(const struct call *call, struct value *ret)
{
	return whole_by(call, trunc, ret);
}

enum { DIGITS_MAX = 17, PLACES_MAX = 400 };

static uint64_t power_of_ten(int power)
{
	uint64_t result = 1;

	while (power-- > 0)
		result *= 10;
	return result;
}

/* The digits of a double as they are written, 1 to 17 of them, and the power of the first:
 * 0.0125 is 125 and -2. */
static int digits_of(double size, uint64_t *ret_digits, int *ret_power)
{
	char text[40];
	int count = DIGITS_MAX;

	for (int digits = 1; digits <= DIGITS_MAX; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, size);
		count = digits;
		if (strtod(text, NULL) == size)
			break;
	}
	*ret_digits = 0;
	*ret_power = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	for (const char *at = text; *at != 'e'; at++)
		if (*at != '.')
			*ret_digits = *ret_digits * 10 + (uint64_t)(*at - '0');
	return count;
}

/* Half away from zero, of the number as it is written: 1.005 is 1.01, though its double is
 * a little less. */
static double double_round(double number, int places)
{
	uint64_t digits, unit;
	int power, count = digits_of(fabs(number), &digits, &power);
	int kept = power + 1 + places;
	char text[40];

	if (kept >= count || number == 0)
		return number;
	if (kept < 0)
		return copysign(0, number);
	unit = power_of_ten(count - kept);
	snprintf(text, sizeof(text), "%llue%d", (unsigned long long)((digits + unit / 2) / unit),
		 -places);
	return copysign(strtod(text, NULL), number);
}

static int int_round(const struct call *call, int64_t integer, int places, struct value *ret)
{
	enum { INT_DIGITS = 19 };
	__int128 size = integer < 0 ? -(__int128)integer : integer, unit;

	if (places >= 0)
		return give_int(ret, integer);
	if (places < -INT_DIGITS)
		return give_int(ret, 0);
	unit = power_of_ten(-places);
	size = (size + unit / 2) / unit * unit;
	if (size > INT64_MAX)
		return beyond_int(call);
	return give_int(ret, integer < 0 ? -(int64_t)size : (int64_t)size);
}

int call_round(const struct call *call, struct value *ret)
{
	struct value room;
	const struct value *number = arg_number(call, 0, &room);
	int64_t places = 0;

	if (!number)
		return -1;
	if (call->count == 1)
		return whole_by(call, round, ret);
	if (arg_int(call, 1, &places))
		return -1;
	places = MAX(MIN(places, PLACES_MAX), -PLACES_MAX);
	if (number->kind == VALUE_INT)
		return int_round(call, number->integer, (int)places, ret);
	return give_double(call, ret, double_round(number->number, (int)places));
}

/* ---- doubles ---- */

static int double_by(const struct call *call, double (*by)(double), struct value *ret)
{
	struct value room;
	const struct value *number = arg_number(call, 0, &room);

	return number ? give_double(call, ret, by(value_as_double(number))) : -1;
}

int call_sqrt(const struct call *call, struct value *ret)
{
	return double_by(call, sqrt, ret);
}

int call_exp(const struct call *call, struct value *ret)
{
	return double_by(call, exp, ret);
}

/* ln(0) is no number either. */
static double log_by(double number, double (*by)(double))
{
	return number > 0 ? by(number) : NAN;
}

static double natural_log(double number)
{
	return log_by(number, log);
}

static double decimal_log(double number)
{
	return log_by(number, log10);
}

int call_ln(const struct call *call, struct value *ret)
{
	return double_by(call, natural_log, ret);
}

int call_log10(const struct call *call, struct value *ret)
{
	return double_by(call, decimal_log, ret);
}

int call_pow(const struct call *call, struct value *ret)
{
	struct value number_room, power_room;
	const struct value *number = arg_number(call, 0, &number_room);
	const struct value *power = number ? arg_number(call, 1, &power_room) : NULL;

	if (!power)
		return -1;
	return give_double(call, ret, pow(value_as_double(number), value_as_double(power)));
}

int call_number(const struct call *call, struct value *ret)
{
	struct value room;
	const struct value *number = arg_number(call, 0, &room);

	if (!number)
		return -1;
	*ret = *number;
	ret->at = NULL; /* not as it was written: "+1" and " 1" are no JSON */
	ret->len = 0;
	return 0;
}

/* ---- choices ---- */

static int furthest(const struct call *call, int direction, struct value *ret)
{
	const struct value *best = &call->args[0];
	int order;

	for (unsigned i = 1; i < call->count; i++) {
		if (value_order(&call->args[i], best, call->scratch, &order, call->err))
			return -1;
		if (order == direction)
			best = &call->args[i];
	}
	*ret = *best;
	return 0;
}

int call_least(const struct call *call, struct value *ret)
{
	return furthest(call, -1, ret);
}

int call_greatest(const struct call *call, struct value *ret)
{
	return furthest(call, 1, ret);
}

int call_nullif(const struct call *call, struct value *ret)
{
	const struct value *value = &call->args[0], *other = &call->args[1];
	bool equal = false;

	if (!value_is_null(value) && !value_is_null(other) &&
	    value_equal(value, other, call->scratch, &equal, call->err))
		return -1;
	*ret = equal ? (struct value){.kind = VALUE_NULL} : *value;
	return 0;
}
