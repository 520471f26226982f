/* SPDX-License-Identifier: MIT */
/* hosts_near.c - politeness between hosts that are neighbours.
 *
 * Breakers are kept by scheme, name and port, but a delay that http and https of one name
 * each keep alone is half a delay to the machine behind it.  Public hosts of one name
 * therefore share the time of the next start and the places in flight; those of one
 * address share HOSTS_PER_ADDRESS places.  The operator's own hosts (--allow-net) do not.
 *
 * A host that could start but for its neighbours sleeps until their delay is over; when
 * it is their calls that are in its way it looks again NEAR_LOOK_MS later, so that the
 * end of a call need not look for all hosts of its name.
 */
#include "net/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { NEAR_FIRST = 256, NEAR_LOOK_MS = 50, ADDRESS_BYTES_MAX = 64 };

struct near {
	struct near *chain;
	uint64_t hash;
	unsigned hosts; /* that share it */
	unsigned in_flight;
	int64_t next_ms; /* names: the delay since the last start is over */
	size_t len;
	char text[]; /* a name, or '@' and an address */
};

static struct near **near_bucket(struct hosts *hosts, uint64_t hash) REQUIRES(hosts->lock)
{
	return &hosts->nears[hash & (hosts->nears_size - 1)];
}

/* Twice the buckets; when there is no memory the chains just get longer. */
static void nears_grow(struct hosts *hosts) REQUIRES(hosts->lock)
{
	size_t old_size = hosts->nears_size;
	size_t size = old_size ? old_size * 2 : NEAR_FIRST;
	struct near **old = hosts->nears;
	struct near **nears = calloc(size, sizeof(struct near *));

	if (!nears)
		return;
	hosts->nears = nears;
	hosts->nears_size = size;
	for (size_t i = 0; i < old_size; i++) {
		while (old[i]) {
			struct near *near = old[i];
			struct near **bucket = near_bucket(hosts, near->hash);

			old[i] = near->chain;
			near->chain = *bucket;
			*bucket = near;
		}
	}
	free(old);
}

/* Finds it, or adds it.  NULL: no memory. */
static struct near *near_make(struct hosts *hosts, const char *text, size_t len)
	REQUIRES(hosts->lock)
{
	uint64_t hash = XXH3_64bits(text, len);
	struct near **bucket, *near;

	if (hosts->nears_count >= hosts->nears_size)
		nears_grow(hosts);
	if (hosts->nears_size == 0)
		return NULL;
	bucket = near_bucket(hosts, hash);
	for (near = *bucket; near; near = near->chain)
		if (near->hash == hash && near->len == len && memcmp(near->text, text, len) == 0)
			return near;
	near = calloc(1, sizeof(*near) + len);
	if (!near)
		return NULL;
	near->hash = hash;
	near->len = len;
	memcpy(near->text, text, len);
	near->chain = *bucket;
	*bucket = near;
	hosts->nears_count++;
	return near;
}

static void near_join(struct near *near, const struct host *host)
{
	near->hosts++;
	near->in_flight += host->in_flight;
}

static void near_leave(struct hosts *hosts, struct near *near, const struct host *host)
	REQUIRES(hosts->lock)
{
	struct near **at;

	if (!near)
		return;
	near->in_flight -= host->in_flight;
	if (--near->hosts > 0)
		return;
	at = near_bucket(hosts, near->hash);
	while (*at != near)
		at = &(*at)->chain;
	*at = near->chain;
	hosts->nears_count--;
	free(near);
}

/* "https:example.com:443": what is between the first and the last colon. */
int host_near_name(struct hosts *hosts, struct host *host)
{
	const char *start = strchr(host->key, ':');
	const char *end = strrchr(host->key, ':');

	if (start && end > start)
		host->name = near_make(hosts, start + 1, (size_t)(end - start) - 1);
	else
		host->name = near_make(hosts, host->key, strlen(host->key));
	if (!host->name)
		return -1;
	near_join(host->name, host);
	return 0;
}

void host_near_address(struct hosts *hosts, struct host *host, const char *address)
{
	char text[ADDRESS_BYTES_MAX];
	struct near *near = NULL;
	int len = snprintf(text, sizeof(text), "@%s", address);

	if (!host->inside && len > 0 && len < ADDRESS_BYTES_MAX)
		near = near_make(hosts, text, (size_t)len);
	if (near == host->address)
		return;
	near_leave(hosts, host->address, host);
	host->address = near;
	if (near)
		near_join(near, host);
}

void host_near_leave(struct hosts *hosts, struct host *host)
{
	near_leave(hosts, host->name, host);
	near_leave(hosts, host->address, host);
	host->name = host->address = NULL;
}

void host_near_started(struct host *host, int64_t next_ms)
{
	host->name->in_flight++;
	if (host->address)
		host->address->in_flight++;
	if (!host->inside)
		host->name->next_ms = MAX(host->name->next_ms, next_ms);
}

void host_near_ended(struct host *host)
{
	host->name->in_flight--;
	if (host->address)
		host->address->in_flight--;
}

int64_t host_near_ready_ms(const struct host *host, unsigned limit, int64_t now_ms)
{
	const struct near *name = host->name, *address = host->address;
	int64_t ready_ms = now_ms;

	if (host->inside)
		return now_ms;
	if (name->hosts > 1 && name->in_flight >= limit)
		ready_ms = now_ms + NEAR_LOOK_MS;
	if (address && address->hosts > 1 && address->in_flight >= HOSTS_PER_ADDRESS)
		ready_ms = now_ms + NEAR_LOOK_MS;
	return name->hosts > 1 ? MAX(ready_ms, name->next_ms) : ready_ms;
}
