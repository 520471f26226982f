/* SPDX-License-Identifier: MIT */
/* api_events.c - /v1/jobs/{id}/events and /v1/events: what happens, as it happens.
 *
 * A stream is a cursor into the event log (the last seq it has sent) and a little
 * text that did not fit.  Each wake reads on from the cursor, from the shared ring
 * or the store, so a client that reconnects with Last-Event-ID and one that never
 * left see the same.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "service/engine/events.h"
#include "service/http/api.h"
#include "service/http/api_query.h"

#include <stdlib.h>
#include <string.h>

enum {
	READ_EVENTS = 64, /* at once */
	READS_MAX = 64,	  /* in a row that yield nothing: others want the thread too */
	TEXT_BYTES_MAX = READ_EVENTS * (ITEM_BYTES_MAX / 64),
	RETRY_MS = 2000, /* an EventSource reconnects after this */
};

struct feed {
	struct api *api;
	struct subscriber *subscriber;
	struct waker *waker;
	bool of_job, sse;
	bool ended; /* the last event was an end; a retry may have put more behind it */
	struct id job;
	uint32_t types; /* bit per enum event_type; 0: all */
	uint64_t seq;	/* the last that was read */
	int64_t keep_alive_ms;
	struct buf text; /* formatted, from `sent` on not yet sent */
	size_t sent;
};

static void feed_close(void *ctx)
{
	struct feed *feed = ctx;

	if (feed->subscriber)
		events_unsubscribe(feed->api->events, feed->subscriber);
	buf_done(&feed->text);
	free(feed);
}

/* ---- formatting ---- */

static void event_add(struct feed *feed, const struct event *event)
{
	if (feed->types && !(feed->types & (1U << event->type)))
		return;
	if (feed->sse)
		buf_printf(&feed->text,
			   "id: %llu\nevent: %s\ndata: ", (unsigned long long)event->seq,
			   event_type_name(event->type));
	event_format(event, &feed->text);
	buf_add_text(&feed->text, feed->sse ? "\n\n" : "\n");
}

/* Reads on from the cursor; -1: gone, or the store failed. */
static int feed_read_on(struct feed *feed, struct err *err)
{
	struct event events[READ_EVENTS];
	size_t count = 0;

	if (events_read(feed->api->events, feed->of_job ? &feed->job : NULL, feed->seq, READ_EVENTS,
			events, &count, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		event_add(feed, &events[i]);
		feed->seq = events[i].seq;
		feed->ended = feed->of_job && events[i].type == EVENT_END;
		free(events[i].data);
	}
	return buf_ok(&feed->text) ? (int)count : err_set(err, ERR_NO_MEMORY, "no memory");
}

/* Nothing was sent for a while: a comment, so that proxies keep the stream. */
static void keep_alive(struct feed *feed)
{
	int64_t now_ms = clock_ms();

	if (!feed->sse)
		return;
	if (feed->text.len == 0 && now_ms >= feed->keep_alive_ms)
		buf_add_text(&feed->text, ": keep-alive\n\n");
	if (feed->text.len > 0)
		feed->keep_alive_ms = now_ms + HTTP_KEEP_ALIVE_MS;
	waker_at(feed->waker, feed->keep_alive_ms);
}

static ssize_t feed_read(void *ctx, char *into, size_t room)
{
	struct feed *feed = ctx;
	struct err err;
	size_t len;

	if (feed->text.len == 0) {
		int count = 1, reads = 0;

		while (feed->text.len == 0 && count > 0 && reads++ < READS_MAX)
			count = feed_read_on(feed, &err);
		if (count < 0)
			return STREAM_FAIL;
		if (feed->text.len == 0 && count == 0 && feed->ended)
			return STREAM_END;
		keep_alive(feed);
		if (feed->text.len == 0) {
			if (count > 0) /* a filter passes over a long past: go on soon */
				waker_at(feed->waker, clock_ms());
			return STREAM_WAIT;
		}
	}
	len = MIN(room, feed->text.len - feed->sent);
	memcpy(into, feed->text.data + feed->sent, len);
	feed->sent += len;
	if (feed->sent == feed->text.len) {
		buf_done(&feed->text); /* thousands of idle streams keep no buffers */
		feed->sent = 0;
	}
	return (ssize_t)len;
}

/* ---- the two routes ---- */

static bool wants_sse(struct request *request)
{
	const char *accept = request_header(request, "Accept");

	return accept && strstr(accept, "text/event-stream");
}

/* Where to go on: Last-Event-ID, or ?after= for those who cannot set headers. */
static int after_read(struct request *request, uint64_t fallback, uint64_t *ret, struct err *err)
{
	const char *header = request_header(request, "Last-Event-ID");

	if (header)
		return number_read("Last-Event-ID", header, ret, err);
	return query_number(request, "after", fallback, ret, err);
}

static void wake(void *ctx)
{
	waker_wake(ctx);
}

/* Subscribes first, then reads: nothing falls between. */
static int feed_start(struct request *request, struct feed *feed, struct err *err)
{
	feed->waker = request_waker(request);
	if (events_subscribe(feed->api->events, feed->of_job ? &feed->job : NULL, wake, feed->waker,
			     &feed->subscriber, err))
		return -1;
	if (feed->sse)
		buf_printf(&feed->text, "retry: %d\n\n", RETRY_MS);
	return feed_read_on(feed, err) < 0 ? -1 : 0;
}

static void feed_reply(struct request *request, struct feed *feed)
{
	static const struct stream_reader reader = {.read = feed_read, .close = feed_close};

	reply_header(request, "Cache-Control", "no-cache, no-transform");
	reply_header(request, "X-Accel-Buffering", "no");
	feed->keep_alive_ms = clock_ms() + HTTP_KEEP_ALIVE_MS;
	reply_stream(request, 200, feed->sse ? "text/event-stream" : "application/x-ndjson",
		     STREAM_ENDLESS, &reader, feed);
}

static struct feed *feed_new(struct request *request)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for a stream");
		return NULL;
	}
	feed->api = api_of(request);
	feed->sse = wants_sse(request);
	buf_init(&feed->text, TEXT_BYTES_MAX);
	return feed;
}

/* True when the job is over and the client has seen all of it: an EventSource stops
 * at 204. */
static bool feed_is_over(const struct feed *feed, uint64_t after, const struct job *job)
{
	return state_is_final(job->state) && after > 0 && feed->seq == after;
}

void job_events(struct request *request)
{
	static const char *const known[] = {"after", NULL};
	struct feed *feed;
	uint64_t after;
	struct job job;
	struct err err;
	struct id id;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    after_read(request, 0, &after, &err) ||
	    store_job_get(api_of(request)->store, &id, false, &job, &err)) {
		reply_problem(request, &err);
		return;
	}
	feed = feed_new(request);
	if (feed) {
		feed->of_job = true;
		feed->job = id;
		feed->seq = after;
		if (feed_start(request, feed, &err)) {
			reply_problem(request, &err);
			feed_close(feed);
		} else if (feed_is_over(feed, after, &job)) {
			reply_empty(request, 204);
			feed_close(feed);
		} else {
			feed_reply(request, feed);
		}
	}
	job_done(&job);
}

static int types_read(struct request *request, uint32_t *ret_types, struct err *err)
{
	size_t count;
	const struct query_pair *pairs = request_queries(request, &count);

	for (size_t i = 0; i < count; i++) {
		int type = EVENT_STATE;

		if (strcmp(pairs[i].name, "type") != 0)
			continue;
		while (type < EVENT_TYPES &&
		       strcmp(event_type_name((enum event_type)type), pairs[i].value) != 0)
			type++;
		if (type == EVENT_TYPES)
			return err_set(
				err, ERR_BAD_PARAMETER,
				"type '%.40s' is not one of state, progress, log, item, end, host",
				pairs[i].value);
		*ret_types |= 1U << type;
	}
	return 0;
}

void all_events(struct request *request)
{
	static const char *const known[] = {"after", "type", NULL};
	struct feed *feed;
	struct err err;

	if (request_query_check(request, known, &err)) {
		reply_problem(request, &err);
		return;
	}
	feed = feed_new(request);
	if (!feed)
		return;
	if (after_read(request, events_last_seq(feed->api->events), &feed->seq, &err) ||
	    types_read(request, &feed->types, &err) || feed_start(request, feed, &err)) {
		reply_problem(request, &err);
		feed_close(feed);
	} else {
		feed_reply(request, feed);
	}
}
