/* SPDX-License-Identifier: MIT */
/* group_holds.h - groups of parts that are given to nobody for a while.
 *
 * Threads    one at a time.
 * Units      _ms of the wall clock.
 */
#ifndef SERVICE_ENGINE_GROUP_HOLDS_H
#define SERVICE_ENGINE_GROUP_HOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GROUP_HOLDS_MAX = 256 };

struct group_holds {
	struct group_hold {
		uint64_t group;
		int64_t until_ms;
	} at[GROUP_HOLDS_MAX];
	size_t count;
};

/* Until then; at or before now_ms: no longer.  False: too many are held. */
bool group_hold(struct group_holds *holds, uint64_t group, int64_t until_ms, int64_t now_ms);
/* The instant until which it is held; 0: it is not. */
int64_t group_held_until(const struct group_holds *holds, uint64_t group, int64_t now_ms);

#endif
