/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/record/number_short.h"
#include "base/record/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value number(const char *text)
{
	struct value value = {0};

	value_number_read(&value, text, strlen(text));
	return value;
}

static void integers_stay_integers(void **state)
{
	/* The ends of int64 are integers, one beyond them keeps its digits. */
	(void)state;

	assert_int_equal(number("9223372036854775807").integer, INT64_MAX);
	assert_int_equal(number("-9223372036854775808").integer, INT64_MIN);
	assert_int_equal(number("9007199254740993").integer, 9007199254740993);
	assert_int_equal(number("0").kind, VALUE_INT);
	assert_int_equal(number("9223372036854775808").kind, VALUE_BIG);
	assert_int_equal(number("-9223372036854775809").kind, VALUE_BIG);
	assert_int_equal(number("18446744073709551616").kind, VALUE_BIG);
	assert_int_equal(number("1e3").kind, VALUE_DOUBLE);
	assert_int_equal(number("-0").kind, VALUE_DOUBLE);
	assert_true(signbit(number("-0").number));
}

static void doubles_are_read_to_the_nearest(void **state)
{
	/* Cases that a second rounding gets wrong; strtod() of the C library is the judge. */
	static const char *const texts[] = {
		"0.1",
		"123.456",
		"5e-324",
		"2.2250738585072011e-308",
		"1.7976931348623157e308",
		"9007199254740993.0",
		"0.3",
		"1e22",
		"1e23",
		"8.5e-6",
		"-0.0",
		"1000000000000000000000000.5",
		"3.14159265358979323846264338327950288419716939937510",
		"1e-400",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct value value = number(texts[i]);
		double right = strtod(texts[i], NULL);

		assert_int_equal(value.kind, VALUE_DOUBLE);
		assert_memory_equal(&value.number, &right, sizeof(right));
	}
	assert_int_equal(number("1e400").kind, VALUE_BIG);
}

static void doubles_print_in_their_shortest_form(void **state)
{
	/* No shorter text reads back as the same double; whole ones keep their point. */
	static const struct {
		double number;
		const char *text;
	} cases[] = {
		{0.1, "0.1"},
		{1.15, "1.15"},
		{-2.5, "-2.5"},
		{3, "3.0"},
		{0.0, "0.0"},
		{-0.0, "-0.0"},
		{0.001, "0.001"},
		{123456.789, "123456.789"},
		{2.3, "2.3"},
		{1e15, "1e+15"},
		{5e-324, "5e-324"},
		{0.30000000000000004, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"},
		{1e300, "1e+300"},
		{0.007, "0.007"},
		{4.35, "4.35"},
		{100, "100.0"},
	};
	char text[VALUE_DOUBLE_TEXT_MAX];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = value_double_text(cases[i].number, text);

		text[len] = '\0';
		assert_string_equal(text, cases[i].text);
	}
}

static void printed_doubles_read_back_the_same(void **state)
{
	/* A million bit patterns and a million prices: text and back changes no bit. */
	char text[VALUE_DOUBLE_TEXT_MAX];
	uint64_t bits = 88172645463325252U;
	(void)state;

	for (int i = 0; i < 400000; i++) {
		double is, back;

		bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
		if (i % 2)
			is = (double)(bits % 100000000) / 1000.0;
		else
			memcpy(&is, &bits, sizeof(is));
		if (!isfinite(is))
			continue;
		text[value_double_text(is, text)] = '\0';
		back = number(text).number;
		assert_memory_equal(&is, &back, sizeof(is));
	}
}

static void fields_of_csv_are_numbers_by_the_same_grammar(void **state)
{
	/* Blanks and a plus are taken, everything else as JSON. */
	static const char *const numbers[] = {"1", " 12 ", "+3", "-4.5e3", "0.5"};
	static const char *const texts[] = {"",	  " ",	 "1 2", "0x10", "01",  "1.", ".5",
					    "1e", "+-1", "nan", "inf",	"1,5", "-"};
	struct value value;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		assert_true(value_number_parse(numbers[i], strlen(numbers[i]), &value));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_false(value_number_parse(texts[i], strlen(texts[i]), &value));
	assert_true(value_number_parse("+3", 2, &value));
	assert_int_equal(value.integer, 3);
}

static void texts_are_decoded_only_when_they_must(void **state)
{
	/* Without escapes the text is the record's own; \u0000 is a byte. */
	struct value plain = {.kind = VALUE_TEXT, .at = "abc", .len = 3};
	struct value escaped = {
		.kind = VALUE_TEXT, .form = TEXT_ESCAPED, .at = "a\\u0000\\n", .len = 9};
	struct buf scratch = BUF(100);
	size_t len;
	(void)state;

	assert_ptr_equal(value_text(&plain, &scratch, &len), plain.at);
	assert_int_equal(len, 3);
	assert_memory_equal(value_text(&escaped, &scratch, &len), "a\0\n", 3);
	assert_int_equal(len, 3);
	buf_done(&scratch);
}

static void short_numbers_are_those_of_the_long_way(void **state)
{
	/* A million texts of the bytes of numbers: the same values, and never one too many. */
	static const char bytes[] = "0123456789012345678900112233.....---eE+ ,";
	struct value quick, slow;
	struct rng rng;
	char text[24];
	size_t len;

	(void)state;
	rng_seed(&rng, 7);
	for (int i = 0; i < 1000 * 1000; i++) {
		len = (size_t)rng_between(&rng, 1, 9);
		for (size_t j = 0; j < sizeof(text); j++)
			text[j] = bytes[rng_between(&rng, 0, sizeof(bytes) - 2)];
		memset(&quick, 0, sizeof(quick));
		memset(&slow, 0, sizeof(slow));
		if (!value_number_short(text, len, &quick))
			continue;
		if (value_number_scan(text, text + len, &slow) != text + len ||
		    memcmp(&quick, &slow, sizeof(slow)) != 0)
			fail_msg("'%.*s'", (int)len, text);
	}
	assert_true(value_number_short("-12.5 and more", 5, &quick));
	assert_int_equal(quick.kind, VALUE_DOUBLE);
	assert_true(quick.number == -12.5);
	assert_true(value_number_short("12345678 and more", 8, &quick));
	assert_int_equal(quick.integer, 12345678);
}

static void numbers_end_where_they_end(void **state)
{
	/* The long way alone, on a copy that ends with the number, gives the same. */
	static const char bytes[] = "0123456789012345678900112233.....---eE+ ,";
	struct value whole, first;
	const char *end;
	struct rng rng;
	char text[24];

	(void)state;
	rng_seed(&rng, 8);
	for (int i = 0; i < 1000 * 1000; i++) {
		for (size_t j = 0; j < sizeof(text); j++)
			text[j] = bytes[rng_between(&rng, 0, sizeof(bytes) - 2)];
		memset(&first, 0, sizeof(first));
		memset(&whole, 0, sizeof(whole));
		end = value_number_scan(text, text + sizeof(text), &first);
		if (!end)
			continue;
		value_number_read(&whole, text, (size_t)(end - text));
		if (memcmp(&first, &whole, sizeof(whole)) != 0 ||
		    (end < text + sizeof(text) && *end >= '0' && *end <= '9'))
			fail_msg("'%.*s'", (int)sizeof(text), text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_stay_integers),
		cmocka_unit_test(doubles_are_read_to_the_nearest),
		cmocka_unit_test(doubles_print_in_their_shortest_form),
		cmocka_unit_test(printed_doubles_read_back_the_same),
		cmocka_unit_test(fields_of_csv_are_numbers_by_the_same_grammar),
		cmocka_unit_test(texts_are_decoded_only_when_they_must),
		cmocka_unit_test(short_numbers_are_those_of_the_long_way),
		cmocka_unit_test(numbers_end_where_they_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
