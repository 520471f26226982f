/* SPDX-License-Identifier: MIT */
/* test_json_check.c - base/json_check against RFC 8259 by hand and, where its files are
 * present, against every text of JSONTestSuite (JOBMILL_CONFORMANCE names the folder). */
#include "base/json.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

enum { FILE_BYTES_MAX = 1 << 20 };

/* Checks a copy of exactly `len` bytes, so that a sanitizer sees a read beyond them. */
static enum err_code check(const char *text, size_t len, struct json_place *place, struct err *err)
{
	char *copy = malloc(len ? len : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, len);
	err->code = ERR_NONE;
	rc = json_check(copy, len, place, err);
	free(copy);
	assert_int_equal(rc, err->code == ERR_NONE ? 0 : -1);
	return err->code;
}

static enum err_code code_of(const char *text)
{
	struct json_place place;
	struct err err;

	return check(text, strlen(text), &place, &err);
}

static void takes_what_the_grammar_allows(void **state)
{
	/* Every production of RFC 8259, and the limits from inside. */
	static const char *const texts[] = {
		"{}",
		"[]",
		"0",
		"-0",
		" \t\r\n\"\" \n",
		"[1,-2.5e+3,1E-2,0.0]",
		"true",
		"false",
		"null",
		"{\"\":{\"a\":[[],{}]},\"b\":null}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\"",
		"\"\\ud834\\udd1e\"",
		"\"\x7f\xc2\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"",
		"1.7976931348623157e308",
		"1e-400",
		"{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
		"0.00000000000000000000000000000000000000000000000000000000000001e360",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (code_of(texts[i]) != ERR_NONE)
			fail_msg("refused: %s", texts[i]);
}

static void tells_what_was_expected_and_where(void **state)
{
	/* Line, column in code points, pointer to the open container, and both sides. */
	static const struct {
		const char *text, *detail, *pointer;
		int line, column;
	} cases[] = {
		{"", "expected a value but found the end of the text", "", 1, 1},
		{"{\"spec\": {\n \"a\": 1\n \"b\": 2}}", "expected ',' or '}' but found '\"'",
		 "/spec", 3, 2},
		{"[1 2]", "expected ',' or ']' but found '2'", "", 1, 4},
		{"{\"a\" 1}", "expected ':' but found '1'", "", 1, 6},
		{"{\"a\":1,}", "expected a name in quotes but found '}'", "", 1, 8},
		{"{'a':1}", "expected a name in quotes or '}' but found '''", "", 1, 2},
		{"[1,]", "expected a value but found ']'", "", 1, 4},
		{"{\"x\":[0,{\"y\":tru}]}", "expected 'e' but found '}'", "/x/1", 1, 17},
		{"[01]", "expected ',' or ']' but found '1'", "", 1, 3},
		{"-", "expected a digit but found the end of the text", "", 1, 2},
		{"[\"\xc3\xa4\xc3\xb6\" \xe2\x82\xac]",
		 "expected ',' or ']' but found '\xe2\x82\xac'", "", 1, 7},
		{"\"abc", "expected '\"' but found the end of the text", "", 1, 5},
		{"\"a\\x\"", "expected one of \" \\ / b f n r t u after '\\' but found 'x'", "", 1,
		 4},
		{"\"\\u12g4\"", "expected a hexadecimal digit but found 'g'", "", 1, 6},
		{"\"a\nb\"", "control character 0x0A in a string must be escaped", "", 1, 3},
		{"\"\xff\"", "byte 0xFF is not UTF-8", "", 1, 2},
		{"\xef\xbb\xbf{}", "expected a value but found a byte order mark", "", 1, 1},
		{"{} {}", "expected the end of the text but found '{'", "", 1, 4},
		{"[\x01]", "expected a value but found byte 0x01", "", 1, 2},
	};
	struct json_place place;
	struct err err;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(check(cases[i].text, strlen(cases[i].text), &place, &err),
				 ERR_INVALID_JSON);
		assert_string_equal(err.detail, cases[i].detail);
		assert_string_equal(place.pointer, cases[i].pointer);
		assert_int_equal(place.line, cases[i].line);
		assert_int_equal(place.column, cases[i].column);
	}
}

static void our_rules_are_told_at_the_value(void **state)
{
	/* Well-formed texts that we do not take: 422, with the pointer to the value itself. */
	static const struct {
		const char *text, *pointer;
	} cases[] = {
		{"{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "/a/b"},
		{"{\"ab\":1,\"\\u0061b\":2}", "/ab"},
		{"{\"a/b~\":[0,\"\\u0000\"]}", "/a~1b~0/1"},
		{"[\"\\ud800\"]", "/0"},
		{"[\"\\ud800\\u0041\"]", "/0"},
		{"[1,1e309]", "/1"},
		{"1.7976931348623159e308", ""},
		{"[-1e99999999999999999999]", "/0"},
	};
	struct json_place place;
	struct err err;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(check(cases[i].text, strlen(cases[i].text), &place, &err),
				 ERR_INVALID_SPEC);
		assert_string_equal(place.pointer, cases[i].pointer);
	}
}

static void broken_grammar_outweighs_a_broken_rule(void **state)
{
	/* A duplicate name before a missing bracket: the text is not JSON at all. */
	(void)state;
	assert_int_equal(code_of("{\"a\":1,\"a\":2"), ERR_INVALID_JSON);
	assert_int_equal(code_of("[\"\\ud800\\\"]"), ERR_INVALID_JSON);
}

static void the_range_of_a_double_is_exact(void **state)
{
	/* 2^1024 - 2^970, half way to what would be 2^1024, rounds to infinity (IEEE 754,
	 * ties to even); one less rounds to the largest double. */
	static const char half[] = "179769313486231580793728971405303415079934132710037826936173778"
				   "98044496829276475094"
				   "664901797758720709633028641669288791094655554785194040263065748"
				   "86715058206819089020"
				   "007083836762738548458177115317644757302700698555713669596228429"
				   "14819860834936475292"
				   "719074168444365510704342711559699508093042880177904174497792";
	char less[sizeof(half)];
	(void)state;

	assert_int_equal(strlen(half), 309);
	assert_int_equal(code_of(half), ERR_INVALID_SPEC);
	memcpy(less, half, sizeof(half));
	less[308] = '1';
	assert_int_equal(code_of(less), ERR_NONE);
}

static void nesting_ends_at_its_limit(void **state)
{
	/* 32 levels are taken, 33 are not JSON for us. */
	char text[2 * (JSON_DEPTH_MAX + 1) + 1];
	(void)state;

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	assert_int_equal(code_of(text), ERR_NONE);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	text[2 * JSON_DEPTH_MAX + 2] = '\0';
	assert_int_equal(code_of(text), ERR_INVALID_JSON);
}

static void sizes_beyond_the_limits_are_too_large(void **state)
{
	/* A string of 4 MiB and one byte; a million values and one. */
	size_t len = JSON_STRING_BYTES_MAX + 3, used = 0;
	char *text = malloc(2 * (JSON_NODES_MAX + 2));
	char *string = malloc(len);
	struct json_place place;
	struct err err;
	(void)state;

	assert_non_null(string);
	assert_non_null(text);
	memset(string, 'x', len);
	string[0] = string[len - 1] = '"';
	assert_int_equal(check(string, len, &place, &err), ERR_BODY_TOO_LARGE);
	string[1] = '"';
	assert_int_equal(check(string + 1, len - 1, &place, &err), ERR_NONE);
	text[used++] = '[';
	for (int i = 0; i < JSON_NODES_MAX - 1; i++) {
		text[used++] = '1';
		text[used++] = ',';
	}
	text[used - 1] = ']';
	assert_int_equal(check(text, used, &place, &err), ERR_NONE);
	text[used - 1] = ',';
	text[used++] = '1';
	text[used++] = ']';
	assert_int_equal(check(text, used, &place, &err), ERR_BODY_TOO_LARGE);
	free(string);
	free(text);
}

static void a_hundred_thousand_names_stay_distinct(void **state)
{
	/* One object of 100,000 members, objects inside it, then the last name once more. */
	enum { MEMBERS = 100000, ROOM = 32 * MEMBERS };
	char *text = malloc(ROOM);
	struct json_place place;
	struct err err;
	size_t used = 1;
	(void)state;

	assert_non_null(text);
	text[0] = '{';
	for (int i = 0; i < MEMBERS; i++)
		used += (size_t)snprintf(text + used, ROOM - used, "\"n%d\":{\"n%d\":0},", i, i);
	text[used - 1] = '}';
	assert_int_equal(check(text, used, &place, &err), ERR_NONE);
	used += (size_t)snprintf(text + used - 1, ROOM - used, ",\"n99999\":0}") - 1;
	assert_int_equal(check(text, used, &place, &err), ERR_INVALID_SPEC);
	assert_string_equal(place.pointer, "/n99999");
	free(text);
}

/* ---- the public suite ---- */

/* What the suite leaves to us, and how we keep it: the HTTP status. */
static const struct {
	const char *name;
	int status;
} decided[] = {
	{"i_number_double_huge_neg_exp.json", 200}, /* underflows to 0 */
	{"i_number_huge_exp.json", 422},
	{"i_number_neg_int_huge_exp.json", 422},
	{"i_number_pos_double_huge_exp.json", 422},
	{"i_number_real_neg_overflow.json", 422},
	{"i_number_real_pos_overflow.json", 422},
	{"i_number_real_underflow.json", 200},
	{"i_number_too_big_neg_int.json", 200}, /* the nearest double */
	{"i_number_too_big_pos_int.json", 200},
	{"i_number_very_big_negative_int.json", 200},
	{"i_object_key_lone_2nd_surrogate.json", 422},
	{"i_string_1st_surrogate_but_2nd_missing.json", 422},
	{"i_string_1st_valid_surrogate_2nd_invalid.json", 422},
	{"i_string_UTF-16LE_with_BOM.json", 400},
	{"i_string_UTF-8_invalid_sequence.json", 400},
	{"i_string_UTF8_surrogate_U+D800.json", 400},
	{"i_string_incomplete_surrogate_and_escape_valid.json", 422},
	{"i_string_incomplete_surrogate_pair.json", 422},
	{"i_string_incomplete_surrogates_escape_valid.json", 422},
	{"i_string_invalid_lonely_surrogate.json", 422},
	{"i_string_invalid_surrogate.json", 422},
	{"i_string_invalid_utf-8.json", 400},
	{"i_string_inverted_surrogates_U+1D11E.json", 422},
	{"i_string_iso_latin_1.json", 400},
	{"i_string_lone_second_surrogate.json", 422},
	{"i_string_lone_utf8_continuation_byte.json", 400},
	{"i_string_not_in_unicode_range.json", 400},
	{"i_string_overlong_sequence_2_bytes.json", 400},
	{"i_string_overlong_sequence_6_bytes.json", 400},
	{"i_string_overlong_sequence_6_bytes_null.json", 400},
	{"i_string_truncated-utf-8.json", 400},
	{"i_string_utf16BE_no_BOM.json", 400},
	{"i_string_utf16LE_no_BOM.json", 400},
	{"i_structure_500_nested_arrays.json", 400}, /* JSON_DEPTH_MAX */
	{"i_structure_UTF-8_BOM_empty_object.json", 400},
	/* well-formed, but not taken */
	{"y_object_duplicated_key.json", 422},
	{"y_object_duplicated_key_and_value.json", 422},
	{"y_object_escaped_null_in_key.json", 422},
	{"y_string_null_escape.json", 422},
};

static int status_expected(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(decided); i++)
		if (strcmp(decided[i].name, name) == 0)
			return decided[i].status;
	assert_true(name[0] == 'y' || name[0] == 'n');
	return name[0] == 'y' ? 200 : 400;
}

static int status_parsed(const char *folder, const char *name)
{
	char path[4096], *text = malloc(FILE_BYTES_MAX);
	struct json_place place;
	struct json *json;
	struct err err;
	int status;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_non_null(text);
	len = fread(text, 1, FILE_BYTES_MAX, file);
	fclose(file);
	if (json_parse(text, len, &json, &place, &err) == 0) {
		json_free(json);
		status = 200;
	} else {
		status = err_status(err.code);
	}
	free(text);
	return status;
}

static void judges_every_text_of_the_public_suite(void **state)
{
	/* n_ is 400, y_ is taken, and what is ours to decide stays as decided. */
	const char *root = getenv("JOBMILL_CONFORMANCE");
	char folder[2048];
	struct dirent *entry;
	int seen = 0, wrong = 0;
	DIR *dir;
	(void)state;

	snprintf(folder, sizeof(folder), "%s/json/test_parsing",
		 root ? root : "../shared/conformance");
	dir = opendir(folder);
	if (!dir) {
		print_message("no JSONTestSuite at %s: skipped\n", folder);
		skip();
	}
	while ((entry = readdir(dir)) != NULL) {
		int is, expected;

		if (entry->d_name[0] == '.')
			continue;
		seen++;
		expected = status_expected(entry->d_name);
		is = status_parsed(folder, entry->d_name);
		if (is != expected) {
			print_error("%s: %d, not %d\n", entry->d_name, is, expected);
			wrong++;
		}
	}
	closedir(dir);
	assert_int_equal(wrong, 0);
	assert_true(seen >= 318);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_grammar_allows),
		cmocka_unit_test(tells_what_was_expected_and_where),
		cmocka_unit_test(our_rules_are_told_at_the_value),
		cmocka_unit_test(broken_grammar_outweighs_a_broken_rule),
		cmocka_unit_test(the_range_of_a_double_is_exact),
		cmocka_unit_test(nesting_ends_at_its_limit),
		cmocka_unit_test(sizes_beyond_the_limits_are_too_large),
		cmocka_unit_test(a_hundred_thousand_names_stay_distinct),
		cmocka_unit_test(judges_every_text_of_the_public_suite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
