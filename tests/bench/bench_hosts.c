/* SPDX-License-Identifier: MIT */
/* bench_hosts.c - what the table of hosts costs, without a network.
 *
 *	bench_hosts
 *
 *   decision   breaker_try and breaker_result of a closed breaker, ns for both
 *   turn       a fetch through the table: hosts_add, hosts_take, hosts_finish, ns for all,
 *              over ten hosts: alone, and with 100,000 other hosts known
 *   memory     what 100,000 known hosts hold, from the allocator
 *   list       the first 50 of these by calls, ms
 *   dead       ten live hosts beside a dead one, in virtual time, with no transfer to spare:
 *              their calls with it over their calls without it
 *
 *   waiting    resident bytes of each of 90,000 fetches at a host whose breaker is open
 *
 * Times are CPU times, the best of some rounds.
 *
 * Prints one JSON object.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "net/fetch.h"
#include "net/guard.h"
#include "net/hosts.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ROUNDS = 5,
	DECISIONS = 4 * 1000 * 1000,
	TURNS = 400 * 1000,
	HOT = 10,
	KNOWN = 100 * 1000,
	LISTED = 50,
	WAITING = 90 * 1000,
	/* the live and the dead */
	ITEMS_EACH = 64,
	PER_HOST = 5,
	TRANSFERS_MAX =
		HOT * PER_HOST, /* what the live ones can use: the dead one is in their way */
	LATENCY_MS = 20,
	CONNECT_MS = 10 * 1000, /* how long the dead one holds a transfer */
	VIRTUAL_MS = 600 * 1000,
};

static void fail(const char *why)
{
	fprintf(stderr, "bench_hosts: %s\n", why);
	exit(1);
}

static double ns_each(int64_t us, int count)
{
	return (double)us * 1000 / count;
}

/* ---- a decision ---- */

static double decision_ns(void)
{
	const struct breaker_policy policy = breaker_policy_whole(&(struct breaker_policy){0});
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		struct breaker breaker;
		struct rng rng;
		int64_t start_us;
		uint32_t generation;

		breaker_init(&breaker, 1000000);
		rng_seed(&rng, 1);
		start_us = clock_thread_cpu_us();
		for (int i = 0; i < DECISIONS; i++) {
			int64_t now_ms = 1000000 + i / 100; /* 100,000 calls a second */

			if (!breaker_try(&breaker, &policy, now_ms, &generation))
				fail("a healthy host's breaker opened");
			/* A fifth fails: the window is looked at each time, and never trips. */
			breaker_result(&breaker, &policy, generation,
				       i % 5 ? BREAKER_SUCCESS : BREAKER_FAILURE, 10, now_ms, &rng);
		}
		best = MIN(best, ns_each(clock_thread_cpu_us() - start_us, DECISIONS));
	}
	return best;
}

/* ---- the table ---- */

static struct hosts *table_new(void)
{
	const struct hosts_config config = {.seed = 1};
	struct err err;
	struct hosts *hosts = hosts_new(&config, &err);

	if (!hosts)
		fail(err.detail);
	return hosts;
}

/* address: where its host is; NULL: nobody says. */
static void call(struct hosts *hosts, struct hosts_item *item, const char *address, int64_t now_ms)
{
	const struct hosts_outcome good = {
		.call.status = 200, .first_byte_ms = 10, .retry_after_ms = -1};
	struct err err;

	if (hosts_add(hosts, item, now_ms, &err))
		fail(err.detail);
	if (hosts_ended(hosts, now_ms) || hosts_take(hosts, now_ms) != item)
		fail("the only item did not get its turn");
	if (address)
		hosts_reached(hosts, item, address, item->inside, now_ms);
	hosts_finish(hosts, item, &good, now_ms);
}

static double turn_ns(struct hosts *hosts)
{
	static char keys[HOT][32];
	static struct hosts_item items[HOT];
	static int64_t now_ms = 20000000;
	double best = 1e9;

	for (int i = 0; i < HOT; i++) {
		snprintf(keys[i], sizeof(keys[i]), "http:hot%d.example:80", i);
		items[i] = (struct hosts_item){.key = keys[i], .owner = 1, .inside = true};
	}
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start_us = clock_thread_cpu_us();

		for (int i = 0; i < TURNS; i++)
			call(hosts, &items[i % HOT], "127.0.0.1", now_ms + i / 100);
		now_ms += TURNS / 100;
		best = MIN(best, ns_each(clock_thread_cpu_us() - start_us, TURNS));
	}
	return best;
}

static double known_mib(struct hosts *hosts)
{
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	char key[64], address[64];

	for (int i = 0; i < KNOWN - HOT; i++) {
		struct hosts_item item = {.key = key, .owner = 1};

		snprintf(key, sizeof(key), "https:www.shop-%d.example.com:443", i);
		snprintf(address, sizeof(address), "192.0.%d.%d", i >> 8, i & 255);
		call(hosts, &item, address, 10000000 + i);
	}
	return (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / (1 << 20);
}

static double list_ms(struct hosts *hosts)
{
	const struct hosts_filter filter = {.state = -1, .sort = HOSTS_BY_CALLS};
	static struct host_view views[LISTED];
	int64_t best_us = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start_us = clock_thread_cpu_us();

		if (hosts_list(hosts, &filter, 2000000, views, LISTED) != LISTED)
			fail("the list is short");
		best_us = MIN(best_us, clock_thread_cpu_us() - start_us);
	}
	return (double)best_us / 1000;
}

/* ---- the dead among the living ---- */

struct world {
	struct hosts *hosts;
	int64_t now_ms;
	struct hosts_item items[HOT + 1][ITEMS_EACH]; /* the last host is the dead one */
	char keys[HOT + 1][32];
	struct hosts_item *running[TRANSFERS_MAX];
	int64_t end_ms[TRANSFERS_MAX];
	unsigned in_flight;
	uint64_t good;
};

static bool is_dead(const struct world *world, const struct hosts_item *item)
{
	return item >= world->items[HOT];
}

static void world_end(struct world *world, unsigned at)
{
	struct hosts_item *item = world->running[at];
	bool dead = is_dead(world, item);
	struct hosts_outcome outcome = {
		.call.status = 200, .first_byte_ms = LATENCY_MS, .retry_after_ms = -1};
	struct err err;

	if (dead)
		outcome.call = (struct call_outcome){.code = ERR_FETCH_CONNECT};
	world->good += !dead;
	world->in_flight--;
	world->running[at] = world->running[world->in_flight];
	world->end_ms[at] = world->end_ms[world->in_flight];
	hosts_finish(world->hosts, item, &outcome, world->now_ms);
	if (hosts_add(world->hosts, item, world->now_ms, &err))
		fail(err.detail);
}

/* Ends what is due and starts what may; the instant of the next end or start. */
static int64_t world_turn(struct world *world)
{
	struct hosts_item *item;
	int64_t next_ms;

	for (unsigned i = 0; i < world->in_flight;)
		if (world->end_ms[i] <= world->now_ms)
			world_end(world, i);
		else
			i++;
	hosts_ended(world->hosts, world->now_ms);
	while (world->in_flight < TRANSFERS_MAX &&
	       (item = hosts_take(world->hosts, world->now_ms))) {
		world->running[world->in_flight] = item;
		world->end_ms[world->in_flight++] =
			world->now_ms + (is_dead(world, item) ? CONNECT_MS : LATENCY_MS);
	}
	next_ms = hosts_wake_ms(world->hosts);
	for (unsigned i = 0; i < world->in_flight; i++)
		next_ms = MIN(next_ms, world->end_ms[i]);
	return next_ms;
}

/* Calls that ten live hosts answered in ten minutes, with `hosts` in all; one job over all. */
static uint64_t live_calls(int hosts)
{
	static struct world world;
	struct err err;

	memset(&world, 0, sizeof(world));
	world.hosts = table_new();
	for (int host = 0; host < hosts; host++) {
		snprintf(world.keys[host], sizeof(world.keys[host]), "http:127.0.0.%d:80",
			 host + 1);
		for (int i = 0; i < ITEMS_EACH; i++) {
			struct hosts_item *item = &world.items[host][i];

			*item = (struct hosts_item){.key = world.keys[host],
						    .owner = 1,
						    .inside = true,
						    .per_host = PER_HOST};
			if (hosts_add(world.hosts, item, 0, &err))
				fail(err.detail);
		}
	}
	while (world.now_ms < VIRTUAL_MS)
		world.now_ms = MAX(world_turn(&world), world.now_ms + 1);
	return world.good;
}

static double dead_ratio(void)
{
	uint64_t with = live_calls(HOT + 1);

	return (double)with / (double)live_calls(HOT);
}

/* ---- fetches that wait ---- */

static long resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size, resident;

	if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
		fail("no /proc/self/statm");
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

static void on_done(void *ctx, struct fetch_result *result)
{
	(void)ctx;
	fetch_result_free(result);
}

static long waiting_bytes(void)
{
	static const char key[] = "http:127.0.0.1:9";
	struct guard *guard = guard_new();
	struct fetcher_config config = {.guard = guard};
	struct host_view view = {.queued = 0};
	struct fetcher *fetcher;
	struct err err;
	char url[96];
	long before;

	if (!guard || guard_allow(guard, "127.0.0.0/8", &err) ||
	    !(fetcher = fetcher_new(&config, &err)) ||
	    hosts_force(fetcher_hosts(fetcher), key, BREAKER_FORCED_OPEN, clock_ms(), &err))
		fail("no fetcher");
	before = resident_bytes();
	for (int i = 0; i < WAITING; i++) {
		struct fetch_request request = {.url = url, .owner = 1};

		snprintf(url, sizeof(url), "http://127.0.0.1:9/some/path/of/a/page-%d.html", i);
		if (fetch_start(fetcher, &request, on_done, NULL, NULL, &err))
			fail(err.detail);
	}
	while (view.queued < WAITING) /* the fetcher's thread takes them over */
		if (hosts_get(fetcher_hosts(fetcher), key, clock_ms(), &view, NULL, &err))
			fail(err.detail);
	before = (resident_bytes() - before) / WAITING;
	fetcher_free(fetcher);
	guard_free(guard);
	return before;
}

int main(void)
{
	struct hosts *hosts = table_new();
	double alone_ns = turn_ns(hosts);
	double mib = known_mib(hosts);

	printf("{\"decision_ns\": %.1f, \"turn_ns\": %.1f, ", decision_ns(), alone_ns);
	printf("\"turn_known_ns\": %.1f, \"known_mib\": %.1f, ", turn_ns(hosts), mib);
	printf("\"list_ms\": %.2f, \"dead_ratio\": %.4f, ", list_ms(hosts), dead_ratio());
	printf("\"waiting_bytes\": %ld}\n", waiting_bytes());
	hosts_free(hosts);
	return 0;
}
