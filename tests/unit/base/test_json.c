/* SPDX-License-Identifier: MIT */
/* test_json.c - base/json: parsing, reading and printing trees. */
#include "base/json.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *parsed(const char *text)
{
	struct json_place place;
	struct json *json = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &json, &place, &err))
		fail_msg("%s: %s", text, err.detail);
	return json;
}

/* Asserts what a text looks like after parsing and printing. */
static void prints(const char *text, const char *expected)
{
	struct buf printed = BUF(4096);
	struct json *json = parsed(text);

	assert_int_equal(json_print(json, &printed), 0);
	assert_string_equal(buf_text(&printed), expected);
	buf_done(&printed);
	json_free(json);
}

static void reads_members_by_exact_name(void **state)
{
	/* Names differ by case; an absent member is NULL. */
	struct json *json = parsed("{\"Url\":1,\"url\":2,\"\":3}");
	int64_t value = 0;
	(void)state;

	assert_true(json_int(json_get(json, "url"), &value));
	assert_int_equal(value, 2);
	assert_true(json_int(json_get(json, ""), &value));
	assert_int_equal(value, 3);
	assert_null(json_get(json, "URL"));
	assert_null(json_get(NULL, "url"));
	assert_null(json_get(json_get(json, "url"), "deeper"));
	json_free(json);
}

static void walks_elements_in_order(void **state)
{
	/* Kinds and names as written, first to last. */
	static const enum json_kind kinds[] = {JSON_NULL, JSON_BOOL,  JSON_NUMBER,
					       JSON_TEXT, JSON_ARRAY, JSON_OBJECT};
	struct json *json = parsed("{\"a\":null,\"b\":true,\"c\":1,\"d\":\"x\",\"e\":[],\"f\":{}}");
	const struct json *at = json_first(json);
	(void)state;

	assert_int_equal(json_count(json), 6);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++, at = json_next(at)) {
		assert_int_equal(json_kind(at), kinds[i]);
		assert_int_equal(json_name(at)[0], 'a' + (int)i);
	}
	assert_null(at);
	assert_string_equal(json_kind_name(JSON_OBJECT), "an object");
	json_free(json);
}

static void falls_back_when_the_kind_differs(void **state)
{
	/* A reader never converts. */
	struct json *json = parsed("[\"7\",7,false]");
	const struct json *text = json_first(json), *number = json_next(text);
	(void)state;

	assert_string_equal(json_text(text, "none"), "7");
	assert_string_equal(json_text(number, "none"), "none");
	assert_true(json_number(text, 0.5) == 0.5);
	assert_true(json_number(number, 0.5) == 7.0);
	assert_false(json_bool(json_next(number), true));
	assert_true(json_bool(NULL, true));
	json_free(json);
}

static void whole_numbers_end_at_2_to_the_53(void **state)
{
	/* IEEE 754: beyond 9007199254740992 not every integer is a double. */
	struct json *json = parsed("[9007199254740992,-9007199254740992,9007199254740994,1.5,1e3]");
	const struct json *at = json_first(json);
	int64_t value = 0;
	(void)state;

	assert_true(json_int(at, &value));
	assert_true(value == 9007199254740992);
	at = json_next(at);
	assert_true(json_int(at, &value));
	assert_true(value == -9007199254740992);
	at = json_next(at);
	assert_false(json_int(at, &value));
	at = json_next(at);
	assert_false(json_int(at, &value));
	assert_true(json_int(json_next(at), &value));
	assert_int_equal(value, 1000);
	json_free(json);
}

static void prints_what_was_read(void **state)
{
	/* Compact, in order, numbers as they were written, escapes only where needed. */
	(void)state;
	prints(" { \"b\" : [ 1 , 2.50 , -0 ] , \"a\" : { } } ", "{\"b\":[1,2.50,-0],\"a\":{}}");
	prints("[9007199254000001,{\"1.5\":-12345678901234567890}]",
	       "[9007199254000001,{\"1.5\":-12345678901234567890}]");
	prints("[0.1,1e21,\"\\\"2.0\",5E-324,1.0]", "[0.1,1e21,\"\\\"2.0\",5E-324,1.0]");
	prints("\"\\u00e9\\u0001\\/\\ud834\\udd1e\"", "\"\xc3\xa9\\u0001/\xf0\x9d\x84\x9e\"");
}

static void long_numbers_keep_their_value(void **state)
{
	/* More digits than cJSON reads at once (63), also beside strings that hold digits. */
	struct json *json =
		parsed("[\"\\\"3.14159265358979323846264338327950288419716939937510582\","
		       "3.1415926535897932384626433832795028841971693993751058209749445"
		       "9230781640628620899]");
	(void)state;

	assert_true(json_number(json_next(json_first(json)), 0) == 3.141592653589793);
	json_free(json);
	prints("0."
	       "0000000000000000000000000000000000000000000000000000000000000000000000000000001e79",
	       "0."
	       "0000000000000000000000000000000000000000000000000000000000000000000000000000001e7"
	       "9");
}

static void a_refused_text_leaves_the_result_alone(void **state)
{
	/* ret_json is written only on success; the place always. */
	struct json *json = (struct json *)(void *)state;
	struct json_place place = {0};
	struct err err = {0};

	assert_int_equal(json_parse("[1,", 3, &json, &place, &err), -1);
	assert_ptr_equal(json, (void *)state);
	assert_int_equal(err.code, ERR_INVALID_JSON);
	assert_int_equal(place.offset, 3);
	assert_int_equal(place.column, 4);
}

static void a_tree_lives_in_the_arena_of_its_caller(void **state)
{
	/* It needs no json_free(); an arena that is too small is out of memory, at the start. */
	static const char text[] = "{\"a\":[1,{\"b\":\"c\"}]}";
	struct arena arena = ARENA(64 * 1024), small = ARENA(100);
	struct json_place place = {0};
	const struct json *second;
	struct json *json = NULL;
	struct err err = {0};
	(void)state;

	assert_int_equal(json_parse_in(&arena, text, strlen(text), &json, &place, &err), 0);
	second = json_next(json_first(json_get(json, "a")));
	assert_string_equal(json_text(json_get(second, "b"), ""), "c");
	arena_done(&arena);
	assert_int_equal(json_parse_in(&small, text, strlen(text), &json, &place, &err), -1);
	assert_int_equal(err.code, ERR_NO_MEMORY);
	assert_int_equal(place.line, 1);
	arena_done(&small);
}

static void a_value_is_taken_out_of_its_object(void **state)
{
	/* Of an array all of it; escapes of RFC 6901, section 3; never the root. */
	static const struct {
		const char *pointer, *left; /* left NULL: it is refused */
	} cases[] = {
		{"/a~1b", "{\"l\":[1,{\"x\":2,\"y\":3}],\"~\":0}"},
		{"/~0", "{\"a/b\":1,\"l\":[1,{\"x\":2,\"y\":3}]}"},
		{"/l/0", "{\"a/b\":1,\"~\":0}"},
		{"/l/1/x", "{\"a/b\":1,\"l\":[1,{\"y\":3}],\"~\":0}"},
		{"/l/1/none", "{\"a/b\":1,\"~\":0}"},
		{"/none", NULL},
		{"", NULL},
	};
	static const char text[] = "{\"a/b\":1,\"l\":[1,{\"x\":2,\"y\":3}],\"~\":0}";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf left = BUF(1000);
		struct json_place place;
		struct json *json;
		struct err err;

		assert_int_equal(json_parse(text, strlen(text), &json, &place, &err), 0);
		assert_int_equal(json_prune(json, cases[i].pointer), cases[i].left != NULL);
		json_print(json, &left);
		assert_string_equal(buf_text(&left), cases[i].left ? cases[i].left : text);
		buf_done(&left);
		json_free(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_members_by_exact_name),
		cmocka_unit_test(walks_elements_in_order),
		cmocka_unit_test(falls_back_when_the_kind_differs),
		cmocka_unit_test(whole_numbers_end_at_2_to_the_53),
		cmocka_unit_test(prints_what_was_read),
		cmocka_unit_test(long_numbers_keep_their_value),
		cmocka_unit_test(a_refused_text_leaves_the_result_alone),
		cmocka_unit_test(a_tree_lives_in_the_arena_of_its_caller),
		cmocka_unit_test(a_value_is_taken_out_of_its_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
