/* SPDX-License-Identifier: MIT */
/* loop.c - the socket interface of curl multi over epoll.
 *
 * Chosen over curl_multi_poll, which hands every descriptor to poll(2) in each round:
 * bench_fetch has the figures.  Two traps of the socket interface:
 *   - libcurl may close a descriptor before it says CURL_POLL_REMOVE, and the number may
 *     be in use again: epoll_ctl's errors are therefore no errors here.
 *   - the timer callback may be called inside curl_multi_socket_action with a time of 0:
 *     it only notes the time, and loop_run calls back.
 */
#include "net/loop.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, WAIT_MS_MAX = 60 * 1000 };

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct loop *loop = ctx;
	struct epoll_event event = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (socket_ctx && epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) && errno == EEXIST)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);
	curl_multi_assign(loop->multi, fd, loop); /* known from now on */
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct loop *loop = ctx;

	(void)multi;
	loop->timer_ms = timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;
	return 0;
}

int loop_init(struct loop *loop, unsigned connections_max, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	*loop = (struct loop){.timer_ms = INT64_MAX};
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->multi = curl_multi_init();
	event.data.fd = loop->wake_fd;
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 || !loop->multi ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event)) {
		err_set_errno(err, ERR_IO, errno, "fetch loop");
		loop_done(loop);
		return -1;
	}
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)connections_max);
	return 0;
}

void loop_done(struct loop *loop)
{
	if (loop->multi)
		curl_multi_cleanup(loop->multi);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
}

int loop_transfer(struct loop *loop, CURL *easy)
{
	return curl_multi_add_handle(loop->multi, easy) == CURLM_OK ? 0 : -1;
}

void loop_remove(struct loop *loop, CURL *easy)
{
	CURLMcode rc = curl_multi_remove_handle(loop->multi, easy);

	assert(rc == CURLM_OK);
	(void)rc;
}

static void act(struct loop *loop, const struct epoll_event *event)
{
	int running, mask = 0;
	uint64_t count;

	if (event->data.fd == loop->wake_fd) {
		while (read(loop->wake_fd, &count, sizeof(count)) > 0)
			;
		return;
	}
	if (event->events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (event->events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (event->events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(loop->multi, event->data.fd, mask, &running);
}

void loop_run(struct loop *loop, int64_t until_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t wait_ms = MIN(until_ms, loop->timer_ms) - clock_ms();
	int running, count;

	wait_ms = MIN(MAX(wait_ms, 0), WAIT_MS_MAX);
	count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, (int)wait_ms);
	for (int i = 0; i < count; i++)
		act(loop, &events[i]);
	if (loop->timer_ms <= clock_ms()) {
		loop->timer_ms = INT64_MAX;
		curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

CURL *loop_ended(struct loop *loop, CURLcode *ret_code)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(loop->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		*ret_code = msg->data.result;
		return msg->easy_handle;
	}
	return NULL;
}

void loop_wake(const struct loop *loop)
{
	uint64_t one = 1;
	ssize_t rc = write(loop->wake_fd, &one, sizeof(one));

	(void)rc; /* EAGAIN: it is awake already */
}
