/* SPDX-License-Identifier: MIT */
/* rate.c - the mean that an eta is made of. */
#include "service/engine/rate.h"

#include <math.h>

void rate_mean_add(struct rate_mean *mean, double rate, int64_t for_ms)
{
	double kept = exp(-(double)for_ms / RATE_MEMORY_MS);

	mean->sum = mean->sum * kept + rate * (1 - kept);
	mean->weight = mean->weight * kept + (1 - kept);
}

double rate_mean(const struct rate_mean *mean)
{
	return mean->weight > 0 ? mean->sum / mean->weight : 0;
}
