/* SPDX-License-Identifier: MIT */
/* fetch_world.h - what tests of the fetcher stand in: an origin, a fetcher that may talk
 * to it, and the results as they come.
 *
 * Threads    the test's; the callbacks are the fetcher's.
 * Ownership  results are the world's, until world_close().
 * Errors     a failing call fails the test.
 * Locks      LOCK_RUN, as the receivers of results have in the daemon.
 */
#ifndef TESTS_LIB_FETCH_WORLD_H
#define TESTS_LIB_FETCH_WORLD_H

#include "base/lock.h"
#include "net/fetch.h"
#include "tests/lib/origin.h"

enum { WORLD_RESULTS_MAX = 256 };

struct world {
	struct origin *origin;
	struct guard *guard;
	struct fetcher *fetcher;
	struct lock lock;
	struct cond arrived;
	/* Written under the lock; read without it by those who have waited for the writer. */
	struct fetch_result *results[WORLD_RESULTS_MAX];
	unsigned count;
	unsigned changes; /* breakers that moved */
	unsigned rooms;
	unsigned saves;
};

/* `allow`: a network; NULL: public addresses only.  queued_max 0: the default. */
void world_open(struct world *world, const char *allow, unsigned queued_max);
/* The same with more said: guard, callbacks and ctx are the world's. */
void world_open_with(struct world *world, const char *allow, const struct fetcher_config *config);
void world_close(struct world *world);

/* Waits until a counter of the world has come to `least`. */
void world_wait(struct world *world, const unsigned *which, unsigned least);
/* Counts one up, and wakes those who wait. */
void world_count(struct world *world, unsigned *which);

/* Starts one for a target of the origin, or for a URL; `request` says the rest.  The
 * caller drops the fetch. */
struct fetch *world_start(struct world *world, const char *target,
			  const struct fetch_request *request);
/* Starts one and waits for it. */
const struct fetch_result *world_get(struct world *world, const char *target,
				     const struct fetch_request *request);
/* The done() of all of them; ctx: the world. */
void world_done(void *ctx, struct fetch_result *result);

#endif
