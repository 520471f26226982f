/* SPDX-License-Identifier: MIT */
/* bench_beanstalk.c - a client of beanstalkd that is faster than beanstalkd.
 *
 *	bench_beanstalk put|work|trip PORT CONNECTIONS SECONDS BODY_BYTES
 *
 * Each connection has one command under way, as each connection of wrk has one
 * request.  `put` adds jobs; `work` goes round put, reserve, delete: one job from its
 * submission to its durable end.  `trip` has one connection that puts and, in a thread
 * of its own as a worker would be, one that waits in reserve and deletes: the time of
 * a job runs from its put to DELETED.  One line of JSON tells what came of it.
 *
 * The protocol is beanstalkd's doc/protocol.txt, version 1.12.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "tests/bench/samples.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, BODY_BYTES_MAX = 60000, ANSWER_BYTES_MAX = 64 * 1024 };

enum doing { DOING_PUT, DOING_RESERVE, DOING_DELETE };

struct client {
	int fd;
	enum doing doing;
	int64_t start_us; /* of the round: when its put was sent */
	size_t len;	  /* of what came of the answer */
	char answer[ANSWER_BYTES_MAX];
};

static struct client *clients;
static unsigned clients_count;
static char put[BODY_BYTES_MAX + 64];
static size_t put_len;
static bool works, trips;
static struct samples samples;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench_beanstalk: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void send_all(struct client *client, const char *bytes, size_t len)
{
	if (send(client->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("send"); /* a command fits into the empty buffer of a socket */
}

static void put_send(struct client *client)
{
	client->doing = DOING_PUT;
	client->start_us = clock_us();
	send_all(client, put, put_len);
}

static size_t delete_format(char *into, size_t room, const char *id)
{
	return (size_t)snprintf(into, room, "delete %llu\r\n", strtoull(id, NULL, 10));
}

static void delete_send(struct client *client, const char *id)
{
	char text[64];

	client->doing = DOING_DELETE;
	send_all(client, text, delete_format(text, sizeof(text), id));
}

/* The bytes of the whole answer at the head of the buffer; 0: more must come. */
static size_t answer_len(const struct client *client)
{
	const char *end = memchr(client->answer, '\n', client->len);
	size_t len, body;

	if (!end)
		return 0;
	len = (size_t)(end - client->answer) + 1;
	if (strncmp(client->answer, "RESERVED ", 9) != 0)
		return len;
	if (sscanf(client->answer, "RESERVED %*s %zu", &body) != 1)
		fail("an answer that is none");
	len += body + 2;
	return client->len >= len ? len : 0;
}

static void expect(const struct client *client, const char *word)
{
	if (strncmp(client->answer, word, strlen(word)) == 0)
		return;
	fprintf(stderr, "bench_beanstalk: expected %s: %.40s\n", word, client->answer);
	exit(1);
}

static void round_end(struct client *client)
{
	samples_add(&samples, clock_us() - client->start_us);
	put_send(client);
}

static void advance(struct client *client)
{
	switch (client->doing) {
	case DOING_PUT:
		expect(client, "INSERTED ");
		if (!works) {
			round_end(client);
			break;
		}
		client->doing = DOING_RESERVE;
		send_all(client, "reserve\r\n", 9);
		break;
	case DOING_RESERVE:
		expect(client, "RESERVED ");
		delete_send(client, client->answer + 9);
		break;
	case DOING_DELETE:
		expect(client, "DELETED");
		round_end(client);
		break;
	}
}

static void on_readable(struct client *client)
{
	ssize_t got = recv(client->fd, client->answer + client->len,
			   sizeof(client->answer) - 1 - client->len, 0);

	if (got <= 0)
		fail("recv");
	client->len += (size_t)got;
	client->answer[client->len] = '\0';
	if (answer_len(client) == 0)
		return;
	client->len = 0; /* one command under way: nothing follows its answer */
	advance(client);
}

static void client_open(struct client *client, uint16_t port, int epoll)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event))
		fail("epoll_ctl");
}

static void run_until(int epoll, int64_t end_us)
{
	struct epoll_event events[256];

	for (unsigned i = 0; i < clients_count; i++)
		put_send(&clients[i]);
	while (clock_us() < end_us) {
		int count = epoll_wait(epoll, events, (int)ARRAY_LEN(events), 100);

		for (int i = 0; i < count; i++)
			on_readable(events[i].data.ptr);
	}
}

/* ---- one job at a time, with a worker ---- */

static _Atomic int64_t trip_end_us; /* by the worker, before it posts `deleted` */
static sem_t deleted;

/* Sends, and waits for the whole answer, which stays in client->answer. */
static void ask(struct client *client, const char *bytes, size_t len)
{
	client->len = 0;
	send_all(client, bytes, len);
	do {
		ssize_t got = recv(client->fd, client->answer + client->len,
				   sizeof(client->answer) - 1 - client->len, 0);
		if (got <= 0)
			fail("recv");
		client->len += (size_t)got;
		client->answer[client->len] = '\0';
	} while (answer_len(client) == 0);
}

static void *worker_main(void *client_ptr)
{
	struct client *client = client_ptr;
	char text[64];

	for (;;) {
		ask(client, "reserve\r\n", 9);
		expect(client, "RESERVED ");
		ask(client, text, delete_format(text, sizeof(text), client->answer + 9));
		expect(client, "DELETED");
		trip_end_us = clock_us();
		sem_post(&deleted);
	}
	return NULL;
}

static void trips_until(int64_t end_us)
{
	pthread_t worker;

	sem_init(&deleted, 0, 0);
	if (pthread_create(&worker, NULL, worker_main, &clients[1]))
		fail("pthread_create");
	while (clock_us() < end_us) {
		int64_t start_us = clock_us();

		ask(&clients[0], put, put_len);
		expect(&clients[0], "INSERTED ");
		while (sem_wait(&deleted))
			continue;
		samples_add(&samples, trip_end_us - start_us);
	}
}

static void tell(double seconds)
{
	samples_sort(&samples);
	printf("{\"requests\": %zu, \"rate\": %.1f, \"p50_us\": %u, \"p99_us\": %u}\n",
	       samples.count, (double)samples.count / seconds, samples_quantile_us(&samples, 0.5),
	       samples_quantile_us(&samples, 0.99));
	samples_done(&samples);
}

static bool arguments_read(int argc, char **argv)
{
	size_t body_bytes;

	if (argc != 6)
		return false;
	works = strcmp(argv[1], "work") == 0;
	trips = strcmp(argv[1], "trip") == 0;
	if (!works && !trips && strcmp(argv[1], "put") != 0)
		return false;
	clients_count = trips ? 2 : (unsigned)strtoul(argv[3], NULL, 10);
	body_bytes = strtoul(argv[5], NULL, 10);
	if (clients_count < 1 || clients_count > CONNECTIONS_MAX || body_bytes > BODY_BYTES_MAX)
		return false;
	put_len = (size_t)snprintf(put, sizeof(put), "put 1000 0 60 %zu\r\n", body_bytes);
	memset(put + put_len, 'x', body_bytes);
	memcpy(put + put_len + body_bytes, "\r\n", 2);
	put_len += body_bytes + 2;
	return true;
}

int main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	double seconds;
	int64_t start_us;

	if (!arguments_read(argc, argv)) {
		fprintf(stderr,
			"usage: bench_beanstalk put|work|trip PORT CONNECTIONS SECONDS BYTES\n");
		return 2;
	}
	clients = calloc(clients_count, sizeof(*clients));
	if (!clients || epoll < 0)
		fail("start");
	for (unsigned i = 0; i < clients_count; i++)
		client_open(&clients[i], (uint16_t)strtoul(argv[2], NULL, 10), epoll);
	seconds = strtod(argv[4], NULL);
	start_us = clock_us();
	if (trips)
		trips_until(start_us + (int64_t)(seconds * 1e6));
	else
		run_until(epoll, start_us + (int64_t)(seconds * 1e6));
	tell((double)(clock_us() - start_us) / 1e6);
	return 0; /* the kernel closes; a worker may wait in its reserve */
}
