/* SPDX-License-Identifier: MIT */
/* head.h - the first head of a connection, before libmicrohttpd sees it.
 *
 * The library answers some heads itself, with a page of HTML: a line without a colon, a
 * Content-Length that is no number, a version that it does not know.  Heads that do not
 * fit its memory it may close without a word.  Here they get their problem instead.
 * What remains is judged by the gate, which sees every request; this one sees only the
 * first of each connection.
 *
 * RFC 9112, sections 2.2, 3, 5 and 6.3.
 *
 * Threads    any; a pure function.
 */
#ifndef SERVICE_HTTP_HEAD_H
#define SERVICE_HTTP_HEAD_H

#include "base/err.h"

#include <stddef.h>

enum head_state { HEAD_PARTIAL, HEAD_WHOLE, HEAD_REFUSED };

struct head {
	const char *method; /* the request line, from its first byte */
	const char *uri;    /* not NUL-terminated: a blank ends it */
	size_t uri_len;
	size_t memory_bytes; /* what libmicrohttpd needs for it: lines, lists, cookies */
};

/* Reads what has arrived so far.  HEAD_REFUSED with ERR_BAD_REQUEST, ERR_URI_TOO_LONG,
 * ERR_HEADERS_TOO_LARGE, ERR_BODY_TOO_LARGE; *ret_head is borrowed from `bytes`, and only for
 * HEAD_WHOLE. */
enum head_state head_read(const char *bytes, size_t len, struct head *ret_head, struct err *err);

#endif
