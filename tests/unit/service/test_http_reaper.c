/* SPDX-License-Identifier: MIT */
/* test_http_reaper.c - clients that are too slow, and too many. */
#include "service/http/server.h"

#include "service/http/reply.h"
#include "service/http/stream.h"
#include "tests/lib/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct server *server;

static ssize_t fill(void *ctx, char *into, size_t room)
{
	(void)ctx;
	memset(into, 'x', room);
	return (ssize_t)room;
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static const struct stream_reader endless_reader = {fill, nothing};

static void endless(struct request *request)
{
	reply_stream(request, 200, "text/plain", STREAM_UNKNOWN, &endless_reader, NULL);
}

static void ok(struct request *request)
{
	reply_static(request, 200, "text/plain", "ok", 2);
}

static const struct route table[] = {
	{METHOD_POST, "/ok", ok, ROUTE_BODY, SCOPE_ANY, 0},
	{METHOD_GET, "/ok", ok, 0, SCOPE_ANY, 0},
	{METHOD_GET, "/endless", endless, 0, SCOPE_ANY, 0},
	{0},
};

static int start(const struct server_config *config)
{
	struct err err;

	if (server_new(config, &server, &err) == 0 && server_start(server, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.detail);
	return -1;
}

/* One deadline is short, the others are those of production. */
static int start_headers(void **state)
{
	(void)state;
	return start(&(struct server_config){
		.listen = "127.0.0.1:0", .routes = table, .headers_ms_max = 50});
}

static int start_body(void **state)
{
	(void)state;
	return start(&(struct server_config){
		.listen = "127.0.0.1:0", .routes = table, .body_ms_max = 50});
}

static int start_idle(void **state)
{
	(void)state;
	return start(&(struct server_config){
		.listen = "127.0.0.1:0", .routes = table, .idle_ms_max = 50});
}

static int start_stall(void **state)
{
	(void)state;
	return start(&(struct server_config){
		.listen = "127.0.0.1:0", .routes = table, .write_stall_ms_max = 100});
}

static int start_few(void **state)
{
	(void)state;
	return start(&(struct server_config){
		.listen = "127.0.0.1:0", .routes = table, .connections_max = 3});
}

static int start_few_per_address(void **state)
{
	(void)state;
	return start(&(struct server_config){
		.listen = "127.0.0.1:0", .routes = table, .connections_per_address_max = 2});
}

static int stop(void **state)
{
	(void)state;
	server_free(server);
	return 0;
}

static void send_text(int fd, const char *text)
{
	raw_send(fd, text, strlen(text));
}

static uint64_t reaped(void)
{
	struct server_stats stats;

	server_stats(server, &stats);
	return stats.reaped;
}

static void closes_who_says_nothing_or_half_a_head(void **state)
{
	/* Neither silence nor a head that drips gets more than the time for heads. */
	int silent = raw_connect(server_url(server));
	int half = raw_connect(server_url(server));

	(void)state;
	send_text(half, "GET /ok HTTP/1.1\r\nHost: localhost\r\nX");
	raw_wait_for_end(silent);
	raw_wait_for_end(half);
	assert_int_equal(reaped(), 2);
	close(silent);
	close(half);
}

static void closes_who_sends_a_body_too_slowly(void **state)
{
	/* Ten of a hundred bytes came: below 1 KiB/s when the time is up. */
	int fd = raw_connect(server_url(server));

	(void)state;
	send_text(fd,
		  "POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n0123456789");
	raw_wait_for_end(fd);
	assert_int_equal(reaped(), 1);
	close(fd);
}

static void closes_who_stops_after_a_fast_start(void **state)
{
	/* 20,000 bytes in the first moment would be 1 KiB/s for many seconds; then nothing. */
	int fd = raw_connect(server_url(server));
	char bytes[20000];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	send_text(fd, "POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000\r\n\r\n");
	raw_send(fd, bytes, sizeof(bytes));
	raw_wait_for_end(fd);
	assert_int_equal(reaped(), 1);
	close(fd);
}

static void closes_whose_client_ends_in_the_middle(void **state)
{
	/* The end comes with the last bytes, of which too few: long before the time for bodies. */
	int fd = raw_connect(server_url(server));

	(void)state;
	send_text(fd, "POST /ok HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000\r\n\r\n0123");
	shutdown(fd, SHUT_WR);
	raw_wait_for_end(fd);
	close(fd);
}

static void closes_who_is_idle_between_requests(void **state)
{
	/* The request is answered in full; the silence after it is what is too long. */
	int fd = raw_connect(server_url(server));
	struct raw_answer answer;

	(void)state;
	send_text(fd, "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n");
	answer = raw_read(fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, "ok");
	raw_answer_done(&answer);
	raw_wait_for_end(fd);
	assert_int_equal(reaped(), 1);
	close(fd);
}

static void closes_who_does_not_read(void **state)
{
	/* The answer never ends and nobody takes it: the server gives up, the slot is free. */
	int fd = raw_connect(server_url(server));
	struct server_stats stats;

	(void)state;
	send_text(fd, "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
	do
		server_stats(server, &stats);
	while (stats.reaped == 0 || stats.connections > 0);
	assert_int_equal(stats.reaped, 1);
	close(fd);
}

static void tells_who_is_one_too_many(int count, int status, const char *type)
{
	int fds[4];
	int extra;
	struct raw_answer answer;
	struct server_stats stats;

	for (int i = 0; i < count; i++) {
		fds[i] = raw_connect(server_url(server));
		send_text(fds[i], "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n");
		assert_true(raw_wait_for(fds[i], "ok"));
	}
	extra = raw_connect(server_url(server));
	answer = raw_read_to_end(extra);
	assert_int_equal(answer.status, status);
	assert_non_null(strstr(answer.body, type));
	assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
	raw_answer_done(&answer);
	close(extra);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	do
		server_stats(server, &stats);
	while (stats.connections > 0);
	/* There is room again. */
	extra = raw_connect(server_url(server));
	send_text(extra, "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_true(raw_wait_for(extra, "ok"));
	close(extra);
}

static void bounds_connections_in_all(void **state)
{
	/* The fourth of three is 503. */
	(void)state;
	tells_who_is_one_too_many(3, 503, "/errors/too-many-connections");
}

static void bounds_connections_of_one_address(void **state)
{
	/* The third of two from 127.0.0.1 is 429. */
	(void)state;
	tells_who_is_one_too_many(2, 429, "/errors/too-many-requests");
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, stop)
	const struct CMUnitTest tests[] = {
		TEST(closes_who_says_nothing_or_half_a_head, start_headers),
		TEST(closes_who_sends_a_body_too_slowly, start_body),
		TEST(closes_who_stops_after_a_fast_start, start_body),
		TEST(closes_whose_client_ends_in_the_middle, start_idle),
		TEST(closes_who_is_idle_between_requests, start_idle),
		TEST(closes_who_does_not_read, start_stall),
		TEST(bounds_connections_in_all, start_few),
		TEST(bounds_connections_of_one_address, start_few_per_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
