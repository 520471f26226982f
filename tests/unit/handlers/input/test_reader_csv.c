/* SPDX-License-Identifier: MIT */
/* test_reader_csv.c - input/reader_csv, csv_*: rows of CSV, their types and their mistakes. */
#include "tests/lib/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Whole, byte by byte, and in odd steps. */
static void reads(const char *spec, const char *const *paths, const char *text,
		  const char *expected)
{
	static const size_t steps[] = {0, 1, 7, 64, 100};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *rows = input_read(spec, paths, text, strlen(text), steps[i]);

		assert_string_equal(rows ? rows : "", expected);
		free(rows);
	}
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define CSV	   "{\"format\":\"csv\"}"

static void a_header_names_the_columns(void **state)
{
	/* Fields are texts as they stand, blanks and all; paths are names. */
	(void)state;
	reads(CSV, PATHS("name", "city", "other"), "id,name,city\r\n1, Ann,\r\n2,B\xC3\xA4r,x\n",
	      "@0 {\"id\":\"1\",\"name\":\" Ann\",\"city\":\"\"} | \" Ann\" | \"\" | -\n"
	      "@9 {\"id\":\"2\",\"name\":\"B\xC3\xA4r\",\"city\":\"x\"} | \"B\xC3\xA4r\" | \"x\" | "
	      "-\n");
	reads(CSV, NULL, "", "");
	reads(CSV, NULL, "a,b\n", "");
	reads(CSV, NULL, "a,b", "");
	reads(CSV, NULL, "\xEF\xBB\xBF\"a\"\n1\n", "@0 {\"a\":\"1\"}\n");
}

static void quotes_hold_what_separates(void **state)
{
	/* RFC 4180, 2.5 to 2.7: delimiters, line ends and doubled quotes in quotes. */
	(void)state;
	reads(CSV, PATHS("a", "b"),
	      "a,b\n\"x,y\",\"1\r\n2\"\n\"say \"\"hi\"\"\",\"\"\n\"\"\"\",z\r\n\"\",\"\"\"\"\"\"",
	      "@0 {\"a\":\"x,y\",\"b\":\"1\\r\\n2\"} | \"x,y\" | \"1\\r\\n2\"\n"
	      "@13 {\"a\":\"say \\\"hi\\\"\",\"b\":\"\"} | \"say \\\"hi\\\"\" | \"\"\n"
	      "@29 {\"a\":\"\\\"\",\"b\":\"z\"} | \"\\\"\" | \"z\"\n"
	      "@37 {\"a\":\"\",\"b\":\"\\\"\\\"\"} | \"\" | \"\\\"\\\"\"\n");
}

static void a_row_with_a_mistake_says_what_and_where(void **state)
{
	/* And the next one is read. */
	(void)state;
	reads(CSV, PATHS("b"),
	      "a,b\n"
	      "1\n"
	      "1,2,3,4\n"
	      "x\"y,2\n"
	      "\"x\"y,2\n"
	      "\"x\" ,2\n"
	      "\xFF,2\n"
	      "ok,2\n"
	      "\n"
	      "1,\"open\n",
	      "@0 +1 expected 2 fields but found 1\n"
	      "@2 +4 expected 2 fields but found 4\n"
	      "@10 +1 a quote in a field that does not begin with one\n"
	      "@16 +3 expected the delimiter or the line end behind a quote, not 'y'\n"
	      "@23 +3 expected the delimiter or the line end behind a quote, not byte 0x20\n"
	      "@30 +0 byte 0xFF is not UTF-8\n"
	      "@34 {\"a\":\"ok\",\"b\":\"2\"} | \"2\"\n"
	      "@40 +2 the quote that opens here is never closed\n");
}

static void delimiter_and_quote_may_be_others(void **state)
{
	/* A semicolon, an apostrophe, none at all; tsv knows no quotes. */
	(void)state;
	reads("{\"format\":\"csv\",\"delimiter\":\";\",\"quote\":\"'\"}", PATHS("b"),
	      "a;b\n'1;''2';\"x\"\n", "@0 {\"a\":\"1;'2\",\"b\":\"\\\"x\\\"\"} | \"\\\"x\\\"\"\n");
	reads("{\"format\":\"csv\",\"quote\":\"\"}", NULL, "a,b\n\"x,y\"\n",
	      "@0 {\"a\":\"\\\"x\",\"b\":\"y\\\"\"}\n");
	reads("{\"format\":\"tsv\"}", NULL, "a\tb\n\"x,\ty\"z\n",
	      "@0 {\"a\":\"\\\"x,\",\"b\":\"y\\\"z\"}\n");
}

static void columns_may_be_named_by_the_spec(void **state)
{
	/* Without a header, or instead of its names. */
	(void)state;
	reads("{\"format\":\"csv\",\"columns\":[\"x\",\"y\"]}", PATHS("y"), "a,b\n1,2\n",
	      "@0 {\"x\":\"a\",\"y\":\"b\"} | \"b\"\n@4 {\"x\":\"1\",\"y\":\"2\"} | \"2\"\n");
	reads("{\"format\":\"csv\",\"columns\":[\"x\",\"y\"],\"header\":true}", PATHS("y"),
	      "a,b\n1,2\n", "@0 {\"x\":\"1\",\"y\":\"2\"} | \"2\"\n");
	reads("{\"format\":\"csv\",\"columns\":[\"x\"],\"header\":true}", NULL, "a,b\n1,2\n",
	      "error: the header has 2 columns, but columns names 1\n");
}

static void headers_that_name_badly_are_refused(void **state)
{
	/* Twice, not at all, or not what has a type. */
	(void)state;
	reads(CSV, NULL, "a,b,a\n", "error: columns 1 and 3 of the header are both 'a'\n");
	reads(CSV, NULL, "a,,b\n", "error: column 2 of the header has no name\n");
	reads(CSV, NULL, "a,\xFF\n", "error: the name of column 2 of the header is not UTF-8\n");
	reads(CSV, NULL, "a,b\r1,2\r3,4\r",
	      "error: column 2 of the header has a carriage return: lines end with LF or CRLF\n");
	reads(CSV, NULL, "a,\"b\r\nb\"\r\n", "");
	reads(CSV, NULL, "a,\"b\n",
	      "error: the header: the quote that opens here is never closed\n");
	reads("{\"format\":\"csv\",\"types\":{\"prise\":\"number\"}}", NULL, "id,price\n",
	      "error: types names 'prise', which is no column: did you mean 'price'?\n");
}

static void types_make_values_of_texts(void **state)
{
	/* Digits stay as they are written, also beyond int64; a date stays a text. */
	(void)state;
	reads("{\"format\":\"csv\",\"types\":{\"n\":\"number\",\"i\":\"integer\",\"b\":\"boolean\","
	      "\"d\":\"date\",\"j\":\"json\"}}",
	      PATHS("n", "i", "b", "d", "j", "j.k.1"),
	      "n,i,b,d,j,s\n"
	      "1.50,9007199254740993,TRUE,2024-02-29,\"{\"\"k\"\":[1,2]}\",007\n"
	      " +2e3 ,-5,false,2024-02-29T10:00:00Z,null,x\n"
	      ",,,,,\n"
	      "12345678901234567890,12345678901234567890,true,2024-01-01,[],x\n",
	      "@0 "
	      "{\"n\":1.50,\"i\":9007199254740993,\"b\":true,\"d\":\"2024-02-29\",\"j\":{\"k\":[1,"
	      "2]},"
	      "\"s\":\"007\"} | 1.50 | 9007199254740993 | true | \"2024-02-29\" | {\"k\":[1,2]} | "
	      "2\n"
	      "@58 "
	      "{\"n\":2e3,\"i\":-5,\"b\":false,\"d\":\"2024-02-29T10:00:00Z\",\"j\":null,\"s\":"
	      "\"x\"}"
	      " | 2e3 | -5 | false | \"2024-02-29T10:00:00Z\" | null | -\n"
	      "@102 {\"n\":null,\"i\":null,\"b\":null,\"d\":null,\"j\":null,\"s\":\"\"}"
	      " | null | null | null | null | null | -\n"
	      "@108 {\"n\":12345678901234567890,\"i\":12345678901234567890,\"b\":true,"
	      "\"d\":\"2024-01-01\",\"j\":[],\"s\":\"x\"} | 12345678901234567890 |"
	      " 12345678901234567890 | true | \"2024-01-01\" | [] | -\n");
}

static void a_text_of_another_type_is_a_mistake(void **state)
{
	/* Of its row, whether somebody wants the column or not; or null, when that is said. */
	(void)state;
	reads("{\"format\":\"csv\",\"types\":{\"n\":\"number\",\"i\":\"integer\",\"b\":\"boolean\","
	      "\"d\":\"date\",\"j\":\"json\"}}",
	      NULL,
	      "n,i,b,d,j\n"
	      "1x,1,true,2024-01-01,1\n"
	      "1,1.0,true,2024-01-01,1\n"
	      "1,1,yes,2024-01-01,1\n"
	      "1,1,true,2023-02-29,1\n"
	      "1,1,true,2024-01-01,{a\n"
	      "007,1,true,2024-01-01,1\n"
	      "an endless text, \"\"x\"\" as it seems to be,1,true,2024-01-01\n"
	      "\"an endless text, \"\"x\"\" as it seems to be\",1,true,2024-01-01,1\n",
	      "@0 +0t '1x' in n is not a number\n"
	      "@23 +2t '1.0' in i is not an integer\n"
	      "@47 +4t 'yes' in b is not true or false\n"
	      "@68 +9t '2023-02-29' in d is not a date\n"
	      "@90 +20t '{a' in j is not JSON\n"
	      "@113 +0t '007' in n is not a number\n"
	      "@137 +17 a quote in a field that does not begin with one\n"
	      "@196 +1t 'an endless text, \"x\" as it see…' in n is not a number\n");
	reads("{\"format\":\"csv\",\"types\":{\"n\":\"number\"},\"on_type_error\":\"null\"}",
	      PATHS("n"), "n,i\n1x,2\n", "@0 {\"n\":null,\"i\":\"2\"} | null\n");
	reads("{\"format\":\"csv\",\"delimiter\":\";\",\"quote\":\"\",\"types\":{\"j\":\"json\"},"
	      "\"on_type_error\":\"null\"}",
	      PATHS("j", "j.a"), "i;j\n1;{\"a\":1,\n2; {\"a\":2} \n",
	      "@0 {\"i\":\"1\",\"j\":null} | null | -\n"
	      "@10 {\"i\":\"2\",\"j\":{\"a\":2}} | {\"a\":2} | 2\n");
}

static void texts_that_are_null_are_said(void **state)
{
	/* In all columns then, quoted or not; without it the empty text, but in no string. */
	(void)state;
	reads("{\"format\":\"csv\",\"types\":{\"n\":\"number\"},\"null\":[\"\",\"NA\"]}",
	      PATHS("s", "n"), "s,n\nNA,1\n\"\",NA\nx,\n",
	      "@0 {\"s\":null,\"n\":1} | null | 1\n"
	      "@5 {\"s\":null,\"n\":null} | null | null\n"
	      "@11 {\"s\":\"x\",\"n\":null} | \"x\" | null\n");
	reads("{\"format\":\"csv\",\"types\":{\"n\":\"number\"},\"null\":[]}", NULL, "s,n\n,\n",
	      "@0 +1t '' in n is not a number\n");
}

static void inferred_values_decide_for_themselves(void **state)
{
	/* What would not be written the same again stays a text. */
	(void)state;
	reads("{\"format\":\"csv\",\"types\":\"infer\"}", PATHS("a"),
	      "a,b\n1,007\n-2.50,+1\n1e400, 1\ntrue,False\n,x\n-,1.\n",
	      "@0 {\"a\":1,\"b\":\"007\"} | 1\n"
	      "@6 {\"a\":-2.50,\"b\":\"+1\"} | -2.50\n"
	      "@15 {\"a\":1e400,\"b\":\" 1\"} | 1e400\n"
	      "@24 {\"a\":true,\"b\":false} | true\n"
	      "@35 {\"a\":null,\"b\":\"x\"} | null\n"
	      "@38 {\"a\":\"-\",\"b\":\"1.\"} | \"-\"\n");
}

static void the_empty_path_is_the_row(void **state)
{
	/* As an object, for those who want all of it; a name with dots is a path too. */
	(void)state;
	reads(CSV, PATHS("", "a.b"), "a.b,c\n1,\"\"\"\"\nx\ny,z\n",
	      "@0 {\"a.b\":\"1\",\"c\":\"\\\"\"} | {\"a.b\":\"1\",\"c\":\"\\\"\"} | \"1\"\n"
	      "@7 +1 expected 2 fields but found 1\n"
	      "@9 {\"a.b\":\"y\",\"c\":\"z\"} | {\"a.b\":\"y\",\"c\":\"z\"} | \"y\"\n");
}

static void long_rows_cross_every_word(void **state)
{
	/* Fields of 1 to 200 bytes, so that every place of a word is an end once. */
	char text[30000] = "a,b\n", expected[60000] = "", *at = text + 4, *to = expected;
	char field[201];

	(void)state;
	for (int len = 1; len <= 200; len++) {
		memset(field, 'x', (size_t)len);
		field[len] = '\0';
		to += sprintf(to, "@%d {\"a\":\"%s\",\"b\":\"%d\"} | \"%d\"\n",
			      (int)(at - text - 4), field, len, len);
		at += sprintf(at, "%s,%d\n", field, len);
	}
	reads(CSV, PATHS("b"), text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_names_the_columns),
		cmocka_unit_test(quotes_hold_what_separates),
		cmocka_unit_test(a_row_with_a_mistake_says_what_and_where),
		cmocka_unit_test(delimiter_and_quote_may_be_others),
		cmocka_unit_test(columns_may_be_named_by_the_spec),
		cmocka_unit_test(headers_that_name_badly_are_refused),
		cmocka_unit_test(types_make_values_of_texts),
		cmocka_unit_test(a_text_of_another_type_is_a_mistake),
		cmocka_unit_test(texts_that_are_null_are_said),
		cmocka_unit_test(inferred_values_decide_for_themselves),
		cmocka_unit_test(the_empty_path_is_the_row),
		cmocka_unit_test(long_rows_cross_every_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
