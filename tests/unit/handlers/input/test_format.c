/* SPDX-License-Identifier: MIT */
/* test_format.c - input/format, sniff, cut: what a spec says, what a file shows, where it is cut.
 */
#include "handlers/input/format_inner.h"
#include "tests/lib/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void refused(const char *spec, const char *pointer, const char *detail, const char *hint)
{
	struct mistakes mistakes;

	mistakes_init(&mistakes);
	assert_null(format_from(spec, &mistakes));
	assert_int_equal(mistakes.count, 1);
	assert_string_equal(mistakes.first->pointer, pointer);
	assert_string_equal(mistakes.first->detail, detail);
	assert_string_equal(mistakes.first->hint ? mistakes.first->hint : "", hint);
	mistakes_done(&mistakes);
}

static void what_cannot_be_meant_is_a_mistake(void **state)
{
	/* With the pointer of the member, and what would be right. */
	(void)state;
	refused("{\"format\":\"csv\",\"delimiter\":\"||\"}", "/spec/input/delimiter",
		"must be one byte, not a text", "\",\", \";\", \"|\" or a tab");
	refused("{\"format\":\"csv\",\"delimiter\":\"\\\\t\"}", "/spec/input/delimiter",
		"must be one byte, not a text", "a tab is \"\\t\" in JSON, with one backslash");
	refused("{\"format\":\"csv\",\"delimiter\":\"\xC2\xA7\"}", "/spec/input/delimiter",
		"must be one byte of ASCII that ends no line", "\",\", \";\", \"|\" or a tab");
	refused("{\"delimiter\":\"\\n\"}", "/spec/input/delimiter",
		"must be one byte of ASCII that ends no line", "\",\", \";\", \"|\" or a tab");
	refused("{\"delimiter\":\"\"}", "/spec/input/delimiter",
		"must be one byte of ASCII that ends no line", "\",\", \";\", \"|\" or a tab");
	refused("{\"delimiter\":\"'\",\"quote\":\"'\"}", "/spec/input/delimiter",
		"the delimiter is the quote: fields could not be told apart", "");
	refused("{\"header\":false}", "/spec/input/header",
		"without a header nobody names the columns", "columns");
	refused("{\"columns\":[\"a\",\"b\",\"a\"]}", "/spec/input/columns/2",
		"'a' is the name of a column before it", "");
	refused("{\"columns\":[\"a\"],\"types\":{\"b\":\"number\"}}", "/spec/input/types/b",
		"columns has no 'b'", "");
	refused("{\"format\":\"ndjson\",\"delimiter\":\";\"}", "/spec/input/delimiter",
		"is for csv and tsv only", "");
}

static void is_sniffed(const char *spec, const char *name, const char *head, const char *kind,
		       char delimiter)
{
	struct mistakes mistakes;
	struct format *format, *sniffed;

	mistakes_init(&mistakes);
	format = format_from(spec, &mistakes);
	assert_non_null(format);
	sniffed = format_sniff(format, name, head, strlen(head));
	assert_non_null(sniffed);
	assert_string_equal(format_kind_name(format_kind(sniffed)), kind);
	if (format_kind(sniffed) == FORMAT_CSV)
		assert_int_equal(sniffed->delimiter, delimiter);
	format_free(sniffed);
	format_free(format);
	mistakes_done(&mistakes);
}

static void names_say_what_files_are(void **state)
{
	/* Compressed or not, in any case of letters; a spec that says goes before. */
	(void)state;
	is_sniffed("{}", "a/b.ndjson", "x,y\n1,2\n", "ndjson", 0);
	is_sniffed("{}", "B.JSONL.GZ", "", "ndjson", 0);
	is_sniffed("{}", "x.csv", "a;b\n1;2\n", "csv", ';');
	is_sniffed("{}", "x.csv", "a\n1\n", "csv", ',');
	is_sniffed("{}", "x.tsv.zst", "a;b\n", "csv", '\t');
	is_sniffed("{}", "x.txt", "a,b\n1,2\n", "lines", 0);
	is_sniffed("{}", "x.f64", "", "f64", 0);
	is_sniffed("{\"format\":\"lines\"}", "x.csv", "", "lines", 0);
	is_sniffed("{\"delimiter\":\"|\"}", "x.csv", "a;b\n1;2\n", "csv", '|');
	is_sniffed("{\"header\":true}", "x.dat", "a;b\n1;2\n", "csv", ';');
}

static void bytes_say_it_where_no_name_does(void **state)
{
	/* The first value and what is behind it; the delimiter that stands as often in each line.
	 */
	(void)state;
	is_sniffed("{}", "x.json", "[1,\n2]", "json", 0);
	is_sniffed("{}", "x.json", "{\"a\":1}\n{\"a\":2}\n", "ndjson", 0);
	is_sniffed("{}", NULL, "[1]\n[2]\n", "ndjson", 0);
	is_sniffed("{}", NULL, "{\n \"a\":1}\n", "json", 0);
	is_sniffed("{}", NULL, "{\"a\":1}\n", "json", 0);
	is_sniffed("{}", NULL, "\xEF\xBB\xBF {\"a\":1}", "json", 0);
	is_sniffed("{}", NULL, "a;b,c;d\n1;2;3\n4;5;6", "csv", ';');
	is_sniffed("{}", NULL, "a|b\n\"1|\n,,\"|2\n", "csv", '|');
	is_sniffed("{}", NULL, "a,b\n1,2,3\n", "lines", 0);
	is_sniffed("{}", NULL, "some words\nand more\n", "lines", 0);
	is_sniffed("{}", NULL, "", "lines", 0);
}

static void first_bytes_say_the_compression(void **state)
{
	/* RFC 1952, 2.3.1; RFC 8878, 3.1.1. */
	(void)state;
	assert_int_equal(codec_sniff("\x1F\x8B\x08", 3), CODEC_GZIP);
	assert_int_equal(codec_sniff("\x28\xB5\x2F\xFD\x04", 5), CODEC_ZSTD);
	assert_int_equal(codec_sniff("\x28\xB5", 2), CODEC_NONE);
	assert_int_equal(codec_sniff("", 0), CODEC_NONE);
}

/* Cut anywhere, it is what it is whole. */
static void cuts_do_not_show(const char *spec, const char *const *paths, const char *text,
			     size_t len)
{
	char *whole = input_read(spec, paths, text, len, 0);

	assert_non_null(whole);
	for (size_t piece = 1; piece <= 200; piece += piece < 20 ? 1 : 23) {
		char *rows = input_read_cut(spec, paths, text, len, piece);

		assert_string_equal(rows, whole);
		free(rows);
	}
	free(whole);
}

static void cuts_are_between_records(void **state)
{
	/* Also where quotes hold line ends, are doubled, or stand where they should not. */
	static const char csv[] =
		"a,b\r\n1,2\r\n\"x\n\n,\"\"\n\",\"\"\n\"\"\"\n\"\"\",y\n5\" "
		"disk,12\"\nq\"\",\"a\"b\n"
		"\"c\" \"d\n\",z\"\n\"\",\"\"\n"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,\"b\nb\"\n"
		"\"aaaaaaaaaaaaaaaaaaaaaaaa\n\n\n\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\"\",\"\n"
		"\"\"\n\"\"\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\nb\"\n"
		"last,\"one\n";
	static const char lines[] = "{\"a\":1}\n\n{\"a\":2}\r\n[\n3";
	static const char *const paths[] = {"a", NULL};

	(void)state;
	cuts_do_not_show("{\"format\":\"csv\"}", paths, csv, sizeof(csv) - 1);
	cuts_do_not_show("{\"format\":\"csv\",\"quote\":\"\"}", paths, csv, sizeof(csv) - 1);
	cuts_do_not_show("{\"format\":\"ndjson\"}", paths, lines, sizeof(lines) - 1);
	cuts_do_not_show("{\"format\":\"lines\"}", NULL, lines, sizeof(lines) - 1);
	cuts_do_not_show("{\"format\":\"i64\"}", NULL, csv, sizeof(csv) - 1);
}

static void quotes_hold_cuts_back(void **state)
{
	/* The line end at 13 is in quotes; the one at 18 ends the row. */
	struct mistakes mistakes;
	struct format *format;
	struct cut cut = {0};

	(void)state;
	mistakes_init(&mistakes);
	format = format_from("{\"format\":\"csv\"}", &mistakes);
	assert_int_equal(format_cut(format, "one,two\n\"a\"\",\nb\",2\nx", 20, &cut), 19);
	assert_int_equal(format_cut(format, ",\"\n", 3, &cut), 0);
	assert_int_equal(format_cut(format, "\"\ny", 3, &cut), 2);
	assert_true(format_splits(format));
	assert_false(format_cuts_anywhere(format));
	format_free(format);
	mistakes_done(&mistakes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_meant_is_a_mistake),
		cmocka_unit_test(names_say_what_files_are),
		cmocka_unit_test(bytes_say_it_where_no_name_does),
		cmocka_unit_test(first_bytes_say_the_compression),
		cmocka_unit_test(cuts_are_between_records),
		cmocka_unit_test(quotes_hold_cuts_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
