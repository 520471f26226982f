/* SPDX-License-Identifier: MIT */
/* weather.c - the last sights of distinct hosts, counted.  Called by hosts.c. */
#include "net/weather.h"

#include <string.h>

enum { WINDOW_MS = 60 * 1000, HOSTS_MIN = 20 };

static struct weather_sight *sight_of(struct weather *weather, uint64_t host)
{
	for (int i = 0; i < WEATHER_HOSTS_MAX; i++)
		if (weather->sights[i].at_ms && weather->sights[i].host == host)
			return &weather->sights[i];
	return &weather->sights[weather->next++ % WEATHER_HOSTS_MAX];
}

bool weather_note(struct weather *weather, uint64_t host, bool failed, int64_t now_ms)
{
	unsigned seen = 0, bad = 0;

	*sight_of(weather, host) = (struct weather_sight){host, now_ms, failed};
	if (!failed || weather_paused(weather, now_ms))
		return false;
	for (int i = 0; i < WEATHER_HOSTS_MAX; i++) {
		const struct weather_sight *sight = &weather->sights[i];

		if (sight->at_ms == 0 || now_ms - sight->at_ms >= WINDOW_MS)
			continue;
		seen++;
		bad += sight->failed;
	}
	if (seen < HOSTS_MIN || bad * 2 <= seen)
		return false;
	memset(weather, 0, sizeof(*weather));
	weather->paused_until_ms = now_ms + WEATHER_PAUSE_MS;
	return true;
}
