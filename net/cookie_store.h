/* SPDX-License-Identifier: MIT */
/* cookie_store.h - the inside of a jar: cookies by domain, and by when they were used last.
 * Shared by cookies.c, which has the rules, and cookies_blob.c.
 *
 *   buckets ─▶ cookie ─▶ cookie       a chain for each hash of a domain
 *   used ◀───▶ oldest … newest        the ring that says who goes first
 *
 * Threads    under the jar's lock; cookie_new() and cookie_free() need none.
 * Ownership  a jar owns what was added.
 */
#ifndef NET_COOKIE_STORE_H
#define NET_COOKIE_STORE_H

#include "base/lock.h"
#include "net/ring.h"
#include "net/set_cookie.h"

#include <stdatomic.h>

enum { COOKIE_BUCKETS = 256 };

struct cookie {
	struct cookie *next; /* in its bucket */
	struct ring used;
	uint64_t created, used_at; /* the jar's count of happenings, which orders them */
	int64_t expires_wall_s;
	struct url_part name, value, domain, path; /* in the same block of memory */
	size_t bytes;				   /* of that block */
	bool host_only, secure, http_only;
	enum same_site same_site;
};

struct cookies {
	atomic_int refs;  /* the last one frees: sequentially consistent */
	struct lock lock; /* LOCK_LEAF */
	struct cookie *buckets[COOKIE_BUCKETS] GUARDED_BY(lock);
	struct ring used GUARDED_BY(lock); /* the one that was used longest ago is first */
	size_t count GUARDED_BY(lock), secure_count GUARDED_BY(lock), bytes GUARDED_BY(lock);
	uint64_t happenings GUARDED_BY(lock), version GUARDED_BY(lock);
	int64_t expiry_wall_s GUARDED_BY(lock); /* none expires before that */
};

/* From `like`, with copies of its texts, the domain in lower case.  NULL: no memory. */
struct cookie *cookie_new(const struct cookie *like);
void cookie_free(struct cookie *cookie);

bool domain_equal(struct url_part a, struct url_part b);

/* The chain of cookies in which those of `domain` are. */
struct cookie *cookie_bucket(struct cookies *jar, struct url_part domain) REQUIRES(jar->lock);

/* Of the same name, domain, host-only-flag and path; NULL: none. */
struct cookie *cookie_find(struct cookies *jar, const struct cookie *like) REQUIRES(jar->lock);

/* Puts it in as the one used last, in place of its like, whose age it takes over. */
void cookie_add(struct cookies *jar, struct cookie *cookie) REQUIRES(jar->lock);
void cookie_remove(struct cookies *jar, struct cookie *cookie) REQUIRES(jar->lock); /* frees */
void cookie_touch(struct cookies *jar, struct cookie *cookie) REQUIRES(jar->lock);

void cookies_expire(struct cookies *jar, int64_t now_wall_s) REQUIRES(jar->lock);
/* Removes what is too much, of that domain and in all (section 5.7, the order of its end). */
void cookies_evict(struct cookies *jar, struct url_part domain) REQUIRES(jar->lock);
void cookies_clear(struct cookies *jar) REQUIRES(jar->lock);

#endif
