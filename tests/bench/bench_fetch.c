/* SPDX-License-Identifier: MIT */
/* bench_fetch.c - the fetcher with every protection on, beside a bare curl multi loop on
 * epoll and one on curl_multi_poll, in the same run.
 *
 *	bench_fetch at-once fetches [http://127.0.0.1:8000/page]
 *
 * Without a URL an origin of our own serves 10 KB in a process of its own.
 */
#include "base/clock.h"
#include "base/lock.h"
#include "net/fetch.h"
#include "net/guard.h"
#include "net/loop.h"
#include "tests/lib/origin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE_MAX = 5000, ROUNDS = 3 };

static unsigned at_once, fetches;
static const char *url;

/* --- bare --- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	(void)bytes;
	*(uint64_t *)ctx += size * count;
	return size * count;
}

static CURL *easy_make(uint64_t *bytes)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, bytes);
	return easy;
}

static unsigned bare_epoll(void)
{
	CURL *easies[AT_ONCE_MAX];
	unsigned started = 0, ended = 0, failed = 0;
	uint64_t bytes = 0;
	struct loop loop;
	struct err err;
	CURLcode code;
	CURL *easy;

	if (loop_init(&loop, at_once, &err))
		return 0;
	for (; started < at_once; started++) {
		easies[started] = easy_make(&bytes);
		loop_transfer(&loop, 0, easies[started]);
	}
	while (ended < fetches) {
		loop_run(&loop, INT64_MAX);
		while ((easy = loop_ended(&loop, &code))) {
			ended++;
			failed += code != CURLE_OK;
			loop_remove(&loop, 0, easy);
			if (started < fetches) {
				started++;
				loop_transfer(&loop, 0, easy);
			}
		}
	}
	for (unsigned i = 0; i < at_once; i++)
		curl_easy_cleanup(easies[i]);
	loop_done(&loop);
	return ended - failed;
}

static unsigned bare_poll(void)
{
	CURL *easies[AT_ONCE_MAX];
	unsigned started = 0, ended = 0, failed = 0;
	CURLM *multi = curl_multi_init();
	uint64_t bytes = 0;
	int running, left;

	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)at_once);
	for (; started < at_once; started++) {
		easies[started] = easy_make(&bytes);
		curl_multi_add_handle(multi, easies[started]);
	}
	while (ended < fetches) {
		CURLMsg *msg;

		curl_multi_perform(multi, &running);
		while ((msg = curl_multi_info_read(multi, &left))) {
			CURL *easy = msg->easy_handle;

			ended++;
			failed += msg->data.result != CURLE_OK;
			curl_multi_remove_handle(multi, easy);
			if (started < fetches) {
				started++;
				curl_multi_add_handle(multi, easy);
			}
		}
		curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	for (unsigned i = 0; i < at_once; i++)
		curl_easy_cleanup(easies[i]);
	curl_multi_cleanup(multi);
	return ended - failed;
}

/* --- ours --- */

struct run {
	struct lock lock;
	struct cond over;
	unsigned ended GUARDED_BY(lock), good GUARDED_BY(lock);
};

static void on_done(void *ctx, struct fetch_result *result)
{
	struct run *run = ctx;

	lock_take(&run->lock);
	run->good += result->err.code == ERR_NONE;
	if (++run->ended == fetches)
		cond_signal(&run->over);
	lock_drop(&run->lock);
	fetch_result_free(result);
}

static unsigned ours(void)
{
	struct fetch_request request = {.url = url, .owner = 1, .per_host = at_once};
	struct fetcher_config config = {.transfers_max = at_once, .user_agent = "bench/1"};
	struct guard *guard = guard_new();
	struct run run = {0};
	struct fetcher *fetcher;
	struct err err;

	lock_init(&run.lock, LOCK_RUN);
	cond_init(&run.over);
	config.guard = guard;
	if (guard_allow(guard, "127.0.0.0/8", &err) || !(fetcher = fetcher_new(&config, &err)))
		exit(1);
	for (unsigned i = 0; i < fetches; i++)
		if (fetch_start(fetcher, &request, on_done, &run, NULL, &err))
			exit(1);
	lock_take(&run.lock);
	while (run.ended < fetches)
		cond_wait(&run.over, &run.lock);
	lock_drop(&run.lock);
	fetcher_free(fetcher);
	guard_free(guard);
	return run.good;
}

/* --- the run --- */

static int64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* The best of some rounds, in fetches a second. */
static double measure(const char *name, unsigned (*what)(void))
{
	double best = 0, cpu = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t from_us = clock_us(), from_cpu_us = cpu_us();
		unsigned good = what();
		double seconds = (double)(clock_us() - from_us) / 1e6;

		if (good != fetches)
			printf("%s: %u of %u fetches were good\n", name, good, fetches);
		if ((double)fetches / seconds > best) {
			best = (double)fetches / seconds;
			cpu = (double)(cpu_us() - from_cpu_us) / fetches;
		}
	}
	printf("%-12s %8.0f fetches/s   %5.1f us of CPU each   %.2f s\n", name, best, cpu,
	       fetches / best);
	return best;
}

static pid_t origin_fork(char *text, size_t size)
{
	int ends[2], port = 0;
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		exit(1);
	if (pid == 0) {
		struct origin *origin = origin_new();

		port = origin_port(origin);
		if (write(ends[1], &port, sizeof(port)) != sizeof(port))
			_exit(1);
		pause();
	}
	if (read(ends[0], &port, sizeof(port)) != sizeof(port))
		exit(1);
	snprintf(text, size, "http://127.0.0.1:%d/page?size=10000", port);
	return pid;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double epoll, engine;
	char own_url[64];
	pid_t origin = 0;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: bench_fetch at-once fetches [url]\n");
		return 2;
	}
	at_once = (unsigned)strtoul(argv[1], NULL, 10);
	fetches = (unsigned)strtoul(argv[2], NULL, 10);
	if (at_once < 1 || at_once > AT_ONCE_MAX || fetches < at_once)
		return 2;
	if (argc == 3)
		origin = origin_fork(own_url, sizeof(own_url));
	url = argc == 4 ? argv[3] : own_url;
	curl_global_init(CURL_GLOBAL_DEFAULT);

	engine = measure("engine", ours);
	getrusage(RUSAGE_SELF, &usage);
	epoll = measure("bare epoll", bare_epoll);
	measure("bare poll", bare_poll);
	printf("engine / bare epoll %.2f, %ld MiB at most in the engine's rounds\n", engine / epoll,
	       usage.ru_maxrss / 1024);
	if (origin) {
		kill(origin, SIGTERM);
		waitpid(origin, NULL, 0);
	}
	return 0;
}
