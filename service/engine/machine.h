/* SPDX-License-Identifier: MIT */
/* machine.h - how many CPUs we may use, and how busy they and the memory are.
 *
 * What we may use is the smaller of the CPU affinity and the quota of our cgroup
 * (version 2); shares are of that.  Without /proc or a cgroup the answers are 0:
 * nothing is known to be full.
 *
 * And whether a thread of ours computes or waits: which tells a worker that blocks
 * from one that finds the CPUs taken.
 *
 * Threads    machine_cpus(), machine_thread() any; a struct machine belongs to one thread.
 * Units      shares 0 … 1.
 */
#ifndef SERVICE_ENGINE_MACHINE_H
#define SERVICE_ENGINE_MACHINE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct machine {
	cpu_set_t allowed;
	double quota_cpus;	      /* of the cgroup; 0: none */
	int64_t memory_max;	      /* of the cgroup, bytes; 0: none */
	char cgroup[256];	      /* its folder; "": none */
	uint64_t last_busy, last_all; /* ticks of the allowed CPUs */
	int64_t last_usage_us, last_us;
};

void machine_init(struct machine *machine);
unsigned machine_cpus(const struct machine *machine); /* at least 1 */
double machine_cpu_share(struct machine *machine);    /* since the last call */
double machine_memory_share(const struct machine *machine);

/* How long thread `tid` was on a CPU, or ready and waiting for one, since its start;
 * and whether it is so now.  0 and false when the kernel does not tell. */
void machine_thread(pid_t tid, int64_t *ret_on_us, bool *ret_ready);

#endif
