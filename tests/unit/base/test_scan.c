/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/record/scan.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES_MAX = 8, FILE_BYTES_MAX = 1 << 20 };

struct reader {
	struct fields fields;
	struct scanner *scanner;
	struct value values[VALUES_MAX];
	struct scan_mistake mistake;
};

static void reader_init(struct reader *reader, const char *const *paths)
{
	struct err err;

	fields_init(&reader->fields);
	for (unsigned i = 0; paths && paths[i]; i++) {
		unsigned index;

		assert_int_equal(fields_add_path(&reader->fields, paths[i], &index, &err), 0);
		assert_int_equal(index, i);
	}
	reader->scanner = scanner_new(&reader->fields);
	assert_non_null(reader->scanner);
}

static void reader_done(struct reader *reader)
{
	scanner_free(reader->scanner);
	fields_done(&reader->fields);
}

static int reads(struct reader *reader, const char *text)
{
	return scan(reader->scanner, text, strlen(text), reader->values, &reader->mistake);
}

static void is_value(const struct value *value, enum value_kind kind, const char *text)
{
	assert_int_equal(value->kind, kind);
	assert_int_equal(value->len, strlen(text));
	assert_memory_equal(value->at, text, value->len);
}

static void fields_are_found_wherever_they_stand(void **state)
{
	/* Dotted paths, pointers and array elements, in one pass, as they are written. */
	static const char *const paths[] = {"id",	 "a.b",	     "/list/1", "list",
					    "a.missing", "/x~1y/~0", NULL};
	struct reader reader;
	(void)state;

	reader_init(&reader, paths);
	assert_int_equal(reads(&reader, " {\"list\": [1, {\"a\":null} ], \"x/y\":{\"~\":true},"
					"\"a\":{\"b\":\"t\\u0041\"},\"id\":-12 } "),
			 0);
	is_value(&reader.values[0], VALUE_INT, "-12");
	assert_int_equal(reader.values[0].integer, -12);
	is_value(&reader.values[1], VALUE_TEXT, "t\\u0041");
	assert_int_equal(reader.values[1].form, TEXT_ESCAPED);
	is_value(&reader.values[2], VALUE_OBJECT, "{\"a\":null}");
	is_value(&reader.values[3], VALUE_ARRAY, "[1, {\"a\":null} ]");
	assert_int_equal(reader.values[4].kind, VALUE_MISSING);
	is_value(&reader.values[5], VALUE_TRUE, "true");
	reader_done(&reader);
}

static void a_record_of_another_shape_is_read_as_well(void **state)
{
	/* What the scanner remembers of one record never shows in the next. */
	static const char *const paths[] = {"a", "o.a", NULL};
	struct reader reader;
	(void)state;

	reader_init(&reader, paths);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(reads(&reader, "{\"a\":1,\"b\":2,\"o\":{\"a\":3}}"), 0);
		assert_int_equal(reader.values[0].integer, 1);
		assert_int_equal(reader.values[1].integer, 3);
		assert_int_equal(reads(&reader, "{\"b\":4,\"a\":5}"), 0);
		assert_int_equal(reader.values[0].integer, 5);
		assert_int_equal(reader.values[1].kind, VALUE_MISSING);
		assert_int_equal(reads(&reader, "{\"o\":{\"a\":6},\"a\":7,\"c\":8}"), 0);
		assert_int_equal(reader.values[0].integer, 7);
		assert_int_equal(reader.values[1].integer, 6);
		assert_int_equal(reads(&reader, "[{\"a\":1},{\"a\":2}]"), 0);
		assert_int_equal(reader.values[0].kind, VALUE_MISSING);
	}
	reader_done(&reader);
}

static void a_name_twice_is_found_in_every_shape(void **state)
{
	/* Also when the record before had the same names in two objects. */
	struct reader reader;
	(void)state;

	reader_init(&reader, NULL);
	assert_int_equal(reads(&reader, "[{\"a\":1},{\"a\":1}]"), 0);
	assert_int_equal(reads(&reader, "[{\"a\":1,\"a\":1}]"), -1);
	assert_int_equal(reader.mistake.offset, 8);
	assert_string_equal(reader.mistake.detail, "the name stands twice in its object");
	assert_int_equal(reads(&reader, "{\"a\":1,\"b\":1}"), 0);
	assert_int_equal(reads(&reader, "{\"a\":1,\"b\":1,\"a\":1}"), -1);
	assert_int_equal(reads(&reader, "{\"a\":1,\"\\u0061\":1}"), -1);
	assert_int_equal(reads(&reader, "{\"a\":{\"a\":{\"a\":1}}}"), 0);
	reader_done(&reader);
}

/* {"0":0,"1":0,…} and, when asked, the name `again` once more. */
static void wide_print(char *into, unsigned count, int again)
{
	into += sprintf(into, "{\"o\":{\"1\":1}");
	for (unsigned i = 0; i < count; i++)
		into += sprintf(into, ",\"%u\":{\"x\":0}", i);
	if (again >= 0)
		into += sprintf(into, ",\"%d\":0", again);
	sprintf(into, "}");
}

static void wide_objects_are_checked_too(void **state)
{
	/* 17, 64 and 5,000 names, the first and the last of them twice, in and out of shape. */
	static const unsigned counts[] = {15, 16, 17, 63, 64, 65, 5000};
	char *text = malloc(200000);
	struct reader reader;
	(void)state;

	reader_init(&reader, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
		for (int round = 0; round < 2; round++) {
			wide_print(text, counts[i], -1);
			assert_int_equal(reads(&reader, text), 0);
			wide_print(text, counts[i], 0);
			assert_int_equal(reads(&reader, text), -1);
			wide_print(text, counts[i], (int)counts[i] - 1);
			assert_int_equal(reads(&reader, text), -1);
		}
	}
	reader_done(&reader);
	free(text);
}

static void mistakes_say_where_and_what(void **state)
{
	/* Offsets count bytes from the beginning of the record. */
	static const struct {
		const char *text, *detail;
		size_t offset;
	} cases[] = {
		{"", "expected a value but the record ends", 0},
		{"{\"a\":1", "expected ',' or '}' but the record ends", 6},
		{"{\"a\" 1}", "expected ':' but found '1'", 5},
		{"{a:1}", "expected a name in quotes but found 'a'", 1},
		{"[1,]", "expected a value but found ']'", 3},
		{"[01]", "expected ',' or ']' but found '1'", 2},
		{"[1.]", "expected a digit but found ']'", 3},
		{"\"\\x\"", "expected one of \" \\ / b f n r t u after '\\' but found 'x'", 2},
		{"\"\\u12", "expected a hexadecimal digit but the record ends", 5},
		{"\"a\tb\"", "control character 0x09 in a string must be escaped", 2},
		{"\"\xC3\"", "byte 0xC3 is not UTF-8", 1},
		{"true false", "expected the end of the record but found 'f'", 5},
		{"nul", "expected a value but found 'n'", 0},
	};
	struct reader reader;
	(void)state;

	reader_init(&reader, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(reads(&reader, cases[i].text), -1);
		assert_string_equal(reader.mistake.detail, cases[i].detail);
		assert_int_equal(reader.mistake.offset, cases[i].offset);
	}
	reader_done(&reader);
}

static void nesting_of_records_is_bounded(void **state)
{
	/* RECORD_DEPTH_MAX arrays in one another are fine, one more is a mistake. */
	char text[2 * RECORD_DEPTH_MAX + 3] = "";
	struct reader reader;
	(void)state;

	reader_init(&reader, NULL);
	memset(text, '[', RECORD_DEPTH_MAX);
	memset(text + RECORD_DEPTH_MAX, ']', RECORD_DEPTH_MAX);
	assert_int_equal(reads(&reader, text), 0);
	memset(text, '[', RECORD_DEPTH_MAX + 1);
	assert_int_equal(reads(&reader, text), -1);
	assert_int_equal(reader.mistake.offset, RECORD_DEPTH_MAX);
	reader_done(&reader);
}

static void what_specs_refuse_passes_unchanged(void **state)
{
	/* \u0000, half a surrogate pair, 30 digits and 1e400 are kept as they are written. */
	static const char *const paths[] = {"0", "1", "2", "3", NULL};
	struct reader reader;
	(void)state;

	reader_init(&reader, paths);
	assert_int_equal(reads(&reader, "[\"\\u0000\",\"\\ud800\","
					"123456789012345678901234567890,1e400]"),
			 0);
	is_value(&reader.values[0], VALUE_TEXT, "\\u0000");
	is_value(&reader.values[1], VALUE_TEXT, "\\ud800");
	is_value(&reader.values[2], VALUE_BIG, "123456789012345678901234567890");
	is_value(&reader.values[3], VALUE_BIG, "1e400");
	reader_done(&reader);
}

/* ---- the public suite ---- */

static int file_scan(struct reader *reader, const char *folder, const char *name)
{
	static char text[FILE_BYTES_MAX];
	char path[4096];
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	return scan(reader->scanner, text, len, reader->values, &reader->mistake);
}

static void records_agree_with_the_public_suite(void **state)
{
	/* Every n_ file is refused, every y_ file taken but those with a name twice. */
	const char *root = getenv("JOBMILL_CONFORMANCE");
	struct reader reader;
	struct dirent *entry;
	char folder[2048];
	unsigned seen = 0, wrong = 0;
	DIR *dir;
	(void)state;

	snprintf(folder, sizeof(folder), "%s/json/test_parsing",
		 root ? root : "../shared/conformance");
	dir = opendir(folder);
	if (!dir) {
		print_message("no JSONTestSuite at %s: skipped\n", folder);
		skip();
	}
	reader_init(&reader, NULL);
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		bool twice = strncmp(name, "y_object_duplicated_key", 23) == 0;
		int is;

		if (name[0] == '.')
			continue;
		seen++;
		is = file_scan(&reader, folder, name);
		if ((name[0] == 'n' && is == 0) || (name[0] == 'y' && is != (twice ? -1 : 0))) {
			print_error("%s: %d %s\n", name, is, reader.mistake.detail);
			wrong++;
		}
	}
	closedir(dir);
	reader_done(&reader);
	assert_int_equal(wrong, 0);
	assert_true(seen >= 318);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_wherever_they_stand),
		cmocka_unit_test(a_record_of_another_shape_is_read_as_well),
		cmocka_unit_test(a_name_twice_is_found_in_every_shape),
		cmocka_unit_test(wide_objects_are_checked_too),
		cmocka_unit_test(mistakes_say_where_and_what),
		cmocka_unit_test(nesting_of_records_is_bounded),
		cmocka_unit_test(what_specs_refuse_passes_unchanged),
		cmocka_unit_test(records_agree_with_the_public_suite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
