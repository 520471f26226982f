/* SPDX-License-Identifier: MIT */
/* test_charset.c - which encoding a body is in, and its text in UTF-8.
 *
 * Expected values: the labels and mappings of the WHATWG Encoding standard; the count of
 * U+FFFD for bad UTF-8 is that of Python's bytes.decode(errors="replace").
 */
#include "base/buf.h"
#include "net/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_label(const char *label, const char *name)
{
	const char *found = charset_by_label(label, strlen(label));

	if (!name)
		assert_null(found);
	else
		assert_string_equal(found, name);
}

static void labels_have_names(void **state)
{
	/* Labels are compared without case and surrounding whitespace. */
	(void)state;
	assert_label("utf8", "UTF-8");
	assert_label(" UTF-8\n", "UTF-8");
	assert_label("Latin1", "windows-1252");
	assert_label("iso-8859-1", "windows-1252");
	assert_label("gb2312", "GBK");
	assert_label("Shift_JIS", "Shift_JIS");
	assert_label("iso-8859-9", "windows-1254");
	assert_label("utf-16", "UTF-16LE");
	assert_label("hz-gb-2312", "replacement");
	assert_label("utf-7", NULL);
	assert_label("", NULL);
	assert_label("utf-8 utf8", NULL);
}

/* A kind of text that declares KOI8-U with its first byte. */
static const char *declared(const char *bytes, size_t len)
{
	return len > 0 && bytes[0] == '@' ? "KOI8-U" : NULL;
}

static void assert_detects(const char *bytes, const char *content_type, const char *name,
			   enum charset_source source)
{
	enum charset_source found;

	assert_string_equal(charset_detect(bytes, strlen(bytes), content_type, declared, &found),
			    name);
	assert_int_equal(found, source);
}

static void sources_have_an_order(void **state)
{
	/* Byte order mark, header, declaration, valid UTF-8, windows-1252. */
	static const char header[] = "text/html; charset=koi8-r";

	(void)state;
	assert_detects("\xEF\xBB\xBF@", header, "UTF-8", CHARSET_FROM_BOM);
	assert_detects("@", header, "KOI8-R", CHARSET_FROM_HEADER);
	assert_detects("@", "text/html", "KOI8-U", CHARSET_FROM_META);
	assert_detects("<p>\xC3\xA4", "text/html; charset=nonsense", "UTF-8", CHARSET_FROM_UTF8);
	assert_detects("<p>\xE4", NULL, "windows-1252", CHARSET_FROM_DEFAULT);
	assert_string_equal(charset_detect("@", 1, NULL, NULL, NULL), "UTF-8");
	assert_detects("", "text/html;CHARSET = \"Big5\"", "Big5", CHARSET_FROM_HEADER);
}

static void assert_decodes(const char *charset, const char *bytes, size_t len, const char *expected)
{
	struct buf buf = BUF(100000);
	const char *text;
	size_t text_len;
	struct err err;

	assert_int_equal(charset_decode(charset, bytes, len, &buf, &text, &text_len, &err), 0);
	assert_int_equal(text_len, strlen(expected));
	assert_memory_equal(text, expected, text_len);
	buf_done(&buf);
}

static void texts_are_decoded(void **state)
{
	/* One text of each kind of encoding. */
	(void)state;
	assert_decodes("windows-1252", "\x80\x81\xE4", 3, "€\xC2\x81ä");
	assert_decodes("KOI8-R", "\xC1", 1, "а");
	assert_decodes("Shift_JIS", "\x93\xFA\x96\x7B", 4, "日本");
	assert_decodes("GBK", "\xC4\xE3\xBA\xC3", 4, "你好");
	assert_decodes("EUC-KR", "\xC7\xD1", 2, "한");
	assert_decodes("UTF-16LE", "\xFF\xFE\x41\x00\xAC\x20", 6, "A€");
	assert_decodes("UTF-16BE", "\x00\x41\xD8\x00", 4, "A\xEF\xBF\xBD");
	assert_decodes("replacement", "abc", 3, "\xEF\xBF\xBD");
}

#define FFFD "\xEF\xBF\xBD"

static void bad_utf8_is_replaced(void **state)
{
	/* Each longest beginning of a sequence, else each byte, is one U+FFFD. */
	(void)state;
	assert_decodes("UTF-8", "a\xFFz", 3, "a" FFFD "z");
	assert_decodes("UTF-8", "a\xE2\x82z", 4, "a" FFFD "z");
	assert_decodes("UTF-8", "\xF0\x9F\x98", 3, FFFD);
	assert_decodes("UTF-8", "\xED\xA0\x80", 3, FFFD FFFD FFFD);
	assert_decodes("UTF-8", "\xC0\x80", 2, FFFD FFFD);
	assert_decodes("UTF-8", "\xF4\x90\x80\x80", 4, FFFD FFFD FFFD FFFD);
	assert_decodes("UTF-8", "\xE0\x80", 2, FFFD FFFD);
}

static void valid_utf8_is_not_copied(void **state)
{
	/* The text is the page itself, behind its byte order mark. */
	static const char page[] = "\xEF\xBB\xBFä";
	struct buf buf = BUF(1);
	const char *text;
	size_t len;
	struct err err;

	(void)state;
	assert_int_equal(charset_decode("UTF-8", page, 5, &buf, &text, &len, &err), 0);
	assert_ptr_equal(text, page + 3);
	assert_int_equal(len, 2);
}

static void a_text_beyond_the_limit_is_an_error(void **state)
{
	/* 100 bytes of windows-1252 become 200 of UTF-8: too much for a buf of 150. */
	struct buf buf = BUF(150);
	char page[100];
	const char *text;
	size_t len;
	struct err err;

	(void)state;
	memset(page, 0xE4, sizeof(page));
	assert_int_equal(charset_decode("windows-1252", page, 100, &buf, &text, &len, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_have_names),
		cmocka_unit_test(sources_have_an_order),
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(bad_utf8_is_replaced),
		cmocka_unit_test(valid_utf8_is_not_copied),
		cmocka_unit_test(a_text_beyond_the_limit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
