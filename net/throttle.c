/* SPDX-License-Identifier: MIT */
/* throttle.c - Retry-After, and what to do without it.  Called by hosts.c and fetch. */
#include "net/throttle.h"

#include "base/compiler.h"
#include "net/http_date.h"

#include <ctype.h>

bool throttle_hit(struct throttle *throttle, int64_t retry_after_ms, int64_t now_ms)
{
	int64_t wait_ms = MIN(retry_after_ms, THROTTLE_MS_MAX);
	int64_t until_ms;

	if (retry_after_ms < 0) {
		if (now_ms < throttle->until_ms)
			return false;
		if (now_ms - throttle->until_ms >= THROTTLE_FORGIVE_MS)
			throttle->incidents = 0;
		wait_ms = THROTTLE_FIRST_MS;
		for (uint32_t i = 0; i < throttle->incidents && wait_ms < THROTTLE_MS_MAX; i++)
			wait_ms *= 2;
		wait_ms = MIN(wait_ms, THROTTLE_MS_MAX);
		throttle->incidents++;
	}
	until_ms = now_ms + wait_ms;
	if (until_ms <= throttle->until_ms)
		return false;
	throttle->until_ms = until_ms;
	return true;
}

static int64_t seconds_parse(const char *value)
{
	int64_t seconds = 0;

	if (*value == '\0')
		return -1;
	for (; *value; value++) {
		if (!isdigit((unsigned char)*value))
			return -1;
		seconds = MIN(seconds * 10 + (*value - '0'), THROTTLE_MS_MAX / 1000);
	}
	return seconds;
}

int64_t retry_after_parse(const char *value, const char *date, int64_t now_wall_ms)
{
	int64_t now_s = now_wall_ms / 1000;
	int64_t seconds = seconds_parse(value);
	int64_t from_s, until_s;

	if (seconds >= 0)
		return seconds * 1000;
	if (http_date_parse(value, now_s, &until_s))
		return -1;
	if (!date || http_date_parse(date, now_s, &from_s))
		from_s = now_s;
	return MIN(MAX(until_s - from_s, 0) * 1000, THROTTLE_MS_MAX);
}
