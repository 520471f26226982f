/* SPDX-License-Identifier: MIT */
/* plan.c - the members of a map-reduce spec, and what is made of them. */
#include "handlers/mapreduce/plan.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static const struct param range_params[] = {
	{.name = "from", .kind = PARAM_INT, .required = true, .summary = "The first number"},
	{.name = "to", .kind = PARAM_INT, .required = true, .summary = "The last one, included"},
	{.name = "step",
	 .kind = PARAM_INT,
	 .min = 1,
	 .max = 9007199254740992.0,
	 .preset = "1",
	 .summary = "From one number to the next"},
	{0},
};

static const struct param input_params_now[] = {
	{.name = "range",
	 .kind = PARAM_OBJECT,
	 .required = true,
	 .members = range_params,
	 .summary = "Integers that need no file"},
	{.name = "items", .kind = PARAM_LATER},
	{.name = "file", .kind = PARAM_LATER},
	{.name = "files", .kind = PARAM_LATER},
	{.name = "url", .kind = PARAM_LATER},
	{.name = "urls", .kind = PARAM_LATER},
	{.name = "job", .kind = PARAM_LATER},
	{.name = "generate", .kind = PARAM_LATER},
	{0},
};

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
	 .members = input_params_now,
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
	{.name = "chunk_size", .kind = PARAM_LATER},
	{.name = "memory",
	 .kind = PARAM_SIZE,
	 .min = MAPREDUCE_MEMORY_MIN,
	 .max = MAPREDUCE_MEMORY_GIB_MAX * 1073741824.0,
	 .preset = "\"256MB\"",
	 .summary = "What all lanes together may hold before they use the disk"},
	{.name = "workers",
	 .kind = PARAM_INT,
	 .min = 1,
	 .max = LANES_MAX,
	 .summary = "Lanes; one for each CPU without it. The answer is the same"},
	{0},
};

/* ---- the input ---- */

static void range_read(const struct json *range, struct plan *plan, struct mistakes *mistakes)
{
	int64_t from = spec_int(range, "from", 0), to = spec_int(range, "to", 0);
	int64_t step = spec_int(range, "step", 1);

	if (to < from) {
		mistake_hint(mistakes,
			     mistake_add(mistakes, "/spec/input/range/to", "out-of-range",
					 "the range ends before it begins"),
			     "from is the smaller one");
		return;
	}
	plan->range = (struct number_run){
		.from = from, .step = step, .count = (uint64_t)((to - from) / step) + 1};
	/* Few enough parts, and none so small that it costs more than its numbers. */
	plan->chunk_numbers = MAX((uint64_t)RANGE_CHUNK_NUMBERS,
				  (plan->range.count + RANGE_CHUNKS_MAX - 1) / RANGE_CHUNKS_MAX);
	plan->food = KERNEL_RANGE;
}

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
		.fields = &plan->fields,
		.planner = planner,
		.range = plan->range,
		.food = plan->food,
		.memory_bytes = plan->memory_bytes,
	};

	plan->kernel = kernel_find(name, plan->food);
	if (!plan->kernel) {
		mistake_add(planner->mistakes, "/spec/map/builtin", "conflict",
			    "%s cannot read this input", name);
		return;
	}
	strays_tell(plan->kernel, map, planner->mistakes);
	if (plan->kernel->plan)
		plan->kernel_plan = plan->kernel->plan(&kernel_planner);
}

/* ---- the whole ---- */

int mapreduce_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct mistakes *mistakes = planner->mistakes;
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return -1;
	fields_init(&plan->fields);
	plan->memory_bytes = spec_size(spec, "memory", MAPREDUCE_MEMORY_PRESET);
	plan->workers = (unsigned)spec_int(spec, "workers", 0);
	range_read(json_get(json_get(spec, "input"), "range"), plan, mistakes);
	if (mistakes->count == 0)
		kernel_read(spec, planner, plan);
	if (mistakes->count > 0 || (plan->kernel->plan && !plan->kernel_plan)) {
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
	fields_done(&plan->fields);
	free(plan);
}
