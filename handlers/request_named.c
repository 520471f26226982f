/* SPDX-License-Identifier: MIT */
/* request_named.c - URLs and header fields of a spec, and how requests are made. */
#include "handlers/request_named.h"

#include "base/arena.h"
#include "net/fetch.h"
#include "net/guard.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* ---- URLs ---- */

/* Spelled for a mistake only: there may be 100,000 good ones. */
static const char *pointer_of(const struct named_url *named, struct planner *planner)
{
	if (named->index < 0)
		return named->pointer;
	return mistakes_pointer_index(planner->mistakes, named->pointer, (size_t)named->index);
}

static void address_check(const struct url *url, const struct named_url *named,
			  struct planner *planner)
{
	const struct guard *guard = planner->permits ? planner->permits->guard : NULL;
	struct sockaddr_storage address;
	char hint[GUARD_HINT_LEN];
	struct mistake *mistake;
	struct err err;

	if (!guard)
		return;
	if (url_address(url, &address)) {
		if (guard_check(guard, (struct sockaddr *)&address, &err) == 0)
			return;
		mistake = mistake_add_code(planner->mistakes, ERR_ADDRESS_DENIED,
					   pointer_of(named, planner), "%s", err.detail);
		guard_hint(guard, (struct sockaddr *)&address, hint);
		if (hint[0])
			mistake_hint(planner->mistakes, mistake, "%s", hint);
	} else if (guard_check_name(guard, url->host.at, url->host.len, &err)) {
		mistake_add_code(planner->mistakes, ERR_ADDRESS_DENIED, pointer_of(named, planner),
				 "%s", err.detail);
	}
}

int url_named(const struct named_url *named, struct planner *planner, struct arena *arena,
	      struct url *ret_url)
{
	struct err err;

	if (url_parse(named->text, strlen(named->text), NULL, arena, ret_url, &err) ||
	    url_check_fetch(ret_url, &err)) {
		mistake_add(planner->mistakes, pointer_of(named, planner), "bad-url", "%s",
			    err.detail);
		return -1;
	}
	address_check(ret_url, named, planner);
	return 0;
}

/* ---- header fields ---- */

static bool header_is_ours(const char *name)
{
	static const char *const ours[] = {"host",	 "content-length",  "transfer-encoding",
					   "connection", "accept-encoding", "te",
					   "upgrade"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	return false;
}

static bool header_is_token(const char *name)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *name && strspn(name, token) == strlen(name);
}

void header_named(const struct fetch_header *header, const char *pointer, struct mistakes *mistakes)
{
	pointer = mistakes_pointer(mistakes, pointer, header->name);
	if (!header_is_token(header->name))
		mistake_add(mistakes, pointer, "bad-header", "'%s' is no name of a header field",
			    header->name);
	else if (header_is_ours(header->name))
		mistake_add(mistakes, pointer, "bad-header", "'%s' is the fetch engine's own",
			    header->name);
	for (const char *at = header->value; *at; at++) {
		if ((unsigned char)*at < ' ' && *at != '\t') {
			mistake_add(mistakes, pointer, "bad-header",
				    "a value has no control characters");
			return;
		}
	}
}

/* ---- manners ---- */

static const char *const on_open[] = {"park", "fail", NULL};

/* clang-format off */
const struct param header_element[] = {
	{.kind = PARAM_TEXT, .max = 4096, .summary = "The value of the header field"},
	{0},
};

const struct param retry_params[] = {
	{.name = "max_attempts", .kind = PARAM_INT, .min = 1, .max = 20, .preset = "4",
	 .summary = "Attempts of one URL in all"},
	{.name = "base", .kind = PARAM_DURATION, .min = 1, .max = 3600e3, .preset = "\"1s\"",
	 .summary = "The least delay between attempts"},
	{.name = "max_delay", .kind = PARAM_DURATION, .min = 1, .max = 86400e3, .preset = "\"5m\"",
	 .summary = "The longest delay between attempts"},
	{0},
};

const struct param breaker_params[] = {
	{.name = "failures", .kind = PARAM_INT, .min = 1, .max = 1000, .preset = "5",
	 .summary = "Consecutive failures that open it"},
	{.name = "open", .kind = PARAM_DURATION, .min = 1, .max = 3600e3, .preset = "\"15s\"",
	 .summary = "How long it stays open at first"},
	{.name = "on_open", .kind = PARAM_CHOICE, .choices = on_open, .preset = "\"park\"",
	 .summary = "Wait until the host is back, or fail at once"},
	{0},
};

static const struct param cache_params[] = {
	{.name = "max_stale", .kind = PARAM_DURATION, .max = 10 * 365 * 86400e3, .preset = "\"0s\"",
	 .summary = "How long after its time a stored page still does"},
	{.name = "refresh", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Ask the host in any case whether a stored page has changed"},
	{0},
};

const struct param cache_form = {
	.kind = PARAM_OBJECT, .members = cache_params, .summary = "The same, and for how long",
};
/* clang-format on */

static void cache_read(const struct json *spec, struct fetch_request *request)
{
	const struct json *cache = json_get(spec, "cache");

	if (!cache || (json_kind(cache) == JSON_BOOL && !json_bool(cache, false)))
		return;
	request->cache = FETCH_CACHE_ON;
	if (json_kind(cache) != JSON_OBJECT)
		return;
	request->max_stale_ms = spec_duration(cache, "max_stale", 0);
	if (spec_bool(cache, "refresh", false))
		request->cache = FETCH_CACHE_REFRESH;
}

void retry_read(const struct json *retry, struct retry_policy *policy)
{
	*policy = (struct retry_policy){
		.attempts_max = (unsigned)spec_int(retry, "max_attempts", 0),
		.base_ms = spec_duration(retry, "base", 0),
		.delay_ms_max = spec_duration(retry, "max_delay", 0),
	};
}

void manners_read(const struct json *spec, struct fetch_request *request)
{
	const struct json *breaker = json_get(spec, "breaker");

	request->per_host = (unsigned)spec_int(spec, "per_host", 0);
	request->delay_ms = spec_duration(spec, "delay", 0);
	request->body_bytes_max = (size_t)spec_size(spec, "max_body", 0);
	request->on_open = spec_choice(breaker, "on_open", on_open, 0) ? HOSTS_FAIL : HOSTS_PARK;
	request->breaker = (struct breaker_policy){
		.failures_max = (uint32_t)spec_int(breaker, "failures", 0),
		.open_ms = spec_duration(breaker, "open", 0),
	};
	cache_read(spec, request);
}
