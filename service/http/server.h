/* SPDX-License-Identifier: MIT */
/* server.h - the HTTP server: its sockets, threads and limits.
 *
 * An acceptor thread takes sockets in, the lobby's waits for their first head and hands
 * them to the HTTP threads, which run libmicrohttpd; a reaper thread keeps the deadlines.
 * What a request must be like before a handler sees it is the gate's affair, what it asks
 * for the routes'.
 *
 *   server_new(&config, &server, &err)   binds: the URL is known, nobody is served
 *   server_start(server, &err)           threads
 *   server_drain(server, 8000)           503 for new requests, the others may end
 *   server_free(server)                  ends whatever is left
 *
 * Threads    server_new(), _start(), _drain() and _free() by one thread; the rest from
 *            any.
 * Ownership  the config is copied, but routes, auth and context must outlive the server.
 * Errors     0, or -1 and *err.
 * Units      _ms milliseconds, _bytes bytes; 0 in the config means the default.
 */
#ifndef SERVICE_HTTP_SERVER_H
#define SERVICE_HTTP_SERVER_H

#include "base/err.h"
#include "service/http/routes.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

struct server_config {
	const char *listen; /* "127.0.0.1:8080", "[::1]:0", "0.0.0.0:8080"; port 0: a free one */
	const struct route *routes;
	void *context;		  /* request_context() */
	const struct auth *auth;  /* NULL or empty: no tokens, possible on loopback only */
	const char *const *hosts; /* further Host names, NULL-ended; NULL: none */
	unsigned threads; /* for requests, and as many for streams; 0: one a CPU, at least 2 */
	unsigned connections_max, connections_per_address_max;
	int64_t headers_ms_max, body_ms_max, idle_ms_max, write_stall_ms_max;
};

int server_new(const struct server_config *config, struct server **ret_server, struct err *err);
int server_start(struct server *server, struct err *err);
const char *server_url(const struct server *server); /* "http://127.0.0.1:41234" */

/* The first part of server_drain() alone, which comes back at once. */
void server_refuse(struct server *server);
/* From now on new requests are 503 draining with Retry-After and Connection: close,
 * streams end, and it waits for requests under way; those that are left after
 * wait_ms_max get the same 503.  Returns how many those were. */
unsigned server_drain(struct server *server, int64_t wait_ms_max);
bool server_draining(const struct server *server);

/* Every struct later must be done by now: who completes them is stopped before. */
void server_free(struct server *server);

/* What happened on one route since the start. */
enum { ROUTE_BUCKETS = 12 };
extern const int64_t route_bucket_us[ROUTE_BUCKETS]; /* upper bounds; the rest is beyond */

struct route_stats {
	const struct route *route; /* NULL: requests that reached no route */
	uint64_t by_class[6];	   /* [2]: answered 2xx, …; [0]: client gone before the answer */
	uint64_t buckets[ROUTE_BUCKETS + 1]; /* from the headers' end to the answer's last byte */
	uint64_t us_sum;
};

size_t server_route_count(const struct server *server); /* one more than the table has */
void server_route_stats(const struct server *server, size_t index, struct route_stats *ret);

struct server_stats {
	unsigned connections, suspended, under_way;
	uint64_t accepted, refused, reaped;
};

void server_stats(const struct server *server, struct server_stats *ret);

#endif
