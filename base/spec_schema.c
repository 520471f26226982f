/* SPDX-License-Identifier: MIT */
/* spec_schema.c - a table as JSON Schema (draft 2020-12).
 *
 * Bounds that JSON Schema has no word for (durations, sizes) stand in x-minimum and
 * x-maximum, written as a client would write them.  A member that is not built yet
 * allows nothing ("not": {}), which is what spec_check does with it.
 */
#include "base/spec.h"

#include "base/units.h"

#include <string.h>

static void object_schema(const struct param *params, struct json_out *out);

void spec_schema(const struct param *params, struct json_out *out, const char *name)
{
	json_out_object(out, name);
	object_schema(params, out);
	json_out_end(out, '}');
}

/* The two bounds under the names that fit the kind. */
static void bounds_schema(const struct param *param, const char *min, const char *max,
			  struct json_out *out)
{
	if (param->min == 0 && param->max == 0)
		return;
	json_out_double(out, min, param->min);
	if (param->max >= param->min)
		json_out_double(out, max, param->max);
}

/* A string that one of our parsers reads; `format` writes a bound. */
static void quantity_schema(const struct param *param, const char *pattern,
			    void (*format)(int64_t, char *), struct json_out *out)
{
	char text[UNIT_TEXT_LEN + 1];

	json_out_text(out, "type", "string");
	json_out_text(out, "pattern", pattern);
	if (param->min == 0 && param->max == 0)
		return;
	format((int64_t)param->min, text);
	json_out_text(out, "x-minimum", text);
	if (param->max >= param->min) {
		format((int64_t)param->max, text);
		json_out_text(out, "x-maximum", text);
	}
}

static void form_schema(const struct param *param, struct json_out *out);

static void param_schema(const struct param *param, const char *name, struct json_out *out)
{
	json_out_object(out, name);
	if (param->summary)
		json_out_text(out, "description", param->summary);
	if (param->preset)
		json_out_raw(out, "default", param->preset, strlen(param->preset));
	if (param->otherwise) {
		json_out_array(out, "anyOf");
		for (const struct param *form = param; form; form = form->otherwise) {
			json_out_object(out, NULL);
			form_schema(form, out);
			json_out_end(out, '}');
		}
		json_out_end(out, ']');
	} else {
		form_schema(param, out);
	}
	json_out_end(out, '}');
}

static void choices_schema(const struct param *param, struct json_out *out)
{
	json_out_array(out, "enum");
	for (const char *const *choice = param->choices; *choice; choice++)
		json_out_text(out, NULL, *choice);
	json_out_end(out, ']');
}

/* The words of one form, inside an object that is open already. */
static void form_schema(const struct param *param, struct json_out *out)
{
	switch (param->kind) {
	case PARAM_BOOL:
		json_out_text(out, "type", "boolean");
		break;
	case PARAM_INT:
	case PARAM_NUMBER:
		json_out_text(out, "type", param->kind == PARAM_INT ? "integer" : "number");
		bounds_schema(param, "minimum", "maximum", out);
		break;
	case PARAM_TEXT:
		json_out_text(out, "type", "string");
		bounds_schema(param, "minLength", "maxLength", out);
		break;
	case PARAM_DURATION:
		quantity_schema(param, "^[0-9]{1,15}([.][0-9]{1,9})?(ms|s|m|h|d)$", duration_format,
				out);
		break;
	case PARAM_SIZE:
		quantity_schema(param, "^[0-9]{1,15}([.][0-9]{1,9})?(B|[KMGT]i?B)?$", size_format,
				out);
		break;
	case PARAM_INSTANT:
		json_out_text(out, "type", "string");
		json_out_text(out, "format", "date-time");
		break;
	case PARAM_CHOICE:
		choices_schema(param, out);
		break;
	case PARAM_OBJECT:
		if (param->members)
			object_schema(param->members, out);
		else
			json_out_text(out, "type", "object");
		break;
	case PARAM_MAP:
		json_out_text(out, "type", "object");
		bounds_schema(param, "minProperties", "maxProperties", out);
		if (param->members)
			param_schema(param->members, "additionalProperties", out);
		break;
	case PARAM_ARRAY:
		json_out_text(out, "type", "array");
		bounds_schema(param, "minItems", "maxItems", out);
		if (param->members)
			param_schema(param->members, "items", out);
		break;
	case PARAM_LATER:
		json_out_object(out, "not");
		json_out_end(out, '}');
		break;
	case PARAM_ANY:
	case PARAM_END:
		break;
	}
}

static void object_schema(const struct param *params, struct json_out *out)
{
	json_out_text(out, "type", "object");
	json_out_object(out, "properties");
	for (const struct param *param = params; param->kind != PARAM_END; param++)
		param_schema(param, param->name, out);
	json_out_end(out, '}');
	json_out_array(out, "required");
	for (const struct param *param = params; param->kind != PARAM_END; param++)
		if (param->required)
			json_out_text(out, NULL, param->name);
	json_out_end(out, ']');
	json_out_bool(out, "additionalProperties", false);
}
