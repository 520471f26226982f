/* SPDX-License-Identifier: MIT */
/* api_handlers.c - /v1/handlers: which job types there are, and what their specs take.
 *
 * The same tables that validate a spec are shown as JSON Schema, so what is shown is
 * what is checked.
 */
#include "service/http/api.h"

#include "handlers/handler.h"

static void handler_out(const struct handler *handler, struct json_out *out, const char *name)
{
	json_out_object(out, name);
	json_out_text(out, "name", handler->name);
	json_out_text(out, "summary", handler->summary);
	spec_schema(handler->params, out, "spec");
	json_out_end(out, '}');
}

void handler_list(struct request *request)
{
	static const char *const known[] = {NULL};
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	struct err err;

	if (request_query_check(request, known, &err)) {
		reply_problem(request, &err);
		return;
	}
	json_out_object(&out, NULL);
	json_out_array(&out, "items");
	for (size_t i = 0; handlers[i]; i++)
		handler_out(handlers[i], &out, NULL);
	json_out_end(&out, ']');
	spec_schema(envelope_params, &out, "envelope");
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

void handler_show(struct request *request)
{
	const char *name = request_param(request, "name");
	const struct handler *handler = handler_find(name);
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	if (!handler) {
		problem_hint(request, "GET /v1/handlers");
		reply_problemf(request, ERR_NOT_FOUND, "no handler is called '%s'", name);
		return;
	}
	handler_out(handler, &out, NULL);
	reply_json(request, 200, &body);
}
