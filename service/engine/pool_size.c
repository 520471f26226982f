/* SPDX-License-Identifier: MIT */
/* pool_size.c - the rules of pool_size.h, the first that applies.
 *
 * Sources: the .NET thread pool's hill climbing and where it fails
 * (dotnet/runtime, issue 81406).
 */
#include "service/engine/pool_size.h"

#include "base/compiler.h"

enum {
	STARVE_WAIT_MS = 20,  /* a shorter wait is no hunger */
	STARVE_FOR_MS = 100,  /* one tick apart: two ticks */
	STALL_FOR_MS = 200,   /* nothing taken meanwhile */
	PROBE_FOR_MS = 1000,  /* throughput before and after is told apart by then */
	HOLD_FOR_MS = 10000,  /* after a probe that brought nothing */
	SHRINK_FOR_MS = 2000, /* longer than a gap between bursts */
	FULL_FOR_MS = 500,
	RATE_EVERY_MS = 200,
	STUCK_FOR_MS = 90, /* a tick, give or take */
};

static const double CPU_STARVE = 0.90, CPU_FULL = 0.95, MEMORY_FULL = 0.80;
static const double PROBE_GAIN = 1.05, ON_CPU = 0.20;

static const char *const reason_names[POOL_REASONS] = {
	[POOL_STEADY] = "steady",	    [POOL_COMPENSATE] = "compensate",
	[POOL_STARVE] = "starve",	    [POOL_STALL] = "stall",
	[POOL_PROBE_KEPT] = "probe-kept",   [POOL_PROBE_DROPPED] = "probe-dropped",
	[POOL_SHRINK] = "shrink",	    [POOL_CPU_FULL] = "cpu-full",
	[POOL_MEMORY_FULL] = "memory-full", [POOL_BOUND] = "bound",
};

const char *pool_reason_name(enum pool_reason reason)
{
	return reason_names[reason];
}

bool pool_stuck(const struct pool_watch *watch)
{
	return watch->busy && !watch->ready && watch->for_ms >= STUCK_FOR_MS &&
	       (double)watch->on_ms < ON_CPU * (double)watch->for_ms;
}

/* Remembers since when a condition holds. */
static void since(int64_t *since_ms, bool holds, int64_t now_ms)
{
	if (!holds)
		*since_ms = 0;
	else if (*since_ms == 0)
		*since_ms = now_ms;
}

static bool held(int64_t since_ms, int64_t now_ms, int64_t for_ms)
{
	return since_ms != 0 && now_ms - since_ms >= for_ms;
}

static unsigned able(const struct pool_sample *sample)
{
	unsigned off = sample->blocked + sample->stuck;

	return sample->workers - MIN(off, sample->workers);
}

static void observe(struct pool_size *size, const struct pool_sample *sample)
{
	int64_t now_ms = sample->now_ms;
	bool crowded = sample->idle == 0 && sample->oldest_wait_ms > 0;
	bool quiet = sample->idle > 0 && sample->idle * 4 >= sample->workers;

	since(&size->starving_since_ms, crowded && sample->oldest_wait_ms > STARVE_WAIT_MS, now_ms);
	if (sample->taken != size->last_taken)
		size->stalled_since_ms = 0;
	since(&size->stalled_since_ms, crowded, now_ms);
	since(&size->idle_since_ms, quiet, now_ms);
	since(&size->full_since_ms,
	      crowded && sample->cpu_share >= CPU_FULL && able(sample) > size->cpus, now_ms);
	size->last_taken = sample->taken;
	if (size->rate_since_ms == 0) {
		size->rate_taken = sample->taken;
		size->rate_since_ms = now_ms;
	} else if (now_ms - size->rate_since_ms >= RATE_EVERY_MS) {
		size->rate = (double)(sample->taken - size->rate_taken) /
			     (double)(now_ms - size->rate_since_ms);
		size->rate_taken = sample->taken;
		size->rate_since_ms = now_ms;
	}
}

/* As many as are missing to the CPUs.  When the wait is long and still grows, what was
 * added blocks too: then a share of those, to be there in a few ticks.  It is larger for
 * the stuck, who are seen once a tick; who says that it blocks is seen at once. */
static unsigned compensation(const struct pool_size *size, const struct pool_sample *sample)
{
	unsigned missing = size->cpus - able(sample);
	unsigned share = sample->blocked / 4 + sample->stuck / 2;
	bool grows = sample->oldest_wait_ms > MAX(size->last_wait_ms, STARVE_WAIT_MS);

	return grows ? MAX(missing, share) : missing;
}

/* Rules for when work waits and nobody is idle. */
static enum pool_reason grow(struct pool_size *size, const struct pool_sample *sample,
			     unsigned *ret_to)
{
	unsigned can_work = able(sample);
	bool stalled = held(size->stalled_since_ms, sample->now_ms, STALL_FOR_MS);
	bool starving = held(size->starving_since_ms, sample->now_ms, STARVE_FOR_MS) &&
			sample->cpu_share < CPU_STARVE && sample->now_ms >= size->hold_until_ms &&
			size->probe_since_ms == 0;

	if (can_work >= size->cpus && !stalled && !starving)
		return POOL_STEADY;
	*ret_to = sample->workers + 1;
	if (sample->memory_share >= MEMORY_FULL && can_work > 0) {
		*ret_to = sample->workers;
		return POOL_MEMORY_FULL;
	}
	if (can_work < size->cpus) {
		size->probe_since_ms = 0; /* what it would measure is no longer its doing */
		if (sample->memory_share < MEMORY_FULL)
			*ret_to = sample->workers + compensation(size, sample);
		return POOL_COMPENSATE;
	}
	if (stalled && (sample->cpu_share < CPU_FULL || can_work < 2 * size->cpus)) {
		size->stalled_since_ms = sample->now_ms;
		return POOL_STALL;
	}
	if (starving) {
		size->probe_since_ms = sample->now_ms;
		size->probe_taken = sample->taken;
		size->probe_rate = size->rate;
		return POOL_STARVE;
	}
	*ret_to = sample->workers;
	return POOL_STEADY;
}

/* Was the last addition worth it? */
static enum pool_reason probe(struct pool_size *size, const struct pool_sample *sample,
			      unsigned *ret_to)
{
	double rate = (double)(sample->taken - size->probe_taken) /
		      (double)(sample->now_ms - size->probe_since_ms);

	size->probe_since_ms = 0;
	*ret_to = sample->workers;
	if (rate >= size->probe_rate * PROBE_GAIN)
		return POOL_PROBE_KEPT;
	size->hold_until_ms = sample->now_ms + HOLD_FOR_MS;
	*ret_to = sample->workers - 1;
	return POOL_PROBE_DROPPED;
}

static enum pool_reason choose(struct pool_size *size, const struct pool_sample *sample,
			       unsigned *ret_to)
{
	int64_t now_ms = sample->now_ms;

	if (held(size->probe_since_ms, now_ms, PROBE_FOR_MS))
		return probe(size, sample, ret_to);
	if (sample->idle == 0 && sample->oldest_wait_ms > 0) {
		enum pool_reason reason = grow(size, sample, ret_to);
		if (reason != POOL_STEADY)
			return reason;
	}
	if (held(size->full_since_ms, now_ms, FULL_FOR_MS)) {
		size->full_since_ms = 0;
		*ret_to = sample->workers - (able(sample) - size->cpus);
		return POOL_CPU_FULL;
	}
	if (held(size->idle_since_ms, now_ms, SHRINK_FOR_MS) &&
	    sample->workers > size->workers_min) {
		size->idle_since_ms = now_ms;
		*ret_to = sample->workers - MAX(sample->idle / 4, 1);
		return POOL_SHRINK;
	}
	return POOL_STEADY;
}

struct pool_decision pool_size_next(struct pool_size *size, const struct pool_sample *sample)
{
	unsigned to = sample->workers, bounded;
	struct pool_decision decision = {.at_ms = sample->now_ms, .from = sample->workers};

	observe(size, sample);
	decision.reason = choose(size, sample, &to);
	size->last_wait_ms = sample->oldest_wait_ms;
	bounded = MAX(MIN(to, size->workers_max), size->workers_min);
	if (bounded == sample->workers && to != bounded)
		decision.reason = to > sample->workers ? POOL_BOUND : POOL_STEADY;
	else if (bounded != to && to == sample->workers)
		decision.reason = POOL_BOUND;
	decision.to = bounded;
	return decision;
}
