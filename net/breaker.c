/* SPDX-License-Identifier: MIT */
/* breaker.c - the moves of the diagram in breaker.h.
 *
 * Called by hosts.c under its lock.  Every move goes through move_to(), which
 * begins a new generation and an empty window.
 */
#include "net/breaker.h"

#include "base/compiler.h"

#include <string.h>

enum {
	FORGIVE_MS_MIN = 10 * 60 * 1000, /* closed for so long, trips are forgiven … */
	FORGIVE_OPENS = 2,		 /* … or for twice the last open time */
	JITTER_PERCENT = 15,
	TRIPS_MAX = 32,		  /* 2^31 · any open time is beyond any maximum */
	SAVED_MS_MAX = INT32_MAX, /* 24 days: no open time is longer */
};

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {"closed", "open", "half-open"};

	return names[state];
}

const char *breaker_reason_name(enum breaker_reason reason)
{
	static const char *const names[BREAKER_REASONS] = {
		[BREAKER_BORN] = "new",
		[BREAKER_FAILURES] = "consecutive-failures",
		[BREAKER_RATE] = "failure-rate",
		[BREAKER_SLOW] = "slow-calls",
		[BREAKER_PROBE] = "probe-failed",
		[BREAKER_TIME] = "open-time-over",
		[BREAKER_RECOVERED] = "probes-succeeded",
		[BREAKER_HAND] = "by-hand",
		[BREAKER_RESET] = "reset",
	};

	return names[reason];
}

struct breaker_policy breaker_policy_whole(const struct breaker_policy *policy)
{
	static const struct breaker_policy preset = {
		.failures_max = 5,
		.calls_min = 10,
		.failure_percent = 50,
		.successes_min = 3,
		.slow_ms = 30 * 1000LL,
		.open_ms = 15 * 1000LL,
		.open_ms_max = 900 * 1000LL,
		.lease_ms = 90 * 1000LL,
	};
	struct breaker_policy whole = *policy;

#define OR_PRESET(member) whole.member = whole.member > 0 ? whole.member : preset.member
	OR_PRESET(failures_max);
	OR_PRESET(calls_min);
	OR_PRESET(failure_percent);
	OR_PRESET(successes_min);
	OR_PRESET(slow_ms);
	OR_PRESET(open_ms);
	OR_PRESET(open_ms_max);
	OR_PRESET(lease_ms);
#undef OR_PRESET
	return whole;
}

void breaker_init(struct breaker *breaker, int64_t now_ms)
{
	*breaker = (struct breaker){
		.since_ms = now_ms,
		.bucket_at = now_ms / BREAKER_BUCKET_MS,
	};
}

/* The bucket of now; those that time passed over are emptied. */
static struct breaker_bucket *bucket_now(struct breaker *breaker, int64_t now_ms)
{
	int64_t at = now_ms / BREAKER_BUCKET_MS;
	int64_t steps = MIN(at - breaker->bucket_at, BREAKER_BUCKETS);

	for (int64_t i = 0; i < steps; i++)
		breaker->buckets[(at - i) % BREAKER_BUCKETS] = (struct breaker_bucket){0};
	breaker->bucket_at = MAX(at, breaker->bucket_at);
	return &breaker->buckets[breaker->bucket_at % BREAKER_BUCKETS];
}

struct breaker_bucket breaker_window(const struct breaker *breaker, int64_t now_ms)
{
	int64_t passed = now_ms / BREAKER_BUCKET_MS - breaker->bucket_at;
	struct breaker_bucket sum = {0};

	for (int64_t i = 0; i < BREAKER_BUCKETS - passed; i++) {
		int64_t at = breaker->bucket_at - i;
		const struct breaker_bucket *bucket;

		if (at < 0)
			break;
		bucket = &breaker->buckets[at % BREAKER_BUCKETS];
		sum.calls += bucket->calls;
		sum.failures += bucket->failures;
		sum.slow += bucket->slow;
	}
	return sum;
}

static void move_to(struct breaker *breaker, enum breaker_state state, enum breaker_reason reason,
		    int64_t now_ms)
{
	breaker->state = state;
	breaker->reason = reason;
	breaker->generation++;
	breaker->consecutive = 0;
	breaker->probing = false;
	breaker->since_ms = now_ms;
	memset(breaker->buckets, 0, sizeof(breaker->buckets));
	breaker->bucket_at = now_ms / BREAKER_BUCKET_MS;
}

static void trip(struct breaker *breaker, const struct breaker_policy *policy,
		 enum breaker_reason reason, int64_t now_ms, struct rng *rng)
{
	int64_t open_ms = policy->open_ms;
	double jitter = 1 + (2 * rng_unit(rng) - 1) * JITTER_PERCENT / 100;

	breaker->trips = MIN(breaker->trips + 1, TRIPS_MAX);
	for (uint32_t i = 1; i < breaker->trips && open_ms < policy->open_ms_max; i++)
		open_ms *= 2;
	open_ms = MIN(open_ms, policy->open_ms_max);
	open_ms = (int64_t)((double)open_ms * jitter);
	move_to(breaker, BREAKER_OPEN, reason, now_ms);
	breaker->open_until_ms = now_ms + open_ms;
	breaker->open_last_ms = open_ms;
}

int64_t breaker_ready_ms(const struct breaker *breaker, int64_t now_ms)
{
	switch (breaker->state) {
	case BREAKER_OPEN:
		if (breaker->open_until_ms == BREAKER_NEVER_MS)
			return INT64_MAX;
		return MAX(breaker->open_until_ms, now_ms);
	case BREAKER_HALF_OPEN:
		return breaker->probing ? MAX(breaker->lease_until_ms, now_ms) : now_ms;
	default:
		return now_ms;
	}
}

bool breaker_try(struct breaker *breaker, const struct breaker_policy *policy, int64_t now_ms,
		 uint32_t *ret_generation)
{
	if (breaker_ready_ms(breaker, now_ms) > now_ms)
		return false;
	if (breaker->state == BREAKER_OPEN)
		move_to(breaker, BREAKER_HALF_OPEN, BREAKER_TIME, now_ms);
	if (breaker->state == BREAKER_HALF_OPEN) {
		/* Its own generation: should the lease run out, its result comes too late. */
		breaker->generation++;
		breaker->probing = true;
		breaker->lease_until_ms = now_ms + breaker_policy_whole(policy).lease_ms;
	}
	*ret_generation = breaker->generation;
	return true;
}

/* BREAKER_BORN: no reason to. */
static enum breaker_reason trip_reason(const struct breaker *breaker,
				       const struct breaker_policy *policy, int64_t now_ms)
{
	struct breaker_bucket window;

	if (breaker->consecutive >= policy->failures_max)
		return BREAKER_FAILURES;
	window = breaker_window(breaker, now_ms);
	if (window.calls < policy->calls_min)
		return BREAKER_BORN;
	if ((uint64_t)window.failures * 100 >= (uint64_t)window.calls * policy->failure_percent)
		return BREAKER_RATE;
	return window.slow == window.calls ? BREAKER_SLOW : BREAKER_BORN;
}

/* Trips are forgiven after so long without trouble. */
static int64_t forgive_ms(const struct breaker *breaker)
{
	return MAX(FORGIVE_MS_MIN, FORGIVE_OPENS * breaker->open_last_ms);
}

static void forgive(struct breaker *breaker, int64_t now_ms)
{
	if (now_ms - breaker->since_ms >= forgive_ms(breaker))
		breaker->trips = 0;
}

bool breaker_forgotten(const struct breaker *breaker, int64_t now_ms)
{
	int64_t since_ms = breaker->since_ms;

	if (breaker->force != BREAKER_FREE)
		return false;
	if (breaker->state == BREAKER_CLOSED && breaker->trips == 0)
		return true;
	if (breaker->state == BREAKER_OPEN)
		since_ms = breaker->open_until_ms;
	return now_ms - since_ms >= forgive_ms(breaker);
}

static bool closed_result(struct breaker *breaker, const struct breaker_policy *policy, bool failed,
			  int64_t first_byte_ms, int64_t now_ms, struct rng *rng)
{
	struct breaker_bucket *bucket = bucket_now(breaker, now_ms);
	enum breaker_reason reason;

	bucket->calls++;
	bucket->failures += failed;
	bucket->slow += first_byte_ms > policy->slow_ms;
	breaker->consecutive = failed ? breaker->consecutive + 1 : 0;
	forgive(breaker, now_ms);
	reason = breaker->force == BREAKER_FREE ? trip_reason(breaker, policy, now_ms)
						: BREAKER_BORN;
	if (reason == BREAKER_BORN)
		return false;
	trip(breaker, policy, reason, now_ms, rng);
	return true;
}

static bool probe_result(struct breaker *breaker, const struct breaker_policy *policy, bool failed,
			 int64_t now_ms, struct rng *rng)
{
	if (failed) {
		trip(breaker, policy, BREAKER_PROBE, now_ms, rng);
		return true;
	}
	breaker->probing = false;
	if (++breaker->consecutive < policy->successes_min)
		return false;
	move_to(breaker, BREAKER_CLOSED, BREAKER_RECOVERED, now_ms);
	return true;
}

bool breaker_result(struct breaker *breaker, const struct breaker_policy *policy,
		    uint32_t generation, enum breaker_outcome outcome, int64_t first_byte_ms,
		    int64_t now_ms, struct rng *rng)
{
	struct breaker_policy whole = breaker_policy_whole(policy);
	bool failed = outcome == BREAKER_FAILURE;

	if (generation != breaker->generation || breaker->state == BREAKER_OPEN)
		return false;
	if (outcome == BREAKER_EXCLUDED) {
		breaker->probing = false;
		return false;
	}
	if (breaker->state == BREAKER_HALF_OPEN)
		return probe_result(breaker, &whole, failed, now_ms, rng);
	return closed_result(breaker, &whole, failed, first_byte_ms, now_ms, rng);
}

void breaker_extend(struct breaker *breaker, int64_t until_ms)
{
	if (breaker->state == BREAKER_OPEN && breaker->open_until_ms != BREAKER_NEVER_MS)
		breaker->open_until_ms = MAX(breaker->open_until_ms, until_ms);
}

void breaker_force(struct breaker *breaker, enum breaker_force force, int64_t now_ms)
{
	bool was_held = breaker->force == BREAKER_FORCED_OPEN;

	breaker->force = force;
	if (force == BREAKER_FORCED_OPEN) {
		move_to(breaker, BREAKER_OPEN, BREAKER_HAND, now_ms);
		breaker->open_until_ms = BREAKER_NEVER_MS;
	} else if (force == BREAKER_FORCED_CLOSED) {
		move_to(breaker, BREAKER_CLOSED, BREAKER_HAND, now_ms);
	} else if (was_held) {
		move_to(breaker, BREAKER_HALF_OPEN, BREAKER_HAND, now_ms);
	}
}

void breaker_reset(struct breaker *breaker, int64_t now_ms)
{
	uint32_t generation = breaker->generation;

	breaker_init(breaker, now_ms);
	breaker->generation = generation + 1;
	breaker->reason = BREAKER_RESET;
}

void breaker_export(const struct breaker *breaker, int64_t now_ms, struct breaker_saved *ret_saved)
{
	*ret_saved = (struct breaker_saved){
		.state = breaker->state,
		.force = breaker->force,
		.trips = breaker->trips,
		.reason = breaker->reason,
		.in_state_ms = now_ms - breaker->since_ms,
		.open_left_ms = MAX(breaker->open_until_ms - now_ms, 0),
		.open_last_ms = breaker->open_last_ms,
	};
}

int breaker_import(struct breaker *breaker, const struct breaker_saved *saved, int64_t away_ms,
		   int64_t now_ms)
{
	bool held = saved->force == BREAKER_FORCED_OPEN;

	if (saved->state > BREAKER_HALF_OPEN || saved->force > BREAKER_FORCED_CLOSED ||
	    saved->reason >= BREAKER_REASONS || saved->trips > TRIPS_MAX ||
	    saved->in_state_ms < 0 || away_ms < 0 || saved->open_left_ms < 0 ||
	    saved->open_left_ms > SAVED_MS_MAX || saved->open_last_ms < 0 ||
	    saved->open_last_ms > SAVED_MS_MAX || (held && saved->state != BREAKER_OPEN))
		return -1;
	breaker_reset(breaker, now_ms);
	breaker->state = (enum breaker_state)saved->state;
	breaker->force = (enum breaker_force)saved->force;
	breaker->reason = (enum breaker_reason)saved->reason;
	breaker->trips = saved->trips;
	breaker->since_ms = now_ms - saved->in_state_ms - away_ms;
	breaker->open_last_ms = saved->open_last_ms;
	breaker->open_until_ms = now_ms + saved->open_left_ms - away_ms; /* past, perhaps */
	if (breaker->open_until_ms == BREAKER_NEVER_MS)
		breaker->open_until_ms = -1;
	if (held)
		breaker->open_until_ms = BREAKER_NEVER_MS;
	return 0;
}
