/* SPDX-License-Identifier: MIT */
/* api_hosts.c - /v1/hosts/{key}: what the fetch engine knows about a host, the switches
 * for its breaker, and its limits.  api_hosts_list.c has the list.
 */
#include "service/http/api_host.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/spec.h"
#include "net/url.h"
#include "service/host_state.h"

#include <stdlib.h>
#include <string.h>

static void instant_out(struct json_out *out, const char *name, int64_t left_ms)
{
	if (left_ms <= 0 || left_ms == INT64_MAX)
		json_out_null(out, name);
	else
		json_out_instant(out, name, clock_wall_ms() + left_ms);
}

/* 0: null */
static void count_out(struct json_out *out, const char *name, int64_t count)
{
	if (count)
		json_out_int(out, name, count);
	else
		json_out_null(out, name);
}

static void breaker_out(const struct host_view *host, struct json_out *out)
{
	json_out_object(out, "breaker");
	json_out_text(out, "state", breaker_state_name(host->state));
	json_out_text(out, "reason", breaker_reason_name(host->reason));
	json_out_bool(out, "forced", host->force != BREAKER_FREE);
	json_out_int(out, "in_state_ms", host->in_state_ms);
	instant_out(out, "open_until", host->open_left_ms);
	json_out_int(out, "trips", host->trips);
	json_out_int(out, "consecutive_failures", host->consecutive_failures);
	json_out_int(out, "window_calls", host->window.calls);
	json_out_int(out, "window_failures", host->window.failures);
	json_out_int(out, "window_slow", host->window.slow);
	json_out_end(out, '}');
}

static void limits_out(const struct host_view *host, struct json_out *out)
{
	json_out_object(out, "limits");
	json_out_int(out, "concurrency", host->limit);
	count_out(out, "concurrency_max", host->limit_max);
	json_out_int(out, "delay_ms", host->delay_ms);
	json_out_int(out, "crawl_delay_ms", host->crawl_delay_ms);
	instant_out(out, "throttled_until", host->throttled_left_ms);
	json_out_object(out, "operator");
	count_out(out, "concurrency", host->limits.limit_max);
	if (host->limits.rate_per_s > 0)
		json_out_double(out, "rate_per_s", host->limits.rate_per_s);
	else
		json_out_null(out, "rate_per_s");
	count_out(out, "delay_ms", host->limits.delay_ms);
	json_out_end(out, '}');
	json_out_end(out, '}');
}

static void totals_out(const struct host_view *host, struct json_out *out)
{
	json_out_object(out, "total");
	json_out_int(out, "calls", (int64_t)host->total.calls);
	json_out_int(out, "failures", (int64_t)host->total.failures);
	json_out_int(out, "throttled", (int64_t)host->total.throttled);
	json_out_int(out, "refused", (int64_t)host->total.refused);
	json_out_int(out, "retries", (int64_t)host->total.retries);
	json_out_int(out, "opens", (int64_t)host->total.opens);
	json_out_int(out, "bytes", (int64_t)host->total.bytes);
	json_out_end(out, '}');
}

static void history_out(const struct host_history *history, int64_t now_ms, struct json_out *out)
{
	json_out_array(out, "history");
	for (unsigned i = 0; i < history->count; i++) {
		const struct host_move *move = &history->moves[i];

		json_out_object(out, NULL);
		json_out_instant(out, "at", clock_wall_ms() + move->at_ms - now_ms);
		json_out_text(out, "from", breaker_state_name(move->from));
		json_out_text(out, "to", breaker_state_name(move->to));
		json_out_text(out, "reason", breaker_reason_name(move->reason));
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

static const char *robots_state_name(const struct robots_view *robots)
{
	switch (robots->state) {
	case ROBOTS_LOADING:
		return "loading";
	case ROBOTS_KNOWN:
		return robots->missing ? "missing" : "known";
	case ROBOTS_SILENT:
		return "unreachable";
	default:
		return "expired";
	}
}

static void robots_out(const struct host_details *details, struct json_out *out)
{
	const struct robots_view *robots = &details->robots;

	if (!details->robots_asked) {
		json_out_null(out, "robots");
		return;
	}
	json_out_object(out, "robots");
	json_out_text(out, "state", robots_state_name(robots));
	count_out(out, "status", robots->status);
	json_out_instant(out, "fetched_at", robots->fetched_wall_ms);
	instant_out(out, "until", robots->left_ms);
	if (robots->delay_ms < 0)
		json_out_null(out, "crawl_delay_ms");
	else
		json_out_int(out, "crawl_delay_ms", robots->delay_ms);
	json_out_int(out, "sitemaps", (int64_t)robots->sitemaps);
	json_out_end(out, '}');
}

void host_out(const struct host_view *host, const struct host_details *details, int64_t now_ms,
	      struct json_out *out)
{
	json_out_object(out, NULL);
	json_out_text(out, "key", host->key);
	breaker_out(host, out);
	json_out_int(out, "in_flight", host->in_flight);
	json_out_int(out, "queued", host->queued);
	limits_out(host, out);
	json_out_text(out, "last_error", host->last_err ? err_name(host->last_err) : NULL);
	count_out(out, "last_status", host->last_status);
	json_out_instant(out, "last_error_at",
			 host->last_err ? clock_wall_ms() - host->last_err_ago_ms : 0);
	totals_out(host, out);
	if (details) {
		robots_out(details, out);
		history_out(&details->history, now_ms, out);
	}
	json_out_end(out, '}');
}

struct hosts *hosts_of(const struct request *request)
{
	return fetcher_hosts(api_of(request)->fetcher);
}

/* The page of the host of the path, into `body`. */
static int host_write(struct request *request, struct buf *body, struct err *err)
{
	struct robots_cache *robots = fetcher_robots(api_of(request)->fetcher);
	const char *key = request_param(request, "key");
	struct json_out out = JSON_OUT(body);
	struct host_details details;
	int64_t now_ms = clock_ms();
	struct host_view view;

	if (hosts_get(hosts_of(request), key, now_ms, &view, &details.history, err))
		return -1;
	details.robots_asked = robots_cache_look(robots, key, now_ms, &details.robots);
	host_out(&view, &details, now_ms, &out);
	return 0;
}

/* No host has parameters; true: answered. */
static bool query_refused(struct request *request)
{
	static const char *const known[] = {NULL};
	struct err err;

	if (request_query_check(request, known, &err) == 0)
		return false;
	reply_problem(request, &err);
	return true;
}

static void not_known(struct request *request, const struct err *err)
{
	problem_hint(request, "GET /v1/hosts; keys look like https:example.com:443");
	reply_problem(request, err);
}

void host_show(struct request *request)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct err err;

	if (query_refused(request))
		return;
	if (host_write(request, &body, &err))
		not_known(request, &err);
	else
		reply_json(request, 200, &body);
}

/* ---- steering ---- */

/* What was changed by hand is on the disk before it is answered.  The answer is written as
 * of the change. */
struct steering {
	struct later *later;
	struct buf body;
	struct err err; /* code ERR_NONE: kept */
};

static void steering_free(void *ctx)
{
	struct steering *steering = ctx;

	buf_done(&steering->body);
	free(steering);
}

static void steering_answer(struct request *request, void *ctx)
{
	struct steering *steering = ctx;

	if (steering->err.code != ERR_NONE)
		reply_problem(request, &steering->err);
	else
		reply_json(request, 200, &steering->body);
}

static void steering_kept(void *ctx, const struct err *err)
{
	struct steering *steering = ctx;

	steering->err = *err;
	later_done(steering->later);
}

/* The host of the path was steered. */
static void steered(struct request *request)
{
	struct steering *steering = calloc(1, sizeof(*steering));
	const char *key = request_param(request, "key");
	struct err err;

	if (!steering) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the change");
		return;
	}
	buf_init(&steering->body, REPLY_BYTES_MAX);
	if (host_write(request, &steering->body, &err)) {
		reply_problem(request, &err);
		steering_free(steering);
		return;
	}
	steering->later = reply_later(request, steering_answer, steering_free, steering);
	if (steering->later && host_state_keep(api_of(request)->store, hosts_of(request), key,
					       steering_kept, steering, &err))
		steering_kept(steering, &err);
}

/* A breaker may be forced before the first fetch, so the host need not be known yet;
 * but its key must be one that a URL can have. */
static bool key_is_possible(struct request *request, const char *key)
{
	struct arena *arena = request_arena(request);
	int scheme = (int)strcspn(key, ":");
	const char *text, *its_key;
	struct url url;
	struct err err;

	if (key[scheme] == '\0')
		return false;
	text = arena_printf(arena, "%.*s://%s/", scheme, key, key + scheme + 1);
	if (!text || url_parse(text, strlen(text), NULL, arena, &url, &err) ||
	    url_check_fetch(&url, &err))
		return false;
	its_key = url_host_key(&url, arena);
	return its_key && strcmp(its_key, key) == 0;
}

/* The key of the path; NULL: answered. */
static const char *key_read(struct request *request)
{
	const char *key = request_param(request, "key");

	if (query_refused(request))
		return NULL;
	if (key_is_possible(request, key))
		return key;
	problem_hint(request, "keys look like https:example.com:443");
	reply_problemf(request, ERR_NOT_FOUND, "no host has the key '%.80s'", key);
	return NULL;
}

/* What could not be done; the table may be full of hosts in use. */
static void steering_failed(struct request *request, struct err *err)
{
	if (err->code == ERR_LIMIT)
		err->code = ERR_TOO_MANY_REQUESTS;
	reply_problem(request, err);
}

static void force(struct request *request, enum breaker_force how)
{
	const char *key = key_read(request);
	struct err err;

	if (!key)
		return;
	if (hosts_force(hosts_of(request), key, how, clock_ms(), &err))
		steering_failed(request, &err);
	else
		steered(request);
}

void host_open(struct request *request)
{
	force(request, BREAKER_FORCED_OPEN);
}

void host_close(struct request *request)
{
	force(request, BREAKER_FORCED_CLOSED);
}

void host_reset(struct request *request)
{
	struct err err;

	if (query_refused(request))
		return;
	if (hosts_reset(hosts_of(request), request_param(request, "key"), clock_ms(), &err))
		not_known(request, &err);
	else
		steered(request);
}

/* ---- PATCH: limits ---- */

static const struct param limit_params[] = {
	{.name = "concurrency",
	 .kind = PARAM_INT,
	 .min = 1,
	 .max = HOSTS_PER_HOST_INSIDE_MAX,
	 .summary = "In flight at once, over all jobs"},
	{.name = "rate_per_s",
	 .kind = PARAM_NUMBER,
	 .min = 0.001,
	 .max = HOST_RATE_PER_S_MAX,
	 .summary = "Starts a second, over all jobs"},
	{.name = "delay",
	 .kind = PARAM_DURATION,
	 .min = 1,
	 .max = HOST_DELAY_MS_MAX,
	 .summary = "Between two starts, at least"},
	{0},
};

/* The limits of the body, and which of them it names; -1: answered. */
static int limits_read(struct request *request, struct hosts_limits *ret, unsigned *ret_which)
{
	struct json_place place = {0};
	struct mistakes mistakes;
	struct json *json;
	struct err err;
	size_t len;
	const char *body = request_body(request, &len);
	int rc = 0;

	if (json_parse(body, len, &json, &place, &err)) {
		reply_json_error(request, &err, &place);
		return -1;
	}
	mistakes_init(&mistakes);
	if (json_kind(json) != JSON_OBJECT || json_count(json) == 0)
		mistake_hint(&mistakes,
			     mistake_add(&mistakes, "", "wrong-type", "a patch is an object"),
			     "{\"concurrency\":4}; concurrency, rate_per_s and delay can be "
			     "changed, null removes a limit");
	else
		spec_check(limit_params, json, "", &mistakes);
	if (mistakes.count > 0) {
		reply_mistakes(request, &mistakes);
		rc = -1;
	}
	mistakes_done(&mistakes);
	ret->limit_max = (unsigned)spec_int(json, "concurrency", 0);
	ret->rate_per_s = spec_number(json, "rate_per_s", 0);
	ret->delay_ms = spec_duration(json, "delay", 0);
	*ret_which = (json_get(json, "concurrency") ? HOSTS_LIMIT_MAX : 0) |
		     (json_get(json, "rate_per_s") ? HOSTS_LIMIT_RATE : 0) |
		     (json_get(json, "delay") ? HOSTS_LIMIT_DELAY : 0);
	json_free(json);
	return rc;
}

void host_patch(struct request *request)
{
	const char *key = key_read(request);
	struct hosts_limits limits;
	struct err err;
	unsigned which;

	if (!key || limits_read(request, &limits, &which))
		return;
	if (hosts_limit(hosts_of(request), key, &limits, which, clock_ms(), &err))
		steering_failed(request, &err);
	else
		steered(request);
}
