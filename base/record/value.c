/* SPDX-License-Identifier: MIT */
/* value.c - numbers and texts, from JSON and back, without loss.
 *
 * Reading a double: up to 19 digits are gathered in 64 bits; when they fit 53 and the
 * power of ten is within ±22, one multiplication or division of exact doubles rounds
 * once and is right (W. D. Clinger, "How to read floating point numbers accurately",
 * 1990).  The rest goes to strtod().  Writing is the mirror: a whole number below 10^15
 * over a small power of ten that gives the double is its text, with as few places as do.
 */
#include "base/record/value.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/json_names.h"
#include "base/record/number_short.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POWER_EXACT_MAX = 22, DIGITS_MAX = 19, EXPONENT_MAX = 100000, COPY_MAX = 256 };

#define WHOLE_MAX (UINT64_C(1) << 53)

static const double powers[] = {1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,
				1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

const char *value_kind_name(enum value_kind kind)
{
	static const char *const names[] = {
		[VALUE_MISSING] = "missing",
		[VALUE_NULL] = "null",
		[VALUE_FALSE] = "false",
		[VALUE_TRUE] = "true",
		[VALUE_INT] = "an integer",
		[VALUE_DOUBLE] = "a number",
		[VALUE_BIG] = "a very large number",
		[VALUE_TEXT] = "a string",
		[VALUE_ARRAY] = "an array",
		[VALUE_OBJECT] = "an object",
	};

	return names[kind];
}

/* ---- reading numbers ---- */

struct decimal {
	uint64_t digits; /* the first DIGITS_MAX of them, zeros in front not counted */
	int count;	 /* of significant digits, all */
	int power;	 /* value = digits * 10^power when count <= DIGITS_MAX */
	bool negative, whole;
};

static const char *digits_read(struct decimal *decimal, const char *at, const char *end)
{
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (decimal->count == 0 && *at == '0')
			continue;
		if (decimal->count++ < DIGITS_MAX)
			decimal->digits = decimal->digits * 10 + (uint64_t)(*at - '0');
	}
	return at;
}

static int exponent_read(const char *at, const char *end)
{
	bool negative = *at == '-';
	int exponent = 0;

	for (at += *at == '-' || *at == '+'; at < end; at++)
		exponent = MIN(exponent * 10 + (*at - '0'), EXPONENT_MAX);
	return negative ? -exponent : exponent;
}

static struct decimal decimal_read(const char *at, const char *end)
{
	struct decimal decimal = {.negative = *at == '-'};
	const char *point;

	at = digits_read(&decimal, at + decimal.negative, end);
	decimal.whole = at == end;
	if (at < end && *at == '.') {
		point = at + 1;
		at = digits_read(&decimal, point, end);
		decimal.power = (int)MIN(at - point, EXPONENT_MAX);
		decimal.power = -decimal.power;
	}
	if (at < end)
		decimal.power += exponent_read(at + 1, end);
	return decimal;
}

/* strtod() wants a NUL behind it. */
static double slow_double(const char *at, size_t len)
{
	char few[COPY_MAX], *copy = len < sizeof(few) ? few : malloc(len + 1);
	double number;

	if (!copy)
		return INFINITY; /* becomes VALUE_BIG: nothing is lost */
	memcpy(copy, at, len);
	copy[len] = '\0';
	number = strtod(copy, NULL);
	if (copy != few)
		free(copy);
	return number;
}

static bool fast_double(const struct decimal *decimal, double *ret)
{
	double number = (double)decimal->digits;

	if (decimal->count > DIGITS_MAX || decimal->digits > WHOLE_MAX ||
	    decimal->power < -POWER_EXACT_MAX || decimal->power > POWER_EXACT_MAX)
		return false;
	number = decimal->power < 0 ? number / powers[-decimal->power]
				    : number * powers[decimal->power];
	*ret = decimal->negative ? -number : number;
	return true;
}

void value_number_read(struct value *value, const char *at, size_t len)
{
	struct decimal decimal = decimal_read(at, at + len);

	value->at = at;
	value->len = len;
	value->kind = VALUE_BIG;
	if (decimal.whole && (decimal.digits != 0 || !decimal.negative)) {
		uint64_t most = (uint64_t)INT64_MAX + decimal.negative;

		if (decimal.count > DIGITS_MAX || decimal.digits > most)
			return;
		value->kind = VALUE_INT;
		value->integer = (int64_t)(decimal.negative ? -decimal.digits : decimal.digits);
		return;
	}
	if (!fast_double(&decimal, &value->number))
		value->number = slow_double(at, len);
	if (isfinite(value->number))
		value->kind = VALUE_DOUBLE;
}

static const char *digits_skip(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* Behind the number at `at`, by JSON's grammar; NULL: there is none. */
static const char *number_end(const char *at, const char *end)
{
	const char *digits = at + (at < end && *at == '-');

	at = digits_skip(digits, end);
	if (at == digits || (*digits == '0' && at > digits + 1))
		return NULL;
	if (at < end && *at == '.') {
		digits = ++at;
		at = digits_skip(at, end);
		if (at == digits)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < end && (*at == '-' || *at == '+');
		digits = at;
		at = digits_skip(at, end);
		if (at == digits)
			return NULL;
	}
	return at;
}

static const char *digits_gather(const char *at, const char *end, uint64_t *number)
{
	unsigned digit;

	for (; at < end && (digit = (unsigned)*at - '0') <= 9; at++)
		*number = *number * 10 + digit;
	return at;
}

/* An integer of at most seven digits with something behind it; NULL: it is not one.  Without a
 * loop, whose end nobody foresees. */
static const char *integer_scan(const char *at, const char *end, struct value *ret_value)
{
	bool negative = *at == '-';
	const char *digits = at + negative;
	uint64_t bytes, others;
	unsigned count;

	if (end - at < VALUE_SHORT_BYTES || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return NULL;
	memcpy(&bytes, digits, sizeof(bytes));
	bytes ^= BYTES_OF('0');
	others = ((bytes + BYTES_OF(0x76)) | bytes) & BYTES_OF(0x80);
	count = others ? (unsigned)__builtin_ctzll(others) / 8 : 0;
	end = digits + count;
	if (count == 0 || *end == '.' || *end == 'e' || *end == 'E' ||
	    (*digits == '0' && (negative || count > 1)))
		return NULL;
	ret_value->at = at;
	ret_value->len = count + negative;
	ret_value->kind = VALUE_INT;
	ret_value->integer = (int64_t)digits_number(bytes << (8 * (8 - count)));
	if (negative)
		ret_value->integer = -ret_value->integer;
	return end;
}

/* One pass for most numbers: those of few digits and no exponent. */
const char *value_number_scan(const char *at, const char *end, struct value *ret_value)
{
	enum { FEW_DIGITS = 18 };
	const char *behind = at < end ? integer_scan(at, end, ret_value) : NULL;
	const char *start = at, *digits = at + (at < end && *at == '-'), *point = NULL;
	uint64_t number = 0;

	if (behind)
		return behind;
	at = digits_gather(digits, end, &number);
	if (at == digits || (*digits == '0' && at > digits + 1))
		return NULL;
	if (at < end && *at == '.') {
		point = at + 1;
		at = digits_gather(point, end, &number);
	}
	if (at == point || at - digits > FEW_DIGITS || number > WHOLE_MAX ||
	    (at < end && (*at == 'e' || *at == 'E')) || (number == 0 && digits > start)) {
		at = number_end(start, end);
		if (at)
			value_number_read(ret_value, start, (size_t)(at - start));
		return at;
	}
	ret_value->at = start;
	ret_value->len = (size_t)(at - start);
	ret_value->kind = point ? VALUE_DOUBLE : VALUE_INT;
	if (point)
		ret_value->number =
			(digits > start ? -(double)number : (double)number) / powers[at - point];
	else
		ret_value->integer = digits > start ? -(int64_t)number : (int64_t)number;
	return at;
}

bool value_number_parse(const char *text, size_t len, struct value *ret_value)
{
	const char *end = text + len;

	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	while (text < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (end - text > 1 && *text == '+' && text[1] != '-')
		text++;
	*ret_value = (struct value){0};
	return value_number_scan(text, end, ret_value) == end && text < end;
}

/* ---- writing numbers ---- */

static size_t whole_text(uint64_t number, char *into)
{
	char digits[20];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + number % 10);
	while (number /= 10);
	for (size_t i = 0; i < len; i++)
		into[i] = digits[len - 1 - i];
	return len;
}

/* `whole` / 10^places with its point. */
static size_t fixed_text(uint64_t whole, int places, char *into)
{
	char digits[24];
	size_t len = whole_text(whole, digits), before;
	char *at = into;

	if (places == 0) {
		memcpy(into, digits, len);
		memcpy(into + len, ".0", 2);
		return len + 2;
	}
	before = len > (size_t)places ? len - (size_t)places : 0;
	if (before == 0)
		*at++ = '0';
	memcpy(at, digits, before);
	at += before;
	*at++ = '.';
	for (size_t zeros = (size_t)places - (len - before); zeros > 0; zeros--)
		*at++ = '0';
	memcpy(at, digits + before, len - before);
	return (size_t)(at - into) + len - before;
}

static size_t slow_text(double number, char *into, size_t room)
{
	int len = 0;

	/* 15 digits always survive in a normal double, fewer in one near zero */
	for (int digits = isnormal(number) ? 15 : 1; digits <= 17; digits++) {
		len = snprintf(into, room, "%.*g", digits, number);
		if (strtod(into, NULL) == number)
			break;
	}
	if (!memchr(into, '.', (size_t)len) && !memchr(into, 'e', (size_t)len)) {
		memcpy(into + len, ".0", 3);
		len += 2;
	}
	return (size_t)len;
}

size_t value_double_text(double number, char into[VALUE_DOUBLE_TEXT_MAX])
{
	enum { PLACES_MAX = 9 };
	double size = fabs(number);
	bool minus = signbit(number);

	for (int places = 0; places <= PLACES_MAX && size < 1e15; places++) {
		double whole = rint(size * powers[places]);

		if (whole >= 1e15)
			break;
		if (whole / powers[places] == size) {
			into[0] = '-';
			return minus + fixed_text((uint64_t)whole, places, into + minus);
		}
	}
	return slow_text(number, into, VALUE_DOUBLE_TEXT_MAX);
}

/* ---- texts ---- */

const char *value_text(const struct value *value, struct buf *scratch, size_t *ret_len)
{
	char *room;
	size_t len;

	*ret_len = value->len;
	if (value->form != TEXT_ESCAPED)
		return value->at;
	room = buf_room(scratch, value->len);
	if (!room)
		return NULL;
	len = name_decode(value->at, value->len, room);
	buf_grown(scratch, len);
	*ret_len = len;
	return room;
}

static int computed_print(const struct value *value, struct buf *into)
{
	char text[VALUE_DOUBLE_TEXT_MAX];

	switch (value->kind) {
	case VALUE_FALSE:
		return buf_add(into, "false", 5);
	case VALUE_TRUE:
		return buf_add(into, "true", 4);
	case VALUE_INT:
		return buf_add_int(into, value->integer);
	case VALUE_DOUBLE:
		return buf_add(into, text, value_double_text(value->number, text));
	default:
		return buf_add(into, "null", 4);
	}
}

int value_print(const struct value *value, struct buf *into)
{
	char *room;

	if (!value->at)
		return computed_print(value, into);
	if (value->kind != VALUE_TEXT)
		return buf_add(into, value->at, value->len);
	if (value->form == TEXT_DECODED) {
		json_quote(into, value->at, value->len);
		return buf_ok(into) ? 0 : -1;
	}
	room = buf_room(into, value->len + 2);
	if (!room)
		return -1;
	room[0] = '"';
	memcpy(room + 1, value->at, value->len);
	room[value->len + 1] = '"';
	buf_grown(into, value->len + 2);
	return 0;
}
