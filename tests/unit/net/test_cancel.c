/* SPDX-License-Identifier: MIT */
/* Nothing can hold a fetch that is no longer wanted: each phase of one is cancelled, and
 * names that take for ever hold only those who asked for them. */
#include "base/clock.h"
#include "tests/lib/fetch_world.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TRIES = 40, CANCEL_MS_MAX = 100 };

/* --- a resolver that hangs --- */

/* Names under .hang wait here until they are let go. */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned waiting;
	bool let_go;
} hang = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

/* In the place of the C library's, also for libcurl. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	static __typeof__(getaddrinfo) *real;
	const char *tail = name ? strstr(name, ".hang") : NULL;

	if (!tail) {
		if (!real)
			real = (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
		return real(name, service, hints, ret);
	}
	pthread_mutex_lock(&hang.mutex);
	hang.waiting++;
	pthread_cond_broadcast(&hang.changed);
	while (!hang.let_go)
		pthread_cond_wait(&hang.changed, &hang.mutex);
	hang.waiting--;
	pthread_cond_broadcast(&hang.changed);
	pthread_mutex_unlock(&hang.mutex);
	return EAI_NONAME;
}

static void wait_for_hanging(unsigned least)
{
	pthread_mutex_lock(&hang.mutex);
	while (hang.waiting < least)
		pthread_cond_wait(&hang.changed, &hang.mutex);
	pthread_mutex_unlock(&hang.mutex);
}

/* libcurl's threads leave before the test does. */
static int let_go(void **state)
{
	(void)state;
	pthread_mutex_lock(&hang.mutex);
	hang.let_go = true;
	pthread_cond_broadcast(&hang.changed);
	while (hang.waiting > 0)
		pthread_cond_wait(&hang.changed, &hang.mutex);
	hang.let_go = false;
	pthread_mutex_unlock(&hang.mutex);
	return 0;
}

/* --- listeners that do not do their part --- */

/* On loopback; *ret_port. */
static int listener(int backlog, int *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* Fills a listener's queue, so that the next connection waits for ever. */
static void fill(int port, int fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(fds[i], (struct sockaddr *)&address, sizeof(address)))
			assert_int_equal(errno, EINPROGRESS);
	}
}

/* --- cancelling --- */

static void wait_for_state(struct fetch *fetch, enum fetch_state wanted)
{
	struct fetch_view view = {0};

	do
		fetch_look(fetch, &view);
	while (view.state != wanted && view.state != FETCH_ENDED);
	assert_int_equal(view.state, wanted);
}

/* How long it takes from the cancel to done(). */
static int64_t cancel(struct world *world, struct fetch *fetch)
{
	unsigned before = world->count;
	int64_t from_ms = clock_ms();

	fetch_cancel(fetch);
	world_wait(world, &world->count, before + 1);
	fetch_drop(fetch);
	assert_int_equal(world->results[before]->err.code, ERR_CANCELLED);
	return clock_ms() - from_ms;
}

/* Starts it, brings it to its phase, cancels it; again until one was fast enough, for a
 * busy machine may be slow. */
static void cancel_in(struct world *world, const char *target, const struct fetch_request *request,
		      void (*reach)(struct world *world, struct fetch *fetch))
{
	int64_t best_ms = INT64_MAX, took_ms;

	for (int i = 0; i < TRIES && best_ms > CANCEL_MS_MAX; i++) {
		struct fetch *fetch = world_start(world, target, request);

		reach(world, fetch);
		took_ms = cancel(world, fetch);
		best_ms = MIN(best_ms, took_ms);
	}
	if (best_ms > CANCEL_MS_MAX)
		fail_msg("%s: %lld ms", target, (long long)best_ms);
}

static void reach_running(struct world *world, struct fetch *fetch)
{
	(void)world;
	wait_for_state(fetch, FETCH_RUNNING);
}

static void reach_waiting(struct world *world, struct fetch *fetch)
{
	(void)world;
	wait_for_state(fetch, FETCH_WAITING);
}

static void reach_parked(struct world *world, struct fetch *fetch)
{
	(void)world;
	wait_for_state(fetch, FETCH_PARKED);
}

static void reach_backoff(struct world *world, struct fetch *fetch)
{
	(void)world;
	wait_for_state(fetch, FETCH_BACKOFF);
}

static void reach_resolving(struct world *world, struct fetch *fetch)
{
	(void)world;
	(void)fetch;
	wait_for_hanging(1);
}

static void a_queued_fetch_is_cancelled(void **state)
{
	/* Behind one that has the only place at its host. */
	struct fetch_request one = {.per_host = 1};
	struct fetch *first;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	first = world_start(&world, "/a?silent", &one);
	wait_for_state(first, FETCH_RUNNING);
	cancel_in(&world, "/b", &one, reach_waiting);
	cancel(&world, first);
	world_close(&world);
}

static void a_parked_fetch_is_cancelled(void **state)
{
	/* The host said to come back in an hour. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	cancel_in(&world, "/a?status=503&retry_after=3600", NULL, reach_parked);
	world_close(&world);
}

static void a_fetch_in_back_off_is_cancelled(void **state)
{
	/* A minute between two attempts. */
	struct fetch_request request = {.retry = {.base_ms = 60000, .delay_ms_max = 60000}};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	cancel_in(&world, "/a?status=0", &request, reach_backoff);
	world_close(&world);
}

static void a_resolving_fetch_is_cancelled(void **state)
{
	/* getaddrinfo() does not return, and nobody waits for it: QUICK_EXIT. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	cancel_in(&world, "http://name.hang/", NULL, reach_resolving);
	world_close(&world);
}

static void a_connecting_fetch_is_cancelled(void **state)
{
	/* The listener's queue is full: its kernel drops what comes. */
	struct world world;
	int fds[2], fd, port;
	char url[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	fd = listener(0, &port);
	fill(port, fds);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	cancel_in(&world, url, NULL, reach_running);
	world_close(&world);
	close(fds[0]);
	close(fds[1]);
	close(fd);
}

static void a_fetch_in_the_tls_handshake_is_cancelled(void **state)
{
	/* Connected, but the other side never says hello. */
	struct world world;
	char url[64];
	int fd, port;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	fd = listener(64, &port);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
	cancel_in(&world, url, NULL, reach_running);
	world_close(&world);
	close(fd);
}

static void reach_first_byte(struct world *world, struct fetch *fetch)
{
	(void)fetch;
	while (origin_hits(world->origin, "/a?silent") <= world->count)
		;
}

static void a_fetch_that_waits_for_the_first_byte_is_cancelled(void **state)
{
	/* The request was read, and there is no answer. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	cancel_in(&world, "/a?silent", NULL, reach_first_byte);
	world_close(&world);
}

static unsigned chunks;

static enum fetch_flow pause_at_once(void *ctx, const struct fetch_answer *answer,
				     const char *bytes, size_t len)
{
	(void)answer;
	(void)bytes;
	(void)len;
	world_count(ctx, &chunks);
	return FETCH_PAUSE;
}

static void reach_paused(struct world *world, struct fetch *fetch)
{
	(void)fetch;
	world_wait(world, &chunks, world->count + 1);
}

static void a_paused_fetch_is_cancelled(void **state)
{
	/* on_body wants no more for now. */
	struct fetch_request request = {.on_body = pause_at_once};
	struct world world;

	(void)state;
	chunks = 0;
	world_open(&world, "127.0.0.0/8", 0);
	cancel_in(&world, "/a?size=8000000", &request, reach_paused);
	world_close(&world);
}

static void a_dripping_body_is_cancelled(void **state)
{
	/* An octet each 20 ms, for an hour. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	cancel_in(&world, "/a?size=180000&drip=20", NULL, reach_running);
	world_close(&world);
}

/* --- names that take for ever --- */

static void hanging_names_stop_nobody_else(void **state)
{
	/* Forty lookups hang; pages of another host go on coming, also while the first of the
	 * hanging ones run into their time to connect, and when the fetcher ends. */
	struct fetch_request request = {.connect_ms = 200, .retry = {.attempts_max = 1}};
	struct world world;
	char url[64];

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 40; i++) {
		snprintf(url, sizeof(url), "http://name-%d.hang/", i);
		if (i >= 20)
			request.connect_ms = 60 * 1000;
		fetch_drop(world_start(&world, url, &request));
	}
	wait_for_hanging(40);
	for (int i = 0; i < 50; i++)
		fetch_drop(world_start(&world, "/a", NULL));
	world_wait(&world, &world.count, 70);
	for (unsigned i = 0; i < 70; i++) {
		const struct fetch_result *result = world.results[i];

		assert_true(result->err.code == ERR_NONE || result->err.code == ERR_FETCH_TIMEOUT ||
			    result->err.code == ERR_FETCH_DNS);
	}
	assert_int_equal(origin_hits(world.origin, "/a"), 50);
	world_close(&world); /* which waits for none of them: */
	wait_for_hanging(40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queued_fetch_is_cancelled),
		cmocka_unit_test(a_parked_fetch_is_cancelled),
		cmocka_unit_test(a_fetch_in_back_off_is_cancelled),
		cmocka_unit_test_teardown(a_resolving_fetch_is_cancelled, let_go),
		cmocka_unit_test(a_connecting_fetch_is_cancelled),
		cmocka_unit_test(a_fetch_in_the_tls_handshake_is_cancelled),
		cmocka_unit_test(a_fetch_that_waits_for_the_first_byte_is_cancelled),
		cmocka_unit_test(a_paused_fetch_is_cancelled),
		cmocka_unit_test(a_dripping_body_is_cancelled),
		cmocka_unit_test_teardown(hanging_names_stop_nobody_else, let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
