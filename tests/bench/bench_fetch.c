/* SPDX-License-Identifier: MIT */
/* bench_fetch.c - the fetcher with every protection on, beside bare curl multi loops.
 *
 *	bench_fetch rate AT_ONCE FETCHES URL…
 *	bench_fetch wait AT_ONCE FETCHES
 *	bench_fetch dead AT_ONCE FETCHES URL…
 *
 * rate: the engine, the same with two classes, a bare loop on epoll, one on poll, and the
 *       command line tool (300 at once at most)
 * wait: against an origin of ours that takes 100 ms for each
 * dead: with one more host that answers no SYN
 *
 * Each run is a process of its own, so that its CPU time and its memory are its own; the
 * contenders take turns, and medians over the rounds are told.  tests/bench/fetch starts
 * nginx as the origin and asks for all of it.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/lock.h"
#include "net/fetch.h"
#include "net/guard.h"
#include "tests/lib/origin.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	AT_ONCE_MAX = 5000,
	ROUNDS = 5,
	URLS_MAX = 64,
	EVENTS_MAX = 256,
	WAIT_MS = 100,
	DEAD_FETCHES = 500
};

static unsigned at_once, fetches, url_count;
static const char *urls[URLS_MAX];
static const char *dead_url; /* NULL: none */
static bool two_classes;

static const char *url_of(unsigned i)
{
	return urls[i % url_count];
}

/* --- a bare loop, as the documentation of libcurl has it --- */

struct bare {
	CURLM *multi;
	CURL *easies[AT_ONCE_MAX];
	unsigned started, ended, failed;
	uint64_t bytes;
	int epoll_fd;
	long timeout_ms;
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	(void)bytes;
	*(uint64_t *)ctx += size * count;
	return size * count;
}

static void bare_open(struct bare *bare)
{
	memset(bare, 0, sizeof(*bare));
	bare->multi = curl_multi_init();
	curl_multi_setopt(bare->multi, CURLMOPT_MAXCONNECTS, (long)at_once);
	for (unsigned i = 0; i < at_once; i++) {
		CURL *easy = bare->easies[i] = curl_easy_init();

		curl_easy_setopt(easy, CURLOPT_URL, url_of(i));
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, &bare->bytes);
	}
}

static void bare_start_all(struct bare *bare)
{
	for (; bare->started < at_once; bare->started++)
		curl_multi_add_handle(bare->multi, bare->easies[bare->started]);
}

static void bare_ended(struct bare *bare)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(bare->multi, &left))) {
		CURL *easy = msg->easy_handle;

		bare->ended++;
		bare->failed += msg->data.result != CURLE_OK;
		curl_multi_remove_handle(bare->multi, easy);
		if (bare->started < fetches) {
			bare->started++;
			curl_multi_add_handle(bare->multi, easy);
		}
	}
}

static unsigned bare_close(struct bare *bare)
{
	for (unsigned i = 0; i < at_once; i++)
		curl_easy_cleanup(bare->easies[i]);
	curl_multi_cleanup(bare->multi);
	return bare->ended - bare->failed;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct bare *bare = ctx;
	struct epoll_event event = {.data.fd = fd};

	(void)easy;
	if (what & CURL_POLL_IN && what != CURL_POLL_REMOVE)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT && what != CURL_POLL_REMOVE)
		event.events |= EPOLLOUT;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(bare->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	} else {
		epoll_ctl(bare->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
		curl_multi_assign(bare->multi, fd, bare);
	}
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	(void)multi;
	((struct bare *)ctx)->timeout_ms = timeout_ms;
	return 0;
}

static unsigned bare_epoll(void)
{
	static struct bare bare;
	struct epoll_event events[EVENTS_MAX];
	int running;

	bare_open(&bare);
	bare.epoll_fd = epoll_create1(0);
	curl_multi_setopt(bare.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(bare.multi, CURLMOPT_SOCKETDATA, &bare);
	curl_multi_setopt(bare.multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(bare.multi, CURLMOPT_TIMERDATA, &bare);
	bare_start_all(&bare);
	while (bare.ended < fetches) {
		int count = epoll_wait(bare.epoll_fd, events, EVENTS_MAX, (int)bare.timeout_ms);

		for (int i = 0; i < count; i++) {
			int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
				   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				   (events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);

			curl_multi_socket_action(bare.multi, events[i].data.fd, mask, &running);
		}
		if (count == 0 || bare.timeout_ms == 0)
			curl_multi_socket_action(bare.multi, CURL_SOCKET_TIMEOUT, 0, &running);
		bare_ended(&bare);
	}
	close(bare.epoll_fd);
	return bare_close(&bare);
}

static unsigned bare_poll(void)
{
	static struct bare bare;
	int running;

	bare_open(&bare);
	bare_start_all(&bare);
	while (bare.ended < fetches) {
		curl_multi_perform(bare.multi, &running);
		bare_ended(&bare);
		curl_multi_poll(bare.multi, NULL, 0, 1000, NULL);
	}
	return bare_close(&bare);
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
	bool live = !dead_url || strcmp(result->final_url, dead_url) != 0;

	if (live) {
		lock_take(&run->lock);
		run->good += result->err.code == ERR_NONE;
		if (++run->ended == fetches)
			cond_signal(&run->over);
		lock_drop(&run->lock);
	}
	fetch_result_free(result);
}

static void start(struct fetcher *fetcher, const struct fetch_request *request, struct run *run)
{
	struct err err;

	if (fetch_start(fetcher, request, on_done, run, NULL, &err)) {
		fprintf(stderr, "%s\n", err.detail);
		exit(1);
	}
}

static void start_all(struct fetcher *fetcher, struct run *run)
{
	struct fetch_request request = {.owner = 1, .per_host = at_once / url_count + 1};

	request.url = dead_url;
	for (unsigned i = 0; dead_url && i < DEAD_FETCHES; i++)
		start(fetcher, &request, run);
	for (unsigned i = 0; i < fetches; i++) {
		request.url = url_of(i);
		request.class = two_classes && i % 2 ? FETCH_CALLS : FETCH_PAGES;
		start(fetcher, &request, run);
	}
}

static unsigned engine(void)
{
	struct fetcher_config config = {.transfers_max = at_once * FETCH_CALLS_SHARE /
							 (FETCH_CALLS_SHARE - 1),
					.user_agent = "bench/1"};
	struct guard *guard = guard_new();
	struct run run = {0};
	struct fetcher *fetcher;
	unsigned good;
	struct err err;

	lock_init(&run.lock, LOCK_RUN);
	cond_init(&run.over);
	config.guard = guard;
	if (guard_allow(guard, "127.0.0.0/8", &err) || !(fetcher = fetcher_new(&config, &err)))
		exit(1);
	start_all(fetcher, &run);
	lock_take(&run.lock);
	while (run.ended < fetches)
		cond_wait(&run.over, &run.lock);
	good = run.good;
	lock_drop(&run.lock);
	fetcher_free(fetcher);
	guard_free(guard);
	return good;
}

static unsigned engine_classes(void)
{
	two_classes = true;
	return engine();
}

/* --- the command line tool --- */

/* In a process of its own, which tells nothing but whether all went well. */
static unsigned curl_z(void)
{
	char *argv[URLS_MAX * 3 + 8], at_once_text[16];
	unsigned argc = 0;
	pid_t pid;
	int status;

	snprintf(at_once_text, sizeof(at_once_text), "%u", MIN(at_once, 300));
	argv[argc++] = (char *)"curl";
	argv[argc++] = (char *)"-qsZ";
	argv[argc++] = (char *)"--parallel-max";
	argv[argc++] = at_once_text;
	for (unsigned i = 0; i < url_count; i++) {
		argv[argc++] = (char *)"-o";
		argv[argc++] = (char *)"/dev/null";
		if (asprintf(&argv[argc++], "%s?[1-%u]", urls[i], fetches / url_count) < 0)
			exit(1);
	}
	argv[argc] = NULL;
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		execvp("curl", argv);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? fetches : 0;
}

/* --- runs --- */

static struct contender {
	const char *name;
	unsigned (*run)(void);
	const char *dead;
	double seconds[ROUNDS], cpu_seconds[ROUNDS], mib[ROUNDS];
} contenders[5];

static unsigned contender_count;

static void run_once(struct contender *contender, int round)
{
	struct rusage usage;
	struct {
		double seconds;
		unsigned good;
	} told = {0};
	int ends[2];
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		exit(1);
	if (pid == 0) {
		int64_t from_us = clock_us();

		dead_url = contender->dead;
		told.good = contender->run();
		told.seconds = (double)(clock_us() - from_us) / 1e6;
		_exit(write(ends[1], &told, sizeof(told)) != sizeof(told));
	}
	close(ends[1]);
	if (read(ends[0], &told, sizeof(told)) != sizeof(told) ||
	    wait4(pid, NULL, 0, &usage) != pid)
		exit(1);
	close(ends[0]);
	if (told.good != fetches)
		printf("%s: %u of %u fetches were good\n", contender->name, told.good, fetches);
	contender->seconds[round] = told.seconds;
	contender->mib[round] = (double)usage.ru_maxrss / 1024;
	contender->cpu_seconds[round] =
		(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double values[ROUNDS])
{
	double sorted[ROUNDS];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(double), by_value);
	return sorted[ROUNDS / 2];
}

/* The ratio of a contender's rate to the first one's, round by round. */
static double ratio(const struct contender *contender)
{
	double ratios[ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
		ratios[round] = contender->seconds[round] / contenders[0].seconds[round];
	return median(ratios);
}

static void run_all(void)
{
	for (int round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < contender_count; i++)
			run_once(&contenders[i], round);
	for (unsigned i = 0; i < contender_count; i++) {
		const struct contender *contender = &contenders[i];
		double seconds = median(contender->seconds);

		printf("%-16s %7.0f fetches/s  %5.2f s  CPU %5.2f s, %5.1f us each  %4.0f MiB",
		       contender->name, fetches / seconds, seconds, median(contender->cpu_seconds),
		       median(contender->cpu_seconds) * 1e6 / fetches, median(contender->mib));
		if (i > 0)
			printf("  engine is %.2f of it", ratio(contender));
		printf("\n");
	}
}

static void compete(const char *name, unsigned (*run)(void), const char *dead)
{
	contenders[contender_count++] = (struct contender){.name = name, .run = run, .dead = dead};
}

/* --- origins --- */

static pid_t origin_fork(char *text, size_t size)
{
	int ends[2], port = 0;
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		exit(1);
	if (pid == 0) {
		port = origin_port(origin_new());
		if (write(ends[1], &port, sizeof(port)) != sizeof(port))
			_exit(1);
		pause();
	}
	if (read(ends[0], &port, sizeof(port)) != sizeof(port))
		exit(1);
	snprintf(text, size, "http://127.0.0.1:%d/page?size=1000&delay=%d", port, WAIT_MS);
	return pid;
}

/* A listener whose queue is full: its kernel drops what comes. */
static void dead_make(char *text, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, 0) ||
	    getsockname(fd, (struct sockaddr *)&address, &len))
		exit(1);
	for (int i = 0; i < 2; i++)
		if (connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
			    (struct sockaddr *)&address, len))
			continue;
	snprintf(text, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

int main(int argc, char **argv)
{
	char own_url[80], dead[64];
	pid_t origin = 0;

	if (argc < 4)
		goto usage;
	at_once = (unsigned)strtoul(argv[2], NULL, 10);
	fetches = (unsigned)strtoul(argv[3], NULL, 10);
	for (int i = 4; i < argc && url_count < URLS_MAX; i++)
		urls[url_count++] = argv[i];
	if (at_once < 1 || at_once > AT_ONCE_MAX || fetches < at_once)
		goto usage;
	if (strcmp(argv[1], "wait") == 0) {
		origin = origin_fork(own_url, sizeof(own_url));
		urls[url_count++] = own_url;
	}
	if (url_count == 0)
		goto usage;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	compete("engine", engine, NULL);
	if (strcmp(argv[1], "dead") == 0) {
		dead_make(dead, sizeof(dead));
		compete("with a dead host", engine, dead);
	} else {
		if (strcmp(argv[1], "rate") == 0)
			compete("two classes", engine_classes, NULL);
		compete("bare epoll", bare_epoll, NULL);
		compete("bare poll", bare_poll, NULL);
		if (strcmp(argv[1], "rate") == 0)
			compete("curl -Z", curl_z, NULL);
	}
	run_all();
	if (origin) {
		kill(origin, SIGTERM);
		waitpid(origin, NULL, 0);
	}
	return 0;
usage:
	fprintf(stderr, "usage: bench_fetch rate|wait|dead AT_ONCE FETCHES [URL…]\n");
	return 2;
}
