/* SPDX-License-Identifier: MIT */
/* An hour with ten hosts, some of them troubled, in virtual time. */
#include "net/hosts.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
	HOSTS = 10,
	ITEMS_EACH = 20, /* always waiting or running at each host */
	MINUTE = 60 * 1000,
	HOUR = 60 * MINUTE,
	LATENCY_MS = 50,
	RETRY_AFTER_MS = 30 * 1000,
};

/* Hosts 0-5 are well, 6 is down from minute 10 to 20, 7 is dead, 8 is up and down by the
 * minute, 9 answers 429 with Retry-After to each twentieth call. */
enum { DOWN = 6, DEAD = 7, FLAPS = 8, THROTTLES = 9 };

struct running {
	struct hosts_item *item; /* NULL: free */
	int64_t end_ms;
};

struct hour {
	struct hosts *hosts;
	int64_t now_ms;
	struct hosts_item items[HOSTS][ITEMS_EACH];
	char keys[HOSTS][32];
	struct running running[HOSTS * ITEMS_EACH];
	unsigned calls[HOSTS], good[HOSTS], in_flight[HOSTS];
	unsigned calls_while_down; /* host 6, minute 10 to 20 */
	int64_t back_ms;	   /* host 6: its first success after minute 20 */
	int64_t started_ms[HOSTS]; /* the last start */
	int64_t quiet_until_ms;	   /* host 9 asked for it */
};

static int host_of(const struct hour *hour, const struct hosts_item *item)
{
	return (int)((item - &hour->items[0][0]) / ITEMS_EACH);
}

static bool is_up(int host, int64_t now_ms)
{
	if (host == DOWN)
		return now_ms < 10 * MINUTE || now_ms >= 20 * MINUTE;
	if (host == FLAPS)
		return now_ms / MINUTE % 2 == 0;
	return host != DEAD;
}

/* What must hold whenever a call starts. */
static void check_start(struct hour *hour, int host)
{
	assert_true(hour->now_ms - hour->started_ms[host] >= 500 || hour->calls[host] == 0);
	assert_true(hour->in_flight[host] <= 2);
	if (host == THROTTLES)
		assert_true(hour->now_ms >= hour->quiet_until_ms);
}

static void start(struct hour *hour, struct hosts_item *item)
{
	int host = host_of(hour, item);
	size_t at = 0;

	hour->in_flight[host]++;
	check_start(hour, host);
	hour->calls[host]++;
	hour->started_ms[host] = hour->now_ms;
	if (host == DOWN && !is_up(host, hour->now_ms))
		hour->calls_while_down++;
	while (hour->running[at].item)
		at++;
	hour->running[at] = (struct running){item, hour->now_ms + LATENCY_MS};
}

static void end(struct hour *hour, struct running *running)
{
	struct hosts_outcome outcome = {
		.call = {.status = 200}, .first_byte_ms = LATENCY_MS, .retry_after_ms = -1};
	struct hosts_item *item = running->item;
	int host = host_of(hour, item);
	struct err err;

	running->item = NULL;
	if (!is_up(host, hour->now_ms)) {
		outcome.call = (struct call_outcome){.code = ERR_FETCH_CONNECT};
	} else if (host == THROTTLES && hour->calls[host] % 20 == 0) {
		outcome.call = (struct call_outcome){.status = 429, .retry_after = true};
		outcome.retry_after_ms = RETRY_AFTER_MS;
		hour->quiet_until_ms = hour->now_ms + RETRY_AFTER_MS;
	} else {
		hour->good[host]++;
		if (host == DOWN && hour->now_ms >= 20 * MINUTE && hour->back_ms == 0)
			hour->back_ms = hour->now_ms;
	}
	hosts_finish(hour->hosts, item, &outcome, hour->now_ms);
	hour->in_flight[host]--;
	assert_int_equal(hosts_add(hour->hosts, item, hour->now_ms, &err), 0);
}

/* Ends what is due, starts what may; returns the next instant at which anything happens. */
static int64_t advance(struct hour *hour)
{
	struct hosts_item *item;
	int64_t next_ms;

	for (size_t i = 0; i < ARRAY_LEN(hour->running); i++)
		if (hour->running[i].item && hour->running[i].end_ms <= hour->now_ms)
			end(hour, &hour->running[i]);
	assert_null(hosts_ended(hour->hosts, hour->now_ms));
	while ((item = hosts_take(hour->hosts, hour->now_ms)))
		start(hour, item);
	next_ms = hosts_wake_ms(hour->hosts);
	for (size_t i = 0; i < ARRAY_LEN(hour->running); i++)
		if (hour->running[i].item)
			next_ms = MIN(next_ms, hour->running[i].end_ms);
	return next_ms;
}

static void hour_open(struct hour *hour)
{
	const struct hosts_config config = {.seed = 11};
	struct err err;

	memset(hour, 0, sizeof(*hour));
	hour->hosts = hosts_new(&config, &err);
	assert_non_null(hour->hosts);
	for (int host = 0; host < HOSTS; host++) {
		snprintf(hour->keys[host], sizeof(hour->keys[host]), "http:h%d.example:80", host);
		for (int i = 0; i < ITEMS_EACH; i++) {
			hour->items[host][i] = (struct hosts_item){.key = hour->keys[host],
								   .owner = (uint64_t)i % 3 + 1};
			assert_int_equal(hosts_add(hour->hosts, &hour->items[host][i], 0, &err), 0);
		}
	}
}

static void hour_close(struct hour *hour)
{
	const struct hosts_outcome outcome = {.call = {.code = ERR_CANCELLED}};

	for (int host = 0; host < HOSTS; host++)
		for (int i = 0; i < ITEMS_EACH; i++)
			if (!hosts_remove(hour->hosts, &hour->items[host][i], hour->now_ms))
				hosts_finish(hour->hosts, &hour->items[host][i], &outcome,
					     hour->now_ms);
	hosts_free(hour->hosts);
}

static void an_hour_of_trouble_costs_the_troubled_only(void **state)
{
	/* Delays, limits, Retry-After and breakers all hold, and healthy hosts notice nothing. */
	static struct hour hour;
	struct host_view view;
	struct err err;

	(void)state;
	hour_open(&hour);
	while (hour.now_ms < HOUR) {
		int64_t next_ms = advance(&hour);

		assert_true(next_ms > hour.now_ms && next_ms < INT64_MAX);
		hour.now_ms = next_ms;
	}
	/* One start in 1 s ± 50 %: 3,600 on average, ± 3 %. */
	for (int host = 0; host <= 5; host++) {
		assert_in_range(hour.good[host], 3490, 3710);
		assert_int_equal(hour.good[host] + hour.in_flight[host], hour.calls[host]);
	}
	/* Five to trip, then probes at 15, 45, 105, 225, 465 s, each ± 15 %. */
	assert_in_range(hour.calls_while_down, 9, 11);
	/* The next probe after minute 20 is at most 480 s · 1.15 away; then it works again. */
	assert_in_range(hour.back_ms, 20 * MINUTE, 20 * MINUTE + 552000);
	assert_true(hour.good[DOWN] > 1800);
	/* Dead: five, six probes up to 480 s apart, then one in 765 to 1,035 s: 5 + 6 + 2 … 4. */
	assert_int_equal(hour.good[DEAD], 0);
	assert_in_range(hour.calls[DEAD], 12, 15);
	assert_int_equal(hosts_get(hour.hosts, hour.keys[DEAD], hour.now_ms, &view, NULL, &err), 0);
	assert_int_equal(view.state, BREAKER_OPEN);
	/* Flapping: far fewer calls wasted than a client without a breaker would (1,800). */
	assert_true(hour.calls[FLAPS] - hour.good[FLAPS] < 100);
	/* Throttling is no failure: 20 calls in about 20 s, then 30 s of quiet. */
	assert_int_equal(hosts_get(hour.hosts, hour.keys[THROTTLES], hour.now_ms, &view, NULL, &err), 0);
	assert_int_equal(view.total.opens, 0);
	assert_in_range(hour.calls[THROTTLES], 1300, 1560);
	hour_close(&hour);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_of_trouble_costs_the_troubled_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
