/* SPDX-License-Identifier: MIT */
/* test_robots_stage.c - fetches that ask robots.txt, against an origin on loopback whose
 * robots.txt says nothing.  What files say is in tests/integration/test_robots.py. */
#include "net/fetch.h"

#include "base/clock.h"
#include "net/robots.h"
#include "net/robots_cache.h"
#include "tests/lib/fetch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct fetch_request polite = {.robots = "example-bot"};

static void one_robots_txt_for_all_that_wait(void **state)
{
	/* A hundred fetches, a tenth of them of other jobs and names: one request for it. */
	struct fetch_request request = polite;
	struct robots_view view;
	struct robots *robots;
	struct world world;
	char key[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (unsigned i = 0; i < 100; i++) {
		request.owner = i % 10;
		request.robots = i % 10 ? "example-bot" : "another";
		fetch_drop(world_start(&world, "/page", &request));
	}
	world_wait(&world, &world.count, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(world.results[i]->err.code, ERR_NONE);
	assert_int_equal(origin_hits(world.origin, "/robots.txt"), 1);
	assert_int_equal(origin_hits(world.origin, "/page"), 100);
	snprintf(key, sizeof(key), "http:127.0.0.1:%d", origin_port(world.origin));
	assert_true(robots_cache_look(fetcher_robots(world.fetcher), key, clock_ms(), &view));
	assert_int_equal(view.state, ROBOTS_KNOWN);
	assert_int_equal(view.status, 200);
	robots = robots_cache_rules(fetcher_robots(world.fetcher), key, "another", clock_ms());
	assert_non_null(robots);
	robots_free(robots);
	world_close(&world);
}

static void robots_txt_itself_is_not_asked_about(void **state)
{
	/* RFC 9309, 2.2.2: always allowed. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	assert_int_equal(world_get(&world, "/robots.txt", &polite)->status, 200);
	assert_int_equal(origin_hits(world.origin, "/robots.txt"), 1);
	world_close(&world);
}

static void a_full_fetcher_still_fetches_robots_txt(void **state)
{
	/* Its only place is taken by the one that waits for the file. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 1);
	assert_int_equal(world_get(&world, "/a", &polite)->err.code, ERR_NONE);
	assert_int_equal(origin_hits(world.origin, "/robots.txt"), 1);
	world_close(&world);
}

/* Nobody listens there: connections are refused. */
static const char nowhere[] = "http://127.0.0.1:1/page";

static void those_that_wait_can_be_cancelled(void **state)
{
	/* Each ends as cancelled, once, while robots.txt is still tried again. */
	struct fetch *fetches[10];
	struct fetch_view view = {0};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 10; i++)
		fetches[i] = world_start(&world, nowhere, &polite);
	while (view.state != FETCH_PARKED)
		fetch_look(fetches[9], &view);
	assert_int_equal(view.reason, ERR_FETCH_ROBOTS);
	assert_string_equal(view.host, "http:127.0.0.1:1");
	for (int i = 0; i < 10; i++)
		fetch_cancel(fetches[i]);
	world_wait(&world, &world.count, 10);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(world.results[i]->err.code, ERR_CANCELLED);
		fetch_drop(fetches[i]);
	}
	world_close(&world);
}

static void waiting_ends_with_the_deadline(void **state)
{
	/* It would be tried for longer. */
	struct fetch_request request = polite;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	request.deadline_ms = clock_ms() + 100;
	assert_int_equal(world_get(&world, nowhere, &request)->err.code, ERR_DEADLINE);
	world_close(&world);
}

static void a_fetcher_that_stops_ends_those_that_wait(void **state)
{
	/* world_close() would wait for ever otherwise; their done() was called. */
	struct fetch_view view = {0};
	struct fetch *fetch;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	fetch = world_start(&world, nowhere, &polite);
	while (view.state != FETCH_PARKED)
		fetch_look(fetch, &view);
	fetcher_free(world.fetcher);
	assert_int_equal(world.count, 1);
	assert_int_equal(world.results[0]->err.code, ERR_CANCELLED);
	fetch_drop(fetch);
	world.fetcher = NULL;
	world_close(&world);
}

static void an_unreachable_robots_txt_ends_as_robots(void **state)
{
	/* After four attempts; and at once for the next, while the file is silent. */
	const struct fetch_result *result;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, nowhere, &polite);
	assert_int_equal(result->err.code, ERR_FETCH_ROBOTS);
	assert_non_null(strstr(result->err.detail, "(connect: "));
	assert_int_equal(result->attempts, 0);
	result = world_get(&world, nowhere, &polite);
	assert_int_equal(result->err.code, ERR_FETCH_ROBOTS);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_robots_txt_for_all_that_wait),
		cmocka_unit_test(robots_txt_itself_is_not_asked_about),
		cmocka_unit_test(a_full_fetcher_still_fetches_robots_txt),
		cmocka_unit_test(those_that_wait_can_be_cancelled),
		cmocka_unit_test(waiting_ends_with_the_deadline),
		cmocka_unit_test(a_fetcher_that_stops_ends_those_that_wait),
		cmocka_unit_test(an_unreachable_robots_txt_ends_as_robots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
