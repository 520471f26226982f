/* SPDX-License-Identifier: MIT */
/* hosts_name.c - politeness between the hosts that share a name.
 *
 * Breakers are kept by scheme, name and port, but a delay that http and https of one name
 * each keep alone is half a delay to the machine behind it.  Public hosts of one name
 * therefore share the time of the next start and the places in flight; the operator's
 * own hosts (--allow-net) do not.
 *
 * A host that could start but for its neighbours sleeps until their delay is over; when
 * it is their calls that are in its way it looks again NEIGHBOURS_MS later, so that the
 * end of a call need not look for all hosts of its name.
 */
#include "net/host.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { NAMES_FIRST = 256, NEIGHBOURS_MS = 50 };

struct hostname {
	struct hostname *chain;
	uint64_t hash;
	unsigned hosts; /* of this name */
	unsigned in_flight;
	int64_t next_ms; /* the delay since the last start is over */
	size_t len;
	char text[];
};

/* "https:example.com:443": what is between the first and the last colon. */
static const char *name_of(const char *key, size_t *ret_len)
{
	const char *start = strchr(key, ':');
	const char *end = strrchr(key, ':');

	start = start && end > start ? start + 1 : key;
	*ret_len = end > start ? (size_t)(end - start) : strlen(start);
	return start;
}

static struct hostname **name_bucket(struct hosts *hosts, uint64_t hash) REQUIRES(hosts->lock)
{
	return &hosts->names[hash & (hosts->names_size - 1)];
}

/* As many buckets as hosts have; when there is no memory the chains just get longer. */
static void names_grow(struct hosts *hosts) REQUIRES(hosts->lock)
{
	size_t old_size = hosts->names_size;
	size_t size = old_size ? old_size * 2 : NAMES_FIRST;
	struct hostname **old = hosts->names;
	struct hostname **names = calloc(size, sizeof(struct hostname *));

	if (!names)
		return;
	hosts->names = names;
	hosts->names_size = size;
	for (size_t i = 0; i < old_size; i++) {
		while (old[i]) {
			struct hostname *name = old[i];
			struct hostname **bucket = name_bucket(hosts, name->hash);

			old[i] = name->chain;
			name->chain = *bucket;
			*bucket = name;
		}
	}
	free(old);
}

int host_name_join(struct hosts *hosts, struct host *host)
{
	size_t len;
	const char *text = name_of(host->key, &len);
	uint64_t hash = XXH3_64bits(text, len);
	struct hostname *name = NULL;

	if (hosts->names_count >= hosts->names_size)
		names_grow(hosts);
	if (hosts->names_size == 0)
		return -1;
	for (name = *name_bucket(hosts, hash); name; name = name->chain)
		if (name->hash == hash && name->len == len && memcmp(name->text, text, len) == 0)
			break;
	if (!name) {
		name = calloc(1, sizeof(*name) + len);
		if (!name)
			return -1;
		name->hash = hash;
		name->len = len;
		memcpy(name->text, text, len);
		name->chain = *name_bucket(hosts, hash);
		*name_bucket(hosts, hash) = name;
		hosts->names_count++;
	}
	name->hosts++;
	host->name = name;
	return 0;
}

void host_name_leave(struct hosts *hosts, struct host *host)
{
	struct hostname *name = host->name;
	struct hostname **at;

	host->name = NULL;
	if (!name || --name->hosts > 0)
		return;
	at = name_bucket(hosts, name->hash);
	while (*at != name)
		at = &(*at)->chain;
	*at = name->chain;
	hosts->names_count--;
	free(name);
}

void host_name_started(struct host *host, int64_t next_ms)
{
	host->name->in_flight++;
	if (!host->inside)
		host->name->next_ms = MAX(host->name->next_ms, next_ms);
}

void host_name_ended(struct host *host)
{
	host->name->in_flight--;
}

int64_t host_name_ready_ms(const struct host *host, unsigned limit, int64_t now_ms)
{
	const struct hostname *name = host->name;

	if (host->inside || name->hosts == 1)
		return now_ms;
	if (name->in_flight >= limit)
		return MAX(name->next_ms, now_ms + NEIGHBOURS_MS);
	return MAX(name->next_ms, now_ms);
}
