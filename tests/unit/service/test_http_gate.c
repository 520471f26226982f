/* SPDX-License-Identifier: MIT */
/* test_http_gate.c - malformed and foreign requests, byte by byte, to a real server. */
#include "service/http/server.h"

#include "service/http/reply.h"
#include "tests/lib/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct server *server;
static _Atomic unsigned handled; /* requests that reached a handler */

static void echo(struct request *request)
{
	struct buf body = BUF(1 << 20);
	size_t len;
	const char *bytes = request_body(request, &len);

	handled++;
	buf_add(&body, bytes, len);
	reply_bytes(request, 200, "application/octet-stream", &body);
}

static const struct route table[] = {
	{METHOD_GET, "/a", echo, 0, SCOPE_ANY, 0},
	{METHOD_POST, "/a", echo, ROUTE_BODY, SCOPE_ANY, 100},
	{0},
};

static int start(void **state)
{
	const struct server_config config = {.listen = "127.0.0.1:0", .routes = table};
	struct err err;

	(void)state;
	if (server_new(&config, &server, &err) == 0 && server_start(server, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.detail);
	return -1;
}

static int stop(void **state)
{
	(void)state;
	server_free(server);
	return 0;
}

struct form {
	const char *bytes;
	size_t len;
};

#define FORM(text)                                                                                 \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}
#define HEAD "GET /a HTTP/1.1\r\nHost: localhost\r\n"
#define LAST "Connection: close\r\n\r\n"
#define POST "POST /a HTTP/1.1\r\nHost: localhost\r\n"

/* RFC 9112, sections 2.2, 3, 5 and 6: what two parsers may read differently. */
static const struct form malformed[] = {
	FORM(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	FORM(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
	FORM(POST "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"),
	FORM(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
	FORM(POST "Content-Length : 3\r\n\r\nabc"),
	FORM(POST "Content-Length\t: 3\r\n\r\nabc"),
	FORM(POST "Content-Length: 3, 3\r\n\r\nabc"),
	FORM(POST "Content-Length: +3\r\n\r\nabc"),
	FORM(POST "Content-Length: -3\r\n\r\nabc"),
	FORM(POST "Content-Length: 0x3\r\n\r\nabc"),
	FORM(POST "Content-Length: 3 3\r\n\r\nabc"),
	FORM(POST "Content-Length:\r\n\r\n"),
	FORM(POST "Transfer-Encoding: gzip\r\n\r\nabc"),
	FORM(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
	FORM(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
	FORM(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	FORM(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
	FORM(POST "Transfer-Encoding:\x0b"
		  "chunked\r\n\r\n0\r\n\r\n"),
	FORM("POST /a HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	FORM(HEAD "Host: localhost\r\n\r\n"),
	FORM("GET /a HTTP/1.1\r\n\r\n"),
	FORM("GET /a HTTP/1.1\r\nHost:\r\n\r\n"),
	FORM("GET /a HTTP/1.1\r\nHost: localhost:80:80\r\n\r\n"),
	FORM("GET /a HTTP/1.1\nHost: localhost\n\n"),
	FORM("GET /a HTTP/1.1\nHost: localhost\r\n\r\n"),
	FORM("GET /a HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n"),
	FORM(HEAD "X: y\n\r\n"),
	FORM(HEAD "X: y\r\n\n"),
	FORM(HEAD "X: y\r\n\nGET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM(HEAD "X: a\0b\r\n\r\n"),
	FORM(HEAD "X: a\rb\r\n\r\n"),
	FORM(HEAD "X: a\x01"
		  "b\r\n\r\n"),
	FORM(HEAD "X: a\x7f"
		  "b\r\n\r\n"),
	FORM(HEAD "X\0Y: a\r\n\r\n"),
	FORM(HEAD "X\x01: a\r\n\r\n"),
	FORM(HEAD "X(Y): a\r\n\r\n"),
	FORM(HEAD "X Y: a\r\n\r\n"),
	FORM(HEAD ": a\r\n\r\n"),
	FORM(HEAD ":\n\r\n"),
	FORM(HEAD "X: a\0\n\r\n"),
	FORM(HEAD "no colon\r\n\r\n"),
	FORM(HEAD "X: a\r\n folded\r\n\r\n"),
	FORM(HEAD "X: a\r\n\tContent-Length: 5\r\n\r\n"),
	FORM("GET /a HTTP/1.1\r\n Host: localhost\r\n\r\n"),
	FORM("GET  /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a  HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a%00 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a%0d%0a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /%a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a#b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET\t/a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a HTTP/1.7\r\nHost: localhost\r\n\r\n"),
	FORM("GET /a\r\nHost: localhost\r\n\r\n"),
	FORM("TRACE /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("get /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	FORM("G\0ET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
};

static void refuses_every_malformed_form_and_closes(void **state)
{
	/* Each form is answered 400 once, the connection ends, and no handler saw it. */
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		unsigned before = handled;
		int fd = raw_connect(server_url(server));
		struct raw_answer answer;

		raw_send(fd, malformed[i].bytes, malformed[i].len);
		/* Whether the first was taken for well-formed, this one would tell. */
		raw_send(fd, HEAD "\r\n", sizeof(HEAD "\r\n") - 1);
		answer = raw_read_to_end(fd);
		close(fd);
		if (answer.status != 400 || !strstr(answer.body, "\"detail\":\"") ||
		    strstr(answer.body, "HTTP/1.1 200"))
			print_message("form %zu: %s\n", i, answer.text);
		assert_int_equal(answer.status, 400);
		assert_non_null(strstr(answer.text, "\r\nContent-Type: application/problem+json"));
		assert_non_null(strstr(answer.body, "{\"type\":\"/errors/bad-request\""));
		assert_null(strstr(answer.body, "HTTP/1.1 200"));
		assert_int_equal(handled, before);
		raw_answer_done(&answer);
	}
}

static void refuses_what_follows_the_first_request_too(void **state)
{
	/* Later heads and chunks are libmicrohttpd's: it may say so in HTML, but it is 400 or 505
	 * and the end, and the request behind is not served. */
	static const struct form forms[] = {
		FORM(POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"),
		FORM(POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n"),
		FORM(HEAD "\r\nPOST /a HTTP/1.1\r\nHost: localhost\r\n"
			  "Content-Length: 1, 1\r\n\r\na"),
		FORM(HEAD "\r\nGET /a HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"),
		FORM(HEAD "\r\nGET /a HTTP/2.0\r\nHost: localhost\r\n\r\n"),
		FORM(HEAD "\r\nGET /a HTTP/1.1\nHost: localhost\r\n\r\n"),
		FORM(HEAD "\r\nGET /a HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n"),
		FORM(HEAD "\r\nGET /a HTTP/1.1\r\nHost: localhost\r\nX:\n:t\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		unsigned before = handled;
		unsigned good = strncmp(forms[i].bytes, "GET", 3) == 0;
		int fd = raw_connect(server_url(server));
		struct raw_answer answer;

		raw_send(fd, forms[i].bytes, forms[i].len);
		raw_send(fd, HEAD "\r\n", sizeof(HEAD "\r\n") - 1);
		answer = raw_read_to_end(fd);
		close(fd);
		assert_true(strstr(answer.text, "HTTP/1.1 400") ||
			    strstr(answer.text, "HTTP/1.1 505"));
		assert_int_equal(handled, before + good);
		raw_answer_done(&answer);
	}
}

static void a_refusal_reaches_who_is_still_sending(void **state)
{
	/* 10 MB where 100 bytes are allowed: a client that finds the connection reset while it
	 * sends does not look for the 413. */
	enum { BODY_BYTES = 10 * 1000 * 1000 };
	static const char head[] = POST "Content-Length: 10000000\r\n\r\n";
	char *body = calloc(1, BODY_BYTES);

	(void)state;
	for (int i = 0; i < 10; i++) {
		int fd = raw_connect(server_url(server));
		struct raw_answer answer;

		raw_send(fd, head, sizeof(head) - 1);
		for (ssize_t n, sent = 0; sent < BODY_BYTES; sent += n) {
			n = send(fd, body + sent, (size_t)(BODY_BYTES - sent), MSG_NOSIGNAL);
			assert_true(n > 0);
		}
		answer = raw_read_to_end(fd);
		close(fd);
		assert_int_equal(answer.status, 413);
		assert_non_null(strstr(answer.body, "/errors/body-too-large"));
		raw_answer_done(&answer);
	}
	free(body);
}

static void reads_a_head_that_comes_byte_by_byte(void **state)
{
	/* Whole, it is served; ended too soon, it is told so. */
	static const char head[] = HEAD LAST;
	int fd = raw_connect(server_url(server));
	struct raw_answer answer;

	(void)state;
	for (size_t i = 0; i < sizeof(head) - 1; i++)
		raw_send(fd, head + i, 1);
	answer = raw_read_to_end(fd);
	assert_int_equal(answer.status, 200);
	raw_answer_done(&answer);
	close(fd);
	fd = raw_connect(server_url(server));
	raw_send(fd, HEAD, sizeof(HEAD) - 1);
	shutdown(fd, SHUT_WR);
	answer = raw_read_to_end(fd);
	assert_int_equal(answer.status, 400);
	assert_non_null(strstr(answer.body, "ends before its empty line"));
	raw_answer_done(&answer);
	close(fd);
}

static void accepts_what_the_standard_allows(void **state)
{
	/* Blanks around values, lower-case names, bodies by length and in chunks. */
	static const struct form good[] = {
		FORM("POST /a HTTP/1.1\r\nhost:localhost  \r\nX:\t y \t\r\nEmpty:\r\n"
		     "content-length: 3\r\nConnection: close\r\n\r\nabc"),
		FORM(POST "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n"),
		FORM("POST /a?x=1&y=%20+%C3%A9&&z HTTP/1.0\r\nHost: 127.0.0.1:80\r\n"
		     "Content-Length: 3\r\n\r\nabc"),
		FORM("\r\nPOST /%61 HTTP/1.1\r\nHost: [::1]:1\r\nContent-Length: 003\r\n"
		     "Connection: close\r\n\r\nabc"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct raw_answer answer = raw_ask(server_url(server), good[i].bytes, good[i].len);

		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.body, "abc");
		raw_answer_done(&answer);
	}
}

static void answers_pipelined_requests_in_order(void **state)
{
	/* Two well-formed requests in one packet get two answers. */
	static const char two[] = POST "Content-Length: 1\r\n\r\n1" POST
				       "Content-Length: 1\r\nConnection: close\r\n\r\n2";
	struct raw_answer answer = raw_ask(server_url(server), two, sizeof(two) - 1);
	const char *second = strstr(answer.body, "HTTP/1.1 200");

	(void)state;
	assert_int_equal(answer.body[0], '1');
	assert_non_null(second);
	assert_string_equal(strstr(second, "\r\n\r\n") + 4, "2");
	raw_answer_done(&answer);
}

static void ends_the_connection_after_a_chunked_body(void **state)
{
	/* Nothing may hide behind chunks: a request that follows is not read. */
	static const char text[] = POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HEAD "\r\n";
	unsigned before = handled;
	struct raw_answer answer = raw_ask(server_url(server), text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.text, "Connection: close"));
	assert_int_equal(handled, before + 1);
	raw_answer_done(&answer);
}

static void expect_status(const char *text, int status, const char *contains)
{
	struct raw_answer answer = raw_ask(server_url(server), text, strlen(text));

	if (answer.status != status || !strstr(answer.text, contains))
		print_message("expected %d %s: %s\n", status, contains, answer.text);
	assert_int_equal(answer.status, status);
	assert_non_null(strstr(answer.text, contains));
	raw_answer_done(&answer);
}

static void serves_heads_up_to_its_limits(void **state)
{
	/* A token of 16,000 bytes, all 64 fields, cookies, a long URI: each fits. */
	char text[20000];
	int len = snprintf(text, sizeof(text), HEAD);

	(void)state;
	for (int i = 0; i < 62; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "H%02d: %0200d\r\n", i, 0);
	snprintf(text + len, sizeof(text) - (size_t)len, LAST);
	expect_status(text, 200, "");
	snprintf(text, sizeof(text), HEAD "Authorization: Bearer %016000d\r\n" LAST, 0);
	expect_status(text, 200, "");
	len = snprintf(text, sizeof(text), HEAD "Cookie: ");
	for (int i = 0; i < 40; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "c%02d=%0196d; ", i, 0);
	snprintf(text + len, sizeof(text) - (size_t)len, "z=1\r\n" LAST);
	expect_status(text, 200, "");
	snprintf(text, sizeof(text), "GET /a?x=%03000d HTTP/1.1\r\nHost: localhost\r\n" LAST, 0);
	expect_status(text, 200, "");
}

static void keeps_to_its_limits(void **state)
{
	/* Too many fields, too long a URI, too large a head or body: each has its status. */
	char text[32768];
	int len = snprintf(text, sizeof(text), HEAD);

	(void)state;
	for (int i = 0; i < 64; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "H%d: v\r\n", i);
	snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
	expect_status(text, 431, "/errors/headers-too-large");

	snprintf(text, sizeof(text), "GET /%04000d HTTP/1.1\r\nHost: localhost\r\n\r\n", 0);
	expect_status(text, 414, "/errors/uri-too-long");
	snprintf(text, sizeof(text), "GET /%09000d HTTP/1.1\r\nHost: localhost\r\n\r\n", 0);
	expect_status(text, 414, "");
	snprintf(text, sizeof(text), HEAD "X: %016500d\r\n\r\n", 0);
	expect_status(text, 431, "16384 are allowed");
	snprintf(text, sizeof(text), HEAD "X: %030000d\r\n\r\n", 0);
	expect_status(text, 431, "/errors/headers-too-large");
	snprintf(text, sizeof(text), HEAD "X: %030000d", 0);
	expect_status(text, 431, "/errors/headers-too-large");
	snprintf(text, sizeof(text), HEAD "Cookie: a=%012000d\r\n\r\n", 0);
	expect_status(text, 431, "24576 are allowed");
	expect_status(POST "Content-Length: 101\r\n\r\n", 413, "100 bytes");
	expect_status(POST "Content-Length: 99999999999999999999999\r\n\r\n", 413,
		      "/errors/body-too-large");
	snprintf(text, sizeof(text),
		 POST "Transfer-Encoding: chunked\r\n\r\n65\r\n%0101d\r\n0\r\n\r\n", 0);
	expect_status(text, 413, "/errors/body-too-large");
	expect_status("GET /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n", 413,
		      "takes no body");
	expect_status("GET /a?x=%00 HTTP/1.1\r\nHost: localhost\r\n" LAST, 400, "'x'");
	expect_status("GET /a?x=1&y=%zz HTTP/1.1\r\nHost: localhost\r\n" LAST, 400,
		      "/errors/bad-parameter");
	expect_status(HEAD "Expect: magic\r\n\r\n", 417, "100-continue");
}

static void serves_only_its_own_names_and_pages(void **state)
{
	/* A rebound name is 421, a page of another origin 403, our own page fine. */
	(void)state;
	expect_status("GET /a HTTP/1.1\r\nHost: jobmill:8080\r\n" LAST, 421,
		      "\"allowed\":[\"localhost\",\"127.0.0.1\",\"[::1]\"],\"hint\":\"--allow-host "
		      "jobmill\"");
	expect_status("GET /a HTTP/1.1\r\nHost: 10.0.0.1\r\n" LAST, 421, "host-not-allowed");
	expect_status("GET /a HTTP/1.1\r\nHost: localhost.evil.example\r\n" LAST, 421, "");
	expect_status("GET /a HTTP/1.1\r\nHost: LOCALHOST:1\r\n" LAST, 200, "");
	expect_status(HEAD "Origin: http://evil.example\r\n" LAST, 403, "/errors/cross-origin");
	expect_status(HEAD "Origin: null\r\n" LAST, 403, "/errors/cross-origin");
	expect_status(HEAD "Sec-Fetch-Site: cross-site\r\n" LAST, 403, "/errors/cross-origin");
	expect_status(HEAD "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n" LAST, 200,
		      "");
}

static void says_what_a_path_knows(void **state)
{
	/* 404, 405 with Allow, a hint for the trailing slash, OPTIONS and HEAD. */
	(void)state;
	expect_status("GET /b HTTP/1.1\r\nHost: localhost\r\n" LAST, 404, "/errors/not-found");
	expect_status("GET /a/ HTTP/1.1\r\nHost: localhost\r\n" LAST, 404, "\"hint\":\"/a\"");
	expect_status("GET //a HTTP/1.1\r\nHost: localhost\r\n" LAST, 404, "");
	expect_status("PUT /a HTTP/1.1\r\nHost: localhost\r\n" LAST, 405,
		      "Allow: GET, HEAD, POST, OPTIONS");
	expect_status("OPTIONS /a HTTP/1.1\r\nHost: localhost\r\n" LAST, 204,
		      "Allow: GET, HEAD, POST, OPTIONS");
	expect_status("HEAD /a HTTP/1.1\r\nHost: localhost\r\n" LAST, 200, "Content-Length: 0");
	expect_status(HEAD "X-Request-Id: abc-1\r\n" LAST, 200, "X-Request-Id: abc-1\r\n");
	expect_status(HEAD "X-Request-Id: a b\r\n" LAST, 200, "X-Request-Id: req_");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_every_malformed_form_and_closes),
		cmocka_unit_test(refuses_what_follows_the_first_request_too),
		cmocka_unit_test(a_refusal_reaches_who_is_still_sending),
		cmocka_unit_test(reads_a_head_that_comes_byte_by_byte),
		cmocka_unit_test(accepts_what_the_standard_allows),
		cmocka_unit_test(answers_pipelined_requests_in_order),
		cmocka_unit_test(ends_the_connection_after_a_chunked_body),
		cmocka_unit_test(serves_heads_up_to_its_limits),
		cmocka_unit_test(keeps_to_its_limits),
		cmocka_unit_test(serves_only_its_own_names_and_pages),
		cmocka_unit_test(says_what_a_path_knows),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
