/* SPDX-License-Identifier: MIT */
/* number_short.h - numbers of at most eight bytes, in one word and almost without branches.
 *
 * The digits of a column differ in length from row to row; loops over them cost a branch that
 * nobody foresees.  Eight digits in a word become a number by three multiplications
 * (D. Lemire, "Number Parsing at a Gigabyte per Second", 2021).
 *
 * Threads    any.
 */
#ifndef BASE_RECORD_NUMBER_SHORT_H
#define BASE_RECORD_NUMBER_SHORT_H

#include "base/record/value.h"

#include <string.h>

#define BYTES_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

enum { VALUE_SHORT_BYTES = 9 };

/* Of the bytes that are zero the lowest one, as its highest bit; 0: none is. */
static inline uint64_t bytes_first_zero(uint64_t bytes)
{
	uint64_t zeros = (bytes - BYTES_OF(0x01)) & ~bytes & BYTES_OF(0x80);

	return zeros & -zeros;
}

/* Of eight digits, the first one lowest, as values and not as characters. */
static inline uint64_t digits_number(uint64_t digits)
{
	digits = (digits * 10 + (digits >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
	digits = (digits * 100 + (digits >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
	return (uint32_t)(digits * 10000 + (digits >> 32));
}

/* The whole text as a number by JSON's grammar; VALUE_SHORT_BYTES of it may be read, whatever
 * those behind it are.  False: it is longer than eight digits, or odd, or no number. */
static inline bool value_number_short(const char *text, size_t len, struct value *ret_value)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
	unsigned negative = *text == '-', places = 0;
	size_t whole = len - negative; /* digits before the point */
	uint64_t digits, point, below;
	int64_t number;

	if (whole - 1 > 7 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return false;
	memcpy(&digits, text + negative, sizeof(digits));
	digits = (digits ^ BYTES_OF('0')) << (8 * (8 - whole)); /* zeros before the first one */
	point = bytes_first_zero(digits ^ BYTES_OF('.' ^ '0'));
	if (point) {
		places = (unsigned)__builtin_clzll(point) / 8;
		whole -= places + 1;
		if (places == 0 || whole == 0)
			return false;
		below = (point >> 7) - 1;
		digits = (digits & -(point << 1)) | (digits & below) << 8;
	}
	number = (int64_t)digits_number(digits);
	if (((digits + BYTES_OF(0x76)) | digits) & BYTES_OF(0x80) || (number == 0 && negative) ||
	    (text[negative] == '0' && whole > 1))
		return false;
	number = negative ? -number : number;
	ret_value->kind = point ? VALUE_DOUBLE : VALUE_INT;
	ret_value->at = text;
	ret_value->len = len;
	if (point)
		ret_value->number = (double)number / powers[places];
	else
		ret_value->integer = number;
	return true;
}

#endif
