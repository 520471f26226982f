/* SPDX-License-Identifier: MIT */
/* api_system.c - the daemon itself: health, pool, contract, front page. */
#include "service/http/api.h"

#include "base/json.h"
#include "service/config.h"
#include "service/http/server.h"

#include "openapi.h" /* made from openapi.yaml by the build */

#include <string.h>

/* Is the process alive at all?  Nothing that can fail is asked. */
void livez(struct request *request)
{
	static const char ok[] = "{\"status\":\"ok\"}";

	reply_static(request, 200, "application/json", ok, sizeof(ok) - 1);
}

/* Would a job that is posted now be taken? */
void readyz(struct request *request)
{
	struct api *api = api_of(request);
	struct store_stats stats;

	if (server_draining(api->server)) { /* the store may be gone already */
		reply_problemf(request, ERR_DRAINING, "the daemon is shutting down");
		return;
	}
	store_stats(api->store, &stats);
	if (!stats.writable)
		reply_problemf(request, ERR_STORE, "the database cannot be written");
	else
		livez(request);
}

static void pool_out(const struct pool_view *pool, struct json_out *out)
{
	json_out_int(out, "workers", pool->workers);
	json_out_int(out, "idle", pool->idle);
	json_out_int(out, "blocked", pool->blocked);
	json_out_int(out, "stuck", pool->stuck);
	json_out_int(out, "target", pool->target);
	json_out_double(out, "cpu_share", pool->last.cpu_share);
	json_out_double(out, "memory_share", pool->last.memory_share);
}

static void sched_out(const struct sched_view *sched, struct json_out *out)
{
	json_out_int(out, "active", sched->active);
	json_out_int(out, "stepping", sched->stepping);
	json_out_int(out, "runnable_lanes", sched->runnable_lanes);
	json_out_int(out, "oldest_wait_ms", sched->oldest_wait_ms);
	json_out_int(out, "taken", (int64_t)sched->taken);
	json_out_object(out, "ready");
	json_out_int(out, "critical", (int64_t)sched->ready[PRIORITY_CRITICAL]);
	json_out_int(out, "high", (int64_t)sched->ready[PRIORITY_HIGH]);
	json_out_int(out, "normal", (int64_t)sched->ready[PRIORITY_NORMAL]);
	json_out_int(out, "low", (int64_t)sched->ready[PRIORITY_LOW]);
	json_out_end(out, '}');
}

static void decisions_out(const struct pool_view *pool, struct json_out *out)
{
	json_out_array(out, "decisions");
	for (size_t i = 0; i < pool->decisions_count; i++) {
		const struct pool_decision *decision = &pool->decisions[i];

		json_out_object(out, NULL);
		json_out_int(out, "ago_ms", pool->last.now_ms - decision->at_ms);
		json_out_int(out, "from", decision->from);
		json_out_int(out, "to", decision->to);
		json_out_text(out, "reason", pool_reason_name(decision->reason));
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

void pool_show(struct request *request)
{
	static const char *const known[] = {NULL};
	struct api *api = api_of(request);
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	struct sched_view sched;
	struct pool_view pool;
	struct err err;

	if (request_query_check(request, known, &err)) {
		reply_problem(request, &err);
		return;
	}
	engine_pool_view(api->engine, &pool);
	engine_sched_view(api->engine, &sched);
	json_out_object(&out, NULL);
	pool_out(&pool, &out);
	sched_out(&sched, &out);
	decisions_out(&pool, &out);
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

void openapi_show(struct request *request)
{
	reply_static(request, 200, "application/yaml", openapi_yaml, sizeof(openapi_yaml) - 1);
}

void front_page(struct request *request)
{
	static const char page[] =
		"jobmill - jobs over HTTP\n"
		"\n"
		"Submit one and wait for its answer:\n"
		"  curl -d '{\"type\":\"math\",\"spec\":{\"op\":\"factorial\",\"n\":20}}' \\\n"
		"       'localhost:8080/v1/jobs?wait=10s'\n"
		"\n"
		"Submit one and follow it:\n"
		"  curl -d '{\"type\":\"sleep\",\"spec\":{\"for\":\"5s\"}}' "
		"localhost:8080/v1/jobs\n"
		"  curl -N localhost:8080/v1/jobs/ID/events\n"
		"\n"
		"See what there is:\n"
		"  curl localhost:8080/v1/jobs            all jobs, newest first\n"
		"  curl localhost:8080/v1/jobs/ID/results what a job found\n"
		"  curl localhost:8080/v1/handlers        job types and their specs\n"
		"  curl localhost:8080/v1/hosts           what is known of the hosts fetched from\n"
		"  curl localhost:8080/v1/pool            worker threads\n"
		"  curl localhost:8080/metrics            for Prometheus\n"
		"  curl localhost:8080/openapi.yaml       the whole contract\n";

	reply_static(request, 200, "text/plain; charset=utf-8", page, sizeof(page) - 1);
}
