/* SPDX-License-Identifier: MIT */
/* gate.h - is this really one HTTP request, and one that we serve?
 *
 * libmicrohttpd parses leniently: it accepts bare line feeds, NUL bytes, folded
 * lines, blanks before colons, Content-Length twice or besides Transfer-Encoding.
 * Where two parsers read one text differently, a second request can be smuggled
 * inside a first (CWE-444).  So the gate reads the header block again where
 * libmicrohttpd cut it up in place: every byte between the request line and the body
 * is accounted for, or the request is refused and the connection closed.
 *
 * Some forms the library refuses before the gate sees them (a Content-Length that is
 * no number, a line without a colon, a request line without a version, a wrong chunk
 * size): closed too, but with a page of its own instead of a problem, unless it was the
 * first head of its connection, which the lobby judges (head.h).
 *
 * RFC 9112: section 2.2 (line ends), 3 (request line), 5.1 and 5.2 (field lines), 6.3
 * (length of the body); RFC 9110, section 7.2 (Host).
 *
 * Threads    an HTTP thread, in the first call for a request.
 * Ownership  values are borrowed from the connection, for as long as its request.
 */
#ifndef SERVICE_HTTP_GATE_H
#define SERVICE_HTTP_GATE_H

#include "base/buf.h"
#include "base/err.h"
#include "service/http/request.h"

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;

/* What the header block says, as far as the server needs it. */
struct gate {
	const char *host;
	const char *origin, *fetch_site;
	const char *authorization;
	const char *request_id, *traceparent;
	const char *expect;
	bool chunked;
	bool has_length;
	uint64_t length; /* Content-Length */
};

/* The block starts with the method; `uri_len` is that of the URI as it was sent.
 * ERR_BAD_REQUEST, ERR_URI_TOO_LONG, ERR_HEADERS_TOO_LARGE, ERR_EXPECTATION_FAILED. */
int gate_read(struct MHD_Connection *mhd, const char *method, const char *uri, size_t uri_len,
	      const char *version, struct gate *ret_gate, enum method *ret_method, struct err *err);

/* ERR_HOST_NOT_ALLOWED unless the name in `host` (its port does not matter) is one of
 * `hosts` or, with any_address, an IP address: only names can be rebound. */
int gate_host(const char *host, const char *const *hosts, bool any_address, struct err *err);

/* ERR_CROSS_ORIGIN: a page of another origin made a browser send this. */
int gate_origin(const struct gate *gate, struct err *err);

#endif
