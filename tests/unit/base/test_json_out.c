/* SPDX-License-Identifier: MIT */
/* test_json_out.c - base/json_out: the writer's texts, byte for byte. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

static void puts_commas_by_itself(void **state)
{
	/* Members, elements, empty containers, and what follows a closed one. */
	struct buf text = BUF(4096);
	struct json_out out = JSON_OUT(&text);
	(void)state;

	json_out_object(&out, NULL);
	json_out_int(&out, "id", -7);
	json_out_array(&out, "items");
	json_out_array(&out, NULL);
	json_out_end(&out, ']');
	json_out_text(&out, NULL, "x");
	json_out_null(&out, NULL);
	json_out_end(&out, ']');
	json_out_bool(&out, "ok", true);
	json_out_object(&out, "none");
	json_out_end(&out, '}');
	json_out_text(&out, "absent", NULL);
	json_out_raw(&out, "raw", "[1]", 3);
	json_out_printf(&out, "said", "%d \"%s\"", 3, "times");
	json_out_end(&out, '}');
	assert_string_equal(buf_text(&text),
			    "{\"id\":-7,\"items\":[[],\"x\",null],\"ok\":true,\"none\":{},"
			    "\"absent\":null,\"raw\":[1],\"said\":\"3 \\\"times\\\"\"}");
	buf_done(&text);
}

static void quotes(const char *bytes, size_t len, const char *expected)
{
	struct buf text = BUF(4096);

	json_quote(&text, bytes, len);
	assert_string_equal(buf_text(&text), expected);
	buf_done(&text);
}

static void escapes_only_what_rfc_8259_names(void **state)
{
	/* Section 7: quote, backslash and controls; all else stands as it is. */
	(void)state;
	quotes("", 0, "\"\"");
	quotes("a\"\\/\b\f\n\r\t", 9, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\"");
	quotes("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
	quotes("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
	/* RFC 3629: a stray byte, an overlong form, a surrogate, a sequence cut short. */
	(void)state;
	quotes("a\xff"
	       "b",
	       3,
	       "\"a\xef\xbf\xbd"
	       "b\"");
	quotes("\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	quotes("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	quotes("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void doubles_are_as_short_as_they_can_be(void **state)
{
	/* Shortest decimal that reads back as the same double; whole ones without exponent. */
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0.1, "0.1"},
		{0.1 + 0.2, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"},
		{1e15, "1000000000000000"},
		{9007199254740992.0, "9007199254740992"},
		{1e23, "1e+23"},
		{5e-324, "5e-324"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{-2.0, "-2"},
		{0.0, "0"},
		{NAN, "null"},
		{-INFINITY, "null"},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text = BUF(64);
		struct json_out out = JSON_OUT(&text);

		json_out_double(&out, NULL, cases[i].value);
		assert_string_equal(buf_text(&text), cases[i].text);
		buf_done(&text);
	}
}

static void instants_are_rfc_3339_and_zero_is_null(void **state)
{
	/* 1,000,000,000,000 ms is 2001-09-09T01:46:40Z (date -u -d @1000000000). */
	struct buf text = BUF(128);
	struct json_out out = JSON_OUT(&text);
	(void)state;

	json_out_array(&out, NULL);
	json_out_instant(&out, NULL, 1000000000000);
	json_out_instant(&out, NULL, 0);
	json_out_end(&out, ']');
	assert_string_equal(buf_text(&text), "[\"2001-09-09T01:46:40.000Z\",null]");
	buf_done(&text);
}

static void a_full_buffer_is_remembered(void **state)
{
	/* The series is judged once at its end. */
	struct buf text = BUF(8);
	struct json_out out = JSON_OUT(&text);
	(void)state;

	json_out_array(&out, NULL);
	json_out_text(&out, NULL, "too long for eight");
	json_out_end(&out, ']');
	assert_false(buf_ok(&text));
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_commas_by_itself),
		cmocka_unit_test(escapes_only_what_rfc_8259_names),
		cmocka_unit_test(invalid_utf8_becomes_the_replacement_character),
		cmocka_unit_test(doubles_are_as_short_as_they_can_be),
		cmocka_unit_test(instants_are_rfc_3339_and_zero_is_null),
		cmocka_unit_test(a_full_buffer_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
