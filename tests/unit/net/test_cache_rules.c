/* SPDX-License-Identifier: MIT */
/* test_cache_rules.c - RFC 9111, section by section, and stale-if-error of RFC 5861. */
#include "net/cache_rules.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* 2026-11-21T12:00:00Z, by `date -u +%s` */
#define NOW_S  INT64_C(1795262400)
#define NOW_MS (NOW_S * 1000)
#define DATE   "date: Sat, 21 Nov 2026 12:00:00 GMT\n"

enum { HEAD_BYTES_MAX = 4096 };

/* Heads are written as lines, "name: value\n"; this makes them what a transfer gathers. */
static struct cache_head head_of(const char *lines, char into[HEAD_BYTES_MAX])
{
	char *at = into;

	while (*lines) {
		const char *colon = strchr(lines, ':'), *end = strchr(lines, '\n');

		memcpy(at, lines, (size_t)(colon - lines));
		at += colon - lines;
		*at++ = '\0';
		colon += 1 + strspn(colon + 1, " ");
		memcpy(at, colon, (size_t)(end - colon));
		at += end - colon;
		*at++ = '\0';
		lines = end + 1;
	}
	return (struct cache_head){into, (size_t)(at - into)};
}

/* And back, for comparing. */
static void assert_head(struct buf *head, const char *lines)
{
	struct buf text = BUF(HEAD_BYTES_MAX);
	size_t at = 0;

	while (at < head->len) {
		const char *name = head->data + at, *value = name + strlen(name) + 1;

		buf_printf(&text, "%s: %s\n", name, value);
		at = (size_t)(value - head->data) + strlen(value) + 1;
	}
	assert_string_equal(buf_text(&text), lines);
	buf_done(&text);
	buf_done(head);
}

static void some_answers_may_be_stored(void **state)
{
	/* Section 3, and the statuses of RFC 9110, 15.1. */
	static const struct {
		int status;
		const char *head;
		bool storable;
	} rows[] = {
		{200, "", true},
		{200, "cache-control: no-store\n", false},
		{200, "cache-control: max-age=60, No-Store\n", false},
		{200, "cache-control: max-age=60\ncache-control: no-store\n", false},
		{200, "cache-control: no-store, must-understand\n", true},
		{200, "cache-control: private\n", true},
		{200, "cache-control: no-cache\n", true},
		{200, "cache-control: x=\"a, no-store\"\n", true},
		{200, "vary: *\n", false},
		{200, "vary: accept, *\n", false},
		{200, "vary: accept\n", true},
		{203, "", true},
		{204, "", true},
		{206, "cache-control: max-age=60\n", false},
		{301, "", true},
		{302, "", false},
		{302, "cache-control: max-age=60\n", true},
		{302, "cache-control: private\n", true},
		{307, "expires: Sat, 21 Nov 2026 13:00:00 GMT\n", true},
		{303, "cache-control: public\n", true},
		{308, "", true},
		{304, "cache-control: max-age=60\n", false},
		{404, "", true},
		{410, "", true},
		{403, "cache-control: max-age=60\n", false},
		{429, "cache-control: max-age=60\n", false},
		{500, "cache-control: max-age=60\n", false},
		{503, "cache-control: max-age=60\n", false},
		{501, "", true},
	};
	char text[HEAD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (cache_storable(rows[i].status, head_of(rows[i].head, text)) != rows[i].storable)
			fail_msg("%d %s", rows[i].status, rows[i].head);
}

static struct cache_facts facts_of(int status, const char *lines, char text[HEAD_BYTES_MAX])
{
	return (struct cache_facts){
		.status = status,
		.head = head_of(lines, text),
		.asked_wall_ms = NOW_MS,
		.answered_wall_ms = NOW_MS,
	};
}

static void a_lifetime_is_said_or_guessed(void **state)
{
	/* 4.2.1: max-age, then Expires, then (4.2.2) a tenth of the age, at most a day. */
	static const struct {
		int status;
		const char *head;
		int64_t lifetime_s;
	} rows[] = {
		{200, DATE "cache-control: max-age=60\n", 60},
		{200, DATE "cache-control: MAX-AGE = 60\n", 60},
		{200, DATE "cache-control: max-age=\"60\"\n", 60},
		{200, DATE "cache-control: public,,max-age=60 , immutable\n", 60},
		{200, DATE "cache-control: s-maxage=600, max-age=60\n", 60},
		{200, DATE "cache-control: s-maxage=600\n", 0},
		{200, DATE "cache-control: max-age=60, max-age=90\n", 60},
		{200, DATE "cache-control: max-age=x\n", 0},
		{200, DATE "cache-control: max-age=-1\n", 0},
		{200, DATE "cache-control: max-age\n", 0},
		{200, DATE "cache-control: max-age=99999999999999999999\n", INT32_MAX},
		{200, DATE "expires: Sat, 21 Nov 2026 13:00:00 GMT\n", 3600},
		{200, DATE "expires: Sat, 21 Nov 2026 11:00:00 GMT\n", 0},
		{200, DATE "expires: 0\n", 0},
		{200, DATE "expires: -1\nlast-modified: Wed, 11 Nov 2026 12:00:00 GMT\n", 0},
		{200,
		 "date: Sat, 21 Nov 2026 11:00:00 GMT\n"
		 "expires: Sat, 21 Nov 2026 12:00:00 GMT\n",
		 3600},
		{200, "expires: Sat, 21 Nov 2026 12:00:10 GMT\n", 10},
		{200, DATE "cache-control: max-age=60\nexpires: Sat, 21 Nov 2026 13:00:00 GMT\n",
		 60},
		{200, DATE "last-modified: Sat, 21 Nov 2026 02:00:00 GMT\n", 3600},
		{200, DATE "last-modified: Sun, 01 Nov 2020 12:00:00 GMT\n", 86400},
		{200, DATE "last-modified: Sat, 21 Nov 2026 13:00:00 GMT\n", 0},
		{200, DATE, 0},
		{404, DATE "last-modified: Sat, 21 Nov 2026 02:00:00 GMT\n", 3600},
		{302, DATE "last-modified: Sat, 21 Nov 2026 02:00:00 GMT\n", 0},
		{302, DATE "cache-control: public\nlast-modified: Sat, 21 Nov 2026 02:00:00 GMT\n",
		 3600},
	};
	char text[HEAD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_facts facts = facts_of(rows[i].status, rows[i].head, text);

		if (cache_lifetime_s(&facts) != rows[i].lifetime_s)
			fail_msg("%s: %lld", rows[i].head, (long long)cache_lifetime_s(&facts));
	}
}

static void an_age_is_the_larger_of_two(void **state)
{
	/* 4.2.3: by Date, or by Age and how long the answer took; and how long it lay here. */
	static const struct {
		const char *head;
		int64_t asked_s, answered_s, now_s, age_s;
	} rows[] = {
		{DATE, 0, 0, 0, 0},
		{DATE, 0, 0, 100, 100},
		{DATE, 0, 5, 5, 5},
		{"date: Sat, 21 Nov 2026 11:50:00 GMT\n", 0, 0, 0, 600},
		{"date: Sat, 21 Nov 2026 12:10:00 GMT\n", 0, 0, 30, 30},
		{DATE "age: 50\n", 0, 0, 0, 50},
		{DATE "age: 50\n", 0, 5, 5, 55},
		{DATE "age: 50\n", 0, 5, 15, 65},
		{"date: Sat, 21 Nov 2026 11:50:00 GMT\nage: 50\n", 0, 0, 10, 610},
		{"age: 50, 70\n", 0, 0, 0, 50},
		{"age: x\n", 0, 0, 7, 7},
		{DATE, 0, 0, -3600, 0},
	};
	char text[HEAD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_facts facts = facts_of(200, rows[i].head, text);
		int64_t age_s;

		facts.asked_wall_ms += rows[i].asked_s * 1000;
		facts.answered_wall_ms += rows[i].answered_s * 1000;
		age_s = cache_age_s(&facts, NOW_MS + rows[i].now_s * 1000);
		if (age_s != rows[i].age_s)
			fail_msg("%zu: %lld", i, (long long)age_s);
	}
}

static void fresh_ones_are_given_and_some_stale_ones(void **state)
{
	/* 4.2, 4.2.4, 5.2.2.2 (must-revalidate), 5.2.2.4 (no-cache), 5.2.1.2 (max-stale). */
	static const struct {
		const char *head;
		int64_t after_s, max_stale_s;
		bool refresh;
		enum cache_verdict verdict;
	} rows[] = {
		{DATE "cache-control: max-age=60\n", 0, 0, false, CACHE_FRESH},
		{DATE "cache-control: max-age=60\n", 59, 0, false, CACHE_FRESH},
		{DATE "cache-control: max-age=60\n", 60, 0, false, CACHE_ASK},
		{DATE "cache-control: max-age=60\n", 60, 10, false, CACHE_STALE},
		{DATE "cache-control: max-age=60\n", 70, 10, false, CACHE_ASK},
		{DATE "cache-control: max-age=60\n", 0, 10, true, CACHE_ASK},
		{DATE "cache-control: max-age=60, must-revalidate\n", 59, 0, false, CACHE_FRESH},
		{DATE "cache-control: max-age=60, must-revalidate\n", 61, 99, false, CACHE_ASK},
		{DATE "cache-control: max-age=60, no-cache\n", 0, 99, false, CACHE_ASK},
		{DATE "cache-control: max-age=60, no-cache=\"set-cookie\"\n", 0, 0, false,
		 CACHE_ASK},
		{DATE, 0, 0, false, CACHE_ASK},
		{DATE, 5, 10, false, CACHE_STALE},
	};
	char text[HEAD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_facts facts = facts_of(200, rows[i].head, text);

		if (cache_judge(&facts, rows[i].max_stale_s, rows[i].refresh,
				NOW_MS + rows[i].after_s * 1000) != rows[i].verdict)
			fail_msg("%zu: %s", i, rows[i].head);
	}
}

static void some_stand_in_for_an_origin_that_fails(void **state)
{
	/* RFC 5861, section 4; must-revalidate and no-cache forbid it. */
	static const struct {
		const char *head;
		int64_t after_s, max_stale_s;
		bool may;
	} rows[] = {
		{DATE "cache-control: max-age=60, stale-if-error=30\n", 89, 0, true},
		{DATE "cache-control: max-age=60, stale-if-error=30\n", 90, 0, false},
		{DATE "cache-control: max-age=60\n", 61, 0, false},
		{DATE "cache-control: max-age=60\n", 61, 10, true},
		{DATE "cache-control: max-age=60, stale-if-error=30, must-revalidate\n", 61, 99,
		 false},
		{DATE "cache-control: no-cache, stale-if-error=30\n", 1, 99, false},
	};
	char text[HEAD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_facts facts = facts_of(200, rows[i].head, text);

		if (cache_may_rescue(&facts, rows[i].max_stale_s,
				     NOW_MS + rows[i].after_s * 1000) != rows[i].may)
			fail_msg("%zu: %s", i, rows[i].head);
	}
}

static void a_304_confirms_what_has_its_validator(void **state)
{
	/* 4.3.4: a strong validator as it is, a weak one without regard to strength. */
	static const struct {
		const char *stored, *news;
		bool confirms;
	} rows[] = {
		{"etag: \"a\"\n", "etag: \"a\"\n", true},
		{"etag: \"a\"\n", "etag: \"b\"\n", false},
		{"etag: W/\"a\"\n", "etag: \"a\"\n", false},
		{"etag: \"a\"\n", "etag: W/\"a\"\n", true},
		{"etag: W/\"a\"\n", "etag: W/\"a\"\n", true},
		{"etag: \"a\"\n", "", true},
		{"last-modified: x\n", "etag: \"a\"\n", false},
		{"last-modified: x\n", "last-modified: x\n", true},
		{"last-modified: x\n", "last-modified: y\n", false},
		{"etag: \"a\"\n", "last-modified: y\n", false},
		{"etag: \"a\"\nlast-modified: x\n", "etag: \"a\"\nlast-modified: y\n", true},
	};
	char stored[HEAD_BYTES_MAX], news[HEAD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (cache_confirms(head_of(rows[i].stored, stored), head_of(rows[i].news, news)) !=
		    rows[i].confirms)
			fail_msg("%zu", i);
	assert_true(cache_has_validator(head_of("last-modified: x\n", stored)));
	assert_true(cache_has_validator(head_of("etag: x\n", stored)));
	assert_false(cache_has_validator(head_of(DATE, stored)));
}

static void a_304_brings_the_head_up_to_date(void **state)
{
	/* 3.2: its fields replace all of that name; what describes the stored body stays. */
	char stored[HEAD_BYTES_MAX], news[HEAD_BYTES_MAX];
	struct buf head = BUF(HEAD_BYTES_MAX);

	(void)state;
	cache_head_merge(head_of("date: old\nx-a: 1\nx-a: 2\nx-b: 3\ncontent-type: text/html\n"
				 "content-encoding: gzip\ncontent-length: 9\nx-gone: stays\n",
				 stored),
			 head_of("date: new\nx-a: 4\nx-c: 5\nx-c: 6\ncontent-type: text/plain\n"
				 "content-encoding: br\ncontent-length: 0\nset-cookie: a=b\n"
				 "connection: close, X-Hop\nx-hop: 7\n",
				 news),
			 &head);
	assert_head(&head, "x-b: 3\ncontent-type: text/html\ncontent-encoding: gzip\n"
			   "content-length: 9\nx-gone: stays\ndate: new\nx-a: 4\nx-c: 5\nx-c: 6\n");
}

static void fields_of_the_connection_are_not_stored(void **state)
{
	/* 3.1 and RFC 9110, 7.6.1; and cookies are for once. */
	char text[HEAD_BYTES_MAX];
	struct buf head = BUF(HEAD_BYTES_MAX);

	(void)state;
	cache_head_keep(head_of("date: x\nconnection: keep-alive, X-Hop\nkeep-alive: 5\nx-hop: 1\n"
				"transfer-encoding: chunked\nupgrade: h2c\nset-cookie: a=b\n"
				"etag: \"a\"\n",
				text),
			&head);
	assert_head(&head, "date: x\netag: \"a\"\n");
}

/* A request with one field. */
struct sample {
	const char *name, *value;
};

static const char *sample_field(const void *ctx, const char *name)
{
	const struct sample *sample = ctx;

	return sample->name && strcasecmp(name, sample->name) == 0 ? sample->value : NULL;
}

static void vary_wants_the_same_request(void **state)
{
	/* 4.1: each field that it names, absent in both or the same. */
	static const struct {
		const char *vary;
		struct sample stored, asked;
		bool match;
	} rows[] = {
		{"", {"accept", "a"}, {"accept", "b"}, true},
		{"vary: Accept\n", {"accept", "a"}, {"accept", "a"}, true},
		{"vary: accept\n", {"accept", "a"}, {"accept", "b"}, false},
		{"vary: accept\n", {"accept", "a"}, {NULL, NULL}, false},
		{"vary: accept\n", {NULL, NULL}, {"accept", "a"}, false},
		{"vary: accept\n", {"accept", ""}, {NULL, NULL}, false},
		{"vary: accept\n", {NULL, NULL}, {NULL, NULL}, true},
		{"vary: x, accept\n", {"accept", "a"}, {"accept", "b"}, false},
		{"vary: x\nvary: accept\n", {"accept", "a"}, {"accept", "b"}, false},
		{"vary: Accept-Encoding, Cookie\n", {"cookie", "a"}, {"cookie", "b"}, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_asked stored = {sample_field, &rows[i].stored};
		struct cache_asked asked = {sample_field, &rows[i].asked};
		struct buf kept = BUF(HEAD_BYTES_MAX);
		char text[HEAD_BYTES_MAX];

		assert_true(cache_vary_keep(head_of(rows[i].vary, text), &stored, &kept));
		if (cache_vary_match((struct cache_head){buf_text(&kept), kept.len}, &asked) !=
		    rows[i].match)
			fail_msg("%zu", i);
		buf_done(&kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_answers_may_be_stored),
		cmocka_unit_test(a_lifetime_is_said_or_guessed),
		cmocka_unit_test(an_age_is_the_larger_of_two),
		cmocka_unit_test(fresh_ones_are_given_and_some_stale_ones),
		cmocka_unit_test(some_stand_in_for_an_origin_that_fails),
		cmocka_unit_test(a_304_confirms_what_has_its_validator),
		cmocka_unit_test(a_304_brings_the_head_up_to_date),
		cmocka_unit_test(fields_of_the_connection_are_not_stored),
		cmocka_unit_test(vary_wants_the_same_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
