/* SPDX-License-Identifier: MIT */
/* request.c - a request's memory, its URI, and what a handler may ask of it.
 *
 * The struct stands in its own arena, and with it two copies of the URI: libmicrohttpd
 * cuts and decodes its own in place (and loses what follows %00).  Path segments and
 * query pairs are decoded in the second copy and borrowed from it.
 */
#include "service/http/inside.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mistakes.h"

#include <assert.h>
#include <ctype.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

struct request *request_new(struct server *server, struct conn *conn, const char *uri)
{
	struct arena arena = ARENA(HTTP_ARENA_BYTES_MAX);
	size_t len = strlen(uri);
	struct request *request = arena_alloc(&arena, sizeof(*request) + 2 * (len + 1));

	if (!request)
		return NULL;
	request->arena = arena;
	request->server = server;
	request->conn = conn;
	request->refs = 1;
	request->start_us = clock_us();
	request->uri_len = len;
	memcpy(request->uri, uri, len);
	memcpy(request->uri + len + 1, uri, len);
	request->raw_path = request->uri;
	buf_init(&request->body, HTTP_BODY_BYTES_MAX);
	return request;
}

void request_ref(struct request *request)
{
	atomic_fetch_add(&request->refs, 1);
}

void request_unref(struct request *request)
{
	struct arena arena;

	if (atomic_fetch_sub(&request->refs, 1) != 1)
		return;
	if (request->response)
		MHD_destroy_response(request->response);
	buf_done(&request->body);
	arena = request->arena; /* which lives in itself */
	arena_done(&arena);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes in place.  -1: not two digits, NUL or a control character. */
static int decode(char *text, bool plus_is_space)
{
	char *out = text;

	for (const char *in = text; *in; in++, out++) {
		*out = *in;
		if (*in == '%') {
			int hi = hex_value(in[1]);
			int lo = hi < 0 ? -1 : hex_value(in[2]);

			if (lo < 0 || hi < 2 || (hi << 4 | lo) == 0x7F)
				return -1;
			*out = (char)(hi << 4 | lo);
			in += 2;
		} else if (*in == '+' && plus_is_space) {
			*out = ' ';
		}
	}
	*out = '\0';
	return 0;
}

static int parse_path(struct request *request, char *path, struct err *err)
{
	struct path *ret = &request->path;
	char *segment = path + 1;

	if (path[0] != '/')
		return err_set(err, ERR_BAD_REQUEST, "the path must begin with '/'");
	while (segment && *segment) {
		char *slash = strchr(segment, '/');

		if (slash)
			*slash = '\0';
		if (decode(segment, false))
			return err_set(err, ERR_BAD_REQUEST,
				       "the path has a '%%' without two hexadecimal digits, or "
				       "one that stands for a control character");
		if (ret->count == PATH_SEGMENTS_MAX)
			ret->too_deep = true;
		else
			ret->segments[ret->count++] = segment;
		segment = slash ? slash + 1 : NULL;
	}
	ret->trailing_slash = segment && ret->count > 0;
	return 0;
}

static int parse_query(struct request *request, char *query, struct err *err)
{
	struct query_pair *pairs;
	size_t count = 1;

	for (const char *at = query; *at; at++)
		count += *at == '&';
	if (count > HTTP_QUERY_MAX)
		return err_set(err, ERR_BAD_PARAMETER, "%zu query parameters, %d are allowed",
			       count, HTTP_QUERY_MAX);
	pairs = arena_array(&request->arena, count, sizeof(*pairs));
	if (!pairs)
		return err_set(err, ERR_NO_MEMORY, "query");
	request->queries = pairs;
	for (char *next, *at = query; at; at = next) {
		char *value;

		next = strchr(at, '&');
		if (next)
			*next++ = '\0';
		if (*at == '\0')
			continue;
		value = strchr(at, '=');
		if (value)
			*value++ = '\0';
		if (decode(at, true) || (value && decode(value, true)))
			return err_set(err, ERR_BAD_PARAMETER,
				       "query parameter '%s' has a '%%' without two hexadecimal "
				       "digits, or one that stands for a control character",
				       at);
		pairs[request->queries_count++] = (struct query_pair){at, value ? value : ""};
	}
	return 0;
}

int request_parse_uri(struct request *request, struct err *err)
{
	char *path = request->uri + request->uri_len + 1;
	char *query = strchr(path, '?');

	for (const char *at = path; *at; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7F || *at == '#')
			return err_set(err, ERR_BAD_REQUEST,
				       "the URI holds a character that must be percent-encoded");
	if (query) {
		*query++ = '\0';
		request->uri[query - 1 - path] = '\0';
	}
	if (parse_path(request, path, err))
		return -1;
	return query && *query ? parse_query(request, query, err) : 0;
}

enum method request_method(const struct request *request)
{
	return request->head ? METHOD_GET : request->method;
}

const struct route *request_route(const struct request *request)
{
	return request->route;
}

void *request_context(const struct request *request)
{
	return server_context(request->server);
}

const char *request_path(const struct request *request)
{
	return request->raw_path;
}

const char *request_param(const struct request *request, const char *name)
{
	int i = route_param(request->route, name);

	assert(i >= 0);
	return request->path.segments[i];
}

const char *request_rest(const struct request *request, const char *name)
{
	struct buf rest = BUF(HTTP_URI_BYTES_MAX);
	struct request *mutable = (struct request *)request;
	int first = route_param(request->route, name);
	char *text = NULL;

	assert(first >= 0);
	for (unsigned i = (unsigned)first; i < request->path.count; i++)
		buf_printf(&rest, "%s%s", i > (unsigned)first ? "/" : "",
			   request->path.segments[i]);
	if (buf_ok(&rest))
		text = arena_text(&mutable->arena, buf_text(&rest));
	buf_done(&rest);
	return text;
}

int64_t request_length(const struct request *request)
{
	return request->gate.chunked ? -1 : (int64_t)request->gate.length;
}

const char *request_query(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->queries_count; i++)
		if (strcmp(request->queries[i].name, name) == 0)
			return request->queries[i].value;
	return NULL;
}

const struct query_pair *request_queries(const struct request *request, size_t *ret_count)
{
	*ret_count = request->queries_count;
	return request->queries;
}

int request_query_check(const struct request *request, const char *const *known, struct err *err)
{
	for (size_t i = 0; i < request->queries_count; i++) {
		const char *name = request->queries[i].name;
		const char *const *at = known;
		const char *nearest;

		while (*at && strcmp(*at, name) != 0)
			at++;
		if (*at)
			continue;
		nearest = nearest_name(name, known);
		return err_set(err, ERR_BAD_PARAMETER, "no query parameter '%s' here%s%s%s", name,
			       nearest ? "; did you mean '" : "", nearest ? nearest : "",
			       nearest ? "'?" : "");
	}
	return 0;
}

const char *request_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

char *request_body(struct request *request, size_t *ret_len)
{
	static char nothing[1];

	*ret_len = request->body.len;
	return request->body.data ? request->body.data : nothing;
}

struct arena *request_arena(struct request *request)
{
	return &request->arena;
}

static bool id_is_sane(const char *id)
{
	size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				"._~-");

	return len > 0 && len <= REQUEST_ID_MAX && id[len] == '\0';
}

static void id_make(char *into)
{
	static _Thread_local struct rng rng;
	static const char digits[] = "0123456789abcdef";
	uint64_t words[2];

	if (!(rng.s[0] | rng.s[1]))
		rng_seed_system(&rng);
	words[0] = rng_next(&rng);
	words[1] = rng_next(&rng);
	memcpy(into, "req_", 4);
	for (unsigned i = 0; i < 24; i++)
		into[4 + i] = digits[(words[i / 16] >> (i % 16 * 4)) & 15];
	into[28] = '\0';
}

const char *request_id(const struct request *request)
{
	struct request *mutable = (struct request *)request;

	if (request->given_id)
		return request->given_id;
	if (request->gate.request_id && id_is_sane(request->gate.request_id))
		return mutable->given_id = request->gate.request_id;
	id_make(mutable->id);
	return mutable->given_id = mutable->id;
}

/* version-traceid-parentid-flags: 00-<32>-<16>-<2>, lower-case hex, ids not all zero. */
const char *request_trace(const struct request *request)
{
	const char *text = request->gate.traceparent;

	if (!text || strlen(text) != 55 || strncmp(text, "00-", 3) != 0 || text[35] != '-' ||
	    text[52] != '-')
		return NULL;
	if (strspn(text + 3, "0123456789abcdef") != 32 ||
	    strspn(text + 36, "0123456789abcdef") != 16 ||
	    strspn(text + 53, "0123456789abcdef") != 2)
		return NULL;
	return strspn(text + 3, "0") == 32 || strspn(text + 36, "0") == 16 ? NULL : text;
}

const char *request_token_name(const struct request *request)
{
	return request->token_name;
}
