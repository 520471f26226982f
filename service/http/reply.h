/* SPDX-License-Identifier: MIT */
/* reply.h - answering a request: now, or when an operation has ended.
 *
 * At once:
 *
 *   struct buf body = BUF(HTTP_REPLY_BYTES_MAX);
 *   struct json_out out = JSON_OUT(&body);
 *   … json_out_object(&out, NULL); …
 *   reply_header(request, "Location", "/v1/jobs/…");
 *   reply_json(request, 202, &body);
 *
 * Later (the store answers on its writer thread, which must not be kept):
 *
 *   static void submitted(struct store_op *op)                   writer thread
 *   {
 *           later_done(((struct submit *)op->ctx)->later);       cheap: wakes, no more
 *   }
 *   static void answer(struct request *request, void *ctx)       HTTP thread
 *   {
 *           … reads what the operation left in ctx; reply_json(request, 202, &body); …
 *   }
 *   handler:
 *           submit->later = reply_later(request, answer, submit_free, submit);
 *           if (!submit->later)
 *                   return;            already answered 503, ctx released
 *           if (store_put(store, &submit->op.op, &err)) {
 *                   submit->err = err;
 *                   later_done(submit->later);   the failure takes the same way
 *           }
 *
 * Threads    reply_*() inside the handler and the callbacks of its request only;
 *            later_done() from any thread.
 * Ownership  a body is taken from the caller's buf (the buf is empty afterwards,
 *            also on failure); values of header fields are copied.
 * Errors     none to check: a body that has failed (no memory, over its limit) is
 *            answered as 503 no-memory.
 * Locks      LOCK_STREAM, inside later_done().
 */
#ifndef SERVICE_HTTP_REPLY_H
#define SERVICE_HTTP_REPLY_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_place;
struct later;
struct mistakes;
struct request;

/* A header field of the answer; before the reply_…() that ends the request.  Up to
 * REPLY_HEADERS_MAX; the name is a literal; values with control characters are our bug
 * (assert).
 * Content-Length, Date, Connection and X-Request-Id are the server's. */
void reply_header(struct request *request, const char *name, const char *value);
void reply_headerf(struct request *request, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* application/json. */
void reply_json(struct request *request, int status, struct buf *body);
/* Any type; the bytes are moved. */
void reply_bytes(struct request *request, int status, const char *content_type, struct buf *body);
/* The same for text that lives as long as the program: nothing is copied. */
void reply_static(struct request *request, int status, const char *content_type, const char *text,
		  size_t len);
/* Bytes of a file, whose descriptor is taken. */
struct file_bytes {
	int fd;
	int64_t offset, len;
	bool steady; /* nobody writes to it any more: the kernel sends it (sendfile) */
};
void reply_file(struct request *request, int status, const char *content_type,
		const struct file_bytes *bytes);
/* No body: 204, 304, … */
void reply_empty(struct request *request, int status);

/* A problem (RFC 9457) from an error: type, title, status, detail, instance.  A
 * retryable one carries Retry-After: 1 s unless reply_retry_after() said otherwise. */
void reply_problem(struct request *request, const struct err *err);
void reply_problemf(struct request *request, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
/* With `errors`, one for each mistake; the code is the mistakes'. */
void reply_mistakes(struct request *request, const struct mistakes *mistakes);
/* With line, column and pointer of where a body stops being JSON. */
void reply_json_error(struct request *request, const struct err *err,
		      const struct json_place *place);

/* Members that the next problem of this request shall have besides the usual:
 * problem_hint → "hint", problem_member → any text member ("limit", "state"). */
void problem_hint(struct request *request, const char *fmt, ...) PRINTF(2, 3);
void problem_member(struct request *request, const char *name, const char *value);
/* Retry-After in whole seconds (rounded up) and the member retry_after_ms. */
void reply_retry_after(struct request *request, int64_t after_ms);

/* Answers when later_done() is called: suspends the connection, then calls
 * finish(request, ctx) on an HTTP thread, which must call a reply_…() (another
 * reply_later(), reply_wait() or reply_stream() is fine).  release(ctx) follows in
 * every case, exactly once: after finish, or without it, from any HTTP thread or from
 * later_done(), when the client has gone or a drain was over before later_done().
 * So ctx belongs to the request from here on, but it lives until later_done() was
 * called: the operation may write into it up to that call, not after.
 * It may stand in the request's arena, which is there until release() has returned.
 * NULL: the server stops; the answer 503 is on its way, ctx is released. */
struct later *reply_later(struct request *request, void (*finish)(struct request *, void *ctx),
			  void (*release)(void *ctx), void *ctx) MUST_USE;

/* Exactly once for each struct later, from any thread, also from inside the handler
 * itself.  Takes a lock for some instructions and wakes an HTTP thread: fit for the
 * store's writer. */
void later_done(struct later *later);
/* The same when something else is going to wake the request (an event, waker_at()), and
 * it need not hear before.  If that came already, it is woken after all. */
void later_done_quietly(struct later *later);

#endif
