/* SPDX-License-Identifier: MIT */
/* api.h - the resources of the HTTP API: what their handlers share.
 *
 * One api_*.c for each resource, one table (api_routes.c) that names them all.
 * Handlers read short indexed things themselves; whatever must wait for a commit or
 * a job goes through reply_later(), reply_wait() or reply_stream().
 *
 * Threads    handlers run on HTTP threads, several at once.
 * Ownership  struct api belongs to daemon.c and outlives the server.
 */
#ifndef SERVICE_HTTP_API_H
#define SERVICE_HTTP_API_H

#include "base/lock.h"
#include "net/breaker.h"
#include "service/engine/engine.h"
#include "service/http/reply.h"
#include "service/http/request.h"
#include "service/http/routes.h"
#include "service/http/stream.h"

struct config;
struct desk;
struct events;
struct cache;
struct files;
struct fetcher;
struct server;

/* How fast jobs end, for Retry-After. */
struct drain {
	struct lock lock; /* LOCK_LEAF */
	int64_t at_ms GUARDED_BY(lock);
	int64_t ended GUARDED_BY(lock);
	double rate GUARDED_BY(lock);
};

struct api {
	struct store *store;
	struct engine *engine;
	struct events *events;
	struct fetcher *fetcher;
	struct cache *cache;
	struct files *files;
	struct server *server;
	struct desk *desk, *files_desk; /* tests of specs; what waits for files */
	const struct permits *permits;
	const struct config *config;
	int64_t started_wall_ms;
	struct drain drain;
	/* Breakers that came into each state (enum breaker_state): written by the fetch
	 * thread and by those who steer hosts, read by /metrics; counts order nothing. */
	_Atomic uint64_t breaker_moves[BREAKER_HALF_OPEN + 1];
};

enum { REPLY_BYTES_MAX = 64 * 1024 * 1024 }; /* one JSON answer; longer ones are streams */

extern const struct route api_routes[];

static inline struct api *api_of(const struct request *request)
{
	return request_context(request);
}

/* api_submit.c */
void job_submit(struct request *request);
void job_submit_batch(struct request *request);
void job_validate(struct request *request);
/* api_jobs.c */
void job_list(struct request *request);
void job_show(struct request *request);
void job_patch(struct request *request);
void job_delete(struct request *request);
/* api_moves.c */
void job_cancel(struct request *request);
void job_retry(struct request *request);
void job_pause(struct request *request);
void job_resume(struct request *request);
void jobs_cancel(struct request *request);
void jobs_retry(struct request *request);
void jobs_pause(struct request *request);
void jobs_resume(struct request *request);
/* api_results.c */
void job_results(struct request *request);
/* api_bodies.c */
void job_body(struct request *request);
/* api_results_csv.c */
void results_csv_reply(struct request *request, const struct job *job);
/* api_results_warc.c */
void results_warc_reply(struct request *request, const struct id *id, bool zipped);
/* api_details.c */
void job_errors(struct request *request);
void job_logs(struct request *request);
void job_attempts(struct request *request);
/* api_events.c */
void job_events(struct request *request);
void all_events(struct request *request);
/* api_handlers.c */
void handler_list(struct request *request);
void handler_show(struct request *request);
/* api_preview.c */
void handler_test(struct request *request);
/* api_hosts_list.c */
void host_list(struct request *request);
/* api_hosts.c */
void host_show(struct request *request);
void host_open(struct request *request);
void host_close(struct request *request);
void host_reset(struct request *request);
void host_patch(struct request *request);
/* api_files_list.c */
void file_list(struct request *request);
/* api_files.c */
void file_show(struct request *request);
void file_delete(struct request *request);
/* api_uploads.c */
void file_put(struct request *request);
/* api_system.c */
void pool_show(struct request *request);
void livez(struct request *request);
void readyz(struct request *request);
void openapi_show(struct request *request);
void front_page(struct request *request);
/* api_metrics.c */
void metrics_show(struct request *request);

#endif
