/* SPDX-License-Identifier: MIT */
/* call.c - requests of stages: planned once, filled in for each record. */
#include "handlers/pipeline/call.h"

#include "base/json.h"
#include "handlers/pipeline/planner.h"
#include "handlers/pipeline/stage.h"
#include "handlers/request_named.h"

#include <string.h>
#include <strings.h>

static const char form_type[] = "application/x-www-form-urlencoded";

/* ---- planning ---- */

struct call_planning {
	struct stage_planner *planner;
	struct stage *stage;
	const char *pointer; /* of the verb's object */
	const struct json *value;
	struct call *call;
	bool renew, good;
};

static const char *member_at(const struct call_planning *planning, const char *name)
{
	return mistakes_pointer(planning->planner->mistakes, planning->pointer, name);
}

/* Origin and path with something in each place: is that a URL, and may it be asked? */
static void url_look(struct call_planning *planning, const char *pointer)
{
	struct planner planner = {planning->planner->mistakes, planning->planner->permits};
	struct buf text = BUF(4 * URL_BYTES_MAX);
	struct url url;

	template_sample(&planning->call->url, "x", &text);
	if (url_named(&(struct named_url){buf_text(&text), pointer, -1}, &planner,
		      planning->planner->arena, &url))
		planning->good = false;
	buf_done(&text);
}

static void url_plan(struct call_planning *planning)
{
	const char *pointer = member_at(planning, "url");

	if (!template_plan(planning->planner, planning->stage,
			   spec_text(planning->value, "url", ""), pointer, TEMPLATE_URL,
			   &planning->call->url, &planning->renew))
		planning->good = false;
	else if (!template_is_open(&planning->call->url))
		url_look(planning, pointer);
}

static void headers_plan(struct call_planning *planning)
{
	const struct json *headers = json_get(planning->value, "headers");
	const char *pointer = member_at(planning, "headers");
	struct mistakes *mistakes = planning->planner->mistakes;
	struct call *call = planning->call;

	call->headers = plan_alloc(planning->planner, planning->stage,
				   (headers ? json_count(headers) : 0) + 1, sizeof(*call->headers));
	for (const struct json *at = headers && call->headers ? json_first(headers) : NULL; at;
	     at = json_next(at)) {
		struct call_header *header = &call->headers[call->headers_count++];
		const struct fetch_header named = {json_name(at), json_text(at, "")};

		header_named(&named, pointer, mistakes);
		header->name = named.name;
		if (!template_plan(planning->planner, planning->stage, named.value,
				   mistakes_pointer(mistakes, pointer, named.name), TEMPLATE_FIELD,
				   &header->value, &planning->renew))
			planning->good = false;
	}
}

static const char *type_named(const struct json *value)
{
	const struct json *headers = json_get(value, "headers");

	for (const struct json *at = headers ? json_first(headers) : NULL; at; at = json_next(at))
		if (strcasecmp(json_name(at), "content-type") == 0)
			return json_text(at, "");
	return NULL;
}

/* The body as the template's text: a string is one already, all else its JSON. */
static const char *body_text(struct call_planning *planning, const struct json *body)
{
	struct buf text = BUF(JOB_SPEC_BYTES_MAX);
	char *copy = NULL;

	if (json_kind(body) == JSON_TEXT)
		return json_text(body, "");
	if (json_print(body, &text) == 0)
		copy = plan_alloc(planning->planner, planning->stage, text.len + 1, 1);
	if (copy)
		memcpy(copy, text.data, text.len);
	buf_done(&text);
	return copy;
}

static void body_plan(struct call_planning *planning)
{
	const struct json *body = json_get(planning->value, "body");
	const char *type = type_named(planning->value), *text;
	bool form = type && strncasecmp(type, form_type, sizeof(form_type) - 1) == 0;

	if (!body || json_kind(body) == JSON_NULL)
		return;
	planning->call->has_body = true;
	text = body_text(planning, body);
	if (!text ||
	    !template_plan(planning->planner, planning->stage, text, member_at(planning, "body"),
			   form ? TEMPLATE_FORM : TEMPLATE_JSON, &planning->call->body,
			   &planning->renew))
		planning->good = false;
	if (!type && planning->call->headers)
		planning->call->headers[planning->call->headers_count++] = (struct call_header){
			.name = "Content-Type",
			.constant = "application/json",
			.value = {.fixed = true},
		};
}

static void request_plan(struct call_planning *planning, const char *method)
{
	const struct json *stage = planning->stage->json, *retry = json_get(stage, "retry");
	struct fetch_request *request = &planning->call->request;

	manners_read(planning->value, request);
	retry_read(retry, &request->retry);
	request->class = FETCH_CALLS;
	request->method = spec_text(planning->value, "method", method);
	request->timeout_ms = spec_duration(stage, "timeout", 0);
	request->repeatable = retry && json_kind(retry) == JSON_OBJECT; /* who says how, says so */
	if (request->per_host == 0)
		request->per_host = planning->stage->workers;
}

static bool is_fixed(const struct call *call)
{
	bool fixed = call->url.fixed && (!call->has_body || call->body.fixed);

	for (size_t i = 0; i < call->headers_count; i++)
		fixed = fixed && call->headers[i].value.fixed;
	return fixed;
}

bool call_plan(struct stage_planner *planner, struct stage *stage, const struct json *value,
	       const char *method, struct call *ret, bool *ret_renew)
{
	struct call_planning planning = {
		.planner = planner,
		.stage = stage,
		.pointer = mistakes_pointer(planner->mistakes, stage->pointer, stage->kind->verb),
		.value = value,
		.call = ret,
		.good = true,
	};

	url_plan(&planning);
	headers_plan(&planning);
	body_plan(&planning);
	request_plan(&planning, method);
	ret->fixed = is_fixed(ret);
	*ret_renew |= planning.renew;
	return planning.good;
}

/* ---- filling ---- */

struct call_filling {
	struct bundle *bundle;
	uint32_t row;
	struct arena *arena;
	struct buf scratch, text;
};

/* In the arena; NULL and *err. */
static const char *text_fill(struct call_filling *filling, const struct template *template,
			     size_t *ret_len, struct err *err)
{
	const char *copy;

	buf_clear(&filling->text);
	if (template_fill(template, filling->bundle, filling->row, &filling->scratch,
			  &filling->text, err))
		return NULL;
	*ret_len = filling->text.len;
	copy = arena_copy(filling->arena, buf_text(&filling->text), filling->text.len);
	if (!copy)
		err_set(err, ERR_NO_MEMORY, "no memory for a request");
	return copy;
}

static int headers_fill(struct call_filling *filling, const struct call *call, size_t more,
			struct fetch_request *ret, struct err *err)
{
	struct fetch_header *headers =
		arena_array(filling->arena, call->headers_count + more + 1, sizeof(*headers));
	size_t len;

	if (!headers)
		return err_set(err, ERR_NO_MEMORY, "no memory for a request");
	for (size_t i = 0; i < call->headers_count; i++) {
		const struct call_header *header = &call->headers[i];
		headers[i].name = header->name;
		headers[i].value = header->constant;
		if (!header->constant)
			headers[i].value = text_fill(filling, &header->value, &len, err);
		if (!headers[i].value)
			return -1;
	}
	ret->headers = headers;
	ret->header_count = call->headers_count;
	return 0;
}

int call_fill(const struct call *call, struct bundle *bundle, uint32_t row, size_t more,
	      struct arena *arena, struct fetch_request *ret, struct err *err)
{
	struct call_filling filling = {bundle, row, arena, BUF(RECORD_BYTES_MAX),
				       BUF(RECORD_BYTES_MAX)};
	size_t len;
	int rc = -1;

	*ret = call->request;
	ret->url = text_fill(&filling, &call->url, &len, err);
	if (ret->url && headers_fill(&filling, call, more, ret, err) == 0)
		rc = 0;
	if (rc == 0 && call->has_body) {
		ret->body = text_fill(&filling, &call->body, &ret->body_len, err);
		rc = ret->body ? 0 : -1;
	}
	buf_done(&filling.scratch);
	buf_done(&filling.text);
	return rc;
}
