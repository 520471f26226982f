/* SPDX-License-Identifier: MIT */
/* test_walk.c - base/record/walk: children of a record, and JSON pointers. */
#include "base/record/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct value read_all(const char *text)
{
	struct value value;

	value_read(text, strlen(text), &value);
	return value;
}

static void assert_found(const char *text, const char *pointer, enum value_kind kind,
			 const char *expected)
{
	struct value root = read_all(text), found = pointer_find(pointer, &root);

	assert_int_equal(found.kind, kind);
	if (expected) {
		assert_int_equal(found.len, strlen(expected));
		assert_memory_equal(found.at, expected, found.len);
	}
}

static void the_examples_of_rfc_6901(void **state)
{
	/* Section 5: the document and what each pointer names. */
	static const char document[] =
		"{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3,"
		" \"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8}";
	static const struct {
		const char *pointer, *number;
	} cases[] = {
		{"/", "0"},	{"/a~1b", "1"}, {"/c%d", "2"}, {"/e^f", "3"},  {"/g|h", "4"},
		{"/i\\j", "5"}, {"/k\"l", "6"}, {"/ ", "7"},   {"/m~0n", "8"},
	};
	(void)state;

	assert_found(document, "", VALUE_OBJECT, document);
	assert_found(document, "/foo", VALUE_ARRAY, "[\"bar\", \"baz\"]");
	assert_found(document, "/foo/0", VALUE_TEXT, "bar");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_found(document, cases[i].pointer, VALUE_INT, cases[i].number);
}

static void what_is_not_there_is_missing(void **state)
{
	/* Past the end, no index (leading zero, "-"), through a scalar, an unknown name. */
	static const char *const pointers[] = {"/a/2", "/a/01",		 "/a/-", "/a/0/x",
					       "/b",   "/a/99999999999", "/n/x"};
	(void)state;

	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
		assert_found("{\"a\":[1,[2]],\"n\":null}", pointers[i], VALUE_MISSING, NULL);
}

static void children_come_in_their_order(void **state)
{
	/* Brackets and quotes inside strings do not count; numbers keep their spelling. */
	struct value root = read_all(" [ \"]\\\"\" , {\"a\":[\"}\"]} ,1e2,true,null,{}, [] ] ");
	static const struct {
		enum value_kind kind;
		const char *text;
	} expected[] = {
		{VALUE_TEXT, "]\\\""}, {VALUE_OBJECT, "{\"a\":[\"}\"]}"},
		{VALUE_DOUBLE, "1e2"}, {VALUE_TRUE, "true"},
		{VALUE_NULL, "null"},  {VALUE_OBJECT, "{}"},
		{VALUE_ARRAY, "[]"},
	};
	struct value name, child;
	struct walk walk;
	size_t count = 0;
	(void)state;

	walk_begin(&walk, &root);
	while (walk_next(&walk, &name, &child)) {
		assert_int_equal(name.kind, VALUE_MISSING);
		assert_int_equal(child.kind, expected[count].kind);
		assert_int_equal(child.len, strlen(expected[count].text));
		assert_memory_equal(child.at, expected[count].text, child.len);
		count++;
	}
	assert_int_equal(count, 7);
}

static void names_are_compared_decoded(void **state)
{
	/* An escape in a name of the record stands for its character. */
	struct value root = read_all("{\"pr\\u0069ce\":\"\\u00fc\"}");
	struct value found = walk_member(&root, "price");
	(void)state;

	assert_int_equal(found.kind, VALUE_TEXT);
	assert_true(value_text_is(&found, "\xC3\xBC", 2));
	assert_false(value_text_is(&found, "u", 1));
}

static void pointers_are_checked(void **state)
{
	/* A pointer is empty or begins with '/'; '~' is followed by 0 or 1. */
	size_t offset;
	(void)state;

	assert_true(pointer_check("", &offset));
	assert_true(pointer_check("/a~0~1/", &offset));
	assert_false(pointer_check("a", &offset));
	assert_int_equal(offset, 0);
	assert_false(pointer_check("/a~0~2", &offset));
	assert_int_equal(offset, 4);
	assert_false(pointer_check("/~", &offset));
	assert_int_equal(offset, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_rfc_6901),
		cmocka_unit_test(what_is_not_there_is_missing),
		cmocka_unit_test(children_come_in_their_order),
		cmocka_unit_test(names_are_compared_decoded),
		cmocka_unit_test(pointers_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
