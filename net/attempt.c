/* SPDX-License-Identifier: MIT */
/* attempt.c - what happens to a fetch between its start and its end.
 *
 * An attempt that ends is first judged for the host's sake (hosts_finish), then for
 * the fetch's: a redirect is followed, a throttled one waits for its host, a failed
 * one backs off and tries again while its policy allows it, everything else ends.
 */
#include "net/attempt.h"

#include "base/limits.h"
#include "net/stages.h"
#include "net/throttle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A host that answers 429 for ever: a fetch without a deadline gives up after so many. */
enum { THROTTLES_MAX = 10 };

static void give_transfer_back(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;

	loop_remove(&fetcher->loop, fetch->pool, fetch->transfer->easy);
	fetcher->idle[fetcher->idle_count++] = fetch->transfer;
	fetcher->running--;
	fetcher->pages -= !fetch->item.call;
	fetch->transfer = NULL;
	ring_drop(&fetch->pausing);
	fetch->over = false;
	watch_end(fetch);
	curl_slist_free_all(fetch->sent);
	fetch->sent = NULL;
}

/* Half of the memory of a fetch is its result: one that waits for the first time has none. */
static bool result_ready(struct fetch *fetch)
{
	if (!fetch->result)
		fetch->result = result_new();
	return fetch->result != NULL;
}

static void result_spare(struct fetch *fetch)
{
	const struct fetch_result *result = fetch->result;

	if (!result || result->attempts > 0 || result->redirects > 0 || fetch->throttles > 0)
		return;
	fetch_result_free(fetch->result);
	fetch->result = NULL;
}

/* No memory for its result: it ends when there is some. */
static void attempt_end_later(struct fetch *fetch, enum err_code why)
{
	fetch->end_why = why;
	watch_end(fetch);
	ring_drop(&fetch->pausing);
	ring_add(&fetch->fetcher->unended, &fetch->pausing);
}

void attempt_end_rest(struct fetcher *fetcher)
{
	while (!ring_empty(&fetcher->unended)) {
		struct fetch *fetch = CONTAINER_OF(fetcher->unended.next, struct fetch, pausing);

		if (!result_ready(fetch))
			return;
		ring_drop(&fetch->pausing);
		attempt_end(fetch, fetch->end_why);
	}
}

void attempt_end(struct fetch *fetch, enum err_code why)
{
	struct fetcher *fetcher = fetch->fetcher;
	struct fetch_result *result;
	bool room;

	if (!result_ready(fetch)) {
		attempt_end_later(fetch, why);
		return;
	}
	stage_end(fetch);
	result = fetch->result;
	if (why != ERR_NONE && result->err.code != why)
		err_set(&result->err, why, "%s", err_title(why));
	result->total_us = clock_us() - fetch->started_us;
	lock_take(&fetcher->lock);
	result->final_url = fetch->request.url;
	result->host_key = fetch->request.key;
	fetch->request.url = NULL;
	fetch->request.key = NULL;
	fetch->ended = true;
	fetch->result = NULL;
	fetcher->active--;
	room = fetcher->want_room && fetcher->active <= fetcher->config.queued_max / 10 * 9;
	if (room)
		fetcher->want_room = false;
	lock_drop(&fetcher->lock);
	ring_drop(&fetch->all);
	ring_drop(&fetch->pausing);
	watch_end(fetch);
	fetch->done(fetch->ctx, result);
	if (room && fetcher->config.room)
		fetcher->config.room(fetcher->config.ctx);
	fetch_drop(fetch);
}

static void attempt_answered(struct fetch *fetch);

/* The result is final, unless a stage has another. */
static void attempt_settle(struct fetch *fetch)
{
	if (fetch->result->err.code != ERR_NONE && !fetch->handed && stage_rescue(fetch))
		attempt_answered(fetch);
	else
		attempt_end(fetch, ERR_NONE);
}

/* Until the stage lets go, only the deadline and a cancel can end it. */
static void attempt_hold(struct fetch *fetch)
{
	fetch->held = true;
	if (watch_hold(fetch)) {
		stage_let_go(fetch);
		attempt_end(fetch, ERR_NO_MEMORY);
	}
}

static void outside_set(struct fetch *fetch, bool outside)
{
	lock_take(&fetch->fetcher->lock); /* fetch_look() reads it */
	fetch->outside = outside;
	lock_drop(&fetch->fetcher->lock);
}

/* So many hosts are in use that there is no place for its own: held until one is idle.  There
 * are no more of these than fetches. */
static void attempt_wait_outside(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;

	outside_set(fetch, true);
	fetcher->crowded = true;
	ring_add(&fetcher->outside, &fetch->pausing);
	result_spare(fetch);
	attempt_hold(fetch);
}

/* One that finds no place again goes to the end. */
void attempt_admit_rest(struct fetcher *fetcher)
{
	fetcher->crowded = false;
	while (!ring_empty(&fetcher->outside) && !fetcher->crowded)
		attempt_admit(CONTAINER_OF(fetcher->outside.next, struct fetch, pausing));
}

static void attempt_queue(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;
	struct err err;

	fetch->queued_us = clock_us();
	if (hosts_add(fetcher->hosts, &fetch->item, clock_ms(), &err) == 0) {
		result_spare(fetch);
		return;
	}
	if (err.code == ERR_LIMIT) {
		attempt_wait_outside(fetch);
		return;
	}
	/* The reason of the last attempt says more than "the breaker is open now". */
	if (fetch->result->err.code == ERR_NONE)
		fetch->result->err = err;
	attempt_settle(fetch);
}

void attempt_admit(struct fetch *fetch)
{
	fetch->held = false;
	watch_end(fetch);
	if (fetch->outside) { /* only this thread sets it */
		ring_drop(&fetch->pausing);
		outside_set(fetch, false);
	}
	if (!result_ready(fetch)) {
		attempt_end(fetch, ERR_NO_MEMORY);
		return;
	}
	switch (stage_admit(fetch)) {
	case ADMIT_GO:
		attempt_queue(fetch);
		break;
	case ADMIT_HELD:
		attempt_hold(fetch);
		break;
	case ADMIT_FULL:
		attempt_wait_outside(fetch);
		break;
	case ADMIT_ANSWERED:
		attempt_answered(fetch);
		break;
	case ADMIT_REFUSED:
		attempt_end(fetch, ERR_NONE);
		break;
	}
}

int attempt_header(struct fetch *fetch, const char *name, const char *value)
{
	struct err err;

	return headers_add(&fetch->sent, name, value, &err);
}

const char *attempt_head(const struct fetch *fetch, const char *name, unsigned nth)
{
	const struct buf *head = &fetch->transfer->head;

	return head_find_nth(head->data, head->len, name, nth);
}

static void on_head(void *ctx, int status)
{
	stage_head(ctx, status);
}

static void on_reached(void *ctx, const char *address, bool inside)
{
	struct fetch *fetch = ctx;

	hosts_reached(fetch->fetcher->hosts, &fetch->item, address, inside, clock_ms());
}

static struct transfer *transfer_take(struct fetcher *fetcher)
{
	return fetcher->idle_count ? fetcher->idle[--fetcher->idle_count] : transfer_new();
}

/* Is there a header of the same name among those up to `last`? */
static bool header_replaced(const struct curl_slist *headers, const struct curl_slist *last,
			    const char *line)
{
	size_t len = strcspn(line, ":;");

	for (;; headers = headers->next) {
		if (strncasecmp(headers->data, line, len) == 0 &&
		    strcspn(headers->data, ":;") == len)
			return true;
		if (headers == last)
			return false;
	}
}

/* Those of the stages, and behind them copies of the request's own. */
static int headers_make(struct fetch *fetch)
{
	const struct curl_slist *last;

	if (stage_headers(fetch))
		goto fail;
	if (!fetch->sent)
		return 0;
	for (last = fetch->sent; last->next;)
		last = last->next;
	for (struct curl_slist *at = fetch->request.headers; at; at = at->next)
		if (!header_replaced(fetch->sent, last, at->data) &&
		    !curl_slist_append(fetch->sent, at->data))
			goto fail;
	return 0;
fail:
	curl_slist_free_all(fetch->sent);
	fetch->sent = NULL;
	return -1;
}

static int transfer_begin(struct fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;
	struct transfer_plan plan = {
		.url = fetch->request.url,
		.method = fetch->request.method,
		.user_agent = fetcher->user_agent,
		.headers = fetch->sent ? fetch->sent : fetch->request.headers,
		.body = fetch->request.body,
		.body_len = fetch->request.body_len,
		.connect_ms = fetch->connect_ms,
		.body_bytes_max = fetch->body_bytes_max,
		.ca_file = fetcher->ca_file,
		.insecure = fetch->insecure,
		.http2 = fetch->http2,
		.guard = fetcher->config.guard,
		.loop = &fetcher->loop,
		.reached = on_reached,
		.head = on_head,
		.take = fetch->on_body ? body_take : NULL,
		.news = fetch->on_progress ? body_news : NULL,
		.ctx = fetch,
	};
	struct transfer *transfer = transfer_take(fetcher);

	if (!transfer)
		return -1;
	if (watch_begin(fetch, clock_ms()) || transfer_setup(transfer, &plan) ||
	    loop_transfer(&fetcher->loop, fetch->pool, transfer->easy)) {
		watch_end(fetch);
		transfer_free(transfer);
		return -1;
	}
	transfer->fetch = fetch;
	fetch->transfer = transfer;
	fetcher->running++;
	fetcher->pages += !fetch->item.call;
	return 0;
}

void attempt_start(struct fetch *fetch)
{
	struct hosts_outcome nothing = {.call = {.code = ERR_NO_MEMORY}, .retry_after_ms = -1};

	if (result_ready(fetch)) {
		fetch->result->queue_us += clock_us() - fetch->queued_us;
		fetch->result->attempts += !fetch->hop;
		fetch->hop = false;
		if (headers_make(fetch) == 0 && transfer_begin(fetch) == 0)
			return;
	}
	hosts_finish(fetch->fetcher->hosts, &fetch->item, &nothing, clock_ms());
	attempt_end(fetch, ERR_NO_MEMORY);
}

static int64_t retry_after_ms(const struct fetch_result *result)
{
	const char *value = fetch_result_header(result, "retry-after");

	if (!value)
		return -1;
	return retry_after_parse(value, fetch_result_header(result, "date"), clock_wall_ms());
}

/* What libcurl knows into the result, what hosts must know into *ret_outcome. */
static void attempt_read(struct fetch *fetch, CURLcode code, struct hosts_outcome *ret_outcome)
{
	struct fetch_result *result = fetch->result;
	struct transfer_end end;

	transfer_read(fetch->transfer, code, &end);
	result->err = end.err;
	result->status = end.status;
	result->connect_us = end.connect_us;
	result->first_byte_us = end.first_byte_us;
	result->wire_bytes += end.wire_bytes;
	result->decoded_bytes += fetch->transfer->decoded_bytes;
	if (fetch->transfer->takes)
		buf_clear(&fetch->transfer->body); /* on_body had it, or will not */
	if (result_set(result, fetch->transfer) && result->err.code == ERR_NONE)
		err_set(&result->err, ERR_NO_MEMORY, "no memory for the body");
	if (end.err.code == ERR_FETCH_TIMEOUT && fetch->item.deadline_ms &&
	    fetch->item.deadline_ms <= clock_ms())
		err_set(&result->err, ERR_DEADLINE, "%s", err_title(ERR_DEADLINE));
	*ret_outcome = (struct hosts_outcome){
		.call = {.code = result->err.code,
			 .status = end.status,
			 .silent = end.silent && end.total_us / 1000 >= RETRY_SILENT_MS},
		.first_byte_ms = (end.silent ? end.total_us : end.first_byte_us) / 1000,
		.retry_after_ms = retry_after_ms(result),
		.bytes = end.wire_bytes,
		.credentials = fetch->request.credentials,
	};
	ret_outcome->call.retry_after = ret_outcome->retry_after_ms >= 0;
}

/* Follows the answer's Location; false when this is the result. */
static bool follow(struct fetch *fetch)
{
	struct fetch_result *result = fetch->result;
	const char *location;
	char *old_key;

	if (fetch->keep_redirects || result->err.code != ERR_NONE ||
	    !status_is_redirect(result->status))
		return false;
	location = fetch_result_header(result, "location");
	if (!location)
		return false;
	if (result->redirects == FETCH_REDIRECTS_MAX) {
		err_set(&result->err, ERR_FETCH_REDIRECTS, "more than %d redirects",
			FETCH_REDIRECTS_MAX);
		return false;
	}
	if (request_redirect(&fetch->request, result->status, location,
			     fetch->fetcher->config.guard, &old_key, &result->err))
		return false;
	lock_take(&fetch->fetcher->lock); /* fetch_look() reads the key */
	fetch->item.key = fetch->request.key;
	lock_drop(&fetch->fetcher->lock);
	free(old_key);
	result->redirects++;
	fetch->hop = true;
	fetch->item.inside = fetch->request.inside;
	fetch->item.front = true;
	fetch->item.retry = false;
	fetch->item.start_ms = 0;
	attempt_admit(fetch);
	return true;
}

/* The host said when to come back: the same attempt again, then. */
static bool wait_for_host(struct fetch *fetch)
{
	struct fetch_result *result = fetch->result;

	if (++fetch->throttles > THROTTLES_MAX) {
		err_set(&result->err, ERR_FETCH_THROTTLED, "answered %d %u times", result->status,
			fetch->throttles);
		return false;
	}
	result->attempts--;
	result->err.code = ERR_NONE;
	fetch->item.front = true;
	fetch->item.retry = false;
	fetch->item.start_ms = 0;
	attempt_queue(fetch);
	return true;
}

static bool may_repeat(const struct fetch *fetch)
{
	return fetch->repeatable || method_idempotent(fetch->request.method);
}

static bool try_again(struct fetch *fetch, const struct hosts_outcome *outcome)
{
	struct fetcher *fetcher = fetch->fetcher;
	int64_t now_ms = clock_ms();

	if (!outcome_retryable(&outcome->call) || !may_repeat(fetch) || fetch->handed ||
	    fetch->result->attempts >= fetch->retry.attempts_max)
		return false;
	fetch->backoff_ms = retry_delay_ms(&fetch->retry, fetch->backoff_ms, &fetcher->rng);
	fetch->item.start_ms = now_ms + MAX(fetch->backoff_ms, outcome->retry_after_ms);
	if (fetch->item.deadline_ms && fetch->item.start_ms >= fetch->item.deadline_ms)
		return false;
	fetch->item.front = true;
	fetch->item.retry = true;
	attempt_queue(fetch);
	return true;
}

/* An answer that stands: 4xx and 5xx have their reason. */
static void judge_status(struct fetch_result *result)
{
	if (result->err.code != ERR_NONE || result->status < 400)
		return;
	err_set(&result->err, result->status < 500 ? ERR_FETCH_HTTP_4XX : ERR_FETCH_HTTP_5XX,
		"answered %d", result->status);
}

void attempt_over(struct fetch *fetch, CURLcode code)
{
	fetch->over = code == CURLE_OK && fetch->transfer->paused && fetch->transfer->body.len > 0;
	fetch->over_code = code;
	if (!fetch->over)
		attempt_finish(fetch, code);
}

void attempt_finish(struct fetch *fetch, CURLcode code)
{
	struct hosts_outcome outcome;
	enum verdict verdict;

	attempt_read(fetch, code, &outcome);
	give_transfer_back(fetch);
	verdict = hosts_finish(fetch->fetcher->hosts, &fetch->item, &outcome, clock_ms());
	if (fetch->result->err.code == ERR_NONE)
		stage_answer(fetch);
	if (follow(fetch))
		return;
	judge_status(fetch->result);
	if (verdict == VERDICT_THROTTLED ? wait_for_host(fetch) : try_again(fetch, &outcome))
		return;
	attempt_settle(fetch);
}

/* A stage had the answer. */
static void attempt_answered(struct fetch *fetch)
{
	if (follow(fetch))
		return;
	judge_status(fetch->result);
	attempt_end(fetch, ERR_NONE);
}

void attempt_cancel(struct fetch *fetch)
{
	struct hosts_outcome nothing = {.call = {.code = ERR_CANCELLED}, .retry_after_ms = -1};
	struct hosts *hosts = fetch->fetcher->hosts;

	if (fetch->transfer) {
		give_transfer_back(fetch);
		hosts_finish(hosts, &fetch->item, &nothing, clock_ms());
	} else if (fetch->held) {
		stage_let_go(fetch);
	} else if (!hosts_remove(hosts, &fetch->item, clock_ms())) {
		return; /* hosts_ended() is about to hand it out */
	}
	attempt_end(fetch, ERR_CANCELLED);
}
