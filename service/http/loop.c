/* SPDX-License-Identifier: MIT */
/* loop.c - wait, take in new connections, let libmicrohttpd do what there is. */
#include "service/http/loop.h"

#include "base/lock.h"
#include "service/http/conn.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loop {
	struct MHD_Daemon *daemon;
	int daemon_fd; /* the daemon's epoll: readable when it has something to do */
	int wake_fd;
	pthread_t thread;
	_Atomic bool stopped; /* set once, by loop_free() */
	/* Kickers write `kicked` and then read `asleep`, the loop writes `asleep` and then
	 * reads `kicked`: in sequential order one of them sees the other. */
	_Atomic bool kicked, asleep;
	struct lock lock;
	struct conn *added GUARDED_BY(lock);
};

static void take_added(struct loop *loop)
{
	/* The library wants an address, for limits that are the acceptor's here. */
	static const struct sockaddr_in nobody = {.sin_family = AF_INET};
	struct conn *conn, *next;

	lock_take(&loop->lock);
	conn = loop->added;
	loop->added = NULL;
	lock_drop(&loop->lock);
	for (; conn; conn = next) {
		next = conn->next_added;
		/* Closes the socket when it fails; the slot notices when the number comes again. */
		MHD_add_connection(loop->daemon, conn->fd, (const struct sockaddr *)&nobody,
				   sizeof(nobody));
	}
}

static void sleep_until_kicked(struct loop *loop)
{
	struct pollfd fds[2] = {{.fd = loop->daemon_fd, .events = POLLIN},
				{.fd = loop->wake_fd, .events = POLLIN}};
	eventfd_t ignored;

	loop->asleep = true;
	if (!loop->kicked && poll(fds, 2, -1) > 0 && fds[1].revents)
		eventfd_read(loop->wake_fd, &ignored);
	loop->asleep = false;
}

static void *loop_run(void *arg)
{
	struct loop *loop = arg;

	while (!loop->stopped) {
		MHD_UNSIGNED_LONG_LONG timeout_ms;

		if (MHD_get_timeout(loop->daemon, &timeout_ms) != MHD_YES || timeout_ms > 0)
			sleep_until_kicked(loop);
		/* Cleared before the work is looked at, so that later work kicks again. */
		if (atomic_exchange(&loop->kicked, false))
			take_added(loop);
		MHD_run(loop->daemon);
	}
	return NULL;
}

int loop_new(struct MHD_Daemon *daemon, struct loop **ret_loop, struct err *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop && info) {
		loop->daemon = daemon;
		loop->daemon_fd = info->epoll_fd;
		loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		lock_init(&loop->lock, LOCK_LEAF);
		if (loop->wake_fd >= 0 &&
		    pthread_create(&loop->thread, NULL, loop_run, loop) == 0) {
			*ret_loop = loop;
			return 0;
		}
		lock_done(&loop->lock);
		if (loop->wake_fd >= 0)
			close(loop->wake_fd);
	}
	free(loop);
	return err_set(err, ERR_NO_MEMORY, "HTTP thread");
}

void loop_serve(struct loop *loop, struct conn *conn)
{
	lock_take(&loop->lock);
	conn->next_added = loop->added;
	loop->added = conn;
	lock_drop(&loop->lock);
	loop_kick(loop);
}

void loop_kick(struct loop *loop)
{
	loop->kicked = true;
	if (atomic_exchange(&loop->asleep, false))
		eventfd_write(loop->wake_fd, 1);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop->stopped = true;
	loop_kick(loop);
	pthread_join(loop->thread, NULL);
	take_added(loop); /* so that the daemon closes them */
	MHD_stop_daemon(loop->daemon);
	lock_done(&loop->lock);
	close(loop->wake_fd);
	free(loop);
}
