/* SPDX-License-Identifier: MIT */
/* test_spec.c - base/spec: one table, its mistakes, its schema, its values. */
#include "base/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const levels[] = {"high", "normal", "low", NULL};

static const struct param word = {.kind = PARAM_TEXT, .min = 1, .max = 8};
static const struct param count = {.kind = PARAM_INT, .min = 1, .max = 9};

static const struct param inner[] = {
	{.name = "css", .kind = PARAM_TEXT, .required = true},
	{.name = "all", .kind = PARAM_BOOL},
	{0},
};
static const struct param inner_form = {.kind = PARAM_OBJECT, .members = inner};

static const struct param table[] = {
	{.name = "urls",
	 .kind = PARAM_ARRAY,
	 .summary = "What to fetch.",
	 .required = true,
	 .min = 1,
	 .max = 3,
	 .members = &word},
	{.name = "level", .kind = PARAM_CHOICE, .preset = "\"normal\"", .choices = levels},
	{.name = "wait", .kind = PARAM_DURATION, .min = 1000, .max = 3600000},
	{.name = "size", .kind = PARAM_SIZE, .min = 1024},
	{.name = "at", .kind = PARAM_INSTANT},
	{.name = "rate", .kind = PARAM_NUMBER, .min = 0, .max = 1},
	{.name = "depth", .kind = PARAM_INT, .min = -1, .max = 10},
	{.name = "tags", .kind = PARAM_MAP, .members = &word},
	{.name = "pick", .kind = PARAM_TEXT, .otherwise = &inner_form},
	{.name = "share", .kind = PARAM_TEXT, .min = 2, .max = 4, .otherwise = &count},
	{.name = "any", .kind = PARAM_ANY},
	{.name = "script", .kind = PARAM_LATER},
	{0},
};

static struct json *parsed(const char *text)
{
	struct json_place place;
	struct json *json = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &json, &place, &err))
		fail_msg("%s: %s", text, err.detail);
	return json;
}

/* Expects exactly one mistake; `hint` NULL: none. */
static void one_mistake(const char *text, const char *pointer, const char *type, const char *detail,
			const char *hint)
{
	struct json *json = parsed(text);
	struct mistakes mistakes;

	mistakes_init(&mistakes);
	assert_int_equal(spec_check(table, json, "/spec", &mistakes), -1);
	assert_int_equal(mistakes.count, 1);
	assert_string_equal(mistakes.first->pointer, pointer);
	assert_string_equal(mistakes.first->type, type);
	assert_string_equal(mistakes.first->detail, detail);
	if (hint) {
		assert_non_null(mistakes.first->hint);
		assert_string_equal(mistakes.first->hint, hint);
	} else {
		assert_null(mistakes.first->hint);
	}
	mistakes_done(&mistakes);
	json_free(json);
}

/* The same for a text that has the required member already. */
#define MEMBER(member) "{\"urls\":[\"a\"]," member "}"

static void a_right_spec_has_no_mistakes(void **state)
{
	/* Every kind at a bound of its range, both forms, null as absent. */
	static const char *const texts[] = {
		"{\"urls\":[\"a\"]}",
		"{\"urls\":[\"12345678\",\"b\",\"c\"],\"level\":\"low\",\"wait\":\"1h\",\"size\":"
		"\"1KB\"}",
		MEMBER("\"wait\":\"1s\",\"at\":\"2026-12-01T08:30:00+01:00\",\"rate\":0,\"depth\":-"
		       "1"),
		MEMBER("\"rate\":1.0,\"depth\":1e1,\"tags\":{\"a/b\":\"c\"},\"pick\":\"h1\""),
		MEMBER("\"pick\":{\"css\":\"h1\",\"all\":true},\"share\":9,\"any\":null"),
		MEMBER("\"share\":\"5%\",\"any\":[{\"x\":1}],\"wait\":null,\"tags\":{}"),
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct json *json = parsed(texts[i]);
		struct mistakes mistakes;

		mistakes_init(&mistakes);
		if (spec_check(table, json, "/spec", &mistakes))
			fail_msg("%s: %s %s", texts[i], mistakes.first->pointer,
				 mistakes.first->detail);
		assert_int_equal(mistakes.count, 0);
		mistakes_done(&mistakes);
		json_free(json);
	}
}

static void names_are_checked(void **state)
{
	/* Unknown with the nearest name or the list; missing; null is missing too. */
	(void)state;
	one_mistake(MEMBER("\"lvel\":1"), "/spec/lvel", "unknown-member", "no member 'lvel'",
		    "level");
	one_mistake(MEMBER("\"a/b\":1"), "/spec/a~1b", "unknown-member",
		    "no member 'a/b'; known are urls, level, wait, size, at, rate, depth, tags, "
		    "pick, share, any, script",
		    NULL);
	one_mistake("{}", "/spec/urls", "missing-member", "'urls' is required", NULL);
	one_mistake("{\"urls\":null}", "/spec/urls", "missing-member", "'urls' is required", NULL);
	one_mistake(MEMBER("\"pick\":{\"all\":false}"), "/spec/pick/css", "missing-member",
		    "'css' is required", NULL);
	one_mistake("[]", "/spec", "wrong-type", "expected an object, not an array", NULL);
}

static void kinds_are_checked(void **state)
{
	/* A mistake in the second form is told only when the value has that form's kind. */
	(void)state;
	one_mistake(MEMBER("\"rate\":\"1\""), "/spec/rate", "wrong-type",
		    "expected a number, not a string", NULL);
	one_mistake(MEMBER("\"depth\":1.5"), "/spec/depth", "wrong-type",
		    "expected a whole number within 2^53, not 1.5", NULL);
	one_mistake(MEMBER("\"pick\":3"), "/spec/pick", "wrong-type",
		    "expected a string or an object, not a number", NULL);
	one_mistake(MEMBER("\"pick\":{\"css\":1}"), "/spec/pick/css", "wrong-type",
		    "expected a string, not a number", NULL);
	one_mistake("{\"urls\":[\"a\",null]}", "/spec/urls/1", "wrong-type",
		    "expected a string, not null", NULL);
	one_mistake(MEMBER("\"tags\":{\"x\":true}"), "/spec/tags/x", "wrong-type",
		    "expected a string, not true or false", NULL);
	one_mistake(MEMBER("\"script\":null"), "/spec/script", "not-implemented",
		    "this is part of the contract, but not built yet", NULL);
}

static void ranges_are_told_in_their_own_units(void **state)
{
	/* Elements, bytes, durations and sizes as a client writes them; both forms. */
	(void)state;
	one_mistake("{\"urls\":[]}", "/spec/urls", "out-of-range",
		    "must be between 1 and 3 elements, not 0", NULL);
	one_mistake("{\"urls\":[\"123456789\"]}", "/spec/urls/0", "out-of-range",
		    "must be between 1 and 8 bytes, not 9", NULL);
	one_mistake(MEMBER("\"wait\":\"2h\""), "/spec/wait", "out-of-range",
		    "must be between 1s and 1h, not 2h", NULL);
	one_mistake(MEMBER("\"size\":\"1000\""), "/spec/size", "out-of-range",
		    "must be at least 1KB, not 1000B", NULL);
	one_mistake(MEMBER("\"rate\":1.01"), "/spec/rate", "out-of-range",
		    "must be between 0 and 1, not 1.01", NULL);
	one_mistake(MEMBER("\"depth\":-2"), "/spec/depth", "out-of-range",
		    "must be between -1 and 10, not -2", NULL);
	one_mistake(MEMBER("\"share\":10"), "/spec/share", "out-of-range",
		    "must be between 1 and 9, not 10", NULL);
	one_mistake(MEMBER("\"share\":\"x\""), "/spec/share", "out-of-range",
		    "must be between 2 and 4 bytes, not 1", NULL);
}

static void units_and_choices_come_with_a_hint(void **state)
{
	/* A bare number lacks its unit; a choice lists the others. */
	(void)state;
	one_mistake(MEMBER("\"wait\":30"), "/spec/wait", "bad-duration",
		    "a bare number has no unit: 30", "write \"30s\"");
	one_mistake(MEMBER("\"wait\":\"30\""), "/spec/wait", "bad-duration",
		    "'30' is not a duration; write a number with ms, s, m, h or d, such as \"30s\"",
		    "write \"30s\"");
	one_mistake(MEMBER("\"size\":4096"), "/spec/size", "bad-size",
		    "a bare number has no unit: 4096", "write \"4096B\"");
	one_mistake(MEMBER("\"size\":\"4 apples\""), "/spec/size", "bad-size",
		    "'4 apples' is not a size; write a number with B, KB, MB, GB or TB, such as "
		    "\"4MB\"",
		    NULL);
	one_mistake(MEMBER("\"at\":\"tomorrow\""), "/spec/at", "bad-instant",
		    "'tomorrow' is not an instant; write RFC 3339, such as "
		    "\"2026-12-01T08:30:00Z\"",
		    NULL);
	one_mistake(MEMBER("\"level\":\"hihg\""), "/spec/level", "bad-choice",
		    "'hihg' is not one of high, normal, low", "high");
	one_mistake(MEMBER("\"level\":\"urgent\""), "/spec/level", "bad-choice",
		    "'urgent' is not one of high, normal, low", NULL);
}

static void all_mistakes_are_told_at_once(void **state)
{
	/* In the order of the text, the missing ones last. */
	static const char *const pointers[] = {"/spec/wiat", "/spec/rate", "/spec/tags/a",
					       "/spec/urls"};
	struct json *json = parsed("{\"wiat\":\"1s\",\"rate\":7,\"tags\":{\"a\":\"\"}}");
	const struct mistake *at;
	struct mistakes mistakes;
	size_t i = 0;
	(void)state;

	mistakes_init(&mistakes);
	assert_int_equal(spec_check(table, json, "/spec", &mistakes), -1);
	assert_int_equal(mistakes.code, ERR_INVALID_SPEC);
	for (at = mistakes.first; at; at = at->next, i++)
		assert_string_equal(at->pointer, pointers[i]);
	assert_int_equal(i, 4);
	mistakes_done(&mistakes);
	json_free(json);
}

static void gives_the_values_of_a_checked_object(void **state)
{
	/* 1.5 h are 5,400,000 ms, 4 MB 4,194,304 bytes; absent and null are the fallback. */
	struct json *json =
		parsed("{\"wait\":\"1.5h\",\"size\":\"4MB\",\"n\":7,\"x\":0.5,\"on\":true,"
		       "\"at\":\"2001-09-09T01:46:40Z\",\"level\":\"low\",\"none\":null}");
	(void)state;

	assert_int_equal(spec_duration(json, "wait", 1), 5400000);
	assert_int_equal(spec_size(json, "size", 1), 4194304);
	assert_int_equal(spec_int(json, "n", 1), 7);
	assert_true(spec_number(json, "x", 1) == 0.5);
	assert_true(spec_bool(json, "on", false));
	assert_true(spec_instant(json, "at", 1) == 1000000000000);
	assert_int_equal(spec_choice(json, "level", levels, -1), 2);
	assert_string_equal(spec_text(json, "level", ""), "low");
	assert_int_equal(spec_duration(json, "none", 1), 1);
	assert_int_equal(spec_int(json, "absent", -3), -3);
	assert_int_equal(spec_choice(json, "wait", levels, -1), -1);
	json_free(json);
}

static void writes_its_json_schema(void **state)
{
	/* Draft 2020-12, by hand for a table that has every kind of word. */
	static const struct param few[] = {
		{.name = "urls",
		 .kind = PARAM_ARRAY,
		 .summary = "What to fetch.",
		 .required = true,
		 .min = 1,
		 .max = 3,
		 .members = &word},
		{.name = "level", .kind = PARAM_CHOICE, .preset = "\"normal\"", .choices = levels},
		{.name = "wait", .kind = PARAM_DURATION, .min = 1000, .max = 3600000},
		{.name = "share", .kind = PARAM_TEXT, .otherwise = &count},
		{.name = "tags", .kind = PARAM_MAP, .members = &word},
		{.name = "script", .kind = PARAM_LATER},
		{0},
	};
	struct buf text = BUF(4096);
	struct json_out out = JSON_OUT(&text);
	(void)state;

	spec_schema(few, &out, NULL);
	assert_string_equal(
		buf_text(&text),
		"{\"type\":\"object\",\"properties\":{"
		"\"urls\":{\"description\":\"What to fetch.\",\"type\":\"array\",\"minItems\":1,"
		"\"maxItems\":3,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":8}},"
		"\"level\":{\"default\":\"normal\",\"enum\":[\"high\",\"normal\",\"low\"]},"
		"\"wait\":{\"type\":\"string\","
		"\"pattern\":\"^[0-9]{1,15}([.][0-9]{1,9})?(ms|s|m|h|d)$\","
		"\"x-minimum\":\"1s\",\"x-maximum\":\"1h\"},"
		"\"share\":{\"anyOf\":[{\"type\":\"string\"},"
		"{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}]},"
		"\"tags\":{\"type\":\"object\",\"additionalProperties\":"
		"{\"type\":\"string\",\"minLength\":1,\"maxLength\":8}},"
		"\"script\":{\"not\":{}}},"
		"\"required\":[\"urls\"],\"additionalProperties\":false}");
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_spec_has_no_mistakes),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(kinds_are_checked),
		cmocka_unit_test(ranges_are_told_in_their_own_units),
		cmocka_unit_test(units_and_choices_come_with_a_hint),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(gives_the_values_of_a_checked_object),
		cmocka_unit_test(writes_its_json_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
