/* SPDX-License-Identifier: MIT */
/* robots_stage.h - a hop asks the robots.txt of its origin.
 *
 * Called by stages.c for each hop of a fetch that has a product token
 * (fetch_request.robots).  When the file is not known it is fetched, once however many
 * hops wait for it: they are held, without a transfer, in the line of that one load, so
 * these lines are together no longer than the fetcher's own (queued_max).  The load is an
 * ordinary fetch: guard, breaker, politeness and retries are as for any page, and while
 * its host's breaker is open it is parked.  It gives up after ROBOTS_ATTEMPTS, and with
 * it those that wait: ERR_FETCH_ROBOTS.
 *
 * Threads    the fetcher's.
 * Ownership  a load ends with its fetch; a hop that is held stays the fetcher's.
 */
#ifndef NET_ROBOTS_STAGE_H
#define NET_ROBOTS_STAGE_H

#include "net/stages.h"

enum admit robots_admit(struct fetch *fetch);
void robots_let_go(struct fetch *fetch); /* fine when it is not held here */

#endif
