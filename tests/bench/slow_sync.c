/* SPDX-License-Identifier: MIT */
/* slow_sync.c - a slower disk: fsync() and fdatasync() that take at least SLOW_SYNC_US.
 *
 * Preloaded into every contender of `tests/bench/run --sync-us N`.  A sync that was faster
 * sleeps for the rest, which uses no CPU, as waiting for a disk uses none.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int slow(const char *name, int fd)
{
	int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	const char *least_us = getenv("SLOW_SYNC_US");
	int64_t until_ns = now_ns() + (least_us ? atoi(least_us) : 0) * INT64_C(1000);
	struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
	int rc = sync(fd);

	prctl(PR_SET_TIMERSLACK, 1UL);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	return rc;
}

int fsync(int fd)
{
	return slow("fsync", fd);
}

int fdatasync(int fd)
{
	return slow("fdatasync", fd);
}
