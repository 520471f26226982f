/* SPDX-License-Identifier: MIT */
/* schema_value.c - equality, order and multiples of values as JSON Schema means them: by what
 * they are, not by how they are written (core, section 4.2.2).
 *
 * Numbers are taken as decimals, digits * 10^power, so that 0.3 is a multiple of 0.1 and
 * 9007199254740993 is not 9007199254740992.
 */
#include "handlers/schema/node.h"

#include "base/buf.h"
#include "base/record/walk.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX INT64_C(1000000000) /* beyond it all numbers are as large, or as small */

/* ---- decimals ---- */

/* Digits without zeros at either end, and where the point is: 0.00120 is "12" * 10^-4. */
struct digits {
	const char *first, *end; /* with a point among them, perhaps; empty: zero */
	int64_t power;
	bool negative;
};

static int64_t exponent_of(const char *at, const char *end)
{
	bool negative = *at == '-';
	int64_t exponent = 0;

	for (at += *at == '-' || *at == '+'; at < end; at++)
		exponent = MIN(exponent * 10 + (*at - '0'), EXPONENT_MAX);
	return negative ? -exponent : exponent;
}

static struct digits digits_of(const char *text, size_t len)
{
	const char *at = text, *end = text + len, *mantissa, *point, *last;
	struct digits digits = {.negative = len > 0 && *text == '-'};

	at += digits.negative;
	mantissa = at;
	while (at < end && *at != 'e' && *at != 'E')
		at++;
	if (at < end)
		digits.power = exponent_of(at + 1, end);
	point = memchr(mantissa, '.', (size_t)(at - mantissa));
	if (point)
		digits.power -= at - point - 1;
	last = at;
	while (last > mantissa && (last[-1] == '0' || last[-1] == '.')) {
		digits.power += last[-1] == '0';
		last--;
	}
	while (mantissa < last && (*mantissa == '0' || *mantissa == '.'))
		mantissa++;
	digits.first = mantissa;
	digits.end = last;
	return digits;
}

/* Of a number; a computed one is written into `room` first. */
static struct digits value_digits(const struct value *value, char room[VALUE_DOUBLE_TEXT_MAX])
{
	if (value->at)
		return digits_of(value->at, value->len);
	if (value->kind == VALUE_DOUBLE)
		return digits_of(room, value_double_text(value->number, room));
	return digits_of(room,
			 (size_t)snprintf(room, VALUE_DOUBLE_TEXT_MAX, "%" PRId64, value->integer));
}

static bool digits_same(struct digits a, struct digits b)
{
	if (a.first == a.end || b.first == b.end)
		return a.first == a.end && b.first == b.end;
	if (a.negative != b.negative || a.power != b.power)
		return false;
	for (;;) {
		a.first += a.first < a.end && *a.first == '.';
		b.first += b.first < b.end && *b.first == '.';
		if (a.first == a.end || b.first == b.end)
			return a.first == a.end && b.first == b.end;
		if (*a.first++ != *b.first++)
			return false;
	}
}

static bool number_same(const struct value *a, const struct value *b)
{
	char room_a[VALUE_DOUBLE_TEXT_MAX], room_b[VALUE_DOUBLE_TEXT_MAX];

	if (a->kind == VALUE_INT && b->kind == VALUE_INT)
		return a->integer == b->integer;
	return digits_same(value_digits(a, room_a), value_digits(b, room_b));
}

static bool is_number(const struct value *value)
{
	return value_is_number(value) || value->kind == VALUE_BIG;
}

bool value_is_whole(const struct value *value)
{
	char room[VALUE_DOUBLE_TEXT_MAX];
	struct digits digits;

	if (value->kind == VALUE_INT)
		return true;
	digits = value_digits(value, room);
	return digits.first == digits.end || digits.power >= 0;
}

static uint64_t times_modulo(uint64_t a, uint64_t b, uint64_t of)
{
	return (uint64_t)((unsigned __int128)a * b % of);
}

/* digits * 10^power mod `of`, of any length. */
static uint64_t digits_modulo(struct digits digits, int64_t power, uint64_t of)
{
	uint64_t rest = 0, ten = 10 % of;

	for (const char *at = digits.first; at < digits.end; at++) {
		if (*at != '.')
			rest = (uint64_t)(((unsigned __int128)rest * 10 + (unsigned)(*at - '0')) %
					  of);
	}
	for (; power > 0; power >>= 1) {
		if (power & 1)
			rest = times_modulo(rest, ten, of);
		ten = times_modulo(ten, ten, of);
	}
	return rest;
}

bool value_is_multiple(const struct value *value, double of)
{
	char room[VALUE_DOUBLE_TEXT_MAX], room_of[VALUE_DOUBLE_TEXT_MAX];
	struct digits digits = value_digits(value, room);
	struct digits unit = digits_of(room_of, value_double_text(of, room_of));
	uint64_t whole = 0;

	if (digits.first == digits.end)
		return true;
	for (const char *at = unit.first; at < unit.end; at++) {
		if (*at != '.')
			whole = whole * 10 + (unsigned)(*at - '0');
	}
	/* Neither number of digits ends in a zero. */
	assert(whole > 0);
	if (digits.power < unit.power)
		return false;
	return digits_modulo(digits, digits.power - unit.power, whole) == 0;
}

/* About as large: its first digits, and how many there are. */
static double digits_about(struct digits digits)
{
	char text[64];
	size_t len = 0;
	int64_t places = 0;

	for (const char *at = digits.first; at < digits.end; at++) {
		places += *at != '.';
		if (*at != '.' && len < 20)
			text[len++] = *at;
	}
	snprintf(text + len, sizeof(text) - len, "e%" PRId64, digits.power + places - (int64_t)len);
	return digits.negative ? -strtod(text, NULL) : strtod(text, NULL);
}

int value_bound_compare(const struct value *value, double bound)
{
	double number;

	if (value->kind == VALUE_INT) {
		long double whole = value->integer; /* 64 bits of it are exact */

		return whole < bound ? -1 : whole > bound;
	}
	number = value->kind == VALUE_DOUBLE ? value->number
					     : digits_about(digits_of(value->at, value->len));
	return number < bound ? -1 : number > bound;
}

/* ---- equality ---- */

static const char *text_in(const struct value *value, struct buf *scratch, size_t *ret_len)
{
	buf_clear(scratch);
	return value_text(value, scratch, ret_len);
}

static bool text_same(const struct equality *equality, const struct value *a, const struct value *b)
{
	size_t a_len, b_len;
	const char *left, *right;

	if (a->form == TEXT_PLAIN && b->form == TEXT_PLAIN)
		return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
	left = text_in(a, equality->left, &a_len);
	right = text_in(b, equality->right, &b_len);
	return left && right && a_len == b_len && memcmp(left, right, a_len) == 0;
}

static size_t children_count(const struct value *container)
{
	struct value name, child;
	struct walk walk;
	size_t count = 0;

	walk_begin(&walk, container);
	while (walk_next(&walk, &name, &child))
		count++;
	return count;
}

static bool array_same(const struct equality *equality, const struct value *a,
		       const struct value *b)
{
	struct value name, left, right;
	struct walk walk_a, walk_b;

	walk_begin(&walk_a, a);
	walk_begin(&walk_b, b);
	for (;;) {
		bool more = walk_next(&walk_a, &name, &left);

		if (walk_next(&walk_b, &name, &right) != more)
			return false;
		if (!more || !value_same(equality, &left, &right))
			return !more;
	}
}

/* Of one object in another: the member of that name, and the same. */
static bool member_same(const struct equality *equality, const struct value *name,
			const struct value *child, const struct value *object)
{
	struct value other_name, other;
	struct walk walk;

	walk_begin(&walk, object);
	while (walk_next(&walk, &other_name, &other)) {
		if (--*equality->work < 0)
			return false;
		if (text_same(equality, name, &other_name))
			return value_same(equality, child, &other);
	}
	return false;
}

static bool object_same(const struct equality *equality, const struct value *a,
			const struct value *b)
{
	struct value name, child;
	struct walk walk;

	if (children_count(a) != children_count(b))
		return false;
	walk_begin(&walk, a);
	while (walk_next(&walk, &name, &child)) {
		if (!member_same(equality, &name, &child, b))
			return false;
	}
	return true;
}

bool value_same(const struct equality *equality, const struct value *a, const struct value *b)
{
	if (--*equality->work < 0)
		return false;
	if (is_number(a) && is_number(b))
		return number_same(a, b);
	if (a->kind != b->kind)
		return false;
	if (a->kind == VALUE_TEXT)
		return text_same(equality, a, b);
	*equality->work -= (int64_t)(a->len / 16);
	if (a->kind == VALUE_ARRAY)
		return array_same(equality, a, b);
	if (a->kind == VALUE_OBJECT)
		return object_same(equality, a, b);
	return true;
}
