/* SPDX-License-Identifier: MIT */
/* pool_size.h - how many workers: a pure function from samples to a target.
 *
 * Hill climbing alone is slow, noisy and blind when all workers block.  So the
 * base is arithmetic (CPUs + blocked workers) and the climbing only a probe on top:
 *
 *  - compensate  a blocked or stuck worker is replaced at once;
 *  - starve      the oldest wait above 20 ms for two ticks, nobody idle, CPU below
 *                90 %: one more; nothing taken for 200 ms though work waits: one more;
 *  - probe       keep the added one only if throughput rose by 5 %;
 *  - shrink      a quarter idle for 2 s: one fewer, down to the minimum;
 *  - stop        never grow above 95 % CPU or 80 % memory.
 *
 * Units      now_ms monotonic; shares 0 … 1.
 */
#ifndef SERVICE_ENGINE_POOL_SIZE_H
#define SERVICE_ENGINE_POOL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

struct pool_sample {
	int64_t now_ms;
	unsigned workers, idle;
	unsigned blocked;        /* said so (run_block_begin) */
	unsigned stuck;          /* in one unit of work for long, and off the CPU */
	int64_t oldest_wait_ms;
	uint64_t taken;          /* units since the start */
	double cpu_share;        /* of the CPUs we may use, by anybody */
	double memory_share;
};

enum pool_reason {
	POOL_STEADY, POOL_COMPENSATE, POOL_STARVE, POOL_STALL, POOL_PROBE_KEPT, POOL_PROBE_DROPPED,
	POOL_SHRINK, POOL_CPU_FULL, POOL_MEMORY_FULL, POOL_BOUND,
};
const char *pool_reason_name(enum pool_reason reason);

struct pool_decision {
	int64_t at_ms;
	unsigned from, to;
	enum pool_reason reason;
};

/* State between ticks; zero it, set the first three. */
struct pool_size {
	unsigned cpus, workers_min, workers_max;
	/* the function's own */
	int64_t starving_since_ms, idle_since_ms, stalled_since_ms, probe_since_ms;
	uint64_t last_taken, probe_taken;
	double probe_rate;
	unsigned probe_from, last_target;
	int64_t last_ms, hold_until_ms;
};

struct pool_decision pool_size_next(struct pool_size *size, const struct pool_sample *sample);

#endif
