/* SPDX-License-Identifier: MIT */
/* bench_store.c - what the store costs: durable submits, and submits with their end.
 *
 * Each round hands `batch` operations over and waits for the last callback, as a
 * server with that many requests at once would.  CPU is that of the whole process.
 *
 *   bench_store [DIR] [jobs]      DIR should be on the disk that is meant
 */
#include "base/clock.h"
#include "base/lock.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct {
	struct lock lock;
	struct cond cond;
	size_t left;
} round_state;

static void op_done(struct store_op *op)
{
	if (op->err.code) {
		fprintf(stderr, "operation: %s\n", op->err.detail);
		exit(1);
	}
	lock_take(&round_state.lock);
	if (--round_state.left == 0)
		cond_signal(&round_state.cond);
	lock_drop(&round_state.lock);
}

static void round_begin(size_t ops)
{
	lock_take(&round_state.lock);
	round_state.left += ops;
	lock_drop(&round_state.lock);
}

static void round_wait(void)
{
	lock_take(&round_state.lock);
	while (round_state.left > 0)
		cond_wait(&round_state.cond, &round_state.lock);
	lock_drop(&round_state.lock);
}

static void put(struct store *store, struct store_op *op)
{
	struct err err;

	op->done = op_done;
	if (store_put(store, op, &err)) {
		fprintf(stderr, "store_put: %s\n", err.detail);
		exit(1);
	}
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

struct unit {
	struct op_submit submit;
	struct op_finish finish;
	struct job job;
	enum submit_outcome outcome;
};

static void unit_make(struct unit *unit, char *body)
{
	*unit = (struct unit){
		.job = {.type = (char *)"math",
			.body = body,
			.priority = PRIORITY_NORMAL,
			.state = JOB_PENDING,
			.created_ms = clock_wall_ms(),
			.max_attempts = 3},
	};
	id_new(&unit->job.id);
	unit->submit = (struct op_submit){
		.op.kind = OP_SUBMIT, .jobs = &unit->job, .count = 1, .outcomes = &unit->outcome};
	unit->finish = (struct op_finish){
		.op.kind = OP_FINISH,
		.last = {.id = unit->job.id, .attempt = 1, .started_ms = unit->job.created_ms},
		.move = JOB_MOVE_COMPLETE,
		.finished_ms = unit->job.created_ms + 1,
		.summary = "{\"value\":6}",
	};
}

static void bench(const char *dir, size_t jobs, size_t batch, bool with_finish)
{
	struct store_config config = {.dir = dir, .sync = true, .jobs_queued_max = INT64_MAX};
	struct unit *units[2] = {calloc(batch, sizeof(struct unit)),
				 calloc(batch, sizeof(struct unit))};
	struct store_stats stats;
	struct store *store;
	struct err err;
	char body[251];
	double cpu, us;
	int64_t began_us;

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	if (!units[0] || !units[1] || store_open(&config, &store, &err)) {
		fprintf(stderr, "store_open failed\n");
		exit(1);
	}
	cpu = cpu_us();
	began_us = clock_us();
	for (size_t done = 0, turn = 0; done < jobs; done += batch, turn++) {
		struct unit *now = units[turn % 2], *before = units[(turn + 1) % 2];
		bool finish = with_finish && turn > 0;

		for (size_t i = 0; i < batch; i++)
			unit_make(&now[i], body);
		round_begin(batch * (finish ? 2 : 1));
		for (size_t i = 0; i < batch; i++) {
			put(store, &now[i].submit.op);
			if (finish)
				put(store, &before[i].finish.op);
		}
		round_wait();
	}
	us = (double)(clock_us() - began_us);
	cpu = cpu_us() - cpu;
	store_stats(store, &stats);
	printf("%-13s batch %4zu: %8.0f jobs/s, %5.2f us CPU a job, commit p50 %.0f us p99 %.0f "
	       "us\n",
	       with_finish ? "submit+finish" : "submit", batch, (double)jobs / us * 1e6,
	       cpu / (double)jobs, stats.commit_us_p50, stats.commit_us_p99);
	store_close(store);
	free(units[0]);
	free(units[1]);
}

int main(int argc, char **argv)
{
	static const size_t batches[] = {1, 64, 512};
	const char *parent = argc > 1 ? argv[1] : ".";
	size_t jobs = argc > 2 ? strtoul(argv[2], NULL, 10) : 200000;

	lock_init(&round_state.lock, LOCK_LEAF);
	cond_init(&round_state.cond);
	for (int with_finish = 0; with_finish < 2; with_finish++) {
		for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
			char dir[4096], command[4200];

			snprintf(dir, sizeof(dir), "%s/bench-store-XXXXXX", parent);
			if (!mkdtemp(dir))
				return 1;
			bench(dir, batches[i] == 1 ? jobs / 20 : jobs, batches[i], with_finish);
			snprintf(command, sizeof(command), "rm -rf '%s'", dir);
			if (system(command))
				return 1;
		}
	}
	return 0;
}
