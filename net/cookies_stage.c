/* SPDX-License-Identifier: MIT */
/* cookies_stage.c - between a fetch and its jar. */
#include "net/cookies_stage.h"

#include "base/arena.h"
#include "net/attempt.h"
#include "net/cookies.h"
#include "net/url.h"

#include <string.h>

enum {
	STAGE_ARENA_BYTES_MAX = 64 * 1024,
	/* The user's own Cookie header may be longer than what a jar would send. */
	SENT_BYTES_MAX = 1024 * 1024,
};

/* The URL of the hop; it parsed before. */
static int hop_url(const struct fetch *fetch, struct arena *arena, struct url *ret_url)
{
	struct err err;

	return url_parse(fetch->request.url, strlen(fetch->request.url), NULL, arena, ret_url,
			 &err);
}

int cookies_headers(struct fetch *fetch)
{
	struct arena arena = ARENA(STAGE_ARENA_BYTES_MAX);
	struct buf value = BUF(SENT_BYTES_MAX);
	struct url url;
	int rc = -1;

	if (!fetch->cookies)
		return 0;
	if (hop_url(fetch, &arena, &url) == 0) {
		cookies_send(fetch->cookies, &url, request_own_header(&fetch->request, "cookie"),
			     clock_wall_ms() / 1000, &value);
		rc = buf_ok(&value) ? 0 : -1;
	}
	if (rc == 0 && value.len > 0)
		rc = attempt_header(fetch, "Cookie", value.data);
	buf_done(&value);
	arena_done(&arena);
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
