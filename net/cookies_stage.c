/* SPDX-License-Identifier: MIT */
/* cookies_stage.c - between a fetch and its jar. */
#include "net/cookies_stage.h"

#include "base/arena.h"
#include "net/attempt.h"
#include "net/cookies.h"
#include "net/url.h"

#include <string.h>

enum { STAGE_ARENA_BYTES_MAX = 64 * 1024 };

/* The URL of the hop; it parsed before. */
static int hop_url(const struct fetch *fetch, struct arena *arena, struct url *ret_url)
{
	struct err err;

	return url_parse(fetch->request.url, strlen(fetch->request.url), NULL, arena, ret_url,
			 &err);
}

int cookies_value(struct fetch *fetch, struct buf *into)
{
	const char *own = request_own_header(&fetch->request, "cookie");
	struct arena arena = ARENA(STAGE_ARENA_BYTES_MAX);
	struct url url;
	int rc = 0;

	if (!fetch->cookies)
		return own ? buf_add_text(into, own) : 0;
	if (hop_url(fetch, &arena, &url))
		rc = -1;
	else
		cookies_send(fetch->cookies, &url, own, clock_wall_ms() / 1000, into);
	arena_done(&arena);
	return rc || !buf_ok(into) ? -1 : 0;
}

int cookies_headers(struct fetch *fetch)
{
	struct buf value = BUF(COOKIES_VALUE_BYTES_MAX);
	int rc = 0;

	if (fetch->cookies)
		rc = cookies_value(fetch, &value);
	if (rc == 0 && value.len > 0)
		rc = attempt_header(fetch, "Cookie", value.data);
	buf_done(&value);
	return rc;
}

/* One that finds no memory is lost: it is as if the server had not set it. */
void cookies_head(struct fetch *fetch)
{
	struct arena arena = ARENA(STAGE_ARENA_BYTES_MAX);
	const char *line;
	struct url url;

	if (!fetch->cookies || !attempt_head(fetch, "set-cookie", 0))
		return;
	if (hop_url(fetch, &arena, &url) == 0)
		for (unsigned nth = 0; (line = attempt_head(fetch, "set-cookie", nth)); nth++)
			cookies_receive(fetch->cookies, &url, line, strlen(line),
					clock_wall_ms() / 1000);
	arena_done(&arena);
}
