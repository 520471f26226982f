/* SPDX-License-Identifier: MIT */
/* An hour with ten hosts, some of them troubled, in virtual time: what must hold at each
 * start and end is checked there, what must have come of it at the end. */
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
	OWNERS = 3,
	ITEMS_EACH = 21, /* always waiting or running at each host, seven of each owner */
	ATTEMPTS_MAX = 4,
	MINUTE = 60 * 1000,
	HOUR = 60 * MINUTE,
	LATENCY_MS = 50,
	RETRY_AFTER_MS = 30 * 1000,
	CRAWL_DELAY_MS = 3 * 1000,
	DEADLINE_MS = 20 * MINUTE, /* of each item at the dead host */
};

/* Hosts 0-3 are well, 4 fails each fourth call, 5 has a crawl-delay, 6 is down from minute
 * 10 to 20, 7 is dead, 8 is up and down by the minute, 9 answers 429 with Retry-After to
 * each twentieth call. */
enum { WELL = 4, SHAKY = 4, CRAWLS = 5, DOWN = 6, DEAD = 7, FLAPS = 8, THROTTLES = 9 };

struct running {
	struct hosts_item *item; /* NULL: free */
	int64_t end_ms;
	bool probe;
};

struct hour {
	struct hosts *hosts;
	struct rng rng;
	int64_t now_ms;
	struct hosts_item items[HOSTS][ITEMS_EACH];
	unsigned attempts[HOSTS][ITEMS_EACH];
	int64_t backoff_ms[HOSTS][ITEMS_EACH];
	char keys[HOSTS][32];
	struct running running[HOSTS * ITEMS_EACH];
	unsigned calls[HOSTS], good[HOSTS], in_flight[HOSTS], owned[HOSTS][OWNERS + 1];
	unsigned firsts[HOSTS], retries[HOSTS]; /* retries while its breaker was closed */
	unsigned all_in_flight, retries_in_flight;
	unsigned probes[HOSTS];	      /* in flight */
	int64_t open_until_ms[HOSTS]; /* 0: not open */
	unsigned moves[HOSTS];
	unsigned calls_while_down;  /* host 6, minute 10 to 20 */
	int64_t back_ms, closed_ms; /* host 6 after minute 20: its first success; closed */
	int64_t started_ms[HOSTS];  /* the last start */
	int64_t quiet_until_ms;	    /* host 9 asked for it */
	unsigned deadlines;	    /* items of host 7 that ended so */
};

static int host_of(const struct hour *hour, const struct hosts_item *item)
{
	return (int)((item - &hour->items[0][0]) / ITEMS_EACH);
}

static bool is_up(const struct hour *hour, int host)
{
	if (host == DOWN)
		return hour->now_ms < 10 * MINUTE || hour->now_ms >= 20 * MINUTE;
	if (host == FLAPS)
		return hour->now_ms / MINUTE % 2 == 0;
	if (host == SHAKY)
		return hour->calls[host] % 4 != 0;
	return host != DEAD;
}

/* The breaker's moves, as they are told. */
static void on_changed(void *ctx, const struct host_view *view)
{
	struct hour *hour = ctx;
	int host = view->key[6] - '0';

	hour->moves[host]++;
	hour->open_until_ms[host] =
		view->state == BREAKER_OPEN ? hour->now_ms + view->open_left_ms : 0;
	if (host == DOWN && view->state == BREAKER_CLOSED && hour->now_ms >= 20 * MINUTE &&
	    hour->closed_ms == 0)
		hour->closed_ms = hour->now_ms;
}

/* A retry at a host that is well: both budgets had room for it. */
static void check_budgets(const struct hour *hour, int host)
{
	unsigned share = MAX(hour->all_in_flight * 20 / 100, 3);
	double earned = 10 + 0.2 * hour->firsts[host] + 0.2 * (double)hour->now_ms / 1000;

	assert_true(hour->retries_in_flight < share);
	assert_true(hour->retries[host] < earned);
}

/* What must hold whenever a call starts. */
static void check_start(const struct hour *hour, int host, const struct hosts_item *item,
			enum breaker_state state)
{
	int64_t since_ms = hour->now_ms - hour->started_ms[host];

	assert_true(since_ms >= 500 || hour->calls[host] == 0);
	assert_true(since_ms >= CRAWL_DELAY_MS || host != CRAWLS || hour->calls[host] == 0);
	assert_true(hour->in_flight[host] < 2);
	assert_true(hour->now_ms >= hour->open_until_ms[host]);
	assert_int_not_equal(state, BREAKER_OPEN);
	assert_true(state != BREAKER_HALF_OPEN || hour->probes[host] == 0);
	if (host == THROTTLES)
		assert_true(hour->now_ms >= hour->quiet_until_ms);
	if (item->retry && state == BREAKER_CLOSED)
		check_budgets(hour, host);
}

static void start(struct hour *hour, struct hosts_item *item)
{
	int host = host_of(hour, item);
	struct host_view view;
	struct err err;
	size_t at = 0;

	assert_int_equal(hosts_get(hour->hosts, hour->keys[host], hour->now_ms, &view, NULL, &err),
			 0);
	check_start(hour, host, item, view.state);
	hour->in_flight[host]++;
	hour->all_in_flight++;
	hour->calls[host]++;
	hour->owned[host][item->owner]++;
	hour->started_ms[host] = hour->now_ms;
	hour->retries_in_flight += item->retry;
	hour->retries[host] += item->retry && view.state == BREAKER_CLOSED;
	hour->firsts[host] += !item->retry;
	hour->probes[host] += view.state == BREAKER_HALF_OPEN;
	if (host == DOWN && !is_up(hour, host))
		hour->calls_while_down++;
	while (hour->running[at].item)
		at++;
	hour->running[at] =
		(struct running){item, hour->now_ms + LATENCY_MS, view.state == BREAKER_HALF_OPEN};
}

/* The next page, or the same one again after its back-off. */
static void add(struct hour *hour, struct hosts_item *item, bool failed)
{
	static const struct retry_policy preset;
	int host = host_of(hour, item);
	unsigned *attempts = &hour->attempts[host][item - hour->items[host]];
	int64_t *backoff_ms = &hour->backoff_ms[host][item - hour->items[host]];
	struct err err;

	*attempts = failed ? *attempts + 1 : 0;
	item->retry = failed && *attempts < ATTEMPTS_MAX;
	if (!item->retry)
		*attempts = 0;
	*backoff_ms = item->retry ? retry_delay_ms(&preset, *backoff_ms, &hour->rng) : 0;
	item->start_ms = hour->now_ms + *backoff_ms;
	item->front = item->retry;
	if (host == DEAD && !item->retry)
		item->deadline_ms = hour->now_ms + DEADLINE_MS;
	assert_int_equal(hosts_add(hour->hosts, item, hour->now_ms, &err), 0);
}

static void end(struct hour *hour, struct running *running)
{
	struct hosts_outcome outcome = {
		.call = {.status = 200}, .first_byte_ms = LATENCY_MS, .retry_after_ms = -1};
	struct hosts_item *item = running->item;
	int host = host_of(hour, item);
	bool up = is_up(hour, host);

	running->item = NULL;
	if (!up) {
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
	hour->in_flight[host]--;
	hour->all_in_flight--;
	hour->retries_in_flight -= item->retry;
	hour->probes[host] -= running->probe;
	hosts_finish(hour->hosts, item, &outcome, hour->now_ms);
	add(hour, item, !up);
}

/* Ends what is due, starts what may; returns the next instant at which anything happens. */
static int64_t advance(struct hour *hour)
{
	struct hosts_item *item;
	int64_t next_ms;

	for (size_t i = 0; i < ARRAY_LEN(hour->running); i++)
		if (hour->running[i].item && hour->running[i].end_ms <= hour->now_ms)
			end(hour, &hour->running[i]);
	while ((item = hosts_ended(hour->hosts, hour->now_ms))) {
		assert_int_equal(host_of(hour, item), DEAD);
		assert_int_equal(item->ended, ERR_DEADLINE);
		assert_int_equal(item->deadline_ms, hour->now_ms);
		hour->deadlines++;
		add(hour, item, false);
	}
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
	const struct hosts_config config = {.seed = 11, .changed = on_changed, .ctx = hour};
	struct err err;

	memset(hour, 0, sizeof(*hour));
	rng_seed(&hour->rng, 12);
	hour->hosts = hosts_new(&config, &err);
	assert_non_null(hour->hosts);
	for (int host = 0; host < HOSTS; host++) {
		snprintf(hour->keys[host], sizeof(hour->keys[host]), "http:h%d.example:80", host);
		for (int i = 0; i < ITEMS_EACH; i++) {
			hour->items[host][i] = (struct hosts_item){
				.key = hour->keys[host], .owner = (uint64_t)(i % OWNERS) + 1};
			add(hour, &hour->items[host][i], false);
		}
	}
	assert_int_equal(
		hosts_crawl_delay(hour->hosts, hour->keys[CRAWLS], CRAWL_DELAY_MS, 0, &err), 0);
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

static struct host_view view_of(const struct hour *hour, int host)
{
	struct host_view view = {.queued = 0};
	struct err err;

	assert_int_equal(hosts_get(hour->hosts, hour->keys[host], hour->now_ms, &view, NULL, &err),
			 0);
	return view;
}

/* Each item runs, waits for its turn or back-off, or is parked and says so. */
static void check_nobody_is_lost(const struct hour *hour)
{
	for (int host = 0; host < HOSTS; host++) {
		unsigned running = 0, parked = 0;

		for (int i = 0; i < ITEMS_EACH; i++) {
			struct hosts_item_view view;

			hosts_look(hour->hosts, &hour->items[host][i], hour->now_ms, &view);
			assert_in_range(view.state, HOSTS_ITEM_LATER, HOSTS_ITEM_RUNNING);
			running += view.state == HOSTS_ITEM_RUNNING;
			parked += view.reason == ERR_FETCH_CIRCUIT_OPEN;
			if (view.reason) /* 900 s + 15 % */
				assert_in_range(view.until_ms, hour->now_ms + 1,
						hour->now_ms + 1035000);
		}
		assert_int_equal(running, hour->in_flight[host]);
		assert_int_equal(view_of(hour, host).queued, ITEMS_EACH - running);
		if (host < WELL)
			assert_int_equal(parked, 0);
		if (host == DEAD)
			assert_int_equal(parked, ITEMS_EACH);
	}
}

/* Owners with the same always to do have had the same, but for what is under way. */
static void check_fairness(const struct hour *hour)
{
	for (int host = 0; host < WELL; host++)
		for (int owner = 2; owner <= OWNERS; owner++)
			assert_in_range(hour->owned[host][owner] + 2 - hour->owned[host][1], 0, 4);
}

static void check_recovery(const struct hour *hour)
{
	/* Five to trip, then probes at 15, 45, 105, 225, 465 s, each ± 15 %. */
	assert_in_range(hour->calls_while_down, 9, 11);
	/* The next probe after minute 20 is at most 480 s · 1.15 away; then it works again,
	 * and two more probes at a second's distance close it. */
	assert_in_range(hour->back_ms, 20 * MINUTE, 20 * MINUTE + 552000);
	assert_in_range(hour->closed_ms, hour->back_ms, hour->back_ms + 2 * 1500 + 3 * LATENCY_MS);
	/* From then on it is as well as the others: 1 in 1 s ± 3 %. */
	assert_in_range(hour->good[DOWN], (600000 + HOUR - hour->closed_ms) / 1000 * 97 / 100,
			(600000 + HOUR - hour->closed_ms) / 1000 * 103 / 100);
}

static void an_hour_of_trouble_costs_the_troubled_only(void **state)
{
	/* Delays, limits, Retry-After and breakers all hold, and healthy hosts notice nothing. */
	static struct hour hour;

	(void)state;
	hour_open(&hour);
	while (hour.now_ms < HOUR) {
		int64_t next_ms = advance(&hour);

		assert_true(next_ms > hour.now_ms && next_ms < INT64_MAX);
		hour.now_ms = next_ms;
	}
	/* One start in 1 s ± 50 %: 3,600 on average, ± 3 %. */
	for (int host = 0; host < WELL; host++) {
		assert_in_range(hour.good[host], 3490, 3710);
		assert_int_equal(hour.good[host] + hour.in_flight[host], hour.calls[host]);
		assert_int_equal(hour.moves[host], 0);
	}
	/* A quarter fails: never five in a row nor half, and retries cost no other call. */
	assert_in_range(hour.calls[SHAKY], 3490, 3710);
	assert_int_equal(hour.moves[SHAKY], 0);
	assert_true(hour.retries[SHAKY] > 700);
	/* 3 s · U(0.5, 1.5), never below 3 s: 3.375 s on average: 1,066 ± 3 %. */
	assert_in_range(hour.good[CRAWLS], 1034, 1098);
	check_recovery(&hour);
	/* Dead: five, six probes up to 480 s apart, then one in 765 to 1,035 s: 5 + 6 + 2 … 4;
	 * and each of its items ended at its deadline, twice or three times. */
	assert_int_equal(hour.good[DEAD], 0);
	assert_in_range(hour.calls[DEAD], 12, 15);
	assert_in_range(hour.deadlines, 2 * ITEMS_EACH - 4, 3 * ITEMS_EACH);
	assert_int_equal(view_of(&hour, DEAD).state, BREAKER_OPEN);
	/* Flapping: far fewer calls wasted than a client without a breaker would (1,800). */
	assert_true(hour.calls[FLAPS] - hour.good[FLAPS] < 100);
	/* Throttling is no failure: 20 calls in about 20 s, then 30 s of quiet. */
	assert_int_equal(hour.moves[THROTTLES], 0);
	assert_in_range(hour.calls[THROTTLES], 1300, 1560);
	check_fairness(&hour);
	check_nobody_is_lost(&hour);
	hour_close(&hour);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_of_trouble_costs_the_troubled_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
