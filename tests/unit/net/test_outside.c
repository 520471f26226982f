/* SPDX-License-Identifier: MIT */
/* Fetches whose hosts find no place, because so many others are in use: they wait. */
#include "base/clock.h"
#include "base/limits.h"
#include "net/robots_cache.h"
#include "tests/lib/fetch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Another host than that of world_start("/…"), at the same origin. */
static const char *elsewhere(const struct world *world, const char *target)
{
	static char url[128];

	snprintf(url, sizeof(url), "http://localhost:%d%s", origin_port(world->origin), target);
	return url;
}

static void wait_outside(struct fetch *fetch)
{
	int64_t until_ms = clock_ms() + 60 * 1000;
	struct fetch_view view;

	do
		fetch_look(fetch, &view);
	while (view.reason != ERR_LIMIT && clock_ms() < until_ms);
	assert_int_equal(view.reason, ERR_LIMIT);
	assert_int_equal(view.state, FETCH_PARKED);
	assert_memory_equal(view.host, "http:localhost:", 15);
}

/* Ends one, and gives it back. */
static void let_go(struct fetch *fetch)
{
	fetch_cancel(fetch);
	fetch_drop(fetch);
}

static void a_host_waits_for_its_place(void **state)
{
	/* One host may be known, and it is busy: the other's fetches wait until it is not. */
	struct world world;
	struct fetch *busy, *fetch;

	(void)state;
	world_open_with(&world, "127.0.0.0/8", &(struct fetcher_config){.hosts_max = 1});
	busy = world_start(&world, "/a?silent", NULL);
	fetch = world_start(&world, elsewhere(&world, "/b"), NULL);
	fetch_drop(world_start(&world, elsewhere(&world, "/c"), NULL));
	wait_outside(fetch);
	assert_int_equal(world.count, 0);
	let_go(busy);
	world_wait(&world, &world.count, 3);
	assert_int_equal(world.results[0]->err.code, ERR_CANCELLED);
	assert_int_equal(world.results[1]->err.code, ERR_NONE);
	assert_int_equal(world.results[2]->err.code, ERR_NONE);
	fetch_drop(fetch);
	world_close(&world);
}

static void who_waits_for_a_place_can_be_ended(void **state)
{
	/* By its deadline, by hand, and with the fetcher. */
	const struct fetch_request hasty = {.deadline_ms = clock_ms() + 200};
	struct world world;
	struct fetch *fetch;

	(void)state;
	world_open_with(&world, "127.0.0.0/8", &(struct fetcher_config){.hosts_max = 1});
	fetch_drop(world_start(&world, "/a?silent", NULL));
	assert_int_equal(world_get(&world, elsewhere(&world, "/b"), &hasty)->err.code,
			 ERR_DEADLINE);
	fetch = world_start(&world, elsewhere(&world, "/c"), NULL);
	wait_outside(fetch);
	let_go(fetch);
	world_wait(&world, &world.count, 2);
	assert_int_equal(world.results[1]->err.code, ERR_CANCELLED);
	fetch = world_start(&world, elsewhere(&world, "/d"), NULL);
	wait_outside(fetch);
	fetch_drop(fetch);
	fetcher_free(world.fetcher);
	world.fetcher = NULL;
	assert_int_equal(world.count, 4);
	world_close(&world);
}

static void a_redirect_waits_for_a_place(void **state)
{
	/* Two hosts may be known: the one that it came from, and one that is busy. */
	struct origin *other = origin_new();
	char *busy_url = origin_url(other, "/busy?silent");
	struct fetch *busy, *fetch;
	char target[200];
	struct world world;

	(void)state;
	world_open_with(&world, "127.0.0.0/8", &(struct fetcher_config){.hosts_max = 2});
	busy = world_start(&world, busy_url, NULL);
	fetch_drop(world_start(&world, "/a?silent", NULL));
	snprintf(target, sizeof(target), "/b?status=302&to=%s", elsewhere(&world, "/c"));
	fetch = world_start(&world, target, NULL);
	wait_outside(fetch);
	let_go(busy);
	world_wait(&world, &world.count, 2);
	assert_int_equal(world.results[1]->err.code, ERR_NONE);
	assert_int_equal(world.results[1]->redirects, 1);
	assert_int_equal(origin_hits(world.origin, "/c"), 1);
	fetch_drop(fetch);
	world_close(&world);
	origin_free(other);
	free(busy_url);
}

static void robots_txt_waits_for_a_place(void **state)
{
	/* As many of them are on their way as may be known. */
	const struct fetch_request polite = {.robots = "example-bot"};
	const struct robots_answer none = {.err = {.code = ERR_NONE}, .status = 404};
	static struct robots_file *files[ROBOTS_ORIGINS_MAX];
	struct robots_cache *cache;
	struct fetch *fetch;
	struct world world;
	char key[64], load;
	struct err err;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	cache = fetcher_robots(world.fetcher);
	for (int i = 0; i < ROBOTS_ORIGINS_MAX; i++) {
		snprintf(key, sizeof(key), "http:%d.example:80", i);
		files[i] = robots_file_make(cache, key, false, &err);
		assert_non_null(files[i]);
		robots_file_begin(cache, files[i], &load);
	}
	fetch = world_start(&world, elsewhere(&world, "/a"), &polite);
	wait_outside(fetch);
	robots_file_end(cache, files[0], &none, clock_ms());
	world_wait(&world, &world.count, 1);
	assert_int_equal(world.results[0]->err.code, ERR_NONE);
	assert_int_equal(origin_hits(world.origin, "/robots.txt"), 1);
	for (int i = 1; i < ROBOTS_ORIGINS_MAX; i++)
		robots_file_end(cache, files[i], &none, clock_ms());
	fetch_drop(fetch);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_waits_for_its_place),
		cmocka_unit_test(who_waits_for_a_place_can_be_ended),
		cmocka_unit_test(a_redirect_waits_for_a_place),
		cmocka_unit_test(robots_txt_waits_for_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
