/* SPDX-License-Identifier: MIT */
/* compare.c - order and equality of values, exactly. */
#include "base/expr/node.h"
#include "base/json_names.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <string.h>

enum {
	SHOWN_BYTES_MAX = 60,	  /* of a value, in an error */
	NUMBER_ESCAPED_MAX = 512, /* a number of 80 escapes; a longer one is a text */
};

static int too_large(struct err *err, const struct value *number)
{
	return err_set(err, ERR_OVERFLOW, "the number %.*s does not fit 64 bits",
		       (int)MIN(number->len, SHOWN_BYTES_MAX), number->at);
}

int expr_wrong(struct err *err, const struct value *value, const char *wanted)
{
	if (value->kind == VALUE_BIG)
		return too_large(err, value);
	if (value->kind == VALUE_TEXT)
		return err_set(err, ERR_FAILED, "\"%.*s\" is not %s",
			       (int)utf8_cut(value->at, value->len, SHOWN_BYTES_MAX), value->at,
			       wanted);
	return err_set(err, ERR_FAILED, "%s is not %s", value_kind_name(value->kind), wanted);
}

/* A text that is written like a number; one with escapes ("\u0035") is decoded first. */
static bool text_number(const struct value *text, struct value *ret)
{
	char decoded[NUMBER_ESCAPED_MAX];
	bool is_number;

	if (text->form != TEXT_ESCAPED)
		return value_number_parse(text->at, text->len, ret);
	if (text->len > sizeof(decoded))
		return false;
	is_number = value_number_parse(decoded, name_decode(text->at, text->len, decoded), ret);
	ret->at = NULL;
	return is_number;
}

const struct value *value_as_number(const struct value *value, struct value *room)
{
	if (value_is_number(value))
		return value;
	if (value->kind != VALUE_TEXT || !text_number(value, room) || !value_is_number(room))
		return NULL;
	return room;
}

double value_as_double(const struct value *number)
{
	return number->kind == VALUE_INT ? (double)number->integer : number->number;
}

int scratch_work(struct expr_scratch *scratch, size_t bytes, struct err *err)
{
	if (bytes <= EXPR_WORK_MAX - scratch->work) {
		scratch->work += bytes;
		return 0;
	}
	scratch->work = EXPR_WORK_MAX;
	return err_set(err, ERR_LIMIT, "the expression takes too much work on this record");
}

int value_bytes(const struct value *value, struct expr_scratch *scratch, const char **ret_text,
		size_t *ret_len, struct err *err)
{
	if (value->kind != VALUE_TEXT)
		return expr_wrong(err, value, "a string");
	if (scratch_work(scratch, value->len, err))
		return -1;
	if (value->form == TEXT_ESCAPED) {
		const char *text;
		char *copy;

		buf_clear(&scratch->decoded);
		text = value_text(value, &scratch->decoded, ret_len);
		copy = text ? arena_copy(&scratch->arena, text, *ret_len) : NULL;
		if (!copy)
			return err_set(err, ERR_LIMIT, "the texts of a record are too large");
		*ret_text = copy;
		return 0;
	}
	*ret_text = value->at;
	*ret_len = value->len;
	return 0;
}

/* ---- numbers: an integer is not rounded to a double to be compared with one ---- */

static int sign(bool less, bool greater)
{
	return greater - less;
}

static int int_double_order(int64_t integer, double number)
{
	int64_t whole;

	if (number >= 9223372036854775808.0)
		return -1;
	if (number < -9223372036854775808.0)
		return 1;
	whole = (int64_t)number; /* towards 0 */
	if (integer != whole)
		return sign(integer<whole, integer> whole);
	return sign((double)whole<number, (double)whole> number);
}

static int number_order(const struct value *a, const struct value *b)
{
	if (a->kind == VALUE_INT && b->kind == VALUE_INT)
		return sign(a->integer<b->integer, a->integer> b->integer);
	if (a->kind == VALUE_INT)
		return int_double_order(a->integer, b->number);
	if (b->kind == VALUE_INT)
		return -int_double_order(b->integer, a->number);
	return sign(a->number<b->number, a->number> b->number);
}

/* ---- texts: by their bytes, which is the order of code points ---- */

/* The bytes of a text, until the next one is decoded into the same buf. */
static const char *text_peek(const struct value *text, struct buf *decoded, size_t *ret_len)
{
	if (text->form == TEXT_ESCAPED)
		buf_clear(decoded);
	return value_text(text, decoded, ret_len);
}

static int text_order(const struct value *a, const struct value *b, struct expr_scratch *scratch,
		      int *ret_order, struct err *err)
{
	const char *a_text, *b_text;
	size_t a_len, b_len;
	int order;

	if (scratch_work(scratch, a->len + b->len, err))
		return -1;
	a_text = text_peek(a, &scratch->decoded, &a_len);
	b_text = text_peek(b, &scratch->other, &b_len);
	if (!a_text || !b_text)
		return err_set(err, ERR_NO_MEMORY, "no memory for a text");
	order = memcmp(a_text, b_text, MIN(a_len, b_len));
	*ret_order = order ? sign(order<0, order> 0) : sign(a_len<b_len, a_len> b_len);
	return 0;
}

static bool is_truth(const struct value *value)
{
	return value->kind == VALUE_TRUE || value->kind == VALUE_FALSE;
}

/* Two numbers, or a number and a text that is written like one; false: something else. */
static bool numbers_order(const struct value *a, const struct value *b, int *ret_order)
{
	struct value a_room, b_room;

	if (!value_is_number(a) && !value_is_number(b))
		return false;
	a = value_as_number(a, &a_room);
	b = a ? value_as_number(b, &b_room) : NULL;
	if (b)
		*ret_order = number_order(a, b);
	return b;
}

static int no_order(const struct value *a, const struct value *b, struct err *err)
{
	if (a->kind == VALUE_BIG || b->kind == VALUE_BIG)
		return too_large(err, a->kind == VALUE_BIG ? a : b);
	return err_set(err, ERR_FAILED, "%s and %s have no order", value_kind_name(a->kind),
		       value_kind_name(b->kind));
}

int value_order(const struct value *a, const struct value *b, struct expr_scratch *scratch,
		int *ret_order, struct err *err)
{
	if (numbers_order(a, b, ret_order))
		return 0;
	if (a->kind == VALUE_TEXT && b->kind == VALUE_TEXT)
		return text_order(a, b, scratch, ret_order, err);
	if (!is_truth(a) || !is_truth(b))
		return no_order(a, b, err);
	*ret_order = sign(a->kind<b->kind, a->kind> b->kind);
	return 0;
}

/* A number beyond 64 bits equals what is spelled the same, and no int64; nothing else is
 * known without calculating with it. */
static int big_equal(const struct value *big, const struct value *other, bool *ret_equal,
		     struct err *err)
{
	struct value number = {0};
	bool spelled = other->kind == VALUE_BIG || other->kind == VALUE_TEXT;

	*ret_equal = spelled && other->len == big->len && memcmp(other->at, big->at, big->len) == 0;
	if (*ret_equal)
		return 0;
	if (other->kind == VALUE_BIG || other->kind == VALUE_DOUBLE ||
	    (other->kind == VALUE_TEXT && text_number(other, &number) && number.kind != VALUE_INT))
		return too_large(err, big);
	return 0;
}

static int texts_equal(const struct value *a, const struct value *b, struct expr_scratch *scratch,
		       bool *ret_equal, struct err *err)
{
	int order = 0;

	if (a->form != TEXT_ESCAPED && b->form != TEXT_ESCAPED) {
		*ret_equal = a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
		return 0;
	}
	if (text_order(a, b, scratch, &order, err))
		return -1;
	*ret_equal = order == 0;
	return 0;
}

int value_equal(const struct value *a, const struct value *b, struct expr_scratch *scratch,
		bool *ret_equal, struct err *err)
{
	int order;

	if (a->kind == VALUE_TEXT && b->kind == VALUE_TEXT)
		return texts_equal(a, b, scratch, ret_equal, err);
	if (a->kind == VALUE_BIG || b->kind == VALUE_BIG)
		return big_equal(a->kind == VALUE_BIG ? a : b, a->kind == VALUE_BIG ? b : a,
				 ret_equal, err);
	if (a->kind >= VALUE_ARRAY && b->kind >= VALUE_ARRAY)
		return err_set(err, ERR_FAILED, "arrays and objects cannot be compared");
	if (numbers_order(a, b, &order))
		*ret_equal = order == 0;
	else
		*ret_equal = is_truth(a) && a->kind == b->kind;
	return 0;
}

/* ---- like ---- */

/* Greedy with one way back: the last '%' takes one more byte at each mismatch.  That may
 * take as many steps as the product of both lengths, so they are counted. */
int text_like(const char *text, size_t len, const char *like, size_t like_len, size_t *ret_steps)
{
	const char *end = text + len, *like_end = like + like_len;
	const char *back = NULL, *back_like = NULL;

	for (*ret_steps = 0; text < end; ++*ret_steps) {
		bool taken = like < like_end && *like == '\\' && like + 1 < like_end;

		if (*ret_steps == EXPR_WORK_MAX)
			return -1;
		if (like < like_end && *like == '%') {
			back_like = ++like;
			back = text;
		} else if (like < like_end && *like == '_') {
			size_t span = utf8_span(text, end);

			text += span ? span : 1;
			like++;
		} else if (like < like_end && like[taken] == *text) {
			text++;
			like += 1 + taken;
		} else if (back_like) {
			text = ++back;
			like = back_like;
		} else {
			return 0;
		}
	}
	while (like < like_end && *like == '%')
		like++;
	return like == like_end;
}
