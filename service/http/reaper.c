/* SPDX-License-Identifier: MIT */
/* reaper.c - one loop: events, then gathered wakes, then a round over all slots. */
#include "service/http/reaper.h"

#include "base/clock.h"
#include "base/limits.h"
#include "service/http/conn.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ROUND_MS_MAX = 100,
	ROUND_MS_MIN = 5,
	EMPTY_ROUND_MS = 1000, /* nobody is connected */
	WATCH_AFTER_MS = 500,  /* a shorter sleep is not worth a system call */
	GATHER_FIRST_MS = 2,   /* lets one event's wakes come together */
	EVENTS_MAX = 256,
	CLOSE_WAIT = 8,	 /* a state of TCP; the header that names it excludes linux/tcp.h */
	CUT_ROUNDS = 10, /* what was read may take a while to be counted */
};

/* Events of sockets carry the slot's generation and number; these two cannot. */
static const uint64_t wake_event = UINT64_MAX, stop_event = UINT64_MAX - 1;

struct reaper {
	struct conns *conns;
	struct reaper_limits limits;
	int64_t round_ms;
	int epoll_fd, stop_fd;
	pthread_t thread;
	int64_t flush_at_ms, flushed_at_ms;
	bool stopped;
};

static void watch_locked(struct reaper *reaper, struct conn *conn) REQUIRES(conn->lock)
{
	struct epoll_event event = {
		.events = EPOLLRDHUP | EPOLLONESHOT,
		.data.u64 = (uint64_t)conn->generation << 32 | (uint32_t)conn->fd,
	};

	conn->watched = epoll_ctl(reaper->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) == 0;
}

static void on_disconnect(struct reaper *reaper, uint64_t data)
{
	struct conn *conn = &reaper->conns->slots[(uint32_t)data];

	lock_take(&conn->lock);
	if (conn->state != CONN_FREE && conn->generation == (uint32_t)(data >> 32)) {
		conn->gone = true;
		conn_wake_locked(conn);
	}
	lock_drop(&conn->lock);
}

/* Does the client take what we send?  Only the reaper's own view of two rounds is
 * compared, so a socket is asked once a round and only while it is written to. */
static bool writing_stalls(struct reaper *reaper, struct conn *conn, int64_t now_ms)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	uint32_t request = atomic_load_explicit(&conn->requests, memory_order_relaxed);

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	if (conn->acked_request != request || conn->acked != info.tcpi_bytes_acked ||
	    info.tcpi_unacked + info.tcpi_notsent_bytes == 0) {
		conn->acked_request = request;
		conn->acked = info.tcpi_bytes_acked;
		conn->acked_at_ms = now_ms;
	}
	return now_ms - conn->acked_at_ms > reaper->limits.write_stall_ms_max;
}

/* Has the client closed before it had sent all?  libmicrohttpd does not hear of it when the
 * end comes together with the last bytes. */
static bool body_is_cut(const struct conn *conn, uint64_t received)
{
	uint64_t expected = atomic_load_explicit(&conn->expected, memory_order_relaxed);
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int unread = 0;

	return received < expected &&
	       getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == CLOSE_WAIT && ioctl(conn->fd, FIONREAD, &unread) == 0 &&
	       unread == 0;
}

/* One window of time follows the other, and each must bring enough: what came fast at
 * first does not excuse a client that has stopped. */
static bool body_stalls(struct reaper *reaper, struct conn *conn, int64_t since_ms, int64_t now_ms)
{
	uint64_t received = atomic_load_explicit(&conn->received, memory_order_relaxed);
	uint32_t request = atomic_load_explicit(&conn->requests, memory_order_relaxed);
	int64_t elapsed_ms;

	if (conn->body_request != request) {
		conn->body_request = request;
		conn->body_bytes = 0;
		conn->body_at_ms = since_ms;
		conn->body_cut = 0;
	}
	conn->body_cut = body_is_cut(conn, received) ? conn->body_cut + 1 : 0;
	if (conn->body_cut >= CUT_ROUNDS)
		return true;
	elapsed_ms = now_ms - conn->body_at_ms;
	if (elapsed_ms <= reaper->limits.body_ms_max)
		return false;
	if (received < conn->body_bytes + (uint64_t)elapsed_ms * HTTP_BODY_BYTES_PER_S_MIN / 1000)
		return true;
	conn->body_bytes = received;
	conn->body_at_ms = now_ms;
	return false;
}

static bool is_late(struct reaper *reaper, struct conn *conn, int64_t now_ms)
{
	int64_t since_ms = atomic_load_explicit(&conn->since_ms, memory_order_relaxed);
	int64_t elapsed_ms = now_ms - since_ms;

	switch (atomic_load_explicit(&conn->phase, memory_order_relaxed)) {
	case PHASE_HEADERS:
		return elapsed_ms > reaper->limits.headers_ms_max;
	case PHASE_BODY:
		return body_stalls(reaper, conn, since_ms, now_ms);
	case PHASE_WRITING:
		return writing_stalls(reaper, conn, now_ms);
	case PHASE_IDLE:
		return elapsed_ms > reaper->limits.idle_ms_max;
	default:
		return false;
	}
}

static void look_at_locked(struct reaper *reaper, struct conn *conn, int64_t now_ms)
	REQUIRES(conn->lock)
{
	if (conn->state == CONN_SUSPENDED) {
		if (conn->waker.at_ms && conn->waker.at_ms <= now_ms) {
			conn->waker.at_ms = 0;
			conn_resume_locked(conn);
		} else if (!conn->watched && now_ms - conn->slept_at_ms >= WATCH_AFTER_MS) {
			watch_locked(reaper, conn);
		}
	} else if (conn->state != CONN_FREE && !conn->reaped && is_late(reaper, conn, now_ms)) {
		conn->reaped = true;
		atomic_fetch_add(&reaper->conns->reaped, 1);
		shutdown(conn->fd, SHUT_RDWR);
	}
}

static void make_round(struct reaper *reaper, int64_t now_ms)
{
	unsigned high = atomic_load(&reaper->conns->high);

	for (unsigned fd = 0; fd < high; fd++) {
		struct conn *conn = &reaper->conns->slots[fd];

		if (!conn->ready)
			continue;
		lock_take(&conn->lock);
		look_at_locked(reaper, conn, now_ms);
		lock_drop(&conn->lock);
	}
	conns_kick(reaper->conns);
}

static void on_event(struct reaper *reaper, uint64_t data, int64_t now_ms)
{
	eventfd_t ignored;

	if (data == stop_event) {
		reaper->stopped = true;
	} else if (data == wake_event) {
		eventfd_read(reaper->conns->wake_fd, &ignored);
		if (reaper->flush_at_ms == 0)
			reaper->flush_at_ms = MAX(reaper->flushed_at_ms + HTTP_WAKE_GATHER_MS,
						  now_ms + GATHER_FIRST_MS);
	} else {
		on_disconnect(reaper, data);
	}
}

static void *reap_loop(void *arg)
{
	struct reaper *reaper = arg;
	struct epoll_event events[EVENTS_MAX];
	int64_t round_at_ms = clock_ms();

	while (!reaper->stopped) {
		int64_t now_ms = clock_ms();
		int64_t until_ms =
			reaper->flush_at_ms ? MIN(reaper->flush_at_ms, round_at_ms) : round_at_ms;
		int n = epoll_wait(reaper->epoll_fd, events, EVENTS_MAX,
				   (int)MAX(until_ms - now_ms, 0));

		now_ms = clock_ms();
		for (int i = 0; i < n; i++)
			on_event(reaper, events[i].data.u64, now_ms);
		if (reaper->flush_at_ms && now_ms >= reaper->flush_at_ms) {
			reaper->flush_at_ms = 0;
			reaper->flushed_at_ms = now_ms;
			conns_flush(reaper->conns);
		}
		if (now_ms >= round_at_ms) {
			make_round(reaper, now_ms);
			round_at_ms =
				now_ms + (atomic_load(&reaper->conns->count) > 0
						  ? reaper->round_ms
						  : MIN(reaper->round_ms * 10, EMPTY_ROUND_MS));
		}
	}
	return NULL;
}

static int watch_own(struct reaper *reaper, int fd, uint64_t data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};

	return epoll_ctl(reaper->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int reaper_start(struct conns *conns, const struct reaper_limits *limits,
		 struct reaper **ret_reaper, struct err *err)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));
	int64_t shortest_ms = MIN(MIN(limits->headers_ms_max, limits->body_ms_max),
				  MIN(limits->idle_ms_max, limits->write_stall_ms_max));

	if (!reaper)
		return err_set(err, ERR_NO_MEMORY, "reaper");
	reaper->conns = conns;
	reaper->limits = *limits;
	reaper->round_ms = MAX(MIN(shortest_ms / 4, ROUND_MS_MAX), ROUND_MS_MIN);
	reaper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	reaper->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (reaper->epoll_fd >= 0 && reaper->stop_fd >= 0 &&
	    watch_own(reaper, reaper->stop_fd, stop_event) == 0 &&
	    watch_own(reaper, conns->wake_fd, wake_event) == 0 &&
	    pthread_create(&reaper->thread, NULL, reap_loop, reaper) == 0) {
		*ret_reaper = reaper;
		return 0;
	}
	err_set_errno(err, ERR_NO_MEMORY, errno, "reaper");
	close(reaper->epoll_fd);
	close(reaper->stop_fd);
	free(reaper);
	return -1;
}

void reaper_stop(struct reaper *reaper)
{
	if (!reaper)
		return;
	eventfd_write(reaper->stop_fd, 1);
	pthread_join(reaper->thread, NULL);
	close(reaper->epoll_fd);
	close(reaper->stop_fd);
	free(reaper);
}
