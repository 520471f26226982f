/* SPDX-License-Identifier: MIT */
/* bench_subscribers.c - thousands of idle event streams, then one event to all of them.
 *
 *	bench_subscribers PORT SUBSCRIBERS PID EVENTS
 *
 * Opens the streams of /v1/events, reads the resident memory of the daemon PID, then
 * submits EVENTS times a job for tomorrow, which is one event, and waits until each
 * stream has had it.  The time of an event runs from the moment its POST is sent to
 * its arrival at the last stream, so the commit and our own reading of all sockets
 * are in it.  One line of JSON tells times, memory and what was lost.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "tests/bench/samples.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SUBSCRIBERS_LIMIT = 20000,
	OPENING_MAX = 100, /* at once: a listening socket has a backlog */
	WAIT_MS_MAX = 10 * 1000,
	PAUSE_MS = 200, /* between events: the streams are to be idle */
	READ_BYTES = 4096,
};

struct stream {
	int fd;
	bool open;	  /* its headers have come */
	unsigned events;  /* lines that begin with "id: " */
	unsigned matched; /* of "\nid: " at the end of what was read */
};

static struct stream *streams;
static unsigned count, opened;
static unsigned arrived; /* streams that have had all events sent so far */
static unsigned sent;
static int epoll;
static uint16_t port;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench_subscribers: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_one(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return fd;
}

static void stream_open(struct stream *stream)
{
	static const char ask[] = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n"
				  "Accept: text/event-stream\r\n\r\n";
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};

	stream->fd = connect_one();
	if (send(stream->fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) != sizeof(ask) - 1)
		fail("send");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, stream->fd, &event))
		fail("epoll_ctl");
}

/* Counts the lines that begin with "id: ", wherever reads cut them. */
static void events_count(struct stream *stream, const char *bytes, size_t len)
{
	static const char mark[] = "\nid: ";

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != mark[stream->matched])
			stream->matched = bytes[i] == mark[0];
		else if (++stream->matched == sizeof(mark) - 1) {
			stream->matched = 0;
			arrived += ++stream->events == sent;
		}
	}
}

static void on_readable(struct stream *stream)
{
	char bytes[READ_BYTES];
	ssize_t got = recv(stream->fd, bytes, sizeof(bytes), 0);

	if (got <= 0)
		fail("a stream ended");
	if (!stream->open) {
		if (got < 12 || memcmp(bytes, "HTTP/1.1 200", 12) != 0)
			fail("a stream was refused");
		stream->open = true;
		opened++;
	}
	events_count(stream, bytes, (size_t)got);
}

/* Until `*reached` is `wanted`; false: it took too long. */
static bool read_until(const unsigned *reached, unsigned wanted)
{
	int64_t end_ms = clock_ms() + WAIT_MS_MAX;
	struct epoll_event events[512];

	while (*reached < wanted && clock_ms() < end_ms) {
		int ready = epoll_wait(epoll, events, (int)ARRAY_LEN(events), 100);

		for (int i = 0; i < ready; i++)
			on_readable(events[i].data.ptr);
	}
	return *reached >= wanted;
}

static void job_post(int fd)
{
	static const char body[] =
		"{\"type\":\"sleep\",\"delay\":\"1d\",\"spec\":{\"for\":\"1ms\"}}";
	char text[256], answer[4096];
	int len = snprintf(text, sizeof(text),
			   "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   sizeof(body) - 1, body);

	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		fail("send");
	if (recv(fd, answer, sizeof(answer), 0) < 12 || memcmp(answer, "HTTP/1.1 202", 12) != 0)
		fail("the job was not accepted");
}

/* Kilobytes of the daemon; 0: it cannot be read. */
static unsigned long rss_kib(const char *pid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/statm", pid);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%*s %lu", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static void streams_open(void)
{
	for (unsigned i = 0; i < count; i++) {
		stream_open(&streams[i]);
		if (i % OPENING_MAX == OPENING_MAX - 1 && !read_until(&opened, i + 1))
			fail("a stream did not open");
	}
	if (!read_until(&opened, count))
		fail("a stream did not open");
}

/* EVENTS times one event to all, each in its time; the streams rest between them. */
static void events_send(unsigned events, struct samples *ret_us)
{
	int poster = connect_one();

	while (sent < events) {
		int64_t start_us = clock_us();

		arrived = 0;
		sent++;
		job_post(poster);
		read_until(&arrived, count);
		samples_add(ret_us, clock_us() - start_us);
		usleep(PAUSE_MS * 1000);
	}
	samples_sort(ret_us);
	close(poster);
}

static unsigned long events_lost(void)
{
	unsigned long lost = 0;

	for (unsigned i = 0; i < count; i++)
		lost += sent - MIN(sent, streams[i].events);
	return lost;
}

int main(int argc, char **argv)
{
	struct rlimit files = {SUBSCRIBERS_LIMIT + 100, SUBSCRIBERS_LIMIT + 100};
	struct samples samples = {0};
	unsigned long idle_kib;

	if (argc != 5) {
		fprintf(stderr, "usage: bench_subscribers PORT SUBSCRIBERS PID EVENTS\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	port = (uint16_t)strtoul(argv[1], NULL, 10);
	count = MIN((unsigned)strtoul(argv[2], NULL, 10), SUBSCRIBERS_LIMIT);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	streams = calloc(count, sizeof(*streams));
	if (!streams || epoll < 0)
		fail("start");
	streams_open();
	idle_kib = rss_kib(argv[3]);
	events_send((unsigned)strtoul(argv[4], NULL, 10), &samples);
	printf("{\"subscribers\": %u, \"idle_kib\": %lu, \"busy_kib\": %lu, \"p50_us\": %u, "
	       "\"max_us\": %u, \"lost\": %lu}\n",
	       opened, idle_kib, rss_kib(argv[3]), samples_quantile_us(&samples, 0.5),
	       samples_quantile_us(&samples, 1), events_lost());
	samples_done(&samples);
	free(streams);
	close(epoll);
	return 0;
}
