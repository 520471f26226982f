/* SPDX-License-Identifier: MIT */
/* daemon.c - the order in which the house goes up.
 *
 *   data directory ▶ guard ▶ tokens ▶ server (bound: its address is known and denied to
 *   fetches) ▶ events ▶ store (locks the directory, recovers) ▶ files ▶ cache ▶ fetcher ▶
 *   hosts' state ▶ engine ▶ start
 *
 * Each step's undoing stands in daemon_stop(), in reverse; it copes with whatever was
 * not reached.
 */
#include "service/daemon.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/cache.h"
#include "net/fetch.h"
#include "net/guard.h"
#include "service/engine/events.h"
#include "service/host_state.h"
#include "service/http/api.h"
#include "service/http/desk.h"
#include "service/http/server.h"
#include "service/version.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, TOKENS_BYTES_MAX = 1 << 20 };

struct daemon {
	struct api api;
	struct guard *guard;
	struct permits permits;
	struct auth *auth;
	char scratch[PATH_BYTES_MAX];
	/* Written once, when the engine is whole; read by the store's writer, which moves jobs
	 * that are due as soon as the store is open.  Sequentially consistent: rare enough. */
	_Atomic(struct engine *) engine;
};

/* ---- the data directory ---- */

static int directory_make(const char *path, struct err *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "cannot make %s", path);
	return 0;
}

static int directories_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	int n = snprintf(daemon->scratch, sizeof(daemon->scratch), "%s/scratch", config->data);

	if (n < 0 || (size_t)n >= sizeof(daemon->scratch))
		return err_set(err, ERR_BAD_PARAMETER,
			       "the path of the data directory is too long");
	return directory_make(config->data, err) || directory_make(daemon->scratch, err) ? -1 : 0;
}

/* ---- guard and tokens ---- */

/* Only a job that is certainly not there is unknown. */
static bool job_known(void *ctx, const struct id *id)
{
	const struct daemon *daemon = ctx;
	struct job job;
	struct err err;

	if (store_job_get(daemon->api.store, id, false, &job, &err))
		return err.code != ERR_NOT_FOUND;
	job_done(&job);
	return true;
}

static int guard_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	daemon->guard = guard_new();
	if (!daemon->guard)
		return err_set(err, ERR_NO_MEMORY, "no memory for the guard");
	for (unsigned i = 0; i < config->allow_net.count; i++)
		if (guard_allow(daemon->guard, config->allow_net.items[i], err))
			return err_wrap(err, "--allow-net");
	daemon->permits = (struct permits){
		.guard = daemon->guard,
		.insecure_tls = config->allow_insecure_tls,
		.job_known = job_known,
		.ctx = daemon,
	};
	return 0;
}

static bool listens_on_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0 ||
	       strncmp(listen, "localhost:", 10) == 0;
}

/* Writes a first token to DIR/token, readable by the owner only. */
static int token_create(const char *path, struct err *err)
{
	char token[AUTH_TOKEN_LEN + 2];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot make %s", path);
	auth_token_new(token);
	token[AUTH_TOKEN_LEN] = '\n';
	n = write(fd, token, AUTH_TOKEN_LEN + 1);
	if (n == AUTH_TOKEN_LEN + 1 && fsync(fd) == 0 && close(fd) == 0) {
		log_info("a first token was written", "path", path);
		return 0;
	}
	return err_set_errno(err, ERR_IO, errno, "cannot write %s", path);
}

static int tokens_read(struct auth *auth, const char *path, struct err *err)
{
	char *text = malloc(TOKENS_BYTES_MAX);
	FILE *file = fopen(path, "re");
	size_t len;
	int rc;

	if (!text || !file) {
		rc = err_set_errno(err, ERR_BAD_PARAMETER, errno, "token file %s", path);
	} else {
		len = fread(text, 1, TOKENS_BYTES_MAX, file);
		rc = auth_add_lines(auth, text, len, err);
		if (rc)
			err_wrap(err, "token file %s", path);
		explicit_bzero(text, len);
	}
	if (file)
		fclose(file);
	free(text);
	return rc;
}

static int auth_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	bool loopback = listens_on_loopback(config->listen);
	char path[PATH_BYTES_MAX];

	if (auth_new(&daemon->auth, err))
		return -1;
	if (config->token_file)
		return tokens_read(daemon->auth, config->token_file, err);
	snprintf(path, sizeof(path), "%s/token", config->data);
	if (access(path, F_OK) == 0)
		return tokens_read(daemon->auth, path, err);
	if (loopback)
		return 0;
	return token_create(path, err) || tokens_read(daemon->auth, path, err) ? -1 : 0;
}

/* ---- the server's socket ---- */

/* The address of "http://127.0.0.1:41234" or "http://[::1]:41234". */
static int url_address_read(const char *url, struct sockaddr_storage *ret, struct err *err)
{
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *ip4 = (struct sockaddr_in *)ret;
	const char *start = url + strlen("http://");
	const char *colon = strrchr(start, ':');
	bool bracket = *start == '[';
	char host[64];
	in_port_t port;

	*ret = (struct sockaddr_storage){0};
	if (!colon)
		return err_set(err, ERR_INTERNAL, "unexpected URL %s", url);
	port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	snprintf(host, sizeof(host), "%.*s", (int)(colon - start) - 2 * bracket, start + bracket);
	if (!bracket && inet_pton(AF_INET, host, &ip4->sin_addr) == 1) {
		ip4->sin_family = AF_INET;
		ip4->sin_port = port;
	} else if (bracket && inet_pton(AF_INET6, host, &ip6->sin6_addr) == 1) {
		ip6->sin6_family = AF_INET6;
		ip6->sin6_port = port;
	} else {
		return err_set(err, ERR_INTERNAL, "unexpected URL %s", url);
	}
	return 0;
}

/* One who listens everywhere listens at each interface's address. */
static int interfaces_deny(struct daemon *daemon, in_port_t port, struct err *err)
{
	struct ifaddrs *all;
	int rc = 0;

	if (getifaddrs(&all))
		return err_set_errno(err, ERR_IO, errno, "cannot list the interfaces");
	for (struct ifaddrs *at = all; at && rc == 0; at = at->ifa_next) {
		struct sockaddr_storage address = {0};

		if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET) {
			memcpy(&address, at->ifa_addr, sizeof(struct sockaddr_in));
			((struct sockaddr_in *)&address)->sin_port = port;
		} else if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET6) {
			memcpy(&address, at->ifa_addr, sizeof(struct sockaddr_in6));
			((struct sockaddr_in6 *)&address)->sin6_port = port;
		} else {
			continue;
		}
		rc = guard_deny_own(daemon->guard, (struct sockaddr *)&address, err);
	}
	freeifaddrs(all);
	return rc;
}

/* Jobs must not reach our own API, whatever the operator allows. */
static int own_address_deny(struct daemon *daemon, const char *url, struct err *err)
{
	struct sockaddr_storage address;
	const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&address;

	if (url_address_read(url, &address, err) ||
	    guard_deny_own(daemon->guard, (struct sockaddr *)&address, err))
		return -1;
	if (address.ss_family == AF_INET && ip4->sin_addr.s_addr == htonl(INADDR_ANY))
		return interfaces_deny(daemon, ip4->sin_port, err);
	if (address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ip6->sin6_addr))
		return interfaces_deny(daemon, ip6->sin6_port, err);
	return 0;
}

static int server_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	struct server_config server = {
		.listen = config->listen,
		.routes = api_routes,
		.context = &daemon->api,
		.auth = daemon->auth,
		.hosts = (const char *const *)config->allow_host.items,
		.threads = (unsigned)config->http_threads,
		.connections_max = (unsigned)config->connections_max,
		.connections_per_address_max = (unsigned)config->connections_per_address_max,
	};

	if (server_new(&server, &daemon->api.server, err))
		return -1;
	return own_address_deny(daemon, server_url(daemon->api.server), err);
}

/* ---- the fetcher ---- */

static void host_save(void *ctx, const char *key, const void *state, size_t len)
{
	host_state_save(((struct api *)ctx)->store, key, state, len);
}

static void fetch_room(void *ctx)
{
	struct api *api = ctx;

	if (api->engine)
		engine_fetch_room(api->engine);
}

static void host_changed(void *ctx, const struct host_view *host)
{
	struct api *api = ctx;

	atomic_fetch_add_explicit(&api->breaker_moves[host->state], 1, memory_order_relaxed);
	log_info("breaker", "host", host->key, "state", breaker_state_name(host->state), "reason",
		 breaker_reason_name(host->reason));
	host_move_tell(api->store, host);
}

static int files_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	char path[PATH_BYTES_MAX];
	struct files_config files = {
		.dir = path,
		.folders = (const char *const *)config->files.items,
		.private_dir = config->data,
		.quota_bytes = config->files_quota_bytes,
	};

	snprintf(path, sizeof(path), "%s/files", config->data);
	return files_new(&files, &daemon->api.files, err) ? err_wrap(err, "--files") : 0;
}

static int cache_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	char path[PATH_BYTES_MAX];

	snprintf(path, sizeof(path), "%s/cache", config->data);
	daemon->api.cache = cache_new(path, config->cache_bytes_max, err);
	return daemon->api.cache ? 0 : -1;
}

static int fetcher_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	struct fetcher_config fetcher = {
		.guard = daemon->guard,
		.cache = daemon->api.cache,
		.user_agent = "jobmill/" JOBMILL_VERSION,
		.transfers_max = (unsigned)config->fetch_max,
		.ca_file = config->ca_file,
		.allow_insecure = daemon->permits.insecure_tls,
		.room = fetch_room,
		.host_changed = host_changed,
		.host_save = host_save,
		.ctx = &daemon->api,
	};

	daemon->api.fetcher = fetcher_new(&fetcher, err);
	if (!daemon->api.fetcher)
		return -1;
	return host_states_load(daemon->api.store, fetcher_hosts(daemon->api.fetcher), err);
}

/* ---- store and engine ---- */

static void committed(void *ctx, const struct event *events, size_t count)
{
	struct daemon *daemon = ctx;
	struct engine *engine = atomic_load(&daemon->engine);

	events_publish(daemon->api.events, events, count);
	if (engine) /* else it will find them in the store */
		engine_jobs_due(engine, events, count);
}

static void told(void *ctx)
{
	struct engine *engine = atomic_load(&((struct daemon *)ctx)->engine);

	if (engine)
		engine_jobs_told(engine);
}

static int store_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	struct store_config store = {
		.dir = config->data,
		.sync = true,
		.jobs_queued_max = config->queued_max,
		.on_events = committed,
		.on_told = told,
		.ctx = daemon,
	};

	if (events_new(NULL, &daemon->api.events, err) ||
	    store_open(&store, &daemon->api.store, err))
		return -1;
	events_set_store(daemon->api.events, daemon->api.store);
	return 0;
}

static int engine_make(struct daemon *daemon, const struct config *config, struct err *err)
{
	struct engine_config engine = {
		.store = daemon->api.store,
		.fetcher = daemon->api.fetcher,
		.permits = &daemon->permits,
		.scratch_dir = daemon->scratch,
		.files = daemon->api.files,
		.workers_min = (unsigned)config->workers_min,
		.workers_max = (unsigned)config->workers_max,
		.active_max = (unsigned)config->active_max,
		.memory_max = config->memory_bytes,
	};

	if (engine_new(&engine, &daemon->api.engine, err))
		return -1;
	atomic_store(&daemon->engine, daemon->api.engine);
	return 0;
}

int daemon_start(const struct config *config, struct daemon **ret_daemon, struct err *err)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	if (!daemon)
		return err_set(err, ERR_NO_MEMORY, "no memory");
	lock_init(&daemon->api.drain.lock, LOCK_LEAF);
	daemon->api.config = config;
	daemon->api.started_wall_ms = clock_wall_ms();
	if (directories_make(daemon, config, err) || guard_make(daemon, config, err) ||
	    auth_make(daemon, config, err) || server_make(daemon, config, err) ||
	    store_make(daemon, config, err) || files_make(daemon, config, err) ||
	    cache_make(daemon, config, err) || fetcher_make(daemon, config, err) ||
	    engine_make(daemon, config, err) ||
	    desk_new(1, DESK_WAITING_MAX, &daemon->api.desk, err) ||
	    desk_new(FILES_DESK_THREADS, FILES_UPLOADS_MAX, &daemon->api.files_desk, err))
		goto fail;
	daemon->api.permits = &daemon->permits;
	if (engine_start(daemon->api.engine, err) || server_start(daemon->api.server, err))
		goto fail;
	*ret_daemon = daemon;
	return 0;
fail:
	daemon_stop(daemon);
	return -1;
}

const char *daemon_url(const struct daemon *daemon)
{
	return server_url(daemon->api.server);
}

unsigned daemon_drain(struct daemon *daemon, int64_t for_ms)
{
	int64_t until_ms = clock_ms() + for_ms;
	unsigned left;

	server_refuse(daemon->api.server); /* no new jobs while the others yield */
	left = engine_drain(daemon->api.engine, for_ms);
	server_drain(daemon->api.server, MAX(0, until_ms - clock_ms()));
	return left;
}

/* After a drain no request is under way but health checks, which touch neither engine
 * nor store, and uploads, which write and find their desk closed.  The fetcher goes first: it saves
 * what it knows of hosts.  The store calls back for what it still commits, so engine and server go
 * after it. */
void daemon_stop(struct daemon *daemon)
{
	if (!daemon)
		return;
	fetcher_free(daemon->api.fetcher);
	cache_free(daemon->api.cache);
	desk_stop(daemon->api.desk);
	desk_stop(daemon->api.files_desk);
	store_close(daemon->api.store);
	engine_free(daemon->api.engine);
	server_free(daemon->api.server);
	desk_free(daemon->api.desk);
	desk_free(daemon->api.files_desk);
	files_free(daemon->api.files);
	events_free(daemon->api.events);
	auth_free(daemon->auth);
	guard_free(daemon->guard);
	lock_done(&daemon->api.drain.lock);
	free(daemon);
}
