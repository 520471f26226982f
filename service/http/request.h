/* SPDX-License-Identifier: MIT */
/* request.h - one HTTP request, complete, as the handler of a route sees it.
 *
 * A handler is called once, on an HTTP thread, when the gate has passed the
 * request, the route and token are known and the whole body has arrived.  It never
 * blocks on a job or a commit.  Before it returns it calls exactly one of
 *
 *   reply_json(), reply_problem(), …   the answer is known now            (reply.h)
 *   reply_later()                      an operation under way will know   (reply.h)
 *   reply_wait()                       somebody will wake it, perhaps     (stream.h)
 *   reply_stream()                     the body is pulled bit by bit      (stream.h)
 *
 * Returning without any of them answers 500.
 *
 * Threads    the handler's, and that of the callbacks which reply.h and stream.h
 *            make for this request: always HTTP threads, never two at a time.
 * Ownership  the server owns the request; what the readers below return is borrowed
 *            and lives until the answer has been sent.
 */
#ifndef SERVICE_HTTP_REQUEST_H
#define SERVICE_HTTP_REQUEST_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;
struct route;

enum method {
	METHOD_GET,
	METHOD_HEAD, /* a route for GET serves it; the server leaves the body out */
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHODS /* any other is refused at the gate */
};

const char *method_name(enum method method);

/* One name and value of the query, percent-decoded, '+' as space. */
struct query_pair {
	const char *name;
	const char *value; /* "" when there is no '=' */
};

enum method request_method(const struct request *request); /* METHOD_GET for HEAD too */
const struct route *request_route(const struct request *request);
void *request_context(const struct request *request); /* server_config.context */

/* The path without the query, as it was sent (not decoded). */
const char *request_path(const struct request *request);

/* The segment that stands for {name} in the route's pattern, percent-decoded; it is
 * never empty and has no NUL.  A name that the pattern lacks is our bug (assert). */
const char *request_param(const struct request *request, const char *name);

/* The segments that stand for {name...}, percent-decoded, with slashes between them; one sent
 * as %2F is such a slash, too.  NULL: no memory. */
const char *request_rest(const struct request *request, const char *name);

/* The first value of a query name; NULL: absent. */
const char *request_query(const struct request *request, const char *name);
/* All pairs as sent, for repeated names. */
const struct query_pair *request_queries(const struct request *request, size_t *ret_count);
/* ERR_BAD_PARAMETER, with the nearest known name, when a name is not among `known`
 * (ended by NULL): a misspelt filter must not match everything. */
int request_query_check(const struct request *request, const char *const *known, struct err *err);

/* The value of a header field, any case of the name; NULL: absent. */
const char *request_header(const struct request *request, const char *name);

/* The body, NUL-terminated after *ret_len bytes; "" when there is none.  May be written to. */
char *request_body(struct request *request, size_t *ret_len);

/* How many bytes the body has or will have; -1: only its end will tell. */
int64_t request_length(const struct request *request);

/* Memory that goes with the request, at most HTTP_ARENA_BYTES_MAX. */
struct arena *request_arena(struct request *request);

/* X-Request-Id when the client sent a sane one (1 to 128 of [A-Za-z0-9._~-]), else
 * "req_" and 24 hex digits.  Every answer carries it. */
const char *request_id(const struct request *request);

/* traceparent (W3C Trace Context, version 00) when well-formed; NULL: none. */
const char *request_trace(const struct request *request);

/* The name of the token that was used; NULL when none was needed. */
const char *request_token_name(const struct request *request);

#endif
