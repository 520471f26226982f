/* SPDX-License-Identifier: MIT */
/* api_hosts.c - /v1/hosts: what the fetch engine knows about each host, and the
 * switches for its breaker.
 */
#include "service/http/api.h"
#include "service/http/api_query.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/fetch.h"
#include "net/hosts.h"
#include "net/url.h"

#include <string.h>

static void instant_out(struct json_out *out, const char *name, int64_t left_ms)
{
	if (left_ms <= 0 || left_ms == INT64_MAX)
		json_out_null(out, name);
	else
		json_out_instant(out, name, clock_wall_ms() + left_ms);
}

static void breaker_out(const struct host_view *host, struct json_out *out)
{
	json_out_object(out, "breaker");
	json_out_text(out, "state", breaker_state_name(host->state));
	json_out_bool(out, "forced", host->force != BREAKER_FREE);
	json_out_int(out, "in_state_ms", host->in_state_ms);
	instant_out(out, "open_until", host->open_left_ms);
	json_out_int(out, "trips", host->trips);
	json_out_int(out, "consecutive_failures", host->consecutive_failures);
	json_out_int(out, "window_calls", host->window.calls);
	json_out_int(out, "window_failures", host->window.failures);
	json_out_end(out, '}');
}

static void limits_out(const struct host_view *host, struct json_out *out)
{
	json_out_object(out, "limits");
	json_out_int(out, "concurrency", host->limit);
	json_out_int(out, "concurrency_max", host->limit_max);
	json_out_int(out, "delay_ms", host->delay_ms);
	json_out_int(out, "crawl_delay_ms", host->crawl_delay_ms);
	instant_out(out, "throttled_until", host->throttled_left_ms);
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

static void host_out(const struct host_view *host, struct json_out *out)
{
	json_out_object(out, NULL);
	json_out_text(out, "key", host->key);
	breaker_out(host, out);
	json_out_int(out, "in_flight", host->in_flight);
	json_out_int(out, "queued", host->queued);
	limits_out(host, out);
	json_out_text(out, "last_error", host->last_err ? err_name(host->last_err) : NULL);
	json_out_int(out, "last_status", host->last_status);
	totals_out(host, out);
	json_out_end(out, '}');
}

static struct hosts *hosts_of(const struct request *request)
{
	return fetcher_hosts(api_of(request)->fetcher);
}

/* -1: none of the states; -2: not a state. */
static int state_wanted(const char *name)
{
	if (!name)
		return -1;
	for (int state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++)
		if (strcmp(breaker_state_name((enum breaker_state)state), name) == 0)
			return state;
	return -2;
}

void host_list(struct request *request)
{
	static const char *const known[] = {"state", "q", "limit", "cursor", NULL};
	struct hosts_filter filter = {
		.after = request_query(request, "cursor"),
		.contains = request_query(request, "q"),
		.state = state_wanted(request_query(request, "state")),
	};
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	struct host_view *views;
	unsigned limit;
	size_t count;
	struct err err;

	if (request_query_check(request, known, &err) || query_limit(request, &limit, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (filter.state == -2) {
		problem_hint(request, "closed, open or half-open");
		reply_problemf(request, ERR_BAD_PARAMETER, "state '%s' is not a breaker's",
			       request_query(request, "state"));
		return;
	}
	views = arena_array(request_arena(request), limit, sizeof(*views));
	if (!views) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for %u hosts", limit);
		return;
	}
	count = hosts_list(hosts_of(request), &filter, clock_ms(), views, limit);
	json_out_object(&out, NULL);
	json_out_array(&out, "items");
	for (size_t i = 0; i < count; i++)
		host_out(&views[i], &out);
	json_out_end(&out, ']');
	json_out_text(&out, "next_cursor", count == limit ? views[count - 1].key : NULL);
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

void host_show(struct request *request)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	struct host_view view;
	struct err err;

	if (hosts_get(hosts_of(request), request_param(request, "key"), clock_ms(), &view, &err)) {
		problem_hint(request, "GET /v1/hosts; keys look like https:example.com:443");
		reply_problem(request, &err);
		return;
	}
	host_out(&view, &out);
	reply_json(request, 200, &body);
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

static void force(struct request *request, enum breaker_force how)
{
	const char *key = request_param(request, "key");
	struct err err;

	if (!key_is_possible(request, key)) {
		problem_hint(request, "keys look like https:example.com:443");
		reply_problemf(request, ERR_NOT_FOUND, "no host has the key '%.80s'", key);
	} else if (hosts_force(hosts_of(request), key, how, clock_ms(), &err)) {
		reply_problem(request, &err);
	} else {
		host_show(request);
	}
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

	if (hosts_reset(hosts_of(request), request_param(request, "key"), clock_ms(), &err))
		reply_problem(request, &err);
	else
		host_show(request);
}
