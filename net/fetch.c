/* SPDX-License-Identifier: MIT */
/* fetch.c - the door and the thread of the fetcher.
 *
 * Callers' threads copy a request, put it into `starts` and wake the thread.  The
 * thread, in each round: takes what was started and cancelled, ends what waited too
 * long, starts what may start, lets libcurl work, finishes what libcurl is done with.
 */
#include "net/attempt.h"

#include "base/limits.h"
#include "net/cache.h"
#include "net/cache_stage.h"
#include "net/cookies.h"
#include "net/robots_cache.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAVE_EVERY_MS = 1000, REST_LOOK_MS = 100, ENDS_MAX = 256 };

static_assert((int)FETCH_CLASSES * 2 * 2 <= (int)LOOP_POOLS, "a pool for each kind of request");

static void *fetcher_main(void *ctx);

static void on_hosts_wake(void *ctx)
{
	struct fetcher *fetcher = ctx;

	loop_wake(&fetcher->loop);
}

static void on_host_changed(void *ctx, const struct host_view *host)
{
	struct fetcher *fetcher = ctx;

	if (fetcher->config.host_changed)
		fetcher->config.host_changed(fetcher->config.ctx, host);
}

static void on_host_save(void *ctx, const char *key, const void *state, size_t len)
{
	struct fetcher *fetcher = ctx;

	fetcher->config.host_save(fetcher->config.ctx, key, state, len);
}

/* How many of the transfers may be pages. */
static unsigned pages_of(unsigned transfers)
{
	return MAX(transfers - MAX(transfers / FETCH_CALLS_SHARE, 1), 1);
}

static int fetcher_init(struct fetcher *fetcher, const struct fetcher_config *config,
			struct err *err)
{
	struct hosts_config hosts = {
		.hosts_max = config->hosts_max,
		.wake = on_hosts_wake,
		.changed = on_host_changed,
		.save = config->host_save ? on_host_save : NULL,
		.ctx = fetcher,
	};

	fetcher->config = *config;
	if (fetcher->config.transfers_max == 0)
		fetcher->config.transfers_max = FETCH_TRANSFERS_MAX_DEFAULT;
	fetcher->pages_max = pages_of(fetcher->config.transfers_max);
	if (fetcher->config.queued_max == 0)
		fetcher->config.queued_max = FETCH_QUEUED_MAX;
	rng_seed_system(&fetcher->rng);
	hosts.seed = rng_next(&fetcher->rng);
	fetcher->user_agent = config->user_agent ? strdup(config->user_agent) : NULL;
	fetcher->idle = calloc(fetcher->config.transfers_max, sizeof(struct transfer *));
	fetcher->ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
	if (!fetcher->idle || (config->user_agent && !fetcher->user_agent) ||
	    (config->ca_file && !fetcher->ca_file))
		return err_set(err, ERR_NO_MEMORY, "no memory for the fetcher");
	if (fetcher->ca_file && access(fetcher->ca_file, R_OK))
		return err_set_errno(err, ERR_IO, errno, "certificate authorities in %s",
				     fetcher->ca_file);
	fetcher->robots = robots_cache_new(0, 0);
	if (!fetcher->robots)
		return err_set(err, ERR_NO_MEMORY, "no memory for the fetcher");
	fetcher->hosts = hosts_new(&hosts, err);
	return fetcher->hosts ? 0 : -1;
}

static void fetcher_done(struct fetcher *fetcher)
{
	while (fetcher->idle_count > 0)
		transfer_free(fetcher->idle[--fetcher->idle_count]);
	free(fetcher->idle);
	free(fetcher->user_agent);
	free(fetcher->ca_file);
	hosts_free(fetcher->hosts);
	robots_cache_free(fetcher->robots);
	heap_done(&fetcher->timers);
	lock_done(&fetcher->lock);
	free(fetcher);
}

struct fetcher *fetcher_new(const struct fetcher_config *config, struct err *err)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(fetcher);
		err_set(err, ERR_NO_MEMORY, "no memory for the fetcher");
		return NULL;
	}
	lock_init(&fetcher->lock, LOCK_FETCH);
	ring_init(&fetcher->starts);
	ring_init(&fetcher->cancels);
	ring_init(&fetcher->resumes);
	ring_init(&fetcher->found);
	ring_init(&fetcher->all);
	ring_init(&fetcher->pausing);
	ring_init(&fetcher->unended);
	ring_init(&fetcher->outside);
	if (fetcher_init(fetcher, config, err))
		goto fail;
	if (loop_init(&fetcher->loop, fetcher->config.transfers_max, err))
		goto fail;
	if (pthread_create(&fetcher->thread, NULL, fetcher_main, fetcher)) {
		err_set(err, ERR_NO_MEMORY, "cannot start the fetcher's thread");
		loop_done(&fetcher->loop);
		goto fail;
	}
	return fetcher;
fail:
	fetcher_done(fetcher);
	curl_global_cleanup();
	return NULL;
}

static void take_all(struct ring *from, struct ring *to)
{
	ring_init(to);
	if (ring_empty(from))
		return;
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	ring_init(from);
}

/* The cache still tells those who looked before they were cancelled. */
static void looks_end(struct fetcher *fetcher)
{
	struct ring found;

	if (!fetcher->config.cache)
		return;
	cache_settle(fetcher->config.cache);
	lock_take(&fetcher->lock);
	take_all(&fetcher->found, &found);
	lock_drop(&fetcher->lock);
	cache_found_take(&found);
}

void fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return;
	lock_take(&fetcher->lock);
	fetcher->stopping = true;
	lock_drop(&fetcher->lock);
	loop_wake(&fetcher->loop);
	pthread_join(fetcher->thread, NULL);
	looks_end(fetcher);
	while (fetcher->idle_count > 0)
		transfer_free(fetcher->idle[--fetcher->idle_count]);
	loop_done(&fetcher->loop);
	fetcher_done(fetcher);
	curl_global_cleanup();
}

struct hosts *fetcher_hosts(struct fetcher *fetcher)
{
	return fetcher->hosts;
}

struct robots_cache *fetcher_robots(struct fetcher *fetcher)
{
	return fetcher->robots;
}

/* --- starting --- */

static void fetch_free(struct fetch *fetch)
{
	request_done(&fetch->request);
	fetch_result_free(fetch->result);
	cookies_free(fetch->cookies);
	caching_free(fetch->caching);
	free(fetch);
}

/* As asked, zeros replaced. */
static void fetch_adopt(struct fetch *fetch, const struct fetch_request *request)
{
	int64_t timeout_ms = request->class == FETCH_CALLS ? FETCH_CALL_MS : FETCH_TOTAL_MS;

	fetch->retry = retry_policy_whole(&request->retry);
	fetch->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : timeout_ms;
	fetch->connect_ms = request->connect_ms > 0 ? request->connect_ms : FETCH_CONNECT_MS;
	fetch->body_bytes_max =
		request->body_bytes_max ? request->body_bytes_max : FETCH_BODY_BYTES_MAX;
	fetch->keep_redirects = request->keep_redirects;
	fetch->repeatable = request->repeatable;
	fetch->insecure = request->insecure;
	fetch->http2 = request->http2;
	fetch->pool = (unsigned)request->class * 4 + request->insecure * 2u + request->http2;
	fetch->cookies = cookies_share(request->cookies);
	fetch->on_body = request->on_body;
	fetch->on_progress = request->on_progress;
	fetch->item = (struct hosts_item){
		.key = fetch->request.key,
		.owner = request->owner,
		.priority = request->priority,
		.on_open = request->on_open,
		.per_host = request->per_host,
		.delay_ms = request->delay_ms,
		.inside = fetch->request.inside,
		.call = request->class == FETCH_CALLS,
		.deadline_ms = request->deadline_ms,
		.breaker = request->breaker,
	};
}

static struct fetch *fetch_new(struct fetcher *fetcher, const struct fetch_request *request,
			       fetch_done_fn *done, void *ctx, struct err *err)
{
	struct fetch *fetch;

	if (request->insecure && !fetcher->config.allow_insecure) {
		err_set(err, ERR_FETCH_TLS, "the operator does not allow unverified TLS");
		return NULL;
	}
	fetch = calloc(1, sizeof(*fetch));
	if (!fetch) {
		err_set(err, ERR_NO_MEMORY, "no memory for a fetch");
		return NULL;
	}
	if (request_init(&fetch->request, request, fetcher->config.guard, err)) {
		fetch_free(fetch);
		return NULL;
	}
	fetch->fetcher = fetcher;
	fetch->done = done;
	fetch->ctx = ctx;
	fetch_adopt(fetch, request);
	if (request->cache != FETCH_CACHE_OFF) {
		fetch->caching = caching_new(fetch, request);
		if (!fetch->caching) {
			fetch_free(fetch);
			err_set(err, ERR_NO_MEMORY, "no memory for a fetch");
			return NULL;
		}
	}
	ring_init(&fetch->all);
	ring_init(&fetch->pausing);
	ring_init(&fetch->robots_link);
	ring_init(&fetch->start);
	ring_init(&fetch->cancel);
	ring_init(&fetch->resume);
	fetch->started_us = clock_us();
	return fetch;
}

/* Into `starts`, unless there are that many already or the fetcher stops. */
static int fetch_hand_over(struct fetch *fetch, unsigned active_max, struct err *err)
{
	struct fetcher *fetcher = fetch->fetcher;
	bool wake = false;
	int rc = 0;

	lock_take(&fetcher->lock);
	if (fetcher->stopping) {
		rc = err_set(err, ERR_CANCELLED, "the fetcher stops");
	} else if (fetcher->active >= active_max) {
		fetcher->want_room = true;
		rc = err_set(err, ERR_LIMIT, "%u fetches are waiting", fetcher->active);
	} else {
		fetcher->active++;
		wake = ring_empty(&fetcher->starts);
		ring_add(&fetcher->starts, &fetch->start);
	}
	lock_drop(&fetcher->lock);
	if (wake)
		loop_wake(&fetcher->loop);
	return rc;
}

static int fetch_begin(struct fetch *fetch, unsigned active_max, struct fetch **ret_fetch,
		       struct err *err)
{
	if (!fetch)
		return -1;
	atomic_init(&fetch->refs, ret_fetch ? 2 : 1);
	if (fetch_hand_over(fetch, active_max, err)) {
		fetch_free(fetch);
		return -1;
	}
	if (ret_fetch)
		*ret_fetch = fetch;
	return 0;
}

int fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_done_fn *done,
		void *ctx, struct fetch **ret_fetch, struct err *err)
{
	return fetch_begin(fetch_new(fetcher, request, done, ctx, err), fetcher->config.queued_max,
			   ret_fetch, err);
}

int fetch_start_own(struct fetcher *fetcher, const struct fetch_request *request,
		    fetch_done_fn *done, void *ctx, struct fetch **ret_fetch, struct err *err)
{
	return fetch_begin(fetch_new(fetcher, request, done, ctx, err), UINT_MAX, ret_fetch, err);
}

void fetch_drop(struct fetch *fetch)
{
	if (fetch && atomic_fetch_sub(&fetch->refs, 1) == 1)
		fetch_free(fetch);
}

void fetch_cancel(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;
	bool wake = false;

	lock_take(&fetcher->lock);
	if (!fetch->cancelled && !fetch->ended) {
		fetch->cancelled = true;
		atomic_fetch_add(&fetch->refs, 1); /* the list's, until it was taken */
		ring_add(&fetcher->cancels, &fetch->cancel);
		wake = true;
	}
	lock_drop(&fetcher->lock);
	if (wake)
		loop_wake(&fetcher->loop);
}

void fetch_resume(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;
	bool wake = false;

	lock_take(&fetcher->lock);
	if (!fetch->resumed && !fetch->ended) {
		fetch->resumed = true;
		atomic_fetch_add(&fetch->refs, 1); /* the list's */
		ring_add(&fetcher->resumes, &fetch->resume);
		wake = true;
	}
	lock_drop(&fetcher->lock);
	if (wake)
		loop_wake(&fetcher->loop);
}

void fetch_look(struct fetch *fetch, struct fetch_view *ret_view)
{
	static const enum fetch_state states[] = {
		[HOSTS_ITEM_IDLE] = FETCH_WAITING,   [HOSTS_ITEM_LATER] = FETCH_BACKOFF,
		[HOSTS_ITEM_QUEUED] = FETCH_WAITING, [HOSTS_ITEM_RUNNING] = FETCH_RUNNING,
		[HOSTS_ITEM_ENDED] = FETCH_WAITING,
	};
	struct fetcher *fetcher = fetch->fetcher;
	struct hosts_item_view item;
	const struct fetch *held;

	*ret_view = (struct fetch_view){.state = FETCH_ENDED};
	lock_take(&fetcher->lock);
	held = fetch->waits_for;
	if (!fetch->ended) {
		/* One that a stage holds goes on when the fetch of that stage has gone on. */
		hosts_look(fetcher->hosts, &(held ? held : fetch)->item, clock_ms(), &item);
		if (held && !item.reason)
			item.reason = ERR_FETCH_ROBOTS;
		if (fetch->outside)
			item.reason = ERR_LIMIT;
		ret_view->state = item.reason ? FETCH_PARKED : states[item.state];
		ret_view->until_ms = item.until_ms;
		ret_view->reason = item.reason;
		memcpy(ret_view->host, fetch->item.key, strlen(fetch->item.key) + 1);
	}
	lock_drop(&fetcher->lock);
}

/* --- the thread --- */

static void start_all(struct fetcher *fetcher, struct ring *starts)
{
	while (!ring_empty(starts)) {
		struct fetch *fetch = CONTAINER_OF(starts->next, struct fetch, start);

		ring_drop(&fetch->start);
		ring_add(&fetcher->all, &fetch->all);
		attempt_admit(fetch);
	}
}

static void resume_all(struct ring *resumes)
{
	while (!ring_empty(resumes)) {
		struct fetch *fetch = CONTAINER_OF(resumes->next, struct fetch, resume);

		lock_take(&fetch->fetcher->lock);
		ring_drop(&fetch->resume);
		fetch->resumed = false; /* from here on another one counts */
		lock_drop(&fetch->fetcher->lock);
		if (!fetch->ended) /* only this thread sets it */
			body_resume(fetch);
		fetch_drop(fetch);
	}
}

static void cancel_each(struct ring *cancels)
{
	while (!ring_empty(cancels)) {
		struct fetch *fetch = CONTAINER_OF(cancels->next, struct fetch, cancel);

		ring_drop(&fetch->cancel);
		if (!fetch->ended)
			attempt_cancel(fetch);
		fetch_drop(fetch);
	}
}

/* False when the fetcher stops. */
static bool take_orders(struct fetcher *fetcher)
{
	struct ring starts, cancels, resumes, found;
	bool stopping;

	lock_take(&fetcher->lock);
	take_all(&fetcher->starts, &starts);
	take_all(&fetcher->cancels, &cancels);
	take_all(&fetcher->resumes, &resumes);
	take_all(&fetcher->found, &found);
	stopping = fetcher->stopping;
	lock_drop(&fetcher->lock);
	start_all(fetcher, &starts);
	cancel_each(&cancels);
	resume_all(&resumes);
	cache_found_take(&found);
	return !stopping;
}

static struct hosts_item *next_item(struct fetcher *fetcher, int64_t now_ms)
{
	if (fetcher->running == fetcher->config.transfers_max)
		return NULL;
	return fetcher->pages < fetcher->pages_max ? hosts_take(fetcher->hosts, now_ms)
						   : hosts_take_call(fetcher->hosts, now_ms);
}

static void start_what_may(struct fetcher *fetcher)
{
	struct hosts_item *item;
	int64_t now_ms = clock_ms();

	attempt_end_rest(fetcher);
	watch_run(fetcher, now_ms);
	while ((item = hosts_ended(fetcher->hosts, now_ms)))
		attempt_end(CONTAINER_OF(item, struct fetch, item), item->ended);
	while ((item = next_item(fetcher, now_ms)))
		attempt_start(CONTAINER_OF(item, struct fetch, item));
}

/* When something of ours is due. */
static int64_t next_ms(struct fetcher *fetcher)
{
	const struct heap_node *first = heap_first(&fetcher->timers);
	int64_t hosts_ms = hosts_wake_ms(fetcher->hosts);

	/* There may be memory again soon, or a host that is well. */
	if (!ring_empty(&fetcher->unended) || !ring_empty(&fetcher->outside))
		hosts_ms = MIN(hosts_ms, clock_ms() + REST_LOOK_MS);
	return first ? MIN(hosts_ms, first->key) : hosts_ms;
}

static void finish_what_ended(struct fetcher *fetcher)
{
	struct loop_end ends[ENDS_MAX];
	size_t count;

	do {
		count = loop_ended(&fetcher->loop, ends, ENDS_MAX);
		for (size_t i = 0; i < count; i++) {
			struct transfer *transfer = NULL;

			curl_easy_getinfo(ends[i].easy, CURLINFO_PRIVATE, (char **)&transfer);
			attempt_over(transfer->fetch, ends[i].code);
		}
	} while (count == ENDS_MAX);
	attempt_admit_rest(fetcher);
}

static void cancel_all(struct fetcher *fetcher)
{
	while (!ring_empty(&fetcher->all)) {
		struct hosts_item *item = hosts_ended(fetcher->hosts, clock_ms());

		if (item)
			attempt_end(CONTAINER_OF(item, struct fetch, item), item->ended);
		else
			attempt_cancel(CONTAINER_OF(fetcher->all.next, struct fetch, all));
		attempt_end_rest(fetcher);
	}
	assert(fetcher->running == 0);
}

static void *fetcher_main(void *ctx)
{
	struct fetcher *fetcher = ctx;
	int64_t save_ms = clock_ms() + SAVE_EVERY_MS, wake_ms;

	while (take_orders(fetcher)) {
		start_what_may(fetcher);
		wake_ms = next_ms(fetcher);
		loop_run(&fetcher->loop, MIN(wake_ms, save_ms));
		finish_what_ended(fetcher);
		body_pause(fetcher);
		if (clock_ms() >= save_ms) {
			hosts_save(fetcher->hosts, clock_ms());
			save_ms = clock_ms() + SAVE_EVERY_MS;
		}
	}
	take_orders(fetcher); /* started just before it was told to stop */
	cancel_all(fetcher);
	hosts_save(fetcher->hosts, clock_ms());
	return NULL;
}
