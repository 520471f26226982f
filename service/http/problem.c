/* SPDX-License-Identifier: MIT */
/* problem.c - problem details, member by member, in the order people read them. */
#include "service/http/problem.h"

#include "base/mistakes.h"

static void begin(struct json_out *out, const char *name, enum err_code code)
{
	json_out_object(out, name);
	json_out_printf(out, "type", "/errors/%s", err_name(code));
}

void problem_begin(struct json_out *out, const char *name, const struct err *err,
		   const char *instance)
{
	begin(out, name, err->code);
	json_out_text(out, "title", err_title(err->code));
	json_out_int(out, "status", err_status(err->code));
	if (err->detail[0])
		json_out_text(out, "detail", err->detail);
	if (instance)
		json_out_text(out, "instance", instance);
}

static void mistake_write(struct json_out *out, const struct mistake *mistake)
{
	json_out_object(out, NULL);
	json_out_text(out, "pointer", mistake->pointer);
	json_out_text(out, "type", mistake->type);
	if (mistake->line > 0) {
		json_out_int(out, "line", mistake->line);
		json_out_int(out, "column", mistake->column);
	}
	if (mistake->source)
		json_out_text(out, "source", mistake->source);
	json_out_text(out, "detail", mistake->detail);
	if (mistake->hint)
		json_out_text(out, "hint", mistake->hint);
	json_out_end(out, '}');
}

void problem_begin_mistakes(struct json_out *out, const char *name, const struct mistakes *mistakes,
			    const char *instance)
{
	begin(out, name, mistakes->code);
	if (mistakes->code == ERR_INVALID_SPEC)
		json_out_printf(out, "title", "%u mistake%s in the spec", mistakes->count,
				mistakes->count == 1 ? "" : "s");
	else
		json_out_text(out, "title", err_title(mistakes->code));
	json_out_int(out, "status", err_status(mistakes->code));
	if (instance)
		json_out_text(out, "instance", instance);
	json_out_array(out, "errors");
	for (const struct mistake *at = mistakes->first; at; at = at->next)
		mistake_write(out, at);
	json_out_end(out, ']');
}

void problem_place(struct json_out *out, const struct json_place *place)
{
	json_out_int(out, "line", place->line);
	json_out_int(out, "column", place->column);
	json_out_text(out, "pointer", place->pointer);
}
