/* SPDX-License-Identifier: MIT */
/* raw_http.c - blocking sockets with poll(2) as the watchdog. */
#include "tests/lib/raw_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "raw_http: %s: %s\n", what, strerror(errno));
	abort();
}

int raw_connect(const char *url)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
	must(fd >= 0, "socket");
	must(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
	return fd;
}

void raw_send(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the server has closed: the answer tells */
		bytes += n;
		len -= (size_t)n;
	}
}

/* 0: the end. */
static size_t receive(int fd, char *into, size_t room)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	must(poll(&poll_fd, 1, RAW_WAIT_MS) == 1, "nothing came in time");
	n = recv(fd, into, room, 0);
	return n > 0 ? (size_t)n : 0;
}

static size_t whole_len(const struct raw_answer *answer, bool to_end)
{
	const char *end = to_end ? NULL : strstr(answer->text, "\r\n\r\n");
	const char *length = end ? strcasestr(answer->text, "\r\nContent-Length:") : NULL;

	if (!length || length > end)
		return SIZE_MAX;
	return (size_t)(end + 4 - answer->text) + strtoul(length + 17, NULL, 10);
}

static struct raw_answer read_answer(int fd, bool to_end)
{
	enum { ROOM = 1 << 20 };
	struct raw_answer answer = {.text = calloc(1, ROOM + 1)};

	must(answer.text != NULL, "memory");
	while (answer.len < whole_len(&answer, to_end)) {
		size_t n = receive(fd, answer.text + answer.len, ROOM - answer.len);

		answer.len += n;
		if (n == 0) {
			answer.closed = true;
			break;
		}
	}
	sscanf(answer.text, "HTTP/1.1 %d", &answer.status);
	answer.body = strstr(answer.text, "\r\n\r\n");
	answer.body = answer.body ? answer.body + 4 : answer.text + answer.len;
	return answer;
}

struct raw_answer raw_read(int fd)
{
	return read_answer(fd, false);
}

struct raw_answer raw_read_to_end(int fd)
{
	return read_answer(fd, true);
}

bool raw_wait_for(int fd, const char *text)
{
	char seen[8192] = "";
	size_t len = 0;

	while (!strstr(seen, text)) {
		size_t n = receive(fd, seen + len, sizeof(seen) - 1 - len);

		if (n == 0)
			return false;
		len += n;
		seen[len] = '\0';
	}
	return true;
}

void raw_wait_for_end(int fd)
{
	char dropped[4096];

	while (receive(fd, dropped, sizeof(dropped)) > 0)
		;
}

void raw_answer_done(struct raw_answer *answer)
{
	free(answer->text);
	answer->text = NULL;
}

struct raw_answer raw_ask(const char *url, const char *bytes, size_t len)
{
	int fd = raw_connect(url);
	struct raw_answer answer;

	raw_send(fd, bytes, len);
	answer = raw_read_to_end(fd);
	close(fd);
	return answer;
}
