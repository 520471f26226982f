/* SPDX-License-Identifier: MIT */
/* stream.h - answers that wait for news: long polls and streamed bodies.
 *
 * Both pull: an HTTP thread asks, the callback answers or says "nothing now", the
 * connection sleeps (suspended, no thread) until somebody wakes it, and is asked
 * again.  The handle to wake it exists before the answer begins, so a handler can
 * subscribe first:
 *
 *   static void wake(void *ctx) { waker_wake(ctx); }
 *   handler:
 *           if (events_subscribe(events, &id, wake, request_waker(request), &s->sub, &err))
 *                   …
 *           reply_stream(request, 200, "text/event-stream", STREAM_ENDLESS, &reader, s);
 *
 * Wakes are sticky: one that comes while the callback runs makes it run again, so
 * none is lost; they may also come for nothing.  With few sleepers a wake acts at
 * once; with many (HTTP_WAKE_AT_ONCE_MAX on a thread) wakes are gathered and act at
 * most 20 times a second, because each costs a walk over all sleepers of a thread.
 *
 * Threads    waker_wake() from any thread until close() has returned (unsubscribe
 *            there; events_unsubscribe() gives that guarantee).  All callbacks on HTTP
 *            threads, never two of one request at a time.
 * Ownership  ctx is the answer's from reply_wait() or reply_stream() on; close(ctx)
 *            is called exactly once whatever happens (sent, client gone, drain, no
 *            memory), the last of all calls.
 * Locks      LOCK_STREAM, inside waker_wake(); no callback is made under it.
 */
#ifndef SERVICE_HTTP_STREAM_H
#define SERVICE_HTTP_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct request;
struct waker;

/* Of this request; valid from the handler's start until close() returned. */
struct waker *request_waker(struct request *request);

void waker_wake(struct waker *waker);

/* A wake of its own at that time of the monotonic clock (clock_ms), within 100 ms:
 * for deadlines of long polls and keep-alive comments.  One at a time, a new one
 * replaces it; 0: none.  Only in the handler and the callbacks. */
void waker_at(struct waker *waker, int64_t at_ms);

struct waiter {
	/* Something may have changed: call a reply_…() now, or return to go on waiting.
	 * Called the first time soon after the handler has returned. */
	void (*poll)(struct request *request, void *ctx);
	void (*close)(void *ctx);
};

void reply_wait(struct request *request, const struct waiter *waiter, void *ctx);

enum {
	STREAM_WAIT = 0,  /* nothing now: sleep until a wake */
	STREAM_END = -1,  /* the body is complete */
	STREAM_FAIL = -2, /* it cannot be completed: the connection is cut, so the client knows */
};

/* For lengths; both are chunked and end with STREAM_END. */
enum {
	STREAM_UNKNOWN = -1,
	STREAM_ENDLESS = -2, /* it may be cut anywhere: a drain ends it */
};

struct stream_reader {
	/* Writes up to `room` bytes (room can be as small as 100: keep the rest of a line in
	 * ctx) and returns their number, or STREAM_…. */
	ssize_t (*read)(void *ctx, char *into, size_t room);
	void (*close)(void *ctx);
};

/* `length`: of the whole body in bytes, STREAM_UNKNOWN or STREAM_ENDLESS.  A drain ends
 * the endless ones as if read had said STREAM_END, and waits for the others; those that
 * are left when it is over are cut.  For HEAD read is never called. */
void reply_stream(struct request *request, int status, const char *content_type, int64_t length,
		  const struct stream_reader *reader, void *ctx);

#endif
