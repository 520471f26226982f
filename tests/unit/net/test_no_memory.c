/* SPDX-License-Identifier: MIT */
/* Fetches while memory lacks: each allocation of ours that a fetch needs fails once, from the
 * making of its fetcher on.  Linked with --wrap (Makefile).  Of libcurl's only those of the
 * start fail: 7.88 divides by the zero slots of a table for which there was no memory. */
#include "net/fetch.h"
#include "net/guard.h"
#include "tests/lib/origin.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { WAIT_S = 60, ALLOCATIONS_MAX = 10000 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *arg);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *arg);

/* Which of the next allocations fails: 0 is the next one, negative none.  Written by the test
 * and counted down by the threads that are poor. */
static atomic_long failing = -1;
static _Thread_local bool poor; /* the origin never is */

static bool lacks(void)
{
	return poor && atomic_load(&failing) >= 0 && atomic_fetch_sub(&failing, 1) == 0;
}

void *__wrap_malloc(size_t size)
{
	return lacks() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return lacks() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return lacks() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return lacks() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return lacks() ? NULL : __real_strndup(text, len);
}

/* Those of libcurl, while a fetch is started. */
static _Thread_local bool starting;

static void *curl_malloc(size_t size)
{
	return starting && lacks() ? NULL : __real_malloc(size);
}

static void *curl_calloc(size_t count, size_t size)
{
	return starting && lacks() ? NULL : __real_calloc(count, size);
}

static void *curl_realloc(void *old, size_t size)
{
	return starting && lacks() ? NULL : __real_realloc(old, size);
}

static char *curl_strdup(const char *text)
{
	return starting && lacks() ? NULL : __real_strdup(text);
}

/* A thread is as poor as the one that made it. */
struct start {
	void *(*start)(void *);
	void *arg;
};

static void *poor_main(void *ctx)
{
	struct start start = *(struct start *)ctx;

	free(ctx);
	poor = true;
	return start.start(start.arg);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *arg)
{
	struct start *poor_start;

	if (!poor)
		return __real_pthread_create(thread, attributes, start, arg);
	poor_start = __real_malloc(sizeof(*poor_start));
	*poor_start = (struct start){.start = start, .arg = arg};
	return __real_pthread_create(thread, attributes, poor_main, poor_start);
}

/* ---- one fetch, and how it ended ---- */

static struct {
	struct origin *origin;
	struct guard *guard;
	sem_t done;
	enum err_code code;
	unsigned long taken;
} house;

static void on_done(void *ctx, struct fetch_result *result)
{
	(void)ctx;
	house.code = result->err.code;
	fetch_result_free(result);
	sem_post(&house.done);
}

static enum fetch_flow on_body(void *ctx, const struct fetch_answer *answer, const char *bytes,
			       size_t len)
{
	(void)ctx;
	(void)answer;
	(void)bytes;
	house.taken += len;
	return FETCH_GO_ON;
}

/* It ends: that is what is tested. */
static void wait_for_the_end(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (sem_timedwait(&house.done, &until))
		assert_int_equal(errno, EINTR);
}

/* False: all was there. */
static bool fetch_while_one_lacks(long which, const struct fetch_request *request)
{
	const struct fetcher_config config = {.guard = house.guard};
	struct fetcher *fetcher;
	struct err err;
	int rc = -1;

	atomic_store(&failing, which);
	poor = true;
	fetcher = fetcher_new(&config, &err);
	starting = true;
	if (fetcher)
		rc = fetch_start(fetcher, request, on_done, NULL, NULL, &err);
	poor = starting = false;
	if (rc == 0)
		wait_for_the_end();
	else if (err.code != ERR_NO_MEMORY)
		fail_msg("allocation %ld: %s: %s", which, err_name(err.code), err.detail);
	fetcher_free(fetcher);
	return atomic_exchange(&failing, -1) < 0;
}

/* Each lacks once; when none does, it ends as `how`. */
static void sweep(const char *target, struct fetch_request request, enum err_code how)
{
	char *url = origin_url(house.origin, target);
	long which = 0;

	request.url = url;
	while (fetch_while_one_lacks(which, &request) && which < ALLOCATIONS_MAX)
		which++;
	assert_in_range(which, 10, ALLOCATIONS_MAX - 1);
	assert_int_equal(house.code, how);
	free(url);
}

static int open_house(void **state)
{
	struct err err;

	(void)state;
	/* Who says it first decides for the process. */
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup,
				 curl_calloc))
		return -1;
	house.origin = origin_new();
	house.guard = guard_new();
	sem_init(&house.done, 0, 0);
	return guard_allow(house.guard, "127.0.0.0/8", &err);
}

static int close_house(void **state)
{
	(void)state;
	guard_free(house.guard);
	origin_free(house.origin);
	sem_destroy(&house.done);
	curl_global_cleanup();
	return 0;
}

/* ---- the ways of a fetch ---- */

static const struct retry_policy hasty = {.attempts_max = 2, .base_ms = 1, .delay_ms_max = 2};

static void a_page_ends(void **state)
{
	/* With headers, and a body that is sent. */
	const struct fetch_header headers[] = {{"Accept", "text/html"}, {"X-Test", "1"}};

	(void)state;
	sweep("/a?size=5000",
	      (struct fetch_request){.headers = headers,
				     .header_count = 2,
				     .body = "text",
				     .body_len = 4,
				     .method = "POST",
				     .retry = hasty},
	      ERR_NONE);
}

static void a_redirect_that_obeys_robots_txt_ends(void **state)
{
	/* One fetch for the file, two hops. */
	(void)state;
	sweep("/a?status=302&to=/b", (struct fetch_request){.robots = "bot", .retry = hasty},
	      ERR_NONE);
}

static void a_failure_ends(void **state)
{
	/* Two attempts, and the body of the second is the result's. */
	(void)state;
	sweep("/a?status=500&size=3000", (struct fetch_request){.retry = hasty},
	      ERR_FETCH_HTTP_5XX);
}

static void a_compressed_stream_ends(void **state)
{
	/* A MiB, handed over as it comes. */
	(void)state;
	sweep("/a?bomb=1", (struct fetch_request){.on_body = on_body, .retry = hasty}, ERR_NONE);
	assert_true(house.taken > 1024 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_ends),
		cmocka_unit_test(a_redirect_that_obeys_robots_txt_ends),
		cmocka_unit_test(a_failure_ends),
		cmocka_unit_test(a_compressed_stream_ends),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
