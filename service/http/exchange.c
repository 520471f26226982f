/* SPDX-License-Identifier: MIT */
/* exchange.c - from the head of a request to its answer.
 *
 *   1. exchange_head(): the gate reads the header block; Host, Origin, token and
 *      route are judged.  A request that is not well-formed is answered here, which
 *      closes its connection: what follows it cannot be trusted.
 *      A route that takes its body as it comes has its handler called here (intake.h).
 *   2. exchange_body(): the body gathers, is handed on, or is thrown away when the verdict is
 *      already known and it is short: then the connection lives on.
 *   3. exchange_advance(): the verdict is answered or the route's handler called;
 *      while the answer is LATER or WAIT the connection sleeps, and each wake comes
 *      back here.
 *
 * libmicrohttpd takes a response in its first call (and then closes) or once the body
 * has been read, never in between.
 */
#include "service/http/exchange.h"

#include "base/clock.h"
#include "base/limits.h"
#include "service/http/inside.h"
#include "service/http/reply.h"
#include "service/http/server.h"

#include <string.h>

/* A body nobody asked for is read up to here, so that the connection can be kept. */
enum { BODY_IGNORED_MAX = 64 * 1024, BODY_RESERVE_MAX = 64 * 1024 };

static enum MHD_Result queue(struct request *request)
{
	enum MHD_Result rc;

	if (!request->response)
		return MHD_NO;
	conn_phase(request->conn, PHASE_WRITING, 0);
	/* What the client still sends must not take the answer with it. */
	request->conn->lingers = request->close_after && !request->conn->group->streams;
	rc = MHD_queue_response(request->mhd, (unsigned)request->status, request->response);
	MHD_destroy_response(request->response);
	request->response = NULL;
	request->answer = ANSWER_SENT;
	return rc;
}

static void body_begins(const struct request *request)
{
	atomic_store_explicit(&request->conn->expected, request->gate.length, memory_order_relaxed);
	conn_phase(request->conn, PHASE_BODY, clock_ms());
}

static enum MHD_Result refuse(struct request *request, const struct err *err)
{
	request->close_after = true;
	reply_problem(request, err);
	return queue(request);
}

static void verdict_set(struct request *request, const struct err *err)
{
	static const struct err no_memory = {.code = ERR_NO_MEMORY};
	struct err *copy = arena_alloc(&request->arena, sizeof(*copy));

	if (copy)
		*copy = *err;
	request->verdict = copy ? copy : &no_memory;
}

static int judge_route(struct request *request, const struct rules *rules, struct err *err)
{
	struct buf allow = BUF(200);
	struct match match;

	routes_match(rules->routes, request->method, &request->path, &match);
	request->route = match.route;
	if (match.without_trailing_slash)
		problem_hint(request, "%.*s", (int)strlen(request->raw_path) - 1,
			     request->raw_path);
	if (match.methods == 0)
		return err_set(err, ERR_NOT_FOUND, "nothing is at %.200s", request->raw_path);
	if (match.route)
		return 0;
	methods_format(match.methods, &allow);
	if (buf_ok(&allow))
		reply_header(request, "Allow", buf_text(&allow));
	err_set(err, ERR_METHOD_NOT_ALLOWED, "%.200s knows %s", request->raw_path,
		buf_text(&allow));
	buf_done(&allow);
	return -1;
}

static int judge(struct request *request, const struct rules *rules, struct err *err)
{
	const struct gate *gate = &request->gate;
	int found;

	if (gate_host(gate->host, rules->hosts, rules->any_address, err)) {
		if (err->code == ERR_HOST_NOT_ALLOWED) {
			problem_member_json(request, "allowed", rules->allowed_hosts);
			problem_hint(request, "--allow-host %.*s",
				     (int)MIN(strcspn(gate->host, ":"), (size_t)255), gate->host);
		}
		return -1;
	}
	if (gate_origin(gate, err))
		return -1;
	found = judge_route(request, rules, err);
	if (rules->auth && !(request->route && request->route->flags & ROUTE_OPEN)) {
		enum scope scope = request->route ? request->route->scope : SCOPE_ANY;
		struct err denied;

		/* Without a token nobody learns which paths there are. */
		if (auth_check(rules->auth, gate->authorization, scope, &request->token_name,
			       &denied)) {
			request->members_count = request->headers_count = 0;
			*err = denied;
			return -1;
		}
	}
	return found;
}

static size_t body_limit(const struct request *request)
{
	if (request->verdict || !request->route || !(request->route->flags & ROUTE_BODY))
		return BODY_IGNORED_MAX;
	return request->route->body_bytes_max ? request->route->body_bytes_max
					      : HTTP_BODY_BYTES_MAX;
}

static int too_large(const struct request *request, struct err *err)
{
	if (request->route && !(request->route->flags & ROUTE_BODY))
		return err_set(err, ERR_BODY_TOO_LARGE, "%s %.200s takes no body",
			       method_name(request->method), request->raw_path);
	return err_set(err, ERR_BODY_TOO_LARGE, "a body may have %zu bytes here",
		       body_limit(request));
}

/* Refuses what need not be read, makes room for what will be. */
static enum MHD_Result expect_body(struct request *request)
{
	struct gate *gate = &request->gate;
	struct err err;

	if (!gate->chunked && gate->length == 0)
		return MHD_YES;
	request->body.max = body_limit(request);
	if (request->verdict && (gate->chunked || gate->length > BODY_IGNORED_MAX))
		return refuse(request, request->verdict);
	if (gate->length > request->body.max) {
		too_large(request, &err);
		return refuse(request, &err);
	}
	/* Chunk sizes are parsed leniently too: nothing may follow such a body. */
	if (gate->chunked)
		request->close_after = true;
	if (gate->length <= BODY_RESERVE_MAX && !request->verdict)
		buf_room(&request->body, (size_t)gate->length);
	body_begins(request);
	return MHD_YES;
}

static void handle(struct request *request);

/* The handler decides before the body comes. */
static enum MHD_Result begin_intake(struct request *request)
{
	const struct gate *gate = &request->gate;
	bool closes = request->close_after;
	bool large = gate->chunked || gate->length > BODY_IGNORED_MAX;

	request->close_after |= large; /* if it is not taken it is not read */
	handle(request);
	if (!request->intake && large)
		return queue(request);
	if (request->intake)
		request->close_after = closes || gate->chunked; /* as for any body */
	body_begins(request);
	return MHD_YES;
}

enum MHD_Result exchange_head(struct request *request, const struct rules *rules,
			      const char *method, const char *uri, const char *version)
{
	struct err err;

	/* The memory of such a connection might not hold the next head. */
	request->close_after = request->conn->group->streams;
	if (gate_read(request->mhd, method, uri, request->uri_len, version, &request->gate,
		      &request->method, &err))
		return refuse(request, &err);
	request->head = request->method == METHOD_HEAD;
	if (request_parse_uri(request, &err) || judge(request, rules, &err)) {
		if (err.code == ERR_BAD_REQUEST)
			return refuse(request, &err);
		verdict_set(request, &err);
	}
	if (!request->verdict && request->route->flags & ROUTE_INTAKE)
		return begin_intake(request);
	return expect_body(request);
}

enum MHD_Result exchange_body(struct request *request, const char *bytes, size_t len)
{
	struct buf *body = &request->body;
	struct err err;

	atomic_fetch_add_explicit(&request->conn->received, len, memory_order_relaxed);
	if (request->intake)
		return intake_bytes(request, bytes, len) ? MHD_NO : MHD_YES;
	if (!request->verdict && !request->handled) {
		if (len > body->max - MIN(body->len, body->max))
			too_large(request, &err);
		else if (buf_add(body, bytes, len))
			err_set(&err, ERR_NO_MEMORY, "body of the request");
		else
			return MHD_YES;
		verdict_set(request, &err);
	}
	buf_done(body);
	request->discarded += len;
	return request->discarded > HTTP_BODY_BYTES_MAX ? MHD_NO : MHD_YES;
}

static void handle(struct request *request)
{
	request->handled = true;
	server_enter(request->server);
	conn_phase(request->conn, PHASE_HANDLER, 0);
	if (server_draining(request->server)) {
		request->close_after = true;
		if (!request->route || !(request->route->flags & ROUTE_DRAINING)) {
			reply_problemf(request, ERR_DRAINING, "ask again when it is back");
			return;
		}
	}
	if (request->verdict && request->verdict->code == ERR_METHOD_NOT_ALLOWED &&
	    request->method == METHOD_OPTIONS)
		reply_empty(request, 204); /* Allow is already among the headers */
	else if (request->verdict)
		reply_problem(request, request->verdict);
	else
		request->route->handle(request);
}

/* The drain is over: what still waits is told so. */
static void cut(struct request *request)
{
	reply_abandon(request);
	request->close_after = true;
	reply_problemf(request, ERR_DRAINING, "the daemon stopped before the answer was known");
}

enum MHD_Result exchange_advance(struct request *request)
{
	struct conn *conn = request->conn;

	if (!request->handled)
		handle(request);
	else if (request->intake)
		intake_end(request);
	for (;;) {
		if (request->answer == ANSWER_READY)
			return queue(request);
		if (request->answer == ANSWER_NONE) {
			reply_problemf(request, ERR_INTERNAL, "the handler gave no answer");
			continue;
		}
		if (!conn_rearm(conn))
			return MHD_NO;
		if (request->answer == ANSWER_LATER && later_finished(request)) {
			later_finish(request);
			continue;
		}
		if (request->answer == ANSWER_WAIT && wait_poll(request))
			continue;
		if (server_stopping(request->server)) {
			cut(request);
			continue;
		}
		if (conn_sleep(conn, request->mhd, request->answer == ANSWER_WAIT))
			return MHD_YES;
	}
}
