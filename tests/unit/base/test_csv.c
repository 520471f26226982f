/* SPDX-License-Identifier: MIT */
/* test_csv.c - items as rows. */
#include "base/record/csv.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* The text of `items` (ended by NULL), with the columns of the first `learnt` of them. */
static const char *csv_text(const char *columns, const char *const *items, int learnt,
			    struct buf *into)
{
	struct err err;
	struct csv *csv = csv_new(columns, &err);

	assert_non_null(csv);
	buf_clear(into);
	for (int i = 0; i < learnt; i++)
		csv_learn(csv, items[i], strlen(items[i]));
	csv_header(csv, into);
	for (; *items; items++)
		csv_row(csv, *items, strlen(*items), into);
	csv_free(csv);
	assert_true(buf_ok(into));
	return buf_text(into);
}

static void members_of_objects_have_dotted_names(void **state)
{
	/* In the order in which they were found; arrays and empty objects are JSON text. */
	static const char *const items[] = {
		"{\"url\":\"u\",\"data\":{\"title\":\"T\",\"links\":[1,\"a\"],\"x\":{}},\"n\":"
		"null}",
		"{\"n\":12345678901234567890,\"url\":\"v\",\"data\":null}", NULL};
	struct buf text = BUF(4096);

	(void)state;
	assert_string_equal(csv_text(NULL, items, 2, &text),
			    "url,data.title,data.links,data.x,n,data,_other\r\n"
			    "u,T,\"[1,\"\"a\"\"]\",{},,,\r\n"
			    "v,,,,12345678901234567890,,\r\n");
	buf_done(&text);
}

static void fields_are_quoted_as_rfc_4180_says(void **state)
{
	/* A comma, a quote, line ends; escapes of JSON are decoded first. */
	static const char *const items[] = {
		"{\"a,b\":\"1,5\",\"c\":\"say \\\"hi\\\"\",\"d\":\"x\\ny\",\"e\":\"\\u00fc\"}",
		NULL};
	struct buf text = BUF(4096);

	(void)state;
	assert_string_equal(csv_text(NULL, items, 1, &text),
			    "\"a,b\",c,d,e,_other\r\n"
			    "\"1,5\",\"say \"\"hi\"\"\",\"x\ny\",\xc3\xbc,\r\n");
	buf_done(&text);
}

static void what_has_no_column_stands_in_the_last(void **state)
{
	/* Learnt from the first item only: b and c.d come later. */
	static const char *const items[] = {"{\"a\":1}", "{\"b\":\"x\",\"a\":2,\"c\":{\"d\":[]}}",
					    "7", NULL};
	struct buf text = BUF(4096);

	(void)state;
	assert_string_equal(csv_text(NULL, items, 1, &text),
			    "a,_other\r\n1,\r\n"
			    "2,\"{\"\"b\"\":\"\"x\"\",\"\"c.d\"\":[]}\"\r\n"
			    ",\"{\"\"value\"\":7}\"\r\n");
	buf_done(&text);
}

static void columns_may_be_named(void **state)
{
	/* Those, in that order, and no others. */
	static const char *const items[] = {"{\"a\":1,\"b\":{\"c\":true},\"d\":3}", "{}", NULL};
	struct buf text = BUF(4096);
	struct err err;

	(void)state;
	assert_string_equal(csv_text("b.c,a,z", items, 1, &text), "b.c,a,z\r\ntrue,1,\r\n,,\r\n");
	assert_null(csv_new("a,,b", &err));
	assert_null(csv_new("", &err));
	assert_null(csv_new("a,b,a", &err));
	buf_done(&text);
}

static void two_members_of_one_name_are_both_kept(void **state)
{
	/* "a.b" and b of a: the first has the column, the other stands in the last. */
	static const char *const items[] = {"{\"a.b\":1,\"a\":{\"b\":2}}", NULL};
	struct buf text = BUF(4096);

	(void)state;
	assert_string_equal(csv_text(NULL, items, 1, &text),
			    "a.b,_other\r\n1,\"{\"\"a.b\"\":2}\"\r\n");
	buf_done(&text);
}

static void a_long_name_is_cut_and_hides_nothing(void **state)
{
	/* 1,023 letters and one of two bytes: cut before it, what it names told whole, and what
	 * comes after it as ever. */
	char name[1024], item[1200], expected[1200];
	const char *const items[] = {item, NULL};
	struct buf text = BUF(4096);

	(void)state;
	memset(name, 'k', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(item, sizeof(item), "{\"%s\xc3\xbc\":{\"x\":1},\"b\":2}", name);
	snprintf(expected, sizeof(expected), "%s,b,_other\r\n\"{\"\"x\"\":1}\",2,\r\n", name);
	assert_string_equal(csv_text(NULL, items, 1, &text), expected);
	buf_done(&text);
}

static void no_row_is_an_empty_line(void **state)
{
	/* Readers skip those: the only column of a row without a value is quoted. */
	static const char *const items[] = {"{\"a\":1}", "{\"b\":1}", "{\"a\":\"\"}", NULL};
	static const char *const nothing[] = {"{}", NULL};
	struct buf text = BUF(4096);

	(void)state;
	assert_string_equal(csv_text("a", items, 0, &text), "a\r\n1\r\n\"\"\r\n\"\"\r\n");
	assert_string_equal(csv_text(NULL, nothing, 1, &text), "_other\r\n\"\"\r\n");
	buf_done(&text);
}

static void a_row_that_would_lack_members_fails(void **state)
{
	/* 10,000 members below a name of 1,000 bytes: 10 MB of names in `_other`. */
	struct buf item = BUF(1 << 20), text = BUF(64 << 20);
	struct csv *csv = csv_new(NULL, &(struct err){0});

	(void)state;
	assert_non_null(csv);
	buf_printf(&item, "{\"%01000d\":{\"0\":0", 0);
	for (int i = 1; i < 10000; i++)
		buf_printf(&item, ",\"%d\":0", i);
	buf_add_text(&item, "}}");
	assert_true(buf_ok(&item));
	csv_row(csv, item.data, item.len, &text);
	assert_false(buf_ok(&text));
	csv_free(csv);
	buf_done(&item);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_objects_have_dotted_names),
		cmocka_unit_test(fields_are_quoted_as_rfc_4180_says),
		cmocka_unit_test(what_has_no_column_stands_in_the_last),
		cmocka_unit_test(columns_may_be_named),
		cmocka_unit_test(two_members_of_one_name_are_both_kept),
		cmocka_unit_test(a_long_name_is_cut_and_hides_nothing),
		cmocka_unit_test(no_row_is_an_empty_line),
		cmocka_unit_test(a_row_that_would_lack_members_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
