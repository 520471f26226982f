/* SPDX-License-Identifier: MIT */
/* plan.c - the members of a map-reduce spec, and what is made of them. */
#include "handlers/mapreduce/plan.h"

#include "base/limits.h"
#include "handlers/input/input.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static const struct param map_params[] = {
	{.name = "builtin",
	 .kind = PARAM_CHOICE,
	 .required = true,
	 .choices = kernel_names,
	 .summary = "What is computed of the input"},
	{.name = "group_by", .kind = PARAM_LATER},
	{.name = "aggregates", .kind = PARAM_LATER},
	{.name = "filter", .kind = PARAM_LATER},
	{.name = "lua", .kind = PARAM_LATER},
	{0},
};

const struct param mapreduce_params[] = {
	{.name = "input",
	 .kind = PARAM_OBJECT,
	 .required = true,
	 .members = input_params,
	 .summary = "What is read"},
	{.name = "map",
	 .kind = PARAM_OBJECT,
	 .required = true,
	 .members = map_params,
	 .summary = "What is done with each chunk of it"},
	{.name = "reduce", .kind = PARAM_LATER},
	{.name = "sort", .kind = PARAM_LATER},
	{.name = "limit", .kind = PARAM_LATER},
	{.name = "on_error", .kind = PARAM_LATER},
	{.name = "chunk_size",
	 .kind = PARAM_SIZE,
	 .min = MAPREDUCE_CHUNK_MIN,
	 .max = MAPREDUCE_CHUNK_MAX,
	 .summary = "About so much of the input is one chunk; without it the input decides"},
	{.name = "memory",
	 .kind = PARAM_SIZE,
	 .min = MAPREDUCE_MEMORY_MIN,
	 .max = MAPREDUCE_MEMORY_GIB_MAX * 1073741824.0,
	 .preset = "\"256MB\"",
	 .summary = "What all lanes together may hold before they use the disk"},
	{.name = "workers",
	 .kind = PARAM_INT,
	 .min = 1,
	 .max = MAPREDUCE_LANES_MAX,
	 .summary = "Lanes; one for each CPU without it. The answer is the same"},
	{0},
};

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

static void kernel_read(const struct json *spec, struct planner *planner, struct plan *plan)
{
	const struct json *map = json_get(spec, "map");
	const char *name = spec_text(map, "builtin", "");
	struct kernel_planner kernel_planner = {
		.spec = spec,
		.map = map,
		.range = json_get(json_get(spec, "input"), "range"),
		.fields = &plan->fields,
		.planner = planner,
		.memory_bytes = plan->memory_bytes,
	};

	plan->kernel = kernel_find(name, kernel_planner.range ? KERNEL_RANGE | KERNEL_ROWS
							      : KERNEL_BYTES | KERNEL_ROWS);
	if (!plan->kernel) {
		mistake_hint(planner->mistakes,
			     mistake_add(planner->mistakes, "/spec/map/builtin", "conflict",
					 "%s cannot read this input", name),
			     "docs/MAPREDUCE.md says what each kernel reads");
		return;
	}
	strays_tell(plan->kernel, map, planner->mistakes);
	if (plan->kernel->plan)
		plan->kernel_plan = plan->kernel->plan(&kernel_planner);
}

/* ---- the whole ---- */

int mapreduce_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return -1;
	fields_init(&plan->fields);
	plan->chunk_bytes = spec_size(spec, "chunk_size", 0);
	plan->memory_bytes = spec_size(spec, "memory", MAPREDUCE_MEMORY_PRESET);
	plan->workers = (unsigned)spec_int(spec, "workers", 0);
	plan->input = input_plan_new(json_get(spec, "input"), "/spec/input", planner);
	if (plan->input)
		kernel_read(spec, planner, plan);
	if (planner->mistakes->count > 0 || !plan->input ||
	    (plan->kernel->plan && !plan->kernel_plan)) {
		mapreduce_plan_free(plan);
		return -1;
	}
	*ret_plan = plan;
	return 0;
}

void mapreduce_plan_free(struct plan *plan)
{
	if (!plan)
		return;
	if (plan->kernel && plan->kernel->plan_free)
		plan->kernel->plan_free(plan->kernel_plan);
	input_plan_free(plan->input);
	fields_done(&plan->fields);
	free(plan);
}
