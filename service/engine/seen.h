/* SPDX-License-Identifier: MIT */
/* seen.h - which keys a run has taken: 128-bit fingerprints in open addressing.
 *
 * Two keys with one fingerprint would lose a part; with XXH3 and four million keys
 * the chance is 2^-84.  The set is cut into segments that grow one at a time, so
 * that no single add moves more than a 64th of it.
 *
 * Threads    the caller's lock (run.h).
 */
#ifndef SERVICE_ENGINE_SEEN_H
#define SERVICE_ENGINE_SEEN_H

#include <stddef.h>
#include <stdint.h>

enum { SEEN_SEGMENTS = 64 };

struct fingerprint {
	uint64_t low, high; /* never both 0 */
};

struct seen {
	struct seen_segment {
		struct fingerprint *slots; /* both 0: free */
		uint32_t count, room;	   /* room: a power of two */
	} segments[SEEN_SEGMENTS];
	size_t count, max;
};

enum seen_answer { SEEN_NEW, SEEN_KNOWN, SEEN_FULL /* max, or no memory */ };

struct fingerprint fingerprint_of(const void *key, size_t len);

void seen_init(struct seen *seen, size_t max);
void seen_done(struct seen *seen);
enum seen_answer seen_look(const struct seen *seen, struct fingerprint print); /* NEW, KNOWN */
enum seen_answer seen_add(struct seen *seen, struct fingerprint print);

#endif
