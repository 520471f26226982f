/* SPDX-License-Identifier: MIT */
/* scrape_plan.c - from a spec to a plan; every mistake with its place.
 *
 * URLs are parsed here once; a literal address that the guard denies is told now
 * instead of failing each fetch.  What `extract` says is field_plan.c's.
 */
#include "handlers/scrape/scrape.h"

#include "base/limits.h"
#include "handlers/request_named.h"
#include "handlers/scrape/jar.h"
#include "net/cookies.h"
#include "net/robots.h"

#include <stdlib.h>
#include <string.h>

enum { PLAN_BYTES_MAX = 64 * 1024 * 1024, URLS_MAX = 100000, SITEMAPS_MAX = 1000 };

static const char *const save_kinds[] = {"file", NULL};

/* clang-format off */
static const struct param url_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = URL_BYTES_MAX, .summary = "An absolute http or https URL"},
	{0},
};

static const struct param tls_params[] = {
	{.name = "verify", .kind = PARAM_BOOL, .preset = "true",
	 .summary = "Fail where the certificate is not one of a known authority for that host"},
	{0},
};

const struct param scrape_params[] = {
	{.name = "urls", .kind = PARAM_ARRAY, .members = url_element, .min = 1,
	 .max = URLS_MAX, .summary = "What to fetch; each ends as one result item"},
	{.name = "extract", .kind = PARAM_MAP, .members = field_element, .max = FIELDS_MAX,
	 .summary = "Names and the selectors that find their values"},
	{.name = "concurrency", .kind = PARAM_INT, .min = 1, .max = 1024, .preset = "64",
	 .summary = "Requests under way at once; what waits for its host does not count"},
	{.name = "per_host", .kind = PARAM_INT, .min = 1, .max = 1024,
	 .summary = "Fetches under way at one host; at most 8 at public hosts"},
	{.name = "delay", .kind = PARAM_DURATION, .max = 3600e3,
	 .summary = "Between two starts at one host"},
	{.name = "timeout", .kind = PARAM_DURATION, .min = 1, .max = 3600e3, .preset = "\"60s\"",
	 .summary = "For one attempt of one URL"},
	{.name = "max_body", .kind = PARAM_SIZE, .min = 1, .max = FETCH_BODY_BYTES_MAX,
	 .preset = "\"10MB\"", .summary = "Larger bodies fail, decompressed size counts"},
	{.name = "headers", .kind = PARAM_MAP, .members = header_element, .max = HTTP_HEADERS_MAX,
	 .summary = "Further request header fields"},
	{.name = "user_agent", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "Instead of the daemon's"},
	{.name = "retry", .kind = PARAM_OBJECT, .members = retry_params,
	 .summary = "How failed fetches are repeated"},
	{.name = "breaker", .kind = PARAM_OBJECT, .members = breaker_params,
	 .summary = "When a host is left alone"},
	{.name = "follow", .kind = PARAM_OBJECT, .members = follow_params,
	 .summary = "Which links to go on to; without it only the URLs given are fetched"},
	{.name = "sitemaps", .kind = PARAM_ARRAY, .members = url_element, .min = 1, .max = SITEMAPS_MAX,
	 .summary = "Sitemaps, feeds, lists of URLs to start from; of a robots.txt its Sitemap lines"},
	{.name = "urls_from", .kind = PARAM_OBJECT, .members = from_params,
	 .summary = "URLs out of another job's results, as they come; waits for its end"},
	{.name = "robots", .kind = PARAM_BOOL,
	 .summary = "Obey robots.txt, under the name that user_agent begins with; by default "
		    "when links are followed"},
	{.name = "cookies", .kind = PARAM_BOOL, .preset = "false", .otherwise = &jar_form,
	 .summary = "Keep the cookies that hosts set, and send them back"},
	{.name = "http2", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "HTTP/2 with https servers that speak it; else HTTP/1.1"},
	{.name = "tls", .kind = PARAM_OBJECT, .members = tls_params,
	 .summary = "Which certificates are believed"},
	{.name = "cache", .kind = PARAM_BOOL, .preset = "false", .otherwise = &cache_form,
	 .summary = "Take pages that other jobs fetched while they are fresh, and store these"},
	{.name = "download", .kind = PARAM_LATER, .summary = "Save bodies as files"},
	{.name = "save_body", .kind = PARAM_CHOICE, .choices = save_kinds,
	 .summary = "Keep the pages themselves with the job, as received, equal ones once"},
	{.name = "save_body_max", .kind = PARAM_SIZE, .min = 1, .max = SAVE_BODY_GIB_MAX * 1024.0 * 1024 * 1024,
	 .preset = "\"10GB\"", .summary = "Beyond it pages fail whose bodies are new to the job"},
	{.name = "if_changed_since", .kind = PARAM_OBJECT, .members = compare_params,
	 .summary = "Only pages whose fields have changed since another job, with before and after"},
	{0},
};
/* clang-format on */

/* ---- URLs ---- */

static int urls_read(const struct json *urls, struct plan *plan, struct planner *planner)
{
	bool strip = plan->follow && plan->follow->strip_tracking;
	const struct json *value;

	if (!urls) {
		if (!plan->from.field && !plan->maps.count)
			mistake_add(planner->mistakes, "/spec/urls", "missing-member",
				    "a crawl begins with urls, sitemaps or urls_from");
		return 0;
	}
	plan->urls = arena_array(&plan->arena, json_count(urls), sizeof(*plan->urls));
	plan->keys = arena_array(&plan->arena, json_count(urls), sizeof(*plan->keys));
	if (!plan->urls || !plan->keys)
		return -1;
	for (value = json_first(urls); value; value = json_next(value)) {
		size_t index = plan->urls_count++;
		const struct named_url named = {json_text(value, ""), "/spec/urls", (int64_t)index};
		struct url url;

		if (url_named(&named, planner, &plan->arena, &url))
			continue;
		plan->urls[index] = url.href;
		plan->keys[index] = url_canonical(&url, strip, &plan->arena);
		if (!plan->keys[index])
			return -1;
	}
	if (plan->follow && (int64_t)plan->urls_count > plan->follow->pages_max)
		mistake_add(planner->mistakes, "/spec/follow/max_pages", "conflict",
			    "there are %zu urls already", plan->urls_count);
	return 0;
}

/* ---- the request ---- */

/* Credentials go to the origins that the spec names, not to where links lead. */
static bool header_is_secret(const char *name)
{
	return strcasecmp(name, "authorization") == 0 || strcasecmp(name, "cookie") == 0;
}

/* Those that any host may see first. */
static void headers_order(struct plan *plan)
{
	struct fetch_header *headers = plan->headers;

	for (size_t i = 0; i < plan->headers_count; i++) {
		struct fetch_header header = headers[i];

		if (header_is_secret(header.name))
			continue;
		headers[i] = headers[plan->headers_public];
		headers[plan->headers_public++] = header;
	}
}

static int headers_read(const struct json *spec, struct plan *plan, struct mistakes *mistakes)
{
	const struct json *headers = json_get(spec, "headers"), *value;
	const char *agent = spec_text(spec, "user_agent", NULL);

	plan->headers = arena_array(&plan->arena, (headers ? json_count(headers) : 0) + 1,
				    sizeof(*plan->headers));
	if (!plan->headers)
		return -1;
	for (value = headers ? json_first(headers) : NULL; value; value = json_next(value)) {
		struct fetch_header *header = &plan->headers[plan->headers_count++];

		*header = (struct fetch_header){json_name(value), json_text(value, "")};
		header_named(header, "/spec/headers", mistakes);
	}
	if (agent) {
		plan->headers[plan->headers_count] = (struct fetch_header){"User-Agent", agent};
		header_named(&plan->headers[plan->headers_count++], "/spec/headers", mistakes);
	}
	headers_order(plan);
	return 0;
}

/* The name under which robots.txt is obeyed: that of the last User-Agent, or our own. */
static void robots_read(const struct json *spec, struct plan *plan)
{
	const char *agent = "jobmill";

	for (size_t i = 0; i < plan->headers_count; i++)
		if (strcasecmp(plan->headers[i].name, "user-agent") == 0)
			agent = plan->headers[i].value;
	robots_token(agent, plan->robots);
	if (spec_bool(spec, "robots", plan->follow != NULL))
		plan->request.robots = plan->robots;
}

static void tls_check(const struct json *spec, const struct planner *planner)
{
	struct mistake *mistake;

	if (planner->permits->insecure_tls || spec_bool(json_get(spec, "tls"), "verify", true))
		return;
	mistake = mistake_add(planner->mistakes, "/spec/tls/verify", "not-allowed",
			      "the operator does not allow unverified TLS");
	mistake_hint(planner->mistakes, mistake, "serve --allow-insecure-tls");
}

static void request_read(const struct json *spec, struct plan *plan)
{
	plan->concurrency = (unsigned)spec_int(spec, "concurrency", 64);
	plan->request = (struct fetch_request){
		.headers = plan->headers,
		.header_count = plan->headers_count,
		.timeout_ms = spec_duration(spec, "timeout", 0),
		.insecure = !spec_bool(json_get(spec, "tls"), "verify", true),
		.http2 = spec_bool(spec, "http2", false),
	};
	manners_read(spec, &plan->request);
	retry_read(json_get(spec, "retry"), &plan->request.retry);
	robots_read(spec, plan);
}

int scrape_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return -1;
	arena_init(&plan->arena, PLAN_BYTES_MAX);
	from_read(spec, &plan->from, planner);
	tls_check(spec, planner);
	save_read(spec, &plan->save, planner->mistakes);
	if (maps_read(spec, &plan->arena, &plan->maps, planner->mistakes) == 0 &&
	    follow_read(spec, &plan->arena, planner, &plan->follow) == 0 &&
	    urls_read(json_get(spec, "urls"), plan, planner) == 0 &&
	    fields_plan(json_get(spec, "extract"), "/spec/extract", &plan->arena, &plan->fields,
			planner->mistakes) == 0 &&
	    compare_read(spec, &plan->fields, &plan->arena, &plan->since, planner) == 0 &&
	    headers_read(spec, plan, planner->mistakes) == 0 &&
	    jar_plan(spec, plan, planner->mistakes, &plan->jar) == 0 &&
	    planner->mistakes->count == 0) {
		request_read(spec, plan);
		*ret_plan = plan;
		return 0;
	}
	scrape_plan_free(plan);
	return -1;
}

void scrape_plan_free(struct plan *plan)
{
	if (!plan)
		return;
	fields_free(&plan->fields);
	follow_done(plan->follow);
	cookies_free(plan->jar);
	arena_done(&plan->arena);
	free(plan);
}
