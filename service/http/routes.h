/* SPDX-License-Identifier: MIT */
/* routes.h - which handler answers which method and path: one table.
 *
 *   static const struct route table[] = {
 *           {METHOD_POST, "/v1/jobs", job_submit, .flags = ROUTE_BODY, .scope = SCOPE_WRITE},
 *           {METHOD_GET, "/v1/jobs/{id}", job_show, .scope = SCOPE_READ},
 *           {METHOD_GET, "/livez", livez, .flags = ROUTE_OPEN | ROUTE_DRAINING},
 *           {0},
 *   };
 *
 * A segment in braces matches any one non-empty segment; a literal one goes before
 * it (/v1/jobs/cancel before /v1/jobs/{id}).  A last one with dots, {name...}, matches one
 * segment or more; every other pattern that matches goes before it.  HEAD is served by GET, OPTIONS
 * by the server.  404 and 405 (with Allow) and their hints come from here.
 *
 * Threads    a table is constant; every function from any thread.
 */
#ifndef SERVICE_HTTP_ROUTES_H
#define SERVICE_HTTP_ROUTES_H

#include "base/buf.h"
#include "service/http/auth.h"
#include "service/http/request.h"

enum {
	ROUTE_PARAMS_MAX = 4,
	ROUTE_SEGMENTS_MAX = 8, /* of a pattern */
	PATH_SEGMENTS_MAX = 20, /* of a path: /v1/files/ and the deepest name */
};

enum route_flags {
	ROUTE_BODY = 1,	    /* takes a body; without it a body is 413 */
	ROUTE_OPEN = 2,	    /* needs no token: health checks */
	ROUTE_DRAINING = 4, /* is answered during a drain too */
	ROUTE_STREAM = 8,   /* its answers may stay open, idle and many */
	ROUTE_INTAKE = 16,  /* takes a body as it comes, of any size: intake.h */
};

struct route {
	enum method method;
	const char *pattern; /* NULL closes a table */
	void (*handle)(struct request *request);
	unsigned flags;	       /* enum route_flags */
	enum scope scope;      /* that a token needs; 0: any token */
	size_t body_bytes_max; /* 0: HTTP_BODY_BYTES_MAX */
};

struct routes; /* a table made ready for matching */

int routes_new(const struct route *table, struct routes **ret_routes, struct err *err);
void routes_free(struct routes *routes);
size_t routes_count(const struct routes *routes);
/* The place of a route in the table, for counters. */
size_t routes_index(const struct routes *routes, const struct route *route);

/* A path cut into segments, each percent-decoded. */
struct path {
	const char *segments[PATH_SEGMENTS_MAX];
	unsigned count;
	bool trailing_slash;
	bool too_deep;
};

struct match {
	const struct route *route;   /* NULL: none */
	unsigned methods;	     /* bit per enum method that the path has; 0: path unknown */
	bool without_trailing_slash; /* the same path without its last slash is known */
};

void routes_match(const struct routes *routes, enum method method, const struct path *path,
		  struct match *ret_match);

/* Which segment of its path stands for {name}, or is the first of {name...}; -1: none. */
int route_param(const struct route *route, const char *name);

/* "GET, HEAD, OPTIONS, POST" for the Allow field. */
void methods_format(unsigned methods, struct buf *into);

#endif
