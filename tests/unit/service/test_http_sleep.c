/* SPDX-License-Identifier: MIT */
/* test_http_sleep.c - answers that come later: tokens, long polls, streams, and their ends. */
#include "service/http/server.h"

#include "base/clock.h"
#include "base/lock.h"
#include "service/http/reply.h"
#include "service/http/stream.h"
#include "tests/lib/raw_http.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static struct server *server;

/* ---- tokens, completed by a thread that stands for the store's writer ---- */

struct work {
	struct later *later;
	struct waker *waker;
	int value;
	struct work *next;
};

static struct lock work_lock;
static struct cond work_came;
static struct work *work_list;
static bool work_held, work_stopped;
static _Atomic int works; /* not yet released */

static void work_free(void *ctx)
{
	free(ctx);
	works--;
}

static void work_finish(struct request *request, void *ctx)
{
	struct work *work = ctx;
	struct buf body = BUF(100);

	buf_printf(&body, "%d", work->value);
	reply_json(request, 202, &body);
}

static void submit(struct request *request)
{
	struct work *work = calloc(1, sizeof(*work));

	works++;
	work->waker = request_waker(request);
	work->later = reply_later(request, work_finish, work_free, work);
	if (!work->later)
		return;
	lock_take(&work_lock);
	work->next = work_list;
	work_list = work;
	cond_signal(&work_came);
	lock_drop(&work_lock);
}

static void *writer(void *arg)
{
	(void)arg;
	lock_take(&work_lock);
	while (!work_stopped) {
		struct work *work = work_held ? NULL : work_list;

		if (!work) {
			cond_wait(&work_came, &work_lock);
			continue;
		}
		work_list = NULL;
		lock_drop(&work_lock);
		for (struct work *next; work; work = next) {
			next = work->next;
			work->value = 42;
			later_done(work->later);
		}
		lock_take(&work_lock);
	}
	lock_drop(&work_lock);
	return NULL;
}

static void hold(bool held)
{
	lock_take(&work_lock);
	work_held = held;
	cond_signal(&work_came);
	lock_drop(&work_lock);
}

/* ---- long polls and streams over one counter ---- */

struct follower {
	struct waker *waker;
	int seen, until;
	int64_t until_ms;
	struct follower *next;
};

static struct lock news_lock;
static struct follower *followers;
static _Atomic int news;
static _Atomic int following; /* not yet closed */

static struct follower *follow(struct request *request)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	follower->waker = request_waker(request);
	follower->seen = news;
	following++;
	lock_take(&news_lock);
	follower->next = followers;
	followers = follower;
	lock_drop(&news_lock);
	return follower;
}

static void follower_close(void *ctx)
{
	struct follower **at;

	lock_take(&news_lock);
	for (at = &followers; *at != ctx; at = &(*at)->next)
		;
	*at = (*at)->next;
	lock_drop(&news_lock);
	free(ctx);
	following--;
}

static void announce(void)
{
	news++;
	lock_take(&news_lock);
	for (struct follower *at = followers; at; at = at->next)
		waker_wake(at->waker);
	lock_drop(&news_lock);
}

static ssize_t follower_read(void *ctx, char *into, size_t room)
{
	struct follower *follower = ctx;

	if (follower->until && follower->seen >= follower->until)
		return STREAM_END;
	if (follower->seen == news)
		return STREAM_WAIT;
	return snprintf(into, room, "data: %d\n\n", ++follower->seen);
}

static const struct stream_reader reader = {follower_read, follower_close};

static void stream(struct request *request)
{
	struct follower *follower = follow(request);

	if (request_query(request, "news"))
		follower->until = follower->seen + atoi(request_query(request, "news"));
	reply_stream(request, 200, "text/event-stream", STREAM_ENDLESS, &reader, follower);
}

static void follower_poll(struct request *request, void *ctx)
{
	struct follower *follower = ctx;
	struct buf body = BUF(100);

	if (follower->seen != news)
		buf_add_text(&body, "news");
	else if (clock_ms() >= follower->until_ms)
		buf_add_text(&body, "none");
	else
		return;
	reply_json(request, 200, &body);
}

static const struct waiter waiter = {follower_poll, follower_close};

static void wait_news(struct request *request)
{
	struct follower *follower = follow(request);
	int64_t wait_ms = atoi(request_query(request, "ms"));

	follower->until_ms = clock_ms() + wait_ms;
	waker_at(follower->waker, follower->until_ms);
	reply_wait(request, &waiter, follower);
}

static void silent(struct request *request)
{
	(void)request;
}

static const struct route table[] = {
	{METHOD_POST, "/work", submit, ROUTE_BODY, SCOPE_ANY, 0},
	{METHOD_GET, "/stream", stream, 0, SCOPE_ANY, 0},
	{METHOD_GET, "/{what}/events", stream, ROUTE_STREAM, SCOPE_ANY, 0},
	{METHOD_GET, "/wait", wait_news, 0, SCOPE_ANY, 0},
	{METHOD_GET, "/silent", silent, 0, SCOPE_ANY, 0},
	{0},
};

static pthread_t writer_thread;

static int start(void **state)
{
	const struct server_config config = {.listen = "127.0.0.1:0", .routes = table};
	struct err err;

	(void)state;
	lock_init(&work_lock, LOCK_STORE_QUEUE);
	lock_init(&news_lock, LOCK_SERVER);
	cond_init(&work_came);
	work_stopped = work_held = false;
	pthread_create(&writer_thread, NULL, writer, NULL);
	if (server_new(&config, &server, &err) == 0 && server_start(server, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.detail);
	return -1;
}

static void stop_writer(void)
{
	lock_take(&work_lock);
	work_stopped = true;
	cond_signal(&work_came);
	lock_drop(&work_lock);
	pthread_join(writer_thread, NULL);
	for (struct work *next; work_list; work_list = next) {
		next = work_list->next;
		later_done(work_list->later);
	}
}

static int stop(void **state)
{
	(void)state;
	if (!work_stopped)
		stop_writer();
	server_free(server);
	/* Whatever happened, each callback context was let go of exactly once. */
	return works != 0 || following != 0;
}

#define GET(path)	"GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define POST(path, rest)                                                                           \
	"POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n" rest "\r\n"

static void send_text(int fd, const char *text)
{
	raw_send(fd, text, strlen(text));
}

static void until_following(int count)
{
	while (following != count)
		sched_yield();
}

static void until_suspended(unsigned count)
{
	struct server_stats stats;

	do {
		sched_yield();
		server_stats(server, &stats);
	} while (stats.suspended != count);
}

static void answers_when_the_operation_is_done(void **state)
{
	/* The connection sleeps until later_done(), then lives on. */
	int fd = raw_connect(server_url(server));

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct raw_answer answer;

		hold(true);
		send_text(fd, POST("/work", ""));
		until_suspended(1);
		hold(false);
		answer = raw_read(fd);
		assert_int_equal(answer.status, 202);
		assert_string_equal(answer.body, "42");
		raw_answer_done(&answer);
	}
	close(fd);
}

/* The held operation of the one request there is. */
static struct work *work_take(void)
{
	struct work *work;

	lock_take(&work_lock);
	work = work_list;
	work_list = NULL;
	lock_drop(&work_lock);
	assert_non_null(work);
	work->value = 42;
	return work;
}

static void an_operation_may_end_quietly(void **state)
{
	/* The connection sleeps on until something else wakes it; if that has come already,
	 * it is woken after all. */
	int fd = raw_connect(server_url(server));

	(void)state;
	hold(true);
	for (int woken_before = 0; woken_before < 2; woken_before++) {
		struct raw_answer answer;
		struct server_stats stats;
		struct waker *waker;
		struct work *work;

		send_text(fd, POST("/work", ""));
		until_suspended(1);
		work = work_take();
		waker = work->waker;
		if (woken_before) {
			waker_wake(waker);
			until_suspended(1);
		}
		later_done_quietly(work->later);
		if (!woken_before) {
			server_stats(server, &stats);
			assert_int_equal(stats.suspended, 1);
			waker_wake(waker);
		}
		answer = raw_read(fd);
		assert_int_equal(answer.status, 202);
		assert_string_equal(answer.body, "42");
		raw_answer_done(&answer);
	}
	close(fd);
}

static void drops_an_operation_whose_client_has_gone(void **state)
{
	/* The connection ends at once; the context is released by later_done(). */
	struct server_stats stats;
	int fd = raw_connect(server_url(server));

	(void)state;
	hold(true);
	send_text(fd, POST("/work", ""));
	until_suspended(1);
	close(fd);
	until_suspended(0);
	do
		server_stats(server, &stats);
	while (stats.connections > 0);
	assert_int_equal(works, 1);
	hold(false);
	while (works > 0)
		sched_yield();
}

struct load {
	int rounds;
	int failures;
};

static void *load_run(void *arg)
{
	struct load *load = arg;
	int fd = raw_connect(server_url(server));

	for (int i = 0; i < load->rounds; i++) {
		struct raw_answer answer;

		send_text(fd, i % 8 == 7 ? GET("/wait?ms=0") : POST("/work", ""));
		answer = raw_read(fd);
		load->failures += answer.status != (i % 8 == 7 ? 200 : 202);
		raw_answer_done(&answer);
		if (i % 16 == 15) { /* a client that does not stay for the answer */
			send_text(fd, POST("/work", ""));
			close(fd);
			fd = raw_connect(server_url(server));
		}
	}
	close(fd);
	return NULL;
}

static void survives_races_of_sleep_wake_and_close(void **state)
{
	/* Eight clients, some leaving early, while streams are woken all the time. */
	enum { CLIENTS = 8, ROUNDS = 64 };
	struct load loads[CLIENTS];
	pthread_t threads[CLIENTS];
	int streams[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		streams[i] = raw_connect(server_url(server));
		send_text(streams[i], GET("/stream"));
		assert_true(raw_wait_for(streams[i], "\r\n\r\n"));
	}
	for (int i = 0; i < CLIENTS; i++) {
		loads[i] = (struct load){.rounds = ROUNDS};
		pthread_create(&threads[i], NULL, load_run, &loads[i]);
	}
	for (int i = 0; i < 200; i++) {
		announce();
		sched_yield();
	}
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(loads[i].failures, 0);
	}
	for (int i = 0; i < 4; i++) {
		char last[64];

		snprintf(last, sizeof(last), "data: %d\n", news);
		assert_true(raw_wait_for(streams[i], last));
		close(streams[i]);
	}
	until_following(0);
	while (works > 0)
		sched_yield();
}

static void a_long_poll_ends_by_news_or_time(void **state)
{
	/* Woken by an announcement, or by its own deadline. */
	int fd = raw_connect(server_url(server));
	struct raw_answer answer;

	(void)state;
	send_text(fd, GET("/wait?ms=20000"));
	until_suspended(1);
	announce();
	answer = raw_read(fd);
	assert_string_equal(answer.body, "news");
	raw_answer_done(&answer);
	send_text(fd, GET("/wait?ms=30"));
	answer = raw_read(fd);
	assert_string_equal(answer.body, "none");
	raw_answer_done(&answer);
	close(fd);
}

static void a_stream_ends_when_its_reader_says_so(void **state)
{
	/* Two announcements, two lines, the end of the chunks; the connection lives on. */
	int fd = raw_connect(server_url(server));

	(void)state;
	send_text(fd, GET("/stream?news=2"));
	until_suspended(1);
	announce();
	announce();
	assert_true(raw_wait_for(fd, "\r\n0\r\n\r\n"));
	send_text(fd, GET("/stream?news=1"));
	until_suspended(1);
	announce();
	assert_true(raw_wait_for(fd, "\r\n0\r\n\r\n"));
	close(fd);
	until_following(0);
}

static void a_connection_for_a_stream_ends_with_it(void **state)
{
	/* Its memory might not hold another head; one that asked for something else before
	 * lives on. */
	static const char mixed[] = GET("/wait?ms=0") GET("/a/events?news=1");
	int fd = raw_connect(server_url(server));
	struct raw_answer answer;

	(void)state;
	send_text(fd, GET("/a/events?news=1"));
	until_suspended(1);
	announce();
	answer = raw_read_to_end(fd);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.text, "Connection: close\r\n"));
	assert_non_null(strstr(answer.text, "\r\n0\r\n\r\n"));
	raw_answer_done(&answer);
	close(fd);
	fd = raw_connect(server_url(server));
	send_text(fd, mixed);
	assert_true(raw_wait_for(fd, "none"));
	until_suspended(1);
	announce();
	assert_true(raw_wait_for(fd, "\r\n0\r\n\r\n"));
	send_text(fd, GET_CLOSE("/wait?ms=0"));
	assert_true(raw_wait_for(fd, "none"));
	close(fd);
	until_following(0);
}

static void notices_a_sleeping_client_that_leaves(void **state)
{
	/* Nobody announces anything: the closed connection alone ends the stream. */
	int fd = raw_connect(server_url(server));

	(void)state;
	send_text(fd, GET("/stream"));
	until_suspended(1);
	close(fd);
	until_following(0);
	until_suspended(0);
}

static void answers_500_when_a_handler_gives_none(void **state)
{
	/* A handler that returns without an answer is our bug, and says so. */
	static const char text[] = GET_CLOSE("/silent");
	struct raw_answer answer = raw_ask(server_url(server), text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(answer.status, 500);
	raw_answer_done(&answer);
}

static void wakes_hundreds_of_streams_with_one_event(void **state)
{
	/* More sleepers than are woken at once: gathered wakes lose nobody. */
	enum { STREAMS = 300 };
	static int fds[STREAMS];
	char line[64];

	(void)state;
	for (int i = 0; i < STREAMS; i++) {
		fds[i] = raw_connect(server_url(server));
		send_text(fds[i], i % 2 ? GET("/stream") : GET("/a/events"));
	}
	until_suspended(STREAMS);
	for (int round = 0; round < 3; round++) {
		announce();
		snprintf(line, sizeof(line), "data: %d\n", news);
		for (int i = 0; i < STREAMS; i++)
			assert_true(raw_wait_for(fds[i], line));
	}
	for (int i = 0; i < STREAMS; i++)
		close(fds[i]);
	until_following(0);
}

/* How many connections this process may have both ends of. */
static int connections_that_fit(void)
{
	struct rlimit files = {0};

	getrlimit(RLIMIT_NOFILE, &files);
	return (int)(MIN(files.rlim_max, 1 << 20) / 4);
}

static void serves_any_number_of_connections_without_a_cliff(void **state)
{
	/* All connections ask at once, 128 on each thread and others: libmicrohttpd's own loop
	 * stalls for ever at exactly that number. */
	static const int counts[] = {64, 100, 128, 256, 300, 512};
	static int fds[512];

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		if (counts[c] > connections_that_fit()) {
			print_message("skipped: %d connections, too few file descriptors\n",
				      counts[c]);
			break;
		}
		for (int i = 0; i < counts[c]; i++)
			fds[i] = raw_connect(server_url(server));
		for (int round = 0; round < 5; round++) {
			for (int i = 0; i < counts[c]; i++)
				send_text(fds[i], POST("/work", ""));
			for (int i = 0; i < counts[c]; i++)
				assert_true(raw_wait_for(fds[i], "\r\n\r\n42"));
		}
		for (int i = 0; i < counts[c]; i++)
			close(fds[i]);
	}
}

static void *drain_run(void *arg)
{
	*(unsigned *)arg = server_drain(server, 300);
	return NULL;
}

static void drains_with_sleepers_of_every_kind(void **state)
{
	/* The stream ends properly, what cannot be answered in time is 503, new requests too. */
	int stream_fd = raw_connect(server_url(server));
	int events_fd = raw_connect(server_url(server));
	int wait_fd = raw_connect(server_url(server));
	int work_fd = raw_connect(server_url(server));
	int new_fd = raw_connect(server_url(server));
	struct raw_answer answer;
	unsigned left = 0;
	pthread_t thread;

	(void)state;
	hold(true);
	send_text(stream_fd, GET("/stream"));
	send_text(wait_fd, GET("/wait?ms=20000"));
	send_text(work_fd, POST("/work", ""));
	send_text(events_fd, GET("/a/events"));
	until_suspended(4);
	pthread_create(&thread, NULL, drain_run, &left);
	assert_true(raw_wait_for(stream_fd, "0\r\n\r\n"));
	assert_true(raw_wait_for(events_fd, "0\r\n\r\n"));
	send_text(new_fd, GET("/stream"));
	answer = raw_read(new_fd);
	assert_int_equal(answer.status, 503);
	assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
	assert_non_null(strstr(answer.text, "Connection: close\r\n"));
	assert_non_null(strstr(answer.body, "/errors/draining"));
	raw_answer_done(&answer);
	pthread_join(thread, NULL);
	assert_int_equal(left, 2);
	answer = raw_read(wait_fd);
	assert_int_equal(answer.status, 503);
	raw_answer_done(&answer);
	answer = raw_read(work_fd);
	assert_int_equal(answer.status, 503);
	raw_answer_done(&answer);
	close(stream_fd);
	close(events_fd);
	close(wait_fd);
	close(work_fd);
	close(new_fd);
	stop_writer();
}

static void is_freed_with_sleepers_and_without_a_drain(void **state)
{
	/* teardown stops the server while streams, polls and operations sleep. */
	int fds[3] = {raw_connect(server_url(server)), raw_connect(server_url(server)),
		      raw_connect(server_url(server))};

	(void)state;
	hold(true);
	send_text(fds[0], GET("/stream"));
	send_text(fds[1], GET("/wait?ms=20000"));
	send_text(fds[2], POST("/work", ""));
	until_suspended(3);
	close(fds[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(answers_when_the_operation_is_done),
		TEST(an_operation_may_end_quietly),
		TEST(drops_an_operation_whose_client_has_gone),
		TEST(survives_races_of_sleep_wake_and_close),
		TEST(a_long_poll_ends_by_news_or_time),
		TEST(a_stream_ends_when_its_reader_says_so),
		TEST(a_connection_for_a_stream_ends_with_it),
		TEST(notices_a_sleeping_client_that_leaves),
		TEST(answers_500_when_a_handler_gives_none),
		TEST(wakes_hundreds_of_streams_with_one_event),
		TEST(serves_any_number_of_connections_without_a_cliff),
		TEST(drains_with_sleepers_of_every_kind),
		TEST(is_freed_with_sleepers_and_without_a_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
