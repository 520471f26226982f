/* SPDX-License-Identifier: MIT */
/* pool_size.h - how many workers: a pure function from samples to a target.
 *
 * Hill climbing alone is slow, noisy and blind when all workers block.  So the
 * base is arithmetic (CPUs + blocked workers) and the climbing only a probe on top.
 * When work waits and nobody is idle:
 *
 *  - compensate  a blocked or stuck worker is replaced at once: there are as many
 *                that can work as there are CPUs; while a wait above 20 ms
 *                grows, a quarter of the blocked and half of the stuck are added;
 *  - stall       nothing taken for 200 ms: one more;
 *  - starve      a wait above 20 ms for two ticks, CPU below 90 %: one more, and
 *  - probe       keep it only if throughput rose by 5 % in a second.
 *
 * Above memory of 80 % only the last free worker is replaced; above 95 % CPU nothing
 * is added beyond the base (a stall: up to twice the CPUs), and after half a second
 *
 *  - full        what is able to work beyond the CPUs goes, if nobody is idle.
 *  - shrink      a quarter idle for two seconds: a quarter of the idle go, down to
 *                the minimum, and again after two seconds.
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
	unsigned blocked; /* said so (run_block_begin) */
	unsigned stuck;	  /* pool_stuck(), and did not say so */
	int64_t oldest_wait_ms;
	uint64_t taken;	  /* units since the start */
	double cpu_share; /* of the CPUs we may use, by anybody */
	double memory_share;
};

enum pool_reason {
	POOL_STEADY,
	POOL_COMPENSATE,
	POOL_STARVE,
	POOL_STALL,
	POOL_PROBE_KEPT,
	POOL_PROBE_DROPPED,
	POOL_SHRINK,
	POOL_CPU_FULL,
	POOL_MEMORY_FULL, /* more would help; the target stays */
	POOL_BOUND,	  /* the configured minimum or maximum */
	POOL_REASONS
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
	/* the function's own; since and until: 0 is never */
	int64_t starving_since_ms, stalled_since_ms, idle_since_ms, full_since_ms;
	int64_t probe_since_ms, hold_until_ms;
	uint64_t last_taken, probe_taken, rate_taken;
	int64_t rate_since_ms, last_wait_ms;
	double rate, probe_rate; /* units/ms */
};

struct pool_decision pool_size_next(struct pool_size *size, const struct pool_sample *sample);

/* What a worker did between two samples. */
struct pool_watch {
	int64_t for_ms;
	int64_t on_ms; /* on the CPU, or ready and waiting for one */
	bool busy;     /* at both samples, and never idle between them */
	bool ready;    /* runs, or waits for a CPU, now */
};
/* Off the CPU for other reasons than that it is taken, without having said so: in one
 * long unit, or in many that block. */
bool pool_stuck(const struct pool_watch *watch);

#endif
