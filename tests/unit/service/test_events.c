/* SPDX-License-Identifier: MIT */
/* test_events.c - what followers see of committed events. */
#include "service/engine/events.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/limits.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct id job_a = {{0x0a}}, job_b = {{0x0b}};

static struct events *events_make(void)
{
	struct events *events = NULL;
	struct err err;

	assert_int_equal(events_new(NULL, &events, &err), 0);
	return events;
}

/* Publishes seqs from … to of one job, as progress events with their seq as data. */
static void publish(struct events *events, const struct id *job, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++) {
		char data[32];
		struct event event = {.seq = seq, .job = *job, .type = EVENT_PROGRESS};

		snprintf(data, sizeof(data), "{\"done\":%d}", (int)seq);
		event.data = data;
		events_publish(events, &event, 1);
	}
}

/* Reads after after_seq; the seqs as text, "gone" for ERR_GONE. */
static const char *seqs(struct events *events, const struct id *job, uint64_t after_seq,
			unsigned limit)
{
	static char text[256];
	struct event read[16];
	size_t count = 0, len = 0;
	struct err err;

	assert_true(limit <= ARRAY_LEN(read));
	text[0] = '\0';
	if (events_read(events, job, after_seq, limit, read, &count, &err)) {
		assert_int_equal(err.code, ERR_GONE);
		return "gone";
	}
	for (size_t i = 0; i < count; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d ", (int)read[i].seq);
		free(read[i].data);
	}
	return text;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void events_are_read_in_order_after_a_seq(void **state)
{
	/* Of five events, two at a time after the first. */
	struct events *events = events_make();

	(void)state;
	publish(events, &job_a, 101, 105);
	assert_string_equal(seqs(events, NULL, 101, 2), "102 103 ");
	assert_string_equal(seqs(events, NULL, 103, 2), "104 105 ");
	assert_string_equal(seqs(events, NULL, 105, 2), "");
	assert_int_equal(events_last_seq(events), 105);
	events_free(events);
}

static void what_came_before_the_ring_is_gone(void **state)
{
	/* Without a store, events before the first published one cannot be told. */
	struct events *events = events_make();

	(void)state;
	publish(events, &job_a, 101, 102);
	assert_string_equal(seqs(events, NULL, 100, 8), "101 102 ");
	assert_string_equal(seqs(events, NULL, 99, 8), "gone");
	events_free(events);
}

static void events_of_a_job_are_picked_out(void **state)
{
	/* Two jobs take turns; the second's events, with and without a subscriber to it. */
	struct events *events = events_make();
	struct subscriber *subscriber;
	struct err err;

	(void)state;
	for (uint64_t seq = 1; seq <= 6; seq++)
		publish(events, seq % 2 ? &job_a : &job_b, seq, seq);
	assert_string_equal(seqs(events, &job_b, 2, 8), "4 6 ");
	assert_int_equal(events_subscribe(events, &job_b, ignore, NULL, &subscriber, &err), 0);
	assert_string_equal(seqs(events, &job_b, 2, 8), "4 6 ");
	publish(events, &job_a, 7, 7);
	publish(events, &job_b, 8, 8);
	assert_string_equal(seqs(events, &job_b, 0, 8), "2 4 6 8 ");
	assert_string_equal(seqs(events, &job_b, 2, 2), "4 6 ");
	assert_string_equal(seqs(events, &job_b, 8, 8), "");
	events_unsubscribe(events, subscriber);
	assert_string_equal(seqs(events, &job_b, 6, 8), "8 ");
	events_free(events);
}

static void gaps_in_the_seqs_do_not_matter(void **state)
{
	/* Reserved numbers may be missing. */
	struct events *events = events_make();

	(void)state;
	publish(events, &job_a, 10, 10);
	publish(events, &job_a, 20, 20);
	publish(events, &job_a, 35, 35);
	assert_string_equal(seqs(events, NULL, 15, 8), "20 35 ");
	assert_string_equal(seqs(events, NULL, 20, 8), "35 ");
	events_free(events);
}

static void the_ring_forgets_the_oldest(void **state)
{
	/* After EVENT_RING_MAX + 10 events the first ten are gone, with their data. */
	struct events *events = events_make();

	(void)state;
	publish(events, &job_a, 1, EVENT_RING_MAX + 10);
	assert_string_equal(seqs(events, NULL, 9, 8), "gone");
	assert_string_equal(seqs(events, NULL, 10, 3), "11 12 13 ");
	events_free(events);
}

static void a_follower_of_a_quiet_job_needs_no_store(void **state)
{
	/* Its job was silent while the ring turned over: what it has seen is still enough. */
	struct events *events = events_make();
	struct subscriber *subscriber;
	struct err err;

	(void)state;
	assert_int_equal(events_subscribe(events, &job_b, ignore, NULL, &subscriber, &err), 0);
	publish(events, &job_b, 1, 2);
	publish(events, &job_a, 3, EVENT_RING_MAX + 100);
	assert_string_equal(seqs(events, &job_b, 2, 8), "");
	assert_string_equal(seqs(events, &job_b, 1, 8), "gone");
	publish(events, &job_b, EVENT_RING_MAX + 101, EVENT_RING_MAX + 101);
	assert_string_equal(seqs(events, &job_b, 2, 8), "4197 "); /* 4096 + 101 */
	events_unsubscribe(events, subscriber);
	events_free(events);
}

static void a_large_commit_is_published_whole(void **state)
{
	/* 1,000 events in one call: more than one batch of copies. */
	static struct event batch[1000];
	static char data[] = "{}";
	struct events *events = events_make();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(batch); i++)
		batch[i] = (struct event){.seq = i + 1, .job = job_a, .data = data};
	events_publish(events, batch, ARRAY_LEN(batch));
	assert_string_equal(seqs(events, NULL, 510, 4), "511 512 513 514 ");
	assert_string_equal(seqs(events, NULL, 998, 4), "999 1000 ");
	events_free(events);
}

/* ---- wakes ---- */

struct follower {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned wakes;
};

#define FOLLOWER                                                                                   \
	{                                                                                          \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                             \
	}

static void follower_wake(void *ctx)
{
	struct follower *follower = ctx;

	pthread_mutex_lock(&follower->mutex);
	follower->wakes++;
	pthread_cond_broadcast(&follower->cond);
	pthread_mutex_unlock(&follower->mutex);
}

static void follower_wait(struct follower *follower, unsigned wakes)
{
	pthread_mutex_lock(&follower->mutex);
	while (follower->wakes < wakes)
		pthread_cond_wait(&follower->cond, &follower->mutex);
	pthread_mutex_unlock(&follower->mutex);
}

static void only_followers_of_the_job_are_woken(void **state)
{
	/* An event of job a wakes its follower and that of all, not the one of job b. */
	struct events *events = events_make();
	struct follower of_a = FOLLOWER, of_b = FOLLOWER, of_all = FOLLOWER;
	struct subscriber *a, *b, *all;
	struct err err;

	(void)state;
	assert_int_equal(events_subscribe(events, &job_a, follower_wake, &of_a, &a, &err), 0);
	assert_int_equal(events_subscribe(events, &job_b, follower_wake, &of_b, &b, &err), 0);
	assert_int_equal(events_subscribe(events, NULL, follower_wake, &of_all, &all, &err), 0);
	publish(events, &job_a, 1, 1);
	follower_wait(&of_a, 1);
	follower_wait(&of_all, 1);
	events_unsubscribe(events, a);
	events_unsubscribe(events, b);
	events_unsubscribe(events, all);
	assert_int_equal(of_b.wakes, 0);
	events_free(events);
}

struct parting { /* unsubscribes while its wake is held */
	struct follower entered;
	struct events *events;
	struct subscriber *subscriber;
	atomic_bool released, returned;
};

static void parting_wake(void *ctx)
{
	struct parting *parting = ctx;

	follower_wake(&parting->entered);
	while (!atomic_load(&parting->released))
		sched_yield();
	atomic_store(&parting->returned, true);
}

static void *parting_publish(void *arg)
{
	publish(((struct parting *)arg)->events, &job_a, 1, 1);
	return NULL;
}

static void *parting_release(void *arg)
{
	atomic_store(&((struct parting *)arg)->released, true);
	return NULL;
}

static void unsubscribe_waits_for_a_wake_under_way(void **state)
{
	/* When it returns, the wake that was held has returned. */
	struct parting parting = {.entered = FOLLOWER};
	pthread_t publisher, releaser;
	struct err err;

	(void)state;
	parting.events = events_make();
	assert_int_equal(events_subscribe(parting.events, &job_a, parting_wake, &parting,
					  &parting.subscriber, &err),
			 0);
	assert_int_equal(pthread_create(&publisher, NULL, parting_publish, &parting), 0);
	follower_wait(&parting.entered, 1);
	assert_int_equal(pthread_create(&releaser, NULL, parting_release, &parting), 0);
	events_unsubscribe(parting.events, parting.subscriber);
	assert_true(atomic_load(&parting.returned));
	pthread_join(releaser, NULL);
	pthread_join(publisher, NULL);
	events_free(parting.events);
}

static pthread_t woken_by;

static void note_thread(void *ctx)
{
	woken_by = pthread_self();
	follower_wake(ctx);
}

static void few_are_woken_by_the_publisher_itself(void **state)
{
	/* One follower hears of an event before the publish returns; five hear of it from
	 * another thread. */
	struct events *events = events_make();
	struct follower follower = FOLLOWER;
	struct subscriber *five[5];
	struct err err;

	(void)state;
	assert_int_equal(events_subscribe(events, &job_a, note_thread, &follower, &five[0], &err),
			 0);
	publish(events, &job_a, 1, 1);
	assert_int_equal(follower.wakes, 1);
	assert_true(pthread_equal(woken_by, pthread_self()));
	for (int i = 1; i < 5; i++)
		assert_int_equal(
			events_subscribe(events, &job_a, note_thread, &follower, &five[i], &err),
			0);
	publish(events, &job_a, 2, 2);
	follower_wait(&follower, 6);
	assert_false(pthread_equal(woken_by, pthread_self()));
	for (int i = 0; i < 5; i++)
		events_unsubscribe(events, five[i]);
	events_free(events);
}

static void who_waits_for_the_end_hears_of_nothing_else(void **state)
{
	/* Progress wakes the follower of everything; the end wakes both. */
	struct events *events = events_make();
	struct follower of_all = FOLLOWER, of_end = FOLLOWER;
	struct event end = {.seq = 2, .job = job_a, .type = EVENT_END};
	struct subscriber *all, *last;
	struct err err;

	(void)state;
	assert_int_equal(events_subscribe_end(events, &job_a, follower_wake, &of_end, &last, &err),
			 0);
	assert_int_equal(events_subscribe(events, &job_a, follower_wake, &of_all, &all, &err), 0);
	publish(events, &job_a, 1, 1);
	assert_int_equal(of_all.wakes, 1);
	assert_int_equal(of_end.wakes, 0);
	events_publish(events, &end, 1);
	assert_int_equal(of_all.wakes, 2);
	assert_int_equal(of_end.wakes, 1);
	events_unsubscribe(events, all);
	events_unsubscribe(events, last);
	events_free(events);
}

enum { CROWD = 10000 };

static atomic_uint crowd_woken;

static void crowd_wake(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&crowd_woken, 1);
}

static void ten_thousand_followers_hear_of_one_event(void **state)
{
	/* All are woken, each once. */
	static struct subscriber *crowd[CROWD];
	struct events *events = events_make();
	int64_t begun_us;
	struct err err;

	(void)state;
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(
			events_subscribe(events, &job_a, crowd_wake, NULL, &crowd[i], &err), 0);
	begun_us = clock_us();
	publish(events, &job_a, 1, 1);
	while (atomic_load(&crowd_woken) < CROWD)
		sched_yield();
	print_message("figure: %d woken in %lld us\n", CROWD, (long long)(clock_us() - begun_us));
	for (int i = 0; i < CROWD; i++)
		events_unsubscribe(events, crowd[i]);
	assert_int_equal(crowd_woken, CROWD);
	events_free(events);
}

static void subscribers_are_bounded(void **state)
{
	/* SUBSCRIBERS_MAX are let in; the next is told that there are too many. */
	static struct subscriber *crowd[SUBSCRIBERS_MAX];
	struct events *events = events_make();
	struct subscriber *late;
	struct err err;

	(void)state;
	for (int i = 0; i < SUBSCRIBERS_MAX; i++)
		assert_int_equal(events_subscribe(events, i % 2 ? &job_a : NULL, ignore, NULL,
						  &crowd[i], &err),
				 0);
	assert_int_equal(events_subscribe(events, NULL, ignore, NULL, &late, &err), -1);
	assert_int_equal(err.code, ERR_TOO_MANY_CONNECTIONS);
	for (int i = 0; i < SUBSCRIBERS_MAX; i++)
		events_unsubscribe(events, crowd[i]);
	events_free(events);
}

/* Followers come, read, and go while events are published: each sees every event of
 * its job after the first one it read, and is woken for the last. */
enum { RACE_EVENTS = 20000, RACE_FOLLOWERS = 3, RACE_ROUNDS = 200 };

struct race {
	struct events *events;
	atomic_bool over;
};

static void *race_follow(void *arg)
{
	struct race *race = arg;

	for (int round = 0; round < RACE_ROUNDS; round++) {
		struct follower follower = FOLLOWER;
		struct subscriber *subscriber;
		uint64_t seen;
		struct err err;

		if (events_subscribe(race->events, round % 2 ? &job_a : &job_b, follower_wake,
				     &follower, &subscriber, &err))
			abort();
		seen = events_last_seq(race->events);
		for (int reads = 0; reads < 5 && !atomic_load(&race->over); reads++) {
			struct event read[8];
			size_t count = 0;

			if (events_read(race->events, round % 2 ? &job_a : &job_b, seen, 8, read,
					&count, &err)) {
				if (err.code != ERR_GONE) /* the publisher is a ring ahead */
					abort();
				break;
			}
			for (size_t i = 0; i < count; i++) {
				/* Odd seqs are job a's: no gap but the other's. */
				if (read[i].seq % 2 != (unsigned)round % 2 ||
				    read[i].seq > seen + 2)
					abort();
				seen = read[i].seq;
				free(read[i].data);
			}
		}
		events_unsubscribe(race->events, subscriber);
	}
	return NULL;
}

static void followers_miss_nothing_in_a_race(void **state)
{
	/* Three threads subscribe, read and leave against a publisher: no gap, no late wake. */
	struct race race = {.events = events_make()};
	pthread_t followers[RACE_FOLLOWERS];

	(void)state;
	for (int i = 0; i < RACE_FOLLOWERS; i++)
		assert_int_equal(pthread_create(&followers[i], NULL, race_follow, &race), 0);
	for (uint64_t seq = 1; seq <= RACE_EVENTS; seq++)
		publish(race.events, seq % 2 ? &job_a : &job_b, seq, seq);
	atomic_store(&race.over, true);
	for (int i = 0; i < RACE_FOLLOWERS; i++)
		pthread_join(followers[i], NULL);
	assert_int_equal(events_last_seq(race.events), RACE_EVENTS);
	events_free(race.events);
}

static void an_event_is_written_as_the_contract_says(void **state)
{
	/* The shapes of API.md's Event. */
	struct event event = {
		.seq = 17, .at_ms = 1795219200123, .state = JOB_RUNNING, .attempt = 1};
	char data[] = "{\"text\":\"hello\"}";
	struct buf text = BUF(1024);

	(void)state;
	id_parse("01936f3e-7c00-7abc-8def-0123456789ab", &event.job);
	event.type = EVENT_STATE;
	event_format(&event, &text);
	assert_string_equal(buf_text(&text),
			    "{\"seq\":17,\"job\":\"01936f3e-7c00-7abc-8def-0123456789ab\","
			    "\"at\":\"2026-11-21T00:00:00.123Z\",\"type\":\"state\","
			    "\"data\":{\"state\":\"running\",\"attempt\":1}}");
	buf_clear(&text);
	event.type = EVENT_END;
	event.state = JOB_COMPLETED;
	event_format(&event, &text);
	assert_non_null(
		strstr(buf_text(&text), "\"type\":\"end\",\"data\":{\"state\":\"completed\"}}"));
	buf_clear(&text);
	event.type = EVENT_LOG;
	event.data = data;
	event_format(&event, &text);
	assert_non_null(strstr(buf_text(&text), "\"type\":\"log\",\"data\":{\"text\":\"hello\"}}"));
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_read_in_order_after_a_seq),
		cmocka_unit_test(what_came_before_the_ring_is_gone),
		cmocka_unit_test(events_of_a_job_are_picked_out),
		cmocka_unit_test(gaps_in_the_seqs_do_not_matter),
		cmocka_unit_test(the_ring_forgets_the_oldest),
		cmocka_unit_test(a_follower_of_a_quiet_job_needs_no_store),
		cmocka_unit_test(a_large_commit_is_published_whole),
		cmocka_unit_test(only_followers_of_the_job_are_woken),
		cmocka_unit_test(unsubscribe_waits_for_a_wake_under_way),
		cmocka_unit_test(few_are_woken_by_the_publisher_itself),
		cmocka_unit_test(who_waits_for_the_end_hears_of_nothing_else),
		cmocka_unit_test(ten_thousand_followers_hear_of_one_event),
		cmocka_unit_test(subscribers_are_bounded),
		cmocka_unit_test(followers_miss_nothing_in_a_race),
		cmocka_unit_test(an_event_is_written_as_the_contract_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
