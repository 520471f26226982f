/* SPDX-License-Identifier: MIT */
/* test_cache_stage.c - a fetcher with a cache; what its rules say, test_cache_rules.c and
 * tests/integration/test_cache.py have. */
#include "net/cache.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "tests/lib/fetch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct fetch_request cached = {.cache = FETCH_CACHE_ON, .per_host = 8};

static char folder[64];
static struct cache *cache;

static int begin(void **state)
{
	struct err err;

	(void)state;
	strcpy(folder, "/tmp/cache-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	cache = cache_new(folder, 64 << 20, &err);
	return cache ? 0 : -1;
}

static int finish(void **state)
{
	pid_t child;
	int status;

	(void)state;
	cache_free(cache);
	child = fork();
	if (child == 0)
		execlp("rm", "rm", "-r", "--", folder, NULL);
	waitpid(child, &status, 0);
	return status;
}

static void open_world(struct world *world)
{
	const struct fetcher_config config = {.cache = cache};

	world_open_with(world, "127.0.0.0/8", &config);
}

static void a_hit_makes_no_transfer(void **state)
{
	/* Status, head and body as they were; no attempt, nothing received. */
	const struct fetch_result *result;
	struct world world;

	(void)state;
	open_world(&world);
	result = world_get(&world, "/a?age=60&size=5", &cached);
	assert_int_equal(result->cached, FETCH_MISS);
	result = world_get(&world, "/a?age=60&size=5", &cached);
	assert_int_equal(result->cached, FETCH_HIT);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->status, 200);
	assert_string_equal(result->body, "xxxxx");
	assert_int_equal(result->body_len, 5);
	assert_string_equal(result->content_type, "text/html");
	assert_string_equal(fetch_result_header(result, "cache-control"), "max-age=60");
	assert_non_null(strstr(result->final_url, "/a?age=60&size=5"));
	assert_int_equal(result->attempts, 0);
	assert_int_equal(result->wire_bytes, 0);
	assert_int_equal(origin_hits(world.origin, "/a?age=60&size=5"), 1);
	world_close(&world);
}

static void a_hit_does_not_mind_an_open_breaker(void **state)
{
	/* A host that is left alone is not asked: what is stored is still given. */
	const struct fetch_request impatient = {.cache = FETCH_CACHE_ON, .on_open = HOSTS_FAIL};
	struct world world;
	struct err err;

	(void)state;
	open_world(&world);
	world_get(&world, "/a?age=60", &impatient);
	assert_int_equal(hosts_force(fetcher_hosts(world.fetcher), world.results[0]->host_key,
				     BREAKER_FORCED_OPEN, clock_ms(), &err),
			 0);
	assert_int_equal(world_get(&world, "/a?age=60", &impatient)->cached, FETCH_HIT);
	assert_int_equal(world_get(&world, "/b?age=60", &impatient)->err.code,
			 ERR_FETCH_CIRCUIT_OPEN);
	world_close(&world);
}

static void an_unsafe_request_makes_it_forget(void **state)
{
	/* RFC 9111, 4.4: a POST that succeeds, whether it asked for the cache or not. */
	static const char target[] = "/a?age=60";
	const struct fetch_request post = {.method = "POST", .body = "x", .body_len = 1};
	struct world world;

	(void)state;
	open_world(&world);
	world_get(&world, target, &cached);
	world_get(&world, target, &post);
	assert_int_equal(world_get(&world, target, &cached)->cached, FETCH_MISS);
	assert_int_equal(world_get(&world, target, &cached)->cached, FETCH_HIT);
	world_close(&world);
}

static void some_requests_do_not_take_part(void **state)
{
	/* A body, a range, conditions of their own, a HEAD: neither read nor stored. */
	static const struct fetch_header range = {"Range", "bytes=0-1"},
					 own = {"If-None-Match", "x"};
	const struct fetch_request requests[] = {
		{.cache = FETCH_CACHE_ON, .body = "x", .body_len = 1},
		{.cache = FETCH_CACHE_ON, .headers = &range, .header_count = 1},
		{.cache = FETCH_CACHE_ON, .headers = &own, .header_count = 1},
		{.cache = FETCH_CACHE_ON, .method = "HEAD"},
		{.cache = FETCH_CACHE_OFF},
	};
	struct cache_view view;
	struct world world;

	(void)state;
	open_world(&world);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		world_get(&world, "/a?age=60", &requests[i]);
		assert_int_equal(world.results[i]->cached, FETCH_UNCACHED);
	}
	cache_view(cache, &view);
	assert_int_equal(view.entries, 0);
	world_close(&world);
}

static void passwords_do_not_reach_the_disk(void **state)
{
	/* A URL with one is fetched each time. */
	char url[100];
	struct cache_view view;
	struct world world;

	(void)state;
	open_world(&world);
	snprintf(url, sizeof(url), "http://user:secret@127.0.0.1:%d/?age=60",
		 origin_port(world.origin));
	assert_int_equal(world_get(&world, url, &cached)->status, 200);
	cache_view(cache, &view);
	assert_int_equal(view.entries, 0);
	world_close(&world);
}

static void many_look_at_once(void **state)
{
	/* A hundred pages, each asked for twice at once, then again: all are hits. */
	struct world world;
	char target[40];
	unsigned hits = 0;

	(void)state;
	open_world(&world);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(target, sizeof(target), "/%u?age=60", i % 100);
		if (i == 100)
			world_wait(&world, &world.count, 100);
		fetch_drop(world_start(&world, target, &cached));
	}
	world_wait(&world, &world.count, 200);
	for (unsigned i = 100; i < 200; i++)
		hits += world.results[i]->cached == FETCH_HIT;
	assert_int_equal(hits, 100);
	world_close(&world);
}

static void freeing_ends_those_who_look(void **state)
{
	/* Some look, some are cancelled while they look: each ends once. */
	struct world world;
	char target[40];

	(void)state;
	open_world(&world);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(target, sizeof(target), "/%u?age=60", i);
		world_get(&world, target, &cached);
	}
	for (unsigned i = 0; i < 50; i++) {
		struct fetch *fetch;

		snprintf(target, sizeof(target), "/%u?age=60", i);
		fetch = world_start(&world, target, &cached);
		if (i % 2)
			fetch_cancel(fetch);
		fetch_drop(fetch);
	}
	fetcher_free(world.fetcher);
	world.fetcher = NULL;
	assert_int_equal(world.count, 100);
	for (unsigned i = 50; i < 100; i++)
		assert_true(world.results[i]->err.code == ERR_CANCELLED ||
			    world.results[i]->cached == FETCH_HIT);
	world_close(&world);
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CACHE_TEST(a_hit_makes_no_transfer),
		CACHE_TEST(a_hit_does_not_mind_an_open_breaker),
		CACHE_TEST(an_unsafe_request_makes_it_forget),
		CACHE_TEST(some_requests_do_not_take_part),
		CACHE_TEST(passwords_do_not_reach_the_disk),
		CACHE_TEST(many_look_at_once),
		CACHE_TEST(freeing_ends_those_who_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
