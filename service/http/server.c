/* SPDX-License-Identifier: MIT */
/* server.c - puts acceptor, HTTP threads, reaper and rules together.
 *
 * The end of a server:
 *   1. server_drain(): `draining` is set; everybody is woken, so endless streams end;
 *      requests under way may finish;
 *   2. when time is up `stopping` is set and everybody woken again: what waits is cut
 *      with 503, and nobody can fall asleep any more;
 *   3. server_free(): no acceptor and lobby, then no sleeper (libmicrohttpd aborts the process
 *      when it is stopped with a suspended connection), then no daemon.
 */
#include "service/http/server.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "service/http/acceptor.h"
#include "service/http/exchange.h"
#include "service/http/inside.h"
#include "service/http/lobby.h"
#include "service/http/loop.h"
#include "service/http/reaper.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	THREADS_MIN = 2, /* one that is busy with a large answer must not stop all */
	THREADS_MAX = 64,
	HOSTS_MAX_ALLOWED = 64,
	HOSTS_TEXT_MAX = 64 * 1024, /* those as JSON; a name has at most 255 bytes */
	FILES_OF_OTHERS = 2048,	    /* store, fetches, inputs */
	DRAIN_CUT_MS = 1000,	    /* for sending the 503s */
};

const int64_t route_bucket_us[ROUTE_BUCKETS] = {100,   250,   500,    1000,   2500,    5000,
						10000, 25000, 100000, 500000, 2500000, 10000000};

struct counters { /* of one route, added to by all HTTP threads */
	_Atomic uint64_t by_class[6];
	_Atomic uint64_t buckets[ROUTE_BUCKETS + 1];
	_Atomic uint64_t us_sum;
};

struct server {
	struct server_config config;
	struct routes *routes;
	struct rules rules;
	const char *hosts[HOSTS_MAX_ALLOWED + 1];
	struct buf allowed_hosts;
	struct conns conns;
	struct acceptor *acceptor;
	struct lobby *lobby;
	struct reaper *reaper;
	struct counters *counters; /* one more than there are routes */
	_Atomic bool draining;	   /* set once */
	_Atomic unsigned under_way;
	struct lock lock; /* for `ended`: under_way went down during a drain */
	struct cond ended;
};

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info ? info->socket_context : NULL;
	struct request *request = conn ? request_new(cls, conn, uri) : NULL;

	if (!request)
		return NULL;
	request->mhd = mhd;
	conn_begin(conn, request);
	conn_phase(conn, PHASE_HEADERS, request->start_us / 1000);
	return request;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *uri,
				  const char *method, const char *version, const char *bytes,
				  size_t *len, void **context)
{
	struct server *server = cls;
	struct request *request = *context;
	size_t arrived = *len;

	(void)mhd;
	if (!request)
		return MHD_NO;
	if (!request->begun) {
		request->begun = true;
		return exchange_head(request, &server->rules, method, uri, version);
	}
	if (arrived == 0)
		return exchange_advance(request);
	*len = 0;
	return exchange_body(request, bytes, arrived);
}

static void count(struct server *server, const struct request *request, bool sent, int64_t now_us)
{
	struct counters *counters =
		&server->counters[request->route ? routes_index(server->routes, request->route)
						 : routes_count(server->routes)];
	int64_t us = now_us - request->start_us;
	unsigned bucket = 0;

	while (bucket < ROUTE_BUCKETS && us > route_bucket_us[bucket])
		bucket++;
	atomic_fetch_add_explicit(&counters->by_class[sent ? request->status / 100 : 0], 1,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->buckets[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->us_sum, (uint64_t)us, memory_order_relaxed);
}

void server_enter(struct server *server)
{
	atomic_fetch_add(&server->under_way, 1);
}

void server_cut(struct server *server, struct conn *conn, const struct buf *answer)
{
	lobby_answer(server->lobby, conn->fd, answer->data, answer->len);
}

static void server_leave(struct server *server)
{
	atomic_fetch_sub(&server->under_way, 1);
	if (!atomic_load(&server->draining))
		return;
	lock_take(&server->lock);
	cond_broadcast(&server->ended);
	lock_drop(&server->lock);
}

static void request_over(struct server *server, struct request *request, bool sent)
{
	int64_t now_us = clock_us();
	bool handled;

	count(server, request, request->answer == ANSWER_SENT && sent, now_us);
	intake_close(request);
	reply_abandon(request);
	conn_end(request->conn, now_us / 1000);
	handled = request->handled;
	request_unref(request);
	if (handled)
		server_leave(server);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct request *request = *context;

	(void)mhd;
	*context = NULL;
	if (request)
		request_over(cls, request, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct server *server = cls;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		*context = info ? conn_started(&server->conns, info->connect_fd) : NULL;
	} else if (*context) {
		struct conn *conn = *context;

		/* Of a query that does not fit into the connection's memory the library does
		 * not tell that it completed. */
		if (conn->request)
			request_over(server, conn->request, false);
		if (conn->lingers)
			lobby_linger(server->lobby, conn->fd);
		conn_closed(conn);
		*context = NULL;
	}
}

/* Percent-decoding is ours (request.c): the library's would stop at %00. */
static size_t unescape_nothing(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void log_nothing(void *cls, const char *fmt, va_list args)
{
	(void)cls;
	(void)fmt;
	(void)args;
}

static void config_fill(struct server_config *config)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

#define PRESET(member, value) config->member = config->member ? config->member : (value)
	PRESET(threads, cpus > 0 ? (unsigned)cpus : THREADS_MIN);
	PRESET(connections_max, HTTP_CONNECTIONS_MAX);
	PRESET(connections_per_address_max, HTTP_CONNECTIONS_PER_ADDRESS_MAX);
	PRESET(headers_ms_max, HTTP_HEADERS_MS_MAX);
	PRESET(body_ms_max, HTTP_BODY_MS_MAX);
	PRESET(idle_ms_max, HTTP_IDLE_MS_MAX);
	PRESET(write_stall_ms_max, HTTP_WRITE_STALL_MS_MAX);
#undef PRESET
	config->threads = MAX(MIN(config->threads, THREADS_MAX), THREADS_MIN);
}

/* Room for the descriptors, or fewer connections. */
static void files_raise(struct server_config *config)
{
	rlim_t wanted = (rlim_t)config->connections_max + FILES_OF_OTHERS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = MIN(wanted, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < wanted) {
		config->connections_max =
			MIN(config->connections_max, (unsigned)limit.rlim_cur / 2);
		log_warn("few file descriptors", "connections_max",
			 log_num(config->connections_max));
	}
}

static int hosts_gather(struct server *server, struct err *err)
{
	const char *const *more = server->config.hosts;
	struct json_out out = JSON_OUT(&server->allowed_hosts);
	size_t n = 0;

	server->hosts[n++] = "localhost";
	server->hosts[n++] = "127.0.0.1";
	server->hosts[n++] = "[::1]";
	server->hosts[n++] = acceptor_host(server->acceptor);
	for (; more && *more; more++) {
		if (n == HOSTS_MAX_ALLOWED)
			return err_set(err, ERR_BAD_PARAMETER, "more than %d Host names",
				       HOSTS_MAX_ALLOWED);
		server->hosts[n++] = *more;
	}
	json_out_array(&out, NULL);
	for (size_t i = 0; i < n; i++)
		if (i != 3 || strcmp(server->hosts[3], "127.0.0.1") != 0)
			json_out_text(&out, NULL, server->hosts[i]);
	json_out_end(&out, ']');
	return buf_ok(&server->allowed_hosts) ? 0 : err_set(err, ERR_NO_MEMORY, "Host names");
}

static int rules_make(struct server *server, struct err *err)
{
	const struct auth *auth = server->config.auth;
	bool loopback = acceptor_is_loopback(server->acceptor);

	if (!loopback && (!auth || auth_count(auth) == 0))
		return err_set(err, ERR_BAD_PARAMETER,
			       "%s can be reached from other machines, which needs a token",
			       acceptor_url(server->acceptor));
	if (hosts_gather(server, err))
		return -1;
	server->rules = (struct rules){
		.routes = server->routes,
		.auth = auth && auth_count(auth) > 0 ? auth : NULL,
		.hosts = server->hosts,
		.any_address = !loopback,
		.allowed_hosts = buf_text(&server->allowed_hosts),
	};
	return 0;
}

int server_new(const struct server_config *config, struct server **ret_server, struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return err_set(err, ERR_NO_MEMORY, "server");
	server->config = *config;
	config_fill(&server->config);
	files_raise(&server->config);
	lock_init(&server->lock, LOCK_SERVER);
	cond_init(&server->ended);
	buf_init(&server->allowed_hosts, HOSTS_TEXT_MAX);
	if (conns_init(&server->conns, server->config.connections_max,
		       server->config.connections_per_address_max, server->config.threads, err)) {
		free(server);
		return -1;
	}
	if (routes_new(config->routes, &server->routes, err) ||
	    acceptor_new(config->listen, &server->acceptor, err) || rules_make(server, err))
		goto fail;
	server->counters = calloc(routes_count(server->routes) + 1, sizeof(*server->counters));
	if (server->counters) {
		*ret_server = server;
		return 0;
	}
	err_set(err, ERR_NO_MEMORY, "counters");
fail:
	server_free(server);
	return -1;
}

static int thread_start(struct server *server, struct conn_group *group, struct err *err)
{
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
			MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL,
		MHD_OPTION_CONNECTION_LIMIT, server->config.connections_max,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)(group->streams ? HTTP_STREAM_BYTES : HTTP_CONNECTION_BYTES),
		/* main.c ignores it; who does not say so gets no sendfile(2). */
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
		MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
		MHD_OPTION_END);

	if (!daemon)
		return err_set(err, ERR_NO_MEMORY, "HTTP thread");
	if (loop_new(daemon, &group->loop, err) == 0)
		return 0;
	MHD_stop_daemon(daemon);
	return -1;
}

int server_start(struct server *server, struct err *err)
{
	const struct server_config *config = &server->config;
	const struct reaper_limits limits = {config->headers_ms_max, config->body_ms_max,
					     config->idle_ms_max, config->write_stall_ms_max};

	for (unsigned i = 0; i < server->conns.groups_count; i++)
		if (thread_start(server, &server->conns.groups[i], err))
			return -1;
	if (reaper_start(&server->conns, &limits, &server->reaper, err) ||
	    lobby_new(&server->conns, server->routes, &server->lobby, err))
		return -1;
	return acceptor_start(server->acceptor, &server->conns, server->lobby, err);
}

const char *server_url(const struct server *server)
{
	return acceptor_url(server->acceptor);
}

bool server_draining(const struct server *server)
{
	return atomic_load(&server->draining);
}

bool server_stopping(const struct server *server)
{
	return atomic_load(&server->conns.stopping);
}

void *server_context(const struct server *server)
{
	return server->config.context;
}

static bool wait_for_end(struct server *server, int64_t until_ms)
{
	bool in_time = true;

	lock_take(&server->lock);
	while (in_time && atomic_load(&server->under_way) > 0)
		in_time = cond_wait_until(&server->ended, &server->lock, until_ms);
	lock_drop(&server->lock);
	return in_time;
}

void server_refuse(struct server *server)
{
	atomic_store(&server->draining, true);
	conns_wake_all(&server->conns);
}

unsigned server_drain(struct server *server, int64_t wait_ms_max)
{
	unsigned left = 0;

	server_refuse(server);
	if (!wait_for_end(server, clock_ms() + wait_ms_max))
		left = atomic_load(&server->under_way);
	atomic_store(&server->conns.stopping, true);
	conns_wake_all(&server->conns);
	if (left > 0)
		wait_for_end(server, clock_ms() + DRAIN_CUT_MS);
	return left;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	acceptor_free(server->acceptor);
	lobby_stop(server->lobby);
	atomic_store(&server->draining, true);
	atomic_store(&server->conns.stopping, true);
	conns_wake_all(&server->conns);
	reaper_stop(server->reaper); /* it kicks the loops */
	for (unsigned i = 0; i < server->conns.groups_count; i++)
		loop_free(server->conns.groups[i].loop);
	lobby_free(server->lobby);
	conns_done(&server->conns);
	routes_free(server->routes);
	buf_done(&server->allowed_hosts);
	lock_done(&server->lock);
	cond_done(&server->ended);
	free(server->counters);
	free(server);
}

size_t server_route_count(const struct server *server)
{
	return routes_count(server->routes) + 1;
}

void server_route_stats(const struct server *server, size_t index, struct route_stats *ret)
{
	const struct counters *counters = &server->counters[index];

	*ret = (struct route_stats){0};
	if (index < routes_count(server->routes))
		ret->route = &server->config.routes[index];
	for (int i = 0; i < 6; i++)
		ret->by_class[i] = atomic_load(&counters->by_class[i]);
	for (int i = 0; i <= ROUTE_BUCKETS; i++)
		ret->buckets[i] = atomic_load(&counters->buckets[i]);
	ret->us_sum = atomic_load(&counters->us_sum);
}

void server_stats(const struct server *server, struct server_stats *ret)
{
	*ret = (struct server_stats){
		.connections = atomic_load(&server->conns.count),
		.suspended = atomic_load(&server->conns.suspended),
		.under_way = atomic_load(&server->under_way),
		.accepted = atomic_load(&server->conns.accepted),
		.refused = atomic_load(&server->conns.refused),
		.reaped = atomic_load(&server->conns.reaped),
	};
}
