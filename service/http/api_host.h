/* SPDX-License-Identifier: MIT */
/* api_host.h - what the two files of /v1/hosts share.
 *
 * Threads    the request's.
 */
#ifndef SERVICE_HTTP_API_HOST_H
#define SERVICE_HTTP_API_HOST_H

#include "net/fetch.h"
#include "net/hosts.h"
#include "net/robots_cache.h"
#include "service/http/api.h"

#include "base/json.h"

struct hosts *hosts_of(const struct request *request);

/* What a host has in its own page only. */
struct host_details {
	struct host_history history;
	bool robots_asked; /* then: */
	struct robots_view robots;
};

/* As the API shows it; details NULL: without (lists). */
void host_out(const struct host_view *host, const struct host_details *details, int64_t now_ms,
	      struct json_out *out);

#endif
