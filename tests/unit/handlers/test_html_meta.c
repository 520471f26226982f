/* SPDX-License-Identifier: MIT */
/* test_html_meta.c - the encoding that a page declares (WHATWG HTML 13.2.3.2). */
#include "handlers/html/meta.h"

#include "net/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_detects(const char *bytes, const char *content_type, const char *name,
			   enum charset_source source)
{
	enum charset_source found;

	assert_string_equal(
		charset_detect(bytes, strlen(bytes), content_type, meta_charset, &found), name);
	assert_int_equal(found, source);
}

static void a_header_wins_over_a_meta(void **state)
{
	/* So does a byte order mark. */
	static const char header[] = "text/html; charset=koi8-r";

	(void)state;
	assert_detects("\xEF\xBB\xBF<meta charset=koi8-u>", header, "UTF-8", CHARSET_FROM_BOM);
	assert_detects("<meta charset=koi8-u>", header, "KOI8-R", CHARSET_FROM_HEADER);
	assert_detects("<meta charset=koi8-u>", "text/html", "KOI8-U", CHARSET_FROM_META);
}

static void metas_are_found_as_browsers_find_them(void **state)
{
	/* Not in comments, not in attributes of others; http-equiv needs its content. */
	(void)state;
	assert_detects("<!-- <meta charset=koi8-u> --><META\tCharSet='big5'/>\xE4", NULL, "Big5",
		       CHARSET_FROM_META);
	assert_detects("<a title='<meta charset=koi8-u>'>\xE4", NULL, "windows-1252",
		       CHARSET_FROM_DEFAULT);
	assert_detects("<meta http-equiv=Content-Type content='text/html; charset=euc-jp'>", NULL,
		       "EUC-JP", CHARSET_FROM_META);
	assert_detects("<meta content='text/html; charset=euc-jp'>", NULL, "UTF-8",
		       CHARSET_FROM_UTF8);
	assert_detects("<meta charset=utf-16>", NULL, "UTF-8", CHARSET_FROM_META);
	assert_detects("<metax charset=big5>", NULL, "UTF-8", CHARSET_FROM_UTF8);
}

static void the_prescan_ends_after_1024_bytes(void **state)
{
	/* A <meta> that begins at byte 1,100 is not seen. */
	char page[1200];

	(void)state;
	memset(page, ' ', sizeof(page));
	snprintf(page + 1100, sizeof(page) - 1100, "<meta charset=big5>");
	assert_detects(page, NULL, "UTF-8", CHARSET_FROM_UTF8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_wins_over_a_meta),
		cmocka_unit_test(metas_are_found_as_browsers_find_them),
		cmocka_unit_test(the_prescan_ends_after_1024_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
