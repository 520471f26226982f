/* SPDX-License-Identifier: MIT */
/* Whose turn it is, with a clock that the test moves. */
#include "net/hosts.h"

#include "base/compiler.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char key_a[] = "http:a.example:80";
static const char key_b[] = "http:b.example:80";

enum { T0 = 1000000 };

static char saved_key[HOST_KEY_BYTES_MAX + 1];
static char saved[HOST_STATE_BYTES_MAX];
static size_t saved_len;
static unsigned saves, woken;

static void on_save(void *ctx, const char *key, const void *state, size_t len)
{
	(void)ctx;
	snprintf(saved_key, sizeof(saved_key), "%s", key);
	memcpy(saved, state, len);
	saved_len = len;
	saves++;
}

static void on_wake(void *ctx)
{
	(void)ctx;
	woken++;
}

static struct hosts *table_open(unsigned hosts_max)
{
	const struct hosts_config config = {
		.hosts_max = hosts_max, .seed = 5, .save = on_save, .wake = on_wake};
	struct err err;
	struct hosts *hosts = hosts_new(&config, &err);

	assert_non_null(hosts);
	woken = 0;
	return hosts;
}

/* An item for a host in --allow-net: no delays between starts. */
static struct hosts_item item_of(const char *key, uint64_t owner)
{
	return (struct hosts_item){.key = key, .owner = owner, .inside = true};
}

static void add(struct hosts *hosts, struct hosts_item *item, int64_t now_ms)
{
	struct err err;

	if (hosts_add(hosts, item, now_ms, &err))
		fail_msg("%s", err.detail);
}

static void finish(struct hosts *hosts, struct hosts_item *item, enum err_code code, int status,
		   int64_t now_ms)
{
	const struct hosts_outcome outcome = {
		.call = {.code = code, .status = status}, .first_byte_ms = 5, .retry_after_ms = -1};

	hosts_finish(hosts, item, &outcome, now_ms);
}

/* Starts and finishes whatever may, one after the other; the owners in their order. */
static void drain(struct hosts *hosts, int64_t now_ms, char *order)
{
	struct hosts_item *item;

	while ((item = hosts_take(hosts, now_ms))) {
		*order++ = (char)('0' + item->owner);
		finish(hosts, item, ERR_NONE, 200, now_ms);
	}
	*order = '\0';
}

static struct host_view view_of(struct hosts *hosts, const char *key, int64_t now_ms)
{
	struct host_view view = {.queued = 0};
	struct err err;

	assert_int_equal(hosts_get(hosts, key, now_ms, &view, NULL, &err), 0);
	return view;
}

static void owners_take_turns_at_a_host(void **state)
{
	/* Four of owner 1 came first; owners 2 and 3 need not wait behind all of them. */
	struct hosts_item items[8];
	const uint64_t owners[8] = {1, 1, 1, 1, 2, 2, 3, 3};
	struct hosts *hosts = table_open(0);
	char order[16];

	(void)state;
	for (int i = 0; i < 8; i++) {
		items[i] = item_of(key_a, owners[i]);
		add(hosts, &items[i], T0);
	}
	drain(hosts, T0, order);
	assert_string_equal(order, "12312311");
	hosts_free(hosts);
}

static void hosts_take_turns(void **state)
{
	/* A host with much work does not hold up one with little. */
	struct hosts_item items[5];
	struct hosts *hosts = table_open(0);
	char order[16];

	(void)state;
	for (int i = 0; i < 5; i++) {
		items[i] = item_of(i < 3 ? key_a : key_b, i < 3 ? 1 : 2);
		add(hosts, &items[i], T0);
	}
	drain(hosts, T0, order);
	assert_string_equal(order, "12121");
	hosts_free(hosts);
}

static void priority_goes_first_but_low_never_starves(void **state)
{
	/* Critical, high, normal, low; yet one take in sixteen serves the lowest. */
	static const enum hosts_priority given[] = {HOSTS_LOW, HOSTS_NORMAL, HOSTS_HIGH,
						    HOSTS_CRITICAL};
	struct hosts_item items[4], many[40];
	struct hosts *hosts = table_open(0);
	char order[64];

	(void)state;
	for (int i = 0; i < 4; i++) {
		items[i] = item_of(i % 2 ? key_a : key_b, (uint64_t)i);
		items[i].priority = given[i];
		add(hosts, &items[i], T0);
	}
	drain(hosts, T0, order);
	assert_string_equal(order, "3210");
	hosts_free(hosts);

	hosts = table_open(0);
	for (int i = 0; i < 40; i++) {
		many[i] = item_of(i ? key_a : key_b, i ? 1 : 2);
		many[i].priority = i ? HOSTS_CRITICAL : HOSTS_LOW;
		add(hosts, &many[i], T0);
	}
	drain(hosts, T0, order);
	assert_int_equal(strchr(order, '2') - order, 15);
	hosts_free(hosts);
}

static void calls_can_be_taken_alone(void **state)
{
	/* In turn, past pages that came first, within the limits of host and owner. */
	struct hosts_item pages[4], calls[3];
	struct hosts *hosts = table_open(0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		pages[i] = item_of(i % 2 ? key_a : key_b, 1);
		pages[i].priority = HOSTS_CRITICAL;
		add(hosts, &pages[i], T0);
	}
	assert_null(hosts_take_call(hosts, T0));
	for (int i = 0; i < 3; i++) {
		calls[i] = item_of(i < 2 ? key_a : key_b, 1);
		calls[i].call = true;
		calls[i].per_host = 1;
		add(hosts, &calls[i], T0);
	}
	assert_ptr_equal(hosts_take_call(hosts, T0), &calls[0]);
	assert_ptr_equal(hosts_take_call(hosts, T0), &calls[2]);
	assert_null(hosts_take_call(hosts, T0)); /* one at a time was asked for */
	finish(hosts, &calls[0], ERR_NONE, 200, T0);
	assert_ptr_equal(hosts_take_call(hosts, T0), &calls[1]);
	finish(hosts, &calls[1], ERR_NONE, 200, T0);
	finish(hosts, &calls[2], ERR_NONE, 200, T0);
	for (int i = 0; i < 4; i++)
		assert_non_null(hosts_take(hosts, T0));
	for (int i = 0; i < 4; i++)
		finish(hosts, &pages[i], ERR_NONE, 200, T0);
	hosts_free(hosts);
}

static void public_hosts_are_asked_slowly(void **state)
{
	/* One in flight and at least half a second between starts, until latency is known. */
	struct hosts_item items[3];
	struct hosts *hosts = table_open(0);
	int64_t wake_ms;

	(void)state;
	for (int i = 0; i < 3; i++) {
		items[i] = (struct hosts_item){.key = key_a, .owner = 1};
		add(hosts, &items[i], T0);
	}
	assert_ptr_equal(hosts_take(hosts, T0), &items[0]);
	assert_null(hosts_take(hosts, T0));
	assert_true(hosts_wake_ms(hosts) == INT64_MAX);
	finish(hosts, &items[0], ERR_NONE, 200, T0 + 5);
	wake_ms = hosts_wake_ms(hosts);
	assert_in_range(wake_ms - T0, 500, 1500);
	assert_null(hosts_ended(hosts, wake_ms - 1));
	assert_null(hosts_take(hosts, wake_ms - 1));
	assert_null(hosts_ended(hosts, wake_ms));
	assert_ptr_equal(hosts_take(hosts, wake_ms), &items[1]);
	finish(hosts, &items[1], ERR_NONE, 200, wake_ms);
	assert_true(hosts_remove(hosts, &items[2], wake_ms));
	assert_false(hosts_remove(hosts, &items[2], wake_ms));
	hosts_free(hosts);
}

static void an_owner_has_no_more_than_its_share(void **state)
{
	/* Two owners with two each at one host: four in flight, not one of them three. */
	struct hosts_item items[8];
	struct hosts *hosts = table_open(0);
	unsigned taken[3] = {0};
	struct hosts_item *item;

	(void)state;
	for (int i = 0; i < 8; i++) {
		items[i] = item_of(key_a, i < 4 ? 1 : 2);
		items[i].per_host = i < 4 ? 2 : 4;
		add(hosts, &items[i], T0);
	}
	while ((item = hosts_take(hosts, T0)))
		taken[item->owner]++;
	assert_int_equal(taken[1], 2);
	assert_int_equal(taken[2], 2);
	for (int i = 0; i < 8; i++)
		if (!hosts_remove(hosts, &items[i], T0))
			finish(hosts, &items[i], ERR_NONE, 200, T0);
	hosts_free(hosts);
}

static void an_open_breaker_parks_or_ends(void **state)
{
	/* Five failures: those that wait stay, told why; those that will not wait end. */
	struct hosts_item items[5], patient = item_of(key_a, 1), hasty = item_of(key_a, 2);
	struct hosts_item backing_off = item_of(key_a, 2);
	struct hosts_item_view view;
	struct hosts *hosts = table_open(0);
	struct host_view host;
	struct err err;

	(void)state;
	for (int i = 0; i < 5; i++) {
		items[i] = item_of(key_a, 1);
		add(hosts, &items[i], T0);
	}
	hasty.on_open = HOSTS_FAIL;
	for (int i = 0; i < 5; i++)
		assert_non_null(hosts_take(hosts, T0));
	add(hosts, &patient, T0);
	add(hosts, &hasty, T0);
	backing_off.on_open = HOSTS_FAIL;
	backing_off.start_ms = T0 + 60000;
	add(hosts, &backing_off, T0);
	for (int i = 0; i < 5; i++)
		finish(hosts, &items[i], ERR_FETCH_CONNECT, 0, T0);
	assert_null(hosts_take(hosts, T0));
	assert_ptr_equal(hosts_ended(hosts, T0), &hasty);
	assert_int_equal(hasty.ended, ERR_FETCH_CIRCUIT_OPEN);
	assert_ptr_equal(hosts_ended(hosts, T0), &backing_off);
	assert_int_equal(backing_off.ended, ERR_FETCH_CIRCUIT_OPEN);
	assert_null(hosts_ended(hosts, T0));
	assert_int_equal(hosts_add(hosts, &hasty, T0, &err), -1);
	assert_int_equal(err.code, ERR_FETCH_CIRCUIT_OPEN);
	hosts_look(hosts, &patient, T0, &view);
	assert_int_equal(view.reason, ERR_FETCH_CIRCUIT_OPEN);
	assert_int_equal(view.until_ms, hosts_wake_ms(hosts));
	assert_int_equal(hosts_get(hosts, key_a, T0, &host, NULL, &err), 0);
	assert_int_equal(host.state, BREAKER_OPEN);
	assert_int_equal(host.open_left_ms, view.until_ms - T0);
	assert_int_equal(host.queued, 1);
	assert_null(hosts_ended(hosts, view.until_ms));
	assert_ptr_equal(hosts_take(hosts, view.until_ms), &patient);
	finish(hosts, &patient, ERR_NONE, 200, view.until_ms);
	hosts_free(hosts);
}

static void refusals_stop_one_owner_only(void **state)
{
	/* Ten 403 in a row: that owner waits 15 minutes, another one goes on. */
	struct hosts_item items[10], more = item_of(key_a, 1), other = item_of(key_a, 2);
	struct hosts_item_view view;
	struct hosts *hosts = table_open(0);

	(void)state;
	for (int i = 0; i < 10; i++) {
		items[i] = item_of(key_a, 1);
		add(hosts, &items[i], T0);
		assert_non_null(hosts_take(hosts, T0));
		finish(hosts, &items[i], ERR_FETCH_HTTP_4XX, 403, T0);
	}
	add(hosts, &more, T0);
	add(hosts, &other, T0);
	assert_ptr_equal(hosts_take(hosts, T0), &other);
	assert_null(hosts_take(hosts, T0));
	finish(hosts, &other, ERR_NONE, 200, T0);
	hosts_look(hosts, &more, T0, &view);
	assert_int_equal(view.reason, ERR_FETCH_BLOCKED);
	assert_int_equal(view.until_ms, T0 + 15 * 60 * 1000);
	assert_null(hosts_ended(hosts, view.until_ms));
	assert_ptr_equal(hosts_take(hosts, view.until_ms), &more);
	finish(hosts, &more, ERR_NONE, 200, view.until_ms);
	hosts_free(hosts);
}

static void a_dead_resolver_pauses_all_and_blames_nobody(void **state)
{
	/* 21 names in a row fail: fetching stops for 15 s, and the last host has no failure. */
	struct hosts *hosts = table_open(0);
	struct hosts_item items[21];
	struct hosts_item_view waits;
	struct host_view view;
	struct err err;
	char key[21][32];

	(void)state;
	for (int i = 0; i < 21; i++) {
		snprintf(key[i], sizeof(key[i]), "http:h%d.example:80", i);
		items[i] = (struct hosts_item){.key = key[i], .owner = 1};
		add(hosts, &items[i], T0);
	}
	for (int i = 0; i < 20; i++) {
		assert_ptr_equal(hosts_take(hosts, T0), &items[i]);
		finish(hosts, &items[i], ERR_FETCH_DNS, 0, T0);
	}
	assert_null(hosts_take(hosts, T0));
	assert_int_equal(hosts_wake_ms(hosts), T0 + 15000);
	hosts_look(hosts, &items[20], T0, &waits);
	assert_int_equal(waits.reason, ERR_FETCH_DNS);
	assert_int_equal(waits.until_ms, T0 + 15000);
	assert_int_equal(hosts_get(hosts, key[19], T0, &view, NULL, &err), 0);
	assert_int_equal(view.total.failures, 0);
	assert_null(hosts_ended(hosts, T0 + 15000));
	assert_ptr_equal(hosts_take(hosts, T0 + 15000), &items[20]);
	finish(hosts, &items[20], ERR_NONE, 200, T0 + 15000);
	hosts_free(hosts);
}

static void a_dead_resolver_does_not_pause_those_who_need_none(void **state)
{
	/* Addresses, the operator's own hosts and a name that led somewhere ten minutes ago go
	 * on; one that did so a moment earlier, and one never heard of, wait. */
	static const char *const keys[] = {"http:192.0.2.1:80",		"http:[2001:db8::1]:80",
					   "http:own.example:80",	"http:known.example:80",
					   "http:forgotten.example:80", "http:1.2.3.4.example:80"};
	enum { TRUST_MS = 10 * 60 * 1000 };
	struct hosts *hosts = table_open(0);
	struct hosts_item item, items[6];
	char key[32];

	(void)state;
	for (int i = 3; i < 5; i++) {
		item = (struct hosts_item){.key = keys[i], .owner = 1};
		add(hosts, &item, T0 + 4 - i);
		assert_ptr_equal(hosts_take(hosts, T0 + 4 - i), &item);
		finish(hosts, &item, ERR_NONE, 200, T0 + 4 - i);
	}
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "http:h%d.example:80", i);
		item = (struct hosts_item){.key = key, .owner = 1};
		add(hosts, &item, T0 + TRUST_MS);
		assert_ptr_equal(hosts_take(hosts, T0 + TRUST_MS), &item);
		finish(hosts, &item, ERR_FETCH_DNS, 0, T0 + TRUST_MS);
	}
	for (int i = 0; i < 6; i++) {
		items[i] = (struct hosts_item){.key = keys[i], .owner = 1, .inside = i == 2};
		add(hosts, &items[i], T0 + TRUST_MS);
	}
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(hosts_take(hosts, T0 + TRUST_MS), &items[i]);
	assert_null(hosts_take(hosts, T0 + TRUST_MS));
	assert_null(hosts_ended(hosts, T0 + TRUST_MS + 15000));
	for (int i = 4; i < 6; i++)
		assert_non_null(hosts_take(hosts, T0 + TRUST_MS + 15000));
	for (int i = 0; i < 6; i++)
		finish(hosts, &items[i], ERR_NONE, 200, T0 + TRUST_MS + 15000);
	hosts_free(hosts);
}

static void a_back_off_and_a_deadline_are_kept(void **state)
{
	/* A retry starts at its instant, an item whose deadline comes first ends there. */
	struct hosts_item later = item_of(key_a, 1), late = item_of(key_a, 1);
	struct hosts *hosts = table_open(0);

	(void)state;
	later.start_ms = T0 + 100;
	later.retry = true;
	late.start_ms = T0 + 100;
	late.deadline_ms = T0 + 50;
	add(hosts, &later, T0);
	add(hosts, &late, T0);
	assert_null(hosts_take(hosts, T0));
	assert_int_equal(hosts_wake_ms(hosts), T0 + 50);
	assert_null(hosts_ended(hosts, T0 + 49));
	assert_ptr_equal(hosts_ended(hosts, T0 + 50), &late);
	assert_int_equal(late.ended, ERR_DEADLINE);
	assert_null(hosts_ended(hosts, T0 + 99));
	assert_null(hosts_take(hosts, T0 + 99));
	assert_null(hosts_ended(hosts, T0 + 100));
	assert_ptr_equal(hosts_take(hosts, T0 + 100), &later);
	finish(hosts, &later, ERR_NONE, 200, T0 + 100);
	hosts_free(hosts);
}

static void the_table_is_bounded_and_forgets_the_healthy(void **state)
{
	/* Of three hosts in a table of two the idle healthy one goes; open ones stay. */
	struct hosts_item item = item_of("http:c.example:80", 1);
	struct hosts *hosts = table_open(2);
	struct host_view view;
	struct err err;

	(void)state;
	assert_int_equal(hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err), 0);
	assert_int_equal(hosts_force(hosts, key_b, BREAKER_FORCED_OPEN, T0, &err), 0);
	hosts_save(hosts, T0);
	assert_int_equal(hosts_add(hosts, &item, T0, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(hosts_reset(hosts, key_b, T0, &err), 0);
	hosts_save(hosts, T0);
	add(hosts, &item, T0);
	assert_int_equal(hosts_get(hosts, key_b, T0, &view, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(hosts_get(hosts, key_a, T0, &view, NULL, &err), 0);
	assert_true(hosts_remove(hosts, &item, T0));
	hosts_free(hosts);
}

static void the_list_is_sorted_filtered_and_goes_on(void **state)
{
	/* Keys in order, from behind the last one of the page before. */
	struct hosts *hosts = table_open(0);
	struct hosts_filter filter = {.state = -1};
	struct host_view views[3];
	struct err err;
	char key[32];

	(void)state;
	for (int i = 9; i >= 0; i--) {
		snprintf(key, sizeof(key), "http:h%d.example:80", i);
		hosts_force(hosts, key, i == 4 ? BREAKER_FORCED_OPEN : BREAKER_FREE, T0, &err);
	}
	assert_int_equal(hosts_list(hosts, &filter, T0, views, 3), 3);
	assert_string_equal(views[0].key, "http:h0.example:80");
	assert_string_equal(views[2].key, "http:h2.example:80");
	filter.after_key = "http:h7.example:80";
	assert_int_equal(hosts_list(hosts, &filter, T0, views, 3), 2);
	assert_string_equal(views[0].key, "http:h8.example:80");
	filter = (struct hosts_filter){.state = BREAKER_OPEN};
	assert_int_equal(hosts_list(hosts, &filter, T0, views, 3), 1);
	assert_string_equal(views[0].key, "http:h4.example:80");
	assert_true(views[0].open_left_ms == INT64_MAX);
	filter = (struct hosts_filter){.state = -1, .contains = "h5"};
	assert_int_equal(hosts_list(hosts, &filter, T0, views, 3), 1);
	hosts_free(hosts);
}

static void a_view_has_a_maximum_while_somebody_asks(void **state)
{
	/* That of the owner who asks for the most; none when all are done, or the operator's. */
	const struct hosts_limits limits = {.limit_max = 3};
	struct hosts_item items[2] = {item_of(key_a, 1), item_of(key_a, 2)};
	struct hosts *hosts = table_open(0);
	char order[4];
	struct err err;

	(void)state;
	items[0].per_host = 5;
	items[1].per_host = 9;
	add(hosts, &items[0], T0);
	add(hosts, &items[1], T0);
	assert_int_equal(view_of(hosts, key_a, T0).limit_max, 9);
	drain(hosts, T0, order);
	assert_int_equal(view_of(hosts, key_a, T0).limit_max, 0);
	assert_int_equal(view_of(hosts, key_a, T0).limit, 9);
	hosts_limit(hosts, key_a, &limits, HOSTS_LIMIT_MAX, T0, &err);
	assert_int_equal(view_of(hosts, key_a, T0).limit_max, 3);
	assert_int_equal(view_of(hosts, key_a, T0).limit, 3);
	hosts_free(hosts);
}

static void what_was_saved_comes_back(void **state)
{
	/* An opened breaker and an operator's limits are there again after a restart. */
	const struct hosts_limits limits = {.limit_max = 3, .rate_per_s = 2.5, .delay_ms = 40};
	struct hosts *hosts = table_open(0);
	struct host_view view;
	struct err err;

	(void)state;
	hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err);
	hosts_limit(hosts, key_a, &limits, 7, T0, &err);
	assert_int_equal(woken, 2);
	hosts_save(hosts, T0);
	assert_string_equal(saved_key, key_a);
	hosts_free(hosts);

	hosts = table_open(0);
	hosts_import(hosts, saved_key, saved, saved_len - 1, 0, T0);
	assert_int_equal(hosts_get(hosts, key_a, T0, &view, NULL, &err), -1);
	hosts_import(hosts, saved_key, saved, saved_len, 5000, 77);
	assert_int_equal(hosts_get(hosts, key_a, 77, &view, NULL, &err), 0);
	assert_int_equal(view.state, BREAKER_OPEN);
	assert_int_equal(view.force, BREAKER_FORCED_OPEN);
	assert_int_equal(view.limit_max, 3);
	assert_true(view.limits.rate_per_s == 2.5);
	assert_int_equal(hosts_reset(hosts, key_a, 77, &err), 0);
	hosts_free(hosts);
}

static void finish_after(struct hosts *hosts, struct hosts_item *item, int status,
			 int64_t retry_after_ms, int64_t now_ms)
{
	const struct hosts_outcome outcome = {
		.call = {.status = status, .retry_after = retry_after_ms >= 0},
		.first_byte_ms = 5,
		.retry_after_ms = retry_after_ms};

	hosts_finish(hosts, item, &outcome, now_ms);
}

/* How many items start at one instant; they go on running. */
static unsigned take_all(struct hosts *hosts, int64_t now_ms)
{
	unsigned count = 0;

	assert_null(hosts_ended(hosts, now_ms));
	while (hosts_take(hosts, now_ms))
		count++;
	return count;
}

static void low_priority_is_served_at_a_busy_host(void **state)
{
	/* Endless critical work at one host: each sixteenth start is the low owner's. */
	struct hosts_item items[40];
	struct hosts *hosts = table_open(0);
	char order[64];

	(void)state;
	for (int i = 0; i < 40; i++) {
		items[i] = item_of(key_a, i < 36 ? 1 : 2);
		items[i].priority = i < 36 ? HOSTS_CRITICAL : HOSTS_LOW;
		add(hosts, &items[i], T0);
	}
	drain(hosts, T0, order);
	assert_string_equal(order, "1111111111111112111111111111111211111122");
	hosts_free(hosts);
}

static void retries_keep_the_global_share(void **state)
{
	/* 20 % of what is in flight, at least three: of 20 due at once at 20 hosts. */
	static const struct {
		unsigned firsts, retries;
	} cases[] = {{0, 3}, {10, 3}, {20, 4}, {40, 9}};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct hosts *hosts = table_open(0);
		struct hosts_item items[60];
		char key[20][32];

		for (unsigned i = 0; i < cases[c].firsts; i++) {
			items[i] = item_of(key_a, 1);
			add(hosts, &items[i], T0);
		}
		assert_int_equal(take_all(hosts, T0), cases[c].firsts);
		for (unsigned i = 0; i < 20; i++) {
			snprintf(key[i], sizeof(key[i]), "http:h%u.example:80", i);
			items[40 + i] = item_of(key[i], 1);
			items[40 + i].retry = true;
			items[40 + i].start_ms = T0 + 10;
			add(hosts, &items[40 + i], T0);
		}
		assert_int_equal(take_all(hosts, T0 + 10), cases[c].retries);
		assert_int_equal(hosts_wake_ms(hosts), T0 + 110);
		for (unsigned i = 0; i < 60; i++)
			if ((i < cases[c].firsts || i >= 40) && !hosts_remove(hosts, &items[i], T0))
				finish(hosts, &items[i], ERR_NONE, 200, T0);
		hosts_free(hosts);
	}
}

static void a_host_has_a_budget_of_retries(void **state)
{
	/* Ten of twelve go at once; the eleventh when 0.2 a second made one: after 5 s. */
	struct hosts_item items[12];
	struct hosts *hosts = table_open(0);
	char order[32];

	(void)state;
	for (int i = 0; i < 12; i++) {
		items[i] = item_of(key_a, (uint64_t)(i < 10 ? i : 10 + i - 10));
		items[i].retry = true;
		add(hosts, &items[i], T0);
	}
	drain(hosts, T0, order);
	assert_int_equal(strlen(order), 10);
	for (int64_t now_ms = T0; now_ms < T0 + 5000; now_ms += 100) {
		assert_null(hosts_ended(hosts, now_ms));
		assert_null(hosts_take(hosts, now_ms));
	}
	assert_null(hosts_ended(hosts, T0 + 5000));
	drain(hosts, T0 + 5000, order);
	assert_int_equal(strlen(order), 1);
	for (int i = 0; i < 12; i++)
		hosts_remove(hosts, &items[i], T0 + 5000);
	hosts_free(hosts);
}

static void a_burst_of_429_is_one_incident(void **state)
{
	/* Six in flight are all told to wait: the limit halves once, from 8 to 4. */
	struct hosts_item items[8];
	struct hosts *hosts = table_open(0);

	(void)state;
	for (int i = 0; i < 8; i++) {
		items[i] = item_of(key_a, 1);
		items[i].per_host = 8;
		add(hosts, &items[i], T0);
	}
	assert_int_equal(take_all(hosts, T0), 8);
	for (int i = 0; i < 6; i++)
		finish_after(hosts, &items[i], 429, 30000, T0 + i);
	assert_int_equal(view_of(hosts, key_a, T0 + 6).limit, 4);
	assert_int_equal(view_of(hosts, key_a, T0 + 5).throttled_left_ms, 30000);
	finish_after(hosts, &items[6], 200, -1, T0 + 6);
	finish_after(hosts, &items[7], 200, -1, T0 + 6);
	assert_int_equal(view_of(hosts, key_a, T0 + 6).total.throttled, 6);
	assert_int_equal(view_of(hosts, key_a, T0 + 6).window.failures, 0);
	assert_int_equal(view_of(hosts, key_a, T0 + 6).last_err, ERR_FETCH_THROTTLED);
	hosts_free(hosts);
}

static void retry_after_extends_the_open_time(void **state)
{
	/* The fifth 500 says Retry-After: 120, which is beyond 15 s ± 15 %. */
	struct hosts_item items[5];
	struct hosts *hosts = table_open(0);
	struct host_view view;

	(void)state;
	for (int i = 0; i < 5; i++) {
		items[i] = item_of(key_a, 1);
		add(hosts, &items[i], T0);
	}
	assert_int_equal(take_all(hosts, T0), 5);
	for (int i = 0; i < 5; i++)
		finish_after(hosts, &items[i], 500, i == 4 ? 120000 : -1, T0);
	view = view_of(hosts, key_a, T0);
	assert_int_equal(view.state, BREAKER_OPEN);
	assert_int_equal(view.open_left_ms, 120000);
	hosts_free(hosts);
}

static void the_longest_open_time_asked_for_wins(void **state)
{
	/* One owner asks for 60 s, another has the default of 15: 60 s ± 15 % while both wait. */
	struct hosts_item items[5], other = item_of(key_a, 2);
	struct hosts *hosts = table_open(0);

	(void)state;
	other.breaker.open_ms = 60000;
	other.start_ms = T0 + 1000;
	add(hosts, &other, T0);
	for (int i = 0; i < 5; i++) {
		items[i] = item_of(key_a, 1);
		add(hosts, &items[i], T0);
	}
	assert_int_equal(take_all(hosts, T0), 5);
	for (int i = 0; i < 5; i++)
		finish(hosts, &items[i], ERR_FETCH_CONNECT, 0, T0);
	assert_in_range(view_of(hosts, key_a, T0).open_left_ms, 51000, 69000);
	assert_true(hosts_remove(hosts, &other, T0));
	hosts_free(hosts);
}

static void half_refused_of_ten_stops_an_owner(void **state)
{
	/* 401, 403 and 451 count, from the first one on; with credentials none does. */
	static const struct {
		const char *rule;
		const char *statuses; /* 2: 200, 1: 401, 3: 403, 5: 451, 4: 404 */
		bool credentials, blocked;
	} cases[] = {
		{"nine of nine are too few", "333333333", false, false},
		{"ten of ten", "3333333333", false, true},
		{"any of the three", "1351351351", false, true},
		{"half of eleven", "32323232323", false, true},
		{"a third of fifteen", "322322322322322", false, false},
		{"what came before the first refusal is forgotten", "222222222333333333", false,
		 false},
		{"404 is an answer", "4444444444444", false, false},
		{"it is about the credentials", "3333333333333", true, false},
	};
	static const int status_of[] = {0, 401, 200, 403, 404, 451};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct hosts_item item = item_of(key_a, 1);
		struct hosts *hosts = table_open(0);

		for (const char *at = cases[c].statuses; *at; at++) {
			struct hosts_outcome outcome = {.call.status = status_of[*at - '0'],
							.retry_after_ms = -1,
							.credentials = cases[c].credentials};

			add(hosts, &item, T0);
			if (!hosts_take(hosts, T0))
				fail_msg("%s: too early", cases[c].rule);
			hosts_finish(hosts, &item, &outcome, T0);
		}
		add(hosts, &item, T0);
		if (!hosts_take(hosts, T0) != cases[c].blocked)
			fail_msg("%s", cases[c].rule);
		if (!hosts_remove(hosts, &item, T0))
			finish(hosts, &item, ERR_NONE, 200, T0);
		hosts_free(hosts);
	}
}

static void an_item_says_why_it_waits_and_until_when(void **state)
{
	/* The open breaker, then a probe that is out, the throttle clock, a back-off. */
	struct hosts_item items[5], waits = item_of(key_a, 1), later = item_of(key_a, 1);
	struct hosts *hosts = table_open(0);
	struct hosts_item_view view;
	int64_t open_ms;

	(void)state;
	for (int i = 0; i < 5; i++) {
		items[i] = item_of(key_a, 1);
		add(hosts, &items[i], T0);
	}
	assert_int_equal(take_all(hosts, T0), 5);
	for (int i = 0; i < 5; i++)
		finish(hosts, &items[i], ERR_FETCH_CONNECT, 0, T0);
	open_ms = T0 + view_of(hosts, key_a, T0).open_left_ms;
	add(hosts, &waits, T0);
	later.start_ms = T0 + 60000;
	add(hosts, &later, T0);
	add(hosts, &items[0], T0);
	items[1].start_ms = T0 + 10;
	add(hosts, &items[1], T0);

	hosts_look(hosts, &waits, T0, &view);
	assert_int_equal(view.reason, ERR_FETCH_CIRCUIT_OPEN);
	assert_int_equal(view.until_ms, open_ms);
	hosts_look(hosts, &items[1], T0, &view); /* its back-off ends sooner */
	assert_int_equal(view.reason, ERR_FETCH_CIRCUIT_OPEN);
	assert_int_equal(view.until_ms, open_ms);
	hosts_look(hosts, &later, T0, &view); /* its back-off ends later */
	assert_int_equal(view.reason, ERR_NONE);
	assert_int_equal(view.until_ms, T0 + 60000);

	assert_null(hosts_ended(hosts, open_ms));
	assert_ptr_equal(hosts_take(hosts, open_ms), &waits);
	hosts_look(hosts, &items[0], open_ms, &view);
	assert_int_equal(view.reason, ERR_FETCH_CIRCUIT_OPEN);
	assert_true(view.until_ms == INT64_MAX);
	finish_after(hosts, &waits, 429, 5000, open_ms);
	hosts_look(hosts, &items[0], open_ms, &view);
	assert_int_equal(view.reason, ERR_FETCH_THROTTLED);
	assert_int_equal(view.until_ms, open_ms + 5000);
	for (int i = 0; i < 2; i++)
		assert_true(hosts_remove(hosts, &items[i], open_ms));
	assert_true(hosts_remove(hosts, &later, open_ms));
	hosts_free(hosts);
}

static void an_operators_limits_hold_from_now_on(void **state)
{
	/* Two at once instead of eight; then a rate of 5 in a second; then 400 ms between. */
	struct hosts_limits limits = {.limit_max = 2, .rate_per_s = 5, .delay_ms = 400};
	struct hosts_item items[16];
	struct hosts *hosts = table_open(0);
	char order[32];
	struct err err;

	(void)state;
	for (int i = 0; i < 16; i++) {
		items[i] = item_of(key_a, 1);
		items[i].per_host = 8;
		add(hosts, &items[i], T0);
	}
	assert_int_equal(hosts_limit(hosts, key_a, &limits, HOSTS_LIMIT_MAX, T0, &err), 0);
	assert_int_equal(take_all(hosts, T0), 2);
	assert_true(view_of(hosts, key_a, T0).limits.rate_per_s == 0);
	finish(hosts, &items[0], ERR_NONE, 200, T0);
	finish(hosts, &items[1], ERR_NONE, 200, T0);
	assert_int_equal(hosts_limit(hosts, key_a, &limits, HOSTS_LIMIT_RATE, T0, &err), 0);
	drain(hosts, T0, order);
	assert_int_equal(strlen(order), 5);
	limits.limit_max = 0;
	limits.rate_per_s = 0;
	assert_int_equal(hosts_limit(hosts, key_a, &limits, 7, T0, &err), 0);
	drain(hosts, T0, order);
	assert_int_equal(strlen(order), 1);
	assert_in_range(hosts_wake_ms(hosts), T0 + 200, T0 + 600);
	limits.delay_ms = 0;
	assert_int_equal(hosts_limit(hosts, key_a, &limits, 7, T0 + 600, &err), 0);
	assert_null(hosts_ended(hosts, T0 + 600));
	drain(hosts, T0 + 600, order);
	assert_int_equal(strlen(order), 8);
	hosts_free(hosts);
}

static unsigned moves_told;
static struct host_view last_told;

static void on_changed(void *ctx, const struct host_view *host)
{
	(void)ctx;
	moves_told++;
	last_told = *host;
}

static void each_move_is_told_and_the_last_sixteen_are_kept(void **state)
{
	/* Opened and closed by hand ten times: 20 moves told, the last 16 remembered. */
	const struct hosts_config config = {.seed = 5, .changed = on_changed};
	struct host_history history;
	struct host_view view;
	struct hosts *hosts;
	struct err err;

	(void)state;
	moves_told = 0;
	hosts = hosts_new(&config, &err);
	assert_non_null(hosts);
	for (int i = 0; i < 20; i++)
		hosts_force(hosts, key_a, i % 2 ? BREAKER_FORCED_CLOSED : BREAKER_FORCED_OPEN,
			    T0 + i, &err);
	assert_int_equal(moves_told, 20);
	assert_int_equal(last_told.from, BREAKER_OPEN);
	assert_int_equal(last_told.state, BREAKER_CLOSED);
	assert_int_equal(last_told.reason, BREAKER_HAND);
	hosts_force(hosts, key_a, BREAKER_FORCED_CLOSED, T0 + 20, &err); /* it is already */
	hosts_limit(hosts, key_a, &(struct hosts_limits){.delay_ms = 5}, 7, T0 + 20, &err);
	assert_int_equal(moves_told, 20);
	assert_int_equal(hosts_get(hosts, key_a, T0 + 20, &view, &history, &err), 0);
	assert_int_equal(history.count, 16);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(history.moves[i].at_ms, T0 + 4 + i);
		assert_int_equal(history.moves[i].to, i % 2 ? BREAKER_CLOSED : BREAKER_OPEN);
	}
	hosts_free(hosts);
}

static void a_breaker_tells_its_way_through_all_states(void **state)
{
	/* Five failures, the time, a failed probe, the time, three good probes. */
	static const struct {
		enum breaker_state from, to;
		enum breaker_reason reason;
	} way[] = {
		{BREAKER_CLOSED, BREAKER_OPEN, BREAKER_FAILURES},
		{BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_TIME},
		{BREAKER_HALF_OPEN, BREAKER_OPEN, BREAKER_PROBE},
		{BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_TIME},
		{BREAKER_HALF_OPEN, BREAKER_CLOSED, BREAKER_RECOVERED},
	};
	static const bool answers[] = {false, false, false, false, false, false, true, true, true};
	struct hosts_item item = item_of(key_a, 1);
	struct hosts *hosts = table_open(0);
	struct host_history history;
	struct host_view view;
	int64_t now_ms = T0;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		add(hosts, &item, now_ms);
		while (!hosts_take(hosts, now_ms)) {
			now_ms = hosts_wake_ms(hosts);
			assert_null(hosts_ended(hosts, now_ms));
		}
		finish(hosts, &item, answers[i] ? ERR_NONE : ERR_FETCH_RESET, answers[i] ? 200 : 0,
		       now_ms);
	}
	assert_int_equal(hosts_get(hosts, key_a, now_ms, &view, &history, &err), 0);
	assert_int_equal(history.count, ARRAY_LEN(way));
	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		assert_int_equal(history.moves[i].from, way[i].from);
		assert_int_equal(history.moves[i].to, way[i].to);
		assert_int_equal(history.moves[i].reason, way[i].reason);
	}
	assert_int_equal(view.limit, 1); /* slow start */
	hosts_free(hosts);
}

static void history_and_limits_come_back(void **state)
{
	/* Saved 7 s after the move, read 5 s later: it was 12 s ago. */
	struct hosts *hosts = table_open(0);
	struct host_history history;
	struct host_view view;
	struct err err;

	(void)state;
	hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err);
	hosts_reset(hosts, key_a, T0 + 1000, &err);
	hosts_save(hosts, T0 + 7000);
	assert_true(saved_len > 0 && saved_len <= HOST_STATE_BYTES_MAX);
	hosts_free(hosts);

	hosts = table_open(0);
	hosts_import(hosts, saved_key, saved, saved_len - 16, 5000, 500000);
	assert_int_equal(hosts_get(hosts, key_a, 500000, &view, NULL, &err), -1);
	hosts_import(hosts, saved_key, saved, saved_len, 5000, 500000);
	assert_int_equal(hosts_get(hosts, key_a, 500000, &view, &history, &err), 0);
	assert_int_equal(view.state, BREAKER_CLOSED);
	assert_int_equal(history.count, 2);
	assert_int_equal(history.moves[0].at_ms, 500000 - 12000);
	assert_int_equal(history.moves[0].to, BREAKER_OPEN);
	assert_int_equal(history.moves[1].at_ms, 500000 - 11000);
	assert_int_equal(history.moves[1].reason, BREAKER_RESET);
	hosts_free(hosts);
}

static const struct hosts_saver saver = {.save = on_save};

static void one_host_is_saved_when_asked(void **state)
{
	/* Changed or not; nothing is left to say of one that is as new, or not known. */
	const struct hosts_limits limits = {.limit_max = 3};
	struct hosts *hosts = table_open(4);
	struct hosts *others = table_open(4);
	struct host_view view;
	struct err err;

	(void)state;
	assert_int_equal(hosts_limit(hosts, key_a, &limits, HOSTS_LIMIT_MAX, T0, &err), 0);
	hosts_save(hosts, T0);
	saved_len = 0;
	hosts_save_one(hosts, key_a, T0, &saver);
	assert_string_equal(saved_key, key_a);
	hosts_import(others, saved_key, saved, saved_len, 0, T0);
	assert_int_equal(hosts_get(others, key_a, T0, &view, NULL, &err), 0);
	assert_int_equal(view.limits.limit_max, 3);
	assert_int_equal(hosts_limit(hosts, key_a, &(struct hosts_limits){.limit_max = 0},
				     HOSTS_LIMIT_MAX, T0, &err),
			 0);
	hosts_save_one(hosts, key_a, T0, &saver);
	assert_int_equal(saved_len, 0);
	saved_len = 1;
	hosts_save_one(hosts, key_b, T0, &saver);
	assert_string_equal(saved_key, key_b);
	assert_int_equal(saved_len, 0);
	hosts_free(others);
	hosts_free(hosts);
}

static void what_was_saved_is_not_forgotten_for_its_predecessor(void **state)
{
	/* The host had to go and is there again before the store was told: it stays there. */
	struct hosts_item item = item_of(key_b, 1);
	struct hosts *hosts = table_open(1);
	struct err err;

	(void)state;
	hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err);
	hosts_reset(hosts, key_a, T0, &err);
	add(hosts, &item, T0);
	assert_true(hosts_remove(hosts, &item, T0));
	hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err);
	hosts_save_one(hosts, key_a, T0, &saver);
	assert_true(saved_len > 0);
	saves = 0;
	hosts_save(hosts, T0);
	assert_int_equal(saves, 1); /* of its own change */
	assert_string_equal(saved_key, key_a);
	assert_true(saved_len > 0);
	hosts_free(hosts);
}

/* A save that is slow: the state that it has was read before another one's. */
static struct {
	struct hosts *hosts;
	pthread_t other;
	atomic_uint came; /* written by two threads, one after the other */
	unsigned first, second;
} slow;

static void on_second_save(void *ctx, const char *key, const void *state, size_t len)
{
	(void)ctx;
	(void)key;
	(void)state;
	(void)len;
	slow.second = atomic_fetch_add(&slow.came, 1);
}

static void *save_second(void *ctx)
{
	const struct hosts_saver second = {.save = on_second_save};

	(void)ctx;
	hosts_save_one(slow.hosts, key_a, T0, &second);
	return NULL;
}

static void on_first_save(void *ctx, const char *key, const void *state, size_t len)
{
	struct host_view view;
	struct err err;

	(void)ctx;
	(void)key;
	(void)state;
	(void)len;
	assert_int_equal(pthread_create(&slow.other, NULL, save_second, NULL), 0);
	/* Time for the other one to come first, if it could; and the table is not locked. */
	for (int i = 0; i < 1000; i++)
		hosts_get(slow.hosts, key_a, T0, &view, NULL, &err);
	slow.first = atomic_fetch_add(&slow.came, 1);
}

static void states_are_saved_in_the_order_in_which_they_were_read(void **state)
{
	/* The second waits until the first was handed over. */
	const struct hosts_saver first = {.save = on_first_save};

	(void)state;
	slow.hosts = table_open(4);
	hosts_save_one(slow.hosts, key_a, T0, &first);
	pthread_join(slow.other, NULL);
	assert_int_equal(slow.first, 0);
	assert_int_equal(slow.second, 1);
	hosts_free(slow.hosts);
}

static void a_host_that_had_to_go_is_forgotten_in_the_store(void **state)
{
	/* Its place is free at once, its row is deleted with the next save. */
	struct hosts_item item = item_of(key_b, 1);
	struct hosts *hosts = table_open(1);
	struct err err;

	(void)state;
	hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err);
	hosts_reset(hosts, key_a, T0, &err);
	hosts_save(hosts, T0);
	assert_true(saved_len > 0);
	add(hosts, &item, T0);
	hosts_save(hosts, T0);
	assert_string_equal(saved_key, key_a);
	assert_int_equal(saved_len, 0);
	assert_true(hosts_remove(hosts, &item, T0));
	hosts_free(hosts);
}

static void hosts_of_one_name_share_its_politeness(void **state)
{
	/* http and https of a public name: one delay, one place; inside they are two hosts. */
	static const char *const keys[] = {"http:a.example:80", "https:a.example:443"};

	(void)state;
	for (int inside = 0; inside < 2; inside++) {
		struct hosts *hosts = table_open(0);
		struct hosts_item first = {.key = keys[0], .owner = 1, .inside = inside};
		struct hosts_item second = {.key = keys[1], .owner = 1, .inside = inside};
		int64_t now_ms = T0;

		add(hosts, &first, T0);
		add(hosts, &second, T0);
		assert_ptr_equal(hosts_take(hosts, T0), &first);
		assert_ptr_equal(hosts_take(hosts, T0), inside ? &second : NULL);
		/* The first takes 2 s: its place is taken even after its delay. */
		while (!inside && now_ms < T0 + 2000) {
			now_ms = hosts_wake_ms(hosts);
			assert_in_range(now_ms, T0 + 500, T0 + 2100);
			assert_null(hosts_ended(hosts, now_ms));
			assert_null(hosts_take(hosts, now_ms));
		}
		finish(hosts, &first, ERR_NONE, 200, now_ms);
		if (!inside) {
			assert_true(hosts_wake_ms(hosts) <= now_ms + 50);
			now_ms = hosts_wake_ms(hosts);
			assert_null(hosts_ended(hosts, now_ms));
			assert_ptr_equal(hosts_take(hosts, now_ms), &second);
		}
		finish(hosts, &second, ERR_NONE, 200, now_ms);
		hosts_free(hosts);
	}
}

static void hosts_behind_one_address_share_its_places(void **state)
{
	/* Twenty public names lead to one address: sixteen calls in flight, the next one when
	 * one of them ends; a name that leads elsewhere is not held up. */
	enum { NAMES = 20 };
	struct hosts_item items[NAMES], more[NAMES], other = {.key = key_a, .owner = 1};
	struct hosts *hosts = table_open(0);
	char keys[NAMES][40];
	int64_t now_ms = T0;

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		snprintf(keys[i], sizeof(keys[i]), "https:shop%d.example:443", i);
		items[i] = more[i] = (struct hosts_item){.key = keys[i], .owner = 1};
		add(hosts, &items[i], now_ms);
		assert_ptr_equal(hosts_take(hosts, now_ms), &items[i]);
		hosts_reached(hosts, &items[i], "2001:db8::1", false, now_ms);
		finish(hosts, &items[i], ERR_NONE, 200, now_ms);
	}
	now_ms += 2000; /* all delays are over */
	for (int i = 0; i < NAMES; i++)
		add(hosts, &more[i], now_ms);
	assert_int_equal(take_all(hosts, now_ms), 16);
	add(hosts, &other, now_ms);
	assert_int_equal(take_all(hosts, now_ms), 1);
	for (int i = 0; i < NAMES; i++)
		if (more[i].state == HOSTS_ITEM_RUNNING) {
			finish(hosts, &more[i], ERR_NONE, 200, now_ms);
			break;
		}
	assert_int_equal(take_all(hosts, now_ms + 50), 1);
	for (int i = 0; i < NAMES; i++)
		if (more[i].state == HOSTS_ITEM_RUNNING)
			finish(hosts, &more[i], ERR_NONE, 200, now_ms);
		else if (more[i].state != HOSTS_ITEM_IDLE)
			assert_true(hosts_remove(hosts, &more[i], now_ms));
	finish(hosts, &other, ERR_NONE, 200, now_ms);
	hosts_free(hosts);
}

static void a_host_nobody_asks_for_is_forgotten_in_the_end(void **state)
{
	/* Open for 15 s ± 15 %, then ten minutes for forgiveness: its place is free then; and
	 * a row that is read a week later is deleted. */
	struct hosts_item items[5], next = item_of(key_b, 1);
	struct hosts *hosts = table_open(1);
	struct host_view view;
	int64_t open_ms;
	struct err err;

	(void)state;
	for (int i = 0; i < 5; i++) {
		items[i] = item_of(key_a, 1);
		add(hosts, &items[i], T0);
		assert_non_null(hosts_take(hosts, T0));
		finish(hosts, &items[i], ERR_FETCH_CONNECT, 0, T0);
	}
	hosts_save(hosts, T0);
	open_ms = view_of(hosts, key_a, T0).open_left_ms;
	assert_int_equal(hosts_add(hosts, &next, T0 + open_ms + 599999, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	add(hosts, &next, T0 + open_ms + 600000);
	assert_true(hosts_remove(hosts, &next, T0 + open_ms + 600000));
	hosts_free(hosts);

	hosts = table_open(0);
	hosts_import(hosts, key_a, saved, saved_len, 6 * 86400 * 1000, T0);
	assert_int_equal(hosts_get(hosts, key_a, T0, &view, NULL, &err), 0);
	hosts_free(hosts);
	hosts = table_open(0);
	hosts_import(hosts, key_a, saved, saved_len, 7 * 86400 * 1000, T0);
	assert_int_equal(hosts_get(hosts, key_a, T0, &view, NULL, &err), -1);
	hosts_save(hosts, T0);
	assert_string_equal(saved_key, key_a);
	assert_int_equal(saved_len, 0);
	hosts_free(hosts);
}

static void a_host_that_was_down_is_loaded_slowly(void **state)
{
	/* The operator's host had eight at once; after its probes one more with each answer up
	 * to half of that, then with each round: 4 + 1/4 + 1/4.25 + … passes 5 at the fifth. */
	static const unsigned limits[] = {2, 3, 4, 4, 4, 4, 4, 5};
	struct hosts_item items[8];
	struct hosts *hosts = table_open(0);
	struct hosts_item *running[8];
	unsigned count = 0;
	int64_t now_ms = T0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		items[i] = item_of(key_a, 1);
		items[i].per_host = 8;
		add(hosts, &items[i], T0);
	}
	assert_int_equal(take_all(hosts, T0), 8);
	for (int i = 0; i < 8; i++)
		finish(hosts, &items[i], ERR_FETCH_CONNECT, 0, T0);
	now_ms += view_of(hosts, key_a, T0).open_left_ms;
	for (int i = 0; i < 8; i++)
		add(hosts, &items[i], now_ms);
	assert_null(hosts_ended(hosts, now_ms));
	for (int probe = 0; probe < 3; probe++) {
		struct hosts_item *item = hosts_take(hosts, now_ms);

		assert_non_null(item);
		assert_null(hosts_take(hosts, now_ms));
		finish(hosts, item, ERR_NONE, 200, now_ms);
		add(hosts, item, now_ms);
	}
	for (size_t answer = 0; answer < ARRAY_LEN(limits); answer++) {
		while ((running[count] = hosts_take(hosts, now_ms)))
			count++;
		finish(hosts, running[0], ERR_NONE, 200, now_ms);
		assert_int_equal(view_of(hosts, key_a, now_ms).limit, limits[answer]);
		add(hosts, running[0], now_ms);
		running[0] = running[--count];
	}
	for (int i = 0; i < 8; i++)
		if (!hosts_remove(hosts, &items[i], now_ms))
			finish(hosts, &items[i], ERR_NONE, 200, now_ms);
	hosts_free(hosts);
}

static int64_t sorted_value(const struct host_view *view, enum hosts_sort sort)
{
	switch (sort) {
	case HOSTS_BY_CALLS:
		return (int64_t)view->total.calls;
	case HOSTS_BY_FAILURES:
		return (int64_t)view->total.failures;
	case HOSTS_BY_QUEUED:
		return view->queued;
	case HOSTS_BY_LAST_ERROR:
		return view->last_err ? -view->last_err_ago_ms : -INT32_MAX;
	default:
		return 0;
	}
}

static void every_order_is_whole_over_its_pages(void **state)
{
	/* 300 hosts with few different values: pages of 7 meet each host once, in order. */
	enum { MANY = 300, PAGE = 7 };
	static struct hosts_item items[MANY], waiting[MANY];
	static char keys[MANY][32];
	struct hosts *hosts = table_open(0);
	struct host_view views[PAGE];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(keys[i], sizeof(keys[i]), "http:h%03d.example:80", i * 7 % MANY);
		for (int call = 0; call < i % 5; call++) {
			items[i] = item_of(keys[i], 1);
			add(hosts, &items[i], T0);
			assert_non_null(hosts_take(hosts, T0));
			finish(hosts, &items[i], call % 2 ? ERR_FETCH_RESET : ERR_NONE,
			       call % 2 ? 0 : 200, T0 + i % 3);
		}
		waiting[i] = item_of(keys[i], 2);
		waiting[i].start_ms = T0 + 1000000;
		if (i % 2)
			add(hosts, &waiting[i], T0);
		else if (i % 5 == 0)
			hosts_force(hosts, keys[i], BREAKER_FREE, T0, &(struct err){.code = 0});
	}
	for (int sort = HOSTS_BY_KEY; sort <= HOSTS_BY_FAILURES; sort++) {
		struct hosts_filter filter = {.state = -1, .sort = (enum hosts_sort)sort};
		struct host_view before = {.key = ""};
		unsigned seen = 0;
		ssize_t count;

		while ((count = hosts_list(hosts, &filter, T0 + 10, views, PAGE)) > 0) {
			for (ssize_t i = 0; i < count; i++) {
				int64_t now = sorted_value(&views[i], filter.sort);
				int64_t last = sorted_value(&before, filter.sort);

				if (seen++ > 0)
					assert_true(last > now ||
						    (last == now &&
						     strcmp(before.key, views[i].key) < 0));
				before = views[i];
			}
			filter.after_key = before.key;
			filter.after_value = before.sorted_by;
		}
		assert_int_equal(seen, MANY);
	}
	for (int i = 1; i < MANY; i += 2)
		assert_true(hosts_remove(hosts, &waiting[i], T0));
	hosts_free(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_take_turns_at_a_host),
		cmocka_unit_test(hosts_take_turns),
		cmocka_unit_test(priority_goes_first_but_low_never_starves),
		cmocka_unit_test(calls_can_be_taken_alone),
		cmocka_unit_test(public_hosts_are_asked_slowly),
		cmocka_unit_test(an_owner_has_no_more_than_its_share),
		cmocka_unit_test(an_open_breaker_parks_or_ends),
		cmocka_unit_test(refusals_stop_one_owner_only),
		cmocka_unit_test(a_dead_resolver_pauses_all_and_blames_nobody),
		cmocka_unit_test(a_dead_resolver_does_not_pause_those_who_need_none),
		cmocka_unit_test(a_back_off_and_a_deadline_are_kept),
		cmocka_unit_test(the_table_is_bounded_and_forgets_the_healthy),
		cmocka_unit_test(the_list_is_sorted_filtered_and_goes_on),
		cmocka_unit_test(a_view_has_a_maximum_while_somebody_asks),
		cmocka_unit_test(what_was_saved_comes_back),
		cmocka_unit_test(one_host_is_saved_when_asked),
		cmocka_unit_test(what_was_saved_is_not_forgotten_for_its_predecessor),
		cmocka_unit_test(states_are_saved_in_the_order_in_which_they_were_read),
		cmocka_unit_test(low_priority_is_served_at_a_busy_host),
		cmocka_unit_test(retries_keep_the_global_share),
		cmocka_unit_test(a_host_has_a_budget_of_retries),
		cmocka_unit_test(a_burst_of_429_is_one_incident),
		cmocka_unit_test(retry_after_extends_the_open_time),
		cmocka_unit_test(the_longest_open_time_asked_for_wins),
		cmocka_unit_test(half_refused_of_ten_stops_an_owner),
		cmocka_unit_test(an_item_says_why_it_waits_and_until_when),
		cmocka_unit_test(an_operators_limits_hold_from_now_on),
		cmocka_unit_test(each_move_is_told_and_the_last_sixteen_are_kept),
		cmocka_unit_test(a_breaker_tells_its_way_through_all_states),
		cmocka_unit_test(history_and_limits_come_back),
		cmocka_unit_test(a_host_that_had_to_go_is_forgotten_in_the_store),
		cmocka_unit_test(hosts_of_one_name_share_its_politeness),
		cmocka_unit_test(a_host_nobody_asks_for_is_forgotten_in_the_end),
		cmocka_unit_test(a_host_that_was_down_is_loaded_slowly),
		cmocka_unit_test(hosts_behind_one_address_share_its_places),
		cmocka_unit_test(every_order_is_whole_over_its_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
