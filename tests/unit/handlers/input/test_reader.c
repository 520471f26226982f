/* SPDX-License-Identifier: MIT */
/* test_reader.c - input/reader*: JSON by lines and as one text, lines, numbers. */
#include "tests/lib/reading.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_BYTES_MAX = 1 << 20 };

/* Whole, byte by byte, and in odd steps. */
static void reads_len(const char *spec, const char *const *paths, const char *text, size_t len,
		      const char *expected)
{
	static const size_t steps[] = {0, 1, 7, 64};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *rows = input_read(spec, paths, text, len, steps[i]);

		assert_string_equal(rows ? rows : "", expected);
		free(rows);
	}
}

static void reads(const char *spec, const char *const *paths, const char *text,
		  const char *expected)
{
	reads_len(spec, paths, text, strlen(text), expected);
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NDJSON	   "{\"format\":\"ndjson\"}"
#define JSON	   "{\"format\":\"json\"}"
#define LINES	   "{\"format\":\"lines\"}"

static void each_line_is_a_record(void **state)
{
	/* CRLF, blank lines, blanks around and a last line without an end. */
	(void)state;
	reads(NDJSON, PATHS("a", "b.0"),
	      "{\"a\":1}\n\n  \t\r\n {\"b\":[null, 2],\"a\":\"x\"} \r\n[]\n7\n\"\\u0000\"",
	      "@0 {\"a\":1} | 1 | -\n"
	      "@15 {\"b\":[null, 2],\"a\":\"x\"} | \"x\" | null\n"
	      "@41 [] | - | -\n"
	      "@44 7 | - | -\n"
	      "@46 \"\\u0000\" | - | -\n");
	reads(NDJSON, NULL, "", "");
	reads(NDJSON, NULL, "\n\r\n \n", "");
}

static void records_are_not_changed(void **state)
{
	/* Digits beyond a double, spelling, order, [] and {}, null, escapes, surrogates. */
	static const char *const records[] = {
		"9007199254740993",
		"{\"z\":1.10,\"a\":-0,\"m\":1E+2}",
		"123456789012345678901234567890",
		"1e400",
		"[[],{},null,\"\\u0000\\ud800\\/\"]",
		"\"\xC3\xA4\xF0\x9F\x98\x80\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected), "@0 %s | %s\n", records[i], records[i]);
		reads(NDJSON, PATHS(""), records[i], expected);
		reads(JSON, PATHS(""), *records[i] == '[' ? "" : records[i],
		      *records[i] == '[' ? "@0 +0 expected a value but the input ends\n"
					 : expected);
	}
}

static void a_broken_line_costs_itself_only(void **state)
{
	/* What is wrong, and how many bytes from the record's beginning. */
	(void)state;
	reads(NDJSON, PATHS("a"),
	      "{\"a\":1}\n"
	      "{\"a\":\n"
	      "  {\"a\":1}}\r\n"
	      "\"open\n"
	      "{\"a\":1,\"a\":2}\n"
	      "\"\xFF\"\n"
	      "{\"a\":1} {\"a\":2}\n"
	      "{\"a\":\"\t\"}\n"
	      "{\"a\":3}\n",
	      "@0 {\"a\":1} | 1\n"
	      "@8 +5 expected a value but the record ends\n"
	      "@16 +7 expected the end of the line but found '}'\n"
	      "@26 +5 expected '\"' but the record ends\n"
	      "@32 +7 the name stands twice in its object\n"
	      "@46 +1 byte 0xFF is not UTF-8\n"
	      "@50 +8 expected the end of the line but found '{'\n"
	      "@66 +6 control character 0x09 in a string must be escaped\n"
	      "@76 {\"a\":3} | 3\n");
}

static void a_byte_order_mark_is_read_over_once(void **state)
{
	/* At the beginning of the input, where some editors leave it; elsewhere it is a mistake. */
	(void)state;
	reads(NDJSON, NULL, "\xEF\xBB\xBF{}\n\xEF\xBB\xBF{}\n",
	      "@0 {}\n@3 +0 expected a value but found byte 0xEF\n");
	reads(LINES, NULL, "\xEF\xBB\xBFx\n", "@0 \"x\"\n");
	reads(JSON, NULL, "\xEF\xBB\xBF[1]", "@1 1\n");
}

static void elements_of_an_array_are_records(void **state)
{
	/* And any other text is one record, blanks around it or not. */
	(void)state;
	reads(JSON, PATHS("a"), " [ {\"a\":1} ,\n{\"a\" :[ ]},12 , \"],\" ] \n",
	      "@3 {\"a\":1} | 1\n"
	      "@13 {\"a\" :[ ]} | [ ]\n"
	      "@24 12 | -\n"
	      "@29 \"],\" | -\n");
	reads(JSON, PATHS("a.0"), "{\"a\":[1,\n2]}\n", "@0 {\"a\":[1,\n2]} | 1\n");
	reads(JSON, NULL, "[]", "");
	reads(JSON, NULL, "[ [] ]", "@2 []\n");
	reads(JSON, NULL, " -12.50 ", "@1 -12.50\n");
}

static void a_broken_element_costs_itself_only(void **state)
{
	/* As long as its brackets tell where the next one begins. */
	(void)state;
	reads(JSON, PATHS("a"), "[{\"a\":1,\"a\":2},{\"a\":[tru,\"]\"]},\"\xFF\",{\"a\":3}]",
	      "@1 +7 the name stands twice in its object\n"
	      "@15 +6 expected a value but found 't'\n"
	      "@31 +1 byte 0xFF is not UTF-8\n"
	      "@35 {\"a\":3} | 3\n");
	reads(JSON, NULL, "[1,,2]", "@1 1\n@3 +0 expected a value but found ','\n@4 2\n");
	reads(JSON, NULL, "[1 2]",
	      "@1 1\n@3 +0 expected ',' or ']' but found '2'; the rest is not read\n");
	reads(JSON, NULL, "[1,]", "@1 1\n@3 +0 expected a value but found ']'\n");
	reads(JSON, NULL, "[1]]",
	      "@1 1\n@3 +0 expected the end of the input but found ']'; the rest is not read\n");
	reads(JSON, NULL, "[1", "@1 1\n@2 +0 expected ',' or ']' but the input ends\n");
	reads(JSON, NULL, "[{\"a\":\"", "@1 +6 expected '\"' but the record ends\n");
	reads(JSON, NULL, "  ", "@2 +0 expected a value but the input ends\n");
}

static void each_line_is_a_text(void **state)
{
	/* Blank ones too; the line end is no part of it, and NUL is a byte like others. */
	(void)state;
	reads_len(LINES, PATHS("", "x"), "a \"b\"\r\n\n\0z\n\xC3\xA4", 13,
		  "@0 \"a \\\"b\\\"\" | \"a \\\"b\\\"\" | -\n"
		  "@7 \"\" | \"\" | -\n"
		  "@8 \"\\u0000z\" | \"\\u0000z\" | -\n"
		  "@11 \"\xC3\xA4\" | \"\xC3\xA4\" | -\n");
	reads(LINES, NULL, "ok\nab\xC3\nlast\r",
	      "@0 \"ok\"\n@3 +2 byte 0xC3 is not UTF-8\n"
	      "@7 \"last\\r\"\n");
}

static void numbers_are_eight_bytes(void **state)
{
	/* 1.5 and infinity as doubles; 2^53 + 1 and -1 as integers; a piece at the end. */
	static const char doubles[] = "\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\xF0\x7F\1\2";
	static const char integers[] = "\1\0\0\0\0\0\x20\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";

	(void)state;
	reads_len("{\"format\":\"f64\"}", PATHS(""), doubles, 18,
		  "@0 1.5 | 1.5\n@8 null | null\n"
		  "@16 +0 2 bytes at the end are no number of 8\n");
	reads_len("{\"format\":\"i64\"}", PATHS(""), integers, 16,
		  "@0 9007199254740993 | 9007199254740993\n@8 -1 | -1\n");
}

static void more_rows_than_fit_one_call_come_in_order(void **state)
{
	/* 1,000 lines, each its number. */
	char text[4000], *at = text, *rows;
	unsigned count = 0, number;

	(void)state;
	for (int i = 0; i < 1000; i++)
		at += sprintf(at, "%d\n", i);
	rows = input_read(NDJSON, NULL, text, (size_t)(at - text), 100);
	for (char *line = strtok(rows, "\n"); line; line = strtok(NULL, "\n"), count++) {
		assert_int_equal(sscanf(line, "@%*u %u", &number), 1);
		assert_int_equal(number, count);
	}
	assert_int_equal(count, 1000);
	free(rows);
}

/* Is there a mistake in the rows? */
static bool refused(const char *spec, const char *text, size_t len, size_t step)
{
	char *rows = input_read(spec, PATHS("a"), text, len, step);
	bool mistake = false;

	for (char *line = rows ? strtok(rows, "\n") : NULL; line; line = strtok(NULL, "\n")) {
		const char *blank = strchr(line, ' ');

		mistake |= *line == 'e' || (*line == '@' && blank && blank[1] == '+');
	}
	free(rows);
	return mistake;
}

static void file_judged(const char *folder, const char *name)
{
	static char text[FILE_BYTES_MAX];
	char path[512];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	for (size_t step = 0; step < 16; step += 5) {
		bool bad = refused(JSON, text, len, step ? step * 1000 : 0);

		if (*name == 'y' && strstr(name, "duplicated_key"))
			assert_true(bad); /* stricter than RFC 8259: one of two would be lost */
		else if (*name == 'y' && bad)
			fail_msg("%s is refused", name);
		else if (*name == 'n' && !bad)
			fail_msg("%s is taken", name);
	}
}

static void conformance_files_are_judged(void **state)
{
	/* JSONTestSuite: y_ are taken, n_ are mistakes, i_ may be either; 318 files. */
	static const char folder[] = "../shared/conformance/json/test_parsing";
	struct dirent *entry;
	unsigned files = 0;
	DIR *dir = opendir(folder);

	(void)state;
	if (!dir) {
		print_message("skipped: %s is not there\n", folder);
		skip();
		return;
	}
	while ((entry = readdir(dir)))
		if (strchr("yni", entry->d_name[0]) && entry->d_name[1] == '_') {
			file_judged(folder, entry->d_name);
			files++;
		}
	closedir(dir);
	assert_int_equal(files, 318);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_a_record),
		cmocka_unit_test(records_are_not_changed),
		cmocka_unit_test(a_broken_line_costs_itself_only),
		cmocka_unit_test(a_byte_order_mark_is_read_over_once),
		cmocka_unit_test(elements_of_an_array_are_records),
		cmocka_unit_test(a_broken_element_costs_itself_only),
		cmocka_unit_test(each_line_is_a_text),
		cmocka_unit_test(numbers_are_eight_bytes),
		cmocka_unit_test(more_rows_than_fit_one_call_come_in_order),
		cmocka_unit_test(conformance_files_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
