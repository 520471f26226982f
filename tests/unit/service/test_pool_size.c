/* SPDX-License-Identifier: MIT */
/* test_pool_size.c - the sizing rules, alone and in a simulated machine.
 *
 * The simulation has virtual time in steps of a millisecond, no threads: jobs
 * arrive, need some CPU and block for some time; running workers share the CPUs;
 * every 100 ms the function is asked and obeyed.
 */
#include "service/engine/pool_size.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 512, QUEUE = 1 << 16, TICK_MS = 100 };

struct sim_worker {
	bool alive, busy;
	double cpu_left_ms;
	int64_t block_left_ms;
	int64_t busy_since_ms;
	int64_t on_tick_ms; /* computing, or ready to, since the last tick */
};

struct sim {
	struct pool_size size;
	/* the load */
	double jobs_per_ms, cpu_ms, others_cpu; /* others_cpu: share taken by somebody else */
	int64_t block_ms;
	bool says; /* blocking is announced */
	double memory_share;

	int64_t now_ms;
	double arriving, cpu_used_ms;
	int64_t queue[QUEUE]; /* arrival times */
	size_t head, tail;
	struct sim_worker workers[WORKERS];
	unsigned alive, surplus;
	uint64_t taken, finished;
	unsigned changes;
	struct pool_decision last;
};

static void sim_init(struct sim *sim, unsigned cpus, unsigned workers_min)
{
	memset(sim, 0, sizeof(*sim));
	sim->size = (struct pool_size){
		.cpus = cpus, .workers_min = workers_min, .workers_max = WORKERS};
	sim->now_ms = 1000;
	sim->says = true;
	for (unsigned i = 0; i < workers_min; i++)
		sim->workers[i].alive = true;
	sim->alive = workers_min;
}

static void sim_post(struct sim *sim, unsigned jobs)
{
	while (jobs-- > 0 && sim->tail - sim->head < QUEUE)
		sim->queue[sim->tail++ % QUEUE] = sim->now_ms;
}

static void worker_take(struct sim *sim, struct sim_worker *worker)
{
	if (sim->head == sim->tail)
		return;
	sim->head++;
	sim->taken++;
	if (!worker->busy)
		worker->busy_since_ms = sim->now_ms;
	worker->busy = true;
	worker->cpu_left_ms = sim->cpu_ms;
	worker->block_left_ms = sim->block_ms;
}

static void worker_end(struct sim *sim, struct sim_worker *worker)
{
	sim->finished++;
	if (sim->surplus > 0) {
		sim->surplus--;
		sim->alive--;
		*worker = (struct sim_worker){0};
	} else if (sim->head == sim->tail) {
		worker->busy = false;
	} else {
		worker_take(sim, worker);
	}
}

/* One millisecond: CPU first, then the blocking part of each job. */
static void sim_step(struct sim *sim)
{
	unsigned running = 0;
	double share;

	sim->arriving += sim->jobs_per_ms;
	sim_post(sim, (unsigned)sim->arriving);
	sim->arriving -= (unsigned)sim->arriving;
	for (int i = 0; i < WORKERS; i++) {
		struct sim_worker *worker = &sim->workers[i];

		if (worker->alive && !worker->busy)
			worker_take(sim, worker);
		running += worker->busy && worker->cpu_left_ms > 0;
	}
	share = running == 0 ? 0 : sim->size.cpus * (1 - sim->others_cpu) / running;
	share = MIN(share, 1.0);
	for (int i = 0; i < WORKERS; i++) {
		struct sim_worker *worker = &sim->workers[i];

		if (!worker->busy)
			continue;
		if (worker->cpu_left_ms > 0) {
			worker->cpu_left_ms -= share;
			worker->on_tick_ms++;
			sim->cpu_used_ms += share;
		} else if (worker->block_left_ms > 0) {
			worker->block_left_ms--;
		}
		if (worker->cpu_left_ms <= 0 && worker->block_left_ms <= 0)
			worker_end(sim, worker);
	}
	sim->now_ms++;
}

static void sim_sample(struct sim *sim, struct pool_sample *ret)
{
	*ret = (struct pool_sample){.now_ms = sim->now_ms,
				    .workers = sim->alive,
				    .taken = sim->taken,
				    .memory_share = sim->memory_share};
	ret->cpu_share = sim->others_cpu + sim->cpu_used_ms / (TICK_MS * (double)sim->size.cpus);
	sim->cpu_used_ms = 0;
	if (sim->head != sim->tail)
		ret->oldest_wait_ms = sim->now_ms - sim->queue[sim->head % QUEUE];
	for (int i = 0; i < WORKERS; i++) {
		struct sim_worker *worker = &sim->workers[i];
		struct pool_watch watch = {
			.for_ms = TICK_MS,
			.on_ms = worker->on_tick_ms,
			.busy = worker->busy && worker->busy_since_ms <= sim->now_ms - TICK_MS,
			.ready = worker->cpu_left_ms > 0,
		};

		worker->on_tick_ms = 0;
		ret->idle += worker->alive && !worker->busy;
		if (sim->says)
			ret->blocked += worker->busy && worker->cpu_left_ms <= 0;
		else
			ret->stuck += pool_stuck(&watch);
	}
}

static void sim_obey(struct sim *sim, const struct pool_decision *decision)
{
	if (decision->to != decision->from) {
		sim->changes++;
		sim->last = *decision;
		sim->surplus = 0;
	}
	for (int i = 0; sim->alive < decision->to && i < WORKERS; i++) {
		if (!sim->workers[i].alive) {
			sim->workers[i] = (struct sim_worker){.alive = true};
			sim->alive++;
		}
	}
	for (int i = WORKERS - 1;
	     decision->from != decision->to && sim->alive > decision->to && i >= 0; i--) {
		if (sim->workers[i].alive && !sim->workers[i].busy) {
			sim->workers[i] = (struct sim_worker){0};
			sim->alive--;
		}
	}
	if (decision->from > decision->to && sim->alive > decision->to)
		sim->surplus = sim->alive - decision->to;
}

static void sim_run(struct sim *sim, int64_t for_ms)
{
	for (int64_t i = 0; i < for_ms; i++) {
		sim_step(sim);
		if (sim->now_ms % TICK_MS == 0) {
			struct pool_sample sample;
			struct pool_decision decision;

			sim_sample(sim, &sample);
			decision = pool_size_next(&sim->size, &sample);
			sim_obey(sim, &decision);
		}
	}
}

static struct sim sim; /* too large for a stack */

static void cpu_bound_load_settles_at_the_core_count(void **state)
{
	/* Endless CPU work on four cores: four workers within a second, and no more. */
	(void)state;
	sim_init(&sim, 4, 1);
	sim.cpu_ms = 5;
	sim.jobs_per_ms = 2;
	sim_run(&sim, 1000);
	assert_int_equal(sim.alive, 4);
	sim.changes = 0;
	sim_run(&sim, 20000);
	assert_int_equal(sim.alive, 4);
	assert_int_equal(sim.changes, 0);
}

static void blocking_jobs_get_their_threads(void **state)
{
	/* 500 jobs a second that block for 100 ms need 50 threads: there within 2 s. */
	(void)state;
	sim_init(&sim, 2, 2);
	sim.jobs_per_ms = 0.5;
	sim.cpu_ms = 0.1;
	sim.block_ms = 100;
	sim_run(&sim, 2000);
	assert_in_range(sim.alive, 50, 80);
	sim_run(&sim, 3000); /* the queue of the start is worked off */
	sim.finished = 0;
	sim_run(&sim, 1000);
	assert_in_range(sim.finished, 490, 510);
}

static void blocking_jobs_that_do_not_say_so_get_their_threads(void **state)
{
	/* The same load without run_block_begin(): 50 threads within 2 s too. */
	(void)state;
	sim_init(&sim, 2, 2);
	sim.jobs_per_ms = 0.5;
	sim.cpu_ms = 0.1;
	sim.block_ms = 100;
	sim.says = false;
	sim_run(&sim, 2000);
	assert_in_range(sim.alive, 50, 120);
	sim_run(&sim, 3000); /* the queue of the start is worked off */
	sim.finished = 0;
	sim_run(&sim, 1000);
	assert_in_range(sim.finished, 480, 520);
}

static void few_are_left_after_the_load(void **state)
{
	/* 35 s after blocking load ends, the pool is back at its minimum. */
	(void)state;
	sim_init(&sim, 2, 2);
	sim.jobs_per_ms = 0.5;
	sim.block_ms = 100;
	sim_run(&sim, 5000);
	assert_true(sim.alive >= 50);
	sim.jobs_per_ms = 0;
	sim_run(&sim, 35000);
	assert_in_range(sim.alive, 2, 4);
}

static void all_blocked_still_makes_progress(void **state)
{
	/* Every worker blocks for a minute without a word: a short job runs within 300 ms. */
	(void)state;
	sim_init(&sim, 2, 4);
	sim.says = false;
	sim.block_ms = 60000;
	sim_post(&sim, 4);
	sim_run(&sim, 1050);
	assert_int_equal(sim.taken, 4);
	sim.block_ms = 0;
	sim.cpu_ms = 1;
	sim_post(&sim, 1);
	sim_run(&sim, 300);
	assert_int_equal(sim.finished, 1);
}

static void all_blocked_makes_progress_on_a_full_machine(void **state)
{
	/* The same while others use all CPU and memory is short. */
	(void)state;
	sim_init(&sim, 2, 2);
	sim.others_cpu = 0.98;
	sim.memory_share = 0.9;
	sim.block_ms = 60000;
	sim.says = false;
	sim_post(&sim, 2);
	sim_run(&sim, 1050);
	sim.block_ms = 0;
	sim_post(&sim, 1);
	sim_run(&sim, 300);
	assert_int_equal(sim.taken, 3);
}

static void bursts_do_not_churn(void **state)
{
	/* Every second 20 jobs that block for 100 ms: after the first, few changes a minute. */
	(void)state;
	sim_init(&sim, 2, 2);
	sim.block_ms = 100;
	sim_post(&sim, 20);
	sim_run(&sim, 1000);
	sim.changes = 0;
	for (int second = 0; second < 60; second++) {
		sim_post(&sim, 20);
		sim_run(&sim, 1000);
	}
	assert_in_range(sim.changes, 0, 12);
}

static void noise_does_not_churn(void **state)
{
	/* A random load around half of the machine, some of it blocking: few changes a minute. */
	struct rng rng;

	(void)state;
	rng_seed(&rng, 7);
	sim_init(&sim, 2, 2);
	sim.cpu_ms = 2;
	for (int tenth = 0; tenth < 100; tenth++) {
		sim.jobs_per_ms = rng_unit(&rng);
		sim.block_ms = rng_between(&rng, 0, 10);
		sim_run(&sim, 100);
	}
	sim.changes = 0;
	for (int tenth = 0; tenth < 600; tenth++) {
		sim.jobs_per_ms = rng_unit(&rng);
		sim.block_ms = rng_between(&rng, 0, 10);
		sim_run(&sim, 100);
	}
	assert_in_range(sim.changes, 0, 30);
}

static void surplus_leaves_when_blocking_load_turns_to_computing(void **state)
{
	/* Fifty threads that start to compute on two cores are two a second later. */
	(void)state;
	sim_init(&sim, 2, 1);
	sim.jobs_per_ms = 0.5;
	sim.block_ms = 100;
	sim_run(&sim, 3000);
	assert_true(sim.alive >= 50);
	sim.block_ms = 0;
	sim.cpu_ms = 5;
	sim.jobs_per_ms = 2;
	sim_run(&sim, 1500);
	assert_int_equal(sim.alive, 2);
	assert_int_equal(sim.last.reason, POOL_CPU_FULL);
}

static void a_probe_without_gain_is_taken_back(void **state)
{
	/* Starving at 50 % CPU: one more worker; throughput the same a second later: one fewer. */
	struct pool_size size = {.cpus = 2, .workers_min = 1, .workers_max = 8};
	struct pool_sample sample = {.workers = 2, .oldest_wait_ms = 5, .cpu_share = 0.5};
	struct pool_decision decision = {0};

	(void)state;
	for (sample.now_ms = 500; sample.now_ms < 1000; sample.now_ms += 100, sample.taken += 10)
		assert_int_equal(pool_size_next(&size, &sample).reason, POOL_STEADY);
	sample.oldest_wait_ms = 50;
	for (; sample.now_ms <= 1100; sample.now_ms += 100, sample.taken += 10)
		decision = pool_size_next(&size, &sample);
	assert_int_equal(decision.reason, POOL_STARVE);
	assert_int_equal(decision.to, 3);
	sample.workers = 3;
	for (; sample.now_ms <= 2000; sample.now_ms += 100, sample.taken += 10)
		assert_int_equal(pool_size_next(&size, &sample).to, 3);
	sample.now_ms = 2100;
	decision = pool_size_next(&size, &sample);
	assert_int_equal(decision.reason, POOL_PROBE_DROPPED);
	assert_int_equal(decision.to, 2);
}

static void a_probe_with_gain_is_kept(void **state)
{
	/* The same, but throughput rises by half: the third worker stays. */
	struct pool_size size = {.cpus = 2, .workers_min = 1, .workers_max = 8};
	struct pool_sample sample = {.workers = 2, .oldest_wait_ms = 5, .cpu_share = 0.5};

	(void)state;
	for (sample.now_ms = 500; sample.now_ms < 1000; sample.now_ms += 100, sample.taken += 10)
		assert_int_equal(pool_size_next(&size, &sample).reason, POOL_STEADY);
	sample.oldest_wait_ms = 50;
	for (; sample.now_ms <= 1100; sample.now_ms += 100, sample.taken += 10)
		if (pool_size_next(&size, &sample).reason == POOL_STARVE)
			sample.workers = 3;
	assert_int_equal(sample.workers, 3);
	for (; sample.now_ms < 2100; sample.now_ms += 100, sample.taken += 15)
		assert_int_equal(pool_size_next(&size, &sample).to, 3);
	assert_int_equal(pool_size_next(&size, &sample).reason, POOL_PROBE_KEPT);
}

static void nothing_grows_past_its_bounds(void **state)
{
	/* Ten blocked workers of at most ten, work waiting: the reason is the bound. */
	struct pool_size size = {.cpus = 2, .workers_min = 1, .workers_max = 10};
	struct pool_sample sample = {
		.now_ms = 1000, .workers = 10, .blocked = 10, .oldest_wait_ms = 5};
	struct pool_decision decision = pool_size_next(&size, &sample);

	(void)state;
	assert_int_equal(decision.to, 10);
	assert_int_equal(decision.reason, POOL_BOUND);
}

static void full_memory_stops_growth(void **state)
{
	/* One of two workers is free, memory at 80 %: no third one. */
	struct pool_size size = {.cpus = 2, .workers_min = 1, .workers_max = 10};
	struct pool_sample sample = {.now_ms = 1000,
				     .workers = 2,
				     .blocked = 1,
				     .oldest_wait_ms = 5,
				     .memory_share = 0.8};
	struct pool_decision decision = pool_size_next(&size, &sample);

	(void)state;
	assert_int_equal(decision.to, 2);
	assert_int_equal(decision.reason, POOL_MEMORY_FULL);
}

static void waiting_for_a_busy_cpu_is_not_stuck(void **state)
{
	/* 5 ms on the CPU or ready for it, of 100: stuck.  Ready at the moment, or idle in
	 * between, or watched for too short: not. */
	struct pool_watch watch = {.for_ms = 100, .on_ms = 5, .busy = true};

	(void)state;
	assert_true(pool_stuck(&watch));
	watch.ready = true;
	assert_false(pool_stuck(&watch));
	watch = (struct pool_watch){.for_ms = 100, .on_ms = 95, .busy = true};
	assert_false(pool_stuck(&watch));
	watch = (struct pool_watch){.for_ms = 100, .on_ms = 5};
	assert_false(pool_stuck(&watch));
	watch = (struct pool_watch){.for_ms = 20, .on_ms = 1, .busy = true};
	assert_false(pool_stuck(&watch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_bound_load_settles_at_the_core_count),
		cmocka_unit_test(blocking_jobs_get_their_threads),
		cmocka_unit_test(blocking_jobs_that_do_not_say_so_get_their_threads),
		cmocka_unit_test(few_are_left_after_the_load),
		cmocka_unit_test(all_blocked_still_makes_progress),
		cmocka_unit_test(all_blocked_makes_progress_on_a_full_machine),
		cmocka_unit_test(bursts_do_not_churn),
		cmocka_unit_test(noise_does_not_churn),
		cmocka_unit_test(surplus_leaves_when_blocking_load_turns_to_computing),
		cmocka_unit_test(a_probe_without_gain_is_taken_back),
		cmocka_unit_test(a_probe_with_gain_is_kept),
		cmocka_unit_test(nothing_grows_past_its_bounds),
		cmocka_unit_test(full_memory_stops_growth),
		cmocka_unit_test(waiting_for_a_busy_cpu_is_not_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
