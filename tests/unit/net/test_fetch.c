/* SPDX-License-Identifier: MIT */
/* The fetcher against an origin on loopback that does what its URLs say. */
#include "net/fetch.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/guard.h"
#include "tests/lib/fetch_world.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct fetch_request once = {.retry = {.attempts_max = 1}};
static const struct fetch_request quick = {.retry = {.base_ms = 5, .delay_ms_max = 20}};

static void an_answer_arrives_with_all_that_is_known(void **state)
{
	/* Status, body, headers, host key and counts of a plain 200 are in the result. */
	const struct fetch_result *result;
	struct world world;
	char key[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/page?size=5", NULL);
	snprintf(key, sizeof(key), "http:127.0.0.1:%d", origin_port(world.origin));
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->status, 200);
	assert_string_equal(result->body, "xxxxx");
	assert_int_equal(result->body_len, 5);
	assert_int_equal(result->decoded_bytes, 5);
	assert_true(result->wire_bytes > 5);
	assert_string_equal(result->content_type, "text/html");
	assert_string_equal(fetch_result_header(result, "CONTENT-LENGTH"), "5");
	assert_null(fetch_result_header(result, "x-absent"));
	assert_string_equal(result->host_key, key);
	assert_int_equal(result->attempts, 1);
	assert_true(result->total_us >= result->first_byte_us);
	world_close(&world);
}

static void a_503_is_tried_again(void **state)
{
	/* 503, 503, 200 is a success at the third attempt. */
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/a?status=503,503,200", &quick);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->status, 200);
	assert_int_equal(result->attempts, 3);
	assert_int_equal(origin_hits(world.origin, "/a?status=503,503,200"), 3);
	world_close(&world);
}

static void attempts_are_bounded(void **state)
{
	/* Four attempts in all by default; the last answer is the result. */
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/a?status=500", &quick);
	assert_int_equal(result->err.code, ERR_FETCH_HTTP_5XX);
	assert_int_equal(result->status, 500);
	assert_int_equal(result->attempts, 4);
	assert_int_equal(origin_hits(world.origin, "/a?status=500"), 4);
	world_close(&world);
}

static void a_post_is_not_repeated(void **state)
{
	/* RFC 9110, 9.2.2: POST is not idempotent, so one 500 ends it. */
	struct fetch_request post = {.method = "POST", .body = "a=1", .body_len = 3};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	assert_int_equal(world_get(&world, "/a?status=500", &post)->attempts, 1);
	world_close(&world);
}

static void retry_after_is_obeyed(void **state)
{
	/* 429 with Retry-After: 2 waits two seconds and consumes no attempt. */
	const struct fetch_result *result;
	struct fetch_view view = {0};
	struct fetch *fetch;
	struct world world;
	int64_t from_ms = clock_ms();

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	fetch = world_start(&world, "/a?status=429,200&retry_after=2", &once);
	while (view.state != FETCH_PARKED && view.state != FETCH_ENDED)
		fetch_look(fetch, &view);
	assert_int_equal(view.state, FETCH_PARKED);
	assert_int_equal(view.reason, ERR_FETCH_THROTTLED);
	assert_true(view.until_ms > from_ms && view.until_ms <= clock_ms() + 2000);
	world_wait(&world, &world.count, 1);
	result = world.results[0];
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->status, 200);
	assert_int_equal(result->attempts, 1);
	assert_true(clock_ms() - from_ms >= 2000);
	fetch_look(fetch, &view);
	assert_int_equal(view.state, FETCH_ENDED);
	fetch_drop(fetch);
	world_close(&world);
}

static void a_breaker_opens_and_closes_again(void **state)
{
	/* Five failures open it; parked work goes on through three probes, then it is closed. */
	static const char target[] = "/a?status=500,500,500,500,500,200";
	struct fetch_request request = {
		.retry = {.attempts_max = 1}, .per_host = 1, .breaker = {.open_ms = 200}};
	struct host_view host;
	struct world world;
	struct err err;
	unsigned failed = 0;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 12; i++)
		fetch_drop(world_start(&world, target, &request));
	world_wait(&world, &world.count, 12);
	for (int i = 0; i < 12; i++)
		failed += world.results[i]->err.code == ERR_FETCH_HTTP_5XX;
	assert_int_equal(failed, 5);
	assert_int_equal(origin_hits(world.origin, target), 12);
	assert_int_equal(world.changes, 3); /* open, half-open, closed */
	assert_int_equal(hosts_get(fetcher_hosts(world.fetcher), world.results[0]->host_key,
				   clock_ms(), &host, NULL, &err),
			 0);
	assert_int_equal(host.state, BREAKER_CLOSED);
	assert_int_equal(host.trips, 1);
	assert_int_equal(host.total.opens, 1);
	assert_int_equal(host.total.failures, 5);
	assert_int_equal(host.last_status, 500);
	world_close(&world);
	assert_true(world.saves > 0);
}

static void who_will_not_wait_fails_at_once(void **state)
{
	/* on_open fail: with the breaker open the fetch ends and makes no request. */
	struct fetch_request request = {.on_open = HOSTS_FAIL};
	const struct fetch_result *result;
	struct world world;
	struct err err;
	char key[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	snprintf(key, sizeof(key), "http:127.0.0.1:%d", origin_port(world.origin));
	assert_int_equal(hosts_force(fetcher_hosts(world.fetcher), key, BREAKER_FORCED_OPEN,
				     clock_ms(), &err),
			 0);
	result = world_get(&world, "/a", &request);
	assert_int_equal(result->err.code, ERR_FETCH_CIRCUIT_OPEN);
	assert_int_equal(result->attempts, 0);
	assert_int_equal(origin_hits(world.origin, "/a"), 0);
	world_close(&world);
}

static void parked_work_starts_when_a_hand_closes_the_breaker(void **state)
{
	/* A breaker that was opened by hand parks without an end; closing it lets go. */
	struct fetch_view view = {0};
	struct fetch *fetch;
	struct world world;
	struct hosts *hosts;
	struct err err;
	char key[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	hosts = fetcher_hosts(world.fetcher);
	snprintf(key, sizeof(key), "http:127.0.0.1:%d", origin_port(world.origin));
	hosts_force(hosts, key, BREAKER_FORCED_OPEN, clock_ms(), &err);
	fetch = world_start(&world, "/a", NULL);
	while (view.state != FETCH_PARKED)
		fetch_look(fetch, &view);
	assert_int_equal(view.reason, ERR_FETCH_CIRCUIT_OPEN);
	assert_true(view.until_ms == INT64_MAX);
	assert_string_equal(view.host, key);
	hosts_force(hosts, key, BREAKER_FORCED_CLOSED, clock_ms(), &err);
	world_wait(&world, &world.count, 1);
	assert_int_equal(world.results[0]->status, 200);
	fetch_drop(fetch);
	world_close(&world);
}

static void a_deadline_ends_parked_work(void **state)
{
	/* Waiting counts for the deadline, and for nothing else. */
	struct fetch_request request = {.deadline_ms = clock_ms() + 150};
	const struct fetch_result *result;
	struct world world;
	struct err err;
	char key[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	snprintf(key, sizeof(key), "http:127.0.0.1:%d", origin_port(world.origin));
	hosts_force(fetcher_hosts(world.fetcher), key, BREAKER_FORCED_OPEN, clock_ms(), &err);
	result = world_get(&world, "/a", &request);
	assert_int_equal(result->err.code, ERR_DEADLINE);
	assert_int_equal(result->attempts, 0);
	world_close(&world);
}

static void loopback_is_denied_by_default(void **state)
{
	/* Refused at the start when the URL has the address, at connect time for a name. */
	struct fetch_request request = {0};
	struct world world;
	struct err err = {0};
	char url[64];

	(void)state;
	world_open(&world, NULL, 0);
	request.url = url;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", origin_port(world.origin));
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), -1);
	assert_int_equal(err.code, ERR_FETCH_GUARD);
	snprintf(url, sizeof(url), "http://0x7f.1:%d/", origin_port(world.origin));
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), -1);
	assert_int_equal(err.code, ERR_FETCH_GUARD);
	snprintf(url, sizeof(url), "http://localhost:%d/", origin_port(world.origin));
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), 0);
	world_wait(&world, &world.count, 1);
	assert_int_equal(world.results[0]->err.code, ERR_FETCH_GUARD);
	assert_int_equal(world.results[0]->attempts, 1); /* and is not tried again */
	assert_int_equal(origin_connections(world.origin), 0);
	world_close(&world);
}

static void our_own_listener_is_denied_though_allowed(void **state)
{
	/* guard_deny_own wins over --allow-net, also for a connection by redirect. */
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(1)};
	const struct fetch_result *result;
	struct world world;
	struct err err;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(guard_deny_own(world.guard, (struct sockaddr *)&own, &err), 0);
	result = world_get(&world, "/a?status=302&to=http://127.0.0.1:1/", NULL);
	assert_int_equal(result->err.code, ERR_FETCH_GUARD);
	world_close(&world);
}

static void redirects_are_followed_up_to_a_bound(void **state)
{
	/* Relative Locations resolve; the eleventh hop is one too many. */
	const struct fetch_result *result;
	struct fetch_request keep = {.keep_redirects = true};
	struct world world;
	char *last;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/x/a?status=302&to=../b?size=3", NULL);
	last = origin_url(world.origin, "/b?size=3");
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->status, 200);
	assert_int_equal(result->body_len, 3);
	assert_int_equal(result->redirects, 1);
	assert_int_equal(result->attempts, 1);
	assert_string_equal(result->final_url, last);
	free(last);
	result = world_get(&world, "/loop?status=302&to=", NULL);
	assert_int_equal(result->err.code, ERR_FETCH_REDIRECTS);
	assert_int_equal(result->redirects, 10);
	assert_int_equal(origin_hits(world.origin, "/loop?status=302&to="), 11);
	result = world_get(&world, "/x/a?status=302&to=../b?size=3", &keep);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->status, 302);
	world_close(&world);
}

static void a_redirect_to_a_denied_address_is_refused(void **state)
{
	/* The guard judges each hop: 169.254.169.254 hands out credentials in clouds. */
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/a?status=302&to=http://169.254.169.254/latest", NULL);
	assert_int_equal(result->err.code, ERR_FETCH_GUARD);
	result = world_get(&world, "/a?status=302&to=file:///etc/passwd", NULL);
	assert_int_equal(result->err.code, ERR_FETCH_URL);
	world_close(&world);
}

static void credentials_stay_within_their_origin(void **state)
{
	/* Authorization reaches the first origin, and is gone at another one. */
	static const struct fetch_header headers[] = {{"Authorization", "Bearer s3cret"},
						      {"X-Kept", "1"}};
	struct fetch_request request = {.headers = headers, .header_count = 2};
	const struct fetch_result *result;
	struct origin *other = origin_new();
	struct world world;
	char target[128];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/a?status=302&to=/b?echo", &request);
	assert_non_null(strstr(result->body, "Bearer s3cret"));
	snprintf(target, sizeof(target), "/a?status=302&to=http://127.0.0.1:%d/b?echo",
		 origin_port(other));
	result = world_get(&world, target, &request);
	assert_int_equal(result->status, 200);
	assert_null(strstr(result->body, "s3cret"));
	assert_non_null(strstr(result->body, "X-Kept: 1"));
	world_close(&world);
	origin_free(other);
}

static void a_redirected_post_becomes_a_get(void **state)
{
	/* The Fetch Standard: 302 turns POST into GET without a body; 307 keeps both. */
	struct fetch_request request = {.method = "POST", .body = "a=1", .body_len = 3};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	assert_memory_equal(world_get(&world, "/a?status=302&to=/b?echo", &request)->body, "GET /b",
			    6);
	assert_memory_equal(world_get(&world, "/a?status=307&to=/b?echo", &request)->body,
			    "POST /b", 7);
	assert_memory_equal(world_get(&world, "/c?echo", NULL)->body, "GET /c", 6);
	world_close(&world);
}

/* One answer of the origin and the reason it must end with. */
static const struct {
	const char *target;
	enum err_code code;
} bad_answers[] = {
	{"/a?size=2001", ERR_FETCH_TOO_LARGE},
	{"/a?bomb=8", ERR_FETCH_BOMB},
	{"/a?size=1000&cut", ERR_FETCH_TRUNCATED},
	{"/a?header=90000&headers=199", ERR_FETCH_TOO_LARGE},
	{"/a?header=300000", ERR_FETCH_TOO_LARGE},
	{"/a?headers=300", ERR_FETCH_TOO_LARGE},
	{"/a?garbage", ERR_FETCH_PROTOCOL},
	{"/a?status=0", ERR_FETCH_RESET},
	{"/a?silent", ERR_FETCH_TIMEOUT},
	{"/a?size=1000&drip=10", ERR_FETCH_TIMEOUT},
	{"/a?status=404", ERR_FETCH_HTTP_4XX},
};

static void every_bad_answer_has_its_reason(void **state)
{
	/* What a server can do wrong costs that fetch, with a reason of the fixed list. */
	struct fetch_request request = {.retry = {.attempts_max = 1}};
	struct world world;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_answers); i++) {
		const struct fetch_result *result;

		world_open(&world, "127.0.0.0/8", 0);
		request.body_bytes_max = bad_answers[i].code == ERR_FETCH_BOMB ? 16 << 20 : 2000;
		request.timeout_ms = bad_answers[i].code == ERR_FETCH_TIMEOUT ? 400 : 0;
		result = world_get(&world, bad_answers[i].target, &request);
		if (result->err.code != bad_answers[i].code)
			fail_msg("%s: %s (%s)", bad_answers[i].target, err_name(result->err.code),
				 result->err.detail);
		world_close(&world);
	}
}

static void a_refused_connection_is_told(void **state)
{
	/* Port 1 of loopback has no listener here: connect. */
	struct fetch_request request = {.url = "http://127.0.0.1:1/", .retry = {.attempts_max = 1}};
	struct world world;
	struct err err;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), 0);
	world_wait(&world, &world.count, 1);
	assert_int_equal(world.results[0]->err.code, ERR_FETCH_CONNECT);
	world_close(&world);
}

static void bad_requests_are_refused_at_the_door(void **state)
{
	/* URLs, methods and header lines that are none never reach a host. */
	static const struct fetch_header split = {"X-A", "1\r\nX-B: 2"}, odd = {"X A", "1"};
	const struct fetch_request bad[] = {
		{.url = "not a url"},
		{.url = "ftp://127.0.0.1/"},
		{.url = "http://127.0.0.1/", .method = "GET /"},
		{.url = "http://127.0.0.1/", .headers = &split, .header_count = 1},
		{.url = "http://127.0.0.1/", .headers = &odd, .header_count = 1},
	};
	struct world world;
	struct err err;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err.code = ERR_NONE;
		assert_int_equal(
			fetch_start(world.fetcher, &bad[i], world_done, &world, NULL, &err), -1);
		assert_int_equal(err.code, ERR_FETCH_URL);
	}
	world_close(&world);
}

static void cancel_ends_a_fetch_soon(void **state)
{
	/* A running one and a parked one end with `cancelled`, long before the minute that a
	 * silent answer may take. */
	struct fetch_view view = {0};
	struct fetch *fetch;
	struct world world;
	struct err err;
	int64_t from_ms;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	fetch = world_start(&world, "/a?silent", NULL);
	while (origin_hits(world.origin, "/a?silent") == 0)
		;
	fetch_look(fetch, &view);
	assert_int_equal(view.state, FETCH_RUNNING);
	from_ms = clock_ms();
	fetch_cancel(fetch);
	fetch_cancel(fetch);
	world_wait(&world, &world.count, 1);
	assert_true(clock_ms() - from_ms < FETCH_TOTAL_MS / 2);
	assert_int_equal(world.results[0]->err.code, ERR_CANCELLED);
	hosts_force(fetcher_hosts(world.fetcher), world.results[0]->host_key, BREAKER_FORCED_OPEN,
		    clock_ms(), &err);
	fetch_drop(fetch);
	fetch = world_start(&world, "/b", NULL);
	fetch_cancel(fetch);
	world_wait(&world, &world.count, 2);
	assert_int_equal(world.results[1]->err.code, ERR_CANCELLED);
	fetch_cancel(fetch); /* of one that ended: nothing */
	fetch_drop(fetch);
	world_close(&world);
}

static void connections_are_used_again(void **state)
{
	/* Twenty requests in a row need one connection. */
	struct fetch_request request = {.per_host = 1};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 20; i++)
		fetch_drop(world_start(&world, "/a", &request));
	world_wait(&world, &world.count, 20);
	assert_int_equal(origin_hits(world.origin, "/a"), 20);
	assert_int_equal(origin_connections(world.origin), 1);
	assert_int_equal(world.results[19]->connect_us, 0);
	world_close(&world);
}

static void per_host_bounds_what_is_in_flight(void **state)
{
	/* Forty slow requests of one owner with per_host 4: never more than four at once. */
	struct fetch_request request = {.per_host = 4};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 40; i++)
		fetch_drop(world_start(&world, "/a?delay=10", &request));
	world_wait(&world, &world.count, 40);
	assert_int_equal(origin_busy_max(world.origin), 4);
	world_close(&world);
}

static void a_full_fetcher_refuses_and_calls_back(void **state)
{
	/* The eleventh of ten is ERR_LIMIT; when there is room again, room() says so. */
	struct fetch_request request = {0};
	struct world world;
	struct err err;
	char *url;

	(void)state;
	world_open(&world, "127.0.0.0/8", 10);
	url = origin_url(world.origin, "/a?delay=100");
	request.url = url;
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), 0);
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	world_wait(&world, &world.rooms, 1);
	world_wait(&world, &world.count, 10);
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), 0);
	world_wait(&world, &world.count, 11);
	free(url);
	world_close(&world);
}

static void no_crawl_holds_up_a_call(void **state)
{
	/* 100 pages that never answer take 56 of the 64 transfers; a call behind them goes on. */
	struct fetch_request call = {.class = FETCH_CALLS}, page = {.per_host = 100};
	struct host_view host;
	struct world world;
	struct err err;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 100; i++)
		fetch_drop(world_start(&world, "/page?silent", &page));
	for (int i = 0; i < 3; i++) {
		const struct fetch_result *result = world_get(&world, "/call", &call);

		assert_int_equal(result->status, 200);
		assert_int_equal(hosts_get(fetcher_hosts(world.fetcher), result->host_key,
					   clock_ms(), &host, NULL, &err),
				 0);
		assert_int_equal(host.in_flight, 56);
	}
	world_close(&world);
}

static void freeing_ends_everything(void **state)
{
	/* Running, queued and just started ones all get their done() before it returns. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 100; i++)
		fetch_drop(world_start(&world, i % 2 ? "/a?silent" : "/a?delay=5000", NULL));
	fetcher_free(world.fetcher);
	world.fetcher = NULL;
	assert_int_equal(world.count, 100);
	assert_int_equal(world.results[50]->err.code, ERR_CANCELLED);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_arrives_with_all_that_is_known),
		cmocka_unit_test(a_503_is_tried_again),
		cmocka_unit_test(attempts_are_bounded),
		cmocka_unit_test(a_post_is_not_repeated),
		cmocka_unit_test(retry_after_is_obeyed),
		cmocka_unit_test(a_breaker_opens_and_closes_again),
		cmocka_unit_test(who_will_not_wait_fails_at_once),
		cmocka_unit_test(parked_work_starts_when_a_hand_closes_the_breaker),
		cmocka_unit_test(a_deadline_ends_parked_work),
		cmocka_unit_test(loopback_is_denied_by_default),
		cmocka_unit_test(our_own_listener_is_denied_though_allowed),
		cmocka_unit_test(redirects_are_followed_up_to_a_bound),
		cmocka_unit_test(a_redirect_to_a_denied_address_is_refused),
		cmocka_unit_test(credentials_stay_within_their_origin),
		cmocka_unit_test(a_redirected_post_becomes_a_get),
		cmocka_unit_test(every_bad_answer_has_its_reason),
		cmocka_unit_test(a_refused_connection_is_told),
		cmocka_unit_test(bad_requests_are_refused_at_the_door),
		cmocka_unit_test(cancel_ends_a_fetch_soon),
		cmocka_unit_test(connections_are_used_again),
		cmocka_unit_test(per_host_bounds_what_is_in_flight),
		cmocka_unit_test(a_full_fetcher_refuses_and_calls_back),
		cmocka_unit_test(no_crawl_holds_up_a_call),
		cmocka_unit_test(freeing_ends_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
