/* SPDX-License-Identifier: MIT */
/* clock.h - the two clocks, and random numbers.
 *
 * Pure state machines take `now_ms` and a `struct rng` as arguments, so their
 * tests need neither.  What has threads asks here.
 *
 * Units      _ms and _us of the monotonic clock (from an arbitrary start) unless
 *            the name says wall: milliseconds since 1970-01-01T00:00:00Z.
 * Threads    every function from any thread; a struct rng belongs to one.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_ms(void);
int64_t clock_us(void);
int64_t clock_wall_ms(void);
int64_t clock_thread_cpu_us(void); /* CPU time of the calling thread */

/* xoshiro256** (Blackman and Vigna, 2018): fast, seedable, not for secrets. */
struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
void rng_seed_system(struct rng *rng); /* from getrandom(2) */
uint64_t rng_next(struct rng *rng);
double rng_unit(struct rng *rng);			      /* [0, 1) */
int64_t rng_between(struct rng *rng, int64_t lo, int64_t hi); /* lo … hi, both included */

void random_bytes(void *bytes, size_t len); /* getrandom(2): for ids, tokens, keys */

#endif
