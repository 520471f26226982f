/* SPDX-License-Identifier: MIT */
/* Whose turn it is, with a clock that the test moves. */
#include "net/hosts.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
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
static unsigned woken;

static void on_save(void *ctx, const char *key, const void *state, size_t len)
{
	(void)ctx;
	snprintf(saved_key, sizeof(saved_key), "%s", key);
	memcpy(saved, state, len);
	saved_len = len;
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
	for (int i = 0; i < 5; i++)
		finish(hosts, &items[i], ERR_FETCH_CONNECT, 0, T0);
	assert_null(hosts_take(hosts, T0));
	assert_ptr_equal(hosts_ended(hosts, T0), &hasty);
	assert_int_equal(hasty.ended, ERR_FETCH_CIRCUIT_OPEN);
	assert_null(hosts_ended(hosts, T0));
	assert_int_equal(hosts_add(hosts, &hasty, T0, &err), -1);
	assert_int_equal(err.code, ERR_FETCH_CIRCUIT_OPEN);
	hosts_look(hosts, &patient, T0, &view);
	assert_int_equal(view.reason, ERR_FETCH_CIRCUIT_OPEN);
	assert_int_equal(view.until_ms, hosts_wake_ms(hosts));
	assert_int_equal(hosts_get(hosts, key_a, T0, &host, &err), 0);
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
	assert_int_equal(hosts_get(hosts, key[19], T0, &view, &err), 0);
	assert_int_equal(view.total.failures, 0);
	assert_null(hosts_ended(hosts, T0 + 15000));
	assert_ptr_equal(hosts_take(hosts, T0 + 15000), &items[20]);
	finish(hosts, &items[20], ERR_NONE, 200, T0 + 15000);
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
	assert_int_equal(hosts_get(hosts, key_b, T0, &view, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(hosts_get(hosts, key_a, T0, &view, &err), 0);
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
	filter.after = "http:h7.example:80";
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

static void what_was_saved_comes_back(void **state)
{
	/* An opened breaker and an operator's limits are there again after a restart. */
	const struct hosts_limits limits = {.limit_max = 3, .rate_per_s = 2.5, .delay_ms = 40};
	struct hosts *hosts = table_open(0);
	struct host_view view;
	struct err err;

	(void)state;
	hosts_force(hosts, key_a, BREAKER_FORCED_OPEN, T0, &err);
	hosts_limit(hosts, key_a, &limits, T0, &err);
	assert_int_equal(woken, 2);
	hosts_save(hosts, T0);
	assert_string_equal(saved_key, key_a);
	hosts_free(hosts);

	hosts = table_open(0);
	hosts_import(hosts, saved_key, saved, saved_len - 1, 0, T0);
	assert_int_equal(hosts_get(hosts, key_a, T0, &view, &err), -1);
	hosts_import(hosts, saved_key, saved, saved_len, 5000, 77);
	assert_int_equal(hosts_get(hosts, key_a, 77, &view, &err), 0);
	assert_int_equal(view.state, BREAKER_OPEN);
	assert_int_equal(view.force, BREAKER_FORCED_OPEN);
	assert_int_equal(view.limit_max, 3);
	assert_true(view.rate_per_s == 2.5);
	assert_int_equal(hosts_reset(hosts, key_a, 77, &err), 0);
	hosts_limit(hosts, key_a, &(struct hosts_limits){0}, 77, &err);
	hosts_save(hosts, 77);
	assert_int_equal(saved_len, 0); /* healthy again: forgotten */
	hosts_free(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_take_turns_at_a_host),
		cmocka_unit_test(hosts_take_turns),
		cmocka_unit_test(priority_goes_first_but_low_never_starves),
		cmocka_unit_test(public_hosts_are_asked_slowly),
		cmocka_unit_test(an_owner_has_no_more_than_its_share),
		cmocka_unit_test(an_open_breaker_parks_or_ends),
		cmocka_unit_test(refusals_stop_one_owner_only),
		cmocka_unit_test(a_dead_resolver_pauses_all_and_blames_nobody),
		cmocka_unit_test(a_back_off_and_a_deadline_are_kept),
		cmocka_unit_test(the_table_is_bounded_and_forgets_the_healthy),
		cmocka_unit_test(the_list_is_sorted_filtered_and_goes_on),
		cmocka_unit_test(what_was_saved_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
