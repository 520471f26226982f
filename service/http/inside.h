/* SPDX-License-Identifier: MIT */
/* inside.h - struct request as the files of this room share it.
 *
 * A request is made when its request line has arrived, and ended when its answer has
 * been sent or the client has gone; an operation under way (struct later) holds it
 * longer.  `answer` says what it is waiting for:
 *
 *    NONE ─ reply_later ─▶ LATER ─ later_done, finish ─┐
 *      ├─── reply_wait ──▶ WAIT ── poll ───────────────┤ (to any of them, or READY)
 *      └─── reply_… ─────▶ READY ─ queued ─▶ SENT ◀────┘
 *
 * Nobody outside service/http includes this.
 *
 * Threads    HTTP threads, one at a time, except what is said to be guarded by the
 *            connection's lock.
 */
#ifndef SERVICE_HTTP_INSIDE_H
#define SERVICE_HTTP_INSIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "service/http/conn.h"
#include "service/http/gate.h"
#include "service/http/intake.h"
#include "service/http/request.h"
#include "service/http/routes.h"
#include "service/http/stream.h"

#include <stdatomic.h>

struct MHD_Connection;
struct MHD_Response;
struct server;

enum { REPLY_HEADERS_MAX = 12, PROBLEM_MEMBERS_MAX = 6, REQUEST_ID_MAX = 128 };

enum answer { ANSWER_NONE, ANSWER_LATER, ANSWER_WAIT, ANSWER_READY, ANSWER_SENT };

struct later {
	struct request *request;
	void (*finish)(struct request *request, void *ctx);
	void (*release)(void *ctx);
	void *ctx;
	/* guarded by the connection's lock */
	bool done;	/* later_done() was called */
	bool abandoned; /* nobody waits any more: later_done() releases */
	unsigned looks; /* at it while it was not done: the second one means that a wake has passed
			 */
};

struct pair {
	const char *name, *value;
};

struct request {
	struct server *server;
	struct conn *conn;
	struct MHD_Connection *mhd;
	_Atomic unsigned refs; /* the connection's, one for each struct later, one for a stream's */
	int64_t start_us;

	/* asked */
	enum method method;
	bool head;
	bool begun;   /* the first call was made: the rest is the body, then the end */
	bool handled; /* counts as under way */
	struct gate gate;
	const struct route *route;
	const char *raw_path;
	struct path path;
	struct query_pair *queries;
	size_t queries_count;
	const char *token_name;
	struct buf body;
	const struct err *verdict;   /* decided before the body arrived; NULL: go on */
	uint64_t discarded;	     /* body bytes that nobody wants */
	const struct intake *intake; /* takes the body; NULL: it gathers, or is not wanted */
	void *intake_ctx;
	struct arena arena; /* of all that belongs to it, and of itself */
	char id[32];
	const char *given_id;

	/* answered */
	enum answer answer;
	struct later later; /* while the answer is LATER, and until an abandoned one is done */
	const struct waiter *waiter;
	const struct stream_reader *reader;
	void *callback_ctx; /* waiter's or reader's */
	bool endless;	    /* the stream: a drain may end it */
	bool close_after;
	int status;
	int64_t retry_after_ms;
	struct MHD_Response *response;
	unsigned headers_count, members_count;
	struct pair headers[REPLY_HEADERS_MAX];	  /* until the response has them */
	struct pair members[PROBLEM_MEMBERS_MAX]; /* values are JSON */

	size_t uri_len;
	char uri[]; /* as sent, then a copy that is cut and decoded */
};

/* request.c */
struct request *request_new(struct server *server, struct conn *conn, const char *uri);
void request_ref(struct request *request);
void request_unref(struct request *request);
/* Cuts and decodes path and query.  ERR_BAD_REQUEST, ERR_BAD_PARAMETER. */
int request_parse_uri(struct request *request, struct err *err);

/* reply.c */
/* The response takes its headers; server.c queues it.  NULL: no memory, the
 * connection is cut. */
void reply_response(struct request *request, int status, const char *content_type,
		    struct MHD_Response *response);
void reply_abandon(struct request *request); /* what it waits for is not wanted any more */
bool later_finished(struct request *request);
void later_finish(struct request *request);
/* A member of the next problem that is JSON already; borrowed. */
void problem_member_json(struct request *request, const char *name, const char *json);

/* intake.c */
void intake_close(struct request *request); /* if there is one */
void intake_end(struct request *request);
/* -1: it failed, was answered, and the connection has to end. */
int intake_bytes(struct request *request, const char *bytes, size_t len);

/* stream.c */
bool wait_poll(struct request *request); /* true: it answered */

/* server.c: see exchange.c for who calls what */
bool server_stopping(const struct server *server); /* what waits is cut */
void *server_context(const struct server *server);
void server_enter(struct server *server); /* one more under way, until its end */
/* Sends an answer in the middle of the body; the connection ends. */
void server_cut(struct server *server, struct conn *conn, const struct buf *answer);

#endif
