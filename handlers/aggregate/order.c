/* SPDX-License-Identifier: MIT */
/* order.c - values as bytes and back.
 *
 *   null, false, true   the tag alone
 *   number              the tag, `high` (8, big-endian), `low` (2)
 *   all else            the tag, the bytes with 0 as 0 255, and 0 1 as the end; the last one
 *                       of several as it is
 */
#include "handlers/aggregate/order.h"

#include "base/compiler.h"

enum { ESCAPE_END = 1, ESCAPE_ZERO = 255 };

enum order_tag order_tag(enum value_kind kind)
{
	static const enum order_tag tags[] = {
		[VALUE_MISSING] = ORDER_NULL, [VALUE_NULL] = ORDER_NULL,
		[VALUE_FALSE] = ORDER_FALSE,  [VALUE_TRUE] = ORDER_TRUE,
		[VALUE_INT] = ORDER_NUMBER,   [VALUE_DOUBLE] = ORDER_NUMBER,
		[VALUE_BIG] = ORDER_BIG,      [VALUE_TEXT] = ORDER_TEXT,
		[VALUE_ARRAY] = ORDER_ARRAY,  [VALUE_OBJECT] = ORDER_OBJECT,
	};

	return tags[kind];
}

bool order_number(struct number_order order, struct value *ret_number)
{
	double number = order_double(order.high);

	if (!isfinite(number))
		return false;
	if (order.low == 1) {
		*ret_number = (struct value){.kind = VALUE_DOUBLE, .number = number};
		return true;
	}
	if (order.low & 1 || number != floor(number) || number < -0x1p63 || number >= 0x1p63 ||
	    (order.low >> 1) > INT64_MAX - MAX((int64_t)number, 0))
		return false;
	*ret_number =
		(struct value){.kind = VALUE_INT, .integer = (int64_t)number + (order.low >> 1)};
	return true;
}

struct value order_key_value(const struct value *value)
{
	if (value->kind == VALUE_DOUBLE && value->number == floor(value->number) &&
	    value->number >= -0x1p63 && value->number < 0x1p63)
		return (struct value){.kind = VALUE_INT, .integer = (int64_t)value->number};
	return *value;
}

/* ---- writing ---- */

static int number_add(struct buf *into, const struct value *value)
{
	struct number_order order = number_order(value);
	uint64_t high = htobe64(order.high);
	uint16_t low = htobe16(order.low);
	char *at = buf_room(into, 1 + sizeof(high) + sizeof(low));

	if (!at)
		return -1;
	*at = ORDER_NUMBER;
	memcpy(at + 1, &high, sizeof(high));
	memcpy(at + 1 + sizeof(high), &low, sizeof(low));
	buf_grown(into, 1 + sizeof(high) + sizeof(low));
	return 0;
}

static int escaped_add(struct buf *into, const char *text, size_t len)
{
	const char *end = text + len;
	char *at = memchr(text, 0, len) ? NULL : buf_room(into, len + 2);

	if (at) { /* nothing to escape, as a rule */
		memcpy(at, text, len);
		at[len] = 0;
		at[len + 1] = ESCAPE_END;
		buf_grown(into, len + 2);
		return 0;
	}
	for (const char *zero; (zero = memchr(text, 0, (size_t)(end - text))); text = zero + 1) {
		buf_add(into, text, (size_t)(zero - text) + 1);
		buf_add_byte(into, (char)ESCAPE_ZERO);
	}
	buf_add(into, text, (size_t)(end - text));
	buf_add_byte(into, 0);
	return buf_add_byte(into, ESCAPE_END);
}

int order_add(struct buf *into, const struct value *value, bool last, struct buf *scratch)
{
	enum order_tag tag = order_tag(value->kind);
	const char *text = value->at;
	size_t len = value->len;

	if (tag == ORDER_NUMBER)
		return number_add(into, value);
	if (buf_add_byte(into, (char)tag) || tag <= ORDER_TRUE)
		return buf_ok(into) ? 0 : -1;
	if (tag == ORDER_TEXT && value->form == TEXT_ESCAPED) {
		buf_clear(scratch);
		text = value_text(value, scratch, &len);
		if (!text)
			return -1;
	}
	return last ? buf_add(into, text, len) : escaped_add(into, text, len);
}

/* ---- reading ---- */

static bool number_read(struct bytes *bytes, struct value *ret)
{
	const uint8_t *at = bytes_take(bytes, sizeof(uint64_t) + sizeof(uint16_t));
	uint64_t high;
	uint16_t low;

	if (!at)
		return false;
	memcpy(&high, at, sizeof(high));
	memcpy(&low, at + sizeof(high), sizeof(low));
	return order_number((struct number_order){be64toh(high), be16toh(low)}, ret);
}

/* Up to 0 1; what has no zero in it is borrowed. */
static bool escaped_read(struct bytes *bytes, struct buf *scratch, struct value *ret)
{
	const uint8_t *start = bytes->at, *zero;
	size_t before = scratch->len;

	for (; (zero = memchr(bytes->at, 0, bytes_left(bytes))) && zero + 1 < bytes->end;
	     bytes->at = zero + 2) {
		if (zero[1] == ESCAPE_ZERO) {
			buf_add(scratch, bytes->at, (size_t)(zero - bytes->at) + 1);
			continue;
		}
		if (zero[1] != ESCAPE_END)
			return false;
		ret->at = (const char *)start;
		ret->len = (size_t)(zero - start);
		if (start != bytes->at) {
			buf_add(scratch, bytes->at, (size_t)(zero - bytes->at));
			ret->at = scratch->data + before;
			ret->len = scratch->len - before;
		}
		bytes->at = zero + 2;
		return buf_ok(scratch);
	}
	return false;
}

bool order_read(struct bytes *bytes, bool last, struct buf *scratch, struct value *ret_value)
{
	static const enum value_kind kinds[] = {
		[ORDER_NULL] = VALUE_NULL,     [ORDER_FALSE] = VALUE_FALSE,
		[ORDER_TRUE] = VALUE_TRUE,     [ORDER_BIG] = VALUE_BIG,
		[ORDER_TEXT] = VALUE_TEXT,     [ORDER_ARRAY] = VALUE_ARRAY,
		[ORDER_OBJECT] = VALUE_OBJECT,
	};
	const uint8_t *tag = bytes_take(bytes, 1);

	if (!tag || *tag == ORDER_NONE || *tag > ORDER_OBJECT)
		return false;
	if (*tag == ORDER_NUMBER)
		return number_read(bytes, ret_value);
	*ret_value = (struct value){.kind = kinds[*tag]};
	if (*tag <= ORDER_TRUE)
		return true;
	if (*tag == ORDER_TEXT)
		ret_value->form = TEXT_DECODED;
	if (!last)
		return escaped_read(bytes, scratch, ret_value);
	ret_value->len = bytes_left(bytes);
	ret_value->at = (const char *)bytes_take(bytes, ret_value->len);
	return true;
}
