/* SPDX-License-Identifier: MIT */
/* lane_hosts.c - a small table of hosts that have fetches of this lane under way. */
#include "handlers/scrape/lane_hosts.h"

#include "base/compiler.h"

#include <stddef.h>

enum {
	HOST_AHEAD_MS = 5000,
	FIRST_ANSWER_MS = 250,
	HOST_FETCHES_FREE = 4, /* so many are never too many */
};

static struct lane_host *host_find(struct lane_hosts *hosts, uint64_t group)
{
	for (int i = 0; i < LANE_HOSTS_MAX; i++)
		if (hosts->at[i].under_way > 0 && hosts->at[i].group == group)
			return &hosts->at[i];
	return NULL;
}

static enum lane_turn host_turn(const struct lane_host *host, unsigned fetches, int64_t now_ms)
{
	int64_t since_ms = now_ms - host->last_ms;
	double gap_ms = MAX(host->gap_ms, (double)since_ms);

	if (host->gap_ms == 0) {
		if (host->under_way < MAX(1, fetches / 4))
			return TURN_NOW;
		return since_ms < FIRST_ANSWER_MS ? TURN_SOON : TURN_LATER;
	}
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

void lane_host_began(struct lane_hosts *hosts, uint64_t group, int64_t now_ms)
{
	struct lane_host *host = host_find(hosts, group);

	for (int i = 0; !host && i < LANE_HOSTS_MAX; i++) {
		if (hosts->at[i].under_way > 0)
			continue;
		host = &hosts->at[i];
		/* What was known of it stays, if it is still the same one. */
		if (host->group != group)
			host->gap_ms = 0;
		host->group = group;
		host->last_ms = now_ms;
	}
	if (host)
		host->under_way++;
}

void lane_host_ended(struct lane_hosts *hosts, uint64_t group, int64_t now_ms)
{
	struct lane_host *host = host_find(hosts, group);

	if (!host)
		return;
	host->gap_ms += ((double)(now_ms - host->last_ms) - host->gap_ms) / 4;
	host->gap_ms = MAX(host->gap_ms, 0.001); /* it has answered */
	host->last_ms = now_ms;
	host->under_way--;
}
