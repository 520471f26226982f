/* SPDX-License-Identifier: MIT */
/* rate.h - how fast a job goes on, by all that was seen of it.
 *
 * The mean of past rates, each weighing as long as it held, and less the longer ago that is: by
 * 1/e in RATE_MEMORY_MS (an exponentially weighted moving average over irregular intervals).
 * The first moments are not taken for slow: the weight of what was before the start is left out.
 *
 * Threads    one at a time.
 * Units      units per second.
 */
#ifndef SERVICE_ENGINE_RATE_H
#define SERVICE_ENGINE_RATE_H

#include <stdint.h>

enum { RATE_MEMORY_MS = 15 * 1000 };

struct rate_mean {
	double sum, weight;
};

/* `rate` has held for so long, until now. */
void rate_mean_add(struct rate_mean *mean, double rate, int64_t for_ms);
double rate_mean(const struct rate_mean *mean); /* 0: nothing was seen */

#endif
