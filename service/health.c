/* SPDX-License-Identifier: MIT */
/* health.c - one fetch through the same engine that jobs use. */
#include "service/health.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/lock.h"
#include "net/fetch.h"
#include "net/guard.h"

#include <stdio.h>
#include <string.h>

enum { HEALTH_MS_MAX = 2000 };

struct question {
	struct lock lock; /* LOCK_LEAF */
	struct cond answered;
	bool done GUARDED_BY(lock);
	struct err err GUARDED_BY(lock);
};

static void answered(void *ctx, struct fetch_result *result)
{
	struct question *question = ctx;

	lock_take(&question->lock);
	question->err = result->err;
	question->done = true;
	cond_signal(&question->answered);
	lock_drop(&question->lock);
	fetch_result_free(result);
}

/* "0.0.0.0:8080" listens everywhere, so it can be asked at 127.0.0.1:8080. */
static void url_make(const char *listen, char *into, size_t room)
{
	if (strncmp(listen, "0.0.0.0:", 8) == 0)
		snprintf(into, room, "http://127.0.0.1:%s/livez", listen + 8);
	else if (strncmp(listen, "[::]:", 5) == 0)
		snprintf(into, room, "http://[::1]:%s/livez", listen + 5);
	else
		snprintf(into, room, "http://%s/livez", listen);
}

static int ask(struct fetcher *fetcher, const char *url, struct err *err)
{
	struct fetch_request request = {
		.url = url,
		.timeout_ms = HEALTH_MS_MAX,
		.deadline_ms = clock_ms() + HEALTH_MS_MAX,
		.retry = {.attempts_max = 1},
	};
	struct question question = {0};

	lock_init(&question.lock, LOCK_LEAF);
	cond_init(&question.answered);
	if (fetch_start(fetcher, &request, answered, &question, NULL, err) == 0) {
		lock_take(&question.lock);
		while (!question.done)
			cond_wait(&question.answered, &question.lock);
		*err = question.err;
		lock_drop(&question.lock);
	}
	cond_done(&question.answered);
	lock_done(&question.lock);
	return err->code == ERR_NONE ? 0 : -1;
}

int health_ask(const struct config *config, struct err *err)
{
	struct guard *guard = guard_new();
	struct fetcher_config fetching = {.guard = guard};
	struct fetcher *fetcher = NULL;
	char url[300];
	int rc = -1;

	url_make(config->listen, url, sizeof(url));
	*err = (struct err){0};
	if (!guard)
		return err_set(err, ERR_NO_MEMORY, "no memory");
	/* The operator asks about an address of their own: any is fine. */
	if (guard_allow(guard, "0.0.0.0/0", err) || guard_allow(guard, "::/0", err))
		goto out;
	fetcher = fetcher_new(&fetching, err);
	if (fetcher)
		rc = ask(fetcher, url, err);
out:
	fetcher_free(fetcher);
	guard_free(guard);
	return rc;
}
