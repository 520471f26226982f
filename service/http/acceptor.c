/* SPDX-License-Identifier: MIT */
/* acceptor.c - accept4(2) in a loop; each socket goes to the lobby. */
#include "service/http/acceptor.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "service/http/conn.h"
#include "service/http/lobby.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,		      /* the kernel cuts it at somaxconn */
	NO_FILES_MS = 100,	      /* pause when descriptors have run out */
	NO_FILES_TOLD_MS = 10 * 1000, /* and that is logged this often */
	HOST_TEXT_MAX = 256,	      /* a DNS name has at most 255 bytes */
};

struct acceptor {
	int fd;
	int stop_fd;
	bool started, loopback;
	char host[HOST_TEXT_MAX];
	char url[HOST_TEXT_MAX + NI_MAXSERV + 8];
	struct conns *conns;
	struct lobby *lobby;
	pthread_t thread;
};

/* "name:port", "[v6]:port" into its two halves; the brackets are dropped. */
static int listen_split(const char *listen, char host[HOST_TEXT_MAX], const char **ret_port,
			struct err *err)
{
	const char *colon = strrchr(listen, ':');
	const char *start = listen;
	size_t len = colon ? (size_t)(colon - listen) : 0;

	if (len >= 2 && start[0] == '[' && start[len - 1] == ']') {
		start++;
		len -= 2;
	}
	if (len == 0 || len >= HOST_TEXT_MAX || strspn(colon + 1, "0123456789") == 0)
		return err_set(err, ERR_BAD_PARAMETER,
			       "'%s' is not ADDRESS:PORT, for example 127.0.0.1:8080", listen);
	memcpy(host, start, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
	       127;
}

static int bind_first(struct acceptor *acceptor, const struct addrinfo *info)
{
	int on = 1;

	acceptor->fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (acceptor->fd < 0)
		return -1;
	setsockopt(acceptor->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	acceptor->loopback = is_loopback(info->ai_addr);
	return bind(acceptor->fd, info->ai_addr, info->ai_addrlen);
}

static void url_write(struct acceptor *acceptor)
{
	struct sockaddr_storage bound = {0};
	socklen_t len = sizeof(bound);
	char port[NI_MAXSERV] = "0";
	char host[INET6_ADDRSTRLEN] = "";

	getsockname(acceptor->fd, (struct sockaddr *)&bound, &len);
	getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(acceptor->host, sizeof(acceptor->host),
		 bound.ss_family == AF_INET6 ? "[%s]" : "%s", host);
	snprintf(acceptor->url, sizeof(acceptor->url), "http://%s:%s", acceptor->host, port);
}

int acceptor_new(const char *listen, struct acceptor **ret_acceptor, struct err *err)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
	struct addrinfo *info = NULL;
	const char *port = NULL;
	int rc;

	if (!acceptor)
		return err_set(err, ERR_NO_MEMORY, "acceptor");
	acceptor->fd = -1;
	acceptor->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (listen_split(listen, acceptor->host, &port, err))
		goto fail;
	rc = getaddrinfo(acceptor->host, port, &wanted, &info);
	if (rc) {
		err_set(err, ERR_BAD_PARAMETER, "%s: %s", listen, gai_strerror(rc));
		goto fail;
	}
	if (acceptor->stop_fd < 0 || bind_first(acceptor, info)) {
		err_set_errno(err, ERR_IO, errno, "listen on %s", listen);
		goto fail;
	}
	freeaddrinfo(info);
	url_write(acceptor);
	*ret_acceptor = acceptor;
	return 0;
fail:
	if (info)
		freeaddrinfo(info);
	acceptor_free(acceptor);
	return -1;
}

/* False: no descriptors are left. */
static bool accept_one(struct acceptor *acceptor, bool *ret_more)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	int fd =
		accept4(acceptor->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *conn;
	struct err err;
	int on = 1;

	*ret_more = fd >= 0 || errno == ECONNABORTED || errno == EINTR;
	if (fd < 0)
		return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (conns_admit(acceptor->conns, fd, (struct sockaddr *)&from, &conn, &err)) {
		lobby_refuse(acceptor->lobby, fd, &err);
		return true;
	}
	lobby_enter(acceptor->lobby, conn);
	return true;
}

static void *accept_loop(void *arg)
{
	struct acceptor *acceptor = arg;
	struct pollfd fds[2] = {{.fd = acceptor->stop_fd, .events = POLLIN},
				{.fd = acceptor->fd, .events = POLLIN}};
	bool has_files = true;
	int64_t told_ms = -NO_FILES_TOLD_MS;

	while (fds[0].revents == 0) {
		bool more = true;

		if (poll(fds, has_files ? 2 : 1, has_files ? -1 : NO_FILES_MS) < 0)
			continue;
		has_files = true;
		while (more && has_files)
			has_files = accept_one(acceptor, &more);
		if (!has_files && clock_ms() >= told_ms + NO_FILES_TOLD_MS) {
			told_ms = clock_ms();
			log_warn("out of file descriptors", "pause_ms", log_num(NO_FILES_MS));
		}
	}
	return NULL;
}

int acceptor_start(struct acceptor *acceptor, struct conns *conns, struct lobby *lobby,
		   struct err *err)
{
	int rc;

	acceptor->conns = conns;
	acceptor->lobby = lobby;
	if (listen(acceptor->fd, BACKLOG))
		return err_set_errno(err, ERR_IO, errno, "listen");
	rc = pthread_create(&acceptor->thread, NULL, accept_loop, acceptor);
	if (rc)
		return err_set_errno(err, ERR_NO_MEMORY, rc, "thread");
	acceptor->started = true;
	return 0;
}

void acceptor_free(struct acceptor *acceptor)
{
	if (!acceptor)
		return;
	if (acceptor->started) {
		eventfd_write(acceptor->stop_fd, 1);
		pthread_join(acceptor->thread, NULL);
	}
	if (acceptor->fd >= 0)
		close(acceptor->fd);
	if (acceptor->stop_fd >= 0)
		close(acceptor->stop_fd);
	free(acceptor);
}

const char *acceptor_url(const struct acceptor *acceptor)
{
	return acceptor->url;
}

const char *acceptor_host(const struct acceptor *acceptor)
{
	return acceptor->host;
}

bool acceptor_is_loopback(const struct acceptor *acceptor)
{
	return acceptor->loopback;
}
