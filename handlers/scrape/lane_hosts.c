/* SPDX-License-Identifier: MIT */
/* lane_hosts.c - a small table of the hosts that this lane has asked. */
#include "handlers/scrape/lane_hosts.h"

#include "base/compiler.h"

#include <stddef.h>

enum {
	HOST_AHEAD_MS = 5000,
	HOST_FETCHES_FREE = 4, /* so many are never too many for one that answers */
	SILENCES_MAX = 4,      /* one lost answer does not make a host dead */
};

static struct lane_host *host_find(struct lane_hosts *hosts, uint64_t group)
{
	for (unsigned i = 0; i < hosts->count; i++)
		if (hosts->at[i].group == group)
			return &hosts->at[i];
	return NULL;
}

static bool is_silent(const struct lane_host *host)
{
	return !host->answered || host->silences >= SILENCES_MAX;
}

static enum lane_turn host_turn(const struct lane_host *host, unsigned fetches, int64_t now_ms)
{
	double gap_ms = MAX(host->gap_ms, (double)(now_ms - host->last_ms));

	if (is_silent(host))
		return host->under_way == 0 ? TURN_NOW : TURN_LATER;
	if (host->under_way >= HOST_FETCHES_FREE && gap_ms * host->under_way > HOST_AHEAD_MS)
		return TURN_LATER;
	return host->under_way < MAX(1, fetches - fetches / 4) ? TURN_NOW : TURN_SOON;
}

enum lane_turn lane_host_turn(struct lane_hosts *hosts, uint64_t group, unsigned fetches,
			      int64_t now_ms)
{
	const struct lane_host *host;

	if (!hosts->any)
		hosts->group = group;
	hosts->any = true;
	hosts->many |= group != hosts->group;
	host = hosts->many ? host_find(hosts, group) : NULL;
	return host ? host_turn(host, fetches, now_ms) : TURN_NOW;
}

/* A place for another one: a new one, else that of the host which has been idle for longest, an
 * answering one if there is any.  NULL: none is idle. */
static struct lane_host *host_place(struct lane_hosts *hosts)
{
	struct lane_host *best = NULL;

	if (hosts->count < LANE_HOSTS_MAX)
		return &hosts->at[hosts->count++];
	for (unsigned i = 0; i < LANE_HOSTS_MAX; i++) {
		struct lane_host *host = &hosts->at[i];

		if (host->under_way > 0)
			continue;
		if (!best || is_silent(best) > is_silent(host) ||
		    (is_silent(best) == is_silent(host) && best->last_ms > host->last_ms))
			best = host;
	}
	return best;
}

void lane_host_began(struct lane_hosts *hosts, uint64_t group, int64_t now_ms)
{
	struct lane_host *host = host_find(hosts, group);

	if (!host) {
		host = host_place(hosts);
		if (!host)
			return;
		*host = (struct lane_host){.group = group};
	}
	if (host->under_way++ == 0)
		host->last_ms = now_ms;
}

bool lane_host_ended(struct lane_hosts *hosts, uint64_t group, bool answered, int64_t now_ms)
{
	struct lane_host *host = host_find(hosts, group);
	bool was_silent;

	if (!host || host->under_way == 0)
		return false;
	was_silent = is_silent(host);
	host->gap_ms += ((double)(now_ms - host->last_ms) - host->gap_ms) / 4;
	host->last_ms = now_ms;
	host->under_way--;
	host->silences = answered ? 0 : host->silences + 1;
	host->answered |= answered;
	return was_silent && answered;
}

bool lane_hosts_silent(const struct lane_hosts *hosts)
{
	for (unsigned i = 0; i < hosts->count; i++)
		if (hosts->at[i].under_way > 0 && is_silent(&hosts->at[i]))
			return true;
	return false;
}
