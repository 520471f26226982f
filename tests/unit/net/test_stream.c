/* SPDX-License-Identifier: MIT */
/* Bodies that are handed over as they come, and the brakes on them. */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "tests/lib/fetch_world.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LARGE = 100 * 1000 * 1000 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
size_t __sanitizer_get_current_allocated_bytes(void); /* of the runtime */

static size_t allocated_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes();
}
#else
static size_t allocated_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}
#endif

/* A consumer, beside the world whose done() it lets pass. */
static struct {
	struct world world; /* first: it is the ctx */
	unsigned long taken, strange;
	size_t chunk_max, allocated_max;
	unsigned chunks, progresses;
	bool pauses; /* after each chunk */
	struct fetch_progress progress;
	int status;
} consumer;

static enum fetch_flow on_body(void *ctx, const struct fetch_answer *answer, const char *bytes,
			       size_t len)
{
	for (size_t i = 0; i < len; i++)
		consumer.strange += bytes[i] != origin_octet(consumer.taken + i);
	consumer.taken += len;
	consumer.chunk_max = len > consumer.chunk_max ? len : consumer.chunk_max;
	consumer.allocated_max = MAX(consumer.allocated_max, allocated_bytes());
	consumer.status = answer->status;
	assert_non_null(fetch_answer_header(answer, "Content-Length"));
	world_count(ctx, &consumer.chunks);
	return consumer.pauses ? FETCH_PAUSE : FETCH_GO_ON;
}

static void on_progress(void *ctx, const struct fetch_progress *progress)
{
	(void)ctx;
	consumer.progress = *progress;
	consumer.progresses++;
}

static struct world *open_consumer(bool pauses)
{
	memset(&consumer, 0, sizeof(consumer));
	consumer.pauses = pauses;
	world_open(&consumer.world, "127.0.0.0/8", 0);
	return &consumer.world;
}

/* Lets a fetch that pauses after each chunk go on until it ends. */
static const struct fetch_result *drain(struct world *world, struct fetch *fetch, unsigned seen)
{
	struct fetch_view view = {0};

	for (;;) {
		fetch_look(fetch, &view);
		if (view.state == FETCH_ENDED)
			break;
		lock_take(&world->lock);
		if (consumer.chunks > seen)
			seen = consumer.chunks;
		else
			cond_wait_until(&world->arrived, &world->lock, clock_ms() + 50);
		lock_drop(&world->lock);
		fetch_resume(fetch);
	}
	fetch_drop(fetch);
	world_wait(world, &world->count, 1);
	return world->results[world->count - 1];
}

static void a_slow_consumer_stops_the_sender(void **state)
{
	/* Of 100 MB only what the sockets hold is sent while the consumer pauses; later each
	 * octet arrives once, and what is allocated, the origin's included, stays bounded. */
	const struct fetch_request request = {
		.on_body = on_body, .on_progress = on_progress, .body_bytes_max = LARGE};
	struct world *world = open_consumer(true);
	const struct fetch_result *result;
	size_t before_bytes = allocated_bytes();
	int64_t from_ms = clock_ms();
	struct fetch *fetch;

	(void)state;
	fetch = world_start(world, "/a?size=100000000", &request);
	world_wait(world, &consumer.chunks, 1);
	assert_int_equal(world_get(world, "/b?delay=300", NULL)->err.code, ERR_NONE);
	assert_int_equal(consumer.chunks, 1);
	assert_true(origin_sent(world->origin) < 40 * 1000 * 1000); /* net.ipv4.tcp_*mem */
	result = drain(world, fetch, 0);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(consumer.status, 200);
	assert_int_equal(consumer.taken, LARGE);
	assert_int_equal(consumer.strange, 0);
	assert_int_equal(result->decoded_bytes, LARGE);
	assert_int_equal(result->body_len, 0);
	assert_true(consumer.chunk_max <= FETCH_HELD_BYTES_MAX);
	assert_true(consumer.allocated_max - before_bytes < 2 * FETCH_HELD_BYTES_MAX);
	assert_int_equal(consumer.progress.expected_bytes, LARGE);
	assert_true(consumer.progress.wire_bytes <= LARGE);
	assert_true(consumer.progresses <= (clock_ms() - from_ms) / FETCH_PROGRESS_MS + 1);
	world_close(world);
}

static void what_is_decoded_behind_a_pause_comes_later(void **state)
{
	/* One read holds a MiB in gzip: all of it is handed over, though libcurl is done with
	 * the transfer after the first piece. */
	const struct fetch_request request = {.on_body = on_body};
	struct world *world = open_consumer(true);
	const struct fetch_result *result;

	(void)state;
	result = drain(world, world_start(world, "/a?bomb=1", &request), 0);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(consumer.taken, 1 + 4064 * 258); /* the origin's deflate of a MiB */
	assert_int_equal(consumer.chunks, 2);
	assert_true(consumer.chunk_max <= FETCH_HELD_BYTES_MAX);
	world_close(world);
}

static void a_bomb_is_found_behind_a_pause(void **state)
{
	/* 64 MiB out of 420 KB: paused or not, the ratio is judged as it decompresses. */
	const struct fetch_request request = {.on_body = on_body, .body_bytes_max = 100 << 20};
	struct world *world = open_consumer(true);

	(void)state;
	assert_int_equal(drain(world, world_start(world, "/a?bomb=64", &request), 0)->err.code,
			 ERR_FETCH_BOMB);
	assert_true(consumer.chunk_max <= FETCH_HELD_BYTES_MAX);
	world_close(world);
}

static void a_pause_at_the_last_byte_ends_by_itself(void **state)
{
	/* Nothing is left to hand over: done() needs no resume. */
	const struct fetch_request request = {.on_body = on_body};
	struct world *world = open_consumer(true);

	(void)state;
	assert_int_equal(world_get(world, "/a?size=5", &request)->err.code, ERR_NONE);
	assert_int_equal(consumer.taken, 5);
	world_close(world);
}

static void a_pause_stops_the_clock_of_the_attempt(void **state)
{
	/* A pause of 3.3 s within an attempt that may take three seconds: a loaded machine
	 * needs some of them for what comes before and after. */
	const struct fetch_request request = {.on_body = on_body, .timeout_ms = 3000};
	struct world *world = open_consumer(true);
	struct fetch *fetch;

	(void)state;
	fetch = world_start(world, "/a?size=1000000", &request);
	world_wait(world, &consumer.chunks, 1);
	assert_int_equal(world_get(world, "/b?delay=3300", NULL)->err.code, ERR_NONE);
	assert_int_equal(world->count, 1);
	consumer.pauses = false; /* read by the fetcher's thread after the resume only */
	fetch_resume(fetch);
	world_wait(world, &world->count, 2);
	assert_int_equal(world->results[1]->err.code, ERR_NONE);
	assert_int_equal(consumer.taken, 1000000);
	fetch_drop(fetch);
	world_close(world);
}

static void a_pause_does_not_stop_the_deadline(void **state)
{
	/* The deadline is an instant, whoever is slow. */
	const struct fetch_request request = {.on_body = on_body, .deadline_ms = clock_ms() + 300};
	struct world *world = open_consumer(true);

	(void)state;
	assert_int_equal(world_get(world, "/a?size=8000000", &request)->err.code, ERR_DEADLINE);
	world_close(world);
}

static void a_paused_fetch_can_be_cancelled_and_its_handle_used_again(void **state)
{
	/* cancelled; the next fetch is not paused by what the last one left. */
	const struct fetch_request request = {.on_body = on_body};
	struct world *world = open_consumer(true);
	struct fetch *fetch;

	(void)state;
	fetch = world_start(world, "/a?size=8000000", &request);
	world_wait(world, &consumer.chunks, 1);
	fetch_cancel(fetch);
	fetch_resume(fetch);
	fetch_drop(fetch);
	world_wait(world, &world->count, 1);
	assert_int_equal(world->results[0]->err.code, ERR_CANCELLED);
	assert_int_equal(world_get(world, "/b?size=1000000", NULL)->body_len, 1000000);
	world_close(world);
}

static void what_was_handed_over_is_not_fetched_again(void **state)
{
	/* A reset before the first byte is tried again; a body cut short is not. */
	const struct fetch_request request = {.on_body = on_body,
					      .retry = {.base_ms = 5, .delay_ms_max = 20}};
	struct world *world = open_consumer(false);
	const struct fetch_result *result;

	(void)state;
	result = world_get(world, "/a?status=0,200&size=3000000&cut", &request);
	assert_int_equal(result->err.code, ERR_FETCH_TRUNCATED);
	assert_int_equal(result->attempts, 2);
	assert_int_equal(consumer.taken, 1500000);
	assert_int_equal(consumer.strange, 0);
	world_close(world);
}

static void the_body_of_an_error_stays_in_the_result(void **state)
{
	/* on_body gets what was asked for; what a 404 or a 302 has to say gathers. */
	const struct fetch_request request = {.on_body = on_body};
	struct world *world = open_consumer(false);
	const struct fetch_result *result;

	(void)state;
	result = world_get(world, "/a?status=404&size=7", &request);
	assert_int_equal(result->err.code, ERR_FETCH_HTTP_4XX);
	assert_string_equal(result->body, "xxxxxxx");
	assert_int_equal(consumer.chunks, 0);
	result = world_get(world, "/a?status=302&to=/b?size=2000000", &request);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(consumer.taken, 2000000);
	world_close(world);
}

static void a_body_that_is_too_large_ends(void **state)
{
	/* body_bytes_max counts what was handed over as well. */
	const struct fetch_request request = {.on_body = on_body, .body_bytes_max = 1000000};
	struct world *world = open_consumer(false);

	(void)state;
	assert_int_equal(world_get(world, "/a?size=3000000", &request)->err.code,
			 ERR_FETCH_TOO_LARGE);
	assert_true(consumer.taken <= 1000000);
	world_close(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_consumer_stops_the_sender),
		cmocka_unit_test(what_is_decoded_behind_a_pause_comes_later),
		cmocka_unit_test(a_bomb_is_found_behind_a_pause),
		cmocka_unit_test(a_pause_at_the_last_byte_ends_by_itself),
		cmocka_unit_test(a_pause_stops_the_clock_of_the_attempt),
		cmocka_unit_test(a_pause_does_not_stop_the_deadline),
		cmocka_unit_test(a_paused_fetch_can_be_cancelled_and_its_handle_used_again),
		cmocka_unit_test(what_was_handed_over_is_not_fetched_again),
		cmocka_unit_test(the_body_of_an_error_stays_in_the_result),
		cmocka_unit_test(a_body_that_is_too_large_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
