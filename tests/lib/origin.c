/* SPDX-License-Identifier: MIT */
/* origin.c - one thread, one epoll, a small state for each connection:
 * read a request, wait until it is due, write, read the next.  Bounded: connections,
 * targets and the size of a request; beyond them it closes or aborts. */
#include "tests/lib/origin.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/lock.h"
#include "tests/lib/origin_raw.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 2048,
	TARGETS_MAX = 1024,
	TARGET_BYTES_MAX = 512,
	REQUEST_BYTES_MAX = 64 * 1024,
	ANSWER_BYTES_MAX = 64 * 1024 * 1024,
	WHOLE_BYTES_MAX = 1024 * 1024, /* a larger body is made while it is written … */
	BLOCK_BYTES = 64 * 1024,       /* … in such pieces */
	EVENTS_MAX = 256,
};

/* A known target and how often it was asked for. */
struct target {
	char text[TARGET_BYTES_MAX];
	unsigned hits;
};

struct connection {
	int fd; /* -1: free */
	struct buf in, out;
	size_t written;
	size_t head_len;   /* of `out`: dripping begins behind it */
	size_t made, size; /* of a large body */
	int64_t due_ms;	   /* nothing is written before; 0: nothing to write */
	int64_t drip_ms;   /* between two octets; 0: all at once */
	bool close_after;  /* when `out` is written */
	bool reset;	   /* with RST */
};

struct origin {
	int listen_fd, epoll_fd, stop_fd, port;
	pthread_t thread;
	struct connection connections[CONNECTIONS_MAX]; /* the thread's */
	int64_t next_due_ms;

	struct lock lock;
	struct target targets[TARGETS_MAX] GUARDED_BY(lock);
	unsigned target_count GUARDED_BY(lock);
	unsigned long sent GUARDED_BY(lock);
	unsigned accepted GUARDED_BY(lock), busy GUARDED_BY(lock), busy_max GUARDED_BY(lock);
};

static void *origin_main(void *ctx);

static void watch(struct origin *origin, int fd, uint32_t events, uint64_t id, int op)
{
	struct epoll_event event = {.events = events, .data.u64 = id};
	int rc = epoll_ctl(origin->epoll_fd, op, fd, &event);

	assert(rc == 0);
	(void)rc;
}

/* Ids of events: a connection's index, or one of these. */
enum { ID_LISTEN = CONNECTIONS_MAX, ID_STOP };

struct origin *origin_new(void)
{
	struct origin *origin = calloc(1, sizeof(*origin));
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int rc;

	assert(origin);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	origin->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = bind(origin->listen_fd, (struct sockaddr *)&address, sizeof(address));
	assert(rc == 0);
	rc = listen(origin->listen_fd, 4096);
	assert(rc == 0);
	rc = getsockname(origin->listen_fd, (struct sockaddr *)&address, &len);
	assert(rc == 0);
	origin->port = ntohs(address.sin_port);
	origin->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	origin->stop_fd = eventfd(0, EFD_CLOEXEC);
	origin->next_due_ms = INT64_MAX;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		origin->connections[i].fd = -1;
	lock_init(&origin->lock, LOCK_ORIGIN);
	watch(origin, origin->listen_fd, EPOLLIN, ID_LISTEN, EPOLL_CTL_ADD);
	watch(origin, origin->stop_fd, EPOLLIN, ID_STOP, EPOLL_CTL_ADD);
	rc = pthread_create(&origin->thread, NULL, origin_main, origin);
	assert(rc == 0);
	return origin;
}

int origin_port(const struct origin *origin)
{
	return origin->port;
}

char *origin_url(const struct origin *origin, const char *target)
{
	char *url = NULL;
	int len = asprintf(&url, "http://127.0.0.1:%d%s", origin->port, target);

	assert(len > 0);
	return url;
}

static struct target *target_get(struct origin *origin, const char *text) REQUIRES(origin->lock)
{
	struct target *target;

	for (unsigned i = 0; i < origin->target_count; i++)
		if (strcmp(origin->targets[i].text, text) == 0)
			return &origin->targets[i];
	assert(origin->target_count < TARGETS_MAX && strlen(text) < TARGET_BYTES_MAX);
	target = &origin->targets[origin->target_count++];
	strncpy(target->text, text, TARGET_BYTES_MAX - 1);
	return target;
}

unsigned origin_hits(struct origin *origin, const char *target)
{
	unsigned hits;

	lock_take(&origin->lock);
	hits = target_get(origin, target)->hits;
	lock_drop(&origin->lock);
	return hits;
}

unsigned origin_connections(struct origin *origin)
{
	unsigned accepted;

	lock_take(&origin->lock);
	accepted = origin->accepted;
	lock_drop(&origin->lock);
	return accepted;
}

unsigned origin_busy_max(struct origin *origin)
{
	unsigned busy_max;

	lock_take(&origin->lock);
	busy_max = origin->busy_max;
	lock_drop(&origin->lock);
	return busy_max;
}

unsigned long origin_sent(struct origin *origin)
{
	unsigned long sent;

	lock_take(&origin->lock);
	sent = origin->sent;
	lock_drop(&origin->lock);
	return sent;
}

/* --- what the target says --- */

/* The value of a parameter (ended by '&' or the end), or NULL. */
static const char *param(const char *target, const char *name)
{
	const char *at = strchr(target, '?');
	size_t len = strlen(name);

	while (at) {
		at++;
		if (strncmp(at, name, len) == 0) {
			if (at[len] == '=')
				return at + len + 1;
			if (at[len] == '&' || at[len] == '\0')
				return at + len;
		}
		at = strchr(at, '&');
	}
	return NULL;
}

static long number(const char *target, const char *name, long fallback)
{
	const char *value = param(target, name);

	return value ? strtol(value, NULL, 10) : fallback;
}

static int status_of(const char *target, unsigned hit)
{
	const char *at = param(target, "status");
	unsigned flap = (unsigned)number(target, "flap", 0);
	const char *comma;

	if (flap)
		return hit / flap % 2 ? 500 : 200;
	if (!at)
		return 200;
	for (unsigned i = 0; i < hit && (comma = strpbrk(at, ",&")) && *comma == ','; i++)
		at = comma + 1;
	return (int)strtol(at, NULL, 10);
}

/* --- a gzip stream of zeros (RFC 1951, fixed codes): 158 to 1 --- */

struct bits {
	struct buf *out;
	uint32_t held;
	unsigned count;
};

static void bits_put(struct bits *bits, uint32_t value, unsigned count)
{
	bits->held |= value << bits->count;
	bits->count += count;
	for (; bits->count >= 8; bits->count -= 8, bits->held >>= 8)
		buf_add_byte(bits->out, (char)(bits->held & 0xFF));
}

static void bomb_add(struct buf *out, size_t size)
{
	static const char gzip_head[10] = {0x1F, (char)0x8B, 8};
	struct bits bits = {.out = out};

	buf_add(out, gzip_head, sizeof(gzip_head));
	bits_put(&bits, 3, 3);	  /* the last block, fixed codes */
	bits_put(&bits, 0x0C, 8); /* literal 0: 00110000, the first bit first */
	for (size_t done = 1; done + 258 <= size; done += 258) {
		bits_put(&bits, 0xA3, 8); /* length 258: 11000101 */
		bits_put(&bits, 0, 5);	  /* distance 1 */
	}
	bits_put(&bits, 0, 7 + 7); /* the end, and to a whole octet */
}

/* --- answers --- */

static void body_add(struct buf *out, const char *target, const struct buf *request)
{
	long size = number(target, "size", 2);
	char *room;

	if (param(target, "bomb")) {
		bomb_add(out, (size_t)number(target, "bomb", 1) << 20);
	} else if (param(target, "echo")) {
		buf_add(out, request->data, request->len);
	} else if (size <= WHOLE_BYTES_MAX && (room = buf_room(out, (size_t)size))) {
		memset(room, 'x', (size_t)size);
		buf_grown(out, (size_t)size);
	}
}

static void headers_add(struct buf *out, const char *target, int status)
{
	long filler = number(target, "header", 0);
	const char *value;

	if (param(target, "bomb"))
		buf_add_text(out, "Content-Encoding: gzip\r\n");
	if (status != 200 && (value = param(target, "retry_after")))
		buf_printf(out, "Retry-After: %.*s\r\n", (int)strcspn(value, "&"), value);
	if ((value = param(target, "age")))
		buf_printf(out, "Cache-Control: max-age=%ld\r\n", strtol(value, NULL, 10));
	if ((value = param(target, "to")))
		buf_printf(out, "Location: %s\r\n", value);
	for (long i = 0; i < number(target, "headers", 0); i++)
		buf_printf(out, "X-Filler-%ld: x\r\n", i);
	if (filler) {
		buf_add_text(out, "X-Filler: ");
		for (long i = 0; i < filler; i++)
			buf_add_byte(out, 'x');
		buf_add_text(out, "\r\n");
	}
}

static void answer_make(struct connection *connection, const char *target, int status)
{
	struct buf *out = &connection->out;
	struct buf body = BUF(ANSWER_BYTES_MAX);
	long size = number(target, "size", 0);

	body_add(&body, target, &connection->in);
	connection->made = 0;
	connection->size = size > WHOLE_BYTES_MAX ? (size_t)size : 0;
	buf_printf(out,
		   "HTTP/1.1 %d Scripted\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n",
		   status, status == 304 ? 0 : body.len + connection->size);
	headers_add(out, target, status);
	connection->close_after = param(target, "close") != NULL;
	if (connection->close_after)
		buf_add_text(out, "Connection: close\r\n");
	buf_add_text(out, "\r\n");
	connection->head_len = out->len;
	if (param(target, "cut")) {
		body.len /= 2;
		connection->size /= 2;
		connection->close_after = true;
	}
	buf_add(out, body.data, body.len);
	buf_done(&body);
}

static void answer(struct origin *origin, struct connection *connection, const char *target)
{
	int status;

	lock_take(&origin->lock);
	status = status_of(target, target_get(origin, target)->hits++);
	origin->busy++;
	if (origin->busy > origin->busy_max)
		origin->busy_max = origin->busy;
	lock_drop(&origin->lock);

	connection->drip_ms = number(target, "drip", 0);
	if (param(target, "silent"))
		return;
	if (status == 0) {
		connection->close_after = connection->reset = true;
	} else if (param(target, "raw")) {
		origin_raw(param(target, "raw"), &connection->out);
		connection->close_after = true;
	} else if (param(target, "garbage")) {
		buf_add_text(&connection->out, "250 hello\r\n");
		connection->close_after = true;
	} else {
		answer_make(connection, target, status);
	}
	connection->due_ms = clock_ms() + number(target, "delay", 0);
	origin->next_due_ms = MIN(origin->next_due_ms, connection->due_ms);
}

/* --- connections --- */

static void connection_close(struct connection *connection)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (connection->reset)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(connection->fd);
	buf_done(&connection->in);
	buf_done(&connection->out);
	*connection = (struct connection){.fd = -1};
}

static void accept_all(struct origin *origin)
{
	int fd, i = 0, one = 1;

	while ((fd = accept4(origin->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		while (i < CONNECTIONS_MAX && origin->connections[i].fd >= 0)
			i++;
		if (i == CONNECTIONS_MAX) {
			close(fd);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		origin->connections[i] = (struct connection){
			.fd = fd, .in = BUF(REQUEST_BYTES_MAX), .out = BUF(ANSWER_BYTES_MAX)};
		watch(origin, fd, EPOLLIN, (uint64_t)i, EPOLL_CTL_ADD);
		lock_take(&origin->lock);
		origin->accepted++;
		lock_drop(&origin->lock);
	}
}

/* A whole request in `in`: its length, and its target; 0: not yet. */
static size_t request_whole(struct connection *connection, char target[TARGET_BYTES_MAX])
{
	const char *in = buf_text(&connection->in);
	const char *end = strstr(in, "\r\n\r\n");
	const char *length = strcasestr(in, "\r\nContent-Length:");
	size_t whole;

	if (!end || sscanf(in, "%*s %511s", target) != 1)
		return 0;
	whole = (size_t)(end - in) + 4;
	if (length && length < end)
		whole += strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	return connection->in.len >= whole ? whole : 0;
}

static void connection_next(struct origin *origin, struct connection *connection)
{
	char target[TARGET_BYTES_MAX];
	size_t len = request_whole(connection, target);

	if (len == 0)
		return;
	answer(origin, connection, target);
	buf_drop_front(&connection->in, len);
}

static void connection_read(struct origin *origin, struct connection *connection)
{
	char bytes[16 * 1024];
	ssize_t n;

	while ((n = read(connection->fd, bytes, sizeof(bytes))) > 0)
		if (buf_add(&connection->in, bytes, (size_t)n))
			break;
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		connection_close(connection);
		return;
	}
	if (connection->due_ms == 0)
		connection_next(origin, connection);
}

static void answer_over(struct origin *origin, struct connection *connection)
{
	lock_take(&origin->lock);
	origin->busy--;
	lock_drop(&origin->lock);
	if (connection->close_after) {
		connection_close(connection);
		return;
	}
	watch(origin, connection->fd, EPOLLIN, (uint64_t)(connection - origin->connections),
	      EPOLL_CTL_MOD);
	buf_clear(&connection->out);
	connection->written = 0;
	connection->due_ms = 0;
	connection_next(origin, connection);
}

/* The next piece of a large body; false: there is none. */
static bool block_make(struct connection *connection)
{
	size_t len = MIN(connection->size - connection->made, BLOCK_BYTES);
	char *room;

	buf_clear(&connection->out);
	room = len ? buf_room(&connection->out, len) : NULL;
	if (!room)
		return false;
	for (size_t i = 0; i < len; i++)
		room[i] = origin_octet(connection->made + i);
	buf_grown(&connection->out, len);
	connection->made += len;
	connection->written = connection->head_len = 0;
	return true;
}

static void connection_write(struct origin *origin, struct connection *connection)
{
	const struct buf *out = &connection->out;
	size_t left = out->len - connection->written;
	ssize_t n = 0;

	if (connection->drip_ms && connection->written >= connection->head_len)
		left = MIN(left, 1);
	else if (connection->drip_ms)
		left = connection->head_len - connection->written;
	if (left > 0)
		n = send(connection->fd, out->data + connection->written, left, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		connection->close_after = true;
		answer_over(origin, connection);
		return;
	}
	connection->written += (size_t)MAX(n, 0);
	lock_take(&origin->lock);
	origin->sent += (unsigned long)MAX(n, 0);
	lock_drop(&origin->lock);
	if (connection->written == out->len && !block_make(connection)) {
		answer_over(origin, connection);
	} else if (connection->drip_ms) {
		connection->due_ms = clock_ms() + connection->drip_ms;
		origin->next_due_ms = MIN(origin->next_due_ms, connection->due_ms);
	} else {
		watch(origin, connection->fd, EPOLLOUT,
		      (uint64_t)(connection - origin->connections), EPOLL_CTL_MOD);
	}
}

static void write_due(struct origin *origin)
{
	int64_t now_ms = clock_ms();

	if (now_ms < origin->next_due_ms)
		return;
	origin->next_due_ms = INT64_MAX;
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &origin->connections[i];

		if (connection->fd < 0 || connection->due_ms == 0)
			continue;
		if (connection->due_ms <= now_ms)
			connection_write(origin, connection);
		else
			origin->next_due_ms = MIN(origin->next_due_ms, connection->due_ms);
	}
}

static void *origin_main(void *ctx)
{
	struct origin *origin = ctx;
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int64_t wait_ms = MAX(origin->next_due_ms - clock_ms(), 0);
		int count = epoll_wait(origin->epoll_fd, events, EVENTS_MAX,
				       (int)MIN(wait_ms, 60 * 1000));

		for (int i = 0; i < count; i++) {
			uint64_t id = events[i].data.u64;

			if (id == ID_STOP)
				return NULL;
			if (id == ID_LISTEN)
				accept_all(origin);
			else if (origin->connections[id].fd < 0)
				continue;
			else if (events[i].events & EPOLLOUT)
				connection_write(origin, &origin->connections[id]);
			else
				connection_read(origin, &origin->connections[id]);
		}
		write_due(origin);
	}
}

void origin_free(struct origin *origin)
{
	uint64_t one = 1;
	ssize_t n;

	if (!origin)
		return;
	n = write(origin->stop_fd, &one, sizeof(one));
	assert(n == sizeof(one));
	(void)n;
	pthread_join(origin->thread, NULL);
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (origin->connections[i].fd >= 0)
			connection_close(&origin->connections[i]);
	close(origin->listen_fd);
	close(origin->epoll_fd);
	close(origin->stop_fd);
	lock_done(&origin->lock);
	free(origin);
}
