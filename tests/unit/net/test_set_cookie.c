/* SPDX-License-Identifier: MIT */
/* test_set_cookie.c - RFC 6265bis, sections 5.1.1 (dates) and 5.6 (the header field). */
#include "net/set_cookie.h"

#include "base/compiler.h"
#include "base/limits.h"
#include "net/cookie_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1000000000 }; /* 2001-09-09T01:46:40Z */

static void dates_are_found_among_anything(void **state)
{
	/* 5.1.1: tokens in any order, delimiters of any kind; seconds by `date -u -d … +%s`. */
	static const struct {
		const char *text;
		int64_t wall_s;
	} rows[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
		{"Sun Nov  6 08:49:37 1994", 784111777},
		{"1994 08:49:37 nov 6", 784111777},
		{"6;NOVEMBER;94;8:49:37 PST", 784111777},
		{"Nov/6/1994@08:49:37", 784111777},
		{"08:49:37x 6th November 1994ad", 784111777},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Thu, 01 Jan 70 00:00:00 GMT", 0},
		{"Fri, 31 Dec 69 23:59:59 GMT", 3155759999},
		{"Sat, 29 Feb 2020 12:00:00 GMT", 1582977600},
		{"1 Jan 1601 0:0:0", -11644473600},
		{"1 Jan 9999 00:00:00", 253370764800},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t wall_s = -1;

		if (cookie_date_parse(rows[i].text, strlen(rows[i].text), &wall_s) ||
		    wall_s != rows[i].wall_s)
			fail_msg("%s: %lld", rows[i].text, (long long)wall_s);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	/* 5.1.1, step 5: something missing or out of range; step 6: no such day. */
	static const char *const texts[] = {
		"",
		"Wed",
		"06 Nov 1994",
		"06 Nov 08:49:37",
		"1994 08:49:37 06",
		"Nov 1994 08:49:37",
		"06 Nov 1994 08:49",
		"06 Nov 1994 24:00:00",
		"06 Nov 1994 08:60:00",
		"06 Nov 1994 08:49:60",
		"06 Nov 1994 008:49:37",
		"00 Nov 1994 08:49:37",
		"32 Nov 1994 08:49:37",
		"006 Nov 1994 08:49:37",
		"30 Feb 2020 12:00:00",
		"29 Feb 2021 12:00:00",
		"06 Nov 1600 08:49:37",
		"06 Nov 19940 08:49:37",
		"06 Nov 1 08:49:37",
		"06 No 1994 08:49:37",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t wall_s;

		if (cookie_date_parse(texts[i], strlen(texts[i]), &wall_s) == 0)
			fail_msg("%s: %lld", texts[i], (long long)wall_s);
	}
}

static struct set_cookie parsed(const char *line)
{
	struct set_cookie cookie;

	if (set_cookie_parse(line, strlen(line), NOW_S, &cookie))
		fail_msg("ignored: %s", line);
	return cookie;
}

static bool ignored(const char *line)
{
	struct set_cookie cookie;

	return set_cookie_parse(line, strlen(line), NOW_S, &cookie) != 0;
}

static bool is(struct url_part part, const char *text)
{
	return part.len == strlen(text) && (part.len == 0 || !memcmp(part.at, text, part.len));
}

static void names_and_values_are_split_at_the_first_equals(void **state)
{
	/* 5.6, steps 2 to 4: the pair ends at ';', blanks around both sides go. */
	static const struct {
		const char *line, *name, *value;
	} rows[] = {
		{"a=b", "a", "b"},
		{"a=b=c", "a", "b=c"},
		{" \ta \t=\t b \t", "a", "b"},
		{"a=", "a", ""},
		{"=b", "", "b"},
		{"b", "", "b"},
		{"a=b;c=d", "a", "b"},
		{"a=\"b c\"", "a", "\"b c\""},
		{"a=b, c=d", "a", "b, c=d"},
		{"a\tb=c\td", "a\tb", "c\td"},
		{"a=\xc3\xa9\xff", "a", "\xc3\xa9\xff"},
		{"a b=c", "a b", "c"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct set_cookie cookie = parsed(rows[i].line);

		if (!is(cookie.name, rows[i].name) || !is(cookie.value, rows[i].value))
			fail_msg("%s: %.*s %.*s", rows[i].line, (int)cookie.name.len,
				 cookie.name.at, (int)cookie.value.len, cookie.value.at);
	}
}

static void some_lines_are_ignored(void **state)
{
	/* 5.6, step 1: control characters, anywhere; 5.7, step 2: neither name nor value. */
	struct set_cookie cookie;

	(void)state;
	assert_true(ignored("a=b\x01"));
	assert_true(ignored("a=b\x7f"));
	assert_true(ignored("a=b; path=/\x1f"));
	assert_true(ignored("a=b\r"));
	assert_int_equal(set_cookie_parse("a=b\0c", 5, NOW_S, &cookie), -1);
	assert_true(ignored(""));
	assert_true(ignored("="));
	assert_true(ignored(" = "));
	assert_true(ignored("; path=/"));
	assert_true(ignored("=; path=/"));
}

static char *repeated(const char *before, char c, size_t count, const char *after)
{
	size_t front = strlen(before), back = strlen(after);
	char *text = malloc(front + count + back + 1);

	assert_non_null(text);
	memcpy(text, before, front);
	memset(text + front, c, count);
	memcpy(text + front + count, after, back + 1);
	return text;
}

static void name_and_value_have_4096_octets_together(void **state)
{
	/* 5.6, step 5: the sum of both counts. */
	char *whole = repeated("abc=", 'v', 4093, ""), *more = repeated("abc=", 'v', 4094, "");

	(void)state;
	assert_int_equal(parsed(whole).value.len, 4093);
	assert_true(ignored(more));
	free(whole);
	free(more);
}

static void attributes_have_1024_octets(void **state)
{
	/* 5.6, attribute step 6: a longer one is ignored, the cookie and the others stay. */
	char *whole = repeated("a=b; Path=/", 'p', 1023, "; Secure");
	char *more = repeated("a=b; Path=/", 'p', 1024, "; Secure");

	(void)state;
	assert_int_equal(parsed(whole).path.len, 1024);
	assert_int_equal(parsed(more).path.len, 0);
	assert_true(parsed(more).secure);
	free(whole);
	free(more);
}

static void ages_become_an_end(void **state)
{
	/* 5.6.1 and 5.6.2: Max-Age wins, the last of a name counts, 400 days are the most. */
	static const struct {
		const char *line;
		int64_t expires_wall_s;
	} rows[] = {
		{"a=b", COOKIE_NEVER},
		{"a=b; max-age=1", NOW_S + 1},
		{"a=b; MAX-AGE = 10 ", NOW_S + 10},
		{"a=b; max-age=0", INT64_MIN},
		{"a=b; max-age=-1", INT64_MIN},
		{"a=b; max-age=", COOKIE_NEVER},
		{"a=b; max-age", COOKIE_NEVER},
		{"a=b; max-age=-", COOKIE_NEVER},
		{"a=b; max-age=+1", COOKIE_NEVER},
		{"a=b; max-age=1.5", COOKIE_NEVER},
		{"a=b; max-age=1e3", COOKIE_NEVER},
		{"a=b; max-age=34560000", NOW_S + 34560000},
		{"a=b; max-age=34560001", NOW_S + 34560000},
		{"a=b; max-age=99999999999999999999999", NOW_S + 34560000},
		{"a=b; max-age=-99999999999999999999999", INT64_MIN},
		{"a=b; max-age=5; max-age=7", NOW_S + 7},
		{"a=b; max-age=5; max-age=x", NOW_S + 5},
		{"a=b; expires=Sun, 09 Sep 2001 01:46:50 GMT", NOW_S + 10},
		{"a=b; expires=Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
		{"a=b; expires=Fri, 31 Dec 2100 00:00:00 GMT", NOW_S + 34560000},
		{"a=b; expires=never", COOKIE_NEVER},
		{"a=b; max-age=5; expires=Sun, 06 Nov 1994 08:49:37 GMT", NOW_S + 5},
		{"a=b; expires=Sun, 06 Nov 1994 08:49:37 GMT; max-age=5", NOW_S + 5},
		{"a=b; expires=Sun, 06 Nov 1994 08:49:37 GMT; max-age=x", 784111777},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t got = parsed(rows[i].line).expires_wall_s;

		if (got != rows[i].expires_wall_s)
			fail_msg("%s: %lld", rows[i].line, (long long)got);
	}
}

static void domain_and_path_are_kept_as_said(void **state)
{
	/* 5.6.3 and 5.6.4: one dot goes; the last counts; a path without '/' is none. */
	static const struct {
		const char *line, *domain, *path;
		bool path_said;
	} rows[] = {
		{"a=b", "", "", false},
		{"a=b; domain=Example.com", "Example.com", "", false},
		{"a=b; domain=.example.com", "example.com", "", false},
		{"a=b; domain=..example.com", ".example.com", "", false},
		{"a=b; domain=a.com; domain=b.com", "b.com", "", false},
		{"a=b; domain=a.com; domain=", "", "", false},
		{"a=b; path=/x/y", "", "/x/y", true},
		{"a=b; path=x", "", "", true},
		{"a=b; path=", "", "", true},
		{"a=b; path=/x; path=y", "", "", true},
		{"a=b;path=/x;;;domain=c", "c", "/x", true},
		{"a=b; path=/x=y", "", "/x=y", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct set_cookie cookie = parsed(rows[i].line);

		if (!is(cookie.domain, rows[i].domain) || !is(cookie.path, rows[i].path) ||
		    cookie.path_said != rows[i].path_said)
			fail_msg("%s", rows[i].line);
	}
}

static void flags_need_no_value(void **state)
{
	/* 5.6.5 to 5.6.7: Secure and HttpOnly whatever they are set to; SameSite by its value. */
	static const struct {
		const char *line;
		bool secure, http_only;
		enum same_site same_site;
	} rows[] = {
		{"a=b", false, false, SAME_SITE_DEFAULT},
		{"a=b; secure", true, false, SAME_SITE_DEFAULT},
		{"a=b;SECURE=no;httponly=0", true, true, SAME_SITE_DEFAULT},
		{"a=b; HttpOnly", false, true, SAME_SITE_DEFAULT},
		{"a=b; SameSite=strict", false, false, SAME_SITE_STRICT},
		{"a=b; SameSite=LAX", false, false, SAME_SITE_LAX},
		{"a=b; SameSite=None; Secure", true, false, SAME_SITE_NONE},
		{"a=b; SameSite=lax; SameSite=what", false, false, SAME_SITE_DEFAULT},
		{"a=b; secured; http only; partitioned", false, false, SAME_SITE_DEFAULT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct set_cookie cookie = parsed(rows[i].line);

		if (cookie.secure != rows[i].secure || cookie.http_only != rows[i].http_only ||
		    cookie.same_site != rows[i].same_site)
			fail_msg("%s", rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_found_among_anything),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(names_and_values_are_split_at_the_first_equals),
		cmocka_unit_test(some_lines_are_ignored),
		cmocka_unit_test(name_and_value_have_4096_octets_together),
		cmocka_unit_test(attributes_have_1024_octets),
		cmocka_unit_test(ages_become_an_end),
		cmocka_unit_test(domain_and_path_are_kept_as_said),
		cmocka_unit_test(flags_need_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
