/* SPDX-License-Identifier: MIT */
/* test_http_auth.c - tokens, their scopes, and when they are asked for. */
#include "service/http/auth.h"

#include "service/http/reply.h"
#include "service/http/server.h"
#include "tests/lib/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char lines[] = "# comment\n"
			    "\n"
			    "everything-0123456789\n"
			    "reader-0123456789abc ci read\r\n"
			    "writer-0123456789abc\tdeploy  read,write\n";

static struct auth *lines_load(void)
{
	struct auth *auth;
	struct err err;

	assert_int_equal(auth_new(&auth, &err), 0);
	assert_int_equal(auth_add_lines(auth, lines, sizeof(lines) - 1, &err), 0);
	assert_int_equal(auth_count(auth), 3);
	return auth;
}

static void knows_tokens_by_name_and_scope(void **state)
{
	/* Each token opens what its scopes say, no more. */
	struct auth *auth = lines_load();
	const char *name;
	struct err err;

	(void)state;
	assert_int_equal(auth_check(auth, "Bearer everything-0123456789", SCOPE_ADMIN, &name, &err),
			 0);
	assert_string_equal(name, "");
	assert_int_equal(auth_check(auth, "bearer  reader-0123456789abc", SCOPE_READ, &name, &err),
			 0);
	assert_string_equal(name, "ci");
	assert_int_equal(auth_check(auth, "Bearer reader-0123456789abc", SCOPE_WRITE, &name, &err),
			 -1);
	assert_int_equal(err.code, ERR_FORBIDDEN);
	assert_int_equal(auth_check(auth, "Bearer writer-0123456789abc", SCOPE_WRITE, &name, &err),
			 0);
	auth_free(auth);
}

static void refuses_what_is_no_token(void **state)
{
	/* Absent, another scheme, a prefix, a longer one: all the same 401. */
	static const char *const bad[] = {
		NULL,
		"",
		"Bearer",
		"Bearer ",
		"Basic everything-0123456789",
		"Bearer everything-012345678",
		"Bearer everything-01234567890",
		"Bearer # comment",
	};
	struct auth *auth = lines_load();
	const char *name;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(auth_check(auth, bad[i], SCOPE_ANY, &name, &err), -1);
		assert_int_equal(err.code, ERR_UNAUTHORIZED);
	}
	auth_free(auth);
}

static void names_the_line_that_is_wrong_not_the_token(void **state)
{
	/* Too short, an unknown scope, a word too many. */
	static const char *const bad[] = {
		"good-0123456789abcdef\nshort\n",
		"good-0123456789abcdef\nlong-0123456789abcdef n reed\n",
		"good-0123456789abcdef\nlong-0123456789abcdef n read write\n",
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct auth *auth;

		assert_int_equal(auth_new(&auth, &err), 0);
		assert_int_equal(auth_add_lines(auth, bad[i], strlen(bad[i]), &err), -1);
		assert_non_null(strstr(err.detail, "line 2"));
		assert_null(strstr(err.detail, "long-"));
		auth_free(auth);
	}
}

static void finds_a_token_by_the_hash_of_a_standard(void **state)
{
	/* SHA-256 of "abc" (FIPS 180-2, appendix B.1): the hash alone lets the token in. */
	static const unsigned char hash[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
					       0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
					       0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
					       0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	struct auth *auth;
	const char *name;
	struct err err;

	(void)state;
	assert_int_equal(auth_new(&auth, &err), 0);
	assert_int_equal(auth_add_hash(auth, hash, "nist", SCOPE_ALL, &err), 0);
	assert_int_equal(auth_check(auth, "Bearer abc", SCOPE_ALL, &name, &err), 0);
	assert_string_equal(name, "nist");
	auth_free(auth);
}

static void makes_tokens_that_differ(void **state)
{
	/* 43 characters that fit a header and a URL. */
	char one[AUTH_TOKEN_LEN + 1];
	char two[AUTH_TOKEN_LEN + 1];

	(void)state;
	auth_token_new(one);
	auth_token_new(two);
	assert_int_equal(strlen(one), 43);
	assert_int_equal(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_"),
			 43);
	assert_string_not_equal(one, two);
}

static void ok(struct request *request)
{
	reply_static(request, 200, "text/plain", "ok", 2);
}

static const struct route table[] = {
	{METHOD_GET, "/open", ok, ROUTE_OPEN, SCOPE_ANY, 0},
	{METHOD_GET, "/read", ok, 0, SCOPE_READ, 0},
	{METHOD_POST, "/write", ok, 0, SCOPE_WRITE, 0},
	{0},
};

static void expect(const struct server *server, const char *line, const char *fields, int status,
		   const char *contains)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", line,
			   fields);
	struct raw_answer answer = raw_ask(server_url(server), text, (size_t)len);

	assert_int_equal(answer.status, status);
	assert_non_null(strstr(answer.text, contains));
	raw_answer_done(&answer);
}

static void asks_for_a_token_where_one_is_needed(void **state)
{
	/* Health is open; the rest, unknown paths too, is 401 with a challenge, or 403. */
	struct auth *auth = lines_load();
	const struct server_config config = {.listen = "0.0.0.0:0", .routes = table, .auth = auth};
	struct server *server;
	struct err err;

	(void)state;
	assert_int_equal(server_new(&config, &server, &err), 0);
	assert_int_equal(server_start(server, &err), 0);
	expect(server, "GET /open", "", 200, "ok");
	expect(server, "GET /read", "", 401, "WWW-Authenticate: Bearer");
	expect(server, "GET /nowhere", "", 401, "/errors/unauthorized");
	expect(server, "DELETE /read", "", 401, "/errors/unauthorized");
	expect(server, "GET /read", "Authorization: Bearer reader-0123456789abc\r\n", 200, "ok");
	expect(server, "POST /write", "Authorization: Bearer reader-0123456789abc\r\n", 403,
	       "/errors/forbidden");
	expect(server, "GET /nowhere", "Authorization: Bearer reader-0123456789abc\r\n", 404, "");
	expect(server, "GET /read",
	       "Authorization: Bearer everything-0123456789\r\n"
	       "Authorization: Bearer reader-0123456789abc\r\n",
	       400, "twice");
	server_free(server);
	auth_free(auth);
}

static void does_not_listen_off_loopback_without_tokens(void **state)
{
	/* Anybody could submit jobs: refused before a socket listens. */
	const struct server_config config = {.listen = "0.0.0.0:0", .routes = table};
	struct server *server;
	struct err err;

	(void)state;
	assert_int_equal(server_new(&config, &server, &err), -1);
	assert_non_null(strstr(err.detail, "needs a token"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_tokens_by_name_and_scope),
		cmocka_unit_test(refuses_what_is_no_token),
		cmocka_unit_test(names_the_line_that_is_wrong_not_the_token),
		cmocka_unit_test(finds_a_token_by_the_hash_of_a_standard),
		cmocka_unit_test(makes_tokens_that_differ),
		cmocka_unit_test(asks_for_a_token_where_one_is_needed),
		cmocka_unit_test(does_not_listen_off_loopback_without_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
