/* SPDX-License-Identifier: MIT */
/* exchange.h - one request and its answer, call by call of libmicrohttpd.
 *
 * Threads    HTTP threads; one at a time for each request.
 */
#ifndef SERVICE_HTTP_EXCHANGE_H
#define SERVICE_HTTP_EXCHANGE_H

#include "base/err.h"
#include "service/http/routes.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct request;

/* By what rules requests are judged; constant once the server runs. */
struct rules {
	const struct routes *routes;
	const struct auth *auth; /* NULL: no tokens are asked for */
	const char *const *hosts;
	bool any_address;	   /* IP addresses are fine in Host */
	const char *allowed_hosts; /* the same list as a JSON array */
};

/* The head has arrived: judge, and either refuse at once or expect the body. */
enum MHD_Result exchange_head(struct request *request, const struct rules *rules,
			      const char *method, const char *uri, const char *version);
/* Some of the body. */
enum MHD_Result exchange_body(struct request *request, const char *bytes, size_t len);
/* All has arrived, or a sleeper was woken: handle, and go on as far as possible. */
enum MHD_Result exchange_advance(struct request *request);

#endif
