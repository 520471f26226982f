/* SPDX-License-Identifier: MIT */
/* The ways to an inner address that are no plain URL: a name that resolves to it later, a
 * connection that is open already, another spelling, a proxy. */
#include "net/guard.h"
#include "tests/lib/fetch_world.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* --- a resolver that changes its mind --- */

static atomic_uint asked; /* for turning.test; by libcurl's threads */

/* In the place of the C library's, also for libcurl: turning.test is 127.0.0.1 when it is
 * first asked for, then 169.254.169.254, where clouds keep credentials. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	static __typeof__(getaddrinfo) *_Atomic real;

	if (!real)
		real = (__typeof__(getaddrinfo) *)dlsym(RTLD_NEXT, "getaddrinfo");
	if (name && strcmp(name, "turning.test") == 0)
		name = atomic_fetch_add(&asked, 1) == 0 ? "127.0.0.1" : "169.254.169.254";
	return real(name, service, hints, ret);
}

static void a_name_is_judged_each_time_it_resolves(void **state)
{
	/* Each class asks the resolver itself: the second answer is denied, whatever the first
	 * one was. */
	struct fetch_request page = {.retry = {.attempts_max = 1}};
	struct fetch_request call = {.class = FETCH_CALLS, .retry = {.attempts_max = 1}};
	struct world world;
	char url[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	snprintf(url, sizeof(url), "http://turning.test:%d/a", origin_port(world.origin));
	assert_int_equal(world_get(&world, url, &page)->err.code, ERR_NONE);
	assert_int_equal(world_get(&world, url, &call)->err.code, ERR_FETCH_GUARD);
	assert_int_equal(asked, 2);
	world_close(&world);
}

static void an_open_connection_is_judged_again(void **state)
{
	/* What may not be connected to any more may not be used again either. */
	struct sockaddr_in own = {.sin_family = AF_INET};
	struct fetch_request request = {.retry = {.attempts_max = 1}};
	struct world world;
	struct err err;
	char url[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	snprintf(url, sizeof(url), "http://localhost:%d/a", origin_port(world.origin));
	assert_int_equal(world_get(&world, url, &request)->err.code, ERR_NONE);
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	own.sin_port = htons((uint16_t)origin_port(world.origin));
	assert_int_equal(guard_deny_own(world.guard, (struct sockaddr *)&own, &err), 0);
	assert_int_equal(world_get(&world, url, &request)->err.code, ERR_FETCH_GUARD);
	assert_int_equal(origin_hits(world.origin, "/a"), 1);
	world_close(&world);
}

static void other_spellings_of_an_inner_address_are_refused(void **state)
{
	/* Decimal, octal, hex, short, mapped, with a dot: all are 127.0.0.1 or the cloud's. */
	static const char *const urls[] = {
		"http://2130706433/",	    "http://0177.0.0.1/",
		"http://0x7f000001/",	    "http://127.1/",
		"http://[::ffff:7f00:1]/",  "http://[::ffff:127.0.0.1]/",
		"http://127.0.0.1./",	    "http://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1/",
		"http://0xa9fea9fe/",	    "http://[::1]/",
		"http://[64:ff9b::7f00:1]/"};
	struct fetch_request request = {0};
	struct world world;
	struct err err;

	(void)state;
	world_open(&world, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		request.url = urls[i];
		if (fetch_start(world.fetcher, &request, world_done, &world, NULL, &err) == 0)
			fail_msg("%s was started", urls[i]);
		assert_int_equal(err.code, ERR_FETCH_GUARD);
	}
	world_close(&world);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
	/* A proxy would resolve and connect for us, unseen by the guard. */
	const struct fetch_result *result;
	struct origin *proxy = origin_new();
	struct world world;
	char *url = origin_url(proxy, "");

	(void)state;
	setenv("http_proxy", url, 1);
	setenv("ALL_PROXY", url, 1);
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/a?size=3", NULL);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_string_equal(result->body, "xxx");
	assert_int_equal(origin_hits(world.origin, "/a?size=3"), 1);
	assert_int_equal(origin_connections(proxy), 0);
	world_close(&world);
	origin_free(proxy);
	free(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_judged_each_time_it_resolves),
		cmocka_unit_test(an_open_connection_is_judged_again),
		cmocka_unit_test(other_spellings_of_an_inner_address_are_refused),
		cmocka_unit_test(proxies_of_the_environment_are_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
