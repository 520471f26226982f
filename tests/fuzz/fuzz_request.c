/* SPDX-License-Identifier: MIT */
/* fuzz_request.c - a URI cut into path and query, and matched against the routes; then the
 * same bytes as Host and Origin. */
#include "service/http/api.h"
#include "service/http/inside.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7F)
			return true;
	return false;
}

static void match_all(struct request *request)
{
	static struct routes *routes;
	struct err err;

	if (!routes)
		must(routes_new(api_routes, &routes, &err) == 0);
	for (unsigned m = 0; m < METHODS; m++) {
		struct match match;

		routes_match(routes, (enum method)m, &request->path, &match);
		if (!match.route)
			continue;
		must(match.methods & 1U << m);
		must(!request->path.trailing_slash && !request->path.too_deep);
		if (strstr(match.route->pattern, "{id}"))
			must(request->path.segments[route_param(match.route, "id")][0] != '\0');
		if (strstr(match.route->pattern, "{file...}")) {
			request->route = match.route;
			must(request_rest(request, "file")[0] != '\0');
		}
	}
}

static void parse(const char *uri)
{
	static const char *const known[] = {"limit", "cursor", "state", NULL};
	struct request *request = request_new(NULL, NULL, uri);
	struct err err;

	if (!request)
		return;
	if (request_parse_uri(request, &err)) {
		must(err.code == ERR_BAD_REQUEST || err.code == ERR_BAD_PARAMETER);
		must(err.detail[0]);
	} else {
		must(uri[0] == '/' && strncmp(request->raw_path, uri, strcspn(uri, "?")) == 0);
		must(request->path.count <= PATH_SEGMENTS_MAX);
		for (unsigned i = 0; i < request->path.count; i++)
			must(!has_control(request->path.segments[i]));
		for (size_t i = 0; i < request->queries_count; i++)
			must(!has_control(request->queries[i].name) &&
			     !has_control(request->queries[i].value));
		request_query_check(request, known, &err);
		match_all(request);
	}
	request_unref(request);
}

static void judge_host(const char *host)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", NULL};
	struct gate gate = {.host = "localhost:8080", .origin = host};
	struct err err;

	if (gate_host(host, hosts, false, &err) == 0) {
		size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

		must((len == 9 && !strncasecmp(host, "localhost", len)) ||
		     (len == 9 && !strncmp(host, "127.0.0.1", len)) ||
		     (len == 5 && !strncmp(host, "[::1]", len)));
		must(host[len] == '\0' || (host[len] == ':' && strlen(host + len) <= 6));
	}
	if (gate_host(host, hosts, true, &err))
		must(err.code == ERR_BAD_REQUEST || err.code == ERR_HOST_NOT_ALLOWED);
	if (gate_origin(&gate, &err) == 0)
		must(strlen(host) >= 17 &&
		     strcasecmp(host + strlen(host) - 17, "://localhost:8080") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	parse(text);
	judge_host(text);
	free(text);
	return 0;
}
