/* SPDX-License-Identifier: MIT */
/* loop.c - the socket interface of curl multi over epoll.
 *
 * Chosen over curl_multi_poll, which hands every descriptor to poll(2) in each round:
 * docs/BENCHMARKS.md has the figures.  Traps of the socket interface:
 *   - libcurl may close a descriptor before it says CURL_POLL_REMOVE, and the number may
 *     be in use again, in another pool: a pool's word about a descriptor that is not its
 *     own is ignored, and epoll_ctl's errors are no errors here.
 *   - the timer callback may be called inside curl_multi_socket_action with a time of 0:
 *     it only notes the time, and loop_run calls back.
 *   - between two requests on one connection libcurl says REMOVE and IN again, two calls
 *     of the system for nothing: a socket of ours stays in epoll until an event arrives
 *     that nobody wants.  For the resolver's sockets, which are closed behind our back,
 *     each word is done at once.
 */
#include "net/loop.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, WAIT_MS_MAX = 60 * 1000, WATCHES_FIRST = 64 };

/* NULL: no memory. */
static struct loop_watch *watch_of(struct loop *loop, int fd)
{
	size_t count = MAX(loop->watch_count, WATCHES_FIRST);
	struct loop_watch *watches;

	if ((size_t)fd < loop->watch_count)
		return &loop->watches[fd];
	while (count <= (size_t)fd)
		count *= 2;
	watches = realloc(loop->watches, count * sizeof(*watches));
	if (!watches)
		return NULL;
	memset(watches + loop->watch_count, 0, (count - loop->watch_count) * sizeof(*watches));
	loop->watches = watches;
	loop->watch_count = count;
	return &watches[fd];
}

static void watch_set(struct loop *loop, struct loop_watch *watch, int fd, uint8_t what)
{
	struct epoll_event event = {.data.fd = fd};

	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (what == 0)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(loop->epoll_fd, watch->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
			   &event) &&
		 errno == (watch->watched ? ENOENT : EEXIST))
		epoll_ctl(loop->epoll_fd, watch->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
			  &event);
	watch->watched = what;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct loop_pool *pool = ctx;
	struct loop *loop = pool->loop;
	uint8_t index = (uint8_t)(pool - loop->pools);
	struct loop_watch *watch = watch_of(loop, fd);

	(void)easy;
	(void)socket_ctx;
	if (!watch || (what == CURL_POLL_REMOVE && watch->pool != index))
		return 0; /* without memory its transfer ends by its deadline */
	watch->pool = index;
	watch->wanted = what == CURL_POLL_REMOVE ? 0 : (uint8_t)(what & CURL_POLL_INOUT);
	if (!watch->ours || (watch->wanted && watch->wanted != watch->watched))
		watch_set(loop, watch, fd, watch->wanted);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct loop_pool *pool = ctx;

	(void)multi;
	pool->timer_ms = timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;
	return 0;
}

static int pool_make(struct loop *loop, struct loop_pool *pool)
{
	pool->loop = loop;
	pool->timer_ms = INT64_MAX;
	pool->multi = curl_multi_init();
	if (!pool->multi)
		return -1;
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)loop->connections_max);
	return 0;
}

int loop_init(struct loop *loop, unsigned connections_max, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	*loop = (struct loop){.connections_max = connections_max};
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event.data.fd = loop->wake_fd;
	if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event)) {
		err_set_errno(err, ERR_IO, errno, "fetch loop");
		loop_done(loop);
		return -1;
	}
	return 0;
}

void loop_done(struct loop *loop)
{
	for (int i = 0; i < LOOP_POOLS; i++)
		if (loop->pools[i].multi)
			curl_multi_cleanup(loop->pools[i].multi);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop->watches);
}

int loop_transfer(struct loop *loop, unsigned pool, CURL *easy)
{
	struct loop_pool *at = &loop->pools[pool];

	assert(pool < LOOP_POOLS);
	if (!at->multi && pool_make(loop, at))
		return -1;
	return curl_multi_add_handle(at->multi, easy) == CURLM_OK ? 0 : -1;
}

void loop_remove(struct loop *loop, unsigned pool, CURL *easy)
{
	CURLMcode rc = curl_multi_remove_handle(loop->pools[pool].multi, easy);

	assert(rc == CURLM_OK);
	(void)rc;
}

curl_socket_t loop_open(struct loop *loop, const struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	struct loop_watch *watch = fd < 0 ? NULL : watch_of(loop, fd);

	if (watch)
		*watch = (struct loop_watch){.ours = true};
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

int loop_close(void *ctx, curl_socket_t fd)
{
	struct loop *loop = ctx;

	if ((size_t)fd < loop->watch_count)
		loop->watches[fd] = (struct loop_watch){0};
	return close(fd);
}

static void wake_read(const struct loop *loop)
{
	uint64_t count;

	while (read(loop->wake_fd, &count, sizeof(count)) > 0)
		;
}

static void act(struct loop *loop, int fd, uint32_t events)
{
	struct loop_watch *watch = watch_of(loop, fd);
	int running, mask = 0;

	assert(watch); /* made when it was watched */
	if (watch->wanted == 0) {
		watch_set(loop, watch, fd, 0);
		return;
	}
	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(loop->pools[watch->pool].multi, fd, mask, &running);
}

static int64_t timer_first_ms(const struct loop *loop)
{
	int64_t first_ms = INT64_MAX;

	for (int i = 0; i < LOOP_POOLS; i++)
		if (loop->pools[i].multi)
			first_ms = MIN(first_ms, loop->pools[i].timer_ms);
	return first_ms;
}

static void timers_act(struct loop *loop)
{
	int running;

	for (int i = 0; i < LOOP_POOLS; i++) {
		struct loop_pool *pool = &loop->pools[i];

		if (!pool->multi || pool->timer_ms > clock_ms())
			continue;
		pool->timer_ms = INT64_MAX;
		curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

void loop_run(struct loop *loop, int64_t until_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t wait_ms = MIN(until_ms, timer_first_ms(loop)) - clock_ms();
	int count;

	wait_ms = MIN(MAX(wait_ms, 0), WAIT_MS_MAX);
	count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, (int)wait_ms);
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == loop->wake_fd)
			wake_read(loop);
		else
			act(loop, events[i].data.fd, events[i].events);
	}
	timers_act(loop);
}

size_t loop_ended(struct loop *loop, struct loop_end *ends, size_t max)
{
	size_t count = 0;
	CURLMsg *msg;
	int left;

	for (int i = 0; i < LOOP_POOLS; i++) {
		CURLM *multi = loop->pools[i].multi;

		while (multi && count < max && (msg = curl_multi_info_read(multi, &left)))
			if (msg->msg == CURLMSG_DONE)
				ends[count++] =
					(struct loop_end){msg->easy_handle, msg->data.result};
	}
	return count;
}

void loop_wake(const struct loop *loop)
{
	uint64_t one = 1;
	ssize_t rc = write(loop->wake_fd, &one, sizeof(one));

	(void)rc; /* EAGAIN: it is awake already */
}
