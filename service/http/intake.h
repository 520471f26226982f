/* SPDX-License-Identifier: MIT */
/* intake.h - bodies that are taken as they come, of any size.
 *
 * The handler of a route with ROUTE_INTAKE is called when the head has arrived, before the
 * body.  It either answers at once (a large body is then not read, and the connection ends)
 * or says who takes the body:
 *
 *   request_intake(request, &intake, ctx);
 *
 * Threads    HTTP threads, never two of one request at a time.
 * Ownership  ctx is the request's from request_intake() on; exactly one of end(ctx) and
 *            close(ctx) follows, whatever happens, and then it is theirs.
 */
#ifndef SERVICE_HTTP_INTAKE_H
#define SERVICE_HTTP_INTAKE_H

#include "base/err.h"

#include <stddef.h>

struct request;

struct intake {
	/* Some bytes.  May write to a disk, no more.  -1: *err is answered and the connection
	 * ends; close() follows. */
	int (*take)(void *ctx, const char *bytes, size_t len, struct err *err);
	/* All has come: a reply_…(), as a handler would. */
	void (*end)(struct request *request, void *ctx);
	/* The client is gone, or take() failed. */
	void (*close)(void *ctx);
};

void request_intake(struct request *request, const struct intake *intake, void *ctx);

#endif
