/* SPDX-License-Identifier: MIT */
/* test_robots_cache.c - what is known of an origin's robots.txt, in invented time. */
#include "net/robots_cache.h"

#include "base/limits.h"
#include "net/cache_rules.h"
#include "net/robots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };
enum { START_MS = 5 * SECOND };

static const int64_t start_wall_ms = INT64_C(1700000000) * 1000; /* 2023-11-14T22:13:20Z */
static int some_load;

/* A head as a transfer gathers it. */
#define HEAD(text)                                                                                 \
	(struct cache_head)                                                                        \
	{                                                                                          \
		.at = (text), .len = sizeof(text)                                                  \
	}

static const struct cache_head no_head = {.at = "", .len = 0};

static struct robots_cache *cache_of(size_t origins_max, size_t bytes_max)
{
	struct robots_cache *cache = robots_cache_new(origins_max, bytes_max);

	assert_non_null(cache);
	return cache;
}

static struct robots_file *file_of(struct robots_cache *cache, const char *key)
{
	struct err err;
	struct robots_file *file = robots_file_make(cache, key, false, &err);

	if (!file)
		fail_msg("%s", err.detail);
	return file;
}

/* One load of it, from begin to end. */
static void answer(struct robots_cache *cache, struct robots_file *file, int status,
		   struct cache_head head, const char *text, int64_t now_ms)
{
	struct robots_answer answer = {
		.status = status,
		.head = head.at,
		.head_len = head.len,
		.text = text,
		.len = strlen(text),
		.asked_wall_ms = start_wall_ms + now_ms,
		.answered_wall_ms = start_wall_ms + now_ms,
	};

	if (status >= 400)
		err_set(&answer.err, status < 500 ? ERR_FETCH_HTTP_4XX : ERR_FETCH_HTTP_5XX,
			"answered %d", status);
	robots_file_begin(cache, file, &some_load);
	assert_int_equal(robots_file_state(file, now_ms), ROBOTS_LOADING);
	robots_file_end(cache, file, &answer, now_ms);
}

static void failure(struct robots_cache *cache, struct robots_file *file, enum err_code code,
		    int64_t now_ms)
{
	struct robots_answer answer = {.head = ""};

	err_set(&answer.err, code, "as the test says");
	robots_file_begin(cache, file, &some_load);
	robots_file_end(cache, file, &answer, now_ms);
}

static bool allows(struct robots_cache *cache, struct robots_file *file, const char *token,
		   const char *path)
{
	struct robots *robots;
	struct err err;
	bool allowed;

	assert_int_equal(robots_file_rules(cache, file, token, &robots, &err), 0);
	allowed = robots_allowed(robots, path, strlen(path));
	robots_free(robots);
	return allowed;
}

/* How long the state stays as it is, to the second. */
static int64_t lasts_s(const struct robots_file *file, int64_t now_ms)
{
	enum robots_state state = robots_file_state(file, now_ms);
	int64_t s = 0;

	while (robots_file_state(file, now_ms + s * SECOND) == state)
		s++;
	return s;
}

static const char two_groups[] = "User-agent: a\nDisallow: /a\nUser-agent: *\nDisallow: /\n";

static void a_file_is_unknown_until_it_was_loaded(void **state)
{
	/* Unknown, loading, known; each token has its own group. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");

	(void)state;
	assert_int_equal(robots_file_state(file, START_MS), ROBOTS_UNKNOWN);
	answer(cache, file, 200, no_head, two_groups, START_MS);
	assert_int_equal(robots_file_state(file, START_MS), ROBOTS_KNOWN);
	assert_true(allows(cache, file, "a", "/b"));
	assert_false(allows(cache, file, "a", "/a"));
	assert_false(allows(cache, file, "b", "/b"));
	assert_ptr_equal(file_of(cache, "http:a.example:80"), file);
	robots_cache_free(cache);
}

static void a_file_without_cache_headers_holds_for_a_day(void **state)
{
	/* RFC 9309, 2.4: 24 hours at most. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");

	(void)state;
	answer(cache, file, 200, no_head, two_groups, START_MS);
	assert_int_equal(lasts_s(file, START_MS), 86400);
	assert_int_equal(robots_file_state(file, START_MS + DAY), ROBOTS_UNKNOWN);
	robots_cache_free(cache);
}

static void cache_control_and_expires_are_obeyed_within_bounds(void **state)
{
	/* Between a minute and a day: max-age, less Age, and Expires against Date. */
	static const struct {
		struct cache_head head;
		int64_t lasts_s;
	} rows[] = {
		{HEAD("cache-control\0max-age=3600"), 3600},
		{HEAD("cache-control\0max-age=3600\0age\0"
		      "600"),
		 3000},
		{HEAD("cache-control\0max-age=604800"), 86400},
		{HEAD("cache-control\0max-age=0"), 60},
		{HEAD("cache-control\0no-store"), 60},
		{HEAD("date\0Tue, 14 Nov 2023 22:13:25 GMT\0"
		      "expires\0Tue, 14 Nov 2023 23:13:25 GMT"),
		 3600},
		{HEAD("expires\0Tue, 14 Nov 2023 22:00:00 GMT"), 60},
		{HEAD("expires\0"
		      "0"),
		 60},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct robots_cache *cache = cache_of(0, 0);
		struct robots_file *file = file_of(cache, "http:a.example:80");

		answer(cache, file, 200, rows[i].head, two_groups, START_MS);
		if (lasts_s(file, START_MS) != rows[i].lasts_s)
			fail_msg("row %zu: %d s", i, (int)lasts_s(file, START_MS));
		robots_cache_free(cache);
	}
}

static void a_304_confirms_what_was_read(void **state)
{
	/* The validators are there for the request; rules stay, time begins anew. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");

	(void)state;
	assert_null(robots_file_etag(file));
	answer(cache, file, 200, HEAD("etag\0\"1\"\0last-modified\0Tue, 14 Nov 2023 22:00:00 GMT"),
	       two_groups, START_MS);
	assert_string_equal(robots_file_etag(file), "\"1\"");
	assert_string_equal(robots_file_changed(file), "Tue, 14 Nov 2023 22:00:00 GMT");
	answer(cache, file, 304, HEAD("cache-control\0max-age=7200"), "", START_MS + DAY);
	assert_int_equal(lasts_s(file, START_MS + DAY), 7200);
	assert_false(allows(cache, file, "a", "/a"));
	assert_string_equal(robots_file_etag(file), "\"1\"");
	answer(cache, file, 200, no_head, "", START_MS + 2 * DAY);
	assert_true(allows(cache, file, "a", "/a"));
	assert_null(robots_file_etag(file));
	robots_cache_free(cache);
}

static void a_4xx_allows_everything(void **state)
{
	/* RFC 9309, 2.3.1.3: 400-499; 2.3.1.2: more redirects than are followed. */
	static const int statuses[] = {400, 401, 403, 404, 410, 451, 499};
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");
	struct robots_view view;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		answer(cache, file, statuses[i], no_head, "User-agent: *\nDisallow: /", START_MS);
		assert_int_equal(robots_file_state(file, START_MS), ROBOTS_KNOWN);
		assert_true(allows(cache, file, "a", "/"));
	}
	assert_true(robots_cache_look(cache, "http:a.example:80", START_MS, &view));
	assert_true(view.missing);
	assert_int_equal(view.status, 499);
	failure(cache, file, ERR_FETCH_REDIRECTS, START_MS);
	assert_true(allows(cache, file, "a", "/"));
	robots_cache_free(cache);
}

static void an_unreachable_file_disallows_everything_and_waits_longer_each_time(void **state)
{
	/* RFC 9309, 2.3.1.4; asked again after 30 s, 60 s, …, at most an hour. */
	static const int64_t silent_s[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600};
	static const enum err_code codes[] = {
		ERR_FETCH_HTTP_5XX,  ERR_FETCH_TIMEOUT,	 ERR_FETCH_DNS,
		ERR_FETCH_CONNECT,   ERR_FETCH_TLS,	 ERR_FETCH_RESET,
		ERR_FETCH_TRUNCATED, ERR_FETCH_PROTOCOL, ERR_FETCH_BOMB};
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");
	int64_t now_ms = START_MS;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(silent_s); i++) {
		failure(cache, file, codes[i], now_ms);
		assert_int_equal(robots_file_state(file, now_ms), ROBOTS_SILENT);
		assert_int_equal(lasts_s(file, now_ms), silent_s[i]);
		robots_file_refuse(file, &err);
		assert_int_equal(err.code, ERR_FETCH_ROBOTS);
		now_ms += silent_s[i] * SECOND;
		assert_int_equal(robots_file_state(file, now_ms), ROBOTS_UNKNOWN);
	}
	answer(cache, file, 200, no_head, two_groups, now_ms);
	assert_true(allows(cache, file, "a", "/b"));
	answer(cache, file, 503, no_head, "", now_ms + DAY);
	assert_int_equal(lasts_s(file, now_ms + DAY), 30); /* it had been well in between */
	robots_cache_free(cache);
}

static void what_was_read_holds_while_the_file_is_unreachable(void **state)
{
	/* RFC 9309, 2.4: longer than a day only when it cannot be had. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");

	(void)state;
	answer(cache, file, 200, no_head, two_groups, START_MS);
	answer(cache, file, 500, no_head, "", START_MS + DAY);
	assert_int_equal(robots_file_state(file, START_MS + DAY), ROBOTS_KNOWN);
	assert_true(allows(cache, file, "a", "/b"));
	assert_false(allows(cache, file, "b", "/b"));
	assert_int_equal(lasts_s(file, START_MS + DAY), 30);
	robots_cache_free(cache);
}

static void a_guard_says_so_itself(void **state)
{
	/* The fetch would meet it too: the reason is not robots.txt. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");
	struct err err;

	(void)state;
	failure(cache, file, ERR_FETCH_GUARD, START_MS);
	robots_file_refuse(file, &err);
	assert_int_equal(err.code, ERR_FETCH_GUARD);
	robots_cache_free(cache);
}

static void the_longest_delay_of_the_tokens_counts(void **state)
{
	/* One host serves all jobs; 300 s at most. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");

	(void)state;
	answer(cache, file, 200, no_head,
	       "User-agent: a\nDisallow:\nCrawl-delay: 2\nUser-agent: b\nDisallow:\n"
	       "Crawl-delay: 1.5\nUser-agent: c\nDisallow:\nCrawl-delay: 4000\n"
	       "User-agent: *\nDisallow:\n",
	       START_MS);
	assert_int_equal(robots_file_delay_ms(file), -1);
	allows(cache, file, "z", "/");
	assert_int_equal(robots_file_delay_ms(file), -1);
	allows(cache, file, "b", "/");
	assert_int_equal(robots_file_delay_ms(file), 1500);
	allows(cache, file, "a", "/");
	assert_int_equal(robots_file_delay_ms(file), 2000);
	allows(cache, file, "c", "/");
	assert_int_equal(robots_file_delay_ms(file), 300000);
	robots_cache_free(cache);
}

static void more_tokens_than_fit_are_read_again(void **state)
{
	/* A fifth takes the place of the first; both answers stay right. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");

	(void)state;
	answer(cache, file, 200, no_head, two_groups, START_MS);
	for (int round = 0; round < 3; round++) {
		static const char *const tokens[] = {"a", "b", "c", "d", "e"};

		for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
			assert_int_equal(allows(cache, file, tokens[i], "/b"), i == 0);
	}
	robots_cache_free(cache);
}

static void the_one_unused_for_longest_goes_first(void **state)
{
	/* Three places: a is asked for again, so b goes; one that is loading stays. */
	struct robots_cache *cache = cache_of(3, 0);
	struct robots_answer none = {.head = ""};
	struct robots_view view;
	struct robots_file *file;
	struct err err;

	(void)state;
	file_of(cache, "http:a:80");
	file_of(cache, "http:b:80");
	file_of(cache, "http:c:80");
	file_of(cache, "http:a:80");
	file_of(cache, "http:d:80");
	assert_false(robots_cache_look(cache, "http:b:80", START_MS, &view));
	assert_true(robots_cache_look(cache, "http:a:80", START_MS, &view));
	file = file_of(cache, "http:c:80");
	robots_file_begin(cache, file, &some_load);
	file_of(cache, "http:e:80");
	file_of(cache, "http:f:80");
	assert_true(robots_cache_look(cache, "http:c:80", START_MS, &view));
	assert_int_equal(view.state, ROBOTS_LOADING);
	robots_file_begin(cache, file_of(cache, "http:e:80"), &some_load);
	robots_file_begin(cache, file_of(cache, "http:f:80"), &some_load);
	assert_null(robots_file_make(cache, "http:g:80", false, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	for (const char *key = "cef"; *key; key++) {
		char whole[] = {'h', 't', 't', 'p', ':', *key, ':', '8', '0', '\0'};

		robots_file_end(cache, file_of(cache, whole), &none, START_MS);
	}
	robots_cache_free(cache);
}

static void bytes_are_bounded_too(void **state)
{
	/* 100 files of 100 KB in 1 MB: at most ten are left, the newest among them. */
	struct robots_cache *cache = cache_of(0, 1000 * 1000);
	char *text = malloc(100 * 1000 + 1), key[40];
	struct robots_view view;
	unsigned left = 0;

	(void)state;
	memset(text, '#', 100 * 1000);
	text[100 * 1000] = '\0';
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "http:%d.example:80", i);
		answer(cache, file_of(cache, key), 200, no_head, text, START_MS);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "http:%d.example:80", i);
		left += robots_cache_look(cache, key, START_MS, &view);
	}
	assert_in_range(left, 8, 10);
	assert_true(robots_cache_look(cache, "http:99.example:80", START_MS, &view));
	free(text);
	robots_cache_free(cache);
}

static void more_than_the_limit_is_not_kept(void **state)
{
	/* 512 KiB are read: a rule before that counts, the line that is cut does not. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");
	char *text = malloc(ROBOTS_BYTES_MAX + 100);
	int len = sprintf(text, "User-agent: *\nDisallow: /a\n");

	(void)state;
	memset(text + len, '#', ROBOTS_BYTES_MAX + 99 - (size_t)len);
	memcpy(text + ROBOTS_BYTES_MAX - 12, "\nDisallow: /b/c/d\n", 18);
	text[ROBOTS_BYTES_MAX + 99] = '\0';
	answer(cache, file, 200, no_head, text, START_MS);
	assert_false(allows(cache, file, "a", "/a"));
	assert_true(allows(cache, file, "a", "/b/c/d"));
	assert_true(allows(cache, file, "a", "/"));
	free(text);
	robots_cache_free(cache);
}

static void unverified_origins_are_files_of_their_own(void **state)
{
	/* What anybody on the way could have written does not hold for those who verify. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file;
	struct err err;

	(void)state;
	file = robots_file_make(cache, "https:a.example:443", true, &err);
	answer(cache, file, 200, no_head, two_groups, START_MS);
	assert_int_equal(robots_file_state(file_of(cache, "https:a.example:443"), START_MS),
			 ROBOTS_UNKNOWN);
	assert_int_equal(robots_file_state(file, START_MS), ROBOTS_KNOWN);
	robots_cache_free(cache);
}

static void others_read_what_is_known(void **state)
{
	/* Rules, sitemaps and figures, without a fetch; nothing once the time is over. */
	struct robots_cache *cache = cache_of(0, 0);
	struct robots_file *file = file_of(cache, "http:a.example:80");
	struct robots_view view;
	struct robots *robots;

	(void)state;
	assert_null(robots_cache_rules(cache, "http:a.example:80", "a", START_MS));
	answer(cache, file, 200, HEAD("cache-control\0max-age=100"),
	       "Sitemap: http://a.example/1.xml\nUser-agent: *\nCrawl-delay: 3\nDisallow: /x\n"
	       "Sitemap: http://a.example/2.xml\n",
	       START_MS);
	assert_null(robots_cache_rules(cache, "http:a.example:80", "a", START_MS));
	allows(cache, file, "A", "/");
	robots = robots_cache_rules(cache, "http:a.example:80", "a", START_MS);
	assert_non_null(robots);
	assert_false(robots_allowed(robots, "/x/y", 4));
	assert_string_equal(robots_sitemap(robots, 1), "http://a.example/2.xml");
	assert_true(robots_cache_look(cache, "http:a.example:80", START_MS + SECOND, &view));
	assert_int_equal(view.state, ROBOTS_KNOWN);
	assert_int_equal(view.status, 200);
	assert_int_equal(view.fetched_wall_ms, start_wall_ms + START_MS);
	assert_int_equal(view.left_ms, 99 * SECOND);
	assert_int_equal(view.delay_ms, 3000);
	assert_int_equal(view.sitemaps, 2);
	assert_null(robots_cache_rules(cache, "http:a.example:80", "a", START_MS + 100 * SECOND));
	robots_cache_free(cache);
	assert_int_equal(robots_sitemaps(robots), 2); /* our own hold */
	robots_free(robots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_unknown_until_it_was_loaded),
		cmocka_unit_test(a_file_without_cache_headers_holds_for_a_day),
		cmocka_unit_test(cache_control_and_expires_are_obeyed_within_bounds),
		cmocka_unit_test(a_304_confirms_what_was_read),
		cmocka_unit_test(a_4xx_allows_everything),
		cmocka_unit_test(
			an_unreachable_file_disallows_everything_and_waits_longer_each_time),
		cmocka_unit_test(what_was_read_holds_while_the_file_is_unreachable),
		cmocka_unit_test(a_guard_says_so_itself),
		cmocka_unit_test(the_longest_delay_of_the_tokens_counts),
		cmocka_unit_test(more_tokens_than_fit_are_read_again),
		cmocka_unit_test(the_one_unused_for_longest_goes_first),
		cmocka_unit_test(bytes_are_bounded_too),
		cmocka_unit_test(more_than_the_limit_is_not_kept),
		cmocka_unit_test(unverified_origins_are_files_of_their_own),
		cmocka_unit_test(others_read_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
