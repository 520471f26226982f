/* SPDX-License-Identifier: MIT */
/* lobby.c - one epoll: arrivals are looked at without being read, leavers read without
 * being looked at.
 *
 * Heads are peeked at (MSG_PEEK), so libmicrohttpd finds all of it still there.  Arrivals
 * are edge-triggered: one look for each packet, not one for ever.  Their deadline is the
 * reaper's, which shuts the socket down; the lobby then sees its end.
 */
#include "service/http/lobby.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/lock.h"
#include "service/http/conn.h"
#include "service/http/head.h"
#include "service/http/loop.h"
#include "service/http/routes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* More than that is refused whatever it is. */
	PEEK_BYTES = HTTP_HEADER_BYTES_MAX + HTTP_URI_BYTES_MAX + 1024,
	STREAM_PATH_MAX = 256, /* of routes that stream */
	EVENTS_MAX = 64,
	SWEEP_MS = 200, /* leavers' deadlines are as exact as that */
	READS_MAX = 16, /* in a row from one leaver */
	LEAVER_BYTES_MAX = 64 * 1024 * 1024,
};

/* Events of arrivals carry the descriptor, those of leavers their place with this bit. */
static const uint64_t leaver_bit = 1ULL << 32, wake_event = UINT64_MAX;

struct leaver {
	bool used;
	int fd;
	int64_t until_ms;
	uint64_t bytes;
};

struct lobby {
	struct conns *conns;
	const struct routes *routes;
	int epoll_fd, wake_fd;
	pthread_t thread;
	unsigned turns[2];    /* whose turn it is among the threads for requests, for streams */
	_Atomic bool stopped; /* set once, by lobby_stop() */
	struct lock lock;
	struct leaver leavers[HTTP_LINGER_MAX] GUARDED_BY(lock);
	_Atomic unsigned leaving; /* written under the lock; a hint for the thread */
	char scratch[PEEK_BYTES]; /* the thread's */
};

static int watch(const struct lobby *lobby, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	return epoll_ctl(lobby->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void leaver_end(struct lobby *lobby, struct leaver *leaver)
{
	int fd;

	lock_take(&lobby->lock);
	fd = leaver->fd;
	/* The socket may live on under its first number, so close(2) would not do this. */
	epoll_ctl(lobby->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	leaver->used = false;
	lobby->leaving--;
	lock_drop(&lobby->lock);
	close(fd);
}

/* Takes the socket. */
static void leave(struct lobby *lobby, int fd)
{
	struct leaver *leaver = NULL;

	lock_take(&lobby->lock);
	for (size_t i = 0; !lobby->stopped && !leaver && i < HTTP_LINGER_MAX; i++)
		if (!lobby->leavers[i].used)
			leaver = &lobby->leavers[i];
	if (leaver) {
		*leaver = (struct leaver){true, fd, clock_ms() + HTTP_LINGER_MS, 0};
		lobby->leaving++;
	}
	lock_drop(&lobby->lock);
	if (!leaver) {
		close(fd);
		return;
	}
	if (watch(lobby, fd, EPOLLIN, leaver_bit | (uint64_t)(leaver - lobby->leavers)))
		leaver_end(lobby, leaver);
	else if (atomic_load(&lobby->leaving) == 1)
		eventfd_write(lobby->wake_fd, 1); /* it sleeps without a limit */
}

void lobby_linger(struct lobby *lobby, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0)
		leave(lobby, copy);
}

/* The last words to a client, who is then listened to until it has read them.  Takes the
 * socket. */
static void answer(struct lobby *lobby, int fd, const char *text, size_t len)
{
	if (send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 || shutdown(fd, SHUT_WR))
		close(fd);
	else
		leave(lobby, fd);
}

void lobby_refuse(struct lobby *lobby, int fd, const struct err *err)
{
	char text[1024], body[ERR_DETAIL_MAX + 256];
	int status = err_status(err->code);
	bool later = status == 429 || status == 503;
	int body_len = snprintf(
		body, sizeof(body),
		"{\"type\":\"/errors/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"%s}",
		err_name(err->code), err_title(err->code), status, err->detail,
		later ? ",\"retry_after_ms\":1000" : "");
	int len = snprintf(text, sizeof(text),
			   "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
			   "Content-Length: %d\r\n%sConnection: close\r\n\r\n%s",
			   status, err_title(err->code), body_len,
			   later ? "Retry-After: 1\r\n" : "", body);

	answer(lobby, fd, text, (size_t)MIN(len, (int)sizeof(text) - 1));
}

void lobby_answer(struct lobby *lobby, int fd, const char *text, size_t len)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0)
		answer(lobby, copy, text, len);
}

void lobby_enter(struct lobby *lobby, struct conn *conn)
{
	conn_arrive(conn);
	if (watch(lobby, conn->fd, EPOLLIN | EPOLLRDHUP | EPOLLET, (uint64_t)conn->fd)) {
		conn_closed(conn);
		close(conn->fd);
	}
}

/* GET of a route whose answers are streams, with a head that small memory holds.  Only a
 * guess at the memory: what is served is decided when the request is read. */
static bool asks_for_stream(const struct lobby *lobby, const struct head *head)
{
	char text[STREAM_PATH_MAX];
	struct path path = {0};
	struct match match;
	size_t len = strcspn(head->uri, "? ");
	char *rest = NULL;

	if (head->memory_bytes > HTTP_STREAM_HEAD_BYTES_MAX || len >= sizeof(text) ||
	    strncmp(head->method, "GET ", 4) != 0)
		return false;
	memcpy(text, head->uri, len);
	text[len] = '\0';
	for (char *at = strtok_r(text, "/", &rest); at; at = strtok_r(NULL, "/", &rest)) {
		if (path.count == ROUTE_SEGMENTS_MAX)
			return false;
		path.segments[path.count++] = at;
	}
	routes_match(lobby->routes, METHOD_GET, &path, &match);
	return match.route && match.route->flags & ROUTE_STREAM;
}

static void go_in(struct lobby *lobby, struct conn *conn, const struct head *head)
{
	struct conns *conns = lobby->conns;
	unsigned streams = asks_for_stream(lobby, head);
	unsigned turn = lobby->turns[streams]++ % conns->threads;

	conn_pass(conn, &conns->groups[streams * conns->threads + turn]);
	loop_serve(conn->group->loop, conn);
}

static void on_arrival(struct lobby *lobby, struct conn *conn, uint32_t events)
{
	enum head_state state = HEAD_PARTIAL;
	struct head head;
	struct err err;
	/* One byte less: the text ends in a NUL, whatever has come. */
	ssize_t n = recv(conn->fd, lobby->scratch, PEEK_BYTES - 1, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
	    !(events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)))
		return;
	if (n > 0) {
		lobby->scratch[n] = '\0';
		state = head_read(lobby->scratch, (size_t)n, &head, &err);
		if (state == HEAD_PARTIAL && !(events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)))
			return;
	}
	epoll_ctl(lobby->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	if (state == HEAD_WHOLE) {
		go_in(lobby, conn, &head);
		return;
	}
	conn_closed(conn);
	if (n <= 0) {
		close(conn->fd);
		return;
	}
	if (state == HEAD_PARTIAL)
		err_set(&err, ERR_BAD_REQUEST, "the request ends before its empty line");
	lobby_refuse(lobby, conn->fd, &err);
}

static void on_leaver(struct lobby *lobby, struct leaver *leaver)
{
	ssize_t n = 1;

	for (int i = 0; n > 0 && i < READS_MAX && leaver->bytes < LEAVER_BYTES_MAX; i++) {
		n = recv(leaver->fd, lobby->scratch, sizeof(lobby->scratch), MSG_DONTWAIT);
		leaver->bytes += n > 0 ? (uint64_t)n : 0;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
	    leaver->bytes >= LEAVER_BYTES_MAX)
		leaver_end(lobby, leaver);
}

/* Closes leavers whose time is up by then. */
static void sweep(struct lobby *lobby, int64_t now_ms)
{
	for (size_t i = 0; i < HTTP_LINGER_MAX; i++) {
		struct leaver *leaver = &lobby->leavers[i];
		bool late;

		lock_take(&lobby->lock);
		late = leaver->used && leaver->until_ms <= now_ms;
		lock_drop(&lobby->lock);
		if (late)
			leaver_end(lobby, leaver);
	}
}

static void *lobby_run(void *arg)
{
	struct lobby *lobby = arg;
	struct epoll_event events[EVENTS_MAX];
	int64_t swept_ms = 0;
	eventfd_t ignored;

	while (!lobby->stopped) {
		int n = epoll_wait(lobby->epoll_fd, events, EVENTS_MAX,
				   atomic_load(&lobby->leaving) > 0 ? SWEEP_MS : -1);

		for (int i = 0; i < n; i++) {
			uint64_t data = events[i].data.u64;

			if (data == wake_event)
				eventfd_read(lobby->wake_fd, &ignored);
			else if (data & leaver_bit)
				on_leaver(lobby, &lobby->leavers[data & (leaver_bit - 1)]);
			else
				on_arrival(lobby, &lobby->conns->slots[data], events[i].events);
		}
		if (atomic_load(&lobby->leaving) > 0 && clock_ms() - swept_ms >= SWEEP_MS) {
			swept_ms = clock_ms();
			sweep(lobby, swept_ms);
		}
	}
	return NULL;
}

int lobby_new(struct conns *conns, const struct routes *routes, struct lobby **ret_lobby,
	      struct err *err)
{
	struct lobby *lobby = calloc(1, sizeof(*lobby));

	if (!lobby)
		return err_set(err, ERR_NO_MEMORY, "lobby");
	lobby->conns = conns;
	lobby->routes = routes;
	lobby->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	lobby->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lock_init(&lobby->lock, LOCK_LEAF);
	if (lobby->epoll_fd >= 0 && lobby->wake_fd >= 0 &&
	    watch(lobby, lobby->wake_fd, EPOLLIN, wake_event) == 0 &&
	    pthread_create(&lobby->thread, NULL, lobby_run, lobby) == 0) {
		*ret_lobby = lobby;
		return 0;
	}
	lobby->stopped = true;
	lobby_free(lobby);
	return err_set_errno(err, ERR_NO_MEMORY, errno, "lobby");
}

void lobby_stop(struct lobby *lobby)
{
	if (!lobby)
		return;
	lock_take(&lobby->lock);
	lobby->stopped = true;
	lock_drop(&lobby->lock);
	eventfd_write(lobby->wake_fd, 1);
	pthread_join(lobby->thread, NULL);
	sweep(lobby, INT64_MAX);
	for (unsigned fd = 0; fd < atomic_load(&lobby->conns->high); fd++) {
		struct conn *conn = &lobby->conns->slots[fd];

		if (conn->ready && conn_is_arriving(conn)) {
			conn_closed(conn);
			close(conn->fd);
		}
	}
}

void lobby_free(struct lobby *lobby)
{
	if (!lobby)
		return;
	if (lobby->epoll_fd >= 0)
		close(lobby->epoll_fd);
	if (lobby->wake_fd >= 0)
		close(lobby->wake_fd);
	lock_done(&lobby->lock);
	free(lobby);
}
