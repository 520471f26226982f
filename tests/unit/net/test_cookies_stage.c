/* SPDX-License-Identifier: MIT */
/* test_cookies_stage.c - what a fetch with a jar sends; what it keeps, tests/integration/
 * test_cookies.py has. */
#include "net/cookies.h"

#include "base/arena.h"
#include "net/url.h"
#include "tests/lib/fetch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static struct cookies *jar_for(const struct world *world, const char *name, const char *value)
{
	struct arena arena = ARENA(64 * 1024);
	struct cookies *jar = cookies_new();
	char *text = origin_url(world->origin, "/");
	struct url url;
	struct err err;

	assert_non_null(jar);
	assert_int_equal(url_parse(text, strlen(text), NULL, &arena, &url, &err), 0);
	assert_int_equal(cookies_put(jar, &url, name, value, &err), 0);
	free(text);
	arena_done(&arena);
	return jar;
}

/* How often a line of the head that the origin saw begins so, in lower case or not. */
static unsigned lines(const struct fetch_result *result, const char *start)
{
	unsigned count = 0;

	for (const char *at = result->body; (at = strstr(at, "\r\n")); at += 2)
		count += strncasecmp(at + 2, start, strlen(start)) == 0;
	return count;
}

static void a_jar_is_sent(void **state)
{
	/* Its cookie, on each hop of the host, beside the request's own headers. */
	const struct fetch_header header = {"X-Own", "yes"};
	struct fetch_request request = {.headers = &header, .header_count = 1};
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	request.cookies = jar_for(&world, "session", "42");
	result = world_get(&world, "/a?status=302&to=/b?echo", &request);
	cookies_free(request.cookies);
	assert_int_equal(result->redirects, 1);
	assert_int_equal(lines(result, "cookie: session=42\r\n"), 1);
	assert_int_equal(lines(result, "x-own: yes\r\n"), 1);
	world_close(&world);
}

static void there_is_one_cookie_header(void **state)
{
	/* RFC 6265bis, 5.8: never two; the user's names come first and win. */
	const struct fetch_header headers[] = {{"cookie", "a=own; b=own"}, {"X-Own", "yes"}};
	struct fetch_request request = {.headers = headers, .header_count = 2};
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	request.cookies = jar_for(&world, "c", "jar");
	result = world_get(&world, "/?echo", &request);
	assert_int_equal(lines(result, "cookie:"), 1);
	assert_int_equal(lines(result, "cookie: a=own; b=own; c=jar\r\n"), 1);
	assert_int_equal(lines(result, "x-own: yes\r\n"), 1);
	cookies_free(request.cookies);
	world_close(&world);
}

static void without_a_jar_nothing_changes(void **state)
{
	/* The user's header goes as it is, and none is made. */
	const struct fetch_header header = {"Cookie", "a=own"};
	struct fetch_request request = {.headers = &header, .header_count = 1};
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	assert_int_equal(lines(world_get(&world, "/?echo", NULL), "cookie:"), 0);
	result = world_get(&world, "/x?echo", &request);
	assert_int_equal(lines(result, "cookie: a=own\r\n"), 1);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jar_is_sent),
		cmocka_unit_test(there_is_one_cookie_header),
		cmocka_unit_test(without_a_jar_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
