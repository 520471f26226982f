/* SPDX-License-Identifier: MIT */
/* machine.c - /proc/stat, /proc/meminfo, /proc/self/task and cgroup v2 files (proc(5);
 * the kernel's admin-guide/cgroup-v2, scheduler/sched-stats): a few short reads, ten
 * times a second at most. */
#include "service/engine/machine.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 32 * 1024 }; /* /proc/stat of some 300 CPUs; the rest is cut */

/* The text of a small file; false when it cannot be read. */
static bool text_read(const char *path, char *into, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (len < room - 1 && (n = read(fd, into + len, room - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	into[len] = '\0';
	return len > 0;
}

/* The number after `name` at the start of a line; -1: there is none. */
static int64_t number_after(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0)
			return strtoll(line + len, NULL, 10);
	}
	return -1;
}

static bool cgroup_read(const struct machine *machine, const char *file, char *into, size_t room)
{
	char path[320];

	if (machine->cgroup[0] == '\0')
		return false;
	snprintf(path, sizeof(path), "%s/%s", machine->cgroup, file);
	return text_read(path, into, room);
}

static void cgroup_find(struct machine *machine)
{
	char text[512];
	double quota, period;
	char *end;

	if (!text_read("/proc/self/cgroup", text, sizeof(text)) || strncmp(text, "0::/", 4) != 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) >= sizeof(machine->cgroup) - 16)
		return;
	snprintf(machine->cgroup, sizeof(machine->cgroup), "/sys/fs/cgroup/%.239s", text + 4);
	if (cgroup_read(machine, "cpu.max", text, sizeof(text))) {
		quota = strtod(text, &end); /* "max 100000" or "150000 100000" */
		period = strtod(end, NULL);
		if (quota > 0 && period > 0)
			machine->quota_cpus = quota / period;
	}
	if (cgroup_read(machine, "memory.max", text, sizeof(text)))
		machine->memory_max = strtoll(text, NULL, 10); /* "max" reads as 0 */
}

void machine_init(struct machine *machine)
{
	*machine = (struct machine){0};
	if (sched_getaffinity(0, sizeof(machine->allowed), &machine->allowed)) {
		CPU_ZERO(&machine->allowed);
		for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPU_SETSIZE; i++)
			CPU_SET((size_t)i, &machine->allowed);
	}
	cgroup_find(machine);
	machine_cpu_share(machine);
}

unsigned machine_cpus(const struct machine *machine)
{
	unsigned cpus = (unsigned)CPU_COUNT(&machine->allowed);

	if (machine->quota_cpus > 0)
		cpus = MIN(cpus, (unsigned)ceil(machine->quota_cpus));
	return MAX(cpus, 1U);
}

/* Sums the lines "cpu7 user nice system idle iowait irq softirq steal …". */
static void allowed_ticks(const struct machine *machine, const char *stat, uint64_t *ret_busy,
			  uint64_t *ret_all)
{
	*ret_busy = *ret_all = 0;
	for (const char *line = strstr(stat, "\ncpu"); line; line = strstr(line + 1, "\ncpu")) {
		char *at;
		unsigned long cpu = strtoul(line + 4, &at, 10);

		if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &machine->allowed))
			continue;
		for (int field = 0; field < 8; field++) {
			uint64_t ticks = strtoull(at, &at, 10);

			*ret_all += ticks;
			*ret_busy += field == 3 || field == 4 ? 0 : ticks; /* idle, iowait */
		}
	}
}

/* What our cgroup used of its quota. */
static double quota_share(struct machine *machine)
{
	char text[1024];
	int64_t now_us = clock_us(), for_us = now_us - machine->last_us, usage_us, used_us;

	if (machine->quota_cpus <= 0 || !cgroup_read(machine, "cpu.stat", text, sizeof(text)))
		return 0;
	usage_us = number_after(text, "usage_usec ");
	used_us = usage_us - machine->last_usage_us;
	machine->last_usage_us = usage_us;
	machine->last_us = now_us;
	return for_us > 0 ? (double)used_us / ((double)for_us * machine->quota_cpus) : 0;
}

double machine_cpu_share(struct machine *machine)
{
	char text[FILE_BYTES_MAX];
	double share = 0, of_quota = quota_share(machine);
	uint64_t busy, all;

	if (text_read("/proc/stat", text, sizeof(text))) {
		allowed_ticks(machine, text, &busy, &all);
		if (all > machine->last_all && busy >= machine->last_busy)
			share = (double)(busy - machine->last_busy) /
				(double)(all - machine->last_all);
		machine->last_busy = busy;
		machine->last_all = all;
	}
	return MIN(MAX(share, of_quota), 1.0);
}

double machine_memory_share(const struct machine *machine)
{
	char text[4096];
	int64_t total, available, anonymous;
	double share = 0;

	if (text_read("/proc/meminfo", text, sizeof(text))) {
		total = number_after(text, "MemTotal:");
		available = number_after(text, "MemAvailable:");
		if (total > 0 && available >= 0)
			share = 1.0 - (double)available / (double)total;
	}
	if (machine->memory_max > 0 && cgroup_read(machine, "memory.stat", text, sizeof(text))) {
		anonymous = number_after(text, "anon ");
		share = MAX(share, (double)anonymous / (double)machine->memory_max);
	}
	return share;
}

void machine_thread(pid_t tid, int64_t *ret_on_us, bool *ret_ready)
{
	char path[64], text[512], *at;

	*ret_on_us = 0;
	*ret_ready = false;
	/* "nanoseconds on a CPU, nanoseconds waiting for one, time slices" */
	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)tid);
	if (text_read(path, text, sizeof(text))) {
		int64_t on_ns = strtoll(text, &at, 10);
		*ret_on_us = (on_ns + strtoll(at, NULL, 10)) / 1000;
	}
	/* "tid (name) R …": the wait that is not over yet is not in schedstat. */
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	if (text_read(path, text, sizeof(text))) {
		at = strrchr(text, ')');
		*ret_ready = at && at[1] == ' ' && at[2] == 'R';
	}
}
