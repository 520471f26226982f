/* SPDX-License-Identifier: MIT */
/* fetch_world.c - see the header. */
#include "tests/lib/fetch_world.h"

#include "base/clock.h"
#include "net/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WAIT_MS = 60 * 1000 };

void world_done(void *ctx, struct fetch_result *result)
{
	struct world *world = ctx;

	lock_take(&world->lock);
	assert_true(world->count < WORLD_RESULTS_MAX);
	world->results[world->count++] = result;
	cond_broadcast(&world->arrived);
	lock_drop(&world->lock);
}

void world_count(struct world *world, unsigned *which)
{
	lock_take(&world->lock);
	++*which;
	cond_broadcast(&world->arrived);
	lock_drop(&world->lock);
}

static void on_changed(void *ctx, const struct host_view *host)
{
	struct world *world = ctx;

	(void)host;
	world_count(world, &world->changes);
}

static void on_room(void *ctx)
{
	struct world *world = ctx;

	world_count(world, &world->rooms);
}

static void on_save(void *ctx, const char *key, const void *state, size_t len)
{
	struct world *world = ctx;

	(void)key;
	(void)state;
	(void)len;
	world_count(world, &world->saves);
}

void world_wait(struct world *world, const unsigned *which, unsigned least)
{
	int64_t until_ms = clock_ms() + WAIT_MS;

	lock_take(&world->lock);
	while (*which < least && cond_wait_until(&world->arrived, &world->lock, until_ms))
		;
	assert_true(*which >= least);
	lock_drop(&world->lock);
}

void world_open_with(struct world *world, const char *allow, const struct fetcher_config *config)
{
	struct fetcher_config whole = *config;
	struct err err;

	memset(world, 0, sizeof(*world));
	lock_init(&world->lock, LOCK_RUN);
	cond_init(&world->arrived);
	world->origin = origin_new();
	world->guard = guard_new();
	if (allow)
		assert_int_equal(guard_allow(world->guard, allow, &err), 0);
	whole.guard = world->guard;
	whole.user_agent = "test/1";
	whole.transfers_max = 64;
	whole.room = on_room;
	whole.host_changed = on_changed;
	whole.host_save = on_save;
	whole.ctx = world;
	world->fetcher = fetcher_new(&whole, &err);
	if (!world->fetcher)
		fail_msg("%s", err.detail);
}

void world_open(struct world *world, const char *allow, unsigned queued_max)
{
	struct fetcher_config config = {.queued_max = queued_max};

	world_open_with(world, allow, &config);
}

void world_close(struct world *world)
{
	fetcher_free(world->fetcher);
	guard_free(world->guard);
	origin_free(world->origin);
	for (unsigned i = 0; i < world->count; i++)
		fetch_result_free(world->results[i]);
	cond_done(&world->arrived);
	lock_done(&world->lock);
}

struct fetch *world_start(struct world *world, const char *target,
			  const struct fetch_request *request)
{
	struct fetch_request whole = request ? *request : (struct fetch_request){0};
	char *url = target[0] == '/' ? origin_url(world->origin, target) : strdup(target);
	struct fetch *fetch = NULL;
	struct err err;

	whole.url = url;
	if (fetch_start(world->fetcher, &whole, world_done, world, &fetch, &err))
		fail_msg("%s: %s", err_name(err.code), err.detail);
	free(url);
	return fetch;
}

const struct fetch_result *world_get(struct world *world, const char *target,
				     const struct fetch_request *request)
{
	unsigned before = world->count;

	fetch_drop(world_start(world, target, request));
	world_wait(world, &world->count, before + 1);
	return world->results[before];
}
