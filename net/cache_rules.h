/* SPDX-License-Identifier: MIT */
/* cache_rules.h - what a private cache may keep, and what it may give (RFC 9111).
 *
 * Pure: heads in, verdicts out.  A head is a run of "name\0value\0", names in lower case,
 * as a transfer gathers it.
 *
 * Threads    every function from any thread.
 * Ownership  everything is borrowed; what is made goes into a buf of the caller.
 * Units      _s: seconds, _ms: milliseconds; instants of the wall clock since 1970.
 */
#ifndef NET_CACHE_RULES_H
#define NET_CACHE_RULES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache_head {
	const char *at;
	size_t len;
};

/* A stored answer, as far as the rules look at it. */
struct cache_facts {
	int status;
	struct cache_head head;
	int64_t asked_wall_ms, answered_wall_ms; /* request_time and response_time of 4.2.3 */
};

/* May an answer to GET be stored (section 3)? */
bool cache_storable(int status, struct cache_head head);

int64_t cache_lifetime_s(const struct cache_facts *facts);		   /* section 4.2.1 */
int64_t cache_age_s(const struct cache_facts *facts, int64_t now_wall_ms); /* section 4.2.3 */

enum cache_verdict {
	CACHE_FRESH, /* give it */
	CACHE_STALE, /* give it: the client takes what is that stale */
	CACHE_ASK,   /* ask the origin first */
};

/* Section 4.2; max_stale_s: how stale the client takes it; refresh: it wants the origin
 * to be asked in any case. */
enum cache_verdict cache_judge(const struct cache_facts *facts, int64_t max_stale_s, bool refresh,
			       int64_t now_wall_ms);

/* May it stand in for an origin that fails (stale-if-error, RFC 5861, section 4)? */
bool cache_may_rescue(const struct cache_facts *facts, int64_t max_stale_s, int64_t now_wall_ms);

/* Is there anything to ask the origin with (section 4.3.1)? */
bool cache_has_validator(struct cache_head head);

/* Does a 304 with this head confirm the stored answer (section 4.3.4)? */
bool cache_confirms(struct cache_head stored, struct cache_head news);

/* The head to be stored: without fields of the connection, and without Set-Cookie, which
 * was for once (section 3.1). */
void cache_head_keep(struct cache_head head, struct buf *into);
/* The stored head brought up to date by that of a 304 (section 3.2). */
void cache_head_merge(struct cache_head stored, struct cache_head news, struct buf *into);

/* The value of a field of the request; NULL: it has none. */
struct cache_asked {
	const char *(*field)(const void *ctx, const char *name);
	const void *ctx;
};

/* What Vary names of the request, to be stored beside the answer (section 4.1).  False:
 * it names "*". */
bool cache_vary_keep(struct cache_head head, const struct cache_asked *asked, struct buf *into);
/* Does the request have the same in these fields? */
bool cache_vary_match(struct cache_head kept, const struct cache_asked *asked);

#endif
