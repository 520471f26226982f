/* SPDX-License-Identifier: MIT */
/* cookie_store.c - a hash table, a ring, and who has to go. */
#include "net/cookie_store.h"

#include "base/limits.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct url_part part_copy(char **at, struct url_part part)
{
	struct url_part copy = {*at, part.len};

	if (part.len > 0)
		memcpy(*at, part.at, part.len);
	*at += part.len;
	return copy;
}

struct cookie *cookie_new(const struct cookie *like)
{
	size_t bytes = sizeof(*like) + like->name.len + like->value.len + like->domain.len +
		       like->path.len;
	struct cookie *cookie = malloc(bytes);
	char *at = (char *)(cookie + 1);

	if (!cookie)
		return NULL;
	*cookie = *like;
	cookie->bytes = bytes;
	cookie->name = part_copy(&at, like->name);
	cookie->value = part_copy(&at, like->value);
	cookie->path = part_copy(&at, like->path);
	cookie->domain = part_copy(&at, like->domain);
	for (char *c = at - like->domain.len; c < at; c++)
		*c = (char)tolower((unsigned char)*c);
	ring_init(&cookie->used);
	return cookie;
}

void cookie_free(struct cookie *cookie)
{
	free(cookie);
}

static bool part_equal(struct url_part a, struct url_part b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool domain_equal(struct url_part a, struct url_part b)
{
	return part_equal(a, b);
}

static unsigned bucket_of(struct url_part domain)
{
	return (unsigned)(XXH3_64bits(domain.at, domain.len) % COOKIE_BUCKETS);
}

struct cookie *cookie_bucket(struct cookies *jar, struct url_part domain)
{
	return jar->buckets[bucket_of(domain)];
}

struct cookie *cookie_find(struct cookies *jar, const struct cookie *like)
{
	struct cookie *at = cookie_bucket(jar, like->domain);

	while (at && !(at->host_only == like->host_only && part_equal(at->name, like->name) &&
		       part_equal(at->path, like->path) && part_equal(at->domain, like->domain)))
		at = at->next;
	return at;
}

void cookie_add(struct cookies *jar, struct cookie *cookie)
{
	struct cookie **bucket = &jar->buckets[bucket_of(cookie->domain)];
	struct cookie *old = cookie_find(jar, cookie);

	cookie->created = old ? old->created : ++jar->happenings;
	if (old)
		cookie_remove(jar, old);
	cookie->next = *bucket;
	*bucket = cookie;
	jar->count++;
	jar->secure_count += cookie->secure;
	jar->bytes += cookie->bytes;
	jar->version++;
	jar->expiry_wall_s = MIN(jar->expiry_wall_s, cookie->expires_wall_s);
	cookie_touch(jar, cookie);
}

void cookie_remove(struct cookies *jar, struct cookie *cookie)
{
	struct cookie **at = &jar->buckets[bucket_of(cookie->domain)];

	while (*at != cookie)
		at = &(*at)->next;
	*at = cookie->next;
	ring_drop(&cookie->used);
	jar->count--;
	jar->secure_count -= cookie->secure;
	jar->bytes -= cookie->bytes;
	jar->version++;
	cookie_free(cookie);
}

void cookie_touch(struct cookies *jar, struct cookie *cookie)
{
	cookie->used_at = ++jar->happenings;
	ring_drop(&cookie->used);
	ring_add(&jar->used, &cookie->used);
}

void cookies_expire(struct cookies *jar, int64_t now_wall_s)
{
	struct ring *at = jar->used.next;

	if (jar->expiry_wall_s > now_wall_s)
		return;
	jar->expiry_wall_s = COOKIE_NEVER;
	while (at != &jar->used) {
		struct cookie *cookie = CONTAINER_OF(at, struct cookie, used);

		at = at->next;
		if (cookie->expires_wall_s <= now_wall_s)
			cookie_remove(jar, cookie);
		else
			jar->expiry_wall_s = MIN(jar->expiry_wall_s, cookie->expires_wall_s);
	}
}

/* Does a go before b?  Those that are not secure do, then those used longer ago. */
static bool goes_before(const struct cookie *a, const struct cookie *b)
{
	return a->secure != b->secure ? !a->secure : a->used_at < b->used_at;
}

void cookies_evict(struct cookies *jar, struct url_part domain)
{
	struct cookie *first = NULL;
	size_t same = 0;

	for (struct cookie *at = cookie_bucket(jar, domain); at; at = at->next) {
		if (!part_equal(at->domain, domain))
			continue;
		same++;
		if (!first || goes_before(at, first))
			first = at;
	}
	if (same > COOKIES_PER_DOMAIN_MAX)
		cookie_remove(jar, first);
	for (struct ring *at = jar->used.next, *next;
	     jar->count > COOKIES_MAX || jar->bytes > COOKIES_BYTES_MAX; at = next) {
		next = at->next;
		cookie_remove(jar, CONTAINER_OF(at, struct cookie, used));
	}
}

void cookies_clear(struct cookies *jar)
{
	for (unsigned i = 0; i < COOKIE_BUCKETS; i++) {
		struct cookie *at = jar->buckets[i], *next;

		for (; at; at = next) {
			next = at->next;
			cookie_free(at);
		}
		jar->buckets[i] = NULL;
	}
	ring_init(&jar->used);
	jar->count = jar->secure_count = jar->bytes = 0;
	jar->version++;
}
