/* SPDX-License-Identifier: MIT */
/* range.h - which part of a representation a request asks for (RFC 9110, section 14).
 *
 * Threads    the request's.
 */
#ifndef SERVICE_HTTP_RANGE_H
#define SERVICE_HTTP_RANGE_H

#include <stdint.h>

struct request;

/* The status of an answer about `size` bytes whose version is `etag` (quoted), with its
 * header fields: 200 and the whole; 206 and a part, from *ret_from to before *ret_to; or 416,
 * which has been answered.  Range counts unless If-Range (13.1.5) names another version. */
int range_answer(struct request *request, const char *etag, int64_t size, int64_t *ret_from,
		 int64_t *ret_to);

#endif
