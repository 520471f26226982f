/* SPDX-License-Identifier: MIT */
/* samples.h - durations gathered by the clients of the benchmarks, and their quantiles.
 *
 * Ownership  samples_done() frees what samples_add() gathered.
 * Errors     the program ends: a benchmark that has lost samples is worth nothing.
 * Units      _us: microseconds.
 */
#ifndef TESTS_BENCH_SAMPLES_H
#define TESTS_BENCH_SAMPLES_H

#include <stdint.h>
#include <stdlib.h>

struct samples {
	uint32_t *us;
	size_t count, room;
};

static inline void samples_add(struct samples *samples, int64_t us)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 65536;
		samples->us = realloc(samples->us, samples->room * sizeof(*samples->us));
		if (!samples->us)
			abort();
	}
	samples->us[samples->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static inline int samples_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static inline void samples_sort(struct samples *samples)
{
	if (samples->count > 0)
		qsort(samples->us, samples->count, sizeof(*samples->us), samples_compare);
}

/* Of sorted samples: q 0.5 is the median, 1 the greatest. */
static inline uint32_t samples_quantile_us(const struct samples *samples, double q)
{
	if (samples->count == 0)
		return 0;
	return samples->us[(size_t)(q * (double)(samples->count - 1) + 0.5)];
}

static inline void samples_done(struct samples *samples)
{
	free(samples->us);
	*samples = (struct samples){0};
}

#endif
