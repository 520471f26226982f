/* SPDX-License-Identifier: MIT */
/* api_metrics.c - /metrics in the Prometheus text format, version 0.0.4.
 *
 * Names follow the Prometheus conventions: a jobmill_ prefix, base units, _total for
 * counters.  No label has an unbounded set of values: hosts are never labels.
 */
#include "service/http/api.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/cache.h"
#include "service/engine/events.h"
#include "service/http/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void metric(struct buf *into, const char *name, const char *type, const char *help)
{
	buf_printf(into, "# HELP jobmill_%s %s\n# TYPE jobmill_%s %s\n", name, help, name, type);
}

static void value(struct buf *into, const char *name, double number)
{
	buf_printf(into, "jobmill_%s %.17g\n", name, number);
}

static void gauge(struct buf *into, const char *name, const char *help, double number)
{
	metric(into, name, "gauge", help);
	value(into, name, number);
}

static void counter(struct buf *into, const char *name, const char *help, double number)
{
	metric(into, name, "counter", help);
	value(into, name, number);
}

static void jobs_add(struct api *api, struct buf *into)
{
	int64_t counts[JOB_STATES];

	store_job_counts(api->store, counts);
	metric(into, "jobs", "gauge", "Jobs in the store by state.");
	for (int state = 0; state < JOB_STATES; state++)
		buf_printf(into, "jobmill_jobs{state=\"%s\"} %" PRId64 "\n",
			   state_name((enum job_state)state), counts[state]);
}

static void store_add(struct api *api, struct buf *into)
{
	struct store_stats stats;

	store_stats(api->store, &stats);
	counter(into, "store_commits_total", "Transactions committed.", (double)stats.commits);
	counter(into, "store_operations_total", "Operations in them.", (double)stats.operations);
	gauge(into, "store_queued_operations", "Operations waiting for the writer.",
	      (double)stats.queued_ops);
	gauge(into, "store_commit_p50_seconds", "Median of recent commits.",
	      stats.commit_us_p50 / 1e6);
	gauge(into, "store_commit_p99_seconds", "99th percentile of recent commits.",
	      stats.commit_us_p99 / 1e6);
	gauge(into, "store_database_bytes", "Size of the database file.", (double)stats.db_bytes);
	gauge(into, "store_wal_bytes", "Size of the write-ahead log.", (double)stats.wal_bytes);
	gauge(into, "store_disk_free_bytes", "Free space of the data directory.",
	      (double)stats.disk_free_bytes);
	gauge(into, "store_writable", "1 while commits succeed.", stats.writable);
}

static void engine_add(struct api *api, struct buf *into)
{
	struct sched_view sched;
	struct pool_view pool;

	engine_sched_view(api->engine, &sched);
	engine_pool_view(api->engine, &pool);
	gauge(into, "runs_active", "Jobs that workers step at present.", sched.active);
	gauge(into, "oldest_wait_seconds", "Wait of the oldest runnable thing.",
	      (double)sched.oldest_wait_ms / 1e3);
	counter(into, "steps_total", "Steps and starts taken by workers.", (double)sched.taken);
	metric(into, "workers", "gauge", "Pool threads by what they do.");
	buf_printf(into, "jobmill_workers{state=\"idle\"} %u\n", pool.idle);
	buf_printf(into, "jobmill_workers{state=\"blocked\"} %u\n", pool.blocked);
	buf_printf(into, "jobmill_workers{state=\"busy\"} %u\n",
		   pool.workers - MIN(pool.workers, pool.idle + pool.blocked));
	counter(into, "events_total", "Events told.", (double)events_last_seq(api->events));
}

static void buckets_add(const struct route_stats *stats, const char *labels, struct buf *into)
{
	uint64_t count = 0;

	for (int i = 0; i < ROUTE_BUCKETS; i++) {
		count += stats->buckets[i];
		buf_printf(into,
			   "jobmill_http_request_duration_seconds_bucket{%s,le=\"%g\"} %" PRIu64
			   "\n",
			   labels, (double)route_bucket_us[i] / 1e6, count);
	}
	count += stats->buckets[ROUTE_BUCKETS];
	buf_printf(into,
		   "jobmill_http_request_duration_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n",
		   labels, count);
	buf_printf(into, "jobmill_http_request_duration_seconds_sum{%s} %.17g\n", labels,
		   (double)stats->us_sum / 1e6);
	buf_printf(into, "jobmill_http_request_duration_seconds_count{%s} %" PRIu64 "\n", labels,
		   count);
}

static void labels_of(const struct route_stats *stats, char *into, size_t room)
{
	if (stats->route)
		snprintf(into, room, "method=\"%s\",route=\"%s\"",
			 method_name(stats->route->method), stats->route->pattern);
	else
		snprintf(into, room, "method=\"\",route=\"none\"");
}

static void routes_add(struct api *api, struct buf *into)
{
	size_t count = server_route_count(api->server);
	struct route_stats stats;
	char labels[160];

	metric(into, "http_requests_total", "counter", "Requests by route and class of status.");
	for (size_t i = 0; i < count; i++) {
		server_route_stats(api->server, i, &stats);
		labels_of(&stats, labels, sizeof(labels));
		for (int class = 1; class < 6; class ++)
			if (stats.by_class[class])
				buf_printf(into,
					   "jobmill_http_requests_total{%s,class=\"%dxx\"} %" PRIu64
					   "\n",
					   labels, class, stats.by_class[class]);
	}
	metric(into, "http_request_duration_seconds", "histogram",
	       "Time from the end of the headers to the end of the answer.");
	for (size_t i = 0; i < count; i++) {
		server_route_stats(api->server, i, &stats);
		labels_of(&stats, labels, sizeof(labels));
		if (stats.us_sum)
			buckets_add(&stats, labels, into);
	}
}

static void breakers_add(struct api *api, struct buf *into)
{
	metric(into, "breaker_transitions_total", "counter",
	       "Circuit breakers of hosts that came into a state.");
	for (int state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++)
		buf_printf(into, "jobmill_breaker_transitions_total{state=\"%s\"} %" PRIu64 "\n",
			   breaker_state_name((enum breaker_state)state),
			   (uint64_t)api->breaker_moves[state]);
}

static void cache_add(struct api *api, struct buf *into)
{
	struct cache_view view;

	cache_view(api->cache, &view);
	gauge(into, "cache_entries", "Stored answers of hosts.", view.entries);
	gauge(into, "cache_bytes", "Disk that stored answers take.", (double)view.bytes);
}

static void server_add(struct api *api, struct buf *into)
{
	struct server_stats stats;

	server_stats(api->server, &stats);
	gauge(into, "http_connections", "Open connections.", stats.connections);
	gauge(into, "http_connections_suspended", "Connections that wait for news.",
	      stats.suspended);
	counter(into, "http_connections_accepted_total", "Connections taken.",
		(double)stats.accepted);
	counter(into, "http_connections_refused_total", "Connections over a limit.",
		(double)stats.refused);
	counter(into, "http_connections_reaped_total", "Connections cut for being slow.",
		(double)stats.reaped);
}

/* As the client libraries name them: no prefix. */
static void process_add(const struct api *api, struct buf *into)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file) {
		if (fscanf(file, "%*s %ld", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	buf_printf(into,
		   "# HELP process_resident_memory_bytes Resident memory.\n"
		   "# TYPE process_resident_memory_bytes gauge\n"
		   "process_resident_memory_bytes %ld\n"
		   "# HELP process_start_time_seconds Start of the process since the epoch.\n"
		   "# TYPE process_start_time_seconds gauge\n"
		   "process_start_time_seconds %.3f\n",
		   pages * sysconf(_SC_PAGESIZE), (double)api->started_wall_ms / 1e3);
}

void metrics_show(struct request *request)
{
	struct api *api = api_of(request);
	struct buf body = BUF(REPLY_BYTES_MAX);

	jobs_add(api, &body);
	engine_add(api, &body);
	store_add(api, &body);
	breakers_add(api, &body);
	cache_add(api, &body);
	server_add(api, &body);
	routes_add(api, &body);
	process_add(api, &body);
	reply_bytes(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}
