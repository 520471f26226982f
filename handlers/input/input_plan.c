/* SPDX-License-Identifier: MIT */
/* input_plan.c - the members of an input: exactly one says what is read, some say how. */
#include "handlers/input/source.h"

#include "base/files.h"
#include "base/limits.h"
#include "handlers/job_named.h"
#include "handlers/request_named.h"
#include "handlers/script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_BYTES_MAX = 16 * 1024 * 1024, NAMES_MAX = 1000 };

#define RANGE_MAX 9007199254740992.0 /* 2^53: what JSON numbers of a spec can say exactly */

/* clang-format off */
static const struct param item_element[] = {
	{.kind = PARAM_ANY, .summary = "A record: any JSON value"},
	{0},
};

static const struct param name_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = FILE_NAME_BYTES_MAX, .summary = "A name, or a pattern: \"logs/*.gz\""},
	{0},
};

static const struct param url_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = URL_BYTES_MAX, .summary = "An absolute http or https URL"},
	{0},
};

static const struct param range_params[] = {
	{.name = "from", .kind = PARAM_INT, .required = true, .min = -RANGE_MAX, .max = RANGE_MAX,
	 .summary = "The first number"},
	{.name = "to", .kind = PARAM_INT, .required = true, .min = -RANGE_MAX, .max = RANGE_MAX,
	 .summary = "The last number, itself included when a step meets it"},
	{.name = "step", .kind = PARAM_INT, .min = -RANGE_MAX, .max = RANGE_MAX, .preset = "1",
	 .summary = "From one number to the next; below zero counts down"},
	{0},
};

static const struct param line_element[] = {
	{.kind = PARAM_TEXT, .summary = "A line of the script"},
	{0},
};

static const struct param lines_form = {
	.kind = PARAM_ARRAY, .members = line_element, .summary = "The same, line by line",
};

static const struct param generate_params[] = {
	{.name = "count", .kind = PARAM_INT, .required = true, .max = RANGE_MAX,
	 .summary = "How many numbers"},
	{.name = "lua", .kind = PARAM_TEXT, .required = true, .otherwise = &lines_form,
	 .summary = "Returns the record of `i`, or emits several; nil: none"},
	{0},
};

const struct param input_params[] = {
	{.name = "items", .kind = PARAM_ARRAY, .members = item_element,
	 .summary = "The records themselves"},
	{.name = "range", .kind = PARAM_OBJECT, .members = range_params,
	 .summary = "Whole numbers: each is a record"},
	{.name = "file", .kind = PARAM_TEXT, .min = 1, .max = FILE_NAME_BYTES_MAX,
	 .summary = "The name of a file in the data directory, or in a mapped folder"},
	{.name = "files", .kind = PARAM_ARRAY, .members = name_element, .min = 1, .max = NAMES_MAX,
	 .summary = "Several, one after the other; what a pattern matches is sorted by name"},
	{.name = "url", .kind = PARAM_TEXT, .min = 1, .max = URL_BYTES_MAX,
	 .summary = "A document of the web, read as it comes"},
	{.name = "urls", .kind = PARAM_ARRAY, .members = url_element, .min = 1, .max = NAMES_MAX,
	 .summary = "Several, one after the other"},
	{.name = "headers", .kind = PARAM_MAP, .members = header_element, .max = HTTP_HEADERS_MAX,
	 .summary = "Of url and urls: request header fields"},
	{.name = "job", .kind = PARAM_TEXT, .min = 1, .max = ID_TEXT_LEN,
	 .summary = "The results of another job, as they come"},
	{.name = "generate", .kind = PARAM_OBJECT, .members = generate_params,
	 .summary = "What a script makes of the numbers 1 to count"},
	{.name = "upload", .kind = PARAM_LATER, .summary = "A file in the same request"},
	FORMAT_PARAMS,
	{0},
};
/* clang-format on */

/* A plan in the making. */
struct planning {
	struct input_plan *plan;
	const struct json *input;
	const char *pointer;
	struct planner *planner;
	bool failed; /* for want of memory, maybe */
};

static const struct json *member(const struct planning *planning, const char *name)
{
	const struct json *value = json_get(planning->input, name);

	return value && json_kind(value) != JSON_NULL ? value : NULL;
}

static const char *member_pointer(const struct planning *planning, const char *name)
{
	return mistakes_pointer(planning->planner->mistakes, planning->pointer, name);
}

/* ---- items and range ---- */

static void items_plan(struct planning *planning, const struct json *value)
{
	struct input_plan *plan = planning->plan;

	plan->source = &source_items;
	for (const struct json *at = json_first(value); at; at = json_next(at)) {
		json_print(at, &plan->items);
		buf_add_byte(&plan->items, '\n');
	}
}

static void range_plan(struct planning *planning, const struct json *value)
{
	struct mistakes *mistakes = planning->planner->mistakes;
	struct range *range = &planning->plan->range;
	int64_t to = spec_int(value, "to", 0);

	planning->plan->source = &source_range;
	range->from = spec_int(value, "from", 0);
	range->step = spec_int(value, "step", 1);
	if (range->step == 0) {
		mistake_add(mistakes,
			    mistakes_pointer(mistakes, member_pointer(planning, "range"), "step"),
			    "out-of-range", "a step of 0 never comes to an end");
		return;
	}
	if (range->step > 0 ? to >= range->from : to <= range->from)
		range->count = (to - range->from) / range->step + 1;
}

static void generate_plan(struct planning *planning, const struct json *value)
{
	struct mistakes *mistakes = planning->planner->mistakes;
	struct script_spec script = {
		.source = json_get(value, "lua"),
		.pointer = mistakes_pointer(mistakes, member_pointer(planning, "generate"), "lua"),
		.kind = SCRIPT_GENERATE,
	};

	planning->plan->source = &source_generate;
	planning->plan->range.count = spec_int(value, "count", 0);
	if (script_compile(&script, mistakes, &planning->plan->script))
		planning->failed = true;
}

/* ---- files ---- */

static void name_plan(struct planning *planning, const char *name, const char *pointer)
{
	struct input_plan *plan = planning->plan;
	struct err err;

	if (plan->patterns ? files_pattern_check(name, strlen(name), &err)
			   : files_name_check(name, strlen(name), &err))
		mistake_add(planning->planner->mistakes, pointer, err_name(err.code), "%s",
			    err.detail);
	plan->names[plan->names_count++] = name;
}

static void names_begin(struct planning *planning, const struct source *source, size_t count)
{
	planning->plan->source = source;
	planning->plan->names =
		arena_array(&planning->plan->arena, count, sizeof(*planning->plan->names));
}

static void file_plan(struct planning *planning, const struct json *value)
{
	names_begin(planning, &source_files, 1);
	if (planning->plan->names)
		name_plan(planning, json_text(value, ""), member_pointer(planning, "file"));
}

static void files_plan(struct planning *planning, const struct json *value)
{
	struct mistakes *mistakes = planning->planner->mistakes;
	const char *pointer = member_pointer(planning, "files");
	size_t i = 0;

	planning->plan->patterns = true;
	names_begin(planning, &source_files, json_count(value));
	if (!planning->plan->names)
		return;
	for (const struct json *at = json_first(value); at; at = json_next(at))
		name_plan(planning, json_text(at, ""),
			  mistakes_pointer_index(mistakes, pointer, i++));
}

/* ---- documents ---- */

static bool name_known(const struct input_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->names_count; i++)
		if (strcmp(plan->names[i], name) == 0)
			return true;
	return false;
}

/* Each once. */
static void url_take(struct planning *planning, const struct named_url *named)
{
	struct input_plan *plan = planning->plan;
	struct url url;

	if (url_named(named, planning->planner, &plan->arena, &url) == 0 &&
	    !name_known(plan, url.href))
		plan->names[plan->names_count++] = url.href;
}

static void headers_plan(struct planning *planning)
{
	const struct json *headers = member(planning, "headers");
	struct input_plan *plan = planning->plan;

	if (!headers)
		return;
	plan->headers = arena_array(&plan->arena, json_count(headers), sizeof(*plan->headers));
	for (const struct json *at = plan->headers ? json_first(headers) : NULL; at;
	     at = json_next(at)) {
		plan->headers[plan->headers_count] =
			(struct fetch_header){json_name(at), json_text(at, "")};
		header_named(&plan->headers[plan->headers_count++],
			     member_pointer(planning, "headers"), planning->planner->mistakes);
	}
}

static void url_plan(struct planning *planning, const struct json *value)
{
	names_begin(planning, &source_urls, 1);
	if (planning->plan->names)
		url_take(planning, &(struct named_url){json_text(value, ""),
						       member_pointer(planning, "url"), -1});
	headers_plan(planning);
}

static void urls_plan(struct planning *planning, const struct json *value)
{
	const char *pointer = member_pointer(planning, "urls");
	int64_t i = 0;

	names_begin(planning, &source_urls, json_count(value));
	if (!planning->plan->names)
		return;
	for (const struct json *at = json_first(value); at; at = json_next(at))
		url_take(planning, &(struct named_url){json_text(at, ""), pointer, i++});
	headers_plan(planning);
}

/* ---- another job ---- */

static void job_plan(struct planning *planning, const struct json *value)
{
	struct input_plan *plan = planning->plan;

	plan->source = &source_job;
	job_named(json_text(value, ""), member_pointer(planning, "job"), planning->planner,
		  &plan->job);
	id_format(&plan->job, plan->job_text);
}

/* ---- which source ---- */

static const struct {
	const char *name;
	void (*plan)(struct planning *planning, const struct json *value);
} sources[] = {
	{"items", items_plan}, {"range", range_plan},	    {"file", file_plan},
	{"files", files_plan}, {"url", url_plan},	    {"urls", urls_plan},
	{"job", job_plan},     {"generate", generate_plan},
};

static void source_missing(const struct planning *planning)
{
	char names[200] = "";

	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 i > 0 ? ", " : "", sources[i].name);
	mistake_add(planning->planner->mistakes, planning->pointer, "missing-member",
		    "it says nothing that could be read: one of %s is needed", names);
}

static void sources_plan(struct planning *planning)
{
	const char *first = NULL;
	struct mistake *mistake;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const struct json *value = member(planning, sources[i].name);

		if (!value)
			continue;
		if (!first) {
			first = sources[i].name;
			sources[i].plan(planning, value);
			continue;
		}
		mistake = mistake_add(planning->planner->mistakes,
				      member_pointer(planning, sources[i].name), "conflict",
				      "an input is read from one place only");
		mistake_hint(planning->planner->mistakes, mistake, "%s/%s is there too",
			     planning->pointer, first);
	}
	if (!first)
		source_missing(planning);
	if (first && planning->plan->source != &source_urls && member(planning, "headers"))
		mistake_add(planning->planner->mistakes, member_pointer(planning, "headers"),
			    "conflict", "is for url and urls only");
}

/* ---- the format ---- */

static void format_plan(struct planning *planning)
{
	static const struct param members[] = {FORMAT_PARAMS, {0}};
	struct input_plan *plan = planning->plan;

	plan->format = format_new(planning->input, planning->pointer, planning->planner->mistakes);
	if (!plan->format || !plan->source || plan->source->bytes)
		return;
	for (const struct param *param = members; param->name; param++)
		if (member(planning, param->name))
			mistake_add(planning->planner->mistakes,
				    member_pointer(planning, param->name), "conflict",
				    "is for files and documents only: these records are JSON");
	plan->ndjson = format_sniff(plan->format, "items.ndjson", "", 0);
}

struct input_plan *input_plan_new(const struct json *input, const char *pointer,
				  struct planner *planner)
{
	struct input_plan *plan = calloc(1, sizeof(*plan));
	struct planning planning = {plan, input, pointer, planner, false};
	unsigned before = planner->mistakes->count;

	if (!plan)
		return NULL;
	arena_init(&plan->arena, PLAN_BYTES_MAX);
	buf_init(&plan->items, 2 * JOB_SPEC_BYTES_MAX);
	sources_plan(&planning);
	format_plan(&planning);
	if (planning.failed || planner->mistakes->count > before || arena_failed(&plan->arena) ||
	    !buf_ok(&plan->items) || !plan->format || (!plan->source->bytes && !plan->ndjson)) {
		input_plan_free(plan);
		return NULL;
	}
	return plan;
}

void input_plan_free(struct input_plan *plan)
{
	if (!plan)
		return;
	format_free(plan->format);
	format_free(plan->ndjson);
	script_free(plan->script);
	buf_done(&plan->items);
	arena_done(&plan->arena);
	free(plan);
}
