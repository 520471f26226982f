/* SPDX-License-Identifier: MIT */
/* plan.c - the members of a map-reduce spec, and what is made of them. */
#include "handlers/mapreduce/plan.h"

#include "base/limits.h"
#include "handlers/input/input.h"
#include "handlers/input/sample.h"
#include "handlers/mapreduce/formula.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

/* clang-format off */
static const char *const words_names[] = {"bytes", "unicode", NULL};
static const char *const on_errors[] = {"fail", "skip", "dead_letter", NULL};

const struct param mapreduce_sort_element[] = {
	{.kind = PARAM_TEXT, .summary = "A member of the items; \"-name\" is the other way round"},
	{0},
};

static const struct param group_expression[] = {
	{.kind = PARAM_TEXT, .summary = "An expression"},
	{0},
};

static const struct param group_object = {
	.kind = PARAM_MAP, .members = group_expression, .summary = "{\"name\": \"expression\"}",
};

static const struct param group_element[] = {
	{.kind = PARAM_TEXT, .otherwise = &group_object, .summary = "A field, \"a.b\""},
	{0},
};

static const struct param aggregate_element[] = {
	{.kind = PARAM_TEXT, .summary = "\"count\", \"mean(price)\", \"p99(price * quantity)\", …"},
	{0},
};

static const struct param script_line[] = {
	{.kind = PARAM_TEXT, .summary = "A line of the script"},
	{0},
};

static const struct param script_lines = {
	.kind = PARAM_ARRAY, .members = script_line, .summary = "Its lines",
};

static const struct param matrix_number[] = {
	{.kind = PARAM_NUMBER, .summary = "A number"},
	{0},
};

static const struct param matrix_row[] = {
	{.kind = PARAM_ARRAY, .min = 1, .members = matrix_number, .summary = "A row"},
	{0},
};

static const struct param matrix_file_members[] = {
	{.name = "file", .kind = PARAM_TEXT, .required = true,
	 .summary = "A named file of little-endian doubles, row by row"},
	{.name = "columns", .kind = PARAM_INT, .required = true, .min = 1, .max = MATRIX_SIDE_MAX,
	 .summary = "How many of them are a row"},
	{0},
};

static const struct param matrix_file = {
	.kind = PARAM_OBJECT, .members = matrix_file_members, .summary = "The same in a file",
};

static const struct param reduce_members[] = {
	{.name = "lua", .kind = PARAM_TEXT, .required = true, .otherwise = &script_lines,
	 .summary = "A script that returns one value for key and values"},
	{0},
};

const struct param mapreduce_reduce_script = {
	.kind = PARAM_OBJECT, .members = reduce_members, .summary = "A script",
};

const struct param mapreduce_map_params[] = {
	{.name = "builtin", .kind = PARAM_CHOICE, .choices = kernel_names,
	 .summary = "What is computed; group_by when that is there"},
	{.name = "group_by", .kind = PARAM_ARRAY, .max = MAPREDUCE_KEYS_MAX, .members = group_element,
	 .summary = "What makes records one group; without it all are one"},
	{.name = "aggregates", .kind = PARAM_MAP, .members = aggregate_element,
	 .summary = "What is told of each group: {\"name\": \"function(expression)\"}"},
	{.name = "filter", .kind = PARAM_TEXT,
	 .summary = "Only records for which this expression is true"},
	{.name = "of", .kind = PARAM_TEXT, .preset = "\"$\"",
	 .summary = "The expression that gives each record's value; by default the record itself"},
	{.name = "n", .kind = PARAM_INT, .min = 1, .max = AGGREGATE_KEPT_MAX, .preset = "10",
	 .summary = "Of top: how many"},
	{.name = "x", .kind = PARAM_TEXT, .summary = "Of correlate: an expression"},
	{.name = "y", .kind = PARAM_TEXT, .summary = "Of correlate: the other one"},
	{.name = "fold", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Of word_count: upper and lower case count as one, of words of bytes from A to Z"},
	{.name = "words", .kind = PARAM_CHOICE, .choices = words_names, .preset = "\"bytes\"",
	 .summary = "Of word_count: what stands between white space, or words by the Unicode standard"},
	{.name = "pattern", .kind = PARAM_TEXT, .max = PATTERN_BYTES_MAX,
	 .summary = "Of grep: a regular expression (PCRE2)"},
	{.name = "ignore_case", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Of grep: upper and lower case are the same"},
	{.name = "invert", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Of grep: the records that the pattern does not match"},
	{.name = "by", .kind = PARAM_ARRAY, .otherwise = &matrix_file, .members = matrix_row,
	 .summary = "Of matrix_multiply: the rows of the right factor; those of the left one are records"},
	{.name = "width", .kind = PARAM_NUMBER, .summary = "Of histogram: how wide a bar is"},
	{.name = "origin", .kind = PARAM_NUMBER, .preset = "0",
	 .summary = "Of histogram: where a bar begins"},
	{.name = "lua", .kind = PARAM_TEXT, .otherwise = &script_lines,
	 .summary = "A script that calls emit(key, value) for each record r"},
	{0},
};

const struct param mapreduce_params[] = {
	{.name = "input", .kind = PARAM_OBJECT, .required = true, .members = input_params,
	 .summary = "What is read"},
	MAPREDUCE_WORK_PARAMS,
	{.name = "on_error", .kind = PARAM_CHOICE, .choices = on_errors, .preset = "\"fail\"",
	 .summary = "What becomes of a record that cannot be used: it fails the job, is counted, "
		    "or counted and listed"},
	{.name = "chunk_size", .kind = PARAM_SIZE, .min = MAPREDUCE_CHUNK_MIN, .max = MAPREDUCE_CHUNK_MAX,
	 .summary = "About so much of the input is one chunk; without it the input decides"},
	{.name = "memory", .kind = PARAM_SIZE, .min = MAPREDUCE_MEMORY_MIN,
	 .max = MAPREDUCE_MEMORY_GIB_MAX * 1073741824.0, .preset = "\"256MB\"",
	 .summary = "What all lanes together may hold before they use the disk"},
	{.name = "workers", .kind = PARAM_INT, .min = 1, .max = MAPREDUCE_LANES_MAX,
	 .summary = "Lanes; one for each CPU without it. The answer is the same"},
	{0},
};
/* clang-format on */

/* ---- the kernel ---- */

static bool kernel_takes(const struct kernel *kernel, const char *member)
{
	if (strcmp(member, "builtin") == 0)
		return true;
	for (size_t i = 0; kernel->members && kernel->members[i]; i++)
		if (strcmp(kernel->members[i], member) == 0)
			return true;
	return false;
}

static void strays_tell(const struct kernel *kernel, const struct json *map,
			struct mistakes *mistakes)
{
	for (const struct json *member = json_first(map); member; member = json_next(member))
		if (!kernel_takes(kernel, json_name(member)))
			mistake_add(mistakes,
				    mistakes_pointer(mistakes, "/spec/map", json_name(member)),
				    "unknown-member", "%s takes no %s", kernel->name,
				    json_name(member));
}

/* By name, or by what only group_by has. */
static const char *kernel_name(const struct json *map)
{
	if (json_get(map, "lua") && !json_get(map, "builtin"))
		return "lua";
	if (json_get(map, "group_by") || json_get(map, "aggregates"))
		return spec_text(map, "builtin", "group_by");
	return spec_text(map, "builtin", NULL);
}

static void sort_check(const struct kernel *kernel, const struct json *spec,
		       struct mistakes *mistakes)
{
	static const char *const members[] = {"sort", "limit"};

	for (size_t i = 0; i < ARRAY_LEN(members) && !kernel->next; i++)
		if (json_get(spec, members[i]))
			mistake_add(mistakes, mistakes_pointer(mistakes, "/spec", members[i]),
				    "conflict", "%s has one value and no items", kernel->name);
}

static void kernel_read(const struct json *spec, struct planner *planner, struct plan *plan)
{
	const struct json *map = json_get(spec, "map");
	const char *name = kernel_name(map);
	struct kernel_planner kernel_planner = {
		.spec = spec,
		.map = map,
		.range = json_get(json_get(spec, "input"), "range"),
		.fields = &plan->fields,
		.planner = planner,
		.memory_bytes = plan->memory_bytes,
	};

	if (!name) {
		mistake_hint(planner->mistakes,
			     mistake_add(planner->mistakes, "/spec/map", "missing-member",
					 "nothing says what is computed"),
			     "builtin, group_by with aggregates, or lua");
		return;
	}
	plan->kernel = kernel_find(name, kernel_planner.range && !json_get(map, "of") &&
							 !json_get(map, "filter")
						 ? KERNEL_RANGE | KERNEL_ROWS
						 : KERNEL_BYTES | KERNEL_ROWS);
	if (!plan->kernel) {
		mistake_hint(planner->mistakes,
			     mistake_add(planner->mistakes, "/spec/map/builtin", "conflict",
					 "%s cannot read this input", name),
			     "docs/MAPREDUCE.md says what each kernel reads");
		return;
	}
	strays_tell(plan->kernel, map, planner->mistakes);
	if (json_get(spec, "reduce") && strcmp(plan->kernel->name, "lua") != 0)
		mistake_add(planner->mistakes, "/spec/reduce", "conflict",
			    "%s reduces by itself; reduce is for map.lua", plan->kernel->name);
	sort_check(plan->kernel, spec, planner->mistakes);
	if (plan->kernel->plan)
		plan->kernel_plan = plan->kernel->plan(&kernel_planner);
}

/* ---- records ---- */

static void filter_read(const struct json *map, struct plan *plan, struct mistakes *mistakes)
{
	const char *source = spec_text(map, "filter", NULL);

	if (source)
		formula_compile(source, "/spec/map/filter", &plan->fields, mistakes, &plan->filter);
}

static void on_error_read(const struct json *spec, struct plan *plan)
{
	const struct json *input = json_get(spec, "input");

	plan->on_error = (enum bad_record)spec_choice(spec, "on_error", on_errors, BAD_FAIL);
	plan->on_type_error = (enum bad_record)spec_choice(input, "on_type_error", on_errors,
							   (int)plan->on_error);
}

/* ---- the whole ---- */

static struct plan *plan_new(const struct json *spec)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	fields_init(&plan->fields);
	plan->chunk_bytes = spec_size(spec, "chunk_size", 0);
	plan->memory_bytes = spec_size(spec, "memory", MAPREDUCE_MEMORY_PRESET);
	plan->workers = (unsigned)spec_int(spec, "workers", 0);
	return plan;
}

static bool work_plan(const struct json *spec, struct planner *planner, struct plan *plan)
{
	kernel_read(spec, planner, plan);
	filter_read(json_get(spec, "map"), plan, planner->mistakes);
	on_error_read(spec, plan);
	return planner->mistakes->count == 0 && (!plan->kernel->plan || plan->kernel_plan);
}

struct plan *mapreduce_plan_work(const struct json *spec, struct planner *planner)
{
	struct plan *plan = plan_new(spec);

	if (plan && work_plan(spec, planner, plan))
		return plan;
	mapreduce_plan_free(plan);
	return NULL;
}

int mapreduce_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = plan_new(spec);

	if (!plan)
		return -1;
	plan->input = input_plan_new(json_get(spec, "input"), "/spec/input", planner);
	if (plan->input && work_plan(spec, planner, plan)) {
		*ret_plan = plan;
		return 0;
	}
	mapreduce_plan_free(plan);
	return -1;
}

void mapreduce_plan_free(struct plan *plan)
{
	if (!plan)
		return;
	if (plan->kernel && plan->kernel->plan_free)
		plan->kernel->plan_free(plan->kernel_plan);
	expr_free(plan->filter);
	input_plan_free(plan->input);
	sample_free(plan->sample);
	fields_done(&plan->fields);
	free(plan);
}

/* ---- dry runs ---- */

void mapreduce_describe(const struct plan *plan, struct json_out *out)
{
	const struct kernel *kernel = plan->kernel;

	json_out_text(out, "kernel", kernel->name);
	json_out_text(out, "reads",
		      kernel->food & KERNEL_RANGE   ? "numbers"
		      : kernel->food & KERNEL_BYTES ? "bytes"
						    : "records");
	json_out_int(out, "fields", plan->fields.count);
	json_out_bool(out, "filter", plan->filter != NULL);
	json_out_bool(out, "emits", kernel->emits);
	json_out_text(out, "on_error", on_errors[plan->on_error]);
	json_out_int(out, "memory_bytes", plan->memory_bytes);
	if (plan->workers > 0)
		json_out_int(out, "workers", plan->workers);
	if (plan->chunk_bytes > 0)
		json_out_int(out, "chunk_bytes", plan->chunk_bytes);
}
